//! Several operations in one message. Near each is done in memory, by what a server would do for the request.

use super::client::Manner;
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

/// An operation, and where its arguments stand. None of them waits.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    op: u8,
    gives: Gives,
    from: usize,
    to: usize,
}

impl Step {
    fn new(args: &mut Writer, op: u8, gives: Gives, put: impl FnOnce(&mut Writer)) -> Step {
        let from = args.len();
        put(args);
        Step { op, gives, from, to: args.len() }
    }

    pub(crate) fn dict_get(args: &mut Writer, key: &Encoded) -> Step {
        Step::new(args, dict::GET, Gives::Stored, |w| {
            w.encoded(key);
            w.u64(u64::MAX);
        })
    }

    pub(crate) fn dict_set(args: &mut Writer, key: &Encoded, value: &Encoded) -> Step {
        Step::new(args, dict::SET, Gives::Nothing, |w| {
            w.encoded(key);
            w.encoded(value);
        })
    }

    pub(crate) fn dict_delete(args: &mut Writer, key: &Encoded) -> Step {
        Step::new(args, dict::DELETE, Gives::Nothing, |w| w.encoded(key))
    }

    pub(crate) fn dict_add(args: &mut Writer, key: &Encoded, delta: &Encoded) -> Step {
        Step::new(args, dict::ADD, Gives::Datum, |w| {
            w.encoded(key);
            w.encoded(delta);
        })
    }

    pub(crate) fn list_get(args: &mut Writer, index: i64) -> Step {
        Step::new(args, list::GET, Gives::Stored, |w| {
            w.i64(index);
            w.u64(u64::MAX);
        })
    }

    pub(crate) fn list_set(args: &mut Writer, index: i64, value: &Encoded) -> Step {
        Step::new(args, list::SET, Gives::Nothing, |w| {
            w.i64(index);
            w.encoded(value);
        })
    }

    pub(crate) fn list_append(args: &mut Writer, value: &Encoded) -> Step {
        Step::new(args, list::APPEND, Gives::Nothing, |w| w.encoded(value))
    }

    pub(crate) fn namespace_get(args: &mut Writer, name: &str) -> Step {
        Step::new(args, namespace::GET, Gives::Stored, |w| {
            w.str(name);
            w.u64(u64::MAX);
        })
    }

    pub(crate) fn namespace_set(args: &mut Writer, name: &str, value: &Encoded) -> Step {
        Step::new(args, namespace::SET, Gives::Nothing, |w| {
            w.str(name);
            w.encoded(value);
        })
    }

    pub(crate) fn queue_put(args: &mut Writer, message: &[u8]) -> Step {
        Step::new(args, queue::PUT, Gives::Nothing, |w| w.bytes(message))
    }

    pub(crate) fn queue_get(args: &mut Writer, most: usize) -> Step {
        Step::new(args, queue::GET, Gives::Message, |w| w.u64(most as u64))
    }

    pub(crate) fn value_fetch_i64(args: &mut Writer, op: FetchOp, operand: i64) -> Step {
        Step::new(args, value::FETCH_I64, Gives::Int, |w| value::put_fetch(w, op, operand))
    }

    pub(crate) fn event_set(args: &mut Writer) -> Step {
        Step::new(args, event::SET, Gives::Nothing, |_| ())
    }

    /// Its operation on an object: what is taken from a joinable queue is taken for the session.
    fn op_on(&self, target: &Target) -> Result<u8> {
        match (self.gives, target) {
            (Gives::Message, Target::Near(_)) => Ok(self.op | queue::BOUND),
            (Gives::Message, Target::Far(proxy)) => queue::taking(proxy, self.op),
            _ => Ok(self.op),
        }
    }

    /// Appends the encoding of what came; nothing if there is nothing.
    fn take(&self, body: &mut Reader, to: &mut Vec<u8>) -> Result<(usize, usize)> {
        let from = to.len();
        let mut put = |datum: Encoded| {
            to.extend_from_slice(datum.head());
            to.extend_from_slice(datum.body());
        };
        match self.gives {
            Gives::Nothing => {}
            Gives::Stored => to.extend_from_slice(body.bytes()?),
            Gives::Datum => put(body.datum()?.encode()?),
            Gives::Int => put(Datum::Int(body.i64()?).encode()?),
            Gives::Message => put(Datum::Bytes(body.bytes()?).encode()?),
        }
        body.end()?;
        Ok((from, to.len()))
    }
}

/// What operations came to.
#[derive(Default)]
pub(crate) struct Results {
    bytes: Vec<u8>,
    each: Vec<Result<(usize, usize)>>,
}

impl Results {
    pub(crate) fn len(&self) -> usize {
        self.each.len()
    }

    /// One of them.
    pub(crate) fn get(&self, index: usize) -> Result<Datum<'_>> {
        let (index, len) = (index, self.len());
        match self.each.get(index).ok_or(Error::Range { index, len })? {
            Ok((from, to)) if from == to => Ok(Datum::Nil),
            Ok((from, to)) => crate::datum::decode(&self.bytes[*from..*to]),
            Err(error) => Err(error.clone()),
        }
    }
}

/// Runs operations in their order. `args` has the arguments of all.
///
/// # Errors
/// What the connection says; then nobody knows which were done.
pub(crate) fn run(link: &Link, args: &Writer, steps: &[(Target, Step)]) -> Result<Results> {
    let mut results = Results::default();
    let mut rest = steps;
    while let Some((target, step)) = rest.first() {
        match target {
            Target::Near(object) => {
                let mut reply = Reply::default();
                let mut args = Reader::new(&args.0[step.from..step.to]);
                let done = object.serve(step.op_on(target)?, &mut args, Limits::none(), &mut reply);
                let bytes = &mut results.bytes;
                let result = done.and_then(|_| step.take(&mut Reader::new(&reply.out.0), bytes));
                results.each.push(result);
                rest = &rest[1..];
            }
            Target::Far(_) => {
                let (some, more) = rest.split_at(fitting(link, rest));
                ask(link, args, some, &mut results)?;
                rest = more;
            }
        }
    }
    Ok(results)
}

/// How many from the first on go into one message.
fn fitting(link: &Link, steps: &[(Target, Step)]) -> usize {
    let mut len = 0;
    let far = steps.iter().take_while(|(target, step)| {
        len += protocol::HEAD + step.to - step.from;
        matches!(target, Target::Far(_)) && len <= link.most()
    });
    far.count().max(1) // one alone that is too long says so itself
}

fn ask(link: &Link, args: &Writer, steps: &[(Target, Step)], results: &mut Results) -> Result<()> {
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
    let manner = Manner { bound, gives_up: false, long: false };
    let answers = link.requests(manner, Limits::none(), |first, w| {
        for (n, ((object, op), (_, step))) in ops.iter().zip(steps).enumerate() {
            let begun = protocol::begin_request(w, first + n as u64, *object, *op, Timeout::Ns(0));
            w.0.extend_from_slice(&args.0[step.from..step.to]);
            w.end(begun);
        }
        steps.len()
    })?;
    for (n, (_, step)) in steps.iter().enumerate() {
        let result = answers.get(n).and_then(|(_, mut body)| step.take(&mut body, &mut results.bytes));
        results.each.push(result);
    }
    Ok(())
}
