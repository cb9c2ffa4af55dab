//! Keys.

use super::boundary::{borrow, c_str, out, run};
use crate::manager::Key;
use std::ffi::{c_char, c_int};

/// A secret that a manager and its clients share: whoever has it may do everything. Random bytes, never a password.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_key_t {
    /// The secret.
    pub bytes: [u8; 32],
}

/// A new key, from the system's random numbers.
///
/// @param[out] key_out  the key
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ESYS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_key_generate(key_out: *mut mproc_key_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let key_out = unsafe { out(key_out) }?;
        key_out.write(mproc_key_t { bytes: Key::generate()?.0 });
        Ok(0)
    })
}

/// Reads a key from a file: 64 hexadecimal digits. The file is a regular one of this user's or root's that nobody else
/// can read (mode 0600 or 0400).
///
/// @param path          of the file    @param[out] key_out  the key
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a key   @retval MPROC_ENOENT  no such file
/// @retval MPROC_EACCES  it cannot be read, or others could, or it is not a regular file    @retval MPROC_ESYS
/// Blocks: for the file system.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_key_load(path: *const c_char, key_out: *mut mproc_key_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (path, key_out) = unsafe { (c_str(path)?, out(key_out)?) };
        key_out.write(mproc_key_t { bytes: Key::load(path.as_ref())?.0 });
        Ok(0)
    })
}

/// Writes a key into a new file that only this user can read (0600).
///
/// @param key  stays the caller's    @param path  of the file
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EEXIST  there is a file
/// @retval MPROC_ENOENT  no such directory   @retval MPROC_EACCES   @retval MPROC_ESYS
/// Blocks: for the file system.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_key_save(key: *const mproc_key_t, path: *const c_char) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (key, path) = unsafe { (key_in(key)?, c_str(path)?) };
        key.ok_or(crate::Error::invalid("the key is NULL"))?.save(path.as_ref()).map(|()| 0)
    })
}

/// A key of the caller's; NULL is none.
///
/// # Safety
/// NULL or valid.
pub(super) unsafe fn key_in(key: *const mproc_key_t) -> crate::Result<Option<Key>> {
    if key.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so valid (this function's contract).
    unsafe { borrow(key) }.map(|key| Some(Key(key.bytes)))
}
