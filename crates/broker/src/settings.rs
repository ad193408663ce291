//! What an operator can set: limits, MQTT capabilities, the access policy.
//!
//! Made by the configuration, read by shards through an `Arc`, replaced as a whole at a reload. Every
//! bound in the broker has its name here; "unlimited" is the type's highest value.

use crate::auth::Policy;
use message::QoS;

/// Everything that a shard is told by the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    pub limits: Limits,
    pub mqtt: MqttSettings,
    pub policy: Policy,
}

/// Bounds. Sizes in bytes, times in the unit that the name ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest packet accepted; announced to MQTT 5 clients as Maximum Packet Size.
    pub max_packet_size: u32,
    /// Largest packet accepted before a client is authenticated.
    pub max_packet_size_before_auth: u32,
    pub max_topic_bytes: usize,
    pub max_client_id_bytes: usize,
    /// QoS 1 and 2 publishes that a client may have unacknowledged; MQTT 3 clients meet it as
    /// back-pressure.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages on their way to a client, if the client does not ask for fewer.
    pub max_inflight: u16,
    /// Topic aliases that an MQTT 5 client may set.
    pub topic_alias_maximum: u16,
    /// Topic aliases that the broker sets towards a client, if the client does not ask for fewer.
    pub topic_alias_maximum_outgoing: u16,
    pub max_filters_per_subscribe: usize,
    pub max_subscriptions_per_session: usize,
    /// Messages waiting for one session or `$share` group.
    pub max_queued_messages: usize,
    pub max_queued_bytes: u64,
    /// Bytes of those that are kept in memory while somebody is there to take them; the others are
    /// read from the log. Unlimited: all.
    pub queue_window_bytes: u64,
    /// Bytes written for a client that it has not read yet; above it, it loses QoS 0 messages.
    pub max_outbox_bytes: usize,
    pub max_session_expiry_s: u32,
    pub max_sessions: usize,
    pub max_retained_messages: usize,
    pub max_retained_bytes: u64,
    /// Bytes on their way from one shard to another, or to the log, before publishers pause.
    pub in_flight_bytes: u64,
    /// Messages on their way from one shard to another before publishers pause.
    pub in_flight_messages: u64,
    /// Memory for queued messages of the whole node; above it publishers pause.
    pub memory_bytes: u64,
    /// From the first byte to a complete CONNECT.
    pub connect_timeout_ms: u64,
    /// Entries of one shard's route cache.
    pub max_cached_routes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_packet_size: 1 << 20,
            max_packet_size_before_auth: 64 << 10,
            max_topic_bytes: 1024,
            max_client_id_bytes: 1024,
            receive_maximum: 64,
            max_inflight: 100,
            topic_alias_maximum: 16,
            topic_alias_maximum_outgoing: 16,
            max_filters_per_subscribe: 100,
            max_subscriptions_per_session: 1000,
            max_queued_messages: 10_000,
            max_queued_bytes: 64 << 20,
            queue_window_bytes: 256 << 10,
            max_outbox_bytes: 4 << 20,
            max_session_expiry_s: 7 * 24 * 3600,
            max_sessions: 1_000_000,
            max_retained_messages: 1_000_000,
            max_retained_bytes: 1 << 30,
            in_flight_bytes: 64 << 20,
            in_flight_messages: 100_000,
            memory_bytes: 1 << 30,
            connect_timeout_ms: 10_000,
            max_cached_routes: 65_536,
        }
    }
}

/// What MQTT clients are offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttSettings {
    /// Longest keep alive; a v5 client that asks for none or more is told this one. `None`: any.
    pub max_keep_alive_s: Option<u16>,
    pub maximum_qos: QoS,
    pub retain_available: bool,
    pub wildcard_subscriptions: bool,
    pub shared_subscriptions: bool,
    pub subscription_identifiers: bool,
    /// Sent to clients that ask for Response Information; `%c` is the client id.
    pub response_information: Option<String>,
    /// Send v5 clients elsewhere: refuse CONNECT with 0x9C or 0x9D and this Server Reference.
    pub redirect: Option<Redirect>,
}

impl Default for MqttSettings {
    fn default() -> Self {
        MqttSettings {
            max_keep_alive_s: Some(300),
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            shared_subscriptions: true,
            subscription_identifiers: true,
            response_information: Some("reply/%c".into()),
            redirect: None,
        }
    }
}

/// Where clients are sent instead. MQTT 3 clients are refused with "server unavailable".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub server_reference: String,
    /// 0x9D "server moved" rather than 0x9C "use another server".
    pub permanent: bool,
}
