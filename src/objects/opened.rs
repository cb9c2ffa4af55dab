//! What is open in place through one handle: the positions of its reservations, or of the messages it holds.

use crate::sys::fork;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

const ROOM: usize = 30;

/// A set of positions without a lock: a forked child must not find it locked by a thread that it does not have.
/// It grows by blocks that stay.
pub(super) struct Opened {
    /// Position + 1; 0: vacant.
    entries: [AtomicU64; ROOM],
    more: OnceLock<Box<Opened>>,
}

impl Opened {
    pub(super) fn new() -> Opened {
        Opened { entries: [const { AtomicU64::new(0) }; ROOM], more: OnceLock::new() }
    }

    pub(super) fn insert(&self, position: u32) {
        let mut block = self;
        while !block.exchange(0, u64::from(position) + 1) {
            // Not while another thread forks: the child would wait for it for ever.
            block = match block.more.get() {
                Some(more) => more,
                None => fork::exclusive(|| block.more.get_or_init(|| Box::new(Opened::new()))),
            };
        }
    }

    /// Whether it was there; the first of several callers is told so.
    pub(super) fn remove(&self, position: u32) -> bool {
        self.blocks().any(|block| block.exchange(u64::from(position) + 1, 0))
    }

    pub(super) fn contains(&self, position: u32) -> bool {
        self.positions().any(|p| p == position)
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks()
            .flat_map(|block| &block.entries)
            .filter_map(|entry| entry.load(Ordering::Relaxed).checked_sub(1).map(|position| position as u32))
    }

    fn blocks(&self) -> impl Iterator<Item = &Opened> {
        std::iter::successors(Some(self), |block| block.more.get().map(|more| &**more))
    }

    fn exchange(&self, from: u64, to: u64) -> bool {
        self.entries.iter().any(|entry| {
            entry.load(Ordering::Relaxed) == from
                && entry.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_any_number_of_positions() {
        let opened = Opened::new();
        let all = [0, 1, u32::MAX].into_iter().chain(10..100);
        all.clone().for_each(|p| opened.insert(p));
        assert_eq!(opened.positions().count(), 93);
        for p in all {
            assert!(opened.contains(p) && opened.remove(p) && !opened.remove(p) && !opened.contains(p));
        }
        assert_eq!(opened.positions().count(), 0);
    }
}
