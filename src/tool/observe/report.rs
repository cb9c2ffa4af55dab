//! What is known about an object: said once, for people and for programs.

use crate::tool::output::{Align, Cell, Table, PLAIN};
use anstyle::Style;
use serde_json::{Map, Value};

/// Facts in an order, each under a key: for people, in words.
#[derive(Default)]
pub(in crate::tool) struct Report(Vec<Item>);

enum Item {
    Fact {
        key: &'static str,
        json: Value,
        text: String,
        style: Style,
    },
    /// For programs only.
    Hidden {
        key: &'static str,
        json: Value,
    },
    List {
        key: &'static str,
        columns: Vec<(&'static str, Align)>,
        rows: Vec<Vec<Cell>>,
        json: Vec<Value>,
    },
    /// Facts of a part.
    Part {
        key: &'static str,
        report: Report,
    },
}

impl Report {
    /// A fact; without a text it is left out for people.
    pub(in crate::tool) fn fact(&mut self, key: &'static str, json: impl Into<Value>, text: impl Into<String>) {
        self.styled(key, json, text, PLAIN);
    }

    pub(in crate::tool) fn styled(
        &mut self,
        key: &'static str,
        json: impl Into<Value>,
        text: impl Into<String>,
        style: Style,
    ) {
        self.0.push(Item::Fact { key, json: json.into(), text: text.into(), style });
    }

    /// A number.
    pub(in crate::tool) fn number(&mut self, key: &'static str, number: u64) {
        self.fact(key, number, number.to_string());
    }

    /// A number that is only worth telling people if it is not 0.
    pub(in crate::tool) fn if_any(&mut self, key: &'static str, number: u64) {
        self.fact(key, number, if number == 0 { String::new() } else { number.to_string() });
    }

    /// Yes or no.
    pub(in crate::tool) fn flag(&mut self, key: &'static str, flag: bool) {
        self.fact(key, flag, if flag { "yes" } else { "no" });
    }

    /// For programs only.
    pub(in crate::tool) fn hidden(&mut self, key: &'static str, json: impl Into<Value>) {
        self.0.push(Item::Hidden { key, json: json.into() });
    }

    /// A table, with an object for each row.
    pub(in crate::tool) fn list(
        &mut self,
        key: &'static str,
        columns: &[(&'static str, Align)],
        rows: Vec<(Vec<Cell>, Value)>,
    ) {
        let (rows, json) = rows.into_iter().unzip();
        self.0.push(Item::List { key, columns: columns.to_vec(), rows, json });
    }

    /// Facts of a part of the object.
    pub(in crate::tool) fn part(&mut self, key: &'static str, report: Report) {
        self.0.push(Item::Part { key, report });
    }

    /// Adds those of another.
    pub(in crate::tool) fn append(&mut self, other: Report) {
        self.0.extend(other.0);
    }

    /// For programs.
    pub(in crate::tool) fn json(self) -> Map<String, Value> {
        let each = self.0.into_iter().map(|item| match item {
            Item::Fact { key, json, .. } | Item::Hidden { key, json } => (key.to_owned(), json),
            Item::List { key, json, .. } => (key.to_owned(), Value::Array(json)),
            Item::Part { key, report } => (key.to_owned(), Value::Object(report.json())),
        });
        each.collect()
    }

    /// For people: labels in one column, what they say in the next.
    pub(in crate::tool) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, indent: usize) {
        let mut facts = Table::new(&[("", Align::Left), ("", Align::Left)]);
        for item in &self.0 {
            match item {
                Item::Fact { key, text, style, .. } if !text.is_empty() => {
                    facts.row(vec![Cell::plain(label(key)), Cell::new(text, *style)]);
                }
                Item::List { key, columns, rows, .. } if !rows.is_empty() => {
                    flush(out, &mut facts, indent);
                    heading(out, key, indent);
                    let mut table = Table::new(columns);
                    rows.iter().for_each(|row| table.row(row.clone()));
                    lines(out, &table.lines(usize::MAX), indent + 2);
                }
                Item::Part { key, report } => {
                    flush(out, &mut facts, indent);
                    heading(out, key, indent);
                    report.write(out, indent + 2);
                }
                Item::Fact { .. } | Item::Hidden { .. } | Item::List { .. } => {}
            }
        }
        flush(out, &mut facts, indent);
    }
}

fn heading(out: &mut String, key: &str, indent: usize) {
    lines(out, &[format!("{}:", label(key))], indent);
}

/// A key as people read it. Units stand beside the numbers.
fn label(key: &str) -> String {
    key.trim_end_matches("_bytes").replace('_', " ")
}

/// Writes the facts that were collected, and begins anew.
fn flush(out: &mut String, facts: &mut Table, indent: usize) {
    if !facts.is_empty() {
        lines(out, &facts.lines(usize::MAX)[1..], indent);
    }
    *facts = Table::new(&[("", Align::Left), ("", Align::Left)]);
}

fn lines(out: &mut String, lines: &[String], indent: usize) {
    for line in lines {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(line);
        out.push('\n');
    }
}
