//! The value.

use super::boundary::{
    apart, borrow, bytes, bytes_mut, c_name, copy_options, copy_struct_out, create, free, get_lock, give, opt_out, out,
    run, wait,
};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, mproc_owner_t, with_site};
use super::handle::mproc_handle_t;
use crate::manager::value::OpenValue;
use crate::manager::Value;
use crate::objects::{ElemType, Element, FetchOp, ObjectOptions, ValueOptions};
use crate::{Error, Result};
use std::ffi::{c_char, c_int, c_void};

/// One shared value: a number, a character, a bool, or a struct.
///
/// Behind a connection (mproc_manager_connect()) each operation is one request, and as atomic as it is here. The
/// value's lock is then held by the connection: when that is lost, it is as if its holder had died. There is no
/// pointer and no handle that travels (MPROC_ENOTSUP); MPROC_RETURN_ON_SIGNAL has no effect.
pub struct mproc_value_t(pub(crate) Value);

/// Read-modify-write: add (integers wrap around, as in C).
pub const MPROC_OP_ADD: i32 = 1;
/// Read-modify-write: subtract.
pub const MPROC_OP_SUB: i32 = 2;
/// Read-modify-write: the smaller of both, in the value's own signedness.
pub const MPROC_OP_MIN: i32 = 3;
/// Read-modify-write: the larger of both, in the value's own signedness.
pub const MPROC_OP_MAX: i32 = 4;
/// Read-modify-write: bitwise and. Not for floats.
pub const MPROC_OP_AND: i32 = 5;
/// Read-modify-write: bitwise or. Not for floats.
pub const MPROC_OP_OR: i32 = 6;
/// Read-modify-write: bitwise exclusive or. Not for floats.
pub const MPROC_OP_XOR: i32 = 7;

/// How to create a value, or what to expect when opening one. Initialise with MPROC_VALUE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_value_options_t {
    /// sizeof(mproc_value_options_t)
    pub size: usize,
    /// MPROC_TYPE_...; on open 0 accepts any
    pub type_code: i32,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_RAW
    pub flags: u32,
    /// Structs: size in bytes, 1 to 1 MiB. Scalars: 0 or the type's size.
    pub elem_size: usize,
    /// Structs: alignment, a power of two up to 4096; 0: the largest up to 8 that divides elem_size. Scalars: 0.
    pub elem_align: usize,
    /// A number of your own that stands for the struct's layout; 0: none. Two that are given must match.
    pub schema: u64,
    /// The initial value, elem_size bytes; NULL: all bytes zero. Ignored when an existing one is opened.
    pub initial: *const c_void,
}

/// What a value is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_value_info_t {
    /// MPROC_TYPE_...
    pub type_code: i32,
    /// MPROC_RAW, MPROC_PERSIST
    pub flags: u32,
    /// Bytes.
    pub elem_size: u64,
    /// Bytes.
    pub elem_align: u64,
    /// Given at creation, or 0.
    pub schema: u64,
    /// How often an internal lock or the user's lock was taken over from a dead process.
    pub steals: u32,
    /// Leave unused.
    pub reserved: u32,
}

/// Creates a value. It appears whole, with its initial value, or not at all.
///
/// @param domain          NULL: the default domain
/// @param name            NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options         at least the type; not NULL
/// @param[out] value_out  the handle; close it with mproc_value_close()
/// @retval MPROC_OK       created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL   NULL, unknown type or flag, absurd size or alignment   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST   the name is taken
/// @retval MPROC_EKIND MPROC_ETYPE  with MPROC_EXIST_OK: by another kind, type, size, mode or schema
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_value_options_t,
    value_out: *mut *mut mproc_value_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented; initial has elem_size bytes.
        unsafe {
            let options = copy_options(options)?.ok_or(Error::invalid("options is NULL: a value needs a type"))?;
            let value_out = out(value_out)?;
            let element = element(&options)?;
            let initial = if options.initial.is_null() { None } else { Some(bytes(options.initial, element.size())?) };
            let wanted = ValueOptions { object: ObjectOptions::value(options.flags)?, element, initial };
            create(
                domain,
                name,
                |site, name| Value::create_as(site, name, &wanted),
                |value| {
                    value_out.write(give(mproc_value_t(value)));
                },
            )
        }
    })
}

