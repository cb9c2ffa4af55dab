//! A server: it owns an anonymous domain, and serves its objects to clients.
//!
//! One thread ([`serve`]) has all connections and runs every operation that waits for nobody. What may wait, or takes
//! long, runs in a thread of the pool ([`jobs`]). A client's session has a member of the domain of its own as soon as it
//! does something that only a member can do; when the connection ends the member does, as if a process had died.

mod conn;
mod greet;
mod jobs;
mod listen;
mod objects;
mod requests;
mod serve;
mod session;

use super::protocol::ServerInfo;
use super::{guard, Address, ConnectOptions, Key, Link};
use crate::objects::{Builder, Datum};
use crate::shm::{Domain, DomainOptions};
use crate::sys::epoll::{Epoll, Waker};
use crate::sys::{clock, fork, process, thread};
use crate::{Error, Result};
use jobs::Jobs;
use listen::Listeners;
use objects::Objects;
use session::Client;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a server allows. The default is what the C API says.
#[derive(Debug)]
pub struct ServerOptions {
    /// Unix sockets: any user may connect, if it has the key.
    pub any_user: bool,
    /// Clients that are authenticated.
    pub max_clients: usize,
    /// Connections that are not (yet). When there are more, the oldest is dropped.
    pub max_unauthenticated: usize,
    /// Requests that wait or take long, in all.
    pub max_waiting: usize,
    /// Of one client.
    pub client_in_flight: usize,
    /// Objects in all.
    pub max_objects: usize,
    /// Bytes of memory that objects may take, in all.
    pub max_bytes: u64,
    /// Objects that one client created and that exist.
    pub client_objects: usize,
    /// Bytes that those may take.
    pub client_bytes: u64,
    /// The longest message, either way.
    pub max_message: usize,
    /// For a connection to authenticate itself.
    pub handshake: Duration,
    /// TCP: a client whose machine is silent for so long is gone.
    pub keepalive: Duration,
    /// Sockets that listen already (socket activation).
    pub listeners: Vec<OwnedFd>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            any_user: false,
            max_clients: 10_000,
            max_unauthenticated: 64,
            max_waiting: 4096,
            client_in_flight: 1024,
            max_objects: 100_000,
            max_bytes: u64::MAX,
            client_objects: 10_000,
            client_bytes: u64::MAX,
            max_message: 16 << 20,
            handshake: Duration::from_secs(5),
            keepalive: Duration::from_secs(15),
            listeners: Vec::new(),
        }
    }
}

