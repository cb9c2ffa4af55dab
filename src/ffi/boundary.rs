//! The boundary: guards against panics and NULL, ownership of handles, copying of options and texts, and
//! the calling thread's last error.

use super::cancel::mproc_cancel_t;
use super::domain::{mproc_domain_t, mproc_owner_t, with_site};
use super::status::{MPROC_EINVAL, MPROC_EPANIC, MPROC_EXISTED, MPROC_RECOVERED};
use crate::manager::Site;
use crate::objects::Acquired;
use crate::shm::Owner;
use crate::sync::{Cancel, Limits, Timeout};
use crate::{Error, Result};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::MaybeUninit;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// The details of a thread's last error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_error_t {
    /// MPROC_E...; 0 if no call of this thread failed yet.
    pub status: i32,
    /// errno of the system call behind it, or 0.
    pub sys_errno: i32,
    /// What went wrong, in English, NUL-terminated (cut to fit).
    pub message: [c_char; 248],
}

const NO_ERROR: mproc_error_t = mproc_error_t { status: 0, sys_errno: 0, message: [0; 248] };

thread_local! {
    static LAST: RefCell<mproc_error_t> = const { RefCell::new(NO_ERROR) };
}

/// Copies the details of the calling thread's last failed call. Calls that succeed leave it alone.
///
/// @param[out] error_out  filled   @param error_size  sizeof(mproc_error_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0
/// Blocks: no.  Threads: each has its own.  Fork: the child inherits a copy.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_last_error(error_out: *mut mproc_error_t, error_size: usize) -> c_int {
    if error_out.is_null() || error_size == 0 {
        return MPROC_EINVAL; // without recording it: the caller is asking for the error before
    }
    let last = LAST.with(|last| *last.borrow());
    // SAFETY: error_out is not NULL and has error_size bytes (contract of the function).
    match unsafe { copy_struct_out(&last, error_out, error_size) } {
        Ok(status) => status,
        Err(_) => MPROC_EINVAL,
    }
}

#[cold]
fn record(status: c_int, sys_errno: i32, text: &str) -> c_int {
    LAST.with(|last| {
        let mut last = last.borrow_mut();
        *last = mproc_error_t { status, sys_errno, ..NO_ERROR };
        copy_text(text, &mut last.message);
    });
    status
}

#[cold]
pub(super) fn fail(error: &Error) -> c_int {
    record(error.status(), error.errno(), &error.to_string())
}

/// Copies `text` with a NUL, cut at a character boundary if it does not fit.
fn copy_text(text: &str, to: &mut [c_char]) {
    let mut len = text.len().min(to.len() - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    for (to, from) in to.iter_mut().zip(&text.as_bytes()[..len]) {
        *to = *from as c_char;
    }
    to[len] = 0;
}

/// Runs the body of an exported function: no panic gets past it, and an error is recorded.
#[inline]
pub(super) fn run(body: impl FnOnce() -> Result<c_int>) -> c_int {
    // AssertUnwindSafe: the only state that outlives the call is shared memory, which must be sound at
    // every instant anyway (a kill may come anywhere a panic could), and handles, which are immutable.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => fail(&error),
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
                .unwrap_or("panic");
            record(MPROC_EPANIC, 0, text)
        }
    }
}

/// A handle the caller will own.
pub(super) fn give<T>(handle: T) -> *mut T {
    Box::into_raw(Box::new(handle))
}

/// Takes a handle back and drops it; a panic in its destructor stays inside.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and was not freed yet.
pub(super) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        run(|| {
            // SAFETY: from give(), not freed yet (this function's contract).
            drop(unsafe { Box::from_raw(handle) });
            Ok(0)
        });
    }
}

/// The object behind a handle, or MPROC_EINVAL for NULL.
///
/// # Safety
/// `handle` is NULL or live, and stays so for `'a`.
#[inline]
pub(super) unsafe fn borrow<'a, T>(handle: *const T) -> Result<&'a T> {
    // SAFETY: NULL or live (this function's contract).
    unsafe { handle.as_ref() }.ok_or(Error::invalid("the handle is NULL"))
}

/// An output of the caller's.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Writes the output; NULL (only from [`opt_out`]) swallows it.
    #[inline]
    pub(super) fn write(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: out() and opt_out() take only valid pointers; C may not have aligned a byte array,
            // hence unaligned.
            unsafe { self.0.write_unaligned(value) }
        }
    }
}

/// A required output, or MPROC_EINVAL for NULL.
///
/// # Safety
/// `pointer` is NULL or valid for one write.
#[inline]
pub(super) unsafe fn out<T>(pointer: *mut T) -> Result<Out<T>> {
    if pointer.is_null() {
        return Err(Error::invalid("an output is NULL"));
    }
    Ok(Out(pointer))
}

/// An optional output.
///
/// # Safety
/// `pointer` is NULL or valid for one write.
#[inline]
pub(super) unsafe fn opt_out<T>(pointer: *mut T) -> Out<T> {
    Out(pointer)
}

