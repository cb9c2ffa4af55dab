//! The queue.

use super::boundary::{
    borrow, bytes, bytes_mut, c_name, copy_options, copy_struct_out, create, free, get_lock, give, opt_out, out, run,
    slice, slice_mut, wait,
};
use super::cancel::mproc_cancel_t;
use super::datum::{mproc_datum_t, receive, send};
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use super::types::{mproc_view_t, MPROC_POLLABLE};
use crate::manager::Queue;
use crate::objects::{ObjectOptions, Peer, QueueOptions};
use crate::Error;
use std::ffi::{c_char, c_int, c_void};

/// A first-in-first-out queue of messages (byte strings), many producers, many consumers, bounded.
///
/// Behind a connection (mproc_manager_connect()) each operation is a request, and the connection is what counts as a
/// process: when it is lost, its leases go back to the front, its share of unfinished messages is subtracted, and its
/// producers' handles are gone. Its handles on one queue share what is leased, until the last of them is closed; a
/// forked child is a producer from its first use of the producer's handle on. A message then has to fit one of the
/// manager's (max_message): putting a longer one gives MPROC_E2BIG, and so does taking one, which stays. Batches go in
/// parts of about 1 MiB. Messages in place (reserve and commit, peek), descriptors and handles that travel are for
/// memory (MPROC_ENOTSUP): put, get, or lease and acknowledge. MPROC_RETURN_ON_SIGNAL has no effect.
pub struct mproc_queue_t(pub(crate) Queue);

/// mproc_queue_info_t.state: producers and consumers work.
pub const MPROC_QUEUE_OPEN: u32 = 0;
/// mproc_queue_info_t.state: shut down gracefully: nothing goes in, what is inside can be taken.
pub const MPROC_QUEUE_DRAINING: u32 = 1;
/// mproc_queue_info_t.state: shut down immediately: nothing goes in or out.
pub const MPROC_QUEUE_CLOSED: u32 = 2;

/// Messages are taken under a lease: mproc_queue_lease(), or mproc_queue_peek(). A message whose consumer dies
/// before mproc_queue_ack() goes back to the front. mproc_queue_get() and mproc_queue_get_many() are refused.
pub const MPROC_QUEUE_LEASE: u32 = 64;
/// The queue counts unfinished messages, for mproc_queue_task_done() and mproc_queue_join().
pub const MPROC_QUEUE_JOINABLE: u32 = 128;

/// mproc_queue_info_t.producers: nobody has ever called mproc_queue_producer().
pub const MPROC_PRODUCERS_NONE: u32 = 0;
/// mproc_queue_info_t.producers: somebody has a producer's handle.
pub const MPROC_PRODUCERS_OPEN: u32 = 1;
/// mproc_queue_info_t.producers: every producer's handle is closed, or its processes are dead.
pub const MPROC_PRODUCERS_GONE: u32 = 2;

/// How to create or open a queue. Initialise with MPROC_QUEUE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_queue_options_t {
    /// sizeof(mproc_queue_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_QUEUE_LEASE, MPROC_QUEUE_JOINABLE,
    /// MPROC_POLLABLE
    pub flags: u32,
    /// Most messages at a time; 0: as many as fit.
    pub max_items: u32,
    /// Bytes for messages; each takes its length rounded up to 8, plus 8. Rounded up to a power of two
    /// of at least one page; at most 8 GiB. 0: 1 MiB.
    pub capacity_bytes: u64,
}

