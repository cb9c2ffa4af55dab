//! The domain: a directory with a registry and one file for each named object, or anonymous.

use super::header::{Header, Kind};
use super::liveness::Probe;
use super::registry::{Me, Registry, ALL_BYTES, GUARD_BYTE, LOCK_BASE, NAMES_BYTE, REGISTRY_LEN};
use super::tenant::{Seat, Tenant};
use crate::sys::file::{self, FileLock, Stat};
use crate::sys::{clock, fork, process};
use crate::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};

pub(crate) const REGISTRY: &str = ".registry";
const BUSY_NS: u64 = 5_000_000_000;
/// How often opening and creating sweep the rest of the domain.
const SWEEP_EVERY_MS: u64 = 1000;

/// How to open a domain. The default is `MPROC_DOMAIN`, else `/dev/shm/mproc-<euid>`.
#[derive(Debug, Clone, Default)]
pub struct DomainOptions {
    /// Directory, absolute.
    pub path: Option<PathBuf>,
    /// For a group: modes 2770 and 0660 instead of 0700 and 0600.
    pub group: bool,
    /// Without a directory: lives in memory descriptors, shared with forked children and through handles.
    pub anonymous: bool,
    /// Do not create it.
    pub existing: bool,
    /// Nanoseconds an internal lock may be held by a living process before a call gives up; 0: 5 s.
    pub busy_timeout_ns: u64,
    /// Keep the descriptor (close-on-exec) of the description that this process's membership hangs on, so that it can
    /// be left to a program that is started: what this process holds then stays held until both are gone. A forked
    /// child that executes nothing keeps it, too. Only counts where the process has not joined the domain before.
    pub keep_membership: bool,
}

impl DomainOptions {
    /// A domain in the directory `path`.
    pub fn at(path: impl Into<PathBuf>) -> DomainOptions {
        DomainOptions { path: Some(path.into()), ..DomainOptions::default() }
    }

    pub(crate) fn flags(mut self, flags: u32, reserved: u32) -> Result<DomainOptions> {
        if flags & !7 != 0 || reserved != 0 {
            return Err(Error::invalid("unknown domain flags"));
        }
        (self.group, self.anonymous, self.existing) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
        if self.anonymous && (self.path.is_some() || self.group || self.existing) {
            return Err(Error::invalid("an anonymous domain has no path, group or earlier life"));
        }
        Ok(self)
    }

    pub(crate) fn busy_timeout_ns(mut self, ns: i64) -> Result<DomainOptions> {
        self.busy_timeout_ns = u64::try_from(ns).map_err(|_| Error::invalid("busy_timeout_ns is negative"))?;
        Ok(self)
    }
}

/// A set of processes and objects that know each other. Clones and further handles in this process share
/// one membership; it ends with the last of them.
#[derive(Clone)]
pub struct Domain {
    inner: Arc<Inner>,
    busy_ns: u64,
    /// Who this process is: in `inner`, but nearer.
    words: fork::SharedWords,
}

struct Inner {
    place: Place,
    id: [u8; 16],
    group: bool,
    registry: Registry,
    probe: Probe,
}

enum Place {
    Directory(PathBuf),
    /// Without a directory, or none that this process sees: the registry's descriptor, which forked children
    /// inherit. A number, because the program may close it and give the number to another file.
    Anonymous(i32),
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.probe.close(&self.registry.stat);
        if let Place::Anonymous(fd) = self.place {
            if file::stat_number(fd).is_some_and(|s| s.same_file(&self.registry.stat)) {
                file::close_number(fd);
            }
        }
    }
}

/// Domains this process has open. Only used inside [`fork::exclusive`].
static OPEN: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

impl Domain {
    /// Opens a domain, creating it if need be, and joins it.
    ///
    /// # Errors
    /// [`Error::Access`] for a wrong owner, mode or type of directory or registry, [`Error::NotFound`],
    /// [`Error::Slots`], [`Error::Version`], [`Error::Corrupt`], [`Error::NoSpace`], [`Error::Sys`].
    pub fn open(options: &DomainOptions) -> Result<Domain> {
        let inner = fork::exclusive(|| if options.anonymous { Inner::anonymous() } else { Inner::directory(options) })?;
        if options.keep_membership {
            inner.registry.keep_membership();
        }
        let busy_ns = if options.busy_timeout_ns == 0 { BUSY_NS } else { options.busy_timeout_ns };
        let domain = Domain { words: inner.registry.me.shared(), inner, busy_ns };
        domain.me()?;
        domain.probe().prepare(|| domain.open_registry());
        Ok(domain)
    }

