//! An object, seen from outside. Each kind fills in what it knows; the bytes are anybody's, so nothing is believed that
//! was not checked, and what does not fit together is told as damage.

use super::file::{Bytes, File};
use super::process::{stranger, Party, Registry};
use super::report::Report;
use super::{arena, data, family, rings};
use crate::shm::header::{self, Header, Kind};
use crate::shm::segment::USE_BYTE;
use crate::shm::Tenant;
use crate::sync::raw::WAITERS;
use crate::sys::file::Stat;
use crate::tool::output::{BAD, GOOD, NOTE, PLAIN};
use crate::Error;
use anstyle::Style;
use serde_json::{json, Value};

/// Where the words of a segment stand that are not parameters.
const HOT: usize = header::PAGE;

/// How closely to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::tool) struct Depth {
    /// Also record by record, and entry by entry.
    pub(in crate::tool) deep: bool,
    /// How many elements of an array to show.
    pub(in crate::tool) elements: usize,
}

impl Depth {
    /// A glance.
    pub(in crate::tool) const BRIEF: Depth = Depth { deep: false, elements: 0 };
}

/// That somebody has something of an object.
#[derive(Clone)]
pub(in crate::tool) struct Hold {
    pub(in crate::tool) who: Party,
    /// What: "lock", "reader", "permit", …
    pub(in crate::tool) what: &'static str,
    /// How many.
    pub(in crate::tool) count: u64,
}

impl Hold {
    pub(in crate::tool) fn json(&self) -> Value {
        json!({ "process": self.who.json(), "what": self.what, "count": self.count })
    }
}

/// Something that an object counts.
#[derive(Clone, Copy)]
pub(in crate::tool) struct Count {
    pub(in crate::tool) what: Rate,
    pub(in crate::tool) value: u64,
    /// How many bits it has before it begins again.
    pub(in crate::tool) bits: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::tool) enum Rate {
    /// Messages put, values written, sets, rounds, waits.
    In,
    /// Messages taken.
    Out,
    /// Units of 8 bytes put, with what belongs to a record.
    Units,
}

/// An object, as far as it could be seen.
pub(in crate::tool) struct Object {
    pub(in crate::tool) name: String,
    /// Not the file itself: a domain may have more objects than a process may have files open.
    pub(in crate::tool) stat: Stat,
    /// The domain that it says it belongs to.
    pub(in crate::tool) domain: [u8; 16],
    /// The version of its layout.
    pub(in crate::tool) layout: u32,
    /// `None`: the header does not say, or says nonsense.
    pub(in crate::tool) kind: Option<Kind>,
    /// What is wrong with it.
    pub(in crate::tool) damage: Vec<String>,
    /// Open handles, as the kernel knows them.
    pub(in crate::tool) users: Option<usize>,
    /// Whether somebody has it open; `None`: not known.
    pub(in crate::tool) in_use: Option<bool>,
    pub(in crate::tool) persistent: bool,
    /// Bytes of memory that it takes.
    pub(in crate::tool) memory: u64,
    /// Type, shape or bounds, in a few words.
    pub(in crate::tool) shape: String,
    /// Its state, in one word.
    pub(in crate::tool) state: &'static str,
    /// The same for people, with more about it.
    pub(in crate::tool) note: String,
    pub(in crate::tool) style: Style,
    pub(in crate::tool) holds: Vec<Hold>,
    /// Whether somebody waits, or may wait; `None`: not known.
    pub(in crate::tool) waiting: Option<bool>,
    /// How many, where that is known.
    pub(in crate::tool) waiters: Option<u64>,
    /// Of a condition that is bound to a lock: its kind, and which one of that kind.
    pub(in crate::tool) bound: Option<(Kind, u64)>,
    pub(in crate::tool) steals: u32,
    pub(in crate::tool) rollbacks: u32,
    /// Messages or entries inside.
    pub(in crate::tool) items: Option<u64>,
    /// Bytes in use, of how many.
    pub(in crate::tool) fill: Option<(u64, u64)>,
    pub(in crate::tool) counts: Vec<Count>,
    /// Changes too quickly to be seen as it was at one moment.
    pub(in crate::tool) approximate: bool,
    /// What only this kind has.
    pub(in crate::tool) report: Report,
}

/// What a kind is looked at with.
pub(super) struct Eye<'a> {
    pub(super) file: &'a File,
    pub(super) registry: Option<&'a Registry>,
    pub(super) depth: Depth,
    /// The header, checked.
    pub(super) header: Header,
    /// The first page, as it was at one moment if `Object::approximate` is not set.
    pub(super) page: Bytes,
}

