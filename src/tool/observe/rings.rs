//! Queues and pipes, seen from outside: what is in their rings, and who has what of it.

use super::file::{Bytes, File};
use super::object::{Count, Eye, Hold, Object, Rate};
use super::process::Party;
use super::report::Report;
use crate::objects::record::{Record, State, UNIT};
use crate::objects::ring::{self, Mark};
use crate::objects::{pipe, queue, tasks};
use crate::shm::header::PAGE;
use crate::shm::{Role, Tenant, SLOTS};
use crate::sync::raw::{bells, WAITERS};
use crate::sync::BELLS_LEN;
use crate::tool::output::{count, size, Align, Cell, BAD, GOOD, NOTE, PLAIN};
use crate::Error;
use serde_json::{json, Value};

/// How often a ring that moves is looked at again.
const TRIES: usize = 3;
/// Most records of a ring that are looked at.
const MOST: usize = 1 << 20;
/// The same, at a glance.
const MOST_BRIEF: usize = 1 << 12;
/// Most reservations and messages held that are listed with their owners.
const LISTED: usize = 1000;
/// Bytes of a ring that are read at a time.
const CHUNK: usize = 1 << 16;

/// Where a ring is in a file.
struct Place {
    /// Its words, in the first page.
    words: usize,
    /// Its bytes.
    ring: u64,
    /// Who has descriptors, if there can be any.
    bells: Option<u64>,
    capacity: u64,
    /// Whether it is a pipe's.
    polled: bool,
    /// Whether its sides have locks.
    locked: bool,
}

/// A record that somebody has.
struct Open {
    owner: u32,
    state: State,
    len: usize,
}

/// What a ring is like.
#[derive(Default)]
struct Look {
    items: u64,
    used: u64,
    state: u32,
    tail: Option<Mark>,
    front: Option<Mark>,
    /// Messages that consumers hold.
    held: u64,
    /// Reservations.
    reserved: u64,
    /// Of both, the first [`LISTED`].
    open: Vec<Open>,
    /// Was not seen as it was at one moment.
    approximate: bool,
    /// Has more records than are looked at.
    cut: bool,
    damage: Option<&'static str>,
}

/// The words of a ring.
struct Words {
    tail: Mark,
    head: Mark,
    /// How far consumers are.
    front: Mark,
    detached: bool,
    state: u32,
    last_claim: u32,
}

impl Words {
    fn new(page: &Bytes, at: usize) -> Words {
        let head = page.u64(at + ring::HEAD);
        let detached = page.u32(at + ring::DETACHED) != 0;
        let front = if detached { page.u64(at + ring::READ) } else { head };
        Words {
            tail: Mark::unpack(page.u64(at + ring::TAIL)),
            head: Mark::unpack(head),
            front: Mark::unpack(front),
            detached,
            state: page.u32(at + ring::STATE),
            last_claim: page.u32(at + ring::LAST_CLAIM),
        }
    }

    fn used(&self) -> u32 {
        self.tail.position.wrapping_sub(self.head.position)
    }

    /// Whether the marks do not say it all.
    fn is_mixed(&self) -> bool {
        let claim = self.last_claim.wrapping_sub(self.front.position);
        let ahead = self.tail.position.wrapping_sub(self.front.position);
        self.detached || ahead != 0 && claim <= ahead
    }

    /// Messages between the marks.
    fn items(&self, capacity: u32) -> u64 {
        let items = self.tail.count.wrapping_sub(self.front.count);
        u64::from(if items > i32::MAX as u32 { 0 } else { items.min(capacity) })
    }
}

