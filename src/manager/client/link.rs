//! A connection to a manager, shared by the threads of a process.
//!
//! There is no thread of its own. Whoever waits for an answer and finds nobody reading reads, hands other threads
//! their answers, and leaves the reading to one of them when it has its own.
//!
//! When the connection is lost, requests that are bound to the session fail. The others are sent again, with their
//! numbers, over a new connection to the same instance; which knows by the numbers what it has done already.

use super::dial::{self, Dialed};
use super::Proxy;
use crate::manager::channel::{Incoming, Sealer};
use crate::manager::protocol::{self, op, ServerInfo, DESCRIPTORS, EXISTED};
use crate::manager::served::Class;
use crate::manager::wire::{self, Reader, Writer};
use crate::manager::{guard, Address, Key};
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::{Cancel, Limits, Timeout};
use crate::sys::fork::{self, Own};
use crate::sys::socket::{self, Ready};
use crate::sys::{clock, net, process};
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Proxies, also where the memory could be had.
    pub proxies: bool,
    /// For connecting, and for answers beyond an operation's own timeout.
    pub timeout: Duration,
    /// How long a lost connection is tried anew; zero: never. At most 30 s.
    pub reconnect: Duration,
    /// TCP: a manager whose machine is silent for so long is gone.
    pub keepalive: Duration,
}

impl Default for ConnectOptions {
    fn default() -> ConnectOptions {
        ConnectOptions {
            proxies: false,
            timeout: Duration::from_secs(10),
            reconnect: Duration::from_secs(2),
            keepalive: Duration::from_secs(15),
        }
    }
}

/// The number of a connection's first request; 1 is that of its greeting.
const FIRST: u64 = 2;
/// The longest that a server remembers what it answered is twice this.
const LONGEST_RECONNECT: Duration = Duration::from_secs(30);
/// So many connections in a row that are lost at once are enough.
const MOST_IN_VAIN: u32 = 20;
/// Answers longer than this are not kept by the manager until the next request.
const MUCH: usize = 64 << 10;
/// Between two attempts.
const PAUSE_NS: u64 = 20_000_000;
/// How long an operation may take that takes long, and waits for nobody.
const LONG: Duration = Duration::from_secs(600);
/// The longest wait between two looks.
const SLICE: Duration = Duration::from_millis(100);
/// The same with a cancel token, which does not wake us.
const SHORT_SLICE: Duration = Duration::from_millis(10);

/// A connection to a manager.
pub struct Link {
    address: Address,
    key: Option<Key>,
    options: ConnectOptions,
    /// What the manager said first: with another one this has nothing to do.
    instance: [u8; 16],
    gives_memory: bool,
    most: usize,
    /// For each process that uses it, by forks: the parent's first.
    live: Live,
}

/// What one process has of it.
struct Live {
    generation: u32,
    /// Who this client is, for the manager.
    client: [u8; 16],
    state: Mutex<State>,
    changed: Condvar,
    /// A forked child's.
    next: OnceLock<Box<Live>>,
}

struct State {
    connection: Option<Arc<Connection>>,
    /// How many connections there have been.
    epoch: u32,
    /// How many of them in a row were lost at once, without an answer.
    in_vain: u32,
    /// Somebody is making a new connection: which attempt that is, and what became of the last one.
    dialing: bool,
    dials: u64,
    failed: Option<Error>,
    /// No more connections: why.
    ended: Option<Error>,
    next_id: u64,
    pending: BTreeMap<u64, Arc<Pending>>,
    /// How many proxies there are of each object.
    proxies: HashMap<u64, u32>,
}

struct Connection {
    socket: Own,
    /// What goes out: one frame after the other.
    out: Mutex<Out>,
    /// What comes in: whoever has this reads.
    reader: Mutex<Input>,
    /// Answers that have come, but for the greeting's: the manager need not keep them any more.
    received: AtomicU64,
    /// When it was made.
    began: u64,
}

struct Out {
    sealer: Sealer,
    frame: Vec<u8>,
    bytes: Vec<u8>,
}

struct Input {
    incoming: Incoming,
    descriptors: VecDeque<OwnedFd>,
    scratch: Vec<u8>,
}

/// Requests of one message that wait for their answers: those with the numbers from `first` on.
struct Pending {
    bound: bool,
    first: u64,
    count: usize,
    /// As it was sent, and when.
    message: Vec<u8>,
    asked: u64,
    state: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    outcome: Outcome,
    /// Its thread sleeps: to wake one that does not is a system call, too.
    sleeps: bool,
    answers: Answers,
    /// How many are missing.
    left: usize,
}

