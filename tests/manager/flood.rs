//! Attacks by number: connections, requests, objects, bytes, answers that nobody takes.

use crate::garbage::furnish;
use crate::peer::{bytes, datum, op, random_id, request, Peer, Stream};
use crate::{attack, eventually};
use std::net::TcpStream;
use std::time::Duration;

const QUOTA: i32 = -36;

/// As many descriptors as this process may have.
fn all_descriptors() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place for the limits, and then valid limits.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    limit.rlim_cur
}

#[test]
fn ten_thousand_that_say_nothing() {
    let allowed = all_descriptors();
    let wanted = 10_000.min(allowed.saturating_sub(200));
    if wanted < 10_000 {
        println!("NOTE: only {wanted} silent connections, because {allowed} descriptors are allowed (ulimit -n)");
    }
    attack("silent connections", "", |scene| {
        let mut silent = Vec::new();
        for n in 0..wanted {
            scene.step(format!("connection {n}"));
            silent.push(TcpStream::connect(("127.0.0.1", scene.server.tcp.unwrap())).unwrap());
            if n % 1000 == 999 {
                scene.served_meanwhile();
                assert!(scene.info().unauthenticated <= 64);
            }
        }
        scene.insider().still_served(); // a new one gets in, too
        scene.served_meanwhile();
        assert!(scene.server.descriptors() < 200, "it keeps {} descriptors", scene.server.descriptors());
        drop(silent);
    });
}

#[test]
fn more_clients_than_there_may_be() {
    attack("clients", "max_clients=20", |scene| {
        let mut clients = Vec::new();
        let mut refused = 0;
        for n in 0..60 {
            scene.step(format!("client {n}"));
            let Ok(mut peer) = Peer::shake(Stream::tcp(&scene.server), &scene.server.key.0) else {
                refused += 1;
                continue;
            };
            match peer.greet(random_id()) {
                Some(answer) if answer.status == 0 => clients.push(peer),
                Some(answer) => {
                    assert_eq!(answer.status, QUOTA);
                    refused += 1;
                }
                None => refused += 1,
            }
        }
        assert!(clients.len() <= 20 && clients.len() >= 15 && refused >= 40, "{} came in", clients.len());
        clients.iter_mut().for_each(Peer::still_served);
        drop(clients);
        eventually("there is room again", || {
            Peer::shake(Stream::tcp(&scene.server), &scene.server.key.0)
                .is_ok_and(|mut peer| peer.greet(random_id()).is_some_and(|answer| answer.status == 0))
        });
    });
}

/// Puts a megabyte under the key 1 of the dict, and gives the dict's number.
fn a_megabyte(peer: &mut Peer) -> u64 {
    let dict = peer.open(13, "dict");
    let mut long = vec![0xc6, 0, 0x10, 0, 0];
    long.resize(5 + (1 << 20), 0x77);
    let answer = peer.call(dict, 2, 0, &[datum(&[1]), datum(&long)].concat()).unwrap();
    assert_eq!(answer.status, 0);
    let got = peer.call(dict, GET, 0, &get()).unwrap();
    assert!(got.status == 0 && got.body.len() > 1 << 20);
    dict
}

const GET: u8 = 1;

/// The arguments of a get: the key, and how many bytes may come.
fn get() -> Vec<u8> {
    [&datum(&[1])[..], &u64::MAX.to_le_bytes()].concat()
}

#[test]
fn answers_that_nobody_takes() {
    attack("never reading", "", |scene| {
        furnish(scene);
        let mut silent = Vec::new();
        for n in 0..4 {
            scene.step(format!("client {n}"));
            let mut peer = scene.insider();
            let dict = a_megabyte(&mut peer);
            peer.stream.patience(Duration::from_millis(300));
            // One after the other until nothing goes any more, or all at once in one frame: of each some gigabytes.
            if n % 2 == 0 {
                while peer.next < 20_000 && peer.ask(dict, GET, 0, &get()).is_ok() {}
            } else {
                let requests: Vec<Vec<u8>> = (0..4000).map(|id| request(100 + id, dict, GET, 0, &get())).collect();
                let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
                let _ = peer.frame(&requests);
            }
            scene.served_meanwhile();
            silent.push(peer);
        }
        scene.served_meanwhile();
        drop(silent);
        eventually("they are gone", || scene.info().clients <= 3);
    });
}

#[test]
fn answers_that_nobody_acknowledges() {
    attack("unacknowledged answers", "", |scene| {
        furnish(scene);
        scene.step("one client, a thousand megabytes");
        let mut peer = scene.insider();
        peer.acknowledges = false;
        let dict = a_megabyte(&mut peer);
        for id in 0..1000 {
            // It reads them, but says that it has none.
            let sent = peer.frame(&[&request(100 + id, dict, GET, 0, &get())]);
            if sent.is_err() || peer.answer_to(100 + id).is_none() {
                break; // to hang up on it is fine
            }
        }
        scene.served_meanwhile();
        for n in 0..300 {
            scene.step(format!("client {n} leaves a megabyte"));
            let mut peer = scene.insider();
            peer.acknowledges = false;
            let dict = peer.open(13, "dict");
            let _ = peer.frame(&[&request(100, dict, GET, 0, &get())]);
            assert_eq!(peer.answer_to(100).map(|answer| answer.status), Some(0));
        }
    });
}