/// Looks at a ring; record by record if something is not just a message.
fn look(eye: &Eye, place: &Place, steady: bool) -> Result<Look, Error> {
    let file = eye.file;
    let words = Words::new(&eye.page, place.words);
    let mut look = glance(&words, place, steady);
    if !words.is_mixed() {
        return Ok(look);
    }
    let most = if eye.depth.deep { MOST } else { MOST_BRIEF };
    for _ in 0..TRIES {
        let (page, steady) = file.read_steady(0, PAGE)?;
        let words = Words::new(&page, place.words);
        look = glance(&words, place, steady);
        if !words.is_mixed() || look.damage.is_some() || words.state >= ring::CLOSED {
            return Ok(look);
        }
        let walked = walk(file, place, &words, most, &mut look);
        let same = file.read(0, PAGE)? == page;
        look.approximate = !same;
        match walked {
            Err(Error::Corrupt(why)) if same => {
                look.damage = Some(why);
                return Ok(look);
            }
            Err(Error::Corrupt(_)) => {}
            Err(other) => return Err(other),
            Ok(()) if same => return Ok(look),
            Ok(()) => {}
        }
    }
    Ok(look)
}

/// What the words alone say.
fn glance(words: &Words, place: &Place, steady: bool) -> Look {
    let capacity = (place.capacity / UNIT as u64) as u32;
    let mut look = Look {
        items: if words.state >= ring::CLOSED { 0 } else { words.items(capacity) },
        used: u64::from(words.used().min(capacity)) * UNIT as u64,
        state: words.state.min(ring::CLOSED),
        tail: Some(words.tail),
        front: Some(words.front),
        approximate: !steady,
        ..Look::default()
    };
    if words.state > ring::CLOSED || place.polled && words.state != ring::OPEN {
        look.damage = Some("the state of the ring is impossible");
    }
    if steady && words.used() > capacity {
        look.damage = Some("head and tail of the ring are impossible");
    }
    if steady && words.detached && words.front.position.wrapping_sub(words.head.position) > capacity {
        look.damage = Some("head and mark of the ring are impossible");
    }
    look
}

/// Goes from record to record.
fn walk(file: &File, place: &Place, words: &Words, most: usize, look: &mut Look) -> Result<(), Error> {
    let capacity = (place.capacity / UNIT as u64) as u32;
    let mut reader = Reader { file, place, at: 0, bytes: None };
    let (mut position, mut seen) = (words.head.position, 0);
    (look.items, look.held, look.reserved) = (0, 0, 0);
    look.open.clear();
    while place.polled || position != words.tail.position {
        let prefix = reader.prefix(position & (capacity - 1))?;
        if place.polled && prefix == 0 {
            return Ok(());
        }
        let record = Record::unpack(prefix).filter(|record| record.units() <= capacity);
        let record = record.ok_or(Error::Corrupt("a record is impossible"))?;
        match record.state {
            State::Whole | State::Again => look.items += 1,
            State::Free | State::Rest => {}
            state => {
                let number = if state == State::Held { &mut look.held } else { &mut look.reserved };
                *number += 1;
                if look.open.len() < LISTED {
                    look.open.push(Open { owner: record.owner().unwrap_or(0), state, len: record.len });
                }
            }
        }
        position = position.wrapping_add(record.units());
        if position.wrapping_sub(words.head.position) > capacity {
            return Err(Error::Corrupt("the ring has no end"));
        }
        seen += 1;
        if seen == most {
            // The marks have to do.
            look.items = words.items(capacity);
            look.cut = true;
            return Ok(());
        }
    }
    Ok(())
}

/// Reads the prefixes of a ring, a piece of it at a time.
struct Reader<'a> {
    file: &'a File,
    place: &'a Place,
    at: u64,
    bytes: Option<Bytes>,
}

impl Reader<'_> {
    fn prefix(&mut self, unit: u32) -> Result<u64, Error> {
        let at = u64::from(unit) * UNIT as u64;
        let there = at.checked_sub(self.at).and_then(|i| usize::try_from(i).ok());
        if let (Some(bytes), Some(i)) = (&self.bytes, there) {
            if i + UNIT <= bytes.all().len() {
                return Ok(bytes.u64(i));
            }
        }
        let len = (self.place.capacity - at).min(CHUNK as u64) as usize;
        let bytes = self.file.read(self.place.ring + at, len)?;
        let prefix = bytes.u64(0);
        (self.at, self.bytes) = (at, Some(bytes));
        Ok(prefix)
    }
}

