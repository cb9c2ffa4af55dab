//! Arrays that grow without moving: a list's elements, a dict's buckets.
//!
//! Up to one segment the array is a block that is replaced by one twice as large. Beyond, a directory leads to segments of
//! equal size (a hashed array tree, Sitarski, Dr. Dobb's Journal 1996, with segments of a constant size): growing adds
//! one, and copies nothing but, seldom, the directory.

use crate::shm::arena::Tx;
use crate::{Error, Result};

/// Elements of a segment.
pub(crate) const SEGMENT: u64 = 1024;
/// Elements of the first block.
const FIRST: u64 = 8;

/// An array of elements of `width` bytes, described by three words at a place: the only segment or the directory, how
/// many elements there is room for, and how many segments there is room for in the directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Array {
    at: usize,
    width: usize,
}

const AT_ROOM: usize = 8;
const AT_DIRECTORY: usize = 16;

impl Array {
    #[inline]
    pub(crate) fn new(at: usize, width: usize) -> Array {
        Array { at, width }
    }

    /// How many elements there is room for.
    #[inline]
    pub(crate) fn room(self, tx: &Tx) -> Result<u64> {
        tx.get(self.at + AT_ROOM)
    }

    /// Where an element is.
    #[inline]
    pub(crate) fn element(self, tx: &Tx, index: u64) -> Result<usize> {
        let words = tx.words::<2>(self.at)?;
        self.element_of(tx, words.at::<0>() as usize, words.at::<AT_ROOM>(), index)
    }

    /// As [`Array::element`], when the first two words are known.
    #[inline]
    pub(crate) fn element_of(self, tx: &Tx, base: usize, room: u64, index: u64) -> Result<usize> {
        if index >= room {
            return Err(Error::Corrupt("an array is shorter than it says"));
        }
        if room <= SEGMENT {
            return Ok(base.wrapping_add(index as usize * self.width));
        }
        let segment = tx.place(base.wrapping_add((index / SEGMENT) as usize * 8))?;
        Ok(segment.wrapping_add((index % SEGMENT) as usize * self.width))
    }

    /// Makes room for one step more.
    #[cold]
    pub(crate) fn grow(self, tx: &mut Tx) -> Result<()> {
        let (base, room) = (tx.place(self.at)?, self.room(tx)?);
        if room < SEGMENT {
            let more = (room * 2).max(FIRST);
            let block = tx.alloc(more as usize * self.width)?;
            if room > 0 {
                tx.heap.region().copy(base, block, room as usize * self.width)?;
            }
            tx.save(self.at, 2)?;
            tx.fresh(self.at, block as u64)?;
            tx.fresh(self.at + AT_ROOM, more)?;
            if room > 0 {
                tx.free(base)?;
            }
            return Ok(());
        }
        let segments = room / SEGMENT;
        let segment = tx.alloc(SEGMENT as usize * self.width)?;
        let mut directory = base;
        let most = tx.get(self.at + AT_DIRECTORY)?;
        if room == SEGMENT || segments >= most {
            let more = (segments * 2).max(FIRST);
            directory = tx.alloc(more as usize * 8)?;
            if room == SEGMENT {
                tx.fresh(directory, base as u64)?;
            } else {
                tx.heap.region().copy(base, directory, segments as usize * 8)?;
            }
            tx.put(self.at, directory as u64)?;
            tx.put(self.at + AT_DIRECTORY, more)?;
            if room > SEGMENT {
                tx.free(base)?;
            }
        }
        tx.fresh(directory + segments as usize * 8, segment as u64)?;
        tx.put(self.at + AT_ROOM, room + SEGMENT)
    }

    /// Gives memory back that `used` elements do not need, one step; whether there was something.
    pub(crate) fn shrink(self, tx: &mut Tx, used: u64) -> Result<bool> {
        let (base, room) = (tx.place(self.at)?, self.room(tx)?);
        if room == 0 || (used > 0 && room <= SEGMENT) || (used > 0 && room - used < 2 * SEGMENT) {
            return Ok(false);
        }
        if room <= SEGMENT {
            tx.put(self.at + AT_ROOM, 0)?;
            tx.put(self.at, 0)?;
            tx.free(base)?;
            return Ok(true);
        }
        let segments = room / SEGMENT;
        let last = tx.place(base + (segments - 1) as usize * 8)?;
        tx.put(self.at + AT_ROOM, room - SEGMENT)?;
        if segments == 2 {
            let only = tx.get(base)?;
            tx.put(self.at, only)?;
            tx.put(self.at + AT_DIRECTORY, 0)?;
            tx.free(base)?;
        }
        tx.free(last)?;
        Ok(true)
    }

    /// Exchanges two arrays.
    pub(crate) fn exchange(self, tx: &mut Tx, other: Array) -> Result<()> {
        for word in [0, AT_ROOM, AT_DIRECTORY] {
            let (mine, theirs) = (tx.get(self.at + word)?, tx.get(other.at + word)?);
            tx.put(self.at + word, theirs)?;
            tx.put(other.at + word, mine)?;
        }
        Ok(())
    }

    /// Its blocks, for those who look for blocks that are lost.
    pub(crate) fn blocks(self, tx: &Tx, mut f: impl FnMut(usize) -> Result<()>) -> Result<()> {
        let (base, room) = (tx.place(self.at)?, self.room(tx)?);
        if room == 0 {
            return Ok(());
        }
        f(base)?;
        if room > SEGMENT {
            for segment in 0..room / SEGMENT {
                f(tx.place(base + segment as usize * 8)?)?;
            }
        }
        Ok(())
    }
}