/// Opens an existing value by name.
///
/// @param domain          NULL: the default domain    @param name  not NULL
/// @param options         what is expected; NULL: anything
/// @param[out] value_out  the handle; close it with mproc_value_close()
/// @retval MPROC_OK       @retval MPROC_EINVAL  NULL, unknown type or flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT   no such object   @retval MPROC_EKIND  another kind of object
/// @retval MPROC_ETYPE    type, size, alignment, mode (when a type is given) or schema differ
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_value_options_t,
    value_out: *mut *mut mproc_value_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (options, name, value_out) = (copy_options(options)?, c_name(name)?, out(value_out)?);
            let wanted = expected(&options)?;
            let value = with_site(domain, |site| Value::open(site, name, &wanted))?;
            value_out.write(give(mproc_value_t(value)));
            Ok(0)
        }
    })
}

/// Ends the handle. Pointers from mproc_value_ptr() through this handle end with it. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_close(value: *mut mproc_value_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(value) }
}

/// What the value is.
///
/// @param[out] info_out  filled   @param info_size  sizeof(mproc_value_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_info(
    value: *const mproc_value_t,
    info_out: *mut mproc_value_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(value)?.0.info()?;
            let e = i.element;
            let info = mproc_value_info_t {
                type_code: e.elem_type().code(),
                flags: i.flags,
                elem_size: e.size() as u64,
                elem_align: e.align() as u64,
                schema: e.schema(),
                steals: i.steals,
                reserved: 0,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// Reads the value. Scalars: one atomic load. SNAPSHOT structs: a consistent copy, without a lock.
/// RAW structs: a plain copy; hold the value's lock to keep writers out.
///
/// @param[out] out_bytes  the value, in the machine's byte order   @param size  its size in bytes, exactly
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs from the value's
/// @retval MPROC_EBUSY  SNAPSHOT: writers never paused, and one of them is stopped   @retval MPROC_ESLOTS
/// Blocks: no (SNAPSHOT under a storm of writes: at most busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_load(value: *const mproc_value_t, out_bytes: *mut c_void, size: usize) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, dst) = unsafe { (borrow(value)?, bytes_mut(out_bytes, size)?) };
        value.0.load_into(dst).map(|()| 0)
    })
}

/// Writes the value. Scalars: one atomic store. SNAPSHOT structs: all or nothing, also if this process is
/// killed meanwhile. RAW structs: a plain copy; hold the value's lock.
///
/// @param bytes_in  the value, in the machine's byte order    @param size  its size in bytes, exactly
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs from the value's
/// @retval MPROC_EBUSY  SNAPSHOT: a stopped process is inside a write   @retval MPROC_ESLOTS
/// Blocks: SNAPSHOT: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_store(value: *const mproc_value_t, bytes_in: *const c_void, size: usize) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, src) = unsafe { (borrow(value)?, bytes(bytes_in, size)?) };
        value.0.store(src).map(|()| 0)
    })
}

/// Writes a new value and returns the old one, atomically. Scalars and SNAPSHOT structs.
///
/// @param bytes_in      the new value   @param[out] old_out  the old one; may be NULL
/// @param size          bytes of each, exactly the value's
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs
/// @retval MPROC_ENOTSUP  a RAW struct   @retval MPROC_EBUSY MPROC_ESLOTS  as mproc_value_store()
/// Blocks: as mproc_value_store().  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_exchange(
    value: *const mproc_value_t,
    bytes_in: *const c_void,
    old_out: *mut c_void,
    size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (value, src) = (borrow(value)?, apart(bytes_in, old_out, size)?);
            let old = if old_out.is_null() { None } else { Some(bytes_mut(old_out, size)?) };
            value.0.exchange(&src, old).map(|()| 0)
        }
    })
}

