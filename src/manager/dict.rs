//! The dict.

use super::arena::{self, Ahead, ANY};
use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Arena, Kindred, Place, Proxy};
use crate::objects::{Builder, ContainerOptions, Datum, Encoded, Reference, Snapshot, What};
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::Limits;
use crate::{objects, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// A dict, here or there.
pub type Dict = Place<objects::Dict>;

const LEN: u8 = 0;
pub(super) const GET: u8 = 1;
pub(super) const SET: u8 = 2;
const SETDEFAULT: u8 = 3;
const CONTAINS: u8 = 4;
pub(super) const DELETE: u8 = 5;
const POP: u8 = 6;
const POPITEM: u8 = 7;
const CLEAR: u8 = 8;
const UPDATE: u8 = 9;
pub(super) const ADD: u8 = 10;
const APPEND_TO: u8 = 11;
const COMPARE_EXCHANGE: u8 = 12;
const SNAPSHOT: u8 = 13;
const ITER: u8 = 14;
const COPY: u8 = 15;
const REFERENCE: u8 = 16;
const SET_IF_TOKEN: u8 = 18;
const DELETE_IF_TOKEN: u8 = 19;

impl Dict {
    /// The arena it lives in.
    ///
    /// # Errors
    /// Far: what the connection says. So can all that follow.
    pub fn arena(&self) -> Result<Arena> {
        match self {
            Place::Near(dict, _) => Ok(dict.arena().clone().into()),
            Place::Far(proxy) => arena::reached(proxy),
        }
    }

    /// A reference to it: see [`objects::Dict::reference`].
    ///
    /// # Errors
    /// Only far.
    pub fn reference(&self) -> Result<Reference> {
        match self {
            Place::Near(dict, _) => Ok(dict.reference()),
            Place::Far(proxy) => proxy.ask(REFERENCE, |_| (), |r| r.reference()),
        }
    }

    /// A handle on an inner dict.
    ///
    /// # Errors
    /// As [`objects::Dict::follow`].
    pub fn follow(arena: &Arena, reference: Reference) -> Result<Dict> {
        arena.follow(reference, objects::Dict::follow)
    }

    /// How many keys.
    ///
    /// # Errors
    /// As [`objects::Dict::len`].
    #[inline]
    pub fn len(&self) -> Result<u64> {
        match self {
            Place::Near(dict, _) => dict.len(),
            Place::Far(proxy) => proxy.ask(LEN, |_| (), |r| r.u64()),
        }
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// As [`objects::Dict::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// A key's value, encoded.
    ///
    /// # Errors
    /// As [`objects::Dict::get`].
    pub fn get(&self, key: &Encoded) -> Result<Vec<u8>> {
        match self {
            Place::Near(dict, _) => dict.get(key, |stored| stored.to_vec()),
            Place::Far(proxy) => get(proxy, key, ANY, |bytes| Ok(bytes.to_vec())),
        }
    }

    /// Sets a key's value.
    ///
    /// # Errors
    /// As [`objects::Dict::set`].
    #[inline(always)]
    pub fn set(&self, key: &Encoded, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.set(key, value),
            Place::Far(proxy) => set(proxy, key, value),
        }
    }

    /// Sets a key's value if no operation with a greater fencing token was done.
    ///
    /// # Errors
    /// As [`objects::Dict::set_if_token`].
    pub fn set_if_token(&self, key: &Encoded, value: &Encoded, token: u64) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.set_if_token(key, value, token),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_two(key, value, w);
                    w.u64(token);
                };
                proxy.ask(SET_IF_TOKEN, put, |_| Ok(()))
            }
        }
    }

    /// Sets a key's value if it has none; the one that it has then, and whether it had one.
    ///
    /// # Errors
    /// As [`objects::Dict::setdefault`].
    pub fn setdefault(&self, key: &Encoded, value: &Encoded) -> Result<(bool, Vec<u8>)> {
        match self {
            Place::Near(dict, _) => dict.setdefault(key, value, |stored| stored.to_vec()),
            Place::Far(proxy) => setdefault(proxy, key, value, ANY, |bytes| Ok(bytes.to_vec())),
        }
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// As [`objects::Dict::contains`].
    #[inline]
    pub fn contains(&self, key: &Encoded) -> Result<bool> {
        match self {
            Place::Near(dict, _) => dict.contains(key),
            Place::Far(proxy) => proxy.ask(CONTAINS, |w| w.encoded(key), |r| r.bool()),
        }
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// As [`objects::Dict::delete`].
    #[inline]
    pub fn delete(&self, key: &Encoded) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.delete(key),
            Place::Far(proxy) => proxy.ask(DELETE, |w| w.encoded(key), |_| Ok(())),
        }
    }

    /// Takes a key out if no operation with a greater fencing token was done.
    ///
    /// # Errors
    /// As [`objects::Dict::delete_if_token`].
    pub fn delete_if_token(&self, key: &Encoded, token: u64) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.delete_if_token(key, token),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    w.encoded(key);
                    w.u64(token);
                };
                proxy.ask(DELETE_IF_TOKEN, put, |_| Ok(()))
            }
        }
    }

    /// Takes a key out; its value.
    ///
    /// # Errors
    /// As [`objects::Dict::pop`].
    pub fn pop(&self, key: &Encoded) -> Result<Vec<u8>> {
        match self {
            Place::Near(dict, _) => dict.pop(key, |stored| stored.to_vec()),
            Place::Far(proxy) => pop(proxy, key, ANY, |bytes| Ok(bytes.to_vec())),
        }
    }

    /// Takes the key out that was inserted last; it and its value.
    ///
    /// # Errors
    /// As [`objects::Dict::popitem`].
    pub fn popitem(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        match self {
            Place::Near(dict, _) => dict.popitem(|key, value| Ok((key.to_vec()?, value.to_vec()?))),
            Place::Far(proxy) => match popitem(proxy, ANY, ANY, |key, value| Ok((key.to_vec(), value.to_vec())))? {
                Popped::Pair(pair) => Ok(pair),
                Popped::NoRoom(..) => Err(Error::Protocol("more bytes than there can be")),
            },
        }
    }

    /// Takes all keys out, at once.
    ///
    /// # Errors
    /// As [`objects::Dict::clear`].
    pub fn clear(&self) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.clear(),
            Place::Far(proxy) => proxy.ask(CLEAR, |_| (), |_| Ok(())),
        }
    }

    /// Sets keys to values, in order: see [`objects::Dict::update`].
    ///
    /// # Errors
    /// As [`objects::Dict::update`].
    pub fn update(&self, map: &[u8]) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.update(map),
            Place::Far(proxy) => proxy.ask(UPDATE, |w| w.encoded(&Encoded::stored(map)), |_| Ok(())),
        }
    }

    /// Adds to a number; the sum.
    ///
    /// # Errors
    /// As [`objects::Dict::add`].
    #[inline]
    pub fn add(&self, key: &Encoded, delta: &Datum) -> Result<Datum<'static>> {
        match self {
            Place::Near(dict, _) => dict.add(key, delta),
            Place::Far(proxy) => {
                let delta = delta.encode()?;
                proxy.ask(ADD, |w| put_two(key, &delta, w), arena::take_number)
            }
        }
    }

    /// Appends to the list that is a key's value: see [`objects::Dict::append_to`].
    ///
    /// # Errors
    /// As [`objects::Dict::append_to`].
    #[inline]
    pub fn append_to(&self, key: &Encoded, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.append_to(key, value),
            Place::Far(proxy) => proxy.ask(APPEND_TO, |w| put_two(key, value, w), |_| Ok(())),
        }
    }

    /// Sets a key's value to `desired` if it is `expected`; whether it was.
    ///
    /// # Errors
    /// As [`objects::Dict::compare_exchange`].
    #[inline]
    pub fn compare_exchange(&self, key: &Encoded, expected: &Encoded, desired: &Encoded) -> Result<bool> {
        match self {
            Place::Near(dict, _) => dict.compare_exchange(key, expected, desired),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_two(key, expected, w);
                    w.encoded(desired);
                };
                proxy.ask(COMPARE_EXCHANGE, put, |r| r.bool())
            }
        }
    }

    /// A copy of keys, values or both, as they are at one moment.
    ///
    /// # Errors
    /// As [`objects::Dict::snapshot`].
    pub fn snapshot(&self, what: What) -> Result<Snapshot> {
        match self {
            Place::Near(dict, _) => dict.snapshot(what),
            Place::Far(proxy) => {
                let bytes = arena::take_pieces(proxy, SNAPSHOT, |w| arena::put_what(what, w))?;
                arena::take_snapshot(&bytes, what)
            }
        }
    }

    /// Goes through the items as they are: see [`objects::Dict::iter`].
    ///
    /// # Errors
    /// As [`objects::Dict::iter`].
    pub fn iter(&self) -> Result<DictIter> {
        match self {
            Place::Near(dict, _) => dict.iter().map(DictIter::Near),
            Place::Far(proxy) => Ahead::new(proxy, ITER).map(DictIter::Far),
        }
    }

    /// Adds its content, a map, to a builder: see [`objects::Dict::copy`].
    ///
    /// # Errors
    /// As [`objects::Dict::copy`].
    pub fn copy(&self, deep: bool, into: &mut Builder) -> Result<()> {
        match self {
            Place::Near(dict, _) => dict.copy(deep, into),
            Place::Far(proxy) => arena::add_copy(&arena::take_pieces(proxy, COPY, |w| w.bool(deep))?, into),
        }
    }
}

