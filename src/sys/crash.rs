//! Crash points: numbered places at which a test build can kill its own process.
//!
//! Every store to shared memory (`shm::store`) and every system call that changes what other processes
//! see passes [`point`] first. With the feature `crash-points` a test arms the k-th point; the process
//! then dies there by SIGKILL, exactly as if killed from outside between two instructions. Without the
//! feature all of this compiles to nothing.
//!
//! Instead of dying, a test can let something else happen at the k-th point ([`arm_call`]): what another process
//! could do at just that moment.
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
    /// A reservation is a message before it is committed.
    CommitFirst,
    /// A dead producer's reservation stays.
    NoPadding,
    /// A message leased by a consumer that died is dropped.
    LeaseLost,
    /// A dead consumer's unfinished messages are waited for.
    NoShare,
    /// A pipe says end of file without a last look for messages.
    EofFirst,
    /// A pipe publishes a message before the place behind it is vacant.
    TerminatorLate,
    /// A handle on its way does not use the object.
    UnusedInFlight,
    /// A notification that a dead waiter had got is not passed on.
    NoRegrant,
    /// A barrier waits for the dead.
    NoBreak,
    /// A dead process keeps its permits of an accounting semaphore.
    NoReclaim,
    /// A writer waits for dead readers.
    ReaderStays,
    /// A condition restores one level of its lock only.
    OneLevel,
    /// An rlock does not ask for the token.
    AnyToken,
    /// Who waits for an event looks at the flag only, not at how often it was set.
    PulseLost,
    /// A semaphore is released above its bound.
    NoBound,
    /// Who waits for many things keeps a wake-up that it does not need.
    WakeKept,
    /// A pollable descriptor is only rung, and never looks by itself.
    BellOnly,
    /// A pollable descriptor is never rung, and only looks by itself.
    NeverRung,
    /// An arena's change is made without a record of what was there.
    NoUndo,
    /// A block that nobody needs any more is not given back.
    BlockLost,
    /// A dead process's handles on containers are kept for it.
    HandleKept,
    /// What was half done when a process died inside an arena stays half done.
    NoRollback,
    /// A container that nobody refers to any more is freed as a whole, and what it refers to forgotten.
    ShallowFree,
    /// A change with a fencing token does not keep older ones out.
    NoFence,
    /// Fencing tokens are given out more than once.
    SameToken,
}

impl Mutant {
    /// All of them, with the name `MPROC_MUTANT` knows them by.
    pub const ALL: [(&'static str, Mutant); 32] = [
        ("publish-first", Mutant::PublishFirst),
        ("no-journal", Mutant::NoJournal),
        ("flip-first", Mutant::FlipFirst),
        ("no-steal", Mutant::NoSteal),
        ("no-owner-check", Mutant::NoOwnerCheck),
        ("trusted-length", Mutant::TrustedLength),
        ("link-first", Mutant::LinkFirst),
        ("commit-first", Mutant::CommitFirst),
        ("no-padding", Mutant::NoPadding),
        ("lease-lost", Mutant::LeaseLost),
        ("no-share", Mutant::NoShare),
        ("eof-first", Mutant::EofFirst),
        ("terminator-late", Mutant::TerminatorLate),
        ("unused-in-flight", Mutant::UnusedInFlight),
        ("no-regrant", Mutant::NoRegrant),
        ("no-break", Mutant::NoBreak),
        ("no-reclaim", Mutant::NoReclaim),
        ("reader-stays", Mutant::ReaderStays),
        ("one-level", Mutant::OneLevel),
        ("any-token", Mutant::AnyToken),
        ("pulse-lost", Mutant::PulseLost),
        ("no-bound", Mutant::NoBound),
        ("wake-kept", Mutant::WakeKept),
        ("bell-only", Mutant::BellOnly),
        ("never-rung", Mutant::NeverRung),
        ("no-undo", Mutant::NoUndo),
        ("block-lost", Mutant::BlockLost),
        ("handle-kept", Mutant::HandleKept),
        ("no-rollback", Mutant::NoRollback),
        ("shallow-free", Mutant::ShallowFree),
        ("no-fence", Mutant::NoFence),
        ("same-token", Mutant::SameToken),
    ];
}

#[cfg(feature = "crash-points")]
mod armed {
    use super::Mutant;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, OnceLock};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static DIE_AT: AtomicU64 = AtomicU64::new(0);
    static CALL: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

    /// Dies at the k-th point from now on (counted from 1); 0 disarms.
    pub fn arm(k: u64) {
        arm_either(k, None);
    }

    fn arm_either(k: u64, call: Option<Box<dyn FnOnce() + Send>>) {
        DIE_AT.store(0, Ordering::SeqCst);
        PASSED.store(0, Ordering::SeqCst);
        *CALL.lock().unwrap_or_else(|e| e.into_inner()) = call;
        DIE_AT.store(k, Ordering::SeqCst);
    }

    /// Calls `f` at the k-th point from now on, on the thread that comes there, and goes on.
    pub fn arm_call(k: u64, f: impl FnOnce() + Send + 'static) {
        arm_either(k, Some(Box::new(f)));
    }

    /// How many points were passed since [`arm`].
    pub fn passed() -> u64 {
        PASSED.load(Ordering::SeqCst)
    }

    #[inline(never)]
    pub(crate) fn point(_name: &'static str) {
        let now = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if now == DIE_AT.load(Ordering::SeqCst) {
            let call = CALL.lock().unwrap_or_else(|e| e.into_inner()).take();
            if let Some(call) = call {
                return call();
            }
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
pub use armed::{arm, arm_call, passed};
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
