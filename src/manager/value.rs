//! The value.

use super::lock::{acquired, put_owner, status_of, take_owner};
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy, Site};
use crate::objects::value::{check_size, mode};
use crate::objects::{Acquired, Counter, ElemType, Element, FetchOp, ObjectOptions, ValueOptions};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle, Owner};
use crate::sync::Limits;
use crate::{objects, Error, Result};
use std::any::Any;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// A value, here or there.
pub type Value = Place<objects::Value>;

pub(super) const LOAD: u8 = 0;
pub(super) const STORE: u8 = 1;
pub(super) const EXCHANGE: u8 = 2;
pub(super) const COMPARE_EXCHANGE: u8 = 3;
pub(super) const FETCH_I64: u8 = 4;
pub(super) const FETCH_F64: u8 = 5;
pub(super) const GET_I64: u8 = 6;
pub(super) const SET_I64: u8 = 7;
pub(super) const GET_F64: u8 = 8;
pub(super) const SET_F64: u8 = 9;
pub(super) const WAIT: u8 = 10;
pub(super) const NOTIFY: u8 = 11;
pub(super) const STEALS: u8 = 12;
pub(super) const LOCK: u8 = 13;
pub(super) const UNLOCK: u8 = 14;
pub(super) const LOCK_OWNER: u8 = 15;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueInfo {
    /// What it is.
    pub element: Element,
    /// The C flags that describe it.
    pub flags: u32,
    /// How often one of its locks was taken over from a dead process.
    pub steals: u32,
}

/// What a client's proxy knows.
#[derive(Clone, Copy)]
struct Facts {
    element: Element,
    flags: u32,
    mode: u32,
}

impl Facts {
    fn of(proxy: &Proxy) -> Result<Facts> {
        Facts::take(&mut proxy.facts())
    }

    fn take(r: &mut Reader) -> Result<Facts> {
        Ok(Facts { element: take_element(r)?, flags: r.u32()?, mode: r.u32()? })
    }

    fn put(&self, w: &mut Writer) {
        put_element(w, &self.element);
        w.u32(self.flags);
        w.u32(self.mode);
    }

    fn check(&self, expected: &Element, raw: bool) -> Result<()> {
        self.element.matches(expected)?;
        if self.mode != mode(expected, raw)? {
            return Err(Error::Type("the other mode (SNAPSHOT or RAW)"));
        }
        Ok(())
    }
}

impl Value {
    /// Creates a value, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// As [`objects::Value::create`]; what the connection says.
    pub fn create_as(site: &Site, name: Option<&str>, options: &ValueOptions) -> Result<(Value, bool)> {
        match site {
            Site::Domain(domain) => {
                objects::Value::create(domain, name, options).map(|(value, existed)| (value.into(), existed))
            }
            Site::Manager(_) => Value::create(
                site,
                name,
                &NewValue {
                    object: options.object,
                    element: options.element,
                    initial: options.initial.map(<[u8]>::to_vec),
                },
            ),
        }
    }

    /// What it is.
    ///
    /// # Errors
    /// Far: what the connection says.
    pub fn info(&self) -> Result<ValueInfo> {
        match self {
            Place::Near(value, _) => {
                Ok(ValueInfo { element: *value.element(), flags: value.flags(), steals: value.steals() })
            }
            Place::Far(proxy) => {
                let facts = Facts::of(proxy)?;
                let steals = proxy.ask(STEALS, |_| (), |r| r.u32())?;
                Ok(ValueInfo { element: facts.element, flags: facts.flags, steals })
            }
        }
    }

    /// Reads the value into `to`, which is all initialised on success.
    ///
    /// # Errors
    /// As [`objects::Value::load_into`]; far: what the connection says.
    #[inline]
    pub fn load_into(&self, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        match self {
            Place::Near(value, _) => value.load_into(to),
            Place::Far(proxy) => {
                sized(proxy, to.len())?;
                proxy.ask(LOAD, |_| (), |r| fill(to, r.bytes()?))
            }
        }
    }

