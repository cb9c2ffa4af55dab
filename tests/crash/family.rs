//! The lock family: recursive and readers-writer locks, semaphores, conditions, events, barriers.

use crate::engine::{child, domain, every_pair, every_point, member, soon, Beside, End};
use crate::Test;
use mproc::{
    Acquired, Barrier, BarrierOptions, Condition, ConditionLock, ConditionOptions, ElemType, Element, Error, Event,
    FetchOp, Limits, Lock, ObjectOptions, RLock, RwLock, Semaphore, SemaphoreOptions, Value, ValueOptions,
};
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("family_any_release", any_release),
    ("family_rlock_levels", rlock_levels),
    ("family_rlock_steal", rlock_steal),
    ("family_rwlock_read", rwlock_read),
    ("family_rwlock_dead_reader", rwlock_dead_reader),
    ("family_rwlock_write", rwlock_write),
    ("family_rwlock_dead_writer", rwlock_dead_writer),
    ("family_rwlock_handed_over", rwlock_handed_over),
    ("family_semaphore_plain", semaphore_plain),
    ("family_semaphore_accounting", semaphore_accounting),
    ("family_semaphore_reclaim", semaphore_reclaim),
    ("family_semaphore_slot_reused", semaphore_slot_reused),
    ("family_event_set", event_set),
    ("family_event_pulse", event_pulse),
    ("family_condition_wait", condition_wait),
    ("family_condition_passed_on", condition_passed_on),
    ("family_condition_sweep", condition_sweep),
    ("family_condition_levels", condition_levels),
    ("family_barrier_first", barrier_first),
    ("family_barrier_last", barrier_last),
    ("family_barrier_commands", barrier_commands),
    ("family_barrier_registered", barrier_registered),
];

fn options() -> ObjectOptions {
    ObjectOptions::default()
}

