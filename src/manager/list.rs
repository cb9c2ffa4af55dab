//! The list.

use super::arena::{self, Ahead, ANY};
use super::place::kindred;
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Arena, Kindred, Place, Proxy};
use crate::objects::datum::Special;
use crate::objects::{Builder, ContainerOptions, Datum, Encoded, Reference, Snapshot, What};
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::Limits;
use crate::{objects, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// A list, here or there.
pub type List = Place<objects::List>;

const LEN: u8 = 0;
pub(super) const GET: u8 = 1;
pub(super) const SET: u8 = 2;
pub(super) const APPEND: u8 = 3;
const EXTEND: u8 = 4;
const EXTEND_WITH: u8 = 5;
const EXTEND_FROM: u8 = 6;
const INSERT: u8 = 7;
const INSERT_FAR: u8 = 8;
const POP: u8 = 9;
const POP_FAR: u8 = 10;
const DELETE: u8 = 11;
const DELETE_FAR: u8 = 12;
const REMOVE: u8 = 13;
const INDEX: u8 = 14;
const COUNT: u8 = 15;
const REVERSE: u8 = 16;
const SORT: u8 = 17;
const REPEAT: u8 = 18;
const CLEAR: u8 = 19;
const SLICE: u8 = 20;
const SLICE_SET: u8 = 21;
const SLICE_DELETE: u8 = 22;
const ADD: u8 = 23;
const COMPARE_EXCHANGE: u8 = 24;
const ITER: u8 = 25;
const COPY: u8 = 26;
const REFERENCE: u8 = 27;
const SET_IF_TOKEN: u8 = 29;
const APPEND_IF_TOKEN: u8 = 30;

/// So near the end an insertion or a removal is no long operation.
const NEAR_END: i64 = -64;

/// Of a slice: start, stop and step, Python's.
type Bounds = (Option<i64>, Option<i64>, i64);

impl List {
    /// The arena it lives in.
    ///
    /// # Errors
    /// Far: what the connection says. So can all that follow.
    pub fn arena(&self) -> Result<Arena> {
        match self {
            Place::Near(list, _) => Ok(list.arena().clone().into()),
            Place::Far(proxy) => arena::reached(proxy),
        }
    }

    /// A reference to it: see [`objects::List::reference`].
    ///
    /// # Errors
    /// Only far.
    pub fn reference(&self) -> Result<Reference> {
        match self {
            Place::Near(list, _) => Ok(list.reference()),
            Place::Far(proxy) => proxy.ask(REFERENCE, |_| (), |r| r.reference()),
        }
    }

    /// A handle on an inner list.
    ///
    /// # Errors
    /// As [`objects::List::follow`].
    pub fn follow(arena: &Arena, reference: Reference) -> Result<List> {
        arena.follow(reference, objects::List::follow)
    }

    /// How many elements.
    ///
    /// # Errors
    /// As [`objects::List::len`].
    #[inline]
    pub fn len(&self) -> Result<u64> {
        match self {
            Place::Near(list, _) => list.len(),
            Place::Far(proxy) => proxy.ask(LEN, |_| (), |r| r.u64()),
        }
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// As [`objects::List::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// An element, encoded. A negative index counts from the end, here and everywhere.
    ///
    /// # Errors
    /// As [`objects::List::get`].
    pub fn get(&self, index: i64) -> Result<Vec<u8>> {
        match self {
            Place::Near(list, _) => list.get(index, |stored| stored.to_vec()),
            Place::Far(proxy) => get(proxy, index, ANY, |bytes| Ok(bytes.to_vec())),
        }
    }

    /// Replaces an element.
    ///
    /// # Errors
    /// As [`objects::List::set`].
    #[inline(always)]
    pub fn set(&self, index: i64, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(list, _) => list.set(index, value),
            Place::Far(proxy) => set(proxy, index, value),
        }
    }

    /// Replaces an element if no operation with a greater fencing token was done.
    ///
    /// # Errors
    /// As [`objects::List::set_if_token`].
    pub fn set_if_token(&self, index: i64, value: &Encoded, token: u64) -> Result<()> {
        match self {
            Place::Near(list, _) => list.set_if_token(index, value, token),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_at(index, value, w);
                    w.u64(token);
                };
                proxy.ask(SET_IF_TOKEN, put, |_| Ok(()))
            }
        }
    }

    /// Appends an element.
    ///
    /// # Errors
    /// As [`objects::List::append`].
    #[inline(always)]
    pub fn append(&self, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(list, _) => list.append(value),
            Place::Far(proxy) => append(proxy, value),
        }
    }

    /// Appends an element if no operation with a greater fencing token was done.
    ///
    /// # Errors
    /// As [`objects::List::append_if_token`].
    pub fn append_if_token(&self, value: &Encoded, token: u64) -> Result<()> {
        match self {
            Place::Near(list, _) => list.append_if_token(value, token),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    w.encoded(value);
                    w.u64(token);
                };
                proxy.ask(APPEND_IF_TOKEN, put, |_| Ok(()))
            }
        }
    }

    /// Appends the elements of a plain list, all or none.
    ///
    /// # Errors
    /// As [`objects::List::extend`].
    pub fn extend(&self, list: &[u8]) -> Result<()> {
        match self {
            Place::Near(near, _) => near.extend(list),
            Place::Far(proxy) => proxy.ask(EXTEND, |w| w.encoded(&Encoded::stored(list)), |_| Ok(())),
        }
    }

    /// Appends the elements of another list, as they are at one moment; all or none.
    ///
    /// # Errors
    /// As [`objects::List::extend_from`]. If one of the two is far and they are not in the same arena, the elements go
    /// through this process, in one message.
    pub fn extend_from(&self, other: &List) -> Result<()> {
        match (self, other) {
            (Place::Near(list, _), Place::Near(other, _)) => return list.extend_from(other),
            (Place::Far(proxy), Place::Far(_)) => {
                let theirs = other.reference()?;
                if proxy.ask(EXTEND_FROM, |w| w.reference(theirs), |r| r.bool())? {
                    return Ok(());
                }
            }
            _ => {}
        }
        let (theirs, from) = (other.snapshot()?, other.reference()?.arena);
        let values: Vec<Encoded> = (0..theirs.len()).filter_map(|i| theirs.get(i).1.map(Encoded::stored)).collect();
        let is_theirs =
            |value: &Encoded| matches!(value.special(), Special::Reference(reference) if reference.arena == from);
        if values.iter().any(is_theirs) && self.reference()?.arena != from {
            return Err(Error::Type("a container cannot leave its arena"));
        }
        match self {
            Place::Near(list, _) => list.extend_with(&values),
            Place::Far(proxy) => proxy.ask(EXTEND_WITH, |w| arena::put_many(&values, w), |_| Ok(())),
        }
    }

    /// Inserts an element before an index, which is clipped to the list.
    ///
    /// # Errors
    /// As [`objects::List::insert`].
    pub fn insert(&self, index: i64, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(list, _) => list.insert(index, value),
            Place::Far(proxy) => {
                proxy.ask(by_index(index, INSERT, INSERT_FAR), |w| put_at(index, value, w), |_| Ok(()))
            }
        }
    }

    /// Takes an element out; it.
    ///
    /// # Errors
    /// As [`objects::List::pop`].
    pub fn pop(&self, index: i64) -> Result<Vec<u8>> {
        match self {
            Place::Near(list, _) => list.pop(index, |stored| stored.to_vec()),
            Place::Far(proxy) => pop(proxy, index, ANY, |bytes| Ok(bytes.to_vec())),
        }
    }

    /// Takes an element out.
    ///
    /// # Errors
    /// As [`objects::List::delete`].
    pub fn delete(&self, index: i64) -> Result<()> {
        match self {
            Place::Near(list, _) => list.delete(index),
            Place::Far(proxy) => proxy.ask(by_index(index, DELETE, DELETE_FAR), |w| w.i64(index), |_| Ok(())),
        }
    }

    /// Takes the first element out that is equal to a datum.
    ///
    /// # Errors
    /// As [`objects::List::remove`].
    pub fn remove(&self, value: &Encoded) -> Result<()> {
        match self {
            Place::Near(list, _) => list.remove(value),
            Place::Far(proxy) => proxy.ask(REMOVE, |w| w.encoded(value), |_| Ok(())),
        }
    }

    /// The index of the first element that is equal to a datum, within a range that is clipped to the list.
    ///
    /// # Errors
    /// As [`objects::List::index`].
    pub fn index(&self, value: &Encoded, start: i64, stop: i64) -> Result<u64> {
        match self {
            Place::Near(list, _) => list.index(value, start, stop),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    w.encoded(value);
                    w.i64(start);
                    w.i64(stop);
                };
                proxy.ask(INDEX, put, |r| r.u64())
            }
        }
    }

    /// How many elements are equal to a datum.
    ///
    /// # Errors
    /// As [`objects::List::count`].
    pub fn count(&self, value: &Encoded) -> Result<u64> {
        match self {
            Place::Near(list, _) => list.count(value),
            Place::Far(proxy) => proxy.ask(COUNT, |w| w.encoded(value), |r| r.u64()),
        }
    }

    /// Turns the order round.
    ///
    /// # Errors
    /// As [`objects::List::reverse`].
    pub fn reverse(&self) -> Result<()> {
        match self {
            Place::Near(list, _) => list.reverse(),
            Place::Far(proxy) => proxy.ask(REVERSE, |_| (), |_| Ok(())),
        }
    }

    /// Sorts, stably: see [`objects::List::sort`].
    ///
    /// # Errors
    /// As [`objects::List::sort`].
    pub fn sort(&self, descending: bool) -> Result<()> {
        match self {
            Place::Near(list, _) => list.sort(descending),
            Place::Far(proxy) => proxy.ask(SORT, |w| w.bool(descending), |_| Ok(())),
        }
    }

    /// Makes it as if it were appended to itself so often: 0 empties it.
    ///
    /// # Errors
    /// As [`objects::List::repeat`].
    pub fn repeat(&self, times: u64) -> Result<()> {
        match self {
            Place::Near(list, _) => list.repeat(times),
            Place::Far(proxy) => proxy.ask(REPEAT, |w| w.u64(times), |_| Ok(())),
        }
    }

    /// Takes all elements out, at once.
    ///
    /// # Errors
    /// As [`objects::List::clear`].
    pub fn clear(&self) -> Result<()> {
        match self {
            Place::Near(list, _) => list.clear(),
            Place::Far(proxy) => proxy.ask(CLEAR, |_| (), |_| Ok(())),
        }
    }

    /// A copy of the elements of a slice, as they are at one moment.
    ///
    /// # Errors
    /// As [`objects::List::slice`].
    pub fn slice(&self, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<Snapshot> {
        match self {
            Place::Near(list, _) => list.slice(start, stop, step),
            Place::Far(proxy) => {
                let bytes = arena::take_pieces(proxy, SLICE, |w| put_bounds((start, stop, step), w))?;
                arena::take_snapshot(&bytes, What::Values)
            }
        }
    }

    /// A copy of all elements, as they are at one moment.
    ///
    /// # Errors
    /// As [`objects::List::snapshot`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.slice(None, None, 1)
    }

    /// Replaces a slice by the elements of a plain list: see [`objects::List::slice_set`].
    ///
    /// # Errors
    /// As [`objects::List::slice_set`].
    pub fn slice_set(&self, start: Option<i64>, stop: Option<i64>, step: i64, list: &[u8]) -> Result<()> {
        match self {
            Place::Near(near, _) => near.slice_set(start, stop, step, list),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_bounds((start, stop, step), w);
                    w.encoded(&Encoded::stored(list));
                };
                proxy.ask(SLICE_SET, put, |_| Ok(()))
            }
        }
    }

    /// Takes a slice out, all or nothing.
    ///
    /// # Errors
    /// As [`objects::List::slice_delete`].
    pub fn slice_delete(&self, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<()> {
        match self {
            Place::Near(list, _) => list.slice_delete(start, stop, step),
            Place::Far(proxy) => proxy.ask(SLICE_DELETE, |w| put_bounds((start, stop, step), w), |_| Ok(())),
        }
    }

    /// Adds to a number; the sum.
    ///
    /// # Errors
    /// As [`objects::List::add`].
    #[inline]
    pub fn add(&self, index: i64, delta: &Datum) -> Result<Datum<'static>> {
        match self {
            Place::Near(list, _) => list.add(index, delta),
            Place::Far(proxy) => {
                let delta = delta.encode()?;
                proxy.ask(ADD, |w| put_at(index, &delta, w), arena::take_number)
            }
        }
    }

    /// Replaces an element by `desired` if it is `expected`; whether it was.
    ///
    /// # Errors
    /// As [`objects::List::compare_exchange`].
    #[inline]
    pub fn compare_exchange(&self, index: i64, expected: &Encoded, desired: &Encoded) -> Result<bool> {
        match self {
            Place::Near(list, _) => list.compare_exchange(index, expected, desired),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    put_at(index, expected, w);
                    w.encoded(desired);
                };
                proxy.ask(COMPARE_EXCHANGE, put, |r| r.bool())
            }
        }
    }

    /// Goes through the elements as they are: see [`objects::List::iter`].
    ///
    /// # Errors
    /// As [`objects::List::iter`].
    pub fn iter(&self) -> Result<ListIter> {
        match self {
            Place::Near(list, _) => list.iter().map(ListIter::Near),
            Place::Far(proxy) => Ahead::new(proxy, ITER).map(ListIter::Far),
        }
    }

    /// Adds its content, a list, to a builder: see [`objects::List::copy`].
    ///
    /// # Errors
    /// As [`objects::List::copy`].
    pub fn copy(&self, deep: bool, into: &mut Builder) -> Result<()> {
        match self {
            Place::Near(list, _) => list.copy(deep, into),
            Place::Far(proxy) => arena::add_copy(&arena::take_pieces(proxy, COPY, |w| w.bool(deep))?, into),
        }
    }
}

