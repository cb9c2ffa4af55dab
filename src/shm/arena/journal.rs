//! The undo journal: changes under the arena's lock that are all there or not at all, wherever a process is killed.
//!
//! Before a word is changed its old value is written to the journal, and the journal's length after that; one store of
//! 0 to the length commits. Whoever finds a length that is not 0 puts the old values back, the last one first. As the
//! entries hold values and not steps, putting them back may itself be cut short and begun again.
//!
//! What nothing leads to yet (a block just allocated, an element beyond a list's length) is written without a record.

use super::heap::Heap;
use super::layout::{AT_JOURNAL, JOURNAL, JOURNAL_LEN};
use crate::shm::header;
use crate::shm::region::Words;
use crate::sys::crash::{self, Mutant};
use crate::{Error, Result};
use std::sync::atomic::{compiler_fence, Ordering};

/// Where the number of words stands in an entry's first word; below it the place.
const WORDS: u32 = 48;

/// A change being made, or just a look. The caller holds the arena's lock.
pub(crate) struct Tx<'a> {
    pub(crate) heap: &'a Heap,
    used: usize,
    /// Memory was taken or is to be given back.
    pub(super) unsettled: bool,
    /// So it was before this change, too.
    pub(super) unsettled_before: bool,
    /// What this change gives back: the first chunk, and how many.
    pub(super) given: Vec<(usize, usize)>,
    /// Blocks to be freed at the end. Not before: who got one of them in the same change would write over what it held,
    /// without a record, and a change that is taken back needs it.
    freed: [usize; FREED],
    freed_count: usize,
    more_freed: Vec<usize>,
}

/// So many blocks are seldom freed in one change.
const FREED: usize = 4;

impl Tx<'_> {
    /// Gives a block back, when the change is otherwise done.
    #[inline]
    pub(crate) fn free(&mut self, at: usize) -> Result<()> {
        if crash::mutant(Mutant::BlockLost) {
            return Ok(());
        }
        if self.freed_count < FREED {
            self.freed[self.freed_count] = at;
            self.freed_count += 1;
        } else {
            self.more_freed.push(at);
        }
        Ok(())
    }

    #[inline(always)]
    fn free_all(&mut self) -> Result<()> {
        if self.freed_count == 0 {
            return Ok(());
        }
        self.free_each()
    }

    fn free_each(&mut self) -> Result<()> {
        for i in 0..self.freed_count {
            self.free_now(self.freed[i])?;
        }
        for at in std::mem::take(&mut self.more_freed) {
            self.free_now(at)?;
        }
        Ok(())
    }

    /// Reads a word.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Result<u64> {
        self.heap.region().read_u64(at)
    }

    /// N words side by side, to read some of them.
    #[inline(always)]
    pub(crate) fn words<const N: usize>(&self, at: usize) -> Result<Words<'_, N>> {
        self.heap.region().words(at)
    }

    /// Reads a word that says where something is.
    #[inline]
    pub(crate) fn place(&self, at: usize) -> Result<usize> {
        Ok(self.get(at)? as usize)
    }

    /// Changes a word.
    #[inline]
    pub(crate) fn put(&mut self, at: usize, value: u64) -> Result<()> {
        let to = self.entry(at, 1)?;
        let region = self.heap.region();
        region.write_u64(to, region.read_u64(at)?)?;
        self.publish(16)?;
        region.write_u64(at, value)
    }

    /// Writes a word that nothing leads to yet.
    #[inline]
    pub(crate) fn fresh(&mut self, at: usize, value: u64) -> Result<()> {
        self.heap.region().write_u64(at, value)
    }

    /// Records words that are about to be changed in any way.
    #[inline]
    pub(crate) fn save(&mut self, at: usize, words: usize) -> Result<()> {
        let to = self.entry(at, words)?;
        self.heap.region().copy(at, to, words * 8)?;
        self.publish(8 + words * 8)
    }

    /// Begins an entry behind the last one; where its words go.
    #[inline]
    fn entry(&mut self, at: usize, words: usize) -> Result<usize> {
        if self.used + 8 + words * 8 > JOURNAL_LEN {
            return Err(Error::Full("the arena's journal"));
        }
        let to = JOURNAL + self.used;
        self.heap.region().write_u64(to, at as u64 | (words as u64) << WORDS)?;
        Ok(to + 8)
    }

    #[inline]
    fn publish(&mut self, bytes: usize) -> Result<()> {
        if crash::mutant(Mutant::NoUndo) {
            return Ok(());
        }
        self.used += bytes;
        self.heap.region().publish_u64(AT_JOURNAL, self.used as u64)?;
        // A process is killed between two instructions, so their order is all that counts.
        compiler_fence(Ordering::SeqCst);
        Ok(())
    }
}

