//! Several operations in one message. Near each is done in memory, by what a server would do for the request.

use super::served::{Class, Reply, Served};
use super::wire::{Reader, Writer};
use super::{dict, event, list, namespace, protocol, queue, value, Link, Place, Proxy};
use crate::objects::{Datum, Encoded, FetchOp};
use crate::sync::{Limits, Timeout};
use crate::{Error, Result};

/// An object that an operation of a batch is for.
pub(crate) enum Target<'a> {
    Near(&'a dyn Served),
    Far(&'a Proxy),
}

#[allow(private_bounds)] // which kinds there are is the library's own
impl<T: Served> Place<T> {
    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Place::Near(object, _) => Target::Near(object),
            Place::Far(proxy) => Target::Far(proxy),
        }
    }
}

/// What an answer has.
#[derive(Debug, Clone, Copy)]
enum Gives {
    Nothing,
    /// A datum as it is stored.
    Stored,
    /// A datum.
    Datum,
    /// An integer.
    Int,
    /// A message.
    Message,
}

/// Enough for most arguments.
const ARGS: usize = 192;

/// An operation and its arguments. None of them waits.
pub(crate) struct Step {
    op: u8,
    args: Writer,
    gives: Gives,
}

impl Step {
    fn new(op: u8, gives: Gives, put: impl FnOnce(&mut Writer)) -> Step {
        let mut args = Writer(Vec::with_capacity(ARGS));
        put(&mut args);
        Step { op, args, gives }
    }

    pub(crate) fn dict_get(key: &Encoded) -> Step {
        Step::new(dict::GET, Gives::Stored, |w| {
            w.encoded(key);
            w.u64(u64::MAX);
        })
    }

    pub(crate) fn dict_set(key: &Encoded, value: &Encoded) -> Step {
        Step::new(dict::SET, Gives::Nothing, |w| {
            w.encoded(key);
            w.encoded(value);
        })
    }

    pub(crate) fn dict_delete(key: &Encoded) -> Step {
        Step::new(dict::DELETE, Gives::Nothing, |w| w.encoded(key))
    }

    pub(crate) fn dict_add(key: &Encoded, delta: &Encoded) -> Step {
        Step::new(dict::ADD, Gives::Datum, |w| {
            w.encoded(key);
            w.encoded(delta);
        })
    }

    pub(crate) fn list_get(index: i64) -> Step {
        Step::new(list::GET, Gives::Stored, |w| {
            w.i64(index);
            w.u64(u64::MAX);
        })
    }

    pub(crate) fn list_set(index: i64, value: &Encoded) -> Step {
        Step::new(list::SET, Gives::Nothing, |w| {
            w.i64(index);
            w.encoded(value);
        })
    }

    pub(crate) fn list_append(value: &Encoded) -> Step {
        Step::new(list::APPEND, Gives::Nothing, |w| w.encoded(value))
    }

    pub(crate) fn namespace_get(name: &str) -> Step {
        Step::new(namespace::GET, Gives::Stored, |w| {
            w.str(name);
            w.u64(u64::MAX);
        })
    }

    pub(crate) fn namespace_set(name: &str, value: &Encoded) -> Step {
        Step::new(namespace::SET, Gives::Nothing, |w| {
            w.str(name);
            w.encoded(value);
        })
    }

    pub(crate) fn queue_put(message: &[u8]) -> Step {
        Step::new(queue::PUT, Gives::Nothing, |w| w.bytes(message))
    }

    pub(crate) fn queue_get(most: usize) -> Step {
        Step::new(queue::GET, Gives::Message, |w| w.u64(most as u64))
    }

    pub(crate) fn value_fetch_i64(op: FetchOp, operand: i64) -> Step {
        Step::new(value::FETCH_I64, Gives::Int, |w| value::put_fetch(w, op, operand))
    }

    pub(crate) fn event_set() -> Step {
        Step::new(event::SET, Gives::Nothing, |_| ())
    }

    /// Its operation on an object: what is taken from a joinable queue is taken for the session.
    fn op_on(&self, target: &Target) -> Result<u8> {
        match (self.gives, target) {
            (Gives::Message, Target::Near(_)) => Ok(self.op | queue::BOUND),
            (Gives::Message, Target::Far(proxy)) => queue::taking(proxy, self.op),
            _ => Ok(self.op),
        }
    }

    /// The encoding of what came.
    fn take(&self, body: &mut Reader) -> Result<Vec<u8>> {
        let result = match self.gives {
            Gives::Nothing => Datum::Nil.encode()?.to_vec(),
            Gives::Stored => body.bytes()?.to_vec(),
            Gives::Datum => body.datum()?.encode()?.to_vec(),
            Gives::Int => Datum::Int(body.i64()?).encode()?.to_vec(),
            Gives::Message => Datum::Bytes(body.bytes()?).encode()?.to_vec(),
        };
        body.end()?;
        Ok(result)
    }
}

/// Runs operations in their order: what each came to, as an encoded datum.
///
/// # Errors
/// What the connection says; then nobody knows which were done.
pub(crate) fn run(link: &Link, steps: &[(Target, &Step)]) -> Result<Vec<Result<Vec<u8>>>> {
    let mut results = Vec::with_capacity(steps.len());
    let mut rest = steps;
    while let Some((target, step)) = rest.first() {
        match target {
            Target::Near(object) => {
                let mut reply = Reply::default();
                let mut args = Reader::new(&step.args.0);
                let done = object.serve(step.op_on(target)?, &mut args, Limits::none(), &mut reply);
                results.push(done.and_then(|_| step.take(&mut Reader::new(&reply.out.0))));
                rest = &rest[1..];
            }
            Target::Far(_) => {
                let (some, more) = rest.split_at(fitting(link, rest));
                results.extend(ask(link, some)?);
                rest = more;
            }
        }
    }
    Ok(results)
}

/// How many from the first on go into one message.
fn fitting(link: &Link, steps: &[(Target, &Step)]) -> usize {
    let mut len = 0;
    let far = steps.iter().take_while(|(target, step)| {
        len += protocol::HEAD + step.args.len();
        matches!(target, Target::Far(_)) && len <= link.most()
    });
    far.count().max(1) // one alone that is too long says so itself
}

fn ask(link: &Link, steps: &[(Target, &Step)]) -> Result<Vec<Result<Vec<u8>>>> {
    let mut ops = Vec::with_capacity(steps.len());
    let mut bound = false;
    for (target, step) in steps {
        let Target::Far(proxy) = target else { return Err(Error::invalid("near and far in one message")) };
        if !std::ptr::eq(&raw const **proxy.link(), link) {
            return Err(Error::invalid("an object of another manager"));
        }
        let op = step.op_on(target)?;
        let class: Class = proxy.class_of(op);
        bound |= class.bound;
        proxy.attach();
        ops.push((proxy.id(), op));
    }
    let answers = link.requests(bound, Limits::none(), false, |first, w| {
        for (n, ((object, op), (_, step))) in ops.iter().zip(steps).enumerate() {
            let begun = protocol::begin_request(w, first + n as u64, *object, *op, Timeout::Ns(0));
            w.0.extend_from_slice(&step.args.0);
            w.end(begun);
        }
        steps.len()
    })?;
    let take = |(n, (_, step)): (usize, &(Target, &Step))| step.take(&mut answers.get(n)?.1);
    Ok(steps.iter().enumerate().map(take).collect())
}