impl Eye<'_> {
    /// The owner in a lock word.
    pub(super) fn owner(&self, word: u32) -> Option<Party> {
        let owner = word & !WAITERS;
        self.registry.map_or_else(|| stranger(owner), |registry| registry.owner(owner))
    }

    pub(super) fn tenant(&self, tenant: Tenant) -> Option<Party> {
        match self.registry {
            Some(registry) => Some(registry.tenant(tenant)),
            None => stranger(tenant.word()),
        }
    }

    /// The entries of a table with one for each slot, of which somebody has something.
    pub(super) fn table(&self, at: usize) -> Result<Vec<(Tenant, u64)>, Error> {
        use crate::shm::{Table, COUNT_BITS, SLOTS, TABLE};
        let table = self.file.read(at as u64, TABLE * 8)?;
        let entry = |slot: usize| {
            let entry = table.u64(8 * Table::place(slot + 1));
            let count = entry & ((1 << COUNT_BITS) - 1);
            (count != 0).then(|| (Tenant::new(slot, entry >> COUNT_BITS), count))
        };
        Ok((0..SLOTS).filter_map(entry).collect())
    }
}

/// A file in a domain's directory.
pub(in crate::tool) enum Entry {
    Object(Box<Object>),
    /// No object.
    Foreign {
        name: Vec<u8>,
        what: &'static str,
        size: u64,
    },
}

impl Object {
    /// Looks at a file that may be an object; what else it is, if it is none.
    pub(super) fn look(
        name: &str,
        file: File,
        registry: Option<&Registry>,
        depth: Depth,
    ) -> Result<Object, &'static str> {
        let start = file.read_some(0, header::PAGE).map_err(|_| "unreadable")?;
        let in_use = file.is_locked(USE_BYTE);
        if !Header::is_segment(start.all()) && in_use != Some(true) {
            return Err(if start.all().is_empty() { "an empty file" } else { "not an object" });
        }
        let mut object = Object::new(name, &file, in_use);
        if !Header::is_segment(start.all()) {
            // A lock there is on no other file.
            object.damaged("in use, but without an object's header");
            return Ok(object);
        }
        object.kind = Kind::parse(start.u32(header::AT_KIND)).filter(|kind| *kind != Kind::Registry);
        object.layout = start.u32(header::AT_LAYOUT);
        object.domain = start.id(header::AT_DOMAIN);
        object.persistent = start.u32(header::AT_FLAGS) & header::FLAG_PERSIST != 0;
        if let Err(error) = object.look_inside(&file, &start, registry, depth) {
            object.damaged(why(&error));
        }
        Ok(object)
    }

    fn new(name: &str, file: &File, in_use: Option<bool>) -> Object {
        Object {
            name: name.to_owned(),
            stat: file.stat,
            domain: [0; 16],
            layout: 0,
            kind: None,
            damage: Vec::new(),
            users: None,
            in_use,
            persistent: false,
            memory: file.stat.size,
            shape: String::new(),
            state: "",
            note: String::new(),
            style: PLAIN,
            holds: Vec::new(),
            waiting: None,
            waiters: None,
            bound: None,
            steals: 0,
            rollbacks: 0,
            items: None,
            fill: None,
            counts: Vec::new(),
            approximate: false,
            report: Report::default(),
        }
    }

    fn look_inside(
        &mut self,
        file: &File,
        start: &Bytes,
        registry: Option<&Registry>,
        depth: Depth,
    ) -> Result<(), Error> {
        if start.u32(header::AT_POISON) != 0 {
            self.damaged("found corrupt by a process that used it");
        }
        let header = Header::parse(start.all(), self.stat.size)?;
        if registry.is_some_and(|registry| registry.id != header.domain()) {
            self.damaged("belongs to another domain");
        }
        let kind = self.kind.ok_or(Error::Corrupt("unknown kind of object"))?;
        let sparse = matches!(kind, Kind::Dict | Kind::List | Kind::Namespace);
        if !sparse && self.stat.allocated < self.stat.size {
            self.damaged("has holes: touching them could fail");
        }
        let (page, steady) = file.read_steady(0, HOT)?;
        self.approximate = !steady;
        self.steals = page.u32(header::AT_STEALS);
        self.rollbacks = page.u32(header::AT_ROLLBACKS);
        let eye = Eye { file, registry, depth, header, page };
        match kind {
            Kind::Registry => Err(Error::Corrupt("unknown kind of object")),
            Kind::Lock => family::lock(self, &eye),
            Kind::RLock => family::rlock(self, &eye),
            Kind::RwLock => family::rwlock(self, &eye),
            Kind::Semaphore => family::semaphore(self, &eye),
            Kind::Condition => family::condition(self, &eye),
            Kind::Event => family::event(self, &eye),
            Kind::Barrier => family::barrier(self, &eye),
            Kind::Value => data::value(self, &eye),
            Kind::Array => data::array(self, &eye),
            Kind::Queue => rings::queue(self, &eye),
            Kind::Pipe => rings::pipe(self, &eye),
            Kind::Dict | Kind::List | Kind::Namespace => arena::look(self, &eye),
        }
    }

    pub(super) fn damaged(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.damage.contains(&why) {
            self.damage.push(why);
        }
    }

    /// Checks the size that the parameters ask for.
    pub(super) fn expect_len(&self, len: u64) -> Result<(), Error> {
        if len == self.stat.size {
            return Ok(());
        }
        Err(Error::Corrupt("size and parameters disagree"))
    }

    /// Notes who has the lock in a word; whether somebody has.
    pub(super) fn hold_lock(&mut self, eye: &Eye, word: u32, what: &'static str) -> Option<Party> {
        let owner = eye.owner(word)?;
        self.holds.push(Hold { who: owner.clone(), what, count: 1 });
        Some(owner)
    }

    /// The lock that users take on a value, an array, or as such: the end of the note says who has it.
    pub(super) fn user_lock(&mut self, eye: &Eye) -> Option<Party> {
        let word = eye.page.u32(header::AT_USER_LOCK);
        self.waiting = Some(self.waiting.unwrap_or(false) || word & WAITERS != 0);
        let holder = self.hold_lock(eye, word, "lock");
        self.report.lock("lock", word, holder.as_ref());
        holder
    }

    /// Sets state and note.
    pub(super) fn say(&mut self, state: &'static str, note: impl Into<String>) {
        self.state = state;
        self.note = note.into();
    }

    /// Adds to the note; something worth a look if `style` says so.
    pub(super) fn add(&mut self, note: &str, style: Style) {
        if !self.note.is_empty() {
            self.note.push_str(", ");
        }
        self.note.push_str(note);
        if self.style == PLAIN {
            self.style = style;
        }
    }

    /// How the state of the object reads: damage goes before all else.
    pub(in crate::tool) fn verdict(&self) -> (String, Style) {
        if let Some(why) = self.damage.first() {
            return (format!("damaged: {why}"), BAD);
        }
        let mut note = self.note.clone();
        let mut style = self.style;
        if self.in_use == Some(false) {
            let left = if self.persistent { "unused" } else { "unused, to be swept" };
            note = if note.is_empty() { left.to_owned() } else { format!("{note} ({left})") };
        }
        if self.holds.iter().any(|hold| hold.who.is_dead() || hold.who.is_stopped()) {
            style = NOTE;
        }
        (note, style)
    }

    /// State, in one word, for programs.
    pub(in crate::tool) fn state(&self) -> &'static str {
        if self.damage.is_empty() {
            self.state
        } else {
            "damaged"
        }
    }

    pub(in crate::tool) fn kind_name(&self) -> &'static str {
        self.kind.map_or("?", Kind::name)
    }
}

