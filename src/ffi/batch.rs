//! Batches: several operations in one message.

use super::arena::{encoded_in, value_in};
use super::boundary::{borrow, bytes, c_str, free, give, opt_out, out, run};
use super::datum::{datum_in, mproc_datum_t};
use super::dict::mproc_dict_t;
use super::event::mproc_event_t;
use super::list::mproc_list_t;
use super::manager::mproc_manager_t;
use super::namespace::mproc_namespace_t;
use super::queue::mproc_queue_t;
use super::value::mproc_value_t;
use crate::manager::batch::{self, Results, Step, Target};
use crate::manager::wire::Writer;
use crate::manager::Link;
use crate::objects::FetchOp;
use crate::{Error, Result};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// Operations on objects of one manager that are done together: far in as few messages as possible, near one after the
/// other in memory. Each is atomic by itself; the batch is not: others' operations may come in between, and one that
/// fails does not keep the next ones from being done. None of them waits.
///
/// Used by one thread at a time. The handles of the objects must stay open until the batch has run.
pub struct mproc_batch_t {
    link: Arc<Link>,
    args: Writer,
    steps: Vec<(Object, Step)>,
    results: Results,
}

/// A handle of the caller's.
enum Object {
    Dict(*const mproc_dict_t),
    List(*const mproc_list_t),
    Namespace(*const mproc_namespace_t),
    Queue(*const mproc_queue_t),
    Value(*const mproc_value_t),
    Event(*const mproc_event_t),
}

impl Object {
    /// # Safety
    /// The handle is NULL or live for `'a`.
    unsafe fn target<'a>(&self) -> Result<Target<'a>> {
        // SAFETY: NULL or live (this function's contract).
        unsafe {
            Ok(match *self {
                Object::Dict(dict) => borrow(dict)?.0.target(),
                Object::List(list) => borrow(list)?.0.target(),
                Object::Namespace(namespace) => borrow(namespace)?.0.target(),
                Object::Queue(queue) => borrow(queue)?.0.target(),
                Object::Value(value) => borrow(value)?.0.target(),
                Object::Event(event) => borrow(event)?.0.target(),
            })
        }
    }
}

/// Creates a batch, empty.
///
/// @param manager         whose objects it is for; may be closed before the batch
/// @param[out] batch_out  close it with mproc_batch_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_create(
    manager: *const mproc_manager_t,
    batch_out: *mut *mut mproc_batch_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (manager, batch_out) = unsafe { (borrow(manager)?, out(batch_out)?) };
        let batch = mproc_batch_t {
            link: manager.link().clone(),
            args: Writer::default(),
            steps: Vec::new(),
            results: Results::default(),
        };
        batch_out.write(give(batch));
        Ok(0)
    })
}

/// Ends a batch. What was added and has not run is not done. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_close(batch: *mut mproc_batch_t) {
    // SAFETY: NULL or a batch that is not closed yet.
    unsafe { free(batch) }
}

/// The value of a key. Result: the value; MPROC_ENOENT: no such key.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_dict_get(
    batch: *mut mproc_batch_t,
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::Dict(dict), |_, args| Ok(Step::dict_get(args, &encoded_in(&key)?))) }
}

/// Sets the value of a key: as mproc_dict_set().
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_dict_set(
    batch: *mut mproc_batch_t,
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    value: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe {
        add(batch, Object::Dict(dict), |_, args| Ok(Step::dict_set(args, &encoded_in(&key)?, &value_in(&value)?)))
    }
}

/// Removes a key: as mproc_dict_delete().
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_dict_delete(
    batch: *mut mproc_batch_t,
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::Dict(dict), |_, args| Ok(Step::dict_delete(args, &encoded_in(&key)?))) }
}

/// Adds to the value of a key: as mproc_dict_add(). Result: the sum.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_dict_add(
    batch: *mut mproc_batch_t,
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    delta: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe {
        add(batch, Object::Dict(dict), |_, args| {
            Ok(Step::dict_add(args, &encoded_in(&key)?, &datum_in(&delta)?.encode()?))
        })
    }
}

/// An element. Result: the element; MPROC_ERANGE: there are not so many.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_list_get(
    batch: *mut mproc_batch_t,
    list: *const mproc_list_t,
    index: i64,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::List(list), |_, args| Ok(Step::list_get(args, index))) }
}

/// Sets an element: as mproc_list_set().
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_list_set(
    batch: *mut mproc_batch_t,
    list: *const mproc_list_t,
    index: i64,
    value: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::List(list), |_, args| Ok(Step::list_set(args, index, &value_in(&value)?))) }
}

/// Appends: as mproc_list_append().
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_list_append(
    batch: *mut mproc_batch_t,
    list: *const mproc_list_t,
    value: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::List(list), |_, args| Ok(Step::list_append(args, &value_in(&value)?))) }
}

/// The value of a name. Result: the value; MPROC_ENOENT: no such name.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_namespace_get(
    batch: *mut mproc_batch_t,
    namespace: *const mproc_namespace_t,
    name: *const c_char,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::Namespace(namespace), |_, args| Ok(Step::namespace_get(args, c_str(name)?))) }
}

