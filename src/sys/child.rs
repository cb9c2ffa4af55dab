//! Child processes: posix_spawn, pidfds, reaping.

use super::{crash, errno, file, fork, last};
use crate::{Error, Result};
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// How a child process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// A child that has not been reaped yet.
pub(crate) struct Child {
    pid: i32,
    /// None before Linux 5.3.
    pidfd: Option<OwnedFd>,
}

fn pointers(texts: &[CString]) -> Vec<*mut libc::c_char> {
    texts.iter().map(|t| t.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
}

impl Child {
    /// Runs a program, found along PATH. It inherits `descriptors` under their numbers, and nothing else that
    /// is close-on-exec.
    pub(crate) fn spawn(argv: &[CString], envp: &[CString], descriptors: &[i32]) -> Result<Child> {
        let program = argv.first().ok_or(Error::invalid("argv is empty"))?;
        crash::point("posix_spawn");
        let (args, environment) = (pointers(argv), pointers(envp));
        let mut actions = std::mem::MaybeUninit::<libc::posix_spawn_file_actions_t>::uninit();
        let mut pid = 0;
        // SAFETY: `actions` is initialised before use and destroyed after; argv and envp are NULL-terminated
        // lists of strings that live until the call returns.
        let result = unsafe {
            match libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) {
                0 => {}
                errno => return Err(Error::Sys { call: "posix_spawn_file_actions_init", errno }),
            }
            let mut result = 0;
            for &fd in descriptors {
                // To its own number: the child's copy loses the close-on-exec flag (POSIX.1-2024; glibc 2.29, musl).
                if result == 0 {
                    result = libc::posix_spawn_file_actions_adddup2(actions.as_mut_ptr(), fd, fd);
                }
            }
            if result == 0 {
                // Not while another thread holds an exclusive file lock for a moment: see Domain::alone.
                result = fork::exclusive(|| {
                    libc::posix_spawnp(
                        &mut pid,
                        program.as_ptr(),
                        actions.as_ptr(),
                        std::ptr::null(),
                        args.as_ptr(),
                        environment.as_ptr(),
                    )
                });
            }
            libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
            result
        };
        match result {
            0 => {}
            libc::ENOENT => return Err(Error::NotFound("the program")),
            libc::EACCES => return Err(Error::Access("the program cannot be executed")),
            errno => return Err(Error::Sys { call: "posix_spawn", errno }),
        }
        crash::point("spawned");
        // SAFETY: the pid is our unreaped child's; a new descriptor (close-on-exec) or an error comes back.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        // SAFETY: the kernel just gave us this descriptor.
        let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd as i32) });
        Ok(Child { pid, pidfd })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// The descriptor that becomes readable at its end, if it is still ours.
    pub(crate) fn pidfd(&self) -> Option<i32> {
        self.pidfd.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Reaps it if it has ended; afterwards the Child must not be used any more.
    pub(crate) fn reap(&self) -> Result<Option<Exit>> {
        loop {
            let mut status = 0;
            // SAFETY: a valid output.
            let got = unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) };
            if got == self.pid {
                return Ok(Some(if libc::WIFSIGNALED(status) {
                    Exit::Signal(libc::WTERMSIG(status))
                } else {
                    Exit::Code(libc::WEXITSTATUS(status))
                }));
            }
            if got == 0 {
                return Ok(None);
            }
            if errno() != libc::EINTR {
                return Err(last("waitpid"));
            }
        }
    }

    /// Sends a signal; nothing happens if it has ended.
    pub(crate) fn kill(&self, signal: i32) -> Result<()> {
        let result = match &self.pidfd {
            // SAFETY: a live descriptor and integers.
            Some(fd) => unsafe {
                libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal, std::ptr::null::<u8>(), 0)
            },
            // SAFETY: integers only; the child is not reaped, so the pid is still its own.
            None => i64::from(unsafe { libc::kill(self.pid, signal) }),
        };
        match if result < 0 { errno() } else { 0 } {
            0 | libc::ESRCH => Ok(()),
            libc::EINVAL => Err(Error::invalid("no such signal")),
            _ => Err(last("kill")),
        }
    }
}

/// The environment of this process.
pub(crate) fn environment() -> Vec<CString> {
    use std::os::unix::ffi::OsStringExt;
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok()
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Takes over a descriptor of which only the number is known, if it is that of file `inode`; from here on it is
/// close-on-exec.
pub(crate) fn take_over(fd: i32, inode: u64) -> Option<OwnedFd> {
    if !file::is_inode(fd, inode) || file::close_on_exec(fd).is_err() {
        return None;
    }
    // SAFETY: open (just looked at). That nobody else owns it is the promise that goes with a token.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
