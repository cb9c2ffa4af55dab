//! What was in a container at one moment.

use crate::objects::datum::{self, Datum};
use crate::{Error, Result};

/// What to copy of a dict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The keys.
    Keys,
    /// The values.
    Values,
    /// Both.
    Items,
}

/// Encoded keys and values, in private memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    bytes: Vec<u8>,
    /// Where each key and each value ends.
    ends: Vec<(usize, usize)>,
    keys: bool,
    values: bool,
}

impl Snapshot {
    pub(crate) fn new(what: What) -> Snapshot {
        Snapshot { keys: what != What::Values, values: what != What::Keys, ..Snapshot::default() }
    }

    /// Appends one; what is not wanted is ignored.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let more = key.len() + value.len();
        self.bytes.try_reserve(more).map_err(|_| Error::NoMemory(more as u64))?;
        self.ends.try_reserve(1).map_err(|_| Error::NoMemory(16))?;
        if self.keys {
            self.bytes.extend_from_slice(key);
        }
        let middle = self.bytes.len();
        if self.values {
            self.bytes.extend_from_slice(value);
        }
        self.ends.push((middle, self.bytes.len()));
        Ok(())
    }

    /// Bytes so far.
    pub(in crate::objects) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them: its encoded key and value, as far as they were asked for.
    pub fn get(&self, index: usize) -> (Option<&[u8]>, Option<&[u8]>) {
        let Some(&(middle, end)) = self.ends.get(index) else { return (None, None) };
        let start = if index == 0 { 0 } else { self.ends[index - 1].1 };
        (self.keys.then(|| &self.bytes[start..middle]), self.values.then(|| &self.bytes[middle..end]))
    }

    /// Puts them in the order of their keys, which are text.
    pub(in crate::objects) fn sorted(&self) -> Result<Snapshot> {
        let name = |i: usize| match self.get(i).0.map(datum::decode) {
            Some(Ok(Datum::Str(name))) => name,
            _ => "",
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| name(a).cmp(name(b)));
        let mut sorted = Snapshot { keys: self.keys, values: self.values, ..Snapshot::default() };
        for i in order {
            let (key, value) = self.get(i);
            sorted.push(key.unwrap_or_default(), value.unwrap_or_default())?;
        }
        Ok(sorted)
    }
}