/// Writes `desired` if the value equals `expected` (byte for byte), atomically. Scalars and SNAPSHOT structs.
///
/// @param[out] seen_out     the value found; may be NULL   @param[out] swapped_out  1 if written, else 0. Not NULL.
/// @param size              bytes of each, exactly the value's
/// @retval MPROC_OK  compared (see *swapped_out)   @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  size differs
/// @retval MPROC_ENOTSUP  a RAW struct   @retval MPROC_EBUSY MPROC_ESLOTS  as mproc_value_store()
/// Blocks: as mproc_value_store().  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_compare_exchange(
    value: *const mproc_value_t,
    expected: *const c_void,
    desired: *const c_void,
    size: usize,
    seen_out: *mut c_void,
    swapped_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (value, swapped_out) = (borrow(value)?, out(swapped_out)?);
            let (expected, desired) = (apart(expected, seen_out, size)?, apart(desired, seen_out, size)?);
            let seen = if seen_out.is_null() { None } else { Some(bytes_mut(seen_out, size)?) };
            let swapped = value.0.compare_exchange(&expected, &desired, seen)?;
            swapped_out.write(c_int::from(swapped));
            Ok(0)
        }
    })
}

/// Atomic read-modify-write of an integer, character or bool: value = value OP operand.
/// The operand is converted to the value's type as C does (two's complement, cut to width).
///
/// @param op             MPROC_OP_...
/// @param operand        for unsigned 64-bit values: its bits
/// @param[out] old_out   the value before, sign- or zero-extended; may be NULL
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown operation
/// @retval MPROC_ENOTSUP  a float or struct, or arithmetic on a bool
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_fetch_i64(
    value: *const mproc_value_t,
    op: i32,
    operand: i64,
    old_out: *mut i64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, old_out) = unsafe { (borrow(value)?, opt_out(old_out)) };
        let old = value.0.fetch_i64(FetchOp::from_code(op)?, operand)?;
        old_out.write(old);
        Ok(0)
    })
}

/// Atomic read-modify-write of a float: MPROC_OP_ADD, SUB, MIN or MAX.
///
/// @param op             MPROC_OP_...   @param operand  converted to the value's type
/// @param[out] old_out   the value before; may be NULL
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown operation
/// @retval MPROC_ENOTSUP  not a float, or a bitwise operation
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_fetch_f64(
    value: *const mproc_value_t,
    op: i32,
    operand: f64,
    old_out: *mut f64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, old_out) = unsafe { (borrow(value)?, opt_out(old_out)) };
        let old = value.0.fetch_f64(FetchOp::from_code(op)?, operand)?;
        old_out.write(old);
        Ok(0)
    })
}

/// Atomically adds to an integer: mproc_value_fetch_i64() with MPROC_OP_ADD, as one locked instruction.
///
/// @param delta         may be negative   @param[out] old_out  the value before; may be NULL
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a float, bool or struct
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_add(value: *const mproc_value_t, delta: i64, old_out: *mut i64) -> c_int {
    // The call everybody uses: nothing on its way but NULL checks and the instruction itself, which is
    // a cheaper one when nobody wants the old value.
    // SAFETY: NULL or live.
    if let Some(counter) = unsafe { value.as_ref() }.and_then(|value| value.0.counter()) {
        if old_out.is_null() {
            counter.add(delta);
        } else {
            // SAFETY: not NULL, so valid.
            unsafe { opt_out(old_out) }.write(counter.fetch_add(delta));
        }
        return 0;
    }
    // SAFETY: this function's contract is that one's.
    unsafe { add_any(value, delta, old_out) }
}

/// Everything but a 64-bit integer. Apart, so that the way above needs no stack.
///
/// # Safety
/// As [`mproc_value_add`].
#[cold]
#[inline(never)]
unsafe extern "C" fn add_any(value: *const mproc_value_t, delta: i64, old_out: *mut i64) -> c_int {
    // SAFETY: this function's contract is that one's.
    unsafe { mproc_value_fetch_i64(value, MPROC_OP_ADD, delta, old_out) }
}

