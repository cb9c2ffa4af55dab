//! Attacks on who may come in.

use crate::peer::{self, frame, hello, initiator, op, request, with_length, Peer, Rng, Stream, NOISE, PLAIN};
use crate::{attack, eventually};
use mproc::manager::{Queue, Site};
use mproc::QueueOptions;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

const KEY_WANTED: u8 = 0x81;
const NO_KEY: u8 = 0x82;
const WRONG_USER: u8 = 0x84;

/// What a stranger hears is a preamble at most.
fn refused(mut stream: Stream, why: &str) -> Vec<u8> {
    let heard = stream.until_hung_up(why);
    assert!(heard.len() <= 8, "{why}: the server says {heard:?}");
    heard
}

#[test]
fn without_the_key_nobody_comes_in() {
    attack("wrong keys", "", |scene| {
        let server = &scene.server;
        for bit in 0..256 {
            let mut key = server.key.0;
            key[bit / 8] ^= 1 << (bit % 8);
            scene.step(format!("bit {bit} of the key is wrong"));
            assert!(Peer::shake(Stream::tcp(server), &key).is_err());
        }
        for (name, stream) in [("tcp", Stream::tcp(server)), ("unix", Stream::unix(server))] {
            scene.step(format!("no key: {name}"));
            let mut stream = stream;
            stream.send(&PLAIN).unwrap();
            let heard = refused(stream, "a client without a key");
            assert_eq!(heard.get(6), Some(&KEY_WANTED));
        }
        // Requests behind such a preamble are not looked at.
        let mut stream = Stream::unix(server);
        let mut first = PLAIN.to_vec();
        first.extend(frame(0, &[&request(1, 0, op::HELLO, 0, &hello([7; 16]))]));
        stream.send(&first).unwrap();
        refused(stream, "requests without a key");
        eventually("nobody is left", || scene.info().unauthenticated == 0);
    });
}

#[test]
fn a_server_without_a_key_does_not_pretend() {
    attack("keyless", "keyless", |scene| {
        let mut stream = Stream::unix(&scene.server);
        let mut handshake = initiator(&scene.server.key.0);
        let mut message = [0; 256];
        let len = handshake.write_message(&[], &mut message).unwrap();
        stream.send(&[&NOISE[..], &with_length(&message[..len])].concat()).unwrap();
        let heard = refused(stream, "a client with a key");
        assert_eq!(heard.get(6), Some(&NO_KEY));
    });
}

#[test]
fn preambles_that_are_none() {
    attack("preambles", "", |scene| {
        let mut rng = Rng(1);
        for round in 0..300 {
            scene.step(format!("round {round}"));
            let mut stream = match round % 2 {
                0 => Stream::tcp(&scene.server),
                _ => Stream::unix(&scene.server),
            };
            let mut first = NOISE.to_vec();
            match round % 3 {
                0 => first = rng.bytes(8),
                1 => first[rng.below(8) as usize] ^= 1 + rng.below(255) as u8,
                _ => first = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            }
            if first[..8] == PLAIN {
                continue;
            }
            let _ = stream.send(&first); // it may have hung up in the middle
            refused(stream, "something else than a preamble");
        }
    });
}

/// A queue of the server's, and how many messages are in it.
fn counted(scene: &crate::Scene) -> Queue {
    let site = Site::Manager(scene.server.link());
    Queue::create(&site, Some("counted"), &QueueOptions::default()).unwrap().0
}

