//! The namespace.

use super::arena::{self, ANY};
use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Arena, Kindred, Place, Proxy};
use crate::objects::{Builder, ContainerOptions, Datum, Encoded, Reference, Snapshot, What};
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::Limits;
use crate::{objects, Result};
use std::any::Any;
use std::sync::Arc;

/// A namespace, here or there.
pub type Namespace = Place<objects::Namespace>;

const LEN: u8 = 0;
pub(super) const GET: u8 = 1;
pub(super) const SET: u8 = 2;
const CONTAINS: u8 = 3;
const DELETE: u8 = 4;
const ADD: u8 = 5;
const APPEND_TO: u8 = 6;
const COMPARE_EXCHANGE: u8 = 7;
const SNAPSHOT: u8 = 8;
const COPY: u8 = 9;
const REFERENCE: u8 = 10;
const CLEAR: u8 = 12;
const SET_IF_TOKEN: u8 = 13;
const DELETE_IF_TOKEN: u8 = 14;

impl Namespace {
    /// The arena it lives in.
    ///
    /// # Errors
    /// Far: what the connection says. So can all that follow.
    pub fn arena(&self) -> Result<Arena> {
        match self {
            Place::Near(namespace, _) => Ok(namespace.arena().clone().into()),
            Place::Far(proxy) => arena::reached(proxy),
        }
    }

    /// A reference to it.
    ///
    /// # Errors
    /// Only far.
    pub fn reference(&self) -> Result<Reference> {
        match self {
            Place::Near(namespace, _) => Ok(namespace.reference()),
            Place::Far(proxy) => proxy.ask(REFERENCE, |_| (), |r| r.reference()),
        }
    }

    /// A handle on an inner namespace.
    ///
    /// # Errors
    /// As [`objects::Namespace::follow`].
    pub fn follow(arena: &Arena, reference: Reference) -> Result<Namespace> {
        arena.follow(reference, objects::Namespace::follow)
    }

    /// How many attributes.
    ///
    /// # Errors
    /// As [`objects::Namespace::len`].
    pub fn len(&self) -> Result<u64> {
        match self {
            Place::Near(namespace, _) => namespace.len(),
            Place::Far(proxy) => proxy.ask(LEN, |_| (), |r| r.u64()),
        }
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// As [`objects::Namespace::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes all attributes away, at once.
    ///
    /// # Errors
    /// As [`objects::Namespace::clear`].
    pub fn clear(&self) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.clear(),
            Place::Far(proxy) => proxy.ask(CLEAR, |_| (), |_| Ok(())),
        }
    }

    /// An attribute, encoded.
    ///
    /// # Errors
    /// As [`objects::Namespace::get`].
    pub fn get(&self, name: &str) -> Result<Vec<u8>> {
        match self {
            Place::Near(namespace, _) => namespace.get(name, |stored| stored.to_vec()),
            Place::Far(proxy) => get(proxy, name, ANY, |bytes| Ok(bytes.to_vec())),
        }
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// As [`objects::Namespace::set`].
    #[inline]
    pub fn set(&self, name: &str, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.set(name, value),
            Place::Far(proxy) => proxy.ask(SET, |w| put_two(name, value, w), |_| Ok(())),
        }
    }

    /// Sets an attribute if no operation with a greater fencing token was done.
    ///
    /// # Errors
    /// As [`objects::Namespace::set_if_token`].
    pub fn set_if_token(&self, name: &str, value: &Encoded, token: u64) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.set_if_token(name, value, token),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_two(name, value, w);
                    w.u64(token);
                };
                proxy.ask(SET_IF_TOKEN, put, |_| Ok(()))
            }
        }
    }

    /// Whether there is such an attribute.
    ///
    /// # Errors
    /// As [`objects::Namespace::contains`].
    pub fn contains(&self, name: &str) -> Result<bool> {
        match self {
            Place::Near(namespace, _) => namespace.contains(name),
            Place::Far(proxy) => proxy.ask(CONTAINS, |w| w.str(name), |r| r.bool()),
        }
    }

    /// Takes an attribute away.
    ///
    /// # Errors
    /// As [`objects::Namespace::delete`].
    pub fn delete(&self, name: &str) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.delete(name),
            Place::Far(proxy) => proxy.ask(DELETE, |w| w.str(name), |_| Ok(())),
        }
    }

    /// Takes an attribute away if no operation with a greater fencing token was done.
    ///
    /// # Errors
    /// As [`objects::Namespace::delete_if_token`].
    pub fn delete_if_token(&self, name: &str, token: u64) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.delete_if_token(name, token),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    w.str(name);
                    w.u64(token);
                };
                proxy.ask(DELETE_IF_TOKEN, put, |_| Ok(()))
            }
        }
    }

    /// Adds to a number; the sum.
    ///
    /// # Errors
    /// As [`objects::Namespace::add`].
    pub fn add(&self, name: &str, delta: &Datum) -> Result<Datum<'static>> {
        match self {
            Place::Near(namespace, _) => namespace.add(name, delta),
            Place::Far(proxy) => {
                let delta = delta.encode()?;
                proxy.ask(ADD, |w| put_two(name, &delta, w), arena::take_number)
            }
        }
    }

    /// Appends to a list: see [`objects::Namespace::append_to`].
    ///
    /// # Errors
    /// As [`objects::Namespace::append_to`].
    pub fn append_to(&self, name: &str, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.append_to(name, value),
            Place::Far(proxy) => proxy.ask(APPEND_TO, |w| put_two(name, value, w), |_| Ok(())),
        }
    }

    /// Sets an attribute if it is what is expected: see [`objects::Namespace::compare_exchange`].
    ///
    /// # Errors
    /// As [`objects::Namespace::compare_exchange`].
    pub fn compare_exchange(&self, name: &str, expected: &Encoded, desired: &Encoded) -> Result<bool> {
        match self {
            Place::Near(namespace, _) => namespace.compare_exchange(name, expected, desired),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_two(name, expected, w);
                    w.encoded(desired);
                };
                proxy.ask(COMPARE_EXCHANGE, put, |r| r.bool())
            }
        }
    }

    /// A copy of all attributes as they are at one moment, in the order of their names.
    ///
    /// # Errors
    /// As [`objects::Namespace::snapshot`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        match self {
            Place::Near(namespace, _) => namespace.snapshot(),
            Place::Far(proxy) => arena::take_snapshot(&arena::take_pieces(proxy, SNAPSHOT, |_| ())?, What::Items),
        }
    }

    /// Adds its content, a map, to a builder: see [`objects::Namespace::copy`].
    ///
    /// # Errors
    /// As [`objects::Namespace::copy`].
    pub fn copy(&self, deep: bool, into: &mut Builder) -> Result<()> {
        match self {
            Place::Near(namespace, _) => namespace.copy(deep, into),
            Place::Far(proxy) => arena::add_copy(&arena::take_pieces(proxy, COPY, |w| w.bool(deep))?, into),
        }
    }
}

