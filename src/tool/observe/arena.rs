//! Dicts, lists and namespaces, seen from outside: the arena that they live in.

use super::file::Bytes;
use super::object::{Eye, Hold, Object};
use crate::objects::container::header::{AT_KIND, AT_LEN, AT_TRASH as AT_NEXT_DOOMED, MAGIC, SIZE};
use crate::objects::container::{RECORD, RECORD_AFTER, RECORD_CONTAINER, RECORD_TENANT};
use crate::shm::arena::layout::{
    self, Use, AT_CHUNKS, AT_COMMITTED, AT_COUNT, AT_HOLDERS, AT_IDLE, AT_JOURNAL, AT_LOCK, AT_ROOT, AT_STAMP,
    AT_TABLED, AT_TOP, AT_TRASH, CHUNK, CLASSES, ENTRY, FIXED, JOURNAL_LEN, TABLE, UNIT,
};
use crate::shm::arena::shape_of;
use crate::shm::header::{self, Kind, PAGE};
use crate::shm::Tenant;
use crate::sync::raw::WAITERS;
use crate::sys::clock;
use crate::tool::output::{count, size, Align, Cell, BAD, GOOD, NOTE, PLAIN};
use crate::Error;
use serde_json::{json, Value};

/// How often to look at an arena that changes meanwhile.
const TRIES: usize = 5;
/// How often to look at one that makes no sense: what changes while it is read may look like that.
const DAMAGED_TRIES: usize = 20;
/// What to wait in between, in nanoseconds.
const PAUSE: u64 = 1_000_000;
/// Bytes of the chunk table that are read in one piece.
const PIECE: usize = 1 << 20;
/// Most handles, and containers that are to be freed, that are counted.
const MOST: u64 = 10_000;

const TABLE_WRONG: Error = Error::Corrupt("the heap's table makes no sense");

/// What is in use, by the chunk table.
#[derive(Clone, Copy, Default)]
struct Usage {
    blocks: u64,
    bytes: u64,
}

/// That a process has handles on containers of a kind.
struct Handles {
    tenant: Tenant,
    kind: Kind,
    count: u64,
}

/// The heap of an arena: where blocks may be.
struct Heap<'a> {
    eye: &'a Eye<'a>,
    chunks: u64,
}

/// An arena, as far as it could be seen at one look.
#[derive(Default)]
struct Look {
    entries: u64,
    /// This and what follows: not at a glance.
    usage: Option<Usage>,
    handles: Vec<Handles>,
    doomed: u64,
    /// There are more handles, or containers that are to be freed, than were counted.
    cut: bool,
    damage: Option<&'static str>,
}

