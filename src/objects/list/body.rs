//! What the operations on a list do to its slots.
//!
//! Elements that move only a little are moved within one change. Where more would have to be, new content is built aside,
//! in lists that are on the list of those to be freed from the moment they are made, and exchanged in one small change at
//! the end: a process that dies before has changed nothing, one that dies after has left something to be freed.

use super::slot::{self, Slot, WIDTH};
use crate::objects::container::header::{self, At};
use crate::objects::container::{self, Array, Operation, SEGMENT};
use crate::objects::datum::Encoded;
use crate::shm::arena::layout::SMALL;
use crate::shm::arena::Tx;
use crate::shm::header::Kind;
use crate::{Error, Result};

/// So many slots are moved within one change: the journal has room for their old content.
const FEW: u64 = 512;
/// So many elements go away within one change, if none has a large block: giving back its chunks takes much of the journal.
const FEW_GONE: usize = 32;

pub(super) fn array(list: At) -> Array {
    Array::new(list.0 + header::AT_ARRAY, WIDTH)
}

/// Appends a datum.
#[inline]
pub(super) fn append(tx: &mut Tx, arena: u64, list: At, value: &Encoded) -> Result<()> {
    let held = container::hold(tx, arena, value)?;
    let len = list.len(tx)?;
    if len >= array(list).room(tx)? {
        array(list).grow(tx)?;
    }
    let slot = slot::make(tx, &held)?;
    let at = array(list).element(tx, len)?;
    tx.heap.region().write(at, &slot)?;
    list.set_len(tx, len + 1)
}

/// Takes the last element away.
#[inline]
pub(super) fn pop(tx: &mut Tx, arena: u64, list: At, len: u64) -> Result<()> {
    let at = array(list).element(tx, len - 1)?;
    slot::release(tx, arena, at)?;
    list.set_len(tx, len - 1)?;
    array(list).shrink(tx, len - 1)?;
    Ok(())
}

/// Copies slots out.
pub(super) fn slots(tx: &Tx, list: At, from: u64, to: u64) -> Result<Vec<Slot>> {
    let mut slots = container::vec_for((to - from) as usize)?;
    slots.resize((to - from) as usize, [0; WIDTH]);
    let mut index = from;
    while index < to {
        let count = (SEGMENT - index % SEGMENT).min(to - index) as usize;
        let at = array(list).element(tx, index)?;
        array(list).element(tx, index + count as u64 - 1)?;
        let part = &mut slots[(index - from) as usize..][..count];
        tx.heap.region().read_into(at, part.as_flattened_mut())?;
        index += count as u64;
    }
    Ok(slots)
}

/// Writes slots from one index on; those below `len` with a record of what was there.
fn put(tx: &mut Tx, list: At, from: u64, slots: &[Slot], len: u64) -> Result<()> {
    let mut done = 0;
    while done < slots.len() {
        let index = from + done as u64;
        let count = ((SEGMENT - index % SEGMENT) as usize).min(slots.len() - done);
        let at = array(list).element(tx, index)?;
        if index < len {
            tx.save(at, ((len - index) as usize).min(count) * WIDTH / 8)?;
        }
        tx.heap.region().write(at, slots[done..done + count].as_flattened())?;
        done += count;
    }
    Ok(())
}

/// A list on the list of those to be freed.
fn aside(op: &Operation) -> Result<At> {
    op.step(|tx| At::new(tx, Kind::List, 0))
}

/// A list aside that has these elements.
pub(super) fn staged(op: &Operation, values: &[Encoded]) -> Result<At> {
    let list = aside(op)?;
    for value in values {
        op.step(|tx| append(tx, op.id(), list, value))?;
    }
    Ok(list)
}

/// Gives an array room for so many elements.
fn make_room(op: &Operation, list: At, len: u64) -> Result<()> {
    while array(list).room(&op.look())? < len {
        op.step(|tx| array(list).grow(tx))?;
    }
    Ok(())
}

/// Gives room back that a list has no use for: what an operation that has failed had made.
pub(super) fn trim(op: &Operation) {
    // If it cannot be now, it is later: see `pop` and `clear`.
    while op.step(|tx| op.at.len(tx).and_then(|len| array(op.at).shrink(tx, len))).unwrap_or(false) {}
}

