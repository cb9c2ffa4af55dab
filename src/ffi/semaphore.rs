//! The semaphore, bounded or not, plain or accounting.

use super::boundary::{borrow, c_name, copy_options, copy_struct_out, create, free, get_lock, give, out, run, wait};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use super::types::MPROC_FOREVER;
use crate::manager::{Semaphore, Site};
use crate::objects::{ObjectOptions, SemaphoreOptions};
use std::ffi::{c_char, c_int};

/// A counting semaphore: acquire takes a permit, release gives some back.
///
/// Plain (the default): anybody may release, also who never acquired; a process that dies keeps what it took, as
/// everywhere else. With MPROC_SEMAPHORE_ACCOUNTING permits belong to the processes that took them: only they can
/// release them, and what a process has when it dies comes back.
///
/// Of a manager's that is remote, permits of an accounting one belong to the connection: if that is lost, they come back
/// as if the process had died, and calls return MPROC_ECONNECTION. Signals do not end its waits.
pub struct mproc_semaphore_t(pub(crate) Semaphore);

/// Releasing above the initial value is an error (MPROC_EOVERFLOW): the BoundedSemaphore.
pub const MPROC_SEMAPHORE_BOUNDED: u32 = 1024;
/// Permits belong to the processes that took them, and come back when these die.
pub const MPROC_SEMAPHORE_ACCOUNTING: u32 = 2048;
/// The highest value.
pub const MPROC_SEMAPHORE_MAX: u32 = 0x7FFF_FFFF;

/// How to create or open a semaphore. Initialise with MPROC_SEMAPHORE_OPTIONS_INIT (initial value 1).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_semaphore_options_t {
    /// sizeof(mproc_semaphore_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, MPROC_SEMAPHORE_BOUNDED,
    /// MPROC_SEMAPHORE_ACCOUNTING
    pub flags: u32,
    /// Permits at the beginning: 0 to MPROC_SEMAPHORE_MAX (accounting: at least 1). Only used when creating.
    pub initial: u32,
}

/// What a semaphore is like right now: a snapshot.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_semaphore_info_t {
    /// Permits that can be taken at once. (Accounting: those of the dead are not in it until somebody noticed.)
    pub value: u32,
    /// Permits at the beginning.
    pub initial: u32,
    /// Accounting: permits this process has. Else 0.
    pub held: u32,
    /// Accounting: living processes that have permits. Else 0.
    pub holders: u32,
    /// MPROC_SEMAPHORE_BOUNDED and MPROC_SEMAPHORE_ACCOUNTING, as created.
    pub flags: u32,
    /// Accounting: how often permits came back from a dead process.
    pub reclaimed: u32,
}

/// Creates a semaphore. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] semaphore_out  the handle; close it with mproc_semaphore_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL, unknown flag, or an initial value that makes no sense   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ETYPE  with MPROC_EXIST_OK: it was made with other parameters
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_semaphore_options_t,
    semaphore_out: *mut *mut mproc_semaphore_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, semaphore_out) = (wanted_options(copy_options(options)?)?, out(semaphore_out)?);
            let make = |site: &Site, name: Option<&str>| Semaphore::create(site, name, &wanted);
            create(domain, name, make, |semaphore| semaphore_out.write(give(mproc_semaphore_t(semaphore))))
        }
    })
}

/// Opens an existing semaphore by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
/// @param[out] semaphore_out  the handle; close it with mproc_semaphore_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_semaphore_options_t,
    semaphore_out: *mut *mut mproc_semaphore_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, semaphore_out) = (object_options(copy_options(options)?)?, out(semaphore_out)?);
            let name = c_name(name)?;
            let semaphore = with_site(domain, |site| Semaphore::open(site, name, &wanted))?;
            semaphore_out.write(give(mproc_semaphore_t(semaphore)));
            Ok(0)
        }
    })
}

/// Ends the handle. Permits that this process has stay its own while it has any handle in the domain. NULL does
/// nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_close(semaphore: *mut mproc_semaphore_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(semaphore) }
}

/// Takes a permit.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         taken
/// @retval MPROC_RECOVERED  taken; accounting: it had been noticed just now that a process died with permits, and they
///                          came back. What the semaphore guards may be half done. Told once, to whoever noticed; and
///                          again if that one died within the call, or anybody within a call on this semaphore, because
///                          it may not have told.
/// @retval MPROC_ETIMEDOUT  none was free   @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EINVAL     NULL or bad timeout
/// @retval MPROC_EOVERFLOW  accounting: this process has 2^24 - 1
/// @retval MPROC_EBUSY      accounting: internal lock held
/// @retval MPROC_ESLOTS     accounting: 1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any.  Fork: accounting: the child does not have them.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_acquire(
    semaphore: *const mproc_semaphore_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    // The way that is taken nearly always has a frame of its own: none. Trying once is right for every timeout.
    // SAFETY: NULL or a live handle.
    if timeout_ns >= MPROC_FOREVER && unsafe { semaphore.as_ref() }.is_some_and(|l| l.0.acquire_at_once()) {
        return 0;
    }
    // SAFETY: as documented.
    unsafe { mproc_semaphore_acquire_slow(semaphore, timeout_ns, cancel) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_semaphore_acquire_slow(
    semaphore: *const mproc_semaphore_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(semaphore)?.0.acquire(limits), wait(timeout_ns, cancel)) }
    })
}