/// Waits until `there`; the watchdog ends what never comes.
fn until(there: impl Fn() -> bool) {
    while !there() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn any_release() {
    let lock = || {
        let options = ObjectOptions { any_release: true, ..options() };
        let lock = Lock::create(&domain(), None, options).expect("create").0;
        lock.lock(soon()).expect("lock");
        lock
    };
    every_point(
        lock,
        |l| l.unlock().expect("another process releases"),
        |l, end| {
            let held = l.owner().expect("owner").is_some();
            assert!(held == (l.lock(Limits::none()) == Err(Error::TimedOut)) && (!held || end == End::Died));
            l.unlock().expect("unlock");
            assert_eq!(l.unlock(), Err(Error::NotOwner), "released what nobody holds");
        },
    );
}

fn rlock() -> RLock {
    RLock::create(&domain(), None, options()).expect("create").0
}

/// The lock can be had, with as many levels as taken, and had again as a clean one.
fn rlock_works(l: &RLock) -> Acquired {
    let first = l.lock(soon()).expect("the rlock is stuck");
    assert_eq!(l.info().expect("info").count, 1, "levels of the dead");
    assert_eq!(l.lock(soon()), Ok(Acquired::Clean));
    l.unlock().expect("inner");
    l.unlock().expect("outer");
    assert_eq!(l.unlock(), Err(Error::NotOwner));
    assert_eq!(l.lock_as(7, soon()), Ok(Acquired::Clean));
    assert_eq!(l.lock_as(8, Limits::none()), Err(Error::TimedOut), "another owner of the same process");
    l.unlock_as(7).expect("unlock");
    first
}

fn rlock_levels() {
    let held = |l: &RLock| l.info().expect("info").owner.is_some();
    every_point(
        rlock,
        |l| {
            // The parent's thread has the same number in its process.
            l.lock(soon()).expect("lock");
            l.lock(soon()).expect("again");
            l.unlock().expect("inner");
            l.lock_as(5, Limits::none()).expect_err("another owner");
            l.unlock().expect("outer");
        },
        |l, end| {
            let held = held(l);
            assert!(!held || end == End::Died);
            assert_eq!(rlock_works(l) == Acquired::Recovered, held);
        },
    );
}

fn rlock_steal() {
    let orphaned = || {
        let l = rlock();
        member(0, || {
            l.lock(soon()).expect("lock");
            l.lock(soon()).expect("again");
        });
        l
    };
    let any = |l: &RLock| {
        l.lock(soon()).expect("lock");
        l.unlock().expect("unlock");
    };
    every_pair(orphaned, any, any, |l, _| drop(rlock_works(l)));
}

fn rwlock() -> RwLock {
    RwLock::create(&domain(), None, options()).expect("create").0
}

/// Both can be had, and are clean in the end.
fn rwlock_works(l: &RwLock) -> (Acquired, Acquired) {
    let read = l.read_lock(soon()).expect("reading is stuck");
    l.read_unlock().expect("read_unlock");
    let written = l.write_lock(soon()).expect("writing is stuck");
    assert_eq!(l.read_lock(Limits::none()), Err(Error::TimedOut), "read beside a writer");
    l.write_unlock().expect("write_unlock");
    assert_eq!(l.read_lock(soon()), Ok(Acquired::Clean));
    assert_eq!(l.write_lock(Limits::none()), Err(Error::TimedOut), "wrote beside a reader");
    l.read_unlock().expect("read_unlock");
    assert_eq!(l.read_unlock(), Err(Error::NotOwner));
    assert_eq!(l.write_unlock(), Err(Error::NotOwner));
    let info = l.info().expect("info");
    assert!(info.writer.is_none() && info.readers == 0 && !info.inconsistent, "{info:?}");
    (read, written)
}

fn rwlock_read() {
    every_point(
        rwlock,
        |l| {
            l.read_lock(soon()).expect("read_lock");
            l.read_lock(soon()).expect("again");
            l.read_unlock().expect("read_unlock");
            l.read_unlock().expect("again");
        },
        // Whoever reads does no harm.
        |l, _| assert_eq!(rwlock_works(l), (Acquired::Clean, Acquired::Clean)),
    );
    // The reader finds a writer and goes back; and dies on the way.
    every_point(
        || {
            let l = rwlock();
            l.write_lock(soon()).expect("write_lock");
            l
        },
        |l| {
            assert_eq!(l.read_lock(Limits::none()), Err(Error::TimedOut));
            assert_eq!(l.read_lock(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut));
        },
        |l, _| {
            l.write_unlock().expect("write_unlock");
            assert_eq!(rwlock_works(l), (Acquired::Clean, Acquired::Clean));
        },
    );
}

fn with_dead_reader() -> RwLock {
    let l = rwlock();
    member(0, || drop(l.read_lock(soon()).expect("read_lock")));
    l
}

fn rwlock_dead_reader() {
    let write = |l: &RwLock| {
        assert_eq!(l.write_lock(soon()), Ok(Acquired::Clean), "a dead reader");
        l.write_unlock().expect("write_unlock");
    };
    write(&with_dead_reader());
    every_point(with_dead_reader, write, |l, _| drop(rwlock_works(l)));
    // A try that fails asks who lives, too (at most once a millisecond).
    let l = with_dead_reader();
    let taken = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_micros(100));
        l.write_lock(Limits::none()).is_ok()
    });
    assert!(taken, "trying never drops a dead reader");
}

fn rwlock_write() {
    every_point(
        rwlock,
        |l| {
            l.write_lock(soon()).expect("write_lock");
            l.write_unlock().expect("write_unlock");
        },
        |l, end| {
            let inconsistent = l.info().expect("info").inconsistent;
            assert!(!inconsistent || end == End::Died);
            let told = if inconsistent { Acquired::Recovered } else { Acquired::Clean };
            assert_eq!(rwlock_works(l), (told, told));
        },
    );
    // It waits for a reader, and dies or gives up meanwhile: nothing was written.
    every_point(
        || {
            let l = rwlock();
            l.read_lock(soon()).expect("read_lock");
            l
        },
        |l| {
            assert_eq!(l.write_lock(Limits::none()), Err(Error::TimedOut));
            assert_eq!(l.write_lock(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut));
        },
        |l, _| {
            l.read_unlock().expect("read_unlock");
            assert_eq!(rwlock_works(l), (Acquired::Clean, Acquired::Clean));
        },
    );
}