/// Goes through a list's elements as they are.
pub enum ListIter {
    /// In memory.
    Near(objects::ListIter),
    /// Behind a connection.
    Far(Ahead),
}

impl ListIter {
    /// The next element and its index; `None` at the end.
    ///
    /// # Errors
    /// As [`objects::ListIter::next`]; far: what the connection says.
    #[allow(clippy::should_implement_trait)] // what it returns is borrowed from it
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        match self {
            ListIter::Near(iter) => iter.next(),
            ListIter::Far(iter) => match iter.next()? {
                Some((index, value)) => Ok(Some((Reader::new(index).u64()?, value))),
                None => Ok(None),
            },
        }
    }
}

fn put_at(index: i64, value: &Encoded, w: &mut Writer) {
    w.i64(index);
    w.encoded(value);
}

fn put_bounds((start, stop, step): Bounds, w: &mut Writer) {
    w.opt(start, Writer::i64);
    w.opt(stop, Writer::i64);
    w.i64(step);
}

fn take_bounds(r: &mut Reader) -> Result<Bounds> {
    Ok((r.opt(Reader::i64)?, r.opt(Reader::i64)?, r.i64()?))
}

/// Where it is certainly near the end, the short form of an operation.
fn by_index(index: i64, near: u8, far: u8) -> u8 {
    match index {
        NEAR_END..=-1 | i64::MAX => near,
        _ => far,
    }
}

