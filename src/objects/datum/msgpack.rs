//! MessagePack, token by token, bounded by the bytes there are.
//!
//! First bytes, widths, and that all numbers are big-endian: the MessagePack specification (spec.md, to which
//! msgpack.org leads), section "Formats". Every form is read; [`head`] writes the smallest, as its section
//! "Serialization" wants it.

use super::encoded::{EXT_CONTAINER, EXT_NAMED};
use super::{Datum, Reference};
use crate::shm::domain::check_name;
use crate::shm::header::Kind;
use crate::{Error, Result};

const CUT: Error = Error::invalid("MessagePack: cut off in the middle of a datum");
const DEEP: Error = Error::invalid("MessagePack: lists and maps are nested too deeply");

/// The beginning of a datum: all of a scalar; of what has bytes or elements, how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token {
    Nil,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Str(u32),
    Bytes(u32),
    List(u32),
    Map(u32),
    /// An extension of a type with so many bytes.
    Ext(u8, u32),
}

impl Token {
    /// Bytes that follow it.
    fn payload(self) -> usize {
        match self {
            Token::Str(len) | Token::Bytes(len) | Token::Ext(_, len) => len as usize,
            _ => 0,
        }
    }

    /// Datums that follow it, of a list or a map.
    pub(super) fn children(self) -> Option<u64> {
        match self {
            Token::List(count) => Some(count.into()),
            Token::Map(pairs) => Some(2 * u64::from(pairs)),
            _ => None,
        }
    }
}

/// Reads a token and says how many bytes it takes, without what follows it.
pub(super) fn token(bytes: &[u8]) -> Result<(Token, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let first = reader.byte()?;
    let token = match first {
        0x00..=0x7f => Token::Int(first.into()),
        0x80..=0x8f => Token::Map((first & 0x0f).into()),
        0x90..=0x9f => Token::List((first & 0x0f).into()),
        0xa0..=0xbf => Token::Str((first & 0x1f).into()),
        0xc0 => Token::Nil,
        0xc1 => return Err(Error::invalid("MessagePack: a first byte that is never used (0xc1)")),
        0xc2 | 0xc3 => Token::Bool(first == 0xc3),
        0xc4..=0xc6 => Token::Bytes(reader.count(first - 0xc4)?),
        0xc7..=0xc9 => {
            let len = reader.count(first - 0xc7)?;
            Token::Ext(reader.byte()?, len)
        }
        0xca => Token::Float(f32::from_bits(reader.count(2)?).into()),
        0xcb => Token::Float(f64::from_bits(reader.number(3)?)),
        0xcc..=0xcf => unsigned(reader.number(first - 0xcc)?),
        0xd0 => Token::Int((reader.number(0)? as u8 as i8).into()),
        0xd1 => Token::Int((reader.number(1)? as u16 as i16).into()),
        0xd2 => Token::Int((reader.number(2)? as u32 as i32).into()),
        0xd3 => Token::Int(reader.number(3)? as i64),
        0xd4..=0xd8 => Token::Ext(reader.byte()?, 1 << (first - 0xd4)),
        0xd9..=0xdb => Token::Str(reader.count(first - 0xd9)?),
        0xdc | 0xdd => Token::List(reader.count(first - 0xdb)?),
        0xde | 0xdf => Token::Map(reader.count(first - 0xdd)?),
        0xe0..=0xff => Token::Int((first as i8).into()),
    };
    Ok((token, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(CUT)?;
        self.at += 1;
        Ok(byte)
    }

    /// A number of 1, 2, 4 or 8 bytes, by the logarithm of that.
    fn number(&mut self, log: u8) -> Result<u64> {
        let end = self.at + (1 << log);
        let bytes = self.bytes.get(self.at..end).ok_or(CUT)?;
        self.at = end;
        Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// A number of at most 4 bytes.
    fn count(&mut self, log: u8) -> Result<u32> {
        self.number(log).map(|number| number as u32)
    }
}

/// What fits a signed integer is one.
pub(super) fn unsigned(number: u64) -> Token {
    i64::try_from(number).map_or(Token::UInt(number), Token::Int)
}

/// The shortest form of a token: of what has bytes or elements without them.
pub(super) struct Head {
    bytes: [u8; 9],
    len: u8,
}

impl Head {
    fn new(first: u8, number: u64, width: usize) -> Head {
        let mut head = Head { bytes: [first; 9], len: 1 + width as u8 };
        head.bytes[1..=width].copy_from_slice(&number.to_be_bytes()[8 - width..]);
        head
    }

    /// The shortest of the forms with 8, 16, 32 or 64 bits, whose first bytes follow each other.
    fn shortest(eight: u8, number: u64) -> Head {
        match number {
            0..=0xff => Head::new(eight, number, 1),
            0x100..=0xffff => Head::new(eight + 1, number, 2),
            0x1_0000..=0xffff_ffff => Head::new(eight + 2, number, 4),
            _ => Head::new(eight + 3, number, 8),
        }
    }

    /// With one more byte. Of the longest head it would be one too many; extensions have at most five.
    pub(super) fn then(mut self, byte: u8) -> Head {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
        self
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len).min(9)]
    }
}

