//! The queue.

use super::boundary::{
    borrow, bytes, bytes_mut, c_name, copy_options, copy_struct_out, create, free, give, opt_out, out, run, slice,
    slice_mut, wait,
};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, with_domain};
use super::handle::mproc_handle_t;
use crate::objects::{ObjectOptions, Queue, QueueOptions};
use crate::Error;
use std::ffi::{c_char, c_int, c_void};

/// A first-in-first-out queue of messages (byte strings), many producers, many consumers, bounded.
pub struct mproc_queue_t(pub(crate) Queue);

/// mproc_queue_info_t.state: producers and consumers work.
pub const MPROC_QUEUE_OPEN: u32 = 0;
/// mproc_queue_info_t.state: shut down gracefully: nothing goes in, what is inside can be taken.
pub const MPROC_QUEUE_DRAINING: u32 = 1;
/// mproc_queue_info_t.state: shut down immediately: nothing goes in or out.
pub const MPROC_QUEUE_CLOSED: u32 = 2;

/// How to create or open a queue. Initialise with MPROC_QUEUE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_queue_options_t {
    /// sizeof(mproc_queue_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN
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
/// @retval MPROC_ETYPE    with MPROC_EXIST_OK: capacity or item bound was given and differs
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
                |d, name| Queue::create(d, name, &wanted),
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
/// @param options         NULL: defaults; a capacity or item bound that is given must match
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
            let queue = with_domain(domain, |d| Queue::open(d, name, &wanted))?;
            queue_out.write(give(mproc_queue_t(queue)));
            Ok(0)
        }
    })
}

/// Ends the handle. Messages stay in the queue. NULL does nothing.
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
/// @retval MPROC_EMSGSIZE   cap is too small; the message stays at the front
/// @retval MPROC_ECLOSED    shut down, and empty if gracefully
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
        items_out.write(queue.0.len());
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
        empty_out.write(c_int::from(queue.0.is_empty()));
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
        full_out.write(c_int::from(queue.0.is_full()));
        Ok(0)
    })
}

/// Shuts the queue down for every process, for good. Gracefully (immediate 0): puts fail with
/// MPROC_ECLOSED, gets go on until the queue is empty, then fail with MPROC_ECLOSED. Immediately
/// (immediate 1): the messages inside are dropped and both fail at once. Everyone who waits is woken.
/// Shutting down again is harmless; graceful may be followed by immediate.
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
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
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
            let i = borrow(queue)?.0.info();
            let info = mproc_queue_info_t {
                capacity_bytes: i.capacity_bytes,
                used_bytes: i.used_bytes,
                items: i.items,
                max_items: i.max_items,
                max_message: i.max_message,
                state: i.state,
                steals: i.steals,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on the queue that can travel to other processes: see mproc_handle_t.
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
/// @retval MPROC_OK       @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval MPROC_ETYPE    options differ
/// @retval MPROC_EACCES   this user may not use it: the domain is private to another one; or the memory could be
///                        taken away while it is in use (not sealed)
/// @retval MPROC_ECORRUPT MPROC_EVERSION MPROC_EDOMAIN  not an object of this domain    @retval MPROC_ESLOTS MPROC_ESTALE MPROC_ESYS
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
    Ok(QueueOptions { object: ObjectOptions::lock(o.flags)?, capacity_bytes: o.capacity_bytes, max_items: o.max_items })
}
