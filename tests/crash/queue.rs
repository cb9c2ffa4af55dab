//! The queue: after any death it holds what it held, or that and what was being put, or that without what
//! was being taken; in order, whole, and it goes on working.

use crate::engine::{child, domain, every_pair, every_point, soon, End};
use crate::Test;
use mproc::{Error, Limits, Queue, QueueOptions};
use std::mem::MaybeUninit;
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("queue_put", put),
    ("queue_put_long", put_long),
    ("queue_get", get),
    ("queue_put_many", put_many),
    ("queue_get_many", get_many),
    ("queue_recovery", recovery),
    ("queue_shutdown", shutdown),
    ("queue_dead_sleepers", dead_sleepers),
    ("queue_impossible_record", impossible_record),
];

const PAGE: u64 = 4096;

fn message(n: u8) -> Vec<u8> {
    vec![n; usize::from(n) * 3]
}

fn queue(max_items: u32) -> Queue {
    Queue::create(&domain(), None, &QueueOptions { capacity_bytes: PAGE, max_items, ..Default::default() })
        .expect("create")
        .0
}

fn fill(q: &Queue, messages: &[Vec<u8>]) {
    for m in messages {
        q.put(m, soon()).expect("put");
    }
}

/// A name, a queue in that state, and the messages inside.
type State = (Queue, Vec<Vec<u8>>);

fn empty() -> State {
    (queue(0), vec![])
}

fn one() -> State {
    let q = queue(0);
    fill(&q, &[message(7)]);
    (q, vec![message(7)])
}

/// The next record crosses the end of the ring.
fn wrapped() -> State {
    let q = queue(0);
    q.put(&[0; 4000], soon()).expect("put");
    q.get(soon()).expect("get");
    let inside: Vec<_> = [5, 0, 60, 61].map(message).into();
    fill(&q, &inside);
    (q, inside)
}

/// Not even an empty message fits (by items).
fn full() -> State {
    let q = queue(3);
    let inside: Vec<_> = [1, 2, 3].map(message).into();
    fill(&q, &inside);
    assert!(q.is_full());
    (q, inside)
}

/// Marked by sleepers that died: consumers and producers.
fn marked() -> State {
    let q = queue(2);
    // SAFETY-free: a child that is killed in its sleep.
    asleep_and_killed(|| drop(q.get(Limits::forever())));
    fill(&q, &[message(1), message(2)]);
    asleep_and_killed(|| drop(q.put(b"never", Limits::forever())));
    let first = q.get(soon()).expect("get");
    assert_eq!(first, message(1));
    (q, vec![message(2)])
}

fn asleep_and_killed(f: impl FnOnce()) {
    // SAFETY: one thread only, so the child may do anything.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            f();
            libc::_exit(0);
        }
        libc::usleep(3000); // asleep by now; if not, it dies a little earlier: fine as well
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

const STATES: [fn() -> State; 5] = [empty, one, wrapped, full, marked];

fn drain(q: &Queue) -> Vec<Vec<u8>> {
    let mut all = vec![];
    loop {
        match q.get(Limits::none()) {
            Ok(m) => all.push(m),
            Err(Error::TimedOut) => break,
            Err(e) => panic!("get: {e}"),
        }
    }
    assert_eq!(q.len(), 0);
    assert!(q.is_empty());
    all
}

/// The queue holds exactly one of the `allowed` contents, and works.
fn holds(q: &Queue, allowed: &[&[Vec<u8>]]) {
    let len = q.len();
    let now = drain(q);
    assert_eq!(len, now.len(), "len() and the messages disagree");
    assert!(allowed.iter().any(|a| *a == now), "holds {now:?}");
    for n in [9, 0, 200] {
        q.put(&message(n), soon()).expect("put after a death");
        assert_eq!(q.get(soon()).expect("get after a death"), message(n));
    }
    assert_eq!(q.info().unwrap().used_bytes, 0);
}

