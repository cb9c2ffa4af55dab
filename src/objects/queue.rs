//! The queue: one ring, many producers, many consumers. How messages go in and out is [`super::ring`]'s, messages in
//! place and leases are [`super::inplace`]'s, counting unfinished work is [`super::tasks`]'s.

use super::options::{create_or_open, ObjectOptions};
use super::patience::Patience;
use super::presence::{Peer, Presence};
use super::ring::{self, Place, Ring, CLOSED, DRAINING};
use super::tasks::{self, Tasks};
use super::view::View;
use super::Acquired;
use crate::shm::{header, Domain, Handle, Holding, Role, Segment, Shape, Source, Word32, Word64};
use crate::sync::raw::Signal;
use crate::sync::{EventCount, Limits, Manner};
use crate::{Error, Result};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

// Parameters in the header.
pub(crate) const AT_CAPACITY: usize = header::AT_PARAMS;
pub(crate) const AT_MAX_ITEMS: usize = header::AT_PARAMS + 8;
pub(crate) const AT_FLAGS: usize = header::AT_PARAMS + 16;
pub(crate) const LEASE: u64 = 1;
pub(crate) const JOINABLE: u64 = 2;
pub(crate) const POLLABLE: u64 = 4;

// Behind the ring's words.
pub(crate) const AT_RING: usize = header::AT_HOT;
pub(crate) const AT_PRODUCERS: usize = AT_RING + ring::WORDS;
pub(crate) const AT_ABANDONED: usize = AT_PRODUCERS + 128;
pub(crate) const AT_FINISHED: usize = AT_PRODUCERS + 256;
pub(crate) const AT_DONE: usize = AT_PRODUCERS + 264;
/// u64: the greatest fencing token with which something was put.
pub(crate) const AT_FENCE: usize = AT_PRODUCERS + 384;
/// The table of unfinished messages, if there is one.
pub(crate) const AT_TABLE: usize = header::PAGE;

/// How to create a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// Options of every object.
    pub object: ObjectOptions,
    /// Bytes for messages, rounded up to a power of two of at least a page; 0: 1 MiB.
    pub capacity_bytes: u64,
    /// Most messages at a time; 0: as many as fit.
    pub max_items: u32,
    /// Messages are taken under a lease, or in place, only.
    pub lease: bool,
    /// Unfinished messages are counted, for [`Queue::join`].
    pub joinable: bool,
    /// Its handles can have descriptors for event loops.
    pub pollable: bool,
}

impl QueueOptions {
    fn flags(&self) -> u64 {
        u64::from(self.lease) * LEASE + u64::from(self.joinable) * JOINABLE + u64::from(self.pollable) * POLLABLE
    }

    /// Whether a queue with these bounds and modes is what is wanted.
    pub(crate) fn accept(&self, found: &QueueOptions) -> Result<()> {
        if self.capacity_bytes != 0 && ring::capacity(self.capacity_bytes)? != found.capacity_bytes {
            return Err(Error::Type("another capacity"));
        }
        if self.max_items != 0 && self.max_items != found.max_items {
            return Err(Error::Type("another bound on items"));
        }
        if self.flags() & !found.flags() != 0 {
            return Err(Error::Type("the queue was not created with that mode"));
        }
        Ok(())
    }
}

/// What a queue is and how full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueInfo {
    /// Bytes for messages.
    pub capacity_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Messages that can be taken.
    pub items: u64,
    /// Most messages at a time; 0: no such bound.
    pub max_items: u64,
    /// The longest message that can ever fit.
    pub max_message: u64,
    /// 0 open, 1 draining, 2 closed.
    pub state: u32,
    /// How often an internal lock was taken over from a dead process.
    pub steals: u32,
    /// Messages that consumers hold.
    pub held: u64,
    /// Reservations that are open.
    pub reserved: u64,
    /// Of a joinable queue: messages inside, held, or taken and not yet reported done.
    pub unfinished: u64,
    /// Messages are taken under a lease only.
    pub lease: bool,
    /// Unfinished messages are counted.
    pub joinable: bool,
    /// Its handles can have descriptors.
    pub pollable: bool,
    /// Whether there are producers' handles.
    pub producers: Peer,
}