    /// Writes the value.
    ///
    /// # Errors
    /// As [`objects::Value::store`]; far: what the connection says.
    #[inline]
    pub fn store(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Place::Near(value, _) => value.store(bytes),
            Place::Far(proxy) => {
                sized(proxy, bytes.len())?;
                proxy.ask(STORE, |w| w.bytes(bytes), |_| Ok(()))
            }
        }
    }

    /// Writes the value and reads the old one, atomically.
    ///
    /// # Errors
    /// As [`objects::Value::exchange`]; far: what the connection says.
    #[inline]
    pub fn exchange(&self, bytes: &[u8], old: Option<&mut [MaybeUninit<u8>]>) -> Result<()> {
        match self {
            Place::Near(value, _) => value.exchange(bytes, old),
            Place::Far(proxy) => {
                sized(proxy, bytes.len())?;
                let take = |r: &mut Reader| {
                    let found = r.bytes()?;
                    old.map_or(Ok(()), |to| fill(to, found))
                };
                proxy.ask(EXCHANGE, |w| w.bytes(bytes), take)
            }
        }
    }

    /// Writes `desired` if the value is `expected`, byte for byte; whether it was.
    ///
    /// # Errors
    /// As [`objects::Value::compare_exchange`]; far: what the connection says.
    #[inline]
    pub fn compare_exchange(
        &self,
        expected: &[u8],
        desired: &[u8],
        seen: Option<&mut [MaybeUninit<u8>]>,
    ) -> Result<bool> {
        match self {
            Place::Near(value, _) => value.compare_exchange(expected, desired, seen),
            Place::Far(proxy) => {
                sized(proxy, expected.len())?;
                sized(proxy, desired.len())?;
                let put = |w: &mut Writer| {
                    w.bytes(expected);
                    w.bytes(desired);
                };
                proxy.ask(COMPARE_EXCHANGE, put, |r| {
                    let (swapped, found) = (r.bool()?, r.bytes()?);
                    seen.map_or(Ok(()), |to| fill(to, found))?;
                    Ok(swapped)
                })
            }
        }
    }

    /// The value as a counter, if it is a 64-bit integer in this process's memory.
    #[inline]
    pub fn counter(&self) -> Option<Counter<'_>> {
        match self {
            Place::Near(value, _) => value.counter(),
            Place::Far(_) => None,
        }
    }

    /// Atomic read-modify-write of an integer, character or bool; returns the value before.
    ///
    /// # Errors
    /// As [`objects::Value::fetch_i64`]; far: what the connection says.
    #[inline]
    pub fn fetch_i64(&self, op: FetchOp, operand: i64) -> Result<i64> {
        match self {
            Place::Near(value, _) => value.fetch_i64(op, operand),
            Place::Far(proxy) => proxy.ask(FETCH_I64, |w| put_fetch(w, op, operand), |r| r.i64()),
        }
    }

    /// Atomic add, subtract, minimum or maximum of a float; returns the value before.
    ///
    /// # Errors
    /// As [`objects::Value::fetch_f64`]; far: what the connection says.
    #[inline]
    pub fn fetch_f64(&self, op: FetchOp, operand: f64) -> Result<f64> {
        match self {
            Place::Near(value, _) => value.fetch_f64(op, operand),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    w.i32(op.code());
                    w.f64(operand);
                };
                proxy.ask(FETCH_F64, put, |r| r.f64())
            }
        }
    }

    /// Reads an integer, character or bool, extended to 64 bits.
    ///
    /// # Errors
    /// As [`objects::Value::get_i64`]; far: what the connection says.
    #[inline]
    pub fn get_i64(&self) -> Result<i64> {
        match self {
            Place::Near(value, _) => value.get_i64(),
            Place::Far(proxy) => proxy.ask(GET_I64, |_| (), |r| r.i64()),
        }
    }

    /// Writes an integer, character or bool, cut to width.
    ///
    /// # Errors
    /// As [`objects::Value::set_i64`]; far: what the connection says.
    #[inline]
    pub fn set_i64(&self, number: i64) -> Result<()> {
        match self {
            Place::Near(value, _) => value.set_i64(number),
            Place::Far(proxy) => proxy.ask(SET_I64, |w| w.i64(number), |_| Ok(())),
        }
    }

    /// Reads a float.
    ///
    /// # Errors
    /// As [`objects::Value::get_f64`]; far: what the connection says.
    #[inline]
    pub fn get_f64(&self) -> Result<f64> {
        match self {
            Place::Near(value, _) => value.get_f64(),
            Place::Far(proxy) => proxy.ask(GET_F64, |_| (), |r| r.f64()),
        }
    }

    /// Writes a float.
    ///
    /// # Errors
    /// As [`objects::Value::set_f64`]; far: what the connection says.
    #[inline]
    pub fn set_f64(&self, number: f64) -> Result<()> {
        match self {
            Place::Near(value, _) => value.set_f64(number),
            Place::Far(proxy) => proxy.ask(SET_F64, |w| w.f64(number), |_| Ok(())),
        }
    }

    /// Waits until the value is not `expected` any more, byte for byte; `None`: until it is notified.
    ///
    /// # Errors
    /// As [`objects::Value::wait`]; far: what the connection says.
    #[inline]
    pub fn wait(&self, expected: Option<&[u8]>, limits: Limits) -> Result<()> {
        match self {
            Place::Near(value, _) => value.wait(expected, limits),
            Place::Far(proxy) => {
                expected.map_or(Ok(()), |bytes| sized(proxy, bytes.len()))?;
                proxy.call(WAIT, limits, |w| w.opt(expected, Writer::bytes), |_, _| Ok(()))
            }
        }
    }

    /// Wakes up to `n` of those who wait for the value.
    ///
    /// # Errors
    /// Far: what the connection says.
    #[inline]
    pub fn notify(&self, n: u32) -> Result<()> {
        match self {
            Place::Near(value, _) => {
                value.notify(n);
                Ok(())
            }
            Place::Far(proxy) => proxy.ask(NOTIFY, |w| w.u32(n), |_| Ok(())),
        }
    }

    /// Takes the value's own lock, for compound updates.
    ///
    /// # Errors
    /// As [`objects::Value::lock`]; far: what the connection says.
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(value, _) => value.lock(limits),
            Place::Far(proxy) => proxy.call(LOCK, limits, |_| (), |status, _| acquired(status)),
        }
    }

    /// Releases the value's own lock.
    ///
    /// # Errors
    /// As [`objects::Value::unlock`]; far: what the connection says.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        match self {
            Place::Near(value, _) => value.unlock(),
            Place::Far(proxy) => proxy.ask(UNLOCK, |_| (), |_| Ok(())),
        }
    }

    /// Who holds the value's own lock. Far: a session is a process of the server's machine.
    ///
    /// # Errors
    /// As [`objects::Value::lock_owner`]; far: what the connection says.
    pub fn lock_owner(&self) -> Result<Option<Owner>> {
        match self {
            Place::Near(value, _) => value.lock_owner(),
            Place::Far(proxy) => proxy.ask(LOCK_OWNER, |_| (), take_owner),
        }
    }
}