/// The one form that a token has here.
pub(super) fn head(token: Token) -> Head {
    // Of those that have no form with 8 bits.
    let sixteen = |few: u8, sixteen: u8, count: u32| match count {
        0..=15 => Head::new(few | count as u8, 0, 0),
        16..=0xffff => Head::new(sixteen, count.into(), 2),
        _ => Head::new(sixteen + 1, count.into(), 4),
    };
    match token {
        Token::Nil => Head::new(0xc0, 0, 0),
        Token::Bool(is) => Head::new(0xc2 + u8::from(is), 0, 0),
        Token::Int(n @ -32..=127) => Head::new(n as i8 as u8, 0, 0),
        Token::Int(n @ 0..) => Head::shortest(0xcc, n as u64),
        Token::Int(n @ -0x80..) => Head::new(0xd0, n as u64, 1),
        Token::Int(n @ -0x8000..) => Head::new(0xd1, n as u64, 2),
        Token::Int(n @ -0x8000_0000..) => Head::new(0xd2, n as u64, 4),
        Token::Int(n) => Head::new(0xd3, n as u64, 8),
        Token::UInt(n @ 0..=127) => Head::new(n as u8, 0, 0),
        Token::UInt(n) => Head::shortest(0xcc, n),
        // One not-a-number, whatever its sign and payload.
        Token::Float(f) if f.is_nan() => Head::new(0xcb, 0x7ff8_0000_0000_0000, 8),
        Token::Float(f) => Head::new(0xcb, f.to_bits(), 8),
        Token::Str(len @ 0..=31) => Head::new(0xa0 | len as u8, 0, 0),
        Token::Str(len) => Head::shortest(0xd9, len.into()),
        Token::Bytes(len) => Head::shortest(0xc4, len.into()),
        Token::List(count) => sixteen(0x90, 0xdc, count),
        Token::Map(pairs) => sixteen(0x80, 0xde, pairs),
        Token::Ext(kind, len) => {
            let head = match len {
                1 | 2 | 4 | 8 | 16 => Head::new(0xd4 + len.trailing_zeros() as u8, 0, 0),
                _ => Head::shortest(0xc7, len.into()),
            };
            head.then(kind)
        }
    }
}

/// A length in a header.
pub(super) fn length(len: usize) -> Result<u32> {
    u32::try_from(len).map_err(|_| Error::invalid("4 GiB or more in one datum, or as many elements in one list or map"))
}

/// A datum's token, its payload, and how many bytes it takes with that; of a list or map, without its elements.
fn whole(bytes: &[u8]) -> Result<(Token, &[u8], usize)> {
    let (token, start) = token(bytes)?;
    let end = start.checked_add(token.payload()).ok_or(CUT)?;
    Ok((token, bytes.get(start..end).ok_or(CUT)?, end))
}

/// What a walk over one datum has found.
pub(super) struct Extent {
    /// Bytes of it.
    pub(super) len: usize,
    /// Its nesting: 0 for a scalar.
    pub(super) depth: usize,
    /// Whether it is in its one form.
    pub(super) canonical: bool,
}

