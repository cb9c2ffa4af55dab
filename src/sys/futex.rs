//! Futexes. Words in shared memory are waited on without the PRIVATE flag (a private futex loses wake-ups
//! between processes); a cancel token's word is process-private.

use super::{clock, errno};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Woken, or the word had already changed: look again.
    LookAgain,
    /// A signal handler ran.
    Interrupted,
    /// The time given to this wait passed.
    TimedOut,
}

/// Set when the kernel has no futex_waitv (before 5.16), or by a test.
static NO_WAITV: AtomicBool = AtomicBool::new(false);

/// Makes cancellable waits use the fallback for kernels without futex_waitv. For tests.
#[doc(hidden)]
pub fn force_fallback(on: bool) {
    NO_WAITV.store(on, Ordering::SeqCst);
}

/// The longest a wait without futex_waitv sleeps before it looks at its cancel token.
const CANCEL_SLICE_NS: u64 = 10_000_000;
/// The longest a wait on several words sleeps on one of them before it looks at the others; if it is interruptible
/// [`CANCEL_SLICE_NS`], because only a signal that comes while it sleeps is noticed.
const GLANCE_NS: u64 = 2_000_000;

/// Sleeps while `word` is `expected`, at most `ns` nanoseconds.
pub(crate) fn wait(word: &AtomicU32, expected: u32, ns: u64) -> Woken {
    let time = timespec(ns);
    // SAFETY: the address is valid for the call (a reference), the timespec too; FUTEX_WAIT only reads.
    let result = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &time, 0, 0) };
    outcome(result)
}

/// Sleeps while every word is what is expected of it and `cancel` is 0. May end early. It sleeps through signals whose
/// handlers were installed with SA_RESTART, unless `interruptible`, which makes it sleep on one word, and look at all else
/// every now and then.
pub(crate) fn wait_any<'a>(
    words: impl Iterator<Item = (&'a AtomicU32, u32)> + Clone,
    cancel: Option<&'a AtomicU32>,
    interruptible: bool,
    ns: u64,
) -> Woken {
    if !interruptible {
        let shared = words.clone().map(|(word, expected)| WaitV::shared(word, expected));
        if let Some(woken) = wait_on(shared.chain(cancel.map(WaitV::private)), ns) {
            return woken;
        }
    }
    let canceled = cancel.is_some_and(|cancel| cancel.load(Ordering::Acquire) != 0);
    if canceled || words.clone().any(|(word, expected)| word.load(Ordering::Acquire) != expected) {
        return Woken::LookAgain;
    }
    // On one of them: what happens to the others, or to `cancel`, is seen a little later.
    let mut words = words;
    let Some((word, expected)) = words.next() else { return Woken::LookAgain };
    let several = words.next().is_some();
    let glance = if several && !interruptible { GLANCE_NS } else { CANCEL_SLICE_NS };
    match wait(word, expected, ns.min(glance)) {
        Woken::TimedOut if several && ns > glance => Woken::LookAgain,
        other => other,
    }
}

/// struct futex_waitv
#[repr(C)]
#[derive(Clone, Copy)]
struct WaitV {
    val: u64,
    uaddr: u64,
    flags: u32,
    reserved: u32,
}

/// FUTEX2_SIZE_U32
const SIZE_U32: u32 = 2;
/// FUTEX2_PRIVATE
const PRIVATE: u32 = 128;
/// FUTEX_WAITV_MAX
const MOST: usize = 128;

impl WaitV {
    fn shared(word: &AtomicU32, expected: u32) -> WaitV {
        WaitV { val: u64::from(expected), uaddr: word.as_ptr() as u64, flags: SIZE_U32, reserved: 0 }
    }

    fn private(cancel: &AtomicU32) -> WaitV {
        WaitV { val: 0, uaddr: cancel.as_ptr() as u64, flags: SIZE_U32 | PRIVATE, reserved: 0 }
    }
}

/// Sleeps on up to [`MOST`] words, which the caller keeps; `None`: the kernel cannot.
fn wait_on(words: impl Iterator<Item = WaitV>, ns: u64) -> Option<Woken> {
    if NO_WAITV.load(Ordering::Relaxed) {
        return None;
    }
    let mut list = [WaitV { val: 0, uaddr: 0, flags: 0, reserved: 0 }; MOST];
    let count = list.iter_mut().zip(words).map(|(to, word)| *to = word).count();
    // futex_waitv takes an absolute time.
    let until = timespec(clock::now_ns().saturating_add(ns));
    // SAFETY: the addresses are valid for the call (references that the callers hold), the array and timespec too.
    let result =
        unsafe { libc::syscall(libc::SYS_futex_waitv, list.as_ptr(), count, 0, &until, libc::CLOCK_MONOTONIC) };
    if result < 0 && matches!(errno(), libc::ENOSYS | libc::EPERM | libc::EINVAL) {
        // Not in this kernel, or filtered by a sandbox.
        NO_WAITV.store(true, Ordering::Relaxed);
        return None;
    }
    Some(outcome(result))
}

/// Wakes up to `n` waiters of a shared word; returns how many. Async-signal-safe.
pub(crate) fn wake(word: &AtomicU32, n: u32) -> u32 {
    wake_op(word, n, libc::FUTEX_WAKE)
}

/// Wakes every waiter of a process-private word. Async-signal-safe.
pub(crate) fn wake_private(word: &AtomicU32) {
    wake_op(word, u32::MAX, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
}

fn wake_op(word: &AtomicU32, n: u32, op: i32) -> u32 {
    // SAFETY: errno's address is valid for the thread; a signal handler must leave the value as it was.
    let errno = unsafe { *libc::__errno_location() };
    let n = n.min(i32::MAX as u32);
    // SAFETY: the address is valid (a reference); FUTEX_WAKE does not access the word.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, n, 0, 0, 0) };
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    u32::try_from(woken).unwrap_or(0)
}

fn outcome(result: i64) -> Woken {
    if result >= 0 {
        return Woken::LookAgain;
    }
    match errno() {
        libc::ETIMEDOUT => Woken::TimedOut,
        libc::EAGAIN => Woken::LookAgain,
        libc::EINTR => Woken::Interrupted,
        _ => {
            // EFAULT: a peer truncated the file under us. Do not turn a wait into a busy loop.
            clock::nap();
            Woken::TimedOut
        }
    }
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec { tv_sec: (ns / 1_000_000_000) as libc::time_t, tv_nsec: (ns % 1_000_000_000) as libc::c_long }
}
