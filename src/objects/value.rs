//! The value.
#![allow(clippy::useless_conversion)] // scalar! expands for every width, that of u64 among them

use super::element::{ElemType, Element};
use super::options::{create_or_open, ObjectOptions, UserLock};
use crate::shm::{header, Domain, Handle, Region, Segment, Shape, Source, Word16, Word32, Word64, Word8};
use crate::sync::raw::Signal;
use crate::sync::{EventCount, Limits, Manner, Mutex};
use crate::sys::crash;
use crate::{Acquired, Error, Owner, Result};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::{fence, Ordering};

// Parameters in the header; the array uses the same places for its element.
pub(crate) const AT_TYPE: usize = header::AT_PARAMS;
pub(crate) const AT_MODE: usize = header::AT_PARAMS + 4;
pub(crate) const AT_SIZE: usize = header::AT_PARAMS + 8;
pub(crate) const AT_ALIGN: usize = header::AT_PARAMS + 16;
pub(crate) const AT_SCHEMA: usize = header::AT_PARAMS + 24;
/// [`AT_MODE`] of a scalar, a SNAPSHOT struct, a RAW struct.
pub(crate) const SCALAR: u32 = 0;
pub(crate) const SNAPSHOT: u32 = 1;
pub(crate) const RAW: u32 = 2;

/// A scalar's word, alone on its line.
pub(crate) const AT_SCALAR: usize = header::AT_HOT;
/// u64: how often the value was written; its lowest bit names the copy that counts.
pub(crate) const AT_FLIP: usize = header::AT_HOT;
/// The lock of SNAPSHOT writers.
pub(crate) const AT_WRITE_LOCK: usize = header::AT_HOT + 128;
/// How often somebody said that the value has changed; and the eventcount for that.
pub(crate) const AT_NOTIFIED: usize = header::AT_HOT + 256;
pub(crate) const AT_CHANGED: usize = AT_NOTIFIED + 8;
/// A RAW struct, or the first of two copies.
pub(crate) const AT_STRUCT: usize = header::PAGE;

/// How often a reader tries before it keeps writers out.
const READ_TRIES: usize = 100;

/// How to create a value.
#[derive(Debug, Clone)]
pub struct ValueOptions<'a> {
    /// Options of every object.
    pub object: ObjectOptions,
    /// What it is.
    pub element: Element,
    /// The initial value, as many bytes as the element has; `None`: zero.
    pub initial: Option<&'a [u8]>,
}

/// Atomic read-modify-write operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchOp {
    /// Add, wrapping.
    Add,
    /// Subtract, wrapping.
    Sub,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
}

impl FetchOp {
    /// The number in the C ABI.
    pub(crate) fn code(self) -> i32 {
        self as i32 + 1
    }

    pub(crate) fn from_code(code: i32) -> Result<FetchOp> {
        use FetchOp::{Add, And, Max, Min, Or, Sub, Xor};
        let index = usize::try_from(code.wrapping_sub(1)).map_err(|_| Error::invalid("unknown operation"))?;
        [Add, Sub, Min, Max, And, Or, Xor].get(index).copied().ok_or(Error::invalid("unknown operation"))
    }
}

/// One shared value: a number, a character, a bool, or a struct.
pub struct Value {
    segment: Segment,
    lock: UserLock,
    element: Element,
    storage: Storage,
    /// The word of a 64-bit integer once more: the shortest way for the call everybody uses.
    counter: Option<Word64>,
    /// How often it was notified.
    notified: Word32,
    changed: EventCount,
    manner: Manner,
}

enum Storage {
    W8(Word8),
    W16(Word16),
    W32(Word32),
    W64(Word64),
    Snapshot(Snapshot),
    /// In place, at [`AT_STRUCT`].
    Raw,
}

