//! What a frame asks for: done at once, or left to a thread of the pool.

use super::conn::HIGH;
use super::objects::Entry;
use super::serve::Serve;
use super::session::Session;
use super::{guard, ServerEvent, Shared};
use crate::manager::protocol::{self, op, Request, DESCRIPTORS, EXISTED};
use crate::manager::served::{self, Class, Making, Reply, Served};
use crate::manager::wait::Waiting;
use crate::manager::wire::{self, Reader, Writer};
use crate::objects::Builder;
use crate::shm::header::Kind;
use crate::shm::{domain, Handle};
use crate::sync::{Cancel, Limits, Timeout};
use crate::sys::clock;
use crate::{Error, Result};
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// What an answer has besides its body, generously.
const ROOM: usize = 64;
/// So long after it was busy an object's requests are left to other threads.
const BUSY_FOR_NS: u64 = 100_000_000;
/// Objects that take more memory than this are not made by the server's own thread.
const LARGE: u64 = 1 << 20;

/// What became of a request.
enum Outcome {
    Answer(Result<(i32, Reply)>),
    /// The answer is among the others.
    Put,
    /// It will be answered by somebody else.
    Later,
}

/// Answers that are about to be sent together.
#[derive(Default)]
pub(super) struct Answers {
    bytes: Writer,
    /// Of each: the request's number, where it ends, and whether it is kept until the client has it.
    ends: Vec<(u64, usize, bool)>,
    /// The object that the latest request was for.
    object: Option<Arc<Entry>>,
}

impl Answers {
    /// Here ends one.
    fn ends(&mut self, id: u64, keep: bool) {
        self.ends.push((id, self.bytes.len(), keep));
    }

    fn send(&mut self, shared: &Shared, session: &Session) {
        if self.ends.is_empty() {
            return;
        }
        // In one go: answers are remembered in the order in which they are sent.
        let mut past = guard(&session.client.past);
        let mut at = 0;
        for &(id, end, keep) in &self.ends {
            past.sends(id, &self.bytes.0[at..end], keep);
            at = end;
        }
        session.wire.send(shared, &self.bytes.0, None);
        drop(past);
        self.bytes.0.clear();
        self.ends.clear();
    }
}

impl Serve {
    /// Does what a frame asks for, and answers; how far it came before the client had too much to take.
    pub(super) fn frame(&mut self, session: &Arc<Session>, body: &[u8]) -> Result<usize> {
        let mut answers = std::mem::take(&mut self.answers);
        let mut frame = Reader::new(body);
        let mut count = 0;
        let result = loop {
            if answers.bytes.len() > HIGH {
                answers.send(&self.shared, session);
                if session.wire.backlog() > HIGH {
                    break Ok(body.len() - frame.left());
                }
            }
            let request = match protocol::next_request(&mut frame) {
                Ok(Some(request)) => request,
                Ok(None) => break Ok(body.len()),
                Err(error) => break Err(error),
            };
            count += 1;
            self.request(session, request, &mut answers);
        };
        answers.send(&self.shared, session);
        answers.object = None;
        if answers.bytes.0.capacity() > 4 * HIGH {
            answers = Answers::default();
        }
        self.answers = answers;
        self.shared.requests.fetch_add(count, Ordering::Relaxed);
        result
    }

