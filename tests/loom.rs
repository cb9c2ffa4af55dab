//! Model checking of the lock and the eventcount that ship (`mproc::sync::raw`), with loom: every
//! interleaving of two or three threads, with one death among them.
//!
//! A futex is modelled by a mutex and a condition variable. Time is modelled as what it is used for: a
//! sleeper's slice ends once for each death, and never otherwise, so that a lost wake-up is a deadlock.

use loom::sync::atomic::{fence, AtomicU32, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use mproc::sync::raw::{self, Acquired, Env, Slept, Stop, Word};

struct W(AtomicU32);

impl Word for W {
    fn load(&self, o: Ordering) -> u32 {
        self.0.load(o)
    }
    fn swap(&self, v: u32, o: Ordering) -> u32 {
        self.0.swap(v, o)
    }
    fn compare_exchange(&self, c: u32, n: u32, ok: Ordering) -> Result<u32, u32> {
        self.0.compare_exchange(c, n, ok, Ordering::Relaxed)
    }
    fn fetch_add(&self, v: u32, o: Ordering) -> u32 {
        self.0.fetch_add(v, o)
    }
}

/// One futex queue and the list of the dead.
struct World {
    kernel: Mutex<Kernel>,
    bell: Condvar,
}

#[derive(Default)]
struct Kernel {
    asleep: u32,
    /// Wake-ups given to sleepers that have not yet run.
    permits: u32,
    /// Owners that died.
    dead: Vec<u32>,
}

/// One process: how many deaths have ended a slice of its sleep.
struct Process {
    world: Arc<World>,
    noticed: std::cell::Cell<usize>,
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World { kernel: Mutex::new(Kernel::default()), bell: Condvar::new() })
    }

    fn die(&self, owner: u32) {
        self.kernel.lock().unwrap().dead.push(owner);
        self.bell.notify_all();
    }
}

fn process(world: &Arc<World>) -> Process {
    Process { world: world.clone(), noticed: std::cell::Cell::new(0) }
}

impl Process {
    fn slice_ends(&self, k: &Kernel) -> bool {
        let ends = self.noticed.get() < k.dead.len();
        self.noticed.set(k.dead.len());
        ends
    }
}

impl Env for Process {
    type Word = W;

    fn sleep(&self, word: &W, expected: u32) -> Slept {
        let mut k = self.world.kernel.lock().unwrap();
        if word.0.load(Ordering::SeqCst) != expected {
            return Slept::LookAgain;
        }
        if self.slice_ends(&k) {
            return Slept::Slice;
        }
        k.asleep += 1;
        loop {
            k = self.world.bell.wait(k).unwrap();
            if k.permits > 0 {
                k.permits -= 1;
                k.asleep -= 1;
                return Slept::LookAgain;
            }
            if self.slice_ends(&k) {
                k.asleep -= 1;
                return Slept::Slice;
            }
        }
    }

    fn wake(&self, _word: &W, n: u32) -> u32 {
        let mut k = self.world.kernel.lock().unwrap();
        let woken = n.min(k.asleep - k.permits.min(k.asleep));
        k.permits += woken;
        self.world.bell.notify_all();
        woken
    }

    fn is_dead(&self, owner: u32) -> bool {
        self.world.kernel.lock().unwrap().dead.contains(&owner)
    }

    fn spin(&self, _round: u32) -> bool {
        false
    }

