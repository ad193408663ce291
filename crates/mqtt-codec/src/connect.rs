//! CONNECT (section 3.1) of all three versions. Never judges a client identifier, user name or will topic.

use crate::reader::Reader;
use crate::{DecodeError, Properties, PropertyPlace, QoS, Version};

/// Set on the protocol level by a bridge that speaks mosquitto's dialect of MQTT 3.1 and 3.1.1.
const BRIDGE: u8 = 0x80;

const USER: u8 = 0x80;
const PASSWORD: u8 = 0x40;
const WILL_RETAIN: u8 = 0x20;
const WILL_QOS: u8 = 0x18;
const WILL: u8 = 0x04;
const CLEAN: u8 = 0x02;
const RESERVED: u8 = 0x01;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connect<'a> {
    pub version: Version,
    /// A bridge announces itself, so that it need not be sent what it has sent.
    pub bridge: bool,
    /// Clean Start in MQTT 5, clean session before it.
    pub clean: bool,
    /// In seconds, 0 for none.
    pub keep_alive: u16,
    pub props: Properties<'a>,
    pub client_id: &'a str,
    pub will: Option<Will<'a>>,
    pub user: Option<&'a str>,
    pub password: Option<&'a [u8]>,
}

/// What is published for a client that goes without saying goodbye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Will<'a> {
    pub qos: QoS,
    pub retain: bool,
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub props: Properties<'a>,
}

impl<'a> Connect<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let (version, bridge) = protocol(&mut reader)?;
        let flags = reader.u8()?;
        check_flags(version, flags)?;
        let keep_alive = reader.u16()?;
        let props = reader.properties(version, PropertyPlace::Connect)?;
        // The payload's fields in this order. [MQTT-3.1.3-1]
        let client_id = reader.string()?; // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
        let will = match flags & WILL {
            0 => None,
            _ => Some(Will::decode(&mut reader, version, flags)?),
        };
        // MQTT 3.1 lets the remaining length take precedence over these two flags.
        let absent = |reader: &Reader<'_>| version == Version::V31 && reader.is_empty();
        let user = match flags & USER {
            0 => None,
            _ if absent(&reader) => None,
            _ => Some(reader.string()?), // [MQTT-3.1.3-12]
        };
        let password = match flags & PASSWORD {
            0 => None,
            _ if absent(&reader) => None,
            _ => Some(reader.binary()?),
        };
        reader.finish()?; // [MQTT-3.1.2-16] [MQTT-3.1.2-18]
        Ok(Self {
            version,
            bridge,
            clean: flags & CLEAN != 0,
            keep_alive,
            props,
            client_id,
            will,
            user,
            password,
        })
    }

    /// The connect flags that say what the packet holds.
    pub(crate) fn flags(&self) -> u8 {
        let when = |set: bool, flag: u8| if set { flag } else { 0 };
        let will = self.will.map_or(0, |will| {
            WILL | (will.qos.bits() << 3) | when(will.retain, WILL_RETAIN)
        });
        when(self.user.is_some(), USER)
            | when(self.password.is_some(), PASSWORD)
            | will
            | when(self.clean, CLEAN)
    }

    /// The protocol level byte.
    pub(crate) fn level_byte(&self) -> u8 {
        match self.bridge && !self.version.is_v5() {
            true => self.version.level() | BRIDGE,
            false => self.version.level(),
        }
    }
}

impl<'a> Will<'a> {
    fn decode(reader: &mut Reader<'a>, version: Version, flags: u8) -> Result<Self, DecodeError> {
        let qos = QoS::from_bits((flags & WILL_QOS) >> 3).ok_or(DecodeError::InvalidQos)?; // [MQTT-3.1.2-12]
        Ok(Self {
            props: reader.properties(version, PropertyPlace::Will)?,
            topic: reader.string()?, // [MQTT-3.1.3-11]
            payload: reader.binary()?,
            qos,
            retain: flags & WILL_RETAIN != 0,
        })
    }
}

/// The protocol's name and level, and whether a bridge speaks.
fn protocol(reader: &mut Reader<'_>) -> Result<(Version, bool), DecodeError> {
    let name = reader.binary()?;
    if name != b"MQTT" && name != b"MQIsdp" {
        return Err(DecodeError::BadProtocolName); // [MQTT-3.1.2-1]
    }
    let level = reader.u8()?;
    let bridge = level & BRIDGE != 0;
    match (name, level & !BRIDGE) {
        (b"MQIsdp", 3) => Ok((Version::V31, bridge)),
        (b"MQTT", 4) => Ok((Version::V311, bridge)),
        (b"MQTT", 5) if !bridge => Ok((Version::V5, false)),
        _ => Err(DecodeError::UnsupportedVersion(level)), // [MQTT-3.1.2-2]
    }
}

fn check_flags(version: Version, flags: u8) -> Result<(), DecodeError> {
    let lenient = version == Version::V31; // It ignores what it does not use.
    if flags & RESERVED != 0 && !lenient {
        return Err(DecodeError::ReservedConnectFlag); // [MQTT-3.1.2-3]
    }
    if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 && !lenient {
        return Err(DecodeError::WillFlags); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    }
    if flags & USER == 0 && flags & PASSWORD != 0 && !version.is_v5() {
        return Err(DecodeError::PasswordWithoutUser); // [3.1.1: MQTT-3.1.2-22]
    }
    Ok(())
}
