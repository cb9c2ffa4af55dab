//! The dict.

use super::arena::{
    apart, container_options, copy_into, encoded_in, expected_in, is_deep, map_in, mproc_arena_t,
    mproc_container_options_t, mproc_iter_t, object_options, reference_in, DatumOut,
};
use super::boundary::{borrow, bytes_mut, c_name, copy_options, create, free, give, opt_out, out, run};
use super::datum::{datum_in, fetch, message, mproc_builder_t, mproc_datum_t};
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use super::status::MPROC_EXISTED;
use crate::manager::dict::Popped;
use crate::manager::{self, Dict, Place, Site};
use crate::objects::datum::check_key;
use crate::objects::{Datum, Encoded, What};
use crate::shm::Stored;
use crate::{objects, Error, Result};
use std::ffi::{c_char, c_int, c_void};

/// A dict: values under keys, in the order in which the keys were inserted. Keys are datums without a map or a
/// reference inside, and equal if their encodings are: 1, 1.0 and true are three keys. Values are datums or containers:
/// a value MPROC_DATUM_NEW makes a new container inside the dict, a MPROC_DATUM_REF on a container of the same arena
/// puts that one there (and keeps it alive). What comes out for a container is a MPROC_DATUM_REF, to be used with
/// mproc_dict_follow() and its siblings. Lists and maps that are given as one datum are plain values: stored, fetched
/// and replaced as a whole.
///
/// Each call is atomic: it has happened wholly or not at all, whenever a process is killed. (The exception says so:
/// mproc_dict_update().)
///
/// A dict of a manager's (mproc_manager_domain()) may be remote (mproc_object_is_remote()): then each call is a request
/// to the manager. It blocks for the answer; it can also fail with MPROC_ECONNECTION, MPROC_ESTALE or MPROC_EQUOTA; with
/// MPROC_E2BIG if what is given or got, a map as a whole, is longer than a message of the manager's may be; then nothing
/// was done. Copies of a whole dict have no such bound: see mproc_iter_t. What is said about threads, fork and signals
/// holds. mproc_dict_export() is MPROC_ENOTSUP.
pub struct mproc_dict_t(pub(crate) Dict, mproc_arena_t);

impl mproc_dict_t {
    fn new(dict: Dict) -> mproc_dict_t {
        let arena = mproc_arena_t::of(dict.near().ok().map(objects::Dict::arena));
        mproc_dict_t(dict, arena)
    }
}

/// Creates a dict, empty, with an arena of its own. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] dict_out  the handle; close it with mproc_dict_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL output, unknown flag, or a limit out of range   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_container_options_t,
    dict_out: *mut *mut mproc_dict_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, dict_out) = (container_options(copy_options(options)?)?, out(dict_out)?);
            let make = |site: &Site, name: Option<&str>| Dict::create(site, name, &wanted);
            create(domain, name, make, |dict| dict_out.write(give(mproc_dict_t::new(dict))))
        }
    })
}

/// Opens an existing dict by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN has a meaning here
/// @param[out] dict_out  the handle; close it with mproc_dict_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY   a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_container_options_t,
    dict_out: *mut *mut mproc_dict_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, dict_out) = (object_options(copy_options(options)?)?, out(dict_out)?);
            let name = c_name(name)?;
            let dict = with_site(domain, |site| Dict::open(site, name, &wanted))?;
            dict_out.write(give(mproc_dict_t::new(dict)));
            Ok(0)
        }
    })
}

/// Ends the handle. An inner container that nothing else holds is freed, with all that is in it. NULL does nothing.
/// Blocks: no; of an inner container for the arena's lock (busy_timeout; if a stopped process is inside for that long, the
/// container is kept until this process ends).  Threads: not while another thread is inside a call on it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_close(dict: *mut mproc_dict_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(dict) }
}

/// A handle on the dict that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP  an inner container: pass on a handle of the outermost one and the datum of mproc_dict_ref();
///                        or as mproc_queue_export()
/// @retval MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_export(dict: *const mproc_dict_t, handle_out: *mut *mut mproc_handle_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (dict, handle_out) = unsafe { (borrow(dict)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(dict.0.export()?)));
        Ok(0)
    })
}

