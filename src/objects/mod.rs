//! Lock, value, array, queue, pipe and the lock family. No unsafe code: all access to shared memory is checked by
//! [`crate::shm`].

pub(crate) mod array;
pub(crate) mod barrier;
pub(crate) mod condition;
mod copies;
pub(crate) mod element;
pub(crate) mod event;
mod inplace;
pub(crate) mod lock;
mod many;
mod opened;
mod options;
mod pace;
mod passing;
mod patience;
pub(crate) mod pipe;
mod presence;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod ring;
pub(crate) mod rlock;
pub(crate) mod rwlock;
pub(crate) mod semaphore;
pub(crate) mod tasks;
pub(crate) mod value;
mod view;

pub use crate::sync::raw::Acquired;
pub use array::{Array, ArrayOptions, MAX_DIMS};
pub use barrier::{Barrier, BarrierInfo, BarrierOptions, BARRIER_MAX};
pub use condition::{Condition, ConditionInfo, ConditionLock, ConditionOptions};
pub use element::{ElemType, Element};
pub use event::Event;
pub use lock::Lock;
pub(crate) use many::wait_each;
pub use many::{wait_any, On, WAIT_MOST};
pub use options::ObjectOptions;
pub use passing::{Exit, Process, Spawn};
pub use pipe::{End, Pipe, PipeInfo, PipeOptions};
pub use presence::Peer;
pub use queue::{Queue, QueueInfo, QueueOptions};
pub use rlock::{RLock, RLockInfo};
pub use rwlock::{RwLock, RwLockInfo};
pub use semaphore::{Semaphore, SemaphoreInfo, SemaphoreOptions, SEMAPHORE_MAX};
pub use value::{Counter, FetchOp, Value, ValueOptions};
pub use view::View;
