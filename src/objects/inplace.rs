//! Messages in place: reservations of producers, and messages that consumers hold.
//!
//! A reservation is a record in state CLAIMED with its owner; the commit, one compare-and-swap, makes it WHOLE.
//! Nobody waits for it inside a lock. In a queue consumers go past a reservation as soon as something is behind
//! it (PASSED), and come back for it when it is committed (`late`); in a pipe they wait, so that messages keep
//! the order in which they were reserved. A dead owner's reservation becomes padding (FREE).
//!
//! A message that is read in place or under a lease is HELD by its owner, and FREE when that is done. One that is
//! put back, or whose holder died, is AGAIN a message, and is delivered before all others.
//!
//! All of this happens in a *detached* ring: what lies between `head` and `read` has been gone past. The head
//! follows over what is FREE; when it has caught up with `read`, the ring is attached again. Every step is one
//! store of a prefix or a mark, in an order in which a death between two of them leaves a record that the next
//! one who comes by understands.

use super::opened::{self, Opened};
use super::record::{self, Record, State, PREFIX, UNIT};
use super::ring::{Mark, Ring, BRIEFLY_NS, CLOSED, DRAINING};
use super::view::View;
use crate::shm::Domain;
use crate::sync::Limits;
use crate::sys::{clock, crash};
use crate::{Error, Result};
use std::cell::Cell;
use std::sync::atomic::Ordering;

/// Each handle looks for dead owners at most so often.
const REAP_NS: u64 = 10_000_000;

/// How many owners are remembered on one walk.
const KNOWN: usize = 16;

/// A message that can be taken.
#[derive(Clone, Copy)]
struct Found {
    position: u32,
    record: Record,
    /// Whether consumers had gone past it.
    late: bool,
}

/// Who asks whether an owner is dead, or (`domain`: None) does not ask.
struct Reaper<'a> {
    domain: Option<&'a Domain>,
    /// Owners that were asked about, and the answers.
    known: Cell<[(u32, bool); KNOWN]>,
}

impl Reaper<'_> {
    fn is_dead(&self, record: &Record) -> bool {
        let (Some(domain), Some(owner)) = (self.domain, record.owner()) else { return false };
        let mut known = self.known.get();
        let answer = &mut known[owner as usize % KNOWN];
        if answer.0 != owner {
            *answer = (owner, domain.is_dead(owner));
            let dead = answer.1;
            self.known.set(known);
            return dead;
        }
        answer.1
    }
}

/// What is in a ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Messages that can be taken.
    pub(super) ready: u64,
    /// Messages that consumers hold.
    pub(super) held: u64,
    /// Reservations.
    pub(super) reserved: u64,
    /// Of the last two, those of this process.
    pub(super) own: u64,
}

impl<const POLLED: bool> Ring<POLLED> {
    // --- producers -----------------------------------------------------------------------------------

    /// Reserves room for a message of up to `len` bytes; `look` as in [`Ring::put`].
    pub(super) fn reserve(&self, len: usize, limits: Limits, look: impl Fn() -> Result<()>) -> Result<View> {
        let wanted = Cell::new(self.units(len)?);
        let position = self.wait_room(limits, &wanted, look, || self.try_reserve(len))?;
        self.view(self.claims.insert(position), len, false)
    }

    fn try_reserve(&self, len: usize) -> Result<Option<u32>> {
        self.segment.check()?;
        let me = self.segment.domain().me()?.word();
        let units = self.units(len)?;
        let inside = self.enter_put()?;
        let tail = self.end()?;
        if !self.find_room(tail, units)? {
            return Ok(None);
        }
        let claim = Record::owned(State::Claimed, len, me);
        let claim = if crash::mutant(crash::Mutant::CommitFirst) { claim.turned(State::Whole) } else { claim };
        if POLLED {
            self.vacate(tail.position.wrapping_add(units))?;
            self.sending.store(tail.after(units).pack(), Ordering::Release);
        }
        // Before it exists: whoever sees it has to see this.
        self.last_claim.store(tail.position, Ordering::Relaxed);
        self.set(tail.position, claim)?;
        self.tail.store(tail.after(units).pack(), Ordering::Release);
        drop(inside);
        Ok(Some(tail.position))
    }

