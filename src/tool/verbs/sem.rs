//! `mproc sem`.

use super::super::cli::Context;
use super::super::exit::{is_like, Failure, Outcome, MISMATCH};
use super::super::lock::{run_with, Held, Leave, Program};
use super::super::output::{print_json, print_line, printable};
use super::{about, mismatch, not_there, open_or_create, persistent, Time};
use crate::manager::Semaphore;
use crate::sync::Timeout;
use crate::{Error, Limits, ObjectOptions, SemaphoreOptions};
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  mproc sem create slots --value 4 --accounting
  mproc sem run slots -- convert a.png a.jpg        at most 4 of these at a time
  mproc sem create tokens --value 0
  mproc sem release tokens 3
  mproc sem acquire tokens -t 5";

/// A semaphore: permits to take and to give back, shared by name
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Sem {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Create a semaphore, which stays until it is removed (`mproc rm`)
    ///
    /// Fails with exit code 7 if the name is taken.
    Create {
        /// The semaphore's name
        name: String,
        /// Permits at the beginning: 0 to 2147483647
        #[arg(long, value_name = "N")]
        value: u32,
        /// Giving back more than that is an error
        #[arg(long)]
        bounded: bool,
        /// Permits belong to the processes that took them, and come back when these die: for `sem run`, and programs
        #[arg(long)]
        accounting: bool,
        /// If it exists already, and is what the other options say, that is fine
        #[arg(long)]
        exist_ok: bool,
    },
    /// Take permits; waits for them
    ///
    /// One after the other; if there are not N of them in time, those taken go back. They stay taken when this command
    /// has ended, until somebody releases them: so this is not for accounting semaphores, whose permits come back at
    /// the end of the process that took them (see `sem run`).
    #[command(after_long_help = "Exit codes: 4 not enough permits in time, 6 an accounting semaphore.")]
    Acquire {
        /// The semaphore's name
        name: String,
        /// How many permits
        #[arg(default_value_t = 1, value_name = "N")]
        count: u32,
        #[command(flatten)]
        time: Time,
    },
    /// Give permits back
    #[command(
        after_long_help = "Exit codes: 6 more than a bounded semaphore's initial value, or an accounting semaphore."
    )]
    Release {
        /// The semaphore's name
        name: String,
        /// How many permits
        #[arg(default_value_t = 1, value_name = "N")]
        count: u32,
    },
    /// Print how many permits can be taken
    Value {
        /// The semaphore's name
        name: String,
    },
    /// Run a command with a permit, which is given back when the command ends
    ///
    /// Signals, stopping and exit codes as with `mproc lock`; so is what happens if this process is killed (kill -9):
    /// the command is killed as well. The permit of an accounting semaphore then comes back as soon as the command is
    /// dead. The permit of any other semaphore is lost: nobody can know that it was taken.
    #[command(after_long_help = "\
Exit codes: the command's; 128 + N if it was killed by signal N; 126 it cannot be run, 127 not found; before it has \
started also those of all commands, as 4: no permit in time.")]
    Run {
        /// The semaphore's name
        name: String,
        /// If it does not exist: create an accounting one with N permits
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        create: Option<u32>,
        #[command(flatten)]
        time: Time,
        #[command(flatten)]
        program: Program,
    },
}

pub(in super::super) fn sem(context: &Context, command: &Sem) -> Outcome {
    match &command.verb {
        Verb::Create { name, value, bounded, accounting, exist_ok } => {
            let object = ObjectOptions { exist_ok: *exist_ok, ..persistent() };
            let options = SemaphoreOptions { object, initial: *value, bounded: *bounded, accounting: *accounting };
            let created = Semaphore::create(&context.site(false)?, Some(name), &options);
            let (_, existed) = created.map_err(|error| about(name, &error))?;
            if context.json {
                print_json(&json!({"name": name, "initial": value, "created": !existed}))?;
            }
        }
        Verb::Acquire { name, count, time } => {
            let semaphore = plain(name, open(context, name)?, "sem acquire")?;
            acquire(name, &semaphore, *count, time.timeout)?;
            show(context, name, &semaphore, false)?;
        }
        Verb::Release { name, count } => {
            let semaphore = plain(name, open(context, name)?, "sem release")?;
            semaphore.release(*count).map_err(|error| about(name, &error))?;
            show(context, name, &semaphore, false)?;
        }
        Verb::Value { name } => show(context, name, &open(context, name)?, true)?,
        Verb::Run { name, create, time, program } => return run(context, name, *create, time, program),
    }
    Ok(ExitCode::SUCCESS)
}

fn open(context: &Context, name: &str) -> Result<Semaphore, Failure> {
    Semaphore::open(&context.site(true)?, name, &ObjectOptions::default())
        .map_err(|error| not_there(name, &error, "mproc sem create"))
}

/// Permits that go back when this command ends would be of no use.
fn plain(name: &str, semaphore: Semaphore, verb: &str) -> Result<Semaphore, Failure> {
    if semaphore.info().map_err(|error| about(name, &error))?.accounting {
        let why =
            format!("{verb}: permits of an accounting semaphore belong to a process, and go with it; use sem run");
        return Err(mismatch(name, why));
    }
    Ok(semaphore)
}

fn acquire(name: &str, semaphore: &Semaphore, count: u32, timeout: Option<Duration>) -> Result<(), Failure> {
    let began = Instant::now();
    for taken in 0..count {
        let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        let limits = left.map_or(Limits::forever(), |left| Limits::new(Timeout::from(left), None));
        if let Err(error) = semaphore.acquire(limits) {
            // All or nothing; what this command took can always go back.
            semaphore.release(taken).map_err(|worse| about(name, &worse))?;
            return Err(about(name, &error));
        }
    }
    Ok(())
}

/// The value: asked for, or for programs.
fn show(context: &Context, name: &str, semaphore: &Semaphore, asked: bool) -> Result<(), Failure> {
    let info = semaphore.info().map_err(|error| about(name, &error))?;
    if context.json {
        return print_json(&json!({
            "name": name, "value": info.value, "initial": info.initial, "bounded": info.bounded,
            "accounting": info.accounting, "holders": info.accounting.then_some(info.holders)
        }));
    }
    if asked {
        print_line(&info.value.to_string())?;
    }
    Ok(())
}

fn run(context: &Context, name: &str, create: Option<u32>, time: &Time, program: &Program) -> Outcome {
    let site = context.site_to_leave(create.is_none())?;
    let made =
        SemaphoreOptions { object: persistent(), initial: create.unwrap_or(1), bounded: false, accounting: true };
    let opened = || Semaphore::open(&site, name, &ObjectOptions::default());
    let (semaphore, _) =
        open_or_create(name, create.is_none(), opened, || Semaphore::create(&site, Some(name), &made))?;
    let leave = Leave::new(context, &site, || semaphore.export()).map_err(|error| about(name, &error))?;
    let held = Held {
        name,
        recovered: "a process died with permits, which came back",
        take: &|limits| semaphore.acquire(limits),
        give: &|| match semaphore.release(1) {
            // Somebody else gave back more than was taken; this permit is one of them.
            Err(error) if is_like(&error, &Error::Overflow("")) => {
                Err(Failure::new(MISMATCH, format!("{}: all permits were back already", printable(name))))
            }
            other => other.map_err(|error| about(name, &error)),
        },
        protects: false,
    };
    run_with(&held, &leave, time.timeout, program)
}
