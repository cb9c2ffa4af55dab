//! `mproc array`.

use super::super::cli::Context;
use super::super::exit::{Failure, Outcome};
use super::super::output::{print_json, print_raw};
use super::{about, mismatch, not_there, persistent, scalar};
use crate::manager::array::{ArrayInfo, OpenArray};
use crate::shm::filled;
use crate::{manager, ArrayOptions, ElemType, Element, Error, ObjectOptions};
use serde_json::json;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mproc array create board --type i32 --shape 3x4
  mproc array set board 1,0 10 20 30 40      row 1; the following elements, row by row
  mproc array get board 1,2                  30
  mproc array get board 4..8                 the same row, an element on each line
  mproc array get board                      everything, a row on each line";

const INDEX: &str = "\
Which elements:
  5        of an array with one dimension
  1,2      of one with two: row 1, column 2; and so on
  4..8     4, 5, 6 and 7 in the order of memory (row by row); 4.. to the end, ..8 from the beginning
Counted from 0.";

/// Numbers, characters or bools in up to 8 dimensions, shared by name
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Array {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Create an array of zeros, which stays until it is removed (`mproc rm`)
    ///
    /// Fails with exit code 7 if the name is taken.
    Create {
        /// The array's name
        name: String,
        /// What its elements are
        #[arg(long = "type", value_name = "TYPE", value_parser = scalar::type_parser())]
        ty: ElemType,
        /// Elements in each dimension, as 12 or 3x4: 1 to 8 dimensions
        #[arg(long, value_parser = shape)]
        shape: Shape,
        /// If it exists already, with that type and shape, that is fine
        #[arg(long)]
        exist_ok: bool,
    },
    /// Print elements
    ///
    /// One element on each line; of a whole array with several dimensions one row on each line, its elements separated
    /// by blanks. Each element is whole; while others write, not all of them need be equally new.
    #[command(after_long_help = format!("{INDEX}\n\n{}", scalar::HELP))]
    Get {
        /// The array's name
        name: String,
        /// Which elements: INDEX[,INDEX…] or FIRST..END [default: all]
        index: Option<Index>,
    },
    /// Write elements
    ///
    /// The values go to the element INDEX and those behind it in the order of memory. Either all of them fit and are
    /// written, or nothing is. Each element is written whole; all of them together are not.
    #[command(after_long_help = format!("{INDEX}\n\n{}", scalar::HELP))]
    Set {
        /// The array's name
        name: String,
        /// Where: INDEX[,INDEX…], or FIRST..END, which then has to have as many elements as there are values
        index: Index,
        /// What to write
        #[arg(required = true, allow_negative_numbers = true)]
        values: Vec<String>,
    },
}

/// Elements in each dimension.
#[derive(Debug, Clone)]
struct Shape(Vec<usize>);

fn shape(text: &str) -> Result<Shape, String> {
    let wrong = |_| "not a shape: numbers with an x between them, as 12 or 3x4".to_owned();
    text.split('x').map(|n| n.parse::<usize>().map_err(wrong)).collect::<Result<_, _>>().map(Shape)
}

/// Which elements.
#[derive(Debug, Clone)]
enum Index {
    One(Vec<usize>),
    Range(Option<usize>, Option<usize>),
}

impl std::str::FromStr for Index {
    type Err = String;

    fn from_str(text: &str) -> Result<Index, String> {
        let number = |text: &str| {
            text.parse::<usize>().map_err(|_| "not an index: as 5 or 1,2, or a range, as 4..8, 4.. or ..8".to_owned())
        };
        let end = |text: &str| if text.is_empty() { Ok(None) } else { number(text).map(Some) };
        match text.split_once("..") {
            Some((first, last)) => Ok(Index::Range(end(first)?, end(last)?)),
            None => text.split(',').map(number).collect::<Result<_, _>>().map(Index::One),
        }
    }
}

impl Index {
    /// The first element, and how many.
    fn resolve(&self, name: &str, found: &Found) -> Result<(usize, usize), Failure> {
        let info = &found.info;
        match self {
            Index::One(indices) if indices.len() != info.shape.len() => {
                let (given, wanted) = (indices.len(), info.shape.len());
                Err(mismatch(name, format!("the array has {wanted} dimensions, the index {given}")))
            }
            Index::One(indices) => found.array.index(indices).map(|at| (at, 1)).map_err(|error| about(name, &error)),
            Index::Range(first, end) => {
                let (first, end, len) = (first.unwrap_or(0), end.unwrap_or(info.len), info.len);
                if end > len || first > end {
                    let index = if end > len { end } else { first };
                    return Err(about(name, &Error::Range { index, len }));
                }
                Ok((first, end - first))
            }
        }
    }
}

