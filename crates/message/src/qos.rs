//! The delivery promise of one message.

/// How hard the broker tries to deliver. AMQP persistent messages map to [`QoS::AtLeastOnce`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// Sent once and forgotten.
    #[default]
    AtMostOnce = 0,
    /// Sent until acknowledged; may arrive twice.
    AtLeastOnce = 1,
    /// Sent until acknowledged, and never handed over twice.
    ExactlyOnce = 2,
}
