//! Clients that speak something else than MQTT, told by their first bytes.
//!
//! Only so that the operator's log says what is wrong; nothing is decided here. Owns nothing.

/// Why a connection is refused whose first byte is not that of a CONNECT. [MQTT-3.1.0-1]
pub(super) fn why(first: &[u8]) -> &'static str {
    match first {
        [0x16, 3, ..] => {
            "it speaks TLS, and this listener does not: the client needs an mqtts:// listener, or \
             no TLS"
        }
        [b'G', b'E', b'T', b' ', ..] => {
            "it speaks HTTP, and this listener does not: WebSocket clients need a ws:// listener"
        }
        [b'P', b'R', b'O', b'X', b'Y', b' ', ..] | [0x0D, 0x0A, 0x0D, 0x0A, 0, ..] => {
            "it sent a PROXY protocol header, which is not taken from its address: see \
             proxy_protocol of the listener"
        }
        _ => "the first packet is not a CONNECT",
    }
}

#[cfg(test)]
mod tests {
    use super::why;

    #[test]
    fn what_is_known_is_named() {
        for (bytes, word) in [
            (&b"\x16\x03\x01\x02\x00\x01"[..], "TLS"),
            (b"GET /mqtt HTTP/1.1\r\n", "HTTP"),
            (b"PROXY TCP4 1.1.1.1", "proxy_protocol"),
            (b"\r\n\r\n\0\r\nQUIT\n", "proxy_protocol"),
            (b"\xc0\0", "not a CONNECT"),
            (b"\x16", "not a CONNECT"),
        ] {
            assert!(why(bytes).contains(word), "{bytes:?}: {}", why(bytes));
        }
    }
}
