//! The MQTT codec alone: bytes to packets and back.

use crate::client::{self, PAYLOAD, TOPIC};
use crate::path::{Batch, Path};
use mqtt_codec::{
    AckKind, Framed, Outgoing, Packet, Properties, PropertiesBuf, Property, QoS, ReasonCode,
    Version,
};
use std::hint::black_box;

const BATCH: u16 = 100;
const MAX_PACKET: u32 = 1 << 20;

pub(crate) fn paths() -> [Path; 6] {
    let path = |name, prepare| Path::new(name, u32::from(BATCH), prepare);
    [
        path("mqtt.decode.publish.v311", || decoding(Version::V311, &[])),
        path("mqtt.decode.publish.v5.properties", || {
            decoding(Version::V5, &properties())
        }),
        path("mqtt.decode.puback.v311", || {
            decode_all(repeated(|out, id| {
                client::ack(out, Version::V311, AckKind::Puback, id)
            }))
        }),
        path("mqtt.encode.publish.v311", || encoding(Version::V311)),
        path("mqtt.encode.publish.v5.properties", || {
            encoding(Version::V5)
        }),
        path("mqtt.encode.puback.v311", encoding_acks),
    ]
}

/// What an application sends along.
pub(crate) fn properties() -> Vec<u8> {
    let mut props = PropertiesBuf::new();
    props.push(Property::ContentType("application/json"));
    props.push(Property::UserProperty("unit", "celsius"));
    props.as_props().raw().to_vec()
}

fn repeated(one: impl Fn(&mut Vec<u8>, u16)) -> Vec<u8> {
    let mut bytes = Vec::new();
    (1..=BATCH).for_each(|id| one(&mut bytes, id));
    bytes
}

fn decoding(version: Version, forward: &[u8]) -> Batch {
    let bytes = repeated(|out, id| {
        client::publish(out, version, QoS::AtLeastOnce, TOPIC, id, forward);
    });
    decode(version, bytes)
}

fn decode_all(bytes: Vec<u8>) -> Batch {
    decode(Version::V311, bytes)
}

fn decode(version: Version, bytes: Vec<u8>) -> Batch {
    Box::new(move |meter| {
        meter.count(|| {
            let mut rest = bytes.as_slice();
            while let Ok(Framed::Packet { first, body, len }) =
                mqtt_codec::frame(black_box(rest), MAX_PACKET)
            {
                let packet: Packet<'_> =
                    mqtt_codec::decode(version, first, body).expect("it is well formed");
                black_box(&packet);
                rest = &rest[len..];
            }
        });
    })
}

fn encoding(version: Version) -> Batch {
    let forward = properties();
    let mut out = Vec::new();
    Box::new(move |meter| {
        out.clear();
        meter.count(|| {
            for id in 1..=BATCH {
                let publish = Outgoing {
                    dup: false,
                    qos: QoS::AtLeastOnce,
                    retain: false,
                    topic: TOPIC,
                    packet_id: id,
                    payload: &PAYLOAD,
                    forward: &forward,
                    expiry: None,
                    alias: None,
                    subscription_ids: &[],
                };
                let placed =
                    mqtt_codec::encode_publish(&mut out, version, black_box(&publish), MAX_PACKET);
                black_box(placed).expect("it fits");
            }
        });
        black_box(&out);
    })
}

fn encoding_acks() -> Batch {
    let mut out = Vec::new();
    Box::new(move |meter| {
        out.clear();
        meter.count(|| {
            for id in 1..=BATCH {
                let kind = black_box(AckKind::Puback);
                let done = mqtt_codec::encode_ack(
                    &mut out,
                    Version::V311,
                    kind,
                    id,
                    ReasonCode::Success,
                    Properties::EMPTY,
                );
                black_box(done).expect("it fits");
            }
        });
        black_box(&out);
    })
}
