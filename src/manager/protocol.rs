//! The messages. A client's frame: how many answers it has had over this connection (64 bits; the greeting's is not
//! counted), then requests; a server's: answers. Each of them begins with its length (32 bits).
//!
//! A request: its number (0: no answer wanted), the object (0: the manager itself), the operation, the timeout, the
//! arguments. An answer: the request's number, a status as C knows it, and a body (of an error: see
//! [`super::wire::put_error`]).

use super::served::Class;
use super::wire::{Reader, Writer};
use crate::sync::Timeout;
use crate::{Error, Result};

/// The operations of the manager itself. Each comment says: arguments → answer.
pub(super) mod op {
    /// client's id, instance expected or zero, wants memory, its ancestor's id → instance, gives memory, longest message, pid
    pub(crate) const HELLO: u8 = 1;
    /// kind, exist_ok, name or none, options → number, facts; status MPROC_EXISTED if it was there
    pub(crate) const CREATE: u8 = 2;
    /// kind, name → number, facts
    pub(crate) const OPEN: u8 = 3;
    /// number, how → a handle's letter; its descriptors come along
    pub(crate) const EXPORT: u8 = 4;
    /// name →
    pub(crate) const DELETE: u8 = 5;
    /// the last name of the page before, or none → how many, and each: name, kind, clients, bytes; whether it is all
    pub(crate) const LIST: u8 = 6;
    /// → see `ServerInfo`
    pub(crate) const INFO: u8 = 7;
    /// number → (no answer)
    pub(crate) const RELEASE: u8 = 8;
    /// name, datum → datum
    pub(crate) const CALL: u8 = 9;
    /// →
    pub(crate) const PING: u8 = 10;
    /// a request's number → (no answer; that request is answered)
    pub(crate) const CANCEL: u8 = 11;
    /// how many; of each: number, how many proxies → (no answer)
    pub(crate) const ATTACH: u8 = 12;
    /// number → its name
    pub(crate) const NAME: u8 = 13;
    /// things to wait for → the indices of those that are ready
    pub(crate) const WAIT: u8 = 14;
}

/// Of an operation of the manager itself. `bound`: the client's session has what it made, so it is not sent again over
/// another connection.
pub(super) fn class(op: u8) -> Class {
    match op {
        // To take much memory takes long.
        op::CREATE => Class::BOUND_LONG,
        op::EXPORT => Class::BOUND,
        op::CALL => Class::LONG,
        op::WAIT => Class { long: true, ..Class::WAITS },
        _ => Class::QUICK,
    }
}

/// A status that says: descriptors came along.
pub(super) const DESCRIPTORS: i32 = 101;
/// MPROC_EXISTED.
pub(super) const EXISTED: i32 = 2;

/// Bytes of a request before its arguments, with its length.
pub(super) const HEAD: usize = 4 + 8 + 8 + 1 + 8;

/// A request as it came.
pub(super) struct Request<'a> {
    pub(super) id: u64,
    pub(super) object: u64,
    pub(super) op: u8,
    pub(super) timeout: Timeout,
    pub(super) args: Reader<'a>,
}

/// Begins a request; [`Writer::end`] at what it gives.
pub(super) fn begin_request(w: &mut Writer, id: u64, object: u64, op: u8, timeout: Timeout) -> usize {
    let begun = w.begin();
    w.u64(id);
    w.u64(object);
    w.u8(op);
    w.i64(match timeout {
        Timeout::Forever => -1,
        Timeout::Ns(ns) => i64::try_from(ns).unwrap_or(i64::MAX),
    });
    begun
}

/// Takes time from a request that is sent again.
pub(super) fn shorten(request: &mut [u8], gone: u64) {
    const AT: usize = HEAD - 8;
    let Some(field) = request.get_mut(AT..HEAD) else { return };
    let Ok(bytes) = <[u8; 8]>::try_from(&*field) else { return };
    let timeout = i64::from_le_bytes(bytes);
    if timeout > 0 {
        let left = timeout.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX)).max(0);
        field.copy_from_slice(&left.to_le_bytes());
    }
}

/// The next request of a frame.
pub(super) fn next_request<'a>(frame: &mut Reader<'a>) -> Result<Option<Request<'a>>> {
    if frame.is_empty() {
        return Ok(None);
    }
    let mut r = Reader::new(frame.bytes()?);
    let (id, object, op, timeout) = (r.u64()?, r.u64()?, r.u8()?, r.i64()?);
    let timeout = Timeout::from_ns(timeout).map_err(|_| Error::Protocol("an impossible timeout"))?;
    Ok(Some(Request { id, object, op, timeout, args: r }))
}

/// The next answer of a frame: whose it is, its status, its body.
pub(super) fn next_answer<'a>(frame: &mut Reader<'a>) -> Result<Option<(u64, i32, Reader<'a>)>> {
    if frame.is_empty() {
        return Ok(None);
    }
    let mut r = Reader::new(frame.bytes()?);
    let (id, status) = (r.u64()?, r.i32()?);
    Ok(Some((id, status, r)))
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerInfo {
    /// Which one this is: another one after each start.
    pub instance: [u8; 16],
    /// How long it has been there.
    pub uptime_ns: u64,
    /// Clients, authenticated.
    pub clients: u64,
    /// Connections that are not authenticated (yet).
    pub unauthenticated: u64,
    /// Objects, with those inside others that somebody has a proxy of.
    pub objects: u64,
    /// Bytes of memory that they may take.
    pub bytes: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Requests so far.
    pub requests: u64,
    /// Connections refused so far.
    pub refused: u64,
    /// Procedures registered.
    pub procedures: u32,
    /// Its process.
    pub pid: u32,
}

impl ServerInfo {
    pub(super) fn put(&self, w: &mut Writer) {
        w.bytes(&self.instance);
        for n in [self.uptime_ns, self.clients, self.unauthenticated, self.objects, self.bytes] {
            w.u64(n);
        }
        for n in [self.waiting, self.requests, self.refused] {
            w.u64(n);
        }
        w.u32(self.procedures);
        w.u32(self.pid);
    }

    pub(super) fn take(r: &mut Reader) -> Result<ServerInfo> {
        Ok(ServerInfo {
            instance: id(r)?,
            uptime_ns: r.u64()?,
            clients: r.u64()?,
            unauthenticated: r.u64()?,
            objects: r.u64()?,
            bytes: r.u64()?,
            waiting: r.u64()?,
            requests: r.u64()?,
            refused: r.u64()?,
            procedures: r.u32()?,
            pid: r.u32()?,
        })
    }
}

/// 16 bytes that stand for somebody.
pub(super) fn id(r: &mut Reader) -> Result<[u8; 16]> {
    r.bytes()?.try_into().map_err(|_| Error::Protocol("not an id"))
}
