/*
 * libmproc: shared state between processes, for every language.
 *
 * Value, array, queue, pipe, lock, rlock, rwlock, semaphore, condition, event, barrier, dict, list and
 * namespace that several processes share, and that stay correct when any of them is killed with SIGKILL at
 * any instant. Generated from src/ffi by cbindgen: do not edit by hand.
 *
 * Conventions
 * -----------
 * Status     Every function that can fail returns an int: 0 (MPROC_OK), a positive value that is a
 *            success with news (MPROC_RECOVERED, MPROC_EXISTED, MPROC_END), or a negative MPROC_E... error.
 *            Numbers never change their meaning. mproc_last_error() gives this thread's last error
 *            in words. NULL where an object, a buffer with a length or an output is required is
 *            MPROC_EINVAL; outputs are untouched on failure unless a function says otherwise (a buffer
 *            given with its size may have been written to, never beyond that size).
 * Timeouts   int64_t nanoseconds of CLOCK_MONOTONIC: 0 tries once and never sleeps, MPROC_FOREVER
 *            waits without limit, other negative numbers are MPROC_EINVAL. A signal whose handler
 *            returns does not end a wait, unless the handle was opened with MPROC_RETURN_ON_SIGNAL. Waiting for data or for a user's lock is bounded by the
 *            timeout; the library's own short internal locks are bounded by the domain's
 *            busy_timeout (default 5 s, then MPROC_EBUSY), which only a stopped process can exhaust.
 *            That holds for every call, also with timeout 0, and cannot be canceled.
 * Ownership  Handles are opaque and owned by whoever created or opened them, until the matching
 *            close(). close(NULL) does nothing. A handle keeps its domain alive, so handles may be
 *            closed in any order. No call takes over an argument; strings and structs are copied.
 * Threads    Every function may be called from any thread at any time, with one exception: a handle
 *            must not be closed while another thread is still inside a call on it.
 * Processes  fork() just works: the child uses the handles it inherited and is an owner of its own
 *            from its first operation on; it does not hold the locks that its parent holds. That first
 *            operation joins the domain, and can therefore also fail with MPROC_ESLOTS, MPROC_ESTALE,
 *            MPROC_EACCES or MPROC_ESYS. exec() ends everything the process held, as death does; another
 *            program gets objects by name or as handles (mproc_spawn(), mproc_send_handle()). All of the
 *            library's descriptors are close-on-exec.
 * Signals    Not async-signal-safe, except mproc_cancel_set() and mproc_event_set(), _clear() and _is_set().
 * Memory     Never freed across allocators: whatever the library allocated, it frees in close().
 * Structs    Option structs start with their own size (use the ..._INIT macros); a library that is
 *            newer or older than the caller's header understands them.
 */

#ifndef MPROC_H
#define MPROC_H

#include <stddef.h>
#include <stdint.h>

#define MPROC_DOMAIN_OPTIONS_INIT { sizeof(mproc_domain_options_t), NULL, 0, 0, 0 }
#define MPROC_LOCK_OPTIONS_INIT   { sizeof(mproc_lock_options_t), 0, 0 }
#define MPROC_VALUE_OPTIONS_INIT  { sizeof(mproc_value_options_t), 0, 0, 0, 0, 0, NULL }
#define MPROC_ARRAY_OPTIONS_INIT  { sizeof(mproc_array_options_t), 0, 0, 0, 0, 0, 0, { 0, 0, 0, 0, 0, 0, 0, 0 }, NULL, 0 }
#define MPROC_QUEUE_OPTIONS_INIT  { sizeof(mproc_queue_options_t), 0, 0, 0 }
#define MPROC_PIPE_OPTIONS_INIT   { sizeof(mproc_pipe_options_t), 0, 0, 0 }
#define MPROC_RLOCK_OPTIONS_INIT  { sizeof(mproc_rlock_options_t), 0, 0 }
#define MPROC_RWLOCK_OPTIONS_INIT { sizeof(mproc_rwlock_options_t), 0, 0 }
#define MPROC_SEMAPHORE_OPTIONS_INIT { sizeof(mproc_semaphore_options_t), 0, 1 }
#define MPROC_CONDITION_OPTIONS_INIT { sizeof(mproc_condition_options_t), 0, 0, NULL, NULL }
#define MPROC_EVENT_OPTIONS_INIT  { sizeof(mproc_event_options_t), 0, 0 }
#define MPROC_BARRIER_OPTIONS_INIT { sizeof(mproc_barrier_options_t), 0, 0 }
#define MPROC_CONTAINER_OPTIONS_INIT { sizeof(mproc_container_options_t), 0, 0, 0 }
#define MPROC_MANAGER_OPTIONS_INIT { sizeof(mproc_manager_options_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define MPROC_CONNECT_OPTIONS_INIT { sizeof(mproc_connect_options_t), 0, 0, 0, 0, 0 }
#define MPROC_SPAWN_OPTIONS_INIT  { sizeof(mproc_spawn_options_t), NULL, 0, 0 }

/* The environment variable in which a child finds the handles it was given: "name=token" pairs, separated
 * by commas. See mproc_inherited(). */
#define MPROC_INHERITED "MPROC_INHERITED"


/**
 * mproc_dict_copy(), mproc_list_copy(), mproc_namespace_copy(): inner containers become plain lists and maps, at any
 * depth up to 64. Without it they become references.
 */
#define MPROC_COPY_DEEP 1

/**
 * Most dimensions an array can have.
 */
#define MPROC_MAX_DIMS 8

/**
 * The most parties.
 */
#define MPROC_BARRIER_MAX 1022

/**
 * The most that can wait for a condition at a time.
 */
#define MPROC_CONDITION_WAITERS 1024

/**
 * mproc_condition_info_t.lock_kind: its own rlock.
 */
#define MPROC_CONDITION_OWN 0

/**
 * mproc_datum_t.type: nothing.
 */
#define MPROC_DATUM_NIL 0

/**
 * mproc_datum_t.type: as.i is 0 or 1.
 */
#define MPROC_DATUM_BOOL 1

/**
 * mproc_datum_t.type: as.i, signed.
 */
#define MPROC_DATUM_INT 2

/**
 * mproc_datum_t.type: as.u, unsigned. What comes out as this type does not fit MPROC_DATUM_INT; in goes any.
 */
#define MPROC_DATUM_UINT 3

/**
 * mproc_datum_t.type: as.d.
 */
#define MPROC_DATUM_FLOAT 4

/**
 * mproc_datum_t.type: text: data,len in UTF-8. It may contain NULs, and does not end with one.
 */
#define MPROC_DATUM_STR 5

/**
 * mproc_datum_t.type: bytes: data,len.
 */
#define MPROC_DATUM_BYTES 6

/**
 * mproc_datum_t.type: a list: data,len is its whole MessagePack encoding.
 */
#define MPROC_DATUM_LIST 7

/**
 * mproc_datum_t.type: a map: data,len is its whole MessagePack encoding.
 */
#define MPROC_DATUM_MAP 8

/**
 * mproc_datum_t.type: a weak reference: to a container in an arena (data is NULL: kind, as.u, place and len say
 * which), or to a named object (kind, and data,len is its name).
 */
#define MPROC_DATUM_REF 9

/**
 * mproc_datum_t.type: only as a value for a container: a new, empty container of `kind` inside the arena.
 */
#define MPROC_DATUM_NEW 10

/**
 * mproc_datum_t.type: only for compare-and-exchange: there is no such key, or remove it.
 */
#define MPROC_DATUM_ABSENT 11

/**
 * mproc_datum_to_json(): on several lines, indented.
 */
#define MPROC_JSON_PRETTY 1

/**
 * The domain's directory and files are for a group: 2770 and 0660 instead of 0700 and 0600.
 * Every member of the directory's group is then as trusted as the owner.
 */
#define MPROC_DOMAIN_GROUP 1

/**
 * A domain without a name in the file system: it lives in memory file descriptors and is shared with
 * forked children, and with whoever gets a handle on one of its objects. Its objects are anonymous.
 */
#define MPROC_DOMAIN_ANONYMOUS 2

/**
 * Fail with MPROC_ENOENT instead of creating the domain when it is not there yet.
 */
#define MPROC_DOMAIN_EXISTING 4

/**
 * mproc_handle_kind(): a lock.
 */
#define MPROC_KIND_LOCK 2

/**
 * mproc_handle_kind(): a value.
 */
#define MPROC_KIND_VALUE 3

/**
 * mproc_handle_kind(): an array.
 */
#define MPROC_KIND_ARRAY 4

/**
 * mproc_handle_kind(): a queue.
 */
#define MPROC_KIND_QUEUE 5

/**
 * mproc_handle_kind(): one end of a pipe.
 */
#define MPROC_KIND_PIPE 6

/**
 * mproc_handle_kind(): an rlock.
 */
#define MPROC_KIND_RLOCK 7

/**
 * mproc_handle_kind(): an rwlock.
 */
#define MPROC_KIND_RWLOCK 8

/**
 * mproc_handle_kind(): a semaphore.
 */
#define MPROC_KIND_SEMAPHORE 9

/**
 * mproc_handle_kind(): a condition.
 */
#define MPROC_KIND_CONDITION 10

/**
 * mproc_handle_kind(): an event.
 */
#define MPROC_KIND_EVENT 11

/**
 * mproc_handle_kind(): a barrier.
 */
#define MPROC_KIND_BARRIER 12

/**
 * mproc_handle_kind(): a dict.
 */
#define MPROC_KIND_DICT 13

/**
 * mproc_handle_kind(): a list.
 */
#define MPROC_KIND_LIST 14

/**
 * mproc_handle_kind(): a namespace.
 */
#define MPROC_KIND_NAMESPACE 15

/**
 * mproc_list_sort(): the greatest first.
 */
#define MPROC_SORT_DESCENDING 1

/**
 * Slices: as stop, or as start with a negative step: the end of the list.
 */
#define MPROC_SLICE_END INT64_MAX

/**
 * Slices: as start, or as stop with a negative step: before the beginning of the list.
 */
#define MPROC_SLICE_BEGIN INT64_MIN

/**
 * Any process may release the lock, not only its holder: for handing it over, or as a signal, as Python's Lock.
 * Decided when it is created. (Who dies while it is the holder still passes it on, as MPROC_RECOVERED.)
 */
#define MPROC_ANY_RELEASE 512

/**
 * mproc_manager_options_t.flags: any user of the machine may connect to the unix sockets, with the key. Without it
 * only the server's own user, and root.
 */
#define MPROC_MANAGER_ANY_USER 1

/**
 * mproc_connect_options_t.flags: proxies, also where the memory could be had (as "?memory=never" in the address).
 */
#define MPROC_CONNECT_PROXY 1

/**
 * The pipe goes one way: end 0 receives, end 1 sends.
 */
#define MPROC_PIPE_ONEWAY 16

/**
 * The creator promises that no two threads or processes use the same end in the same direction at the same
 * time: the pipe then does without the locks of its ends. A broken promise can spoil messages, never memory.
 */
#define MPROC_PIPE_EXCLUSIVE 32

/**
 * mproc_pipe_info_t.peer: nobody has opened the other end yet.
 */
#define MPROC_PEER_AWAITED 0

/**
 * mproc_pipe_info_t.peer: somebody has the other end open.
 */
#define MPROC_PEER_OPEN 1

/**
 * mproc_pipe_info_t.peer: everybody who had the other end has closed it or is dead.
 */
#define MPROC_PEER_GONE 2

/**
 * mproc_queue_info_t.state: producers and consumers work.
 */
#define MPROC_QUEUE_OPEN 0

/**
 * mproc_queue_info_t.state: shut down gracefully: nothing goes in, what is inside can be taken.
 */
#define MPROC_QUEUE_DRAINING 1

/**
 * mproc_queue_info_t.state: shut down immediately: nothing goes in or out.
 */
#define MPROC_QUEUE_CLOSED 2

/**
 * Messages are taken under a lease: mproc_queue_lease(), or mproc_queue_peek(). A message whose consumer dies
 * before mproc_queue_ack() goes back to the front. mproc_queue_get() and mproc_queue_get_many() are refused.
 */
#define MPROC_QUEUE_LEASE 64

/**
 * The queue counts unfinished messages, for mproc_queue_task_done() and mproc_queue_join().
 */
#define MPROC_QUEUE_JOINABLE 128

/**
 * mproc_queue_info_t.producers: nobody has ever called mproc_queue_producer().
 */
#define MPROC_PRODUCERS_NONE 0

/**
 * mproc_queue_info_t.producers: somebody has a producer's handle.
 */
#define MPROC_PRODUCERS_OPEN 1

/**
 * mproc_queue_info_t.producers: every producer's handle is closed, or its processes are dead.
 */
#define MPROC_PRODUCERS_GONE 2

/**
 * Releasing above the initial value is an error (MPROC_EOVERFLOW): the BoundedSemaphore.
 */
#define MPROC_SEMAPHORE_BOUNDED 1024

/**
 * Permits belong to the processes that took them, and come back when these die.
 */
#define MPROC_SEMAPHORE_ACCOUNTING 2048

/**
 * The highest value.
 */
#define MPROC_SEMAPHORE_MAX 2147483647

/**
 * Done.
 */
#define MPROC_OK 0

/**
 * Success with news: the lock is yours, and its previous holder died while holding it. What the lock protects may be
 * half done; repair it, then go on. The lock itself is sound. (Of a message taken: somebody had it before, and died or
 * put it back. Of a join: consumers died with messages they had taken. Of a semaphore: permits of a process that died
 * came back. Of a readers-writer lock: a writer died inside.)
 */
#define MPROC_RECOVERED 1

/**
 * Success with news: with MPROC_EXIST_OK, the object was already there and has been opened.
 */
#define MPROC_EXISTED 2

/**
 * Success with news: there is nothing more. What was iterated or read has come to its end.
 */
#define MPROC_END 3

/**
 * An argument is NULL, out of its range, or an unknown flag or type.
 */
#define MPROC_EINVAL -1

/**
 * The timeout passed (with timeout 0: it would have had to wait).
 */
#define MPROC_ETIMEDOUT -2

/**
 * The cancel token was set.
 */
#define MPROC_ECANCELED -3

/**
 * The queue was shut down (and, after a graceful shutdown, is drained); or it is empty and all its producers
 * are gone.
 */
#define MPROC_ECLOSED -4

/**
 * The buffer is too small; the size needed was reported and the message stays where it is.
 */
#define MPROC_EMSGSIZE -5

/**
 * The message can never fit into this queue or pipe.
 */
#define MPROC_E2BIG -6

/**
 * The name is taken by a living object.
 */
#define MPROC_EEXIST -7

/**
 * There is no object of that name, or no such domain. Of containers: no such key or element, or what a reference
 * leads to is gone.
 */
#define MPROC_ENOENT -8

/**
 * The name belongs to another kind of object.
 */
#define MPROC_EKIND -9

/**
 * Type, size, shape or schema differ from the object's; or the operation does not fit the type of what is stored
 * (adding to a string, sorting mixed types).
 */
#define MPROC_ETYPE -10

/**
 * The index or range is out of bounds, of an array or a list.
 */
#define MPROC_ERANGE -11

/**
 * This process does not hold it: the lock, the reservation, the message.
 */
#define MPROC_EPERM -12

/**
 * The file or directory has the wrong owner, type or mode, or permission was denied.
 */
#define MPROC_EACCES -13

/**
 * The file system of the domain has no room for it. Nothing was left behind.
 */
#define MPROC_ENOSPC -14

/**
 * The machine, or a memory limit of this process's control groups, has no room for it. Nothing was left behind.
 */
#define MPROC_ENOMEM -15

/**
 * An internal lock was held by a living process for longer than busy_timeout; or, of a domain: somebody is in it.
 */
#define MPROC_EBUSY -16

/**
 * The shared memory does not make sense. The object is poisoned: every later call says so too.
 */
#define MPROC_ECORRUPT -17

/**
 * Another memory layout version or byte order.
 */
#define MPROC_EVERSION -18

/**
 * The object belongs to another domain than the one it was looked up in.
 */
#define MPROC_EDOMAIN -19

/**
 * Not a name: 1 to 200 of [A-Za-z0-9._-], not starting with a dot.
 */
#define MPROC_ENAME -20

/**
 * The domain has no free place: 1022 living processes have joined it.
 */
#define MPROC_ESLOTS -21

/**
 * This type or mode of object does not have that operation.
 */
#define MPROC_ENOTSUP -22

/**
 * A system call failed; mproc_last_error() has errno and the call.
 */
#define MPROC_ESYS -23

/**
 * A bug in the library was caught at its boundary. The object may be unusable.
 */
#define MPROC_EPANIC -24

/**
 * The domain was removed while this process still had it open; open it anew. Of a manager's: another instance answers
 * at its address.
 */
#define MPROC_ESTALE -25

/**
 * The other end (of the pipe, of the socket) is closed, or its processes are dead: nobody will read it.
 */
#define MPROC_EPIPE -26

/**
 * Nothing is left, and the other end (of the pipe, of the socket) is closed, or its processes are dead.
 */
#define MPROC_EOF -27

/**
 * A signal handler ran in the waiting thread (only with MPROC_RETURN_ON_SIGNAL).
 */
#define MPROC_EINTR -28

/**
 * The barrier is broken, or was reset while waiting.
 */
#define MPROC_EBROKEN -29

/**
 * A count would exceed its bound: permits of a semaphore, levels of a lock, the sum of two integers.
 */
#define MPROC_EOVERFLOW -30

/**
 * A table in shared memory is full: too many wait already. Of containers: the arena has reached its limit.
 */
#define MPROC_EFULL -31

/**
 * The container changed while it was iterated.
 */
#define MPROC_ECHANGED -32

/**
 * There is no connection to the manager: it is not there, was killed, or does not answer. What was asked for may have
 * been done, unless the function says otherwise.
 */
#define MPROC_ECONNECTION -33

/**
 * Refused by the manager, or by this side: no key, another key, another user; or it is no manager.
 */
#define MPROC_EAUTH -34

/**
 * What came through the connection makes no sense, or comes from another version of the protocol.
 */
#define MPROC_EPROTOCOL -35

/**
 * A limit of the manager's is reached: clients, objects, bytes, requests in flight.
 */
#define MPROC_EQUOTA -36

/**
 * The fencing token is older than one that was used before.
 */
#define MPROC_EFENCED -37

/**
 * Wait without limit.
 */
#define MPROC_FOREVER -1

/**
 * Signed 8-bit integer (typecode 'b').
 */
#define MPROC_TYPE_I8 1

/**
 * Unsigned 8-bit integer (typecode 'B').
 */
#define MPROC_TYPE_U8 2

/**
 * Signed 16-bit integer (typecode 'h').
 */
#define MPROC_TYPE_I16 3

/**
 * Unsigned 16-bit integer (typecode 'H').
 */
#define MPROC_TYPE_U16 4

/**
 * Signed 32-bit integer (typecode 'i').
 */
#define MPROC_TYPE_I32 5

/**
 * Unsigned 32-bit integer (typecode 'I').
 */
#define MPROC_TYPE_U32 6

/**
 * Signed 64-bit integer (typecodes 'l' and 'q').
 */
#define MPROC_TYPE_I64 7

/**
 * Unsigned 64-bit integer (typecodes 'L' and 'Q').
 */
#define MPROC_TYPE_U64 8

/**
 * IEEE 754 binary32 (typecode 'f').
 */
#define MPROC_TYPE_F32 9

/**
 * IEEE 754 binary64 (typecode 'd').
 */
#define MPROC_TYPE_F64 10

/**
 * One byte of text (typecode 'c'); an unsigned 8-bit integer to every operation.
 */
#define MPROC_TYPE_CHAR8 11

/**
 * One wide character, 32 bits (typecode 'u'); an unsigned 32-bit integer to every operation.
 */
#define MPROC_TYPE_CHAR32 12

/**
 * One byte, 0 or 1: whatever is stored becomes 0 or 1. No arithmetic; and, or, xor are logical.
 */
#define MPROC_TYPE_BOOL 13

/**
 * A fixed-size struct without pointers, 1 byte to 1 MiB, given by elem_size and elem_align.
 */
#define MPROC_TYPE_STRUCT 14

/**
 * The object keeps its name and memory until it is unlinked, also when nobody uses it.
 * Without it, name and memory vanish with the last process that uses the object.
 */
#define MPROC_PERSIST 1

/**
 * If a matching object of that name exists, open it: the call then returns MPROC_EXISTED.
 */
#define MPROC_EXIST_OK 2

/**
 * This handle never spins before it sleeps. For machines where CPU time is dearer than latency.
 */
#define MPROC_NO_SPIN 4

/**
 * When a signal handler has run in the waiting thread, the call through this handle returns MPROC_EINTR instead of
 * waiting on: so that Ctrl-C works in languages whose handlers run after the call. A signal that comes in the instant
 * before the thread falls asleep is not noticed (as with every such call): where that matters, set a cancel token in
 * the handler. With a cancel token, such a wait notices the token within 10 ms.
 */
#define MPROC_RETURN_ON_SIGNAL 256

/**
 * Queues and pipes: their handles can have descriptors for event loops: mproc_queue_readable_fd() and the like. Costs
 * 4 KiB for a queue, 4 KiB for each direction of a pipe. Decided when the object is created.
 */
#define MPROC_POLLABLE 4096

/**
 * Struct values: one copy in place with a pointer, protected by the user's lock, instead of the
 * default SNAPSHOT (two copies: lock-free consistent reads, writes atomic against kill, no pointer).
 */
#define MPROC_RAW 8

/**
 * Read-modify-write: add (integers wrap around, as in C).
 */
#define MPROC_OP_ADD 1

/**
 * Read-modify-write: subtract.
 */
#define MPROC_OP_SUB 2

/**
 * Read-modify-write: the smaller of both, in the value's own signedness.
 */
#define MPROC_OP_MIN 3

/**
 * Read-modify-write: the larger of both, in the value's own signedness.
 */
#define MPROC_OP_MAX 4

/**
 * Read-modify-write: bitwise and. Not for floats.
 */
#define MPROC_OP_AND 5

/**
 * Read-modify-write: bitwise or. Not for floats.
 */
#define MPROC_OP_OR 6

/**
 * Read-modify-write: bitwise exclusive or. Not for floats.
 */
#define MPROC_OP_XOR 7

/**
 * ABI number these declarations belong to (the number in the SONAME).
 */
#define MPROC_ABI_VERSION 0

/**
 * Version of the layout in shared memory that these declarations belong to.
 */
#define MPROC_LAYOUT_VERSION 1

/**
 * mproc_wait_item_t.condition: a mproc_queue_t from which a get, peek or lease would return at once: there is a
 * message, or there will be no more.
 */
#define MPROC_WAIT_QUEUE_READABLE 1

/**
 * mproc_wait_item_t.condition: a mproc_queue_t into which a put of `size` bytes would return at once: there is room,
 * or the queue is shut down.
 */
#define MPROC_WAIT_QUEUE_WRITABLE 2

/**
 * mproc_wait_item_t.condition: a mproc_pipe_t from which a recv or peek would return at once: there is a message, or
 * the other end is gone. Of a MPROC_PIPE_EXCLUSIVE pipe, to wait for this is a use of the end: no other thread or
 * process may receive through it meanwhile.
 */
#define MPROC_WAIT_PIPE_READABLE 3

/**
 * mproc_wait_item_t.condition: a mproc_pipe_t into which a send of `size` bytes would return at once: there is room,
 * or the other end is gone.
 */
#define MPROC_WAIT_PIPE_WRITABLE 4

/**
 * mproc_wait_item_t.condition: a mproc_pipe_t whose other end is gone, whether or not messages are left. (Not yet
 * opened is not gone.)
 */
#define MPROC_WAIT_PIPE_CLOSED 5

/**
 * mproc_wait_item_t.condition: a mproc_lock_t that is free, or whose holder is dead.
 */
#define MPROC_WAIT_LOCK 6

/**
 * mproc_wait_item_t.condition: a mproc_rlock_t that is free, whose holder is dead, or which the calling thread holds.
 */
#define MPROC_WAIT_RLOCK 7

/**
 * mproc_wait_item_t.condition: a mproc_semaphore_t with a permit, or (accounting) with permits of the dead.
 */
#define MPROC_WAIT_SEMAPHORE 8

/**
 * mproc_wait_item_t.condition: a mproc_event_t that is set, or was since the call began.
 */
#define MPROC_WAIT_EVENT 9

/**
 * mproc_wait_item_t.condition: a mproc_value_t that is not `expected` any more, as mproc_value_wait(); with expected
 * NULL one that has been notified since the call began.
 */
#define MPROC_WAIT_VALUE 10

/**
 * Most things that one call of mproc_wait() can wait for.
 */
#define MPROC_WAIT_MAX 126

/**
 * The memory in which a named (or anonymous) container and all containers inside it live: one heap, one lock. Borrowed
 * from a handle on any of them, and valid as long as that handle is open; it is never closed by itself.
 *
 * Of a remote container (mproc_object_is_remote()) each call is a request: it blocks for the answer, and can fail with
 * MPROC_ECONNECTION, MPROC_ESTALE or MPROC_EQUOTA, too.
 */
typedef struct mproc_arena_t mproc_arena_t;

/**
 * An array of numbers, characters, bools or structs, with 1 to 8 dimensions, row-major.
 *
 * Behind a connection (mproc_manager_connect()) reading and writing are requests, one for each MiB of a run: each
 * element is whole as it is here, but if the connection is lost in the middle of a long write its first part may have
 * been done. The array's lock is then held by the connection: when that is lost, it is as if its holder had died.
 * There is no pointer and no handle that travels (MPROC_ENOTSUP); MPROC_RETURN_ON_SIGNAL has no effect. A manager
 * takes the initial elements in one message: as many as its max_message allows (MPROC_E2BIG).
 */
typedef struct mproc_array_t mproc_array_t;