    /// The domain that a registry belongs to, of which we only have a descriptor (inherited or received).
    pub(super) fn of_registry(fd: BorrowedFd) -> Result<Domain> {
        let inner = fork::exclusive(|| Inner::of_registry(fd))?;
        let domain = Domain { words: inner.registry.me.shared(), inner, busy_ns: BUSY_NS };
        domain.me()?;
        domain.probe().prepare(|| domain.open_registry());
        Ok(domain)
    }

    /// Another membership of the same process: with a slot of its own, that it gets with its first operation and that
    /// dies with the last clone. What it holds is its own, as if it were another process.
    ///
    /// # Errors
    /// As [`Domain::open`].
    pub(crate) fn another_member(&self) -> Result<Domain> {
        let fd = self.open_registry()?;
        let inner = fork::exclusive(|| {
            // By descriptor, whatever the domain is: what is opened through it has no name.
            let stat = file::stat(fd.as_fd())?;
            Inner::by_descriptor(fd, stat, self.inner.group, false)
        })?;
        Ok(Domain { words: inner.registry.me.shared(), inner, busy_ns: self.busy_ns })
    }

    /// The name of an object's file in this domain, if it has one that this process can see.
    pub(super) fn name_of(&self, fd: BorrowedFd) -> Option<String> {
        let Place::Directory(path) = &self.inner.place else { return None };
        let found = file::path_of(fd.as_raw_fd())?;
        let name = found.file_name()?.to_str()?.to_owned();
        let dir = self.dir().ok()?;
        let same = found.parent() == Some(path.as_path())
            && check_name(&name).is_ok()
            && file::stat_at(dir.as_fd(), &name).is_ok_and(|s| file::stat(fd).is_ok_and(|f| f.same_file(&s)));
        same.then_some(name)
    }

    /// Opens the default domain. Errors as [`Domain::open`].
    pub fn open_default() -> Result<Domain> {
        Domain::open(&DomainOptions::default())
    }

    /// Where the default domain is.
    pub(crate) fn default_path() -> PathBuf {
        match std::env::var_os("MPROC_DOMAIN") {
            // A set-user-id program does not let its caller choose where it keeps its state.
            Some(path) if !path.is_empty() && !process::is_privileged() => path.into(),
            _ => PathBuf::from(format!("/dev/shm/mproc-{}", process::euid())),
        }
    }

    /// The directory; empty for an anonymous domain.
    pub fn path(&self) -> &Path {
        match &self.inner.place {
            Place::Directory(path) => path,
            Place::Anonymous(_) => Path::new(""),
        }
    }

    /// The domain's identity.
    pub fn id(&self) -> [u8; 16] {
        self.inner.id
    }

    #[inline(always)]
    fn words(&self) -> &fork::Words {
        // SAFETY: the page belongs to the registry, which `inner` keeps.
        unsafe { self.words.words() }
    }

    /// Who this process is in the domain. A forked child joins here on its first operation.
    #[inline]
    pub fn me(&self) -> Result<Me> {
        match self.me_if_joined() {
            Some(me) => Ok(me),
            None => self.inner.registry.join(|| self.open_registry()),
        }
    }

