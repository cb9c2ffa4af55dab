//! Words in shared memory, and the one way to change them: every store passes a crash point first.
//!
//! Other processes change these words at any time, so they are atomics and nothing else; a reference to
//! plain data in shared memory never exists.

use super::region::Hold;
use super::registry::TABLE;
use crate::sys::crash;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicU8, Ordering};

/// A checked, aligned word in a mapped segment. It keeps the mapping alive.
pub(crate) struct Word<A> {
    at: NonNull<A>,
    _hold: Hold,
}

impl<A> Clone for Word<A> {
    fn clone(&self) -> Word<A> {
        Word { at: self.at, _hold: self._hold.clone() }
    }
}

/// One byte.
pub(crate) type Word8 = Word<AtomicU8>;
/// Two bytes.
pub(crate) type Word16 = Word<AtomicU16>;
/// Four bytes; the size of a futex.
pub(crate) type Word32 = Word<AtomicU32>;
/// Eight bytes.
pub(crate) type Word64 = Word<AtomicU64>;

// SAFETY: an atomic in shared memory may be used from any thread; the hold is Send and Sync.
unsafe impl<A: Sync> Send for Word<A> {}
// SAFETY: as above.
unsafe impl<A: Sync> Sync for Word<A> {}

impl<A> Word<A> {
    /// # Safety
    /// `at` is aligned and inside the mapping that `hold` keeps alive.
    pub(super) unsafe fn new(at: NonNull<A>, hold: Hold) -> Word<A> {
        Word { at, _hold: hold }
    }

    /// The bare atomic, for the futex calls, which only read.
    #[inline]
    pub(crate) fn atomic(&self) -> &A {
        // SAFETY: aligned and mapped as long as self lives (new's contract); atomics allow any bytes and
        // concurrent change.
        unsafe { self.at.as_ref() }
    }

    /// The address, for a user who wants to point at the word.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.at.as_ptr().cast()
    }
}

/// Words side by side. It keeps the mapping alive.
pub(crate) struct Row<A> {
    first: NonNull<A>,
    len: usize,
    hold: Hold,
}

/// Words of four bytes.
pub(crate) type Row32 = Row<AtomicU32>;
/// Words of eight bytes.
pub(crate) type Row64 = Row<AtomicU64>;

// SAFETY: atomics in shared memory may be used from any thread; the hold is Send and Sync.
unsafe impl<A: Sync> Send for Row<A> {}
// SAFETY: as above.
unsafe impl<A: Sync> Sync for Row<A> {}

impl<A> Row<A> {
    /// # Safety
    /// `len` aligned words at `first`, not none, are inside the mapping that `hold` keeps alive.
    pub(super) unsafe fn new(first: NonNull<A>, len: usize, hold: Hold) -> Row<A> {
        Row { first, len, hold }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Does something with one of the words; if there is no such, which is a bug of the caller's, with the first: a
    /// panic would cost the fast paths their lightness.
    #[inline(always)]
    pub(crate) fn with<R>(&self, index: usize, f: impl FnOnce(&Word<A>) -> R) -> R {
        debug_assert!(index < self.len, "no such word");
        let index = if index < self.len { index } else { 0 };
        // SAFETY: within the row, which is not empty (new's contract). The hold is lent, not owned: self keeps the
        // mapping alive meanwhile, and what is lent is never dropped.
        let word = unsafe { ManuallyDrop::new(Word { at: self.first.add(index), _hold: std::ptr::read(&self.hold) }) };
        f(&word)
    }
}

/// A word for each slot of the domain, behind one that is not used. Neighbours in number are not neighbours in memory:
/// processes that joined one after the other do not share a cache line.
pub(crate) struct Table {
    first: NonNull<[AtomicU64; TABLE]>,
    hold: Hold,
}

// SAFETY: as for Row.
unsafe impl Send for Table {}
// SAFETY: as for Row.
unsafe impl Sync for Table {}

impl Table {
    /// # Safety
    /// The table is aligned and inside the mapping that `hold` keeps alive.
    pub(super) unsafe fn new(first: NonNull<[AtomicU64; TABLE]>, hold: Hold) -> Table {
        Table { first, hold }
    }

