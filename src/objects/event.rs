//! The event: a flag that processes wait for.

use super::options::{create_or_open, ObjectOptions};
use crate::shm::{header, Domain, Handle, Segment, Shape, Source, Word32};
use crate::sync::raw::Flag;
use crate::sync::{Limits, Manner, Wait};
use crate::Result;

/// A flag that processes wait for. Setting, clearing and asking take no lock, allocate nothing, join no domain, and
/// leave errno alone: they may be used in signal handlers.
pub struct Event {
    segment: Segment,
    flag: Flag<Word32>,
    manner: Manner,
}

pub(crate) const SHAPE: Shape = Shape::plain(header::PAGE as u64);

impl Event {
    /// Creates an event that is not set, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`crate::Error::Exists`], [`crate::Error::Name`], [`crate::Error::Kind`], [`crate::Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ObjectOptions) -> Result<(Event, bool)> {
        create_or_open(
            name,
            options,
            || Segment::create(domain, name, header::Kind::Event, options.header_flags(), SHAPE, |_| (), |_| Ok(())),
            |name| Event::open(domain, name, options),
            |segment| Event::on(segment, options),
        )
    }

    /// Opens an event by name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Kind`], [`crate::Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<Event> {
        Event::attach(Source::Name(domain, name), options)
    }

    /// Opens the event that a handle leads to.
    ///
    /// # Errors
    /// [`crate::Error::Kind`], [`crate::Error::Access`], [`crate::Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<Event> {
        Event::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`crate::Error::NotSupported`] if the file cannot be opened again, [`crate::Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<Event> {
        Event::on(Segment::open(source, header::Kind::Event, |_| Ok(SHAPE))?, options)
    }

    fn on(segment: Segment, options: ObjectOptions) -> Result<Event> {
        let flag = Flag::new(segment.region().word32(header::AT_HOT)?);
        Ok(Event { flag, manner: options.manner(), segment })
    }

    /// Sets it, and wakes everybody who waits, also if it is cleared at once. Async-signal-safe.
    #[inline]
    pub fn set(&self) {
        self.flag.set(&Wait::never(self.segment.domain(), self.manner));
    }

    /// Clears it. Async-signal-safe.
    #[inline]
    pub fn clear(&self) {
        self.flag.clear();
    }

    /// Whether it is set. Async-signal-safe.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.flag.is_set()
    }

    /// For waiting for it among other things.
    pub(super) fn flag(&self) -> &Flag<Word32> {
        &self.flag
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.segment.domain(), self.manner)
    }

    /// Waits until it is set, or was set since the call began.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`], [`crate::Error::Canceled`], [`crate::Error::Interrupted`].
    #[inline]
    pub fn wait(&self, limits: Limits) -> Result<()> {
        Ok(self.flag.wait(&Wait::for_event(self.segment.domain(), limits, self.manner))?)
    }
}
