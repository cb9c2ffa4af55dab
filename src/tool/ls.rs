//! `mproc ls`: the objects of a domain.

use super::cli::Context;
use super::exit::{Failure, Outcome, OK};
use super::observe::{short_id, Depth, Entry, Hold, Object, Place};
use super::output::{
    count, print, print_json, print_line, printable, printable_bytes, size, styled, Align, Cell, Table, BAD, BOLD, DIM,
    NOTE, PLAIN,
};
use crate::manager::Listed;
use crate::shm::header::Kind;
use clap::ValueEnum;
use serde_json::{json, Map, Value};
use std::process::ExitCode;

/// List the objects of a domain
///
/// Shows every named object: its kind, type or shape, the memory it takes, how many handles are open, and its state:
/// who holds a lock, how much is in a queue, the value of a number. Looking disturbs nobody: the domain is not joined,
/// no lock is taken, nothing is created or removed. It works while a holder is stopped, and on damaged objects, which
/// are shown as such. Files that are no objects are mentioned.
///
/// USERS are open handles as the kernel knows them (a process that opened an object twice counts twice, a forked child
/// together with its parent, a running `mproc lock` twice: it leaves one to its command). An object that nobody uses
/// and that is not persistent disappears when somebody next tidies up (`mproc gc`, or the library by itself).
///
/// Of a manager's objects (--manager) it shows what the manager says: name, kind, memory, and how many clients refer to
/// them.
#[derive(clap::Args)]
#[command(after_long_help = "\
Columns:
  NAME   as given at creation
  KIND   lock, queue, value, …; `?`: damaged beyond that
  TYPE   type and shape, size of the ring, permits, parties; of a dict, list or namespace: entries, and the
         memory in use of the most that there may be
  SIZE   memory, with the header; what has come and not gone back, of a dict, list or namespace
  USERS  open handles; `-`: not known
  STATE  what it is like; `damaged: …` says why
With -l also:
  OWNER, MODE  user id, permissions of the file
  P            `p`: persistent
  WAITING      how many wait; `some`: perhaps
  STEALS       how often something was taken over from a dead process
  ROLLBACKS    how often something half done was taken back

Examples:
  mproc ls
  mproc ls -l --sort size --reverse
  mproc ls --kind queue,pipe
  mproc ls --json

With --json: {domain, objects: [...], foreign: [...]}; `state` is one word, `holders` who has
what. Of a manager: {manager, objects: [{name, kind, clients, size_bytes}, ...]}.")]
pub(super) struct Args {
    /// Only objects of these kinds (separated by commas, or given several times)
    #[arg(short, long, value_enum, value_delimiter = ',', value_name = "KIND")]
    kind: Vec<KindName>,
    /// In which order
    #[arg(short, long, value_enum, default_value_t = Sort::Name)]
    sort: Sort,
    /// The other way round
    #[arg(short, long)]
    reverse: bool,
    /// More columns
    #[arg(short, long)]
    long: bool,
}

/// Kinds of objects.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum KindName {
    Lock,
    RLock,
    RwLock,
    Semaphore,
    Condition,
    Event,
    Barrier,
    Value,
    Array,
    Queue,
    Pipe,
    Dict,
    List,
    Namespace,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// By name
    Name,
    /// By kind, then by name
    Kind,
    /// The largest first
    Size,
    /// The most used first
    Users,
    /// The fullest first (queues, pipes, containers)
    Items,
}

impl KindName {
    fn is(self, kind: &str) -> bool {
        self.to_possible_value().is_some_and(|value| value.get_name() == kind)
    }
}

