//! Attacks on a manager, which is a process of its own: on its handshake, its frames, its messages, its patience and its
//! memory. Each is refused or bounded; the server lives, does not grow by more than [`GROWTH`], and serves somebody
//! legitimate all the while.
#![allow(unsafe_code, missing_docs)]

mod auth;
mod flood;
mod garbage;
mod gone;
mod peer;
mod server;

use mproc::manager::{Event, Link, Queue, Site};
use mproc::{Error, Limits, ObjectOptions, QueueOptions};
use peer::Peer;
use server::Process;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// By so much the server's largest size in memory may grow in one attack.
const GROWTH: u64 = 64 << 20;
/// Far beyond what an attack takes: only a hang gets there.
const WATCHDOG: Duration = Duration::from_secs(180);
/// For what has to come.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// One at a time: they are about memory and time.
static ALONE: Mutex<()> = Mutex::new(());

/// A server under attack.
pub(crate) struct Scene {
    pub(crate) server: Process,
    step: Arc<Mutex<String>>,
    legitimate: Arc<AtomicU64>,
}

impl Scene {
    /// Says where it is, for whoever finds it hanging.
    pub(crate) fn step(&self, text: impl Into<String>) {
        *self.step.lock().unwrap() = text.into();
    }

    /// Waits until the legitimate client has been served some more.
    pub(crate) fn served_meanwhile(&self) {
        let before = self.legitimate.load(Ordering::Relaxed);
        eventually("the legitimate client is served", || self.legitimate.load(Ordering::Relaxed) > before + 10);
    }

    /// An authenticated connection.
    pub(crate) fn insider(&self) -> Peer {
        Peer::insider(&self.server)
    }

    /// What the server says of itself, asked through a new connection.
    pub(crate) fn info(&self) -> mproc::manager::ServerInfo {
        self.server.link().info().expect("the server answers")
    }
}

/// Waits until something holds; says what, if it never does.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs an attack against a server of its own, which has these options.
pub(crate) fn attack(name: &'static str, options: &str, body: impl FnOnce(&Scene)) {
    let alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let step = Arc::new(Mutex::new(String::from("start")));
    let over = Arc::new(AtomicBool::new(false));
    watch(name, step.clone(), over.clone());
    let scene = Scene { server: Process::start(options), step, legitimate: Arc::default() };
    let legitimate = {
        let (link, over, count) = (scene.server.link(), over.clone(), scene.legitimate.clone());
        std::thread::spawn(move || be_served(link, &over, &count))
    };
    scene.served_meanwhile();
    let before = scene.server.peak();
    body(&scene);
    scene.step("the end");
    scene.served_meanwhile();
    let after = scene.server.peak();
    over.store(true, Ordering::Relaxed);
    legitimate.join().expect("the legitimate client's operations succeed");
    assert!(after - before <= GROWTH, "{name}: the server has grown by {} KiB", (after - before) >> 10);
    scene.step("the server's end");
    scene.server.end();
    println!("{name}: the server has grown by {} KiB", (after - before) >> 10);
    drop(alone);
}

/// Ends the whole program if an attack hangs, and says which, and where.
fn watch(name: &'static str, step: Arc<Mutex<String>>, over: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let end = Instant::now() + WATCHDOG;
        while Instant::now() < end {
            if over.load(Ordering::Relaxed) || Arc::strong_count(&step) == 1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        eprintln!("watchdog: {name} hangs at: {}", step.lock().unwrap_or_else(|e| e.into_inner()));
        std::process::exit(2);
    });
}

/// A client as it should be: makes, sets, waits, puts, gets, again and again.
fn be_served(link: Arc<Link>, over: &AtomicBool, count: &AtomicU64) {
    let site = Site::Manager(link);
    let event = Event::create(&site, Some("legitimate.event"), &ObjectOptions::default()).unwrap().0;
    let queue = Queue::create(&site, Some("legitimate.queue"), &QueueOptions::default()).unwrap().0;
    let mut round = 0u64;
    while !over.load(Ordering::Relaxed) {
        event.set().unwrap();
        assert!(event.is_set().unwrap());
        event.wait(Limits::forever()).unwrap();
        event.clear().unwrap();
        assert_eq!(event.wait(Limits::within(Duration::from_millis(1))), Err(Error::TimedOut));
        queue.put(&round.to_le_bytes(), Limits::forever()).unwrap();
        assert_eq!(queue.get_into(&mut [MaybeUninit::uninit(); 8], Limits::forever()), Ok(8));
        assert_eq!(queue.size(), Ok(0));
        round += 1;
        count.fetch_add(1, Ordering::Relaxed);
    }
}
