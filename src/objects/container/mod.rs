//! What dict, list and namespace share: the arena they live in, their headers, references and handles, and how what
//! nobody refers to any more is freed.
//!
//! A container is a block with a header ([`header`]); what it holds hangs from that. It counts its references: values
//! that refer to it, and handles. When the last one goes it is doomed: put on a list from which everything it holds is
//! freed, a few elements in each change, by whoever is inside then, and by whoever comes after a death. So freeing never
//! is one large step that could not be taken back.

mod arena;
mod array;
mod check;
mod copy;
pub(crate) mod header;
mod links;
mod snapshot;
mod value;

/// An empty vector with room for so many.
pub(super) fn vec_for<T>(count: usize) -> crate::Result<Vec<T>> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(count).map_err(|_| crate::Error::NoMemory((count * size_of::<T>()) as u64))?;
    Ok(vec)
}

pub use arena::{Arena, ArenaInfo, ContainerOptions};
pub(super) use arena::{Container, Handing, Operation};
#[cfg(feature = "tool")]
pub(crate) use arena::{RECORD, RECORD_AFTER, RECORD_CONTAINER, RECORD_TENANT};
pub(super) use array::{Array, SEGMENT};
pub(super) use copy::copy;
pub use snapshot::{Snapshot, What};
pub(super) use value::{hold, place, referred, release, Held, MOST};
