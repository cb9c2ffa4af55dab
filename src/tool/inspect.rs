//! `mproc inspect`: everything that can be seen of an object.

use super::cli::Context;
use super::exit::{Failure, Outcome, DAMAGED, MISMATCH, NOT_FOUND, OK};
use super::ls::{domain, summary, warn};
use super::observe::{pids, short_id, Depth, Entry, Mapped, Object, Party, Place, Report, Running};
use super::output::{print, print_json, size, Align, Cell, BAD, BOLD, DIM, GOOD, NOTE, PLAIN};
use crate::{Error, LAYOUT_VERSION};
use serde_json::{json, Value};
use std::process::ExitCode;

/// Show everything that can be seen of an object
///
/// The header, the parameters it was created with, who holds it and who waits, what is inside, who has it mapped.
/// Looking disturbs nobody: the domain is not joined, no lock is taken, nothing changes. It works while a holder is
/// stopped, and on a damaged object, of which it shows what can still be seen.
///
/// Whoever is named as holder is dead or alive by the kernel's word. Pid and command are what the process told when it
/// joined, or what /proc says now; "stopped" (SIGSTOP, or a debugger) explains why somebody does not go on. A waiter is
/// known by a mark or a count in the object; where there is only a mark, "somebody may wait" is all that is known.
#[derive(clap::Args)]
#[command(after_long_help = "\
What each kind shows besides:
  lock, rlock     the holder, levels and token
  rwlock          writer and readers with how often each reads, whether a writer died inside
  semaphore       its value, and who has permits (accounting)
  condition       its tickets: who waits, who was notified and has not come back
  event           set or not, how often it was set
  barrier         parties, the round, who has arrived, who is registered, broken or not
  value           the value, its lock, how often it was written (SNAPSHOT)
  array           shape, the first elements, its lock, an element that is being written
  queue           state, messages, bytes, reservations and messages held with their owners,
                  producers, who has descriptors, unfinished work
  pipe            who has which end; both rings as for a queue
  dict, list,     entries; of the memory that they live in (with all containers inside): limit, memory
  namespace       taken and used, blocks, containers, its lock, a change that is half done, handles
                  on containers inside and who has them

Exit codes:
   3  no such object
   6  the file is no object
  11  the object is damaged (it is shown all the same)

Examples:
  mproc inspect jobs
  mproc inspect --elements 100 table
  mproc inspect --json jobs")]
pub(super) struct Args {
    /// The object's name
    name: String,
    /// How many elements of an array to show
    #[arg(short = 'n', long, default_value_t = 16, value_name = "N")]
    elements: usize,
}

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let place = Place::open(&context.path())?;
    let depth = Depth { deep: true, elements: args.elements };
    let object = match place.object(&args.name, depth)? {
        Some(Entry::Object(object)) => object,
        Some(Entry::Foreign { what, .. }) => return Err(Failure::new(MISMATCH, format!("{}: {what}", args.name))),
        None => return Err(Failure::new(NOT_FOUND, format!("{}: {}", args.name, Error::NotFound("the object")))),
    };
    let code = if object.damage.is_empty() { OK } else { DAMAGED };
    if context.json {
        print_json(&document(&place, *object))?;
    } else {
        warn(&place);
        print(&report(&place, *object).text())?;
    }
    Ok(ExitCode::from(code))
}

/// A process that has the object mapped.
struct User {
    pid: u32,
    running: Option<Running>,
    /// If it has joined the domain.
    party: Option<Party>,
}

/// Who has the object mapped, of those that this process may look at.
fn users(place: &Place, object: &Object) -> Vec<User> {
    let parties = place.registry.as_ref().map(|registry| registry.everybody()).unwrap_or_default();
    let maps = |pid: &u32| Mapped::by(*pid).is_some_and(|mapped| mapped.contains(&object.stat));
    let user = |pid: u32| {
        let running = Running::find(pid);
        let same = |party: &&Party| {
            party.pid == pid && running.as_ref().is_some_and(|running| running.start_time == party.start_time)
        };
        let party = parties.iter().find(same).cloned();
        User { pid, running, party }
    };
    pids().into_iter().filter(maps).map(user).collect()
}