/// Opens the dict that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_dict_open()
/// @param[out] dict_out  close it with mproc_dict_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_import(
    handle: *const mproc_handle_t,
    options: *const mproc_container_options_t,
    dict_out: *mut *mut mproc_dict_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, options, dict_out) = (borrow(handle)?, copy_options(options)?, out(dict_out)?);
            dict_out.write(give(mproc_dict_t::new(Dict::import(&handle.0, &object_options(options)?)?)));
            Ok(0)
        }
    })
}

/// The arena that the dict lives in.
///
/// @param[out] arena_out  lives as long as this handle on the dict
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_arena(dict: *const mproc_dict_t, arena_out: *mut *const mproc_arena_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (dict, arena_out) = unsafe { (borrow(dict)?, out(arena_out)?) };
        arena_out.write(dict.1.ready(|| dict.0.arena())?);
        Ok(0)
    })
}

/// A reference to the dict: a datum of type MPROC_DATUM_REF. As an element or value of a container of the same arena it
/// keeps the dict alive; anywhere else it does not. It can travel as part of any datum: see mproc_dict_follow().
///
/// @param[out] ref_out  the reference; it points to nothing, and outlives the handle
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_ref(dict: *const mproc_dict_t, ref_out: *mut mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (dict, ref_out) = unsafe { (borrow(dict)?, out(ref_out)?) };
        ref_out.write(Datum::Ref(dict.0.reference()?).into());
        Ok(0)
    })
}

/// Opens the dict that a reference leads to. It lives at least as long as the handle, also when nothing refers to it
/// any more.
///
/// @param arena         of any handle on a container of the same arena; need not stay
/// @param reference     MPROC_DATUM_REF on a dict, as got from a container or from mproc_dict_ref() in any process
/// @param[out] dict_out  close it with mproc_dict_close()
/// @retval MPROC_OK      @retval MPROC_ENOENT  it is gone    @retval MPROC_ETYPE  it is a container of another kind
/// @retval MPROC_EINVAL  NULL, not a reference to a container, or one in another arena
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ENOSPC MPROC_ENOMEM MPROC_ECORRUPT MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: the handle works in the child.
/// Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_follow(
    arena: *const mproc_arena_t,
    reference: mproc_datum_t,
    dict_out: *mut *mut mproc_dict_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented; the reference's name, if it has one, as in datum_in().
        unsafe {
            let (arena, dict_out) = (borrow(arena)?, out(dict_out)?);
            dict_out.write(give(mproc_dict_t::new(Dict::follow(arena.arena()?, reference_in(&reference)?)?)));
            Ok(0)
        }
    })
}

/// How many keys there are.
///
/// @param[out] len_out  how many
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_len(dict: *const mproc_dict_t, len_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, len_out) = (borrow(dict)?, out(len_out)?);
            len_out.write(dict.0.len()?);
            Ok(0)
        }
    })
}

/// The value of a key.
///
/// @param buf,cap         where the bytes of a string, bytes, a list, a map, or a reference's name go, and its size;
///                        buf may be NULL when cap is 0. It may be where the key is.
/// @param[out] value_out  the value; it points into buf. On MPROC_EMSGSIZE only its len is set: the size needed.
/// @retval MPROC_OK  @retval MPROC_ENOENT  no such key    @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL, or not a key
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_get(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    buf: *mut c_void,
    cap: usize,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, value_out) = (borrow(dict)?, DatumOut::new(value_out)?);
            let mut copy = Vec::new();
            let key = key_of(&apart(&key, buf, cap, &mut copy)?)?;
            let buf = bytes_mut(buf, cap)?;
            match &dict.0 {
                Place::Near(dict, _) => value_out.write(dict.get(&key, |stored| fetch(stored, buf))),
                Place::Far(proxy) => value_out.write(manager::dict::get(proxy, &key, cap, |bytes| fetch(bytes, buf))),
            }
        }
    })
}

/// Sets the value of a key. A new key comes last; one that is there keeps its place.
///
/// @param value  any datum; MPROC_DATUM_NEW: a new, empty container; MPROC_DATUM_REF: see mproc_dict_t
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, not a key, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_set(dict: *const mproc_dict_t, key: mproc_datum_t, value: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(dict)?.0.set(&encoded_in(&key)?, &encoded_in(&value)?).map(|()| 0) }
    })
}