    /// The descriptor that [`DomainOptions::keep_membership`] is about, if there is one.
    #[cfg(feature = "tool")]
    pub(crate) fn membership(&self) -> Option<BorrowedFd<'_>> {
        self.inner.registry.membership()
    }

    /// Ends this process's membership at once, as its death would: what it holds is for others to take over.
    #[cfg(feature = "tool")]
    pub(crate) fn resign(&self) -> Result<()> {
        self.inner.registry.resign()
    }

    /// The same if this process has joined.
    #[inline(always)]
    pub(crate) fn me_if_joined(&self) -> Option<Me> {
        Me::of(self.words())
    }

    /// The same, for records that stay.
    #[inline]
    pub(crate) fn tenant(&self) -> Result<Tenant> {
        self.me()?;
        Ok(Tenant(self.words().tenant.load(Ordering::Relaxed)))
    }

    /// The same if this process has joined.
    #[inline(always)]
    pub(crate) fn tenant_if_joined(&self) -> Option<Tenant> {
        self.me_if_joined().map(|_| Tenant(self.words().tenant.load(Ordering::Relaxed)))
    }

    /// The same, as tables know it.
    #[inline(always)]
    pub(crate) fn seat_if_joined(&self) -> Option<Seat> {
        let words = self.words();
        self.me_if_joined()?;
        Some(Seat { place: words.place.load(Ordering::Relaxed), empty: words.empty.load(Ordering::Relaxed) })
    }

    #[inline]
    pub(crate) fn busy_ns(&self) -> u64 {
        self.busy_ns
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    pub(super) fn probe(&self) -> &Probe {
        &self.inner.probe
    }

    /// Mode of this domain's files.
    pub(super) fn file_mode(&self) -> u32 {
        if self.inner.group {
            0o660
        } else {
            0o600
        }
    }

    /// A description of the registry file that this process opened itself.
    pub(super) fn open_registry(&self) -> Result<OwnedFd> {
        let fd = match &self.inner.place {
            Place::Directory(path) => match file::open_dir(path).and_then(|dir| file::open_at(dir.as_fd(), REGISTRY)) {
                Err(Error::NotFound(_)) => return Err(Error::Stale),
                other => other?,
            },
            Place::Anonymous(fd) => {
                let still_ours = file::stat_number(*fd).is_some_and(|s| s.same_file(&self.inner.registry.stat));
                if !still_ours {
                    return Err(Error::Stale); // the program closed our descriptor: no way back in
                }
                file::reopen(*fd)?
            }
        };
        if !file::stat(fd.as_fd())?.same_file(&self.inner.registry.stat) {
            return Err(Error::Stale);
        }
        Ok(fd)
    }

    /// The directory, checked to be the one this domain lives in.
    pub(crate) fn dir(&self) -> Result<OwnedFd> {
        let Place::Directory(path) = &self.inner.place else {
            return Err(Error::NotSupported("an anonymous domain has no names"));
        };
        let dir = match file::open_dir(path) {
            Err(Error::NotFound(_)) => return Err(Error::Stale),
            other => other?,
        };
        match file::stat_at(dir.as_fd(), REGISTRY) {
            Ok(s) if s.same_file(&self.inner.registry.stat) => Ok(dir),
            Ok(_) | Err(Error::NotFound(_)) => Err(Error::Stale),
            Err(other) => Err(other),
        }
    }

    /// Checks that a file of this domain belongs to who it should and is not more open than it should be.
    pub(super) fn check_file(&self, stat: &Stat) -> Result<()> {
        check_owner(stat, self.inner.group)?;
        if !stat.is_regular() {
            return Err(Error::Access("not a regular file"));
        }
        if stat.links > 1 {
            return Err(Error::Access("the file has another name"));
        }
        Ok(())
    }

    /// Removes an object's name; its users go on.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::NotFound`], [`Error::NotSupported`] (anonymous domain), [`Error::Busy`],
    /// [`Error::Access`], [`Error::Stale`].
    pub fn unlink(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let dir = self.dir()?;
        self.alone(|| {
            let Some(_names) = self.try_lock_names()? else { return Ok(None) };
            object(file::unlink_at(dir.as_fd(), name)).map(Some)
        })
    }

    /// Runs a step that takes an exclusive file lock for a moment. Not while another thread forks: the
    /// child would inherit the descriptor, and with it the lock, for as long as it lives. The step returns
    /// `None` when somebody else has the lock; it is then repeated, up to the busy timeout.
    pub(super) fn alone<T>(&self, step: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let deadline = clock::now_ns().saturating_add(self.busy_ns);
        loop {
            if let Some(done) = fork::exclusive(&step)? {
                return Ok(done);
            }
            if clock::now_ns() >= deadline {
                return Err(Error::Busy);
            }
            clock::nap();
        }
    }

    /// Whoever removes a name holds this, so that between looking at a name and removing it nobody else
    /// can have replaced the object behind it. Only inside [`Domain::alone`].
    fn try_lock_names(&self) -> Result<Option<OwnedFd>> {
        let fd = self.open_registry()?;
        Ok(file::try_lock(fd.as_fd(), FileLock::Exclusive, NAMES_BYTE, 1)?.then_some(fd))
    }

    /// Removes every object that nobody uses and that is not persistent; returns how many.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Access`], [`Error::Busy`], [`Error::Sys`]. What cannot be judged is left alone.
    pub fn sweep(&self) -> Result<usize> {
        let Place::Directory(path) = &self.inner.place else { return Ok(0) };
        let dir = self.dir()?;
        let mut removed = 0;
        for name in file::list(path)?.iter().filter(|name| check_name(name).is_ok()) {
            match self.sweep_name(&dir, name) {
                Ok(true) => removed += 1,
                // Somebody was stopped while removing a name: do not wait for them name by name.
                Err(Error::Busy) => return Err(Error::Busy),
                Ok(false) | Err(_) => {}
            }
        }
        Ok(removed)
    }

    /// Sweeps if nobody in the domain did for a while.
    pub(super) fn sweep_sometimes(&self) {
        if self.inner.registry.sweep_is_due(SWEEP_EVERY_MS) {
            // Housekeeping on the side of another operation: what fails here is left for the next time.
            let _ = self.sweep();
        }
    }

    /// Removes the name if it leads to an object that nobody uses and that is not persistent. Returns
    /// whether it did.
    pub(super) fn sweep_name(&self, dir: &OwnedFd, name: &str) -> Result<bool> {
        Ok(self.sweep_name_judged(dir, name)?.verdict == Verdict::Leftover)
    }

    /// The same, and says what it was and why it stays.
    pub(crate) fn sweep_name_judged(&self, dir: &OwnedFd, name: &str) -> Result<Judged> {
        self.alone(|| {
            let (fd, judged) = Judged::before(dir, name)?;
            let (Some(fd), Verdict::Leftover) = (fd, judged.verdict) else { return Ok(Some(judged)) };
            if !file::try_lock(fd.as_fd(), FileLock::Exclusive, super::segment::USE_BYTE, 1)? {
                // In use, if others share the lock. If somebody has it alone, the object is about to go.
                let shared = file::try_lock(fd.as_fd(), FileLock::Shared, super::segment::USE_BYTE, 1)?;
                return Ok(shared.then_some(Judged { verdict: Verdict::Used, ..judged }));
            }
            let removed = self.remove_locked(dir, name, &fd)?;
            Ok(removed.map(|removed| if removed { judged } else { Judged { verdict: Verdict::Gone, ..judged } }))
        })
    }

    /// Removes the name if it still leads to `fd`, on which the caller holds the exclusive use lock; `None`
    /// if somebody else is removing names right now. Only inside [`Domain::alone`].
    pub(super) fn remove_locked(&self, dir: &OwnedFd, name: &str, fd: &OwnedFd) -> Result<Option<bool>> {
        let Some(_names) = self.try_lock_names()? else { return Ok(None) };
        match file::stat_at(dir.as_fd(), name) {
            Ok(s) if s.same_file(&file::stat(fd.as_fd())?) => {
                file::unlink_at(dir.as_fd(), name)?;
                Ok(Some(true))
            }
            Ok(_) | Err(Error::NotFound(_)) => Ok(Some(false)),
            Err(other) => Err(other),
        }
    }

    /// Removes a whole domain directory if nobody lives in it.
    ///
    /// # Errors
    /// [`Error::Busy`] if somebody does, [`Error::Access`], [`Error::Invalid`], [`Error::Sys`].
    pub fn remove(path: &Path) -> Result<()> {
        if !path.is_absolute() {
            return Err(Error::invalid("the path is not absolute"));
        }
        fork::exclusive(|| Domain::remove_now(path)) // see alone()
    }

    fn remove_now(path: &Path) -> Result<()> {
        let dir = match file::open_dir(path) {
            Err(Error::NotFound(_)) => return Ok(()),
            other => other?,
        };
        let stat = file::stat(dir.as_fd())?;
        check_owner(&stat, stat.mode & 0o020 != 0)?;
        if let Ok(registry) = file::open_at(dir.as_fd(), REGISTRY) {
            let locked = file::try_lock(registry.as_fd(), FileLock::Exclusive, LOCK_BASE, ALL_BYTES)?;
            // Another remover may have been faster, and somebody may have moved in again since.
            let current = file::stat_at(dir.as_fd(), REGISTRY)
                .is_ok_and(|s| file::stat(registry.as_fd()).is_ok_and(|r| r.same_file(&s)));
            if !locked || !current {
                return Err(Error::Busy);
            }
            for name in file::list(path)? {
                if check_name(&name).is_ok() {
                    remove_unused(&dir, &name)?;
                }
            }
            // Last: whoever comes later finds no registry and begins a new domain.
            match file::unlink_at(dir.as_fd(), REGISTRY) {
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(other) => return Err(other),
            }
        }
        match file::remove_dir(path) {
            Ok(()) | Err(Error::NotFound(_)) => Ok(()),
            Err(Error::Sys { errno: libc::ENOTEMPTY, .. }) | Err(Error::Exists) => Ok(()), // foreign files stay
            Err(other) => Err(other),
        }
    }
}