fn row(user: User) -> (Vec<Cell>, Value) {
    let (command, state) = user.running.as_ref().map_or(("", "gone"), |r| (r.command.as_str(), r.state()));
    let stopped = user.running.as_ref().is_some_and(Running::is_stopped);
    let slot = user.party.as_ref().and_then(|party| party.slot);
    let cells = vec![
        Cell::plain(user.pid.to_string()),
        Cell::plain(command),
        Cell::new(state, if stopped { NOTE } else { PLAIN }),
        Cell::plain(slot.map_or_else(|| "not joined".to_owned(), |slot| format!("slot {slot}"))),
    ];
    let json = json!({ "pid": user.pid, "command": command, "state": state, "stopped": stopped, "slot": slot });
    (cells, json)
}

/// What every object has.
fn head(object: &Object) -> Report {
    let mut r = Report::default();
    let stat = &object.stat;
    let (note, style) = object.verdict();
    r.styled("name", object.name.as_str(), object.name.as_str(), BOLD);
    let what = if object.shape.is_empty() { String::new() } else { format!(" ({})", object.shape) };
    r.fact("kind", object.kind_name(), format!("{}{what}", object.kind_name()));
    r.styled("state", object.state(), note, style);
    for why in &object.damage {
        r.styled("damage", why.as_str(), why.as_str(), BAD);
    }
    if !object.damage.is_empty() {
        r.fact("otherwise", object.note.as_str(), object.note.as_str());
    }
    r.fact("size", object.memory, format!("{}, layout version {}", size(object.memory), layout(object)));
    r.fact("file", stat.ino, format!("inode {}, mode {:04o}, user {}", stat.ino, stat.mode & 0o7777, stat.uid));
    let id = short_id(&object.domain);
    r.fact("domain_id", id.as_str(), id.as_str());
    r.flag("persistent", object.persistent);
    let used = match (object.in_use, object.users) {
        (Some(false), _) => "by nobody".to_owned(),
        (_, Some(n)) => format!("{n} open handle{}", if n == 1 { "" } else { "s" }),
        (Some(true), None) => "yes".to_owned(),
        (None, None) => "unknown".to_owned(),
    };
    r.styled("in_use", object.in_use, used, if object.in_use == Some(false) { DIM } else { GOOD });
    r.if_any("steals", u64::from(object.steals));
    r.if_any("rollbacks", u64::from(object.rollbacks));
    if object.approximate {
        r.styled("note", true, "it changes too quickly to be seen as it was at one moment", DIM);
    }
    r
}

/// The version that stands in the header.
fn layout(object: &Object) -> String {
    let found = object.layout;
    if found == LAYOUT_VERSION {
        found.to_string()
    } else {
        format!("{found} (this program knows {LAYOUT_VERSION})")
    }
}

/// What a condition's lock is called.
fn bound_to(place: &Place, object: &Object) -> Option<(Value, String)> {
    let (kind, identity) = object.bound?;
    let name = place.find(identity);
    let text = match &name {
        Some(name) => format!("{} {name}", kind.name()),
        None => format!("an {} without a name here", kind.name()).replace("an lock", "a lock"),
    };
    Some((json!({ "kind": kind.name(), "name": name }), text))
}

/// For people.
fn report(place: &Place, mut object: Object) -> Report {
    let mut r = head(&object);
    if let Some((json, text)) = bound_to(place, &object) {
        r.fact("bound_to", json, text);
    }
    r.append(std::mem::take(&mut object.report));
    let columns =
        [("PID", Align::Right), ("COMMAND", Align::Left), ("STATE", Align::Left), ("IN THE DOMAIN", Align::Left)];
    r.list("mapped_by", &columns, users(place, &object).into_iter().map(row).collect());
    r
}

/// For programs.
fn document(place: &Place, mut object: Object) -> Value {
    let mut all = summary(&object);
    all.insert("domain".to_owned(), domain(place));
    all.insert("inode".to_owned(), json!(object.stat.ino));
    all.insert("domain_id".to_owned(), json!(short_id(&object.domain)));
    all.insert("layout_version".to_owned(), json!(object.layout));
    if let Some((json, _)) = bound_to(place, &object) {
        all.insert("bound_to".to_owned(), json);
    }
    let users: Vec<Value> = users(place, &object).into_iter().map(|user| row(user).1).collect();
    all.insert("mapped_by".to_owned(), Value::Array(users));
    let details = std::mem::take(&mut object.report).json();
    all.insert("details".to_owned(), Value::Object(details));
    Value::Object(all)
}
