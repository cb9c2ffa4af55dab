//! The list.

use super::arena::{
    container_options, copy_into, encoded_in, is_deep, list_in, mproc_arena_t, mproc_container_options_t, mproc_iter_t,
    object_options, reference_in, value_in, DatumOut,
};
use super::boundary::{borrow, bytes_mut, c_name, copy_options, create, free, give, opt_out, out, run};
use super::datum::{datum_in, fetch, message, mproc_builder_t, mproc_datum_t, plain_in};
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use crate::manager::{self, List, Place, Site};
use crate::objects::Datum;
use crate::{objects, Error};
use std::ffi::{c_char, c_int, c_void};

/// A list: elements with an index, from 0; negative ones count from the end. What can be an element is what can be a
/// value of a dict: see mproc_dict_t.
///
/// Each call is atomic: it has happened wholly or not at all, whenever a process is killed.
///
/// A list of a manager's may be remote: then it is as a remote dict is: see mproc_dict_t.
pub struct mproc_list_t(pub(crate) List, mproc_arena_t);

/// mproc_list_sort(): the greatest first.
pub const MPROC_SORT_DESCENDING: u32 = 1;
/// Slices: as stop, or as start with a negative step: the end of the list.
pub const MPROC_SLICE_END: i64 = i64::MAX;
/// Slices: as start, or as stop with a negative step: before the beginning of the list.
pub const MPROC_SLICE_BEGIN: i64 = i64::MIN;

impl mproc_list_t {
    fn new(list: List) -> mproc_list_t {
        let arena = mproc_arena_t::of(list.near().ok().map(objects::List::arena));
        mproc_list_t(list, arena)
    }
}

/// Creates a list, empty, with an arena of its own. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] list_out  the handle; close it with mproc_list_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL output, unknown flag, or a limit out of range   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_container_options_t,
    list_out: *mut *mut mproc_list_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, list_out) = (container_options(copy_options(options)?)?, out(list_out)?);
            let make = |site: &Site, name: Option<&str>| List::create(site, name, &wanted);
            create(domain, name, make, |list| list_out.write(give(mproc_list_t::new(list))))
        }
    })
}

/// Opens an existing list by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN has a meaning here
/// @param[out] list_out  the handle; close it with mproc_list_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_container_options_t,
    list_out: *mut *mut mproc_list_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, list_out) = (object_options(copy_options(options)?)?, out(list_out)?);
            let name = c_name(name)?;
            let list = with_site(domain, |site| List::open(site, name, &wanted))?;
            list_out.write(give(mproc_list_t::new(list)));
            Ok(0)
        }
    })
}

/// Ends the handle. An inner container that nothing else holds is freed, with all that is in it. NULL does nothing.
/// Blocks: no; of an inner container for the arena's lock (busy_timeout; if a stopped process is inside for that long, the
/// container is kept until this process ends).  Threads: not while another thread is inside a call on it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_close(list: *mut mproc_list_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(list) }
}

/// A handle on the list that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP  an inner container: pass on a handle of the outermost one and the datum of mproc_list_ref();
///                        or as mproc_queue_export()
/// @retval MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_export(list: *const mproc_list_t, handle_out: *mut *mut mproc_handle_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (list, handle_out) = unsafe { (borrow(list)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(list.0.export()?)));
        Ok(0)
    })
}

/// Opens the list that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_list_open()
/// @param[out] list_out  close it with mproc_list_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_import(
    handle: *const mproc_handle_t,
    options: *const mproc_container_options_t,
    list_out: *mut *mut mproc_list_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, list_out) = (borrow(handle)?, copy_options(options)?, out(list_out)?);
            list_out.write(give(mproc_list_t::new(List::import(&handle.0, &object_options(options)?)?)));
            Ok(0)
        }
    })
}

/// The arena that the list lives in.
///
/// @param[out] arena_out  lives as long as this handle on the list
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_arena(list: *const mproc_list_t, arena_out: *mut *const mproc_arena_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (list, arena_out) = unsafe { (borrow(list)?, out(arena_out)?) };
        arena_out.write(list.1.ready(|| list.0.arena())?);
        Ok(0)
    })
}

/// A reference to the list: a datum of type MPROC_DATUM_REF. As an element or value of a container of the same arena it
/// keeps the list alive; anywhere else it does not. It can travel as part of any datum: see mproc_list_follow().
///
/// @param[out] ref_out  the reference; it points to nothing, and outlives the handle
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_ref(list: *const mproc_list_t, ref_out: *mut mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (list, ref_out) = unsafe { (borrow(list)?, out(ref_out)?) };
        ref_out.write(Datum::Ref(list.0.reference()?).into());
        Ok(0)
    })
}

