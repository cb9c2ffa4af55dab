//! `mproc list`.

use super::super::cli::Context;
use super::super::exit::Outcome;
use super::container::{
    done, dump, fill_list, line, show, show_all, show_len, At, Given, Make, Many, One, Raw, Source, HELP,
};
use super::mismatch;
use crate::objects::datum::decode;
use crate::{manager, Datum, Error};

const EXAMPLES: &str = "\
Examples:
  mproc list append todo 'read the paper' '{\"what\": \"call\", \"who\": \"Ada\"}'
  mproc list get todo 0 --raw                  read the paper
  mproc list pop todo 0                        the first one, removed
  mproc list pop todo                          the last one, removed
  mproc list slice todo -3                     the last three, one on each line
  mproc list slice todo 0 10                   the first ten
  mproc list slice todo --step -1              all of it, backwards
  mproc list append config 8080 --in ports     into the list under the key \"ports\" of the dict \"config\"
  mproc list dump todo > todo.json             everything, as JSON
  mproc list load todo < todo.json";

/// A list of values, shared by name
///
/// Every operation is atomic, also if the process is killed in the middle of it. A list that is not there is created by
/// `append`, `insert` and `load`, and stays until it is removed (`mproc rm`).
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct List {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print an element
    #[command(after_long_help = HELP)]
    Get {
        #[command(flatten)]
        at: At,
        /// Which one: from 0; -1 is the last
        #[arg(allow_negative_numbers = true)]
        index: i64,
        #[command(flatten)]
        raw: Raw,
    },
    /// Replace an element
    #[command(after_long_help = HELP)]
    Set {
        #[command(flatten)]
        at: At,
        /// Which one: from 0; -1 is the last
        #[arg(allow_negative_numbers = true)]
        index: i64,
        #[command(flatten)]
        value: One,
    },
    /// Append values
    ///
    /// Several values are appended together: nobody sees some of them only, and nobody's come between them.
    #[command(after_long_help = HELP)]
    Append {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        values: Many,
        #[command(flatten)]
        make: Make,
    },
    /// Insert a value before the element INDEX
    ///
    /// An INDEX beyond the end appends; one before the beginning inserts there.
    #[command(after_long_help = HELP)]
    Insert {
        #[command(flatten)]
        at: At,
        /// Before which one: from 0; -1 is the last
        #[arg(allow_negative_numbers = true)]
        index: i64,
        #[command(flatten)]
        value: One,
        #[command(flatten)]
        make: Make,
    },
    /// Remove an element, and print it
    ///
    /// Exit code 6 if there is none. The element is gone when it is printed: where that must not be lost when this
    /// process is killed, use a queue.
    #[command(after_long_help = HELP)]
    Pop {
        #[command(flatten)]
        at: At,
        /// Which one: from 0; -1 is the last
        #[arg(allow_negative_numbers = true, default_value_t = -1)]
        index: i64,
        #[command(flatten)]
        raw: Raw,
    },
    /// Delete an element
    #[command(after_long_help = HELP)]
    Del {
        #[command(flatten)]
        at: At,
        /// Which one: from 0; -1 is the last
        #[arg(allow_negative_numbers = true)]
        index: i64,
    },
    /// Print how many elements there are
    Len {
        #[command(flatten)]
        at: At,
    },
    /// Print elements, as they were at one moment, one on each line
    ///
    /// From START on, before STOP, every N-th, as Python's list[START:STOP:N]: negative ones count from the end, what
    /// lies outside the list is not there, and no error. With a negative N backwards: from START (the last) down to
    /// behind STOP.
    #[command(after_long_help = HELP)]
    Slice {
        #[command(flatten)]
        at: At,
        /// From which one on [default: all]
        #[arg(allow_negative_numbers = true)]
        start: Option<i64>,
        /// Before which one to end [default: at the end]
        #[arg(allow_negative_numbers = true)]
        stop: Option<i64>,
        /// Every N-th; negative: backwards
        #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "N", value_parser = step)]
        step: i64,
        #[command(flatten)]
        raw: Raw,
    },
    /// Sort the list in place, atomically
    ///
    /// Numbers by value, strings and bytes by their bytes, lists element by element; equal ones keep their order. A
    /// list with elements that have no order among each other (a number and a string) stays as it is: exit code 6.
    #[command(after_long_help = HELP)]
    Sort {
        #[command(flatten)]
        at: At,
        /// The largest first
        #[arg(long)]
        descending: bool,
    },
    /// Reverse the list in place, atomically
    Reverse {
        #[command(flatten)]
        at: At,
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
    /// Append what a JSON document says: a list, from a file or standard input
    ///
    /// Atomically, also with --replace; but with --nested one element after the other. Nothing is changed if the
    /// document is not JSON, or not a list.
    #[command(after_long_help = HELP)]
    Load {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        make: Make,
    },
    /// Delete all elements, atomically
    Clear {
        #[command(flatten)]
        at: At,
    },
}

fn step(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(0) => Err("it cannot be 0".to_owned()),
        other => other.map_err(|_| "not an integer".to_owned()),
    }
}

