//! The file behind a mapped object: how to get at it again.

use super::domain::Domain;
use super::role::{Holding, Role};
use crate::sys::file::{self, FileLock, Stat};
use crate::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The file of a mapped object.
pub(super) struct Descriptor {
    domain: Domain,
    stat: Stat,
    name: Option<String>,
    /// That of the mapping's description; -1: none is kept. The program may close it or give its number to
    /// another file at any time.
    number: AtomicI32,
}

impl Descriptor {
    pub(super) fn new(domain: &Domain, fd: BorrowedFd, name: Option<&str>) -> Result<Descriptor> {
        Ok(Descriptor {
            domain: domain.clone(),
            stat: file::stat(fd)?,
            name: name.map(str::to_owned),
            number: AtomicI32::new(-1),
        })
    }

    /// What no other file of the domain has while this one exists: its number, and that of its file system, which for
    /// memory without a name is another.
    pub(super) fn identity(&self) -> u64 {
        self.stat.ino ^ self.stat.dev.rotate_left(40)
    }

    /// Keeps the descriptor of the mapping's description.
    pub(super) fn keep(&self, fd: OwnedFd) {
        self.number.store(fd.into_raw_fd(), Ordering::Release);
    }

    /// The number of the kept descriptor, if it still is this file's.
    fn number(&self) -> Option<i32> {
        let number = self.number.load(Ordering::Acquire);
        file::stat_number(number).filter(|s| s.same_file(&self.stat)).map(|_| number)
    }

    /// Another description of the file, by name or from the kept descriptor.
    pub(super) fn reopen(&self) -> Result<OwnedFd> {
        let same = |fd: OwnedFd| file::stat(fd.as_fd()).is_ok_and(|s| s.same_file(&self.stat)).then_some(fd);
        if let Some(name) = &self.name {
            if let Some(fd) = file::open_at(self.domain.dir()?.as_fd(), name).ok().and_then(same) {
                return Ok(fd);
            }
        }
        let lost = Error::NotSupported("the object has lost its name, or the program closed its descriptor");
        let number = self.number().ok_or(lost.clone())?;
        same(file::reopen(number)?).ok_or(lost)
    }

    /// Takes a role, on a description of its own.
    pub(super) fn take(&self, role: Role) -> Result<Holding> {
        let fd = self.reopen()?;
        // Shared locks never collide, and nobody takes an exclusive one.
        file::try_lock(fd.as_fd(), FileLock::Shared, role.byte(), 1)?;
        Holding::new(fd.as_fd())
    }

    /// Whether anybody has the role.
    pub(super) fn is_taken(&self, role: Role) -> Option<bool> {
        // Looked at before and after: the number may be given to another file at any time.
        if let Some(number) = self.number() {
            let taken = file::is_locked(number, role.byte());
            if self.number() == Some(number) && taken.is_some() {
                return taken;
            }
        }
        // The program has closed it. A named object can be found again, and the descriptor kept.
        let closed = self.number.load(Ordering::Acquire);
        let fd = self.reopen().ok()?;
        let taken = file::is_locked(fd.as_raw_fd(), role.byte());
        if self.number.compare_exchange(closed, fd.as_raw_fd(), Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            let _kept = fd.into_raw_fd();
        }
        taken
    }

    /// When the mapping is gone: closes what is kept, and removes the name if nobody uses the object any more.
    pub(super) fn leave(&self) {
        if let Some(number) = self.number() {
            self.number.store(-1, Ordering::Release);
            file::close_number(number);
        }
        if let Some(name) = &self.name {
            // A leftover is harmless: whoever comes next sweeps it.
            if let Ok(dir) = self.domain.dir() {
                let _ = self.domain.sweep_name(&dir, name);
            }
        }
    }
}
