//! The clients' end: packets as clients send them, and what they answer. Nothing of it is counted.

use mqtt_codec::{
    AckKind, Connect, Framed, Outgoing, Packet, Properties, PropertiesBuf, Property, QoS,
    ReasonCode, SubOptions, Subscribe, Version,
};

pub(crate) const TOPIC: &str = "sensors/17/temperature";
pub(crate) const PAYLOAD: [u8; 64] = [b'7'; 64];
const MAX_PACKET: u32 = 1 << 20;
const SESSION_EXPIRY_S: u32 = 3600;

pub(crate) fn connect(version: Version, id: &str, persistent: bool) -> Vec<u8> {
    let mut props = PropertiesBuf::new();
    if version.is_v5() && persistent {
        props.push(Property::SessionExpiryInterval(SESSION_EXPIRY_S));
    }
    let packet = Packet::Connect(Connect {
        version,
        bridge: false,
        clean: !persistent,
        keep_alive: 60,
        props: props.as_props(),
        client_id: id,
        will: None,
        user: None,
        password: None,
    });
    encoded(&packet, version)
}

pub(crate) fn subscribe(version: Version, qos: QoS, filters: &[&str]) -> Vec<u8> {
    let options = SubOptions::with_qos(qos);
    let filters: Vec<_> = filters.iter().map(|filter| (*filter, options)).collect();
    let mut scratch = Vec::new();
    let packet =
        Subscribe::build(1, Properties::EMPTY, &filters, &mut scratch).expect("filters are short");
    encoded(&Packet::Subscribe(packet), version)
}

pub(crate) fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    mqtt_codec::encode(packet, version, &mut out).expect("it is well formed");
    out
}

/// Appends a PUBLISH of [`PAYLOAD`]; `forward` is raw properties.
pub(crate) fn publish(
    out: &mut Vec<u8>,
    version: Version,
    qos: QoS,
    topic: &str,
    packet_id: u16,
    forward: &[u8],
) {
    let publish = Outgoing {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_id,
        payload: &PAYLOAD,
        forward,
        expiry: None,
        alias: None,
        subscription_ids: &[],
    };
    mqtt_codec::encode_publish(out, version, &publish, MAX_PACKET).expect("it fits");
}

pub(crate) fn ack(out: &mut Vec<u8>, version: Version, kind: AckKind, id: u16) {
    let done = mqtt_codec::encode_ack(
        out,
        version,
        kind,
        id,
        ReasonCode::Success,
        Properties::EMPTY,
    );
    done.expect("it fits");
}

/// What a client answers to what it was sent; how many PUBLISH packets that was.
pub(crate) fn answer(version: Version, mut sent: &[u8], out: &mut Vec<u8>) -> u32 {
    let mut received = 0;
    while let Ok(Framed::Packet { first, body, len }) = mqtt_codec::frame(sent, MAX_PACKET) {
        match mqtt_codec::decode(version, first, body).expect("a broker sends what is well formed")
        {
            Packet::Publish(publish) => {
                received += 1;
                match publish.qos {
                    QoS::AtMostOnce => {}
                    QoS::AtLeastOnce => ack(out, version, AckKind::Puback, publish.packet_id),
                    QoS::ExactlyOnce => ack(out, version, AckKind::Pubrec, publish.packet_id),
                }
            }
            Packet::Pubrec(pubrec) => ack(out, version, AckKind::Pubrel, pubrec.packet_id),
            Packet::Pubrel(pubrel) => ack(out, version, AckKind::Pubcomp, pubrel.packet_id),
            _ => {}
        }
        sent = &sent[len..];
    }
    assert!(sent.is_empty(), "a broker sends whole packets");
    received
}
