//! The robust lock, the eventcount, and what bounds a wait.
//!
//! Both algorithms are generic over the word and over how to sleep ([`raw::Env`]), so that the loom models
//! in `tests/loom.rs` run the very code that ships.

mod cancel;
mod event;
mod limits;
mod mutex;
pub mod raw;

pub use cancel::Cancel;
pub(crate) use event::Event;
pub(crate) use limits::Deadline;
pub use limits::{Limits, Timeout};
pub(crate) use mutex::{Inside, Mutex};
