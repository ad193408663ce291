//! SUBSCRIBE (section 3.8) and its subscription options. Never judges a topic filter.

use crate::encode::put_string;
use crate::reader::Reader;
use crate::{DecodeError, EncodeError, Properties, PropertyPlace, QoS, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribe<'a> {
    pub packet_id: u16,
    pub props: Properties<'a>,
    /// The payload as on the wire: only what has been decoded or built, so it always iterates to its end.
    raw: &'a [u8],
}

impl<'a> Subscribe<'a> {
    /// For a sender: `scratch` is overwritten and keeps the filters.
    pub fn build(
        packet_id: u16,
        props: Properties<'a>,
        filters: &[(&str, SubOptions)],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        scratch.clear();
        for (filter, options) in filters {
            put_string(scratch, filter)?;
            scratch.push(options.to_byte());
        }
        Ok(Self {
            packet_id,
            props,
            raw: scratch,
        })
    }

    pub(crate) fn decode(version: Version, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let props = reader.properties(version, PropertyPlace::Subscribe)?;
        let raw = reader.rest();
        if raw.is_empty() {
            return Err(DecodeError::EmptySubscribe); // [MQTT-3.8.3-2]
        }
        while !reader.is_empty() {
            let (_, options) = entry(&mut reader)?;
            if !version.is_v5() && options.to_byte() != options.qos.bits() {
                return Err(DecodeError::ReservedSubscriptionBits);
            }
        }
        Ok(Self {
            packet_id,
            props,
            raw,
        })
    }

    pub const fn filters(&self) -> SubscribeFilters<'a> {
        SubscribeFilters {
            reader: Reader::new(self.raw),
        }
    }

    /// How many filters there are.
    pub fn len(&self) -> usize {
        self.filters().count()
    }

    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

/// The filters of a SUBSCRIBE, each with its options.
#[derive(Clone)]
pub struct SubscribeFilters<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for SubscribeFilters<'a> {
    type Item = (&'a str, SubOptions);

    fn next(&mut self) -> Option<Self::Item> {
        entry(&mut self.reader).ok()
    }
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, SubOptions), DecodeError> {
    let filter = reader.string()?; // [MQTT-3.8.3-1]
    let options = SubOptions::from_byte(reader.u8()?)?;
    Ok((filter, options))
}

/// The options of one subscription; before MQTT 5 only the QoS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct SubOptions {
    /// The highest QoS the client wants.
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// When a SUBSCRIBE is answered with retained messages.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum RetainHandling {
    #[default]
    Send = 0,
    /// Only if the subscription did not exist.
    SendIfNew = 1,
    DontSend = 2,
}

impl SubOptions {
    const NO_LOCAL: u8 = 0x04;
    const RETAIN_AS_PUBLISHED: u8 = 0x08;
    const RESERVED: u8 = 0xc0;

    /// All that versions before MQTT 5 know.
    pub fn with_qos(qos: QoS) -> Self {
        Self {
            qos,
            ..Self::default()
        }
    }

    pub const fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        if byte & Self::RESERVED != 0 {
            return Err(DecodeError::ReservedSubscriptionBits); // [MQTT-3.8.3-5]
        }
        let Some(qos) = QoS::from_bits(byte & 0b11) else {
            return Err(DecodeError::InvalidSubscriptionQos);
        };
        let retain_handling = match (byte >> 4) & 0b11 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DontSend,
            _ => return Err(DecodeError::InvalidRetainHandling),
        };
        Ok(Self {
            qos,
            no_local: byte & Self::NO_LOCAL != 0,
            retain_as_published: byte & Self::RETAIN_AS_PUBLISHED != 0,
            retain_handling,
        })
    }

    pub const fn to_byte(self) -> u8 {
        let no_local = if self.no_local { Self::NO_LOCAL } else { 0 };
        let as_published = if self.retain_as_published {
            Self::RETAIN_AS_PUBLISHED
        } else {
            0
        };
        self.qos.bits() | no_local | as_published | ((self.retain_handling as u8) << 4)
    }
}