    fn stop(&self) -> Result<(), Stop> {
        Ok(())
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

/// Two threads, a counter that is not atomic, and nobody lost.
#[test]
fn lock_excludes_and_wakes() {
    model(|| {
        let world = World::new();
        let word = Arc::new(W(AtomicU32::new(0)));
        let count = Arc::new(loom::cell::UnsafeCell::new(0u32));
        let threads: Vec<_> = (1..=2)
            .map(|me| {
                let (world, word, count) = (world.clone(), word.clone(), count.clone());
                thread::spawn(move || {
                    let me_here = process(&world);
                    assert_eq!(raw::lock(&*word, me, &me_here), Ok(Acquired::Clean));
                    #[allow(unsafe_code)]
                    count.with_mut(|c| {
                        // SAFETY: only the holder is here; loom checks that.
                        unsafe { *c += 1 }
                    });
                    assert!(raw::unlock(&*word, me, &me_here));
                })
            })
            .collect();
        for t in threads {
            t.join().unwrap();
        }
        #[allow(unsafe_code)]
        count.with(|c| {
            // SAFETY: both threads are gone; loom checks that.
            assert_eq!(unsafe { *c }, 2);
        });
        assert_eq!(word.0.load(Ordering::SeqCst) & !raw::WAITERS, 0);
    });
}

/// The holder dies inside while two others want in: exactly one recovers, both get it, none waits for ever.
#[test]
fn dead_holder_is_succeeded_once() {
    model(|| {
        let world = World::new();
        let word = Arc::new(W(AtomicU32::new(0)));
        let inside = Arc::new(AtomicU32::new(0));
        assert_eq!(raw::lock(&*word, 9, &process(&world)), Ok(Acquired::Clean));
        let threads: Vec<_> = (1..=2)
            .map(|me| {
                let (world, word, inside) = (world.clone(), word.clone(), inside.clone());
                thread::spawn(move || {
                    let me_here = process(&world);
                    let got = raw::lock(&*word, me, &me_here).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
                    inside.fetch_sub(1, Ordering::SeqCst);
                    assert!(raw::unlock(&*word, me, &me_here));
                    u32::from(got == Acquired::Recovered)
                })
            })
            .collect();
        world.die(9);
        let recovered: u32 = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(recovered, 1);
    });
}

/// Two sleepers and one wake-up: whoever gets in passes it on.
#[test]
fn every_sleeper_is_woken() {
    model(|| {
        let world = World::new();
        let word = Arc::new(W(AtomicU32::new(0)));
        let me_here = process(&world);
        assert_eq!(raw::lock(&*word, 9, &me_here), Ok(Acquired::Clean));
        let threads: Vec<_> = (1..=2)
            .map(|me| {
                let (world, word) = (world.clone(), word.clone());
                thread::spawn(move || {
                    let me_here = process(&world);
                    assert_eq!(raw::lock(&*word, me, &me_here), Ok(Acquired::Clean));
                    assert!(raw::unlock(&*word, me, &me_here));
                })
            })
            .collect();
        assert!(raw::unlock(&*word, 9, &me_here));
        for t in threads {
            t.join().unwrap();
        }
    });
}

/// Somebody who does not hold the lock cannot release it, also not while it changes hands.
#[test]
fn unlock_checks_the_owner() {
    model(|| {
        let world = World::new();
        let word = Arc::new(W(AtomicU32::new(0)));
        let (w, v) = (world.clone(), word.clone());
        let holder = thread::spawn(move || {
            assert_eq!(raw::lock(&*v, 1, &process(&w)), Ok(Acquired::Clean));
            assert!(raw::unlock(&*v, 1, &process(&w)));
        });
        assert!(!raw::unlock(&*word, 2, &process(&world)));
        holder.join().unwrap();
    });
}

/// A holder that dies between releasing the word and waking the sleeper: the sleeper still gets in.
#[test]
fn death_before_the_wake_up() {
    model(|| {
        let world = World::new();
        let word = Arc::new(W(AtomicU32::new(0)));
        assert_eq!(raw::lock(&*word, 9, &process(&world)), Ok(Acquired::Clean));
        let (w, v) = (world.clone(), word.clone());
        let sleeper = thread::spawn(move || {
            let me_here = process(&w);
            raw::lock(&*v, 1, &me_here).unwrap();
            assert!(raw::unlock(&*v, 1, &me_here));
        });
        // The first half of an unlock, and then nothing.
        word.0.swap(0, Ordering::Release);
        world.die(9);
        sleeper.join().unwrap();
    });
}

/// What the queue does: publish, then notify; look, announce, look again, sleep.
struct Mailbox {
    world: Arc<World>,
    items: AtomicU32,
    sequence: W,
    hint: W,
}

impl Mailbox {
    fn new() -> Arc<Mailbox> {
        Arc::new(Mailbox {
            world: World::new(),
            items: AtomicU32::new(0),
            sequence: W(AtomicU32::new(0)),
            hint: W(AtomicU32::new(0)),
        })
    }

    fn publish(&self) {
        self.items.fetch_add(1, Ordering::Release);
    }

    fn notify(&self) {
        raw::notify(&self.sequence, &self.hint, 1, false, &process(&self.world));
    }

    fn try_take(&self) -> bool {
        let n = self.items.load(Ordering::Acquire);
        n > 0 && self.items.compare_exchange(n, n - 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn take(&self) {
        let me_here = process(&self.world);
        loop {
            if self.try_take() {
                return;
            }
            let seen = raw::announce(&self.sequence, &self.hint, &me_here);
            if self.items.load(Ordering::Acquire) == 0 {
                raw::sleep(&self.sequence, seen, &me_here);
            }
        }
    }
}

/// No wake-up is lost: loom reports a deadlock if one is.
#[test]
fn eventcount_wakes_one_for_each_item() {
    model(|| {
        let m = Mailbox::new();
        let (a, b) = (m.clone(), m.clone());
        let first = thread::spawn(move || a.take());
        let second = thread::spawn(move || b.take());
        for _ in 0..2 {
            m.publish();
            m.notify();
        }
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(m.items.load(Ordering::SeqCst), 0);
    });
}

/// Two notifiers at once, one sleeper that takes both.
#[test]
fn eventcount_with_two_notifiers() {
    model(|| {
        let m = Mailbox::new();
        let (a, b) = (m.clone(), m.clone());
        let taker = thread::spawn(move || {
            a.take();
            a.take();
        });
        let other = thread::spawn(move || {
            b.publish();
            b.notify();
        });
        m.publish();
        m.notify();
        other.join().unwrap();
        taker.join().unwrap();
    });
}

/// A producer killed between publishing and notifying: the slice ends, the item is found.
#[test]
fn eventcount_survives_a_dead_notifier() {
    model(|| {
        let m = Mailbox::new();
        let a = m.clone();
        let taker = thread::spawn(move || a.take());
        m.publish();
        m.world.die(9); // instead of notify()
        taker.join().unwrap();
        assert_eq!(m.items.load(Ordering::SeqCst), 0);
    });
}