fn rwlock_dead_writer() {
    let orphaned = || {
        let l = rwlock();
        member(0, || drop(l.write_lock(soon()).expect("write_lock")));
        l
    };
    let read = |l: &RwLock| {
        assert_eq!(l.read_lock(soon()), Ok(Acquired::Recovered));
        l.read_unlock().expect("read_unlock");
    };
    let write = |l: &RwLock| {
        l.write_lock(soon()).expect("write_lock");
        l.write_unlock().expect("write_unlock");
    };
    // Readers do not repair: whoever comes after them is told as well.
    every_pair(orphaned, read, read, |l, _| assert_eq!(rwlock_works(l), (Acquired::Recovered, Acquired::Recovered)));
    every_pair(orphaned, write, write, |l, _| drop(rwlock_works(l)));
    every_pair(orphaned, write, |l| drop(l.read_lock(soon())), |l, _| drop(rwlock_works(l)));
}

/// The lock is left to a writer that sleeps, and that one is killed: whoever comes gets it all the same.
fn rwlock_handed_over() {
    for _ in 0..3 {
        let l = rwlock();
        l.write_lock(soon()).expect("write_lock");
        let heir = Beside::run(0, || drop(l.write_lock(Limits::forever())));
        // Asleep for certain: stopped, it will not come when it is woken.
        std::thread::sleep(Duration::from_millis(3));
        // SAFETY: our own child.
        unsafe { libc::kill(heir.0, libc::SIGSTOP) };
        l.write_unlock().expect("write_unlock");
        heir.kill();
        assert_eq!(heir.end(), End::Died);
        rwlock_works(&l);
    }
}

fn semaphore(accounting: bool) -> Semaphore {
    let options = SemaphoreOptions { initial: 3, bounded: true, accounting, ..SemaphoreOptions::default() };
    Semaphore::create(&domain(), None, options).expect("create").0
}

fn semaphore_plain() {
    every_point(
        || semaphore(false),
        |s| {
            s.acquire(soon()).expect("acquire");
            s.acquire(soon()).expect("acquire");
            s.release(2).expect("release");
        },
        |s, end| {
            // As everywhere else: what the dead had is gone; but nothing is half taken.
            let value = s.info().expect("info").value;
            assert!((1..=3).contains(&value) && (value == 3 || end == End::Died), "{value}");
            for _ in 0..value {
                s.acquire(soon()).expect("acquire");
            }
            assert_eq!(s.acquire(Limits::none()), Err(Error::TimedOut));
            s.release(3).expect("anybody may release");
            assert_eq!(s.release(1), Err(Error::Overflow("a semaphore was released above its bound")));
        },
    );
}

/// All permits can be had, and no more.
fn all_permits(s: &Semaphore) {
    for n in 0..3 {
        s.acquire(soon()).unwrap_or_else(|e| panic!("permit {n} of 3 is lost: {e}"));
    }
    assert_eq!(s.acquire(Limits::none()), Err(Error::TimedOut), "a permit too many");
    let info = s.info().expect("info");
    assert_eq!((info.value, info.held, info.holders), (0, 3, 1));
    s.release(3).expect("release");
    assert_eq!(s.release(1), Err(Error::NotOwner));
    assert_eq!(s.info().expect("info").value, 3);
}

fn use_permits(s: &Semaphore) {
    s.acquire(soon()).expect("acquire");
    s.acquire(soon()).expect("acquire");
    s.release(1).expect("release");
    s.release(1).expect("release");
}

fn semaphore_accounting() {
    every_point(|| semaphore(true), use_permits, |s, _| all_permits(s));
}

