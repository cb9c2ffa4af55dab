//! Making lists and maps, datum by datum.

use super::msgpack::{head, length, token, walk, Token};
use super::{Datum, Encoded, Special, MAX_DEPTH};
use crate::{Error, Result};

/// Makes one datum, which may be a list or a map of others. A call that is refused changes nothing.
#[derive(Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    open: Vec<Open>,
    /// How deep lists and maps may be.
    most: usize,
}

/// A list or map that has begun: at `at` stands one byte in place of its header.
#[derive(Debug)]
struct Open {
    at: usize,
    items: u64,
    is_map: bool,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// An empty one.
    pub fn new() -> Builder {
        Builder::deep(MAX_DEPTH)
    }

    /// One for something on its way to a datum.
    pub(super) fn deep(most: usize) -> Builder {
        Builder { bytes: Vec::new(), open: Vec::new(), most }
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.open.is_empty()
    }

    /// As if new. Its memory is kept.
    pub fn reset(&mut self) {
        self.bytes.clear();
        self.open.clear();
    }

    /// Adds a datum. In a map: a key, its value, a key, its value …
    ///
    /// # Errors
    /// [`Error::Invalid`]: it cannot be encoded, is nested too deeply here, is a new container or nothing, or there
    /// already is one datum that is finished. [`Error::NoMemory`].
    pub fn add(&mut self, datum: &Datum) -> Result<()> {
        let encoded = datum.encode()?;
        if matches!(encoded.special(), Special::New(_) | Special::Absent) {
            return Err(Error::invalid("a new container or nothing is no part of a datum"));
        }
        if encoded.head().is_empty() {
            self.nest(walk::<MAX_DEPTH>(encoded.body(), |_, _| Ok(()))?.depth)?;
        }
        self.push(encoded.head(), encoded.body())
    }

    /// Adds a datum that is encoded.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn add_encoded(&mut self, bytes: &[u8]) -> Result<()> {
        self.add(&super::decode(bytes)?)
    }

    /// Begins a list: what is added from here on are its elements.
    ///
    /// # Errors
    /// [`Error::Invalid`]: nested too deeply, or there already is one datum that is finished.
    pub fn begin_list(&mut self) -> Result<()> {
        self.begin(false)
    }

    /// Begins a map.
    ///
    /// # Errors
    /// As [`Builder::begin_list`].
    pub fn begin_map(&mut self) -> Result<()> {
        self.begin(true)
    }

    fn begin(&mut self, is_map: bool) -> Result<()> {
        self.nest(1)?;
        self.open.try_reserve(1).map_err(|_| Error::NoMemory(size_of::<Open>() as u64))?;
        let at = self.bytes.len();
        self.push(&[0], &[])?;
        self.open.push(Open { at, items: 0, is_map });
        Ok(())
    }

    /// Ends the list or map that has begun last.
    ///
    /// # Errors
    /// [`Error::Invalid`]: there is none, or a key has no value.
    pub fn end(&mut self) -> Result<()> {
        let open = self.open.last().ok_or(Error::invalid("an end without a beginning"))?;
        if open.is_map && open.items % 2 != 0 {
            return Err(Error::invalid("the last key of a map has no value"));
        }
        let count = |items| u32::try_from(items).map_err(|_| Error::invalid("a list or map of 2^32 elements or more"));
        let head = head(if open.is_map { Token::Map(count(open.items / 2)?) } else { Token::List(count(open.items)?) });
        let (at, len) = (open.at, head.as_bytes().len());
        self.reserve(len)?;
        self.bytes.splice(at..=at, head.as_bytes().iter().copied());
        self.open.pop();
        Ok(())
    }

    /// The datum.
    ///
    /// # Errors
    /// [`Error::Invalid`]: there is none yet, or a list or map has not ended.
    pub fn finish(&self) -> Result<&[u8]> {
        if !self.open.is_empty() {
            return Err(Error::invalid("a list or map has not ended"));
        }
        if self.bytes.is_empty() {
            return Err(Error::invalid("the builder is empty"));
        }
        Ok(&self.bytes)
    }

    /// The same as a datum.
    ///
    /// # Errors
    /// As [`Builder::finish`].
    pub fn datum(&self) -> Result<Datum<'_>> {
        let bytes = self.finish()?;
        match token(bytes)?.0 {
            Token::List(_) => Ok(Datum::List(bytes)),
            Token::Map(_) => Ok(Datum::Map(bytes)),
            _ => super::decode(bytes),
        }
    }

    /// Adds what a JSON text says. See [`super::to_json`] for what JSON has no form for.
    ///
    /// # Errors
    /// [`Error::Json`]: it is not JSON, or not of a datum. Otherwise as [`Builder::add`].
    pub fn add_json(&mut self, json: &str) -> Result<()> {
        let made = super::json::from_json(json)?;
        self.add_encoded(made.finish()?)
    }

    /// Bytes so far.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// What was made since there were `from` bytes.
    pub(crate) fn since(&self, from: usize) -> &[u8] {
        self.bytes.get(from..).unwrap_or_default()
    }

    /// Puts a datum's encoding in the place of the one that was made since there were `from` bytes.
    pub(super) fn replace(&mut self, from: usize, encoded: &Encoded) -> Result<()> {
        self.bytes.truncate(from);
        self.reserve(encoded.len())?;
        self.bytes.extend_from_slice(encoded.head());
        self.bytes.extend_from_slice(encoded.body());
        Ok(())
    }

    /// Whether there is room for so many levels.
    fn nest(&self, levels: usize) -> Result<()> {
        if self.open.len() + levels > self.most {
            return Err(Error::invalid("lists and maps are nested too deeply"));
        }
        Ok(())
    }

    fn push(&mut self, head: &[u8], body: &[u8]) -> Result<()> {
        if self.open.is_empty() && !self.bytes.is_empty() {
            return Err(Error::invalid("the builder has its one datum already"));
        }
        length(body.len())?;
        self.reserve(head.len() + body.len())?;
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(body);
        if let Some(open) = self.open.last_mut() {
            open.items += 1;
        }
        Ok(())
    }

    fn reserve(&mut self, more: usize) -> Result<()> {
        self.bytes.try_reserve(more).map_err(|_| Error::NoMemory(more as u64))
    }
}
