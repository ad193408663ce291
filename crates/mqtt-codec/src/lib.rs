//! Bytes to MQTT packets and back, for MQTT 3.1, 3.1.1 and 5.
//!
//! [`frame`] finds the first packet in a buffer, [`decode`] turns its body into a [`Packet`] that borrows from the
//! buffer, [`encode`] and the faster [`encode_publish`] and [`encode_ack`] append packets to a `Vec<u8>`.
//!
//! What holds here:
//! - No input panics: nothing is indexed, unwrapped or added unchecked. Everything a peer can do wrong is a variant
//!   of [`DecodeError`], mapped to its reason code in one place.
//! - Decoding never allocates. Lists (filters, properties, reason codes) stay raw bytes, validated once and iterated.
//! - A decoded packet is well formed on its own. What depends on more than its bytes is not judged here: whether
//!   a topic may hold wildcards, who may send which packet, limits a peer has announced.
//! - No session, connection or message is known here, nor any other Waypost crate.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod encode;
mod error;
mod frame;
mod packet;
mod packet_type;
mod properties;
mod publish;
mod qos;
mod reader;
mod reason;
mod suback;
mod subscribe;
mod unsubscribe;
mod varint;
mod version;

pub use ack::{Ack, AckKind};
pub use auth::Auth;
pub use connack::Connack;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use encode::{Outgoing, encode, encode_ack, encode_publish, outgoing_len};
pub use error::{DecodeError, EncodeError};
pub use frame::{Framed, MAX_PACKET_SIZE, frame};
pub use packet::{Packet, decode};
pub use packet_type::PacketType;
pub use properties::{
    Properties, PropertiesBuf, Property, PropertyId, PropertyIter, PropertyPlace, forwardable,
};
pub use publish::Publish;
pub use qos::QoS;
pub use reason::ReasonCode;
pub use suback::Suback;
pub use subscribe::{RetainHandling, SubOptions, Subscribe, SubscribeFilters};
pub use unsubscribe::{Unsubscribe, UnsubscribeFilters};
pub use version::Version;
