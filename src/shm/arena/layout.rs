//! Where things are in an arena's segment.
//!
//! ```text
//! 0       header page: what every segment has, then the arena's own words
//! 4096    the undo journal
//! 32768   the chunk table: 32 bytes for each chunk of the limit
//! base    the chunks, 64 KiB each
//! ```
//!
//! The file has its full length from the beginning, and holes where nothing is needed yet: a chunk's memory is taken
//! before its first use and given back by punching a hole.

use crate::shm::header;

/// Bytes of a chunk.
pub(crate) const CHUNK: usize = 1 << 16;
/// The smallest unit of the heap: every block begins at a multiple.
pub(crate) const UNIT: usize = 16;

/// u32, written once: how many chunks there can be.
pub(crate) const AT_CHUNKS: usize = header::AT_PARAMS;
/// u64, written once: the secret of the hash function.
pub(crate) const AT_SEED: usize = header::AT_PARAMS + 8;
/// u64, written once: what references name the arena by.
pub(crate) const AT_ID: usize = header::AT_PARAMS + 16;

/// u32: the lock.
pub(crate) const AT_LOCK: usize = header::AT_HOT;
/// u64: bytes of the journal in use; 0: nothing is half done. On the lock's line, which whoever comes has anyway.
pub(crate) const AT_JOURNAL: usize = header::AT_HOT + 8;
/// u64: the root container.
pub(crate) const AT_ROOT: usize = header::AT_HOT + 64;
/// u64: the first container that is to be freed.
pub(crate) const AT_TRASH: usize = header::AT_HOT + 72;
/// u64: the first record of a handle on an inner container.
pub(crate) const AT_HOLDERS: usize = header::AT_HOT + 80;
/// u64: the first of all containers.
pub(crate) const AT_ALL: usize = header::AT_HOT + 88;
/// u64: how many containers were made, ever.
pub(crate) const AT_STAMP: usize = header::AT_HOT + 96;
/// u64: a block put by, for when there is no room to make room.
pub(crate) const AT_SPARE: usize = header::AT_HOT + 104;
/// u64: how many containers there are.
pub(crate) const AT_COUNT: usize = header::AT_HOT + 112;
/// u64: the greatest fencing token that an operation was done with; 0: none was.
pub(crate) const AT_TOKEN: usize = header::AT_HOT + 120;

/// u64: the chunks below this one have been used at some time.
pub(crate) const AT_TOP: usize = header::AT_HOT + 128;
/// u64: for how many chunks the table has memory.
pub(crate) const AT_TABLED: usize = header::AT_HOT + 136;
/// u64: how many chunks have memory.
pub(crate) const AT_COMMITTED: usize = header::AT_HOT + 144;
/// u64: how many of them are free.
pub(crate) const AT_IDLE: usize = header::AT_HOT + 152;
/// u64: chunks whose memory is being taken or given back: the first, and how many in the upper half.
pub(crate) const AT_INTENT: usize = header::AT_HOT + 160;
/// u64 for each order: the first free run of 2^order chunks, plus 1.
pub(crate) const AT_RUNS: usize = header::AT_HOT + 192;
/// How many orders.
pub(crate) const ORDERS: usize = 25;
/// u64 for each size class: the first slab that has a free block, plus 1.
pub(crate) const AT_PARTIAL: usize = AT_RUNS + ORDERS * 8;

/// Where the journal begins.
pub(crate) const JOURNAL: usize = header::PAGE;
/// Its bytes.
pub(crate) const JOURNAL_LEN: usize = TABLE - JOURNAL;
/// Where the chunk table begins.
pub(crate) const TABLE: usize = 32 << 10;
/// Bytes of an entry.
pub(crate) const ENTRY: usize = 32;
/// Bytes with memory from the beginning: up to the first page of the table.
pub(crate) const FIXED: usize = TABLE + header::PAGE;

/// The fewest chunks: 1 MiB.
pub(crate) const CHUNKS_LEAST: u64 = 16;
/// The most: 1 TiB.
pub(crate) const CHUNKS_MOST: u64 = 1 << 24;

/// Where the chunks begin.
pub(crate) const fn base(chunks: u32) -> usize {
    (TABLE + chunks as usize * ENTRY).next_multiple_of(CHUNK)
}

/// Bytes of the segment.
pub(crate) const fn len(chunks: u32) -> u64 {
    (base(chunks) + chunks as usize * CHUNK) as u64
}

/// What a chunk is: the lowest byte of the first word of its entry. The byte after it is the order of a free run or the
/// class of a slab, the bit above that says whether it has memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Use {
    /// Never used, or in the middle of a run.
    None = 0,
    /// The first of a free run of 2^order chunks.
    Free = 1,
    /// Blocks of one size class.
    Slab = 2,
    /// The first chunk of a large block.
    Large = 3,
}

/// Has memory.
pub(crate) const COMMITTED: u64 = 1 << 16;

/// Bytes of the blocks of each size class: steps of 16 up to 512, then four to a doubling.
pub(crate) const CLASSES: [u32; 52] = {
    let mut sizes = [0; 52];
    let mut i = 0;
    while i < 32 {
        sizes[i] = (i as u32 + 1) * 16;
        i += 1;
    }
    while i < 52 {
        let (doubling, step) = ((i - 32) / 4, (i - 32) % 4);
        sizes[i] = (512 << doubling) + (step as u32 + 1) * (128 << doubling);
        i += 1;
    }
    sizes
};

/// The largest small block.
pub(crate) const SMALL: usize = CLASSES[51] as usize;

/// The class for so many bytes; `None`: a large block.
#[inline]
pub(crate) fn class_of(bytes: usize) -> Option<usize> {
    match bytes {
        0..=16 => Some(0),
        17..=512 => Some((bytes - 1) / 16),
        513..=SMALL => {
            let doubling = ((bytes - 1) >> 9).ilog2() as usize;
            Some(32 + doubling * 4 + ((bytes - 1 - (512 << doubling)) >> (7 + doubling)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_its_class() {
        for bytes in 1..=SMALL {
            let class = class_of(bytes).expect("small");
            assert!(CLASSES[class] as usize >= bytes, "{bytes}");
            assert!(class == 0 || (CLASSES[class - 1] as usize) < bytes, "{bytes}");
        }
        assert_eq!(class_of(SMALL + 1), None);
        assert_eq!(SMALL, 16384);
        const { assert!(AT_PARTIAL + CLASSES.len() * 8 <= header::PAGE) };
        const { assert!(CHUNKS_MOST.ilog2() < ORDERS as u32) };
    }
}
