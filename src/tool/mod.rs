//! The command-line program: looks at a domain without disturbing it, tidies up, gives shell scripts the
//! objects, and serves some itself.
//!
//! Only built with the feature `tool`, so that nothing of it is in the library. [`cli`] says what there is; each
//! command is a module with its arguments and its `run`.

mod cli;
mod doctor;
mod exit;
mod gc;
mod inspect;
mod keygen;
mod lock;
mod ls;
mod manager;
mod observe;
mod output;
mod ps;
mod rm;
mod serve;
mod shell;
mod status;
mod top;
mod verbs;

pub use cli::main;
