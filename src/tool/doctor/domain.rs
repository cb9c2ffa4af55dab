//! The domain: who owns it, its registry, who lives in it, and the objects.

use super::{fail, ok, warn, Finding, Report};
use crate::shm::domain::REGISTRY;
use crate::shm::registry::REGISTRY_LEN;
use crate::shm::SLOTS;
use crate::sys::file::{self, Stat};
use crate::sys::process;
use crate::tool::observe::{Depth, Entry, Place};
use crate::tool::output;
use crate::Error;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

pub(super) fn domain(path: &Path, dir: &OwnedFd, report: &mut Report) {
    let stat = match file::stat(dir.as_fd()) {
        Ok(stat) => stat,
        Err(error) => return report.add("owner", "who owns the domain", fail(error.to_string(), "try again")),
    };
    owner(path, &stat, report);
    if let Some(place) = registry(path, dir, &stat, report) {
        objects(&place, report);
    }
}

fn owner(path: &Path, stat: &Stat, report: &mut Report) {
    let (shown, mode, group) = (path.display(), stat.mode & 0o7777, stat.mode & 0o020 != 0);
    let finding = if stat.uid != process::euid() && !group {
        let advice = format!("run mproc as user {}, or use a domain of your own", stat.uid);
        fail(format!("it belongs to user {}, this is user {}", stat.uid, process::euid()), advice)
    } else if mode & 0o007 != 0 {
        let mode_wanted = if group { "2770" } else { "700" };
        fail(format!("its mode is {mode:o}: open to everybody"), format!("chmod {mode_wanted} {shown}"))
    } else if group {
        let text = format!("it is a group's (mode {mode:o}): programs open it with MPROC_DOMAIN_GROUP");
        if mode & 0o2070 == 0o2070 {
            ok(text)
        } else {
            fail(text, format!("chmod 2770 {shown}, so that all members can, and new files are the group's"))
        }
    } else if mode & 0o050 != 0 {
        fail(format!("its mode is {mode:o}: neither private nor a group's"), format!("chmod 700 {shown}, or 2770"))
    } else if mode & 0o700 != 0o700 {
        fail(format!("its mode is {mode:o}: its owner may not use it"), format!("chmod 700 {shown}"))
    } else {
        ok(format!("it is this user's alone (mode {mode:o})"))
    };
    report.add("owner", "a domain that others could change is refused with MPROC_EACCES", finding);
}

/// The registry: its file, its first page, and who lives according to it. `None`: there is none.
fn registry(path: &Path, dir: &OwnedFd, above: &Stat, report: &mut Report) -> Option<Place> {
    const MEANING: &str = "the registry says who has joined; without it, or with a damaged one, nobody can";
    let again = format!("end all programs that use the domain, then mproc -d {} rm --all", path.display());
    let stat = match file::stat_at(dir.as_fd(), REGISTRY) {
        Ok(stat) => stat,
        Err(Error::NotFound(_)) => {
            report.add("registry", MEANING, ok("there is none yet: the next program makes it"));
            return None;
        }
        Err(error) => {
            report.add("registry", MEANING, fail(format!("the registry cannot be looked at: {error}"), again));
            return None;
        }
    };
    let place = match Place::open(path) {
        Ok(place) => place,
        Err(failure) => {
            report.add("registry", MEANING, fail(failure.text, "try again: it was just removed"));
            return None;
        }
    };
    let wrong =
        judge_registry(&stat, above).or_else(|| Some(format!("the registry: {}", place.registry.as_ref().err()?)));
    let finding = match wrong {
        None => ok(format!("the registry is whole (memory layout {})", crate::LAYOUT_VERSION)),
        Some(why) if matches!(place.registry, Err(Error::Version(_))) => {
            fail(why, format!("use programs of one version of the library; or {again}"))
        }
        Some(why) => fail(why, again),
    };
    report.add("registry", MEANING, finding);
    if let Ok(registry) = &place.registry {
        let everybody = registry.everybody();
        let unknown = everybody.iter().filter(|party| party.alive.is_none()).count();
        let past = everybody.iter().filter(|party| party.is_dead()).count();
        let finding = slots(everybody.len() - past - unknown, past, unknown);
        report.add("processes", "so many living processes can have joined; each slot is free again at once", finding);
    }
    Some(place)
}

