//! How this process waits: the real [`Env`].

use super::raw::{Bed, Env, Places, Row, Slept, Stop, Word, Words};
use super::{Cancel, Limits, Timeout};
use crate::shm::{Domain, Row32, Row64, Table, Tenant, Word32, TABLE};
use crate::sys::{clock, crash, fence, futex, process};
use crate::Error;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

impl Word for Word32 {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }
    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
    #[inline]
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.swap(value, order)
    }
    #[inline]
    fn compare_exchange(&self, current: u32, new: u32, ok: Ordering) -> Result<u32, u32> {
        self.compare_exchange(current, new, ok)
    }
    #[inline]
    fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.fetch_add(value, order)
    }
}

macro_rules! row {
    ($type:ty, $len:expr) => {
        impl Row for $type {
            fn len(&self) -> usize {
                let len: fn(&$type) -> usize = $len;
                len(self)
            }
            #[inline(always)]
            fn load(&self, index: usize, order: Ordering) -> u64 {
                self.with(index, |word| word.load(order))
            }
            #[inline(always)]
            fn store(&self, index: usize, value: u64, order: Ordering) {
                self.with(index, |word| word.store(value, order));
            }
            #[inline(always)]
            fn compare_exchange(&self, index: usize, current: u64, new: u64, ok: Ordering) -> Result<u64, u64> {
                self.with(index, |word| word.compare_exchange(current, new, ok))
            }
        }
    };
}

row!(Row64, Row64::len);
row!(Table, |_| TABLE);

impl Places for Table {
    #[inline(always)]
    fn place(entry: usize) -> usize {
        Table::place(entry)
    }
    #[inline(always)]
    fn load_at(&self, place: usize, order: Ordering) -> u64 {
        self.at(place, |word| word.load(order))
    }
    #[inline(always)]
    fn compare_exchange_at(&self, place: usize, current: u64, new: u64, ok: Ordering) -> Result<u64, u64> {
        self.at(place, |word| word.compare_exchange(current, new, ok))
    }
}

impl Words for Row32 {
    type Word = Word32;
    #[inline]
    fn with<R>(&self, index: usize, f: impl FnOnce(&Word32) -> R) -> R {
        self.with(index, f)
    }
}

thread_local! {
    /// See [`be_brief`].
    static MOST_BUSY: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// The calling thread serves others: it gives up on an internal lock that a living process holds after so long,
/// whatever the domain says.
pub(crate) fn be_brief(ns: u64) {
    MOST_BUSY.set(ns);
}

/// So long the calling thread may be busy with one thing: [`be_brief`]; else without end.
pub(crate) fn most_busy_ns() -> u64 {
    MOST_BUSY.get()
}

/// A dead holder is noticed after at most this long.
pub(super) const LOCK_SLICE_NS: u64 = 10_000_000;
/// Everything else is looked at again after at most this long.
pub(super) const EVENT_SLICE_NS: u64 = 100_000_000;

/// The same, where somebody was in the way of the last look.
const BRIEFLY_NS: u64 = 1_000_000;

/// How a handle waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Looks again and again for a while before it sleeps.
    pub spin: bool,
    /// A signal handler that ran ends the wait.
    pub interruptible: bool,
    /// What is waited for is held for some instructions only.
    pub brief: bool,
}

impl Manner {
    /// For the library's own short waits: no signal ends them, and they begin with some pauses even if the handle does
    /// not spin, because to sleep costs more of the processor's time.
    pub(crate) fn internal(self) -> Manner {
        Manner { interruptible: false, brief: true, ..self }
    }
}

/// How the calling thread waits: the real [`Env`].
pub(crate) struct Wait<'a> {
    domain: &'a Domain,
    /// CLOCK_MONOTONIC; `u64::MAX`: never. 0: do not wait at all.
    deadline: Cell<Option<u64>>,
    limits: Limits<'a>,
    slice_ns: u64,
    /// When the current slice began; 0: not yet.
    slice_began: Cell<u64>,
    manner: Manner,
    /// A signal handler ran while this slept, and that matters.
    interrupted: Cell<bool>,
    /// When a `try` on this lock last asked who lives, in this process.
    pub(super) asked: Option<&'a AtomicU64>,
}

/// How long a lock is spun on before sleeping: so many looks, with pauses doubling up to the most.
const SPIN_ROUNDS: u32 = 30;
/// The same where the handle does not spin, but what it waits for is held briefly: less than a microsecond.
const BRIEF_ROUNDS: u32 = 3;
const FIRST_PAUSES: u32 = 4;
const MOST_PAUSES: u32 = 64;