/// Takes a permit if there is one: mproc_semaphore_acquire() with timeout 0.
///
/// @retval MPROC_OK  @retval MPROC_RECOVERED  as above   @retval MPROC_ETIMEDOUT  none was free
/// @retval MPROC_EINVAL  NULL   @retval MPROC_EOVERFLOW MPROC_EBUSY MPROC_ESLOTS  as above
/// Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_try(semaphore: *const mproc_semaphore_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_semaphore_acquire(semaphore, 0, std::ptr::null()) }
}

/// Gives permits back, all at once, and wakes as many of those who wait.
///
/// @param n  how many; 0 does nothing
/// @retval MPROC_OK
/// @retval MPROC_EOVERFLOW  the value would exceed MPROC_SEMAPHORE_MAX, or (bounded) the initial one; nothing was given
/// @retval MPROC_EPERM      accounting: this process has fewer; nothing was given
/// @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY MPROC_ESLOTS  accounting: as above
/// Blocks: no, but for an internal lock (busy_timeout).  Threads: any.
/// Fork: accounting: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_release(semaphore: *const mproc_semaphore_t, n: u32) -> c_int {
    // As mproc_semaphore_acquire().
    // SAFETY: NULL or a live handle.
    match unsafe { semaphore.as_ref() }.and_then(|s| s.0.release_at_once(n)) {
        Some(false) => 0,
        // SAFETY: live, as was just seen.
        Some(true) => unsafe { mproc_semaphore_release_wake(semaphore, n) },
        // SAFETY: as documented.
        None => unsafe { mproc_semaphore_release_slow(semaphore, n) },
    }
}

/// The permits are there; somebody waits for them.
#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_semaphore_release_wake(semaphore: *const mproc_semaphore_t, n: u32) -> c_int {
    // SAFETY: live, as the caller has seen.
    if let Some(semaphore) = unsafe { semaphore.as_ref() } {
        semaphore.0.wake(n);
    }
    // A constant that the optimiser knows would make the caller's last call an ordinary one, for which it needs a frame.
    std::hint::black_box(0)
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_semaphore_release_slow(semaphore: *const mproc_semaphore_t, n: u32) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(semaphore) }?.0.release(n).map(|()| 0)
    })
}

/// What the semaphore is like right now: a snapshot.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_semaphore_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS  accounting
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_info(
    semaphore: *const mproc_semaphore_t,
    info_out: *mut mproc_semaphore_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(semaphore)?.0.info()?;
            let flag = |on: bool, bit: u32| if on { bit } else { 0 };
            let info = mproc_semaphore_info_t {
                value: i.value,
                initial: i.initial,
                held: i.held,
                holders: i.holders,
                flags: flag(i.bounded, MPROC_SEMAPHORE_BOUNDED) | flag(i.accounting, MPROC_SEMAPHORE_ACCOUNTING),
                reclaimed: i.reclaimed,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on the semaphore that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_export(
    semaphore: *const mproc_semaphore_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (semaphore, handle_out) = unsafe { (borrow(semaphore)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(semaphore.0.export()?)));
        Ok(0)
    })
}

/// Opens the semaphore that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_semaphore_open()
/// @param[out] semaphore_out  close it with mproc_semaphore_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_semaphore_import(
    handle: *const mproc_handle_t,
    options: *const mproc_semaphore_options_t,
    semaphore_out: *mut *mut mproc_semaphore_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, semaphore_out) =
                (borrow(handle)?, object_options(copy_options(options)?)?, out(semaphore_out)?);
            semaphore_out.write(give(mproc_semaphore_t(Semaphore::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

fn wanted_options(options: Option<mproc_semaphore_options_t>) -> crate::Result<SemaphoreOptions> {
    let o = options.unwrap_or(mproc_semaphore_options_t { size: 0, flags: 0, initial: 1 });
    let own = MPROC_SEMAPHORE_BOUNDED | MPROC_SEMAPHORE_ACCOUNTING;
    Ok(SemaphoreOptions {
        object: ObjectOptions::common(o.flags & !own)?,
        initial: o.initial,
        bounded: o.flags & MPROC_SEMAPHORE_BOUNDED != 0,
        accounting: o.flags & MPROC_SEMAPHORE_ACCOUNTING != 0,
    })
}

fn object_options(given: Option<mproc_semaphore_options_t>) -> crate::Result<ObjectOptions> {
    Ok(wanted_options(given)?.object)
}
