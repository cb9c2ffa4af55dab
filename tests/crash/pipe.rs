//! The pipe: after any death it holds what it held, or that and what was being sent, or that without what was being
//! received; in order, whole; the survivors go on, and hear of the end.

use crate::engine::{child, domain, every_pair, every_point, meanwhile, soon, End as Ended};
use crate::inplace::{message, read, write};
use crate::Test;
use mproc::{End, Error, Limits, ObjectOptions, Peer, Pipe, PipeOptions};
use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("pipe_send", send),
    ("pipe_send_after_the_dead", send_after_the_dead),
    ("pipe_recv", recv),
    ("pipe_reserve", reserve),
    ("pipe_peek", peek),
    ("pipe_create", create),
    ("pipe_end_of_file", end_of_file),
    ("pipe_last_words", last_words),
    ("pipe_send_meanwhile", send_meanwhile),
];

/// Both ends.
type Ends = (Pipe, Pipe);

fn pipe(exclusive: bool) -> Ends {
    let options = PipeOptions { capacity_bytes: 4096, exclusive, ..Default::default() };
    match Pipe::create(&domain(), None, &options, [true, true]).expect("create").0 {
        [Some(a), Some(b)] => (a, b),
        _ => panic!("two ends"),
    }
}

/// Both ends, and the messages on their way to the second.
type State = (Ends, Vec<Vec<u8>>);

fn with(ends: Ends, messages: &[u8]) -> State {
    let inside: Vec<_> = messages.iter().map(|&n| message(n)).collect();
    inside.iter().for_each(|m| ends.0.send(m, soon()).expect("send"));
    (ends, inside)
}

fn shared() -> State {
    with(pipe(false), &[])
}

fn exclusive() -> State {
    with(pipe(true), &[7, 0, 9])
}

/// The next records cross the end of the ring, and everything around is full of remains of earlier rounds, which look
/// like messages wherever one looks.
fn lapped() -> State {
    let ends = pipe(false);
    let remains: Vec<u8> = (0..13).flat_map(|_| 0x9aa6_8e42_4000_0008_u64.to_ne_bytes()).collect();
    for _ in 0..115 {
        ends.0.send(&remains, soon()).expect("send");
        assert_eq!(ends.1.recv(soon()).expect("receive"), remains);
    }
    with(ends, &[5, 0])
}

/// Waits on both sides have died.
fn marked() -> State {
    let ends = pipe(false);
    // SAFETY: one thread only, so the child may do anything.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            drop(ends.1.recv(Limits::forever()));
            libc::_exit(0);
        }
        libc::usleep(3000); // asleep by now; if not, it dies a little earlier: fine as well
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    with(ends, &[])
}

const STATES: [fn() -> State; 4] = [shared, exclusive, lapped, marked];

fn drain(to: &Pipe) -> Vec<Vec<u8>> {
    let mut all = vec![];
    loop {
        match to.recv(Limits::within(Duration::from_millis(if all.is_empty() { 15 } else { 0 }))) {
            Ok(m) => all.push(m),
            Err(Error::TimedOut) => return all,
            Err(e) => panic!("receive: {e}"),
        }
    }
}

/// The way from the first to the second end holds exactly one of the `allowed` contents; both ways work.
fn holds((a, b): &Ends, allowed: &[&[Vec<u8>]]) {
    let now = drain(b);
    assert!(allowed.iter().any(|x| *x == now), "holds {now:?}");
    for (from, to) in [(a, b), (b, a)] {
        for n in [9, 0, 200] {
            from.send(&message(n), soon()).expect("send after a death");
            let view = from.reserve(200, soon()).expect("reserve after a death");
            write(view, &message(n / 3));
            from.commit(view.id(), usize::from(n / 3) * 3).expect("commit after a death");
            assert_eq!(to.recv(soon()).expect("receive after a death"), message(n));
            let view = to.peek(soon()).expect("peek after a death");
            assert_eq!(read(view), message(n / 3));
            to.release(view.id()).expect("release after a death");
        }
        assert_eq!(from.info().expect("info").outgoing, 0);
        assert_eq!(to.recv(Limits::none()), Err(Error::TimedOut));
    }
}

fn plus(before: &[Vec<u8>], more: &[u8]) -> Vec<Vec<u8>> {
    before.iter().cloned().chain(more.iter().map(|&n| message(n))).collect()
}

