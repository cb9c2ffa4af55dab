//! Files: opening, reserving, publishing, and open-file-description (OFD) locks.
//!
//! OFD locks belong to an open file description: taken on a description this process opened itself they
//! exclude every other description, in this process too; the kernel drops them when the last descriptor
//! and mapping of the description is gone. (Linux 3.15; `fcntl(2)`, "Open file description locks".)

use super::{crash, errno, last};
use crate::{Error, Result};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What fstat says, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub mode: u32,
    pub uid: u32,
    pub links: u64,
    pub size: u64,
    /// Bytes that really have memory behind them.
    pub allocated: u64,
}

impl Stat {
    pub(crate) fn is_regular(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    pub(crate) fn is_socket(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFSOCK
    }

    pub(crate) fn same_file(&self, other: &Stat) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::invalid("a path has a NUL byte"))
}

/// A failed call as an error: missing things, permissions and full file systems have their own.
fn classify(call: &'static str) -> Error {
    match errno() {
        libc::ENOENT => Error::NotFound("the file"),
        libc::EACCES | libc::EPERM | libc::EROFS => Error::Access("permission denied by the file system"),
        libc::EISDIR | libc::ENXIO => Error::Access("not a regular file"),
        libc::ELOOP => Error::Access("a symbolic link where none is allowed"),
        libc::EEXIST => Error::Exists,
        libc::ENOSPC | libc::EDQUOT => Error::NoSpace(0),
        libc::ENOMEM => Error::NoMemory(0),
        errno => Error::Sys { call, errno },
    }
}

fn owned(fd: i32, call: &'static str) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(classify(call));
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens an existing directory, not through a symbolic link.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd> {
    let path = c_path(path)?;
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: a NUL-terminated path.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 && errno() == libc::ENOTDIR {
        return Err(Error::Access("the domain's path is not a directory"));
    }
    owned(fd, "open")
}

/// Makes a directory; `Ok(false)` if it is there already.
pub(crate) fn make_dir(path: &Path, mode: u32) -> Result<bool> {
    crash::point("mkdir");
    let path = c_path(path)?;
    // SAFETY: a NUL-terminated path.
    if unsafe { libc::mkdir(path.as_ptr(), mode as libc::mode_t) } == 0 {
        return Ok(true);
    }
    match classify("mkdir") {
        Error::Exists => Ok(false),
        other => Err(other),
    }
}

/// Sets a directory's mode whatever the umask.
pub(crate) fn set_mode(fd: BorrowedFd, mode: u32) -> Result<()> {
    crash::point("fchmod");
    // SAFETY: a live descriptor.
    if unsafe { libc::fchmod(fd.as_raw_fd(), mode as libc::mode_t) } != 0 {
        return Err(classify("fchmod"));
    }
    Ok(())
}

pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    let path = c_path(path)?;
    // SAFETY: a NUL-terminated path.
    if unsafe { libc::rmdir(path.as_ptr()) } != 0 {
        return Err(classify("rmdir"));
    }
    Ok(())
}

/// Opens an existing file in a directory, not through a symbolic link.
pub(crate) fn open_at(dir: BorrowedFd, name: &str) -> Result<OwnedFd> {
    let name = c_path(Path::new(name))?;
    let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: a live descriptor and a NUL-terminated name.
    owned(unsafe { libc::openat(dir.as_raw_fd(), name.as_ptr(), flags) }, "openat")
}

/// A file without a name in `dir`, to be given one by [`publish`]; gone with us if we die before.
pub(crate) fn unnamed(dir: BorrowedFd, mode: u32) -> Result<OwnedFd> {
    crash::point("O_TMPFILE");
    let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;
    // SAFETY: a live descriptor and a NUL-terminated name.
    let fd = unsafe { libc::openat(dir.as_raw_fd(), c".".as_ptr(), flags, mode as libc::c_uint) };
    if fd < 0 && matches!(errno(), libc::EOPNOTSUPP | libc::EISDIR) {
        return Err(Error::NotSupported("the domain's file system has no O_TMPFILE: use tmpfs"));
    }
    let fd = owned(fd, "open(O_TMPFILE)")?;
    set_mode(fd.as_fd(), mode)?; // the umask must not narrow a group's domain
    Ok(fd)
}

