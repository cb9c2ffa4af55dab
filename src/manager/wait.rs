//! Waiting for any of many things: here, or all of them in one manager.

use super::protocol::op;
use super::served::{Reply, Served};
use super::wire::{Reader, Writer};
use super::{Place, Proxy};
use crate::objects::{self, wait_each, On, WAIT_MOST};
use crate::sync::{Limits, Token};
use crate::{Error, Result};
use std::sync::Arc;

/// What is waited for of an object that a manager has: see [`On`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until<'a> {
    QueueReadable,
    QueueWritable(usize),
    PipeReadable,
    PipeWritable(usize),
    PipeClosed,
    Lock,
    /// Free, or this owner's.
    RLock(Token),
    Semaphore,
    Event,
    Value(Option<&'a [u8]>),
}

/// A thing to wait for.
pub(crate) enum Thing<'a> {
    /// In memory.
    Here(On<'a>),
    /// Behind a connection.
    There(&'a Proxy, Until<'a>),
}

impl<'a> Thing<'a> {
    pub(crate) fn of<T>(place: &'a Place<T>, here: impl FnOnce(&'a T) -> On<'a>, there: Until<'a>) -> Thing<'a> {
        match place {
            Place::Near(object, _) => Thing::Here(here(object)),
            Place::Far(proxy) => Thing::There(proxy, there),
        }
    }
}

const MIXED: Error =
    Error::NotSupported("to wait for things here and behind a connection, or behind several, at a time");

/// Waits until at least one of many things is ready; tells which, ascending. Behind a connection that is one request.
///
/// # Errors
/// As [`objects::wait_any`]; [`Error::NotSupported`] if they are not in one place; far: what the connection says.
pub(crate) fn wait_things<'a>(
    count: usize,
    thing: impl Fn(usize) -> Result<Thing<'a>>,
    limits: Limits,
    ready: impl FnMut(usize),
) -> Result<()> {
    let here = |index| match thing(index)? {
        Thing::Here(on) => Ok(on),
        Thing::There(..) => Err(MIXED),
    };
    match if count == 0 { None } else { Some(thing(0)?) } {
        Some(Thing::There(proxy, _)) => wait_there(proxy, count, thing, limits, ready),
        Some(Thing::Here(_)) | None => wait_each(count, here, limits, ready),
    }
}

fn wait_there<'a>(
    first: &Proxy,
    count: usize,
    thing: impl Fn(usize) -> Result<Thing<'a>>,
    limits: Limits,
    mut ready: impl FnMut(usize),
) -> Result<()> {
    let link = first.link();
    let mut things = Writer::default();
    for index in 0..count {
        match thing(index)? {
            Thing::There(proxy, until) if Arc::ptr_eq(link, proxy.link()) => {
                proxy.attach();
                things.u64(proxy.id());
                put_until(&mut things, until);
            }
            _ => return Err(MIXED),
        }
    }
    let put = |w: &mut Writer| {
        w.u32(count as u32);
        w.0.extend_from_slice(&things.0);
    };
    let indices = link.ask(op::WAIT, limits, put, |_, r| {
        let mut indices = Vec::new();
        while !r.is_empty() {
            indices.push(r.u32()? as usize);
        }
        Ok(indices)
    })?;
    let ascending = indices.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || indices.last().is_none_or(|last| *last >= count) {
        return Err(Error::Protocol("what is ready was not waited for"));
    }
    for index in indices {
        ready(index);
    }
    Ok(())
}

fn put_until(w: &mut Writer, until: Until) {
    let code = match until {
        Until::QueueReadable => 1,
        Until::QueueWritable(_) => 2,
        Until::PipeReadable => 3,
        Until::PipeWritable(_) => 4,
        Until::PipeClosed => 5,
        Until::Lock => 6,
        Until::RLock(_) => 7,
        Until::Semaphore => 8,
        Until::Event => 9,
        Until::Value(_) => 10,
    };
    w.u8(code);
    match until {
        Until::QueueWritable(len) | Until::PipeWritable(len) => w.u64(len as u64),
        Until::RLock(token) => w.u64(token.bits()),
        Until::Value(expected) => w.opt(expected, Writer::bytes),
        _ => {}
    }
}