    /// Makes a reservation a message of `len` bytes.
    pub(super) fn commit(&self, id: u64, len: usize) -> Result<()> {
        self.segment.check()?;
        let position = own(&self.claims, id)?;
        let Some(mut claim) = self.owned_at(position, &[State::Claimed, State::Passed])? else {
            self.claims.remove(id);
            return Err(self.lost());
        };
        if len > claim.len {
            return Err(Error::Range { index: len, len: claim.len });
        }
        if !self.claims.remove(id) {
            return Err(Error::NotOwner); // another thread was faster
        }
        if self.state.load(Ordering::Acquire) >= CLOSED {
            return Err(self.closed());
        }
        let rest = claim.units() - record::units(len);
        let message = if rest > 0 { Record::padded(len) } else { Record::new(State::Whole, len) };
        if rest > 0 {
            // Still inside the reservation: nobody looks there yet.
            self.set(position.wrapping_add(message.units()), Record::rest(rest))?;
        }
        while !self.replace(position, claim, message)? {
            // Consumers have just gone past it.
            claim = self.owned_at(position, &[State::Passed])?.ok_or_else(|| self.lost())?;
        }
        if claim.state == State::Passed {
            self.late.store(1, Ordering::Release);
        }
        // In a pipe, what is behind it can be received now, too.
        self.notify(&self.not_empty, if POLLED { u32::MAX } else { 1 }, false);
        Ok(())
    }

    /// Gives a reservation up.
    pub(super) fn abort(&self, id: u64) -> Result<()> {
        let position = own(&self.claims, id)?;
        if !self.claims.remove(id) {
            return Err(Error::NotOwner);
        }
        if POLLED && self.retract(position)? {
            self.notify(&self.not_full, u32::MAX, false);
            self.notify(&self.not_empty, u32::MAX, false);
            return Ok(());
        }
        loop {
            let claim = self.owned_at(position, &[State::Claimed, State::Passed])?.ok_or(Error::NotOwner)?;
            // If not, consumers have just gone past it.
            if self.replace(position, claim, claim.turned(State::Free))? {
                break;
            }
        }
        // The room is free when the consumers have gone past it; if none is there, this is as good as one. If
        // that cannot be done now, the next consumer or waiting producer does it.
        if let Ok(inside) = self.visit_get(BRIEFLY_NS) {
            let freed = self.tidy()?;
            drop(inside);
            if freed {
                self.notify(&self.not_full, u32::MAX, true);
            }
        }
        self.notify(&self.not_empty, u32::MAX, false); // somebody may wait for what is behind it, or for the end
        Ok(())
    }

    /// Takes a reservation back that is the last record of a pipe: as if it had never been, so that no receiver is
    /// needed to free its room. (Not in a queue, whose consumers may have gone past it.)
    fn retract(&self, position: u32) -> Result<bool> {
        let Ok(_inside) = self.enter_put_briefly() else { return Ok(false) };
        let Some(claim) = self.owned_at(position, &[State::Claimed])? else { return Ok(false) };
        let tail = Mark::unpack(self.tail.load(Ordering::Relaxed));
        if position.wrapping_add(claim.units()) != tail.position {
            return Ok(false);
        }
        let before = Mark { position, count: tail.count.wrapping_sub(1) };
        // From here to the end a death means: whoever sends next looks what stands at the tail.
        self.sending.store(tail.pack(), Ordering::Release);
        self.tail.store(before.pack(), Ordering::Release);
        self.last_claim.store(position, Ordering::Relaxed); // there may be others before it
        self.vacate(position)?;
        self.sending.store(before.pack(), Ordering::Release);
        Ok(true)
    }

    // --- consumers -----------------------------------------------------------------------------------

    /// Takes the message at the front, unless `copy(offset, length)` fails, and keeps it where it is; `over` as in
    /// [`Ring::wait_message`].
    pub(super) fn hold(
        &self,
        limits: Limits,
        mut copy: impl FnMut(usize, usize) -> Result<()>,
        over: impl Fn() -> Result<Option<Error>>,
    ) -> Result<View> {
        let found = self.wait_message(limits, || self.try_hold(&mut copy), over)?;
        self.view(self.holds.insert(found.position), found.record.len, found.record.state == State::Again)
    }

    fn try_hold(&self, copy: &mut impl FnMut(usize, usize) -> Result<()>) -> Result<Option<Found>> {
        self.segment.check()?;
        let inside = self.enter_get()?;
        if self.state.load(Ordering::Acquire) >= CLOSED {
            return Err(self.closed());
        }
        if self.detached.load(Ordering::Relaxed) == 0 && self.ready() == 0 && !self.is_reaping_due() {
            return Ok(None); // without touching what others would have to fetch anew
        }
        let before = self.freed();
        self.detach();
        let held = self.hold_next(copy);
        self.reclaim()?;
        let freed = self.freed() != before;
        drop(inside);
        if freed {
            self.notify(&self.not_full, u32::MAX, self.is_locked());
        }
        held
    }