/// Memory without a file system, sealed against shrinking by [`seal`].
pub(crate) fn memory(name: &std::ffi::CStr) -> Result<OwnedFd> {
    // SAFETY: a NUL-terminated name.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    owned(fd, "memfd_create")
}

/// No later truncation can take memory away under a mapping.
pub(crate) fn seal(fd: BorrowedFd) -> Result<()> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: a live descriptor.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(last("fcntl(F_ADD_SEALS)"));
    }
    Ok(())
}

/// Whether nobody can ever make the file shorter. (Files of a tmpfs cannot be sealed: no.)
pub(crate) fn is_sealed(fd: BorrowedFd) -> bool {
    // SAFETY: a live descriptor.
    let seals = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) };
    seals >= 0 && seals & libc::F_SEAL_SHRINK != 0
}

/// Where a descriptor's file is in the file system, as far as the kernel knows: to be verified.
pub(crate) fn path_of(fd: i32) -> Option<std::path::PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()
}

/// Sees to it that another program run by this process does not get the descriptor.
pub(crate) fn close_on_exec(fd: i32) -> Result<()> {
    // SAFETY: fcntl with integers only.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(last("fcntl(F_SETFD)"));
    }
    Ok(())
}

/// The same descriptor under a number that standard input, output or error of a child will not have: they may
/// be closed in this process.
pub(crate) fn beyond_standard(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    // SAFETY: a live descriptor and integers.
    owned(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) }, "fcntl(F_DUPFD_CLOEXEC)")
}

/// A description of our own of a file we only have a descriptor of (inherited or passed).
pub(crate) fn reopen(fd: i32) -> Result<OwnedFd> {
    let path = c_path(Path::new(&format!("/proc/self/fd/{fd}")))?;
    // O_NONBLOCK: whatever it turns out to be, opening it does not wait.
    let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: a NUL-terminated path.
    owned(unsafe { libc::open(path.as_ptr(), flags) }, "open(/proc/self/fd)")
}

/// Gives an unnamed file its name, atomically; [`Error::Exists`] if the name is taken.
pub(crate) fn publish(fd: BorrowedFd, dir: BorrowedFd, name: &str) -> Result<()> {
    crash::point("linkat");
    let from = c_path(Path::new(&format!("/proc/self/fd/{}", fd.as_raw_fd())))?;
    let name = c_path(Path::new(name))?;
    // SAFETY: live descriptors and NUL-terminated names.
    let mut result =
        unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), dir.as_raw_fd(), name.as_ptr(), libc::AT_SYMLINK_FOLLOW) };
    if result != 0 && errno() == libc::ENOENT {
        // No /proc. This form needs CAP_DAC_READ_SEARCH (before Linux 6.10).
        // SAFETY: as above.
        result =
            unsafe { libc::linkat(fd.as_raw_fd(), c"".as_ptr(), dir.as_raw_fd(), name.as_ptr(), libc::AT_EMPTY_PATH) };
    }
    if result != 0 {
        return Err(classify("linkat"));
    }
    crash::point("linked");
    Ok(())
}

/// Removes a name.
pub(crate) fn unlink_at(dir: BorrowedFd, name: &str) -> Result<()> {
    crash::point("unlinkat");
    let name = c_path(Path::new(name))?;
    // SAFETY: a live descriptor and a NUL-terminated name.
    if unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), 0) } != 0 {
        return Err(classify("unlinkat"));
    }
    crash::point("unlinked");
    Ok(())
}

fn stat_of(s: &libc::stat) -> Stat {
    Stat {
        dev: s.st_dev,
        ino: s.st_ino,
        mode: s.st_mode,
        uid: s.st_uid,
        #[allow(clippy::useless_conversion)] // narrower on some targets
        links: s.st_nlink.into(),
        size: s.st_size as u64,
        allocated: s.st_blocks as u64 * 512,
    }
}

pub(crate) fn stat(fd: BorrowedFd) -> Result<Stat> {
    let mut s = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a live descriptor and a valid output.
    if unsafe { libc::fstat(fd.as_raw_fd(), s.as_mut_ptr()) } != 0 {
        return Err(last("fstat"));
    }
    // SAFETY: filled by the successful call.
    Ok(stat_of(unsafe { s.assume_init_ref() }))
}

