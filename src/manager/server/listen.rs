//! Where a server listens.

use crate::manager::Address;
use crate::sys::fork::Own;
use crate::sys::{file, net, process};
use crate::{Error, Result};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A socket that listens.
pub(super) struct Listener {
    pub(super) socket: Own,
    pub(super) unix: bool,
    /// Only for this process and its children: not one of the addresses.
    pub(super) private: bool,
}

/// All of them.
pub(super) struct Listeners {
    pub(super) all: Vec<Listener>,
    pub(super) addresses: Vec<Address>,
    /// Where this process connects to.
    pub(super) private: Address,
    /// Keeps the private place.
    _held: Own,
    /// Sockets of ours in the file system: path and inode.
    made: Vec<(PathBuf, u64)>,
}

impl Listeners {
    pub(super) fn open(addresses: &[Address], passed: Vec<OwnedFd>, key: bool, any_user: bool) -> Result<Listeners> {
        let (private, place, held) = private()?;
        let alone = addresses.is_empty() && passed.is_empty();
        let mut listeners = Listeners {
            all: vec![Listener { socket: private, unix: true, private: !alone }],
            addresses: if alone { vec![place.clone()] } else { Vec::new() },
            private: place,
            _held: held,
            made: Vec::new(),
        };
        for address in addresses {
            match address {
                Address::Unix { path, .. } => listeners.unix(path, any_user)?,
                Address::Tcp { .. } if !key => return Err(Error::Refused("tcp needs a key")),
                Address::Tcp { host, port } => listeners.tcp(host, *port)?,
            }
        }
        for socket in passed {
            listeners.passed(socket, key)?;
        }
        for listener in &listeners.all {
            net::set_nonblocking(listener.socket.fd())?;
        }
        Ok(listeners)
    }

    fn unix(&mut self, path: &Path, any_user: bool) -> Result<()> {
        // One starts at a time in a directory: who takes the place of a killed one must not take that of a new one.
        let _alone = net::lock_directory(path)?;
        let socket = match net::listen_unix(path) {
            // One that a killed server left: nobody listens there.
            Err(Error::Exists) => {
                let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| {
                    std::os::unix::fs::FileTypeExt::is_socket(&m.file_type()) && m.uid() == process::euid()
                });
                match net::connect_unix(path, Duration::from_secs(1)) {
                    Err(Error::Connection(net::NOBODY)) if is_socket => {
                        let _ = std::fs::remove_file(path); // whoever was faster has the name: the next line says so
                        net::listen_unix(path)?
                    }
                    _ => return Err(Error::Exists),
                }
            }
            other => other?,
        };
        // Who may connect is decided by the user id that the kernel tells, not by this.
        let mode = if any_user { 0o666 } else { 0o600 };
        let io = |e: std::io::Error| Error::Sys { call: "chmod", errno: e.raw_os_error().unwrap_or(0) };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(io)?;
        self.made.push((path.to_owned(), std::fs::symlink_metadata(path).map_err(io)?.ino()));
        self.all.push(Listener { socket, unix: true, private: false });
        self.addresses.push(Address::Unix { path: path.to_owned(), proxies: false });
        Ok(())
    }

    fn tcp(&mut self, host: &str, port: u16) -> Result<()> {
        let all = Address::resolve(host, port)?;
        let address = all.first().ok_or(Error::Connection("there is no host of that name"))?;
        let (socket, bound) = net::listen_tcp(*address)?;
        self.all.push(Listener { socket, unix: false, private: false });
        // The host as it was asked for: a name may mean more than one number.
        let host = if host.is_empty() { bound.ip().to_string() } else { host.to_owned() };
        self.addresses.push(Address::Tcp { host, port: bound.port() });
        Ok(())
    }

    /// A socket that somebody else has made to listen.
    fn passed(&mut self, socket: OwnedFd, key: bool) -> Result<()> {
        file::close_on_exec(socket.as_raw_fd())?;
        let address = match net::local_address(socket.as_raw_fd())? {
            net::Local::Unix(path) => Address::Unix { path, proxies: false },
            net::Local::Tcp(bound) => Address::Tcp { host: bound.ip().to_string(), port: bound.port() },
        };
        let unix = matches!(address, Address::Unix { .. });
        if !unix && !key {
            return Err(Error::Refused("tcp needs a key"));
        }
        self.addresses.push(address);
        self.all.push(Listener { socket: Own::new(socket), unix, private: false });
        Ok(())
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for (path, inode) in &self.made {
            // Not another server's that has taken the place.
            if self.all.first().is_some_and(|l| l.socket.fd() >= 0)
                && std::fs::symlink_metadata(path).is_ok_and(|m| m.ino() == *inode)
            {
                let _ = std::fs::remove_file(path); // a leftover is swept by the next server there
            }
        }
    }
}

/// A socket whose name in the file system is gone: it is found through a descriptor of this process, and ends with it.
fn private() -> Result<(Own, Address, Own)> {
    let id = u128::from_ne_bytes(process::random_id()?);
    // Wherever there is room for a moment; TMPDIR may be anything.
    let places = [std::env::temp_dir(), "/tmp".into(), "/dev/shm".into(), "/var/tmp".into()];
    let mut result = Err(Error::NotFound("a directory for a socket"));
    for place in places {
        let path = place.join(format!(".mproc-{id:032x}"));
        match net::listen_unix(&path) {
            Ok(socket) => {
                result = Ok((socket, path));
                break;
            }
            Err(error) => result = Err(error),
        }
    }
    let (socket, path) = result?;
    let held = net::hold_path(&path);
    std::fs::remove_file(&path).map_err(|e| Error::Sys { call: "unlink", errno: e.raw_os_error().unwrap_or(0) })?;
    let held = held?;
    let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), held.as_raw_fd()));
    Ok((socket, Address::Unix { path, proxies: false }, Own::new(held)))
}
