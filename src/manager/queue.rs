//! The queue. What a consumer of a joinable queue takes, leases, and a producer's handle are the session's: when the
//! connection is gone, it is as if a process had died that had them.

use super::lock::{acquired, status_of};
use super::served::{no_such, Class, Making, Reply, Served};
use super::value::fill;
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy};
use crate::objects::{Acquired, Peer, QueueInfo, QueueOptions};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::sync::{Deadline, Limits, Timeout};
use crate::{objects, Error, Result};
use std::any::Any;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// A queue, here or there.
pub type Queue = Place<objects::Queue>;

/// With this bit an operation belongs to the session.
pub(super) const BOUND: u8 = 0x80;

pub(super) const PUT: u8 = 0;
const PUT_MANY: u8 = 1;
const PUT_IF_TOKEN: u8 = 2;
pub(super) const GET: u8 = 3;
const GET_MANY: u8 = 4;
const SIZE: u8 = 5;
const FULL: u8 = 6;
const SHUTDOWN: u8 = 7;
const INFO: u8 = 8;
const LEASE: u8 = 9 | BOUND;
const RELEASE: u8 = 10 | BOUND;
const PUT_BACK: u8 = 11 | BOUND;
const TASK_DONE: u8 = 12 | BOUND;
const JOIN: u8 = 13 | BOUND;
const PRODUCER: u8 = 14 | BOUND;

/// About so many bytes of a batch go with one message; at least one message of the batch.
const PIECE: usize = 1 << 20;
/// Most messages of a batch that are answered at a time.
const MANY: usize = 1 << 16;

/// A message that was leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Bytes.
    pub len: usize,
    /// What [`Queue::release`] and [`Queue::put_back`] want.
    pub id: u64,
    /// Whether somebody had it before, and died or put it back.
    pub again: bool,
}

/// What a client's proxy knows.
struct Facts {
    options: QueueOptions,
    max_message: usize,
}

impl Facts {
    fn of(proxy: &Proxy) -> Result<Facts> {
        Facts::take(&mut proxy.facts())
    }

    fn take(r: &mut Reader) -> Result<Facts> {
        Ok(Facts { options: take_options(r)?, max_message: r.size()? })
    }

    /// Whether a message can ever be put.
    fn check_len(&self, proxy: &Proxy, len: usize) -> Result<()> {
        let max = self.max_message.min(proxy.link().most());
        if len > max {
            return Err(Error::TooBig { len, max });
        }
        Ok(())
    }

    /// How a message is taken: for whom.
    fn taking(&self, op: u8) -> u8 {
        if self.options.joinable {
            op | BOUND
        } else {
            op
        }
    }
}

/// The operation that takes something from a queue, for the session if that matters.
pub(super) fn taking(proxy: &Proxy, op: u8) -> Result<u8> {
    Ok(Facts::of(proxy)?.taking(op))
}

impl Queue {
    /// Puts a message at the end.
    ///
    /// # Errors
    /// As [`objects::Queue::put`]; far: what the connection says.
    #[inline]
    pub fn put(&self, message: &[u8], limits: Limits) -> Result<()> {
        match self {
            Place::Near(queue, _) => queue.put(message, limits),
            Place::Far(proxy) => {
                Facts::of(proxy)?.check_len(proxy, message.len())?;
                proxy.call(PUT, limits, |w| w.bytes(message), |_, _| Ok(()))
            }
        }
    }

    /// Puts a message at the end, unless something was put with a greater fencing token.
    ///
    /// # Errors
    /// As [`objects::Queue::put_if_token`]; far: what the connection says.
    pub fn put_if_token(&self, message: &[u8], token: u64, limits: Limits) -> Result<()> {
        match self {
            Place::Near(queue, _) => queue.put_if_token(message, token, limits),
            Place::Far(proxy) => {
                Facts::of(proxy)?.check_len(proxy, message.len())?;
                let put = |w: &mut Writer| {
                    w.u64(token);
                    w.bytes(message);
                };
                proxy.call(PUT_IF_TOKEN, limits, put, |_, _| Ok(()))
            }
        }
    }

