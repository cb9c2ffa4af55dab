//! The arena as its users see it: one lock around one heap; its root; handles on what is inside.

use super::header::At;
use super::links::Links;
use super::value;
use crate::objects::datum::Reference;
use crate::objects::options::{create_or_open, ObjectOptions};
use crate::objects::{dict, list};
use crate::shm::arena::{self, layout, Heap, Tx};
use crate::shm::header::{self, Header, Kind};
use crate::shm::{Domain, Handle, Segment, Source};
use crate::sync::{most_busy_ns, Inside, Mutex};
use crate::sys::crash::{self, Mutant};
use crate::sys::{clock, process};
use crate::{Error, Result};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// The limit where none is given: 1 GiB.
const LIMIT: u64 = 1 << 30;
/// How many elements of what is to be freed go in one change.
const AT_ONCE: usize = 16;
/// How many changes of that kind another change brings with it at most, so that it stays short.
const ON_THE_WAY: usize = 4;
/// So long whoever has left much to be freed frees it, while others add to it, in nanoseconds; one that serves others
/// leaves it sooner to whoever comes.
const PATIENCE: u64 = 10_000_000_000;
/// How often handles of the dead are looked for where nothing else asks for it, in nanoseconds.
const SOMETIMES: u64 = 100_000_000;
/// So many bytes of elements are not worth asking how much memory there is.
const LITTLE: u64 = 1 << 20;
/// How many go in a row while others wait.
const IN_A_ROW: usize = 64;

/// How to create a dict, a list or a namespace, and the arena it lives in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContainerOptions {
    /// What every object has.
    pub object: ObjectOptions,
    /// Bytes of address space, and the most memory; 0: 1 GiB.
    pub limit: u64,
}

/// What an arena is like: a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArenaInfo {
    /// The most bytes.
    pub limit: u64,
    /// Bytes in blocks that are in use.
    pub used: u64,
    /// Bytes of memory.
    pub committed: u64,
    /// Blocks in use.
    pub blocks: u64,
    /// Containers.
    pub containers: u64,
    /// Handles of living processes on inner containers.
    pub handles: u64,
    /// Containers that are being freed.
    pub doomed: u64,
    /// It lives on when nobody uses it.
    pub persist: bool,
    /// How often the lock was taken over from a dead process.
    pub steals: u32,
    /// How often a change was taken back that was half done.
    pub rollbacks: u32,
}

/// An arena. Clones are the same one.
#[derive(Clone)]
pub struct Arena(Arc<Inner>);

struct Inner {
    heap: Heap,
    mutex: Mutex,
    id: u64,
    seed: u64,
    flags: u32,
    /// When this process last looked for handles of the dead.
    dropped: AtomicU64,
}

/// A record of a handle: the process, the container, the records before and after.
pub(crate) const RECORD: usize = 32;
pub(crate) const RECORD_TENANT: usize = 0;
pub(crate) const RECORD_CONTAINER: usize = 8;
pub(crate) const RECORD_BEFORE: usize = 16;
pub(crate) const RECORD_AFTER: usize = 24;

/// All records of handles.
const HOLDERS: Links = Links { first: layout::AT_HOLDERS, before: RECORD_BEFORE, after: RECORD_AFTER };

/// A container, through a handle.
pub(in crate::objects) struct Container {
    arena: Arena,
    at: usize,
    generation: u32,
    kind: Kind,
    /// Of a handle on an inner container: the process that it is recorded for, and where.
    holder: Option<(AtomicU64, AtomicU64)>,
}

/// Being inside the arena, for an operation on one container.
pub(in crate::objects) struct Operation<'a> {
    _inside: Inside<'a>,
    arena: &'a Inner,
    /// The container.
    pub(in crate::objects) at: At,
    /// It has left something to be freed.
    left: Cell<bool>,
    /// So many bytes are known to be there.
    known: Cell<u64>,
}

