//! The condition, with a lock of its own or bound to one.

use super::lock::Lock;
use super::options::{counted, create_or_open, ObjectOptions};
use super::rlock::RLock;
use crate::shm::header::{self, Header};
use crate::shm::{every, Domain, Handle, Row32, Row64, Segment, Shape, Source, Word64};
use crate::sync::raw;
use crate::sync::{Cancel, Limits, Manner, RecursiveMutex, Timeout, Token, Wait};
use crate::sys::crash::{mutant, Mutant};
use crate::{Acquired, Error, Result};

/// The most that can wait at a time.
pub(crate) const TICKETS: usize = 1024;

/// The lock of a condition.
#[derive(Default)]
pub enum ConditionLock {
    /// A recursive one of its own.
    #[default]
    Own,
    /// This one.
    Lock(Lock),
    /// This one.
    RLock(RLock),
}

/// How to create or open a condition.
#[derive(Default)]
pub struct ConditionOptions {
    /// What every object has.
    pub object: ObjectOptions,
    /// The lock; whoever opens the condition names the same.
    pub lock: ConditionLock,
}

/// What a condition is like: a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionInfo {
    /// Living waiters that have not been notified.
    pub waiters: u32,
    /// The kind of the lock it is bound to; 0: its own.
    pub lock_kind: u32,
    /// How often a notification was passed on because the one who got it had died.
    pub regranted: u32,
}

/// A condition. See [`raw::Condition`].
pub struct Condition {
    segment: Segment,
    condition: raw::Condition<Row64, Row32>,
    swept: Word64,
    lock: Bound,
    manner: Manner,
}

enum Bound {
    Own(RecursiveMutex),
    Lock(Lock),
    RLock(RLock),
}

/// u32: the kind of the lock, 0: its own.
pub(crate) const AT_LOCK_KIND: usize = header::AT_PARAMS;
/// u64: which lock of that kind.
pub(crate) const AT_LOCK_IDENTITY: usize = header::AT_PARAMS + 8;
/// u64: when somebody last looked for the dead, in milliseconds.
pub(crate) const AT_SWEPT: usize = header::AT_HOT;
pub(crate) const AT_BITS: usize = header::AT_HOT + 64;
pub(crate) const AT_OWNERS: usize = header::PAGE;
pub(crate) const AT_NUMBERS: usize = AT_OWNERS + TICKETS * 8;
pub(crate) const AT_STATES: usize = AT_NUMBERS + TICKETS * 8;
pub(crate) const SHAPE: Shape = Shape::plain((AT_STATES + TICKETS * 4) as u64);

/// What the header says of the lock: kind and identity.
type Binding = (u32, u64);

impl ConditionLock {
    /// Another handle on the same lock.
    pub(crate) fn share(&self) -> Result<ConditionLock> {
        Ok(match self {
            ConditionLock::Own => ConditionLock::Own,
            ConditionLock::Lock(lock) => ConditionLock::Lock(lock.share()?),
            ConditionLock::RLock(rlock) => ConditionLock::RLock(rlock.share()?),
        })
    }

    fn binding(&self, domain: &Domain) -> Result<Binding> {
        let (kind, segment) = match self {
            ConditionLock::Own => return Ok((0, 0)),
            ConditionLock::Lock(lock) => (header::Kind::Lock, lock.segment()),
            ConditionLock::RLock(rlock) => (header::Kind::RLock, rlock.segment()),
        };
        if segment.domain().id() != domain.id() {
            return Err(Error::Domain);
        }
        Ok((kind as u32, segment.identity()))
    }
}

