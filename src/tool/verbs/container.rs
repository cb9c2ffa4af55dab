//! What the verbs of dict, list and namespace have in common: which container, keys and values as text, and what is
//! printed.

use super::super::cli::Context;
use super::super::exit::{code, is_like, Failure, Outcome, MISMATCH, OTHER};
use super::super::output::{is_terminal, print_line, print_raw, printable, tame};
use super::{about, bytes, mismatch, open_or_create, persistent};
use crate::manager::{Arena, Dict, List, Namespace, Site};
use crate::objects::datum::{decode, to_json, Items};
use crate::shm::header::Kind;
use crate::{Builder, ContainerOptions, Datum, Encoded, Error, ObjectOptions, Reference};
use clap::ValueEnum;
use serde_json::Value;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `--help` says about texts.
pub(super) const HELP: &str = "\
How keys and values are written:
  VALUE   JSON: 8080, -0.5, true, null, '\"text\"', '[1,2]', '{\"a\": 1}'; a word that is not JSON is a
          string; but what begins with {, [ or \" has to be JSON (--string: a string in any case)
  KEY     a string, whatever it looks like; with --json-key JSON, as 1 or '[1,2]', without maps
  INDEX   of a list: counted from 0; -1 is the last

Values are printed as JSON, each on one line; with --raw, strings as they are. What JSON does not know is read and \
written as
  {\"$bytes\": \"AAEC\"}                    bytes, in base64
  {\"$float\": \"nan\"}                     not a number; also \"inf\" and \"-inf\"
  {\"$map\": [[1, \"one\"], [2, \"two\"]]}    a map with keys that are no strings
  {\"$ref\": …}                           a reference to an object, or to a container inside

Containers inside containers:
  A list or map given as JSON is a value like any other: it is read and written as a whole. A
  container of its own, in which single entries change, is made with --new dict or --new list, and
  --in KEY goes into it; given again, into one inside that.

  mproc dict set config servers --new dict
  mproc dict set config port 8080 --in servers";

/// Which container.
#[derive(clap::Args)]
pub(super) struct At {
    /// The object's name
    pub(super) name: String,
    /// Go into the container that stands there (of a list: INDEX); given again, into one inside that
    #[arg(long = "in", value_name = "KEY", allow_negative_numbers = true)]
    path: Vec<String>,
    /// Keys are JSON, not strings
    #[arg(long)]
    json_key: bool,
}

/// What to do if there is no such object.
#[derive(clap::Args)]
pub(super) struct Make {
    /// The most memory it may ever take, in bytes (or with K, M, G, T), if it is created [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    limit: Option<u64>,
    /// Fail if it does not exist, instead of creating it
    #[arg(long)]
    existing: bool,
}

/// How a value is meant.
#[derive(clap::Args)]
pub(super) struct Form {
    /// It is a string, whatever it looks like
    #[arg(long, conflicts_with = "new")]
    string: bool,
    /// Instead of a value: a new, empty container
    #[arg(long, value_enum, value_name = "KIND")]
    new: Option<New>,
}

/// What can be made inside a container.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum New {
    Dict,
    List,
    #[value(alias = "ns")]
    Namespace,
}

/// One value.
#[derive(clap::Args)]
pub(super) struct One {
    /// What to store: JSON; a word that is not JSON is a string
    #[arg(required_unless_present = "new", conflicts_with = "new", allow_negative_numbers = true)]
    value: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// Several.
#[derive(clap::Args)]
pub(super) struct Many {
    /// What to store: JSON; a word that is not JSON is a string
    #[arg(
        value_name = "VALUE",
        required_unless_present = "new",
        conflicts_with = "new",
        allow_negative_numbers = true
    )]
    values: Vec<String>,
    #[command(flatten)]
    form: Form,
}

/// How values are printed.
#[derive(clap::Args, Default)]
pub(super) struct Raw {
    /// Strings as they are, not as JSON (on a terminal with control characters escaped)
    #[arg(short, long)]
    raw: bool,
}

/// Where JSON comes from.
#[derive(clap::Args)]
pub(super) struct Source {
    /// The file to read; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Maps and lists inside become containers of their own, in which single entries can be changed
    #[arg(long)]
    nested: bool,
    /// What is inside already goes before
    #[arg(long)]
    pub(super) replace: bool,
}

/// What is to be stored, in private memory.
pub(super) enum Given {
    /// A datum, in its canonical encoding.
    Bytes(Vec<u8>),
    New(Kind),
}

impl Given {
    /// As operations take it.
    pub(super) fn encoded(&self) -> crate::Result<Encoded<'_>> {
        match self {
            Given::Bytes(bytes) => decode(bytes)?.encode(),
            Given::New(kind) => Datum::New(*kind as u32).encode(),
        }
    }
}

impl Form {
    fn read(&self, at: &At, text: &str) -> Result<Given, Failure> {
        if self.string {
            return string(text).map(Given::Bytes).map_err(|error| at.about(&error));
        }
        value(text).map(Given::Bytes).map_err(|why| mismatch(&at.name, why))
    }

    /// The container instead of a value, if one is wanted.
    fn container(&self) -> Option<Given> {
        let kind = match self.new? {
            New::Dict => Kind::Dict,
            New::List => Kind::List,
            New::Namespace => Kind::Namespace,
        };
        Some(Given::New(kind))
    }
}

impl One {
    /// What was given.
    pub(super) fn read(&self, at: &At) -> Result<Given, Failure> {
        match (self.form.container(), &self.value) {
            (Some(new), _) => Ok(new),
            // The parser lets nothing pass without a value.
            (None, text) => self.form.read(at, text.as_deref().unwrap_or_default()),
        }
    }
}

impl Many {
    /// What was given.
    pub(super) fn read(&self, at: &At) -> Result<Vec<Given>, Failure> {
        match self.form.container() {
            Some(new) => Ok(vec![new]),
            None => self.values.iter().map(|text| self.form.read(at, text)).collect(),
        }
    }
}

/// The encoding of a string.
fn string(text: &str) -> crate::Result<Vec<u8>> {
    Ok(Datum::Str(text).encode()?.to_vec())
}

/// The encoding of what JSON says.
fn json(text: &str) -> crate::Result<Vec<u8>> {
    let mut builder = Builder::new();
    builder.add_json(text)?;
    Ok(builder.finish()?.to_vec())
}

/// What is wrong with a text that should be JSON.
fn why(error: &Error) -> String {
    match error {
        Error::Json(why) => printable(why),
        other => other.to_string(),
    }
}

/// The encoding of a value on the command line.
pub(super) fn value(text: &str) -> Result<Vec<u8>, String> {
    let error = match json(text) {
        Ok(bytes) => return Ok(bytes),
        Err(error) => error,
    };
    // A mistake in JSON shall not become a string; nor a number that is too large.
    if text.trim_start().starts_with(['{', '[', '"']) {
        let why = why(&error);
        return Err(format!("'{}' is not JSON: {why} (--string: a string, whatever it looks like)", printable(text)));
    }
    if text.contains(|c: char| c.is_ascii_digit()) && text.parse().is_ok_and(|n: f64| n.is_infinite()) {
        return Err(format!("{} is out of range for a number", printable(text)));
    }
    string(text).map_err(|error| error.to_string())
}

/// What there is a verb for on its own: a kind of container.
pub(super) trait Container: Sized {
    const KIND: Kind;
    fn open(site: &Site, name: &str) -> crate::Result<Self>;
    fn create(site: &Site, name: &str, options: &ContainerOptions) -> crate::Result<(Self, bool)>;
    fn follow(arena: &Arena, reference: Reference) -> crate::Result<Self>;
    /// Adds all of it as plain data.
    fn copy(&self, into: &mut Builder) -> crate::Result<()>;
    /// What is stored under a key (in a list: an index).
    fn stored(&self, key: &Key) -> crate::Result<Vec<u8>>;
}

/// A key as it was written, and as JSON if it is that.
pub(super) struct Key<'a> {
    text: &'a str,
    bytes: Vec<u8>,
}

impl<'a> Key<'a> {
    fn new(text: &'a str, is_json: bool) -> Result<Key<'a>, String> {
        let bytes = if is_json { json(text) } else { string(text) };
        bytes
            .map(|bytes| Key { text, bytes })
            .map_err(|error| format!("the key '{}': {}", printable(text), why(&error)))
    }

    /// As operations take it: head and body apart, which the hash asks for.
    pub(super) fn encoded(&self) -> crate::Result<Encoded<'_>> {
        decode(&self.bytes)?.encode()
    }

    /// For programs.
    pub(super) fn json(&self) -> crate::Result<String> {
        line(&self.bytes)
    }

    /// As a list takes it.
    fn index(&self) -> crate::Result<i64> {
        self.text.parse().map_err(|_| Error::Type("a list has indices, not keys"))
    }
}

macro_rules! container {
    ($kind:ident, $stored:expr) => {
        impl Container for $kind {
            const KIND: Kind = Kind::$kind;

            fn open(site: &Site, name: &str) -> crate::Result<Self> {
                $kind::open(site, name, &ObjectOptions::default())
            }

            fn create(site: &Site, name: &str, options: &ContainerOptions) -> crate::Result<(Self, bool)> {
                $kind::create(site, Some(name), options)
            }

            fn follow(arena: &Arena, reference: Reference) -> crate::Result<Self> {
                $kind::follow(arena, reference)
            }

            fn copy(&self, into: &mut Builder) -> crate::Result<()> {
                $kind::copy(self, true, into)
            }

            fn stored(&self, key: &Key) -> crate::Result<Vec<u8>> {
                $stored(self, key)
            }
        }
    };
}

container!(Dict, |dict: &Dict, key: &Key| dict.get(&key.encoded()?));
container!(List, |list: &List, key: &Key| list.get(key.index()?));
container!(Namespace, |ns: &Namespace, key: &Key| ns.get(key.text));

/// A container of any kind, on the way to one.
enum Any {
    Dict(Dict),
    List(List),
    Namespace(Namespace),
}

impl Any {
    /// Opens an object, whichever container it is.
    fn open(site: &Site, name: &str) -> crate::Result<Any> {
        let another = |result: &crate::Result<Any>| {
            result.as_ref().is_err_and(|error| is_like(error, &Error::Kind { found: "", wanted: "" }))
        };
        let mut any = <Dict as Container>::open(site, name).map(Any::Dict);
        if another(&any) {
            any = <List as Container>::open(site, name).map(Any::List);
        }
        if another(&any) {
            any = <Namespace as Container>::open(site, name).map(Any::Namespace);
        }
        match any {
            Err(Error::Kind { found, .. }) => Err(Error::Kind { found, wanted: "container" }),
            other => other,
        }
    }

    fn arena(&self) -> crate::Result<Arena> {
        match self {
            Any::Dict(dict) => dict.arena(),
            Any::List(list) => list.arena(),
            Any::Namespace(ns) => ns.arena(),
        }
    }

    /// The container under a key.
    fn inside(&self, key: &Key) -> crate::Result<Reference> {
        let bytes = match self {
            Any::Dict(dict) => dict.stored(key),
            Any::List(list) => list.stored(key),
            Any::Namespace(ns) => ns.stored(key),
        }?;
        Reference::decode(&bytes).ok_or(Error::Type("plain data, not a container"))
    }

    fn follow(arena: &Arena, reference: Reference) -> crate::Result<Any> {
        match Kind::parse(reference.kind.into()) {
            Some(Kind::Dict) => Dict::follow(arena, reference).map(Any::Dict),
            Some(Kind::List) => List::follow(arena, reference).map(Any::List),
            Some(Kind::Namespace) => Namespace::follow(arena, reference).map(Any::Namespace),
            _ => Err(Error::Type("a reference to no container")),
        }
    }
}

impl At {
    /// A failure that has to do with this container.
    pub(super) fn about(&self, error: &Error) -> Failure {
        self.deep(self.path.len(), error)
    }

    /// One at the first so many steps to it: `config[servers][web]: …`.
    fn deep(&self, steps: usize, error: &Error) -> Failure {
        let steps: String = self.path.iter().take(steps).map(|key| format!("[{key}]")).collect();
        Failure::about(&printable(&format!("{}{steps}", self.name)), error)
    }

    /// A key, as the options say that it is meant.
    pub(super) fn key<'a>(&self, text: &'a str) -> Result<Key<'a>, Failure> {
        Key::new(text, self.json_key).map_err(|why| mismatch(&self.name, why))
    }

    /// Opens the container.
    pub(super) fn open<T: Container>(&self, context: &Context) -> Result<T, Failure> {
        let site = context.site(true)?;
        match self.path.is_empty() {
            true => T::open(&site, &self.name).map_err(|error| about(&self.name, &error)),
            false => self.descend(&site),
        }
    }

    /// Opens it, or creates it if it is an object of its own; whether it was created.
    pub(super) fn make<T: Container>(&self, context: &Context, make: &Make) -> Result<(T, bool), Failure> {
        if !self.path.is_empty() {
            return self.open(context).map(|container| (container, false));
        }
        let (name, site) = (self.name.as_str(), context.site(make.existing)?);
        let options = ContainerOptions { object: persistent(), limit: make.limit.unwrap_or(0) };
        open_or_create(name, make.existing, || T::open(&site, name), || T::create(&site, name, &options))
    }

    /// The container at the end of the path.
    fn descend<T: Container>(&self, site: &Site) -> Result<T, Failure> {
        let mut any = Any::open(site, &self.name).map_err(|error| about(&self.name, &error))?;
        for (i, text) in self.path.iter().enumerate() {
            let here = |error: Error| self.deep(i + 1, &error);
            let reference = any.inside(&self.key(text)?).map_err(here)?;
            if i + 1 < self.path.len() {
                any = any.arena().and_then(|arena| Any::follow(&arena, reference)).map_err(here)?;
                continue;
            }
            return match Kind::parse(reference.kind.into()) {
                Some(kind) if kind != T::KIND => Err(here(Error::Kind { found: kind.name(), wanted: T::KIND.name() })),
                _ => any.arena().and_then(|arena| T::follow(&arena, reference)).map_err(here),
            };
        }
        // The path was not empty.
        T::open(site, &self.name).map_err(|error| about(&self.name, &error))
    }
}

