//! The namespace.

use super::arena::{
    container_options, copy_into, encoded_in, expected_in, is_deep, mproc_arena_t, mproc_container_options_t,
    mproc_iter_t, object_options, reference_in, DatumOut,
};
use super::boundary::{borrow, bytes_mut, c_name, c_str, copy_options, create, free, give, opt_out, out, run};
use super::datum::{datum_in, fetch, mproc_builder_t, mproc_datum_t};
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use crate::manager::{self, Namespace, Place, Site};
use crate::objects::{self, Datum};
use std::ffi::{c_char, c_int, c_void};

/// A namespace: values under names, for configuration and state that has names of its own. A name has 1 to 255 bytes of
/// UTF-8 and does not start with '_'. What can be a value is what can be a value of a dict: see mproc_dict_t.
///
/// Each call is atomic: it has happened wholly or not at all, whenever a process is killed.
///
/// A namespace of a manager's may be remote: then it is as a remote dict is: see mproc_dict_t.
pub struct mproc_namespace_t(pub(crate) Namespace, mproc_arena_t);

impl mproc_namespace_t {
    fn new(namespace: Namespace) -> mproc_namespace_t {
        let arena = mproc_arena_t::of(namespace.near().ok().map(objects::Namespace::arena));
        mproc_namespace_t(namespace, arena)
    }
}

/// Creates a namespace, empty, with an arena of its own. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] namespace_out  the handle; close it with mproc_namespace_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL output, unknown flag, or a limit out of range   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_container_options_t,
    namespace_out: *mut *mut mproc_namespace_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, namespace_out) = (container_options(copy_options(options)?)?, out(namespace_out)?);
            let make = |site: &Site, name: Option<&str>| Namespace::create(site, name, &wanted);
            create(domain, name, make, |namespace| namespace_out.write(give(mproc_namespace_t::new(namespace))))
        }
    })
}

/// Opens an existing namespace by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN has a meaning here
/// @param[out] namespace_out  the handle; close it with mproc_namespace_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_container_options_t,
    namespace_out: *mut *mut mproc_namespace_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, namespace_out) = (object_options(copy_options(options)?)?, out(namespace_out)?);
            let name = c_name(name)?;
            let namespace = with_site(domain, |site| Namespace::open(site, name, &wanted))?;
            namespace_out.write(give(mproc_namespace_t::new(namespace)));
            Ok(0)
        }
    })
}

/// Ends the handle. An inner container that nothing else holds is freed, with all that is in it. NULL does nothing.
/// Blocks: no; of an inner container for the arena's lock (busy_timeout; if a stopped process is inside for that long, the
/// container is kept until this process ends).  Threads: not while another thread is inside a call on it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_close(namespace: *mut mproc_namespace_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(namespace) }
}

/// A handle on the namespace that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP  an inner container: pass on a handle of the outermost one and the datum of
///                        mproc_namespace_ref(); or as mproc_queue_export()
/// @retval MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_export(
    namespace: *const mproc_namespace_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (namespace, handle_out) = unsafe { (borrow(namespace)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(namespace.0.export()?)));
        Ok(0)
    })
}

/// Opens the namespace that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_namespace_open()
/// @param[out] namespace_out  close it with mproc_namespace_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_import(
    handle: *const mproc_handle_t,
    options: *const mproc_container_options_t,
    namespace_out: *mut *mut mproc_namespace_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, namespace_out) = (borrow(handle)?, copy_options(options)?, out(namespace_out)?);
            namespace_out.write(give(mproc_namespace_t::new(Namespace::import(&handle.0, &object_options(options)?)?)));
            Ok(0)
        }
    })
}

/// The arena that the namespace lives in.
///
/// @param[out] arena_out  lives as long as this handle on the namespace
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_arena(
    namespace: *const mproc_namespace_t,
    arena_out: *mut *const mproc_arena_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (namespace, arena_out) = unsafe { (borrow(namespace)?, out(arena_out)?) };
        arena_out.write(namespace.1.ready(|| namespace.0.arena())?);
        Ok(0)
    })
}

