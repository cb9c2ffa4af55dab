//! The way out of a connection: used by the server's thread and by those that answer later.

use super::{guard, Shared};
use crate::manager::channel::Sealer;
use crate::shm::Handle;
use crate::sys::fork::Own;
use crate::sys::{clock, net, socket};
use crate::Result;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Mutex;

/// A client that has not taken so many bytes is not read from until it has.
pub(super) const HIGH: usize = 1 << 20;
/// All clients together may leave so many bytes untaken; who goes beyond is dropped.
const TOTAL: usize = 256 << 20;
/// What an empty buffer may keep.
const KEEP: usize = 4 << 10;

pub(super) struct Wire {
    pub(super) socket: Own,
    /// Which connection it is.
    pub(super) token: u64,
    out: Mutex<Out>,
}

#[derive(Default)]
struct Out {
    sealer: Sealer,
    frame: Vec<u8>,
    bytes: Vec<u8>,
    sent: usize,
    /// Handles that go with the byte at these places of `bytes`.
    handles: VecDeque<(usize, Handle)>,
    /// What the server's thread waits for.
    reads: bool,
    writes: bool,
    /// When some of it was last taken.
    moved: u64,
    dead: bool,
}

impl Wire {
    pub(super) fn new(socket: Own, token: u64) -> Wire {
        Wire { socket, token, out: Mutex::new(Out { reads: true, ..Out::default() }) }
    }

    /// After the handshake.
    pub(super) fn secure(&self, sealer: Sealer) {
        guard(&self.out).sealer = sealer;
    }

    /// Bytes that are not a frame: of the handshake.
    pub(super) fn send_raw(&self, shared: &Shared, bytes: &[u8]) {
        let mut out = guard(&self.out);
        out.bytes.extend_from_slice(bytes);
        self.flush(shared, &mut out, bytes.len());
    }

    /// Sends a frame, or as much of it as goes. What cannot be sent ends the connection, which the server's thread
    /// then finds out.
    pub(super) fn send(&self, shared: &Shared, content: &[u8], handle: Option<Handle>) {
        let mut out = guard(&self.out);
        if out.dead {
            return;
        }
        let out = &mut *out;
        let before = out.bytes.len();
        if let Some(handle) = handle {
            out.handles.push_back((before, handle));
        }
        out.frame.clear();
        out.frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
        out.frame.extend_from_slice(content);
        if out.sealer.seal(&out.frame, &mut out.bytes).is_err() {
            out.dead = true;
            net::shutdown(self.socket.fd());
            return;
        }
        if out.frame.capacity() > KEEP {
            out.frame = Vec::new();
        }
        let more = out.bytes.len() - before;
        self.flush(shared, out, more);
    }

    /// There is room again.
    pub(super) fn writable(&self, shared: &Shared) {
        self.flush(shared, &mut guard(&self.out), 0);
    }

    fn flush(&self, shared: &Shared, out: &mut Out, more: usize) {
        let before = out.bytes.len() - out.sent - more;
        if before == 0 {
            out.moved = clock::coarse_ns();
        }
        match self.push(out) {
            Ok(true) => out.moved = clock::coarse_ns(),
            Ok(false) => {}
            Err(_) => out.dead = true,
        }
        if out.sent == out.bytes.len() {
            (out.sent, out.handles) = (0, VecDeque::new());
            out.bytes.clear();
            if out.bytes.capacity() > KEEP {
                out.bytes = Vec::new();
            }
        } else if out.sent > HIGH {
            out.bytes.drain(..out.sent);
            for (at, _) in &mut out.handles {
                *at -= out.sent;
            }
            out.sent = 0;
        }
        let left = out.bytes.len() - out.sent;
        let total = if left >= before {
            shared.backlog.fetch_add(left - before, Ordering::Relaxed) + (left - before)
        } else {
            shared.backlog.fetch_sub(before - left, Ordering::Relaxed) - (before - left)
        };
        if total > TOTAL && left > 0 {
            out.dead = true;
        }
        if out.dead {
            net::shutdown(self.socket.fd());
            shared.backlog.fetch_sub(left, Ordering::Relaxed);
            (out.bytes, out.sent) = (Vec::new(), 0);
            out.handles.clear();
        }
        let writes = out.bytes.len() > out.sent;
        if writes != out.writes {
            out.writes = writes;
            self.arm(shared, out);
        }
    }

    /// Whether anything went.
    fn push(&self, out: &mut Out) -> Result<bool> {
        let mut some = false;
        while out.sent < out.bytes.len() {
            let next = out.handles.front().map(|(at, _)| *at);
            let (end, along) = match next {
                Some(at) if at == out.sent => {
                    (out.handles.get(1).map_or(out.bytes.len(), |(at, _)| *at), out.handles.front())
                }
                Some(at) => (at, None),
                None => (out.bytes.len(), None),
            };
            let descriptors = along.map(|(_, handle)| handle.borrowed());
            let descriptors = descriptors.as_ref().map_or(&[][..], |d| &d[..]);
            match socket::send(self.socket.fd(), &out.bytes[out.sent..end], descriptors)? {
                None => return Ok(some),
                Some(n) => {
                    some = true;
                    if !descriptors.is_empty() {
                        out.handles.pop_front();
                    }
                    out.sent += n;
                }
            }
        }
        Ok(some)
    }

    fn arm(&self, shared: &Shared, out: &Out) {
        // Who is not read from is looked at as soon as there is room again, whoever has made that. It fails only if the
        // connection is not waited for any more.
        let _ = shared.epoll.change(self.socket.fd(), self.token, out.reads, out.writes || !out.reads);
    }

    /// Whether the server's thread is to hear of what comes in.
    pub(super) fn set_reading(&self, shared: &Shared, reads: bool) {
        let mut out = guard(&self.out);
        if out.reads != reads {
            out.reads = reads;
            self.arm(shared, &out);
        }
    }

    /// Bytes that the client has not taken yet.
    pub(super) fn backlog(&self) -> usize {
        let out = guard(&self.out);
        out.bytes.len() - out.sent
    }

    /// Since when it has taken nothing of what there is; `None`: there is nothing.
    pub(super) fn stuck_since(&self) -> Option<u64> {
        let out = guard(&self.out);
        (out.bytes.len() > out.sent).then_some(out.moved)
    }

    /// The end: nothing goes out any more.
    pub(super) fn end(&self, shared: &Shared) {
        let mut out = guard(&self.out);
        if !out.dead {
            out.dead = true;
            let left = out.bytes.len() - out.sent;
            shared.backlog.fetch_sub(left, Ordering::Relaxed);
            (out.bytes, out.sent) = (Vec::new(), 0);
            out.handles.clear();
        }
        net::shutdown(self.socket.fd());
    }
}
