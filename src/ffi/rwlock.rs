//! The readers-writer lock.

use super::boundary::{
    borrow, c_name, copy_options, copy_struct_out, create, free, get_lock, give, out, run, status_of, wait,
};
use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, mproc_owner_t, with_site};
use super::handle::mproc_handle_t;
use super::types::MPROC_FOREVER;
use crate::manager::{RwLock, Site};
use crate::objects::ObjectOptions;
use crate::sync::raw::AtOnce;
use crate::Error;
use std::ffi::{c_char, c_int};

/// A robust readers-writer lock: any number of readers, or one writer. A writer that waits keeps new readers out, so
/// writers are not starved. Reading and writing belong to a process (not to a thread): any of its threads may release.
/// Not recursive: a thread that reads and wants to read again can deadlock with a writer that came in between.
///
/// A reader that dies is simply gone. A writer that dies inside leaves what the lock protects half done: from then on
/// read_lock() and write_lock() say MPROC_RECOVERED, until a writer has released the lock.
///
/// Of a manager's that is remote, the connection stands for the process: if it is lost, what it holds goes as if the
/// process had died, and its calls return MPROC_ECONNECTION. Signals do not end its waits.
pub struct mproc_rwlock_t(pub(crate) RwLock);

/// What an rwlock is like right now: a snapshot, for people and logs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_rwlock_info_t {
    /// The process that writes, or waits for the readers to leave; held is 0 if there is none.
    pub writer: mproc_owner_t,
    /// Read locks that are held by living processes.
    pub readers: u32,
    /// How many living processes hold them.
    pub reading_processes: u32,
    /// 1 if a writer holds the lock (0 if it is still waiting for readers).
    pub writing: i32,
    /// 1 if a writer died inside and no writer has released the lock since.
    pub inconsistent: i32,
    /// How often the lock was taken over from a dead writer, or a dead reader was dropped.
    pub steals: u32,
    /// 0
    pub reserved: u32,
}

/// How to create or open an rwlock. Initialise with MPROC_RWLOCK_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_rwlock_options_t {
    /// sizeof(mproc_rwlock_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
}

/// Creates an rwlock. It appears whole or not at all.
///
/// @param domain         NULL: the default domain
/// @param name           NULL: anonymous, reached by forked children and through handles (mproc_handle_t)
/// @param options        NULL: defaults
/// @param[out] rwlock_out  the handle; close it with mproc_rwlock_close()
/// @retval MPROC_OK      created    @retval MPROC_EXISTED  opened an existing one (MPROC_EXIST_OK)
/// @retval MPROC_EINVAL  NULL, unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_EEXIST  the name is taken    @retval MPROC_EKIND  with MPROC_EXIST_OK: by another kind
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room, nothing left behind
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_create(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_rwlock_options_t,
    rwlock_out: *mut *mut mproc_rwlock_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, rwlock_out) = (object_options(copy_options(options)?)?, out(rwlock_out)?);
            let make = |site: &Site, name: Option<&str>| RwLock::create(site, name, &wanted);
            create(domain, name, make, |rwlock| rwlock_out.write(give(mproc_rwlock_t(rwlock))))
        }
    })
}

/// Opens an existing rwlock by name.
///
/// @param domain         NULL: the default domain    @param name  not NULL
/// @param options        NULL: defaults; only MPROC_NO_SPIN and MPROC_RETURN_ON_SIGNAL have a meaning here
/// @param[out] rwlock_out  the handle; close it with mproc_rwlock_close()
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object    @retval MPROC_EKIND  another kind of object
/// @retval MPROC_EBUSY    a stopped process is in the middle of removing the name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESLOTS MPROC_EVERSION MPROC_EDOMAIN MPROC_ECORRUPT MPROC_ENOTSUP MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_open(
    domain: *const mproc_domain_t,
    name: *const c_char,
    options: *const mproc_rwlock_options_t,
    rwlock_out: *mut *mut mproc_rwlock_t,
) -> c_int {
    run(|| {
        // SAFETY: pointers are NULL or valid as documented.
        unsafe {
            let (wanted, rwlock_out) = (object_options(copy_options(options)?)?, out(rwlock_out)?);
            let name = c_name(name)?;
            let rwlock = with_site(domain, |site| RwLock::open(site, name, &wanted))?;
            rwlock_out.write(give(mproc_rwlock_t(rwlock)));
            Ok(0)
        }
    })
}

