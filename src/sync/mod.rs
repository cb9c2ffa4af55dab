//! The robust lock, the eventcount, the lock family built on the two, and what bounds a wait.
//!
//! The algorithms ([`raw`]) are generic over the word and over how to sleep ([`raw::Env`]), so that the loom models in
//! `tests/loom.rs` run the very code that ships; the rest of this folder is what they run on.

mod cancel;
mod doorbell;
mod eventcount;
mod limits;
mod mutex;
pub mod raw;
mod rlock;
mod wait;

pub use cancel::Cancel;
pub(crate) use doorbell::{Doorbell, BELLS_LEN};
pub(crate) use eventcount::EventCount;
pub(crate) use limits::Deadline;
pub use limits::{Limits, Timeout};
pub(crate) use mutex::{Inside, Mutex};
pub(crate) use rlock::{RecursiveMutex, Token};
pub(crate) use wait::{be_brief, most_busy_ns, Manner, Wait};
