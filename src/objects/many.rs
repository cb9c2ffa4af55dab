//! Waiting for any of many things.

use super::patience::Patience;
use super::{Event, Lock, Pipe, Queue, RLock, Semaphore, Value};
use crate::shm::{Domain, Word32};
use crate::sync::raw::{self, wait_many, Look, Seen, Signal};
use crate::sync::{Limits, Manner, Wait};
use crate::{Error, Result};

/// Most things that one call can wait for.
pub const WAIT_MOST: usize = raw::MOST;

/// One thing to wait for. Ready means that the call that belongs to it would return at once.
#[derive(Clone, Copy)]
pub enum On<'a> {
    /// A message, or the end of them.
    QueueReadable(&'a Queue),
    /// Room for a message of so many bytes, or the queue is shut down.
    QueueWritable(&'a Queue, usize),
    /// A message, or the end of file.
    PipeReadable(&'a Pipe),
    /// Room for a message of so many bytes, or the other end is gone.
    PipeWritable(&'a Pipe, usize),
    /// The other end is gone.
    PipeClosed(&'a Pipe),
    /// Free, or its holder is dead.
    Lock(&'a Lock),
    /// The same, or the calling thread's.
    RLock(&'a RLock),
    /// There is a permit.
    Semaphore(&'a Semaphore),
    /// Set, or it was since the call began.
    Event(&'a Event),
    /// Something else than these bytes, or notified since the call began.
    Value(&'a Value, Option<&'a [u8]>),
}

impl<'a> On<'a> {
    /// Who is asked, and how its handle waits.
    fn domain(&self) -> (&'a Domain, Manner) {
        match *self {
            On::QueueReadable(queue) | On::QueueWritable(queue, _) => queue.domain(),
            On::PipeReadable(pipe) | On::PipeWritable(pipe, _) | On::PipeClosed(pipe) => pipe.domain(),
            On::Lock(lock) => lock.domain(),
            On::RLock(lock) => lock.domain(),
            On::Semaphore(semaphore) => semaphore.domain(),
            On::Event(event) => event.domain(),
            On::Value(value, _) => value.domain(),
        }
    }

    /// Whether it can be waited for at all.
    fn check(&self) -> Result<()> {
        match *self {
            On::QueueWritable(queue, len) => queue.check_len(len)?,
            On::PipeReadable(pipe) => pipe.readable_signal().map(|_| ())?,
            On::PipeWritable(pipe, len) => pipe.check_len(len)?,
            On::Value(value, expected) => value.check_expected(expected)?,
            // As elsewhere: to wait for an event is nothing that a process has to join a domain for.
            On::Event(_) => return Ok(()),
            _ => {}
        }
        self.domain().0.me().map(|_| ())
    }

    /// What is remembered of how it was, so that what comes and goes meanwhile is noticed.
    fn begin(&self) -> u32 {
        match *self {
            On::Event(event) => event.flag().round(),
            On::Value(value, None) => value.notified(),
            On::Value(value, Some(_)) => value.writes(),
            _ => 0,
        }
    }

    /// Whether the call that belongs to it would not wait, be it for an error.
    fn is_ready(&self, begun: u32, look: Look, is_try: bool, patience: &Patience) -> bool {
        let ask = matches!(look, Look::First | Look::Slice);
        match *self {
            On::QueueReadable(queue) => queue.is_readable(patience),
            On::QueueWritable(queue, len) => queue.is_writable(len, patience),
            On::PipeReadable(pipe) => pipe.is_readable(patience),
            On::PipeWritable(pipe, len) => pipe.is_writable(len, patience),
            On::PipeClosed(pipe) => pipe.is_closed(),
            On::Lock(lock) => lock.is_free(ask),
            On::RLock(lock) => lock.is_free(ask),
            On::Semaphore(semaphore) => semaphore.is_available(look, is_try),
            On::Event(event) => event.flag().was_set_since(begun),
            On::Value(value, expected) => {
                // It was compared since `begun`.
                let worth_it = look != Look::Glance || value.may_have_changed(expected, begun, begun);
                worth_it && value.has_changed(expected, begun).unwrap_or(true)
            }
        }
    }

    /// Where to wait for it.
    fn signal(&self) -> Signal<'a, Word32> {
        match *self {
            On::QueueReadable(queue) => queue.readable_signal(),
            On::QueueWritable(queue, _) => queue.writable_signal(),
            // Checked before: the end has that direction.
            On::PipeReadable(pipe) => pipe.readable_signal().unwrap_or_else(|_| pipe.closed_signal()),
            On::PipeWritable(pipe, _) => pipe.writable_signal().unwrap_or_else(|_| pipe.closed_signal()),
            On::PipeClosed(pipe) => pipe.closed_signal(),
            On::Lock(lock) => lock.signal(),
            On::RLock(lock) => lock.signal(),
            On::Semaphore(semaphore) => semaphore.signal(),
            On::Event(event) => Signal::Flag(event.flag()),
            On::Value(value, _) => value.signal(),
        }
    }
}

/// Waits until at least one of many things is ready; the indices of those that are. Takes nothing: somebody else may be
/// faster.
///
/// # Errors
/// [`Error::TimedOut`], [`Error::Canceled`], [`Error::Interrupted`] (if one of the handles is for that),
/// [`Error::Invalid`] (none, or more than [`WAIT_MOST`]), [`Error::NotSupported`], [`Error::TooBig`], [`Error::Type`],
/// [`Error::Slots`].
pub fn wait_any(on: &[On], limits: Limits) -> Result<Vec<usize>> {
    let mut ready = Vec::new();
    wait_each(on.len(), |index| Ok(on[index]), limits, |index| ready.push(index))?;
    Ok(ready)
}

/// As [`wait_any`], for things that are told one by one, and tells `ready` one by one which are, ascending. Allocates
/// nothing if something is ready at once.
pub(crate) fn wait_each<'a>(
    count: usize,
    thing: impl Fn(usize) -> Result<On<'a>>,
    limits: Limits,
    mut ready: impl FnMut(usize),
) -> Result<()> {
    if count == 0 || count > WAIT_MOST {
        return Err(Error::invalid("1 to 126 things can be waited for"));
    }
    let mut begun = [0; WAIT_MOST];
    for (index, begun) in begun[..count].iter_mut().enumerate() {
        let on = thing(index)?;
        on.check()?;
        *begun = on.begin();
    }
    let is_try = limits.is_try();
    let (mut some, patience) = (false, Patience::some());
    for (index, begun) in begun[..count].iter().enumerate() {
        if thing(index)?.is_ready(*begun, Look::First, is_try, &patience) {
            some = true;
            ready(index);
        }
    }
    if some {
        return Ok(());
    }
    if is_try {
        return Err(limits.cancel.filter(|cancel| cancel.is_set()).map_or(Error::TimedOut, |_| Error::Canceled));
    }
    let things = (0..count).map(thing).collect::<Result<Vec<_>>>()?;
    let (domain, _) = things[0].domain();
    let manners = || things.iter().map(|on| on.domain().1);
    let manner = Manner {
        spin: manners().all(|manner| manner.spin),
        interruptible: manners().any(|manner| manner.interruptible),
        brief: false,
    };
    let env = Wait::for_event(domain, limits, manner);
    wait_many(
        count,
        |index| things[index].signal(),
        &env,
        |look| {
            let mut some = false;
            let patience = if look == Look::Glance { Patience::none() } else { Patience::some() };
            for (index, on) in things.iter().enumerate() {
                if on.is_ready(begun[index], look, is_try, &patience) {
                    some = true;
                    ready(index);
                }
            }
            match some {
                true => Seen::Ready(()),
                false if patience.is_unsure() => Seen::Unsure,
                false => Seen::Nothing,
            }
        },
    )
    .map_err(Error::from)
}