/// Applies an expression to the scalar's word, whatever its width: `$t` is the width's unsigned integer.
macro_rules! scalar {
    ($value:expr, $w:ident, $t:ident => $e:expr, else $other:expr) => {
        match &$value.storage {
            Storage::W8($w) => {
                type $t = u8;
                $e
            }
            Storage::W16($w) => {
                type $t = u16;
                $e
            }
            Storage::W32($w) => {
                type $t = u32;
                $e
            }
            Storage::W64($w) => {
                type $t = u64;
                $e
            }
            Storage::Snapshot(_) | Storage::Raw => $other,
        }
    };
}

impl Value {
    /// Creates a value, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Name`], [`Error::Kind`], [`Error::Type`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: &ValueOptions) -> Result<(Value, bool)> {
        let element = options.element;
        if options.initial.is_some_and(|i| i.len() != element.size()) {
            return Err(Error::Type("the initial value has another size"));
        }
        let mode = mode(&element, options.object.raw)?;
        let shape = shape(&element, mode);
        create_or_open(
            name,
            options.object,
            || {
                Segment::create(
                    domain,
                    name,
                    header::Kind::Value,
                    options.object.header_flags(),
                    shape,
                    |h| {
                        put_element(h, &element);
                        h.put_u32(AT_MODE, mode);
                    },
                    |region| match options.initial {
                        Some(bytes) if mode == SCALAR => region.write(AT_SCALAR, &normal(&element, bytes)),
                        Some(bytes) => region.write(AT_STRUCT, bytes),
                        None => Ok(()),
                    },
                )
            },
            |name| Value::open(domain, name, options.object, Some(&element)),
            |segment| Value::on(segment, options.object, element, mode),
        )
    }

    /// Opens a value by name; with `expected`, only if it is of that element and mode.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Type`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions, expected: Option<&Element>) -> Result<Value> {
        Value::attach(Source::Name(domain, name), options, expected)
    }

    /// Opens the value that a handle leads to.
    ///
    /// # Errors
    /// As [`Value::open`], and [`Error::Access`].
    pub fn import(handle: &Handle, options: ObjectOptions, expected: Option<&Element>) -> Result<Value> {
        Value::attach(Source::Handle(handle), options, expected)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions, expected: Option<&Element>) -> Result<Value> {
        let mut found = None;
        let segment = Segment::open(source, header::Kind::Value, |h| {
            let element = get_element(h)?;
            let mode = h.u32(AT_MODE);
            if (mode == SCALAR) != (element.elem_type() != ElemType::Struct) || mode > RAW {
                return Err(Error::Corrupt("impossible mode of value"));
            }
            if let Some(expected) = expected {
                element.matches(expected)?;
                if mode != self::mode(expected, options.raw)? {
                    return Err(Error::Type("the other mode (SNAPSHOT or RAW)"));
                }
            }
            found = Some((element, mode));
            Ok(shape(&element, mode))
        })?;
        let (element, mode) = found.ok_or(Error::Corrupt("no parameters"))?;
        Value::on(segment, options, element, mode)
    }

    fn on(segment: Segment, options: ObjectOptions, element: Element, mode: u32) -> Result<Value> {
        let region = segment.region();
        let storage = match (mode, element.size()) {
            (SCALAR, 1) => Storage::W8(region.word8(AT_SCALAR)?),
            (SCALAR, 2) => Storage::W16(region.word16(AT_SCALAR)?),
            (SCALAR, 4) => Storage::W32(region.word32(AT_SCALAR)?),
            (SCALAR, _) => Storage::W64(region.word64(AT_SCALAR)?),
            (SNAPSHOT, size) => Storage::Snapshot(Snapshot::new(region, size, options)?),
            _ => Storage::Raw,
        };
        let counter = match element.elem_type() {
            ElemType::I64 | ElemType::U64 => Some(region.word64(AT_SCALAR)?),
            _ => None,
        };
        Ok(Value {
            lock: UserLock::new(&segment, options)?,
            notified: region.word32(AT_NOTIFIED)?,
            changed: EventCount::new(region, AT_CHANGED, options.manner())?,
            manner: options.manner(),
            element,
            storage,
            counter,
            segment,
        })
    }

    /// What it is.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// The C flags that describe it.
    pub(crate) fn flags(&self) -> u32 {
        u32::from(self.segment.is_persistent()) | if matches!(self.storage, Storage::Raw) { 8 } else { 0 }
    }

    /// How often one of its locks was taken over from a dead process.
    pub fn steals(&self) -> u32 {
        self.segment.steals()
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        let mode = match &self.storage {
            Storage::Snapshot(_) => SNAPSHOT,
            Storage::Raw => RAW,
            _ => SCALAR,
        };
        shape(&self.element, mode).len
    }

    fn check_size(&self, len: usize) -> Result<()> {
        check_size(&self.element, len)
    }

    fn check_not_raw(&self) -> Result<()> {
        if matches!(self.storage, Storage::Raw) {
            return Err(Error::NotSupported("a RAW struct is exchanged under its lock, by its user"));
        }
        Ok(())
    }

    /// Reads the value into `to`, which is all initialised on success.
    ///
    /// # Errors
    /// [`Error::Type`] if the size differs; [`Error::Busy`] for a SNAPSHOT under a storm of writes.
    pub fn load_into(&self, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        self.check_size(to.len())?;
        match &self.storage {
            Storage::Snapshot(s) => s.load(&self.segment, to),
            Storage::Raw => self.segment.region().read(AT_STRUCT, to),
            _ => {
                let bits = scalar!(self, w, T => T::into(w.load(Ordering::Acquire)), else 0u64);
                put_bytes(&normal_bits(&self.element, bits), to);
                Ok(())
            }
        }
    }

    /// Reads the value.
    ///
    /// # Errors
    /// As [`Value::load_into`].
    pub fn load(&self) -> Result<Vec<u8>> {
        crate::shm::filled(self.element.size(), |to| self.load_into(to))
    }

    /// Writes the value.
    ///
    /// # Errors
    /// [`Error::Type`] if the size differs; [`Error::Busy`] for a SNAPSHOT with a stopped writer.
    pub fn store(&self, bytes: &[u8]) -> Result<()> {
        self.check_size(bytes.len())?;
        match &self.storage {
            Storage::Snapshot(s) => s.write(&self.segment, |_| Ok(true), bytes).map(|_| ()),
            Storage::Raw => self.segment.region().write(AT_STRUCT, bytes),
            _ => {
                let bits = bits(&self.element, bytes);
                scalar!(self, w, T => w.store(bits as T, Ordering::Release), else ());
                Ok(())
            }
        }
    }

    /// Writes the value and reads the old one, atomically.
    ///
    /// # Errors
    /// As [`Value::store`]; [`Error::NotSupported`] for a RAW struct.
    pub fn exchange(&self, bytes: &[u8], old: Option<&mut [MaybeUninit<u8>]>) -> Result<()> {
        self.check_size(bytes.len())?;
        if let Some(old) = &old {
            self.check_size(old.len())?;
        }
        if let Storage::Snapshot(s) = &self.storage {
            s.write(
                &self.segment,
                |current| {
                    old.map_or(Ok(()), |to| self.segment.region().read(current, to))?;
                    Ok(true)
                },
                bytes,
            )?;
            return Ok(());
        }
        self.check_not_raw()?;
        let new = bits(&self.element, bytes);
        let before: u64 = scalar!(self, w, T => w.swap(new as T, Ordering::AcqRel).into(), else 0);
        if let Some(old) = old {
            put_bytes(&normal_bits(&self.element, before), old);
        }
        Ok(())
    }

    /// Writes `desired` if the value is `expected`, byte for byte; whether it was.
    ///
    /// # Errors
    /// As [`Value::exchange`].
    pub fn compare_exchange(
        &self,
        expected: &[u8],
        desired: &[u8],
        seen: Option<&mut [MaybeUninit<u8>]>,
    ) -> Result<bool> {
        self.check_size(expected.len())?;
        self.check_size(desired.len())?;
        if let Storage::Snapshot(s) = &self.storage {
            return s.write(
                &self.segment,
                |current| {
                    seen.map_or(Ok(()), |to| self.segment.region().read(current, to))?;
                    self.segment.region().equals(current, expected)
                },
                desired,
            );
        }
        self.check_not_raw()?;
        let (old, new) = (bits(&self.element, expected), bits(&self.element, desired));
        let (swapped, found): (bool, u64) = scalar!(self, w, T => match w.compare_exchange(old as T, new as T, Ordering::AcqRel) {
            Ok(found) => (true, found.into()),
            Err(found) => (false, found.into()),
        }, else (false, 0));
        if let Some(seen) = seen {
            put_bytes(&normal_bits(&self.element, found), seen);
        }
        Ok(swapped)
    }

    /// Waits until the value is not `expected` any more, byte for byte; `None`: until it is notified.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Interrupted`], [`Error::Type`] (another size),
    /// [`Error::Busy`].
    pub fn wait(&self, expected: Option<&[u8]>, limits: Limits) -> Result<()> {
        self.check_expected(expected)?;
        let first = self.notified();
        // What was seen before the last comparison.
        let seen = Cell::new(0);
        self.changed.wait(
            self.segment.domain(),
            limits,
            || u32::from(self.may_have_changed(expected, first, seen.get())),
            || {
                seen.set(self.writes());
                Ok(self.has_changed(expected, first)?.then_some(()))
            },
        )
    }

    /// How often a SNAPSHOT was written, wrapping; for [`Value::may_have_changed`].
    pub(super) fn writes(&self) -> u32 {
        match &self.storage {
            Storage::Snapshot(s) => s.flip.load(Ordering::Acquire) as u32,
            _ => 0,
        }
    }

    /// As [`Value::has_changed`], but of a SNAPSHOT, which takes long to compare, only whether it was written since the
    /// count of writes was that.
    pub(super) fn may_have_changed(&self, expected: Option<&[u8]>, since: u32, writes: u32) -> bool {
        match &self.storage {
            Storage::Snapshot(_) if expected.is_some() => self.writes() != writes,
            _ => self.has_changed(expected, since).unwrap_or(true),
        }
    }

    /// Wakes up to `n` of those who wait for the value.
    pub fn notify(&self, n: u32) {
        if n == 0 {
            return;
        }
        self.notified.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_after_unlock(self.segment.domain(), n);
    }

    /// How often it was notified.
    pub(super) fn notified(&self) -> u32 {
        self.notified.load(Ordering::Acquire)
    }

    /// Whether it is something else than `expected`, which is as long; `None`: whether it was notified since that
    /// count.
    pub(super) fn has_changed(&self, expected: Option<&[u8]>, since: u32) -> Result<bool> {
        let Some(expected) = expected else { return Ok(self.notified() != since) };
        match &self.storage {
            Storage::Snapshot(_) => Ok(self.load()? != expected),
            Storage::Raw => Ok(!self.segment.region().equals(AT_STRUCT, expected)?),
            _ => {
                let now = scalar!(self, w, T => T::into(w.load(Ordering::Acquire)), else 0u64);
                Ok(normal_bits(&self.element, now) != normal_bits(&self.element, bits(&self.element, expected)))
            }
        }
    }

    pub(super) fn check_expected(&self, expected: Option<&[u8]>) -> Result<()> {
        expected.map_or(Ok(()), |bytes| self.check_size(bytes.len()))
    }

    /// Where to wait for that.
    pub(super) fn signal(&self) -> Signal<'_, Word32> {
        self.changed.signal()
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.segment.domain(), self.manner)
    }

    /// The value as a counter, if it is a 64-bit integer: for the shortest way to add to it.
    #[inline]
    pub fn counter(&self) -> Option<Counter<'_>> {
        self.counter.as_ref().map(Counter)
    }

    /// Atomic read-modify-write of an integer, character or bool; returns the value before.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for floats and structs, and for arithmetic on a bool.
    pub fn fetch_i64(&self, op: FetchOp, operand: i64) -> Result<i64> {
        let ty = self.element.elem_type();
        if ty.is_float() {
            return Err(Error::NotSupported("an integer operation on a float"));
        }
        let is_bool = ty == ElemType::Bool;
        let operand = if is_bool { i64::from(operand != 0) } else { operand };
        let signed = ty.is_signed();
        if is_bool && !matches!(op, FetchOp::And | FetchOp::Or | FetchOp::Xor) {
            return Err(Error::NotSupported("arithmetic on a bool"));
        }
        let before: u64 = scalar!(self, w, T => {
            let x = operand as T;
            let shift = 64 - 8 * size_of::<T>() as u32;
            // Both sides moved to the top of 64 bits: then i64's order is the narrow type's order.
            let less = |a: T, b: T| {
                let (a, b): (u64, u64) = (a.into(), b.into());
                if signed { ((a << shift) as i64) < ((b << shift) as i64) } else { a < b }
            };
            match op {
                FetchOp::Add => w.fetch_add(x, Ordering::AcqRel),
                FetchOp::Sub => w.fetch_add(x.wrapping_neg(), Ordering::AcqRel),
                FetchOp::Min => w.update(|v| if less(x, v) { x } else { v }),
                FetchOp::Max => w.update(|v| if less(v, x) { x } else { v }),
                FetchOp::And => w.update(|v| v & x),
                FetchOp::Or => w.update(|v| v | x),
                FetchOp::Xor => w.update(|v| v ^ x),
            }.into()
        }, else return Err(Error::NotSupported("an integer operation on a struct")));
        Ok(extend(ty, before))
    }

    /// Atomic add, subtract, minimum or maximum of a float; returns the value before.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for other types and for bitwise operations.
    pub fn fetch_f64(&self, op: FetchOp, operand: f64) -> Result<f64> {
        fn apply(op: FetchOp, v: f64, x: f64) -> f64 {
            match op {
                FetchOp::Add => v + x,
                FetchOp::Sub => v - x,
                FetchOp::Min => v.min(x),
                _ => v.max(x),
            }
        }
        if matches!(op, FetchOp::And | FetchOp::Or | FetchOp::Xor) {
            return Err(Error::NotSupported("a bitwise operation on a float"));
        }
        match (&self.storage, self.element.elem_type()) {
            (Storage::W64(w), ElemType::F64) => {
                Ok(f64::from_bits(w.update(|v| apply(op, f64::from_bits(v), operand).to_bits())))
            }
            (Storage::W32(w), ElemType::F32) => {
                let step = |v: u32| (apply(op, f64::from(f32::from_bits(v)), operand) as f32).to_bits();
                Ok(f64::from(f32::from_bits(w.update(step))))
            }
            _ => Err(Error::NotSupported("a float operation on something else")),
        }
    }

    /// Reads an integer, character or bool, extended to 64 bits.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for floats and structs.
    pub fn get_i64(&self) -> Result<i64> {
        let ty = self.element.elem_type();
        if ty.is_float() {
            return Err(Error::NotSupported("an integer operation on a float"));
        }
        let bits: u64 = scalar!(self, w, T => T::into(w.load(Ordering::Acquire)),
            else return Err(Error::NotSupported("an integer operation on a struct")));
        Ok(extend(ty, bits))
    }

    /// Writes an integer, character or bool, cut to width.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for floats and structs.
    pub fn set_i64(&self, number: i64) -> Result<()> {
        let ty = self.element.elem_type();
        if ty.is_float() {
            return Err(Error::NotSupported("an integer operation on a float"));
        }
        let number = if ty == ElemType::Bool { i64::from(number != 0) } else { number };
        scalar!(self, w, T => w.store(number as T, Ordering::Release),
            else return Err(Error::NotSupported("an integer operation on a struct")));
        Ok(())
    }

    /// Reads a float.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for other types.
    pub fn get_f64(&self) -> Result<f64> {
        match (&self.storage, self.element.elem_type()) {
            (Storage::W64(w), ElemType::F64) => Ok(f64::from_bits(w.load(Ordering::Acquire))),
            (Storage::W32(w), ElemType::F32) => Ok(f64::from(f32::from_bits(w.load(Ordering::Acquire)))),
            _ => Err(Error::NotSupported("a float operation on something else")),
        }
    }

    /// Writes a float.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for other types.
    pub fn set_f64(&self, number: f64) -> Result<()> {
        match (&self.storage, self.element.elem_type()) {
            (Storage::W64(w), ElemType::F64) => w.store(number.to_bits(), Ordering::Release),
            (Storage::W32(w), ElemType::F32) => w.store((number as f32).to_bits(), Ordering::Release),
            _ => return Err(Error::NotSupported("a float operation on something else")),
        }
        Ok(())
    }

    /// The value's address in shared memory; valid as long as this handle.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for a SNAPSHOT struct, which has no one place.
    pub fn as_ptr(&self) -> Result<*mut u8> {
        match &self.storage {
            Storage::Raw => self.segment.region().address(AT_STRUCT, self.element.size()),
            _ => Ok(scalar!(self, w, T => {
                let _: Option<T> = None;
                w.as_ptr()
            }, else return Err(Error::NotSupported("a SNAPSHOT struct has no address")))),
        }
    }

    /// Takes the value's own lock, for compound updates.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Slots`].
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        self.lock.lock(&self.segment, limits)
    }

    /// Releases the value's own lock.
    ///
    /// # Errors
    /// [`Error::NotOwner`].
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        self.lock.unlock(&self.segment)
    }

    /// Who holds the value's own lock.
    pub fn lock_owner(&self) -> Result<Option<Owner>> {
        self.lock.owner(self.segment.domain())
    }
}

