//! What a client can do wrong with frames, and the close code that tells it so.
//!
//! A plain value: whoever gets one sends `close_frame(Some(e.close_code()), &e.to_string())` and gives the
//! connection up (RFC 6455 7.1.7).

use super::close;

/// An offence of the client. The text is short enough for a close frame's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a client's frames must be masked")]
    Unmasked,
    #[error("reserved bits set, but no extension was agreed on")]
    ReservedBits,
    #[error("unknown opcode")]
    UnknownOpcode,
    #[error("a control frame must not be fragmented")]
    FragmentedControl,
    #[error("a control frame holds at most 125 bytes")]
    ControlTooLong,
    #[error("frame length not in its shortest form")]
    LengthNotMinimal,
    #[error("frame length with its top bit set")]
    LengthTopBit,
    #[error("continuation frame without a message to continue")]
    ContinuationWithoutStart,
    #[error("new message inside a fragmented one")]
    MessageInsideMessage,
    #[error("a close frame holds nothing, or a code of two bytes and a reason")]
    ClosePayload,
    #[error("close code that must not be sent")]
    CloseCode,
    #[error("close reason is not UTF-8")]
    CloseReasonNotUtf8,
    #[error("text message is not UTF-8")]
    TextNotUtf8,
    #[error("text messages are not taken here: send binary ones")]
    TextRefused,
    #[error("frame larger than the limit")]
    FrameTooBig,
    #[error("message larger than the limit")]
    MessageTooBig,
    #[error("message in more fragments than the limit")]
    TooManyFragments,
}

impl FrameError {
    /// The status code for the close frame (RFC 6455 7.4.1).
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Unmasked
            | Self::ReservedBits
            | Self::UnknownOpcode
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::LengthTopBit
            | Self::ContinuationWithoutStart
            | Self::MessageInsideMessage
            | Self::ClosePayload
            | Self::CloseCode => close::PROTOCOL_ERROR,
            Self::CloseReasonNotUtf8 | Self::TextNotUtf8 => close::NOT_UTF8,
            Self::TextRefused => close::UNSUPPORTED,
            Self::TooManyFragments => close::POLICY,
            Self::FrameTooBig | Self::MessageTooBig => close::TOO_BIG,
        }
    }
}
