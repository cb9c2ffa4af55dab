//! What a service and systemd tell each other: sockets that are listening already (`sd_listen_fds(3)`), and how far the
//! service is (`sd_notify(3)`).

use super::super::exit::{Failure, ACCESS, USAGE};
use crate::sys::bound;
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The first descriptor that is passed.
const FIRST: i32 = 3;
/// More are a mistake.
const MOST: usize = 64;

/// The listening sockets that were passed to this process: none if it was started by hand. Before there are threads:
/// the variables that tell of them are removed, because they are nobody else's.
pub(super) fn listeners() -> Result<Vec<OwnedFd>, Failure> {
    let told = ["LISTEN_PID", "LISTEN_FDS"].map(|name| env::var(name).ok());
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        env::remove_var(name);
    }
    let [Some(pid), Some(count)] = told else { return Ok(Vec::new()) };
    if pid.parse() != Ok(std::process::id()) {
        return Ok(Vec::new()); // another process's: this one has inherited the variables only
    }
    let count = match count.parse() {
        Ok(count) if count <= MOST => count,
        _ => return Err(Failure::new(USAGE, format!("LISTEN_FDS is not a number of sockets up to {MOST}"))),
    };
    let passed = bound::take_over_from(FIRST, count)
        .map_err(|error| Failure::new(USAGE, format!("the sockets that LISTEN_FDS tells of: {error}")))?;
    match passed.iter().position(|fd| !bound::is_listening(fd.as_fd())) {
        Some(i) => {
            let fd = FIRST + i as i32;
            Err(Failure::new(
                USAGE,
                format!("descriptor {fd}, which LISTEN_FDS tells of, is no listening stream socket"),
            ))
        }
        None => Ok(passed),
    }
}

/// Whom to tell how far this service is.
pub(super) struct Notify(Option<OsString>);

impl Notify {
    /// As the environment says. Before there are threads: programs that this one may start are not the service.
    pub(super) fn from_environment() -> Notify {
        let to = env::var_os("NOTIFY_SOCKET").filter(|to| !to.is_empty());
        env::remove_var("NOTIFY_SOCKET");
        Notify(to)
    }

    /// Tells it, if somebody wants to know.
    pub(super) fn tell(&self, state: &str) -> Result<(), Failure> {
        let Some(to) = &self.0 else { return Ok(()) };
        send(to, state).map_err(|error| Failure::new(ACCESS, format!("NOTIFY_SOCKET: {error}")))
    }
}

fn send(to: &OsString, state: &str) -> io::Result<()> {
    let to = match to.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(to)?,
        _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "not a path, nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(std::time::Duration::from_secs(5)))?;
    socket.send_to_addr(state.as_bytes(), &to).map(|_| ())
}
