//! The plain counting semaphore: a value, and an eventcount for those who find it zero.
//!
//! A permit is never on its way to anybody in particular: whoever is woken and dies leaves it where it is.

use super::{eventcount, Env, Look, Signal, Stop, Word};
use crate::sys::crash::{mutant, Mutant};
use std::sync::atomic::Ordering;

/// The semaphore.
pub struct Semaphore<W> {
    value: W,
    sequence: W,
    hint: W,
}

impl<W: Word> Semaphore<W> {
    /// On a value, and an eventcount's two words, which begin as zero.
    pub fn new(value: W, sequence: W, hint: W) -> Semaphore<W> {
        Semaphore { value, sequence, hint }
    }

    /// How many permits there are.
    pub fn value(&self) -> u32 {
        self.value.load(Ordering::Relaxed)
    }

    /// Sets how many there are: for who keeps accounts beside it, under a lock.
    pub fn set_value(&self, value: u32) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Where to wait for permits among other things.
    pub fn signal(&self) -> Signal<'_, W> {
        Signal::Count { sequence: &self.sequence, hint: &self.hint }
    }

    /// Waits until `attempt` has a result, which is looked for whenever permits may have come.
    pub fn wait<E: Env<Word = W>, T>(&self, env: &E, attempt: impl FnMut(Look) -> Option<T>) -> Result<T, Stop> {
        eventcount::wait_until(&self.sequence, &self.hint, env, attempt)
    }

    /// Takes a permit if there is one.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let mut seen = self.value.load(Ordering::Relaxed);
        while seen != 0 {
            match self.value.compare_exchange(seen, seen - 1, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Takes a permit, waiting for one as `env` allows.
    #[inline]
    pub fn acquire<E: Env<Word = W>>(&self, env: &E) -> Result<(), Stop> {
        if self.try_acquire() {
            return Ok(());
        }
        self.wait(env, |_| self.try_acquire().then_some(()))
    }

    /// Gives permits back; `false`: there would be more than `most`.
    pub fn release<E: Env<Word = W>>(&self, n: u32, most: u32, env: &E) -> bool {
        let added = self.add(n, most);
        if added {
            self.notify(n, env);
        }
        added
    }

    /// Wakes up to `n` of those who wait, right after a read-modify-write that others must see first.
    pub fn notify<E: Env<Word = W>>(&self, n: u32, env: &E) {
        if self.has_sleepers(env) {
            self.wake(n, env);
        }
    }

    /// The first half of [`Semaphore::release`].
    #[inline(always)]
    pub fn add(&self, n: u32, most: u32) -> bool {
        let mut seen = self.value.load(Ordering::Relaxed);
        loop {
            if u64::from(seen) + u64::from(n) > u64::from(most) && !mutant(Mutant::NoBound) {
                return false;
            }
            match self.value.compare_exchange(seen, seen + n, Ordering::Release) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// After [`Semaphore::add`]: whether somebody may have to be woken.
    #[inline(always)]
    pub fn has_sleepers<E: Env<Word = W>>(&self, env: &E) -> bool {
        env.fence_after_rmw();
        eventcount::has_sleepers(&self.hint)
    }

    /// The second half of [`Semaphore::release`].
    pub fn wake<E: Env<Word = W>>(&self, n: u32, env: &E) {
        eventcount::notify(&self.sequence, &self.hint, n, true, env);
    }
}
