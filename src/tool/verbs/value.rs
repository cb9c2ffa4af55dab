//! `mproc value`.

use super::super::cli::Context;
use super::super::exit::{is_not_found, Failure, Outcome};
use super::super::output::{print_json, print_line};
use super::{about, mismatch, persistent, scalar, Time};
use crate::manager::value::OpenValue;
use crate::manager::{self, Site};
use crate::shm::filled;
use crate::{ElemType, Element, FetchOp, ObjectOptions, ValueOptions};
use serde_json::json;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  mproc value set limit 20              create it (i64), or change it
  mproc value add visitors              one more visitor; says how many there are now
  mproc value set ratio 0.75 --type f64
  mproc value wait phase 1 -t 10        wait until phase is not 1 any more, at most 10 s";

/// One number, character or bool, shared by name
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Value {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the value
    #[command(after_long_help = scalar::HELP)]
    Get {
        /// The value's name
        name: String,
    },
    /// Write the value, and wake whoever waits for it
    ///
    /// A value that is not there is created, and stays until it is removed (`mproc rm`).
    #[command(after_long_help = scalar::HELP)]
    Set {
        /// The value's name
        name: String,
        /// What to write
        #[arg(allow_negative_numbers = true)]
        value: String,
        #[command(flatten)]
        make: Make,
    },
    /// Add to the value, atomically, and wake whoever waits for it; prints what it is then
    ///
    /// A value that is not there is created as 0, and stays until it is removed (`mproc rm`).
    ///
    /// Integers wrap around at the ends of their range, as in C: 255 + 1 is 0 for a u8. A number to add that the type
    /// cannot hold (or, of an unsigned type, its negative) is an error. Bools and structs cannot be added to.
    #[command(after_long_help = scalar::HELP)]
    Add {
        /// The value's name
        name: String,
        /// What to add; may be negative
        #[arg(default_value = "1", allow_negative_numbers = true, value_name = "N")]
        summand: String,
        /// Print what it was before instead
        #[arg(long)]
        old: bool,
        #[command(flatten)]
        make: Make,
    },
    /// Wait until the value is not EXPECTED any more; prints what it is then
    ///
    /// Returns at once if it is something else already. `set` and `add` here wake whoever waits; a program that stores
    /// has to notify (mproc_value_notify()), otherwise the change is noticed within 100 ms. When the value is printed
    /// it may be EXPECTED again. Floats are compared bit for bit.
    #[command(after_long_help = scalar::HELP)]
    Wait {
        /// The value's name
        name: String,
        /// What to wait for the end of
        #[arg(allow_negative_numbers = true)]
        expected: String,
        #[command(flatten)]
        time: Time,
    },
}

/// What to do if there is no such value.
#[derive(clap::Args)]
struct Make {
    /// Its type, if it is created [default: i64]; an existing one must have it, if it is given
    #[arg(long = "type", value_name = "TYPE", value_parser = scalar::type_parser())]
    ty: Option<ElemType>,
    /// Fail if it does not exist, instead of creating it
    #[arg(long)]
    existing: bool,
}

impl Make {
    /// Opens the value, or creates it; `fits` says whether what is to be done makes sense, before anything is created.
    fn open<T>(
        &self,
        context: &Context,
        name: &str,
        fits: impl Fn(&Element) -> Result<T, String>,
    ) -> Result<(Found, bool, T), Failure> {
        let wrong = |why: String| mismatch(name, why);
        let site = context.site(self.existing)?;
        let element = Element::scalar(self.ty.unwrap_or(ElemType::I64));
        let (found, created) = match Found::open(&site, name) {
            Err(error) if !self.existing && is_not_found(&error) => {
                fits(&element).map_err(wrong)?;
                let options = ValueOptions { object: persistent(), element, initial: None };
                let made = manager::Value::create_as(&site, Some(name), &options);
                made.and_then(|(value, existed)| Ok((Found::new(value)?, !existed)))
            }
            other => other.map(|found| (found, false)),
        }
        .map_err(|error| about(name, &error))?;
        let ty = found.element.elem_type();
        if self.ty.is_some_and(|wanted| wanted != ty) {
            let (found, wanted) = (scalar::type_name(ty), scalar::type_name(element.elem_type()));
            return Err(mismatch(name, format!("the value's type is {found}, not {wanted}")));
        }
        let fitting = fits(&found.element).map_err(wrong)?;
        Ok((found, created, fitting))
    }
}

