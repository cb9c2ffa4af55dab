//! What is open in place through one handle: its reservations, or the messages it holds.

use crate::sys::fork;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::OnceLock;

const ROOM: usize = 30;

/// A set of positions in a ring, each under an id that does not come again soon: so what is ended twice is found
/// out, also when the position is in use anew. Without a lock: a forked child must not find it locked by a thread
/// that it does not have. It grows by blocks that stay.
pub(super) struct Opened {
    /// How many were opened.
    serial: AtomicU32,
    first: Block,
}

struct Block {
    /// Ids; 0: vacant.
    entries: [AtomicU64; ROOM],
    more: OnceLock<Box<Block>>,
}

/// The position that an id stands for.
pub(super) fn position(id: u64) -> u32 {
    id as u32
}

impl Opened {
    pub(super) fn new() -> Opened {
        Opened { serial: AtomicU32::new(0), first: Block::new() }
    }

    /// Notes a position; returns its id.
    pub(super) fn insert(&self, position: u32) -> u64 {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        let id = u64::from(position) | (u64::from(serial) << 32);
        let mut block = &self.first;
        while !block.exchange(0, id) {
            // Not while another thread forks: the child would wait for it for ever.
            block = match block.more.get() {
                Some(more) => more,
                None => fork::exclusive(|| block.more.get_or_init(|| Box::new(Block::new()))),
            };
        }
        id
    }

    /// Whether it was there; the first of several callers is told so.
    pub(super) fn remove(&self, id: u64) -> bool {
        id != 0 && self.blocks().any(|block| block.exchange(id, 0))
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.ids().any(|open| open == id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        let entries = self.blocks().flat_map(|block| &block.entries);
        entries.map(|entry| entry.load(Ordering::Relaxed)).filter(|&id| id != 0)
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        std::iter::successors(Some(&self.first), |block| block.more.get().map(|more| &**more))
    }
}

impl Block {
    fn new() -> Block {
        Block { entries: [const { AtomicU64::new(0) }; ROOM], more: OnceLock::new() }
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
        let all: Vec<u32> = [0, 1, u32::MAX].into_iter().chain(10..100).collect();
        let ids: Vec<u64> = all.iter().map(|&p| opened.insert(p)).collect();
        assert_eq!(opened.ids().count(), 93);
        for (&p, &id) in all.iter().zip(&ids) {
            assert_eq!(position(id), p);
            assert!(opened.contains(id) && opened.remove(id) && !opened.remove(id) && !opened.contains(id));
        }
        assert_eq!(opened.ids().count(), 0);
        let again = opened.insert(0);
        assert!(again != ids[0] && !opened.remove(ids[0]) && !opened.remove(0) && opened.remove(again));
    }
}
