//! `mproc serve`: a manager as a process.

mod log;
mod observer;
mod systemd;

use super::cli::Context;
use super::exit::{Failure, Outcome, EXISTS, OTHER};
use super::output::{printable, tame};
use super::verbs::{bytes, seconds};
use crate::manager::{Address, Server, ServerOptions};
use crate::sys::bound::{self, Signals};
use crate::Error;
use log::{Entry, Level, Log};
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

const HELP: &str = "\
When it ends:
  by itself  when the process that started it has ended, however that came about: the process,
             not the thread of it that did. One that ends before this command can look is
             not noticed: a creator that may be killed at that very moment uses --stdin.
  --stdin    instead with its standard input, a pipe from its creator: when nobody has the
             other end any more
  --stay     neither with its creator nor with the terminal
  TERM, INT  in order: sockets are removed, connections closed, exit code 0. A second one ends
             it at once. HUP is like them, but for --stay.

With `server=$(mproc serve &)` the creator is a subshell that ends at once: see the examples.

Objects live as long as this process. Clients that have the memory go on with it afterwards.

Sockets that systemd has opened are served, too (LISTEN_FDS), and systemd hears when everything is ready (Type=notify).

Examples:
  mproc serve --listen unix:/run/user/1000/mproc.sock &
  mproc keygen key && mproc serve --listen tcp:0.0.0.0:7000 --key-file key --stay
  exec {server}< <(mproc serve) && read -r MPROC_MANAGER <&$server && export MPROC_MANAGER

Logs:
  A line for each event on standard error; with --json-logs an object {time, level, event, …}.
  What clients and strangers can bring about as often as they like is written ten times in
  ten seconds, and then counted: `more`.

Exit codes: 3 no such directory or key, 7 somebody listens there already, 8 tcp or any user without a key, or a key \
that others can read, 12 no such host.";

/// Run a manager: a server that has objects
///
/// Clients on this machine, which come through a unix socket, get the memory of the objects and then work at memory
/// speed; others come by TCP, with a key, encrypted, and each operation is a request. Both see the same objects. When
/// it is ready, its addresses are printed, one on each line (with --json one object), and standard output is closed.
///
/// Without --listen it makes a unix socket at a place of its own.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Args {
    /// Where to listen: unix:/path, tcp:host:port (port 0: any; without host: this machine only); several times
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse, value_delimiter = ',')]
    listen: Vec<Address>,
    /// Do not end with the process that started this one
    #[arg(long)]
    stay: bool,
    /// End with standard input instead of with the process that started this one
    #[arg(long, conflicts_with = "stay")]
    stdin: bool,
    /// Let any user of this machine connect through unix sockets, with the key; else only this user and root can
    #[arg(long)]
    any_user: bool,
    /// Logs for programs: a JSON object on each line
    #[arg(long)]
    json_logs: bool,
    /// Log objects that come and go, too
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    limits: Limits,
}

/// What clients may take.
#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Clients at a time [default: 10000]
    #[arg(long, value_name = "N", value_parser = number)]
    max_clients: Option<usize>,
    /// Connections at a time that have not shown the key yet; the oldest one goes when another one comes [default: 64]
    #[arg(long, value_name = "N", value_parser = number)]
    max_unauthenticated: Option<usize>,
    /// Requests that wait at a time, in all [default: 4096]
    #[arg(long, value_name = "N", value_parser = number)]
    max_waiting: Option<usize>,
    /// Requests of one client at a time [default: 1024]
    #[arg(long, value_name = "N", value_parser = number)]
    client_in_flight: Option<usize>,
    /// Objects in all [default: 100000]
    #[arg(long, value_name = "N", value_parser = number)]
    max_objects: Option<usize>,
    /// Memory that all objects may take, in bytes (or with K, M, G, T); of a dict, list or namespace that is what it may
    /// grow to [default: what the machine has]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    max_bytes: Option<u64>,
    /// Objects that one client has made and that exist [default: 10000]
    #[arg(long, value_name = "N", value_parser = number)]
    client_objects: Option<usize>,
    /// Memory that these may take [default: 4G]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    client_bytes: Option<u64>,
    /// The longest message, either way, in bytes (or with K, M, G); 64K to 1G [default: 16M]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    max_message: Option<u64>,
    /// How long a connection may take to show the key [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    handshake_timeout: Option<Duration>,
    /// A client by TCP whose machine is silent for so long is gone; at least 3 [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    keepalive: Option<Duration>,
}

/// How many of something: one at least.
fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "not a number from 1 on".to_owned())
}

/// The signal that says that the thread has ended that started this process.
const OF_PARENT: i32 = SIGUSR1;

