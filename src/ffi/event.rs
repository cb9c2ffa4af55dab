//! The event.

use super::boundary::{borrow, c_name, copy_options, create, fail, free, give, out, run, wait};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use crate::manager::{Event, Site};
use crate::objects::ObjectOptions;
use crate::Error;
use std::ffi::{c_char, c_int};

/// A flag that processes can wait for. One word: setting, clearing and asking take no lock, join no domain, and are
/// async-signal-safe.
pub struct mproc_event_t(pub(crate) Event);

/// How to create or open an event. Initialise with MPROC_EVENT_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_event_options_t {
    /// sizeof(mproc_event_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
}

/// Creates an event. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] event_out  the handle; close it with mproc_event_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL, unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_event_options_t,
    event_out: *mut *mut mproc_event_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, event_out) = (object_options(copy_options(options)?)?, out(event_out)?);
            let make = |site: &Site, name: Option<&str>| Event::create(site, name, &wanted);
            create(domain, name, make, |event| event_out.write(give(mproc_event_t(event))))
        }
    })
}

/// Opens an existing event by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
/// @param[out] event_out  the handle; close it with mproc_event_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_event_options_t,
    event_out: *mut *mut mproc_event_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, event_out) = (object_options(copy_options(options)?)?, out(event_out)?);
            let name = c_name(name)?;
            let event = with_site(domain, |site| Event::open(site, name, &wanted))?;
            event_out.write(give(mproc_event_t(event)));
            Ok(0)
        }
    })
}

/// Ends the handle. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_close(event: *mut mproc_event_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(event) }
}

/// Sets the event and wakes everybody who waits for it, also if it is cleared again at once.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL (not recorded for mproc_last_error())
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: yes, async-signal-safe.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_set(event: *const mproc_event_t) -> c_int {
    // Not through run(): async-signal-safe, so no error text is recorded.
    // SAFETY: NULL or a live handle.
    match unsafe { event.as_ref() } {
        // An event of this machine has no errors.
        Some(event) => event.0.set().map_or_else(|error| fail(&error), |()| 0),
        None => super::status::MPROC_EINVAL,
    }
}

/// Clears the event.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL (not recorded for mproc_last_error())
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: yes, async-signal-safe.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_clear(event: *const mproc_event_t) -> c_int {
    // SAFETY: NULL or a live handle. As mproc_event_set().
    match unsafe { event.as_ref() } {
        Some(event) => event.0.clear().map_or_else(|error| fail(&error), |()| 0),
        None => super::status::MPROC_EINVAL,
    }
}

/// Whether the event is set. What was written before it was set is visible after this says so.
///
/// @param[out] set_out  1 or 0
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL (not recorded for mproc_last_error())
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: yes, async-signal-safe.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_is_set(event: *const mproc_event_t, set_out: *mut c_int) -> c_int {
    // SAFETY: NULL or a live handle and a valid output. As mproc_event_set().
    match unsafe { (event.as_ref(), set_out.as_mut()) } {
        (Some(event), Some(set_out)) => match event.0.is_set() {
            Ok(is) => {
                *set_out = c_int::from(is);
                0
            }
            Err(error) => fail(&error),
        },
        _ => super::status::MPROC_EINVAL,
    }
}

/// Waits until the event is set (or was set since the call began).
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 asks once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         set    @retval MPROC_ETIMEDOUT  not set   @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EINVAL     NULL or bad timeout
/// Blocks: up to timeout_ns.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_wait(
    event: *const mproc_event_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { borrow(event)?.0.wait(wait(timeout_ns, cancel)?).map(|()| 0) }
    })
}

/// A handle on the event that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_export(
    event: *const mproc_event_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (event, handle_out) = unsafe { (borrow(event)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(event.0.export()?)));
        Ok(0)
    })
}

/// Opens the event that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_event_open()
/// @param[out] event_out  close it with mproc_event_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_event_import(
    handle: *const mproc_handle_t,
    options: *const mproc_event_options_t,
    event_out: *mut *mut mproc_event_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, event_out) =
                (borrow(handle)?, object_options(copy_options(options)?)?, out(event_out)?);
            event_out.write(give(mproc_event_t(Event::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

fn object_options(options: Option<mproc_event_options_t>) -> crate::Result<ObjectOptions> {
    match options {
        Some(o) if o.reserved != 0 => Err(Error::invalid("a reserved field is not 0")),
        Some(o) => ObjectOptions::common(o.flags),
        None => Ok(ObjectOptions::default()),
    }
}
