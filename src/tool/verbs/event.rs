//! `mproc event`.

use super::super::cli::Context;
use super::super::exit::{Failure, Outcome, NO};
use super::super::output::print_json;
use super::{about, not_there, open_or_create, persistent, Time};
use crate::{manager, ObjectOptions};
use serde_json::json;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mproc event clear ready               make it, not set
  mproc event wait ready -t 30 || exit  until somebody sets it, at most 30 s
  mproc event set ready
  if mproc event is-set ready; then …";

/// A flag that processes wait for, shared by name
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Event {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Set it, and wake everybody who waits
    ///
    /// An event that is not there is created, and stays until it is removed (`mproc rm`).
    Set {
        /// The event's name
        name: String,
        /// Fail if it does not exist, instead of creating it
        #[arg(long)]
        existing: bool,
    },
    /// Clear it
    ///
    /// An event that is not there is created (not set), and stays until it is removed (`mproc rm`).
    Clear {
        /// The event's name
        name: String,
        /// Fail if it does not exist, instead of creating it
        #[arg(long)]
        existing: bool,
    },
    /// Wait until it is set; if it is cleared again at once, that counts, too
    Wait {
        /// The event's name
        name: String,
        #[command(flatten)]
        time: Time,
    },
    /// Whether it is set: the exit code is 0 if it is, 1 if not
    IsSet {
        /// The event's name
        name: String,
    },
}

pub(in super::super) fn event(context: &Context, command: &Event) -> Outcome {
    let (name, set) = match &command.verb {
        Verb::Set { name, existing } => {
            make(context, name, *existing)?.set().map_err(|error| about(name, &error))?;
            (name, true)
        }
        Verb::Clear { name, existing } => {
            make(context, name, *existing)?.clear().map_err(|error| about(name, &error))?;
            (name, false)
        }
        Verb::Wait { name, time } => {
            open(context, name)?.wait(time.limits()).map_err(|error| about(name, &error))?;
            (name, true)
        }
        Verb::IsSet { name } => (name, open(context, name)?.is_set().map_err(|error| about(name, &error))?),
    };
    if context.json {
        print_json(&json!({"name": name, "set": set}))?;
    }
    let no = matches!(command.verb, Verb::IsSet { .. }) && !set;
    Ok(if no { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

fn make(context: &Context, name: &str, existing: bool) -> Result<manager::Event, Failure> {
    let site = context.site(existing)?;
    let (event, _) = open_or_create(
        name,
        existing,
        || manager::Event::open(&site, name, &ObjectOptions::default()),
        || manager::Event::create(&site, Some(name), &persistent()),
    )?;
    Ok(event)
}

fn open(context: &Context, name: &str) -> Result<manager::Event, Failure> {
    manager::Event::open(&context.site(true)?, name, &ObjectOptions::default())
        .map_err(|error| not_there(name, &error, "mproc event clear"))
}
