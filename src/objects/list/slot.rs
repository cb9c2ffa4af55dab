//! A list's elements: 16 bytes each, with short datums in place and longer ones in a block of their own.

use crate::objects::container::{self, Held};
use crate::shm::arena::Tx;
use crate::{Error, Result};

/// Bytes of a slot.
pub(super) const WIDTH: usize = 16;
/// The longest datum in place.
const IN_PLACE: usize = 15;
/// The first byte of a slot whose datum is in a block: its length is at 4, the block at 8.
const BLOCK: u8 = 0xff;
/// Longer blocks are not overwritten in place: the journal is short.
const OVERWRITE: usize = 1024;

/// A slot's bytes, in private memory. Whoever has them has what they refer to.
pub(super) type Slot = [u8; WIDTH];

/// Reads a slot.
pub(super) fn read(tx: &Tx, at: usize) -> Result<Slot> {
    let mut slot = [0; WIDTH];
    tx.heap.region().read_into(at, &mut slot)?;
    Ok(slot)
}

fn block(slot: &Slot) -> (usize, usize) {
    let (len, at) = (u32::from_ne_bytes([slot[4], slot[5], slot[6], slot[7]]), &slot[8..]);
    (u64::from_ne_bytes(at.try_into().unwrap_or_default()) as usize, len as usize)
}

/// Where the datum of the slot at a place is, and how many bytes it has.
#[inline]
pub(super) fn datum(tx: &Tx, at: usize) -> Result<(usize, usize)> {
    let slot = read(tx, at)?;
    match slot[0] {
        BLOCK => Ok(block(&slot)),
        len if usize::from(len) <= IN_PLACE => Ok((at + 1, len.into())),
        _ => Err(Error::Corrupt("an element of a list makes no sense")),
    }
}

/// The block of a slot, if it has one.
pub(super) fn block_of(slot: &Slot) -> Option<usize> {
    (slot[0] == BLOCK).then(|| block(slot).0)
}

/// How many bytes the datum in a slot's block has; 0: it has none.
pub(super) fn len(slot: &Slot) -> usize {
    if slot[0] == BLOCK {
        block(slot).1
    } else {
        0
    }
}

/// A slot for a datum; a long one gets a block.
#[inline]
pub(super) fn make(tx: &mut Tx, held: &Held) -> Result<Slot> {
    let (len, mut slot) = (held.len(), [0; WIDTH]);
    if len <= IN_PLACE {
        slot[0] = len as u8;
        held.copy_to(&mut slot[1..1 + len]);
    } else {
        let block = tx.alloc(len)?;
        held.write(tx, block)?;
        slot[0] = BLOCK;
        slot[4..8].copy_from_slice(&(len as u32).to_ne_bytes());
        slot[8..].copy_from_slice(&(block as u64).to_ne_bytes());
    }
    Ok(slot)
}

/// Frees what the slot at a place has; the slot itself is about to be overwritten or forgotten.
#[inline]
pub(super) fn release(tx: &mut Tx, arena: u64, at: usize) -> Result<()> {
    let (datum_at, len) = datum(tx, at)?;
    container::release(tx, arena, datum_at, len)?;
    if len > IN_PLACE {
        tx.free(datum_at)?;
    }
    Ok(())
}

/// Replaces the datum of the slot at a place.
pub(super) fn replace(tx: &mut Tx, arena: u64, at: usize, held: &Held) -> Result<()> {
    let (old, len) = datum(tx, at)?;
    let new = held.len();
    if len > IN_PLACE && len <= OVERWRITE && new > IN_PLACE && new <= tx.room(old)?.min(OVERWRITE) {
        container::release(tx, arena, old, len)?;
        tx.save(old, new.div_ceil(8))?;
        held.write(tx, old)?;
        if new != len {
            tx.save(at, 1)?;
            tx.heap.region().write(at + 4, &(new as u32).to_ne_bytes())?;
        }
        return Ok(());
    }
    let slot = make(tx, held)?;
    release(tx, arena, at)?;
    tx.save(at, WIDTH / 8)?;
    tx.heap.region().write(at, &slot)
}
