//! Lock, value, array, queue and pipe. No unsafe code: all access to shared memory is checked by [`crate::shm`].

mod array;
mod copies;
mod element;
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
mod tasks;
mod value;
mod view;

pub use crate::sync::raw::Acquired;
pub use array::{Array, ArrayOptions, MAX_DIMS};
pub use element::{ElemType, Element};
pub use lock::Lock;
pub use options::ObjectOptions;
pub use passing::{Exit, Process, Spawn};
pub use pipe::{End, Pipe, PipeInfo, PipeOptions};
pub use presence::Peer;
pub use queue::{Queue, QueueInfo, QueueOptions};
pub use value::{Counter, FetchOp, Value, ValueOptions};
pub use view::View;
