//! Domains.

use super::boundary::{
    borrow, c_name, c_str, copy_options, copy_struct_out, copy_text_out, free, give, opt_out, opt_str, out, run,
};
use crate::manager::Site;
use crate::shm::{Domain, DomainOptions};
use std::ffi::{c_char, c_int};

/// A domain: a set of processes and objects that know each other; a directory on tmpfs, or anonymous.
pub struct mproc_domain_t(pub(crate) Site);

/// The domain's directory and files are for a group: 2770 and 0660 instead of 0700 and 0600.
/// Every member of the directory's group is then as trusted as the owner.
pub const MPROC_DOMAIN_GROUP: u32 = 1;
/// A domain without a name in the file system: it lives in memory file descriptors and is shared with
/// forked children, and with whoever gets a handle on one of its objects. Its objects are anonymous.
pub const MPROC_DOMAIN_ANONYMOUS: u32 = 2;
/// Fail with MPROC_ENOENT instead of creating the domain when it is not there yet.
pub const MPROC_DOMAIN_EXISTING: u32 = 4;

/// How to open a domain. Initialise with MPROC_DOMAIN_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_domain_options_t {
    /// sizeof(mproc_domain_options_t)
    pub size: usize,
    /// Directory; absolute. NULL: the environment variable MPROC_DOMAIN, else /dev/shm/mproc-<euid>.
    pub path: *const c_char,
    /// MPROC_DOMAIN_... or 0
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
    /// Nanoseconds an internal lock may be held by a living process before a call gives up with
    /// MPROC_EBUSY. 0: 5 seconds.
    pub busy_timeout_ns: i64,
}

/// A process as shared memory knows it. Pid, start time and command are for people: they decide nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_owner_t {
    /// 1 if there is an owner, else 0 (then the rest is 0).
    pub held: i32,
    /// 1 if the owner lives, 0 if it is known to be dead.
    pub alive: i32,
    /// 1 if it is the calling process.
    pub is_self: i32,
    /// Slot index in the domain's registry.
    pub slot: u32,
    /// Generation of the slot.
    pub generation: u64,
    /// Process id in the owner's own pid namespace.
    pub pid: i32,
    /// Leave unused.
    pub reserved: u32,
    /// Start time in clock ticks after boot (field 22 of /proc/PID/stat); 0 if unknown.
    pub start_time: u64,
    /// Command name, NUL-terminated.
    pub command: [c_char; 32],
}

/// Opens a domain, creating it if need be, and joins it. Opening the same domain again in one process
/// gives another handle on the same membership. Functions that take a domain accept NULL for the
/// default domain, so most programs never call this.
///
/// @param options          NULL for the default domain with default settings
/// @param[out] domain_out  the handle; close it with mproc_domain_close()
/// @retval MPROC_OK
/// @retval MPROC_EINVAL    NULL output, unknown flag, or a path that is relative or too long
/// @retval MPROC_EACCES    the directory or registry has the wrong owner, type or mode
/// @retval MPROC_ENOENT    MPROC_DOMAIN_EXISTING and it is not there, or its parent directory is missing
/// @retval MPROC_ENOSPC MPROC_ENOMEM  no room   @retval MPROC_ESLOTS  1022 processes have joined
/// @retval MPROC_EVERSION  made by a library with another memory layout
/// @retval MPROC_ECORRUPT  the registry makes no sense   @retval MPROC_ESYS  a system call failed
/// @retval MPROC_EBUSY     another process has been creating or removing the domain for a second
/// Blocks: briefly, for the file system.  Threads: any.  Fork: the handle works in the child.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_open(
    options: *const mproc_domain_options_t,
    domain_out: *mut *mut mproc_domain_t,
) -> c_int {
    run(|| {
        // SAFETY: the caller passes NULL or valid pointers; options start with their size.
        let (options, domain_out) = unsafe { (copy_options(options)?, out(domain_out)?) };
        let mut wanted = DomainOptions::default();
        if let Some(o) = options {
            let o: mproc_domain_options_t = o;
            // SAFETY: the options' path is NULL or a NUL-terminated string.
            wanted.path = unsafe { opt_str(o.path) }?.map(Into::into);
            wanted = wanted.flags(o.flags, o.reserved)?.busy_timeout_ns(o.busy_timeout_ns)?;
        }
        domain_out.write(give(mproc_domain_t(Site::Domain(Domain::open(&wanted)?))));
        Ok(0)
    })
}

/// Ends the handle. Objects opened through it keep the membership alive. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_close(domain: *mut mproc_domain_t) {
    // SAFETY: the caller passes NULL or a handle that it has not closed yet.
    unsafe { free(domain) }
}

/// The domain's directory as a NUL-terminated string; "" for an anonymous domain.
///
/// @param domain        NULL: the default domain
/// @param buf,cap       where to, and its size with the NUL
/// @param[out] len_out  bytes needed with the NUL; also written on MPROC_EMSGSIZE. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EINVAL  buf is NULL   @retval MPROC_EMSGSIZE  cap too small
/// @retval others    with domain NULL: as mproc_domain_open()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_path(
    domain: *const mproc_domain_t,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> c_int {
    run(|| {
        // SAFETY: domain is NULL or a handle; buf has cap bytes; len_out is NULL or valid.
        unsafe { with_domain(domain, |d| copy_text_out(&d.path().to_string_lossy(), buf, cap, len_out)) }
    })
}