/// What the sweeper thinks of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody uses it, and it is not persistent: to be removed.
    Leftover,
    /// Somebody uses it.
    Used,
    /// It stays until it is unlinked.
    Persistent,
    /// Not an object.
    Foreign,
    /// There is no such name, or it leads to another object by now.
    Gone,
}

/// A name, judged.
#[cfg_attr(not(feature = "tool"), allow(dead_code))] // kind and size are for people
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// `None`: of an unknown kind.
    pub(crate) kind: Option<Kind>,
    /// Bytes of memory behind it.
    pub(crate) allocated: u64,
}

impl Judged {
    /// What the file itself says, and the file. That nobody uses it is for the caller to find out.
    fn before(dir: &OwnedFd, name: &str) -> Result<(Option<OwnedFd>, Judged)> {
        let judged = Judged { verdict: Verdict::Gone, kind: None, allocated: 0 };
        let fd = match file::open_at(dir.as_fd(), name) {
            Err(Error::NotFound(_)) => return Ok((None, judged)),
            other => other?,
        };
        let stat = file::stat(fd.as_fd())?;
        let judged = Judged { verdict: Verdict::Foreign, allocated: stat.allocated, ..judged };
        if !stat.is_regular() {
            return Ok((None, judged));
        }
        let mut start = [0u8; 64];
        let n = file::read_start(fd.as_fd(), &mut start)?;
        let verdict = match Header::is_segment(&start[..n]) {
            false => Verdict::Foreign,
            true if Header::may_sweep(&start[..n]) => Verdict::Leftover,
            true => Verdict::Persistent,
        };
        Ok((Some(fd), Judged { verdict, kind: Header::kind_of(&start[..n]), ..judged }))
    }

