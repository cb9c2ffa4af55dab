//! Copying what a container holds into a plain datum.

use super::arena::Operation;
use super::header::{self, At};
use super::value;
use crate::objects::datum::{Builder, MAX_DEPTH};
use crate::objects::{dict, list};
use crate::shm::header::Kind;
use crate::{Error, Result};

/// The least that an element can have, for what is plausible.
const LEAST: u64 = 16;

/// Adds the content of the operation's container to a builder: inner containers as references, or (`deep`) their
/// content, too.
pub(in crate::objects) fn copy(op: &Operation, deep: bool, into: &mut Builder) -> Result<()> {
    add(op, op.at, deep, into, &mut Vec::new())
}

fn add(op: &Operation, at: At, deep: bool, into: &mut Builder, path: &mut Vec<At>) -> Result<()> {
    if path.len() >= MAX_DEPTH || path.contains(&at) {
        return Err(Error::Type("containers nested too deeply, or within themselves"));
    }
    path.push(at);
    let tx = op.look();
    let (kind, len) = (at.kind(&tx)?, at.len(&tx)?);
    op.plausible(len, LEAST)?;
    let value = |into: &mut Builder, path: &mut Vec<At>, (at, len): (usize, usize)| -> Result<()> {
        if let (true, Some((inner, _))) = (deep, value::referred(&tx, op.id(), at, len)?) {
            return add(op, inner, deep, into, path);
        }
        into.add_encoded(&tx.heap.region().read_vec(at, len)?).map_err(garbage)
    };
    if kind == Kind::List {
        into.begin_list()?;
        for index in 0..len {
            value(into, path, list::element(&tx, at, index)?)?;
        }
    } else {
        into.begin_map()?;
        dict::each(&tx, tx.place(at.0 + header::AT_FIRST)?, len, |item| {
            let (key_at, key_len) = item.key(&tx)?;
            into.add_encoded(&tx.heap.region().read_vec(key_at, key_len)?).map_err(garbage)?;
            value(into, path, item.value(&tx)?)?;
            Ok(true)
        })?;
    }
    path.pop();
    into.end()
}

/// What is not the encoding of a datum, in shared memory.
fn garbage(error: Error) -> Error {
    match error {
        Error::Invalid(why) => Error::Corrupt(why),
        other => other,
    }
}
