//! The condition: who waits for it, in tickets, so that a notification goes to somebody in particular and does not get
//! lost with them.
//!
//! A ticket is an owner (64 bits, so that it is known for dead however long it lies there), a word that its waiter
//! sleeps on, and a bit that says where to look. Whoever waits enrols under the user's lock, and only then gives that
//! lock up. Notifying looks for the longest waiting ticket and grants it with one compare-and-swap on its word; there
//! is no lock that a stopped waiter could hold. A granted ticket stays until its waiter has the user's lock again. So
//! if a waiter dies before that, whoever looks finds a granted ticket of somebody dead, and grants another one in its
//! place.
//!
//! The word is the low 30 bits of the ticket's number in order of enrolment, and its state, so that a ticket that was
//! given back and taken again meanwhile is not mistaken. Each step is one store in an order in which a death between
//! two of them leaves a ticket that the next sweep understands.

use super::{Env, Row, Slept, Stop, Word, Words};
use crate::shm::Tenant;
use crate::sys::crash::{mutant, Mutant};
use std::sync::atomic::Ordering;

/// States, in the two low bits of a ticket's word.
pub(crate) const FREE: u32 = 0;
pub(crate) const WAITING: u32 = 1;
/// Waiting, and asleep or about to be.
pub(crate) const ASLEEP: u32 = 2;
pub(crate) const GRANTED: u32 = 3;
pub(crate) const STATE: u32 = 3;
/// The condition.
pub struct Condition<R, S> {
    /// Who has which ticket; 0: nobody.
    owners: R,
    /// When each enrolled: its number.
    numbers: R,
    states: S,
    /// A bit for each ticket that is waiting or granted; then the next ticket's number, then how often a notification
    /// was passed on.
    bits: R,
}

/// A ticket.
#[derive(Debug)]
pub struct Ticket {
    index: usize,
    number: u64,
}

/// The word of a ticket with this number.
fn word(number: u64, state: u32) -> u32 {
    (number as u32) << 2 | state
}

impl Ticket {
    fn word(&self, state: u32) -> u32 {
        word(self.number, state)
    }
}

/// A ticket that somebody waits with.
struct Waiting {
    index: usize,
    word: u32,
    number: u64,
}

impl<R: Row, S: Words> Condition<R, S> {
    /// On rows of the same length, a multiple of 64, and one of a sixty-fourth of that plus 2; all begin as zero.
    pub fn new(owners: R, numbers: R, states: S, bits: R) -> Condition<R, S> {
        Condition { owners, numbers, states, bits }
    }

    fn tickets(&self) -> usize {
        self.owners.len()
    }

    fn at_next(&self) -> usize {
        self.tickets() / 64
    }

    /// Adds to a word of the row of bits; the old value.
    fn count_up(&self, at: usize) -> u64 {
        self.update(at, |n| n.wrapping_add(1))
    }