/// A C array for reading; length 0 makes the pointer irrelevant.
///
/// # Safety
/// `pointer` is NULL or valid for `count` elements for `'a`.
#[inline]
pub(super) unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() || count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::invalid("a buffer is NULL or its length absurd"));
    }
    // SAFETY: not NULL, valid for count elements (this function's contract), size checked above.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A C array for writing; length 0 makes the pointer irrelevant.
///
/// # Safety
/// `pointer` is NULL or valid for `count` elements for `'a`, and nobody else uses them meanwhile.
#[inline]
pub(super) unsafe fn slice_mut<'a, T>(pointer: *mut T, count: usize) -> Result<&'a mut [MaybeUninit<T>]> {
    if count == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() || count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::invalid("a buffer is NULL or its length absurd"));
    }
    // SAFETY: not NULL, valid for count elements (this function's contract), size checked above;
    // MaybeUninit, because C buffers need not be initialised.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), count) })
}

/// Bytes for reading. As [`slice`].
///
/// # Safety
/// As [`slice`].
#[inline]
pub(super) unsafe fn bytes<'a>(pointer: *const c_void, len: usize) -> Result<&'a [u8]> {
    // SAFETY: this function's contract is slice()'s.
    unsafe { slice(pointer.cast(), len) }
}

/// Bytes for reading while `output`, of the same size, is written: a copy if the two overlap, as they do in
/// the idiom `compare_exchange(v, &x, &y, size, &x)`.
///
/// # Safety
/// As [`slice`]; `output` is only compared.
pub(super) unsafe fn apart<'a>(pointer: *const c_void, output: *const c_void, size: usize) -> Result<Cow<'a, [u8]>> {
    // SAFETY: this function's contract is slice()'s; no reference to `output` exists yet.
    let input: &[u8] = unsafe { bytes(pointer, size) }?;
    let overlap = !output.is_null() && (pointer as usize).abs_diff(output as usize) < size;
    Ok(if overlap { Cow::Owned(input.to_vec()) } else { Cow::Borrowed(input) })
}

/// Bytes for writing. As [`slice_mut`].
///
/// # Safety
/// As [`slice_mut`].
#[inline]
pub(super) unsafe fn bytes_mut<'a>(pointer: *mut c_void, len: usize) -> Result<&'a mut [MaybeUninit<u8>]> {
    // SAFETY: this function's contract is slice_mut()'s.
    unsafe { slice_mut(pointer.cast(), len) }
}

/// A required object name: whatever is not UTF-8 is not a name.
///
/// # Safety
/// As [`c_str`].
pub(super) unsafe fn c_name<'a>(name: *const c_char) -> Result<&'a str> {
    // SAFETY: this function's contract is opt_name()'s.
    unsafe { opt_name(name) }?.ok_or(Error::invalid("a name is NULL"))
}

/// An optional object name.
///
/// # Safety
/// As [`opt_str`].
pub(super) unsafe fn opt_name<'a>(name: *const c_char) -> Result<Option<&'a str>> {
    // SAFETY: this function's contract is opt_str()'s, and NULL is not an error there.
    unsafe { opt_str(name) }.map_err(|_| Error::Name)
}

/// A required string.
///
/// # Safety
/// `text` is NULL or NUL-terminated and unchanged for `'a`.
pub(super) unsafe fn c_str<'a>(text: *const c_char) -> Result<&'a str> {
    // SAFETY: this function's contract is opt_str()'s.
    unsafe { opt_str(text) }?.ok_or(Error::invalid("a string is NULL"))
}

/// An optional string.
///
/// # Safety
/// `text` is NULL or NUL-terminated and unchanged for `'a`.
pub(super) unsafe fn opt_str<'a>(text: *const c_char) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated (this function's contract).
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Error::invalid("a string is not UTF-8"))
}

/// A struct that starts with its size, as C sees it.
///
/// # Safety
/// Implementors are `repr(C)`, begin with `size: usize`, and all-zero bytes are a valid value.
pub(super) unsafe trait Sized64: Copy {}
// SAFETY: repr(C), starts with size, integers and nullable pointers only.
unsafe impl Sized64 for super::domain::mproc_domain_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::lock::mproc_lock_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::value::mproc_value_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::array::mproc_array_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::queue::mproc_queue_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::pipe::mproc_pipe_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::process::mproc_spawn_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::rlock::mproc_rlock_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::rwlock::mproc_rwlock_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::semaphore::mproc_semaphore_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::condition::mproc_condition_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::event::mproc_event_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::barrier::mproc_barrier_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::arena::mproc_container_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::manager::mproc_manager_options_t {}
// SAFETY: as above.
unsafe impl Sized64 for super::manager::mproc_connect_options_t {}

