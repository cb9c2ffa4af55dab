//! A ring of messages from many producers to many consumers: the queue has one, the pipe one each way.
//!
//! Producers share one robust lock, consumers another. The ring is mapped twice in a row, so a record never has
//! to be cut. A producer writes a record and *then* publishes it with one store; a consumer copies it out and
//! then frees it with one store of the head word. So there is nothing to repair after a death: what was not
//! published is not there, what was not freed is still there. Position and number of messages travel in one
//! 64-bit word each, so that they can never disagree. What each side writes stands on lines of its own.
//!
//! There are two ways to publish. The queue stores the tail word; its consumers keep a copy of it that they
//! refresh when they seem to be at the end, so that a stream costs few transfers of its line. The pipe is POLLED:
//! the record's own prefix is stored last, and the receiver looks at the place where the next prefix will appear;
//! so a message costs one transfer in a dialogue. For that, a sender makes the place behind its record vacant
//! first; and it goes past a record that a dead sender published and did not live to count, which it knows by a word
//! (`sending`) beside the tail.
//!
//! Messages in place (reservations, messages held by consumers) are [`super::inplace`]'s. While there are any that
//! consumers have gone past, the ring is *detached*: `read` says how far they went, and the head stays behind
//! until everything before it is free.

use super::copies::{self, Copies};
use super::opened::Opened;
use super::pace::Pace;
use super::patience::Patience;
use super::presence::Presence;
use super::record::{self, Record, State, PREFIX, UNIT};
use crate::shm::{header, Region, Segment, Word32, Word64};
use crate::sync::{Doorbell, EventCount, Inside, Limits, Manner, Mutex, BELLS_LEN};
use crate::sys::crash;
use crate::{Error, Result};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

// Producers.
pub(crate) const PUT_LOCK: usize = 0;
pub(crate) const HEAD_SEEN: usize = 8;
pub(crate) const TAIL: usize = 128;
pub(crate) const LAST_CLAIM: usize = 136;
pub(crate) const SENDING: usize = 144;
// Consumers.
pub(crate) const GET_LOCK: usize = 256;
pub(crate) const TAIL_SEEN: usize = 264;
pub(crate) const HEAD: usize = 384;
pub(crate) const READ: usize = 392;
pub(crate) const DETACHED: usize = 400;
// Everybody, rarely written.
pub(crate) const STATE: usize = 512;
pub(crate) const LATE: usize = 516;
pub(crate) const NOT_EMPTY: usize = 640;
pub(crate) const NOT_FULL: usize = 768;
/// Bytes of a ring's words.
pub(crate) const WORDS: usize = 1024;

/// How far ahead of a record, in units, its side asks for the ring's lines, which are in the other side's cache: the
/// locked instruction that ends each operation would otherwise wait for them one by one.
const AHEAD: u32 = 128;

/// How often an unlocked look at head and tail is repeated until it fits together.
const LOOKS: u32 = 16;

/// For those who only look, or tidy up.
pub(super) const BRIEFLY_NS: u64 = 10_000_000;

/// Most bytes of a ring.
const MAX_CAPACITY: u64 = 8 << 30;
const DEFAULT_CAPACITY: u64 = 1 << 20;

pub(crate) const OPEN: u32 = 0;
pub(crate) const DRAINING: u32 = 1;
pub(crate) const CLOSED: u32 = 2;

/// Bytes of a ring for which `wanted` were asked; 0: the default.
pub(super) fn capacity(wanted: u64) -> Result<u64> {
    match wanted {
        0 => Ok(DEFAULT_CAPACITY),
        n if n <= MAX_CAPACITY => Ok(n.next_power_of_two().max(header::PAGE as u64)),
        _ => Err(Error::invalid("a ring has at most 8 GiB")),
    }
}

/// Whether a capacity found in shared memory is one.
pub(crate) fn is_capacity(bytes: u64) -> bool {
    bytes.is_power_of_two() && (header::PAGE as u64..=MAX_CAPACITY).contains(&bytes)
}

/// A position in the ring (in units, wrapping) and how many messages came before it (wrapping).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: u32,
    pub(crate) count: u32,
}

impl Mark {
    #[inline]
    pub(crate) fn unpack(word: u64) -> Mark {
        Mark { position: word as u32, count: (word >> 32) as u32 }
    }

    #[inline]
    pub(super) fn pack(self) -> u64 {
        u64::from(self.position) | (u64::from(self.count) << 32)
    }

