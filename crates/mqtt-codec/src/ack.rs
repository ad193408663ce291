//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7), which share one form. Knows no exchange they belong to.

use crate::reader::Reader;
use crate::{DecodeError, PacketType, Properties, PropertyPlace, ReasonCode, Version};

/// Which of the four.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AckKind {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

impl AckKind {
    pub const fn packet_type(self) -> PacketType {
        match self {
            Self::Puback => PacketType::Puback,
            Self::Pubrec => PacketType::Pubrec,
            Self::Pubrel => PacketType::Pubrel,
            Self::Pubcomp => PacketType::Pubcomp,
        }
    }

    const fn place(self) -> PropertyPlace {
        match self {
            Self::Puback => PropertyPlace::Puback,
            Self::Pubrec => PropertyPlace::Pubrec,
            Self::Pubrel => PropertyPlace::Pubrel,
            Self::Pubcomp => PropertyPlace::Pubcomp,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack<'a> {
    pub packet_id: u16,
    /// Success before MQTT 5.
    pub reason: ReasonCode,
    pub props: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// Success without properties.
    pub const fn success(packet_id: u16) -> Self {
        Self {
            packet_id,
            reason: ReasonCode::Success,
            props: Properties::EMPTY,
        }
    }

    pub(crate) fn decode(
        version: Version,
        kind: AckKind,
        body: &'a [u8],
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut ack = Self::success(reader.packet_id()?);
        if version.is_v5() && !reader.is_empty() {
            // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
            ack.reason = ReasonCode::decode(reader.u8()?, kind.packet_type())?;
            // Without a property length there are no properties.
            if !reader.is_empty() {
                ack.props = reader.properties(version, kind.place())?;
            }
        }
        reader.finish()?;
        Ok(ack)
    }
}
