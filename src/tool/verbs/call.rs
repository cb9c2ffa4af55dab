//! `mproc call`.

use super::super::cli::Context;
use super::super::exit::{Failure, Outcome, MISMATCH};
use super::super::output::{print_raw, printable};
use super::container::{line, value, Raw};
use super::{about, Time};
use crate::objects::datum::decode;
use crate::Datum;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mproc call --manager unix:/run/mproc.sock resize '{\"file\": \"a.png\", \"width\": 640}'
  MPROC_MANAGER=tcp:host:7000 mproc call now

Exit codes: 3 there is no such procedure, 4 the time was over (what it does may be done all the same), 12 the \
connection was lost (so here); and those that belong to what the procedure itself says.";

/// Call a procedure that is registered with a manager, and print its result
///
/// Procedures are registered by the program in which the manager runs (mproc_manager_register()); `mproc serve` has
/// none. The argument is JSON, and so is what is printed; see `mproc dict get --help` on how they are written.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in super::super) struct Call {
    /// The procedure's name
    name: String,
    /// Its argument: JSON; a word that is not JSON is a string [default: null]
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    argument: Option<String>,
    #[command(flatten)]
    raw: Raw,
    #[command(flatten)]
    time: Time,
}

pub(in super::super) fn call(context: &Context, args: &Call) -> Outcome {
    let name = args.name.as_str();
    let argument = match &args.argument {
        Some(text) => value(text).map_err(|why| Failure::new(MISMATCH, format!("{}: {why}", printable(name))))?,
        None => Datum::Nil.encode().map_err(|error| about(name, &error))?.to_vec(),
    };
    let (_, link) = context.connection()?;
    let print = |result: &[u8]| if context.json { line(result) } else { args.raw.text(result) };
    let called = decode(&argument).and_then(|argument| argument.encode());
    let called = called.and_then(|argument| link.call(name, &argument, args.time.limits(), print));
    let text = called.map_err(|error| about(name, &error))?;
    print_raw(format!("{text}\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