/// What kind of thing it is to have a record.
fn having(state: State) -> &'static str {
    match state {
        State::Held => "message",
        _ => "reservation",
    }
}

/// Tells what a ring is like, in a report of its own, and notes who has what of it.
fn tell(object: &mut Object, eye: &Eye, place: &Place, look: &Look) -> Report {
    let mut r = Report::default();
    let (tail, front) = (look.tail.map_or(0, |m| m.count), look.front.map_or(0, |m| m.count));
    let about = if look.approximate { "about " } else { "" };
    r.fact("items", look.items, format!("{about}{}", look.items));
    let used = format!("{about}{} of {}", size(look.used), size(place.capacity));
    r.fact("used_bytes", look.used, used);
    r.fact("messages_put", tail, format!("{tail} (modulo 2^32)"));
    r.fact("messages_taken", front, format!("{front} (modulo 2^32)"));
    r.if_any("held", look.held);
    r.if_any("reserved", look.reserved);
    for (key, at) in [("put_lock", ring::PUT_LOCK), ("get_lock", ring::GET_LOCK)] {
        if place.locked {
            let word = eye.page.u32(place.words + at);
            let holder = object.hold_lock(eye, word, "internal lock");
            r.lock(key, word, holder.as_ref());
            object.waiting = Some(object.waiting == Some(true) || word & WAITERS != 0);
        }
    }
    for (key, at) in [("consumers_waiting", ring::NOT_EMPTY), ("producers_waiting", ring::NOT_FULL)] {
        let waits = r.eventcount(key, &eye.page, place.words + at);
        object.waiting = Some(object.waiting == Some(true) || waits);
    }
    let mut rows = Vec::new();
    for open in &look.open {
        let Some(who) = eye.owner(open.owner) else { continue };
        let style = if who.is_dead() { BAD } else { PLAIN };
        let (state, what) = match open.state {
            State::Held => ("held", "held by a consumer"),
            State::Passed => ("passed", "reserved, passed over"),
            _ => ("reserved", "reserved"),
        };
        let cells = vec![Cell::plain(what), Cell::plain(size(open.len as u64)), Cell::new(who.text(), style)];
        rows.push((cells, json!({ "state": state, "bytes": open.len, "process": who.json() })));
        add_hold(&mut object.holds, who, having(open.state), 1);
    }
    r.list("open", &[("STATE", Align::Left), ("BYTES", Align::Right), ("PROCESS", Align::Left)], rows);
    if let (Some(at), true) = (place.bells, eye.depth.deep) {
        let rows = descriptors(eye, at);
        let columns = [("OF", Align::Left), ("ARMED", Align::Left), ("PROCESS", Align::Left)];
        r.list("descriptors", &columns, rows);
    }
    r.hidden("open_cut", look.cut);
    r.hidden("approximate", look.approximate);
    if let Some(why) = look.damage {
        object.damaged(why);
    }
    object.approximate |= look.approximate;
    r
}

/// Who has a descriptor to wait with, and whether it has run dry since it was last readable.
fn descriptors(eye: &Eye, at: u64) -> Vec<(Vec<Cell>, Value)> {
    let Ok(page) = eye.file.read(at, 2 * BELLS_LEN) else { return Vec::new() };
    let words = (0..2 * BELLS_LEN / 8).map(|i| (i, page.u64(i * 8))).filter(|(_, word)| *word != 0);
    let row = |(i, word): (usize, u64)| {
        let who = eye.tenant(Tenant(word & bells::TENANT))?;
        let of = if i < BELLS_LEN / 8 { "readers" } else { "writers" };
        let armed = word & bells::ARMED != 0;
        let style = if who.is_dead() { BAD } else { PLAIN };
        let cells = vec![Cell::plain(of), Cell::plain(if armed { "yes" } else { "no" }), Cell::new(who.text(), style)];
        Some((cells, json!({ "of": of, "armed": armed, "process": who.json() })))
    };
    words.filter_map(row).collect()
}

