//! The dict: keys and values in shared memory, in the order of insertion.

mod item;

use super::container::header::{self, At};
use super::container::{self, Arena, Container, ContainerOptions, Handing, Operation, Snapshot, What};
use super::datum::{self, Builder, Datum, Encoded, Items, Reference, Special};
use super::list;
use super::options::ObjectOptions;
use crate::shm::arena::Tx;
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle, Source, Stored};
use crate::sys::crash::{self, Mutant};
use crate::{Error, Result};
pub(super) use item::{bucket_blocks, check, Item, Key};
use std::sync::Arc;

/// A dict that processes share: keys and values are datums, the order is that of insertion.
///
/// Each operation is atomic: whole or not at all for everybody, also if the process is killed within it. `update` is a
/// sequence of such operations under one lock.
pub struct Dict(Arc<Container>);

/// Items that [`DictIter`] fetches at a time.
const BATCH: usize = 64;
/// Bytes of them after which it stops earlier.
const BATCH_BYTES: usize = 64 << 10;
/// The least that an item can have, for what is plausible.
const LEAST: u64 = item::BYTES as u64;

const NO_KEY: Error = Error::NotFound("the key");

impl Dict {
    /// Creates a dict and the arena it lives in, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Kind`], [`Error::Name`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ContainerOptions) -> Result<(Dict, bool)> {
        Dict::create_as(domain, name, Kind::Dict, options)
    }

    /// Opens a dict by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<Dict> {
        Dict::attach(Source::Name(domain, name), Kind::Dict, options)
    }

    /// Opens the dict that a handle leads to.
    ///
    /// # Errors
    /// [`Error::Kind`], [`Error::Access`], [`Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<Dict> {
        Dict::attach(Source::Handle(handle), Kind::Dict, options)
    }

    pub(super) fn create_as(
        domain: &Domain,
        name: Option<&str>,
        kind: Kind,
        options: ContainerOptions,
    ) -> Result<(Dict, bool)> {
        let (container, existed) = Container::create(domain, name, kind, options)?;
        Ok((Dict(Arc::new(container)), existed))
    }

    pub(super) fn attach(source: Source, kind: Kind, options: ObjectOptions) -> Result<Dict> {
        Ok(Dict(Arc::new(Container::open(source, kind, options)?)))
    }

    pub(super) fn follow_as(arena: &Arena, reference: Reference, kind: Kind) -> Result<Dict> {
        Ok(Dict(Arc::new(Container::follow(arena, reference, kind)?)))
    }

    /// A handle that can travel to other processes; for a root only.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for an inner dict, and if the file cannot be opened again; [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.0.export()
    }

    /// The arena it lives in.
    pub fn arena(&self) -> &Arena {
        self.0.arena()
    }

    /// A reference to it: stored in a container of the same arena it keeps the dict alive.
    pub fn reference(&self) -> Reference {
        self.0.reference()
    }

    /// A handle on an inner dict.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is gone; [`Error::Type`] if it is another kind of container; [`Error::Invalid`] if it is
    /// one of another arena; [`Error::Full`] …
    pub fn follow(arena: &Arena, reference: Reference) -> Result<Dict> {
        Dict::follow_as(arena, reference, Kind::Dict)
    }

    /// How many keys.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Corrupt`], [`Error::Slots`], [`Error::NotFound`] if this inner dict is gone. So can all
    /// that follow.
    pub fn len(&self) -> Result<u64> {
        let op = self.0.enter()?;
        op.at.len(&op.look())
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Hands a key's value to `f`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of `f`.
    #[inline(always)]
    pub fn get<R>(&self, key: &Encoded, f: impl FnOnce(&Stored) -> Result<R>) -> Result<R> {
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let tx = op.look();
        let found = item::find(&tx, op.at, &key).map_err(|e| op.noted(e))?.ok_or(NO_KEY)?;
        let (at, len) = found.item.value(&tx)?;
        f(&Stored::new(tx.heap.region(), at, len))
    }

    /// Sets a key's value.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::NoSpace`], [`Error::NoMemory`]: nothing has changed. [`Error::TooBig`];
    /// [`Error::Invalid`] if the key cannot be one; [`Error::NotFound`] if the value refers to a container that is gone.
    #[inline(always)]
    pub fn set(&self, key: &Encoded, value: &Encoded) -> Result<()> {
        datum::check_key(key)?;
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let done = op.change(|tx| set(tx, &op, &key, value));
        self.0.leave(op, done)
    }

    /// As [`Dict::set`], for the holder of a lock with that fencing token.
    ///
    /// # Errors
    /// [`Error::Fenced`] if the arena has seen a greater one: nothing has changed; [`Error::Invalid`] if it is 0; as
    /// [`Dict::set`].
    pub fn set_if_token(&self, key: &Encoded, value: &Encoded, token: u64) -> Result<()> {
        datum::check_key(key)?;
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            op.fence(tx, token)?;
            set(tx, &op, &key, value)
        });
        self.0.leave(op, done)
    }

    /// Sets a key's value if it has none; hands the one that it has then to `f`. The flag: whether it had one.
    ///
    /// # Errors
    /// As [`Dict::set`]; those of `f`, and then nothing has changed.
    pub fn setdefault<R>(
        &self,
        key: &Encoded,
        value: &Encoded,
        f: impl FnOnce(&Stored) -> Result<R>,
    ) -> Result<(bool, R)> {
        datum::check_key(key)?;
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let mut handing = Handing::new(f);
        let done = op.change(|tx| {
            let (existed, item) = match item::find(tx, op.at, &key)? {
                Some(found) => (true, found.item),
                None => {
                    let held = container::hold(tx, op.id(), value)?;
                    (false, item::insert(tx, op.at, &key, &held)?)
                }
            };
            let (at, len) = item.value(tx)?;
            handing.hand(|f| f(&Stored::new(tx.heap.region(), at, len)))?;
            Ok(existed)
        });
        handing.end(done)
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn contains(&self, key: &Encoded) -> Result<bool> {
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let found = item::find(&op.look(), op.at, &key).map_err(|e| op.noted(e))?;
        Ok(found.is_some())
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete(&self, key: &Encoded) -> Result<()> {
        self.pop(key, |_| Ok(()))
    }

    /// As [`Dict::delete`], for the holder of a lock with that fencing token.
    ///
    /// # Errors
    /// As [`Dict::set_if_token`]; [`Error::NotFound`].
    pub fn delete_if_token(&self, key: &Encoded, token: u64) -> Result<()> {
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            op.fence(tx, token)?;
            let found = item::find(tx, op.at, &key)?.ok_or(NO_KEY)?;
            let (at, len) = found.item.value(tx)?;
            container::release(tx, op.id(), at, len)?;
            item::remove(tx, op.at, found)
        });
        self.0.leave(op, done)
    }

    /// Takes a key out, and hands its value to `f` before; if that fails, the key stays.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of `f`.
    pub fn pop<R>(&self, key: &Encoded, f: impl FnOnce(&Stored) -> Result<R>) -> Result<R> {
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let mut handing = Handing::new(f);
        let done = op.change(|tx| {
            let found = item::find(tx, op.at, &key)?.ok_or(NO_KEY)?;
            let (at, len) = found.item.value(tx)?;
            handing.hand(|f| f(&Stored::new(tx.heap.region(), at, len)))?;
            container::release(tx, op.id(), at, len)?;
            item::remove(tx, op.at, found)
        });
        self.0.leave(op, handing.end(done).map(|((), answer)| answer))
    }

    /// Takes the key out that was inserted last, and hands it and its value to `f` before; if that fails, it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; those of `f`.
    pub fn popitem<R>(&self, f: impl FnOnce(&Stored, &Stored) -> Result<R>) -> Result<R> {
        let op = self.0.enter()?;
        let mut handing = Handing::new(f);
        let done = op.change(|tx| {
            let last = tx.place(op.at.0 + header::AT_LAST)?;
            if last == 0 {
                return Err(NO_KEY);
            }
            let ((key_at, key_len), (at, len)) = (Item(last).key(tx)?, Item(last).value(tx)?);
            let bytes = op.read(key_at, key_len)?;
            let key = item::encoded(&bytes)?;
            let found = item::find(tx, op.at, &Key::new(op.seed(), &key))?
                .filter(|found| found.item.0 == last)
                .ok_or(Error::Corrupt("the last item of a dict is not found"))?;
            let region = tx.heap.region();
            handing.hand(|f| f(&Stored::new(region, key_at, key_len), &Stored::new(region, at, len)))?;
            container::release(tx, op.id(), at, len)?;
            item::remove(tx, op.at, found)
        });
        self.0.leave(op, handing.end(done).map(|((), answer)| answer))
    }

    /// Takes all keys out, at once.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn clear(&self) -> Result<()> {
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            if op.at.len(tx)? == 0 {
                return Ok(());
            }
            let trash = At::new(tx, Kind::Dict, 0)?;
            item::exchange(tx, op.at, trash)
        });
        self.0.leave(op, done)
    }

    /// Sets keys to values, in order. Each is set atomically; a kill in the middle, or an error, leaves the first ones
    /// set. Nobody sees a state in between while this process lives.
    ///
    /// # Errors
    /// As [`Dict::set`]; [`Error::Invalid`] if `map` is not a map or one of its keys cannot be one: then none is set.
    pub fn update(&self, map: &[u8]) -> Result<()> {
        let items = Items::new(map)?;
        if !items.is_map() {
            return Err(Error::invalid("a dict is updated with a map"));
        }
        let all = items.map(|datum| datum?.encode()).collect::<Result<Vec<Encoded>>>()?;
        for pair in all.chunks(2) {
            datum::check_key(&pair[0])?;
        }
        let op = self.0.enter()?;
        for pair in all.chunks(2) {
            let [key, value] = pair else { return Err(Error::invalid("a map with a key without a value")) };
            let key = Key::new(op.seed(), key);
            op.change(|tx| set(tx, &op, &key, value))?;
        }
        Ok(())
    }

    /// Adds to a number; a key that is not there counts as 0. The sum.
    ///
    /// # Errors
    /// [`Error::Type`] if one of the two is no number; [`Error::Overflow`]; as [`Dict::set`].
    pub fn add(&self, key: &Encoded, delta: &Datum) -> Result<Datum<'static>> {
        datum::check_key(key)?;
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        op.change(|tx| {
            let found = item::find(tx, op.at, &key)?;
            let sum = match &found {
                Some(found) => {
                    let (at, len) = found.item.value(tx)?;
                    add(tx, at, len, delta)?
                }
                None => datum::add(&Datum::Int(0), delta)?,
            };
            let sum_bytes = sum.encode()?;
            set_found(tx, &op, &key, found, &sum_bytes)?;
            Ok(sum)
        })
    }

    /// Appends to the list that is a key's value: to an inner list, or to a plain one. A key that is not there gets a new
    /// inner list.
    ///
    /// # Errors
    /// [`Error::Type`] if the value is no list; as [`Dict::set`].
    pub fn append_to(&self, key: &Encoded, value: &Encoded) -> Result<()> {
        datum::check_key(key)?;
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        op.change(|tx| {
            let found = match item::find(tx, op.at, &key)? {
                Some(found) => found,
                None => {
                    let new = Encoded::special_of(Special::New(Kind::List as u32));
                    set(tx, &op, &key, &new)?;
                    item::find(tx, op.at, &key)?.ok_or(NO_KEY)?
                }
            };
            let (at, len) = found.item.value(tx)?;
            match container::referred(tx, op.id(), at, len)? {
                Some((inner, Kind::List)) => list::append(tx, op.id(), inner, value),
                Some(_) => Err(Error::Type("the value is no list")),
                None => {
                    let bytes = op.read(at, len)?;
                    let longer = append_plain(&bytes, value)?;
                    set_found(tx, &op, &key, Some(found), &Encoded::stored(&longer))
                }
            }
        })
    }

    /// Sets a key's value to `desired` if it is `expected`; whether it was. Both may be nothing: no key.
    ///
    /// # Errors
    /// As [`Dict::set`].
    pub fn compare_exchange(&self, key: &Encoded, expected: &Encoded, desired: &Encoded) -> Result<bool> {
        datum::check_key(key)?;
        let key = Key::new(self.0.seed(), key);
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            let found = item::find(tx, op.at, &key)?;
            let same = match (&found, expected.special()) {
                (None, special) => special == Special::Absent,
                (Some(_), Special::Absent) => false,
                (Some(found), _) => {
                    let (at, len) = found.item.value(tx)?;
                    equals(tx, at, len, expected)?
                }
            };
            if !same {
                return Ok(false);
            }
            match (found, desired.special()) {
                (None, Special::Absent) => {}
                (Some(found), Special::Absent) => {
                    let (at, len) = found.item.value(tx)?;
                    container::release(tx, op.id(), at, len)?;
                    item::remove(tx, op.at, found)?;
                }
                (found, _) => set_found(tx, &op, &key, found, desired)?,
            }
            Ok(true)
        });
        self.0.leave(op, done)
    }

    /// A copy of keys, values or both, as they are at one moment.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn snapshot(&self, what: What) -> Result<Snapshot> {
        let op = self.0.enter()?;
        let tx = op.look();
        let len = op.at.len(&tx)?;
        op.plausible(len, LEAST)?;
        let mut snapshot = Snapshot::new(what);
        let mut bytes = Vec::new();
        each(&tx, tx.place(op.at.0 + header::AT_FIRST)?, len, |item| {
            let ((key_at, key_len), (at, value_len)) = (item.key(&tx)?, item.value(&tx)?);
            op.plausible_bytes(&mut bytes, key_len + value_len)?;
            let (key, value) = bytes.split_at_mut(key_len);
            if what != What::Values {
                tx.heap.region().read_into(key_at, key)?;
            }
            if what != What::Keys {
                tx.heap.region().read_into(at, value)?;
            }
            snapshot.push(key, value)?;
            op.plausible_sum(snapshot.bytes())?;
            Ok(true)
        })
        .map_err(|e| op.noted(e))?;
        Ok(snapshot)
    }

    /// Goes through the items as they are, in the order of insertion, and notices if a key comes or goes meanwhile.
    ///
    /// # Errors
    /// As [`Dict::len`].
    pub fn iter(&self) -> Result<DictIter> {
        let op = self.0.enter()?;
        let version = op.look().get(op.at.0 + header::AT_VERSION)?;
        let dict = self.0.clone();
        Ok(DictIter { dict, version, batch: Snapshot::default(), next: 0, last: None, ended: false })
    }

    /// Adds its content, a map, to a builder: inner containers as references, or (`deep`) their content, too.
    ///
    /// # Errors
    /// [`Error::Type`] if it is nested deeper than [`datum::MAX_DEPTH`], or within itself; those of the builder.
    pub fn copy(&self, deep: bool, into: &mut Builder) -> Result<()> {
        let op = self.0.enter()?;
        container::copy(&op, deep, into).map_err(|e| op.noted(e))
    }
}

