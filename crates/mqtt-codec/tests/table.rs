//! The case table in both directions: every valid packet encodes to its bytes and decodes from them, every invalid
//! one is refused for its reason.

mod cases;

use cases::invalid::{ALL as INVALID, MAX_PACKET};
use cases::valid;
use mqtt_codec::{
    DecodeError, Framed, MAX_PACKET_SIZE, Packet, PacketType, Version, decode, encode, frame,
};
use std::collections::BTreeSet;

/// Frames and decodes a buffer that holds exactly one packet.
fn read(version: Version, wire: &[u8], max: u32) -> Result<Packet<'_>, DecodeError> {
    match frame(wire, max)? {
        Framed::Packet { first, body, len } => {
            assert_eq!(len, wire.len(), "one whole packet");
            decode(version, first, body)
        }
        Framed::Incomplete { need } => panic!("{need} bytes needed, {} there", wire.len()),
    }
}

#[test]
fn valid_packets_decode() {
    valid::each(&mut |case| {
        let packet = read(case.version, &case.wire, MAX_PACKET);
        assert_eq!(packet, Ok(case.packet), "{} {}", case.version, case.name);
    });
}

#[test]
fn valid_packets_encode() {
    valid::each(&mut |case| {
        let mut out = vec![0xaa];
        encode(&case.packet, case.version, &mut out).unwrap();
        assert_eq!(out[1..], case.wire, "{} {}", case.version, case.name);
        assert_eq!(out[0], 0xaa, "what was there before stays");
    });
}

#[test]
fn every_packet_type_of_every_version_is_in_the_table() {
    let mut seen = BTreeSet::new();
    valid::each(&mut |case| {
        seen.insert((case.version, case.packet.packet_type()));
    });
    assert_eq!(seen.len(), 14 + 14 + 15);
}

#[test]
fn invalid_packets_are_refused_for_their_reason() {
    for case in INVALID {
        let wire = cases::bytes(case.wire);
        let refused = read(case.version, &wire, MAX_PACKET).err();
        assert_eq!(refused, Some(case.error), "{} {}", case.version, case.name);
        assert!(case.error.reason().is_error(), "{}", case.name);
        assert!(!case.error.to_string().is_empty());
    }
}

/// A name for each variant, whatever it carries.
fn variant(error: &DecodeError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '(', '{']).next().unwrap().to_owned()
}

#[test]
fn every_offence_is_in_the_table() {
    let provoked: BTreeSet<String> = INVALID.iter().map(|case| variant(&case.error)).collect();
    let source = include_str!("../src/error.rs");
    let declared: BTreeSet<String> = source
        .split("pub enum DecodeError {")
        .nth(1)
        .and_then(|rest| rest.split("\n}").next())
        .expect("the enum stands in error.rs")
        .lines()
        .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        .map(str::trim)
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split([' ', '(', '{', ',']).next().unwrap().to_owned())
        .collect();
    assert!(declared.len() > 30, "{declared:?}");
    assert_eq!(provoked, declared);
}

#[test]
fn a_packet_cut_short_is_never_a_packet() {
    valid::each(&mut |case| {
        for end in 0..case.wire.len() {
            let part = &case.wire[..end];
            match frame(part, MAX_PACKET) {
                Ok(Framed::Incomplete { need }) => {
                    assert!(need > end, "{}: {need} after {end} bytes", case.name);
                    assert!(need <= case.wire.len(), "{}: {need}", case.name);
                    if end > 3 {
                        assert_eq!(need, case.wire.len(), "{}: known by now", case.name);
                    }
                }
                other => panic!("{}: {other:?} of {end} bytes", case.name),
            }
        }
    });
}

/// A body cut short is refused, except where what is left is a packet of its own: then it is a smaller one.
#[test]
fn a_body_cut_short_is_refused_or_smaller() {
    valid::each(&mut |case| {
        let Ok(Framed::Packet { first, body, .. }) = frame(&case.wire, MAX_PACKET) else {
            panic!("{} does not frame", case.name);
        };
        for end in 0..body.len() {
            let Ok(packet) = decode(case.version, first, &body[..end]) else {
                continue;
            };
            let may_be_cut = match packet.packet_type() {
                PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe => true,
                PacketType::Suback | PacketType::Disconnect | PacketType::Auth => true,
                PacketType::Unsuback | PacketType::Puback | PacketType::Pubrec => {
                    case.version.is_v5()
                }
                PacketType::Pubrel | PacketType::Pubcomp => case.version.is_v5(),
                _ => false,
            };
            assert!(may_be_cut, "{} cut at {end}", case.name);
            assert_ne!(packet, case.packet, "{} cut at {end}", case.name);
        }
    });
}

