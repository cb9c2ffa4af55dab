//! Bells: what makes a descriptor for an event loop readable from another process, without a thread.
//!
//! The descriptor is an epoll instance over a unix datagram socket with an abstract name and a timer of 100 ms. Who
//! rings sends a datagram to that name. So nothing is left behind by anybody who dies, in the file system or elsewhere,
//! and nothing has to be passed around. The name can be seen by everybody on the machine; so the socket only takes
//! datagrams with the secret in them (a socket filter: `unix(7)`, `socket(7)`, SO_ATTACH_FILTER), and strangers wake
//! nobody.

use super::{crash, errno, file, last, process};
use crate::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// How long a bell that nobody rang stays silent.
const LOOK_AROUND_NS: i64 = 100_000_000;

/// Most rings that are taken away at a time; what is left makes the descriptor readable once more.
const MOST_RINGS: usize = 64;

/// Where a bell hears, and what it wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The socket's abstract name, without the NUL it begins with.
    pub(crate) name: String,
    /// Known to those who may ring.
    pub(crate) secret: [u8; 8],
}

impl Address {
    /// As the kernel wants it.
    fn socket(&self) -> (libc::sockaddr_un, libc::socklen_t) {
        // SAFETY: plain old data; zero is valid.
        let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        // The first byte stays 0: abstract. Names are far shorter than what there is room for.
        for (to, from) in address.sun_path[1..].iter_mut().zip(self.name.as_bytes()) {
            *to = *from as libc::c_char;
        }
        let len = std::mem::offset_of!(libc::sockaddr_un, sun_path) + 1 + self.name.len().min(100);
        (address, len as libc::socklen_t)
    }
}

fn owned(fd: i32, call: &'static str) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(last(call));
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn datagrams() -> Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: integers only.
    owned(unsafe { libc::socket(libc::AF_UNIX, kind, 0) }, "socket")
}

/// Takes nothing but datagrams of exactly the secret's bytes.
fn attach_filter(socket: &OwnedFd, secret: &[u8; 8]) -> Result<()> {
    // Classic BPF loads words in network order.
    let word = |at: usize| u32::from_be_bytes([secret[at], secret[at + 1], secret[at + 2], secret[at + 3]]);
    let code = |code: u32, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let (load_len, load, equal) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_LEN,
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
    );
    let mut program = [
        code(load_len, 0, 0),
        code(equal, 5, secret.len() as u32),
        code(load, 0, 0),
        code(equal, 3, word(0)),
        code(load, 0, 4),
        code(equal, 1, word(4)),
        code(libc::BPF_RET | libc::BPF_K, 0, u32::MAX),
        code(libc::BPF_RET | libc::BPF_K, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let len = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: a live descriptor; the kernel copies the program during the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            std::ptr::from_ref(&program).cast(),
            len,
        )
    };
    if result != 0 {
        return Err(last("setsockopt(SO_ATTACH_FILTER)"));
    }
    Ok(())
}

/// Gives a socket its name.
fn bind(socket: &OwnedFd, address: &Address) -> Result<()> {
    let (to, len) = address.socket();
    // SAFETY: a live descriptor and an address of that length.
    if unsafe { libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&to).cast(), len) } != 0 {
        return Err(if errno() == libc::EADDRINUSE { Error::Exists } else { last("bind") });
    }
    Ok(())
}

fn watch(epoll: &OwnedFd, fd: &OwnedFd, mark: u64) -> Result<()> {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: mark };
    // SAFETY: live descriptors and a valid event.
    if unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &mut event) } != 0 {
        return Err(last("epoll_ctl"));
    }
    Ok(())
}

/// Descriptors of a bell. Numbers, because the program may have closed them and given the numbers to others: each is
/// looked at before it is used.
pub(crate) struct Bell {
    epoll: AtomicI32,
    timer: AtomicI32,
    socket: AtomicI32,
    /// The socket's; 0: there is none.
    inode: AtomicU64,
    /// What the epoll instance is known by: it says this of each descriptor that it watches.
    mark: AtomicU64,
}

impl Bell {
    /// Without descriptors.
    pub(crate) fn none() -> Bell {
        let none = || AtomicI32::new(-1);
        Bell { epoll: none(), timer: none(), socket: none(), inode: AtomicU64::new(0), mark: AtomicU64::new(0) }
    }