/// As mproc_dict_set(), for the holder of a lock: nothing is done if an operation with a greater fencing token has been
/// done on a container of the same arena.
///
/// @param token  of mproc_lock_token() or a sibling; not 0
/// @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
/// @retval MPROC_EINVAL  token is 0
/// @retval others    as mproc_dict_set()
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_set_if_token(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    value: mproc_datum_t,
    token: u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(dict)?.0.set_if_token(&encoded_in(&key)?, &encoded_in(&value)?, token).map(|()| 0) }
    })
}

/// The value of a key; if there is no such key, it is set first.
///
/// @param value           as mproc_dict_set()
/// @param buf,cap         as mproc_dict_get(); it may be where the key or the value is
/// @param[out] value_out  what is there now. On MPROC_EMSGSIZE only its len is set, and nothing was done.
/// @retval MPROC_OK       set    @retval MPROC_EXISTED  it was there    @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL, not a key, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_setdefault(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    value: mproc_datum_t,
    buf: *mut c_void,
    cap: usize,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, value_out) = (borrow(dict)?, DatumOut::new(value_out)?);
            let (mut key_copy, mut value_copy) = (Vec::new(), Vec::new());
            let key = apart(&key, buf, cap, &mut key_copy)?.encode()?;
            let value = apart(&value, buf, cap, &mut value_copy)?.encode()?;
            let buf = bytes_mut(buf, cap)?;
            let done = match &dict.0 {
                Place::Near(dict, _) => dict.setdefault(&key, &value, |stored| fetch(stored, buf)),
                Place::Far(proxy) => manager::dict::setdefault(proxy, &key, &value, cap, |bytes| fetch(bytes, buf)),
            };
            let existed = matches!(done, Ok((true, _)));
            value_out.write(done.map(|(_, datum)| datum)).map(|_| if existed { MPROC_EXISTED } else { 0 })
        }
    })
}

/// Whether there is such a key.
///
/// @param[out] contains_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, or not a key
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_contains(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    contains_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, contains_out) = (borrow(dict)?, out(contains_out)?);
            contains_out.write(c_int::from(dict.0.contains(&key_of(&datum_in(&key)?)?)?));
            Ok(0)
        }
    })
}

/// Removes a key and its value.
///
/// @retval MPROC_OK  @retval MPROC_ENOENT  no such key    @retval MPROC_EINVAL  NULL, or not a key
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_delete(dict: *const mproc_dict_t, key: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(dict)?.0.delete(&key_of(&datum_in(&key)?)?).map(|()| 0) }
    })
}

/// As mproc_dict_delete(), for the holder of a lock: see mproc_dict_set_if_token().
///
/// @param token  of mproc_lock_token() or a sibling; not 0
/// @retval MPROC_OK  @retval MPROC_EFENCED  the lock has had a later holder, whose token was used here
/// @retval MPROC_EINVAL  token is 0
/// @retval others    as mproc_dict_delete()
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_delete_if_token(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    token: u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(dict)?.0.delete_if_token(&key_of(&datum_in(&key)?)?, token).map(|()| 0) }
    })
}

/// Removes a key and gets its value. A container that nothing else refers to, and that no handle holds, is freed:
/// then the value is a reference to nothing. Open it with mproc_dict_follow() or a sibling before, to keep it.
///
/// @param buf,cap         as mproc_dict_get(); it may be where the key is
/// @param[out] value_out  the value. On MPROC_EMSGSIZE only its len is set, and nothing was done.
/// @retval MPROC_OK  @retval MPROC_ENOENT  no such key    @retval MPROC_EMSGSIZE  cap is too small
/// @retval MPROC_EINVAL  NULL, or not a key
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_pop(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    buf: *mut c_void,
    cap: usize,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, value_out) = (borrow(dict)?, DatumOut::new(value_out)?);
            let mut copy = Vec::new();
            let key = key_of(&apart(&key, buf, cap, &mut copy)?)?;
            let buf = bytes_mut(buf, cap)?;
            match &dict.0 {
                Place::Near(dict, _) => value_out.write(dict.pop(&key, |stored| fetch(stored, buf))),
                Place::Far(proxy) => value_out.write(manager::dict::pop(proxy, &key, cap, |bytes| fetch(bytes, buf))),
            }
        }
    })
}

