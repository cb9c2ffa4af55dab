//! Datums: dynamic values, and their one encoding.
//!
//! A datum is nil, a bool, an integer, a float, a string, bytes, a list, a map, or a weak reference to an object. Its
//! encoding is MessagePack, of which each datum has exactly one form here: the shortest header, floats as 64 bits, one
//! not-a-number. So equal keys are equal bytes; 1, 1.0 and true are three different keys. The order of a map's pairs is
//! kept, and counts.
//!
//! Whatever comes in is read in any form that MessagePack has for it, bounded by the bytes there are, and checked
//! wholly: strings are UTF-8, nesting ends at [`MAX_DEPTH`], extension types are the library's two.

mod arithmetic;
mod builder;
mod encoded;
mod head;
mod items;
mod json;
mod msgpack;
#[cfg(test)]
mod tests;

use crate::{Error, Result};
use msgpack::{length, one, walk, Token};
use std::borrow::Cow;

pub(crate) use arithmetic::order_of;
pub use arithmetic::{add, compare};
pub use builder::Builder;
pub use encoded::{Encoded, Reference, Special};
pub use head::{finish, BodyKind, Head};
pub use items::Items;
pub use json::to_json;

/// The deepest nesting: a list of scalars has depth 1.
pub const MAX_DEPTH: usize = 64;

/// A dynamic value. Lists and maps are their whole encoding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Datum<'a> {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer. What fits an `i64` is the same datum as [`Datum::Int`].
    UInt(u64),
    /// A float.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list: MessagePack.
    List(&'a [u8]),
    /// A map: MessagePack.
    Map(&'a [u8]),
    /// A weak reference to a container in an arena.
    Ref(Reference),
    /// A weak reference to a named object: its kind and its name.
    Named(u32, &'a str),
    /// As a value to be stored: a new, empty container of a kind.
    New(u32),
    /// As what is expected or wanted: that there is nothing.
    Absent,
}

impl<'a> Datum<'a> {
    /// Its canonical encoding. Copies nothing but the elements of lists and maps that are not in it yet.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a list or map that is none, or is nested too deeply; a reference to no kind of object.
    #[inline(always)]
    pub fn encode(&self) -> Result<Encoded<'a>> {
        // The usual ones, without a detour.
        match *self {
            Datum::Str(text) if text.len() < 256 => Ok(Encoded::short(text.as_bytes(), 0xa0, 0xd9)),
            Datum::Bytes(bytes) if bytes.len() < 256 => Ok(Encoded::short(bytes, 0, 0xc4)),
            _ => self.encode_any(),
        }
    }

    fn encode_any(&self) -> Result<Encoded<'a>> {
        let alone = |token| Ok(Encoded::new(msgpack::head(token).as_bytes(), Cow::Borrowed(&[])));
        match *self {
            Datum::Nil => alone(Token::Nil),
            Datum::Bool(is) => alone(Token::Bool(is)),
            Datum::Int(n) => alone(Token::Int(n)),
            Datum::UInt(n) => alone(Token::UInt(n)),
            Datum::Float(f) => alone(Token::Float(f)),
            Datum::Str(text) => {
                let head = msgpack::head(Token::Str(length(text.len())?));
                Ok(Encoded::new(head.as_bytes(), Cow::Borrowed(text.as_bytes())))
            }
            Datum::Bytes(bytes) => {
                let head = msgpack::head(Token::Bytes(length(bytes.len())?));
                Ok(Encoded::new(head.as_bytes(), Cow::Borrowed(bytes)))
            }
            Datum::List(bytes) => match msgpack::token(bytes)? {
                (Token::List(_), _) => Ok(Encoded::new(&[], canonical(bytes)?)),
                _ => Err(Error::invalid("a list is not the encoding of one")),
            },
            Datum::Map(bytes) => match msgpack::token(bytes)? {
                (Token::Map(_), _) => Ok(Encoded::new(&[], canonical(bytes)?)),
                _ => Err(Error::invalid("a map is not the encoding of one")),
            },
            Datum::Ref(reference) => {
                msgpack::container_kind(reference.kind.into())?;
                Ok(Encoded::special_of(Special::Reference(reference)))
            }
            Datum::Named(kind, name) => {
                let kind = msgpack::named(kind, name)?;
                let token = Token::Ext(encoded::EXT_NAMED, length(1 + name.len())?);
                let head = msgpack::head(token).then(kind);
                Ok(Encoded::new(head.as_bytes(), Cow::Borrowed(name.as_bytes())))
            }
            Datum::New(kind) => {
                msgpack::container_kind(kind)?;
                Ok(Encoded::special_of(Special::New(kind)))
            }
            Datum::Absent => Ok(Encoded::special_of(Special::Absent)),
        }
    }
}

/// Whether an encoding can be a key: no map and no reference in it, not a new container, not nothing.
///
/// # Errors
/// [`Error::Invalid`].
#[inline(always)]
pub fn check_key(key: &Encoded) -> Result<()> {
    match (key.special(), key.head()) {
        // Most keys. Extensions are references (msgpack.org, "Formats"); what has elements has no head of its own.
        (Special::Plain, [0..=0xc6 | 0xca..=0xd3 | 0xd9.., ..]) => Ok(()),
        _ => check_any_key(key),
    }
}

fn check_any_key(key: &Encoded) -> Result<()> {
    if key.special() != Special::Plain || !key.head().is_empty() {
        return Err(Error::invalid("a reference, a new container or nothing as a key"));
    }
    let check = |token: Token| match token {
        Token::Map(_) => Err(Error::invalid("a map in a key")),
        Token::Ext(..) => Err(Error::invalid("a reference in a key")),
        _ => Ok(()),
    };
    walk::<MAX_DEPTH>(key.body(), |token, _| check(token)).map(|_| ())
}

/// The one datum that the bytes are, checked wholly. Any form of MessagePack is accepted.
///
/// # Errors
/// [`Error::Invalid`].
pub fn decode(bytes: &[u8]) -> Result<Datum<'_>> {
    match one::<MAX_DEPTH>(bytes)? {
        (datum, len) if len == bytes.len() => Ok(datum),
        _ => Err(Error::invalid("MessagePack: bytes after the datum")),
    }
}

/// The canonical encoding of the one datum that the bytes are. Copies only if that is different.
///
/// # Errors
/// [`Error::Invalid`].
pub fn canonical(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    let extent = walk::<MAX_DEPTH>(bytes, |_, _| Ok(()))?;
    if extent.len != bytes.len() {
        return Err(Error::invalid("MessagePack: bytes after the datum"));
    }
    if extent.canonical {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut again = Vec::new();
    // Floats of 32 bits become longer, nothing else.
    again.try_reserve(bytes.len()).map_err(|_| Error::NoMemory(bytes.len() as u64))?;
    walk::<MAX_DEPTH>(bytes, |token, payload| {
        again.extend_from_slice(msgpack::head(token).as_bytes());
        again.extend_from_slice(payload);
        Ok(())
    })?;
    Ok(Cow::Owned(again))
}
