//! The event.

use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::Reader;
use super::{options, Kindred, Place};
use crate::objects::ObjectOptions;
use crate::shm::header::{Kind, PAGE};
use crate::shm::Handle;
use crate::sync::Limits;
use crate::{objects, Result};
use std::any::Any;
use std::sync::Arc;

/// An event, here or there.
pub type Event = Place<objects::Event>;

pub(super) const SET: u8 = 0;
const CLEAR: u8 = 1;
const IS_SET: u8 = 2;
const WAIT: u8 = 3;

impl Event {
    /// Sets it, and wakes everybody who waits. Near: async-signal-safe.
    ///
    /// # Errors
    /// Far: what the connection says.
    #[inline]
    pub fn set(&self) -> Result<()> {
        match self {
            Place::Near(event, _) => {
                event.set();
                Ok(())
            }
            Place::Far(proxy) => proxy.ask(SET, |_| (), |_| Ok(())),
        }
    }

    /// Clears it. Near: async-signal-safe.
    ///
    /// # Errors
    /// Far: what the connection says.
    #[inline]
    pub fn clear(&self) -> Result<()> {
        match self {
            Place::Near(event, _) => {
                event.clear();
                Ok(())
            }
            Place::Far(proxy) => proxy.ask(CLEAR, |_| (), |_| Ok(())),
        }
    }

    /// Whether it is set. Near: async-signal-safe.
    ///
    /// # Errors
    /// Far: what the connection says.
    #[inline]
    pub fn is_set(&self) -> Result<bool> {
        match self {
            Place::Near(event, _) => Ok(event.is_set()),
            Place::Far(proxy) => proxy.ask(IS_SET, |_| (), |r| r.bool()),
        }
    }

    /// Waits until it is set, or was set since the call began.
    ///
    /// # Errors
    /// As [`objects::Event::wait`]; far: what the connection says.
    #[inline]
    pub fn wait(&self, limits: Limits) -> Result<()> {
        match self {
            Place::Near(event, _) => event.wait(limits),
            Place::Far(proxy) => proxy.call(WAIT, limits, |_| (), |_, _| Ok(())),
        }
    }
}

kindred! {
    Event from ObjectOptions,
    object: |new| *new,
    class: |op| match op {
        WAIT => Class::WAITS,
        _ => Class::QUICK,
    },
    put: |_new, _out| ()
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    args.end()?;
    Ok(Arc::new(objects::Event::create(making.domain, None, options::served())?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Event::import(handle, options::served())?))
}

impl Served for objects::Event {
    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        args.end()?;
        match op {
            SET => self.set(),
            CLEAR => self.clear(),
            IS_SET => reply.out.bool(self.is_set()),
            WAIT => self.wait(limits)?,
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
