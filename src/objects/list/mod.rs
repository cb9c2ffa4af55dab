//! The list: datums in shared memory, by index.

mod body;
mod slice;
mod slot;

use super::container::header::At;
use super::container::{self, Arena, Container, ContainerOptions, Handing, Operation, Snapshot, What};
use super::datum::{self, Builder, Datum, Encoded, Items, Reference};
use super::dict;
use super::options::ObjectOptions;
use crate::shm::arena::Tx;
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle, Source, Stored};
use crate::sys::crash::{self, Mutant};
use crate::{Error, Result};
use slice::Slice;
use slot::Slot;
use std::ops::Range;
use std::sync::Arc;

/// A list that processes share: its elements are datums.
///
/// Each operation is atomic: whole or not at all for everybody, also if the process is killed within it. Getting, setting,
/// appending and taking from the end take the same time however long the list is; inserting and deleting elsewhere takes
/// longer the more elements are behind.
pub struct List(Arc<Container>);

/// Elements that [`ListIter`] fetches at a time.
const BATCH: u64 = 64;
/// After so many elements it is worth asking whether there can be more.
const PLAUSIBLE: u64 = 1 << 16;
/// The longest list.
const MOST: u64 = 1 << 40;

impl List {
    /// Creates a list and the arena it lives in, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Kind`], [`Error::Name`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ContainerOptions) -> Result<(List, bool)> {
        let (container, existed) = Container::create(domain, name, Kind::List, options)?;
        Ok((List(Arc::new(container)), existed))
    }

    /// Opens a list by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<List> {
        List::attach(Source::Name(domain, name), options)
    }

    /// Opens the list that a handle leads to.
    ///
    /// # Errors
    /// [`Error::Kind`], [`Error::Access`], [`Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<List> {
        List::attach(Source::Handle(handle), options)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<List> {
        Ok(List(Arc::new(Container::open(source, Kind::List, options)?)))
    }

    /// A handle that can travel to other processes; for a root only.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for an inner list, and if the file cannot be opened again; [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.0.export()
    }

    /// The arena it lives in.
    pub fn arena(&self) -> &Arena {
        self.0.arena()
    }

    /// A reference to it: stored in a container of the same arena it keeps the list alive.
    pub fn reference(&self) -> Reference {
        self.0.reference()
    }

    /// A handle on an inner list.
    ///
    /// # Errors
    /// As [`dict::Dict::follow`].
    pub fn follow(arena: &Arena, reference: Reference) -> Result<List> {
        Ok(List(Arc::new(Container::follow(arena, reference, Kind::List)?)))
    }

    /// How many elements.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Corrupt`], [`Error::Slots`], [`Error::NotFound`] if this inner list is gone. So can all
    /// that follow.
    pub fn len(&self) -> Result<u64> {
        let op = self.0.enter()?;
        op.at.len(&op.look())
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// As [`List::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Hands an element to `f`. A negative index counts from the end, here and everywhere.
    ///
    /// # Errors
    /// [`Error::Range`]; those of `f`.
    #[inline(always)]
    pub fn get<R>(&self, index: i64, f: impl FnOnce(&Stored) -> Result<R>) -> Result<R> {
        let op = self.0.enter()?;
        let tx = op.look();
        let index = within(index, op.at.len(&tx)?)?;
        let (at, len) = element(&tx, op.at, index).map_err(|e| op.noted(e))?;
        f(&Stored::new(tx.heap.region(), at, len))
    }

    /// Replaces an element.
    ///
    /// # Errors
    /// [`Error::Range`]; [`Error::Full`], [`Error::NoSpace`], [`Error::NoMemory`]: nothing has changed;
    /// [`Error::TooBig`]; [`Error::NotFound`] if the value refers to a container that is gone.
    #[inline(always)]
    pub fn set(&self, index: i64, value: &Encoded) -> Result<()> {
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            let index = within(index, op.at.len(tx)?)?;
            let at = body::array(op.at).element(tx, index)?;
            let held = container::hold(tx, op.id(), value)?;
            slot::replace(tx, op.id(), at, &held)
        });
        self.0.leave(op, done)
    }

    /// As [`List::set`], for the holder of a lock with that fencing token.
    ///
    /// # Errors
    /// As [`dict::Dict::set_if_token`], [`List::set`].
    pub fn set_if_token(&self, index: i64, value: &Encoded, token: u64) -> Result<()> {
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            op.fence(tx, token)?;
            let index = within(index, op.at.len(tx)?)?;
            let at = body::array(op.at).element(tx, index)?;
            let held = container::hold(tx, op.id(), value)?;
            slot::replace(tx, op.id(), at, &held)
        });
        self.0.leave(op, done)
    }

    /// Appends an element.
    ///
    /// # Errors
    /// As [`List::set`].
    #[inline(always)]
    pub fn append(&self, value: &Encoded) -> Result<()> {
        let op = self.0.enter()?;
        op.change(|tx| body::append(tx, op.id(), op.at, value))
    }

    /// As [`List::append`], for the holder of a lock with that fencing token.
    ///
    /// # Errors
    /// As [`dict::Dict::set_if_token`], [`List::append`].
    pub fn append_if_token(&self, value: &Encoded, token: u64) -> Result<()> {
        let op = self.0.enter()?;
        op.change(|tx| {
            op.fence(tx, token)?;
            body::append(tx, op.id(), op.at, value)
        })
    }

    /// Appends the elements of a plain list, all or none.
    ///
    /// # Errors
    /// As [`List::set`]; [`Error::Invalid`] if it is no list.
    pub fn extend(&self, list: &[u8]) -> Result<()> {
        self.extend_with(&elements(list)?)
    }

    /// Appends datums, all or none.
    pub(crate) fn extend_with(&self, values: &[Encoded]) -> Result<()> {
        self.whole(|op| body::adopt(op, body::staged(op, values)?))
    }

    /// Appends the elements of another shared list, or of this one, as they are at one moment; all or none.
    ///
    /// # Errors
    /// As [`List::set`]; [`Error::Type`] if there are containers among the elements of a list in another arena.
    pub fn extend_from(&self, other: &List) -> Result<()> {
        if !self.0.is_beside(&other.0) {
            let theirs = other.snapshot()?;
            let values: Vec<Encoded> = (0..theirs.len()).filter_map(|i| theirs.get(i).1.map(Encoded::stored)).collect();
            let is_theirs = |value: &Encoded| match value.special() {
                datum::Special::Reference(reference) => reference.arena == other.reference().arena,
                _ => false,
            };
            if values.iter().any(is_theirs) {
                return Err(Error::Type("a container cannot leave its arena"));
            }
            return self.extend_with(&values);
        }
        let theirs = other.reference();
        self.whole(|op| {
            let tx = op.look();
            let (from, _) = container::place(op.id(), theirs)
                .and_then(|at| At::look_up(&tx, at, theirs.generation))
                .ok_or(Error::NotFound("the container"))?;
            let all = encodings(op, from, 0, from.len(&tx)?)?;
            let values: Vec<Encoded> = all.iter().map(|bytes| Encoded::stored(bytes)).collect();
            body::adopt(op, body::staged(op, &values)?)
        })
    }

    /// Inserts an element before an index, which is clipped to the list.
    ///
    /// # Errors
    /// As [`List::set`].
    pub fn insert(&self, index: i64, value: &Encoded) -> Result<()> {
        let op = self.0.enter()?;
        let at = |len: u64| slice::clip(index, len);
        let near = op.change(|tx| {
            let len = op.at.len(tx)?;
            body::insert_near_end(tx, op.id(), op.at, at(len), value)
        })?;
        drop(op);
        if near {
            return Ok(());
        }
        self.whole(|op| {
            let (old, staged) = (self.slots(op)?, body::staged(op, std::slice::from_ref(value))?);
            let at = at(old.len() as u64) as usize;
            let new = spliced(&old, at..at, &body::slots(&op.look(), staged, 0, 1)?)?;
            body::rebuild(op, &old, &new, &[], Some(staged))
        })
    }

    /// Takes an element out, and hands it to `f` before; if that fails, it stays.
    ///
    /// # Errors
    /// [`Error::Range`]; those of `f`; as [`List::set`], if it is far from the end.
    pub fn pop<R>(&self, index: i64, f: impl FnOnce(&Stored) -> Result<R>) -> Result<R> {
        let mut handing = Handing::new(f);
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            let len = op.at.len(tx)?;
            let index = within(index, len)?;
            let (at, datum_len) = element(tx, op.at, index)?;
            handing.hand(|f| f(&Stored::new(tx.heap.region(), at, datum_len)))?;
            if index + 1 == len {
                return body::pop(tx, op.id(), op.at, len).map(|()| None);
            }
            Ok((!body::remove_near_end(tx, op.id(), op.at, index)?).then_some(index))
        });
        let done = match handing.end(done) {
            Ok((Some(far), answer)) => op.whole(|op| self.without(op, &[far])).map(|()| answer),
            Ok((None, answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        self.0.leave(op, done)
    }

    /// Takes an element out.
    ///
    /// # Errors
    /// As [`List::pop`].
    pub fn delete(&self, index: i64) -> Result<()> {
        self.pop(index, |_| Ok(()))
    }

    /// Takes the first element out that is equal to a datum.
    ///
    /// # Errors
    /// [`Error::NotFound`]; as [`List::set`].
    pub fn remove(&self, value: &Encoded) -> Result<()> {
        let op = self.0.enter()?;
        let done = self.find(&op, value, 0, MOST).and_then(|found| {
            let index = found.ok_or(NOT_THERE)?;
            match op.change(|tx| body::remove_near_end(tx, op.id(), op.at, index))? {
                true => Ok(()),
                false => op.whole(|op| self.without(op, &[index])),
            }
        });
        self.0.leave(op, done)
    }

    /// The index of the first element that is equal to a datum, within a range that is clipped to the list.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn index(&self, value: &Encoded, start: i64, stop: i64) -> Result<u64> {
        let op = self.0.enter()?;
        let len = op.at.len(&op.look())?;
        self.find(&op, value, slice::clip(start, len), slice::clip(stop, len))?.ok_or(NOT_THERE)
    }

    /// How many elements are equal to a datum.
    ///
    /// # Errors
    /// As [`List::len`].
    pub fn count(&self, value: &Encoded) -> Result<u64> {
        let op = self.0.enter()?;
        let mut count = 0;
        self.each_equal(&op, value, 0, MOST, |_| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    /// Turns the order round.
    ///
    /// # Errors
    /// As [`List::set`].
    pub fn reverse(&self) -> Result<()> {
        self.whole(|op| {
            let old = self.slots(op)?;
            let mut new = spliced(&old, 0..0, &[])?;
            new.reverse();
            body::rebuild(op, &old, &new, &[], None)
        })
    }

    /// Sorts, stably: numbers by value, text and bytes by their bytes, lists element by element.
    ///
    /// # Errors
    /// [`Error::Type`] if two elements cannot be compared; as [`List::set`]. Nothing has changed then.
    pub fn sort(&self, descending: bool) -> Result<()> {
        self.whole(|op| {
            let (slots, len) = (self.slots(op)?, op.at.len(&op.look())?);
            let all = encodings(op, op.at, 0, len)?;
            let datums =
                all.iter().map(|bytes| datum::decode(bytes)).collect::<Result<Vec<_>>>().map_err(|_| GARBAGE)?;
            let mut order: Vec<usize> = (0..slots.len()).collect();
            let mut mixed = false;
            order.sort_by(|&a, &b| {
                let order = datum::order_of(&datums[a], &datums[b], &mut mixed);
                if descending {
                    order.reverse()
                } else {
                    order
                }
            });
            if mixed {
                return Err(Error::Type("a list with elements that have no order among each other"));
            }
            let sorted: Vec<Slot> = order.into_iter().map(|i| slots[i]).collect();
            body::rebuild(op, &slots, &sorted, &[], None)
        })
    }

    /// Makes it as if it were appended to itself so often: 0 empties it.
    ///
    /// # Errors
    /// As [`List::set`].
    pub fn repeat(&self, times: u64) -> Result<()> {
        if times == 0 {
            return self.clear();
        }
        self.whole(|op| {
            let len = op.at.len(&op.look())?;
            if len.checked_mul(times).is_none_or(|n| n > op.most_elements()) {
                return Err(Error::Full("a list with so many elements"));
            }
            let all = encodings(op, op.at, 0, len)?;
            let values: Vec<Encoded> = all.iter().map(|bytes| Encoded::stored(bytes)).collect();
            let staged = body::staged(op, &[])?;
            for value in values.iter().cycle().take(values.len() * (times - 1) as usize) {
                op.step(|tx| body::append(tx, op.id(), staged, value))?;
            }
            body::adopt(op, staged)
        })
    }

    /// Takes all elements out, at once.
    ///
    /// # Errors
    /// As [`List::len`].
    pub fn clear(&self) -> Result<()> {
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            let len = op.at.len(tx)?;
            if body::array(op.at).room(tx)? == 0 {
                return Ok(());
            }
            let trash = At::new(tx, Kind::List, 0)?;
            body::array(op.at).exchange(tx, body::array(trash))?;
            op.at.set_len(tx, 0)?;
            trash.set_len(tx, len)
        });
        self.0.leave(op, done)
    }

    /// A copy of the elements of a slice, as they are at one moment. Start, stop and step are Python's; `None` is left
    /// out.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the step is 0; as [`List::len`].
    pub fn slice(&self, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<Snapshot> {
        let op = self.0.enter()?;
        let tx = op.look();
        let slice = Slice::new(start, stop, step, op.at.len(&tx)?)?;
        op.plausible(slice.len(), slot::WIDTH as u64)?;
        let (mut snapshot, mut bytes) = (Snapshot::new(What::Values), Vec::new());
        for index in slice.indices() {
            let (at, len) = element(&tx, op.at, index).map_err(|e| op.noted(e))?;
            op.plausible_bytes(&mut bytes, len)?;
            tx.heap.region().read_into(at, &mut bytes)?;
            snapshot.push(&[], &bytes)?;
            op.plausible_sum(snapshot.bytes())?;
        }
        Ok(snapshot)
    }

    /// A copy of all elements, as they are at one moment.
    ///
    /// # Errors
    /// As [`List::len`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.slice(None, None, 1)
    }

    /// Replaces a slice by the elements of a plain list, all or nothing. With a step other than 1 both have the same
    /// length.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they do not, if the step is 0, or it is no list; as [`List::set`].
    pub fn slice_set(&self, start: Option<i64>, stop: Option<i64>, step: i64, list: &[u8]) -> Result<()> {
        let values = elements(list)?;
        self.whole(|op| {
            let slots = self.slots(op)?;
            let slice = Slice::new(start, stop, step, slots.len() as u64)?;
            if step != 1 && slice.len() != values.len() as u64 {
                return Err(Error::invalid("a slice with a step takes as many elements as it has"));
            }
            let staged = body::staged(op, &values)?;
            let new = body::slots(&op.look(), staged, 0, values.len() as u64)?;
            let gone: Vec<Slot> = slice.indices().map(|i| slots[i as usize]).collect();
            let content = if step == 1 {
                let from = slice.first() as usize;
                spliced(&slots, from..from + gone.len(), &new)?
            } else {
                let mut content = spliced(&slots, 0..0, &[])?;
                for (index, slot) in slice.indices().zip(new) {
                    content[index as usize] = slot;
                }
                content
            };
            body::rebuild(op, &slots, &content, &gone, Some(staged))
        })
    }

    /// Takes a slice out, all or nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the step is 0; as [`List::set`].
    pub fn slice_delete(&self, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<()> {
        self.whole(|op| {
            let slice = Slice::new(start, stop, step, op.at.len(&op.look())?)?;
            let mut indices: Vec<u64> = slice.indices().collect();
            indices.sort_unstable();
            if indices.is_empty() {
                return Ok(());
            }
            self.without(op, &indices)
        })
    }

    /// Adds to a number; the sum.
    ///
    /// # Errors
    /// [`Error::Range`]; [`Error::Type`] if one of the two is no number; [`Error::Overflow`].
    pub fn add(&self, index: i64, delta: &Datum) -> Result<Datum<'static>> {
        let op = self.0.enter()?;
        op.change(|tx| {
            let index = within(index, op.at.len(tx)?)?;
            let at = body::array(op.at).element(tx, index)?;
            let (datum_at, len) = slot::datum(tx, at)?;
            let sum = dict::add(tx, datum_at, len, delta)?;
            let encoded = sum.encode()?;
            let held = container::hold(tx, op.id(), &encoded)?;
            slot::replace(tx, op.id(), at, &held)?;
            Ok(sum)
        })
    }

    /// Replaces an element by `desired` if it is `expected`; whether it was.
    ///
    /// # Errors
    /// As [`List::set`].
    pub fn compare_exchange(&self, index: i64, expected: &Encoded, desired: &Encoded) -> Result<bool> {
        if matches!(expected.special(), datum::Special::Absent | datum::Special::New(_)) {
            return Err(Error::invalid("no element is nothing"));
        }
        let op = self.0.enter()?;
        let done = op.change(|tx| {
            let index = within(index, op.at.len(tx)?)?;
            let at = body::array(op.at).element(tx, index)?;
            let (datum_at, len) = slot::datum(tx, at)?;
            if !dict::equals(tx, datum_at, len, expected)? {
                return Ok(false);
            }
            let held = container::hold(tx, op.id(), desired)?;
            slot::replace(tx, op.id(), at, &held)?;
            Ok(true)
        });
        self.0.leave(op, done)
    }

    /// Goes through the elements as they are, by index, until the end as it is then. It fetches some ahead.
    ///
    /// # Errors
    /// As [`List::len`].
    pub fn iter(&self) -> Result<ListIter> {
        Ok(ListIter { list: self.0.clone(), batch: Snapshot::new(What::Values), next: 0, first: 0 })
    }

    /// Adds its content, a list, to a builder: see [`dict::Dict::copy`].
    ///
    /// # Errors
    /// As [`dict::Dict::copy`].
    pub fn copy(&self, deep: bool, into: &mut Builder) -> Result<()> {
        let op = self.0.enter()?;
        container::copy(&op, deep, into).map_err(|e| op.noted(e))
    }

    fn slots(&self, op: &Operation) -> Result<Vec<Slot>> {
        let tx = op.look();
        let len = op.at.len(&tx)?;
        op.plausible(len, slot::WIDTH as u64)?;
        body::slots(&tx, op.at, 0, len).map_err(|e| op.noted(e))
    }

    /// The list without these elements, in ascending order.
    fn without(&self, op: &Operation, gone: &[u64]) -> Result<()> {
        let slots = self.slots(op)?;
        let mut rest = container::vec_for(slots.len())?;
        let mut from = 0;
        for &index in gone {
            rest.extend_from_slice(&slots[from..index as usize]);
            from = index as usize + 1;
        }
        rest.extend_from_slice(&slots[from..]);
        let gone: Vec<Slot> = gone.iter().map(|&i| slots[i as usize]).collect();
        body::rebuild(op, &slots, &rest, &gone, None)
    }

    fn find(&self, op: &Operation, value: &Encoded, from: u64, to: u64) -> Result<Option<u64>> {
        let mut found = None;
        self.each_equal(op, value, from, to, |index| {
            found = Some(index);
            false
        })?;
        Ok(found)
    }

    /// Goes through the elements in a range that are equal to a datum, until `f` says no.
    fn each_equal(
        &self,
        op: &Operation,
        value: &Encoded,
        from: u64,
        to: u64,
        mut f: impl FnMut(u64) -> bool,
    ) -> Result<()> {
        let tx = op.look();
        let to = op.at.len(&tx)?.min(to);
        for index in from..to {
            if index - from == PLAUSIBLE {
                op.plausible(to, slot::WIDTH as u64)?;
            }
            let (at, len) = element(&tx, op.at, index).map_err(|e| op.noted(e))?;
            if dict::equals(&tx, at, len, value)? && !f(index) {
                break;
            }
        }
        Ok(())
    }

    /// An operation of several changes, of which only the last one is seen; if there is no room, once more after room was
    /// made.
    fn whole(&self, f: impl FnMut(&Operation) -> Result<()>) -> Result<()> {
        let op = self.0.enter()?;
        let done = op.whole(f);
        if done.is_err() {
            body::trim(&op);
        }
        self.0.leave(op, done)
    }
}

