//! What can be wrong with an upgrade request, and the HTTP status that says so.
//!
//! Plain values; the text is the first line of a refusal's body and fit for a log.

/// Why a handshake was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("this is not an HTTP request")]
    NotHttp,
    #[error("request line and headers are larger than the limit")]
    HeadTooLarge,
    #[error("more header lines than the limit")]
    TooManyHeaders,
    #[error("the request must be HTTP/1.1")]
    HttpVersion,
    #[error("the method must be GET")]
    Method,
    #[error("nothing is served at this path")]
    Path,
    #[error("the request needs exactly one valid Host header")]
    Host,
    #[error("this is a WebSocket endpoint, and the request has no `Upgrade: websocket`")]
    NoUpgrade,
    #[error("the Connection header must contain `Upgrade`")]
    NoConnectionUpgrade,
    #[error("the only WebSocket version is 13")]
    Version,
    #[error("Sec-WebSocket-Key must be there once and be the base64 of 16 bytes")]
    Key,
    #[error("no subprotocol in common")]
    Subprotocol,
    #[error("this origin is not allowed")]
    Origin,
}

impl HandshakeError {
    /// The status code of the response.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NotHttp
            | Self::Host
            | Self::NoConnectionUpgrade
            | Self::Key
            | Self::Subprotocol => 400,
            Self::Origin => 403, // RFC 6455 4.2.2
            Self::Path => 404,
            Self::Method => 405,
            Self::NoUpgrade | Self::Version => 426, // RFC 6455 4.4
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::HttpVersion => 505,
        }
    }
}
