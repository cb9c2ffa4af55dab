//! Whether anybody has a role: the ends of a pipe, the producers of a queue.
//!
//! The truth is the kernel's ([`Role`]). A word in shared memory only says when it is worth asking: always once
//! somebody has seen that nobody was left, else once in a while.

use super::options::ObjectOptions;
use crate::shm::{Holding, Role, Segment, Word32};
use crate::sync::raw::{Env, Signal};
use crate::sync::Wait;
use crate::sys::clock;
use crate::Result;
use std::sync::atomic::{AtomicU64, Ordering};

/// Nobody ever had the role.
const NEVER: u32 = 0;
const TAKEN: u32 = 1;
/// Somebody saw that nobody had it any more.
const LEFT: u32 = 2;

/// Each handle asks the kernel at most so often, unless there is a reason.
const ASK_NS: u64 = 10_000_000;

/// A role in an object, as one handle sees it.
pub(super) struct Presence {
    segment: Segment,
    role: Role,
    word: Word32,
    /// When this handle asked last.
    asked: AtomicU64,
}

/// Whether there is somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// There never was.
    Awaited,
    /// There is.
    Open,
    /// There was: closed, or dead.
    Gone,
}

impl Presence {
    pub(super) fn new(segment: &Segment, role: Role, at: usize) -> Result<Presence> {
        let word = segment.region().word32(at)?;
        Ok(Presence { segment: segment.clone(), role, word, asked: AtomicU64::new(0) })
    }

    /// Takes the role.
    pub(super) fn join(&self) -> Result<Holding> {
        let holding = self.segment.take_role(self.role)?;
        self.word.store(TAKEN, Ordering::Release);
        Ok(holding)
    }

    /// Gives the role up; whether that was the last one.
    pub(super) fn leave(&self, holding: Holding) -> bool {
        drop(holding);
        self.ask()
    }

    /// Whether somebody had the role and nobody has it any more.
    pub(super) fn is_gone(&self) -> bool {
        match self.word.load(Ordering::Acquire) {
            NEVER => false,
            LEFT => self.ask(),
            _ => {
                let now = clock::coarse_ns();
                let due = now.saturating_sub(self.asked.load(Ordering::Relaxed)) >= ASK_NS;
                if due {
                    self.asked.store(now, Ordering::Relaxed);
                }
                due && self.ask()
            }
        }
    }

    /// Whether somebody has seen that nobody is left: a reason for [`Presence::is_gone`].
    #[inline]
    pub(super) fn seems_gone(&self) -> bool {
        self.word.load(Ordering::Relaxed) == LEFT
    }

    /// Where to wait for that.
    pub(super) fn signal(&self) -> Signal<'_, Word32> {
        Signal::Word(&self.word)
    }

    /// Changes when somebody sees that nobody is left.
    #[inline]
    pub(super) fn word(&self) -> u32 {
        self.word.load(Ordering::Relaxed)
    }

    pub(super) fn peer(&self) -> Peer {
        match self.word.load(Ordering::Acquire) {
            NEVER => Peer::Awaited,
            _ if self.ask() => Peer::Gone,
            _ => Peer::Open,
        }
    }

    /// Asks the kernel, and leaves word for others. Whoever takes the role at this moment may find the word to be
    /// LEFT; then everybody asks until somebody has corrected it.
    fn ask(&self) -> bool {
        let (gone, seen, word) = match self.segment.is_taken(self.role) {
            Some(false) => (true, TAKEN, LEFT),
            Some(true) => (false, LEFT, TAKEN),
            // Not known, without a descriptor: then others' word counts, and nobody is declared dead on suspicion.
            None => return self.seems_gone(),
        };
        if self.word.load(Ordering::Relaxed) == seen
            && self.word.compare_exchange(seen, word, Ordering::AcqRel).is_ok()
            && gone
        {
            // Whoever waits for just that.
            Wait::never(self.segment.domain(), ObjectOptions::default().manner()).wake(&self.word, u32::MAX);
        }
        gone
    }
}
