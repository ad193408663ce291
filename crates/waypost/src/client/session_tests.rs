//! The session against a server that is played by the test, packet by packet.
//!
//! Each test owns its session; time is made up.

use super::session::{ConnectOptions, Event, Session};
use super::wire::AckKind;
use super::{ClientError, Publication, Version};
use mqtt_codec as codec;
use std::time::{Duration, Instant};

pub(super) fn options(version: Version) -> ConnectOptions {
    ConnectOptions {
        version,
        client_id: "c".into(),
        clean: true,
        keep_alive: 10,
        user: None,
        password: None,
        will: None,
        props: Vec::new(),
        max_inflight: 3,
    }
}

fn codec_version(version: Version) -> codec::Version {
    match version {
        Version::V31 => codec::Version::V31,
        Version::V311 => codec::Version::V311,
        Version::V5 => codec::Version::V5,
    }
}

fn feed(
    session: &mut Session,
    version: Version,
    packet: &codec::Packet<'_>,
) -> Result<(), ClientError> {
    let mut bytes = Vec::new();
    codec::encode(packet, codec_version(version), &mut bytes).unwrap();
    let mut at = 0;
    while at < bytes.len() {
        let used = session.on_bytes(&bytes[at..])?;
        assert_ne!(used, 0, "a whole packet is taken");
        at += used;
    }
    Ok(())
}

fn ack(kind: AckKind, packet_id: u16, reason: codec::ReasonCode) -> codec::Packet<'static> {
    let ack = codec::Ack {
        packet_id,
        reason,
        props: codec::Properties::EMPTY,
    };
    match kind {
        AckKind::Puback => codec::Packet::Puback(ack),
        AckKind::Pubrec => codec::Packet::Pubrec(ack),
        AckKind::Pubrel => codec::Packet::Pubrel(ack),
        AckKind::Pubcomp => codec::Packet::Pubcomp(ack),
    }
}

