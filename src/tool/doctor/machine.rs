//! The machine: what the library rests on in the kernel, the system around it, and the limits of this process.

use super::{fail, ok, warn, Report};
use crate::sys::probe::{self, Limit};
use crate::sys::{file, fork, memory, process};
use crate::tool::output;
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::path::{Path, PathBuf};

pub(super) fn kernel(report: &mut Report) {
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
            "nothing, if 1 to 10 ms do not matter; else a newer kernel, or a newer seccomp profile (docker)",
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

pub(super) fn system(path: &Path, report: &mut Report) {
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

pub(super) fn limits(report: &mut Report) {
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
