//! A client's side.

mod dial;
mod link;

pub(super) use link::Manner;
pub use link::{ConnectOptions, Link, Listed};

use super::wire::{Reader, Writer};
use super::Class;
use crate::sync::Limits;
use crate::sys::fork;
use crate::{Error, Result};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;

/// A reference to an object that a manager has; given back when dropped.
pub struct Proxy {
    link: Arc<Link>,
    id: u64,
    class: fn(u8) -> Class,
    /// What is added to the numbers of its operations.
    base: u8,
    facts: Vec<u8>,
    /// Which process refers to the object through it, by forks: a child does from its first use on.
    generation: AtomicU32,
    /// The connection on which something bound to the session was last done.
    epoch: AtomicU64,
}

impl Proxy {
    fn new(link: Arc<Link>, id: u64, class: fn(u8) -> Class, facts: Vec<u8>, generation: u32) -> Proxy {
        let generation = AtomicU32::new(generation);
        Proxy { epoch: AtomicU64::new(link.epoch()), link, id, class, base: 0, facts, generation }
    }

    /// The same object under another view: operations of its own, with numbers from `base` on.
    pub(crate) fn view(&self, base: u8, class: fn(u8) -> Class) -> Proxy {
        self.link.attach(self.id);
        let mut view = Proxy::new(self.link.clone(), self.id, class, Vec::new(), fork::generation());
        view.base = base;
        view
    }

    /// Runs an operation that waits for nobody.
    pub(crate) fn ask<R>(
        &self,
        op: u8,
        put: impl FnOnce(&mut Writer),
        take: impl FnOnce(&mut Reader) -> Result<R>,
    ) -> Result<R> {
        self.call(op, Limits::none(), put, |_, reply| take(reply))
    }

    /// Runs an operation: puts its arguments, and takes its status (not negative) and its answer.
    pub(crate) fn call<R>(
        &self,
        op: u8,
        limits: Limits,
        put: impl FnOnce(&mut Writer),
        take: impl FnOnce(i32, &mut Reader) -> Result<R>,
    ) -> Result<R> {
        self.attach();
        let class = (self.class)(op);
        let answered = self.link.request(self.id, self.base + op, class, limits, put);
        if class.bound {
            let now = self.link.epoch();
            match &answered {
                // What the session held that was lost: somebody else may have it by now. (A forked child never held it.)
                Err(Error::NotOwner) => {
                    let before = self.epoch.swap(now, Ordering::Relaxed);
                    if before != now && before >> 32 == now >> 32 {
                        return Err(Error::Connection("it was lost, and with it what was held through it"));
                    }
                }
                Ok(_) => self.epoch.store(now, Ordering::Relaxed),
                Err(_) => {}
            }
        }
        let answered = answered?;
        take(answered.status, &mut answered.reader())
    }

    /// Runs an operation that makes another object there (`Reply::made`); `class` is that one's.
    pub(crate) fn make<R>(
        &self,
        op: u8,
        class: fn(u8) -> Class,
        put: impl FnOnce(&mut Writer),
        take: impl FnOnce(i32, &mut Reader) -> Result<R>,
    ) -> Result<(R, Proxy)> {
        self.attach();
        let bound = Class { bound: true, ..(self.class)(op) };
        let answered = self.link.request(self.id, self.base + op, bound, Limits::none(), put)?;
        let mut body = answered.reader();
        let result = take(answered.status, &mut body)?;
        let id = body.u64()?;
        Ok((result, self.link.proxy(class, id, body.rest())?))
    }

    /// What kind of operation one is.
    pub(crate) fn class_of(&self, op: u8) -> Class {
        (self.class)(op)
    }

    /// Sees to it that this process refers to the object, if it inherited the proxy.
    pub(crate) fn attach(&self) {
        let now = fork::generation();
        if self.generation.load(Ordering::Relaxed) != now && self.generation.swap(now, Ordering::Relaxed) != now {
            self.link.attach(self.id);
        }
    }

    /// Its number in the manager.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// What the server says of the object (`Served::facts`).
    pub(crate) fn facts(&self) -> Reader<'_> {
        Reader::new(&self.facts)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A parent's that a forked child did not use is still the parent's.
        if *self.generation.get_mut() == fork::generation() {
            self.link.release(self.id);
        }
    }
}
