//! The registry: a table of slots, one for each process that has joined the domain.
//!
//! A slot is claimed by an OFD lock on its byte of the registry file; the process lives exactly as long
//! as the byte is locked. The lock is carried by a mapping that fork does not copy (`sys::mapping::
//! carrier`), so that it survives a loop that closes every descriptor and ends at exec and at death.
//! One file holds the table and carries the locks: they can never disagree about which domain they mean.

use super::header::{Header, Kind, PAGE};
use super::liveness::every;
use super::region::Region;
use super::store::{Table, Word32, Word64};
use super::tenant::{Seat, Tenant};
use crate::sys::{file, fork, mapping, process};
use crate::{Error, Result};
#[cfg(feature = "tool")]
use std::os::fd::BorrowedFd;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::OnceLock;

/// Most processes that can live in a domain at a time.
pub(crate) const SLOTS: usize = 1022;
/// Entries of a table with one for each slot: a power of two, and one is never used.
pub(crate) const TABLE: usize = 1024;

/// u64: how often a slot was claimed; the order of claims.
pub(crate) const AT_JOINS: usize = 64;
/// u64: when the domain was last swept, CLOCK_MONOTONIC in milliseconds.
pub(crate) const AT_SWEPT: usize = 72;
pub(crate) const AT_SLOTS: usize = PAGE;
pub(crate) const SLOT_LEN: usize = 64;
// Within a slot.
/// u64: how often this slot was claimed. Odd or even has no meaning; 0: never.
pub(crate) const GENERATION: usize = 0;
/// u64: the number of its latest claim, so that the longest unused slot is taken first.
pub(crate) const CLAIM: usize = 8;
/// u32, for people.
pub(crate) const PID: usize = 16;
/// u64, for people.
pub(crate) const START_TIME: usize = 24;
/// 32 bytes, for people.
pub(crate) const COMMAND: usize = 32;

/// Size of the registry file.
pub(crate) const REGISTRY_LEN: usize = (AT_SLOTS + SLOTS * SLOT_LEN).next_multiple_of(PAGE);

const WHOLE: mapping::Window = mapping::Window { offset: 0, len: REGISTRY_LEN };

/// Locked bytes lie far behind the end of any file; they are only numbers.
pub(crate) const LOCK_BASE: i64 = 1 << 60;
/// Shared by everybody who has the registry mapped; a forked child inherits it.
pub(crate) const GUARD_BYTE: i64 = LOCK_BASE + 4096;
/// Exclusive for a moment by whoever removes a name.
pub(crate) const NAMES_BYTE: i64 = LOCK_BASE + 4097;
/// All of the above.
pub(super) const ALL_BYTES: i64 = 8192;

/// An owner word: slot + 1 in bits 0..10, the generation's low 21 bits above, bit 31 left to the lock.
const SLOT_BITS: u32 = 10;
const GENERATION_MASK: u32 = (1 << 21) - 1;

/// The calling process as an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Me {
    word: u32,
}

impl Me {
    /// As it stands on this process's own page.
    #[inline(always)]
    pub(super) fn of(words: &fork::Words) -> Option<Me> {
        // With it, what was written before it: the tenant.
        let word = words.me.load(Ordering::Acquire);
        (word != 0).then_some(Me { word })
    }

    /// The 31 bits that stand for this process in a lock word; never 0.
    #[inline]
    pub fn word(self) -> u32 {
        self.word
    }
}

pub(crate) fn owner_word(slot: usize, generation: u64) -> u32 {
    (slot as u32 + 1) | ((generation as u32 & GENERATION_MASK) << SLOT_BITS)
}

/// The slot an owner word names, if there is such a slot.
pub(crate) fn owner_slot(word: u32) -> Option<usize> {
    let slot = ((word & ((1 << SLOT_BITS) - 1)) as usize).checked_sub(1)?;
    (slot < SLOTS).then_some(slot)
}

/// The mapped registry, and who this process is in it.
pub(super) struct Registry {
    region: Region,
    joins: Word64,
    swept: Word64,
    generations: Vec<Word64>,
    pub(super) me: fork::WipedOnFork,
    /// The registry file, to recognise it by.
    pub(super) stat: file::Stat,
    /// Whether the next join keeps the descriptor that its slot's lock was taken through.
    keep: AtomicBool,
    /// That descriptor, and the owner word it stands for: a forked child finds its parent's here.
    kept: OnceLock<(u32, OwnedFd)>,
}

impl Registry {
    /// Maps a registry file of the right size whose header was checked.
    pub(super) fn map(fd: &OwnedFd, stat: file::Stat) -> Result<Registry> {
        let region = Region::new(mapping::Mapping::new(fd.as_fd(), &[WHOLE])?, None);
        let generations =
            (0..SLOTS).map(|i| region.word64(AT_SLOTS + i * SLOT_LEN + GENERATION)).collect::<Result<_>>()?;
        Ok(Registry {
            joins: region.word64(AT_JOINS)?,
            swept: region.word64(AT_SWEPT)?,
            generations,
            region,
            me: fork::WipedOnFork::new()?,
            stat,
            keep: AtomicBool::new(false),
            kept: OnceLock::new(),
        })
    }

    /// From now on: whoever joins keeps the descriptor. See [`super::DomainOptions::keep_membership`].
    pub(super) fn keep_membership(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }

    /// The descriptor of the description that carries this process's lock, if it was kept.
    #[cfg(feature = "tool")]
    pub(super) fn membership(&self) -> Option<BorrowedFd<'_>> {
        let (word, fd) = self.kept.get()?;
        (self.me.words().me.load(Ordering::Acquire) == *word).then(|| fd.as_fd())
    }

    /// Ends this process's membership, as its death would, also where others have inherited the kept description. It
    /// must not use the domain any more.
    #[cfg(feature = "tool")]
    pub(super) fn resign(&self) -> Result<()> {
        let fd = self.membership().ok_or(Error::NotSupported("the membership was not kept"))?;
        let slot = owner_slot(self.me.words().me.load(Ordering::Relaxed)).ok_or(Error::Stale)?;
        file::unlock(fd, LOCK_BASE + slot as i64, 1)
    }

    /// Writes the header of a new registry, with a new domain id, into a reserved, unnamed file.
    pub(super) fn format(fd: &OwnedFd) -> Result<()> {
        let header = Header::new(Kind::Registry, 0, &process::random_id()?, REGISTRY_LEN as u64);
        let region = Region::new(mapping::Mapping::new(fd.as_fd(), &[WHOLE])?, None);
        region.write(0, header.bytes())
    }

    /// Makes this process a member, on its first operation, and anew in a forked child. `open` gives a description of
    /// the registry file that this process opened itself.
    #[cold]
    pub(super) fn join(&self, open: impl FnOnce() -> Result<OwnedFd>) -> Result<Me> {
        fork::exclusive(|| {
            let words = self.me.words();
            let word = words.me.load(Ordering::Relaxed);
            if word != 0 {
                return Ok(Me { word }); // another thread was faster
            }
            let fd = open()?;
            let slot = self.claim(&fd)?;
            let (word, tenant) = self.announce(slot)?;
            let carrier = mapping::carrier(fd.as_fd(), false)?;
            if self.keep.load(Ordering::Relaxed) {
                // In a forked child its parent's is there already: the child does without.
                let _ = self.kept.set((word, fd));
            }
            words.carrier.store(carrier, Ordering::Relaxed);
            let seat = Seat::new(tenant, Table::place);
            words.tenant.store(tenant.0, Ordering::Relaxed);
            words.place.store(seat.place, Ordering::Relaxed);
            words.empty.store(seat.empty, Ordering::Relaxed);
            words.me.store(word, Ordering::Release);
            Ok(Me { word })
        })
    }

    /// Locks the byte of a slot nobody lives in: of those, the one claimed longest ago, so that an owner
    /// word comes back as late as possible.
    fn claim(&self, fd: &OwnedFd) -> Result<usize> {
        let mut order = Vec::with_capacity(SLOTS);
        for slot in 0..SLOTS {
            order.push((self.region.word64(AT_SLOTS + slot * SLOT_LEN + CLAIM)?.load(Ordering::Relaxed), slot));
        }
        order.sort_unstable();
        // Twice: somebody may just have tried a byte and found the slot's owner alive. (A domain is not
        // removed meanwhile: we have the registry mapped, and with it a lock that keeps removers out.)
        for _ in 0..2 {
            for &(_, slot) in &order {
                if file::try_lock(fd.as_fd(), file::FileLock::Exclusive, LOCK_BASE + slot as i64, 1)? {
                    if file::stat(fd.as_fd())?.links == 0 && self.stat.links != 0 {
                        return Err(Error::Stale);
                    }
                    return Ok(slot);
                }
            }
            crate::sys::clock::nap();
        }
        Err(Error::Slots)
    }

    /// The slot's byte is ours: a new generation makes everything that names the old one dead.
    fn announce(&self, slot: usize) -> Result<(u32, Tenant)> {
        let at = AT_SLOTS + slot * SLOT_LEN;
        let claim = self.joins.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.region.word64(at + CLAIM)?.store(claim, Ordering::Relaxed);
        let generation = self.generations[slot].fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let facts = process::facts();
        self.region.word32(at + PID)?.store(facts.pid, Ordering::Relaxed);
        self.region.word64(at + START_TIME)?.store(facts.start_time, Ordering::Relaxed);
        self.region.write(at + COMMAND, &facts.command)?;
        Ok((owner_word(slot, generation), Tenant::new(slot, generation)))
    }

    /// Whether the slot's current generation is the one `word` names.
    pub(super) fn is_current(&self, word: u32, slot: usize) -> bool {
        let generation = self.generations[slot].load(Ordering::Acquire);
        owner_word(slot, generation) == word
    }

    /// Whether the slot's current generation is the tenant's.
    pub(super) fn is_tenant(&self, tenant: Tenant) -> bool {
        let generation = self.generations[tenant.slot()].load(Ordering::Acquire);
        Tenant::new(tenant.slot(), generation) == tenant
    }

    pub(super) fn generation(&self, slot: usize) -> u64 {
        self.generations[slot].load(Ordering::Relaxed)
    }

    /// Pid, start time and command of a slot, for people; whatever stands there.
    pub(super) fn facts(&self, slot: usize) -> Result<(i32, u64, String)> {
        let at = AT_SLOTS + slot * SLOT_LEN;
        let pid: Word32 = self.region.word32(at + PID)?;
        let mut command = [std::mem::MaybeUninit::new(0u8); 32];
        self.region.read(at + COMMAND, &mut command)?;
        // SAFETY: initialised at its declaration, and bytes stay bytes.
        let command = command.map(|b| unsafe { b.assume_init() });
        let end = command.iter().position(|&b| b == 0).unwrap_or(command.len());
        let text = String::from_utf8_lossy(&command[..end]).chars().filter(|c| !c.is_control()).collect();
        let start = self.region.word64(at + START_TIME)?.load(Ordering::Relaxed);
        Ok((pid.load(Ordering::Relaxed) as i32, start, text))
    }

    /// Whether to sweep: true for one caller in the domain each `ms` milliseconds.
    pub(super) fn sweep_is_due(&self, ms: u64) -> bool {
        every(&self.swept, ms)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // In a forked child that never joined the page reads zero: nothing of ours to release.
        mapping::drop_carrier(self.me.words().carrier.load(Ordering::Relaxed));
    }
}
