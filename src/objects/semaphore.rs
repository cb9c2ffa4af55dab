//! The semaphore, bounded or not, plain or accounting.
//!
//! A plain one is a value. An accounting one also has a table of who holds how much, which is the truth: value and
//! table are changed under a robust lock, and whoever takes that over from the dead counts anew.

use super::options::{create_or_open, ObjectOptions};
use crate::shm::header::{self, Header};
use crate::shm::{
    ask_rate_limited, every, Domain, Handle, Segment, Shape, Source, Table, Tenant, Word32, Word64, TABLE,
};
use crate::sync::raw::{self, Holders, Look, Signal};
use crate::sync::{Limits, Manner, Mutex, Wait};
use crate::sys::crash::{mutant, Mutant};
use crate::{Acquired, Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// The highest value.
pub const SEMAPHORE_MAX: u32 = 0x7FFF_FFFF;

/// How to create a semaphore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemaphoreOptions {
    /// What every object has.
    pub object: ObjectOptions,
    /// Permits at the beginning.
    pub initial: u32,
    /// Releasing above the initial value is an error.
    pub bounded: bool,
    /// Permits belong to processes, and come back when these die.
    pub accounting: bool,
}

impl Default for SemaphoreOptions {
    /// One permit, plain.
    fn default() -> SemaphoreOptions {
        SemaphoreOptions { object: ObjectOptions::default(), initial: 1, bounded: false, accounting: false }
    }
}

/// What a semaphore is like: a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemaphoreInfo {
    /// Permits that can be taken at once.
    pub value: u32,
    /// Permits at the beginning.
    pub initial: u32,
    /// Accounting: what this process has.
    pub held: u32,
    /// Accounting: living processes that have permits.
    pub holders: u32,
    /// As created.
    pub bounded: bool,
    /// As created.
    pub accounting: bool,
    /// Accounting: how often permits came back from a dead process.
    pub reclaimed: u32,
}

/// A counting semaphore.
pub struct Semaphore {
    segment: Segment,
    plain: raw::Semaphore<Word32>,
    account: Option<Account>,
    initial: u32,
    bounded: bool,
    /// The highest value.
    most: u32,
    manner: Manner,
}

/// What an accounting semaphore has besides.
struct Account {
    lock: Mutex,
    holders: Holders<Table>,
    reclaimed: Word32,
    /// When somebody who waits last looked for the dead, in milliseconds.
    swept: Word64,
    /// When a `try` last looked for the dead, in this process.
    looked: AtomicU64,
}

pub(crate) const AT_INITIAL: usize = header::AT_PARAMS;
pub(crate) const AT_MODE: usize = header::AT_PARAMS + 4;
pub(crate) const BOUNDED: u32 = 1;
pub(crate) const ACCOUNTING: u32 = 2;

pub(crate) const AT_VALUE: usize = header::AT_HOT;
pub(crate) const AT_SEQUENCE: usize = AT_VALUE + 4;
pub(crate) const AT_HINT: usize = AT_VALUE + 8;
pub(crate) const AT_LOCK: usize = AT_VALUE + 64;
pub(crate) const AT_RECLAIMED: usize = AT_LOCK + 4;
pub(crate) const AT_SWEPT: usize = AT_LOCK + 8;
/// u64 for each slot.
pub(crate) const AT_HOLDERS: usize = header::PAGE;

fn mode(bounded: bool, accounting: bool) -> u32 {
    let flag = |on, bit| if on { bit } else { 0 };
    flag(bounded, BOUNDED) | flag(accounting, ACCOUNTING)
}

pub(crate) fn shape(accounting: bool) -> Shape {
    let table = if accounting { TABLE * 8 } else { 0 };
    Shape::plain((header::PAGE + table) as u64)
}

