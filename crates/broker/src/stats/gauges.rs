//! What a shard has now: levels that rise and fall, kept as they change, so that nobody has to count.
//!
//! Owned by the shard. Each rise has its fall; the tests of `inspect` compare the levels with a count.

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
    /// Messages that wait for a session or a group, and what they are charged with.
    pub queued_messages: u64,
    pub queued_charge: u64,
    /// QoS 1 and 2 messages that clients have not acknowledged.
    pub in_flight: u64,
}

impl Gauges {
    /// A message waits now.
    pub(crate) fn queued(&mut self, charge: u64) {
        self.queued_messages += 1;
        self.queued_charge += charge;
    }

    /// So many messages, of this charge together, wait no more.
    pub(crate) fn unqueued(&mut self, messages: usize, charge: u64) {
        self.queued_messages = self.queued_messages.saturating_sub(messages as u64);
        self.queued_charge = self.queued_charge.saturating_sub(charge);
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
