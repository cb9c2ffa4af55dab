//! Which thread this is: a number that no other thread of the process ever has, as fast as can be.
//!
//! The number lives in a thread-local variable, which in a shared library costs a call. So it also stands in a small
//! table under the address of the thread's control block, which a register holds. An entry belongs to one thread until
//! that thread ends, so that a thread which gets the same control block later does not find its predecessor's number;
//! what finds no room in the table uses the variable.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

struct Entry {
    /// The control block's address; 0: free.
    block: AtomicUsize,
    number: AtomicU64,
}

const ENTRIES: usize = 256;
static TABLE: [Entry; ENTRIES] = [const { Entry { block: AtomicUsize::new(0), number: AtomicU64::new(0) } }; ENTRIES];

/// Frees a thread's entry when it ends.
struct Guard(Cell<usize>);

impl Drop for Guard {
    fn drop(&mut self) {
        ENDING.set(true);
        if self.0.get() != 0 {
            entry(self.0.get()).block.store(0, Ordering::Release);
        }
    }
}

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    static ENDING: Cell<bool> = const { Cell::new(false) };
    static GUARD: Guard = const { Guard(Cell::new(0)) };
}

/// In a forked child: the other threads are not here, and their control blocks will be others'.
pub(super) fn forked() {
    let mine = block();
    for entry in &TABLE {
        if entry.block.load(Ordering::Relaxed) != mine {
            entry.block.store(0, Ordering::Relaxed);
        }
    }
}

/// The address of this thread's control block; 0: unknown.
#[inline(always)]
fn block() -> usize {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        let block: usize;
        // SAFETY: on x86-64 the word at fs:0 is the block's own address (System V ABI, "ELF Handling For Thread-Local
        // Storage"); a read without side effects. Not `pure`: a coroutine may go on in another thread.
        unsafe { std::arch::asm!("mov {}, fs:0", out(reg) block, options(nostack, preserves_flags, readonly)) };
        block
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        0
    }
}

#[inline(always)]
fn entry(block: usize) -> &'static Entry {
    // Blocks are at the ends of stacks, which have a guard page: some pages apart, and not by a power of two.
    &TABLE[(block >> 12) % ENTRIES]
}

/// This thread's number, from 1, if it stands in the table.
#[inline(always)]
pub(crate) fn number_at_once() -> Option<u64> {
    let block = block();
    let entry = entry(block);
    // Written by this thread.
    (block != 0 && entry.block.load(Ordering::Relaxed) == block).then(|| entry.number.load(Ordering::Relaxed))
}

/// This thread's number, from 1.
pub(crate) fn number() -> u64 {
    if let Some(number) = number_at_once() {
        return number;
    }
    let block = block();
    static LAST: AtomicU64 = AtomicU64::new(0);
    if NUMBER.get() == 0 {
        NUMBER.set(LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
    }
    let number = NUMBER.get();
    let free = || entry(block).block.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok();
    // Not while the thread's variables are being destroyed: nobody would free the entry.
    if block != 0 && !ENDING.get() && GUARD.try_with(|_| ()).is_ok() && free() {
        let _ = GUARD.try_with(|guard| guard.0.set(block));
        entry(block).number.store(number, Ordering::Relaxed);
        entry(block).block.store(block, Ordering::Release);
    }
    number
}

/// No signal handler of the program's runs in the calling thread: it is the library's, and has nothing to interrupt.
pub(crate) fn block_signals() {
    // SAFETY: a set on the stack, filled before it is used; signals that cannot be blocked are left out by the kernel.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
    }
}
