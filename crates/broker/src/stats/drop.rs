//! Why a message did not reach a receiver that its topic concerned.

/// The reasons of the counter of lost messages.
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
