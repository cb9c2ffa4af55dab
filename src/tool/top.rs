//! `mproc top`: what happens in a domain, live.

use super::cli::Context;
use super::exit::{Failure, Outcome, MISMATCH, OK, OTHER};
use super::ls::{domain, waiting};
use super::observe::{Count, Depth, Entry, Hold, Object, Place, Rate, Registry};
use super::output::{
    count, cut, is_terminal, print, print_json_line, print_screen, printable, size, styled, Align, Cell, Table, BOLD,
    DIM, NOTE, PLAIN,
};
use crate::sys::{clock, terminal};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// How soon an interrupt is noticed, in nanoseconds.
const STEP: u64 = 50_000_000;
/// Columns of the bar that says how full something is.
const BAR: u64 = 10;

/// Columns of a terminal that shows everything.
const WIDE: usize = 100;

/// Watch what happens in a domain
///
/// Shows, anew every second, the objects of the domain with how much happens to them, the busiest first: messages put
/// and taken (queues, pipes), values written (SNAPSHOT values), how often an event was set, a barrier passed, a
/// condition waited for; how full queues and pipes are, who holds what, and who waits. Objects that count nothing
/// (locks, semaphores, numbers, arrays, dicts, lists, namespaces) show their state only. Ends with Ctrl-C; standard
/// output need not be a terminal.
///
/// Looking disturbs nobody: the numbers are read off what the objects keep anyway, where they begin again after 2^32
/// messages or 32 GiB. So up to half of that can happen between two looks; choose the interval accordingly.
#[derive(clap::Args)]
#[command(after_long_help = "\
Columns:
  IN/S     messages put, values written, sets, rounds, or waits begun, per second
  OUT/S    messages taken per second
  ITEMS    messages inside, and how full the ring is; entries of a dict, list or namespace, and how much
           of its memory's limit is in use
  WAITING  how many wait; `some`: perhaps
  BYTES/S  put into rings per second, with what belongs to each message
  STEALS   how often something was taken over from a dead process
  STATE    as `mproc ls` shows it
On a terminal of less than 100 columns BYTES/S and STEALS are left out.

Examples:
  mproc top
  mproc top --interval 0.2
  mproc top --count 1 --interval 5      # the average of five seconds
  mproc top --json | head -n 3          # one document on each line")]
pub(super) struct Args {
    /// Seconds between two looks, 0.05 or more
    #[arg(short, long, default_value_t = 1.0, value_name = "SECONDS")]
    interval: f64,
    /// End after so many refreshes [default: never]
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
}

/// What was counted at one look.
struct Sample {
    at: u64,
    /// Of each file: an object that was removed and made anew begins at zero.
    counts: HashMap<(u64, u64), Vec<Count>>,
}

/// How much happens to an object; `None`: it does not count that, or it is too early to tell.
#[derive(Clone, Copy, Default)]
struct Rates {
    into: Option<f64>,
    out: Option<f64>,
    bytes: Option<f64>,
}

impl Rates {
    fn activity(&self) -> f64 {
        self.into.unwrap_or(0.0) + self.out.unwrap_or(0.0)
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    if !(0.05..=86_400.0).contains(&args.interval) {
        return Err(Failure::new(MISMATCH, "--interval is 0.05 to 86400 seconds"));
    }
    let interval = (args.interval * 1e9) as u64;
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        let kept = signal_hook::flag::register(signal, Arc::clone(&ended));
        kept.map_err(|error| Failure::new(OTHER, format!("signal {signal}: {error}")))?;
    }
    let path = context.path();
    let live = is_terminal() && !context.json && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let (place, objects) = look(&path)?;
    let mut before = sample(&objects);
    if live {
        print_frame(&place, &objects, &HashMap::new(), args, true)?;
    }
    let (mut due, mut shown) = (before.at, 0);
    while args.count.is_none_or(|count| shown < count) {
        due = (due + interval).max(clock::now_ns());
        if !sleep_until(due, &ended) {
            break;
        }
        let (place, mut objects) = look(&path)?;
        let now = sample(&objects);
        let rates: HashMap<(u64, u64), Rates> = now
            .counts
            .iter()
            .map(|(&key, counts)| (key, rates(before.counts.get(&key), counts, now.at - before.at)))
            .collect();
        let activity = |object: &Object| rates.get(&key(object)).map_or(0.0, Rates::activity);
        // The names are in order already, and stay so among equals.
        objects.sort_by(|a, b| activity(b).total_cmp(&activity(a)));
        if context.json {
            print_json_line(&document(&place, &objects, &rates, now.at - before.at))?;
        } else {
            print_frame(&place, &objects, &rates, args, live)?;
        }
        before = now;
        shown += 1;
    }
    Ok(ExitCode::from(OK))
}

