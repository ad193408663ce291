//! Framing: where the first packet of a buffer ends. Never looks past that packet, and refuses a packet that is too
//! large or no packet before any of its body has to be buffered.

use crate::varint::{self, Parsed};
use crate::{DecodeError, PacketType, Version};

/// The largest packet MQTT can express, header included.
pub const MAX_PACKET_SIZE: u32 = varint::MAX.saturating_add(5);

/// What a buffer starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framed<'a> {
    /// Not yet a whole packet.
    Incomplete {
        /// The size of the whole packet once its header is there, before that at least one byte more than there is.
        need: usize,
    },
    Packet {
        first: u8,
        body: &'a [u8],
        /// Of the whole packet, header included: what the caller consumes.
        len: usize,
    },
}

/// Finds the first packet in `buf`. `max_packet` bounds its whole size, header included.
///
/// A remaining length in more bytes than it needs is accepted: MQTT 3.1.1 does not forbid it and small clients
/// reserve four bytes for it.
pub fn frame(buf: &[u8], max_packet: u32) -> Result<Framed<'_>, DecodeError> {
    let Some((&first, rest)) = buf.split_first() else {
        return Ok(Framed::Incomplete { need: 2 });
    };
    check_first_byte(first)?;
    let (remaining, len_bytes) = match varint::parse(rest) {
        Parsed::Value { value, len } => (value, len),
        Parsed::TooLong => return Err(DecodeError::MalformedRemainingLength),
        Parsed::Incomplete => {
            return Ok(Framed::Incomplete {
                need: buf.len().saturating_add(1),
            });
        }
    };
    let header = len_bytes.saturating_add(1);
    let body_len = usize::try_from(remaining).unwrap_or(usize::MAX);
    let len = header.saturating_add(body_len);
    if len > usize::try_from(max_packet).unwrap_or(usize::MAX) {
        return Err(DecodeError::PacketTooLarge {
            size: u32::try_from(len).unwrap_or(u32::MAX),
            max: max_packet,
        });
    }
    match buf.get(header..len) {
        Some(body) => Ok(Framed::Packet { first, body, len }),
        None => Ok(Framed::Incomplete { need: len }),
    }
}

/// Refuses what no version allows: the version is not known here. [`crate::decode`] looks again, knowing it.
fn check_first_byte(first: u8) -> Result<(), DecodeError> {
    let packet = PacketType::from_first_byte(first)?;
    if packet.allows_flags(Version::V31, first) || packet.allows_flags(Version::V5, first) {
        Ok(())
    } else {
        Err(DecodeError::BadFlags {
            packet,
            flags: first & 0x0f,
        })
    }
}
