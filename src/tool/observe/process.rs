//! Who is in a domain: the registry's table, and the kernel's word on who lives.

use super::file::{Bytes, File};
use super::system::Running;
use crate::shm::header::{Header, Kind, PAGE};
use crate::shm::registry::{
    owner_slot, owner_word, AT_SLOTS, COMMAND, GENERATION, LOCK_BASE, PID, REGISTRY_LEN, SLOTS, SLOT_LEN, START_TIME,
};
use crate::shm::Tenant;
use crate::Error;
use serde_json::{json, Value};

/// How often a slot is looked at again that changes its tenant meanwhile.
const TRIES: usize = 3;

/// The registry file of a domain.
pub(in crate::tool) struct Registry {
    file: File,
    /// The domain's identity.
    pub(in crate::tool) id: [u8; 16],
}

/// A process as the domain knows it.
#[derive(Clone)]
pub(in crate::tool) struct Party {
    /// `None`: the record names no slot that there is.
    pub(in crate::tool) slot: Option<usize>,
    /// Of an earlier tenant of the slot: as many of its bits as are recorded.
    pub(in crate::tool) generation: u64,
    /// Whether the slot still is this one's. If not, the following is not known.
    pub(in crate::tool) current: bool,
    /// In its own pid namespace.
    pub(in crate::tool) pid: u32,
    /// Clock ticks after boot; 0: not known.
    pub(in crate::tool) start_time: u64,
    /// When it joined.
    pub(in crate::tool) command: String,
    /// The kernel's word; `None`: it could not be asked.
    pub(in crate::tool) alive: Option<bool>,
    /// The process itself, if this one sees it.
    pub(in crate::tool) running: Option<Running>,
}

impl Party {
    fn unknown(slot: Option<usize>, generation: u64) -> Party {
        Party {
            slot,
            generation,
            current: false,
            pid: 0,
            start_time: 0,
            command: String::new(),
            alive: Some(false),
            running: None,
        }
    }

    pub(in crate::tool) fn is_dead(&self) -> bool {
        self.alive == Some(false)
    }

    pub(in crate::tool) fn is_stopped(&self) -> bool {
        self.running.as_ref().is_some_and(Running::is_stopped)
    }

    /// Who it is, for people: `pid 12 (worker)`.
    pub(in crate::tool) fn name(&self) -> String {
        match self.slot {
            _ if self.current => format!("pid {} ({})", self.pid, self.command()),
            Some(slot) if self.alive.is_none() => format!("the process of slot {slot}"),
            Some(slot) => format!("a former process of slot {slot}"),
            None => "nobody there is (an impossible owner)".to_owned(),
        }
    }

    /// Who it is and how it is: `pid 12 (worker), stopped`.
    pub(in crate::tool) fn text(&self) -> String {
        let how = match self.alive {
            Some(false) => ", dead",
            None => ", perhaps alive",
            Some(true) if self.is_stopped() => ", stopped",
            Some(true) => "",
        };
        self.name() + how
    }

    /// Its command name: the present one, if it can be seen.
    pub(in crate::tool) fn command(&self) -> &str {
        self.running.as_ref().map_or(&self.command, |running| &running.command)
    }

    pub(in crate::tool) fn json(&self) -> Value {
        json!({
            "slot": self.slot,
            "generation": self.generation,
            "pid": self.current.then_some(self.pid),
            "command": self.current.then(|| self.command()),
            "alive": self.alive,
            "stopped": self.running.as_ref().map(Running::is_stopped),
        })
    }
}

impl Registry {
    /// Checks that a file is a registry.
    pub(in crate::tool) fn new(file: File) -> Result<Registry, Error> {
        let page = file.read(0, PAGE)?;
        let header = Header::parse(page.all(), file.stat.size)?;
        header.expect_kind(Kind::Registry).map_err(|_| Error::Corrupt("the registry is something else"))?;
        if file.stat.size != REGISTRY_LEN as u64 {
            return Err(Error::Corrupt("the registry has the wrong size"));
        }
        Ok(Registry { file, id: header.domain() })
    }

    fn row(&self, slot: usize) -> Option<Bytes> {
        self.file.read((AT_SLOTS + slot * SLOT_LEN) as u64, SLOT_LEN).ok()
    }

    /// Who has a slot now, or had it last; `None`: nobody ever.
    pub(in crate::tool) fn tenant_of(&self, slot: usize) -> Option<Party> {
        let mut row = self.row(slot)?;
        for _ in 0..TRIES {
            if row.u64(GENERATION) == 0 {
                return None;
            }
            let alive = self.file.is_locked(LOCK_BASE + slot as i64);
            let again = self.row(slot)?;
            if again == row {
                return Some(self.party(slot, &row, alive));
            }
            row = again;
        }
        Some(self.party(slot, &row, None))
    }

    fn party(&self, slot: usize, row: &Bytes, alive: Option<bool>) -> Party {
        let (pid, start_time) = (row.u32(PID), row.u64(START_TIME));
        let command = row.all().get(COMMAND..).unwrap_or_default();
        let end = command.iter().position(|&b| b == 0).unwrap_or(command.len());
        // The pid is a process's that we see only if it began when that one did.
        let found = (alive != Some(false)).then(|| Running::find(pid)).flatten();
        Party {
            slot: Some(slot),
            generation: row.u64(GENERATION),
            current: true,
            pid,
            start_time,
            command: String::from_utf8_lossy(&command[..end]).into_owned(),
            alive,
            running: found.filter(|running| running.start_time == start_time),
        }
    }

    /// Everybody who has, or had, a slot.
    pub(in crate::tool) fn everybody(&self) -> Vec<Party> {
        (0..SLOTS).filter_map(|slot| self.tenant_of(slot)).collect()
    }

    /// The owner of a lock word (without the mark of waiters); `None`: nobody.
    pub(in crate::tool) fn owner(&self, word: u32) -> Option<Party> {
        if word == 0 {
            return None;
        }
        let Some(slot) = owner_slot(word) else { return Some(Party::unknown(None, 0)) };
        let now = self.tenant_of(slot);
        let same = now.filter(|party| owner_word(slot, party.generation) == word);
        Some(same.unwrap_or_else(|| Party::unknown(Some(slot), u64::from(word >> 10))))
    }

    /// The owner of a record that stays.
    pub(in crate::tool) fn tenant(&self, tenant: Tenant) -> Party {
        let slot = tenant.slot();
        if slot >= SLOTS {
            return Party::unknown(None, tenant.generation());
        }
        let now = self.tenant_of(slot);
        let same = now.filter(|party| Tenant::new(slot, party.generation) == tenant);
        same.unwrap_or_else(|| Party::unknown(Some(slot), tenant.generation()))
    }
}

/// The owner of a lock word if there is no registry to ask.
pub(super) fn stranger(word: u32) -> Option<Party> {
    (word != 0).then(|| Party { alive: None, ..Party::unknown(owner_slot(word), u64::from(word >> 10)) })
}
