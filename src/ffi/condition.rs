//! The condition.

use super::boundary::{borrow, c_name, copy_options, copy_struct_out, create, free, get_lock, give, out, run, wait};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use super::lock::mproc_lock_t;
use super::rlock::mproc_rlock_t;
use crate::manager::{Condition, ConditionOptions, Site};
use crate::objects::ObjectOptions;
use crate::Error;
use std::ffi::{c_char, c_int};

/// A condition to wait for under a lock: its own (recursive, the default), or a lock or rlock of the same domain that
/// it is bound to when it is created. Whoever opens the condition then opens that lock, too, and names it.
///
/// Waiting gives the lock up, all its levels, and takes it again before it returns, in every case. A wake-up may be
/// spurious, after a death: look at what was waited for, in a loop. Notifying never waits for anybody. A notification
/// goes to the one who has waited longest; if its process dies before wait has returned, it passes on to the next.
///
/// Of a manager's, the lock is one of the same manager's, and opened through the same connection. If it is remote, the
/// connection stands for the process: if that is lost, the lock passes on as if the process had died, and calls return
/// MPROC_ECONNECTION, without the lock. Signals do not end its waits.
pub struct mproc_condition_t(pub(crate) Condition);

/// The most that can wait for a condition at a time.
pub const MPROC_CONDITION_WAITERS: u32 = 1024;
/// mproc_condition_info_t.lock_kind: its own rlock.
pub const MPROC_CONDITION_OWN: u32 = 0;

/// How to create or open a condition. Initialise with MPROC_CONDITION_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_condition_options_t {
    /// sizeof(mproc_condition_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
    /// The lock to bind to, or NULL. Only one of the two. The handle may be closed before the condition's.
    pub lock: *const mproc_lock_t,
    /// The rlock to bind to, or NULL.
    pub rlock: *const mproc_rlock_t,
}

/// What a condition is like right now: a snapshot.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_condition_info_t {
    /// How many living waiters have not been notified yet.
    pub waiters: u32,
    /// MPROC_CONDITION_OWN, MPROC_KIND_LOCK or MPROC_KIND_RLOCK.
    pub lock_kind: u32,
    /// How often a notification was passed on because the one who got it had died.
    pub regranted: u32,
    /// 0
    pub reserved: u32,
}

/// Creates a condition. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] condition_out  the handle; close it with mproc_condition_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL, unknown flag, or both locks   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ETYPE  with MPROC_EXIST_OK: it is bound to another lock
/// @retval MPROC_EDOMAIN  the lock is in another domain
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_condition_options_t,
    condition_out: *mut *mut mproc_condition_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, condition_out) = (object_options(copy_options(options)?)?, out(condition_out)?);
            let make = |site: &Site, name: Option<&str>| Condition::create_with(site, name, &wanted);
            create(domain, name, make, |condition| condition_out.write(give(mproc_condition_t(condition))))
        }
    })
}

/// Opens an existing condition by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; but if it was bound to a lock: the same lock again
/// @param[out] condition_out  the handle; close it with mproc_condition_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL, unknown flag, or both locks   @retval MPROC_ENAME  not a name
/// @retval MPROC_ETYPE   it is bound to another lock, or to none
/// @retval MPROC_EDOMAIN the lock is in another domain
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_condition_options_t,
    condition_out: *mut *mut mproc_condition_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, condition_out) = (object_options(copy_options(options)?)?, out(condition_out)?);
            let name = c_name(name)?;
            let condition = with_site(domain, |site| Condition::open_with(site, name, &wanted))?;
            condition_out.write(give(mproc_condition_t(condition)));
            Ok(0)
        }
    })
}

/// Ends the handle. No thread may be waiting through it. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_close(condition: *mut mproc_condition_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(condition) }
}

/// Takes the condition's lock, for the calling thread: as mproc_rlock_lock(), or mproc_lock_lock() on the lock that it
/// is bound to (which is the same lock).
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; the previous holder died inside
/// @retval MPROC_ETIMEDOUT  still held by somebody else   @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EOVERFLOW  taken 2^31 times by this owner   @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_ESLOTS     1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_lock(
    condition: *const mproc_condition_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(condition)?.0.lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Takes the condition's lock if that is possible at once: mproc_condition_lock() with timeout 0.
///
/// @retval MPROC_OK  @retval MPROC_RECOVERED  @retval MPROC_ETIMEDOUT  held by somebody else
/// @retval MPROC_EOVERFLOW  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_try(condition: *const mproc_condition_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_condition_lock(condition, 0, std::ptr::null()) }
}

/// Releases the condition's lock (one level of it).
///
/// @retval MPROC_OK  @retval MPROC_EPERM  not held by this thread (bound to a lock: by this process)
/// @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: the owner.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_unlock(condition: *const mproc_condition_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(condition) }?.0.unlock().map(|()| 0)
    })
}

