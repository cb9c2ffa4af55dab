//! Slices, as Python has them (Python Language Reference, 3.2, "Sequences"; `slice.indices`).

use crate::{Error, Result};

/// Which elements of a list a slice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    first: u64,
    len: u64,
    step: i64,
}

/// An index, negative from the end, clipped to a list: where to insert, or where a search begins or ends.
pub(super) fn clip(index: i64, len: u64) -> u64 {
    if index < 0 {
        len.saturating_sub(index.unsigned_abs())
    } else {
        len.min(index as u64)
    }
}

impl Slice {
    pub(super) fn new(start: Option<i64>, stop: Option<i64>, step: i64, len: u64) -> Result<Slice> {
        if step == 0 {
            return Err(Error::invalid("a slice's step is not 0"));
        }
        let len = i64::try_from(len).map_err(|_| Error::Corrupt("a list longer than any memory"))?;
        // Where it may begin and end: before the first element is -1, for a slice that goes backwards.
        let (least, most) = if step < 0 { (-1, len - 1) } else { (0, len) };
        let place = |index: Option<i64>, default: i64| match index {
            None => default,
            Some(index) if index < 0 => index.saturating_add(len).max(least),
            Some(index) => index.min(most),
        };
        let (start, stop) =
            if step < 0 { (place(start, len - 1), place(stop, -1)) } else { (place(start, 0), place(stop, len)) };
        let distance = if step < 0 { start - stop } else { stop - start };
        let count = if distance <= 0 { 0 } else { (distance as u64 - 1) / step.unsigned_abs() + 1 };
        Ok(Slice { first: start.max(0) as u64, len: count, step })
    }

    /// How many elements.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Where it begins: also where something is inserted if it is empty.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Their indices.
    pub(super) fn indices(self) -> impl Iterator<Item = u64> {
        (0..self.len).map(move |i| self.first.wrapping_add_signed((i as i64).wrapping_mul(self.step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_has_them() {
        let indices = |start, stop, step, len| -> Vec<u64> {
            Slice::new(start, stop, step, len).expect("a slice").indices().collect()
        };
        assert_eq!(indices(None, None, 1, 4), [0, 1, 2, 3]);
        assert_eq!(indices(None, None, -1, 4), [3, 2, 1, 0]);
        assert_eq!(indices(Some(1), Some(-1), 1, 4), [1, 2]);
        assert_eq!(indices(Some(-3), None, 2, 4), [1, 3]);
        assert_eq!(indices(Some(10), Some(-10), -2, 5), [4, 2, 0]);
        assert!(indices(Some(3), Some(1), 1, 5).is_empty());
        assert!(indices(Some(0), Some(0), -1, 5).is_empty());
        assert_eq!(indices(Some(i64::MIN), Some(i64::MAX), i64::MAX, 5), [0]);
        assert_eq!(indices(Some(i64::MAX), Some(i64::MIN), i64::MIN, 5), [4]);
        assert!(indices(None, None, -1, 0).is_empty());
        assert_eq!(Slice::new(Some(3), Some(1), 1, 5).map(|s| s.first()), Ok(3));
        assert!(Slice::new(None, None, 0, 5).is_err());
    }
}