/// A value, and what it is.
struct Found {
    value: manager::Value,
    element: Element,
}

impl Found {
    fn new(value: manager::Value) -> crate::Result<Found> {
        let element = value.info()?.element;
        Ok(Found { value, element })
    }

    fn open(site: &Site, name: &str) -> crate::Result<Found> {
        let open = OpenValue { object: ObjectOptions::default(), expected: None };
        Found::new(manager::Value::open(site, name, &open)?)
    }

    /// One that is there.
    fn existing(context: &Context, name: &str) -> Result<Found, Failure> {
        Found::open(&context.site(true)?, name).map_err(|error| about(name, &error))
    }

    fn load(&self) -> crate::Result<Vec<u8>> {
        filled(self.element.size(), |to| self.value.load_into(to))
    }

    fn show(&self, context: &Context, name: &str, bytes: &[u8]) -> Outcome {
        let element = &self.element;
        if context.json {
            let ty = scalar::type_name(element.elem_type());
            print_json(&json!({"name": name, "type": ty, "value": scalar::json(element, bytes)}))?;
        } else {
            print_line(&scalar::text(element, bytes))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(in super::super) fn value(context: &Context, command: &Value) -> Outcome {
    match &command.verb {
        Verb::Get { name } => {
            let found = Found::existing(context, name)?;
            found.show(context, name, &found.load().map_err(|error| about(name, &error))?)
        }
        Verb::Set { name, value: text, make } => {
            let (found, created, bytes) = make.open(context, name, |element| scalar::parse(element, text))?;
            let stored = found.value.store(&bytes).and_then(|()| found.value.notify(u32::MAX));
            stored.map_err(|error| about(name, &error))?;
            if context.json {
                let ty = scalar::type_name(found.element.elem_type());
                let number = scalar::json(&found.element, &bytes);
                print_json(&json!({"name": name, "type": ty, "value": number, "created": created}))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Add { name, summand, old, make } => {
            let (found, _, summand) = make.open(context, name, |element| Summand::parse(element, summand))?;
            let [before, after] = add(&found, summand).map_err(|error| about(name, &error))?;
            found.value.notify(u32::MAX).map_err(|error| about(name, &error))?;
            found.show(context, name, if *old { &before } else { &after })
        }
        Verb::Wait { name, expected, time } => {
            let found = Found::existing(context, name)?;
            let expected = scalar::parse(&found.element, expected).map_err(|why| mismatch(name, why))?;
            found.value.wait(Some(&expected), time.limits()).map_err(|error| about(name, &error))?;
            found.show(context, name, &found.load().map_err(|error| about(name, &error))?)
        }
    }
}

/// What to add.
#[derive(Clone, Copy)]
enum Summand {
    Integer(i64),
    Float(f64),
}

impl Summand {
    fn parse(element: &Element, text: &str) -> Result<Summand, String> {
        match element.elem_type() {
            ElemType::F32 | ElemType::F64 => scalar::float_summand(element, text).map(Summand::Float),
            ElemType::Bool | ElemType::Struct => Err("bools and structs cannot be added to".into()),
            _ => scalar::summand(element, text).map(Summand::Integer),
        }
    }
}

/// Adds; what it was and what it is.
fn add(found: &Found, summand: Summand) -> crate::Result<[Vec<u8>; 2]> {
    let (value, element) = (&found.value, &found.element);
    Ok(match summand {
        Summand::Integer(summand) => {
            let before = value.fetch_i64(FetchOp::Add, summand)?;
            [scalar::integer_bytes(element, before), scalar::sum(element, before, summand)]
        }
        Summand::Float(summand) => {
            let before = value.fetch_f64(FetchOp::Add, summand)?;
            [scalar::float_bytes(element, before), scalar::float_bytes(element, before + summand)]
        }
    })
}
