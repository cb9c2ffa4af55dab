//! The barrier.

use super::options::{create_or_open, ObjectOptions};
use crate::shm::header::{self, Header};
use crate::shm::{every, Domain, Handle, Row64, Segment, Shape, Source, Table, Word32, Word64, TABLE};
use crate::sync::raw::{self, Arrival, BarrierWords, Env, Fail, Place, Stop};
use crate::sync::{Limits, Manner, Wait};
use crate::sys::clock;
use crate::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// The most parties.
pub const BARRIER_MAX: u32 = 1022;

/// How to create a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierOptions {
    /// What every object has.
    pub object: ObjectOptions,
    /// How many have to come.
    pub parties: u32,
}

/// What a barrier is like: a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierInfo {
    /// How many have to come.
    pub parties: u32,
    /// How many wait.
    pub waiting: u32,
    /// Whether it is broken.
    pub broken: bool,
    /// Registrations of living processes.
    pub registered: u32,
    /// How often it was passed, broken or reset; wraps.
    pub generation: u32,
    /// Deaths that were noticed: of parties that waited, and of processes that had registered.
    pub deaths: u32,
}

/// Where parties wait for each other. See [`raw::Barrier`].
pub struct Barrier {
    segment: Segment,
    barrier: raw::Barrier<Word32, Table, Row64>,
    looked: Word64,
    parties: u32,
    manner: Manner,
    /// Registrations through this handle: the owner word and how many.
    mine: AtomicU64,
}

pub(crate) const AT_PARTIES: usize = header::AT_PARAMS;
pub(crate) const AT_LOCK: usize = header::AT_HOT;
pub(crate) const AT_ROUND: usize = AT_LOCK + 4;
pub(crate) const AT_BROKEN: usize = AT_LOCK + 8;
pub(crate) const AT_ARRIVED: usize = AT_LOCK + 12;
pub(crate) const AT_VERDICT: usize = AT_LOCK + 16;
pub(crate) const AT_DEATHS: usize = AT_LOCK + 20;
/// u64: when somebody last looked for the dead, in milliseconds.
pub(crate) const AT_LOOKED: usize = AT_LOCK + 24;
/// On a line of its own: those who wait look at it.
pub(crate) const AT_PHASE: usize = AT_LOCK + 64;
/// u64 for each slot.
pub(crate) const AT_REGISTERED: usize = header::PAGE;
/// Three rows of places.
pub(crate) const AT_PLACES: usize = AT_REGISTERED + TABLE * 8;

/// How many places: so many that the next round seldom has to wait for those who are slow to leave the last one.
pub(crate) fn places(parties: u32) -> usize {
    2 * parties as usize + 14
}

pub(crate) fn shape(parties: u32) -> Result<Shape> {
    if parties == 0 || parties > BARRIER_MAX {
        return Err(Error::invalid("a barrier has 1 to 1022 parties"));
    }
    Ok(Shape::plain((AT_PLACES + places(parties) * 24).next_multiple_of(header::PAGE) as u64))
}

impl From<Fail> for Error {
    fn from(fail: Fail) -> Error {
        match fail {
            Fail::Stopped(stop) => stop.into(),
            Fail::Broken => Error::Broken,
            Fail::Busy => Error::Busy,
            Fail::Full => Error::Full("too many parties of earlier rounds have not left the barrier"),
        }
    }
}

impl Barrier {
    /// Creates a barrier, named or anonymous; the flag says whether an existing one was opened.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Type`], [`Error::Name`], [`Error::Kind`], [`Error::NoSpace`] …
    pub fn create(domain: &Domain, name: Option<&str>, options: BarrierOptions) -> Result<(Barrier, bool)> {
        let (object, parties) = (options.object, options.parties);
        let shape = shape(parties)?;
        let params = |h: &mut Header| h.put_u32(AT_PARTIES, parties);
        create_or_open(
            name,
            object,
            || Segment::create(domain, name, header::Kind::Barrier, object.header_flags(), shape, params, |_| Ok(())),
            |name| {
                let barrier = Barrier::open(domain, name, object)?;
                if barrier.parties != parties {
                    return Err(Error::Type("the barrier was made for another number of parties"));
                }
                Ok(barrier)
            },
            |segment| Barrier::on(segment, parties, object),
        )
    }

    /// Opens a barrier by name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Kind`], [`crate::Error::Name`] …
    pub fn open(domain: &Domain, name: &str, options: ObjectOptions) -> Result<Barrier> {
        Barrier::attach(Source::Name(domain, name), options)
    }

    /// Opens the barrier that a handle leads to.
    ///
    /// # Errors
    /// [`crate::Error::Kind`], [`crate::Error::Access`], [`crate::Error::Corrupt`] …
    pub fn import(handle: &Handle, options: ObjectOptions) -> Result<Barrier> {
        Barrier::attach(Source::Handle(handle), options)
    }

