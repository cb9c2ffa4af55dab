//! The first page of every segment. What is written once, at creation, is read into private memory and
//! checked there; only the words named below change later, and only through the store function.

use crate::{Error, Result, LAYOUT_VERSION};

/// Size of the header page. Data that users point into begins at or after it.
pub(crate) const PAGE: usize = 4096;

const MAGIC: [u8; 8] = *b"MPROCSEG";
/// Reads differently on a machine of the other byte order.
const ENDIAN: u32 = 0x0102_0304;

// Written once.
pub(crate) const AT_MAGIC: usize = 0;
pub(crate) const AT_LAYOUT: usize = 8;
const AT_ENDIAN: usize = 12;
pub(crate) const AT_KIND: usize = 16;
pub(crate) const AT_FLAGS: usize = 20;
pub(crate) const AT_DOMAIN: usize = 24;
pub(crate) const AT_SIZE: usize = 40;
/// Where an object's own parameters begin, written once.
pub(crate) const AT_PARAMS: usize = 192;

// Changing words.
/// u32: not 0 once the object has been found corrupt.
pub(crate) const AT_POISON: usize = 64;
/// u32: how often a lock of this object was taken over from a dead process.
pub(crate) const AT_STEALS: usize = 68;
/// u32: how often an undo journal was rolled back.
pub(crate) const AT_ROLLBACKS: usize = 72;
/// u32, on a line of its own: the lock the user sees. If it is recursive, 20 bytes with what belongs to it.
pub(crate) const AT_USER_LOCK: usize = 128;
/// Where an object's own changing words begin.
pub(crate) const AT_HOT: usize = 512;

/// The object lives on when nobody uses it.
pub(crate) const FLAG_PERSIST: u32 = 1;

/// Kinds of segment. The numbers are part of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Registry = 1,
    Lock = 2,
    Value = 3,
    Array = 4,
    Queue = 5,
    Pipe = 6,
    RLock = 7,
    RwLock = 8,
    Semaphore = 9,
    Condition = 10,
    Event = 11,
    Barrier = 12,
    Dict = 13,
    List = 14,
    Namespace = 15,
}

impl Kind {
    const ALL: [Kind; 15] = [
        Kind::Registry,
        Kind::Lock,
        Kind::Value,
        Kind::Array,
        Kind::Queue,
        Kind::Pipe,
        Kind::RLock,
        Kind::RwLock,
        Kind::Semaphore,
        Kind::Condition,
        Kind::Event,
        Kind::Barrier,
        Kind::Dict,
        Kind::List,
        Kind::Namespace,
    ];

    pub(crate) fn parse(code: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&k| k as u32 == code)
    }

    /// Whether processes have roles in such an object, so that each handle keeps a descriptor to ask who has.
    pub(super) fn has_roles(self) -> bool {
        matches!(self, Kind::Queue | Kind::Pipe)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Registry => "registry",
            Kind::Lock => "lock",
            Kind::Value => "value",
            Kind::Array => "array",
            Kind::Queue => "queue",
            Kind::Pipe => "pipe",
            Kind::RLock => "rlock",
            Kind::RwLock => "rwlock",
            Kind::Semaphore => "semaphore",
            Kind::Condition => "condition",
            Kind::Event => "event",
            Kind::Barrier => "barrier",
            Kind::Dict => "dict",
            Kind::List => "list",
            Kind::Namespace => "namespace",
        }
    }
}

/// A header in private memory: being made, or copied out of a segment and checked.
pub(crate) struct Header {
    bytes: [u8; AT_HOT],
}

impl Header {
    /// The header of a new segment.
    pub(crate) fn new(kind: Kind, flags: u32, domain: &[u8; 16], size: u64) -> Header {
        let mut h = Header { bytes: [0; AT_HOT] };
        h.bytes[AT_MAGIC..AT_MAGIC + 8].copy_from_slice(&MAGIC);
        h.put_u32(AT_LAYOUT, LAYOUT_VERSION);
        h.put_u32(AT_ENDIAN, ENDIAN);
        h.put_u32(AT_KIND, kind as u32);
        h.put_u32(AT_FLAGS, flags);
        h.bytes[AT_DOMAIN..AT_DOMAIN + 16].copy_from_slice(domain);
        h.put_u64(AT_SIZE, size);
        h
    }

    /// Checks bytes copied from the start of a segment of `file_size` bytes.
    pub(crate) fn parse(bytes: &[u8], file_size: u64) -> Result<Header> {
        let bytes: [u8; AT_HOT] =
            bytes.get(..AT_HOT).and_then(|b| b.try_into().ok()).ok_or(Error::Corrupt("the segment is too short"))?;
        let h = Header { bytes };
        if h.bytes[AT_MAGIC..AT_MAGIC + 8] != MAGIC {
            return Err(Error::Corrupt("not a segment of this library"));
        }
        if h.u32(AT_ENDIAN) != ENDIAN {
            return Err(Error::Version("made on a machine of the other byte order"));
        }
        if h.u32(AT_LAYOUT) != LAYOUT_VERSION {
            return Err(Error::Version("made by a library with another memory layout"));
        }
        if h.flags() & !FLAG_PERSIST != 0 {
            return Err(Error::Corrupt("unknown flags"));
        }
        if h.u64(AT_SIZE) != file_size {
            return Err(Error::Corrupt("the segment was cut or grown"));
        }
        Ok(h)
    }

    /// Whether this is a segment of any layout version, and not a persistent one: the sweeper may judge it.
    /// (Magic and flags keep their places in every layout version.)
    pub(crate) fn may_sweep(bytes: &[u8]) -> bool {
        Header::is_segment(bytes) && bytes[AT_FLAGS..AT_FLAGS + 4] == [0; 4]
    }

    /// Whether this is a segment of any layout version.
    pub(crate) fn is_segment(bytes: &[u8]) -> bool {
        bytes.len() >= AT_DOMAIN && bytes[AT_MAGIC..AT_MAGIC + 8] == MAGIC
    }

    /// The kind in the first bytes of a segment of any layout version, if it is a known one.
    pub(crate) fn kind_of(bytes: &[u8]) -> Option<Kind> {
        let code = bytes.get(AT_KIND..AT_KIND + 4)?.try_into().ok()?;
        Header::is_segment(bytes).then(|| Kind::parse(u32::from_ne_bytes(code))).flatten()
    }

    /// Checks kind and domain.
    pub(crate) fn expect(&self, kind: Kind, domain: &[u8; 16]) -> Result<()> {
        if self.domain() != *domain {
            return Err(Error::Domain);
        }
        self.expect_kind(kind)
    }

    pub(crate) fn expect_kind(&self, kind: Kind) -> Result<()> {
        match Kind::parse(self.u32(AT_KIND)) {
            Some(found) if found == kind => Ok(()),
            Some(found) => Err(Error::Kind { found: found.name(), wanted: kind.name() }),
            None => Err(Error::Corrupt("unknown kind of object")),
        }
    }

    pub(crate) fn domain(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id.copy_from_slice(&self.bytes[AT_DOMAIN..AT_DOMAIN + 16]);
        id
    }

    pub(crate) fn flags(&self) -> u32 {
        self.u32(AT_FLAGS)
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        let mut b = [0; 4];
        b.copy_from_slice(&self.bytes[at..at + 4]);
        u32::from_ne_bytes(b)
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        let mut b = [0; 8];
        b.copy_from_slice(&self.bytes[at..at + 8]);
        u64::from_ne_bytes(b)
    }

    pub(crate) fn put_u32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }

    pub(crate) fn put_u64(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
