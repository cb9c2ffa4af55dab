//! What there is on the command line.

use super::exit::{Failure, Outcome, HELP};
use super::output::printable;
use crate::{Domain, DomainOptions};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Looks at shared objects without disturbing anybody, tidies up, and gives shell scripts values, arrays, dicts, lists,
/// namespaces, queues, pipes, events, semaphores and locks.
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

    /// The domain, joined, and created if need be.
    pub(super) fn join(&self) -> Result<Domain, Failure> {
        self.open(DomainOptions::default())
    }

    /// The domain, joined so that the membership can be left to a command.
    pub(super) fn join_to_leave(&self, existing: bool) -> Result<Domain, Failure> {
        self.open(DomainOptions { existing, keep_membership: true, ..DomainOptions::default() })
    }

    /// The domain, with some options; which one it is says the command line.
    pub(super) fn open(&self, options: DomainOptions) -> Result<Domain, Failure> {
        Domain::open(&DomainOptions { path: self.domain.clone(), group: self.group, ..options })
            .map_err(|error| Failure::about(&printable(&self.path().to_string_lossy()), &error))
    }
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
    Completions(super::shell::Completions),
    Man(super::shell::Man),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let Cli { context, command } = Cli::parse();
    let outcome: Outcome = match command {
        Command::Ls(args) => super::ls::run(&context, &args),
        Command::Inspect(args) => super::inspect::run(&context, &args),
        Command::Top(args) => super::top::run(&context, &args),
        Command::Ps(args) => super::ps::run(&context, &args),
        Command::Gc(args) => super::gc::run(&context, &args),
        Command::Rm(args) => super::rm::run(&context, &args),
        Command::Doctor(args) => super::doctor::run(&context, &args),
        Command::Value(verb) => super::verbs::value(&context, &verb),
        Command::Array(verb) => super::verbs::array(&context, &verb),
        Command::Dict(verb) => super::verbs::dict(&context, &verb),
        Command::List(verb) => super::verbs::list(&context, &verb),
        Command::Namespace(verb) => super::verbs::namespace(&context, &verb),
        Command::Queue(verb) => super::verbs::queue(&context, &verb),
        Command::Pipe(verb) => super::verbs::pipe(&context, &verb),
        Command::Event(verb) => super::verbs::event(&context, &verb),
        Command::Sem(verb) => super::verbs::sem(&context, &verb),
        Command::Lock(args) => super::lock::run(&context, &args),
        Command::Completions(args) => super::shell::completions(&args, &mut Cli::command()),
        Command::Man(args) => super::shell::man(&args, Cli::command()),
    };
    outcome.unwrap_or_else(|failure| {
        anstream::eprintln!("mproc: {}", failure.text);
        ExitCode::from(failure.code)
    })
}
