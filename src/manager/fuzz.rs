//! Garbage for everything that takes bytes of the wire apart: preambles, handshakes, records, frames, requests, answers,
//! arguments. Messages that were right are changed a little, and whole streams come in pieces of any size.
//! MPROC_FUZZ_ROUNDS=n: so many rounds instead of [`ROUNDS`].

use super::channel::{self, Handshake, Incoming, Mode, Opener, Sealer, PREAMBLE};
use super::wire::{self, Reader, Writer};
use super::{protocol, Key};
use crate::sync::Timeout;
use crate::Error;

const ROUNDS: u64 = 100_000;
/// One round of so many has a handshake, which takes long.
const HANDSHAKES: u64 = 500;
/// The longest frame.
const MOST: usize = 3000;

/// A small random generator (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 .. n - 1
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// A number that somebody might get wrong.
    fn edge(&mut self) -> u64 {
        const EDGES: [u64; 9] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, i64::MAX as u64, u64::MAX];
        match self.below(3) {
            0 => self.next(),
            1 => self.below(100) as u64,
            _ => EDGES[self.below(EDGES.len())],
        }
    }

    /// Changes a message; the result may be empty.
    fn spoil(&mut self, message: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            if message.is_empty() {
                *message = self.bytes(8);
                continue;
            }
            let at = self.below(message.len());
            let end = (at + 1 + self.below(8)).min(message.len());
            match self.below(7) {
                0 => message[at] ^= 1 << self.below(8),
                1 => message[at] = self.next() as u8,
                2 => message.truncate(at),
                3 => drop(message.splice(at..at, self.bytes(8))),
                4 => drop(message.drain(at..end)),
                5 => message[at..end].fill(if self.one_in(2) { 0xff } else { 0 }),
                _ => {
                    let edge = self.edge().to_le_bytes();
                    message.splice(at..end, edge);
                }
            }
        }
    }

    /// What a client might say.
    fn request(&mut self, w: &mut Writer) {
        let timeout = if self.one_in(2) { Timeout::Forever } else { Timeout::Ns(self.next() >> 1) };
        let begun = protocol::begin_request(w, self.edge(), self.edge(), self.next() as u8, timeout);
        for _ in 0..self.below(5) {
            match self.below(7) {
                0 => w.u8(self.next() as u8),
                1 => w.u32(self.edge() as u32),
                2 => w.u64(self.edge()),
                3 => w.bytes(&self.bytes(40)),
                4 => w.str("name"),
                5 => w.opt(self.one_in(2).then_some("name"), Writer::str),
                _ => {
                    w.u8(0); // a plain datum
                    w.bytes(&self.bytes(20));
                }
            }
        }
        w.end(begun);
    }

    /// What a server might say.
    fn answer(&mut self, w: &mut Writer) {
        let begun = w.begin();
        w.u64(self.edge());
        w.i32(self.edge() as i32);
        wire::put_error(w, &Error::Range { index: self.edge() as usize, len: self.edge() as usize });
        w.end(begun);
    }

    /// The content of a frame.
    fn content(&mut self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u64(self.edge());
        for _ in 0..self.below(4) {
            if self.one_in(2) {
                self.request(&mut w);
            } else {
                self.answer(&mut w);
            }
        }
        w.0.truncate(MOST);
        w.0
    }
}

/// Reads as a server and as a client would, and whatever may stand there. None of it panics, and all of it ends.
fn take_apart(content: &[u8], rng: &mut Rng) {
    let mut frame = Reader::new(content);
    let _ = frame.u64();
    let mut left = content.len();
    loop {
        let next = match rng.below(2) {
            0 => protocol::next_request(&mut frame).map(|request| request.map(|r| r.args)),
            _ => protocol::next_answer(&mut frame).map(|answer| answer.map(|(_, _, body)| body)),
        };
        let Ok(Some(mut args)) = next else { break };
        let rest = frame.clone().rest().len();
        assert!(rest < left, "nothing was read");
        left = rest;
        let _ = wire::take_error(rng.edge() as i32, &mut args.clone());
        let _ = protocol::id(&mut args.clone());
        let _ = protocol::ServerInfo::take(&mut args.clone());
        for _ in 0..6 {
            let before = args.clone().rest().len();
            let read = match rng.below(12) {
                0 => args.u8().map(drop),
                1 => args.bool().map(drop),
                2 => args.u32().map(drop),
                3 => args.size().map(drop),
                4 => args.bytes().map(|bytes| assert!(bytes.len() <= before)),
                5 => args.str().map(|text| assert!(text.len() <= before)),
                6 => args.datum().map(drop),
                7 => args.encoded().map(drop),
                8 => args.plain().map(drop),
                9 => args.reference().map(drop),
                10 => args.opt(|r| r.bytes()).map(drop),
                _ => args.take(rng.edge() as usize).map(|bytes| assert!(bytes.len() <= before)),
            };
            assert!(args.clone().rest().len() <= before);
            if read.is_err() && rng.one_in(2) {
                break;
            }
        }
    }
}

