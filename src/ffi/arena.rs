//! What dict, list and namespace have in common: their options, their arena, iterators, and datums in and out.

use super::boundary::{borrow, bytes_mut, copy_struct_out, free, opt_out, out, run};
use super::datum::{datum_in, mproc_builder_t, mproc_datum_t};
use super::status::{MPROC_ECORRUPT, MPROC_END, MPROC_OK};
use super::types::MPROC_PERSIST;
use crate::manager::{Arena, DictIter, ListIter};
use crate::objects::datum::{finish, Head};
use crate::objects::{Builder, ContainerOptions, Datum, Encoded, ObjectOptions, Reference, Snapshot};
use crate::{objects, Error, Result};
use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

/// mproc_dict_copy(), mproc_list_copy(), mproc_namespace_copy(): inner containers become plain lists and maps, at any
/// depth up to 64. Without it they become references.
pub const MPROC_COPY_DEEP: u32 = 1;

/// How to create or open a dict, a list or a namespace. Initialise with MPROC_CONTAINER_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_container_options_t {
    /// sizeof(mproc_container_options_t)
    pub size: usize,
    /// MPROC_PERSIST, MPROC_EXIST_OK, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL (no effect: nothing here waits for a user)
    pub flags: u32,
    /// Leave 0.
    pub reserved: u32,
    /// How far its arena may grow: the address space that it takes in each process, and the most memory. It begins
    /// small, and takes memory as it fills. 0: 1 GiB. Rounded up to 64 KiB; 1 MiB to 1 TiB. Only used when creating.
    pub limit_bytes: u64,
}

/// The memory in which a named (or anonymous) container and all containers inside it live: one heap, one lock. Borrowed
/// from a handle on any of them, and valid as long as that handle is open; it is never closed by itself.
///
/// Of a remote container (mproc_object_is_remote()) each call is a request: it blocks for the answer, and can fail with
/// MPROC_ECONNECTION, MPROC_ESTALE or MPROC_EQUOTA, too.
pub struct mproc_arena_t(OnceLock<Arena>);

impl mproc_arena_t {
    /// For a handle to keep beside its container: of one in memory; of a remote one it is got when it is asked for.
    pub(super) fn of(near: Option<&objects::Arena>) -> mproc_arena_t {
        mproc_arena_t(near.map_or_else(OnceLock::new, |arena| OnceLock::from(Arena::from(arena.clone()))))
    }

    /// Itself, ready for use.
    pub(super) fn ready(&self, get: impl FnOnce() -> Result<Arena>) -> Result<&mproc_arena_t> {
        if self.0.get().is_none() {
            // Another thread may have been faster: then that one's.
            let _ = self.0.set(get()?);
        }
        Ok(self)
    }

    /// The arena.
    pub(super) fn arena(&self) -> Result<&Arena> {
        self.0.get().ok_or(Error::invalid("not an arena"))
    }
}

/// What an arena is like right now: a snapshot.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mproc_arena_info_t {
    /// How far it may grow, as rounded.
    pub limit_bytes: u64,
    /// Bytes in blocks that are in use, with what each costs beside its contents.
    pub used_bytes: u64,
    /// Bytes of memory that it has taken so far. It keeps what it has.
    pub committed_bytes: u64,
    /// Blocks that are in use.
    pub blocks: u64,
    /// Containers inside, with the root.
    pub containers: u64,
    /// Handles on inner containers that living processes hold.
    pub handles: u64,
    /// Containers that nobody can reach any more and that are freed bit by bit.
    pub waiting_to_be_freed: u64,
    /// MPROC_PERSIST, as created.
    pub flags: u32,
    /// How often its lock was taken over from a dead process, since creation.
    pub steals: u32,
    /// How often what a dead process had left half done was undone, since creation.
    pub rollbacks: u32,
    /// 0.
    pub reserved: u32,
}

