//! The readers-writer lock.

use super::lock::{acquired, put_owner, status_of, take_owner};
use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place};
use crate::objects::rwlock::SHAPE;
use crate::objects::{ObjectOptions, RwLockInfo};
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::raw::AtOnce;
use crate::sync::Limits;
use crate::{objects, Acquired, Result};
use std::any::Any;
use std::sync::Arc;

/// A readers-writer lock, here or there.
pub type RwLock = Place<objects::RwLock>;

const READ_LOCK: u8 = 0;
const READ_UNLOCK: u8 = 1;
const WRITE_LOCK: u8 = 2;
const WRITE_UNLOCK: u8 = 3;
const TOKEN: u8 = 4;
const INFO: u8 = 5;

impl RwLock {
    /// [`RwLock::read_lock`] if it is here, and that is possible at once.
    #[inline(always)]
    pub(crate) fn read_at_once(&self) -> AtOnce {
        match self {
            Place::Near(rwlock, _) => rwlock.read_at_once(),
            Place::Far(_) => AtOnce::No,
        }
    }

    /// [`RwLock::read_unlock`] if it is here, and this process reads.
    #[inline(always)]
    pub(crate) fn read_unlock_at_once(&self) -> bool {
        matches!(self, Place::Near(rwlock, _) if rwlock.read_unlock_at_once())
    }

    /// Takes the lock for reading; [`Acquired::Recovered`] if a writer died inside and none has released the lock
    /// since.
    ///
    /// # Errors
    /// As [`objects::RwLock::read_lock`]; far: what the connection says.
    #[inline]
    pub fn read_lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(rwlock, _) => rwlock.read_lock(limits),
            Place::Far(proxy) => proxy.call(READ_LOCK, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// Gives up one read lock of this process.
    ///
    /// # Errors
    /// As [`objects::RwLock::read_unlock`]; far: what the connection says.
    #[inline]
    pub fn read_unlock(&self) -> Result<()> {
        match self {
            Place::Near(rwlock, _) => rwlock.read_unlock(),
            Place::Far(proxy) => proxy.ask(READ_UNLOCK, |_| (), |_| Ok(())),
        }
    }

    /// Takes the lock for writing; [`Acquired::Recovered`] as for reading.
    ///
    /// # Errors
    /// As [`objects::RwLock::write_lock`]; far: what the connection says.
    #[inline]
    pub fn write_lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(rwlock, _) => rwlock.write_lock(limits),
            Place::Far(proxy) => proxy.call(WRITE_LOCK, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// Releases the lock after writing.
    ///
    /// # Errors
    /// As [`objects::RwLock::write_unlock`]; far: what the connection says.
    #[inline]
    pub fn write_unlock(&self) -> Result<()> {
        match self {
            Place::Near(rwlock, _) => rwlock.write_unlock(),
            Place::Far(proxy) => proxy.ask(WRITE_UNLOCK, |_| (), |_| Ok(())),
        }
    }

    /// A number greater than every earlier one of this lock, for who writes.
    ///
    /// # Errors
    /// As [`objects::RwLock::token`]; far: what the connection says.
    pub fn token(&self) -> Result<u64> {
        match self {
            Place::Near(rwlock, _) => rwlock.token(),
            Place::Far(proxy) => proxy.ask(TOKEN, |_| (), |r| r.u64()),
        }
    }

    /// Who holds it.
    ///
    /// # Errors
    /// As [`objects::RwLock::info`]; far: what the connection says.
    pub fn info(&self) -> Result<RwLockInfo> {
        match self {
            Place::Near(rwlock, _) => rwlock.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }
}

kindred! {
    RwLock from ObjectOptions,
    object: |new| *new,
    class: |op| match op {
        READ_LOCK | WRITE_LOCK => Class::BOUND_WAITS,
        _ => Class::BOUND,
    },
    put: |_new, _out| ()
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    args.end()?;
    Ok(Arc::new(objects::RwLock::create(making.domain, None, options::served())?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::RwLock::import(handle, options::served())?))
}

impl Served for objects::RwLock {
    fn kind(&self) -> Kind {
        Kind::RwLock
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        args.end()?;
        match op {
            READ_LOCK => return self.read_lock(limits).map(status_of),
            READ_UNLOCK => self.read_unlock()?,
            WRITE_LOCK => return self.write_lock(limits).map(status_of),
            WRITE_UNLOCK => self.write_unlock()?,
            TOKEN => reply.out.u64(self.token()?),
            INFO => put_info(&mut reply.out, &self.info()?),
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, _options: &mut Reader) -> Result<()> {
        Ok(())
    }

    fn bytes(&self) -> u64 {
        SHAPE.len
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_info(w: &mut Writer, info: &RwLockInfo) {
    put_owner(w, info.writer.as_ref());
    w.u32(info.readers);
    w.u32(info.reading_processes);
    w.bool(info.writing);
    w.bool(info.inconsistent);
    w.u32(info.steals);
}

fn take_info(r: &mut Reader) -> Result<RwLockInfo> {
    Ok(RwLockInfo {
        writer: take_owner(r)?,
        readers: r.u32()?,
        reading_processes: r.u32()?,
        writing: r.bool()?,
        inconsistent: r.bool()?,
        steals: r.u32()?,
    })
}
