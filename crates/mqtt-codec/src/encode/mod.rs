//! Packets to bytes. Whatever fails leaves the output as it was. Never checks what only a receiver can object to: an
//! encoded packet is well formed if its fields are (no U+0000 in strings, packet identifiers above 0).

mod ack;
mod any;
mod publish;

pub use ack::encode_ack;
pub use any::encode;
pub use publish::{Outgoing, encode_publish, outgoing_len};

use crate::frame::MAX_PACKET_SIZE;
use crate::{EncodeError, Properties, varint};

/// Binary data: two bytes of length, then as many bytes.
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    let len =
        u16::try_from(bytes.len()).map_err(|_| EncodeError::FieldTooLong { len: bytes.len() })?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    put_binary(out, text.as_bytes())
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A property section with its length. [MQTT-2.2.2-1]
fn put_properties(out: &mut Vec<u8>, props: Properties<'_>) -> Result<(), EncodeError> {
    put_varint(out, props.raw().len())?;
    out.extend_from_slice(props.raw());
    Ok(())
}

fn put_varint(out: &mut Vec<u8>, value: usize) -> Result<(), EncodeError> {
    varint::put(out, to_varint(value)?);
    Ok(())
}

fn to_varint(value: usize) -> Result<u32, EncodeError> {
    match u32::try_from(value) {
        Ok(small) if small <= varint::MAX => Ok(small),
        _ => Err(EncodeError::VarintTooLarge { value }),
    }
}

/// How many bytes the length of something takes; what does not fit fails when it is written.
fn varint_len(value: usize) -> usize {
    varint::len(u32::try_from(value).unwrap_or(u32::MAX))
}

/// The size of a packet whose body has `body` bytes.
fn packet_len(body: usize) -> usize {
    body.saturating_add(varint_len(body)).saturating_add(1)
}

/// The remaining length of a packet, or that it is too large for MQTT.
fn remaining_length(body: usize) -> Result<u32, EncodeError> {
    to_varint(body).map_err(|_| EncodeError::TooLarge {
        size: packet_len(body),
        max: MAX_PACKET_SIZE,
    })
}