/// What a queue is and how full it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_queue_info_t {
    /// Bytes for messages, as rounded.
    pub capacity_bytes: u64,
    /// Bytes in use, with 8 per message and padding.
    pub used_bytes: u64,
    /// Messages inside.
    pub items: u64,
    /// Most messages at a time; 0: no such bound.
    pub max_items: u64,
    /// The longest message that can ever fit, in bytes.
    pub max_message: u64,
    /// MPROC_QUEUE_...
    pub state: u32,
    /// How often an internal lock was taken over from a dead process, since creation.
    pub steals: u32,
    /// Messages that consumers hold under a lease or read in place.
    pub held: u64,
    /// Reservations that are open.
    pub reserved: u64,
    /// MPROC_QUEUE_JOINABLE: messages that are inside, held, or taken and not yet reported done. Else 0.
    pub unfinished: u64,
    /// MPROC_QUEUE_LEASE, MPROC_QUEUE_JOINABLE and MPROC_POLLABLE, as created.
    pub flags: u32,
    /// MPROC_PRODUCERS_...
    pub producers: u32,
}

/// A message of a batch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_message_t {
    /// The bytes; ignored when len is 0.
    pub data: *const c_void,
    /// How many.
    pub len: usize,
}

/// Creates a queue. It appears whole or not at all.
///
/// @param domain          NULL: the default domain
/// @param name            NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options         NULL: 1 MiB, no bound on items
/// @param[out] queue_out  the handle; close it with mproc_queue_close()
/// @retval MPROC_OK       created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL   NULL output, unknown flag, or absurd capacity   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST   the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ETYPE    with MPROC_EXIST_OK: capacity, item bound, a MPROC_QUEUE_... flag or MPROC_POLLABLE was given and differs
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_queue_options_t,
    queue_out: *mut *mut mproc_queue_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (options, queue_out) = (copy_options(options)?, out(queue_out)?);
            let wanted = queue_options(options)?;
            create(
                domain,
                name,
                |site, name| Queue::create(site, name, &wanted),
                |queue| {
                    queue_out.write(give(mproc_queue_t(queue)));
                },
            )
        }
    })
}

/// Opens an existing queue by name.
///
/// @param domain          NULL: the default domain    @param name  not NULL
/// @param options         NULL: defaults; a capacity, item bound or MPROC_QUEUE_... flag that is given must match
/// @param[out] queue_out  the handle; close it with mproc_queue_close()
/// @retval MPROC_OK       @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT   no such object    @retval MPROC_EKIND  another kind   @retval MPROC_ETYPE  bounds differ
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_queue_options_t,
    queue_out: *mut *mut mproc_queue_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (options, name, queue_out) = (copy_options(options)?, c_name(name)?, out(queue_out)?);
            let wanted = queue_options(options)?;
            let queue = with_site(domain, |site| Queue::open(site, name, &wanted))?;
            queue_out.write(give(mproc_queue_t(queue)));
            Ok(0)
        }
    })
}

/// Ends the handle. Messages stay in the queue; reservations that are open on this handle are given up, and messages
/// that are held through it go back to the front. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_close(queue: *mut mproc_queue_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(queue) }
}

/// Puts a message at the end. When it returns MPROC_OK the message is in the queue, visible to every
/// process, whatever happens to this one; on any other status it is not.
///
/// @param data,len    the message; len 0 is legal (data may then be NULL)
/// @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         put    @retval MPROC_ETIMEDOUT  no room    @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_ECLOSED    the queue was shut down   @retval MPROC_E2BIG  can never fit
/// @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_put(
    queue: *const mproc_queue_t,
    data: *const c_void,
    len: usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(queue)?.0.put(bytes(data, len)?, wait(timeout_ns, cancel)?).map(|()| 0) }
    })
}