    /// What a sweep would do, without doing it: takes no lock.
    #[cfg(feature = "tool")]
    pub(crate) fn only_look(dir: &OwnedFd, name: &str) -> Result<Judged> {
        let (fd, judged) = Judged::before(dir, name)?;
        let (Some(fd), Verdict::Leftover) = (fd, judged.verdict) else { return Ok(judged) };
        match file::is_locked(fd.as_raw_fd(), super::segment::USE_BYTE) {
            Some(false) => Ok(judged),
            Some(true) => Ok(Judged { verdict: Verdict::Used, ..judged }),
            None => Err(crate::sys::last("fcntl(F_OFD_GETLK)")),
        }
    }
}

/// Removes an object of a domain that nobody has joined, persistent or not.
fn remove_unused(dir: &OwnedFd, name: &str) -> Result<()> {
    let Ok(fd) = file::open_at(dir.as_fd(), name) else { return Ok(()) };
    let mut start = [0u8; 64];
    if !file::stat(fd.as_fd())?.is_regular() {
        return Ok(()); // not ours
    }
    let n = file::read_start(fd.as_fd(), &mut start)?;
    if !Header::is_segment(&start[..n]) {
        return Ok(()); // not ours
    }
    if !file::try_lock(fd.as_fd(), FileLock::Exclusive, super::segment::USE_BYTE, 1)? {
        return Err(Error::Busy);
    }
    file::unlink_at(dir.as_fd(), name)
}

