//! A program bound to the life of this process: it is killed when this process dies, and can be left descriptors.
//! And the signals that the two of them have to agree about. The other way round: what a process that is bound to the
//! one that started it has from there.

use super::{errno, last};
use crate::{Error, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What would end or stop this process, and is of interest to a program it runs.
const PASSED_ON: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTSTP,
    libc::SIGCONT,
];

/// A signal that has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signal {
    pub number: i32,
    /// From the kernel: a key at the terminal, or its end. The whole process group has got it.
    pub from_terminal: bool,
}

/// Signals that are kept until they are asked for. To be made before there are other threads, which inherit that.
pub(crate) struct Signals {
    kept: libc::sigset_t,
    before: libc::sigset_t,
}

fn set_of(numbers: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set, sigaddset takes any number.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for &number in numbers {
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        set.assume_init()
    }
}

/// Changes which signals this thread keeps; gives what it was before.
fn mask(how: i32, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = MaybeUninit::uninit();
    // SAFETY: two valid sets; with a valid `how` it cannot fail, and writes the old set.
    unsafe {
        libc::pthread_sigmask(how, set, before.as_mut_ptr());
        before.assume_init()
    }
}

fn is_ignored(number: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a valid output, initialised if the call succeeds.
    unsafe {
        libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

fn default(number: i32) {
    // SAFETY: the default action, no handler.
    unsafe { libc::signal(number, libc::SIG_DFL) };
}

impl Signals {
    /// From here on, signals to this process wait for [`Signals::next`]; but those that it was started to ignore
    /// (`nohup`, a script's background) stay ignored.
    pub(crate) fn keep() -> Signals {
        let wanted: Vec<i32> = PASSED_ON.into_iter().filter(|&number| !is_ignored(number)).collect();
        // Ignored, it would reap the program behind our back.
        default(libc::SIGCHLD);
        let kept = set_of(&[wanted.as_slice(), &[libc::SIGCHLD]].concat());
        Signals { kept, before: mask(libc::SIG_BLOCK, &kept) }
    }

    /// The same of these signals only; and of `always`, also if it was ignored.
    pub(crate) fn keep_these(numbers: &[i32], always: i32) -> Signals {
        let mut wanted: Vec<i32> = numbers.iter().copied().filter(|&number| !is_ignored(number)).collect();
        default(always);
        wanted.push(always);
        let kept = set_of(&wanted);
        Signals { kept, before: mask(libc::SIG_BLOCK, &kept) }
    }

    /// The next signal: waits for it, or (zero) only looks. `None`: there was none in time.
    pub(crate) fn next(&self, within: Option<Duration>) -> Option<Signal> {
        let timeout = within.map(|d| libc::timespec {
            tv_sec: libc::time_t::try_from(d.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: d.subsec_nanos().into(),
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: a valid set, a valid output, and a valid timespec or none.
        let number = unsafe { libc::sigtimedwait(&self.kept, info.as_mut_ptr(), timeout) };
        if number <= 0 {
            return None; // nothing in time, or interrupted by a stop: whoever waits asks again
        }
        // SAFETY: the call succeeded, and has filled it in.
        let code = unsafe { info.assume_init() }.si_code;
        Some(Signal { number, from_terminal: code > 0 })
    }

    /// Ends this process by a signal, as it would have ended without keeping it.
    pub(crate) fn die_of(&self, number: i32) -> ! {
        default(number);
        // SAFETY: integers only.
        unsafe { libc::raise(number) };
        mask(libc::SIG_SETMASK, &self.before); // here
        std::process::exit(128 + number)
    }

    /// Stops this process as the terminal's stop key would have (in an orphaned process group: not at all). Returns
    /// when it goes on.
    pub(crate) fn stop(&self) {
        // SAFETY: integers only.
        unsafe { libc::raise(libc::SIGTSTP) };
        let stop = set_of(&[libc::SIGTSTP]);
        mask(libc::SIG_UNBLOCK, &stop); // here
        mask(libc::SIG_BLOCK, &stop);
    }

    /// Starts a program that is killed when this process dies, however that comes about. It inherits the descriptors,
    /// under their numbers, and the signals as they were before.
    pub(crate) fn spawn(&self, command: &mut Command, inherited: &[BorrowedFd]) -> std::io::Result<Child> {
        let inherited: Vec<i32> = inherited.iter().map(AsRawFd::as_raw_fd).collect();
        let before = self.before;
        // SAFETY: no preconditions.
        let parent = unsafe { libc::getpid() };
        let bind = move || {
            // SAFETY: integers and a set of signals; all of it async-signal-safe.
            unsafe {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                if libc::getppid() != parent {
                    libc::_exit(128 + libc::SIGKILL); // it died before that
                }
                for &fd in &inherited {
                    if libc::fcntl(fd, libc::F_SETFD, 0) != 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
            }
            Ok(())
        };
        // SAFETY: `bind` only makes async-signal-safe calls, and allocates nothing (an error of the system is a
        // number).
        unsafe { command.pre_exec(bind) };
        command.spawn()
    }

    /// Sends a signal to a program that was not reaped yet.
    pub(crate) fn send(child: &Child, number: i32) -> Result<()> {
        let pid = i32::try_from(child.id()).map_err(|_| Error::invalid("absurd pid"))?;
        // SAFETY: integers only; the child is not reaped, so the pid is still its own.
        match unsafe { libc::kill(pid, number) } {
            0 => Ok(()),
            _ if errno() == libc::ESRCH => Ok(()),
            _ => Err(last("kill")),
        }
    }
}

/// Has a signal sent to this process whenever the thread ends that started it, or that stands in for that one since.
/// (Whether the process of that thread has ended, the parent's pid tells.)
pub(crate) fn tell_of_parent(number: i32) -> Result<()> {
    // SAFETY: integers only.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) } {
        0 => Ok(()),
        _ => Err(last("prctl")),
    }
}

/// Takes over descriptors of which only the numbers are known, because whoever started this process said so. Once.
pub(crate) fn take_over_from(first: i32, count: usize) -> Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Error::invalid("they were taken over before"));
    }
    let end = i32::try_from(count).ok().and_then(|count| first.checked_add(count));
    let numbers = first..end.ok_or(Error::invalid("absurdly many descriptors"))?;
    // All of them are open, before the first one is owned.
    for fd in numbers.clone() {
        // SAFETY: integers only.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
            return Err(last("fcntl"));
        }
    }
    // SAFETY: they are open. That nobody else owns them is what whoever started this process has promised, and that
    // they are taken once is looked after above.
    Ok(numbers.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}

/// Whether a descriptor is a stream socket that listens.
pub(crate) fn is_listening(fd: BorrowedFd) -> bool {
    let option = |name: i32| {
        let (mut value, mut len) = (0_i32, size_of::<i32>() as libc::socklen_t);
        // SAFETY: a valid descriptor, and outputs of the length that is said.
        let result = unsafe {
            let value = std::ptr::from_mut(&mut value).cast();
            libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, name, value, &mut len)
        };
        (result == 0).then_some(value)
    };
    option(libc::SO_TYPE) == Some(libc::SOCK_STREAM) && option(libc::SO_ACCEPTCONN) == Some(1)
}

/// Nothing more comes from standard output: whoever reads it sees its end. What is still written goes nowhere.
pub(crate) fn end_output() -> Result<()> {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
    let nowhere = nowhere.map_err(|error| Error::Sys { call: "open", errno: error.raw_os_error().unwrap_or(0) })?;
    // SAFETY: two numbers; standard output is nobody's in particular.
    match unsafe { libc::dup2(nowhere.as_raw_fd(), libc::STDOUT_FILENO) } {
        0.. => Ok(()),
        _ => Err(last("dup2")),
    }
}
