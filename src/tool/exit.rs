//! Exit codes: what a script can rely on. They never change their meaning.

use crate::Error;
use std::process::ExitCode;

/// It worked.
pub(super) const OK: u8 = 0;
/// The answer is no (the event is not set, `doctor` found something that needs doing).
pub(super) const NO: u8 = 1;
/// The command line was wrong (clap says most of that).
pub(super) const USAGE: u8 = 2;
/// No such object, key, domain or process.
pub(super) const NOT_FOUND: u8 = 3;
/// The time was over, or nothing there (`--timeout 0`).
pub(super) const TIMED_OUT: u8 = 4;
/// Closed, end of file, or the other end is gone.
pub(super) const CLOSED: u8 = 5;
/// Another kind or type of object, out of range, not an acceptable value or name.
pub(super) const MISMATCH: u8 = 6;
/// The name is taken.
pub(super) const EXISTS: u8 = 7;
/// Permission, or somebody else's; a manager refused (another key, another user).
pub(super) const ACCESS: u8 = 8;
/// No room: memory, file system, slots, or a bound of the object or of the manager.
pub(super) const NO_ROOM: u8 = 9;
/// In use by a living process.
pub(super) const BUSY: u8 = 10;
/// The object or domain is damaged, or made by an incompatible version; so may be what came from a manager.
pub(super) const DAMAGED: u8 = 11;
/// There is no connection to the manager, or it ended.
pub(super) const NO_CONNECTION: u8 = 12;
/// Anything else, as a failed system call.
pub(super) const OTHER: u8 = 20;

/// The table that `--help` shows.
pub(super) const HELP: &str = "\
Exit codes:
   0  it worked
   1  the answer is no (`event is-set`, `doctor` found something to do)
   2  the command line was wrong
   3  no such object, key, domain or process
   4  the time was over, or nothing there
   5  closed, end of file, or the other end is gone
   6  another kind or type, out of range, or not a valid value or name
   7  the name is taken
   8  permission denied, or somebody else's; the manager refused (another key)
   9  no room: memory, file system, slots, or a bound of the object or manager
  10  in use by a living process
  11  damaged, or made by an incompatible version
  12  no connection to the manager
  20  anything else

A command that `mproc lock` or `mproc sem run` runs lends them its own code (128 + N if signal N killed it); 126: it cannot \
be run, 127: it was not found. The codes above then only come from before it was started.";

/// The code that belongs to an error.
pub(super) fn code(error: &Error) -> u8 {
    match error {
        Error::NotFound(_) => NOT_FOUND,
        Error::TimedOut | Error::Canceled | Error::Interrupted => TIMED_OUT,
        Error::Closed | Error::EndOfFile | Error::BrokenPipe | Error::Broken => CLOSED,
        Error::Invalid(_) | Error::Json(_) | Error::Type(_) | Error::Range { .. } | Error::Name => MISMATCH,
        Error::Kind { .. } | Error::NotSupported(_) | Error::Overflow(_) => MISMATCH,
        Error::MessageSize { .. } | Error::TooBig { .. } => MISMATCH,
        Error::Exists => EXISTS,
        Error::Access(_) | Error::NotOwner | Error::Refused(_) | Error::Fenced => ACCESS,
        Error::NoSpace(_) | Error::NoMemory(_) | Error::Slots | Error::Full(_) | Error::Quota(_) => NO_ROOM,
        Error::Busy | Error::Changed => BUSY,
        Error::Corrupt(_) | Error::Version(_) | Error::Domain | Error::Stale | Error::Protocol(_) => DAMAGED,
        Error::Connection(_) => NO_CONNECTION,
        Error::Sys { .. } => OTHER,
        Error::Far { status, .. } => FAR.iter().find(|like| like.status() == *status).map_or(OTHER, code),
    }
}

/// What a manager may answer in words of its own: one error of each status.
const FAR: [Error; 15] = [
    Error::NotFound(""),
    Error::Invalid(""),
    Error::Type(""),
    Error::Kind { found: "", wanted: "" },
    Error::NotSupported(""),
    Error::Overflow(""),
    Error::Access(""),
    Error::Refused(""),
    Error::NoSpace(0),
    Error::NoMemory(0),
    Error::Full(""),
    Error::Quota(""),
    Error::Corrupt(""),
    Error::Version(""),
    Error::Stale,
];

/// Whether it is an error like another one, also if a manager said so.
pub(super) fn is_like(error: &Error, like: &Error) -> bool {
    error.status() == like.status()
}

/// Whether something is not there.
pub(super) fn is_not_found(error: &Error) -> bool {
    is_like(error, &Error::NotFound(""))
}

/// Why a command failed: what to say, and how to exit.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) code: u8,
}

impl Failure {
    pub(super) fn new(code: u8, text: impl Into<String>) -> Failure {
        Failure { text: text.into(), code }
    }

    /// With what it was about.
    pub(super) fn about(subject: &str, error: &Error) -> Failure {
        Failure { text: format!("{subject}: {error}"), code: code(error) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { text: error.to_string(), code: code(&error) }
    }
}

/// What a command comes to.
pub(super) type Outcome = Result<ExitCode, Failure>;
