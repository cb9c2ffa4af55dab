//! The algorithms of the lock family, generic over words and sleeping, so that the loom models in `tests/loom.rs` run
//! the very code that ships. Nothing here allocates, makes a system call or trusts what it reads.

pub(crate) mod barrier;
pub(crate) mod bells;
pub(crate) mod condition;
mod eventcount;
pub(crate) mod flag;
pub(crate) mod holders;
mod lock;
mod many;
mod rwlock;
mod semaphore;

pub use barrier::{Arrival, Barrier, BarrierWords, Fail, Place};
pub use bells::Bells;
pub use condition::{Condition, Ticket};
pub use eventcount::{announce, leave, notify, notify_and, pass_on, sleep, wait_until, Look};
pub use flag::Flag;
pub use holders::Holders;
pub use lock::{lock, try_lock, try_unlock, unlock, unlock_any};
pub use many::{wait_many, Bed, Seen, Signal, MOST};
pub use rwlock::{AtOnce, Refused, RwLock, RwWords};
pub use semaphore::Semaphore;

use crate::shm::Tenant;
use std::sync::atomic::Ordering;

/// Set in a lock word when somebody may be asleep.
pub const WAITERS: u32 = 1 << 31;

/// A 32-bit word that can be waited on.
pub trait Word {
    /// Reads.
    fn load(&self, order: Ordering) -> u32;
    /// Writes.
    fn store(&self, value: u32, order: Ordering);
    /// Writes and returns the old value.
    fn swap(&self, value: u32, order: Ordering) -> u32;
    /// Writes if the word is `current`.
    fn compare_exchange(&self, current: u32, new: u32, ok: Ordering) -> Result<u32, u32>;
    /// Adds, wrapping; returns the old value.
    fn fetch_add(&self, value: u32, order: Ordering) -> u32;
}

/// A row of 64-bit words. An index out of its range is a bug of the caller's.
pub trait Row {
    /// How many.
    fn len(&self) -> usize;
    /// Reads.
    fn load(&self, index: usize, order: Ordering) -> u64;
    /// Writes.
    fn store(&self, index: usize, value: u64, order: Ordering);
    /// Writes if the word is `current`.
    fn compare_exchange(&self, index: usize, current: u64, new: u64, ok: Ordering) -> Result<u64, u64>;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A row with a word for each slot, which may stand elsewhere than in their order.
pub trait Places: Row {
    /// Where a word is.
    fn place(entry: usize) -> usize;
    /// Reads the word at a place.
    fn load_at(&self, place: usize, order: Ordering) -> u64;
    /// Writes the word at a place if it is `current`.
    fn compare_exchange_at(&self, place: usize, current: u64, new: u64, ok: Ordering) -> Result<u64, u64>;
}

/// A row of 32-bit words that can be waited on.
pub trait Words {
    /// The words.
    type Word: Word;
    /// Does something with one of them. An index out of its range is a bug of the caller's.
    fn with<R>(&self, index: usize, f: impl FnOnce(&Self::Word) -> R) -> R;
}

/// Why a wait was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its time is over.
    TimedOut,
    /// Its cancel token was set.
    Canceled,
    /// A signal handler ran.
    Interrupted,
}

/// How a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slept {
    /// Woken, or the word had changed.
    LookAgain,
    /// A slice of time passed.
    Slice,
}

/// How a lock was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// It was free, or its holder released it.
    Clean,
    /// Its holder died while holding it.
    Recovered,
}

/// The world around the algorithms.
pub trait Env {
    /// The words.
    type Word: Word;
    /// Sleeps while the word is `expected`, for a slice of bounded length at most.
    fn sleep(&self, word: &Self::Word, expected: u32) -> Slept;
    /// Sleeps while each word is what is expected of it; those that are `None` do not matter. `brief`: for a millisecond.
    fn sleep_any(&self, beds: &[Option<Bed<'_, Self::Word>>], brief: bool) -> Slept;
    /// Wakes up to `n` sleepers; returns how many were asleep.
    fn wake(&self, word: &Self::Word, n: u32) -> u32;
    /// Whether the owner is known to be dead.
    fn is_dead(&self, owner: u32) -> bool;
    /// The same of one that is recorded for longer.
    fn is_gone(&self, tenant: Tenant) -> bool;
    /// A short pause before the `round`-th look; `false`: enough, sleep.
    fn spin(&self, round: u32) -> bool;
    /// Whether the wait must end.
    fn stop(&self) -> Result<(), Stop>;
    /// Orders everything before it, in every thread's eyes, before everything after it.
    fn fence(&self);
    /// The same, right after a read-modify-write, which on some processors is such a fence.
    fn fence_after_rmw(&self);
    /// How the same caller waits for a lock that is held for a moment only; the time begins now.
    fn internal(&self) -> Self
    where
        Self: Sized;
    /// A cheap clock, for guesses only.
    fn ticks(&self) -> u64;
    /// Whether so much time has passed since `ticks` that a question to the kernel does not matter.
    fn is_long_ago(&self, ticks: u64) -> bool;
}
