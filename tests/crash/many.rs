//! Waiting for any of many things, notified values, and descriptors for event loops.

use crate::engine::{child, directory, domain, every_point, meanwhile, member, soon, Beside, End};
use crate::Test;
use mproc::{
    wait_any, ElemType, Element, Error, Event, FetchOp, Limits, Lock, ObjectOptions, On, Pipe, PipeOptions, Queue,
    QueueOptions, Semaphore, SemaphoreOptions, Value, ValueOptions,
};
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("many_dies_anywhere", dies_anywhere),
    ("many_passes_on", passes_on),
    ("many_dead_holder", dead_holder),
    ("many_value_notified", value_notified),
    ("many_poll_put", poll_put),
    ("many_poll_send", poll_send),
    ("many_poll_room", poll_room),
    ("many_poll_armed_meanwhile", poll_armed_meanwhile),
    ("many_poll_poller_dies", poll_poller_dies),
    ("many_poll_places", poll_places),
];

fn options() -> ObjectOptions {
    ObjectOptions::default()
}

fn number() -> Value {
    let element = Element::scalar(ElemType::I64);
    Value::create(&domain(), None, &ValueOptions { object: options(), element, initial: None }).expect("create").0
}

fn queue() -> Queue {
    let options = QueueOptions { capacity_bytes: 4096, pollable: true, ..QueueOptions::default() };
    Queue::create(&domain(), None, &options).expect("create").0
}

struct Things {
    queue: Queue,
    lock: Lock,
    semaphore: Semaphore,
    event: Event,
    value: Value,
}

fn things() -> Things {
    let options = SemaphoreOptions { initial: 0, ..SemaphoreOptions::default() };
    let things = Things {
        queue: queue(),
        lock: Lock::create(&domain(), None, self::options()).expect("create").0,
        semaphore: Semaphore::create(&domain(), None, options).expect("create").0,
        event: Event::create(&domain(), None, self::options()).expect("create").0,
        value: number(),
    };
    things.lock.lock(soon()).expect("lock");
    things
}

impl Things {
    /// Waits for any of them.
    fn wait(&self) -> Result<Vec<usize>, Error> {
        let on = [
            On::QueueReadable(&self.queue),
            On::Lock(&self.lock),
            On::Semaphore(&self.semaphore),
            On::Event(&self.event),
            On::Value(&self.value, Some(&[0; 8])),
        ];
        wait_any(&on, soon())
    }
}

/// Whoever waits for many things and dies anywhere leaves nothing behind that keeps anybody from anything.
fn dies_anywhere() {
    type Step = fn(&Things);
    let put: Step = |t| t.queue.put(b"x", soon()).expect("put");
    let release: Step = |t| t.semaphore.release(1).expect("release");
    let nothing: Step = |_| ();
    // What makes it ready, who takes it, and what makes it ready again.
    let cases: [(Step, Step, Step); 5] = [
        (put, |t| assert_eq!(t.queue.get(soon()).expect("get"), b"x"), put),
        (
            |t| t.lock.unlock().expect("unlock"),
            |t| {
                t.lock.lock(soon()).expect("lock");
                t.lock.unlock().expect("unlock");
            },
            nothing,
        ),
        (release, |t| drop(t.semaphore.acquire(soon()).expect("acquire")), release),
        (|t| t.event.set(), |t| t.event.wait(soon()).expect("set"), nothing),
        (
            |t| {
                t.value.fetch_i64(FetchOp::Add, 1).expect("add");
                t.value.notify(1);
            },
            |t| t.value.wait(Some(&[0; 8]), soon()).expect("changed"),
            nothing,
        ),
    ];
    for (index, (make, take, again)) in cases.into_iter().enumerate() {
        for k in 1.. {
            let things = things();
            let waiter = Beside::run(k, || assert_eq!(things.wait(), Ok(vec![index])));
            let taker = Beside::run(0, || take(&things));
            std::thread::sleep(Duration::from_millis(2)); // asleep, most probably
            make(&things);
            assert_eq!(taker.end(), End::Returned, "case {index}: waits although it is there");
            again(&things);
            // How often it sleeps, and so how many points there are, is not the same every time.
            if waiter.end() == End::Returned {
                break;
            }
        }
    }
}

