//! What a shard has now: levels that rise and fall, kept as they change, so that nobody has to count.
//!
//! Owned by the shard. Each rise has its fall; the tests of `inspect` compare the levels with a count.

use crate::queue::Weight;
use mqtt_codec::Version;

/// Levels of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauges {
    /// Attached clients, in the order of [`Version::ALL`].
    pub connections: [u64; Version::ALL.len()],
    /// Of all sessions, those of `$share` included.
    pub subscriptions: u64,
    /// Those of `$share` alone.
    pub shared_subscriptions: u64,
    /// What waits for a session or a group.
    pub queued: Weight,
    /// QoS 1 and 2 messages that clients have not acknowledged.
    pub in_flight: u64,
}

impl Gauges {
    /// A line weighs something else now.
    pub(crate) fn requeued(&mut self, before: Weight, after: Weight) {
        self.queued += after;
        self.queued -= before;
    }

    /// A session has a subscription more.
    pub(crate) fn subscribed(&mut self, shared: bool) {
        self.subscriptions += 1;
        self.shared_subscriptions += u64::from(shared);
    }

    /// A session has a subscription less.
    pub(crate) fn unsubscribed(&mut self, shared: bool) {
        self.subscriptions = self.subscriptions.saturating_sub(1);
        self.shared_subscriptions = self.shared_subscriptions.saturating_sub(u64::from(shared));
    }
}
