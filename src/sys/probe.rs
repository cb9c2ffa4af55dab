//! What this machine offers, for `mproc doctor`. Nothing here leaves anything behind.

use super::{errno, file, last};
use crate::Result;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A file system, as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Its magic number (`statfs(2)`).
    pub kind: u64,
    pub read_only: bool,
    /// Bytes in all and free for this user; `None`: without a limit.
    pub space: Option<(u64, u64)>,
    /// Files in all and free; `None`: without a limit.
    pub files: Option<(u64, u64)>,
}

/// The file system of a descriptor.
pub(crate) fn file_system(fd: BorrowedFd) -> Result<FileSystem> {
    let mut s = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a live descriptor and a valid output.
    if unsafe { libc::fstatfs(fd.as_raw_fd(), s.as_mut_ptr()) } != 0 {
        return Err(last("fstatfs"));
    }
    // Magic numbers have 32 bits; where the field is signed and longer, some have their sign extended.
    // SAFETY: filled by the successful call.
    let kind = u64::from(unsafe { s.assume_init_ref() }.f_type as u32);
    let mut s = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a live descriptor and a valid output.
    if unsafe { libc::fstatvfs(fd.as_raw_fd(), s.as_mut_ptr()) } != 0 {
        return Err(last("fstatvfs"));
    }
    // SAFETY: filled by the successful call.
    let s = unsafe { s.assume_init_ref() };
    let bytes = |blocks: u64| blocks.saturating_mul(s.f_frsize);
    Ok(FileSystem {
        kind,
        read_only: s.f_flag & libc::ST_RDONLY != 0,
        // A tmpfs without a limit says 0, as pseudo file systems do.
        space: (s.f_blocks != 0).then(|| (bytes(s.f_blocks), bytes(s.f_bavail))),
        files: (s.f_files != 0).then_some((s.f_files, s.f_ffree)),
    })
}

/// What a process may not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The length of a file.
    FileSize,
    /// The number of open descriptors.
    Descriptors,
    /// The address space.
    AddressSpace,
}

/// The limit in force (the soft one); `None`: unlimited.
pub(crate) fn limit(of: Limit) -> Result<Option<u64>> {
    let resource = match of {
        Limit::FileSize => libc::RLIMIT_FSIZE,
        Limit::Descriptors => libc::RLIMIT_NOFILE,
        Limit::AddressSpace => libc::RLIMIT_AS,
    };
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid output.
    if unsafe { libc::getrlimit(resource, &mut limit) } != 0 {
        return Err(last("getrlimit"));
    }
    Ok((limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur))
}

/// Bytes of a page of memory.
pub(crate) fn page_size() -> u64 {
    // SAFETY: no preconditions.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(0)
}

/// Whether the kernel has futex_waitv and no sandbox filters it.
pub(crate) fn has_futex_waitv() -> bool {
    // With no words to wait for it says EINVAL, where it is there.
    // SAFETY: a null array of no elements; nothing is read.
    let result =
        unsafe { libc::syscall(libc::SYS_futex_waitv, std::ptr::null::<u8>(), 0usize, 0usize, 0usize, 0usize) };
    result >= 0 || errno() == libc::EINVAL
}

/// Whether an OFD lock excludes another description of the same file, and can be asked for: both are done with `fd`,
/// an unnamed file.
pub(crate) fn has_file_locks(fd: BorrowedFd) -> Result<bool> {
    const FAR: i64 = 1 << 60; // where the library's are
    let other = file::reopen(fd.as_raw_fd())?;
    let taken = file::try_lock(fd, file::FileLock::Exclusive, FAR, 1)?;
    let refused = !file::try_lock(other.as_fd(), file::FileLock::Shared, FAR, 1)?;
    Ok(taken && refused && file::is_locked(other.as_raw_fd(), FAR) == Some(true))
}

/// Whether a timer inside an epoll inside an epoll is seen: what pollable descriptors are made of.
pub(crate) fn has_nested_epoll() -> Result<bool> {
    // SAFETY: integers only.
    let timer = owned(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) }, "timerfd_create")?;
    let soon = libc::timespec { tv_sec: 0, tv_nsec: 1 };
    let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: soon };
    // SAFETY: a live descriptor, a valid input and no output.
    if unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &once, std::ptr::null_mut()) } != 0 {
        return Err(last("timerfd_settime"));
    }
    let inner = epoll_of(timer.as_fd())?;
    let outer = epoll_of(inner.as_fd())?;
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    loop {
        // SAFETY: a live descriptor and room for one event.
        let n = unsafe { libc::epoll_wait(outer.as_raw_fd(), &mut event, 1, 1000) };
        match n {
            0.. => return Ok(n == 1),
            _ if errno() == libc::EINTR => {}
            _ => return Err(last("epoll_wait")),
        }
    }
}

/// An epoll that watches one descriptor for input.
fn epoll_of(fd: BorrowedFd) -> Result<OwnedFd> {
    // SAFETY: integers only.
    let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }, "epoll_create1")?;
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    // SAFETY: live descriptors and a valid event.
    if unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &mut event) } != 0 {
        return Err(last("epoll_ctl"));
    }
    Ok(epoll)
}

fn owned(fd: i32, call: &'static str) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(last(call));
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
