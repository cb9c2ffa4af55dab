//! The lock family, seen from outside.

use super::object::{who_all, Count, Eye, Hold, Object, Rate};
use super::process::Party;
use crate::objects::{barrier, condition, event, lock, rlock, rwlock, semaphore, SEMAPHORE_MAX};
use crate::shm::header::{Kind, AT_HOT, AT_USER_LOCK};
use crate::shm::Tenant;
use crate::sync::raw::{barrier as places, condition as tickets, flag, WAITERS};
use crate::tool::output::{count, Align, Cell, BAD, GOOD, NOTE, PLAIN};
use crate::Error;
use serde_json::{json, Value};

/// Set in the tokens of threads.
const THREAD: u64 = 1 << 63;

/// A table of who has how much.
fn hold_all(object: &mut Object, eye: &Eye, entries: &[(Tenant, u64)], what: &'static str) -> Vec<(Party, u64)> {
    let known = entries.iter().filter_map(|&(tenant, count)| Some((eye.tenant(tenant)?, count)));
    let all: Vec<(Party, u64)> = known.collect();
    object.holds.extend(all.iter().map(|(who, count)| Hold { who: who.clone(), what, count: *count }));
    all
}

fn rows(all: &[(Party, u64)]) -> Vec<(Vec<Cell>, Value)> {
    let row = |(who, count): &(Party, u64)| {
        let cells =
            vec![Cell::plain(count.to_string()), Cell::new(who.text(), if who.is_dead() { BAD } else { PLAIN })];
        (cells, json!({ "process": who.json(), "count": count }))
    };
    all.iter().map(row).collect()
}

const COUNTED: [(&str, Align); 2] = [("COUNT", Align::Right), ("PROCESS", Align::Left)];

/// A lock says who has it.
fn say_held(object: &mut Object, holder: Option<&Party>) {
    match holder {
        Some(holder) => object.say("held", format!("held by {}", holder.text())),
        None => {
            object.say("free", "free");
            object.style = GOOD;
        }
    }
}

pub(super) fn lock(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    object.approximate = false; // one word
    let any_release = eye.header.u32(lock::AT_ANY_RELEASE);
    if any_release > 1 {
        return Err(Error::Corrupt("impossible parameters of a lock"));
    }
    object.expect_len(lock::SHAPE.len)?;
    if any_release == 1 {
        object.shape = "released by anybody".to_owned();
    }
    object.report.flag("any_release", any_release == 1);
    let holder = object.user_lock(eye);
    say_held(object, holder.as_ref());
    Ok(())
}

/// A recursive lock, of an rlock or a condition.
fn recursive(object: &mut Object, eye: &Eye) -> Option<Party> {
    let holder = object.user_lock(eye);
    let (levels, token) = (eye.page.u32(AT_USER_LOCK + 4), eye.page.u64(AT_USER_LOCK + 8));
    let held = holder.is_some() && token != 0;
    object.report.fact("levels", if held { levels } else { 0 }, if held { levels.to_string() } else { String::new() });
    let whose = match token {
        _ if !held => String::new(),
        THREAD.. => format!("thread {}", token & !THREAD),
        _ => format!("token {token}"),
    };
    object.report.fact("token", if held { token } else { 0 }, whose);
    holder
}

pub(super) fn rlock(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    object.expect_len(rlock::SHAPE.len)?;
    let holder = recursive(object, eye);
    say_held(object, holder.as_ref());
    let levels = eye.page.u32(AT_USER_LOCK + 4);
    if holder.is_some() && levels > 1 {
        object.add(&count(u64::from(levels), "level"), PLAIN);
    }
    Ok(())
}

pub(super) fn rwlock(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    object.expect_len(rwlock::SHAPE.len)?;
    let page = &eye.page;
    let (word, inside) = (page.u32(rwlock::AT_WRITER), page.u32(rwlock::AT_INSIDE));
    let writer = object.hold_lock(eye, word, "writer");
    let entries = eye.table(rwlock::AT_READERS)?;
    let readers = hold_all(object, eye, &entries, "reader");
    let alive = |who: &Party| !who.is_dead();
    let living: Vec<Party> = readers.iter().filter(|(who, _)| alive(who)).map(|(who, _)| who.clone()).collect();
    let sum: u64 = readers.iter().filter(|(who, _)| alive(who)).map(|(_, count)| count).sum();
    let writing = inside != 0 && sum == 0 && writer.as_ref().is_some_and(alive);
    let inconsistent = inside > 1 || inside != 0 && !writing;
    match &writer {
        Some(who) if writing => object.say("writing", format!("written by {}", who.text())),
        _ if sum > 0 => object.say("reading", format!("read by {}", who_all(&living))),
        Some(who) => object.say("taken", format!("taken by {}", who.text())),
        None => {
            object.say("free", "free");
            object.style = GOOD;
        }
    }
    if let (Some(who), false, true) = (&writer, writing, sum > 0) {
        object.add(&format!("{} waits to write", who.text()), PLAIN);
    }
    if inconsistent {
        object.add("a writer died inside", NOTE);
    }
    let r = &mut object.report;
    r.lock("writer", word, writer.as_ref());
    r.flag("writing", writing);
    r.flag("inconsistent", inconsistent);
    r.number("readers", sum);
    let gate = r.eventcount("readers_waiting", page, rwlock::AT_GATE);
    let drained = r.eventcount("writer_waiting", page, rwlock::AT_DRAINED);
    r.list("reading_processes", &COUNTED, rows(&readers));
    object.waiting = Some(word & WAITERS != 0 || gate || drained);
    Ok(())
}