/**
 * A place where a fixed number of parties (threads of any processes) wait for each other, again and again.
 *
 * It breaks when a party gives up waiting (timeout, cancel, signal), calls abort, or dies while it waits; also when a
 * process dies that has registered (mproc_barrier_register()), before it arrives. Then everybody who waits, and
 * whoever comes until mproc_barrier_reset(), gets MPROC_EBROKEN.
 *
 * Of a manager's that is remote, the connection stands for the process, also for what was registered: that is taken
 * back when the last handle on the barrier is closed. If the connection is lost, the barrier breaks as if the process
 * had died, and calls return MPROC_ECONNECTION. Actions run in the caller. Signals do not end its waits.
 */
typedef struct mproc_barrier_t mproc_barrier_t;

/**
 * Operations on objects of one manager that are done together: far in as few messages as possible, near one after the
 * other in memory. Each is atomic by itself; the batch is not: others' operations may come in between, and one that
 * fails does not keep the next ones from being done. None of them waits.
 *
 * Used by one thread at a time. The handles of the objects must stay open until the batch has run.
 */
typedef struct mproc_batch_t mproc_batch_t;

/**
 * Makes a datum of others: lists and maps. It owns its memory. One thread at a time.
 */
typedef struct mproc_builder_t mproc_builder_t;

/**
 * A cancel token: set it, and every blocking call of this process that was given it returns
 * MPROC_ECANCELED promptly. Belongs to one process; any number of calls may share one.
 */
typedef struct mproc_cancel_t mproc_cancel_t;

/**
 * A condition to wait for under a lock: its own (recursive, the default), or a lock or rlock of the same domain that
 * it is bound to when it is created. Whoever opens the condition then opens that lock, too, and names it.
 *
 * Waiting gives the lock up, all its levels, and takes it again before it returns, in every case. A wake-up may be
 * spurious, after a death: look at what was waited for, in a loop. Notifying never waits for anybody. A notification
 * goes to the one who has waited longest; if its process dies before wait has returned, it passes on to the next.
 *
 * Of a manager's, the lock is one of the same manager's, and opened through the same connection. If it is remote, the
 * connection stands for the process: if that is lost, the lock passes on as if the process had died, and calls return
 * MPROC_ECONNECTION, without the lock. Signals do not end its waits.
 */
typedef struct mproc_condition_t mproc_condition_t;

/**
 * A dict: values under keys, in the order in which the keys were inserted. Keys are datums without a map or a
 * reference inside, and equal if their encodings are: 1, 1.0 and true are three keys. Values are datums or containers:
 * a value MPROC_DATUM_NEW makes a new container inside the dict, a MPROC_DATUM_REF on a container of the same arena
 * puts that one there (and keeps it alive). What comes out for a container is a MPROC_DATUM_REF, to be used with
 * mproc_dict_follow() and its siblings. Lists and maps that are given as one datum are plain values: stored, fetched
 * and replaced as a whole.
 *
 * Each call is atomic: it has happened wholly or not at all, whenever a process is killed. (The exception says so:
 * mproc_dict_update().)
 *
 * A dict of a manager's (mproc_manager_domain()) may be remote (mproc_object_is_remote()): then each call is a request
 * to the manager. It blocks for the answer; it can also fail with MPROC_ECONNECTION, MPROC_ESTALE or MPROC_EQUOTA; with
 * MPROC_E2BIG if what is given or got, a map as a whole, is longer than a message of the manager's may be; then nothing
 * was done. Copies of a whole dict have no such bound: see mproc_iter_t. What is said about threads, fork and signals
 * holds. mproc_dict_export() is MPROC_ENOTSUP.
 */
typedef struct mproc_dict_t mproc_dict_t;

/**
 * A domain: a set of processes and objects that know each other; a directory on tmpfs, or anonymous.
 */
typedef struct mproc_domain_t mproc_domain_t;

/**
 * A flag that processes can wait for. One word: setting, clearing and asking take no lock, join no domain, and are
 * async-signal-safe.
 */
typedef struct mproc_event_t mproc_event_t;

/**
 * A handle on an object of any kind (for a pipe: on one of its ends), ready to travel: to a child that runs
 * another program (mproc_spawn(), or by hand: mproc_handle_token()), or through a unix socket
 * (mproc_send_handle()). The receiver opens the object from it with mproc_<kind>_import().
 *
 * It holds two descriptors, both close-on-exec: that of the domain's registry and that of the object.
 */
typedef struct mproc_handle_t mproc_handle_t;

/**
 * Goes through what a container has, or had at one moment. Of a remote container, a copy of one moment is fetched wholly
 * before it is handed out; what goes through a living one asks for up to 64 at a time, and then mproc_iter_next() blocks
 * for the answer, and can fail with MPROC_ECONNECTION or MPROC_ESTALE, or with MPROC_E2BIG if a single one is longer than
 * a message of the manager's may be; it stays so.
 */
typedef struct mproc_iter_t mproc_iter_t;

/**
 * A list: elements with an index, from 0; negative ones count from the end. What can be an element is what can be a
 * value of a dict: see mproc_dict_t.
 *
 * Each call is atomic: it has happened wholly or not at all, whenever a process is killed.
 *
 * A list of a manager's may be remote: then it is as a remote dict is: see mproc_dict_t.
 */
typedef struct mproc_list_t mproc_list_t;

/**
 * A robust mutual-exclusion lock, held by a process (not by a thread). Not recursive.
 *
 * Of a manager's that is remote, the holder is the connection: if that is lost, the lock passes on as if the process
 * had died, and its calls return MPROC_ECONNECTION. Signals do not end its waits.
 */
typedef struct mproc_lock_t mproc_lock_t;

/**
 * A manager: a server that has objects, and a connection to it. One that was started has the server inside this
 * process; one that was connected to has it elsewhere. The objects are made and found in its domain, with the functions
 * of their kinds: see mproc_manager_domain().
 *
 * Near (a unix socket) a client gets the memory: its operations need no server. Far (tcp) each operation is a request
 * to the server, encrypted; operations that wait hold up nobody else. What works on memory only (pointers, messages
 * in place, descriptors for event loops, handles that travel) is MPROC_ENOTSUP there. Each function on a remote object
 * can also return MPROC_ECONNECTION (there is no connection, or no answer within the timeout of
 * mproc_connect_options_t), MPROC_ESTALE (another server is at the address, or the object is gone), MPROC_EQUOTA and
 * MPROC_EPROTOCOL, and blocks for the answer.
 *
 * When a connection ends, for whatever reason, it is for everybody else as if its process had died: locks pass on as
 * MPROC_RECOVERED, permits and leased messages return, barriers break, ends of pipes close, references to objects are
 * dropped. A process whose connection was lost makes a new one to the same server by itself. What it had asked for and
 * that is bound to the lost session (locks, permits, leases, creating) returns MPROC_ECONNECTION; everything else is
 * asked again, and the server does not do it twice (as long as the answers that were on their way had no more than 4 MiB,
 * or were one; and the connection is made again within 6 seconds).
 *
 * After fork() the child makes a connection of its own when it needs one.
 */
typedef struct mproc_manager_t mproc_manager_t;

/**
 * A namespace: values under names, for configuration and state that has names of its own. A name has 1 to 255 bytes of
 * UTF-8 and does not start with '_'. What can be a value is what can be a value of a dict: see mproc_dict_t.
 *
 * Each call is atomic: it has happened wholly or not at all, whenever a process is killed.
 *
 * A namespace of a manager's may be remote: then it is as a remote dict is: see mproc_dict_t.
 */
typedef struct mproc_namespace_t mproc_namespace_t;

/**
 * One end of a pipe: messages (byte strings) between two ends, in order, boundaries kept.
 *
 * Behind a connection (mproc_manager_connect()) each operation is a request, and the connection has the end: when it
 * is lost, or the handle closed, the other side sees that. A forked child has the end from its first use of the
 * handle on; so let it use the handle, or open the end anew (mproc_object_name()), before the parent closes it. A
 * message then has to fit one of the manager's (max_message): sending a longer one gives MPROC_E2BIG, and so does
 * receiving one, which stays. Messages in place (reserve and commit, peek), descriptors and handles that travel are
 * for memory (MPROC_ENOTSUP): send and receive. MPROC_RETURN_ON_SIGNAL has no effect. A manager itself has neither
 * end.
 */
typedef struct mproc_pipe_t mproc_pipe_t;

/**
 * A child process started by mproc_spawn().
 */
typedef struct mproc_process_t mproc_process_t;

/**
 * A first-in-first-out queue of messages (byte strings), many producers, many consumers, bounded.
 *
 * Behind a connection (mproc_manager_connect()) each operation is a request, and the connection is what counts as a
 * process: when it is lost, its leases go back to the front, its share of unfinished messages is subtracted, and its
 * producers' handles are gone. Its handles on one queue share what is leased, until the last of them is closed; a
 * forked child is a producer from its first use of the producer's handle on. A message then has to fit one of the
 * manager's (max_message): putting a longer one gives MPROC_E2BIG, and so does taking one, which stays. Batches go in
 * parts of about 1 MiB. Messages in place (reserve and commit, peek), descriptors and handles that travel are for
 * memory (MPROC_ENOTSUP): put, get, or lease and acknowledge. MPROC_RETURN_ON_SIGNAL has no effect.
 */
typedef struct mproc_queue_t mproc_queue_t;

/**
 * A robust recursive lock. Its owner is a process together with a token: by default the calling thread's, or one
 * that the caller supplies (for goroutines, coroutines and other things that move between threads). Only the owner
 * can take it again, and as often as it took it, it has to release it. When the owner's process dies, all its
 * levels go at once.
 *
 * Of a manager's that is remote, the connection stands for the process (through two connections of one process, a
 * thread is two owners); if it is lost, the lock passes on as if the process had died, and its calls return
 * MPROC_ECONNECTION. Signals do not end its waits.
 */
typedef struct mproc_rlock_t mproc_rlock_t;

/**
 * A robust readers-writer lock: any number of readers, or one writer. A writer that waits keeps new readers out, so
 * writers are not starved. Reading and writing belong to a process (not to a thread): any of its threads may release.
 * Not recursive: a thread that reads and wants to read again can deadlock with a writer that came in between.
 *
 * A reader that dies is simply gone. A writer that dies inside leaves what the lock protects half done: from then on
 * read_lock() and write_lock() say MPROC_RECOVERED, until a writer has released the lock.
 *
 * Of a manager's that is remote, the connection stands for the process: if it is lost, what it holds goes as if the
 * process had died, and its calls return MPROC_ECONNECTION. Signals do not end its waits.
 */
typedef struct mproc_rwlock_t mproc_rwlock_t;

/**
 * A counting semaphore: acquire takes a permit, release gives some back.
 *
 * Plain (the default): anybody may release, also who never acquired; a process that dies keeps what it took, as
 * everywhere else. With MPROC_SEMAPHORE_ACCOUNTING permits belong to the processes that took them: only they can
 * release them, and what a process has when it dies comes back.
 *
 * Of a manager's that is remote, permits of an accounting one belong to the connection: if that is lost, they come back
 * as if the process had died, and calls return MPROC_ECONNECTION. Signals do not end its waits.
 */
typedef struct mproc_semaphore_t mproc_semaphore_t;

/**
 * One shared value: a number, a character, a bool, or a struct.
 *
 * Behind a connection (mproc_manager_connect()) each operation is one request, and as atomic as it is here. The
 * value's lock is then held by the connection: when that is lost, it is as if its holder had died. There is no
 * pointer and no handle that travels (MPROC_ENOTSUP); MPROC_RETURN_ON_SIGNAL has no effect.
 */
typedef struct mproc_value_t mproc_value_t;

/**
 * What an arena is like right now: a snapshot.
 */
typedef struct {
  /**
   * How far it may grow, as rounded.
   */
  uint64_t limit_bytes;
  /**
   * Bytes in blocks that are in use, with what each costs beside its contents.
   */
  uint64_t used_bytes;
  /**
   * Bytes of memory that it has taken so far. It keeps what it has.
   */
  uint64_t committed_bytes;
  /**
   * Blocks that are in use.
   */
  uint64_t blocks;
  /**
   * Containers inside, with the root.
   */
  uint64_t containers;
  /**
   * Handles on inner containers that living processes hold.
   */
  uint64_t handles;
  /**
   * Containers that nobody can reach any more and that are freed bit by bit.
   */
  uint64_t waiting_to_be_freed;
  /**
   * MPROC_PERSIST, as created.
   */
  uint32_t flags;
  /**
   * How often its lock was taken over from a dead process, since creation.
   */
  uint32_t steals;
  /**
   * How often what a dead process had left half done was undone, since creation.
   */
  uint32_t rollbacks;
  /**
   * 0.
   */
  uint32_t reserved;
} mproc_arena_info_t;

/**
 * The scalar of a datum.
 */
typedef union {
  /**
   * MPROC_DATUM_BOOL, MPROC_DATUM_INT
   */
  int64_t i;
  /**
   * MPROC_DATUM_UINT; MPROC_DATUM_REF: the arena
   */
  uint64_t u;
  /**
   * MPROC_DATUM_FLOAT
   */
  double d;
} mproc_datum_scalar_t;

/**
 * A dynamic value. It is passed by value and owns nothing: data belongs to whoever has made it.
 */
typedef struct {
  /**
   * MPROC_DATUM_...
   */
  int32_t type;
  /**
   * MPROC_KIND_... of MPROC_DATUM_REF and MPROC_DATUM_NEW, else 0.
   */
  uint32_t kind;
  /**
   * The scalar.
   */
  mproc_datum_scalar_t as;
  /**
   * MPROC_DATUM_REF on a container: where in its arena.
   */
  uint64_t place;
  /**
   * The bytes.
   */
  const void *data;
  /**
   * How many.
   */
  size_t len;
} mproc_datum_t;

/**
 * How to create an array, or what to expect when opening one. Initialise with MPROC_ARRAY_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_array_options_t)
   */
  size_t size;
  /**
   * MPROC_TYPE_...; on open 0 accepts any
   */
  int32_t type_code;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
   */
  uint32_t flags;
  /**
   * Structs: size in bytes, 1 to 1 MiB, a multiple of the alignment. Scalars: 0 or the type's size.
   */
  size_t elem_size;
  /**
   * Structs: alignment, a power of two up to 4096; 0: the largest up to 8 that divides elem_size. Scalars: 0.
   */
  size_t elem_align;
  /**
   * A number of your own that stands for the struct's layout; 0: none. Two that are given must match.
   */
  uint64_t schema;
  /**
   * Dimensions, 1 to MPROC_MAX_DIMS; on open 0 accepts any.
   */
  size_t ndim;
  /**
   * Elements in each dimension, the slowest first. 0 is legal: an array without elements.
   */
  size_t shape[8];
  /**
   * Initial elements, row-major; NULL: all bytes zero. Ignored when an existing array is opened.
   */
  const void *initial;
  /**
   * How many elements `initial` has: at most as many as the array; the rest is zero.
   */
  size_t initial_count;
} mproc_array_options_t;

/**
 * What an array is.
 */
typedef struct {
  /**
   * MPROC_TYPE_...
   */
  int32_t type_code;
  /**
   * MPROC_PERSIST
   */
  uint32_t flags;
  /**
   * Bytes of one element.
   */
  uint64_t elem_size;
  /**
   * Bytes.
   */
  uint64_t elem_align;
  /**
   * Given at creation, or 0.
   */
  uint64_t schema;
  /**
   * Elements altogether.
   */
  uint64_t length;
  /**
   * Dimensions.
   */
  uint64_t ndim;
  /**
   * Elements in each dimension; the rest 0.
   */
  uint64_t shape[8];
  /**
   * How often an internal lock or the user's lock was taken over from a dead process.
   */
  uint32_t steals;
  /**
   * How often a half-written struct element was rolled back.
   */
  uint32_t rollbacks;
} mproc_array_info_t;

/**
 * A process as shared memory knows it. Pid, start time and command are for people: they decide nothing.
 */
typedef struct {
  /**
   * 1 if there is an owner, else 0 (then the rest is 0).
   */
  int32_t held;
  /**
   * 1 if the owner lives, 0 if it is known to be dead.
   */
  int32_t alive;
  /**
   * 1 if it is the calling process.
   */
  int32_t is_self;
  /**
   * Slot index in the domain's registry.
   */
  uint32_t slot;
  /**
   * Generation of the slot.
   */
  uint64_t generation;
  /**
   * Process id in the owner's own pid namespace.
   */
  int32_t pid;
  /**
   * Leave unused.
   */
  uint32_t reserved;
  /**
   * Start time in clock ticks after boot (field 22 of /proc/PID/stat); 0 if unknown.
   */
  uint64_t start_time;
  /**
   * Command name, NUL-terminated.
   */
  char command[32];
} mproc_owner_t;

/**
 * How to create or open a barrier. Initialise with MPROC_BARRIER_OPTIONS_INIT and set parties.
 */
typedef struct {
  /**
   * sizeof(mproc_barrier_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
   */
  uint32_t flags;
  /**
   * How many have to come: 1 to MPROC_BARRIER_MAX. Only used when creating.
   */
  uint32_t parties;
} mproc_barrier_options_t;

/**
 * What a barrier is like right now: a snapshot.
 */
typedef struct {
  /**
   * How many have to come.
   */
  uint32_t parties;
  /**
   * How many wait.
   */
  uint32_t waiting;
  /**
   * 1 if it is broken.
   */
  int32_t broken;
  /**
   * Registrations of living processes.
   */
  uint32_t registered;
  /**
   * How often it was passed, broken or reset; wraps.
   */
  uint32_t generation;
  /**
   * Deaths that were noticed: of parties that waited, and of processes that had registered.
   */
  uint32_t deaths;
} mproc_barrier_info_t;

/**
 * The details of a thread's last error.
 */
typedef struct {
  /**
   * MPROC_E...; 0 if no call of this thread failed yet.
   */
  int32_t status;
  /**
   * errno of the system call behind it, or 0.
   */
  int32_t sys_errno;
  /**
   * What went wrong, in English, NUL-terminated (cut to fit).
   */
  char message[248];
} mproc_error_t;

/**
 * How to create or open a condition. Initialise with MPROC_CONDITION_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_condition_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * The lock to bind to, or NULL. Only one of the two. The handle may be closed before the condition's.
   */
  const mproc_lock_t *lock;
  /**
   * The rlock to bind to, or NULL.
   */
  const mproc_rlock_t *rlock;
} mproc_condition_options_t;

/**
 * What a condition is like right now: a snapshot.
 */
typedef struct {
  /**
   * How many living waiters have not been notified yet.
   */
  uint32_t waiters;
  /**
   * MPROC_CONDITION_OWN, MPROC_KIND_LOCK or MPROC_KIND_RLOCK.
   */
  uint32_t lock_kind;
  /**
   * How often a notification was passed on because the one who got it had died.
   */
  uint32_t regranted;
  /**
   * 0
   */
  uint32_t reserved;
} mproc_condition_info_t;

/**
 * Reads a list or a map. It owns nothing: the bytes that it was given must stay. One thread at a time. The fields are
 * the library's.
 */
typedef struct {
  /**
   * Where it has come to.
   */
  const uint8_t *at;
  /**
   * Bytes from there on.
   */
  size_t left;
  /**
   * Datums from there on.
   */
  uint64_t count;
} mproc_reader_t;

/**
 * How to create or open a dict, a list or a namespace. Initialise with MPROC_CONTAINER_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_container_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL (no effect: nothing here waits for a user)
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * How far its arena may grow: the address space that it takes in each process, and the most memory. It begins
   * small, and takes memory as it fills. 0: 1 GiB. Rounded up to 64 KiB; 1 MiB to 1 TiB. Only used when creating.
   */
  uint64_t limit_bytes;
} mproc_container_options_t;

/**
 * How to open a domain. Initialise with MPROC_DOMAIN_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_domain_options_t)
   */
  size_t size;
  /**
   * Directory; absolute. NULL: the environment variable MPROC_DOMAIN, else /dev/shm/mproc-<euid>.
   */
  const char *path;
  /**
   * MPROC_DOMAIN_... or 0
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * Nanoseconds an internal lock may be held by a living process before a call gives up with
   * MPROC_EBUSY. 0: 5 seconds.
   */
  int64_t busy_timeout_ns;
} mproc_domain_options_t;

/**
 * How to create or open an event. Initialise with MPROC_EVENT_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_event_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
} mproc_event_options_t;

/**
 * A secret that a manager and its clients share: whoever has it may do everything. Random bytes, never a password.
 */
typedef struct {
  /**
   * The secret.
   */
  uint8_t bytes[32];
} mproc_key_t;

/**
 * How to create or open a lock. Initialise with MPROC_LOCK_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_lock_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_ANY_RELEASE
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
} mproc_lock_options_t;

/**
 * What a server allows. Initialise with MPROC_MANAGER_OPTIONS_INIT; a field that is 0 has its default.
 */
typedef struct {
  /**
   * sizeof(mproc_manager_options_t)
   */
  size_t size;
  /**
   * MPROC_MANAGER_ANY_USER
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * Clients: 10,000.
   */
  uint32_t max_clients;
  /**
   * Connections that are not authenticated yet: 64. When there are more, the oldest is dropped.
   */
  uint32_t max_unauthenticated;
  /**
   * Requests that wait or take long, of all clients: 4,096. Each has a thread.
   */
  uint32_t max_waiting;
  /**
   * The same, of one client: 1,024.
   */
  uint32_t client_in_flight;
  /**
   * Objects: 100,000.
   */
  uint64_t max_objects;
  /**
   * Bytes of memory that the objects may take, a container as many as its limit: no bound.
   */
  uint64_t max_bytes;
  /**
   * Objects that one client created and that exist: 10,000.
   */
  uint64_t client_objects;
  /**
   * Bytes that those may take: no bound.
   */
  uint64_t client_bytes;
  /**
   * The longest message, either way: 16 MiB. 2 MiB to 1 GiB.
   */
  uint64_t max_message;
  /**
   * Nanoseconds for a connection to authenticate itself: 5 s.
   */
  int64_t handshake_timeout_ns;
  /**
   * tcp: a client whose machine is silent for so many nanoseconds is gone: 15 s. In seconds, at least 3.
   */
  int64_t keepalive_ns;
} mproc_manager_options_t;

/**
 * How to connect. Initialise with MPROC_CONNECT_OPTIONS_INIT; a field that is 0 has its default.
 */
typedef struct {
  /**
   * sizeof(mproc_connect_options_t)
   */
  size_t size;
  /**
   * MPROC_CONNECT_PROXY
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * Nanoseconds for connecting, and for an answer beyond the operation's own timeout: 10 s.
   */
  int64_t timeout_ns;
  /**
   * How long a lost connection is tried anew for a request that is under way, in nanoseconds: 2 s; at most 30 s; -1:
   * not at all, it fails. The next request connects in any case.
   */
  int64_t reconnect_ns;
  /**
   * tcp: a server whose machine is silent for so many nanoseconds is gone: 15 s. In seconds, at least 3.
   */
  int64_t keepalive_ns;
} mproc_connect_options_t;

/**
 * What a server is like right now.
 */
typedef struct {
  /**
   * Which one it is: another one after each start.
   */
  uint8_t instance[16];
  /**
   * How long it has been there.
   */
  uint64_t uptime_ns;
  /**
   * Clients, with the connection of mproc_manager_start().
   */
  uint64_t clients;
  /**
   * Connections that are not authenticated (yet).
   */
  uint64_t unauthenticated;
  /**
   * Objects; also inner containers and iterators that a client has a proxy of.
   */
  uint64_t objects;
  /**
   * Bytes of memory that the objects may take, a container as many as its limit.
   */
  uint64_t bytes;
  /**
   * Requests that wait, or take long.
   */
  uint64_t waiting;
  /**
   * Requests so far.
   */
  uint64_t requests;
  /**
   * Connections refused so far.
   */
  uint64_t refused;
  /**
   * Procedures registered.
   */
  uint32_t procedures;
  /**
   * The server's process.
   */
  uint32_t pid;
} mproc_manager_info_t;

/**
 * A procedure that clients can call: see mproc_manager_register(). It puts its result into `result`: one datum, or
 * nothing for nil. It runs in a thread of the server's, several at a time, and without signals.
 *
 * @param argument  what the caller passed; it and what it points to live during the call
 * @param payload   as registered
 * @return MPROC_OK, or a negative status, which the caller gets; with a string in `result` as its text
 */
typedef int (*mproc_procedure_t)(mproc_datum_t argument, mproc_builder_t *result, void *payload);

/**
 * How to create or open a pipe. Initialise with MPROC_PIPE_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_pipe_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE,
   * MPROC_POLLABLE
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * Bytes for messages in each direction; each takes its length rounded up to 8, plus 8. Rounded up to a
   * power of two of at least one page; at most 8 GiB. 0: 1 MiB.
   */
  uint64_t capacity_bytes;
} mproc_pipe_options_t;

/**
 * A message in shared memory: reserved, to be written in place, or taken, to be read in place. Other
 * processes could write there, too: copy what must not change between a check and its use.
 */
typedef struct {
  /**
   * The bytes, aligned to 8.
   */
  void *data;
  /**
   * How many.
   */
  size_t len;
  /**
   * For commit and abort, or release, ack and putback.
   */
  uint64_t id;
} mproc_view_t;

/**
 * What a pipe is and how full it is, seen from one end.
 */
typedef struct {
  /**
   * Bytes for messages in each direction, as rounded.
   */
  uint64_t capacity_bytes;
  /**
   * The longest message that can ever fit, in bytes.
   */
  uint64_t max_message;
  /**
   * Messages on the way to this end.
   */
  uint64_t incoming;
  /**
   * Messages that this end has sent and the other has not taken.
   */
  uint64_t outgoing;
  /**
   * 0 or 1: which end this is.
   */
  uint32_t end;
  /**
   * MPROC_PIPE_ONEWAY, MPROC_PIPE_EXCLUSIVE and MPROC_POLLABLE, as created.
   */
  uint32_t flags;
  /**
   * MPROC_PEER_...
   */
  uint32_t peer;
  /**
   * How often an internal lock was taken over from a dead process, since creation.
   */
  uint32_t steals;
} mproc_pipe_info_t;

