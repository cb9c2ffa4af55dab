//! The lock.

use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place};
use crate::objects::ObjectOptions;
use crate::shm::header::{Kind, PAGE};
use crate::shm::{Handle, Owner};
use crate::sync::Limits;
use crate::{objects, Acquired, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// A lock, here or there.
pub type Lock = Place<objects::Lock>;

const LOCK: u8 = 0;
const UNLOCK: u8 = 1;
const OWNER: u8 = 2;
const TOKEN: u8 = 3;

impl Lock {
    /// [`Lock::lock`] if it is here and free.
    #[inline(always)]
    pub(crate) fn lock_at_once(&self) -> bool {
        matches!(self, Place::Near(lock, _) if lock.lock_at_once())
    }

    /// [`Lock::unlock`] if it is here and nobody waits.
    #[inline(always)]
    pub(crate) fn unlock_at_once(&self) -> bool {
        matches!(self, Place::Near(lock, _) if lock.unlock_at_once())
    }

    /// Takes the lock; [`Acquired::Recovered`] if the previous holder died while holding it.
    ///
    /// # Errors
    /// As [`objects::Lock::lock`]; far: what the connection says.
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(lock, _) => lock.lock(limits),
            Place::Far(proxy) => proxy.call(LOCK, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// Releases the lock.
    ///
    /// # Errors
    /// As [`objects::Lock::unlock`]; far: what the connection says.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        match self {
            Place::Near(lock, _) => lock.unlock(),
            Place::Far(proxy) => proxy.ask(UNLOCK, |_| (), |_| Ok(())),
        }
    }

    /// Who holds it.
    ///
    /// # Errors
    /// As [`objects::Lock::owner`]; far: what the connection says.
    pub fn owner(&self) -> Result<Option<Owner>> {
        match self {
            Place::Near(lock, _) => lock.owner(),
            Place::Far(proxy) => proxy.ask(OWNER, |_| (), take_owner),
        }
    }

    /// A number greater than every earlier one of this lock.
    ///
    /// # Errors
    /// As [`objects::Lock::token`]; far: what the connection says.
    pub fn token(&self) -> Result<u64> {
        match self {
            Place::Near(lock, _) => lock.token(),
            Place::Far(proxy) => proxy.ask(TOKEN, |_| (), |r| r.u64()),
        }
    }
}

kindred! {
    Lock from ObjectOptions,
    object: |new| *new,
    class: |op| match op {
        LOCK => Class::BOUND_WAITS,
        _ => Class::BOUND,
    },
    put: |new, out| out.bool(new.any_release)
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let options = ObjectOptions { any_release: args.bool()?, ..options::served() };
    args.end()?;
    Ok(Arc::new(objects::Lock::create(making.domain, None, options)?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Lock::import(handle, options::served())?))
}

impl Served for objects::Lock {
    fn kind(&self) -> Kind {
        Kind::Lock
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        args.end()?;
        match op {
            LOCK => return self.lock(limits).map(status_of),
            UNLOCK => self.unlock()?,
            OWNER => put_owner(&mut reply.out, self.owner()?.as_ref()),
            TOKEN => reply.out.u64(self.token()?),
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        if options.bool()? != self.any_release() {
            return Err(Error::Type("the lock was made with another rule of who may release it"));
        }
        options.end()
    }

    fn bytes(&self) -> u64 {
        PAGE as u64
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// How a lock was taken, as the status of an answer.
pub(super) fn status_of(acquired: Acquired) -> i32 {
    match acquired {
        Acquired::Clean => 0,
        Acquired::Recovered => 1,
    }
}

/// What [`status_of`] was made of.
pub(super) fn acquired(status: i32) -> Result<Acquired> {
    match status {
        0 => Ok(Acquired::Clean),
        1 => Ok(Acquired::Recovered),
        _ => Err(Error::Protocol("a lock was taken in no way there is")),
    }
}

/// Who holds something.
pub(super) fn put_owner(w: &mut Writer, owner: Option<&Owner>) {
    w.opt(owner, |w, owner| {
        w.bool(owner.alive);
        w.bool(owner.is_self);
        w.u32(owner.slot);
        w.u64(owner.generation);
        w.i32(owner.pid);
        w.u64(owner.start_time);
        w.str(&owner.command);
    });
}

/// What [`put_owner`] wrote.
pub(super) fn take_owner(r: &mut Reader) -> Result<Option<Owner>> {
    r.opt(|r| {
        Ok(Owner {
            alive: r.bool()?,
            is_self: r.bool()?,
            slot: r.u32()?,
            generation: r.u64()?,
            pid: r.i32()?,
            start_time: r.u64()?,
            command: r.str()?.to_owned(),
        })
    })
}