/// A reference to the namespace: a datum of type MPROC_DATUM_REF. As an element or value of a container of the same
/// arena it keeps the namespace alive; anywhere else it does not. It can travel as part of any datum: see
/// mproc_namespace_follow().
///
/// @param[out] ref_out  the reference; it points to nothing, and outlives the handle
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_ref(
    namespace: *const mproc_namespace_t,
    ref_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (namespace, ref_out) = unsafe { (borrow(namespace)?, out(ref_out)?) };
        ref_out.write(Datum::Ref(namespace.0.reference()?).into());
        Ok(0)
    })
}

/// Opens the namespace that a reference leads to. It lives at least as long as the handle, also when nothing refers to
/// it any more.
///
/// @param arena         of any handle on a container of the same arena; need not stay
/// @param reference     MPROC_DATUM_REF on a namespace, as got from a container or from mproc_namespace_ref() in any
///                      process
/// @param[out] namespace_out  close it with mproc_namespace_close()
/// @retval MPROC_OK      @retval MPROC_ENOENT  it is gone    @retval MPROC_ETYPE  it is a container of another kind
/// @retval MPROC_EINVAL  NULL, not a reference to a container, or one in another arena
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ECORRUPT MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: the handle works in the child.
/// Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_follow(
    arena: *const mproc_arena_t,
    reference: mproc_datum_t,
    namespace_out: *mut *mut mproc_namespace_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented; the reference's name, if it has one, as in datum_in().
        unsafe {
            let (arena, namespace_out) = (borrow(arena)?, out(namespace_out)?);
            let namespace = Namespace::follow(arena.arena()?, reference_in(&reference)?)?;
            namespace_out.write(give(mproc_namespace_t::new(namespace)));
            Ok(0)
        }
    })
}

/// How many names there are.
///
/// @param[out] len_out  how many
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_len(namespace: *const mproc_namespace_t, len_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (namespace, len_out) = (borrow(namespace)?, out(len_out)?);
            len_out.write(namespace.0.len()?);
            Ok(0)
        }
    })
}

/// The value of a name.
///
/// @param buf,cap         where the bytes of a string, bytes, a list, a map, or a reference's name go, and its size;
///                        buf may be NULL when cap is 0. It does not overlap the name.
/// @param[out] value_out  the value; it points into buf. On MPROC_EMSGSIZE only its len is set: the size needed.
/// @retval MPROC_OK  @retval MPROC_ENOENT  no such name    @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL, or not a name
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_get(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    buf: *mut c_void,
    cap: usize,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (namespace, name) = (borrow(namespace)?, c_str(name)?);
            let (buf, value_out) = (bytes_mut(buf, cap)?, DatumOut::new(value_out)?);
            match &namespace.0 {
                Place::Near(namespace, _) => value_out.write(namespace.get(name, |stored| fetch(stored, buf))),
                Place::Far(proxy) => {
                    value_out.write(manager::namespace::get(proxy, name, cap, |bytes| fetch(bytes, buf)))
                }
            }
        }
    })
}

/// Sets the value of a name.
///
/// @param value  any datum; MPROC_DATUM_NEW: a new, empty container; MPROC_DATUM_REF: see mproc_dict_t
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, not a name, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_set(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    value: mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(namespace)?.0.set(c_str(name)?, &encoded_in(&value)?).map(|()| 0) }
    })
}

/// As mproc_namespace_set(), for the holder of a lock: see mproc_dict_set_if_token().
///
/// @param token  of mproc_lock_token() or a sibling; not 0
/// @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
/// @retval MPROC_EINVAL  token is 0
/// @retval others    as mproc_namespace_set()
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_set_if_token(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    value: mproc_datum_t,
    token: u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(namespace)?.0.set_if_token(c_str(name)?, &encoded_in(&value)?, token).map(|()| 0) }
    })
}

/// Whether there is such a name.
///
/// @param[out] contains_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a name
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_contains(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    contains_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (namespace, contains_out) = (borrow(namespace)?, out(contains_out)?);
            contains_out.write(c_int::from(namespace.0.contains(c_str(name)?)?));
            Ok(0)
        }
    })
}

