//! A client's upgrade request, checked line by line (RFC 6455 4.2.1).
//!
//! Borrows a parsed head; keeps nothing.

use super::error::HandshakeError;
use super::origin;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// Reads keys whose last character has stray bits too: clients that make keys up out of random letters exist, and
/// the key is never used as bytes.
const KEYS: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

pub(super) struct Request<'r> {
    method: &'r str,
    target: &'r str,
    minor_version: u8,
    headers: &'r [httparse::Header<'r>],
}

impl<'r> Request<'r> {
    pub(super) fn new(parsed: &'r httparse::Request<'_, '_>) -> Self {
        Self {
            method: parsed.method.unwrap_or_default(),
            target: parsed.path.unwrap_or_default(),
            minor_version: parsed.version.unwrap_or_default(),
            headers: parsed.headers,
        }
    }

    /// Checks all that makes the request an upgrade to WebSocket at `path`; gives the key to answer.
    pub(super) fn upgrade_key(&self, path: &str) -> Result<&'r [u8], HandshakeError> {
        if self.minor_version != 1 {
            return Err(HandshakeError::HttpVersion); // RFC 6455 4.2.1 (1)
        }
        if self.method != "GET" {
            return Err(HandshakeError::Method); // RFC 6455 4.2.1 (1)
        }
        if path_of(self.target) != path {
            return Err(HandshakeError::Path); // RFC 6455 4.2.2 (4)
        }
        self.host()?;
        if !self
            .tokens("Upgrade")
            .any(|token| token.eq_ignore_ascii_case(b"websocket"))
        {
            return Err(HandshakeError::NoUpgrade); // RFC 6455 4.2.1 (3)
        }
        if !self
            .tokens("Connection")
            .any(|token| token.eq_ignore_ascii_case(b"upgrade"))
        {
            return Err(HandshakeError::NoConnectionUpgrade); // RFC 6455 4.2.1 (4)
        }
        if self.only("Sec-WebSocket-Version") != Some(b"13") {
            return Err(HandshakeError::Version); // RFC 6455 4.2.1 (6), 4.4
        }
        // RFC 6455 4.2.1 (5)
        let key = self.only("Sec-WebSocket-Key").ok_or(HandshakeError::Key)?;
        let mut nonce = [0; 18];
        match KEYS.decode_slice(key, &mut nonce) {
            Ok(16) => Ok(key),
            _ => Err(HandshakeError::Key),
        }
    }

    /// RFC 6455 10.2: a page of another site must not reach the broker with its reader's rights.
    pub(super) fn check_origin(&self, allowed: &[String]) -> Result<(), HandshakeError> {
        if self.values("Origin").next().is_none() {
            return Ok(()); // a program, not a page
        }
        let origin = self
            .only("Origin")
            .and_then(|value| std::str::from_utf8(value).ok());
        let origin = origin.ok_or(HandshakeError::Origin)?;
        let listed = allowed
            .iter()
            .any(|other| other.eq_ignore_ascii_case(origin));
        if listed || origin::is_same_host(origin, self.host()?) {
            Ok(())
        } else {
            Err(HandshakeError::Origin)
        }
    }

    /// Our most preferred subprotocol among those the client offers, over all its lines (RFC 6455 4.2.2 (5)).
    pub(super) fn subprotocol(&self, ours: &[&str]) -> Result<Option<usize>, HandshakeError> {
        if ours.is_empty() {
            return Ok(None);
        }
        let offered = |name: &str| {
            self.tokens("Sec-WebSocket-Protocol")
                .any(|token| token == name.as_bytes())
        };
        match ours.iter().position(|name| offered(name)) {
            Some(index) => Ok(Some(index)),
            None => Err(HandshakeError::Subprotocol),
        }
    }

    /// The host and port the client believes to talk to (RFC 9112 3.2: exactly one, or 400).
    fn host(&self) -> Result<&'r str, HandshakeError> {
        let host = self
            .only("Host")
            .and_then(|value| std::str::from_utf8(value).ok());
        host.filter(|host| origin::host_of(host).is_some())
            .ok_or(HandshakeError::Host)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }

    /// The value of a header that must stand on one line only.
    fn only(&self, name: &str) -> Option<&'r [u8]> {
        let mut values = self.values(name);
        let value = values.next()?;
        if values.next().is_some() {
            None
        } else {
            Some(value.trim_ascii())
        }
    }

    /// The elements of a list header, over all its lines (RFC 9110 5.6.1).
    fn tokens(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
    }
}

/// The path of a request target, `/path?query` or `http://host/path?query` (RFC 6455 4.1: both are allowed).
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
        {
            rest.find('/')
                .and_then(|slash| rest.get(slash..))
                .unwrap_or("/")
        }
        _ => target,
    };
    path.split_once('?').map_or(path, |(path, _)| path)
}
