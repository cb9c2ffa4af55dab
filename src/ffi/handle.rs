//! Handles that travel: to children, and over unix sockets.

use super::boundary::{borrow, c_str, copy_text_out, free, give, out, run, wait};
use super::cancel::mproc_cancel_t;
use crate::shm::Handle;
use std::ffi::{c_char, c_int};

/// A handle on an object of any kind (for a pipe: on one of its ends), ready to travel: to a child that runs
/// another program (mproc_spawn(), or by hand: mproc_handle_token()), or through a unix socket
/// (mproc_send_handle()). The receiver opens the object from it with mproc_<kind>_import().
///
/// It holds two descriptors, both close-on-exec: that of the domain's registry and that of the object.
pub struct mproc_handle_t(pub(crate) Handle);

/// mproc_handle_kind(): a lock.
pub const MPROC_KIND_LOCK: u32 = 2;
/// mproc_handle_kind(): a value.
pub const MPROC_KIND_VALUE: u32 = 3;
/// mproc_handle_kind(): an array.
pub const MPROC_KIND_ARRAY: u32 = 4;
/// mproc_handle_kind(): a queue.
pub const MPROC_KIND_QUEUE: u32 = 5;
/// mproc_handle_kind(): one end of a pipe.
pub const MPROC_KIND_PIPE: u32 = 6;
/// mproc_handle_kind(): an rlock.
pub const MPROC_KIND_RLOCK: u32 = 7;
/// mproc_handle_kind(): an rwlock.
pub const MPROC_KIND_RWLOCK: u32 = 8;
/// mproc_handle_kind(): a semaphore.
pub const MPROC_KIND_SEMAPHORE: u32 = 9;
/// mproc_handle_kind(): a condition.
pub const MPROC_KIND_CONDITION: u32 = 10;
/// mproc_handle_kind(): an event.
pub const MPROC_KIND_EVENT: u32 = 11;
/// mproc_handle_kind(): a barrier.
pub const MPROC_KIND_BARRIER: u32 = 12;
/// mproc_handle_kind(): a dict.
pub const MPROC_KIND_DICT: u32 = 13;
/// mproc_handle_kind(): a list.
pub const MPROC_KIND_LIST: u32 = 14;
/// mproc_handle_kind(): a namespace.
pub const MPROC_KIND_NAMESPACE: u32 = 15;

/// Ends the handle. What was opened from it stays open. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_handle_close(handle: *mut mproc_handle_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(handle) }
}

/// What kind of object a handle leads to.
///
/// @param[out] kind_out  MPROC_KIND_...
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_handle_kind(handle: *const mproc_handle_t, kind_out: *mut u32) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (handle, kind_out) = unsafe { (borrow(handle)?, out(kind_out)?) };
        kind_out.write(handle.0.kind_code());
        Ok(0)
    })
}

/// The descriptors that a child has to inherit to use the handle. They stay the handle's: do not close them.
///
/// @param[out] registry_fd_out  that of the domain's registry    @param[out] object_fd_out  that of the object
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_handle_descriptors(
    handle: *const mproc_handle_t,
    registry_fd_out: *mut c_int,
    object_fd_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (handle, registry, object) = unsafe { (borrow(handle)?, out(registry_fd_out)?, out(object_fd_out)?) };
        let (r, o) = handle.0.descriptors();
        registry.write(r);
        object.write(o);
        Ok(0)
    })
}

/// A handle as a short text, for a child that inherits its two descriptors under the given numbers: pass it
/// on the command line, or in the environment (then mproc_inherited() finds it: see MPROC_INHERITED). For
/// launchers of your own; mproc_spawn() does all of it.
///
/// @param registry_fd,object_fd  the numbers that the descriptors have in the child
/// @param buf,cap       where to, and its size with the NUL; 160 bytes are enough
/// @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or a negative number   @retval MPROC_EMSGSIZE  cap too small
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_handle_token(
    handle: *const mproc_handle_t,
    registry_fd: c_int,
    object_fd: c_int,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let handle = borrow(handle)?;
            copy_text_out(&handle.0.token(registry_fd, object_fd)?, buf, cap, len_out)
        }
    })
}

/// The handle that a token stands for, in the process that inherited its descriptors. It takes the
/// descriptors over: they are close-on-exec from here on, and closed with the handle.
///
/// @param token            from mproc_handle_token()
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a token
/// @retval MPROC_ENOENT  the descriptors are not there: not inherited, already taken, or closed
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_handle_from_token(token: *const c_char, handle_out: *mut *mut mproc_handle_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (token, handle_out) = unsafe { (c_str(token)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(Handle::from_token(token)?)));
        Ok(0)
    })
}

/// The handle that this program was given under a name by the one that started it (mproc_spawn(), or
/// MPROC_INHERITED in the environment). Each can be taken once. Those that are not taken stay open until the
/// process ends; none is passed on to further programs.
///
/// @param name             the name it was given
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or the variable makes no sense
/// @retval MPROC_ENOENT  none of that name, or taken already
/// Blocks: no.  Threads: any.  Fork: parent and child can each take it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_inherited(name: *const c_char, handle_out: *mut *mut mproc_handle_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (name, handle_out) = unsafe { (c_str(name)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(Handle::inherited(name)?)));
        Ok(0)
    })
}

/// Sends a handle through a connected unix socket (stream, seqpacket or datagram): 64 bytes with two
/// descriptors. The receiver may be in another pid namespace; with another user id it can open the object
/// if the domain is anonymous or a group's.
///
/// @param socket      a descriptor; blocking or not
/// @param handle      stays the caller's
/// @param timeout_ns  nanoseconds to wait for the socket    @param cancel  NULL or a token
/// @retval MPROC_OK   sent    @retval MPROC_ETIMEDOUT  @retval MPROC_ECANCELED
/// @retval MPROC_EPIPE  nobody will read it (no SIGPIPE is raised)    @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_ESYS   not a connected unix socket …
/// Blocks: up to timeout_ns.  Threads: one at a time per socket.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_send_handle(
    socket: c_int,
    handle: *const mproc_handle_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(handle)?.0.send(socket, wait(timeout_ns, cancel)?).map(|()| 0) }
    })
}

/// Receives a handle that was sent with mproc_send_handle(). What it leads to is checked when it is opened,
/// as carefully as anything else in shared memory; but only open what comes from somebody you trust not to
/// waste your time. After a timeout or cancel in the middle of a handle (a peer that sends byte by byte) a stream
/// socket is out of step: close it.
///
/// @param socket           a descriptor; blocking or not
/// @param[out] handle_out  close it with mproc_handle_close()
/// @param timeout_ns       nanoseconds to wait    @param cancel  NULL or a token
/// @retval MPROC_OK         received    @retval MPROC_ETIMEDOUT  @retval MPROC_ECANCELED
/// @retval MPROC_EOF        the other side closed the socket    @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_ECORRUPT   what came is not a handle (its descriptors were closed)
/// @retval MPROC_EVERSION   made by a library with another memory layout    @retval MPROC_ESYS  not a unix socket …
/// Blocks: up to timeout_ns.  Threads: one at a time per socket.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_recv_handle(
    socket: c_int,
    handle_out: *mut *mut mproc_handle_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let handle_out = out(handle_out)?;
            handle_out.write(give(mproc_handle_t(Handle::recv(socket, wait(timeout_ns, cancel)?)?)));
            Ok(0)
        }
    })
}
