//! A dict's items and how they are found: a block each, in a chain of its bucket and in the order of insertion.
//!
//! The buckets grow one at a time (linear hashing, Litwin, VLDB 1980): a new item splits one bucket, so that no insertion
//! ever has to move them all.

use crate::objects::container::header::{self, At};
use crate::objects::container::{Array, Held, MOST};
use crate::objects::datum::{self, Encoded};
use crate::shm::arena::layout::UNIT;
use crate::shm::arena::Tx;
use crate::shm::Region;
use crate::{Error, Result};

/// A link: the next one in the bucket.
const CHAIN: usize = 0;
/// u64: the one inserted before.
pub(super) const BEFORE: usize = 8;
/// u64: the one inserted after.
pub(super) const AFTER: usize = 16;
/// u64: the hash above, the key's length below.
const KEY: usize = 24;
/// u64: the value's room above, its length below.
const VALUE: usize = 32;
/// The key's bytes; at the next multiple of 8 after them the value's.
pub(super) const BYTES: usize = 40;

/// Of a key and its value only one can be as long as that; so many bytes may stand beside it.
const BESIDE: usize = 1 << 20;
/// Buckets of a small dict.
const BUCKETS: u64 = 8;
/// Longer chains are garbage, or the work of somebody who knows the seed.
const CHAIN_MOST: usize = 4096;
/// Longer chains are not split or joined: the journal is short.
const SPLIT_MOST: usize = 64;
/// Longer values are not overwritten in place: the journal is short.
const IN_PLACE: usize = 2048;

/// A key and its hash.
pub(crate) struct Key<'a> {
    head: &'a [u8],
    body: &'a [u8],
    hash: u32,
}

impl<'a> Key<'a> {
    /// Of a datum as [`Datum::encode`] makes it: what is its head and what its body goes into the hash.
    #[inline]
    pub(crate) fn new(seed: u64, datum: &'a Encoded) -> Key<'a> {
        let (head, body) = (datum.head(), datum.body());
        Key { head, body, hash: hash(seed, head, body) }
    }

    #[inline]
    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    #[inline]
    fn word(&self) -> u64 {
        u64::from(self.hash) << 32 | self.len() as u64
    }

    #[inline]
    fn is_at(&self, region: &Region, at: usize) -> Result<bool> {
        Ok(region.matches(at, self.head)? && region.matches(at + self.head.len(), self.body)?)
    }
}

/// A stored key, as it was encoded.
pub(super) fn encoded(bytes: &[u8]) -> Result<Encoded<'_>> {
    datum::decode(bytes).and_then(|key| key.encode()).map_err(|_| Error::Corrupt("a stored key makes no sense"))
}

/// Mixes eight bytes at a time by a multiplication of which both halves count (after wyhash, Wang Yi). The seed is the
/// arena's secret, so that keys which collide cannot be found from outside.
#[inline]
fn hash(seed: u64, head: &[u8], body: &[u8]) -> u32 {
    let mix = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    // A head has at most 9 bytes; for a body they say what it is and how long, which its length says again.
    let mut state = seed ^ body.len() as u64;
    for &byte in head {
        state = state.rotate_left(8) ^ u64::from(byte);
    }
    state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let step = |state: u64, word: &[u8; 8]| mix(state ^ u64::from_le_bytes(*word), 0xe703_7ed1_a0b4_28db ^ seed);
    match body.last_chunk::<8>() {
        None => state = step(state, &short(body)),
        Some(last) => {
            let mut rest = body;
            while let (Some((word, more)), true) = (rest.split_first_chunk::<8>(), rest.len() > 8) {
                state = step(state, word);
                rest = more;
            }
            // The last eight, some of them again.
            state = step(state, last);
        }
    }
    (mix(state, 0x5899_65cc_7537_4cc3 ^ seed) >> 16) as u32
}

/// Fewer than eight bytes in a word.
#[inline]
fn short(bytes: &[u8]) -> [u8; 8] {
    let mut word = 0u64;
    for &byte in bytes {
        word = word << 8 | u64::from(byte);
    }
    word.to_le_bytes()
}

/// What leads to an item: from a bucket, or from the item before it in its chain. Beside the place it has bits of the
/// item's hash, and whether its chain ends there: so an item that is not looked for is mostly not touched, neither by
/// whoever looks for another nor when its bucket is split.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link(u64);

