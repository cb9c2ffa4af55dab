//! Waiting for any of several things.
//!
//! Who waits announces itself at each of them, looks at all once more, and sleeps on all their words at once. A wake-up
//! that was meant for one of several may come to it; then it passes it on when it leaves, for it takes nothing.
//! (Killed before that, it delays the others by a slice, as every waiter that is killed when it was just woken.)

use super::{eventcount, Env, Flag, Look, Slept, Stop, Word, WAITERS};
use crate::sys::crash::{mutant, Mutant};
use std::sync::atomic::Ordering;

/// Most things to wait for at once: what the kernel takes, but for a cancel token and one more.
pub const MOST: usize = 126;

/// A word to sleep on, and what it is while there is no reason to look again.
pub type Bed<'a, W> = (&'a W, u32);

/// Where it is announced that one of the things may be ready. Who waits there and finds it ready can do with one
/// wake-up: everybody else who waits there must be waiting for the same.
pub enum Signal<'a, W> {
    /// An eventcount.
    Count {
        /// Its sequence.
        sequence: &'a W,
        /// Its hint.
        hint: &'a W,
    },
    /// The word of a lock.
    Lock(&'a W),
    /// A flag.
    Flag(&'a Flag<W>),
    /// A word that nobody changes without waking everybody.
    Word(&'a W),
}

impl<'a, W: Word> Signal<'a, W> {
    /// Announces a sleeper. `None`: something is happening there, look again.
    fn announce<E: Env<Word = W>>(&self, env: &E) -> Option<Bed<'a, W>> {
        match *self {
            Signal::Count { sequence, hint } => Some((sequence, eventcount::announce(sequence, hint, env))),
            Signal::Lock(word) => {
                let seen = word.load(Ordering::Acquire);
                let marked = seen | WAITERS;
                let held = seen & !WAITERS != 0;
                let may = held && (seen == marked || word.compare_exchange(seen, marked, Ordering::Relaxed).is_ok());
                may.then_some((word, marked))
            }
            Signal::Flag(flag) => flag.announce(),
            Signal::Word(word) => Some((word, word.load(Ordering::Acquire))),
        }
    }

    /// Passes on a wake-up that may have come to whoever slept there, since it saw the word like that.
    fn pass_on<E: Env<Word = W>>(&self, seen: u32, env: &E) {
        match *self {
            Signal::Count { sequence, hint } => eventcount::leave(sequence, hint, seen, env),
            // It was released. Whoever was quick and has it now knows nothing of those who sleep.
            Signal::Lock(word) if word.load(Ordering::SeqCst) != seen => {
                env.wake(word, 1);
            }
            _ => {}
        }
    }
}

/// What a look at all things has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<T> {
    /// There is something.
    Ready(T),
    /// There is nothing.
    Nothing,
    /// Somebody was in the way: there may be something, and nobody will say so again.
    Unsure,
}

/// Waits until `attempt`, which looks at all of `count` things, has a result; `signal` says where to wait for each.
pub fn wait_many<'a, E: Env, T>(
    count: usize,
    signal: impl Fn(usize) -> Signal<'a, E::Word>,
    env: &E,
    mut attempt: impl FnMut(Look) -> Seen<T>,
) -> Result<T, Stop>
where
    E::Word: 'a,
{
    // Many things take long to look at.
    let most = 1 + 256 / count.max(1) as u32;
    let mut round = 0;
    while round < most && env.spin(round) {
        round += 1;
        if let Seen::Ready(done) = attempt(Look::Glance) {
            return Ok(done);
        }
    }
    let mut beds: [Option<Bed<'a, E::Word>>; MOST] = [None; MOST];
    let beds = &mut beds[..count];
    // As each word was when it was first announced there.
    let mut first: [Option<u32>; MOST] = [None; MOST];
    let mut look = Look::First;
    let result = loop {
        if let Seen::Ready(done) = attempt(look) {
            break Ok(done);
        }
        if let Err(stop) = env.stop() {
            break Err(stop);
        }
        look = Look::Again;
        let mut quiet = true;
        for (index, (bed, first)) in beds.iter_mut().zip(&mut first).enumerate() {
            *bed = signal(index).announce(env);
            *first = first.or(bed.map(|(_, seen)| seen));
            quiet &= bed.is_some();
        }
        let brief = match attempt(look) {
            Seen::Ready(done) => break Ok(done),
            Seen::Nothing => false,
            Seen::Unsure => true,
        };
        if quiet && env.sleep_any(beds, brief) == Slept::Slice {
            look = Look::Slice;
        }
    };
    if !mutant(Mutant::WakeKept) {
        for (index, saw) in first[..count].iter().enumerate() {
            if let Some(saw) = saw {
                signal(index).pass_on(*saw, env);
            }
        }
    }
    result
}
