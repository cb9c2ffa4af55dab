//! The objects that a server has: those with names, which stay, and those that somebody refers to.

use crate::manager::served::Served;
use crate::shm::header::Kind;
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// An object.
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) kind: Kind,
    /// As all sessions share it.
    pub(super) object: Arc<dyn Served>,
    /// What it was made with.
    pub(super) options: Vec<u8>,
    /// Bytes of memory that it may take.
    pub(super) bytes: u64,
    /// Who made it: a client's number.
    pub(super) maker: u64,
    /// What it is made of: stays as long.
    pub(super) others: Vec<Arc<Entry>>,
    /// Inside another object, or on its way through one: one session's alone.
    pub(super) inner: bool,
    /// Then: whose.
    pub(super) family: [u8; 16],
}

struct Known {
    entry: Arc<Entry>,
    name: Option<String>,
    /// References of all sessions together, and how many sessions have any.
    refs: u64,
    sessions: u32,
}

#[derive(Default)]
pub(super) struct Objects {
    last: u64,
    by_id: HashMap<u64, Known, BuildHasherDefault<Number>>,
    names: BTreeMap<String, u64>,
    bytes: u64,
    /// Of each client: objects that it made and that exist, and their bytes.
    makers: HashMap<u64, (usize, u64)>,
}

/// Numbers are the server's own, one after the other: no client can choose them so that they collide.
#[derive(Default)]
pub(super) struct Number(u64);

impl Hasher for Number {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0 << 8 | u64::from(byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        // The table looks at the highest bits, too (Knuth, TAOCP 6.4: multiplicative hashing).
        self.0 = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A page of [`Objects::list`].
const PAGE: usize = 500;

/// What a list says of an object: name, kind, clients, bytes.
pub(super) type Listed = (String, Kind, u32, u64);

impl Objects {
    /// How many, and how many bytes.
    pub(super) fn totals(&self) -> (usize, u64) {
        (self.by_id.len(), self.bytes)
    }

    /// Objects and bytes of what a client made.
    pub(super) fn made_by(&self, maker: u64) -> (usize, u64) {
        self.makers.get(&maker).copied().unwrap_or_default()
    }

    pub(super) fn get(&self, id: u64) -> Result<Arc<Entry>> {
        self.by_id.get(&id).map(|known| known.entry.clone()).ok_or(Error::NotFound("the object"))
    }

    /// By its name, or `#` and its number.
    pub(super) fn find(&self, name: &str) -> Result<Arc<Entry>> {
        let id = match name.strip_prefix('#') {
            Some(number) => number.parse().map_err(|_| Error::Name)?,
            None => *self.names.get(name).ok_or(Error::NotFound("the object"))?,
        };
        self.get(id)
    }

    pub(super) fn name_of(&self, id: u64) -> Result<String> {
        let known = self.by_id.get(&id).ok_or(Error::NotFound("the object"))?;
        if known.entry.inner {
            return Err(Error::NotSupported("a name of what is inside another object: pass on a reference to it"));
        }
        Ok(known.name.clone().unwrap_or_else(|| format!("#{id}")))
    }

    /// A number for a new one.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Adds one that nobody refers to yet.
    pub(super) fn insert(&mut self, entry: Entry, name: Option<&str>) -> Result<Arc<Entry>> {
        if name.is_some_and(|name| self.names.contains_key(name)) {
            return Err(Error::Exists);
        }
        self.count(entry.maker, entry.bytes);
        let entry = Arc::new(entry);
        if let Some(name) = name {
            self.names.insert(name.to_owned(), entry.id);
        }
        let known = Known { entry: entry.clone(), name: name.map(str::to_owned), refs: 0, sessions: 0 };
        self.by_id.insert(entry.id, known);
        Ok(entry)
    }

    /// A session has so many more references; `first`: it had none.
    pub(super) fn refer(&mut self, id: u64, count: u64, first: bool) -> Result<()> {
        let known = self.by_id.get_mut(&id).ok_or(Error::NotFound("the object"))?;
        known.refs += count;
        known.sessions += u32::from(first);
        Ok(())
    }

    /// A session has so many fewer; `last`: it has none any more. What nobody refers to and has no name goes; it is
    /// returned, to be dropped where nobody waits for the table.
    pub(super) fn release(&mut self, id: u64, count: u64, last: bool) -> Option<Arc<Entry>> {
        let known = self.by_id.get_mut(&id)?;
        known.refs = known.refs.saturating_sub(count);
        known.sessions = known.sessions.saturating_sub(u32::from(last));
        self.drop_unused(id)
    }

    /// Takes a name away.
    pub(super) fn delete(&mut self, name: &str) -> Result<Option<Arc<Entry>>> {
        let id = self.names.remove(name).ok_or(Error::NotFound("the object"))?;
        if let Some(known) = self.by_id.get_mut(&id) {
            known.name = None;
        }
        Ok(self.drop_unused(id))
    }

    fn drop_unused(&mut self, id: u64) -> Option<Arc<Entry>> {
        if !self.by_id.get(&id).is_some_and(|known| known.refs == 0 && known.name.is_none()) {
            return None;
        }
        let entry = self.by_id.remove(&id)?.entry;
        self.discount(entry.maker, entry.bytes);
        Some(entry)
    }

    /// Counts an object for the quotas.
    pub(super) fn count(&mut self, maker: u64, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        let made = self.makers.entry(maker).or_default();
        *made = (made.0 + 1, made.1.saturating_add(bytes));
    }

    pub(super) fn discount(&mut self, maker: u64, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(made) = self.makers.get_mut(&maker) {
            *made = (made.0 - 1, made.1.saturating_sub(bytes));
            if made.0 == 0 {
                self.makers.remove(&maker);
            }
        }
    }

    /// Those with names, after one, in their order; and whether that is all.
    pub(super) fn list(&self, after: Option<&str>) -> (Vec<Listed>, bool) {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let mut rest = self.names.range::<str, _>((from, Unbounded));
        let describe = |(name, id): (&String, &u64)| {
            let known = self.by_id.get(id)?;
            Some((name.clone(), known.entry.kind, known.sessions, known.entry.object.bytes()))
        };
        let page = rest.by_ref().take(PAGE).filter_map(describe).collect();
        (page, rest.next().is_none())
    }
}
