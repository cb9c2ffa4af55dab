//! The heap: blocks of shared memory.
//!
//! Memory is cut into chunks. Small blocks come from slabs, chunks that hold blocks of one size; the state of a slab is
//! one word of its entry in the chunk table: first free block, blocks in use, blocks ever used. Large blocks are runs of
//! chunks, from a buddy system (Knuth, The Art of Computer Programming, vol. 1, 2.5): free runs have a power of two of
//! chunks, begin at a multiple of it, and merge with the neighbour that they were cut from.
//!
//! Everything that is read from the table is checked before it is used: at worst, garbage makes an error.

use super::journal::Tx;
use super::layout::{self, class_of, Use, CHUNK, CLASSES, COMMITTED, ENTRY, ORDERS, TABLE, UNIT};
use super::layout::{AT_COMMITTED, AT_IDLE, AT_INTENT, AT_PARTIAL, AT_RUNS, AT_TABLED, AT_TOP};
use crate::shm::header::{self, Header};
use crate::shm::{Region, Segment, Shape};
use crate::sys::memory;
use crate::{Error, Result};

/// Chunks that stay in memory when they are free, so that memory does not come and go all the time.
const KEEP: u64 = 16;
/// Chunks between two looks at how much memory the machine has left.
const LOOK_EVERY: u64 = 256;

const CORRUPT: Error = Error::Corrupt("the heap's table makes no sense");

/// The memory of an arena.
pub(crate) struct Heap {
    segment: Segment,
    chunks: u32,
    base: usize,
}

/// The shape of an arena's segment.
pub(crate) fn shape(chunks: u32) -> Result<Shape> {
    if !(layout::CHUNKS_LEAST..=layout::CHUNKS_MOST).contains(&u64::from(chunks)) {
        return Err(Error::invalid("an arena has 1 MiB to 1 TiB"));
    }
    Ok(Shape::sparse(layout::len(chunks), layout::FIXED as u64))
}

/// As [`shape`], of a segment that exists.
pub(crate) fn shape_of(h: &Header) -> Result<Shape> {
    shape(h.u32(layout::AT_CHUNKS)).map_err(|_| Error::Corrupt("impossible parameters of an arena"))
}

