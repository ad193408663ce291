//! One message, encoded once for each layout (version, QoS, retain) and shared by its receivers.
//!
//! Owned by the shard, lent to the message that is being passed on. A receiver's copy differs by its
//! packet id and DUP flag alone, which are patched into the copy. Receivers with identifiers or
//! aliases of their own are encoded for themselves.

use mqtt_codec::{EncodeError, Outgoing, QoS, Version};

/// One layout in `Layouts::bytes`.
#[derive(Clone, Copy)]
struct Form {
    /// Whether it is in MQTT 5 form, its QoS, whether it has the retain flag.
    layout: (bool, QoS, bool),
    start: usize,
    end: usize,
    packet_id_at: Option<usize>,
}

#[derive(Default)]
pub(crate) struct Layouts {
    bytes: Vec<u8>,
    /// Twelve at most, nearly always one: looked through in their order.
    forms: Vec<Form>,
}

/// Appends `copy` of an encoded packet to `out`, with this packet id and DUP flag.
fn paste(out: &mut Vec<u8>, packet: &[u8], packet_id_at: Option<usize>, packet_id: u16, dup: bool) {
    let start = out.len();
    out.extend_from_slice(packet);
    if let Some(at) = packet_id_at {
        out[start + at..start + at + 2].copy_from_slice(&packet_id.to_be_bytes());
        out[start] |= u8::from(dup) << 3;
    }
}

impl Layouts {
    /// Forgets the message, keeps the buffer.
    pub(crate) fn reset(&mut self) {
        self.bytes.clear();
        self.forms.clear();
    }

    /// Appends the packet to `out`; refuses where it is larger than `max_packet`.
    pub(crate) fn write(
        &mut self,
        out: &mut Vec<u8>,
        version: Version,
        packet: &Outgoing<'_>,
        max_packet: u32,
    ) -> Result<(), EncodeError> {
        let own = packet.alias.is_some() || !packet.subscription_ids.is_empty();
        if own {
            mqtt_codec::encode_publish(out, version, packet, max_packet)?;
            return Ok(());
        }
        let layout = (version == Version::V5, packet.qos, packet.retain);
        let form = match self.forms.iter().find(|form| form.layout == layout) {
            Some(form) => *form,
            None => {
                let start = self.bytes.len();
                let plain = Outgoing {
                    dup: false,
                    packet_id: 1,
                    ..*packet
                };
                let id_at = mqtt_codec::encode_publish(&mut self.bytes, version, &plain, u32::MAX)?;
                let form = Form {
                    layout,
                    start,
                    end: self.bytes.len(),
                    packet_id_at: id_at,
                };
                self.forms.push(form);
                form
            }
        };
        let size = form.end - form.start;
        if size > max_packet as usize {
            return Err(EncodeError::TooLarge {
                size,
                max: max_packet,
            });
        }
        paste(
            out,
            &self.bytes[form.start..form.end],
            form.packet_id_at,
            packet.packet_id,
            packet.dup,
        );
        Ok(())
    }
}