#[derive(Clone)]
enum Outcome {
    Awaited,
    /// As `Awaited`, and the reading is this one's.
    Lead,
    Here,
    Failed(Error),
}

/// The answers to the requests of one message, in order.
#[derive(Default)]
pub(crate) struct Answers {
    each: Vec<Option<Part>>,
    bodies: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

struct Part {
    status: i32,
    from: usize,
    to: usize,
}

impl Answers {
    /// The status and the body of one of them.
    pub(crate) fn get(&self, n: usize) -> Result<(i32, Reader<'_>)> {
        let part = self.each.get(n).and_then(Option::as_ref).ok_or(LOST)?;
        let mut body = Reader::new(&self.bodies[part.from..part.to]);
        match part.status {
            0.. => Ok((part.status, body)),
            _ => Err(wire::take_error(part.status, &mut body)?),
        }
    }
}

/// An answer that came.
pub(crate) struct Answered {
    pub(crate) status: i32,
    body: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Answered {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.body)
    }
}

const LOST: Error = Error::Connection("it is lost");

/// Reading that takes descriptors with it.
const SCRATCH: usize = 64 << 10;

impl Connection {
    fn new(dialed: Dialed) -> Connection {
        Connection {
            socket: dialed.socket,
            out: Mutex::new(Out { sealer: dialed.sealer, frame: Vec::new(), bytes: Vec::new() }),
            reader: Mutex::new(Input {
                incoming: dialed.incoming,
                descriptors: VecDeque::new(),
                scratch: vec![0; SCRATCH],
            }),
            received: AtomicU64::new(0),
            began: clock::now_ns(),
        }
    }

    /// Sends a frame. Waits for the manager to take it.
    fn send(&self, messages: &[&[u8]], timeout: Duration) -> Result<()> {
        self.send_and(messages, timeout, || socket::poll(self.socket.fd(), Ready::Write, SLICE.as_nanos() as u64))
    }

    /// The same; what to do while the manager does not take it.
    fn send_and(&self, messages: &[&[u8]], timeout: Duration, mut wait: impl FnMut() -> Result<()>) -> Result<()> {
        let mut out = guard(&self.out);
        let Out { sealer, frame, bytes } = &mut *out;
        frame.clear();
        bytes.clear();
        let len: usize = messages.iter().map(|m| m.len()).sum();
        frame.extend_from_slice(&(len as u32 + 8).to_le_bytes());
        frame.extend_from_slice(&self.received.load(Ordering::Relaxed).to_le_bytes());
        for message in messages {
            frame.extend_from_slice(message);
        }
        sealer.seal(frame, bytes)?;
        let deadline = clock::now_ns().saturating_add(timeout.as_nanos() as u64);
        let mut sent = 0;
        while sent < bytes.len() {
            match socket::send(self.socket.fd(), &bytes[sent..], &[]) {
                Ok(Some(n)) => sent += n,
                Ok(None) if clock::now_ns() < deadline => wait()?,
                // Half a frame is out: nothing can follow it.
                Ok(None) | Err(Error::BrokenPipe) => {
                    net::shutdown(self.socket.fd());
                    return Err(LOST);
                }
                Err(other) => {
                    net::shutdown(self.socket.fd());
                    return Err(other);
                }
            }
        }
        if bytes.capacity() > 4 * SCRATCH {
            (*bytes, *frame) = (Vec::new(), Vec::new());
        }
        Ok(())
    }

    /// Takes in what is there; `false`: nothing.
    fn receive_now(&self, input: &mut Input) -> Result<bool> {
        let got = socket::recv(self.socket.fd(), &mut input.scratch)?;
        input.take_in(got)
    }

    /// Waits for something to read, for a slice at most, and takes it in; `false`: nothing came.
    fn receive(&self, input: &mut Input, brief: bool) -> Result<bool> {
        if brief {
            socket::poll(self.socket.fd(), Ready::Read, SHORT_SLICE.as_nanos() as u64)?;
            return self.receive_now(input);
        }
        let got = socket::recv_wait(self.socket.fd(), &mut input.scratch)?;
        input.take_in(got)
    }
}

impl Input {
    /// What was read into `scratch`; `false`: nothing.
    fn take_in(&mut self, got: Option<(usize, Vec<OwnedFd>)>) -> Result<bool> {
        match got {
            None => Ok(false),
            Some((0, _)) => Err(LOST),
            Some((n, descriptors)) => {
                self.descriptors.extend(descriptors);
                self.incoming.push(&self.scratch[..n])?;
                Ok(true)
            }
        }
    }
}

