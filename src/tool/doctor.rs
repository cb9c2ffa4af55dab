//! `mproc doctor`: whether this machine and this domain are as the library needs them. It looks only: it joins nothing,
//! and what it tries, it tries with files that have no name.

use super::cli::Context;
use super::exit::{Outcome, NO};
use super::observe::{Depth, Entry, Place};
use super::output::{self, BAD, BOLD, DIM, GOOD, NOTE};
use crate::shm::domain::REGISTRY;
use crate::shm::header::PAGE;
use crate::shm::registry::REGISTRY_LEN;
use crate::shm::SLOTS;
use crate::sys::file::{self, Stat};
use crate::sys::probe::{self, FileSystem, Limit};
use crate::sys::{fork, memory, process};
use crate::Error;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
What it looks at:
  directory  where the domain is or would be: file system, space, unnamed files, linking, reserving, file locks
  kernel     what the library rests on, and what it does better with
  system     /proc, pid namespace, systemd-logind, memory, overcommit
  limits     of this process, as its shell gave them to it: run it as the user, and where, the programs run
  domain     owner, modes, the registry, processes, leftovers, damaged objects

Examples:
  mproc doctor
  mproc doctor --json | grep '\"status\": \"fail\"'
  sudo -u www-data mproc -d /dev/shm/mproc-www doctor

Exit codes:
  0  nothing fails (there may be warnings)
  1  something fails: programs that use this domain will not work, or not all of the time";

/// Check whether machine and domain are in order
///
/// Each check says OK, WARN or FAIL; where it is not OK, also what that means and what to do about it. It looks only: it
/// does not join the domain and changes nothing, and it can be run beside working programs at any time.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Args {
    /// Also say of what is OK what it is needed for
    #[arg(short, long)]
    verbose: bool,
}

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Warn,
    Fail,
}

struct Check {
    section: &'static str,
    /// For programs; stable.
    id: &'static str,
    /// What it is needed for, or what it means if it is not so.
    meaning: &'static str,
    status: Status,
    finding: String,
    /// What to do; empty if it is well.
    advice: String,
}

/// What was found so far.
struct Report {
    section: &'static str,
    checks: Vec<Check>,
}

impl Report {
    fn add(&mut self, id: &'static str, meaning: &'static str, (status, finding, advice): Finding) {
        self.checks.push(Check { section: self.section, id, meaning, status, finding, advice });
    }

