//! How much memory there is. Reserving beyond a control group's limit ends in an OOM kill instead of an
//! error, so large objects ask first.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that can still be taken: the machine's MemAvailable and what every control group above this
/// process has left (v1 and v2), whichever is least. `u64::MAX` where nothing can be found out.
pub(crate) fn available() -> u64 {
    machine().min(control_groups())
}

fn machine() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else { return u64::MAX };
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib.saturating_mul(1024))
}

fn control_groups() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/self/cgroup") else { return u64::MAX };
    let mut least = u64::MAX;
    for line in text.lines() {
        // "0::/path" is v2; "N:memory:/path" is v1's memory controller.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            least = least.min(ancestors(Path::new("/sys/fs/cgroup"), path, "memory.max", "memory.current"));
        } else if controllers.split(',').any(|c| c == "memory") {
            let root = Path::new("/sys/fs/cgroup/memory");
            least = least.min(ancestors(root, path, "memory.limit_in_bytes", "memory.usage_in_bytes"));
        }
    }
    least
}

/// The least that is left in `root/path` and every group above it.
fn ancestors(root: &Path, path: &str, limit: &str, usage: &str) -> u64 {
    let mut least = u64::MAX;
    let mut group: PathBuf = root.join(path);
    loop {
        if let (Some(limit), Some(usage)) = (number(&group.join(limit)), number(&group.join(usage))) {
            // Cache the kernel would drop before it kills counts as free.
            least = least.min(limit.saturating_sub(usage).saturating_add(reclaimable(&group)));
        }
        if group == root || !group.pop() || !group.starts_with(root) {
            return least;
        }
    }
}

/// Inactive page cache, which the kernel drops before it kills.
fn reclaimable(group: &Path) -> u64 {
    let Ok(text) = fs::read_to_string(group.join("memory.stat")) else { return 0 };
    let find = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    find("total_inactive_file ").or_else(|| find("inactive_file ")).unwrap_or(0)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok() // "max" is not a number: no limit
}
