//! Mappings. memmap2 is not used: the ring needs a mirrored mapping at a chosen address, and liveness a
//! PROT_NONE mapping with MADV_DONTFORK; both are a few lines over mmap.

use super::{crash, errno, last};
use crate::{Error, Result};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

/// A shared, writable mapping of a file from its start; unmapped on drop.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

/// A stretch of a file as it appears in a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Where it begins in the file; a multiple of the page size.
    pub offset: usize,
    /// Its bytes; likewise.
    pub len: usize,
}

impl Mapping {
    /// Maps windows of the file one behind the other. A ring that is mapped twice in a row is contiguous
    /// across its end.
    pub(crate) fn new(fd: BorrowedFd, windows: &[Window]) -> Result<Mapping> {
        if windows.iter().any(|w| w.offset % page_size() != 0) {
            return Err(Error::NotSupported("queues and pipes need a kernel with pages of 4 KiB"));
        }
        let total = windows.iter().try_fold(0usize, |sum, w| sum.checked_add(w.len));
        let total = total.ok_or(Error::invalid("absurd size"))?;
        // One reservation, then the file over it: the address range is ours in any case.
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                total,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        let base = match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => base,
            _ if errno() == libc::ENOMEM => return Err(Error::NoMemory(total as u64)),
            _ => return Err(last("mmap")),
        };
        let mapping = Mapping { base, len: total };
        let mut at = 0;
        for w in windows {
            mapping.cover(fd, at, w.len, w.offset)?;
            at += w.len;
        }
        Ok(mapping)
    }

    fn cover(&self, fd: BorrowedFd, at: usize, len: usize, offset: usize) -> Result<()> {
        debug_assert!(at + len <= self.len);
        // SAFETY: [at, at + len) lies inside the reservation this Mapping owns, and nobody uses it yet.
        let got = unsafe {
            libc::mmap(
                self.base.as_ptr().add(at).cast(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_FIXED,
                fd.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if got == libc::MAP_FAILED {
            return Err(last("mmap"));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by new(); users of its addresses keep the Mapping alive.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

// SAFETY: a Mapping only owns an address range; access goes through shm's checked atomics and copies.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// Set when the kernel has no MADV_POPULATE_WRITE (before 5.14), or by a test.
static NO_POPULATE: AtomicBool = AtomicBool::new(false);

/// Makes taking and giving back memory use the calls for kernels without MADV_POPULATE_WRITE, and for locked memory. For
/// tests.
#[doc(hidden)]
pub fn force_fallback(on: bool) {
    NO_POPULATE.store(on, Ordering::SeqCst);
}

/// Takes memory for a part of a shared mapping of a file on tmpfs; `false` if the kernel (before 5.14) cannot.
///
/// # Safety
/// `[at, at + len)` is mapped.
pub(crate) unsafe fn populate(at: NonNull<u8>, len: usize) -> Result<bool> {
    crash::point("populate");
    if NO_POPULATE.load(Ordering::Relaxed) {
        return Ok(false);
    }
    loop {
        // SAFETY: mapped (this function's contract); no content changes.
        if unsafe { libc::madvise(at.as_ptr().cast(), len, libc::MADV_POPULATE_WRITE) } == 0 {
            return Ok(true);
        }
        match errno() {
            libc::EINTR | libc::EAGAIN => {}
            libc::EINVAL => {
                NO_POPULATE.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            // Where touching it would be SIGBUS: no room (madvise(2)).
            libc::EFAULT => return Err(Error::NoSpace(len as u64)),
            libc::ENOMEM => return Err(Error::NoMemory(len as u64)),
            _ => return Err(last("madvise(MADV_POPULATE_WRITE)")),
        }
    }
}

/// Gives the memory of a part of a shared mapping of a file on tmpfs back, for every process; `false` if it cannot be
/// done this way, because the memory is locked (mlockall).
///
/// # Safety
/// `[at, at + len)` is mapped, and nobody needs what is there.
pub(crate) unsafe fn punch(at: NonNull<u8>, len: usize) -> Result<bool> {
    crash::point("punch");
    if NO_POPULATE.load(Ordering::Relaxed) {
        return Ok(false);
    }
    // SAFETY: mapped (this function's contract).
    if unsafe { libc::madvise(at.as_ptr().cast(), len, libc::MADV_REMOVE) } == 0 {
        return Ok(true);
    }
    match errno() {
        libc::EINVAL => Ok(false),
        _ => Err(last("madvise(MADV_REMOVE)")),
    }
}

fn page_size() -> usize {
    // SAFETY: no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Maps one inaccessible page of `fd`, and returns its address. The mapping keeps the open file description,
/// and with it the locks taken on it, until this process image ends: it outlives close(), dies with exec and
/// with the process. A forked child has it, too, if it is `inherited`.
pub(crate) fn carrier(fd: BorrowedFd, inherited: bool) -> Result<usize> {
    // SAFETY: a fresh mapping at an address of the kernel's choice; never accessed.
    let page =
        unsafe { libc::mmap(std::ptr::null_mut(), CARRIER_LEN, libc::PROT_NONE, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
    if page == libc::MAP_FAILED {
        return Err(last("mmap"));
    }
    // SAFETY: the page was mapped just above.
    if !inherited && unsafe { libc::madvise(page, CARRIER_LEN, libc::MADV_DONTFORK) } != 0 {
        let error = last("madvise(MADV_DONTFORK)");
        drop_carrier(page as usize);
        return Err(error);
    }
    Ok(page as usize)
}

/// Unmaps a carrier, which releases its locks.
pub(crate) fn drop_carrier(address: usize) {
    if address != 0 {
        // SAFETY: from carrier() of this process; or of its parent, if inherited (an address that a child does
        // not inherit is kept in memory wiped on fork).
        unsafe { libc::munmap(address as *mut libc::c_void, CARRIER_LEN) };
    }
}

const CARRIER_LEN: usize = 4096;
