//! What there is on the command line.

use super::exit::{Failure, Outcome, HELP, MISMATCH, USAGE};
use super::output::printable;
use crate::manager::{Address, Key, Link, Site};
use crate::{Domain, DomainOptions};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Looks at shared objects without disturbing anybody, tidies up, gives shell scripts values, arrays, dicts, lists,
/// namespaces, queues, pipes, events, semaphores and locks, and serves them to other machines.
#[derive(Parser)]
#[command(name = "mproc", version, after_help = HELP, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

/// What every command knows.
#[derive(Args, Clone)]
pub(super) struct Context {
    /// The domain's directory [default: $MPROC_DOMAIN, else /dev/shm/mproc-<uid>]
    #[arg(short, long, global = true, value_name = "DIR")]
    domain: Option<PathBuf>,
    /// Use a manager's objects instead of a domain's: unix:/path or tcp:host:port [default: $MPROC_MANAGER, without -d]
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = Address::parse)]
    #[arg(conflicts_with_all = ["domain", "group"])]
    manager: Option<Address>,
    /// The key that the manager and its clients share: see `mproc keygen` [default: $MPROC_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Every operation is a request to the manager, also on the same machine, where it would give its memory
    #[arg(long, global = true)]
    proxy: bool,
    /// The domain is a group's: its directory has mode 2770, its files 0660
    #[arg(long, global = true)]
    group: bool,
    /// For programs: one JSON document on standard output
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Context {
    /// The domain's directory, whether or not it is there.
    pub(super) fn path(&self) -> PathBuf {
        self.domain.clone().unwrap_or_else(Domain::default_path)
    }

    /// The domain, with some options; which one it is says the command line.
    fn open(&self, options: DomainOptions) -> Result<Domain, Failure> {
        Domain::open(&DomainOptions { path: self.domain.clone(), group: self.group, ..options })
            .map_err(|error| Failure::about(&printable(&self.path().to_string_lossy()), &error))
    }

    /// Where the manager is whose objects are meant; `None`: a domain's are.
    pub(super) fn manager(&self) -> Result<Option<Address>, Failure> {
        let address = match (&self.manager, variable("MPROC_MANAGER")) {
            (Some(address), _) => Some(address.clone()),
            (None, Some(text)) if self.domain.is_none() && !self.group => {
                let text = text.to_string_lossy();
                let parsed = Address::parse(&text);
                Some(parsed.map_err(|error| Failure::about(&format!("MPROC_MANAGER: {}", printable(&text)), &error))?)
            }
            _ => None,
        };
        Ok(match address {
            Some(Address::Unix { path, .. }) if self.proxy => Some(Address::Unix { path, proxies: true }),
            other => other,
        })
    }

    /// The connection to the manager, for a command that is about nothing else.
    pub(super) fn connection(&self) -> Result<(Address, Arc<Link>), Failure> {
        let missing = || Failure::new(USAGE, "which manager? (--manager, or MPROC_MANAGER)");
        let address = self.manager()?.ok_or_else(missing)?;
        let link = super::manager::connect(&address, self.key()?)?;
        Ok((address, link))
    }

    /// The file with the key, if one is named.
    pub(super) fn key_file(&self) -> Option<PathBuf> {
        self.key_file.clone().or_else(|| variable("MPROC_KEY_FILE").map(PathBuf::from))
    }

    /// The key, if there is to be one.
    pub(super) fn key(&self) -> Result<Option<Key>, Failure> {
        let load = |path: PathBuf| {
            Key::load(&path).map_err(|error| Failure::about(&printable(&path.to_string_lossy()), &error))
        };
        self.key_file().map(load).transpose()
    }

    /// Where objects are found and, but with `existing`, made: the manager's, or the domain, which is created if need
    /// be.
    pub(super) fn site(&self, existing: bool) -> Result<Site, Failure> {
        match self.manager()? {
            Some(address) => super::manager::connect(&address, self.key()?).map(Site::Manager),
            None => self.open(DomainOptions { existing, ..DomainOptions::default() }).map(Site::Domain),
        }
    }

    /// The same, for what is to be held while a command runs: the membership can be left to the command; what a manager
    /// has is held by the connection.
    pub(super) fn site_to_leave(&self, existing: bool) -> Result<Site, Failure> {
        match self.manager()? {
            Some(address) => super::manager::connect_far(&address, self.key()?).map(Site::Manager),
            None => {
                let options = DomainOptions { existing, keep_membership: true, ..DomainOptions::default() };
                self.open(options).map(Site::Domain)
            }
        }
    }

    /// That a domain is meant, for a command that looks at memory.
    fn only_domain(&self, command: &str) -> Result<(), Failure> {
        match self.manager()? {
            None => Ok(()),
            Some(address) => {
                let why = "looks at the memory of a domain of this machine (-d), not at a manager's objects";
                Err(Failure::new(MISMATCH, format!("{}: `{command}` {why}", printable(&address.to_string()))))
            }
        }
    }

    /// That nothing is said of where objects are, for a command that has nothing to do with any.
    fn no_place(&self, command: &str) -> Result<(), Failure> {
        if self.domain.is_none() && !self.group && self.manager.is_none() && !self.proxy {
            return Ok(());
        }
        let why = "has nothing to do with --domain, --group, --manager and --proxy";
        Err(Failure::new(USAGE, format!("`{command}` {why}")))
    }
}

