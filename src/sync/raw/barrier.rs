//! The barrier: places for those who have arrived, under the robust lock.
//!
//! A place is its owner (64 bits) and a mark: the round, the index within it, and a state. Whoever arrives takes a
//! place that is empty; whoever comes last, or breaks the barrier, writes the verdict (one store: from there on it
//! holds), then the outcome into each place of the round, and begins the next one. Who waits finds the outcome in its
//! own place, whatever has happened since: rounds do not mix, and a party that is slow to leave (there are more places
//! than parties) does not hold up the next round. If a process dies while it has the lock, the next one to have it
//! finishes the verdict, or counts the places anew.

use super::{lock, Acquired, Env, Holders, Places, Row, Slept, Stop, Word};
use crate::shm::Tenant;
use crate::sys::crash::{mutant, Mutant};
use std::sync::atomic::Ordering;

// States of a place, in the low bits of its mark.
pub(crate) const WAITING: u64 = 1;
pub(crate) const PASSED: u64 = 2;
pub(crate) const BROKEN: u64 = 3;
/// Left without the lock, which could not be had: the barrier is to break.
pub(crate) const GAVE_UP: u64 = 4;
pub(crate) const STATE: u64 = 7;

/// What happens to a round: the word that commits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass = 1,
    Break = 2,
    Reset = 3,
}

/// Why nobody passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// This wait ended, which broke the barrier.
    Stopped(Stop),
    /// The barrier is broken.
    Broken,
    /// The lock inside is held by a process that does not go on.
    Busy,
    /// No place is left: those of earlier rounds have not left theirs yet. Nothing has happened.
    Full,
}

/// The words of a barrier; all begin as zero.
#[allow(missing_docs)]
pub struct BarrierWords<W> {
    pub lock: W,
    /// Changes with every round: what is waited on.
    pub phase: W,
    pub round: W,
    pub broken: W,
    pub arrived: W,
    pub verdict: W,
    pub deaths: W,
}

/// The barrier.
pub struct Barrier<W, T, R> {
    words: BarrierWords<W>,
    owners: R,
    marks: R,
    /// When each arrived, in ticks.
    since: R,
    /// Who has promised to come.
    registered: Holders<T>,
    parties: u32,
}

/// One who has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which of the places.
    pub index: usize,
    /// What stands there as long as nothing is decided.
    pub mark: u64,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// All have come: the index.
    Passed(u32),
    /// It was the last one, and the round waits for [`Barrier::acted`].
    Last(Place),
}

fn mark(round: u32, arrival: u32, state: u64) -> u64 {
    u64::from(round) << 32 | u64::from(arrival) << 3 | state
}

pub(crate) fn round_of(mark: u64) -> u32 {
    (mark >> 32) as u32
}

pub(crate) fn arrival_of(mark: u64) -> u32 {
    mark as u32 >> 3
}

impl<W: Word, T: Places, R: Row> Barrier<W, T, R> {
    /// For so many parties; the rows of places have the same length, twice that at least, `registered` one word for
    /// each slot.
    pub fn new(parties: u32, words: BarrierWords<W>, places: [R; 3], registered: T) -> Barrier<W, T, R> {
        let [owners, marks, since] = places;
        Barrier { words, owners, marks, since, registered: Holders::new(registered), parties }
    }

    fn inside<E: Env<Word = W>, O>(&self, me: Tenant, env: &E, f: impl FnOnce() -> O) -> Result<O, Fail> {
        let env = env.internal();
        match lock::lock(&self.words.lock, me.word(), &env) {
            Ok(Acquired::Clean) => {}
            Ok(Acquired::Recovered) => {
                self.recover();
                self.wake_all(&env);
            }
            Err(_) => return Err(Fail::Busy),
        }
        let result = f();
        lock::unlock(&self.words.lock, me.word(), &env);
        Ok(result)
    }

    /// Whoever had the lock has died.
    fn recover(&self) {
        match self.words.verdict.load(Ordering::Relaxed) {
            // Broken, and somebody waits: that was about to be told.
            0 if self.is_broken() => self.finish(Verdict::Break),
            0 => {
                let waiting = (0..self.marks.len()).filter(|&i| self.waits(i)).count();
                self.words.arrived.store(waiting as u32, Ordering::Relaxed);
            }
            1 => self.finish(Verdict::Pass),
            2 => self.finish(Verdict::Break),
            _ => self.finish(Verdict::Reset),
        }
    }

    fn round(&self) -> u32 {
        self.words.round.load(Ordering::Relaxed)
    }

