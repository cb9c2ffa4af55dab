//! Waiting for any of many things.

use super::boundary::{borrow, bytes, opt_out, out, run, slice, slice_mut, wait};
use super::cancel::mproc_cancel_t;
use super::event::mproc_event_t;
use super::lock::mproc_lock_t;
use super::pipe::mproc_pipe_t;
use super::queue::mproc_queue_t;
use super::rlock::mproc_rlock_t;
use super::semaphore::mproc_semaphore_t;
use super::value::mproc_value_t;
use crate::manager::wait::{wait_things, Thing, Until};
use crate::manager::Place;
use crate::objects::{On, WAIT_MOST};
use crate::sync::Token;
use crate::{Error, Result};
use std::ffi::{c_int, c_void};

/// mproc_wait_item_t.condition: a mproc_queue_t from which a get, peek or lease would return at once: there is a
/// message, or there will be no more.
pub const MPROC_WAIT_QUEUE_READABLE: u32 = 1;
/// mproc_wait_item_t.condition: a mproc_queue_t into which a put of `size` bytes would return at once: there is room,
/// or the queue is shut down.
pub const MPROC_WAIT_QUEUE_WRITABLE: u32 = 2;
/// mproc_wait_item_t.condition: a mproc_pipe_t from which a recv or peek would return at once: there is a message, or
/// the other end is gone. Of a MPROC_PIPE_EXCLUSIVE pipe, to wait for this is a use of the end: no other thread or
/// process may receive through it meanwhile.
pub const MPROC_WAIT_PIPE_READABLE: u32 = 3;
/// mproc_wait_item_t.condition: a mproc_pipe_t into which a send of `size` bytes would return at once: there is room,
/// or the other end is gone.
pub const MPROC_WAIT_PIPE_WRITABLE: u32 = 4;
/// mproc_wait_item_t.condition: a mproc_pipe_t whose other end is gone, whether or not messages are left. (Not yet
/// opened is not gone.)
pub const MPROC_WAIT_PIPE_CLOSED: u32 = 5;
/// mproc_wait_item_t.condition: a mproc_lock_t that is free, or whose holder is dead.
pub const MPROC_WAIT_LOCK: u32 = 6;
/// mproc_wait_item_t.condition: a mproc_rlock_t that is free, whose holder is dead, or which the calling thread holds.
pub const MPROC_WAIT_RLOCK: u32 = 7;
/// mproc_wait_item_t.condition: a mproc_semaphore_t with a permit, or (accounting) with permits of the dead.
pub const MPROC_WAIT_SEMAPHORE: u32 = 8;
/// mproc_wait_item_t.condition: a mproc_event_t that is set, or was since the call began.
pub const MPROC_WAIT_EVENT: u32 = 9;
/// mproc_wait_item_t.condition: a mproc_value_t that is not `expected` any more, as mproc_value_wait(); with expected
/// NULL one that has been notified since the call began.
pub const MPROC_WAIT_VALUE: u32 = 10;

/// Most things that one call of mproc_wait() can wait for.
pub const MPROC_WAIT_MAX: u32 = 126;

/// One thing to wait for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_wait_item_t {
    /// MPROC_WAIT_...
    pub condition: u32,
    /// Leave 0.
    pub reserved: u32,
    /// A live handle of the type that the condition names; not NULL.
    pub object: *const c_void,
    /// MPROC_WAIT_VALUE: the bytes that the value is expected to leave, or NULL. Else NULL.
    pub expected: *const c_void,
    /// MPROC_WAIT_VALUE: how many bytes are expected, 0 with NULL. ..._WRITABLE: bytes of the message. Else 0.
    pub size: usize,
}

