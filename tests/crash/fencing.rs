//! Fencing tokens: each is greater than all before it, whoever died while asking; and what was done with one keeps
//! older ones out, for certain if it was done.

use crate::engine::{domain, every_point, soon, End};
use crate::Test;
use mproc::{Datum, Dict, Encoded, Error, Limits, List, Lock, Namespace, ObjectOptions, Queue, QueueOptions};
use mproc::{RLock, RwLock};

pub const TESTS: &[Test] = &[
    ("fencing_tokens", tokens),
    ("fencing_containers", containers),
    ("fencing_queue", queue),
    ("fencing_refused", refused),
];

fn text(s: &str) -> Encoded<'_> {
    Datum::Str(s).encode().expect("text")
}

fn int(n: i64) -> Encoded<'static> {
    Datum::Int(n).encode().expect("int")
}

fn tokens() {
    every_point(
        || {
            let lock = Lock::create(&domain(), None, ObjectOptions::default()).expect("create").0;
            lock.lock(soon()).expect("lock");
            let token = lock.token().expect("token");
            lock.unlock().expect("unlock");
            (lock, token)
        },
        |(lock, before)| {
            lock.lock(soon()).expect("lock");
            assert!(lock.token().expect("token") > *before);
        },
        |(lock, before), _| {
            lock.lock(soon()).expect("the lock is stuck");
            let (next, after) = (lock.token().expect("token"), lock.token().expect("token"));
            assert!(after > next && next > *before, "{before}, {next}, {after}");
            lock.unlock().expect("unlock");
            assert_eq!(lock.token(), Err(Error::NotOwner));
        },
    );
    let domain = domain();
    let rlock = RLock::create(&domain, None, ObjectOptions::default()).expect("create").0;
    assert_eq!(rlock.token(), Err(Error::NotOwner));
    rlock.lock(soon()).expect("lock");
    assert!(rlock.token().expect("token") < rlock.token().expect("token"));
    let rwlock = RwLock::create(&domain, None, ObjectOptions::default()).expect("create").0;
    rwlock.read_lock(soon()).expect("read");
    assert_eq!(rwlock.token(), Err(Error::NotOwner), "a reader has none");
    rwlock.read_unlock().expect("unlock");
    rwlock.write_lock(soon()).expect("write");
    assert!(rwlock.token().expect("token") < rwlock.token().expect("token"));
}

/// A dict with what else it takes, changed with token 5.
struct Fenced {
    dict: Dict,
    list: List,
    namespace: Namespace,
}

fn fenced() -> Fenced {
    let domain = domain();
    let fenced = Fenced {
        dict: Dict::create(&domain, None, Default::default()).expect("create").0,
        list: List::create(&domain, None, Default::default()).expect("create").0,
        namespace: Namespace::create(&domain, None, Default::default()).expect("create").0,
    };
    fenced.dict.set_if_token(&text("key"), &int(1), 5).expect("set");
    fenced.list.append_if_token(&int(1), 5).expect("append");
    fenced.namespace.set_if_token("name", &int(1), 5).expect("set");
    fenced
}

/// What tells whether it was done, and an operation with a token on the same object.
type Case = (fn(&Fenced) -> mproc::Result<()>, fn(&Fenced) -> bool, fn(&Fenced, u64) -> mproc::Result<()>);

