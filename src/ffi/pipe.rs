//! The pipe.

use super::boundary::{
    borrow, bytes, bytes_mut, c_name, copy_options, copy_struct_out, free, give, opt_name, out, run, wait,
};
use super::cancel::mproc_cancel_t;
use super::datum::{mproc_datum_t, receive, send};
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use super::types::{mproc_view_t, MPROC_POLLABLE};
use crate::manager::Pipe;
use crate::objects::{End, ObjectOptions, Peer, PipeOptions};
use crate::Error;
use std::ffi::{c_char, c_int, c_void};

/// One end of a pipe: messages (byte strings) between two ends, in order, boundaries kept.
///
/// Behind a connection (mproc_manager_connect()) each operation is a request, and the connection has the end: when it
/// is lost, or the handle closed, the other side sees that. A forked child has the end from its first use of the
/// handle on; so let it use the handle, or open the end anew (mproc_object_name()), before the parent closes it. A
/// message then has to fit one of the manager's (max_message): sending a longer one gives MPROC_E2BIG, and so does
/// receiving one, which stays. Messages in place (reserve and commit, peek), descriptors and handles that travel are
/// for memory (MPROC_ENOTSUP): send and receive. MPROC_RETURN_ON_SIGNAL has no effect. A manager itself has neither
/// end.
pub struct mproc_pipe_t(pub(crate) Pipe);

/// The pipe goes one way: end 0 receives, end 1 sends.
pub const MPROC_PIPE_ONEWAY: u32 = 16;
/// The creator promises that no two threads or processes use the same end in the same direction at the same
/// time: the pipe then does without the locks of its ends. A broken promise can spoil messages, never memory.
pub const MPROC_PIPE_EXCLUSIVE: u32 = 32;

/// mproc_pipe_info_t.peer: nobody has opened the other end yet.
pub const MPROC_PEER_AWAITED: u32 = 0;
/// mproc_pipe_info_t.peer: somebody has the other end open.
pub const MPROC_PEER_OPEN: u32 = 1;
/// mproc_pipe_info_t.peer: everybody who had the other end has closed it or is dead.
pub const MPROC_PEER_GONE: u32 = 2;

/// How to create or open a pipe. Initialise with MPROC_PIPE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_pipe_options_t {
    /// sizeof(mproc_pipe_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE,
    /// MPROC_POLLABLE
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
    /// Bytes for messages in each direction; each takes its length rounded up to 8, plus 8. Rounded up to a
    /// power of two of at least one page; at most 8 GiB. 0: 1 MiB.
    pub capacity_bytes: u64,
}

/// What a pipe is and how full it is, seen from one end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_pipe_info_t {
    /// Bytes for messages in each direction, as rounded.
    pub capacity_bytes: u64,
    /// The longest message that can ever fit, in bytes.
    pub max_message: u64,
    /// Messages on the way to this end.
    pub incoming: u64,
    /// Messages that this end has sent and the other has not taken.
    pub outgoing: u64,
    /// 0 or 1: which end this is.
    pub end: u32,
    /// MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE and MPROC_POLLABLE, as created.
    pub flags: u32,
    /// MPROC_PEER_...
    pub peer: u32,
    /// How often an internal lock was taken over from a dead process, since creation.
    pub steals: u32,
}

/// Creates a pipe and opens both of its ends. Each end is a handle of its own: hand one to another process
/// (mproc_spawn(), mproc_send_handle(), fork) and close it here, so that its end is over when that process is.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: duplex, 1 MiB each way
/// @param[out] end0_out  end 0; close it with mproc_pipe_close(). NULL: not opened (only with a name)
/// @param[out] end1_out  end 1; likewise
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  both outputs NULL or the same, or one NULL of an anonymous pipe; unknown flag; absurd capacity
/// @retval MPROC_ENAME   not a name    @retval MPROC_EEXIST   the name is taken
/// @retval MPROC_EKIND   with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ETYPE   with MPROC_EXIST_OK: capacity or flags were given and differ
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the child holds both ends, too; let it close
/// the one it does not use.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_pipe_options_t,
    end0_out: *mut *mut mproc_pipe_t,
    end1_out: *mut *mut mproc_pipe_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (options, name) = (copy_options(options)?, opt_name(name)?);
            let wanted = pipe_options(options)?;
            if end0_out == end1_out {
                return Err(Error::invalid("both outputs are NULL, or the same"));
            }
            if name.is_none() && (end0_out.is_null() || end1_out.is_null()) {
                return Err(Error::invalid("an output is NULL: nobody could open that end of an anonymous pipe"));
            }
            let (ends, existed) = with_site(domain, |site| {
                Pipe::create(site, name, &wanted, [!end0_out.is_null(), !end1_out.is_null()])
            })?;
            for (end, to) in ends.into_iter().zip([end0_out, end1_out]) {
                if let Some(pipe) = end {
                    out(to)?.write(give(mproc_pipe_t(pipe)));
                }
            }
            Ok(if existed { super::status::MPROC_EXISTED } else { 0 })
        }
    })
}

