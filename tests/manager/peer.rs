//! A client that does what it likes: it speaks the protocol by itself, and only as well as it wants to.

use crate::server::Process;
use crate::SOON;
use mproc::manager::Address;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(crate) const PLAIN: [u8; 8] = *b"MPROC1\0\0";
pub(crate) const NOISE: [u8; 8] = *b"MPROC1\x01\0";
const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"mproc manager 1";

/// Operations of the manager itself.
pub(crate) mod op {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const CREATE: u8 = 2;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const RELEASE: u8 = 8;
    pub(crate) const PING: u8 = 10;
    pub(crate) const ATTACH: u8 = 12;
}

pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(crate) fn tcp(server: &Process) -> Stream {
        let stream = TcpStream::connect(("127.0.0.1", server.tcp.unwrap())).unwrap();
        stream.set_nodelay(true).unwrap();
        Stream::timed(Stream::Tcp(stream))
    }

    pub(crate) fn unix(server: &Process) -> Stream {
        let Address::Unix { path, .. } = &server.unix else { panic!("no path") };
        Stream::timed(Stream::Unix(UnixStream::connect(path).unwrap()))
    }

    /// Nothing waits for ever.
    fn timed(self) -> Stream {
        match &self {
            Stream::Tcp(s) => s.set_read_timeout(Some(SOON)).and_then(|()| s.set_write_timeout(Some(SOON))),
            Stream::Unix(s) => s.set_read_timeout(Some(SOON)).and_then(|()| s.set_write_timeout(Some(SOON))),
        }
        .unwrap();
        self
    }

    pub(crate) fn patience(&self, time: Duration) {
        match self {
            Stream::Tcp(s) => s.set_read_timeout(Some(time)).and_then(|()| s.set_write_timeout(Some(time))),
            Stream::Unix(s) => s.set_read_timeout(Some(time)).and_then(|()| s.set_write_timeout(Some(time))),
        }
        .unwrap();
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.write_all(bytes),
            Stream::Unix(s) => s.write_all(bytes),
        }
    }

    pub(crate) fn receive(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(to),
            Stream::Unix(s) => s.read(to),
        }
    }

    pub(crate) fn receive_all(&mut self, to: &mut [u8]) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.read_exact(to),
            Stream::Unix(s) => s.read_exact(to),
        }
    }

    pub(crate) fn half_close(&self) {
        let _ = match self {
            Stream::Tcp(s) => s.shutdown(Shutdown::Write),
            Stream::Unix(s) => s.shutdown(Shutdown::Write),
        };
    }

    /// What still comes until the other side hangs up. It has to: this is the server's answer to an attack.
    pub(crate) fn until_hung_up(&mut self, why: &str) -> Vec<u8> {
        let mut all = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match self.receive(&mut piece) {
                Ok(0) => return all,
                Ok(n) => all.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return all,
                Err(e) => panic!("the server does not hang up on {why}: {e}"),
            }
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) status: i32,
    pub(crate) body: Vec<u8>,
}

/// A connection.
pub(crate) struct Peer {
    pub(crate) stream: Stream,
    noise: Option<snow::TransportState>,
    came: Vec<u8>,
    answers: std::collections::VecDeque<Answer>,
    pub(crate) next: u64,
    /// How many answers it has had, besides the greeting's; and whether it says so.
    had: u64,
    pub(crate) acknowledges: bool,
    /// Every byte that was sent, for those who send it once more.
    pub(crate) sent: Vec<u8>,
}

/// The first message of a handshake with a key.
pub(crate) fn initiator(key: &[u8; 32]) -> snow::HandshakeState {
    let builder = snow::Builder::new(PATTERN.parse().unwrap()).prologue(PROLOGUE).unwrap();
    builder.psk(0, key).unwrap().build_initiator().unwrap()
}

pub(crate) fn with_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_le_bytes()[..], message].concat()
}

impl Peer {
    fn new(stream: Stream, noise: Option<snow::TransportState>, sent: Vec<u8>) -> Peer {
        let (came, answers) = (Vec::new(), Default::default());
        Peer { stream, noise, came, answers, next: 2, had: 0, acknowledges: true, sent }
    }