/// Takes the message at the front.
///
/// @param buf,cap       where to, and its size; buf may be NULL when cap is 0
/// @param[out] len_out  the message's length; on MPROC_EMSGSIZE the size needed. Not NULL.
/// @param timeout_ns    nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
/// @param cancel        NULL or a token that ends the wait
/// @retval MPROC_OK         taken    @retval MPROC_ETIMEDOUT  empty    @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EMSGSIZE   cap is too small; the message stays at the front
/// @retval MPROC_ECLOSED    shut down (gracefully: and empty), or empty and every producer is gone
///                          (mproc_queue_producer())    @retval MPROC_ENOTSUP  the queue wants leases
/// @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_get(
    queue: *const mproc_queue_t,
    buf: *mut c_void,
    cap: usize,
    len_out: *mut usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, buf, len_out) = (borrow(queue)?, bytes_mut(buf, cap)?, out(len_out)?);
            match queue.0.get_into(buf, wait(timeout_ns, cancel)?) {
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

/// Puts a datum at the end: the message is its encoding, MessagePack (mproc_datum_encode()). References in it are weak.
///
/// @param datum       a value; MPROC_DATUM_NEW and MPROC_DATUM_ABSENT are none
/// @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK      put    @retval MPROC_EINVAL  NULL, no datum, or bad timeout    @retval MPROC_ENOMEM
/// @retval others  as mproc_queue_put()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_put_datum(
    queue: *const mproc_queue_t,
    datum: mproc_datum_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, limits) = (borrow(queue)?, wait(timeout_ns, cancel)?);
            send(&datum, |message| queue.0.put(message, limits))
        }
    })
}

/// Takes the message at the front, which is the encoding of a datum in any form of MessagePack.
///
/// @param buf,cap         where the whole message goes, and its size; buf may be NULL when cap is 0
/// @param[out] datum_out  the datum; its bytes are in buf. On MPROC_EMSGSIZE only its len is written: the size that is
///                        needed. Not NULL.
/// @param timeout_ns      nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
/// @param cancel          NULL or a token that ends the wait
/// @retval MPROC_OK       taken    @retval MPROC_EMSGSIZE  cap is too small; the message stays at the front
/// @retval MPROC_EINVAL   NULL or bad timeout; or the message is no datum: then it was taken, and *datum_out is its
///                        bytes (MPROC_DATUM_BYTES)
/// @retval others  as mproc_queue_get()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_get_datum(
    queue: *const mproc_queue_t,
    buf: *mut c_void,
    cap: usize,
    datum_out: *mut mproc_datum_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, buf, limits) = (borrow(queue)?, bytes_mut(buf, cap)?, wait(timeout_ns, cancel)?);
            receive(buf, datum_out, |buf| queue.0.get_into(buf, limits))
        }
    })
}

/// The same as mproc_queue_put(), but only if nothing has been put with a greater fencing token: so that a holder of a
/// lock that was slow, and has lost it to another one meanwhile, does no harm. The queue keeps the greatest token with
/// which something was put, and compares it in the same step. Puts without a token are not held up.
///
/// @param data,len    the message; len 0 is legal (data may then be NULL)
/// @param token       what the lock gave out for this holding of it (mproc_lock_token() and the like); not 0
/// @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK       put    @retval MPROC_EFENCED  something was put with a greater token; nothing was done
/// @retval MPROC_EINVAL   NULL, token 0 or bad timeout    @retval others  as mproc_queue_put()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_put_if_token(
    queue: *const mproc_queue_t,
    data: *const c_void,
    len: usize,
    token: u64,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(queue)?.0.put_if_token(bytes(data, len)?, token, wait(timeout_ns, cancel)?).map(|()| 0) }
    })
}

/// Puts several messages, in order, with as few lock operations as possible. Waits for room as often as
/// needed. Other producers' messages may come in between.
///
/// @param messages,count  the messages; count 0 does nothing
/// @param[out] done_out   how many of them are in the queue, counted from the first; written on every
///                        status except MPROC_EINVAL. May be NULL.
/// @param timeout_ns      nanoseconds for the whole batch   @param cancel  NULL or a token
/// @retval MPROC_OK  all are in    @retval others  as mproc_queue_put(); the first *done_out are in.
///                   MPROC_E2BIG: one of them can never fit; then none was put
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_put_many(
    queue: *const mproc_queue_t,
    messages: *const mproc_message_t,
    count: usize,
    done_out: *mut usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, messages, limits) = (borrow(queue)?, slice(messages, count)?, wait(timeout_ns, cancel)?);
            for m in messages {
                bytes(m.data, m.len)?;
            }
            // The pointers were checked just above; a length of 0 makes the pointer irrelevant.
            let (done, result) =
                queue.0.put_many(messages.len(), |i| bytes(messages[i].data, messages[i].len).unwrap_or(&[]), limits);
            opt_out(done_out).write(done);
            result.map(|()| 0)
        }
    })
}