/// Ends the handle. What this process holds stays held while it has any handle in the domain; when the last one is
/// closed the process leaves the domain, as if it had died. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_close(rwlock: *mut mproc_rwlock_t) {
    // SAFETY: NULL or a handle that is not closed yet.
    unsafe { free(rwlock) }
}

/// Takes the lock for reading: at once, unless a writer holds it or waits for it.
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         held
/// @retval MPROC_RECOVERED  held; a writer died inside, and no writer has released the lock since
/// @retval MPROC_ETIMEDOUT  a writer holds it or waits for it   @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EOVERFLOW  taken 2^24 - 1 times by this process   @retval MPROC_EINVAL  NULL or bad timeout
/// @retval MPROC_ESLOTS     1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any; the process holds it.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_read_lock(
    rwlock: *const mproc_rwlock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    // The way that is taken nearly always has a frame of its own: none. Trying once is right for every timeout.
    if timeout_ns >= MPROC_FOREVER {
        // SAFETY: NULL or a live handle.
        match unsafe { rwlock.as_ref() }.map(|l| l.0.read_at_once()) {
            Some(AtOnce::In(acquired)) => return status_of(acquired),
            // SAFETY: as documented; live.
            Some(AtOnce::Counted) => return unsafe { mproc_rwlock_read_lock_again(rwlock, timeout_ns, cancel) },
            Some(AtOnce::No) | None => {}
        }
    }
    // SAFETY: as documented.
    unsafe { mproc_rwlock_read_lock_slow(rwlock, timeout_ns, cancel) }
}

/// There is a writer after all.
#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_rwlock_read_lock_again(
    rwlock: *const mproc_rwlock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    // SAFETY: a live handle, as the caller has seen.
    if let Some(rwlock) = unsafe { rwlock.as_ref() } {
        rwlock.0.read_unlock_at_once();
    }
    // SAFETY: as documented.
    unsafe { mproc_rwlock_read_lock_slow(rwlock, timeout_ns, cancel) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_rwlock_read_lock_slow(
    rwlock: *const mproc_rwlock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(rwlock)?.0.read_lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Takes the lock for reading if that is possible at once: mproc_rwlock_read_lock() with timeout 0.
///
/// @retval MPROC_OK  @retval MPROC_RECOVERED  as above   @retval MPROC_ETIMEDOUT  a writer holds it or waits for it
/// @retval MPROC_EOVERFLOW  @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_read_try(rwlock: *const mproc_rwlock_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_rwlock_read_lock(rwlock, 0, std::ptr::null()) }
}

/// Gives up one read lock of this process.
///
/// @retval MPROC_OK  @retval MPROC_EPERM  this process holds none   @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_read_unlock(rwlock: *const mproc_rwlock_t) -> c_int {
    // As mproc_rwlock_read_lock().
    // SAFETY: NULL or a live handle.
    if unsafe { rwlock.as_ref() }.is_some_and(|l| l.0.read_unlock_at_once()) {
        return 0;
    }
    // SAFETY: as documented.
    unsafe { mproc_rwlock_read_unlock_slow(rwlock) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn mproc_rwlock_read_unlock_slow(rwlock: *const mproc_rwlock_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(rwlock) }?.0.read_unlock().map(|()| 0)
    })
}

/// Takes the lock for writing: when no other writer has it and all readers have left. While it waits, no new reader
/// gets in. (Waits for itself if this process holds a read lock.)
///
/// @param timeout_ns  nanoseconds; MPROC_FOREVER waits, 0 tries once
/// @param cancel      NULL or a token that ends the wait
/// @retval MPROC_OK         held    @retval MPROC_RECOVERED  held; a writer died inside, and this is the first since
/// @retval MPROC_ETIMEDOUT  still held by somebody   @retval MPROC_ECANCELED  the token was set
/// @retval MPROC_EINTR      a signal handler ran (only with MPROC_RETURN_ON_SIGNAL)
/// @retval MPROC_EINVAL  NULL or bad timeout   @retval MPROC_ESLOTS  1022 processes have joined the domain
/// Blocks: up to timeout_ns.  Threads: any; the process holds it.  Fork: the child does not hold it.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_write_lock(
    rwlock: *const mproc_rwlock_t,
    timeout_ns: i64,
    cancel: *const mproc_cancel_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or live handles.
        unsafe { get_lock(|limits| borrow(rwlock)?.0.write_lock(limits), wait(timeout_ns, cancel)) }
    })
}