/**
 * A handle and the name under which the child finds it.
 */
typedef struct {
  /**
   * 1 to 200 of [A-Za-z0-9._-], not starting with a dot
   */
  const char *name;
  /**
   * Stays the caller's.
   */
  const mproc_handle_t *handle;
} mproc_named_handle_t;

/**
 * How to start a program. Initialise with MPROC_SPAWN_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_spawn_options_t)
   */
  size_t size;
  /**
   * The environment, NULL-terminated "NAME=value" strings. NULL: this process's.
   */
  const char *const *envp;
  /**
   * Leave 0.
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
} mproc_spawn_options_t;

/**
 * How to create or open a queue. Initialise with MPROC_QUEUE_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_queue_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_QUEUE_LEASE, MPROC_QUEUE_JOINABLE,
   * MPROC_POLLABLE
   */
  uint32_t flags;
  /**
   * Most messages at a time; 0: as many as fit.
   */
  uint32_t max_items;
  /**
   * Bytes for messages; each takes its length rounded up to 8, plus 8. Rounded up to a power of two
   * of at least one page; at most 8 GiB. 0: 1 MiB.
   */
  uint64_t capacity_bytes;
} mproc_queue_options_t;

/**
 * A message of a batch.
 */
typedef struct {
  /**
   * The bytes; ignored when len is 0.
   */
  const void *data;
  /**
   * How many.
   */
  size_t len;
} mproc_message_t;

/**
 * What a queue is and how full it is.
 */
typedef struct {
  /**
   * Bytes for messages, as rounded.
   */
  uint64_t capacity_bytes;
  /**
   * Bytes in use, with 8 per message and padding.
   */
  uint64_t used_bytes;
  /**
   * Messages inside.
   */
  uint64_t items;
  /**
   * Most messages at a time; 0: no such bound.
   */
  uint64_t max_items;
  /**
   * The longest message that can ever fit, in bytes.
   */
  uint64_t max_message;
  /**
   * MPROC_QUEUE_...
   */
  uint32_t state;
  /**
   * How often an internal lock was taken over from a dead process, since creation.
   */
  uint32_t steals;
  /**
   * Messages that consumers hold under a lease or read in place.
   */
  uint64_t held;
  /**
   * Reservations that are open.
   */
  uint64_t reserved;
  /**
   * MPROC_QUEUE_JOINABLE: messages that are inside, held, or taken and not yet reported done. Else 0.
   */
  uint64_t unfinished;
  /**
   * MPROC_QUEUE_LEASE, MPROC_QUEUE_JOINABLE and MPROC_POLLABLE, as created.
   */
  uint32_t flags;
  /**
   * MPROC_PRODUCERS_...
   */
  uint32_t producers;
} mproc_queue_info_t;

/**
 * How to create or open an rlock. Initialise with MPROC_RLOCK_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_rlock_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
} mproc_rlock_options_t;

/**
 * What an rlock is like right now: a snapshot, for people and logs.
 */
typedef struct {
  /**
   * The process that holds it; held is 0 when the lock is free.
   */
  mproc_owner_t owner;
  /**
   * The token it was taken with (a thread's has bit 63 set, and a meaning in its process only); 0: free.
   */
  uint64_t token;
  /**
   * How often the owner has to release it.
   */
  uint32_t count;
  /**
   * How often it was taken over from a dead process.
   */
  uint32_t steals;
} mproc_rlock_info_t;

/**
 * How to create or open an rwlock. Initialise with MPROC_RWLOCK_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_rwlock_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
   */
  uint32_t flags;
  /**
   * Leave 0.
   */
  uint32_t reserved;
} mproc_rwlock_options_t;

/**
 * What an rwlock is like right now: a snapshot, for people and logs.
 */
typedef struct {
  /**
   * The process that writes, or waits for the readers to leave; held is 0 if there is none.
   */
  mproc_owner_t writer;
  /**
   * Read locks that are held by living processes.
   */
  uint32_t readers;
  /**
   * How many living processes hold them.
   */
  uint32_t reading_processes;
  /**
   * 1 if a writer holds the lock (0 if it is still waiting for readers).
   */
  int32_t writing;
  /**
   * 1 if a writer died inside and no writer has released the lock since.
   */
  int32_t inconsistent;
  /**
   * How often the lock was taken over from a dead writer, or a dead reader was dropped.
   */
  uint32_t steals;
  /**
   * 0
   */
  uint32_t reserved;
} mproc_rwlock_info_t;

/**
 * How to create or open a semaphore. Initialise with MPROC_SEMAPHORE_OPTIONS_INIT (initial value 1).
 */
typedef struct {
  /**
   * sizeof(mproc_semaphore_options_t)
   */
  size_t size;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_SEMAPHORE_BOUNDED,
   * MPROC_SEMAPHORE_ACCOUNTING
   */
  uint32_t flags;
  /**
   * Permits at the beginning: 0 to MPROC_SEMAPHORE_MAX (accounting: at least 1). Only used when creating.
   */
  uint32_t initial;
} mproc_semaphore_options_t;

/**
 * What a semaphore is like right now: a snapshot.
 */
typedef struct {
  /**
   * Permits that can be taken at once. (Accounting: those of the dead are not in it until somebody noticed.)
   */
  uint32_t value;
  /**
   * Permits at the beginning.
   */
  uint32_t initial;
  /**
   * Accounting: permits this process has. Else 0.
   */
  uint32_t held;
  /**
   * Accounting: living processes that have permits. Else 0.
   */
  uint32_t holders;
  /**
   * MPROC_SEMAPHORE_BOUNDED and MPROC_SEMAPHORE_ACCOUNTING, as created.
   */
  uint32_t flags;
  /**
   * Accounting: how often permits came back from a dead process.
   */
  uint32_t reclaimed;
} mproc_semaphore_info_t;

/**
 * How to create a value, or what to expect when opening one. Initialise with MPROC_VALUE_OPTIONS_INIT.
 */
typedef struct {
  /**
   * sizeof(mproc_value_options_t)
   */
  size_t size;
  /**
   * MPROC_TYPE_...; on open 0 accepts any
   */
  int32_t type_code;
  /**
   * MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_RAW
   */
  uint32_t flags;
  /**
   * Structs: size in bytes, 1 to 1 MiB. Scalars: 0 or the type's size.
   */
  size_t elem_size;
  /**
   * Structs: alignment, a power of two up to 4096; 0: the largest up to 8 that divides elem_size. Scalars: 0.
   */
  size_t elem_align;
  /**
   * A number of your own that stands for the struct's layout; 0: none. Two that are given must match.
   */
  uint64_t schema;
  /**
   * The initial value, elem_size bytes; NULL: all bytes zero. Ignored when an existing one is opened.
   */
  const void *initial;
} mproc_value_options_t;

/**
 * What a value is.
 */
typedef struct {
  /**
   * MPROC_TYPE_...
   */
  int32_t type_code;
  /**
   * MPROC_RAW, MPROC_PERSIST
   */
  uint32_t flags;
  /**
   * Bytes.
   */
  uint64_t elem_size;
  /**
   * Bytes.
   */
  uint64_t elem_align;
  /**
   * Given at creation, or 0.
   */
  uint64_t schema;
  /**
   * How often an internal lock or the user's lock was taken over from a dead process.
   */
  uint32_t steals;
  /**
   * Leave unused.
   */
  uint32_t reserved;
} mproc_value_info_t;

/**
 * One thing to wait for.
 */
typedef struct {
  /**
   * MPROC_WAIT_...
   */
  uint32_t condition;
  /**
   * Leave 0.
   */
  uint32_t reserved;
  /**
   * A live handle of the type that the condition names; not NULL.
   */
  const void *object;
  /**
   * MPROC_WAIT_VALUE: the bytes that the value is expected to leave, or NULL. Else NULL.
   */
  const void *expected;
  /**
   * MPROC_WAIT_VALUE: how many bytes are expected, 0 with NULL. ..._WRITABLE: bytes of the message. Else 0.
   */
  size_t size;
} mproc_wait_item_t;



#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * What an arena is like right now: a snapshot.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_arena_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_arena_info(const mproc_arena_t *arena,
                     mproc_arena_info_t *info_out,
                     size_t info_size);

/**
 * Walks the whole heap and every container in it, and finds blocks that belong to nobody. For tests and for people
 * who look for a fault: it takes as long as there are blocks, and nobody else gets in meanwhile.
 *
 * @param buf,cap  what is wrong, in English, NUL-terminated, cut to fit; empty if nothing is. NULL with cap 0: not
 *                 wanted (mproc_last_error() has it, too)
 * @retval MPROC_OK        sound    @retval MPROC_ECORRUPT  not    @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY     a stopped process is inside    @retval MPROC_ENOMEM   @retval MPROC_ESLOTS
 * Blocks: for the walk, and for the arena's lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_arena_check(const mproc_arena_t *arena,
                      char *buf,
                      size_t cap);

/**
 * Frees containers that refer to each other in a circle and that nobody can reach any more, and what dead processes
 * held. Whatever else is out of reach is freed without it. It takes as long as there are containers, and nobody else
 * gets in meanwhile.
 *
 * @param[out] freed_out  how many containers it freed. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ECORRUPT  @retval MPROC_ENOMEM  @retval MPROC_ESLOTS
 * Blocks: for the walk, and for the arena's lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_arena_collect(const mproc_arena_t *arena,
                        uint64_t *freed_out);

/**
 * The next one.
 *
 * @param[out] key_out    a dict's or a namespace's key, a list's index (of a slice: the position in it); nil for
 *                        mproc_dict_values(). May be NULL.
 * @param[out] value_out  the value; nil for mproc_dict_keys(). May be NULL.
 *                        Both point into the iterator until the next call on it.
 * @retval MPROC_OK        @retval MPROC_END  there is no more; it stays so
 * @retval MPROC_ECHANGED  mproc_dict_iter(): keys were added or removed since it began; it stays so
 * @retval MPROC_EINVAL    NULL
 * @retval MPROC_EBUSY     a stopped process is inside    @retval MPROC_ECORRUPT MPROC_ENOMEM MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout), if the container is a living one.  Threads: one at a time.
 * Fork: parent and child each go on by themselves.  Signals: no.
 */
int mproc_iter_next(mproc_iter_t *iter,
                    mproc_datum_t *key_out,
                    mproc_datum_t *value_out);

/**
 * How many a snapshot has in all, however many of them have been handed out.
 *
 * @param[out] len_out  elements or pairs
 * @retval MPROC_OK  @retval MPROC_ENOTSUP  a living container: mproc_dict_iter(), mproc_list_iter()
 * @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_iter_len(const mproc_iter_t *iter, uint64_t *len_out);

/**
 * Ends the iterator, and what its datums point to. The container stays. NULL does nothing.
 */
void mproc_iter_close(mproc_iter_t *iter);

/**
 * Creates an array. It appears whole, with its initial elements, or not at all. All memory is reserved
 * now: an array that does not fit is refused here, and using it never fails for lack of memory.
 *
 * @param domain          NULL: the default domain
 * @param name            NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options         at least type and shape; not NULL
 * @param[out] array_out  the handle; close it with mproc_array_close()
 * @retval MPROC_OK       created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL   NULL, unknown type or flag, absurd size, alignment, shape or number of initial elements
 * @retval MPROC_ENAME    not a name    @retval MPROC_EEXIST  the name is taken
 * @retval MPROC_EKIND MPROC_ETYPE  with MPROC_EXIST_OK: by another kind, type, size, shape or schema
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: for the file system; reserving takes about 0.2 ms per MiB.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_array_create(const mproc_domain_t *domain,
                       const char *name,
                       const mproc_array_options_t *options,
                       mproc_array_t **array_out);

/**
 * Opens an existing array by name.
 *
 * @param domain          NULL: the default domain    @param name  not NULL
 * @param options         what is expected; NULL: anything
 * @param[out] array_out  the handle; close it with mproc_array_close()
 * @retval MPROC_OK       @retval MPROC_EINVAL  NULL, unknown type or flag, too many dimensions
 * @retval MPROC_ENAME    not a name   @retval MPROC_ENOENT  no such object   @retval MPROC_EKIND  another kind
 * @retval MPROC_ETYPE    type, size, alignment, shape (where given) or schema differ
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_array_open(const mproc_domain_t *domain,
                     const char *name,
                     const mproc_array_options_t *options,
                     mproc_array_t **array_out);

/**
 * Ends the handle. Pointers from mproc_array_ptr() through this handle end with it. NULL does nothing.
 */
void mproc_array_close(mproc_array_t *array);

/**
 * What the array is.
 *
 * @param[out] info_out  filled   @param info_size  sizeof(mproc_array_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_info(const mproc_array_t *array, mproc_array_info_t *info_out, size_t info_size);

/**
 * A pointer to the first element in shared memory, aligned for its type; elements follow row-major.
 * Direct access is not checked, not locked, and a struct half written at death stays half written.
 * Valid until the handle is closed.
 *
 * @param[out] ptr_out  the pointer
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  behind a connection
 * Blocks: no.  Threads: any.  Fork: the same address is valid in the child.  Signals: no.
 */
int mproc_array_ptr(const mproc_array_t *array, void **ptr_out);

/**
 * Reads the element at a flat (row-major) index. Scalars: one atomic load. Structs: a whole element,
 * never half of a write.
 *
 * @param index           0 to length - 1
 * @param[out] out_bytes  the element   @param size  bytes of one element, exactly
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  index   @retval MPROC_ETYPE  size
 * @retval MPROC_EBUSY  structs: a stopped process is inside   @retval MPROC_ECORRUPT MPROC_ESLOTS  structs
 * Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_get(const mproc_array_t *array,
                    size_t index,
                    void *out_bytes,
                    size_t size);

/**
 * Writes the element at a flat (row-major) index. After a kill it is old or new, never half.
 *
 * @param index     0 to length - 1   @param bytes_in  the element   @param size  bytes of one element, exactly
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  index   @retval MPROC_ETYPE  size
 * @retval MPROC_EBUSY  structs: a stopped process is inside   @retval MPROC_ECORRUPT MPROC_ESLOTS  structs
 * Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_set(const mproc_array_t *array,
                    size_t index,
                    const void *bytes_in,
                    size_t size);

/**
 * The flat index of a multi-dimensional one, every coordinate checked.
 *
 * @param indices,ndim    one index for each dimension; ndim must be the array's
 * @param[out] index_out  the flat index for mproc_array_get() and the others
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  a coordinate, or ndim, does not fit
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_index(const mproc_array_t *array,
                      const size_t *indices,
                      size_t ndim,
                      size_t *index_out);

/**
 * Copies a run of elements out. Each element is whole; the run as a whole is not a snapshot unless the
 * array's lock keeps writers out.
 *
 * @param start,count     the run, in flat indices; count 0 is legal
 * @param[out] out_bytes  count elements   @param size  its size in bytes: exactly count times one element
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  the run leaves the array
 * @retval MPROC_ETYPE  size   @retval MPROC_EBUSY MPROC_ECORRUPT MPROC_ESLOTS  structs, as mproc_array_get()
 * Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_read(const mproc_array_t *array,
                     size_t start,
                     size_t count,
                     void *out_bytes,
                     size_t size);

/**
 * Copies a run of elements in. After a kill each element is old or new.
 *
 * @param start,count  the run, in flat indices; count 0 is legal
 * @param bytes_in     count elements   @param size  its size in bytes: exactly count times one element
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  the run leaves the array
 * @retval MPROC_ETYPE  size   @retval MPROC_EBUSY MPROC_ECORRUPT MPROC_ESLOTS  structs, as mproc_array_set()
 * Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_write(const mproc_array_t *array,
                      size_t start,
                      size_t count,
                      const void *bytes_in,
                      size_t size);

/**
 * Takes the array's own lock, for compound updates. It protects nothing by itself. As mproc_value_lock().
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once   @param cancel  NULL or a token
 * @retval MPROC_OK   @retval MPROC_RECOVERED  the previous holder died inside: elements may be half updated
 * @retval MPROC_ETIMEDOUT MPROC_ECANCELED MPROC_EINTR MPROC_EINVAL MPROC_ESLOTS  as mproc_lock_lock()
 * Blocks: up to timeout_ns.  Threads: any; the process is the holder.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_array_lock(const mproc_array_t *array,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * Releases the array's own lock.
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it   @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_array_unlock(const mproc_array_t *array);

/**
 * Who holds the array's own lock: as mproc_lock_owner().
 *
 * @param[out] owner_out  filled   @param owner_size  sizeof(mproc_owner_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_lock_owner(const mproc_array_t *array, mproc_owner_t *owner_out, size_t owner_size);

/**
 * A handle on the array that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_array_export(const mproc_array_t *array,
                       mproc_handle_t **handle_out);

/**
 * Opens the array that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_array_open()
 * @param[out] array_out  close it with mproc_array_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_array_import(const mproc_handle_t *handle,
                       const mproc_array_options_t *options,
                       mproc_array_t **array_out);

/**
 * Creates a barrier. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        not NULL
 * @param[out] barrier_out  the handle; close it with mproc_barrier_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL, unknown flag, or parties out of range   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ETYPE  with MPROC_EXIST_OK: it was made with other parameters
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_barrier_create(const mproc_domain_t *domain,
                         const char *name,
                         const mproc_barrier_options_t *options,
                         mproc_barrier_t **barrier_out);

/**
 * Opens an existing barrier by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
 * @param[out] barrier_out  the handle; close it with mproc_barrier_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_barrier_open(const mproc_domain_t *domain,
                       const char *name,
                       const mproc_barrier_options_t *options,
                       mproc_barrier_t **barrier_out);

/**
 * Ends the handle, and with it the registrations made through it. NULL does nothing.
 */
void mproc_barrier_close(mproc_barrier_t *barrier);

/**
 * Arrives, and waits until all parties have.
 *
 * With timeout 0 it passes only if it is the last to come; otherwise it has not arrived, and nothing breaks. (Nor does
 * it if all had come already, and this call was waiting for the last one's action to end, to be in the next round.)
 *
 * @param timeout_ns      nanoseconds; MPROC_FOREVER waits, 0: see above
 * @param cancel          NULL or a token that ends the wait
 * @param[out] index_out  0 to parties - 1, another for each party of a round: whoever comes first gets 0. May be NULL.
 * @retval MPROC_OK         all have come
 * @retval MPROC_EBROKEN    broken: by somebody else's timeout, cancel, signal, abort or death, or reset meanwhile
 * @retval MPROC_ETIMEDOUT  not all came in time: this call broke the barrier (unless timeout_ns was 0)
 * @retval MPROC_ECANCELED  the token was set: this call broke the barrier
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL): this call broke the barrier
 * @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
 * @retval MPROC_EFULL      not in time (with MPROC_FOREVER never): too many parties of earlier rounds are still here
 * Blocks: up to timeout_ns.  Threads: any; each call is a party.  Fork: a child is not one of its parent's parties.
 * Signals: no.
 */
int mproc_barrier_wait(const mproc_barrier_t *barrier,
                       int64_t timeout_ns,
                       const mproc_cancel_t *cancel,
                       uint32_t *index_out);

/**
 * As mproc_barrier_wait(); the last party to come runs `action` before anybody passes. Other parties may give other
 * actions: only the last one's is run.
 *
 * @param action   called once in each round, in the last party; anything but 0 breaks the barrier. It may use any
 *                 object, but not wait for this barrier.
 * @param context  given to it
 * @param timeout_ns,cancel,index_out  as mproc_barrier_wait()
 * @retval MPROC_EBROKEN  also: the action returned something else than 0, or its process died in it
 * @retval others  as mproc_barrier_wait()
 * Blocks: up to timeout_ns, and as long as its own action takes.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_barrier_wait_action(const mproc_barrier_t *barrier,
                              int (*action)(void *context),
                              void *context,
                              int64_t timeout_ns,
                              const mproc_cancel_t *cancel,
                              uint32_t *index_out);

/**
 * Breaks the barrier, until it is reset.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
 * Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_barrier_abort(const mproc_barrier_t *barrier);

/**
 * Makes the barrier as new: those who wait get MPROC_EBROKEN, whoever comes then begins a new round.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
 * Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_barrier_reset(const mproc_barrier_t *barrier);

/**
 * Promises that this process will come: if it dies (or leaves the domain) before it takes that back, the barrier
 * breaks, within about 100 ms while anybody waits. Counts: as often as registered, it has to be taken back.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
 * @retval MPROC_EOVERFLOW  2^24 - 1 times
 * Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: the child has not registered.
 * Signals: no.
 */
int mproc_barrier_register(const mproc_barrier_t *barrier);

/**
 * Takes one registration back; before this process ends, if it ends as planned.
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  none was made through this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: a child cannot take back its parent's.  Signals: no.
 */
int mproc_barrier_unregister(const mproc_barrier_t *barrier);

/**
 * What the barrier is like right now: a snapshot.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_barrier_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_barrier_info(const mproc_barrier_t *barrier,
                       mproc_barrier_info_t *info_out,
                       size_t info_size);

/**
 * A handle on the barrier that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_barrier_export(const mproc_barrier_t *barrier, mproc_handle_t **handle_out);

/**
 * Opens the barrier that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_barrier_open()
 * @param[out] barrier_out  close it with mproc_barrier_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_barrier_import(const mproc_handle_t *handle,
                         const mproc_barrier_options_t *options,
                         mproc_barrier_t **barrier_out);

/**
 * Creates a batch, empty.
 *
 * @param manager         whose objects it is for; may be closed before the batch
 * @param[out] batch_out  close it with mproc_batch_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_batch_create(const mproc_manager_t *manager, mproc_batch_t **batch_out);

/**
 * Ends a batch. What was added and has not run is not done. NULL does nothing.
 */
void mproc_batch_close(mproc_batch_t *batch);

/**
 * The value of a key. Result: the value; MPROC_ENOENT: no such key.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_dict_get(mproc_batch_t *batch,
                         const mproc_dict_t *dict,
                         mproc_datum_t key);

/**
 * Sets the value of a key: as mproc_dict_set().
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_dict_set(mproc_batch_t *batch,
                         const mproc_dict_t *dict,
                         mproc_datum_t key,
                         mproc_datum_t value);

/**
 * Removes a key: as mproc_dict_delete().
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_dict_delete(mproc_batch_t *batch,
                            const mproc_dict_t *dict,
                            mproc_datum_t key);

/**
 * Adds to the value of a key: as mproc_dict_add(). Result: the sum.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_dict_add(mproc_batch_t *batch,
                         const mproc_dict_t *dict,
                         mproc_datum_t key,
                         mproc_datum_t delta);

/**
 * An element. Result: the element; MPROC_ERANGE: there are not so many.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_list_get(mproc_batch_t *batch,
                         const mproc_list_t *list,
                         int64_t index);

/**
 * Sets an element: as mproc_list_set().
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_list_set(mproc_batch_t *batch,
                         const mproc_list_t *list,
                         int64_t index,
                         mproc_datum_t value);

/**
 * Appends: as mproc_list_append().
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_list_append(mproc_batch_t *batch,
                            const mproc_list_t *list,
                            mproc_datum_t value);

/**
 * The value of a name. Result: the value; MPROC_ENOENT: no such name.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_namespace_get(mproc_batch_t *batch,
                              const mproc_namespace_t *namespace_,
                              const char *name);

/**
 * Sets the value of a name: as mproc_namespace_set().
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_namespace_set(mproc_batch_t *batch,
                              const mproc_namespace_t *namespace_,
                              const char *name,
                              mproc_datum_t value);

/**
 * Puts a message if there is room: as mproc_queue_put() with timeout 0. Result: nil; MPROC_ETIMEDOUT: there was
 * none.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_queue_put(mproc_batch_t *batch,
                          const mproc_queue_t *queue,
                          const void *data,
                          size_t len);

/**
 * Takes a message if there is one: as mproc_queue_get() with timeout 0. Result: its bytes; MPROC_ETIMEDOUT: there
 * was none.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_queue_get(mproc_batch_t *batch,
                          const mproc_queue_t *queue);

/**
 * Atomic read-modify-write: as mproc_value_fetch_i64(). Result: the value before.
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_value_fetch_i64(mproc_batch_t *batch,
                                const mproc_value_t *value,
                                int32_t op,
                                int64_t operand);

/**
 * Sets an event: as mproc_event_set().
 *
 * @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
 *                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_event_set(mproc_batch_t *batch,
                          const mproc_event_t *event);

/**
 * Runs what was added, in its order. The results are there until the batch is reset or closed.
 *
 * @retval MPROC_OK  all have run; each has a status of its own: mproc_batch_result()
 * @retval MPROC_EINVAL  NULL, the batch has run already, or an object is another manager's
 * @retval MPROC_ECONNECTION  the connection was lost, and the batch had something bound to the session (a get from a
 *                   joinable queue), or could not be made anew: nobody knows what was done   @retval MPROC_ENOMEM
 * @retval others  see mproc_manager_t
 * Blocks: for the answer.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_run(mproc_batch_t *batch);

/**
 * What one of the operations came to.
 *
 * @param index            0, 1 …: in the order in which they were added
 * @param[out] result_out  its result, nil if it has none; it points into the batch until that is reset or closed. May
 *                         be NULL.
 * @retval MPROC_OK  it was done   @retval MPROC_ERANGE  there are not so many, or the batch has not run
 * @retval MPROC_EINVAL  NULL   @retval others  the operation's own status
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_result(const mproc_batch_t *batch,
                       size_t index,
                       mproc_datum_t *result_out);

/**
 * Makes a batch empty again, for the next operations.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
 */
