//! The readers-writer lock.

use super::options::{create_or_open, next_token, ObjectOptions};
use crate::shm::{header, Domain, Handle, Row64, Segment, Shape, Source, Table, Word32, Word64, SLOTS, TABLE};
use crate::sync::raw::{self, AtOnce, Refused, RwWords};
use crate::sync::{Limits, Manner, Wait};
use crate::{Acquired, Error, Owner, Result};
use std::sync::atomic::AtomicU64;

/// A robust readers-writer lock that prefers writers, held by processes. See [`raw::RwLock`].
pub struct RwLock {
    segment: Segment,
    lock: raw::RwLock<Word32, Table, Row64>,
    fencing: Word64,
    manner: Manner,
    asked: AtomicU64,
}

/// What an rwlock is like: a snapshot.
#[derive(Debug, Clone)]
pub struct RwLockInfo {
    /// The process that writes, or waits for the readers to leave.
    pub writer: Option<Owner>,
    /// Read locks that living processes hold.
    pub readers: u32,
    /// How many processes hold them.
    pub reading_processes: u32,
    /// A living writer is inside.
    pub writing: bool,
    /// A writer died inside, and none has released the lock since.
    pub inconsistent: bool,
    /// How often somebody dead was passed over.
    pub steals: u32,
}

// The writer's line, the gate's, and that of the writer who waits.
pub(crate) const AT_WRITER: usize = header::AT_HOT;
pub(crate) const AT_INSIDE: usize = AT_WRITER + 4;
pub(crate) const AT_GROUPS: usize = AT_WRITER + 8;
/// u64: fencing tokens that were given out.
pub(crate) const AT_FENCING: usize = AT_WRITER + 16;
pub(crate) const AT_GATE: usize = AT_WRITER + 64;
pub(crate) const AT_DRAINED: usize = AT_WRITER + 128;
/// A bit for each slot.
pub(crate) const AT_SEEN: usize = AT_WRITER + 192;
/// u64 for each slot.
pub(crate) const AT_READERS: usize = header::PAGE;
pub(crate) const SHAPE: Shape = Shape::plain((AT_READERS + TABLE * 8).next_multiple_of(header::PAGE) as u64);

