//! Connections: how they are opened, and how one thread serves many of them.

pub(crate) mod carrier;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod dial;
pub(crate) mod hub;
pub(crate) mod limits;
pub(crate) mod websocket;