/// Whether the time came; `false`: somebody wants us to end.
fn sleep_until(due: u64, ended: &AtomicBool) -> bool {
    loop {
        if ended.load(Ordering::Relaxed) {
            return false;
        }
        match due.saturating_sub(clock::now_ns()) {
            0 => return true,
            left => clock::sleep_ns(left.min(STEP)),
        }
    }
}

fn look(path: &std::path::Path) -> Result<(Place, Vec<Object>), Failure> {
    let place = Place::open(path)?;
    let object = |entry| match entry {
        Entry::Object(object) => Some(*object),
        Entry::Foreign { .. } => None,
    };
    let objects = place.entries(Depth::BRIEF)?.into_iter().filter_map(object).collect();
    Ok((place, objects))
}

fn key(object: &Object) -> (u64, u64) {
    (object.stat.dev, object.stat.ino)
}

fn sample(objects: &[Object]) -> Sample {
    let counts = objects.iter().map(|object| (key(object), object.counts.clone())).collect();
    Sample { at: clock::now_ns(), counts }
}

fn rates(before: Option<&Vec<Count>>, now: &[Count], ns: u64) -> Rates {
    let Some(before) = before.filter(|before| before.len() == now.len()) else { return Rates::default() };
    let mut rates = Rates::default();
    for (old, new) in before.iter().zip(now) {
        let mask = if new.bits >= 64 { u64::MAX } else { (1 << new.bits) - 1 };
        let difference = new.value.wrapping_sub(old.value) & mask;
        // A count that seems to have gone back (a reservation was withdrawn) has not wrapped.
        let difference = if difference > mask / 2 { 0 } else { difference };
        let each = difference as f64 * 1e9 / ns.max(1) as f64;
        let (rate, each) = match new.what {
            Rate::In => (&mut rates.into, each),
            Rate::Out => (&mut rates.out, each),
            Rate::Units => (&mut rates.bytes, each * 8.0),
        };
        *rate = Some(rate.unwrap_or(0.0) + each);
    }
    rates
}

fn document(place: &Place, objects: &[Object], rates: &HashMap<(u64, u64), Rates>, ns: u64) -> Value {
    let of = |object: &Object| {
        let r = rates.get(&key(object)).copied().unwrap_or_default();
        let holders: Vec<Value> = object.holds.iter().map(Hold::json).collect();
        json!({
            "name": object.name,
            "kind": object.kind.map(|_| object.kind_name()),
            "in_per_second": r.into,
            "out_per_second": r.out,
            "in_bytes_per_second": r.bytes,
            "items": object.items,
            "used_bytes": object.fill.map(|(used, _)| used),
            "capacity_bytes": object.fill.map(|(_, capacity)| capacity),
            "users": object.users,
            "state": object.state(),
            "note": object.verdict().0,
            "damage": object.damage,
            "holders": holders,
            "waiting": object.waiting,
            "waiters": object.waiters,
            "steals": object.steals,
        })
    };
    json!({
        "domain": domain(place),
        "seconds": ns as f64 / 1e9,
        "objects": objects.iter().map(of).collect::<Vec<_>>(),
    })
}

