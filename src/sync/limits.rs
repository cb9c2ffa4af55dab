//! What bounds a wait: a timeout and a cancel token.

use super::Cancel;
use crate::sys::clock;
use crate::{Error, Result};
use std::time::Duration;

/// How long a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// Without limit.
    Forever,
    /// This many nanoseconds; 0 tries once.
    Ns(u64),
}

impl Timeout {
    /// As the C API writes it: -1 forever, else nanoseconds.
    ///
    /// # Errors
    /// [`Error::Invalid`] for other negative numbers.
    #[inline]
    pub fn from_ns(ns: i64) -> Result<Timeout> {
        match ns {
            -1 => Ok(Timeout::Forever),
            0.. => Ok(Timeout::Ns(ns as u64)),
            _ => Err(Error::invalid("a timeout is negative (only -1, MPROC_FOREVER, has a meaning)")),
        }
    }
}

impl From<Duration> for Timeout {
    fn from(d: Duration) -> Timeout {
        Timeout::Ns(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// How long and under which token a call may wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    pub(crate) timeout: Timeout,
    pub(crate) cancel: Option<&'a Cancel>,
}

impl<'a> Limits<'a> {
    /// Both limits.
    #[inline]
    pub fn new(timeout: Timeout, cancel: Option<&'a Cancel>) -> Limits<'a> {
        Limits { timeout, cancel }
    }

    /// Whether the call may not wait at all.
    #[inline]
    pub(crate) fn is_try(&self) -> bool {
        self.timeout == Timeout::Ns(0)
    }

    /// Waits without limit.
    pub fn forever() -> Limits<'static> {
        Limits { timeout: Timeout::Forever, cancel: None }
    }

    /// Tries once.
    pub fn none() -> Limits<'static> {
        Limits { timeout: Timeout::Ns(0), cancel: None }
    }

    /// Waits at most this long.
    pub fn within(timeout: Duration) -> Limits<'static> {
        Limits { timeout: timeout.into(), cancel: None }
    }

    /// The same, also ended by a token.
    pub fn or(self, cancel: &'a Cancel) -> Limits<'a> {
        Limits { cancel: Some(cancel), ..self }
    }
}

/// The end of a wait that is none of a word: looked at between short waits in the kernel.
pub(crate) struct Deadline<'a> {
    limits: Limits<'a>,
    /// CLOCK_MONOTONIC; `u64::MAX`: never.
    at: u64,
}

impl<'a> Deadline<'a> {
    /// The time begins now.
    pub(crate) fn new(limits: Limits<'a>) -> Deadline<'a> {
        let at = match limits.timeout {
            Timeout::Forever => u64::MAX,
            Timeout::Ns(ns) => clock::now_ns().saturating_add(ns),
        };
        Deadline { limits, at }
    }

    /// Nanoseconds left; an error if there are none, or if the token was set.
    pub(crate) fn left(&self) -> Result<u64> {
        if self.limits.cancel.is_some_and(Cancel::is_set) {
            return Err(Error::Canceled);
        }
        match self.at.saturating_sub(clock::now_ns()) {
            0 => Err(Error::TimedOut),
            left => Ok(left),
        }
    }
}