    fn request(&mut self, session: &Arc<Session>, request: Request, answers: &mut Answers) {
        let id = request.id;
        if id == 0 && !(request.object == 0 && matches!(request.op, op::RELEASE | op::CANCEL | op::ATTACH)) {
            return; // nobody wants to know
        }
        if id != 0 {
            match guard(&session.client.past).find(id) {
                None => {}
                Some(Some(answer)) => {
                    answers.bytes.0.extend_from_slice(answer);
                    answers.ends(id, true);
                    return;
                }
                Some(None) => return, // it is being done, and answered over this connection
            }
        }
        // What is bound to a session is not asked again: its answer need not be kept.
        let (outcome, bound) = match request.object {
            0 if request.op == op::EXPORT => {
                // Its answer has descriptors with it: a frame of its own, after those before it.
                answers.send(&self.shared, session);
                let export = AssertUnwindSafe(|| self.export(session, request.args));
                let (mut answer, handle) = (Writer::default(), catch_unwind(export).unwrap_or_else(|_| Err(bug())));
                let handle = match handle {
                    Ok(handle) => {
                        let begun = answer.begin();
                        answer.u64(id);
                        answer.i32(DESCRIPTORS);
                        answer.0.extend_from_slice(&handle.letter());
                        answer.end(begun);
                        Some(handle)
                    }
                    Err(error) => {
                        put_answer(&mut answer, id, &Err(error));
                        None
                    }
                };
                let mut past = guard(&session.client.past);
                past.sends(id, &answer.0, false);
                session.wire.send(&self.shared, &answer.0, handle);
                return;
            }
            // A bug in one request is not the end of the server: shared memory must be sound at every instant anyway.
            _ => catch_unwind(AssertUnwindSafe(|| match request.object {
                0 => {
                    answers.object = None; // it may be what ends it
                    (self.own(session, &request), protocol::class(request.op).bound)
                }
                _ => self.object(session, &request, answers),
            }))
            .unwrap_or_else(|_| (Outcome::Answer(Err(bug())), false)),
        };
        match outcome {
            Outcome::Answer(_) if id == 0 => return,
            Outcome::Answer(result) => finish_answer(&self.shared, session, &mut answers.bytes, id, result),
            Outcome::Put => {}
            Outcome::Later => return,
        }
        // To open is asked again: a session needs a reference of its own.
        answers.ends(id, !(bound || request.object == 0 && request.op == op::OPEN));
    }

    /// An operation on an object, and whether it is bound to the session.
    fn object(&mut self, session: &Arc<Session>, request: &Request, answers: &mut Answers) -> (Outcome, bool) {
        let found = match answers.object.take().filter(|entry| entry.id == request.object) {
            Some(entry) => Ok((entry, true)),
            None => guard(&self.shared.objects).get(request.object).map(|entry| (entry, false)),
        };
        let (entry, known) = match found {
            Ok(found) => found,
            Err(_) => return (Outcome::Answer(Err(gone())), false),
        };
        // Who does not refer to it has nothing to do with it: it may be gone at any moment, or another session's alone.
        if !known && !session.refers(entry.id) {
            return (Outcome::Answer(Err(gone())), false);
        }
        answers.object = Some(entry.clone());
        let class = entry.object.class(request.op);
        let object = match class.bound {
            false => Ok(entry.object.clone()),
            true => session.own(&self.shared, &entry),
        };
        let object = match object {
            Ok(object) => object,
            Err(error) => return (Outcome::Answer(Err(error)), class.bound),
        };
        // What was busy a moment ago is not tried here: all others would wait for each of the tries.
        let busy = self.busy.get(&entry.id).is_some_and(|&until| clock::coarse_ns() < until);
        if !class.long && !busy {
            // Among the other answers from the beginning, instead of copied there.
            let begun = begin_answer(&mut answers.bytes, request.id);
            let mut reply = Reply { out: std::mem::take(&mut answers.bytes), ..Reply::default() };
            let served = || object.serve(request.op, &mut request.args.clone(), Limits::none(), &mut reply);
            let result = catch_unwind(AssertUnwindSafe(served)).unwrap_or_else(|_| Err(bug()));
            answers.bytes = reply.out;
            let result = result.and_then(|status| {
                if answers.bytes.len() - begun > self.shared.options.max_message - ROOM {
                    let len = answers.bytes.len() - begun;
                    return Err(Error::TooBig { len, max: self.shared.options.max_message - ROOM });
                }
                if let Some(object) = reply.made.take() {
                    let object = if class.bound { session.lend(object) } else { object };
                    let entry = made(&self.shared, session, object)?;
                    put_facts(&entry, &mut answers.bytes);
                }
                Ok(status)
            });
            let error = match result {
                Ok(status) if request.id != 0 => {
                    end_answer(&mut answers.bytes, begun, status);
                    return (Outcome::Put, class.bound);
                }
                Ok(_) => Error::Protocol("nobody wants the answer"),
                Err(error) => error,
            };
            answers.bytes.0.truncate(begun - 4);
            let patient = match &error {
                Error::TimedOut => class.waits && request.timeout != Timeout::Ns(0),
                Error::Busy => {
                    self.busy.insert(entry.id, clock::coarse_ns() + BUSY_FOR_NS);
                    true
                }
                _ => false,
            };
            if !patient {
                return (Outcome::Answer(Err(error)), class.bound);
            }
        }
        let (op, args, gone) = (request.op, request.args.clone().rest().to_vec(), session.ended.clone());
        let started = start(&self.shared, session, request, class, false, move |limits| {
            let mut reply = Reply { gone: Some(gone), ..Reply::default() };
            let status = object.serve(op, &mut Reader::new(&args), limits, &mut reply)?;
            Ok((status, reply))
        });
        match started {
            Ok(()) => (Outcome::Later, class.bound),
            Err(error) => (Outcome::Answer(Err(error)), class.bound),
        }
    }