/// A variable of the environment that says something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[derive(Subcommand)]
enum Command {
    Ls(super::ls::Args),
    Inspect(super::inspect::Args),
    Top(super::top::Args),
    Ps(super::ps::Args),
    Gc(super::gc::Args),
    Rm(super::rm::Args),
    Doctor(super::doctor::Args),
    Value(super::verbs::Value),
    Array(super::verbs::Array),
    Dict(super::verbs::Dict),
    List(super::verbs::List),
    #[command(name = "ns", visible_alias = "namespace")]
    Namespace(super::verbs::Namespace),
    Queue(super::verbs::Queue),
    Pipe(super::verbs::Pipe),
    Event(super::verbs::Event),
    Sem(super::verbs::Sem),
    Lock(super::lock::Args),
    Serve(Box<super::serve::Args>),
    Status(super::status::Args),
    Call(super::verbs::Call),
    Keygen(super::keygen::Args),
    Completions(super::shell::Completions),
    Man(super::shell::Man),
}

impl Command {
    /// Whether what the command line says of where objects are makes sense for it.
    fn check(&self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::Inspect(_) => context.only_domain("inspect"),
            Command::Top(_) => context.only_domain("top"),
            Command::Ps(_) => context.only_domain("ps"),
            Command::Gc(_) => context.only_domain("gc"),
            Command::Doctor(_) => context.only_domain("doctor"),
            Command::Serve(_) => context.no_place("serve"),
            Command::Keygen(_) => context.no_place("keygen"),
            _ => Ok(()),
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let Cli { context, command } = Cli::parse();
    let outcome = command.check(&context).and_then(|()| run(&context, command));
    outcome.unwrap_or_else(|failure| {
        anstream::eprintln!("mproc: {}", failure.text);
        ExitCode::from(failure.code)
    })
}

fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Ls(args) => super::ls::run(context, &args),
        Command::Inspect(args) => super::inspect::run(context, &args),
        Command::Top(args) => super::top::run(context, &args),
        Command::Ps(args) => super::ps::run(context, &args),
        Command::Gc(args) => super::gc::run(context, &args),
        Command::Rm(args) => super::rm::run(context, &args),
        Command::Doctor(args) => super::doctor::run(context, &args),
        Command::Value(verb) => super::verbs::value(context, &verb),
        Command::Array(verb) => super::verbs::array(context, &verb),
        Command::Dict(verb) => super::verbs::dict(context, &verb),
        Command::List(verb) => super::verbs::list(context, &verb),
        Command::Namespace(verb) => super::verbs::namespace(context, &verb),
        Command::Queue(verb) => super::verbs::queue(context, &verb),
        Command::Pipe(verb) => super::verbs::pipe(context, &verb),
        Command::Event(verb) => super::verbs::event(context, &verb),
        Command::Sem(verb) => super::verbs::sem(context, &verb),
        Command::Lock(args) => super::lock::run(context, &args),
        Command::Serve(args) => super::serve::run(context, &args),
        Command::Status(args) => super::status::run(context, &args),
        Command::Call(args) => super::verbs::call(context, &args),
        Command::Keygen(args) => super::keygen::run(context, &args),
        Command::Completions(args) => super::shell::completions(&args, &mut Cli::command()),
        Command::Man(args) => super::shell::man(&args, Cli::command()),
    }
}
