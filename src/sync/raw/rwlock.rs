//! The readers-writer lock: a word for the writer, a count for each process that reads.
//!
//! A reader counts itself in its own slot's entry, a line that no other process writes, and then looks whether there is
//! a writer; if so it takes that back and waits at the gate. A writer takes the writer's word, and then waits until
//! nobody is counted any more, dropping the dead. Both write before they look (Dekker), so one of them sees the other;
//! and since the writer's word is taken while the writer still waits, new readers stay out: writers are preferred.
//!
//! Among themselves writers take the word like a lock. If another writer sleeps, the one that leaves does not open the
//! gate but leaves the word as [`WAITERS`], owned by nobody: kept for a writer. If that one does not come, because it
//! was killed, the readers take the mark away after a slice of their sleep.
//!
//! `inside` is set while a writer is really inside. Found set by whoever comes after a dead writer, it says that what
//! the lock protects may be half done; it stays so until a writer leaves. (A count per processor or process: Hsieh &
//! Weihl, IPPS 1992; Calciu et al., PPoPP 2013.)

use super::{eventcount, lock, Acquired, Env, Holders, Look, Places, Row, Stop, Word, WAITERS};
use crate::shm::{Seat, Tenant};
use crate::sys::crash::{mutant, Mutant};
use std::sync::atomic::{compiler_fence, Ordering};

/// The lock.
pub struct RwLock<W, T, R> {
    /// The writer.
    writer: W,
    /// [`INSIDE`]: a writer is inside, or died there; [`DIRTY`]: and another one had died there before.
    inside: W,
    /// Readers wait here: sequence and hint.
    gate: [W; 2],
    /// The writer waits here for readers to leave.
    drained: [W; 2],
    /// Which words of `seen` are not zero.
    groups: W,
    /// How often somebody dead was passed over.
    steals: W,
    /// A bit for each slot that has ever read.
    seen: R,
    readers: Holders<T>,
}

/// The words of the lock; all begin as zero.
#[allow(missing_docs)]
pub struct RwWords<W> {
    pub writer: W,
    pub inside: W,
    pub gate: [W; 2],
    pub drained: [W; 2],
    pub groups: W,
    pub steals: W,
}

const INSIDE: u32 = 1;
const DIRTY: u32 = 2;

/// What became of an attempt to read that must be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtOnce {
    /// Inside.
    In(Acquired),
    /// Not possible in this way.
    No,
    /// Neither; and the caller is counted as a reader: [`RwLock::read_unlock`] takes that back.
    Counted,
}

/// Why a read lock was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The wait ended.
    Stopped(Stop),
    /// This process has taken it as often as can be counted.
    TooOften,
}

impl<W: Word, T: Places, R: Row> RwLock<W, T, R> {
    /// On these words, a row with one for each slot, and one with a bit for each slot; all begin as zero.
    pub fn new(words: RwWords<W>, readers: T, seen: R) -> RwLock<W, T, R> {
        let RwWords { writer, inside, gate, drained, groups, steals } = words;
        RwLock { writer, inside, gate, drained, groups, steals, seen, readers: Holders::new(readers) }
    }

    /// Takes the lock for reading if that is possible at once.
    #[inline(always)]
    pub fn read_at_once<E: Env<Word = W>>(&self, seat: Seat, env: &E) -> AtOnce {
        // A look first: who tries in vain must not keep a writer waiting by being counted.
        if self.writer.load(Ordering::Relaxed) != 0 {
            return AtOnce::No;
        }
        if !self.readers.add_one(seat) {
            return AtOnce::No;
        }
        self.inside(env).map_or(AtOnce::Counted, AtOnce::In)
    }

    /// An attempt to read; `None`: there is a writer.
    fn read_try<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Option<Result<Acquired, Refused>> {
        if !self.readers.add(me, || self.raise(me)) {
            return Some(Err(Refused::TooOften));
        }
        let acquired = self.inside(env);
        if acquired.is_none() {
            self.read_unlock(self.seat(me), env);
        }
        acquired.map(Ok)
    }

