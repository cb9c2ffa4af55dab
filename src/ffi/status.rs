//! Status codes: one table with [`crate::Error`], checked by a test.

use std::ffi::c_char;

/// Done.
pub const MPROC_OK: i32 = 0;
/// Success with news: the lock is yours, and its previous holder died while holding it. What the lock protects may be
/// half done; repair it, then go on. The lock itself is sound. (Of a message taken: somebody had it before, and died or
/// put it back. Of a join: consumers died with messages they had taken. Of a semaphore: permits of a process that died
/// came back. Of a readers-writer lock: a writer died inside.)
pub const MPROC_RECOVERED: i32 = 1;
/// Success with news: with MPROC_EXIST_OK, the object was already there and has been opened.
pub const MPROC_EXISTED: i32 = 2;
/// Success with news: there is nothing more. What was iterated or read has come to its end.
pub const MPROC_END: i32 = 3;
/// An argument is NULL, out of its range, or an unknown flag or type.
pub const MPROC_EINVAL: i32 = -1;
/// The timeout passed (with timeout 0: it would have had to wait).
pub const MPROC_ETIMEDOUT: i32 = -2;
/// The cancel token was set.
pub const MPROC_ECANCELED: i32 = -3;
/// The queue was shut down (and, after a graceful shutdown, is drained); or it is empty and all its producers
/// are gone.
pub const MPROC_ECLOSED: i32 = -4;
/// The buffer is too small; the size needed was reported and the message stays where it is.
pub const MPROC_EMSGSIZE: i32 = -5;
/// The message can never fit into this queue or pipe.
pub const MPROC_E2BIG: i32 = -6;
/// The name is taken by a living object.
pub const MPROC_EEXIST: i32 = -7;
/// There is no object of that name, or no such domain. Of containers: no such key or element, or what a reference
/// leads to is gone.
pub const MPROC_ENOENT: i32 = -8;
/// The name belongs to another kind of object.
pub const MPROC_EKIND: i32 = -9;
/// Type, size, shape or schema differ from the object's; or the operation does not fit the type of what is stored
/// (adding to a string, sorting mixed types).
pub const MPROC_ETYPE: i32 = -10;
/// The index or range is out of bounds, of an array or a list.
pub const MPROC_ERANGE: i32 = -11;
/// This process does not hold it: the lock, the reservation, the message.
pub const MPROC_EPERM: i32 = -12;
/// The file or directory has the wrong owner, type or mode, or permission was denied.
pub const MPROC_EACCES: i32 = -13;
/// The file system of the domain has no room for it. Nothing was left behind.
pub const MPROC_ENOSPC: i32 = -14;
/// The machine, or a memory limit of this process's control groups, has no room for it. Nothing was left behind.
pub const MPROC_ENOMEM: i32 = -15;
/// An internal lock was held by a living process for longer than busy_timeout; or, of a domain: somebody is in it.
pub const MPROC_EBUSY: i32 = -16;
/// The shared memory does not make sense. The object is poisoned: every later call says so too.
pub const MPROC_ECORRUPT: i32 = -17;
/// Another memory layout version or byte order.
pub const MPROC_EVERSION: i32 = -18;
/// The object belongs to another domain than the one it was looked up in.
pub const MPROC_EDOMAIN: i32 = -19;
/// Not a name: 1 to 200 of [A-Za-z0-9._-], not starting with a dot.
pub const MPROC_ENAME: i32 = -20;
/// The domain has no free place: 1022 living processes have joined it.
pub const MPROC_ESLOTS: i32 = -21;
/// This type or mode of object does not have that operation.
pub const MPROC_ENOTSUP: i32 = -22;
/// A system call failed; mproc_last_error() has errno and the call.
pub const MPROC_ESYS: i32 = -23;
/// A bug in the library was caught at its boundary. The object may be unusable.
pub const MPROC_EPANIC: i32 = -24;
/// The domain was removed while this process still had it open; open it anew. Of a manager's: another instance answers
/// at its address.
pub const MPROC_ESTALE: i32 = -25;
/// The other end (of the pipe, of the socket) is closed, or its processes are dead: nobody will read it.
pub const MPROC_EPIPE: i32 = -26;
/// Nothing is left, and the other end (of the pipe, of the socket) is closed, or its processes are dead.
pub const MPROC_EOF: i32 = -27;
/// A signal handler ran in the waiting thread (only with MPROC_RETURN_ON_SIGNAL).
pub const MPROC_EINTR: i32 = -28;
/// The barrier is broken, or was reset while waiting.
pub const MPROC_EBROKEN: i32 = -29;
/// A count would exceed its bound: permits of a semaphore, levels of a lock, the sum of two integers.
pub const MPROC_EOVERFLOW: i32 = -30;
/// A table in shared memory is full: too many wait already. Of containers: the arena has reached its limit.
pub const MPROC_EFULL: i32 = -31;
/// The container changed while it was iterated.
pub const MPROC_ECHANGED: i32 = -32;
/// There is no connection to the manager: it is not there, was killed, or does not answer. What was asked for may have
/// been done, unless the function says otherwise.
pub const MPROC_ECONNECTION: i32 = -33;
/// Refused by the manager, or by this side: no key, another key, another user; or it is no manager.
pub const MPROC_EAUTH: i32 = -34;
/// What came through the connection makes no sense, or comes from another version of the protocol.
pub const MPROC_EPROTOCOL: i32 = -35;
/// A limit of the manager's is reached: clients, objects, bytes, requests in flight.
pub const MPROC_EQUOTA: i32 = -36;
/// The fencing token is older than one that was used before.
pub const MPROC_EFENCED: i32 = -37;