/// Goes through a dict's items as they are.
pub enum DictIter {
    /// In memory.
    Near(objects::DictIter),
    /// Behind a connection.
    Far(Ahead),
}

impl DictIter {
    /// The next key and value; `None` at the end.
    ///
    /// # Errors
    /// As [`objects::DictIter::next`]; far: what the connection says.
    #[allow(clippy::should_implement_trait)] // what it returns is borrowed from it
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        match self {
            DictIter::Near(iter) => iter.next(),
            DictIter::Far(iter) => iter.next(),
        }
    }
}

fn put_two(key: &Encoded, value: &Encoded, w: &mut Writer) {
    w.encoded(key);
    w.encoded(value);
}

#[cold]
fn set(proxy: &Proxy, key: &Encoded, value: &Encoded) -> Result<()> {
    proxy.ask(SET, |w| put_two(key, value, w), |_| Ok(()))
}

/// Far: hands a key's value to `f`; [`Error::MessageSize`] if it has more than `cap` bytes beside its head.
#[cold]
pub(crate) fn get<R>(proxy: &Proxy, key: &Encoded, cap: usize, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let ask = |cap: usize| {
        let put = |w: &mut Writer| {
            w.encoded(key);
            w.u64(cap as u64);
        };
        proxy.ask(GET, put, |r| arena::handed(r, f))
    };
    arena::within(proxy, cap, ask)
}

