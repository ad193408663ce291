//! The header of a client's frame (RFC 6455 5.2): what it says, and what it may not say.
//!
//! Pure; what depends on earlier frames is the decoder's.

use super::error::FrameError;

/// The longest header: two bytes, eight of length, four of mask.
pub(super) const MAX_HEADER: usize = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        match bits {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            _ => Err(FrameError::UnknownOpcode), // RFC 6455 5.2: fail the connection
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) len: u64,
    pub(super) mask: [u8; 4],
}

impl Header {
    /// The header at the start of `bytes` and its size; `None` when more bytes are needed. An offence is
    /// reported with the byte that commits it.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let [b0, b1, rest @ ..] = bytes else {
            return Ok(None);
        };
        if b0 & 0x70 != 0 {
            return Err(FrameError::ReservedBits); // RFC 6455 5.2: zero unless an extension defines them
        }
        let fin = b0 & 0x80 != 0;
        let opcode = Opcode::from_bits(b0 & 0x0f)?;
        if b1 & 0x80 == 0 {
            return Err(FrameError::Unmasked); // RFC 6455 5.1
        }
        let short = b1 & 0x7f;
        if opcode.is_control() {
            if !fin {
                return Err(FrameError::FragmentedControl); // RFC 6455 5.5
            }
            if short > 125 {
                return Err(FrameError::ControlTooLong); // RFC 6455 5.5
            }
        }
        let (len, rest, before_mask) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk::<2>() else {
                    return Ok(None);
                };
                (minimal(u64::from(u16::from_be_bytes(*len)), 126)?, rest, 4)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk::<8>() else {
                    return Ok(None);
                };
                (minimal(u64::from_be_bytes(*len), 1 << 16)?, rest, 10)
            }
            len => (u64::from(len), rest, 2_usize),
        };
        if len >> 63 != 0 {
            return Err(FrameError::LengthTopBit); // RFC 6455 5.2
        }
        let Some(mask) = rest.first_chunk::<4>() else {
            return Ok(None);
        };
        Ok(Some((
            Self {
                fin,
                opcode,
                len,
                mask: *mask,
            },
            before_mask.saturating_add(4),
        )))
    }
}

/// RFC 6455 5.2: the minimal number of bytes must be used to encode the length.
fn minimal(len: u64, least: u64) -> Result<u64, FrameError> {
    if len < least {
        Err(FrameError::LengthNotMinimal)
    } else {
        Ok(len)
    }
}
