//! `mproc ps`: the processes of a domain.

use super::cli::Context;
use super::exit::{Outcome, OK};
use super::ls::domain;
use super::observe::{age, Depth, Entry, Hold, Mapped, Object, Party, Place, Running};
use super::output::{print_json, print_line, span, styled, Align, Cell, Table, BAD, BOLD, DIM, GOOD, NOTE};
use serde_json::{json, Value};
use std::process::ExitCode;

/// List the processes of a domain
///
/// Shows every process that has joined the domain and lives: its slot in the registry, how often that slot was taken
/// (generation), pid and command, since when it runs, what it holds, and which objects it has mapped, where /proc lets
/// this user look. Whether a process lives is the kernel's word (the lock on its slot), not a guess from its pid.
///
/// Looking disturbs nobody, and takes no slot. Of processes in another pid namespace the pid is the one they see
/// themselves; then there is no state and no list of objects.
#[derive(clap::Args)]
#[command(after_long_help = "\
Columns:
  SLOT     place in the registry, 0 to 1021
  GEN      how often it was taken
  PID      as the process sees itself
  COMMAND  its name
  STATE    alive, stopped (SIGSTOP, or a debugger), zombie, dead (--all)
  SINCE    how long ago it began
  HOLDS    what it has: locks, permits, messages, registrations, with the object's name
  MAPS     objects it has open; `-`: this user may not look

Examples:
  mproc ps
  mproc ps --all
  mproc ps --json")]
pub(super) struct Args {
    /// Also slots whose last process is dead
    #[arg(short, long)]
    all: bool,
}

/// Most names in a column.
const MANY: usize = 8;

/// A process, and what it has.
struct Line {
    party: Party,
    holds: Vec<(String, Hold)>,
    maps: Option<Vec<String>>,
}

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let place = Place::open(&context.path())?;
    let registry = place.registry()?;
    let entries = place.entries(Depth { deep: true, elements: 0 })?;
    let objects: Vec<Object> = entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Object(object) => Some(*object),
            Entry::Foreign { .. } => None,
        })
        .collect();
    let lines: Vec<Line> = registry
        .everybody()
        .into_iter()
        .filter(|party| args.all || !party.is_dead())
        .map(|party| line(party, &objects))
        .collect();
    if context.json {
        let all: Vec<Value> = lines.iter().map(json_of).collect();
        print_json(&json!({ "domain": domain(&place), "processes": all }))?;
    } else {
        show(&place, &lines)?;
    }
    Ok(ExitCode::from(OK))
}

fn line(party: Party, objects: &[Object]) -> Line {
    let same =
        |hold: &&Hold| hold.who.current && (hold.who.slot, hold.who.generation) == (party.slot, party.generation);
    let of = |object: &Object| {
        let holds: Vec<_> = object.holds.iter().filter(same).map(|hold| (object.name.clone(), hold.clone())).collect();
        holds
    };
    let holds = objects.iter().flat_map(of).collect();
    // Only of the process that this is: another one may have the pid in this namespace.
    let mapped = party.running.as_ref().and_then(|_| Mapped::by(party.pid));
    let maps = mapped.map(|mapped| {
        objects.iter().filter(|object| mapped.contains(&object.stat)).map(|object| object.name.clone()).collect()
    });
    Line { party, holds, maps }
}

/// How a process is, in a word.
fn state(party: &Party) -> &'static str {
    match (party.alive, &party.running) {
        (Some(false), _) => "dead",
        (None, _) => "unknown",
        (_, Some(running)) if running.is_stopped() => "stopped",
        (_, Some(running)) if running.state() == "zombie" => "zombie",
        _ => "alive",
    }
}

fn json_of(line: &Line) -> Value {
    let party = &line.party;
    let hold = |(name, hold): &(String, Hold)| json!({ "object": name, "what": hold.what, "count": hold.count });
    json!({
        "slot": party.slot,
        "generation": party.generation,
        "pid": party.pid,
        "command": party.command(),
        "alive": party.alive,
        "state": state(party),
        "process_state": party.running.as_ref().map(Running::state),
        "start_time_ticks": party.start_time,
        "age_seconds": since(party).map(|ns| ns / 1_000_000_000),
        "holds": line.holds.iter().map(hold).collect::<Vec<_>>(),
        "maps": line.maps,
    })
}

/// How long ago it began, if that is known and it lives.
fn since(party: &Party) -> Option<u64> {
    (party.start_time != 0 && !party.is_dead()).then(|| age(party.start_time)).flatten()
}

/// What somebody has, in a few words: `lock a`, `2 permits of s`.
fn hold_text((name, hold): &(String, Hold)) -> String {
    match hold.count {
        1 => format!("{} of {name}", hold.what),
        n => format!("{n} {}s of {name}", hold.what),
    }
}

/// The first of many, and how many more.
fn some(names: &[String]) -> String {
    match names.get(..MANY) {
        Some(first) if names.len() > MANY => format!("{}, and {} more", first.join(", "), names.len() - MANY),
        _ => names.join(", "),
    }
}

fn show(place: &Place, lines: &[Line]) -> Result<(), super::exit::Failure> {
    let mut table = Table::new(&[
        ("SLOT", Align::Right),
        ("GEN", Align::Right),
        ("PID", Align::Right),
        ("COMMAND", Align::Left),
        ("STATE", Align::Left),
        ("SINCE", Align::Right),
        ("HOLDS", Align::Left),
        ("MAPS", Align::Left),
    ]);
    for line in lines {
        let party = &line.party;
        let state = state(party);
        let style = match state {
            "alive" => GOOD,
            "dead" => BAD,
            _ => NOTE,
        };
        let holds: Vec<String> = line.holds.iter().map(hold_text).collect();
        let maps = line.maps.as_ref().map_or_else(|| "-".to_owned(), |maps| some(maps));
        let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let number = |n: Option<usize>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        table.row(vec![
            Cell::plain(number(party.slot)),
            Cell::plain(party.generation.to_string()),
            Cell::plain(party.pid.to_string()),
            Cell::new(party.command(), BOLD),
            Cell::new(state, style),
            Cell::plain(or_dash(since(party).map_or_else(String::new, span))),
            Cell::plain(or_dash(some(&holds))),
            Cell::plain(maps),
        ]);
    }
    if table.is_empty() {
        return print_line(&styled(&format!("{}: no process", place.path.display()), DIM));
    }
    table.print()
}