impl Semaphore {
    /// Creates a semaphore, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Type`], [`Error::Name`], [`Error::Kind`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: SemaphoreOptions) -> Result<(Semaphore, bool)> {
        let (object, initial) = (options.object, options.initial);
        if initial > SEMAPHORE_MAX || options.accounting && initial == 0 {
            return Err(Error::invalid("a semaphore's initial value is 0 (accounting: 1) to 2^31 - 1"));
        }
        let mode = mode(options.bounded, options.accounting);
        let params = |h: &mut Header| {
            h.put_u32(AT_INITIAL, initial);
            h.put_u32(AT_MODE, mode);
        };
        create_or_open(
            name,
            object,
            || {
                let (kind, shape) = (header::Kind::Semaphore, shape(options.accounting));
                Segment::create(domain, name, kind, object.header_flags(), shape, params, |region| {
                    region.word32(AT_VALUE)?.store(initial, Ordering::Relaxed);
                    Ok(())
                })
            },
            |name| {
                let semaphore = Semaphore::open(domain, name, object)?;
                if (semaphore.initial, semaphore.mode()) != (initial, mode) {
                    return Err(Error::Type("the semaphore was made with another initial value or mode"));
                }
                Ok(semaphore)
            },
            |segment| Semaphore::on(segment, initial, mode, object),
        )
    }

    /// Opens a semaphore by name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Kind`], [`crate::Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<Semaphore> {
        Semaphore::attach(Source::Name(domain, name), options)
    }

    /// Opens the semaphore that a handle leads to.
    ///
    /// # Errors
    /// [`crate::Error::Kind`], [`crate::Error::Access`], [`crate::Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<Semaphore> {
        Semaphore::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`crate::Error::NotSupported`] if the file cannot be opened again, [`crate::Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<Semaphore> {
        let (mut initial, mut mode) = (0, 0);
        let segment = Segment::open(source, header::Kind::Semaphore, |h| {
            (initial, mode) = (h.u32(AT_INITIAL), h.u32(AT_MODE));
            if initial > SEMAPHORE_MAX || mode > BOUNDED | ACCOUNTING {
                return Err(Error::Corrupt("impossible parameters of a semaphore"));
            }
            Ok(shape(mode & ACCOUNTING != 0))
        })?;
        Semaphore::on(segment, initial, mode, options)
    }

    fn on(segment: Segment, initial: u32, mode: u32, options: ObjectOptions) -> Result<Semaphore> {
        let (r, manner) = (segment.region(), options.manner());
        let account = if mode & ACCOUNTING != 0 {
            Some(Account {
                lock: Mutex::new(r.word32(AT_LOCK)?, manner.internal()),
                holders: Holders::new(r.table(AT_HOLDERS)?),
                reclaimed: r.word32(AT_RECLAIMED)?,
                swept: r.word64(AT_SWEPT)?,
                looked: AtomicU64::new(0),
            })
        } else {
            None
        };
        Ok(Semaphore {
            plain: raw::Semaphore::new(r.word32(AT_VALUE)?, r.word32(AT_SEQUENCE)?, r.word32(AT_HINT)?),
            account,
            initial,
            bounded: mode & BOUNDED != 0,
            most: if mode & BOUNDED != 0 { initial } else { SEMAPHORE_MAX },
            manner,
            segment,
        })
    }

    /// As it was created: permits at the beginning, whether it is bounded, and whether it is accounting.
    pub(crate) fn parameters(&self) -> (u32, bool, bool) {
        (self.initial, self.bounded, self.account.is_some())
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        shape(self.account.is_some()).len
    }

    fn mode(&self) -> u32 {
        mode(self.bounded, self.account.is_some())
    }

    /// [`Semaphore::acquire`] if that is possible at once, and nobody has to be asked.
    #[inline(always)]
    pub(crate) fn acquire_at_once(&self) -> bool {
        self.account.is_none() && self.plain.try_acquire()
    }

    /// [`Semaphore::release`] if that is possible at once; `Some(true)`: now [`Semaphore::wake`] has to follow.
    #[inline(always)]
    pub(crate) fn release_at_once(&self, n: u32) -> Option<bool> {
        let added = self.account.is_none() && self.plain.add(n, self.most);
        added.then(|| self.plain.has_sleepers(&Wait::never(self.segment.domain(), self.manner)))
    }

    /// Wakes those who may have waited for permits that were given back.
    pub(crate) fn wake(&self, n: u32) {
        self.plain.wake(n, &Wait::never(self.segment.domain(), self.manner));
    }

    /// Takes a permit; [`Acquired::Recovered`] if an accounting semaphore just got permits back from the dead.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Interrupted`]; accounting: [`Error::Overflow`],
    /// [`Error::Busy`], [`Error::Slots`].
    #[inline]
    pub fn acquire(&self, limits: Limits) -> Result<Acquired> {
        match &self.account {
            None => {
                self.plain.acquire(&Wait::for_event(self.segment.domain(), limits, self.manner))?;
                Ok(Acquired::Clean)
            }
            Some(account) => self.acquire_accounted(account, limits),
        }
    }

    fn acquire_accounted(&self, account: &Account, limits: Limits) -> Result<Acquired> {
        let domain = self.segment.domain();
        let me = domain.tenant()?;
        let env = Wait::for_event(domain, limits, self.manner);
        let is_try = limits.is_try();
        if self.plain.value() != 0 {
            if let Some(acquired) = self.take(account, me, false)? {
                return Ok(acquired);
            }
        }
        self.plain.wait(&env, |look| {
            if self.plain.value() != 0 {
                return self.take(account, me, false).transpose();
            }
            if account.may_reclaim(domain, look, is_try) {
                return self.take(account, me, true).transpose();
            }
            None
        })?
    }

    /// Whether a permit could be had.
    pub(super) fn is_available(&self, look: Look, is_try: bool) -> bool {
        let reclaim = |account: &Account| account.may_reclaim(self.segment.domain(), look, is_try);
        self.plain.value() != 0 || self.account.as_ref().is_some_and(reclaim)
    }

    /// Where to wait for that.
    pub(super) fn signal(&self) -> Signal<'_, Word32> {
        self.plain.signal()
    }

    pub(super) fn domain(&self) -> (&Domain, Manner) {
        (self.segment.domain(), self.manner)
    }

    /// Takes a permit if there is one; with `reclaim`, first what the dead had.
    fn take(&self, account: &Account, me: Tenant, reclaim: bool) -> Result<Option<Acquired>> {
        let domain = self.segment.domain();
        let mut recounted = false;
        let inside = account.lock.enter(domain, || {
            recounted = true; // somebody died who may have been about to tell
            self.recount(account)
        })?;
        // Before this process's entry takes the place of what its slot's former tenant had.
        let mut reclaimed = account.holders.former(me).map_or(0, |(who, count)| self.reclaim(account, who, count));
        if reclaim {
            for (who, count) in account.dead(domain) {
                reclaimed = reclaimed.saturating_add(self.reclaim(account, who, count));
            }
        }
        let value = self.plain.value();
        let taken = value != 0 && account.holders.add(me, || ());
        if taken {
            self.plain.set_value(value - 1);
        }
        drop(inside);
        if reclaimed > u32::from(taken) {
            self.notify(reclaimed - u32::from(taken));
        }
        match taken {
            true if reclaimed > 0 || recounted => Ok(Some(Acquired::Recovered)),
            true => Ok(Some(Acquired::Clean)),
            false if value == 0 => Ok(None),
            false => Err(Error::Overflow("a process has 2^24 - 1 permits")),
        }
    }

    /// Whoever was in the middle of something has died: the table is the truth.
    fn recount(&self, account: &Account) -> Result<()> {
        self.segment.count_rollback();
        let held: u64 = account.holders.all().map(|(_, count)| count).sum();
        let free = u64::from(self.initial).saturating_sub(held);
        self.plain.set_value(free as u32);
        Ok(())
    }

    /// After the lock was released.
    fn notify(&self, n: u32) {
        self.plain.notify(n, &Wait::never(self.segment.domain(), self.manner));
    }

    /// Takes back what somebody dead had, inside the lock; how many permits.
    fn reclaim(&self, account: &Account, dead: Tenant, count: u64) -> u32 {
        if !account.holders.drop_dead(dead, count) {
            return 0;
        }
        self.plain.set_value(self.plain.value().saturating_add(count as u32));
        account.reclaimed.fetch_add(1, Ordering::Relaxed);
        count as u32
    }

    /// Gives permits back.
    ///
    /// # Errors
    /// [`Error::Overflow`]; accounting: [`Error::NotOwner`], [`Error::Busy`], [`Error::Slots`].
    #[inline]
    pub fn release(&self, n: u32) -> Result<()> {
        if let Some(account) = &self.account {
            return self.release_accounted(account, n);
        }
        if self.plain.release(n, self.most, &Wait::never(self.segment.domain(), self.manner)) {
            Ok(())
        } else {
            Err(Error::Overflow("a semaphore was released above its bound"))
        }
    }

    #[inline(never)]
    fn release_accounted(&self, account: &Account, n: u32) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        let domain = self.segment.domain();
        let me = domain.tenant()?;
        let inside = account.lock.enter(domain, || self.recount(account))?;
        if account.holders.sub(me, u64::from(n)).is_none() {
            return Err(Error::NotOwner);
        }
        self.plain.set_value(self.plain.value().saturating_add(n).min(self.initial));
        drop(inside);
        self.notify(n);
        Ok(())
    }

    /// What it is like.
    ///
    /// # Errors
    /// Accounting: [`Error::Slots`].
    pub fn info(&self) -> Result<SemaphoreInfo> {
        let domain = self.segment.domain();
        let (mut held, mut holders, mut reclaimed) = (0, 0, 0);
        if let Some(account) = &self.account {
            held = account.holders.held(domain.tenant()?) as u32;
            holders = account.holders.living(&Wait::never(domain, self.manner)).1;
            reclaimed = account.reclaimed.load(Ordering::Relaxed);
        }
        Ok(SemaphoreInfo {
            value: self.plain.value().min(SEMAPHORE_MAX),
            initial: self.initial,
            held,
            holders,
            bounded: self.bounded,
            accounting: self.account.is_some(),
            reclaimed,
        })
    }
}