fn semaphore_reclaim() {
    let orphaned = || {
        let s = semaphore(true);
        for n in [2, 1] {
            member(0, || (0..n).for_each(|_| drop(s.acquire(soon()).expect("acquire"))));
        }
        s
    };
    let s = orphaned();
    assert_eq!(s.acquire(soon()), Ok(Acquired::Recovered));
    assert_eq!(s.acquire(soon()), Ok(Acquired::Clean), "told twice");
    s.release(2).expect("release");
    assert_eq!(s.info().expect("info").reclaimed, 2);
    every_pair(orphaned, use_permits, use_permits, |s, _| all_permits(s));
    // All permits are with the dead, who were giving them back: the value alone does not say so.
    every_pair(|| semaphore(true), use_permits, |s| drop(s.acquire(soon()).expect("acquire")), |s, _| all_permits(s));
}

/// A process gets the slot of one that died with permits, and takes one itself.
fn semaphore_slot_reused() {
    let s = semaphore(true);
    member(0, || (0..2).for_each(|_| drop(s.acquire(soon()).expect("acquire"))));
    for _ in 0..1100 {
        child(
            0,
            || (),
            || {
                // Leaves again, if it is not told, what the dead one had.
                s.acquire(Limits::none()).expect("one is free");
                s.release(1).expect("release");
            },
        );
    }
    all_permits(&s);
}

fn event_set() {
    for k in 1.. {
        let e = Event::create(&domain(), None, options()).expect("create").0;
        let waiter = Beside::run(0, || e.wait(soon()).expect("wait"));
        std::thread::sleep(Duration::from_millis(2)); // asleep, most probably
        let end = member(k, || e.set());
        if !e.is_set() {
            assert_eq!(end, End::Died);
            e.set();
        }
        assert_eq!(waiter.end(), End::Returned, "sleeps although it is set");
        e.wait(Limits::none()).expect("set");
        e.clear();
        assert_eq!(e.wait(Limits::none()), Err(Error::TimedOut));
        if end == End::Returned {
            break;
        }
    }
}

/// Set and cleared again before the sleeper can look: it has been woken all the same.
fn event_pulse() {
    let e = Event::create(&domain(), None, options()).expect("create").0;
    let waiter = Beside::run(0, || e.wait(soon()).expect("set meanwhile"));
    std::thread::sleep(Duration::from_millis(3));
    // Stopped while it sleeps, most probably; if it had not begun to wait, it is set once more below.
    for _ in 0..100 {
        // SAFETY: our own child.
        unsafe { libc::kill(waiter.0, libc::SIGSTOP) };
        e.set();
        e.clear();
        // SAFETY: our own child.
        unsafe { libc::kill(waiter.0, libc::SIGCONT) };
        std::thread::sleep(Duration::from_millis(5));
        if waiter.has_ended() {
            break;
        }
    }
    assert_eq!(waiter.end(), End::Returned);
}

/// What is waited for, under a condition.
struct Mail {
    items: Value,
    condition: Condition,
}

fn mail() -> Mail {
    let element = Element::scalar(ElemType::I64);
    let items = Value::create(&domain(), None, &ValueOptions { object: options(), element, initial: None });
    let items = items.expect("create").0;
    Mail { items, condition: Condition::create(&domain(), None, ConditionOptions::default()).expect("create").0 }
}

impl Mail {
    fn items(&self) -> i64 {
        i64::from_ne_bytes(self.items.load().expect("load").try_into().expect("8 bytes"))
    }

    fn take(&self) {
        self.condition.lock(soon()).expect("lock");
        while self.items() == 0 {
            self.condition.wait(soon()).expect("not notified");
        }
        self.items.fetch_i64(FetchOp::Add, -1).expect("add");
        self.condition.unlock().expect("unlock");
    }

    fn put(&self) {
        self.condition.lock(soon()).expect("lock");
        self.items.fetch_i64(FetchOp::Add, 1).expect("add");
        self.condition.unlock().expect("unlock");
        self.condition.notify(1).expect("notify");
    }

    fn waiters(&self) -> u32 {
        self.condition.info().expect("info").waiters
    }
}

