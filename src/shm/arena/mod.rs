//! The arena: a heap in shared memory under one lock and one undo journal. What its blocks mean is the objects'
//! affair, as is the lock.

mod heap;
mod journal;
pub(crate) mod layout;
mod stored;

pub(crate) use heap::{shape, shape_of, Heap};
pub(crate) use journal::Tx;
pub use stored::Stored;
