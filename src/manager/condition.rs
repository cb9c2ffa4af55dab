//! The condition.

use super::lock::{acquired, status_of};
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Link, Lock, Place, Proxy, RLock, Site};
use crate::objects::condition::SHAPE;
use crate::objects::{ConditionInfo, ConditionLock, ObjectOptions};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::sync::{Limits, Timeout, Token};
use crate::{objects, Acquired, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// A condition, here or there.
pub type Condition = Place<objects::Condition>;

// The first three are told the owner's token, as the rlock's.
const LOCK: u8 = 0;
const UNLOCK: u8 = 1;
const WAIT: u8 = 2;
const NOTIFY: u8 = 3;
const INFO: u8 = 4;

/// How to create or open a condition: by default with a lock of its own.
#[derive(Clone, Default)]
pub struct ConditionOptions {
    object: ObjectOptions,
    /// The lock it is bound to, if that is here.
    lock: Arc<ConditionLock>,
    /// The lock it is bound to, if that is a manager's.
    theirs: Option<Theirs>,
}

/// A manager's object.
#[derive(Clone)]
struct Theirs {
    link: Arc<Link>,
    lock: Number,
}

/// A lock in the manager: its kind (0: the condition's own), and its number.
type Number = (u32, u64);

const OWN: Number = (0, 0);

impl ConditionOptions {
    /// With a lock of its own.
    pub fn new(object: ObjectOptions) -> ConditionOptions {
        ConditionOptions { object, ..ConditionOptions::default() }
    }

    /// Bound to a lock.
    ///
    /// # Errors
    /// As opening it once more.
    pub fn with_lock(object: ObjectOptions, lock: &Lock) -> Result<ConditionOptions> {
        let here = match lock {
            Place::Near(lock, _) => ConditionLock::Lock(lock.share()?),
            Place::Far(_) => ConditionLock::Own,
        };
        Ok(ConditionOptions::bound(object, here, Kind::Lock, lock.proxy()))
    }

    /// Bound to an rlock.
    ///
    /// # Errors
    /// As opening it once more.
    pub fn with_rlock(object: ObjectOptions, rlock: &RLock) -> Result<ConditionOptions> {
        let here = match rlock {
            Place::Near(rlock, _) => ConditionLock::RLock(rlock.share()?),
            Place::Far(_) => ConditionLock::Own,
        };
        Ok(ConditionOptions::bound(object, here, Kind::RLock, rlock.proxy()))
    }

    fn bound(object: ObjectOptions, here: ConditionLock, kind: Kind, proxy: Option<&Proxy>) -> ConditionOptions {
        let theirs = proxy.map(|proxy| Theirs { link: proxy.link().clone(), lock: (kind as u32, proxy.id()) });
        ConditionOptions { object, lock: Arc::new(here), theirs }
    }

    /// For a condition here.
    fn here(&self) -> Result<objects::ConditionOptions> {
        if self.theirs.is_some() && matches!(*self.lock, ConditionLock::Own) {
            return Err(Error::Domain);
        }
        Ok(objects::ConditionOptions { object: self.object, lock: self.lock.share()? })
    }

    /// Whether the lock is where the condition is to be, as far as that can be told from here.
    fn check(&self, site: &Site) -> Result<()> {
        let same = match (site, &self.theirs) {
            (Site::Domain(_), _) => true, // see `here`
            (Site::Manager(link), Some(theirs)) => Arc::ptr_eq(link, &theirs.link),
            (Site::Manager(_), None) => matches!(*self.lock, ConditionLock::Own),
        };
        if same {
            Ok(())
        } else {
            Err(Error::Domain)
        }
    }

    /// The lock, as the manager knows it.
    fn number(&self) -> Number {
        self.theirs.as_ref().map_or(OWN, |theirs| theirs.lock)
    }
}

impl Condition {
    /// Creates a condition, named or anonymous, whose lock is in the same place; the flag says whether an existing one
    /// was opened.
    ///
    /// # Errors
    /// As [`objects::Condition::create`]; what the connection says.
    pub fn create_with(site: &Site, name: Option<&str>, new: &ConditionOptions) -> Result<(Condition, bool)> {
        new.check(site)?;
        Place::create(site, name, new)
    }

    /// Opens a condition by name; bound to a lock, it needs that one.
    ///
    /// # Errors
    /// As [`objects::Condition::open`]; what the connection says.
    pub fn open_with(site: &Site, name: &str, open: &ConditionOptions) -> Result<Condition> {
        open.check(site)?;
        Place::open(site, name, open)
    }

    /// Takes the condition's lock for the calling thread.
    ///
    /// # Errors
    /// As [`objects::Condition::lock`]; far: what the connection says.
    pub fn lock(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(condition, _) => condition.lock(limits),
            Place::Far(proxy) => lock_there(proxy, Token::of_thread(), limits),
        }
    }

    /// As [`Condition::lock`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`objects::Condition::lock_as`]; far: what the connection says.
    pub fn lock_as(&self, token: u64, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(condition, _) => condition.lock_as(token, limits),
            Place::Far(proxy) => lock_there(proxy, Token::given(token)?, limits),
        }
    }

    /// Releases the condition's lock, or one level of it.
    ///
    /// # Errors
    /// As [`objects::Condition::unlock`]; far: what the connection says.
    pub fn unlock(&self) -> Result<()> {
        match self {
            Place::Near(condition, _) => condition.unlock(),
            Place::Far(proxy) => unlock_there(proxy, Token::of_thread()),
        }
    }

    /// As [`Condition::unlock`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`objects::Condition::unlock_as`]; far: what the connection says.
    pub fn unlock_as(&self, token: u64) -> Result<()> {
        match self {
            Place::Near(condition, _) => condition.unlock_as(token),
            Place::Far(proxy) => unlock_there(proxy, Token::given(token)?),
        }
    }

    /// Gives the lock up, waits to be notified, and takes the lock again.
    ///
    /// # Errors
    /// As [`objects::Condition::wait`]; far: what the connection says.
    pub fn wait(&self, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(condition, _) => condition.wait(limits),
            Place::Far(proxy) => wait_there(proxy, Token::of_thread(), limits),
        }
    }

    /// As [`Condition::wait`], for an owner that the caller names.
    ///
    /// # Errors
    /// As [`objects::Condition::wait_as`]; far: what the connection says.
    pub fn wait_as(&self, token: u64, limits: Limits) -> Result<Acquired> {
        match self {
            Place::Near(condition, _) => condition.wait_as(token, limits),
            Place::Far(proxy) => wait_there(proxy, Token::given(token)?, limits),
        }
    }

    /// Notifies up to `n` of those who wait, the longest waiting first; how many.
    ///
    /// # Errors
    /// As [`objects::Condition::notify`]; far: what the connection says.
    pub fn notify(&self, n: u32) -> Result<u32> {
        match self {
            Place::Near(condition, _) => condition.notify(n),
            Place::Far(proxy) => proxy.ask(NOTIFY, |w| w.u32(n), |r| r.u32()),
        }
    }

    /// What it is like.
    ///
    /// # Errors
    /// As [`objects::Condition::info`]; far: what the connection says.
    pub fn info(&self) -> Result<ConditionInfo> {
        match self {
            Place::Near(condition, _) => condition.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }
}

