//! The array.

use super::boundary::{
    borrow, bytes, bytes_mut, c_name, copy_options, copy_struct_out, create, free, get_lock, give, out, run, slice,
    wait,
};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, mproc_owner_t, with_site};
use super::handle::mproc_handle_t;
use crate::manager::array::OpenArray;
use crate::manager::Array;
use crate::objects::{ArrayOptions, ElemType, Element, ObjectOptions, MAX_DIMS};
use crate::{Error, Result};
use std::ffi::{c_char, c_int, c_void};

/// An array of numbers, characters, bools or structs, with 1 to 8 dimensions, row-major.
///
/// Behind a connection (mproc_manager_connect()) reading and writing are requests, one for each MiB of a run: each
/// element is whole as it is here, but if the connection is lost in the middle of a long write its first part may have
/// been done. The array's lock is then held by the connection: when that is lost, it is as if its holder had died.
/// There is no pointer and no handle that travels (MPROC_ENOTSUP); MPROC_RETURN_ON_SIGNAL has no effect. A manager
/// takes the initial elements in one message: as many as its max_message allows (MPROC_E2BIG).
pub struct mproc_array_t(pub(crate) Array);

/// Most dimensions an array can have.
pub const MPROC_MAX_DIMS: usize = 8;
const _: () = assert!(MPROC_MAX_DIMS == MAX_DIMS);

/// How to create an array, or what to expect when opening one. Initialise with MPROC_ARRAY_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_array_options_t {
    /// sizeof(mproc_array_options_t)
    pub size: usize,
    /// MPROC_TYPE_...; on open 0 accepts any
    pub type_code: i32,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
    pub flags: u32,
    /// Structs: size in bytes, 1 to 1 MiB, a multiple of the alignment. Scalars: 0 or the type's size.
    pub elem_size: usize,
    /// Structs: alignment, a power of two up to 4096; 0: the largest up to 8 that divides elem_size. Scalars: 0.
    pub elem_align: usize,
    /// A number of your own that stands for the struct's layout; 0: none. Two that are given must match.
    pub schema: u64,
    /// Dimensions, 1 to MPROC_MAX_DIMS; on open 0 accepts any.
    pub ndim: usize,
    /// Elements in each dimension, the slowest first. 0 is legal: an array without elements.
    pub shape: [usize; 8],
    /// Initial elements, row-major; NULL: all bytes zero. Ignored when an existing array is opened.
    pub initial: *const c_void,
    /// How many elements `initial` has: at most as many as the array; the rest is zero.
    pub initial_count: usize,
}

/// What an array is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_array_info_t {
    /// MPROC_TYPE_...
    pub type_code: i32,
    /// MPROC_PERSIST
    pub flags: u32,
    /// Bytes of one element.
    pub elem_size: u64,
    /// Bytes.
    pub elem_align: u64,
    /// Given at creation, or 0.
    pub schema: u64,
    /// Elements altogether.
    pub length: u64,
    /// Dimensions.
    pub ndim: u64,
    /// Elements in each dimension; the rest 0.
    pub shape: [u64; 8],
    /// How often an internal lock or the user's lock was taken over from a dead process.
    pub steals: u32,
    /// How often a half-written struct element was rolled back.
    pub rollbacks: u32,
}

/// Creates an array. It appears whole, with its initial elements, or not at all. All memory is reserved
/// now: an array that does not fit is refused here, and using it never fails for lack of memory.
///
/// @param domain          NULL: the default domain
/// @param name            NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options         at least type and shape; not NULL
/// @param[out] array_out  the handle; close it with mproc_array_close()
/// @retval MPROC_OK       created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL   NULL, unknown type or flag, absurd size, alignment, shape or number of initial elements
/// @retval MPROC_ENAME    not a name    @retval MPROC_EEXIST  the name is taken
/// @retval MPROC_EKIND MPROC_ETYPE  with MPROC_EXIST_OK: by another kind, type, size, shape or schema
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: for the file system; reserving takes about 0.2 ms per MiB.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_array_options_t,
    array_out: *mut *mut mproc_array_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented; initial has initial_count elements.
        unsafe {
            let options =
                copy_options(options)?.ok_or(Error::invalid("options is NULL: an array needs a type and a shape"))?;
            let array_out = out(array_out)?;
            let element = element(&options)?;
            let initial = if options.initial.is_null() {
                &[]
            } else {
                let len = options
                    .initial_count
                    .checked_mul(element.size())
                    .ok_or(Error::invalid("initial_count is absurd"))?;
                bytes(options.initial, len)?
            };
            let wanted = ArrayOptions {
                object: ObjectOptions::common(options.flags)?,
                element,
                shape: shape(&options)?.to_vec(),
                initial,
            };
            create(
                domain,
                name,
                |site, name| Array::create_as(site, name, &wanted),
                |array| {
                    array_out.write(give(mproc_array_t(array)));
                },
            )
        }
    })
}

