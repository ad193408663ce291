//! What cannot be encoded, and that trying leaves the output as it was; the hot path's exact bytes.

mod cases;

use mqtt_codec::{
    Ack, AckKind, Auth, Connect, EncodeError, Outgoing, Packet, PacketType, Properties,
    PropertiesBuf, Property, PropertyId, PropertyPlace, Publish, QoS, ReasonCode, RetainHandling,
    SubOptions, Suback, Subscribe, Unsubscribe, Version, encode, encode_ack, encode_publish,
    forwardable, outgoing_len,
};

const LONG: usize = 65_536;

fn refused(packet: &Packet<'_>, version: Version) -> EncodeError {
    let mut out = vec![1, 2, 3];
    let error = encode(packet, version, &mut out).unwrap_err();
    assert_eq!(out, [1, 2, 3], "{error}");
    error
}

fn connect(version: Version) -> Connect<'static> {
    Connect {
        version,
        bridge: false,
        clean: true,
        keep_alive: 0,
        props: Properties::EMPTY,
        client_id: "c",
        will: None,
        user: None,
        password: None,
    }
}

fn outgoing() -> Outgoing<'static> {
    Outgoing {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "a/b",
        packet_id: 0x0102,
        payload: b"hi",
        forward: &[],
        expiry: None,
        alias: None,
        subscription_ids: &[],
    }
}

#[test]
fn fields_beyond_their_length_are_refused() {
    let long = "x".repeat(LONG);
    let too_long = EncodeError::FieldTooLong { len: LONG };
    let client = Connect {
        client_id: &long,
        ..connect(Version::V311)
    };
    assert_eq!(refused(&Packet::Connect(client), Version::V311), too_long);
    let publish = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: &long,
        packet_id: 0,
        props: Properties::EMPTY,
        payload: b"",
    };
    assert_eq!(refused(&Packet::Publish(publish), Version::V5), too_long);
    let mut scratch = Vec::new();
    let options = SubOptions::default();
    let subscribe = Subscribe::build(1, Properties::EMPTY, &[(&long, options)], &mut scratch);
    assert_eq!(subscribe, Err(too_long));
    let unsubscribe = Unsubscribe::build(1, Properties::EMPTY, &[&long], &mut scratch);
    assert_eq!(unsubscribe, Err(too_long));
}

#[test]
fn the_longest_field_is_fine() {
    let longest = "x".repeat(LONG - 1);
    let client = Connect {
        client_id: &longest,
        ..connect(Version::V5)
    };
    let mut out = Vec::new();
    encode(&Packet::Connect(client), Version::V5, &mut out).unwrap();
    assert!(out.len() > LONG);
}

#[test]
fn a_packet_beyond_the_remaining_length_is_refused() {
    let codes = vec![0; 268_435_456];
    let suback = Suback {
        packet_id: 1,
        props: Properties::EMPTY,
        codes: &codes,
    };
    let error = refused(&Packet::Suback(suback), Version::V311);
    assert!(matches!(error, EncodeError::TooLarge { size, .. } if size > 268_435_455));
    let publish = Outgoing {
        payload: &codes,
        ..outgoing()
    };
    let mut out = vec![1];
    let error = encode_publish(&mut out, Version::V311, &publish, u32::MAX).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { .. }));
    assert_eq!(out, [1]);
}

#[test]
fn what_a_version_does_not_have_is_refused() {
    let auth = Auth {
        reason: ReasonCode::Success,
        props: Properties::EMPTY,
    };
    let not_there = EncodeError::NotInVersion {
        packet: PacketType::Auth,
        version: Version::V311,
    };
    assert_eq!(refused(&Packet::Auth(auth), Version::V311), not_there);
    let client = Connect {
        password: Some(b"p"),
        ..connect(Version::V31)
    };
    let version = Version::V31;
    assert_eq!(
        refused(&Packet::Connect(client), version),
        EncodeError::PasswordWithoutUser { version }
    );
}

#[test]
fn older_versions_leave_out_what_they_have_no_field_for() {
    let mut props = PropertiesBuf::new();
    props.push(Property::ReasonString("r"));
    let ack = Ack {
        packet_id: 1,
        reason: ReasonCode::NoMatchingSubscribers,
        props: props.as_props(),
    };
    let mut out = Vec::new();
    encode(&Packet::Puback(ack), Version::V311, &mut out).unwrap();
    assert_eq!(out, cases::bytes("40 02 0001"));
    let options = SubOptions {
        qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DontSend,
    };
    let mut scratch = Vec::new();
    let subscribe = Subscribe::build(1, props.as_props(), &[("a", options)], &mut scratch).unwrap();
    assert_eq!((subscribe.len(), subscribe.is_empty()), (1, false));
    out.clear();
    encode(&Packet::Subscribe(subscribe), Version::V311, &mut out).unwrap();
    assert_eq!(out, cases::bytes("82 06 0001 0001'a' 01"));
}

