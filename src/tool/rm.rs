//! `mproc rm`: removes names, and whole domains.

use super::cli::Context;
use super::exit::{code, is_not_found, Failure, Outcome, BUSY, NOT_FOUND, USAGE};
use super::gc::{join_existing, look_into, shown};
use super::observe::{Depth, Entry, Place};
use super::output;
use crate::manager::Site;
use crate::shm::domain::{check_name, REGISTRY};
use crate::sys::file;
use crate::{Domain, Error};
use serde_json::{json, Value};
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
Nothing is asked. A removed object is gone at once if nobody uses it; otherwise its users go on with it, it is gone \
with the last of them, and until then a new object can have the name: they do not meet.

Of several names all that can be removed are; the exit code is that of the first that could not.

Examples:
  mproc rm jobs results
  mproc rm -f visits            # in a script that does not care whether it is there
  mproc -d /dev/shm/mproc-1000 rm --all

Exit codes:
   0  removed, or with -f: not there
   3  no such object or domain
   8  not this user's domain
  10  --all: somebody lives in the domain, or uses one of its objects";

/// Remove objects, or a whole domain
///
/// Removes the names of objects, persistent or not, damaged or not, in use or not. With --all, the whole domain is
/// removed: its objects, its registry and its directory, unless a process lives in it.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Args {
    /// Objects to remove
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// Remove all objects and the domain itself, also a damaged one
    #[arg(long)]
    all: bool,
    /// Whatever is not there is as good as removed
    #[arg(short, long)]
    force: bool,
    /// Also say what is removed if nobody uses it
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    if context.manager()?.is_some() {
        return at_manager(context, args);
    }
    let path = context.path();
    if args.all {
        return all(context, args, &path);
    }
    // Of what cannot be a name there is nothing to force.
    for name in &args.names {
        check_name(name).map_err(|error| Failure::about(&output::printable(name), &error))?;
    }
    let domain = match join_existing(&path) {
        Ok(domain) => domain,
        Err(failure) if args.force && failure.code == NOT_FOUND => {
            if context.json {
                let absent: Vec<Value> =
                    args.names.iter().map(|name| json!({ "name": name, "action": "absent" })).collect();
                output::print_json(&json!({ "domain": path.to_string_lossy(), "objects": absent }))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(failure) => return Err(failure),
    };
    let place = Place::open(&path)?;
    let mut worst = None;
    let mut done = Vec::new();
    for name in &args.names {
        let (kind, users) = match place.object(name, Depth::BRIEF) {
            Ok(Some(Entry::Object(object))) => (object.kind.map_or("object", |kind| kind.name()), object.users),
            _ => ("file", Some(0)),
        };
        match domain.unlink(name) {
            Ok(()) => {
                done.push(json!({ "name": name, "action": "removed", "kind": kind, "users": users }));
                if !context.json {
                    match users {
                        Some(0) if args.verbose => output::print_line(&format!("removed {kind} {name}"))?,
                        Some(0) => {}
                        Some(n) => {
                            let users = output::count(n as u64, "user");
                            let on = if n == 1 { "goes on" } else { "go on" };
                            output::print_line(&format!("removed {kind} {name}; its {users} {on} with it"))?;
                        }
                        None => {
                            output::print_line(&format!("removed {kind} {name}; if it has users, they go on with it"))?
                        }
                    }
                }
            }
            Err(Error::NotFound(_)) if args.force => done.push(json!({ "name": name, "action": "absent" })),
            Err(error) => {
                done.push(json!({ "name": name, "action": "failed", "reason": error.to_string() }));
                anstream::eprintln!("mproc: {name}: {error}");
                worst = worst.or(Some(code(&error)));
            }
        }
    }
    if context.json {
        output::print_json(&json!({ "domain": path.to_string_lossy(), "objects": done }))?;
    }
    Ok(worst.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Names that a manager has.
fn at_manager(context: &Context, args: &Args) -> Outcome {
    if args.all {
        return Err(Failure::new(USAGE, "--all is for a domain: a manager's objects go with the manager"));
    }
    let (address, link) = context.connection()?;
    let site = Site::Manager(link);
    let mut worst = None;
    let mut done = Vec::new();
    for name in &args.names {
        match check_name(name).and_then(|()| site.unlink(name)) {
            Ok(()) => {
                done.push(json!({ "name": name, "action": "removed" }));
                if args.verbose && !context.json {
                    output::print_line(&format!("removed {name}"))?;
                }
            }
            Err(error) if args.force && is_not_found(&error) => done.push(json!({ "name": name, "action": "absent" })),
            Err(error) => {
                done.push(json!({ "name": name, "action": "failed", "reason": error.to_string() }));
                anstream::eprintln!("mproc: {}: {error}", output::printable(name));
                worst = worst.or(Some(code(&error)));
            }
        }
    }
    if context.json {
        output::print_json(&json!({ "manager": address.to_string(), "objects": done }))?;
    }
    Ok(worst.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// `mproc rm --all`.
fn all(context: &Context, args: &Args, path: &Path) -> Outcome {
    if let Err(failure) = look_into(path) {
        if !(args.force && failure.code == NOT_FOUND) {
            return Err(failure);
        }
        if context.json {
            output::print_json(&json!({ "domain": path.to_string_lossy(), "removed": 0, "kept": [] }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let before = names(path)?;
    Domain::remove(path).map_err(|error| match error {
        Error::Busy => Failure::new(BUSY, format!("{}: {}", shown(path), inhabited(path))),
        error => Failure::about(&shown(path), &error),
    })?;
    // What is no object stays, and the directory with it.
    let kept = if path.exists() { names(path)? } else { Vec::new() };
    let removed = before.iter().filter(|name| !kept.contains(name)).count();
    if context.json {
        output::print_json(&json!({ "domain": path.to_string_lossy(), "removed": removed, "kept": kept }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.verbose {
        output::print_line(&format!("removed {} of {}", output::count(removed as u64, "object"), shown(path)))?;
    }
    if path.exists() {
        let what = output::printable(&kept.join(", "));
        output::print_line(&format!("the directory stays: not the library's, or new: {what}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The names in a domain's directory, without the registry.
fn names(path: &Path) -> Result<Vec<String>, Failure> {
    let mut names = file::list(path).map_err(|error| Failure::about(&shown(path), &error))?;
    names.retain(|name| name != REGISTRY);
    names.sort();
    Ok(names)
}

/// Why a domain cannot be removed.
fn inhabited(path: &Path) -> String {
    let everybody = Place::open(path).ok().and_then(|place| Some(place.registry.as_ref().ok()?.everybody()));
    let mut living = everybody.unwrap_or_default();
    living.retain(|party| !party.is_dead());
    match living.as_slice() {
        // It may have left meanwhile; or it never joined, and only has an object mapped.
        [] => "somebody lives in the domain, or uses one of its objects".to_owned(),
        [first] => output::printable(&format!("somebody lives in the domain: {}", first.text())),
        [first, rest @ ..] => {
            let others = output::count(rest.len() as u64, "other");
            output::printable(&format!("somebody lives in the domain: {} and {others}: see mproc ps", first.text()))
        }
    }
}