fn put(peer: &mut Peer) {
    let queue = peer.open(5, "counted");
    let answer = peer.call(queue, 0, 0, &peer::bytes(b"message")).unwrap();
    assert_eq!(answer.status, 0, "{}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn a_recorded_session_cannot_be_replayed() {
    attack("replay", "", |scene| {
        let queue = counted(scene);
        let mut peer = scene.insider();
        put(&mut peer);
        let recorded = peer.sent.clone();
        assert_eq!(queue.size().unwrap(), 1);
        // While the session is there, after it, all at once, and in pieces.
        for round in 0..20 {
            scene.step(format!("replay {round}"));
            if round == 10 {
                peer = scene.insider();
            }
            let mut stream = Stream::tcp(&scene.server);
            match round % 2 {
                0 => drop(stream.send(&recorded)),
                _ => recorded.chunks(7).for_each(|piece| drop(stream.send(piece))),
            }
            stream.until_hung_up("a replayed session");
        }
        peer.still_served();
        assert_eq!(queue.size().unwrap(), 1);
    });
}

#[test]
fn the_servers_own_bytes_are_nothing_to_it() {
    attack("reflection", "handshake_ms=2000", |scene| {
        for round in 0..4 {
            scene.step(format!("round {round}"));
            // Its handshake as ours: it has to come after a message of ours, which is somebody else's then.
            let mut first = Stream::tcp(&scene.server);
            let mut handshake = initiator(&scene.server.key.0);
            let mut message = [0; 256];
            let len = handshake.write_message(&[], &mut message).unwrap();
            first.send(&[&NOISE[..], &with_length(&message[..len])].concat()).unwrap();
            let mut theirs = vec![0; 8 + 2 + 48];
            first.receive_all(&mut theirs).unwrap();
            let mut second = Stream::tcp(&scene.server);
            let _ = second.send(&theirs);
            let heard = second.until_hung_up("its own handshake");
            assert!(heard.len() <= 8);
            let _ = first.send(&theirs);
            first.until_hung_up("its own handshake, on the same connection");
            // Its records as ours.
            let mut peer = scene.insider();
            peer.ask(0, op::PING, 0, &[]).unwrap();
            let mut record = vec![0; 2];
            peer.stream.receive_all(&mut record).unwrap();
            record.resize(2 + usize::from(u16::from_le_bytes([record[0], record[1]])), 0);
            peer.stream.receive_all(&mut record[2..]).unwrap();
            let _ = peer.stream.send(&record);
            peer.stream.until_hung_up("its own records");
        }
    });
}

#[test]
fn what_belongs_to_one_connection_means_nothing_on_another() {
    attack("relay", "", |scene| {
        let queue = counted(scene);
        for round in 0..20 {
            scene.step(format!("round {round}"));
            let (mut a, mut b) = (scene.insider(), scene.insider());
            let number = a.open(5, "counted");
            let args = peer::bytes(b"stolen");
            let put = a.whole(&[&request(a.next, number, 0, 0, &args)]);
            let stolen = a.seal(&put);
            let _ = b.stream.send(&stolen);
            b.stream.until_hung_up("another connection's record");
            // The same number again, records left out, and records in the wrong order.
            let (mut c, mut d) = (scene.insider(), scene.insider());
            let ping = c.whole(&[&request(c.next, 0, op::PING, 0, &[])]);
            let record = c.seal(&ping);
            c.stream.send(&[&record[..], &record].concat()).unwrap();
            c.stream.until_hung_up("a record twice");
            let (_, later) = (d.seal(&ping), d.seal(&ping));
            let _ = d.stream.send(&later);
            d.stream.until_hung_up("a record before its time");
        }
        assert_eq!(queue.size().unwrap(), 0);
    });
}

#[test]
fn changed_bytes_are_found_out() {
    attack("changed bytes", "", |scene| {
        let queue = counted(scene);
        for bit in 0..400 {
            scene.step(format!("bit {bit}"));
            let mut peer = scene.insider();
            let number = peer.open(5, "counted");
            let put = peer.whole(&[&request(peer.next, number, 0, 0, &peer::bytes(b"message"))]);
            let mut record = peer.seal(&put);
            // Not the length: a longer record would be waited for.
            record[2 + bit / 8] ^= 1 << (bit % 8);
            peer.stream.send(&record).unwrap();
            peer.stream.until_hung_up("a changed record");
        }
        assert_eq!(queue.size().unwrap(), 0);
    });
}

#[test]
fn cut_off_after_every_byte() {
    for options in ["", "keyless"] {
        attack("cut off", options, |scene| {
            // Whole once, to know how long it is.
            let whole = scene.insider().sent.len();
            let before = scene.info().clients;
            for len in 0..whole {
                scene.step(format!("{len} of {whole} bytes"));
                let mut stream = match scene.server.tcp {
                    Some(_) => Stream::tcp(&scene.server),
                    None => Stream::unix(&scene.server),
                };
                // Both sides have to speak for a session to go on, so what is behind the handshake is another one's.
                let mut peer = scene.insider();
                let end = len.min(peer.sent.len());
                let _ = stream.send(&peer.sent[..end]);
                if len % 2 == 0 {
                    stream.half_close();
                    stream.until_hung_up("a connection without a rest");
                }
                drop(stream);
                // A record or a frame of its own, cut off.
                let ping = peer.whole(&[&request(2, 0, op::PING, 0, &[])]);
                let sealed = peer.seal(&ping);
                peer.stream.send(&sealed[..len % sealed.len()]).unwrap();
            }
            eventually("all of them are gone", || {
                let info = scene.info();
                info.unauthenticated == 0 && info.clients <= before + 1
            });
        });
    }
}

/// What [`another_user`] runs as somebody else.
#[test]
#[ignore = "a client that another test starts as another user"]
fn as_another_user() {
    let Ok(path) = std::env::var("MPROC_STRANGER") else { return };
    let mut stream = match std::os::unix::net::UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            return println!("\nheard not connected");
        }
    };
    use std::io::{Read, Write};
    stream.set_read_timeout(Some(crate::SOON)).unwrap();
    let with_key = std::env::var("MPROC_STRANGERS_KEY").ok();
    if let Some(hex) = with_key {
        let key: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        let came_in = Peer::shake(Stream::Unix(stream), &key.try_into().unwrap()).map(|mut peer| {
            peer.hello(peer::random_id());
            peer.still_served();
        });
        return println!("\nheard {}", if came_in.is_ok() { "welcome" } else { "no" });
    }
    let _ = stream.write_all(&PLAIN);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    println!("\nheard {heard:?}");
}

