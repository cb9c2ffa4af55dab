//! Which library, which ABI, which memory layout.

use std::ffi::{c_char, CStr};

/// ABI number these declarations belong to (the number in the SONAME).
pub const MPROC_ABI_VERSION: u32 = 0;
/// Version of the layout in shared memory that these declarations belong to.
pub const MPROC_LAYOUT_VERSION: u32 = 1;

const _: () = assert!(MPROC_LAYOUT_VERSION == crate::LAYOUT_VERSION);
const _: () = assert!(MPROC_ABI_VERSION == crate::ABI_VERSION);

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("the version has a NUL byte"),
};

/// The library's version, for example "0.1.0". A static string; never NULL.
#[no_mangle]
pub extern "C" fn mproc_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The ABI number of the library that is loaded; compare with MPROC_ABI_VERSION.
#[no_mangle]
pub extern "C" fn mproc_abi_version() -> u32 {
    crate::ABI_VERSION
}

/// The memory layout the loaded library reads and writes. Processes share an object exactly when this
/// number is the same; another one is MPROC_EVERSION at open.
#[no_mangle]
pub extern "C" fn mproc_layout_version() -> u32 {
    crate::LAYOUT_VERSION
}
