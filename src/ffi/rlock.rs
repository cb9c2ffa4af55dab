//! The recursive lock.

use super::boundary::{borrow, c_name, copy_options, copy_struct_out, create, free, get_lock, give, out, run, wait};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, mproc_owner_t, with_site};
use super::handle::mproc_handle_t;
use super::types::MPROC_FOREVER;
use crate::manager::{RLock, Site};
use crate::objects::ObjectOptions;
use crate::Error;
use std::ffi::{c_char, c_int};

/// A robust recursive lock. Its owner is a process together with a token: by default the calling thread's, or one
/// that the caller supplies (for goroutines, coroutines and other things that move between threads). Only the owner
/// can take it again, and as often as it took it, it has to release it. When the owner's process dies, all its
/// levels go at once.
///
/// Of a manager's that is remote, the connection stands for the process (through two connections of one process, a
/// thread is two owners); if it is lost, the lock passes on as if the process had died, and its calls return
/// MPROC_ECONNECTION. Signals do not end its waits.
pub struct mproc_rlock_t(pub(crate) RLock);

/// What an rlock is like right now: a snapshot, for people and logs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_rlock_info_t {
    /// The process that holds it; held is 0 when the lock is free.
    pub owner: mproc_owner_t,
    /// The token it was taken with (a thread's has bit 63 set, and a meaning in its process only); 0: free.
    pub token: u64,
    /// How often the owner has to release it.
    pub count: u32,
    /// How often it was taken over from a dead process.
    pub steals: u32,
}

/// How to create or open an rlock. Initialise with MPROC_RLOCK_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_rlock_options_t {
    /// sizeof(mproc_rlock_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
}

/// Creates an rlock. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] rlock_out  the handle; close it with mproc_rlock_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL, unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_rlock_options_t,
    rlock_out: *mut *mut mproc_rlock_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, rlock_out) = (object_options(copy_options(options)?)?, out(rlock_out)?);
            let make = |site: &Site, name: Option<&str>| RLock::create(site, name, &wanted);
            create(domain, name, make, |rlock| rlock_out.write(give(mproc_rlock_t(rlock))))
        }
    })
}

/// Opens an existing rlock by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
/// @param[out] rlock_out  the handle; close it with mproc_rlock_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_rlock_options_t,
    rlock_out: *mut *mut mproc_rlock_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, rlock_out) = (object_options(copy_options(options)?)?, out(rlock_out)?);
            let name = c_name(name)?;
            let rlock = with_site(domain, |site| RLock::open(site, name, &wanted))?;
            rlock_out.write(give(mproc_rlock_t(rlock)));
            Ok(0)
        }
    })
}

/// Ends the handle. A lock that this process holds stays held while it has any handle in the domain; when
/// the last one is closed the process leaves the domain, and the lock passes on as MPROC_RECOVERED.
/// NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_close(rlock: *mut mproc_rlock_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(rlock) }
}

/// Takes the lock for the calling thread, or once more if it has it.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
/// @retval MPROC_ETIMEDOUT  still held by another process or thread
/// @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EOVERFLOW  taken 2^31 times by this owner   @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_ESLOTS     1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any; the thread is the owner.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_lock(
    rlock: *const mproc_rlock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    // The way that is taken nearly always has a frame of its own: none. Trying once is right for every timeout.
    // SAFETY: NULL or a live handle.
    if timeout_ns >= MPROC_FOREVER && unsafe { rlock.as_ref() }.is_some_and(|l| l.0.lock_at_once()) {
        return 0;
    }
    // SAFETY: as documented.
    unsafe { mproc_rlock_lock_slow(rlock, timeout_ns, cancel) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_rlock_lock_slow(
    rlock: *const mproc_rlock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(rlock)?.0.lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Takes the lock for the calling thread if that is possible at once: mproc_rlock_lock() with timeout 0.
///
/// @retval MPROC_OK  @retval MPROC_RECOVERED  @retval MPROC_ETIMEDOUT  held by another process or thread
/// @retval MPROC_EOVERFLOW  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any; the thread is the owner.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_try(rlock: *const mproc_rlock_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_rlock_lock(rlock, 0, std::ptr::null()) }
}

/// Gives up one level of the calling thread; the last one releases the lock.
///
/// @retval MPROC_OK  @retval MPROC_EPERM  this thread does not hold it   @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: the owner.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_unlock(rlock: *const mproc_rlock_t) -> c_int {
    // As mproc_rlock_lock().
    // SAFETY: NULL or a live handle.
    if unsafe { rlock.as_ref() }.is_some_and(|l| l.0.unlock_at_once()) {
        return 0;
    }
    // SAFETY: as documented.
    unsafe { mproc_rlock_unlock_slow(rlock) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_rlock_unlock_slow(rlock: *const mproc_rlock_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(rlock) }?.0.unlock().map(|()| 0)
    })
}

