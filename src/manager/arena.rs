//! What dicts, lists and namespaces have in common: their arena, what travels in pieces, and iterators.

use super::served::{no_such, Class, Reply, Served};
use super::wire::{Reader, Writer};
use super::{options, Kindred, Place, Proxy};
use crate::objects::datum::{self, Head};
use crate::objects::{ArenaInfo, Builder, ContainerOptions, Datum, Encoded, Reference, Snapshot, What};
use crate::shm::header::Kind;
use crate::shm::{Handle, Stored};
use crate::sync::Limits;
use crate::{objects, Error, Result};
use std::any::Any;
use std::sync::Arc;

/// An arena, here or there.
pub type Arena = Place<objects::Arena>;

const INFO: u8 = 0;
const CHECK: u8 = 1;
const COLLECT: u8 = 2;
const FOLLOW: u8 = 3;

/// The one operation of an iterator: some more.
const NEXT: u8 = 0;
/// The one operation of what travels in pieces: the piece from a place on.
const PIECE: u8 = 0;

/// Bytes of the first piece: no message may be so short that it does not fit.
const FIRST_PIECE: usize = 32 << 10;
/// The longest of the others.
const PIECE_LEN: usize = 1 << 20;
/// So many bytes of what an iterator has fetched go in one message, or one of them.
const AHEAD: usize = 64 << 10;

/// The room for a value where there is no bound.
pub(super) const ANY: usize = usize::MAX;
const NONSENSE: Error = Error::Protocol("what came is not what was asked for");

impl Arena {
    /// What it is like.
    ///
    /// # Errors
    /// As [`objects::Arena::info`]; far: what the connection says. So can all that follow.
    pub fn info(&self) -> Result<ArenaInfo> {
        match self {
            Place::Near(arena, _) => arena.info(),
            Place::Far(proxy) => proxy.ask(INFO, |_| (), take_info),
        }
    }

    /// Walks the whole heap: see [`objects::Arena::check`].
    ///
    /// # Errors
    /// As [`objects::Arena::check`].
    pub fn check(&self) -> Result<()> {
        match self {
            Place::Near(arena, _) => arena.check(),
            Place::Far(proxy) => proxy.ask(CHECK, |_| (), |_| Ok(())),
        }
    }

    /// Frees containers that only refer to each other: see [`objects::Arena::collect`].
    ///
    /// # Errors
    /// As [`objects::Arena::collect`].
    pub fn collect(&self) -> Result<u64> {
        match self {
            Place::Near(arena, _) => arena.collect(),
            Place::Far(proxy) => proxy.ask(COLLECT, |_| (), |r| r.u64()),
        }
    }

    /// A handle on an inner container.
    pub(super) fn follow<T: Kindred>(
        &self,
        reference: Reference,
        near: impl FnOnce(&objects::Arena, Reference) -> Result<T>,
    ) -> Result<Place<T>> {
        match self {
            Place::Near(arena, _) => near(arena, reference).map(Place::from),
            Place::Far(proxy) => {
                let put = |w: &mut Writer| {
                    w.u32(T::KIND as u32);
                    w.reference(reference);
                };
                let ((), inner) = proxy.make(FOLLOW, T::class, put, |_, _| Ok(()))?;
                Ok(Place::Far(inner))
            }
        }
    }
}

/// What kind of operation one is.
fn class(op: u8) -> Class {
    match op {
        FOLLOW => Class::QUICK,
        _ => Class::LONG,
    }
}

/// Operations of a container from here on are its arena's.
pub(super) const BASE: u8 = 0xe0;

/// The arena of a far container: the same object there.
pub(super) fn reached(proxy: &Proxy) -> Result<Arena> {
    Ok(Place::Far(proxy.view(BASE, class)))
}

impl Served for objects::Arena {
    fn kind(&self) -> Kind {
        // It has no kind of its own; nobody opens it by a name.
        Kind::Dict
    }

    fn class(&self, op: u8) -> Class {
        class(op)
    }

