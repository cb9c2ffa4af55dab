//! The robust lock on a word in shared memory, and how this process waits.

use super::raw::{self, Acquired, Env, Slept, Stop, Word};
use super::{Cancel, Limits, Timeout};
use crate::shm::{Domain, Me, Word32};
use crate::sys::{clock, crash, fence, futex, process};
use crate::{Error, Result};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

impl Word for Word32 {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }
    #[inline]
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.swap(value, order)
    }
    #[inline]
    fn compare_exchange(&self, current: u32, new: u32, ok: Ordering) -> std::result::Result<u32, u32> {
        self.compare_exchange(current, new, ok)
    }
    #[inline]
    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.fetch_add(value, order)
    }
}

/// A dead holder is noticed after at most this long.
pub(super) const LOCK_SLICE_NS: u64 = 10_000_000;
/// Everything else is looked at again after at most this long.
pub(super) const EVENT_SLICE_NS: u64 = 100_000_000;

/// How the calling thread waits: the real [`Env`].
pub(super) struct Wait<'a> {
    domain: &'a Domain,
    /// CLOCK_MONOTONIC; `u64::MAX`: never. 0: do not wait at all.
    deadline: std::cell::Cell<Option<u64>>,
    limits: Limits<'a>,
    slice_ns: u64,
    /// When the current slice began; 0: not yet.
    slice_began: std::cell::Cell<u64>,
    /// Whether this handle spins at all.
    spin: bool,
    /// When a `try` on this lock last asked who lives, in this process.
    asked: Option<&'a AtomicU64>,
}

/// How long a lock is spun on before sleeping: so many looks, with pauses doubling up to the most.
const SPIN_ROUNDS: u32 = 30;
const FIRST_PAUSES: u32 = 4;
const MOST_PAUSES: u32 = 64;

impl<'a> Wait<'a> {
    #[inline]
    pub(super) fn new(domain: &'a Domain, limits: Limits<'a>, slice_ns: u64, spin: bool) -> Wait<'a> {
        Wait {
            domain,
            deadline: std::cell::Cell::new(None),
            limits,
            slice_ns,
            slice_began: std::cell::Cell::new(0),
            spin,
            asked: None,
        }
    }

    /// The deadline, fixed when it is first asked for: the fast path never reads the clock.
    fn deadline(&self) -> u64 {
        if let Some(deadline) = self.deadline.get() {
            return deadline;
        }
        let deadline = match self.limits.timeout {
            Timeout::Forever => u64::MAX,
            Timeout::Ns(ns) => clock::now_ns().saturating_add(ns),
        };
        self.deadline.set(Some(deadline));
        deadline
    }

    /// Whether spinning is allowed and may help.
    pub(super) fn may_spin(&self) -> bool {
        self.spin && !self.limits.is_try() && spinning_helps()
    }
}

impl Env for Wait<'_> {
    type Word = Word32;

    fn sleep(&self, word: &Word32, expected: u32) -> Slept {
        if self.slice_began.get() == 0 {
            self.slice_began.set(clock::coarse_ns());
        }
        let ns = match self.deadline() {
            u64::MAX => self.slice_ns,
            deadline => self.slice_ns.min(deadline.saturating_sub(clock::now_ns())),
        };
        let woken = match self.limits.cancel {
            Some(cancel) => futex::wait_or_cancel(word.atomic(), expected, cancel.word(), ns),
            None => futex::wait(word.atomic(), expected, ns),
        };
        // By the clock, not by how the sleep ended: frequent signals must not keep us from ever asking.
        let now = clock::coarse_ns();
        if woken == futex::Woken::TimedOut || now.saturating_sub(self.slice_began.get()) >= self.slice_ns {
            self.slice_began.set(now);
            return Slept::Slice;
        }
        Slept::LookAgain
    }

    fn wake(&self, word: &Word32, n: u32) -> u32 {
        crash::point("wake");
        futex::wake(word.atomic(), n)
    }

    fn is_dead(&self, owner: u32) -> bool {
        if crash::mutant(crash::Mutant::NoSteal) {
            return false;
        }
        match self.asked {
            Some(asked) if self.limits.is_try() => self.domain.is_dead_rate_limited(owner, asked),
            _ => self.domain.is_dead(owner),
        }
    }

    #[inline]
    fn spin(&self, round: u32) -> bool {
        if round == 0 {
            self.deadline(); // the time spent spinning counts
        }
        if round >= SPIN_ROUNDS || !self.may_spin() {
            return false;
        }
        let pauses = MOST_PAUSES.min(FIRST_PAUSES << round.min(16));
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
        true
    }

    fn stop(&self) -> std::result::Result<(), Stop> {
        if self.limits.cancel.is_some_and(Cancel::is_set) {
            return Err(Stop::Canceled);
        }
        let over = match self.deadline() {
            _ if self.limits.is_try() => true,
            u64::MAX => false,
            deadline => clock::now_ns() >= deadline,
        };
        if over {
            return Err(Stop::TimedOut);
        }
        Ok(())
    }

    #[inline]
    fn fence(&self) {
        fence::full();
    }
}

/// Whether another processor can be running the one we wait for.
pub(super) fn spinning_helps() -> bool {
    static PROCESSORS: AtomicU32 = AtomicU32::new(0);
    let mut n = PROCESSORS.load(Ordering::Relaxed);
    if n == 0 {
        n = process::processors() as u32;
        PROCESSORS.store(n, Ordering::Relaxed);
    }
    n > 1
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Error {
        match stop {
            Stop::TimedOut => Error::TimedOut,
            Stop::Canceled => Error::Canceled,
        }
    }
}

/// A robust lock on one word.
pub(crate) struct Mutex {
    word: Word32,
    spin: bool,
    asked: AtomicU64,
}

impl Mutex {
    pub(crate) fn new(word: Word32, spin: bool) -> Mutex {
        Mutex { word, spin, asked: AtomicU64::new(0) }
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

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, domain: &Domain, me: u32, limits: Limits) -> Result<Acquired> {
        let wait = Wait { asked: Some(&self.asked), ..Wait::new(domain, limits, LOCK_SLICE_NS, self.spin) };
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
        raw::unlock(&self.word, word, &Wait::new(domain, Limits::none(), 0, self.spin))
    }

    /// The owner's bits, 0 if free.
    pub(crate) fn owner(&self) -> u32 {
        self.word.load(Ordering::Relaxed) & !raw::WAITERS
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
        let limits = Limits::new(Timeout::Ns(ns), None);
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
