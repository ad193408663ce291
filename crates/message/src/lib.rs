//! What every part of Waypost agrees on: the message, its properties, topics, patterns and log records.
//!
//! Owner: nobody; these are plain values. This crate knows no protocol, no socket, no clock and no
//! file: MQTT and AMQP adapters translate to it at their edge, the log stores what [`record`] lists.

pub mod hash;
pub mod ids;
mod message_value;
pub mod pattern;
pub mod printable;
mod props;
mod qos;
pub mod record;
pub mod topic;

pub use hash::{Map, Set};
pub use ids::{LogId, MessageId, QueueId, ShardId};
pub use message_value::Message;
pub use pattern::{Level, PatternError, SharedFilter};
pub use printable::Printable;
pub use props::Props;
pub use qos::QoS;
pub use topic::TopicError;
