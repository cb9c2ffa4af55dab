//! Roles: facts about who has an object open as what, kept by the kernel.
//!
//! A role is a byte of the object's file beside the one that says "in use": whoever has the role holds a shared
//! OFD lock on it, on a description of its own that a mapping carries. So a role is inherited by fork, kept by a
//! silent child when its parent is gone, and over when the last process that has it closed it, ran another
//! program or died.

use super::segment::USE_BYTE;
use crate::sys::{crash, mapping};
use crate::Result;
use std::os::fd::BorrowedFd;

/// A role in an object: a small number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role(u8);

impl Role {
    /// The only role in a queue: producer.
    pub(crate) const PRODUCER: Role = Role(1);
    /// The ends of a pipe.
    pub(crate) const ENDS: [Role; 2] = [Role(1), Role(2)];

    pub(crate) fn byte(self) -> i64 {
        USE_BYTE + i64::from(self.0)
    }

    /// As it stands in tokens and letters; 0: none.
    pub(super) fn code(role: Option<Role>) -> u32 {
        role.map_or(0, |r| u32::from(r.0))
    }

    /// What a code means; `None`: nothing.
    pub(super) fn from_code(code: u32) -> Option<Option<Role>> {
        match code {
            0 => Some(None),
            1 | 2 => Some(Some(Role(code as u8))),
            _ => None,
        }
    }
}

/// Having a role; gives it up on drop. A forked child has its own copy.
pub(crate) struct Holding {
    carrier: usize,
}

impl Holding {
    /// Of a description that holds the role's lock.
    pub(super) fn new(fd: BorrowedFd) -> Result<Holding> {
        Ok(Holding { carrier: mapping::carrier(fd, true)? })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        crash::point("give up a role");
        mapping::drop_carrier(self.carrier);
    }
}
