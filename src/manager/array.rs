//! The array.

use super::lock::{acquired, put_owner, status_of, take_owner};
use super::served::{no_such, Class, Making, Reply, Served};
use super::value::{fill, put_element, take_element};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy, Site};
use crate::objects::array::{check_index, check_run, flat_index};
use crate::objects::{Acquired, ArrayOptions, Element, ObjectOptions, MAX_DIMS};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle, Owner};
use crate::sync::Limits;
use crate::{objects, Error, Result};
use std::any::Any;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// An array, here or there.
pub type Array = Place<objects::Array>;

const READ: u8 = 0;
const WRITE: u8 = 1;
const COUNTS: u8 = 2;
const LOCK: u8 = 3;
const UNLOCK: u8 = 4;
const LOCK_OWNER: u8 = 5;

/// About so many bytes go with one request; at least one element.
const PIECE: usize = 1 << 20;

/// What an array is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayInfo {
    /// What an element is.
    pub element: Element,
    /// Elements in each dimension.
    pub shape: Vec<usize>,
    /// Elements altogether.
    pub len: usize,
    /// The C flags that describe it.
    pub flags: u32,
    /// How often one of its locks was taken over from a dead process.
    pub steals: u32,
    /// How often a half-written struct element was rolled back.
    pub rollbacks: u32,
}

/// What a client's proxy knows.
struct Facts {
    element: Element,
    flags: u32,
    shape: Vec<usize>,
    len: usize,
}

impl Facts {
    fn of(proxy: &Proxy) -> Result<Facts> {
        Facts::take(&mut proxy.facts())
    }

    fn take(r: &mut Reader) -> Result<Facts> {
        let (element, flags, shape) = (take_element(r)?, r.u32()?, take_shape(r)?);
        let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let len = len.filter(|n| n.checked_mul(element.size()).is_some());
        Ok(Facts { element, flags, shape, len: len.ok_or(Error::Protocol("an absurd shape"))? })
    }

    fn check(&self, expected: Option<&Element>, shape: Option<&[usize]>) -> Result<()> {
        matches(&self.element, &self.shape, expected, shape)
    }

    /// Elements in one request.
    fn piece(&self) -> usize {
        piece(&self.element)
    }
}

fn piece(element: &Element) -> usize {
    (PIECE / element.size()).max(1)
}

fn matches(
    element: &Element,
    shape: &[usize],
    expected: Option<&Element>,
    expected_shape: Option<&[usize]>,
) -> Result<()> {
    expected.map_or(Ok(()), |expected| element.matches(expected))?;
    if expected_shape.is_some_and(|e| e != shape) {
        return Err(Error::Type("another shape"));
    }
    Ok(())
}

impl Array {
    /// Creates an array, named or anonymous; the flag says whether an existing one was opened. At a manager the initial
    /// elements go in one message.
    ///
    /// # Errors
    /// As [`objects::Array::create`]; what the connection says.
    pub fn create_as(site: &Site, name: Option<&str>, options: &ArrayOptions) -> Result<(Array, bool)> {
        match site {
            Site::Domain(domain) => {
                objects::Array::create(domain, name, options).map(|(array, existed)| (array.into(), existed))
            }
            Site::Manager(_) => Array::create(
                site,
                name,
                &NewArray {
                    object: options.object,
                    element: options.element.for_array()?,
                    shape: options.shape.clone(),
                    initial: options.initial.to_vec(),
                },
            ),
        }
    }

    /// What it is.
    ///
    /// # Errors
    /// Far: what the connection says.
    pub fn info(&self) -> Result<ArrayInfo> {
        match self {
            Place::Near(array, _) => Ok(ArrayInfo {
                element: *array.element(),
                shape: array.shape().to_vec(),
                len: array.len(),
                flags: array.flags(),
                steals: array.steals(),
                rollbacks: array.rollbacks(),
            }),
            Place::Far(proxy) => {
                let Facts { element, flags, shape, len } = Facts::of(proxy)?;
                let (steals, rollbacks) = proxy.ask(COUNTS, |_| (), |r| Ok((r.u32()?, r.u32()?)))?;
                Ok(ArrayInfo { element, shape, len, flags, steals, rollbacks })
            }
        }
    }

    /// The flat index of a multi-dimensional one.
    ///
    /// # Errors
    /// As [`objects::Array::index`].
    #[inline]
    pub fn index(&self, indices: &[usize]) -> Result<usize> {
        match self {
            Place::Near(array, _) => array.index(indices),
            Place::Far(proxy) => flat_index(&Facts::of(proxy)?.shape, indices),
        }
    }

