//! A file of a domain, to look at: opened for reading only, never mapped, never locked.

use crate::shm::Role;
use crate::sys::file::{self, Stat};
use crate::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How often two readings in a row are compared before they count as a moving target.
const TRIES: usize = 5;

/// Bytes copied out of a file. What lies beyond their end reads as zero.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::tool) struct Bytes(Vec<u8>);

impl Bytes {
    pub(in crate::tool) fn u32(&self, at: usize) -> u32 {
        self.array(at).map_or(0, u32::from_ne_bytes)
    }

    pub(in crate::tool) fn u64(&self, at: usize) -> u64 {
        self.array(at).map_or(0, u64::from_ne_bytes)
    }

    /// A domain's identity.
    pub(super) fn id(&self, at: usize) -> [u8; 16] {
        self.array(at).unwrap_or_default()
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    pub(in crate::tool) fn all(&self) -> &[u8] {
        &self.0
    }
}

/// See the top of this file.
pub(in crate::tool) struct File {
    fd: OwnedFd,
    pub(in crate::tool) stat: Stat,
}

impl File {
    /// Opens a regular file; `None`: it is something else.
    pub(in crate::tool) fn open(dir: BorrowedFd, name: &str) -> Result<Option<File>> {
        // Opening something else may have effects.
        if !file::stat_at(dir, name)?.is_regular() {
            return Ok(None);
        }
        let fd = file::look_at(dir, name)?;
        let stat = file::stat(fd.as_fd())?;
        Ok(stat.is_regular().then_some(File { fd, stat }))
    }

    /// So many bytes from a place.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the file ends before.
    pub(in crate::tool) fn read(&self, at: u64, len: usize) -> Result<Bytes> {
        if at.checked_add(len as u64).is_none_or(|end| end > self.stat.size) {
            return Err(Error::Corrupt("the segment was cut"));
        }
        let bytes = self.read_some(at, len)?;
        if bytes.0.len() < len {
            return Err(Error::Corrupt("the segment was cut"));
        }
        Ok(bytes)
    }

    /// Up to so many bytes from a place.
    pub(in crate::tool) fn read_some(&self, at: u64, len: usize) -> Result<Bytes> {
        let mut bytes = vec![0; len];
        let mut done = 0;
        while done < len {
            match file::read_at(self.fd.as_fd(), &mut bytes[done..], at + done as u64)? {
                0 => break,
                n => done += n,
            }
        }
        bytes.truncate(done);
        Ok(Bytes(bytes))
    }

    /// The same, as they were at one moment, if they hold still long enough to tell: `true`.
    pub(in crate::tool) fn read_steady(&self, at: u64, len: usize) -> Result<(Bytes, bool)> {
        let mut before = self.read(at, len)?;
        for _ in 0..TRIES {
            let after = self.read(at, len)?;
            if after == before {
                return Ok((after, true));
            }
            before = after;
        }
        Ok((before, false))
    }

    /// Whether somebody holds a lock on a byte; `None`: the kernel does not say.
    pub(in crate::tool) fn is_locked(&self, byte: i64) -> Option<bool> {
        file::is_locked(self.fd.as_raw_fd(), byte)
    }

    /// Whether somebody has a role in the object.
    pub(in crate::tool) fn has_role(&self, role: Role) -> Option<bool> {
        self.is_locked(role.byte())
    }
}