impl Args {
    fn wants(&self, kind: &str) -> bool {
        self.kind.is_empty() || self.kind.iter().any(|wanted| wanted.is(kind))
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    if context.manager()?.is_some() {
        return at_manager(context, args);
    }
    let place = Place::open(&context.path())?;
    let (mut objects, mut foreign) = (Vec::new(), Vec::new());
    for entry in place.entries(Depth::BRIEF)? {
        match entry {
            Entry::Object(object) => {
                if args.wants(object.kind_name()) {
                    objects.push(*object);
                }
            }
            Entry::Foreign { name, what, size } => foreign.push((name, what, size)),
        }
    }
    sort(&mut objects, args);
    if context.json {
        print_json(&document(&place, &objects, &foreign))?;
    } else {
        show(&place, &objects, &foreign, args)?;
    }
    Ok(ExitCode::from(OK))
}

/// The objects that have names at a manager: what it says of them.
fn at_manager(context: &Context, args: &Args) -> Outcome {
    use std::cmp::Reverse;
    let (address, link) = context.connection()?;
    let kind = |listed: &Listed| Kind::parse(listed.kind).map_or("?", Kind::name);
    let mut listed = link.list()?;
    listed.retain(|one| args.wants(kind(one)));
    match args.sort {
        Sort::Name | Sort::Items => {} // as they come: how full they are, only those say who open them
        Sort::Kind => listed.sort_by_key(kind),
        Sort::Size => listed.sort_by_key(|one| Reverse(one.bytes)),
        Sort::Users => listed.sort_by_key(|one| Reverse(one.clients)),
    }
    if args.reverse {
        listed.reverse();
    }
    if context.json {
        let one = |one: &Listed| json!({ "name": one.name, "kind": kind(one), "clients": one.clients, "size_bytes": one.bytes });
        let objects: Vec<Value> = listed.iter().map(one).collect();
        print_json(&json!({ "manager": address.to_string(), "objects": objects }))?;
        return Ok(ExitCode::from(OK));
    }
    let columns = [("NAME", Align::Left), ("KIND", Align::Left), ("SIZE", Align::Right), ("CLIENTS", Align::Right)];
    let mut table = Table::new(&columns);
    for one in &listed {
        let cells = [kind(one).to_owned(), size(one.bytes), one.clients.to_string()].map(Cell::plain);
        table.row(std::iter::once(Cell::new(&one.name, BOLD)).chain(cells).collect());
    }
    if table.is_empty() {
        let which = if args.kind.is_empty() { "no objects" } else { "no such objects" };
        print_line(&styled(&format!("{}: {which}", printable(&address.to_string())), DIM))?;
    } else {
        table.print()?;
    }
    Ok(ExitCode::from(OK))
}

fn sort(objects: &mut [Object], args: &Args) {
    use std::cmp::Reverse;
    match args.sort {
        Sort::Name => {} // as they come
        Sort::Kind => objects.sort_by_key(|o| o.kind_name()),
        Sort::Size => objects.sort_by_key(|o| Reverse(o.memory)),
        Sort::Users => objects.sort_by_key(|o| Reverse(o.users)),
        Sort::Items => objects.sort_by_key(|o| Reverse(o.items)),
    }
    if args.reverse {
        objects.reverse();
    }
}

/// What `ls`, `inspect` and `top` say of every object, for programs.
pub(super) fn summary(object: &Object) -> Map<String, Value> {
    let stat = &object.stat;
    let (note, _) = object.verdict();
    let all = json!({
        "name": object.name,
        "kind": object.kind.map(|_| object.kind_name()),
        "type": object.shape,
        "size_bytes": object.memory,
        "users": object.users,
        "in_use": object.in_use,
        "persistent": object.persistent,
        "owner_uid": stat.uid,
        "mode": format!("{:04o}", stat.mode & 0o7777),
        "state": object.state(),
        "note": note,
        "damage": object.damage,
        "holders": object.holds.iter().map(Hold::json).collect::<Vec<_>>(),
        "waiting": object.waiting,
        "waiters": object.waiters,
        "items": object.items,
        "used_bytes": object.fill.map(|(used, _)| used),
        "capacity_bytes": object.fill.map(|(_, capacity)| capacity),
        "steals": object.steals,
        "rollbacks": object.rollbacks,
        "approximate": object.approximate,
    });
    match all {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What there is to say of the domain, for programs.
pub(super) fn domain(place: &Place) -> Value {
    json!({
        "path": place.path.display().to_string(),
        "id": place.registry.as_ref().ok().map(|registry| short_id(&registry.id)),
        "damage": place.registry.as_ref().err().map(ToString::to_string),
    })
}

fn document(place: &Place, objects: &[Object], foreign: &[(Vec<u8>, &'static str, u64)]) -> Value {
    let of = |(name, what, size): &(Vec<u8>, &str, u64)| {
        let name = String::from_utf8_lossy(name);
        json!({ "name": name, "what": what, "size_bytes": size })
    };
    json!({
        "domain": domain(place),
        "objects": objects.iter().map(summary).collect::<Vec<_>>(),
        "foreign": foreign.iter().map(of).collect::<Vec<_>>(),
    })
}

/// How many wait, for people.
pub(super) fn waiting(object: &Object) -> String {
    match (object.waiters, object.waiting) {
        (Some(n), _) => n.to_string(),
        (None, Some(true)) => "some".to_owned(),
        (None, Some(false)) => "0".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// What to tell people first about a domain that is damaged.
pub(super) fn warn(place: &Place) {
    if let Err(error) = &place.registry {
        let text = styled(&format!("the registry: {error}: nobody can be named"), BAD);
        anstream::eprintln!("mproc: {}: {text}", place.path.display());
    }
}

fn show(
    place: &Place,
    objects: &[Object],
    foreign: &[(Vec<u8>, &'static str, u64)],
    args: &Args,
) -> Result<(), Failure> {
    warn(place);
    let mut columns = vec![
        ("NAME", Align::Left),
        ("KIND", Align::Left),
        ("TYPE", Align::Left),
        ("SIZE", Align::Right),
        ("USERS", Align::Right),
    ];
    if args.long {
        columns.extend([
            ("OWNER", Align::Right),
            ("MODE", Align::Right),
            ("P", Align::Left),
            ("WAITING", Align::Right),
            ("STEALS", Align::Right),
            ("ROLLBACKS", Align::Right),
        ]);
    }
    columns.push(("STATE", Align::Left));
    let mut table = Table::new(&columns);
    for object in objects {
        let (note, style) = object.verdict();
        let stat = &object.stat;
        let mut row = vec![
            Cell::new(&object.name, BOLD),
            Cell::plain(object.kind_name()),
            Cell::plain(&object.shape),
            Cell::plain(size(object.memory)),
            Cell::plain(object.users.map_or_else(|| "-".to_owned(), |users| users.to_string())),
        ];
        if args.long {
            let some = |n: u32| Cell::new(n.to_string(), if n > 0 { NOTE } else { PLAIN });
            row.extend([
                Cell::plain(stat.uid.to_string()),
                Cell::plain(format!("{:04o}", stat.mode & 0o7777)),
                Cell::plain(if object.persistent { "p" } else { "" }),
                Cell::plain(waiting(object)),
                some(object.steals),
                some(object.rollbacks),
            ]);
        }
        row.push(Cell::new(note, style));
        table.row(row);
    }
    if table.is_empty() {
        let which = if args.kind.is_empty() { "no objects" } else { "no such objects" };
        print_line(&styled(&format!("{}: {which}", place.path.display()), DIM))?;
    } else {
        table.print()?;
    }
    if foreign.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} that {} no object:\n", count(foreign.len() as u64, "file"), are(foreign.len()));
    for (name, what, bytes) in foreign {
        text.push_str(&format!("  {} ({what}, {})\n", printable_bytes(name), size(*bytes)));
    }
    print(&styled(text.trim_end(), DIM))?;
    print_line("")
}

fn are(n: usize) -> &'static str {
    if n == 1 {
        "is"
    } else {
        "are"
    }
}
