//! Facts about this process, for people only.

/// Pid, start time and command name of the calling process.
pub(crate) struct Facts {
    pub pid: u32,
    /// Clock ticks after boot, or 0.
    pub start_time: u64,
    /// Command name, zero-padded.
    pub command: [u8; 32],
}

pub(crate) fn facts() -> Facts {
    let mut facts = Facts { pid: std::process::id(), start_time: 0, command: [0; 32] };
    // "pid (command) state ...": the command may contain anything, so cut at the last parenthesis.
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
        if let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) {
            for (to, from) in facts.command[..31].iter_mut().zip(stat[open + 1..close].bytes()) {
                *to = from;
            }
            // Field 22; the text after the command starts with field 3.
            facts.start_time = stat[close + 1..].split_whitespace().nth(19).and_then(|f| f.parse().ok()).unwrap_or(0);
        }
    }
    facts
}

/// The effective user id.
pub(crate) fn euid() -> u32 {
    // SAFETY: no preconditions.
    unsafe { libc::geteuid() }
}

/// Whether the program runs with more rights than its caller has (set-user-id and the like).
pub(crate) fn is_privileged() -> bool {
    // SAFETY: no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Processors online: with one, spinning only keeps the other side from running.
pub(crate) fn processors() -> usize {
    // SAFETY: no preconditions.
    let n = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(n).unwrap_or(1).max(1)
}

/// 128 random bits.
pub(crate) fn random_id() -> crate::Result<[u8; 16]> {
    let mut id = [0u8; 16];
    loop {
        // SAFETY: the buffer has 16 bytes.
        let n = unsafe { libc::getrandom(id.as_mut_ptr().cast(), id.len(), 0) };
        if n == 16 {
            return Ok(id);
        }
        if n < 0 && super::errno() != libc::EINTR {
            return Err(super::last("getrandom"));
        }
    }
}