/// Takes several messages, in order, with one lock operation: waits for the first one, then takes as
/// many as are there, fit, and are wanted. The messages stand in `buf` one after the other, each at the
/// next multiple of 8 bytes from the start of `buf`.
///
/// @param buf,cap         where to, and its size
/// @param[out] lens_out   the length of each message taken; room for `max` entries
/// @param max             most messages to take; at least 1
/// @param[out] count_out  how many were taken. Not NULL.
/// @param timeout_ns      nanoseconds to wait for the first message   @param cancel  NULL or a token
/// @retval MPROC_OK  at least one was taken    @retval MPROC_EMSGSIZE  the first does not fit: lens_out[0]
///                   is the size needed, and it stays at the front    @retval others  as mproc_queue_get()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_get_many(
    queue: *const mproc_queue_t,
    buf: *mut c_void,
    cap: usize,
    lens_out: *mut usize,
    max: usize,
    count_out: *mut usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, buf) = (borrow(queue)?, bytes_mut(buf, cap)?);
            let (lens, count_out) = (slice_mut(lens_out, max)?, out(count_out)?);
            match queue.0.get_many_into(buf, lens, wait(timeout_ns, cancel)?) {
                Ok(count) => {
                    count_out.write(count);
                    Ok(0)
                }
                Err(Error::MessageSize { needed }) => {
                    lens[0].write(needed);
                    Err(Error::MessageSize { needed })
                }
                Err(other) => Err(other),
            }
        }
    })
}

/// How many messages are inside right now. Every returned put and get is counted.
///
/// @param[out] items_out  messages
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_size(queue: *const mproc_queue_t, items_out: *mut usize) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, items_out) = unsafe { (borrow(queue)?, out(items_out)?) };
        items_out.write(queue.0.size()?);
        Ok(0)
    })
}

/// Whether there is no message inside right now (mproc_queue_size() is 0).
///
/// @param[out] empty_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_empty(queue: *const mproc_queue_t, empty_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, empty_out) = unsafe { (borrow(queue)?, out(empty_out)?) };
        empty_out.write(c_int::from(queue.0.size()? == 0));
        Ok(0)
    })
}

/// Whether not even an empty message would fit right now (by bytes or by items).
///
/// @param[out] full_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_full(queue: *const mproc_queue_t, full_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, full_out) = unsafe { (borrow(queue)?, out(full_out)?) };
        full_out.write(c_int::from(queue.0.is_full()?));
        Ok(0)
    })
}

/// Shuts the queue down for every process, for good. Gracefully (immediate 0): puts fail with
/// MPROC_ECLOSED, gets go on until the queue is empty, then fail with MPROC_ECLOSED. Immediately
/// (immediate 1): the messages inside are dropped and both fail at once. Everyone who waits is woken.
/// Shutting down again is harmless; graceful may be followed by immediate.
/// Gracefully, what other processes have reserved or hold is waited for: it may still be committed or put back.
/// (What the calling process has itself is not: it would wait for ever.) Immediately, reservations and messages
/// held end with it: committing gives MPROC_ECLOSED, giving up, releasing and putting back are harmless.
///
/// @param immediate  0 or 1
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or immediate is neither 0 nor 1
/// @retval MPROC_EBUSY  a stopped process is inside   @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
/// Blocks: at most busy_timeout.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_shutdown(queue: *const mproc_queue_t, immediate: c_int) -> c_int {
    run(|| {
        if !(0..=1).contains(&immediate) {
            return Err(Error::invalid("immediate is 0 or 1"));
        }
        // SAFETY: NULL or a live handle.
        unsafe { borrow(queue) }?.0.shutdown(immediate == 1).map(|()| 0)
    })
}