/// Stat of whatever has descriptor number `fd` now, if anything has: the program may have closed ours.
pub(crate) fn stat_number(fd: i32) -> Option<Stat> {
    if fd < 0 {
        return None;
    }
    // SAFETY: borrowed for this call only; fstat on a closed or foreign descriptor is harmless.
    stat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()
}

/// Whether descriptor number `fd` is open now, on the regular file `inode`.
pub(crate) fn is_inode(fd: i32, inode: u64) -> bool {
    stat_number(fd).is_some_and(|s| s.is_regular() && s.ino == inode)
}

pub(crate) fn stat_at(dir: BorrowedFd, name: &str) -> Result<Stat> {
    let name = c_path(Path::new(name))?;
    let mut s = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a live descriptor, a NUL-terminated name and a valid output.
    if unsafe { libc::fstatat(dir.as_raw_fd(), name.as_ptr(), s.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW) } != 0 {
        return Err(classify("fstatat"));
    }
    // SAFETY: filled by the successful call.
    Ok(stat_of(unsafe { s.assume_init_ref() }))
}

/// Bytes free in the file system of `fd`; `u64::MAX` if it does not say (an unlimited tmpfs).
pub(crate) fn free_space(fd: BorrowedFd) -> u64 {
    let mut s = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a live descriptor and a valid output.
    if unsafe { libc::fstatvfs(fd.as_raw_fd(), s.as_mut_ptr()) } != 0 {
        return u64::MAX;
    }
    // SAFETY: filled by the successful call.
    let s = unsafe { s.assume_init_ref() };
    if s.f_blocks == 0 {
        return u64::MAX;
    }
    s.f_bavail.saturating_mul(s.f_frsize)
}

/// Gives the file `len` bytes of memory now, zeroed, so that touching it can never fail later.
pub(crate) fn reserve(fd: BorrowedFd, len: u64) -> Result<()> {
    reserve_part(fd, 0, len)
}

/// As [`reserve`], for a part of the file; makes it longer if it must be.
pub(crate) fn reserve_part(fd: BorrowedFd, mut at: u64, len: u64) -> Result<()> {
    // In steps: a signal makes fallocate on tmpfs give up and undo, and one large call might never get through.
    let mut most: u64 = 32 << 20;
    let end = at + len;
    while at < end {
        crash::point("fallocate");
        let step = most.min(end - at);
        // SAFETY: a live descriptor.
        if unsafe { libc::fallocate(fd.as_raw_fd(), 0, at as libc::off_t, step as libc::off_t) } == 0 {
            at += step;
            continue;
        }
        match errno() {
            libc::EINTR => most = (most / 2).max(64 << 10),
            libc::ENOSPC | libc::EDQUOT | libc::EFBIG => return Err(Error::NoSpace(len)),
            libc::ENOMEM => return Err(Error::NoMemory(len)),
            _ => return Err(last("fallocate")),
        }
    }
    Ok(())
}

/// Gives the memory of a part of a file on tmpfs back: a hole.
pub(crate) fn punch(fd: BorrowedFd, at: u64, len: u64) -> Result<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: a live descriptor.
    if unsafe { libc::fallocate(fd.as_raw_fd(), mode, at as libc::off_t, len as libc::off_t) } != 0 {
        return Err(last("fallocate(PUNCH_HOLE)"));
    }
    Ok(())
}

/// Makes the file as long as that, without memory for what is new.
pub(crate) fn set_len(fd: BorrowedFd, len: u64) -> Result<()> {
    let len = libc::off_t::try_from(len).map_err(|_| Error::invalid("absurd size"))?;
    // SAFETY: a live descriptor.
    if unsafe { libc::ftruncate(fd.as_raw_fd(), len) } != 0 {
        return Err(match errno() {
            libc::EFBIG => Error::NoSpace(len as u64),
            _ => last("ftruncate"),
        });
    }
    Ok(())
}

/// Reads from the start of the file into a private buffer; short if the file is.
pub(crate) fn read_start(fd: BorrowedFd, buf: &mut [u8]) -> Result<usize> {
    // SAFETY: a live descriptor and a buffer of that length.
    let n = unsafe { libc::pread(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), 0) };
    usize::try_from(n).map_err(|_| last("pread"))
}