    /// Behind one more message of `units`.
    #[inline]
    pub(super) fn after(self, units: u32) -> Mark {
        Mark { position: self.position.wrapping_add(units), count: self.count.wrapping_add(1) }
    }

    /// Behind one more record.
    pub(super) fn behind(self, record: &Record) -> Mark {
        let counted = u32::from(record.state != State::Rest);
        Mark { position: self.position.wrapping_add(record.units()), count: self.count.wrapping_add(counted) }
    }
}

/// Where a ring lies in its segment, and how it is used.
pub(super) struct Place {
    /// Offset of its words.
    pub(super) words: usize,
    /// Offset of the ring in the mapping.
    pub(super) ring: usize,
    pub(super) capacity_bytes: u64,
    /// 0: as many as fit.
    pub(super) max_items: u32,
    pub(super) manner: Manner,
    /// Whether several threads or processes may be on the same side.
    pub(super) shared: bool,
    /// Offset of the bells, if there are any: [`BELLS`] bytes.
    pub(super) bells: Option<usize>,
}

/// Bytes for the bells of both sides; whole pages, so that rings stay where rings can be.
pub(crate) const BELLS: usize = header::PAGE;
const _: () = assert!(2 * BELLS_LEN <= BELLS);

/// See the top of this file.
pub(super) struct Ring<const POLLED: bool> {
    pub(super) segment: Segment,
    /// Offset of the ring in the mapping.
    ring: usize,
    /// Units of the ring; a power of two.
    pub(super) capacity: u32,
    pub(super) max_items: u32,
    shared: bool,
    put_lock: Mutex,
    head_seen: Word64,
    pub(super) tail: Word64,
    pub(super) last_claim: Word32,
    /// If POLLED: the tail as it will be when what is being published is counted.
    pub(super) sending: Word64,
    get_lock: Mutex,
    tail_seen: Word64,
    pub(super) head: Word64,
    pub(super) read: Word64,
    pub(super) detached: Word32,
    pub(super) state: Word32,
    /// Whether there may be messages among what consumers went past.
    pub(super) late: Word32,
    pub(super) not_empty: EventCount,
    pub(super) not_full: EventCount,
    pub(super) pace: Pace,
    copies: Copies,
    /// When this handle last looked for the dead.
    pub(super) reaped: AtomicU64,
    /// Those on the other side: producers of the queue, the other end of the pipe.
    pub(super) others: Presence,
    pub(super) claims: Opened,
    pub(super) holds: Opened,
}

/// What an attempt to take messages found at the front.
enum Front {
    Message {
        at: usize,
        len: usize,
        units: u32,
    },
    Nothing,
    /// Something that only [`super::inplace`] understands.
    Other,
}

impl<const POLLED: bool> Ring<POLLED> {
    pub(super) fn new(segment: &Segment, place: &Place, others: Presence) -> Result<Self> {
        let (r, at, manner) = (segment.region(), place.words, place.manner);
        let bells = |side: usize| {
            let at = place.bells.map(|at| at + side * BELLS_LEN);
            at.map(|at| Doorbell::new(segment.domain(), r, at, segment.identity())).transpose()
        };
        Ok(Ring {
            ring: place.ring,
            capacity: (place.capacity_bytes / UNIT as u64) as u32,
            max_items: place.max_items,
            shared: place.shared,
            put_lock: Mutex::new(r.word32(at + PUT_LOCK)?, manner.internal()),
            head_seen: r.word64(at + HEAD_SEEN)?,
            tail: r.word64(at + TAIL)?,
            last_claim: r.word32(at + LAST_CLAIM)?,
            sending: r.word64(at + SENDING)?,
            get_lock: Mutex::new(r.word32(at + GET_LOCK)?, manner.internal()),
            tail_seen: r.word64(at + TAIL_SEEN)?,
            head: r.word64(at + HEAD)?,
            read: r.word64(at + READ)?,
            detached: r.word32(at + DETACHED)?,
            state: r.word32(at + STATE)?,
            late: r.word32(at + LATE)?,
            not_empty: EventCount::new(r, at + NOT_EMPTY, manner)?.with_bells(bells(0)?),
            not_full: EventCount::new(r, at + NOT_FULL, manner)?.with_bells(bells(1)?),
            pace: Pace::new(),
            copies: Copies::new(),
            reaped: AtomicU64::new(0),
            others,
            claims: Opened::new(),
            holds: Opened::new(),
            segment: segment.clone(),
        })
    }