/// Sets a key's value.
#[inline]
fn set(tx: &mut Tx, op: &Operation, key: &Key, value: &Encoded) -> Result<()> {
    let found = item::find(tx, op.at, key)?;
    set_found(tx, op, key, found, value)
}

#[inline]
fn set_found(tx: &mut Tx, op: &Operation, key: &Key, found: Option<item::Found>, value: &Encoded) -> Result<()> {
    let held = container::hold(tx, op.id(), value)?;
    match found {
        Some(found) => {
            let (at, len) = found.item.value(tx)?;
            container::release(tx, op.id(), at, len)?;
            item::overwrite(tx, op.at, found, &held)?;
        }
        None => {
            item::insert(tx, op.at, key, &held)?;
        }
    }
    Ok(())
}

/// A stored number and another one.
pub(super) fn add(tx: &Tx, at: usize, len: usize, delta: &Datum) -> Result<Datum<'static>> {
    const NUMBER: usize = 9;
    if len > NUMBER {
        return Err(Error::Type("only numbers can be added"));
    }
    let bytes = tx.heap.region().read_vec(at, len)?;
    datum::add(&datum::decode(&bytes).map_err(|_| GARBAGE)?, delta)
}

const GARBAGE: Error = Error::Corrupt("a stored datum makes no sense");

