//! The command-line program: looks at a domain without disturbing it, tidies up, and gives shell scripts the objects.
//!
//! Only built with the feature `tool`, so that nothing of it is in the library. [`cli`] says what there is; each
//! command is a module with its arguments and its `run`.

mod cli;
mod doctor;
mod exit;
mod gc;
mod inspect;
mod lock;
mod ls;
mod observe;
mod output;
mod ps;
mod rm;
mod shell;
mod top;
mod verbs;

pub use cli::main;
