//! The recursive lock: a robust lock, and beside it whose it is and how often.
//!
//! Owner, token and count are written only by the holder. Tokens are unique within a process only, so that owner and
//! token go together: the token is 0 whenever the owner beside it may be another's. It is cleared before the lock is
//! released, and by whoever takes the lock over from the dead before anything else. So whoever reads its own process
//! and its own token there, while its process has the lock, is the one that has it.

use super::raw::{Acquired, Signal};
use super::{Limits, Manner, Mutex};
use crate::shm::{Domain, Me, Region, Word32, Word64};
use crate::sys::crash::{mutant, Mutant};
use crate::sys::thread;
use crate::{Error, Result};
use std::sync::atomic::{fence, Ordering};

/// The most levels.
const MOST: u32 = 1 << 31;
/// Set in the tokens of threads.
const THREAD: u64 = 1 << 63;

/// Of whom the owner is, within its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(u64);

impl Token {
    /// The calling thread's. Never used again in this process, also not by a thread that gets the same id or stack.
    pub(crate) fn of_thread() -> Token {
        Token(thread::number() | THREAD)
    }

    /// The same, if it can be had at once.
    #[inline(always)]
    pub(crate) fn of_thread_at_once() -> Option<Token> {
        thread::number_at_once().map(|number| Token(number | THREAD))
    }

    /// One that the caller chose.
    pub(crate) fn given(token: u64) -> Result<Token> {
        match token {
            0 | THREAD.. => Err(Error::invalid("a token is 1 to 2^63 - 1")),
            _ => Ok(Token(token)),
        }
    }

    /// What another process's owner is to the session that stands for that process.
    pub(crate) fn of_client(bits: u64) -> Result<Token> {
        match bits {
            0 => Err(Error::Protocol("no token of an owner")),
            _ => Ok(Token(bits)),
        }
    }

    /// What [`Token::of_client`] makes the same token of.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

/// The lock, in 20 bytes: a word, a count, a token, the token's owner.
pub(crate) struct RecursiveMutex {
    mutex: Mutex,
    count: Word32,
    token: Word64,
    owner: Word32,
}

impl RecursiveMutex {
    pub(crate) fn new(region: &Region, offset: usize, manner: Manner) -> Result<RecursiveMutex> {
        Ok(RecursiveMutex {
            mutex: Mutex::new(region.word32(offset)?, manner),
            count: region.word32(offset + 4)?,
            token: region.word64(offset + 8)?,
            owner: region.word32(offset + 16)?,
        })
    }

    /// Whether `token` of this process holds it.
    #[inline(always)]
    fn is_held(&self, me: u32, token: Token) -> bool {
        // In the opposite order of writing: whoever sees its process in `owner` does not see a token from before it.
        self.mutex.owner() == me
            && self.owner.load(Ordering::Acquire) == me
            && (self.token.load(Ordering::Relaxed) == token.0 || mutant(Mutant::AnyToken))
    }

    /// Takes the lock, or one more level of it, if that is possible at once; `false`: ask [`RecursiveMutex::lock`].
    #[inline(always)]
    pub(crate) fn lock_at_once(&self, me: Me, token: Token) -> bool {
        if self.is_held(me.word(), token) {
            let count = self.count.load(Ordering::Relaxed);
            if count < MOST {
                self.count.store(count + 1, Ordering::Relaxed);
            }
            return count < MOST;
        }
        let taken = self.mutex.try_lock_as(me);
        if taken {
            self.own(me, token, 1);
        }
        taken
    }

    /// Gives up one level if that is possible without waking anybody; `false`: ask [`RecursiveMutex::unlock`].
    #[inline(always)]
    pub(crate) fn unlock_at_once(&self, me: Me, token: Token) -> bool {
        if !self.is_held(me.word(), token) {
            return false;
        }
        let count = self.count.load(Ordering::Relaxed);
        if count > 1 {
            self.count.store(count - 1, Ordering::Relaxed);
            return true;
        }
        self.token.store(0, Ordering::Relaxed);
        let released = self.mutex.try_unlock_as(me);
        if !released {
            self.token.store(token.0, Ordering::Release); // somebody waits: not yet, then
        }
        released
    }

