//! DISCONNECT (section 3.14). Never says what it does to a will or a session.

use crate::reader::Reader;
use crate::{DecodeError, PacketType, Properties, PropertyPlace, ReasonCode, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disconnect<'a> {
    /// Success, here called normal disconnection, before MQTT 5.
    pub reason: ReasonCode,
    pub props: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(crate) fn decode(version: Version, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut disconnect = Self {
            reason: ReasonCode::Success,
            props: Properties::EMPTY,
        };
        if version.is_v5() && !reader.is_empty() {
            disconnect.reason = ReasonCode::decode(reader.u8()?, PacketType::Disconnect)?;
            // Without a property length there are no properties.
            if !reader.is_empty() {
                disconnect.props = reader.properties(version, PropertyPlace::Disconnect)?;
            }
        }
        reader.finish()?;
        Ok(disconnect)
    }
}
