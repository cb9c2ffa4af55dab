//! Who a client is: a new one, or one that comes back.

use super::requests::put_answer;
use super::serve::{Conn, Hello, Phase, Serve};
use super::session::{Client, Past, Session};
use super::{guard, ServerEvent};
use crate::manager::channel::Incoming;
use crate::manager::wire::Writer;
use crate::sys::clock;
use crate::{Error, Result};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// So many clients that have left are remembered.
const MOST_REMEMBERED: usize = 4096;

impl Serve {
    /// A client has said who it is.
    pub(super) fn greet(&mut self, conn: &mut Conn, hello: Hello) -> Result<()> {
        let token = conn.wire.token;
        let known = guard(&self.shared.clients).get(&hello.client).cloned();
        let earlier = known.as_ref().and_then(|client| client.session()).filter(|earlier| !earlier.is_gone());
        if let Some(earlier) = earlier {
            // Its earlier connection is lost, whether we know it yet or not.
            self.end(earlier.number, "it came back over another connection");
        }
        if self.shared.connected.load(Ordering::Relaxed) >= self.shared.options.max_clients {
            let mut answer = Writer::default();
            put_answer(&mut answer, hello.id, &Err(Error::Quota("the manager has as many clients as it takes")));
            conn.wire.send(&self.shared, &answer.0, None);
            self.shared.observe(|| ServerEvent::Limit(token, "clients"));
            return Err(Error::Quota("there are too many clients"));
        }
        let client = known.unwrap_or_else(|| {
            let mut clients = guard(&self.shared.clients);
            if clients.len() >= MOST_REMEMBERED + self.shared.options.max_clients {
                // The one that left first is forgotten earlier.
                let left = |client: &Arc<Client>| client.is_free().then(|| guard(&client.past).left);
                let oldest = clients.iter().filter_map(|(id, client)| Some((left(client)?, *id))).min();
                if let Some((_, id)) = oldest {
                    clients.remove(&id);
                }
            }
            let past = Mutex::new(Past::new(self.shared.kept.clone()));
            let client = Arc::new(Client { number: token, past });
            clients.insert(hello.client, client.clone());
            client
        });
        let incoming = match std::mem::replace(&mut conn.phase, Phase::Preamble(Vec::new())) {
            Phase::Greeting(incoming) | Phase::Returning(incoming, _) => incoming,
            other => {
                conn.phase = other;
                return Ok(());
            }
        };
        // What it had asked for may still be about to be done: then it is not to be done again.
        if !client.is_free() {
            conn.phase = Phase::Returning(incoming, hello);
            self.returning.push(token);
            return Ok(());
        }
        self.welcome(conn, incoming, &hello, client)
    }

    /// It is a client from here on.
    fn welcome(&mut self, conn: &mut Conn, mut incoming: Incoming, hello: &Hello, client: Arc<Client>) -> Result<()> {
        let token = conn.wire.token;
        self.young.retain(|&young| young != token);
        self.shared.unauthenticated.store(self.young.len(), Ordering::Relaxed);
        self.shared.connected.fetch_add(1, Ordering::Relaxed);
        let gives = hello.wants_memory && !conn.from.starts_with("tcp");
        let session = Arc::new(Session::new(token, conn.wire.clone(), client.clone(), gives, hello.family));
        incoming.set_most(self.shared.options.max_message);
        let mut answer = Writer::default();
        let begun = answer.begin();
        answer.u64(hello.id);
        answer.i32(0);
        answer.bytes(&self.shared.instance);
        answer.bool(gives);
        answer.u64(self.shared.options.max_message as u64);
        answer.end(begun);
        {
            // Before anything that ends meanwhile is answered over this connection.
            let mut past = guard(&client.past);
            past.begin(&session);
            conn.wire.send(&self.shared, &answer.0, None);
        }
        conn.phase = Phase::Open(incoming, session);
        conn.since = clock::coarse_ns();
        self.shared.observe(|| ServerEvent::Connected(token, conn.from.clone()));
        Ok(())
    }

    /// Whether earlier sessions have ended meanwhile.
    pub(super) fn look_at_returning(&mut self) {
        for token in std::mem::take(&mut self.returning) {
            let Some(mut conn) = self.conns.remove(&token) else { continue };
            let phase = std::mem::replace(&mut conn.phase, Phase::Preamble(Vec::new()));
            let Phase::Returning(incoming, hello) = phase else {
                conn.phase = phase;
                self.conns.insert(token, conn);
                continue;
            };
            let client = guard(&self.shared.clients).get(&hello.client).cloned();
            let result = match client {
                Some(client) if client.is_free() => self.welcome(&mut conn, incoming, &hello, client),
                Some(_) => {
                    conn.phase = Phase::Returning(incoming, hello);
                    self.returning.push(token);
                    Ok(())
                }
                None => Err(Error::Protocol("it was forgotten")),
            };
            self.conns.insert(token, conn);
            if result.is_err() {
                self.end(token, "it was forgotten");
            }
        }
    }
}