/// Whoever dies anywhere in wait leaves no ticket, and no lock.
fn condition_wait() {
    every_point(
        mail,
        |m| {
            m.condition.lock(soon()).expect("lock");
            m.condition.lock(soon()).expect("again");
            assert_eq!(m.condition.wait(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut));
            m.condition.unlock().expect("inner");
            m.condition.unlock().expect("outer");
        },
        |m, _| {
            assert_eq!(m.waiters(), 0, "a dead waiter");
            m.condition.notify(2).expect("notify");
            let taker = Beside::run(0, || m.take());
            until(|| m.waiters() == 1);
            m.put();
            assert_eq!(taker.end(), End::Returned);
        },
    );
}

/// Somebody is notified and dies, at whatever point, before it has taken what is there: the other one takes it.
fn condition_passed_on() {
    let mut passed_on = 0;
    for k in 1.. {
        let m = mail();
        let first = Beside::run(k, || m.take());
        until(|| m.waiters() == 1 || first.has_ended());
        let queued = m.waiters();
        let second = Beside::run(0, || m.take());
        until(|| m.waiters() == queued + 1 || m.waiters() == 1 && first.has_ended());
        m.put();
        let end = first.end();
        if end == End::Returned {
            m.put();
        }
        // Died after it had taken the item, but before it said so?
        until(|| second.has_ended() || m.items() == 0);
        if !second.has_ended() && end == End::Died {
            std::thread::sleep(Duration::from_millis(20));
            if !second.has_ended() {
                m.put();
            }
        }
        assert_eq!(second.end(), End::Returned, "a notification died with the one who had it (point {k})");
        passed_on += m.condition.info().expect("info").regranted;
        if end == End::Returned {
            break;
        }
    }
    assert!(passed_on > 0, "nothing was ever passed on: does this test do what it says?");
}

/// The sweep itself dies at every point: the next one goes on with it.
fn condition_sweep() {
    let orphaned = || {
        let m = mail();
        // Notified, and dead before it could do anything about it.
        let dead = Beside::run(0, || m.take());
        until(|| m.waiters() == 1);
        // SAFETY: our own child.
        unsafe { libc::kill(dead.0, libc::SIGSTOP) };
        m.put();
        dead.kill();
        assert_eq!(dead.end(), End::Died);
        m
    };
    every_point(
        orphaned,
        // Sweeps when its first slice ends; there is nobody to pass the notification on to but itself.
        |m| {
            m.condition.lock(soon()).expect("lock");
            let _ = m.condition.wait(Limits::within(Duration::from_millis(150)));
            m.condition.unlock().expect("unlock");
        },
        |m, _| {
            assert_eq!(m.waiters(), 0);
            m.take();
            assert_eq!(m.items(), 0);
        },
    );
}

/// All levels are given up while waiting, and restored.
fn condition_levels() {
    let rlock = rlock();
    for lock in [ConditionLock::Own, ConditionLock::RLock(rlock)] {
        let condition = Condition::create(&domain(), None, ConditionOptions { object: options(), lock });
        let c = condition.expect("create").0;
        for _ in 0..3 {
            c.lock(soon()).expect("lock");
        }
        let other = Beside::run(0, || {
            c.lock(soon()).expect("the waiter has kept the lock");
            c.notify(1).expect("notify");
            c.unlock().expect("unlock");
        });
        assert_eq!(c.wait(soon()), Ok(Acquired::Clean), "not notified");
        assert_eq!(other.end(), End::Returned);
        for _ in 0..3 {
            c.unlock().expect("a level was lost");
        }
        assert_eq!(c.unlock(), Err(Error::NotOwner));
    }
}

fn barrier(parties: u32) -> Barrier {
    Barrier::create(&domain(), None, BarrierOptions { object: options(), parties }).expect("create").0
}

/// After a reset two living parties pass.
fn barrier_works(b: &Barrier) {
    b.reset().expect("reset");
    let info = b.info().expect("info");
    assert!(!info.broken && info.waiting == 0 && info.registered == 0, "{info:?}");
    for _ in 0..2 {
        let other = Beside::run(0, || drop(b.wait(soon()).expect("the other does not pass")));
        b.wait(soon()).expect("this one does not pass");
        assert_eq!(other.end(), End::Returned);
    }
}