/// Who holds something, for a note: the first, and how many others.
pub(super) fn who_all(who: &[Party]) -> String {
    match who {
        [] => String::new(),
        [one] => one.text(),
        [one, rest @ ..] => {
            format!("{} and {} other{}", one.text(), rest.len(), if rest.len() == 1 { "" } else { "s" })
        }
    }
}

impl Report {
    /// A lock word.
    pub(super) fn lock(&mut self, key: &'static str, word: u32, holder: Option<&Party>) {
        let waits = word & WAITERS != 0;
        let mut text = holder.map_or_else(|| "free".to_owned(), |holder| format!("held by {}", holder.text()));
        if waits {
            text.push_str("; somebody may wait for it");
        }
        let style = match holder {
            Some(holder) if holder.is_dead() || holder.is_stopped() => NOTE,
            Some(_) => PLAIN,
            None => GOOD,
        };
        let json = json!({ "holder": holder.map(Party::json), "waiting": waits });
        self.styled(key, json, text, style);
    }

    /// An eventcount, at a place of a page.
    pub(super) fn eventcount(&mut self, key: &'static str, page: &Bytes, at: usize) -> bool {
        let (sequence, hint) = (page.u32(at), page.u32(at + 4));
        let waits = hint & 1 != 0;
        let text = if waits { "somebody may wait" } else { "nobody waits" };
        self.fact(key, json!({ "waiting": waits, "wakeups": sequence }), text);
        waits
    }
}

/// What an error says, without "corrupt".
fn why(error: &Error) -> String {
    match error {
        Error::Corrupt(why) | Error::Version(why) => (*why).to_owned(),
        other => other.to_string(),
    }
}