    /// Whether a place belongs to somebody who waits in this round.
    fn waits(&self, index: usize) -> bool {
        let mark = self.marks.load(index, Ordering::Relaxed);
        mark & STATE == WAITING && round_of(mark) == self.round() && self.owners.load(index, Ordering::Relaxed) != 0
    }

    fn decide(&self, verdict: Verdict) {
        self.words.verdict.store(verdict as u32, Ordering::Relaxed);
        self.finish(verdict);
    }

    /// Carries a verdict out. May be repeated from the beginning.
    fn finish(&self, verdict: Verdict) {
        let outcome = if verdict == Verdict::Pass { PASSED } else { BROKEN };
        for index in 0..self.marks.len() {
            let mark = self.marks.load(index, Ordering::Relaxed);
            if mark & STATE == WAITING && round_of(mark) == self.round() {
                // Not if it gave up just now.
                let _ = self.marks.compare_exchange(index, mark, mark & !STATE | outcome, Ordering::Release);
            }
        }
        self.words.broken.store(u32::from(verdict == Verdict::Break), Ordering::Relaxed);
        self.words.arrived.store(0, Ordering::Relaxed);
        self.words.round.fetch_add(1, Ordering::Relaxed);
        self.words.phase.fetch_add(1, Ordering::Release);
        self.words.verdict.store(0, Ordering::Release);
    }

    fn wake_all<E: Env<Word = W>>(&self, env: &E) {
        env.wake(&self.words.phase, u32::MAX);
    }

    /// Arrives and waits until all have; the index. `action` is run by whoever comes last, before anybody passes, and
    /// says whether they may; or nothing, if it has come back in a forked child, who is none of the parties. `due` says
    /// whether it is time to look for the dead.
    pub fn wait<E: Env<Word = W>>(
        &self,
        me: Tenant,
        env: &E,
        is_try: bool,
        due: impl Fn() -> bool,
        action: &mut Option<impl FnOnce() -> Option<bool>>,
    ) -> Result<u32, Fail> {
        match self.come(me, env, is_try, due, action.is_some())? {
            Arrival::Passed(index) => Ok(index),
            // Outside the lock. Meanwhile others may give up, and break it.
            Arrival::Last(place) => match action.take().and_then(|action| action()) {
                Some(good) => self.acted(me, env, place, good),
                None => Err(Fail::Broken),
            },
        }
    }

    /// As [`Barrier::wait`], but the last one to come (only if `acts` is set) is told so, runs its action wherever that
    /// has to be, and goes on with [`Barrier::acted`].
    pub fn come<E: Env<Word = W>>(
        &self,
        me: Tenant,
        env: &E,
        is_try: bool,
        due: impl Fn() -> bool,
        acts: bool,
    ) -> Result<Arrival, Fail> {
        let (place, last) = self.arrive(me, env, is_try, !acts)?;
        if !last {
            return self.stay(me, env, &place, due).map(Arrival::Passed);
        }
        if acts {
            return Ok(Arrival::Last(place));
        }
        self.wake_all(env); // passed already
        Ok(Arrival::Passed(arrival_of(place.mark)))
    }

    /// The last one's action has run, and says whether they may pass. [`Fail::Broken`], too, if `me` is not the last
    /// one, at that place.
    pub fn acted<E: Env<Word = W>>(&self, me: Tenant, env: &E, place: Place, good: bool) -> Result<u32, Fail> {
        let last = || {
            let seen = self.marks.load(place.index, Ordering::Relaxed);
            let same = seen & STATE != 0 && seen & !STATE == place.mark & !STATE && place.mark & STATE == WAITING;
            same && self.owners.load(place.index, Ordering::Relaxed) == me.0
        };
        if place.index >= self.marks.len() || arrival_of(place.mark) + 1 != self.parties || !last() {
            return Err(Fail::Broken);
        }
        let passed = self.inside(me, env, || {
            if !last() {
                return Err(Fail::Broken); // finished twice
            }
            let waiting = self.marks.load(place.index, Ordering::Relaxed) == place.mark;
            if waiting {
                self.decide(if good && !self.has_given_up() { Verdict::Pass } else { Verdict::Break });
            }
            self.collect(&place, self.marks.load(place.index, Ordering::Relaxed))
        });
        self.wake_all(env);
        passed.unwrap_or_else(|_| self.give_up(&place))
    }