fn lock_there(proxy: &Proxy, token: Token, limits: Limits) -> Result<Acquired> {
    proxy.call(LOCK, limits, |w| w.u64(token.bits()), |status, _| acquired(status))
}

/// The timeout is among the arguments: when it has passed, the lock is taken again, and for that there is no limit, nor
/// for the answer.
fn wait_there(proxy: &Proxy, token: Token, limits: Limits) -> Result<Acquired> {
    let put = |w: &mut Writer| {
        w.u64(token.bits());
        put_timeout(w, limits.timeout);
    };
    proxy.call(WAIT, Limits { timeout: Timeout::Forever, ..limits }, put, |status, _| acquired(status))
}

fn put_timeout(w: &mut Writer, timeout: Timeout) {
    w.i64(match timeout {
        Timeout::Forever => -1,
        Timeout::Ns(ns) => i64::try_from(ns).unwrap_or(i64::MAX),
    });
}

fn take_timeout(r: &mut Reader) -> Result<Timeout> {
    Timeout::from_ns(r.i64()?).map_err(|_| Error::Protocol("an impossible timeout"))
}

fn unlock_there(proxy: &Proxy, token: Token) -> Result<()> {
    proxy.ask(UNLOCK, |w| w.u64(token.bits()), |_| Ok(()))
}

impl Kindred for objects::Condition {
    const KIND: Kind = Kind::Condition;
    type New = ConditionOptions;
    type Open = ConditionOptions;

    fn class(op: u8) -> Class {
        match op {
            LOCK => Class::BOUND_WAITS,
            UNLOCK => Class::BOUND,
            WAIT => Class::BOUND_LONG,
            _ => Class::QUICK,
        }
    }

    fn create(domain: &Domain, name: Option<&str>, new: &ConditionOptions) -> Result<(Self, bool)> {
        objects::Condition::create(domain, name, new.here()?)
    }

