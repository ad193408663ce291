//! How much there is, in numbers that a shard keeps anyway.

use crate::shard::Shard;
use crate::stats::Stats;
use mqtt_codec::Version;

/// Counters and levels of one shard, or of several, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// What only grows.
    pub stats: Stats,
    /// Attached clients, in the order of [`Version::ALL`].
    pub connections: [u64; Version::ALL.len()],
    /// Open connections, those included whose client has not been let in yet.
    pub sockets: u64,
    /// With and without a connection.
    pub sessions: u64,
    pub subscriptions: u64,
    /// Those of `$share` among them.
    pub shared_subscriptions: u64,
    /// Messages that wait for a session or a `$share` group.
    pub queued_messages: u64,
    pub queued_bytes: u64,
    /// QoS 1 and 2 messages that were given a packet id and are not acknowledged.
    pub in_flight: u64,
    /// Connections whose next PUBLISH waits for admission.
    pub held_back: u64,
}

impl Counts {
    /// Attached clients, whatever they speak; each has a session.
    pub fn connected(&self) -> u64 {
        self.connections.iter().sum()
    }

    /// Adds what another shard has.
    pub fn add(&mut self, other: &Counts) {
        self.stats.add(&other.stats);
        for (mine, theirs) in self.connections.iter_mut().zip(other.connections) {
            *mine += theirs;
        }
        self.sockets += other.sockets;
        self.sessions += other.sessions;
        self.subscriptions += other.subscriptions;
        self.shared_subscriptions += other.shared_subscriptions;
        self.queued_messages += other.queued_messages;
        self.queued_bytes += other.queued_bytes;
        self.in_flight += other.in_flight;
        self.held_back += other.held_back;
    }
}

impl Shard {
    pub(super) fn counts(&self) -> Counts {
        Counts {
            stats: self.stats.clone(),
            connections: self.gauges.connections,
            sockets: self.conns.len() as u64,
            sessions: self.sessions.len() as u64,
            subscriptions: self.gauges.subscriptions,
            shared_subscriptions: self.gauges.shared_subscriptions,
            queued_messages: self.gauges.queued.messages as u64,
            queued_bytes: self.gauges.queued.bytes,
            in_flight: self.gauges.in_flight,
            held_back: self.held_back.len() as u64,
        }
    }
}