/// As mproc_condition_lock(), for an owner that the caller names: see mproc_rlock_lock_as(). A condition that is bound
/// to a lock ignores the token.
///
/// @param token  1 to 2^63 - 1    @param timeout_ns,cancel  as mproc_condition_lock()
/// @retval MPROC_EINVAL  NULL, bad token or timeout    @retval others  as mproc_condition_lock()
/// Blocks: up to timeout_ns.  Threads: any.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_lock_as(
    condition: *const mproc_condition_t,
    token: u64,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(condition)?.0.lock_as(token, limits), wait(timeout_ns, cancel)) }
    })
}

/// As mproc_condition_unlock(), for an owner that the caller names.
///
/// @param token  that of mproc_condition_lock_as()
/// @retval MPROC_OK  @retval MPROC_EPERM  this owner does not hold it   @retval MPROC_EINVAL  NULL or bad token
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_unlock_as(condition: *const mproc_condition_t, token: u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(condition) }?.0.unlock_as(token).map(|()| 0)
    })
}

/// Gives the lock up, waits to be notified, and takes the lock again, with all its levels. The lock is held when this
/// returns one of the first five statuses; to take it again may exceed the timeout, and is not ended by cancel or
/// signals.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 gives the lock up for a moment
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         notified
/// @retval MPROC_RECOVERED  notified or not: a process died while it held the lock, and this is the next holder
/// @retval MPROC_ETIMEDOUT  not notified in time   @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EPERM      the caller does not hold the lock
/// @retval MPROC_EFULL      MPROC_CONDITION_WAITERS wait already; the lock was not given up
/// @retval MPROC_EINVAL     NULL or bad timeout; the lock was not given up
/// @retval MPROC_ESLOTS     as mproc_condition_lock()
/// Blocks: up to timeout_ns, and until the lock is free.  Threads: the owner.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_wait(
    condition: *const mproc_condition_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(condition)?.0.wait(limits), wait(timeout_ns, cancel)) }
    })
}

/// As mproc_condition_wait(), for an owner that the caller names.
///
/// @param token  that of mproc_condition_lock_as()    @param timeout_ns,cancel  as mproc_condition_wait()
/// @retval MPROC_EINVAL  NULL, bad token or timeout    @retval others  as mproc_condition_wait()
/// Blocks: up to timeout_ns, and until the lock is free.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_wait_as(
    condition: *const mproc_condition_t,
    token: u64,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(condition)?.0.wait_as(token, limits), wait(timeout_ns, cancel)) }
    })
}

/// Notifies up to `n` of those who wait now, the longest waiting first. It is not remembered if fewer wait. Who
/// holds the lock while it changes what is waited for and notifies (before or after unlocking) misses nobody.
///
/// @param n  how many; 0 does nothing
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any, with or without the lock.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_notify(condition: *const mproc_condition_t, n: u32) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(condition) }?.0.notify(n).map(|_| 0)
    })
}

/// Notifies everybody who waits now.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any, with or without the lock.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_notify_all(condition: *const mproc_condition_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_condition_notify(condition, u32::MAX) }
}

/// What the condition is like right now: a snapshot.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_condition_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_info(
    condition: *const mproc_condition_t,
    info_out: *mut mproc_condition_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(condition)?.0.info()?;
            let info = mproc_condition_info_t {
                waiters: i.waiters,
                lock_kind: i.lock_kind,
                regranted: i.regranted,
                reserved: 0,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on the condition that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_export(
    condition: *const mproc_condition_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (condition, handle_out) = unsafe { (borrow(condition)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(condition.0.export()?)));
        Ok(0)
    })
}

/// Opens the condition that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_condition_open()
/// @param[out] condition_out  close it with mproc_condition_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL, unknown flag, or both locks
/// @retval MPROC_EKIND  another kind of handle
/// @retval MPROC_ETYPE  it is bound to another lock, or to none
/// @retval MPROC_EDOMAIN the lock is in another domain
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_condition_import(
    handle: *const mproc_handle_t,
    options: *const mproc_condition_options_t,
    condition_out: *mut *mut mproc_condition_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, condition_out) =
                (borrow(handle)?, object_options(copy_options(options)?)?, out(condition_out)?);
            condition_out.write(give(mproc_condition_t(Condition::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

/// # Safety
/// The locks are NULL or live.
unsafe fn object_options(options: Option<mproc_condition_options_t>) -> crate::Result<ConditionOptions> {
    let Some(o) = options else { return Ok(ConditionOptions::default()) };
    if o.reserved != 0 {
        return Err(Error::invalid("a reserved field is not 0"));
    }
    let object = ObjectOptions::common(o.flags)?;
    // SAFETY: this function's contract.
    match unsafe { (o.lock.as_ref(), o.rlock.as_ref()) } {
        (None, None) => Ok(ConditionOptions::new(object)),
        (Some(lock), None) => ConditionOptions::with_lock(object, &lock.0),
        (None, Some(rlock)) => ConditionOptions::with_rlock(object, &rlock.0),
        (Some(_), Some(_)) => Err(Error::invalid("a condition is bound to a lock or to an rlock")),
    }
}
