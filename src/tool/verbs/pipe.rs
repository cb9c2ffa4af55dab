//! `mproc pipe`.

use super::super::cli::Context;
use super::super::exit::{Failure, Outcome};
use super::super::output::print_json;
use super::messages::{lost_reader, take_whole, Amount, Input, Output};
use super::{about, bytes, not_there, open_or_create, persistent, Time};
use crate::{manager, End, Error, ObjectOptions, PipeOptions};
use serde_json::json;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  dmesg --follow | mproc pipe send log              in one shell
  mproc pipe recv log --follow                      in another one
  mproc pipe send dialogue --end 0 'how are you?'   also the other way round
  mproc pipe recv dialogue --end 1

An end of a pipe is gone when all processes that had it have ended. Each command has its end only as long as it runs: so
let both sides run as long as they talk, with messages from standard input and --follow. Where commands come and go,
use a queue.";

/// A pipe of messages between two ends, that tells when the other side is gone
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Pipe {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Create a pipe, which stays until it is removed (`mproc rm`)
    ///
    /// Fails with exit code 7 if the name is taken.
    Create {
        /// The pipe's name
        name: String,
        /// Room for messages each way, in bytes (or with K, M, G), rounded up to a power of two of at least 4K
        /// [default: 1M]
        #[arg(long, value_name = "BYTES", value_parser = bytes)]
        capacity: Option<u64>,
        /// End 1 only sends, end 0 only receives
        #[arg(long)]
        one_way: bool,
        /// Programs can have descriptors for event loops
        #[arg(long)]
        pollable: bool,
        /// If it exists already, and is what the other options say, that is fine
        #[arg(long)]
        exist_ok: bool,
    },
    /// Send messages; waits for room
    ///
    /// A pipe that is not there is created (with 1 MiB each way), and stays until it is removed (`mproc rm`). As long
    /// as nobody has ever had the other end, messages wait for it. What was sent arrives whatever happens to this
    /// process.
    #[command(after_long_help = "--timeout counts for each message anew.
Exit codes: 4 no room in time, 5 the other end is gone, 6 the message can never fit, or this end only receives.")]
    Send {
        /// The pipe's name
        name: String,
        #[command(flatten)]
        input: Input,
        /// Through which end
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(0..2))]
        end: i32,
        #[command(flatten)]
        time: Time,
        /// Fail if the pipe does not exist, instead of creating it
        #[arg(long)]
        existing: bool,
    },
    /// Receive messages, and print them; waits for them
    ///
    /// A line's end is written behind each message (--null, --raw). On a terminal, control characters are shown as
    /// escapes, but with --raw. With --json each message is a document on a line of its own:
    /// {"name":…,"message":{"text":…}}, or {"hex":…} if it is no UTF-8.
    ///
    /// Received is received: a message that then cannot be written to standard output is lost (a queue would keep it).
    #[command(after_long_help = "--timeout counts for each message anew.
Exit codes: 4 no message in time, 5 nothing is left and the other end is gone (with --follow: 0), or nobody reads
standard output, 6 this end only sends.")]
    Recv {
        /// The pipe's name
        name: String,
        #[command(flatten)]
        amount: Amount,
        /// Through which end
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..2))]
        end: i32,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        time: Time,
    },
}

pub(in super::super) fn pipe(context: &Context, command: &Pipe) -> Outcome {
    match &command.verb {
        Verb::Create { name, capacity, one_way, pollable, exist_ok } => {
            let options = PipeOptions {
                object: ObjectOptions { exist_ok: *exist_ok, ..persistent() },
                capacity_bytes: capacity.unwrap_or(0),
                one_way: *one_way,
                pollable: *pollable,
                exclusive: false,
            };
            // Without opening an end: whoever had one would be gone at once.
            let created = manager::Pipe::create(&context.site(false)?, Some(name), &options, [false, false]);
            let (_, existed) = created.map_err(|error| about(name, &error))?;
            if context.json {
                print_json(&json!({"name": name, "one_way": one_way, "created": !existed}))?;
            }
        }
        Verb::Send { name, input, end, time, existing } => {
            let site = context.site(*existing)?;
            let end = End::from_number(*end)?;
            let options = PipeOptions { object: persistent(), ..PipeOptions::default() };
            let (pipe, created) = open_or_create(
                name,
                *existing,
                || manager::Pipe::open(&site, name, end, &PipeOptions::default()),
                || {
                    let (_, existed) = manager::Pipe::create(&site, Some(name), &options, [false, false])?;
                    Ok((manager::Pipe::open(&site, name, end, &PipeOptions::default())?, existed))
                },
            )?;
            let count = input.each(|message| pipe.send(message, time.limits()).map_err(|error| about(name, &error)))?;
            if context.json {
                print_json(&json!({"name": name, "sent": count, "created": created}))?;
            }
        }
        Verb::Recv { name, amount, end, output, time } => {
            let pipe = open(context, name, End::from_number(*end)?)?;
            let mut received = 0;
            while amount.wants(received) {
                let taken = take_whole(|to| pipe.recv_into(to, time.limits()), |len| *len);
                let (message, _) = match taken {
                    Err(Error::EndOfFile) if amount.follow => break,
                    other => other.map_err(|error| about(name, &error))?,
                };
                let written = output.write(name, &message, context.json);
                written.map_err(|error| lost_reader(&error, "the message is lost"))?;
                received += 1;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(context: &Context, name: &str, end: End) -> Result<manager::Pipe, Failure> {
    manager::Pipe::open(&context.site(true)?, name, end, &PipeOptions::default())
        .map_err(|error| not_there(name, &error, "mproc pipe create"))
}
