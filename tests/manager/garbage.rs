//! Attacks by those who have the key: frames, messages and arguments that make no sense.

use crate::peer::{bytes, datum, hello, op, request, with_length, Peer, Rng, Stream, NOISE};
use crate::{attack, eventually, Scene};
use mproc::manager::{
    Array, Barrier, Condition, ConditionOptions, Dict, Event, List, Lock, Namespace, Pipe, Queue, RLock, RwLock,
    Semaphore, Site, Value,
};
use mproc::{
    ArrayOptions, BarrierOptions, ContainerOptions, ElemType, Element, ObjectOptions, PipeOptions, QueueOptions,
    SemaphoreOptions, ValueOptions,
};

/// The kinds, by their numbers, and objects of theirs: two of most, where the second has other options.
pub(crate) const FURNITURE: [(u8, &str); 17] = [
    (2, "lock"),
    (3, "value"),
    (3, "text"),
    (4, "array"),
    (5, "queue"),
    (5, "leases"),
    (6, "pipe"),
    (7, "rlock"),
    (8, "rwlock"),
    (9, "semaphore"),
    (9, "permits"),
    (10, "condition"),
    (11, "event"),
    (12, "barrier"),
    (13, "dict"),
    (14, "list"),
    (15, "namespace"),
];

/// One of each.
pub(crate) fn furnish(scene: &Scene) {
    let site = Site::Manager(scene.server.link());
    let plain = ObjectOptions::default();
    let number = Element::scalar(ElemType::I64);
    Lock::create(&site, Some("lock"), &plain).unwrap();
    let mut value = ValueOptions { object: plain, element: number, initial: None };
    Value::create_as(&site, Some("value"), &value).unwrap();
    value.element = Element::structure(4096, 8, 1).unwrap();
    Value::create_as(&site, Some("text"), &value).unwrap();
    let array = ArrayOptions { object: plain, element: number, shape: vec![8, 8], initial: &[] };
    Array::create_as(&site, Some("array"), &array).unwrap();
    Queue::create(&site, Some("queue"), &QueueOptions::default()).unwrap();
    let leases = QueueOptions { lease: true, joinable: true, ..QueueOptions::default() };
    Queue::create(&site, Some("leases"), &leases).unwrap();
    Pipe::create(&site, Some("pipe"), &PipeOptions::default(), [true, true]).unwrap();
    RLock::create(&site, Some("rlock"), &plain).unwrap();
    RwLock::create(&site, Some("rwlock"), &plain).unwrap();
    Semaphore::create(&site, Some("semaphore"), &SemaphoreOptions::default()).unwrap();
    let permits = SemaphoreOptions { accounting: true, initial: 3, ..SemaphoreOptions::default() };
    Semaphore::create(&site, Some("permits"), &permits).unwrap();
    Condition::create_with(&site, Some("condition"), &ConditionOptions::default()).unwrap();
    Event::create(&site, Some("event"), &plain).unwrap();
    Barrier::create(&site, Some("barrier"), &BarrierOptions { object: plain, parties: 2 }).unwrap();
    Dict::create(&site, Some("dict"), &ContainerOptions::default()).unwrap();
    List::create(&site, Some("list"), &ContainerOptions::default()).unwrap();
    Namespace::create(&site, Some("namespace"), &ContainerOptions::default()).unwrap();
}

/// That a message was an error or the end, and the server lives.
fn unwelcome(scene: &Scene, mut peer: Peer, stream: &[u8], why: &str) {
    scene.step(why);
    let _ = peer.raw(stream); // it may hang up in the middle
    peer.stream.half_close();
    while let Some(answer) = peer.answer() {
        assert!(answer.status < 0, "{why}: the server says {answer:?}");
    }
}

