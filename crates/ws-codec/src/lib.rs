//! Bytes to WebSocket handshakes and frames and back, server side (RFC 6455).
//!
//! Owner: each connection's driver holds the bytes and one [`Decoder`]; this crate holds nothing else.
//! It never reads a socket, a clock or randomness, knows neither MQTT nor AMQP, never agrees to an extension
//! (so no permessage-deflate), never panics on input, and allocates nothing for a message: only the answer to
//! a handshake, and 125 bytes when a control frame arrives in pieces.
//!
//! ```text
//!  bytes so far --> handshake() --> Accept{consumed, response} | Refuse{response} | Incomplete
//!  read buffer  --> Decoder::next() --> Data, MessageEnd, Ping, Pong, Close | FrameError::close_code()
//!  payload      --> frame_header() + payload     control_frame()     close_frame()
//! ```
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

mod frame;
mod handshake;

pub use frame::close;
pub use frame::decoder::{Decoder, Event, Limits, TextPolicy};
pub use frame::encode::{ControlFrame, close_frame, control_frame, frame_header};
pub use frame::error::FrameError;
pub use frame::header::Opcode;
pub use handshake::{Handshake, HandshakeError, HandshakePolicy, handshake};
