//! Options and steps that all kinds of object share.

use crate::shm::{header, Created, Domain, Segment, Word32, Word64};
use crate::sync::raw::Signal;
use crate::sync::{Limits, Manner, Mutex};
use crate::sys::crash;
use crate::{Acquired, Error, Owner, Result};
use std::sync::atomic::Ordering;

/// Options of every object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectOptions {
    /// Keep name and memory until unlinked, also when nobody uses the object.
    pub persist: bool,
    /// If a matching object of that name exists, open it.
    pub exist_ok: bool,
    /// This handle never spins before it sleeps.
    pub no_spin: bool,
    /// A signal handler that ran in the waiting thread ends a wait through this handle.
    pub return_on_signal: bool,
    /// Locks: any process may release it.
    pub any_release: bool,
    /// Struct values: one copy in place, with a pointer, instead of a SNAPSHOT.
    pub raw: bool,
}

impl ObjectOptions {
    /// From the C flags that every kind knows.
    pub(crate) fn common(flags: u32) -> Result<ObjectOptions> {
        ObjectOptions::known(flags, 7 | 256)
    }

    /// From the C flags of a lock.
    pub(crate) fn lock(flags: u32) -> Result<ObjectOptions> {
        ObjectOptions::known(flags, 7 | 256 | 512)
    }

    /// From the C flags of a value.
    pub(crate) fn value(flags: u32) -> Result<ObjectOptions> {
        ObjectOptions::known(flags, 15 | 256)
    }

    fn known(flags: u32, known: u32) -> Result<ObjectOptions> {
        if flags & !known != 0 {
            return Err(Error::invalid("unknown flags"));
        }
        let bit = |n: u32| flags & n != 0;
        Ok(ObjectOptions {
            persist: bit(1),
            exist_ok: bit(2),
            no_spin: bit(4),
            raw: bit(8),
            return_on_signal: bit(256),
            any_release: bit(512),
        })
    }

    /// How a handle opened with these options waits.
    pub(super) fn manner(self) -> Manner {
        Manner { spin: !self.no_spin, interruptible: self.return_on_signal, brief: false }
    }

    pub(super) fn header_flags(self) -> u32 {
        if self.persist {
            header::FLAG_PERSIST
        } else {
            0
        }
    }
}

/// Creates an object, or opens the one that is there if that is allowed; `true`: opened.
pub(super) fn create_or_open<T>(
    name: Option<&str>,
    options: ObjectOptions,
    create: impl Fn() -> Result<Created>,
    open: impl Fn(&str) -> Result<T>,
    made: impl FnOnce(Segment) -> Result<T>,
) -> Result<(T, bool)> {
    // Somebody may create or remove the name between the two steps: look again, for a while.
    for _ in 0..100 {
        if let (true, Some(name)) = (options.exist_ok, name) {
            match open(name) {
                Err(Error::NotFound(_)) => {}
                other => return Ok((other?, true)),
            }
        }
        match create()? {
            Created::New(segment) => return Ok((made(segment)?, false)),
            Created::Taken if options.exist_ok => {}
            Created::Taken => return Err(Error::Exists),
        }
    }
    Err(Error::Busy)
}

/// Counts a lock that was taken over from the dead; hands the news on.
pub(super) fn counted(segment: &Segment, acquired: Acquired) -> Acquired {
    if acquired == Acquired::Recovered {
        segment.count_steal();
    }
    acquired
}

/// u64: fencing tokens that were given out, on the line of the lock that the user sees.
pub(super) const AT_FENCING: usize = header::AT_USER_LOCK + 24;

/// The next fencing token, for a caller who holds the lock to which `counter` belongs.
pub(super) fn next_token(counter: &Word64) -> Result<u64> {
    if crash::mutant(crash::Mutant::SameToken) {
        return Ok(1);
    }
    match counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
        0 => Err(Error::Overflow("2^64 fencing tokens were given out")),
        token => Ok(token),
    }
}

/// The lock a user sees on an object.
pub(super) struct UserLock(Mutex);

impl UserLock {
    pub(super) fn new(segment: &Segment, options: ObjectOptions) -> Result<UserLock> {
        Ok(UserLock(Mutex::new(segment.region().word32(header::AT_USER_LOCK)?, options.manner())))
    }

    #[inline(always)]
    pub(super) fn lock_at_once(&self, domain: &Domain) -> bool {
        domain.me_if_joined().is_some_and(|me| self.0.try_lock_as(me))
    }

    #[inline(always)]
    pub(super) fn unlock_at_once(&self, domain: &Domain) -> bool {
        domain.me_if_joined().is_some_and(|me| self.0.try_unlock_as(me))
    }

    #[inline]
    pub(super) fn lock(&self, segment: &Segment, limits: Limits) -> Result<Acquired> {
        Ok(counted(segment, self.0.lock(segment.domain(), limits)?))
    }

    #[inline]
    pub(super) fn unlock(&self, segment: &Segment) -> Result<()> {
        self.0.unlock(segment.domain())
    }

    /// Releases the lock, whoever holds it.
    pub(super) fn unlock_any(&self, segment: &Segment) -> Result<()> {
        self.0.unlock_any(segment.domain())
    }

    /// Whether this process holds it.
    pub(super) fn is_mine(&self, domain: &Domain) -> Result<bool> {
        Ok(self.0.owner() == domain.me()?.word())
    }

    /// Whether it could be had: see [`Mutex::is_free`].
    pub(super) fn is_free(&self, domain: &Domain, ask: bool) -> bool {
        self.0.is_free(domain, ask)
    }

    /// Where to wait for that.
    pub(super) fn signal(&self) -> Signal<'_, Word32> {
        self.0.signal()
    }

    pub(super) fn owner(&self, domain: &Domain) -> Result<Option<Owner>> {
        domain.me()?;
        Ok(domain.describe(self.0.owner()))
    }
}
