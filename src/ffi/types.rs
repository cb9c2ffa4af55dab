//! Element types under fixed-width names, and flags shared by all objects.

use super::boundary::{out, run};
use crate::objects::{ElemType, View};
use std::ffi::{c_char, c_int, c_void};

/// Wait without limit.
pub const MPROC_FOREVER: i64 = -1;

/// Signed 8-bit integer (typecode 'b').
pub const MPROC_TYPE_I8: i32 = 1;
/// Unsigned 8-bit integer (typecode 'B').
pub const MPROC_TYPE_U8: i32 = 2;
/// Signed 16-bit integer (typecode 'h').
pub const MPROC_TYPE_I16: i32 = 3;
/// Unsigned 16-bit integer (typecode 'H').
pub const MPROC_TYPE_U16: i32 = 4;
/// Signed 32-bit integer (typecode 'i').
pub const MPROC_TYPE_I32: i32 = 5;
/// Unsigned 32-bit integer (typecode 'I').
pub const MPROC_TYPE_U32: i32 = 6;
/// Signed 64-bit integer (typecodes 'l' and 'q').
pub const MPROC_TYPE_I64: i32 = 7;
/// Unsigned 64-bit integer (typecodes 'L' and 'Q').
pub const MPROC_TYPE_U64: i32 = 8;
/// IEEE 754 binary32 (typecode 'f').
pub const MPROC_TYPE_F32: i32 = 9;
/// IEEE 754 binary64 (typecode 'd').
pub const MPROC_TYPE_F64: i32 = 10;
/// One byte of text (typecode 'c'); an unsigned 8-bit integer to every operation.
pub const MPROC_TYPE_CHAR8: i32 = 11;
/// One wide character, 32 bits (typecode 'u'); an unsigned 32-bit integer to every operation.
pub const MPROC_TYPE_CHAR32: i32 = 12;
/// One byte, 0 or 1: whatever is stored becomes 0 or 1. No arithmetic; and, or, xor are logical.
pub const MPROC_TYPE_BOOL: i32 = 13;
/// A fixed-size struct without pointers, 1 byte to 1 MiB, given by elem_size and elem_align.
pub const MPROC_TYPE_STRUCT: i32 = 14;

/// The object keeps its name and memory until it is unlinked, also when nobody uses it.
/// Without it, name and memory vanish with the last process that uses the object.
pub const MPROC_PERSIST: u32 = 1;
/// If a matching object of that name exists, open it: the call then returns MPROC_EXISTED.
pub const MPROC_EXIST_OK: u32 = 2;
/// This handle never spins before it sleeps. For machines where CPU time is dearer than latency.
pub const MPROC_NO_SPIN: u32 = 4;
/// When a signal handler has run in the waiting thread, the call through this handle returns MPROC_EINTR instead of
/// waiting on: so that Ctrl-C works in languages whose handlers run after the call. A signal that comes in the instant
/// before the thread falls asleep is not noticed (as with every such call): where that matters, set a cancel token in
/// the handler. With a cancel token, such a wait notices the token within 10 ms.
pub const MPROC_RETURN_ON_SIGNAL: u32 = 256;
/// Queues and pipes: their handles can have descriptors for event loops: mproc_queue_readable_fd() and the like. Costs
/// 4 KiB for a queue, 4 KiB for each direction of a pipe. Decided when the object is created.
pub const MPROC_POLLABLE: u32 = 4096;
/// Struct values: one copy in place with a pointer, protected by the user's lock, instead of the
/// default SNAPSHOT (two copies: lock-free consistent reads, writes atomic against kill, no pointer).
pub const MPROC_RAW: u32 = 8;

/// A message in shared memory: reserved, to be written in place, or taken, to be read in place. Other
/// processes could write there, too: copy what must not change between a check and its use.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_view_t {
    /// The bytes, aligned to 8.
    pub data: *mut c_void,
    /// How many.
    pub len: usize,
    /// For commit and abort, or release, ack and putback.
    pub id: u64,
}

impl From<View> for mproc_view_t {
    fn from(view: View) -> mproc_view_t {
        mproc_view_t { data: view.as_ptr().cast(), len: view.len(), id: view.id() }
    }
}

impl View {
    /// The status that goes with a message taken.
    pub(super) fn status(&self) -> c_int {
        if self.again() {
            super::status::MPROC_RECOVERED
        } else {
            0
        }
    }
}

/// The type that belongs to a typecode of Python's array module or multiprocessing
/// (one of c b B u h H i I l L q Q f d; 'l' and 'L' are 64 bits wide).
///
/// @param typecode       the letter
/// @param[out] type_out  MPROC_TYPE_...
/// @retval MPROC_OK      @retval MPROC_EINVAL  unknown letter, or NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_type_from_typecode(typecode: c_char, type_out: *mut i32) -> c_int {
    run(|| {
        // SAFETY: the caller passes NULL or a valid output (contract of the function).
        let type_out = unsafe { out(type_out) }?;
        type_out.write(ElemType::from_typecode(typecode as u8)?.code());
        Ok(0)
    })
}

/// The size in bytes of one element of a scalar type.
///
/// @param type_code      MPROC_TYPE_... except MPROC_TYPE_STRUCT
/// @param[out] size_out  bytes
/// @retval MPROC_OK      @retval MPROC_EINVAL  unknown type, a struct, or NULL
/// Blocks: no.  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_type_size(type_code: i32, size_out: *mut usize) -> c_int {
    run(|| {
        // SAFETY: the caller passes NULL or a valid output (contract of the function).
        let size_out = unsafe { out(size_out) }?;
        size_out.write(ElemType::scalar_from_code(type_code)?.scalar_size());
        Ok(0)
    })
}