/// Waits until at least one of many things is ready, and says which: a poll() for objects. Ready means that the
/// call which belongs to it would have returned at once: with success or with an error (an object found
/// corrupt is ready, too). Nothing is taken: another process or thread may be faster, so use the form of the call
/// that does not wait (timeout 0), and wait again if it finds nothing. Who waits here does not take a wake-up away from
/// others: one it got and does not use is passed on (but for values: see mproc_value_notify()).
///
/// Sleeps on all words at once (futex_waitv, Linux 5.16). Where the kernel or a sandbox does not have it, or a handle
/// was opened with MPROC_RETURN_ON_SIGNAL, it looks at all things every 2 to 10 ms instead. A death (of a lock's
/// holder, of all who had a pipe's other end …) is noticed within about 100 ms.
///
/// Remote things are those of one manager, all of them, through one connection: then it is one request to the server.
///
/// @param items,count           1 to MPROC_WAIT_MAX things; the same object may come more than once
/// @param timeout_ns            nanoseconds; MPROC_FOREVER waits, 0 looks once   @param cancel  NULL or a token
/// @param[out] ready_out        room for count numbers: the indices of what is ready, ascending. May be NULL.
/// @param[out] ready_count_out  how many of them; at least 1 after MPROC_OK. May be NULL.
/// @retval MPROC_OK         something is ready
/// @retval MPROC_ETIMEDOUT  nothing was   @retval MPROC_ECANCELED  cancel was set
/// @retval MPROC_EINTR      a handle was opened with MPROC_RETURN_ON_SIGNAL, and a signal handler ran while the thread
///                          slept. (One that runs while it looks around is missed; the sure way is a token that the
///                          handler sets: mproc_cancel_set().)
/// @retval MPROC_EINVAL     count is 0 or above MPROC_WAIT_MAX, NULL, bad timeout_ns, unknown condition, or a field is set
///                          that does not belong to it
/// @retval MPROC_ENOTSUP    a pipe's end that only sends cannot be readable, nor one that only receives writable
/// @retval MPROC_ENOTSUP    also: things in memory and remote ones, or remote ones of several connections, at a time
/// @retval MPROC_E2BIG      a message of that size can never fit   @retval MPROC_ETYPE  the value has another size
/// @retval MPROC_ESLOTS     1022 processes have joined (also MPROC_ESTALE MPROC_EACCES MPROC_ESYS, in a forked child)
/// Blocks: up to timeout_ns.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_wait(
    items: *const mproc_wait_item_t,
    count: usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
    ready_out: *mut u32,
    ready_count_out: *mut usize,
) -> c_int {
    run(|| {
        if count == 0 || count > WAIT_MOST {
            return Err(Error::invalid("mproc_wait takes 1 to MPROC_WAIT_MAX things"));
        }
        // SAFETY: items has count elements with live handles; cancel is NULL or live; the outputs are NULL or valid.
        unsafe {
            let items = slice(items, count)?;
            let room = if ready_out.is_null() { 0 } else { count };
            let to = slice_mut(ready_out, room)?;
            let mut ready = 0;
            wait_things(
                count,
                |index| thing(&items[index]),
                wait(timeout_ns, cancel)?,
                |index| {
                    if let Some(to) = to.get_mut(ready) {
                        to.write(index as u32);
                    }
                    ready += 1;
                },
            )?;
            opt_out(ready_count_out).write(ready);
        }
        Ok(0)
    })
}