/// The domain's 128-bit identity, as recorded in its registry and in every object.
///
/// @param domain       NULL: the default domain
/// @param[out] id_out  16 bytes
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval others  with domain NULL: as mproc_domain_open()
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_id(domain: *const mproc_domain_t, id_out: *mut u8) -> c_int {
    run(|| {
        // SAFETY: id_out is NULL or has 16 bytes; domain is NULL or a handle.
        unsafe {
            let id_out = out(id_out.cast::<[u8; 16]>())?;
            with_domain(domain, |d| {
                id_out.write(d.id());
                Ok(0)
            })
        }
    })
}

/// The calling process as other members of the domain see it.
///
/// @param domain          NULL: the default domain
/// @param[out] owner_out  filled; @param owner_size  sizeof(mproc_owner_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_ESLOTS  1022 processes have joined
/// @retval others    with domain NULL: as mproc_domain_open()
/// Blocks: no.  Threads: any.  Fork: the child gets its own identity.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_self(
    domain: *const mproc_domain_t,
    owner_out: *mut mproc_owner_t,
    owner_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: domain is NULL or a handle; owner_out has owner_size bytes.
        unsafe {
            with_domain(domain, |d| {
                let info: mproc_owner_t = d.describe(d.me()?.word()).into();
                copy_struct_out(&info, owner_out, owner_size)
            })
        }
    })
}

/// Removes the name of an object of any kind. Whoever uses it goes on; the memory lives until the last
/// of them is gone. The name is free at once.
///
/// @param domain  NULL: the default domain    @param name  the object's name
/// @retval MPROC_OK      @retval MPROC_EINVAL  NULL   @retval MPROC_ENAME  not a name
/// @retval MPROC_ENOENT  no such object   @retval MPROC_EACCES  permission   @retval MPROC_ESTALE
/// @retval MPROC_ENOTSUP the domain is anonymous: it has no names
/// @retval MPROC_EBUSY   a stopped process is removing a name   @retval MPROC_ESYS
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_unlink(domain: *const mproc_domain_t, name: *const c_char) -> c_int {
    run(|| {
        // SAFETY: domain is NULL or a handle; name is NULL or NUL-terminated.
        unsafe {
            let name = c_name(name)?;
            with_site(domain, |site| site.unlink(name).map(|()| 0))
        }
    })
}

/// Removes every object of the domain that nobody uses and that was not made with MPROC_PERSIST: what
/// killed processes left behind. Creating and opening do this by themselves, at most once a second.
///
/// @param domain            NULL: the default domain
/// @param[out] removed_out  how many were removed; may be NULL
/// @retval MPROC_OK  @retval MPROC_EBUSY  a stopped process is removing a name
/// @retval MPROC_EACCES MPROC_ESTALE MPROC_ESYS
/// Blocks: briefly, for the file system.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_sweep(domain: *const mproc_domain_t, removed_out: *mut usize) -> c_int {
    run(|| {
        // SAFETY: domain is NULL or a handle; removed_out is NULL or valid.
        unsafe {
            with_domain(domain, |d| {
                let removed = d.sweep()?;
                opt_out(removed_out).write(removed);
                Ok(0)
            })
        }
    })
}

/// Removes a whole domain directory, with persistent objects, if no living process has joined it and
/// nobody uses an object in it. Foreign files in the directory are left alone, and the directory with them.
///
/// @param path  directory of the domain; not NULL
/// @retval MPROC_OK      removed, or it was not there
/// @retval MPROC_EINVAL  NULL or not absolute   @retval MPROC_EBUSY  somebody is in it
/// @retval MPROC_EACCES  wrong owner or mode    @retval MPROC_ESYS  a system call failed
/// Blocks: briefly, for the file system.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_domain_remove(path: *const c_char) -> c_int {
    run(|| {
        // SAFETY: path is NULL or NUL-terminated.
        let path = unsafe { c_str(path) }?;
        Domain::remove(path.as_ref()).map(|()| 0)
    })
}

/// Runs `f` on the given domain or, for NULL, on the default one; not on a manager's.
///
/// # Safety
/// `domain` is NULL or a live handle.
pub(super) unsafe fn with_domain<T>(
    domain: *const mproc_domain_t,
    f: impl FnOnce(&Domain) -> crate::Result<T>,
) -> crate::Result<T> {
    // SAFETY: this function's contract.
    unsafe { with_site(domain, |site| f(site.near()?)) }
}

/// Runs `f` on the given domain or, for NULL, on the default one.
///
/// # Safety
/// `domain` is NULL or a live handle.
pub(super) unsafe fn with_site<T>(
    domain: *const mproc_domain_t,
    f: impl FnOnce(&Site) -> crate::Result<T>,
) -> crate::Result<T> {
    if domain.is_null() {
        f(&Site::Domain(Domain::open_default()?))
    } else {
        // SAFETY: not NULL, so a live handle by this function's contract.
        f(&unsafe { borrow(domain) }?.0)
    }
}