    /// A handle that can travel to other processes.
    ///
    /// # Errors
    /// [`crate::Error::NotSupported`] if the file cannot be opened again, [`crate::Error::Sys`].
    pub fn export(&self) -> Result<Handle> {
        self.segment.export(None)
    }

    fn attach(source: Source, options: ObjectOptions) -> Result<Barrier> {
        let mut parties = 0;
        let segment = Segment::open(source, header::Kind::Barrier, |h| {
            parties = h.u32(AT_PARTIES);
            shape(parties).map_err(|_| Error::Corrupt("impossible parameters of a barrier"))
        })?;
        Barrier::on(segment, parties, options)
    }

    fn on(segment: Segment, parties: u32, options: ObjectOptions) -> Result<Barrier> {
        let r = segment.region();
        let words = BarrierWords {
            lock: r.word32(AT_LOCK)?,
            phase: r.word32(AT_PHASE)?,
            round: r.word32(AT_ROUND)?,
            broken: r.word32(AT_BROKEN)?,
            arrived: r.word32(AT_ARRIVED)?,
            verdict: r.word32(AT_VERDICT)?,
            deaths: r.word32(AT_DEATHS)?,
        };
        let n = places(parties);
        let row = |i: usize| r.row64(AT_PLACES + i * n * 8, n);
        let barrier = raw::Barrier::new(parties, words, [row(0)?, row(1)?, row(2)?], r.table(AT_REGISTERED)?);
        let looked = r.word64(AT_LOOKED)?;
        Ok(Barrier { barrier, looked, parties, manner: options.manner(), mine: AtomicU64::new(0), segment })
    }

    /// Arrives, and waits until all parties have; the index of this arrival in its round. With a timeout of 0 it passes
    /// only as the last.
    ///
    /// # Errors
    /// [`Error::Broken`]; [`Error::TimedOut`], [`Error::Canceled`], [`Error::Interrupted`]: this call has broken it;
    /// [`Error::Busy`], [`Error::Full`], [`Error::Slots`].
    pub fn wait(&self, limits: Limits) -> Result<u32> {
        self.wait_for(limits, None::<fn() -> bool>)
    }

    /// As [`Barrier::wait`]; whoever comes last runs its `action` before anybody passes, and `false` breaks the
    /// barrier.
    ///
    /// # Errors
    /// As [`Barrier::wait`].
    pub fn wait_with(&self, limits: Limits, action: impl FnOnce() -> bool) -> Result<u32> {
        self.wait_for(limits, Some(action))
    }

    fn wait_for(&self, limits: Limits, action: Option<impl FnOnce() -> bool>) -> Result<u32> {
        let domain = self.segment.domain();
        let me = domain.tenant()?;
        let mut action = action.map(|action| {
            move || {
                let good = action();
                (domain.tenant_if_joined() == Some(me)).then_some(good)
            }
        });
        self.while_full(limits, |env, due| self.barrier.wait(me, env, limits.is_try(), due, &mut action))
    }

    /// As [`Barrier::wait_with`], for an action that runs elsewhere: if this is the last to come, it is told so, and
    /// nobody passes before [`Barrier::acted`].
    pub(crate) fn come(&self, limits: Limits) -> Result<Arrival> {
        let me = self.segment.domain().tenant()?;
        self.while_full(limits, |env, due| self.barrier.come(me, env, limits.is_try(), due, true))
    }

    /// The action has run; `false` breaks the barrier.
    pub(crate) fn acted(&self, place: Place, good: bool) -> Result<u32> {
        let domain = self.segment.domain();
        Ok(self.barrier.acted(domain.tenant()?, &Wait::never(domain, self.manner), place, good)?)
    }