/// A 64-bit integer to add to, each time with one locked instruction.
pub struct Counter<'a>(&'a Word64);

impl Counter<'_> {
    /// Adds, wrapping.
    #[inline]
    pub fn add(&self, delta: i64) {
        self.0.add(delta as u64);
    }

    /// Adds, wrapping; returns the value before.
    #[inline]
    pub fn fetch_add(&self, delta: i64) -> i64 {
        self.0.fetch_add(delta as u64, Ordering::AcqRel) as i64
    }
}

/// Two copies and a flip: readers never wait, and a writer that dies leaves the old value.
struct Snapshot {
    flip: Word64,
    lock: Mutex,
    size: usize,
}

impl Snapshot {
    fn new(region: &Region, size: usize, options: ObjectOptions) -> Result<Snapshot> {
        let lock = Mutex::new(region.word32(AT_WRITE_LOCK)?, options.manner().internal());
        Ok(Snapshot { flip: region.word64(AT_FLIP)?, lock, size })
    }

    fn copy_at(&self, flip: u64) -> usize {
        AT_STRUCT + (flip & 1) as usize * copy_len(self.size)
    }

    fn load(&self, segment: &Segment, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        for _ in 0..READ_TRIES {
            let before = self.flip.load(Ordering::Acquire);
            segment.region().read(self.copy_at(before), to)?;
            fence(Ordering::Acquire);
            // Unchanged: nobody has even begun to write into the copy we read.
            if self.flip.load(Ordering::Relaxed) == before {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        // Writers are faster than we can copy: keep them out for once.
        let _inside = self.lock.enter(segment.domain(), || recovered(segment))?;
        segment.region().read(self.copy_at(self.flip.load(Ordering::Relaxed)), to)
    }

    /// Writes `bytes` if `wanted`, given the place of the current copy, says so.
    fn write(&self, segment: &Segment, wanted: impl FnOnce(usize) -> Result<bool>, bytes: &[u8]) -> Result<bool> {
        let _inside = self.lock.enter(segment.domain(), || recovered(segment))?;
        let flip = self.flip.load(Ordering::Relaxed);
        if !wanted(self.copy_at(flip))? {
            return Ok(false);
        }
        let next = flip.wrapping_add(1);
        if crash::mutant(crash::Mutant::FlipFirst) {
            self.flip.store(next, Ordering::Release);
        }
        // Whoever sees these bytes also sees the flip that made this copy the spare one.
        fence(Ordering::Release);
        segment.region().write(self.copy_at(next), bytes)?;
        self.flip.store(next, Ordering::Release);
        Ok(true)
    }
}

/// A writer died: its copy was not the current one, or it was complete. Nothing to repair.
fn recovered(segment: &Segment) -> Result<()> {
    segment.count_steal();
    Ok(())
}

/// Whether so many bytes can be a value's.
pub(crate) fn check_size(element: &Element, len: usize) -> Result<()> {
    if len == element.size() {
        Ok(())
    } else {
        Err(Error::Type("the value has another size"))
    }
}

pub(crate) fn copy_len(size: usize) -> usize {
    size.next_multiple_of(64)
}

/// [`AT_MODE`] of a value that is to be made.
pub(crate) fn mode(element: &Element, raw: bool) -> Result<u32> {
    match (element.elem_type() == ElemType::Struct, raw) {
        (false, false) => Ok(SCALAR),
        (false, true) => Err(Error::invalid("MPROC_RAW is for structs: a scalar is in place anyway")),
        (true, false) => Ok(SNAPSHOT),
        (true, true) => Ok(RAW),
    }
}

pub(crate) fn shape(element: &Element, mode: u32) -> Shape {
    let data = match mode {
        SCALAR => 0,
        SNAPSHOT => 2 * copy_len(element.size()),
        _ => element.size(),
    };
    Shape::plain((header::PAGE + data).next_multiple_of(header::PAGE) as u64)
}

/// Writes an element into a header.
pub(super) fn put_element(h: &mut header::Header, element: &Element) {
    h.put_u32(AT_TYPE, element.elem_type().code() as u32);
    h.put_u64(AT_SIZE, element.size() as u64);
    h.put_u64(AT_ALIGN, element.align() as u64);
    h.put_u64(AT_SCHEMA, element.schema());
}

/// Reads an element from a header, checked.
pub(crate) fn get_element(h: &header::Header) -> Result<Element> {
    Element::parse(h.u32(AT_TYPE), h.u64(AT_SIZE), h.u64(AT_ALIGN), h.u64(AT_SCHEMA))
}

/// A scalar's bytes as a number; a bool becomes 0 or 1.
fn bits(element: &Element, bytes: &[u8]) -> u64 {
    let mut all = [0u8; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    let mut bits = u64::from_le_bytes(all);
    if cfg!(target_endian = "big") {
        bits = u64::from_be_bytes(all) >> (8 * (8 - bytes.len()));
    }
    if element.elem_type() == ElemType::Bool {
        u64::from(bits != 0)
    } else {
        bits
    }
}

/// A number as a scalar's bytes, the first `size` of 8; a bool becomes 0 or 1.
fn normal_bits(element: &Element, bits: u64) -> [u8; 8] {
    let bits = if element.elem_type() == ElemType::Bool { u64::from(bits != 0) } else { bits };
    if cfg!(target_endian = "big") {
        (bits << (64 - 8 * element.size())).to_be_bytes()
    } else {
        bits.to_le_bytes()
    }
}

fn normal(element: &Element, bytes: &[u8]) -> Vec<u8> {
    normal_bits(element, bits(element, bytes))[..element.size()].to_vec()
}

fn put_bytes(from: &[u8; 8], to: &mut [MaybeUninit<u8>]) {
    for (to, from) in to.iter_mut().zip(from) {
        to.write(*from);
    }
}

fn extend(ty: ElemType, bits: u64) -> i64 {
    let shift = 64 - 8 * ty.scalar_size() as u32;
    match ty {
        ElemType::Bool => i64::from(bits != 0),
        _ if ty.is_signed() => ((bits << shift) as i64) >> shift,
        _ => bits as i64,
    }
}
