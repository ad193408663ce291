//! PUBLISH to bytes, as a broker forwards it: sized first, then written in one go. Never allocates beyond the output,
//! never parses the properties it forwards.

use super::{packet_len, put_string, put_u16, remaining_length, varint_len};
use crate::{EncodeError, PropertyId, QoS, Version, varint};

/// What a broker forwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing<'a> {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// Empty where the receiver knows the alias already.
    pub topic: &'a str,
    /// Not written at QoS 0.
    pub packet_id: u16,
    pub payload: &'a [u8],
    /// Raw property bytes that are written as they are, MQTT 5 only: see [`crate::forwardable`].
    pub forward: &'a [u8],
    /// What is left of the message expiry interval, MQTT 5 only.
    pub expiry: Option<u32>,
    /// MQTT 5 only.
    pub alias: Option<u16>,
    /// MQTT 5 only.
    pub subscription_ids: &'a [u32],
}

impl Outgoing<'_> {
    /// The property section without its length.
    fn props_len(&self) -> usize {
        let ids = self.subscription_ids.iter().fold(0usize, |sum, &id| {
            sum.saturating_add(varint::len(id)).saturating_add(1)
        });
        self.forward
            .len()
            .saturating_add(if self.expiry.is_some() { 5 } else { 0 })
            .saturating_add(if self.alias.is_some() { 3 } else { 0 })
            .saturating_add(ids)
    }

    fn body_len(&self, version: Version) -> usize {
        let packet_id = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        let props = if version.is_v5() {
            let len = self.props_len();
            len.saturating_add(varint_len(len))
        } else {
            0
        };
        self.topic
            .len()
            .saturating_add(2)
            .saturating_add(packet_id)
            .saturating_add(props)
            .saturating_add(self.payload.len())
    }

    fn first_byte(&self) -> u8 {
        let dup = self.dup && self.qos != QoS::AtMostOnce; // [MQTT-3.3.1-2]
        0x30 | (u8::from(dup) << 3) | (self.qos.bits() << 1) | u8::from(self.retain)
    }
}

/// The size of the whole packet.
pub fn outgoing_len(version: Version, publish: &Outgoing<'_>) -> usize {
    packet_len(publish.body_len(version))
}

/// Appends a PUBLISH of at most `max_packet` bytes and returns where its packet identifier lies, counted from the
/// start of the packet (None at QoS 0): a layout encoded once can be copied and patched for each receiver.
///
/// On an error `out` is as it was.
pub fn encode_publish(
    out: &mut Vec<u8>,
    version: Version,
    publish: &Outgoing<'_>,
    max_packet: u32,
) -> Result<Option<usize>, EncodeError> {
    let body = publish.body_len(version);
    let size = packet_len(body);
    if size > usize::try_from(max_packet).unwrap_or(usize::MAX) {
        return Err(EncodeError::TooLarge {
            size,
            max: max_packet,
        });
    }
    let remaining = remaining_length(body)?;
    check_fields(version, publish)?;
    out.reserve(size);
    let start = out.len();
    out.push(publish.first_byte());
    varint::put(out, remaining);
    put_string(out, publish.topic)?;
    let packet_id_at = match publish.qos {
        QoS::AtMostOnce => None, // [MQTT-2.2.1-2]
        QoS::AtLeastOnce | QoS::ExactlyOnce => {
            let at = out.len().saturating_sub(start);
            put_u16(out, publish.packet_id);
            Some(at)
        }
    };
    if version.is_v5() {
        put_outgoing_properties(out, publish);
    }
    out.extend_from_slice(publish.payload);
    Ok(packet_id_at)
}

/// Whatever could fail while writing, so that nothing has been written then.
fn check_fields(version: Version, publish: &Outgoing<'_>) -> Result<(), EncodeError> {
    let len = publish.topic.len();
    if len > usize::from(u16::MAX) {
        return Err(EncodeError::FieldTooLong { len });
    }
    if version.is_v5() {
        for &id in publish.subscription_ids {
            super::to_varint(usize::try_from(id).unwrap_or(usize::MAX))?;
        }
    }
    Ok(())
}

/// The section's length fits: the whole packet, which is longer, has been checked.
fn put_outgoing_properties(out: &mut Vec<u8>, publish: &Outgoing<'_>) {
    varint::put(out, u32::try_from(publish.props_len()).unwrap_or(u32::MAX));
    out.extend_from_slice(publish.forward);
    if let Some(expiry) = publish.expiry {
        out.push(PropertyId::MessageExpiryInterval.as_u8());
        out.extend_from_slice(&expiry.to_be_bytes());
    }
    if let Some(alias) = publish.alias {
        out.push(PropertyId::TopicAlias.as_u8());
        put_u16(out, alias);
    }
    for &id in publish.subscription_ids {
        out.push(PropertyId::SubscriptionIdentifier.as_u8());
        varint::put(out, id);
    }
}
