//! The pipe: two ends, a polled ring to each of them (one way: to end 0 only), and for each end the fact whether
//! anybody has it. How messages go in and out is [`super::ring`]'s, messages in place are [`super::inplace`]'s.

use super::options::{create_or_open, ObjectOptions};
use super::patience::Patience;
use super::presence::{Peer, Presence};
use super::ring::{self, Place, Ring};
use super::view::View;
use crate::shm::{header, Domain, Handle, Holding, Role, Segment, Shape, Source, Word32};
use crate::sync::raw::Signal;
use crate::sync::{Limits, Manner};
use crate::sys::{clock, crash};
use crate::{Error, Result};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

// Parameters in the header.
pub(crate) const AT_CAPACITY: usize = header::AT_PARAMS;
pub(crate) const AT_FLAGS: usize = header::AT_PARAMS + 8;
pub(crate) const ONE_WAY: u64 = 1;
pub(crate) const EXCLUSIVE: u64 = 2;
pub(crate) const POLLABLE: u64 = 4;

/// Whether somebody has the end, for each end on a line of its own.
pub(crate) const AT_ENDS: usize = header::AT_HOT;
/// The words of the ring to each end.
pub(crate) const AT_RINGS: usize = AT_ENDS + 256;

/// How to create a pipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PipeOptions {
    /// Options of every object.
    pub object: ObjectOptions,
    /// Bytes for messages each way, rounded up to a power of two of at least a page; 0: 1 MiB.
    pub capacity_bytes: u64,
    /// End 0 only receives, end 1 only sends.
    pub one_way: bool,
    /// No two threads or processes use the same end in the same direction at the same time.
    pub exclusive: bool,
    /// Its handles can have descriptors for event loops.
    pub pollable: bool,
}

impl PipeOptions {
    fn flags(&self) -> u64 {
        u64::from(self.one_way) * ONE_WAY + u64::from(self.exclusive) * EXCLUSIVE + u64::from(self.pollable) * POLLABLE
    }

    /// Whether a pipe with this capacity and these modes is what is wanted.
    pub(crate) fn accept(&self, found: &PipeOptions) -> Result<()> {
        if self.capacity_bytes != 0 && ring::capacity(self.capacity_bytes)? != found.capacity_bytes {
            return Err(Error::Type("another capacity"));
        }
        if self.flags() & !found.flags() != 0 {
            return Err(Error::Type("the pipe was not created with that mode"));
        }
        Ok(())
    }
}

/// An end of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The one that receives if the pipe goes one way.
    Zero = 0,
    /// The one that sends if the pipe goes one way.
    One = 1,
}

impl End {
    const BOTH: [End; 2] = [End::Zero, End::One];

    /// # Errors
    /// [`Error::Invalid`] if it is neither 0 nor 1.
    pub fn from_number(number: i32) -> Result<End> {
        match number {
            0 => Ok(End::Zero),
            1 => Ok(End::One),
            _ => Err(Error::invalid("a pipe has the ends 0 and 1")),
        }
    }

    /// 0 or 1.
    pub fn number(self) -> u32 {
        self as u32
    }

    fn other(self) -> End {
        End::BOTH[1 - self as usize]
    }

    fn role(self) -> Role {
        Role::ENDS[self as usize]
    }
}

/// What a pipe is and how full it is, seen from one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipeInfo {
    /// Bytes for messages each way.
    pub capacity_bytes: u64,
    /// The longest message that can ever fit.
    pub max_message: u64,
    /// Messages that can be received.
    pub incoming: u64,
    /// Messages sent and not yet received.
    pub outgoing: u64,
    /// Which end this is.
    pub end: End,
    /// End 0 only receives, end 1 only sends.
    pub one_way: bool,
    /// The ends have no locks.
    pub exclusive: bool,
    /// Its handles can have descriptors.
    pub pollable: bool,
    /// Whether somebody has the other end.
    pub peer: Peer,
    /// How often an internal lock was taken over from a dead process.
    pub steals: u32,
}

