//! The flag that can be waited for: one word, no lock, nothing to repair.
//!
//! Bit 0: set. Bit 1: somebody may be asleep. Above: how often it was set, so that whoever waits notices a flag that
//! was set and cleared again meanwhile. Every change is one compare-and-swap, so all of it may happen in a signal
//! handler that interrupted any of it.

use super::{Bed, Env, Stop, Word};
use crate::sys::crash::{mutant, Mutant};
use std::sync::atomic::Ordering;

pub(crate) const SET: u32 = 1;
pub(crate) const SLEEPERS: u32 = 2;
pub(crate) const ROUND: u32 = 4;

/// The flag.
pub struct Flag<W> {
    word: W,
}

impl<W: Word> Flag<W> {
    /// On a word, which begins as zero: not set.
    pub fn new(word: W) -> Flag<W> {
        Flag { word }
    }

    /// Whether it is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.word.load(Ordering::Acquire) & SET != 0
    }

    /// Sets it and wakes everybody.
    #[inline]
    pub fn set<E: Env<Word = W>>(&self, env: &E) {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            // Also if it is set already: whoever sees this one sees what was written before it.
            let new = if seen & SET != 0 { seen } else { (seen & !SLEEPERS).wrapping_add(ROUND) | SET };
            match self.word.compare_exchange(seen, new, Ordering::AcqRel) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if seen & SLEEPERS != 0 {
            env.wake(&self.word, u32::MAX);
        }
    }

    /// Clears it.
    #[inline]
    pub fn clear(&self) {
        let mut seen = self.word.load(Ordering::Relaxed);
        while seen & SET != 0 {
            match self.word.compare_exchange(seen, seen & !SET, Ordering::AcqRel) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// How often it was set; for [`Flag::was_set_since`].
    #[inline]
    pub fn round(&self) -> u32 {
        self.word.load(Ordering::Acquire) / ROUND
    }

    /// Whether it is set, or was since that round.
    #[inline]
    pub fn was_set_since(&self, round: u32) -> bool {
        let seen = self.word.load(Ordering::Acquire);
        seen & SET != 0 || seen / ROUND != round
    }

    /// Announces a sleeper; what it may sleep on, unless something is happening.
    pub(super) fn announce(&self) -> Option<Bed<'_, W>> {
        let seen = self.word.load(Ordering::Acquire);
        let marked = seen | SLEEPERS;
        let may =
            seen & SET == 0 && (seen == marked || self.word.compare_exchange(seen, marked, Ordering::Relaxed).is_ok());
        may.then_some((&self.word, marked))
    }

    /// Waits until it is set, or was.
    #[inline]
    pub fn wait<E: Env<Word = W>>(&self, env: &E) -> Result<(), Stop> {
        let first = self.word.load(Ordering::Acquire);
        if first & SET != 0 {
            return Ok(());
        }
        self.wait_slow(first / ROUND, env)
    }

    #[cold]
    #[inline(never)]
    fn wait_slow<E: Env<Word = W>>(&self, first: u32, env: &E) -> Result<(), Stop> {
        let done = |seen: u32| seen & SET != 0 || seen / ROUND != first && !mutant(Mutant::PulseLost);
        let mut round = 0;
        while env.spin(round) {
            round += 1;
            if done(self.word.load(Ordering::Acquire)) {
                return Ok(());
            }
        }
        loop {
            let seen = self.word.load(Ordering::Acquire);
            if done(seen) {
                return Ok(());
            }
            env.stop()?;
            if seen & SLEEPERS == 0 && self.word.compare_exchange(seen, seen | SLEEPERS, Ordering::Relaxed).is_err() {
                continue;
            }
            env.sleep(&self.word, seen | SLEEPERS);
        }
    }
}
