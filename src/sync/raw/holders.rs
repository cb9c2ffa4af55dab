//! What processes hold, counted for each: a dense table with an entry for every slot of the domain.
//!
//! An entry is the low 40 bits of its slot's generation and a count of 24 bits, changed by one compare-and-swap. Only
//! the slot's tenant changes its entry, but for whoever finds it dead. So a dead process's count is recognised as such
//! for as long as it stays there, and a new tenant of the slot does not inherit it.

use super::{Env, Places};
use crate::shm::{Seat, Tenant, COUNT_BITS};
use std::sync::atomic::Ordering;

/// The most that one process can hold.
pub(crate) const MOST_HELD: u64 = (1 << COUNT_BITS) - 1;

/// The table.
pub struct Holders<R> {
    entries: R,
}

impl<R: Places> Holders<R> {
    /// On a row with a word for each slot, behind one that is not used; all begin as zero.
    pub fn new(entries: R) -> Holders<R> {
        Holders { entries }
    }

    /// The entry's count if it is this tenant's.
    #[inline]
    fn own(entry: u64, me: Tenant) -> Option<u64> {
        (entry >> COUNT_BITS == me.generation()).then_some(entry & MOST_HELD)
    }

    /// Where `me` has its entry.
    #[inline(always)]
    pub fn seat(&self, me: Tenant) -> Seat {
        Seat::new(me, R::place)
    }

    /// How much `me` holds.
    #[inline]
    pub fn held(&self, me: Tenant) -> u64 {
        Holders::<R>::own(self.entries.load(me.entry(), Ordering::Relaxed), me).unwrap_or(0)
    }

    /// Adds 1 to what the tenant of a seat holds, if it has an entry there, and not too much; `false`: ask
    /// [`Holders::add`].
    #[inline(always)]
    pub fn add_one(&self, seat: Seat) -> bool {
        let mut seen = self.entries.load_at(seat.place, Ordering::Relaxed);
        loop {
            // One look for both: an entry of somebody else's is far away.
            if seen.wrapping_sub(seat.empty) >= MOST_HELD {
                return false;
            }
            match self.entries.compare_exchange_at(seat.place, seen, seen + 1, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Adds 1 to what `me` holds, in place of what its slot's former tenant may have left; `first` runs before its
    /// first entry is made. `false`: it would be too much.
    #[cold]
    #[inline(never)]
    pub fn add(&self, me: Tenant, first: impl FnOnce()) -> bool {
        let entry = me.entry();
        let mut seen = self.entries.load(entry, Ordering::Relaxed);
        if Holders::<R>::own(seen, me).is_none() {
            first();
        }
        loop {
            let count = Holders::<R>::own(seen, me).unwrap_or(0);
            if count >= MOST_HELD {
                return false;
            }
            let new = me.generation() << COUNT_BITS | (count + 1);
            match self.entries.compare_exchange(entry, seen, new, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes from what `me` holds; `None`: it holds less. The rest.
    #[inline(always)]
    pub fn sub(&self, me: Tenant, n: u64) -> Option<u64> {
        let entry = me.entry();
        let mut seen = self.entries.load(entry, Ordering::Relaxed);
        loop {
            let rest = Holders::<R>::own(seen, me)?.checked_sub(n)?;
            match self.entries.compare_exchange(entry, seen, me.generation() << COUNT_BITS | rest, Ordering::SeqCst) {
                Ok(_) => return Some(rest),
                Err(now) => seen = now,
            }
        }
    }

    /// As [`Holders::sub`] of 1.
    #[inline(always)]
    pub fn sub_one(&self, seat: Seat) -> Option<u64> {
        let mut seen = self.entries.load_at(seat.place, Ordering::Relaxed);
        loop {
            let rest = seen.wrapping_sub(seat.empty).wrapping_sub(1);
            if rest >= MOST_HELD {
                return None;
            }
            match self.entries.compare_exchange_at(seat.place, seen, seen - 1, Ordering::SeqCst) {
                Ok(_) => return Some(rest),
                Err(now) => seen = now,
            }
        }
    }

    /// What is held in a slot, and by whom; `None`: nothing.
    #[inline]
    pub fn holder(&self, slot: usize) -> Option<(Tenant, u64)> {
        let entry = self.entries.load(slot + 1, Ordering::Acquire);
        let count = entry & MOST_HELD;
        (count != 0).then(|| (Tenant::new(slot, entry >> COUNT_BITS), count))
    }

    /// What the former tenant of `me`'s slot left there: somebody dead, for two never have the same slot.
    pub fn former(&self, me: Tenant) -> Option<(Tenant, u64)> {
        self.holder(me.slot()).filter(|(who, _)| *who != me)
    }

    /// Drops what a dead tenant held; `false`: somebody else was faster.
    pub fn drop_dead(&self, dead: Tenant, count: u64) -> bool {
        let entry = dead.generation() << COUNT_BITS | count;
        let empty = dead.generation() << COUNT_BITS;
        self.entries.compare_exchange(dead.entry(), entry, empty, Ordering::SeqCst).is_ok()
    }

    /// Everybody who holds something.
    pub fn all(&self) -> impl Iterator<Item = (Tenant, u64)> + '_ {
        (0..self.slots()).filter_map(|slot| self.holder(slot))
    }

    /// What living processes hold, and how many they are. Asks about everybody.
    pub fn living<E: Env>(&self, env: &E) -> (u64, u32) {
        let living = self.all().filter(|(who, _)| !env.is_gone(*who));
        living.fold((0, 0), |(sum, n), (_, count)| (sum + count, n + 1))
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.entries.len() - 1
    }
}