pub(in super::super) fn list(context: &Context, command: &List) -> Outcome {
    match &command.verb {
        Verb::Get { at, index, raw } => {
            let list: manager::List = at.open(context)?;
            let stored = list.get(*index).map_err(|error| at.about(&error))?;
            show(context, at, raw, &[("index", index.to_string())], ("value", &stored))
        }
        Verb::Set { at, index, value } => {
            let value = value.read(at)?;
            let list: manager::List = at.open(context)?;
            let set = value.encoded().and_then(|value| list.set(*index, &value));
            set.map_err(|error| at.about(&error))?;
            done(context, at, &[("index", index.to_string())])
        }
        Verb::Append { at, values, make } => {
            let values = values.read(at)?;
            let (list, created) = at.make::<manager::List>(context, make)?;
            append(&list, &values).map_err(|error| at.about(&error))?;
            done(context, at, &[("appended", values.len().to_string()), ("created", created.to_string())])
        }
        Verb::Insert { at, index, value, make } => {
            let value = value.read(at)?;
            let (list, created) = at.make::<manager::List>(context, make)?;
            let inserted = value.encoded().and_then(|value| list.insert(*index, &value));
            inserted.map_err(|error| at.about(&error))?;
            done(context, at, &[("created", created.to_string())])
        }
        Verb::Pop { at, index, raw } => {
            let list: manager::List = at.open(context)?;
            let popped = list.pop(*index).map_err(|error| at.about(&error))?;
            show(context, at, raw, &[("index", index.to_string())], ("value", &popped))
        }
        Verb::Del { at, index } => {
            at.open::<manager::List>(context)?.delete(*index).map_err(|error| at.about(&error))?;
            done(context, at, &[("index", index.to_string())])
        }
        Verb::Len { at } => {
            let len = at.open::<manager::List>(context)?.len().map_err(|error| at.about(&error))?;
            show_len(context, at, len)
        }
        Verb::Slice { at, start, stop, step, raw } => elements(context, at, (*start, *stop, *step), raw),
        Verb::Sort { at, descending } => {
            at.open::<manager::List>(context)?.sort(*descending).map_err(|error| at.about(&error))?;
            done(context, at, &[])
        }
        Verb::Reverse { at } => {
            at.open::<manager::List>(context)?.reverse().map_err(|error| at.about(&error))?;
            done(context, at, &[])
        }
        Verb::Dump { at } => dump(context, at, &at.open::<manager::List>(context)?),
        Verb::Load { at, source, make } => {
            let document = source.read(at)?;
            let Ok(Datum::List(elements)) = decode(&document) else {
                return Err(mismatch(&at.name, "the document is not a list"));
            };
            let (list, created) = at.make::<manager::List>(context, make)?;
            load(&list, elements, source).map_err(|error| at.about(&error))?;
            done(context, at, &[("created", created.to_string())])
        }
        Verb::Clear { at } => {
            at.open::<manager::List>(context)?.clear().map_err(|error| at.about(&error))?;
            done(context, at, &[])
        }
    }
}

/// All of them, or none.
fn append(list: &manager::List, values: &[Given]) -> crate::Result<()> {
    if let [one] = values {
        return list.append(&one.encoded()?);
    }
    let mut all = crate::Builder::new();
    all.begin_list()?;
    for value in values {
        all.add_encoded(&value.encoded()?.to_vec())?;
    }
    all.end()?;
    list.extend(all.finish()?)
}

fn load(list: &manager::List, elements: &[u8], source: &Source) -> crate::Result<()> {
    match (source.nested(), source.replace) {
        (false, false) => list.extend(elements),
        (false, true) => list.slice_set(None, None, 1, elements),
        (true, replace) => {
            if replace {
                list.clear()?;
            }
            fill_list(list, elements)
        }
    }
}

fn elements(context: &Context, at: &At, (start, stop, step): (Option<i64>, Option<i64>, i64), raw: &Raw) -> Outcome {
    let failed = |error: Error| at.about(&error);
    let list: manager::List = at.open(context)?;
    let seen = list.slice(start, stop, step).map_err(failed)?;
    let row = |i: usize| match seen.get(i).1 {
        Some(bytes) if context.json => line(bytes),
        Some(bytes) => raw.text(bytes),
        None => Err(Error::Corrupt("an element without a value")),
    };
    let rows = (0..seen.len()).map(row).collect::<crate::Result<Vec<_>>>().map_err(failed)?;
    show_all(context, at, "elements", &rows)
}
