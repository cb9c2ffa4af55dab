//! How often a consumer that keeps up with its producers asks whether there is more.

use crate::sys::clock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Few messages found by asking.
const FEW: u32 = 7;
/// In pauses, which take 15 to 45 ns each.
const MOST: u32 = 24;
/// In ticks: about 2 µs, pause included.
const AT_ONCE: u64 = 5000;

/// A consumer as fast as the producers would fetch the tail's line for every single message, and slow both sides
/// down by that. So if it asks for the tail again and again at once, and finds just a few messages each time, it
/// pauses for about half a microsecond before it asks again. Never after finding nothing (so never in a
/// dialogue), and never if it has time for other things between its gets. Private to a process, and only a guess.
pub(super) struct Pace {
    /// Pauses before the tail is asked for again.
    pauses: AtomicU32,
    /// When it was asked for and something found, in ticks.
    asked: AtomicU64,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace { pauses: AtomicU32::new(0), asked: AtomicU64::new(0) }
    }

    /// Pauses, if that helps; `at_end`: the next message has to be asked for.
    #[inline]
    pub(super) fn keep(&self, at_end: impl FnOnce() -> bool) {
        let pauses = self.pauses.load(Ordering::Relaxed);
        if pauses > 0 && at_end() {
            for _ in 0..pauses {
                std::hint::spin_loop();
            }
        }
    }

    /// Whoever puts as well is not just keeping up with others.
    #[inline]
    pub(super) fn forget(&self) {
        if self.pauses.load(Ordering::Relaxed) != 0 {
            self.pauses.store(0, Ordering::Relaxed);
        }
    }

    /// Learns from how many messages asking for the tail has found.
    #[inline]
    pub(super) fn learn(&self, found: u32) {
        let pauses = self.pauses.load(Ordering::Relaxed);
        let next = match (found, clock::ticks()) {
            (1..=FEW, Some(now)) => {
                // No need for more than a load and a store.
                let since = now.wrapping_sub(self.asked.load(Ordering::Relaxed));
                self.asked.store(now, Ordering::Relaxed);
                if since < AT_ONCE {
                    (pauses * 2).clamp(3, MOST)
                } else {
                    0
                }
            }
            (0, _) | (_, None) => 0,
            _ => pauses,
        };
        if next != pauses {
            self.pauses.store(next, Ordering::Relaxed);
        }
    }
}
