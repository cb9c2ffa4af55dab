//! Where the domain is or would be: the directory, its file system, and what the library does with files there.

use super::{fail, ok, warn, Finding, Report};
use crate::shm::header::PAGE;
use crate::shm::registry::REGISTRY_LEN;
use crate::sys::file;
use crate::sys::probe::{self, FileSystem};
use crate::tool::output;
use crate::Error;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Checks the directory; returns the domain's, if it is there.
pub(super) fn directory(path: &Path, report: &mut Report) -> Option<OwnedFd> {
    const MEANING: &str = "the domain is a directory, and its objects are files in it";
    if !path.is_absolute() {
        report.add("directory", MEANING, fail("the domain's path is relative", "give an absolute one"));
        return None;
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => match file::open_dir(path) {
            Ok(dir) => {
                report.add("directory", MEANING, ok("the domain's directory is there"));
                tried(&dir, path, report);
                Some(dir)
            }
            Err(error) => {
                let advice = format!("its owner is user {}: run this as that user, or use another domain", found.uid());
                report.add("directory", MEANING, fail(format!("it cannot be opened: {error}"), advice));
                None
            }
        },
        Ok(found) => {
            let what = if found.is_symlink() { "a symbolic link" } else { kind_of_file(found.file_type()) };
            report.add("directory", MEANING, fail(format!("it is {what}"), "move it away, or use another path"));
            None
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            above(path, report);
            None
        }
        Err(error) => {
            let advice = "make the directories above it accessible to this user, or use another path";
            report.add("directory", MEANING, fail(format!("it cannot be looked at: {error}"), advice));
            None
        }
    }
}

/// There is no domain yet: checks the directory that it would be made in.
fn above(path: &Path, report: &mut Report) {
    const MEANING: &str = "a domain's directory is made by the first program that opens it, but not the one above it";
    let parent = path.parent().unwrap_or(Path::new("/"));
    let shown = parent.display();
    // Other than the domain's own directory, it may be reached through a symbolic link.
    let opened = fs::canonicalize(parent).and_then(|real| Ok((file::open_dir(&real), fs::metadata(&real)?)));
    match opened {
        Ok((Ok(dir), found)) if found.is_dir() => {
            report.add("directory", MEANING, ok(format!("there is no domain yet; {shown} is there")));
            if found.mode() & 0o002 != 0 && found.mode() & 0o1000 == 0 {
                let meaning = "without the sticky bit everybody can remove and replace everybody's domains";
                let finding = format!("{shown} has mode {:o}", found.mode() & 0o7777);
                report.add("sticky", meaning, warn(finding, format!("chmod 1777 {shown}")));
            }
            tried(&dir, parent, report);
        }
        Ok((Err(error), _)) => {
            let advice = "let this user read and write it, or choose another place with MPROC_DOMAIN";
            report.add("directory", MEANING, fail(format!("{shown} cannot be opened: {error}"), advice));
        }
        Ok(_) => report.add("directory", MEANING, fail(format!("{shown} is not a directory"), "use another path")),
        Err(error) => {
            let advice = format!("mount -t tmpfs -o mode=1777 tmpfs {shown} (in a container: run it with --shm-size)");
            report.add("directory", MEANING, fail(format!("{shown}: {error}"), advice));
        }
    }
}

fn kind_of_file(kind: fs::FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "a file",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_fifo() => "a fifo",
        _ => "not a directory",
    }
}