impl RwLock {
    /// Creates an rwlock, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`crate::Error::Exists`], [`crate::Error::Name`], [`crate::Error::Kind`], [`crate::Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ObjectOptions) -> Result<(RwLock, bool)> {
        create_or_open(
            name,
            options,
            || Segment::create(domain, name, header::Kind::RwLock, options.header_flags(), SHAPE, |_| (), |_| Ok(())),
            |name| RwLock::open(domain, name, options),
            |segment| RwLock::on(segment, options),
        )
    }

    /// Opens an rwlock by name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Kind`], [`crate::Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<RwLock> {
        RwLock::attach(Source::Name(domain, name), options)
    }

    /// Opens the rwlock that a handle leads to.
    ///
    /// # Errors
    /// [`crate::Error::Kind`], [`crate::Error::Access`], [`crate::Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<RwLock> {
        RwLock::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`crate::Error::NotSupported`] if the file cannot be opened again, [`crate::Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<RwLock> {
        RwLock::on(Segment::open(source, header::Kind::RwLock, |_| Ok(SHAPE))?, options)
    }

    fn on(segment: Segment, options: ObjectOptions) -> Result<RwLock> {
        let r = segment.region();
        let words = RwWords {
            writer: r.word32(AT_WRITER)?,
            inside: r.word32(AT_INSIDE)?,
            gate: [r.word32(AT_GATE)?, r.word32(AT_GATE + 4)?],
            drained: [r.word32(AT_DRAINED)?, r.word32(AT_DRAINED + 4)?],
            groups: r.word32(AT_GROUPS)?,
            steals: r.word32(header::AT_STEALS)?,
        };
        let lock = raw::RwLock::new(words, r.table(AT_READERS)?, r.row64(AT_SEEN, SLOTS.div_ceil(64))?);
        let fencing = r.word64(AT_FENCING)?;
        Ok(RwLock { lock, fencing, manner: options.manner(), asked: AtomicU64::new(0), segment })
    }

    fn wait<'a>(&'a self, limits: Limits<'a>) -> Wait<'a> {
        Wait::for_lock(self.segment.domain(), limits, self.manner, &self.asked)
    }

    fn never(&self) -> Wait<'_> {
        Wait::never(self.segment.domain(), self.manner)
    }

    /// [`RwLock::read_lock`] if that is possible at once.
    #[inline(always)]
    pub(crate) fn read_at_once(&self) -> AtOnce {
        match self.segment.domain().seat_if_joined() {
            Some(seat) => self.lock.read_at_once(seat, &self.never()),
            None => AtOnce::No,
        }
    }

    /// [`RwLock::read_unlock`] if this process reads.
    #[inline(always)]
    pub(crate) fn read_unlock_at_once(&self) -> bool {
        let seat = self.segment.domain().seat_if_joined();
        seat.is_some_and(|seat| self.lock.read_unlock(seat, &self.never()))
    }

    /// Takes the lock for reading; [`Acquired::Recovered`] if a writer died inside and none has released the lock
    /// since.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`], [`crate::Error::Canceled`], [`crate::Error::Interrupted`],
    /// [`crate::Error::Overflow`], [`crate::Error::Slots`].
    #[inline]
    pub fn read_lock(&self, limits: Limits) -> Result<Acquired> {
        let me = self.segment.domain().tenant()?;
        self.lock.read_lock(me, &self.wait(limits)).map_err(|refused| match refused {
            Refused::Stopped(stop) => stop.into(),
            Refused::TooOften => Error::Overflow("a process has taken a read lock 2^24 - 1 times"),
        })
    }

    /// Gives up one read lock of this process.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`].
    #[inline]
    pub fn read_unlock(&self) -> Result<()> {
        let seat = self.lock.seat(self.segment.domain().tenant()?);
        if self.lock.read_unlock(seat, &self.never()) {
            Ok(())
        } else {
            Err(Error::NotOwner)
        }
    }

    /// Takes the lock for writing; [`Acquired::Recovered`] as for reading.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`], [`crate::Error::Canceled`], [`crate::Error::Interrupted`], [`crate::Error::Slots`].
    #[inline]
    pub fn write_lock(&self, limits: Limits) -> Result<Acquired> {
        Ok(self.lock.write_lock(self.segment.domain().tenant()?, &self.wait(limits))?)
    }

    /// Releases the lock after writing.
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`].
    #[inline]
    pub fn write_unlock(&self) -> Result<()> {
        if self.lock.write_unlock(self.segment.domain().tenant()?, &self.never()) {
            Ok(())
        } else {
            Err(Error::NotOwner)
        }
    }

    /// A number greater than every earlier one of this lock, for who writes: see [`super::Lock::token`].
    ///
    /// # Errors
    /// [`crate::Error::NotOwner`] if this process does not hold it for writing.
    pub fn token(&self) -> Result<u64> {
        if !self.lock.is_writer(self.segment.domain().tenant()?) {
            return Err(Error::NotOwner);
        }
        next_token(&self.fencing)
    }

    /// Who holds it.
    ///
    /// # Errors
    /// [`crate::Error::Slots`].
    pub fn info(&self) -> Result<RwLockInfo> {
        let domain = self.segment.domain();
        domain.me()?;
        let (writer, inside, dirty) = self.lock.writer();
        let writer = domain.describe(writer);
        let alive = writer.as_ref().is_some_and(|w| w.alive);
        let (readers, reading_processes) = self.lock.readers(&self.never());
        Ok(RwLockInfo {
            writer,
            readers: u32::try_from(readers).unwrap_or(u32::MAX),
            reading_processes,
            writing: inside && alive && readers == 0,
            inconsistent: dirty || inside && !(alive && readers == 0),
            steals: self.lock.steals(),
        })
    }
}
