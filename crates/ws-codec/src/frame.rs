//! Frames of an open connection (RFC 6455 5 to 7): one decoder per connection, and the encoder's functions.
//!
//! Owner: the connection's driver. Nothing here knows what a payload means.

pub mod close;
pub mod decoder;
pub mod encode;
pub mod error;
pub mod header;
mod mask;
mod utf8;