#[test]
fn lengths_that_are_too_large() {
    attack("lengths", "handshake_ms=2000", |scene| {
        for len in [257u16, 300, 1000, 65_535] {
            scene.step(format!("a handshake of {len} bytes"));
            let mut stream = Stream::tcp(&scene.server);
            let _ = stream.send(&[&NOISE[..], &len.to_le_bytes(), &vec![0x55; usize::from(len)]].concat());
            assert!(stream.until_hung_up("a long handshake").len() <= 8);
        }
        let mut stream = Stream::tcp(&scene.server);
        let _ = stream.send(&[&NOISE[..], &with_length(&[])].concat());
        assert!(stream.until_hung_up("an empty handshake").len() <= 8);
        // A frame that claims gigabytes: nothing is reserved for it. Announced by as many as are let in.
        for claim in [(16 << 20) + 1, 1 << 28, 1 << 30, 0x7fff_ffff, u32::MAX] {
            unwelcome(scene, scene.insider(), &claim.to_le_bytes(), "a frame that is too long");
            unwelcome(
                scene,
                Peer::authenticated(&scene.server),
                &claim.to_le_bytes(),
                "a first frame that is too long",
            );
        }
        scene.step("frames of 16 MiB that never come");
        let waiting: Vec<Peer> = (0..200)
            .map(|_| {
                let mut peer = scene.insider();
                peer.raw(&[&(16u32 << 20).to_le_bytes()[..], &[1; 100]].concat()).unwrap();
                peer
            })
            .collect();
        scene.served_meanwhile();
        drop(waiting);
        furnish(scene);
        for claim in [9u32, 100, 1 << 16, 1 << 31, u32::MAX] {
            // A request that is longer than its frame.
            let content = [&0u64.to_le_bytes()[..], &claim.to_le_bytes(), &[0; 4]].concat();
            unwelcome(scene, scene.insider(), &bytes(&content), "a request longer than its frame");
            // Arguments that are longer than their request; as many of them as there are places for lengths.
            let mut peer = scene.insider();
            for (kind, name) in FURNITURE {
                let object = peer.open(kind, name);
                for op in 0..40 {
                    for before in [0, 1, 4, 8, 9] {
                        let args = [&vec![0; before][..], &claim.to_le_bytes(), &[0; 3]].concat();
                        let Some(answer) = peer.call(object, op, 0, &args) else { panic!("{name}: op {op} hangs up") };
                        assert!(answer.body.len() < 1 << 20);
                    }
                }
            }
            for op in 2..=20 {
                // What has no answer is no reason to wait for one.
                let _ = peer.ask(0, op, 0, &claim.to_le_bytes());
            }
        }
    });
}

#[test]
fn datums_that_are_too_deep() {
    attack("depth bombs", "", |scene| {
        furnish(scene);
        let mut peer = scene.insider();
        let (dict, list) = (peer.open(13, "dict"), peer.open(14, "list"));
        for depth in [65, 1000, 100_000, 4_000_000] {
            for (what, byte) in [("lists", 0x91), ("maps", 0x81)] {
                scene.step(format!("{what}, {depth} deep"));
                let mut bomb: Vec<u8> = Vec::new();
                for _ in 0..depth {
                    bomb.push(byte);
                    if byte == 0x81 {
                        bomb.push(0x01);
                    }
                }
                bomb.push(0xc0);
                let set = [datum(&[0x01]), datum(&bomb)].concat();
                assert!(peer.call(dict, 2, 0, &set).expect("an answer").status < 0);
                let key = [datum(&bomb), datum(&[0x01])].concat();
                assert!(peer.call(dict, 2, 0, &key).expect("an answer").status < 0);
                assert!(peer.call(list, 3, 0, &datum(&bomb)).expect("an answer").status < 0);
                let call = [bytes(b"nobody"), datum(&bomb)].concat();
                assert!(peer.call(0, 9, 0, &call).expect("an answer").status < 0);
            }
            // A count that nothing follows: lists and maps of four billion elements.
            for head in [0xdd, 0xdf, 0xdb, 0xc6] {
                let claim = [head, 0xff, 0xff, 0xff, 0xff];
                assert!(peer.call(list, 3, 0, &datum(&claim)).expect("an answer").status < 0);
            }
        }
        peer.still_served();
    });
}

#[test]
fn every_operation_of_every_kind() {
    attack("operations", "client_in_flight=4096", |scene| {
        furnish(scene);
        let mut rng = Rng(7);
        let mut hung_up = 0;
        for (kind, name) in FURNITURE {
            let mut peer = scene.insider();
            let mut object = peer.open(kind, name);
            for op in 0..=255 {
                for variant in 0..8 {
                    scene.step(format!("{name}: operation {op}, variant {variant}"));
                    let args = match variant {
                        0 => Vec::new(),
                        1 => vec![0; 8],
                        2 => vec![0xff; 64],
                        3 => datum(&[0x01]),
                        4 => [datum(&[0x01]), datum(&[0xc0])].concat(),
                        5 => bytes(b"name"),
                        _ => {
                            let len = rng.below(40) as usize;
                            rng.bytes(len)
                        }
                    };
                    let timeout = if variant % 2 == 0 { 0 } else { 1_000_000 };
                    if peer.call(object, op, timeout, &args).is_none() {
                        // It may hang up on whoever breaks the protocol; then somebody else goes on.
                        hung_up += 1;
                        peer = scene.insider();
                        object = peer.open(kind, name);
                    }
                }
            }
            peer.still_served();
        }
        println!("operations: the server has hung up {hung_up} times");
        eventually("nothing is left waiting", || scene.info().waiting <= 1);
    });
}

