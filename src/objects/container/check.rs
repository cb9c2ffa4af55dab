//! Walking the whole heap: for tests, for people who doubt, and for freeing what refers only to itself.

use super::arena::Arena;
use super::header::{self, At};
use super::value;
use crate::objects::{dict, list};
use crate::shm::arena::{layout, Heap, Tx};
use crate::shm::header::Kind;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};

const LOST: Error = Error::Corrupt("a block of the heap belongs to nothing");
const TWICE: Error = Error::Corrupt("a block of the heap belongs to two");
const NOT_THERE: Error = Error::Corrupt("something is in a block of the heap that is free");

/// The most things there can be, so that every walk ends.
fn most(heap: &Heap) -> Result<u64> {
    Ok(heap.memory()? / layout::UNIT as u64)
}

/// All containers.
fn all(tx: &Tx) -> Result<Vec<At>> {
    let (most, mut all) = (most(tx.heap)?, Vec::new());
    let mut at = tx.place(layout::AT_ALL)?;
    while at != 0 {
        if all.len() as u64 > most {
            return Err(Error::Corrupt("the list of all containers does not end"));
        }
        At(at).kind(tx)?;
        all.push(At(at));
        at = At(at).next(tx)?;
    }
    Ok(all)
}

/// What a container consists of: each block, and each datum in it.
fn parts(
    tx: &Tx,
    at: At,
    most: u64,
    mut block: impl FnMut(usize) -> Result<()>,
    mut datum: impl FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    if at.len(tx)? > most {
        return Err(Error::Corrupt("a container with more elements than there is memory"));
    }
    if at.kind(tx)? == Kind::List {
        return list::blocks(tx, at, block, datum);
    }
    dict::bucket_blocks(tx, at, &mut block)?;
    // From the end: a dict that is being freed has lost its beginning last.
    let (mut item, mut count) = (tx.place(at.0 + header::AT_LAST)?, 0);
    while item != 0 {
        if count == most {
            return Err(Error::Corrupt("a dict's items do not end"));
        }
        block(item)?;
        let (datum_at, len) = dict::Item(item).value(tx)?;
        datum(datum_at, len)?;
        (item, count) = (dict::Item(item).before(tx)?, count + 1);
    }
    Ok(())
}

/// Checks that every block in use belongs to one thing, that references are counted right, and that dicts find what
/// they have.
pub(super) fn check(heap: &Heap, arena: u64, seed: u64) -> Result<()> {
    let (tx, most) = (heap.look(), most(heap)?);
    let mut blocks: HashMap<usize, bool> = HashMap::new();
    heap.each_block(|at, _, used| {
        if used {
            blocks.insert(at, false);
        }
        Ok(())
    })?;
    let mut take = |at: usize| match blocks.get_mut(&at) {
        Some(taken @ false) => {
            *taken = true;
            Ok(())
        }
        Some(true) => Err(TWICE),
        None => Err(NOT_THERE),
    };
    let containers = all(&tx)?;
    if containers.len() as u64 != tx.get(layout::AT_COUNT)? {
        return Err(Error::Corrupt("the containers are not as many as it says"));
    }
    let mut refs: HashMap<usize, u64> = HashMap::new();
    refs.insert(tx.place(layout::AT_ROOT)?, 1);
    for &at in &containers {
        take(at.0)?;
        parts(&tx, at, most, &mut take, |datum_at, len| {
            if let Some((inner, _)) = value::referred(&tx, arena, datum_at, len)? {
                *refs.entry(inner.0).or_default() += 1;
            }
            Ok(())
        })?;
        if at.kind(&tx)? != Kind::List && !at.is_doomed(&tx)? {
            dict::check(&tx, at, seed, most)?;
        }
    }
    Arena::each_record(&tx, most, |record, container| {
        *refs.entry(container.0).or_default() += 1;
        take(record)
    })?;
    if let at @ 1.. = tx.place(layout::AT_SPARE)? {
        take(at)?;
    }
    doomed(&tx, &containers)?;
    for &at in &containers {
        let counted = refs.get(&at.0).copied().unwrap_or(0);
        if at.refs(&tx)? != counted {
            return Err(Error::Corrupt("a container is not referred to as often as it says"));
        }
        if counted == 0 && !at.is_doomed(&tx)? {
            return Err(Error::Corrupt("a container that nobody refers to is not being freed"));
        }
    }
    if blocks.values().any(|taken| !taken) {
        return Err(LOST);
    }
    Ok(())
}

/// Checks the list of those to be freed: it has each of them once.
fn doomed(tx: &Tx, containers: &[At]) -> Result<()> {
    let mut left = HashSet::new();
    for &at in containers {
        if at.is_doomed(tx)? {
            left.insert(at.0);
        }
    }
    let mut at = tx.place(layout::AT_TRASH)?;
    while at != 0 {
        if !left.remove(&at) {
            return Err(Error::Corrupt("the list of what is to be freed leads astray"));
        }
        at = At(at).next_doomed(tx)?;
    }
    if !left.is_empty() {
        return Err(Error::Corrupt("a container that is to be freed is not on the list of those"));
    }
    Ok(())
}

/// The containers that neither the root nor a handle leads to, and that are not being freed yet.
pub(super) fn unreachable(heap: &Heap, arena: u64) -> Result<Vec<usize>> {
    let (tx, most) = (heap.look(), most(heap)?);
    let mut reached: HashMap<usize, bool> = all(&tx)?.into_iter().map(|at| (at.0, false)).collect();
    let mut next = vec![tx.place(layout::AT_ROOT)?];
    Arena::each_record(&tx, most, |_, container| {
        next.push(container.0);
        Ok(())
    })?;
    while let Some(at) = next.pop() {
        match reached.get_mut(&at) {
            Some(seen @ false) => *seen = true,
            _ => continue,
        }
        parts(
            &tx,
            At(at),
            most,
            |_| Ok(()),
            |datum_at, len| {
                if let Some((inner, _)) = value::referred(&tx, arena, datum_at, len)? {
                    next.push(inner.0);
                }
                Ok(())
            },
        )?;
    }
    let mut lost = Vec::new();
    for (at, reached) in reached {
        if !reached && !At(at).is_doomed(&tx)? {
            lost.push(at);
        }
    }
    Ok(lost)
}