impl Source {
    /// The encoding of the one JSON document in it.
    pub(super) fn read(&self, at: &At) -> Result<Vec<u8>, Failure> {
        let (text, from) = if self.file.as_os_str() == "-" {
            let mut text = String::new();
            (std::io::stdin().lock().read_to_string(&mut text).map(|_| text), "standard input".to_owned())
        } else {
            (std::fs::read_to_string(&self.file), printable(&self.file.to_string_lossy()))
        };
        let text = text.map_err(|error| {
            let code = if error.kind() == ErrorKind::InvalidData { MISMATCH } else { OTHER };
            Failure::new(code, format!("{from}: {error}"))
        })?;
        json(&text).map_err(|error| {
            Failure::new(code(&error), format!("{}: {from}: not JSON: {}", printable(&at.name), why(&error)))
        })
    }

    /// Whether maps and lists inside are to be containers.
    pub(super) fn nested(&self) -> bool {
        self.nested
    }
}

/// Sets every pair of a map; what has a kind of its own inside becomes a container.
pub(super) fn fill_dict(dict: &Dict, map: &[u8]) -> crate::Result<()> {
    let mut items = Items::new(map)?;
    while let Some(key) = items.next() {
        let (key, value) = (key?, items.next().ok_or(Error::Corrupt("a map with a key and no value"))??);
        let key = key.encode()?;
        let Some(new) = container_for(&value) else {
            dict.set(&key, &value.encode()?)?;
            continue;
        };
        dict.set(&key, &Datum::New(new as u32).encode()?)?;
        fill(&dict.arena()?, &dict.get(&key)?, &value)?;
    }
    Ok(())
}

