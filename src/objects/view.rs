//! Messages in place.

/// A message in shared memory: reserved, to be written in place, or taken, to be read in place. Valid as long as
/// the object it came from is open and the reservation or message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    data: *mut u8,
    len: usize,
    id: u64,
    again: bool,
}

impl View {
    pub(super) fn new(data: *mut u8, len: usize, id: u64, again: bool) -> View {
        View { data, len, id, again }
    }

    /// The address; aligned to 8. Other processes can change what is there at any time: copies through raw
    /// pointers only, never a reference.
    pub fn as_ptr(&self) -> *mut u8 {
        self.data
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What commit, abort, release and put_back want.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Of a message taken: whether somebody had it before, and died or put it back.
    pub fn again(&self) -> bool {
        self.again
    }
}
