//! Starting programs that find handles.

use super::boundary::{borrow, c_str, copy_options, free, give, opt_out, out, run, slice, wait};
use super::cancel::mproc_cancel_t;
use super::handle::mproc_handle_t;
use crate::objects::{Exit, Process, Spawn};
use crate::{Error, Result};
use std::ffi::{c_char, c_int, CStr, CString};

/// A child process started by mproc_spawn().
pub struct mproc_process_t(pub(crate) Process);

/// A handle and the name under which the child finds it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_named_handle_t {
    /// 1 to 200 of [A-Za-z0-9._-], not starting with a dot
    pub name: *const c_char,
    /// Stays the caller's.
    pub handle: *const mproc_handle_t,
}

/// How to start a program. Initialise with MPROC_SPAWN_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_spawn_options_t {
    /// sizeof(mproc_spawn_options_t)
    pub size: usize,
    /// The environment, NULL-terminated "NAME=value" strings. NULL: this process's.
    pub envp: *const *const c_char,
    /// Leave 0.
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
}

/// Starts a program that finds handles with mproc_inherited(): the counterpart of Python's
/// Process(target, args=(value, queue)). The program is looked for along PATH if its name has no slash; it
/// inherits standard input, output and error, the handles' descriptors, and whatever other descriptors are
/// not close-on-exec (all of this library's are).
///
/// @param argv             the program and its arguments, NULL-terminated
/// @param handles,count    what to give it; count 0: nothing
/// @param options          NULL: defaults
/// @param[out] process_out the child; close it with mproc_process_close()
/// @retval MPROC_OK      started    @retval MPROC_EINVAL  NULL, empty argv, or the same name twice
/// @retval MPROC_ENAME   not a name    @retval MPROC_ENOENT  no such program    @retval MPROC_EACCES  not executable
/// @retval MPROC_ESYS    the system refused (too many processes or descriptors …)
/// Blocks: until the program runs.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_spawn(
    argv: *const *const c_char,
    handles: *const mproc_named_handle_t,
    count: usize,
    options: *const mproc_spawn_options_t,
    process_out: *mut *mut mproc_process_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (options, process_out) = (copy_options(options)?, out(process_out)?);
            let options: Option<mproc_spawn_options_t> = options;
            if options.is_some_and(|o| o.flags != 0 || o.reserved != 0) {
                return Err(Error::invalid("a reserved field is not 0"));
            }
            let argv = texts(argv)?.ok_or(Error::invalid("argv is NULL"))?;
            let envp = options.map_or(Ok(None), |o| texts(o.envp))?;
            let mut named = Vec::new();
            for h in slice(handles, count)? {
                named.push((c_str(h.name)?, &borrow(h.handle)?.0));
            }
            process_out.write(give(mproc_process_t(Spawn { argv, envp, handles: named }.start()?)));
            Ok(0)
        }
    })
}

/// A NULL-terminated list of strings, copied.
///
/// # Safety
/// `list` is NULL or such a list.
unsafe fn texts(list: *const *const c_char) -> Result<Option<Vec<CString>>> {
    if list.is_null() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for i in 0.. {
        // SAFETY: the list has an entry at i: none before was the NULL that ends it (this function's contract).
        let text = unsafe { list.add(i).read() };
        if text.is_null() {
            break;
        }
        // SAFETY: not NULL, so NUL-terminated (this function's contract).
        all.push(unsafe { CStr::from_ptr(text) }.to_owned());
    }
    Ok(Some(all))
}

/// The child's process id.
///
/// @param[out] pid_out  the id
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_process_pid(process: *const mproc_process_t, pid_out: *mut c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (process, pid_out) = unsafe { (borrow(process)?, out(pid_out)?) };
        pid_out.write(process.0.pid());
        Ok(0)
    })
}

/// Waits for the child to end, and reaps it. Afterwards it can be asked again: the answer stays the same.
///
/// @param[out] exit_out    its exit code; -1 if it was killed by a signal. May be NULL.
/// @param[out] signal_out  the signal that killed it, else 0. May be NULL.
/// @param timeout_ns       nanoseconds; MPROC_FOREVER waits, 0 looks once    @param cancel  NULL or a token
/// @retval MPROC_OK  it has ended    @retval MPROC_ETIMEDOUT  it runs    @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_ESYS    somebody else reaped it, or this is not its parent process
/// Blocks: up to timeout_ns.  Threads: any.  Fork: only in the process that started it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_process_wait(
    process: *const mproc_process_t,
    exit_out: *mut c_int,
    signal_out: *mut c_int,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (exit, signal) = match borrow(process)?.0.wait(wait(timeout_ns, cancel)?)? {
                Exit::Code(code) => (code, 0),
                Exit::Signal(signal) => (-1, signal),
            };
            opt_out(exit_out).write(exit);
            opt_out(signal_out).write(signal);
            Ok(0)
        }
    })
}

/// Sends the child a signal. Never hits another process that got the same pid later.
///
/// @param signal     SIGTERM, SIGKILL …
/// @retval MPROC_OK  sent, or it has ended already    @retval MPROC_EINVAL  NULL or no such signal   @retval MPROC_ESYS
/// Blocks: no.  Threads: any.  Fork: only in the process that started it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_process_kill(process: *const mproc_process_t, signal: c_int) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(process) }?.0.kill(signal).map(|()| 0)
    })
}

/// Ends the handle; the child goes on. A child that was not waited for stays a zombie until this process
/// ends, unless it has ended by now. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_process_close(process: *mut mproc_process_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(process) }
}
