//! The array.

use super::element::{ElemType, Element};
use super::options::{create_or_open, ObjectOptions, UserLock};
use super::value::{get_element, put_element};
use crate::shm::{filled, header, Domain, Handle, Segment, Shape, Source, Word64};
use crate::sync::{Limits, Mutex};
use crate::sys::crash;
use crate::{Acquired, Error, Owner, Result};
use std::mem::MaybeUninit;
use std::sync::atomic::{compiler_fence, Ordering};

/// Most dimensions.
pub const MAX_DIMS: usize = 8;

// Parameters in the header, behind the element's.
pub(crate) const AT_NDIM: usize = header::AT_PARAMS + 32;
pub(crate) const AT_SHAPE: usize = header::AT_PARAMS + 40;

/// The lock of struct elements.
pub(crate) const AT_ELEMENT_LOCK: usize = header::AT_HOT;
/// u64: the undo journal: 0, or 1 + the index of the element whose old bytes stand at [`AT_OLD`].
pub(crate) const AT_JOURNAL: usize = header::AT_HOT + 128;
/// The old bytes, for arrays of structs.
pub(crate) const AT_OLD: usize = header::PAGE;

/// How to create an array.
#[derive(Debug, Clone)]
pub struct ArrayOptions<'a> {
    /// Options of every object.
    pub object: ObjectOptions,
    /// What an element is.
    pub element: Element,
    /// Elements in each dimension, the slowest first.
    pub shape: Vec<usize>,
    /// The first elements, row-major; the rest is zero.
    pub initial: &'a [u8],
}

/// An array of numbers, characters, bools or structs, row-major.
pub struct Array {
    segment: Segment,
    lock: UserLock,
    element: Element,
    shape: Vec<usize>,
    len: usize,
    /// Offset of the first element.
    data: usize,
    /// Struct elements do not fit into one store: a lock and a journal make them whole.
    whole: Option<Whole>,
}

struct Whole {
    lock: Mutex,
    journal: Word64,
}

impl Array {
    /// Creates an array, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Name`], [`Error::Kind`], [`Error::Type`], [`Error::Invalid`] for an
    /// absurd shape, [`Error::NoSpace`] and [`Error::NoMemory`] if it does not fit …
    pub fn create(domain: &Domain, name: Option<&str>, options: &ArrayOptions) -> Result<(Array, bool)> {
        let element = options.element.for_array()?;
        let layout = Layout::new(&element, &options.shape)?;
        if options.initial.len() > layout.bytes || options.initial.len() % element.size() != 0 {
            return Err(Error::invalid("more initial elements than the array has, or half of one"));
        }
        create_or_open(
            name,
            options.object,
            || {
                Segment::create(
                    domain,
                    name,
                    header::Kind::Array,
                    options.object.header_flags(),
                    layout.shape,
                    |h| {
                        put_element(h, &element);
                        h.put_u64(AT_NDIM, options.shape.len() as u64);
                        for (i, &n) in options.shape.iter().enumerate() {
                            h.put_u64(AT_SHAPE + 8 * i, n as u64);
                        }
                    },
                    |region| match element.elem_type() {
                        ElemType::Bool => {
                            let zero_or_one: Vec<u8> = options.initial.iter().map(|&b| u8::from(b != 0)).collect();
                            region.write(layout.data, &zero_or_one)
                        }
                        _ => region.write(layout.data, options.initial),
                    },
                )
            },
            |name| Array::open(domain, name, options.object, Some(&element), Some(&options.shape)),
            |segment| Array::on(segment, options.object, element, options.shape.clone(), layout),
        )
    }

    /// Opens an array by name; with expectations, only if it has that element and shape.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Type`], [`Error::Name`] …
    pub fn open(
        domain: &Domain,
        name: &str,
        options: ObjectOptions,
        expected: Option<&Element>,
        expected_shape: Option<&[usize]>,
    ) -> Result<Array> {
        Array::attach(Source::Name(domain, name), options, expected, expected_shape)
    }