    /// An operation of the manager itself.
    fn own(&mut self, session: &Arc<Session>, request: &Request) -> Outcome {
        let mut args = request.args.clone();
        let mut reply = Reply::default();
        let result = match request.op {
            op::CREATE => return self.create(session, request),
            op::OPEN => self.open(session, &mut args, &mut reply).map(|()| 0),
            op::DELETE => self.delete(&mut args).map(|()| 0),
            op::LIST => self.list(&mut args, &mut reply).map(|()| 0),
            op::INFO => {
                self.shared.info().put(&mut reply.out);
                Ok(0)
            }
            op::NAME => args.u64().and_then(|id| guard(&self.shared.objects).name_of(id)).map(|name| {
                reply.out.str(&name);
                0
            }),
            op::PING => Ok(0),
            op::RELEASE => args.u64().map(|id| {
                session.release(&self.shared, id);
                0
            }),
            op::CANCEL => args.u64().map(|id| {
                if let Some(cancel) = guard(&session.jobs).get(&id) {
                    cancel.set();
                }
                0
            }),
            op::ATTACH => self.attach(session, &mut args).map(|()| 0),
            op::CALL => return self.call(session, request),
            op::WAIT => return self.wait(session, request),
            _ => served::no_such(),
        };
        Outcome::Answer(result.map(|status| (status, reply)))
    }

    fn create(&self, session: &Arc<Session>, request: &Request) -> Outcome {
        let wish = match Wish::take(&mut request.args.clone()) {
            Ok(wish) => wish,
            Err(error) => return Outcome::Answer(Err(error)),
        };
        if wish.bytes <= LARGE {
            return Outcome::Answer(wish.grant(&self.shared, session));
        }
        // Memory is taken when an object is made, and much of it takes its time.
        let (shared, of) = (self.shared.clone(), session.clone());
        let class = protocol::class(op::CREATE);
        let started = start(&self.shared, session, request, class, false, move |_| wish.grant(&shared, &of));
        started.map_or_else(|error| Outcome::Answer(Err(error)), |()| Outcome::Later)
    }

    fn open(&self, session: &Session, args: &mut Reader, reply: &mut Reply) -> Result<()> {
        let kind = Kind::parse(args.u8()?.into()).ok_or(Error::Protocol("no such kind of object"))?;
        let name = args.str()?;
        if !name.starts_with('#') {
            domain::check_name(name)?;
        }
        let entry = guard(&self.shared.objects).find(name)?;
        if entry.inner {
            return Err(Error::NotSupported("opening what is inside another object: pass on a reference to it"));
        }
        expect(&entry, kind)?;
        session.refer(&self.shared, entry.id, 1)?;
        put_facts(&entry, &mut reply.out);
        Ok(())
    }

    fn export(&self, session: &Session, mut args: Reader) -> Result<Handle> {
        if !session.gives_memory {
            return Err(Error::NotSupported("memory through this connection"));
        }
        let entry = guard(&self.shared.objects).get(args.u64()?)?;
        entry.object.export(&mut args)
    }

    fn delete(&self, args: &mut Reader) -> Result<()> {
        let name = args.str()?;
        domain::check_name(name)?;
        let unused = guard(&self.shared.objects).delete(name)?;
        drop(unused);
        self.shared.observe(|| ServerEvent::Deleted(name.to_owned()));
        Ok(())
    }

    fn list(&self, args: &mut Reader, reply: &mut Reply) -> Result<()> {
        let after = args.opt(|r| r.str())?;
        let (page, whole) = guard(&self.shared.objects).list(after);
        reply.out.u32(page.len() as u32);
        for (name, kind, clients, bytes) in page {
            reply.out.str(&name);
            reply.out.u32(kind as u32);
            reply.out.u32(clients);
            reply.out.u64(bytes);
        }
        reply.out.bool(whole);
        Ok(())
    }