/// A rate for people.
fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(r) if r < 10.0 => format!("{r:.1}"),
        Some(r) if r < 10_000.0 => format!("{r:.0}"),
        Some(r) if r < 1e7 => format!("{:.0}k", r / 1e3),
        Some(r) => format!("{:.1}M", r / 1e6),
    }
}

fn bar((used, capacity): (u64, u64)) -> String {
    let full = (used.min(capacity) * BAR).div_ceil(capacity.max(1));
    (0..BAR).map(|i| if i < full { '#' } else { '.' }).collect()
}

/// `wide`: with the columns that matter less.
fn table(objects: &[Object], rates: &HashMap<(u64, u64), Rates>, wide: bool) -> Table {
    let mut columns = vec![
        ("NAME", Align::Left),
        ("KIND", Align::Left),
        ("IN/S", Align::Right),
        ("OUT/S", Align::Right),
        ("ITEMS", Align::Right),
        ("", Align::Left),
        ("WAITING", Align::Right),
    ];
    if wide {
        columns.extend([("BYTES/S", Align::Right), ("STEALS", Align::Right)]);
    }
    columns.push(("STATE", Align::Left));
    let mut table = Table::new(&columns);
    for object in objects {
        let r = rates.get(&key(object)).copied().unwrap_or_default();
        let (note, style) = object.verdict();
        let active = if r.activity() > 0.0 { BOLD } else { PLAIN };
        let mut row = vec![
            Cell::new(&object.name, active),
            Cell::plain(object.kind_name()),
            Cell::new(rate(r.into), active),
            Cell::new(rate(r.out), active),
            Cell::plain(object.items.map_or_else(|| "-".to_owned(), |items| items.to_string())),
            Cell::new(object.fill.map_or_else(String::new, bar), DIM),
            Cell::plain(waiting(object)),
        ];
        if wide {
            row.extend([
                Cell::new(r.bytes.map_or_else(|| "-".to_owned(), |bytes| size(bytes as u64)), active),
                Cell::new(object.steals.to_string(), if object.steals > 0 { NOTE } else { PLAIN }),
            ]);
        }
        row.push(Cell::new(note, style));
        table.row(row);
    }
    table
}

/// One look, for people: over the last one on a terminal, else below it.
fn print_frame(
    place: &Place,
    objects: &[Object],
    rates: &HashMap<(u64, u64), Rates>,
    args: &Args,
    live: bool,
) -> Result<(), Failure> {
    let living = |registry: &Registry| registry.everybody().iter().filter(|party| !party.is_dead()).count();
    let living = place.registry.as_ref().map_or(0, living) as u64;
    let title = printable(&format!(
        "{}: {}, {} alive, every {} s",
        place.path.display(),
        count(objects.len() as u64, "object"),
        if living == 1 { "1 process".to_owned() } else { format!("{living} processes") },
        args.interval
    ));
    if !live {
        let mut text = styled(&title, BOLD);
        for line in table(objects, rates, true).lines(usize::MAX) {
            text.push('\n');
            text.push_str(&line);
        }
        return print(&(text + "\n\n"));
    }
    let (width, height) = terminal::size().unwrap_or((80, 24));
    // The last column stays free: some terminals would lose what stands there when the rest of the line is cleared.
    let width = width.saturating_sub(1);
    let mut lines = vec![styled(&cut(&title, width), BOLD)];
    lines.extend(table(objects, rates, width >= WIDE).lines(width));
    // The cursor stands below: what a killed program leaves is a terminal in order.
    let room = height.saturating_sub(1).max(1);
    if lines.len() > room {
        let more = lines.len() - room + 1;
        lines.truncate(room - 1);
        lines.push(styled(&cut(&format!("… and {more} more"), width), DIM));
    }
    print_screen(&lines)
}