    fn serve(&self, op: u8, args: &mut Reader, _limits: Limits, reply: &mut Reply) -> Result<i32> {
        if op == FOLLOW {
            let (kind, reference) = (args.u32()?, args.reference()?);
            args.end()?;
            reply.made = Some(match Kind::parse(kind) {
                Some(Kind::Dict) => Arc::new(objects::Dict::follow(self, reference)?),
                Some(Kind::List) => Arc::new(objects::List::follow(self, reference)?),
                Some(Kind::Namespace) => Arc::new(objects::Namespace::follow(self, reference)?),
                _ => return Err(Error::Protocol("not a kind of container")),
            });
            return Ok(0);
        }
        args.end()?;
        match op {
            INFO => put_info(&self.info()?, &mut reply.out),
            CHECK => self.check()?,
            COLLECT => reply.out.u64(self.collect()?),
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        no_handle()
    }

    fn matches(&self, _options: &mut Reader) -> Result<()> {
        no_such()
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put_info(info: &ArenaInfo, w: &mut Writer) {
    let ArenaInfo { limit, used, committed, blocks, containers, handles, doomed, persist, steals, rollbacks } = *info;
    for n in [limit, used, committed, blocks, containers, handles, doomed] {
        w.u64(n);
    }
    w.bool(persist);
    w.u32(steals);
    w.u32(rollbacks);
}

fn take_info(r: &mut Reader) -> Result<ArenaInfo> {
    Ok(ArenaInfo {
        limit: r.u64()?,
        used: r.u64()?,
        committed: r.u64()?,
        blocks: r.u64()?,
        containers: r.u64()?,
        handles: r.u64()?,
        doomed: r.u64()?,
        persist: r.bool()?,
        steals: r.u32()?,
        rollbacks: r.u32()?,
    })
}

fn no_handle() -> Result<Handle> {
    Err(Error::NotSupported("only a whole object has a handle"))
}

/// For the server: how a container is made.
pub(super) fn put_options(options: &ContainerOptions, w: &mut Writer) {
    w.u64(options.limit);
}

/// As [`put_options`] has put them.
pub(super) fn take_options(r: &mut Reader) -> Result<ContainerOptions> {
    let limit = r.u64()?;
    r.end()?;
    Ok(ContainerOptions { object: options::served(), limit })
}

/// A stored value, if whoever asks has room for it; else [`Error::MessageSize`].
pub(super) fn put_stored(stored: &Stored, cap: usize, w: &mut Writer) -> Result<()> {
    if stored.len().saturating_sub(Head::LEN) > cap {
        return Err(Error::MessageSize { needed: room_for(stored)? });
    }
    let begun = w.begin();
    stored.append_to(&mut w.0)?;
    match room(&w.0[begun..]) {
        Ok(needed) if needed <= cap => {
            w.end(begun);
            Ok(())
        }
        other => {
            w.0.truncate(begun - 4);
            Err(other.map_or_else(|error| error, |needed| Error::MessageSize { needed }))
        }
    }
}

/// How large a buffer a stored datum needs: as much as its body has.
pub(super) fn room_for(stored: &Stored) -> Result<usize> {
    let mut first = [0; Head::LEN];
    let first = &mut first[..stored.len().min(Head::LEN)];
    for (i, byte) in first.iter_mut().enumerate() {
        *byte = stored.byte(i)?;
    }
    room_by_head(first, stored.len())
}

/// As [`room_for`], for a whole encoding.
fn room(encoding: &[u8]) -> Result<usize> {
    room_by_head(&encoding[..encoding.len().min(Head::LEN)], encoding.len())
}

fn room_by_head(first: &[u8], len: usize) -> Result<usize> {
    match Head::parse(first, len)? {
        Head::Whole(_) => Ok(0),
        Head::Body { len, .. } => Ok(len),
    }
}

/// Far: asks for a value that `cap` bytes have room for, and that fits a message.
pub(super) fn within<R>(proxy: &Proxy, cap: usize, ask: impl FnOnce(usize) -> Result<R>) -> Result<R> {
    let max = proxy.link().most();
    match ask(cap.min(max)) {
        Err(Error::MessageSize { needed }) if needed > max && needed <= cap => Err(Error::TooBig { len: needed, max }),
        other => other,
    }
}

/// What came as a stored datum, for whoever asked.
pub(super) fn handed<R>(r: &mut Reader, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    f(r.bytes()?).map_err(as_nonsense)
}

/// What would be damage in memory is another's mistake when it came through a connection.
pub(super) fn as_nonsense(error: Error) -> Error {
    match error {
        Error::Corrupt(_) => NONSENSE,
        other => other,
    }
}

/// The encoding of a number.
pub(super) fn put_number(number: &Datum, w: &mut Writer) -> Result<()> {
    w.encoded(&number.encode()?);
    Ok(())
}

/// A number, which borrows nothing.
pub(super) fn take_number(r: &mut Reader) -> Result<Datum<'static>> {
    match r.datum()? {
        Datum::Int(n) => Ok(Datum::Int(n)),
        Datum::UInt(n) => Ok(Datum::UInt(n)),
        Datum::Float(n) => Ok(Datum::Float(n)),
        _ => Err(NONSENSE),
    }
}

/// A copy of something, at the client's disposal until it has all pieces.
struct Pieces {
    bytes: Vec<u8>,
    kind: Kind,
}

/// Hands bytes out that may be more than a message can have: the first piece of them now.
pub(super) fn put_pieces(bytes: Vec<u8>, kind: Kind, reply: &mut Reply) {
    reply.out.u64(bytes.len() as u64);
    let pieces = Pieces { bytes, kind };
    reply.out.bytes(pieces.from(0, FIRST_PIECE));
    reply.made = Some(Arc::new(pieces));
}

/// Takes all of what an operation hands out in pieces.
pub(super) fn take_pieces(proxy: &Proxy, op: u8, put: impl FnOnce(&mut Writer)) -> Result<Vec<u8>> {
    let begin = |_: i32, r: &mut Reader| Ok((r.size()?, r.bytes()?.to_vec()));
    let ((len, mut all), pieces) = proxy.make(op, |_| Class::QUICK, put, begin)?;
    while all.len() < len {
        let put = |w: &mut Writer| {
            w.u64(all.len() as u64);
            w.u64(proxy.link().most().min(PIECE_LEN) as u64);
        };
        let piece = pieces.ask(PIECE, put, |r| Ok(r.bytes()?.to_vec()))?;
        if piece.is_empty() {
            return Err(NONSENSE);
        }
        all.try_reserve(piece.len()).map_err(|_| Error::NoMemory(piece.len() as u64))?;
        all.extend_from_slice(&piece);
    }
    match all.len() == len {
        true => Ok(all),
        false => Err(NONSENSE),
    }
}

impl Pieces {
    fn from(&self, at: usize, most: usize) -> &[u8] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        &rest[..rest.len().min(most)]
    }
}

impl Served for Pieces {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn class(&self, _op: u8) -> Class {
        Class::QUICK
    }