    fn hold_next(&self, copy: &mut impl FnMut(usize, usize) -> Result<()>) -> Result<Option<Found>> {
        let me = self.segment.domain().me()?.word();
        let Some(found) = self.find()? else { return Ok(None) };
        copy(self.offset(found.position) + PREFIX, found.record.len)?;
        self.set(found.position, Record::owned(State::Held, found.record.len, me))?;
        self.go_past(&found)?;
        Ok(Some(found))
    }

    /// A message that was held is done.
    pub(super) fn release(&self, id: u64) -> Result<()> {
        self.end_hold(id, State::Free)
    }

    /// A message that was held is to be delivered again, before all others.
    pub(super) fn put_back(&self, id: u64) -> Result<()> {
        self.end_hold(id, State::Again)
    }

    /// One compare-and-swap, without a lock: it works also while somebody is stopped inside.
    fn end_hold(&self, id: u64, state: State) -> Result<()> {
        self.segment.check()?;
        let position = own(&self.holds, id)?;
        if !self.holds.remove(id) {
            return Err(Error::NotOwner); // another thread was faster
        }
        let closed = self.state.load(Ordering::Acquire);
        if closed >= CLOSED {
            return Ok(());
        }
        let held = self.owned_at(position, &[State::Held])?.ok_or(Error::NotOwner)?;
        if !self.replace(position, held, held.turned(state))? {
            return Err(Error::NotOwner); // only shared memory gone wild
        }
        if state == State::Again {
            self.late.store(1, Ordering::Release);
            self.notify(&self.not_empty, 1, false);
            return Ok(());
        }
        // If somebody else is inside, or stopped there, the next one to come gives the room back.
        let inside = self.enter_get_briefly();
        if let Ok(inside) = inside {
            self.reclaim()?;
            drop(inside);
            self.notify(&self.not_full, u32::MAX, self.is_locked());
        }
        if closed == DRAINING {
            self.notify(&self.not_empty, u32::MAX, false); // it may have been the last
        }
        Ok(())
    }

    /// As the fast path of [`Ring::try_get`], for any ring; inside the get lock.
    #[cold]
    #[inline(never)]
    pub(super) fn take_slowly(
        &self,
        max: usize,
        read: &mut impl FnMut(usize, usize) -> Result<bool>,
        account: &impl Fn(u32) -> Result<()>,
    ) -> Result<()> {
        self.detach();
        let mut result = Ok(());
        for _ in 0..max {
            let Some(found) = self.find()? else { break };
            match read(self.offset(found.position) + PREFIX, found.record.len) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            account(1)?;
            self.set(found.position, found.record.turned(State::Free))?;
            self.go_past(&found)?;
        }
        self.reclaim()?;
        result
    }

    /// From here on `read` says how far consumers went.
    fn detach(&self) {
        if self.detached.load(Ordering::Relaxed) == 0 {
            self.read.store(self.head.load(Ordering::Relaxed), Ordering::Release);
            self.detached.store(1, Ordering::Release);
        }
    }

    /// The message to be taken next: of those that consumers went past the oldest, else the first behind them.
    fn find(&self) -> Result<Option<Found>> {
        let reaper = self.reaper();
        self.reap(&reaper)?;
        if let Some(late) = self.find_late()? {
            return Ok(Some(late));
        }
        let found = self.advance(true, &reaper)?;
        // What we have just gone past may have been committed before the one that was found was even put.
        match found {
            Some(_) => Ok(self.find_late()?.or(found)),
            None => Ok(None),
        }
    }

    /// The oldest message among what consumers went past.
    fn find_late(&self) -> Result<Option<Found>> {
        if self.late.load(Ordering::Acquire) == 0 {
            return Ok(None);
        }
        // A locked instruction: what comes late from now on sets it again.
        self.late.swap(0, Ordering::SeqCst);
        let mut found = None;
        self.each_past(|position, record| {
            if matches!(record.state, State::Whole | State::Again) {
                found = Some(Found { position, record, late: true });
            }
            Ok(found.is_none())
        })?;
        if found.is_some() {
            self.late.store(1, Ordering::Release); // there may be more
        }
        Ok(found)
    }

