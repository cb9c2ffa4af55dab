//! The queue: a ring of messages between two robust locks.
//!
//! Producers share one lock, consumers another. A message is a record of 8 bytes (length, mark) and its
//! bytes, rounded up to 8; the ring is mapped twice in a row, so a record never has to be cut. A producer
//! writes the record and *then* publishes it with one store of the tail word; a consumer copies it out and
//! then frees it with one store of the head word. So there is nothing to repair after a death: what was
//! not published is not there, what was not freed is still there. Position and number of messages travel
//! in one 64-bit word each, so that they can never disagree.
//!
//! What each side writes stands on lines of its own, with a copy of the other side's word that is only
//! refreshed when it seems to be full or empty.

use super::options::{create_or_open, ObjectOptions};
use crate::shm::{header, Domain, Handle, Segment, Shape, Source, Word32, Word64};
use crate::sync::{Event, Inside, Limits, Mutex};
use crate::sys::{clock, crash};
use crate::{Error, Result};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

// Parameters in the header.
const AT_CAPACITY: usize = header::AT_PARAMS;
const AT_MAX_ITEMS: usize = header::AT_PARAMS + 8;

// Producers.
const AT_PUT_LOCK: usize = header::AT_HOT;
const AT_HEAD_SEEN: usize = header::AT_HOT + 8;
const AT_TAIL: usize = header::AT_HOT + 128;
// Consumers.
const AT_GET_LOCK: usize = header::AT_HOT + 256;
const AT_TAIL_SEEN: usize = header::AT_HOT + 264;
const AT_HEAD: usize = header::AT_HOT + 384;
// Everybody, rarely written.
const AT_STATE: usize = header::AT_HOT + 512;
const AT_NOT_EMPTY: usize = header::AT_HOT + 640;
const AT_NOT_FULL: usize = header::AT_HOT + 768;
/// The ring.
const AT_RING: usize = header::PAGE;

/// Positions count units of 8 bytes.
const UNIT: usize = 8;
/// A record's length and mark.
const RECORD: usize = 8;
/// The mark of a complete record.
const COMPLETE: u32 = 0x4d53_4721;

/// How far ahead of a record, in units, its side asks for the ring's lines, which are in the other side's cache: the
/// locked instruction that ends each operation would otherwise wait for them one by one.
const AHEAD: u32 = 128;

/// See [`Queue::keep_pace`].
const FEW: u32 = 7;
/// In pauses, which take 15 to 45 ns each.
const MAX_PACE: u32 = 24;
/// In ticks: about 2 µs, pause included.
const AT_ONCE: u64 = 5000;

/// How often an unlocked look at head and tail is repeated until it fits together.
const LOOKS: u32 = 16;

/// Largest ring.
const MAX_CAPACITY: u64 = 8 << 30;
const DEFAULT_CAPACITY: u64 = 1 << 20;

const OPEN: u32 = 0;
const DRAINING: u32 = 1;
const CLOSED: u32 = 2;

/// How to create a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// Options of every object.
    pub object: ObjectOptions,
    /// Bytes for messages, rounded up to a power of two of at least a page; 0: 1 MiB.
    pub capacity_bytes: u64,
    /// Most messages at a time; 0: as many as fit.
    pub max_items: u32,
}

impl QueueOptions {
    fn capacity(&self) -> Result<u64> {
        match self.capacity_bytes {
            0 => Ok(DEFAULT_CAPACITY),
            n if n <= MAX_CAPACITY => Ok(n.next_power_of_two().max(header::PAGE as u64)),
            _ => Err(Error::invalid("a queue has at most 8 GiB")),
        }
    }
}

/// What a queue is and how full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueInfo {
    /// Bytes for messages.
    pub capacity_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Messages inside.
    pub items: u64,
    /// Most messages at a time; 0: no such bound.
    pub max_items: u64,
    /// The longest message that can ever fit.
    pub max_message: u64,
    /// 0 open, 1 draining, 2 closed.
    pub state: u32,
    /// How often an internal lock was taken over from a dead process.
    pub steals: u32,
}