    fn serve(&self, op: u8, args: &mut Reader, _limits: Limits, reply: &mut Reply) -> Result<i32> {
        let (at, most) = (args.size()?, args.size()?);
        args.end()?;
        match op {
            PIECE => reply.out.bytes(self.from(at, most.min(PIECE_LEN))),
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        no_handle()
    }

    fn matches(&self, _options: &mut Reader) -> Result<()> {
        no_such()
    }

    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A copy, as a builder has made it.
pub(super) fn put_copy(copy: impl FnOnce(&mut Builder) -> Result<()>, kind: Kind, reply: &mut Reply) -> Result<()> {
    let mut whole = Builder::new();
    copy(&mut whole)?;
    put_pieces(whole.finish()?.to_vec(), kind, reply);
    Ok(())
}

/// Adds a copy that came in pieces to a builder.
pub(super) fn add_copy(bytes: &[u8], into: &mut Builder) -> Result<()> {
    datum::decode(bytes).map_err(|_| NONSENSE)?;
    into.add_encoded(bytes)
}

/// What a dict or a namespace is asked for.
pub(super) fn put_what(what: What, w: &mut Writer) {
    w.u8(match what {
        What::Keys => 0,
        What::Values => 1,
        What::Items => 2,
    });
}

pub(super) fn take_what(r: &mut Reader) -> Result<What> {
    match r.u8()? {
        0 => Ok(What::Keys),
        1 => Ok(What::Values),
        2 => Ok(What::Items),
        _ => Err(Error::Protocol("neither keys nor values nor both")),
    }
}

/// A snapshot, in pieces.
pub(super) fn put_snapshot(snapshot: &Snapshot, kind: Kind, reply: &mut Reply) {
    let mut all = Writer::default();
    for i in 0..snapshot.len() {
        let (key, value) = snapshot.get(i);
        for bytes in [key, value].into_iter().flatten() {
            all.bytes(bytes);
        }
    }
    put_pieces(all.0, kind, reply);
}

/// As [`put_snapshot`] has put it.
pub(super) fn take_snapshot(bytes: &[u8], what: What) -> Result<Snapshot> {
    let (mut r, mut snapshot) = (Reader::new(bytes), Snapshot::new(what));
    while !r.is_empty() {
        let key = if what == What::Values { &[][..] } else { r.bytes()? };
        let value = if what == What::Keys { &[][..] } else { r.bytes()? };
        snapshot.push(key, value)?;
    }
    Ok(snapshot)
}

/// Goes through a living container for a client, who says each time how far it has come: so a forked child goes on by
/// itself, and nobody waits for another one.
struct Going<T> {
    /// At the beginning.
    iter: T,
    kind: Kind,
}

/// An iterator that a client can have. Its keys are a dict's, or a list's indices in 8 bytes.
pub(super) trait Steps: Any + Send + Sync + Sized {
    /// The same one, where it is after this key.
    fn after(&self, key: &[u8]) -> Result<Self>;
    /// The same one, at the beginning.
    fn anew(&self) -> Self;
    /// Hands the next one to `f`: key and value; `false` at the end.
    fn next(&mut self, f: impl FnOnce(&[u8], &[u8])) -> Result<bool>;
    /// Whether the next one after that has been fetched already.
    fn is_ahead(&self) -> bool;
}

impl Steps for objects::DictIter {
    fn after(&self, key: &[u8]) -> Result<Self> {
        Ok(self.at(Some(datum::canonical(key)?.into_owned())))
    }

    fn anew(&self) -> Self {
        self.at(None)
    }

    fn next(&mut self, f: impl FnOnce(&[u8], &[u8])) -> Result<bool> {
        Ok(self.next()?.map(|(key, value)| f(key, value)).is_some())
    }

    fn is_ahead(&self) -> bool {
        self.is_ahead()
    }
}

impl Steps for objects::ListIter {
    fn after(&self, key: &[u8]) -> Result<Self> {
        match Reader::new(key).u64()? {
            // No list is as long as that.
            index if index >= 1 << 60 => Err(Error::Protocol("an absurd index")),
            index => Ok(self.at(index + 1)),
        }
    }

    fn anew(&self) -> Self {
        self.at(0)
    }

    fn next(&mut self, f: impl FnOnce(&[u8], &[u8])) -> Result<bool> {
        Ok(self.next()?.map(|(index, value)| f(&index.to_le_bytes(), value)).is_some())
    }

    fn is_ahead(&self) -> bool {
        self.is_ahead()
    }
}

/// Hands an iterator out.
pub(super) fn put_iter(iter: impl Steps, kind: Kind, reply: &mut Reply) {
    reply.made = Some(Arc::new(Going { iter, kind }));
}

impl<T: Steps> Going<T> {
    /// Some more of them, in so many bytes: those that it fetches at a time. Fetching more would be to look ahead further
    /// than near, and then the end of a dict that changes would be another one.
    fn some_more(&self, after: Option<&[u8]>, max: usize, w: &mut Writer) -> Result<()> {
        let mut iter = after.map_or_else(|| Ok(self.iter.anew()), |key| self.iter.after(key))?;
        let begun = w.begin();
        loop {
            let before = w.len();
            let more = iter.next(|key, value| {
                w.bytes(key);
                w.bytes(value);
            })?;
            if w.len() - begun > max {
                if before == begun {
                    return Err(Error::TooBig { len: w.len() - begun, max });
                }
                w.0.truncate(before);
                break;
            }
            if !more || w.len() - begun >= AHEAD || !iter.is_ahead() {
                break;
            }
        }
        w.end(begun);
        Ok(())
    }
}

impl<T: Steps> Served for Going<T> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn class(&self, _op: u8) -> Class {
        // It fetches some of any size ahead.
        Class::LONG
    }

    fn serve(&self, op: u8, args: &mut Reader, _limits: Limits, reply: &mut Reply) -> Result<i32> {
        let (after, max) = (args.opt(|r| r.bytes())?, args.size()?);
        args.end()?;
        match op {
            NEXT => self.some_more(after, max, &mut reply.out)?,
            _ => return no_such(),
        }
        Ok(0)
    }

    fn export(&self, _open: &mut Reader) -> Result<Handle> {
        no_handle()
    }

    fn matches(&self, _options: &mut Reader) -> Result<()> {
        no_such()
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An iterator over a far container, and what it has fetched ahead.
pub struct Ahead {
    proxy: Proxy,
    batch: Snapshot,
    next: usize,
    ended: bool,
}

impl Ahead {
    /// By a container's operation for it.
    pub(super) fn new(proxy: &Proxy, op: u8) -> Result<Ahead> {
        let ((), proxy) = proxy.make(op, |_| Class::QUICK, |_| (), |_, _| Ok(()))?;
        Ok(Ahead { proxy, batch: Snapshot::default(), next: 0, ended: false })
    }

    /// The next one's key (or index) and value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if self.next == self.batch.len() && !self.ended {
            let last = self.next.checked_sub(1).and_then(|last| self.batch.get(last).0);
            let put = |w: &mut Writer| {
                w.opt(last, |w, key| w.bytes(key));
                w.u64(self.proxy.link().most() as u64);
            };
            self.batch = self.proxy.ask(NEXT, put, |r| take_snapshot(r.bytes()?, What::Items))?;
            self.next = 0;
            self.ended = self.batch.is_empty();
        }
        match self.batch.get(self.next) {
            (Some(key), Some(value)) => {
                self.next += 1;
                Ok(Some((key, value)))
            }
            _ => Ok(None),
        }
    }
}

/// The datums of a list of them.
pub(super) fn put_many(values: &[Encoded], w: &mut Writer) {
    w.u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
    values.iter().for_each(|value| w.encoded(value));
}

/// As [`put_many`] has put them.
pub(super) fn take_many<'a>(r: &mut Reader<'a>) -> Result<Vec<Encoded<'a>>> {
    // Not room for so many at once: it is only what somebody says.
    (0..r.u32()?).map(|_| r.encoded()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::{Domain, DomainOptions};

    /// A generator that is the same each time (Steele and Vigna's SplitMix64).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }

        fn below(&mut self, n: u64) -> u64 {
            self.next() % n
        }

        fn pick<T: Copy>(&mut self, from: &[T]) -> T {
            from[self.below(from.len() as u64) as usize]
        }

        /// Arguments that an operation takes, or others, cut off or damaged now and then.
        fn arguments(&mut self, takes: &str, references: &[Reference]) -> Vec<u8> {
            let mut w = Writer::default();
            for what in takes.chars() {
                match what {
                    'd' => self.datum(references, &mut w),
                    's' => w.str(self.pick(&["a", "name", "_no", ""])),
                    'i' => w.i64(self.below(9) as i64 - 4),
                    'o' => w.opt(self.pick(&[None, Some(1), Some(-2), Some(i64::MAX)]), Writer::i64),
                    'n' => w.u64(self.pick(&[0, 1, 3, 100, u64::MAX])),
                    'b' => w.u8(self.below(3) as u8),
                    'r' => w.reference(self.pick(references)),
                    _ => w.u32(self.below(17) as u32),
                }
            }
            let mut bytes = w.0;
            let at = self.below(bytes.len() as u64 + 1) as usize;
            match self.below(8) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => bytes.push(0),
                _ => {}
            }
            bytes
        }