/// Opens the list that a reference leads to. It lives at least as long as the handle, also when nothing refers to it
/// any more.
///
/// @param arena         of any handle on a container of the same arena; need not stay
/// @param reference     MPROC_DATUM_REF on a list, as got from a container or from mproc_list_ref() in any process
/// @param[out] list_out  close it with mproc_list_close()
/// @retval MPROC_OK      @retval MPROC_ENOENT  it is gone    @retval MPROC_ETYPE  it is a container of another kind
/// @retval MPROC_EINVAL  NULL, not a reference to a container, or one in another arena
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ECORRUPT MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: the handle works in the child.
/// Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_follow(
    arena: *const mproc_arena_t,
    reference: mproc_datum_t,
    list_out: *mut *mut mproc_list_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented; the reference's name, if it has one, as in datum_in().
        unsafe {
            let (arena, list_out) = (borrow(arena)?, out(list_out)?);
            list_out.write(give(mproc_list_t::new(List::follow(arena.arena()?, reference_in(&reference)?)?)));
            Ok(0)
        }
    })
}

/// How many elements there are.
///
/// @param[out] len_out  how many
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_len(list: *const mproc_list_t, len_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, len_out) = (borrow(list)?, out(len_out)?);
            len_out.write(list.0.len()?);
            Ok(0)
        }
    })
}

/// An element.
///
/// @param index           negative: from the end, -1 is the last
/// @param buf,cap         where the bytes of a string, bytes, a list, a map, or a reference's name go, and its size;
///                        buf may be NULL when cap is 0
/// @param[out] value_out  the element; it points into buf. On MPROC_EMSGSIZE only its len is set: the size needed.
/// @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_get(
    list: *const mproc_list_t,
    index: i64,
    buf: *mut c_void,
    cap: usize,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, buf, value_out) = (borrow(list)?, bytes_mut(buf, cap)?, DatumOut::new(value_out)?);
            match &list.0 {
                Place::Near(list, _) => value_out.write(list.get(index, |stored| fetch(stored, buf))),
                Place::Far(proxy) => value_out.write(manager::list::get(proxy, index, cap, |bytes| fetch(bytes, buf))),
            }
        }
    })
}

/// Replaces an element.
///
/// @param index  negative: from the end
/// @param value  any datum; MPROC_DATUM_NEW: a new, empty container; MPROC_DATUM_REF: see mproc_dict_t
/// @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EINVAL  NULL, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_set(list: *const mproc_list_t, index: i64, value: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.set(index, &encoded_in(&value)?).map(|()| 0) }
    })
}

/// As mproc_list_set(), for the holder of a lock: see mproc_dict_set_if_token().
///
/// @param token  of mproc_lock_token() or a sibling; not 0
/// @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
/// @retval MPROC_EINVAL  token is 0
/// @retval others    as mproc_list_set()
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_set_if_token(
    list: *const mproc_list_t,
    index: i64,
    value: mproc_datum_t,
    token: u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.set_if_token(index, &encoded_in(&value)?, token).map(|()| 0) }
    })
}

/// Adds an element at the end.
///
/// @param value  as mproc_list_set()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_append(list: *const mproc_list_t, value: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.append(&encoded_in(&value)?).map(|()| 0) }
    })
}

/// As mproc_list_append(), for the holder of a lock: see mproc_dict_set_if_token().
///
/// @param token  of mproc_lock_token() or a sibling; not 0
/// @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
/// @retval MPROC_EINVAL  token is 0
/// @retval others    as mproc_list_append()
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_append_if_token(
    list: *const mproc_list_t,
    value: mproc_datum_t,
    token: u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.append_if_token(&encoded_in(&value)?, token).map(|()| 0) }
    })
}

/// Adds the elements of a list that is given as one datum at the end, all or none.
///
/// @param elements  MPROC_DATUM_LIST; what is inside is plain data
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a list
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_extend(list: *const mproc_list_t, elements: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.extend(&message(&list_in(&elements)?)).map(|()| 0) }
    })
}

/// Adds the elements of another list at the end, all or none, as they were at one moment. It may be the same list, or
/// one of another arena; there may be no containers in that. If it is one of another arena and one of the two is remote,
/// its elements are fetched and sent in one message (MPROC_E2BIG).
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ETYPE  a container of another arena is among them
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_extend_from(list: *const mproc_list_t, other: *const mproc_list_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { borrow(list)?.0.extend_from(&borrow(other)?.0).map(|()| 0) }
    })
}