impl Link {
    /// No item.
    const NONE: Link = Link(0);
    /// Bits for the place, in units of 16 bytes: 1 TiB and more.
    const PLACE: u32 = 37;
    /// The item is the last one of its chain.
    const LAST: u64 = 1 << Link::PLACE;
    /// Above that, the low bits of the hash.
    const HASH: u32 = Link::PLACE + 1;
    /// How many.
    const HASH_BITS: u32 = 64 - Link::HASH;

    fn new(item: usize, hash: u32, last: bool) -> Link {
        let last = if last { Link::LAST } else { 0 };
        Link((item / UNIT) as u64 | last | u64::from(hash) << Link::HASH)
    }

    #[inline]
    fn item(self) -> usize {
        (self.0 & (Link::LAST - 1)) as usize * UNIT
    }

    #[inline]
    fn is_last(self) -> bool {
        self.0 & Link::LAST != 0
    }

    #[inline]
    fn may_be(self, hash: u32) -> bool {
        (self.0 ^ u64::from(hash) << Link::HASH) >> Link::HASH == 0
    }

    /// The bucket of the item among so many.
    fn bucket(self, tx: &Tx, count: u64) -> Result<u64> {
        if count <= 1 << Link::HASH_BITS {
            return Ok(bucket((self.0 >> Link::HASH) as u32, count));
        }
        Ok(bucket(Item(self.item()).hash(tx)?, count))
    }

    /// The same, with or without others behind it.
    fn ending(self, last: bool) -> Link {
        Link(if last { self.0 | Link::LAST } else { self.0 & !Link::LAST })
    }
}

/// An item, where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item(pub usize);

/// An item, where the link to it is, and where the link before that, if it is not the first of its chain.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub item: Item,
    at: usize,
    before: Option<usize>,
}

fn buckets(dict: At) -> Array {
    Array::new(dict.0 + header::AT_ARRAY, 8)
}

/// The bucket of a hash among so many.
#[inline]
fn bucket(hash: u32, count: u64) -> u64 {
    // All ones, as many as it takes to count so far.
    let mask = u64::MAX >> (count - 1).max(1).leading_zeros();
    let bucket = u64::from(hash) & mask;
    if bucket < count {
        bucket
    } else {
        bucket & (mask >> 1)
    }
}

fn round8(n: usize) -> usize {
    (n + 7) & !7
}

impl Item {
    /// The key: where, and how many bytes.
    #[inline]
    pub(crate) fn key(self, tx: &Tx) -> Result<(usize, usize)> {
        Ok((self.0 + BYTES, tx.get(self.0 + KEY)? as u32 as usize))
    }

    pub(crate) fn hash(self, tx: &Tx) -> Result<u32> {
        Ok((tx.get(self.0 + KEY)? >> 32) as u32)
    }

    /// The value: where, and how many bytes.
    #[inline]
    pub(crate) fn value(self, tx: &Tx) -> Result<(usize, usize)> {
        let words = tx.words::<{ BYTES / 8 }>(self.0)?;
        let key_len = words.at::<KEY>() as u32 as usize;
        Ok((self.0 + BYTES + round8(key_len), words.at::<VALUE>() as u32 as usize))
    }

    pub(crate) fn before(self, tx: &Tx) -> Result<usize> {
        tx.place(self.0 + BEFORE)
    }

    #[inline]
    pub(crate) fn after(self, tx: &Tx) -> Result<usize> {
        tx.place(self.0 + AFTER)
    }
}

/// Looks a key up.
#[inline]
pub(super) fn find(tx: &Tx, dict: At, key: &Key) -> Result<Option<Found>> {
    let header = tx.words::<{ header::SIZE / 8 }>(dict.0)?;
    let (count, room) = (header.at::<{ header::AT_BUCKETS }>(), header.at::<{ header::AT_ROOM }>());
    if count == 0 {
        return Ok(None);
    }
    let base = header.at::<{ header::AT_ARRAY }>() as usize;
    let mut at = buckets(dict).element_of(tx, base, room, bucket(key.hash, count))?;
    let mut link = Link(tx.get(at)?);
    let mut before = None;
    for _ in 0..CHAIN_MOST {
        if link == Link::NONE {
            return Ok(None);
        }
        let item = link.item();
        if link.may_be(key.hash) {
            // Where the value is, most probably.
            tx.heap.region().prefetch::<false>(item + 64);
            let words = tx.words::<{ BYTES / 8 }>(item)?;
            if words.at::<KEY>() == key.word() && key.is_at(tx.heap.region(), item + BYTES)? {
                return Ok(Some(Found { item: Item(item), at, before }));
            }
        }
        if link.is_last() {
            return Ok(None);
        }
        (before, at) = (Some(at), item + CHAIN);
        link = Link(tx.get(at)?);
    }
    Err(Error::Corrupt("a bucket's chain does not end"))
}

