//! Handing objects over: whoever dies on the way, the object and its other users go on, and nothing stays behind.

use crate::engine::{child, directory, domain, every_point, member, soon, End};
use crate::Test;
use mproc::{Domain, DomainOptions, Error, Exit, Handle, Limits, Queue, QueueOptions, Spawn};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

pub const TESTS: &[Test] = &[
    ("passing_sender_dies", sender_dies),
    ("passing_receiver_dies", receiver_dies),
    ("passing_in_flight_is_in_use", in_flight_is_in_use),
    ("passing_spawner_dies", spawner_dies),
    ("passing_into_an_anonymous_domain", into_an_anonymous_domain),
];

const NAME: &str = "passed";

fn is_there() -> bool {
    directory().join(NAME).exists()
}

fn named() -> Queue {
    Queue::create(&domain(), Some(NAME), &QueueOptions::default()).expect("create").0
}

fn works(q: &Queue) {
    q.put(b"works", soon()).expect("put");
    assert_eq!(q.get(soon()).expect("get"), b"works");
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("socketpair")
}

fn import(handle: &Handle) -> Queue {
    Queue::import(handle, &QueueOptions::default()).expect("import")
}

fn sender_dies() {
    every_point(
        || (named(), pair()),
        |(q, (to, _))| q.export().expect("export").send(to.as_raw_fd(), soon()).expect("send"),
        |(q, (_, from)), end| {
            works(q);
            match Handle::recv(from.as_raw_fd(), Limits::none()) {
                Ok(handle) => works(&import(&handle)),
                Err(Error::TimedOut) => assert_eq!(end, End::Died, "sent, and not there"),
                Err(e) => panic!("half a handle: {e}"),
            }
        },
    );
    assert!(!is_there(), "the name outlived its users");
}

fn receiver_dies() {
    every_point(
        || {
            let (q, (to, from)) = (named(), pair());
            q.export().expect("export").send(to.as_raw_fd(), soon()).expect("send");
            (q, to, from)
        },
        |(_, _, from)| works(&import(&Handle::recv(from.as_raw_fd(), soon()).expect("recv"))),
        |(q, ..), _| {
            while q.get(Limits::none()).is_ok() {} // what a receiver that died between put and get left
            works(q);
        },
    );
    assert!(!is_there(), "the name outlived its users");
}

/// The only user sends the object and is gone; the receiver comes later.
fn in_flight_is_in_use() {
    let (to, from) = pair();
    member(0, || {
        let q = named();
        q.put(b"in flight", soon()).expect("put");
        q.export().expect("export").send(to.as_raw_fd(), soon()).expect("send");
    });
    assert_eq!(domain().sweep(), Ok(0), "swept on its way");
    assert!(is_there(), "the name was lost on its way");
    let handle = Handle::recv(from.as_raw_fd(), soon()).expect("recv");
    let q = import(&handle);
    drop(handle);
    assert_eq!(q.get(soon()).expect("get"), b"in flight");
    drop(q);
    assert!(!is_there(), "the name outlived its users");
    // Sent, and never received.
    let (to, from) = pair();
    member(0, || named().export().expect("export").send(to.as_raw_fd(), soon()).expect("send"));
    drop((to, from));
    domain().sweep().expect("sweep");
    assert!(!is_there(), "a handle that nobody received keeps the name");
}

fn spawner_dies() {
    every_point(
        // Without a name: the program that a dead spawner started may use it a little longer.
        || Queue::create(&domain(), None, &QueueOptions::default()).expect("create").0,
        |q| {
            let handle = q.export().expect("export");
            let spawn = Spawn { argv: vec![c"true".into()], envp: None, handles: vec![("queue", &handle)] };
            assert_eq!(spawn.start().expect("spawn").wait(soon()), Ok(Exit::Code(0)));
        },
        |q, _| works(q),
    );
}

/// A process that did not inherit the anonymous domain joins it through a handle, and dies at every point of that.
fn into_an_anonymous_domain() {
    let (to, from) = pair();
    let (home, _home) = (member_with_domain(&to), to);
    let handle = Handle::recv(from.as_raw_fd(), soon()).expect("recv");
    for k in 1.. {
        let end = child(k, || (), || import(&handle).put(b"mine", soon()).expect("put"));
        let q = import(&handle);
        match q.get(Limits::none()) {
            Ok(m) => assert_eq!(m, b"mine"),
            Err(Error::TimedOut) => assert_eq!(end, End::Died),
            Err(e) => panic!("{e}"),
        }
        works(&q);
        drop(q); // the domain is left, so that each child joins by itself
        if end == End::Returned {
            break;
        }
    }
    assert_eq!(home, End::Returned);
}

/// A process that makes an anonymous domain, sends a queue of it, and is gone.
fn member_with_domain(to: &UnixStream) -> End {
    child(
        0,
        || (),
        || {
            let d = Domain::open(&DomainOptions { anonymous: true, ..Default::default() }).expect("open");
            let (q, _) = Queue::create(&d, None, &QueueOptions::default()).expect("create");
            q.export().expect("export").send(to.as_raw_fd(), soon()).expect("send");
        },
    )
}
