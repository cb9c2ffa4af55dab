//! `mproc dict`.

use super::super::cli::Context;
use super::super::exit::{Failure, Outcome};
use super::super::output::printable;
use super::container::{
    done, dump, fill_dict, line, show, show_all, show_len, value, At, Given, Key, Make, One, Raw, Source, HELP,
};
use super::mismatch;
use crate::objects::datum::decode;
use crate::{manager, Datum, Encoded, Error, What};

const EXAMPLES: &str = "\
Examples:
  mproc dict set config host example.org       create it, or change it; example.org is no JSON: a string
  mproc dict set config ports '[80, 443]'
  mproc dict get config host --raw             example.org
  mproc dict add visits \"$user\"                one more; says how many there are now
  mproc dict append log errors 'disk full'     a list under a key grows, atomically
  mproc dict set config servers --new dict     a dict inside the dict
  mproc dict set config web 10.0.0.1 --in servers
  mproc dict items config | while IFS=$'\\t' read -r key value; do …; done
  mproc dict dump config > config.json         everything, as JSON
  mproc dict load config < config.json";

/// A dictionary: keys and values, shared by name
///
/// Every operation is atomic, also if the process is killed in the middle of it. A dict that is not there is created by
/// `set`, `add`, `append` and `load`, and stays until it is removed (`mproc rm`). Keys keep the order in which they
/// were first set.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Dict {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the value of a key
    ///
    /// Exit code 3 if there is no such key. Of a container inside, what is printed is a reference: see `dump --in`.
    #[command(after_long_help = HELP)]
    Get {
        #[command(flatten)]
        at: At,
        /// Which one
        key: String,
        #[command(flatten)]
        raw: Raw,
    },
    /// Set the value of a key
    #[command(after_long_help = HELP)]
    Set {
        #[command(flatten)]
        at: At,
        /// Which one
        key: String,
        #[command(flatten)]
        value: One,
        #[command(flatten)]
        make: Make,
    },
    /// Delete a key and its value
    ///
    /// Exit code 3 if there is no such key.
    #[command(after_long_help = HELP)]
    Del {
        #[command(flatten)]
        at: At,
        /// Which one
        key: String,
    },
    /// Print the keys, as they were at one moment, one on each line
    #[command(after_long_help = HELP)]
    Keys {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        raw: Raw,
    },
    /// Print keys and values, as they were at one moment
    ///
    /// A pair on each line, with a tab between key and value. In JSON there are no tabs and line ends; in what is
    /// printed with --raw there may be some.
    #[command(after_long_help = HELP)]
    Items {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        raw: Raw,
    },
    /// Print how many keys there are
    Len {
        #[command(flatten)]
        at: At,
    },
    /// Add to the number under a key, atomically; prints what it is then
    ///
    /// A key that is not there counts as 0. An integer plus an integer is an integer, or exit code 6 if it does not
    /// fit 64 bits; with a float it is a float.
    #[command(after_long_help = HELP)]
    Add {
        #[command(flatten)]
        at: At,
        /// Which one
        key: String,
        /// What to add; may be negative
        #[arg(default_value = "1", allow_negative_numbers = true, value_name = "N")]
        summand: String,
        #[command(flatten)]
        make: Make,
    },
    /// Append to the list under a key, atomically
    ///
    /// A key that is not there gets a new list inside the dict (see --in). A list that was set as a value grows as
    /// such.
    #[command(after_long_help = HELP)]
    Append {
        #[command(flatten)]
        at: At,
        /// Which one
        key: String,
        #[command(flatten)]
        value: One,
        #[command(flatten)]
        make: Make,
    },
    /// Print all of it as one JSON document, as it was at one moment, with the containers inside
    ///
    /// On several lines if standard output is a terminal, else on one. Exit code 6 if a container is inside itself, or
    /// if they are nested more than 64 deep.
    #[command(after_long_help = HELP)]
    Dump {
        #[command(flatten)]
        at: At,
    },
    /// Set what a JSON document says: a map, from a file or standard input
    ///
    /// Other keys stay. Each key is set atomically, one after the other: whoever looks meanwhile, or if this process is
    /// killed, sees the first ones set; with --replace none before that. Nothing is changed if the document is not
    /// JSON, or not a map.
    #[command(after_long_help = HELP)]
    Load {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        make: Make,
    },
    /// Delete all keys, atomically
    Clear {
        #[command(flatten)]
        at: At,
    },
}

