//! An MQTT client, of what `pub` and `sub` need: 3.1, 3.1.1 and 5 over TCP and WebSocket.
//!
//! [`Session`] is the protocol without a socket, [`Link`] the bytes without a protocol, [`Driver`]
//! brings them together on one thread. Nothing here knows the broker's inside, reads options or
//! prints, and nothing reconnects.

mod driver;
mod link;
mod message;
mod property;
mod session;
#[cfg(test)]
mod session_tests;
mod target;
mod wire;

pub(crate) use driver::{Driver, Wake};
use link::Link;
#[cfg(test)]
pub(crate) use message::MessageProps;
pub(crate) use message::{Message, Publication, Subscription, Will};
pub(crate) use property::{Property, PropertyPlace};
pub(crate) use session::{ConnectOptions, Event};
pub(crate) use target::{Scheme, Target, UrlError, default_port};
pub(crate) use wire::reason_name;

/// Why a connection came to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("cannot reach {target}: {source}")]
    Connect {
        target: String,
        source: std::io::Error,
    },
    #[error("{target} does not answer as a WebSocket: {what}")]
    Handshake { target: String, what: String },
    #[error("the connection broke: {0}")]
    Broken(#[from] std::io::Error),
    #[error("the server closed the connection{0}")]
    Closed(&'static str),
    #[error("the server sent something that is no MQTT: {0}")]
    Protocol(String),
    #[error("the server does not answer")]
    Silent,
    #[error("{0}")]
    Send(String),
}

/// The version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V31,
    V311,
    V5,
}
