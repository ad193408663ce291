//! What can go wrong: one variant per offence, and the one place where an offence becomes its reply code. Never
//! carries bytes of the peer, so that an error can be logged as it is.

use super::ReplyCode;

/// Why bytes are not a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    #[error("frame type {0} does not exist")]
    UnknownType(u8),
    #[error("a frame of {size} bytes is larger than the {max} allowed")]
    TooLarge { size: u64, max: u32 },
    #[error("a frame ends with {0:#04x} instead of 0xce")]
    BadEnd(u8),
    #[error("a heartbeat comes on channel {0}")]
    HeartbeatOnChannel(u16),
    #[error("a heartbeat has a payload")]
    HeartbeatPayload,
    #[error("content comes on channel 0")]
    ContentOnChannelZero,
}

impl FrameError {
    /// What `connection.close` says about it.
    pub const fn reply_code(&self) -> ReplyCode {
        match self {
            Self::UnknownType(_)
            | Self::TooLarge { .. }
            | Self::BadEnd(_)
            | Self::HeartbeatOnChannel(_)
            | Self::HeartbeatPayload => ReplyCode::FrameError,
            Self::ContentOnChannelZero => ReplyCode::ChannelError,
        }
    }
}

/// Why a frame's payload is not what the frame says it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("the payload ends before its fields do")]
    ShortPayload,
    #[error("a length runs past the end of what holds it")]
    Truncated,
    #[error("bytes are left behind the last field")]
    TrailingBytes,
    #[error("a short string is not UTF-8")]
    InvalidUtf8,
    #[error("field type {0:#04x} does not exist")]
    UnknownFieldType(u8),
    #[error(
        "tables and arrays are nested more than {} deep",
        super::MAX_TABLE_DEPTH
    )]
    TableTooDeep,
    #[error("class {0} does not exist")]
    UnknownClass(u16),
    #[error("class {class} has no method {method}")]
    UnknownMethod { class: u16, method: u16 },
    #[error("{method} is not for the {sender} to send")]
    WrongSender {
        method: &'static str,
        sender: &'static str,
    },
    #[error("{method} comes on channel {channel}, it belongs on channel 0")]
    ConnectionMethodOnChannel { method: &'static str, channel: u16 },
    #[error("{method} comes on channel 0")]
    MethodOnChannelZero { method: &'static str },
    #[error("class {0} has no content")]
    ContentClass(u16),
    #[error("the weight of a content header is {0} instead of 0")]
    ContentWeight(u16),
    #[error("property flags {0:#06x} stand for no property")]
    UnknownPropertyFlags(u16),
}

impl DecodeError {
    /// What `connection.close` says about it.
    pub const fn reply_code(&self) -> ReplyCode {
        match self {
            Self::ShortPayload
            | Self::Truncated
            | Self::TrailingBytes
            | Self::InvalidUtf8
            | Self::UnknownFieldType(_)
            | Self::TableTooDeep
            | Self::UnknownPropertyFlags(_) => ReplyCode::SyntaxError,
            Self::ContentClass(_) | Self::ContentWeight(_) => ReplyCode::FrameError,
            Self::WrongSender { .. } | Self::ConnectionMethodOnChannel { .. } => {
                ReplyCode::CommandInvalid
            }
            Self::MethodOnChannelZero { .. } => ReplyCode::ChannelError,
            Self::UnknownClass(_) | Self::UnknownMethod { .. } => ReplyCode::NotImplemented,
        }
    }
}

/// Why something cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a short string of {len} bytes does not fit its one-byte length")]
    ShortStringTooLong { len: usize },
    #[error("{len} bytes do not fit a four-byte length")]
    TooLong { len: usize },
    #[error(
        "tables and arrays would be nested more than {} deep",
        super::MAX_TABLE_DEPTH
    )]
    TableTooDeep,
    #[error("a frame of {size} bytes is larger than the {max} allowed")]
    FrameTooLarge { size: usize, max: u32 },
}
