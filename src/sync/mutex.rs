//! The robust lock on a word in shared memory.

use super::raw::{self, Acquired, Signal};
use super::wait::{Manner, Wait};
use super::{Limits, Timeout};
use crate::shm::{Domain, Me, Word32};
use crate::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// A robust lock on one word.
pub(crate) struct Mutex {
    word: Word32,
    manner: Manner,
    asked: AtomicU64,
}

impl Mutex {
    pub(crate) fn new(word: Word32, manner: Manner) -> Mutex {
        Mutex { word, manner, asked: AtomicU64::new(0) }
    }

    /// Takes the lock for this process.
    #[inline]
    pub(crate) fn lock(&self, domain: &Domain, limits: Limits) -> Result<Acquired> {
        let me = domain.me()?.word();
        if raw::try_lock(&self.word, me) {
            return Ok(Acquired::Clean);
        }
        self.lock_slow(domain, me, limits)
    }

    /// Takes the lock if it is free.
    #[inline]
    pub(crate) fn try_lock_as(&self, me: Me) -> bool {
        raw::try_lock(&self.word, me.word())
    }

    /// Releases the lock that `me` holds if nobody waits.
    #[inline]
    pub(crate) fn try_unlock_as(&self, me: Me) -> bool {
        raw::try_unlock(&self.word, me.word())
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, domain: &Domain, me: u32, limits: Limits) -> Result<Acquired> {
        let wait = Wait::for_lock(domain, limits, self.manner, &self.asked);
        Ok(raw::lock(&self.word, me, &wait)?)
    }

    /// Releases the lock.
    #[inline]
    pub(crate) fn unlock(&self, domain: &Domain) -> Result<()> {
        let me = domain.me()?;
        if self.unlock_as(domain, me) {
            Ok(())
        } else {
            Err(Error::NotOwner)
        }
    }

    /// Releases the lock that `me` holds; `false` if it does not.
    #[inline]
    pub(crate) fn unlock_as(&self, domain: &Domain, me: Me) -> bool {
        self.release(domain, me.word())
    }

    #[inline]
    fn release(&self, domain: &Domain, word: u32) -> bool {
        raw::unlock(&self.word, word, &Wait::never(domain, self.manner))
    }

    /// Releases the lock, whoever holds it; an error if nobody does.
    pub(crate) fn unlock_any(&self, domain: &Domain) -> Result<()> {
        if raw::unlock_any(&self.word, &Wait::never(domain, self.manner)) {
            Ok(())
        } else {
            Err(Error::NotOwner)
        }
    }

    /// Whether whoever tried to take it would get it: it is free, or (`ask`, at most once a millisecond) its holder
    /// dead.
    pub(crate) fn is_free(&self, domain: &Domain, ask: bool) -> bool {
        let owner = self.owner();
        owner == 0 || ask && domain.is_dead_rate_limited(owner, &self.asked)
    }

    /// Where to wait for that among other things.
    pub(crate) fn signal(&self) -> Signal<'_, Word32> {
        Signal::Lock(&self.word)
    }

    /// The owner's bits, 0 if free.
    pub(crate) fn owner(&self) -> u32 {
        self.word.load(Ordering::Acquire) & !raw::WAITERS
    }

    /// Takes the lock for the library's own short critical sections: bounded by the domain's busy timeout.
    /// `recover` runs first when the previous holder died inside.
    #[inline]
    pub(crate) fn enter<'a>(&'a self, domain: &'a Domain, recover: impl FnOnce() -> Result<()>) -> Result<Inside<'a>> {
        self.enter_within(domain, domain.busy_ns(), recover)
    }

    /// As [`Mutex::enter`], but waits for `ns` at most.
    #[inline]
    pub(crate) fn enter_within<'a>(
        &'a self,
        domain: &'a Domain,
        ns: u64,
        recover: impl FnOnce() -> Result<()>,
    ) -> Result<Inside<'a>> {
        let me = domain.me()?;
        if !raw::try_lock(&self.word, me.word()) {
            return self.enter_slow(domain, me, ns, recover);
        }
        Ok(Inside { mutex: Some(self), domain, me: u64::from(me.word()) })
    }

    #[cold]
    #[inline(never)]
    fn enter_slow<'a>(
        &'a self,
        domain: &'a Domain,
        me: Me,
        ns: u64,
        recover: impl FnOnce() -> Result<()>,
    ) -> Result<Inside<'a>> {
        let limits = Limits::new(Timeout::Ns(ns.min(super::wait::most_busy_ns())), None);
        let acquired = match self.lock_slow(domain, me.word(), limits) {
            Err(Error::TimedOut) => return Err(Error::Busy),
            other => other?,
        };
        let inside = Inside { mutex: Some(self), domain, me: u64::from(me.word()) };
        if acquired == Acquired::Recovered {
            recover()?;
        }
        Ok(inside)
    }
}

/// Being inside the library's own critical section; leaves it on drop.
pub(crate) struct Inside<'a> {
    /// `None`: nobody else is there, by promise.
    mutex: Option<&'a Mutex>,
    domain: &'a Domain,
    /// The owner's word, as wide as a register: a guard that is moved in memory is read in pieces of 8 bytes, which
    /// must wait for a narrower store.
    me: u64,
}

impl<'a> Inside<'a> {
    /// Where no lock is needed.
    #[inline]
    pub(crate) fn unlocked(domain: &'a Domain) -> Inside<'a> {
        Inside { mutex: None, domain, me: 0 }
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(mutex) = self.mutex {
            // Not held any more only if shared memory was tampered with: then there is nothing to release.
            mutex.release(self.domain, self.me as u32);
        }
    }
}