int mproc_batch_reset(mproc_batch_t *batch);

/**
 * Copies the details of the calling thread's last failed call. Calls that succeed leave it alone.
 *
 * @param[out] error_out  filled   @param error_size  sizeof(mproc_error_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
 * Blocks: no.  Threads: each has its own.  Fork: the child inherits a copy.  Signals: no.
 */
int mproc_last_error(mproc_error_t *error_out, size_t error_size);

/**
 * Creates a cancel token.
 *
 * @param[out] cancel_out  the token; close it with mproc_cancel_close()
 * @retval MPROC_OK        @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: the child has its own copy.  Signals: no.
 */
int mproc_cancel_create(mproc_cancel_t **cancel_out);

/**
 * Sets the token: calls that wait with it return MPROC_ECANCELED, and so do later ones until it is
 * cleared. A call that can finish without waiting still does.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: affects this process only.  Signals: yes, async-signal-safe.
 */
int mproc_cancel_set(const mproc_cancel_t *cancel);

/**
 * Clears the token, so that it can be used again. Only when no call is waiting with it.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: affects this process only.  Signals: no.
 */
int mproc_cancel_clear(const mproc_cancel_t *cancel);

/**
 * Whether the token is set.
 *
 * @param[out] set_out  1 or 0
 * @retval MPROC_OK     @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: this process's copy.  Signals: no.
 */
int mproc_cancel_is_set(const mproc_cancel_t *cancel, int *set_out);

/**
 * Ends the token. No call may be using it any more. NULL does nothing.
 */
void mproc_cancel_close(mproc_cancel_t *cancel);

/**
 * Creates a condition. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] condition_out  the handle; close it with mproc_condition_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL, unknown flag, or both locks   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ETYPE  with MPROC_EXIST_OK: it is bound to another lock
 * @retval MPROC_EDOMAIN  the lock is in another domain
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_condition_create(const mproc_domain_t *domain,
                           const char *name,
                           const mproc_condition_options_t *options,
                           mproc_condition_t **condition_out);

/**
 * Opens an existing condition by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; but if it was bound to a lock: the same lock again
 * @param[out] condition_out  the handle; close it with mproc_condition_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL, unknown flag, or both locks   @retval MPROC_ENAME  not a name
 * @retval MPROC_ETYPE   it is bound to another lock, or to none
 * @retval MPROC_EDOMAIN the lock is in another domain
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_condition_open(const mproc_domain_t *domain,
                         const char *name,
                         const mproc_condition_options_t *options,
                         mproc_condition_t **condition_out);

/**
 * Ends the handle. No thread may be waiting through it. NULL does nothing.
 */
void mproc_condition_close(mproc_condition_t *condition);

/**
 * Takes the condition's lock, for the calling thread: as mproc_rlock_lock(), or mproc_lock_lock() on the lock that it
 * is bound to (which is the same lock).
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
 * @retval MPROC_ETIMEDOUT  still held by somebody else   @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EOVERFLOW  taken 2^31 times by this owner   @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_ESLOTS     1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_condition_lock(const mproc_condition_t *condition,
                         int64_t timeout_ns,
                         const mproc_cancel_t *cancel);

/**
 * Takes the condition's lock if that is possible at once: mproc_condition_lock() with timeout 0.
 *
 * @retval MPROC_OK  @retval MPROC_RECOVERED  @retval MPROC_ETIMEDOUT  held by somebody else
 * @retval MPROC_EOVERFLOW  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_condition_try(const mproc_condition_t *condition);

/**
 * Releases the condition's lock (one level of it).
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  not held by this thread (bound to a lock: by this process)
 * @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: the owner.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_condition_unlock(const mproc_condition_t *condition);

/**
 * As mproc_condition_lock(), for an owner that the caller names: see mproc_rlock_lock_as(). A condition that is bound
 * to a lock ignores the token.
 *
 * @param token  1 to 2^63 - 1    @param timeout_ns,cancel  as mproc_condition_lock()
 * @retval MPROC_EINVAL  NULL, bad token or timeout    @retval others  as mproc_condition_lock()
 * Blocks: up to timeout_ns.  Threads: any.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_condition_lock_as(const mproc_condition_t *condition,
                            uint64_t token,
                            int64_t timeout_ns,
                            const mproc_cancel_t *cancel);

/**
 * As mproc_condition_unlock(), for an owner that the caller names.
 *
 * @param token  that of mproc_condition_lock_as()
 * @retval MPROC_OK  @retval MPROC_EPERM  this owner does not hold it   @retval MPROC_EINVAL  NULL or bad token
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_condition_unlock_as(const mproc_condition_t *condition,
                              uint64_t token);

/**
 * Gives the lock up, waits to be notified, and takes the lock again, with all its levels. The lock is held when this
 * returns one of the first five statuses; to take it again may exceed the timeout, and is not ended by cancel or
 * signals.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 gives the lock up for a moment
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         notified
 * @retval MPROC_RECOVERED  notified or not: a process died while it held the lock, and this is the next holder
 * @retval MPROC_ETIMEDOUT  not notified in time   @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EPERM      the caller does not hold the lock
 * @retval MPROC_EFULL      MPROC_CONDITION_WAITERS wait already; the lock was not given up
 * @retval MPROC_EINVAL     NULL or bad timeout; the lock was not given up
 * @retval MPROC_ESLOTS     as mproc_condition_lock()
 * Blocks: up to timeout_ns, and until the lock is free.  Threads: the owner.  Fork: yes.  Signals: no.
 */
int mproc_condition_wait(const mproc_condition_t *condition,
                         int64_t timeout_ns,
                         const mproc_cancel_t *cancel);

/**
 * As mproc_condition_wait(), for an owner that the caller names.
 *
 * @param token  that of mproc_condition_lock_as()    @param timeout_ns,cancel  as mproc_condition_wait()
 * @retval MPROC_EINVAL  NULL, bad token or timeout    @retval others  as mproc_condition_wait()
 * Blocks: up to timeout_ns, and until the lock is free.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_condition_wait_as(const mproc_condition_t *condition,
                            uint64_t token,
                            int64_t timeout_ns,
                            const mproc_cancel_t *cancel);

/**
 * Notifies up to `n` of those who wait now, the longest waiting first. It is not remembered if fewer wait. Who
 * holds the lock while it changes what is waited for and notifies (before or after unlocking) misses nobody.
 *
 * @param n  how many; 0 does nothing
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any, with or without the lock.  Fork: yes.  Signals: no.
 */
int mproc_condition_notify(const mproc_condition_t *condition,
                           uint32_t n);

/**
 * Notifies everybody who waits now.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any, with or without the lock.  Fork: yes.  Signals: no.
 */
int mproc_condition_notify_all(const mproc_condition_t *condition);

/**
 * What the condition is like right now: a snapshot.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_condition_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_condition_info(const mproc_condition_t *condition,
                         mproc_condition_info_t *info_out,
                         size_t info_size);

/**
 * A handle on the condition that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_condition_export(const mproc_condition_t *condition, mproc_handle_t **handle_out);

/**
 * Opens the condition that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_condition_open()
 * @param[out] condition_out  close it with mproc_condition_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or both locks
 * @retval MPROC_EKIND  another kind of handle
 * @retval MPROC_ETYPE  it is bound to another lock, or to none
 * @retval MPROC_EDOMAIN the lock is in another domain
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_condition_import(const mproc_handle_t *handle,
                           const mproc_condition_options_t *options,
                           mproc_condition_t **condition_out);

/**
 * Nothing.
 *
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_nil(void);

/**
 * True or false.
 *
 * @param b  0: false; anything else: true
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_bool(int b);

/**
 * A signed integer.
 *
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_int(int64_t i);

/**
 * An unsigned integer; it equals the signed one of the same value.
 *
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_uint(uint64_t u);

/**
 * A float. All NaNs are one and the same.
 *
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_float(double d);

/**
 * Text. That it is UTF-8 is checked when it is used.
 *
 * @param text  NUL-terminated; NULL gives nil. It is not copied: it must stay as long as the datum is used.
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_str(const char *text);

/**
 * Text of a length, with NULs in it or not.
 *
 * @param text,len  not copied; text may be NULL when len is 0
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_strn(const char *text, size_t len);

/**
 * Bytes.
 *
 * @param data,len  not copied; data may be NULL when len is 0
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_bytes(const void *data, size_t len);

/**
 * What MessagePack encodes, in any of its forms: a list or map as it is; a scalar, string or bytes as such. It is
 * checked when it is used: what is not the encoding of one datum, or contains extension types that are not the
 * library's, is MPROC_EINVAL there.
 *
 * @param msgpack,len  not copied
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_packed(const void *msgpack,
                                 size_t len);

/**
 * A weak reference to a named object. It keeps nothing alive: whoever reads it may open the object, if there is one.
 *
 * @param kind  MPROC_KIND_...   @param name  the object's name, NUL-terminated. Not copied.
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_ref(uint32_t kind,
                              const char *name);

/**
 * A new, empty container, made where it is stored: only as a value for a dict, list or namespace.
 *
 * @param kind  MPROC_KIND_DICT, MPROC_KIND_LIST or MPROC_KIND_NAMESPACE
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_new(uint32_t kind);

/**
 * That there is nothing: only for compare-and-exchange in dicts and namespaces.
 *
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
mproc_datum_t mproc_datum_absent(void);

/**
 * Whether a datum is one: its type exists, text is UTF-8, a list or map is the MessagePack encoding of one and at most
 * 64 levels deep, a reference has a kind and the name of an object.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  it is not; mproc_last_error() says why
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_datum_check(mproc_datum_t datum);

/**
 * The order of two datums, which is that of mproc_list_sort(): numbers by their value, exactly, whatever their type,
 * NaN last; false before true; strings and bytes by their bytes; lists by the first elements that differ; nil equals
 * nil.
 *
 * @param[out] order_out  -1, 0 or 1: a comes before b, they are equal, a comes after b
 * @retval MPROC_OK  @retval MPROC_ETYPE  the two have no order   @retval MPROC_EINVAL  NULL, or one is no datum
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_datum_compare(mproc_datum_t a,
                        mproc_datum_t b,
                        int *order_out);

/**
 * Whether two datums are the same key: of the same type and value. 1, 1.0 and true are three different ones, and so
 * are 0.0 and -0.0; maps are equal if their pairs are, in the same order.
 *
 * @param[out] equal_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or one is no datum   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_datum_equal(mproc_datum_t a,
                      mproc_datum_t b,
                      int *equal_out);

/**
 * The encoding of a datum: MessagePack, in the one form that the library uses. Each datum has exactly one: the
 * shortest header, floats as 64 bits, one NaN. So equal bytes are equal datums.
 *
 * @param datum         its bytes may be in buf
 * @param buf,cap       where to, and its size; buf may be NULL when cap is 0
 * @param[out] len_out  bytes of it; on MPROC_EMSGSIZE the size needed. Not NULL.
 * @retval MPROC_OK      @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL, no datum, or MPROC_DATUM_NEW or MPROC_DATUM_ABSENT, which have no encoding
 * @retval MPROC_ENOMEM
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_datum_encode(mproc_datum_t datum,
                       void *buf,
                       size_t cap,
                       size_t *len_out);

/**
 * The datum that MessagePack encodes, in any of its forms.
 *
 * @param msgpack,len      exactly one datum
 * @param[out] datum_out   its strings, bytes, lists, maps and names point into msgpack
 * @retval MPROC_OK        @retval MPROC_EINVAL  NULL, or not the encoding of one datum: cut off, more than one, text
 *                         that is not UTF-8, more than 64 levels deep, or an extension type that is not the library's
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_datum_decode(const void *msgpack,
                       size_t len,
                       mproc_datum_t *datum_out);

/**
 * A datum as JSON. What JSON has no form for is a map with one key that says so: see mproc_builder_add_json(), which
 * makes the same datum of it again.
 *
 * @param flags         0 or MPROC_JSON_PRETTY
 * @param buf,cap       where to, and its size with the NUL; buf may be NULL when cap is 0
 * @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
 * @retval MPROC_OK      @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL, unknown flag, no datum, or MPROC_DATUM_NEW or MPROC_DATUM_ABSENT   @retval MPROC_ENOMEM
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_datum_to_json(mproc_datum_t datum,
                        uint32_t flags,
                        char *buf,
                        size_t cap,
                        size_t *len_out);

/**
 * Creates a builder: an empty one.
 *
 * @param[out] builder_out  close it with mproc_builder_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_create(mproc_builder_t **builder_out);

/**
 * Ends the builder, and what its datum points to. NULL does nothing.
 */
void mproc_builder_close(mproc_builder_t *builder);

/**
 * Empties the builder. It keeps its memory for the next datum.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_reset(mproc_builder_t *builder);

/**
 * Adds a datum: to the list or map that has begun last (in a map: a key, its value, a key, its value …), or as the one
 * that the builder is to make. It is copied. A call that fails changes nothing.
 *
 * @retval MPROC_OK      added
 * @retval MPROC_EINVAL  NULL, no datum, MPROC_DATUM_NEW or MPROC_DATUM_ABSENT, more than 64 levels deep here, or the
 *                       builder has its one datum already    @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_add(mproc_builder_t *builder,
                      mproc_datum_t datum);

/**
 * Begins a list: what is added up to mproc_builder_end() are its elements.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, more than 64 levels deep, or the builder has its one datum already
 * @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_begin_list(mproc_builder_t *builder);

/**
 * Begins a map: what is added up to mproc_builder_end() are its keys and values in turn. The order of the pairs is
 * kept; a key may come twice.
 *
 * @retval MPROC_OK  @retval others  as mproc_builder_begin_list()
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_begin_map(mproc_builder_t *builder);

/**
 * Ends the list or map that has begun last.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, none has begun, or the last key of the map has no value
 * @retval MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_end(mproc_builder_t *builder);

/**
 * Adds the datum that a JSON text is, as mproc_builder_add() does. Numbers with a point or an exponent are floats, and
 * so are integers beyond 64 bits; a map's pairs stay as they are, also if a key comes twice.
 *
 * What JSON has no form for is a map with one key that says so. Bytes: {"$bytes": "base64"}. Floats that are not
 * finite: {"$float": "nan"}, "inf" or "-inf". Maps with other keys than strings: {"$map": [[key, value], ...]}. Weak
 * references: {"$ref": {"kind": "queue", "name": "jobs"}}, or {"$ref": {"kind": "dict", "arena": "1f", "place": "2a",
 * "generation": "1"}} with numbers in hexadecimal. A map that itself has exactly one pair, with such a key, is written
 * {"$map": [["$ref", ...]]}; as it is, it would be refused, or taken for what it looks like. The deepest text takes
 * some 90 KiB of stack.
 *
 * @param json,len  UTF-8; a NUL at the end is not part of it
 * @retval MPROC_OK      added
 * @retval MPROC_EINVAL  NULL, not JSON (mproc_last_error() says where), not the JSON of a datum, more than 64 levels
 *                       deep here, or the builder has its one datum already. Nothing was added.    @retval
 *                       MPROC_ENOMEM
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_add_json(mproc_builder_t *builder,
                           const char *json,
                           size_t len);

/**
 * The datum that was made.
 *
 * @param[out] datum_out  points into the builder until the next call on it that adds, resets or closes
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, there is none yet, or a list or map has not ended
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_builder_datum(const mproc_builder_t *builder,
                        mproc_datum_t *datum_out);

/**
 * Begins to read a list or a map. All of it is checked here. A reader needs no close.
 *
 * @param[out] reader_out  for mproc_reader_next()
 * @param list_or_map      its bytes must stay as they are while it is read, and as long as what was read is used
 * @param[out] count_out   elements of the list, pairs of the map. May be NULL.
 * @retval MPROC_OK  @retval MPROC_ETYPE  it is another datum   @retval MPROC_EINVAL  NULL, or no datum
 * Blocks: no.  Threads: any.  Fork: the child has a copy.  Signals: no.
 */
int mproc_reader_init(mproc_reader_t *reader_out,
                      mproc_datum_t list_or_map,
                      size_t *count_out);

/**
 * The next element of a list; of a map in turn a key and its value. A list or map inside comes as such: it has a
 * reader of its own.
 *
 * @param[out] datum_out  points into what is read
 * @retval MPROC_OK  @retval MPROC_END  there is no more; it stays so
 * @retval MPROC_EINVAL  NULL, or the bytes have changed and are no datum any more
 * Blocks: no.  Threads: one at a time.  Fork: the child has a copy.  Signals: no.
 */
int mproc_reader_next(mproc_reader_t *reader,
                      mproc_datum_t *datum_out);

/**
 * Creates a dict, empty, with an arena of its own. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] dict_out  the handle; close it with mproc_dict_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL output, unknown flag, or a limit out of range   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_dict_create(const mproc_domain_t *domain,
                      const char *name,
                      const mproc_container_options_t *options,
                      mproc_dict_t **dict_out);

/**
 * Opens an existing dict by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN has a meaning here
 * @param[out] dict_out  the handle; close it with mproc_dict_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_dict_open(const mproc_domain_t *domain,
                    const char *name,
                    const mproc_container_options_t *options,
                    mproc_dict_t **dict_out);

/**
 * Ends the handle. An inner container that nothing else holds is freed, with all that is in it. NULL does nothing.
 * Blocks: no; of an inner container for the arena's lock (busy_timeout; if a stopped process is inside for that long, the
 * container is kept until this process ends).  Threads: not while another thread is inside a call on it.  Signals: no.
 */
void mproc_dict_close(mproc_dict_t *dict);

/**
 * A handle on the dict that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP  an inner container: pass on a handle of the outermost one and the datum of mproc_dict_ref();
 *                        or as mproc_queue_export()
 * @retval MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_dict_export(const mproc_dict_t *dict,
                      mproc_handle_t **handle_out);

/**
 * Opens the dict that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_dict_open()
 * @param[out] dict_out  close it with mproc_dict_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_dict_import(const mproc_handle_t *handle,
                      const mproc_container_options_t *options,
                      mproc_dict_t **dict_out);

/**
 * The arena that the dict lives in.
 *
 * @param[out] arena_out  lives as long as this handle on the dict
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_dict_arena(const mproc_dict_t *dict, const mproc_arena_t **arena_out);

/**
 * A reference to the dict: a datum of type MPROC_DATUM_REF. As an element or value of a container of the same arena it
 * keeps the dict alive; anywhere else it does not. It can travel as part of any datum: see mproc_dict_follow().
 *
 * @param[out] ref_out  the reference; it points to nothing, and outlives the handle
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_dict_ref(const mproc_dict_t *dict,
                   mproc_datum_t *ref_out);

/**
 * Opens the dict that a reference leads to. It lives at least as long as the handle, also when nothing refers to it
 * any more.
 *
 * @param arena         of any handle on a container of the same arena; need not stay
 * @param reference     MPROC_DATUM_REF on a dict, as got from a container or from mproc_dict_ref() in any process
 * @param[out] dict_out  close it with mproc_dict_close()
 * @retval MPROC_OK      @retval MPROC_ENOENT  it is gone    @retval MPROC_ETYPE  it is a container of another kind
 * @retval MPROC_EINVAL  NULL, not a reference to a container, or one in another arena
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ECORRUPT MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: the handle works in the child.
 * Signals: no.
 */
int mproc_dict_follow(const mproc_arena_t *arena,
                      mproc_datum_t reference,
                      mproc_dict_t **dict_out);

/**
 * How many keys there are.
 *
 * @param[out] len_out  how many
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_len(const mproc_dict_t *dict,
                   uint64_t *len_out);

/**
 * The value of a key.
 *
 * @param buf,cap         where the bytes of a string, bytes, a list, a map, or a reference's name go, and its size;
 *                        buf may be NULL when cap is 0. It may be where the key is.
 * @param[out] value_out  the value; it points into buf. On MPROC_EMSGSIZE only its len is set: the size needed.
 * @retval MPROC_OK  @retval MPROC_ENOENT  no such key    @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL, or not a key
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_get(const mproc_dict_t *dict,
                   mproc_datum_t key,
                   void *buf,
                   size_t cap,
                   mproc_datum_t *value_out);

/**
 * Sets the value of a key. A new key comes last; one that is there keeps its place.
 *
 * @param value  any datum; MPROC_DATUM_NEW: a new, empty container; MPROC_DATUM_REF: see mproc_dict_t
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, not a key, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_set(const mproc_dict_t *dict,
                   mproc_datum_t key,
                   mproc_datum_t value);

/**
 * As mproc_dict_set(), for the holder of a lock: nothing is done if an operation with a greater fencing token has been
 * done on a container of the same arena.
 *
 * @param token  of mproc_lock_token() or a sibling; not 0
 * @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
 * @retval MPROC_EINVAL  token is 0
 * @retval others    as mproc_dict_set()
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_set_if_token(const mproc_dict_t *dict,
                            mproc_datum_t key,
                            mproc_datum_t value,
                            uint64_t token);

/**
 * The value of a key; if there is no such key, it is set first.
 *
 * @param value           as mproc_dict_set()
 * @param buf,cap         as mproc_dict_get(); it may be where the key or the value is
 * @param[out] value_out  what is there now. On MPROC_EMSGSIZE only its len is set, and nothing was done.
 * @retval MPROC_OK       set    @retval MPROC_EXISTED  it was there    @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL, not a key, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_setdefault(const mproc_dict_t *dict,
                          mproc_datum_t key,
                          mproc_datum_t value,
                          void *buf,
                          size_t cap,
                          mproc_datum_t *value_out);

/**
 * Whether there is such a key.
 *
 * @param[out] contains_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a key
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_contains(const mproc_dict_t *dict,
                        mproc_datum_t key,
                        int *contains_out);

/**
 * Removes a key and its value.
 *
 * @retval MPROC_OK  @retval MPROC_ENOENT  no such key    @retval MPROC_EINVAL  NULL, or not a key
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_delete(const mproc_dict_t *dict,
                      mproc_datum_t key);

/**
 * As mproc_dict_delete(), for the holder of a lock: see mproc_dict_set_if_token().
 *
 * @param token  of mproc_lock_token() or a sibling; not 0
 * @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
 * @retval MPROC_EINVAL  token is 0
 * @retval others    as mproc_dict_delete()
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_delete_if_token(const mproc_dict_t *dict,
                               mproc_datum_t key,
                               uint64_t token);

/**
 * Removes a key and gets its value. A container that nothing else refers to, and that no handle holds, is freed:
 * then the value is a reference to nothing. Open it with mproc_dict_follow() or a sibling before, to keep it.
 *
 * @param buf,cap         as mproc_dict_get(); it may be where the key is
 * @param[out] value_out  the value. On MPROC_EMSGSIZE only its len is set, and nothing was done.
 * @retval MPROC_OK  @retval MPROC_ENOENT  no such key    @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL, or not a key
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_pop(const mproc_dict_t *dict,
                   mproc_datum_t key,
                   void *buf,
                   size_t cap,
                   mproc_datum_t *value_out);

/**
 * Removes the key that was inserted last, and gets it and its value. A container as mproc_dict_pop().
 *
 * @param key_buf,key_cap  where the bytes of the key go, and its size; key_buf may be NULL when key_cap is 0
 * @param buf,cap          the same for the value. The two must not overlap.
 * @param[out] key_out     the key    @param[out] value_out  its value. On MPROC_EMSGSIZE only the two lens are set:
 *                         the sizes needed, of both; and nothing was done.
 * @retval MPROC_OK  @retval MPROC_ENOENT  the dict is empty    @retval MPROC_EMSGSIZE  key_cap or cap is too small
 * @retval MPROC_EINVAL  NULL, or the buffers overlap
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_popitem(const mproc_dict_t *dict,
                       void *key_buf,
                       size_t key_cap,
                       void *buf,
                       size_t cap,
                       mproc_datum_t *key_out,
                       mproc_datum_t *value_out);

/**
 * Removes everything.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_clear(const mproc_dict_t *dict);

/**
 * Sets what a map has: each pair atomically, in its order. If the process is killed meanwhile, or the arena has
 * reached its limit, the first ones are set and the others are not.
 *
 * @param map  MPROC_DATUM_MAP; what is inside is plain data
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, not a map, or one of its keys cannot be a key (then none was set)
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_update(const mproc_dict_t *dict,
                      mproc_datum_t map);

/**
 * Adds to the value of a key, atomically; a key that is missing counts as 0. Integers stay integers; with a float
 * the sum is a float.
 *
 * @param delta         an integer or a float
 * @param[out] sum_out  the sum. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EOVERFLOW  the sum of two integers fits neither int64_t nor uint64_t
 * @retval MPROC_ETYPE  the value or delta is not a number    @retval MPROC_EINVAL  NULL, or not a key
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_add(const mproc_dict_t *dict,
                   mproc_datum_t key,
                   mproc_datum_t delta,
                   mproc_datum_t *sum_out);

/**
 * Appends to the list that is the value of a key, atomically. If the key is missing, its value becomes a new list (a
 * container). A list that is a plain value grows, and a reference in it is a weak one; to an inner list it is as
 * mproc_list_append().
 *
 * @param value  as mproc_dict_set()
 * @retval MPROC_OK  @retval MPROC_ETYPE  what is there is not a list; or a plain one, and the value is MPROC_DATUM_NEW
 * @retval MPROC_EINVAL  NULL, not a key, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_append_to(const mproc_dict_t *dict,
                         mproc_datum_t key,
                         mproc_datum_t value);

/**
 * Sets the value of a key if it is the expected one: if the encodings are equal (1, 1.0 and true differ).
 *
 * @param expected          any datum; MPROC_DATUM_ABSENT: there is no such key
 * @param desired           as mproc_dict_set(); MPROC_DATUM_ABSENT: remove the key
 * @param[out] swapped_out  1 if it was, 0 if not; then nothing was changed
 * @retval MPROC_OK  asked, and done if so    @retval MPROC_EINVAL  NULL, not a key, or not a value
 * @retval MPROC_ENOENT  the desired value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_compare_exchange(const mproc_dict_t *dict,
                                mproc_datum_t key,
                                mproc_datum_t expected,
                                mproc_datum_t desired,
                                int *swapped_out);

/**
 * The keys, as they were at one moment, in their order.
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_keys(const mproc_dict_t *dict,
                    mproc_iter_t **iter_out);

/**
 * The values, as they were at one moment, in the order of their keys.
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_values(const mproc_dict_t *dict,
                      mproc_iter_t **iter_out);

/**
 * The pairs, as they were at one moment, in their order.
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_items(const mproc_dict_t *dict,
                     mproc_iter_t **iter_out);

/**
 * Goes through the living dict, in the order of its keys, and fetches as it goes, up to 64 pairs at a time: needs
 * little memory however large the dict is. Values may be set meanwhile; if keys are added or removed,
 * mproc_iter_next() returns MPROC_ECHANGED when it comes to what it has not fetched yet.
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_iter(const mproc_dict_t *dict,
                    mproc_iter_t **iter_out);

/**
 * Adds a copy of the dict, as it was at one moment, to a builder: one map.
 *
 * @param flags  MPROC_COPY_DEEP, or 0
 * @param into   where to; it must be ready for a value
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or the builder waits for a key
 * @retval MPROC_ETYPE   MPROC_COPY_DEEP: deeper than 64, or a container is inside itself; nothing was added
 * @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_dict_copy(const mproc_dict_t *dict,
                    uint32_t flags,
                    mproc_builder_t *into);

/**
 * Opens a domain, creating it if need be, and joins it. Opening the same domain again in one process
 * gives another handle on the same membership. Functions that take a domain accept NULL for the
 * default domain, so most programs never call this.
 *
 * @param options          NULL for the default domain with default settings
 * @param[out] domain_out  the handle; close it with mproc_domain_close()
 * @retval MPROC_OK
 * @retval MPROC_EINVAL    NULL output, unknown flag, or a path that is relative or too long
 * @retval MPROC_EACCES    the directory or registry has the wrong owner, type or mode
 * @retval MPROC_ENOENT    MPROC_DOMAIN_EXISTING and it is not there, or its parent directory is missing
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room   @retval MPROC_ESLOTS  1022 processes have joined
 * @retval MPROC_EVERSION  made by a library with another memory layout
 * @retval MPROC_ECORRUPT  the registry makes no sense   @retval MPROC_ESYS  a system call failed
 * @retval MPROC_EBUSY     another process has been creating or removing the domain for a second
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_domain_open(const mproc_domain_options_t *options,
                      mproc_domain_t **domain_out);

/**
 * Ends the handle. Objects opened through it keep the membership alive. NULL does nothing.
 */