/// What is in use: counted from the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Blocks.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Heap {
    pub(crate) fn new(segment: Segment, chunks: u32) -> Heap {
        Heap { segment, chunks, base: layout::base(chunks) }
    }

    /// The first words of a new arena.
    pub(crate) fn init(region: &Region) -> Result<()> {
        region.write_u64(AT_TABLED, (header::PAGE / ENTRY) as u64)
    }

    #[inline]
    pub(crate) fn region(&self) -> &Region {
        self.segment.region()
    }

    #[inline]
    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The most bytes it can have.
    pub(crate) fn limit(&self) -> u64 {
        u64::from(self.chunks) * CHUNK as u64
    }

    /// Bytes of memory that it has: nothing in it can have more.
    pub(crate) fn memory(&self) -> Result<u64> {
        let said = self.region().read_u64(AT_COMMITTED)?.saturating_mul(CHUNK as u64);
        Ok(self.segment.allocated().unwrap_or(said).min(self.limit()))
    }

    /// Gives back the slabs that stay although they are empty; whether there were any.
    pub(crate) fn give_empty_slabs(&self) -> Result<bool> {
        let mut any = false;
        for class in 0..CLASSES.len() {
            let list = AT_PARTIAL + class * 8;
            let mut next = self.look().place(list)?;
            for _ in 0..self.chunks {
                if next == 0 {
                    break;
                }
                let chunk = next - 1;
                if chunk >= self.chunks as usize {
                    return Err(self.corrupt("a slab that does not exist"));
                }
                let entry = self.entry(chunk);
                next = self.look().place(entry + 8)? & 0xffff_ffff;
                if slab_state(self.look().get(entry + 16)?).1 == 0 {
                    any = true;
                    self.change(|tx| {
                        tx.unlink(list, chunk)?;
                        tx.put(entry, COMMITTED)?;
                        tx.give_run(chunk, 1)
                    })?;
                }
            }
        }
        Ok(any)
    }

    #[cold]
    pub(crate) fn corrupt(&self, why: &'static str) -> Error {
        self.segment.poison(why)
    }

    #[inline]
    fn entry(&self, chunk: usize) -> usize {
        TABLE + chunk * ENTRY
    }

    #[inline]
    fn start(&self, chunk: usize) -> usize {
        self.base + chunk * CHUNK
    }

    /// The chunk that a block is in.
    #[inline]
    fn chunk_of(&self, at: usize) -> Result<usize> {
        let chunk = at.wrapping_sub(self.base) / CHUNK;
        if at < self.base || chunk >= self.chunks as usize || at % UNIT != 0 {
            return Err(Error::Corrupt("a reference leads out of the heap"));
        }
        Ok(chunk)
    }

    /// Gives back the memory of chunks that have none, according to the table, and that somebody was about to take or
    /// give back.
    pub(super) fn settle(&self) -> Result<()> {
        let region = self.region();
        let intent = region.read_u64(AT_INTENT)?;
        if intent == 0 {
            return Ok(());
        }
        let (first, count) = (intent as u32 as usize, (intent >> 32) as usize);
        if first + count > self.chunks as usize {
            return Err(self.corrupt("chunks that do not exist"));
        }
        let tabled = region.read_u64(AT_TABLED)? as usize;
        let mut from = None;
        for chunk in first..=first + count {
            let bare =
                chunk < first + count && (chunk >= tabled || region.read_u64(self.entry(chunk))? & COMMITTED == 0);
            match (bare, from) {
                (true, None) => from = Some(chunk),
                (false, Some(start)) => {
                    self.segment.give_back(self.start(start), (chunk - start) * CHUNK)?;
                    from = None;
                }
                _ => {}
            }
        }
        region.write_u64(AT_INTENT, 0)
    }

    /// Gives back the memory of chunks that a change which is done has given back.
    pub(super) fn settle_given(&self, given: &[(usize, usize)]) -> Result<()> {
        for &(first, count) in given {
            self.segment.give_back(self.start(first), count * CHUNK)?;
        }
        self.region().write_u64(AT_INTENT, 0)
    }

    /// What is in use.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let tx = self.look();
        for chunk in 0..self.top(&tx)? {
            let entry = self.entry(chunk);
            let word = tx.get(entry)?;
            if word as u8 == Use::Slab as u8 {
                let used = tx.get(entry + 16)? >> 16 & 0xffff;
                usage.blocks += used;
                usage.bytes += used * u64::from(CLASSES[(word >> 8) as u8 as usize % CLASSES.len()]);
            } else if word as u8 == Use::Large as u8 {
                usage.blocks += 1;
                usage.bytes += (tx.get(entry + 24)? & 0xffff_ffff) * CHUNK as u64;
            }
        }
        Ok(usage)
    }

    fn top(&self, tx: &Tx) -> Result<usize> {
        let top = tx.place(AT_TOP)?;
        if top > self.chunks as usize || top as u64 > tx.get(AT_TABLED)? {
            return Err(CORRUPT);
        }
        Ok(top)
    }

    /// Every block that was ever handed out, for those who look for blocks that are lost: where, how many bytes, and whether
    /// it is in use.
    pub(crate) fn each_block(&self, mut f: impl FnMut(usize, usize, bool) -> Result<()>) -> Result<()> {
        let tx = self.look();
        for chunk in 0..self.top(&tx)? {
            let entry = self.entry(chunk);
            let word = tx.get(entry)?;
            if word as u8 == Use::Large as u8 {
                f(self.start(chunk), (tx.get(entry + 24)? & 0xffff_ffff) as usize * CHUNK, true)?;
            } else if word as u8 == Use::Slab as u8 {
                let size = class_size(word)?;
                let (mut free, used, bump) = slab_state(tx.get(entry + 16)?);
                if bump > CHUNK / size || used > bump {
                    return Err(Error::Corrupt("a slab has more blocks than fit"));
                }
                let mut vacant = vec![false; bump];
                while free != 0 {
                    match vacant.get_mut(free - 1) {
                        Some(seen) if !*seen => *seen = true,
                        _ => return Err(Error::Corrupt("a slab's free blocks make no sense")),
                    }
                    free = tx.place(self.start(chunk) + (free - 1) * size)?;
                }
                if vacant.iter().filter(|&&v| v).count() != bump - used {
                    return Err(Error::Corrupt("a slab has lost a free block"));
                }
                for (i, vacant) in vacant.into_iter().enumerate() {
                    f(self.start(chunk) + i * size, size, !vacant)?;
                }
            }
        }
        Ok(())
    }
}

/// First free block plus 1, blocks in use, blocks ever used.
#[inline]
fn slab_state(word: u64) -> (usize, usize, usize) {
    (word as u16 as usize, (word >> 16) as u16 as usize, (word >> 32) as u16 as usize)
}

#[inline]
fn slab_word(free: usize, used: usize, bump: usize) -> u64 {
    free as u64 | (used as u64) << 16 | (bump as u64) << 32
}

