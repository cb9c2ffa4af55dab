//! The server's own thread: accepts, shakes hands, runs what waits for nobody.

use super::conn::{Wire, HIGH};
use super::listen::Listeners;
use super::requests::Answers;
use super::session::{is_much, Session};
use super::{guard, ServerEvent, Shared};
use crate::manager::channel::{self, Handshake, Incoming, Mode, Opener, Refusal, PREAMBLE};
use crate::manager::protocol::{self, op};
use crate::manager::wire::Reader;
use crate::sync::be_brief;
use crate::sys::epoll::{self, Event};
use crate::sys::fork::Own;
use crate::sys::{clock, net, process, socket};
use crate::{Error, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// The tokens of what is no connection.
const WAKER: u64 = u64::MAX;
const LISTENERS: u64 = u64::MAX - 64;
/// How long an internal lock may be held by a living process (a client that is stopped) until the request is left to a
/// thread of its own.
const BRIEF_NS: u64 = 1_000_000;
/// Between two looks at the clock.
const TICK_MS: i32 = 100;
/// A client that takes nothing of what it asked for, or sends half a frame and no more, is gone after so long.
const STUCK_NS: u64 = 30_000_000_000;
/// How long a client that has left is remembered: longer than any tries to come back.
const LONGEST_AWAY_NS: u64 = 60_000_000_000;
/// Bytes that are read at a time, and how often in a row from one connection.
const SCRATCH: usize = 64 << 10;
const READS: usize = 8;
/// The longest frame before a client has said who it is.
const FIRST: usize = 64 << 10;
/// Half frames of all clients together.
const MOST_HELD: usize = 256 << 20;

/// A connection.
pub(super) struct Conn {
    pub(super) wire: Arc<Wire>,
    /// Where it comes from, for people.
    pub(super) from: String,
    /// When the connection was made; later, when something last came.
    pub(super) since: u64,
    pub(super) phase: Phase,
    /// What is left of a frame whose answers the client has to take first.
    pub(super) rest: Vec<u8>,
    /// Bytes of half frames, as counted.
    pub(super) held: usize,
}

pub(super) enum Phase {
    /// The preamble and, encrypted, the handshake's message.
    Preamble(Vec<u8>),
    /// It is to say who it is.
    Greeting(Incoming),
    /// Its earlier session has not ended yet.
    Returning(Incoming, Hello),
    Open(Incoming, Arc<Session>),
}

/// What a client says first.
pub(super) struct Hello {
    pub(super) id: u64,
    pub(super) client: [u8; 16],
    pub(super) wants_memory: bool,
    pub(super) family: [u8; 16],
}

pub(super) struct Serve {
    pub(super) shared: Arc<Shared>,
    pub(super) listeners: Listeners,
    pub(super) conns: HashMap<u64, Conn>,
    /// Those that are not authenticated, oldest first. Some have become so, or are gone.
    pub(super) young: VecDeque<u64>,
    /// Those whose earlier session has not ended.
    pub(super) returning: Vec<u64>,
    pub(super) last: u64,
    pub(super) scratch: Vec<u8>,
    pub(super) held: usize,
    /// Accepting is paused until then: there are no descriptors left.
    pub(super) paused: u64,
    pub(super) answers: Answers,
    /// Objects that were busy, and until when that is taken for granted.
    pub(super) busy: HashMap<u64, u64>,
}

impl Serve {
    pub(super) fn new(shared: Arc<Shared>, listeners: Listeners) -> Result<Serve> {
        shared.epoll.add(shared.waker.fd(), WAKER)?;
        for (n, listener) in listeners.all.iter().enumerate().take(64) {
            shared.epoll.add(listener.socket.fd(), LISTENERS + n as u64)?;
        }
        Ok(Serve {
            shared,
            listeners,
            conns: HashMap::new(),
            young: VecDeque::new(),
            returning: Vec::new(),
            last: 0,
            scratch: vec![0; SCRATCH],
            held: 0,
            paused: 0,
            answers: Answers::default(),
            busy: HashMap::new(),
        })
    }

    pub(super) fn run(&mut self) {
        be_brief(BRIEF_NS);
        let mut events = [Event::default(); epoll::MOST];
        let mut looked = clock::now_ns();
        while !self.shared.stop.load(Ordering::Acquire) {
            // Nobody to look after: nothing to look at.
            let idle = self.conns.is_empty() && self.paused == 0 && guard(&self.shared.clients).is_empty();
            let Ok(n) = self.shared.epoll.wait(&mut events, if idle { -1 } else { TICK_MS }) else { break };
            for event in &events[..n] {
                match event.token {
                    WAKER => self.shared.waker.clear(),
                    token if token >= LISTENERS => self.accept((token - LISTENERS) as usize),
                    token => self.ready(token, event),
                }
            }
            if !self.returning.is_empty() {
                self.look_at_returning();
            }
            let now = clock::now_ns();
            if now.saturating_sub(looked) >= TICK_MS as u64 * 1_000_000 {
                looked = now;
                self.tick(now);
            }
        }
        let all: Vec<u64> = self.conns.keys().copied().collect();
        for token in all {
            self.end(token, "the manager ends");
        }
    }

    // --- connections ---------------------------------------------------------------------------------------------

    fn accept(&mut self, n: usize) {
        let Some(listener) = self.listeners.all.get(n) else { return };
        let (fd, unix, private) = (listener.socket.fd(), listener.unix, listener.private);
        for _ in 0..64 {
            let socket = match net::accept(fd) {
                Ok(Some(socket)) => socket,
                Ok(None) => return,
                Err(_) => {
                    // No descriptors: the oldest stranger's, or a pause. It would be reported again at once.
                    if !self.drop_oldest() {
                        self.paused = clock::now_ns() + 100_000_000;
                        for listener in &self.listeners.all {
                            let _ = self.shared.epoll.remove(listener.socket.fd());
                        }
                    }
                    return;
                }
            };
            self.last += 1;
            let token = self.last;
            let (from, refusal) = match self.check(&socket, unix) {
                Ok(from) => (if private { "this process".to_owned() } else { from }, None),
                Err((from, refusal)) => (from, Some(refusal)),
            };
            let wire = Arc::new(Wire::new(socket, token));
            if let Some((refusal, why)) = refusal {
                self.refuse(&wire, &from, refusal, why);
                continue;
            }
            if self.shared.epoll.add(wire.socket.fd(), token).is_err() {
                continue; // no memory in the kernel: this one is dropped
            }
            while self.young.len() >= self.shared.options.max_unauthenticated.max(1) {
                if !self.drop_oldest() {
                    break;
                }
            }
            self.young.push_back(token);
            self.shared.unauthenticated.store(self.young.len(), Ordering::Relaxed);
            let (since, phase) = (clock::now_ns(), Phase::Preamble(Vec::new()));
            self.conns.insert(token, Conn { wire, from, since, phase, rest: Vec::new(), held: 0 });
        }
    }

    /// Where a connection comes from, or why it is refused.
    #[allow(clippy::type_complexity)]
    fn check(&self, socket: &Own, unix: bool) -> std::result::Result<String, (String, (Refusal, &'static str))> {
        if !unix {
            let kept = net::keep_alive(socket.fd(), self.shared.options.keepalive);
            let from = net::remote_address(socket.fd()).unwrap_or_else(|| "a connection that has gone".to_owned());
            return match kept {
                Ok(()) => Ok(format!("tcp {from}")),
                Err(_) => Err((from, (Refusal::Version, "its connection cannot be looked after"))),
            };
        }
        match net::peer(socket.fd()) {
            Ok((uid, pid)) if uid == process::euid() || uid == 0 || self.shared.options.any_user => {
                Ok(format!("uid {uid} pid {pid}"))
            }
            Ok((uid, pid)) => Err((format!("uid {uid} pid {pid}"), (Refusal::WrongUser, "another user"))),
            Err(_) => Err(("somebody unknown".into(), (Refusal::WrongUser, "nobody knows who it is"))),
        }
    }

    /// Says why not, if the other side is still there, and ends it.
    pub(super) fn refuse(&self, wire: &Wire, from: &str, refusal: Refusal, why: &'static str) {
        wire.send_raw(&self.shared, &channel::preamble(refusal as u8));
        // What it has sent already would make the kernel throw our answer away with the connection (RFC 1122, 4.2.2.13).
        let mut unread = [0; 512];
        let _ = socket::recv(wire.socket.fd(), &mut unread);
        wire.end(&self.shared);
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        self.shared.observe(|| ServerEvent::Refused(from.to_owned(), why));
    }

    /// Drops the oldest connection that is not authenticated.
    fn drop_oldest(&mut self) -> bool {
        while let Some(token) = self.young.pop_front() {
            let young = |c: &Conn| matches!(c.phase, Phase::Preamble(_) | Phase::Greeting(_));
            if self.conns.get(&token).is_some_and(young) {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                self.end(token, "too many that are not authenticated");
                return true;
            }
        }
        false
    }

    pub(super) fn end(&mut self, token: u64, why: &'static str) {
        let Some(conn) = self.conns.remove(&token) else { return };
        self.held -= conn.held;
        let _ = self.shared.epoll.remove(conn.wire.socket.fd());
        conn.wire.end(&self.shared);
        if let Phase::Open(_, session) = conn.phase {
            session.end(&self.shared);
            guard(&session.client.past).left = clock::now_ns();
            self.shared.connected.fetch_sub(1, Ordering::Relaxed);
            self.shared.observe(|| ServerEvent::Gone(token, why.to_owned()));
        } else {
            self.young.retain(|&young| young != token);
            self.shared.unauthenticated.store(self.young.len(), Ordering::Relaxed);
            self.shared.observe(|| ServerEvent::Refused(conn.from, why));
        }
    }

    /// What only the clock tells.
    fn tick(&mut self, now: u64) {
        self.busy.clear();
        let late = self.shared.options.handshake.as_nanos() as u64;
        let over = |c: &Conn| {
            let age = now.saturating_sub(c.since);
            match &c.phase {
                Phase::Preamble(_) | Phase::Greeting(_) | Phase::Returning(..) if age >= late => {
                    Some("it did not authenticate itself in time")
                }
                Phase::Open(incoming, _)
                    if !incoming.is_empty() && c.wire.stuck_since().is_none() && age >= STUCK_NS =>
                {
                    Some("it sent half a message and no more")
                }
                Phase::Open(..) => {
                    let stuck = c.wire.stuck_since().is_some_and(|since| now.saturating_sub(since) >= STUCK_NS);
                    stuck.then_some("it does not take its answers")
                }
                _ => None,
            }
        };
        let over: Vec<_> = self.conns.iter().filter_map(|(&token, c)| Some((token, over(c)?))).collect();
        for (token, why) in over {
            if !matches!(self.conns.get(&token).map(|c| &c.phase), Some(Phase::Open(..))) {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
            }
            self.end(token, why);
        }
        // Those that have left are remembered for a while, and not for long when there is much to remember.
        let remembered = match is_much(self.shared.kept.load(Ordering::Relaxed)) {
            true => LONGEST_AWAY_NS / 10,
            false => LONGEST_AWAY_NS,
        };
        let mut clients = guard(&self.shared.clients);
        clients.retain(|_, client| {
            if !client.is_free() {
                return true;
            }
            let past = guard(&client.past);
            !past.running.is_empty() || (!past.is_empty() && now.saturating_sub(past.left) < remembered)
        });
        drop(clients);
        if self.paused != 0 && now >= self.paused {
            self.paused = 0;
            for (n, listener) in self.listeners.all.iter().enumerate().take(64) {
                let _ = self.shared.epoll.add(listener.socket.fd(), LISTENERS + n as u64);
            }
        }
    }

    // --- what comes in -------------------------------------------------------------------------------------------

    fn ready(&mut self, token: u64, event: &Event) {
        let Some(conn) = self.conns.get(&token) else { return };
        if event.writable {
            conn.wire.writable(&self.shared);
        }
        let mut conn = match self.conns.remove(&token) {
            Some(conn) => conn,
            None => return,
        };
        let result = self.take_in(&mut conn, event.readable);
        self.count_held(&mut conn);
        self.conns.insert(token, conn);
        match result {
            Ok(None) => {}
            Ok(Some(why)) => self.end(token, why),
            Err(error) => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                self.end(
                    token,
                    match error {
                        Error::Refused(why) | Error::Protocol(why) | Error::Quota(why) => why,
                        _ => "its connection failed",
                    },
                );
            }
        }
    }

    fn count_held(&mut self, conn: &mut Conn) {
        let held = conn.rest.len()
            + match &conn.phase {
                Phase::Preamble(bytes) => bytes.len(),
                Phase::Greeting(incoming) | Phase::Returning(incoming, _) | Phase::Open(incoming, _) => incoming.held(),
            };
        self.held = self.held + held - conn.held;
        conn.held = held;
    }

    /// Reads and does what is asked for; why the connection is to end.
    fn take_in(&mut self, conn: &mut Conn, readable: bool) -> Result<Option<&'static str>> {
        // First what was left when the client had too much to take.
        self.go_on(conn)?;
        if !readable {
            return Ok(None);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut result = Ok(None);
        for _ in 0..READS {
            if conn.wire.backlog() > HIGH || !conn.rest.is_empty() {
                break;
            }
            match socket::recv(conn.wire.socket.fd(), &mut scratch) {
                Ok(None) => break,
                Ok(Some((0, _))) => {
                    result = Ok(Some("it closed the connection"));
                    break;
                }
                Ok(Some((n, _))) => {
                    // Descriptors that came along are closed: nobody wants any.
                    if let Err(error) = self.push(conn, &scratch[..n]) {
                        result = Err(error);
                        break;
                    }
                    if n < scratch.len() {
                        break;
                    }
                }
                Err(_) => {
                    result = Ok(Some("its connection failed"));
                    break;
                }
            }
        }
        self.scratch = scratch;
        result
    }

    fn push(&mut self, conn: &mut Conn, bytes: &[u8]) -> Result<()> {
        if matches!(conn.phase, Phase::Open(..)) {
            conn.since = clock::coarse_ns();
        }
        match &mut conn.phase {
            Phase::Preamble(held) => {
                held.extend_from_slice(bytes);
                return self.preamble(conn);
            }
            Phase::Greeting(incoming) | Phase::Open(incoming, _) => incoming.push(bytes)?,
            Phase::Returning(..) => return Err(Error::Protocol("it does not wait for its greeting's answer")),
        }
        self.count_held(conn);
        if self.held > MOST_HELD && conn.held > FIRST {
            return Err(Error::Quota("half messages of all clients together"));
        }
        self.go_on(conn)
    }

    fn preamble(&mut self, conn: &mut Conn) -> Result<()> {
        let Phase::Preamble(held) = &mut conn.phase else { return Ok(()) };
        let Some((first, rest)) = held.split_first_chunk::<PREAMBLE>() else { return Ok(()) };
        let Some(mode) = channel::mode(first) else {
            self.refuse(&conn.wire, &conn.from, Refusal::Version, "it speaks something else");
            return Ok(());
        };
        let opener = match (&self.shared.key, mode) {
            (None, Mode::Plain) => {
                conn.wire.send_raw(&self.shared, first);
                Opener::default()
            }
            (Some(key), Mode::ChaCha | Mode::Aes) => {
                let Some((len, message)) = rest.split_first_chunk::<2>() else { return Ok(()) };
                let len = usize::from(u16::from_le_bytes(*len));
                if len > channel::HANDSHAKE || message.len() > len {
                    return Err(Error::Protocol("a handshake is longer than it may be"));
                }
                if message.len() < len {
                    return Ok(());
                }
                let mut handshake = Handshake::new(key, false, mode)?;
                if handshake.read(message).is_err() {
                    self.refuse(&conn.wire, &conn.from, Refusal::WrongKey, "another key");
                    return Ok(());
                }
                let answer = handshake.write(&[])?;
                let (sealer, opener) = handshake.finish()?;
                let mut bytes = first.to_vec();
                bytes.extend_from_slice(&(answer.len() as u16).to_le_bytes());
                bytes.extend_from_slice(&answer);
                conn.wire.send_raw(&self.shared, &bytes);
                conn.wire.secure(sealer);
                conn.phase = Phase::Greeting(Incoming::new(opener, FIRST));
                return Ok(());
            }
            (Some(_), Mode::Plain) => {
                self.refuse(&conn.wire, &conn.from, Refusal::KeyWanted, "no key");
                return Ok(());
            }
            (None, Mode::ChaCha | Mode::Aes) => {
                self.refuse(&conn.wire, &conn.from, Refusal::NoKey, "a key where there is none");
                return Ok(());
            }
        };
        let mut incoming = Incoming::new(opener, FIRST);
        incoming.push(rest)?;
        conn.phase = Phase::Greeting(incoming);
        self.go_on(conn)
    }

    /// Takes whole frames and does what they ask for, until the client has too much to take.
    fn go_on(&mut self, conn: &mut Conn) -> Result<()> {
        if let Phase::Greeting(incoming) = &mut conn.phase {
            let Some(frame) = incoming.frame()? else { return Ok(()) };
            let mut frame = Reader::new(frame);
            frame.u64()?;
            let request = protocol::next_request(&mut frame)?.ok_or(Error::Protocol("an empty greeting"))?;
            if request.object != 0 || request.op != op::HELLO || !frame.is_empty() {
                return Err(Error::Protocol("it does not say who it is"));
            }
            let mut args = request.args;
            let (client, _expected) = (protocol::id(&mut args)?, protocol::id(&mut args)?);
            let wants_memory = args.bool()?;
            let family = if args.is_empty() { client } else { protocol::id(&mut args)? };
            let hello = Hello { id: request.id, client, wants_memory, family };
            return self.greet(conn, hello);
        }
        if !matches!(conn.phase, Phase::Open(..)) {
            return Ok(());
        }
        loop {
            let Phase::Open(incoming, session) = &mut conn.phase else { return Ok(()) };
            let session = session.clone();
            if conn.wire.backlog() > HIGH {
                conn.wire.set_reading(&self.shared, false);
                return Ok(());
            }
            if !conn.rest.is_empty() {
                let rest = std::mem::take(&mut conn.rest);
                let done = self.frame(&session, &rest)?;
                conn.rest = rest[done..].to_vec();
                continue;
            }
            let Some(frame) = incoming.frame()? else { break };
            let mut reader = Reader::new(frame);
            let answered = reader.u64()?;
            guard(&session.client.past).has_had(answered)?;
            let body = reader.rest();
            let done = self.frame(&session, body)?;
            if done < body.len() {
                conn.rest = body[done..].to_vec();
            }
        }
        if let Phase::Open(incoming, _) = &mut conn.phase {
            incoming.tidy();
        }
        conn.wire.set_reading(&self.shared, true);
        Ok(())
    }
}
