//! A datum in its encoding: a short header and what follows it, so that encoding a scalar or a string copies and
//! allocates nothing.

use std::borrow::Cow;

/// The longest head: that of a reference.
const HEAD: usize = 24;
/// Extension type of references to containers.
pub(super) const EXT_CONTAINER: u8 = 1;
/// Extension type of references to named objects.
pub(super) const EXT_NAMED: u8 = 2;
/// Bytes of a container reference: kind, arena, place, generation.
const REFERENCE: u8 = 21;

/// A weak reference to a container in an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// What it is: the number of its kind.
    pub kind: u8,
    /// The arena's id.
    pub arena: u64,
    /// Where in the arena, in units of 16 bytes.
    pub place: u64,
    /// Which of the containers that were there.
    pub generation: u32,
}

impl Reference {
    /// Bytes of its encoding.
    pub const LEN: usize = size_of::<[u8; HEAD]>(); // as a plain number it would stand in the C header, too

    /// Its encoding.
    pub fn encode(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..3].copy_from_slice(&[0xc7, REFERENCE, EXT_CONTAINER]);
        bytes[3] = self.kind;
        bytes[4..12].copy_from_slice(&self.arena.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.place.to_be_bytes());
        bytes[20..].copy_from_slice(&self.generation.to_be_bytes());
        bytes
    }

    /// Of an encoding that is one.
    pub fn decode(bytes: &[u8]) -> Option<Reference> {
        let payload = bytes.strip_prefix(&[0xc7, REFERENCE, EXT_CONTAINER])?;
        Reference::from_payload(payload)
    }

    /// Of the bytes of the extension alone.
    pub(super) fn from_payload(bytes: &[u8]) -> Option<Reference> {
        let bytes: &[u8; REFERENCE as usize] = bytes.try_into().ok()?;
        let word = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes).ok();
        let generation = bytes[17..].try_into().map(u32::from_be_bytes).ok()?;
        Some(Reference { kind: bytes[0], arena: word(1)?, place: word(9)?, generation })
    }
}

/// What a datum is beyond its bytes, when it is to be stored or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Just its bytes.
    Plain,
    /// A reference to a container, which within its own arena is a strong one.
    Reference(Reference),
    /// A new container of this kind: no bytes.
    New(u32),
    /// Nothing at all: no bytes.
    Absent,
}

/// A datum in its canonical encoding.
#[derive(Debug, Clone)]
pub struct Encoded<'a> {
    head: [u8; HEAD],
    head_len: u8,
    body: Cow<'a, [u8]>,
    special: Special,
}

impl<'a> Encoded<'a> {
    /// A head of at most 24 bytes and a body.
    pub(super) fn new(head: &[u8], body: Cow<'a, [u8]>) -> Encoded<'a> {
        let mut encoded = Encoded { head: [0; HEAD], head_len: head.len() as u8, body, special: Special::Plain };
        encoded.head[..head.len()].copy_from_slice(head);
        encoded
    }

    /// Fewer than 256 bytes, with their length in one byte behind a first byte, or, if there is such a form and they are
    /// fewer than 32, within the first byte.
    #[inline(always)]
    pub(super) fn short(body: &'a [u8], within: u8, behind: u8) -> Encoded<'a> {
        let (len, mut head) = (body.len() as u8, [0; HEAD]);
        let head_len = if within != 0 && len < 32 {
            head[0] = within | len;
            1
        } else {
            (head[0], head[1]) = (behind, len);
            2
        };
        Encoded { head, head_len, body: Cow::Borrowed(body), special: Special::Plain }
    }

    /// A reference, a new container, or nothing.
    pub(crate) fn special_of(special: Special) -> Encoded<'a> {
        let mut encoded = match special {
            Special::Reference(reference) => Encoded::new(&reference.encode(), Cow::Borrowed(&[])),
            _ => Encoded::new(&[], Cow::Borrowed(&[])),
        };
        encoded.special = special;
        encoded
    }

    /// What must be canonical: bytes that were stored, or made by a builder.
    pub(crate) fn stored(bytes: &'a [u8]) -> Encoded<'a> {
        match Reference::decode(bytes) {
            Some(reference) => Encoded::special_of(Special::Reference(reference)),
            None => Encoded::new(&[], Cow::Borrowed(bytes)),
        }
    }

    /// The first bytes.
    #[inline]
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len).min(HEAD)]
    }

    /// The bytes after the head.
    #[inline]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How many bytes in all.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // a datum has at least one byte; what is special may have none
    pub fn len(&self) -> usize {
        usize::from(self.head_len) + self.body.len()
    }

    /// What it is beyond its bytes.
    #[inline]
    pub fn special(&self) -> Special {
        self.special
    }

    /// All of it in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        [self.head(), self.body()].concat()
    }
}