    fn attach(&self, session: &Session, args: &mut Reader) -> Result<()> {
        for _ in 0..args.u32()? {
            let (id, count) = (args.u64()?, args.u32()?);
            // What is gone says so when it is used.
            let entry = guard(&self.shared.objects).get(id);
            let is_ours = entry.is_ok_and(|entry| !entry.inner || entry.family == session.family);
            if count > 0 && is_ours {
                let _ = session.refer(&self.shared, id, count.into());
            }
        }
        Ok(())
    }

    fn call(&self, session: &Arc<Session>, request: &Request) -> Outcome {
        let mut args = request.args.clone();
        let read = args.str().and_then(|name| {
            let procedures = self.shared.procedures.read().unwrap_or_else(|e| e.into_inner());
            let procedure = procedures.get(name).cloned().ok_or(Error::NotFound("the procedure"))?;
            Ok((procedure, args.plain()?.into_owned()))
        });
        let (procedure, argument) = match read {
            Ok(read) => read,
            Err(error) => return Outcome::Answer(Err(error)),
        };
        let class = protocol::class(op::CALL);
        let started = start(&self.shared, session, request, class, true, move |_| {
            let mut result = Builder::new();
            procedure(crate::datum::decode(&argument)?, &mut result)?;
            let mut reply = Reply::default();
            let result = match result.is_empty() {
                true => crate::Datum::Nil.encode()?,
                false => crate::datum::decode(result.finish()?)?.encode()?,
            };
            reply.out.encoded(&result);
            Ok((0, reply))
        });
        started.map_or_else(|error| Outcome::Answer(Err(error)), |()| Outcome::Later)
    }

    fn wait(&self, session: &Arc<Session>, request: &Request) -> Outcome {
        let find = |id: u64, own: bool| {
            let entry = guard(&self.shared.objects).get(id)?;
            if !session.refers(entry.id) {
                return Err(gone());
            }
            match own || entry.inner {
                true => session.own(&self.shared, &entry),
                false => Ok(entry.object.clone()),
            }
        };
        let waiting = match Waiting::take(&request.args, find) {
            Ok(waiting) => waiting,
            Err(error) => return Outcome::Answer(Err(error)),
        };
        match waiting.serve(Limits::none()) {
            Err(Error::TimedOut) if request.timeout != Timeout::Ns(0) => {}
            result => return Outcome::Answer(result),
        }
        let class = protocol::class(op::WAIT);
        let started = start(&self.shared, session, request, class, false, move |limits| waiting.serve(limits));
        started.map_or_else(|error| Outcome::Answer(Err(error)), |()| Outcome::Later)
    }
}

/// An object that a client wants to create.
struct Wish {
    kind: Kind,
    exist_ok: bool,
    name: Option<String>,
    options: Vec<u8>,
    /// About how many bytes of memory it takes when it is made.
    bytes: u64,
}

impl Wish {
    fn take(args: &mut Reader) -> Result<Wish> {
        let kind = Kind::parse(args.u8()?.into()).filter(|&k| k != Kind::Registry);
        let kind = kind.ok_or(Error::Protocol("no such kind of object"))?;
        let (exist_ok, name) = (args.bool()?, args.opt(|r| r.str())?);
        if let Some(name) = name {
            domain::check_name(name)?;
        }
        let bytes = served::wanted(kind, &mut args.clone())?;
        Ok(Wish { kind, exist_ok, name: name.map(str::to_owned), options: args.rest().to_vec(), bytes })
    }

    fn grant(&self, shared: &Arc<Shared>, session: &Arc<Session>) -> Result<(i32, Reply)> {
        let mut reply = Reply::default();
        // Somebody may create or delete the name meanwhile: look again, for a while.
        for _ in 0..100 {
            if let Some(entry) = self.find(shared)? {
                expect(&entry, self.kind)?;
                entry.object.matches(&mut Reader::new(&self.options))?;
                match session.refer(shared, entry.id, 1) {
                    Err(Error::NotFound(_)) => continue,
                    other => other?,
                }
                put_facts(&entry, &mut reply.out);
                return Ok((EXISTED, reply));
            }
            let entry = match self.make(shared, session) {
                Err(Error::Exists) if self.exist_ok => continue,
                other => other?,
            };
            if let Err(error) = session.refer(shared, entry.id, 1) {
                let unused = guard(&shared.objects).release(entry.id, 0, false);
                drop(unused); // nobody has it; one with a name stays
                return Err(error);
            }
            put_facts(&entry, &mut reply.out);
            shared.observe(|| ServerEvent::Created(entry.id, self.kind.name(), self.name.clone()));
            return Ok((0, reply));
        }
        Err(Error::Busy)
    }