/// The first to come dies at every point.
fn barrier_first() {
    for k in 1.. {
        let b = barrier(2);
        let first = Beside::run(k, || drop(b.wait(soon())));
        until(|| b.info().expect("info").waiting > 0 || first.has_ended());
        let arrived = b.info().expect("info").waiting > 0;
        let mine = match b.wait(Limits::within(Duration::from_millis(200))) {
            Ok(index) => {
                assert!(arrived && index == 1, "passed alone");
                true
            }
            Err(Error::Broken) => false,
            Err(Error::TimedOut) if !arrived => false,
            other => panic!("{other:?}"),
        };
        let end = first.end();
        assert!(mine || end == End::Died);
        barrier_works(&b);
        if end == End::Returned {
            break;
        }
    }
}

/// The last to come dies at every point, also in its action.
fn barrier_last() {
    for k in 1.. {
        let b = barrier(3);
        let others = [0; 2].map(|k| {
            Beside::run(k, || match b.wait(soon()) {
                Ok(_) | Err(Error::Broken) => {}
                other => panic!("{other:?}"),
            })
        });
        until(|| b.info().expect("info").waiting == 2);
        let end = member(k, || match b.wait_with(soon(), || true) {
            Ok(index) => assert_eq!(index, 2),
            other => panic!("{other:?}"),
        });
        if end == End::Died && b.info().expect("info").waiting == 2 {
            // It had not come yet, or not been counted.
            b.abort().expect("abort");
        }
        for other in others {
            assert_eq!(other.end(), End::Returned);
        }
        b.reset().expect("reset");
        assert_eq!(b.info().expect("info").waiting, 0);
        if end == End::Returned {
            break;
        }
    }
}

/// Abort and reset die at every point, with somebody waiting.
fn barrier_commands() {
    let commands: [fn(&Barrier); 2] = [|b| b.abort().expect("abort"), |b| b.reset().expect("reset")];
    for command in commands {
        for k in 1.. {
            let b = barrier(2);
            let waiter = Beside::run(0, || match b.wait(soon()) {
                Ok(_) | Err(Error::Broken) => {}
                other => panic!("{other:?}"),
            });
            until(|| b.info().expect("info").waiting == 1);
            let end = member(k, || command(&b));
            // Whatever it came to: once more, and the waiter is gone.
            command(&b);
            assert_eq!(waiter.end(), End::Returned);
            barrier_works(&b);
            if end == End::Returned {
                break;
            }
        }
    }
}

/// A process that has registered dies, at whatever point: whoever waits does not wait for ever.
fn barrier_registered() {
    every_point(
        || barrier(2),
        |b| {
            b.register().expect("register");
            b.register().expect("again");
            b.unregister().expect("unregister");
            b.unregister().expect("again");
            assert_eq!(b.unregister(), Err(Error::NotOwner));
        },
        |b, end| {
            // At the first look: it had promised, and will not come.
            let waited = b.wait(Limits::within(Duration::from_millis(1)));
            assert!(matches!(waited, Err(Error::TimedOut | Error::Broken)), "{waited:?}");
            let info = b.info().expect("info");
            assert!(info.broken && info.registered == 0, "{info:?}");
            assert!(end == End::Died || waited == Err(Error::TimedOut));
            barrier_works(b);
        },
    );
    let b = barrier(2);
    member(0, || b.register().expect("register"));
    assert_eq!(b.wait(soon()), Err(Error::Broken), "waits for the dead");
    assert_eq!(b.info().expect("info").deaths, 1);
    // And a party that dies while it waits: whoever comes last does not pass with it.
    let b = barrier(2);
    let first = Beside::run(0, || drop(b.wait(Limits::forever())));
    until(|| b.info().expect("info").waiting == 1);
    first.kill();
    assert_eq!(first.end(), End::Died);
    assert_eq!(b.wait(soon()), Err(Error::Broken), "passed with the dead");
}
