//! Bytes to AMQP and back: [`v091`] is AMQP 0-9-1 with RabbitMQ's extensions, for both sides of a connection.
//!
//! What holds here:
//! - No input panics: nothing is indexed, unwrapped or added unchecked. Everything a peer can do wrong is a variant
//!   of an error, mapped to its reply code in one place.
//! - Decoding never allocates. Field tables and properties stay raw bytes, validated once and iterated.
//! - What is decoded is well formed on its own. Only what its own bytes tell is judged here: neither which method may
//!   come next on a channel nor what a method refers to.
//! - No connection, channel, queue or message is known here, nor any other Waypost crate.

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

pub mod v091;
