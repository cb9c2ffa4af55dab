//! Checked access to a mapped segment. [`Region::get`] is the only way to form an address in it.

use super::registry::TABLE;
use super::store::{self, Row, Row32, Row64, Table, Word, Word16, Word32, Word64, Word8};
use crate::sys::mapping::{self, Mapping};
use crate::sys::{crash, file};
use crate::{Error, Result};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// What keeps a mapping alive.
pub(super) type Hold = Arc<Held>;

/// A mapping, and what is to be done once it is gone.
pub(super) struct Held {
    mapping: ManuallyDrop<Mapping>,
    after: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: dropped once, here; nobody holds an address any more (they would hold the Arc).
        unsafe { ManuallyDrop::drop(&mut self.mapping) };
        if let Some(after) = self.after.take() {
            after();
        }
    }
}

/// A mapped segment. Clones share the mapping.
#[derive(Clone)]
pub(crate) struct Region {
    base: NonNull<u8>,
    len: usize,
    hold: Hold,
}

// SAFETY: access goes through atomics and raw copies only; the hold is Send and Sync.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// `after` runs when the mapping is gone.
    pub(super) fn new(mapping: Mapping, after: Option<Box<dyn FnOnce() + Send + Sync>>) -> Region {
        let (base, len) = (mapping.base(), mapping.len());
        Region { base, len, hold: Arc::new(Held { mapping: ManuallyDrop::new(mapping), after }) }
    }

    /// The address of `len` bytes at `offset`, if they lie inside.
    #[inline]
    fn get(&self, offset: usize, len: usize) -> Result<NonNull<u8>> {
        match offset.checked_add(len) {
            // SAFETY: offset + len is within the mapping, so the sum stays inside one allocation.
            Some(end) if end <= self.len => Ok(unsafe { self.base.add(offset) }),
            _ => Err(Error::Corrupt("an offset leads out of the segment")),
        }
    }

    #[inline]
    fn aligned<A>(&self, offset: usize) -> Result<NonNull<A>> {
        let at = self.get(offset, size_of::<A>())?.cast::<A>();
        if at.is_aligned() {
            Ok(at)
        } else {
            Err(Error::Corrupt("a word is misaligned"))
        }
    }

    fn word<A>(&self, offset: usize) -> Result<Word<A>> {
        let at = self.aligned::<A>(offset)?;
        // SAFETY: inside the mapping (get) and aligned; the hold keeps it mapped.
        Ok(unsafe { Word::new(at, self.hold.clone()) })
    }

    fn row<A>(&self, offset: usize, len: usize) -> Result<Row<A>> {
        let bytes = len.checked_mul(size_of::<A>()).ok_or(Error::Corrupt("an offset leads out of the segment"))?;
        let at = self.get(offset, bytes)?.cast::<A>();
        if !at.is_aligned() || len == 0 {
            return Err(Error::Corrupt("a word is misaligned"));
        }
        // SAFETY: inside the mapping (get), aligned, not empty; the hold keeps it mapped.
        Ok(unsafe { Row::new(at, len, self.hold.clone()) })
    }

    /// A word for each slot, in [`TABLE`] words.
    pub(crate) fn table(&self, offset: usize) -> Result<Table> {
        let at = self.aligned::<[AtomicU64; TABLE]>(offset)?;
        // SAFETY: inside the mapping and aligned (aligned); the hold keeps it mapped.
        Ok(unsafe { Table::new(at, self.hold.clone()) })
    }

    pub(crate) fn row32(&self, offset: usize, len: usize) -> Result<Row32> {
        self.row(offset, len)
    }

    pub(crate) fn row64(&self, offset: usize, len: usize) -> Result<Row64> {
        self.row(offset, len)
    }

    pub(crate) fn word8(&self, offset: usize) -> Result<Word8> {
        self.word(offset)
    }

    pub(crate) fn word16(&self, offset: usize) -> Result<Word16> {
        self.word(offset)
    }

    pub(crate) fn word32(&self, offset: usize) -> Result<Word32> {
        self.word(offset)
    }

    pub(crate) fn word64(&self, offset: usize) -> Result<Word64> {
        self.word(offset)
    }

    /// The address of a range, for a user who wants to point at it.
    pub(crate) fn address(&self, offset: usize, len: usize) -> Result<*mut u8> {
        Ok(self.get(offset, len)?.as_ptr())
    }

    /// Copies bytes in.
    #[inline]
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let to = self.get(offset, bytes.len())?;
        // SAFETY: inside the mapping (get), which self keeps alive.
        unsafe { store::copy_in(to.as_ptr(), bytes) };
        Ok(())
    }

    /// As [`Region::write`], past the processor's cache: faster for long runs that another processor had last and will
    /// read next, unless they share a cache.
    pub(crate) fn write_past_cache(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let to = self.get(offset, bytes.len())?;
        // SAFETY: inside the mapping (get), which self keeps alive; private and shared memory do not overlap.
        unsafe { store::copy_past_cache(to.as_ptr(), bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// Copies bytes out; all of `to` is initialised on success.
    #[inline]
    pub(crate) fn read(&self, offset: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        let from = self.get(offset, to.len())?;
        // SAFETY: inside the mapping (get), which self keeps alive; `to` has to.len() bytes of its own.
        unsafe { store::copy_out(from.as_ptr(), to.as_mut_ptr().cast(), to.len()) };
        Ok(())
    }

    /// Copies bytes out into a buffer that is initialised.
    #[inline]
    pub(crate) fn read_into(&self, offset: usize, to: &mut [u8]) -> Result<()> {
        let from = self.get(offset, to.len())?;
        // SAFETY: inside the mapping (get), which self keeps alive; `to` has to.len() bytes of its own.
        unsafe { store::copy_out(from.as_ptr(), to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    /// Reads an aligned u64.
    #[inline]
    pub(crate) fn read_u64(&self, offset: usize) -> Result<u64> {
        // SAFETY: inside the mapping and aligned (aligned); atomics allow concurrent change.
        Ok(unsafe { self.aligned::<AtomicU64>(offset)?.as_ref() }.load(Ordering::Relaxed))
    }

    /// N aligned u64 side by side, checked at once.
    #[inline(always)]
    pub(crate) fn words<const N: usize>(&self, offset: usize) -> Result<Words<'_, N>> {
        let at = self.aligned::<[AtomicU64; N]>(offset)?;
        // SAFETY: inside the mapping and aligned (aligned), which self keeps alive for as long as the result lives; atomics
        // allow concurrent change.
        Ok(Words(unsafe { at.as_ref() }))
    }

    /// Writes an aligned u64.
    #[inline]
    pub(crate) fn write_u64(&self, offset: usize, value: u64) -> Result<()> {
        crash::point("write_u64");
        // SAFETY: as in read_u64.
        unsafe { self.aligned::<AtomicU64>(offset)?.as_ref() }.store(value, Ordering::Relaxed);
        Ok(())
    }

    /// Reads an aligned u64, and with it what was written before it was.
    #[inline]
    pub(crate) fn load_u64(&self, offset: usize) -> Result<u64> {
        // SAFETY: as in read_u64.
        Ok(unsafe { self.aligned::<AtomicU64>(offset)?.as_ref() }.load(Ordering::Acquire))
    }

    /// Writes an aligned u64 after everything that was written before.
    #[inline]
    pub(crate) fn publish_u64(&self, offset: usize, value: u64) -> Result<()> {
        crash::point("publish_u64");
        // SAFETY: as in read_u64.
        unsafe { self.aligned::<AtomicU64>(offset)?.as_ref() }.store(value, Ordering::Release);
        Ok(())
    }

    /// Replaces an aligned u64 if it is `current`; says whether it was.
    #[inline]
    pub(crate) fn replace_u64(&self, offset: usize, current: u64, new: u64) -> Result<bool> {
        crash::point("replace_u64");
        // SAFETY: as in read_u64.
        let word = unsafe { self.aligned::<AtomicU64>(offset)?.as_ref() };
        Ok(word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).is_ok())
    }

    /// Asks for a cache line that will be read or written soon, if there is such an offset.
    #[inline(always)]
    pub(crate) fn prefetch<const WRITE: bool>(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Ok(at) = self.get(offset, 64) {
            // SAFETY: a hint; no memory effect. (prefetchw is a no-op where it is not known.)
            unsafe {
                if WRITE {
                    std::arch::asm!("prefetchw [{}]", in(reg) at.as_ptr(), options(nostack, preserves_flags, readonly));
                } else {
                    std::arch::asm!("prefetcht0 [{}]", in(reg) at.as_ptr(), options(nostack, preserves_flags, readonly));
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (offset, WRITE);
    }

    /// Takes memory for holes; `open` gives a descriptor of the file, for kernels that need one.
    pub(super) fn populate(&self, offset: usize, len: usize, open: impl Fn() -> Result<OwnedFd>) -> Result<()> {
        let at = self.get(offset, len)?;
        // SAFETY: inside the mapping (get), which self keeps alive.
        if unsafe { mapping::populate(at, len) }? {
            return Ok(());
        }
        file::reserve_part(open()?.as_fd(), offset as u64, len as u64)
    }

    /// Gives memory back: a hole, which reads as zero; `open` as in [`Region::populate`], for memory that is locked.
    pub(super) fn punch(&self, offset: usize, len: usize, open: impl Fn() -> Result<OwnedFd>) -> Result<()> {
        let at = self.get(offset, len)?;
        // SAFETY: inside the mapping (get), which self keeps alive.
        if unsafe { mapping::punch(at, len) }? {
            return Ok(());
        }
        file::punch(open()?.as_fd(), offset as u64, len as u64)
    }

    /// Whether the bytes at `offset` are these; for short ones.
    #[inline]
    pub(crate) fn matches(&self, offset: usize, bytes: &[u8]) -> Result<bool> {
        let at = self.get(offset, bytes.len())?;
        // SAFETY: inside the mapping (get), which self keeps alive.
        Ok(unsafe { store::matches(at.as_ptr(), bytes) })
    }

    /// Copies bytes out into a new vector.
    pub(crate) fn read_vec(&self, offset: usize, len: usize) -> Result<Vec<u8>> {
        self.get(offset, len)?; // before allocating by a length from shared memory
        filled(len, |to| self.read(offset, to))
    }

    /// Appends a copy of so many bytes.
    pub(crate) fn append_to(&self, offset: usize, len: usize, to: &mut Vec<u8>) -> Result<()> {
        self.get(offset, len)?; // before allocating by a length from shared memory
        to.try_reserve(len).map_err(|_| Error::NoMemory(len as u64))?;
        self.read(offset, &mut to.spare_capacity_mut()[..len])?;
        // SAFETY: read() has initialised the next `len` bytes, for which there is room.
        unsafe { to.set_len(to.len() + len) };
        Ok(())
    }

    /// Whether the bytes at `offset` are these.
    pub(crate) fn equals(&self, offset: usize, bytes: &[u8]) -> Result<bool> {
        let mut chunk = [MaybeUninit::uninit(); 256];
        for (i, part) in bytes.chunks(chunk.len()).enumerate() {
            let seen = &mut chunk[..part.len()];
            self.read(offset + i * 256, seen)?;
            // SAFETY: read() has initialised all of `seen`.
            if part.iter().zip(&*seen).any(|(a, b)| *a != unsafe { b.assume_init() }) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies bytes within the segment; the ranges do not overlap.
    pub(crate) fn copy(&self, from: usize, to: usize, len: usize) -> Result<()> {
        let (source, target) = (self.get(from, len)?, self.get(to, len)?);
        if from.abs_diff(to) < len {
            return Err(Error::Corrupt("overlapping copy"));
        }
        // SAFETY: both inside the mapping (get), which self keeps alive, and apart (checked).
        unsafe { store::copy_between(target.as_ptr(), source.as_ptr(), len) };
        Ok(())
    }

    /// Copies elements of 1, 2, 4 or 8 bytes in, each old or new at every instant.
    pub(crate) fn write_elements(&self, offset: usize, bytes: &[u8], width: usize) -> Result<()> {
        let to = self.elements(offset, bytes.len(), width)?;
        // SAFETY: inside the mapping and aligned (elements), whole elements.
        unsafe { store::copy_elements_in(to.as_ptr(), bytes, width) };
        Ok(())
    }

    /// Copies elements of 1, 2, 4 or 8 bytes out, none torn; all of `to` is initialised on success.
    pub(crate) fn read_elements(&self, offset: usize, to: &mut [MaybeUninit<u8>], width: usize) -> Result<()> {
        let from = self.elements(offset, to.len(), width)?;
        // SAFETY: inside the mapping and aligned (elements), whole elements; `to` is private.
        unsafe { store::copy_elements_out(from.as_ptr(), to.as_mut_ptr().cast(), to.len(), width) };
        Ok(())
    }

    fn elements(&self, offset: usize, len: usize, width: usize) -> Result<NonNull<u8>> {
        let at = self.get(offset, len)?;
        if !matches!(width, 1 | 2 | 4 | 8) || at.as_ptr() as usize % width != 0 || len % width != 0 {
            return Err(Error::Corrupt("elements are misaligned"));
        }
        Ok(at)
    }
}

/// Words side by side in shared memory, to read some of them.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a, const N: usize>(&'a [AtomicU64; N]);

impl<const N: usize> Words<'_, N> {
    /// The word that begins at a byte, which is a constant below N times 8.
    #[inline(always)]
    pub(crate) fn at<const OFFSET: usize>(&self) -> u64 {
        const { assert!(OFFSET % 8 == 0 && OFFSET / 8 < N) };
        self.0[OFFSET / 8].load(Ordering::Relaxed)
    }
}

/// A new vector of `len` bytes that `fill` initialises: all of them whenever it succeeds.
pub(crate) fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<()>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Error::NoMemory(len as u64))?;
    bytes.resize(len, 0);
    // SAFETY: MaybeUninit<u8> has the layout of u8; the bytes stay initialised whatever `fill` writes.
    let to = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast::<MaybeUninit<u8>>(), len) };
    fill(to)?;
    Ok(bytes)
}
