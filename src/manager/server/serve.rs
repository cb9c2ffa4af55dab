//! The server's own thread: accepts, shakes hands, runs what waits for nobody.

use super::conn::{Wire, HIGH};
use super::listen::Listeners;
use super::objects::Entry;
use super::session::{Client, Past, Session};
use super::{guard, ServerEvent, Shared};
use crate::manager::channel::{self, Handshake, Incoming, Mode, Opener, Refusal, PREAMBLE};
use crate::manager::client::DESCRIPTORS;
use crate::manager::protocol::{self, op, Request};
use crate::manager::served::{self, Class, Making, Reply, Served};
use crate::manager::wire::{self, Reader, Writer};
use crate::objects::Builder;
use crate::shm::header::Kind;
use crate::shm::{domain, Handle};
use crate::sync::{be_brief, Cancel, Limits, Timeout};
use crate::sys::epoll::{self, Event};
use crate::sys::fork::Own;
use crate::sys::{clock, net, process, socket};
use crate::{Error, Result};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

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
const REMEMBERED_NS: u64 = 60_000_000_000;
/// So many of them, and so many bytes of answers of each.
const MOST_REMEMBERED: usize = 4096;
const MOST_ANSWERS: usize = 32 << 20;
/// Bytes that are read at a time, and how often in a row from one connection.
const SCRATCH: usize = 64 << 10;
const READS: usize = 8;
/// The longest frame before a client has said who it is.
const FIRST: usize = 64 << 10;
/// Half frames of all clients together.
const MOST_HELD: usize = 256 << 20;
/// What an answer has besides its body, generously.
const ROOM: usize = 64;
/// MPROC_EXISTED.
const EXISTED: i32 = 2;

/// A connection.
struct Conn {
    wire: Arc<Wire>,
    /// Where it comes from, for people.
    from: String,
    /// When the connection was made; later, when something last came.
    since: u64,
    phase: Phase,
    /// What is left of a frame whose answers the client has to take first.
    rest: Vec<u8>,
    /// Bytes of half frames, as counted.
    held: usize,
}

enum Phase {
    /// The preamble and, encrypted, the handshake's message.
    Preamble(Vec<u8>),
    /// It is to say who it is.
    Greeting(Incoming),
    /// Its earlier session has not ended yet.
    Returning(Incoming, Hello),
    Open(Incoming, Arc<Session>),
}

/// What a client says first.
struct Hello {
    id: u64,
    client: [u8; 16],
    wants_memory: bool,
}

/// What became of a request.
enum Outcome {
    Answer(Result<(i32, Reply)>),
    /// It will be answered by somebody else.
    Later,
}

