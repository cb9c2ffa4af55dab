//! Shared memory: domain registry and slots, liveness, segment header, checked region access, the store
//! function, the arena's journal and heap. Nothing here knows what an object does with its bytes.
#![allow(unsafe_code)]

pub(crate) mod arena;
mod descriptor;
pub(crate) mod domain;
mod handle;
pub(crate) mod header;
mod liveness;
mod region;
pub(crate) mod registry;
pub(crate) mod role;
pub(crate) mod segment;
pub(crate) mod store;
mod tenant;

pub use arena::Stored;
pub use domain::{Domain, DomainOptions};
#[cfg(feature = "tool")]
pub(crate) use domain::{Judged, Verdict};
pub use handle::Handle;
pub(crate) use handle::{INHERITED, LETTER};
pub use liveness::Owner;
pub(crate) use liveness::{ask_rate_limited, every};
pub(crate) use region::{filled, Region};

pub use registry::Me;
pub(crate) use registry::{owner_slot, SLOTS, TABLE};
pub(crate) use role::{Holding, Role};
pub(crate) use segment::{Created, Segment, Shape, Source};
pub(crate) use store::{Row32, Row64, Table, Word16, Word32, Word64, Word8};
pub(crate) use tenant::COUNT_BITS;
pub use tenant::{Seat, Tenant};