fn send() {
    for state in STATES {
        every_point(
            state,
            |((a, _), _)| a.send(&message(50), soon()).expect("send"),
            |(ends, before), end| {
                let after = plus(before, &[50]);
                if end == Ended::Returned {
                    holds(ends, &[&after]);
                } else {
                    holds(ends, &[before, &after]);
                }
            },
        );
    }
    // No room: dies while it waits.
    every_point(
        || with(pipe(false), &[255, 255, 255, 255, 255]),
        |((a, _), _)| {
            let sent = a.send(&message(255), Limits::within(Duration::from_millis(1)));
            assert_eq!(sent, Err(Error::TimedOut));
        },
        |(ends, before), _| holds(ends, &[before]),
    );
}

/// The next sender goes past what a dead one published and did not count, and dies of that; the receiver has taken it
/// already, or not.
fn send_after_the_dead() {
    let cases: [(bool, fn() -> State); 3] = [(false, shared), (false, lapped), (true, lapped)];
    for (received, state) in cases {
        every_pair(
            state,
            |((a, _), _)| a.send(&message(50), soon()).expect("send"),
            |((a, b), before)| {
                if received {
                    before.iter().for_each(|m| assert_eq!(b.recv(soon()).as_ref(), Ok(m)));
                    let _ = b.recv(Limits::none());
                }
                a.send(&message(60), soon()).expect("send");
            },
            |(ends, before), _| {
                let all = plus(before, &[50, 60]);
                let n = all.len();
                // Any stretch of it: what the dead sender sent may not be there at all.
                let mut allowed: Vec<Vec<Vec<u8>>> = (0..=n).map(|from| all[from..].to_vec()).collect();
                allowed.extend((0..n).map(|from| all[from..n - 1].to_vec()));
                allowed.extend((0..=n - 2).map(|from| plus(&before[from..], &[60])));
                allowed.extend((0..=n - 2).map(|from| before[from..].to_vec()));
                if !received {
                    allowed.retain(|x| x.starts_with(before));
                }
                let allowed: Vec<&[Vec<u8>]> = allowed.iter().map(|x| &x[..]).collect();
                holds(ends, &allowed);
            },
        );
    }
}

fn recv() {
    for state in [exclusive, lapped] {
        every_point(
            state,
            |((_, b), before)| assert_eq!(b.recv(soon()).as_ref(), Ok(&before[0])),
            |(ends, before), end| {
                if end == Ended::Returned {
                    holds(ends, &[&before[1..]]);
                } else {
                    holds(ends, &[before, &before[1..]]);
                }
            },
        );
        // Too small a buffer takes nothing, nor does a poll.
        every_point(
            state,
            |((_, b), before)| {
                let needed = before[0].len();
                let got = b.recv_into(&mut vec![MaybeUninit::uninit(); needed - 1], soon());
                assert_eq!(got, Err(Error::MessageSize { needed }));
                b.poll(soon()).expect("poll");
            },
            |(ends, before), _| holds(ends, &[before]),
        );
    }
    every_point(
        shared,
        |((_, b), _)| assert_eq!(b.recv(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut)),
        |(ends, _), _| holds(ends, &[&[]]),
    );
}

fn reserve() {
    for state in STATES {
        every_point(
            state,
            |((a, _), _)| {
                let (first, second) =
                    (a.reserve(150, soon()).expect("reserve"), a.reserve(60, soon()).expect("reserve"));
                let third = a.reserve(0, soon()).expect("reserve");
                write(second, &message(20));
                a.commit(second.id(), 60).expect("commit");
                write(first, &message(10));
                a.commit(first.id(), 30).expect("commit");
                a.abort(third.id()).expect("abort");
            },
            |(ends, before), end| {
                // In the order of reservation.
                let both = plus(before, &[10, 20]);
                if end == Ended::Returned {
                    holds(ends, &[&both]);
                } else {
                    holds(ends, &[before, &plus(before, &[20]), &both]);
                }
            },
        );
    }
}

fn peek() {
    for state in [exclusive, lapped] {
        every_point(
            state,
            |((_, b), before)| {
                let (first, second) = (b.peek(soon()).expect("peek"), b.peek(soon()).expect("peek"));
                assert_eq!((read(first), read(second)), (before[0].clone(), before[1].clone()));
                b.put_back(second.id()).expect("put back");
                b.release(first.id()).expect("release");
            },
            |(ends, before), end| {
                if end == Ended::Returned {
                    holds(ends, &[&before[1..]]);
                } else {
                    holds(ends, &[before, &before[1..]]);
                }
            },
        );
    }
}