/// What was found in the header.
#[derive(Clone, Copy)]
struct Params {
    capacity: u64,
    flags: u64,
}

impl Params {
    /// As they would have to be asked for.
    fn options(&self) -> PipeOptions {
        PipeOptions {
            object: ObjectOptions::default(),
            capacity_bytes: self.capacity,
            one_way: self.flags & ONE_WAY != 0,
            exclusive: self.flags & EXCLUSIVE != 0,
            pollable: self.flags & POLLABLE != 0,
        }
    }

    fn shape(&self) -> Shape {
        let rings = if self.flags & ONE_WAY != 0 { 1 } else { 2 };
        let bells = if self.flags & POLLABLE != 0 { ring::BELLS as u64 } else { 0 };
        let len = header::PAGE as u64 + rings * (bells + self.capacity);
        Shape { rings, ring: self.capacity, ..Shape::plain(len) }
    }
}

/// A pipe without having either end: what keeps it while nobody has one.
pub(crate) struct WholePipe {
    segment: Segment,
    params: Params,
    object: ObjectOptions,
}

impl WholePipe {
    /// Creates a pipe, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// As [`Pipe::create`].
    pub(crate) fn create(domain: &Domain, name: Option<&str>, options: &PipeOptions) -> Result<(WholePipe, bool)> {
        let params = Params { capacity: ring::capacity(options.capacity_bytes)?, flags: options.flags() };
        create_or_open(
            name,
            options.object,
            || {
                Segment::create(
                    domain,
                    name,
                    header::Kind::Pipe,
                    options.object.header_flags(),
                    params.shape(),
                    |h| {
                        h.put_u64(AT_CAPACITY, params.capacity);
                        h.put_u64(AT_FLAGS, params.flags);
                    },
                    |_| Ok(()),
                )
            },
            |name| WholePipe::attach(Source::Name(domain, name), options),
            |segment| Ok(WholePipe { segment, params, object: options.object }),
        )
    }

    /// Opens the pipe that a handle leads to, whatever end it is on.
    ///
    /// # Errors
    /// As [`Pipe::import`].
    pub(crate) fn import(handle: &Handle, options: &PipeOptions) -> Result<WholePipe> {
        WholePipe::attach(Source::Handle(handle), options)
    }

    /// A handle on neither end.
    ///
    /// # Errors
    /// As [`Pipe::export`].
    pub(crate) fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    /// Takes an end.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub(crate) fn end(&self, end: End) -> Result<Pipe> {
        Pipe::on(&self.segment, self.params, self.object, end)
    }

    /// Capacity and modes.
    pub(crate) fn options(&self) -> PipeOptions {
        self.params.options()
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.params.shape().len
    }

    fn attach(source: Source, options: &PipeOptions) -> Result<WholePipe> {
        let mut found = None;
        let segment = Segment::open(source, header::Kind::Pipe, |h| {
            let params = Params { capacity: h.u64(AT_CAPACITY), flags: h.u64(AT_FLAGS) };
            if !ring::is_capacity(params.capacity) || params.flags & !(ONE_WAY | EXCLUSIVE | POLLABLE) != 0 {
                return Err(Error::Corrupt("impossible bounds of a pipe"));
            }
            options.accept(&params.options())?;
            found = Some(params);
            Ok(params.shape())
        })?;
        let params = found.ok_or(Error::Corrupt("no parameters"))?;
        Ok(WholePipe { segment, params, object: options.object })
    }
}

/// One end of a pipe, as one handle has it.
pub struct Pipe {
    end: End,
    params: Params,
    segment: Segment,
    manner: Manner,
    incoming: Option<Ring<true>>,
    outgoing: Option<Ring<true>>,
    own: Presence,
    peer: Presence,
    /// When this handle last made sure that there still is somebody to send to.
    watched: AtomicU64,
    /// Whether this handle has received something since it sent last.
    heard: AtomicBool,
    /// Given up first, so that those who are woken find it gone; `None` only then.
    holding: Option<Holding>,
}