#[cold]
fn set(proxy: &Proxy, index: i64, value: &Encoded) -> Result<()> {
    proxy.ask(SET, |w| put_at(index, value, w), |_| Ok(()))
}

#[cold]
fn append(proxy: &Proxy, value: &Encoded) -> Result<()> {
    proxy.ask(APPEND, |w| w.encoded(value), |_| Ok(()))
}

/// Far: hands an element to `f`; [`Error::MessageSize`] if it has more than `cap` bytes beside its head.
#[cold]
pub(crate) fn get<R>(proxy: &Proxy, index: i64, cap: usize, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let ask = |cap: usize| {
        let put = |w: &mut Writer| {
            w.i64(index);
            w.u64(cap as u64);
        };
        proxy.ask(GET, put, |r| arena::handed(r, f))
    };
    arena::within(proxy, cap, ask)
}

/// Far: as [`get`], and takes the element out.
pub(crate) fn pop<R>(proxy: &Proxy, index: i64, cap: usize, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let ask = |cap: usize| {
        let put = |w: &mut Writer| {
            w.i64(index);
            w.u64(cap as u64);
        };
        proxy.ask(by_index(index, POP, POP_FAR), put, |r| arena::handed(r, f))
    };
    arena::within(proxy, cap, ask)
}

kindred! {
    List from ContainerOptions,
    object: |new| new.object,
    class: |op| match op {
        EXTEND | EXTEND_WITH | EXTEND_FROM | REMOVE | INDEX | COUNT | COPY => Class::LONG,
        INSERT_FAR | POP_FAR | DELETE_FAR | REVERSE | SORT | REPEAT | CLEAR => Class::LONG,
        SLICE | SLICE_SET | SLICE_DELETE => Class::LONG,
        _ => Class::QUICK,
    },
    put: |new, out| arena::put_options(new, out)
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = arena::take_options(args)?;
    Ok(Arc::new(objects::List::create(making.domain, None, new)?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::List::import(handle, options::served())?))
}