    fn find(&self, shared: &Shared) -> Result<Option<Arc<Entry>>> {
        let Some(name) = &self.name else { return Ok(None) };
        match guard(&shared.objects).find(name) {
            Ok(_) if !self.exist_ok => Err(Error::Exists),
            Ok(entry) => Ok(Some(entry)),
            Err(_) => Ok(None),
        }
    }

    /// Makes it, within the limits: which are asked before memory is taken.
    fn make(&self, shared: &Shared, session: &Session) -> Result<Arc<Entry>> {
        let maker = session.client.number;
        // Counted before it is there: others may be making some at the same time.
        let counted = Counted::count(shared, session, self.bytes)?;
        let others = RefCell::new(Vec::new());
        let object = {
            let other = |id: u64| {
                let entry = guard(&shared.objects).get(id)?;
                others.borrow_mut().push(entry.clone());
                Ok(entry.object.clone())
            };
            let making = Making { domain: &shared.domain, other: &other };
            served::create(self.kind, &making, &mut Reader::new(&self.options))?
        };
        drop(counted);
        let bytes = object.most_bytes();
        within_limits(shared, session, bytes)?;
        let mut objects = guard(&shared.objects);
        let (id, others, options) = (objects.next_id(), others.into_inner(), self.options.clone());
        let entry = Entry { id, kind: self.kind, object, options, bytes, maker, others, inner: false, family: [0; 16] };
        objects.insert(entry, self.name.as_deref())
    }
}

/// An object that is being made, among those that there are.
struct Counted<'a> {
    shared: &'a Shared,
    maker: u64,
    bytes: u64,
}

impl Counted<'_> {
    fn count<'a>(shared: &'a Shared, session: &Session, bytes: u64) -> Result<Counted<'a>> {
        within_limits(shared, session, bytes)?;
        let maker = session.client.number;
        guard(&shared.objects).count(maker, bytes);
        Ok(Counted { shared, maker, bytes })
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        guard(&self.shared.objects).discount(self.maker, self.bytes);
    }
}

/// Whether a client may have one more object, of so many bytes.
fn within_limits(shared: &Shared, session: &Session, bytes: u64) -> Result<()> {
    let o = &shared.options;
    let (all, own) = {
        let objects = guard(&shared.objects);
        (objects.totals(), objects.made_by(session.client.number))
    };
    let reached = [
        (all.0 >= o.max_objects, "objects"),
        (own.0 >= o.client_objects, "objects of one client"),
        (all.1.saturating_add(bytes) > o.max_bytes, "bytes"),
        (own.1.saturating_add(bytes) > o.client_bytes, "bytes of one client"),
    ];
    match reached.into_iter().find(|(reached, _)| *reached) {
        None => Ok(()),
        Some((_, why)) => {
            shared.observe(|| ServerEvent::Limit(session.number, why));
            Err(Error::Quota(why))
        }
    }
}

/// Whether an object is of the kind that was asked for.
fn expect(entry: &Entry, kind: Kind) -> Result<()> {
    match entry.kind == kind {
        true => Ok(()),
        false => Err(Error::Kind { found: entry.kind.name(), wanted: kind.name() }),
    }
}

fn put_facts(entry: &Entry, out: &mut Writer) {
    out.u64(entry.id);
    entry.object.facts(out);
}

/// Begins an answer: where its content is.
fn begin_answer(answers: &mut Writer, id: u64) -> usize {
    let begun = answers.begin();
    answers.u64(id);
    answers.i32(0);
    begun
}

/// Ends it, with its status.
fn end_answer(answers: &mut Writer, begun: usize, status: i32) {
    answers.0[begun + 8..begun + 12].copy_from_slice(&status.to_le_bytes());
    answers.end(begun);
}

/// Appends an answer.
pub(super) fn put_answer(answers: &mut Writer, id: u64, result: &Result<(i32, Reply)>) {
    let begun = answers.begin();
    answers.u64(id);
    match result {
        Ok((status, reply)) => {
            answers.i32(*status);
            answers.0.extend_from_slice(&reply.out.0);
        }
        Err(error) => {
            answers.i32(error.status());
            wire::put_error(answers, error);
        }
    }
    answers.end(begun);
}