impl Heap<'_> {
    /// The beginning of a block.
    fn block(&self, at: u64, len: usize, wrong: &'static str) -> Result<Bytes, Error> {
        if at < layout::base(self.chunks as u32) as u64 || at % UNIT as u64 != 0 {
            return Err(Error::Corrupt(wrong));
        }
        self.eye.file.read(at, len).map_err(|error| match error {
            Error::Corrupt(_) => Error::Corrupt(wrong), // beyond the end
            other => other,
        })
    }

    /// The header of a container, and its kind.
    fn container(&self, at: u64, wrong: &'static str) -> Result<(Bytes, Kind), Error> {
        let bytes = self.block(at, SIZE, wrong)?;
        let word = bytes.u64(AT_KIND);
        match Kind::parse(word as u32) {
            Some(kind @ (Kind::Dict | Kind::List | Kind::Namespace)) if word >> 32 == MAGIC => Ok((bytes, kind)),
            _ => Err(Error::Corrupt(wrong)),
        }
    }

    /// Looks at what the words of the first page lead to.
    fn look(&self, page: &Bytes) -> Result<Look, Error> {
        let mut look = Look::default();
        match self.look_into(page, &mut look) {
            Err(Error::Corrupt(why)) => look.damage = Some(why),
            other => other?,
        }
        Ok(look)
    }

    fn look_into(&self, page: &Bytes, look: &mut Look) -> Result<(), Error> {
        let top = page.u64(AT_TOP);
        if top > self.chunks || top > page.u64(AT_TABLED) {
            return Err(TABLE_WRONG);
        }
        // 0: whoever made the arena is about to make that, or was killed before.
        let root = page.u64(AT_ROOT);
        if root != 0 {
            let (container, kind) = self.container(root, "the root is no container")?;
            if Some(kind) != Kind::parse(self.eye.header.u32(header::AT_KIND)) {
                return Err(Error::Corrupt("the root is another kind of container"));
            }
            look.entries = container.u64(AT_LEN);
        }
        if self.eye.depth.deep {
            look.usage = Some(self.usage(top as usize)?);
            self.handles(page, look)?;
            self.doomed(page, look)?;
        }
        Ok(())
    }

    /// Blocks in use.
    fn usage(&self, top: usize) -> Result<Usage, Error> {
        let mut usage = Usage::default();
        let mut chunk = 0;
        while chunk < top {
            let entries = (top - chunk).min(PIECE / ENTRY);
            let table = self.eye.file.read((TABLE + chunk * ENTRY) as u64, entries * ENTRY)?;
            for at in (0..entries).map(|i| i * ENTRY) {
                let word = table.u64(at);
                let (blocks, size) = if word as u8 == Use::Slab as u8 {
                    let size = CLASSES.get(usize::from((word >> 8) as u8)).ok_or(TABLE_WRONG)?;
                    (table.u64(at + 16) >> 16 & 0xffff, u64::from(*size))
                } else if word as u8 == Use::Large as u8 {
                    (1, (table.u64(at + 24) & 0xffff_ffff) * CHUNK as u64)
                } else {
                    continue;
                };
                usage.blocks = usage.blocks.saturating_add(blocks);
                usage.bytes = usage.bytes.saturating_add(blocks * size);
            }
            chunk += entries;
        }
        if usage.bytes > self.chunks * CHUNK as u64 {
            return Err(TABLE_WRONG);
        }
        Ok(usage)
    }

    /// Who has handles on inner containers.
    fn handles(&self, page: &Bytes, look: &mut Look) -> Result<(), Error> {
        let mut at = page.u64(AT_HOLDERS);
        for _ in 0..MOST {
            if at == 0 {
                return Ok(());
            }
            let record = self.block(at, RECORD, "a handle's record is outside of the heap")?;
            let tenant = Tenant(record.u64(RECORD_TENANT));
            let (_, kind) = self.container(record.u64(RECORD_CONTAINER), "a handle is on no container")?;
            match look.handles.iter_mut().find(|handles| handles.tenant == tenant && handles.kind == kind) {
                Some(same) => same.count += 1,
                None => look.handles.push(Handles { tenant, kind, count: 1 }),
            }
            at = record.u64(RECORD_AFTER);
        }
        look.cut |= at != 0;
        Ok(())
    }

    /// How many containers are being freed, or wait for that.
    fn doomed(&self, page: &Bytes, look: &mut Look) -> Result<(), Error> {
        let mut at = page.u64(AT_TRASH);
        while at != 0 && look.doomed < MOST {
            let (container, _) = self.container(at, "what waits to be freed is no container")?;
            at = container.u64(AT_NEXT_DOOMED);
            look.doomed += 1;
        }
        look.cut |= at != 0;
        Ok(())
    }

    /// What is there at one moment, and the page that it belongs to, if it holds still long enough: `true`.
    fn steady(&self) -> Result<(Look, Bytes, bool), Error> {
        let mut page = self.eye.page.clone();
        let mut tries = 0;
        loop {
            let look = self.look(&page)?;
            let after = self.eye.file.read(0, PAGE)?;
            let steady = after == page;
            tries += 1;
            let enough = if look.damage.is_some() { tries >= DAMAGED_TRIES } else { steady || tries >= TRIES };
            if enough {
                return Ok((look, page, steady));
            }
            if look.damage.is_some() {
                clock::sleep_ns(PAUSE);
            }
            page = after;
        }
    }
}