    /// Does something that needs a place, which may be scarce for a moment. `due` says whether it is time to look for
    /// the dead.
    fn while_full<T>(
        &self,
        limits: Limits,
        mut f: impl FnMut(&Wait, &dyn Fn() -> bool) -> std::result::Result<T, Fail>,
    ) -> Result<T> {
        let env = Wait::for_event(self.segment.domain(), limits, self.manner);
        loop {
            let waited = f(&env, &|| every(&self.looked, 50));
            if !matches!(waited, Err(Fail::Full)) {
                return Ok(waited?);
            }
            match env.stop() {
                Ok(()) => clock::nap(),
                Err(Stop::TimedOut) => return Err(Fail::Full.into()),
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Breaks it, until it is reset.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Slots`].
    pub fn abort(&self) -> Result<()> {
        let domain = self.segment.domain();
        Ok(self.barrier.abort(domain.tenant()?, &Wait::never(domain, self.manner))?)
    }

    /// Sends away who waits ([`Error::Broken`]), and makes it as new.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Slots`].
    pub fn reset(&self) -> Result<()> {
        let domain = self.segment.domain();
        Ok(self.barrier.reset(domain.tenant()?, &Wait::never(domain, self.manner))?)
    }

    /// Promises that this process will come: its death breaks the barrier.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::Busy`], [`Error::Slots`].
    pub fn register(&self) -> Result<()> {
        let domain = self.segment.domain();
        let me = domain.tenant()?;
        if !self.barrier.register(me, &Wait::never(domain, self.manner))? {
            return Err(Error::Overflow("a process registered 2^24 - 1 times"));
        }
        let own = u64::from(me.word()) << 32;
        // What the parent of a forked child registered is not the child's.
        let count = |seen: u64| if seen >> 32 == own >> 32 { seen & u64::from(u32::MAX) } else { 0 };
        let _ = self.mine.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| Some(own | (count(seen) + 1)));
        Ok(())
    }

    /// Takes one registration back.
    ///
    /// # Errors
    /// [`Error::NotOwner`] if none was made through this handle; [`Error::Slots`].
    pub fn unregister(&self) -> Result<()> {
        let me = self.segment.domain().tenant()?;
        let own = u64::from(me.word()) << 32;
        let one_less = |seen: u64| (seen > own && seen >> 32 == own >> 32).then(|| seen - 1);
        let counted = self.mine.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        if counted.is_err() || self.barrier.registered().sub(me, 1).is_none() {
            return Err(Error::NotOwner);
        }
        Ok(())
    }

    /// From here on the end of this handle takes no registration back: they are missed as those of the dead.
    pub(crate) fn abandon(&self) {
        self.mine.store(0, Ordering::Relaxed);
    }

    /// How many have to come.
    pub(crate) fn parties(&self) -> u32 {
        self.parties
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        shape(self.parties).map_or(0, |shape| shape.len)
    }

    /// What it is like.
    ///
    /// # Errors
    /// [`Error::Slots`].
    pub fn info(&self) -> Result<BarrierInfo> {
        let domain = self.segment.domain();
        domain.me()?;
        let (registered, _) = self.barrier.registered().living(&Wait::never(domain, self.manner));
        Ok(BarrierInfo {
            parties: self.parties,
            waiting: self.barrier.waiting().min(self.parties),
            broken: self.barrier.is_broken(),
            registered: u32::try_from(registered).unwrap_or(u32::MAX),
            generation: self.barrier.rounds(),
            deaths: self.barrier.deaths(),
        })
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        let mine = self.mine.load(Ordering::Relaxed);
        let Some(me) = self.segment.domain().tenant_if_joined() else { return };
        if mine >> 32 == u64::from(me.word()) {
            self.barrier.registered().sub(me, mine & u64::from(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::DomainOptions;
    use std::thread;

    /// Whoever acts from afar says where its place is; that may be anything.
    #[test]
    fn only_the_last_one_ends_a_round() {
        let domain = Domain::open(&DomainOptions { anonymous: true, ..DomainOptions::default() }).expect("domain");
        let options = BarrierOptions { object: ObjectOptions::default(), parties: 2 };
        let (barrier, _) = Barrier::create(&domain, None, options).expect("barrier");
        let member = domain.another_member().expect("member");
        let handle = barrier.export().expect("handle").for_member(&member);
        let other = Barrier::import(&handle, ObjectOptions::default()).expect("barrier");
        thread::scope(|scope| {
            let first = scope.spawn(|| other.wait(Limits::forever()));
            while barrier.info().expect("info").waiting == 0 {
                thread::yield_now();
            }
            let Ok(Arrival::Last(place)) = barrier.come(Limits::none()) else { panic!("not the last one") };
            let wrong = [
                Place { index: usize::MAX, ..place },
                Place { index: places(2), ..place },
                Place { index: place.index + 1, ..place },
                Place { index: usize::from(place.index == 0), ..place },
                Place { mark: 0, ..place },
                Place { mark: u64::MAX, ..place },
                Place { mark: place.mark - (1 << 3), ..place }, // the first one's arrival
                Place { mark: place.mark + (1 << 32), ..place }, // the next round
                Place { mark: place.mark ^ 3, ..place },
            ];
            for wrong in wrong {
                assert_eq!(barrier.acted(wrong, false), Err(Error::Broken), "{wrong:?}");
                assert_eq!(barrier.info().map(|i| (i.waiting, i.broken)), Ok((2, false)), "{wrong:?}");
            }
            assert_eq!(other.acted(place, true), Err(Error::Broken)); // another member's
            assert!(!first.is_finished());
            assert_eq!(barrier.acted(place, true), Ok(1));
            assert_eq!(first.join().expect("no panic"), Ok(0));
            assert_eq!(barrier.acted(place, false), Err(Error::Broken)); // again
            assert_eq!(barrier.info().map(|i| (i.waiting, i.broken)), Ok((0, false)));
        });
    }
}
