//! Messages in place, in a queue: a dead producer's reservation is nothing, a dead consumer's message comes back, and
//! whatever is between the two goes on.

use crate::engine::{child, domain, every_pair, every_point, meanwhile, member, soon, End};
use crate::Test;
use mproc::{Error, Limits, Queue, QueueOptions, View};
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    ("inplace_reserve", reserve),
    ("inplace_commit", commit),
    ("inplace_commit_late", commit_late),
    ("inplace_commit_meanwhile", commit_meanwhile),
    ("inplace_abort", abort),
    ("inplace_peek", peek),
    ("inplace_get_behind_a_hold", get_behind_a_hold),
    ("inplace_past_a_claim", past_a_claim),
    ("inplace_free_neighbours", free_neighbours),
    ("inplace_recovery", recovery),
    ("inplace_no_room_because_of_the_dead", no_room),
    ("inplace_closed_with_things_open", close_with_things_open),
];

/// A message of its own length.
pub fn message(n: u8) -> Vec<u8> {
    vec![n; usize::from(n) * 3]
}

fn queue() -> Queue {
    let options = QueueOptions { capacity_bytes: 4096, ..Default::default() };
    Queue::create(&domain(), None, &options).expect("create").0
}

/// Writes into a reservation.
pub fn write(view: View, bytes: &[u8]) {
    assert!(bytes.len() <= view.len());
    // SAFETY: a reservation of at least so many bytes, which nobody else touches.
    unsafe { view.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// Reads a message that is held.
pub fn read(view: View) -> Vec<u8> {
    let mut bytes = vec![0; view.len()];
    // SAFETY: a message of so many bytes that nobody changes.
    unsafe { view.as_ptr().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

fn put_in_place(q: &Queue, bytes: &[u8]) {
    let view = q.reserve(bytes.len() + 20, soon()).expect("reserve");
    write(view, bytes);
    q.commit(view.id(), bytes.len()).expect("commit");
}

/// A queue and the messages inside.
type State = (Queue, Vec<Vec<u8>>);

fn with(messages: &[u8]) -> State {
    let q = queue();
    messages.iter().for_each(|&n| q.put(&message(n), soon()).expect("put"));
    (q, messages.iter().map(|&n| message(n)).collect())
}

fn empty() -> State {
    with(&[])
}

fn three() -> State {
    with(&[7, 0, 9])
}

/// The next records cross the end of the ring, over remains of an earlier round.
fn wrapped() -> State {
    let q = queue();
    for _ in 0..70 {
        q.put(&[0x77; 104], soon()).expect("put");
        q.get(soon()).expect("get");
    }
    q.put(&[0; 680], soon()).expect("put");
    q.get(soon()).expect("get");
    let inside = [5, 0, 60, 61].map(message);
    inside.iter().for_each(|m| q.put(m, soon()).expect("put"));
    (q, inside.into())
}

const STATES: [fn() -> State; 3] = [empty, three, wrapped];

/// All that is inside. What the dead had comes back within some milliseconds.
fn drain(q: &Queue) -> Vec<Vec<u8>> {
    let mut all = vec![];
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match q.get(Limits::none()) {
            Ok(m) => all.push(m),
            Err(Error::TimedOut) if q.info().expect("info").used_bytes == 0 => break,
            Err(Error::TimedOut) => std::thread::sleep(Duration::from_millis(1)),
            Err(e) => panic!("get: {e}"),
        }
        assert!(Instant::now() < until, "something stays in the queue: {:?}", q.info());
    }
    assert_eq!(q.len(), 0);
    all
}

/// The queue holds exactly one of the `allowed` contents, and works.
fn holds(q: &Queue, allowed: &[&[Vec<u8>]]) {
    let now = drain(q);
    assert!(allowed.iter().any(|a| *a == now), "holds {now:?}");
    for n in [9, 0, 200] {
        put_in_place(q, &message(n));
        let view = q.peek(soon()).expect("peek after a death");
        assert_eq!((read(view), view.again()), (message(n), false));
        q.release(view.id()).expect("release");
    }
    q.put(&message(3), soon()).expect("put after a death");
    assert_eq!(q.get(soon()).expect("get after a death"), message(3));
    let info = q.info().expect("info");
    assert_eq!((info.used_bytes, info.held, info.reserved), (0, 0, 0));
}

fn plus(before: &[Vec<u8>], more: &[u8]) -> Vec<Vec<u8>> {
    before.iter().cloned().chain(more.iter().map(|&n| message(n))).collect()
}

fn reserve() {
    for state in STATES {
        every_point(
            state,
            |(q, _)| write(q.reserve(150, soon()).expect("reserve"), &message(50)),
            |(q, before), _| {
                // Behind a dead claim.
                q.put(&message(4), soon()).expect("put");
                holds(q, &[&plus(before, &[4])]);
            },
        );
    }
}

fn commit() {
    for state in STATES {
        every_point(
            state,
            |(q, _)| put_in_place(q, &message(50)),
            |(q, before), end| {
                let after = plus(before, &[50]);
                if end == End::Returned {
                    holds(q, &[&after]);
                } else {
                    holds(q, &[before, &after]);
                }
            },
        );
    }
    // Two at once, committed in the other order.
    every_point(
        three,
        |(q, _)| {
            let (a, b) = (q.reserve(30, soon()).expect("reserve"), q.reserve(300, soon()).expect("reserve"));
            write(a, &message(10));
            write(b, &message(20));
            q.commit(b.id(), 60).expect("commit");
            q.commit(a.id(), 30).expect("commit");
        },
        |(q, before), end| {
            let both = plus(before, &[10, 20]);
            if end == End::Returned {
                holds(q, &[&both]);
            } else {
                holds(q, &[before, &plus(before, &[20]), &both]);
            }
        },
    );
}

/// Consumers have gone past the reservation when it is committed.
fn commit_late() {
    every_point(
        empty,
        |(q, _)| {
            let view = q.reserve(150, soon()).expect("reserve");
            q.put(&message(2), soon()).expect("put");
            assert_eq!(q.get(soon()).expect("get past a reservation"), message(2));
            write(view, &message(50));
            q.commit(view.id(), 150).expect("commit");
        },
        |(q, _), end| {
            if end == End::Returned {
                holds(q, &[&[message(50)]]);
            } else {
                holds(q, &[&[], &[message(2)], &[message(50)]]);
            }
        },
    );
    // The oldest comes first, though it came last.
    let (q, _) = empty();
    let view = q.reserve(150, soon()).expect("reserve");
    q.put(&message(1), soon()).expect("put");
    q.put(&message(2), soon()).expect("put");
    assert_eq!(q.get(soon()).expect("get"), message(1));
    write(view, &message(50));
    q.commit(view.id(), 150).expect("commit");
    holds(&q, &[&[message(50), message(2)]]);
}

/// A commit, a put or an abort at every moment of a get; nothing is lost, and nobody waits for nothing.
fn commit_meanwhile() {
    type Claimed = (Queue, View, View);
    fn claimed() -> Claimed {
        let q = queue();
        let a = q.reserve(150, soon()).expect("reserve");
        q.put(&message(1), soon()).expect("put");
        let b = q.reserve(30, soon()).expect("reserve");
        write(a, &message(50));
        write(b, &message(10));
        (q, a, b)
    }
    struct Shared(Claimed);
    // SAFETY: a view is an address and numbers; the tests use it on one thread.
    unsafe impl Send for Shared {}
    // SAFETY: as above.
    unsafe impl Sync for Shared {}
    meanwhile(
        || Shared(claimed()),
        |Shared((q, ..))| {
            let got = q.get(soon()).expect("get");
            assert!([message(1), message(50)].contains(&got), "{got:?}");
        },
        |Shared((q, a, _))| q.commit(a.id(), 150).expect("commit"),
        |Shared((q, _, b))| {
            let mut rest = vec![q.get(soon()).expect("the other one")];
            q.commit(b.id(), 30).expect("commit");
            rest.push(q.get(soon()).expect("the last one"));
            assert_eq!(rest[1], message(10));
            holds(q, &[&[]]);
        },
    );
    meanwhile(
        || Shared(claimed()),
        |Shared((q, ..))| assert_eq!(q.get(soon()).expect("get"), message(1)),
        |Shared((q, _, b))| q.commit(b.id(), 30).expect("commit"),
        |Shared((q, a, _))| {
            assert_eq!(q.get(soon()).expect("get"), message(10));
            q.commit(a.id(), 150).expect("commit");
            holds(q, &[&[message(50)]]);
        },
    );
    // Nothing there, and then it comes.
    meanwhile(
        || {
            let q = queue();
            let a = q.reserve(30, soon()).expect("reserve");
            write(a, &message(10));
            Shared((q, a, a))
        },
        |Shared((q, ..))| {
            let got = q.get(Limits::within(Duration::from_millis(1)));
            assert!(matches!(got, Err(Error::TimedOut)) || got == Ok(message(10)));
            if got.is_ok() {
                q.put(&message(10), soon()).expect("put");
            }
        },
        |Shared((q, a, _))| q.commit(a.id(), 30).expect("commit"),
        |Shared((q, ..))| holds(q, &[&[message(10)]]),
    );
}

fn abort() {
    for state in STATES {
        every_point(
            state,
            |(q, _)| {
                let a = q.reserve(150, soon()).expect("reserve");
                let b = q.reserve(0, soon()).expect("reserve");
                q.abort(a.id()).expect("abort");
                assert_eq!(q.abort(a.id()), Err(Error::NotOwner));
                q.abort(b.id()).expect("abort");
            },
            |(q, before), _| holds(q, &[before]),
        );
    }
    // Without any consumer, room comes back.
    let q = queue();
    for _ in 0..100 {
        let view = q.reserve(2000, soon()).expect("reserve");
        q.abort(view.id()).expect("abort");
    }
    assert_eq!(q.info().expect("info").used_bytes, 0);
}

fn peek() {
    for state in [three, wrapped] {
        every_point(
            state,
            |(q, before)| {
                let view = q.peek(soon()).expect("peek");
                assert_eq!(read(view), before[0]);
                q.release(view.id()).expect("release");
            },
            |(q, before), end| {
                if end == End::Returned {
                    holds(q, &[&before[1..]]);
                } else {
                    holds(q, &[before, &before[1..]]);
                }
            },
        );
        // Put back, or died with: it is the first again.
        every_point(
            state,
            |(q, _)| {
                let (a, b) = (q.peek(soon()).expect("peek"), q.peek(soon()).expect("peek"));
                q.put_back(b.id()).expect("put back");
                q.put_back(a.id()).expect("put back");
                let again = q.peek(soon()).expect("peek");
                assert!(again.again() && again.as_ptr() == a.as_ptr() && again.id() != a.id());
            },
            |(q, before), _| holds(q, &[before]),
        );
    }
    every_point(
        empty,
        |(q, _)| assert_eq!(q.peek(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut)),
        |(q, _), _| holds(q, &[&[]]),
    );
}

fn get_behind_a_hold() {
    for state in [three, wrapped] {
        every_point(
            || {
                let (q, before) = state();
                let held = q.peek(soon()).expect("peek").id();
                (q, before, held)
            },
            |(q, before, _)| assert_eq!(q.get(soon()).expect("get"), before[1]),
            |(q, before, held), end| {
                assert_eq!(q.info().expect("info").held, 1);
                q.put_back(*held).expect("put back");
                let without = [&before[..1], &before[2..]].concat();
                if end == End::Returned {
                    holds(q, &[&without]);
                } else {
                    holds(q, &[before, &without]);
                }
            },
        );
    }
}

/// Consumers die on their way past a reservation that is alive; it is committed afterwards.
fn past_a_claim() {
    every_point(
        || {
            let q = queue();
            let view = q.reserve(30, soon()).expect("reserve");
            let second = q.reserve(60, soon()).expect("reserve");
            q.put(&message(1), soon()).expect("put");
            q.put(&message(2), soon()).expect("put");
            (q, view, second)
        },
        |(q, ..)| assert_eq!(q.get(soon()).expect("get"), message(1)),
        |(q, view, second), end| {
            write(*view, &message(10));
            write(*second, &message(20));
            q.commit(second.id(), 60).expect("commit");
            q.commit(view.id(), 30).expect("commit");
            let all = [10, 20, 1, 2].map(message);
            let without = [10, 20, 2].map(message);
            if end == End::Returned {
                holds(q, &[&without]);
            } else {
                holds(q, &[&all, &without]);
            }
        },
    );
}

/// What is free behind a message that is held is joined, by somebody who dies of it.
fn free_neighbours() {
    every_point(
        || {
            let (q, before) = with(&[1, 2, 3, 4, 5, 6]);
            let held = q.peek(soon()).expect("peek").id();
            for n in 2..5 {
                assert_eq!(q.get(soon()).expect("get"), message(n));
            }
            let late = q.reserve(30, soon()).expect("reserve");
            std::thread::sleep(Duration::from_millis(11)); // then everybody looks for the dead
            (q, before, held, late)
        },
        |(q, ..)| assert_eq!(q.get(soon()).expect("get"), message(5)),
        |(q, _, held, late), end| {
            q.put_back(*held).expect("put back");
            q.abort(late.id()).expect("abort");
            let (five, six) = ([1, 5, 6].map(message), [1, 6].map(message));
            if end == End::Returned {
                holds(q, &[&six]);
            } else {
                holds(q, &[&five, &six]);
            }
        },
    );
}

/// Whoever recovers dies as well.
fn recovery() {
    every_pair(
        three,
        |(q, _)| {
            let view = q.peek(soon()).expect("peek");
            drop(q.reserve(100, soon()).expect("reserve"));
            q.release(view.id()).expect("release");
        },
        |(q, _)| {
            std::thread::sleep(Duration::from_millis(11));
            let view = q.peek(soon()).expect("peek");
            q.put_back(view.id()).expect("put back");
        },
        |(q, before), _| holds(q, &[before, &before[1..]]),
    );
}

/// Reservations of the dead fill the ring; a producer that needs the room dies, too.
fn no_room() {
    every_point(
        || {
            let (q, before) = empty();
            let dead = || drop((q.reserve(1900, soon()), q.reserve(1900, soon())));
            assert_eq!(child(0, || {}, dead), End::Returned);
            (q, before)
        },
        |(q, _)| q.put(&message(100), soon()).expect("put"),
        |(q, _), end| {
            if end == End::Returned {
                holds(q, &[&[message(100)]]);
            } else {
                holds(q, &[&[], &[message(100)]]);
            }
        },
    );
}

/// The end of a handle, here or in a forked child that inherited it.
fn close_with_things_open() {
    let (q, before) = three();
    let other = Queue::import(&q.export().expect("export"), &QueueOptions::default()).expect("another handle");
    let open = |q: &Queue| (q.peek(soon()).expect("peek").id(), q.reserve(10, soon()).expect("reserve").id());
    let (held, claimed) = open(&other);
    let mut ours = Some(other);
    member(0, || {
        let other = ours.take().expect("inherited");
        assert_eq!(other.release(held), Err(Error::NotOwner));
        assert_eq!(other.commit(claimed, 1), Err(Error::NotOwner));
        drop(other);
    });
    let info = q.info().expect("info");
    assert_eq!((info.items, info.held, info.reserved), (2, 1, 1));
    assert_eq!(q.release(held), Err(Error::NotOwner), "not through this handle");
    drop(ours);
    holds(&q, &[&before]);
}
