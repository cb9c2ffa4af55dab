//! `mproc lock`: runs a command under a lock. And what it has in common with `mproc sem run`.
//!
//! Who holds the lock is this process, and it holds it as long as it is a member of the domain, which is a lock on a
//! file description. The command inherits that description: so it still counts as the holder when this process is
//! killed, until the command, which is killed as well, is gone. A manager's lock is held by the connection.

use super::cli::Context;
use super::exit::{Failure, Outcome, OTHER};
use super::output::printable;
use super::verbs::{about, open_or_create, persistent, Time};
use crate::manager::{Lock, Site};
use crate::sys::bound::{Signal, Signals};
use crate::{Acquired, Error, Handle, Limits, ObjectOptions};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGTSTP};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  mproc lock deploy -- ./deploy.sh                  waits for its turn
  mproc lock -n backup -- rsync -a /home /backup || [ $? -eq 4 ]
                                                    if another one runs, there is nothing to do
  mproc lock db -- sh -c 'test -z \"$MPROC_RECOVERED\" || ./repair; ./migrate'

Exit codes: the command's; 128 + N if it was killed by signal N; 126 it cannot be run, 127 not found; before it has \
started also those of all commands, as 4: the time was over, or (with -n) somebody has the lock.";

/// Run a command while holding a lock
///
/// The lock is created if there is none, and stays until it is removed (`mproc rm`). It is released when the command
/// ends, also if it has left processes in the background. It is not recursive: a command that asks for it again waits
/// for itself.
///
/// If the previous holder died while it had the lock, or was a command that was killed by a signal, that is said on
/// standard error, and the command finds MPROC_RECOVERED=1 in its environment: what the lock protects may be half done.
/// It also finds MPROC_DOMAIN (or MPROC_MANAGER and MPROC_KEY_FILE), so that what it uses is in the same place.
///
/// Signals: Ctrl-C, Ctrl-\ and Ctrl-Z at the terminal go to the command and to this process, which waits for it. HUP,
/// INT, QUIT, TERM, USR1, USR2, TSTP and CONT sent to this process are passed on to the command.
///
/// If this process is killed (kill -9), the command is killed as well, and the lock becomes free only when it is dead:
/// the command inherits the file description that the lock hangs on. So do processes that the command starts; one that
/// survives and has not closed its descriptors keeps the lock then, as with flock(1). With --close they do not inherit
/// it: then a command killed together with this process can still be dying when the next one gets the lock. (A command
/// that is set-user-ID is not killed, says the kernel.)
///
/// A lock of a manager's (--manager) is held by the connection to it, and so as with --close: it becomes free, and
/// counts as one whose holder died, also when the connection is lost, or the manager ends. The command is not told.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The lock's name
    name: String,
    /// Do not wait: if somebody has the lock, fail at once, with exit code 4
    #[arg(short = 'n', long, conflicts_with = "timeout")]
    no_wait: bool,
    #[command(flatten)]
    time: Time,
    /// Fail if the lock does not exist, instead of creating it
    #[arg(long)]
    existing: bool,
    /// If the lock is created: let it vanish with its last user (and with it the knowledge that this one was killed)
    #[arg(long, conflicts_with = "existing")]
    ephemeral: bool,
    #[command(flatten)]
    program: Program,
}

/// A command to run.
#[derive(clap::Args)]
pub(super) struct Program {
    /// The command does not inherit what keeps the lock or permit taken until it is dead
    #[arg(long)]
    close: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What is held while a command runs.
pub(super) struct Held<'a> {
    pub(super) name: &'a str,
    /// What to say if it was recovered.
    pub(super) recovered: &'a str,
    pub(super) take: &'a dyn Fn(Limits) -> crate::Result<Acquired>,
    pub(super) give: &'a dyn Fn() -> Result<(), Failure>,
    /// Whether the next one is to hear of it if the command is killed, as if this process had been.
    pub(super) protects: bool,
}

/// Where it is held, and what a command inherits of that.
pub(super) struct Leave<'a> {
    context: &'a Context,
    site: &'a Site,
    /// The use of the object; a manager keeps it by itself.
    object: Option<Handle>,
}

impl<'a> Leave<'a> {
    /// `object`: the use of what is held there.
    pub(super) fn new(
        context: &'a Context,
        site: &'a Site,
        object: impl FnOnce() -> crate::Result<Handle>,
    ) -> crate::Result<Leave<'a>> {
        let object = match site {
            Site::Domain(_) => Some(object()?),
            Site::Manager(_) => None,
        };
        Ok(Leave { context, site, object })
    }

    /// What keeps it held until the command is dead: the membership, and the use of the object.
    fn descriptors(&self) -> Result<Vec<BorrowedFd<'_>>, Failure> {
        let (Site::Domain(domain), Some(object)) = (self.site, &self.object) else { return Ok(Vec::new()) };
        let membership = domain.membership().ok_or_else(|| Failure::new(OTHER, "the membership was not kept"))?;
        let [_, object] = object.borrowed();
        Ok(vec![membership, object])
    }

    /// So that what the command uses is in the same place.
    fn tell(&self, command: &mut Command) -> Result<(), Failure> {
        let link = match self.site {
            Site::Domain(domain) => {
                command.env("MPROC_DOMAIN", domain.path()).env_remove("MPROC_MANAGER");
                return Ok(());
            }
            Site::Manager(link) => link,
        };
        command.env("MPROC_MANAGER", link.address().to_string());
        if let Some(file) = self.context.key_file() {
            // It may work in another directory.
            let absolute = std::path::absolute(&file);
            let absolute = absolute.map_err(|error| Failure::new(OTHER, format!("{}: {error}", file.display())))?;
            command.env("MPROC_KEY_FILE", absolute);
        }
        Ok(())
    }

    /// Nobody holds anything here any more, also where processes in the background have inherited the membership.
    fn end(&self) -> crate::Result<()> {
        match self.site {
            Site::Domain(domain) => domain.resign(),
            Site::Manager(_) => Ok(()), // the connection, which nobody inherits, ends with this process
        }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let name = args.name.as_str();
    let site = context.site_to_leave(args.existing)?;
    let options = ObjectOptions { persist: !args.ephemeral, ..persistent() };
    let (lock, _) = open_or_create(
        name,
        args.existing,
        || Lock::open(&site, name, &ObjectOptions::default()),
        || Lock::create(&site, Some(name), &options),
    )?;
    let leave = Leave::new(context, &site, || lock.export()).map_err(|error| about(name, &error))?;
    let held = Held {
        name,
        recovered: "the lock is recovered: its previous holder died with it, what it protects may be half done",
        take: &|limits| lock.lock(limits),
        give: &|| {
            // One that anybody may release may be somebody else's by now.
            match lock.owner() {
                Ok(Some(owner)) if owner.is_self => lock.unlock(),
                Ok(_) => Err(Error::NotOwner),
                Err(error) => Err(error),
            }
            .map_err(|error| about(name, &error))
        },
        protects: true,
    };
    let timeout = if args.no_wait { Some(Duration::ZERO) } else { args.time.timeout };
    run_with(&held, &leave, timeout, &args.program)
}