#[test]
fn objects_and_kinds_that_are_not_there() {
    attack("strange objects", "", |scene| {
        furnish(scene);
        let mut peer = scene.insider();
        let mut rng = Rng(11);
        for object in [1 << 20, u64::MAX, u64::MAX - 1, 1 << 63, 4711] {
            for op in 0..=255 {
                scene.step(format!("object {object}, operation {op}"));
                let answer = peer.call(object, op, 0, &[]).expect("an answer");
                assert!(answer.status < 0);
            }
        }
        for kind in 0..=255u8 {
            scene.step(format!("kind {kind}"));
            for variant in 0..6 {
                let options = match variant {
                    0 => Vec::new(),
                    1 => vec![0; 64],
                    2 => vec![0xff; 64],
                    _ => rng.bytes(variant * 20),
                };
                let create = [&[kind, 0, 0][..], &options].concat();
                // Some may be what it takes to make one; its number is the client's, and goes with it.
                peer.call(0, op::CREATE, 0, &create).expect("an answer");
                let open = [&[kind][..], &bytes(b"nobody")].concat();
                assert!(peer.call(0, op::OPEN, 0, &open).expect("an answer").status < 0);
            }
            if kind != 11 {
                let open = [&[kind][..], &bytes(b"event")].concat();
                assert!(peer.call(0, op::OPEN, 0, &open).expect("an answer").status < 0, "an event is no {kind}");
            }
        }
        for name in
            ["", ".", "..", "../../x", "a/b", "\0", "#", "#x", "#18446744073709551616", "#-1", &"x".repeat(5000)]
        {
            let create = [&[11, 0, 1][..], &bytes(name.as_bytes())].concat();
            assert!(peer.call(0, op::CREATE, 0, &create).expect("an answer").status < 0, "{name:?} is no name");
            let open = [&[11][..], &bytes(name.as_bytes())].concat();
            assert!(peer.call(0, op::OPEN, 0, &open).expect("an answer").status < 0, "{name:?} is no name");
        }
        let not_text = [&[11, 0, 1][..], &bytes(&[0xff, 0xfe])].concat();
        assert!(peer.call(0, op::CREATE, 0, &not_text).expect("an answer").status < 0);
        peer.still_served();
        drop(peer);
        eventually("what it made is gone", || scene.info().objects <= FURNITURE.len() as u64 + 2);
    });
}

#[test]
fn references_by_the_billion() {
    attack("references", "", |scene| {
        furnish(scene);
        let mut peer = scene.insider();
        let event = peer.open(11, "event");
        for _ in 0..1000 {
            // Giving back what it does not have; more than once; and taking what is not there.
            let release = request(0, 0, op::RELEASE, 0, &event.to_le_bytes());
            let attach = [&2u32.to_le_bytes()[..], &event.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
            let attach = [attach, [&u64::MAX.to_le_bytes()[..], &1u32.to_le_bytes()].concat()].concat();
            let attach = request(0, 0, op::ATTACH, 0, &attach);
            let absurd = request(0, 0, op::ATTACH, 0, &u32::MAX.to_le_bytes());
            peer.frame(&[&release, &release, &release, &attach, &absurd]).unwrap();
        }
        // One that hangs up is fine as well; the object is where it was.
        let _ = peer.call(0, op::PING, 0, &[]);
        drop(peer);
        let mut other = scene.insider();
        let event = other.open(11, "event");
        assert_eq!(other.call(event, 0, 0, &[]).map(|answer| answer.status), Some(0));
    });
}

#[test]
fn random_bytes_after_the_handshake() {
    attack("random bytes", "", |scene| {
        let mut rng = Rng(3);
        for round in 0..400 {
            scene.step(format!("round {round}"));
            let mut peer = match round % 3 {
                0 => Peer::authenticated(&scene.server),
                _ => scene.insider(),
            };
            let len = 1 + rng.below(3000) as usize;
            let garbage = rng.bytes(len);
            let stream = match round % 2 {
                0 => garbage,
                _ => bytes(&garbage), // at least a frame
            };
            let _ = peer.raw(&stream);
            peer.stream.half_close();
            while peer.answer().is_some() {}
        }
    });
}

/// What is wrong with a message that was right.
fn spoil(message: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(message.len() as u64) as usize;
        match rng.below(7) {
            0 => message[at] ^= 1 << rng.below(8),
            1 => message[at] = rng.next() as u8,
            2 => message.truncate(at + 1),
            3 => {
                let more = rng.below(40) as usize;
                let more = rng.bytes(more);
                message.splice(at..at, more);
            }
            4 => {
                let end = (at + 4).min(message.len());
                message[at..end].fill(if rng.below(2) == 0 { 0xff } else { 0 });
            }
            5 => {
                let end = (at + 1 + rng.below(8) as usize).min(message.len());
                message.drain(at..end);
            }
            _ => {
                let copy = message[at..].to_vec();
                message.extend(copy);
            }
        }
        if message.is_empty() {
            message.push(0);
        }
    }
}