/// Far: as [`get`], and takes the key out.
pub(crate) fn pop<R>(proxy: &Proxy, key: &Encoded, cap: usize, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let ask = |cap: usize| {
        let put = |w: &mut Writer| {
            w.encoded(key);
            w.u64(cap as u64);
        };
        proxy.ask(POP, put, |r| arena::handed(r, f))
    };
    arena::within(proxy, cap, ask)
}

/// Far: sets a key's value if it has none, and hands the one that it has then to `f`; nothing is done if `cap` is too
/// small. The flag: whether it had one.
pub(crate) fn setdefault<R>(
    proxy: &Proxy,
    key: &Encoded,
    value: &Encoded,
    cap: usize,
    f: impl FnOnce(&[u8]) -> Result<R>,
) -> Result<(bool, R)> {
    let ask = |cap: usize| {
        let put = |w: &mut Writer| {
            put_two(key, value, w);
            w.u64(cap as u64);
        };
        proxy.ask(SETDEFAULT, put, |r| Ok((r.bool()?, arena::handed(r, f)?)))
    };
    arena::within(proxy, cap, ask)
}

/// What came of [`popitem`].
pub(crate) enum Popped<R> {
    Pair(R),
    /// So much room is needed for the key and for the value; nothing was done.
    NoRoom(usize, usize),
}

/// Far: takes the last item out and hands its key and value to `f`.
pub(crate) fn popitem<R>(
    proxy: &Proxy,
    key_cap: usize,
    cap: usize,
    f: impl FnOnce(&[u8], &[u8]) -> Result<R>,
) -> Result<Popped<R>> {
    let max = proxy.link().most() / 2; // both in one message
    let put = |w: &mut Writer| {
        w.u64(key_cap.min(max) as u64);
        w.u64(cap.min(max) as u64);
    };
    proxy.ask(POPITEM, put, |r| {
        if r.bool()? {
            return f(r.bytes()?, r.bytes()?).map(Popped::Pair).map_err(arena::as_nonsense);
        }
        let (key, value) = (r.size()?, r.size()?);
        match key.max(value) {
            len if len > max && key <= key_cap && value <= cap => Err(Error::TooBig { len, max }),
            _ => Ok(Popped::NoRoom(key, value)),
        }
    })
}