/// What an arena is like right now: a snapshot.
///
/// @param[out] info_out  filled    @param info_size  sizeof(mproc_arena_info_t)
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL or size 0   @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ECORRUPT  @retval MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_arena_info(
    arena: *const mproc_arena_t,
    info_out: *mut mproc_arena_info_t,
    info_size: usize,
) -> c_int {
    run(|| {
        // SAFETY: NULL or borrowed from a live handle; info_out has info_size bytes.
        unsafe {
            let i = borrow(arena)?.arena()?.info()?;
            let info = mproc_arena_info_t {
                limit_bytes: i.limit,
                used_bytes: i.used,
                committed_bytes: i.committed,
                blocks: i.blocks,
                containers: i.containers,
                handles: i.handles,
                waiting_to_be_freed: i.doomed,
                flags: if i.persist { MPROC_PERSIST } else { 0 },
                steals: i.steals,
                rollbacks: i.rollbacks,
                reserved: 0,
            };
            copy_struct_out(&info, info_out, info_size)
        }
    })
}

/// Walks the whole heap and every container in it, and finds blocks that belong to nobody. For tests and for people
/// who look for a fault: it takes as long as there are blocks, and nobody else gets in meanwhile.
///
/// @param buf,cap  what is wrong, in English, NUL-terminated, cut to fit; empty if nothing is. NULL with cap 0: not
///                 wanted (mproc_last_error() has it, too)
/// @retval MPROC_OK        sound    @retval MPROC_ECORRUPT  not    @retval MPROC_EINVAL  NULL
/// @retval MPROC_EBUSY     a stopped process is inside    @retval MPROC_ENOMEM   @retval MPROC_ESLOTS
/// Blocks: for the walk, and for the arena's lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_arena_check(arena: *const mproc_arena_t, buf: *mut c_char, cap: usize) -> c_int {
    run(|| {
        // SAFETY: NULL or borrowed from a live handle; buf has cap bytes.
        let (arena, buf) = unsafe { (borrow(arena)?, bytes_mut(buf.cast::<c_void>(), cap)?) };
        let checked = arena.arena()?.check();
        let text = match &checked {
            Err(error) if error.status() == MPROC_ECORRUPT => error.to_string(),
            _ => String::new(),
        };
        if let Some(room) = buf.len().checked_sub(1) {
            let mut len = text.len().min(room);
            while !text.is_char_boundary(len) {
                len -= 1;
            }
            for (to, &from) in buf.iter_mut().zip(&text.as_bytes()[..len]) {
                to.write(from);
            }
            buf[len].write(0);
        }
        checked.map(|()| MPROC_OK)
    })
}

/// Frees containers that refer to each other in a circle and that nobody can reach any more, and what dead processes
/// held. Whatever else is out of reach is freed without it. It takes as long as there are containers, and nobody else
/// gets in meanwhile.
///
/// @param[out] freed_out  how many containers it freed. May be NULL.
/// @retval MPROC_OK  @retval MPROC_EINVAL  NULL   @retval MPROC_EBUSY  a stopped process is inside
/// @retval MPROC_ECORRUPT  @retval MPROC_ENOMEM  @retval MPROC_ESLOTS
/// Blocks: for the walk, and for the arena's lock (busy_timeout).  Threads: any.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_arena_collect(arena: *const mproc_arena_t, freed_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or borrowed from a live handle; freed_out is NULL or valid.
        unsafe {
            let freed = borrow(arena)?.arena()?.collect()?;
            opt_out(freed_out).write(freed);
            Ok(MPROC_OK)
        }
    })
}

/// Goes through what a container has, or had at one moment. Of a remote container, a copy of one moment is fetched wholly
/// before it is handed out; what goes through a living one asks for up to 64 at a time, and then mproc_iter_next() blocks
/// for the answer, and can fail with MPROC_ECONNECTION or MPROC_ESTALE, or with MPROC_E2BIG if a single one is longer than
/// a message of the manager's may be; it stays so.
pub struct mproc_iter_t {
    source: Source,
    /// It has said so.
    ended: bool,
}

/// Where an iterator's datums come from.
enum Source {
    /// A copy of one moment, and how many of it have been handed out; a list's have their position as key.
    Snapshot {
        all: Snapshot,
        at: usize,
        numbered: bool,
    },
    Dict(DictIter),
    List(ListIter),
}