/// Inserts a key that is not there, at the end.
pub(super) fn insert(tx: &mut Tx, dict: At, key: &Key, value: &Held) -> Result<Item> {
    let count = match tx.get(dict.0 + header::AT_BUCKETS)? {
        0 => {
            buckets(dict).grow(tx)?;
            for index in 0..BUCKETS {
                let at = buckets(dict).element(tx, index)?;
                tx.fresh(at, 0)?;
            }
            tx.put(dict.0 + header::AT_BUCKETS, BUCKETS)?;
            BUCKETS
        }
        count if dict.len(tx)? >= count => split(tx, dict, count)?,
        count => count,
    };
    let item = fresh(tx, key.len(), value)?;
    tx.heap.region().write(item + BYTES, key.head)?;
    tx.heap.region().write(item + BYTES + key.head.len(), key.body)?;
    tx.fresh(item + KEY, key.word())?;
    let at = buckets(dict).element(tx, bucket(key.hash, count))?;
    let chain = Link(tx.get(at)?);
    tx.fresh(item + CHAIN, chain.0)?;
    tx.put(at, Link::new(item, key.hash, chain == Link::NONE).0)?;
    let last = tx.place(dict.0 + header::AT_LAST)?;
    tx.fresh(item + BEFORE, last as u64)?;
    tx.fresh(item + AFTER, 0)?;
    if last == 0 {
        tx.put(dict.0 + header::AT_FIRST, item as u64)?;
    } else {
        tx.put(last + AFTER, item as u64)?;
    }
    tx.put(dict.0 + header::AT_LAST, item as u64)?;
    // Length and version stand side by side: one record.
    tx.save(dict.0 + header::AT_LEN, 2)?;
    let (len, version) = (dict.len(tx)?, tx.get(dict.0 + header::AT_VERSION)?);
    tx.fresh(dict.0 + header::AT_LEN, len + 1)?;
    tx.fresh(dict.0 + header::AT_VERSION, version.wrapping_add(1))?;
    Ok(Item(item))
}

/// A block for an item, with its value.
fn fresh(tx: &mut Tx, key_len: usize, value: &Held) -> Result<usize> {
    // So that there is room in the journal for allocating it and freeing the one before.
    let len = key_len + value.len();
    if key_len > MOST || len > MOST + BESIDE {
        return Err(Error::TooBig { len, max: MOST });
    }
    let at = BYTES + round8(key_len);
    let item = tx.alloc(at + value.len())?;
    let room = tx.room(item)? - at;
    tx.fresh(item + VALUE, (room as u64) << 32 | value.len() as u64)?;
    value.write(tx, item + at)?;
    Ok(item)
}

/// Overwrites an item's value, which refers to nothing any more; the item may move.
#[inline]
pub(super) fn overwrite(tx: &mut Tx, dict: At, found: Found, value: &Held) -> Result<()> {
    let item = found.item;
    let words = tx.words::<{ BYTES / 8 }>(item.0)?;
    let sizes = words.at::<VALUE>();
    let (room, old, len) = ((sizes >> 32) as usize, sizes as u32 as usize, value.len());
    // Not in a large block that it would keep.
    if len <= room && len <= IN_PLACE && room <= IN_PLACE.max(2 * len) {
        let at = item.0 + BYTES + round8(words.at::<KEY>() as u32 as usize);
        tx.save(at, len.div_ceil(8))?;
        value.write(tx, at)?;
        if old != len {
            tx.put(item.0 + VALUE, (room as u64) << 32 | len as u64)?;
        }
        return Ok(());
    }
    replace(tx, dict, found, value)
}