/// Counts what a process has of the same once.
fn add_hold(holds: &mut Vec<Hold>, who: Party, what: &'static str, count: u64) {
    let same =
        |hold: &&mut Hold| hold.what == what && (hold.who.slot, hold.who.generation) == (who.slot, who.generation);
    match holds.iter_mut().find(same) {
        Some(hold) => hold.count += count,
        None => holds.push(Hold { who, what, count }),
    }
}

/// What a ring has counted.
fn counts(object: &mut Object, look: &Look) {
    if let (Some(tail), Some(front)) = (look.tail, look.front) {
        object.counts.push(Count { what: Rate::In, value: u64::from(tail.count), bits: 32 });
        object.counts.push(Count { what: Rate::Units, value: u64::from(tail.position), bits: 32 });
        object.counts.push(Count { what: Rate::Out, value: u64::from(front.count), bits: 32 });
    }
}

pub(super) fn queue(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    use queue::{JOINABLE, LEASE, POLLABLE};
    let h = &eye.header;
    let (capacity, max, flags) = (h.u64(queue::AT_CAPACITY), h.u64(queue::AT_MAX_ITEMS), h.u64(queue::AT_FLAGS));
    if !ring::is_capacity(capacity) || flags & !(LEASE | JOINABLE | POLLABLE) != 0 || u32::try_from(max).is_err() {
        return Err(Error::Corrupt("impossible bounds of a queue"));
    }
    let table = if flags & JOINABLE != 0 { tasks::TABLE } else { 0 } as u64;
    let bells = if flags & POLLABLE != 0 { ring::BELLS } else { 0 } as u64;
    object.expect_len(PAGE as u64 + table + bells + capacity)?;
    let place = Place {
        words: queue::AT_RING,
        ring: PAGE as u64 + table + bells,
        bells: (bells > 0).then_some(PAGE as u64 + table),
        capacity,
        polled: false,
        locked: true,
    };
    let look = look(eye, &place, !object.approximate)?;
    object.approximate = false;
    let part = tell(object, eye, &place, &look);
    let state = ["open", "draining", "closed"][look.state as usize];
    object.items = Some(look.items);
    object.fill = Some((look.used, capacity));
    object.shape = format!("{} ring, {}", size(capacity), count(look.items, "item"));
    if max > 0 {
        object.shape = format!("{} ring, {} of {max} items", size(capacity), look.items);
    }
    object.say(state, state);
    object.style = if look.state == ring::OPEN { GOOD } else { NOTE };
    if look.held > 0 {
        object.add(&format!("{} held", count(look.held, "message")), PLAIN);
    }
    counts(object, &look);
    let r = &mut object.report;
    r.hidden("state", state);
    r.fact("capacity_bytes", capacity, size(capacity));
    r.fact("max_items", max, if max == 0 { "as many as fit".to_owned() } else { max.to_string() });
    r.flag("lease", flags & LEASE != 0);
    r.flag("joinable", flags & JOINABLE != 0);
    r.flag("pollable", flags & POLLABLE != 0);
    let producers = presence(eye, Role::PRODUCER, queue::AT_PRODUCERS);
    let text = match producers {
        "open" => "producers' handles are open",
        "gone" => "there were producers' handles",
        _ => "no producers' handles",
    };
    object.report.fact("producers", producers, text);
    object.report.append(part);
    if flags & (JOINABLE | LEASE) != 0 {
        object.report.eventcount("joiners_waiting", &eye.page, queue::AT_DONE);
    }
    if flags & JOINABLE != 0 {
        unfinished(object, eye)?;
    }
    Ok(())
}

/// Whether somebody has a role: "awaited", "open" or "gone"; the kernel's word, not that of the object.
fn presence(eye: &Eye, role: Role, at: usize) -> &'static str {
    match (eye.file.has_role(role), eye.page.u32(at)) {
        (Some(true), _) => "open",
        (_, 0) => "awaited",
        (Some(false), _) => "gone",
        (None, _) => "unknown",
    }
}