pub(super) fn semaphore(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    use semaphore::{ACCOUNTING, BOUNDED};
    let (initial, mode) = (eye.header.u32(semaphore::AT_INITIAL), eye.header.u32(semaphore::AT_MODE));
    if initial > SEMAPHORE_MAX || mode > BOUNDED | ACCOUNTING {
        return Err(Error::Corrupt("impossible parameters of a semaphore"));
    }
    let (bounded, accounting) = (mode & BOUNDED != 0, mode & ACCOUNTING != 0);
    object.expect_len(semaphore::shape(accounting).len)?;
    let page = &eye.page;
    let value = page.u32(semaphore::AT_VALUE);
    if value > SEMAPHORE_MAX || (bounded || accounting) && value > initial {
        object.damaged("more permits than there can be");
    }
    object.shape = match (bounded, accounting) {
        (_, true) => format!("{}, accounting", count(u64::from(initial), "permit")),
        (true, _) => format!("{}, bounded", count(u64::from(initial), "permit")),
        _ => format!("{} at first", count(u64::from(initial), "permit")),
    };
    if bounded || accounting {
        object.say(if value == 0 { "empty" } else { "available" }, format!("{value} of {initial} free"));
    } else {
        object.say(if value == 0 { "empty" } else { "available" }, format!("{value} free"));
    }
    if value > 0 {
        object.style = GOOD;
    }
    let r = &mut object.report;
    r.number("value", u64::from(value));
    r.number("initial", u64::from(initial));
    r.flag("bounded", bounded);
    r.flag("accounting", accounting);
    let waits = r.eventcount("waiting", page, semaphore::AT_SEQUENCE);
    object.waiting = Some(waits);
    if !accounting {
        object.approximate = false;
        return Ok(());
    }
    let entries = eye.table(semaphore::AT_HOLDERS)?;
    let holders = hold_all(object, eye, &entries, "permit");
    let word = page.u32(semaphore::AT_LOCK);
    let inside = object.hold_lock(eye, word, "internal lock");
    object.report.lock("internal_lock", word, inside.as_ref());
    object.report.if_any("reclaimed", u64::from(page.u32(semaphore::AT_RECLAIMED)));
    object.report.list("permits", &COUNTED, rows(&holders));
    let who: Vec<Party> = holders.into_iter().map(|(who, _)| who).collect();
    if !who.is_empty() {
        object.add(&format!("held by {}", who_all(&who)), PLAIN);
    }
    Ok(())
}

pub(super) fn event(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    object.approximate = false; // one word
    object.expect_len(event::SHAPE.len)?;
    let word = eye.page.u32(AT_HOT);
    let (set, sleepers, round) = (word & flag::SET != 0, word & flag::SLEEPERS != 0, word / flag::ROUND);
    object.say(if set { "set" } else { "clear" }, if set { "set" } else { "clear" });
    object.style = if set { GOOD } else { PLAIN };
    object.waiting = Some(sleepers && !set);
    object.counts.push(Count { what: Rate::In, value: u64::from(round), bits: 30 });
    object.report.flag("is_set", set);
    object.report.fact("times_set", round, format!("{round} (modulo 2^30)"));
    object.report.fact("waiting", sleepers, if sleepers { "somebody may wait" } else { "nobody waits" });
    Ok(())
}