#[test]
fn messages_that_are_almost_right() {
    attack("structured garbage", "client_in_flight=4096", |scene| {
        furnish(scene);
        let mut rng = Rng(5);
        let rounds = std::env::var("MPROC_ATTACK_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
        for round in 0..rounds {
            let mut peer = scene.insider();
            let objects: Vec<u64> = FURNITURE.iter().map(|(kind, name)| peer.open(*kind, name)).collect();
            for message in 0..100 {
                scene.step(format!("round {round}, message {message}"));
                let which = rng.below(objects.len() as u64 + 3) as usize;
                let object = objects.get(which).copied().unwrap_or(0);
                let args = match rng.below(6) {
                    0 => datum(&[rng.next() as u8]),
                    1 => [datum(&[0xa1, b'k']), datum(&[0x93, 1, 2, 3])].concat(),
                    2 => bytes(b"legitimate.not"),
                    3 => [&rng.next().to_le_bytes()[..], &rng.next().to_le_bytes()].concat(),
                    4 => hello([1; 16]),
                    _ => {
                        let len = rng.below(60) as usize;
                        rng.bytes(len)
                    }
                };
                let op = if rng.below(4) == 0 { rng.next() as u8 } else { rng.below(40) as u8 };
                // It must not delete what is the legitimate one's: that would be no garbage.
                let op = if object == 0 && op == 5 { 10 } else { op };
                let mut request = request(peer.next, object, op, rng.below(3) as i64 * 100_000, &args);
                if rng.below(3) != 0 {
                    // Behind the object's number and the operation, or anywhere.
                    let from = if rng.below(2) == 0 { 29.min(request.len() - 1) } else { 0 };
                    let mut tail = request.split_off(from);
                    spoil(&mut tail, &mut rng);
                    request.extend(tail);
                }
                let mut whole = peer.whole(&[&request]);
                if rng.below(20) == 0 {
                    spoil(&mut whole, &mut rng);
                }
                peer.next += 1;
                if peer.raw(&whole).is_err() {
                    break;
                }
            }
            peer.stream.half_close();
            while peer.answer().is_some() {}
        }
        eventually("nothing is left waiting", || scene.info().waiting <= 1);
    });
}

#[test]
fn descriptors_that_nobody_asked_for() {
    use std::os::fd::{AsRawFd, BorrowedFd};
    attack("descriptors", "keyless", |scene| {
        let before = scene.server.descriptors();
        let mut peer = scene.insider();
        let null = std::fs::File::open("/dev/null").unwrap();
        for round in 0..500 {
            scene.step(format!("round {round}"));
            let ping = peer.whole(&[&request(peer.next, 0, op::PING, 0, &[])]);
            peer.next += 1;
            let Stream::Unix(socket) = &peer.stream else { panic!("a unix socket") };
            // SAFETY: the file is open for as long as this lives.
            let fd = unsafe { BorrowedFd::borrow_raw(null.as_raw_fd()) };
            send_with(socket.as_raw_fd(), &ping, &[fd; 16]);
            assert_eq!(peer.answer().map(|answer| answer.status), Some(0));
        }
        assert!(scene.server.descriptors() <= before + 20, "the server keeps what it was sent");
    });
}

/// Bytes, and descriptors beside them.
fn send_with(socket: i32, content: &[u8], descriptors: &[std::os::fd::BorrowedFd]) {
    let mut iov = libc::iovec { iov_base: content.as_ptr().cast_mut().cast(), iov_len: content.len() };
    let mut control = [0u64; 32];
    // SAFETY: plain old data; everything it points to lives until the call returns, and `control` has room for 16
    // descriptors and their header.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut iov;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        let len = std::mem::size_of_val(descriptors) as u32;
        message.msg_controllen = libc::CMSG_SPACE(len) as _;
        let head = libc::CMSG_FIRSTHDR(&message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = libc::CMSG_LEN(len) as _;
        libc::CMSG_DATA(head).copy_from(descriptors.as_ptr().cast(), len as usize);
        libc::sendmsg(socket, &message, 0)
    };
    assert_eq!(sent, content.len() as isize);
}