    /// Where an entry is.
    #[inline(always)]
    pub(crate) fn place(entry: usize) -> usize {
        const LINE: usize = 8;
        debug_assert!(entry < TABLE, "no such word");
        ((entry * LINE) | ((entry % TABLE) / (TABLE / LINE))) % TABLE
    }

    /// Does something with the word at a place.
    #[inline(always)]
    pub(crate) fn at<R>(&self, place: usize, f: impl FnOnce(&Word64) -> R) -> R {
        // SAFETY: below TABLE, so within the table; the hold is lent as in Row.
        let word = unsafe {
            let at = self.first.cast::<AtomicU64>().add(place % TABLE);
            ManuallyDrop::new(Word { at, _hold: std::ptr::read(&self.hold) })
        };
        f(&word)
    }

    /// Does something with an entry.
    #[inline(always)]
    pub(crate) fn with<R>(&self, entry: usize, f: impl FnOnce(&Word64) -> R) -> R {
        self.at(Table::place(entry), f)
    }
}

macro_rules! word_ops {
    ($atomic:ty, $int:ty) => {
        impl Word<$atomic> {
            /// Reads.
            #[inline]
            pub(crate) fn load(&self, order: Ordering) -> $int {
                self.atomic().load(order)
            }

            /// Writes.
            #[inline]
            pub(crate) fn store(&self, value: $int, order: Ordering) {
                crash::point("store");
                self.atomic().store(value, order);
            }

            /// Writes and returns the old value.
            #[inline]
            pub(crate) fn swap(&self, value: $int, order: Ordering) -> $int {
                crash::point("swap");
                self.atomic().swap(value, order)
            }

            /// Writes if the word is `current`; returns what it was.
            #[inline]
            pub(crate) fn compare_exchange(&self, current: $int, new: $int, ok: Ordering) -> Result<$int, $int> {
                crash::point("compare_exchange");
                self.atomic().compare_exchange(current, new, ok, Ordering::Relaxed)
            }

            /// Adds, wrapping; returns the old value.
            #[inline]
            pub(crate) fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                crash::point("fetch_add");
                self.atomic().fetch_add(value, order)
            }

            /// Replaces the value by `f` of it; returns the old value.
            #[inline]
            #[allow(dead_code)] // not every width needs every operation
            pub(crate) fn update(&self, mut f: impl FnMut($int) -> $int) -> $int {
                let mut old = self.load(Ordering::Relaxed);
                loop {
                    match self.compare_exchange(old, f(old), Ordering::AcqRel) {
                        Ok(old) => return old,
                        Err(seen) => old = seen,
                    }
                }
            }
        }
    };
}

word_ops!(AtomicU8, u8);
word_ops!(AtomicU16, u16);
word_ops!(AtomicU32, u32);
word_ops!(AtomicU64, u64);