/// What a process of another user hears.
fn another_user(scene: &crate::Scene, key: Option<&[u8; 32]>) -> String {
    use std::os::unix::fs::PermissionsExt;
    // It may come as far as the socket.
    std::fs::set_permissions(scene.server.place(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Where that user can read it, whoever else cannot.
    let program = scene.server.place().join("client");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program);
    command.args(["auth::as_another_user", "--exact", "--ignored", "--nocapture"]).uid(4711).gid(4711);
    command.current_dir("/").env("MPROC_STRANGER", scene.server.socket());
    if let Some(key) = key {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        command.env("MPROC_STRANGERS_KEY", hex);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("heard ")).expect("it says what it heard").to_owned()
}

fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !root {
        println!("SKIPPED: only root can be another user");
    }
    root
}

#[test]
fn another_user_is_not_let_in() {
    if !is_root() {
        return;
    }
    attack("another user", "keyless", |scene| {
        assert_eq!(another_user(scene, None), "not connected");
        // Also where the socket lets it through.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(scene.server.socket(), std::fs::Permissions::from_mode(0o666)).unwrap();
        let refusal = [b'M', b'P', b'R', b'O', b'C', b'1', WRONG_USER, 0];
        assert_eq!(another_user(scene, None), format!("{refusal:?}"));
    });
    attack("another user with a key", "", |scene| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(scene.server.socket(), std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(another_user(scene, Some(&scene.server.key.0)), "no");
    });
    attack("any user", "any_user", |scene| {
        assert_eq!(another_user(scene, Some(&scene.server.key.0)), "welcome");
        assert_eq!(another_user(scene, Some(&[0; 32])), "no");
    });
}

#[test]
fn a_byte_now_and_then() {
    attack("slow ones", "handshake_ms=1000 max_unauthenticated=16", |scene| {
        // More of them than there is room for: the handshake has a time limit, and the oldest are dropped before.
        let whole = scene.insider().sent;
        let mut slow: Vec<Stream> = (0..40).map(|_| Stream::tcp(&scene.server)).collect();
        for (second, byte) in whole[..6].iter().enumerate() {
            scene.step(format!("second {second}"));
            for stream in &mut slow {
                let _ = stream.send(&[*byte]); // it may have hung up on this one
            }
            std::thread::sleep(Duration::from_millis(400));
            scene.served_meanwhile();
            assert!(scene.info().unauthenticated <= 16);
        }
        for mut stream in slow {
            stream.until_hung_up("a handshake that does not get on");
        }
        // Behind the handshake a frame may take its time, and holds nobody up.
        let mut peer = scene.insider();
        let ping = peer.whole(&[&request(2, 0, op::PING, 0, &[])]);
        for byte in peer.seal(&ping) {
            peer.stream.send(&[byte]).unwrap();
            scene.served_meanwhile();
        }
        assert_eq!(peer.answer().map(|answer| answer.status), Some(0));
        eventually("all of them are gone", || scene.info().unauthenticated == 0);
    });
}