kindred! {
    Dict from ContainerOptions,
    object: |new| new.object,
    class: |op| match op {
        CLEAR | UPDATE | SNAPSHOT | COPY => Class::LONG,
        _ => Class::QUICK,
    },
    put: |new, out| arena::put_options(new, out)
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = arena::take_options(args)?;
    Ok(Arc::new(objects::Dict::create(making.domain, None, new)?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Dict::import(handle, options::served())?))
}

impl Served for objects::Dict {
    fn kind(&self) -> Kind {
        Kind::Dict
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
            LEN | CLEAR | ITER | REFERENCE => {
                args.end()?;
                match op {
                    LEN => reply.out.u64(self.len()?),
                    CLEAR => self.clear()?,
                    ITER => arena::put_iter(self.iter()?, Kind::Dict, reply),
                    _ => reply.out.reference(self.reference()),
                }
            }
            GET | POP => {
                let (key, cap) = (args.encoded()?, args.size()?);
                args.end()?;
                let out = &mut reply.out;
                match op {
                    GET => self.get(&key, |stored| arena::put_stored(stored, cap, out))?,
                    _ => self.pop(&key, |stored| arena::put_stored(stored, cap, out))?,
                }
            }
            SET | APPEND_TO => {
                let (key, value) = (args.encoded()?, args.encoded()?);
                args.end()?;
                match op {
                    SET => self.set(&key, &value)?,
                    _ => self.append_to(&key, &value)?,
                }
            }
            SET_IF_TOKEN => {
                let (key, value, token) = (args.encoded()?, args.encoded()?, args.u64()?);
                args.end()?;
                self.set_if_token(&key, &value, token)?;
            }
            SETDEFAULT => {
                let (key, value, cap) = (args.encoded()?, args.encoded()?, args.size()?);
                args.end()?;
                let mut stored = Writer::default();
                let (existed, ()) = self.setdefault(&key, &value, |s| arena::put_stored(s, cap, &mut stored))?;
                reply.out.bool(existed);
                reply.out.0.append(&mut stored.0);
            }
            CONTAINS | DELETE => {
                let key = args.encoded()?;
                args.end()?;
                match op {
                    CONTAINS => reply.out.bool(self.contains(&key)?),
                    _ => self.delete(&key)?,
                }
            }
            DELETE_IF_TOKEN => {
                let (key, token) = (args.encoded()?, args.u64()?);
                args.end()?;
                self.delete_if_token(&key, token)?;
            }
            POPITEM => {
                let (key_cap, cap) = (args.size()?, args.size()?);
                args.end()?;
                self.serve_popitem(key_cap, cap, &mut reply.out)?;
            }
            UPDATE => {
                let map = args.plain()?;
                args.end()?;
                self.update(&map)?;
            }
            ADD => {
                let (key, delta) = (args.encoded()?, args.datum()?);
                args.end()?;
                arena::put_number(&self.add(&key, &delta)?, &mut reply.out)?;
            }
            COMPARE_EXCHANGE => {
                let (key, expected, desired) = (args.encoded()?, args.encoded()?, args.encoded()?);
                args.end()?;
                reply.out.bool(self.compare_exchange(&key, &expected, &desired)?);
            }
            SNAPSHOT => {
                let what = arena::take_what(args)?;
                args.end()?;
                arena::put_snapshot(&self.snapshot(what)?, Kind::Dict, reply);
            }
            COPY => {
                let deep = args.bool()?;
                args.end()?;
                arena::put_copy(|into| self.copy(deep, into), Kind::Dict, reply)?;
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

impl objects::Dict {
    fn serve_popitem(&self, key_cap: usize, cap: usize, w: &mut Writer) -> Result<()> {
        let (mut needed, mut pair) = ((0, 0), Writer::default());
        let done = self.popitem(|key, value| {
            needed = (arena::room_for(key)?, arena::room_for(value)?);
            arena::put_stored(key, key_cap, &mut pair)?;
            arena::put_stored(value, cap, &mut pair)
        });
        match done {
            Ok(()) => {
                w.bool(true);
                w.0.append(&mut pair.0);
                Ok(())
            }
            Err(Error::MessageSize { .. }) => {
                w.bool(false);
                w.u64(needed.0 as u64);
                w.u64(needed.1 as u64);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }
}