impl Word64 {
    /// Adds, wrapping, when nobody wants the old value.
    #[inline]
    pub(crate) fn add(&self, value: u64) {
        crash::point("add");
        // `lock add` is cheaper than `lock xadd`; the compiler would merge it with a fetch_add beside it.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an aligned, mapped word (new's contract); a locked instruction is atomic.
        unsafe {
            std::arch::asm!("lock add qword ptr [{}], {}", in(reg) self.at.as_ptr(), in(reg) value, options(nostack));
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.atomic().fetch_add(value, Ordering::AcqRel);
    }
}

/// Copies private bytes into shared memory.
///
/// # Safety
/// `to` has `from.len()` bytes inside a live mapping. Others may read or write them meanwhile: they are
/// only ever looked at as raw bytes, so a race means stale or mixed bytes and nothing worse.
#[inline]
pub(super) unsafe fn copy_in(to: *mut u8, from: &[u8]) {
    // SAFETY: this function's contract; private and shared memory do not overlap.
    unsafe { copy_between(to, from.as_ptr(), from.len()) };
}

/// Copies bytes into shared memory, from wherever they are.
///
/// # Safety
/// As [`copy_in`]; both sides have `len` bytes and do not overlap.
#[inline]
pub(super) unsafe fn copy_between(to: *mut u8, from: *const u8, len: usize) {
    if cfg!(feature = "crash-points") {
        // First, middle and last: a process may die anywhere in a bulk copy.
        let half = len / 2;
        crash::point("copy: first");
        // SAFETY: this function's contract.
        unsafe { copy_run(to, from, half) };
        crash::point("copy: middle");
        // SAFETY: this function's contract.
        unsafe { copy_run(to.add(half), from.add(half), len - half) };
        crash::point("copy: last");
    } else {
        // SAFETY: this function's contract.
        unsafe { copy_run(to, from, len) };
    }
}

/// As [`copy_between`], with stores that go past the cache and fetch no line before it is overwritten.
///
/// # Safety
/// As [`copy_in`]; both sides have `len` bytes and do not overlap.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn copy_past_cache(to: *mut u8, from: *const u8, len: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    let head = to.align_offset(64).min(len);
    let lines = (len - head) / 64;
    // SAFETY: head + lines * 64 <= len, so each access lies within both sides; the stores are aligned to 16 (SSE2
    // is part of the architecture). The fence orders them before everything that publishes them.
    unsafe {
        crash::point("copy past the cache: first");
        copy_run(to, from, head);
        for line in 0..lines {
            if line == lines / 2 {
                crash::point("copy past the cache: middle");
            }
            let (to, from) = (to.add(head + line * 64).cast::<__m128i>(), from.add(head + line * 64).cast::<__m128i>());
            for part in 0..4 {
                _mm_stream_si128(to.add(part), _mm_loadu_si128(from.add(part)));
            }
        }
        _mm_sfence();
        let done = head + lines * 64;
        copy_run(to.add(done), from.add(done), len - done);
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn copy_past_cache(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: this function's contract.
    unsafe { copy_between(to, from, len) }
}

/// Copies shared bytes out.
///
/// # Safety
/// `from` has `len` bytes inside a live mapping, `to` has `len` private bytes. As [`copy_in`].
#[inline]
pub(super) unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: this function's contract.
    unsafe { copy_run(to, from, len) };
}

/// Whether shared bytes are these.
///
/// # Safety
/// `at` has `bytes.len()` bytes inside a live mapping. As [`copy_in`].
#[inline]
pub(super) unsafe fn matches(at: *const u8, bytes: &[u8]) -> bool {
    let len = bytes.len();
    if len < 8 {
        // SAFETY: i < len: within both sides.
        return bytes.iter().enumerate().all(|(i, byte)| unsafe { at.add(i).read() } == *byte);
    }
    // SAFETY: offset + 8 <= len: within both sides; unaligned.
    let differs = |offset: usize| unsafe {
        at.add(offset).cast::<u64>().read_unaligned() != bytes.as_ptr().add(offset).cast::<u64>().read_unaligned()
    };
    let mut offset = 0;
    while offset + 8 < len {
        if differs(offset) {
            return false;
        }
        offset += 8;
    }
    // The last eight, some of them again.
    !differs(len - 8)
}

/// Longer runs than 128 bytes go through memcpy; below, its call costs more than the copy. Short ones are a few words,
/// the last of which overlap the first (a loop would become a call of memcpy again).
///
/// # Safety
/// Both sides have `len` bytes and do not overlap.
#[inline]
unsafe fn copy_run(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: this function's contract, and len is at least as long as one word where words are copied; so each
    // piece lies within both sides.
    unsafe {
        match len {
            0 => {}
            1..=3 => {
                let (first, middle, last) = (from.read(), from.add(len / 2).read(), from.add(len - 1).read());
                to.write(first);
                to.add(len / 2).write(middle);
                to.add(len - 1).write(last);
            }
            4..=7 => copy_words::<u32, 1>(to, from, len),
            8..=16 => copy_words::<u64, 1>(to, from, len),
            17..=32 => copy_words::<u128, 1>(to, from, len),
            33..=64 => copy_words::<u128, 2>(to, from, len),
            65..=128 => copy_words::<u128, 4>(to, from, len),
            _ => std::ptr::copy_nonoverlapping(from, to, len),
        }
    }
}

/// Copies the first N words and the last N.
///
/// # Safety
/// Both sides have `len` bytes, at least N words, and do not overlap.
#[inline(always)]
unsafe fn copy_words<W: Copy, const N: usize>(to: *mut u8, from: *const u8, len: usize) {
    let end = len - N * size_of::<W>();
    for start in [0, end] {
        for i in 0..N {
            // SAFETY: start + N words <= len: within both sides; unaligned accesses.
            unsafe {
                let at = start + i * size_of::<W>();
                to.add(at).cast::<W>().write_unaligned(from.add(at).cast::<W>().read_unaligned());
            }
        }
    }
}

/// Copies elements of 1, 2, 4 or 8 bytes into shared memory so that each one is old or new at every
/// instant: one store each, or one aligned 8-byte store for several whole ones.
///
/// # Safety
/// As [`copy_in`]; moreover `to` is aligned to `width` and `from.len()` is a multiple of `width`.
pub(super) unsafe fn copy_elements_in(to: *mut u8, from: &[u8], width: usize) {
    // SAFETY: this function's contract; the private side is read unaligned.
    unsafe {
        each_unit(to, from.len(), width, |offset, unit| {
            if cfg!(feature = "crash-points") {
                crash::point("element");
            }
            let (to, from) = (to.add(offset), from.as_ptr().add(offset));
            match unit {
                8 => AtomicU64::from_ptr(to.cast()).store(from.cast::<u64>().read_unaligned(), Ordering::Relaxed),
                4 => AtomicU32::from_ptr(to.cast()).store(from.cast::<u32>().read_unaligned(), Ordering::Relaxed),
                2 => AtomicU16::from_ptr(to.cast()).store(from.cast::<u16>().read_unaligned(), Ordering::Relaxed),
                _ => AtomicU8::from_ptr(to).store(from.read(), Ordering::Relaxed),
            }
        });
    }
}

/// Copies elements of 1, 2, 4 or 8 bytes out, none of them torn.
///
/// # Safety
/// As [`copy_out`]; moreover `from` is aligned to `width` and `len` is a multiple of `width`.
pub(super) unsafe fn copy_elements_out(from: *mut u8, to: *mut u8, len: usize, width: usize) {
    // SAFETY: this function's contract; the private side is written unaligned.
    unsafe {
        each_unit(from, len, width, |offset, unit| {
            let (from, to) = (from.add(offset), to.add(offset));
            match unit {
                8 => to.cast::<u64>().write_unaligned(AtomicU64::from_ptr(from.cast()).load(Ordering::Relaxed)),
                4 => to.cast::<u32>().write_unaligned(AtomicU32::from_ptr(from.cast()).load(Ordering::Relaxed)),
                2 => to.cast::<u16>().write_unaligned(AtomicU16::from_ptr(from.cast()).load(Ordering::Relaxed)),
                _ => to.write(AtomicU8::from_ptr(from).load(Ordering::Relaxed)),
            }
        });
    }
}

/// Cuts `len` bytes at `shared` into units: single elements up to the first 8-byte boundary and after the
/// last one, whole aligned words in between.
#[inline(always)]
fn each_unit(shared: *mut u8, len: usize, width: usize, mut f: impl FnMut(usize, usize)) {
    debug_assert!(matches!(width, 1 | 2 | 4 | 8) && shared as usize % width == 0 && len % width == 0);
    let head = (shared as usize).wrapping_neg() % 8;
    let head = head.min(len);
    let words = (len - head) / 8 * 8;
    let mut at = 0;
    while at < head {
        f(at, width);
        at += width;
    }
    while at < head + words {
        f(at, 8);
        at += 8;
    }
    while at < len {
        f(at, width);
        at += width;
    }
}