    /// Takes the lock, or one more level of it.
    pub(crate) fn lock(&self, domain: &Domain, token: Token, limits: Limits) -> Result<Acquired> {
        let me = domain.me()?;
        loop {
            if self.lock_at_once(me, token) {
                return Ok(Acquired::Clean);
            }
            if !self.is_held(me.word(), token) {
                break;
            }
            // Otherwise the same owner was just taking it, in another thread.
            if self.count.load(Ordering::Relaxed) >= MOST {
                return Err(Error::Overflow("an rlock was taken 2^31 times"));
            }
        }
        self.lock_levels(domain, token, 1, limits)
    }

    #[inline(always)]
    fn own(&self, me: Me, token: Token, levels: u32) {
        // Mostly they are what they were: a store less is waited for when the lock is released.
        if self.count.load(Ordering::Relaxed) != levels {
            self.count.store(levels, Ordering::Relaxed);
        }
        if self.owner.load(Ordering::Relaxed) != me.word() {
            self.owner.store(me.word(), Ordering::Release);
        }
        self.token.store(token.0, Ordering::Release);
    }

    /// Takes the lock, which this owner does not have, with so many levels.
    #[cold]
    #[inline(never)]
    pub(crate) fn lock_levels(&self, domain: &Domain, token: Token, levels: u32, limits: Limits) -> Result<Acquired> {
        let acquired = self.mutex.lock(domain, limits)?;
        if acquired == Acquired::Recovered {
            self.token.store(0, Ordering::Release);
            fence(Ordering::Release); // before the owner
        }
        self.own(domain.me()?, token, levels);
        Ok(acquired)
    }

    /// Gives up one level; the last one releases the lock.
    pub(crate) fn unlock(&self, domain: &Domain, token: Token) -> Result<()> {
        let me = domain.me()?;
        if !self.is_held(me.word(), token) {
            return Err(Error::NotOwner);
        }
        if self.unlock_at_once(me, token) {
            return Ok(());
        }
        self.token.store(0, Ordering::Relaxed);
        if self.mutex.unlock_as(domain, me) {
            Ok(())
        } else {
            Err(Error::NotOwner)
        }
    }

    /// How many levels this owner has; an error if it has none.
    pub(crate) fn levels(&self, domain: &Domain, token: Token) -> Result<u32> {
        if !self.is_held(domain.me()?.word(), token) {
            return Err(Error::NotOwner);
        }
        Ok(self.count.load(Ordering::Relaxed).max(1))
    }

    /// Whether whoever tried to take it with this token would get it: see [`Mutex::is_free`].
    pub(crate) fn is_free(&self, domain: &Domain, token: Token, ask: bool) -> bool {
        self.mutex.is_free(domain, ask) || domain.me_if_joined().is_some_and(|me| self.is_held(me.word(), token))
    }

    /// Where to wait for that among other things.
    pub(crate) fn signal(&self) -> Signal<'_, Word32> {
        self.mutex.signal()
    }

    /// Gives up all levels.
    pub(crate) fn unlock_levels(&self, domain: &Domain) -> Result<()> {
        self.token.store(0, Ordering::Relaxed);
        self.mutex.unlock(domain)
    }

    /// The owner word, 0 if free; the token and the count, for people.
    pub(crate) fn state(&self) -> (u32, u64, u32) {
        let (token, count) = (self.token.load(Ordering::Relaxed), self.count.load(Ordering::Relaxed));
        match (self.mutex.owner(), token) {
            (0, _) | (_, 0) => (self.mutex.owner(), 0, 0),
            (owner, token) => (owner, token, count),
        }
    }
}