/// Opens one end of an existing pipe by name. An end can be opened more than once (its holders share it), and
/// again after all its holders are gone: the other side then goes on.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; a capacity or MPROC_PIPE_... flag that is given must match
/// @param end            0 or 1
/// @param[out] pipe_out  the end; close it with mproc_pipe_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL, unknown flag, or no such end   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind   @retval MPROC_ETYPE  options differ
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the child holds the end, too.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_pipe_options_t,
    end: c_int,
    pipe_out: *mut *mut mproc_pipe_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (options, name, pipe_out) = (copy_options(options)?, c_name(name)?, out(pipe_out)?);
            let (wanted, end) = (pipe_options(options)?, End::from_number(end)?);
            let pipe = with_site(domain, |site| Pipe::open(site, name, end, &wanted))?;
            pipe_out.write(give(mproc_pipe_t(pipe)));
            Ok(0)
        }
    })
}

/// Ends the handle. When the last handle on an end is closed, in every process that has it, the other end
/// gets MPROC_EOF after the messages that are on the way, and MPROC_EPIPE when it sends.
/// Reservations that are open on this handle are given up, and messages held through it go back to the front.
/// NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_close(pipe: *mut mproc_pipe_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(pipe) }
}

/// Sends a message to the other end. When it returns MPROC_OK the message is on its way, whatever happens to
/// this process; on any other status it is not.
///
/// @param data,len    the message; len 0 is legal (data may then be NULL)
/// @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         sent    @retval MPROC_ETIMEDOUT  no room    @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EPIPE      the other end is closed, or its processes are dead (noticed within about 100 ms; the first
///                          message sent after one was received may still go through)
/// @retval MPROC_E2BIG      can never fit    @retval MPROC_ENOTSUP  end 0 of a one-way pipe
/// @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
/// Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_send(
    pipe: *const mproc_pipe_t,
    data: *const c_void,
    len: usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(pipe)?.0.send(bytes(data, len)?, wait(timeout_ns, cancel)?).map(|()| 0) }
    })
}

/// Takes the next message from the other end.
///
/// @param buf,cap       where to, and its size; buf may be NULL when cap is 0
/// @param[out] len_out  the message's length; on MPROC_EMSGSIZE the size needed. Not NULL.
/// @param timeout_ns    nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
/// @param cancel        NULL or a token that ends the wait
/// @retval MPROC_OK         taken    @retval MPROC_ETIMEDOUT  nothing there
/// @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EOF        nothing left, and the other end is closed or its processes are dead (noticed within
///                          about 100 ms). A silent process that still holds the end keeps it open; and what another
///                          holder of this end has taken by mproc_pipe_peek() is not gone yet: it may come back.
/// @retval MPROC_EMSGSIZE   cap is too small; the message stays
/// @retval MPROC_ENOTSUP    end 1 of a one-way pipe
/// @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
/// Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_recv(
    pipe: *const mproc_pipe_t,
    buf: *mut c_void,
    cap: usize,
    len_out: *mut usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (pipe, buf, len_out) = (borrow(pipe)?, bytes_mut(buf, cap)?, out(len_out)?);
            match pipe.0.recv_into(buf, wait(timeout_ns, cancel)?) {
                Ok(len) => {
                    len_out.write(len);
                    Ok(0)
                }
                Err(Error::MessageSize { needed }) => {
                    len_out.write(needed);
                    Err(Error::MessageSize { needed })
                }
                Err(other) => Err(other),
            }
        }
    })
}

/// Sends a datum to the other end: the message is its encoding, MessagePack (mproc_datum_encode()). References in it
/// are weak.
///
/// @param datum       a value; MPROC_DATUM_NEW and MPROC_DATUM_ABSENT are none
/// @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK      sent    @retval MPROC_EINVAL  NULL, no datum, or bad timeout    @retval MPROC_ENOMEM
/// @retval others  as mproc_pipe_send()
/// Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_send_datum(
    pipe: *const mproc_pipe_t,
    datum: mproc_datum_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (pipe, limits) = (borrow(pipe)?, wait(timeout_ns, cancel)?);
            send(&datum, |message| pipe.0.send(message, limits))
        }
    })
}

