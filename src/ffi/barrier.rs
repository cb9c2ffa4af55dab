//! The barrier.

use super::boundary::{borrow, c_name, copy_options, copy_struct_out, create, free, give, opt_out, out, run, wait};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, with_site};
use super::handle::mproc_handle_t;
use crate::manager::{Barrier, Site};
use crate::objects::{BarrierOptions, ObjectOptions};
use crate::Error;
use std::ffi::{c_char, c_int, c_void};

/// A place where a fixed number of parties (threads of any processes) wait for each other, again and again.
///
/// It breaks when a party gives up waiting (timeout, cancel, signal), calls abort, or dies while it waits; also when a
/// process dies that has registered (mproc_barrier_register()), before it arrives. Then everybody who waits, and
/// whoever comes until mproc_barrier_reset(), gets MPROC_EBROKEN.
///
/// Of a manager's that is remote, the connection stands for the process, also for what was registered: that is taken
/// back when the last handle on the barrier is closed. If the connection is lost, the barrier breaks as if the process
/// had died, and calls return MPROC_ECONNECTION. Actions run in the caller. Signals do not end its waits.
pub struct mproc_barrier_t(pub(crate) Barrier);

/// The most parties.
pub const MPROC_BARRIER_MAX: u32 = 1022;

/// How to create or open a barrier. Initialise with MPROC_BARRIER_OPTIONS_INIT and set parties.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_barrier_options_t {
    /// sizeof(mproc_barrier_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
    pub flags: u32,
    /// How many have to come: 1 to MPROC_BARRIER_MAX. Only used when creating.
    pub parties: u32,
}

/// What a barrier is like right now: a snapshot.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_barrier_info_t {
    /// How many have to come.
    pub parties: u32,
    /// How many wait.
    pub waiting: u32,
    /// 1 if it is broken.
    pub broken: i32,
    /// Registrations of living processes.
    pub registered: u32,
    /// How often it was passed, broken or reset; wraps.
    pub generation: u32,
    /// Deaths that were noticed: of parties that waited, and of processes that had registered.
    pub deaths: u32,
}

/// Creates a barrier. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        not NULL
/// @param[out] barrier_out  the handle; close it with mproc_barrier_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL, unknown flag, or parties out of range   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ETYPE  with MPROC_EXIST_OK: it was made with other parameters
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_barrier_options_t,
    barrier_out: *mut *mut mproc_barrier_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, barrier_out) = (
                wanted_options(copy_options(options)?.ok_or(Error::invalid("the options are NULL"))?)?,
                out(barrier_out)?,
            );
            let make = |site: &Site, name: Option<&str>| Barrier::create(site, name, &wanted);
            create(domain, name, make, |barrier| barrier_out.write(give(mproc_barrier_t(barrier))))
        }
    })
}

/// Opens an existing barrier by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
/// @param[out] barrier_out  the handle; close it with mproc_barrier_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_barrier_options_t,
    barrier_out: *mut *mut mproc_barrier_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, barrier_out) = (object_options(copy_options(options)?)?, out(barrier_out)?);
            let name = c_name(name)?;
            let barrier = with_site(domain, |site| Barrier::open(site, name, &wanted))?;
            barrier_out.write(give(mproc_barrier_t(barrier)));
            Ok(0)
        }
    })
}

/// Ends the handle, and with it the registrations made through it. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_close(barrier: *mut mproc_barrier_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(barrier) }
}

/// Arrives, and waits until all parties have.
///
/// With timeout 0 it passes only if it is the last to come; otherwise it has not arrived, and nothing breaks. (Nor does
/// it if all had come already, and this call was waiting for the last one's action to end, to be in the next round.)
///
/// @param timeout_ns      nanoseconds; MPROC_FOREVER waits, 0: see above
/// @param cancel          NULL or a token that ends the wait
/// @param[out] index_out  0 to parties - 1, another for each party of a round: whoever comes first gets 0. May be NULL.
/// @retval MPROC_OK         all have come
/// @retval MPROC_EBROKEN    broken: by somebody else's timeout, cancel, signal, abort or death, or reset meanwhile
/// @retval MPROC_ETIMEDOUT  not all came in time: this call broke the barrier (unless timeout_ns was 0)
/// @retval MPROC_ECANCELED  the token was set: this call broke the barrier
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL): this call broke the barrier
/// @retval MPROC_EINVAL     NULL or bad timeout   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
/// @retval MPROC_EFULL      not in time (with MPROC_FOREVER never): too many parties of earlier rounds are still here
/// Blocks: up to timeout_ns.  Threads: any; each call is a party.  Fork: a child is not one of its parent's parties.
/// Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_wait(
    barrier: *const mproc_barrier_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
    index_out: *mut u32,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles; index_out is NULL or valid.
        unsafe {
            let index = borrow(barrier)?.0.wait(wait(timeout_ns, cancel)?)?;
            opt_out(index_out).write(index);
            Ok(0)
        }
    })
}