#[test]
fn properties_are_never_cut() {
    valid::each(&mut |case| {
        let props = match case.packet {
            Packet::Connect(packet) => packet.props,
            Packet::Connack(packet) => packet.props,
            Packet::Publish(packet) => packet.props,
            _ => return,
        };
        let raw = props.raw();
        let whole: Vec<_> = props.iter().collect();
        for end in 0..raw.len() {
            let place = match case.packet.packet_type() {
                PacketType::Connect => mqtt_codec::PropertyPlace::Connect,
                PacketType::Connack => mqtt_codec::PropertyPlace::Connack,
                _ => mqtt_codec::PropertyPlace::Publish,
            };
            if let Ok(part) = mqtt_codec::Properties::parse(&raw[..end], place) {
                let part: Vec<_> = part.iter().collect();
                assert!(whole.starts_with(&part) && part.len() < whole.len());
            }
        }
    });
}

#[test]
fn older_clients_are_met_where_they_are() {
    let lenient = [
        ("dup on a repeated subscribe", "8a 06 0001 0001'a' 00"),
        ("dup on a repeated unsubscribe", "aa 05 0001 0001'a'"),
        ("dup on a repeated pubrel", "6a 02 0001"),
        ("dup at QoS 0", "38 05 0003'a/b'"),
        (
            "a user flag without a user",
            "10 11 0006'MQIsdp' 03 82 003c 0003'dev'",
        ),
        (
            "both flags without either",
            "10 11 0006'MQIsdp' 03 c2 003c 0003'dev'",
        ),
        (
            "will QoS without a will",
            "10 11 0006'MQIsdp' 03 0a 003c 0003'dev'",
        ),
        (
            "reserved connect flag",
            "10 11 0006'MQIsdp' 03 03 003c 0003'dev'",
        ),
        ("a reserved connack byte", "20 02 ff 00"),
    ];
    for (name, wire) in lenient {
        let wire = cases::bytes(wire);
        let packet = read(Version::V31, &wire, MAX_PACKET);
        assert!(packet.is_ok(), "{name}: {packet:?}");
    }
}

#[test]
fn a_connect_decodes_by_its_own_level() {
    let wire = cases::bytes("10 10 0004'MQTT' 05 02 003c 00 0003'dev'");
    for version in Version::ALL {
        match read(version, &wire, MAX_PACKET) {
            Ok(Packet::Connect(connect)) => assert_eq!(connect.version, Version::V5),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn framing_never_looks_past_the_first_packet() {
    let wire = cases::bytes("c0 00 00 ff ff ff ff ff");
    assert_eq!(
        frame(&wire, 2),
        Ok(Framed::Packet {
            first: 0xc0,
            body: &[],
            len: 2
        })
    );
}

#[test]
fn a_remaining_length_may_have_spare_bytes() {
    let wire = cases::bytes("c0 80 80 80 00");
    assert_eq!(
        frame(&wire, MAX_PACKET_SIZE),
        Ok(Framed::Packet {
            first: 0xc0,
            body: &[],
            len: 5
        })
    );
}

#[test]
fn too_large_is_known_before_the_body() {
    let header = cases::bytes("30 ffffff7f");
    assert_eq!(
        frame(&header, MAX_PACKET_SIZE),
        Ok(Framed::Incomplete { need: 268_435_460 })
    );
    assert_eq!(
        frame(&header, MAX_PACKET_SIZE - 1),
        Err(DecodeError::PacketTooLarge {
            size: 268_435_460,
            max: 268_435_459
        })
    );
    assert_eq!(frame(&[], 0), Ok(Framed::Incomplete { need: 2 }));
    assert_eq!(frame(&[0x30, 0x80], 0), Ok(Framed::Incomplete { need: 3 }));
}
