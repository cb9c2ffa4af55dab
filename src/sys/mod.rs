//! The only place that makes system calls: futex, files and mappings, file locks, fork detection, sockets,
//! children, clock.
//! Nothing here knows what a domain or an object is.
#![allow(unsafe_code)]

pub(crate) mod bell;
#[cfg(feature = "tool")]
pub(crate) mod bound;
pub(crate) mod child;
pub(crate) mod clock;
pub mod crash;
pub(crate) mod epoll;
pub(crate) mod fence;
pub(crate) mod file;
pub(crate) mod fork;
pub mod futex;
pub mod mapping;
pub(crate) mod memory;
pub(crate) mod net;
#[cfg(feature = "tool")]
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod socket;
#[cfg(feature = "tool")]
pub(crate) mod terminal;
pub(crate) mod thread;

use crate::Error;

/// The error of the system call that just failed.
pub(crate) fn last(call: &'static str) -> Error {
    Error::Sys { call, errno: errno() }
}

pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
