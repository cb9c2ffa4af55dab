//! The semaphore.

use super::lock::{acquired, status_of};
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy};
use crate::objects::{ObjectOptions, SemaphoreInfo, SemaphoreOptions};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::sync::Limits;
use crate::{objects, Acquired, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// A semaphore, here or there.
pub type Semaphore = Place<objects::Semaphore>;

// A plain one belongs to nobody. The permits of an accounting one belong to the session.
const ACQUIRE: u8 = 0;
const RELEASE: u8 = 1;
const INFO: u8 = 2;
/// Of an accounting one.
const OWN: u8 = 8;

impl Semaphore {
    /// [`Semaphore::acquire`] if it is here, and that is possible at once, and nobody has to be asked.
    #[inline(always)]
    pub(crate) fn acquire_at_once(&self) -> bool {
        matches!(self, Place::Near(semaphore, _) if semaphore.acquire_at_once())
    }

    /// [`Semaphore::release`] if it is here, and that is possible at once; `Some(true)`: now [`Semaphore::wake`] has to
    /// follow.
    #[inline(always)]
    pub(crate) fn release_at_once(&self, n: u32) -> Option<bool> {
        match self {
            Place::Near(semaphore, _) => semaphore.release_at_once(n),
            Place::Far(_) => None,
        }
    }

    /// Wakes those who may have waited for permits that were given back here.
    pub(crate) fn wake(&self, n: u32) {
        if let Place::Near(semaphore, _) = self {
            semaphore.wake(n);
        }
    }

    /// Takes a permit; [`Acquired::Recovered`] if an accounting semaphore just got permits back from the dead.
    ///
    /// # Errors
    /// As [`objects::Semaphore::acquire`]; far: what the connection says.
    #[inline]
    pub fn acquire(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(semaphore, _) => semaphore.acquire(limits),
            Place::Far(proxy) => proxy.call(of(proxy, ACQUIRE)?, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// Gives permits back.
    ///
    /// # Errors
    /// As [`objects::Semaphore::release`]; far: what the connection says.
    #[inline]
    pub fn release(&self, n: u32) -> Result<()> {
        match self {
            Place::Near(semaphore, _) => semaphore.release(n),
            Place::Far(proxy) => proxy.ask(of(proxy, RELEASE)?, |w| w.u32(n), |_| Ok(())),
        }
    }

    /// What it is like.
    ///
    /// # Errors
    /// As [`objects::Semaphore::info`]; far: what the connection says.
    pub fn info(&self) -> Result<SemaphoreInfo> {
        match self {
            Place::Near(semaphore, _) => semaphore.info(),
            Place::Far(proxy) => proxy.ask(of(proxy, INFO)?, |_| (), take_info),
        }
    }
}

/// The operation, of this kind of semaphore.
fn of(proxy: &Proxy, op: u8) -> Result<u8> {
    let accounting = proxy.facts().bool()?;
    Ok(if accounting { op | OWN } else { op })
}

impl Kindred for objects::Semaphore {
    const KIND: Kind = Kind::Semaphore;
    type New = SemaphoreOptions;
    type Open = ObjectOptions;

    fn class(op: u8) -> Class {
        match (op & !OWN, op & OWN != 0) {
            (ACQUIRE, false) => Class::WAITS,
            (ACQUIRE, true) => Class::BOUND_WAITS,
            (_, false) => Class::QUICK,
            (_, true) => Class::BOUND,
        }
    }

    fn create(domain: &Domain, name: Option<&str>, new: &SemaphoreOptions) -> Result<(Self, bool)> {
        objects::Semaphore::create(domain, name, *new)
    }

    fn open(domain: &Domain, name: &str, open: &ObjectOptions) -> Result<Self> {
        objects::Semaphore::open(domain, name, *open)
    }

    fn import(handle: &Handle, open: &ObjectOptions) -> Result<Self> {
        objects::Semaphore::import(handle, *open)
    }

    fn export(&self) -> Result<Handle> {
        self.export()
    }

    fn exist_ok(new: &SemaphoreOptions) -> bool {
        new.object.exist_ok
    }

    fn as_open(new: &SemaphoreOptions) -> ObjectOptions {
        new.object
    }

    fn put_new(new: &SemaphoreOptions, out: &mut Writer) -> Result<()> {
        out.u32(new.initial);
        out.bool(new.bounded);
        out.bool(new.accounting);
        Ok(())
    }
}

fn take_new(args: &mut Reader) -> Result<SemaphoreOptions> {
    let options = SemaphoreOptions {
        object: options::served(),
        initial: args.u32()?,
        bounded: args.bool()?,
        accounting: args.bool()?,
    };
    args.end()?;
    Ok(options)
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Semaphore::create(making.domain, None, take_new(args)?)?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Semaphore::import(handle, options::served())?))
}

impl Served for objects::Semaphore {
    fn kind(&self) -> Kind {
        Kind::Semaphore
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        let (_, _, accounting) = self.parameters();
        // Or the permits would be the server's own, and never come back.
        if accounting != (op & OWN != 0) {
            return Err(Error::Protocol("an operation of another kind of semaphore"));
        }
        match op & !OWN {
            ACQUIRE => {
                args.end()?;
                return self.acquire(limits).map(status_of);
            }
            RELEASE => {
                let n = args.u32()?;
                args.end()?;
                self.release(n)?;
            }
            INFO => {
                args.end()?;
                put_info(&mut reply.out, &self.info()?);
            }
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        let new = take_new(options)?;
        if self.parameters() != (new.initial, new.bounded, new.accounting) {
            return Err(Error::Type("the semaphore was made with another initial value or mode"));
        }
        Ok(())
    }

    fn facts(&self, out: &mut Writer) {
        let (_, _, accounting) = self.parameters();
        out.bool(accounting);
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_info(w: &mut Writer, info: &SemaphoreInfo) {
    w.u32(info.value);
    w.u32(info.initial);
    w.u32(info.held);
    w.u32(info.holders);
    w.bool(info.bounded);
    w.bool(info.accounting);
    w.u32(info.reclaimed);
}

fn take_info(r: &mut Reader) -> Result<SemaphoreInfo> {
    Ok(SemaphoreInfo {
        value: r.u32()?,
        initial: r.u32()?,
        held: r.u32()?,
        holders: r.u32()?,
        bounded: r.bool()?,
        accounting: r.bool()?,
        reclaimed: r.u32()?,
    })
}