/// How to create a value.
pub struct NewValue {
    object: ObjectOptions,
    element: Element,
    initial: Option<Vec<u8>>,
}

impl NewValue {
    fn options(&self) -> ValueOptions<'_> {
        ValueOptions { object: self.object, element: self.element, initial: self.initial.as_deref() }
    }

    /// What [`Kindred::put_new`] wrote.
    fn take(r: &mut Reader) -> Result<NewValue> {
        let element = take_element(r)?;
        let object = ObjectOptions { raw: r.bool()?, ..options::served() };
        let initial = r.opt(|r| r.bytes().map(<[u8]>::to_vec))?;
        r.end()?;
        Ok(NewValue { object, element, initial })
    }
}

/// How to open a value, and what is expected of it.
pub struct OpenValue {
    /// Options of every object.
    pub object: ObjectOptions,
    /// What it has to be; `None`: anything.
    pub expected: Option<Element>,
}

impl Kindred for objects::Value {
    const KIND: Kind = Kind::Value;
    type New = NewValue;
    type Open = OpenValue;

    fn class(op: u8) -> Class {
        match op {
            WAIT => Class::WAITS,
            LOCK => Class::BOUND_WAITS,
            UNLOCK | LOCK_OWNER => Class::BOUND,
            _ => Class::QUICK,
        }
    }

    fn create(domain: &Domain, name: Option<&str>, new: &NewValue) -> Result<(Self, bool)> {
        objects::Value::create(domain, name, &new.options())
    }

    fn open(domain: &Domain, name: &str, open: &OpenValue) -> Result<Self> {
        objects::Value::open(domain, name, open.object, open.expected.as_ref())
    }

    fn import(handle: &Handle, open: &OpenValue) -> Result<Self> {
        objects::Value::import(handle, open.object, open.expected.as_ref())
    }

    fn export(&self) -> Result<Handle> {
        self.export()
    }

    fn exist_ok(new: &NewValue) -> bool {
        new.object.exist_ok
    }

    fn as_open(new: &NewValue) -> OpenValue {
        OpenValue { object: new.object, expected: Some(new.element) }
    }

    fn put_new(new: &NewValue, out: &mut Writer) -> Result<()> {
        put_element(out, &new.element);
        out.bool(new.object.raw);
        out.opt(new.initial.as_deref(), Writer::bytes);
        Ok(())
    }

