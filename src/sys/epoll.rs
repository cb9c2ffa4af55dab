//! Waiting for many descriptors (`epoll(7)`), and being woken while doing so (`eventfd(2)`).

use super::{errno, last};
use crate::Result;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A set of descriptors to wait for.
pub(crate) struct Epoll(OwnedFd);

/// What happened to one of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Event {
    /// What it was added under.
    pub(crate) token: u64,
    /// There is something to read, or an end, or an error.
    pub(crate) readable: bool,
    /// There is room to write, or an error.
    pub(crate) writable: bool,
}

/// Events that are fetched at a time.
pub(crate) const MOST: usize = 256;

impl Epoll {
    pub(crate) fn new() -> Result<Epoll> {
        // SAFETY: integers only.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(last("epoll_create1"));
        }
        // SAFETY: the kernel just gave us this descriptor.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn control(&self, op: i32, fd: i32, token: u64, read: bool, write: bool) -> Result<()> {
        let mut events = libc::EPOLLRDHUP as u32;
        if read {
            events |= libc::EPOLLIN as u32;
        }
        if write {
            events |= libc::EPOLLOUT as u32;
        }
        if !read {
            events &= !(libc::EPOLLRDHUP as u32); // level-triggered: it would not let us sleep
        }
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: a valid event; the descriptor is only a number to the kernel.
        match unsafe { libc::epoll_ctl(self.0.as_raw_fd(), op, fd, &mut event) } {
            0 => Ok(()),
            _ => Err(last("epoll_ctl")),
        }
    }

    pub(crate) fn add(&self, fd: i32, token: u64) -> Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, true, false)
    }

    /// What to wait for from now on.
    pub(crate) fn change(&self, fd: i32, token: u64, read: bool, write: bool) -> Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, read, write)
    }

    pub(crate) fn remove(&self, fd: i32) -> Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, false, false)
    }

    /// Waits for at most `ms` milliseconds (negative: for ever); how many of `events` were filled in.
    pub(crate) fn wait(&self, events: &mut [Event; MOST], ms: i32) -> Result<usize> {
        let mut raw = [libc::epoll_event { events: 0, u64: 0 }; MOST];
        // SAFETY: room for as many events as is said.
        let n = unsafe { libc::epoll_wait(self.0.as_raw_fd(), raw.as_mut_ptr(), MOST as i32, ms) };
        let Ok(n) = usize::try_from(n) else {
            return match errno() {
                libc::EINTR => Ok(0),
                _ => Err(last("epoll_wait")),
            };
        };
        const END: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;
        for (to, from) in events.iter_mut().zip(&raw[..n]) {
            let bits = from.events;
            let any = |mask: u32| bits & mask != 0;
            *to = Event {
                token: from.u64,
                readable: any((libc::EPOLLIN | libc::EPOLLRDHUP) as u32 | END),
                writable: any(libc::EPOLLOUT as u32 | END),
            };
        }
        Ok(n)
    }
}

/// Wakes whoever waits for it in an [`Epoll`].
pub(crate) struct Waker(OwnedFd);

impl Waker {
    pub(crate) fn new() -> Result<Waker> {
        // SAFETY: integers only.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(last("eventfd"));
        }
        // SAFETY: the kernel just gave us this descriptor.
        Ok(Waker(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    pub(crate) fn wake(&self) {
        let one = 1u64;
        // SAFETY: 8 bytes, as an eventfd wants them. It can only fail if it is full of wake-ups already.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Forgets all wake-ups so far.
    pub(crate) fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: room for 8 bytes. It can only fail if nobody woke.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}