impl mproc_iter_t {
    /// Over a snapshot of a dict or a namespace.
    pub(super) fn pairs(all: Snapshot) -> mproc_iter_t {
        mproc_iter_t { source: Source::Snapshot { all, at: 0, numbered: false }, ended: false }
    }

    /// Over a snapshot of a list.
    pub(super) fn elements(all: Snapshot) -> mproc_iter_t {
        mproc_iter_t { source: Source::Snapshot { all, at: 0, numbered: true }, ended: false }
    }

    /// Over a living dict.
    pub(super) fn dict(iter: DictIter) -> mproc_iter_t {
        mproc_iter_t { source: Source::Dict(iter), ended: false }
    }

    /// Over a living list.
    pub(super) fn list(iter: ListIter) -> mproc_iter_t {
        mproc_iter_t { source: Source::List(iter), ended: false }
    }

    fn next(&mut self) -> Result<Option<(Datum<'_>, Datum<'_>)>> {
        if self.ended {
            return Ok(None);
        }
        let seen = |bytes: Option<_>| bytes.map_or(Ok(Datum::Nil), private);
        let pair = match &mut self.source {
            Source::Snapshot { all, at, .. } if *at == all.len() => None,
            Source::Snapshot { all, at, numbered } => {
                let (key, value) = all.get(*at);
                let key = if *numbered { number(*at as u64) } else { seen(key)? };
                *at += 1;
                Some((key, seen(value)?))
            }
            Source::Dict(iter) => match iter.next()? {
                Some((key, value)) => Some((private(key)?, private(value)?)),
                None => None,
            },
            Source::List(iter) => match iter.next()? {
                Some((index, value)) => Some((number(index), private(value)?)),
                None => None,
            },
        };
        self.ended = pair.is_none();
        Ok(pair)
    }
}

fn number(n: u64) -> Datum<'static> {
    i64::try_from(n).map_or(Datum::UInt(n), Datum::Int)
}

/// A datum whose encoding has been copied out of shared memory.
fn private(bytes: &[u8]) -> Result<Datum<'_>> {
    match Head::parse(&bytes[..bytes.len().min(Head::LEN)], bytes.len())? {
        Head::Whole(datum) => Ok(datum),
        Head::Body { kind, skip, len } => {
            let body = bytes.get(skip..).and_then(|rest| rest.get(..len));
            finish(kind, body.ok_or(Error::Corrupt("a stored datum is shorter than it says"))?)
        }
    }
}

/// The next one.
///
/// @param[out] key_out    a dict's or a namespace's key, a list's index (of a slice: the position in it); nil for
///                        mproc_dict_values(). May be NULL.
/// @param[out] value_out  the value; nil for mproc_dict_keys(). May be NULL.
///                        Both point into the iterator until the next call on it.
/// @retval MPROC_OK        @retval MPROC_END  there is no more; it stays so
/// @retval MPROC_ECHANGED  mproc_dict_iter(): keys were added or removed since it began; it stays so
/// @retval MPROC_EINVAL    NULL
/// @retval MPROC_EBUSY     a stopped process is inside    @retval MPROC_ECORRUPT MPROC_ENOMEM MPROC_ESLOTS
/// Blocks: no, but for the arena's lock (busy_timeout), if the container is a living one.  Threads: one at a time.
/// Fork: parent and child each go on by themselves.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_iter_next(
    iter: *mut mproc_iter_t,
    key_out: *mut mproc_datum_t,
    value_out: *mut mproc_datum_t,
) -> c_int {
    run(|| {
        // SAFETY: NULL or a live iterator, used by one thread at a time; outputs are NULL or valid.
        let (iter, key_out, value_out) = unsafe { (iter.as_mut(), opt_out(key_out), opt_out(value_out)) };
        match iter.ok_or(Error::invalid("the iterator is NULL"))?.next()? {
            Some((key, value)) => {
                key_out.write(key.into());
                value_out.write(value.into());
                Ok(MPROC_OK)
            }
            None => Ok(MPROC_END),
        }
    })
}

