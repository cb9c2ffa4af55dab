//! The clock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds of CLOCK_MONOTONIC.
pub(crate) fn now_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// The same, as of the last tick of the kernel: up to 10 ms old, for a fifth of the price.
pub(crate) fn coarse_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: t is a valid output; both clocks always exist on Linux.
    unsafe { libc::clock_gettime(clock, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// A cheap count that runs a few times per nanosecond or slower, for guesses only; `None` where there is none.
#[inline(always)]
pub(crate) fn ticks() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: reads the time stamp counter; no other effect.
        Some(unsafe { std::arch::x86_64::_rdtsc() })
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        None
    }
}

/// Whether about a tenth of a second has passed since this said so last; as cheap as can be.
#[inline]
pub(crate) fn tenth_has_passed(last: &AtomicU64) -> bool {
    // 0.1 s of a time stamp counter of 2.7 GHz, 0.13 s of nanoseconds.
    const TENTH: u64 = if cfg!(target_arch = "x86_64") { 1 << 28 } else { 1 << 27 };
    let now = ticks().unwrap_or_else(now_ns);
    let passed = now.wrapping_sub(last.load(Ordering::Relaxed)) >= TENTH;
    if passed {
        last.store(now, Ordering::Relaxed);
    }
    passed
}

/// Sleeps about a millisecond: for retries against another process that is in the middle of a step.
pub(crate) fn nap() {
    sleep_ns(1_000_000);
}

/// Sleeps.
pub(crate) fn sleep_ns(ns: u64) {
    std::thread::sleep(std::time::Duration::from_nanos(ns));
}
