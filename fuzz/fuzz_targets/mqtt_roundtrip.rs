//! What decodes can be encoded, decodes to the same again and then encodes to the same bytes; a PUBLISH also by the
//! way a broker forwards it.
//!
//! Input: a byte for the version, then one packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_codec::{
    Framed, MAX_PACKET_SIZE, Outgoing, Packet, Properties, PropertyPlace, Publish, Version, decode,
    encode, encode_publish, forwardable, frame, outgoing_len,
};

fn only_packet(wire: &[u8]) -> (u8, &[u8]) {
    match frame(wire, MAX_PACKET_SIZE) {
        Ok(Framed::Packet { first, body, len }) if len == wire.len() => (first, body),
        other => panic!("{other:?} of {wire:?}"),
    }
}

fn forward(version: Version, publish: &Publish<'_>) {
    let mut scratch = Vec::new();
    let forward = forwardable(publish.props, &mut scratch);
    assert!(Properties::parse(forward, PropertyPlace::Publish).is_ok());
    let ids: Vec<u32> = publish.props.subscription_identifiers().collect();
    let outgoing = Outgoing {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        topic: publish.topic,
        packet_id: publish.packet_id,
        payload: publish.payload,
        forward,
        expiry: publish.props.message_expiry_interval(),
        alias: publish.props.topic_alias(),
        subscription_ids: &ids,
    };
    let mut wire = Vec::new();
    let size = outgoing_len(version, &outgoing);
    encode_publish(&mut wire, version, &outgoing, size as u32).unwrap();
    assert_eq!(wire.len(), size);
    let (first, body) = only_packet(&wire);
    let Ok(Packet::Publish(back)) = decode(version, first, body) else {
        panic!("{outgoing:?}");
    };
    // The properties may have changed places, nothing else has changed.
    assert_eq!(back.props.raw().len(), publish.props.raw().len());
    assert_eq!(
        Publish {
            props: publish.props,
            ..back
        },
        *publish
    );
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let version = Version::ALL[usize::from(choice) % 3];
    let Ok(Framed::Packet { first, body, .. }) = frame(stream, MAX_PACKET_SIZE) else {
        return;
    };
    let Ok(packet) = decode(version, first, body) else {
        return;
    };
    let mut once = Vec::new();
    encode(&packet, version, &mut once).unwrap();
    let (first, body) = only_packet(&once);
    let back = decode(version, first, body).unwrap();
    assert_eq!(packet, back);
    let mut twice = Vec::new();
    encode(&back, version, &mut twice).unwrap();
    assert_eq!(once, twice);
    if let Packet::Publish(publish) = &packet {
        forward(version, publish);
    }
});