/// Removes the key that was inserted last, and gets it and its value. A container as mproc_dict_pop().
///
/// @param key_buf,key_cap  where the bytes of the key go, and its size; key_buf may be NULL when key_cap is 0
/// @param buf,cap          the same for the value. The two must not overlap.
/// @param[out] key_out     the key    @param[out] value_out  its value. On MPROC_EMSGSIZE only the two lens are set:
///                         the sizes needed, of both; and nothing was done.
/// @retval MPROC_OK  @retval MPROC_ENOENT  the dict is empty    @retval MPROC_EMSGSIZE  key_cap or cap is too small
/// @retval MPROC_EINVAL  NULL, or the buffers overlap
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_popitem(
    dict: *const mproc_dict_t,
    key_buf: *mut c_void,
    key_cap: usize,
    buf: *mut c_void,
    cap: usize,
    key_out: *mut mproc_datum_t,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let dict = borrow(dict)?;
            let (first, second) = ((key_buf as usize, key_cap), (buf as usize, cap));
            if first.0 < second.0.saturating_add(second.1) && second.0 < first.0.saturating_add(first.1) {
                return Err(Error::invalid("the two buffers overlap"));
            }
            let (key_buf, buf) = (bytes_mut(key_buf, key_cap)?, bytes_mut(buf, cap)?);
            let (key_out, value_out) = (DatumOut::new(key_out)?, DatumOut::new(value_out)?);
            let popped = match &dict.0 {
                Place::Near(dict, _) => {
                    let mut needed = (0, 0);
                    let pair = dict.popitem(|key, value| {
                        needed = (room_for(key)?, room_for(value)?);
                        Ok((fetch(key, key_buf)?, fetch(value, buf)?))
                    });
                    match pair {
                        Err(Error::MessageSize { .. }) => Ok(Popped::NoRoom(needed.0, needed.1)),
                        other => other.map(Popped::Pair),
                    }
                }
                Place::Far(proxy) => manager::dict::popitem(proxy, key_cap, cap, |key, value| {
                    Ok((fetch(key, key_buf)?, fetch(value, buf)?))
                }),
            };
            match popped? {
                Popped::Pair((key, value)) => {
                    key_out.write(Ok(key))?;
                    value_out.write(Ok(value))
                }
                Popped::NoRoom(key, value) => {
                    key_out.needs(key);
                    value_out.needs(value);
                    Err(Error::MessageSize { needed: if key > key_cap { key } else { value } })
                }
            }
        }
    })
}

/// Removes everything.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_clear(dict: *const mproc_dict_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(dict)?.0.clear().map(|()| 0) }
    })
}

/// Sets what a map has: each pair atomically, in its order. If the process is killed meanwhile, or the arena has
/// reached its limit, the first ones are set and the others are not.
///
/// @param map  MPROC_DATUM_MAP; what is inside is plain data
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, not a map, or one of its keys cannot be a key (then none was set)
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_update(dict: *const mproc_dict_t, map: mproc_datum_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(dict)?.0.update(&message(&map_in(&map)?)).map(|()| 0) }
    })
}

/// Adds to the value of a key, atomically; a key that is missing counts as 0. Integers stay integers; with a float
/// the sum is a float.
///
/// @param delta         an integer or a float
/// @param[out] sum_out  the sum. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EOVERFLOW  the sum of two integers fits neither int64_t nor uint64_t
/// @retval MPROC_ETYPE  the value or delta is not a number    @retval MPROC_EINVAL  NULL, or not a key
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_add(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    delta: mproc_datum_t,
    sum_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, sum_out) = (borrow(dict)?, opt_out(sum_out));
            let sum = dict.0.add(&encoded_in(&key)?, &datum_in(&delta)?)?;
            sum_out.write(sum.into());
            Ok(0)
        }
    })
}

/// Appends to the list that is the value of a key, atomically. If the key is missing, its value becomes a new list (a
/// container). A list that is a plain value grows, and a reference in it is a weak one; to an inner list it is as
/// mproc_list_append().
///
/// @param value  as mproc_dict_set()
/// @retval MPROC_OK  @retval MPROC_ETYPE  what is there is not a list; or a plain one, and the value is MPROC_DATUM_NEW
/// @retval MPROC_EINVAL  NULL, not a key, or not a value
/// @retval MPROC_ENOENT  the value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_append_to(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    value: mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe { borrow(dict)?.0.append_to(&encoded_in(&key)?, &encoded_in(&value)?).map(|()| 0) }
    })
}

