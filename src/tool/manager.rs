//! Connections to managers, for all commands.

use super::exit::Failure;
use super::output::printable;
use crate::manager::{Address, ConnectOptions, Key, Link};
use std::sync::Arc;

/// Connects to a manager.
pub(super) fn connect(address: &Address, key: Option<Key>) -> Result<Arc<Link>, Failure> {
    with(address, key, ConnectOptions::default())
}

/// The same; the connection itself is who holds what is taken, also on the same machine.
pub(super) fn connect_far(address: &Address, key: Option<Key>) -> Result<Arc<Link>, Failure> {
    with(address, key, ConnectOptions { proxies: true, ..ConnectOptions::default() })
}

fn with(address: &Address, key: Option<Key>, options: ConnectOptions) -> Result<Arc<Link>, Failure> {
    Link::connect(address.clone(), key, options)
        .map_err(|error| Failure::about(&printable(&address.to_string()), &error))
}