/// What an item means.
///
/// # Safety
/// Its object is NULL or a live handle of the type that its condition names; `expected` is NULL or has `size` bytes.
unsafe fn thing<'a>(item: &mproc_wait_item_t) -> Result<Thing<'a>> {
    let sized = matches!(item.condition, MPROC_WAIT_QUEUE_WRITABLE | MPROC_WAIT_PIPE_WRITABLE | MPROC_WAIT_VALUE);
    let unused = item.reserved != 0
        || (item.size != 0 && !sized)
        || (!item.expected.is_null() && item.condition != MPROC_WAIT_VALUE)
        || (item.expected.is_null() && item.size != 0 && item.condition == MPROC_WAIT_VALUE);
    if unused {
        return Err(Error::invalid("a field of an item that does not belong to its condition is set"));
    }
    let (object, len) = (item.object, item.size);
    // SAFETY: this function's contract: the condition says what the handle is.
    Ok(unsafe {
        match item.condition {
            MPROC_WAIT_QUEUE_READABLE => {
                Thing::of(&borrow(object.cast::<mproc_queue_t>())?.0, On::QueueReadable, Until::QueueReadable)
            }
            MPROC_WAIT_QUEUE_WRITABLE => {
                let queue = &borrow(object.cast::<mproc_queue_t>())?.0;
                Thing::of(queue, |queue| On::QueueWritable(queue, len), Until::QueueWritable(len))
            }
            MPROC_WAIT_PIPE_READABLE => {
                Thing::of(borrow(object.cast::<mproc_pipe_t>())?.0.end(), On::PipeReadable, Until::PipeReadable)
            }
            MPROC_WAIT_PIPE_WRITABLE => {
                let end = borrow(object.cast::<mproc_pipe_t>())?.0.end();
                Thing::of(end, |end| On::PipeWritable(end, len), Until::PipeWritable(len))
            }
            MPROC_WAIT_PIPE_CLOSED => {
                Thing::of(borrow(object.cast::<mproc_pipe_t>())?.0.end(), On::PipeClosed, Until::PipeClosed)
            }
            MPROC_WAIT_LOCK => Thing::of(&borrow(object.cast::<mproc_lock_t>())?.0, On::Lock, Until::Lock),
            MPROC_WAIT_RLOCK => match &borrow(object.cast::<mproc_rlock_t>())?.0 {
                Place::Near(rlock, _) => Thing::Here(On::RLock(rlock)),
                Place::Far(proxy) => Thing::There(proxy, Until::RLock(Token::of_thread())),
            },
            MPROC_WAIT_SEMAPHORE => {
                Thing::of(&borrow(object.cast::<mproc_semaphore_t>())?.0, On::Semaphore, Until::Semaphore)
            }
            MPROC_WAIT_EVENT => Thing::of(&borrow(object.cast::<mproc_event_t>())?.0, On::Event, Until::Event),
            MPROC_WAIT_VALUE => {
                let expected = if item.expected.is_null() { None } else { Some(bytes(item.expected, len)?) };
                let value = &borrow(object.cast::<mproc_value_t>())?.0;
                Thing::of(value, |value| On::Value(value, expected), Until::Value(expected))
            }
            _ => return Err(Error::invalid("unknown condition")),
        }
    })
}

/// Waits until the value is not `expected` any more, byte for byte, as C++20's atomic wait: looks, sleeps until
/// somebody calls mproc_value_notify(), looks again. No store wakes anybody by itself: neither mproc_value_store(),
/// _add() and the like nor one through a pointer. Who changes the value, wants it seen at once and is killed before it
/// notified does no harm: everybody looks again every 100 ms.
///
/// @param expected     `size` bytes, as many as the value has; NULL: waits for the next notification, whatever it is
/// @param size         bytes; 0 with NULL
/// @param timeout_ns   nanoseconds; MPROC_FOREVER waits, 0 looks once   @param cancel  NULL or a token
/// @retval MPROC_OK         it is something else now (or was: it may be `expected` again when the call returns)
/// @retval MPROC_ETIMEDOUT  it still is   @retval MPROC_ECANCELED  cancel was set
/// @retval MPROC_EINTR      as mproc_lock_lock()
/// @retval MPROC_EINVAL     NULL handle, or size without expected   @retval MPROC_ETYPE  the value has another size
/// @retval MPROC_EBUSY      a SNAPSHOT struct whose writer is stopped; also others, as mproc_value_load()
/// Blocks: up to timeout_ns.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_wait(
    value: *const mproc_value_t,
    expected: *const c_void,
    size: usize,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        if expected.is_null() && size != 0 {
            return Err(Error::invalid("size without expected"));
        }
        // SAFETY: NULL or live handles; expected is NULL or has size bytes.
        unsafe {
            let expected = if expected.is_null() { None } else { Some(bytes(expected, size)?) };
            borrow(value)?.0.wait(expected, wait(timeout_ns, cancel)?).map(|()| 0)
        }
    })
}

/// Wakes up to n of those who wait for the value (mproc_value_wait(), MPROC_WAIT_VALUE), after it was changed. Who
/// finds it as expected goes on waiting, and the wake-up is spent: notify all (UINT32_MAX) unless everybody waits for
/// the same. Those who were not woken look by themselves within about 100 ms; with expected NULL they, too, return
/// then. Not remembered: who begins to wait later waits for the next one. Cheap if nobody waits.
///
/// @param n  how many; UINT32_MAX: all; 0 does nothing
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_notify(value: *const mproc_value_t, n: u32) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(value) }?.0.notify(n).map(|()| 0)
    })
}

