//! One error type for the whole library, and its one table of C status codes.

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Each variant has one stable C status code ([`Error::status`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of its range.
    #[error("invalid argument: {0}")]
    Invalid(&'static str),
    /// A text is not JSON, or not that of a datum: what is wrong, and where.
    #[error("invalid argument: not the JSON of a datum: {0}")]
    Json(String),
    /// The timeout passed.
    #[error("timed out")]
    TimedOut,
    /// The cancel token was set.
    #[error("canceled")]
    Canceled,
    /// The queue was shut down, or is empty with all its producers gone.
    #[error("the queue was shut down, or all its producers are gone")]
    Closed,
    /// The buffer is too small; the message stays.
    #[error("the buffer is too small: {needed} bytes are needed")]
    MessageSize {
        /// Bytes needed.
        needed: usize,
    },
    /// The message can never fit.
    #[error("a message of {len} bytes can never fit: the longest has {max}")]
    TooBig {
        /// Bytes of the message.
        len: usize,
        /// Bytes of the longest message that fits.
        max: usize,
    },
    /// The name is taken by a living object.
    #[error("the name is taken")]
    Exists,
    /// No object of that name, no such domain, no such key, or nothing where a reference leads.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The name belongs to another kind of object.
    #[error("the object is a {found}, not a {wanted}")]
    Kind {
        /// What it is.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Type, size, shape or schema differ, or the operation does not fit what is stored.
    #[error("mismatch: {0}")]
    Type(&'static str),
    /// Index or range out of bounds.
    #[error("out of bounds: {index} of {len}")]
    Range {
        /// What was asked for (the end, for a range).
        index: usize,
        /// What there is.
        len: usize,
    },
    /// The calling process does not hold the lock, reservation or message.
    #[error("this process does not hold it")]
    NotOwner,
    /// Wrong owner, type or mode, or permission denied.
    #[error("access refused: {0}")]
    Access(&'static str),
    /// No room in the file system.
    #[error("no room in the domain's file system for {0} bytes (in a container, /dev/shm is often only 64 MiB)")]
    NoSpace(u64),
    /// No memory on the machine or in the control group.
    #[error("no memory for {0} bytes on this machine or within its control groups' limits")]
    NoMemory(u64),
    /// An internal lock was held for too long by a living process.
    #[error("in use by a living process, or an internal lock held by one that does not go on (stopped?)")]
    Busy,
    /// The shared memory makes no sense.
    #[error("the shared memory is corrupt: {0}")]
    Corrupt(&'static str),
    /// Another layout version or byte order.
    #[error("another memory layout version or byte order: {0}")]
    Version(&'static str),
    /// The object belongs to another domain.
    #[error("the object belongs to another domain")]
    Domain,
    /// Not a valid object name.
    #[error("not a name: 1 to 200 of [A-Za-z0-9._-], not starting with a dot")]
    Name,
    /// The domain has no free slot.
    #[error("the domain has no free slot: 1022 living processes have joined it")]
    Slots,
    /// Not supported for this type or mode.
    #[error("not supported: {0}")]
    NotSupported(&'static str),
    /// A system call failed.
    #[error("{call} failed: {}", std::io::Error::from_raw_os_error(*errno))]
    Sys {
        /// The call.
        call: &'static str,
        /// Its errno.
        errno: i32,
    },
    /// The domain was removed.
    #[error("the domain was removed: open it anew")]
    Stale,
    /// The other end is gone.
    #[error("the other end is gone")]
    BrokenPipe,
    /// The other end is gone, and nothing is left.
    #[error("end of file: the other end is gone and nothing is left")]
    EndOfFile,
    /// A signal handler ran in the waiting thread.
    #[error("interrupted by a signal")]
    Interrupted,
    /// The barrier is broken.
    #[error("the barrier is broken")]
    Broken,
    /// A count would exceed its bound.
    #[error("a count would exceed its bound: {0}")]
    Overflow(&'static str),
    /// A table in shared memory is full, or an arena has reached its limit.
    #[error("full: {0}")]
    Full(&'static str),
    /// The container changed while it was iterated.
    #[error("the container changed while it was iterated")]
    Changed,
    /// There is no connection to the manager (any more), or it does not answer.
    #[error("no connection to the manager: {0}")]
    Connection(&'static str),
    /// The manager or the client refused the other one: no key, another key, another user.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// What came through a connection makes no sense, or comes from another version.
    #[error("the manager's protocol was violated: {0}")]
    Protocol(&'static str),
    /// A limit of the manager's: clients, objects, bytes, requests in flight.
    #[error("a limit of the manager's is reached: {0}")]
    Quota(&'static str),
    /// A newer fencing token was used before.
    #[error("the fencing token is older than one that was used before")]
    Fenced,
    /// What a manager, or a procedure registered there, answered: a status as C knows it, errno and a text.
    #[error("{text}")]
    Far {
        /// The C status code, negative.
        status: i32,
        /// errno of the system call behind it, or 0.
        errno: i32,
        /// What went wrong, in English.
        text: String,
    },
}

impl Error {
    pub(crate) const fn invalid(why: &'static str) -> Error {
        Error::Invalid(why)
    }

    /// The C status code: negative, never renumbered.
    pub fn status(&self) -> i32 {
        match self {
            Error::Invalid(_) | Error::Json(_) => -1,
            Error::TimedOut => -2,
            Error::Canceled => -3,
            Error::Closed => -4,
            Error::MessageSize { .. } => -5,
            Error::TooBig { .. } => -6,
            Error::Exists => -7,
            Error::NotFound(_) => -8,
            Error::Kind { .. } => -9,
            Error::Type(_) => -10,
            Error::Range { .. } => -11,
            Error::NotOwner => -12,
            Error::Access(_) => -13,
            Error::NoSpace(_) => -14,
            Error::NoMemory(_) => -15,
            Error::Busy => -16,
            Error::Corrupt(_) => -17,
            Error::Version(_) => -18,
            Error::Domain => -19,
            Error::Name => -20,
            Error::Slots => -21,
            Error::NotSupported(_) => -22,
            Error::Sys { .. } => -23,
            Error::Stale => -25,
            Error::BrokenPipe => -26,
            Error::EndOfFile => -27,
            Error::Interrupted => -28,
            Error::Broken => -29,
            Error::Overflow(_) => -30,
            Error::Full(_) => -31,
            Error::Changed => -32,
            Error::Connection(_) => -33,
            Error::Refused(_) => -34,
            Error::Protocol(_) => -35,
            Error::Quota(_) => -36,
            Error::Fenced => -37,
            Error::Far { status, .. } => *status,
        }
    }

    /// errno of the system call behind it, or 0.
    pub fn errno(&self) -> i32 {
        match self {
            Error::Sys { errno, .. } | Error::Far { errno, .. } => *errno,
            _ => 0,
        }
    }
}