/// Bounds, fill and state of the queue.
///
/// @param[out] info_out  filled   @param info_size  sizeof(mproc_queue_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_info(
    queue: *const mproc_queue_t,
    info_out: *mut mproc_queue_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(queue)?.0.info()?;
            let flag = |on, bit| if on { bit } else { 0 };
            let info = mproc_queue_info_t {
                capacity_bytes: i.capacity_bytes,
                used_bytes: i.used_bytes,
                items: i.items,
                max_items: i.max_items,
                max_message: i.max_message,
                state: i.state,
                steals: i.steals,
                held: i.held,
                reserved: i.reserved,
                unfinished: i.unfinished,
                flags: flag(i.lease, MPROC_QUEUE_LEASE)
                    | flag(i.joinable, MPROC_QUEUE_JOINABLE)
                    | flag(i.pollable, MPROC_POLLABLE),
                producers: match i.producers {
                    Peer::Awaited => MPROC_PRODUCERS_NONE,
                    Peer::Open => MPROC_PRODUCERS_OPEN,
                    Peer::Gone => MPROC_PRODUCERS_GONE,
                },
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// Reserves room for a message, to be written in place. It is put by mproc_queue_commit(). A reservation is not
/// a lock: other producers go on, and what they put can be taken before it. Several may be open at a time, in
/// one process and in many. If the process dies, its reservation is dropped.
///
/// @param len            most bytes the message will have
/// @param[out] view_out  where to write; valid until commit, abort, or the close of the handle
/// @param timeout_ns     nanoseconds to wait for room    @param cancel  NULL or a token
/// @retval MPROC_OK      reserved    @retval others  as mproc_queue_put()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: the reservation is the parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_reserve(
    queue: *const mproc_queue_t,
    len: usize,
    view_out: *mut mproc_view_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, view_out) = (borrow(queue)?, out(view_out)?);
            view_out.write(queue.0.in_place()?.reserve(len, wait(timeout_ns, cancel)?)?.into());
            Ok(0)
        }
    })
}

/// Puts a reserved message. When it returns MPROC_OK the message is visible to every process.
///
/// @param id   mproc_view_t.id    @param len  the message's length, at most what was reserved
/// @retval MPROC_OK       put    @retval MPROC_ERANGE  longer than reserved; the reservation stays
/// @retval MPROC_EPERM    not a reservation open on this handle    @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECLOSED  shut down immediately: the reservation is dropped   @retval MPROC_ECORRUPT
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any, concurrently.  Fork: only in the process that reserved.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_commit(queue: *const mproc_queue_t, id: u64, len: usize) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(queue) }?.0.in_place()?.commit(id, len).map(|()| 0)
    })
}

/// Gives a reservation up: nothing is put. Its room is free at once if nothing is in front of it, else (and it
/// counts as an item until then) when what is in front has been taken.
///
/// @param id  mproc_view_t.id
/// @retval MPROC_OK  @retval MPROC_EPERM  not a reservation open on this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
/// Fork: only in the process that reserved.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_abort(queue: *const mproc_queue_t, id: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(queue) }?.0.in_place()?.abort(id).map(|()| 0)
    })
}

/// Takes the message at the front without copying it: it stays where it is, for reading in place, until
/// mproc_queue_release(). Meanwhile other consumers get the messages after it, and its room and that of what
/// is behind it is not yet free. If the process dies before, the message goes back to the front.
///
/// @param[out] view_out  the message; do not write to it. Valid until release or the close of the handle.
/// @param timeout_ns     nanoseconds to wait for a message    @param cancel  NULL or a token
/// @retval MPROC_OK         taken    @retval MPROC_RECOVERED  taken; a consumer had it before and died or put it back
/// @retval others  as mproc_queue_get()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: the message is the parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_peek(
    queue: *const mproc_queue_t,
    view_out: *mut mproc_view_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, view_out) = (borrow(queue)?, out(view_out)?);
            let view = queue.0.in_place()?.peek(wait(timeout_ns, cancel)?)?;
            let status = view.status();
            view_out.write(view.into());
            Ok(status)
        }
    })
}

