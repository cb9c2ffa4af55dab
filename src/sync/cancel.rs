//! Cancel tokens.

use crate::sys::futex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// A token that ends waits of this process: once set, every blocking call that was given it returns
/// [`crate::Error::Canceled`] promptly. Clones are the same token.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    word: Arc<AtomicU32>,
}

impl Cancel {
    /// A token that is not set.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Sets the token and wakes whoever waits with it. Async-signal-safe.
    pub fn set(&self) {
        self.word.store(1, Ordering::Release);
        futex::wake_private(&self.word); // leaves errno alone
    }

    /// Clears the token for another use; only when no call is waiting with it.
    pub fn clear(&self) {
        self.word.store(0, Ordering::Release);
    }

    /// Whether the token is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.word.load(Ordering::Acquire) != 0
    }

    pub(super) fn word(&self) -> &AtomicU32 {
        &self.word
    }
}
