//! The recursive lock as an object of its own.

use super::options::{counted, create_or_open, next_token, ObjectOptions, AT_FENCING};
use crate::shm::{header, Domain, Handle, Segment, Shape, Source, Word32, Word64};
use crate::sync::raw::Signal;
use crate::sync::{Limits, Manner, RecursiveMutex, Token};
use crate::{Acquired, Error, Owner, Result};

/// A robust recursive lock, owned by a process together with a token: the calling thread's, or one that the caller
/// names.
pub struct RLock {
    segment: Segment,
    lock: RecursiveMutex,
    fencing: Word64,
    options: ObjectOptions,
}

/// What an rlock is like: a snapshot.
#[derive(Debug, Clone)]
pub struct RLockInfo {
    /// The process that holds it.
    pub owner: Option<Owner>,
    /// The token it was taken with; 0: free.
    pub token: u64,
    /// How often the owner has to release it.
    pub count: u32,
    /// How often it was taken over from a dead process.
    pub steals: u32,
}

pub(crate) const SHAPE: Shape = Shape::plain(header::PAGE as u64);

impl RLock {
    /// Creates an rlock, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`crate::Error::Exists`], [`crate::Error::Name`], [`crate::Error::Kind`], [`crate::Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ObjectOptions) -> Result<(RLock, bool)> {
        create_or_open(
            name,
            options,
            || Segment::create(domain, name, header::Kind::RLock, options.header_flags(), SHAPE, |_| (), |_| Ok(())),
            |name| RLock::open(domain, name, options),
            |segment| RLock::on(segment, options),
        )
    }

    /// Opens an rlock by name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Kind`], [`crate::Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<RLock> {
        RLock::attach(Source::Name(domain, name), options)
    }

    /// Opens the rlock that a handle leads to.
    ///
    /// # Errors
    /// [`crate::Error::Kind`], [`crate::Error::Access`], [`crate::Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<RLock> {
        RLock::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`crate::Error::NotSupported`] if the file cannot be opened again, [`crate::Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<RLock> {
        RLock::on(Segment::open(source, header::Kind::RLock, |_| Ok(SHAPE))?, options)
    }

    fn on(segment: Segment, options: ObjectOptions) -> Result<RLock> {
        Ok(RLock {
            lock: RecursiveMutex::new(segment.region(), header::AT_USER_LOCK, options.manner())?,
            fencing: segment.region().word64(AT_FENCING)?,
            segment,
            options,
        })
    }

    /// Another handle on the same lock.
    pub(crate) fn share(&self) -> Result<RLock> {
        RLock::on(self.segment.clone(), self.options)
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// [`RLock::lock`] if that is possible at once, without news.
    #[inline(always)]
    pub(crate) fn lock_at_once(&self) -> bool {
        match (self.segment.domain().me_if_joined(), Token::of_thread_at_once()) {
            (Some(me), Some(token)) => self.lock.lock_at_once(me, token),
            _ => false,
        }
    }

    /// [`RLock::unlock`] if nobody waits.
    #[inline(always)]
    pub(crate) fn unlock_at_once(&self) -> bool {
        match (self.segment.domain().me_if_joined(), Token::of_thread_at_once()) {
            (Some(me), Some(token)) => self.lock.unlock_at_once(me, token),
            _ => false,
        }
    }

    /// Takes the lock, or one more level of it, for the calling thread; [`Acquired::Recovered`] if the previous
    /// holder's process died while holding it.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`], [`crate::Error::Canceled`], [`crate::Error::Interrupted`],
    /// [`crate::Error::Overflow`], [`crate::Error::Slots`].
    #[inline]
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        self.lock_owned(Token::of_thread(), limits)
    }

    /// As [`RLock::lock`], for an owner that the caller names: 1 to 2^63 - 1.
    ///
    /// # Errors
    /// As [`RLock::lock`]; [`crate::Error::Invalid`].
    pub fn lock_as(&self, token: u64, limits: Limits) -> Result<Acquired> {
        self.lock_owned(Token::given(token)?, limits)
    }

    pub(crate) fn lock_owned(&self, token: Token, limits: Limits) -> Result<Acquired> {
        Ok(counted(&self.segment, self.lock.lock(self.segment.domain(), token, limits)?))
    }

    /// Gives up one level of the calling thread; the last one releases the lock.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`].
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        self.unlock_owned(Token::of_thread())
    }

    /// As [`RLock::unlock`], for an owner that the caller names.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`], [`crate::Error::Invalid`].
    pub fn unlock_as(&self, token: u64) -> Result<()> {
        self.unlock_owned(Token::given(token)?)
    }

    #[inline]
    pub(crate) fn unlock_owned(&self, token: Token) -> Result<()> {
        self.lock.unlock(self.segment.domain(), token)
    }

    /// A number greater than every earlier one of this lock, for the calling thread if it has it: see
    /// [`super::Lock::token`].
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`].
    pub fn token(&self) -> Result<u64> {
        self.token_owned(Token::of_thread())
    }

    /// As [`RLock::token`], for an owner that the caller names.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`], [`crate::Error::Invalid`].
    pub fn token_as(&self, token: u64) -> Result<u64> {
        self.token_owned(Token::given(token)?)
    }

    pub(crate) fn token_owned(&self, token: Token) -> Result<u64> {
        self.lock.levels(self.segment.domain(), token)?;
        next_token(&self.fencing)
    }

    /// Takes the lock, which this owner does not have, with so many levels.
    pub(super) fn lock_levels(&self, token: Token, levels: u32, limits: Limits) -> Result<Acquired> {
        let acquired = self.lock.lock_levels(self.segment.domain(), token, levels, limits)?;
        Ok(counted(&self.segment, acquired))
    }

    /// Whether this owner has it.
    pub(crate) fn is_owned(&self, token: Token) -> Result<bool> {
        match self.lock.levels(self.segment.domain(), token) {
            Ok(_) => Ok(true),
            Err(Error::NotOwner) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn mutex(&self) -> &RecursiveMutex {
        &self.lock
    }

    /// Whether the calling thread could have it; `ask`: also if its holder is dead.
    pub(super) fn is_free(&self, ask: bool) -> bool {
        self.lock.is_free(self.segment.domain(), Token::of_thread(), ask)
    }

    /// Where to wait for that.
    pub(super) fn signal(&self) -> Signal<'_, Word32> {
        self.lock.signal()
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.segment.domain(), self.options.manner())
    }

    /// Who holds it, and how often.
    ///
    /// # Errors
    /// [`crate::Error::Slots`].
    pub fn info(&self) -> Result<RLockInfo> {
        let domain = self.segment.domain();
        domain.me()?;
        let (owner, token, count) = self.lock.state();
        Ok(RLockInfo { owner: domain.describe(owner), token, count, steals: self.segment.steals() })
    }
}