/// As [`overwrite`], with a new block.
#[cold]
fn replace(tx: &mut Tx, dict: At, found: Found, value: &Held) -> Result<()> {
    let item = found.item;
    let (key_at, key_len) = item.key(tx)?;
    let new = fresh(tx, key_len, value)?;
    let region = tx.heap.region();
    region.copy(key_at, new + BYTES, key_len)?;
    for word in [CHAIN, BEFORE, AFTER, KEY] {
        let old = tx.get(item.0 + word)?;
        tx.fresh(new + word, old)?;
    }
    let (link, hash) = (Link(tx.get(found.at)?), item.hash(tx)?);
    tx.put(found.at, Link::new(new, hash, link.is_last()).0)?;
    let (before, after) = (tx.place(item.0 + BEFORE)?, tx.place(item.0 + AFTER)?);
    let from_before = if before == 0 { dict.0 + header::AT_FIRST } else { before + AFTER };
    let from_after = if after == 0 { dict.0 + header::AT_LAST } else { after + BEFORE };
    tx.put(from_before, new as u64)?;
    tx.put(from_after, new as u64)?;
    tx.free(item.0)
}

/// Takes an item out, whose value refers to nothing any more.
pub(super) fn remove(tx: &mut Tx, dict: At, found: Found) -> Result<()> {
    let item = found.item.0;
    let chain = tx.get(item + CHAIN)?;
    tx.put(found.at, chain)?;
    if let (true, Some(before)) = (Link(chain) == Link::NONE, found.before) {
        let link = Link(tx.get(before)?);
        tx.put(before, link.ending(true).0)?;
    }
    let (before, after) = (tx.place(item + BEFORE)?, tx.place(item + AFTER)?);
    let from_before = if before == 0 { dict.0 + header::AT_FIRST } else { before + AFTER };
    let from_after = if after == 0 { dict.0 + header::AT_LAST } else { after + BEFORE };
    tx.put(from_before, after as u64)?;
    tx.put(from_after, before as u64)?;
    let len = dict.len(tx)?.saturating_sub(1);
    dict.set_len(tx, len)?;
    dict.changed(tx)?;
    tx.free(item)?;
    for _ in 0..3 {
        let count = tx.get(dict.0 + header::AT_BUCKETS)?;
        if count <= BUCKETS || len * 4 >= count || !join(tx, dict, count - 1)? {
            break;
        }
    }
    Ok(())
}

/// Takes the last item out of a dict that is being freed, of which nobody looks anything up any more; `false` if there is
/// none.
pub(super) fn remove_last(tx: &mut Tx, dict: At, release: impl FnOnce(&mut Tx, Item) -> Result<()>) -> Result<bool> {
    let last = tx.place(dict.0 + header::AT_LAST)?;
    if last == 0 {
        return buckets(dict).shrink(tx, 0);
    }
    let before = tx.get(last + BEFORE)?;
    tx.put(dict.0 + header::AT_LAST, before)?;
    let len = dict.len(tx)?.saturating_sub(1);
    dict.set_len(tx, len)?;
    release(tx, Item(last))?;
    tx.free(last)?;
    Ok(true)
}

/// The links of a bucket; `None` if they are too many.
fn chain(tx: &Tx, mut at: usize) -> Result<Option<Vec<Link>>> {
    let mut links = Vec::new();
    loop {
        let link = Link(tx.get(at)?);
        if link == Link::NONE {
            return Ok(Some(links));
        }
        if links.len() == SPLIT_MOST {
            return Ok(None);
        }
        links.push(link);
        if link.is_last() {
            return Ok(Some(links));
        }
        at = link.item() + CHAIN;
    }
}

/// Makes a chain of links that begins at a place; writes only what is different.
fn tie(tx: &mut Tx, mut at: usize, links: &[Link], fresh: bool) -> Result<()> {
    let mut fresh = fresh;
    for (i, link) in links.iter().enumerate() {
        let link = link.ending(i + 1 == links.len());
        set_link(tx, at, link, fresh)?;
        (at, fresh) = (link.item() + CHAIN, false);
    }
    // Behind the last one nobody looks, but for who takes it out.
    match links.len() {
        0 => set_link(tx, at, Link::NONE, fresh),
        _ => set_link(tx, at, Link::NONE, false),
    }
}

fn set_link(tx: &mut Tx, at: usize, link: Link, fresh: bool) -> Result<()> {
    if fresh {
        return tx.fresh(at, link.0);
    }
    if tx.get(at)? != link.0 {
        tx.put(at, link.0)?;
    }
    Ok(())
}

