//! The public lock.

use super::boundary::{borrow, c_name, copy_options, copy_struct_out, create, free, get_lock, give, out, run, wait};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, mproc_owner_t, with_site};
use super::handle::mproc_handle_t;
use super::types::MPROC_FOREVER;
use crate::manager::{Lock, Site};
use crate::objects::ObjectOptions;
use crate::Error;
use std::ffi::{c_char, c_int};

/// A robust mutual-exclusion lock, held by a process (not by a thread). Not recursive.
///
/// Of a manager's that is remote, the holder is the connection: if that is lost, the lock passes on as if the process
/// had died, and its calls return MPROC_ECONNECTION. Signals do not end its waits.
pub struct mproc_lock_t(pub(crate) Lock);

/// Any process may release the lock, not only its holder: for handing it over, or as a signal, as Python's Lock.
/// Decided when it is created. (Who dies while it is the holder still passes it on, as MPROC_RECOVERED.)
pub const MPROC_ANY_RELEASE: u32 = 512;

/// How to create or open a lock. Initialise with MPROC_LOCK_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_lock_options_t {
    /// sizeof(mproc_lock_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_ANY_RELEASE
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
}

/// Creates a lock. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] lock_out  the handle; close it with mproc_lock_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL output or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ETYPE  with MPROC_EXIST_OK: it was made with or without MPROC_ANY_RELEASE
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_lock_options_t,
    lock_out: *mut *mut mproc_lock_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, lock_out) = (object_options(copy_options(options)?)?, out(lock_out)?);
            let make = |site: &Site, name: Option<&str>| Lock::create(site, name, &wanted);
            create(domain, name, make, |lock| lock_out.write(give(mproc_lock_t(lock))))
        }
    })
}

/// Opens an existing lock by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
/// @param[out] lock_out  the handle; close it with mproc_lock_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_lock_options_t,
    lock_out: *mut *mut mproc_lock_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, lock_out) = (object_options(copy_options(options)?)?, out(lock_out)?);
            let name = c_name(name)?;
            let lock = with_site(domain, |site| Lock::open(site, name, &wanted))?;
            lock_out.write(give(mproc_lock_t(lock)));
            Ok(0)
        }
    })
}

/// Ends the handle. A lock that this process holds stays held while it has any handle in the domain; when
/// the last one is closed the process leaves the domain, and the lock passes on as MPROC_RECOVERED.
/// NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_close(lock: *mut mproc_lock_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(lock) }
}

/// Takes the lock. If its holder died while holding it, the lock passes on within about 10 ms of the
/// kernel's notice; a holder that is merely stopped is never robbed.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
/// @retval MPROC_ETIMEDOUT  still held by somebody else (or by another thread of this process)
/// @retval MPROC_ECANCELED  the token was set   @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_ESLOTS     1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any; the process is the holder.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_lock(
    lock: *const mproc_lock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    // The way that is taken nearly always has a frame of its own: none. Trying once is right for every timeout.
    // SAFETY: NULL or a live handle.
    if timeout_ns >= MPROC_FOREVER && unsafe { lock.as_ref() }.is_some_and(|l| l.0.lock_at_once()) {
        return 0;
    }
    // SAFETY: as documented.
    unsafe { mproc_lock_lock_slow(lock, timeout_ns, cancel) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_lock_lock_slow(
    lock: *const mproc_lock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(lock)?.0.lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Takes the lock if that is possible at once: mproc_lock_lock() with timeout 0.
///
/// @retval MPROC_OK  @retval MPROC_RECOVERED  @retval MPROC_ETIMEDOUT  held by somebody
/// @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_try(lock: *const mproc_lock_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_lock_lock(lock, 0, std::ptr::null()) }
}

/// Releases the lock. Any thread of the holding process may do it, through any handle; with MPROC_ANY_RELEASE any
/// process may.
///
/// @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it (MPROC_ANY_RELEASE: nobody does)
/// @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_unlock(lock: *const mproc_lock_t) -> c_int {
    // As mproc_lock_lock().
    // SAFETY: NULL or a live handle.
    if unsafe { lock.as_ref() }.is_some_and(|l| l.0.unlock_at_once()) {
        return 0;
    }
    // SAFETY: as documented.
    unsafe { mproc_lock_unlock_slow(lock) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_lock_unlock_slow(lock: *const mproc_lock_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(lock) }?.0.unlock().map(|()| 0)
    })
}

/// A fencing token: a number greater than every earlier one of this lock, whoever asked. Who acts on something outside
/// the lock's reach tells it the token, too, and that refuses a token once it has seen a greater one: so what a former
/// holder, stopped or cut off meanwhile, still does in vain cannot spoil what the next one did.
///
/// @param[out] token_out  1 or greater
/// @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold the lock   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: a child does not hold its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_token(lock: *const mproc_lock_t, token_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; token_out is NULL or valid.
        let (lock, token_out) = unsafe { (borrow(lock)?, out(token_out)?) };
        token_out.write(lock.0.token()?);
        Ok(0)
    })
}

/// Who holds the lock right now: a snapshot, for people and logs.
///
/// @param[out] owner_out  filled; held is 0 when the lock is free   @param owner_size  sizeof(mproc_owner_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_owner(
    lock: *const mproc_lock_t,
    owner_out: *mut mproc_owner_t,
    owner_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; owner_out has owner_size bytes.
        unsafe {
            let info: mproc_owner_t = borrow(lock)?.0.owner()?.into();
            copy_struct_out(&info, owner_out, owner_size)
        }
    })
}

/// A handle on the lock that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_export(lock: *const mproc_lock_t, handle_out: *mut *mut mproc_handle_t) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (lock, handle_out) = unsafe { (borrow(lock)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(lock.0.export()?)));
        Ok(0)
    })
}

/// Opens the lock that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_lock_open()
/// @param[out] lock_out  close it with mproc_lock_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_lock_import(
    handle: *const mproc_handle_t,
    options: *const mproc_lock_options_t,
    lock_out: *mut *mut mproc_lock_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, lock_out) = (borrow(handle)?, object_options(copy_options(options)?)?, out(lock_out)?);
            lock_out.write(give(mproc_lock_t(Lock::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

fn object_options(options: Option<mproc_lock_options_t>) -> crate::Result<ObjectOptions> {
    match options {
        Some(o) if o.reserved != 0 => Err(Error::invalid("a reserved field is not 0")),
        Some(o) => ObjectOptions::lock(o.flags),
        None => Ok(ObjectOptions::default()),
    }
}