pub(super) fn condition(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    use condition::{AT_BITS, AT_LOCK_IDENTITY, AT_LOCK_KIND, AT_NUMBERS, AT_OWNERS, AT_STATES, TICKETS};
    let kind = eye.header.u32(AT_LOCK_KIND);
    let bound = Kind::parse(kind).filter(|kind| matches!(kind, Kind::Lock | Kind::RLock));
    if kind != 0 && bound.is_none() {
        return Err(Error::Corrupt("impossible parameters of a condition"));
    }
    object.expect_len(condition::SHAPE.len)?;
    let page = &eye.page;
    let (next, regranted) = (page.u64(AT_BITS + TICKETS / 8), page.u64(AT_BITS + TICKETS / 8 + 8));
    let table = eye.file.read(AT_OWNERS as u64, TICKETS * 20)?;
    let at = |at: usize| at - AT_OWNERS;
    let (mut waiters, mut granted) = (Vec::new(), 0);
    for index in (0..TICKETS).filter(|index| page.u64(AT_BITS + index / 64 * 8) >> (index % 64) & 1 != 0) {
        let owner = table.u64(at(AT_OWNERS) + index * 8);
        let number = table.u64(at(AT_NUMBERS) + index * 8);
        let state = table.u32(at(AT_STATES) + index * 4);
        // Number and state belong together, or the ticket is just being taken anew.
        if owner == 0 || state & !tickets::STATE != (number as u32) << 2 {
            continue;
        }
        let Some(who) = eye.tenant(Tenant(owner)) else { continue };
        let how = match state & tickets::STATE {
            tickets::WAITING => "waits",
            tickets::ASLEEP => "asleep",
            tickets::GRANTED => "notified",
            _ => continue,
        };
        granted += u64::from(how == "notified");
        waiters.push((number, who, how));
    }
    waiters.sort_by_key(|(number, ..)| *number);
    let waiting = waiters.len() as u64 - granted;
    object.waiters = Some(waiting);
    object.waiting = Some(waiting > 0);
    object.shape = bound.map_or("own lock", |kind| if kind == Kind::Lock { "of a lock" } else { "of an rlock" }).into();
    object.say(
        if waiting > 0 { "waiting" } else { "idle" },
        if waiting > 0 { format!("{waiting} waiting") } else { "idle".into() },
    );
    object.counts.push(Count { what: Rate::In, value: next, bits: 64 });
    let holder = if bound.is_none() { recursive(object, eye) } else { None };
    if let Some(holder) = holder {
        object.add(&format!("lock held by {}", holder.text()), PLAIN);
    }
    object.bound = bound.map(|kind| (kind, eye.header.u64(AT_LOCK_IDENTITY)));
    for (_, who, _) in &waiters {
        object.holds.push(Hold { who: who.clone(), what: "waiter", count: 1 });
    }
    let r = &mut object.report;
    r.hidden("waiting", waiting);
    r.if_any("notified", granted);
    r.number("waits_so_far", next);
    r.if_any("regranted", regranted);
    let row = |(number, who, how): (u64, Party, &'static str)| {
        let style = if who.is_dead() { BAD } else { PLAIN };
        let cells = vec![Cell::plain(number.to_string()), Cell::plain(how), Cell::new(who.text(), style)];
        (cells, json!({ "ticket": number, "state": how, "process": who.json() }))
    };
    let columns = [("TICKET", Align::Right), ("STATE", Align::Left), ("PROCESS", Align::Left)];
    r.list("waiters", &columns, waiters.into_iter().map(row).collect());
    Ok(())
}

pub(super) fn barrier(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    let parties = eye.header.u32(barrier::AT_PARTIES);
    let shape = barrier::shape(parties).map_err(|_| Error::Corrupt("impossible parameters of a barrier"))?;
    object.expect_len(shape.len)?;
    let page = &eye.page;
    let (round, arrived) = (page.u32(barrier::AT_ROUND), page.u32(barrier::AT_ARRIVED));
    let (broken, deaths) = (page.u32(barrier::AT_BROKEN) != 0, page.u32(barrier::AT_DEATHS));
    if arrived > parties {
        object.damaged("more have arrived than there are parties");
    }
    object.shape = format!("{} {}", parties, if parties == 1 { "party" } else { "parties" });
    object.waiters = Some(u64::from(arrived));
    object.waiting = Some(arrived > 0);
    if broken {
        object.say("broken", "broken");
        object.style = NOTE;
    } else {
        object.say(if arrived > 0 { "waiting" } else { "idle" }, format!("{arrived} of {parties} waiting"));
    }
    object.counts.push(Count { what: Rate::In, value: u64::from(round), bits: 32 });
    let n = barrier::places(parties);
    let table = eye.file.read(barrier::AT_PLACES as u64, n * 24)?;
    let mut waiting = Vec::new();
    for index in 0..n {
        let (owner, mark) = (table.u64(index * 8), table.u64((n + index) * 8));
        let here = mark & places::STATE == places::WAITING && places::round_of(mark) == round;
        if let Some(who) = (owner != 0 && here).then(|| eye.tenant(Tenant(owner))).flatten() {
            waiting.push((places::arrival_of(mark), who));
        }
    }
    waiting.sort_by_key(|(arrival, _)| *arrival);
    let entries = eye.table(barrier::AT_REGISTERED)?;
    let registered = hold_all(object, eye, &entries, "registration");
    let word = page.u32(barrier::AT_LOCK);
    let inside = object.hold_lock(eye, word, "internal lock");
    for (_, who) in &waiting {
        object.holds.push(Hold { who: who.clone(), what: "waiter", count: 1 });
    }
    let r = &mut object.report;
    r.number("parties", u64::from(parties));
    r.number("arrived", u64::from(arrived));
    r.flag("broken", broken);
    r.fact("round", round, format!("{round} (modulo 2^32)"));
    r.if_any("deaths", u64::from(deaths));
    r.lock("internal_lock", word, inside.as_ref());
    let row = |(arrival, who): (u32, Party)| {
        let style = if who.is_dead() { BAD } else { PLAIN };
        let cells = vec![Cell::plain(arrival.to_string()), Cell::new(who.text(), style)];
        (cells, json!({ "arrival": arrival, "process": who.json() }))
    };
    let columns = [("ARRIVAL", Align::Right), ("PROCESS", Align::Left)];
    r.list("waiters", &columns, waiting.into_iter().map(row).collect());
    r.list("registered", &COUNTED, rows(&registered));
    Ok(())
}