pub(in super::super) fn dict(context: &Context, command: &Dict) -> Outcome {
    match &command.verb {
        Verb::Get { at, key, raw } => {
            let dict: manager::Dict = at.open(context)?;
            let key = at.key(key)?;
            let stored = key.encoded().and_then(|key| dict.get(&key));
            let stored = stored.map_err(|error| at.about(&error))?;
            let name = key.json().map_err(|error| at.about(&error))?;
            show(context, at, raw, &[("key", name)], ("value", &stored))
        }
        Verb::Set { at, key, value, make } => {
            let (key, value) = (at.key(key)?, value.read(at)?);
            let (dict, created) = at.make::<manager::Dict>(context, make)?;
            let set = pair(&key, &value).and_then(|(key, value)| dict.set(&key, &value));
            set.map_err(|error| at.about(&error))?;
            let name = key.json().map_err(|error| at.about(&error))?;
            done(context, at, &[("key", name), ("created", created.to_string())])
        }
        Verb::Del { at, key } => {
            let dict: manager::Dict = at.open(context)?;
            let key = at.key(key)?;
            key.encoded().and_then(|key| dict.delete(&key)).map_err(|error| at.about(&error))?;
            let name = key.json().map_err(|error| at.about(&error))?;
            done(context, at, &[("key", name)])
        }
        Verb::Keys { at, raw } => rows(context, at, raw, What::Keys),
        Verb::Items { at, raw } => rows(context, at, raw, What::Items),
        Verb::Len { at } => {
            let len = at.open::<manager::Dict>(context)?.len().map_err(|error| at.about(&error))?;
            show_len(context, at, len)
        }
        Verb::Add { at, key, summand, make } => {
            let (key, summand) = (at.key(key)?, number(at, summand)?);
            let (dict, _) = at.make::<manager::Dict>(context, make)?;
            let sum = key.encoded().and_then(|key| dict.add(&key, &summand)).and_then(|sum| sum.encode());
            let sum = sum.map_err(|error| at.about(&error))?.to_vec();
            let name = key.json().map_err(|error| at.about(&error))?;
            show(context, at, &Raw::default(), &[("key", name)], ("value", &sum))
        }
        Verb::Append { at, key, value, make } => {
            let (key, value) = (at.key(key)?, value.read(at)?);
            let (dict, created) = at.make::<manager::Dict>(context, make)?;
            let appended = pair(&key, &value).and_then(|(key, value)| dict.append_to(&key, &value));
            appended.map_err(|error| at.about(&error))?;
            let name = key.json().map_err(|error| at.about(&error))?;
            done(context, at, &[("key", name), ("created", created.to_string())])
        }
        Verb::Dump { at } => dump(context, at, &at.open::<manager::Dict>(context)?),
        Verb::Load { at, source, make } => {
            let document = source.read(at)?;
            let Ok(Datum::Map(map)) = decode(&document) else {
                return Err(mismatch(&at.name, "the document is not a map"));
            };
            let (dict, created) = at.make::<manager::Dict>(context, make)?;
            load(&dict, map, source).map_err(|error| at.about(&error))?;
            done(context, at, &[("created", created.to_string())])
        }
        Verb::Clear { at } => {
            at.open::<manager::Dict>(context)?.clear().map_err(|error| at.about(&error))?;
            done(context, at, &[])
        }
    }
}

/// A key and a value, as operations take them.
fn pair<'a>(key: &'a Key, value: &'a Given) -> crate::Result<(Encoded<'a>, Encoded<'a>)> {
    Ok((key.encoded()?, value.encoded()?))
}

fn load(dict: &manager::Dict, map: &[u8], source: &Source) -> crate::Result<()> {
    if source.replace {
        dict.clear()?;
    }
    if source.nested() {
        fill_dict(dict, map)
    } else {
        dict.update(map)
    }
}

/// What to add.
fn number(at: &At, text: &str) -> Result<Datum<'static>, Failure> {
    let given = value(text).map_err(|why| mismatch(&at.name, why))?;
    match decode(&given) {
        Ok(Datum::Int(n)) => Ok(Datum::Int(n)),
        Ok(Datum::UInt(n)) => Ok(Datum::UInt(n)),
        Ok(Datum::Float(n)) => Ok(Datum::Float(n)),
        _ => Err(mismatch(&at.name, format!("'{}' is not a number", printable(text)))),
    }
}

/// Keys, or pairs.
fn rows(context: &Context, at: &At, raw: &Raw, what: What) -> Outcome {
    let failed = |error: Error| at.about(&error);
    let seen = at.open::<manager::Dict>(context)?.snapshot(what).map_err(failed)?;
    let text = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) if context.json => line(bytes),
        Some(bytes) => raw.text(bytes),
        None => Err(Error::Corrupt("a pair without key or value")),
    };
    let row = |i: usize| {
        let (key, value) = seen.get(i);
        match what {
            What::Keys => text(key),
            _ if context.json => Ok(format!("[{},{}]", text(key)?, text(value)?)),
            _ => Ok(format!("{}\t{}", text(key)?, text(value)?)),
        }
    };
    let rows = (0..seen.len()).map(row).collect::<crate::Result<Vec<_>>>().map_err(failed)?;
    show_all(context, at, if what == What::Keys { "keys" } else { "items" }, &rows)
}