/// Appends every element of a list, in the same way.
pub(super) fn fill_list(list: &List, elements: &[u8]) -> crate::Result<()> {
    for value in Items::new(elements)? {
        let value = value?;
        let Some(new) = container_for(&value) else {
            list.append(&value.encode()?)?;
            continue;
        };
        list.append(&Datum::New(new as u32).encode()?)?;
        fill(&list.arena()?, &list.get(-1)?, &value)?;
    }
    Ok(())
}

fn container_for(value: &Datum) -> Option<Kind> {
    match value {
        Datum::Map(_) => Some(Kind::Dict),
        Datum::List(_) => Some(Kind::List),
        _ => None,
    }
}

/// Fills the container that was just made. (If somebody else has put something else there meanwhile, it is filled that
/// is there, or nothing is.)
fn fill(arena: &Arena, stored: &[u8], value: &Datum) -> crate::Result<()> {
    let reference = Reference::decode(stored).ok_or(Error::Type("changed by somebody else while it was filled"))?;
    match value {
        Datum::Map(map) => fill_dict(&Dict::follow(arena, reference)?, map),
        Datum::List(list) => fill_list(&List::follow(arena, reference)?, list),
        _ => Ok(()),
    }
}

/// A datum as JSON on one line, with nothing that a terminal would obey.
pub(super) fn line(bytes: &[u8]) -> crate::Result<String> {
    Ok(tame(&to_json(bytes, false)?))
}

