//! Plain counters of one shard. They only grow; whoever shows them adds up the shards.

/// Why a message did not reach a receiver that its topic concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The session's or group's queue was at its limit.
    QueueFull,
    /// QoS 0, and the client did not read fast enough.
    SlowConsumer,
    /// QoS 0, and the client was away.
    Offline,
    /// The message expired first.
    Expired,
    /// Larger than the client's Maximum Packet Size.
    TooLarge,
    /// The publisher or the receiver lacks the right.
    NotAuthorized,
    /// The session or group ended before it was served.
    SessionEnded,
    /// The retained tree was at its limit.
    RetainedFull,
}

impl Drop {
    /// All reasons, in the order of their counters.
    pub const ALL: [Drop; 8] = [
        Drop::QueueFull,
        Drop::SlowConsumer,
        Drop::Offline,
        Drop::Expired,
        Drop::TooLarge,
        Drop::NotAuthorized,
        Drop::SessionEnded,
        Drop::RetainedFull,
    ];

    /// The label of the counter.
    pub fn label(self) -> &'static str {
        match self {
            Drop::QueueFull => "queue_full",
            Drop::SlowConsumer => "slow_consumer",
            Drop::Offline => "offline",
            Drop::Expired => "expired",
            Drop::TooLarge => "too_large",
            Drop::NotAuthorized => "not_authorized",
            Drop::SessionEnded => "session_ended",
            Drop::RetainedFull => "retained_full",
        }
    }
}

/// Counters of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// PUBLISH packets accepted from clients.
    pub published: u64,
    /// PUBLISH packets given to clients, repeats included.
    pub delivered: u64,
    pub dropped: [u64; Drop::ALL.len()],
    pub connected: u64,
    pub refused: u64,
}

impl Stats {
    pub(crate) fn drop(&mut self, reason: Drop) {
        self.dropped[reason as usize] += 1;
    }

    /// How many messages were lost for `reason`.
    pub fn dropped(&self, reason: Drop) -> u64 {
        self.dropped[reason as usize]
    }
}
