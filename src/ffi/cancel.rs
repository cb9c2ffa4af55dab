//! Cancel tokens.

use super::boundary::{borrow, free, give, out, run};
use crate::sync::Cancel;
use std::ffi::c_int;

/// A cancel token: set it, and every blocking call of this process that was given it returns
/// MPROC_ECANCELED promptly. Belongs to one process; any number of calls may share one.
pub struct mproc_cancel_t(pub(crate) Cancel);

/// Creates a cancel token.
///
/// @param[out] cancel_out  the token; close it with mproc_cancel_close()
/// @retval MPROC_OK        @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: the child has its own copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_cancel_create(cancel_out: *mut *mut mproc_cancel_t) -> c_int {
    run(|| {
        // SAFETY: the caller passes NULL or a valid output (contract of the function).
        let cancel_out = unsafe { out(cancel_out) }?;
        cancel_out.write(give(mproc_cancel_t(Cancel::new())));
        Ok(0)
    })
}

/// Sets the token: calls that wait with it return MPROC_ECANCELED, and so do later ones until it is
/// cleared. A call that can finish without waiting still does.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: affects this process only.  Signals: yes, async-signal-safe.
#[no_mangle]
pub unsafe extern "C" fn mproc_cancel_set(cancel: *const mproc_cancel_t) -> c_int {
    // Not through run(): this function must be async-signal-safe, so it records no error text.
    // SAFETY: the caller passes NULL or a token that is not yet closed.
    match unsafe { cancel.as_ref() } {
        Some(cancel) => {
            cancel.0.set();
            0
        }
        None => super::status::MPROC_EINVAL,
    }
}

/// Clears the token, so that it can be used again. Only when no call is waiting with it.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: affects this process only.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_cancel_clear(cancel: *const mproc_cancel_t) -> c_int {
    run(|| {
        // SAFETY: the caller passes NULL or a token that is not yet closed.
        unsafe { borrow(cancel) }?.0.clear();
        Ok(0)
    })
}

/// Whether the token is set.
///
/// @param[out] set_out  1 or 0
/// @retval MPROC_OK     @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: this process's copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_cancel_is_set(cancel: *const mproc_cancel_t, set_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: the caller passes NULL or valid pointers (contract of the function).
        let (cancel, set_out) = unsafe { (borrow(cancel)?, out(set_out)?) };
        set_out.write(c_int::from(cancel.0.is_set()));
        Ok(0)
    })
}

/// Ends the token. No call may be using it any more. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_cancel_close(cancel: *mut mproc_cancel_t) {
    // SAFETY: the caller passes NULL or a token of mproc_cancel_create() that it has not closed yet.
    unsafe { free(cancel) }
}