fn containers() {
    let cases: [Case; 6] = [
        (
            |f| f.dict.set_if_token(&text("key"), &text("a value that is not in the slot itself"), 9),
            |f| f.dict.get(&text("key"), |s| Ok(s.len() > 9)).expect("get"),
            |f, token| f.dict.set_if_token(&text("other"), &int(0), token),
        ),
        (
            |f| f.dict.delete_if_token(&text("key"), 9),
            |f| !f.dict.contains(&text("key")).expect("contains"),
            |f, token| f.dict.set_if_token(&text("other"), &int(0), token),
        ),
        (
            |f| f.list.append_if_token(&text("an element that does not fit a slot"), 9),
            |f| f.list.len() == Ok(2),
            |f, token| f.list.set_if_token(0, &int(0), token),
        ),
        (
            |f| f.list.set_if_token(0, &text("an element that does not fit a slot"), 9),
            |f| f.list.get(0, |s| Ok(s.len() > 9)).expect("get"),
            |f, token| f.list.append_if_token(&int(0), token),
        ),
        (
            |f| f.namespace.set_if_token("name", &text("a value that is not in the slot itself"), 9),
            |f| f.namespace.get("name", |s| Ok(s.len() > 9)).expect("get"),
            |f, token| f.namespace.set_if_token("other", &int(0), token),
        ),
        (
            |f| f.namespace.delete_if_token("name", 9),
            |f| !f.namespace.contains("name").expect("contains"),
            |f, token| f.namespace.set_if_token("other", &int(0), token),
        ),
    ];
    for (n, (step, is_done, other)) in cases.into_iter().enumerate() {
        // SAFETY: winds the engine's watchdog up: for each case, not for all.
        unsafe { libc::alarm(90) };
        every_point(
            fenced,
            |f| step(f).expect("the operation"),
            |f, end| {
                let done = is_done(f);
                assert!(done || end == End::Died, "case {n}");
                assert_eq!(other(f, 4), Err(Error::Fenced), "case {n}: older than both");
                let between = other(f, 8);
                assert_eq!(between, if done { Err(Error::Fenced) } else { Ok(()) }, "case {n}: both or neither");
                other(f, 9).unwrap_or_else(|e| panic!("case {n}: the newest: {e}"));
                for arena in [f.dict.arena(), f.list.arena(), f.namespace.arena()] {
                    arena.check().expect("the heap is sound");
                }
            },
        );
    }
}

fn queue() {
    every_point(
        || {
            let queue = Queue::create(&domain(), None, &QueueOptions::default()).expect("create").0;
            queue.put_if_token(b"first", 5, soon()).expect("put");
            queue
        },
        |queue| queue.put_if_token(b"second", 9, soon()).expect("put"),
        |queue, end| {
            let done = queue.len() == 2;
            assert!(done || end == End::Died);
            assert_eq!(queue.put_if_token(b"older", 4, soon()), Err(Error::Fenced));
            if done {
                assert_eq!(queue.put_if_token(b"between", 8, soon()), Err(Error::Fenced));
            }
            queue.put_if_token(b"newest", 9, soon()).expect("put");
            queue.put(b"without", soon()).expect("put");
            let mut expected: Vec<&[u8]> = vec![b"first", b"newest", b"without"];
            if done {
                expected.insert(1, b"second");
            }
            for message in expected {
                assert_eq!(queue.get(soon()).expect("get"), message);
            }
        },
    );
}

/// What is refused changes nothing, and 0 is no token.
fn refused() {
    let f = fenced();
    assert_eq!(f.dict.set_if_token(&text("key"), &int(2), 4), Err(Error::Fenced));
    assert_eq!(f.dict.delete_if_token(&text("key"), 4), Err(Error::Fenced));
    assert_eq!(f.dict.get(&text("key"), |s| s.to_vec()), Ok(int(1).to_vec()));
    assert!(matches!(f.dict.set_if_token(&text("key"), &int(2), 0), Err(Error::Invalid(_))));
    assert_eq!(f.list.append_if_token(&int(2), 4), Err(Error::Fenced));
    assert_eq!(f.list.len(), Ok(1));
    let queue = Queue::create(&domain(), None, &QueueOptions::default()).expect("create").0;
    queue.put_if_token(b"x", 2, soon()).expect("put");
    assert_eq!(queue.put_if_token(b"y", 1, Limits::forever()), Err(Error::Fenced));
    assert!(matches!(queue.put_if_token(b"y", 0, soon()), Err(Error::Invalid(_))));
    assert_eq!(queue.len(), 1);
}