/// What comes out of a stream that comes in pieces; and whether there was an error.
fn frames(incoming: &mut Incoming, stream: &[u8], rng: &mut Rng) -> (Vec<Vec<u8>>, bool) {
    let mut all = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(1 + rng.below(rest.len().min(700)));
        rest = more;
        if incoming.push(piece).is_err() {
            return (all, true);
        }
        loop {
            match incoming.frame() {
                Ok(Some(frame)) => {
                    assert!(frame.len() <= MOST, "a frame of {} bytes", frame.len());
                    all.push(frame.to_vec());
                }
                Ok(None) => break,
                Err(_) => return (all, true),
            }
        }
        assert!(incoming.held() <= stream.len(), "more is held than came");
        if rng.one_in(2) {
            incoming.tidy();
        }
    }
    (all, false)
}

fn framed(contents: &[Vec<u8>]) -> Vec<u8> {
    contents.iter().flat_map(|c| [&(c.len() as u32).to_le_bytes()[..], c].concat()).collect()
}

/// Two sides that have shaken hands.
fn shaken(key: &Key, rng: &mut Rng) -> (Sealer, Opener) {
    let mode = if rng.one_in(2) { Mode::ChaCha } else { Mode::Aes };
    let (mut a, mut b) = (Handshake::new(key, true, mode).unwrap(), Handshake::new(key, false, mode).unwrap());
    let first = a.write(&[]).unwrap();
    assert!(first.len() <= channel::HANDSHAKE);
    // A message that is not quite the other side's is nobody's.
    let mut spoiled = first.clone();
    rng.spoil(&mut spoiled);
    if spoiled != first {
        assert!(Handshake::new(key, false, mode).unwrap().read(&spoiled).is_err());
    }
    let _ = Handshake::new(key, false, mode).unwrap().read(&rng.bytes(channel::HANDSHAKE + 40)).unwrap_err();
    b.read(&first).unwrap();
    let second = b.write(&[]).unwrap();
    a.read(&second).unwrap();
    (a.finish().unwrap().0, b.finish().unwrap().1)
}

#[test]
fn nothing_from_the_wire_is_trusted() {
    let rounds = std::env::var("MPROC_FUZZ_ROUNDS").ok().map_or(ROUNDS, |n| n.parse().expect("a number of rounds"));
    let mut rng = Rng(0x006d_7072_6f63);
    let key = Key([0x5a; 32]);
    let mut undone = 0;
    for round in 0..rounds {
        let contents: Vec<Vec<u8>> = (0..1 + rng.below(3)).map(|_| rng.content()).collect();
        let stream = framed(&contents);

        // In the clear: as it was sent, and changed.
        let (all, failed) = frames(&mut Incoming::new(Opener::default(), MOST), &stream, &mut rng);
        assert!(!failed && all == contents, "round {round}");
        let mut spoiled = stream.clone();
        rng.spoil(&mut spoiled);
        let (all, _) = frames(&mut Incoming::new(Opener::default(), MOST), &spoiled, &mut rng);
        for content in &all {
            take_apart(content, &mut rng);
        }
        let mut content = contents[0].clone();
        rng.spoil(&mut content);
        take_apart(&content, &mut rng);
        let garbage = rng.bytes(200);
        take_apart(&garbage, &mut rng);

        // What both sides say first.
        let mut preamble = channel::preamble(rng.next() as u8).to_vec();
        if rng.one_in(2) {
            rng.spoil(&mut preamble);
        }
        if let Ok(preamble) = <&[u8; PREAMBLE]>::try_from(preamble.as_slice()) {
            match channel::mode(preamble) {
                Some(mode) => assert_eq!(preamble, &channel::preamble(mode as u8)),
                None => assert!((0..=2).all(|mode| *preamble != channel::preamble(mode))),
            }
            for mode in [Mode::Plain, Mode::ChaCha, Mode::Aes] {
                let accepted = channel::answer(preamble, mode).is_ok();
                assert!(!accepted || (preamble.starts_with(b"MPROC1") && preamble[6] == mode as u8));
            }
        }

        // Sealed: as it was sent, and changed. What comes out is what went in, or the beginning of it.
        if round % HANDSHAKES == 0 {
            let (mut sealer, opener) = shaken(&key, &mut rng);
            let mut sealed = Vec::new();
            for content in &contents {
                sealer.seal(&framed(std::slice::from_ref(content)), &mut sealed).unwrap();
            }
            let (all, failed) = frames(&mut Incoming::new(opener, MOST), &sealed, &mut rng);
            assert!(!failed && all == contents, "round {round}");
            let (mut sealer, opener) = shaken(&key, &mut rng);
            let mut spoiled = Vec::new();
            for content in &contents {
                sealer.seal(&framed(std::slice::from_ref(content)), &mut spoiled).unwrap();
            }
            rng.spoil(&mut spoiled);
            let (all, failed) = frames(&mut Incoming::new(opener, MOST), &spoiled, &mut rng);
            assert!(contents.starts_with(&all), "round {round}: something else than was sealed has come out");
            undone += u64::from(failed);
        }
    }
    assert!(undone > rounds / HANDSHAKES / 4, "changed records are mostly found out, and not waited for: {undone}");
}