/// As mproc_rlock_lock(), for an owner that the caller names: whoever comes with the same token in the same process
/// is the same owner.
///
/// @param token       1 to 2^63 - 1
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
/// @retval MPROC_ETIMEDOUT  still held by another process or owner   @retval MPROC_ECANCELED  the cancel token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EOVERFLOW  taken 2^31 times by this owner   @retval MPROC_EINVAL  NULL, bad token or timeout
/// @retval MPROC_ESLOTS     1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_lock_as(
    rlock: *const mproc_rlock_t,
    token: u64,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(rlock)?.0.lock_as(token, limits), wait(timeout_ns, cancel)) }
    })
}

/// As mproc_rlock_unlock(), for an owner that the caller names.
///
/// @param token  that of mproc_rlock_lock_as()
/// @retval MPROC_OK  @retval MPROC_EPERM  this owner does not hold it   @retval MPROC_EINVAL  NULL or bad token
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_unlock_as(rlock: *const mproc_rlock_t, token: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(rlock) }?.0.unlock_as(token).map(|()| 0)
    })
}

/// A fencing token, for the calling thread if it has the lock: see mproc_lock_token().
///
/// @param[out] token_out  1 or greater
/// @retval MPROC_OK  @retval MPROC_EPERM  this thread does not hold it   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: the owner.  Fork: a child does not hold its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_token(rlock: *const mproc_rlock_t, token_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; token_out is NULL or valid.
        let (rlock, token_out) = unsafe { (borrow(rlock)?, out(token_out)?) };
        token_out.write(rlock.0.token()?);
        Ok(0)
    })
}

/// As mproc_rlock_token(), for an owner that the caller names.
///
/// @param owner_token     that of mproc_rlock_lock_as()
/// @param[out] token_out  1 or greater
/// @retval MPROC_OK  @retval MPROC_EPERM  this owner does not hold it   @retval MPROC_EINVAL  NULL or bad owner_token
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: a child does not hold its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_token_as(
    rlock: *const mproc_rlock_t,
    owner_token: u64,
    token_out: *mut u64,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; token_out is NULL or valid.
        let (rlock, token_out) = unsafe { (borrow(rlock)?, out(token_out)?) };
        token_out.write(rlock.0.token_as(owner_token)?);
        Ok(0)
    })
}

/// Who holds the lock right now, and how often: a snapshot, for people and logs.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_rlock_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_info(
    rlock: *const mproc_rlock_t,
    info_out: *mut mproc_rlock_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(rlock)?.0.info()?;
            let info = mproc_rlock_info_t { owner: i.owner.into(), token: i.token, count: i.count, steals: i.steals };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on the rlock that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_export(
    rlock: *const mproc_rlock_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (rlock, handle_out) = unsafe { (borrow(rlock)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(rlock.0.export()?)));
        Ok(0)
    })
}

/// Opens the rlock that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_rlock_open()
/// @param[out] rlock_out  close it with mproc_rlock_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rlock_import(
    handle: *const mproc_handle_t,
    options: *const mproc_rlock_options_t,
    rlock_out: *mut *mut mproc_rlock_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, rlock_out) =
                (borrow(handle)?, object_options(copy_options(options)?)?, out(rlock_out)?);
            rlock_out.write(give(mproc_rlock_t(RLock::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

fn object_options(options: Option<mproc_rlock_options_t>) -> crate::Result<ObjectOptions> {
    match options {
        Some(o) if o.reserved != 0 => Err(Error::invalid("a reserved field is not 0")),
        Some(o) => ObjectOptions::common(o.flags),
        None => Ok(ObjectOptions::default()),
    }
}