/// What was found in the header.
#[derive(Clone, Copy)]
struct Params {
    capacity: u64,
    max_items: u32,
    flags: u64,
}

impl Params {
    fn shape(&self) -> Shape {
        let bells = if self.flags & POLLABLE != 0 { ring::BELLS } else { 0 };
        let len = (self.bells_at() + bells) as u64 + self.capacity;
        Shape { rings: 1, ring: self.capacity, ..Shape::plain(len) }
    }

    /// As they would have to be asked for.
    fn options(&self) -> QueueOptions {
        QueueOptions {
            object: ObjectOptions::default(),
            capacity_bytes: self.capacity,
            max_items: self.max_items,
            lease: self.flags & LEASE != 0,
            joinable: self.flags & JOINABLE != 0,
            pollable: self.flags & POLLABLE != 0,
        }
    }

    /// Where the bells are, if there are any.
    fn bells_at(&self) -> usize {
        let table = if self.flags & JOINABLE != 0 { tasks::TABLE } else { 0 };
        AT_TABLE + table
    }
}

/// A bounded first-in-first-out queue of messages, for many producers and consumers.
pub struct Queue {
    ring: Ring<false>,
    params: Params,
    object: ObjectOptions,
    tasks: Option<Tasks>,
    fence: Word64,
    /// Counts occasions on which everything may have been done.
    finished: Word32,
    done: EventCount,
    /// Of a producer's handle.
    producing: Option<Holding>,
}

