//! A client's session: what it has, and what it has asked for.

use super::conn::Wire;
use super::objects::Entry;
use super::{guard, Shared};
use crate::manager::served::{self, Class, Making, Reply, Served};
use crate::manager::wire::{Reader, Writer};
use crate::shm::header::Kind;
use crate::shm::{Domain, Handle};
use crate::sync::{Cancel, Limits};
use crate::{Error, Result};
use std::any::Any;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A client, from its first connection until some time after its last: so that what it asks for again, because the
/// answer was lost, is not done again.
pub(super) struct Client {
    /// For what it makes.
    pub(super) number: u64,
    pub(super) past: Mutex<Past>,
}

impl Client {
    /// Its latest session, as long as anything of it is left.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        guard(&self.past).latest()
    }

    /// Whether nothing is.
    pub(super) fn is_free(&self) -> bool {
        self.session().is_none_or(|session| session.is_gone() && guard(&session.jobs).is_empty())
    }
}

/// What it was answered and may not know yet.
pub(super) struct Past {
    /// Answers of this connection in the order in which they were sent: number and length in `bytes` (0: not kept).
    sent: VecDeque<(u64, u32)>,
    /// What is kept of them, one after the other, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    /// How many of this connection's answers the client is known to have.
    known: u64,
    /// What of earlier connections it may not have had.
    earlier: BTreeMap<u64, Vec<u8>>,
    /// Bytes that are kept: here, and for all clients together.
    kept: usize,
    total: Arc<AtomicUsize>,
    /// What is being done and goes on when the connection is lost.
    pub(super) running: HashSet<u64>,
    /// The greatest number that was ever asked for: a greater one was not done before.
    last: u64,
    /// The connection's session. (The session knows the client, so the client must not keep the session.)
    session: Weak<Session>,
    /// When its connection ended.
    pub(super) left: u64,
}

/// So many bytes of answers are kept for a client (but one of any length), and so many for all. Beyond that they are
/// not, and what is asked for again is done again.
const MOST_KEPT: usize = 4 << 20;
const MOST_KEPT_IN_ALL: usize = 48 << 20;
/// So many answers may be on their way.
const MOST_SENT: usize = 1 << 20;
/// What an empty buffer may keep.
const KEEP: usize = 16 << 10;

/// Whether so many bytes are kept for all clients that those that have left are to be forgotten earlier.
pub(super) fn is_much(kept: usize) -> bool {
    kept > MOST_KEPT_IN_ALL / 2
}

impl Drop for Past {
    fn drop(&mut self) {
        self.total.fetch_sub(self.kept, Ordering::Relaxed);
    }
}

impl Past {
    /// Of a client that is new; `total` counts the bytes of all.
    pub(super) fn new(total: Arc<AtomicUsize>) -> Past {
        Past {
            sent: VecDeque::new(),
            bytes: Vec::new(),
            at: 0,
            known: 0,
            earlier: BTreeMap::new(),
            kept: 0,
            total,
            running: HashSet::new(),
            last: 0,
            session: Weak::new(),
            left: 0,
        }
    }

    /// Whether so many bytes more are kept; then they are counted.
    fn keeps(&mut self, more: usize) -> bool {
        let total = self.total.load(Ordering::Relaxed);
        let fits = (self.kept == 0 || self.kept + more <= MOST_KEPT) && total + more <= MOST_KEPT_IN_ALL;
        if fits {
            self.kept += more;
            self.total.fetch_add(more, Ordering::Relaxed);
        }
        fits
    }

