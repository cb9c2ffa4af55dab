//! The pipe. A manager keeps the pipe without having either of its ends. A client that has the memory takes the role of
//! its end itself; for one behind a connection its session takes it, and lets it go when the handle is closed or the
//! connection gone: so the other side is told the truth.

use super::queue::{into, put_peer, receive, take_peer};
use super::served::{no_such, Class, Making, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Link, Place, Proxy, Site};
use crate::objects::{End, ObjectOptions, PipeInfo, PipeOptions, WholePipe};
use crate::shm::header::Kind;
use crate::shm::Handle;
use crate::sync::Limits;
use crate::{objects, Error, Result};
use std::any::Any;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Of the whole pipe: takes an end.
const END: u8 = 0;

// Of an end.
const SEND: u8 = 1;
const RECV: u8 = 2;
const POLL: u8 = 3;
const INFO: u8 = 4;

/// An end of a pipe, here or there.
pub struct Pipe {
    /// The first to go, so that whoever comes for the whole finds the end free.
    end: Place<objects::Pipe>,
    /// The manager's reference to the whole pipe, if it came from one.
    whole: Option<Proxy>,
}

impl Pipe {
    /// Creates a pipe, named or anonymous, and opens the ends that are wanted; the flag says whether an existing one
    /// was opened.
    ///
    /// # Errors
    /// As [`objects::Pipe::create`]; what the connection says.
    pub fn create(
        site: &Site,
        name: Option<&str>,
        options: &PipeOptions,
        wanted: [bool; 2],
    ) -> Result<([Option<Pipe>; 2], bool)> {
        match site {
            Site::Domain(domain) => {
                let (ends, existed) = objects::Pipe::create(domain, name, options, wanted)?;
                Ok((ends.map(|end| end.map(Pipe::from)), existed))
            }
            Site::Manager(link) => {
                let mut new = Writer::default();
                put_options(&mut new, options);
                let (whole, existed) = link.create(Kind::Pipe, class, name, options.object.exist_ok, &new)?;
                let open = |end: End| match wanted[end as usize] {
                    // A reference of its own for each: they are closed one by one.
                    true => Pipe::reach(Pipe::find(link, &format!("#{}", whole.id()))?, end, options).map(Some),
                    false => Ok(None),
                };
                Ok(([open(End::Zero)?, open(End::One)?], existed))
            }
        }
    }

    /// Opens an end by name; capacity and modes that are given must match.
    ///
    /// # Errors
    /// As [`objects::Pipe::open`]; what the connection says.
    pub fn open(site: &Site, name: &str, end: End, options: &PipeOptions) -> Result<Pipe> {
        match site {
            Site::Domain(domain) => objects::Pipe::open(domain, name, end, options).map(Pipe::from),
            Site::Manager(link) => Pipe::reach(Pipe::find(link, name)?, end, options),
        }
    }

    /// Opens the end that a handle leads to.
    ///
    /// # Errors
    /// As [`objects::Pipe::import`].
    pub fn import(handle: &Handle, options: &PipeOptions) -> Result<Pipe> {
        objects::Pipe::import(handle, options).map(Pipe::from)
    }

    /// A handle on this end that can travel to other processes, and keeps the end open.
    ///
    /// # Errors
    /// As [`objects::Pipe::export`]; [`Error::NotSupported`] behind a connection.
    pub fn export(&self) -> Result<Handle> {
        self.near()?.export()
    }

    fn find(link: &Arc<Link>, name: &str) -> Result<Proxy> {
        link.open(Kind::Pipe, class, name)
    }

    /// An end of a pipe that a manager has: its memory, if it gives that, or a proxy.
    fn reach(whole: Proxy, end: End, options: &PipeOptions) -> Result<Pipe> {
        options.accept(&take_options(&mut whole.facts())?)?;
        let end = if whole.link().gives_memory() {
            // The handle is on neither end: so whoever closes the end at once does not find that it is still held by
            // one on its way.
            let handle = whole.link().export(&whole, &Writer::default())?;
            Place::from(WholePipe::import(&handle, options)?.end(end)?)
        } else {
            let ((), end) = whole.make(END, ends, |w| put_end(w, end), |_, _| Ok(()))?;
            Place::Far(end)
        };
        Ok(Pipe { end, whole: Some(whole) })
    }

    /// Whether each operation is a request to a manager.
    pub fn is_remote(&self) -> bool {
        self.end.is_remote()
    }

    /// The end in this process's memory.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if it is behind a connection.
    #[inline]
    pub fn near(&self) -> Result<&objects::Pipe> {
        self.end.near()
    }

    /// The end.
    pub(crate) fn end(&self) -> &Place<objects::Pipe> {
        &self.end
    }