impl Pipe {
    /// Creates a pipe, named or anonymous, and opens the ends that are wanted; the flag says whether an existing one
    /// was opened.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Name`], [`Error::Kind`], [`Error::Type`], [`Error::NoSpace`] …
    pub fn create(
        domain: &Domain,
        name: Option<&str>,
        options: &PipeOptions,
        wanted: [bool; 2],
    ) -> Result<([Option<Pipe>; 2], bool)> {
        let (whole, existed) = WholePipe::create(domain, name, options)?;
        let open = |end: End| wanted[end as usize].then(|| whole.end(end)).transpose();
        Ok(([open(End::Zero)?, open(End::One)?], existed))
    }

    /// Opens an end by name; capacity and modes that are given must match.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Type`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, end: End, options: &PipeOptions) -> Result<Pipe> {
        WholePipe::attach(Source::Name(domain, name), options)?.end(end)
    }

    /// Opens the end that a handle leads to.
    ///
    /// # Errors
    /// As [`Pipe::open`], and [`Error::Access`].
    pub fn import(handle: &Handle, options: &PipeOptions) -> Result<Pipe> {
        let whole = WholePipe::import(handle, options)?;
        let end = End::BOTH.into_iter().find(|end| handle.role() == Some(end.role()));
        whole.end(end.ok_or(Error::Corrupt("a handle on a pipe without an end"))?)
    }

    /// A handle on this end that can travel to other processes, and keeps the end open.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(Some(self.end.role()))
    }

    fn on(segment: &Segment, params: Params, object: ObjectOptions, end: End) -> Result<Pipe> {
        let shape = params.shape();
        let presence = |end: End| Presence::new(segment, end.role(), AT_ENDS + end as usize * 128);
        let ring_to = |to: End| {
            let number = to as usize;
            let place = Place {
                words: AT_RINGS + number * ring::WORDS,
                ring: shape.ring_at(number as u64),
                capacity_bytes: params.capacity,
                max_items: 0,
                manner: object.manner(),
                shared: params.flags & EXCLUSIVE == 0,
                bells: (params.flags & POLLABLE != 0).then_some(header::PAGE + number * ring::BELLS),
            };
            let there = (number as u64) < shape.rings;
            there.then(|| Ring::new(segment, &place, presence(end.other())?)).transpose()
        };
        let own = presence(end)?;
        Ok(Pipe {
            end,
            params,
            segment: segment.clone(),
            manner: object.manner(),
            incoming: ring_to(end)?,
            outgoing: ring_to(end.other())?,
            peer: presence(end.other())?,
            watched: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            holding: Some(own.join()?),
            own,
        })
    }

    fn incoming(&self) -> Result<&Ring<true>> {
        self.incoming.as_ref().ok_or(Error::NotSupported("end 1 of a one-way pipe only sends"))
    }

    fn outgoing(&self) -> Result<&Ring<true>> {
        self.outgoing.as_ref().ok_or(Error::NotSupported("end 0 of a one-way pipe only receives"))
    }

    /// Sends a message. After `Ok` it is on its way whatever happens to this process.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (no room), [`Error::Canceled`], [`Error::BrokenPipe`], [`Error::TooBig`],
    /// [`Error::NotSupported`] (one way), [`Error::Busy`], [`Error::Corrupt`].
    #[inline]
    pub fn send(&self, message: &[u8], limits: Limits) -> Result<()> {
        let ring = self.outgoing()?;
        self.watch()?;
        ring.put(message, limits, || self.look(ring))
    }

    /// Makes sure that there is somebody to send to, at least ten times a second; not if something was just heard
    /// from there.
    #[inline]
    fn watch(&self) -> Result<()> {
        let heard = self.heard.load(Ordering::Relaxed);
        if heard {
            self.heard.store(false, Ordering::Relaxed);
        }
        let ask = self.peer.seems_gone() || (!heard && clock::tenth_has_passed(&self.watched));
        if ask && self.peer.is_gone() {
            return Err(Error::BrokenPipe);
        }
        Ok(())
    }

    /// Whether it makes sense to wait for room; makes what can be made.
    #[cold]
    fn look(&self, ring: &Ring<true>) -> Result<()> {
        if self.peer.is_gone() {
            return Err(Error::BrokenPipe);
        }
        ring.look_for_room()
    }

    /// Takes the next message into `to`; returns its length.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (nothing there), [`Error::Canceled`], [`Error::EndOfFile`], [`Error::MessageSize`] (the
    /// message stays), [`Error::NotSupported`] (one way), [`Error::Busy`], [`Error::Corrupt`].
    #[inline]
    pub fn recv_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<usize> {
        let received = self.incoming()?.get_into(to, limits, |_| Ok(()), || self.over());
        self.heard.store(received.is_ok(), Ordering::Relaxed);
        received
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// As [`Pipe::recv_into`], but for the size.
    pub fn recv(&self, limits: Limits) -> Result<Vec<u8>> {
        self.recv_up_to(usize::MAX, limits)
    }

    /// Takes the next message, if it has `most` bytes or less.
    ///
    /// # Errors
    /// As [`Pipe::recv_into`].
    pub(crate) fn recv_up_to(&self, most: usize, limits: Limits) -> Result<Vec<u8>> {
        self.incoming()?.get(most, limits, |_| Ok(()), || self.over())
    }

    /// Waits until there is a message, and leaves it there.
    ///
    /// # Errors
    /// As [`Pipe::recv_into`], but for the size.
    pub fn poll(&self, limits: Limits) -> Result<()> {
        let ring = self.incoming()?;
        let one = || {
            let mut seen = None;
            ring.try_get(
                1,
                |_, _| {
                    seen = Some(());
                    Ok(false)
                },
                |_| Ok(()),
            )?;
            Ok(seen)
        };
        ring.wait_message(limits, one, || self.over())?;
        // The message stays: somebody else may sleep for it, whose wake-up came to us.
        ring.not_empty.pass_on(self.segment.domain());
        Ok(())
    }

    /// Whether a receiver that found nothing need not wait.
    fn over(&self) -> Result<Option<Error>> {
        self.over_within(ring::BRIEFLY_NS)
    }

    /// The same, waiting for whoever is inside for `ns` at most.
    fn over_within(&self, ns: u64) -> Result<Option<Error>> {
        let drained = || self.incoming()?.is_drained(ns);
        let over = self.peer.is_gone() && (crash::mutant(crash::Mutant::EofFirst) || drained()?);
        Ok(over.then_some(Error::EndOfFile))
    }

    /// Reserves room for a message of up to `len` bytes, to be written in place.
    ///
    /// # Errors
    /// As [`Pipe::send`].
    pub fn reserve(&self, len: usize, limits: Limits) -> Result<View> {
        let ring = self.outgoing()?;
        self.watch()?;
        ring.reserve(len, limits, || self.look(ring))
    }

    /// Sends a reserved message of `len` bytes.
    ///
    /// # Errors
    /// [`Error::Range`] (longer than reserved; the reservation stays), [`Error::NotOwner`] (not open on this handle),
    /// [`Error::BrokenPipe`] (the reservation is gone), [`Error::Corrupt`].
    pub fn commit(&self, id: u64, len: usize) -> Result<()> {
        let ring = self.outgoing()?;
        if (self.peer.seems_gone() || clock::tenth_has_passed(&self.watched)) && self.peer.is_gone() {
            ring.abort(id)?;
            return Err(Error::BrokenPipe);
        }
        ring.commit(id, len)
    }

    /// Gives a reservation up.
    ///
    /// # Errors
    /// [`Error::NotOwner`], [`Error::Corrupt`].
    pub fn abort(&self, id: u64) -> Result<()> {
        self.outgoing()?.abort(id)
    }

    /// Takes the next message and leaves it where it is, until [`Pipe::release`].
    ///
    /// # Errors
    /// As [`Pipe::recv_into`], but for the size.
    pub fn peek(&self, limits: Limits) -> Result<View> {
        self.incoming()?.hold(limits, |_, _| Ok(()), || self.over())
    }

    /// A message that was read in place is done.
    ///
    /// # Errors
    /// [`Error::NotOwner`] (not held through this handle), [`Error::Corrupt`].
    pub fn release(&self, id: u64) -> Result<()> {
        self.incoming()?.release(id)
    }

    /// A message that was read in place goes back to the front.
    ///
    /// # Errors
    /// As [`Pipe::release`].
    pub fn put_back(&self, id: u64) -> Result<()> {
        self.incoming()?.put_back(id)
    }

    /// A descriptor that becomes readable when there may be messages: for event loops.
    ///
    /// # Errors
    /// [`Error::NotSupported`], [`Error::Full`], [`Error::Sys`].
    pub fn readable_fd(&self) -> Result<i32> {
        self.incoming()?.not_empty.descriptor()
    }

    /// A descriptor that becomes readable when there may be room: for event loops.
    ///
    /// # Errors
    /// As [`Pipe::readable_fd`].
    pub fn writable_fd(&self) -> Result<i32> {
        self.outgoing()?.not_full.descriptor()
    }

    /// Whether a receive would not wait.
    pub(super) fn is_readable(&self, patience: &Patience) -> bool {
        self.incoming.as_ref().is_some_and(|ring| ring.is_readable(patience, |ns| self.over_within(ns)))
    }

    /// Whether a send of so many bytes would not wait.
    pub(super) fn is_writable(&self, len: usize, patience: &Patience) -> bool {
        let Some(ring) = &self.outgoing else { return false };
        self.is_closed() || ring.units(len).is_ok_and(|units| ring.is_writable(units, patience))
    }

    /// Whether a message of so many bytes can ever be sent.
    ///
    /// # Errors
    /// [`Error::NotSupported`] (one way), [`Error::TooBig`].
    pub(super) fn check_len(&self, len: usize) -> Result<()> {
        self.outgoing()?.units(len).map(|_| ())
    }

    /// Whether the other end is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.peer.is_gone()
    }

    /// Where to wait for messages.
    pub(super) fn readable_signal(&self) -> Result<Signal<'_, Word32>> {
        Ok(self.incoming()?.not_empty.signal())
    }

    /// Where to wait for room.
    pub(super) fn writable_signal(&self) -> Result<Signal<'_, Word32>> {
        Ok(self.outgoing()?.not_full.signal())
    }

    /// Where to wait for the other end to be gone.
    pub(super) fn closed_signal(&self) -> Signal<'_, Word32> {
        self.peer.signal()
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.segment.domain(), self.manner)
    }

    /// Bounds, fill and peer.
    ///
    /// # Errors
    /// None so far.
    pub fn info(&self) -> Result<PipeInfo> {
        let ready = |ring: &Option<Ring<true>>| ring.as_ref().map_or(0, |ring| ring.survey().ready);
        let some = self.incoming.as_ref().or(self.outgoing.as_ref());
        Ok(PipeInfo {
            capacity_bytes: self.params.capacity,
            max_message: some.map_or(0, |ring| ring.max_message() as u64),
            incoming: ready(&self.incoming),
            outgoing: ready(&self.outgoing),
            end: self.end,
            one_way: self.params.flags & ONE_WAY != 0,
            exclusive: self.params.flags & EXCLUSIVE != 0,
            pollable: self.params.flags & POLLABLE != 0,
            peer: self.peer.peer(),
            steals: self.segment.steals(),
        })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // First what is open through this handle, then the end.
        let rings = [self.incoming.take(), self.outgoing.take()];
        rings.iter().flatten().for_each(Ring::give_up);
        if let Some(holding) = self.holding.take() {
            if self.own.leave(holding) {
                rings.iter().flatten().for_each(Ring::wake_all);
            }
        }
    }
}