impl Pending {
    fn new(bound: bool, first: u64, count: usize, message: Vec<u8>) -> Pending {
        let mut answers = Answers::default();
        answers.each.resize_with(count, || None);
        let state = Waiting { outcome: Outcome::Awaited, sleeps: false, answers, left: count };
        Pending {
            bound,
            first,
            count,
            message,
            asked: clock::now_ns(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn has(&self, id: u64) -> bool {
        id >= self.first && id - self.first < self.count as u64
    }

    /// The requests of the message that are not answered yet, with the time that is left for them.
    fn unanswered(&self) -> Vec<u8> {
        let gone = clock::now_ns().saturating_sub(self.asked);
        let state = guard(&self.state);
        let (mut rest, mut left) = (self.message.as_slice(), Vec::new());
        for part in &state.answers.each {
            let len = Reader::new(rest).u32().map_or(0, |len| len as usize + 4);
            let Some((request, after)) = rest.split_at_checked(len) else { break };
            if part.is_none() {
                let at = left.len();
                left.extend_from_slice(request);
                protocol::shorten(&mut left[at..], gone);
            }
            rest = after;
        }
        left
    }

    fn set(&self, outcome: Outcome) {
        let mut state = guard(&self.state);
        if matches!(state.outcome, Outcome::Awaited | Outcome::Lead) {
            state.outcome = outcome;
            self.wake(&state);
        }
    }

    fn wake(&self, state: &Waiting) {
        if state.sleeps {
            self.changed.notify_one();
        }
    }

    /// One answer; whether it was the last.
    fn put(&self, id: u64, status: i32, body: &[u8], descriptors: Vec<OwnedFd>) -> bool {
        let mut state = guard(&self.state);
        let state = &mut *state;
        let from = state.answers.bodies.len();
        match state.answers.each.get_mut((id - self.first) as usize) {
            // One that came over the connection before.
            None | Some(Some(_)) => return false,
            Some(part) => *part = Some(Part { status, from, to: from + body.len() }),
        }
        state.answers.bodies.extend_from_slice(body);
        state.answers.descriptors.extend(descriptors);
        state.left -= 1;
        if state.left == 0 && matches!(state.outcome, Outcome::Awaited | Outcome::Lead) {
            state.outcome = Outcome::Here;
            self.wake(state);
        }
        state.left == 0
    }
}

impl Live {
    fn new() -> Result<Live> {
        Ok(Live {
            generation: fork::generation(),
            client: process::random_id()?,
            state: Mutex::new(State {
                connection: None,
                epoch: 0,
                in_vain: 0,
                dialing: false,
                dials: 0,
                failed: None,
                ended: None,
                next_id: FIRST,
                pending: BTreeMap::new(),
                proxies: HashMap::new(),
            }),
            changed: Condvar::new(),
            next: OnceLock::new(),
        })
    }
}

impl Link {
    /// Connects to a manager.
    ///
    /// # Errors
    /// [`Error::Connection`] (nobody there), [`Error::Refused`] (key, user), [`Error::Protocol`], [`Error::Quota`],
    /// [`Error::Invalid`], [`Error::Sys`].
    pub fn connect(address: Address, key: Option<Key>, options: ConnectOptions) -> Result<Arc<Link>> {
        let reconnect = options.reconnect.min(LONGEST_RECONNECT);
        let wants = matches!(&address, Address::Unix { proxies, .. } if !proxies && !options.proxies);
        let live = Live::new()?;
        let mut link = Link {
            address,
            key,
            options: ConnectOptions { reconnect, proxies: !wants, ..options },
            instance: [0; 16],
            gives_memory: false,
            most: 0,
            live,
        };
        let client = link.live.client;
        let (connection, hello) = link.dial(&client, link.options.timeout)?;
        (link.instance, link.gives_memory, link.most) = (hello.instance, hello.gives_memory, hello.most);
        guard(&link.live.state).connection = Some(Arc::new(connection));
        Ok(Arc::new(link))
    }

    /// Which instance it belongs to.
    pub fn instance(&self) -> [u8; 16] {
        self.instance
    }

    /// Which connection this is: another number after each one that was lost, and in a forked child.
    pub(super) fn epoch(&self) -> u64 {
        let epoch = self.live().map_or(0, |live| guard(&live.state).epoch);
        u64::from(fork::generation()) << 32 | u64::from(epoch)
    }

    /// Where the manager is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether clients get the memory itself.
    pub fn gives_memory(&self) -> bool {
        self.gives_memory
    }

    /// The longest request, about.
    pub(crate) fn most(&self) -> usize {
        self.most - 1024
    }

    /// A connection on which the manager has said what it is.
    fn dial(&self, client: &[u8; 16], timeout: Duration) -> Result<(Connection, Hello)> {
        let dialed = dial::dial(&self.address, self.key.as_ref(), timeout, self.options.keepalive)?;
        let connection = Connection::new(dialed);
        let mut w = Writer::default();
        let begun = protocol::begin_request(&mut w, 1, 0, op::HELLO, Timeout::Ns(0));
        w.bytes(client);
        w.bytes(&self.instance);
        w.bool(!self.options.proxies);
        // What its parent has is a forked child's, too.
        w.bytes(&self.live.client);
        w.end(begun);
        connection.send(&[&w.0], timeout)?;
        let deadline = clock::now_ns().saturating_add(timeout.as_nanos() as u64);
        let mut input = guard(&connection.reader);
        let hello = loop {
            if let Some(frame) = input.incoming.frame()? {
                let (_, status, mut body) =
                    protocol::next_answer(&mut Reader::new(frame))?.ok_or(Error::Protocol("an empty answer"))?;
                if status < 0 {
                    return Err(wire::take_error(status, &mut body)?);
                }
                break Hello {
                    instance: protocol::id(&mut body)?,
                    gives_memory: body.bool()?,
                    most: body.size()?.clamp(64 << 10, 1 << 30),
                };
            }
            if clock::now_ns() >= deadline {
                return Err(Error::Connection("the manager does not answer"));
            }
            match connection.receive(&mut input, false) {
                // It hangs up on a client that does not have its key.
                Err(LOST) if self.key.is_some() => return Err(Error::Refused("the manager hung up: another key?")),
                other => other?,
            };
        };
        // Several answers in one frame: a little more than one of them may have.
        input.incoming.set_most(hello.most + (4 << 20));
        drop(input);
        Ok((connection, hello))
    }

    /// This process's part: a forked child begins with nothing, and connects when it needs to.
    fn live(&self) -> Result<&Live> {
        let generation = fork::generation();
        let mut live = &self.live;
        while live.generation != generation {
            if live.next.get().is_none() {
                // Not while another thread forks: its child would find it half made.
                let fresh = Box::new(Live::new()?);
                fork::exclusive(|| {
                    let _ = live.next.set(fresh); // another thread may have been faster
                });
            }
            live = live.next.get().ok_or(LOST)?;
        }
        Ok(live)
    }

    /// The connection; a new one if there is none.
    fn connection(&self, live: &Live) -> Result<Arc<Connection>> {
        let mut state = guard(&live.state);
        let mut waited_for = None;
        loop {
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            if let Some(connection) = &state.connection {
                return Ok(connection.clone());
            }
            if state.dialing {
                waited_for = Some(state.dials);
                state = live.changed.wait_timeout(state, SLICE).unwrap_or_else(|e| e.into_inner()).0;
                continue;
            }
            // Who waited for an attempt that failed has waited long enough.
            if let (Some(attempt), Some(error)) = (waited_for, &state.failed) {
                if attempt == state.dials {
                    return Err(error.clone());
                }
            }
            state.dialing = true;
            state.dials += 1;
            drop(state);
            let result = self.redial(live);
            state = guard(&live.state);
            state.dialing = false;
            state.failed = result.as_ref().err().cloned();
            live.changed.notify_all();
            result?;
        }
    }

    /// A new connection to the same instance, and on it all that is still to be answered.
    fn redial(&self, live: &Live) -> Result<()> {
        let patience = self.options.reconnect.max(Duration::from_millis(1));
        let deadline = clock::now_ns().saturating_add(patience.as_nanos() as u64);
        loop {
            let error = match self.dial(&live.client, self.options.timeout.min(patience)) {
                Ok((_, hello)) if hello.instance != self.instance => {
                    guard(&live.state).ended = Some(Error::Stale);
                    return Err(Error::Stale);
                }
                Ok((connection, _)) => match self.ask_again(live, connection) {
                    Ok(()) => return Ok(()),
                    Err(error) => error, // lost again: once more
                },
                Err(error) => error,
            };
            match error {
                // Nobody there at all: on this machine that is final.
                Error::Connection(net::NOBODY) if matches!(self.address, Address::Unix { .. }) => return Err(error),
                Error::Connection(_) | Error::Refused(_) | Error::Sys { .. } | Error::Quota(_) => {}
                // So it says when it has too many clients.
                Error::Far { status, .. } if status == Error::Quota("").status() => {}
                other => return Err(other),
            }
            if clock::now_ns() >= deadline {
                return Err(error);
            }
            clock::sleep_ns(PAUSE_NS);
        }
    }

    /// Asks again, over a new connection, for all that is not answered, in order; then the connection is the one.
    fn ask_again(&self, live: &Live, connection: Connection) -> Result<()> {
        let mut attach = Writer::default();
        let mut next = 0;
        loop {
            let mut state = guard(&live.state);
            if attach.is_empty() && !state.proxies.is_empty() {
                // Not waited for: what is gone says so when it is used.
                let begun = protocol::begin_request(&mut attach, 0, 0, op::ATTACH, Timeout::Ns(0));
                attach.u32(state.proxies.len() as u32);
                for (&id, &count) in &state.proxies {
                    attach.u64(id);
                    attach.u32(count);
                }
                attach.end(begun);
            }
            let first = next == 0;
            let pending: Vec<_> = state.pending.range(next..).map(|(_, pending)| pending.clone()).collect();
            if !first && pending.is_empty() {
                state.connection = Some(Arc::new(connection));
                state.epoch += 1;
                // Somebody has to read.
                if let Some(pending) = state.pending.values().next() {
                    pending.set(Outcome::Lead);
                }
                return Ok(());
            }
            // Not while others wait for the state: the manager may take its time. And not without reading: it does not read
            // from a client that leaves too much untaken.
            drop(state);
            let mut input = guard(&connection.reader);
            let mut wait = || {
                while connection.receive_now(&mut input)? {}
                self.hand_out(live, &connection, &mut input)?;
                socket::poll(connection.socket.fd(), Ready::Write, SHORT_SLICE.as_nanos() as u64)
            };
            if first && !attach.is_empty() {
                connection.send_and(&[&attach.0], self.options.timeout, &mut wait)?;
            }
            // One frame each: together they may be longer than a frame may be.
            for message in pending.iter().map(|pending| pending.unanswered()).filter(|message| !message.is_empty()) {
                connection.send_and(&[&message], self.options.timeout, &mut wait)?;
            }
            drop(input);
            next = pending.last().map_or(FIRST, |last| last.first + 1);
        }
    }

    /// The connection is lost: what belongs to its session fails, and the rest is sent again if that can be.
    fn lost(&self, live: &Live, connection: &Arc<Connection>, why: &Error) {
        net::shutdown(connection.socket.fd());
        let mut state = guard(&live.state);
        if !state.connection.as_ref().is_some_and(|c| Arc::ptr_eq(c, connection)) {
            return; // seen to already
        }
        state.connection = None;
        // What the manager hangs up on each time is not asked for ever.
        let lived = clock::now_ns().saturating_sub(connection.began);
        let in_vain = connection.received.load(Ordering::Relaxed) == 0 && lived < 1_000_000_000;
        state.in_vain = if in_vain { state.in_vain + 1 } else { 0 };
        let enough = state.in_vain >= MOST_IN_VAIN;
        let again = !self.options.reconnect.is_zero() && !enough && !matches!(why, Error::Protocol(_));
        let fails = |p: &Pending| p.bound || !again;
        for pending in state.pending.values().filter(|p| fails(p)) {
            pending.set(Outcome::Failed(why.clone()));
        }
        state.pending.retain(|_, p| !fails(p));
        if state.pending.is_empty() {
            return; // the next request connects
        }
        drop(state);
        if let Err(error) = self.connection(live) {
            let mut state = guard(&live.state);
            for pending in std::mem::take(&mut state.pending).into_values() {
                pending.set(Outcome::Failed(error.clone()));
            }
        }
    }

    /// One request and its answer.
    pub(crate) fn request(
        &self,
        object: u64,
        op: u8,
        class: Class,
        limits: Limits,
        put: impl FnOnce(&mut Writer),
    ) -> Result<Answered> {
        let mut args = Writer::default();
        put(&mut args);
        self.ask_one(object, op, class, limits, &args)
    }

    /// As [`Link::request`]: a function of its own, because there are hundreds of those.
    #[inline(never)]
    fn ask_one(&self, object: u64, op: u8, class: Class, limits: Limits, args: &Writer) -> Result<Answered> {
        let gives_up = object == 0 && op == op::CALL;
        let manner = Manner { bound: class.bound, gives_up, long: class.long };
        let answers = self.requests(manner, limits, |id, w| {
            let begun = protocol::begin_request(w, id, object, op, limits.timeout);
            w.0.extend_from_slice(&args.0);
            w.end(begun);
            1
        })?;
        let (status, _) = answers.get(0)?;
        Ok(Answered { status, body: answers.bodies, descriptors: answers.descriptors })
    }

    /// Several requests in one message: `put` writes them, with numbers from the one it is given on, and says how many.
    /// Their answers, in order.
    pub(crate) fn requests(
        &self,
        manner: Manner,
        limits: Limits,
        put: impl FnOnce(u64, &mut Writer) -> usize,
    ) -> Result<Answers> {
        let live = self.live()?;
        let mut w = Writer(Vec::with_capacity(256));
        let (mut state, connection) = loop {
            let connection = self.connection(live)?;
            let state = guard(&live.state);
            // What is asked for while there is no connection would belong to none, and be sent over none.
            if state.connection.as_ref().is_some_and(|current| Arc::ptr_eq(current, &connection)) {
                break (state, connection);
            }
        };
        let first = state.next_id;
        let count = put(first, &mut w);
        if w.len() + 8 > self.most {
            return Err(Error::TooBig { len: w.len(), max: self.most() });
        }
        state.next_id += count as u64;
        let again = !manner.bound && !self.options.reconnect.is_zero();
        let pending = Arc::new(Pending::new(manner.bound, first, count, if again { w.0.clone() } else { Vec::new() }));
        state.pending.insert(first, pending.clone());
        drop(state);
        if let Err(error) = connection.send(&[&w.0], self.options.timeout) {
            self.lost(live, &connection, &error);
        }
        self.await_answers(live, &pending, limits, manner)
    }

    /// Waits for answers, and reads if nobody else does.
    fn await_answers(&self, live: &Live, pending: &Pending, limits: Limits, manner: Manner) -> Result<Answers> {
        let gives_up = manner.gives_up;
        let id = pending.first;
        let more = match manner {
            Manner { gives_up: true, .. } => Duration::ZERO,
            Manner { long: true, .. } => self.options.timeout.max(LONG),
            _ => self.options.timeout,
        };
        let more = more.as_nanos() as u64;
        let patience = match limits.timeout {
            Timeout::Forever => u64::MAX,
            Timeout::Ns(ns) => ns.saturating_add(more),
        };
        let mut deadline = clock::now_ns().saturating_add(patience);
        // Over which connection the manager was told.
        let mut canceled = None;
        loop {
            {
                let mut state = guard(&pending.state);
                match std::mem::replace(&mut state.outcome, Outcome::Awaited) {
                    Outcome::Here => {
                        let answers = std::mem::take(&mut state.answers);
                        drop(state);
                        if answers.bodies.len() > MUCH {
                            self.acknowledge(live);
                        }
                        return Ok(answers);
                    }
                    Outcome::Failed(error) => return Err(error),
                    Outcome::Awaited | Outcome::Lead => {}
                }
            }
            if gives_up {
                let over = clock::now_ns() >= deadline;
                let set = limits.cancel.is_some_and(Cancel::is_set);
                if over || set {
                    guard(&live.state).pending.remove(&id);
                    self.hand_over(live);
                    return Err(if set { Error::Canceled } else { Error::TimedOut });
                }
            }
            let connection = match self.connection(live) {
                Ok(connection) => connection,
                Err(error) => {
                    // Whoever found out may have told us why: that comes first.
                    guard(&live.state).pending.remove(&id);
                    pending.set(Outcome::Failed(error));
                    continue;
                }
            };
            let here = connection.began;
            if canceled != Some(here) && limits.cancel.is_some_and(Cancel::is_set) {
                // The manager decides: it was done, or it will not be.
                canceled = Some(here);
                if limits.timeout != Timeout::Forever {
                    deadline = clock::now_ns().saturating_add(self.options.timeout.as_nanos() as u64);
                }
                self.tell(live, op::CANCEL, |w| w.u64(id));
            }
            if clock::now_ns() >= deadline {
                let error = Error::Connection("the manager does not answer");
                self.lost_for(live, id, &connection, &error);
                return Err(error);
            }
            let brief = gives_up || limits.cancel.is_some() && canceled.is_none();
            // Whoever has the input reads; a lock that is only tried.
            let Ok(mut input) = connection.reader.try_lock() else {
                let mut state = guard(&pending.state);
                if matches!(state.outcome, Outcome::Awaited) {
                    let slice = if brief { SHORT_SLICE } else { SLICE };
                    state.sleeps = true;
                    let (mut state, _) = pending.changed.wait_timeout(state, slice).unwrap_or_else(|e| e.into_inner());
                    state.sleeps = false;
                }
                continue;
            };
            let result = self.read(live, &connection, &mut input, pending, brief);
            drop(input);
            match result {
                Err(error) => self.lost(live, &connection, &error),
                Ok(()) => {
                    // Somebody else, if this one is through.
                    if matches!(guard(&pending.state).outcome, Outcome::Here) {
                        self.hand_over(live);
                    }
                }
            }
        }
    }

    /// Leaves the reading to somebody who waits.
    fn hand_over(&self, live: &Live) {
        if let Some(next) = guard(&live.state).pending.values().next() {
            next.set(Outcome::Lead);
        }
    }

    /// Reads answers for everybody, until `own` is there or a slice is over.
    fn read(&self, live: &Live, c: &Arc<Connection>, input: &mut Input, own: &Pending, brief: bool) -> Result<()> {
        loop {
            // Also what an earlier reader took in without looking.
            self.hand_out(live, c, input)?;
            if !matches!(guard(&own.state).outcome, Outcome::Awaited | Outcome::Lead) || !c.receive(input, brief)? {
                return Ok(());
            }
        }
    }

    /// Gives answers that have come to whom they are for.
    fn hand_out(&self, live: &Live, c: &Connection, input: &mut Input) -> Result<()> {
        let mut latest: Option<Arc<Pending>> = None;
        while let Some(frame) = input.incoming.frame()? {
            let mut frame = Reader::new(frame);
            while let Some((id, status, mut body)) = protocol::next_answer(&mut frame)? {
                if !latest.as_ref().is_some_and(|p| p.has(id)) {
                    let state = guard(&live.state);
                    latest = state.pending.range(..=id).next_back().map(|(_, p)| p.clone()).filter(|p| p.has(id));
                }
                let descriptors = match status {
                    DESCRIPTORS => input.descriptors.drain(..input.descriptors.len().min(2)).collect(),
                    _ => Vec::new(),
                };
                if let Some(pending) = &latest {
                    if pending.put(id, status, body.rest(), descriptors) {
                        guard(&live.state).pending.remove(&pending.first);
                    }
                }
                // After it is where it belongs: what is counted is not answered again.
                c.received.fetch_add(1, Ordering::Relaxed);
            }
        }
        input.incoming.tidy();
        Ok(())
    }

    /// Gives up on a manager that does not answer.
    fn lost_for(&self, live: &Live, id: u64, connection: &Arc<Connection>, why: &Error) {
        guard(&live.state).pending.remove(&id);
        self.lost(live, connection, why);
    }

    /// Lets the manager forget what has come, before the next request does.
    fn acknowledge(&self, live: &Live) {
        let connection = guard(&live.state).connection.clone();
        if let Some(connection) = connection {
            let _ = connection.send(&[], self.options.timeout); // the next request finds out
        }
    }

    /// Something that has no answer. If it cannot be said, the manager finds out by the end of the connection.
    fn tell(&self, live: &Live, op: u8, put: impl FnOnce(&mut Writer)) {
        let mut w = Writer::default();
        let begun = protocol::begin_request(&mut w, 0, 0, op, Timeout::Ns(0));
        put(&mut w);
        w.end(begun);
        let state = guard(&live.state);
        if let Some(connection) = state.connection.clone() {
            drop(state);
            let _ = connection.send(&[&w.0], self.options.timeout);
        }
    }

    /// A request to the manager itself.
    pub(crate) fn ask<R>(
        &self,
        op: u8,
        limits: Limits,
        put: impl FnOnce(&mut Writer),
        take: impl FnOnce(i32, &mut Reader) -> Result<R>,
    ) -> Result<R> {
        let answered = self.request(0, op, protocol::class(op), limits, put)?;
        take(answered.status, &mut answered.reader())
    }

    /// Makes a proxy of what an answer names.
    pub(super) fn proxy(self: &Arc<Self>, class: fn(u8) -> Class, id: u64, facts: &[u8]) -> Result<Proxy> {
        let live = self.live()?;
        *guard(&live.state).proxies.entry(id).or_default() += 1;
        Ok(Proxy::new(self.clone(), id, class, facts.to_vec(), live.generation))
    }

    /// This process has inherited a proxy and uses it.
    pub(super) fn attach(&self, id: u64) {
        let Ok(live) = self.live() else { return };
        let mut state = guard(&live.state);
        *state.proxies.entry(id).or_default() += 1;
        // Otherwise the connection begins with it.
        let connected = state.connection.is_some();
        drop(state);
        if connected {
            self.tell(live, op::ATTACH, |w| {
                w.u32(1);
                w.u64(id);
                w.u32(1);
            });
        }
    }

    /// A proxy is gone.
    pub(super) fn release(&self, id: u64) {
        let Ok(live) = self.live() else { return };
        let mut state = guard(&live.state);
        if let Some(count) = state.proxies.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                state.proxies.remove(&id);
            }
        }
        drop(state);
        self.tell(live, op::RELEASE, |w| w.u64(id));
    }

    pub(crate) fn create(
        self: &Arc<Self>,
        kind: Kind,
        class: fn(u8) -> Class,
        name: Option<&str>,
        exist_ok: bool,
        options: &Writer,
    ) -> Result<(Proxy, bool)> {
        let put = |w: &mut Writer| {
            w.u8(kind as u8);
            w.bool(exist_ok);
            w.opt(name, Writer::str);
            w.0.extend_from_slice(&options.0);
        };
        self.ask(op::CREATE, Limits::none(), put, |status, body| {
            let proxy = self.proxy(class, body.u64()?, body.rest())?;
            Ok((proxy, status == EXISTED))
        })
    }

    pub(crate) fn open(self: &Arc<Self>, kind: Kind, class: fn(u8) -> Class, name: &str) -> Result<Proxy> {
        let put = |w: &mut Writer| {
            w.u8(kind as u8);
            w.str(name);
        };
        self.ask(op::OPEN, Limits::none(), put, |_, body| self.proxy(class, body.u64()?, body.rest()))
    }

    /// A handle on the object's memory.
    pub(crate) fn export(&self, proxy: &Proxy, open: &Writer) -> Result<Handle> {
        let put = |w: &mut Writer| {
            w.u64(proxy.id());
            w.0.extend_from_slice(&open.0);
        };
        let answered = self.request(0, op::EXPORT, protocol::class(op::EXPORT), Limits::none(), put)?;
        let letter = answered.body.as_slice().try_into().map_err(|_| Error::Protocol("not a handle"))?;
        Handle::from_letter(letter, answered.descriptors)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        self.ask(op::DELETE, Limits::none(), |w| w.str(name), |_, _| Ok(()))
    }

    /// What the manager says of itself.
    ///
    /// # Errors
    /// What the connection says.
    pub fn info(&self) -> Result<ServerInfo> {
        self.ask(op::INFO, Limits::none(), |_| (), |_, body| ServerInfo::take(body))
    }

    /// Whether the manager answers, within the time.
    ///
    /// # Errors
    /// What the connection says.
    pub fn ping(&self, limits: Limits) -> Result<()> {
        self.ask(op::PING, limits, |_| (), |_, _| Ok(()))
    }

    /// The objects that have names, in the order of their names.
    ///
    /// # Errors
    /// What the connection says.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let after = all.last().map(|l| l.name.clone());
            let put = |w: &mut Writer| w.opt(after.as_deref(), Writer::str);
            let whole = self.ask(op::LIST, Limits::none(), put, |_, body| {
                for _ in 0..body.u32()? {
                    let (name, kind) = (body.str()?.to_owned(), body.u32()?);
                    all.push(Listed { name, kind, clients: body.u32()?, bytes: body.u64()? });
                }
                body.bool()
            })?;
            if whole {
                return Ok(all);
            }
        }
    }

    /// Runs a procedure that the server registered; its result is in `take`'s hands as an encoded datum.
    ///
    /// # Errors
    /// [`Error::NotFound`], what the procedure says, what the connection says.
    pub fn call<R>(
        &self,
        name: &str,
        argument: &crate::Encoded,
        limits: Limits,
        take: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<R> {
        let put = |w: &mut Writer| {
            w.str(name);
            w.encoded(argument);
        };
        self.ask(op::CALL, limits, put, |_, body| take(&body.plain()?))
    }

    /// The name of an object; `#` and a number if it has none.
    pub(crate) fn name_of(&self, proxy: &Proxy) -> Result<String> {
        self.ask(op::NAME, Limits::none(), |w| w.u64(proxy.id()), |_, body| body.str().map(str::to_owned))
    }
}

/// How requests are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// To the session: never sent again.
    pub(crate) bound: bool,
    /// The limits are this side's alone; what was asked for goes on there.
    pub(crate) gives_up: bool,
    /// The answer may take long.
    pub(crate) long: bool,
}

/// What the manager says first.
struct Hello {
    instance: [u8; 16],
    gives_memory: bool,
    most: usize,
}

/// An object that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The number of its kind.
    pub kind: u32,
    /// How many clients refer to it.
    pub clients: u32,
    /// Bytes of memory that it has.
    pub bytes: u64,
}
