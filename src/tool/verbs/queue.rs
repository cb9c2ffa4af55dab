//! `mproc queue`.

use super::super::cli::Context;
use super::super::exit::{Failure, Outcome};
use super::super::output::{print_json, print_line};
use super::messages::{lost_reader, take_whole, Amount, Input, Output};
use super::{about, bytes, not_there, open_or_create, persistent, Time};
use crate::{manager, Error, Limits, ObjectOptions, QueueOptions};
use serde_json::json;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mproc queue put jobs 'resize a.png' 'resize b.png'
  find . -name '*.png' -print0 | mproc queue put jobs --null
  mproc queue put jobs --whole < archive.tar
  mproc queue get jobs                              one message; waits for it
  mproc queue get jobs --follow | while read -r job; do …; done
  mproc queue get jobs --follow --timeout 0         what is there, then exit code 4
  mproc queue close jobs                            no more come; --follow ends when all are taken";

/// A queue of messages, for many who put and many who get
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Queue {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Create a queue, which stays until it is removed (`mproc rm`)
    ///
    /// Fails with exit code 7 if the name is taken.
    Create {
        /// The queue's name
        name: String,
        /// Room for messages, in bytes (or with K, M, G), rounded up to a power of two of at least 4K [default: 1M]
        #[arg(long, value_name = "BYTES", value_parser = bytes)]
        capacity: Option<u64>,
        /// Most messages at a time [default: as many as fit]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        max_items: Option<u32>,
        /// Programs take messages under a lease: what a consumer had that dies goes back to the front
        #[arg(long)]
        lease: bool,
        /// Unfinished messages are counted, so that programs can wait until everything is done
        #[arg(long)]
        joinable: bool,
        /// Programs can have descriptors for event loops
        #[arg(long)]
        pollable: bool,
        /// If it exists already, and is what the other options say, that is fine
        #[arg(long)]
        exist_ok: bool,
    },
    /// Put messages at the end; waits for room
    ///
    /// A queue that is not there is created (with 1 MiB), and stays until it is removed (`mproc rm`). A message may
    /// have any bytes. What was put stays in the queue whatever happens to this process.
    #[command(after_long_help = "Exit codes: 4 no room in time, 5 the queue is closed, 6 the message can never fit.")]
    Put {
        /// The queue's name
        name: String,
        #[command(flatten)]
        input: Input,
        #[command(flatten)]
        time: Time,
        /// Fail if the queue does not exist, instead of creating it
        #[arg(long)]
        existing: bool,
    },
    /// Take messages from the front, and print them; waits for them
    ///
    /// A line's end is written behind each message (--null, --raw). On a terminal, control characters are shown as
    /// escapes, but with --raw. With --json each message is a document on a line of its own:
    /// {"name":…,"message":{"text":…}}, or {"hex":…} if it is no UTF-8.
    ///
    /// A message leaves the queue only when it has been written out. If it cannot be written, or this process is killed
    /// before, it goes back to the front; so one that is killed between the two can be delivered twice, none is lost.
    #[command(after_long_help = "--timeout counts for each message anew.
Exit codes: 4 no message in time, 5 the queue is closed and empty (with --follow: 0), or nobody reads standard
output.")]
    Get {
        /// The queue's name
        name: String,
        #[command(flatten)]
        amount: Amount,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        time: Time,
    },
    /// Print how many messages can be taken
    Len {
        /// The queue's name
        name: String,
    },
    /// Close the queue: nothing goes in any more, what is inside can still be taken
    Close {
        /// The queue's name
        name: String,
        /// Nothing comes out any more either: messages inside are dropped
        #[arg(long)]
        now: bool,
    },
}

pub(in super::super) fn queue(context: &Context, command: &Queue) -> Outcome {
    match &command.verb {
        Verb::Create { name, capacity, max_items, lease, joinable, pollable, exist_ok } => {
            let options = QueueOptions {
                object: ObjectOptions { exist_ok: *exist_ok, ..persistent() },
                capacity_bytes: capacity.unwrap_or(0),
                max_items: max_items.unwrap_or(0),
                lease: *lease,
                joinable: *joinable,
                pollable: *pollable,
            };
            let created = manager::Queue::create(&context.site(false)?, Some(name), &options);
            let (queue, existed) = created.map_err(|error| about(name, &error))?;
            if context.json {
                let info = queue.info().map_err(|error| about(name, &error))?;
                let capacity = info.capacity_bytes;
                print_json(&json!({"name": name, "capacity_bytes": capacity, "created": !existed}))?;
            }
        }
        Verb::Put { name, input, time, existing } => {
            let site = context.site(*existing)?;
            let (queue, created) = open_or_create(
                name,
                *existing,
                || manager::Queue::open(&site, name, &QueueOptions::default()),
                || manager::Queue::create(&site, Some(name), &made()),
            )?;
            let count = input.each(|message| queue.put(message, time.limits()).map_err(|error| about(name, &error)))?;
            if context.json {
                print_json(&json!({"name": name, "put": count, "created": created}))?;
            }
        }
        Verb::Get { name, amount, output, time } => {
            let queue = open(context, name)?;
            let mut taken = 0;
            while amount.wants(taken) {
                match lease(&queue, time.limits()) {
                    Ok((id, message)) => deliver(name, &queue, id, output.write(name, &message, context.json))?,
                    Err(Error::Closed) if amount.follow => break,
                    Err(error) => return Err(about(name, &error)),
                }
                taken += 1;
            }
        }
        Verb::Len { name } => {
            let len = open(context, name)?.size().map_err(|error| about(name, &error))?;
            if context.json {
                print_json(&json!({"name": name, "len": len}))?;
            } else {
                print_line(&len.to_string())?;
            }
        }
        Verb::Close { name, now } => {
            open(context, name)?.shutdown(*now).map_err(|error| about(name, &error))?;
            if context.json {
                print_json(&json!({"name": name, "state": if *now { "closed" } else { "draining" }}))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn made() -> QueueOptions {
    QueueOptions { object: persistent(), ..QueueOptions::default() }
}

fn open(context: &Context, name: &str) -> Result<manager::Queue, Failure> {
    manager::Queue::open(&context.site(true)?, name, &QueueOptions::default())
        .map_err(|error| not_there(name, &error, "mproc queue create"))
}

/// Takes the message at the front, to be acknowledged: also where the queue does not ask for that.
fn lease(queue: &manager::Queue, limits: Limits) -> crate::Result<(u64, Vec<u8>)> {
    let (message, leased) = take_whole(|to| queue.lease_into(to, limits), |leased| leased.len)?;
    Ok((leased.id, message))
}

/// The message is done if it was written, else it goes back to the front.
fn deliver(name: &str, queue: &manager::Queue, id: u64, written: std::io::Result<()>) -> Result<(), Failure> {
    let failed = |error: Error| about(name, &error);
    match written {
        Ok(()) => queue.release(id).map_err(failed),
        Err(error) => {
            queue.put_back(id).map_err(failed)?;
            Err(lost_reader(&error, "the message went back to the front of the queue"))
        }
    }
}