    fn forgets(&mut self, bytes: usize) {
        self.kept -= bytes;
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The client has had so many answers of this connection.
    pub(super) fn has_had(&mut self, count: u64) -> Result<()> {
        if count < self.known || count - self.known > self.sent.len() as u64 {
            return Err(Error::Protocol("it has had more answers than there were"));
        }
        let before = self.at;
        for _ in self.known..count {
            self.at += self.sent.pop_front().map_or(0, |(_, len)| len as usize);
        }
        self.forgets(self.at - before);
        self.known = count;
        if self.sent.len() > MOST_SENT {
            return Err(Error::Protocol("it does not say which answers it has had"));
        }
        if self.sent.is_empty() {
            self.at = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        } else if self.at > KEEP && self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        Ok(())
    }

    /// What was answered to a request that is asked again; `Some(None)`: it is being done.
    pub(super) fn find(&mut self, id: u64) -> Option<Option<&[u8]>> {
        if id > self.last {
            // What is asked again comes before what is new.
            self.last = id;
            if !self.earlier.is_empty() {
                let bytes = std::mem::take(&mut self.earlier).values().map(Vec::len).sum();
                self.forgets(bytes);
            }
            return None;
        }
        if self.running.contains(&id) {
            return Some(None);
        }
        // Nobody asks twice over the same connection.
        self.earlier.get(&id).map(|answer| Some(answer.as_slice()))
    }

    /// An answer is about to be sent; `keep`: it is kept until the client has it.
    pub(super) fn sends(&mut self, id: u64, answer: &[u8], keep: bool) {
        let len = if keep && self.keeps(answer.len()) { answer.len() } else { 0 };
        self.bytes.extend_from_slice(&answer[..len]);
        self.sent.push_back((id, len as u32));
    }

    /// The same, where there is no connection to send it over.
    pub(super) fn keep(&mut self, id: u64, answer: Vec<u8>) {
        if self.keeps(answer.len()) {
            self.earlier.insert(id, answer);
        }
    }

    /// The client's latest session.
    pub(super) fn latest(&self) -> Option<Arc<Session>> {
        self.session.upgrade()
    }

    /// The connection is another one from here on.
    pub(super) fn begin(&mut self, session: &Arc<Session>) {
        self.session = Arc::downgrade(session);
        let (sent, bytes, mut at) = (std::mem::take(&mut self.sent), std::mem::take(&mut self.bytes), self.at);
        (self.at, self.known) = (0, 0);
        for (id, len) in sent {
            let end = at + len as usize;
            if len > 0 {
                if let Some(again) = self.earlier.insert(id, bytes[at..end].to_vec()) {
                    self.forgets(again.len()); // answered again from what was kept, and not had then either
                }
            }
            at = end;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent.iter().all(|(_, len)| *len == 0) && self.earlier.is_empty() && self.running.is_empty()
    }
}

/// A session: as long as a connection.
pub(super) struct Session {
    /// Which connection of the server's.
    pub(super) number: u64,
    pub(super) wire: Arc<Wire>,
    pub(super) client: Arc<Client>,
    pub(super) gives_memory: bool,
    /// The client whose forked child this one's is, or it itself: a secret that only they know.
    pub(super) family: [u8; 16],
    gone: AtomicBool,
    /// Set when it is gone, for what nothing else ends.
    pub(super) ended: Cancel,
    /// How many references it has to each object.
    refs: Mutex<HashMap<u64, u64>>,
    /// Its own member of the domain, with its own handles, from its first operation that needs it.
    member: Mutex<Option<Member>>,
    /// What its member made that others may refer to, too.
    loans: Mutex<Vec<Weak<Loan>>>,
    /// What waits or takes long, and how to end it.
    pub(super) jobs: Mutex<HashMap<u64, Cancel>>,
}

struct Member {
    domain: Domain,
    objects: HashMap<u64, Arc<dyn Served>>,
}

impl Session {
    pub(super) fn new(
        number: u64,
        wire: Arc<Wire>,
        client: Arc<Client>,
        gives_memory: bool,
        family: [u8; 16],
    ) -> Session {
        Session {
            number,
            wire,
            client,
            gives_memory,
            family,
            gone: AtomicBool::new(false),
            ended: Cancel::new(),
            refs: Mutex::new(HashMap::new()),
            member: Mutex::new(None),
            loans: Mutex::new(Vec::new()),
            jobs: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Adds references to an object.
    pub(super) fn refer(&self, shared: &Shared, id: u64, count: u64) -> Result<()> {
        let mut refs = guard(&self.refs);
        // Decided inside: who ends the session takes all references after it has said that it is gone.
        if self.is_gone() {
            return Err(Error::Connection("it is lost"));
        }
        let had = refs.get(&id).copied().unwrap_or(0);
        guard(&shared.objects).refer(id, count, had == 0)?;
        refs.insert(id, had + count);
        Ok(())
    }

    /// Whether it has any reference to an object.
    pub(super) fn refers(&self, id: u64) -> bool {
        guard(&self.refs).contains_key(&id)
    }

    /// Gives one back.
    pub(super) fn release(&self, shared: &Shared, id: u64) {
        let mut refs = guard(&self.refs);
        let Some(count) = refs.get_mut(&id) else { return };
        *count -= 1;
        let last = *count == 0;
        if last {
            refs.remove(&id);
        }
        let unused = guard(&shared.objects).release(id, 1, last);
        drop(refs);
        if last {
            let own = guard(&self.member).as_mut().and_then(|member| member.objects.remove(&id));
            drop(own);
        }
        drop(unused);
    }

    /// The object as this session's own member has it.
    pub(super) fn own(&self, shared: &Arc<Shared>, entry: &Entry) -> Result<Arc<dyn Served>> {
        if entry.inner {
            // It is the session's itself, or a forked child's of it: that needs no membership.
            return match entry.object.as_any().downcast_ref::<Loan>() {
                Some(loan) => loan.get(),
                None => Ok(entry.object.clone()),
            };
        }
        let mut member = guard(&self.member);
        if self.is_gone() {
            return Err(Error::Connection("it is lost"));
        }
        if member.is_none() {
            *member = Some(Member { domain: shared.domain.another_member()?, objects: HashMap::new() });
        }
        match &mut *member {
            Some(member) => own(&member.domain, &mut member.objects, entry),
            None => Err(Error::Stale),
        }
    }

    /// Something that the session's member made: it ends with the session, whoever refers to it.
    pub(super) fn lend(&self, object: Arc<dyn Served>) -> Arc<dyn Served> {
        let (kind, object) = (object.kind(), Mutex::new(Some(object)));
        let loan = Arc::new(Loan { kind, object });
        let mut loans = guard(&self.loans);
        loans.retain(|loan| loan.strong_count() > 0);
        loans.push(Arc::downgrade(&loan));
        loan
    }

    /// Ends it: what it holds goes on as if a process had died, and what waits is not waited for any more.
    pub(super) fn end(&self, shared: &Shared) {
        self.gone.store(true, Ordering::Release);
        self.ended.set();
        for cancel in guard(&self.jobs).values() {
            cancel.set();
        }
        let member = guard(&self.member).take();
        for object in member.iter().flat_map(|member| member.objects.values()) {
            object.abandon();
        }
        drop(member);
        for loan in std::mem::take(&mut *guard(&self.loans)).iter().filter_map(Weak::upgrade) {
            let ended = guard(&loan.object).take();
            drop(ended);
        }
        let refs = std::mem::take(&mut *guard(&self.refs));
        for (id, count) in refs {
            let unused = guard(&shared.objects).release(id, count, true);
            drop(unused);
        }
    }
}

/// An entry's object for a member: joined when it is first needed. What it is made of, before it.
fn own(domain: &Domain, objects: &mut HashMap<u64, Arc<dyn Served>>, entry: &Entry) -> Result<Arc<dyn Served>> {
    if let Some(object) = objects.get(&entry.id) {
        return Ok(object.clone());
    }
    for other in &entry.others {
        own(domain, objects, other)?;
    }
    let handle = entry.object.export(&mut Reader::new(&[]))?.for_member(domain);
    let object = {
        let other = |id: u64| objects.get(&id).cloned().ok_or(Error::NotFound("the object"));
        let making = Making { domain, other: &other };
        served::join(entry.kind, &making, &handle, &mut Reader::new(&entry.options))?
    };
    objects.insert(entry.id, object.clone());
    Ok(object)
}

/// What a session's member made (an end of a pipe, a producer's handle): the member lives as long as that, so it ends with
/// the session.
struct Loan {
    kind: Kind,
    object: Mutex<Option<Arc<dyn Served>>>,
}

impl Loan {
    fn get(&self) -> Result<Arc<dyn Served>> {
        guard(&self.object).clone().ok_or(Error::Stale)
    }
}

impl Served for Loan {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn class(&self, op: u8) -> Class {
        self.get().map_or(Class::BOUND, |object| object.class(op))
    }

    fn serve(&self, op: u8, args: &mut Reader, limits: Limits, reply: &mut Reply) -> Result<i32> {
        self.get()?.serve(op, args, limits, reply)
    }

    fn export(&self, open: &mut Reader) -> Result<Handle> {
        self.get()?.export(open)
    }

    fn matches(&self, options: &mut Reader) -> Result<()> {
        self.get()?.matches(options)
    }

    fn facts(&self, out: &mut Writer) {
        if let Ok(object) = self.get() {
            object.facts(out);
        }
    }

    fn bytes(&self) -> u64 {
        self.get().map_or(0, |object| object.bytes())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