/// Walks over the datum at the front and checks all of it, at most `DEPTH` levels deep. `visit` sees each token with
/// its payload, in order.
pub(super) fn walk<const DEPTH: usize>(
    bytes: &[u8],
    mut visit: impl FnMut(Token, &[u8]) -> Result<()>,
) -> Result<Extent> {
    let mut left = [0u64; DEPTH];
    let mut open = 0;
    let mut extent = Extent { len: 0, depth: 0, canonical: true };
    loop {
        let rest = bytes.get(extent.len..).ok_or(CUT)?;
        let (token, payload, len) = whole(rest)?;
        check(token, payload)?;
        visit(token, payload)?;
        extent.canonical = extent.canonical && rest.get(..len - payload.len()) == Some(head(token).as_bytes());
        extent.len += len;
        if open > 0 {
            left[open - 1] -= 1;
        }
        if let Some(children) = token.children() {
            *left.get_mut(open).ok_or(DEEP)? = children;
            open += 1;
            extent.depth = extent.depth.max(open);
        }
        while open > 0 && left[open - 1] == 0 {
            open -= 1;
        }
        if open == 0 {
            return Ok(extent);
        }
    }
}

fn check(token: Token, payload: &[u8]) -> Result<()> {
    match token {
        Token::Str(_) => text(payload).map(|_| ()),
        Token::Ext(kind, _) => reference(kind, payload).map(|_| ()),
        _ => Ok(()),
    }
}

/// The datum at the front, checked wholly, and how many bytes it takes.
pub(super) fn one<const DEPTH: usize>(bytes: &[u8]) -> Result<(Datum<'_>, usize)> {
    let (token, payload, len) = whole(bytes)?;
    let datum = match token {
        Token::Nil => Datum::Nil,
        Token::Bool(is) => Datum::Bool(is),
        Token::Int(n) => Datum::Int(n),
        Token::UInt(n) => Datum::UInt(n),
        Token::Float(f) => Datum::Float(f),
        Token::Str(_) => Datum::Str(text(payload)?),
        Token::Bytes(_) => Datum::Bytes(payload),
        Token::Ext(kind, _) => reference(kind, payload)?,
        Token::List(_) | Token::Map(_) => {
            let len = walk::<DEPTH>(bytes, |_, _| Ok(()))?.len;
            let inside = bytes.get(..len).ok_or(CUT)?;
            let datum = if matches!(token, Token::List(_)) { Datum::List(inside) } else { Datum::Map(inside) };
            return Ok((datum, len));
        }
    };
    Ok((datum, len))
}

/// In MessagePack strings may be invalid (the specification's section "Limitation"); here they are refused.
pub(super) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Error::invalid("a string is not UTF-8"))
}

/// The two extension types of the library. 0 to 127 are applications' (the specification's section "Extension type").
fn reference(kind: u8, payload: &[u8]) -> Result<Datum<'_>> {
    match kind {
        EXT_CONTAINER => {
            let reference = Reference::from_payload(payload).ok_or(Error::invalid("not a reference to a container"))?;
            container_kind(reference.kind.into())?;
            Ok(Datum::Ref(reference))
        }
        EXT_NAMED => {
            let (&kind, name) = payload.split_first().ok_or(Error::invalid("not a reference to an object"))?;
            let name = text(name)?;
            named(kind.into(), name)?;
            Ok(Datum::Named(kind.into(), name))
        }
        _ => Err(Error::invalid("MessagePack: an extension type that is not the library's")),
    }
}

/// Checks a kind that lives in arenas.
pub(super) fn container_kind(kind: u32) -> Result<()> {
    match Kind::parse(kind) {
        Some(Kind::Dict | Kind::List | Kind::Namespace) => Ok(()),
        _ => Err(Error::invalid("the kind is not dict, list or namespace")),
    }
}

/// Checks kind and name of a reference to a named object; the kind as one byte.
pub(super) fn named(kind: u32, name: &str) -> Result<u8> {
    check_name(name).map_err(|_| Error::invalid("a reference's name is not the name of an object"))?;
    named_kind(kind)
}

/// Checks a kind that has names; as one byte.
pub(super) fn named_kind(kind: u32) -> Result<u8> {
    match Kind::parse(kind) {
        None | Some(Kind::Registry) => Err(Error::invalid("not a kind of object")),
        Some(kind) => Ok(kind as u8),
    }
}
