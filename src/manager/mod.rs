//! The manager: a server that has objects, and clients that get their memory (near) or proxies of them (far).
#![allow(private_interfaces)] // `Kindred` is implemented here only

pub(crate) mod address;
pub(crate) mod arena;
pub(crate) mod array;
pub(crate) mod barrier;
pub(crate) mod batch;
mod channel;
pub mod client;
pub(crate) mod condition;
pub(crate) mod dict;
pub(crate) mod event;
#[cfg(test)]
mod fuzz;
mod key;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod namespace;
mod options;
pub(crate) mod pipe;
mod place;
mod protocol;
pub(crate) mod queue;
pub(crate) mod rlock;
pub(crate) mod rwlock;
pub(crate) mod semaphore;
mod served;
pub mod server;
pub(crate) mod value;
pub(crate) mod wait;
pub(crate) mod wire;

pub use address::Address;
pub use arena::{Ahead, Arena};
pub use array::{Array, ArrayInfo};
pub use barrier::Barrier;
pub use client::{ConnectOptions, Link, Listed, Proxy};
pub use condition::{Condition, ConditionOptions};
pub use dict::{Dict, DictIter};
pub use event::Event;
pub use key::Key;
pub use list::{List, ListIter};
pub use lock::Lock;
pub use namespace::Namespace;
pub use pipe::Pipe;
pub use place::{Kindred, Place, Site};
pub use protocol::ServerInfo;
pub use queue::{Leased, Queue};
pub use rlock::RLock;
pub use rwlock::RwLock;
pub use semaphore::Semaphore;
pub(crate) use served::Class;
pub use server::{Observer, Procedure, Server, ServerEvent, ServerOptions};
pub use value::{Value, ValueInfo};

/// The content of a mutex, also after a panic with it: what it guards is sound between any two statements, or of no use
/// to anybody else.
fn guard<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