const NOT_THERE: Error = Error::NotFound("the element");
const GARBAGE: Error = Error::Corrupt("a stored datum makes no sense");

/// An index within a list of a length.
#[inline]
fn within(index: i64, len: u64) -> Result<u64> {
    let absolute = if index < 0 { len.checked_sub(index.unsigned_abs()) } else { Some(index as u64) };
    match absolute {
        Some(absolute) if absolute < len => Ok(absolute),
        _ => Err(Error::Range { index: index.unsigned_abs() as usize, len: len as usize }),
    }
}

/// A copy of slots with others in the place of some.
fn spliced(slots: &[Slot], range: Range<usize>, by: &[Slot]) -> Result<Vec<Slot>> {
    let mut spliced = container::vec_for(slots.len() + by.len())?;
    spliced.extend_from_slice(&slots[..range.start]);
    spliced.extend_from_slice(by);
    spliced.extend_from_slice(&slots[range.end..]);
    Ok(spliced)
}

/// Where an element's datum is, and how many bytes it has.
#[inline]
pub(super) fn element(tx: &Tx, list: At, index: u64) -> Result<(usize, usize)> {
    slot::datum(tx, body::array(list).element(tx, index)?)
}

/// The elements of a plain list.
fn elements(list: &[u8]) -> Result<Vec<Encoded<'_>>> {
    let items = Items::new(list)?;
    if items.is_map() {
        return Err(Error::invalid("a map where a list is wanted"));
    }
    items.map(|datum| datum?.encode()).collect()
}

