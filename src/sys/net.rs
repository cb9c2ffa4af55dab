//! Listening, connecting, and what the kernel knows of the other side. Sockets here stay out of forked children: a
//! connection must end with the process that has it.

use super::fork::Own;
use super::{errno, last};
use crate::{Error, Result};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

fn io(call: &'static str, error: &std::io::Error) -> Error {
    Error::Sys { call, errno: error.raw_os_error().unwrap_or(0) }
}

/// The address of a unix socket, as the kernel wants it.
fn unix_address(path: &Path) -> Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: plain old data; zero is valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.contains(&0) || bytes.len() >= address.sun_path.len() {
        return Err(Error::invalid("the path of a unix socket is empty or longer than 107 bytes"));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = *from as libc::c_char;
    }
    let len = std::mem::offset_of!(libc::sockaddr_un, sun_path) + bytes.len() + 1;
    Ok((address, len as libc::socklen_t))
}

fn unix_socket() -> Result<OwnedFd> {
    // SAFETY: integers only.
    let fd = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(last("socket"));
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens at a path that nothing is at.
pub(crate) fn listen_unix(path: &Path) -> Result<Own> {
    let (address, len) = unix_address(path)?;
    let socket = unix_socket()?;
    // SAFETY: an address of the length that is said.
    if unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) } != 0 {
        return Err(match errno() {
            libc::EADDRINUSE => Error::Exists,
            libc::ENOENT | libc::ENOTDIR => Error::NotFound("the directory of the socket"),
            libc::EACCES | libc::EPERM => Error::Access("the directory of the socket"),
            errno => Error::Sys { call: "bind", errno },
        });
    }
    // SAFETY: integers only.
    if unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) } != 0 {
        return Err(last("listen"));
    }
    Ok(Own::new(socket))
}

/// Listens at an address; says which one it is if the port was 0.
pub(crate) fn listen_tcp(address: SocketAddr) -> Result<(Own, SocketAddr)> {
    let listener = TcpListener::bind(address).map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRINUSE) => Error::Exists,
        _ => io("bind", &error),
    })?;
    let bound = listener.local_addr().map_err(|error| io("getsockname", &error))?;
    Ok((Own::new(listener.into()), bound))
}

/// The next connection; `None`: there is none, or it has gone again.
pub(crate) fn accept(listener: i32) -> Result<Option<Own>> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no address is asked for.
    let fd = unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    if fd < 0 {
        return match errno() {
            libc::EAGAIN | libc::EINTR | libc::ECONNABORTED | libc::EPROTO | libc::EPERM => Ok(None),
            errno => Err(Error::Sys { call: "accept4", errno }),
        };
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(Some(Own::new(unsafe { OwnedFd::from_raw_fd(fd) })))
}

/// Whether calls on a descriptor may block.
pub(crate) fn set_nonblocking(fd: i32) -> Result<()> {
    // SAFETY: integers only.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    // SAFETY: integers only.
    if flags < 0 || unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) } != 0 {
        return Err(last("fcntl(F_SETFL)"));
    }
    Ok(())
}

/// What an error says where nobody listens.
pub(crate) const NOBODY: &str = "nobody listens there";

fn nobody(call: &'static str, errno: i32) -> Error {
    match errno {
        libc::ECONNREFUSED | libc::ENOENT | libc::ENOTDIR | libc::ENXIO => Error::Connection(NOBODY),
        libc::ETIMEDOUT | libc::EAGAIN | libc::EINPROGRESS => {
            Error::Connection("the connection was not accepted in time")
        }
        libc::EHOSTUNREACH | libc::ENETUNREACH => Error::Connection("there is no way to that host"),
        libc::EACCES | libc::EPERM => Error::Access("the manager's socket"),
        _ => Error::Sys { call, errno },
    }
}

/// Connects to a path. Reads block for at most a second.
pub(crate) fn connect_unix(path: &Path, timeout: Duration) -> Result<Own> {
    let (address, len) = unix_address(path)?;
    let socket = unix_socket()?;
    // How long a connection may wait for room in the backlog (`socket(7)`, SO_SNDTIMEO).
    set_timeout(&socket, libc::SO_SNDTIMEO, timeout)?;
    // SAFETY: an address of the length that is said.
    if unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), len) } != 0 {
        return Err(nobody("connect", errno()));
    }
    set_timeout(&socket, libc::SO_RCVTIMEO, SLICE)?;
    Ok(Own::new(socket))
}

/// Connects to a host. Reads block for at most a second.
pub(crate) fn connect_tcp(address: &SocketAddr, timeout: Duration) -> Result<Own> {
    let stream = TcpStream::connect_timeout(address, timeout).map_err(|error| match error.kind() {
        std::io::ErrorKind::TimedOut => nobody("connect", libc::ETIMEDOUT),
        _ => nobody("connect", error.raw_os_error().unwrap_or(0)),
    })?;
    let socket: OwnedFd = stream.into();
    set_timeout(&socket, libc::SO_RCVTIMEO, SLICE)?;
    Ok(Own::new(socket))
}

