//! `mproc keygen`: makes a key.

use super::cli::Context;
use super::exit::{Failure, Outcome};
use super::output::{print_json, printable};
use crate::manager::Key;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Make the key that a manager and its clients share
///
/// Writes 32 random bytes, as 64 hexadecimal digits, into a new file that only this user can read (mode 0600). What is
/// there already is never overwritten. Whoever has the key can use the manager, and be taken for it: copy it to the
/// machines of the clients by a way that nobody else sees, as scp.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  mproc keygen ~/.mproc-key
  mproc serve --listen tcp:0.0.0.0:7000 --key-file ~/.mproc-key

Exit codes: 3 there is no such directory, 7 the file is there already, 8 it cannot be written there.")]
pub(super) struct Args {
    /// The file to make
    file: PathBuf,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let name = args.file.to_string_lossy();
    let made = Key::generate().and_then(|key| key.save(&args.file));
    made.map_err(|error| match error {
        crate::Error::Exists => Failure::new(super::exit::EXISTS, format!("{}: is there already", printable(&name))),
        error => Failure::about(&printable(&name), &error),
    })?;
    if context.json {
        print_json(&json!({ "file": name }))?;
    }
    Ok(ExitCode::SUCCESS)
}