impl Inner {
    /// The domain in a directory; the one this process has open already, if it has.
    fn directory(options: &DomainOptions) -> Result<Arc<Inner>> {
        let path = options.path.clone().unwrap_or_else(Domain::default_path);
        if !path.is_absolute() || path.as_os_str().len() > 3800 {
            return Err(Error::invalid("the domain's path is relative or too long"));
        }
        // Another process may be creating or removing the domain right now: look again, for a while.
        for _ in 0..1000 {
            let made = !options.existing && make_domain_dir(&path, options.group)?;
            match Inner::try_directory(&path, options) {
                Ok(Some(inner)) => return Ok(inner),
                Ok(None) => {}
                Err(error) => {
                    if made {
                        // Nothing left behind; if somebody moved in meanwhile it is not empty, and stays.
                        let _ = file::remove_dir(&path);
                    }
                    return Err(error);
                }
            }
            clock::nap();
        }
        Err(Error::Busy)
    }

    /// One attempt; `None`: look again.
    fn try_directory(path: &Path, options: &DomainOptions) -> Result<Option<Arc<Inner>>> {
        let dir = match file::open_dir(path) {
            Err(Error::NotFound(_)) if options.existing => return Err(Error::NotFound("the domain")),
            Err(Error::NotFound(_)) => return Ok(None),
            other => other?,
        };
        check_owner(&file::stat(dir.as_fd())?, options.group)?;
        let fd = match file::open_at(dir.as_fd(), REGISTRY) {
            Err(Error::NotFound(_)) if options.existing => return Err(Error::NotFound("the domain")),
            Err(Error::NotFound(_)) => {
                let fd = file::unnamed(dir.as_fd(), if options.group { 0o660 } else { 0o600 })?;
                file::reserve(fd.as_fd(), REGISTRY_LEN as u64)?;
                Registry::format(&fd)?;
                if options.group && file::stat(dir.as_fd())?.uid == process::euid() {
                    // Once more: whoever made the directory may have died before it could.
                    file::set_mode(dir.as_fd(), 0o2770)?;
                }
                match file::publish(fd.as_fd(), dir.as_fd(), REGISTRY) {
                    // Opened by name like everybody else's: one way in.
                    Ok(()) | Err(Error::Exists | Error::NotFound(_)) => return Ok(None),
                    Err(other) => return Err(other),
                }
            }
            other => other?,
        };
        let stat = file::stat(fd.as_fd())?;
        check_owner(&stat, options.group)?;
        if !stat.is_regular() || stat.links > 1 {
            return Err(Error::Access("the registry is not a regular file with one name"));
        }
        if let Some(inner) = Inner::already_open(&stat) {
            return Ok(Some(inner));
        }
        // The lock stays with the mapping made below, in forked children too.
        if !file::try_lock(fd.as_fd(), FileLock::Shared, GUARD_BYTE, 1)? || file::stat(fd.as_fd())?.links == 0 {
            return Ok(None); // being removed
        }
        Inner::map(&fd, stat, Place::Directory(path.to_path_buf()), options.group, true).map(Some)
    }

    /// The domain of this registry, if this process has it open.
    fn already_open(registry: &Stat) -> Option<Arc<Inner>> {
        let mut open = OPEN.lock().unwrap_or_else(|e| e.into_inner());
        open.retain(|inner| inner.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).find(|i| i.registry.stat.same_file(registry))
    }

    /// The domain of a registry that was inherited or received.
    fn of_registry(fd: BorrowedFd) -> Result<Arc<Inner>> {
        let stat = file::stat(fd)?;
        if !stat.is_regular() {
            return Err(Error::Corrupt("not the descriptor of a registry"));
        }
        if let Some(inner) = Inner::already_open(&stat) {
            return Ok(inner);
        }
        // By its path if this process sees it: then new objects can have names.
        if let Some(dir) = file::path_of(fd.as_raw_fd()).and_then(|p| p.parent().map(Path::to_owned)) {
            let here = file::open_dir(&dir).and_then(|d| file::stat_at(d.as_fd(), REGISTRY));
            if here.is_ok_and(|s| s.same_file(&stat)) {
                let options =
                    DomainOptions { group: stat.mode & 0o060 != 0, existing: true, ..DomainOptions::at(&dir) };
                if let Some(inner) = Inner::try_directory(&dir, &options)? {
                    return Ok(inner);
                }
            }
        }
        let own = file::reopen(fd.as_raw_fd())?;
        let sealed = file::is_sealed(own.as_fd());
        let group = !sealed && stat.mode & 0o060 != 0;
        if !sealed {
            // Not sealed: then it is only as safe as the people who may write to it.
            check_owner(&stat, group)?;
        }
        let held = file::try_lock(own.as_fd(), FileLock::Shared, GUARD_BYTE, 1)?;
        if !held || (!sealed && file::stat(own.as_fd())?.links == 0) {
            return Err(Error::Stale); // removed, or just being removed
        }
        Inner::by_descriptor(own, stat, group, true)
    }