/// What happens in a server, for its log. An observer is called by the server's own thread and must not block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent {
    /// It listens.
    Listening(Address),
    /// A client is authenticated: its number, where it came from.
    Connected(u64, String),
    /// A client is gone: its number, why.
    Gone(u64, String),
    /// A connection was refused: where it came from, why.
    Refused(String, &'static str),
    /// An object came into being: number, kind, name.
    Created(u64, &'static str, Option<String>),
    /// A name was deleted.
    Deleted(String),
    /// A client has reached a limit.
    Limit(u64, &'static str),
}

/// Called with each event.
pub type Observer = Box<dyn Fn(&ServerEvent) + Send + Sync>;

/// A procedure: gets its argument, and puts its result where it is to go. What goes wrong is the caller's to know.
pub type Procedure = Arc<dyn Fn(Datum, &mut Builder) -> Result<()> + Send + Sync>;

/// What all threads of a server have in common.
struct Shared {
    options: ServerOptions,
    key: Option<Key>,
    instance: [u8; 16],
    began: u64,
    domain: Domain,
    epoll: Epoll,
    waker: Waker,
    stop: AtomicBool,
    objects: Mutex<Objects>,
    procedures: RwLock<HashMap<String, Procedure>>,
    jobs: Arc<Jobs>,
    /// Who is there, and who was until lately.
    clients: Mutex<HashMap<[u8; 16], Arc<Client>>>,
    /// Bytes that clients have not taken yet, of all together.
    backlog: AtomicUsize,
    /// Bytes of answers that are kept until clients say that they have had them.
    kept: Arc<AtomicUsize>,
    connected: AtomicUsize,
    unauthenticated: AtomicUsize,
    requests: AtomicU64,
    refused: AtomicU64,
    observer: Option<Observer>,
}

impl Shared {
    fn observe(&self, event: impl FnOnce() -> ServerEvent) {
        if let Some(observer) = &self.observer {
            observer(&event());
        }
    }

    fn info(&self) -> ServerInfo {
        let (objects, bytes) = guard(&self.objects).totals();
        let procedures = self.procedures.read().unwrap_or_else(|e| e.into_inner()).len();
        ServerInfo {
            instance: self.instance,
            uptime_ns: clock::now_ns().saturating_sub(self.began),
            clients: self.connected.load(Ordering::Relaxed) as u64,
            unauthenticated: self.unauthenticated.load(Ordering::Relaxed) as u64,
            objects: objects as u64,
            bytes,
            waiting: self.jobs.count() as u64,
            requests: self.requests.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            procedures: procedures as u32,
            pid: std::process::id(),
        }
    }
}

/// A manager's server in this process. Ends when dropped.
pub struct Server {
    shared: Arc<Shared>,
    addresses: Vec<Address>,
    /// Where this process connects to it.
    private: Address,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Of the process that has it.
    generation: u32,
}

impl Server {
    /// Starts a server with threads of its own. Without addresses (and sockets that listen already) it listens at a
    /// private place, which ends with the process.
    ///
    /// # Errors
    /// [`Error::Refused`] (TCP without a key), [`Error::Exists`] (somebody listens there), [`Error::Access`],
    /// [`Error::NotFound`], [`Error::Connection`] (no such host), [`Error::NoMemory`], [`Error::Sys`] …
    pub fn start(
        addresses: &[Address],
        key: Option<Key>,
        mut options: ServerOptions,
        observer: Option<Observer>,
    ) -> Result<Server> {
        if options.any_user && key.is_none() {
            return Err(Error::Refused("any user may only connect with a key"));
        }
        // Pieces of 1 MiB always fit.
        options.max_message = options.max_message.clamp(2 << 20, 1 << 30);
        let passed = std::mem::take(&mut options.listeners);
        let listeners = Listeners::open(addresses, passed, key.is_some(), options.any_user)?;
        let shared = Arc::new(Shared {
            key,
            instance: process::random_id()?,
            began: clock::now_ns(),
            domain: Domain::open(&DomainOptions { anonymous: true, ..DomainOptions::default() })?,
            epoll: Epoll::new()?,
            waker: Waker::new()?,
            stop: AtomicBool::new(false),
            objects: Mutex::new(Objects::default()),
            procedures: RwLock::new(HashMap::new()),
            jobs: Jobs::new(options.max_waiting),
            clients: Mutex::new(HashMap::new()),
            backlog: AtomicUsize::new(0),
            kept: Arc::new(AtomicUsize::new(0)),
            connected: AtomicUsize::new(0),
            unauthenticated: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            observer,
            options,
        });
        let (addresses, private) = (listeners.addresses.clone(), listeners.private.clone());
        for address in &addresses {
            shared.observe(|| ServerEvent::Listening(address.clone()));
        }
        let mut serve = serve::Serve::new(shared.clone(), listeners)?;
        let thread = std::thread::Builder::new().name("mproc-manager".into()).spawn(move || {
            thread::block_signals();
            serve.run();
        });
        let thread = thread.map_err(|e| Error::Sys { call: "pthread_create", errno: e.raw_os_error().unwrap_or(0) })?;
        let (thread, generation) = (Mutex::new(Some(thread)), fork::generation());
        Ok(Server { shared, addresses, private, thread, generation })
    }

    /// Where it listens: with the real ports.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// What it is like right now.
    pub fn info(&self) -> ServerInfo {
        self.shared.info()
    }

    /// A connection of this process's own: near, without asking for what it knows anyway.
    ///
    /// # Errors
    /// As [`Link::connect`].
    pub fn connect(&self, options: ConnectOptions) -> Result<Arc<Link>> {
        Link::connect(self.private.clone(), self.shared.key.clone(), options)
    }

    /// Registers a procedure that clients can call.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Name`].
    pub fn register(&self, name: &str, procedure: Procedure) -> Result<()> {
        crate::shm::domain::check_name(name)?;
        let mut procedures = self.shared.procedures.write().unwrap_or_else(|e| e.into_inner());
        match procedures.contains_key(name) {
            true => Err(Error::Exists),
            false => {
                procedures.insert(name.to_owned(), procedure);
                Ok(())
            }
        }
    }

    /// Ends it: all connections are closed, and it waits for procedures that are running. Memory stays with whoever has
    /// it. In a forked child nothing happens: the server is the parent's.
    pub fn stop(&self) {
        let thread = guard(&self.thread).take();
        let Some(thread) = thread else { return };
        if self.generation != fork::generation() {
            std::mem::forget(thread); // not a thread of this process
            return;
        }
        self.shared.stop.store(true, Ordering::Release);
        self.shared.waker.wake();
        let _ = thread.join(); // it has said what it had to say
        self.shared.jobs.finish();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