/// What an operation hands to its user within a change: once, also if the change is tried again, and what the user
/// answers is the user's own, also if it is an error that the heap knows, too.
pub(in crate::objects) struct Handing<F, R> {
    f: Option<F>,
    answer: Option<Result<R>>,
}

impl<F, R> Handing<F, R> {
    pub(in crate::objects) fn new(f: F) -> Handing<F, R> {
        Handing { f: Some(f), answer: None }
    }

    /// Hands something over; an error ends the change.
    pub(in crate::objects) fn hand(&mut self, give: impl FnOnce(F) -> Result<R>) -> Result<()> {
        if let Some(f) = self.f.take() {
            self.answer = Some(give(f));
        }
        match self.answer {
            Some(Ok(_)) => Ok(()),
            _ => Err(Error::Canceled),
        }
    }

    /// What came of it.
    pub(in crate::objects) fn end<T>(self, done: Result<T>) -> Result<(T, R)> {
        match (self.answer, done) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(answer)), Ok(done)) => Ok((done, answer)),
            (None, Ok(_)) => Err(Error::Canceled),
        }
    }
}

impl Operation<'_> {
    /// The heap, to read.
    #[inline]
    pub(in crate::objects) fn look(&self) -> Tx<'_> {
        self.arena.heap.look()
    }

    /// What references name the arena by.
    #[inline]
    pub(in crate::objects) fn id(&self) -> u64 {
        self.arena.id
    }

    /// What goes into the hash of a key.
    #[inline]
    pub(in crate::objects) fn seed(&self) -> u64 {
        self.arena.seed
    }

    /// Makes a change, whole or not at all; if there is no room, once more after room was made.
    #[inline]
    pub(in crate::objects) fn change<R>(&self, mut f: impl FnMut(&mut Tx) -> Result<R>) -> Result<R> {
        let before = self.trash();
        let done = match self.arena.heap.change(&mut f) {
            Ok(done) => done,
            Err(error) => {
                self.arena.make_room(error, before != 0)?;
                self.arena.heap.change(f)?
            }
        };
        self.tidy(before);
        Ok(done)
    }

    /// Refuses a change with a fencing token that is older than one a change was made with, and keeps a newer one. Within
    /// the change: so nothing can come between the two, and what is not done in the end leaves no token.
    pub(in crate::objects) fn fence(&self, tx: &mut Tx, token: u64) -> Result<()> {
        if token == 0 {
            return Err(Error::invalid("a fencing token is not 0"));
        }
        match tx.get(layout::AT_TOKEN)? {
            seen if seen > token => Err(Error::Fenced),
            seen if seen == token || crash::mutant(Mutant::NoFence) => Ok(()),
            _ => tx.put(layout::AT_TOKEN, token),
        }
    }

    /// One change of an operation that consists of several: see [`Operation::whole`].
    pub(in crate::objects) fn step<R>(&self, f: impl FnOnce(&mut Tx) -> Result<R>) -> Result<R> {
        self.arena.heap.change(f)
    }

    /// Several changes of which only the last is seen; if there is no room, all once more after room was made.
    pub(in crate::objects) fn whole(&self, mut f: impl FnMut(&Operation) -> Result<()>) -> Result<()> {
        let before = self.trash();
        let done = f(self).or_else(|error| {
            // What it has just put aside itself is no room to be made.
            self.arena.make_room(error, before != 0)?;
            f(self)
        });
        self.tidy(before);
        done
    }

    /// The first container that is to be freed, or 0.
    #[inline]
    fn trash(&self) -> u64 {
        self.look().get(layout::AT_TRASH).unwrap_or(0)
    }

    /// Frees a little of what is to be freed; notes whether there is more than before.
    #[inline]
    fn tidy(&self, before: u64) {
        let now = self.trash();
        if now != 0 {
            self.left.set(self.left.get() || now != before);
            // The operation is done, and must not be reported as if it were not: whoever comes next goes on here, and hears
            // of what is corrupt.
            let _ = self.arena.reap(ON_THE_WAY);
        }
    }

    /// Whether so many bytes of datums can be there: each has memory of its own.
    #[inline]
    pub(in crate::objects) fn plausible_sum(&self, bytes: usize) -> Result<()> {
        if (bytes as u64) < self.known.get() {
            return Ok(());
        }
        let most = self.arena.heap.memory()?;
        if bytes as u64 > most {
            return Err(self.arena.heap.corrupt("more bytes in a container than there is memory"));
        }
        self.known.set(most);
        Ok(())
    }

    /// A copy of a datum.
    pub(in crate::objects) fn read(&self, at: usize, len: usize) -> Result<Vec<u8>> {
        if len > 2 * value::MOST {
            return Err(self.arena.heap.corrupt("a datum longer than any can be"));
        }
        self.arena.heap.region().read_vec(at, len)
    }

    /// Makes a buffer as long as a datum that is to be read; longer than any can be is garbage.
    pub(in crate::objects) fn plausible_bytes(&self, buffer: &mut Vec<u8>, len: usize) -> Result<()> {
        if len > 2 * value::MOST {
            return Err(self.arena.heap.corrupt("a datum longer than any can be"));
        }
        buffer.clear();
        buffer.try_reserve(len).map_err(|_| Error::NoMemory(len as u64))?;
        buffer.resize(len, 0);
        Ok(())
    }

    /// More elements of a list than these have no room within the limit.
    pub(in crate::objects) fn most_elements(&self) -> u64 {
        self.arena.heap.limit() / layout::UNIT as u64
    }

    /// Whether `count` things of `bytes` can be there: more than the segment has memory for are garbage.
    pub(in crate::objects) fn plausible(&self, count: u64, bytes: u64) -> Result<()> {
        // Little is done with in no time, whether it is there or not.
        if count <= LITTLE / bytes {
            return Ok(());
        }
        if count > self.arena.heap.memory()? / bytes {
            return Err(self.arena.heap.corrupt("a container with more elements than there is memory"));
        }
        Ok(())
    }

    /// Marks the arena corrupt if the error says so.
    #[cold]
    pub(in crate::objects) fn noted(&self, error: Error) -> Error {
        match error {
            Error::Corrupt(why) => self.arena.heap.corrupt(why),
            other => other,
        }
    }
}

