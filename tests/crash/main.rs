//! Crash points: for every mutating operation, in several states of the object, and for every store or
//! system call k on its way: a real process is killed at exactly that point; then another one recovers
//! (and is itself killed at every point of that), and the invariants are checked.
//!
//! Needs the feature `crash-points`. A harness of its own, because it forks: one thread only.
//! `crash [FILTER]` runs the tests whose name contains FILTER. Without a filter the mutants follow: each
//! deliberately broken variant must make its named test fail.
#![allow(unsafe_code, missing_docs, dropping_copy_types)]

mod array;
mod container;
mod engine;
mod family;
mod fencing;
mod inplace;
mod jobs;
mod lifecycle;
mod lock;
mod many;
mod passing;
mod pipe;
mod queue;
mod random;
mod value;

use mproc::sys::crash::Mutant;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::{Command, ExitCode, Stdio};

/// A test and its name.
type Test = (&'static str, fn());

fn tests() -> Vec<Test> {
    [
        lock::TESTS,
        value::TESTS,
        array::TESTS,
        queue::TESTS,
        inplace::TESTS,
        jobs::TESTS,
        pipe::TESTS,
        family::TESTS,
        many::TESTS,
        container::TESTS,
        fencing::TESTS,
        lifecycle::TESTS,
        passing::TESTS,
        random::TESTS,
    ]
    .concat()
}

/// Which test each mutant must make fail.
const KILLERS: [(&str, &str); 32] = [
    ("publish-first", "queue_put"),
    ("no-journal", "array_struct_set"),
    ("flip-first", "value_snapshot_store"),
    ("no-fence", "fencing_containers"),
    ("same-token", "fencing_tokens"),
    ("no-steal", "lock_dead_holder"),
    ("no-owner-check", "lock_unlock_needs_owner"),
    ("trusted-length", "queue_impossible_record"),
    ("link-first", "create_appears_whole"),
    ("commit-first", "inplace_commit"),
    ("no-padding", "inplace_reserve"),
    ("lease-lost", "jobs_lease"),
    ("no-share", "jobs_join"),
    ("eof-first", "pipe_last_words"),
    ("terminator-late", "pipe_send"),
    ("unused-in-flight", "passing_in_flight_is_in_use"),
    ("no-regrant", "family_condition_passed_on"),
    ("no-break", "family_barrier_registered"),
    ("no-reclaim", "family_semaphore_reclaim"),
    ("reader-stays", "family_rwlock_dead_reader"),
    ("one-level", "family_condition_levels"),
    ("any-token", "family_rlock_levels"),
    ("pulse-lost", "family_event_pulse"),
    ("no-bound", "family_semaphore_plain"),
    ("wake-kept", "many_passes_on"),
    ("bell-only", "many_poll_put"),
    ("never-rung", "many_poll_armed_meanwhile"),
    ("no-undo", "container_dict"),
    ("block-lost", "container_nested"),
    ("handle-kept", "container_handles"),
    ("no-rollback", "container_dict"),
    ("shallow-free", "container_nested"),
];

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).filter(|a| !a.starts_with('-')).unwrap_or_default();
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in tests().into_iter().filter(|(name, _)| name.contains(&filter)) {
        engine::begin(name);
        match catch_unwind(AssertUnwindSafe(test)) {
            Ok(()) => {
                passed += 1;
                println!("ok {name}: {}", engine::summary());
            }
            Err(_) => {
                failed += 1;
                println!("FAILED {name}");
            }
        }
    }
    engine::clean_up();
    if filter.is_empty() {
        for (mutant, killer) in KILLERS {
            if mutant_is_caught(mutant, killer) {
                passed += 1;
                println!("ok mutant {mutant}: {killer} fails, as it must");
            } else {
                failed += 1;
                println!("FAILED mutant {mutant}: {killer} did not notice");
            }
        }
        assert_eq!(KILLERS.len(), Mutant::ALL.len(), "a mutant without a test");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one test in the mutant; it must report that very test as failed.
fn mutant_is_caught(mutant: &str, killer: &str) -> bool {
    let output = Command::new(std::env::current_exe().expect("own path"))
        .arg(killer)
        .env("MPROC_MUTANT", mutant)
        .stderr(Stdio::null())
        .output()
        .expect("run the mutant");
    let text = String::from_utf8_lossy(&output.stdout);
    !output.status.success() && text.lines().any(|l| l.starts_with(&format!("FAILED {killer}")))
}