impl Raw {
    /// A datum for people and scripts.
    pub(super) fn text(&self, bytes: &[u8]) -> crate::Result<String> {
        match decode(bytes)? {
            Datum::Str(text) if self.raw && is_terminal() => Ok(printable(text)),
            Datum::Str(text) if self.raw => Ok(text.to_owned()),
            _ => line(bytes),
        }
    }
}

/// Prints one datum; or a document, in which it stands under `what`, behind `more`.
pub(super) fn show(
    context: &Context,
    at: &At,
    raw: &Raw,
    more: &[(&str, String)],
    (what, bytes): (&str, &[u8]),
) -> Outcome {
    let failed = |error: Error| at.about(&error);
    if context.json {
        let mut fields = more.to_vec();
        fields.push((what, line(bytes).map_err(failed)?));
        print_document(at, &fields)?;
    } else {
        print_line_raw(&raw.text(bytes).map_err(failed)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints lines; or a document, in which they are a list.
pub(super) fn show_all(context: &Context, at: &At, what: &str, lines: &[String]) -> Outcome {
    if context.json {
        print_document(at, &[(what, format!("[{}]", lines.join(",")))])?;
    } else {
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        print_raw(text.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints how many.
pub(super) fn show_len(context: &Context, at: &At, len: u64) -> Outcome {
    if context.json {
        print_document(at, &[("len", len.to_string())])?;
    } else {
        print_line(&len.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says that it is done: in a document.
pub(super) fn done(context: &Context, at: &At, fields: &[(&str, String)]) -> Outcome {
    if context.json {
        print_document(at, fields)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All of a container, with what is inside it: JSON, over several lines for people.
pub(super) fn dump(context: &Context, at: &At, container: &impl Container) -> Outcome {
    let failed = |error: Error| at.about(&error);
    let mut all = Builder::new();
    container.copy(&mut all).map_err(failed)?;
    let pretty = is_terminal() && !context.json;
    let text = to_json(all.finish().map_err(failed)?, pretty).map_err(failed)?;
    print_line_raw(&tame(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// A document on one line; its fields are JSON already, so that no digit of a number changes.
fn print_document(at: &At, fields: &[(&str, String)]) -> Result<(), Failure> {
    let mut text = format!("{{\"name\":{}", tame(&Value::from(at.name.as_str()).to_string()));
    for (key, json) in fields {
        text.push_str(&format!(",\"{key}\":{json}"));
    }
    text.push('}');
    print_line_raw(&text)
}

/// Not by the stream that takes colours out: they may be in what is printed.
fn print_line_raw(text: &str) -> Result<(), Failure> {
    print_raw(format!("{text}\n").as_bytes())
}