#[test]
fn properties_that_cannot_be_expressed_are_left_out() {
    let long = "x".repeat(LONG);
    let mut buf = PropertiesBuf::new();
    let too_long = EncodeError::FieldTooLong { len: LONG };
    let tried = buf.try_push(Property::UserProperty("k", &long)).err();
    assert_eq!(tried, Some(too_long));
    buf.push(Property::ContentType(&long))
        .push(Property::SubscriptionIdentifier(268_435_456))
        .push(Property::ContentType("t"));
    assert_eq!(buf.as_props().raw(), cases::bytes("03 0001't'"));
    assert!(!buf.as_props().has(PropertyId::UserProperty));
    buf.clear();
    assert!(buf.is_empty() && buf.as_props().content_type().is_none());
}

#[test]
fn acknowledgements_take_their_shortest_form() {
    let mut out = Vec::new();
    let none = Properties::EMPTY;
    let (ok, bad) = (ReasonCode::Success, ReasonCode::NotAuthorized);
    encode_ack(&mut out, Version::V31, AckKind::Puback, 1, bad, none).unwrap();
    encode_ack(&mut out, Version::V5, AckKind::Pubrec, 2, ok, none).unwrap();
    encode_ack(&mut out, Version::V5, AckKind::Pubrel, 3, bad, none).unwrap();
    let mut props = PropertiesBuf::new();
    props.push(Property::ReasonString("r"));
    let told = props.as_props();
    encode_ack(&mut out, Version::V5, AckKind::Pubcomp, 4, ok, told).unwrap();
    assert_eq!(
        out,
        cases::bytes("4002 0001  5002 0002  6203 0003 87  7008 0004 00 04 1f0001'r'")
    );
}

#[test]
fn a_layout_can_be_patched() {
    let mut out = vec![0xff];
    let at = encode_publish(&mut out, Version::V311, &outgoing(), 100).unwrap();
    assert_eq!(at, Some(7));
    assert_eq!(out, cases::bytes("ff 32 09 0003'a/b' 0102 'hi'"));
    let quiet = Outgoing {
        qos: QoS::AtMostOnce,
        dup: true,
        ..outgoing()
    };
    out.clear();
    assert_eq!(encode_publish(&mut out, Version::V5, &quiet, 100), Ok(None));
    assert_eq!(out, cases::bytes("30 08 0003'a/b' 00 'hi'"));
}

#[test]
fn what_a_broker_adds_follows_what_it_forwards() {
    let publish = Outgoing {
        forward: &cases::bytes("03 0001't'"),
        expiry: Some(9),
        alias: Some(5),
        subscription_ids: &[1, 128],
        ..outgoing()
    };
    let mut out = Vec::new();
    encode_publish(&mut out, Version::V5, &publish, 100).unwrap();
    assert_eq!(
        out,
        cases::bytes("32 1b 0003'a/b' 0102 11 030001't' 0200000009 230005 0b01 0b8001 'hi'")
    );
    assert_eq!(out.len(), outgoing_len(Version::V5, &publish));
    assert_eq!(outgoing_len(Version::V311, &publish), 11);
    let endless = Outgoing {
        subscription_ids: &[u32::MAX],
        ..publish
    };
    out.clear();
    assert!(encode_publish(&mut out, Version::V5, &endless, 100).is_err());
    assert!(out.is_empty());
}

#[test]
fn forwarding_borrows_where_it_can() {
    let all = "0101 030001't' 080001'r' 090001'c' 260001'k'0001'v'";
    let raw = cases::bytes(all);
    let props = Properties::parse(&raw, PropertyPlace::Publish).unwrap();
    let mut scratch = Vec::new();
    assert_eq!(forwardable(props, &mut scratch).as_ptr(), raw.as_ptr());
    let mixed = cases::bytes(&format!("0200000001 {all} 230001 0b07"));
    let props = Properties::parse(&mixed, PropertyPlace::Publish).unwrap();
    let mut scratch = vec![1, 2, 3];
    assert_eq!(forwardable(props, &mut scratch), raw);
}