fn put_two(name: &str, value: &Encoded, w: &mut Writer) {
    w.str(name);
    w.encoded(value);
}

/// Far: hands an attribute to `f`: see [`super::dict::get`].
#[cold]
pub(crate) fn get<R>(proxy: &Proxy, name: &str, cap: usize, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let ask = |cap: usize| {
        let put = |w: &mut Writer| {
            w.str(name);
            w.u64(cap as u64);
        };
        proxy.ask(GET, put, |r| arena::handed(r, f))
    };
    arena::within(proxy, cap, ask)
}

kindred! {
    Namespace from ContainerOptions,
    object: |new| new.object,
    class: |op| match op {
        CLEAR | SNAPSHOT | COPY => Class::LONG,
        _ => Class::QUICK,
    },
    put: |new, out| arena::put_options(new, out)
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = arena::take_options(args)?;
    Ok(Arc::new(objects::Namespace::create(making.domain, None, new)?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Namespace::import(handle, options::served())?))
}

impl Served for objects::Namespace {
    fn kind(&self) -> Kind {
        Kind::Namespace
    }

    fn class(&self, op: u8) -> Class {
        match op.checked_sub(arena::BASE) {
            Some(op) => self.arena().class(op),
            None => <Self as Kindred>::class(op),
        }
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        if let Some(op) = op.checked_sub(arena::BASE) {
            return self.arena().serve(op, args, limits, reply);
        }
        match op {
            LEN | CLEAR | SNAPSHOT | REFERENCE => {
                args.end()?;
                match op {
                    LEN => reply.out.u64(self.len()?),
                    CLEAR => self.clear()?,
                    SNAPSHOT => arena::put_snapshot(&self.snapshot()?, Kind::Namespace, reply),
                    _ => reply.out.reference(self.reference()),
                }
            }
            GET => {
                let (name, cap) = (args.str()?, args.size()?);
                args.end()?;
                self.get(name, |stored| arena::put_stored(stored, cap, &mut reply.out))?;
            }
            SET | APPEND_TO => {
                let (name, value) = (args.str()?, args.encoded()?);
                args.end()?;
                match op {
                    SET => self.set(name, &value)?,
                    _ => self.append_to(name, &value)?,
                }
            }
            SET_IF_TOKEN => {
                let (name, value, token) = (args.str()?, args.encoded()?, args.u64()?);
                args.end()?;
                self.set_if_token(name, &value, token)?;
            }
            CONTAINS | DELETE => {
                let name = args.str()?;
                args.end()?;
                match op {
                    CONTAINS => reply.out.bool(self.contains(name)?),
                    _ => self.delete(name)?,
                }
            }
            DELETE_IF_TOKEN => {
                let (name, token) = (args.str()?, args.u64()?);
                args.end()?;
                self.delete_if_token(name, token)?;
            }
            ADD => {
                let (name, delta) = (args.str()?, args.datum()?);
                args.end()?;
                arena::put_number(&self.add(name, &delta)?, &mut reply.out)?;
            }
            COMPARE_EXCHANGE => {
                let (name, expected, desired) = (args.str()?, args.encoded()?, args.encoded()?);
                args.end()?;
                reply.out.bool(self.compare_exchange(name, &expected, &desired)?);
            }
            COPY => {
                let deep = args.bool()?;
                args.end()?;
                arena::put_copy(|into| self.copy(deep, into), Kind::Namespace, reply)?;
            }
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        // As when one is opened that is there: its limit is as it was created.
        arena::take_options(options).map(|_| ())
    }

    fn bytes(&self) -> u64 {
        self.arena().committed()
    }

    fn most_bytes(&self) -> u64 {
        self.arena().limit()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