    fn anonymous() -> Result<Arc<Inner>> {
        let fd = file::memory(c"mproc-registry")?;
        file::reserve(fd.as_fd(), REGISTRY_LEN as u64)?;
        Registry::format(&fd)?;
        file::seal(fd.as_fd())?;
        let stat = file::stat(fd.as_fd())?;
        Inner::by_descriptor(file::reopen(fd.as_raw_fd())?, stat, false, true)
    }

    fn by_descriptor(own: OwnedFd, stat: Stat, group: bool, shared: bool) -> Result<Arc<Inner>> {
        let inner = Inner::map(&own, stat, Place::Anonymous(own.as_raw_fd()), group, shared)?;
        let _ = own.into_raw_fd(); // closed with the domain
        Ok(inner)
    }

    /// Maps the registry, and remembers the domain as open if its membership is this process's.
    fn map(fd: &OwnedFd, stat: Stat, place: Place, group: bool, shared: bool) -> Result<Arc<Inner>> {
        let mut start = [0u8; super::header::PAGE];
        let n = file::read_start(fd.as_fd(), &mut start)?;
        let header = Header::parse(&start[..n], stat.size)?;
        if header.expect_kind(super::header::Kind::Registry).is_err() {
            return Err(Error::Corrupt("the registry is something else"));
        }
        if stat.size != REGISTRY_LEN as u64 || stat.allocated < stat.size {
            return Err(Error::Corrupt("the registry has the wrong size, or holes"));
        }
        let registry = Registry::map(fd, stat)?;
        let inner = Arc::new(Inner { place, id: header.domain(), group, registry, probe: Probe::new() });
        if shared {
            OPEN.lock().unwrap_or_else(|e| e.into_inner()).push(Arc::downgrade(&inner));
        }
        Ok(inner)
    }
}

/// Makes the directory if it is not there; whether it did.
fn make_domain_dir(path: &Path, group: bool) -> Result<bool> {
    let mode = if group { 0o2770 } else { 0o700 };
    match file::make_dir(path, mode & 0o777) {
        Ok(true) => match file::open_dir(path) {
            Ok(dir) => file::set_mode(dir.as_fd(), mode).map(|()| true),
            Err(Error::NotFound(_)) => Ok(false), // removed again at once: the caller looks again
            Err(other) => {
                let _ = file::remove_dir(path); // the error to report is the other one
                Err(other)
            }
        },
        Ok(false) => Ok(false),
        Err(Error::NotFound(_)) => Err(Error::NotFound("the directory above the domain's")),
        Err(other) => Err(other),
    }
}

/// Owner and mode of a directory or file of a domain.
fn check_owner(stat: &Stat, group: bool) -> Result<()> {
    if stat.mode & if group { 0o007 } else { 0o077 } != 0 {
        return Err(Error::Access("the domain is open to others than it should be (see MPROC_DOMAIN_GROUP)"));
    }
    // Members of a group's domain own their own files; the directory's mode decides who is a member.
    if !group && stat.uid != process::euid() {
        return Err(Error::Access("the domain belongs to another user"));
    }
    Ok(())
}

/// A name of an object: 1 to 200 of `[A-Za-z0-9._-]`, not starting with a dot.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(fine) {
        Ok(())
    } else {
        Err(Error::Name)
    }
}

/// "Does not exist" about an object.
pub(super) fn object<T>(result: Result<T>) -> Result<T> {
    result.map_err(|e| if matches!(e, Error::NotFound(_)) { Error::NotFound("the object") } else { e })
}
