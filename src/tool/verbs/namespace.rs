//! `mproc ns`.

use super::super::cli::Context;
use super::super::exit::Outcome;
use super::super::output::tame;
use super::container::{done, dump, show, At, Make, One, Raw, HELP};
use crate::manager;
use serde_json::Value;

const EXAMPLES: &str = "\
Examples:
  mproc ns set settings theme dark             create it, or change it
  mproc ns set settings sizes '[12, 14, 18]'
  mproc ns get settings theme --raw            dark
  mproc ns dump settings                       everything, as JSON";

/// A namespace: named attributes, shared by name
///
/// What a program in Go, C or Python sees as the fields of one shared object. A namespace that is not there is created
/// by `set`, and stays until it is removed (`mproc rm`). Names of attributes have up to 255 bytes, and do not begin
/// with `_`.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(in super::super) struct Namespace {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print an attribute
    ///
    /// Exit code 3 if there is no such attribute.
    #[command(after_long_help = HELP)]
    Get {
        #[command(flatten)]
        at: At,
        /// Which one
        attribute: String,
        #[command(flatten)]
        raw: Raw,
    },
    /// Set an attribute
    #[command(after_long_help = HELP)]
    Set {
        #[command(flatten)]
        at: At,
        /// Which one
        attribute: String,
        #[command(flatten)]
        value: One,
        #[command(flatten)]
        make: Make,
    },
    /// Delete an attribute
    ///
    /// Exit code 3 if there is no such attribute.
    #[command(after_long_help = HELP)]
    Del {
        #[command(flatten)]
        at: At,
        /// Which one
        attribute: String,
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
}

pub(in super::super) fn namespace(context: &Context, command: &Namespace) -> Outcome {
    let quoted = |attribute: &str| tame(&Value::from(attribute).to_string());
    match &command.verb {
        Verb::Get { at, attribute, raw } => {
            let ns: manager::Namespace = at.open(context)?;
            let stored = ns.get(attribute).map_err(|error| at.about(&error))?;
            show(context, at, raw, &[("attribute", quoted(attribute))], ("value", &stored))
        }
        Verb::Set { at, attribute, value, make } => {
            let value = value.read(at)?;
            let (ns, created) = at.make::<manager::Namespace>(context, make)?;
            let set = value.encoded().and_then(|value| ns.set(attribute, &value));
            set.map_err(|error| at.about(&error))?;
            done(context, at, &[("attribute", quoted(attribute)), ("created", created.to_string())])
        }
        Verb::Del { at, attribute } => {
            at.open::<manager::Namespace>(context)?.delete(attribute).map_err(|error| at.about(&error))?;
            done(context, at, &[("attribute", quoted(attribute))])
        }
        Verb::Dump { at } => dump(context, at, &at.open::<manager::Namespace>(context)?),
    }
}