/// Opens an existing array by name.
///
/// @param domain          NULL: the default domain    @param name  not NULL
/// @param options         what is expected; NULL: anything
/// @param[out] array_out  the handle; close it with mproc_array_close()
/// @retval MPROC_OK       @retval MPROC_EINVAL  NULL, unknown type or flag, too many dimensions
/// @retval MPROC_ENAME    not a name   @retval MPROC_ENOENT  no such object   @retval MPROC_EKIND  another kind
/// @retval MPROC_ETYPE    type, size, alignment, shape (where given) or schema differ
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_array_options_t,
    array_out: *mut *mut mproc_array_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (options, name, array_out) = (copy_options(options)?, c_name(name)?, out(array_out)?);
            let wanted = expected(&options)?;
            let array = with_site(domain, |site| Array::open(site, name, &wanted))?;
            array_out.write(give(mproc_array_t(array)));
            Ok(0)
        }
    })
}

/// Ends the handle. Pointers from mproc_array_ptr() through this handle end with it. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_close(array: *mut mproc_array_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(array) }
}

/// What the array is.
///
/// @param[out] info_out  filled   @param info_size  sizeof(mproc_array_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_info(
    array: *const mproc_array_t,
    info_out: *mut mproc_array_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(array)?.0.info()?;
            let e = i.element;
            let mut info = mproc_array_info_t {
                type_code: e.elem_type().code(),
                flags: i.flags,
                elem_size: e.size() as u64,
                elem_align: e.align() as u64,
                schema: e.schema(),
                length: i.len as u64,
                ndim: i.shape.len() as u64,
                shape: [0; 8],
                steals: i.steals,
                rollbacks: i.rollbacks,
            };
            for (to, &from) in info.shape.iter_mut().zip(&i.shape) {
                *to = from as u64;
            }
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A pointer to the first element in shared memory, aligned for its type; elements follow row-major.
/// Direct access is not checked, not locked, and a struct half written at death stays half written.
/// Valid until the handle is closed.
///
/// @param[out] ptr_out  the pointer
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP  behind a connection
/// Blocks: no.  Threads: any.  Fork: the same address is valid in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_ptr(array: *const mproc_array_t, ptr_out: *mut *mut c_void) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, ptr_out) = unsafe { (borrow(array)?, out(ptr_out)?) };
        ptr_out.write(array.0.near()?.as_ptr().cast());
        Ok(0)
    })
}

/// Reads the element at a flat (row-major) index. Scalars: one atomic load. Structs: a whole element,
/// never half of a write.
///
/// @param index           0 to length - 1
/// @param[out] out_bytes  the element   @param size  bytes of one element, exactly
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  index   @retval MPROC_ETYPE  size
/// @retval MPROC_EBUSY  structs: a stopped process is inside   @retval MPROC_ECORRUPT MPROC_ESLOTS  structs
/// Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_get(
    array: *const mproc_array_t,
    index: usize,
    out_bytes: *mut c_void,
    size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, dst) = unsafe { (borrow(array)?, bytes_mut(out_bytes, size)?) };
        array.0.get_into(index, dst).map(|()| 0)
    })
}

/// Writes the element at a flat (row-major) index. After a kill it is old or new, never half.
///
/// @param index     0 to length - 1   @param bytes_in  the element   @param size  bytes of one element, exactly
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  index   @retval MPROC_ETYPE  size
/// @retval MPROC_EBUSY  structs: a stopped process is inside   @retval MPROC_ECORRUPT MPROC_ESLOTS  structs
/// Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_set(
    array: *const mproc_array_t,
    index: usize,
    bytes_in: *const c_void,
    size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, src) = unsafe { (borrow(array)?, bytes(bytes_in, size)?) };
        array.0.set(index, src).map(|()| 0)
    })
}

/// The flat index of a multi-dimensional one, every coordinate checked.
///
/// @param indices,ndim    one index for each dimension; ndim must be the array's
/// @param[out] index_out  the flat index for mproc_array_get() and the others
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  a coordinate, or ndim, does not fit
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_index(
    array: *const mproc_array_t,
    indices: *const usize,
    ndim: usize,
    index_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, indices, index_out) = unsafe { (borrow(array)?, slice(indices, ndim)?, out(index_out)?) };
        index_out.write(array.0.index(indices)?);
        Ok(0)
    })
}