/// What consumers of a joinable queue have taken and not reported done.
fn unfinished(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    let table = eye.file.read(queue::AT_TABLE as u64, SLOTS * 8)?;
    let (mut rows, mut sum) = (Vec::new(), 0);
    for entry in (0..SLOTS).map(|slot| table.u64(slot * 8)).filter(|entry| *entry as u32 != 0) {
        let (owner, count) = ((entry >> 32) as u32, u64::from(entry as u32));
        let Some(who) = eye.owner(owner) else { continue };
        let style = if who.is_dead() { BAD } else { PLAIN };
        if !who.is_dead() {
            sum += count;
        }
        let cells = vec![Cell::plain(count.to_string()), Cell::new(who.text(), style)];
        rows.push((cells, json!({ "process": who.json(), "count": count })));
        add_hold(&mut object.holds, who, "unfinished message", count);
    }
    object.report.number("taken_and_unfinished", sum);
    object.report.if_any("abandoned", u64::from(eye.page.u32(queue::AT_ABANDONED)));
    object.report.list("unfinished", &[("COUNT", Align::Right), ("PROCESS", Align::Left)], rows);
    if sum > 0 {
        object.add(&format!("{sum} unfinished"), PLAIN);
    }
    Ok(())
}

pub(super) fn pipe(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    use pipe::{EXCLUSIVE, ONE_WAY, POLLABLE};
    let (capacity, flags) = (eye.header.u64(pipe::AT_CAPACITY), eye.header.u64(pipe::AT_FLAGS));
    if !ring::is_capacity(capacity) || flags & !(ONE_WAY | EXCLUSIVE | POLLABLE) != 0 {
        return Err(Error::Corrupt("impossible bounds of a pipe"));
    }
    let one_way = flags & ONE_WAY != 0;
    let rings = if one_way { 1 } else { 2 };
    let bells = if flags & POLLABLE != 0 { ring::BELLS } else { 0 } as u64;
    object.expect_len(PAGE as u64 + rings * (bells + capacity))?;
    let ends = [0, 1].map(|end| presence(eye, Role::ENDS[end], pipe::AT_ENDS + end * 128));
    let r = &mut object.report;
    r.fact("capacity_bytes", capacity, format!("{} each way", size(capacity)));
    r.flag("one_way", one_way);
    r.flag("exclusive", flags & EXCLUSIVE != 0);
    r.flag("pollable", flags & POLLABLE != 0);
    for (key, presence) in ["end_0", "end_1"].into_iter().zip(ends) {
        let text = match presence {
            "open" => "somebody has it",
            "gone" => "closed, or its process is dead",
            "awaited" => "nobody has had it yet",
            _ => "unknown",
        };
        r.fact(key, presence, text);
    }
    let steady = !object.approximate;
    object.approximate = false;
    let (mut items, mut used) = (Vec::new(), 0);
    for to in 0..rings {
        let place = Place {
            words: pipe::AT_RINGS + to as usize * ring::WORDS,
            ring: PAGE as u64 + rings * bells + to * capacity,
            bells: (bells > 0).then_some(PAGE as u64 + to * bells),
            capacity,
            polled: true,
            locked: flags & EXCLUSIVE == 0,
        };
        let look = look(eye, &place, steady)?;
        let part = tell(object, eye, &place, &look);
        object.report.part(if to == 0 { "to_end_0" } else { "to_end_1" }, part);
        counts(object, &look);
        items.push(look.items);
        used += look.used;
    }
    object.items = Some(items.iter().sum());
    object.fill = Some((used, rings * capacity));
    let inside: Vec<String> = items.iter().map(u64::to_string).collect();
    let way = if one_way { "one way" } else { "both ways" };
    object.shape = format!("{} {way}, {} items", size(capacity), inside.join("+"));
    let state = match ends {
        ["gone", _] | [_, "gone"] => "gone",
        ["awaited", _] | [_, "awaited"] => "awaited",
        _ => "open",
    };
    let note = match ends {
        ["open", "open"] => "both ends open".to_owned(),
        [zero, one] => format!("end 0 {zero}, end 1 {one}"),
    };
    object.say(state, note);
    object.style = if state == "open" { GOOD } else { NOTE };
    Ok(())
}