impl Condition {
    /// Creates a condition, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Type`], [`Error::Domain`], [`Error::Name`], [`Error::Kind`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: ConditionOptions) -> Result<(Condition, bool)> {
        let ConditionOptions { object, lock } = options;
        let binding = lock.binding(domain)?;
        let params = |h: &mut Header| {
            h.put_u32(AT_LOCK_KIND, binding.0);
            h.put_u64(AT_LOCK_IDENTITY, binding.1);
        };
        let (kind, flags) = (header::Kind::Condition, object.header_flags());
        let (segment, existed) = create_or_open(
            name,
            object,
            || Segment::create(domain, name, kind, flags, SHAPE, params, |_| Ok(())),
            |name| Condition::find(Source::Name(domain, name), &lock),
            Ok,
        )?;
        Ok((Condition::on(segment, lock, object)?, existed))
    }

    /// Opens a condition by name; bound to a lock, it needs that one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Kind`], [`Error::Type`], [`Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ConditionOptions) -> Result<Condition> {
        Condition::attach(Source::Name(domain, name), options)
    }

    /// Opens the condition that a handle leads to; bound to a lock, it needs that one.
    ///
    /// # Errors
    /// [`Error::Kind`], [`Error::Type`], [`Error::Access`], [`Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ConditionOptions) -> Result<Condition> {
        Condition::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if the file cannot be opened again, [`Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ConditionOptions) -> Result<Condition> {
        let segment = Condition::find(source, &options.lock)?;
        Condition::on(segment, options.lock, options.object)
    }

    /// Maps a condition and checks that it is bound to this lock.
    fn find(source: Source, lock: &ConditionLock) -> Result<Segment> {
        let mut binding = (0, 0);
        let segment = Segment::open(source, header::Kind::Condition, |h| {
            binding = (h.u32(AT_LOCK_KIND), h.u64(AT_LOCK_IDENTITY));
            let known = [0, header::Kind::Lock as u32, header::Kind::RLock as u32];
            if !known.contains(&binding.0) {
                return Err(Error::Corrupt("impossible parameters of a condition"));
            }
            Ok(SHAPE)
        })?;
        if lock.binding(segment.domain())? != binding {
            return Err(Error::Type("the condition is bound to another lock"));
        }
        Ok(segment)
    }

    fn on(segment: Segment, lock: ConditionLock, options: ObjectOptions) -> Result<Condition> {
        let (r, manner) = (segment.region(), options.manner());
        let condition = raw::Condition::new(
            r.row64(AT_OWNERS, TICKETS)?,
            r.row64(AT_NUMBERS, TICKETS)?,
            r.row32(AT_STATES, TICKETS)?,
            r.row64(AT_BITS, TICKETS / 64 + 2)?,
        );
        let lock = match lock {
            ConditionLock::Own => Bound::Own(RecursiveMutex::new(r, header::AT_USER_LOCK, manner)?),
            ConditionLock::Lock(lock) => Bound::Lock(lock),
            ConditionLock::RLock(rlock) => Bound::RLock(rlock),
        };
        Ok(Condition { condition, swept: r.word64(AT_SWEPT)?, lock, manner, segment })
    }

    /// Takes the condition's lock for the calling thread.
    ///
    /// # Errors
    /// As [`RLock::lock`].
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        self.lock_owned(Token::of_thread(), limits)
    }

    /// As [`Condition::lock`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`RLock::lock_as`].
    pub fn lock_as(&self, token: u64, limits: Limits) -> Result<Acquired> {
        self.lock_owned(Token::given(token)?, limits)
    }

    pub(crate) fn lock_owned(&self, token: Token, limits: Limits) -> Result<Acquired> {
        match &self.lock {
            Bound::Own(mutex) => Ok(counted(&self.segment, mutex.lock(self.segment.domain(), token, limits)?)),
            Bound::Lock(lock) => lock.lock(limits),
            Bound::RLock(rlock) => rlock.lock_owned(token, limits),
        }
    }

    /// Releases the condition's lock, or one level of it.
    ///
    /// # Errors
    /// [`Error::NotOwner`].
    pub fn unlock(&self) -> Result<()> {
        self.unlock_owned(Token::of_thread())
    }

    /// As [`Condition::unlock`], for an owner that the caller names.
    ///
    /// # Errors
    /// [`Error::NotOwner`], [`Error::Invalid`].
    pub fn unlock_as(&self, token: u64) -> Result<()> {
        self.unlock_owned(Token::given(token)?)
    }

    pub(crate) fn unlock_owned(&self, token: Token) -> Result<()> {
        match &self.lock {
            Bound::Lock(lock) => lock.unlock(),
            Bound::Own(mutex) => mutex.unlock(self.segment.domain(), token),
            Bound::RLock(rlock) => rlock.mutex().unlock(self.segment.domain(), token),
        }
    }

    /// Gives the lock up, waits to be notified, and takes the lock again; [`Acquired::Recovered`] if a process died
    /// with it, whether this one was notified or not.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Interrupted`] with the lock held again;
    /// [`Error::NotOwner`], [`Error::Full`].
    pub fn wait(&self, limits: Limits) -> Result<Acquired> {
        self.wait_owned(Token::of_thread(), limits, None)
    }

    /// As [`Condition::wait`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`Condition::wait`]; [`Error::Invalid`].
    pub fn wait_as(&self, token: u64, limits: Limits) -> Result<Acquired> {
        self.wait_owned(Token::given(token)?, limits, None)
    }

    /// `gone` says that whoever waits here for another process need not go on: that is as a death, with the lock or
    /// without it.
    pub(crate) fn wait_owned(&self, token: Token, limits: Limits, gone: Option<&Cancel>) -> Result<Acquired> {
        let domain = self.segment.domain();
        let me = domain.tenant()?;
        let levels = self.levels(token)?;
        let env = Wait::for_event(domain, limits, self.manner);
        let ticket = self.condition.enrol(me).or_else(|| {
            self.condition.sweep(me, &env);
            self.condition.enrol(me)
        });
        let ticket = ticket.ok_or(Error::Full("too many wait for the condition"))?;
        if let Err(error) = self.give_up_lock() {
            // Somebody released it meanwhile.
            self.condition.withdraw(ticket, &env);
            return Err(error);
        }
        let waited = self.condition.wait(&ticket, me, &env, || every(&self.swept, 50));
        let locked = self.lock_again(token, if mutant(Mutant::OneLevel) { 1 } else { levels }, gone);
        if gone.is_some_and(Cancel::is_set) {
            // The ticket and what it was notified of are a dead one's. So is a lock that was had after all; unless there
            // is news of it, nobody has to hear of that.
            if locked == Ok(Acquired::Clean) {
                self.give_up_lock()?;
            }
            return Err(Error::Canceled);
        }
        if waited.is_ok() {
            // Only now: whoever dies before has not made use of the notification, and it passes on.
            self.condition.leave(ticket);
        }
        match (locked?, waited) {
            (Acquired::Recovered, _) => Ok(Acquired::Recovered),
            (Acquired::Clean, waited) => Ok(waited.map(|()| Acquired::Clean)?),
        }
    }

    /// How many levels of the lock the caller has.
    fn levels(&self, token: Token) -> Result<u32> {
        let domain = self.segment.domain();
        match &self.lock {
            Bound::Own(mutex) => mutex.levels(domain, token),
            Bound::RLock(rlock) => rlock.mutex().levels(domain, token),
            Bound::Lock(lock) if lock.is_mine()? => Ok(1),
            Bound::Lock(_) => Err(Error::NotOwner),
        }
    }

    fn give_up_lock(&self) -> Result<()> {
        let domain = self.segment.domain();
        match &self.lock {
            Bound::Own(mutex) => mutex.unlock_levels(domain),
            Bound::RLock(rlock) => rlock.mutex().unlock_levels(domain),
            Bound::Lock(lock) => lock.unlock_own(),
        }
    }

    /// Takes the lock again, however long that takes: the caller relies on having it.
    fn lock_again(&self, token: Token, levels: u32, gone: Option<&Cancel>) -> Result<Acquired> {
        let domain = self.segment.domain();
        let limits = Limits::new(Timeout::Forever, gone);
        loop {
            let locked = match &self.lock {
                Bound::Own(mutex) => {
                    mutex.lock_levels(domain, token, levels, limits).map(|got| counted(&self.segment, got))
                }
                Bound::RLock(rlock) => rlock.lock_levels(token, levels, limits),
                Bound::Lock(lock) => lock.lock(limits),
            };
            if locked != Err(Error::Interrupted) {
                return locked;
            }
        }
    }

    /// Notifies up to `n` of those who wait, the longest waiting first; how many. Never waits.
    ///
    /// # Errors
    /// [`Error::Slots`].
    pub fn notify(&self, n: u32) -> Result<u32> {
        let domain = self.segment.domain();
        domain.me()?;
        Ok(self.condition.notify(n, &Wait::never(domain, self.manner)))
    }

    /// What it is like.
    ///
    /// # Errors
    /// [`Error::Slots`].
    pub fn info(&self) -> Result<ConditionInfo> {
        let domain = self.segment.domain();
        domain.me()?;
        let lock_kind = match &self.lock {
            Bound::Own(_) => 0,
            Bound::Lock(_) => header::Kind::Lock as u32,
            Bound::RLock(_) => header::Kind::RLock as u32,
        };
        Ok(ConditionInfo {
            waiters: self.condition.waiters(&Wait::never(domain, self.manner)),
            lock_kind,
            regranted: self.condition.regranted(),
        })
    }
}