/// Takes the next message from the other end, which is the encoding of a datum in any form of MessagePack.
///
/// @param buf,cap         where the whole message goes, and its size; buf may be NULL when cap is 0
/// @param[out] datum_out  the datum; its bytes are in buf. On MPROC_EMSGSIZE only its len is written: the size that is
///                        needed. Not NULL.
/// @param timeout_ns      nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
/// @param cancel          NULL or a token that ends the wait
/// @retval MPROC_OK       taken    @retval MPROC_EMSGSIZE  cap is too small; the message stays
/// @retval MPROC_EINVAL   NULL or bad timeout; or the message is no datum: then it was taken, and *datum_out is its
///                        bytes (MPROC_DATUM_BYTES)
/// @retval others  as mproc_pipe_recv()
/// Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_recv_datum(
    pipe: *const mproc_pipe_t,
    buf: *mut c_void,
    cap: usize,
    datum_out: *mut mproc_datum_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (pipe, buf, limits) = (borrow(pipe)?, bytes_mut(buf, cap)?, wait(timeout_ns, cancel)?);
            receive(buf, datum_out, |buf| pipe.0.recv_into(buf, limits))
        }
    })
}

/// Waits until mproc_pipe_recv() would not have to wait, and takes nothing.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 looks once    @param cancel  NULL or a token
/// @retval MPROC_OK         a message is there (another thread or holder of this end may take it first)
/// @retval MPROC_EOF        there will be no more    @retval others  as mproc_pipe_recv()
/// Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE: this is a use of the end).
/// Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_poll(
    pipe: *const mproc_pipe_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(pipe)?.0.poll(wait(timeout_ns, cancel)?).map(|()| 0) }
    })
}

/// Reserves room for a message, to be written in place. It is sent by mproc_pipe_commit(). Several may be
/// open at a time, also in several threads; messages arrive in the order in which they were reserved, so an
/// open reservation holds up what was sent after it. If the process dies, its reservation is dropped.
///
/// @param len            most bytes the message will have
/// @param[out] view_out  where to write; valid until commit, abort, or the close of the handle
/// @param timeout_ns     nanoseconds to wait for room    @param cancel  NULL or a token
/// @retval MPROC_OK      reserved    @retval others  as mproc_pipe_send()
/// Blocks: up to timeout_ns.  Threads: any.  Fork: the reservation is the parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_reserve(
    pipe: *const mproc_pipe_t,
    len: usize,
    view_out: *mut mproc_view_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (pipe, view_out) = (borrow(pipe)?, out(view_out)?);
            view_out.write(pipe.0.in_place()?.reserve(len, wait(timeout_ns, cancel)?)?.into());
            Ok(0)
        }
    })
}

/// Sends a reserved message.
///
/// @param id   mproc_view_t.id    @param len  the message's length, at most what was reserved
/// @retval MPROC_OK      sent    @retval MPROC_ERANGE  longer than reserved; the reservation stays
/// @retval MPROC_EPERM   not a reservation open on this handle    @retval MPROC_EINVAL  NULL
/// @retval MPROC_EPIPE   the other end is gone; the reservation is dropped   @retval MPROC_ECORRUPT
/// @retval MPROC_ESLOTS
/// @retval MPROC_ENOTSUP  end 0 of a one-way pipe
/// Blocks: no.  Threads: any.  Fork: only in the process that reserved.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_commit(pipe: *const mproc_pipe_t, id: u64, len: usize) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(pipe) }?.0.in_place()?.commit(id, len).map(|()| 0)
    })
}

/// Gives a reservation up: nothing is sent. Its room is free at once if nothing was reserved or sent after it, else
/// when it would have been received.
///
/// @param id  mproc_view_t.id
/// @retval MPROC_OK  @retval MPROC_EPERM  not a reservation open on this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// @retval MPROC_ENOTSUP  end 0 of a one-way pipe
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any.
/// Fork: only in the process that reserved.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_abort(pipe: *const mproc_pipe_t, id: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(pipe) }?.0.in_place()?.abort(id).map(|()| 0)
    })
}

