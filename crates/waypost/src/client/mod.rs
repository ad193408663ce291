//! An MQTT client, of what `pub` and `sub` need: 3.1, 3.1.1 and 5 over TCP,
//! TLS, WebSocket and Unix sockets.
//!
//! [`Session`] is the protocol without a socket, [`Link`] the bytes without a protocol, opened by a
//! [`Dialer`]; [`Driver`] brings them together on one thread. Bytes pass through layers, each a file:
//! socket, TLS (`stream`), WebSocket (`web_socket`), MQTT. Nothing here knows the broker's inside, reads options or
//! prints, and nothing reconnects.

mod dialer;
mod driver;
mod link;
mod message;
mod property;
mod session;
#[cfg(test)]
mod session_tests;
mod stream;
mod target;
mod tls;
mod tls_failure;
mod web_socket;
mod wire;

pub(crate) use dialer::{Dialer, OPEN_TIMEOUT};
pub(crate) use driver::{Driver, Wake};
pub(crate) use link::Link;
#[cfg(test)]
pub(crate) use message::MessageProps;
pub(crate) use message::{Message, Publication, Subscription, Will};
pub(crate) use property::{Property, PropertyPlace};
pub(crate) use session::{ConnectOptions, Event};
pub(crate) use target::{Scheme, Target, default_port};
pub(crate) use tls::{TlsOptions, TlsVersion};
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
    #[error("no TLS with {target}: {what}")]
    Tls { target: String, what: String },
    /// What was given for TLS cannot be used.
    #[error("{0}")]
    TlsSetup(String),
    #[error("interrupted")]
    Interrupted,
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
