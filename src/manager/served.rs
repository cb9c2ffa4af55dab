//! What a kind of object is for a server: how it is made, and what it does for a request.

use super::wire::{Reader, Writer};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::sync::{Cancel, Limits};
use crate::{Error, Result};
use std::any::Any;
use std::sync::Arc;

/// What kind of operation one is, for both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Class {
    /// It may wait for others, as long as its timeout says. It is tried first, with no time to wait, and if that says
    /// [`Error::TimedOut`] it is done again where it may wait.
    pub(crate) waits: bool,
    /// It is not tried first: it changes something before it waits (a condition, a barrier), or takes long.
    pub(crate) long: bool,
    /// What it does belongs to the client's session (a lock, a permit, a lease): it is done by a member of the domain
    /// of its own, which ends with the connection. Never sent again over another connection.
    pub(crate) bound: bool,
}

impl Class {
    /// Done at once, by the server itself.
    pub(crate) const QUICK: Class = Class { waits: false, long: false, bound: false };
    /// May wait.
    pub(crate) const WAITS: Class = Class { waits: true, ..Class::QUICK };
    /// May take long, but waits for nobody.
    pub(crate) const LONG: Class = Class { long: true, ..Class::QUICK };
    /// Done at once, for the session.
    pub(crate) const BOUND: Class = Class { bound: true, ..Class::QUICK };
    /// May wait, for the session.
    pub(crate) const BOUND_WAITS: Class = Class { bound: true, ..Class::WAITS };
    /// Changes something before it waits, for the session.
    pub(crate) const BOUND_LONG: Class = Class { bound: true, ..Class::LONG };
}

/// Where a served object puts its answer.
#[derive(Default)]
pub(crate) struct Reply {
    /// The body. Empty again if the operation fails.
    pub(crate) out: Writer,
    /// An object that came into being (an inner container that was followed, an iterator): the client's from here on.
    /// Its number follows the body.
    pub(crate) made: Option<Arc<dyn Served>>,
    /// Set when the client is gone, and only then: for what neither a timeout nor the client's cancel ends.
    pub(crate) gone: Option<Cancel>,
}

/// An object (or something made from one) that a server has.
pub(crate) trait Served: Any + Send + Sync {
    /// Of what kind.
    fn kind(&self) -> Kind;

    /// What kind of operation one is. One that does not exist is quick: [`Served::serve`] says so.
    fn class(&self, op: u8) -> Class;

    /// Runs one operation: its status, and its answer in `reply`. The arguments come from a client: anything may stand
    /// there. `limits` is what is left of the client's timeout, or none for an operation that is tried first.
    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32>;

    /// A handle for a near client (`open`: what its [`super::Kindred::put_open`] wrote), and for the members of sessions
    /// (`open` is empty).
    fn export(&self, open: &mut Reader) -> Result<Handle>;

    /// Whether what a client wants to create is what there is; `options`: what its [`super::Kindred::put_new`] wrote.
    fn matches(&self, options: &mut Reader) -> Result<()>;

    /// What the client's proxy has to know (an element's type, flags): see [`super::Proxy::facts`].
    fn facts(&self, _out: &mut Writer) {}

    /// Bytes of memory that it has.
    fn bytes(&self) -> u64;

    /// Bytes of memory that it may take, for quotas.
    fn most_bytes(&self) -> u64 {
        self.bytes()
    }

    /// Of a session's own: the session ends as a process dies. What closing a handle in peace would take back is not
    /// taken back when this is dropped.
    fn abandon(&self) {}

    /// For those that are made of another one.
    fn as_any(&self) -> &dyn Any;
}

/// An operation that does not exist.
pub(crate) fn no_such<T>() -> Result<T> {
    Err(Error::Protocol("this kind of object has no such operation"))
}

/// With what an object is made.
pub(crate) struct Making<'a> {
    /// Whose member makes or opens it: the server, or a session.
    pub(crate) domain: &'a Domain,
    /// Another object, as the same member has it.
    pub(crate) other: &'a dyn Fn(u64) -> Result<Arc<dyn Served>>,
}

/// Makes a new anonymous object from what its [`super::Kindred::put_new`] wrote.
pub(crate) fn create(kind: Kind, making: &Making, options: &mut Reader) -> Result<Arc<dyn Served>> {
    match kind {
        Kind::Lock => super::lock::create(making, options),
        Kind::Value => super::value::create(making, options),
        Kind::Array => super::array::create(making, options),
        Kind::Queue => super::queue::create(making, options),
        Kind::Pipe => super::pipe::create(making, options),
        Kind::RLock => super::rlock::create(making, options),
        Kind::RwLock => super::rwlock::create(making, options),
        Kind::Semaphore => super::semaphore::create(making, options),
        Kind::Condition => super::condition::create(making, options),
        Kind::Event => super::event::create(making, options),
        Kind::Barrier => super::barrier::create(making, options),
        Kind::Dict => super::dict::create(making, options),
        Kind::List => super::list::create(making, options),
        Kind::Namespace => super::namespace::create(making, options),
        _ => Err(Error::NotSupported("a manager does not make this kind of object yet")),
    }
}

/// About how many bytes of memory [`create`] takes at once: of kinds that can be large.
pub(crate) fn wanted(kind: Kind, options: &mut Reader) -> Result<u64> {
    match kind {
        Kind::Queue => super::queue::wanted(options),
        Kind::Pipe => super::pipe::wanted(options),
        Kind::Array => super::array::wanted(options),
        _ => Ok(0),
    }
}

/// Opens an object as another member, with the options it was made with; the handle opens it for that member.
pub(crate) fn join(kind: Kind, making: &Making, handle: &Handle, options: &mut Reader) -> Result<Arc<dyn Served>> {
    match kind {
        Kind::Lock => super::lock::join(making, handle, options),
        Kind::Value => super::value::join(making, handle, options),
        Kind::Array => super::array::join(making, handle, options),
        Kind::Queue => super::queue::join(making, handle, options),
        Kind::Pipe => super::pipe::join(making, handle, options),
        Kind::RLock => super::rlock::join(making, handle, options),
        Kind::RwLock => super::rwlock::join(making, handle, options),
        Kind::Semaphore => super::semaphore::join(making, handle, options),
        Kind::Condition => super::condition::join(making, handle, options),
        Kind::Event => super::event::join(making, handle, options),
        Kind::Barrier => super::barrier::join(making, handle, options),
        Kind::Dict => super::dict::join(making, handle, options),
        Kind::List => super::list::join(making, handle, options),
        Kind::Namespace => super::namespace::join(making, handle, options),
        _ => Err(Error::NotSupported("a manager does not make this kind of object yet")),
    }
}