    fn open(domain: &Domain, name: &str, open: &ConditionOptions) -> Result<Self> {
        objects::Condition::open(domain, name, open.here()?)
    }

    fn import(handle: &Handle, open: &ConditionOptions) -> Result<Self> {
        objects::Condition::import(handle, open.here()?)
    }

    fn export(&self) -> Result<Handle> {
        self.export()
    }

    fn exist_ok(new: &ConditionOptions) -> bool {
        new.object.exist_ok
    }

    fn as_open(new: &ConditionOptions) -> ConditionOptions {
        new.clone()
    }

    fn put_new(new: &ConditionOptions, out: &mut Writer) -> Result<()> {
        put_number(out, new.number());
        Ok(())
    }

    fn check(facts: &mut Reader, open: &ConditionOptions) -> Result<()> {
        is_bound_to(take_number(facts)?, open.number())
    }
}

fn is_bound_to(is: Number, wanted: Number) -> Result<()> {
    if is != wanted {
        return Err(Error::Type("the condition is bound to another lock"));
    }
    Ok(())
}

fn put_number(w: &mut Writer, (kind, number): Number) {
    w.u32(kind);
    w.u64(number);
}

fn take_number(r: &mut Reader) -> Result<Number> {
    Ok((r.u32()?, r.u64()?))
}

/// A condition, and its lock as clients call it.
struct ServedCondition {
    condition: objects::Condition,
    lock: Number,
}

/// The lock of that number, as the same member has it.
fn lock_of(making: &Making, (kind, number): Number) -> Result<ConditionLock> {
    if (kind, number) == OWN {
        return Ok(ConditionLock::Own);
    }
    let other = (making.other)(number)?;
    let any = other.as_any();
    match (any.downcast_ref::<objects::Lock>(), any.downcast_ref::<objects::RLock>()) {
        (Some(lock), _) if kind == Kind::Lock as u32 => Ok(ConditionLock::Lock(lock.share()?)),
        (_, Some(rlock)) if kind == Kind::RLock as u32 => Ok(ConditionLock::RLock(rlock.share()?)),
        _ => Err(Error::Protocol("a condition is bound to what is no lock")),
    }
}

/// What both sides of the server do: from the number of the lock to the object with its lock.
fn served(
    making: &Making,
    args: &mut Reader,
    make: impl FnOnce(objects::ConditionOptions) -> Result<objects::Condition>,
) -> Result<Arc<dyn Served>> {
    let lock = take_number(args)?;
    args.end()?;
    let options = objects::ConditionOptions { object: options::served(), lock: lock_of(making, lock)? };
    Ok(Arc::new(ServedCondition { condition: make(options)?, lock }))
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let make = |options| objects::Condition::create(making.domain, None, options).map(|(condition, _)| condition);
    served(making, args, make)
}

pub(super) fn join(making: &Making, handle: &Handle, args: &mut Reader) -> Result<Arc<dyn Served>> {
    served(making, args, |options| objects::Condition::import(handle, options))
}

impl Served for ServedCondition {
    fn kind(&self) -> Kind {
        Kind::Condition
    }

    fn class(&self, op: u8) -> Class {
        <objects::Condition as Kindred>::class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        let condition = &self.condition;
        match op {
            LOCK | UNLOCK => {
                let token = Token::of_client(args.u64()?)?;
                args.end()?;
                match op {
                    LOCK => condition.lock_owned(token, limits).map(status_of),
                    _ => condition.unlock_owned(token).map(|()| 0),
                }
            }
            WAIT => {
                let (token, timeout) = (Token::of_client(args.u64()?)?, take_timeout(args)?);
                args.end()?;
                condition.wait_owned(token, Limits { timeout, ..limits }, reply.gone.as_ref()).map(status_of)
            }
            NOTIFY => {
                let n = args.u32()?;
                args.end()?;
                reply.out.u32(condition.notify(n)?);
                Ok(0)
            }
            INFO => {
                args.end()?;
                put_info(&mut reply.out, &condition.info()?);
                Ok(0)
            }
            _ => no_such(),
        }
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.condition.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        is_bound_to(self.lock, take_number(options)?)
    }

    fn facts(&self, out: &mut Writer) {
        put_number(out, self.lock);
    }

    fn bytes(&self) -> u64 {
        SHAPE.len
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_info(w: &mut Writer, info: &ConditionInfo) {
    w.u32(info.waiters);
    w.u32(info.lock_kind);
    w.u32(info.regranted);
}

fn take_info(r: &mut Reader) -> Result<ConditionInfo> {
    Ok(ConditionInfo { waiters: r.u32()?, lock_kind: r.u32()?, regranted: r.u32()? })
}