/// Copies of elements.
fn encodings(op: &Operation, list: At, from: u64, to: u64) -> Result<Vec<Vec<u8>>> {
    let tx = op.look();
    op.plausible(to - from, slot::WIDTH as u64)?;
    let (mut all, mut sum) = (container::vec_for((to - from) as usize)?, 0);
    for index in from..to {
        let (at, len) = element(&tx, list, index).map_err(|e| op.noted(e))?;
        all.push(op.read(at, len)?);
        sum += len;
        op.plausible_sum(sum)?;
    }
    Ok(all)
}

/// Appends to an inner list.
pub(super) fn append(tx: &mut Tx, arena: u64, list: At, value: &Encoded) -> Result<()> {
    body::append(tx, arena, list, value)
}

/// Frees one thing of a list that is being freed; `false` if nothing is left.
pub(super) fn drop_last(tx: &mut Tx, arena: u64, list: At) -> Result<bool> {
    match list.len(tx)? {
        0 => body::array(list).shrink(tx, 0),
        len if crash::mutant(Mutant::ShallowFree) => list.set_len(tx, len - 1).map(|()| true),
        len => {
            let at = body::array(list).element(tx, len - 1)?;
            slot::release(tx, arena, at)?;
            list.set_len(tx, len - 1)?;
            Ok(true)
        }
    }
}