/// How long a read on a client's socket blocks at most.
const SLICE: Duration = Duration::from_secs(1);

fn set_timeout(socket: &OwnedFd, option: i32, timeout: Duration) -> Result<()> {
    // Zero would mean for ever.
    let timeout = timeout.max(Duration::from_millis(1));
    let time = libc::timeval {
        tv_sec: timeout.as_secs().min(i32::MAX as u64) as libc::time_t,
        tv_usec: timeout.subsec_micros().into(),
    };
    // SAFETY: a timeval of the size that is said.
    let result = unsafe {
        let len = size_of::<libc::timeval>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const time).cast(), len)
    };
    match result {
        0 => Ok(()),
        _ => Err(last("setsockopt")),
    }
}

/// For a TCP connection: small messages go at once, and a peer whose machine does not answer for so long is gone, also
/// when nothing is sent (`tcp(7)`, TCP_KEEPIDLE, TCP_USER_TIMEOUT).
pub(crate) fn keep_alive(socket: i32, silence: Duration) -> Result<()> {
    let seconds = silence.as_secs().clamp(3, 32_000) as i32;
    // A third of the time in silence, then two questions for the rest.
    let every = (seconds / 3).max(1);
    let options = [
        (libc::IPPROTO_TCP, libc::TCP_NODELAY, 1),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, every),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, every),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 2),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, seconds * 1000),
    ];
    for (level, option, value) in options {
        let value: i32 = value;
        // SAFETY: an int of the size that is said.
        let result = unsafe {
            libc::setsockopt(socket, level, option, (&raw const value).cast(), size_of::<i32>() as libc::socklen_t)
        };
        if result != 0 {
            return Err(last("setsockopt"));
        }
    }
    Ok(())
}

/// Who is on the other side of a unix socket: its user and its process when it connected.
pub(crate) fn peer(socket: i32) -> Result<(u32, i32)> {
    let mut who = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: room for what is asked for, of the size that is said.
    let result =
        unsafe { libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut who).cast(), &mut len) };
    match result {
        0 => Ok((who.uid, who.pid)),
        _ => Err(last("getsockopt(SO_PEERCRED)")),
    }
}

/// The other side of a TCP connection, for people.
pub(crate) fn remote_address(socket: i32) -> Option<String> {
    // SAFETY: an open descriptor of the caller's, for this call only.
    let stream = std::mem::ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(socket) });
    stream.peer_addr().ok().map(|address| address.to_string())
}

/// Ends both directions of a connection at once, for whoever else waits on it, too.
pub(crate) fn shutdown(socket: i32) {
    // SAFETY: integers only. What is not connected any more needs no end.
    unsafe { libc::shutdown(socket, libc::SHUT_RDWR) };
}

/// A descriptor for a path, that opens nothing: `/proc/self/fd/N` leads to what was there, also when the name is gone.
pub(crate) fn hold_path(path: &Path) -> Result<OwnedFd> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::invalid("a NUL in a path"))?;
    // SAFETY: a NUL-terminated path.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC) };
    if fd < 0 {
        return Err(last("open"));
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Where a socket listens that somebody else has made.
pub(crate) enum Local {
    Unix(std::path::PathBuf),
    Tcp(SocketAddr),
}

pub(crate) fn local_address(socket: i32) -> Result<Local> {
    // SAFETY: plain old data; zero is valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: room of the size that is said; what is longer is cut.
    if unsafe { libc::getsockname(socket, (&raw mut address).cast(), &mut len) } != 0 {
        return Err(last("getsockname"));
    }
    if i32::from(address.sun_family) == libc::AF_UNIX {
        let path: Vec<u8> = address.sun_path.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
        if path.is_empty() {
            return Err(Error::NotSupported("a unix socket without a path"));
        }
        return Ok(Local::Unix(std::ffi::OsStr::from_bytes(&path).into()));
    }
    // SAFETY: an open descriptor of the caller's, for this call only.
    let listener = std::mem::ManuallyDrop::new(unsafe { TcpListener::from_raw_fd(socket) });
    listener.local_addr().map(Local::Tcp).map_err(|_| Error::invalid("not a socket that listens"))
}

/// A lock on the directory of a path, as long as the result lives; waits for at most two seconds. `None`: that directory
/// cannot be opened, and whoever wants to do something there will hear why.
pub(crate) fn lock_directory(path: &Path) -> Result<Option<OwnedFd>> {
    let Some(Ok(directory)) = path.parent().map(std::fs::File::open) else { return Ok(None) };
    for _ in 0..200 {
        // SAFETY: an open descriptor.
        if unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(Some(directory.into()));
        }
        match errno() {
            libc::EWOULDBLOCK | libc::EINTR => super::clock::sleep_ns(10_000_000),
            errno => return Err(Error::Sys { call: "flock", errno }),
        }
    }
    Err(Error::Busy)
}