    /// Puts `count` messages, in order; also says how many are in.
    ///
    /// # Errors
    /// As [`objects::Queue::put_many`]; far: what the connection says; then what was under way may be in.
    pub fn put_many<'m>(
        &self,
        count: usize,
        message: impl Fn(usize) -> &'m [u8],
        limits: Limits,
    ) -> (usize, Result<()>) {
        match self {
            Place::Near(queue, _) => queue.put_many(count, message, limits),
            Place::Far(proxy) => {
                let mut done = 0;
                let result = far_put_many(proxy, &mut done, count, message, limits);
                (done, result)
            }
        }
    }

    /// Takes the message at the front into `to`; returns its length.
    ///
    /// # Errors
    /// As [`objects::Queue::get_into`]; far: what the connection says, and [`Error::TooBig`] for a message that no
    /// answer has room for: it stays.
    #[inline]
    pub fn get_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<usize> {
        match self {
            Place::Near(queue, _) => queue.get_into(to, limits),
            Place::Far(proxy) => {
                let op = Facts::of(proxy)?.taking(GET);
                receive(proxy, op, to, limits, |_, r, to| into(to, r.bytes()?))
            }
        }
    }

    /// Takes the messages at the front: see [`objects::Queue::get_many_into`]. Far: about 1 MiB at a time.
    ///
    /// # Errors
    /// As [`objects::Queue::get_many_into`]; far: as [`Queue::get_into`].
    pub fn get_many_into(
        &self,
        to: &mut [MaybeUninit<u8>],
        lens: &mut [MaybeUninit<usize>],
        limits: Limits,
    ) -> Result<usize> {
        match self {
            Place::Near(queue, _) => queue.get_many_into(to, lens, limits),
            Place::Far(_) if lens.is_empty() => Err(Error::invalid("max is 0")),
            Place::Far(proxy) => {
                let (op, max) = (Facts::of(proxy)?.taking(GET_MANY), lens.len().min(MANY));
                let most = to.len();
                let most = most.min(proxy.link().most());
                let put = |w: &mut Writer| {
                    w.u64(most as u64);
                    w.u32(max as u32);
                };
                let cap = to.len();
                let taken = proxy.call(op, limits, put, |_, r| {
                    let (count, mut end) = (r.u32()? as usize, 0);
                    if !(1..=max).contains(&count) {
                        return Err(Error::Protocol("another number of messages than was asked for"));
                    }
                    for len in &mut lens[..count] {
                        let message = r.bytes()?;
                        let to = to.get_mut(end..).ok_or(Error::Protocol("more than was asked for"))?;
                        len.write(into(to, message)?);
                        end = (end + message.len()).next_multiple_of(8);
                    }
                    Ok(count)
                });
                taken.map_err(|error| stays(error, cap, most))
            }
        }
    }

    /// Takes a copy of the message at the front under a lease, until [`Queue::release`].
    ///
    /// # Errors
    /// As [`objects::Queue::lease_into`]; far: as [`Queue::get_into`].
    pub fn lease_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<Leased> {
        match self {
            Place::Near(queue, _) => {
                let view = queue.lease_into(to, limits)?;
                Ok(Leased { len: view.len(), id: view.id(), again: view.again() })
            }
            Place::Far(proxy) => receive(proxy, LEASE, to, limits, |status, r, to| {
                let (id, len) = (r.u64()?, into(to, r.bytes()?)?);
                Ok(Leased { len, id, again: acquired(status)? == Acquired::Recovered })
            }),
        }
    }

    /// A message that was read in place or leased is done.
    ///
    /// # Errors
    /// As [`objects::Queue::release`]; far: what the connection says.
    pub fn release(&self, id: u64) -> Result<()> {
        match self {
            Place::Near(queue, _) => queue.release(id),
            Place::Far(proxy) => proxy.ask(RELEASE, |w| w.u64(id), |_| Ok(())),
        }
    }

    /// A message that was read in place or leased goes back to the front.
    ///
    /// # Errors
    /// As [`objects::Queue::put_back`]; far: what the connection says.
    pub fn put_back(&self, id: u64) -> Result<()> {
        match self {
            Place::Near(queue, _) => queue.put_back(id),
            Place::Far(proxy) => proxy.ask(PUT_BACK, |w| w.u64(id), |_| Ok(())),
        }
    }

    /// One message that this process (far: this session) has taken is done.
    ///
    /// # Errors
    /// As [`objects::Queue::task_done`]; far: what the connection says.
    pub fn task_done(&self) -> Result<()> {
        match self {
            Place::Near(queue, _) => queue.task_done(),
            Place::Far(proxy) => proxy.ask(TASK_DONE, |_| (), |_| Ok(())),
        }
    }

    /// Waits until everything that was put is done; [`Acquired::Recovered`]: or lost with a consumer that died.
    ///
    /// # Errors
    /// As [`objects::Queue::join`]; far: what the connection says.
    pub fn join(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(queue, _) => queue.join(limits),
            Place::Far(proxy) => proxy.call(JOIN, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// A producer's handle on the same queue: while there is one, consumers wait for more. Far: it is over with the
    /// connection.
    ///
    /// # Errors
    /// As [`objects::Queue::producer`]; far: what the connection says.
    pub fn producer(&self) -> Result<Queue> {
        match self {
            Place::Near(queue, _) => queue.producer().map(Place::from),
            Place::Far(proxy) => {
                let ((), producer) = proxy.make(PRODUCER, producers, |_| (), |_, _| Ok(()))?;
                Ok(Place::Far(producer))
            }
        }
    }

    /// Messages that can be taken.
    ///
    /// # Errors
    /// Far: what the connection says.
    pub fn size(&self) -> Result<usize> {
        match self {
            Place::Near(queue, _) => Ok(queue.len()),
            Place::Far(proxy) => proxy.ask(SIZE, |_| (), |r| r.size()),
        }
    }

    /// Whether not even an empty message would fit.
    ///
    /// # Errors
    /// Far: what the connection says.
    pub fn is_full(&self) -> Result<bool> {
        match self {
            Place::Near(queue, _) => Ok(queue.is_full()),
            Place::Far(proxy) => proxy.ask(FULL, |_| (), |r| r.bool()),
        }
    }

    /// Shuts the queue down for everybody: gracefully, or at once with the messages inside dropped.
    ///
    /// # Errors
    /// As [`objects::Queue::shutdown`]; far: what the connection says.
    pub fn shutdown(&self, immediate: bool) -> Result<()> {
        match self {
            Place::Near(queue, _) => queue.shutdown(immediate),
            Place::Far(proxy) => proxy.ask(SHUTDOWN, |w| w.bool(immediate), |_| Ok(())),
        }
    }

    /// Bounds, fill and state.
    ///
    /// # Errors
    /// Far: what the connection says.
    pub fn info(&self) -> Result<QueueInfo> {
        match self {
            Place::Near(queue, _) => queue.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }

    /// The queue in this process's memory, for messages in place.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if it is behind a connection.
    #[inline]
    pub fn in_place(&self) -> Result<&objects::Queue> {
        match self {
            Place::Near(queue, _) => Ok(queue),
            Place::Far(_) => Err(Error::NotSupported(
                "messages in place are for memory, and the queue is behind a connection: put, get, or lease them",
            )),
        }
    }
}

/// Puts messages `*done..count`, as many as fit a message to the server at a time.
fn far_put_many<'m>(
    proxy: &Proxy,
    done: &mut usize,
    count: usize,
    message: impl Fn(usize) -> &'m [u8],
    limits: Limits,
) -> Result<()> {
    let facts = Facts::of(proxy)?;
    (0..count).try_for_each(|i| facts.check_len(proxy, message(i).len()))?;
    let deadline = Deadline::new(limits);
    while *done < count {
        let first = *done;
        let mut bytes = 0;
        let fits = |i: &usize| {
            bytes += message(*i).len() + 4;
            *i == first || bytes <= PIECE
        };
        let piece = (first..count).take_while(fits).count();
        let put = |w: &mut Writer| {
            w.u32(piece as u32);
            (first..first + piece).for_each(|i| w.bytes(message(i)));
        };
        let put = proxy.call(PUT_MANY, left(limits, &deadline)?, put, |_, r| r.u32())? as usize;
        if !(1..=piece).contains(&put) {
            return Err(Error::Protocol("another number of messages than was put"));
        }
        *done += put;
    }
    Ok(())
}

/// What is left of the limits. When the time is over, the rest is tried once.
fn left<'a>(limits: Limits<'a>, deadline: &Deadline) -> Result<Limits<'a>> {
    let ns = match limits.timeout {
        Timeout::Forever => return Ok(limits),
        Timeout::Ns(0) => 0,
        Timeout::Ns(_) => match deadline.left() {
            Err(Error::TimedOut) => 0,
            left => left?,
        },
    };
    Ok(Limits::new(Timeout::Ns(ns), limits.cancel))
}