/// A descriptor for epoll, poll, select, libuv, asyncio or Go's netpoller that becomes readable (POLLIN, also for room)
/// when a get might find a message, or that there will be no more. Without a helper thread. For a queue made with
/// MPROC_POLLABLE.
///
/// Use it as that of a socket that does not block: when it is readable, get (or peek, or lease) with timeout 0 until
/// MPROC_ETIMEDOUT; that, and only that, makes the descriptor unreadable until there is more. It may become readable
/// for nothing, and does ten times a second: so a producer killed between putting and ringing delays its last message
/// by 100 ms at most. It begins readable. Edge-triggered polling works, too.
///
/// The descriptor belongs to the handle: do not read or close it; mproc_queue_close() does (take it out of an event
/// loop first). Each call on one handle gives the same one; other handles have their own, and each becomes readable. It
/// is an epoll instance, which holds two more descriptors; so it cannot be watched with EPOLLEXCLUSIVE. A forked child
/// asks again and gets one of its own; its copy of the parent's, which it must have taken out of its event loop, is
/// closed then.
///
/// Rings cross pid namespaces and containers that share the network namespace; to others messages come within 100 ms.
///
/// @param[out] fd_out  the descriptor, close-on-exec
/// @retval MPROC_OK     @retval MPROC_EINVAL  NULL    @retval MPROC_ENOTSUP  not made with MPROC_POLLABLE
/// @retval MPROC_EFULL  128 descriptors are in use on this side of the queue
/// @retval MPROC_ESYS   out of descriptors (also MPROC_ESLOTS MPROC_ESTALE MPROC_EACCES, in a forked child)
/// Blocks: no.  Threads: any.  Fork: see above.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_readable_fd(queue: *const mproc_queue_t, fd_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, fd_out) = unsafe { (borrow(queue)?, out(fd_out)?) };
        fd_out.write(queue.0.near()?.readable_fd()?);
        Ok(0)
    })
}

/// The same for room: readable (POLLIN) when a put or reserve might find room, or that the queue is shut down. Put with
/// timeout 0 until MPROC_ETIMEDOUT, then poll. Otherwise as mproc_queue_readable_fd().
///
/// @param[out] fd_out  the descriptor, close-on-exec
/// @retval MPROC_OK     @retval others  as mproc_queue_readable_fd()
/// Blocks: no.  Threads: any.  Fork: the child asks again.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_queue_writable_fd(queue: *const mproc_queue_t, fd_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (queue, fd_out) = unsafe { (borrow(queue)?, out(fd_out)?) };
        fd_out.write(queue.0.near()?.writable_fd()?);
        Ok(0)
    })
}

/// As mproc_queue_readable_fd(), for a pipe made with MPROC_POLLABLE: readable when a recv or peek might find a message
/// or the end of file. (mproc_pipe_poll() takes nothing and also makes the descriptor unreadable when it finds
/// nothing.)
///
/// @param[out] fd_out  the descriptor, close-on-exec
/// @retval MPROC_OK     @retval MPROC_ENOTSUP  not made with MPROC_POLLABLE, or this end only sends
/// @retval others  as mproc_queue_readable_fd()
/// Blocks: no.  Threads: any.  Fork: the child asks again.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_readable_fd(pipe: *const mproc_pipe_t, fd_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (pipe, fd_out) = unsafe { (borrow(pipe)?, out(fd_out)?) };
        fd_out.write(pipe.0.near()?.readable_fd()?);
        Ok(0)
    })
}

/// The same for room: readable (POLLIN) when a send or reserve might find room, or that the other end is gone. Send
/// with timeout 0 until MPROC_ETIMEDOUT, then poll.
///
/// @param[out] fd_out  the descriptor, close-on-exec
/// @retval MPROC_OK     @retval MPROC_ENOTSUP  not made with MPROC_POLLABLE, or this end only receives
/// @retval others  as mproc_queue_readable_fd()
/// Blocks: no.  Threads: any.  Fork: the child asks again.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_pipe_writable_fd(pipe: *const mproc_pipe_t, fd_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (pipe, fd_out) = unsafe { (borrow(pipe)?, out(fd_out)?) };
        fd_out.write(pipe.0.near()?.writable_fd()?);
        Ok(0)
    })
}
