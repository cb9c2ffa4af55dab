//! The server's process: this program once more.

use crate::eventually;
use mproc::manager::{Address, ConnectOptions, Key, Link, Server, ServerOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// What the process that is to be a server finds in its environment: its directory and its options.
const ENV: &str = "MPROC_ATTACKED";

/// A server, as the test that started it sees it.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    place: PathBuf,
    pub(crate) key: Key,
    pub(crate) unix: Address,
    pub(crate) tcp: Option<u16>,
}

impl Process {
    /// Options, separated by blanks: `keyless` and those of [`run`].
    pub(crate) fn start(options: &str) -> Process {
        let place = std::env::temp_dir().join(format!("mproc-attack-{}-{:p}", std::process::id(), &options));
        std::fs::create_dir(&place).unwrap();
        let key = Key::generate().unwrap();
        key.save(&place.join("key")).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["server::process", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(ENV, format!("{} {options}", place.display())).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let tcp = loop {
            let line = lines.next().expect("the server starts").unwrap();
            // The harness's own words may stand before it.
            if let Some((_, port)) = line.split_once("listening ") {
                break port.parse().ok();
            }
        };
        std::thread::spawn(move || lines.for_each(drop)); // what else it says is of no interest
        let unix = Address::Unix { path: place.join("socket"), proxies: true };
        Process { stdin: child.stdin.take(), child, place, key, unix, tcp }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.place.join("socket")
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// A client's connection.
    pub(crate) fn link(&self) -> Arc<Link> {
        let key = self.tcp.is_some().then(|| self.key.clone());
        Link::connect(self.unix.clone(), key, ConnectOptions::default()).expect("a legitimate client is let in")
    }

    fn status(&self, what: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server lives");
        let line = text.lines().find_map(|line| line.strip_prefix(what)).expect("a line of /proc/PID/status");
        line.trim_start_matches(':').split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
    }

    /// The most memory that it ever had, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM") << 10
    }

    pub(crate) fn threads(&self) -> u64 {
        self.status("Threads")
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("the server lives").count()
    }

    /// Ends it, and looks whether it ends well.
    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        let mut ended = None;
        eventually("the server ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success(), "the server ended with {ended:?}");
        assert!(!self.socket().exists(), "the server has removed its socket");
    }
}

impl Drop for Process {
    /// However the test ends.
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

/// Not a test: what [`Process::start`] starts.
#[test]
#[ignore = "the server of the other tests"]
fn process() {
    let Ok(text) = std::env::var(ENV) else { return };
    let mut words = text.split_whitespace();
    let place = PathBuf::from(words.next().expect("a directory"));
    let mut options = ServerOptions::default();
    let mut key = Some(Key::load(&place.join("key")).unwrap());
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, "0"));
        let n: u64 = value.parse().unwrap();
        match name {
            "keyless" => key = None,
            "any_user" => options.any_user = true,
            "handshake_ms" => options.handshake = Duration::from_millis(n),
            "max_clients" => options.max_clients = n as usize,
            "max_unauthenticated" => options.max_unauthenticated = n as usize,
            "max_waiting" => options.max_waiting = n as usize,
            "client_in_flight" => options.client_in_flight = n as usize,
            "client_objects" => options.client_objects = n as usize,
            "client_bytes" => options.client_bytes = n,
            _ => panic!("no such option: {name}"),
        }
    }
    let mut addresses = vec![Address::Unix { path: place.join("socket"), proxies: false }];
    if key.is_some() {
        addresses.push(Address::Tcp { host: "127.0.0.1".into(), port: 0 });
    }
    let server = Server::start(&addresses, key, options, None).unwrap();
    let port = server.addresses().iter().find_map(|address| match address {
        Address::Tcp { port, .. } => Some(port.to_string()),
        Address::Unix { .. } => None,
    });
    println!("\nlistening {}", port.unwrap_or_default());
    std::io::stdout().flush().unwrap();
    // Until whoever started it says so, or is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    server.stop();
}
