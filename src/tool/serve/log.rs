//! What a server says of itself: a line for each event on standard error, for people or as JSON.
//!
//! A thread of its own writes them, so that nobody who serves clients waits for whoever reads them; what it cannot
//! write in time is counted instead. What strangers can bring about as often as they like is written a few times, and
//! then counted as well.

use super::super::output::{printable, tame};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many lines may wait to be written.
const WAITING: usize = 1024;
/// How often the same thing is written within [`WINDOW`], if it is bounded.
const BURST: u64 = 10;
const WINDOW: Duration = Duration::from_secs(10);
/// How long the end waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warning,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
        }
    }
}

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    at: SystemTime,
    level: Level,
    event: &'static str,
    fields: Vec<(&'static str, Value)>,
    bounded: bool,
}

impl Entry {
    /// What has just happened.
    pub(super) fn new(level: Level, event: &'static str) -> Entry {
        Entry { at: SystemTime::now(), level, event, fields: Vec::new(), bounded: false }
    }

    /// With something to say of it.
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Entry {
        self.fields.push((key, value.into()));
        self
    }

    /// It is not written as often as it happens.
    pub(super) fn bounded(mut self) -> Entry {
        self.bounded = true;
        self
    }

    fn line(&self, json: bool) -> String {
        if json {
            let mut map = Map::new();
            map.insert("time".to_owned(), timestamp(self.at).into());
            map.insert("level".to_owned(), self.level.name().into());
            map.insert("event".to_owned(), self.event.into());
            map.extend(self.fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
            return tame(&Value::Object(map).to_string());
        }
        let mut line = format!("{} {} {}", timestamp(self.at), self.level.name(), self.event.replace('_', " "));
        for (i, (key, value)) in self.fields.iter().enumerate() {
            line.push_str(if i == 0 { ": " } else { " " });
            // A word stands for itself, anything else as JSON would have it.
            let text = match value {
                Value::String(word) if is_word(word) => word.clone(),
                other => other.to_string(),
            };
            line.push_str(&format!("{key}={}", printable(&text)));
        }
        line
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '='))
}

/// A moment as ISO 8601 has it, in UTC.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date so many days after 1970-01-01 in the Gregorian calendar. Years are counted from March on, so that the leap
/// day is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097; // days of 400 years
    let days = days + 719_468; // since 0000-03-01
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153; // 0: March
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// How often something was written of late, and how often not.
struct Rate {
    since: Instant,
    written: u64,
    held: u64,
    level: Level,
}

/// Where lines go.
pub(super) struct Log {
    /// `None`: it has ended.
    lines: Mutex<Option<SyncSender<Entry>>>,
    lost: Arc<AtomicU64>,
    /// The last line, when there is one.
    last: Arc<Mutex<Option<Entry>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// Begins; lines are JSON, or for people.
    pub(super) fn start(json: bool) -> std::io::Result<Arc<Log>> {
        let (lines, waiting) = sync_channel(WAITING);
        let (lost, last) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
        let of_writer = (lost.clone(), last.clone());
        let writer = std::thread::Builder::new().name("mproc-log".into());
        let writer = writer.spawn(move || {
            write(&waiting, &of_writer.0, json);
            if let Some(entry) = guard(&of_writer.1).take() {
                put(&entry, json);
            }
        })?;
        Ok(Arc::new(Log { lines: Mutex::new(Some(lines)), lost, last, writer: Mutex::new(Some(writer)) }))
    }

    /// Writes a line, soon. Waits for nobody.
    pub(super) fn add(&self, entry: Entry) {
        if guard(&self.lines).as_ref().is_none_or(|lines| lines.try_send(entry).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is left, and this line behind it, if somebody reads it.
    pub(super) fn stop(&self, last: Entry) {
        *guard(&self.last) = Some(last);
        drop(guard(&self.lines).take());
        let Some(writer) = guard(&self.writer).take() else { return };
        let until = Instant::now() + LAST_LINES;
        while !writer.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Writes lines until there is nobody left who could send one.
fn write(waiting: &Receiver<Entry>, lost: &AtomicU64, json: bool) {
    let mut rates: BTreeMap<&'static str, Rate> = BTreeMap::new();
    loop {
        let due = rates.values().filter(|rate| rate.held > 0).map(|rate| rate.since + WINDOW).min();
        let next = match due {
            Some(due) => waiting.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let ended = matches!(next, Err(RecvTimeoutError::Disconnected));
        summarise(&mut rates, ended, json);
        let missed = lost.swap(0, Ordering::Relaxed);
        if missed > 0 {
            put(&Entry::new(Level::Warning, "lines_lost").with("count", missed), json);
        }
        match next {
            Ok(entry) if !entry.bounded || admit(&mut rates, &entry) => put(&entry, json),
            _ if ended => return,
            _ => {}
        }
    }
}

/// Whether it is written, or only counted.
fn admit(rates: &mut BTreeMap<&'static str, Rate>, entry: &Entry) -> bool {
    let fresh = || Rate { since: Instant::now(), written: 0, held: 0, level: entry.level };
    let rate = rates.entry(entry.event).or_insert_with(fresh);
    let admitted = rate.written < BURST;
    rate.written += u64::from(admitted);
    rate.held += u64::from(!admitted);
    admitted
}

/// Says what was only counted, when its time is over.
fn summarise(rates: &mut BTreeMap<&'static str, Rate>, all: bool, json: bool) {
    rates.retain(|&event, rate| {
        let over = all || rate.since.elapsed() >= WINDOW;
        if over && rate.held > 0 {
            put(&Entry::new(rate.level, event).with("more", rate.held), json);
        }
        !over
    });
}

fn put(entry: &Entry, json: bool) {
    // Nobody can be told that nobody can be told.
    let _ = std::io::stderr().lock().write_all((entry.line(json) + "\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(11_017), (2000, 3, 1));
        assert_eq!(date(19_722), (2023, 12, 31));
        assert_eq!(date(19_723), (2024, 1, 1));
        assert_eq!(date(47_541), (2100, 3, 1)); // 2100 has no leap day
    }

    #[test]
    fn lines_are_one_line_each() {
        let mut entry = Entry::new(Level::Warning, "client_refused").with("reason", "a\nb \u{1b}[1m").with("client", 7);
        entry.at = UNIX_EPOCH + Duration::from_millis(86_400_123);
        let start = "1970-01-02T00:00:00.123Z warning client refused: ";
        assert_eq!(entry.line(false), format!("{start}reason=\"a\\nb \\u001b[1m\" client=7"));
        let json: Value = serde_json::from_str(&entry.line(true)).expect("JSON");
        assert_eq!(json["reason"], "a\nb \u{1b}[1m");
        assert_eq!(json["event"], "client_refused");
        assert!(!entry.line(true).contains('\n'));
    }

    #[test]
    fn the_same_thing_is_written_a_few_times_and_then_counted() {
        let mut rates = BTreeMap::new();
        let entry = Entry::new(Level::Warning, "client_refused").bounded();
        let written = (0..BURST + 5).filter(|_| admit(&mut rates, &entry)).count() as u64;
        assert_eq!((written, rates["client_refused"].held), (BURST, 5));
        summarise(&mut rates, true, false);
        assert!(rates.is_empty() && admit(&mut rates, &entry));
    }
}