/// Ends the reading of a message in place: it is taken for good, and its room free again.
///
/// @param id  mproc_view_t.id
/// @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
/// Fork: only in the process that took it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_release(queue: *const mproc_queue_t, id: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(queue) }?.0.release(id).map(|()| 0)
    })
}

/// Puts a message that was taken by mproc_queue_peek() or mproc_queue_lease() back to the front: whoever asks
/// next gets it, before anything that was put later.
///
/// @param id  mproc_view_t.id, or the lease
/// @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
/// Fork: only in the process that took it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_putback(queue: *const mproc_queue_t, id: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(queue) }?.0.put_back(id).map(|()| 0)
    })
}

/// Takes the message at the front under a lease: a copy for the caller, while the queue keeps the message until
/// mproc_queue_ack(). If the process dies before, the message goes back to the front; its next consumer gets
/// MPROC_RECOVERED. So every message is worked on until somebody has acknowledged it; a consumer that dies
/// between its work and the acknowledgement makes it be worked on twice. Works on every queue. A leased
/// message keeps its room, and that of everything behind it: make the capacity large enough for what may pass
/// while the longest job is done.
///
/// @param buf,cap         where to, and its size; buf may be NULL when cap is 0
/// @param[out] len_out    the message's length; on MPROC_EMSGSIZE the size needed. Not NULL.
/// @param[out] lease_out  for mproc_queue_ack() or mproc_queue_putback(). Not NULL.
/// @param timeout_ns      nanoseconds to wait for a message    @param cancel  NULL or a token
/// @retval MPROC_OK         taken    @retval MPROC_RECOVERED  taken; a consumer had it before and died or put it back
/// @retval others  as mproc_queue_get()
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: the lease is the parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_lease(
    queue: *const mproc_queue_t,
    buf: *mut c_void,
    cap: usize,
    len_out: *mut usize,
    lease_out: *mut u64,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (queue, buf) = (borrow(queue)?, bytes_mut(buf, cap)?);
            let (len_out, lease_out) = (out(len_out)?, out(lease_out)?);
            match queue.0.lease_into(buf, wait(timeout_ns, cancel)?) {
                Ok(leased) => {
                    len_out.write(leased.len);
                    lease_out.write(leased.id);
                    Ok(if leased.again { super::status::MPROC_RECOVERED } else { 0 })
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

/// Acknowledges a leased message: it is done and leaves the queue.
///
/// @param lease  from mproc_queue_lease()
/// @retval MPROC_OK  @retval MPROC_EPERM  not a lease held through this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
/// Fork: only in the process that took it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_ack(queue: *const mproc_queue_t, lease: u64) -> c_int {
    // SAFETY: this function's contract is mproc_queue_release()'s.
    unsafe { mproc_queue_release(queue, lease) }
}

/// Reports one message done that this process has taken from a MPROC_QUEUE_JOINABLE queue with
/// mproc_queue_get() or mproc_queue_get_many(). (Messages read in place or leased are done when they are
/// released or acknowledged.)
///
/// @retval MPROC_OK       @retval MPROC_EPERM  more often than this process has taken messages
/// @retval MPROC_ENOTSUP  the queue is not joinable   @retval MPROC_EINVAL  NULL   @retval MPROC_ECORRUPT
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any, concurrently; the process is counted.  Fork: not for what the parent took.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_task_done(queue: *const mproc_queue_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(queue) }?.0.task_done().map(|()| 0)
    })
}

