//! A second opinion: where rumqttc's codec decodes a packet too, it has read the same. That the two accept the same
//! packets is not asserted: that codec is a client's and checks less.
//!
//! Input: a byte for the version (3.1 counts as 3.1.1), then one packet.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mqtt_codec::{Framed, Packet, Properties, PropertyId, Version, decode, frame};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

const MAX_PACKET: u32 = 65_536;

fn same_v4(ours: Packet<'_>, theirs: v4::Packet) {
    match (ours, theirs) {
        (Packet::Publish(a), v4::Packet::Publish(b)) => {
            assert_eq!(
                (a.dup, a.qos.bits(), a.retain),
                (b.dup, b.qos as u8, b.retain)
            );
            assert_eq!((a.topic, a.packet_id), (b.topic.as_str(), b.pkid));
            assert_eq!(a.payload, &b.payload[..]);
        }
        (Packet::Connect(a), v4::Packet::Connect(b)) => {
            assert_eq!((a.keep_alive, a.clean), (b.keep_alive, b.clean_session));
            assert_eq!(a.client_id, b.client_id);
            assert_eq!(a.will.is_some(), b.last_will.is_some());
            if let (Some(a), Some(b)) = (a.will, b.last_will) {
                assert_eq!((a.qos.bits(), a.retain), (b.qos as u8, b.retain));
                assert_eq!((a.topic, a.payload), (b.topic.as_str(), &b.message[..]));
            }
            let login = b.login.unwrap_or(v4::Login {
                username: String::new(),
                password: String::new(),
            });
            assert_eq!(a.user.unwrap_or(""), login.username);
            assert_eq!(a.password.unwrap_or(b""), login.password.as_bytes());
        }
        (Packet::Subscribe(a), v4::Packet::Subscribe(b)) => {
            assert_eq!(a.packet_id, b.pkid);
            assert_eq!(a.len(), b.filters.len());
            for ((filter, options), other) in a.filters().zip(&b.filters) {
                assert_eq!(
                    (filter, options.qos.bits()),
                    (other.path.as_str(), other.qos as u8)
                );
            }
        }
        (Packet::Unsubscribe(a), v4::Packet::Unsubscribe(b)) => {
            assert_eq!(a.packet_id, b.pkid);
            assert!(a.filters().eq(b.topics.iter().map(String::as_str)));
        }
        (Packet::Suback(a), v4::Packet::SubAck(b)) => {
            assert_eq!((a.packet_id, a.codes.len()), (b.pkid, b.return_codes.len()));
        }
        (Packet::Unsuback(a), v4::Packet::UnsubAck(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Connack(a), v4::Packet::ConnAck(b)) => {
            assert_eq!(
                (a.session_present, a.code),
                (b.session_present, b.code as u8)
            );
        }
        (Packet::Puback(a), v4::Packet::PubAck(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pubrec(a), v4::Packet::PubRec(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pubrel(a), v4::Packet::PubRel(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pubcomp(a), v4::Packet::PubComp(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pingreq, v4::Packet::PingReq)
        | (Packet::Pingresp, v4::Packet::PingResp)
        | (Packet::Disconnect(_), v4::Packet::Disconnect) => {}
        (ours, theirs) => panic!("{ours:?} or {theirs:?}"),
    }
}

fn same_publish_properties(ours: Properties<'_>, theirs: Option<v5::PublishProperties>) {
    let Some(theirs) = theirs else {
        assert!(ours.is_empty());
        return;
    };
    assert_eq!(
        ours.payload_format_indicator().map(u8::from),
        theirs.payload_format_indicator
    );
    assert_eq!(
        ours.message_expiry_interval(),
        theirs.message_expiry_interval
    );
    assert_eq!(ours.topic_alias(), theirs.topic_alias);
    assert_eq!(ours.response_topic(), theirs.response_topic.as_deref());
    assert_eq!(ours.correlation_data(), theirs.correlation_data.as_deref());
    assert_eq!(ours.content_type(), theirs.content_type.as_deref());
    assert!(
        ours.subscription_identifiers()
            .eq(theirs.subscription_identifiers.iter().map(|id| *id as u32))
    );
    assert!(
        ours.user_properties().eq(theirs
            .user_properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())))
    );
}

fn same_v5(ours: Packet<'_>, theirs: v5::Packet) {
    match (ours, theirs) {
        (Packet::Publish(a), v5::Packet::Publish(b)) => {
            assert_eq!(
                (a.dup, a.qos.bits(), a.retain),
                (b.dup, b.qos as u8, b.retain)
            );
            assert_eq!((a.topic.as_bytes(), a.packet_id), (&b.topic[..], b.pkid));
            assert_eq!(a.payload, &b.payload[..]);
            same_publish_properties(a.props, b.properties);
        }
        (Packet::Connect(a), v5::Packet::Connect(b, will, _)) => {
            assert_eq!((a.keep_alive, a.clean), (b.keep_alive, b.clean_start));
            assert_eq!(a.client_id, b.client_id);
            assert_eq!(a.will.is_some(), will.is_some());
            let expiry = b
                .properties
                .as_ref()
                .and_then(|props| props.session_expiry_interval);
            assert_eq!(a.props.session_expiry_interval(), expiry);
            if let (Some(a), Some(b)) = (a.will, will) {
                assert_eq!((a.qos.bits(), a.retain), (b.qos as u8, b.retain));
                assert_eq!(
                    (a.topic.as_bytes(), a.payload),
                    (&b.topic[..], &b.message[..])
                );
                let delay = b.properties.and_then(|props| props.delay_interval);
                assert_eq!(a.props.will_delay_interval(), delay);
            }
        }
        (Packet::Subscribe(a), v5::Packet::Subscribe(b)) => {
            assert_eq!((a.packet_id, a.len()), (b.pkid, b.filters.len()));
            for ((filter, options), other) in a.filters().zip(&b.filters) {
                assert_eq!(
                    (filter, options.qos.bits()),
                    (other.path.as_str(), other.qos as u8)
                );
                assert_eq!(options.no_local, other.nolocal);
                assert_eq!(options.retain_as_published, other.preserve_retain);
            }
        }
        (Packet::Unsubscribe(a), v5::Packet::Unsubscribe(b)) => {
            assert_eq!(a.packet_id, b.pkid);
            assert!(a.filters().eq(b.filters.iter().map(String::as_str)));
        }
        (Packet::Puback(a), v5::Packet::PubAck(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pubrec(a), v5::Packet::PubRec(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pubrel(a), v5::Packet::PubRel(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Pubcomp(a), v5::Packet::PubComp(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Suback(a), v5::Packet::SubAck(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Unsuback(a), v5::Packet::UnsubAck(b)) => assert_eq!(a.packet_id, b.pkid),
        (Packet::Connack(a), v5::Packet::ConnAck(b)) => {
            assert_eq!(a.session_present, b.session_present);
        }
        (Packet::Disconnect(_), v5::Packet::Disconnect(_))
        | (Packet::Pingreq, v5::Packet::PingReq(_))
        | (Packet::Pingresp, v5::Packet::PingResp(_)) => {}
        (ours, theirs) => panic!("{ours:?} or {theirs:?}"),
    }
}

/// What that codec is known not to read: a CONNECT of another version, and what follows a subscription identifier,
/// whose length it counts one byte too long (rumqttc 0.25.1, `PropertyType::SubscriptionIdentifier`).
fn is_beyond_them(packet: &Packet<'_>, version: Version) -> bool {
    match packet {
        Packet::Connect(connect) => connect.version != version || connect.bridge,
        Packet::Publish(publish) => publish.props.has(PropertyId::SubscriptionIdentifier),
        Packet::Subscribe(subscribe) => subscribe.props.has(PropertyId::SubscriptionIdentifier),
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let version = if choice % 3 == 2 {
        Version::V5
    } else {
        Version::V311
    };
    let Ok(Framed::Packet { first, body, len }) = frame(stream, MAX_PACKET) else {
        return;
    };
    let Ok(packet) = decode(version, first, body) else {
        return;
    };
    if is_beyond_them(&packet, version) {
        return;
    }
    let mut buffer = BytesMut::from(&stream[..len]);
    if version == Version::V5 {
        if let Ok(theirs) = v5::Packet::read(&mut buffer, Some(MAX_PACKET)) {
            same_v5(packet, theirs);
        }
    } else if let Ok(theirs) = v4::Packet::read(&mut buffer, MAX_PACKET as usize) {
        same_v4(packet, theirs);
    }
});