/// Takes the lock for writing if that is possible at once: mproc_rwlock_write_lock() with timeout 0.
///
/// @retval MPROC_OK  @retval MPROC_RECOVERED  as above   @retval MPROC_ETIMEDOUT  held by somebody
/// @retval MPROC_EINVAL  NULL   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_write_try(rwlock: *const mproc_rwlock_t) -> c_int {
    // SAFETY: NULL or a live handle.
    unsafe { mproc_rwlock_write_lock(rwlock, 0, std::ptr::null()) }
}

/// Releases the lock after writing: to the next writer if one sleeps, else to all readers. (A waiting writer that is
/// just awake, to look whether the holder lives, may come after readers that wait; so may one that a busy machine lets
/// wait.)
///
/// @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it for writing   @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: any.  Fork: a child cannot release its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_write_unlock(rwlock: *const mproc_rwlock_t) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle.
        unsafe { borrow(rwlock) }?.0.write_unlock().map(|()| 0)
    })
}

/// A fencing token, for who writes: see mproc_lock_token().
///
/// @param[out] token_out  1 or greater
/// @retval MPROC_OK  @retval MPROC_EPERM  this process does not hold it for writing   @retval MPROC_EINVAL  NULL
/// @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: a child does not hold its parent's.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_token(rwlock: *const mproc_rwlock_t, token_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; token_out is NULL or valid.
        let (rwlock, token_out) = unsafe { (borrow(rwlock)?, out(token_out)?) };
        token_out.write(rwlock.0.token()?);
        Ok(0)
    })
}

/// Who holds the lock right now: a snapshot, for people and logs. Asks the kernel once for each process that reads.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_rwlock_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_info(
    rwlock: *const mproc_rwlock_t,
    info_out: *mut mproc_rwlock_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(rwlock)?.0.info()?;
            let info = mproc_rwlock_info_t {
                writer: i.writer.into(),
                readers: i.readers,
                reading_processes: i.reading_processes,
                writing: i32::from(i.writing),
                inconsistent: i32::from(i.inconsistent),
                steals: i.steals,
                reserved: 0,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// A handle on the rwlock that can travel to other processes: see mproc_handle_t.
///
/// @param[out] handle_out  close it with mproc_handle_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL
/// @retval MPROC_ENOTSUP MPROC_ESYS MPROC_ESTALE  as mproc_queue_export()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_export(
    rwlock: *const mproc_rwlock_t,
    handle_out: *mut *mut mproc_handle_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (rwlock, handle_out) = unsafe { (borrow(rwlock)?, out(handle_out)?) };
        handle_out.write(give(mproc_handle_t(rwlock.0.export()?)));
        Ok(0)
    })
}

/// Opens the rwlock that a handle from another process leads to, and joins its domain.
///
/// @param handle   stays the caller's    @param options  NULL: defaults; as mproc_rwlock_open()
/// @param[out] rwlock_out  close it with mproc_rwlock_close()
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or unknown flag   @retval MPROC_EKIND  the handle is on another kind
/// @retval others  as mproc_queue_import()
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_rwlock_import(
    handle: *const mproc_handle_t,
    options: *const mproc_rwlock_options_t,
    rwlock_out: *mut *mut mproc_rwlock_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        unsafe {
            let (handle, wanted, rwlock_out) =
                (borrow(handle)?, object_options(copy_options(options)?)?, out(rwlock_out)?);
            rwlock_out.write(give(mproc_rwlock_t(RwLock::import(&handle.0, &wanted)?)));
            Ok(0)
        }
    })
}

fn object_options(options: Option<mproc_rwlock_options_t>) -> crate::Result<ObjectOptions> {
    match options {
        Some(o) if o.reserved != 0 => Err(Error::invalid("a reserved field is not 0")),
        Some(o) => ObjectOptions::common(o.flags),
        None => Ok(ObjectOptions::default()),
    }
}
