//! Unix sockets: bytes with descriptors (SCM_RIGHTS, `unix(7)`), and waiting for readiness.

use super::{crash, errno, last};
use crate::{Error, Result};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Room for the control message of this many descriptors; more are dropped by the kernel (MSG_CTRUNC).
const MOST: usize = 16;
const CONTROL: usize = 128;

/// Room for control messages, aligned as cmsghdr wants it.
#[repr(C, align(16))]
struct Control([u8; CONTROL]);

// SAFETY: CMSG_SPACE only computes.
const _: () = assert!(unsafe { libc::CMSG_SPACE((MOST * size_of::<i32>()) as u32) } as usize <= CONTROL);

/// Sends without waiting; `None`: it would have to wait. The descriptors go with the first byte.
pub(crate) fn send(socket: i32, bytes: &[u8], descriptors: &[BorrowedFd]) -> Result<Option<usize>> {
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control([0; CONTROL]);
    // SAFETY: msghdr is plain old data; zero is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut iov;
    message.msg_iovlen = 1;
    if !descriptors.is_empty() {
        assert!(descriptors.len() <= MOST);
        let len = std::mem::size_of_val(descriptors) as u32; // a BorrowedFd is its number
        message.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: CMSG_SPACE only computes; CMSG_FIRSTHDR points into `control`, which has room for the header
        // and the numbers (checked by MOST above).
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(len) as _;
            let head = libc::CMSG_FIRSTHDR(&message);
            (*head).cmsg_level = libc::SOL_SOCKET;
            (*head).cmsg_type = libc::SCM_RIGHTS;
            (*head).cmsg_len = libc::CMSG_LEN(len) as _;
            let to = libc::CMSG_DATA(head).cast::<i32>();
            for (i, fd) in descriptors.iter().enumerate() {
                to.add(i).write_unaligned(fd.as_raw_fd());
            }
        }
    }
    crash::point("sendmsg");
    // SAFETY: a message whose parts live until the call returns.
    let n = unsafe { libc::sendmsg(socket, &message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    let errno = errno();
    crash::point("sent");
    match usize::try_from(n) {
        Ok(n) => Ok(Some(n)),
        Err(_) => match errno {
            libc::EAGAIN | libc::EINTR | libc::ENOBUFS => Ok(None),
            libc::EPIPE | libc::ECONNRESET | libc::ECONNREFUSED | libc::ETIMEDOUT => Err(Error::BrokenPipe),
            _ => Err(Error::Sys { call: "sendmsg", errno }),
        },
    }
}

/// Receives without waiting: how many bytes (0: end of file), and all descriptors that came with them, all
/// close-on-exec; `None`: nothing there yet.
pub(crate) fn recv(socket: i32, to: &mut [u8]) -> Result<Option<(usize, Vec<OwnedFd>)>> {
    receive(socket, to, libc::MSG_DONTWAIT)
}

/// As [`recv`], but waits, for as long as the socket's timeout says.
pub(crate) fn recv_wait(socket: i32, to: &mut [u8]) -> Result<Option<(usize, Vec<OwnedFd>)>> {
    receive(socket, to, 0)
}

fn receive(socket: i32, to: &mut [u8], flags: i32) -> Result<Option<(usize, Vec<OwnedFd>)>> {
    let mut iov = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
    let mut control = Control([0; CONTROL]);
    // SAFETY: msghdr is plain old data; zero is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut iov;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL as _;
    // SAFETY: a message whose parts live until the call returns.
    let n = unsafe { libc::recvmsg(socket, &mut message, flags | libc::MSG_CMSG_CLOEXEC) };
    let errno = errno();
    crash::point("received");
    let Ok(n) = usize::try_from(n) else {
        return match errno {
            libc::EAGAIN | libc::EINTR => Ok(None),
            libc::ECONNRESET | libc::ETIMEDOUT | libc::EPIPE => Ok(Some((0, Vec::new()))),
            _ => Err(Error::Sys { call: "recvmsg", errno }),
        };
    };
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has filled `control` as msg_controllen says; the macros walk within it. Each number
    // of an SCM_RIGHTS message is a new descriptor of ours.
    unsafe {
        let mut head = libc::CMSG_FIRSTHDR(&message);
        while !head.is_null() {
            if (*head).cmsg_level == libc::SOL_SOCKET && (*head).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*head).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let from = libc::CMSG_DATA(head).cast::<i32>();
                for i in 0..bytes / size_of::<i32>() {
                    descriptors.push(OwnedFd::from_raw_fd(from.add(i).read_unaligned()));
                }
            }
            head = libc::CMSG_NXTHDR(&message, head);
        }
    }
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(Error::Corrupt("a longer packet than a handle came through the socket"));
    }
    if message.msg_flags & libc::MSG_CTRUNC != 0 && descriptors.len() < MOST {
        // There was room for more: this process may not have as many.
        return Err(Error::Sys { call: "recvmsg (descriptors)", errno: libc::EMFILE });
    }
    Ok(Some((n, descriptors)))
}

/// Whether the socket is a stream of bytes; others keep packets apart.
pub(crate) fn is_stream(socket: i32) -> Result<bool> {
    let (mut kind, mut len) = (0i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: a valid output of the size that is passed.
    let result = unsafe {
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_TYPE, std::ptr::from_mut(&mut kind).cast(), &mut len)
    };
    if result != 0 {
        return Err(last("getsockopt(SO_TYPE)"));
    }
    Ok(kind == libc::SOCK_STREAM)
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    Read,
    Write,
}

/// Waits until the descriptor is ready or broken, at most `ns` nanoseconds; a signal ends it early.
pub(crate) fn poll(fd: i32, what: Ready, ns: u64) -> Result<()> {
    let events = if what == Ready::Read { libc::POLLIN } else { libc::POLLOUT };
    let mut one = libc::pollfd { fd, events, revents: 0 };
    let ms = ns.div_ceil(1_000_000).min(i32::MAX as u64) as i32;
    // SAFETY: one valid pollfd.
    if unsafe { libc::poll(&mut one, 1, ms) } < 0 && errno() != libc::EINTR {
        return Err(last("poll"));
    }
    Ok(())
}
