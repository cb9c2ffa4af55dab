//! The C ABI: a thin layer over the safe API. [`boundary`] holds the guards; then one file per object.
//!
//! An exported function is parse → core → convert and nothing else. Items are spelled out (no macro
//! generates them), so that cbindgen sees every one; `include/mproc.h` is generated from this folder.
//!
//! The safety contract of every exported function is its C documentation: pointers are NULL or valid as
//! described, handles live.
#![allow(unsafe_code, non_camel_case_types)]
#![allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)] // the comments are Doxygen's
#![allow(clippy::missing_safety_doc)] // see above; the text goes into the C header
#![allow(clippy::too_many_arguments)] // C has no named arguments either, and batches need theirs

mod arena;
mod array;
mod barrier;
mod batch;
mod boundary;
mod cancel;
mod condition;
mod datum;
mod dict;
mod domain;
mod event;
mod handle;
mod key;
mod list;
mod lock;
mod manager;
mod namespace;
mod pipe;
mod process;
mod queue;
mod rlock;
mod rwlock;
mod semaphore;
mod status;
mod types;
mod value;
mod version;
mod wait;

pub use arena::*;
pub use array::*;
pub use barrier::*;
pub use batch::*;
pub use boundary::{mproc_error_t, mproc_last_error};
pub use cancel::*;
pub use condition::*;
pub use datum::*;
pub use dict::*;
pub use domain::*;
pub use event::*;
pub use handle::*;
pub use key::*;
pub use list::*;
pub use lock::*;
pub use manager::*;
pub use namespace::*;
pub use pipe::*;
pub use process::*;
pub use queue::*;
pub use rlock::*;
pub use rwlock::*;
pub use semaphore::*;
pub use status::*;
pub use types::*;
pub use value::*;
pub use version::*;
pub use wait::*;