pub(super) fn look(object: &mut Object, eye: &Eye) -> Result<(), Error> {
    let shape = shape_of(&eye.header)?;
    object.expect_len(shape.len)?;
    object.memory = object.stat.allocated;
    if object.memory < FIXED as u64 {
        object.damaged("has holes where it needs memory: touching them could fail");
    }
    let heap = Heap { eye, chunks: u64::from(eye.header.u32(AT_CHUNKS)) };
    let limit = heap.chunks * CHUNK as u64;
    let (look, page, steady) = heap.steady()?;
    let word = page.u32(AT_LOCK);
    let holder = object.hold_lock(eye, word, "internal lock");
    let inside = holder.as_ref().is_some_and(|holder| !holder.is_dead());
    let journal = page.u64(AT_JOURNAL);
    // Of one that somebody is changing, each word may be from another moment.
    object.approximate = !steady || inside;
    if journal > JOURNAL_LEN as u64 {
        object.damaged("a journal longer than itself");
    }
    if let (Some(why), true) = (look.damage, steady && !inside && journal == 0) {
        object.damaged(why);
    }
    let (committed, idle) = (page.u64(AT_COMMITTED), page.u64(AT_IDLE));
    if committed > heap.chunks || (idle > committed && !object.approximate) {
        object.damaged("more memory is taken than there can be");
    }
    let committed = committed.min(heap.chunks);
    let taken = committed.saturating_sub(idle) * CHUNK as u64;
    let entries = match look.entries {
        1 => "1 entry".to_owned(),
        n => format!("{n} entries"),
    };
    object.items = Some(look.entries);
    object.fill = Some((taken, limit));
    object.shape = format!("{entries}, {} of {}", size(taken), size(limit));
    object.waiting = Some(word & WAITERS != 0);
    match &holder {
        Some(holder) if inside => object.say("held", format!("being changed by {}", holder.text())),
        _ if journal != 0 => {
            object.say("half-done", "a change is half done: whoever comes next takes it back");
            object.style = NOTE;
        }
        Some(holder) => object.say("held", format!("left by {}", holder.text())),
        None => {
            object.say("free", "");
            object.style = GOOD;
        }
    }
    tell(object, eye, &look, &page, (limit, committed), inside);
    object.report.lock("lock", word, holder.as_ref());
    handles(object, eye, &look);
    Ok(())
}

/// What the words of the page and what they lead to say.
fn tell(object: &mut Object, eye: &Eye, look: &Look, page: &Bytes, (limit, committed): (u64, u64), inside: bool) {
    let r = &mut object.report;
    let committed = committed * CHUNK as u64 + FIXED as u64;
    r.number("entries", look.entries);
    r.fact("limit_bytes", limit, size(limit));
    r.fact("committed_bytes", committed, size(committed));
    if let Some(usage) = look.usage {
        r.fact("used_bytes", usage.bytes, format!("{} in {}", size(usage.bytes), count(usage.blocks, "block")));
        r.hidden("blocks", usage.blocks);
    }
    r.number("containers", page.u64(AT_COUNT));
    r.fact("containers_made", page.u64(AT_STAMP), page.u64(AT_STAMP).to_string());
    if eye.depth.deep {
        let more = if look.cut { " or more" } else { "" };
        r.fact("waiting_to_be_freed", look.doomed, format!("{}{more}", count(look.doomed, "container")));
        r.hidden("cut", look.cut);
    }
    let journal = page.u64(AT_JOURNAL);
    let text = match journal {
        0 => "nothing is half done".to_owned(),
        n if inside => format!("a change is being made, {} to take it back", size(n)),
        n => format!("half done, {} to take it back", size(n)),
    };
    r.fact("journal_bytes", journal, text);
}

/// Who has handles on containers inside.
fn handles(object: &mut Object, eye: &Eye, look: &Look) {
    let row = |handles: &Handles| {
        let who = eye.tenant(handles.tenant)?;
        let kind = handles.kind.name();
        let style = if who.is_dead() { BAD } else { PLAIN };
        let cells = vec![Cell::plain(handles.count.to_string()), Cell::plain(kind), Cell::new(who.text(), style)];
        let json = json!({ "count": handles.count, "kind": kind, "process": who.json() });
        Some((Hold { who, what: "handle", count: handles.count }, (cells, json)))
    };
    let (holds, rows): (Vec<Hold>, Vec<(Vec<Cell>, Value)>) = look.handles.iter().filter_map(row).unzip();
    object.holds.extend(holds);
    let columns = [("COUNT", Align::Right), ("KIND", Align::Left), ("PROCESS", Align::Left)];
    object.report.list("handles", &columns, rows);
}
