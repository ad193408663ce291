//! The opening bytes of a hostile client: no panic, a verdict never changes as more bytes come, a refusal is a whole
//! HTTP response.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_codec::{Handshake, HandshakePolicy, handshake};

fuzz_target!(|data: &[u8]| {
    let origins = ["https://app.example".to_owned()];
    let policy = HandshakePolicy {
        path: "/mqtt",
        subprotocols: &["mqtt", "mqttv3.1"],
        origins: &origins,
        max_head: 512,
        max_headers: 12,
    };
    let whole = handshake(data, &policy);
    match &whole {
        Handshake::Accept {
            consumed,
            response,
            subprotocol,
        } => {
            assert!(*consumed <= data.len().min(policy.max_head));
            assert!(subprotocol.is_some_and(|index| index < 2));
            assert!(response.starts_with(b"HTTP/1.1 101 ") && response.ends_with(b"\r\n\r\n"));
            assert_eq!(handshake(&data[..*consumed], &policy), whole);
        }
        Handshake::Refuse { response, reason } => {
            let text = std::str::from_utf8(response).expect("a refusal is text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", reason.status())));
            assert!(head.contains(&format!("Content-Length: {}", body.len())));
        }
        Handshake::Incomplete => assert!(data.len() < policy.max_head),
    }
    let half = handshake(&data[..data.len() / 2], &policy);
    assert!(
        half == Handshake::Incomplete || half == whole,
        "an early verdict stands"
    );
});
