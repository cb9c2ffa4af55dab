//! Copying what a container holds into a plain datum.

use super::arena::Operation;
use super::header::{self, At};
use super::value;
use crate::objects::datum::{Builder, MAX_DEPTH};
use crate::objects::{dict, list};
use crate::shm::arena::Tx;
use crate::shm::header::Kind;
use crate::{Error, Result};
use std::collections::HashMap;

/// The least that an element can have, for what is plausible.
const LEAST: u64 = 16;

const TOO_DEEP: Error = Error::Type("containers nested too deeply, or within themselves");
/// The longest copy.
const MOST: usize = 1 << 30;

/// Adds the content of the operation's container to a builder: inner containers as references, or (`deep`) their
/// content, too.
pub(in crate::objects) fn copy(op: &Operation, deep: bool, into: &mut Builder) -> Result<()> {
    Copying { op, deep, path: Vec::new(), copied: HashMap::new() }.add(op.at, into)
}

struct Copying<'a, 'b> {
    op: &'a Operation<'b>,
    deep: bool,
    /// What is being copied, from the outermost on.
    path: Vec<At>,
    /// Copies of what is referred to more than once: copied anew each time, a few containers within each other would
    /// make an exponential number of steps.
    copied: HashMap<usize, Vec<u8>>,
}

impl Copying<'_, '_> {
    fn add(&mut self, at: At, into: &mut Builder) -> Result<()> {
        if self.path.len() >= MAX_DEPTH || self.path.contains(&at) {
            return Err(TOO_DEEP);
        }
        let tx = self.op.look();
        if let Some(bytes) = self.copied.get(&at.0) {
            return into.add_encoded(bytes).map_err(|_| TOO_DEEP);
        }
        let start = into.position();
        self.path.push(at);
        let (kind, len) = (at.kind(&tx)?, at.len(&tx)?);
        self.op.plausible(len, LEAST)?;
        if kind == Kind::List {
            into.begin_list()?;
            for index in 0..len {
                self.value(&tx, list::element(&tx, at, index)?, into)?;
            }
        } else {
            into.begin_map()?;
            dict::each(&tx, tx.place(at.0 + header::AT_FIRST)?, len, |item| {
                let (key_at, key_len) = item.key(&tx)?;
                into.add_encoded(&self.op.read(key_at, key_len)?).map_err(garbage)?;
                self.value(&tx, item.value(&tx)?, into)?;
                Ok(true)
            })?;
        }
        self.path.pop();
        into.end()?;
        if at.refs(&tx)? > 1 && !self.path.is_empty() {
            self.copied.insert(at.0, into.since(start).to_vec());
        }
        Ok(())
    }

    fn value(&mut self, tx: &Tx, (at, len): (usize, usize), into: &mut Builder) -> Result<()> {
        if into.position() > MOST {
            return Err(Error::TooBig { len: into.position(), max: MOST });
        }
        let inner = if self.deep { value::referred(tx, self.op.id(), at, len)? } else { None };
        match inner {
            // One that is being freed is as good as gone: a reference that leads nowhere.
            Some((inner, _)) if !inner.is_doomed(tx)? => self.add(inner, into),
            _ => into.add_encoded(&self.op.read(at, len)?).map_err(garbage),
        }
    }
}

/// What is not the encoding of a datum, in shared memory.
fn garbage(error: Error) -> Error {
    match error {
        Error::Invalid(why) => Error::Corrupt(why),
        other => other,
    }
}
