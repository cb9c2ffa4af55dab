//! Crash points: numbered places at which a test build can kill its own process.
//!
//! Every store to shared memory (`shm::store`) and every system call that changes what other processes
//! see passes [`point`] first. With the feature `crash-points` a test arms the k-th point; the process
//! then dies there by SIGKILL, exactly as if killed from outside between two instructions. Without the
//! feature all of this compiles to nothing.
//!
//! Mutants are deliberately broken variants, switched on by `MPROC_MUTANT` in the same test build: each
//! must make a named test fail, which shows that the tests can fail.

/// The deliberately broken variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The queue publishes a message before its bytes are there.
    PublishFirst,
    /// The array changes a struct element without logging the old one.
    NoJournal,
    /// A SNAPSHOT value flips to the new copy before it is written.
    FlipFirst,
    /// A dead holder's lock is never taken over.
    NoSteal,
    /// Unlock does not check who holds the lock.
    NoOwnerCheck,
    /// The queue believes a message's length as it stands in shared memory.
    TrustedLength,
    /// An object is visible under its name before it is initialised.
    LinkFirst,
}

impl Mutant {
    /// All of them, with the name `MPROC_MUTANT` knows them by.
    pub const ALL: [(&'static str, Mutant); 7] = [
        ("publish-first", Mutant::PublishFirst),
        ("no-journal", Mutant::NoJournal),
        ("flip-first", Mutant::FlipFirst),
        ("no-steal", Mutant::NoSteal),
        ("no-owner-check", Mutant::NoOwnerCheck),
        ("trusted-length", Mutant::TrustedLength),
        ("link-first", Mutant::LinkFirst),
    ];
}

#[cfg(feature = "crash-points")]
mod armed {
    use super::Mutant;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::OnceLock;

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static DIE_AT: AtomicU64 = AtomicU64::new(0);

    /// Dies at the k-th point from now on (counted from 1); 0 disarms.
    pub fn arm(k: u64) {
        DIE_AT.store(0, Ordering::SeqCst);
        PASSED.store(0, Ordering::SeqCst);
        DIE_AT.store(k, Ordering::SeqCst);
    }

    /// How many points were passed since [`arm`].
    pub fn passed() -> u64 {
        PASSED.load(Ordering::SeqCst)
    }

    #[inline(never)]
    pub(crate) fn point(_name: &'static str) {
        let now = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if now == DIE_AT.load(Ordering::SeqCst) {
            loop {
                // SAFETY: kill and getpid have no memory effects; SIGKILL to ourselves does not return.
                unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            }
        }
    }

    pub(crate) fn mutant(which: Mutant) -> bool {
        static ON: OnceLock<Option<Mutant>> = OnceLock::new();
        *ON.get_or_init(|| {
            let name = std::env::var("MPROC_MUTANT").ok()?;
            let found = Mutant::ALL.iter().find(|(n, _)| *n == name);
            Some(found.unwrap_or_else(|| panic!("MPROC_MUTANT={name}: no such mutant")).1)
        }) == Some(which)
    }
}

#[cfg(feature = "crash-points")]
pub use armed::{arm, passed};
#[cfg(feature = "crash-points")]
pub(crate) use armed::{mutant, point};

/// A crash point; nothing in a normal build.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn point(_name: &'static str) {}

/// Whether a mutant is on; never in a normal build.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn mutant(_which: Mutant) -> bool {
    false
}
