//! Making a connection: the socket, the preambles, the handshake.

use crate::manager::channel::{self, Handshake, Incoming, Mode, Opener, Sealer, PREAMBLE};
use crate::manager::{Address, Key};
use crate::sync::{Deadline, Limits};
use crate::sys::fork::Own;
use crate::sys::net;
use crate::sys::socket::{self, Ready};
use crate::{Error, Result};
use std::time::Duration;

/// A connection, authenticated by this side.
pub(super) struct Dialed {
    pub(super) socket: Own,
    pub(super) sealer: Sealer,
    pub(super) incoming: Incoming,
}

/// The longest frame before the manager has said what it is.
const FIRST: usize = 64 << 10;

fn connect(address: &Address, timeout: Duration, keepalive: Duration) -> Result<Own> {
    match address {
        Address::Unix { path, .. } => net::connect_unix(path, timeout),
        Address::Tcp { host, port } => {
            let mut error = Error::Connection("there is no host of that name");
            for address in Address::resolve(host, *port)? {
                match net::connect_tcp(&address, timeout) {
                    Ok(socket) => {
                        net::keep_alive(socket.fd(), keepalive)?;
                        return Ok(socket);
                    }
                    Err(other) => error = other,
                }
            }
            Err(error)
        }
    }
}

/// Connects and shakes hands.
pub(super) fn dial(address: &Address, key: Option<&Key>, timeout: Duration, keepalive: Duration) -> Result<Dialed> {
    if key.is_none() && matches!(address, Address::Tcp { .. }) {
        return Err(Error::Refused("tcp needs a key"));
    }
    let deadline = Deadline::new(Limits::within(timeout));
    let socket = connect(address, timeout, keepalive)?;
    let mode = if key.is_some() { Mode::encrypted() } else { Mode::Plain };
    let mut first = channel::preamble(mode as u8).to_vec();
    let mut handshake = key.map(|key| Handshake::new(key, true, mode)).transpose()?;
    if let Some(handshake) = &mut handshake {
        let message = handshake.write(&[])?;
        first.extend_from_slice(&(message.len() as u16).to_le_bytes());
        first.extend_from_slice(&message);
    }
    send(&socket, &first, &deadline)?;
    let mut answer = [0; PREAMBLE];
    receive(&socket, &mut answer, &deadline)?;
    channel::answer(&answer, mode)?;
    let (sealer, opener) = match handshake {
        None => (Sealer::default(), Opener::default()),
        Some(mut handshake) => {
            let mut len = [0; 2];
            receive(&socket, &mut len, &deadline)?;
            let len = usize::from(u16::from_le_bytes(len));
            if len > channel::HANDSHAKE {
                return Err(Error::Protocol("a handshake is longer than it may be"));
            }
            let mut message = vec![0; len];
            receive(&socket, &mut message, &deadline)?;
            handshake.read(&message)?;
            handshake.finish()?
        }
    };
    Ok(Dialed { socket, sealer, incoming: Incoming::new(opener, FIRST) })
}

fn late<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::TimedOut => Error::Connection("the manager does not answer"),
        other => other,
    })
}

fn send(socket: &Own, mut bytes: &[u8], deadline: &Deadline) -> Result<()> {
    while !bytes.is_empty() {
        match socket::send(socket.fd(), bytes, &[]) {
            Ok(Some(n)) => bytes = &bytes[n..],
            Ok(None) => socket::poll(socket.fd(), Ready::Write, late(deadline.left())?.min(100_000_000))?,
            // It may have said why before it hung up: that is read next.
            Err(Error::BrokenPipe) => return Ok(()),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn receive(socket: &Own, to: &mut [u8], deadline: &Deadline) -> Result<()> {
    let mut got = 0;
    while got < to.len() {
        late(deadline.left())?;
        match socket::recv_wait(socket.fd(), &mut to[got..])? {
            Some((0, _)) if got == 0 => return Err(Error::Refused("the manager hung up")),
            Some((0, _)) => return Err(Error::Connection("it was lost in the middle of the greeting")),
            Some((n, _)) => got += n,
            None => {}
        }
    }
    Ok(())
}
