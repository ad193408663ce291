//! The opening handshake (RFC 6455 4.2): the bytes of a request in, a whole HTTP response out.
//!
//! Pure: the driver keeps the bytes, their number bounded by `max_head`, and the time an upgrade may take.
//! Extensions are never agreed to, and nothing the client sent is ever repeated in a refusal.

mod error;
mod origin;
mod request;
mod response;

pub use error::HandshakeError;

use httparse::{EMPTY_HEADER, Status};
use request::Request;

/// Header lines that are looked at, whatever a policy says: the array for them lies on the stack.
const HEADER_SLOTS: usize = 128;

/// What a listener agrees to.
#[derive(Debug, Clone, Copy)]
pub struct HandshakePolicy<'a> {
    /// The path that is served, e.g. `/mqtt`; a request may add a query string.
    pub path: &'a str,
    /// In our order of preference, e.g. `["mqtt", "mqttv3.1"]`; when empty, none is negotiated.
    pub subprotocols: &'a [&'a str],
    /// Origins allowed beside the same host, as browsers write them: `https://app.example`, or `null`.
    pub origins: &'a [String],
    /// Bytes of request line and headers.
    pub max_head: usize,
    /// Header lines, at most 128.
    pub max_headers: usize,
}

/// What became of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Come again with these bytes and more.
    Incomplete,
    /// Send `response`; the first frames start at `consumed`. `subprotocol` counts in the policy's list.
    Accept {
        consumed: usize,
        response: Vec<u8>,
        subprotocol: Option<usize>,
    },
    /// Send `response` and close.
    Refuse {
        response: Vec<u8>,
        reason: HandshakeError,
    },
}

/// Judges the bytes received so far, from the connection's first on.
#[must_use]
pub fn handshake(buf: &[u8], policy: &HandshakePolicy<'_>) -> Handshake {
    match judge(buf, policy) {
        Ok(outcome) => outcome,
        Err(reason) => Handshake::Refuse {
            response: response::refusal(reason, policy),
            reason,
        },
    }
}

fn judge(buf: &[u8], policy: &HandshakePolicy<'_>) -> Result<Handshake, HandshakeError> {
    let head = buf.get(..policy.max_head).unwrap_or(buf);
    let mut slots = [EMPTY_HEADER; HEADER_SLOTS];
    let slots = slots
        .get_mut(..policy.max_headers.min(HEADER_SLOTS))
        .unwrap_or_default();
    let mut parsed = httparse::Request::new(slots);
    let consumed = match parsed.parse(head) {
        Ok(Status::Complete(consumed)) => consumed,
        Ok(Status::Partial) if head.len() >= policy.max_head => {
            return Err(HandshakeError::HeadTooLarge);
        }
        Ok(Status::Partial) => return Ok(Handshake::Incomplete),
        Err(httparse::Error::TooManyHeaders) => return Err(HandshakeError::TooManyHeaders),
        Err(httparse::Error::Version) => return Err(HandshakeError::HttpVersion),
        Err(_) => return Err(HandshakeError::NotHttp),
    };
    let request = Request::new(&parsed);
    let key = request.upgrade_key(policy.path)?;
    request.check_origin(policy.origins)?;
    let subprotocol = request.subprotocol(policy.subprotocols)?;
    let name = subprotocol
        .and_then(|i| policy.subprotocols.get(i))
        .copied();
    Ok(Handshake::Accept {
        consumed,
        response: response::switching(key, name),
        subprotocol,
    })
}