        fn datum(&mut self, references: &[Reference], w: &mut Writer) {
            let reference = Datum::Ref(self.pick(references));
            let datum = self.pick(&[
                Datum::New(Kind::Dict as u32),
                Datum::New(Kind::List as u32),
                Datum::New(Kind::Namespace as u32),
                Datum::Absent,
                Datum::List(&[0x92, 1, 0xa1, b'x']),
                Datum::Map(&[0x81, 0xa1, b'a', 2]),
                Datum::Str("name"),
                Datum::Int(1),
                Datum::Float(0.5),
                reference,
            ]);
            w.encoded(&datum.encode().expect("a datum"));
        }
    }

    /// What the operations of a dict, a list and a namespace take, by their numbers: datums, strings, indices, options,
    /// numbers, bools, references.
    const TAKES: [[&str; 32]; 3] = [
        [
            "", "dn", "dd", "ddn", "d", "d", "dn", "nn", "", "d", "dd", "dd", "ddd", "b", "", "b", "", "", "ddn", "dn",
            "", "", "", "", "", "", "", "", "", "", "", "",
        ],
        [
            "", "in", "id", "d", "d", "kdd", "r", "id", "id", "in", "in", "i", "i", "d", "dii", "d", "", "b", "n", "",
            "ooi", "ooid", "ooi", "id", "idd", "", "b", "", "", "idn", "dn", "",
        ],
        [
            "", "sn", "sd", "s", "s", "sd", "sd", "sdd", "", "b", "", "", "", "sdn", "sn", "", "", "", "", "", "", "",
            "", "", "", "", "", "", "", "", "", "",
        ],
    ];

    fn takes(object: &dyn Served, op: u8) -> &'static str {
        let any = object.as_any();
        match object.kind() {
            _ if any.is::<objects::Arena>() => ["", "", "", "kr"][usize::from(op) % 4],
            _ if any.is::<Pieces>() => "nn",
            Kind::List if any.is::<objects::List>() => TAKES[1][usize::from(op)],
            Kind::Namespace => TAKES[2][usize::from(op)],
            Kind::Dict if any.is::<objects::Dict>() => TAKES[0][usize::from(op)],
            _ => "bn",
        }
    }

    /// Whatever a client sends: an answer or an error, and an arena in which nothing is wrong.
    #[test]
    fn requests_that_anybody_could_send() {
        let domain = Domain::open(&DomainOptions { anonymous: true, ..Default::default() }).expect("domain");
        let options = ContainerOptions { limit: 2 << 20, ..Default::default() };
        let (dict, _) = objects::Dict::create(&domain, None, options).expect("dict");
        let (list, _) = objects::List::create(&domain, None, options).expect("list");
        let (namespace, _) = objects::Namespace::create(&domain, None, options).expect("namespace");
        let arenas = [dict.arena().clone(), list.arena().clone(), namespace.arena().clone()];
        let references = [dict.reference(), list.reference(), namespace.reference()];
        let mut there: Vec<Arc<dyn Served>> = vec![Arc::new(dict), Arc::new(list), Arc::new(namespace)];
        let (mut random, mut done, mut refused) = (Random(7), 0, 0);
        for _ in 0..60_000 {
            // The containers themselves mostly; what came of them (iterators, inner ones) now and then.
            let among = if random.below(4) == 0 { there.len() } else { 3 };
            let object = there[random.below(among as u64) as usize].clone();
            let op = random.below(32) as u8;
            let takes = if random.below(4) == 0 { random.pick(&TAKES[1]) } else { takes(&*object, op) };
            let arguments = random.arguments(takes, &references);
            let mut reply = Reply::default();
            match object.serve(op, &mut Reader::new(&arguments), Limits::none(), &mut reply) {
                Ok(status) => {
                    assert_eq!(status, 0, "no operation of theirs has news");
                    done += 1;
                }
                Err(Error::Corrupt(why)) => panic!("operation {op} {arguments:02x?}: {why}"),
                Err(_) => refused += 1,
            }
            if let Some(made) = reply.made {
                let at = 3 + random.below(24) as usize;
                match there.get_mut(at) {
                    Some(place) => *place = made,
                    None => there.push(made),
                }
            }
        }
        for arena in arenas {
            arena.check().expect("sound");
        }
        assert!(done > 2000 && refused > 2000, "{done} done and {refused} refused: not much of a test");
    }
}