/// Takes a message of up to so many bytes as `to` has, but not one that no answer has room for.
pub(super) fn receive<R>(
    proxy: &Proxy,
    op: u8,
    to: &mut [MaybeUninit<u8>],
    limits: Limits,
    take: impl FnOnce(i32, &mut Reader, &mut [MaybeUninit<u8>]) -> Result<R>,
) -> Result<R> {
    let (cap, most) = (to.len(), to.len().min(proxy.link().most()));
    let taken = proxy.call(op, limits, |w| w.u64(most as u64), |status, r| take(status, r, to));
    taken.map_err(|error| stays(error, cap, most))
}

/// A message was left where it is: also if the caller had room for it.
fn stays(error: Error, cap: usize, most: usize) -> Error {
    match error {
        Error::MessageSize { needed } if needed <= cap => Error::TooBig { len: needed, max: most },
        other => other,
    }
}

/// A message that came; its length.
pub(super) fn into(to: &mut [MaybeUninit<u8>], message: &[u8]) -> Result<usize> {
    let to = to.get_mut(..message.len()).ok_or(Error::Protocol("a message is longer than was asked for"))?;
    fill(to, message)?;
    Ok(message.len())
}

/// What kind of operation one is, on a producer's handle.
fn producers(op: u8) -> Class {
    Class { bound: true, ..<objects::Queue as Kindred>::class(op) }
}

