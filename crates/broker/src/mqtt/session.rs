//! Sessions: what a client is owed and has promised, with or without a connection.
//!
//! A session lives on its client's home shard from CONNECT until it ends, never elsewhere. A *durable*
//! one outlives its connection and has records; a *volatile* one ends with its connection, and has a
//! record only where its client has a will, which is to be sent also if the node dies.

use super::inflight::Inflight;
use super::received::Received;
use super::replay::Replay;
use super::subscriptions::Subscriptions;
use super::will::Will;
use crate::auth::Identity;
use crate::conn::ConnId;
use crate::queue::Backlog;
use message::{Map, QueueId};
use slab::Slab;
use std::sync::Arc;

/// Session expiry interval that means "never" [MQTT-3.1.2.11.2].
pub(crate) const NEVER: u32 = u32::MAX;

pub(crate) struct Session {
    /// Its name in records and routes; never reused.
    pub queue: QueueId,
    pub identity: Identity,
    /// Identities of one class have the same rights.
    pub class: u32,
    pub conn: Option<ConnId>,
    /// CONNACK is written: messages may be sent.
    pub ready: bool,
    pub durable: bool,
    /// It has a row in the log: it is durable, or has a will.
    pub recorded: bool,
    /// Seconds that it outlives its connection.
    pub expiry_s: u32,
    pub subscriptions: Subscriptions,
    pub inflight: Inflight,
    pub backlog: Backlog,
    pub received: Received,
    pub will: Option<Box<Will>>,
    /// When its timers fire, monotonic ms; 0 for none.
    pub ends_at: u64,
    pub will_at: u64,
    /// Retained messages that new subscriptions are still owed.
    pub replays: Vec<Replay>,
    /// It is in the shard's list of sessions with replays to be stepped.
    pub replaying: bool,
    /// When it began (Unix time).
    pub created_unix_ms: u64,
    /// Since when it has the connection that it has, or none (Unix time).
    pub since_unix_ms: u64,
}

impl Session {
    /// True while the client can be sent something.
    pub(crate) fn live(&self) -> Option<ConnId> {
        self.conn.filter(|_| self.ready)
    }

    /// Something is to be sent as soon as it may be.
    pub(crate) fn has_waiting(&self) -> bool {
        self.inflight.unsent() > 0 || !self.backlog.is_empty()
    }
}

/// The sessions of one shard, by slot, by client and by queue.
pub(crate) struct Sessions {
    slots: Slab<Session>,
    by_client: Map<Arc<str>, u32>,
    by_queue: Map<QueueId, u32>,
}

impl Sessions {
    pub(crate) fn new(seed: u64) -> Self {
        Sessions {
            slots: Slab::new(),
            by_client: message::hash::map(seed),
            by_queue: message::hash::map(seed),
        }
    }

    pub(crate) fn insert(&mut self, session: Session) -> u32 {
        let client = session.identity.client_id.clone();
        let queue = session.queue;
        let slot = self.slots.insert(session) as u32;
        self.by_client.insert(client, slot);
        self.by_queue.insert(queue, slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Session> {
        let session = self.slots.try_remove(slot as usize)?;
        // After a restart there may be a newer one.
        let client_id = &session.identity.client_id;
        if self.by_client.get(client_id) == Some(&slot) {
            self.by_client.remove(client_id);
        }
        self.by_queue.remove(&session.queue);
        Some(session)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Session> {
        self.slots.get(slot as usize)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Session> {
        self.slots.get_mut(slot as usize)
    }

    pub(crate) fn of_client(&self, client_id: &str) -> Option<u32> {
        self.by_client.get(client_id).copied()
    }

    pub(crate) fn of_queue(&self, queue: QueueId) -> Option<u32> {
        self.by_queue.get(&queue).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// No slot from this one on is taken.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.capacity() as u32
    }

    /// All sessions, in slot order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Session)> {
        self.slots
            .iter_mut()
            .map(|(slot, session)| (slot as u32, session))
    }
}
