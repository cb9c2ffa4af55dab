//! Model checking of the algorithms that ship (`mproc::sync::raw`), with loom: every interleaving of two or three
//! threads, with one death among them.
//!
//! Futexes are modelled by a mutex and a condition variable, with a queue for each word. Time is modelled as what it is
//! used for: a sleeper's slice ends once for each death, and never otherwise, so that a lost wake-up is a deadlock.

use loom::sync::atomic::{fence, AtomicU32, AtomicU64, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use mproc::shm::Tenant;
use mproc::sync::raw::{self, Acquired, Bed, Bells, Env, Fail, Row, Slept, Stop, Word, Words};
use std::collections::HashMap;

struct W(AtomicU32);

impl Word for W {
    fn load(&self, o: Ordering) -> u32 {
        self.0.load(o)
    }
    fn store(&self, v: u32, o: Ordering) {
        self.0.store(v, o);
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

/// Words side by side, of 64 bits.
struct Cells(Vec<AtomicU64>);

fn cells(n: usize) -> Cells {
    Cells((0..n).map(|_| AtomicU64::new(0)).collect())
}

impl Row for Cells {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn load(&self, i: usize, o: Ordering) -> u64 {
        self.0[i].load(o)
    }
    fn store(&self, i: usize, v: u64, o: Ordering) {
        self.0[i].store(v, o);
    }
    fn compare_exchange(&self, i: usize, c: u64, n: u64, ok: Ordering) -> Result<u64, u64> {
        self.0[i].compare_exchange(c, n, ok, Ordering::Relaxed)
    }
}

impl raw::Places for Cells {
    fn place(entry: usize) -> usize {
        entry
    }
    fn load_at(&self, i: usize, o: Ordering) -> u64 {
        self.load(i, o)
    }
    fn compare_exchange_at(&self, i: usize, c: u64, n: u64, ok: Ordering) -> Result<u64, u64> {
        self.compare_exchange(i, c, n, ok)
    }
}

/// Words side by side that can be waited on.
struct Waitable(Vec<W>);

impl Words for Waitable {
    type Word = W;
    fn with<R>(&self, i: usize, f: impl FnOnce(&W) -> R) -> R {
        f(&self.0[i])
    }
}

fn word() -> W {
    W(AtomicU32::new(0))
}

/// The process with this number, as records that stay know it.
fn tenant(n: u32) -> Tenant {
    Tenant::new(n as usize - 1, 1)
}

/// Futex queues by the address of the word, and the list of the dead.
struct World {
    kernel: Mutex<Kernel>,
    bell: Condvar,
}

#[derive(Default)]
struct Kernel {
    queues: HashMap<usize, Queue>,
    /// Owners that died.
    dead: Vec<u32>,
}

#[derive(Default)]
struct Queue {
    asleep: u32,
    /// Wake-ups given to sleepers that have not yet run.
    permits: u32,
}

impl Kernel {
    fn queue(&mut self, word: &W) -> &mut Queue {
        self.queues.entry(std::ptr::from_ref(word) as usize).or_default()
    }
}

/// One process: how many deaths have ended a slice of its sleep.
struct Process {
    world: Arc<World>,
    noticed: std::cell::Cell<usize>,
    /// Its time is always over.
    impatient: bool,
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
    Process { world: world.clone(), noticed: std::cell::Cell::new(0), impatient: false }
}

fn impatient(world: &Arc<World>) -> Process {
    Process { impatient: true, ..process(world) }
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
        k.queue(word).asleep += 1;
        loop {
            k = self.world.bell.wait(k).unwrap();
            let queue = k.queue(word);
            if queue.permits > 0 {
                queue.permits -= 1;
                queue.asleep -= 1;
                return Slept::LookAgain;
            }
            if self.slice_ends(&k) {
                k.queue(word).asleep -= 1;
                return Slept::Slice;
            }
        }
    }

    fn sleep_any(&self, beds: &[Option<Bed<'_, W>>], _: bool) -> Slept {
        let beds = || beds.iter().flatten();
        let mut k = self.world.kernel.lock().unwrap();
        if beds().any(|(word, expected)| word.0.load(Ordering::SeqCst) != *expected) {
            return Slept::LookAgain;
        }
        if self.slice_ends(&k) {
            return Slept::Slice;
        }
        beds().for_each(|(word, _)| k.queue(word).asleep += 1);
        loop {
            k = self.world.bell.wait(k).unwrap();
            let woken = beds().any(|(word, _)| k.queue(word).permits > 0);
            if woken || self.slice_ends(&k) {
                for (word, _) in beds() {
                    let queue = k.queue(word);
                    queue.asleep -= 1;
                    // One for each word may have been meant for us.
                    queue.permits -= queue.permits.min(1);
                }
                return if woken { Slept::LookAgain } else { Slept::Slice };
            }
        }
    }

    fn wake(&self, word: &W, n: u32) -> u32 {
        let mut k = self.world.kernel.lock().unwrap();
        let queue = k.queue(word);
        let woken = n.min(queue.asleep - queue.permits.min(queue.asleep));
        queue.permits += woken;
        if woken > 0 {
            self.world.bell.notify_all();
        }
        woken
    }

    fn is_dead(&self, owner: u32) -> bool {
        // The slot's bits are enough here.
        self.world.kernel.lock().unwrap().dead.contains(&(owner & 0x3ff))
    }

    fn is_gone(&self, who: Tenant) -> bool {
        self.is_dead(who.slot() as u32 + 1)
    }

    fn spin(&self, _round: u32) -> bool {
        false
    }

    fn stop(&self) -> Result<(), Stop> {
        if self.impatient {
            return Err(Stop::TimedOut);
        }
        Ok(())
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    fn fence_after_rmw(&self) {
        fence(Ordering::SeqCst);
    }

    fn internal(&self) -> Process {
        process(&self.world)
    }

    fn ticks(&self) -> u64 {
        0
    }

    fn is_long_ago(&self, _: u64) -> bool {
        true
    }
}

fn model(f: impl Fn() + Sync + Send + 'static) {
    model_within(3, f);
}

fn model_within(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
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

/// A flag that is set is seen, and nobody sleeps on; also if it is cleared at once.
#[test]
fn flag_pulse_wakes() {
    model(|| {
        let world = World::new();
        let flag = Arc::new(raw::Flag::new(word()));
        let data = Arc::new(AtomicU32::new(0));
        let asleep = Arc::new(AtomicU32::new(0));
        let (w, f, d, a) = (world.clone(), flag.clone(), data.clone(), asleep.clone());
        let waiter = thread::spawn(move || {
            a.store(1, Ordering::SeqCst);
            assert_eq!(f.wait(&process(&w)), Ok(()));
            assert_eq!(d.load(Ordering::Relaxed), 1, "what was written before the flag was set");
        });
        data.store(1, Ordering::Relaxed);
        let me_here = process(&world);
        flag.set(&me_here);
        // Only if the wait has begun is a pulse enough.
        if asleep.load(Ordering::SeqCst) == 0 {
            waiter.join().unwrap();
            return;
        }
        waiter.join().unwrap();
        flag.clear();
        assert!(!flag.is_set());
    });
}

/// Somebody who sets, somebody who sets and clears: a waiter that sleeps through both has seen a new round.
#[test]
fn flag_with_two_setters() {
    model(|| {
        let world = World::new();
        let flag = Arc::new(raw::Flag::new(word()));
        let (w, f) = (world.clone(), flag.clone());
        let waiter = thread::spawn(move || f.wait(&process(&w)).unwrap());
        let (w, f) = (world.clone(), flag.clone());
        let other = thread::spawn(move || f.set(&process(&w)));
        flag.set(&process(&world));
        other.join().unwrap();
        waiter.join().unwrap();
        assert!(flag.is_set());
    });
}

/// Two take, two give: every permit is used, nobody sleeps on one.
#[test]
fn semaphore_loses_no_permit() {
    model(|| {
        let world = World::new();
        let s = Arc::new(raw::Semaphore::new(word(), word(), word()));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (world, s) = (world.clone(), s.clone());
                thread::spawn(move || s.acquire(&process(&world)).unwrap())
            })
            .collect();
        let me_here = process(&world);
        assert!(s.release(1, 2, &me_here));
        assert!(s.release(1, 2, &me_here));
        for t in threads {
            t.join().unwrap();
        }
        assert_eq!(s.value(), 0);
        assert!(s.release(2, 2, &me_here));
        assert!(!s.release(1, 2, &me_here), "above its bound");
    });
}

/// Whoever gives up passes on the wake-up that it may have swallowed; whoever releases and dies before it wakes anybody
/// is found.
#[test]
fn semaphore_with_the_impatient_and_the_dead() {
    model(|| {
        let world = World::new();
        let s = Arc::new(raw::Semaphore::new(word(), word(), word()));
        let (w, t) = (world.clone(), s.clone());
        let patient = thread::spawn(move || t.acquire(&process(&w)).unwrap());
        let (w, t) = (world.clone(), s.clone());
        let hasty = thread::spawn(move || t.acquire(&impatient(&w)).is_ok());
        assert!(s.release(1, 2, &process(&world)));
        if hasty.join().unwrap() {
            assert!(s.release(1, 2, &process(&world)));
        }
        patient.join().unwrap();
    });
}

type RwLock = raw::RwLock<W, Cells, Cells>;

fn rwlock() -> Arc<RwLock> {
    let words = raw::RwWords {
        writer: word(),
        inside: word(),
        gate: [word(), word()],
        drained: [word(), word()],
        groups: word(),
        steals: word(),
    };
    Arc::new(raw::RwLock::new(words, cells(4), cells(1)))
}

/// What the lock protects: two words that are equal whenever nobody writes.
struct Protected(loom::cell::UnsafeCell<(u32, u32)>);
#[allow(unsafe_code)]
// SAFETY: accessed under the lock only; loom checks that.
unsafe impl Sync for Protected {}
#[allow(unsafe_code)]
// SAFETY: as above.
unsafe impl Send for Protected {}

impl Protected {
    #[allow(unsafe_code)]
    fn write(&self) {
        self.0.with_mut(|p| {
            // SAFETY: only the writer is here; loom checks that.
            unsafe {
                (*p).0 += 1;
                (*p).1 += 1;
            }
        });
    }
    #[allow(unsafe_code)]
    fn read(&self) -> u32 {
        self.0.with(|p| {
            // SAFETY: only readers are here; loom checks that.
            let (a, b) = unsafe { *p };
            assert_eq!(a, b);
            a
        })
    }
}

/// Readers and writers exclude each other, and everybody gets in.
#[test]
fn rwlock_excludes_and_wakes() {
    model_within(2, || {
        let world = World::new();
        let lock = rwlock();
        let data = Arc::new(Protected(loom::cell::UnsafeCell::new((0, 0))));
        let threads: Vec<_> = [(1, false), (2, true)]
            .into_iter()
            .map(|(me, writes)| {
                let (world, lock, data) = (world.clone(), lock.clone(), data.clone());
                thread::spawn(move || {
                    let (me, me_here) = (tenant(me), process(&world));
                    if writes {
                        assert_eq!(lock.write_lock(me, &me_here), Ok(Acquired::Clean));
                        data.write();
                        assert!(lock.write_unlock(me, &me_here));
                    } else {
                        assert_eq!(lock.read_lock(me, &me_here), Ok(Acquired::Clean));
                        data.read();
                        assert!(lock.read_unlock(lock.seat(me), &me_here));
                    }
                })
            })
            .collect();
        let (me, me_here) = (tenant(3), process(&world));
        assert_eq!(lock.write_lock(me, &me_here), Ok(Acquired::Clean));
        data.write();
        assert!(lock.write_unlock(me, &me_here));
        for t in threads {
            t.join().unwrap();
        }
        assert_eq!(lock.read_lock(me, &me_here), Ok(Acquired::Clean));
        assert_eq!(data.read(), 2);
    });
}

/// A reader dies inside: the writer gets in, and is told nothing.
#[test]
fn rwlock_drops_a_dead_reader() {
    model(|| {
        let world = World::new();
        let lock = rwlock();
        assert_eq!(lock.read_lock(tenant(3), &process(&world)), Ok(Acquired::Clean));
        let (w, l) = (world.clone(), lock.clone());
        let writer = thread::spawn(move || {
            assert_eq!(l.write_lock(tenant(1), &process(&w)), Ok(Acquired::Clean));
            assert!(l.write_unlock(tenant(1), &process(&w)));
        });
        world.die(3);
        writer.join().unwrap();
        assert_eq!(lock.readers(&process(&world)), (0, 0));
    });
}

/// A writer dies inside while a reader and a writer want in: both get it, and both are told if they come before a
/// writer has left.
#[test]
fn rwlock_tells_of_a_dead_writer() {
    model_within(2, || {
        let world = World::new();
        let lock = rwlock();
        assert_eq!(lock.write_lock(tenant(3), &process(&world)), Ok(Acquired::Clean));
        let left = Arc::new(AtomicU32::new(0));
        let (w, l, done) = (world.clone(), lock.clone(), left.clone());
        let reader = thread::spawn(move || {
            let got = l.read_lock(tenant(1), &process(&w)).unwrap();
            let repaired = done.load(Ordering::SeqCst) == 1;
            assert!(l.read_unlock(l.seat(tenant(1)), &process(&w)));
            assert!(got == Acquired::Recovered || repaired, "read half done data without being told");
        });
        let (w, l, done) = (world.clone(), lock.clone(), left.clone());
        let writer = thread::spawn(move || {
            assert_eq!(l.write_lock(tenant(2), &process(&w)), Ok(Acquired::Recovered));
            done.store(1, Ordering::SeqCst);
            assert!(l.write_unlock(tenant(2), &process(&w)));
        });
        world.die(3);
        reader.join().unwrap();
        writer.join().unwrap();
        assert_eq!(lock.read_lock(tenant(1), &process(&world)), Ok(Acquired::Clean));
    });
}

type Condition = raw::Condition<Cells, Waitable>;

/// A condition under a lock, and what is waited for.
struct Mail {
    world: Arc<World>,
    lock: W,
    items: AtomicU32,
    condition: Condition,
}

impl Mail {
    fn new() -> Arc<Mail> {
        // 64 tickets are the least; a model with as many atomics is slow, but no slower for being used.
        let states = Waitable((0..64).map(|_| word()).collect());
        Arc::new(Mail {
            world: World::new(),
            lock: word(),
            items: AtomicU32::new(0),
            condition: raw::Condition::new(cells(64), cells(64), states, cells(3)),
        })
    }

    fn lock(&self, me: u32) {
        raw::lock(&self.lock, me, &process(&self.world)).unwrap();
    }

    fn unlock(&self, me: u32) {
        assert!(raw::unlock(&self.lock, me, &process(&self.world)));
    }

    /// Waits for an item and takes it.
    fn take(&self, me: u32, env: &Process) -> Result<(), Stop> {
        self.lock(me);
        while self.items.load(Ordering::Relaxed) == 0 {
            let ticket = self.condition.enrol(tenant(me)).expect("a ticket");
            self.unlock(me);
            let waited = self.condition.wait(&ticket, tenant(me), env, || true);
            self.lock(me);
            if waited.is_ok() {
                self.condition.leave(ticket);
            } else if self.items.load(Ordering::Relaxed) == 0 {
                self.unlock(me);
                return waited;
            }
        }
        self.items.fetch_sub(1, Ordering::Relaxed);
        self.unlock(me);
        Ok(())
    }

    fn put(&self, me: u32) {
        self.lock(me);
        self.items.fetch_add(1, Ordering::Relaxed);
        self.unlock(me);
        self.condition.notify(1, &process(&self.world));
    }
}

/// Every item is taken: no notification is lost.
#[test]
fn condition_loses_no_notification() {
    model_within(2, || {
        let mail = Mail::new();
        let m = mail.clone();
        let taker = thread::spawn(move || m.take(1, &process(&m.world)).unwrap());
        mail.put(2);
        taker.join().unwrap();
        assert_eq!(mail.items.load(Ordering::SeqCst), 0);
    });
}

/// One waits, one gives up at once, one item comes: whoever gives up does not take the other's notification with it.
#[test]
fn condition_with_the_impatient() {
    model_within(2, || {
        let mail = Mail::new();
        let (a, b) = (mail.clone(), mail.clone());
        let hasty = thread::spawn(move || a.take(1, &impatient(&a.world)).is_ok());
        let patient = thread::spawn(move || b.take(2, &process(&b.world)).unwrap());
        mail.put(3);
        if hasty.join().unwrap() {
            mail.put(3);
        }
        patient.join().unwrap();
    });
}

/// Somebody is notified and dies before it has made use of it: the other one gets it.
#[test]
fn condition_passes_on_what_the_dead_had() {
    model_within(2, || {
        let mail = Mail::new();
        // Has waited longer, and is as good as dead.
        let _first = mail.condition.enrol(tenant(3)).expect("a ticket");
        let m = mail.clone();
        let taker = thread::spawn(move || m.take(1, &process(&m.world)).unwrap());
        mail.put(2);
        mail.world.die(3);
        taker.join().unwrap();
        assert_eq!(mail.items.load(Ordering::SeqCst), 0);
    });
}

type Barrier = raw::Barrier<W, Cells, Cells>;

fn barrier(parties: u32) -> Arc<Barrier> {
    let words = raw::BarrierWords {
        lock: word(),
        phase: word(),
        round: word(),
        broken: word(),
        arrived: word(),
        verdict: word(),
        deaths: word(),
    };
    Arc::new(raw::Barrier::new(parties, words, [cells(4), cells(4), cells(4)], cells(4)))
}

fn arrive(b: &Barrier, me: u32, env: &Process) -> Result<u32, Fail> {
    b.wait(tenant(me), env, false, || true, &mut None::<fn() -> Option<bool>>)
}

/// Two parties, two rounds: distinct indices in each, and nobody is left behind.
#[test]
fn barrier_rounds_do_not_mix() {
    model_within(2, || {
        let (world, b) = (World::new(), barrier(2));
        let (w, c) = (world.clone(), b.clone());
        let other = thread::spawn(move || [(); 2].map(|()| arrive(&c, 1, &process(&w)).unwrap()));
        let mine = [(); 2].map(|()| arrive(&b, 2, &process(&world)).unwrap());
        let theirs = other.join().unwrap();
        for (a, b) in mine.into_iter().zip(theirs) {
            assert_eq!(a + b, 1, "both have the same index");
        }
        assert_eq!(b.waiting(), 0);
    });
}

/// A party dies while it waits: the other does not wait for ever, nor pass.
#[test]
fn barrier_breaks_when_a_party_dies() {
    model_within(2, || {
        let (world, b) = (World::new(), barrier(3));
        let (w, c) = (world.clone(), b.clone());
        let other = thread::spawn(move || assert_eq!(arrive(&c, 1, &process(&w)), Err(Fail::Broken)));
        // Arrives, and never comes back: what its place says then is what a death leaves.
        assert!(b.registered().add(tenant(3), || ()));
        world.die(3);
        other.join().unwrap();
        assert!(b.is_broken());
    });
}

/// A party gives up just when the last one comes: both pass, or neither does.
#[test]
fn barrier_gives_both_the_same_answer() {
    model_within(2, || {
        let (world, b) = (World::new(), barrier(2));
        let (w, c) = (world.clone(), b.clone());
        let hasty = thread::spawn(move || arrive(&c, 1, &impatient(&w)));
        let mine = arrive(&b, 2, &impatient(&world));
        let theirs = hasty.join().unwrap();
        assert_eq!(mine.is_ok(), theirs.is_ok(), "{mine:?} {theirs:?}");
        assert_eq!(b.is_broken(), mine.is_err());
    });
}

fn seen<T>(there: bool, result: T) -> raw::Seen<T> {
    match there {
        true => raw::Seen::Ready(result),
        false => raw::Seen::Nothing,
    }
}

/// Two eventcounts, one waiter for either, two who notify: nothing is slept through.
#[test]
fn many_hears_each() {
    model(|| {
        let world = World::new();
        let words: Arc<Vec<(W, W, W)>> = Arc::new((0..2).map(|_| (word(), word(), word())).collect());
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let (world, words) = (world.clone(), words.clone());
                thread::spawn(move || {
                    let (sequence, hint, there) = &words[i];
                    there.store(1, Ordering::Relaxed);
                    raw::notify(sequence, hint, 1, false, &process(&world));
                })
            })
            .collect();
        let both = raw::wait_many(
            2,
            |i| raw::Signal::Count { sequence: &words[i].0, hint: &words[i].1 },
            &process(&world),
            |_| seen(words.iter().all(|(_, _, there)| there.load(Ordering::Relaxed) == 1), ()),
        );
        assert_eq!(both, Ok(()));
        for t in threads {
            t.join().unwrap();
        }
    });
}

/// Somebody only looks at a lock, somebody else wants it, and a third is quick: the one wake-up that comes reaches whoever
/// wants it.
#[test]
fn many_passes_on() {
    model_within(2, || {
        let world = World::new();
        let word = Arc::new(word());
        let me_here = process(&world);
        assert_eq!(raw::lock(&*word, 9, &me_here), Ok(Acquired::Clean));
        let (w, v) = (world.clone(), word.clone());
        let wants = thread::spawn(move || {
            let me_here = process(&w);
            assert_eq!(raw::lock(&*v, 1, &me_here), Ok(Acquired::Clean));
            assert!(raw::unlock(&*v, 1, &me_here));
        });
        let (w, v) = (world.clone(), word.clone());
        let looks = thread::spawn(move || {
            let free = raw::wait_many(
                1,
                |_| raw::Signal::Lock(&*v),
                &process(&w),
                |_| seen(v.load(Ordering::Acquire) & !raw::WAITERS == 0, ()),
            );
            assert_eq!(free, Ok(()));
        });
        assert!(raw::unlock(&*word, 9, &me_here));
        if raw::try_lock(&*word, 9) {
            assert!(raw::unlock(&*word, 9, &me_here));
        }
        wants.join().unwrap();
        looks.join().unwrap();
    });
}

/// The same with permits: the one who only looks leaves the wake-up to the one who takes.
#[test]
fn many_leaves_permits() {
    model(|| {
        let world = World::new();
        let semaphore = Arc::new(raw::Semaphore::new(word(), word(), word()));
        let (w, s) = (world.clone(), semaphore.clone());
        let takes = thread::spawn(move || assert_eq!(s.acquire(&process(&w)), Ok(())));
        let (w, s) = (world.clone(), semaphore.clone());
        let looks = thread::spawn(move || {
            let mut tries = 0;
            let seen = raw::wait_many(
                1,
                |_| s.signal(),
                &process(&w),
                |_| {
                    tries += 1;
                    // Whether it sees one or not: it gives up when something has happened.
                    seen(s.value() > 0 || tries > 2, ())
                },
            );
            assert_eq!(seen, Ok(()));
        });
        assert!(semaphore.release(1, u32::MAX, &process(&world)));
        takes.join().unwrap();
        // For whoever looked too late to see the first.
        assert!(semaphore.release(1, u32::MAX, &process(&world)));
        looks.join().unwrap();
    });
}

/// Event and lock in one wait: whichever comes first is noticed, then the other.
#[test]
fn many_of_different_kinds() {
    model(|| {
        let world = World::new();
        let (lock, flag) = (Arc::new(word()), Arc::new(raw::Flag::new(word())));
        let me_here = process(&world);
        assert_eq!(raw::lock(&*lock, 9, &me_here), Ok(Acquired::Clean));
        let (w, f) = (world.clone(), flag.clone());
        let setter = thread::spawn(move || f.set(&process(&w)));
        let round = flag.round();
        let (w, v) = (world.clone(), lock.clone());
        let releaser = thread::spawn(move || assert!(raw::unlock(&*v, 9, &process(&w))));
        let free = || lock.load(Ordering::Acquire) & !raw::WAITERS == 0;
        let set = || flag.was_set_since(round);
        let first = raw::wait_many(
            2,
            |i| if i == 0 { raw::Signal::Lock(&*lock) } else { raw::Signal::Flag(&*flag) },
            &me_here,
            |_| seen(free() || set(), free()),
        );
        // Then for the other alone.
        if first == Ok(true) {
            assert_eq!(raw::wait_many(1, |_| raw::Signal::Flag(&*flag), &me_here, |_| seen(set(), ())), Ok(()));
        } else {
            assert_eq!(raw::wait_many(1, |_| raw::Signal::Lock(&*lock), &me_here, |_| seen(free(), ())), Ok(()));
        }
        setter.join().unwrap();
        releaser.join().unwrap();
    });
}

/// Two messages, rung for one by one, and one who hears them by its bell only: it hears of both.
#[test]
fn bells_ring() {
    model(|| {
        let world = World::new();
        let words = Arc::new((word(), word(), word(), word()));
        let bells = Arc::new(Bells::new(cells(2)));
        let me = tenant(1);
        let place = bells.join(me, 0, |_| false).unwrap();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (world, words, bells) = (world.clone(), words.clone(), bells.clone());
                thread::spawn(move || {
                    let (sequence, hint, messages, bell) = &*words;
                    messages.fetch_add(1, Ordering::Release);
                    let here = process(&world);
                    raw::notify_and(sequence, hint, 1, false, &here, || {
                        bells.ring(|who, at, _| {
                            assert_eq!((who, at), (me, place));
                            bell.store(1, Ordering::SeqCst);
                            here.wake(bell, 1);
                            true
                        })
                    });
                })
            })
            .collect();
        let (sequence, hint, messages, bell) = &*words;
        let here = process(&world);
        loop {
            bell.store(0, Ordering::SeqCst);
            assert!(bells.arm(place, me));
            raw::announce(sequence, hint, &here);
            if messages.load(Ordering::Acquire) == 2 {
                break;
            }
            here.sleep(bell, 0);
        }
        for t in threads {
            t.join().unwrap();
        }
    });
}