/// What the library does with files, tried with one that has no name.
fn tried(dir: &OwnedFd, path: &Path, report: &mut Report) {
    let mut room = true;
    match probe::file_system(dir.as_fd()) {
        Ok(found) => {
            report.add("file_system", "memory that is shared, is in files of a tmpfs", kind_of_file_system(&found));
            space(&found, path, report);
            room =
                found.space.is_none_or(|(_, free)| free >= PAGE as u64) && found.files.is_none_or(|(_, free)| free > 0);
        }
        Err(error) => report.add("file_system", "it says what it is and what is free", warn(error.to_string(), "")),
    }
    const UNNAMED: &str = "objects are made as files without a name (O_TMPFILE), and get it when they are whole";
    let unnamed = match file::unnamed(dir.as_fd(), 0o600) {
        Ok(unnamed) => unnamed,
        Err(Error::NoSpace(_)) if !room => return, // said already
        Err(error) => {
            let advice = match &error {
                Error::NotSupported(_) => "use a tmpfs, as /dev/shm",
                Error::Access(_) => "let this user write there, or choose another place with MPROC_DOMAIN",
                _ => "use another directory",
            };
            report.add("unnamed_files", UNNAMED, fail(format!("a file cannot be made: {error}"), advice));
            return;
        }
    };
    report.add("unnamed_files", UNNAMED, ok("files without a name can be made"));
    // "." is always taken: everything up to the link itself is done, and nothing made.
    let linking = match file::publish(unnamed.as_fd(), dir.as_fd(), ".") {
        Err(Error::Exists) => ok("they can be given names"),
        other => fail(
            format!("they cannot be given names: {}", other.err().unwrap_or(Error::Exists)),
            "mount /proc: the name is given through /proc/self/fd",
        ),
    };
    report.add("linking", "an object becomes visible by linkat()", linking);
    if room {
        let reserving = match file::reserve(unnamed.as_fd(), PAGE as u64) {
            Ok(()) => ok("memory can be reserved"),
            Err(error) => fail(format!("memory cannot be reserved: {error}"), "use a tmpfs, as /dev/shm"),
        };
        let meaning = "objects take all their memory (fallocate) when they are made, so that using them cannot fail";
        report.add("reserving", meaning, reserving);
    }
    let advice = "use a tmpfs of this machine and Linux 3.15 or later; some sandboxes (gVisor) lack these locks";
    let locks = match probe::has_file_locks(unnamed.as_fd()) {
        Ok(true) => ok("file locks work"),
        Ok(false) => fail("file locks do not exclude each other", advice),
        Err(error) => fail(format!("file locks do not work: {error}"), advice),
    };
    report.add("file_locks", "that a process lives and that an object is used are OFD locks", locks);
}

fn kind_of_file_system(found: &FileSystem) -> Finding {
    let advice = "mount a tmpfs there, or use a domain in /dev/shm";
    let name = match found.kind {
        0x0102_1994 => return ok("it is on a tmpfs"),
        0x8584_58f6 => "ramfs (no limit: it can take all memory)",
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x794c_7630 => "overlayfs",
        0x6969 => return fail("it is on nfs", advice),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => return fail("it is on a network share (SMB)", advice),
        0x0102_1997 => return fail("it is on 9p: memory there is not shared", advice),
        0x6573_5546 => return fail("it is on FUSE: memory there may not be shared", advice),
        _ => "a file system that nobody has tried",
    };
    warn(format!("it is on {name}, not on a tmpfs: what is written goes to disk, sooner or later"), advice)
}

fn space(found: &FileSystem, path: &Path, report: &mut Report) {
    const MEANING: &str =
        "an object that does not fit is refused with MPROC_ENOSPC; in containers /dev/shm is often 64 MiB";
    const SMALL: u64 = 64 << 20;
    if found.read_only {
        report.add("writable", "objects are files", fail("the file system is read-only", "mount -o remount,rw"));
    }
    let shown = path.display();
    let grow =
        format!("mount -o remount,size=1G {shown} (docker: --shm-size=1g; Kubernetes: an emptyDir of medium Memory)");
    let finding = match found.space {
        None => ok("its size has no limit but the machine's memory"),
        Some((all, free)) => {
            let text = format!("{} of {} are free", output::size(free), output::size(all));
            match () {
                () if free < 2 * REGISTRY_LEN as u64 => fail(text, format!("remove something (mproc gc), or {grow}")),
                () if all <= SMALL => warn(text, grow),
                () if free < all / 20 => warn(text, format!("look what takes it (mproc ls, df), or {grow}")),
                () => ok(text),
            }
        }
    };
    report.add("space", MEANING, finding);
    if let Some((all, free)) = found.files {
        let text = format!("{free} of {all} files are free");
        let advice = format!("mount -o remount,nr_inodes=1M {shown}");
        let finding = match free {
            0 => fail(text, advice),
            1..=99 => warn(text, advice),
            _ => ok(text),
        };
        report.add("files", "each object is a file", finding);
    }
}