fn publish(qos: codec::QoS, packet_id: u16, topic: &'static str) -> codec::Packet<'static> {
    codec::Packet::Publish(codec::Publish {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_id,
        props: codec::Properties::EMPTY,
        payload: b"x",
    })
}

/// The kinds of the packets that the session wants to send, by their first four bits.
fn sent(session: &mut Session) -> Vec<u8> {
    let bytes = std::mem::take(session.output());
    let mut kinds = Vec::new();
    let mut rest = bytes.as_slice();
    while let Ok(codec::Framed::Packet { first, len, .. }) = codec::frame(rest, u32::MAX) {
        kinds.push(first >> 4);
        rest = &rest[len..];
    }
    kinds
}

fn online(version: Version, props: &codec::PropertiesBuf) -> (Session, Instant) {
    let now = Instant::now();
    let mut session = Session::new(&options(version), now).unwrap();
    assert_eq!(sent(&mut session), [1], "CONNECT first");
    let connack = codec::Packet::Connack(codec::Connack {
        session_present: false,
        code: 0,
        props: props.as_props(),
    });
    feed(&mut session, version, &connack).unwrap();
    assert!(matches!(
        session.next_event(),
        Some(Event::Connected { .. })
    ));
    (session, now)
}

fn message(qos: u8) -> Publication {
    Publication {
        topic: "t".into(),
        qos,
        ..Publication::default()
    }
}

const PUBLISH: u8 = 3;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;
const PINGREQ: u8 = 12;
const OK: codec::ReasonCode = codec::ReasonCode::Success;

#[test]
fn the_window_is_kept_and_refilled() {
    let mut props = codec::PropertiesBuf::new();
    props.push(codec::Property::ReceiveMaximum(2));
    let (mut session, _) = online(Version::V5, &props);
    for _ in 0..5 {
        session.publish(message(1)).unwrap();
    }
    assert_eq!(
        sent(&mut session),
        [PUBLISH, PUBLISH],
        "the server's receive maximum"
    );
    feed(&mut session, Version::V5, &ack(AckKind::Puback, 1, OK)).unwrap();
    assert!(matches!(
        session.next_event(),
        Some(Event::Published { number: 0, .. })
    ));
    assert_eq!(sent(&mut session), [PUBLISH]);
    assert_eq!(session.unfinished(), 4);
}

#[test]
fn quality_2_to_the_server() {
    let (mut session, _) = online(Version::V311, &codec::PropertiesBuf::new());
    session.publish(message(2)).unwrap();
    assert_eq!(sent(&mut session), [PUBLISH]);
    feed(&mut session, Version::V311, &ack(AckKind::Pubrec, 1, OK)).unwrap();
    assert_eq!(sent(&mut session), [PUBREL]);
    feed(&mut session, Version::V311, &ack(AckKind::Pubcomp, 1, OK)).unwrap();
    assert!(matches!(
        session.next_event(),
        Some(Event::Published { code: 0, .. })
    ));
    assert_eq!(session.unfinished(), 0);
}

#[test]
fn a_failing_pubrec_ends_the_delivery() {
    let (mut session, _) = online(Version::V5, &codec::PropertiesBuf::new());
    session.publish(message(2)).unwrap();
    sent(&mut session);
    let refused = ack(AckKind::Pubrec, 1, codec::ReasonCode::NotAuthorized);
    feed(&mut session, Version::V5, &refused).unwrap();
    assert!(matches!(
        session.next_event(),
        Some(Event::Published { code: 0x87, .. })
    ));
    assert_eq!(sent(&mut session), [] as [u8; 0], "no PUBREL");
    assert_eq!(session.unfinished(), 0);
}

#[test]
fn quality_2_from_the_server_is_told_once() {
    let (mut session, _) = online(Version::V5, &codec::PropertiesBuf::new());
    for expected in [true, false] {
        let packet = publish(codec::QoS::ExactlyOnce, 9, "t");
        feed(&mut session, Version::V5, &packet).unwrap();
        assert_eq!(sent(&mut session), [PUBREC]);
        assert_eq!(session.next_event().is_some(), expected);
    }
    feed(&mut session, Version::V5, &ack(AckKind::Pubrel, 9, OK)).unwrap();
    assert_eq!(sent(&mut session), [PUBCOMP]);
    feed(
        &mut session,
        Version::V5,
        &publish(codec::QoS::ExactlyOnce, 9, "t"),
    )
    .unwrap();
    assert!(session.next_event().is_some(), "the id is free again");
}

#[test]
fn nothing_behind_an_event_is_acknowledged() {
    let (mut session, _) = online(Version::V311, &codec::PropertiesBuf::new());
    let mut bytes = Vec::new();
    for id in [1, 2] {
        let packet = publish(codec::QoS::AtLeastOnce, id, "t");
        codec::encode(&packet, codec::Version::V311, &mut bytes).unwrap();
    }
    let used = session.on_bytes(&bytes).unwrap();
    assert_eq!(used * 2, bytes.len());
    assert_eq!(sent(&mut session).len(), 1, "one PUBACK for one message");
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let (mut session, now) = online(Version::V5, &codec::PropertiesBuf::new());
    let due = session.next_time().unwrap();
    assert_eq!(due, now + Duration::from_secs(10));
    session.on_time(now + Duration::from_secs(5)).unwrap();
    assert!(sent(&mut session).is_empty());
    session.on_time(due).unwrap();
    assert_eq!(sent(&mut session), [PINGREQ]);
    session.on_written(due);
    let late = session.next_time().unwrap();
    assert!(matches!(session.on_time(late), Err(ClientError::Silent)));
}

#[test]
fn offences_of_the_server() {
    let mut session = Session::new(&options(Version::V5), Instant::now()).unwrap();
    let early = publish(codec::QoS::AtMostOnce, 0, "t");
    assert!(
        feed(&mut session, Version::V5, &early).is_err(),
        "before CONNACK"
    );
    let (mut session, _) = online(Version::V5, &codec::PropertiesBuf::new());
    let mut props = codec::PropertiesBuf::new();
    props.push(codec::Property::TopicAlias(1));
    let aliased = codec::Packet::Publish(codec::Publish {
        dup: false,
        qos: codec::QoS::AtMostOnce,
        retain: false,
        topic: "t",
        packet_id: 0,
        props: props.as_props(),
        payload: b"",
    });
    assert!(
        feed(&mut session, Version::V5, &aliased).is_err(),
        "no alias was allowed"
    );
}
