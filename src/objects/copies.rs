//! How long messages are copied into a ring: through the cache, or past it.
//!
//! The ring's lines belong to the reader's processor from the round before. Where the two processors share a cache,
//! to copy through it is two or three times as fast; where they do not, each line would be fetched from afar only to be
//! overwritten, and to copy past the cache is five times as fast. Nothing tells which it is, and a virtual
//! machine may change it at any time. So both are timed, by the sender, and the better one is used.

use crate::sys::clock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Shorter messages are always copied through the cache.
pub(super) const LONG: usize = 32 << 10;

/// One copy in so many is made the other way, to see.
const TRY_OTHER: u32 = 64;

/// What the two ways cost, in ticks per KiB; private to a handle. 0: not known yet.
pub(super) struct Copies {
    through: AtomicU32,
    past: AtomicU32,
    count: AtomicU32,
}

impl Copies {
    pub(super) fn new() -> Copies {
        Copies { through: AtomicU32::new(0), past: AtomicU32::new(0), count: AtomicU32::new(0) }
    }

    /// Makes a copy of `len` bytes by `copy(past)`.
    pub(super) fn make<T>(&self, len: usize, copy: impl FnOnce(bool) -> T) -> T {
        let Some(began) = clock::ticks() else { return copy(false) };
        let (through, past) = (self.through.load(Ordering::Relaxed), self.past.load(Ordering::Relaxed));
        let count = self.count.load(Ordering::Relaxed).wrapping_add(1);
        self.count.store(count, Ordering::Relaxed);
        let go_past = (past < through) != (count % TRY_OTHER == 0);
        let copied = copy(go_past);
        let took = clock::ticks().map_or(0, |now| now.wrapping_sub(began));
        let cost = u32::try_from(took.saturating_mul(1024) / len.max(1) as u64).unwrap_or(u32::MAX).max(1);
        let known = if go_past { &self.past } else { &self.through };
        known.store(learned(known.load(Ordering::Relaxed), cost), Ordering::Relaxed);
        copied
    }
}

/// Down at once, up slowly: a copy takes longer for many reasons, and is faster for one.
fn learned(known: u32, cost: u32) -> u32 {
    match known {
        0 => cost,
        known if cost < known => known - (known - cost) / 2,
        known => known + ((cost - known) / 8).min(known / 2 + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_follow_what_is_seen() {
        assert_eq!(learned(0, 70), 70);
        let mut cost = 1000;
        (0..20).for_each(|_| cost = learned(cost, 100));
        assert!((100..110).contains(&cost), "{cost}");
        assert!(learned(cost, u32::MAX) < 2 * cost, "one interruption does not decide");
        (0..200).for_each(|_| cost = learned(cost, 900));
        assert!((880..=900).contains(&cost), "{cost}");
    }

    #[test]
    fn each_way_is_tried() {
        let copies = Copies::new();
        let ways: Vec<bool> = (0..200).map(|_| copies.make(LONG, |past| past)).collect();
        if clock::ticks().is_some() {
            assert!(ways.contains(&true) && ways.contains(&false));
        }
    }
}
