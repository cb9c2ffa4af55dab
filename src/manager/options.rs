//! Options on the wire.

use crate::objects::ObjectOptions;

/// How a server opens what it serves: it does not spin, because it serves others meanwhile.
pub(super) fn served() -> ObjectOptions {
    ObjectOptions { no_spin: true, ..ObjectOptions::default() }
}
