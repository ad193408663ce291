//! Messages as a client sends and receives them.
//!
//! Plain values that own their bytes.

use super::Property;

/// A message received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// 0 for QoS 0.
    pub(crate) packet_id: u16,
    pub(crate) props: MessageProps,
}

/// The MQTT 5 properties of a message received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageProps {
    pub(crate) topic_alias: Option<u16>,
    pub(crate) content_type: Option<String>,
    pub(crate) correlation_data: Option<Vec<u8>>,
    pub(crate) message_expiry_interval: Option<u32>,
    pub(crate) payload_is_text: Option<bool>,
    pub(crate) response_topic: Option<String>,
    pub(crate) subscription_identifiers: Vec<u32>,
    pub(crate) user: Vec<(String, String)>,
}

/// A message to send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publication {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) props: Vec<Property>,
}

/// A message that the server sends should this client get lost.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) props: Vec<Property>,
}

/// Filters to subscribe to, with options for all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscription {
    pub(crate) filters: Vec<String>,
    pub(crate) qos: u8,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// 0 always, 1 only for a new subscription, 2 never.
    pub(crate) retain_handling: u8,
    pub(crate) props: Vec<Property>,
}