/// What may end the server.
enum Wake {
    Signal(i32),
    Input,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let parent = parent_id();
    // Before there are threads: they inherit what is kept.
    let signals = Signals::keep_these(&[SIGTERM, SIGINT, SIGHUP], OF_PARENT);
    bound::tell_of_parent(OF_PARENT)?;
    let listeners = systemd::listeners()?;
    let notify = systemd::Notify::from_environment();
    let key = context.key()?;
    let failed = |error: std::io::Error| Failure::new(OTHER, format!("starting a thread: {error}"));
    let log = Log::start(args.json_logs).map_err(failed)?;
    let wakes = watch(signals, args).map_err(failed)?;
    let observer = observer::observer(log.clone(), args.verbose);
    let server = Server::start(&args.listen, key, options(args, listeners), Some(observer));
    let server = server.map_err(|error| not_started(args, &error))?;
    let addresses: Vec<String> = server.addresses().iter().map(Address::to_string).collect();
    let started = Entry::new(Level::Info, "started").with("addresses", addresses.clone());
    log.add(started.with("pid", std::process::id()).with("version", env!("CARGO_PKG_VERSION")));
    let ready = announce(context, &addresses).and_then(|()| notify.tell("READY=1"));
    let reason = match &ready {
        Ok(()) => until(&wakes, parent, args),
        Err(_) => "nobody can be told that it is ready",
    };
    log.add(Entry::new(Level::Info, "ending").with("reason", reason));
    if let Err(failure) = notify.tell("STOPPING=1") {
        log.add(Entry::new(Level::Warning, "notify_failed").with("reason", failure.text));
    }
    server.stop();
    log.stop(Entry::new(Level::Info, "ended"));
    ready.map(|()| ExitCode::SUCCESS)
}

/// Why it could not start, and where.
fn not_started(args: &Args, error: &Error) -> Failure {
    let places: Vec<String> = args.listen.iter().map(|address| printable(&address.to_string())).collect();
    match (places.join(", "), error) {
        (places, Error::Exists) => Failure::new(EXISTS, format!("{places}: somebody listens there")),
        (places, error) if !places.is_empty() => Failure::about(&places, error),
        (_, error) => Failure::from(error.clone()),
    }
}

fn options(args: &Args, listeners: Vec<OwnedFd>) -> ServerOptions {
    let limits = &args.limits;
    let mut options = ServerOptions { listeners, any_user: args.any_user, ..ServerOptions::default() };
    set(&mut options.max_clients, limits.max_clients);
    set(&mut options.max_unauthenticated, limits.max_unauthenticated);
    set(&mut options.max_waiting, limits.max_waiting);
    set(&mut options.client_in_flight, limits.client_in_flight);
    set(&mut options.max_objects, limits.max_objects);
    set(&mut options.max_bytes, limits.max_bytes);
    set(&mut options.client_objects, limits.client_objects);
    set(&mut options.client_bytes, limits.client_bytes);
    set(&mut options.max_message, limits.max_message.map(|n| usize::try_from(n).unwrap_or(usize::MAX)));
    set(&mut options.handshake, limits.handshake_timeout);
    set(&mut options.keepalive, limits.keepalive);
    options
}

fn set<T>(option: &mut T, wanted: Option<T>) {
    if let Some(wanted) = wanted {
        *option = wanted;
    }
}

/// Says where clients can come; then standard output has ended for whoever reads it.
fn announce(context: &Context, addresses: &[String]) -> Result<(), Failure> {
    let mut text = String::new();
    if context.json {
        text = tame(&json!({ "addresses": addresses, "pid": std::process::id() }).to_string()) + "\n";
    } else {
        for address in addresses {
            text.push_str(&(printable(address) + "\n"));
        }
    }
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::new(OTHER, format!("standard output: {error}")))?;
    Ok(bound::end_output()?)
}

/// Threads that wait for what may end the server. The second signal that would end it does so at once, whatever the
/// server is doing.
fn watch(signals: Signals, args: &Args) -> std::io::Result<Receiver<Wake>> {
    let (sender, wakes) = channel();
    if args.stdin {
        let sender = sender.clone();
        let reader = std::thread::Builder::new().name("mproc-stdin".into());
        reader.spawn(move || end_of_input(&sender))?;
    }
    let stay = args.stay;
    let waiter = std::thread::Builder::new().name("mproc-signals".into());
    waiter.spawn(move || {
        let mut ending = false;
        loop {
            let Some(signal) = signals.next(None) else { continue };
            let ends = matches!(signal.number, SIGTERM | SIGINT) || signal.number == SIGHUP && !stay;
            if ends && std::mem::replace(&mut ending, true) {
                signals.die_of(signal.number);
            }
            // Nobody listens any more when the server is ending.
            let _ = sender.send(Wake::Signal(signal.number));
        }
    })?;
    Ok(wakes)
}

/// Reads until there is no more, nor can be.
fn end_of_input(sender: &Sender<Wake>) {
    let mut bytes = [0; 4096];
    loop {
        match std::io::stdin().lock().read(&mut bytes) {
            Ok(1..) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let _ = sender.send(Wake::Input); // nobody listens any more when the server is ending
}

/// Waits until the server is to end; why.
fn until(wakes: &Receiver<Wake>, parent: u32, args: &Args) -> &'static str {
    let with_parent = !args.stay && !args.stdin;
    loop {
        // Also before the first signal: it may have ended before it could be asked for one.
        if with_parent && parent_id() != parent {
            return "the process that started this one has ended";
        }
        match wakes.recv() {
            Ok(Wake::Signal(SIGTERM)) => return "SIGTERM",
            Ok(Wake::Signal(SIGINT)) => return "SIGINT",
            Ok(Wake::Signal(SIGHUP)) if !args.stay => return "SIGHUP",
            Ok(Wake::Signal(_)) => {}
            Ok(Wake::Input) => return "the end of standard input",
            Err(_) => return "nobody waits for signals any more",
        }
    }
}
