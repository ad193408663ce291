//! SUBACK and UNSUBACK (sections 3.9 and 3.11), which share one form. Never matches codes with filters.

use crate::reader::Reader;
use crate::{DecodeError, PacketType, Properties, PropertyPlace, ReasonCode, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suback<'a> {
    pub packet_id: u16,
    pub props: Properties<'a>,
    /// One per filter, in the filters' order; none in an UNSUBACK before MQTT 5.
    pub codes: &'a [u8],
}

impl<'a> Suback<'a> {
    /// `packet` is SUBACK or UNSUBACK.
    pub(crate) fn decode(
        version: Version,
        packet: PacketType,
        body: &'a [u8],
    ) -> Result<Self, DecodeError> {
        let place = match packet {
            PacketType::Unsuback => PropertyPlace::Unsuback,
            _ => PropertyPlace::Suback,
        };
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let props = reader.properties(version, place)?;
        if packet == PacketType::Unsuback && !version.is_v5() {
            reader.finish()?;
        } else if reader.is_empty() {
            return Err(DecodeError::EmptySuback(packet));
        }
        let codes = reader.rest();
        for &code in codes {
            check_code(version, packet, code)?;
        }
        Ok(Self {
            packet_id,
            props,
            codes,
        })
    }
}

fn check_code(version: Version, packet: PacketType, code: u8) -> Result<(), DecodeError> {
    if version.is_v5() {
        ReasonCode::decode(code, packet).map(|_| ()) // [MQTT-3.9.3-2] [MQTT-3.11.3-2]
    } else if matches!(code, 0..=2 | 0x80) {
        Ok(())
    } else {
        Err(DecodeError::InvalidReasonCode { packet, code })
    }
}