/// Somebody waits for many things at an eventcount where a bell is armed, and leaves for another reason after it was woken:
/// the bell is rung all the same.
#[test]
fn bells_are_left_alone() {
    model_within(2, || {
        let world = World::new();
        let words = Arc::new((word(), word(), word(), word()));
        let bells = Arc::new(Bells::new(cells(1)));
        let me = tenant(1);
        let place = bells.join(me, 0, |_| false).unwrap();
        let put = |world: &Arc<World>, words: &(W, W, W, W), bells: &Bells<Cells>| {
            let (sequence, hint, messages, bell) = words;
            messages.fetch_add(1, Ordering::Release);
            let here = process(world);
            raw::notify_and(sequence, hint, 1, false, &here, || {
                bells.ring(|_, _, _| {
                    bell.store(1, Ordering::SeqCst);
                    here.wake(bell, 1);
                    true
                })
            });
        };
        let (w, v) = (world.clone(), words.clone());
        let looks = thread::spawn(move || {
            let mut tries = 0;
            let left = raw::wait_many(
                1,
                |_| raw::Signal::Count { sequence: &v.0, hint: &v.1 },
                &process(&w),
                |_| {
                    tries += 1;
                    seen(tries > 2 || v.2.load(Ordering::Acquire) > 0, ())
                },
            );
            assert_eq!(left, Ok(()));
        });
        let (w, v, b) = (world.clone(), words.clone(), bells.clone());
        let puts = thread::spawn(move || {
            put(&w, &v, &b);
            put(&w, &v, &b);
        });
        let (sequence, hint, messages, bell) = &*words;
        let here = process(&world);
        loop {
            bell.store(0, Ordering::SeqCst);
            assert!(bells.arm(place, me));
            raw::announce(sequence, hint, &here);
            if messages.load(Ordering::Acquire) == 2 {
                break;
            }
            here.sleep(bell, 0);
        }
        puts.join().unwrap();
        looks.join().unwrap();
    });
}