/// Adds an element before another one.
///
/// @param index  of the one that it comes before; negative: from the end. Beyond an end of the list it means that end.
/// @param value  as mproc_list_set()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_insert(list: *const mproc_list_t, index: i64, value: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.insert(index, &encoded_in(&value)?).map(|()| 0) }
    })
}

/// Removes an element and gets it. A container that nothing else refers to, and that no handle holds, is freed: then
/// the element is a reference to nothing. Open it with mproc_list_follow() or a sibling before, to keep it.
///
/// @param index           negative: from the end, -1 is the last
/// @param buf,cap         as mproc_list_get()
/// @param[out] value_out  the element. On MPROC_EMSGSIZE only its len is set, and nothing was done.
/// @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_pop(
    list: *const mproc_list_t,
    index: i64,
    buf: *mut c_void,
    cap: usize,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, buf, value_out) = (borrow(list)?, bytes_mut(buf, cap)?, DatumOut::new(value_out)?);
            match &list.0 {
                Place::Near(list, _) => value_out.write(list.pop(index, |stored| fetch(stored, buf))),
                Place::Far(proxy) => value_out.write(manager::list::pop(proxy, index, cap, |bytes| fetch(bytes, buf))),
            }
        }
    })
}

/// Removes an element.
///
/// @param index  negative: from the end
/// @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_delete(list: *const mproc_list_t, index: i64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(list)?.0.delete(index).map(|()| 0) }
    })
}

/// Removes the first element that is equal to a datum: whose encoding is equal (1, 1.0 and true differ).
///
/// @retval MPROC_OK  @retval MPROC_ENOENT  there is none    @retval MPROC_EINVAL  NULL, or not a value
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_remove(list: *const mproc_list_t, value: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(list)?.0.remove(&plain_in(&value)?).map(|()| 0) }
    })
}

/// The index of the first element that is equal to a datum: whose encoding is equal.
///
/// @param start,stop      where to look: from start, before stop; negative: from the end. 0 and MPROC_SLICE_END:
///                        everywhere.
/// @param[out] index_out  the index, from the beginning of the list
/// @retval MPROC_OK  @retval MPROC_ENOENT  there is none    @retval MPROC_EINVAL  NULL, or not a value
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_index(
    list: *const mproc_list_t,
    value: mproc_datum_t,
    start: i64,
    stop: i64,
    index_out: *mut u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, index_out) = (borrow(list)?, out(index_out)?);
            index_out.write(list.0.index(&plain_in(&value)?, start, stop)?);
            Ok(0)
        }
    })
}

/// How many elements are equal to a datum: have an equal encoding.
///
/// @param[out] count_out  how many
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a value
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_count(
    list: *const mproc_list_t,
    value: mproc_datum_t,
    count_out: *mut u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, count_out) = (borrow(list)?, out(count_out)?);
            count_out.write(list.0.count(&plain_in(&value)?)?);
            Ok(0)
        }
    })
}

/// Reverses the order of the elements.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_reverse(list: *const mproc_list_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(list)?.0.reverse().map(|()| 0) }
    })
}

/// Sorts the elements: numbers by value (not-a-numbers last), strings and bytes by their bytes, lists element by
/// element, false before true. Equal ones keep their order.
///
/// @param flags  MPROC_SORT_DESCENDING, or 0
/// @retval MPROC_OK  @retval MPROC_ETYPE  not all of one of these types; nothing was changed
/// @retval MPROC_EINVAL  NULL or unknown flag
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_sort(list: *const mproc_list_t, flags: u32) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe {
            let descending = match flags {
                0 => false,
                MPROC_SORT_DESCENDING => true,
                _ => return Err(Error::invalid("unknown flags")),
            };
            borrow(list)?.0.sort(descending).map(|()| 0)
        }
    })
}

/// Makes the list as many repetitions of itself. Containers are not copied: the list refers to them as often.
///
/// @param times  0 clears the list, 1 does nothing
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_repeat(list: *const mproc_list_t, times: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(list)?.0.repeat(times).map(|()| 0) }
    })
}

/// Removes everything.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_clear(list: *const mproc_list_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(list)?.0.clear().map(|()| 0) }
    })
}