    fn number(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

/// Status, what was found, what to do.
type Finding = (Status, String, String);

fn ok(finding: impl Into<String>) -> Finding {
    (Status::Ok, finding.into(), String::new())
}

fn warn(finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    (Status::Warn, finding.into(), advice.into())
}

fn fail(finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    (Status::Fail, finding.into(), advice.into())
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let path = context.path();
    let mut report = Report { section: "directory", checks: Vec::new() };
    let found = directory(&path, &mut report);
    report.section = "kernel";
    kernel(&mut report);
    report.section = "system";
    system(&path, &mut report);
    report.section = "limits";
    limits(&mut report);
    if let Some(dir) = found {
        report.section = "domain";
        domain(&path, dir, &mut report);
    }
    let failed = report.number(Status::Fail);
    if context.json {
        output::print_json(&document(&path, &report))?;
    } else {
        output::print(&text(&path, &report, args.verbose))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warn => "warn",
        Status::Fail => "fail",
    }
}

fn document(path: &Path, report: &Report) -> Value {
    let checks = report.checks.iter().map(|check| {
        json!({
            "section": check.section,
            "check": check.id,
            "status": word(check.status),
            "finding": check.finding,
            "meaning": check.meaning,
            "advice": if check.advice.is_empty() { Value::Null } else { check.advice.as_str().into() },
        })
    });
    json!({
        "domain": path.to_string_lossy(),
        "ok": report.number(Status::Ok),
        "warn": report.number(Status::Warn),
        "fail": report.number(Status::Fail),
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn text(path: &Path, report: &Report, verbose: bool) -> String {
    let shown = |text: &str| output::printable(text);
    let mut out = format!("domain {}\n", shown(&path.to_string_lossy()));
    let mut section = "";
    for check in &report.checks {
        if check.section != section {
            section = check.section;
            out += &format!("\n{}\n", output::styled(section, BOLD));
        }
        let (mark, style) = match check.status {
            Status::Ok => ("OK  ", GOOD),
            Status::Warn => ("WARN", NOTE),
            Status::Fail => ("FAIL", BAD),
        };
        out += &format!("  {}  {}\n", output::styled(mark, style), shown(&check.finding));
        if verbose || check.status != Status::Ok {
            out += &format!("        {}\n", output::styled(check.meaning, DIM));
        }
        if !check.advice.is_empty() {
            out += &format!("        to do: {}\n", shown(&check.advice));
        }
    }
    let [good, warned, failed] = [Status::Ok, Status::Warn, Status::Fail].map(|status| report.number(status));
    out + &format!("\n{good} OK, {}, {failed} FAIL\n", output::count(warned as u64, "WARN").replace("WARNs", "WARN"))
}

// --- where the domain is --------------------------------------------------------------------------------------------

/// Checks the directory; returns the domain's, if it is there.
fn directory(path: &Path, report: &mut Report) -> Option<OwnedFd> {
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

// --- the kernel -----------------------------------------------------------------------------------------------------

fn kernel(report: &mut Report) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let wiped = match fork::WipedOnFork::new() {
        Ok(_) => ok(format!("Linux {release}: memory can be wiped on fork")),
        Err(error) => fail(format!("Linux {release}: {error}"), "Linux 4.14 or later is needed"),
    };
    report.add("wipe_on_fork", "a forked child must not take itself for its parent (MADV_WIPEONFORK)", wiped);
    let pages = match probe::page_size() {
        4096 => ok("memory pages have 4 KiB"),
        other => fail(
            format!("memory pages have {}", output::size(other)),
            "queues and pipes cannot be used; the other objects can",
        ),
    };
    report.add("page_size", "rings are mapped twice in a row, in units of 4 KiB", pages);
    let waiting = if probe::has_futex_waitv() {
        ok("futex_waitv is there")
    } else {
        warn(
            "futex_waitv is not there: before Linux 5.16, or filtered by a sandbox",
            "nothing, if 1 to 10 ms do not matter; else a newer kernel, or a newer seccomp profile (docker, libseccomp)",
        )
    };
    let meaning = "one wait for several words; without it cancelling, and waiting for many, looks every 1 to 10 ms";
    report.add("futex_waitv", meaning, waiting);
    let sealing = match file::memory(c"mproc-doctor").and_then(|fd| {
        file::seal(fd.as_fd())?;
        Ok(file::is_sealed(fd.as_fd()))
    }) {
        Ok(true) => ok("memory files can be sealed"),
        Ok(false) => fail("memory files stay unsealed", "a sandbox? Allow fcntl(F_ADD_SEALS)"),
        Err(error) => fail(format!("memory files cannot be made: {error}"), "a sandbox? Allow memfd_create"),
    };
    report.add("memory_files", "objects and domains without a name are sealed memory files (memfd)", sealing);
    let advice = "wait in a thread instead; or allow epoll, timerfd and unix sockets in the sandbox";
    let bells = match (probe::has_nested_epoll(), abstract_socket()) {
        (Ok(true), Ok(())) => ok("epoll, timers and unix sockets are there"),
        (Ok(false), _) => warn("a timer inside an epoll is not noticed", advice),
        (Err(error), _) => warn(error.to_string(), advice),
        (_, Err(error)) => warn(format!("unix sockets with abstract names: {error}"), advice),
    };
    report.add("bells", "descriptors of queues and pipes for event loops (MPROC_POLLABLE) are made of these", bells);
}

/// Whether a unix socket can have a name outside the file system.
fn abstract_socket() -> std::io::Result<()> {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let name = format!("mproc-doctor-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    UnixDatagram::unbound()?.send_to_addr(b"?", &socket.local_addr()?)?;
    Ok(())
}

// --- the system -----------------------------------------------------------------------------------------------------

fn system(path: &Path, report: &mut Report) {
    proc_file_system(report);
    const LOGIND: &str =
        "with RemoveIPC=yes, systemd-logind deletes files of ordinary users in /dev/shm at their last logout";
    if path.starts_with("/dev/shm") {
        let uid = process::euid();
        let set = remove_ipc(Path::new("/"));
        let advice = "RemoveIPC=no in /etc/systemd/logind.conf, then systemctl restart systemd-logind; or: loginctl \
                      enable-linger USER; or run the programs as a system user";
        let finding = match set {
            _ if uid < first_ordinary_user() => ok("this is a system user: systemd-logind leaves its files alone"),
            _ if !Path::new("/run/systemd/seats").exists() => ok("systemd-logind does not run here"),
            Some(false) => ok("systemd-logind has RemoveIPC=no"),
            Some(true) => warn("systemd-logind has RemoveIPC=yes", advice),
            None => warn("systemd-logind has no RemoveIPC set: the default is yes (on RHEL: no)", advice),
        };
        report.add("remove_ipc", LOGIND, finding);
    }
    let left = memory::available();
    let text = format!("{} of memory can still be taken", output::size(left));
    let memory = match left {
        u64::MAX => warn("it cannot be found out how much memory is free", "mount /proc"),
        0..=0x03ff_ffff => warn(text, "raise the container's or unit's memory limit (memory.max), or free some"),
        _ => ok(text),
    };
    let meaning =
        "of the machine and within the limits of control groups; shared memory counts as the process's that made it";
    report.add("memory", meaning, memory);
    let overcommit = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default();
    let finding = match overcommit.trim() {
        "2" => warn("overcommit is off", "sysctl vm.overcommit_memory=0, or a larger vm.overcommit_ratio"),
        mode => ok(format!("overcommit is {}", if mode == "1" { "always on" } else { "on" })),
    };
    report.add("overcommit", "without it creation may fail with MPROC_ENOMEM although memory is free", finding);
}

fn proc_file_system(report: &mut Report) {
    const MEANING: &str = "handles are reopened and names are given through /proc/self/fd";
    if fs::read_link("/proc/self/fd/0").is_err() && fs::read_dir("/proc/self/fd").is_err() {
        report.add("proc", MEANING, fail("/proc is not mounted", "mount -t proc proc /proc"));
        return;
    }
    report.add("proc", MEANING, ok("/proc is mounted"));
    if hides_processes() && process::euid() != 0 {
        let finding = warn("/proc hides the processes of others (hidepid)", "nothing, or run mproc as root");
        report.add("hidepid", "ls, ps and inspect see less; the library does not mind", finding);
    }
    let meaning = "pids shown for processes are those of their own namespace; who lives is known across namespaces";
    let finding = match fs::read_link("/proc/self/ns/pid") {
        // The number of the first namespace is fixed (include/linux/proc_ns.h: PROC_PID_INIT_INO).
        Ok(link) if link.as_os_str() == "pid:[4026531836]" => ok("this is the machine's own pid namespace"),
        Ok(_) => ok("this is a pid namespace of its own (a container)"),
        Err(error) => warn(format!("the pid namespace is unknown: {error}"), "nothing"),
    };
    report.add("pid_namespace", meaning, finding);
}

fn hides_processes() -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let of_proc = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (at, options) = (fields.next()?.to_owned(), fields.nth(1)?.to_owned());
        (at == "/proc").then_some(options)
    };
    // The last one is on top.
    let options = mounts.lines().filter_map(of_proc).next_back().unwrap_or_default();
    let hidden = options.split(',').find_map(|option| option.strip_prefix("hidepid="));
    hidden.is_some_and(|how| !matches!(how, "0" | "off"))
}

/// The first user id that is not a system user's (`login.defs(5)`).
fn first_ordinary_user() -> u32 {
    let text = fs::read_to_string("/etc/login.defs").unwrap_or_default();
    let last = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("SYS_UID_MAX")).then(|| words.next()?.parse::<u32>().ok())?
    });
    last.unwrap_or(999).saturating_add(1)
}

/// What systemd-logind's configuration below `root` says about RemoveIPC; `None`: nothing (`logind.conf(5)`).
fn remove_ipc(root: &Path) -> Option<bool> {
    const PLACES: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];
    // Of files of the same name that of the first place counts; drop-ins come after the main file, by name.
    let main = PLACES.iter().map(|place| root.join(place).join("logind.conf")).find(|path| path.exists());
    let mut extra: BTreeMap<std::ffi::OsString, PathBuf> = BTreeMap::new();
    for place in PLACES.iter().rev() {
        let Ok(entries) = fs::read_dir(root.join(place).join("logind.conf.d")) else { continue };
        for entry in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "conf")) {
            extra.insert(entry.file_name(), entry.path());
        }
    }
    let mut set = None;
    for path in main.into_iter().chain(extra.into_values()) {
        let mut in_login = false;
        for line in fs::read_to_string(path).unwrap_or_default().lines().map(str::trim) {
            if line.starts_with('[') {
                in_login = line == "[Login]";
            } else if let (true, Some((key, value))) = (in_login, line.split_once('=')) {
                if key.trim() == "RemoveIPC" {
                    set = match value.trim().to_ascii_lowercase().as_str() {
                        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
                        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
                        _ => set,
                    };
                }
            }
        }
    }
    set
}