fn named(name: &str, exist_ok: bool) -> mproc::Result<[Option<Pipe>; 2]> {
    let options = PipeOptions {
        object: ObjectOptions { exist_ok, ..Default::default() },
        capacity_bytes: 4096,
        ..Default::default()
    };
    Pipe::create(&domain(), Some(name), &options, [true, true]).map(|(ends, _)| ends)
}

/// The creator of a named pipe dies; the name is free again, or leads to a pipe that works.
fn create() {
    every_point(
        || (),
        |()| drop(named("crash-pipe", false).expect("create")),
        |(), _| match named("crash-pipe", true).expect("create") {
            [Some(a), Some(b)] => holds(&(a, b), &[&[]]),
            _ => panic!("two ends"),
        },
    );
}

/// The other side dies at any moment between opening its end and closing it.
fn end_of_file() {
    every_point(
        || {
            let [a, _] = named("crash-end", false).expect("create");
            a.expect("an end")
        },
        |_| {
            let options = PipeOptions::default();
            let b = Pipe::open(&domain(), "crash-end", End::One, &options).expect("open");
            b.send(&message(5), soon()).expect("send");
            drop(b);
        },
        |a, _| {
            match a.recv(soon()) {
                Ok(m) => {
                    assert_eq!(m, message(5));
                    assert_eq!(a.recv(soon()), Err(Error::EndOfFile));
                }
                Err(e) => assert_eq!(e, Error::EndOfFile),
            }
            assert_eq!(a.info().expect("info").peer, Peer::Gone);
            assert_eq!(a.send(b"nobody hears", Limits::none()), Err(Error::BrokenPipe));
            // Somebody opens the end anew.
            let b = Pipe::open(&domain(), "crash-end", End::One, &PipeOptions::default()).expect("open");
            assert_eq!(a.info().expect("info").peer, Peer::Open);
            a.send(&message(6), soon()).expect("send");
            assert_eq!(b.recv(soon()), Ok(message(6)));
            assert_eq!(a.recv(Limits::within(Duration::from_millis(15))), Err(Error::TimedOut));
        },
    );
    // A silent child keeps the end of its dead parent.
    let (a, b) = pipe(false);
    let gate = pipe(false);
    let mut ends = Some((b, gate.1));
    let parent = || {
        // SAFETY: one thread only.
        if unsafe { libc::fork() } == 0 {
            let gate = &ends.as_ref().expect("inherited").1;
            let _ = gate.recv(Limits::within(Duration::from_secs(20)));
            // SAFETY: ends the grandchild.
            unsafe { libc::_exit(0) };
        }
    };
    assert_eq!(child(0, || {}, parent), Ended::Returned);
    ends = None;
    assert_eq!(a.recv(Limits::within(Duration::from_millis(150))), Err(Error::TimedOut), "no false end of file");
    gate.0.send(b"go", soon()).expect("send");
    assert_eq!(a.recv(soon()), Err(Error::EndOfFile));
    drop(ends);
}

/// The other side sends and closes between a receiver's look for messages and its look for the other side.
fn last_words() {
    type Shared = (Pipe, Mutex<Option<Pipe>>);
    meanwhile(
        || {
            let (a, b) = pipe(false);
            (a, Mutex::new(Some(b)))
        },
        |(a, _): &Shared| match a.recv(Limits::within(Duration::from_millis(1))) {
            Ok(m) => assert_eq!(m, message(5)),
            other => assert_eq!(other, Err(Error::TimedOut), "a message was on its way"),
        },
        |(_, b)| {
            let b = b.lock().expect("lock").take().expect("once");
            b.send(&message(5), soon()).expect("send");
            drop(b);
        },
        |(a, _)| {
            let rest = a.recv(soon());
            assert!(rest == Ok(message(5)) || rest == Err(Error::EndOfFile));
            assert_eq!(a.recv(soon()), Err(Error::EndOfFile));
        },
    );
}

/// A message arrives at any moment of an attempt to receive one.
fn send_meanwhile() {
    for take in [
        |b: &Pipe| b.recv(soon()),
        |b: &Pipe| b.peek(soon()).and_then(|view| b.release(view.id()).map(|()| read(view))),
    ] {
        meanwhile(
            || with(pipe(false), &[3]).0,
            |(_, b)| assert_eq!(take(b), Ok(message(3))),
            |(a, _)| a.send(&message(4), soon()).expect("send"),
            |ends| holds(ends, &[&[message(4)]]),
        );
    }
}
