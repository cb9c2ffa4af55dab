//! The lock as an object of its own.

use super::options::{create_or_open, ObjectOptions, UserLock};
use crate::shm::{header, Domain, Handle, Segment, Shape, Source};
use crate::sync::Limits;
use crate::{Acquired, Owner, Result};

/// A robust mutual-exclusion lock, held by a process. Not recursive; any thread of the holder may release it.
pub struct Lock {
    segment: Segment,
    lock: UserLock,
}

const SHAPE: Shape = Shape::plain(header::PAGE as u64);

impl Lock {
    /// Creates a lock, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`crate::Error::Exists`], [`crate::Error::Name`], [`crate::Error::Kind`], [`crate::Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ObjectOptions) -> Result<(Lock, bool)> {
        create_or_open(
            name,
            options,
            || Segment::create(domain, name, header::Kind::Lock, options.header_flags(), SHAPE, |_| (), |_| Ok(())),
            |name| Lock::open(domain, name, options),
            |segment| Lock::on(segment, options),
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
        Lock::on(Segment::open(source, header::Kind::Lock, |_| Ok(SHAPE))?, options)
    }

    fn on(segment: Segment, options: ObjectOptions) -> Result<Lock> {
        Ok(Lock { lock: UserLock::new(&segment, options)?, segment })
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
    /// [`crate::Error::NotOwner`] if this process does not hold it.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        self.lock.unlock(&self.segment)
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