// --- limits ---------------------------------------------------------------------------------------------------------

fn limits(report: &mut Report) {
    const ROOM: u64 = 1 << 30;
    let check = |of, few: u64, shown: fn(u64) -> String, noun: &str, option: &str| match probe::limit(of) {
        Ok(None) => ok(format!("{noun}: no limit")),
        Ok(Some(most)) if most >= few => ok(format!("{noun}: up to {}", shown(most))),
        Ok(Some(most)) => warn(
            format!("{noun}: only {}", shown(most)),
            format!("raise it (ulimit {option}, LimitNOFILE= etc. of units)"),
        ),
        Err(error) => warn(format!("{noun}: {error}"), "nothing"),
    };
    let descriptors = check(Limit::Descriptors, 256, |n| n.to_string(), "open descriptors", "-n");
    let meaning = "a process needs one for the domain, and one for each handle on a queue, a pipe or a nameless object";
    report.add("descriptors", meaning, descriptors);
    let length = check(Limit::FileSize, ROOM, output::size, "length of files", "-f");
    report.add("file_size", "an object is a file: a longer one is refused, or ends the process (SIGXFSZ)", length);
    let space = check(Limit::AddressSpace, ROOM, output::size, "address space", "-v");
    report.add("address_space", "objects are mapped, queues and pipes twice in a row", space);
}