    /// The manager's reference to the whole pipe, if a manager has it.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.whole.as_ref()
    }

    /// The end in this process's memory, for messages in place.
    ///
    /// # Errors
    /// [`Error::NotSupported`] if it is behind a connection.
    #[inline]
    pub fn in_place(&self) -> Result<&objects::Pipe> {
        match &self.end {
            Place::Near(pipe, _) => Ok(pipe),
            Place::Far(_) => Err(Error::NotSupported(
                "messages in place are for memory, and the pipe is behind a connection: send and receive them",
            )),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// As [`objects::Pipe::send`]; far: what the connection says.
    #[inline]
    pub fn send(&self, message: &[u8], limits: Limits) -> Result<()> {
        match &self.end {
            Place::Near(pipe, _) => pipe.send(message, limits),
            Place::Far(proxy) => {
                let max = proxy.link().most();
                if message.len() > max {
                    return Err(Error::TooBig { len: message.len(), max });
                }
                proxy.call(SEND, limits, |w| w.bytes(message), |_, _| Ok(()))
            }
        }
    }

    /// Takes the next message into `to`; returns its length.
    ///
    /// # Errors
    /// As [`objects::Pipe::recv_into`]; far: what the connection says, and [`Error::TooBig`] for a message that no
    /// answer has room for: it stays.
    #[inline]
    pub fn recv_into(&self, to: &mut [MaybeUninit<u8>], limits: Limits) -> Result<usize> {
        match &self.end {
            Place::Near(pipe, _) => pipe.recv_into(to, limits),
            Place::Far(proxy) => receive(proxy, RECV, to, limits, |_, r, to| into(to, r.bytes()?)),
        }
    }

    /// Waits until there is a message, and leaves it there.
    ///
    /// # Errors
    /// As [`objects::Pipe::poll`]; far: what the connection says.
    pub fn poll(&self, limits: Limits) -> Result<()> {
        match &self.end {
            Place::Near(pipe, _) => pipe.poll(limits),
            Place::Far(proxy) => proxy.call(POLL, limits, |_| (), |_, _| Ok(())),
        }
    }

    /// Bounds, fill and peer.
    ///
    /// # Errors
    /// Far: what the connection says.
    pub fn info(&self) -> Result<PipeInfo> {
        match &self.end {
            Place::Near(pipe, _) => pipe.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }
}

impl From<objects::Pipe> for Pipe {
    fn from(pipe: objects::Pipe) -> Pipe {
        Pipe { end: Place::from(pipe), whole: None }
    }
}

/// What kind of operation one is, on a whole pipe.
fn class(op: u8) -> Class {
    match op {
        END => Class::BOUND,
        _ => Class::QUICK,
    }
}

/// What kind of operation one is, on an end: that is the session's.
fn ends(op: u8) -> Class {
    match op {
        SEND | RECV | POLL => Class::BOUND_WAITS,
        _ => Class::BOUND,
    }
}

pub(super) fn create(making: &Making, args: &mut Reader) -> Result<Arc<dyn Served>> {
    let new = take_options(args)?;
    args.end()?;
    Ok(Arc::new(WholePipe::create(making.domain, None, &new)?.0))
}

/// Bytes of memory that a new one takes.
pub(super) fn wanted(args: &mut Reader) -> Result<u64> {
    let new = take_options(args)?;
    Ok(new.capacity_bytes.saturating_mul(if new.one_way { 1 } else { 2 }))
}

pub(super) fn join(_making: &Making, handle: &Handle, _: &mut Reader) -> Result<Arc<dyn Served>> {
    Ok(Arc::new(WholePipe::import(handle, &any())?))
}

/// How a server opens a pipe.
fn any() -> PipeOptions {
    PipeOptions { object: options::served(), ..PipeOptions::default() }
}

impl Served for WholePipe {
    fn kind(&self) -> Kind {
        Kind::Pipe
    }

    fn class(&self, op: u8) -> Class {
        class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, _limits: Limits, reply: &mut Reply) -> Result<i32> {
        match op {
            END => {
                let end = take_end(args)?;
                args.end()?;
                reply.made = Some(Arc::new(self.end(end)?));
            }
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        let wanted = take_options(options)?;
        options.end()?;
        wanted.accept(&self.options())
    }

    fn facts(&self, out: &mut Writer) {
        put_options(out, &self.options());
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An end that a session has.
impl Served for objects::Pipe {
    fn kind(&self) -> Kind {
        Kind::Pipe
    }

    fn class(&self, op: u8) -> Class {
        ends(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        match op {
            SEND => {
                let message = args.bytes()?;
                args.end()?;
                self.send(message, limits)?;
            }
            RECV => {
                let most = args.size()?;
                args.end()?;
                reply.out.bytes(&self.recv_up_to(most, limits)?);
            }
            POLL => {
                args.end()?;
                self.poll(limits)?;
            }
            INFO => {
                args.end()?;
                put_info(&mut reply.out, &self.info()?);
            }
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        self.export()
    }

    fn matches(&self, _options: &mut Reader) -> Result<()> {
        no_such()
    }

    fn bytes(&self) -> u64 {
        // The memory is the whole pipe's.
        0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_end(w: &mut Writer, end: End) {
    w.u32(end.number());
}

fn take_end(r: &mut Reader) -> Result<End> {
    End::from_number(r.i32()?)
}

fn put_options(w: &mut Writer, options: &PipeOptions) {
    w.u64(options.capacity_bytes);
    w.bool(options.one_way);
    w.bool(options.exclusive);
    w.bool(options.pollable);
}

fn take_options(r: &mut Reader) -> Result<PipeOptions> {
    let object: ObjectOptions = options::served();
    let (capacity_bytes, one_way, exclusive, pollable) = (r.u64()?, r.bool()?, r.bool()?, r.bool()?);
    Ok(PipeOptions { object, capacity_bytes, one_way, exclusive, pollable })
}

fn put_info(w: &mut Writer, info: &PipeInfo) {
    for n in [info.capacity_bytes, info.max_message, info.incoming, info.outgoing] {
        w.u64(n);
    }
    put_end(w, info.end);
    w.bool(info.one_way);
    w.bool(info.exclusive);
    w.bool(info.pollable);
    put_peer(w, info.peer);
    w.u32(info.steals);
}

fn take_info(r: &mut Reader) -> Result<PipeInfo> {
    Ok(PipeInfo {
        capacity_bytes: r.u64()?,
        max_message: r.u64()?,
        incoming: r.u64()?,
        outgoing: r.u64()?,
        end: take_end(r)?,
        one_way: r.bool()?,
        exclusive: r.bool()?,
        pollable: r.bool()?,
        peer: take_peer(r)?,
        steals: r.u32()?,
    })
}
