//! How long a look at many things may take altogether.

use crate::sys::clock;
use std::cell::Cell;

/// For all of them together, and for each: in nanoseconds. Locks inside objects are held for less than a microsecond,
/// or while a message is copied; for longer only by who is stopped.
const ALL_NS: u64 = 10_000_000;
const EACH_NS: u64 = 1_000_000;

/// What is left of the time that one look at all things may spend waiting for locks inside them.
pub(super) struct Patience {
    left: Cell<Option<u64>>,
    unsure: Cell<bool>,
}

impl Patience {
    /// Of a look that waits for nobody, and asks nobody.
    pub(super) fn none() -> Patience {
        Patience { left: Cell::new(None), unsure: Cell::new(false) }
    }

    /// Of any other look.
    pub(super) fn some() -> Patience {
        Patience { left: Cell::new(Some(ALL_NS)), unsure: Cell::new(false) }
    }

    /// Does something that may wait for as many nanoseconds as it is told; `None`: it is not to be done at all.
    pub(super) fn spend<T>(&self, f: impl FnOnce(u64) -> T) -> Option<T> {
        let left = self.left.get()?;
        // Coarse, because mostly nobody is in the way: a few milliseconds more or less do not matter.
        let began = clock::coarse_ns();
        let done = f(left.min(EACH_NS));
        self.left.set(Some(left.saturating_sub(clock::coarse_ns().saturating_sub(began))));
        Some(done)
    }

    /// Somebody was in the way: what was looked for may be there.
    pub(super) fn was_short(&self) {
        self.unsure.set(true);
    }

    /// Whether somebody was.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure.get()
    }
}