/// One wake-up comes to somebody who only looks: somebody else who sleeps there, and never looks around by itself, is woken
/// all the same.
fn passes_on() {
    let name = "many-lock";
    let lock = Lock::create(&domain(), Some(name), options()).expect("create").0;
    lock.lock(soon()).expect("lock");
    let looks = Beside::run(0, || assert_eq!(wait_any(&[On::Lock(&lock)], soon()), Ok(vec![0])));
    let file = std::fs::File::open(directory().join(name)).expect("the lock's file");
    // SAFETY: maps the object's first page; the address is checked.
    let page =
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    assert_ne!(page, libc::MAP_FAILED);
    // SAFETY: the lock's word, at 128 (see `shm::header`), is inside the page.
    let word = unsafe { &*page.cast::<u8>().add(128).cast::<AtomicU32>() };
    let marked = || word.load(std::sync::atomic::Ordering::SeqCst);
    let limit = std::time::Instant::now() + Duration::from_secs(2);
    while marked() >> 31 == 0 {
        assert!(std::time::Instant::now() < limit, "whoever waits announces itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(3)); // asleep, most probably, and first in line
    let held = marked();
    let sleeps = Beside::run(0, || {
        let time = libc::timespec { tv_sec: 2, tv_nsec: 0 };
        // SAFETY: a valid word and time; only waits.
        let result = unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, held, &time) };
        assert_eq!(result, 0, "slept through");
    });
    std::thread::sleep(Duration::from_millis(5));
    lock.unlock().expect("unlock");
    assert_eq!(looks.end(), End::Returned);
    assert_eq!(sleeps.end(), End::Returned, "the wake-up was kept");
    // SAFETY: mapped above, and nobody uses it any more.
    unsafe { libc::munmap(page, 4096) };
}

/// What is ready because its holder is dead can be had at once, and stays ready until somebody has it.
fn dead_holder() {
    let lock = Lock::create(&domain(), None, options()).expect("create").0;
    let accounting = SemaphoreOptions { initial: 1, accounting: true, ..SemaphoreOptions::default() };
    let semaphore = Semaphore::create(&domain(), None, accounting).expect("create").0;
    let end = member(0, || {
        lock.lock(soon()).expect("lock");
        semaphore.acquire(soon()).expect("acquire");
    });
    assert_eq!(end, End::Returned);
    let both = [On::Lock(&lock), On::Semaphore(&semaphore)];
    for on in &both {
        assert_eq!(wait_any(std::slice::from_ref(on), soon()), Ok(vec![0]));
        assert_eq!(wait_any(std::slice::from_ref(on), Limits::none()), Ok(vec![0]));
        assert_eq!(wait_any(std::slice::from_ref(on), Limits::none()), Ok(vec![0]));
    }
    // However many look: each finds it in its own time.
    let lookers: Vec<_> =
        (0..30).map(|_| Beside::run(0, || assert_eq!(wait_any(&both[1..], soon()), Ok(vec![0])))).collect();
    assert!(lookers.into_iter().all(|looker| looker.end() == End::Returned));
    lock.lock(Limits::none()).expect("ready, so to be had");
    semaphore.acquire(Limits::none()).expect("ready, so to be had");
    assert_eq!(wait_any(&both, Limits::none()), Err(Error::TimedOut));
}

/// Changed, and dead before or while it was said: whoever waits finds out. And whoever waits may die.
fn value_notified() {
    for k in 1.. {
        let value = number();
        let waiter = Beside::run(0, || value.wait(Some(&[0; 8]), soon()).expect("changed"));
        let other = Beside::run(k, || drop(value.wait(Some(&[0; 8]), soon())));
        std::thread::sleep(Duration::from_millis(2));
        let end = member(k, || {
            value.fetch_i64(FetchOp::Add, 1).expect("add");
            value.notify(2);
        });
        if value.load().expect("load") == [0; 8] {
            assert_eq!(end, End::Died);
            value.fetch_i64(FetchOp::Add, 1).expect("add");
        }
        assert_eq!(waiter.end(), End::Returned);
        other.end();
        if end == End::Returned {
            break;
        }
    }
}

/// Whether a descriptor is readable, or becomes so within `ms`.
fn is_readable(fd: i32, ms: i32) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    let n = unsafe { libc::poll(&mut poll, 1, ms) };
    assert!(n >= 0);
    n == 1
}

/// Makes the descriptor of an empty queue unreadable.
fn quiet(queue: &Queue) -> i32 {
    let fd = queue.readable_fd().expect("descriptor");
    // Its timer may run out just now.
    for _ in 0..10 {
        assert_eq!(queue.get(Limits::none()), Err(Error::TimedOut));
        if !is_readable(fd, 0) {
            return fd;
        }
    }
    panic!("readable without end");
}