/// A list aside whose array has these slots, but which does not have them: they are another list's.
fn lent(op: &Operation, slots: &[Slot]) -> Result<At> {
    let list = aside(op)?;
    make_room(op, list, slots.len() as u64)?;
    op.step(|tx| put(tx, list, 0, slots, 0))?;
    Ok(list)
}

/// Appends what a list aside has.
pub(super) fn adopt(op: &Operation, staged: At) -> Result<()> {
    let (list, tx) = (op.at, op.look());
    let (len, more) = (list.len(&tx)?, staged.len(&tx)?);
    op.plausible(len, WIDTH as u64)?;
    if len.saturating_add(more) > op.most_elements() {
        return Err(Error::Full("a list with so many elements"));
    }
    make_room(op, list, len + more)?;
    op.step(|tx| {
        let mut index = 0;
        while index < more {
            let count = SEGMENT.min(more - index);
            let part = slots(tx, staged, index, index + count)?;
            put(tx, list, len + index, &part, len)?;
            index += count;
        }
        list.set_len(tx, len + more)?;
        staged.set_len(tx, 0)
    })
}

/// Gives the list new content: `new`, of what it has (`old`) and what a list aside has; `gone` is what it has no more.
pub(super) fn rebuild(op: &Operation, old: &[Slot], new: &[Slot], gone: &[Slot], staged: Option<At>) -> Result<()> {
    let list = op.at;
    // Only what is different is written.
    let from = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let pairs = old[from..].iter().rev().zip(new[from..].iter().rev());
    let to = if old.len() == new.len() { new.len() - pairs.take_while(|(a, b)| a == b).count() } else { new.len() };
    let (changed, len) = (&new[from..to], old.len() as u64);
    let finish = |tx: &mut Tx| {
        list.set_len(tx, new.len() as u64)?;
        staged.map_or(Ok(()), |staged| staged.set_len(tx, 0))
    };
    let small = |slot: &Slot| slot::len(slot) <= SMALL;
    let in_place = changed.len() <= FEW as usize;
    if in_place && gone.len() <= FEW_GONE && gone.iter().all(small) {
        make_room(op, list, new.len() as u64)?;
        return op.step(|tx| {
            put(tx, list, from as u64, changed, len)?;
            for slot in gone {
                forget(tx, op.id(), slot)?;
            }
            finish(tx)
        });
    }
    let rest = lent(op, gone)?;
    if in_place {
        make_room(op, list, new.len() as u64)?;
        return op.step(|tx| {
            put(tx, list, from as u64, changed, len)?;
            rest.set_len(tx, gone.len() as u64)?;
            finish(tx)
        });
    }
    let content = lent(op, new)?;
    op.step(|tx| {
        array(list).exchange(tx, array(content))?;
        rest.set_len(tx, gone.len() as u64)?;
        finish(tx)
    })
}

/// Frees what a slot has that is in no list any more.
fn forget(tx: &mut Tx, arena: u64, slot: &Slot) -> Result<()> {
    if let Some(block) = slot::block_of(slot) {
        container::release(tx, arena, block, slot::len(slot))?;
        tx.free(block)?;
    }
    Ok(())
}

/// Inserts a slot's worth: moves the elements from an index on up by one, if they are few; whether they are.
pub(super) fn insert_near_end(tx: &mut Tx, arena: u64, list: At, index: u64, value: &Encoded) -> Result<bool> {
    let len = list.len(tx)?;
    if len - index > FEW {
        return Ok(false);
    }
    let held = container::hold(tx, arena, value)?;
    if len >= array(list).room(tx)? {
        array(list).grow(tx)?;
    }
    let mut moved = vec![slot::make(tx, &held)?];
    moved.extend(slots(tx, list, index, len)?);
    put(tx, list, index, &moved, len)?;
    list.set_len(tx, len + 1)?;
    Ok(true)
}

/// Takes an element away: moves those behind it down by one, if they are few; whether they are.
pub(super) fn remove_near_end(tx: &mut Tx, arena: u64, list: At, index: u64) -> Result<bool> {
    let len = list.len(tx)?;
    if len - index > FEW {
        return Ok(false);
    }
    let at = array(list).element(tx, index)?;
    slot::release(tx, arena, at)?;
    let moved = slots(tx, list, index + 1, len)?;
    put(tx, list, index, &moved, len)?;
    list.set_len(tx, len - 1)?;
    array(list).shrink(tx, len - 1)?;
    Ok(true)
}
