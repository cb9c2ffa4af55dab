//! The lock as an object of its own.

use super::options::{create_or_open, next_token, ObjectOptions, UserLock, AT_FENCING};
use crate::shm::header::{self, Header};
use crate::shm::{Domain, Handle, Segment, Shape, Source, Word32, Word64};
use crate::sync::raw::Signal;
use crate::sync::{Limits, Manner};
use crate::{Acquired, Error, Owner, Result};

/// A robust mutual-exclusion lock, held by a process. Not recursive; any thread of the holder may release it, or, with
/// [`ObjectOptions::any_release`], any process.
pub struct Lock {
    segment: Segment,
    lock: UserLock,
    fencing: Word64,
    any_release: bool,
    options: ObjectOptions,
}

/// u32: 1 if any process may release it.
pub(crate) const AT_ANY_RELEASE: usize = header::AT_PARAMS;
pub(crate) const SHAPE: Shape = Shape::plain(header::PAGE as u64);

impl Lock {
    /// Creates a lock, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`crate::Error::Exists`], [`crate::Error::Name`], [`crate::Error::Kind`], [`crate::Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ObjectOptions) -> Result<(Lock, bool)> {
        create_or_open(
            name,
            options,
            || {
                let params = |h: &mut Header| h.put_u32(AT_ANY_RELEASE, u32::from(options.any_release));
                Segment::create(domain, name, header::Kind::Lock, options.header_flags(), SHAPE, params, |_| Ok(()))
            },
            |name| {
                let lock = Lock::open(domain, name, options)?;
                if lock.any_release != options.any_release {
                    return Err(Error::Type("the lock was made with another rule of who may release it"));
                }
                Ok(lock)
            },
            |segment| Lock::on(segment, options.any_release, options),
        )
    }

    /// Opens a lock by name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Kind`], [`crate::Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<Lock> {
        Lock::attach(Source::Name(domain, name), options)
    }

    /// Opens the lock that a handle leads to.
    ///
    /// # Errors
    /// [`crate::Error::Kind`], [`crate::Error::Access`], [`crate::Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<Lock> {
        Lock::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`crate::Error::NotSupported`] if the file cannot be opened again, [`crate::Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<Lock> {
        let mut any_release = 0;
        let segment = Segment::open(source, header::Kind::Lock, |h| {
            any_release = h.u32(AT_ANY_RELEASE);
            if any_release > 1 {
                return Err(Error::Corrupt("impossible parameters of a lock"));
            }
            Ok(SHAPE)
        })?;
        Lock::on(segment, any_release == 1, options)
    }

    fn on(segment: Segment, any_release: bool, options: ObjectOptions) -> Result<Lock> {
        let (lock, fencing) = (UserLock::new(&segment, options)?, segment.region().word64(AT_FENCING)?);
        Ok(Lock { lock, fencing, segment, any_release, options })
    }

    /// Another handle on the same lock.
    pub(crate) fn share(&self) -> Result<Lock> {
        Lock::on(self.segment.clone(), self.any_release, self.options)
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Whether this process holds it.
    pub(super) fn is_mine(&self) -> Result<bool> {
        self.lock.is_mine(self.segment.domain())
    }

    /// [`Lock::lock`] if it is free.
    #[inline(always)]
    pub(crate) fn lock_at_once(&self) -> bool {
        self.lock.lock_at_once(self.segment.domain())
    }

    /// [`Lock::unlock`] if nobody waits.
    #[inline(always)]
    pub(crate) fn unlock_at_once(&self) -> bool {
        self.lock.unlock_at_once(self.segment.domain())
    }

    /// Takes the lock; [`Acquired::Recovered`] if the previous holder died while holding it.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`], [`crate::Error::Canceled`], [`crate::Error::Slots`].
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        self.lock.lock(&self.segment, limits)
    }

    /// Releases the lock.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`] if this process does not hold it, or, where any process may release it, nobody does.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        if self.any_release {
            return self.lock.unlock_any(&self.segment);
        }
        self.lock.unlock(&self.segment)
    }

    /// Releases the lock that this process holds, whoever else may.
    pub(super) fn unlock_own(&self) -> Result<()> {
        self.lock.unlock(&self.segment)
    }

    /// A number greater than every earlier one of this lock, for who holds it: what is told to others with it can be
    /// refused by them once they have seen a greater one.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`] if this process does not hold it.
    pub fn token(&self) -> Result<u64> {
        if !self.is_mine()? {
            return Err(Error::NotOwner);
        }
        next_token(&self.fencing)
    }

    /// Whether any process may release it.
    pub(crate) fn any_release(&self) -> bool {
        self.any_release
    }

    /// Whether it could be had; `ask`: also if its holder is dead.
    pub(super) fn is_free(&self, ask: bool) -> bool {
        self.lock.is_free(self.segment.domain(), ask)
    }

    /// Where to wait for that.
    pub(super) fn signal(&self) -> Signal<'_, Word32> {
        self.lock.signal()
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.segment.domain(), self.options.manner())
    }

    /// Who holds it.
    pub fn owner(&self) -> Result<Option<Owner>> {
        self.lock.owner(self.segment.domain())
    }

    /// How often it was taken over from a dead holder.
    pub fn steals(&self) -> u32 {
        self.segment.steals()
    }
}
