//! Shared state between processes that survives `kill -9`: [`Lock`] and its family, [`Value`], [`Array`], [`Queue`],
//! [`Pipe`], [`Dict`], [`List`] and [`Namespace`], shared by processes written in any language through one memory format.
//!
//! ```
//! # let dir = format!("/dev/shm/mproc-doc-{}", std::process::id());
//! use mproc::{Domain, DomainOptions, Limits, Queue, QueueOptions};
//! let domain = Domain::open(&DomainOptions::at(&dir))?;
//! let (queue, _existed) = Queue::create(&domain, Some("jobs"), &QueueOptions::default())?;
//! queue.put(b"hello", Limits::forever())?;
//! assert_eq!(queue.get(Limits::forever())?, b"hello");
//! # drop((queue, domain)); Domain::remove(dir.as_ref())?;
//! # Ok::<(), mproc::Error>(())
//! ```
//!
//! The map of the house (imports go one way, top to bottom of this list uses what stands above it):
//! [`sys`] system calls · [`shm`] domain, segments, checked access to shared memory · [`sync`] robust lock,
//! eventcount, cancel tokens · [`objects`] lock, value, array, queue, pipe, and passing them on · [`ffi`] the C ABI.

pub mod error;
pub mod ffi;
pub mod manager;
pub mod objects;
pub mod shm;
pub mod sync;
pub mod sys;
#[cfg(feature = "tool")]
pub mod tool;

pub use error::{Error, Result};
pub use objects::datum;
pub use objects::{
    wait_any, Acquired, Arena, ArenaInfo, Array, ArrayOptions, Barrier, BarrierInfo, BarrierOptions, Builder,
    Condition, ConditionInfo, ConditionLock, ConditionOptions, ContainerOptions, Counter, Datum, Dict, DictIter,
    ElemType, Element, Encoded, End, Event, Exit, FetchOp, List, ListIter, Lock, Namespace, ObjectOptions, On, Peer,
    Pipe, PipeInfo, PipeOptions, Process, Queue, QueueInfo, QueueOptions, RLock, RLockInfo, Reference, RwLock,
    RwLockInfo, Semaphore, SemaphoreInfo, SemaphoreOptions, Snapshot, Spawn, Value, ValueOptions, View, What,
    WAIT_MOST,
};
pub use shm::{Domain, DomainOptions, Handle, Owner, Stored};
pub use sync::{Cancel, Limits, Timeout};

/// Version of the layout in shared memory. Raised when processes of both sides could not share an object.
pub const LAYOUT_VERSION: u32 = 1;
/// The ABI number (the number in the SONAME).
pub const ABI_VERSION: u32 = 0;