    /// Goes past everything at `read` that is not a message.
    fn advance(&self, past_claims: bool, reaper: &Reaper) -> Result<Option<Found>> {
        let head = Mark::unpack(self.head.load(Ordering::Relaxed)).position;
        let mut at = Mark::unpack(self.read.load(Ordering::Relaxed));
        while let Some(record) = self.next_record(at.position)? {
            let next = at.behind(&record);
            if next.position.wrapping_sub(head) > self.capacity {
                return Err(self.segment.poison("the ring has no end"));
            }
            match record.state {
                State::Whole | State::Again => {
                    return Ok(Some(Found { position: at.position, record, late: false }));
                }
                State::Claimed if reaper.is_dead(&record) && self.pad(at.position, record)? => {}
                State::Claimed => {
                    let last = next.position == Mark::unpack(self.tail.load(Ordering::Acquire)).position;
                    if POLLED || !past_claims || last {
                        return Ok(None);
                    }
                    let passed = Record::owned(State::Passed, record.len, record.owner().unwrap_or(0));
                    if !self.replace(at.position, record, passed)? {
                        continue; // committed or given up just now
                    }
                }
                // A consumer died on its way past it. (A holder's death is found out by reap().)
                State::Held | State::Passed => {}
                State::Free | State::Rest => {}
            }
            at = next;
            self.read.store(at.pack(), Ordering::Release);
        }
        Ok(None)
    }

    /// The record at a position, if there is one.
    fn next_record(&self, position: u32) -> Result<Option<Record>> {
        if !POLLED && position == Mark::unpack(self.tail.load(Ordering::Acquire)).position {
            return Ok(None);
        }
        let prefix = self.region().load_u64(self.offset(position))?;
        if POLLED && prefix == 0 {
            return Ok(None);
        }
        self.record(prefix).map(Some)
    }

    /// `read` goes past a message that was found there, and past the padding behind it.
    fn go_past(&self, found: &Found) -> Result<()> {
        if found.late {
            return Ok(());
        }
        let mut at = Mark::unpack(self.read.load(Ordering::Relaxed)).after(found.record.units());
        if let Some(next) = self.next_record(at.position)?.filter(|next| next.state == State::Rest) {
            at = at.behind(&next);
        }
        self.read.store(at.pack(), Ordering::Release);
        Ok(())
    }

    /// Visits what consumers went past, while `visit` says to go on. Joins neighbours that are free, so that a long walk
    /// is made once.
    fn each_past(&self, mut visit: impl FnMut(u32, Record) -> Result<bool>) -> Result<()> {
        let mut at = Mark::unpack(self.head.load(Ordering::Relaxed)).position;
        let read = Mark::unpack(self.read.load(Ordering::Relaxed)).position;
        if read.wrapping_sub(at) > self.capacity {
            return Err(self.segment.poison("head and mark of the ring are impossible"));
        }
        let mut run: Option<(u32, Record)> = None;
        while at != read {
            let record = self.record_at(at)?;
            let (units, left) = (record.units(), read.wrapping_sub(at));
            if units > left {
                return Err(self.segment.poison("a record leads past the mark"));
            }
            if matches!(record.state, State::Free | State::Rest) {
                run = match run {
                    Some((start, joined)) if (joined.units() + units) as usize * UNIT <= record::MOST => {
                        let joined = Record::rest(joined.units() + units);
                        self.set(start, joined)?;
                        Some((start, joined))
                    }
                    _ => Some((at, record)),
                };
            } else {
                run = None;
                if !visit(at, record)? {
                    break;
                }
            }
            at = at.wrapping_add(units);
        }
        Ok(())
    }

    /// Gives room back: the head follows over what is free, and if nothing is left behind, the ring is attached
    /// again.
    pub(super) fn reclaim(&self) -> Result<()> {
        if self.detached.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let head = Mark::unpack(self.head.load(Ordering::Relaxed));
        let read = Mark::unpack(self.read.load(Ordering::Relaxed));
        let mut at = head.position;
        if read.position.wrapping_sub(at) > self.capacity {
            return Err(self.segment.poison("head and mark of the ring are impossible"));
        }
        while at != read.position {
            let record = self.record_at(at)?;
            if !matches!(record.state, State::Free | State::Rest) {
                break;
            }
            if record.units() > read.position.wrapping_sub(at) {
                return Err(self.segment.poison("a record leads past the mark"));
            }
            at = at.wrapping_add(record.units());
        }
        if at == read.position {
            if !POLLED {
                // The copy must not be behind the head.
                self.refresh_tail();
            }
            self.head.store(read.pack(), Ordering::Release);
            self.detached.store(0, Ordering::Release);
        } else if at != head.position {
            self.head.store(Mark { position: at, count: head.count }.pack(), Ordering::Release);
        }
        Ok(())
    }