impl<'a> Wait<'a> {
    #[inline]
    pub(super) fn new(domain: &'a Domain, limits: Limits<'a>, slice_ns: u64, manner: Manner) -> Wait<'a> {
        Wait {
            domain,
            deadline: Cell::new(None),
            limits,
            slice_ns,
            slice_began: Cell::new(0),
            manner,
            interrupted: Cell::new(false),
            asked: None,
        }
    }

    /// For a lock, with slices after which a dead holder is looked for. `asked`: when a `try` on it last asked who
    /// lives.
    #[inline]
    pub(crate) fn for_lock(domain: &'a Domain, limits: Limits<'a>, manner: Manner, asked: &'a AtomicU64) -> Wait<'a> {
        Wait { asked: Some(asked), ..Wait::new(domain, limits, LOCK_SLICE_NS, manner) }
    }

    /// For something else to happen.
    #[inline]
    pub(crate) fn for_event(domain: &'a Domain, limits: Limits<'a>, manner: Manner) -> Wait<'a> {
        Wait::new(domain, limits, EVENT_SLICE_NS, manner)
    }

    /// For no wait at all: only to wake others.
    #[inline]
    pub(crate) fn never(domain: &'a Domain, manner: Manner) -> Wait<'a> {
        Wait::new(domain, Limits::none(), LOCK_SLICE_NS, manner)
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

    /// Sleeps for the rest of a slice, or until `sleep`, which is told how many nanoseconds that is, ends early.
    #[inline]
    fn slice(&self, sleep: impl FnOnce(u64) -> futex::Woken) -> Slept {
        if self.slice_began.get() == 0 {
            self.slice_began.set(clock::coarse_ns());
        }
        let ns = match self.deadline() {
            u64::MAX => self.slice_ns,
            deadline => self.slice_ns.min(deadline.saturating_sub(clock::now_ns())),
        };
        let woken = sleep(ns);
        if woken == futex::Woken::Interrupted && self.manner.interruptible {
            self.interrupted.set(true);
        }
        // By the clock, not by how the sleep ended: frequent signals must not keep us from ever asking.
        let now = clock::coarse_ns();
        if woken == futex::Woken::TimedOut || now.saturating_sub(self.slice_began.get()) >= self.slice_ns {
            self.slice_began.set(now);
            return Slept::Slice;
        }
        Slept::LookAgain
    }

    /// Whether spinning is allowed and may help.
    pub(super) fn may_spin(&self) -> bool {
        self.manner.spin && !self.limits.is_try() && spinning_helps()
    }
}

impl Env for Wait<'_> {
    type Word = Word32;

    #[inline]
    fn sleep(&self, word: &Word32, expected: u32) -> Slept {
        self.slice(|ns| match self.limits.cancel {
            Some(cancel) => {
                let words = std::iter::once((word.atomic(), expected));
                futex::wait_any(words, Some(cancel.word()), self.manner.interruptible, ns)
            }
            None => futex::wait(word.atomic(), expected, ns),
        })
    }

    fn sleep_any(&self, beds: &[Option<Bed<'_, Word32>>], brief: bool) -> Slept {
        let words = beds.iter().flatten().map(|(word, expected)| (word.atomic(), *expected));
        let cancel = self.limits.cancel.map(Cancel::word);
        self.slice(|ns| {
            let most = if brief { BRIEFLY_NS } else { ns };
            match futex::wait_any(words, cancel, self.manner.interruptible, ns.min(most)) {
                futex::Woken::TimedOut if most < ns => futex::Woken::LookAgain,
                other => other,
            }
        })
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

    fn is_gone(&self, tenant: Tenant) -> bool {
        match self.asked {
            Some(asked) if self.limits.is_try() => self.domain.is_gone_rate_limited(tenant, asked),
            _ => self.domain.is_gone(tenant),
        }
    }

    #[inline]
    fn spin(&self, round: u32) -> bool {
        if round == 0 {
            self.deadline(); // the time spent spinning counts
        }
        let brief = self.manner.brief && round < BRIEF_ROUNDS && spinning_helps();
        if round >= SPIN_ROUNDS || !(brief || self.may_spin()) {
            return false;
        }
        let pauses = MOST_PAUSES.min(FIRST_PAUSES << round.min(16));
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
        true
    }

    fn stop(&self) -> Result<(), Stop> {
        if self.limits.cancel.is_some_and(Cancel::is_set) {
            return Err(Stop::Canceled);
        }
        if self.interrupted.get() {
            return Err(Stop::Interrupted);
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

    #[inline]
    fn fence_after_rmw(&self) {
        // Every locked instruction of x86 orders earlier stores before later loads (Intel SDM 8.2.3.9);
        // the compiler must keep the order too, which the fence of the language does for it elsewhere.
        if cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
            std::sync::atomic::compiler_fence(Ordering::SeqCst);
        } else {
            fence::full();
        }
    }

    fn internal(&self) -> Self {
        let limits = Limits::new(Timeout::Ns(self.domain.busy_ns().min(most_busy_ns())), None);
        Wait::new(self.domain, limits, LOCK_SLICE_NS, self.manner.internal())
    }

    fn ticks(&self) -> u64 {
        clock::ticks().unwrap_or_else(clock::now_ns)
    }

    fn is_long_ago(&self, ticks: u64) -> bool {
        // About 50 µs of a time stamp counter, 0.13 ms of nanoseconds.
        self.ticks().wrapping_sub(ticks) >= 1 << 17
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
            Stop::Interrupted => Error::Interrupted,
        }
    }
}
