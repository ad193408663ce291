//! AUTH (section 3.15), MQTT 5 only. Knows no authentication method.

use crate::reader::Reader;
use crate::{DecodeError, PacketType, Properties, PropertyId, PropertyPlace, ReasonCode, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Auth<'a> {
    pub reason: ReasonCode,
    pub props: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        if reader.is_empty() {
            return Ok(Self {
                reason: ReasonCode::Success,
                props: Properties::EMPTY,
            });
        }
        let reason = ReasonCode::decode(reader.u8()?, PacketType::Auth)?; // [MQTT-3.15.2-1]
        let props = reader.properties(Version::V5, PropertyPlace::Auth)?;
        reader.finish()?;
        if !props.has(PropertyId::AuthenticationMethod) {
            return Err(DecodeError::MissingAuthenticationMethod);
        }
        Ok(Self { reason, props })
    }
}