/// Sets the value of a name: as mproc_namespace_set().
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_namespace_set(
    batch: *mut mproc_batch_t,
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    value: mproc_datum_t,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe {
        add(batch, Object::Namespace(namespace), |_, args| {
            Ok(Step::namespace_set(args, c_str(name)?, &value_in(&value)?))
        })
    }
}

/// Puts a message if there is room: as mproc_queue_put() with timeout 0. Result: nil; MPROC_ETIMEDOUT: there was
/// none.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_queue_put(
    batch: *mut mproc_batch_t,
    queue: *const mproc_queue_t,
    data: *const c_void,
    len: usize,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::Queue(queue), |_, args| Ok(Step::queue_put(args, bytes(data, len)?))) }
}

/// Takes a message if there is one: as mproc_queue_get() with timeout 0. Result: its bytes; MPROC_ETIMEDOUT: there
/// was none.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_queue_get(batch: *mut mproc_batch_t, queue: *const mproc_queue_t) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::Queue(queue), |link, args| Ok(Step::queue_get(args, link.most()))) }
}

/// Atomic read-modify-write: as mproc_value_fetch_i64(). Result: the value before.
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_value_fetch_i64(
    batch: *mut mproc_batch_t,
    value: *const mproc_value_t,
    op: i32,
    operand: i64,
) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe {
        add(batch, Object::Value(value), |_, args| Ok(Step::value_fetch_i64(args, FetchOp::from_code(op)?, operand)))
    }
}

/// Sets an event: as mproc_event_set().
///
/// @retval MPROC_OK  added; its index is how many there were before    @retval MPROC_EINVAL  NULL, bad arguments, or
///                   the batch has run: mproc_batch_reset()   @retval MPROC_ENOMEM
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_event_set(batch: *mut mproc_batch_t, event: *const mproc_event_t) -> c_int {
    // SAFETY: NULL or valid as documented.
    unsafe { add(batch, Object::Event(event), |_, args| Ok(Step::event_set(args))) }
}

/// Runs what was added, in its order. The results are there until the batch is reset or closed.
///
/// @retval MPROC_OK  all have run; each has a status of its own: mproc_batch_result()
/// @retval MPROC_EINVAL  NULL, the batch has run already, or an object is another manager's
/// @retval MPROC_ECONNECTION  the connection was lost, and the batch had something bound to the session (a get from a
///                   joinable queue), or could not be made anew: nobody knows what was done   @retval MPROC_ENOMEM
/// @retval others  see mproc_manager_t
/// Blocks: for the answer.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_run(batch: *mut mproc_batch_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live batch, used by one thread at a time; the handles that were added are still open
        // (contract of the type).
        unsafe {
            let batch = batch.as_mut().ok_or(Error::invalid("the batch is NULL"))?;
            if batch.results.len() != 0 {
                return Err(Error::invalid("the batch has run"));
            }
            let steps = batch.steps.iter().map(|(object, step)| Ok((object.target()?, *step)));
            batch.results = batch::run(&batch.link, &batch.args, &steps.collect::<Result<Vec<_>>>()?)?;
            Ok(0)
        }
    })
}

/// What one of the operations came to.
///
/// @param index            0, 1 …: in the order in which they were added
/// @param[out] result_out  its result, nil if it has none; it points into the batch until that is reset or closed. May
///                         be NULL.
/// @retval MPROC_OK  it was done   @retval MPROC_ERANGE  there are not so many, or the batch has not run
/// @retval MPROC_EINVAL  NULL   @retval others  the operation's own status
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_result(
    batch: *const mproc_batch_t,
    index: usize,
    result_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (batch, result_out) = unsafe { (borrow(batch)?, opt_out(result_out)) };
        result_out.write(batch.results.get(index)?.into());
        Ok(0)
    })
}

/// Makes a batch empty again, for the next operations.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_batch_reset(batch: *mut mproc_batch_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live batch, used by one thread at a time.
        let batch = unsafe { batch.as_mut() }.ok_or(Error::invalid("the batch is NULL"))?;
        batch.steps.clear();
        batch.args.clear();
        batch.results = Results::default();
        Ok(0)
    })
}

/// Adds an operation.
///
/// # Safety
/// `batch` is NULL or live, and used by one thread at a time; the handle is NULL or live until the batch has run.
unsafe fn add(
    batch: *mut mproc_batch_t,
    object: Object,
    step: impl FnOnce(&Link, &mut Writer) -> Result<Step>,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live (this function's contract).
        let batch = unsafe { batch.as_mut() }.ok_or(Error::invalid("the batch is NULL"))?;
        if batch.results.len() != 0 {
            return Err(Error::invalid("the batch has run: reset it first"));
        }
        // SAFETY: this function's contract; only looked at.
        unsafe { object.target() }?;
        let step = step(&batch.link, &mut batch.args)?;
        batch.steps.push((object, step));
        Ok(0)
    })
}
