//! The robust lock.
//!
//! One word: 0 free, else the owner's 31 bits, bit 31 set when somebody may be asleep. Locking is
//! one compare-and-swap, unlocking another (owner checked) plus a wake-up if bit 31 was set. A waiter sleeps
//! in slices; whenever a slice ends by time it asks whether the owner died, and takes a dead owner's lock
//! over by compare-and-swap on the exact word: owner words repeat only after some 2·10⁹ joins.
//! The futex side is Drepper's "Futexes Are Tricky" (2011), mutex 3, with the owner in the word.

use super::{Acquired, Env, Slept, Stop, Word, WAITERS};
use std::sync::atomic::Ordering;

/// Takes the lock if it is free.
#[inline]
pub fn try_lock<W: Word>(word: &W, me: u32) -> bool {
    // Also a release: another thread of this process that sees its owner word here sees what this one saw of the last
    // holder.
    word.compare_exchange(0, me, Ordering::AcqRel).is_ok()
}

/// Takes the lock, waiting as `env` allows.
#[inline]
pub fn lock<E: Env>(word: &E::Word, me: u32, env: &E) -> Result<Acquired, Stop> {
    if try_lock(word, me) {
        return Ok(Acquired::Clean);
    }
    lock_slow(word, me, env)
}

#[cold]
#[inline(never)]
fn lock_slow<E: Env>(word: &E::Word, me: u32, env: &E) -> Result<Acquired, Stop> {
    let mut round = 0;
    while env.spin(round) {
        round += 1;
        if word.load(Ordering::Relaxed) == 0 && try_lock(word, me) {
            return Ok(Acquired::Clean);
        }
    }
    let mut slept = false;
    let mut probe = true; // ask once before the first sleep: the holder may be long dead
    loop {
        let seen = word.load(Ordering::Acquire); // before the owner is looked up
        let owner = seen & !WAITERS;
        if owner == 0 {
            // Whoever comes after a sleep keeps the bit set: there may be more sleepers.
            if word.compare_exchange(seen, me | WAITERS, Ordering::AcqRel).is_ok() {
                return Ok(Acquired::Clean);
            }
            continue;
        }
        if probe && env.is_dead(owner) {
            // The exact word: only the dead owner's, at the same age.
            if word.compare_exchange(seen, me | WAITERS, Ordering::AcqRel).is_ok() {
                return Ok(Acquired::Recovered);
            }
            continue;
        }
        let mark = || seen & WAITERS != 0 || word.compare_exchange(seen, seen | WAITERS, Ordering::Relaxed).is_ok();
        // Whoever was woken may have been meant to wake the next: the mark stays, also if it gives up.
        if slept && !mark() {
            continue;
        }
        env.stop()?;
        if !slept && !mark() {
            continue;
        }
        probe = env.sleep(word, owner | WAITERS) == Slept::Slice;
        slept = true;
    }
}

/// Releases the lock if `me` holds it and nobody may be asleep.
#[inline]
pub fn try_unlock<W: Word>(word: &W, me: u32) -> bool {
    word.compare_exchange(me, 0, Ordering::Release).is_ok()
}

/// Releases the lock; `false` if `me` does not hold it.
#[inline]
pub fn unlock<E: Env>(word: &E::Word, me: u32, env: &E) -> bool {
    match word.compare_exchange(me, 0, Ordering::Release) {
        Ok(_) => true,
        Err(seen) => unlock_slow(word, me, seen, env),
    }
}

#[cold]
#[inline(never)]
fn unlock_slow<E: Env>(word: &E::Word, me: u32, seen: u32, env: &E) -> bool {
    if crate::sys::crash::mutant(crate::sys::crash::Mutant::NoOwnerCheck) {
        word.swap(0, Ordering::Release);
    } else if seen != me | WAITERS || word.compare_exchange(seen, 0, Ordering::Release).is_err() {
        // Not ours; or another thread of this process released it meanwhile.
        return false;
    }
    env.wake(word, 1);
    true
}

/// Releases the lock, whoever holds it; `false` if nobody does.
pub fn unlock_any<E: Env>(word: &E::Word, env: &E) -> bool {
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        if seen & !WAITERS == 0 {
            return false;
        }
        match word.compare_exchange(seen, 0, Ordering::Release) {
            Ok(_) => break,
            Err(now) => seen = now,
        }
    }
    if seen & WAITERS != 0 {
        env.wake(word, 1);
    }
    true
}
