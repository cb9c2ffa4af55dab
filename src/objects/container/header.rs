//! A container's header: a block of its own in the arena.

use super::links::Links;
use crate::shm::arena::{layout, Tx};
use crate::shm::header::Kind;
use crate::{Error, Result};

/// u64: the magic number above, the kind below.
pub(crate) const AT_KIND: usize = 0;
/// u64: the generation above, flags below.
pub(crate) const AT_STATE: usize = 8;
/// u64: how many refer to it.
pub(crate) const AT_REFS: usize = 16;
/// u64: how many elements it has.
pub(crate) const AT_LEN: usize = 24;
/// u64: changes when a key comes or goes.
pub(crate) const AT_VERSION: usize = 32;
/// u64: the next one to be freed.
pub(crate) const AT_TRASH: usize = 40;
/// Three words: the array of a list's elements, of a dict's buckets.
pub(crate) const AT_ARRAY: usize = 48;
/// The second of them: how many elements it has room for.
pub(crate) const AT_ROOM: usize = AT_ARRAY + 8;
/// u64: a dict's first item.
pub(crate) const AT_FIRST: usize = 72;
/// u64: a dict's last item.
pub(crate) const AT_LAST: usize = 80;
/// u64: how many buckets a dict uses.
pub(crate) const AT_BUCKETS: usize = 88;
/// u64: the one before in the list of all.
const AT_BEFORE: usize = 96;
/// u64: the one after.
const AT_AFTER: usize = 104;
/// All containers.
const ALL: Links = Links { first: layout::AT_ALL, before: AT_BEFORE, after: AT_AFTER };
/// Bytes of the header.
pub(crate) const SIZE: usize = 112;

pub(crate) const MAGIC: u64 = 0x4354_4e52;
/// It is on the list of those to be freed.
const DOOMED: u64 = 1;

/// A container, where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(pub usize);

impl At {
    /// A new, empty container with so many references, or on the list of those to be freed: then whatever is put into it
    /// is freed, unless it is moved elsewhere before.
    pub(crate) fn new(tx: &mut Tx, kind: Kind, refs: u64) -> Result<At> {
        let at = match tx.alloc(SIZE) {
            Err(Error::Full(_) | Error::NoSpace(_) | Error::NoMemory(_)) if refs == 0 => spare(tx)?,
            other => other?,
        };
        let stamp = tx.get(layout::AT_STAMP)?.wrapping_add(1);
        tx.put(layout::AT_STAMP, stamp)?;
        for word in (0..SIZE).step_by(8) {
            tx.fresh(at + word, 0)?;
        }
        tx.fresh(at + AT_KIND, MAGIC << 32 | kind as u64)?;
        tx.fresh(at + AT_STATE, stamp << 32)?;
        tx.fresh(at + AT_REFS, refs)?;
        ALL.insert(tx, at)?;
        let count = tx.get(layout::AT_COUNT)?;
        tx.put(layout::AT_COUNT, count + 1)?;
        let new = At(at);
        if refs == 0 {
            new.doom(tx)?;
        }
        Ok(new)
    }

    /// The container there, if it is of that generation, and its kind.
    #[inline]
    pub(crate) fn find(tx: &Tx, at: usize, generation: u32) -> Result<Option<(At, Kind)>> {
        let header = tx.words::<{ SIZE / 8 }>(at)?;
        let (word, state) = (header.at::<AT_KIND>(), header.at::<AT_STATE>());
        let kind = Kind::parse(word as u32);
        Ok(match kind {
            Some(kind) if word >> 32 == MAGIC && (state >> 32) as u32 == generation => Some((At(at), kind)),
            _ => None,
        })
    }

    /// As [`At::find`], for a place that anybody may have named.
    pub(crate) fn look_up(tx: &Tx, at: usize, generation: u32) -> Option<(At, Kind)> {
        if !tx.is_block(at) || !tx.room(at).is_ok_and(|room| room >= SIZE) {
            return None;
        }
        At::find(tx, at, generation).ok().flatten()
    }