#[test]
fn small_answers_by_the_million() {
    attack("small requests", "", |scene| {
        let mut peer = scene.insider();
        peer.acknowledges = false;
        for id in (0..400_000).step_by(1000) {
            scene.step(format!("request {id}"));
            let pings: Vec<Vec<u8>> = (id..id + 1000).map(|id| request(100 + id, 0, op::PING, 0, &[])).collect();
            let pings: Vec<&[u8]> = pings.iter().map(Vec::as_slice).collect();
            if peer.frame(&pings).is_err() || peer.answer_to(100 + id + 999).is_none() {
                break; // to hang up on it is fine
            }
        }
    });
}

#[test]
fn requests_in_flight() {
    attack("in flight", "client_in_flight=100 max_waiting=450", |scene| {
        furnish(scene);
        let threads = scene.server.threads();
        let mut clients = Vec::new();
        for n in 0..4 {
            scene.step(format!("client {n}"));
            let mut peer = scene.insider();
            let event = peer.open(11, "event");
            const WAIT: u8 = 3;
            let first = peer.next;
            let mut refused = 0;
            for _ in 0..1000 {
                peer.ask(event, WAIT, -1, &[]).unwrap();
            }
            // What is refused is refused at once; the others wait.
            let ping = peer.ask(0, op::PING, 0, &[]).unwrap();
            loop {
                let answer = peer.answer().expect("it goes on");
                if answer.id == ping {
                    break;
                }
                assert!(answer.id >= first && answer.status == QUOTA, "{answer:?}");
                refused += 1;
            }
            assert!(refused >= 900, "only {refused} were refused");
            clients.push(peer);
        }
        let waiting = scene.info().waiting;
        assert!((400..=401).contains(&waiting), "{waiting} wait"); // with the legitimate one
        assert!(scene.server.threads() <= threads + 401 + 8, "{} threads", scene.server.threads());
        drop(clients);
        eventually("nobody waits any more", || scene.info().waiting <= 1);
        scene.served_meanwhile();
    });
}

#[test]
fn objects_and_bytes() {
    attack("quotas", "client_objects=200 client_bytes=16777216", |scene| {
        let before = scene.info();
        let mut peer = scene.insider();
        let mut made = 0;
        for n in 0..2000 {
            scene.step(format!("object {n}"));
            let answer = peer.call(0, op::CREATE, 0, &[11, 0, 0]).expect("an answer");
            match answer.status {
                0 => made += 1,
                status => assert_eq!(status, QUOTA, "{}", String::from_utf8_lossy(&answer.body)),
            }
        }
        assert_eq!(made, 200);
        assert!(scene.info().objects <= before.objects + 200);
        drop(peer);
        eventually("they are gone with it", || scene.info().objects <= before.objects);
        // Bytes that are claimed and not there yet count, too.
        let mut refused = 0;
        let queues: Vec<_> = (0..40)
            .map(|n| {
                scene.step(format!("queue {n}"));
                let site = mproc::manager::Site::Manager(scene.server.link());
                let options = mproc::QueueOptions { capacity_bytes: 6 << 20, ..Default::default() };
                let one = mproc::manager::Queue::create(&site, None, &options);
                let two = mproc::manager::Queue::create(&site, None, &options);
                refused += u32::from(two.is_err_and(|error| error.status() == QUOTA));
                one.unwrap()
            })
            .collect();
        assert_eq!(refused, 40);
        drop(queues);
        eventually("they are gone", || scene.info().objects <= before.objects);
    });
}

#[test]
fn the_same_client_twice() {
    attack("twins", "", |scene| {
        furnish(scene);
        let id = random_id();
        for round in 0..50 {
            scene.step(format!("round {round}"));
            let mut first = Peer::authenticated(&scene.server);
            first.hello(id);
            // A number that was answered once is answered the same way again, also over another connection.
            first.next = 10 + 1000 * round;
            let lock = first.open(2, "lock");
            assert!(first.call(lock, 0, 0, &bytes(&[])).is_some());
            let mut second = Peer::authenticated(&scene.server);
            second.hello(id);
            second.next = 510 + 1000 * round;
            second.still_served();
            // The first one has been taken for lost.
            let _ = first.ask(0, op::PING, 0, &[]);
            while first.answer().is_some() {}
        }
        eventually("nobody is left", || scene.info().clients <= 2);
    });
}

#[test]
fn greetings_again_and_again() {
    attack("greetings", "", |scene| {
        let mut peer = scene.insider();
        for round in 0..2000 {
            scene.step(format!("round {round}"));
            let greeting = request(peer.next, 0, op::HELLO, 0, &crate::peer::hello(random_id()));
            let sent = peer.frame(&[&greeting]);
            peer.next += 1;
            if sent.is_err() || peer.answer().is_none() {
                peer = scene.insider();
            }
        }
        // Requests before the greeting.
        for op in 0..=255 {
            if op != op::HELLO {
                let mut stranger = Peer::authenticated(&scene.server);
                let _ = stranger.ask(0, op, 0, &[]);
                stranger.stream.half_close();
                while let Some(answer) = stranger.answer() {
                    assert!(answer.status < 0, "operation {op} before the greeting: {answer:?}");
                }
            }
        }
    });
}