    /// Of one who is counted among the readers: how it got in; `None`: there is a writer.
    #[inline(always)]
    fn inside<E: Env<Word = W>>(&self, env: &E) -> Option<Acquired> {
        env.fence_after_rmw();
        if self.writer.load(Ordering::Acquire) != 0 {
            return None;
        }
        // A writer that died inside has left the word, or been taken from it, before.
        let broken = self.inside.load(Ordering::Relaxed) != 0;
        Some(if broken { Acquired::Recovered } else { Acquired::Clean })
    }

    /// Somebody is no longer counted: a writer may wait for that.
    #[inline(always)]
    fn left<E: Env<Word = W>>(&self, env: &E) {
        if self.writer.load(Ordering::Relaxed) != 0 {
            let [sequence, hint] = &self.drained;
            eventcount::notify(sequence, hint, 1, true, env);
        }
    }

    /// Before a slot's first entry: writers look at it from now on.
    #[cold]
    fn raise(&self, me: Tenant) {
        let (group, bit) = (me.slot() / 64, 1 << (me.slot() % 64));
        let mut bits = self.seen.load(group, Ordering::Relaxed);
        while bits & bit == 0 {
            match self.seen.compare_exchange(group, bits, bits | bit, Ordering::SeqCst) {
                Ok(_) => break,
                Err(now) => bits = now,
            }
        }
        let mut groups = self.groups.load(Ordering::Relaxed);
        while groups >> group & 1 == 0 {
            match self.groups.compare_exchange(groups, groups | 1 << group, Ordering::SeqCst) {
                Ok(_) => break,
                Err(now) => groups = now,
            }
        }
    }