/// Removes a name and its value.
///
/// @retval MPROC_OK  @retval MPROC_ENOENT  no such name    @retval MPROC_EINVAL  NULL, or not a name
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_delete(namespace: *const mproc_namespace_t, name: *const c_char) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(namespace)?.0.delete(c_str(name)?).map(|()| 0) }
    })
}

/// As mproc_namespace_delete(), for the holder of a lock: see mproc_dict_set_if_token().
///
/// @param token  of mproc_lock_token() or a sibling; not 0
/// @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
/// @retval MPROC_EINVAL  token is 0
/// @retval others    as mproc_namespace_delete()
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_delete_if_token(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    token: u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(namespace)?.0.delete_if_token(c_str(name)?, token).map(|()| 0) }
    })
}

/// Adds to the value of a name, atomically; a name that is missing counts as 0. Integers stay integers; with a float
/// the sum is a float.
///
/// @param delta         an integer or a float
/// @param[out] sum_out  the sum. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EOVERFLOW  the sum of two integers fits neither int64_t nor uint64_t
/// @retval MPROC_ETYPE  the value or delta is not a number    @retval MPROC_EINVAL  NULL, or not a name
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_add(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    delta: mproc_datum_t,
    sum_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (namespace, sum_out) = (borrow(namespace)?, opt_out(sum_out));
            let sum = namespace.0.add(c_str(name)?, &datum_in(&delta)?)?;
            sum_out.write(sum.into());
            Ok(0)
        }
    })
}

/// Appends to the list that is the value of a name, atomically. If the name is missing, its value becomes a new list (a
/// container). A list that is a plain value grows, and a reference in it is a weak one; to an inner list it is as
/// mproc_list_append().
///
/// @param value  as mproc_namespace_set()
/// @retval MPROC_OK  @retval MPROC_ETYPE  what is there is not a list; or a plain one, and the value is MPROC_DATUM_NEW
/// @retval MPROC_EINVAL  NULL, not a name, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_append_to(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    value: mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(namespace)?.0.append_to(c_str(name)?, &encoded_in(&value)?).map(|()| 0) }
    })
}

/// Sets the value of a name if it is the expected one: if the encodings are equal (1, 1.0 and true differ).
///
/// @param expected          any datum; MPROC_DATUM_ABSENT: there is no such name
/// @param desired           as mproc_namespace_set(); MPROC_DATUM_ABSENT: remove the name
/// @param[out] swapped_out  1 if it was, 0 if not; then nothing was changed
/// @retval MPROC_OK  asked, and done if so    @retval MPROC_EINVAL  NULL, not a name, or not a value
/// @retval MPROC_ENOENT  the desired value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_compare_exchange(
    namespace: *const mproc_namespace_t,
    name: *const c_char,
    expected: mproc_datum_t,
    desired: mproc_datum_t,
    swapped_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (namespace, swapped_out) = (borrow(namespace)?, out(swapped_out)?);
            let (name, expected, desired) = (c_str(name)?, expected_in(&expected)?, encoded_in(&desired)?);
            swapped_out.write(c_int::from(namespace.0.compare_exchange(name, &expected, &desired)?));
            Ok(0)
        }
    })
}

/// The names and values, as they were at one moment, sorted by name (by its bytes).
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_items(
    namespace: *const mproc_namespace_t,
    iter_out: *mut *mut mproc_iter_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (namespace, iter_out) = (borrow(namespace)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::pairs(namespace.0.snapshot()?)));
            Ok(0)
        }
    })
}

/// Adds a copy of the namespace, as it was at one moment, to a builder: one map, in the order in which the names were
/// first set.
///
/// @param flags  MPROC_COPY_DEEP, or 0
/// @param into   where to; it must be ready for a value
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or the builder waits for a key
/// @retval MPROC_ETYPE   MPROC_COPY_DEEP: deeper than 64, or a container is inside itself; nothing was added
/// @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_namespace_copy(
    namespace: *const mproc_namespace_t,
    flags: u32,
    into: *mut mproc_builder_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles; the builder is used by one thread at a time.
        unsafe {
            let (namespace, deep) = (borrow(namespace)?, is_deep(flags)?);
            copy_into(into, |copy| namespace.0.copy(deep, copy))
        }
    })
}