/// What a status means, in a few English words. A static string; never NULL, also for unknown numbers.
#[no_mangle]
pub extern "C" fn mproc_strerror(status: i32) -> *const c_char {
    describe(status).1.as_ptr()
}

/// The name of a status, for example "MPROC_ETIMEDOUT". A static string; "MPROC_UNKNOWN" for unknown numbers.
#[no_mangle]
pub extern "C" fn mproc_status_name(status: i32) -> *const c_char {
    describe(status).0.as_ptr()
}

fn describe(status: i32) -> (&'static std::ffi::CStr, &'static std::ffi::CStr) {
    match status {
        MPROC_OK => (c"MPROC_OK", c"done"),
        MPROC_RECOVERED => (c"MPROC_RECOVERED", c"obtained; a previous holder died"),
        MPROC_EXISTED => (c"MPROC_EXISTED", c"the object was already there and has been opened"),
        MPROC_END => (c"MPROC_END", c"there is nothing more"),
        MPROC_EINVAL => (c"MPROC_EINVAL", c"invalid argument"),
        MPROC_ETIMEDOUT => (c"MPROC_ETIMEDOUT", c"timed out"),
        MPROC_ECANCELED => (c"MPROC_ECANCELED", c"canceled"),
        MPROC_ECLOSED => (c"MPROC_ECLOSED", c"the queue was shut down, or all its producers are gone"),
        MPROC_EMSGSIZE => (c"MPROC_EMSGSIZE", c"the buffer is too small for the message"),
        MPROC_E2BIG => (c"MPROC_E2BIG", c"the message can never fit"),
        MPROC_EEXIST => (c"MPROC_EEXIST", c"the name is taken"),
        MPROC_ENOENT => (c"MPROC_ENOENT", c"no such object, domain or key"),
        MPROC_EKIND => (c"MPROC_EKIND", c"the name belongs to another kind of object"),
        MPROC_ETYPE => (c"MPROC_ETYPE", c"type, size, shape or schema differ, or the operation does not fit the type"),
        MPROC_ERANGE => (c"MPROC_ERANGE", c"index out of bounds"),
        MPROC_EPERM => (c"MPROC_EPERM", c"this process does not hold it"),
        MPROC_EACCES => (c"MPROC_EACCES", c"permission denied, or wrong owner or mode"),
        MPROC_ENOSPC => (c"MPROC_ENOSPC", c"no room in the domain's file system"),
        MPROC_ENOMEM => (c"MPROC_ENOMEM", c"no memory left"),
        MPROC_EBUSY => (c"MPROC_EBUSY", c"in use, or an internal lock held for too long by a living process"),
        MPROC_ECORRUPT => (c"MPROC_ECORRUPT", c"the shared memory is corrupt"),
        MPROC_EVERSION => (c"MPROC_EVERSION", c"another memory layout version or byte order"),
        MPROC_EDOMAIN => (c"MPROC_EDOMAIN", c"the object belongs to another domain"),
        MPROC_ENAME => (c"MPROC_ENAME", c"not a valid object name"),
        MPROC_ESLOTS => (c"MPROC_ESLOTS", c"the domain has no free process slot"),
        MPROC_ENOTSUP => (c"MPROC_ENOTSUP", c"not supported for this type or mode"),
        MPROC_ESYS => (c"MPROC_ESYS", c"a system call failed"),
        MPROC_EPANIC => (c"MPROC_EPANIC", c"internal error"),
        MPROC_ESTALE => (c"MPROC_ESTALE", c"the domain was removed, or another manager has taken the place"),
        MPROC_EPIPE => (c"MPROC_EPIPE", c"the other end is gone"),
        MPROC_EOF => (c"MPROC_EOF", c"end of file: the other end is gone and nothing is left"),
        MPROC_EINTR => (c"MPROC_EINTR", c"interrupted by a signal"),
        MPROC_EBROKEN => (c"MPROC_EBROKEN", c"the barrier is broken"),
        MPROC_EOVERFLOW => (c"MPROC_EOVERFLOW", c"a count would exceed its bound"),
        MPROC_EFULL => (c"MPROC_EFULL", c"too many wait already, or the arena has reached its limit"),
        MPROC_ECHANGED => (c"MPROC_ECHANGED", c"the container changed while it was iterated"),
        MPROC_ECONNECTION => (c"MPROC_ECONNECTION", c"no connection to the manager"),
        MPROC_EAUTH => (c"MPROC_EAUTH", c"refused: no key, another key, or another user"),
        MPROC_EPROTOCOL => (c"MPROC_EPROTOCOL", c"the manager's protocol was violated"),
        MPROC_EQUOTA => (c"MPROC_EQUOTA", c"a limit of the manager's is reached"),
        MPROC_EFENCED => (c"MPROC_EFENCED", c"the fencing token is older than one that was used before"),
        _ => (c"MPROC_UNKNOWN", c"unknown status"),
    }
}

/// The name of a status, for a text.
pub(super) fn name_of(status: i32) -> std::borrow::Cow<'static, str> {
    describe(status).0.to_string_lossy()
}