    // --- the dead ------------------------------------------------------------------------------------

    pub(super) fn is_reaping_due(&self) -> bool {
        clock::coarse_ns().saturating_sub(self.reaped.load(Ordering::Relaxed)) >= REAP_NS
    }

    /// Asks who is dead, if it is time for that.
    fn reaper(&self) -> Reaper<'_> {
        let due = self.is_reaping_due();
        if due {
            self.reaped.store(clock::coarse_ns(), Ordering::Relaxed);
        }
        Reaper { domain: due.then(|| self.segment.domain()), known: Cell::new([(0, true); KNOWN]) }
    }

    /// Looks for what the dead left among what consumers went past; inside the get lock, detached.
    fn reap(&self, reaper: &Reaper) -> Result<()> {
        if reaper.domain.is_none() {
            return Ok(());
        }
        self.each_past(|position, record| {
            match record.state {
                State::Passed if reaper.is_dead(&record) => {
                    self.pad(position, record)?;
                }
                State::Held if reaper.is_dead(&record) => self.give_back(position, record)?,
                // Its committer, or whoever put it back, may have died before it could say so.
                State::Whole | State::Again => self.late.store(1, Ordering::Release),
                _ => {}
            }
            Ok(true)
        })?;
        // A holder may have died on its way past the message.
        let at = Mark::unpack(self.read.load(Ordering::Relaxed)).position;
        match self.next_record(at)? {
            Some(record) if record.state == State::Held && reaper.is_dead(&record) => {
                self.set(at, record.turned(State::Again))
            }
            _ => Ok(()),
        }
    }

    /// A dead producer's reservation is padding.
    fn pad(&self, position: u32, record: Record) -> Result<bool> {
        if crash::mutant(crash::Mutant::NoPadding) {
            return Ok(false);
        }
        self.replace(position, record, record.turned(State::Free))
    }

    /// A dead holder's message is a message again.
    fn give_back(&self, position: u32, record: Record) -> Result<()> {
        let state = if crash::mutant(crash::Mutant::LeaseLost) { State::Free } else { State::Again };
        self.set(position, record.turned(state))?;
        self.late.store(1, Ordering::Release);
        Ok(())
    }

    /// Frees what can be freed without taking a message; inside the get lock. Whether there was anything.
    fn tidy(&self) -> Result<bool> {
        let before = self.freed();
        self.detach();
        let reaper = self.reaper();
        self.reap(&reaper)?;
        self.advance(false, &reaper)?;
        self.reclaim()?;
        Ok(self.freed() != before)
    }

    /// For a producer without room: what is free already, or what the dead have left behind, may be in its way.
    pub(super) fn look_for_room(&self) -> Result<()> {
        self.look_for_room_within(BRIEFLY_NS).map(|_| ())
    }

    /// The same, waiting for whoever is inside for `ns` at most; `false`: they were in the way.
    pub(super) fn look_for_room_within(&self, ns: u64) -> Result<bool> {
        let head = Mark::unpack(self.head.load(Ordering::Acquire)).position;
        let padding = head != Mark::unpack(self.tail.load(Ordering::Acquire)).position
            && Record::unpack(self.region().load_u64(self.offset(head))?)
                .is_some_and(|r| matches!(r.state, State::Free | State::Rest));
        if !padding && !self.is_reaping_due() {
            return Ok(true);
        }
        // Where there is no lock, only the consumer can look.
        let Ok(inside) = self.visit_get(ns) else { return Ok(!self.is_locked()) };
        let freed = self.tidy()?;
        drop(inside);
        if freed {
            self.notify(&self.not_full, u32::MAX, true);
        }
        Ok(true)
    }

    // --- looking -------------------------------------------------------------------------------------

    /// What is inside. Cheap, unless there are reservations or messages held.
    pub(super) fn survey(&self) -> Survey {
        let plain = self.marks_of_messages();
        if let Some(ready) = plain {
            return Survey { ready, ..Survey::default() };
        }
        let look = |inside| {
            // Whoever only ever looks finds out about the dead, too.
            let freed = self.tidy()?;
            let survey = self.survey_inside();
            drop(inside);
            if freed {
                self.notify(&self.not_full, u32::MAX, true);
            }
            survey
        };
        match self.visit_get(BRIEFLY_NS).and_then(look) {
            Ok(survey) => survey,
            Err(_) => {
                // Somebody is inside, or stopped there. Then the marks have to do.
                let (front, tail) = self.marks();
                Survey { ready: self.count_between(front, tail), ..Survey::default() }
            }
        }
    }

    /// Messages inside, if there are only such.
    pub(super) fn marks_of_messages(&self) -> Option<u64> {
        let (front, tail) = self.marks();
        if self.state.load(Ordering::Acquire) >= CLOSED {
            return Some(0);
        }
        let plain = self.detached.load(Ordering::Acquire) == 0 && !self.may_be_claimed(front, tail);
        plain.then(|| self.count_between(front, tail))
    }

    /// How many messages lie between two marks; never more than the ring can hold, also after a sender of a pipe
    /// died before it counted its message.
    fn count_between(&self, front: Mark, tail: Mark) -> u64 {
        let items = tail.count.wrapping_sub(front.count);
        u64::from(if items > i32::MAX as u32 { 0 } else { items.min(self.capacity) })
    }

    /// What is inside, one by one; inside the get lock.
    pub(super) fn survey_inside(&self) -> Result<Survey> {
        let me = self.segment.domain().me()?.word();
        let mut survey = Survey::default();
        if self.state.load(Ordering::Acquire) >= CLOSED {
            return Ok(survey); // dropped, whatever is still there
        }
        let head = Mark::unpack(self.head.load(Ordering::Relaxed)).position;
        let mut at = head;
        while let Some(record) = self.next_record(at)? {
            crash::point("look at a record");
            match record.state {
                State::Whole | State::Again => survey.ready += 1,
                State::Held => survey.held += 1,
                State::Claimed | State::Passed => survey.reserved += 1,
                State::Free | State::Rest => {}
            }
            survey.own += u64::from(record.owner() == Some(me));
            at = at.wrapping_add(record.units());
            if at.wrapping_sub(head) > self.capacity {
                return Err(self.segment.poison("the ring has no end"));
            }
        }
        Ok(survey)
    }

    /// For a consumer: whether nothing is inside or can come back, apart from what this process has itself. What the
    /// dead have left counts for what it is. Waits for whoever is inside for `ns` at most.
    pub(super) fn is_drained(&self, ns: u64) -> Result<bool> {
        if let Some(ready) = self.marks_of_messages() {
            return Ok(ready == 0);
        }
        let inside = self.enter_get_within(ns);
        if inside.is_err() {
            return Ok(false); // for the moment
        }
        self.reaped.store(0, Ordering::Relaxed);
        let freed = self.tidy()?;
        let survey = self.survey_inside()?;
        drop(inside);
        if freed {
            self.notify(&self.not_full, u32::MAX, false);
        }
        Ok(survey.ready == 0 && survey.held + survey.reserved == survey.own)
    }

    // --- records -------------------------------------------------------------------------------------

    fn set(&self, position: u32, record: Record) -> Result<()> {
        self.region().publish_u64(self.offset(position), record.pack())
    }

    fn replace(&self, position: u32, old: Record, new: Record) -> Result<bool> {
        self.region().replace_u64(self.offset(position), old.pack(), new.pack())
    }

    /// The record at a position, if it is this process's and in one of these states.
    fn owned_at(&self, position: u32, states: &[State]) -> Result<Option<Record>> {
        let me = self.segment.domain().me()?.word();
        let record = Record::unpack(self.region().load_u64(self.offset(position))?);
        Ok(record.filter(|r| r.owner() == Some(me) && states.contains(&r.state) && r.units() <= self.capacity))
    }

    /// What it means that something open through this handle is not in the ring any more.
    fn lost(&self) -> Error {
        if self.state.load(Ordering::Acquire) >= CLOSED {
            self.closed()
        } else {
            Error::NotOwner // in a forked child: the parent's
        }
    }

    fn view(&self, id: u64, len: usize, again: bool) -> Result<View> {
        let data = self.region().address(self.offset(opened::position(id)) + PREFIX, len)?;
        Ok(View::new(data, len, id, again))
    }

    /// What is open through this handle is given up. (What a forked child inherited is its parent's.)
    pub(super) fn give_up(&self) {
        for id in self.claims.ids() {
            let _ = self.abort(id); // an object found corrupt: nothing to be done
        }
        for id in self.holds.ids() {
            let _ = self.put_back(id);
        }
    }
}

/// The position that an id names, if that is open through this handle.
fn own(opened: &Opened, id: u64) -> Result<u32> {
    opened.contains(id).then(|| opened::position(id)).ok_or(Error::NotOwner)
}