impl Account {
    /// Whether it is time to ask for the dead, and there are some.
    fn may_reclaim(&self, domain: &Domain, look: Look, is_try: bool) -> bool {
        // Also if somebody died in the middle of giving back: then nobody has what is missing, and the value is stale.
        let there = || self.is_abandoned(domain) || self.dead(domain).next().is_some();
        let yes = match look {
            Look::First if is_try => ask_rate_limited(&self.looked, there),
            Look::First => there(),
            Look::Glance | Look::Again => false,
            Look::Slice => every(&self.swept, 50) && there(),
        };
        if yes {
            // Whoever acts on it asks again; and who only looked leaves it to be found by the next.
            self.looked.store(0, Ordering::Relaxed);
            self.swept.store(0, Ordering::Relaxed);
        }
        yes
    }

    /// Whether somebody died inside the lock.
    fn is_abandoned(&self, domain: &Domain) -> bool {
        let owner = self.lock.owner();
        owner != 0 && domain.is_dead(owner)
    }

    /// The dead who have permits.
    fn dead<'a>(&'a self, domain: &'a Domain) -> impl Iterator<Item = (Tenant, u64)> + 'a {
        self.holders.all().filter(|(who, _)| !mutant(Mutant::NoReclaim) && domain.is_gone(*who))
    }
}