/// Adds a bucket, and moves there what belongs there; how many buckets there are now.
fn split(tx: &mut Tx, dict: At, count: u64) -> Result<u64> {
    let array = buckets(dict);
    if count >= array.room(tx)? {
        array.grow(tx)?;
    }
    let old = array.element(tx, count & !(1 << count.ilog2()))?;
    let new = array.element(tx, count)?;
    let only = Link(tx.get(old)?);
    if only == Link::NONE || only.is_last() {
        // Mostly: nothing, or one item, which need not be touched.
        if only != Link::NONE && only.bucket(tx, count + 1)? == count {
            tx.fresh(new, only.0)?;
            tx.put(old, Link::NONE.0)?;
        } else {
            tx.fresh(new, Link::NONE.0)?;
        }
    } else {
        let Some(links) = chain(tx, old)? else { return Ok(count) };
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for link in links {
            if link.bucket(tx, count + 1)? == count {
                go.push(link);
            } else {
                stay.push(link);
            }
        }
        tie(tx, old, &stay, false)?;
        tie(tx, new, &go, true)?;
    }
    tx.put(dict.0 + header::AT_BUCKETS, count + 1)?;
    Ok(count + 1)
}

/// Takes the last bucket away, and moves what is there to where it came from; `false` if that is too much at once.
fn join(tx: &mut Tx, dict: At, last: u64) -> Result<bool> {
    let array = buckets(dict);
    let (from, into) = (array.element(tx, last)?, array.element(tx, last & !(1 << last.ilog2()))?);
    let (Some(moved), Some(mut links)) = (chain(tx, from)?, chain(tx, into)?) else { return Ok(false) };
    if !moved.is_empty() {
        links.extend(moved);
        if links.len() > SPLIT_MOST {
            return Ok(false);
        }
        tie(tx, into, &links, false)?;
    }
    tx.put(dict.0 + header::AT_BUCKETS, last)?;
    array.shrink(tx, last)?;
    Ok(true)
}

/// The blocks of a dict's buckets.
pub(crate) fn bucket_blocks(tx: &Tx, dict: At, f: impl FnMut(usize) -> Result<()>) -> Result<()> {
    buckets(dict).blocks(tx, f)
}

/// Exchanges what two dicts hold.
pub(super) fn exchange(tx: &mut Tx, dict: At, other: At) -> Result<()> {
    buckets(dict).exchange(tx, buckets(other))?;
    for word in [header::AT_LEN, header::AT_FIRST, header::AT_LAST, header::AT_BUCKETS] {
        let (mine, theirs) = (tx.get(dict.0 + word)?, tx.get(other.0 + word)?);
        tx.put(dict.0 + word, theirs)?;
        tx.put(other.0 + word, mine)?;
    }
    dict.changed(tx)
}

/// Whether looking every item up finds it, and there are as many as the dict says: for those who check the heap.
pub(crate) fn check(tx: &Tx, dict: At, seed: u64, most: u64) -> Result<()> {
    let (mut at, mut before, mut count) = (tx.place(dict.0 + header::AT_FIRST)?, 0, 0);
    while at != 0 && count <= most {
        let (key_at, key_len) = Item(at).key(tx)?;
        let bytes = tx.heap.region().read_vec(key_at, key_len)?;
        let key = encoded(&bytes)?;
        let key = Key::new(seed, &key);
        if key.hash != Item(at).hash(tx)? || find(tx, dict, &key)?.is_none_or(|found| found.item.0 != at) {
            return Err(Error::Corrupt("an item of a dict is not found under its key"));
        }
        if tx.place(at + BEFORE)? != before {
            return Err(Error::Corrupt("the order of a dict's items is broken"));
        }
        (before, at, count) = (at, Item(at).after(tx)?, count + 1);
    }
    if count != dict.len(tx)? || tx.place(dict.0 + header::AT_LAST)? != before {
        return Err(Error::Corrupt("a dict has lost count of its items"));
    }
    let mut in_buckets = 0;
    for index in 0..tx.get(dict.0 + header::AT_BUCKETS)?.min(most) {
        let mut at = buckets(dict).element(tx, index)?;
        loop {
            let link = Link(tx.get(at)?);
            if link == Link::NONE || in_buckets > count {
                break;
            }
            (at, in_buckets) = (link.item() + CHAIN, in_buckets + 1);
            if link.is_last() != (Link(tx.get(at)?) == Link::NONE) || !link.may_be(Item(link.item()).hash(tx)?) {
                return Err(Error::Corrupt("a link of a dict's bucket says something else than its item"));
            }
        }
    }
    if in_buckets != count {
        return Err(Error::Corrupt("a dict's buckets and its items disagree"));
    }
    Ok(())
}