impl Served for objects::List {
    fn kind(&self) -> Kind {
        Kind::List
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
            LEN | REVERSE | CLEAR | ITER | REFERENCE => {
                args.end()?;
                match op {
                    LEN => reply.out.u64(self.len()?),
                    REVERSE => self.reverse()?,
                    CLEAR => self.clear()?,
                    ITER => arena::put_iter(self.iter()?, Kind::List, reply),
                    _ => reply.out.reference(self.reference()),
                }
            }
            GET | POP | POP_FAR => {
                let (index, cap) = (args.i64()?, args.size()?);
                args.end()?;
                let out = &mut reply.out;
                match op {
                    GET => self.get(index, |stored| arena::put_stored(stored, cap, out))?,
                    _ if by_index(index, POP, POP_FAR) != op => return no_such(),
                    _ => self.pop(index, |stored| arena::put_stored(stored, cap, out))?,
                }
            }
            SET | INSERT | INSERT_FAR => {
                let (index, value) = (args.i64()?, args.encoded()?);
                args.end()?;
                match op {
                    SET => self.set(index, &value)?,
                    _ if by_index(index, INSERT, INSERT_FAR) != op => return no_such(),
                    _ => self.insert(index, &value)?,
                }
            }
            SET_IF_TOKEN => {
                let (index, value, token) = (args.i64()?, args.encoded()?, args.u64()?);
                args.end()?;
                self.set_if_token(index, &value, token)?;
            }
            APPEND | REMOVE | COUNT => {
                let value = args.encoded()?;
                args.end()?;
                match op {
                    APPEND => self.append(&value)?,
                    REMOVE => self.remove(&value)?,
                    _ => reply.out.u64(self.count(&value)?),
                }
            }
            APPEND_IF_TOKEN => {
                let (value, token) = (args.encoded()?, args.u64()?);
                args.end()?;
                self.append_if_token(&value, token)?;
            }
            EXTEND => {
                let list = args.plain()?;
                args.end()?;
                self.extend(&list)?;
            }
            EXTEND_WITH => {
                let values = arena::take_many(args)?;
                args.end()?;
                self.extend_with(&values)?;
            }
            EXTEND_FROM => {
                let theirs = args.reference()?;
                args.end()?;
                let beside = theirs.arena == self.reference().arena;
                if beside {
                    self.extend_from(&objects::List::follow(self.arena(), theirs)?)?;
                }
                reply.out.bool(beside);
            }
            DELETE | DELETE_FAR => {
                let index = args.i64()?;
                args.end()?;
                if by_index(index, DELETE, DELETE_FAR) != op {
                    return no_such();
                }
                self.delete(index)?;
            }
            INDEX => {
                let (value, start, stop) = (args.encoded()?, args.i64()?, args.i64()?);
                args.end()?;
                reply.out.u64(self.index(&value, start, stop)?);
            }
            SORT => {
                let descending = args.bool()?;
                args.end()?;
                self.sort(descending)?;
            }
            REPEAT => {
                let times = args.u64()?;
                args.end()?;
                self.repeat(times)?;
            }
            SLICE => {
                let (start, stop, step) = take_bounds(args)?;
                args.end()?;
                arena::put_snapshot(&self.slice(start, stop, step)?, Kind::List, reply);
            }
            SLICE_SET => {
                let ((start, stop, step), list) = (take_bounds(args)?, args.plain()?);
                args.end()?;
                self.slice_set(start, stop, step, &list)?;
            }
            SLICE_DELETE => {
                let (start, stop, step) = take_bounds(args)?;
                args.end()?;
                self.slice_delete(start, stop, step)?;
            }
            ADD => {
                let (index, delta) = (args.i64()?, args.datum()?);
                args.end()?;
                arena::put_number(&self.add(index, &delta)?, &mut reply.out)?;
            }
            COMPARE_EXCHANGE => {
                let (index, expected, desired) = (args.i64()?, args.encoded()?, args.encoded()?);
                args.end()?;
                reply.out.bool(self.compare_exchange(index, &expected, &desired)?);
            }
            COPY => {
                let deep = args.bool()?;
                args.end()?;
                arena::put_copy(|into| self.copy(deep, into), Kind::List, reply)?;
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
