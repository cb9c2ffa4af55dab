//! What the kernel says in /proc, for people: processes, their mappings, file locks.

use crate::sys::file::{self, Stat};
use std::collections::{HashMap, HashSet};

/// A file as /proc names it: device and inode.
type Place = (u32, u32, u64);

fn place(stat: &Stat) -> Place {
    let (major, minor) = file::device(stat.dev);
    (major, minor, stat.ino)
}

/// "major:minor:inode", the first two in hexadecimal.
fn parse_place(device: &str, inode: &str) -> Option<Place> {
    let (major, minor) = device.split_once(':')?;
    Some((u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?, inode.parse().ok()?))
}

/// Every open-file-description lock of the system: on which file, from which byte to which.
pub(in crate::tool) struct Locks(Option<HashMap<Place, Vec<(u64, u64)>>>);

impl Locks {
    pub(in crate::tool) fn read() -> Locks {
        let Ok(text) = std::fs::read_to_string("/proc/locks") else { return Locks(None) };
        let mut locks: HashMap<Place, Vec<(u64, u64)>> = HashMap::new();
        for line in text.lines() {
            // 1: OFDLCK ADVISORY READ -1 00:1b:1035 1152921504606846976 1152921504606846976
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, "OFDLCK", _, _, _, file, start, end] = fields[..] else { continue };
            let Some((device, inode)) = file.rsplit_once(':') else { continue };
            let (Some(place), Ok(start)) = (parse_place(device, inode), start.parse()) else { continue };
            locks.entry(place).or_default().push((start, end.parse().unwrap_or(u64::MAX)));
        }
        Locks(Some(locks))
    }

    /// How many descriptions hold a lock on this byte of a file; `None`: unknown.
    pub(in crate::tool) fn count(&self, stat: &Stat, byte: i64) -> Option<usize> {
        let byte = u64::try_from(byte).ok()?;
        let ranges = self.0.as_ref()?.get(&place(stat));
        Some(ranges.map_or(0, |ranges| ranges.iter().filter(|(start, end)| (*start..=*end).contains(&byte)).count()))
    }
}

/// A running process.
#[derive(Clone)]
pub(in crate::tool) struct Running {
    /// Its command name, now.
    pub(in crate::tool) command: String,
    /// One letter, as in ps(1).
    pub(in crate::tool) letter: char,
    /// Clock ticks after boot.
    pub(in crate::tool) start_time: u64,
}

impl Running {
    /// The process with a pid, as this process sees pids.
    pub(in crate::tool) fn find(pid: u32) -> Option<Running> {
        // The command may contain anything: "pid (command) state ...", so cut at the last parenthesis.
        let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&bytes);
        let (open, close) = (stat.find('(')?, stat.rfind(')')?);
        let mut fields = stat.get(close + 1..)?.split_whitespace();
        let letter = fields.next()?.chars().next()?;
        // Field 22; these begin with field 4.
        let start_time = fields.nth(18)?.parse().ok()?;
        Some(Running { command: stat.get(open + 1..close)?.to_owned(), letter, start_time })
    }

    pub(in crate::tool) fn is_stopped(&self) -> bool {
        matches!(self.letter, 'T' | 't')
    }

    pub(in crate::tool) fn state(&self) -> &'static str {
        match self.letter {
            'R' => "running",
            'S' => "sleeping",
            'D' => "uninterruptible",
            'T' => "stopped",
            't' => "traced",
            'Z' => "zombie",
            'I' => "idle",
            'X' | 'x' => "dead",
            _ => "unknown",
        }
    }
}

/// How long ago a process began that began so many clock ticks after boot, in nanoseconds.
pub(in crate::tool) fn age(start_time: u64) -> Option<u64> {
    // As /proc counts: in hundredths of a second on every architecture that Rust knows.
    const TICK: u64 = 10_000_000;
    let uptime: f64 = std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    Some(((uptime * 1e9) as u64).saturating_sub(start_time.saturating_mul(TICK)))
}

/// The files that a process has mapped; `None`: we may not look, or it is gone.
pub(in crate::tool) struct Mapped(HashSet<Place>);

impl Mapped {
    pub(in crate::tool) fn by(pid: u32) -> Option<Mapped> {
        let maps = std::fs::read(format!("/proc/{pid}/maps")).ok()?;
        let mut places = HashSet::new();
        for line in maps.split(|&b| b == b'\n') {
            // 7f0000000000-7f0000001000 rw-s 00000000 00:1b 1035   /dev/shm/...
            let line = String::from_utf8_lossy(line);
            let mut fields = line.split_whitespace().skip(3);
            if let Some(place) = fields.next().zip(fields.next()).and_then(|(d, i)| parse_place(d, i)) {
                places.insert(place);
            }
        }
        Some(Mapped(places))
    }

    pub(in crate::tool) fn contains(&self, stat: &Stat) -> bool {
        self.0.contains(&place(stat))
    }
}

/// Every process that there is.
pub(in crate::tool) fn pids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}