impl Queue {
    /// Creates a queue, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Name`], [`Error::Kind`], [`Error::Type`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: &QueueOptions) -> Result<(Queue, bool)> {
        let capacity = ring::capacity(options.capacity_bytes)?;
        let params = Params { capacity, max_items: options.max_items, flags: options.flags() };
        create_or_open(
            name,
            options.object,
            || {
                Segment::create(
                    domain,
                    name,
                    header::Kind::Queue,
                    options.object.header_flags(),
                    params.shape(),
                    |h| {
                        h.put_u64(AT_CAPACITY, params.capacity);
                        h.put_u64(AT_MAX_ITEMS, u64::from(params.max_items));
                        h.put_u64(AT_FLAGS, params.flags);
                    },
                    |_| Ok(()),
                )
            },
            |name| Queue::open(domain, name, options),
            |segment| Queue::on(&segment, options.object, params),
        )
    }

    /// Opens a queue by name; bounds and modes that are given must match.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Type`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: &QueueOptions) -> Result<Queue> {
        Queue::attach(Source::Name(domain, name), options)
    }

    /// Opens the queue that a handle leads to; a producer's handle makes a producer.
    ///
    /// # Errors
    /// As [`Queue::open`], and [`Error::Access`].
    pub fn import(handle: &Handle, options: &QueueOptions) -> Result<Queue> {
        let mut queue = Queue::attach(Source::Handle(handle), options)?;
        if handle.role() == Some(Role::PRODUCER) {
            queue.producing = Some(queue.ring.others.join()?);
        }
        Ok(queue)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.ring.segment.export(self.producing.as_ref().map(|_| Role::PRODUCER))
    }

    /// A producer's handle on the same queue: while there is one, consumers wait for more.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn producer(&self) -> Result<Queue> {
        let mut queue = Queue::on(&self.ring.segment, self.object, self.params)?;
        queue.producing = Some(queue.ring.others.join()?);
        Ok(queue)
    }

    /// Whether it is a producer's handle.
    pub(crate) fn is_producing(&self) -> bool {
        self.producing.is_some()
    }

    fn attach(source: Source, options: &QueueOptions) -> Result<Queue> {
        let mut found = None;
        let segment = Segment::open(source, header::Kind::Queue, |h| {
            let (capacity, max_items, flags) = (h.u64(AT_CAPACITY), h.u64(AT_MAX_ITEMS), h.u64(AT_FLAGS));
            let possible = ring::is_capacity(capacity) && flags & !(LEASE | JOINABLE | POLLABLE) == 0;
            let max_items = u32::try_from(max_items).ok().filter(|_| possible);
            let max_items = max_items.ok_or(Error::Corrupt("impossible bounds of a queue"))?;
            let params = Params { capacity, max_items, flags };
            options.accept(&params.options())?;
            found = Some(params);
            Ok(params.shape())
        })?;
        Queue::on(&segment, options.object, found.ok_or(Error::Corrupt("no parameters"))?)
    }

    fn on(segment: &Segment, object: ObjectOptions, params: Params) -> Result<Queue> {
        let (r, manner) = (segment.region(), object.manner());
        let place = Place {
            words: AT_RING,
            ring: params.shape().ring_at(0),
            capacity_bytes: params.capacity,
            max_items: params.max_items,
            manner,
            shared: true,
            bells: (params.flags & POLLABLE != 0).then(|| params.bells_at()),
        };
        let joinable = params.flags & JOINABLE != 0;
        Ok(Queue {
            ring: Ring::new(segment, &place, Presence::new(segment, Role::PRODUCER, AT_PRODUCERS)?)?,
            params,
            object,
            tasks: joinable.then(|| Tasks::new(segment, AT_TABLE, AT_ABANDONED)).transpose()?,
            fence: r.word64(AT_FENCE)?,
            finished: r.word32(AT_FINISHED)?,
            done: EventCount::new(r, AT_DONE, manner)?,
            producing: None,
        })
    }

    /// Puts a message at the end. After `Ok` it is in the queue whatever happens to this process.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (no room), [`Error::Canceled`], [`Error::Closed`], [`Error::TooBig`],
    /// [`Error::Busy`], [`Error::Corrupt`].
    #[inline]
    pub fn put(&self, message: &[u8], limits: Limits) -> Result<()> {
        self.ring.pace.forget();
        self.ring.put(message, limits, || self.ring.look_for_room())
    }

    /// Puts a message at the end, unless something was put with a greater fencing token.
    ///
    /// # Errors
    /// As [`Queue::put`], and [`Error::Fenced`]; [`Error::Invalid`] for token 0.
    pub fn put_if_token(&self, message: &[u8], token: u64, limits: Limits) -> Result<()> {
        if token == 0 {
            return Err(Error::invalid("no lock has ever given out the fencing token 0"));
        }
        self.ring.pace.forget();
        self.ring.put_fenced(message, &self.fence, token, limits, || self.ring.look_for_room())
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
            if let Err(error) = self.ring.units(message(i).len()) {
                return (0, Err(error));
            }
        }
        let mut done = 0;
        if count == 0 {
            return (0, Ok(()));
        }
        let result = self.ring.wait_put(&mut done, count, limits, message, || self.ring.look_for_room());
        (done, result)
    }

    /// Reserves room for a message of up to `len` bytes, to be written in place.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub fn reserve(&self, len: usize, limits: Limits) -> Result<View> {
        self.ring.reserve(len, limits, || self.ring.look_for_room())
    }

    /// Puts a reserved message of `len` bytes.
    ///
    /// # Errors
    /// [`Error::Range`] (longer than reserved; the reservation stays), [`Error::NotOwner`] (not open on this handle),
    /// [`Error::Closed`] (the reservation is gone), [`Error::Corrupt`].
    pub fn commit(&self, id: u64, len: usize) -> Result<()> {
        self.ring.commit(id, len)
    }

    /// Gives a reservation up.
    ///
    /// # Errors
    /// [`Error::NotOwner`], [`Error::Corrupt`].
    pub fn abort(&self, id: u64) -> Result<()> {
        self.ring.abort(id)
    }

    /// Takes the message at the front into `to`; returns its length.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (empty), [`Error::Canceled`], [`Error::Closed`], [`Error::MessageSize`] (the
    /// message stays), [`Error::NotSupported`] (the queue wants leases), [`Error::Busy`], [`Error::Corrupt`].
    #[inline]
    pub fn get_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<usize> {
        self.refuse_lease()?;
        self.ring.get_into(to, limits, |n| self.account(n), || self.over())
    }

    /// Takes the message at the front.
    ///
    /// # Errors
    /// As [`Queue::get_into`], but for the size.
    pub fn get(&self, limits: Limits) -> Result<Vec<u8>> {
        self.get_up_to(usize::MAX, limits)
    }

    /// Takes the message at the front, if it has `most` bytes or less.
    ///
    /// # Errors
    /// As [`Queue::get_into`].
    pub(crate) fn get_up_to(&self, most: usize, limits: Limits) -> Result<Vec<u8>> {
        self.refuse_lease()?;
        self.ring.get(most, limits, |n| self.account(n), || self.over())
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
        self.refuse_lease()?;
        if lens.is_empty() {
            return Err(Error::invalid("max is 0"));
        }
        let some = || {
            let (mut count, mut end) = (0, 0);
            self.ring.try_get(
                lens.len(),
                |at, len| {
                    let Some(to) = to.get_mut(end..).and_then(|rest| rest.get_mut(..len)) else {
                        return if count == 0 { Err(Error::MessageSize { needed: len }) } else { Ok(false) };
                    };
                    self.ring.region().read(at, to)?;
                    lens[count].write(len);
                    (count, end) = (count + 1, (end + len).next_multiple_of(8));
                    Ok(true)
                },
                |n| self.account(n),
            )?;
            Ok((count > 0).then_some(count))
        };
        self.get_some(limits, some)
    }

    /// As [`Queue::get_many_into`], each message into a vector of its own: `max` at most, and as many as have `most`
    /// bytes together, each rounded up to 8; of those after the first, only what has `enough` bytes with those before.
    ///
    /// # Errors
    /// As [`Queue::get_many_into`].
    pub(crate) fn get_many_up_to(
        &self,
        max: usize,
        most: usize,
        enough: usize,
        limits: Limits,
    ) -> Result<Vec<Vec<u8>>> {
        self.refuse_lease()?;
        if max == 0 {
            return Err(Error::invalid("max is 0"));
        }
        let some = || {
            let (mut taken, mut end) = (Vec::new(), 0usize);
            self.ring.try_get(
                max,
                |at, len| {
                    let first = taken.is_empty();
                    let bound = if first { most } else { most.min(enough) };
                    if end.saturating_add(len) > bound {
                        return if first { Err(Error::MessageSize { needed: len }) } else { Ok(false) };
                    }
                    taken.push(self.ring.region().read_vec(at, len)?);
                    end = (end + len).next_multiple_of(8);
                    Ok(true)
                },
                |n| self.account(n),
            )?;
            Ok((!taken.is_empty()).then_some(taken))
        };
        self.get_some(limits, some)
    }

    #[inline(always)]
    fn get_some<T>(&self, limits: Limits, mut some: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        match some()? {
            Some(taken) => Ok(taken),
            None => self.ring.wait_message(limits, some, || self.over()),
        }
    }

    /// Takes the message at the front and leaves it where it is, until [`Queue::release`].
    ///
    /// # Errors
    /// As [`Queue::get_into`], but for the size and leases.
    pub fn peek(&self, limits: Limits) -> Result<View> {
        self.ring.hold(limits, |_, _| Ok(()), || self.over())
    }

    /// Takes a copy of the message at the front under a lease, until [`Queue::release`].
    ///
    /// # Errors
    /// As [`Queue::get_into`], but for leases.
    pub fn lease_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<View> {
        let copy = |at, len| {
            let to = to.get_mut(..len).ok_or(Error::MessageSize { needed: len })?;
            self.ring.region().read(at, to)
        };
        self.ring.hold(limits, copy, || self.over())
    }

    /// As [`Queue::lease_into`], into a vector of its length, if that is `most` or less.
    ///
    /// # Errors
    /// As [`Queue::lease_into`].
    pub(crate) fn lease_up_to(&self, most: usize, limits: Limits) -> Result<(View, Vec<u8>)> {
        let mut message = Vec::new();
        let copy = |at, len| {
            if len > most {
                return Err(Error::MessageSize { needed: len });
            }
            message = self.ring.region().read_vec(at, len)?;
            Ok(())
        };
        let view = self.ring.hold(limits, copy, || self.over())?;
        Ok((view, message))
    }

    /// A message that was read in place or leased is done.
    ///
    /// # Errors
    /// [`Error::NotOwner`] (not held through this handle), [`Error::Corrupt`].
    pub fn release(&self, id: u64) -> Result<()> {
        self.ring.release(id)?;
        if self.is_joinable() && !self.has_messages() {
            self.may_be_done();
        }
        Ok(())
    }

    /// A message that was read in place or leased goes back to the front.
    ///
    /// # Errors
    /// As [`Queue::release`].
    pub fn put_back(&self, id: u64) -> Result<()> {
        self.ring.put_back(id)
    }

    /// One message that this process has taken is done.
    ///
    /// # Errors
    /// [`Error::NotOwner`] (more often than messages were taken), [`Error::NotSupported`], [`Error::Corrupt`].
    pub fn task_done(&self) -> Result<()> {
        self.ring.segment.check()?;
        let tasks = self.tasks.as_ref().ok_or(Error::NotSupported("the queue does not count unfinished messages"))?;
        if tasks.finish()? && !self.has_messages() {
            self.may_be_done();
        }
        Ok(())
    }

    /// Waits until everything that was put is done; [`Acquired::Recovered`]: or lost with a consumer that died.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::NotSupported`], [`Error::Busy`], [`Error::Corrupt`].
    pub fn join(&self, limits: Limits) -> Result<Acquired> {
        if !self.is_joinable() {
            return Err(Error::NotSupported("the queue is neither joinable nor for leases"));
        }
        let seen = Cell::new(0);
        self.done.wait(
            self.ring.segment.domain(),
            limits,
            || u32::from(self.finished.load(Ordering::Acquire) != seen.get()),
            || {
                self.ring.segment.check()?;
                seen.set(self.finished.load(Ordering::Acquire));
                Ok((!self.has_messages() && self.unfinished()? == 0).then_some(()))
            },
        )?;
        let abandoned = self.tasks.as_ref().is_some_and(Tasks::tell_abandoned);
        Ok(if abandoned { Acquired::Recovered } else { Acquired::Clean })
    }

    fn is_joinable(&self) -> bool {
        self.params.flags & (JOINABLE | LEASE) != 0
    }

    /// Messages inside, held, or taken and not yet done.
    fn unfinished(&self) -> Result<u64> {
        self.ring.segment.check()?;
        let _inside = self.ring.enter_get()?;
        self.unfinished_inside()
    }

    fn unfinished_inside(&self) -> Result<u64> {
        // Inside, no message is taken. So what was taken is asked for first: if nothing is unfinished there, whatever
        // those who did it put before they reported it done is in the ring by now.
        let taken = self.tasks.as_ref().map_or(Ok(0), Tasks::unfinished)?;
        let inside = match self.ring.marks_of_messages() {
            Some(messages) => messages,
            None => {
                let first = self.ring.survey_inside()?;
                // A reservation may have been committed behind the survey's back, and then a message ahead of it
                // released by the same process. But no message leaves or becomes held: once nothing was found,
                // nothing is held any more, and a second look tells.
                match first.ready + first.held {
                    0 if first.reserved > 0 => {
                        let second = self.ring.survey_inside()?;
                        second.ready + second.held
                    }
                    sum => sum,
                }
            }
        };
        Ok(taken + inside)
    }

    /// Whether messages can be seen without a closer look.
    fn has_messages(&self) -> bool {
        self.ring.marks_of_messages().is_some_and(|messages| messages > 0)
    }

    fn may_be_done(&self) {
        self.finished.fetch_add(1, Ordering::AcqRel);
        self.done.notify(self.ring.segment.domain(), u32::MAX);
    }

    #[inline]
    fn account(&self, n: u32) -> Result<()> {
        match &self.tasks {
            Some(tasks) => tasks.add(n),
            None => Ok(()),
        }
    }

    #[inline]
    fn refuse_lease(&self) -> Result<()> {
        if self.params.flags & LEASE != 0 {
            return Err(Error::NotSupported("the queue wants leases: messages are leased, or read in place"));
        }
        Ok(())
    }

    /// Whether a consumer that found nothing need not wait.
    fn over(&self) -> Result<Option<Error>> {
        self.over_within(ring::BRIEFLY_NS)
    }

    /// The same, waiting for whoever is inside for `ns` at most.
    fn over_within(&self, ns: u64) -> Result<Option<Error>> {
        let draining = self.ring.state.load(Ordering::Acquire) == DRAINING;
        // Nothing is put after the state was set, or by those who are gone; but something may come back.
        let over = (draining || self.ring.others.is_gone()) && self.ring.is_drained(ns)?;
        Ok(over.then_some(Error::Closed))
    }

    /// Messages that can be taken.
    pub fn len(&self) -> usize {
        self.ring.survey().ready as usize
    }

    /// Bounds and modes.
    pub(crate) fn options(&self) -> QueueOptions {
        self.params.options()
    }

    /// The longest message that can ever fit.
    pub(crate) fn max_message(&self) -> usize {
        self.ring.max_message()
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.params.shape().len
    }

    /// Whether there is no message to take.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether not even an empty message would fit.
    pub fn is_full(&self) -> bool {
        !self.ring.may_have_room(1)
    }

    /// A descriptor that becomes readable when there may be messages: for event loops.
    ///
    /// # Errors
    /// [`Error::NotSupported`], [`Error::Full`], [`Error::Sys`].
    pub fn readable_fd(&self) -> Result<i32> {
        self.ring.not_empty.descriptor()
    }

    /// A descriptor that becomes readable when there may be room: for event loops.
    ///
    /// # Errors
    /// As [`Queue::readable_fd`].
    pub fn writable_fd(&self) -> Result<i32> {
        self.ring.not_full.descriptor()
    }

    /// Whether a get would not wait.
    pub(super) fn is_readable(&self, patience: &Patience) -> bool {
        self.ring.is_readable(patience, |ns| self.over_within(ns))
    }

    /// Whether a put of so many bytes would not wait.
    pub(super) fn is_writable(&self, len: usize, patience: &Patience) -> bool {
        self.ring.units(len).is_ok_and(|units| self.ring.is_writable(units, patience))
    }

    /// Whether a message of so many bytes can ever fit.
    ///
    /// # Errors
    /// [`Error::TooBig`].
    pub(super) fn check_len(&self, len: usize) -> Result<()> {
        self.ring.units(len).map(|_| ())
    }

    /// Where to wait for messages.
    pub(super) fn readable_signal(&self) -> Signal<'_, Word32> {
        self.ring.not_empty.signal()
    }

    /// Where to wait for room.
    pub(super) fn writable_signal(&self) -> Signal<'_, Word32> {
        self.ring.not_full.signal()
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.ring.segment.domain(), self.object.manner())
    }

    /// Bounds, fill and state.
    ///
    /// # Errors
    /// None so far.
    pub fn info(&self) -> Result<QueueInfo> {
        let survey = self.ring.survey();
        let joinable = self.tasks.is_some();
        // If somebody is stopped inside, or the table damaged: what can be seen.
        let count = |_inside| self.unfinished_inside();
        let unfinished = || self.ring.enter_get_briefly().and_then(count).unwrap_or(survey.ready + survey.held);
        Ok(QueueInfo {
            capacity_bytes: self.params.capacity,
            used_bytes: self.ring.used_bytes(),
            items: survey.ready,
            max_items: u64::from(self.params.max_items),
            max_message: self.ring.max_message() as u64,
            state: self.ring.state.load(Ordering::Relaxed).min(CLOSED),
            steals: self.ring.segment.steals(),
            held: survey.held,
            reserved: survey.reserved,
            unfinished: if joinable { unfinished() } else { 0 },
            lease: self.params.flags & LEASE != 0,
            joinable,
            pollable: self.params.flags & POLLABLE != 0,
            producers: self.ring.others.peer(),
        })
    }

    /// Shuts the queue down for everybody: gracefully, or at once with the messages inside dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] if a stopped process is inside, [`Error::Corrupt`].
    pub fn shutdown(&self, immediate: bool) -> Result<()> {
        let ring = &self.ring;
        ring.segment.check()?;
        {
            // Inside the producers' lock: when it is released, no put can still be under way.
            let _inside = ring.enter_put()?;
            let state = if immediate { CLOSED } else { DRAINING };
            if ring.state.load(Ordering::Relaxed) < state {
                ring.state.store(state, Ordering::Release);
            }
        }
        if immediate {
            let _inside = ring.enter_get()?;
            let tail = ring.tail.load(Ordering::Acquire);
            ring.read.store(tail, Ordering::Release);
            ring.head.store(tail, Ordering::Release);
            ring.detached.store(0, Ordering::Release);
        }
        ring.wake_all();
        self.may_be_done();
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.ring.give_up();
        if let Some(holding) = self.producing.take() {
            if self.ring.others.leave(holding) {
                self.ring.wake_all();
            }
        }
    }
}