/// How many elements are read and printed at a time: a whole number of rows, if these are short.
const AT_A_TIME: usize = 4096;

pub(in super::super) fn array(context: &Context, command: &Array) -> Outcome {
    match &command.verb {
        Verb::Create { name, ty, shape, exist_ok } => {
            let object = ObjectOptions { exist_ok: *exist_ok, ..persistent() };
            let options = ArrayOptions { object, element: Element::scalar(*ty), shape: shape.0.clone(), initial: &[] };
            let created = manager::Array::create_as(&context.site(false)?, Some(name), &options);
            let (_, existed) = created.map_err(|error| about(name, &error))?;
            if context.json {
                let ty = scalar::type_name(*ty);
                print_json(&json!({"name": name, "type": ty, "shape": shape.0, "created": !existed}))?;
            }
        }
        Verb::Get { name, index } => {
            let found = Found::open(context, name)?;
            let whole = index.is_none() && found.info.shape.len() > 1;
            let columns = if whole { found.info.shape.last().copied().unwrap_or(1) } else { 1 };
            let (first, count) = match index {
                Some(index) => index.resolve(name, &found)?,
                None => (0, found.info.len),
            };
            if context.json {
                get_json(name, &found, first, count)?;
            } else {
                get(name, &found, first, count, columns)?;
            }
        }
        Verb::Set { name, index, values } => {
            let found = Found::open(context, name)?;
            let (first, count) = index.resolve(name, &found)?;
            if matches!(index, Index::Range(..)) && count != values.len() {
                return Err(mismatch(name, format!("{count} elements in the range, but {} values", values.len())));
            }
            let element = &found.info.element;
            let mut bytes = Vec::with_capacity(values.len() * element.size());
            for value in values {
                bytes.extend(scalar::parse(element, value).map_err(|why| mismatch(name, why))?);
            }
            found.array.write(first, values.len(), &bytes).map_err(|error| about(name, &error))?;
            if context.json {
                print_json(&json!({"name": name, "first": first, "count": values.len()}))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An array, and what it is.
struct Found {
    array: manager::Array,
    info: ArrayInfo,
}

impl Found {
    fn open(context: &Context, name: &str) -> Result<Found, Failure> {
        let open = OpenArray { object: ObjectOptions::default(), expected: None, shape: None };
        let found = manager::Array::open(&context.site(true)?, name, &open)
            .and_then(|array| Ok(Found { info: array.info()?, array }));
        found.map_err(|error| not_there(name, &error, "mproc array create"))
    }

    fn read(&self, name: &str, first: usize, count: usize) -> Result<Vec<u8>, Failure> {
        let len = count.saturating_mul(self.info.element.size());
        filled(len, |to| self.array.read_into(first, count, to)).map_err(|error| about(name, &error))
    }
}

/// Prints elements, `columns` of them on each line.
fn get(name: &str, found: &Found, first: usize, count: usize, columns: usize) -> Result<(), Failure> {
    let (element, columns) = (&found.info.element, columns.max(1));
    let at_a_time = (AT_A_TIME / columns).max(1) * columns;
    let mut done = 0;
    while done < count {
        let n = at_a_time.min(count - done);
        let bytes = found.read(name, first + done, n)?;
        let mut lines = String::new();
        for (i, one) in bytes.chunks_exact(element.size()).enumerate() {
            lines.push_str(&scalar::text(element, one));
            lines.push(if (i + 1) % columns == 0 { '\n' } else { ' ' });
        }
        print_raw(lines.as_bytes())?;
        done += n;
    }
    Ok(())
}

fn get_json(name: &str, found: &Found, first: usize, count: usize) -> Result<(), Failure> {
    let (element, shape) = (&found.info.element, &found.info.shape);
    let bytes = found.read(name, first, count)?;
    let elements: Vec<_> = bytes.chunks_exact(element.size()).map(|one| scalar::json(element, one)).collect();
    let ty = scalar::type_name(element.elem_type());
    print_json(&json!({"name": name, "type": ty, "shape": shape, "first": first, "elements": elements}))
}