impl Kindred for objects::Queue {
    const KIND: Kind = Kind::Queue;
    type New = QueueOptions;
    type Open = QueueOptions;

    fn class(op: u8) -> Class {
        let class = match op & !BOUND {
            PUT | PUT_MANY | PUT_IF_TOKEN | GET | GET_MANY => Class::WAITS,
            _ if matches!(op, LEASE | JOIN) => Class::WAITS,
            _ => Class::QUICK,
        };
        Class { bound: op & BOUND != 0, ..class }
    }

    fn create(domain: &Domain, name: Option<&str>, new: &QueueOptions) -> Result<(Self, bool)> {
        objects::Queue::create(domain, name, new)
    }

    fn open(domain: &Domain, name: &str, open: &QueueOptions) -> Result<Self> {
        objects::Queue::open(domain, name, open)
    }

    fn import(handle: &Handle, open: &QueueOptions) -> Result<Self> {
        objects::Queue::import(handle, open)
    }

    fn export(&self) -> Result<Handle> {
        self.export()
    }

    fn exist_ok(new: &QueueOptions) -> bool {
        new.object.exist_ok
    }

    fn as_open(new: &QueueOptions) -> QueueOptions {
        *new
    }

    fn put_new(new: &QueueOptions, out: &mut Writer) -> Result<()> {
        put_options(out, new);
        Ok(())
    }

    fn check(facts: &mut Reader, open: &QueueOptions) -> Result<()> {
        open.accept(&Facts::take(facts)?.options)
    }
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = take_options(args)?;
    args.end()?;
    Ok(Arc::new(objects::Queue::create(making.domain, None, &new)?.0))
}

/// Bytes of memory that a new one takes.
pub(super) fn wanted(args: &mut Reader) -> Result<u64> {
    Ok(take_options(args)?.capacity_bytes)
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    let any = QueueOptions { object: options::served(), ..QueueOptions::default() };
    Ok(Arc::new(objects::Queue::import(handle, &any)?))
}

impl Served for objects::Queue {
    fn kind(&self) -> Kind {
        Kind::Queue
    }