// --- the domain -----------------------------------------------------------------------------------------------------

fn domain(path: &Path, dir: OwnedFd, report: &mut Report) {
    let stat = match file::stat(dir.as_fd()) {
        Ok(stat) => stat,
        Err(error) => return report.add("owner", "who owns the domain", fail(error.to_string(), "try again")),
    };
    owner(path, &stat, report);
    if let Some(place) = registry(path, &dir, &stat, report) {
        objects(&place, report);
    }
}

fn owner(path: &Path, stat: &Stat, report: &mut Report) {
    let (shown, mode, group) = (path.display(), stat.mode & 0o7777, stat.mode & 0o020 != 0);
    let finding = if stat.uid != process::euid() && !group {
        let advice = format!("run mproc as user {}, or use a domain of your own", stat.uid);
        fail(format!("it belongs to user {}, this is user {}", stat.uid, process::euid()), advice)
    } else if mode & 0o007 != 0 {
        let mode_wanted = if group { "2770" } else { "700" };
        fail(format!("its mode is {mode:o}: open to everybody"), format!("chmod {mode_wanted} {shown}"))
    } else if group {
        let text = format!("it is a group's (mode {mode:o}): programs open it with MPROC_DOMAIN_GROUP");
        if mode & 0o2070 == 0o2070 {
            ok(text)
        } else {
            fail(text, format!("chmod 2770 {shown}, so that all members can, and new files are the group's"))
        }
    } else if mode & 0o050 != 0 {
        fail(format!("its mode is {mode:o}: neither private nor a group's"), format!("chmod 700 {shown}, or 2770"))
    } else if mode & 0o700 != 0o700 {
        fail(format!("its mode is {mode:o}: its owner may not use it"), format!("chmod 700 {shown}"))
    } else {
        ok(format!("it is this user's alone (mode {mode:o})"))
    };
    report.add("owner", "a domain that others could change is refused with MPROC_EACCES", finding);
}

/// The registry: its file, its first page, and who lives according to it. `None`: there is none.
fn registry(path: &Path, dir: &OwnedFd, above: &Stat, report: &mut Report) -> Option<Place> {
    const MEANING: &str = "the registry says who has joined; without it, or with a damaged one, nobody can";
    let again = format!("end all programs that use the domain, then mproc -d {} rm --all", path.display());
    let stat = match file::stat_at(dir.as_fd(), REGISTRY) {
        Ok(stat) => stat,
        Err(Error::NotFound(_)) => {
            report.add("registry", MEANING, ok("there is none yet: the next program makes it"));
            return None;
        }
        Err(error) => {
            report.add("registry", MEANING, fail(format!("the registry cannot be looked at: {error}"), again));
            return None;
        }
    };
    let place = match Place::open(path) {
        Ok(place) => place,
        Err(failure) => {
            report.add("registry", MEANING, fail(failure.text, "try again: it was just removed"));
            return None;
        }
    };
    let wrong =
        judge_registry(&stat, above).or_else(|| Some(format!("the registry: {}", place.registry.as_ref().err()?)));
    let finding = match wrong {
        None => ok(format!("the registry is whole (memory layout {})", crate::LAYOUT_VERSION)),
        Some(why) if matches!(place.registry, Err(Error::Version(_))) => {
            fail(why, format!("use programs of one version of the library; or {again}"))
        }
        Some(why) => fail(why, again),
    };
    report.add("registry", MEANING, finding);
    if let Ok(registry) = &place.registry {
        let everybody = registry.everybody();
        let unknown = everybody.iter().filter(|party| party.alive.is_none()).count();
        let past = everybody.iter().filter(|party| party.is_dead()).count();
        let finding = slots(everybody.len() - past - unknown, past, unknown);
        report.add("processes", "so many living processes can have joined; each slot is free again at once", finding);
    }
    Some(place)
}

