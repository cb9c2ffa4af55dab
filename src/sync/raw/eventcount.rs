//! The eventcount.
//!
//! A sequence word and a hint word. A sleeper reads the sequence, announces itself in the
//! hint (odd: somebody may sleep), looks at its condition once more, and sleeps while the sequence stays.
//! A notifier that finds the hint odd bumps the sequence and wakes; if nobody slept it clears the hint,
//! unless somebody announced itself since it looked. A killed sleeper leaves at most one wasted wake-up.
//! (Eventcounts: Reed & Kanodia, CACM 22(2), 1979; the hint with a ticket is ours, see `tests/loom.rs`.)

use super::{Env, Slept, Stop, Word};
use std::sync::atomic::Ordering;

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

/// Whether somebody may be asleep. The change of the condition must be ordered before, as for [`notify`].
#[inline]
pub fn has_sleepers<W: Word>(hint: &W) -> bool {
    hint.load(Ordering::SeqCst) & 1 != 0
}

/// Wakes up to `n` sleepers after their condition was changed. The change must be ordered before the hint
/// is read: by a fence here, or (`fenced`) by one that the caller knows to lie in between.
#[inline]
pub fn notify<E: Env>(sequence: &E::Word, hint: &E::Word, n: u32, fenced: bool, env: &E) {
    notify_and(sequence, hint, n, fenced, env, || true);
}

/// As [`notify`], where others wait in another way as well, having announced themselves: `tell` tells them; `false`:
/// not all could be told.
#[inline]
pub fn notify_and<E: Env>(
    sequence: &E::Word,
    hint: &E::Word,
    n: u32,
    fenced: bool,
    env: &E,
    tell: impl FnOnce() -> bool,
) {
    if !fenced {
        env.fence();
    }
    let seen = hint.load(Ordering::SeqCst);
    if seen & 1 != 0 {
        notify_slow(sequence, hint, seen, n, env, tell);
    }
}

/// For whoever leaves and had announced itself: a wake-up that may have come to it since, as it `saw` the sequence
/// then, is passed on. Nothing has changed, so nobody else is told; and the hint stays, because those who are told
/// otherwise have announced themselves in it, too.
pub fn leave<E: Env>(sequence: &E::Word, hint: &E::Word, saw: u32, env: &E) {
    if sequence.load(Ordering::SeqCst) != saw {
        pass_on(sequence, hint, env);
    }
}

/// See [`leave`].
#[cold]
pub fn pass_on<E: Env>(sequence: &E::Word, hint: &E::Word, env: &E) {
    env.fence();
    if has_sleepers(hint) {
        sequence.fetch_add(1, Ordering::SeqCst);
        env.wake(sequence, 1);
    }
}

#[cold]
#[inline(never)]
fn notify_slow<E: Env>(sequence: &E::Word, hint: &E::Word, seen: u32, n: u32, env: &E, tell: impl FnOnce() -> bool) {
    sequence.fetch_add(1, Ordering::SeqCst);
    let told = tell();
    if env.wake(sequence, n) < n && told {
        // Nobody (else) is asleep. Newer announcements have another ticket and stay.
        let _ = hint.compare_exchange(seen, seen & !1, Ordering::SeqCst);
    }
}

/// What brings a waiter to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It has not slept yet.
    First,
    /// It is spinning: only what costs next to nothing, and waits for nobody. (Who waits for one thing looks
    /// [`Look::Again`].)
    Glance,
    /// It was woken, or is about to sleep.
    Again,
    /// A slice of sleep has ended by time: ask who lives.
    Slice,
}

/// Waits until `attempt` has a result.
pub fn wait_until<E: Env, T>(
    sequence: &E::Word,
    hint: &E::Word,
    env: &E,
    mut attempt: impl FnMut(Look) -> Option<T>,
) -> Result<T, Stop> {
    let mut round = 0;
    while env.spin(round) {
        round += 1;
        if let Some(done) = attempt(Look::Again) {
            return Ok(done);
        }
    }
    let mut look = Look::First;
    let mut saw = None;
    loop {
        if let Some(done) = attempt(look) {
            return Ok(done);
        }
        if let Err(stop) = env.stop() {
            saw.into_iter().for_each(|saw| leave(sequence, hint, saw, env));
            return Err(stop);
        }
        let seen = announce(sequence, hint, env);
        saw = Some(seen);
        if let Some(done) = attempt(Look::Again) {
            return Ok(done);
        }
        look = match sleep(sequence, seen, env) {
            Slept::LookAgain => Look::Again,
            Slept::Slice => Look::Slice,
        };
    }
}