/// A part of the list, as it was at one moment: the elements at start, start + step, and so on, before stop. Indexes
/// beyond an end of the list mean that end.
///
/// @param start,stop     negative: from the end; MPROC_SLICE_BEGIN and MPROC_SLICE_END: the ends
/// @param step           not 0; negative: backwards, then from MPROC_SLICE_END to MPROC_SLICE_BEGIN is everything
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or step 0   @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_slice(
    list: *const mproc_list_t,
    start: i64,
    stop: i64,
    step: i64,
    iter_out: *mut *mut mproc_iter_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, iter_out) = (borrow(list)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::elements(list.0.slice(Some(start), Some(stop), step)?)));
            Ok(0)
        }
    })
}

/// Replaces a part of the list by the elements of a list that is given as one datum, all or nothing.
///
/// @param start,stop,step  as mproc_list_slice(). With step 1 the part may have another length than what replaces it
///                         (if it is empty, that is inserted at start); with others not.
/// @param elements         MPROC_DATUM_LIST; what is inside is plain data
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, step 0, not a list, or another length and step is not 1
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_slice_set(
    list: *const mproc_list_t,
    start: i64,
    stop: i64,
    step: i64,
    elements: mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let list = borrow(list)?;
            list.0.slice_set(Some(start), Some(stop), step, &message(&list_in(&elements)?)).map(|()| 0)
        }
    })
}

/// Removes a part of the list, all or nothing. Meanwhile it needs room for the elements that stay.
///
/// @param start,stop,step  as mproc_list_slice()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or step 0
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_slice_delete(list: *const mproc_list_t, start: i64, stop: i64, step: i64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(list)?.0.slice_delete(Some(start), Some(stop), step).map(|()| 0) }
    })
}

/// Adds to an element, atomically. Integers stay integers; with a float the sum is a float.
///
/// @param index         negative: from the end
/// @param delta         an integer or a float
/// @param[out] sum_out  the sum. May be NULL.
/// @retval MPROC_OK  @retval MPROC_ERANGE  no such index    @retval MPROC_ETYPE  the element or delta is not a number
/// @retval MPROC_EOVERFLOW  the sum of two integers fits neither int64_t nor uint64_t    @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_add(
    list: *const mproc_list_t,
    index: i64,
    delta: mproc_datum_t,
    sum_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, sum_out) = (borrow(list)?, opt_out(sum_out));
            let sum = list.0.add(index, &datum_in(&delta)?)?;
            sum_out.write(sum.into());
            Ok(0)
        }
    })
}

/// Replaces an element if it is the expected one: if the encodings are equal (1, 1.0 and true differ).
///
/// @param index             negative: from the end
/// @param expected          any datum    @param desired  as mproc_list_set()
/// @param[out] swapped_out  1 if it was, 0 if not; then nothing was changed
/// @retval MPROC_OK  asked, and done if so    @retval MPROC_ERANGE  no such index
/// @retval MPROC_EINVAL  NULL, not a value, or MPROC_DATUM_ABSENT
/// @retval MPROC_ENOENT  the desired value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_compare_exchange(
    list: *const mproc_list_t,
    index: i64,
    expected: mproc_datum_t,
    desired: mproc_datum_t,
    swapped_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, swapped_out) = (borrow(list)?, out(swapped_out)?);
            let (expected, desired) = (plain_in(&expected)?, value_in(&desired)?);
            swapped_out.write(c_int::from(list.0.compare_exchange(index, &expected, &desired)?));
            Ok(0)
        }
    })
}

/// The elements, as they were at one moment.
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_items(list: *const mproc_list_t, iter_out: *mut *mut mproc_iter_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, iter_out) = (borrow(list)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::elements(list.0.snapshot()?)));
            Ok(0)
        }
    })
}

/// Goes through the living list by index, and fetches as it goes, up to 64 elements at a time: needs little memory
/// however large the list is. What is inserted or removed meanwhile shifts what has not been fetched yet; it ends where
/// the list then ends.
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_iter(list: *const mproc_list_t, iter_out: *mut *mut mproc_iter_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (list, iter_out) = (borrow(list)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::list(list.0.iter()?)));
            Ok(0)
        }
    })
}

/// Adds a copy of the list, as it was at one moment, to a builder: one list.
///
/// @param flags  MPROC_COPY_DEEP, or 0
/// @param into   where to; it must be ready for a value
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or the builder waits for a key
/// @retval MPROC_ETYPE   MPROC_COPY_DEEP: deeper than 64, or a container is inside itself; nothing was added
/// @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_list_copy(list: *const mproc_list_t, flags: u32, into: *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles; the builder is used by one thread at a time.
        unsafe {
            let (list, deep) = (borrow(list)?, is_deep(flags)?);
            copy_into(into, |copy| list.0.copy(deep, copy))
        }
    })
}
