//! `mproc gc`: removes what killed processes left behind. What goes and what stays is the library's own sweeper's
//! decision; here it only says why.

use super::cli::Context;
use super::exit::{code, Failure, Outcome};
use super::observe::Place;
use super::output::{self, Align, Cell, Table, BAD, BOLD, DIM, GOOD, NOTE, PLAIN};
use crate::shm::domain::{check_name, REGISTRY};
use crate::shm::{Judged, Verdict};
use crate::sys::file;
use crate::{Domain, DomainOptions, Error};
use serde_json::{json, Value};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
An object is removed if no process has it open and it was not made with MPROC_PERSIST; its memory is free again at \
once. The library does the same whenever a program opens or creates something (once a second), so this is for \
domains that nobody uses any more. Persistent objects stay until somebody removes them: see `mproc rm`.

Slots of dead processes in the registry are mentioned, but need no cleaning: the next processes take them.

Examples:
  mproc gc --dry-run -v
  for domain in /dev/shm/mproc-*; do mproc -d \"$domain\" gc; done

Exit codes:
   0  done, also if there was nothing to remove
   3  there is no domain
   8  not this user's domain
  10  another process removes names and does not go on (stopped?); what was
      done until then is done";

/// Remove objects that nobody uses any more
///
/// Sweeps the domain: removes what killed processes left behind, and says what it removed and why. Nothing that is in
/// use is touched, even if it comes into use at this very moment.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Args {
    /// Only say what would be removed: joins nothing, takes nothing, removes nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Also show what is kept, and why
    #[arg(short, long)]
    verbose: bool,
}

/// A name, and what came of it.
struct Seen {
    name: String,
    outcome: Result<Judged, Error>,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let path = context.path();
    let failed = |error: &Error| Failure::about(&shown(&path), error);
    let domain = if args.dry_run { None } else { Some(join_existing(&path)?) };
    let dir = match &domain {
        Some(domain) => domain.dir().map_err(|error| failed(&error))?,
        None => look_into(&path)?,
    };
    let mut names = file::list(&path).map_err(|error| failed(&error))?;
    names.retain(|name| name != REGISTRY);
    names.sort();
    let mut seen = Vec::new();
    for name in names {
        let outcome = match (&domain, check_name(&name)) {
            (_, Err(_)) => Ok(Judged { verdict: Verdict::Foreign, kind: None, allocated: 0 }),
            (None, _) => Judged::only_look(&dir, &name),
            (Some(domain), _) => domain.sweep_name_judged(&dir, &name),
        };
        // Somebody was stopped while removing a name: do not wait for them name by name.
        let stuck = outcome == Err(Error::Busy);
        seen.push(Seen { name, outcome });
        if stuck {
            break;
        }
    }
    let past = ended(&path);
    if context.json {
        output::print_json(&document(&path, args, &seen, past))?;
    } else {
        output::print(&text(args, &seen, past))?;
    }
    let worst = seen.iter().find_map(|seen| Some((&seen.name, seen.outcome.as_ref().err()?)));
    match worst {
        None => Ok(ExitCode::SUCCESS),
        Some((name, error)) => Err(Failure::new(code(error), format!("{}: {error}", output::printable(name)))),
    }
}

/// Joins a domain that is there, and is a group's or not as its directory says.
pub(super) fn join_existing(path: &Path) -> Result<Domain, Failure> {
    let group = std::fs::symlink_metadata(path).is_ok_and(|found| found.mode() & 0o020 != 0);
    Domain::open(&DomainOptions { group, existing: true, ..DomainOptions::at(path) })
        .map_err(|error| Failure::about(&shown(path), &error))
}

/// How many slots were those of processes that have ended; `None`: unknown.
fn ended(path: &Path) -> Option<usize> {
    let place = Place::open(path).ok()?;
    Some(place.registry.as_ref().ok()?.everybody().iter().filter(|party| party.is_dead()).count())
}

/// Opens a domain's directory only to look at it.
pub(super) fn look_into(path: &Path) -> Result<OwnedFd, Failure> {
    file::open_dir(path).map_err(|error| {
        let error = if matches!(error, Error::NotFound(_)) { Error::NotFound("the domain") } else { error };
        Failure::about(&shown(path), &error)
    })
}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    output::printable(&path.to_string_lossy())
}

