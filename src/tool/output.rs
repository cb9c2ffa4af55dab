//! How the tool talks: tables and colours for people, JSON for programs, and nothing that a terminal would obey.

use super::exit::{Failure, OK, OTHER};
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};

/// Ordinary text.
pub(super) const PLAIN: Style = Style::new();
/// Headings and names.
pub(super) const BOLD: Style = Style::new().bold();
/// What matters less.
pub(super) const DIM: Style = Style::new().dimmed();
/// As it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub(super) const NOTE: Style = AnsiColor::Yellow.on_default();
/// Damaged, dead, failed.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Text in a style; the colours are left out where standard output is no terminal, and with `NO_COLOR`.
pub(super) fn styled(text: &str, style: Style) -> String {
    if text.is_empty() || style.is_plain() {
        return text.to_owned();
    }
    format!("{style}{text}{style:#}")
}

/// Text from elsewhere, with nothing in it that a terminal would obey: control characters and those that change the
/// direction of writing become escapes.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_format(c) {
            escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    out
}

fn escape(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        c if u32::from(c) < 0x100 => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        c => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

/// Characters that show nothing themselves and change how others are shown.
fn is_format(c: char) -> bool {
    matches!(u32::from(c), 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
        | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

/// The same of bytes: what is no UTF-8 becomes `\xNN`.
pub(super) fn printable_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A number of bytes for people: `512 B`, `1.5 KiB`, `64 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut scaled = bytes as f64 / 1024.0;
    // What would be shown as 1024 is 1 of the next.
    while scaled >= 1023.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(scaled < 99.95 && (scaled * 10.0).round() % 10.0 != 0.0);
    format!("{scaled:.digits$} {}", UNITS[unit])
}

/// A time span for people: `340 ms`, `12 s`, `5 min`, `3 h`, `2 d`.
pub(super) fn span(ns: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let seconds = ns / SECOND;
    match seconds {
        0 if ns < 1_000_000 => format!("{} us", ns / 1000),
        0 => format!("{} ms", ns / 1_000_000),
        1..=9 => format!("{:.1} s", ns as f64 / SECOND as f64),
        10..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number with a unit, in as many letters as it is different from one: `1 item`, `2 items`.
pub(super) fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// How a column is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    /// Numbers.
    Right,
}

/// One field of a table.
#[derive(Clone)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// In a style. The text is made safe for a terminal.
    pub(super) fn new(text: impl AsRef<str>, style: Style) -> Cell {
        Cell { text: printable(text.as_ref()), style }
    }

    /// In none.
    pub(super) fn plain(text: impl AsRef<str>) -> Cell {
        Cell::new(text, PLAIN)
    }
}

/// Rows under headings.
pub(super) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(super) fn new(columns: &[(&'static str, Align)]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, headings first, each at most `width` characters long.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, (head, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(i));
                cells.map(|cell| columns_of(&cell.text)).max().unwrap_or(0).max(columns_of(head))
            })
            .collect();
        let head: Vec<Cell> = self.columns.iter().map(|(head, _)| Cell::new(head, BOLD)).collect();
        std::iter::once(&head).chain(&self.rows).map(|row| self.line(row, &widths, width)).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize], width: usize) -> String {
        let mut line = String::new();
        let mut left = width;
        // Nothing stands behind the last one that shows something.
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
        for (i, cell) in row.iter().enumerate().take(last + 1) {
            let pad = widths[i].saturating_sub(columns_of(&cell.text));
            let (before, after) = if self.columns[i].1 == Align::Right { (pad, 0) } else { (0, pad) };
            let gap = if i == 0 { before } else { before + 2 };
            if gap >= left {
                break;
            }
            let text = cut(&cell.text, left - gap);
            left -= gap + columns_of(&text);
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(&styled(&text, cell.style));
            if i < last {
                let after = after.min(left);
                left -= after;
                line.extend(std::iter::repeat_n(' ', after));
            }
        }
        line
    }

    /// Writes the table to standard output.
    pub(super) fn print(&self) -> Result<(), Failure> {
        let mut text = self.lines(usize::MAX).join("\n");
        text.push('\n');
        print(&text)
    }
}

/// How many columns of a terminal a text takes. Wide characters count as one: only names chosen by people who use them
/// are misaligned.
fn columns_of(text: &str) -> usize {
    text.chars().count()
}

/// The beginning of a text, if it is longer than `width`, with a mark.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns_of(text) <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

/// Whether people read standard output as it comes.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes to standard output as it is (no newline is added). If nobody reads any more (`mproc ls | head`), the program
/// ends, quietly.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    done(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes lines over what the terminal shows, from its top. The cursor is left below them.
pub(super) fn print_screen(lines: &[String]) -> Result<(), Failure> {
    // Home; each line and then the rest of the screen are cleared as they are written, so that nothing flickers.
    const HOME: &str = "\x1b[H";
    const CLEAR_LINE: &str = "\x1b[K";
    const CLEAR_REST: &str = "\x1b[J";
    let mut text = lines.join("\n");
    text.push('\n');
    // Not by the stream itself, which would take the rest out as well.
    if anstream::AutoStream::choice(&std::io::stdout()) == anstream::ColorChoice::Never {
        text = anstream::adapter::strip_str(&text).to_string();
    }
    let text = text.replace('\n', &format!("{CLEAR_LINE}\r\n"));
    print_raw(format!("{HOME}{text}{CLEAR_REST}").as_bytes())
}

/// Writes a line to standard output.
pub(super) fn print_line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Writes one JSON document, for programs, but so that people can read it too.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print_raw(format!("{}\n", tame(&format!("{value:#}"))).as_bytes())
}

/// Writes one JSON document on one line.
pub(super) fn print_json_line(value: &Value) -> Result<(), Failure> {
    print_raw(format!("{}\n", tame(&value.to_string())).as_bytes())
}

/// JSON in which nothing is left that a terminal would obey: all of that stands in strings, where it may be escaped.
pub(super) fn tame(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && c.is_control() || is_format(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes bytes to standard output, whatever they are.
pub(super) fn print_raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    done(out.write_all(bytes).and_then(|()| out.flush()))
}

fn done(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(i32::from(OK)),
        Err(error) => Err(Failure::new(OTHER, format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
