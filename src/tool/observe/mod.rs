//! Looks at a domain from outside: reads copies of its files, asks the kernel who lives and what is in use, and
//! disturbs nobody. It joins no domain, takes no lock and no role, maps, makes and removes nothing; so it works also
//! while somebody is stopped inside, and on what is damaged. Whatever it reads may be anybody's bytes.

mod arena;
mod data;
mod family;
mod file;
mod object;
mod process;
mod report;
mod rings;
mod system;

pub(super) use object::{Count, Depth, Entry, Hold, Object, Rate};
pub(super) use process::{Party, Registry};
pub(super) use report::Report;
pub(super) use system::{age, pids, Locks, Mapped, Running};

use super::exit::{code, Failure, ACCESS, NOT_FOUND};
use crate::shm::domain::{check_name, REGISTRY};
use crate::shm::segment::USE_BYTE;
use crate::sys::file as sys;
use crate::Error;
use file::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A domain's directory, to be looked at.
pub(super) struct Place {
    pub(super) path: PathBuf,
    dir: OwnedFd,
    /// Why there is none, if there is none: then nobody can be named.
    pub(super) registry: Result<Registry, Error>,
}

impl Place {
    /// Opens a domain's directory.
    pub(super) fn open(path: &Path) -> Result<Place, Failure> {
        let name = path.display().to_string();
        let dir = sys::open_dir(path).map_err(|error| match error {
            Error::NotFound(_) => Failure::new(NOT_FOUND, format!("{name}: no such domain")),
            other => Failure::about(&name, &other),
        })?;
        let registry = match File::open(dir.as_fd(), REGISTRY) {
            Ok(Some(file)) => Registry::new(file),
            Ok(None) => Err(Error::Corrupt("the registry is no regular file")),
            Err(Error::NotFound(_)) => return Err(Failure::new(NOT_FOUND, format!("{name}: not a domain"))),
            Err(other) => Err(other),
        };
        Ok(Place { path: path.to_owned(), dir, registry })
    }

    /// The registry, for a command that is about nothing else.
    pub(super) fn registry(&self) -> Result<&Registry, Failure> {
        let about =
            |error: &Error| Failure::new(code(error), format!("{}: the registry: {error}", self.path.display()));
        self.registry.as_ref().map_err(about)
    }

    /// Everything in the directory but the registry, by name.
    pub(super) fn entries(&self, depth: Depth) -> Result<Vec<Entry>, Failure> {
        let failed = |error: std::io::Error| Failure::new(ACCESS, format!("{}: {error}", self.path.display()));
        let mut entries = Vec::new();
        for found in std::fs::read_dir(&self.path).map_err(failed)? {
            let found = found.map_err(failed)?;
            let name = found.file_name();
            if name.as_bytes() == REGISTRY.as_bytes() {
                continue;
            }
            match name.to_str().filter(|name| check_name(name).is_ok()) {
                // Gone meanwhile: not worth a word.
                Some(name) => entries.extend(self.entry(name, depth)?),
                None => {
                    let size = found.metadata().map_or(0, |meta| meta.len());
                    entries.push(Entry::Foreign { name: name.as_bytes().to_vec(), what: "no object's name", size });
                }
            }
        }
        entries.sort_by(|a, b| a.name().cmp(b.name()));
        let locks = Locks::read();
        for entry in &mut entries {
            if let Entry::Object(object) = entry {
                object.users = locks.count(&object.stat, USE_BYTE);
            }
        }
        Ok(entries)
    }

    /// What has a name; `None`: nothing.
    pub(super) fn entry(&self, name: &str, depth: Depth) -> Result<Option<Entry>, Failure> {
        let foreign = |what, size| Entry::Foreign { name: name.as_bytes().to_vec(), what, size };
        let file = match File::open(self.dir.as_fd(), name) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Some(foreign("no regular file", 0))),
            Err(Error::NotFound(_)) => return Ok(None),
            Err(Error::Access(_)) => return Ok(Some(foreign("not readable", 0))),
            Err(other) => return Err(Failure::about(name, &other)),
        };
        let size = file.stat.size;
        Ok(Some(match Object::look(name, file, self.registry.as_ref().ok(), depth) {
            Ok(object) => Entry::Object(Box::new(object)),
            Err(what) => foreign(what, size),
        }))
    }

    /// The object of a name, looked at closely.
    pub(super) fn object(&self, name: &str, depth: Depth) -> Result<Option<Entry>, Failure> {
        check_name(name).map_err(|error| Failure::about(name, &error))?;
        let mut entry = self.entry(name, depth)?;
        if let Some(Entry::Object(object)) = &mut entry {
            object.users = Locks::read().count(&object.stat, USE_BYTE);
        }
        Ok(entry)
    }

    /// The name of the object with an identity, as conditions know their locks.
    pub(super) fn find(&self, identity: u64) -> Option<String> {
        let names = sys::list(&self.path).ok()?;
        let same = |name: &&String| {
            check_name(name).is_ok()
                && sys::stat_at(self.dir.as_fd(), name)
                    .is_ok_and(|stat| stat.ino ^ stat.dev.rotate_left(40) == identity)
        };
        names.iter().find(same).cloned()
    }
}

impl Entry {
    fn name(&self) -> &[u8] {
        match self {
            Entry::Object(object) => object.name.as_bytes(),
            Entry::Foreign { name, .. } => name,
        }
    }
}

/// A domain's identity, as far as is needed to tell two from each other. Not all of it: it is also the key to its bells, and
/// what is printed is shown around.
pub(super) fn short_id(id: &[u8; 16]) -> String {
    id[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