    /// The slots that have ever read.
    #[inline]
    fn slots(&self) -> impl Iterator<Item = usize> + '_ {
        let known = self.seen.len() as u32;
        let mut groups = self.groups.load(Ordering::SeqCst) & ((1_u64 << known) - 1) as u32;
        let (mut group, mut bits) = (0, 0_u64);
        std::iter::from_fn(move || loop {
            if bits != 0 {
                let slot = group * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                return Some(slot);
            }
            if groups == 0 {
                return None;
            }
            group = groups.trailing_zeros() as usize;
            groups &= groups - 1;
            bits = self.seen.load(group, Ordering::SeqCst);
        })
        .filter(|slot| *slot < self.readers.slots())
    }

    /// Takes the lock for reading.
    pub fn read_lock<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Result<Acquired, Refused> {
        let [sequence, hint] = &self.gate;
        let got = eventcount::wait_until(sequence, hint, env, |look| {
            if look != Look::Again {
                self.pass_over(look, env);
            }
            if self.writer.load(Ordering::Relaxed) != 0 {
                return None; // without a step of ours that the writer would have to wait for
            }
            self.read_try(me, env)
        });
        got.unwrap_or_else(|stop| Err(Refused::Stopped(stop)))
    }

    /// Takes the word from a dead writer, or from one that did not come for it.
    fn pass_over<E: Env<Word = W>>(&self, look: Look, env: &E) {
        let seen = self.writer.load(Ordering::Acquire); // before the owner is looked up
        let owner = seen & !WAITERS;
        if owner == 0 {
            // Whoever slept a slice has given it time enough; whoever comes anew wakes another one, if there is one.
            let nobody = seen != 0 && (look == Look::Slice || env.wake(&self.writer, 1) == 0);
            if nobody && self.writer.compare_exchange(seen, 0, Ordering::AcqRel).is_ok() {
                self.open_gate(env);
            }
        } else if env.is_dead(owner) {
            // What the dead writer would have done: one store, so that nothing is half done if this process dies, too.
            self.hand_over(seen, true, env);
        }
    }

    /// Gives up one read lock; `false`: this process holds none.
    #[inline(always)]
    pub fn read_unlock<E: Env<Word = W>>(&self, seat: Seat, env: &E) -> bool {
        let Some(rest) = self.readers.sub_one(seat) else { return false };
        env.fence_after_rmw();
        if rest == 0 {
            self.left(env);
        }
        true
    }

    /// Takes the lock for writing.
    pub fn write_lock<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Result<Acquired, Stop> {
        if lock::lock(&self.writer, me.word(), env)? == Acquired::Recovered {
            self.steals.fetch_add(1, Ordering::Relaxed);
        }
        env.fence_after_rmw();
        if !self.is_drained(Look::Again, env) {
            let [sequence, hint] = &self.drained;
            let drained = |look| self.is_drained(look, env).then_some(());
            if let Err(stop) = eventcount::wait_until(sequence, hint, env, drained) {
                self.release(me.word(), env);
                return Err(stop);
            }
        }
        let clean = self.inside.load(Ordering::Relaxed) == 0;
        self.inside.store(if clean { INSIDE } else { DIRTY }, Ordering::Relaxed);
        // Before whatever is written inside: of one that dies only the order of its instructions matters, not what
        // others see.
        compiler_fence(Ordering::SeqCst);
        Ok(if clean { Acquired::Clean } else { Acquired::Recovered })
    }

    /// Whether nobody reads.
    fn is_drained<E: Env<Word = W>>(&self, look: Look, env: &E) -> bool {
        for slot in self.slots() {
            if let Some((reader, count)) = self.readers.holder(slot) {
                if look == Look::Again || !env.is_gone(reader) || mutant(Mutant::ReaderStays) {
                    return false;
                }
                if self.readers.drop_dead(reader, count) {
                    self.steals.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        true
    }

    /// Whether `me` holds it for writing.
    #[inline]
    pub fn is_writer(&self, me: Tenant) -> bool {
        // Another thread of this process may have the word and wait.
        self.writer.load(Ordering::Relaxed) & !WAITERS == me.word() && self.inside.load(Ordering::Relaxed) != 0
    }

    /// Releases the lock after writing; `false`: `me` does not hold it.
    pub fn write_unlock<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> bool {
        if !self.is_writer(me) {
            return false;
        }
        self.inside.store(0, Ordering::Relaxed);
        self.release(me.word(), env)
    }

    fn release<E: Env<Word = W>>(&self, me: u32, env: &E) -> bool {
        match self.writer.compare_exchange(me, 0, Ordering::Release) {
            Ok(_) => {
                self.open_gate(env);
                true
            }
            Err(seen) if seen == me | WAITERS => self.hand_over(seen, false, env),
            Err(_) => false,
        }
    }

    /// Gives the word that is `seen` to a writer that sleeps, if there is one, else to the readers.
    fn hand_over<E: Env<Word = W>>(&self, seen: u32, dead: bool, env: &E) -> bool {
        if self.writer.compare_exchange(seen, seen & WAITERS, Ordering::AcqRel).is_err() {
            return false;
        }
        if dead {
            self.steals.fetch_add(1, Ordering::Relaxed);
        }
        let asleep = seen & WAITERS != 0 && env.wake(&self.writer, 1) > 0;
        if !asleep && (seen & WAITERS == 0 || self.writer.compare_exchange(WAITERS, 0, Ordering::AcqRel).is_ok()) {
            self.open_gate(env);
        }
        true
    }

    fn open_gate<E: Env<Word = W>>(&self, env: &E) {
        env.fence_after_rmw();
        let [sequence, hint] = &self.gate;
        eventcount::notify(sequence, hint, u32::MAX, true, env);
    }

    /// The writer's owner word, 0: none; whether somebody is inside or died there; whether somebody had died there
    /// before.
    pub fn writer(&self) -> (u32, bool, bool) {
        let inside = self.inside.load(Ordering::Relaxed);
        (self.writer.load(Ordering::Relaxed) & !WAITERS, inside != 0, inside == DIRTY)
    }

    /// Where `me` has its entry.
    pub fn seat(&self, me: Tenant) -> Seat {
        self.readers.seat(me)
    }

    /// How many read locks living processes hold, and how many processes.
    pub fn readers<E: Env>(&self, env: &E) -> (u64, u32) {
        self.readers.living(env)
    }

    /// How often somebody dead was passed over.
    pub fn steals(&self) -> u32 {
        self.steals.load(Ordering::Relaxed)
    }
}
