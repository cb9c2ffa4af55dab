//! Handles that travel: a description of the domain's registry and one of the object.
//!
//! The receiver opens descriptions of its own (`/proc/self/fd`): a lock on a description that two processes
//! share would succeed twice. A handle holds the use lock, so that the object stays in use on the way.

use super::domain::{check_name, object, Domain};
use super::header::{self, Header, Kind};
use super::role::Role;
use super::segment::USE_BYTE;
use crate::sys::file::{self, FileLock, Stat};
use crate::sys::{child, fork, process};
use crate::{Error, Result, LAYOUT_VERSION};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;

/// A handle on an object of any kind, ready to travel.
pub struct Handle {
    kind: Kind,
    /// The role that it has as long as it exists.
    role: Option<Role>,
    registry: OwnedFd,
    object: OwnedFd,
    /// Who opens the object from it, where that is not the process's one membership.
    member: Option<Domain>,
}

impl Handle {
    pub(super) fn new(kind: Kind, role: Option<Role>, registry: OwnedFd, object: OwnedFd) -> Handle {
        Handle { kind, role, registry, object, member: None }
    }

    /// The same handle: what is opened from it belongs to this member of the domain ([`Domain::another_member`]).
    pub(crate) fn for_member(mut self, member: &Domain) -> Handle {
        self.member = Some(member.clone());
        self
    }

    /// The role that whoever imports it takes.
    pub(crate) fn role(&self) -> Option<Role> {
        self.role
    }

    /// The kind of object, as C knows it.
    pub fn kind_code(&self) -> u32 {
        self.kind as u32
    }

    /// The numbers of its descriptors: the registry's, the object's.
    pub fn descriptors(&self) -> (i32, i32) {
        (self.registry.as_raw_fd(), self.object.as_raw_fd())
    }

    /// Its descriptors, for sending.
    pub(crate) fn borrowed(&self) -> [BorrowedFd<'_>; 2] {
        [self.registry.as_fd(), self.object.as_fd()]
    }

    pub(super) fn expect(&self, kind: Kind) -> Result<()> {
        if self.kind != kind {
            return Err(Error::Kind { found: self.kind.name(), wanted: kind.name() });
        }
        Ok(())
    }

    /// The domain, joined.
    pub(super) fn domain(&self) -> Result<Domain> {
        match &self.member {
            Some(member) => Ok(member.clone()),
            None => Domain::of_registry(self.registry.as_fd()),
        }
    }

    /// An own description of the object, in use, with its header.
    pub(super) fn open_object(&self, domain: &Domain) -> Result<(OwnedFd, Header, Stat)> {
        // Looked at before it is opened anew: only regular files have nothing that opening could set off.
        if !file::stat(self.object.as_fd())?.is_regular() {
            return Err(Error::Corrupt("not the descriptor of an object"));
        }
        let fd = object(file::reopen(self.object.as_raw_fd()))?;
        let stat = file::stat(fd.as_fd())?;
        if !file::is_sealed(fd.as_fd()) {
            // Not sealed: then it is only as safe as the people who may write to it.
            domain.check_file(&stat)?;
        }
        if !file::try_lock(fd.as_fd(), FileLock::Shared, USE_BYTE, 1)? {
            return Err(Error::NotFound("the object")); // being removed; cannot happen while our handle uses it
        }
        let mut start = [0u8; header::PAGE];
        let n = file::read_start(fd.as_fd(), &mut start)?;
        Ok((fd, Header::parse(&start[..n], stat.size)?, stat))
    }

    /// The handle as a text, for a child that has its descriptors under these numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a negative number, [`Error::Sys`].
    pub fn token(&self, registry: i32, object: i32) -> Result<String> {
        if registry < 0 || object < 0 {
            return Err(Error::invalid("a descriptor is negative"));
        }
        let inode = |fd: &OwnedFd| file::stat(fd.as_fd()).map(|s| s.ino);
        let (r, o) = (inode(&self.registry)?, inode(&self.object)?);
        let (kind, role) = (self.kind as u32, Role::code(self.role));
        Ok(format!("{MAGIC}:{kind}.{role}:{registry}:{r:x}:{object}:{o:x}"))
    }

    /// The handle that a token stands for; takes its descriptors over. Each token once.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is none, [`Error::NotFound`] if its descriptors are not there.
    pub fn from_token(token: &str) -> Result<Handle> {
        let t = Token::parse(token).ok_or(Error::invalid("not a token"))?;
        let there = |(fd, inode)| file::is_inode(fd, inode);
        if t.registry.0 == t.object.0 || !there(t.registry) || !there(t.object) {
            return Err(GONE);
        }
        // Both are there, so both are taken.
        let registry = child::take_over(t.registry.0, t.registry.1).ok_or(GONE)?;
        let object = child::take_over(t.object.0, t.object.1).ok_or(GONE)?;
        Ok(Handle::new(t.kind, t.role, registry, object))
    }

    /// The handle that this program was given under a name. Each once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none (any more), [`Error::Invalid`] if the variable makes no sense.
    pub fn inherited(name: &str) -> Result<Handle> {
        fork::exclusive(|| {
            let mut taken = TAKEN.lock().unwrap_or_else(|e| e.into_inner());
            let list = std::env::var(INHERITED).ok().filter(|_| !process::is_privileged()).unwrap_or_default();
            let token = entries(&list).find(|(n, _)| *n == name).map(|(_, token)| token);
            let token = token.filter(|_| !taken.iter().any(|t| t == name)).ok_or(GONE)?;
            let handle = Handle::from_token(token)?;
            taken.push(name.to_owned());
            Ok(handle)
        })
    }

