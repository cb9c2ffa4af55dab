//! Commands that do something with one object: values, arrays, dicts, lists, namespaces, queues, pipes, events and
//! semaphores for shell scripts.
//!
//! What sets creates what is not there, persistent, because a script's processes come and go; what gets never does.

mod array;
mod call;
mod container;
mod dict;
mod event;
mod list;
mod messages;
mod namespace;
mod pipe;
mod queue;
mod scalar;
mod sem;
mod value;

pub(super) use array::{array, Array};
pub(super) use call::{call, Call};
pub(super) use dict::{dict, Dict};
pub(super) use event::{event, Event};
pub(super) use list::{list, List};
pub(super) use namespace::{namespace, Namespace};
pub(super) use pipe::{pipe, Pipe};
pub(super) use queue::{queue, Queue};
pub(super) use sem::{sem, Sem};
pub(super) use value::{value, Value};

use super::exit::{is_not_found, Failure, MISMATCH, NOT_FOUND};
use super::output::printable;
use crate::{Error, Limits, ObjectOptions};
use std::time::Duration;

/// How long a command may wait.
#[derive(clap::Args)]
pub(super) struct Time {
    /// How long to wait, in seconds, also fractions [default: for ever]; 0 does not wait at all
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
}

impl Time {
    pub(super) fn limits(&self) -> Limits<'static> {
        self.timeout.map_or(Limits::forever(), Limits::within)
    }
}

/// Seconds, as people write them.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| "not a time span: 0 or more seconds, and not absurdly many".into())
}

/// Bytes, as people write them: `65536`, `64K`, `64KiB`, `1M`, `2G`, `1T` (powers of 1024).
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit {
        "" | "B" => 0,
        "K" | "k" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err("not a number of bytes: digits, and perhaps K, M, G or T".into()),
    };
    let number: u64 =
        number.parse().map_err(|_| "not a number of bytes: digits, and perhaps K, M, G or T".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "absurdly many bytes".to_owned())
}

/// A failure that has to do with the object of that name.
pub(super) fn about(name: &str, error: &Error) -> Failure {
    Failure::about(&printable(name), error)
}

/// An argument that does not fit the object of that name.
fn mismatch(name: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(MISMATCH, format!("{}: {why}", printable(name)))
}

/// Options of an object that a script makes or finds: it stays when the script's processes are gone.
pub(super) fn persistent() -> ObjectOptions {
    ObjectOptions { persist: true, exist_ok: true, ..ObjectOptions::default() }
}

/// Opens what is there, or creates it, but with `existing`; whether it was created.
pub(super) fn open_or_create<T>(
    name: &str,
    existing: bool,
    open: impl FnOnce() -> crate::Result<T>,
    create: impl FnOnce() -> crate::Result<(T, bool)>,
) -> Result<(T, bool), Failure> {
    match open() {
        Err(error) if !existing && is_not_found(&error) => {
            create().map(|(object, existed)| (object, !existed)).map_err(|error| about(name, &error))
        }
        other => other.map(|object| (object, false)).map_err(|error| about(name, &error)),
    }
}

/// Where only one way leads to an object, and it is not there: how to make it.
fn not_there(name: &str, error: &Error, how: &str) -> Failure {
    match is_not_found(error) {
        true => Failure::new(NOT_FOUND, format!("{}: {error} (make it with {how})", printable(name))),
        false => about(name, error),
    }
}
