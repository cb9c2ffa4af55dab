//! Segments: atomic creation, opening with checks, the use lock, sweeping when the last user is gone.
//!
//! A named object's mapping carries a shared OFD lock on [`USE_BYTE`], taken on a description of its own
//! and inherited by fork with the mapping: the object is in use exactly while somebody holds it. Whoever
//! gets the exclusive lock knows that nobody does, and may remove the name.

use super::descriptor::Descriptor;
use super::domain::{check_name, object, Domain};
use super::handle::Handle;
use super::header::{self, Header, Kind};
use super::region::Region;
use super::role::{Holding, Role};
use super::store::Word32;
use crate::sys::file::{self, FileLock};
use crate::sys::mapping::{Mapping, Window};
use crate::sys::{crash, memory};
use crate::{Error, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// Locked while the object is in use; far behind the end of any file. The bytes after it are [`Role`]s.
pub(crate) const USE_BYTE: i64 = 1 << 60;

/// Objects larger than this ask how much memory is left before they take it.
const LARGE: u64 = 1 << 20;

/// The size of a segment and how it is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the file; a multiple of the page size.
    pub len: u64,
    /// How many rings the file ends with; each appears twice in a row, so that whatever wraps around its end
    /// is contiguous.
    pub rings: u64,
    /// Bytes of each.
    pub ring: u64,
    /// Bytes, from the beginning, that have memory as long as the object exists; behind them may be holes.
    pub solid: u64,
}

impl Shape {
    /// Without rings.
    pub(crate) const fn plain(len: u64) -> Shape {
        Shape { len, rings: 0, ring: 0, solid: len }
    }

    /// With holes behind the first bytes, that memory is taken for when it is needed.
    pub(crate) const fn sparse(len: u64, solid: u64) -> Shape {
        Shape { len, rings: 0, ring: 0, solid }
    }

    /// Where the `n`-th ring begins in the mapping.
    pub(crate) fn ring_at(&self, n: u64) -> usize {
        (self.len - self.rings * self.ring + 2 * n * self.ring) as usize
    }

    fn windows(&self) -> Result<Vec<Window>> {
        let window = |offset: u64, len: u64| -> Result<Window> {
            let fits = |n: u64| usize::try_from(n).map_err(|_| Error::invalid("absurd size"));
            Ok(Window { offset: fits(offset)?, len: fits(len)? })
        };
        let start = self.len - self.rings * self.ring;
        let mut windows = vec![window(0, start)?];
        for n in 0..self.rings {
            let ring = window(start + n * self.ring, self.ring)?;
            windows.extend([ring, ring]);
        }
        Ok(windows)
    }
}

/// How to find an object that exists.
pub(crate) enum Source<'a> {
    /// By its name in a domain.
    Name(&'a Domain, &'a str),
    /// By a handle from another process, or from another part of this one.
    Handle(&'a Handle),
}

/// A mapped object and its domain. Clones share the mapping.
#[derive(Clone)]
pub(crate) struct Segment {
    domain: Domain,
    kind: Kind,
    file: Arc<Descriptor>,
    region: Region,
    flags: u32,
    poison: Word32,
    steals: Word32,
    rollbacks: Word32,
}

/// What [`Segment::create`] came to.
pub(crate) enum Created {
    /// A new object.
    New(Segment),
    /// The name is taken by a living object.
    Taken,
}