    fn update(&self, at: usize, f: impl Fn(u64) -> u64) -> u64 {
        let mut seen = self.bits.load(at, Ordering::Relaxed);
        loop {
            match self.bits.compare_exchange(at, seen, f(seen), Ordering::SeqCst) {
                Ok(old) => return old,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes a ticket; `None`: there is none. The caller holds the user's lock.
    pub fn enrol(&self, me: Tenant) -> Option<Ticket> {
        let index = (0..self.at_next()).find_map(|at| {
            let mut free = !self.bits.load(at, Ordering::Relaxed);
            while free != 0 {
                let index = at * 64 + free.trailing_zeros() as usize;
                free &= free - 1;
                if self.owners.load(index, Ordering::Relaxed) == 0
                    && self.owners.compare_exchange(index, 0, me.0, Ordering::Acquire).is_ok()
                {
                    return Some(index);
                }
            }
            None
        })?;
        let ticket = Ticket { index, number: self.count_up(self.at_next()) };
        self.numbers.store(index, ticket.number, Ordering::Relaxed);
        self.states.with(index, |word| word.store(ticket.word(WAITING), Ordering::Release));
        self.update(index / 64, |bits| bits | 1 << (index % 64));
        Some(ticket)
    }

    /// Gives a ticket back. Only its owner does that.
    fn free(&self, index: usize) {
        self.update(index / 64, |bits| bits & !(1 << (index % 64)));
        self.states.with(index, |word| word.store(FREE, Ordering::Relaxed));
        self.owners.store(index, 0, Ordering::Release);
    }

    /// After [`Condition::wait`] said that the ticket was granted, and the user's lock is held again.
    pub fn leave(&self, ticket: Ticket) {
        self.free(ticket.index);
    }

    /// Gives back a ticket that was not waited with; what was granted to it is granted to another.
    pub fn withdraw<E: Env<Word = S::Word>>(&self, ticket: Ticket, env: &E) {
        self.clear(ticket.index, env);
        self.free(ticket.index);
    }

    /// Waits until the ticket is granted; the user's lock is not held. If the wait ends otherwise, the ticket has been
    /// given back. `due` says whether it is time to look for the dead, at the end of a slice.
    pub fn wait<E: Env<Word = S::Word>>(
        &self,
        ticket: &Ticket,
        me: Tenant,
        env: &E,
        due: impl Fn() -> bool,
    ) -> Result<(), Stop> {
        let load = || self.states.with(ticket.index, |word| word.load(Ordering::Acquire));
        // Anything else than waiting counts as granted: waking up for nothing is legal, and garbage must not hang us.
        let waits = |seen: u32| seen == ticket.word(WAITING) || seen == ticket.word(ASLEEP);
        let mut round = 0;
        while env.spin(round) {
            round += 1;
            if !waits(load()) {
                return Ok(());
            }
        }
        loop {
            let seen = load();
            if !waits(seen) {
                return Ok(());
            }
            let change = |to: u32| {
                self.states
                    .with(ticket.index, |word| word.compare_exchange(seen, ticket.word(to), Ordering::AcqRel).is_ok())
            };
            if let Err(stop) = env.stop() {
                if change(FREE) {
                    self.free(ticket.index);
                    return Err(stop);
                }
                continue; // granted in the last moment
            }
            if seen == ticket.word(WAITING) && !change(ASLEEP) {
                continue;
            }
            let slept = self.states.with(ticket.index, |word| env.sleep(word, ticket.word(ASLEEP)));
            if slept == Slept::Slice && due() {
                self.sweep(me, env);
            }
        }
    }

    /// The tickets that somebody waits with, of those that enrolled before `horizon`.
    fn waiting(&self, horizon: u64) -> impl Iterator<Item = Waiting> + '_ {
        (0..self.at_next()).flat_map(move |at| {
            let mut bits = self.bits.load(at, Ordering::Acquire);
            std::iter::from_fn(move || {
                while bits != 0 {
                    let index = at * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let seen = self.states.with(index, |word| word.load(Ordering::Acquire));
                    let number = self.numbers.load(index, Ordering::Relaxed);
                    // The two belong together, or the ticket is just being taken anew.
                    let same = seen & !STATE == word(number, 0);
                    if same && matches!(seen & STATE, WAITING | ASLEEP) && number < horizon {
                        return Some(Waiting { index, word: seen, number });
                    }
                }
                None
            })
        })
    }

    /// Grants a ticket; `false`: it changed meanwhile.
    fn grant<E: Env<Word = S::Word>>(&self, ticket: &Waiting, env: &E) -> bool {
        self.states.with(ticket.index, |word| {
            let granted = word.compare_exchange(ticket.word, ticket.word | GRANTED, Ordering::AcqRel).is_ok();
            if granted && ticket.word & STATE == ASLEEP {
                env.wake(word, 1);
            }
            granted
        })
    }

    /// Notifies up to `n` of those who wait now, the longest waiting first; how many.
    pub fn notify<E: Env<Word = S::Word>>(&self, n: u32, env: &E) -> u32 {
        let horizon = self.bits.load(self.at_next(), Ordering::Relaxed);
        let mut granted = 0;
        // Each failure means that a ticket was given back or granted: as often as there are tickets is enough.
        for _ in 0..2 * self.tickets() {
            if granted >= n {
                break;
            }
            let (mut oldest, mut waiting) = (None::<Waiting>, 0);
            for ticket in self.waiting(horizon) {
                waiting += 1;
                if oldest.as_ref().is_none_or(|o| ticket.number < o.number) {
                    oldest = Some(ticket);
                }
            }
            let Some(oldest) = oldest else { break };
            if n - granted < waiting {
                granted += u32::from(self.grant(&oldest, env));
                continue;
            }
            // Everybody's turn: no need to go by age.
            for ticket in self.waiting(horizon) {
                granted += u32::from(granted < n && self.grant(&ticket, env));
            }
        }
        granted
    }

    /// Looks for the dead: their tickets are given back, and what was granted to them is granted to others.
    pub fn sweep<E: Env<Word = S::Word>>(&self, me: Tenant, env: &E) {
        let mut living = 0;
        for index in 0..self.tickets() {
            let owner = self.owners.load(index, Ordering::Acquire);
            if owner == 0 || owner == living || owner == me.0 {
                continue;
            }
            if !env.is_gone(Tenant(owner)) {
                living = owner; // most have several, or none
                continue;
            }
            // Without having the ticket: if this process is stopped, others can do the same.
            self.clear(index, env);
            if self.owners.compare_exchange(index, owner, me.0, Ordering::AcqRel).is_ok() {
                self.free(index);
            }
        }
    }

    /// Makes sure that nothing is granted to the owner of a ticket, and nothing will be: what was, is granted to
    /// another.
    fn clear<E: Env<Word = S::Word>>(&self, index: usize, env: &E) {
        for _ in 0..4 {
            let seen = self.states.with(index, |word| word.load(Ordering::Acquire));
            if seen & STATE == FREE {
                return;
            }
            // First the other, then this one: a death in between repeats it, and a wake-up too many is legal.
            if seen & STATE == GRANTED && !mutant(Mutant::NoRegrant) && self.notify(1, env) > 0 {
                self.count_up(self.at_next() + 1);
            }
            if self.states.with(index, |word| word.compare_exchange(seen, seen & !STATE, Ordering::AcqRel).is_ok()) {
                return;
            }
        }
    }

    /// How many living waiters have not been notified.
    pub fn waiters<E: Env>(&self, env: &E) -> u32 {
        let horizon = self.bits.load(self.at_next(), Ordering::Relaxed);
        let living = self.waiting(horizon).filter(|ticket| {
            let owner = self.owners.load(ticket.index, Ordering::Relaxed);
            owner != 0 && !env.is_gone(Tenant(owner))
        });
        living.count() as u32
    }

    /// How often a notification was passed on.
    pub fn regranted(&self) -> u32 {
        self.bits.load(self.at_next() + 1, Ordering::Relaxed) as u32
    }
}