fn put() {
    for state in STATES {
        every_point(
            || {
                let (q, before) = state();
                if q.is_full() {
                    q.get(soon()).expect("get");
                    (q, before[1..].to_vec())
                } else {
                    (q, before)
                }
            },
            |(q, _)| q.put(&message(50), soon()).expect("put"),
            |(q, before), end| {
                let after = [&before[..], &[message(50)]].concat();
                if end == End::Returned {
                    holds(q, &[&after])
                } else {
                    holds(q, &[before, &after])
                }
            },
        );
    }
    // No room: dies while it waits.
    every_point(
        full,
        |(q, _)| assert_eq!(q.put(&message(4), Limits::within(Duration::from_millis(1))), Err(Error::TimedOut)),
        |(q, before), _| holds(q, &[before]),
    );
}

/// Long enough to be copied past the cache; the first copies of a handle try both ways.
fn put_long() {
    let long: Vec<Vec<u8>> = (1..=3u8).map(|n| (0..40_000u32).map(|i| (i % 251) as u8 ^ n).collect()).collect();
    every_point(
        || Queue::create(&domain(), None, &QueueOptions::default()).expect("create").0,
        |q| long.iter().for_each(|m| q.put(m, soon()).expect("put")),
        |q, end| {
            let inside = drain(q);
            assert!(long.starts_with(&inside), "{} messages, torn or out of order", inside.len());
            assert!(end == End::Died || inside.len() == long.len());
            q.put(&long[0], soon()).expect("put after a death");
            assert!(q.get(soon()).expect("get after a death") == long[0]);
        },
    );
}

fn get() {
    for state in [one, wrapped, full, marked] {
        every_point(
            state,
            |(q, before)| assert_eq!(q.get(soon()).expect("get"), before[0]),
            |(q, before), end| {
                if end == End::Returned {
                    holds(q, &[&before[1..]])
                } else {
                    holds(q, &[before, &before[1..]])
                }
            },
        );
        // Too small a buffer takes nothing.
        every_point(
            state,
            |(q, before)| {
                let needed = before[0].len();
                let got = q.get_into(&mut vec![MaybeUninit::uninit(); needed - 1], soon());
                assert_eq!(got, Err(Error::MessageSize { needed }));
            },
            |(q, before), _| holds(q, &[before]),
        );
    }
    every_point(
        empty,
        |(q, _)| assert_eq!(q.get(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut)),
        |(q, _), _| holds(q, &[&[]]),
    );
}

fn put_many() {
    let batch: Vec<_> = [30, 0, 31].map(message).into();
    for state in [empty, one, wrapped] {
        every_point(
            state,
            |(q, _)| {
                let (done, result) = q.put_many(batch.len(), |i| &batch[i], soon());
                result.expect("put_many");
                assert_eq!(done, 3);
            },
            |(q, before), end| {
                let after = [&before[..], &batch].concat();
                if end == End::Returned {
                    holds(q, &[&after])
                } else {
                    holds(q, &[before, &after])
                }
            },
        );
    }
    // Room for one of them: that one, whole, or none.
    every_point(
        || {
            let (q, before) = full();
            q.get(soon()).expect("get");
            (q, before[1..].to_vec())
        },
        |(q, _)| {
            let (done, result) = q.put_many(batch.len(), |i| &batch[i], Limits::within(Duration::from_millis(1)));
            assert_eq!((done, result), (1, Err(Error::TimedOut)));
        },
        |(q, before), end| {
            let after = [&before[..], &batch[..1]].concat();
            if end == End::Returned {
                holds(q, &[&after])
            } else {
                holds(q, &[before, &after])
            }
        },
    );
}

