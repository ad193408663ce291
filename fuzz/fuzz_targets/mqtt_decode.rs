//! A hostile peer's stream: no panic, whatever decodes can be read to its end, framing neither looks past a packet
//! nor asks for less than it needs.
//!
//! Input: a byte for the version, then the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_codec::{Framed, Packet, Properties, PropertyId, Version, decode, frame};

const MAX_PACKET: u32 = 65_536;

fn read_properties(props: Properties<'_>) {
    let all: Vec<_> = props.iter().collect();
    for id in PropertyId::ALL {
        assert_eq!(
            props.has(id),
            all.iter().any(|property| property.id() == id)
        );
    }
    assert_eq!(props.raw().is_empty(), all.is_empty());
    assert!(props.user_properties().count() <= all.len());
    assert_eq!(
        props.subscription_identifier(),
        props.subscription_identifiers().next()
    );
    assert_eq!(
        props.topic_alias().is_some(),
        props.has(PropertyId::TopicAlias)
    );
}

fn read(packet: Packet<'_>) {
    match packet {
        Packet::Connect(connect) => {
            read_properties(connect.props);
            if let Some(will) = connect.will {
                read_properties(will.props);
            }
        }
        Packet::Publish(publish) => {
            read_properties(publish.props);
            assert!(!publish.topic.contains('\0'));
            assert_eq!(publish.packet_id == 0, publish.qos.bits() == 0);
        }
        Packet::Subscribe(subscribe) => {
            read_properties(subscribe.props);
            assert!(subscribe.filters().count() > 0);
        }
        Packet::Unsubscribe(unsubscribe) => {
            read_properties(unsubscribe.props);
            assert!(unsubscribe.filters().count() > 0);
        }
        Packet::Connack(connack) => read_properties(connack.props),
        Packet::Suback(suback) | Packet::Unsuback(suback) => read_properties(suback.props),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            read_properties(ack.props);
        }
        Packet::Disconnect(disconnect) => read_properties(disconnect.props),
        Packet::Auth(auth) => read_properties(auth.props),
        Packet::Pingreq | Packet::Pingresp => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, mut stream)) = data.split_first() else {
        return;
    };
    let version = Version::ALL[usize::from(choice) % 3];
    loop {
        match frame(stream, MAX_PACKET) {
            Ok(Framed::Incomplete { need }) => {
                assert!(need > stream.len() && need <= MAX_PACKET as usize + 4);
                break;
            }
            Ok(Framed::Packet { first, body, len }) => {
                // Nothing behind the packet matters.
                assert_eq!(
                    frame(&stream[..len], MAX_PACKET),
                    Ok(Framed::Packet { first, body, len })
                );
                match decode(version, first, body) {
                    Ok(packet) => read(packet),
                    Err(error) => assert!(error.reason().is_error()),
                }
                stream = &stream[len..];
            }
            Err(error) => {
                assert!(error.reason().is_error());
                break;
            }
        }
    }
});