impl Heap {
    /// Makes a change, whole or not at all. Within the arena's lock, and not within another change.
    #[inline]
    pub(crate) fn change<R>(&self, f: impl FnOnce(&mut Tx) -> Result<R>) -> Result<R> {
        let mut tx = self.look();
        match f(&mut tx).and_then(|done| tx.free_all().map(|()| done)) {
            Ok(done) => {
                if tx.used > 0 {
                    self.forget()?;
                }
                if tx.unsettled {
                    // It is done, and must not be reported as if it were not. What was not given back is noted, and whoever
                    // comes next tries again.
                    let _ = if tx.unsettled_before { self.settle() } else { self.settle_given(&tx.given) };
                }
                Ok(done)
            }
            Err(error) => {
                let unsettled = tx.unsettled;
                self.undo()?;
                if unsettled {
                    let _ = self.settle(); // as above
                }
                Err(error)
            }
        }
    }

    /// A look at the heap, within the arena's lock.
    #[inline]
    pub(crate) fn look(&self) -> Tx<'_> {
        let freed = [0; FREED];
        Tx {
            heap: self,
            used: 0,
            unsettled: false,
            unsettled_before: false,
            given: Vec::new(),
            freed,
            freed_count: 0,
            more_freed: Vec::new(),
        }
    }

    /// Whether a change was left half done.
    #[inline]
    pub(crate) fn is_half_done(&self) -> bool {
        self.region().load_u64(AT_JOURNAL) != Ok(0)
    }

    /// Takes back what a process that died inside has left half done; whether there was something.
    pub(crate) fn recover(&self) -> Result<bool> {
        let half_done = self.is_half_done();
        self.undo()?;
        let _ = self.settle(); // as in change()
        Ok(half_done)
    }

    #[inline]
    fn forget(&self) -> Result<()> {
        compiler_fence(Ordering::SeqCst);
        self.region().publish_u64(AT_JOURNAL, 0)?;
        compiler_fence(Ordering::SeqCst);
        Ok(())
    }

    #[cold]
    fn undo(&self) -> Result<()> {
        let region = self.region();
        let used = region.load_u64(AT_JOURNAL)? as usize;
        if used == 0 {
            return Ok(());
        }
        if used > JOURNAL_LEN {
            return Err(self.corrupt("a journal longer than itself"));
        }
        let (mut entries, mut at) = (Vec::new(), 0);
        while at < used {
            let head = region.read_u64(JOURNAL + at)?;
            let (place, words) = ((head & ((1 << WORDS) - 1)) as usize, (head >> WORDS) as usize);
            let in_header = place >= AT_JOURNAL + 8 && place + words * 8 <= header::PAGE;
            let beyond = place >= JOURNAL + JOURNAL_LEN;
            if words == 0 || at + 8 + words * 8 > used || place % 8 != 0 || !(in_header || beyond) {
                return Err(self.corrupt("the journal makes no sense"));
            }
            entries.push((JOURNAL + at + 8, place, words));
            at += 8 + words * 8;
        }
        for (from, to, words) in entries.into_iter().rev() {
            region.copy(from, to, words * 8)?;
        }
        self.forget()
    }
}