void mproc_domain_close(mproc_domain_t *domain);

/**
 * The domain's directory as a NUL-terminated string; "" for an anonymous domain.
 *
 * @param domain        NULL: the default domain
 * @param buf,cap       where to, and its size with the NUL
 * @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EINVAL  buf is NULL   @retval MPROC_EMSGSIZE  cap too small
 * @retval others    with domain NULL: as mproc_domain_open()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_domain_path(const mproc_domain_t *domain, char *buf, size_t cap, size_t *len_out);

/**
 * The domain's 128-bit identity, as recorded in its registry and in every object.
 *
 * @param domain       NULL: the default domain
 * @param[out] id_out  16 bytes
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval others  with domain NULL: as mproc_domain_open()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_domain_id(const mproc_domain_t *domain,
                    uint8_t *id_out);

/**
 * The calling process as other members of the domain see it.
 *
 * @param domain          NULL: the default domain
 * @param[out] owner_out  filled; @param owner_size  sizeof(mproc_owner_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS  1022 processes have joined
 * @retval others    with domain NULL: as mproc_domain_open()
 * Blocks: no.  Threads: any.  Fork: the child gets its own identity.  Signals: no.
 */
int mproc_domain_self(const mproc_domain_t *domain,
                      mproc_owner_t *owner_out,
                      size_t owner_size);

/**
 * Removes the name of an object of any kind. Whoever uses it goes on; the memory lives until the last
 * of them is gone. The name is free at once.
 *
 * @param domain  NULL: the default domain    @param name  the object's name
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object   @retval MPROC_EACCES  permission   @retval MPROC_ESTALE
 * @retval MPROC_ENOTSUP the domain is anonymous: it has no names
 * @retval MPROC_EBUSY   a stopped process is removing a name   @retval MPROC_ESYS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_domain_unlink(const mproc_domain_t *domain,
                        const char *name);

/**
 * Removes every object of the domain that nobody uses and that was not made with MPROC_PERSIST: what
 * killed processes left behind. Creating and opening do this by themselves, at most once a second.
 *
 * @param domain            NULL: the default domain
 * @param[out] removed_out  how many were removed; may be NULL
 * @retval MPROC_OK  @retval MPROC_EBUSY  a stopped process is removing a name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_domain_sweep(const mproc_domain_t *domain,
                       size_t *removed_out);

/**
 * Removes a whole domain directory, with persistent objects, if no living process has joined it and
 * nobody uses an object in it. Foreign files in the directory are left alone, and the directory with them.
 *
 * @param path  directory of the domain; not NULL
 * @retval MPROC_OK      removed, or it was not there
 * @retval MPROC_EINVAL  NULL or not absolute   @retval MPROC_EBUSY  somebody is in it
 * @retval MPROC_EACCES  wrong owner or mode    @retval MPROC_ESYS  a system call failed
 * Blocks: briefly, for the file system.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_domain_remove(const char *path);

/**
 * Creates an event. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] event_out  the handle; close it with mproc_event_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL, unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_event_create(const mproc_domain_t *domain,
                       const char *name,
                       const mproc_event_options_t *options,
                       mproc_event_t **event_out);

/**
 * Opens an existing event by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
 * @param[out] event_out  the handle; close it with mproc_event_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_event_open(const mproc_domain_t *domain,
                     const char *name,
                     const mproc_event_options_t *options,
                     mproc_event_t **event_out);

/**
 * Ends the handle. NULL does nothing.
 */
void mproc_event_close(mproc_event_t *event);

/**
 * Sets the event and wakes everybody who waits for it, also if it is cleared again at once.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL (not recorded for mproc_last_error())
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: yes, async-signal-safe.
 */
int mproc_event_set(const mproc_event_t *event);

/**
 * Clears the event.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL (not recorded for mproc_last_error())
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: yes, async-signal-safe.
 */
int mproc_event_clear(const mproc_event_t *event);

/**
 * Whether the event is set. What was written before it was set is visible after this says so.
 *
 * @param[out] set_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL (not recorded for mproc_last_error())
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: yes, async-signal-safe.
 */
int mproc_event_is_set(const mproc_event_t *event, int *set_out);

/**
 * Waits until the event is set (or was set since the call began).
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 asks once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         set    @retval MPROC_ETIMEDOUT  not set   @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EINVAL     NULL or bad timeout
 * Blocks: up to timeout_ns.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_event_wait(const mproc_event_t *event,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * A handle on the event that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_event_export(const mproc_event_t *event, mproc_handle_t **handle_out);

/**
 * Opens the event that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_event_open()
 * @param[out] event_out  close it with mproc_event_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_event_import(const mproc_handle_t *handle,
                       const mproc_event_options_t *options,
                       mproc_event_t **event_out);

/**
 * Ends the handle. What was opened from it stays open. NULL does nothing.
 */
void mproc_handle_close(mproc_handle_t *handle);

/**
 * What kind of object a handle leads to.
 *
 * @param[out] kind_out  MPROC_KIND_...
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_handle_kind(const mproc_handle_t *handle, uint32_t *kind_out);

/**
 * The descriptors that a child has to inherit to use the handle. They stay the handle's: do not close them.
 *
 * @param[out] registry_fd_out  that of the domain's registry    @param[out] object_fd_out  that of the object
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_handle_descriptors(const mproc_handle_t *handle,
                             int *registry_fd_out,
                             int *object_fd_out);

/**
 * A handle as a short text, for a child that inherits its two descriptors under the given numbers: pass it
 * on the command line, or in the environment (then mproc_inherited() finds it: see MPROC_INHERITED). For
 * launchers of your own; mproc_spawn() does all of it.
 *
 * @param registry_fd,object_fd  the numbers that the descriptors have in the child
 * @param buf,cap       where to, and its size with the NUL; 160 bytes are enough
 * @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or a negative number   @retval MPROC_EMSGSIZE  cap too small
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_handle_token(const mproc_handle_t *handle,
                       int registry_fd,
                       int object_fd,
                       char *buf,
                       size_t cap,
                       size_t *len_out);

/**
 * The handle that a token stands for, in the process that inherited its descriptors. It takes the
 * descriptors over: they are close-on-exec from here on, and closed with the handle.
 *
 * @param token            from mproc_handle_token()
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a token
 * @retval MPROC_ENOENT  the descriptors are not there: not inherited, already taken, or closed
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_handle_from_token(const char *token, mproc_handle_t **handle_out);

/**
 * The handle that this program was given under a name by the one that started it (mproc_spawn(), or
 * MPROC_INHERITED in the environment). Each can be taken once. Those that are not taken stay open until the
 * process ends; none is passed on to further programs.
 *
 * @param name             the name it was given
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or the variable makes no sense
 * @retval MPROC_ENOENT  none of that name, or taken already
 * Blocks: no.  Threads: any.  Fork: parent and child can each take it.  Signals: no.
 */
int mproc_inherited(const char *name,
                    mproc_handle_t **handle_out);

/**
 * Sends a handle through a connected unix socket (stream, seqpacket or datagram): 64 bytes with two
 * descriptors. The receiver may be in another pid namespace; with another user id it can open the object
 * if the domain is anonymous or a group's.
 *
 * @param socket      a descriptor; blocking or not
 * @param handle      stays the caller's
 * @param timeout_ns  nanoseconds to wait for the socket    @param cancel  NULL or a token
 * @retval MPROC_OK   sent    @retval MPROC_ETIMEDOUT  @retval MPROC_ECANCELED
 * @retval MPROC_EPIPE  nobody will read it (no SIGPIPE is raised)    @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_ESYS   not a connected unix socket …
 * Blocks: up to timeout_ns.  Threads: one at a time per socket.  Fork: yes.  Signals: no.
 */
int mproc_send_handle(int socket,
                      const mproc_handle_t *handle,
                      int64_t timeout_ns,
                      const mproc_cancel_t *cancel);

/**
 * Receives a handle that was sent with mproc_send_handle(). What it leads to is checked when it is opened,
 * as carefully as anything else in shared memory; but only open what comes from somebody you trust not to
 * waste your time. After a timeout or cancel in the middle of a handle (a peer that sends byte by byte) a stream
 * socket is out of step: close it.
 *
 * @param socket           a descriptor; blocking or not
 * @param[out] handle_out  close it with mproc_handle_close()
 * @param timeout_ns       nanoseconds to wait    @param cancel  NULL or a token
 * @retval MPROC_OK         received    @retval MPROC_ETIMEDOUT  @retval MPROC_ECANCELED
 * @retval MPROC_EOF        the other side closed the socket    @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_ECORRUPT   what came is not a handle (its descriptors were closed)
 * @retval MPROC_EVERSION   made by a library with another memory layout    @retval MPROC_ESYS  not a unix socket …
 * Blocks: up to timeout_ns.  Threads: one at a time per socket.  Fork: yes.  Signals: no.
 */
int mproc_recv_handle(int socket,
                      mproc_handle_t **handle_out,
                      int64_t timeout_ns,
                      const mproc_cancel_t *cancel);

/**
 * A new key, from the system's random numbers.
 *
 * @param[out] key_out  the key
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ESYS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_key_generate(mproc_key_t *key_out);

/**
 * Reads a key from a file: 64 hexadecimal digits. The file is a regular one of this user's or root's that nobody else
 * can read (mode 0600 or 0400).
 *
 * @param path          of the file    @param[out] key_out  the key
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a key   @retval MPROC_ENOENT  no such file
 * @retval MPROC_EACCES  it cannot be read, or others could, or it is not a regular file    @retval MPROC_ESYS
 * Blocks: for the file system.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_key_load(const char *path,
                   mproc_key_t *key_out);

/**
 * Writes a key into a new file that only this user can read (0600).
 *
 * @param key  stays the caller's    @param path  of the file
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EEXIST  there is a file
 * @retval MPROC_ENOENT  no such directory   @retval MPROC_EACCES   @retval MPROC_ESYS
 * Blocks: for the file system.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_key_save(const mproc_key_t *key, const char *path);

/**
 * Creates a list, empty, with an arena of its own. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] list_out  the handle; close it with mproc_list_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL output, unknown flag, or a limit out of range   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_list_create(const mproc_domain_t *domain,
                      const char *name,
                      const mproc_container_options_t *options,
                      mproc_list_t **list_out);

/**
 * Opens an existing list by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN has a meaning here
 * @param[out] list_out  the handle; close it with mproc_list_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_list_open(const mproc_domain_t *domain,
                    const char *name,
                    const mproc_container_options_t *options,
                    mproc_list_t **list_out);

/**
 * Ends the handle. An inner container that nothing else holds is freed, with all that is in it. NULL does nothing.
 * Blocks: no; of an inner container for the arena's lock (busy_timeout; if a stopped process is inside for that long, the
 * container is kept until this process ends).  Threads: not while another thread is inside a call on it.  Signals: no.
 */
void mproc_list_close(mproc_list_t *list);

/**
 * A handle on the list that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP  an inner container: pass on a handle of the outermost one and the datum of mproc_list_ref();
 *                        or as mproc_queue_export()
 * @retval MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_list_export(const mproc_list_t *list,
                      mproc_handle_t **handle_out);

/**
 * Opens the list that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_list_open()
 * @param[out] list_out  close it with mproc_list_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_list_import(const mproc_handle_t *handle,
                      const mproc_container_options_t *options,
                      mproc_list_t **list_out);

/**
 * The arena that the list lives in.
 *
 * @param[out] arena_out  lives as long as this handle on the list
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_list_arena(const mproc_list_t *list, const mproc_arena_t **arena_out);

/**
 * A reference to the list: a datum of type MPROC_DATUM_REF. As an element or value of a container of the same arena it
 * keeps the list alive; anywhere else it does not. It can travel as part of any datum: see mproc_list_follow().
 *
 * @param[out] ref_out  the reference; it points to nothing, and outlives the handle
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_list_ref(const mproc_list_t *list,
                   mproc_datum_t *ref_out);

/**
 * Opens the list that a reference leads to. It lives at least as long as the handle, also when nothing refers to it
 * any more.
 *
 * @param arena         of any handle on a container of the same arena; need not stay
 * @param reference     MPROC_DATUM_REF on a list, as got from a container or from mproc_list_ref() in any process
 * @param[out] list_out  close it with mproc_list_close()
 * @retval MPROC_OK      @retval MPROC_ENOENT  it is gone    @retval MPROC_ETYPE  it is a container of another kind
 * @retval MPROC_EINVAL  NULL, not a reference to a container, or one in another arena
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ECORRUPT MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: the handle works in the child.
 * Signals: no.
 */
int mproc_list_follow(const mproc_arena_t *arena,
                      mproc_datum_t reference,
                      mproc_list_t **list_out);

/**
 * How many elements there are.
 *
 * @param[out] len_out  how many
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_len(const mproc_list_t *list,
                   uint64_t *len_out);

/**
 * An element.
 *
 * @param index           negative: from the end, -1 is the last
 * @param buf,cap         where the bytes of a string, bytes, a list, a map, or a reference's name go, and its size;
 *                        buf may be NULL when cap is 0
 * @param[out] value_out  the element; it points into buf. On MPROC_EMSGSIZE only its len is set: the size needed.
 * @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_get(const mproc_list_t *list,
                   int64_t index,
                   void *buf,
                   size_t cap,
                   mproc_datum_t *value_out);

/**
 * Replaces an element.
 *
 * @param index  negative: from the end
 * @param value  any datum; MPROC_DATUM_NEW: a new, empty container; MPROC_DATUM_REF: see mproc_dict_t
 * @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EINVAL  NULL, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_set(const mproc_list_t *list,
                   int64_t index,
                   mproc_datum_t value);

/**
 * As mproc_list_set(), for the holder of a lock: see mproc_dict_set_if_token().
 *
 * @param token  of mproc_lock_token() or a sibling; not 0
 * @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
 * @retval MPROC_EINVAL  token is 0
 * @retval others    as mproc_list_set()
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_set_if_token(const mproc_list_t *list,
                            int64_t index,
                            mproc_datum_t value,
                            uint64_t token);

/**
 * Adds an element at the end.
 *
 * @param value  as mproc_list_set()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_append(const mproc_list_t *list,
                      mproc_datum_t value);

/**
 * As mproc_list_append(), for the holder of a lock: see mproc_dict_set_if_token().
 *
 * @param token  of mproc_lock_token() or a sibling; not 0
 * @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
 * @retval MPROC_EINVAL  token is 0
 * @retval others    as mproc_list_append()
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_append_if_token(const mproc_list_t *list,
                               mproc_datum_t value,
                               uint64_t token);

/**
 * Adds the elements of a list that is given as one datum at the end, all or none.
 *
 * @param elements  MPROC_DATUM_LIST; what is inside is plain data
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a list
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_extend(const mproc_list_t *list,
                      mproc_datum_t elements);

/**
 * Adds the elements of another list at the end, all or none, as they were at one moment. It may be the same list, or
 * one of another arena; there may be no containers in that. If it is one of another arena and one of the two is remote,
 * its elements are fetched and sent in one message (MPROC_E2BIG).
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  a container of another arena is among them
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_extend_from(const mproc_list_t *list,
                           const mproc_list_t *other);

/**
 * Adds an element before another one.
 *
 * @param index  of the one that it comes before; negative: from the end. Beyond an end of the list it means that end.
 * @param value  as mproc_list_set()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_insert(const mproc_list_t *list,
                      int64_t index,
                      mproc_datum_t value);

/**
 * Removes an element and gets it. A container that nothing else refers to, and that no handle holds, is freed: then
 * the element is a reference to nothing. Open it with mproc_list_follow() or a sibling before, to keep it.
 *
 * @param index           negative: from the end, -1 is the last
 * @param buf,cap         as mproc_list_get()
 * @param[out] value_out  the element. On MPROC_EMSGSIZE only its len is set, and nothing was done.
 * @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_pop(const mproc_list_t *list,
                   int64_t index,
                   void *buf,
                   size_t cap,
                   mproc_datum_t *value_out);

/**
 * Removes an element.
 *
 * @param index  negative: from the end
 * @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_delete(const mproc_list_t *list,
                      int64_t index);

/**
 * Removes the first element that is equal to a datum: whose encoding is equal (1, 1.0 and true differ).
 *
 * @retval MPROC_OK  @retval MPROC_ENOENT  there is none    @retval MPROC_EINVAL  NULL, or not a value
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_remove(const mproc_list_t *list,
                      mproc_datum_t value);

/**
 * The index of the first element that is equal to a datum: whose encoding is equal.
 *
 * @param start,stop      where to look: from start, before stop; negative: from the end. 0 and MPROC_SLICE_END:
 *                        everywhere.
 * @param[out] index_out  the index, from the beginning of the list
 * @retval MPROC_OK  @retval MPROC_ENOENT  there is none    @retval MPROC_EINVAL  NULL, or not a value
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_index(const mproc_list_t *list,
                     mproc_datum_t value,
                     int64_t start,
                     int64_t stop,
                     uint64_t *index_out);

/**
 * How many elements are equal to a datum: have an equal encoding.
 *
 * @param[out] count_out  how many
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a value
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_count(const mproc_list_t *list,
                     mproc_datum_t value,
                     uint64_t *count_out);

/**
 * Reverses the order of the elements.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_reverse(const mproc_list_t *list);

/**
 * Sorts the elements: numbers by value (not-a-numbers last), strings and bytes by their bytes, lists element by
 * element, false before true. Equal ones keep their order.
 *
 * @param flags  MPROC_SORT_DESCENDING, or 0
 * @retval MPROC_OK  @retval MPROC_ETYPE  not all of one of these types; nothing was changed
 * @retval MPROC_EINVAL  NULL or unknown flag
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_sort(const mproc_list_t *list,
                    uint32_t flags);

/**
 * Makes the list as many repetitions of itself. Containers are not copied: the list refers to them as often.
 *
 * @param times  0 clears the list, 1 does nothing
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_repeat(const mproc_list_t *list,
                      uint64_t times);

/**
 * Removes everything.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_clear(const mproc_list_t *list);

/**
 * A part of the list, as it was at one moment: the elements at start, start + step, and so on, before stop. Indexes
 * beyond an end of the list mean that end.
 *
 * @param start,stop     negative: from the end; MPROC_SLICE_BEGIN and MPROC_SLICE_END: the ends
 * @param step           not 0; negative: backwards, then from MPROC_SLICE_END to MPROC_SLICE_BEGIN is everything
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or step 0   @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_slice(const mproc_list_t *list,
                     int64_t start,
                     int64_t stop,
                     int64_t step,
                     mproc_iter_t **iter_out);

/**
 * Replaces a part of the list by the elements of a list that is given as one datum, all or nothing.
 *
 * @param start,stop,step  as mproc_list_slice(). With step 1 the part may have another length than what replaces it
 *                         (if it is empty, that is inserted at start); with others not.
 * @param elements         MPROC_DATUM_LIST; what is inside is plain data
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, step 0, not a list, or another length and step is not 1
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_slice_set(const mproc_list_t *list,
                         int64_t start,
                         int64_t stop,
                         int64_t step,
                         mproc_datum_t elements);

/**
 * Removes a part of the list, all or nothing. Meanwhile it needs room for the elements that stay.
 *
 * @param start,stop,step  as mproc_list_slice()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or step 0
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_slice_delete(const mproc_list_t *list,
                            int64_t start,
                            int64_t stop,
                            int64_t step);

/**
 * Adds to an element, atomically. Integers stay integers; with a float the sum is a float.
 *
 * @param index         negative: from the end
 * @param delta         an integer or a float
 * @param[out] sum_out  the sum. May be NULL.
 * @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_ETYPE  the element or delta is not a number
 * @retval MPROC_EOVERFLOW  the sum of two integers fits neither int64_t nor uint64_t    @retval MPROC_EINVAL  NULL
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_add(const mproc_list_t *list,
                   int64_t index,
                   mproc_datum_t delta,
                   mproc_datum_t *sum_out);

/**
 * Replaces an element if it is the expected one: if the encodings are equal (1, 1.0 and true differ).
 *
 * @param index             negative: from the end
 * @param expected          any datum    @param desired  as mproc_list_set()
 * @param[out] swapped_out  1 if it was, 0 if not; then nothing was changed
 * @retval MPROC_OK  asked, and done if so    @retval MPROC_ERANGE  no such index
 * @retval MPROC_EINVAL  NULL, not a value, or MPROC_DATUM_ABSENT
 * @retval MPROC_ENOENT  the desired value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_compare_exchange(const mproc_list_t *list,
                                int64_t index,
                                mproc_datum_t expected,
                                mproc_datum_t desired,
                                int *swapped_out);

/**
 * The elements, as they were at one moment.
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_items(const mproc_list_t *list,
                     mproc_iter_t **iter_out);

/**
 * Goes through the living list by index, and fetches as it goes, up to 64 elements at a time: needs little memory
 * however large the list is. What is inserted or removed meanwhile shifts what has not been fetched yet; it ends where
 * the list then ends.
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_iter(const mproc_list_t *list,
                    mproc_iter_t **iter_out);

/**
 * Adds a copy of the list, as it was at one moment, to a builder: one list.
 *
 * @param flags  MPROC_COPY_DEEP, or 0
 * @param into   where to; it must be ready for a value
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or the builder waits for a key
 * @retval MPROC_ETYPE   MPROC_COPY_DEEP: deeper than 64, or a container is inside itself; nothing was added
 * @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_list_copy(const mproc_list_t *list,
                    uint32_t flags,
                    mproc_builder_t *into);

/**
 * Creates a lock. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] lock_out  the handle; close it with mproc_lock_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL output or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ETYPE  with MPROC_EXIST_OK: it was made with or without MPROC_ANY_RELEASE
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_lock_create(const mproc_domain_t *domain,
                      const char *name,
                      const mproc_lock_options_t *options,
                      mproc_lock_t **lock_out);

/**
 * Opens an existing lock by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
 * @param[out] lock_out  the handle; close it with mproc_lock_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_lock_open(const mproc_domain_t *domain,
                    const char *name,
                    const mproc_lock_options_t *options,
                    mproc_lock_t **lock_out);

/**
 * Ends the handle. A lock that this process holds stays held while it has any handle in the domain; when
 * the last one is closed the process leaves the domain, and the lock passes on as MPROC_RECOVERED.
 * NULL does nothing.
 */
void mproc_lock_close(mproc_lock_t *lock);

/**
 * Takes the lock. If its holder died while holding it, the lock passes on within about 10 ms of the
 * kernel's notice; a holder that is merely stopped is never robbed.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
 * @retval MPROC_ETIMEDOUT  still held by somebody else (or by another thread of this process)
 * @retval MPROC_ECANCELED  the token was set   @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_ESLOTS     1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any; the process is the holder.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_lock_lock(const mproc_lock_t *lock,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Takes the lock if that is possible at once: mproc_lock_lock() with timeout 0.
 *
 * @retval MPROC_OK  @retval MPROC_RECOVERED  @retval MPROC_ETIMEDOUT  held by somebody
 * @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_lock_try(const mproc_lock_t *lock);

/**
 * Releases the lock. Any thread of the holding process may do it, through any handle; with MPROC_ANY_RELEASE any
 * process may.
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it (MPROC_ANY_RELEASE: nobody does)
 * @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_lock_unlock(const mproc_lock_t *lock);

/**
 * A fencing token: a number greater than every earlier one of this lock, whoever asked. Who acts on something outside
 * the lock's reach tells it the token, too, and that refuses a token once it has seen a greater one: so what a former
 * holder, stopped or cut off meanwhile, still does in vain cannot spoil what the next one did.
 *
 * @param[out] token_out  1 or greater
 * @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold the lock   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: a child does not hold its parent's.  Signals: no.
 */