    /// The entry of the environment under which a child finds these handles: their descriptors keep their
    /// numbers.
    pub(crate) fn environment_entry(handles: &[(&str, &Handle)]) -> Result<String> {
        let mut text = format!("{INHERITED}=");
        for (i, (name, handle)) in handles.iter().enumerate() {
            check_name(name)?;
            if handles[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::invalid("two handles have the same name"));
            }
            let (registry, object) = handle.descriptors();
            text += &format!("{}{name}={}", if i > 0 { "," } else { "" }, handle.token(registry, object)?);
        }
        Ok(text)
    }

    /// What is sent along with the descriptors.
    pub(crate) fn letter(&self) -> [u8; LETTER] {
        let mut letter = [0; LETTER];
        letter[..8].copy_from_slice(LETTER_MAGIC);
        letter[8..12].copy_from_slice(&LAYOUT_VERSION.to_ne_bytes());
        letter[12..16].copy_from_slice(&(self.kind as u32).to_ne_bytes());
        letter[16..20].copy_from_slice(&Role::code(self.role).to_ne_bytes());
        letter
    }

    /// Whether a letter can begin like this.
    pub(crate) fn begins_letter(bytes: &[u8]) -> bool {
        bytes.iter().zip(LETTER_MAGIC).all(|(a, b)| a == b)
    }

    /// The handle that came with such a letter.
    pub(crate) fn from_letter(letter: &[u8; LETTER], descriptors: Vec<OwnedFd>) -> Result<Handle> {
        let word = |at: usize| u32::from_ne_bytes([letter[at], letter[at + 1], letter[at + 2], letter[at + 3]]);
        if !Handle::begins_letter(letter) {
            return Err(Error::Corrupt("what came through the socket is not a handle"));
        }
        if word(8) != LAYOUT_VERSION {
            return Err(Error::Version("sent by a library with another memory layout"));
        }
        let kind = Kind::parse(word(12)).filter(|&k| k != Kind::Registry);
        let what = kind.zip(Role::from_code(word(16)));
        let descriptors: std::result::Result<[OwnedFd; 2], _> = descriptors.try_into();
        match (what, descriptors) {
            (Some((kind, role)), Ok([registry, object])) => Ok(Handle::new(kind, role, registry, object)),
            (None, _) => Err(Error::Corrupt("a handle on an unknown kind of object")),
            (_, Err(_)) => Err(Error::Corrupt("a handle without its two descriptors")),
        }
    }
}

/// The variable in which a child finds its handles.
pub(crate) const INHERITED: &str = "MPROC_INHERITED";
const MAGIC: &str = "mproc1";
const GONE: Error = Error::NotFound("the inherited handle");
/// Bytes sent with a handle.
pub(crate) const LETTER: usize = 64;
const LETTER_MAGIC: &[u8; 8] = b"MPROCHDL";

/// Names that were taken. Only used inside [`fork::exclusive`].
static TAKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// name=token,name=token
fn entries(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(',').filter_map(|entry| entry.split_once('='))
}

/// A token, parsed: kind and role, and number and inode of each descriptor.
struct Token {
    kind: Kind,
    role: Option<Role>,
    registry: (i32, u64),
    object: (i32, u64),
}

impl Token {
    fn parse(text: &str) -> Option<Token> {
        let parts: Vec<&str> = text.split(':').collect();
        let [MAGIC, kind, r, r_inode, o, o_inode] = parts[..] else { return None };
        let descriptor = |fd: &str, inode: &str| {
            let fd: i32 = fd.parse().ok().filter(|&fd| fd >= 0)?;
            Some((fd, u64::from_str_radix(inode, 16).ok()?))
        };
        let (kind, role) = kind.split_once('.')?;
        let kind = Kind::parse(kind.parse().ok()?).filter(|&k| k != Kind::Registry)?;
        let role = Role::from_code(role.parse().ok()?)?;
        Some(Token { kind, role, registry: descriptor(r, r_inode)?, object: descriptor(o, o_inode)? })
    }
}

/// When the library is loaded: what this program was given is not for the programs that it starts.
extern "C" fn keep_from_others() {
    // SAFETY: a NUL-terminated constant; the result is NULL or a string of the environment, which nobody
    // changes this early.
    let list = unsafe { libc::getenv(c"MPROC_INHERITED".as_ptr()) };
    if list.is_null() || process::is_privileged() {
        return;
    }
    // SAFETY: not NULL, so a NUL-terminated string.
    let Ok(list) = unsafe { std::ffi::CStr::from_ptr(list) }.to_str() else { return };
    for token in entries(list).filter_map(|(_, token)| Token::parse(token)) {
        for (fd, inode) in [token.registry, token.object] {
            // The variable may have come down from an earlier program: only what it really means.
            if file::is_inode(fd, inode) {
                let _ = file::close_on_exec(fd); // cannot fail on an open descriptor
            }
        }
    }
}

#[used]
#[link_section = ".init_array"]
static KEEP_AT_LOAD: extern "C" fn() = keep_from_others;