    /// Takes a place; `true`: the last one. If it is and `pass` is set, the round is passed at once.
    fn arrive<E: Env<Word = W>>(&self, me: Tenant, env: &E, is_try: bool, pass: bool) -> Result<(Place, bool), Fail> {
        enum Arrived {
            At(Place, bool),
            Not(Fail),
            /// All are there, but the last one's action still runs.
            TooEarly(u32),
        }
        loop {
            let arrived = self.inside(me, env, || {
                if self.words.broken.load(Ordering::Relaxed) != 0 {
                    return Arrived::Not(Fail::Broken);
                }
                let arrived = self.words.arrived.load(Ordering::Relaxed);
                if arrived >= self.parties {
                    return Arrived::TooEarly(self.words.phase.load(Ordering::Relaxed));
                }
                let last = arrived + 1 == self.parties;
                if is_try && !last {
                    return Arrived::Not(Fail::Stopped(Stop::TimedOut));
                }
                if last && (self.has_dead(env, true) || self.has_given_up()) {
                    self.decide(Verdict::Break);
                    return Arrived::Not(Fail::Broken);
                }
                let Some(index) = self.empty(arrived as usize, env) else { return Arrived::Not(Fail::Full) };
                let mark = mark(self.round(), arrived, WAITING);
                self.since.store(index, env.ticks(), Ordering::Relaxed);
                self.owners.store(index, me.0, Ordering::Relaxed);
                self.marks.store(index, mark, Ordering::Release);
                self.words.arrived.store(arrived + 1, Ordering::Relaxed);
                let place = Place { index, mark };
                if last && pass {
                    self.decide(Verdict::Pass);
                    self.leave(&place);
                }
                Arrived::At(place, last)
            })?;
            match arrived {
                Arrived::At(place, last) => return Ok((place, last)),
                Arrived::Not(Fail::Broken) => {
                    self.wake_all(env);
                    return Err(Fail::Broken);
                }
                Arrived::Not(fail) => return Err(fail),
                Arrived::TooEarly(phase) => {
                    // Not one of this round: nothing breaks if this wait ends.
                    env.stop().map_err(Fail::Stopped)?;
                    if env.sleep(&self.words.phase, phase) == Slept::Slice {
                        self.look(me, env)?;
                    }
                }
            }
        }
    }

    /// A place that is empty, beginning with the likeliest.
    fn empty<E: Env<Word = W>>(&self, likely: usize, env: &E) -> Option<usize> {
        let places = self.owners.len();
        let free = |i: usize| (self.owners.load(i, Ordering::Acquire) == 0).then_some(i);
        (0..places).find_map(|n| free((likely + n) % places)).or_else(|| {
            self.clear_dead(env);
            (0..places).find_map(free)
        })
    }

    /// Waits at a place for the outcome.
    fn stay<E: Env<Word = W>>(&self, me: Tenant, env: &E, place: &Place, due: impl Fn() -> bool) -> Result<u32, Fail> {
        let outcome = || {
            let seen = self.marks.load(place.index, Ordering::Acquire);
            (seen != place.mark).then_some(seen)
        };
        let mut seen = None;
        let mut round = 0;
        while seen.is_none() && env.spin(round) {
            round += 1;
            seen = outcome();
        }
        let mut look = true; // once before the first sleep: somebody may be long dead
        while seen.is_none() {
            let phase = self.words.phase.load(Ordering::Acquire);
            seen = outcome();
            if seen.is_some() {
                break;
            }
            if let Err(stop) = env.stop() {
                return self.stopped(me, env, place, stop);
            }
            if look && due() {
                if self.look(me, env).is_err() {
                    return self.give_up(place);
                }
                look = false;
                continue;
            }
            look = env.sleep(&self.words.phase, phase) == Slept::Slice;
            seen = outcome();
        }
        self.collect(place, seen.unwrap_or(0))
    }

    /// The wait has ended before the others came: the barrier breaks, unless they have just come.
    fn stopped<E: Env<Word = W>>(&self, me: Tenant, env: &E, place: &Place, stop: Stop) -> Result<u32, Fail> {
        let outcome = self.inside(me, env, || {
            let seen = self.marks.load(place.index, Ordering::Relaxed);
            if seen != place.mark {
                return self.collect(place, seen);
            }
            self.decide(Verdict::Break);
            self.leave(place);
            Err(Fail::Stopped(stop))
        });
        self.wake_all(env);
        outcome.unwrap_or_else(|_| self.give_up(place))
    }

    /// Leaves without the lock, which could not be had; unless the outcome is there already.
    fn give_up(&self, place: &Place) -> Result<u32, Fail> {
        let gone = place.mark & !STATE | GAVE_UP;
        match self.marks.compare_exchange(place.index, place.mark, gone, Ordering::AcqRel) {
            Ok(_) => Err(Fail::Busy),
            Err(seen) => self.collect(place, seen),
        }
    }

    /// Leaves with what the place says.
    fn collect(&self, place: &Place, seen: u64) -> Result<u32, Fail> {
        self.leave(place);
        if seen & STATE == PASSED {
            Ok(arrival_of(place.mark))
        } else {
            Err(Fail::Broken)
        }
    }