/// Copies a run of elements out. Each element is whole; the run as a whole is not a snapshot unless the
/// array's lock keeps writers out.
///
/// @param start,count     the run, in flat indices; count 0 is legal
/// @param[out] out_bytes  count elements   @param size  its size in bytes: exactly count times one element
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  the run leaves the array
/// @retval MPROC_ETYPE  size   @retval MPROC_EBUSY MPROC_ECORRUPT MPROC_ESLOTS  structs, as mproc_array_get()
/// Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_read(
    array: *const mproc_array_t,
    start: usize,
    count: usize,
    out_bytes: *mut c_void,
    size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, dst) = unsafe { (borrow(array)?, bytes_mut(out_bytes, size)?) };
        array.0.read_into(start, count, dst).map(|()| 0)
    })
}

/// Copies a run of elements in. After a kill each element is old or new.
///
/// @param start,count  the run, in flat indices; count 0 is legal
/// @param bytes_in     count elements   @param size  its size in bytes: exactly count times one element
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ERANGE  the run leaves the array
/// @retval MPROC_ETYPE  size   @retval MPROC_EBUSY MPROC_ECORRUPT MPROC_ESLOTS  structs, as mproc_array_set()
/// Blocks: structs: at most busy_timeout; else no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_write(
    array: *const mproc_array_t,
    start: usize,
    count: usize,
    bytes_in: *const c_void,
    size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, src) = unsafe { (borrow(array)?, bytes(bytes_in, size)?) };
        array.0.write(start, count, src).map(|()| 0)
    })
}

/// Takes the array's own lock, for compound updates. It protects nothing by itself. As mproc_value_lock().
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once   @param cancel  NULL or a token
/// @retval MPROC_OK   @retval MPROC_RECOVERED  the previous holder died inside: elements may be half updated
/// @retval MPROC_ETIMEDOUT MPROC_ECANCELED MPROC_EINTR MPROC_EINVAL MPROC_ESLOTS  as mproc_lock_lock()
/// Blocks: up to timeout_ns.  Threads: any; the process is the holder.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_lock(
    array: *const mproc_array_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(array)?.0.lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Releases the array's own lock.
///
/// @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it   @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_unlock(array: *const mproc_array_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(array) }?.0.unlock().map(|()| 0)
    })
}

/// Who holds the array's own lock: as mproc_lock_owner().
///
/// @param[out] owner_out  filled   @param owner_size  sizeof(mproc_owner_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_lock_owner(
    array: *const mproc_array_t,
    owner_out: *mut mproc_owner_t,
    owner_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; owner_out has owner_size bytes.
        unsafe {
            let info: mproc_owner_t = borrow(array)?.0.lock_owner()?.into();
            copy_struct_out(&info, owner_out, owner_size)
        }
    })
}

/// A handle on the array that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_export(
    array: *const mproc_array_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (array, handle_out) = unsafe { (borrow(array)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(array.0.export()?)));
        Ok(0)
    })
}

/// Opens the array that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_array_open()
/// @param[out] array_out  close it with mproc_array_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_array_import(
    handle: *const mproc_handle_t,
    options: *const mproc_array_options_t,
    array_out: *mut *mut mproc_array_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, array_out) = (borrow(handle)?, copy_options(options)?, out(array_out)?);
            array_out.write(give(mproc_array_t(Array::import(&handle.0, &expected(&options)?)?)));
            Ok(0)
        }
    })
}

/// How to open an array, and what is expected of it.
fn expected(options: &Option<mproc_array_options_t>) -> Result<OpenArray> {
    let object = ObjectOptions::common(options.map_or(0, |o| o.flags))?;
    let given = options.as_ref();
    let expected = given.filter(|o| o.type_code != 0).map(element).transpose()?;
    let shape = given.filter(|o| o.ndim != 0).map(shape).transpose()?;
    Ok(OpenArray { object, expected, shape: shape.map(<[usize]>::to_vec) })
}

fn element(o: &mproc_array_options_t) -> Result<Element> {
    Element::new(ElemType::from_code(o.type_code)?, o.elem_size, o.elem_align, o.schema)?.for_array()
}

fn shape(o: &mproc_array_options_t) -> Result<&[usize]> {
    match o.ndim {
        1..=MAX_DIMS => Ok(&o.shape[..o.ndim]),
        _ => Err(Error::invalid("ndim is 1 to 8")),
    }
}
