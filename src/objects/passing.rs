//! Handing handles over: to children that run another program, and through unix sockets.

use crate::shm::{Handle, INHERITED, LETTER};
use crate::sync::{Deadline, Limits};
use crate::sys::child::{self, Child};
use crate::sys::clock;
use crate::sys::socket::{self, Ready};
use crate::{Error, Result};
use std::ffi::CString;
use std::sync::Mutex;

pub use crate::sys::child::Exit;

/// What program to start, and with what.
pub struct Spawn<'a> {
    /// The program, looked for along PATH if its name has no slash, and its arguments.
    pub argv: Vec<CString>,
    /// The environment, "NAME=value"; `None`: this process's.
    pub envp: Option<Vec<CString>>,
    /// Handles and the names under which the program finds them ([`Handle::inherited`]).
    pub handles: Vec<(&'a str, &'a Handle)>,
}

impl Spawn<'_> {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Access`] about the program, [`Error::Name`], [`Error::Invalid`] for a
    /// name used twice, [`Error::Sys`].
    pub fn start(self) -> Result<Process> {
        let mut environment = self.envp.unwrap_or_else(child::environment);
        // What this process was given itself is not the child's.
        environment.retain(|e| e.as_bytes().strip_prefix(INHERITED.as_bytes()).is_none_or(|r| !r.starts_with(b"=")));
        if !self.handles.is_empty() {
            let entry = Handle::environment_entry(&self.handles)?;
            environment.push(CString::new(entry).map_err(|_| Error::Name)?);
        }
        let descriptors: Vec<i32> = self.handles.iter().flat_map(|(_, h)| <[i32; 2]>::from(h.descriptors())).collect();
        let child = Child::spawn(&self.argv, &environment, &descriptors)?;
        Ok(Process { pid: child.pid(), state: Mutex::new(State::Running(child)) })
    }
}

/// A child process. Dropping it lets it go on.
pub struct Process {
    pid: i32,
    /// Locked for a moment only, never while waiting.
    state: Mutex<State>,
}

enum State {
    Running(Child),
    Ended(Exit),
}

/// The longest wait between two looks.
const SLICE_NS: u64 = 100_000_000;
/// The same where there is something to look at that does not wake us: a cancel token, or a child without a pidfd.
const SHORT_SLICE_NS: u64 = 10_000_000;

impl Process {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits for its end and reaps it; the answer stays the same.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Sys`] if somebody else reaped it.
    pub fn wait(&self, limits: Limits) -> Result<Exit> {
        let deadline = Deadline::new(limits);
        loop {
            let mut state = self.state();
            let pidfd = match &*state {
                State::Ended(exit) => return Ok(*exit),
                State::Running(child) => match child.reap()? {
                    Some(exit) => {
                        *state = State::Ended(exit);
                        return Ok(exit);
                    }
                    None => child.pidfd(),
                },
            };
            drop(state);
            match pidfd {
                // Should another thread reap it meanwhile, the number may mean something else: at worst a look
                // that comes too early or, bounded by the slice, too late.
                Some(fd) => wait_ready(fd, Ready::Read, limits, &deadline)?,
                None => clock::sleep_ns(deadline.left()?.min(SHORT_SLICE_NS)),
            }
        }
    }

    /// Sends a signal; nothing happens if it has ended.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no such signal, [`Error::Sys`].
    pub fn kill(&self, signal: i32) -> Result<()> {
        if !(0..=64).contains(&signal) {
            return Err(Error::invalid("no such signal"));
        }
        match &*self.state() {
            State::Running(child) => child.kill(signal),
            State::Ended(_) => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // In a forked child another thread's lock may never be released: then there is nothing to reap either.
        if let Ok(State::Running(child)) = self.state.try_lock().as_deref() {
            let _ = child.reap(); // if it has ended by now; else it is the system's business
        }
    }
}

/// Waits for a descriptor, for a slice at most; an error if the time is over or the token set.
fn wait_ready(fd: i32, what: Ready, limits: Limits, deadline: &Deadline) -> Result<()> {
    let slice = if limits.cancel.is_some() { SHORT_SLICE_NS } else { SLICE_NS };
    socket::poll(fd, what, deadline.left()?.min(slice))
}

impl Handle {
    /// Sends the handle through a connected unix socket.
    ///
    /// # Errors
    /// [`Error::BrokenPipe`], [`Error::TimedOut`], [`Error::Canceled`], [`Error::Sys`].
    pub fn send(&self, socket: i32, limits: Limits) -> Result<()> {
        let deadline = Deadline::new(limits);
        let letter = self.letter();
        let descriptors = self.borrowed();
        let mut sent = 0;
        while sent < LETTER {
            // The descriptors go with the first byte.
            let along = if sent == 0 { &descriptors[..] } else { &[] };
            match socket::send(socket, &letter[sent..], along)? {
                Some(n) => sent += n,
                None => wait_ready(socket, Ready::Write, limits, &deadline)?,
            }
        }
        Ok(())
    }

    /// Receives a handle from a unix socket.
    ///
    /// # Errors
    /// [`Error::EndOfFile`], [`Error::TimedOut`], [`Error::Canceled`], [`Error::Corrupt`], [`Error::Version`],
    /// [`Error::Sys`].
    pub fn recv(socket: i32, limits: Limits) -> Result<Handle> {
        let (deadline, stream) = (Deadline::new(limits), socket::is_stream(socket)?);
        let mut letter = [0; LETTER];
        let (mut got, mut descriptors) = (0, Vec::new());
        while got < LETTER {
            match socket::recv(socket, &mut letter[got..])? {
                Some((0, _)) if got == 0 => return Err(Error::EndOfFile),
                Some((0, _)) => return Err(Error::Corrupt("half a handle came through the socket")),
                Some((n, more)) => {
                    got += n;
                    descriptors.extend(more);
                    // Half of a stream's bytes may come later; a packet is whole or no handle.
                    let begins = Handle::begins_letter(&letter[..got]);
                    if !begins || (got < LETTER && !stream) {
                        return Err(Error::Corrupt("what came through the socket is not a handle"));
                    }
                }
                None => wait_ready(socket, Ready::Read, limits, &deadline)?,
            }
        }
        Handle::from_letter(&letter, descriptors)
    }
}
