//! Close codes, and the payload of a close frame (RFC 6455 5.5.1, 7.4).
//!
//! Pure functions and constants; no state.

use super::error::FrameError;

pub const NORMAL: u16 = 1000;
pub const GOING_AWAY: u16 = 1001;
pub const PROTOCOL_ERROR: u16 = 1002;
pub const UNSUPPORTED: u16 = 1003;
pub const NOT_UTF8: u16 = 1007;
pub const POLICY: u16 = 1008;
pub const TOO_BIG: u16 = 1009;
pub const INTERNAL: u16 = 1011;

/// Whether a code may stand in a close frame. RFC 6455 7.4.1 and 7.4.2: 1004, 1005, 1006 and 1015 never do; 1012
/// to 1014 were registered later; 3000 to 4999 belong to libraries and applications.
#[must_use]
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The code and reason of a close frame; an empty payload has neither.
pub(super) fn parse(payload: &[u8]) -> Result<(Option<u16>, &str), FrameError> {
    if payload.is_empty() {
        return Ok((None, ""));
    }
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return Err(FrameError::ClosePayload); // RFC 6455 5.5.1: the body starts with two bytes of code
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(FrameError::CloseCode);
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((Some(code), reason)),
        Err(_) => Err(FrameError::CloseReasonNotUtf8), // RFC 6455 8.1
    }
}
