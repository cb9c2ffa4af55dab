//! Reading what is stored: first the head, then, when there is room for it, the body.

use super::encoded::EXT_NAMED;
use super::msgpack::{named, named_kind, one, text, token, walk, Token};
use super::{Datum, MAX_DEPTH};
use crate::{Error, Result};

/// The first bytes of a stored datum, understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Head<'a> {
    /// That was all: a scalar, or a reference to a container.
    Whole(Datum<'a>),
    /// There is more, of which [`finish`] makes a datum.
    Body {
        /// What it will be.
        kind: BodyKind,
        /// How many bytes of the encoding stand before the body. None, of a list or map.
        skip: usize,
        /// Bytes of the body.
        len: usize,
    },
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// Text.
    Str,
    /// Bytes.
    Bytes,
    /// A whole list.
    List,
    /// A whole map.
    Map,
    /// The name of an object of a kind.
    Named(u32),
}

impl Head<'static> {
    /// Bytes that are enough to understand any head.
    pub const LEN: usize = super::Reference::LEN;

    /// Of the first [`Head::LEN`] bytes of an encoding of `total` bytes, or all of them.
    ///
    /// # Errors
    /// [`Error::Corrupt`]: it is not a datum of that length.
    pub fn parse(first: &[u8], total: usize) -> Result<Head<'static>> {
        Head::try_parse(first, total)
            .ok()
            .filter(|_| first.len() == total.min(Head::LEN))
            .ok_or(Error::Corrupt("a stored datum has another length than it says, or is none"))
    }

    fn try_parse(first: &[u8], total: usize) -> Result<Head<'static>> {
        let (token, skip) = token(first)?;
        let body = |kind, skip, len: u32| match total.checked_sub(skip) {
            Some(rest) if rest == len as usize => Ok(Head::Body { kind, skip, len: rest }),
            _ => Err(Error::invalid("another length")),
        };
        // Each element has at least one byte; finish() counts them.
        let elements = |kind, count: u64| match total.checked_sub(skip) {
            Some(rest) if rest as u64 >= count => Ok(Head::Body { kind, skip: 0, len: total }),
            _ => Err(Error::invalid("more elements than bytes")),
        };
        match token {
            Token::Str(len) => body(BodyKind::Str, skip, len),
            Token::Bytes(len) => body(BodyKind::Bytes, skip, len),
            Token::List(count) => elements(BodyKind::List, count.into()),
            Token::Map(pairs) => elements(BodyKind::Map, 2 * u64::from(pairs)),
            Token::Ext(EXT_NAMED, len) => {
                let kind = *first.get(skip).ok_or(Error::invalid("no kind"))?;
                let kind = named_kind(kind.into())?.into();
                body(BodyKind::Named(kind), skip + 1, len.saturating_sub(1))
            }
            _ => match one::<MAX_DEPTH>(first)? {
                (datum, len) if len == total => Ok(Head::Whole(without_body(datum)?)),
                _ => Err(Error::invalid("another length")),
            },
        }
    }
}

/// The same, of what borrows nothing.
fn without_body(datum: Datum) -> Result<Datum<'static>> {
    Ok(match datum {
        Datum::Nil => Datum::Nil,
        Datum::Bool(is) => Datum::Bool(is),
        Datum::Int(n) => Datum::Int(n),
        Datum::UInt(n) => Datum::UInt(n),
        Datum::Float(f) => Datum::Float(f),
        Datum::Ref(reference) => Datum::Ref(reference),
        _ => return Err(Error::invalid("not without a body")),
    })
}

/// A datum of its body, which was copied out of shared memory: checks what only the whole of it can show.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn finish(kind: BodyKind, bytes: &[u8]) -> Result<Datum<'_>> {
    try_finish(kind, bytes).map_err(|_| Error::Corrupt("a stored datum is damaged"))
}

fn try_finish(kind: BodyKind, bytes: &[u8]) -> Result<Datum<'_>> {
    let whole = || match walk::<MAX_DEPTH>(bytes, |_, _| Ok(()))?.len {
        len if len == bytes.len() => token(bytes),
        _ => Err(Error::invalid("another length")),
    };
    match kind {
        BodyKind::Str => text(bytes).map(Datum::Str),
        BodyKind::Bytes => Ok(Datum::Bytes(bytes)),
        BodyKind::List => match whole()? {
            (Token::List(_), _) => Ok(Datum::List(bytes)),
            _ => Err(Error::invalid("not a list")),
        },
        BodyKind::Map => match whole()? {
            (Token::Map(_), _) => Ok(Datum::Map(bytes)),
            _ => Err(Error::invalid("not a map")),
        },
        BodyKind::Named(kind) => {
            let name = text(bytes)?;
            named(kind, name)?;
            Ok(Datum::Named(kind, name))
        }
    }
}