/// How often the signals are looked at while it waits for its turn.
const SLICE: Duration = Duration::from_millis(50);

/// Takes it, runs the command, gives it back; ends as the command did.
pub(super) fn run_with(held: &Held, leave: &Leave, timeout: Option<Duration>, program: &Program) -> Outcome {
    // From here on a signal that would end this process waits until there is nothing to be given back.
    let signals = Signals::keep();
    let inherited = if program.close { Vec::new() } else { leave.descriptors()? };
    let mut command = Command::new(&program.command[0]);
    command.args(&program.command[1..]).env_remove("MPROC_RECOVERED");
    leave.tell(&mut command)?;
    let acquired = take(held, &signals, timeout)?;
    if acquired == Acquired::Recovered {
        anstream::eprintln!("mproc: {}: {}", printable(held.name), held.recovered);
    }
    // Before the command: nobody has repaired anything. Then the next one must hear of it again, as it does when this
    // process ends with it.
    let return_untouched = || {
        if acquired == Acquired::Clean {
            give(held);
        }
    };
    if let Some(number) = signals_meanwhile(&signals) {
        return_untouched();
        signals.die_of(number);
    }
    if acquired == Acquired::Recovered {
        command.env("MPROC_RECOVERED", "1");
    }
    let child = match signals.spawn(&mut command, &inherited) {
        Ok(child) => child,
        Err(error) => {
            return_untouched();
            let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
            let what = printable(&program.command[0].to_string_lossy());
            return Err(Failure::new(code, format!("{what}: {error}")));
        }
    };
    let status = accompany(child, &signals);
    let was_killed = !matches!(&status, Ok(status) if status.code().is_some());
    if !(held.protects && was_killed) {
        give(held);
    }
    if let Err(error) = leave.end() {
        anstream::eprintln!("mproc: {}: {error}", printable(held.name));
    }
    match status {
        Ok(status) => Ok(ExitCode::from(exit_code(status))),
        Err(error) => Err(Failure::new(OTHER, format!("waiting for the command: {error}"))),
    }
}

/// Waits for its turn; a signal that ends this process does so.
fn take(held: &Held, signals: &Signals, timeout: Option<Duration>) -> Result<Acquired, Failure> {
    let began = Instant::now();
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        let slice = left.map_or(SLICE, |left| left.min(SLICE));
        match (held.take)(Limits::within(slice)) {
            Err(Error::TimedOut) if left.is_none_or(|left| left > slice) => {}
            other => return other.map_err(|error| about(held.name, &error)),
        }
        if let Some(number) = signals_meanwhile(signals) {
            signals.die_of(number);
        }
    }
}

/// Deals with what has come while there was no command: a signal to die of, if there is one.
fn signals_meanwhile(signals: &Signals) -> Option<i32> {
    while let Some(Signal { number, .. }) = signals.next(Some(Duration::ZERO)) {
        match number {
            SIGTSTP => signals.stop(),
            SIGCONT | SIGCHLD => {}
            _ => return Some(number),
        }
    }
    None
}

/// Passes signals on until the command ends.
fn accompany(mut child: Child, signals: &Signals) -> std::io::Result<ExitStatus> {
    // What has come by now may have come before there was a command to get it: that is passed on in any case.
    while let Some(signal) = signals.next(Some(Duration::ZERO)) {
        pass_on(&child, signals, Signal { from_terminal: false, ..signal });
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if let Some(signal) = signals.next(None) {
            pass_on(&child, signals, signal);
        }
    }
}

/// Keys at the terminal go to everybody there anyway. (That it is gone, the kernel only tells the leader of the session.)
fn pass_on(child: &Child, signals: &Signals, signal: Signal) {
    let sent = match signal.number {
        SIGCHLD => Ok(()),
        number if signal.from_terminal && number != SIGHUP => Ok(()),
        number => Signals::send(child, number),
    };
    if let Err(error) = sent {
        anstream::eprintln!("mproc: passing signal {} on: {error}", signal.number);
    }
    if signal.number == SIGTSTP {
        signals.stop();
    }
}

/// As a shell says it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Gives it back. The exit code is the command's: what goes wrong here is only said.
fn give(held: &Held) {
    if let Err(failure) = (held.give)() {
        anstream::eprintln!("mproc: {}", failure.text);
    }
}
