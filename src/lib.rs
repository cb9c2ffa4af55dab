//! x
pub mod ffi;
