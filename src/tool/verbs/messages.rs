//! Messages from arguments and from standard input, and to standard output.

use super::super::exit::{Failure, CLOSED, OTHER};
use super::super::output::{is_terminal, printable_bytes, tame};
use crate::shm::filled;
use crate::Error;
use serde_json::{json, Value};
use std::ffi::OsString;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;

/// Where messages come from.
#[derive(clap::Args)]
pub(super) struct Input {
    /// The messages [default: one for each line of standard input, without its end]
    #[arg(value_name = "MESSAGE")]
    messages: Vec<OsString>,
    /// Messages on standard input end with a NUL byte instead of a line's end
    #[arg(short = '0', long, conflicts_with_all = ["messages", "whole"])]
    null: bool,
    /// All of standard input is one message
    #[arg(long, conflicts_with = "messages")]
    whole: bool,
}

impl Input {
    /// Does something with each message, as it comes; how many there were. A failure says how many were done before.
    pub(super) fn each(&self, mut put: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<u64, Failure> {
        let mut count = 0;
        let mut counted = |message: &[u8]| -> Result<(), Failure> {
            put(message).map_err(|failure| match count {
                0 => failure,
                n => Failure::new(failure.code, format!("{} (after {n} messages)", failure.text)),
            })?;
            count += 1;
            Ok(())
        };
        if !self.messages.is_empty() {
            for message in &self.messages {
                counted(message.as_bytes())?;
            }
            return Ok(count);
        }
        let failed = |error: std::io::Error| Failure::new(OTHER, format!("standard input: {error}"));
        let mut input = std::io::stdin().lock();
        let mut message = Vec::new();
        if self.whole {
            input.read_to_end(&mut message).map_err(failed)?;
            counted(&message)?;
            return Ok(count);
        }
        let end = if self.null { 0 } else { b'\n' };
        while input.read_until(end, &mut message).map_err(failed)? > 0 {
            counted(message.strip_suffix(&[end]).unwrap_or(&message))?;
            message.clear();
        }
        Ok(count)
    }
}

/// How messages are written.
#[derive(clap::Args)]
pub(super) struct Output {
    /// A NUL byte behind each message instead of a line's end
    #[arg(short = '0', long, conflicts_with = "raw")]
    null: bool,
    /// Nothing behind the messages: exactly their bytes, also to a terminal
    #[arg(long)]
    raw: bool,
}

impl Output {
    /// Writes a message out: when this returns, whoever reads standard output has it, or can have it.
    pub(super) fn write(&self, name: &str, message: &[u8], json: bool) -> std::io::Result<()> {
        let mut text = if json {
            tame(&json!({"name": name, "message": self::json(message)}).to_string()).into_bytes()
        } else if is_terminal() && !self.raw {
            printable_bytes(message).into_bytes() // people get nothing that their terminal would obey
        } else {
            message.to_vec()
        };
        if json || !self.raw {
            text.push(if self.null && !json { 0 } else { b'\n' });
        }
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }
}

/// A message for programs: its text, or, if it is no UTF-8, its bytes in hexadecimal.
fn json(message: &[u8]) -> Value {
    match std::str::from_utf8(message) {
        Ok(text) => json!({"text": text}),
        Err(_) => json!({"hex": message.iter().map(|byte| format!("{byte:02x}")).collect::<String>()}),
    }
}

/// Takes a message by copying it into room that grows until it fits: what does not fit stays where it is. Gives what
/// `take` says of it, too; `len` is how long that says that it is.
pub(super) fn take_whole<T>(
    mut take: impl FnMut(&mut [MaybeUninit<u8>]) -> crate::Result<T>,
    len: impl Fn(&T) -> usize,
) -> crate::Result<(Vec<u8>, T)> {
    let mut room = 4096;
    loop {
        let mut taken = None;
        match filled(room, |to| take(to).map(|said| taken = Some(said))) {
            Ok(mut message) => {
                let taken = taken.ok_or(Error::Corrupt("a message that is none"))?;
                message.truncate(len(&taken));
                return Ok((message, taken));
            }
            // Another one may be there next time.
            Err(Error::MessageSize { needed }) if needed > room => room = needed,
            Err(other) => return Err(other),
        }
    }
}

/// Why a message could not be written, and what became of it. (`head` goes away when it has enough: exit code 5.)
pub(super) fn lost_reader(error: &std::io::Error, message: &str) -> Failure {
    let code = if error.kind() == ErrorKind::BrokenPipe { CLOSED } else { OTHER };
    Failure::new(code, format!("standard output: {error}; {message}"))
}

/// How many messages to take.
#[derive(clap::Args)]
pub(super) struct Amount {
    /// How many messages
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, conflicts_with = "follow")]
    count: u64,
    /// All of them, and wait for more, until there can be no more
    #[arg(short, long)]
    pub(super) follow: bool,
}

impl Amount {
    /// Whether to go on after so many.
    pub(super) fn wants(&self, done: u64) -> bool {
        self.follow || done < self.count
    }
}
