//! Bytes on the wire: fixed-width integers, little-endian; what has a length begins with it (32 bits). Reading never
//! goes beyond what came, and allocates only what came.

use crate::objects::datum::{self, Datum, Special};
use crate::objects::{Encoded, Reference};
use crate::{Error, Result};
use std::borrow::Cow;

const SHORT: Error = Error::Protocol("a message ends too early");

/// Puts a message together.
#[derive(Debug, Default)]
pub struct Writer(pub(super) Vec<u8>);

/// What stands before the encoding of a datum.
const PLAIN: u8 = 0;
const NEW: u8 = 1;
const ABSENT: u8 = 2;

impl Writer {
    /// One byte.
    pub fn u8(&mut self, n: u8) {
        self.0.push(n);
    }

    /// One byte, 1 or 0.
    pub fn bool(&mut self, is: bool) {
        self.u8(u8::from(is));
    }

    /// 4 bytes.
    pub fn u32(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// 4 bytes.
    pub fn i32(&mut self, n: i32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// 8 bytes.
    pub fn u64(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// 8 bytes.
    pub fn i64(&mut self, n: i64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// 8 bytes.
    pub fn f64(&mut self, n: f64) {
        self.u64(n.to_bits());
    }

    /// A length and bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        // What is longer than a message may be does not leave this process: see `Channel`.
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
    }

    /// A length and text.
    pub fn str(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Whether there is one, and then that.
    pub fn opt<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Writer, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    /// A datum, also one that is a wish: a new container, or nothing.
    pub fn encoded(&mut self, encoded: &Encoded) {
        match encoded.special() {
            Special::New(kind) => {
                self.u8(NEW);
                self.u32(kind);
            }
            Special::Absent => self.u8(ABSENT),
            Special::Plain | Special::Reference(_) => {
                self.u8(PLAIN);
                self.u32((encoded.head().len() + encoded.body().len()) as u32);
                self.0.extend_from_slice(encoded.head());
                self.0.extend_from_slice(encoded.body());
            }
        }
    }

    /// A reference to a container.
    pub fn reference(&mut self, reference: Reference) {
        self.bytes(&reference.encode());
    }

    /// Leaves room for a length; gives where, for [`Writer::end`].
    pub(super) fn begin(&mut self) -> usize {
        self.u32(0);
        self.0.len()
    }

    /// Fills in the length of what was written since.
    pub(super) fn end(&mut self, begun: usize) {
        let len = (self.0.len() - begun) as u32;
        self.0[begun - 4..begun].copy_from_slice(&len.to_le_bytes());
    }

    /// Forgets what was written, and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes a message apart.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// All of it is still to be read.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// All of these functions: [`Error::Protocol`] if there are not so many, or they make no sense.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[n]| n)
    }

    /// One byte that is 1 or 0.
    pub fn bool(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Protocol("neither yes nor no")),
        }
    }

    /// 4 bytes.
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// 4 bytes.
    pub fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    /// 8 bytes.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// 8 bytes, as a size.
    pub fn size(&mut self) -> Result<usize> {
        usize::try_from(self.u64()?).map_err(|_| Error::Protocol("an absurd size"))
    }

    /// 8 bytes.
    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// 8 bytes.
    pub fn f64(&mut self) -> Result<f64> {
        self.u64().map(f64::from_bits)
    }

    /// A length and bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    /// A length and text.
    pub fn str(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Error::Protocol("a text is not UTF-8"))
    }

    /// Whether there is one, and then that.
    pub fn opt<T>(&mut self, take: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<Option<T>> {
        self.bool()?.then(|| take(self)).transpose()
    }

    /// The bytes of a datum, checked wholly.
    pub fn datum(&mut self) -> Result<Datum<'a>> {
        match self.u8()? {
            PLAIN => datum::decode(self.bytes()?),
            NEW => self.u32().map(Datum::New),
            ABSENT => Ok(Datum::Absent),
            _ => Err(Error::Protocol("not a datum")),
        }
    }

    /// A datum, ready to be stored or compared.
    pub fn encoded(&mut self) -> Result<Encoded<'a>> {
        self.datum()?.encode()
    }

    /// The whole encoding of a datum that is no wish, checked.
    pub fn plain(&mut self) -> Result<Cow<'a, [u8]>> {
        match self.u8()? {
            PLAIN => datum::canonical(self.bytes()?),
            _ => Err(Error::Protocol("not a plain datum")),
        }
    }

    /// A reference to a container.
    pub fn reference(&mut self) -> Result<Reference> {
        Reference::decode(self.bytes()?).ok_or(Error::Protocol("not a reference"))
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// What is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<()> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(Error::Protocol("a message is longer than it should be")),
        }
    }
}

/// In place of a number: the text is what counts.
const TEXT: usize = usize::MAX;

/// An error, as a reply carries it.
pub(super) fn put_error(w: &mut Writer, error: &Error) {
    let (a, b) = match *error {
        Error::MessageSize { needed } => (needed, 0),
        Error::TooBig { len, max } => (len, max),
        Error::Range { index, len } => (index, len),
        Error::Far { .. } => (TEXT, 0),
        _ => (0, 0),
    };
    w.i32(error.errno());
    w.u64(a as u64);
    w.u64(b as u64);
    w.str(&error.to_string());
}

/// The error that a reply with this status carries.
pub(super) fn take_error(status: i32, r: &mut Reader) -> Result<Error> {
    let (errno, a, b, text) = (r.i32()?, r.size()?, r.size()?, r.str()?);
    if a == TEXT {
        return Ok(Error::Far { status, errno, text: text.to_owned() });
    }
    let known = [
        Error::TimedOut,
        Error::Canceled,
        Error::Closed,
        Error::MessageSize { needed: a },
        Error::TooBig { len: a, max: b },
        Error::Exists,
        Error::Range { index: a, len: b },
        Error::NotOwner,
        Error::Busy,
        Error::Domain,
        Error::Name,
        Error::Slots,
        Error::BrokenPipe,
        Error::EndOfFile,
        Error::Broken,
        Error::Changed,
        Error::Fenced,
    ];
    let same = known.into_iter().find(|error| error.status() == status);
    Ok(same.unwrap_or_else(|| Error::Far { status, errno, text: text.to_owned() }))
}