/// Waits until everything that was put has been taken and reported done (or released, or acknowledged). What
/// consumers that died had taken and not reported counts as done: then MPROC_RECOVERED says so, once for
/// each handle.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 looks once    @param cancel  NULL or a token
/// @retval MPROC_OK         all done    @retval MPROC_RECOVERED  all done or lost with a consumer that died
/// @retval MPROC_ETIMEDOUT  @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_ENOTSUP    the queue is neither joinable nor for leases
/// @retval MPROC_EINVAL     NULL or bad timeout    @retval MPROC_EBUSY  @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_join(
    queue: *const mproc_queue_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { get_lock(|limits| borrow(queue)?.0.join(limits), wait(timeout_ns, cancel)) }
    })
}

/// Another handle on the queue, a producer's: as long as one exists, in any process, the queue is not over.
/// Once somebody has had one, and the last of them is closed or its processes are dead, a consumer that finds
/// the queue empty gets MPROC_ECLOSED instead of waiting for ever (after a death: within about 100 ms). A new
/// producer may come later; consumers that ask then go on.
///
/// @param[out] queue_out  the producer's handle; close it with mproc_queue_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  the program closed the queue's descriptor
/// @retval MPROC_ESLOTS  @retval MPROC_ESYS
/// Blocks: no.  Threads: any.  Fork: the child is a producer, too, until it closes the handle.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_producer(
    queue: *const mproc_queue_t,
    queue_out: *mut *mut mproc_queue_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, queue_out) = unsafe { (borrow(queue)?, out(queue_out)?) };
        queue_out.write(give(mproc_queue_t(queue.0.producer()?)));
        Ok(0)
    })
}

/// A handle on the queue that can travel to other processes: see mproc_handle_t. A producer's handle stays one.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP  the object has lost its name, or the program closed its descriptor
/// @retval MPROC_ESYS     no descriptor to be had …    @retval MPROC_ESTALE  the domain was removed
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_export(
    queue: *const mproc_queue_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, handle_out) = unsafe { (borrow(queue)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(queue.0.export()?)));
        Ok(0)
    })
}

/// Opens the queue that a handle from another process leads to, and joins its domain.
///
/// @param handle          stays the caller's
/// @param options         NULL: defaults; as mproc_queue_open()
/// @param[out] queue_out  the queue; close it with mproc_queue_close()
/// @retval MPROC_OK       @retval MPROC_EINVAL  NULL or unknown flag
/// @retval MPROC_EKIND  the handle is on another kind
/// @retval MPROC_ETYPE    options differ
/// @retval MPROC_EACCES   this user may not use it: the domain is private to another one; or the memory could be
///                        taken away while it is in use (not sealed)
/// @retval MPROC_ECORRUPT MPROC_EVERSION MPROC_EDOMAIN  not an object of this domain
/// @retval MPROC_ESLOTS MPROC_ESTALE MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_import(
    handle: *const mproc_handle_t,
    options: *const mproc_queue_options_t,
    queue_out: *mut *mut mproc_queue_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, queue_out) = (borrow(handle)?, copy_options(options)?, out(queue_out)?);
            queue_out.write(give(mproc_queue_t(Queue::import(&handle.0, &queue_options(options)?)?)));
            Ok(0)
        }
    })
}

fn queue_options(options: Option<mproc_queue_options_t>) -> crate::Result<QueueOptions> {
    let Some(o) = options else { return Ok(QueueOptions::default()) };
    let own = MPROC_QUEUE_LEASE | MPROC_QUEUE_JOINABLE | MPROC_POLLABLE;
    Ok(QueueOptions {
        object: ObjectOptions::common(o.flags & !own)?,
        capacity_bytes: o.capacity_bytes,
        max_items: o.max_items,
        lease: o.flags & MPROC_QUEUE_LEASE != 0,
        joinable: o.flags & MPROC_QUEUE_JOINABLE != 0,
        pollable: o.flags & MPROC_POLLABLE != 0,
    })
}