impl Segment {
    /// Creates an object: visible whole, under its name, or not at all. `params` fills in the object's own
    /// parameters, `init` writes its first content; everything else is zero.
    pub(crate) fn create(
        domain: &Domain,
        name: Option<&str>,
        kind: Kind,
        flags: u32,
        shape: Shape,
        params: impl FnOnce(&mut Header),
        init: impl FnOnce(&Region) -> Result<()>,
    ) -> Result<Created> {
        if let Some(name) = name {
            check_name(name)?;
        }
        let dir = name.map(|_| domain.dir()).transpose()?;
        if dir.is_some() {
            domain.sweep_sometimes();
        }
        if shape.solid >= LARGE {
            let free = dir.as_ref().map_or(u64::MAX, |dir| file::free_space(dir.as_fd()));
            if free < shape.solid {
                return Err(Error::NoSpace(shape.solid));
            }
            if memory::available() < shape.solid {
                return Err(Error::NoMemory(shape.solid));
            }
        }
        let fd = match &dir {
            Some(dir) => file::unnamed(dir.as_fd(), domain.file_mode())?,
            None => file::memory(c"mproc")?,
        };
        // In use from the very beginning: the sweeper never sees it unlocked.
        file::try_lock(fd.as_fd(), FileLock::Shared, USE_BYTE, 1)?;
        file::reserve(fd.as_fd(), shape.solid)?;
        if shape.solid < shape.len {
            file::set_len(fd.as_fd(), shape.len)?;
        }
        let mut header = Header::new(kind, flags, &domain.id(), shape.len);
        params(&mut header);
        let mapping = Mapping::new(fd.as_fd(), &shape.windows()?)?;
        let file = Arc::new(Descriptor::new(domain, fd.as_fd(), name)?);
        let region = Region::new(mapping, Some(after(&file)));
        if crash::mutant(crash::Mutant::LinkFirst) {
            if let (Some(dir), Some(name)) = (&dir, name) {
                publish(domain, &fd, dir, name)?;
            }
        }
        init(&region)?;
        region.write(0, header.bytes())?;
        match (&dir, name) {
            (Some(dir), Some(name)) => {
                if !crash::mutant(crash::Mutant::LinkFirst) && !publish(domain, &fd, dir, name)? {
                    return Ok(Created::Taken);
                }
            }
            _ => file::seal(fd.as_fd())?,
        }
        if name.is_none() || kind.has_roles() {
            file.keep(fd);
        }
        Segment::new(domain, kind, file, region, flags).map(Created::New)
    }

    /// Opens an existing object. `shape` reads the parameters and says how to map it.
    pub(crate) fn open(source: Source, kind: Kind, shape: impl FnOnce(&Header) -> Result<Shape>) -> Result<Segment> {
        let (domain, name, (fd, header, stat)) = match source {
            Source::Name(domain, name) => {
                check_name(name)?;
                let dir = domain.dir()?;
                domain.sweep_sometimes();
                (domain.clone(), Some(name.to_owned()), Segment::open_used(domain, &dir, name)?)
            }
            Source::Handle(handle) => {
                handle.expect(kind)?;
                let domain = handle.domain()?;
                let found = handle.open_object(&domain)?;
                let name = domain.name_of(found.0.as_fd());
                (domain, name, found)
            }
        };
        header.expect(kind, &domain.id())?;
        let shape = shape(&header)?;
        if shape.len != stat.size {
            return Err(Error::Corrupt("size and parameters disagree"));
        }
        if stat.allocated < shape.solid {
            return Err(Error::Corrupt("the segment has holes: touching them could fail"));
        }
        let mapping = Mapping::new(fd.as_fd(), &shape.windows()?)?;
        let file = Arc::new(Descriptor::new(&domain, fd.as_fd(), name.as_deref())?);
        let region = Region::new(mapping, Some(after(&file)));
        if name.is_none() || kind.has_roles() {
            file.keep(fd);
        }
        Segment::new(&domain, kind, file, region, header.flags())
    }

    /// Opens the file, takes the use lock and reads the header. An object that nobody used any more is
    /// removed here instead, unless it is persistent.
    fn open_used(domain: &Domain, dir: &OwnedFd, name: &str) -> Result<(OwnedFd, Header, file::Stat)> {
        domain.alone(|| {
            let fd = object(file::open_at(dir.as_fd(), name))?;
            let stat = file::stat(fd.as_fd())?;
            domain.check_file(&stat)?;
            let mut start = [0u8; header::PAGE];
            if file::try_lock(fd.as_fd(), FileLock::Exclusive, USE_BYTE, 1)? {
                let n = file::read_start(fd.as_fd(), &mut start)?;
                if stat.links > 0 && Header::may_sweep(&start[..n]) {
                    domain.remove_locked(dir, name, &fd)?;
                    return Ok(None); // a new object may have taken the name; usually: not found
                }
            }
            // Shared from here on (converting our own exclusive lock never fails). If it is refused,
            // somebody is removing the object right now.
            if file::try_lock(fd.as_fd(), FileLock::Shared, USE_BYTE, 1)? && file::stat(fd.as_fd())?.links > 0 {
                let n = file::read_start(fd.as_fd(), &mut start)?;
                return Ok(Some((fd, Header::parse(&start[..n], stat.size)?, stat)));
            }
            Ok(None)
        })
    }

