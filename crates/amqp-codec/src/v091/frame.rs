//! Framing: where the first frame of a buffer ends. Never looks past that frame, and refuses what is too large or no
//! frame before any of its payload has to be buffered.

use super::FrameError;

/// Bytes of a frame that are not its payload: type, channel, size and the end octet.
pub const FRAME_OVERHEAD: u32 = 8;

/// What every peer must take: the smallest `frame-max` that may be agreed on.
pub const FRAME_MIN_SIZE: u32 = 4096;

/// A whole heartbeat frame.
pub const HEARTBEAT: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, FRAME_END];

pub(super) const FRAME_END: u8 = 0xce;

/// Type, channel and size.
const HEADER_LEN: usize = 7;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameType {
    Method,
    Header,
    Body,
    Heartbeat,
}

impl FrameType {
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Method => 1,
            Self::Header => 2,
            Self::Body => 3,
            Self::Heartbeat => 8,
        }
    }

    const fn from_u8(byte: u8) -> Result<Self, FrameError> {
        match byte {
            1 => Ok(Self::Method),
            2 => Ok(Self::Header),
            3 => Ok(Self::Body),
            8 => Ok(Self::Heartbeat),
            other => Err(FrameError::UnknownType(other)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    pub frame_type: FrameType,
    pub channel: u16,
    pub payload: &'a [u8],
}

/// Finds the first frame in `bytes` and how many bytes it takes, None while it has not come as a whole.
///
/// `frame_max` bounds the whole frame as it was agreed on, so it is never 0 here.
#[inline]
pub fn frame(bytes: &[u8], frame_max: u32) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some((&[first, c0, c1, s0, s1, s2, s3], rest)) = bytes.split_first_chunk::<HEADER_LEN>()
    else {
        return short_header(bytes);
    };
    let frame_type = FrameType::from_u8(first)?;
    let channel = u16::from_be_bytes([c0, c1]);
    check_channel(frame_type, channel)?;
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if size > frame_max.saturating_sub(FRAME_OVERHEAD) {
        return Err(FrameError::TooLarge {
            size: u64::from(size).saturating_add(u64::from(FRAME_OVERHEAD)),
            max: frame_max,
        });
    }
    if frame_type == FrameType::Heartbeat && size != 0 {
        return Err(FrameError::HeartbeatPayload);
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let Some((payload, [end, ..])) = rest.split_at_checked(size) else {
        return Ok(None);
    };
    if *end != FRAME_END {
        return Err(FrameError::BadEnd(*end));
    }
    let frame = Frame {
        frame_type,
        channel,
        payload,
    };
    Ok(Some((frame, size.saturating_add(HEADER_LEN + 1))))
}

/// What can be said of less than a header.
#[cold]
fn short_header(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    if let Some(&first) = bytes.first() {
        let frame_type = FrameType::from_u8(first)?;
        if let [_, c0, c1, ..] = *bytes {
            check_channel(frame_type, u16::from_be_bytes([c0, c1]))?;
        }
    }
    Ok(None)
}

fn check_channel(frame_type: FrameType, channel: u16) -> Result<(), FrameError> {
    match frame_type {
        FrameType::Heartbeat if channel != 0 => Err(FrameError::HeartbeatOnChannel(channel)),
        FrameType::Header | FrameType::Body if channel == 0 => {
            Err(FrameError::ContentOnChannelZero)
        }
        _ => Ok(()),
    }
}

/// The size of the first frame once its header is there, before that the size of a header: how much must be buffered
/// until [`frame`] can tell more. To be asked only where it gave None, so that the size has been checked.
pub fn frame_len(bytes: &[u8]) -> usize {
    match bytes.split_first_chunk::<HEADER_LEN>() {
        Some((&[_, _, _, s0, s1, s2, s3], _)) => {
            let size = u32::from_be_bytes([s0, s1, s2, s3]);
            usize::try_from(size)
                .unwrap_or(usize::MAX)
                .saturating_add(HEADER_LEN + 1)
        }
        None => HEADER_LEN,
    }
}