/// Takes the next message without copying it: it stays where it is, for reading in place, until
/// mproc_pipe_release(). Meanwhile other threads and holders of this end get the messages after it. If the
/// process dies before, the message goes back to the front.
///
/// @param[out] view_out  the message; do not write to it. Valid until release or the close of the handle.
/// @param timeout_ns     nanoseconds to wait for a message    @param cancel  NULL or a token
/// @retval MPROC_OK         taken    @retval MPROC_RECOVERED  taken; somebody had it before and died or put it back
/// @retval others  as mproc_pipe_recv()
/// Blocks: up to timeout_ns.  Threads: any.  Fork: the message is the parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_peek(
    pipe: *const mproc_pipe_t,
    view_out: *mut mproc_view_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (pipe, view_out) = (borrow(pipe)?, out(view_out)?);
            let view = pipe.0.in_place()?.peek(wait(timeout_ns, cancel)?)?;
            let status = view.status();
            view_out.write(view.into());
            Ok(status)
        }
    })
}

/// Ends the reading of a message in place; its room is free again.
///
/// @param id  mproc_view_t.id
/// @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// @retval MPROC_ENOTSUP  end 1 of a one-way pipe
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any.
/// Fork: only in the process that took it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_release(pipe: *const mproc_pipe_t, id: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(pipe) }?.0.in_place()?.release(id).map(|()| 0)
    })
}

/// Puts a message that was taken by mproc_pipe_peek() back to the front.
///
/// @param id  mproc_view_t.id
/// @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// @retval MPROC_ENOTSUP  end 1 of a one-way pipe
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any.
/// Fork: only in the process that took it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_putback(pipe: *const mproc_pipe_t, id: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(pipe) }?.0.in_place()?.put_back(id).map(|()| 0)
    })
}

/// Bounds, fill and peer of this end.
///
/// @param[out] info_out  filled   @param info_size  sizeof(mproc_pipe_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_info(
    pipe: *const mproc_pipe_t,
    info_out: *mut mproc_pipe_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(pipe)?.0.info()?;
            let flag = |on, bit| if on { bit } else { 0 };
            let info = mproc_pipe_info_t {
                capacity_bytes: i.capacity_bytes,
                max_message: i.max_message,
                incoming: i.incoming,
                outgoing: i.outgoing,
                end: i.end.number(),
                flags: flag(i.one_way, MPROC_PIPE_ONEWAY)
                    | flag(i.exclusive, MPROC_PIPE_EXCLUSIVE)
                    | flag(i.pollable, MPROC_POLLABLE),
                peer: match i.peer {
                    Peer::Awaited => MPROC_PEER_AWAITED,
                    Peer::Open => MPROC_PEER_OPEN,
                    Peer::Gone => MPROC_PEER_GONE,
                },
                steals: i.steals,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on this end that can travel to other processes: see mproc_handle_t. While it exists, also on its
/// way, the end counts as open.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP MPROC_ESYS  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_export(pipe: *const mproc_pipe_t, handle_out: *mut *mut mproc_handle_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (pipe, handle_out) = unsafe { (borrow(pipe)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(pipe.0.export()?)));
        Ok(0)
    })
}

/// Opens the end that a handle from another process leads to.
///
/// @param handle         stays the caller's; close it when it is not needed any more: it holds the end open
/// @param options        NULL: defaults; as mproc_pipe_open()
/// @param[out] pipe_out  the end; close it with mproc_pipe_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag
/// @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_import(
    handle: *const mproc_handle_t,
    options: *const mproc_pipe_options_t,
    pipe_out: *mut *mut mproc_pipe_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, pipe_out) = (borrow(handle)?, copy_options(options)?, out(pipe_out)?);
            pipe_out.write(give(mproc_pipe_t(Pipe::import(&handle.0, &pipe_options(options)?)?)));
            Ok(0)
        }
    })
}

fn pipe_options(options: Option<mproc_pipe_options_t>) -> crate::Result<PipeOptions> {
    let Some(o) = options else { return Ok(PipeOptions::default()) };
    if o.reserved != 0 {
        return Err(Error::invalid("a reserved field is not 0"));
    }
    let own = MPROC_PIPE_ONEWAY | MPROC_PIPE_EXCLUSIVE | MPROC_POLLABLE;
    Ok(PipeOptions {
        object: ObjectOptions::common(o.flags & !own)?,
        capacity_bytes: o.capacity_bytes,
        one_way: o.flags & MPROC_PIPE_ONEWAY != 0,
        exclusive: o.flags & MPROC_PIPE_EXCLUSIVE != 0,
        pollable: o.flags & MPROC_POLLABLE != 0,
    })
}