    /// Empties the own place.
    fn leave(&self, place: &Place) {
        self.marks.store(place.index, 0, Ordering::Relaxed);
        self.owners.store(place.index, 0, Ordering::Release);
    }

    /// Whether somebody who waits has died. `old`: asks only about those who have waited for a while.
    fn has_dead<E: Env<Word = W>>(&self, env: &E, old: bool) -> bool {
        if self.words.arrived.load(Ordering::Relaxed) == 0 {
            return false;
        }
        (0..self.marks.len()).filter(|&i| self.waits(i)).any(|i| {
            let recent = old && !env.is_long_ago(self.since.load(i, Ordering::Relaxed));
            let dead = !recent && env.is_gone(Tenant(self.owners.load(i, Ordering::Relaxed)));
            if dead {
                self.words.deaths.fetch_add(1, Ordering::Relaxed);
            }
            dead
        })
    }

    /// Whether somebody left this round without the lock.
    fn has_given_up(&self) -> bool {
        (0..self.marks.len()).any(|i| {
            let mark = self.marks.load(i, Ordering::Relaxed);
            mark & STATE == GAVE_UP && round_of(mark) == self.round()
        })
    }

    /// Empties the places of the dead, and of those who gave up, in earlier rounds.
    fn clear_dead<E: Env<Word = W>>(&self, env: &E) {
        for index in 0..self.marks.len() {
            let owner = self.owners.load(index, Ordering::Acquire);
            let mark = self.marks.load(index, Ordering::Acquire);
            if owner == 0 || round_of(mark) == self.round() && mark & STATE == WAITING {
                continue;
            }
            let gave_up = mark & STATE == GAVE_UP && round_of(mark) != self.round();
            if gave_up || env.is_gone(Tenant(owner)) {
                self.leave(&Place { index, mark });
            }
        }
    }

    /// Looks for the dead, and breaks the barrier if there are any among those who wait, or have promised to come.
    pub fn look<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Result<(), Fail> {
        let broken = self.inside(me, env, || {
            let promised = || self.registered.all().any(|(who, _)| env.is_gone(who));
            let dead = self.has_dead(env, false) || self.has_given_up() || promised();
            if dead && !mutant(Mutant::NoBreak) {
                self.decide(Verdict::Break);
                self.forget_dead(env);
            }
            self.clear_dead(env);
            dead
        })?;
        if broken {
            self.wake_all(env);
        }
        Ok(())
    }

    /// Drops what the dead had promised.
    fn forget_dead<E: Env<Word = W>>(&self, env: &E) {
        for (who, count) in self.registered.all() {
            if env.is_gone(who) {
                self.forget(who, count);
            }
        }
    }

    /// Breaks the barrier.
    pub fn abort<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Result<(), Fail> {
        self.end_round(me, env, Verdict::Break)
    }

    /// Sends away who waits, and makes the barrier as new.
    pub fn reset<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Result<(), Fail> {
        self.end_round(me, env, Verdict::Reset)
    }

    fn end_round<E: Env<Word = W>>(&self, me: Tenant, env: &E, verdict: Verdict) -> Result<(), Fail> {
        self.inside(me, env, || {
            self.forget_dead(env); // or it would break again
            self.decide(verdict);
        })?;
        self.wake_all(env);
        Ok(())
    }

    /// Promises to come; `false`: too often.
    pub fn register<E: Env<Word = W>>(&self, me: Tenant, env: &E) -> Result<bool, Fail> {
        let (registered, broken) = self.inside(me, env, || {
            // What the slot's former tenant promised is not forgotten, but kept by breaking.
            let former = self.registered.former(me);
            if let Some((who, count)) = former {
                self.decide(Verdict::Break);
                self.forget(who, count);
            }
            (self.registered.add(me, || ()), former.is_some())
        })?;
        if broken {
            self.wake_all(env);
        }
        Ok(registered)
    }

    fn forget(&self, dead: Tenant, count: u64) {
        if self.registered.drop_dead(dead, count) {
            self.words.deaths.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Who has promised to come.
    pub fn registered(&self) -> &Holders<T> {
        &self.registered
    }

    /// How many wait.
    pub fn waiting(&self) -> u32 {
        self.words.arrived.load(Ordering::Relaxed)
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        self.words.broken.load(Ordering::Relaxed) != 0
    }

    /// How many rounds there were; wraps.
    pub fn rounds(&self) -> u32 {
        self.round()
    }

    /// How often a death broke it.
    pub fn deaths(&self) -> u32 {
        self.words.deaths.load(Ordering::Relaxed)
    }
}
