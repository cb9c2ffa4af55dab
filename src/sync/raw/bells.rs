//! Bells: who wants to hear, through a descriptor of its own, when an eventcount is notified.
//!
//! A row of words: 50 bits of a tenant, a number that says how often it armed its bell, and whether it is armed. Who
//! waits arms its bell, announces itself at the eventcount, and looks once more. Who notifies rings every bell that is
//! armed, and disarms it *after* that, by compare-and-swap on the exact word: dead in between, it leaves a bell that
//! was rung.

use super::Row;
use crate::shm::Tenant;
use std::sync::atomic::Ordering;

pub(crate) const ARMED: u64 = 1 << 63;
pub(crate) const TENANT: u64 = (1 << 50) - 1;
const ROUND: u64 = 1 << 50;

/// The row.
pub struct Bells<R> {
    row: R,
}

impl<R: Row> Bells<R> {
    /// On words that begin as zero.
    pub fn new(row: R) -> Bells<R> {
        Bells { row }
    }

    /// Takes a place for a tenant, the first from `from` on: a free one, else one of the dead.
    pub fn join(&self, me: Tenant, from: usize, is_gone: impl Fn(Tenant) -> bool) -> Option<usize> {
        let free = |word: u64| word & TENANT == 0;
        let left = |word: u64| !free(word) && is_gone(Tenant(word & TENANT));
        self.take(me, from, &free).or_else(|| self.take(me, from, &left))
    }

    fn take(&self, me: Tenant, from: usize, may: &impl Fn(u64) -> bool) -> Option<usize> {
        (from..self.row.len()).find(|&index| {
            let word = self.row.load(index, Ordering::Relaxed);
            let new = word & !TENANT & !ARMED | me.0;
            may(word) && self.row.compare_exchange(index, word, new, Ordering::AcqRel).is_ok()
        })
    }

    /// Gives the place up. The number of rounds stays, so that no armed word comes again soon.
    pub fn leave(&self, index: usize, me: Tenant) {
        self.change(index, me, |word| word & !TENANT & !ARMED);
    }

    /// Arms the bell; `false`: the place is not this tenant's any more.
    pub fn arm(&self, index: usize, me: Tenant) -> bool {
        self.change(index, me, |word| (word & !ARMED).wrapping_add(ROUND) & !ARMED | ARMED)
    }

    /// Disarms the bell; `false`: the place is not this tenant's any more.
    pub fn disarm(&self, index: usize, me: Tenant) -> bool {
        self.change(index, me, |word| word & !ARMED)
    }

    fn change(&self, index: usize, me: Tenant, new: impl Fn(u64) -> u64) -> bool {
        let mut seen = self.row.load(index, Ordering::Relaxed);
        while seen & TENANT == me.0 {
            match self.row.compare_exchange(index, seen, new(seen), Ordering::SeqCst) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Rings every bell that is armed: `ring` is told whose it is, its place and its word, and says whether that is done
    /// with. If not, the bell stays armed for others to try; `false`: there was such a one.
    pub fn ring(&self, mut ring: impl FnMut(Tenant, usize, u64) -> bool) -> bool {
        let mut all = true;
        for index in 0..self.row.len() {
            let word = self.row.load(index, Ordering::SeqCst);
            if word & ARMED == 0 {
                continue;
            }
            if ring(Tenant(word & TENANT), index, word) {
                // Not if it was armed again meanwhile: for something newer.
                let _ = self.row.compare_exchange(index, word, word & !ARMED, Ordering::Relaxed);
            } else {
                all = false;
            }
        }
        all
    }
}
