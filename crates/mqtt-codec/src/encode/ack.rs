//! PUBACK, PUBREC, PUBREL and PUBCOMP to bytes, in the shortest form that says it. Never allocates on its own.

use super::{packet_len, put_properties, put_u16, remaining_length, varint_len};
use crate::{AckKind, EncodeError, Properties, ReasonCode, Version, varint};

/// Appends an acknowledgement. Before MQTT 5 `reason` and `props` are left out.
pub fn encode_ack(
    out: &mut Vec<u8>,
    version: Version,
    kind: AckKind,
    packet_id: u16,
    reason: ReasonCode,
    props: Properties<'_>,
) -> Result<(), EncodeError> {
    let first = kind.packet_type().first_byte();
    let [high, low] = packet_id.to_be_bytes();
    if !version.is_v5() || (reason == ReasonCode::Success && props.is_empty()) {
        out.extend_from_slice(&[first, 2, high, low]);
        return Ok(());
    }
    if props.is_empty() {
        out.extend_from_slice(&[first, 3, high, low, reason.as_u8()]);
        return Ok(());
    }
    let props_len = props.raw().len();
    let body = varint_len(props_len)
        .saturating_add(props_len)
        .saturating_add(3);
    let remaining = remaining_length(body)?;
    out.reserve(packet_len(body));
    out.push(first);
    varint::put(out, remaining);
    put_u16(out, packet_id);
    out.push(reason.as_u8());
    put_properties(out, props)
}
