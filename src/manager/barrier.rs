//! The barrier.

use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy};
use crate::objects::{BarrierInfo, BarrierOptions, ObjectOptions};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::sync::raw::{self, Arrival};
use crate::sync::{Limits, Timeout};
use crate::{objects, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// A barrier, here or there.
pub type Barrier = Place<objects::Barrier>;

const WAIT: u8 = 0;
/// As WAIT; the last to come is told to run its action, and says with ACTED how that went.
const COME: u8 = 1;
const ACTED: u8 = 2;
const REGISTER: u8 = 3;
const UNREGISTER: u8 = 4;
const ABORT: u8 = 5;
const RESET: u8 = 6;
const INFO: u8 = 7;

// The status of COME.
const PASSED: i32 = 0;
const LAST: i32 = 1;

impl Barrier {
    /// Arrives, and waits until all parties have; the index of this arrival in its round.
    ///
    /// # Errors
    /// As [`objects::Barrier::wait`]; far: what the connection says.
    pub fn wait(&self, limits: Limits) -> Result<u32> {
        match self {
            Place::Near(barrier, _) => barrier.wait(limits),
            Place::Far(proxy) => proxy.call(WAIT, limits, |w| w.bool(limits.is_try()), |_, r| r.u32()),
        }
    }

    /// As [`Barrier::wait`]; whoever comes last runs its `action` before anybody passes, and `false` breaks the
    /// barrier.
    ///
    /// # Errors
    /// As [`Barrier::wait`].
    pub fn wait_with(&self, limits: Limits, action: impl FnOnce() -> bool) -> Result<u32> {
        match self {
            Place::Near(barrier, _) => barrier.wait_with(limits, action),
            Place::Far(proxy) => wait_there(proxy, limits, action),
        }
    }

    /// Breaks it, until it is reset.
    ///
    /// # Errors
    /// As [`objects::Barrier::abort`]; far: what the connection says.
    pub fn abort(&self) -> Result<()> {
        match self {
            Place::Near(barrier, _) => barrier.abort(),
            Place::Far(proxy) => proxy.ask(ABORT, |_| (), |_| Ok(())),
        }
    }

    /// Sends away who waits, and makes it as new.
    ///
    /// # Errors
    /// As [`objects::Barrier::reset`]; far: what the connection says.
    pub fn reset(&self) -> Result<()> {
        match self {
            Place::Near(barrier, _) => barrier.reset(),
            Place::Far(proxy) => proxy.ask(RESET, |_| (), |_| Ok(())),
        }
    }

    /// Promises that this process will come: its death breaks the barrier.
    ///
    /// # Errors
    /// As [`objects::Barrier::register`]; far: what the connection says.
    pub fn register(&self) -> Result<()> {
        match self {
            Place::Near(barrier, _) => barrier.register(),
            Place::Far(proxy) => proxy.ask(REGISTER, |_| (), |_| Ok(())),
        }
    }

    /// Takes one registration back.
    ///
    /// # Errors
    /// As [`objects::Barrier::unregister`]; far: what the connection says.
    pub fn unregister(&self) -> Result<()> {
        match self {
            Place::Near(barrier, _) => barrier.unregister(),
            Place::Far(proxy) => proxy.ask(UNREGISTER, |_| (), |_| Ok(())),
        }
    }

    /// What it is like.
    ///
    /// # Errors
    /// As [`objects::Barrier::info`]; far: what the connection says.
    pub fn info(&self) -> Result<BarrierInfo> {
        match self {
            Place::Near(barrier, _) => barrier.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }
}

fn wait_there(proxy: &Proxy, limits: Limits, action: impl FnOnce() -> bool) -> Result<u32> {
    let put = |w: &mut Writer| w.bool(limits.is_try());
    let arrival = proxy.call(COME, limits, put, |status, r| match status {
        PASSED => r.u32().map(Arrival::Passed),
        LAST => take_place(r).map(Arrival::Last),
        _ => Err(Error::Protocol("a party came to a barrier in no way there is")),
    })?;
    match arrival {
        Arrival::Passed(index) => Ok(index),
        Arrival::Last(place) => {
            let good = action();
            let put = |w: &mut Writer| {
                put_place(w, &place);
                w.bool(good);
            };
            proxy.ask(ACTED, put, |r| r.u32())
        }
    }
}

impl Kindred for objects::Barrier {
    const KIND: Kind = Kind::Barrier;
    type New = BarrierOptions;
    type Open = ObjectOptions;

    fn class(op: u8) -> Class {
        match op {
            WAIT | COME => Class::BOUND_LONG,
            ACTED | REGISTER | UNREGISTER => Class::BOUND,
            _ => Class::QUICK,
        }
    }

    fn create(domain: &Domain, name: Option<&str>, new: &BarrierOptions) -> Result<(Self, bool)> {
        objects::Barrier::create(domain, name, *new)
    }

    fn open(domain: &Domain, name: &str, open: &ObjectOptions) -> Result<Self> {
        objects::Barrier::open(domain, name, *open)
    }

    fn import(handle: &Handle, open: &ObjectOptions) -> Result<Self> {
        objects::Barrier::import(handle, *open)
    }

    fn export(&self) -> Result<Handle> {
        self.export()
    }

    fn exist_ok(new: &BarrierOptions) -> bool {
        new.object.exist_ok
    }

    fn as_open(new: &BarrierOptions) -> ObjectOptions {
        new.object
    }

    fn put_new(new: &BarrierOptions, out: &mut Writer) -> Result<()> {
        out.u32(new.parties);
        Ok(())
    }
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let options = BarrierOptions { object: options::served(), parties: args.u32()? };
    args.end()?;
    Ok(Arc::new(objects::Barrier::create(making.domain, None, options)?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Barrier::import(handle, options::served())?))
}

impl Served for objects::Barrier {
    fn kind(&self) -> Kind {
        Kind::Barrier
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        match op {
            WAIT | COME => {
                let limits = patient(limits, args.bool()?);
                args.end()?;
                if op == WAIT {
                    reply.out.u32(self.wait(limits)?);
                    return Ok(0);
                }
                match self.come(limits)? {
                    Arrival::Passed(index) => reply.out.u32(index),
                    Arrival::Last(place) => {
                        put_place(&mut reply.out, &place);
                        return Ok(LAST);
                    }
                }
                return Ok(PASSED);
            }
            ACTED => {
                let (place, good) = (take_place(args)?, args.bool()?);
                args.end()?;
                reply.out.u32(self.acted(place, good)?);
                return Ok(0);
            }
            _ => args.end()?,
        }
        match op {
            REGISTER => self.register()?,
            UNREGISTER => self.unregister()?,
            ABORT => self.abort()?,
            RESET => self.reset()?,
            INFO => put_info(&mut reply.out, &self.info()?),
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        if options.u32()? != self.parties() {
            return Err(Error::Type("the barrier was made for another number of parties"));
        }
        options.end()
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn abandon(&self) {
        self.abandon();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What is left of a client's time. Who meant to wait has come, however little that is, and breaks the barrier by not
/// staying; to try once breaks nothing.
fn patient(limits: Limits, is_try: bool) -> Limits {
    match limits.timeout {
        Timeout::Ns(0) if !is_try => Limits { timeout: Timeout::Ns(1), ..limits },
        _ => limits,
    }
}

fn put_place(w: &mut Writer, place: &raw::Place) {
    w.u64(place.index as u64);
    w.u64(place.mark);
}

fn take_place(r: &mut Reader) -> Result<raw::Place> {
    Ok(raw::Place { index: r.size()?, mark: r.u64()? })
}

fn put_info(w: &mut Writer, info: &BarrierInfo) {
    w.u32(info.parties);
    w.u32(info.waiting);
    w.bool(info.broken);
    w.u32(info.registered);
    w.u32(info.generation);
    w.u32(info.deaths);
}

fn take_info(r: &mut Reader) -> Result<BarrierInfo> {
    Ok(BarrierInfo {
        parties: r.u32()?,
        waiting: r.u32()?,
        broken: r.bool()?,
        registered: r.u32()?,
        generation: r.u32()?,
        deaths: r.u32()?,
    })
}