/// The blocks of a list: its array's, and with each element's datum its own, if it has one.
pub(super) fn blocks(
    tx: &Tx,
    list: At,
    mut block: impl FnMut(usize) -> Result<()>,
    mut datum: impl FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    body::array(list).blocks(tx, &mut block)?;
    for index in 0..list.len(tx)? {
        let (at, len) = element(tx, list, index)?;
        if let Some(own) = slot::block_of(&slot::read(tx, body::array(list).element(tx, index)?)?) {
            block(own)?;
        }
        datum(at, len)?;
    }
    Ok(())
}

/// Goes through a list's elements as they are: see [`List::iter`].
pub struct ListIter {
    list: Arc<Container>,
    batch: Snapshot,
    next: usize,
    /// The index of the first one of the batch.
    first: u64,
}

impl ListIter {
    /// The next element and its index; `None` at the end.
    ///
    /// # Errors
    /// As [`List::len`].
    #[allow(clippy::should_implement_trait)] // what it returns is borrowed from it
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        if self.next == self.batch.len() {
            let from = self.first + self.next as u64;
            let batch = List(self.list.clone()).slice(Some(from as i64), Some((from + BATCH) as i64), 1)?;
            (self.batch, self.first, self.next) = (batch, from, 0);
        }
        let index = self.next;
        match self.batch.get(index) {
            (_, Some(value)) => {
                self.next += 1;
                Ok(Some((self.first + index as u64, value)))
            }
            _ => Ok(None),
        }
    }

    /// The same one, at an index.
    pub(crate) fn at(&self, first: u64) -> ListIter {
        ListIter { list: self.list.clone(), batch: Snapshot::default(), next: 0, first }
    }

    /// Whether the next one has been fetched already.
    pub(crate) fn is_ahead(&self) -> bool {
        self.next < self.batch.len()
    }
}
