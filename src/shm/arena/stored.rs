//! Bytes in an arena, as an operation that holds its lock sees them.

use crate::shm::region::Region;
use crate::{Error, Result};
use std::mem::MaybeUninit;

/// Bytes in an arena, readable as long as the operation lasts that hands them out. Other processes could write there,
/// too: copy, then check.
pub struct Stored<'a> {
    region: &'a Region,
    at: usize,
    len: usize,
}

impl<'a> Stored<'a> {
    #[inline]
    pub(crate) fn new(region: &'a Region, at: usize, len: usize) -> Stored<'a> {
        Stored { region, at, len }
    }

    /// How many.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // what is stored has at least one byte
    pub fn len(&self) -> usize {
        self.len
    }

    /// Copies the bytes from `skip` on out; all of `to` is initialised on success.
    ///
    /// # Errors
    /// [`Error::Range`] if there are not so many.
    #[inline]
    pub fn read(&self, skip: usize, to: &mut [MaybeUninit<u8>]) -> Result<()> {
        match skip.checked_add(to.len()) {
            Some(end) if end <= self.len => self.region.read(self.at + skip, to),
            end => Err(Error::Range { index: end.unwrap_or(usize::MAX), len: self.len }),
        }
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Error::Range`] if there are not so many.
    #[inline]
    pub fn byte(&self, index: usize) -> Result<u8> {
        let mut byte = [0];
        if index >= self.len {
            return Err(Error::Range { index, len: self.len });
        }
        self.region.read_into(self.at + index, &mut byte)?;
        Ok(byte[0])
    }

    /// Appends a copy of all of it.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) fn append_to(&self, to: &mut Vec<u8>) -> Result<()> {
        self.region.append_to(self.at, self.len, to)
    }

    /// A copy of all of it.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn to_vec(&self) -> Result<Vec<u8>> {
        self.region.read_vec(self.at, self.len)
    }
}
