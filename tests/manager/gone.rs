//! Clients that are gone in the middle of something.

use crate::garbage::{furnish, FURNITURE};
use crate::peer::{bytes, datum, op, request};
use crate::{attack, eventually};

/// Arguments that some operation takes.
fn arguments(variant: usize) -> Vec<u8> {
    match variant {
        0 => Vec::new(),
        1 => bytes(b"message"),
        2 => datum(&[1]),
        3 => [datum(&[1]), datum(&[2])].concat(),
        4 => vec![0],
        5 => 7u64.to_le_bytes().to_vec(),
        6 => vec![0; 16],
        _ => bytes(&0i64.to_le_bytes()),
    }
}

#[test]
fn in_the_middle_of_every_operation() {
    attack("gone", "", |scene| {
        furnish(scene);
        let before = scene.info();
        for (kind, name) in FURNITURE {
            for op in (0..48).chain(128..144) {
                scene.step(format!("{name}: operation {op}"));
                // All of them in one connection, all waiting for ever, and then it is gone without having read anything.
                let mut peer = scene.insider();
                let object = peer.open(kind, name);
                let requests: Vec<_> = (0..8).map(|v| request(100 + v as u64, object, op, -1, &arguments(v))).collect();
                let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
                let _ = peer.frame(&requests);
            }
        }
        scene.step("what is left of them");
        eventually("nothing waits", || scene.info().waiting <= 1);
        eventually("nobody is left", || scene.info().clients <= before.clients);
        // Whatever they held goes on.
        let mut peer = scene.insider();
        let lock = peer.open(2, "lock");
        eventually("the lock is free", || {
            peer.call(lock, 0, 1_000_000_000, &[]).is_some_and(|answer| answer.status >= 0)
        });
    });
}

#[test]
fn in_the_middle_of_a_request() {
    attack("gone in a request", "", |scene| {
        furnish(scene);
        let objects = scene.info().objects;
        for (kind, name) in FURNITURE {
            let mut peer = scene.insider();
            let object = peer.open(kind, name);
            let create = request(101, 0, op::CREATE, 0, &[11, 0, 0]);
            let whole = peer.whole(&[&create, &request(100, object, 0, -1, &bytes(b"message"))]);
            let sealed = peer.seal(&whole);
            for cut in 0..sealed.len() {
                scene.step(format!("{name}: {cut} of {} bytes", sealed.len()));
                let mut peer = scene.insider();
                peer.open(kind, name);
                let own = peer.seal(&whole);
                let _ = peer.stream.send(&own[..cut]);
            }
        }
        eventually("nobody is left", || scene.info().clients <= 2);
        eventually("what they made is gone", || scene.info().objects <= objects);
        eventually("nothing waits", || scene.info().waiting <= 1);
    });
}