/// The names in a directory.
pub(crate) fn list(path: &Path) -> Result<Vec<String>> {
    let entries =
        std::fs::read_dir(path).map_err(|e| Error::Sys { call: "readdir", errno: e.raw_os_error().unwrap_or(0) })?;
    Ok(entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect())
}

/// Kinds of file lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileLock {
    Shared,
    Exclusive,
}

fn flock(lock: FileLock, start: i64, len: i64) -> libc::flock {
    // SAFETY: flock is plain old data; zero is valid (l_pid must be zero for OFD locks).
    let mut f: libc::flock = unsafe { std::mem::zeroed() };
    f.l_type = match lock {
        FileLock::Shared => libc::F_RDLCK,
        FileLock::Exclusive => libc::F_WRLCK,
    } as libc::c_short;
    f.l_whence = libc::SEEK_SET as libc::c_short;
    f.l_start = start;
    f.l_len = len;
    f
}

/// Tries to lock bytes for this description; `Ok(false)` if another description holds a conflicting lock.
pub(crate) fn try_lock(fd: BorrowedFd, lock: FileLock, start: i64, len: i64) -> Result<bool> {
    crash::point("F_OFD_SETLK");
    let f = flock(lock, start, len);
    // SAFETY: a live descriptor and a valid flock.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &f) } == 0 {
        return Ok(true);
    }
    match errno() {
        libc::EAGAIN | libc::EACCES => Ok(false),
        _ => Err(last("fcntl(F_OFD_SETLK)")),
    }
}

/// Gives up this description's locks on some bytes, whoever else has the description.
#[cfg(feature = "tool")]
pub(crate) fn unlock(fd: BorrowedFd, start: i64, len: i64) -> Result<()> {
    let mut f = flock(FileLock::Shared, start, len);
    f.l_type = libc::F_UNLCK as libc::c_short;
    // SAFETY: a live descriptor and a valid flock.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &f) } != 0 {
        return Err(last("fcntl(F_OFD_SETLK)"));
    }
    Ok(())
}

/// Whether a description other than that of descriptor number `fd` holds a lock on the byte; `None` if
/// the question could not be asked.
pub(crate) fn is_locked(fd: i32, byte: i64) -> Option<bool> {
    let mut f = flock(FileLock::Exclusive, byte, 1);
    // SAFETY: F_OFD_GETLK only asks, also when the number belongs to a foreign file by now.
    if unsafe { libc::fcntl(fd, libc::F_OFD_GETLK, &mut f) } != 0 {
        return None;
    }
    Some(i32::from(f.l_type) != libc::F_UNLCK)
}

/// Closes a descriptor that is kept as a number because the program may have closed it already.
pub(crate) fn close_number(fd: i32) {
    // SAFETY: the caller has just made sure that the number is its own.
    unsafe { libc::close(fd) };
}

/// Opens an existing file in a directory only to look at it: for reading, not through a symbolic link.
#[cfg(feature = "tool")]
pub(crate) fn look_at(dir: BorrowedFd, name: &str) -> Result<OwnedFd> {
    let name = c_path(Path::new(name))?;
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: a live descriptor and a NUL-terminated name.
    owned(unsafe { libc::openat(dir.as_raw_fd(), name.as_ptr(), flags) }, "openat")
}

/// Reads from a place in the file into a private buffer; short if the file ends before.
#[cfg(feature = "tool")]
pub(crate) fn read_at(fd: BorrowedFd, buf: &mut [u8], at: u64) -> Result<usize> {
    let Ok(at) = libc::off_t::try_from(at) else { return Ok(0) };
    loop {
        // SAFETY: a live descriptor and a buffer of that length.
        let n = unsafe { libc::pread(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), at) };
        match usize::try_from(n) {
            Ok(n) => return Ok(n),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(last("pread")),
        }
    }
}

/// A device number as /proc shows it: major and minor.
#[cfg(feature = "tool")]
pub(crate) fn device(dev: u64) -> (u32, u32) {
    (libc::major(dev as libc::dev_t) as u32, libc::minor(dev as libc::dev_t) as u32)
}
