//! Who lives. A recorded owner is dead if its slot has moved on to another generation or its byte is free.
//! Death is found out by whoever waits for the owner, for the object in hand; there is no background thread.

use super::domain::Domain;
use super::registry::{owner_slot, LOCK_BASE, SLOTS};
use super::store::Word64;
use super::tenant::Tenant;
use crate::sys::{clock, file};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// A process as shared memory knows it. Pid, start time and command are for people: they decide nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Not known to be dead.
    pub alive: bool,
    /// The calling process.
    pub is_self: bool,
    /// Slot in the registry.
    pub slot: u32,
    /// The slot's generation (of a dead owner: only the low 21 bits are known).
    pub generation: u64,
    /// In the owner's own pid namespace.
    pub pid: i32,
    /// Clock ticks after boot, or 0.
    pub start_time: u64,
    /// Command name.
    pub command: String,
}

/// The descriptor through which this process asks who lives.
pub(super) struct Probe {
    /// -1: none yet. The program may close it or give its number to another file at any time.
    fd: AtomicI32,
}

impl Probe {
    pub(super) fn new() -> Probe {
        Probe { fd: AtomicI32::new(-1) }
    }

    /// Whether the byte of `slot` is locked, asked through a description of `registry` that `open` made.
    /// An answer "free" counts only if our own byte reads as held through the same descriptor: otherwise
    /// the number belongs to another file by now. `None`: could not be found out.
    fn is_held(
        &self,
        registry: &file::Stat,
        slot: usize,
        own: usize,
        open: impl Fn() -> crate::Result<OwnedFd>,
    ) -> Option<bool> {
        for _ in 0..2 {
            let mut fd = self.fd.load(Ordering::Acquire);
            if !file::stat_number(fd).is_some_and(|s| s.same_file(registry)) {
                // Not ours any more: forget it, and do not close what now belongs to somebody else.
                let fresh = open().ok()?.into_raw_fd();
                if let Err(raced) = self.fd.compare_exchange(fd, fresh, Ordering::AcqRel, Ordering::Acquire) {
                    file::close_number(fresh);
                    fd = raced;
                } else {
                    fd = fresh;
                }
            }
            match file::is_locked(fd, LOCK_BASE + slot as i64) {
                Some(true) => return Some(true),
                Some(false) if file::is_locked(fd, LOCK_BASE + own as i64) == Some(true) => return Some(false),
                _ => {} // closed or reused meanwhile
            }
        }
        None
    }

    /// Opens the descriptor early, while there still are some to be had. Not having one is no error yet.
    pub(super) fn prepare(&self, open: impl FnOnce() -> crate::Result<OwnedFd>) {
        if self.fd.load(Ordering::Relaxed) == -1 {
            if let Ok(fresh) = open() {
                let fresh = fresh.into_raw_fd();
                if self.fd.compare_exchange(-1, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
                    file::close_number(fresh);
                }
            }
        }
    }

    /// Closes the descriptor if it is still ours.
    pub(super) fn close(&self, registry: &file::Stat) {
        let fd = self.fd.swap(-1, Ordering::AcqRel);
        if file::stat_number(fd).is_some_and(|s| s.same_file(registry)) {
            file::close_number(fd);
        }
    }
}

/// True for one caller each `ms` milliseconds, among all processes that share `last`.
pub(crate) fn every(last: &Word64, ms: u64) -> bool {
    let (now, then) = (clock::coarse_ns() / 1_000_000, last.load(Ordering::Relaxed));
    // A time in the future is another boot's or garbage: due.
    (then > now || now - then >= ms) && last.compare_exchange(then, now, Ordering::Relaxed).is_ok()
}

/// Asks the kernel for a call that must not wait: once a millisecond in this process, until the answer is yes.
pub(crate) fn ask_rate_limited(asked: &AtomicU64, ask: impl FnOnce() -> bool) -> bool {
    let now = clock::now_ns();
    if now.saturating_sub(asked.load(Ordering::Relaxed)) < 1_000_000 {
        return false;
    }
    let yes = ask();
    // After a yes somebody is about to act on it, and asks again.
    asked.store(if yes { 0 } else { now }, Ordering::Relaxed);
    yes
}

impl Domain {
    /// Whether the owner that `word` names is known to be dead. Unknown counts as alive: nobody is robbed
    /// on suspicion. A word that names no slot at all is garbage, and its owner dead.
    pub(crate) fn is_dead(&self, word: u32) -> bool {
        let Ok(me) = self.me() else { return false };
        if word == me.word() {
            return false;
        }
        let (Some(slot), Some(own)) = (owner_slot(word), owner_slot(me.word())) else { return true };
        !self.registry().is_current(word, slot) || self.is_vacant(slot, own)
    }

    /// As [`Domain::is_dead`], for records that stay.
    pub(crate) fn is_gone(&self, tenant: Tenant) -> bool {
        let Ok(me) = self.tenant() else { return false };
        if tenant == me {
            return false;
        }
        if tenant.slot() >= SLOTS {
            return true;
        }
        !self.registry().is_tenant(tenant) || self.is_vacant(tenant.slot(), me.slot())
    }

    /// Whether nobody lives in a slot. Since the generation was looked at it may have been claimed anew: vacated as
    /// well.
    fn is_vacant(&self, slot: usize, own: usize) -> bool {
        self.probe().is_held(&self.registry().stat, slot, own, || self.open_registry()) == Some(false)
    }

    /// As [`Domain::is_dead`], for calls that must not wait: asks the kernel at most once a millisecond;
    /// `asked` remembers when.
    pub(crate) fn is_dead_rate_limited(&self, word: u32, asked: &AtomicU64) -> bool {
        ask_rate_limited(asked, || self.is_dead(word))
    }

    /// As [`Domain::is_gone`], for calls that must not wait.
    pub(crate) fn is_gone_rate_limited(&self, tenant: Tenant, asked: &AtomicU64) -> bool {
        ask_rate_limited(asked, || self.is_gone(tenant))
    }

    /// The owner that `word` names, for people; `None` for 0.
    pub fn describe(&self, word: u32) -> Option<Owner> {
        if word == 0 {
            return None;
        }
        let is_self = self.me().is_ok_and(|me| me.word() == word);
        let Some(slot) = owner_slot(word) else {
            return Some(Owner {
                alive: false,
                is_self: false,
                slot: u32::MAX,
                generation: 0,
                pid: 0,
                start_time: 0,
                command: String::new(),
            });
        };
        let registry = self.registry();
        let current = registry.is_current(word, slot);
        let (pid, start_time, command) =
            if current { registry.facts(slot).unwrap_or_default() } else { Default::default() };
        Some(Owner {
            alive: !self.is_dead(word),
            is_self,
            slot: slot as u32,
            generation: if current { registry.generation(slot) } else { u64::from(word >> 10) },
            pid,
            start_time,
            command,
        })
    }
}
