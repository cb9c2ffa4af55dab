//! Threads for requests that wait or take long. Each has one to itself; a thread without one waits a while for the next.

use super::guard;
use crate::sys::thread;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// The threads and what is to be done.
pub(super) struct Jobs {
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
    /// The last thread has ended its job.
    done: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// Jobs that run or are in the queue.
    jobs: usize,
    ending: bool,
}

/// How long a thread waits for the next job.
const LINGER: Duration = Duration::from_secs(5);
/// Datums are at most 64 deep, and nothing else recurses. Memory is only taken as it is used.
const STACK: usize = 1 << 20;

impl Jobs {
    pub(super) fn new(most: usize) -> Arc<Jobs> {
        let (changed, done) = (Condvar::new(), Condvar::new());
        Arc::new(Jobs { most, state: Mutex::new(State::default()), changed, done })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        guard(&self.state).jobs
    }

    /// Has a thread run it.
    ///
    /// # Errors
    /// [`Error::Quota`], [`Error::Sys`].
    pub(super) fn start(self: &Arc<Self>, job: Job) -> Result<()> {
        let mut state = guard(&self.state);
        if state.jobs >= self.most || state.ending {
            return Err(Error::Quota("requests that wait"));
        }
        state.jobs += 1;
        if state.idle > state.queue.len() {
            state.queue.push_back(job);
            self.changed.notify_one();
            return Ok(());
        }
        drop(state);
        let jobs = self.clone();
        let thread = std::thread::Builder::new().name("mproc-request".into()).stack_size(STACK);
        thread.spawn(move || jobs.run(job)).map(|_| ()).map_err(|error| {
            guard(&self.state).jobs -= 1;
            Error::Sys { call: "pthread_create", errno: error.raw_os_error().unwrap_or(0) }
        })
    }

    fn run(&self, first: Job) {
        thread::block_signals();
        let mut job = Some(first);
        while let Some(now) = job.take() {
            // A bug in one request is not the end of the others.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(now));
            let mut state = guard(&self.state);
            state.jobs -= 1;
            if state.jobs == 0 {
                self.done.notify_all();
            }
            state.idle += 1;
            loop {
                job = state.queue.pop_front();
                if job.is_some() || state.ending {
                    break;
                }
                let (again, timeout) = self.changed.wait_timeout(state, LINGER).unwrap_or_else(|e| e.into_inner());
                state = again;
                if timeout.timed_out() {
                    job = state.queue.pop_front();
                    break;
                }
            }
            state.idle -= 1;
        }
    }

    /// Waits until all that was started is done. Nothing can be started any more.
    pub(super) fn finish(&self) {
        let mut state = guard(&self.state);
        state.ending = true;
        self.changed.notify_all();
        while state.jobs > 0 {
            state = self.done.wait_timeout(state, Duration::from_millis(100)).unwrap_or_else(|e| e.into_inner()).0;
        }
    }
}
