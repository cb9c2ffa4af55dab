//! Leases, unfinished work and producers: what a dead consumer had comes back (lease) or is dropped and told
//! (join), and consumers hear of it when all producers are dead.

use crate::engine::{domain, every_pair, every_point, meanwhile, member, soon, End};
use crate::inplace::message;
use crate::Test;
use mproc::{Acquired, Error, Limits, Peer, Queue, QueueOptions, View};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    ("jobs_lease", lease),
    ("jobs_join", join),
    ("jobs_join_is_not_early", join_is_not_early),
    ("jobs_join_meanwhile", join_meanwhile),
    ("jobs_producers", producers),
];

fn queue(lease: bool, joinable: bool) -> Queue {
    let options = QueueOptions { capacity_bytes: 4096, lease, joinable, ..Default::default() };
    Queue::create(&domain(), None, &options).expect("create").0
}

fn filled(lease: bool, joinable: bool) -> Queue {
    let q = queue(lease, joinable);
    (1..=3).for_each(|n| q.put(&message(n), soon()).expect("put"));
    q
}

/// Leases a message: its bytes, whether somebody had it before, and the lease.
fn take(q: &Queue) -> (Vec<u8>, bool, u64) {
    let mut buffer = [MaybeUninit::uninit(); 100];
    let view = q.lease_into(&mut buffer, soon()).expect("lease");
    (bytes(&buffer, view), view.again(), view.id())
}

fn lease() {
    every_point(
        || filled(true, false),
        |q| {
            let (bytes, again, id) = take(q);
            assert_eq!((bytes, again), (message(1), false));
            assert_eq!(q.get(Limits::none()), Err(Error::NotSupported(NO_GET)));
            q.release(id).expect("acknowledge");
        },
        |q, end| {
            let seen = finish(q);
            let rest = [(message(2), false), (message(3), false)];
            let again = (message(1), true);
            let all = |first| [&[(message(1), first)], &rest[..]].concat();
            // What the dead consumer had comes first, as soon as anybody knows that it is dead.
            let later = [[rest[0].clone(), rest[1].clone(), again.clone()], [rest[0].clone(), again, rest[1].clone()]];
            if end == End::Returned {
                assert_eq!(seen, rest);
            } else {
                assert!(
                    seen == rest || seen == all(false) || seen == all(true) || later.iter().any(|l| *l == seen[..]),
                    "{seen:?}"
                );
            }
        },
    );
    // Whoever gets it next dies, too.
    every_pair(
        || filled(true, false),
        |q| drop(take(q)),
        |q| q.release(take(q).2).expect("acknowledge"),
        |q, _| {
            let mut seen: Vec<_> = finish(q).into_iter().map(|(bytes, _)| bytes).collect();
            seen.sort();
            assert!(seen == [1, 2, 3].map(message) || seen == [2, 3].map(message), "{seen:?}");
        },
    );
}

/// Leases and acknowledges until nothing is unfinished.
fn finish(q: &Queue) -> Vec<(Vec<u8>, bool)> {
    let until = Instant::now() + Duration::from_secs(2);
    let mut seen = vec![];
    while q.join(Limits::none()) != Ok(Acquired::Clean) {
        assert!(Instant::now() < until, "something is never finished: {:?}, {seen:?}", q.info());
        let mut buffer = [MaybeUninit::uninit(); 100];
        if let Ok(view) = q.lease_into(&mut buffer, Limits::within(Duration::from_millis(1))) {
            seen.push((bytes(&buffer, view), view.again()));
            q.release(view.id()).expect("acknowledge");
        }
    }
    seen
}

fn bytes(buffer: &[MaybeUninit<u8>], view: View) -> Vec<u8> {
    // SAFETY: a lease initialises as many bytes as it says.
    buffer[..view.len()].iter().map(|b| unsafe { b.assume_init() }).collect()
}

const NO_GET: &str = "the queue wants leases: messages are leased, or read in place";

fn join() {
    every_pair(
        || filled(false, true),
        |q| {
            for n in 1..=2 {
                assert_eq!(q.get(soon()).expect("get"), message(n));
            }
            q.task_done().expect("done");
        },
        // A joiner that dies of it.
        |q| {
            let _ = q.join(Limits::within(Duration::from_millis(1)));
        },
        |q, _| {
            let (mut taken, left) = (0, q.len());
            while q.get(Limits::none()).is_ok() {
                assert_eq!(q.join(Limits::none()), Err(Error::TimedOut));
                taken += 1;
            }
            assert_eq!(taken, left);
            for _ in 0..taken {
                assert_eq!(q.join(Limits::none()), Err(Error::TimedOut));
                q.task_done().expect("done");
            }
            assert_eq!(q.task_done(), Err(Error::NotOwner));
            q.join(soon()).expect("join");
            assert_eq!(q.join(soon()), Ok(Acquired::Clean), "told once");
        },
    );
    // Told, if somebody died with work.
    let q = filled(false, true);
    member(0, || drop(q.get(soon()).expect("get")));
    for _ in 0..2 {
        q.get(soon()).expect("get");
        q.task_done().expect("done");
    }
    assert_eq!(q.join(soon()), Ok(Acquired::Recovered));
    assert_eq!(q.join(soon()), Ok(Acquired::Clean));
}

/// A worker that puts more work before it reports its own done.
fn join_is_not_early() {
    every_point(
        || {
            let q = queue(false, true);
            q.put(&message(1), soon()).expect("put");
            q
        },
        |q| {
            q.get(soon()).expect("get");
            q.put(&message(2), soon()).expect("put");
            q.task_done().expect("done");
        },
        |q, _| {
            let inside = q.len();
            let joined = q.join(Limits::none());
            assert_eq!(joined.is_err(), inside > 0, "{inside} inside, {joined:?}");
        },
    );
}

/// While the joiner looks, a worker commits more work and then reports its own done.
fn join_meanwhile() {
    meanwhile(
        || {
            let q = queue(false, true);
            let more = q.reserve(3, soon()).expect("reserve").id();
            q.put(&message(1), soon()).expect("put");
            (1..4).for_each(|_| q.abort(q.reserve(0, soon()).expect("reserve").id()).expect("abort"));
            let held = q.peek(soon()).expect("peek").id();
            (q, more, held)
        },
        |(q, ..)| assert_eq!(q.join(Limits::none()), Err(Error::TimedOut), "something was always unfinished"),
        |(q, more, held)| {
            q.commit(*more, 3).expect("commit");
            // (The joiner is inside on this very thread; the message is released all the same, its room later.)
            q.release(*held).expect("release");
        },
        |(q, ..)| {
            assert_eq!(q.get(soon()).expect("get").len(), 3);
            q.task_done().expect("done");
            assert_eq!(q.join(soon()), Ok(Acquired::Clean));
        },
    );
}

fn producers() {
    every_point(
        || queue(false, false),
        |q| {
            let producer = q.producer().expect("producer");
            producer.put(&message(1), soon()).expect("put");
            drop(producer);
        },
        |q, end| {
            let none = q.info().expect("info").producers == Peer::Awaited;
            assert!(end == End::Died || !none);
            let first = if none { Limits::none() } else { soon() };
            let gone = match q.get(first) {
                Ok(m) => {
                    assert_eq!(m, message(1));
                    q.get(soon())
                }
                Err(error) => Err(error),
            };
            assert_eq!(gone, Err(if none { Error::TimedOut } else { Error::Closed }));
            // A new one, and they wait again.
            let _producer = q.producer().expect("producer");
            assert_eq!(q.get(Limits::within(Duration::from_millis(15))), Err(Error::TimedOut));
        },
    );
}