    /// Opens the array that a handle leads to.
    ///
    /// # Errors
    /// As [`Array::open`], and [`Error::Access`].
    pub fn import(
        handle: &Handle,
        options: ObjectOptions,
        expected: Option<&Element>,
        expected_shape: Option<&[usize]>,
    ) -> Result<Array> {
        Array::attach(Source::Handle(handle), options, expected, expected_shape)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(
        source: Source,
        options: ObjectOptions,
        expected: Option<&Element>,
        expected_shape: Option<&[usize]>,
    ) -> Result<Array> {
        let mut found = None;
        let segment = Segment::open(source, header::Kind::Array, |h| {
            let wrong = |_| Error::Corrupt("impossible array");
            let element = get_element(h)?.for_array().map_err(wrong)?;
            let ndim = h.u64(AT_NDIM);
            if !(1..=MAX_DIMS as u64).contains(&ndim) {
                return Err(Error::Corrupt("impossible number of dimensions"));
            }
            let shape: Vec<usize> = (0..ndim as usize).map(|i| h.u64(AT_SHAPE + 8 * i) as usize).collect();
            let layout = Layout::new(&element, &shape).map_err(wrong)?;
            if let Some(expected) = expected {
                element.matches(expected)?;
            }
            if expected_shape.is_some_and(|e| e != shape) {
                return Err(Error::Type("another shape"));
            }
            let segment_shape = layout.shape;
            found = Some((element, shape, layout));
            Ok(segment_shape)
        })?;
        let (element, shape, layout) = found.ok_or(Error::Corrupt("no parameters"))?;
        Array::on(segment, options, element, shape, layout)
    }

    fn on(
        segment: Segment,
        options: ObjectOptions,
        element: Element,
        shape: Vec<usize>,
        layout: Layout,
    ) -> Result<Array> {
        let whole = match element.elem_type() {
            ElemType::Struct => Some(Whole {
                lock: Mutex::new(segment.region().word32(AT_ELEMENT_LOCK)?, options.manner().internal()),
                journal: segment.region().word64(AT_JOURNAL)?,
            }),
            _ => None,
        };
        let lock = UserLock::new(&segment, options)?;
        Ok(Array { segment, lock, element, shape, len: layout.len, data: layout.data, whole })
    }

    /// What an element is.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// Elements in each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements altogether.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The C flags that describe it.
    pub(crate) fn flags(&self) -> u32 {
        u32::from(self.segment.is_persistent())
    }

    /// How often one of its locks was taken over from a dead process.
    pub fn steals(&self) -> u32 {
        self.segment.steals()
    }

    /// How often a half-written struct element was rolled back.
    pub fn rollbacks(&self) -> u32 {
        self.segment.rollbacks()
    }

    /// The first element's address in shared memory; valid as long as this handle.
    pub fn as_ptr(&self) -> *mut u8 {
        self.segment.region().address(self.data, self.len * self.element.size()).unwrap_or(std::ptr::null_mut())
    }

    /// The flat index of a multi-dimensional one.
    ///
    /// # Errors
    /// [`Error::Range`] if a coordinate, or their number, does not fit.
    pub fn index(&self, indices: &[usize]) -> Result<usize> {
        flat_index(&self.shape, indices)
    }

    /// Reads one element into `to`, which is all initialised on success.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::Type`] (size); for structs also [`Error::Busy`], [`Error::Corrupt`].
    pub fn get_into(&self, index: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        self.check_index(index)?;
        self.read_into(index, 1, to)
    }

    /// Writes one element.
    ///
    /// # Errors
    /// As [`Array::get_into`].
    pub fn set(&self, index: usize, bytes: &[u8]) -> Result<()> {
        self.check_index(index)?;
        self.write(index, 1, bytes)
    }

    /// Reads a run of elements.
    ///
    /// # Errors
    /// As [`Array::read_into`].
    pub fn read(&self, start: usize, count: usize) -> Result<Vec<u8>> {
        self.run(start, count, count.saturating_mul(self.element.size()))?; // before allocating
        filled(count * self.element.size(), |to| self.read_into(start, count, to))
    }

    /// Reads a run of elements into `to`, which is all initialised on success. Each element is whole.
    ///
    /// # Errors
    /// As [`Array::get_into`].
    pub fn read_into(&self, start: usize, count: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        let offset = self.run(start, count, to.len())?;
        match &self.whole {
            None => self.segment.region().read_elements(offset, to, self.element.size()),
            Some(whole) => {
                let step = self.bytes_at_a_time();
                for (i, part) in to.chunks_mut(step).enumerate() {
                    let _inside = self.enter(whole)?;
                    self.segment.region().read(offset + i * step, part)?;
                }
                Ok(())
            }
        }
    }

    /// Writes a run of elements. After a kill each is old or new.
    ///
    /// # Errors
    /// As [`Array::get_into`].
    pub fn write(&self, start: usize, count: usize, bytes: &[u8]) -> Result<()> {
        let offset = self.run(start, count, bytes.len())?;
        let size = self.element.size();
        match &self.whole {
            None if self.element.elem_type() == ElemType::Bool => {
                // Whatever is stored becomes 0 or 1; in pieces, so that nothing is allocated.
                let mut piece = [0u8; 64];
                for (i, part) in bytes.chunks(piece.len()).enumerate() {
                    for (to, &from) in piece.iter_mut().zip(part) {
                        *to = u8::from(from != 0);
                    }
                    self.segment.region().write_elements(offset + 64 * i, &piece[..part.len()], 1)?;
                }
                Ok(())
            }
            None => self.segment.region().write_elements(offset, bytes, size),
            Some(whole) => {
                let step = self.bytes_at_a_time();
                for (i, part) in bytes.chunks(step).enumerate() {
                    let _inside = self.enter(whole)?;
                    for (j, element) in part.chunks_exact(size).enumerate() {
                        self.set_whole(whole, start + i * (step / size) + j, element)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.data + self.len * self.element.size()) as u64
    }

    fn check_index(&self, index: usize) -> Result<()> {
        check_index(self.len, index)
    }

    /// Checks a run and returns the offset of its first element.
    fn run(&self, start: usize, count: usize, bytes: usize) -> Result<usize> {
        check_run(self.len, &self.element, start, count, bytes)?;
        Ok(self.data + start * self.element.size())
    }

    /// Whole elements, about a quarter of a MiB: so long the lock is held, then others get a turn. (A run
    /// is no snapshot anyway.)
    fn bytes_at_a_time(&self) -> usize {
        let size = self.element.size();
        ((256 << 10) / size).max(1) * size
    }

    fn enter<'a>(&'a self, whole: &'a Whole) -> Result<crate::sync::Inside<'a>> {
        self.segment.check()?;
        whole.lock.enter(self.segment.domain(), || {
            self.segment.count_steal();
            self.roll_back(whole)
        })
    }

    /// Logs the old bytes, then writes the new ones. The caller is inside.
    fn set_whole(&self, whole: &Whole, index: usize, bytes: &[u8]) -> Result<()> {
        let (region, size) = (self.segment.region(), self.element.size());
        let at = self.data + index * size;
        let journal = !crash::mutant(crash::Mutant::NoJournal);
        if journal {
            region.copy(at, AT_OLD, size)?;
            whole.journal.store(index as u64 + 1, Ordering::Release);
            // Only the order of our own stores matters to whoever comes after our death.
            compiler_fence(Ordering::SeqCst);
        }
        region.write(at, bytes)?;
        if journal {
            whole.journal.store(0, Ordering::Release);
            compiler_fence(Ordering::SeqCst); // before the next element's old bytes are logged
        }
        Ok(())
    }

    /// Puts the old bytes back if an element was being written. May itself be interrupted and repeated.
    fn roll_back(&self, whole: &Whole) -> Result<()> {
        let open = whole.journal.load(Ordering::Acquire);
        if open == 0 {
            return Ok(());
        }
        let index = open - 1;
        if index >= self.len as u64 {
            return Err(self.segment.poison("the journal names an element that does not exist"));
        }
        let size = self.element.size();
        self.segment.region().copy(AT_OLD, self.data + index as usize * size, size)?;
        self.segment.count_rollback();
        whole.journal.store(0, Ordering::Release);
        Ok(())
    }

    /// Takes the array's own lock, for compound updates.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Slots`].
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        self.lock.lock(&self.segment, limits)
    }

    /// Releases the array's own lock.
    ///
    /// # Errors
    /// [`Error::NotOwner`].
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        self.lock.unlock(&self.segment)
    }

    /// Who holds the array's own lock.
    pub fn lock_owner(&self) -> Result<Option<Owner>> {
        self.lock.owner(self.segment.domain())
    }
}

/// The flat index of a multi-dimensional one.
pub(crate) fn flat_index(shape: &[usize], indices: &[usize]) -> Result<usize> {
    if indices.len() != shape.len() {
        return Err(Error::Range { index: indices.len(), len: shape.len() });
    }
    indices.iter().zip(shape).try_fold(0, |flat, (&index, &len)| {
        if index < len {
            Ok(flat * len + index)
        } else {
            Err(Error::Range { index, len })
        }
    })
}

/// Whether an array of `len` elements has this one.
pub(crate) fn check_index(len: usize, index: usize) -> Result<()> {
    if index < len {
        return Ok(());
    }
    Err(Error::Range { index, len })
}

/// Whether an array of `len` elements has this run, and so many bytes are those of its elements.
pub(crate) fn check_run(len: usize, element: &Element, start: usize, count: usize, bytes: usize) -> Result<()> {
    match start.checked_add(count) {
        Some(end) if end <= len => {}
        end => return Err(Error::Range { index: end.unwrap_or(usize::MAX), len }),
    }
    // No overflow: the array has at least as many elements.
    if bytes != count * element.size() {
        return Err(Error::Type("the buffer's size is not that of the elements"));
    }
    Ok(())
}

/// Where things are in an array's segment.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) len: usize,
    pub(crate) bytes: usize,
    pub(crate) data: usize,
    pub(crate) shape: Shape,
}

impl Layout {
    pub(crate) fn new(element: &Element, shape: &[usize]) -> Result<Layout> {
        if !(1..=MAX_DIMS).contains(&shape.len()) {
            return Err(Error::invalid("an array has 1 to 8 dimensions"));
        }
        let absurd = Error::invalid("the shape is absurd");
        let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or(absurd.clone())?;
        let bytes = len.checked_mul(element.size()).filter(|&b| b <= isize::MAX as usize / 2).ok_or(absurd.clone())?;
        let journal = if element.elem_type() == ElemType::Struct { element.size() } else { 0 };
        let data = header::PAGE + journal.next_multiple_of(header::PAGE);
        let total = (data + bytes).next_multiple_of(header::PAGE);
        Ok(Layout { len, bytes, data, shape: Shape::plain(total as u64) })
    }
}