/// Whether stored bytes are this datum.
pub(super) fn equals(tx: &Tx, at: usize, len: usize, datum: &Encoded) -> Result<bool> {
    let (head, body, region) = (datum.head(), datum.body(), tx.heap.region());
    Ok(len == datum.len() && region.matches(at, head)? && region.matches(at + head.len(), body)?)
}

/// Goes through items in order, from one on, until `f` says no.
pub(super) fn each(tx: &Tx, first: usize, most: u64, mut f: impl FnMut(Item) -> Result<bool>) -> Result<()> {
    let (mut at, mut count) = (first, 0);
    while at != 0 {
        if count == most {
            return Err(Error::Corrupt("a dict has more items than it says"));
        }
        if !f(Item(at))? {
            break;
        }
        (at, count) = (Item(at).after(tx)?, count + 1);
    }
    Ok(())
}

/// Frees one thing of a dict that is being freed; `false` if nothing is left.
pub(super) fn drop_last(tx: &mut Tx, arena: u64, dict: At) -> Result<bool> {
    item::remove_last(tx, dict, |tx, item| {
        let (at, len) = item.value(tx)?;
        if crash::mutant(Mutant::ShallowFree) {
            return Ok(());
        }
        container::release(tx, arena, at, len)
    })
}

/// Goes through a dict's items as they are: see [`Dict::iter`].
pub struct DictIter {
    dict: Arc<Container>,
    version: u64,
    batch: Snapshot,
    next: usize,
    /// The key of the last item that was fetched.
    last: Option<Vec<u8>>,
    ended: bool,
}

