//! The manager: a server that has objects, and clients that get their memory (near) or proxies of them (far).

pub mod client;
pub(crate) mod event;
mod options;
mod place;
mod served;
pub(crate) mod wire;

pub use client::{Link, Proxy};
pub use event::Event;
pub use place::{Kindred, Place, Site};
pub(crate) use served::Class;
