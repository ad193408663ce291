//! CONNACK (section 3.2). Never says what a code means for the connection.

use crate::reader::Reader;
use crate::{DecodeError, PacketType, Properties, PropertyPlace, ReasonCode, Version};

/// The highest return code before MQTT 5: not authorised.
const LAST_RETURN_CODE: u8 = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connack<'a> {
    /// Always false in MQTT 3.1, which does not have it.
    pub session_present: bool,
    /// A reason code in MQTT 5, a return code before it.
    pub code: u8,
    pub props: Properties<'a>,
}

impl<'a> Connack<'a> {
    pub(crate) fn decode(version: Version, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let session_present = match (reader.u8()?, version) {
            (_, Version::V31) => false,
            (0, _) => false,
            (1, _) => true,
            _ => return Err(DecodeError::ReservedConnackFlags), // [MQTT-3.2.2-1]
        };
        let code = reader.u8()?;
        check_code(version, code)?;
        if session_present && code != 0 {
            return Err(DecodeError::SessionPresentOnRefusal); // [MQTT-3.2.2-6]
        }
        let props = reader.properties(version, PropertyPlace::Connack)?;
        reader.finish()?;
        Ok(Self {
            session_present,
            code,
            props,
        })
    }
}

fn check_code(version: Version, code: u8) -> Result<(), DecodeError> {
    let packet = PacketType::Connack;
    if version.is_v5() {
        ReasonCode::decode(code, packet).map(|_| ()) // [MQTT-3.2.2-8]
    } else if code <= LAST_RETURN_CODE {
        Ok(())
    } else {
        Err(DecodeError::InvalidReasonCode { packet, code })
    }
}
