//! What the server tells as it happens, as lines of the log.

use super::log::{Entry, Level, Log};
use crate::manager::{Observer, ServerEvent};
use serde_json::Value;
use std::sync::Arc;

/// Puts events into the log; objects that come and go only with `verbose`.
pub(super) fn observer(log: Arc<Log>, verbose: bool) -> Observer {
    Box::new(move |event| {
        if let Some(entry) = entry(event, verbose) {
            log.add(entry);
        }
    })
}

fn entry(event: &ServerEvent, verbose: bool) -> Option<Entry> {
    let info = |event: &'static str| Entry::new(Level::Info, event);
    // What a client, or whoever only tries to be one, can bring about as often as it likes.
    let warning = |event: &'static str| Entry::new(Level::Warning, event).bounded();
    Some(match event {
        ServerEvent::Listening(_) => return None, // all of them are said at once, when it is ready
        ServerEvent::Connected(client, from) => {
            info("client_connected").bounded().with("client", *client).with("from", from.as_str())
        }
        ServerEvent::Gone(client, why) => {
            info("client_gone").bounded().with("client", *client).with("reason", why.as_str())
        }
        ServerEvent::Refused(from, why) => warning("client_refused").with("from", from.as_str()).with("reason", *why),
        ServerEvent::Limit(client, which) => warning("limit_reached").with("client", *client).with("limit", *which),
        ServerEvent::Created(..) | ServerEvent::Deleted(_) if !verbose => return None,
        ServerEvent::Created(number, kind, name) => {
            let name = name.as_deref().map_or(Value::Null, Value::from);
            info("object_created").with("object", *number).with("kind", *kind).with("name", name)
        }
        ServerEvent::Deleted(name) => info("object_deleted").with("name", name.as_str()),
    })
}
