//! Reading a list or a map, element by element.

use super::msgpack::{one, token, Token};
use super::{Datum, MAX_DEPTH};
use crate::{Error, Result};

/// The elements of a list, or the pairs of a map: key, value, key, value. Bounded by the bytes there are; what is not
/// MessagePack after all is an error, which is the last item.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    rest: &'a [u8],
    left: u64,
    len: usize,
    is_map: bool,
}

impl<'a> Items<'a> {
    /// Of the encoding of a list or map.
    ///
    /// # Errors
    /// [`Error::Invalid`]: it is neither.
    pub fn new(bytes: &'a [u8]) -> Result<Items<'a>> {
        let (token, at) = token(bytes)?;
        let (len, is_map) = match token {
            Token::List(count) => (count, false),
            Token::Map(pairs) => (pairs, true),
            _ => return Err(Error::invalid("neither a list nor a map")),
        };
        let (rest, left) = (bytes.get(at..).unwrap_or_default(), token.children().unwrap_or(0));
        if left > rest.len() as u64 {
            return Err(Error::invalid("MessagePack: cut off in the middle of a datum"));
        }
        Ok(Items { rest, left, len: len as usize, is_map })
    }

    /// Where it has come to: what is left, and how many datums that is.
    pub(crate) fn position(&self) -> (&'a [u8], u64) {
        (self.rest, self.left)
    }

    /// Goes on from a position.
    pub(crate) fn at(rest: &'a [u8], left: u64) -> Items<'a> {
        Items { rest, left, len: 0, is_map: false }
    }

    /// Elements of the list or pairs of the map, in all.
    #[allow(clippy::len_without_is_empty)] // an iterator
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether they are the pairs of a map.
    pub fn is_map(&self) -> bool {
        self.is_map
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Datum<'a>>;

    fn next(&mut self) -> Option<Result<Datum<'a>>> {
        if self.left == 0 {
            let rest = std::mem::take(&mut self.rest);
            return (!rest.is_empty()).then_some(Err(Error::invalid("MessagePack: bytes after the datum")));
        }
        match one::<MAX_DEPTH>(self.rest) {
            Ok((datum, len)) => {
                self.rest = self.rest.get(len..).unwrap_or_default();
                self.left -= 1;
                Some(Ok(datum))
            }
            Err(error) => {
                *self = Items { rest: &[], left: 0, ..*self };
                Some(Err(error))
            }
        }
    }
}
