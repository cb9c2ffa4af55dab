//! What consumers of a joinable queue have taken and not yet reported done: a count for each slot of the domain.
//!
//! An entry is the owner's word and its count. The owner adds before the message leaves the queue, so that a
//! message is always in one of the two. A dead owner's entry means nothing any more, which is all the recovery
//! there is to do; whoever clears it notes that something was abandoned.

use crate::shm::{owner_slot, Segment, Word32, SLOTS};
use crate::sys::crash;
use crate::{Error, Result};
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of the table.
pub(crate) const TABLE: usize = 8192;
const _: () = assert!(SLOTS * 8 <= TABLE);

pub(super) struct Tasks {
    segment: Segment,
    /// Offset of the table.
    table: usize,
    /// How often a dead owner's entry was cleared.
    abandoned: Word32,
    /// What this handle has said about it.
    told: AtomicU32,
}

/// Owner, and how many.
fn split(entry: u64) -> (u32, u32) {
    ((entry >> 32) as u32, entry as u32)
}

fn join(owner: u32, count: u32) -> u64 {
    u64::from(owner) << 32 | u64::from(count)
}

impl Tasks {
    pub(super) fn new(segment: &Segment, table: usize, abandoned: usize) -> Result<Tasks> {
        let abandoned = segment.region().word32(abandoned)?;
        let told = AtomicU32::new(abandoned.load(Ordering::Relaxed));
        Ok(Tasks { segment: segment.clone(), table, abandoned, told })
    }

    fn own_entry(&self) -> Result<(u32, usize)> {
        let me = self.segment.domain().me()?.word();
        let slot = owner_slot(me).ok_or(Error::Corrupt("this process has no slot"))?;
        Ok((me, self.table + slot * 8))
    }

    /// This process is about to take `n` messages.
    pub(super) fn add(&self, n: u32) -> Result<()> {
        let (me, at) = self.own_entry()?;
        loop {
            let entry = self.segment.region().load_u64(at)?;
            let (owner, count) = split(entry);
            if owner != me && count != 0 {
                // The slot's former owner, so a dead one.
                self.abandoned.fetch_add(1, Ordering::Relaxed);
            }
            let count = if owner == me { count.saturating_add(n) } else { n };
            if self.segment.region().replace_u64(at, entry, join(me, count))? {
                return Ok(());
            }
        }
    }

    /// This process has done one; whether it was its last.
    pub(super) fn finish(&self) -> Result<bool> {
        let (me, at) = self.own_entry()?;
        loop {
            let entry = self.segment.region().load_u64(at)?;
            let (owner, count) = split(entry);
            if owner != me || count == 0 {
                return Err(Error::NotOwner);
            }
            if self.segment.region().replace_u64(at, entry, join(me, count - 1))? {
                return Ok(count == 1);
            }
        }
    }

    /// How many are not done by consumers that live; drops what the dead had.
    pub(super) fn unfinished(&self) -> Result<u64> {
        let mut sum = 0;
        for at in (0..SLOTS).map(|slot| self.table + slot * 8) {
            let entry = self.segment.region().load_u64(at)?;
            let (owner, count) = split(entry);
            if count == 0 {
                continue;
            }
            if !self.segment.domain().is_dead(owner) || crash::mutant(crash::Mutant::NoShare) {
                sum += u64::from(count);
                continue;
            }
            self.abandoned.fetch_add(1, Ordering::Relaxed);
            // If not, the slot's new owner was faster.
            self.segment.region().replace_u64(at, entry, 0)?;
        }
        Ok(sum)
    }

    /// Whether something was abandoned since this handle said so last.
    pub(super) fn tell_abandoned(&self) -> bool {
        let now = self.abandoned.load(Ordering::Acquire);
        self.told.swap(now, Ordering::Relaxed) != now
    }
}