/// A position in the ring (in units, wrapping) and how many messages came before it (wrapping).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    position: u32,
    count: u32,
}

impl Mark {
    #[inline]
    fn unpack(word: u64) -> Mark {
        Mark { position: word as u32, count: (word >> 32) as u32 }
    }

    #[inline]
    fn pack(self) -> u64 {
        u64::from(self.position) | (u64::from(self.count) << 32)
    }

    /// Behind one more message of `units`.
    #[inline]
    fn after(self, units: u32) -> Mark {
        Mark { position: self.position.wrapping_add(units), count: self.count.wrapping_add(1) }
    }
}

/// A bounded first-in-first-out queue of messages, for many producers and consumers.
pub struct Queue {
    segment: Segment,
    /// Units of the ring; a power of two.
    capacity: u32,
    max_items: u32,
    put_lock: Mutex,
    head_seen: Word64,
    tail: Word64,
    get_lock: Mutex,
    tail_seen: Word64,
    head: Word64,
    state: Word32,
    not_empty: Event,
    not_full: Event,
    /// Pauses before this process asks for the tail again: see [`Queue::pace`].
    pace: AtomicU32,
    /// When this process asked for the tail and found something, in ticks.
    asked: AtomicU64,
}

impl Queue {
    /// Creates a queue, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Name`], [`Error::Kind`], [`Error::Type`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: &QueueOptions) -> Result<(Queue, bool)> {
        let capacity = options.capacity()?;
        create_or_open(
            name,
            options.object,
            || {
                Segment::create(
                    domain,
                    name,
                    header::Kind::Queue,
                    options.object.header_flags(),
                    shape(capacity),
                    |h| {
                        h.put_u64(AT_CAPACITY, capacity);
                        h.put_u64(AT_MAX_ITEMS, u64::from(options.max_items));
                    },
                    |_| Ok(()),
                )
            },
            |name| Queue::open(domain, name, options),
            |segment| Queue::on(segment, options.object, capacity, options.max_items),
        )
    }

    /// Opens a queue by name; bounds that are given must match.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Type`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: &QueueOptions) -> Result<Queue> {
        Queue::attach(Source::Name(domain, name), options)
    }

    /// Opens the queue that a handle leads to.
    ///
    /// # Errors
    /// As [`Queue::open`], and [`Error::Access`].
    pub fn import(handle: &Handle, options: &QueueOptions) -> Result<Queue> {
        Queue::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export()
    }

    fn attach(source: Source, options: &QueueOptions) -> Result<Queue> {
        let mut found = None;
        let segment = Segment::open(source, header::Kind::Queue, |h| {
            let (capacity, max_items) = (h.u64(AT_CAPACITY), h.u64(AT_MAX_ITEMS));
            let possible = capacity.is_power_of_two() && (header::PAGE as u64..=MAX_CAPACITY).contains(&capacity);
            let max_items = u32::try_from(max_items).ok().filter(|_| possible);
            let max_items = max_items.ok_or(Error::Corrupt("impossible bounds of a queue"))?;
            if options.capacity_bytes != 0 && options.capacity()? != capacity {
                return Err(Error::Type("another capacity"));
            }
            if options.max_items != 0 && options.max_items != max_items {
                return Err(Error::Type("another bound on items"));
            }
            found = Some((capacity, max_items));
            Ok(shape(capacity))
        })?;
        let (capacity, max_items) = found.ok_or(Error::Corrupt("no parameters"))?;
        Queue::on(segment, options.object, capacity, max_items)
    }

    fn on(segment: Segment, options: ObjectOptions, capacity: u64, max_items: u32) -> Result<Queue> {
        let r = segment.region();
        let spin = !options.no_spin;
        Ok(Queue {
            capacity: (capacity / UNIT as u64) as u32,
            max_items,
            put_lock: Mutex::new(r.word32(AT_PUT_LOCK)?, spin),
            head_seen: r.word64(AT_HEAD_SEEN)?,
            tail: r.word64(AT_TAIL)?,
            get_lock: Mutex::new(r.word32(AT_GET_LOCK)?, spin),
            tail_seen: r.word64(AT_TAIL_SEEN)?,
            head: r.word64(AT_HEAD)?,
            state: r.word32(AT_STATE)?,
            not_empty: Event::new(r, AT_NOT_EMPTY, spin)?,
            not_full: Event::new(r, AT_NOT_FULL, spin)?,
            pace: AtomicU32::new(0),
            asked: AtomicU64::new(0),
            segment,
        })
    }

    /// Puts a message at the end. After `Ok` it is in the queue whatever happens to this process.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (no room), [`Error::Canceled`], [`Error::Closed`], [`Error::TooBig`],
    /// [`Error::Busy`], [`Error::Corrupt`].
    #[inline]
    pub fn put(&self, message: &[u8], limits: Limits) -> Result<()> {
        let units = self.units(message.len())?;
        self.forget_pace();
        if self.try_put(1, units, |_| message)? == 1 {
            return Ok(());
        }
        let mut done = 0;
        self.wait_put(&mut done, 1, limits, |_| message)
    }

    /// Puts `count` messages, in order; also says how many are in.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub fn put_many<'m>(
        &self,
        count: usize,
        message: impl Fn(usize) -> &'m [u8],
        limits: Limits,
    ) -> (usize, Result<()>) {
        for i in 0..count {
            if let Err(error) = self.units(message(i).len()) {
                return (0, Err(error));
            }
        }
        let mut done = 0;
        if count == 0 {
            return (0, Ok(()));
        }
        let result = self.wait_put(&mut done, count, limits, message);
        (done, result)
    }

    #[inline(never)]
    fn wait_put<'m>(
        &self,
        done: &mut usize,
        count: usize,
        limits: Limits,
        message: impl Fn(usize) -> &'m [u8],
    ) -> Result<()> {
        let wanted = std::cell::Cell::new(0u32);
        self.not_full.wait(
            self.segment.domain(),
            limits,
            || {
                if self.state.load(Ordering::Relaxed) != OPEN {
                    return 1;
                }
                let units = wanted.get();
                u32::from(self.may_have_room(units)) + u32::from(self.may_have_room(units.saturating_mul(2)))
            },
            || {
                let first = *done;
                let units = self.units(message(first).len())?;
                *done += self.try_put(count - first, units, |i| message(first + i))?;
                if *done == count {
                    return Ok(Some(()));
                }
                wanted.set(self.units(message(*done).len())?);
                Ok(None)
            },
        )
    }

    /// Puts as many of `count` messages as there is room for, the first of which has `units`.
    #[inline]
    fn try_put<'m>(&self, count: usize, units: u32, message: impl Fn(usize) -> &'m [u8]) -> Result<usize> {
        self.segment.check()?;
        let inside = self.enter(&self.put_lock)?;
        if self.state.load(Ordering::Relaxed) != OPEN {
            return Err(Error::Closed);
        }
        let mut tail = Mark::unpack(self.tail.load(Ordering::Relaxed));
        let mut units = units;
        let mut done = 0;
        loop {
            if !self.has_room(tail, Mark::unpack(self.head_seen.load(Ordering::Relaxed)), units)? {
                // Acquire: the consumer has finished reading what we are going to overwrite.
                let head = self.head.load(Ordering::Acquire);
                self.head_seen.store(head, Ordering::Relaxed);
                if !self.has_room(tail, Mark::unpack(head), units)? {
                    break;
                }
            }
            if crash::mutant(crash::Mutant::PublishFirst) {
                self.tail.store(tail.after(units).pack(), Ordering::Release);
            }
            self.write_record(tail.position, message(done))?;
            tail = tail.after(units);
            done += 1;
            if done == count {
                break;
            }
            units = self.units(message(done).len())?;
        }
        if done > 0 {
            // The one store that makes them exist.
            self.tail.store(tail.pack(), Ordering::Release);
        }
        drop(inside);
        if done > 0 {
            self.not_empty.notify_after_unlock(self.segment.domain(), done as u32);
        }
        Ok(done)
    }

    #[inline]
    fn write_record(&self, position: u32, message: &[u8]) -> Result<()> {
        let at = self.offset(position);
        self.segment.region().prefetch::<true>(self.offset(position.wrapping_add(AHEAD)));
        let prefix = (message.len() as u64) | (u64::from(COMPLETE) << 32);
        self.segment.region().write_u64(at, prefix)?;
        self.segment.region().write(at + RECORD, message)
    }

    /// Takes the message at the front into `to`; returns its length.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (empty), [`Error::Canceled`], [`Error::Closed`], [`Error::MessageSize`] (the
    /// message stays), [`Error::Busy`], [`Error::Corrupt`].
    #[inline]
    pub fn get_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<usize> {
        self.take(limits, |at, len| {
            let to = to.get_mut(..len).ok_or(Error::MessageSize { needed: len })?;
            self.segment.region().read(at, to)?;
            Ok(len)
        })
    }

    /// Takes the message at the front.
    ///
    /// # Errors
    /// As [`Queue::get_into`], but for the size.
    pub fn get(&self, limits: Limits) -> Result<Vec<u8>> {
        self.take(limits, |at, len| self.segment.region().read_vec(at, len))
    }

    #[inline]
    fn take<T>(&self, limits: Limits, mut read: impl FnMut(usize, usize) -> Result<T>) -> Result<T> {
        let mut one = || {
            let mut taken = None;
            self.try_get(1, |at, len| {
                taken = Some(read(at, len)?);
                Ok(true)
            })?;
            Ok(taken)
        };
        self.keep_pace(limits);
        match one()? {
            Some(taken) => Ok(taken),
            None => self.wait_get(limits, one),
        }
    }

    /// A consumer as fast as the producers would fetch the tail's line for every single message, and slow
    /// both sides down by that. So if it asks for the tail again and again at once, and finds just a few
    /// messages each time, it pauses for about half a microsecond before it asks again. Never after finding
    /// nothing (so never in a dialogue), and never if it has time for other things between its gets.
    #[inline]
    fn keep_pace(&self, limits: Limits) {
        let pace = self.pace.load(Ordering::Relaxed);
        if pace > 0 && !limits.is_try() && self.head.load(Ordering::Relaxed) == self.tail_seen.load(Ordering::Relaxed) {
            for _ in 0..pace {
                std::hint::spin_loop();
            }
        }
    }

    /// Whoever puts as well is not just keeping up with others.
    #[inline]
    fn forget_pace(&self) {
        if self.pace.load(Ordering::Relaxed) != 0 {
            self.pace.store(0, Ordering::Relaxed);
        }
    }

    /// Learns from how many messages asking for the tail has found.
    #[inline]
    fn learn_pace(&self, found: u32) {
        let pace = self.pace.load(Ordering::Relaxed);
        let next = match (found, clock::ticks()) {
            (1..=FEW, Some(now)) => {
                // Private to this process, and only a guess: no need for more than a load and a store.
                let since = now.wrapping_sub(self.asked.load(Ordering::Relaxed));
                self.asked.store(now, Ordering::Relaxed);
                if since < AT_ONCE {
                    (pace * 2).clamp(3, MAX_PACE)
                } else {
                    0
                }
            }
            (0, _) | (_, None) => 0,
            _ => pace,
        };
        if next != pace {
            self.pace.store(next, Ordering::Relaxed);
        }
    }

    #[inline(never)]
    fn wait_get<T>(&self, limits: Limits, attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        self.not_empty.wait(
            self.segment.domain(),
            limits,
            || if self.state.load(Ordering::Relaxed) == OPEN { self.len().min(2) as u32 } else { 1 },
            attempt,
        )
    }

    /// Takes the messages at the front, as many as are there, fit and have a place in `lens`: one after the
    /// other, each at the next multiple of 8 bytes from the start of `to`. Returns how many.
    ///
    /// # Errors
    /// As [`Queue::get_into`], about the first message; [`Error::Invalid`] if `lens` is empty.
    pub fn get_many_into(
        &self,
        to: &mut [MaybeUninit<u8>],
        lens: &mut [MaybeUninit<usize>],
        limits: Limits,
    ) -> Result<usize> {
        if lens.is_empty() {
            return Err(Error::invalid("max is 0"));
        }
        let mut some = || {
            let (mut count, mut end) = (0, 0);
            self.try_get(lens.len(), |at, len| {
                let Some(to) = to.get_mut(end..).and_then(|rest| rest.get_mut(..len)) else {
                    return if count == 0 { Err(Error::MessageSize { needed: len }) } else { Ok(false) };
                };
                self.segment.region().read(at, to)?;
                lens[count].write(len);
                (count, end) = (count + 1, (end + len).next_multiple_of(8));
                Ok(true)
            })?;
            Ok((count > 0).then_some(count))
        };
        match some()? {
            Some(count) => Ok(count),
            None => self.wait_get(limits, some),
        }
    }

    /// Takes up to `max` messages that `read(offset, length)` accepts; frees those it accepted.
    #[inline]
    fn try_get(&self, max: usize, mut read: impl FnMut(usize, usize) -> Result<bool>) -> Result<()> {
        self.segment.check()?;
        let inside = self.enter(&self.get_lock)?;
        let state = self.state.load(Ordering::Acquire);
        if state >= CLOSED {
            return Err(Error::Closed);
        }
        let first = Mark::unpack(self.head.load(Ordering::Relaxed));
        let mut head = first;
        let mut tail = Mark::unpack(self.tail_seen.load(Ordering::Relaxed));
        while (head.count.wrapping_sub(first.count) as usize) < max {
            if head.position == tail.position {
                // Acquire: with the tail come the bytes before it.
                let word = self.tail.load(Ordering::Acquire);
                self.tail_seen.store(word, Ordering::Relaxed);
                tail = Mark::unpack(word);
                self.learn_pace(tail.count.wrapping_sub(head.count));
                if head.position == tail.position {
                    break;
                }
            }
            let filled = tail.position.wrapping_sub(head.position);
            let (at, len, units) = self.record(head.position, filled)?;
            match read(at, len) {
                Ok(true) => head = head.after(units),
                Ok(false) => break,
                Err(error) => return Err(error),
            }
        }
        if head != first {
            // The one store that gives the room back.
            self.head.store(head.pack(), Ordering::Release);
        }
        drop(inside);
        if head != first {
            self.not_full.notify_after_unlock(self.segment.domain(), u32::MAX);
        } else if state == DRAINING && self.is_empty() {
            // Nothing was published after the state was set, so empty means drained.
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// Reads and checks the record at a position, of which `filled` units are published: offset and length
    /// of its message, and its units.
    #[inline]
    fn record(&self, position: u32, filled: u32) -> Result<(usize, usize, u32)> {
        let at = self.offset(position);
        if filled > AHEAD {
            self.segment.region().prefetch::<false>(self.offset(position.wrapping_add(AHEAD)));
        }
        let prefix = self.segment.region().read_u64(at)?;
        let (len, mark) = ((prefix as u32) as usize, (prefix >> 32) as u32);
        let units = (len + RECORD).div_ceil(UNIT) as u32;
        let possible = filled <= self.capacity && units <= filled && mark == COMPLETE;
        if !possible && !crash::mutant(crash::Mutant::TrustedLength) {
            return Err(self.segment.poison("a record of the queue is impossible"));
        }
        Ok((at + RECORD, len, units))
    }

    #[inline]
    fn enter<'a>(&'a self, lock: &'a Mutex) -> Result<Inside<'a>> {
        lock.enter(self.segment.domain(), || {
            self.segment.count_steal();
            // Nothing to repair (see the top of this file). But the dead may have owed a wake-up.
            self.not_empty.notify(self.segment.domain(), u32::MAX);
            self.not_full.notify(self.segment.domain(), u32::MAX);
            Ok(())
        })
    }

    /// Offset of a position in the segment.
    #[inline]
    fn offset(&self, position: u32) -> usize {
        AT_RING + (position & (self.capacity - 1)) as usize * UNIT
    }

    /// Units of a message's record, or [`Error::TooBig`].
    #[inline]
    fn units(&self, len: usize) -> Result<u32> {
        if len > self.max_message() {
            return Err(Error::TooBig { len, max: self.max_message() });
        }
        Ok((len + RECORD).div_ceil(UNIT) as u32)
    }

    #[inline]
    fn max_message(&self) -> usize {
        (self.capacity as usize * UNIT - RECORD).min(u32::MAX as usize - 2 * RECORD)
    }

    /// Whether `units` more fit between the two marks, which the caller has read inside the put lock.
    #[inline]
    fn has_room(&self, tail: Mark, head: Mark, units: u32) -> Result<bool> {
        if tail.position.wrapping_sub(head.position) > self.capacity {
            return Err(self.segment.poison("head and tail of the queue are impossible"));
        }
        Ok(self.leaves_room(tail, head, units))
    }

    #[inline]
    fn leaves_room(&self, tail: Mark, head: Mark, units: u32) -> bool {
        let used = tail.position.wrapping_sub(head.position);
        let items = tail.count.wrapping_sub(head.count);
        self.capacity.saturating_sub(used) >= units && (self.max_items == 0 || items < self.max_items)
    }

    /// Whether an attempt to put `units` is worth it.
    fn may_have_room(&self, units: u32) -> bool {
        let (head, tail) = self.marks();
        self.leaves_room(tail, head, units)
    }

    /// Head and tail as they were at one moment, without a lock: the head did not move while the tail was
    /// read. Shared memory gone wild could keep moving it; then the last look has to do, and whoever acts
    /// on it finds out inside the lock.
    #[inline]
    fn marks(&self) -> (Mark, Mark) {
        let mut head = self.head.load(Ordering::Acquire);
        let mut tail = self.tail.load(Ordering::Acquire);
        for _ in 0..LOOKS {
            let again = self.head.load(Ordering::Acquire);
            if again == head {
                break;
            }
            head = again;
            tail = self.tail.load(Ordering::Acquire);
        }
        (Mark::unpack(head), Mark::unpack(tail))
    }

    /// How many messages, and units, lie between two marks; never more than the queue can hold.
    fn between(&self, head: Mark, tail: Mark) -> (u32, u32) {
        let units = tail.position.wrapping_sub(head.position).min(self.capacity);
        (tail.count.wrapping_sub(head.count).min(units), units)
    }

    /// Messages inside.
    pub fn len(&self) -> usize {
        let (head, tail) = self.marks();
        self.between(head, tail).0 as usize
    }

    /// Whether no message is inside.
    #[inline]
    pub fn is_empty(&self) -> bool {
        let (head, tail) = self.marks();
        head.position == tail.position
    }

    /// Whether not even an empty message would fit.
    pub fn is_full(&self) -> bool {
        !self.may_have_room(1)
    }

    /// Bounds, fill and state.
    pub fn info(&self) -> QueueInfo {
        let (head, tail) = self.marks();
        let (items, units) = self.between(head, tail);
        QueueInfo {
            capacity_bytes: u64::from(self.capacity) * UNIT as u64,
            used_bytes: u64::from(units) * UNIT as u64,
            items: u64::from(items),
            max_items: u64::from(self.max_items),
            max_message: self.max_message() as u64,
            state: self.state.load(Ordering::Relaxed).min(CLOSED),
            steals: self.segment.steals(),
        }
    }

    /// Shuts the queue down for everybody: gracefully, or at once with the messages inside dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] if a stopped process is inside, [`Error::Corrupt`].
    pub fn shutdown(&self, immediate: bool) -> Result<()> {
        self.segment.check()?;
        {
            // Inside the producers' lock: when it is released, no put can still be under way.
            let _inside = self.enter(&self.put_lock)?;
            let state = if immediate { CLOSED } else { DRAINING };
            if self.state.load(Ordering::Relaxed) < state {
                self.state.store(state, Ordering::Release);
            }
        }
        if immediate {
            let _inside = self.enter(&self.get_lock)?;
            self.head.store(self.tail.load(Ordering::Acquire), Ordering::Release);
        }
        self.not_empty.notify(self.segment.domain(), u32::MAX);
        self.not_full.notify(self.segment.domain(), u32::MAX);
        Ok(())
    }
}

fn shape(capacity: u64) -> Shape {
    Shape { len: header::PAGE as u64 + capacity, rings: 1, ring: capacity }
}