/// How many a snapshot has in all, however many of them have been handed out.
///
/// @param[out] len_out  elements or pairs
/// @retval MPROC_OK  @retval MPROC_ENOTSUP  a living container: mproc_dict_iter(), mproc_list_iter()
/// @retval MPROC_EINVAL  NULL
/// Blocks: no.  Threads: one at a time.  Fork: yes.  Signals: no.
#[no_mangle]
pub unsafe extern "C" fn mproc_iter_len(iter: *const mproc_iter_t, len_out: *mut u64) -> c_int {
    run(|| {
        // SAFETY: NULL or valid as documented.
        let (iter, len_out) = unsafe { (borrow(iter)?, out(len_out)?) };
        match &iter.source {
            Source::Snapshot { all, .. } => {
                len_out.write(all.len() as u64);
                Ok(MPROC_OK)
            }
            _ => Err(Error::NotSupported("a living container's iterator does not know how many there will be")),
        }
    })
}

/// Ends the iterator, and what its datums point to. The container stays. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn mproc_iter_close(iter: *mut mproc_iter_t) {
    // SAFETY: NULL or an iterator that is not closed yet.
    unsafe { free(iter) }
}

/// The options of a container that may be created.
pub(super) fn container_options(options: Option<mproc_container_options_t>) -> Result<ContainerOptions> {
    let limit = options.map_or(0, |o| o.limit_bytes);
    Ok(ContainerOptions { object: object_options(options)?, limit })
}

/// The options of a container that is there.
pub(super) fn object_options(options: Option<mproc_container_options_t>) -> Result<ObjectOptions> {
    match options {
        Some(o) if o.reserved != 0 => Err(Error::invalid("a reserved field is not 0")),
        Some(o) => ObjectOptions::common(o.flags),
        None => Ok(ObjectOptions::default()),
    }
}

/// Whether a copy is to be a deep one.
pub(super) fn is_deep(flags: u32) -> Result<bool> {
    match flags {
        0 => Ok(false),
        MPROC_COPY_DEEP => Ok(true),
        _ => Err(Error::invalid("unknown flags")),
    }
}

/// Adds a copy to a builder, or nothing.
///
/// # Safety
/// `into` is NULL or live, and nobody else uses it meanwhile.
pub(super) unsafe fn copy_into(
    into: *mut mproc_builder_t,
    copy: impl FnOnce(&mut Builder) -> Result<()>,
) -> Result<c_int> {
    // SAFETY: NULL or live (this function's contract).
    let into = unsafe { into.as_mut() }.ok_or(Error::invalid("the builder is NULL"))?;
    // Elsewhere first: what fails in the middle must not leave half of it.
    let mut whole = Builder::new();
    copy(&mut whole)?;
    into.0.add_encoded(whole.finish()?)?;
    Ok(MPROC_OK)
}

/// A datum for reading while `buf` is written: a copy if the two overlap, as they do when a key was read into the
/// buffer that its value is to replace it in. `copy` only keeps that.
///
/// # Safety
/// As [`datum_in`]; `buf` is only compared.
#[inline(always)]
pub(super) unsafe fn apart<'a>(
    datum: &'a mproc_datum_t,
    buf: *const c_void,
    cap: usize,
    copy: &'a mut Vec<u8>,
) -> Result<Datum<'a>> {
    let (from, to) = (datum.data as usize, buf as usize);
    // SAFETY: this function's contract; no reference to `buf` exists yet.
    let given = unsafe { datum_in(datum) }?;
    if from < to.saturating_add(cap) && to < from.saturating_add(datum.len) {
        return copied(given, copy);
    }
    Ok(given)
}

#[cold]
fn copied<'a>(datum: Datum<'a>, copy: &'a mut Vec<u8>) -> Result<Datum<'a>> {
    let mut own = |bytes: &[u8]| copy.extend_from_slice(bytes);
    match datum {
        Datum::Str(text) | Datum::Named(_, text) => own(text.as_bytes()),
        Datum::Bytes(bytes) | Datum::List(bytes) | Datum::Map(bytes) => own(bytes),
        _ => return Ok(datum),
    }
    Ok(match datum {
        Datum::Bytes(_) => Datum::Bytes(copy),
        Datum::List(_) => Datum::List(copy),
        Datum::Map(_) => Datum::Map(copy),
        Datum::Named(kind, _) => Datum::Named(kind, text(copy)?),
        _ => Datum::Str(text(copy)?),
    })
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Error::invalid("a string is not UTF-8"))
}