    fn check(facts: &mut Reader, open: &OpenValue) -> Result<()> {
        let facts = Facts::take(facts)?;
        open.expected.as_ref().map_or(Ok(()), |expected| facts.check(expected, open.object.raw))
    }
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = NewValue::take(args)?;
    Ok(Arc::new(objects::Value::create(making.domain, None, &new.options())?.0))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(objects::Value::import(handle, options::served(), None)?))
}

fn facts(value: &objects::Value) -> Result<Facts> {
    let (element, flags) = (*value.element(), value.flags());
    Ok(Facts { element, flags, mode: mode(&element, flags & RAW != 0)? })
}

impl Served for objects::Value {
    fn kind(&self) -> Kind {
        Kind::Value
    }

    fn class(&self, op: u8) -> Class {
        <Self as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        let out = &mut reply.out;
        match op {
            LOAD => {
                args.end()?;
                out.bytes(&self.load()?);
            }
            STORE => {
                let bytes = args.bytes()?;
                args.end()?;
                self.store(bytes)?;
            }
            EXCHANGE => {
                let bytes = args.bytes()?;
                args.end()?;
                // Checked before there is memory for the old one.
                check_size(self.element(), bytes.len())?;
                out.bytes(&crate::shm::filled(bytes.len(), |old| self.exchange(bytes, Some(old)))?);
            }
            COMPARE_EXCHANGE => {
                let (expected, desired) = (args.bytes()?, args.bytes()?);
                args.end()?;
                check_size(self.element(), expected.len())?;
                let mut swapped = false;
                let seen = crate::shm::filled(expected.len(), |seen| {
                    swapped = self.compare_exchange(expected, desired, Some(seen))?;
                    Ok(())
                })?;
                out.bool(swapped);
                out.bytes(&seen);
            }
            FETCH_I64 => {
                let (op, operand) = (FetchOp::from_code(args.i32()?)?, args.i64()?);
                args.end()?;
                out.i64(self.fetch_i64(op, operand)?);
            }
            FETCH_F64 => {
                let (op, operand) = (FetchOp::from_code(args.i32()?)?, args.f64()?);
                args.end()?;
                out.f64(self.fetch_f64(op, operand)?);
            }
            GET_I64 => {
                args.end()?;
                out.i64(self.get_i64()?);
            }
            SET_I64 => {
                let number = args.i64()?;
                args.end()?;
                self.set_i64(number)?;
            }
            GET_F64 => {
                args.end()?;
                out.f64(self.get_f64()?);
            }
            SET_F64 => {
                let number = args.f64()?;
                args.end()?;
                self.set_f64(number)?;
            }
            WAIT => {
                let expected = args.opt(Reader::bytes)?;
                args.end()?;
                self.wait(expected, limits)?;
            }
            NOTIFY => {
                let n = args.u32()?;
                args.end()?;
                self.notify(n);
            }
            STEALS => {
                args.end()?;
                out.u32(self.steals());
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
        let wanted = NewValue::take(options)?;
        facts(self)?.check(&wanted.element, wanted.object.raw)
    }

    fn facts(&self, out: &mut Writer) {
        // The mode fits the type: it was checked when the value was made or opened.
        if let Ok(facts) = facts(self) {
            facts.put(out);
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// MPROC_RAW, as [`objects::Value::flags`] has it.
const RAW: u32 = 8;

/// Whether so many bytes can be the value's, without asking.
fn sized(proxy: &Proxy, len: usize) -> Result<()> {
    check_size(&Facts::of(proxy)?.element, len)
}

/// The arguments of [`FETCH_I64`].
pub(super) fn put_fetch(w: &mut Writer, op: FetchOp, operand: i64) {
    w.i32(op.code());
    w.i64(operand);
}

/// What came, which must be as long as it has to be, where the caller wants it.
pub(super) fn fill(to: &mut [MaybeUninit<u8>], from: &[u8]) -> Result<()> {
    if to.len() != from.len() {
        return Err(Error::Protocol("an answer has another length"));
    }
    for (to, from) in to.iter_mut().zip(from) {
        to.write(*from);
    }
    Ok(())
}

/// What a value or an array's element is.
pub(super) fn put_element(w: &mut Writer, element: &Element) {
    w.i32(element.elem_type().code());
    w.u64(element.size() as u64);
    w.u64(element.align() as u64);
    w.u64(element.schema());
}

/// The same, checked.
pub(super) fn take_element(r: &mut Reader) -> Result<Element> {
    Element::new(ElemType::from_code(r.i32()?)?, r.size()?, r.size()?, r.u64()?)
}
