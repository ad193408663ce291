//! The names that scripts give to MQTT 5's properties.

/// How a property's value is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    U8,
    U16,
    U32,
    Varint,
    Binary,
    /// Two strings, `NAME:VALUE`.
    Pair,
}

use Form::{Binary, Pair, U8, U16, U32, Varint};

const TABLE: [(&str, u8, Form); 28] = [
    ("format", 0x01, U8),
    ("expiry", 0x02, U32),
    ("content_type", 0x03, Binary),
    ("response_topic", 0x08, Binary),
    ("correlation", 0x09, Binary),
    ("sub_id", 0x0b, Varint),
    ("session_expiry", 0x11, U32),
    ("assigned", 0x12, Binary),
    ("server_keepalive", 0x13, U16),
    ("auth_method", 0x15, Binary),
    ("auth_data", 0x16, Binary),
    ("request_problem", 0x17, U8),
    ("delay", 0x18, U32),
    ("request_response", 0x19, U8),
    ("response_info", 0x1a, Binary),
    ("server_reference", 0x1c, Binary),
    ("reason", 0x1f, Binary),
    ("receive_maximum", 0x21, U16),
    ("alias_maximum", 0x22, U16),
    ("alias", 0x23, U16),
    ("maximum_qos", 0x24, U8),
    ("retain_available", 0x25, U8),
    ("user", 0x26, Pair),
    ("max_packet", 0x27, U32),
    ("wildcard_available", 0x28, U8),
    ("sub_ids_available", 0x29, U8),
    ("shared_available", 0x2a, U8),
    ("unknown", 0x7f, U8),
];

/// `expiry` is the session's in these packets, the message's elsewhere.
fn speaks_of_sessions(kind: &str) -> bool {
    matches!(kind, "CONNECT" | "CONNACK" | "DISCONNECT")
}

/// The property that a packet of this kind calls `name`.
pub(super) fn by_name(kind: &str, name: &str) -> Option<(u8, Form)> {
    let name = if name == "expiry" && speaks_of_sessions(kind) {
        "session_expiry"
    } else {
        name
    };
    let found = TABLE.iter().find(|(known, ..)| *known == name)?;
    Some((found.1, found.2))
}

/// What a packet of this kind calls a property.
pub(super) fn by_id(kind: &str, id: u8) -> Option<(&'static str, Form)> {
    let found = TABLE.iter().find(|(_, known, _)| *known == id)?;
    match found.0 {
        "session_expiry" if speaks_of_sessions(kind) => Some(("expiry", found.2)),
        name => Some((name, found.2)),
    }
}

pub(super) fn is_number(form: Form) -> bool {
    !matches!(form, Binary | Pair)
}