/// An output for a datum of which, when there is no room for its bytes, only the length is written.
pub(super) struct DatumOut(*mut mproc_datum_t);

impl DatumOut {
    /// Not NULL, or MPROC_EINVAL.
    ///
    /// # Safety
    /// `pointer` is NULL or valid for one write.
    #[inline]
    pub(super) unsafe fn new(pointer: *mut mproc_datum_t) -> Result<DatumOut> {
        if pointer.is_null() {
            return Err(Error::invalid("an output is NULL"));
        }
        Ok(DatumOut(pointer))
    }

    /// Writes the datum, or the size that it needs; the rest of the result is handed on.
    #[inline(always)]
    pub(super) fn write(self, datum: Result<mproc_datum_t>) -> Result<c_int> {
        match datum {
            Ok(datum) => {
                // SAFETY: valid for one write (new()).
                unsafe { self.0.write_unaligned(datum) };
                Ok(MPROC_OK)
            }
            Err(Error::MessageSize { needed }) => {
                self.needs(needed);
                Err(Error::MessageSize { needed })
            }
            Err(other) => Err(other),
        }
    }

    /// Writes the size that is needed, and nothing else.
    pub(super) fn needs(self, needed: usize) {
        // SAFETY: valid for one write (new()); C may not have aligned it, hence unaligned.
        unsafe { (&raw mut (*self.0).len).write_unaligned(needed) }
    }
}

/// The container reference that a datum is.
///
/// # Safety
/// As [`datum_in`].
pub(super) unsafe fn reference_in(datum: &mproc_datum_t) -> Result<Reference> {
    // SAFETY: this function's contract.
    match unsafe { datum_in(datum) }? {
        Datum::Ref(reference) => Ok(reference),
        Datum::Named(..) => Err(Error::invalid("a reference to a named object: open it by its name")),
        _ => Err(Error::invalid("not a reference")),
    }
}

/// A datum of the caller's, to be stored or looked for.
///
/// # Safety
/// As [`datum_in`].
#[inline(always)]
pub(super) unsafe fn encoded_in(datum: &mproc_datum_t) -> Result<Encoded<'_>> {
    // SAFETY: this function's contract.
    unsafe { datum_in(datum) }?.encode()
}

/// A datum of the caller's, to be stored.
///
/// # Safety
/// As [`datum_in`].
#[inline(always)]
pub(super) unsafe fn value_in(datum: &mproc_datum_t) -> Result<Encoded<'_>> {
    // SAFETY: this function's contract.
    match unsafe { datum_in(datum) }? {
        Datum::Absent => Err(Error::invalid("nothing is not a value")),
        value => value.encode(),
    }
}

/// What a value is expected to be, or that there is none.
///
/// # Safety
/// As [`datum_in`].
pub(super) unsafe fn expected_in(datum: &mproc_datum_t) -> Result<Encoded<'_>> {
    // SAFETY: this function's contract.
    match unsafe { datum_in(datum) }? {
        Datum::New(_) => Err(Error::invalid("nothing is equal to a new container")),
        expected => expected.encode(),
    }
}

/// A list that is given as one datum.
///
/// # Safety
/// As [`datum_in`].
pub(super) unsafe fn list_in(datum: &mproc_datum_t) -> Result<Encoded<'_>> {
    // SAFETY: this function's contract.
    match unsafe { datum_in(datum) }? {
        list @ Datum::List(_) => list.encode(),
        _ => Err(Error::invalid("not a list")),
    }
}

/// A map that is given as one datum.
///
/// # Safety
/// As [`datum_in`].
pub(super) unsafe fn map_in(datum: &mproc_datum_t) -> Result<Encoded<'_>> {
    // SAFETY: this function's contract.
    match unsafe { datum_in(datum) }? {
        map @ Datum::Map(_) => map.encode(),
        _ => Err(Error::invalid("not a map")),
    }
}
