//! A client's side of a connection.

use super::wire::{Reader, Writer};
use super::Class;
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::Limits;
use crate::{Error, Result};
use std::sync::Arc;

/// A connection to a manager.
pub struct Link {}

/// A reference to an object that a manager has; given back when dropped.
pub struct Proxy {
    link: Arc<Link>,
    id: u64,
    class: fn(u8) -> Class,
    facts: Vec<u8>,
}

impl Proxy {
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
        let _ = (op, limits, put, take);
        Err(Error::Connection("not yet"))
    }

    /// Runs an operation that makes another object there ([`super::served::Reply::made`]); `class` is that one's.
    pub(crate) fn make<R>(
        &self,
        op: u8,
        class: fn(u8) -> Class,
        put: impl FnOnce(&mut Writer),
        take: impl FnOnce(i32, &mut Reader) -> Result<R>,
    ) -> Result<(R, Proxy)> {
        let _ = (op, class, put, take);
        Err(Error::Connection("not yet"))
    }

    /// Its number in the manager.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// What the server says of the object ([`super::served::Served::facts`]).
    pub(crate) fn facts(&self) -> Reader<'_> {
        Reader::new(&self.facts)
    }
}

impl Link {
    /// Whether clients get the memory itself.
    pub(crate) fn gives_memory(&self) -> bool {
        false
    }

    pub(crate) fn create(
        self: &Arc<Self>,
        kind: Kind,
        class: fn(u8) -> Class,
        name: Option<&str>,
        exist_ok: bool,
        options: &Writer,
    ) -> Result<(Proxy, bool)> {
        let _ = (kind, class, name, exist_ok, options);
        Err(Error::Connection("not yet"))
    }

    pub(crate) fn open(self: &Arc<Self>, kind: Kind, class: fn(u8) -> Class, name: &str) -> Result<Proxy> {
        let _ = (kind, class, name);
        Err(Error::Connection("not yet"))
    }

    pub(crate) fn export(&self, proxy: &Proxy, open: &Writer) -> Result<Handle> {
        let _ = (proxy, open);
        Err(Error::Connection("not yet"))
    }

    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        let _ = name;
        Err(Error::Connection("not yet"))
    }
}