    /// Reads one element into `to`, which is all initialised on success.
    ///
    /// # Errors
    /// As [`objects::Array::get_into`]; far: what the connection says.
    #[inline]
    pub fn get_into(&self, index: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        match self {
            Place::Near(array, _) => array.get_into(index, to),
            Place::Far(proxy) => {
                check_index(Facts::of(proxy)?.len, index)?;
                far_read(proxy, index, 1, to)
            }
        }
    }

    /// Writes one element.
    ///
    /// # Errors
    /// As [`objects::Array::set`]; far: what the connection says.
    #[inline]
    pub fn set(&self, index: usize, bytes: &[u8]) -> Result<()> {
        match self {
            Place::Near(array, _) => array.set(index, bytes),
            Place::Far(proxy) => {
                check_index(Facts::of(proxy)?.len, index)?;
                far_write(proxy, index, 1, bytes)
            }
        }
    }

    /// Reads a run of elements into `to`, which is all initialised on success. Each element is whole. Far: in pieces of
    /// 1 MiB.
    ///
    /// # Errors
    /// As [`objects::Array::read_into`]; far: what the connection says.
    #[inline]
    pub fn read_into(&self, start: usize, count: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        match self {
            Place::Near(array, _) => array.read_into(start, count, to),
            Place::Far(proxy) => far_read(proxy, start, count, to),
        }
    }

    /// Writes a run of elements. After a kill each is old or new. Far: in pieces of 1 MiB.
    ///
    /// # Errors
    /// As [`objects::Array::write`]; far: what the connection says; then the first pieces may be written.
    #[inline]
    pub fn write(&self, start: usize, count: usize, bytes: &[u8]) -> Result<()> {
        match self {
            Place::Near(array, _) => array.write(start, count, bytes),
            Place::Far(proxy) => far_write(proxy, start, count, bytes),
        }
    }

    /// Takes the array's own lock, for compound updates.
    ///
    /// # Errors
    /// As [`objects::Array::lock`]; far: what the connection says.
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(array, _) => array.lock(limits),
            Place::Far(proxy) => proxy.call(LOCK, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// Releases the array's own lock.
    ///
    /// # Errors
    /// As [`objects::Array::unlock`]; far: what the connection says.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        match self {
            Place::Near(array, _) => array.unlock(),
            Place::Far(proxy) => proxy.ask(UNLOCK, |_| (), |_| Ok(())),
        }
    }

    /// Who holds the array's own lock. Far: a session is a process of the server's machine.
    ///
    /// # Errors
    /// As [`objects::Array::lock_owner`]; far: what the connection says.
    pub fn lock_owner(&self) -> Result<Option<Owner>> {
        match self {
            Place::Near(array, _) => array.lock_owner(),
            Place::Far(proxy) => proxy.ask(LOCK_OWNER, |_| (), take_owner),
        }
    }
}

fn far_read(proxy: &Proxy, start: usize, count: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
    let facts = Facts::of(proxy)?;
    check_run(facts.len, &facts.element, start, count, to.len())?;
    let (size, piece) = (facts.element.size(), facts.piece());
    for (i, part) in to.chunks_mut(piece * size).enumerate() {
        let count = part.len() / size;
        let put = |w: &mut Writer| {
            w.u64((start + i * piece) as u64);
            w.u64(count as u64);
        };
        proxy.ask(READ, put, |r| fill(part, r.bytes()?))?;
    }
    Ok(())
}

fn far_write(proxy: &Proxy, start: usize, count: usize, bytes: &[u8]) -> Result<()> {
    let facts = Facts::of(proxy)?;
    check_run(facts.len, &facts.element, start, count, bytes.len())?;
    let (size, piece) = (facts.element.size(), facts.piece());
    for (i, part) in bytes.chunks(piece * size).enumerate() {
        let put = |w: &mut Writer| {
            w.u64((start + i * piece) as u64);
            w.bytes(part);
        };
        proxy.ask(WRITE, put, |_| Ok(()))?;
    }
    Ok(())
}

/// How to create an array.
pub struct NewArray {
    object: ObjectOptions,
    element: Element,
    shape: Vec<usize>,
    initial: Vec<u8>,
}

impl NewArray {
    fn options(&self) -> ArrayOptions<'_> {
        ArrayOptions { object: self.object, element: self.element, shape: self.shape.clone(), initial: &self.initial }
    }

    /// What [`Kindred::put_new`] wrote.
    fn take(r: &mut Reader) -> Result<NewArray> {
        let (element, shape, initial) = (take_element(r)?.for_array()?, take_shape(r)?, r.bytes()?.to_vec());
        r.end()?;
        Ok(NewArray { object: options::served(), element, shape, initial })
    }
}

