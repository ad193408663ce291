//! The protocol header with which a client begins. Never judges what comes behind it.

/// What a client that speaks AMQP 0-9-1 sends first, and what a server answers to any other header before it closes.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\0\0\x09\x01";

/// What a connection's first bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Greeting {
    /// So far it could be a protocol header: eight bytes are needed.
    Incomplete,
    /// AMQP 0-9-1: the first eight bytes are used up.
    Amqp091,
    /// A protocol header of another version: its last four bytes.
    Other([u8; 4]),
    /// No protocol header of AMQP.
    NotAmqp,
}

/// Looks at a connection's first bytes. What is not AMQP is known by its first byte that differs.
pub fn greeting(bytes: &[u8]) -> Greeting {
    let Some((header, _)) = bytes.split_first_chunk::<8>() else {
        return if PROTOCOL_HEADER.starts_with(bytes) || is_amqp(bytes) {
            Greeting::Incomplete
        } else {
            Greeting::NotAmqp
        };
    };
    match *header {
        PROTOCOL_HEADER => Greeting::Amqp091,
        [b'A', b'M', b'Q', b'P', version @ ..] => Greeting::Other(version),
        _ => Greeting::NotAmqp,
    }
}

fn is_amqp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"AMQP")
}