    #[inline]
    pub(super) fn region(&self) -> &Region {
        self.segment.region()
    }

    // --- producers -----------------------------------------------------------------------------------

    /// Puts a message at the end; `look` is called before each sleep, and ends the wait by an error.
    #[inline]
    pub(super) fn put(&self, message: &[u8], limits: Limits, look: impl Fn() -> Result<()>) -> Result<()> {
        let units = self.units(message.len())?;
        if self.try_put(1, units, |_| message)? == 1 {
            return Ok(());
        }
        self.wait_put(&mut 0, 1, limits, |_| message, look)
    }

    /// Puts a message at the end, unless the fence has seen a greater token; `look` as in [`Ring::put`].
    pub(super) fn put_fenced(
        &self,
        message: &[u8],
        fence: &Word64,
        token: u64,
        limits: Limits,
        look: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let units = self.units(message.len())?;
        self.wait_room(limits, &Cell::new(units), look, || {
            let done = self.try_put_if(Some((fence, token)), 1, units, |_| message)?;
            Ok((done == 1).then_some(()))
        })
    }

    /// Puts messages `*done..count`, waiting for room.
    #[inline(never)]
    pub(super) fn wait_put<'m>(
        &self,
        done: &mut usize,
        count: usize,
        limits: Limits,
        message: impl Fn(usize) -> &'m [u8],
        look: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let wanted = Cell::new(0);
        self.wait_room(limits, &wanted, look, || {
            let first = *done;
            let units = self.units(message(first).len())?;
            *done += self.try_put(count - first, units, |i| message(first + i))?;
            if *done == count {
                return Ok(Some(()));
            }
            wanted.set(self.units(message(*done).len())?);
            Ok(None)
        })
    }

    /// Waits until `attempt` found the room of `wanted` units that it needs.
    pub(super) fn wait_room<T>(
        &self,
        limits: Limits,
        wanted: &Cell<u32>,
        look: impl Fn() -> Result<()>,
        mut attempt: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let seen = Cell::new(0);
        self.not_full.wait(
            self.segment.domain(),
            limits,
            || {
                if self.state.load(Ordering::Relaxed) != OPEN || self.others.word() != seen.get() {
                    return 1;
                }
                let units = wanted.get();
                u32::from(self.may_have_room(units)) + u32::from(self.may_have_room(units.saturating_mul(2)))
            },
            || {
                seen.set(self.others.word());
                if let Some(done) = attempt()? {
                    return Ok(Some(done));
                }
                look()?;
                // The look may have made room.
                attempt()
            },
        )
    }

    /// Puts as many of `count` messages as there is room for, the first of which has `units`.
    #[inline]
    pub(super) fn try_put<'m>(&self, count: usize, units: u32, message: impl Fn(usize) -> &'m [u8]) -> Result<usize> {
        self.try_put_if(None, count, units, message)
    }

    /// The same; if a fence and a token are given, only if that has not seen a greater one.
    #[inline(always)]
    fn try_put_if<'m>(
        &self,
        fence: Option<(&Word64, u64)>,
        count: usize,
        units: u32,
        message: impl Fn(usize) -> &'m [u8],
    ) -> Result<usize> {
        self.segment.check()?;
        let inside = self.enter_put()?;
        if fence.is_some_and(|(greatest, token)| greatest.load(Ordering::Relaxed) > token) {
            return Err(Error::Fenced);
        }
        let mut tail = self.end()?;
        let mut units = units;
        let mut done = 0;
        while self.find_room(tail, units)? {
            self.write_message(tail, units, message(done))?;
            tail = tail.after(units);
            done += 1;
            if done == count {
                break;
            }
            units = self.units(message(done).len())?;
        }
        if done > 0 {
            if let Some((greatest, token)) = fence {
                // First: whoever is killed in between has fenced off older tokens and put nothing, not the reverse.
                greatest.store(token, Ordering::Release);
            }
            // Unless POLLED: the one store that makes them exist.
            self.tail.store(tail.pack(), Ordering::Release);
        }
        drop(inside);
        if done > 0 {
            self.notify(&self.not_empty, done as u32, self.is_locked());
        }
        Ok(done)
    }

    /// Where the next record goes; inside the put lock.
    #[inline]
    pub(super) fn end(&self) -> Result<Mark> {
        if self.state.load(Ordering::Relaxed) != OPEN {
            return Err(self.closed());
        }
        let tail = self.tail.load(Ordering::Relaxed);
        // Not by a look at the ring: the receiver has that line, and we are going to write there.
        if POLLED && self.sending.load(Ordering::Relaxed) != tail {
            return self.count_published(Mark::unpack(tail));
        }
        Ok(Mark::unpack(tail))
    }

    /// What it means that the ring is not open.
    #[cold]
    pub(super) fn closed(&self) -> Error {
        if POLLED {
            self.segment.poison("a pipe is never shut down")
        } else {
            Error::Closed
        }
    }

    /// A sender died between its announcement and its count: goes past what it has published, if it has.
    #[cold]
    fn count_published(&self, tail: Mark) -> Result<Mark> {
        let mut end = tail;
        while self.region().read_u64(self.offset(end.position))? != 0 {
            let record = self.record_at(end.position)?;
            end = end.behind(&record);
            if end.position.wrapping_sub(tail.position) > self.capacity {
                return Err(self.segment.poison("the ring has no end"));
            }
        }
        self.tail.store(end.pack(), Ordering::Release);
        Ok(end)
    }

    /// Whether there is room for `units` at `tail`; inside the put lock.
    #[inline]
    pub(super) fn find_room(&self, tail: Mark, units: u32) -> Result<bool> {
        if self.has_room(tail, Mark::unpack(self.head_seen.load(Ordering::Relaxed)), units)? {
            return Ok(true);
        }
        let freed = self.freed();
        self.head_seen.store(freed.pack(), Ordering::Relaxed);
        self.has_room(tail, freed, units)
    }

    /// Writes a record; if POLLED, publishes it, too.
    #[inline(always)]
    fn write_message(&self, tail: Mark, units: u32, message: &[u8]) -> Result<()> {
        let at = self.offset(tail.position);
        if !POLLED {
            self.region().prefetch::<true>(self.offset(tail.position.wrapping_add(AHEAD)));
        }
        let prefix = record::whole(message.len());
        if POLLED {
            if crash::mutant(crash::Mutant::TerminatorLate) {
                self.region().publish_u64(at, prefix)?;
            }
            self.vacate(tail.position.wrapping_add(units))?;
            self.write_bytes(at + PREFIX, message)?;
            self.sending.store(tail.after(units).pack(), Ordering::Release);
            self.region().publish_u64(at, prefix)?;
            // The line in which the next message will end, while nobody waits for us.
            self.region().prefetch::<true>(self.offset(tail.position.wrapping_add(2 * units)));
            return Ok(());
        }
        if crash::mutant(crash::Mutant::PublishFirst) {
            self.tail.store(tail.after(units).pack(), Ordering::Release);
        }
        self.region().write_u64(at, prefix)?;
        self.write_bytes(at + PREFIX, message)
    }

    #[inline(always)]
    fn write_bytes(&self, at: usize, message: &[u8]) -> Result<()> {
        if message.len() < copies::LONG {
            return self.region().write(at, message);
        }
        self.write_long(at, message)
    }

    #[cold]
    #[inline(never)]
    fn write_long(&self, at: usize, message: &[u8]) -> Result<()> {
        self.copies.make(message.len(), |past| {
            if past {
                self.region().write_past_cache(at, message)
            } else {
                self.region().write(at, message)
            }
        })
    }

    /// Makes the place of the next record vacant, so that nobody takes for a record what stood there a round ago.
    #[inline]
    pub(super) fn vacate(&self, position: u32) -> Result<()> {
        self.region().write_u64(self.offset(position), 0)
    }

    // --- consumers -----------------------------------------------------------------------------------

    /// Takes the message at the front into `to`; returns its length. `account` hears of messages before they
    /// are taken.
    #[inline]
    pub(super) fn get_into(
        &self,
        to: &mut [MaybeUninit<u8>],
        limits: Limits,
        account: impl Fn(u32) -> Result<()>,
        over: impl Fn() -> Result<Option<Error>>,
    ) -> Result<usize> {
        let mut one = || {
            // Not an Option: that would be written in two pieces and read in one, which takes as long as the copy.
            let mut taken = usize::MAX;
            self.try_get(
                1,
                |at, len| {
                    let to = to.get_mut(..len).ok_or(Error::MessageSize { needed: len })?;
                    self.region().read(at, to)?;
                    taken = len;
                    Ok(true)
                },
                &account,
            )?;
            Ok((taken != usize::MAX).then_some(taken))
        };
        if POLLED && !limits.is_try() {
            self.not_empty.expect(|| self.is_next_there());
            if !self.is_next_there() {
                return self.wait_message(limits, one, over);
            }
        }
        if !POLLED && !limits.is_try() {
            self.pace.keep(|| self.head.load(Ordering::Relaxed) == self.tail_seen.load(Ordering::Relaxed));
        }
        match one()? {
            Some(taken) => Ok(taken),
            None => self.wait_message(limits, one, over),
        }
    }

    /// As [`Ring::get_into`], into a vector of its length; a message of more than `most` bytes stays.
    pub(super) fn get(
        &self,
        most: usize,
        limits: Limits,
        account: impl Fn(u32) -> Result<()>,
        over: impl Fn() -> Result<Option<Error>>,
    ) -> Result<Vec<u8>> {
        let one = || {
            let mut taken = None;
            self.try_get(
                1,
                |at, len| {
                    if len > most {
                        return Err(Error::MessageSize { needed: len });
                    }
                    taken = Some(self.region().read_vec(at, len)?);
                    Ok(true)
                },
                &account,
            )?;
            Ok(taken)
        };
        match one()? {
            Some(taken) => Ok(taken),
            None => self.wait_message(limits, one, over),
        }
    }

    /// Waits until `attempt` has a result. When it has none, `over` may say that there will be no more.
    #[inline(never)]
    pub(super) fn wait_message<T>(
        &self,
        limits: Limits,
        mut attempt: impl FnMut() -> Result<Option<T>>,
        over: impl Fn() -> Result<Option<Error>>,
    ) -> Result<T> {
        let seen = Cell::new((OPEN, 0));
        let changing = || (self.state.load(Ordering::Relaxed), self.others.word());
        self.not_empty.wait(
            self.segment.domain(),
            limits,
            || if changing() == seen.get() { self.ready() } else { 1 },
            || {
                seen.set(changing());
                if let Some(done) = attempt()? {
                    return Ok(Some(done));
                }
                crash::point("nothing found");
                let Some(end) = over()? else { return Ok(None) };
                if crash::mutant(crash::Mutant::EofFirst) {
                    return Err(end);
                }
                // What came in before the other side was gone.
                attempt()?.map(Some).ok_or(end)
            },
        )
    }

    /// Takes up to `max` messages that `read(offset, length)` accepts; frees those it accepted.
    #[inline]
    pub(super) fn try_get(
        &self,
        max: usize,
        read: impl FnMut(usize, usize) -> Result<bool>,
        account: impl Fn(u32) -> Result<()>,
    ) -> Result<()> {
        self.try_get_within(None, max, read, account)
    }

    /// The same, waiting for whoever is inside for so many nanoseconds at most.
    #[inline(always)]
    fn try_get_within(
        &self,
        ns: Option<u64>,
        max: usize,
        mut read: impl FnMut(usize, usize) -> Result<bool>,
        account: impl Fn(u32) -> Result<()>,
    ) -> Result<()> {
        self.segment.check()?;
        let inside = match ns {
            None => self.enter_get()?,
            Some(ns) => self.enter_get_within(ns)?,
        };
        if self.state.load(Ordering::Acquire) >= CLOSED {
            return Err(self.closed());
        }
        let first = Mark::unpack(self.head.load(Ordering::Relaxed));
        let mut head = first;
        let mut slow = self.detached.load(Ordering::Relaxed) != 0;
        if !slow {
            let mut tail = Mark::unpack(self.tail_seen.load(Ordering::Relaxed));
            while (head.count.wrapping_sub(first.count) as usize) < max {
                match self.front(head, &mut tail)? {
                    Front::Message { at, len, units } => {
                        if !read(at, len)? {
                            break;
                        }
                        head = head.after(units);
                    }
                    Front::Nothing => break,
                    Front::Other => {
                        slow = head == first;
                        break;
                    }
                }
            }
        }
        if slow {
            let before = self.freed();
            let result = self.take_slowly(max, &mut read, &account);
            // Also if nothing could be taken, or did not fit: there may be room now.
            let freed = self.freed() != before;
            drop(inside);
            if freed {
                self.notify(&self.not_full, u32::MAX, self.is_locked());
            }
            return result;
        }
        let taken = head.count.wrapping_sub(first.count);
        if taken > 0 {
            account(taken)?;
            // The one store that gives the room back.
            self.head.store(head.pack(), Ordering::Release);
        }
        drop(inside);
        if taken > 0 {
            self.notify(&self.not_full, u32::MAX, self.is_locked());
        }
        Ok(())
    }

    /// Whether something stands where the next message of an attached, POLLED ring will.
    #[inline]
    fn is_next_there(&self) -> bool {
        let head = Mark::unpack(self.head.load(Ordering::Relaxed));
        self.region().read_u64(self.offset(head.position)).is_ok_and(|prefix| prefix != 0)
    }

    /// Whether that is a message.
    fn is_whole_next(&self) -> bool {
        let head = Mark::unpack(self.head.load(Ordering::Relaxed));
        let prefix = self.region().load_u64(self.offset(head.position));
        prefix.is_ok_and(|prefix| record::whole_len(prefix).is_some())
    }

    /// What stands at the front of a ring that is not detached.
    #[inline(always)]
    fn front(&self, head: Mark, tail: &mut Mark) -> Result<Front> {
        let at = self.offset(head.position);
        let (prefix, filled) = if POLLED {
            (self.region().load_u64(at)?, self.capacity)
        } else {
            if head.position == tail.position {
                *tail = self.refresh_tail();
                self.pace.learn(tail.count.wrapping_sub(head.count));
                if head.position == tail.position {
                    return Ok(Front::Nothing);
                }
            }
            let filled = tail.position.wrapping_sub(head.position);
            if filled > AHEAD {
                self.region().prefetch::<false>(self.offset(head.position.wrapping_add(AHEAD)));
            }
            // Acquire: the bytes of a message that was written in place come with its prefix.
            (self.region().load_u64(at)?, filled)
        };
        let Some(len) = record::whole_len(prefix) else {
            return Ok(if POLLED && prefix == 0 { Front::Nothing } else { Front::Other });
        };
        let units = record::units(len);
        if (filled > self.capacity || units > filled) && !crash::mutant(crash::Mutant::TrustedLength) {
            return Err(self.segment.poison("a record of the ring is impossible"));
        }
        Ok(Front::Message { at: at + PREFIX, len, units })
    }

    /// Takes a fresh copy of the tail.
    #[inline]
    pub(super) fn refresh_tail(&self) -> Mark {
        // Acquire: with the tail come the bytes before it.
        let word = self.tail.load(Ordering::Acquire);
        self.tail_seen.store(word, Ordering::Relaxed);
        Mark::unpack(word)
    }

    /// A cheap look at how much a consumer would find: 0 nothing, 1 just enough for one attempt, 2 more. A lone
    /// reservation is nothing.
    pub(super) fn ready(&self) -> u32 {
        let late = u32::from(self.detached.load(Ordering::Acquire) != 0 && self.late.load(Ordering::Relaxed) != 0);
        // The tail's line is the producers': not to be fetched for nothing.
        let (front, tail) = if POLLED {
            let front = Mark::unpack(self.went());
            (front, front)
        } else {
            self.marks()
        };
        if !POLLED {
            if front.position == tail.position {
                return late;
            }
            if !self.may_be_claimed(front, tail) {
                return tail.count.wrapping_sub(front.count).clamp(1, 2);
            }
        }
        let Ok(prefix) = self.region().load_u64(self.offset(front.position)) else { return 1 };
        match Record::unpack(prefix) {
            None => late + u32::from(!POLLED || prefix != 0),
            Some(record) if record.state == State::Claimed => {
                let more = !POLLED && front.behind(&record).position != tail.position;
                late + u32::from(more)
            }
            Some(_) => 1,
        }
    }

    /// Whether there is a message, or whatever else a get would not wait for; `over` as in [`Ring::wait_message`],
    /// within so many nanoseconds. Takes nothing.
    pub(super) fn is_readable(&self, patience: &Patience, over: impl Fn(u64) -> Result<Option<Error>>) -> bool {
        if self.segment.check().is_err() || self.state.load(Ordering::Acquire) >= CLOSED {
            return true;
        }
        let plain = self.marks_of_messages();
        // Both, in a queue: what stands there may be from the last round.
        let marked = POLLED || plain.is_some_and(|messages| messages > 0);
        if marked && self.detached.load(Ordering::Acquire) == 0 && self.is_whole_next() {
            return true;
        }
        // What only a closer look can tell: a message, or a reservation; and what the dead have left.
        let odd = plain.is_none() || POLLED && self.is_next_there();
        let look = |ns| {
            let mut seen = false;
            let see = |_, _| {
                seen = true;
                Ok(false)
            };
            match self.try_get_within(Some(ns), 1, see, |_| Ok(())) {
                Ok(()) => seen,
                Err(Error::Busy) => {
                    patience.was_short();
                    false
                }
                Err(_) => true,
            }
        };
        let empty = !POLLED && plain == Some(0);
        let closer = || self.ready() > 0 || odd && self.is_reaping_due();
        if !empty && closer() && patience.spend(look) == Some(true) {
            return true;
        }
        let may_be_over = self.state.load(Ordering::Relaxed) != OPEN || self.others.is_gone();
        may_be_over && patience.spend(|ns| !matches!(over(ns), Ok(None))) == Some(true)
    }

    /// Whether there is room for a message of `units`, or whatever else a put would not wait for.
    pub(super) fn is_writable(&self, units: u32, patience: &Patience) -> bool {
        let there = || self.state.load(Ordering::Acquire) != OPEN || self.may_have_room(units);
        let closer = |ns| {
            let looked = self.look_for_room_within(ns);
            if looked == Ok(false) {
                patience.was_short();
            }
            looked.is_err() || there()
        };
        self.segment.check().is_err() || there() || patience.spend(closer) == Some(true)
    }

    /// Whether there may be a reservation between the two marks. (The last one may be on its way there: it is
    /// noted before it exists.)
    #[inline]
    pub(super) fn may_be_claimed(&self, front: Mark, tail: Mark) -> bool {
        let claim = self.last_claim.load(Ordering::Acquire).wrapping_sub(front.position);
        tail.position != front.position && claim <= tail.position.wrapping_sub(front.position)
    }

    // --- both ----------------------------------------------------------------------------------------

    /// Whether the sides have locks.
    #[inline]
    pub(super) fn is_locked(&self) -> bool {
        !POLLED || self.shared
    }

    #[inline]
    pub(super) fn enter_put(&self) -> Result<Inside<'_>> {
        self.enter(&self.put_lock)
    }

    #[inline]
    pub(super) fn enter_get(&self) -> Result<Inside<'_>> {
        self.enter(&self.get_lock)
    }

    /// Enters one side.
    #[inline]
    fn enter<'a>(&'a self, lock: &'a Mutex) -> Result<Inside<'a>> {
        if !self.is_locked() {
            return Ok(Inside::unlocked(self.segment.domain()));
        }
        lock.enter(self.segment.domain(), || self.recover())
    }

    /// As [`Ring::enter_put`], if that can be done within 10 ms.
    pub(super) fn enter_put_briefly(&self) -> Result<Inside<'_>> {
        self.enter_within(&self.put_lock, BRIEFLY_NS)
    }

    /// As [`Ring::enter_get`], if that can be done within 10 ms.
    pub(super) fn enter_get_briefly(&self) -> Result<Inside<'_>> {
        self.enter_get_within(BRIEFLY_NS)
    }

    /// As [`Ring::enter_get`], if that can be done within `ns`.
    pub(super) fn enter_get_within(&self, ns: u64) -> Result<Inside<'_>> {
        self.enter_within(&self.get_lock, ns)
    }

    fn enter_within<'a>(&'a self, lock: &'a Mutex, ns: u64) -> Result<Inside<'a>> {
        if !self.is_locked() {
            return self.enter(lock);
        }
        lock.enter_within(self.segment.domain(), ns, || self.recover())
    }

    /// Enters the consumers' side from elsewhere, if that can be done within `ns`.
    pub(super) fn visit_get(&self, ns: u64) -> Result<Inside<'_>> {
        if !self.is_locked() {
            return Err(Error::Busy); // there is no lock, and the consumer may be in the middle of anything
        }
        self.enter_get_within(ns)
    }

    /// After the death of somebody inside: nothing to repair (see the top of this file). But the dead may have owed
    /// a wake-up.
    fn recover(&self) -> Result<()> {
        self.segment.count_steal();
        self.late.store(1, Ordering::Release); // or a look for what is late
        self.wake_all();
        Ok(())
    }

    #[inline]
    pub(super) fn notify(&self, event: &EventCount, n: u32, after_unlock: bool) {
        if after_unlock {
            event.notify_after_unlock(self.segment.domain(), n);
        } else {
            event.notify(self.segment.domain(), n);
        }
    }

    pub(super) fn wake_all(&self) {
        self.not_empty.notify(self.segment.domain(), u32::MAX);
        self.not_full.notify(self.segment.domain(), u32::MAX);
    }

    /// Offset of a position in the segment.
    #[inline]
    pub(super) fn offset(&self, position: u32) -> usize {
        self.ring + (position & (self.capacity - 1)) as usize * UNIT
    }

    /// Units of a message's record, or [`Error::TooBig`].
    #[inline]
    pub(super) fn units(&self, len: usize) -> Result<u32> {
        if len > self.max_message() {
            return Err(Error::TooBig { len, max: self.max_message() });
        }
        Ok(record::units(len))
    }

    /// The longest message that can ever fit. If POLLED, one unit stays vacant.
    #[inline]
    pub(super) fn max_message(&self) -> usize {
        (self.capacity as usize * UNIT - PREFIX - if POLLED { UNIT } else { 0 }).min(record::MOST)
    }

    /// The record at a position, which must be one.
    pub(super) fn record_at(&self, position: u32) -> Result<Record> {
        self.record(self.region().load_u64(self.offset(position))?)
    }

    /// What a prefix says, which must be a record's.
    pub(super) fn record(&self, prefix: u64) -> Result<Record> {
        let record = Record::unpack(prefix).filter(|r| r.units() <= self.capacity);
        record.ok_or_else(|| self.segment.poison("a record is impossible"))
    }

    /// How far consumers have given room back: the position of the head; and how many messages they are past.
    #[inline]
    pub(super) fn freed(&self) -> Mark {
        // Acquire: the consumer has finished reading what we are going to overwrite.
        let mut head = Mark::unpack(self.head.load(Ordering::Acquire));
        if self.max_items != 0 && self.detached.load(Ordering::Acquire) != 0 {
            head.count = Mark::unpack(self.read.load(Ordering::Acquire)).count;
        }
        head
    }

    /// Whether `units` more fit between the two marks, which the caller has read inside the put lock.
    #[inline]
    fn has_room(&self, tail: Mark, head: Mark, units: u32) -> Result<bool> {
        if tail.position.wrapping_sub(head.position) > self.capacity {
            return Err(self.segment.poison("head and tail of the ring are impossible"));
        }
        Ok(self.leaves_room(tail, head, units))
    }

    #[inline]
    fn leaves_room(&self, tail: Mark, head: Mark, units: u32) -> bool {
        let used = tail.position.wrapping_sub(head.position);
        let items = tail.count.wrapping_sub(head.count);
        self.capacity.saturating_sub(used) >= units.saturating_add(u32::from(POLLED))
            && (self.max_items == 0 || items < self.max_items)
    }

    /// Whether an attempt to put `units` is worth it.
    pub(super) fn may_have_room(&self, units: u32) -> bool {
        let freed = self.freed();
        self.leaves_room(Mark::unpack(self.tail.load(Ordering::Acquire)), freed, units)
    }

    /// How far consumers are, without a lock.
    #[inline]
    pub(super) fn went(&self) -> u64 {
        if self.detached.load(Ordering::Acquire) == 0 {
            self.head.load(Ordering::Acquire)
        } else {
            self.read.load(Ordering::Acquire)
        }
    }

    /// How far consumers and producers were at one moment, without a lock: consumers did not move while the tail
    /// was read. Shared memory gone wild could keep moving; then the last look has to do, and whoever acts on it
    /// finds out inside the lock.
    #[inline]
    pub(super) fn marks(&self) -> (Mark, Mark) {
        let mut front = self.went();
        let mut tail = self.tail.load(Ordering::Acquire);
        for _ in 0..LOOKS {
            let again = self.went();
            if again == front {
                break;
            }
            front = again;
            tail = self.tail.load(Ordering::Acquire);
        }
        (Mark::unpack(front), Mark::unpack(tail))
    }

    /// Bytes in use.
    pub(super) fn used_bytes(&self) -> u64 {
        let head = Mark::unpack(self.head.load(Ordering::Acquire));
        let tail = Mark::unpack(self.tail.load(Ordering::Acquire));
        u64::from(tail.position.wrapping_sub(head.position).min(self.capacity)) * UNIT as u64
    }
}
