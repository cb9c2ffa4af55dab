//! Gives the shared library its SONAME (the ABI number, not the crate version) and forbids unloading.

/// The ABI number. Raised when a program linked against the old library would break.
const ABI: &str = "0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmproc.so.{ABI}");
    // The library registers fork handlers and keeps mappings that carry locks: dlclose must not unmap it.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-env=MPROC_ABI={ABI}");
}