/// Reads an integer, character or bool, sign- or zero-extended to 64 bits.
///
/// @param[out] number_out  for unsigned 64-bit values: its bits
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a float or struct
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_get_i64(value: *const mproc_value_t, number_out: *mut i64) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, number_out) = unsafe { (borrow(value)?, out(number_out)?) };
        number_out.write(value.0.get_i64()?);
        Ok(0)
    })
}

/// Writes an integer, character or bool; the number is cut to the value's width as C does.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a float or struct
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_set_i64(value: *const mproc_value_t, number: i64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(value) }?.0.set_i64(number).map(|()| 0)
    })
}

/// Reads a float as a double.
///
/// @param[out] number_out  the number
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  not a float
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_get_f64(value: *const mproc_value_t, number_out: *mut f64) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, number_out) = unsafe { (borrow(value)?, out(number_out)?) };
        number_out.write(value.0.get_f64()?);
        Ok(0)
    })
}

/// Writes a float; rounded if the value is 32 bits wide.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  not a float
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_set_f64(value: *const mproc_value_t, number: f64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(value) }?.0.set_f64(number).map(|()| 0)
    })
}

/// A pointer to the value in shared memory, aligned for its type: scalars (use atomic operations of
/// exactly its width) and RAW structs. Valid until the handle is closed.
///
/// @param[out] ptr_out  the pointer
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  a SNAPSHOT struct, or behind a connection
/// Blocks: no.  Threads: any.  Fork: the same address is valid in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_ptr(value: *const mproc_value_t, ptr_out: *mut *mut c_void) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, ptr_out) = unsafe { (borrow(value)?, out(ptr_out)?) };
        ptr_out.write(value.0.near()?.as_ptr()?.cast());
        Ok(0)
    })
}

/// Takes the value's own lock, for compound updates. It protects nothing by itself: loads, stores and
/// atomic operations do not wait for it. Otherwise as mproc_lock_lock().
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once   @param cancel  NULL or a token
/// @retval MPROC_OK   @retval MPROC_RECOVERED  the previous holder died inside: the value may be half updated
/// @retval MPROC_ETIMEDOUT MPROC_ECANCELED MPROC_EINTR MPROC_EINVAL MPROC_ESLOTS  as mproc_lock_lock()
/// Blocks: up to timeout_ns.  Threads: any; the process is the holder.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_lock(
    value: *const mproc_value_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(value)?.0.lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Releases the value's own lock.
///
/// @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it   @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_unlock(value: *const mproc_value_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(value) }?.0.unlock().map(|()| 0)
    })
}

/// Who holds the value's own lock: as mproc_lock_owner().
///
/// @param[out] owner_out  filled   @param owner_size  sizeof(mproc_owner_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_lock_owner(
    value: *const mproc_value_t,
    owner_out: *mut mproc_owner_t,
    owner_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; owner_out has owner_size bytes.
        unsafe {
            let info: mproc_owner_t = borrow(value)?.0.lock_owner()?.into();
            copy_struct_out(&info, owner_out, owner_size)
        }
    })
}

/// A handle on the value that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_export(
    value: *const mproc_value_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (value, handle_out) = unsafe { (borrow(value)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(value.0.export()?)));
        Ok(0)
    })
}

/// Opens the value that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_value_open()
/// @param[out] value_out  close it with mproc_value_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_value_import(
    handle: *const mproc_handle_t,
    options: *const mproc_value_options_t,
    value_out: *mut *mut mproc_value_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, value_out) = (borrow(handle)?, copy_options(options)?, out(value_out)?);
            value_out.write(give(mproc_value_t(Value::import(&handle.0, &expected(&options)?)?)));
            Ok(0)
        }
    })
}

/// How to open a value, and what is expected of it.
fn expected(options: &Option<mproc_value_options_t>) -> Result<OpenValue> {
    let object = ObjectOptions::value(options.map_or(0, |o| o.flags))?;
    let given = options.as_ref().filter(|o| o.type_code != 0);
    Ok(OpenValue { object, expected: given.map(element).transpose()? })
}

fn element(o: &mproc_value_options_t) -> Result<Element> {
    Element::new(ElemType::from_code(o.type_code)?, o.elem_size, o.elem_align, o.schema)
}
