//! PUBLISH (section 3.3). Never copies the payload, never judges a topic's levels.

use crate::reader::Reader;
use crate::{DecodeError, Properties, PropertyId, PropertyPlace, QoS, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish<'a> {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// Empty only where a topic alias stands for it.
    pub topic: &'a str,
    /// 0 at QoS 0.
    pub packet_id: u16,
    pub props: Properties<'a>,
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    pub(crate) fn decode(version: Version, first: u8, body: &'a [u8]) -> Result<Self, DecodeError> {
        let dup = first & 0b1000 != 0;
        let retain = first & 0b0001 != 0;
        let qos = QoS::from_bits((first >> 1) & 0b11).ok_or(DecodeError::InvalidQos)?; // [MQTT-3.3.1-4]
        if dup && qos == QoS::AtMostOnce && version != Version::V31 {
            return Err(DecodeError::DupWithoutQos); // [MQTT-3.3.1-2]
        }
        let mut reader = Reader::new(body);
        let topic = reader.string()?; // [MQTT-3.3.2-1]
        let packet_id = match qos {
            QoS::AtMostOnce => 0, // [MQTT-2.2.1-2]
            QoS::AtLeastOnce | QoS::ExactlyOnce => reader.packet_id()?,
        };
        let props = reader.properties(version, PropertyPlace::Publish)?;
        if topic.is_empty() && !props.has(PropertyId::TopicAlias) {
            return Err(DecodeError::EmptyTopic);
        }
        Ok(Self {
            dup: dup && qos != QoS::AtMostOnce, // MQTT 3.1 gives it no meaning there.
            qos,
            retain,
            topic,
            packet_id,
            props,
            payload: reader.rest(),
        })
    }
}
