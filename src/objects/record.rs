//! A record of a ring: a prefix of 8 bytes (length, state, owner) and the bytes of a message, rounded up to 8.

/// Positions in a ring count units of 8 bytes.
pub(crate) const UNIT: usize = 8;
/// Bytes of the prefix.
pub(crate) const PREFIX: usize = 8;
/// Most bytes of a message: what the prefix can say, less the prefix.
pub(crate) const MOST: usize = LEN as usize - PREFIX;

const LEN_BITS: u32 = 30;
const LEN: u64 = (1 << LEN_BITS) - 1;
const OWNER_AT: u32 = 33;
/// Stands in the owner's place where there is none.
const NOBODY: u32 = 0x4d53_4721;
/// As [`NOBODY`], and padding follows that goes with the record. (So the fast path, which knows nothing of padding,
/// leaves it to the slow one.)
const PADDED: u32 = 0x4d53_4720;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// A message.
    Whole = 1,
    /// A message that somebody had before, and put back or died with.
    Again = 2,
    /// Reserved by a producer.
    Claimed = 3,
    /// Reserved, and consumers have gone past it.
    Passed = 4,
    /// A message that a consumer has.
    Held = 5,
    /// Nothing any more; it was counted as a message when it came in.
    Free = 6,
    /// Nothing; it never was a message.
    Rest = 7,
}

impl State {
    /// Whether such a record has an owner.
    pub(super) fn is_owned(self) -> bool {
        matches!(self, State::Claimed | State::Passed | State::Held)
    }
}

/// A prefix, parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// Bytes of the message.
    pub(crate) len: usize,
    /// Of an owned record; else [`NOBODY`].
    owner: u32,
}

impl Record {
    pub(super) fn new(state: State, len: usize) -> Record {
        debug_assert!(!state.is_owned());
        Record { state, len, owner: NOBODY }
    }

    pub(super) fn owned(state: State, len: usize, owner: u32) -> Record {
        debug_assert!(state.is_owned());
        Record { state, len, owner }
    }

    /// A message with padding behind it.
    pub(super) fn padded(len: usize) -> Record {
        Record { state: State::Whole, len, owner: PADDED }
    }

    /// Covers `units` with nothing.
    pub(super) fn rest(units: u32) -> Record {
        Record::new(State::Rest, (units as usize * UNIT).saturating_sub(PREFIX))
    }

    /// The same record in another state, without an owner.
    pub(super) fn turned(self, state: State) -> Record {
        Record::new(state, self.len)
    }

    /// Who has it; `None` if it is not owned.
    pub(crate) fn owner(&self) -> Option<u32> {
        self.state.is_owned().then_some(self.owner)
    }

    #[inline]
    pub(crate) fn units(&self) -> u32 {
        units(self.len)
    }

    #[inline]
    pub(super) fn pack(self) -> u64 {
        (self.len as u64 & LEN) | ((self.state as u64) << LEN_BITS) | (u64::from(self.owner) << OWNER_AT)
    }

    /// `None` if no record looks like this; so also for 0, where no record has been yet.
    pub(crate) fn unpack(prefix: u64) -> Option<Record> {
        let state = match (prefix >> LEN_BITS) & 7 {
            1 => State::Whole,
            2 => State::Again,
            3 => State::Claimed,
            4 => State::Passed,
            5 => State::Held,
            6 => State::Free,
            7 => State::Rest,
            _ => return None,
        };
        let owner = (prefix >> OWNER_AT) as u32;
        (state.is_owned() || owner == NOBODY || owner == PADDED).then_some(Record {
            state,
            len: (prefix & LEN) as usize,
            owner,
        })
    }
}

/// The prefix of a message.
#[inline]
pub(super) fn whole(len: usize) -> u64 {
    len as u64 | WHOLE
}

/// The length of a message, if the prefix is one's.
#[inline]
pub(super) fn whole_len(prefix: u64) -> Option<usize> {
    ((prefix & !LEN) == WHOLE).then_some((prefix & LEN) as usize)
}

const WHOLE: u64 = ((State::Whole as u64) << LEN_BITS) | ((NOBODY as u64) << OWNER_AT);

/// Units of a record with a message of `len` bytes.
#[inline]
pub(super) fn units(len: usize) -> u32 {
    (len + PREFIX).div_ceil(UNIT) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_reads_back() {
        for state in [State::Whole, State::Again, State::Free, State::Rest] {
            for len in [0, 1, 8, 4096, MOST] {
                let record = Record::new(state, len);
                assert_eq!(Record::unpack(record.pack()), Some(record));
            }
        }
        for state in [State::Claimed, State::Passed, State::Held] {
            for owner in [1, 0x7fff_ffff] {
                let record = Record::owned(state, 77, owner);
                assert_eq!(Record::unpack(record.pack()), Some(record));
                assert_eq!(whole_len(record.pack()), None);
            }
        }
        assert_eq!(whole_len(whole(5)), Some(5));
        assert_eq!(whole(5), Record::new(State::Whole, 5).pack());
        assert_eq!(Record::unpack(Record::padded(9).pack()), Some(Record::padded(9)));
        assert_eq!(whole_len(Record::padded(9).pack()), None);
        assert_eq!(Record::rest(3).units(), 3);
        assert_eq!(Record::unpack(0), None);
        assert_eq!(Record::unpack(u64::MAX), None);
    }
}
