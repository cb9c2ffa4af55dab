//! The eventcount on two words in shared memory.

use super::doorbell::Doorbell;
use super::raw::{self, Env, Signal, Stop};
use super::wait::{spinning_helps, Manner, Wait};
use super::Limits;
use crate::shm::{Domain, Region, Word32};
use crate::{Error, Result};
use std::sync::atomic::{AtomicU32, Ordering};

/// Sleep until something changes, without state that a killed sleeper could leave behind.
pub(crate) struct EventCount {
    sequence: Word32,
    hint: Word32,
    manner: Manner,
    /// Pauses before the first look, in this process: see [`EventCount::spin`].
    distance: AtomicU32,
    /// For those who wait in an event loop.
    doorbell: Option<Box<Doorbell>>,
}

/// Bounds of the distance between two looks, and of all of them together, in pauses.
const SHORTEST: u32 = 1;
const LONGEST: u32 = 128;
const SPIN_PAUSES: u32 = 2000;
/// See [`EventCount::expect`].
const EAGER_LOOKS: u32 = 100;

impl EventCount {
    /// On the two words at `offset`, which begin as zero.
    pub(crate) fn new(region: &Region, offset: usize, manner: Manner) -> Result<EventCount> {
        Ok(EventCount {
            sequence: region.word32(offset)?,
            hint: region.word32(offset + 4)?,
            manner,
            distance: AtomicU32::new(SHORTEST),
            doorbell: None,
        })
    }

    /// The same with bells.
    pub(crate) fn with_bells(self, doorbell: Option<Doorbell>) -> EventCount {
        // Aside: mostly there is none, and what is used all the time shall stand together.
        let doorbell = doorbell.map(Box::new);
        EventCount { doorbell, ..self }
    }

    /// A descriptor that becomes readable when this is notified, and then stays so until a wait without result.
    pub(crate) fn descriptor(&self) -> Result<i32> {
        match &self.doorbell {
            Some(doorbell) => doorbell.descriptor(),
            None => Err(Error::NotSupported("the object was not made pollable")),
        }
    }

    /// Where to wait for it among other things.
    pub(crate) fn signal(&self) -> Signal<'_, Word32> {
        Signal::Count { sequence: &self.sequence, hint: &self.hint }
    }

    /// Looks again and again at the shortest distance, for some microseconds, until `there` says yes: for an answer
    /// that is about to come. Not if this handle does not spin, or nobody could answer meanwhile.
    #[inline]
    pub(crate) fn expect(&self, there: impl Fn() -> bool) {
        if !there() && self.manner.spin && spinning_helps() {
            for _ in 0..EAGER_LOOKS {
                // Each look takes the line from whoever is writing there: not between two of its stores.
                std::hint::spin_loop();
                if there() {
                    return;
                }
            }
        }
    }

    /// Waits until `attempt` has a result. `attempt` is called before the first wait, after each change,
    /// and at least every 100 ms. `ready` is a cheap look at how much there is to do: 0 nothing, 1 just
    /// enough for one attempt, more.
    pub(crate) fn wait<T>(
        &self,
        domain: &Domain,
        limits: Limits,
        ready: impl Fn() -> u32,
        mut attempt: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let env = Wait::for_event(domain, limits, self.manner);
        let mut slept = None;
        // Whoever gives up passes on a wake-up it may have swallowed.
        let leave = |slept: Option<u32>| {
            slept.into_iter().for_each(|saw| raw::leave(&self.sequence, &self.hint, saw, &env));
        };
        loop {
            match attempt() {
                Ok(None) => {}
                Ok(Some(done)) => return Ok(done),
                Err(error) => {
                    leave(slept);
                    return Err(error);
                }
            }
            self.spin(&env, &ready);
            if let Err(stop) = env.stop() {
                match attempt() {
                    Ok(None) => {}
                    Ok(Some(done)) => return Ok(done),
                    Err(error) => {
                        leave(slept);
                        return Err(error);
                    }
                }
                leave(slept);
                return self.go_silent(stop, &env, attempt);
            }
            if ready() > 0 {
                continue;
            }
            let seen = raw::announce(&self.sequence, &self.hint, &env);
            if ready() == 0 {
                raw::sleep(&self.sequence, seen, &env);
                slept = Some(seen);
            }
        }
    }

    /// The end of a wait without result. If this handle has a descriptor, it stays readable unless there is nothing.
    fn go_silent<T>(&self, stop: Stop, env: &Wait, mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let doorbell = self.doorbell.as_ref().filter(|doorbell| stop == Stop::TimedOut && doorbell.arm());
        let Some(doorbell) = doorbell else { return Err(stop.into()) };
        raw::announce(&self.sequence, &self.hint, env);
        let last = attempt();
        if !matches!(last, Ok(None)) {
            doorbell.sound();
        }
        last?.ok_or(stop.into())
    }

    /// Looks again and again, for a while, at growing distances. Each look takes the line away from the
    /// other side; so if a look finds plenty, the next wait begins with a longer distance and lets more
    /// come together, and if it finds just enough, with a shorter one: throughput where there is a stream,
    /// latency where there is a dialogue.
    fn spin(&self, env: &Wait, ready: &impl Fn() -> u32) {
        if !env.may_spin() {
            return;
        }
        let first = self.distance.load(Ordering::Relaxed).clamp(SHORTEST, LONGEST);
        let (mut distance, mut spent) = (first, 0);
        while spent < SPIN_PAUSES {
            for _ in 0..distance {
                std::hint::spin_loop();
            }
            spent += distance;
            match ready() {
                0 => distance = (distance * 2).min(LONGEST),
                1 => return self.distance.store((first / 2).max(SHORTEST), Ordering::Relaxed),
                _ => return self.distance.store((first * 2).min(LONGEST), Ordering::Relaxed),
            }
        }
    }

    /// Wakes up to `n` sleepers, after a change that other processors may not have seen yet.
    #[inline]
    pub(crate) fn notify(&self, domain: &Domain, n: u32) {
        let env = Wait::never(domain, self.manner);
        raw::notify_and(&self.sequence, &self.hint, n, false, &env, || self.ring());
    }

    fn ring(&self) -> bool {
        self.doorbell.as_ref().is_none_or(|doorbell| doorbell.ring())
    }

    /// For whoever was woken and leaves what it was woken for to others.
    pub(crate) fn pass_on(&self, domain: &Domain) {
        raw::pass_on(&self.sequence, &self.hint, &Wait::never(domain, self.manner));
    }

    /// As [`EventCount::notify`], right after the release of a lock: on x86 that is a full fence already.
    #[inline]
    pub(crate) fn notify_after_unlock(&self, domain: &Domain, n: u32) {
        let env = Wait::never(domain, self.manner);
        env.fence_after_rmw();
        raw::notify_and(&self.sequence, &self.hint, n, true, &env, || self.ring());
    }
}
