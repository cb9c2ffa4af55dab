//! The algorithms, generic over words and sleeping.
//!
//! **Lock.** One word: 0 free, else the owner's 31 bits, bit 31 set when somebody may be asleep. Locking is
//! one compare-and-swap, unlocking another (owner checked) plus a wake-up if bit 31 was set. A waiter sleeps
//! in slices; whenever a slice ends by time it asks whether the owner died, and takes a dead owner's lock
//! over by compare-and-swap on the exact word: owner words repeat only after some 2·10⁹ joins.
//! The futex side is Drepper's "Futexes Are Tricky" (2011), mutex 3, with the owner in the word.
//!
//! **Eventcount.** A sequence word and a hint word. A sleeper reads the sequence, announces itself in the
//! hint (odd: somebody may sleep), looks at its condition once more, and sleeps while the sequence stays.
//! A notifier that finds the hint odd bumps the sequence and wakes; if nobody slept it clears the hint,
//! unless somebody announced itself since it looked. A killed sleeper leaves at most one wasted wake-up.
//! (Eventcounts: Reed & Kanodia, CACM 22(2), 1979; the hint with a ticket is ours, see `tests/loom.rs`.)

use std::sync::atomic::Ordering;

/// Set in a lock word when somebody may be asleep.
pub const WAITERS: u32 = 1 << 31;

/// A 32-bit word that can be waited on.
pub trait Word {
    /// Reads.
    fn load(&self, order: Ordering) -> u32;
    /// Writes and returns the old value.
    fn swap(&self, value: u32, order: Ordering) -> u32;
    /// Writes if the word is `current`.
    fn compare_exchange(&self, current: u32, new: u32, ok: Ordering) -> Result<u32, u32>;
    /// Adds, wrapping; returns the old value.
    fn fetch_add(&self, value: u32, order: Ordering) -> u32;
}

/// Why a wait was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its time is over.
    TimedOut,
    /// Its cancel token was set.
    Canceled,
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
    /// Wakes up to `n` sleepers; returns how many were asleep.
    fn wake(&self, word: &Self::Word, n: u32) -> u32;
    /// Whether the owner is known to be dead.
    fn is_dead(&self, owner: u32) -> bool;
    /// A short pause before the `round`-th look; `false`: enough, sleep.
    fn spin(&self, round: u32) -> bool;
    /// Whether the wait must end.
    fn stop(&self) -> Result<(), Stop>;
    /// Orders everything before it, in every thread's eyes, before everything after it.
    fn fence(&self);
}

/// Takes the lock if it is free.
#[inline]
pub fn try_lock<W: Word>(word: &W, me: u32) -> bool {
    word.compare_exchange(0, me, Ordering::Acquire).is_ok()
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
    let mut probe = true; // ask once before the first sleep: the holder may be long dead
    loop {
        let seen = word.load(Ordering::Relaxed);
        let owner = seen & !WAITERS;
        if owner == 0 {
            // Whoever comes after a sleep keeps the bit set: there may be more sleepers.
            if word.compare_exchange(seen, me | WAITERS, Ordering::Acquire).is_ok() {
                return Ok(Acquired::Clean);
            }
            continue;
        }
        if probe && env.is_dead(owner) {
            // The exact word: only the dead owner's, at the same age.
            if word.compare_exchange(seen, me | WAITERS, Ordering::Acquire).is_ok() {
                return Ok(Acquired::Recovered);
            }
            continue;
        }
        env.stop()?;
        if seen & WAITERS == 0 && word.compare_exchange(seen, seen | WAITERS, Ordering::Relaxed).is_err() {
            continue;
        }
        probe = env.sleep(word, owner | WAITERS) == Slept::Slice;
    }
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

/// Announces a sleeper; returns what to pass to [`sleep`]. The caller looks at its condition once more
/// before it sleeps.
pub fn announce<E: Env>(sequence: &E::Word, hint: &E::Word, env: &E) -> u32 {
    // The sequence first: a notifier that clears the hint has bumped the sequence before, so that either
    // the announcement is newer than what it looked at, or the sequence read here is old and the sleep fails.
    let seen = sequence.load(Ordering::SeqCst);
    let mut old = hint.load(Ordering::Relaxed);
    while let Err(now) = hint.compare_exchange(old, (old | 1).wrapping_add(2), Ordering::SeqCst) {
        old = now;
    }
    env.fence();
    seen
}

/// Sleeps until notified since [`announce`], for a slice at most.
pub fn sleep<E: Env>(sequence: &E::Word, seen: u32, env: &E) -> Slept {
    env.sleep(sequence, seen)
}

/// Wakes up to `n` sleepers after their condition was changed. The change must be ordered before the hint
/// is read: by a fence here, or (`fenced`) by one that the caller knows to lie in between.
#[inline]
pub fn notify<E: Env>(sequence: &E::Word, hint: &E::Word, n: u32, fenced: bool, env: &E) {
    if !fenced {
        env.fence();
    }
    let seen = hint.load(Ordering::SeqCst);
    if seen & 1 != 0 {
        notify_slow(sequence, hint, seen, n, env);
    }
}

#[cold]
#[inline(never)]
fn notify_slow<E: Env>(sequence: &E::Word, hint: &E::Word, seen: u32, n: u32, env: &E) {
    sequence.fetch_add(1, Ordering::SeqCst);
    if env.wake(sequence, n) < n {
        // Nobody (else) is asleep. Newer announcements have another ticket and stay.
        let _ = hint.compare_exchange(seen, seen & !1, Ordering::SeqCst);
    }
}