impl DictIter {
    /// The next key and value; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Changed`] if a key came or went since the iteration began; as [`Dict::len`].
    #[allow(clippy::should_implement_trait)] // what it returns is borrowed from it
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if self.next == self.batch.len() && !self.ended {
            self.fetch()?;
        }
        let index = self.next;
        if index == self.batch.len() {
            return Ok(None);
        }
        self.next += 1;
        match self.batch.get(index) {
            (Some(key), Some(value)) => Ok(Some((key, value))),
            _ => Ok(None),
        }
    }

    /// The same one, where it is after a key (encoded), or at the beginning.
    pub(crate) fn at(&self, last: Option<Vec<u8>>) -> DictIter {
        let (dict, version) = (self.dict.clone(), self.version);
        DictIter { dict, version, batch: Snapshot::default(), next: 0, last, ended: false }
    }

    /// Whether the next one has been fetched already.
    pub(crate) fn is_ahead(&self) -> bool {
        self.next < self.batch.len()
    }

    fn fetch(&mut self) -> Result<()> {
        let op = self.dict.enter()?;
        let tx = op.look();
        if tx.get(op.at.0 + header::AT_VERSION)? != self.version {
            return Err(Error::Changed);
        }
        // By its key: an item moves when its value grows.
        let first = match &self.last {
            None => tx.place(op.at.0 + header::AT_FIRST)?,
            Some(key) => {
                let key = item::encoded(key)?;
                let key = Key::new(op.seed(), &key);
                item::find(&tx, op.at, &key)?.ok_or(Error::Changed)?.item.after(&tx)?
            }
        };
        let (mut batch, mut bytes, mut total) = (Snapshot::new(What::Items), Vec::new(), 0);
        each(&tx, first, BATCH as u64 + 1, |item| {
            let ((key_at, key_len), (at, len)) = (item.key(&tx)?, item.value(&tx)?);
            op.plausible_bytes(&mut bytes, key_len + len)?;
            let (key, value) = bytes.split_at_mut(key_len);
            tx.heap.region().read_into(key_at, key)?;
            tx.heap.region().read_into(at, value)?;
            batch.push(key, value)?;
            total += key_len + len;
            Ok(batch.len() < BATCH && total < BATCH_BYTES)
        })
        .map_err(|e| op.noted(e))?;
        self.ended = batch.is_empty();
        self.last = batch.len().checked_sub(1).and_then(|i| batch.get(i).0).map(<[u8]>::to_vec);
        (self.batch, self.next) = (batch, 0);
        Ok(())
    }
}

/// A plain list with one element more.
fn append_plain(list: &[u8], value: &Encoded) -> Result<Vec<u8>> {
    let no_list = |_| Error::Type("the value is no list");
    let items = Items::new(list).map_err(no_list)?;
    if items.is_map() {
        return Err(Error::Type("the value is no list"));
    }
    if matches!(value.special(), Special::New(_) | Special::Absent) {
        return Err(Error::Type("a plain list holds no containers"));
    }
    let mut longer = Builder::new();
    longer.begin_list()?;
    for element in items {
        longer.add(&element.map_err(|_| GARBAGE)?)?;
    }
    longer.add_encoded(&value.to_vec())?;
    longer.end()?;
    Ok(longer.finish()?.to_vec())
}