/// As mproc_barrier_wait(); the last party to come runs `action` before anybody passes. Other parties may give other
/// actions: only the last one's is run.
///
/// @param action   called once in each round, in the last party; anything but 0 breaks the barrier. It may use any
///                 object, but not wait for this barrier.
/// @param context  given to it
/// @param timeout_ns,cancel,index_out  as mproc_barrier_wait()
/// @retval MPROC_EBROKEN  also: the action returned something else than 0, or its process died in it
/// @retval others  as mproc_barrier_wait()
/// Blocks: up to timeout_ns, and as long as its own action takes.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_wait_action(
    barrier: *const mproc_barrier_t,
    action: Option<unsafe extern "C" fn(context: *mut c_void) -> c_int>,
    context: *mut c_void,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
    index_out: *mut u32,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles; index_out is NULL or valid; the action is the caller's to answer for.
        unsafe {
            let action = action.ok_or(Error::invalid("the action is NULL"))?;
            let index = borrow(barrier)?.0.wait_with(wait(timeout_ns, cancel)?, || action(context) == 0)?;
            opt_out(index_out).write(index);
            Ok(0)
        }
    })
}

/// Breaks the barrier, until it is reset.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
/// Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_abort(barrier: *const mproc_barrier_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(barrier) }?.0.abort().map(|()| 0)
    })
}

/// Makes the barrier as new: those who wait get MPROC_EBROKEN, whoever comes then begins a new round.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
/// Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_reset(barrier: *const mproc_barrier_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(barrier) }?.0.reset().map(|()| 0)
    })
}

/// Promises that this process will come: if it dies (or leaves the domain) before it takes that back, the barrier
/// breaks, within about 100 ms while anybody waits. Counts: as often as registered, it has to be taken back.
///
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  internal lock held   @retval MPROC_ESLOTS
/// @retval MPROC_EOVERFLOW  2^24 - 1 times
/// Blocks: no, but for an internal lock (busy_timeout).  Threads: any.  Fork: the child has not registered.
/// Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_register(barrier: *const mproc_barrier_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(barrier) }?.0.register().map(|()| 0)
    })
}

/// Takes one registration back; before this process ends, if it ends as planned.
///
/// @retval MPROC_OK  @retval MPROC_EPERM  none was made through this handle   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: a child cannot take back its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_unregister(barrier: *const mproc_barrier_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(barrier) }?.0.unregister().map(|()| 0)
    })
}

/// What the barrier is like right now: a snapshot.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_barrier_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_info(
    barrier: *const mproc_barrier_t,
    info_out: *mut mproc_barrier_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(barrier)?.0.info()?;
            let info = mproc_barrier_info_t {
                parties: i.parties,
                waiting: i.waiting,
                broken: i32::from(i.broken),
                registered: i.registered,
                generation: i.generation,
                deaths: i.deaths,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on the barrier that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_export(
    barrier: *const mproc_barrier_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (barrier, handle_out) = unsafe { (borrow(barrier)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(barrier.0.export()?)));
        Ok(0)
    })
}

/// Opens the barrier that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_barrier_open()
/// @param[out] barrier_out  close it with mproc_barrier_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_barrier_import(
    handle: *const mproc_handle_t,
    options: *const mproc_barrier_options_t,
    barrier_out: *mut *mut mproc_barrier_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, barrier_out) =
                (borrow(handle)?, object_options(copy_options(options)?)?, out(barrier_out)?);
            barrier_out.write(give(mproc_barrier_t(Barrier::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

fn wanted_options(o: mproc_barrier_options_t) -> crate::Result<BarrierOptions> {
    Ok(BarrierOptions { object: ObjectOptions::common(o.flags)?, parties: o.parties })
}

fn object_options(options: Option<mproc_barrier_options_t>) -> crate::Result<ObjectOptions> {
    ObjectOptions::common(options.map_or(0, |o| o.flags))
}