fn slots(living: usize, past: usize, unknown: usize) -> Finding {
    if unknown > 0 {
        return warn(format!("of {unknown} slots it cannot be found out who lives"), "see file locks above");
    }
    let text = format!("{living} of {SLOTS} slots are taken by living processes, {past} were by others");
    match living {
        0..=920 => ok(text),
        921..SLOTS => warn(text, "end some, or use several domains: the rest is refused with MPROC_ESLOTS"),
        _ => fail(text, "end some, or use several domains: new ones are refused with MPROC_ESLOTS"),
    }
}

/// Why a registry's file cannot be used.
fn judge_registry(stat: &Stat, above: &Stat) -> Option<String> {
    if !stat.is_regular() {
        return Some("the registry is not a regular file".into());
    }
    if stat.links != 1 {
        return Some("the registry's file has another name".into());
    }
    let group = above.mode & 0o020 != 0;
    if stat.mode & if group { 0o007 } else { 0o077 } != 0 {
        return Some(format!("the registry's mode is {:o}: open to others", stat.mode & 0o7777));
    }
    if !group && stat.uid != above.uid {
        return Some(format!("the registry belongs to user {}", stat.uid));
    }
    (stat.size == REGISTRY_LEN as u64 && stat.allocated < stat.size).then(|| "the registry has holes".into())
}

fn objects(place: &Place, report: &mut Report) {
    const DAMAGED: &str = "calls on a damaged object say MPROC_ECORRUPT, MPROC_EVERSION or MPROC_EACCES";
    let entries = match place.entries(Depth::BRIEF) {
        Ok(entries) => entries,
        Err(failure) => return report.add("objects", DAMAGED, fail(failure.text, "let this user read the directory")),
    };
    let (mut whole, mut leftover, mut memory) = (0u64, 0u64, 0u64);
    let (mut damaged, mut foreign, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &entries {
        match entry {
            Entry::Object(object) => {
                match object.damage.first() {
                    Some(why) => damaged.push(format!("{} ({why})", object.name)),
                    None if object.stat.links > 1 => {
                        damaged.push(format!("{} (its file has another name)", object.name))
                    }
                    None => whole += 1,
                }
                if object.in_use == Some(false) && !object.persistent {
                    leftover += 1;
                    memory += object.stat.allocated;
                }
            }
            Entry::Foreign { name, what: "not readable", .. } => unreadable.push(output::printable_bytes(name)),
            Entry::Foreign { name, .. } => foreign.push(output::printable_bytes(name)),
        }
    }
    let finding = match damaged.is_empty() {
        true => ok(format!("{} in order", objects_of(whole))),
        false => fail(
            format!("{} damaged: {}", objects_of(damaged.len() as u64), some_of(&damaged)),
            "mproc inspect NAME says more; mproc rm NAME removes it: programs that have it open go on with the old one",
        ),
    };
    report.add("objects", DAMAGED, finding);
    let finding = match leftover {
        0 => ok("no leftovers"),
        n => warn(format!("{} that nobody uses: {}", objects_of(n), output::size(memory)), "mproc gc"),
    };
    report.add(
        "leftovers",
        "what killed processes leave goes when anybody opens or creates something, or with mproc gc",
        finding,
    );
    if !unreadable.is_empty() {
        let finding = warn(some_of(&unreadable), "run this as their owner");
        report.add("unreadable", "of these it cannot be said whether they are in order", finding);
    }
    if !foreign.is_empty() {
        let text =
            format!("{} in it not the library's: {}", output::count(foreign.len() as u64, "file"), some_of(&foreign));
        let finding = warn(text, "move them elsewhere");
        report.add("foreign_files", "they stay when the domain is removed, and it with them", finding);
    }
}

fn objects_of(n: u64) -> String {
    output::count(n, "object")
}

/// The first few.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        format!("{shown} and {} more", names.len() - MOST)
    } else {
        shown
    }
}
