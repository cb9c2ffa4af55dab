//! Lists through blocks of the arena: each has the place of the one before and of the one after.

use crate::shm::arena::Tx;
use crate::Result;

/// A list: where the place of its first block stands, and where in each block the links are.
pub(super) struct Links {
    pub first: usize,
    pub before: usize,
    pub after: usize,
}

impl Links {
    /// Puts a new block in front.
    pub(super) fn insert(&self, tx: &mut Tx, block: usize) -> Result<()> {
        let after = tx.place(self.first)?;
        tx.fresh(block + self.before, 0)?;
        tx.fresh(block + self.after, after as u64)?;
        if after != 0 {
            tx.put(after + self.before, block as u64)?;
        }
        tx.put(self.first, block as u64)
    }

    /// Takes a block out.
    pub(super) fn remove(&self, tx: &mut Tx, block: usize) -> Result<()> {
        let (before, after) = (tx.place(block + self.before)?, tx.place(block + self.after)?);
        let from_before = if before == 0 { self.first } else { before + self.after };
        tx.put(from_before, after as u64)?;
        if after != 0 {
            tx.put(after + self.before, before as u64)?;
        }
        Ok(())
    }
}