fn take_until<'a>(r: &mut Reader<'a>) -> Result<Until<'a>> {
    Ok(match r.u8()? {
        1 => Until::QueueReadable,
        2 => Until::QueueWritable(r.size()?),
        3 => Until::PipeReadable,
        4 => Until::PipeWritable(r.size()?),
        5 => Until::PipeClosed,
        6 => Until::Lock,
        7 => Until::RLock(Token::of_client(r.u64()?)?),
        8 => Until::Semaphore,
        9 => Until::Event,
        10 => Until::Value(r.opt(|r| r.bytes())?),
        _ => return Err(Error::Protocol("nothing that can be waited for")),
    })
}

/// A request to wait, as the server has it.
pub(super) struct Waiting {
    objects: Vec<Arc<dyn Served>>,
    /// Those that the client's owner holds already: nobody else has to be waited for.
    held: Vec<usize>,
    /// The arguments, read again where they are needed.
    args: Vec<u8>,
}

impl Waiting {
    /// `find` gives an object by its number: as all clients have it, or as the session's own member has it.
    pub(super) fn take(args: &Reader, find: impl Fn(u64, bool) -> Result<Arc<dyn Served>>) -> Result<Waiting> {
        let mut waiting = Waiting { objects: Vec::new(), held: Vec::new(), args: args.clone().rest().to_vec() };
        let mut r = args.clone();
        let count = r.u32()? as usize;
        if count == 0 || count > WAIT_MOST {
            return Err(Error::Protocol("too many or too few things to wait for"));
        }
        for index in 0..count {
            let (id, until) = (r.u64()?, take_until(&mut r)?);
            let object = find(id, false)?;
            on(&object, until)?;
            if let Until::RLock(token) = until {
                // Its session is the owner, and not the member that waits here for all.
                if of::<objects::RLock>(&find(id, true)?)?.is_owned(token)? {
                    waiting.held.push(index);
                }
            }
            waiting.objects.push(object);
        }
        r.end()?;
        Ok(waiting)
    }

    /// Waits: the answer has the indices of what is ready.
    pub(super) fn serve(&self, limits: Limits) -> Result<(i32, Reply)> {
        let mut r = Reader::new(&self.args);
        r.u32()?;
        let mut things = Vec::with_capacity(self.objects.len());
        for object in &self.objects {
            r.u64()?;
            things.push(on(object, take_until(&mut r)?)?);
        }
        let mut ready = self.held.clone();
        let limits = if ready.is_empty() { limits } else { Limits::none() };
        match wait_each(things.len(), |index| Ok(things[index]), limits, |index| ready.push(index)) {
            Err(Error::TimedOut) if !ready.is_empty() => {}
            other => other?,
        }
        ready.sort_unstable();
        ready.dedup();
        let mut reply = Reply::default();
        for index in ready {
            reply.out.u32(index as u32);
        }
        Ok((0, reply))
    }
}

fn of<T: 'static>(object: &Arc<dyn Served>) -> Result<&T> {
    object.as_any().downcast_ref().ok_or(Error::Protocol("an object is waited for as another kind"))
}

fn on<'a>(object: &'a Arc<dyn Served>, until: Until<'a>) -> Result<On<'a>> {
    Ok(match until {
        Until::QueueReadable => On::QueueReadable(of(object)?),
        Until::QueueWritable(len) => On::QueueWritable(of(object)?, len),
        Until::PipeReadable => On::PipeReadable(of(object)?),
        Until::PipeWritable(len) => On::PipeWritable(of(object)?, len),
        Until::PipeClosed => On::PipeClosed(of(object)?),
        Until::Lock => On::Lock(of(object)?),
        Until::RLock(_) => On::RLock(of(object)?),
        Until::Semaphore => On::Semaphore(of(object)?),
        Until::Event => On::Event(of(object)?),
        Until::Value(expected) => On::Value(of(object)?, expected),
    })
}