impl Inner {
    #[inline(always)]
    fn enter(&self) -> Result<Inside<'_>> {
        let segment = self.heap.segment();
        let inside = self.mutex.enter(segment.domain(), || self.take_over())?;
        segment.check()?;
        if self.heap.is_half_done() {
            self.repair()?;
        }
        Ok(inside)
    }

    /// The process inside has died.
    #[cold]
    fn take_over(&self) -> Result<()> {
        self.heap.segment().count_steal();
        self.heap.segment().check()?;
        self.repair()?;
        self.drop_dead()
    }

    #[cold]
    fn repair(&self) -> Result<()> {
        if crash::mutant(Mutant::NoRollback) {
            return Ok(());
        }
        if self.heap.recover()? {
            self.heap.segment().count_rollback();
        }
        Ok(())
    }

    /// As [`Inner::drop_dead`], but not all the time: it walks the records of all handles.
    fn drop_dead_sometimes(&self) -> Result<()> {
        let (now, last) = (clock::coarse_ns(), self.dropped.load(Ordering::Relaxed));
        if now.saturating_sub(last) < SOMETIMES {
            return Ok(());
        }
        self.dropped.store(now, Ordering::Relaxed);
        self.drop_dead()
    }

    /// Drops the handles of dead processes.
    fn drop_dead(&self) -> Result<()> {
        if crash::mutant(Mutant::HandleKept) {
            return Ok(());
        }
        let domain = self.heap.segment().domain();
        let (mut known, mut record) = (Vec::new(), self.heap.look().place(layout::AT_HOLDERS)?);
        let (mut most, mut count) = (LITTLE / RECORD as u64, 0);
        while record != 0 {
            if count == most {
                most = self.heap.memory()? / RECORD as u64;
                if count >= most {
                    return Err(self.heap.corrupt("the records of handles do not end"));
                }
            }
            count += 1;
            let look = self.heap.look();
            let (tenant, next) = (look.get(record + RECORD_TENANT)?, look.place(record + RECORD_AFTER)?);
            let gone = match known.iter().find(|(t, _)| *t == tenant) {
                Some(&(_, gone)) => gone,
                None => {
                    let gone = domain.is_gone(crate::shm::Tenant(tenant));
                    known.push((tenant, gone));
                    gone
                }
            };
            if gone {
                self.heap.change(|tx| drop_record(tx, record))?;
            }
            record = next;
        }
        Ok(())
    }

    /// Frees everything that is to be freed, so that what has failed for want of room is worth another try; else the
    /// error. `garbage`: there was something to be freed before that.
    #[cold]
    fn make_room(&self, error: Error, garbage: bool) -> Result<()> {
        match error {
            Error::Full(_) | Error::NoSpace(_) | Error::NoMemory(_) => {
                self.drop_dead()?;
                self.reap(usize::MAX)?;
                if self.heap.give_empty_slabs()? || garbage {
                    return Ok(());
                }
                Err(error)
            }
            Error::Corrupt(why) => Err(self.heap.corrupt(why)),
            other => Err(other),
        }
    }

    /// Frees of what is to be freed so many times a few elements; whether there is more.
    fn reap(&self, times: usize) -> Result<bool> {
        for _ in 0..times {
            let more = match self.heap.change(|tx| self.reap_some(tx, AT_ONCE)) {
                // The journal is too short for so many large ones at once.
                Err(Error::Full(_)) => self.heap.change(|tx| self.reap_some(tx, 1)),
                other => other,
            };
            let more = more.map_err(|error| match error {
                Error::Corrupt(why) => self.heap.corrupt(why),
                other => other,
            })?;
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn reap_some(&self, tx: &mut Tx, count: usize) -> Result<bool> {
        for _ in 0..count {
            let at = At(tx.place(layout::AT_TRASH)?);
            if at.0 == 0 {
                return Ok(false);
            }
            let more = match at.kind(tx)? {
                Kind::List => list::drop_last(tx, self.id, at)?,
                _ => dict::drop_last(tx, self.id, at)?,
            };
            if !more {
                at.free(tx)?;
            }
        }
        Ok(true)
    }

    /// Frees all that is to be freed, leaving others in between. If it cannot, whoever comes next goes on with it.
    #[cold]
    fn drain(&self) {
        let end = clock::coarse_ns() + PATIENCE.min(most_busy_ns());
        while self.enter().and_then(|_inside| self.reap(IN_A_ROW)).unwrap_or(false) && clock::coarse_ns() < end {}
    }
}

fn drop_record(tx: &mut Tx, record: usize) -> Result<()> {
    let container = At(tx.place(record + RECORD_CONTAINER)?);
    HOLDERS.remove(tx, record)?;
    container.kind(tx)?;
    container.let_go(tx)?;
    tx.free(record)
}

impl Arena {
    fn on(segment: Segment, object: ObjectOptions) -> Result<Arena> {
        let region = segment.region();
        let (id, seed) = (region.read_u64(layout::AT_ID)?, region.read_u64(layout::AT_SEED)?);
        let chunks = region.read_u64(layout::AT_CHUNKS)? as u32;
        // Read again: the segment's length, which was checked against it, bounds every access anyway.
        arena::shape(chunks).map_err(|_| Error::Corrupt("impossible parameters of an arena"))?;
        let mutex = Mutex::new(region.word32(layout::AT_LOCK)?, object.manner());
        let dropped = AtomicU64::new(0);
        let flags = if segment.is_persistent() { header::FLAG_PERSIST } else { 0 };
        Ok(Arena(Arc::new(Inner { heap: Heap::new(segment, chunks), mutex, id, seed, flags, dropped })))
    }

    /// What it is like.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Corrupt`], [`Error::Slots`].
    pub fn info(&self) -> Result<ArenaInfo> {
        let inner = &*self.0;
        let _inside = inner.enter()?;
        inner.drop_dead()?;
        inner.reap(ON_THE_WAY)?;
        let (tx, usage) = (inner.heap.look(), inner.heap.usage()?);
        let most = inner.heap.memory()? / RECORD as u64;
        let count = |first: usize, next: &dyn Fn(usize) -> Result<usize>| -> Result<u64> {
            let (mut at, mut count) = (tx.place(first)?, 0);
            while at != 0 && count < most {
                (at, count) = (next(at)?, count + 1);
            }
            Ok(count)
        };
        Ok(ArenaInfo {
            limit: inner.heap.limit(),
            used: usage.bytes,
            committed: tx.get(layout::AT_COMMITTED)?.saturating_mul(layout::CHUNK as u64) + layout::FIXED as u64,
            blocks: usage.blocks,
            containers: tx.get(layout::AT_COUNT)?,
            handles: count(layout::AT_HOLDERS, &|at| tx.place(at + RECORD_AFTER))?,
            doomed: count(layout::AT_TRASH, &|at| At(at).next_doomed(&tx))?,
            persist: inner.flags & header::FLAG_PERSIST != 0,
            steals: inner.heap.segment().steals(),
            rollbacks: inner.heap.segment().rollbacks(),
        })
    }

    /// Bytes of memory that it has, about: without the lock.
    pub(crate) fn committed(&self) -> u64 {
        let chunks = self.0.heap.look().get(layout::AT_COMMITTED).unwrap_or(0);
        chunks.saturating_mul(layout::CHUNK as u64) + layout::FIXED as u64
    }

    /// Bytes of memory that it may take.
    pub(crate) fn limit(&self) -> u64 {
        self.0.heap.limit()
    }

    /// Walks the whole heap: every block belongs to something, and everything leads to where it should.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with what is wrong (the arena is not marked); [`Error::Busy`], [`Error::Slots`].
    pub fn check(&self) -> Result<()> {
        let inner = &*self.0;
        let segment = inner.heap.segment();
        let _inside = match segment.check() {
            Ok(()) => inner.enter()?,
            // Marked: what is wrong is just the question.
            Err(_) => inner.mutex.enter(segment.domain(), || Ok(()))?,
        };
        super::check::check(&inner.heap, inner.id, inner.seed)
    }

    /// Frees containers that refer to each other and that nobody else refers to, and handles of dead processes; how many
    /// containers were freed.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Corrupt`], [`Error::Slots`].
    pub fn collect(&self) -> Result<u64> {
        let inner = &*self.0;
        let (mut count, mut more, mut first) = (0, true, true);
        while more {
            let _inside = inner.enter()?;
            let before = inner.heap.look().get(layout::AT_COUNT)?;
            if first {
                inner.drop_dead()?;
                for at in super::check::unreachable(&inner.heap, inner.id)? {
                    inner.heap.change(|tx| At(at).doom(tx))?;
                }
                first = false;
            }
            more = inner.reap(IN_A_ROW)?;
            count += before.saturating_sub(inner.heap.look().get(layout::AT_COUNT)?);
        }
        Ok(count)
    }

    /// The holders' containers, for the walk.
    pub(super) fn each_record(tx: &Tx, most: u64, mut f: impl FnMut(usize, At) -> Result<()>) -> Result<()> {
        let (mut record, mut count) = (tx.place(layout::AT_HOLDERS)?, 0);
        while record != 0 {
            if count == most {
                return Err(Error::Corrupt("the records of handles do not end"));
            }
            f(record, At(tx.place(record + RECORD_CONTAINER)?))?;
            (record, count) = (tx.place(record + RECORD_AFTER)?, count + 1);
        }
        Ok(())
    }
}

impl Container {
    /// Creates a root container and its arena, named or anonymous; `true`: an existing one was opened.
    pub(in crate::objects) fn create(
        domain: &Domain,
        name: Option<&str>,
        kind: Kind,
        options: ContainerOptions,
    ) -> Result<(Container, bool)> {
        let limit = if options.limit == 0 { LIMIT } else { options.limit };
        let chunks = u32::try_from(limit.div_ceil(layout::CHUNK as u64)).unwrap_or(u32::MAX);
        let shape = arena::shape(chunks)?;
        let random = process::random_id()?;
        let params = |h: &mut Header| {
            h.put_u32(layout::AT_CHUNKS, chunks);
            let (id, seed) = random.split_at(8);
            h.put_u64(layout::AT_ID, u64::from_ne_bytes(id.try_into().unwrap_or_default()));
            h.put_u64(layout::AT_SEED, u64::from_ne_bytes(seed.try_into().unwrap_or_default()));
        };
        let object = options.object;
        create_or_open(
            name,
            object,
            || Segment::create(domain, name, kind, object.header_flags(), shape, params, Heap::init),
            |name| Container::open(Source::Name(domain, name), kind, object),
            |segment| {
                let made = Container::root(segment.clone(), kind, object);
                if let (Err(Error::Full(_) | Error::NoSpace(_) | Error::NoMemory(_)), Some(name)) = (&made, name) {
                    // It has no root, unless somebody else has made one: as if it had never been there.
                    if segment.region().read_u64(layout::AT_ROOT) == Ok(0) {
                        let _ = domain.unlink(name);
                    }
                }
                made
            },
        )
    }

    pub(in crate::objects) fn open(source: Source, kind: Kind, object: ObjectOptions) -> Result<Container> {
        Container::root(Segment::open(source, kind, arena::shape_of)?, kind, object)
    }

    /// The root of an arena, made by whoever comes first.
    fn root(segment: Segment, kind: Kind, object: ObjectOptions) -> Result<Container> {
        let arena = Arena::on(segment, object)?;
        let (at, generation) = {
            let inner = &*arena.0;
            let _inside = inner.enter()?;
            let root = match inner.heap.look().place(layout::AT_ROOT)? {
                0 => inner.heap.change(|tx| {
                    let spare = tx.alloc(super::header::SIZE)?;
                    tx.put(layout::AT_SPARE, spare as u64)?;
                    let root = At::new(tx, kind, 1)?;
                    tx.put(layout::AT_ROOT, root.0 as u64)?;
                    Ok(root)
                })?,
                at => At(at),
            };
            let tx = inner.heap.look();
            if root.kind(&tx)? != kind {
                return Err(Error::Corrupt("an arena's root is of another kind than the arena"));
            }
            inner.drop_dead()?;
            (root.0, root.generation(&tx)?)
        };
        Ok(Container { arena, at, generation, kind, holder: None })
    }

    /// A handle on an inner container.
    pub(in crate::objects) fn follow(arena: &Arena, reference: Reference, kind: Kind) -> Result<Container> {
        let at = value::place(arena.0.id, reference).ok_or(Error::invalid("a reference to another arena"))?;
        let holder = Some((AtomicU64::new(0), AtomicU64::new(0)));
        let container = Container { arena: arena.clone(), at, generation: reference.generation, kind, holder };
        let found = {
            let inner = &*arena.0;
            let _inside = inner.enter()?;
            let found = At::look_up(&inner.heap.look(), at, reference.generation);
            if found.is_some_and(|(_, found)| found == kind) {
                inner.drop_dead_sometimes()?;
                container.register()?;
            }
            found
        };
        match found {
            Some((_, found)) if found == kind => Ok(container),
            Some(_) => Err(Error::Type("the reference is to another kind of container")),
            None => Err(GONE),
        }
    }

    /// Records this process as a holder of the container. Within the lock.
    #[cold]
    fn register(&self) -> Result<()> {
        let Some((tenant, place)) = &self.holder else { return Ok(()) };
        let inner = &*self.arena.0;
        let me = inner.heap.segment().domain().tenant()?;
        let record = |tx: &mut Tx| {
            let (container, _) = At::look_up(tx, self.at, self.generation).ok_or(GONE)?;
            if container.is_doomed(tx)? {
                return Err(GONE);
            }
            let record = tx.alloc(RECORD)?;
            tx.fresh(record + RECORD_TENANT, me.0)?;
            tx.fresh(record + RECORD_CONTAINER, self.at as u64)?;
            HOLDERS.insert(tx, record)?;
            container.hold(tx)?;
            Ok(record)
        };
        let garbage = inner.heap.look().get(layout::AT_TRASH)? != 0;
        let record = inner.heap.change(record).or_else(|error| {
            inner.make_room(error, garbage)?;
            inner.heap.change(record)
        })?;
        place.store(record as u64, Ordering::Relaxed);
        tenant.store(me.0, Ordering::Release);
        Ok(())
    }

    /// What goes into the hash of a key.
    #[inline]
    pub(in crate::objects) fn seed(&self) -> u64 {
        self.arena.0.seed
    }

    /// Goes inside for an operation.
    #[inline(always)]
    pub(in crate::objects) fn enter(&self) -> Result<Operation<'_>> {
        let inner = &*self.arena.0;
        let inside = inner.enter()?;
        if let Some((tenant, _)) = &self.holder {
            // A forked child is another process than the one recorded.
            if tenant.load(Ordering::Relaxed) != inner.heap.segment().domain().tenant()?.0 {
                self.register()?;
            }
        }
        match At::find(&inner.heap.look(), self.at, self.generation)? {
            Some((at, kind)) if kind == self.kind => {
                Ok(Operation { _inside: inside, arena: inner, at, left: Cell::new(false), known: Cell::new(LITTLE) })
            }
            _ => Err(GONE),
        }
    }

    /// Ends an operation that may have left much to be freed: frees it, leaving others in between.
    #[inline]
    pub(in crate::objects) fn leave<R>(&self, op: Operation, done: Result<R>) -> Result<R> {
        let left = op.left.get();
        drop(op);
        if left {
            self.arena.0.drain();
        }
        done
    }

    pub(in crate::objects) fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(in crate::objects) fn reference(&self) -> Reference {
        let place = (self.at / layout::UNIT) as u64;
        Reference { kind: self.kind as u8, arena: self.arena.0.id, place, generation: self.generation }
    }

    pub(in crate::objects) fn export(&self) -> Result<Handle> {
        if self.holder.is_some() {
            return Err(Error::NotSupported("an inner container has no handle of its own: pass on a reference to it"));
        }
        self.arena.0.heap.segment().export(None)
    }

    /// Whether two are in the same arena.
    pub(in crate::objects) fn is_beside(&self, other: &Container) -> bool {
        Arc::ptr_eq(&self.arena.0, &other.arena.0) || self.arena.0.id == other.arena.0.id
    }
}

const GONE: Error = Error::NotFound("the container");

impl Drop for Container {
    fn drop(&mut self) {
        let Some((tenant, place)) = &self.holder else { return };
        let inner = &*self.arena.0;
        let (tenant, place) = (tenant.load(Ordering::Acquire), place.load(Ordering::Relaxed));
        if tenant == 0 || inner.heap.segment().domain().tenant_if_joined().is_none_or(|me| me.0 != tenant) {
            return;
        }
        // If it cannot be told now, the handle ends with the process.
        let told = inner.enter().and_then(|_inside| {
            inner.heap.change(|tx| {
                let record = place as usize;
                let words = tx.words::<{ RECORD / 8 }>(record)?;
                let mine = words.at::<RECORD_TENANT>() == tenant && words.at::<RECORD_CONTAINER>() == self.at as u64;
                if mine {
                    drop_record(tx, record)?;
                }
                Ok(())
            })
        });
        if told.is_ok() {
            inner.drain();
        }
    }
}