int mproc_lock_token(const mproc_lock_t *lock,
                     uint64_t *token_out);

/**
 * Who holds the lock right now: a snapshot, for people and logs.
 *
 * @param[out] owner_out  filled; held is 0 when the lock is free   @param owner_size  sizeof(mproc_owner_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_lock_owner(const mproc_lock_t *lock,
                     mproc_owner_t *owner_out,
                     size_t owner_size);

/**
 * A handle on the lock that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_lock_export(const mproc_lock_t *lock, mproc_handle_t **handle_out);

/**
 * Opens the lock that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_lock_open()
 * @param[out] lock_out  close it with mproc_lock_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_lock_import(const mproc_handle_t *handle,
                      const mproc_lock_options_t *options,
                      mproc_lock_t **lock_out);

/**
 * Starts a manager: a server with threads of its own inside this process, and a near connection to it. It ends with
 * mproc_manager_close(), or with the process; a forked child does not have it, but can connect to it.
 *
 * @param addresses         where it listens: "unix:/path" (near) and "tcp:host:port" (far; port 0: any that is free; no
 *                          host: loopback), separated by ','. NULL: a private unix socket for this process's children
 *                          (mproc_manager_address()), that ends with the process
 * @param key               the secret of all clients; NULL: none. Then there is no tcp. With it unix sockets want it, too
 * @param options           NULL: defaults
 * @param[out] manager_out  close it with mproc_manager_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL output, not an address, unknown flag, negative time
 * @retval MPROC_EAUTH   tcp, or any user, without a key   @retval MPROC_EEXIST  somebody listens there
 * @retval MPROC_ENOENT  the socket's directory is not there   @retval MPROC_EACCES  it does not let us in
 * @retval MPROC_ECONNECTION  no such host   @retval MPROC_ENOTSUP  "redis:"
 * @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ESYS
 * Blocks: briefly; to look up a host as long as that takes.  Threads: any.  Fork: see above.  Signals: no.
 */
int mproc_manager_start(const char *addresses,
                        const mproc_key_t *key,
                        const mproc_manager_options_t *options,
                        mproc_manager_t **manager_out);

/**
 * Connects to a manager.
 *
 * @param address           "unix:/path": near, or with "?memory=never" by proxies; "tcp:host:port": far
 * @param key               the manager's secret; NULL: none. tcp wants one
 * @param options           NULL: defaults
 * @param[out] manager_out  close it with mproc_manager_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL, not an address, unknown flag, negative time
 * @retval MPROC_ECONNECTION  nobody listens there, or does not answer
 * @retval MPROC_EAUTH   another key, a key where there is none, none where there is one, another user; or it is no
 *                       manager    @retval MPROC_EACCES  the socket does not let us in
 * @retval MPROC_EPROTOCOL  another version    @retval MPROC_EQUOTA  it has as many clients as it takes
 * @retval MPROC_ENOTSUP  "redis:"    @retval MPROC_ESYS
 * Blocks: up to options->timeout_ns.  Threads: any.  Fork: the child makes a connection of its own.  Signals: no.
 */
int mproc_manager_connect(const char *address,
                          const mproc_key_t *key,
                          const mproc_connect_options_t *options,
                          mproc_manager_t **manager_out);

/**
 * Ends the handle. The connection ends with the last handle on an object of the manager's. A server that was started
 * ends here: clients get MPROC_ECONNECTION, and go on with memory that they have; it waits for procedures that are
 * running; so it is not for a procedure to call. NULL does nothing.
 */
void mproc_manager_close(mproc_manager_t *manager);

/**
 * The manager's domain, for the functions of all kinds of objects.
 *
 * - mproc_<kind>_create() with a name creates an object; with MPROC_EXIST_OK it gets one that is there. The object stays
 *   until its name is deleted (mproc_domain_unlink()) and nobody refers to it any more, or the server ends.
 *   MPROC_PERSIST has no meaning.
 * - mproc_<kind>_create() without a name creates one that lives as long as a client refers to it.
 * - mproc_<kind>_open() gets one by its name, or by what mproc_object_name() says of one without.
 *
 * @param[out] domain_out  lives as long as the handle on the manager; do not close it. It has no directory, sweeping
 *                         or members: those functions say MPROC_ENOTSUP
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_manager_domain(const mproc_manager_t *manager,
                         const mproc_domain_t **domain_out);

/**
 * Where a server that was started listens (with the port that it got), or where this connection leads.
 *
 * @param index         0, 1 …: in the order in which they were given
 * @param buf,cap       where to, and its size with the NUL
 * @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOENT  there are not so many
 * @retval MPROC_EMSGSIZE  cap too small
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_manager_address(const mproc_manager_t *manager,
                          uint32_t index,
                          char *buf,
                          size_t cap,
                          size_t *len_out);

/**
 * The objects that have names, in the order of their names.
 *
 * @param[out] iter_out  for mproc_iter_next(): name, and a map {"kind": MPROC_KIND_..., "clients": how many refer to
 *                       it, "bytes": of memory}; close it with mproc_iter_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM   @retval others  see mproc_manager_t
 * Blocks: for the answer.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_manager_list(const mproc_manager_t *manager,
                       mproc_iter_t **iter_out);

/**
 * Whether the server answers.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits; 0: as long as the connection's options say
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or bad timeout   @retval MPROC_ECONNECTION  it does not
 * @retval others  see mproc_manager_t
 * Blocks: up to timeout_ns and the connection's own timeout.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_manager_ping(const mproc_manager_t *manager,
                       int64_t timeout_ns);

/**
 * What the server is like right now.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_manager_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval others  see mproc_manager_t
 * Blocks: for the answer.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_manager_info(const mproc_manager_t *manager,
                       mproc_manager_info_t *info_out,
                       size_t info_size);

/**
 * Registers a procedure that clients can call by its name: the counterpart of BaseManager.register().
 *
 * @param name       1 to 200 of [A-Za-z0-9._-], not starting with a dot
 * @param procedure  see mproc_procedure_t; must stay as long as the server
 * @param payload    passed to it; NULL if not needed
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  there is one of that name
 * @retval MPROC_ENOTSUP  the server is another process's: only who started it registers
 * Blocks: no.  Threads: any, concurrently.  Fork: the child has no server.  Signals: no.
 */
int mproc_manager_register(const mproc_manager_t *manager,
                           const char *name,
                           mproc_procedure_t procedure,
                           void *payload);

/**
 * Calls a procedure that the server's program registered, and waits for its result. If the connection is lost
 * meanwhile it is asked for again, and does not run twice.
 *
 * @param name      its name    @param argument  any datum; what it is for is the procedure's business
 * @param result    the result is added here; it must be ready for a value. NULL: not wanted
 * @param timeout_ns,cancel  how long to wait for the result; the procedure runs on
 * @retval MPROC_OK  @retval MPROC_ENOENT  no such procedure    @retval MPROC_EINVAL  NULL, no datum, bad timeout
 * @retval MPROC_ETIMEDOUT MPROC_ECANCELED  it has not ended yet; it may
 * @retval MPROC_ENOMEM   @retval others  what the procedure returned; see mproc_manager_t
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_manager_call(const mproc_manager_t *manager,
                       const char *name,
                       mproc_datum_t argument,
                       mproc_builder_t *result,
                       int64_t timeout_ns,
                       const mproc_cancel_t *cancel);

/**
 * Whether each operation on an object is a request to a server: it came from a manager, and not as memory.
 *
 * @param kind             MPROC_KIND_...    @param object  a live handle of that kind; not NULL
 * @param[out] remote_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or no such kind
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_object_is_remote(uint32_t kind,
                           const void *object,
                           int *remote_out);

/**
 * The name under which other clients of the manager can open an object: its own or, for an anonymous one, '#' and a
 * number. Give it to them as text: as an argument, or inside a datum.
 *
 * @param kind             MPROC_KIND_...    @param object  a live handle of that kind; not NULL
 * @param buf,cap          where to, and its size with the NUL; 202 bytes are enough
 * @param[out] len_out     bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or no such kind   @retval MPROC_EMSGSIZE  cap too small
 * @retval MPROC_ENOENT  it is no manager's    @retval MPROC_ENOTSUP  inside another object: pass on a reference to it
 * @retval others  see mproc_manager_t
 * Blocks: for the answer.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_object_name(uint32_t kind,
                      const void *object,
                      char *buf,
                      size_t cap,
                      size_t *len_out);

/**
 * Creates a namespace, empty, with an arena of its own. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] namespace_out  the handle; close it with mproc_namespace_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL output, unknown flag, or a limit out of range   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_namespace_create(const mproc_domain_t *domain,
                           const char *name,
                           const mproc_container_options_t *options,
                           mproc_namespace_t **namespace_out);

/**
 * Opens an existing namespace by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN has a meaning here
 * @param[out] namespace_out  the handle; close it with mproc_namespace_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_namespace_open(const mproc_domain_t *domain,
                         const char *name,
                         const mproc_container_options_t *options,
                         mproc_namespace_t **namespace_out);

/**
 * Ends the handle. An inner container that nothing else holds is freed, with all that is in it. NULL does nothing.
 * Blocks: no; of an inner container for the arena's lock (busy_timeout; if a stopped process is inside for that long, the
 * container is kept until this process ends).  Threads: not while another thread is inside a call on it.  Signals: no.
 */
void mproc_namespace_close(mproc_namespace_t *namespace_);

/**
 * A handle on the namespace that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP  an inner container: pass on a handle of the outermost one and the datum of
 *                        mproc_namespace_ref(); or as mproc_queue_export()
 * @retval MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_namespace_export(const mproc_namespace_t *namespace_, mproc_handle_t **handle_out);

/**
 * Opens the namespace that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_namespace_open()
 * @param[out] namespace_out  close it with mproc_namespace_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_namespace_import(const mproc_handle_t *handle,
                           const mproc_container_options_t *options,
                           mproc_namespace_t **namespace_out);

/**
 * The arena that the namespace lives in.
 *
 * @param[out] arena_out  lives as long as this handle on the namespace
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_namespace_arena(const mproc_namespace_t *namespace_, const mproc_arena_t **arena_out);

/**
 * A reference to the namespace: a datum of type MPROC_DATUM_REF. As an element or value of a container of the same
 * arena it keeps the namespace alive; anywhere else it does not. It can travel as part of any datum: see
 * mproc_namespace_follow().
 *
 * @param[out] ref_out  the reference; it points to nothing, and outlives the handle
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_namespace_ref(const mproc_namespace_t *namespace_,
                        mproc_datum_t *ref_out);

/**
 * Opens the namespace that a reference leads to. It lives at least as long as the handle, also when nothing refers to
 * it any more.
 *
 * @param arena         of any handle on a container of the same arena; need not stay
 * @param reference     MPROC_DATUM_REF on a namespace, as got from a container or from mproc_namespace_ref() in any
 *                      process
 * @param[out] namespace_out  close it with mproc_namespace_close()
 * @retval MPROC_OK      @retval MPROC_ENOENT  it is gone    @retval MPROC_ETYPE  it is a container of another kind
 * @retval MPROC_EINVAL  NULL, not a reference to a container, or one in another arena
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ECORRUPT MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: the handle works in the child.
 * Signals: no.
 */
int mproc_namespace_follow(const mproc_arena_t *arena,
                           mproc_datum_t reference,
                           mproc_namespace_t **namespace_out);

/**
 * How many names there are.
 *
 * @param[out] len_out  how many
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_len(const mproc_namespace_t *namespace_,
                        uint64_t *len_out);

/**
 * The value of a name.
 *
 * @param buf,cap         where the bytes of a string, bytes, a list, a map, or a reference's name go, and its size;
 *                        buf may be NULL when cap is 0. It does not overlap the name.
 * @param[out] value_out  the value; it points into buf. On MPROC_EMSGSIZE only its len is set: the size needed.
 * @retval MPROC_OK  @retval MPROC_ENOENT  no such name    @retval MPROC_EMSGSIZE  cap is too small
 * @retval MPROC_EINVAL  NULL, or not a name
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_get(const mproc_namespace_t *namespace_,
                        const char *name,
                        void *buf,
                        size_t cap,
                        mproc_datum_t *value_out);

/**
 * Sets the value of a name.
 *
 * @param value  any datum; MPROC_DATUM_NEW: a new, empty container; MPROC_DATUM_REF: see mproc_dict_t
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, not a name, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_set(const mproc_namespace_t *namespace_,
                        const char *name,
                        mproc_datum_t value);

/**
 * As mproc_namespace_set(), for the holder of a lock: see mproc_dict_set_if_token().
 *
 * @param token  of mproc_lock_token() or a sibling; not 0
 * @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
 * @retval MPROC_EINVAL  token is 0
 * @retval others    as mproc_namespace_set()
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_set_if_token(const mproc_namespace_t *namespace_,
                                 const char *name,
                                 mproc_datum_t value,
                                 uint64_t token);

/**
 * Whether there is such a name.
 *
 * @param[out] contains_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a name
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_contains(const mproc_namespace_t *namespace_,
                             const char *name,
                             int *contains_out);

/**
 * Removes a name and its value.
 *
 * @retval MPROC_OK  @retval MPROC_ENOENT  no such name    @retval MPROC_EINVAL  NULL, or not a name
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_delete(const mproc_namespace_t *namespace_,
                           const char *name);

/**
 * As mproc_namespace_delete(), for the holder of a lock: see mproc_dict_set_if_token().
 *
 * @param token  of mproc_lock_token() or a sibling; not 0
 * @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
 * @retval MPROC_EINVAL  token is 0
 * @retval others    as mproc_namespace_delete()
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_delete_if_token(const mproc_namespace_t *namespace_,
                                    const char *name,
                                    uint64_t token);

/**
 * Adds to the value of a name, atomically; a name that is missing counts as 0. Integers stay integers; with a float
 * the sum is a float.
 *
 * @param delta         an integer or a float
 * @param[out] sum_out  the sum. May be NULL.
 * @retval MPROC_OK  @retval MPROC_EOVERFLOW  the sum of two integers fits neither int64_t nor uint64_t
 * @retval MPROC_ETYPE  the value or delta is not a number    @retval MPROC_EINVAL  NULL, or not a name
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_add(const mproc_namespace_t *namespace_,
                        const char *name,
                        mproc_datum_t delta,
                        mproc_datum_t *sum_out);

/**
 * Appends to the list that is the value of a name, atomically. If the name is missing, its value becomes a new list (a
 * container). A list that is a plain value grows, and a reference in it is a weak one; to an inner list it is as
 * mproc_list_append().
 *
 * @param value  as mproc_namespace_set()
 * @retval MPROC_OK  @retval MPROC_ETYPE  what is there is not a list; or a plain one, and the value is MPROC_DATUM_NEW
 * @retval MPROC_EINVAL  NULL, not a name, or not a value
 * @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_append_to(const mproc_namespace_t *namespace_,
                              const char *name,
                              mproc_datum_t value);

/**
 * Sets the value of a name if it is the expected one: if the encodings are equal (1, 1.0 and true differ).
 *
 * @param expected          any datum; MPROC_DATUM_ABSENT: there is no such name
 * @param desired           as mproc_namespace_set(); MPROC_DATUM_ABSENT: remove the name
 * @param[out] swapped_out  1 if it was, 0 if not; then nothing was changed
 * @retval MPROC_OK  asked, and done if so    @retval MPROC_EINVAL  NULL, not a name, or not a value
 * @retval MPROC_ENOENT  the desired value is a reference to a container of this arena that is gone
 * @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
 * @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_compare_exchange(const mproc_namespace_t *namespace_,
                                     const char *name,
                                     mproc_datum_t expected,
                                     mproc_datum_t desired,
                                     int *swapped_out);

/**
 * The names and values, as they were at one moment, sorted by name (by its bytes).
 *
 * @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_items(const mproc_namespace_t *namespace_,
                          mproc_iter_t **iter_out);

/**
 * Adds a copy of the namespace, as it was at one moment, to a builder: one map, in the order in which the names were
 * first set.
 *
 * @param flags  MPROC_COPY_DEEP, or 0
 * @param into   where to; it must be ready for a value
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or the builder waits for a key
 * @retval MPROC_ETYPE   MPROC_COPY_DEEP: deeper than 64, or a container is inside itself; nothing was added
 * @retval MPROC_ENOMEM  no room for the copy
 * @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_namespace_copy(const mproc_namespace_t *namespace_,
                         uint32_t flags,
                         mproc_builder_t *into);

/**
 * Creates a pipe and opens both of its ends. Each end is a handle of its own: hand one to another process
 * (mproc_spawn(), mproc_send_handle(), fork) and close it here, so that its end is over when that process is.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: duplex, 1 MiB each way
 * @param[out] end0_out  end 0; close it with mproc_pipe_close(). NULL: not opened (only with a name)
 * @param[out] end1_out  end 1; likewise
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  both outputs NULL or the same, or one NULL of an anonymous pipe; unknown flag; absurd capacity
 * @retval MPROC_ENAME   not a name    @retval MPROC_EEXIST   the name is taken
 * @retval MPROC_EKIND   with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ETYPE   with MPROC_EXIST_OK: capacity or flags were given and differ
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the child holds both ends, too; let it close
 * the one it does not use.  Signals: no.
 */
int mproc_pipe_create(const mproc_domain_t *domain,
                      const char *name,
                      const mproc_pipe_options_t *options,
                      mproc_pipe_t **end0_out,
                      mproc_pipe_t **end1_out);

/**
 * Opens one end of an existing pipe by name. An end can be opened more than once (its holders share it), and
 * again after all its holders are gone: the other side then goes on.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; a capacity or MPROC_PIPE_... flag that is given must match
 * @param end            0 or 1
 * @param[out] pipe_out  the end; close it with mproc_pipe_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL, unknown flag, or no such end   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind   @retval MPROC_ETYPE  options differ
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the child holds the end, too.  Signals: no.
 */
int mproc_pipe_open(const mproc_domain_t *domain,
                    const char *name,
                    const mproc_pipe_options_t *options,
                    int end,
                    mproc_pipe_t **pipe_out);

/**
 * Ends the handle. When the last handle on an end is closed, in every process that has it, the other end
 * gets MPROC_EOF after the messages that are on the way, and MPROC_EPIPE when it sends.
 * Reservations that are open on this handle are given up, and messages held through it go back to the front.
 * NULL does nothing.
 */
void mproc_pipe_close(mproc_pipe_t *pipe);

/**
 * Sends a message to the other end. When it returns MPROC_OK the message is on its way, whatever happens to
 * this process; on any other status it is not.
 *
 * @param data,len    the message; len 0 is legal (data may then be NULL)
 * @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         sent    @retval MPROC_ETIMEDOUT  no room    @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EPIPE      the other end is closed, or its processes are dead (noticed within about 100 ms; the first
 *                          message sent after one was received may still go through)
 * @retval MPROC_E2BIG      can never fit    @retval MPROC_ENOTSUP  end 0 of a one-way pipe
 * @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
 * Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
 */