/// A producer dies anywhere in put: if the message is there, whoever polls finds it.
fn poll_put() {
    every_point(
        || {
            let queue = queue();
            let fd = quiet(&queue);
            (queue, fd)
        },
        |(queue, _)| queue.put(b"x", soon()).expect("put"),
        |(queue, fd), end| {
            if queue.len() == 1 {
                assert!(is_readable(*fd, 2000), "a message, and nobody hears of it");
                assert_eq!(queue.get(Limits::none()).expect("get"), b"x");
            } else {
                assert_eq!(end, End::Died);
                assert!(queue.is_empty());
            }
        },
    );
}

/// The same with a pipe, and with the end of all messages.
fn poll_send() {
    let options = PipeOptions { capacity_bytes: 4096, pollable: true, ..PipeOptions::default() };
    for k in 1.. {
        let (ends, _) = Pipe::create(&domain(), None, &options, [true, true]).expect("create");
        let [Some(end0), Some(end1)] = ends else { panic!("both ends") };
        let fd = end0.readable_fd().expect("descriptor");
        assert_eq!(end0.recv(Limits::none()), Err(Error::TimedOut));
        // Whoever dies takes the other end along: first the message, if it is there, then the end of the file.
        let mut end1 = Some(end1);
        let end = {
            let theirs = end1.take().expect("still there");
            let end = member(k, || theirs.send(b"x", soon()).expect("send"));
            drop(theirs);
            end
        };
        assert!(is_readable(fd, 2000));
        let first = end0.recv(Limits::none());
        match (&first, end) {
            (Ok(bytes), _) => {
                assert_eq!(bytes, b"x");
                assert!(is_readable(fd, 2000));
                assert_eq!(end0.recv(soon()), Err(Error::EndOfFile));
            }
            (Err(Error::EndOfFile | Error::TimedOut), End::Died) => {
                assert_eq!(end0.recv(soon()), Err(Error::EndOfFile));
            }
            other => panic!("{other:?}"),
        }
        assert!(is_readable(fd, 2000), "the end of the file stays readable");
        if end == End::Returned {
            break;
        }
    }
}

/// A consumer dies anywhere in get: if there is room, whoever polls for it finds it.
fn poll_room() {
    let message = [0u8; 4000];
    every_point(
        || {
            let queue = queue();
            let fd = queue.writable_fd().expect("descriptor");
            queue.put(&message, soon()).expect("put");
            assert_eq!(queue.put(&message, Limits::none()), Err(Error::TimedOut));
            (queue, fd)
        },
        |(queue, _)| drop(queue.get(soon()).expect("get")),
        |(queue, fd), end| {
            if queue.is_empty() {
                assert!(is_readable(*fd, 2000), "room, and nobody hears of it");
                queue.put(&message, Limits::none()).expect("put");
            } else {
                assert_eq!(end, End::Died);
            }
        },
    );
}

/// Somebody puts at any moment of a look that finds nothing: it is found, or the descriptor is readable at once.
fn poll_armed_meanwhile() {
    struct State {
        queue: Queue,
        fd: i32,
        found: AtomicU32,
    }
    meanwhile(
        || {
            let queue = queue();
            let fd = quiet(&queue);
            State { queue, fd, found: AtomicU32::new(0) }
        },
        |s| {
            if s.queue.get(Limits::none()).is_ok() {
                s.found.store(1, std::sync::atomic::Ordering::SeqCst);
            }
        },
        |s| s.queue.put(b"x", Limits::none()).expect("put"),
        |s| {
            if s.found.load(std::sync::atomic::Ordering::SeqCst) == 0 {
                assert!(is_readable(s.fd, 0), "armed, and not rung");
                assert_eq!(s.queue.get(Limits::none()).expect("get"), b"x");
            }
        },
    );
}

/// Who polls may die anywhere: others put, and others poll.
fn poll_poller_dies() {
    every_point(
        queue,
        |queue| {
            let fd = queue.readable_fd().expect("descriptor");
            assert!(is_readable(fd, 0), "begins readable");
            assert_eq!(queue.get(Limits::none()), Err(Error::TimedOut));
        },
        |queue, _| {
            let fd = quiet(queue);
            assert_eq!(member(0, || queue.put(b"x", soon()).expect("put")), End::Returned);
            assert!(is_readable(fd, 2000));
            assert_eq!(queue.get(Limits::none()).expect("get"), b"x");
        },
    );
}

/// The places of the dead are given to others.
fn poll_places() {
    let queue = queue();
    for _ in 0..140 {
        let end = child(
            0,
            || (),
            || {
                assert!(queue.readable_fd().is_ok());
                // SAFETY: dies, as by kill -9.
                unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            },
        );
        assert_eq!(end, End::Died);
    }
    quiet(&queue);
}