/// Sets the value of a key if it is the expected one: if the encodings are equal (1, 1.0 and true differ).
///
/// @param expected          any datum; MPROC_DATUM_ABSENT: there is no such key
/// @param desired           as mproc_dict_set(); MPROC_DATUM_ABSENT: remove the key
/// @param[out] swapped_out  1 if it was, 0 if not; then nothing was changed
/// @retval MPROC_OK  asked, and done if so    @retval MPROC_EINVAL  NULL, not a key, or not a value
/// @retval MPROC_ENOENT  the desired value is a reference to a container of this arena that is gone
/// @retval MPROC_E2BIG   what is to be stored has more than 32 MiB
/// @retval MPROC_EFULL   the arena has reached its limit    @retval MPROC_ENOSPC MPROC_ENOMEM  no memory left
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_compare_exchange(
    dict: *const mproc_dict_t,
    key: mproc_datum_t,
    expected: mproc_datum_t,
    desired: mproc_datum_t,
    swapped_out: *mut c_int,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, swapped_out) = (borrow(dict)?, out(swapped_out)?);
            let (key, expected, desired) = (encoded_in(&key)?, expected_in(&expected)?, encoded_in(&desired)?);
            swapped_out.write(c_int::from(dict.0.compare_exchange(&key, &expected, &desired)?));
            Ok(0)
        }
    })
}

/// The keys, as they were at one moment, in their order.
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_keys(dict: *const mproc_dict_t, iter_out: *mut *mut mproc_iter_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, iter_out) = (borrow(dict)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::pairs(dict.0.snapshot(What::Keys)?)));
            Ok(0)
        }
    })
}

/// The values, as they were at one moment, in the order of their keys.
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_values(dict: *const mproc_dict_t, iter_out: *mut *mut mproc_iter_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, iter_out) = (borrow(dict)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::pairs(dict.0.snapshot(What::Values)?)));
            Ok(0)
        }
    })
}

/// The pairs, as they were at one moment, in their order.
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_items(dict: *const mproc_dict_t, iter_out: *mut *mut mproc_iter_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, iter_out) = (borrow(dict)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::pairs(dict.0.snapshot(What::Items)?)));
            Ok(0)
        }
    })
}

/// Goes through the living dict, in the order of its keys, and fetches as it goes, up to 64 pairs at a time: needs
/// little memory however large the dict is. Values may be set meanwhile; if keys are added or removed,
/// mproc_iter_next() returns MPROC_ECHANGED when it comes to what it has not fetched yet.
///
/// @param[out] iter_out  for mproc_iter_next(); close it with mproc_iter_close(). It may outlive the handle.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_iter(dict: *const mproc_dict_t, iter_out: *mut *mut mproc_iter_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (dict, iter_out) = (borrow(dict)?, out(iter_out)?);
            iter_out.write(give(mproc_iter_t::dict(dict.0.iter()?)));
            Ok(0)
        }
    })
}

/// Adds a copy of the dict, as it was at one moment, to a builder: one map.
///
/// @param flags  MPROC_COPY_DEEP, or 0
/// @param into   where to; it must be ready for a value
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or the builder waits for a key
/// @retval MPROC_ETYPE   MPROC_COPY_DEEP: deeper than 64, or a container is inside itself; nothing was added
/// @retval MPROC_ENOMEM  no room for the copy
/// @retval MPROC_EBUSY   a stopped process is inside   @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any, concurrently.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_dict_copy(dict: *const mproc_dict_t, flags: u32, into: *mut mproc_builder_t) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles; the builder is used by one thread at a time.
        unsafe {
            let (dict, deep) = (borrow(dict)?, is_deep(flags)?);
            copy_into(into, |copy| dict.0.copy(deep, copy))
        }
    })
}

/// What can be a key.
#[inline(always)]
fn key_of<'a>(datum: &Datum<'a>) -> Result<Encoded<'a>> {
    let key = datum.encode()?;
    match datum {
        // Most keys: nothing can be inside.
        Datum::Str(_) | Datum::Int(_) | Datum::Bytes(_) => {}
        _ => check_key(&key)?,
    }
    Ok(key)
}

/// How large a buffer a stored datum needs.
fn room_for(stored: &Stored<'_>) -> Result<usize> {
    match fetch(stored, &mut []) {
        Ok(_) => Ok(0),
        Err(Error::MessageSize { needed }) => Ok(needed),
        Err(other) => Err(other),
    }
}
