//! The recursive lock.

use super::lock::{acquired, put_owner, status_of, take_owner};
use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy};
use crate::objects::{ObjectOptions, RLockInfo};
use crate::shm::header::{Kind, PAGE};
use crate::shm::Handle;
use crate::sync::{Limits, Token};
use crate::{objects, Acquired, Result};
use std::any::Any;
use std::sync::Arc;

/// A recursive lock, here or there.
pub type RLock = Place<objects::RLock>;

// All of them but INFO are told the owner's token: a thread of the server's stands for any thread of a client's.
const LOCK: u8 = 0;
const UNLOCK: u8 = 1;
const TOKEN: u8 = 2;
const INFO: u8 = 3;

impl RLock {
    /// [`RLock::lock`] if it is here, and that is possible at once, without news.
    #[inline(always)]
    pub(crate) fn lock_at_once(&self) -> bool {
        matches!(self, Place::Near(rlock, _) if rlock.lock_at_once())
    }

    /// [`RLock::unlock`] if it is here and nobody waits.
    #[inline(always)]
    pub(crate) fn unlock_at_once(&self) -> bool {
        matches!(self, Place::Near(rlock, _) if rlock.unlock_at_once())
    }

    /// Takes the lock, or one more level of it, for the calling thread; [`Acquired::Recovered`] if the previous
    /// holder's process died while holding it.
    ///
    /// # Errors
    /// As [`objects::RLock::lock`]; far: what the connection says.
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(rlock, _) => rlock.lock(limits),
            Place::Far(proxy) => lock_there(proxy, Token::of_thread(), limits),
        }
    }

    /// As [`RLock::lock`], for an owner that the caller names: 1 to 2^63 - 1.
    ///
    /// # Errors
    /// As [`objects::RLock::lock_as`]; far: what the connection says.
    pub fn lock_as(&self, token: u64, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(rlock, _) => rlock.lock_as(token, limits),
            Place::Far(proxy) => lock_there(proxy, Token::given(token)?, limits),
        }
    }

    /// Gives up one level of the calling thread; the last one releases the lock.
    ///
    /// # Errors
    /// As [`objects::RLock::unlock`]; far: what the connection says.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        match self {
            Place::Near(rlock, _) => rlock.unlock(),
            Place::Far(proxy) => unlock_there(proxy, Token::of_thread()),
        }
    }

    /// As [`RLock::unlock`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`objects::RLock::unlock_as`]; far: what the connection says.
    pub fn unlock_as(&self, token: u64) -> Result<()> {
        match self {
            Place::Near(rlock, _) => rlock.unlock_as(token),
            Place::Far(proxy) => unlock_there(proxy, Token::given(token)?),
        }
    }

    /// A number greater than every earlier one of this lock, for the calling thread if it has it.
    ///
    /// # Errors
    /// As [`objects::RLock::token`]; far: what the connection says.
    pub fn token(&self) -> Result<u64> {
        match self {
            Place::Near(rlock, _) => rlock.token(),
            Place::Far(proxy) => token_there(proxy, Token::of_thread()),
        }
    }

    /// As [`RLock::token`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`objects::RLock::token_as`]; far: what the connection says.
    pub fn token_as(&self, token: u64) -> Result<u64> {
        match self {
            Place::Near(rlock, _) => rlock.token_as(token),
            Place::Far(proxy) => token_there(proxy, Token::given(token)?),
        }
    }

    /// Who holds it, and how often.
    ///
    /// # Errors
    /// As [`objects::RLock::info`]; far: what the connection says.
    pub fn info(&self) -> Result<RLockInfo> {
        match self {
            Place::Near(rlock, _) => rlock.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }
}

fn lock_there(proxy: &Proxy, token: Token, limits: Limits) -> Result<Acquired> {
    proxy.call(LOCK, limits, |w| w.u64(token.bits()), |status, _| acquired(status))
}

fn unlock_there(proxy: &Proxy, token: Token) -> Result<()> {
    proxy.ask(UNLOCK, |w| w.u64(token.bits()), |_| Ok(()))
}

fn token_there(proxy: &Proxy, token: Token) -> Result<u64> {
    proxy.ask(TOKEN, |w| w.u64(token.bits()), |r| r.u64())
}

kindred! {
    RLock from ObjectOptions,
    object: |new| *new,
    class: |op| match op {
        LOCK => Class::BOUND_WAITS,
        _ => Class::BOUND,
    },
    put: |_new, _out| ()
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    args.end()?;
    Ok(Arc::new(objects::RLock::create(making.domain, None, options::served())?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::RLock::import(handle, options::served())?))
}

impl Served for objects::RLock {
    fn kind(&self) -> Kind {
        Kind::RLock
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        if op == INFO {
            args.end()?;
            put_info(&mut reply.out, &self.info()?);
            return Ok(0);
        }
        let token = Token::of_client(args.u64()?)?;
        args.end()?;
        match op {
            LOCK => return self.lock_owned(token, limits).map(status_of),
            UNLOCK => self.unlock_owned(token)?,
            TOKEN => reply.out.u64(self.token_owned(token)?),
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
        PAGE as u64
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_info(w: &mut Writer, info: &RLockInfo) {
    put_owner(w, info.owner.as_ref());
    w.u64(info.token);
    w.u32(info.count);
    w.u32(info.steals);
}

fn take_info(r: &mut Reader) -> Result<RLockInfo> {
    Ok(RLockInfo { owner: take_owner(r)?, token: r.u64()?, count: r.u32()?, steals: r.u32()? })
}