/// How to open an array, and what is expected of it.
pub struct OpenArray {
    pub(crate) object: ObjectOptions,
    /// What an element has to be; `None`: anything.
    pub(crate) expected: Option<Element>,
    /// What the shape has to be; `None`: any.
    pub(crate) shape: Option<Vec<usize>>,
}

impl Kindred for objects::Array {
    const KIND: Kind = Kind::Array;
    type New = NewArray;
    type Open = OpenArray;

    fn class(op: u8) -> Class {
        match op {
            LOCK => Class::BOUND_WAITS,
            UNLOCK | LOCK_OWNER => Class::BOUND,
            _ => Class::QUICK,
        }
    }

    fn create(domain: &Domain, name: Option<&str>, new: &NewArray) -> Result<(Self, bool)> {
        objects::Array::create(domain, name, &new.options())
    }

    fn open(domain: &Domain, name: &str, open: &OpenArray) -> Result<Self> {
        objects::Array::open(domain, name, open.object, open.expected.as_ref(), open.shape.as_deref())
    }

    fn import(handle: &Handle, open: &OpenArray) -> Result<Self> {
        objects::Array::import(handle, open.object, open.expected.as_ref(), open.shape.as_deref())
    }

    fn export(&self) -> Result<Handle> {
        self.export()
    }

    fn exist_ok(new: &NewArray) -> bool {
        new.object.exist_ok
    }

    fn as_open(new: &NewArray) -> OpenArray {
        OpenArray { object: new.object, expected: Some(new.element), shape: Some(new.shape.clone()) }
    }

    fn put_new(new: &NewArray, out: &mut Writer) -> Result<()> {
        put_element(out, &new.element);
        put_shape(out, &new.shape)?;
        out.bytes(&new.initial);
        Ok(())
    }

    fn check(facts: &mut Reader, open: &OpenArray) -> Result<()> {
        Facts::take(facts)?.check(open.expected.as_ref(), open.shape.as_deref())
    }
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = NewArray::take(args)?;
    Ok(Arc::new(objects::Array::create(making.domain, None, &new.options())?.0))
}

/// Bytes of memory that a new one takes.
pub(super) fn wanted(args: &mut Reader) -> Result<u64> {
    let new = NewArray::take(args)?;
    Ok(new.shape.iter().fold(new.element.size() as u64, |bytes, &n| bytes.saturating_mul(n as u64)))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Array::import(handle, options::served(), None, None)?))
}

impl Served for objects::Array {
    fn kind(&self) -> Kind {
        Kind::Array
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        let out = &mut reply.out;
        match op {
            READ => {
                let (start, count) = (args.size()?, args.size()?);
                args.end()?;
                if count > piece(self.element()) {
                    return Err(Error::Protocol("too many elements for one request"));
                }
                out.bytes(&self.read(start, count)?);
            }
            WRITE => {
                let (start, bytes) = (args.size()?, args.bytes()?);
                args.end()?;
                // Half an element is refused there.
                self.write(start, bytes.len() / self.element().size(), bytes)?;
            }
            COUNTS => {
                args.end()?;
                out.u32(self.steals());
                out.u32(self.rollbacks());
            }
            LOCK => {
                args.end()?;
                return Ok(status_of(self.lock(limits)?));
            }
            UNLOCK => {
                args.end()?;
                self.unlock()?;
            }
            LOCK_OWNER => {
                args.end()?;
                put_owner(out, self.lock_owner()?.as_ref());
            }
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        let wanted = NewArray::take(options)?;
        matches(self.element(), self.shape(), Some(&wanted.element), Some(&wanted.shape))
    }

    fn facts(&self, out: &mut Writer) {
        put_element(out, self.element());
        out.u32(self.flags());
        // It has 1 to 8 dimensions: that was checked when it was made or opened.
        let _ = put_shape(out, self.shape());
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_shape(w: &mut Writer, shape: &[usize]) -> Result<()> {
    if shape.len() > MAX_DIMS {
        return Err(Error::invalid("an array has 1 to 8 dimensions"));
    }
    w.u8(shape.len() as u8);
    shape.iter().for_each(|&n| w.u64(n as u64));
    Ok(())
}

fn take_shape(r: &mut Reader) -> Result<Vec<usize>> {
    let ndim = usize::from(r.u8()?);
    if ndim > MAX_DIMS {
        return Err(Error::Protocol("too many dimensions"));
    }
    (0..ndim).map(|_| r.size()).collect()
}
