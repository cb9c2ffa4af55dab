//! Lock, value, array and queue. No unsafe code: all access to shared memory is checked by [`crate::shm`].

mod array;
mod element;
mod lock;
mod options;
mod passing;
mod queue;
mod value;

pub use crate::sync::raw::Acquired;
pub use array::{Array, ArrayOptions, MAX_DIMS};
pub use element::{ElemType, Element};
pub use lock::Lock;
pub use options::ObjectOptions;
pub use passing::{Exit, Process, Spawn};
pub use queue::{Queue, QueueInfo, QueueOptions};
pub use value::{Counter, FetchOp, Value, ValueOptions};
