//! What is stored: the encoding of a datum, which for a container of the same arena is a counted reference.

use super::header::At;
use crate::objects::datum::{Encoded, Reference, Special};
use crate::shm::arena::layout::UNIT;
use crate::shm::arena::Tx;
use crate::shm::header::Kind;
use crate::{Error, Result};

/// The longest datum that can be stored: what freeing and allocating it needs of the journal is bounded.
pub(crate) const MOST: usize = 32 << 20;

/// A datum on its way into the arena, counted if it is a reference.
pub(in crate::objects) enum Held<'a> {
    /// As it was given.
    Given(&'a Encoded<'a>),
    /// A new container.
    Made([u8; Reference::LEN]),
}

impl Held<'_> {
    /// How many bytes.
    #[inline]
    pub(in crate::objects) fn len(&self) -> usize {
        match self {
            Held::Given(datum) => datum.len(),
            Held::Made(bytes) => bytes.len(),
        }
    }

    /// Writes the bytes where there is room for them.
    #[inline]
    pub(in crate::objects) fn write(&self, tx: &Tx, at: usize) -> Result<()> {
        let region = tx.heap.region();
        match self {
            Held::Given(datum) => {
                let head = datum.head();
                if !head.is_empty() {
                    region.write(at, head)?;
                }
                if datum.body().is_empty() {
                    return Ok(());
                }
                region.write(at + head.len(), datum.body())
            }
            Held::Made(bytes) => region.write(at, bytes),
        }
    }

    /// Copies short bytes out.
    pub(in crate::objects) fn copy_to(&self, to: &mut [u8]) {
        match self {
            Held::Given(datum) => {
                let head = datum.head();
                to[..head.len()].copy_from_slice(head);
                to[head.len()..].copy_from_slice(datum.body());
            }
            Held::Made(bytes) => to.copy_from_slice(bytes),
        }
    }
}

/// Where the container is that a reference names, if it is one of this arena.
pub(in crate::objects) fn place(arena: u64, reference: Reference) -> Option<usize> {
    (reference.arena == arena).then(|| (reference.place as usize).wrapping_mul(UNIT))
}

/// Gets a datum ready to be stored.
#[inline]
pub(in crate::objects) fn hold<'a>(tx: &mut Tx, arena: u64, datum: &'a Encoded<'a>) -> Result<Held<'a>> {
    if datum.len() > MOST {
        return Err(Error::TooBig { len: datum.len(), max: MOST });
    }
    match datum.special() {
        Special::Plain => Ok(Held::Given(datum)),
        special => hold_special(tx, arena, datum, special),
    }
}

#[cold]
fn hold_special<'a>(tx: &mut Tx, arena: u64, datum: &'a Encoded<'a>, special: Special) -> Result<Held<'a>> {
    match special {
        Special::New(kind) => {
            let kind = match Kind::parse(kind) {
                Some(kind @ (Kind::Dict | Kind::List | Kind::Namespace)) => kind,
                _ => return Err(Error::invalid("only a dict, a list or a namespace can be made inside another")),
            };
            let new = At::new(tx, kind, 1)?;
            Ok(Held::Made(reference(tx, arena, new)?.encode()))
        }
        Special::Absent => Err(Error::invalid("nothing cannot be stored")),
        Special::Reference(wanted) => {
            if let Some(at) = place(arena, wanted) {
                let found =
                    At::look_up(tx, at, wanted.generation).filter(|(_, kind)| *kind as u32 == u32::from(wanted.kind));
                let (container, _) = found.ok_or(GONE)?;
                // It may be there still, without anything in it.
                if container.is_doomed(tx)? {
                    return Err(GONE);
                }
                container.hold(tx)?;
            }
            Ok(Held::Given(datum))
        }
        Special::Plain => Ok(Held::Given(datum)),
    }
}

const GONE: Error = Error::NotFound("the container that is referred to");

/// What names a container.
pub(in crate::objects) fn reference(tx: &Tx, arena: u64, at: At) -> Result<Reference> {
    let (kind, generation) = (at.kind(tx)? as u8, at.generation(tx)?);
    Ok(Reference { kind, arena, place: (at.0 / UNIT) as u64, generation })
}

/// The container of this arena that stored bytes refer to.
pub(in crate::objects) fn referred(tx: &Tx, arena: u64, at: usize, len: usize) -> Result<Option<(At, Kind)>> {
    if len != Reference::LEN {
        return Ok(None);
    }
    let bytes = tx.heap.region().read_vec(at, len)?;
    let Some(reference) = Reference::decode(&bytes) else { return Ok(None) };
    Ok(place(arena, reference).and_then(|at| At::look_up(tx, at, reference.generation)))
}

/// Stored bytes are about to be freed or overwritten: what they refer to is referred to by one less.
#[inline]
pub(in crate::objects) fn release(tx: &mut Tx, arena: u64, at: usize, len: usize) -> Result<()> {
    if len != Reference::LEN {
        return Ok(());
    }
    if let Some((container, _)) = referred(tx, arena, at, len)? {
        container.let_go(tx)?;
    }
    Ok(())
}
