//! Plain counters of one shard. They only grow; whoever shows them adds up the shards.
//!
//! Owned by the shard and changed by plain additions alone: counting takes no lock, no atomic and no
//! memory. What can also shrink (connections, sessions, queues) is in [`crate::inspect::Counts`].

mod drop;
mod gauges;
mod refusal;

pub use drop::Drop;
pub(crate) use gauges::Gauges;
pub use refusal::Refusal;

use mqtt_codec::Version;

/// The packet types of MQTT by their numbers, as labels.
pub const PACKETS: [&str; 16] = [
    "reserved",
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
    "auth",
];

/// Counters of one shard, or of several, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// In the order of [`Version::ALL`].
    pub by_version: [Speakers; Version::ALL.len()],
    /// Sockets accepted, whatever came of them.
    pub opened: u64,
    /// CONNECTs, and connections that never got that far; see [`Refusal`].
    pub refused: [u64; Refusal::ALL.len()],
    /// Answers of the authenticator that let nobody in.
    pub auth_failures: u64,
    /// Of all connections, also those that have not said their version yet.
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// By packet type, see [`PACKETS`].
    pub received_packets: [u64; 16],
    pub sent_packets: [u64; 16],
    /// PUBLISH packets accepted from clients.
    pub published: u64,
    /// Payload bytes of PUBLISH packets from clients.
    pub received_payload_bytes: u64,
    /// Payload bytes of PUBLISH packets to clients.
    pub sent_payload_bytes: u64,
    /// By reason, see [`Drop`].
    pub dropped: [u64; Drop::ALL.len()],
    pub sessions_created: u64,
    /// CONNECTs that found their session.
    pub sessions_resumed: u64,
    /// Connections closed because another one used their client id.
    pub taken_over: u64,
    /// Sessions that ended because their client stayed away for too long.
    pub sessions_expired: u64,
    /// Connections closed because the client broke the protocol or a limit.
    pub protocol_errors: u64,
    pub keep_alive_timeouts: u64,
    /// Connections closed by an operator.
    pub kicked: u64,
    pub turns: u64,
    /// Records given to the log.
    pub store_operations: u64,
}

/// Counters of the clients that speak one version of MQTT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speakers {
    /// Clients that were let in.
    pub connected: u64,
    /// PUBLISH packets from clients, refused ones and repeats included, by QoS.
    pub received: [u64; 3],
    /// PUBLISH packets given to clients, repeats included, by QoS.
    pub sent: [u64; 3],
    /// From the moment on at which the version is known.
    pub received_bytes: u64,
    pub sent_bytes: u64,
}

impl Stats {
    pub(crate) fn drop(&mut self, reason: Drop) {
        self.dropped[reason as usize] += 1;
    }

    pub(crate) fn refuse(&mut self, reason: Refusal) {
        self.refused[reason as usize] += 1;
    }

    pub(crate) fn speakers(&mut self, version: Version) -> &mut Speakers {
        &mut self.by_version[version as usize]
    }

    pub(crate) fn packet_sent(&mut self, first: u8) {
        self.sent_packets[usize::from(first >> 4)] += 1;
    }

    pub(crate) fn packet_received(&mut self, first: u8) {
        self.received_packets[usize::from(first >> 4)] += 1;
    }

    /// How many messages were lost for `reason`.
    pub fn dropped(&self, reason: Drop) -> u64 {
        self.dropped[reason as usize]
    }

    /// PUBLISH packets from clients, of all versions and QoS.
    pub fn publishes_received(&self) -> u64 {
        self.by_version.iter().flat_map(|v| v.received).sum()
    }

    /// PUBLISH packets given to clients, of all versions and QoS.
    pub fn publishes_sent(&self) -> u64 {
        self.by_version.iter().flat_map(|v| v.sent).sum()
    }

    /// Clients that were let in, of all versions.
    pub fn connected(&self) -> u64 {
        self.by_version.iter().map(|v| v.connected).sum()
    }

    /// Adds the counters of another shard.
    pub fn add(&mut self, other: &Stats) {
        for (mine, theirs) in self.by_version.iter_mut().zip(&other.by_version) {
            mine.add(theirs);
        }
        add_each(&mut self.refused, &other.refused);
        add_each(&mut self.received_packets, &other.received_packets);
        add_each(&mut self.sent_packets, &other.sent_packets);
        add_each(&mut self.dropped, &other.dropped);
        let Stats {
            opened,
            auth_failures,
            received_bytes,
            sent_bytes,
            published,
            received_payload_bytes,
            sent_payload_bytes,
            sessions_created,
            sessions_resumed,
            taken_over,
            sessions_expired,
            protocol_errors,
            keep_alive_timeouts,
            kicked,
            turns,
            store_operations,
            by_version: _,
            refused: _,
            received_packets: _,
            sent_packets: _,
            dropped: _,
        } = self;
        *opened += other.opened;
        *auth_failures += other.auth_failures;
        *received_bytes += other.received_bytes;
        *sent_bytes += other.sent_bytes;
        *published += other.published;
        *received_payload_bytes += other.received_payload_bytes;
        *sent_payload_bytes += other.sent_payload_bytes;
        *sessions_created += other.sessions_created;
        *sessions_resumed += other.sessions_resumed;
        *taken_over += other.taken_over;
        *sessions_expired += other.sessions_expired;
        *protocol_errors += other.protocol_errors;
        *keep_alive_timeouts += other.keep_alive_timeouts;
        *kicked += other.kicked;
        *turns += other.turns;
        *store_operations += other.store_operations;
    }
}

impl Speakers {
    fn add(&mut self, other: &Speakers) {
        self.connected += other.connected;
        add_each(&mut self.received, &other.received);
        add_each(&mut self.sent, &other.sent);
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
    }
}

fn add_each<const N: usize>(to: &mut [u64; N], from: &[u64; N]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_where_their_counters_are() {
        for (at, reason) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{}", reason.label());
        }
        for (at, reason) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{}", reason.label());
        }
        for (at, version) in Version::ALL.into_iter().enumerate() {
            assert_eq!(version as usize, at, "{version}");
        }
    }
}