/// Appends an answer, with the number of what was made; what is longer than a message may be is an error.
fn finish_answer(shared: &Shared, session: &Session, answers: &mut Writer, id: u64, result: Result<(i32, Reply)>) {
    let most = shared.options.max_message - ROOM;
    let result = result.and_then(|(status, mut reply)| {
        if reply.out.len() > most {
            return Err(Error::TooBig { len: reply.out.len(), max: most });
        }
        if let Some(object) = reply.made.take() {
            let entry = made(shared, session, object)?;
            put_facts(&entry, &mut reply.out);
        }
        Ok((status, reply))
    });
    put_answer(answers, id, &result);
}

/// An object that came out of another one becomes the session's.
fn made(shared: &Shared, session: &Session, object: Arc<dyn Served>) -> Result<Arc<Entry>> {
    let bytes = object.bytes();
    within_limits(shared, session, bytes)?;
    let mut objects = guard(&shared.objects);
    let (id, kind) = (objects.next_id(), object.kind());
    let (options, others) = (Vec::new(), Vec::new());
    let entry = Entry {
        id,
        kind,
        object,
        options,
        bytes,
        maker: session.client.number,
        others,
        inner: true,
        family: session.family,
    };
    let entry = objects.insert(entry, None)?;
    drop(objects);
    if let Err(error) = session.refer(shared, id, 1) {
        let unused = guard(&shared.objects).release(id, 0, false);
        drop(unused);
        return Err(error);
    }
    Ok(entry)
}

/// Has a thread of the pool do a request and answer it. `runs_on`: it is not ended with the connection.
fn start(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
    request: &Request,
    class: Class,
    runs_on: bool,
    work: impl FnOnce(Limits) -> Result<(i32, Reply)> + Send + 'static,
) -> Result<()> {
    let (id, cancel) = (request.id, Cancel::new());
    let deadline = match request.timeout {
        Timeout::Forever => u64::MAX,
        Timeout::Ns(ns) => clock::now_ns().saturating_add(ns),
    };
    {
        let mut jobs = guard(&session.jobs);
        let running = guard(&session.client.past).running.len();
        if jobs.len() + running >= shared.options.client_in_flight {
            return Err(Error::Quota("requests of one client"));
        }
        if runs_on {
            guard(&session.client.past).running.insert(id);
        } else if jobs.insert(id, cancel.clone()).is_some() {
            return Err(Error::Protocol("two requests have the same number"));
        }
    }
    let (shared_then, session_then) = (shared.clone(), session.clone());
    let started = shared.jobs.start(Box::new(move || {
        let (shared, session) = (shared_then, session_then);
        let timeout = match deadline {
            u64::MAX => Timeout::Forever,
            deadline => Timeout::Ns(deadline.saturating_sub(clock::now_ns())),
        };
        let work = AssertUnwindSafe(move || work(Limits::new(timeout, Some(&cancel))));
        let result = catch_unwind(work).unwrap_or_else(|_| Err(bug()));
        let undone = session.is_gone() && matches!(result, Err(Error::Canceled));
        let mut answer = Writer::default();
        finish_answer(&shared, &session, &mut answer, id, result);
        let keep = !class.bound && !undone;
        let mut past = guard(&session.client.past);
        // Over which connection: what goes on when one is lost is answered over the next.
        let current = match session.is_gone() && runs_on {
            true => past.latest(),
            false => Some(session.clone()),
        };
        match current.filter(|current| !current.is_gone()) {
            Some(current) => {
                past.sends(id, &answer.0, keep);
                current.wire.send(&shared, &answer.0, None);
            }
            None if keep => past.keep(id, answer.0),
            None => {}
        }
        // Whoever asks again finds the one or the other.
        past.running.remove(&id);
        drop(past);
        guard(&session.jobs).remove(&id);
        if session.is_gone() {
            shared.waker.wake(); // somebody may wait for the end of this session
        }
    }));
    started.inspect_err(|_| {
        guard(&session.jobs).remove(&id);
        guard(&session.client.past).running.remove(&id);
    })
}

/// What a request is about is not there any more, or not this client's. (MPROC_ENOENT would say that a key is missing.)
fn gone() -> Error {
    let text = "the object is gone from the manager, or was lost with the connection: open it anew";
    Error::Far { status: Error::Stale.status(), errno: 0, text: text.into() }
}

/// MPROC_EPANIC.
fn bug() -> Error {
    Error::Far { status: -24, errno: 0, text: "a bug in the manager was caught".into() }
}
