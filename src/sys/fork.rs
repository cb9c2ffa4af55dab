//! Fork: an exclusion that keeps forks out of the join, and memory that a forked child finds empty.

use super::last;
use crate::Result;
use std::cell::UnsafeCell;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// A POSIX mutex, because only its behaviour across fork() in an atfork handler is specified.
struct Mutex(UnsafeCell<libc::pthread_mutex_t>);
// SAFETY: a pthread mutex is made for use from several threads.
unsafe impl Sync for Mutex {}

static EXCLUSION: Mutex = Mutex(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));
static REGISTERED: AtomicU32 = AtomicU32::new(0);

extern "C" fn lock() {
    // SAFETY: a statically initialised mutex that is never destroyed.
    unsafe { libc::pthread_mutex_lock(EXCLUSION.0.get()) };
}

extern "C" fn unlock() {
    // SAFETY: as above; the caller holds it (after fork: its copy in the child, by the same thread).
    unsafe { libc::pthread_mutex_unlock(EXCLUSION.0.get()) };
}

extern "C" fn in_child() {
    super::thread::forked();
    FORKS.fetch_add(1, Ordering::Relaxed);
    // Nobody else is in here: whoever uses the list is inside the exclusion, which this fork waited for.
    if let Ok(mut own) = OWN.try_lock() {
        for fd in own.drain(..) {
            super::file::close_number(fd);
        }
    }
    unlock();
}

/// How often this process is a forked child of the one that loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Changes with every fork, in the child.
pub(crate) fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Descriptors that forked children do not keep. Only used inside [`exclusive`].
static OWN: std::sync::Mutex<Vec<i32>> = std::sync::Mutex::new(Vec::new());

/// A descriptor that belongs to this process alone: a forked child closes its copy at once. (A connection whose other
/// copy lives on in a child does not end when its owner is killed.)
pub(crate) struct Own {
    fd: i32,
    /// Of the process that has it.
    generation: u32,
}

impl Own {
    pub(crate) fn new(fd: OwnedFd) -> Own {
        exclusive(|| {
            let fd = fd.into_raw_fd();
            OWN.lock().unwrap_or_else(|e| e.into_inner()).push(fd);
            Own { fd, generation: generation() }
        })
    }

    /// Its number; -1 in a forked child.
    pub(crate) fn fd(&self) -> i32 {
        if self.generation == generation() {
            self.fd
        } else {
            -1
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        exclusive(|| {
            if self.fd() >= 0 {
                let mut own = OWN.lock().unwrap_or_else(|e| e.into_inner());
                if let Some(at) = own.iter().position(|&fd| fd == self.fd) {
                    own.swap_remove(at);
                    super::file::close_number(self.fd);
                }
            }
        });
    }
}

/// Runs `f` while no other thread of this process is in `exclusive` and none forks. Not recursive.
pub(crate) fn exclusive<T>(f: impl FnOnce() -> T) -> T {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            unlock();
        }
    }
    register();
    lock();
    let _guard = Guard;
    f()
}

/// Registers the fork handlers, once.
extern "C" fn register() {
    if REGISTERED.swap(1, std::sync::atomic::Ordering::Relaxed) == 0 {
        // SAFETY: the handlers live as long as the library, which is never unloaded (-z nodelete).
        unsafe { libc::pthread_atfork(Some(lock), Some(unlock), Some(in_child)) };
    }
}

/// When the library is loaded, before there can be a second thread: a fork that is already under way when
/// the handlers are registered would give the child a mutex that nobody will ever unlock.
#[used]
#[link_section = ".init_array"]
static REGISTER_AT_LOAD: extern "C" fn() = register;

/// Words that a forked child finds zero (MADV_WIPEONFORK, Linux 4.14): who this process is in a domain.
pub(crate) struct WipedOnFork(NonNull<Words>);

/// The content of the page.
#[repr(C)]
pub(crate) struct Words {
    /// The owner word of this process; 0: not joined (or just forked).
    pub me: AtomicU32,
    /// The same with more of the generation; written before `me`.
    pub tenant: AtomicU64,
    /// Where it has its entry in tables, and what that is when empty; as well.
    pub place: AtomicUsize,
    pub empty: AtomicU64,
    /// Address of the mapping that carries the slot's lock, which a child does not inherit either.
    pub carrier: AtomicUsize,
}

const PAGE: usize = 4096;

impl WipedOnFork {
    pub(crate) fn new() -> Result<WipedOnFork> {
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(last("mmap"));
        }
        // SAFETY: the page was mapped just above.
        if unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } != 0 {
            let error = last("madvise(MADV_WIPEONFORK)");
            // SAFETY: as above; nobody uses the page yet.
            unsafe { libc::munmap(page, PAGE) };
            return Err(error);
        }
        NonNull::new(page.cast()).map(WipedOnFork).ok_or(last("mmap"))
    }

    /// The page, for who knows in another way that it is still there.
    pub(crate) fn shared(&self) -> SharedWords {
        SharedWords(self.0)
    }

    #[inline]
    pub(crate) fn words(&self) -> &Words {
        // SAFETY: the page is mapped and page-aligned until drop; all-zero bytes are valid atomics.
        unsafe { self.0.as_ref() }
    }
}

/// Where the words are, without owning them: one step less on the way to who this process is.
#[derive(Clone, Copy)]
pub(crate) struct SharedWords(NonNull<Words>);

impl SharedWords {
    /// # Safety
    /// The [`WipedOnFork`] that this came from lives.
    #[inline(always)]
    pub(crate) unsafe fn words(&self) -> &Words {
        // SAFETY: mapped (this function's contract) and page-aligned; all-zero bytes are valid atomics.
        unsafe { self.0.as_ref() }
    }
}

// SAFETY: the page holds only atomics.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

impl Drop for WipedOnFork {
    fn drop(&mut self) {
        // SAFETY: mapped by new(), and nobody has a reference any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), PAGE) };
    }
}

// SAFETY: the page holds only atomics.
unsafe impl Send for WipedOnFork {}
// SAFETY: as above.
unsafe impl Sync for WipedOnFork {}
