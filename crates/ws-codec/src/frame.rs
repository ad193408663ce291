//! Frames of an open connection (RFC 6455 5 to 7): one decoder per connection, and the encoder's functions.
//!
//! Owner: the connection's driver. Nothing here knows what a payload means.

pub mod close;
pub(crate) mod decoder;
pub(crate) mod encode;
pub(crate) mod error;
pub(crate) mod header;
mod mask;
mod utf8;