    fn class(&self, op: u8) -> Class {
        let class = <Self as Kindred>::class(op);
        Class { bound: class.bound || self.is_producing(), ..class }
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        let out = &mut reply.out;
        if matches!(op, GET | GET_MANY) && self.options().joinable && !self.is_producing() {
            return Err(Error::Protocol("what is taken from a joinable queue is taken for the session"));
        }
        match if matches!(op & !BOUND, GET | GET_MANY) { op & !BOUND } else { op } {
            PUT => {
                let message = args.bytes()?;
                args.end()?;
                self.put(message, limits)?;
            }
            PUT_MANY => {
                let messages = take_messages(args)?;
                out.u32(put_some(self, &messages, limits)? as u32);
            }
            PUT_IF_TOKEN => {
                let (token, message) = (args.u64()?, args.bytes()?);
                args.end()?;
                self.put_if_token(message, token, limits)?;
            }
            GET => {
                let most = args.size()?;
                args.end()?;
                out.bytes(&self.get_up_to(most, limits)?);
            }
            GET_MANY => {
                let (most, max) = (args.size()?, args.u32()? as usize);
                args.end()?;
                let messages = self.get_many_up_to(max.min(MANY), most, PIECE, limits)?;
                out.u32(messages.len() as u32);
                messages.iter().for_each(|message| out.bytes(message));
            }
            SIZE => {
                args.end()?;
                out.u64(self.len() as u64);
            }
            FULL => {
                args.end()?;
                out.bool(self.is_full());
            }
            SHUTDOWN => {
                let immediate = args.bool()?;
                args.end()?;
                self.shutdown(immediate)?;
            }
            INFO => {
                args.end()?;
                put_info(out, &self.info()?);
            }
            LEASE => {
                let most = args.size()?;
                args.end()?;
                let (view, message) = self.lease_up_to(most, limits)?;
                out.u64(view.id());
                out.bytes(&message);
                return Ok(status_of(if view.again() { Acquired::Recovered } else { Acquired::Clean }));
            }
            RELEASE => {
                let id = args.u64()?;
                args.end()?;
                self.release(id)?;
            }
            PUT_BACK => {
                let id = args.u64()?;
                args.end()?;
                self.put_back(id)?;
            }
            TASK_DONE => {
                args.end()?;
                self.task_done()?;
            }
            JOIN => {
                args.end()?;
                return Ok(status_of(self.join(limits)?));
            }
            PRODUCER => {
                args.end()?;
                reply.made = Some(Arc::new(self.producer()?));
            }
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        let wanted = take_options(options)?;
        options.end()?;
        wanted.accept(&self.options())
    }

    fn facts(&self, out: &mut Writer) {
        put_options(out, &self.options());
        out.u64(self.max_message() as u64);
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Puts as many messages as there is room for, waiting for the first only: what was put must not be put again.
fn put_some(queue: &objects::Queue, messages: &[&[u8]], limits: Limits) -> Result<usize> {
    let Some((first, rest)) = messages.split_first() else { return Ok(0) };
    queue.put(first, limits)?;
    // Whatever keeps the others out is said when they are put again.
    let (more, _) = queue.put_many(rest.len(), |i| rest[i], Limits::none());
    Ok(1 + more)
}

fn take_messages<'a>(r: &mut Reader<'a>) -> Result<Vec<&'a [u8]>> {
    let count = r.u32()?;
    let mut messages = Vec::new();
    for _ in 0..count {
        messages.push(r.bytes()?);
    }
    r.end()?;
    Ok(messages)
}

fn put_options(w: &mut Writer, options: &QueueOptions) {
    w.u64(options.capacity_bytes);
    w.u32(options.max_items);
    w.bool(options.lease);
    w.bool(options.joinable);
    w.bool(options.pollable);
}

fn take_options(r: &mut Reader) -> Result<QueueOptions> {
    Ok(QueueOptions {
        object: options::served(),
        capacity_bytes: r.u64()?,
        max_items: r.u32()?,
        lease: r.bool()?,
        joinable: r.bool()?,
        pollable: r.bool()?,
    })
}

fn put_info(w: &mut Writer, info: &QueueInfo) {
    for n in [info.capacity_bytes, info.used_bytes, info.items, info.max_items, info.max_message] {
        w.u64(n);
    }
    w.u32(info.state);
    w.u32(info.steals);
    for n in [info.held, info.reserved, info.unfinished] {
        w.u64(n);
    }
    w.bool(info.lease);
    w.bool(info.joinable);
    w.bool(info.pollable);
    put_peer(w, info.producers);
}

fn take_info(r: &mut Reader) -> Result<QueueInfo> {
    Ok(QueueInfo {
        capacity_bytes: r.u64()?,
        used_bytes: r.u64()?,
        items: r.u64()?,
        max_items: r.u64()?,
        max_message: r.u64()?,
        state: r.u32()?,
        steals: r.u32()?,
        held: r.u64()?,
        reserved: r.u64()?,
        unfinished: r.u64()?,
        lease: r.bool()?,
        joinable: r.bool()?,
        pollable: r.bool()?,
        producers: take_peer(r)?,
    })
}

/// Whether there is somebody.
pub(super) fn put_peer(w: &mut Writer, peer: Peer) {
    w.u8(match peer {
        Peer::Awaited => 0,
        Peer::Open => 1,
        Peer::Gone => 2,
    });
}

/// The same, checked.
pub(super) fn take_peer(r: &mut Reader) -> Result<Peer> {
    match r.u8()? {
        0 => Ok(Peer::Awaited),
        1 => Ok(Peer::Open),
        2 => Ok(Peer::Gone),
        _ => Err(Error::Protocol("neither here nor gone")),
    }
}
