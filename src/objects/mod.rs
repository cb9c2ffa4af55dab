//! Lock, value, array, queue, pipe and the lock family. No unsafe code: all access to shared memory is checked by
//! [`crate::shm`].

mod array;
mod barrier;
mod condition;
mod copies;
mod element;
mod event;
mod inplace;
mod lock;
mod opened;
mod options;
mod pace;
mod passing;
mod pipe;
mod presence;
mod queue;
mod record;
mod ring;
mod rlock;
mod rwlock;
mod semaphore;
mod tasks;
mod value;
mod view;

pub use crate::sync::raw::Acquired;
pub use array::{Array, ArrayOptions, MAX_DIMS};
pub use barrier::{Barrier, BarrierInfo, BarrierOptions, BARRIER_MAX};
pub use condition::{Condition, ConditionInfo, ConditionLock, ConditionOptions};
pub use element::{ElemType, Element};
pub use event::Event;
pub use lock::Lock;
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