    fn new(domain: &Domain, kind: Kind, file: Arc<Descriptor>, region: Region, flags: u32) -> Result<Segment> {
        Ok(Segment {
            domain: domain.clone(),
            kind,
            file,
            poison: region.word32(header::AT_POISON)?,
            steals: region.word32(header::AT_STEALS)?,
            rollbacks: region.word32(header::AT_ROLLBACKS)?,
            region,
            flags,
        })
    }

    #[inline]
    pub(crate) fn domain(&self) -> &Domain {
        &self.domain
    }

    #[inline]
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Takes a role: as long as the result lives, here or in a forked child, everybody can see that somebody has
    /// it.
    pub(crate) fn take_role(&self, role: Role) -> Result<Holding> {
        self.file.take(role)
    }

    /// Whether anybody has the role; `None` if that cannot be found out.
    pub(crate) fn is_taken(&self, role: Role) -> Option<bool> {
        self.file.is_taken(role)
    }

    /// A handle that can travel. It uses the object, and has the role, as long as it exists, also on its way.
    pub(crate) fn export(&self, role: Option<Role>) -> Result<Handle> {
        let object = file::beyond_standard(self.file.reopen()?)?;
        if !crash::mutant(crash::Mutant::UnusedInFlight) {
            file::try_lock(object.as_fd(), FileLock::Shared, USE_BYTE, 1)?;
        }
        if let Some(role) = role {
            file::try_lock(object.as_fd(), FileLock::Shared, role.byte(), 1)?;
        }
        Ok(Handle::new(self.kind, role, file::beyond_standard(self.domain.open_registry()?)?, object))
    }

    /// Takes memory for a part of a sparse segment: touching it cannot fail from here on.
    pub(crate) fn take(&self, offset: usize, len: usize) -> Result<()> {
        self.region.populate(offset, len, || self.file.reopen())
    }

    /// Gives the memory of a part of a sparse segment back; it reads as zero from then on.
    pub(crate) fn give_back(&self, offset: usize, len: usize) -> Result<()> {
        self.region.punch(offset, len, || self.file.reopen())
    }

    /// Bytes of memory that the segment has; `None` if that cannot be found out.
    pub(crate) fn allocated(&self) -> Option<u64> {
        Some(file::stat(self.file.reopen().ok()?.as_fd()).ok()?.allocated)
    }

    /// What tells this object from all others in the domain, as long as it exists.
    pub(crate) fn identity(&self) -> u64 {
        self.file.identity()
    }

    pub(crate) fn is_persistent(&self) -> bool {
        self.flags & header::FLAG_PERSIST != 0
    }

    /// Marks the object corrupt for every process; returns the error to report.
    #[cold]
    pub(crate) fn poison(&self, why: &'static str) -> Error {
        self.poison.store(1, Ordering::Relaxed);
        Error::Corrupt(why)
    }

    /// Fails if the object was found corrupt before.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.poison.load(Ordering::Relaxed) != 0 {
            return Err(Error::Corrupt("found corrupt by an earlier call"));
        }
        Ok(())
    }

    pub(crate) fn steals(&self) -> u32 {
        self.steals.load(Ordering::Relaxed)
    }

    pub(crate) fn count_steal(&self) {
        self.steals.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rollbacks(&self) -> u32 {
        self.rollbacks.load(Ordering::Relaxed)
    }

    pub(crate) fn count_rollback(&self) {
        self.rollbacks.fetch_add(1, Ordering::Relaxed);
    }
}

/// Gives the object its name; `false` if a living object has it.
fn publish(domain: &Domain, fd: &OwnedFd, dir: &OwnedFd, name: &str) -> Result<bool> {
    for _ in 0..100 {
        match file::publish(fd.as_fd(), dir.as_fd(), name) {
            Ok(()) => return Ok(true),
            Err(Error::Exists) => {}
            // The directory was removed between looking and linking.
            Err(Error::NotFound(_)) => return Err(Error::Stale),
            Err(other) => return Err(other),
        }
        // Taken, or left behind by the dead.
        if !domain.sweep_name(dir, name)? && file::stat_at(dir.as_fd(), name).is_ok() {
            return Ok(false);
        }
    }
    Ok(false)
}

/// What to do when this process has unmapped an object: close its descriptor, and remove the name if this was
/// the last user.
fn after(file: &Arc<Descriptor>) -> Box<dyn FnOnce() + Send + Sync> {
    let file = file.clone();
    Box::new(move || file.leave())
}