    /// Opens a bell that hears at an address, and begins as if it had been rung. Without an address, or where sockets
    /// are forbidden, it is silent but for its timer.
    ///
    /// # Errors
    /// [`Error::Exists`]: the name is taken. [`Error::Sys`].
    pub(crate) fn open(&self, address: Option<&Address>) -> Result<()> {
        let (mut socket, mut inode) = (None, 0);
        if let (Some(address), Ok(fd)) = (address, datagrams()) {
            // The filter first: from the moment it has a name anybody can write to it.
            match attach_filter(&fd, &address.secret).and_then(|()| bind(&fd, address)) {
                Ok(()) => {
                    inode = file::stat_number(fd.as_raw_fd()).map_or(0, |s| s.ino);
                    socket = Some(fd);
                }
                Err(Error::Exists) => return Err(Error::Exists),
                Err(_) => {} // forbidden
            }
        }
        let mark = u64::from_ne_bytes(process::random_id()?[..8].try_into().unwrap_or_default());
        // SAFETY: integers only.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }, "epoll_create1")?;
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: integers only.
        let timer = owned(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) }, "timerfd_create")?;
        watch(&epoll, &timer, mark)?;
        if let Some(socket) = &socket {
            watch(&epoll, socket, mark)?;
        }
        self.inode.store(inode, Ordering::Relaxed);
        self.mark.store(mark, Ordering::Relaxed);
        self.socket.store(socket.map_or(-1, IntoRawFd::into_raw_fd), Ordering::Relaxed);
        self.timer.store(timer.into_raw_fd(), Ordering::Relaxed);
        self.epoll.store(epoll.into_raw_fd(), Ordering::Relaxed);
        self.sound();
        Ok(())
    }

    /// Closes the descriptors, as far as they still are this bell's.
    pub(crate) fn close(&self) {
        let socket = self.socket();
        let descriptors = [self.descriptor(), self.timer(socket), socket];
        descriptors.into_iter().flatten().for_each(file::close_number);
        for number in [&self.epoll, &self.timer, &self.socket] {
            number.store(-1, Ordering::Relaxed);
        }
    }

    /// The descriptor for event loops; `None`: the program has closed it.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        let fd = self.epoll.load(Ordering::Relaxed);
        let ours = match self.socket() {
            Some(socket) => watches(fd, socket),
            // Both could be the program's by now, and watch each other.
            None => self.is_silent() && watches(fd, self.timer.load(Ordering::Relaxed)) && self.may_have_mark(fd),
        };
        ours.then_some(fd)
    }

    /// The socket, if there is one and the program has not closed it.
    fn socket(&self) -> Option<i32> {
        let fd = self.socket.load(Ordering::Relaxed);
        file::stat_number(fd).filter(|s| s.is_socket() && s.ino == self.inode.load(Ordering::Relaxed)).map(|_| fd)
    }

    /// The timer, if the program has not closed it; with what [`Bell::socket`] said.
    fn timer(&self, socket: Option<i32>) -> Option<i32> {
        let (epoll, fd) = (self.epoll.load(Ordering::Relaxed), self.timer.load(Ordering::Relaxed));
        ((socket.is_some() || self.is_silent()) && watches(epoll, fd)).then_some(fd)
    }

    /// Whether there never was a socket.
    fn is_silent(&self) -> bool {
        self.inode.load(Ordering::Relaxed) == 0
    }

    /// Whether what an epoll instance says of what it watches is ours (`proc(5)`, /proc/pid/fdinfo), or cannot be found
    /// out: there is no /proc, or no descriptor to be had.
    fn may_have_mark(&self, epoll: i32) -> bool {
        let mark = format!("data: {:16x} ", self.mark.load(Ordering::Relaxed));
        std::fs::read_to_string(format!("/proc/self/fdinfo/{epoll}")).map_or(true, |text| text.contains(&mark))
    }

    /// Makes the descriptor readable.
    pub(crate) fn sound(&self) {
        if let Some(timer) = self.timer(self.socket()) {
            set(timer, 1);
        }
    }

    /// Makes the descriptor unreadable, until it is rung or 100 ms have passed; whether it can be rung.
    pub(crate) fn hush(&self) -> bool {
        let socket = self.socket();
        if let Some(socket) = socket {
            let mut bytes = [0u8; 16];
            for _ in 0..MOST_RINGS {
                // SAFETY: a buffer of that length; our socket (just looked at).
                if unsafe { libc::recv(socket, bytes.as_mut_ptr().cast(), bytes.len(), libc::MSG_DONTWAIT) } < 0 {
                    break;
                }
            }
        }
        if let Some(timer) = self.timer(socket) {
            // To set a timer is also to forget that it has expired.
            set(timer, if crash::mutant(crash::Mutant::BellOnly) { 0 } else { LOOK_AROUND_NS });
        }
        socket.is_some()
    }
}

/// Whether a descriptor is an epoll instance that watches another one: epoll instances and timers have no inode of
/// their own to be known by.
fn watches(epoll: i32, fd: i32) -> bool {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: numbers, whatever they are now, and a valid event.
    if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) } == 0 {
        // It did not: the program's.
        // SAFETY: as above.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, fd, &mut event) };
        return false;
    }
    errno() == libc::EEXIST
}

/// Sets a timer to expire in `ns` nanoseconds (0: never) and every 100 ms after that.
fn set(timer: i32, ns: i64) {
    let after = |ns: i64| libc::timespec { tv_sec: 0, tv_nsec: ns as _ };
    let every = if crash::mutant(crash::Mutant::BellOnly) { 0 } else { LOOK_AROUND_NS };
    let times = libc::itimerspec { it_interval: after(every), it_value: after(ns) };
    // SAFETY: a timer, or something else for which this fails; a valid input; no output.
    unsafe { libc::timerfd_settime(timer, 0, &times, std::ptr::null_mut()) };
}

/// Rings bells.
pub(crate) struct Ringer {
    /// Made when it is needed, and closed at once: what is kept can be closed by the program, and its number become the
    /// number of something that is written to.
    socket: Option<Result<OwnedFd>>,
}

impl Ringer {
    pub(crate) fn new() -> Ringer {
        Ringer { socket: None }
    }

    /// Rings one; `false`: it cannot be reached, because nobody is there, or in another network namespace, or there is
    /// no socket to be had. (Whoever is not reached looks around by itself.)
    pub(crate) fn ring(&mut self, address: &Address) -> bool {
        if crash::mutant(crash::Mutant::NeverRung) {
            return true;
        }
        let Ok(socket) = self.socket.get_or_insert_with(datagrams) else { return false };
        crash::point("ring");
        let (to, len) = address.socket();
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: a live descriptor, bytes and an address of these lengths.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                address.secret.as_ptr().cast(),
                address.secret.len(),
                flags,
                std::ptr::from_ref(&to).cast(),
                len,
            )
        };
        sent >= 0 || errno() == libc::EAGAIN // full of rings
    }
}