#[inline]
fn class_size(word: u64) -> Result<usize> {
    CLASSES.get((word >> 8) as u8 as usize).map(|&size| size as usize).ok_or(CORRUPT)
}

impl Tx<'_> {
    /// A block of at least so many bytes, with any content.
    ///
    /// # Errors
    /// [`Error::Full`]: the arena's limit; [`Error::NoSpace`], [`Error::NoMemory`].
    #[inline]
    pub(crate) fn alloc(&mut self, bytes: usize) -> Result<usize> {
        match class_of(bytes) {
            Some(class) => self.alloc_small(class),
            None => self.alloc_large(bytes.div_ceil(CHUNK)),
        }
    }

    #[inline]
    fn alloc_small(&mut self, class: usize) -> Result<usize> {
        let size = CLASSES[class] as usize;
        let list = AT_PARTIAL + class * 8;
        let chunk = match self.place(list)? {
            0 => self.new_slab(class)?,
            n => n - 1,
        };
        if chunk >= self.heap.chunks as usize {
            return Err(CORRUPT);
        }
        let (entry, start) = (self.heap.entry(chunk), self.heap.start(chunk));
        let (free, used, bump) = slab_state(self.get(entry + 16)?);
        let most = CHUNK / size;
        let (block, free, bump) = match free {
            0 => (bump, 0, bump + 1),
            n => {
                // Its content will be written without a record; the way to the next one stands in it until then.
                let at = start + (n - 1) * size;
                self.save(at, 1)?;
                (n - 1, self.place(at)?, bump)
            }
        };
        if block >= most || bump > most || free > most || used >= most {
            return Err(CORRUPT);
        }
        self.put(entry + 16, slab_word(free, used + 1, bump))?;
        if used + 1 == most {
            self.unlink(list, chunk)?;
        }
        Ok(start + block * size)
    }

    #[cold]
    fn new_slab(&mut self, class: usize) -> Result<usize> {
        let chunk = self.take_run(1)?;
        let entry = self.heap.entry(chunk);
        self.put(entry, Use::Slab as u64 | (class as u64) << 8 | COMMITTED)?;
        self.put(entry + 16, 0)?;
        self.link(AT_PARTIAL + class * 8, chunk)?;
        Ok(chunk)
    }

    #[cold]
    fn alloc_large(&mut self, chunks: usize) -> Result<usize> {
        let chunk = self.take_run(chunks)?;
        let entry = self.heap.entry(chunk);
        self.put(entry, Use::Large as u64 | COMMITTED)?;
        self.put(entry + 24, chunks as u64)?;
        Ok(self.heap.start(chunk))
    }

    /// How many bytes a block has.
    #[inline]
    pub(crate) fn room(&self, at: usize) -> Result<usize> {
        let chunk = self.heap.chunk_of(at)?;
        let entry = self.heap.entry(chunk);
        let word = self.get(entry)?;
        if word as u8 == Use::Slab as u8 {
            return class_size(word);
        }
        let chunks = self.place(entry + 24)? & 0xffff_ffff;
        if word as u8 != Use::Large as u8 || chunk + chunks > self.heap.chunks as usize {
            return Err(CORRUPT);
        }
        Ok(chunks * CHUNK)
    }

    /// Whether a block begins there.
    pub(crate) fn is_block(&self, at: usize) -> bool {
        let Ok(chunk) = self.heap.chunk_of(at) else { return false };
        if chunk >= self.heap.top(self).unwrap_or(0) {
            return false;
        }
        let within = at - self.heap.start(chunk);
        match self.get(self.heap.entry(chunk)) {
            Ok(word) if word as u8 == Use::Slab as u8 => {
                let used = self.get(self.heap.entry(chunk) + 16).map_or(0, |state| slab_state(state).2);
                class_size(word).is_ok_and(|size| within % size == 0 && within / size < used.min(CHUNK / size))
            }
            Ok(word) => word as u8 == Use::Large as u8 && within == 0,
            Err(_) => false,
        }
    }

    /// Gives a block back.
    #[inline]
    pub(super) fn free_now(&mut self, at: usize) -> Result<()> {
        let chunk = self.heap.chunk_of(at)?;
        let (entry, start) = (self.heap.entry(chunk), self.heap.start(chunk));
        let word = self.get(entry)?;
        if word as u8 != Use::Slab as u8 {
            return self.free_large(at, chunk);
        }
        let size = class_size(word)?;
        let block = (at - start) / size;
        let (free, used, bump) = slab_state(self.get(entry + 16)?);
        let most = CHUNK / size;
        if (at - start) % size != 0 || block >= bump || bump > most || used == 0 || used > most {
            return Err(CORRUPT);
        }
        self.put(at, free as u64)?;
        self.put(entry + 16, slab_word(block + 1, used - 1, bump))?;
        let list = AT_PARTIAL + (word >> 8) as u8 as usize * 8;
        if used == most {
            self.link(list, chunk)?;
        } else if used == 1 && (self.place(list)? != chunk + 1 || self.get(entry + 8)? as u32 != 0) {
            // Empty, and not the last one with room.
            self.unlink(list, chunk)?;
            self.put(entry, COMMITTED)?;
            self.give_run(chunk, 1)?;
        }
        Ok(())
    }

    #[cold]
    fn free_large(&mut self, at: usize, chunk: usize) -> Result<()> {
        let entry = self.heap.entry(chunk);
        let (word, chunks) = (self.get(entry)?, self.place(entry + 24)?);
        if word as u8 != Use::Large as u8
            || at != self.heap.start(chunk)
            || chunks == 0
            || chunks > self.heap.chunks as usize - chunk
        {
            return Err(CORRUPT);
        }
        self.put(entry, COMMITTED)?;
        self.give_run(chunk, chunks)
    }

    /// Puts a chunk in front of a list.
    fn link(&mut self, list: usize, chunk: usize) -> Result<()> {
        let next = self.get(list)?;
        if next > u64::from(self.heap.chunks) {
            return Err(CORRUPT);
        }
        self.put(self.heap.entry(chunk) + 8, next)?;
        if next != 0 {
            let at = self.heap.entry(next as usize - 1) + 8;
            let links = self.get(at)?;
            self.put(at, links & 0xffff_ffff | (chunk as u64 + 1) << 32)?;
        }
        self.put(list, chunk as u64 + 1)
    }

    /// Takes a chunk out of its list.
    fn unlink(&mut self, list: usize, chunk: usize) -> Result<()> {
        let links = self.get(self.heap.entry(chunk) + 8)?;
        let (next, previous) = (links & 0xffff_ffff, links >> 32);
        if next.max(previous) > u64::from(self.heap.chunks) {
            return Err(CORRUPT);
        }
        if previous == 0 {
            if self.get(list)? != chunk as u64 + 1 {
                return Err(CORRUPT);
            }
            self.put(list, next)?;
        } else {
            let at = self.heap.entry(previous as usize - 1) + 8;
            let links = self.get(at)?;
            self.put(at, links & !0xffff_ffff | next)?;
        }
        if next != 0 {
            let at = self.heap.entry(next as usize - 1) + 8;
            let links = self.get(at)?;
            self.put(at, links & 0xffff_ffff | previous << 32)?;
        }
        Ok(())
    }

    /// Chunks side by side, with memory.
    fn take_run(&mut self, chunks: usize) -> Result<usize> {
        let order = chunks.next_power_of_two().ilog2() as usize;
        if order >= ORDERS {
            return Err(FULL);
        }
        let mut found = None;
        for o in order..ORDERS {
            let head = self.place(AT_RUNS + o * 8)?;
            if head != 0 {
                found = Some((head - 1, o));
                break;
            }
        }
        let (first, run) = match found {
            Some((first, o)) => {
                if first + (1 << o) > self.heap.top(self)? {
                    return Err(CORRUPT);
                }
                self.unlink(AT_RUNS + o * 8, first)?;
                self.put_use(first, Use::None, 0)?;
                (first, 1 << o)
            }
            // Where nothing was used yet no run needs to begin at a multiple of anything.
            None => (self.extend(chunks)?, chunks),
        };
        self.split(first + chunks, first + run)?;
        self.commit(first, chunks)?;
        Ok(first)
    }

    /// New chunks, where none were used yet.
    fn extend(&mut self, chunks: usize) -> Result<usize> {
        let first = self.heap.top(self)?;
        let end = first + chunks;
        if end > self.heap.chunks as usize {
            return Err(FULL);
        }
        let tabled = self.place(AT_TABLED)?;
        if end > tabled {
            let more = (end * ENTRY).next_multiple_of(header::PAGE) / ENTRY;
            let (from, to) = (self.heap.entry(tabled), self.heap.entry(more).min(self.heap.base));
            self.heap.segment.take(from, to - from)?;
            self.put(AT_TABLED, ((to - TABLE) / ENTRY) as u64)?;
        }
        self.put(AT_TOP, end as u64)?;
        Ok(first)
    }

    /// Makes free runs of the chunks from one to another, which have no free neighbour that they could merge with.
    fn split(&mut self, mut from: usize, to: usize) -> Result<()> {
        while from < to {
            let order = piece(from, to - from);
            self.put_use(from, Use::Free, order)?;
            self.link(AT_RUNS + order * 8, from)?;
            from += 1 << order;
        }
        Ok(())
    }

    fn put_use(&mut self, chunk: usize, new: Use, order: usize) -> Result<()> {
        let entry = self.heap.entry(chunk);
        let word = self.get(entry)?;
        self.put(entry, word & COMMITTED | new as u64 | (order as u64) << 8)
    }

    /// Takes memory for chunks that have none.
    fn commit(&mut self, first: usize, chunks: usize) -> Result<()> {
        let mut bare = 0;
        for chunk in first..first + chunks {
            bare += u64::from(self.get(self.heap.entry(chunk))? & COMMITTED == 0);
        }
        let (committed, idle) = (self.get(AT_COMMITTED)?, self.get(AT_IDLE)?);
        if bare < chunks as u64 {
            self.put(AT_IDLE, idle.saturating_sub(chunks as u64 - bare))?;
        }
        if bare == 0 {
            return Ok(());
        }
        if chunks as u64 >= KEEP || committed % LOOK_EVERY + bare > LOOK_EVERY {
            let bytes = bare.max(LOOK_EVERY / 8) * CHUNK as u64;
            if memory::available() < bytes {
                return Err(Error::NoMemory(bytes));
            }
        }
        self.intend(first, chunks)?;
        self.heap.segment.take(self.heap.start(first), chunks * CHUNK)?;
        for chunk in first..first + chunks {
            let entry = self.heap.entry(chunk);
            let word = self.get(entry)?;
            if word & COMMITTED == 0 {
                self.put(entry, word | COMMITTED)?;
            }
        }
        self.put(AT_COMMITTED, committed + bare)
    }

    /// Notes that the memory of these chunks, and of those noted before, may have to be given back when the change is
    /// done or taken back: of all that the table then says have none.
    fn intend(&mut self, first: usize, chunks: usize) -> Result<()> {
        let (mut from, mut to) = (first, first + chunks);
        let region = self.heap.region();
        let noted = region.read_u64(AT_INTENT)?;
        self.unsettled_before |= noted != 0 && !self.unsettled;
        if noted != 0 {
            let (first, count) = (noted as u32 as usize, (noted >> 32) as usize);
            (from, to) = (from.min(first), to.max((first + count).min(self.heap.chunks as usize)));
        }
        self.unsettled = true;
        region.write_u64(AT_INTENT, from as u64 | ((to - from) as u64) << 32)
    }

    /// Gives chunks back, all of which have memory.
    fn give_run(&mut self, first: usize, chunks: usize) -> Result<()> {
        let (committed, idle) = (self.get(AT_COMMITTED)?, self.get(AT_IDLE)?);
        if idle + chunks as u64 > KEEP.max(committed / 4) {
            self.intend(first, chunks)?;
            self.given.push((first, chunks));
            for chunk in first..first + chunks {
                self.put(self.heap.entry(chunk), 0)?;
            }
            self.put(AT_COMMITTED, committed.saturating_sub(chunks as u64))?;
        } else {
            self.put(AT_IDLE, idle + chunks as u64)?;
        }
        let (mut from, to) = (first, first + chunks);
        while from < to {
            let order = piece(from, to - from);
            self.merge(from, order)?;
            from += 1 << order;
        }
        Ok(())
    }

    /// Makes a run free, merged with its free neighbours.
    fn merge(&mut self, mut first: usize, mut order: usize) -> Result<()> {
        let top = self.heap.top(self)?;
        while order + 1 < ORDERS {
            let buddy = first ^ (1 << order);
            if buddy + (1 << order) > top
                || self.get(self.heap.entry(buddy))? as u16 != Use::Free as u16 | (order as u16) << 8
            {
                break;
            }
            self.unlink(AT_RUNS + order * 8, buddy)?;
            self.put_use(buddy, Use::None, 0)?;
            first = first.min(buddy);
            order += 1;
        }
        self.put_use(first, Use::Free, order)?;
        self.link(AT_RUNS + order * 8, first)
    }
}

const FULL: Error = Error::Full("the arena has reached its limit");

/// The order of the largest run that may begin at `from` and has at most `len` chunks.
fn piece(from: usize, len: usize) -> usize {
    let fits = len.ilog2() as usize;
    if from == 0 {
        fits
    } else {
        fits.min(from.trailing_zeros() as usize)
    }
}
