//! Where a manager is.

use crate::{Error, Result};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Where a manager listens, or is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A unix socket: near.
    Unix {
        /// Where.
        path: PathBuf,
        /// A client wants proxies instead of the memory (`?memory=never`).
        proxies: bool,
    },
    /// TCP: far.
    Tcp {
        /// A name or a number; empty: this machine, to itself.
        host: String,
        /// 0: any that is free.
        port: u16,
    },
}

impl Address {
    /// From text: `unix:/path`, `unix:/path?memory=never`, `tcp:host:port`, `tcp::port` (loopback), `tcp:[::1]:port`.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotSupported`].
    pub fn parse(text: &str) -> Result<Address> {
        const WHAT: Error = Error::Invalid("an address is unix:/path or tcp:host:port");
        match text.split_once(':') {
            Some(("unix", rest)) => {
                let (path, proxies) = match rest.split_once('?') {
                    None => (rest, false),
                    Some((path, "memory=never")) => (path, true),
                    Some(_) => return Err(Error::invalid("after the ? of an address can only stand memory=never")),
                };
                match path.starts_with('/') {
                    true => Ok(Address::Unix { path: path.into(), proxies }),
                    false => Err(Error::invalid("the path of a unix socket is absolute")),
                }
            }
            Some(("tcp", rest)) => {
                let (host, port) = rest.rsplit_once(':').ok_or(WHAT)?;
                let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
                let port = port.parse().map_err(|_| Error::invalid("the port of an address is 0 to 65535"))?;
                Ok(Address::Tcp { host: host.to_owned(), port })
            }
            Some(("redis", _)) => Err(Error::NotSupported("redis: addresses")),
            _ => Err(WHAT),
        }
    }

    /// Several of them, separated by commas.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse_all(text: &str) -> Result<Vec<Address>> {
        text.split(',').map(|one| Address::parse(one.trim())).collect()
    }

    /// The socket addresses of a TCP one. Asks the resolver, which may take its time.
    pub(super) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        let found = (host, port).to_socket_addrs().map_err(|_| Error::Connection("there is no host of that name"))?;
        Ok(found.collect())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Unix { path, proxies } => {
                write!(f, "unix:{}{}", path.display(), if *proxies { "?memory=never" } else { "" })
            }
            Address::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        for text in ["unix:/run/m", "unix:/run/m?memory=never", "tcp:localhost:7", "tcp:[::1]:0", "tcp::80"] {
            assert_eq!(Address::parse(text).map(|a| a.to_string()).as_deref(), Ok(text));
        }
        for text in
            ["", "unix", "unix:", "unix:run/m", "unix:/m?x", "tcp:", "tcp:1", "tcp:h:", "tcp:h:65536", "udp:h:1"]
        {
            assert!(matches!(Address::parse(text), Err(Error::Invalid(_))), "{text}");
        }
        assert_eq!(Address::parse_all("unix:/a, tcp:h:1").map(|all| all.len()), Ok(2));
    }
}