int mproc_pipe_send(const mproc_pipe_t *pipe,
                    const void *data,
                    size_t len,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Takes the next message from the other end.
 *
 * @param buf,cap       where to, and its size; buf may be NULL when cap is 0
 * @param[out] len_out  the message's length; on MPROC_EMSGSIZE the size needed. Not NULL.
 * @param timeout_ns    nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
 * @param cancel        NULL or a token that ends the wait
 * @retval MPROC_OK         taken    @retval MPROC_ETIMEDOUT  nothing there
 * @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EOF        nothing left, and the other end is closed or its processes are dead (noticed within
 *                          about 100 ms). A silent process that still holds the end keeps it open; and what another
 *                          holder of this end has taken by mproc_pipe_peek() is not gone yet: it may come back.
 * @retval MPROC_EMSGSIZE   cap is too small; the message stays
 * @retval MPROC_ENOTSUP    end 1 of a one-way pipe
 * @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
 * Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
 */
int mproc_pipe_recv(const mproc_pipe_t *pipe,
                    void *buf,
                    size_t cap,
                    size_t *len_out,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Sends a datum to the other end: the message is its encoding, MessagePack (mproc_datum_encode()). References in it
 * are weak.
 *
 * @param datum       a value; MPROC_DATUM_NEW and MPROC_DATUM_ABSENT are none
 * @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK      sent    @retval MPROC_EINVAL  NULL, no datum, or bad timeout    @retval MPROC_ENOMEM
 * @retval others  as mproc_pipe_send()
 * Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
 */
int mproc_pipe_send_datum(const mproc_pipe_t *pipe,
                          mproc_datum_t datum,
                          int64_t timeout_ns,
                          const mproc_cancel_t *cancel);

/**
 * Takes the next message from the other end, which is the encoding of a datum in any form of MessagePack.
 *
 * @param buf,cap         where the whole message goes, and its size; buf may be NULL when cap is 0
 * @param[out] datum_out  the datum; its bytes are in buf. On MPROC_EMSGSIZE only its len is written: the size that is
 *                        needed. Not NULL.
 * @param timeout_ns      nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
 * @param cancel          NULL or a token that ends the wait
 * @retval MPROC_OK       taken    @retval MPROC_EMSGSIZE  cap is too small; the message stays
 * @retval MPROC_EINVAL   NULL or bad timeout; or the message is no datum: then it was taken, and *datum_out is its
 *                        bytes (MPROC_DATUM_BYTES)
 * @retval others  as mproc_pipe_recv()
 * Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE).  Fork: yes.  Signals: no.
 */
int mproc_pipe_recv_datum(const mproc_pipe_t *pipe,
                          void *buf,
                          size_t cap,
                          mproc_datum_t *datum_out,
                          int64_t timeout_ns,
                          const mproc_cancel_t *cancel);

/**
 * Waits until mproc_pipe_recv() would not have to wait, and takes nothing.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 looks once    @param cancel  NULL or a token
 * @retval MPROC_OK         a message is there (another thread or holder of this end may take it first)
 * @retval MPROC_EOF        there will be no more    @retval others  as mproc_pipe_recv()
 * Blocks: up to timeout_ns.  Threads: any, concurrently (but see MPROC_PIPE_EXCLUSIVE: this is a use of the end).
 * Fork: yes.  Signals: no.
 */
int mproc_pipe_poll(const mproc_pipe_t *pipe,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Reserves room for a message, to be written in place. It is sent by mproc_pipe_commit(). Several may be
 * open at a time, also in several threads; messages arrive in the order in which they were reserved, so an
 * open reservation holds up what was sent after it. If the process dies, its reservation is dropped.
 *
 * @param len            most bytes the message will have
 * @param[out] view_out  where to write; valid until commit, abort, or the close of the handle
 * @param timeout_ns     nanoseconds to wait for room    @param cancel  NULL or a token
 * @retval MPROC_OK      reserved    @retval others  as mproc_pipe_send()
 * Blocks: up to timeout_ns.  Threads: any.  Fork: the reservation is the parent's.  Signals: no.
 */
int mproc_pipe_reserve(const mproc_pipe_t *pipe,
                       size_t len,
                       mproc_view_t *view_out,
                       int64_t timeout_ns,
                       const mproc_cancel_t *cancel);

/**
 * Sends a reserved message.
 *
 * @param id   mproc_view_t.id    @param len  the message's length, at most what was reserved
 * @retval MPROC_OK      sent    @retval MPROC_ERANGE  longer than reserved; the reservation stays
 * @retval MPROC_EPERM   not a reservation open on this handle    @retval MPROC_EINVAL  NULL
 * @retval MPROC_EPIPE   the other end is gone; the reservation is dropped   @retval MPROC_ECORRUPT
 * @retval MPROC_ESLOTS
 * @retval MPROC_ENOTSUP  end 0 of a one-way pipe
 * Blocks: no.  Threads: any.  Fork: only in the process that reserved.  Signals: no.
 */
int mproc_pipe_commit(const mproc_pipe_t *pipe, uint64_t id, size_t len);

/**
 * Gives a reservation up: nothing is sent. Its room is free at once if nothing was reserved or sent after it, else
 * when it would have been received.
 *
 * @param id  mproc_view_t.id
 * @retval MPROC_OK  @retval MPROC_EPERM  not a reservation open on this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * @retval MPROC_ENOTSUP  end 0 of a one-way pipe
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any.
 * Fork: only in the process that reserved.  Signals: no.
 */
int mproc_pipe_abort(const mproc_pipe_t *pipe,
                     uint64_t id);

/**
 * Takes the next message without copying it: it stays where it is, for reading in place, until
 * mproc_pipe_release(). Meanwhile other threads and holders of this end get the messages after it. If the
 * process dies before, the message goes back to the front.
 *
 * @param[out] view_out  the message; do not write to it. Valid until release or the close of the handle.
 * @param timeout_ns     nanoseconds to wait for a message    @param cancel  NULL or a token
 * @retval MPROC_OK         taken    @retval MPROC_RECOVERED  taken; somebody had it before and died or put it back
 * @retval others  as mproc_pipe_recv()
 * Blocks: up to timeout_ns.  Threads: any.  Fork: the message is the parent's.  Signals: no.
 */
int mproc_pipe_peek(const mproc_pipe_t *pipe,
                    mproc_view_t *view_out,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Ends the reading of a message in place; its room is free again.
 *
 * @param id  mproc_view_t.id
 * @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * @retval MPROC_ENOTSUP  end 1 of a one-way pipe
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any.
 * Fork: only in the process that took it.  Signals: no.
 */
int mproc_pipe_release(const mproc_pipe_t *pipe,
                       uint64_t id);

/**
 * Puts a message that was taken by mproc_pipe_peek() back to the front.
 *
 * @param id  mproc_view_t.id
 * @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * @retval MPROC_ENOTSUP  end 1 of a one-way pipe
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any.
 * Fork: only in the process that took it.  Signals: no.
 */
int mproc_pipe_putback(const mproc_pipe_t *pipe,
                       uint64_t id);

/**
 * Bounds, fill and peer of this end.
 *
 * @param[out] info_out  filled   @param info_size  sizeof(mproc_pipe_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_pipe_info(const mproc_pipe_t *pipe, mproc_pipe_info_t *info_out, size_t info_size);

/**
 * A handle on this end that can travel to other processes: see mproc_handle_t. While it exists, also on its
 * way, the end counts as open.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP MPROC_ESYS  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_pipe_export(const mproc_pipe_t *pipe,
                      mproc_handle_t **handle_out);

/**
 * Opens the end that a handle from another process leads to.
 *
 * @param handle         stays the caller's; close it when it is not needed any more: it holds the end open
 * @param options        NULL: defaults; as mproc_pipe_open()
 * @param[out] pipe_out  the end; close it with mproc_pipe_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag
 * @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_pipe_import(const mproc_handle_t *handle,
                      const mproc_pipe_options_t *options,
                      mproc_pipe_t **pipe_out);

/**
 * Starts a program that finds handles with mproc_inherited(): the counterpart of Python's
 * Process(target, args=(value, queue)). The program is looked for along PATH if its name has no slash; it
 * inherits standard input, output and error, the handles' descriptors, and whatever other descriptors are
 * not close-on-exec (all of this library's are).
 *
 * @param argv             the program and its arguments, NULL-terminated
 * @param handles,count    what to give it; count 0: nothing
 * @param options          NULL: defaults
 * @param[out] process_out the child; close it with mproc_process_close()
 * @retval MPROC_OK      started    @retval MPROC_EINVAL  NULL, empty argv, or the same name twice
 * @retval MPROC_ENAME   not a name    @retval MPROC_ENOENT  no such program    @retval MPROC_EACCES  not executable
 * @retval MPROC_ESYS    the system refused (too many processes or descriptors …)
 * Blocks: until the program runs.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_spawn(const char *const *argv,
                const mproc_named_handle_t *handles,
                size_t count,
                const mproc_spawn_options_t *options,
                mproc_process_t **process_out);

/**
 * The child's process id.
 *
 * @param[out] pid_out  the id
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_process_pid(const mproc_process_t *process, int *pid_out);

/**
 * Waits for the child to end, and reaps it. Afterwards it can be asked again: the answer stays the same.
 *
 * @param[out] exit_out    its exit code; -1 if it was killed by a signal. May be NULL.
 * @param[out] signal_out  the signal that killed it, else 0. May be NULL.
 * @param timeout_ns       nanoseconds; MPROC_FOREVER waits, 0 looks once    @param cancel  NULL or a token
 * @retval MPROC_OK  it has ended    @retval MPROC_ETIMEDOUT  it runs    @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_ESYS    somebody else reaped it, or this is not its parent process
 * Blocks: up to timeout_ns.  Threads: any.  Fork: only in the process that started it.  Signals: no.
 */
int mproc_process_wait(const mproc_process_t *process,
                       int *exit_out,
                       int *signal_out,
                       int64_t timeout_ns,
                       const mproc_cancel_t *cancel);

/**
 * Sends the child a signal. Never hits another process that got the same pid later.
 *
 * @param signal     SIGTERM, SIGKILL …
 * @retval MPROC_OK  sent, or it has ended already    @retval MPROC_EINVAL  NULL or no such signal   @retval MPROC_ESYS
 * Blocks: no.  Threads: any.  Fork: only in the process that started it.  Signals: no.
 */
int mproc_process_kill(const mproc_process_t *process,
                       int signal);

/**
 * Ends the handle; the child goes on. A child that was not waited for stays a zombie until this process
 * ends, unless it has ended by now. NULL does nothing.
 */
void mproc_process_close(mproc_process_t *process);

/**
 * Creates a queue. It appears whole or not at all.
 *
 * @param domain          NULL: the default domain
 * @param name            NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options         NULL: 1 MiB, no bound on items
 * @param[out] queue_out  the handle; close it with mproc_queue_close()
 * @retval MPROC_OK       created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL   NULL output, unknown flag, or absurd capacity   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST   the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ETYPE    with MPROC_EXIST_OK: capacity, item bound, a MPROC_QUEUE_... flag or MPROC_POLLABLE was given and differs
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_queue_create(const mproc_domain_t *domain,
                       const char *name,
                       const mproc_queue_options_t *options,
                       mproc_queue_t **queue_out);

/**
 * Opens an existing queue by name.
 *
 * @param domain          NULL: the default domain    @param name  not NULL
 * @param options         NULL: defaults; a capacity, item bound or MPROC_QUEUE_... flag that is given must match
 * @param[out] queue_out  the handle; close it with mproc_queue_close()
 * @retval MPROC_OK       @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT   no such object    @retval MPROC_EKIND  another kind   @retval MPROC_ETYPE  bounds differ
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_queue_open(const mproc_domain_t *domain,
                     const char *name,
                     const mproc_queue_options_t *options,
                     mproc_queue_t **queue_out);

/**
 * Ends the handle. Messages stay in the queue; reservations that are open on this handle are given up, and messages
 * that are held through it go back to the front. NULL does nothing.
 */
void mproc_queue_close(mproc_queue_t *queue);

/**
 * Puts a message at the end. When it returns MPROC_OK the message is in the queue, visible to every
 * process, whatever happens to this one; on any other status it is not.
 *
 * @param data,len    the message; len 0 is legal (data may then be NULL)
 * @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         put    @retval MPROC_ETIMEDOUT  no room    @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_ECLOSED    the queue was shut down   @retval MPROC_E2BIG  can never fit
 * @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_put(const mproc_queue_t *queue,
                    const void *data,
                    size_t len,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Takes the message at the front.
 *
 * @param buf,cap       where to, and its size; buf may be NULL when cap is 0
 * @param[out] len_out  the message's length; on MPROC_EMSGSIZE the size needed. Not NULL.
 * @param timeout_ns    nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
 * @param cancel        NULL or a token that ends the wait
 * @retval MPROC_OK         taken    @retval MPROC_ETIMEDOUT  empty    @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EMSGSIZE   cap is too small; the message stays at the front
 * @retval MPROC_ECLOSED    shut down (gracefully: and empty), or empty and every producer is gone
 *                          (mproc_queue_producer())    @retval MPROC_ENOTSUP  the queue wants leases
 * @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  a stopped process is inside
 * @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_get(const mproc_queue_t *queue,
                    void *buf,
                    size_t cap,
                    size_t *len_out,
                    int64_t timeout_ns,
                    const mproc_cancel_t *cancel);

/**
 * Puts a datum at the end: the message is its encoding, MessagePack (mproc_datum_encode()). References in it are weak.
 *
 * @param datum       a value; MPROC_DATUM_NEW and MPROC_DATUM_ABSENT are none
 * @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK      put    @retval MPROC_EINVAL  NULL, no datum, or bad timeout    @retval MPROC_ENOMEM
 * @retval others  as mproc_queue_put()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_put_datum(const mproc_queue_t *queue,
                          mproc_datum_t datum,
                          int64_t timeout_ns,
                          const mproc_cancel_t *cancel);

/**
 * Takes the message at the front, which is the encoding of a datum in any form of MessagePack.
 *
 * @param buf,cap         where the whole message goes, and its size; buf may be NULL when cap is 0
 * @param[out] datum_out  the datum; its bytes are in buf. On MPROC_EMSGSIZE only its len is written: the size that is
 *                        needed. Not NULL.
 * @param timeout_ns      nanoseconds to wait for a message; MPROC_FOREVER waits, 0 tries once
 * @param cancel          NULL or a token that ends the wait
 * @retval MPROC_OK       taken    @retval MPROC_EMSGSIZE  cap is too small; the message stays at the front
 * @retval MPROC_EINVAL   NULL or bad timeout; or the message is no datum: then it was taken, and *datum_out is its
 *                        bytes (MPROC_DATUM_BYTES)
 * @retval others  as mproc_queue_get()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_get_datum(const mproc_queue_t *queue,
                          void *buf,
                          size_t cap,
                          mproc_datum_t *datum_out,
                          int64_t timeout_ns,
                          const mproc_cancel_t *cancel);

/**
 * The same as mproc_queue_put(), but only if nothing has been put with a greater fencing token: so that a holder of a
 * lock that was slow, and has lost it to another one meanwhile, does no harm. The queue keeps the greatest token with
 * which something was put, and compares it in the same step. Puts without a token are not held up.
 *
 * @param data,len    the message; len 0 is legal (data may then be NULL)
 * @param token       what the lock gave out for this holding of it (mproc_lock_token() and the like); not 0
 * @param timeout_ns  nanoseconds to wait for room; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK       put    @retval MPROC_EFENCED  something was put with a greater token; nothing was done
 * @retval MPROC_EINVAL   NULL, token 0 or bad timeout    @retval others  as mproc_queue_put()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_put_if_token(const mproc_queue_t *queue,
                             const void *data,
                             size_t len,
                             uint64_t token,
                             int64_t timeout_ns,
                             const mproc_cancel_t *cancel);

/**
 * Puts several messages, in order, with as few lock operations as possible. Waits for room as often as
 * needed. Other producers' messages may come in between.
 *
 * @param messages,count  the messages; count 0 does nothing
 * @param[out] done_out   how many of them are in the queue, counted from the first; written on every
 *                        status except MPROC_EINVAL. May be NULL.
 * @param timeout_ns      nanoseconds for the whole batch   @param cancel  NULL or a token
 * @retval MPROC_OK  all are in    @retval others  as mproc_queue_put(); the first *done_out are in.
 *                   MPROC_E2BIG: one of them can never fit; then none was put
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_put_many(const mproc_queue_t *queue,
                         const mproc_message_t *messages,
                         size_t count,
                         size_t *done_out,
                         int64_t timeout_ns,
                         const mproc_cancel_t *cancel);

/**
 * Takes several messages, in order, with one lock operation: waits for the first one, then takes as
 * many as are there, fit, and are wanted. The messages stand in `buf` one after the other, each at the
 * next multiple of 8 bytes from the start of `buf`.
 *
 * @param buf,cap         where to, and its size
 * @param[out] lens_out   the length of each message taken; room for `max` entries
 * @param max             most messages to take; at least 1
 * @param[out] count_out  how many were taken. Not NULL.
 * @param timeout_ns      nanoseconds to wait for the first message   @param cancel  NULL or a token
 * @retval MPROC_OK  at least one was taken    @retval MPROC_EMSGSIZE  the first does not fit: lens_out[0]
 *                   is the size needed, and it stays at the front    @retval others  as mproc_queue_get()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_get_many(const mproc_queue_t *queue,
                         void *buf,
                         size_t cap,
                         size_t *lens_out,
                         size_t max,
                         size_t *count_out,
                         int64_t timeout_ns,
                         const mproc_cancel_t *cancel);

/**
 * How many messages are inside right now. Every returned put and get is counted.
 *
 * @param[out] items_out  messages
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_queue_size(const mproc_queue_t *queue, size_t *items_out);

/**
 * Whether there is no message inside right now (mproc_queue_size() is 0).
 *
 * @param[out] empty_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_queue_empty(const mproc_queue_t *queue, int *empty_out);

/**
 * Whether not even an empty message would fit right now (by bytes or by items).
 *
 * @param[out] full_out  1 or 0
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_queue_full(const mproc_queue_t *queue, int *full_out);

/**
 * Shuts the queue down for every process, for good. Gracefully (immediate 0): puts fail with
 * MPROC_ECLOSED, gets go on until the queue is empty, then fail with MPROC_ECLOSED. Immediately
 * (immediate 1): the messages inside are dropped and both fail at once. Everyone who waits is woken.
 * Shutting down again is harmless; graceful may be followed by immediate.
 * Gracefully, what other processes have reserved or hold is waited for: it may still be committed or put back.
 * (What the calling process has itself is not: it would wait for ever.) Immediately, reservations and messages
 * held end with it: committing gives MPROC_ECLOSED, giving up, releasing and putting back are harmless.
 *
 * @param immediate  0 or 1
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or immediate is neither 0 nor 1
 * @retval MPROC_EBUSY  a stopped process is inside   @retval MPROC_ECORRUPT   @retval MPROC_ESLOTS
 * Blocks: at most busy_timeout.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_queue_shutdown(const mproc_queue_t *queue,
                         int immediate);

/**
 * Bounds, fill and state of the queue.
 *
 * @param[out] info_out  filled   @param info_size  sizeof(mproc_queue_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_queue_info(const mproc_queue_t *queue, mproc_queue_info_t *info_out, size_t info_size);

/**
 * Reserves room for a message, to be written in place. It is put by mproc_queue_commit(). A reservation is not
 * a lock: other producers go on, and what they put can be taken before it. Several may be open at a time, in
 * one process and in many. If the process dies, its reservation is dropped.
 *
 * @param len            most bytes the message will have
 * @param[out] view_out  where to write; valid until commit, abort, or the close of the handle
 * @param timeout_ns     nanoseconds to wait for room    @param cancel  NULL or a token
 * @retval MPROC_OK      reserved    @retval others  as mproc_queue_put()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: the reservation is the parent's.  Signals: no.
 */
int mproc_queue_reserve(const mproc_queue_t *queue,
                        size_t len,
                        mproc_view_t *view_out,
                        int64_t timeout_ns,
                        const mproc_cancel_t *cancel);

/**
 * Puts a reserved message. When it returns MPROC_OK the message is visible to every process.
 *
 * @param id   mproc_view_t.id    @param len  the message's length, at most what was reserved
 * @retval MPROC_OK       put    @retval MPROC_ERANGE  longer than reserved; the reservation stays
 * @retval MPROC_EPERM    not a reservation open on this handle    @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECLOSED  shut down immediately: the reservation is dropped   @retval MPROC_ECORRUPT
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any, concurrently.  Fork: only in the process that reserved.  Signals: no.
 */
int mproc_queue_commit(const mproc_queue_t *queue, uint64_t id, size_t len);

/**
 * Gives a reservation up: nothing is put. Its room is free at once if nothing is in front of it, else (and it
 * counts as an item until then) when what is in front has been taken.
 *
 * @param id  mproc_view_t.id
 * @retval MPROC_OK  @retval MPROC_EPERM  not a reservation open on this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
 * Fork: only in the process that reserved.  Signals: no.
 */
int mproc_queue_abort(const mproc_queue_t *queue,
                      uint64_t id);

/**
 * Takes the message at the front without copying it: it stays where it is, for reading in place, until
 * mproc_queue_release(). Meanwhile other consumers get the messages after it, and its room and that of what
 * is behind it is not yet free. If the process dies before, the message goes back to the front.
 *
 * @param[out] view_out  the message; do not write to it. Valid until release or the close of the handle.
 * @param timeout_ns     nanoseconds to wait for a message    @param cancel  NULL or a token
 * @retval MPROC_OK         taken    @retval MPROC_RECOVERED  taken; a consumer had it before and died or put it back
 * @retval others  as mproc_queue_get()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: the message is the parent's.  Signals: no.
 */
int mproc_queue_peek(const mproc_queue_t *queue,
                     mproc_view_t *view_out,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * Ends the reading of a message in place: it is taken for good, and its room free again.
 *
 * @param id  mproc_view_t.id
 * @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
 * Fork: only in the process that took it.  Signals: no.
 */
int mproc_queue_release(const mproc_queue_t *queue,
                        uint64_t id);

/**
 * Puts a message that was taken by mproc_queue_peek() or mproc_queue_lease() back to the front: whoever asks
 * next gets it, before anything that was put later.
 *
 * @param id  mproc_view_t.id, or the lease
 * @retval MPROC_OK  @retval MPROC_EPERM  not a message held through this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
 * Fork: only in the process that took it.  Signals: no.
 */
int mproc_queue_putback(const mproc_queue_t *queue,
                        uint64_t id);

/**
 * Takes the message at the front under a lease: a copy for the caller, while the queue keeps the message until
 * mproc_queue_ack(). If the process dies before, the message goes back to the front; its next consumer gets
 * MPROC_RECOVERED. So every message is worked on until somebody has acknowledged it; a consumer that dies
 * between its work and the acknowledgement makes it be worked on twice. Works on every queue. A leased
 * message keeps its room, and that of everything behind it: make the capacity large enough for what may pass
 * while the longest job is done.
 *
 * @param buf,cap         where to, and its size; buf may be NULL when cap is 0
 * @param[out] len_out    the message's length; on MPROC_EMSGSIZE the size needed. Not NULL.
 * @param[out] lease_out  for mproc_queue_ack() or mproc_queue_putback(). Not NULL.
 * @param timeout_ns      nanoseconds to wait for a message    @param cancel  NULL or a token
 * @retval MPROC_OK         taken    @retval MPROC_RECOVERED  taken; a consumer had it before and died or put it back
 * @retval others  as mproc_queue_get()
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: the lease is the parent's.  Signals: no.
 */
int mproc_queue_lease(const mproc_queue_t *queue,
                      void *buf,
                      size_t cap,
                      size_t *len_out,
                      uint64_t *lease_out,
                      int64_t timeout_ns,
                      const mproc_cancel_t *cancel);

/**
 * Acknowledges a leased message: it is done and leaves the queue.
 *
 * @param lease  from mproc_queue_lease()
 * @retval MPROC_OK  @retval MPROC_EPERM  not a lease held through this handle   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: no (at most 10 ms, if another process is stopped inside).  Threads: any, concurrently.
 * Fork: only in the process that took it.  Signals: no.
 */
int mproc_queue_ack(const mproc_queue_t *queue,
                    uint64_t lease);

/**
 * Reports one message done that this process has taken from a MPROC_QUEUE_JOINABLE queue with
 * mproc_queue_get() or mproc_queue_get_many(). (Messages read in place or leased are done when they are
 * released or acknowledged.)
 *
 * @retval MPROC_OK       @retval MPROC_EPERM  more often than this process has taken messages
 * @retval MPROC_ENOTSUP  the queue is not joinable   @retval MPROC_EINVAL  NULL   @retval MPROC_ECORRUPT
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any, concurrently; the process is counted.  Fork: not for what the parent took.  Signals: no.
 */
int mproc_queue_task_done(const mproc_queue_t *queue);

/**
 * Waits until everything that was put has been taken and reported done (or released, or acknowledged). What
 * consumers that died had taken and not reported counts as done: then MPROC_RECOVERED says so, once for
 * each handle.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 looks once    @param cancel  NULL or a token
 * @retval MPROC_OK         all done    @retval MPROC_RECOVERED  all done or lost with a consumer that died
 * @retval MPROC_ETIMEDOUT  @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_ENOTSUP    the queue is neither joinable nor for leases
 * @retval MPROC_EINVAL     NULL or bad timeout    @retval MPROC_EBUSY  @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
 * Blocks: up to timeout_ns.  Threads: any, concurrently.  Fork: yes.  Signals: no.
 */
int mproc_queue_join(const mproc_queue_t *queue,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * Another handle on the queue, a producer's: as long as one exists, in any process, the queue is not over.
 * Once somebody has had one, and the last of them is closed or its processes are dead, a consumer that finds
 * the queue empty gets MPROC_ECLOSED instead of waiting for ever (after a death: within about 100 ms). A new
 * producer may come later; consumers that ask then go on.
 *
 * @param[out] queue_out  the producer's handle; close it with mproc_queue_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  the program closed the queue's descriptor
 * @retval MPROC_ESLOTS  @retval MPROC_ESYS
 * Blocks: no.  Threads: any.  Fork: the child is a producer, too, until it closes the handle.  Signals: no.
 */
int mproc_queue_producer(const mproc_queue_t *queue,
                         mproc_queue_t **queue_out);

/**
 * A handle on the queue that can travel to other processes: see mproc_handle_t. A producer's handle stays one.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP  the object has lost its name, or the program closed its descriptor
 * @retval MPROC_ESYS     no descriptor to be had …    @retval MPROC_ESTALE  the domain was removed
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_queue_export(const mproc_queue_t *queue,
                       mproc_handle_t **handle_out);

/**
 * Opens the queue that a handle from another process leads to, and joins its domain.
 *
 * @param handle          stays the caller's
 * @param options         NULL: defaults; as mproc_queue_open()
 * @param[out] queue_out  the queue; close it with mproc_queue_close()
 * @retval MPROC_OK       @retval MPROC_EINVAL  NULL or unknown flag
 * @retval MPROC_EKIND  the handle is on another kind
 * @retval MPROC_ETYPE    options differ
 * @retval MPROC_EACCES   this user may not use it: the domain is private to another one; or the memory could be
 *                        taken away while it is in use (not sealed)
 * @retval MPROC_ECORRUPT MPROC_EVERSION MPROC_EDOMAIN  not an object of this domain
 * @retval MPROC_ESLOTS MPROC_ESTALE MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_queue_import(const mproc_handle_t *handle,
                       const mproc_queue_options_t *options,
                       mproc_queue_t **queue_out);

/**
 * Creates an rlock. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] rlock_out  the handle; close it with mproc_rlock_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL, unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_rlock_create(const mproc_domain_t *domain,
                       const char *name,
                       const mproc_rlock_options_t *options,
                       mproc_rlock_t **rlock_out);

/**
 * Opens an existing rlock by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
 * @param[out] rlock_out  the handle; close it with mproc_rlock_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_rlock_open(const mproc_domain_t *domain,
                     const char *name,
                     const mproc_rlock_options_t *options,
                     mproc_rlock_t **rlock_out);

/**
 * Ends the handle. A lock that this process holds stays held while it has any handle in the domain; when
 * the last one is closed the process leaves the domain, and the lock passes on as MPROC_RECOVERED.
 * NULL does nothing.
 */
void mproc_rlock_close(mproc_rlock_t *rlock);

/**
 * Takes the lock for the calling thread, or once more if it has it.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
 * @retval MPROC_ETIMEDOUT  still held by another process or thread
 * @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EOVERFLOW  taken 2^31 times by this owner   @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_ESLOTS     1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any; the thread is the owner.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_rlock_lock(const mproc_rlock_t *rlock,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * Takes the lock for the calling thread if that is possible at once: mproc_rlock_lock() with timeout 0.
 *
 * @retval MPROC_OK  @retval MPROC_RECOVERED  @retval MPROC_ETIMEDOUT  held by another process or thread
 * @retval MPROC_EOVERFLOW  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any; the thread is the owner.  Fork: yes.  Signals: no.
 */
int mproc_rlock_try(const mproc_rlock_t *rlock);

/**
 * Gives up one level of the calling thread; the last one releases the lock.
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  this thread does not hold it   @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: the owner.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_rlock_unlock(const mproc_rlock_t *rlock);

/**
 * As mproc_rlock_lock(), for an owner that the caller names: whoever comes with the same token in the same process
 * is the same owner.
 *
 * @param token       1 to 2^63 - 1
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
 * @retval MPROC_ETIMEDOUT  still held by another process or owner   @retval MPROC_ECANCELED  the cancel token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EOVERFLOW  taken 2^31 times by this owner   @retval MPROC_EINVAL  NULL, bad token or timeout
 * @retval MPROC_ESLOTS     1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_rlock_lock_as(const mproc_rlock_t *rlock,
                        uint64_t token,
                        int64_t timeout_ns,
                        const mproc_cancel_t *cancel);

/**
 * As mproc_rlock_unlock(), for an owner that the caller names.
 *
 * @param token  that of mproc_rlock_lock_as()
 * @retval MPROC_OK  @retval MPROC_EPERM  this owner does not hold it   @retval MPROC_EINVAL  NULL or bad token
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_rlock_unlock_as(const mproc_rlock_t *rlock,
                          uint64_t token);

/**
 * A fencing token, for the calling thread if it has the lock: see mproc_lock_token().
 *
 * @param[out] token_out  1 or greater
 * @retval MPROC_OK  @retval MPROC_EPERM  this thread does not hold it   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: the owner.  Fork: a child does not hold its parent's.  Signals: no.
 */
int mproc_rlock_token(const mproc_rlock_t *rlock, uint64_t *token_out);

/**
 * As mproc_rlock_token(), for an owner that the caller names.
 *
 * @param owner_token     that of mproc_rlock_lock_as()
 * @param[out] token_out  1 or greater
 * @retval MPROC_OK  @retval MPROC_EPERM  this owner does not hold it   @retval MPROC_EINVAL  NULL or bad owner_token
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: a child does not hold its parent's.  Signals: no.
 */
int mproc_rlock_token_as(const mproc_rlock_t *rlock,
                         uint64_t owner_token,
                         uint64_t *token_out);

/**
 * Who holds the lock right now, and how often: a snapshot, for people and logs.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_rlock_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_rlock_info(const mproc_rlock_t *rlock, mproc_rlock_info_t *info_out, size_t info_size);

/**
 * A handle on the rlock that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_rlock_export(const mproc_rlock_t *rlock, mproc_handle_t **handle_out);

/**
 * Opens the rlock that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_rlock_open()
 * @param[out] rlock_out  close it with mproc_rlock_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_rlock_import(const mproc_handle_t *handle,
                       const mproc_rlock_options_t *options,
                       mproc_rlock_t **rlock_out);

/**
 * Creates an rwlock. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] rwlock_out  the handle; close it with mproc_rwlock_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL, unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_rwlock_create(const mproc_domain_t *domain,
                        const char *name,
                        const mproc_rwlock_options_t *options,
                        mproc_rwlock_t **rwlock_out);

/**
 * Opens an existing rwlock by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
 * @param[out] rwlock_out  the handle; close it with mproc_rwlock_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_rwlock_open(const mproc_domain_t *domain,
                      const char *name,
                      const mproc_rwlock_options_t *options,
                      mproc_rwlock_t **rwlock_out);

/**
 * Ends the handle. What this process holds stays held while it has any handle in the domain; when the last one is
 * closed the process leaves the domain, as if it had died. NULL does nothing.
 */
void mproc_rwlock_close(mproc_rwlock_t *rwlock);

/**
 * Takes the lock for reading: at once, unless a writer holds it or waits for it.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         held
 * @retval MPROC_RECOVERED  held; a writer died inside, and no writer has released the lock since
 * @retval MPROC_ETIMEDOUT  a writer holds it or waits for it   @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EOVERFLOW  taken 2^24 - 1 times by this process   @retval MPROC_EINVAL  NULL or bad timeout
 * @retval MPROC_ESLOTS     1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any; the process holds it.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_rwlock_read_lock(const mproc_rwlock_t *rwlock,
                           int64_t timeout_ns,
                           const mproc_cancel_t *cancel);

/**
 * Takes the lock for reading if that is possible at once: mproc_rwlock_read_lock() with timeout 0.
 *
 * @retval MPROC_OK  @retval MPROC_RECOVERED  as above   @retval MPROC_ETIMEDOUT  a writer holds it or waits for it
 * @retval MPROC_EOVERFLOW  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_rwlock_read_try(const mproc_rwlock_t *rwlock);

/**
 * Gives up one read lock of this process.
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  this process holds none   @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_rwlock_read_unlock(const mproc_rwlock_t *rwlock);

/**
 * Takes the lock for writing: when no other writer has it and all readers have left. While it waits, no new reader
 * gets in. (Waits for itself if this process holds a read lock.)
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; a writer died inside, and this is the first since
 * @retval MPROC_ETIMEDOUT  still held by somebody   @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EINVAL  NULL or bad timeout   @retval MPROC_ESLOTS  1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any; the process holds it.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_rwlock_write_lock(const mproc_rwlock_t *rwlock,
                            int64_t timeout_ns,
                            const mproc_cancel_t *cancel);

/**
 * Takes the lock for writing if that is possible at once: mproc_rwlock_write_lock() with timeout 0.
 *
 * @retval MPROC_OK  @retval MPROC_RECOVERED  as above   @retval MPROC_ETIMEDOUT  held by somebody
 * @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_rwlock_write_try(const mproc_rwlock_t *rwlock);

/**
 * Releases the lock after writing: to the next writer if one sleeps, else to all readers. (A waiting writer that is
 * just awake, to look whether the holder lives, may come after readers that wait; so may one that a busy machine lets
 * wait.)
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it for writing   @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_rwlock_write_unlock(const mproc_rwlock_t *rwlock);

/**
 * A fencing token, for who writes: see mproc_lock_token().
 *
 * @param[out] token_out  1 or greater
 * @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it for writing   @retval MPROC_EINVAL  NULL
 * @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: a child does not hold its parent's.  Signals: no.
 */
int mproc_rwlock_token(const mproc_rwlock_t *rwlock,
                       uint64_t *token_out);

/**
 * Who holds the lock right now: a snapshot, for people and logs. Asks the kernel once for each process that reads.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_rwlock_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_rwlock_info(const mproc_rwlock_t *rwlock,
                      mproc_rwlock_info_t *info_out,
                      size_t info_size);

/**
 * A handle on the rwlock that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_rwlock_export(const mproc_rwlock_t *rwlock, mproc_handle_t **handle_out);

/**
 * Opens the rwlock that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_rwlock_open()
 * @param[out] rwlock_out  close it with mproc_rwlock_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_rwlock_import(const mproc_handle_t *handle,
                        const mproc_rwlock_options_t *options,
                        mproc_rwlock_t **rwlock_out);

/**
 * Creates a semaphore. It appears whole or not at all.
 *
 * @param domain         NULL: the default domain
 * @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options        NULL: defaults
 * @param[out] semaphore_out  the handle; close it with mproc_semaphore_close()
 * @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL  NULL, unknown flag, or an initial value that makes no sense   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
 * @retval MPROC_ETYPE  with MPROC_EXIST_OK: it was made with other parameters
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_semaphore_create(const mproc_domain_t *domain,
                           const char *name,
                           const mproc_semaphore_options_t *options,
                           mproc_semaphore_t **semaphore_out);

/**
 * Opens an existing semaphore by name.
 *
 * @param domain         NULL: the default domain    @param name  not NULL
 * @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
 * @param[out] semaphore_out  the handle; close it with mproc_semaphore_close()
 * @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_semaphore_open(const mproc_domain_t *domain,
                         const char *name,
                         const mproc_semaphore_options_t *options,
                         mproc_semaphore_t **semaphore_out);

/**
 * Ends the handle. Permits that this process has stay its own while it has any handle in the domain. NULL does
 * nothing.
 */
void mproc_semaphore_close(mproc_semaphore_t *semaphore);

/**
 * Takes a permit.
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
 * @param cancel      NULL or a token that ends the wait
 * @retval MPROC_OK         taken
 * @retval MPROC_RECOVERED  taken; accounting: it had been noticed just now that a process died with permits, and they
 *                          came back. What the semaphore guards may be half done. Told once, to whoever noticed; and
 *                          again if that one died within the call, or anybody within a call on this semaphore, because
 *                          it may not have told.
 * @retval MPROC_ETIMEDOUT  none was free   @retval MPROC_ECANCELED  the token was set
 * @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
 * @retval MPROC_EINVAL     NULL or bad timeout
 * @retval MPROC_EOVERFLOW  accounting: this process has 2^24 - 1
 * @retval MPROC_EBUSY      accounting: internal lock held
 * @retval MPROC_ESLOTS     accounting: 1022 processes have joined the domain
 * Blocks: up to timeout_ns.  Threads: any.  Fork: accounting: the child does not have them.  Signals: no.
 */
int mproc_semaphore_acquire(const mproc_semaphore_t *semaphore,
                            int64_t timeout_ns,
                            const mproc_cancel_t *cancel);

/**
 * Takes a permit if there is one: mproc_semaphore_acquire() with timeout 0.
 *
 * @retval MPROC_OK  @retval MPROC_RECOVERED  as above   @retval MPROC_ETIMEDOUT  none was free
 * @retval MPROC_EINVAL  NULL   @retval MPROC_EOVERFLOW MPROC_EBUSY MPROC_ESLOTS  as above
 * Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_semaphore_try(const mproc_semaphore_t *semaphore);

/**
 * Gives permits back, all at once, and wakes as many of those who wait.
 *
 * @param n  how many; 0 does nothing
 * @retval MPROC_OK
 * @retval MPROC_EOVERFLOW  the value would exceed MPROC_SEMAPHORE_MAX, or (bounded) the initial one; nothing was given
 * @retval MPROC_EPERM      accounting: this process has fewer; nothing was given
 * @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY MPROC_ESLOTS  accounting: as above
 * Blocks: no, but for an internal lock (busy_timeout).  Threads: any.
 * Fork: accounting: a child cannot release its parent's.  Signals: no.
 */
int mproc_semaphore_release(const mproc_semaphore_t *semaphore,
                            uint32_t n);

/**
 * What the semaphore is like right now: a snapshot.
 *
 * @param[out] info_out  filled    @param info_size  sizeof(mproc_semaphore_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS  accounting
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_semaphore_info(const mproc_semaphore_t *semaphore,
                         mproc_semaphore_info_t *info_out,
                         size_t info_size);

/**
 * A handle on the semaphore that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_semaphore_export(const mproc_semaphore_t *semaphore, mproc_handle_t **handle_out);

/**
 * Opens the semaphore that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_semaphore_open()
 * @param[out] semaphore_out  close it with mproc_semaphore_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_semaphore_import(const mproc_handle_t *handle,
                           const mproc_semaphore_options_t *options,
                           mproc_semaphore_t **semaphore_out);

/**
 * What a status means, in a few English words. A static string; never NULL, also for unknown numbers.
 */
const char *mproc_strerror(int32_t status);

/**
 * The name of a status, for example "MPROC_ETIMEDOUT". A static string; "MPROC_UNKNOWN" for unknown numbers.
 */
const char *mproc_status_name(int32_t status);

/**
 * The type that belongs to a typecode of Python's array module or multiprocessing
 * (one of c b B u h H i I l L q Q f d; 'l' and 'L' are 64 bits wide).
 *
 * @param typecode       the letter
 * @param[out] type_out  MPROC_TYPE_...
 * @retval MPROC_OK      @retval MPROC_EINVAL  unknown letter, or NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_type_from_typecode(char typecode, int32_t *type_out);

/**
 * The size in bytes of one element of a scalar type.
 *
 * @param type_code      MPROC_TYPE_... except MPROC_TYPE_STRUCT
 * @param[out] size_out  bytes
 * @retval MPROC_OK      @retval MPROC_EINVAL  unknown type, a struct, or NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_type_size(int32_t type_code, size_t *size_out);

/**
 * Creates a value. It appears whole, with its initial value, or not at all.
 *
 * @param domain          NULL: the default domain
 * @param name            NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
 * @param options         at least the type; not NULL
 * @param[out] value_out  the handle; close it with mproc_value_close()
 * @retval MPROC_OK       created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
 * @retval MPROC_EINVAL   NULL, unknown type or flag, absurd size or alignment   @retval MPROC_ENAME  not a name
 * @retval MPROC_EEXIST   the name is taken
 * @retval MPROC_EKIND MPROC_ETYPE  with MPROC_EXIST_OK: by another kind, type, size, mode or schema
 * @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_value_create(const mproc_domain_t *domain,
                       const char *name,
                       const mproc_value_options_t *options,
                       mproc_value_t **value_out);

/**
 * Opens an existing value by name.
 *
 * @param domain          NULL: the default domain    @param name  not NULL
 * @param options         what is expected; NULL: anything
 * @param[out] value_out  the handle; close it with mproc_value_close()
 * @retval MPROC_OK       @retval MPROC_EINVAL  NULL, unknown type or flag   @retval MPROC_ENAME  not a name
 * @retval MPROC_ENOENT   no such object   @retval MPROC_EKIND  another kind of object
 * @retval MPROC_ETYPE    type, size, alignment, mode (when a type is given) or schema differ
 * @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
 * @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_value_open(const mproc_domain_t *domain,
                     const char *name,
                     const mproc_value_options_t *options,
                     mproc_value_t **value_out);

/**
 * Ends the handle. Pointers from mproc_value_ptr() through this handle end with it. NULL does nothing.
 */
void mproc_value_close(mproc_value_t *value);

/**
 * What the value is.
 *
 * @param[out] info_out  filled   @param info_size  sizeof(mproc_value_info_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_info(const mproc_value_t *value, mproc_value_info_t *info_out, size_t info_size);

/**
 * Reads the value. Scalars: one atomic load. SNAPSHOT structs: a consistent copy, without a lock.
 * RAW structs: a plain copy; hold the value's lock to keep writers out.
 *
 * @param[out] out_bytes  the value, in the machine's byte order   @param size  its size in bytes, exactly
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs from the value's
 * @retval MPROC_EBUSY  SNAPSHOT: writers never paused, and one of them is stopped   @retval MPROC_ESLOTS
 * Blocks: no (SNAPSHOT under a storm of writes: at most busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_load(const mproc_value_t *value,
                     void *out_bytes,
                     size_t size);

/**
 * Writes the value. Scalars: one atomic store. SNAPSHOT structs: all or nothing, also if this process is
 * killed meanwhile. RAW structs: a plain copy; hold the value's lock.
 *
 * @param bytes_in  the value, in the machine's byte order    @param size  its size in bytes, exactly
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs from the value's
 * @retval MPROC_EBUSY  SNAPSHOT: a stopped process is inside a write   @retval MPROC_ESLOTS
 * Blocks: SNAPSHOT: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_store(const mproc_value_t *value,
                      const void *bytes_in,
                      size_t size);

/**
 * Writes a new value and returns the old one, atomically. Scalars and SNAPSHOT structs.
 *
 * @param bytes_in      the new value   @param[out] old_out  the old one; may be NULL
 * @param size          bytes of each, exactly the value's
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs
 * @retval MPROC_ENOTSUP  a RAW struct   @retval MPROC_EBUSY MPROC_ESLOTS  as mproc_value_store()
 * Blocks: as mproc_value_store().  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_exchange(const mproc_value_t *value,
                         const void *bytes_in,
                         void *old_out,
                         size_t size);

/**
 * Writes `desired` if the value equals `expected` (byte for byte), atomically. Scalars and SNAPSHOT structs.
 *
 * @param[out] seen_out     the value found; may be NULL   @param[out] swapped_out  1 if written, else 0. Not NULL.
 * @param size              bytes of each, exactly the value's
 * @retval MPROC_OK  compared (see *swapped_out)   @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs
 * @retval MPROC_ENOTSUP  a RAW struct   @retval MPROC_EBUSY MPROC_ESLOTS  as mproc_value_store()
 * Blocks: as mproc_value_store().  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_compare_exchange(const mproc_value_t *value,
                                 const void *expected,
                                 const void *desired,
                                 size_t size,
                                 void *seen_out,
                                 int *swapped_out);

/**
 * Atomic read-modify-write of an integer, character or bool: value = value OP operand.
 * The operand is converted to the value's type as C does (two's complement, cut to width).
 *
 * @param op             MPROC_OP_...
 * @param operand        for unsigned 64-bit values: its bits
 * @param[out] old_out   the value before, sign- or zero-extended; may be NULL
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown operation
 * @retval MPROC_ENOTSUP  a float or struct, or arithmetic on a bool
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_fetch_i64(const mproc_value_t *value,
                          int32_t op,
                          int64_t operand,
                          int64_t *old_out);

/**
 * Atomic read-modify-write of a float: MPROC_OP_ADD, SUB, MIN or MAX.
 *
 * @param op             MPROC_OP_...   @param operand  converted to the value's type
 * @param[out] old_out   the value before; may be NULL
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown operation
 * @retval MPROC_ENOTSUP  not a float, or a bitwise operation
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_fetch_f64(const mproc_value_t *value, int32_t op, double operand, double *old_out);

/**
 * Atomically adds to an integer: mproc_value_fetch_i64() with MPROC_OP_ADD, as one locked instruction.
 *
 * @param delta         may be negative   @param[out] old_out  the value before; may be NULL
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a float, bool or struct
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_add(const mproc_value_t *value,
                    int64_t delta,
                    int64_t *old_out);

/**
 * Reads an integer, character or bool, sign- or zero-extended to 64 bits.
 *
 * @param[out] number_out  for unsigned 64-bit values: its bits
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a float or struct
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_get_i64(const mproc_value_t *value, int64_t *number_out);

/**
 * Writes an integer, character or bool; the number is cut to the value's width as C does.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a float or struct
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_set_i64(const mproc_value_t *value, int64_t number);

/**
 * Reads a float as a double.
 *
 * @param[out] number_out  the number
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  not a float
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_get_f64(const mproc_value_t *value, double *number_out);

/**
 * Writes a float; rounded if the value is 32 bits wide.
 *
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  not a float
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_set_f64(const mproc_value_t *value, double number);

/**
 * A pointer to the value in shared memory, aligned for its type: scalars (use atomic operations of
 * exactly its width) and RAW structs. Valid until the handle is closed.
 *
 * @param[out] ptr_out  the pointer
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a SNAPSHOT struct, or behind a connection
 * Blocks: no.  Threads: any.  Fork: the same address is valid in the child.  Signals: no.
 */
int mproc_value_ptr(const mproc_value_t *value,
                    void **ptr_out);

/**
 * Takes the value's own lock, for compound updates. It protects nothing by itself: loads, stores and
 * atomic operations do not wait for it. Otherwise as mproc_lock_lock().
 *
 * @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once   @param cancel  NULL or a token
 * @retval MPROC_OK   @retval MPROC_RECOVERED  the previous holder died inside: the value may be half updated
 * @retval MPROC_ETIMEDOUT MPROC_ECANCELED MPROC_EINTR MPROC_EINVAL MPROC_ESLOTS  as mproc_lock_lock()
 * Blocks: up to timeout_ns.  Threads: any; the process is the holder.  Fork: the child does not hold it.  Signals: no.
 */
int mproc_value_lock(const mproc_value_t *value,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * Releases the value's own lock.
 *
 * @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it   @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
 */
int mproc_value_unlock(const mproc_value_t *value);

/**
 * Who holds the value's own lock: as mproc_lock_owner().
 *
 * @param[out] owner_out  filled   @param owner_size  sizeof(mproc_owner_t)
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_lock_owner(const mproc_value_t *value, mproc_owner_t *owner_out, size_t owner_size);

/**
 * A handle on the value that can travel to other processes: see mproc_handle_t.
 *
 * @param[out] handle_out  close it with mproc_handle_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_export(const mproc_value_t *value,
                       mproc_handle_t **handle_out);

/**
 * Opens the value that a handle from another process leads to, and joins its domain.
 *
 * @param handle   stays the caller's    @param options  NULL: defaults; as mproc_value_open()
 * @param[out] value_out  close it with mproc_value_close()
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
 * @retval others  as mproc_queue_import()
 * Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
 */
int mproc_value_import(const mproc_handle_t *handle,
                       const mproc_value_options_t *options,
                       mproc_value_t **value_out);

/**
 * The library's version, for example "0.1.0". A static string; never NULL.
 */
const char *mproc_version(void);

/**
 * The ABI number of the library that is loaded; compare with MPROC_ABI_VERSION.
 */
uint32_t mproc_abi_version(void);

/**
 * The memory layout the loaded library reads and writes. Processes share an object exactly when this
 * number is the same; another one is MPROC_EVERSION at open.
 */
uint32_t mproc_layout_version(void);

/**
 * Waits until at least one of many things is ready, and says which: a poll() for objects. Ready means that the
 * call which belongs to it would have returned at once: with success or with an error (an object found
 * corrupt is ready, too). Nothing is taken: another process or thread may be faster, so use the form of the call
 * that does not wait (timeout 0), and wait again if it finds nothing. Who waits here does not take a wake-up away from
 * others: one it got and does not use is passed on (but for values: see mproc_value_notify()).
 *
 * Sleeps on all words at once (futex_waitv, Linux 5.16). Where the kernel or a sandbox does not have it, or a handle
 * was opened with MPROC_RETURN_ON_SIGNAL, it looks at all things every 2 to 10 ms instead. A death (of a lock's
 * holder, of all who had a pipe's other end …) is noticed within about 100 ms.
 *
 * Remote things are those of one manager, all of them, through one connection: then it is one request to the server.
 *
 * @param items,count           1 to MPROC_WAIT_MAX things; the same object may come more than once
 * @param timeout_ns            nanoseconds; MPROC_FOREVER waits, 0 looks once   @param cancel  NULL or a token
 * @param[out] ready_out        room for count numbers: the indices of what is ready, ascending. May be NULL.
 * @param[out] ready_count_out  how many of them; at least 1 after MPROC_OK. May be NULL.
 * @retval MPROC_OK         something is ready
 * @retval MPROC_ETIMEDOUT  nothing was   @retval MPROC_ECANCELED  cancel was set
 * @retval MPROC_EINTR      a handle was opened with MPROC_RETURN_ON_SIGNAL, and a signal handler ran while the thread
 *                          slept. (One that runs while it looks around is missed; the sure way is a token that the
 *                          handler sets: mproc_cancel_set().)
 * @retval MPROC_EINVAL     count is 0 or above MPROC_WAIT_MAX, NULL, bad timeout_ns, unknown condition, or a field is set
 *                          that does not belong to it
 * @retval MPROC_ENOTSUP    a pipe's end that only sends cannot be readable, nor one that only receives writable
 * @retval MPROC_ENOTSUP    also: things in memory and remote ones, or remote ones of several connections, at a time
 * @retval MPROC_E2BIG      a message of that size can never fit   @retval MPROC_ETYPE  the value has another size
 * @retval MPROC_ESLOTS     1022 processes have joined (also MPROC_ESTALE MPROC_EACCES MPROC_ESYS, in a forked child)
 * Blocks: up to timeout_ns.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_wait(const mproc_wait_item_t *items,
               size_t count,
               int64_t timeout_ns,
               const mproc_cancel_t *cancel,
               uint32_t *ready_out,
               size_t *ready_count_out);

/**
 * Waits until the value is not `expected` any more, byte for byte, as C++20's atomic wait: looks, sleeps until
 * somebody calls mproc_value_notify(), looks again. No store wakes anybody by itself: neither mproc_value_store(),
 * _add() and the like nor one through a pointer. Who changes the value, wants it seen at once and is killed before it
 * notified does no harm: everybody looks again every 100 ms.
 *
 * @param expected     `size` bytes, as many as the value has; NULL: waits for the next notification, whatever it is
 * @param size         bytes; 0 with NULL
 * @param timeout_ns   nanoseconds; MPROC_FOREVER waits, 0 looks once   @param cancel  NULL or a token
 * @retval MPROC_OK         it is something else now (or was: it may be `expected` again when the call returns)
 * @retval MPROC_ETIMEDOUT  it still is   @retval MPROC_ECANCELED  cancel was set
 * @retval MPROC_EINTR      as mproc_lock_lock()
 * @retval MPROC_EINVAL     NULL handle, or size without expected   @retval MPROC_ETYPE  the value has another size
 * @retval MPROC_EBUSY      a SNAPSHOT struct whose writer is stopped; also others, as mproc_value_load()
 * Blocks: up to timeout_ns.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_wait(const mproc_value_t *value,
                     const void *expected,
                     size_t size,
                     int64_t timeout_ns,
                     const mproc_cancel_t *cancel);

/**
 * Wakes up to n of those who wait for the value (mproc_value_wait(), MPROC_WAIT_VALUE), after it was changed. Who
 * finds it as expected goes on waiting, and the wake-up is spent: notify all (UINT32_MAX) unless everybody waits for
 * the same. Those who were not woken look by themselves within about 100 ms; with expected NULL they, too, return
 * then. Not remembered: who begins to wait later waits for the next one. Cheap if nobody waits.
 *
 * @param n  how many; UINT32_MAX: all; 0 does nothing
 * @retval MPROC_OK  @retval MPROC_EINVAL  NULL
 * Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
 */
int mproc_value_notify(const mproc_value_t *value,
                       uint32_t n);

/**
 * A descriptor for epoll, poll, select, libuv, asyncio or Go's netpoller that becomes readable (POLLIN, also for room)
 * when a get might find a message, or that there will be no more. Without a helper thread. For a queue made with
 * MPROC_POLLABLE.
 *
 * Use it as that of a socket that does not block: when it is readable, get (or peek, or lease) with timeout 0 until
 * MPROC_ETIMEDOUT; that, and only that, makes the descriptor unreadable until there is more. It may become readable
 * for nothing, and does ten times a second: so a producer killed between putting and ringing delays its last message
 * by 100 ms at most. It begins readable. Edge-triggered polling works, too.
 *
 * The descriptor belongs to the handle: do not read or close it; mproc_queue_close() does (take it out of an event
 * loop first). Each call on one handle gives the same one; other handles have their own, and each becomes readable. It
 * is an epoll instance, which holds two more descriptors; so it cannot be watched with EPOLLEXCLUSIVE. A forked child
 * asks again and gets one of its own; its copy of the parent's, which it must have taken out of its event loop, is
 * closed then.
 *
 * Rings cross pid namespaces and containers that share the network namespace; to others messages come within 100 ms.
 *
 * @param[out] fd_out  the descriptor, close-on-exec
 * @retval MPROC_OK     @retval MPROC_EINVAL  NULL    @retval MPROC_ENOTSUP  not made with MPROC_POLLABLE
 * @retval MPROC_EFULL  128 descriptors are in use on this side of the queue
 * @retval MPROC_ESYS   out of descriptors (also MPROC_ESLOTS MPROC_ESTALE MPROC_EACCES, in a forked child)
 * Blocks: no.  Threads: any.  Fork: see above.  Signals: no.
 */
int mproc_queue_readable_fd(const mproc_queue_t *queue,
                            int *fd_out);

/**
 * The same for room: readable (POLLIN) when a put or reserve might find room, or that the queue is shut down. Put with
 * timeout 0 until MPROC_ETIMEDOUT, then poll. Otherwise as mproc_queue_readable_fd().
 *
 * @param[out] fd_out  the descriptor, close-on-exec
 * @retval MPROC_OK     @retval others  as mproc_queue_readable_fd()
 * Blocks: no.  Threads: any.  Fork: the child asks again.  Signals: no.
 */
int mproc_queue_writable_fd(const mproc_queue_t *queue,
                            int *fd_out);

/**
 * As mproc_queue_readable_fd(), for a pipe made with MPROC_POLLABLE: readable when a recv or peek might find a message
 * or the end of file. (mproc_pipe_poll() takes nothing and also makes the descriptor unreadable when it finds
 * nothing.)
 *
 * @param[out] fd_out  the descriptor, close-on-exec
 * @retval MPROC_OK     @retval MPROC_ENOTSUP  not made with MPROC_POLLABLE, or this end only sends
 * @retval others  as mproc_queue_readable_fd()
 * Blocks: no.  Threads: any.  Fork: the child asks again.  Signals: no.
 */
int mproc_pipe_readable_fd(const mproc_pipe_t *pipe,
                           int *fd_out);

/**
 * The same for room: readable (POLLIN) when a send or reserve might find room, or that the other end is gone. Send
 * with timeout 0 until MPROC_ETIMEDOUT, then poll.
 *
 * @param[out] fd_out  the descriptor, close-on-exec
 * @retval MPROC_OK     @retval MPROC_ENOTSUP  not made with MPROC_POLLABLE, or this end only receives
 * @retval others  as mproc_queue_readable_fd()
 * Blocks: no.  Threads: any.  Fork: the child asks again.  Signals: no.
 */
int mproc_pipe_writable_fd(const mproc_pipe_t *pipe,
                           int *fd_out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MPROC_H */