fn slots(living: usize, past: usize, unknown: usize) -> Finding {
    if unknown > 0 {
        return warn(format!("of {unknown} slots it cannot be found out who lives"), "see file locks above");
    }
    let text = format!("{living} of {SLOTS} slots are taken by living processes, {past} were by others");
    match living {
        0..=920 => ok(text),
        ..SLOTS => warn(text, "end some, or use several domains: the rest is refused with MPROC_ESLOTS"),
        _ => fail(text, "end some, or use several domains: new ones are refused with MPROC_ESLOTS"),
    }
}

/// Why a registry's file cannot be used.
fn judge_registry(stat: &Stat, above: &Stat) -> Option<String> {
    if !stat.is_regular() {
        return Some("the registry is not a regular file".into());
    }
    if stat.links != 1 {
        return Some("the registry's file has another name".into());
    }
    let group = above.mode & 0o020 != 0;
    if stat.mode & if group { 0o007 } else { 0o077 } != 0 {
        return Some(format!("the registry's mode is {:o}: open to others", stat.mode & 0o7777));
    }
    if !group && stat.uid != above.uid {
        return Some(format!("the registry belongs to user {}", stat.uid));
    }
    (stat.size == REGISTRY_LEN as u64 && stat.allocated < stat.size).then(|| "the registry has holes".into())
}

fn objects(place: &Place, report: &mut Report) {
    const DAMAGED: &str = "calls on a damaged object say MPROC_ECORRUPT, MPROC_EVERSION or MPROC_EACCES";
    let entries = match place.entries(Depth::BRIEF) {
        Ok(entries) => entries,
        Err(failure) => return report.add("objects", DAMAGED, fail(failure.text, "let this user read the directory")),
    };
    let (mut whole, mut leftover, mut memory) = (0u64, 0u64, 0u64);
    let (mut damaged, mut foreign, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &entries {
        match entry {
            Entry::Object(object) => {
                match object.damage.first() {
                    Some(why) => damaged.push(format!("{} ({why})", object.name)),
                    None if object.file.stat.links > 1 => {
                        damaged.push(format!("{} (its file has another name)", object.name))
                    }
                    None => whole += 1,
                }
                if object.in_use == Some(false) && !object.persistent {
                    leftover += 1;
                    memory += object.file.stat.allocated;
                }
            }
            Entry::Foreign { name, what: "not readable", .. } => unreadable.push(output::printable_bytes(name)),
            Entry::Foreign { name, .. } => foreign.push(output::printable_bytes(name)),
        }
    }
    let finding = match damaged.is_empty() {
        true => ok(format!("{} in order", objects_of(whole))),
        false => fail(
            format!("{} damaged: {}", objects_of(damaged.len() as u64), some_of(&damaged)),
            "mproc inspect NAME says more; mproc rm NAME removes it: programs that have it open go on with the old one",
        ),
    };
    report.add("objects", DAMAGED, finding);
    let finding = match leftover {
        0 => ok("no leftovers"),
        n => warn(format!("{} that nobody uses: {}", objects_of(n), output::size(memory)), "mproc gc"),
    };
    report.add(
        "leftovers",
        "what killed processes leave goes when anybody opens or creates something, or with mproc gc",
        finding,
    );
    if !unreadable.is_empty() {
        let finding = warn(some_of(&unreadable), "run this as their owner");
        report.add("unreadable", "of these it cannot be said whether they are in order", finding);
    }
    if !foreign.is_empty() {
        let text =
            format!("{} that are no objects: {}", output::count(foreign.len() as u64, "file"), some_of(&foreign));
        let finding = warn(text, "move them elsewhere");
        report.add("foreign_files", "they stay when the domain is removed, and it with them", finding);
    }
}

fn objects_of(n: u64) -> String {
    output::count(n, "object")
}

/// The first few.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        format!("{shown} and {} more", names.len() - MOST)
    } else {
        shown
    }
}
