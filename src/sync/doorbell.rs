//! The bells of an eventcount in shared memory, and the one that a handle has among them.

use super::raw::Bells;
use crate::shm::{Domain, Region, Row64, Tenant};
use crate::sys::bell::{Address, Bell, Ringer};
use crate::sys::{clock, fork};
use crate::{Error, Result};
use std::hash::Hasher;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Most bells at one eventcount.
pub(crate) const BELLS: usize = 128;
/// Bytes of their row.
pub(crate) const BELLS_LEN: usize = BELLS * 8;

/// Who wants to hear of an eventcount through a descriptor, and this handle's own bell.
pub(crate) struct Doorbell {
    domain: Domain,
    bells: Bells<Row64>,
    /// What tells the row from all others on the machine.
    row: String,
    bell: Bell,
    /// Whose the bell is: a forked child's copy is its parent's. 0: there is none.
    tenant: AtomicU64,
    place: AtomicU32,
    /// The words of bells that could not be reached, by their places, and when the last of them could not: a living process
    /// has closed its descriptors, or hears in another network namespace.
    unreached: Vec<AtomicU64>,
    failed: AtomicU64,
}

/// How long what could not be reached is not tried again. By then its owner has looked around by itself.
const DEAF_NS: u64 = 100_000_000;

impl Doorbell {
    /// On the row at `offset`, which begins as zero, of the object with that identity.
    pub(crate) fn new(domain: &Domain, region: &Region, offset: usize, identity: u64) -> Result<Doorbell> {
        Ok(Doorbell {
            domain: domain.clone(),
            bells: Bells::new(region.row64(offset, BELLS)?),
            row: format!("{identity:x}-{offset:x}"),
            bell: Bell::none(),
            tenant: AtomicU64::new(0),
            place: AtomicU32::new(0),
            unreached: (0..BELLS).map(|_| AtomicU64::new(0)).collect(),
            failed: AtomicU64::new(0),
        })
    }

    /// Where a bell hears, and what. Both are keyed hashes, and only members of the domain can read its id, the key: so
    /// nobody else can guess a name, or ring; and what a stranger hears under the name of somebody who has died is
    /// worth nothing anywhere else, for tenants do not come round.
    fn address(&self, tenant: Tenant, place: usize) -> Address {
        let hash = |what: &str| keyed_hash(&self.domain.id(), &format!("{what} {} {:x} {place:x}", self.row, tenant.0));
        Address { name: format!("mproc-{:016x}", hash("name")), secret: hash("ring").to_le_bytes() }
    }

    /// This handle's descriptor, which it gets if it has none in this process.
    pub(crate) fn descriptor(&self) -> Result<i32> {
        let me = self.domain.tenant()?;
        // Among threads, and not while one of them forks: a child would inherit half of it.
        fork::exclusive(|| {
            if let Some(fd) = self.is_mine(me).then(|| self.bell.descriptor()).flatten() {
                return Ok(fd);
            }
            self.give_up(me);
            let place = self.open(me)?;
            self.place.store(place as u32, Ordering::Relaxed);
            self.tenant.store(me.0, Ordering::Release);
            self.bell.descriptor().ok_or(Error::Sys { call: "epoll_create1", errno: libc::EBADF })
        })
    }

    /// Takes a place and opens the bell.
    fn open(&self, me: Tenant) -> Result<usize> {
        let (full, mut from) = (Error::Full("128 descriptors are in use on this side of the object"), 0);
        loop {
            let place = self.bells.join(me, from, |tenant| self.domain.is_gone(tenant));
            // If no name is free, be it a stranger's doing: in silence.
            let silent = place.is_none() && from > 0;
            let place = if silent { self.bells.join(me, 0, |tenant| self.domain.is_gone(tenant)) } else { place };
            let place = place.ok_or(full.clone())?;
            let address = (!silent).then(|| self.address(me, place));
            match self.bell.open(address.as_ref()) {
                Ok(()) => return Ok(place),
                Err(error) => {
                    self.bells.leave(place, me);
                    if error != Error::Exists {
                        return Err(error);
                    }
                    // A silent child may still have the socket that this process had under the name.
                    from = place + 1;
                }
            }
        }
    }

    fn is_mine(&self, me: Tenant) -> bool {
        self.tenant.load(Ordering::Acquire) == me.0
    }

    /// Whether this handle has a descriptor in this process. If so, it is unreadable now, until somebody rings; the
    /// caller announces itself at the eventcount and looks once more.
    pub(super) fn arm(&self) -> bool {
        let Some(me) = self.domain.tenant_if_joined().filter(|&me| self.is_mine(me)) else { return false };
        let place = self.place.load(Ordering::Relaxed) as usize;
        if self.bell.hush() {
            self.bells.arm(place, me)
        } else {
            // Nobody could ring it, and everybody would try each time.
            self.bells.disarm(place, me)
        }
    }

    /// Makes the descriptor readable.
    pub(super) fn sound(&self) {
        self.bell.sound();
    }

    /// Rings all bells that are armed; `false`: not all could be reached, and of those not all are known to be dead.
    #[cold]
    pub(super) fn ring(&self) -> bool {
        let mut ringer = Ringer::new();
        let now = clock::coarse_ns();
        let deaf = now.saturating_sub(self.failed.load(Ordering::Relaxed)) < DEAF_NS;
        self.bells.ring(|tenant, place, word| {
            let unreached = &self.unreached[place];
            if deaf && unreached.load(Ordering::Relaxed) == word {
                return false;
            }
            let done = ringer.ring(&self.address(tenant, place)) || self.domain.is_gone(tenant);
            if !done {
                unreached.store(word, Ordering::Relaxed);
                self.failed.store(now, Ordering::Relaxed);
            }
            done
        })
    }

    /// Gives up the place, if it is this process's, and closes the descriptors, which a forked child has copies of.
    fn give_up(&self, me: Tenant) {
        if self.is_mine(me) {
            self.bells.leave(self.place.load(Ordering::Relaxed) as usize, me);
        }
        self.tenant.store(0, Ordering::Release);
        self.bell.close();
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        // Tenants are never 0: whoever has not joined has no place.
        self.give_up(self.domain.tenant_if_joined().unwrap_or(Tenant(u64::MAX)));
    }
}

/// SipHash-2-4 (Aumasson & Bernstein, 2012).
fn keyed_hash(key: &[u8; 16], text: &str) -> u64 {
    let half = |from: usize| u64::from_le_bytes(key[from..from + 8].try_into().unwrap_or_default());
    // Deprecated only as a hasher for maps, which want whatever hash is fastest; this one must stay what it is.
    #[allow(deprecated)]
    let mut hasher = std::hash::SipHasher::new_with_keys(half(0), half(8));
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    /// Processes with different builds of the library ring each other: the hash is the published one.
    #[test]
    fn hash_is_siphash_2_4() {
        // Of the paper's appendix A: key 00 01 … 0f, message 00 01 … 0e.
        let key: [u8; 16] = std::array::from_fn(|i| i as u8);
        let message: String = (0..15u8).map(char::from).collect();
        assert_eq!(super::keyed_hash(&key, &message), 0xa129_ca61_49be_45e5);
    }
}