pub(super) struct Serve {
    shared: Arc<Shared>,
    listeners: Listeners,
    conns: HashMap<u64, Conn>,
    /// Those that are not authenticated, oldest first. Some have become so, or are gone.
    young: VecDeque<u64>,
    /// Those whose earlier session has not ended.
    returning: Vec<u64>,
    last: u64,
    scratch: Vec<u8>,
    held: usize,
    /// Accepting is paused until then: there are no descriptors left.
    paused: u64,
    answers: Writer,
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
            answers: Writer::default(),
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
    fn refuse(&self, wire: &Wire, from: &str, refusal: Refusal, why: &'static str) {
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

    fn end(&mut self, token: u64, why: &'static str) {
        let Some(conn) = self.conns.remove(&token) else { return };
        self.held -= conn.held;
        let _ = self.shared.epoll.remove(conn.wire.socket.fd());
        conn.wire.end(&self.shared);
        let mut authenticated = false;
        if let Phase::Open(_, session) = conn.phase {
            authenticated = true;
            session.end(&self.shared);
            {
                let mut current = guard(&session.client.session);
                if current.as_ref().is_some_and(|s| Arc::ptr_eq(s, &session)) {
                    *current = None;
                }
            }
            guard(&session.client.past).left = clock::now_ns();
            self.shared.connected.fetch_sub(1, Ordering::Relaxed);
            self.shared.observe(|| ServerEvent::Gone(token, why.to_owned()));
        } else {
            self.young.retain(|&young| young != token);
            self.shared.unauthenticated.store(self.young.len(), Ordering::Relaxed);
        }
        if !authenticated && why != "" {
            self.shared.observe(|| ServerEvent::Refused(conn.from.clone(), why));
        }
    }

    /// What only the clock tells.
    fn tick(&mut self, now: u64) {
        let late = self.shared.options.handshake.as_nanos() as u64;
        let over = |c: &Conn| {
            let age = now.saturating_sub(c.since);
            match &c.phase {
                Phase::Preamble(_) | Phase::Greeting(_) | Phase::Returning(..) if age >= late => {
                    Some("it did not authenticate itself in time")
                }
                Phase::Open(incoming, _) if !incoming.is_empty() && c.rest.is_empty() && age >= STUCK_NS => {
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
        let mut clients = guard(&self.shared.clients);
        clients.retain(|_, client| {
            if guard(&client.session).is_some() {
                return true;
            }
            let past = guard(&client.past);
            !past.running.is_empty() || (!past.is_empty() && now.saturating_sub(past.left) < REMEMBERED_NS)
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
            (Some(key), Mode::Noise) => {
                let Some((len, message)) = rest.split_first_chunk::<2>() else { return Ok(()) };
                let len = usize::from(u16::from_le_bytes(*len));
                if len > channel::HANDSHAKE || message.len() > len {
                    return Err(Error::Protocol("a handshake is longer than it may be"));
                }
                if message.len() < len {
                    return Ok(());
                }
                let mut handshake = Handshake::new(key, false)?;
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
            (None, Mode::Noise) => {
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
            let hello = Hello { id: request.id, client, wants_memory: args.bool()? };
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
                let done = self.frame(&conn.wire, &session, &rest)?;
                conn.rest = rest[done..].to_vec();
                continue;
            }
            let Some(frame) = incoming.frame()? else { break };
            let mut reader = Reader::new(frame);
            let answered = reader.u64()?;
            guard(&session.client.past).forget_below(answered);
            let body = reader.rest();
            let done = self.frame(&conn.wire, &session, body)?;
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

    // --- sessions ------------------------------------------------------------------------------------------------

    /// A client has said who it is.
    fn greet(&mut self, conn: &mut Conn, hello: Hello) -> Result<()> {
        let token = conn.wire.token;
        if self.shared.connected.load(Ordering::Relaxed) >= self.shared.options.max_clients {
            let mut answer = Writer::default();
            put_answer(&mut answer, hello.id, &Err(Error::Quota("the manager has as many clients as it takes")));
            conn.wire.send(&self.shared, &answer.0, None);
            self.shared.observe(|| ServerEvent::Limit(token, "clients"));
            return Err(Error::Quota("there are too many clients"));
        }
        let known = guard(&self.shared.clients).get(&hello.client).cloned();
        let client = match known {
            Some(client) => {
                // Its earlier connection is lost, whether we know it yet or not.
                let earlier = guard(&client.session).clone();
                if let Some(earlier) = earlier {
                    self.end(earlier.number, "it came back over another connection");
                    let waits = !guard(&earlier.jobs).is_empty();
                    if waits {
                        *guard(&client.session) = Some(earlier);
                    }
                }
                client
            }
            None => {
                let mut clients = guard(&self.shared.clients);
                if clients.len() >= MOST_REMEMBERED + self.shared.options.max_clients {
                    return Err(Error::Quota("there are too many clients"));
                }
                let client = Arc::new(Client {
                    number: clients.len() as u64,
                    past: Mutex::new(Past::default()),
                    session: Mutex::new(None),
                });
                clients.insert(hello.client, client.clone());
                client
            }
        };
        let ended = guard(&client.session).as_ref().is_none_or(|earlier| guard(&earlier.jobs).is_empty());
        let incoming = match std::mem::replace(&mut conn.phase, Phase::Preamble(Vec::new())) {
            Phase::Greeting(incoming) | Phase::Returning(incoming, _) => incoming,
            other => {
                conn.phase = other;
                return Ok(());
            }
        };
        if !ended {
            conn.phase = Phase::Returning(incoming, hello);
            self.returning.push(token);
            return Ok(());
        }
        self.welcome(conn, incoming, &hello, client)
    }

    /// It is a client from here on.
    fn welcome(&mut self, conn: &mut Conn, mut incoming: Incoming, hello: &Hello, client: Arc<Client>) -> Result<()> {
        let token = conn.wire.token;
        self.young.retain(|&young| young != token);
        self.shared.unauthenticated.store(self.young.len(), Ordering::Relaxed);
        self.shared.connected.fetch_add(1, Ordering::Relaxed);
        let gives = hello.wants_memory && !conn.from.starts_with("tcp");
        let session = Arc::new(Session::new(token, conn.wire.clone(), client.clone(), gives));
        *guard(&client.session) = Some(session.clone());
        incoming.set_most(self.shared.options.max_message);
        let mut answer = Writer::default();
        let begun = answer.begin();
        answer.u64(hello.id);
        answer.i32(0);
        answer.bytes(&self.shared.instance);
        answer.bool(gives);
        answer.u64(self.shared.options.max_message as u64);
        answer.end(begun);
        conn.wire.send(&self.shared, &answer.0, None);
        conn.phase = Phase::Open(incoming, session);
        conn.since = clock::coarse_ns();
        self.shared.observe(|| ServerEvent::Connected(token, conn.from.clone()));
        Ok(())
    }

    /// Whether earlier sessions have ended meanwhile.
    fn look_at_returning(&mut self) {
        for token in std::mem::take(&mut self.returning) {
            let Some(mut conn) = self.conns.remove(&token) else { continue };
            let phase = std::mem::replace(&mut conn.phase, Phase::Preamble(Vec::new()));
            let Phase::Returning(incoming, hello) = phase else {
                conn.phase = phase;
                self.conns.insert(token, conn);
                continue;
            };
            let client = guard(&self.shared.clients).get(&hello.client).cloned();
            let ended = |c: &Arc<Client>| guard(&c.session).as_ref().is_none_or(|s| guard(&s.jobs).is_empty());
            let result = match client {
                Some(client) if ended(&client) => self.welcome(&mut conn, incoming, &hello, client),
                Some(_) => {
                    conn.phase = Phase::Returning(incoming, hello);
                    self.returning.push(token);
                    Ok(())
                }
                None => Err(Error::Protocol("it was forgotten")),
            };
            self.conns.insert(token, conn);
            if result.is_err() {
                self.end(token, "it was forgotten");
            }
        }
    }

    // --- requests ------------------------------------------------------------------------------------------------

    /// Does what a frame asks for, and answers; how far it came before the client had too much to take.
    fn frame(&mut self, wire: &Wire, session: &Arc<Session>, body: &[u8]) -> Result<usize> {
        let mut answers = std::mem::take(&mut self.answers);
        answers.0.clear();
        let mut frame = Reader::new(body);
        let mut count = 0;
        let result = loop {
            if answers.len() > HIGH {
                wire.send(&self.shared, &answers.0, None);
                answers.0.clear();
                if wire.backlog() > HIGH {
                    break Ok(body.len() - frame.left());
                }
            }
            let request = match protocol::next_request(&mut frame) {
                Ok(Some(request)) => request,
                Ok(None) => break Ok(body.len()),
                Err(error) => break Err(error),
            };
            count += 1;
            self.request(wire, session, request, &mut answers);
        };
        if !answers.is_empty() {
            wire.send(&self.shared, &answers.0, None);
        }
        if answers.0.capacity() > 4 * HIGH {
            answers = Writer::default();
        }
        self.answers = answers;
        self.shared.requests.fetch_add(count, Ordering::Relaxed);
        result
    }

    fn request(&mut self, wire: &Wire, session: &Arc<Session>, request: Request, answers: &mut Writer) {
        let id = request.id;
        if id != 0 {
            let past = guard(&session.client.past);
            if let Some(answer) = past.find(id) {
                answers.0.extend_from_slice(answer);
                return;
            }
            if past.running.contains(&id) {
                return; // it is being done, and answered over this connection
            }
        }
        // What a number that says how its answer is to be remembered: what is bound to a session is not asked again.
        let (outcome, bound) = match request.object {
            0 if request.op == op::EXPORT => {
                // Its answer has descriptors with it: a frame of its own, after those before it.
                if !answers.is_empty() {
                    wire.send(&self.shared, &answers.0, None);
                    answers.0.clear();
                }
                let exported = self.export(session, request.args);
                let mut answer = Writer::default();
                match exported {
                    Ok(handle) => {
                        let begun = answer.begin();
                        answer.u64(id);
                        answer.i32(DESCRIPTORS);
                        answer.0.extend_from_slice(&handle.letter());
                        answer.end(begun);
                        wire.send(&self.shared, &answer.0, Some(handle));
                    }
                    Err(error) => {
                        put_answer(&mut answer, id, &Err(error));
                        wire.send(&self.shared, &answer.0, None);
                    }
                }
                return;
            }
            0 => (self.own(session, &request), protocol::class(request.op).bound),
            _ => self.object(session, &request),
        };
        let Outcome::Answer(result) = outcome else { return };
        if id == 0 {
            return;
        }
        let at = answers.len();
        self.put(session, answers, id, result);
        if !bound {
            remember(&mut guard(&session.client.past), id, &answers.0[at..]);
        }
    }

    /// Appends an answer; with the number of what was made.
    fn put(&self, session: &Session, answers: &mut Writer, id: u64, result: Result<(i32, Reply)>) {
        finish_answer(&self.shared, session, answers, id, result);
    }

    /// An operation on an object, and whether it is bound to the session.
    fn object(&mut self, session: &Arc<Session>, request: &Request) -> (Outcome, bool) {
        let found = guard(&self.shared.objects).get(request.object);
        let entry = match found {
            Ok(entry) => entry,
            Err(error) => return (Outcome::Answer(Err(error)), false),
        };
        let class = entry.object.class(request.op);
        let object = match class.bound {
            false => Ok(entry.object.clone()),
            true => session.own(&self.shared, &entry),
        };
        let object = match object {
            Ok(object) => object,
            Err(error) => return (Outcome::Answer(Err(error)), class.bound),
        };
        if !class.long {
            let mut reply = Reply::default();
            let result = object.serve(request.op, &mut request.args.clone(), Limits::none(), &mut reply);
            let patient = match &result {
                Err(Error::TimedOut) => class.waits && request.timeout != Timeout::Ns(0),
                Err(Error::Busy) => true,
                _ => false,
            };
            if !patient {
                return (Outcome::Answer(result.map(|status| (status, reply))), class.bound);
            }
        }
        let (op, args, gone) = (request.op, request.args.clone().rest().to_vec(), session.ended.clone());
        let started = start(&self.shared, session, request, class, false, move |limits| {
            let mut reply = Reply { gone: Some(gone), ..Reply::default() };
            let status = object.serve(op, &mut Reader::new(&args), limits, &mut reply)?;
            Ok((status, reply))
        });
        match started {
            Ok(()) => (Outcome::Later, class.bound),
            Err(error) => (Outcome::Answer(Err(error)), class.bound),
        }
    }

    /// An operation of the manager itself.
    fn own(&mut self, session: &Arc<Session>, request: &Request) -> Outcome {
        let mut args = request.args.clone();
        let mut reply = Reply::default();
        let result = match request.op {
            op::CREATE => self.create(session, &mut args, &mut reply),
            op::OPEN => self.open(session, &mut args, &mut reply).map(|()| 0),
            op::DELETE => self.delete(&mut args).map(|()| 0),
            op::LIST => self.list(&mut args, &mut reply).map(|()| 0),
            op::INFO => {
                self.shared.info().put(&mut reply.out);
                Ok(0)
            }
            op::NAME => args.u64().and_then(|id| guard(&self.shared.objects).name_of(id)).map(|name| {
                reply.out.str(&name);
                0
            }),
            op::PING => Ok(0),
            op::RELEASE => args.u64().map(|id| {
                session.release(&self.shared, id);
                0
            }),
            op::CANCEL => args.u64().map(|id| {
                if let Some(cancel) = guard(&session.jobs).get(&id) {
                    cancel.set();
                }
                0
            }),
            op::ATTACH => self.attach(session, &mut args).map(|()| 0),
            op::CALL => return self.call(session, request),
            op::WAIT => return self.wait(session, request),
            _ => served::no_such(),
        };
        Outcome::Answer(result.map(|status| (status, reply)))
    }

    fn create(&mut self, session: &Arc<Session>, args: &mut Reader, reply: &mut Reply) -> Result<i32> {
        let kind = Kind::parse(args.u8()?.into()).filter(|&k| k != Kind::Registry);
        let kind = kind.ok_or(Error::Protocol("no such kind of object"))?;
        let (exist_ok, name) = (args.bool()?, args.opt(|r| r.str())?);
        if let Some(name) = name {
            domain::check_name(name)?;
            let there = guard(&self.shared.objects).find(name);
            match there {
                Ok(_) if !exist_ok => return Err(Error::Exists),
                Ok(entry) => {
                    expect(&entry, kind)?;
                    entry.object.matches(args)?;
                    session.refer(&self.shared, entry.id, 1)?;
                    put_facts(&entry, &mut reply.out);
                    return Ok(EXISTED);
                }
                Err(_) => {}
            }
        }
        let (options, maker, o) = (args.clone().rest().to_vec(), session.client.number, &self.shared.options);
        let limit = |why| {
            self.shared.observe(|| ServerEvent::Limit(session.number, why));
            Err(Error::Quota(why))
        };
        {
            let objects = guard(&self.shared.objects);
            if objects.totals().0 >= o.max_objects {
                return limit("objects");
            }
            if objects.made_by(maker).0 >= o.client_objects {
                return limit("objects of one client");
            }
        }
        let others = RefCell::new(Vec::new());
        let object = {
            let other = |id: u64| {
                let entry = guard(&self.shared.objects).get(id)?;
                others.borrow_mut().push(entry.clone());
                Ok(entry.object.clone())
            };
            served::create(kind, &Making { domain: &self.shared.domain, other: &other }, args)?
        };
        let bytes = object.bytes();
        let mut objects = guard(&self.shared.objects);
        if objects.totals().1.saturating_add(bytes) > o.max_bytes {
            return limit("bytes");
        }
        if objects.made_by(maker).1.saturating_add(bytes) > o.client_bytes {
            return limit("bytes of one client");
        }
        let id = objects.next_id();
        let others = others.into_inner();
        let entry = Entry { id, kind, object, options, bytes, maker, others, inner: false };
        let entry = objects.insert(entry, name)?;
        drop(objects);
        session.refer(&self.shared, id, 1)?;
        put_facts(&entry, &mut reply.out);
        self.shared.observe(|| ServerEvent::Created(id, kind.name(), name.map(str::to_owned)));
        Ok(0)
    }

    fn open(&self, session: &Session, args: &mut Reader, reply: &mut Reply) -> Result<()> {
        let kind = Kind::parse(args.u8()?.into()).ok_or(Error::Protocol("no such kind of object"))?;
        let name = args.str()?;
        if !name.starts_with('#') {
            domain::check_name(name)?;
        }
        let entry = guard(&self.shared.objects).find(name)?;
        if entry.inner {
            return Err(Error::NotSupported("opening what is inside another object: pass on a reference to it"));
        }
        expect(&entry, kind)?;
        session.refer(&self.shared, entry.id, 1)?;
        put_facts(&entry, &mut reply.out);
        Ok(())
    }

    fn export(&self, session: &Session, mut args: Reader) -> Result<Handle> {
        if !session.gives_memory {
            return Err(Error::NotSupported("memory through this connection"));
        }
        let entry = guard(&self.shared.objects).get(args.u64()?)?;
        entry.object.export(&mut args)
    }

    fn delete(&self, args: &mut Reader) -> Result<()> {
        let name = args.str()?;
        domain::check_name(name)?;
        let unused = guard(&self.shared.objects).delete(name)?;
        drop(unused);
        self.shared.observe(|| ServerEvent::Deleted(name.to_owned()));
        Ok(())
    }

    fn list(&self, args: &mut Reader, reply: &mut Reply) -> Result<()> {
        let after = args.opt(|r| r.str())?;
        let (page, whole) = guard(&self.shared.objects).list(after);
        reply.out.u32(page.len() as u32);
        for (name, kind, clients, bytes) in page {
            reply.out.str(&name);
            reply.out.u32(kind as u32);
            reply.out.u32(clients);
            reply.out.u64(bytes);
        }
        reply.out.bool(whole);
        Ok(())
    }

    fn attach(&self, session: &Session, args: &mut Reader) -> Result<()> {
        for _ in 0..args.u32()? {
            let (id, count) = (args.u64()?, args.u32()?);
            // What is gone says so when it is used.
            let _ = session.refer(&self.shared, id, count.into());
        }
        Ok(())
    }

    fn call(&self, session: &Arc<Session>, request: &Request) -> Outcome {
        let mut args = request.args.clone();
        let read = args.str().and_then(|name| {
            let procedures = self.shared.procedures.read().unwrap_or_else(|e| e.into_inner());
            let procedure = procedures.get(name).cloned().ok_or(Error::NotFound("the procedure"))?;
            Ok((procedure, args.plain()?.into_owned()))
        });
        let (procedure, argument) = match read {
            Ok(read) => read,
            Err(error) => return Outcome::Answer(Err(error)),
        };
        let class = protocol::class(op::CALL);
        let started = start(&self.shared, session, request, class, true, move |_| {
            let mut result = Builder::new();
            procedure(crate::datum::decode(&argument)?, &mut result)?;
            let mut reply = Reply::default();
            let result = match result.is_empty() {
                true => crate::Datum::Nil.encode()?,
                false => crate::datum::decode(result.finish()?)?.encode()?,
            };
            reply.out.encoded(&result);
            Ok((0, reply))
        });
        started.map_or_else(|error| Outcome::Answer(Err(error)), |()| Outcome::Later)
    }

    fn wait(&self, _session: &Arc<Session>, _request: &Request) -> Outcome {
        Outcome::Answer(served::no_such())
    }
}

/// Whether an object is of the kind that was asked for.
fn expect(entry: &Entry, kind: Kind) -> Result<()> {
    match entry.kind == kind {
        true => Ok(()),
        false => Err(Error::Kind { found: entry.kind.name(), wanted: kind.name() }),
    }
}

fn put_facts(entry: &Entry, out: &mut Writer) {
    out.u64(entry.id);
    entry.object.facts(out);
}

/// Appends an answer.
fn put_answer(answers: &mut Writer, id: u64, result: &Result<(i32, Reply)>) {
    let begun = answers.begin();
    answers.u64(id);
    match result {
        Ok((status, reply)) => {
            answers.i32(*status);
            answers.0.extend_from_slice(&reply.out.0);
        }
        Err(error) => {
            answers.i32(error.status());
            wire::put_error(answers, error);
        }
    }
    answers.end(begun);
}

/// Appends an answer, with the number of what was made; what is longer than a message may be is an error.
fn finish_answer(shared: &Shared, session: &Session, answers: &mut Writer, id: u64, result: Result<(i32, Reply)>) {
    let most = shared.options.max_message - ROOM;
    let result = result.and_then(|(status, mut reply)| {
        if reply.out.len() > most {
            return Err(Error::TooBig { len: reply.out.len(), max: most });
        }
        if let Some(object) = reply.made.take() {
            let entry = made(shared, session, object)?;
            put_facts(&entry, &mut reply.out);
        }
        Ok((status, reply))
    });
    put_answer(answers, id, &result);
}

/// An object that came out of another one becomes the session's.
fn made(shared: &Shared, session: &Session, object: Arc<dyn Served>) -> Result<Arc<Entry>> {
    let mut objects = guard(&shared.objects);
    if objects.totals().0 >= shared.options.max_objects {
        return Err(Error::Quota("objects"));
    }
    let (id, kind) = (objects.next_id(), object.kind());
    let (options, others) = (Vec::new(), Vec::new());
    let entry = Entry { id, kind, object, options, bytes: 0, maker: session.client.number, others, inner: true };
    let entry = objects.insert(entry, None)?;
    drop(objects);
    if let Err(error) = session.refer(shared, id, 1) {
        let unused = guard(&shared.objects).release(id, 0, false);
        drop(unused);
        return Err(error);
    }
    Ok(entry)
}

/// What a client was answered, until it says that it knows.
fn remember(past: &mut Past, id: u64, answer: &[u8]) {
    if past.bytes() + answer.len() <= MOST_ANSWERS {
        past.remember(id, answer);
    }
}

/// Has a thread of the pool do a request and answer it. `runs_on`: it is not ended with the connection.
fn start(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
    request: &Request,
    class: Class,
    runs_on: bool,
    work: impl FnOnce(Limits) -> Result<(i32, Reply)> + Send + 'static,
) -> Result<()> {
    let (id, cancel) = (request.id, Cancel::new());
    let deadline = match request.timeout {
        Timeout::Forever => u64::MAX,
        Timeout::Ns(ns) => clock::now_ns().saturating_add(ns),
    };
    {
        let mut jobs = guard(&session.jobs);
        let running = guard(&session.client.past).running.len();
        if jobs.len() + running >= shared.options.client_in_flight {
            return Err(Error::Quota("requests of one client"));
        }
        if runs_on {
            guard(&session.client.past).running.insert(id);
        } else if jobs.insert(id, cancel.clone()).is_some() {
            return Err(Error::Protocol("two requests have the same number"));
        }
    }
    let (shared_then, session_then) = (shared.clone(), session.clone());
    let started = shared.jobs.start(Box::new(move || {
        let (shared, session) = (shared_then, session_then);
        let timeout = match deadline {
            u64::MAX => Timeout::Forever,
            deadline => Timeout::Ns(deadline.saturating_sub(clock::now_ns())),
        };
        let work = std::panic::AssertUnwindSafe(move || work(Limits::new(timeout, Some(&cancel))));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|_| {
            Err(Error::Far { status: PANIC, errno: 0, text: "a bug in the manager was caught".into() })
        });
        let undone = session.is_gone() && matches!(result, Err(Error::Canceled));
        let mut answer = Writer::default();
        finish_answer(&shared, &session, &mut answer, id, result);
        if !class.bound && !undone {
            // Before it is not running any more: whoever asks again finds one or the other.
            let mut past = guard(&session.client.past);
            remember(&mut past, id, &answer.0);
            past.running.remove(&id);
        }
        guard(&session.jobs).remove(&id);
        if !session.is_gone() {
            session.wire.send(&shared, &answer.0, None);
        } else {
            if runs_on {
                let current = guard(&session.client.session).clone();
                if let Some(current) = current.filter(|c| !c.is_gone()) {
                    current.wire.send(&shared, &answer.0, None);
                }
            }
            // Somebody may wait for the end of this session.
            shared.waker.wake();
        }
    }));
    started.inspect_err(|_| {
        guard(&session.jobs).remove(&id);
        guard(&session.client.past).running.remove(&id);
    })
}

/// MPROC_EPANIC.
const PANIC: i32 = -24;
