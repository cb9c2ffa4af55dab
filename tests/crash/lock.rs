//! The public lock: locking, unlocking, stealing.

use crate::engine::{child, domain, every_pair, every_point, member, soon, End};
use crate::Test;
use mproc::{Acquired, Error, Limits, Lock, ObjectOptions};
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("lock_free", free),
    ("lock_dead_holder", dead_holder),
    ("lock_steal", steal),
    ("lock_waiters", waiters),
    ("lock_timed_out", timed_out),
    ("lock_unlock_needs_owner", unlock_needs_owner),
    ("lock_forked_child_joins", forked_child_joins),
];

fn lock() -> Lock {
    Lock::create(&domain(), None, ObjectOptions::default()).expect("create").0
}

/// A lock whose holder has died.
fn orphaned() -> Lock {
    let lock = lock();
    assert_eq!(member(0, || drop(lock.lock(soon()).expect("lock"))), End::Returned);
    lock
}

/// A lock that carries the mark of a sleeper that is long dead, and is free.
fn with_dead_waiter() -> Lock {
    let lock = lock();
    lock.lock(soon()).expect("lock");
    // Dies in the futex call or before: at some point after it has announced itself.
    for k in 1..4 {
        child(k, || drop(domain().me()), || drop(lock.lock(Limits::within(Duration::from_millis(5)))));
    }
    lock.unlock().expect("unlock");
    lock
}

/// Whatever happened, the lock can be had, released, and had again as a clean one.
fn works(lock: &Lock) -> Acquired {
    let first = lock.lock(soon()).expect("the lock is stuck");
    lock.unlock().expect("unlock");
    assert_eq!(lock.lock(soon()).expect("the lock is stuck"), Acquired::Clean);
    lock.unlock().expect("unlock");
    assert_eq!(lock.owner().expect("owner"), None);
    first
}

fn free() {
    for setup in [lock, with_dead_waiter] {
        every_point(
            setup,
            |l| {
                l.lock(soon()).expect("lock");
                l.unlock().expect("unlock");
            },
            |l, end| {
                let first = works(l);
                assert!(end == End::Died || first == Acquired::Clean);
            },
        );
        // Died inside for certain: must be told.
        every_point(
            setup,
            |l| drop(l.lock(soon())),
            |l, end| {
                let held = l.owner().expect("owner").is_some();
                assert!(held || end == End::Died);
                assert_eq!(works(l) == Acquired::Recovered, held);
            },
        );
    }
}

fn dead_holder() {
    let lock = orphaned();
    let owner = lock.owner().expect("owner").expect("held");
    assert!(!owner.alive && !owner.is_self, "{owner:?}");
    assert_eq!(lock.lock(soon()), Ok(Acquired::Recovered));
    lock.unlock().expect("unlock");
    // A try that fails asks who lives, too (at most once a millisecond).
    let lock = orphaned();
    let taken = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_micros(100));
        lock.lock(Limits::none()).is_ok()
    });
    assert!(taken, "trying never takes a dead holder's lock over");
    assert_eq!(lock.steals(), 1);
}

fn steal() {
    let steal = |l: &Lock| {
        assert_eq!(l.lock(soon()), Ok(Acquired::Recovered));
        l.unlock().expect("unlock");
    };
    every_point(orphaned, steal, |l, end| {
        let first = works(l);
        assert!(end == End::Died || first == Acquired::Clean);
    });
    // The thief dies while stealing, the next thief too, the third gets it. Whether it is told depends on
    // whether somebody got as far as releasing it.
    let any = |l: &Lock| {
        l.lock(soon()).expect("lock");
        l.unlock().expect("unlock");
    };
    every_pair(orphaned, steal, any, |l, _| drop(works(l)));
}

fn waiters() {
    every_point(
        with_dead_waiter,
        |l| {
            assert_eq!(l.lock(soon()), Ok(Acquired::Clean));
            l.unlock().expect("unlock");
        },
        |l, _| drop(works(l)),
    );
}

fn timed_out() {
    every_point(
        || {
            let l = lock();
            l.lock(soon()).expect("lock");
            l
        },
        |l| {
            assert_eq!(l.lock(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut));
            assert_eq!(l.lock(Limits::none()), Err(Error::TimedOut));
        },
        |l, _| {
            assert!(l.owner().expect("owner").expect("still held").is_self, "a waiter's death robbed the holder");
            l.unlock().expect("unlock");
            assert_eq!(works(l), Acquired::Clean);
        },
    );
}

fn unlock_needs_owner() {
    let lock = lock();
    assert_eq!(lock.unlock(), Err(Error::NotOwner), "unlocked a free lock");
    lock.lock(soon()).expect("lock");
    member(0, || assert_eq!(lock.unlock(), Err(Error::NotOwner), "a child released its parent's lock"));
    lock.unlock().expect("unlock");
}

/// A forked child joins at its first operation: killed at every point of that.
fn forked_child_joins() {
    for k in 1.. {
        let l = lock();
        let end = child(
            k,
            || (),
            || {
                l.lock(soon()).expect("lock");
                l.unlock().expect("unlock");
            },
        );
        works(&l);
        if end == End::Returned {
            assert!(k > 5, "joining has no points?");
            break;
        }
    }
    // Nobody's slot was lost: all 1022 can be claimed again, as often as one likes.
    for _ in 0..1100 {
        child(0, || (), || drop(domain().me().expect("a slot leaked")));
    }
}