/// For programs: what was done, and why.
fn words(judged: &Judged, dry: bool) -> (&'static str, &'static str) {
    match judged.verdict {
        Verdict::Leftover if dry => ("would_remove", "unused"),
        Verdict::Leftover => ("removed", "unused"),
        Verdict::Used => ("kept", "in_use"),
        Verdict::Persistent => ("kept", "persistent"),
        Verdict::Foreign => ("kept", "foreign"),
        Verdict::Gone => ("gone", "removed_by_another"),
    }
}

/// How many, and their memory.
fn sum(seen: &[Seen], verdict: Verdict) -> (u64, u64) {
    let found = seen.iter().filter_map(|seen| seen.outcome.as_ref().ok()).filter(|judged| judged.verdict == verdict);
    found.fold((0, 0), |(n, bytes), judged| (n + 1, bytes + judged.allocated))
}

fn document(path: &Path, args: &Args, seen: &[Seen], past: Option<usize>) -> Value {
    let objects = seen.iter().map(|Seen { name, outcome }| match outcome {
        Ok(judged) => {
            let (action, reason) = words(judged, args.dry_run);
            json!({
                "name": name,
                "kind": judged.kind.map(|kind| kind.name()),
                "bytes": judged.allocated,
                "action": action,
                "reason": reason,
            })
        }
        Err(error) => json!({ "name": name, "action": "failed", "reason": error.to_string() }),
    });
    let (removed, bytes) = sum(seen, Verdict::Leftover);
    json!({
        "domain": path.to_string_lossy(),
        "dry_run": args.dry_run,
        "removed": removed,
        "removed_bytes": bytes,
        "in_use": sum(seen, Verdict::Used).0,
        "persistent": sum(seen, Verdict::Persistent).0,
        "foreign": sum(seen, Verdict::Foreign).0,
        "failed": seen.iter().filter(|seen| seen.outcome.is_err()).count(),
        "ended_processes": past,
        "objects": objects.collect::<Vec<_>>(),
    })
}

fn text(args: &Args, seen: &[Seen], past: Option<usize>) -> String {
    let mut table = Table::new(&[
        ("WHAT", Align::Left),
        ("NAME", Align::Left),
        ("KIND", Align::Left),
        ("MEMORY", Align::Right),
        ("WHY", Align::Left),
    ]);
    for Seen { name, outcome } in seen {
        let (what, style, kind, memory, why) = match outcome {
            Ok(judged) => {
                let (what, style, why) = match judged.verdict {
                    Verdict::Leftover => {
                        let what = if args.dry_run { "would go" } else { "removed" };
                        (what, GOOD, "nobody uses it and it is not persistent".to_owned())
                    }
                    Verdict::Used => ("kept", PLAIN, "it is in use".to_owned()),
                    Verdict::Persistent => ("kept", PLAIN, format!("it is persistent: mproc rm {name}")),
                    Verdict::Foreign => ("kept", NOTE, "it is no object".to_owned()),
                    Verdict::Gone => ("gone", DIM, "somebody else removed it".to_owned()),
                };
                let kind = judged.kind.map_or("?", |kind| kind.name());
                (what, style, kind, output::size(judged.allocated), why)
            }
            Err(error) => ("failed", BAD, "?", String::new(), error.to_string()),
        };
        if args.verbose || !matches!(what, "kept" | "gone") {
            let cells =
                [(what, style), (name.as_str(), BOLD), (kind, PLAIN), (memory.as_str(), PLAIN), (why.as_str(), PLAIN)];
            table.row(cells.map(|(text, style)| Cell::new(text, style)).into());
        }
    }
    let mut out = String::new();
    if !table.is_empty() {
        out += &table.lines(usize::MAX).join("\n");
        out += "\n";
    }
    let (removed, bytes) = sum(seen, Verdict::Leftover);
    let verb = if args.dry_run { "would remove" } else { "removed" };
    out += &format!("{verb} {}", output::count(removed, "object"));
    if removed > 0 {
        out += &format!(" ({})", output::size(bytes));
    }
    let kept = [(Verdict::Used, "in use"), (Verdict::Persistent, "persistent"), (Verdict::Foreign, "no objects")]
        .map(|(verdict, what)| (sum(seen, verdict).0, what));
    let kept: Vec<String> = kept.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !kept.is_empty() {
        out += &format!("; kept {}", kept.join(", "));
    }
    out += "\n";
    if let Some(past @ 1..) = past {
        let slots = output::count(past as u64, "slot");
        out += &format!("{slots} of ended processes: nothing to clean, the next processes take them\n");
    }
    out
}