    /// Authenticated by the key, but it has not said who it is.
    pub(crate) fn authenticated(server: &Process) -> Peer {
        Peer::shake(Stream::tcp(server), &server.key.0).expect("the right key is let in")
    }

    /// Without a key, at a unix socket.
    pub(crate) fn plain(server: &Process) -> Peer {
        let mut stream = Stream::unix(server);
        stream.send(&PLAIN).unwrap();
        let mut answer = [0; 8];
        stream.receive_all(&mut answer).unwrap();
        assert_eq!(answer, PLAIN);
        Peer::new(stream, None, PLAIN.to_vec())
    }

    pub(crate) fn shake(mut stream: Stream, key: &[u8; 32]) -> io::Result<Peer> {
        let mut handshake = initiator(key);
        let mut message = [0; 256];
        let len = handshake.write_message(&[], &mut message).unwrap();
        let first = [&NOISE[..], &with_length(&message[..len])].concat();
        stream.send(&first)?;
        let (mut answer, mut len) = ([0; 8], [0; 2]);
        stream.receive_all(&mut answer)?;
        if answer != NOISE {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.receive_all(&mut len)?;
        let mut theirs = vec![0; usize::from(u16::from_le_bytes(len))];
        stream.receive_all(&mut theirs)?;
        handshake.read_message(&theirs, &mut message).map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
        Ok(Peer::new(stream, Some(handshake.into_transport_mode().unwrap()), first))
    }

    /// A whole client: it has said who it is.
    pub(crate) fn insider(server: &Process) -> Peer {
        let mut peer = match server.tcp {
            Some(_) => Peer::authenticated(server),
            None => Peer::plain(server),
        };
        peer.hello(random_id());
        peer
    }

    pub(crate) fn hello(&mut self, id: [u8; 16]) {
        let answer = self.greet(id).expect("the server greets");
        assert_eq!((answer.id, answer.status), (1, 0));
    }

    /// Says who it is, and hears what the server says to that; `None`: it hangs up.
    pub(crate) fn greet(&mut self, id: [u8; 16]) -> Option<Answer> {
        let sent = self.frame(&[&request(1, 0, op::HELLO, 0, &hello(id))]);
        let answer = sent.ok().and_then(|()| self.answer());
        self.had = 0;
        answer
    }

    /// Bytes of the stream of frames, sealed if there is a key.
    pub(crate) fn seal(&mut self, stream: &[u8]) -> Vec<u8> {
        let Some(noise) = &mut self.noise else { return stream.to_vec() };
        let mut out = Vec::new();
        for piece in stream.chunks(65_519) {
            let mut record = vec![0; piece.len() + 16];
            let len = noise.write_message(piece, &mut record).unwrap();
            out.extend_from_slice(&with_length(&record[..len]));
        }
        out
    }

    /// Sends bytes as they stand, sealed.
    pub(crate) fn raw(&mut self, stream: &[u8]) -> io::Result<()> {
        let sealed = self.seal(stream);
        self.sent.extend_from_slice(&sealed);
        self.stream.send(&sealed)
    }

    /// A frame as it would be sent now.
    pub(crate) fn whole(&self, requests: &[&[u8]]) -> Vec<u8> {
        frame(if self.acknowledges { self.had } else { 0 }, requests)
    }

    /// Sends a frame.
    pub(crate) fn frame(&mut self, requests: &[&[u8]]) -> io::Result<()> {
        let frame = self.whole(requests);
        self.raw(&frame)
    }

    /// Sends one request, and gives its number.
    pub(crate) fn ask(&mut self, object: u64, op: u8, timeout: i64, args: &[u8]) -> io::Result<u64> {
        let id = self.next;
        self.next += 1;
        self.frame(&[&request(id, object, op, timeout, args)])?;
        Ok(id)
    }

    /// The next answer; `None`: the server has hung up.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                self.had += 1;
                return Some(answer);
            }
            let frame = self.next_frame()?;
            let mut rest = &frame[..];
            while !rest.is_empty() {
                let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
                let (one, more) = rest[4..].split_at(len);
                rest = more;
                let (id, status) = (one[..8].try_into().unwrap(), one[8..12].try_into().unwrap());
                let (id, status) = (u64::from_le_bytes(id), i32::from_le_bytes(status));
                self.answers.push_back(Answer { id, status, body: one[12..].to_vec() });
            }
        }
    }

    /// The answer to one request; others are passed over.
    pub(crate) fn answer_to(&mut self, id: u64) -> Option<Answer> {
        loop {
            let answer = self.answer()?;
            if answer.id == id {
                return Some(answer);
            }
        }
    }

    /// A request and its answer.
    pub(crate) fn call(&mut self, object: u64, op: u8, timeout: i64, args: &[u8]) -> Option<Answer> {
        let id = self.ask(object, op, timeout, args).ok()?;
        self.answer_to(id)
    }

    fn next_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((head, rest)) = self.came.split_first_chunk::<4>() {
                let len = u32::from_le_bytes(*head) as usize;
                if rest.len() >= len {
                    let frame = rest[..len].to_vec();
                    self.came.drain(..4 + len);
                    return Some(frame);
                }
            }
            self.more()?;
        }
    }

    /// One record, or what there is.
    fn more(&mut self) -> Option<()> {
        let hung_up = |e: &io::Error| {
            use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
            matches!(e.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
        };
        let mut read = |to: &mut [u8]| match self.stream.receive_all(to) {
            Ok(()) => Some(()),
            Err(e) if hung_up(&e) => None,
            Err(e) => panic!("the server neither answers nor hangs up: {e}"),
        };
        let Some(noise) = &mut self.noise else {
            let mut one = [0];
            read(&mut one)?;
            self.came.push(one[0]);
            return Some(());
        };
        let mut len = [0; 2];
        read(&mut len)?;
        let mut record = vec![0; usize::from(u16::from_le_bytes(len))];
        read(&mut record)?;
        let mut content = vec![0; record.len()];
        let len = noise.read_message(&record, &mut content).expect("the server's record");
        self.came.extend_from_slice(&content[..len]);
        Some(())
    }

    /// That it is still a connection on which requests are answered.
    pub(crate) fn still_served(&mut self) {
        let answer = self.call(0, op::PING, 0, &[]).expect("the connection goes on");
        assert_eq!(answer.status, 0);
    }

    /// The number of an object.
    pub(crate) fn open(&mut self, kind: u8, name: &str) -> u64 {
        let answer = self.call(0, op::OPEN, 0, &[&[kind][..], &bytes(name.as_bytes())].concat()).expect("an answer");
        assert_eq!(answer.status, 0, "{name} can be opened");
        u64::from_le_bytes(answer.body[..8].try_into().unwrap())
    }
}

pub(crate) fn random_id() -> [u8; 16] {
    mproc::manager::Key::generate().unwrap().0[..16].try_into().unwrap()
}

/// A length, and bytes.
pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_le_bytes()[..], content].concat()
}

/// The arguments of a greeting.
pub(crate) fn hello(id: [u8; 16]) -> Vec<u8> {
    [&bytes(&id)[..], &bytes(&[0; 16]), &[0]].concat()
}

/// A plain datum, as it goes over the wire.
pub(crate) fn datum(msgpack: &[u8]) -> Vec<u8> {
    [&[0][..], &bytes(msgpack)].concat()
}

pub(crate) fn request(id: u64, object: u64, op: u8, timeout: i64, args: &[u8]) -> Vec<u8> {
    let head = [&id.to_le_bytes()[..], &object.to_le_bytes(), &[op], &timeout.to_le_bytes(), args].concat();
    bytes(&head)
}

/// A frame: how many answers came so far, and requests.
pub(crate) fn frame(had: u64, requests: &[&[u8]]) -> Vec<u8> {
    let content = [&had.to_le_bytes()[..], &requests.concat()].concat();
    bytes(&content)
}

/// A small random generator (splitmix64): the same attack again with the same seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 .. n - 1
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