fn get_many() {
    for state in [one, wrapped, full] {
        every_point(
            state,
            |(q, before)| {
                let mut bytes = vec![MaybeUninit::uninit(); 1000];
                let mut lens = [MaybeUninit::uninit(); 2];
                let count = q.get_many_into(&mut bytes, &mut lens, soon()).expect("get_many");
                assert_eq!(count, before.len().min(2));
            },
            |(q, before), end| {
                let after = &before[before.len().min(2)..];
                if end == End::Returned {
                    holds(q, &[after])
                } else {
                    holds(q, &[before, after])
                }
            },
        );
    }
}

fn recovery() {
    every_pair(
        wrapped,
        |(q, _)| q.put(&message(50), soon()).expect("put"),
        |(q, _)| q.put(&message(51), soon()).expect("put"),
        |(q, before), _| {
            let with = |more: &[u8]| [&before[..], &more.iter().map(|&n| message(n)).collect::<Vec<_>>()].concat();
            holds(q, &[before, &with(&[50]), &with(&[51]), &with(&[50, 51])]);
        },
    );
    every_pair(
        wrapped,
        |(q, _)| drop(q.get(soon()).expect("get")),
        |(q, _)| drop(q.get(soon()).expect("get")),
        |(q, before), _| holds(q, &[before, &before[1..], &before[2..]]),
    );
}

fn shutdown() {
    for state in STATES {
        every_point(
            state,
            |(q, _)| q.shutdown(false).expect("shutdown"),
            |(q, before), end| match q.put(b"late", Limits::none()) {
                Err(Error::Closed) => {
                    for m in before {
                        assert_eq!(q.get(soon()).as_ref(), Ok(m), "a graceful shutdown lost a message");
                    }
                    assert_eq!(q.get(soon()), Err(Error::Closed));
                }
                other => {
                    assert_eq!(end, End::Died, "{other:?}");
                    q.shutdown(false).expect("shutdown again");
                    assert_eq!(q.put(b"late", Limits::none()), Err(Error::Closed));
                }
            },
        );
        every_point(
            state,
            |(q, _)| q.shutdown(true).expect("shutdown"),
            |(q, before), end| {
                if end == End::Died && q.info().unwrap().state == 0 {
                    holds(q, &[before]);
                }
                q.shutdown(true).expect("shutdown again");
                assert_eq!(q.get(soon()), Err(Error::Closed));
                assert_eq!(q.put(b"late", soon()), Err(Error::Closed));
                assert_eq!(q.len(), 0);
            },
        );
    }
}

/// Sleepers that were killed swallow nothing: a live consumer gets what is put.
fn dead_sleepers() {
    for _ in 0..20 {
        let q = queue(0);
        for _ in 0..3 {
            asleep_and_killed(|| drop(q.get(Limits::forever())));
        }
        let consumer = || assert_eq!(q.get(soon()).expect("a killed sleeper swallowed the wake-up"), b"x");
        // The parent puts while the child waits.
        // SAFETY: one thread only.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(consumer)).is_ok();
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!fine)) };
        }
        q.put(b"x", soon()).expect("put");
        let mut status = 0;
        // SAFETY: our own child, a valid output.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0);
    }
}

/// A record that cannot be (its length leads beyond what was put) is an error, and poisons the queue.
fn impossible_record() {
    let name = "impossible";
    let options = QueueOptions { capacity_bytes: PAGE, ..Default::default() };
    let (q, _) = Queue::create(&domain(), Some(name), &options).expect("create");
    q.put(b"12345678", soon()).expect("put");
    let path = crate::engine::directory().join(name);
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("open the file");
    // The first record's length stands at the start of the ring, behind the header page, below its state.
    let whole = 1 << 30;
    std::os::unix::fs::FileExt::write_at(&file, &(1000u32 | whole).to_ne_bytes(), PAGE).expect("damage it");
    assert!(matches!(q.get(soon()), Err(Error::Corrupt(_))), "believed a length from shared memory");
    let end = child(0, || (), || assert!(matches!(q.put(b"x", soon()), Err(Error::Corrupt(_)))));
    assert_eq!(end, End::Returned);
}