/// Copies options of any vintage: a missing tail is zero, an unknown tail must be zero.
///
/// # Safety
/// `options` is NULL or points to as many bytes as its `size` says.
pub(super) unsafe fn copy_options<T: Sized64>(options: *const T) -> Result<Option<T>> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: every options struct begins with its size (Sized64).
    let size = unsafe { options.cast::<usize>().read_unaligned() };
    if size < size_of::<usize>() || size > 4096 {
        return Err(Error::invalid("the options' size is absurd: use the ..._INIT macro"));
    }
    // SAFETY: the struct has `size` bytes (this function's contract).
    let given = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    let known = size_of::<T>();
    if given.iter().skip(known).any(|&byte| byte != 0) {
        return Err(Error::invalid("the options have fields this library does not know"));
    }
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: both sides have min(size, known) bytes; zero bytes are valid for the rest (Sized64).
    Ok(Some(unsafe {
        std::ptr::copy_nonoverlapping(given.as_ptr(), copy.as_mut_ptr().cast::<u8>(), size.min(known));
        copy.assume_init()
    }))
}

/// Copies as much of `value` as the caller's struct has room for, and zeroes what it has beyond.
///
/// # Safety
/// `to` is NULL or valid for `size` bytes.
pub(super) unsafe fn copy_struct_out<T: Copy>(value: &T, to: *mut T, size: usize) -> Result<c_int> {
    if to.is_null() || size == 0 || size > 4096 {
        return Err(Error::invalid("an output struct is NULL or its size absurd"));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: `to` has `size` bytes (this function's contract); `known` is within both.
    unsafe {
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), to.cast::<u8>(), known);
        std::ptr::write_bytes(to.cast::<u8>().add(known), 0, size - known);
    }
    Ok(0)
}

/// Copies a text with its NUL into the caller's buffer.
///
/// # Safety
/// `buf` is NULL or has `cap` bytes; `len_out` is NULL or valid.
pub(super) unsafe fn copy_text_out(text: &str, buf: *mut c_char, cap: usize, len_out: *mut usize) -> Result<c_int> {
    if buf.is_null() {
        return Err(Error::invalid("the buffer is NULL"));
    }
    let needed = text.len() + 1;
    // SAFETY: this function's contract.
    unsafe { opt_out(len_out) }.write(needed);
    if cap < needed {
        return Err(Error::MessageSize { needed });
    }
    // SAFETY: cap ≥ needed bytes at buf (checked; this function's contract).
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), buf, text.len());
        buf.add(text.len()).write(0);
    }
    Ok(0)
}

/// How long and under which token a call may wait.
///
/// # Safety
/// `cancel` is NULL or live for `'a`.
#[inline]
pub(super) unsafe fn wait<'a>(timeout_ns: i64, cancel: *const mproc_cancel_t) -> Result<Limits<'a>> {
    // SAFETY: NULL or live (this function's contract).
    let cancel: Option<&'a Cancel> = unsafe { cancel.as_ref() }.map(|c| &c.0);
    Ok(Limits::new(Timeout::from_ns(timeout_ns)?, cancel))
}

/// Takes a lock and says whether its previous holder died.
#[inline]
pub(super) fn get_lock<'a>(
    lock: impl FnOnce(Limits<'a>) -> Result<Acquired>,
    limits: Result<Limits<'a>>,
) -> Result<c_int> {
    Ok(status_of(lock(limits?)?))
}

/// The status of a lock that was taken.
#[inline]
pub(super) fn status_of(acquired: Acquired) -> c_int {
    match acquired {
        Acquired::Clean => 0,
        Acquired::Recovered => MPROC_RECOVERED,
    }
}

/// Creates an object in a domain or with a manager under an optional name; `existed` becomes MPROC_EXISTED.
///
/// # Safety
/// `domain` is NULL or live, `name` NULL or NUL-terminated.
pub(super) unsafe fn create<T>(
    domain: *const mproc_domain_t,
    name: *const c_char,
    make: impl FnOnce(&Site, Option<&str>) -> Result<(T, bool)>,
    hand_over: impl FnOnce(T),
) -> Result<c_int> {
    // SAFETY: this function's contract.
    let (object, existed) = unsafe {
        let name = opt_name(name)?;
        with_site(domain, |site| make(site, name))?
    };
    hand_over(object);
    Ok(if existed { MPROC_EXISTED } else { 0 })
}

impl From<Option<Owner>> for mproc_owner_t {
    fn from(owner: Option<Owner>) -> Self {
        let mut info = mproc_owner_t {
            held: 0,
            alive: 0,
            is_self: 0,
            slot: 0,
            generation: 0,
            pid: 0,
            reserved: 0,
            start_time: 0,
            command: [0; 32],
        };
        if let Some(o) = owner {
            info.held = 1;
            info.alive = i32::from(o.alive);
            info.is_self = i32::from(o.is_self);
            info.slot = o.slot;
            info.generation = o.generation;
            info.pid = o.pid;
            info.start_time = o.start_time;
            copy_text(&o.command, &mut info.command);
        }
        info
    }
}
