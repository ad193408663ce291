//! QoS 2 packet ids that a client has used and not released yet.
//!
//! Owned by a session; survives the connection. Each id knows the ticket of its record, so that a
//! repeated PUBLISH is answered when that record is durable and never before it.

use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Received {
    /// Packet id -> number of the store operation that made it known; 0 where none was needed.
    ids: BTreeMap<u16, u64>,
}

impl Received {
    pub(crate) fn insert(&mut self, packet_id: u16, ticket: u64) {
        self.ids.insert(packet_id, ticket);
    }

    /// The ticket of a known id.
    pub(crate) fn ticket(&self, packet_id: u16) -> Option<u64> {
        self.ids.get(&packet_id).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// True where the id was known.
    pub(crate) fn remove(&mut self, packet_id: u16) -> bool {
        self.ids.remove(&packet_id).is_some()
    }
}
