//! What bounds a wait: a timeout and a cancel token.

use super::Cancel;
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
