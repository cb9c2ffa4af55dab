//! Forking, dying at the k-th point, and trying every k.

use mproc::sys::crash;
use mproc::{Domain, DomainOptions, Limits};
use std::cell::{Cell, OnceCell};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

thread_local! {
    static NAME: Cell<&'static str> = const { Cell::new("") };
    static DEATHS: Cell<u64> = const { Cell::new(0) };
    static DOMAIN: OnceCell<Domain> = const { OnceCell::new() };
}

/// Long enough for anything that works, and an error instead of a hang for what does not.
pub fn soon() -> Limits<'static> {
    Limits::within(Duration::from_secs(2))
}

pub fn directory() -> PathBuf {
    PathBuf::from(format!("/dev/shm/mproc-crash-test-{}", std::process::id()))
}

/// The domain of this test program.
pub fn domain() -> Domain {
    DOMAIN.with(|d| d.get_or_init(|| Domain::open(&DomainOptions::at(directory())).expect("open the domain")).clone())
}

extern "C" fn too_long(_: libc::c_int) {
    let name = NAME.with(Cell::get);
    for part in ["FAILED ", name, ": hangs (watchdog)\n"] {
        // SAFETY: write is async-signal-safe; the text is valid.
        unsafe { libc::write(1, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: _exit is async-signal-safe.
    unsafe { libc::_exit(3) }
}

pub fn begin(name: &'static str) {
    domain(); // here, and not first in a child
    NAME.with(|n| n.set(name));
    DEATHS.with(|d| d.set(0));
    // SAFETY: a handler that only uses async-signal-safe calls.
    unsafe {
        libc::signal(libc::SIGALRM, too_long as extern "C" fn(libc::c_int) as libc::sighandler_t);
        libc::alarm(90);
    }
}

/// Children that died otherwise than in [`child`].
pub fn count_deaths(n: u64) {
    DEATHS.with(|d| d.set(d.get() + n));
}

pub fn summary() -> String {
    format!("{} deaths", DEATHS.with(Cell::get))
}

pub fn clean_up() {
    // SAFETY: no preconditions.
    unsafe { libc::alarm(0) };
    let path = directory();
    let dir = std::fs::read_dir(&path).map(|d| d.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect());
    let left: Vec<String> = dir.unwrap_or_default();
    // The membership ends with the process; the directory is removed by force.
    let _ = std::fs::remove_dir_all(&path);
    let objects: Vec<_> = left.iter().filter(|n| !n.starts_with('.')).collect();
    if !objects.is_empty() {
        println!("note: left in the domain by failed tests: {objects:?}");
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its operation returned.
    Returned,
    /// It died at its crash point.
    Died,
}

/// Runs `f` in a forked process that dies at its `k`-th crash point (0: at none), and waits for it. `ready`
/// runs before the points are counted.
pub fn child(k: u64, ready: impl FnOnce(), f: impl FnOnce()) -> End {
    // SAFETY: this program has one thread, so the child may do anything.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ready();
            crash::arm(k);
            f();
            crash::arm(0);
        }));
        // SAFETY: ends this process without running the parent's destructors.
        unsafe { libc::_exit(if result.is_ok() { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: a valid output; our own child.
    let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!(waited, pid);
    if libc::WIFSIGNALED(status) {
        assert_eq!(libc::WTERMSIG(status), libc::SIGKILL, "the child crashed by itself at point {k}");
        DEATHS.with(|d| d.set(d.get() + 1));
        return End::Died;
    }
    assert_eq!(libc::WEXITSTATUS(status), 0, "the child's operation failed (point {k})");
    End::Returned
}

/// A child that has joined the domain before its points are counted.
pub fn member(k: u64, f: impl FnOnce()) -> End {
    child(k, || drop(domain().me().expect("join")), f)
}

/// Kills `op` at every point; after each death `check` must hold. Fresh state each time.
pub fn every_point<C>(setup: impl Fn() -> C, op: impl Fn(&C), check: impl Fn(&C, End)) {
    for k in 1.. {
        assert!(k < 5000, "too many points: does the operation loop?");
        let state = setup();
        let end = member(k, || op(&state));
        check(&state, end);
        if end == End::Returned {
            break;
        }
    }
}

/// Lets `other` happen at every point of `op`, in the same process. Fresh state each time.
pub fn meanwhile<C: Send + Sync + 'static>(setup: impl Fn() -> C, op: impl Fn(&C), other: fn(&C), check: impl Fn(&C)) {
    for k in 1.. {
        assert!(k < 5000, "too many points: does the operation loop?");
        let state = Arc::new(setup());
        let happened = Arc::new(AtomicBool::new(false));
        let (theirs, flag) = (state.clone(), happened.clone());
        crash::arm_call(k, move || {
            flag.store(true, Ordering::SeqCst);
            other(&theirs);
        });
        op(&state);
        crash::arm(0);
        if !happened.load(Ordering::SeqCst) {
            break;
        }
        check(&state);
    }
}

/// Kills `op` at every point, and after each death kills `recovery` at every point, and then checks.
pub fn every_pair<C>(setup: impl Fn() -> C, op: impl Fn(&C), recovery: impl Fn(&C), check: impl Fn(&C, End)) {
    for k in 1.. {
        assert!(k < 5000, "too many points: does the operation loop?");
        let mut end = End::Died;
        for j in 1.. {
            assert!(j < 5000, "too many points: does the recovery loop?");
            let state = setup();
            end = member(k, || op(&state));
            let recovered = member(j, || recovery(&state));
            check(&state, end);
            if recovered == End::Returned {
                break;
            }
        }
        if end == End::Returned {
            break;
        }
    }
}

/// A forked process that runs beside this one, dying at its `k`-th point (0: at none).
pub struct Beside(pub libc::pid_t);

impl Beside {
    pub fn run(k: u64, f: impl FnOnce()) -> Beside {
        // SAFETY: this program has one thread, so the child may do anything.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork failed");
        if pid == 0 {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                drop(domain().me().expect("join"));
                crash::arm(k);
                f();
                crash::arm(0);
            }));
            // SAFETY: ends this process without running the parent's destructors.
            unsafe { libc::_exit(if result.is_ok() { 0 } else { 1 }) };
        }
        Beside(pid)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        // SAFETY: a zeroed siginfo is valid; our own child, which stays to be waited for.
        unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PID, self.0 as libc::id_t, &mut info, flags) == 0 && info.si_pid() == self.0
        }
    }

    pub fn kill(&self) {
        // SAFETY: our own child, not waited for yet.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }

    /// How it ended.
    pub fn end(self) -> End {
        let mut status = 0;
        // SAFETY: a valid output; our own child.
        assert_eq!(unsafe { libc::waitpid(self.0, &mut status, 0) }, self.0);
        if libc::WIFSIGNALED(status) {
            assert_eq!(libc::WTERMSIG(status), libc::SIGKILL, "the process beside crashed by itself");
            count_deaths(1);
            return End::Died;
        }
        assert_eq!(libc::WEXITSTATUS(status), 0, "the process beside failed");
        End::Returned
    }
}
