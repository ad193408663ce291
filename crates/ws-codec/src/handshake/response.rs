//! The two answers to a handshake: the switch (RFC 6455 4.2.2), and a refusal that says what to do.
//!
//! Built of constants, the policy and the key; nothing else the client sent is in them.

use super::HandshakePolicy;
use super::error::HandshakeError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// RFC 6455 1.3
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// 101, with the key's answer and the chosen subprotocol.
pub(super) fn switching(key: &[u8], subprotocol: Option<&str>) -> Vec<u8> {
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    );
    if let Some(name) = subprotocol {
        response.push_str("Sec-WebSocket-Protocol: ");
        response.push_str(name);
        response.push_str("\r\n");
    }
    response.push_str("\r\n");
    response.into_bytes()
}

/// A whole HTTP response after which the connection closes.
pub(super) fn refusal(error: HandshakeError, policy: &HandshakePolicy<'_>) -> Vec<u8> {
    let body = format!("{error}\n{}\n", remedy(error, policy));
    let extra = match error {
        HandshakeError::Method => "Allow: GET\r\nConnection: close\r\n",
        // RFC 6455 4.4, RFC 9110 15.5.22: a 426 names what to upgrade to.
        HandshakeError::NoUpgrade | HandshakeError::Version => {
            "Upgrade: websocket\r\nConnection: close, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        }
        _ => "Connection: close\r\n",
    };
    format!(
        "HTTP/1.1 {} {}\r\n{extra}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        error.status(),
        phrase(error.status()),
        body.len()
    )
    .into_bytes()
}

fn remedy(error: HandshakeError, policy: &HandshakePolicy<'_>) -> String {
    match error {
        HandshakeError::NotHttp | HandshakeError::NoUpgrade | HandshakeError::NoConnectionUpgrade => {
            "Connect here with a WebSocket client (ws:// or wss://); other protocols have ports of their own.".into()
        }
        HandshakeError::HeadTooLarge => format!("Send at most {} bytes, for example fewer cookies.", policy.max_head),
        HandshakeError::TooManyHeaders => format!("Send at most {} header lines.", policy.max_headers),
        HandshakeError::HttpVersion => "Upgrade to WebSocket from HTTP/1.1; a proxy in between must speak it too.".into(),
        HandshakeError::Method => "Use GET.".into(),
        HandshakeError::Path => format!("WebSocket is served at {}.", policy.path),
        HandshakeError::Host => "Send `Host: name` or `Host: name:port` once.".into(),
        HandshakeError::Version => "Send `Sec-WebSocket-Version: 13` once.".into(),
        HandshakeError::Key => "Send a fresh random key of 24 characters once.".into(),
        HandshakeError::Subprotocol => {
            format!("Send `Sec-WebSocket-Protocol` with one of: {}.", policy.subprotocols.join(", "))
        }
        HandshakeError::Origin => {
            "Add the page's origin to `origins` of this listener, or serve the page from the same host.".into()
        }
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Bad Request",
    }
}