    pub(crate) fn kind(self, tx: &Tx) -> Result<Kind> {
        let word = tx.get(self.0 + AT_KIND)?;
        match Kind::parse(word as u32) {
            Some(kind @ (Kind::Dict | Kind::List | Kind::Namespace)) if word >> 32 == MAGIC => Ok(kind),
            _ => Err(Error::Corrupt("what should be a container is none")),
        }
    }

    pub(crate) fn generation(self, tx: &Tx) -> Result<u32> {
        Ok((tx.get(self.0 + AT_STATE)? >> 32) as u32)
    }

    #[inline]
    pub(crate) fn len(self, tx: &Tx) -> Result<u64> {
        tx.get(self.0 + AT_LEN)
    }

    #[inline]
    pub(crate) fn set_len(self, tx: &mut Tx, len: u64) -> Result<()> {
        tx.put(self.0 + AT_LEN, len)
    }

    /// A key came or went.
    #[inline]
    pub(crate) fn changed(self, tx: &mut Tx) -> Result<()> {
        let version = tx.get(self.0 + AT_VERSION)?;
        tx.put(self.0 + AT_VERSION, version.wrapping_add(1))
    }

    pub(crate) fn refs(self, tx: &Tx) -> Result<u64> {
        tx.get(self.0 + AT_REFS)
    }

    pub(crate) fn is_doomed(self, tx: &Tx) -> Result<bool> {
        Ok(tx.get(self.0 + AT_STATE)? & DOOMED != 0)
    }

    /// One more refers to it.
    pub(crate) fn hold(self, tx: &mut Tx) -> Result<()> {
        let refs = self.refs(tx)?;
        tx.put(self.0 + AT_REFS, refs + 1)
    }

    /// One less refers to it; without any it is doomed.
    pub(crate) fn let_go(self, tx: &mut Tx) -> Result<()> {
        let refs = self.refs(tx)?.saturating_sub(1);
        tx.put(self.0 + AT_REFS, refs)?;
        if refs == 0 {
            self.doom(tx)?;
        }
        Ok(())
    }

    /// Puts it on the list of those to be freed.
    pub(crate) fn doom(self, tx: &mut Tx) -> Result<()> {
        let state = tx.get(self.0 + AT_STATE)?;
        if state & DOOMED != 0 {
            return Ok(());
        }
        tx.put(self.0 + AT_STATE, state | DOOMED)?;
        let next = tx.get(layout::AT_TRASH)?;
        tx.put(self.0 + AT_TRASH, next)?;
        tx.put(layout::AT_TRASH, self.0 as u64)
    }

    /// Frees the header of what is first on the list of those to be freed, and has nothing left.
    pub(crate) fn free(self, tx: &mut Tx) -> Result<()> {
        let next = tx.get(self.0 + AT_TRASH)?;
        tx.put(layout::AT_TRASH, next)?;
        ALL.remove(tx, self.0)?;
        let count = tx.get(layout::AT_COUNT)?;
        tx.put(layout::AT_COUNT, count.saturating_sub(1))?;
        // No reference finds it any more.
        tx.put(self.0 + AT_KIND, 0)?;
        if tx.get(layout::AT_SPARE)? == 0 {
            return tx.put(layout::AT_SPARE, self.0 as u64);
        }
        tx.free(self.0)
    }

    /// The next of those to be freed.
    pub(crate) fn next_doomed(self, tx: &Tx) -> Result<usize> {
        tx.place(self.0 + AT_TRASH)
    }

    /// The next of all.
    pub(crate) fn next(self, tx: &Tx) -> Result<usize> {
        tx.place(self.0 + AT_AFTER)
    }
}

/// The block that was put by.
fn spare(tx: &mut Tx) -> Result<usize> {
    match tx.place(layout::AT_SPARE)? {
        0 => Err(Error::Full("the arena has reached its limit")),
        at => {
            tx.put(layout::AT_SPARE, 0)?;
            Ok(at)
        }
    }
}
