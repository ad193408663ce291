//! Packets of MQTT 5: every property at every place that allows it, every reason code form.

use super::props;
use super::valid::{CONNECT, PUBLISH, Visit, WILL, case};
use mqtt_codec::Property as P;
use mqtt_codec::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, Properties, Publish, QoS, ReasonCode,
    RetainHandling, SubOptions, Suback, Subscribe, Unsubscribe, Version, Will,
};

const V5: Version = Version::V5;

pub(super) fn each(visit: &mut Visit<'_>) {
    connect(visit);
    connack(visit);
    publish(visit);
    acknowledgements(visit);
    subscriptions(visit);
    endings(visit);
}

fn connect(visit: &mut Visit<'_>) {
    let plain = Connect {
        version: V5,
        ..CONNECT
    };
    case(
        visit,
        "connect 5, smallest",
        V5,
        Packet::Connect(plain),
        "10 10 0004'MQTT' 05 02 003c 00 0003'dev'",
    );
    case(
        visit,
        "connect 5, password without a user name",
        V5,
        Packet::Connect(Connect {
            password: Some(b"key"),
            ..plain
        }),
        "10 15 0004'MQTT' 05 42 003c 00 0003'dev' 0003'key'",
    );
    let own = props(&[
        P::SessionExpiryInterval(3600),
        P::ReceiveMaximum(20),
        P::MaximumPacketSize(65_536),
        P::TopicAliasMaximum(0),
        P::RequestResponseInformation(true),
        P::RequestProblemInformation(false),
        P::UserProperty("k", "v"),
        P::UserProperty("k", "v"),
        P::AuthenticationMethod("X"),
        P::AuthenticationData(&[0, 1]),
    ]);
    let wills = props(&[
        P::WillDelayInterval(5),
        P::PayloadFormatIndicator(true),
        P::MessageExpiryInterval(60),
        P::ContentType("t"),
        P::ResponseTopic("r"),
        P::CorrelationData(b"c"),
        P::UserProperty("", ""),
    ]);
    let will = Will {
        props: wills.as_props(),
        ..WILL
    };
    case(
        visit,
        "connect 5, everything",
        V5,
        Packet::Connect(Connect {
            props: own.as_props(),
            will: Some(will),
            user: Some("u"),
            password: Some(b"p"),
            ..plain
        }),
        "10 67 0004'MQTT' 05 ee 003c
         2b 1100000e10 210014 2700010000 220000 1901 1700 260001'k'0001'v' 260001'k'0001'v' 150001'X' 160002 0001
         0003'dev'
         1d 1800000005 0101 020000003c 030001't' 080001'r' 090001'c' 2600000000
         0001'w' 0003'bye' 0001'u' 0001'p'",
    );
}

fn connack(visit: &mut Visit<'_>) {
    let mut put = |name, session_present, code, all: &[P<'_>], wire| {
        let buf = props(all);
        let connack = Connack {
            session_present,
            code,
            props: buf.as_props(),
        };
        case(visit, name, V5, Packet::Connack(connack), wire);
    };
    put("connack 5, plain", true, 0, &[], "20 03 01 00 00");
    put(
        "connack 5, refused with a reason",
        false,
        ReasonCode::Banned.as_u8(),
        &[P::ReasonString("no")],
        "20 08 00 8a 05 1f0002'no'",
    );
    put(
        "connack 5, every property",
        false,
        0,
        &[
            P::SessionExpiryInterval(0xffff_ffff),
            P::ReceiveMaximum(65_535),
            P::MaximumQos(QoS::AtLeastOnce),
            P::RetainAvailable(false),
            P::MaximumPacketSize(1),
            P::AssignedClientIdentifier("id"),
            P::TopicAliasMaximum(16),
            P::ReasonString("ok"),
            P::WildcardSubscriptionAvailable(true),
            P::SubscriptionIdentifiersAvailable(true),
            P::SharedSubscriptionAvailable(false),
            P::ServerKeepAlive(30),
            P::ResponseInformation("ri"),
            P::ServerReference("sr"),
            P::AuthenticationMethod("X"),
            P::AuthenticationData(b""),
            P::UserProperty("k", "v"),
        ],
        "20 42 00 00
         3f 11ffffffff 21ffff 2401 2500 2700000001 120002'id' 220010 1f0002'ok' 2801 2901 2a00 13001e
            1a0002'ri' 1c0002'sr' 150001'X' 160000 260001'k'0001'v'",
    );
}

fn publish(visit: &mut Visit<'_>) {
    let mut put = |name, publish: Publish<'_>, all: &[P<'_>], wire| {
        let buf = props(all);
        let publish = Publish {
            props: buf.as_props(),
            ..publish
        };
        case(visit, name, V5, Packet::Publish(publish), wire);
    };
    let qos1 = Publish {
        qos: QoS::AtLeastOnce,
        packet_id: 7,
        ..PUBLISH
    };
    put("publish 5, QoS 0", PUBLISH, &[], "30 08 0003'a/b' 00 'hi'");
    put(
        "publish 5, QoS 1",
        qos1,
        &[],
        "32 0a 0003'a/b' 0007 00 'hi'",
    );
    put(
        "publish 5, alias in place of the topic",
        Publish {
            topic: "",
            ..PUBLISH
        },
        &[P::TopicAlias(1)],
        "30 08 0000 03 230001 'hi'",
    );
    put(
        "publish 5, every property",
        qos1,
        &[
            P::PayloadFormatIndicator(false),
            P::MessageExpiryInterval(0),
            P::TopicAlias(65_535),
            P::ResponseTopic("r"),
            P::CorrelationData(&[0xff]),
            P::UserProperty("a", "1"),
            P::SubscriptionIdentifier(1),
            P::SubscriptionIdentifier(268_435_455),
            P::UserProperty("a", "2"),
            P::ContentType("t"),
        ],
        "32 35 0003'a/b' 0007
         2b 0100 0200000000 23ffff 080001'r' 090001ff 260001'a'0001'1' 0b01 0bffffff7f 260001'a'0001'2' 030001't'
         'hi'",
    );
}

fn acknowledgements(visit: &mut Visit<'_>) {
    let found = Ack {
        reason: ReasonCode::PacketIdentifierNotFound,
        ..Ack::success(9)
    };
    let unmatched = Ack {
        reason: ReasonCode::NoMatchingSubscribers,
        ..Ack::success(9)
    };
    let mut put = |name, packet: Packet<'_>, wire| case(visit, name, V5, packet, wire);
    put(
        "puback 5, reason",
        Packet::Puback(unmatched),
        "40 03 0009 10",
    );
    put(
        "pubrec 5, reason",
        Packet::Pubrec(unmatched),
        "50 03 0009 10",
    );
    put("pubrel 5, reason", Packet::Pubrel(found), "62 03 0009 92");
    put("pubcomp 5, reason", Packet::Pubcomp(found), "70 03 0009 92");
    let buf = props(&[P::ReasonString("r"), P::UserProperty("k", "v")]);
    let told = |ack: Ack<'static>| Ack {
        props: buf.as_props(),
        ..ack
    };
    put(
        "puback 5, success with properties",
        Packet::Puback(told(Ack::success(9))),
        "40 0f 0009 00 0b 1f0001'r' 260001'k'0001'v'",
    );
    put(
        "pubrec 5, properties",
        Packet::Pubrec(told(unmatched)),
        "50 0f 0009 10 0b 1f0001'r' 260001'k'0001'v'",
    );
    put(
        "pubrel 5, properties",
        Packet::Pubrel(told(found)),
        "62 0f 0009 92 0b 1f0001'r' 260001'k'0001'v'",
    );
    put(
        "pubcomp 5, properties",
        Packet::Pubcomp(told(found)),
        "70 0f 0009 92 0b 1f0001'r' 260001'k'0001'v'",
    );
}

fn subscriptions(visit: &mut Visit<'_>) {
    let mut scratch = Vec::new();
    let options = SubOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DontSend,
    };
    let filters = [
        ("$share/g/a", SubOptions::default()),
        ("a", options),
        (
            "b",
            SubOptions {
                no_local: false,
                retain_handling: RetainHandling::SendIfNew,
                ..options
            },
        ),
    ];
    let buf = props(&[P::SubscriptionIdentifier(128), P::UserProperty("k", "v")]);
    let subscribe = Subscribe::build(3, buf.as_props(), &filters, &mut scratch).unwrap();
    case(
        visit,
        "subscribe 5",
        V5,
        Packet::Subscribe(subscribe),
        "82 22 0003 0a 0b8001 260001'k'0001'v' 000a'$share/g/a' 00 0001'a' 2e 0001'b' 1a",
    );
    let users = props(&[P::UserProperty("k", "v")]);
    let unsubscribe = Unsubscribe::build(3, users.as_props(), &["a"], &mut scratch).unwrap();
    case(
        visit,
        "unsubscribe 5",
        V5,
        Packet::Unsubscribe(unsubscribe),
        "a2 0d 0003 07 260001'k'0001'v' 0001'a'",
    );
    let answers = props(&[P::ReasonString("r"), P::UserProperty("k", "v")]);
    let suback = Suback {
        packet_id: 3,
        props: answers.as_props(),
        codes: &[0, 1, 2, 0x87, 0x9e, 0xa1, 0xa2],
    };
    case(
        visit,
        "suback 5",
        V5,
        Packet::Suback(suback),
        "90 15 0003 0b 1f0001'r' 260001'k'0001'v' 00010287 9ea1a2",
    );
    let unsuback = Suback {
        codes: &[0, 0x11, 0x8f],
        ..suback
    };
    case(
        visit,
        "unsuback 5",
        V5,
        Packet::Unsuback(unsuback),
        "b0 11 0003 0b 1f0001'r' 260001'k'0001'v' 00118f",
    );
}

fn endings(visit: &mut Visit<'_>) {
    let mut put = |name, packet: Packet<'_>, wire| case(visit, name, V5, packet, wire);
    let taken_over = Disconnect {
        reason: ReasonCode::SessionTakenOver,
        props: Properties::EMPTY,
    };
    put(
        "disconnect 5, reason",
        Packet::Disconnect(taken_over),
        "e0 01 8e",
    );
    let buf = props(&[
        P::SessionExpiryInterval(1),
        P::ReasonString("r"),
        P::UserProperty("k", "v"),
        P::ServerReference("s"),
    ]);
    put(
        "disconnect 5, properties",
        Packet::Disconnect(Disconnect {
            reason: ReasonCode::DisconnectWithWill,
            props: buf.as_props(),
        }),
        "e0 16 04 14 1100000001 1f0001'r' 260001'k'0001'v' 1c0001's'",
    );
    put(
        "auth, shortest",
        Packet::Auth(Auth {
            reason: ReasonCode::Success,
            props: Properties::EMPTY,
        }),
        "f0 00",
    );
    let exchange = props(&[
        P::AuthenticationMethod("X"),
        P::AuthenticationData(&[1]),
        P::ReasonString("r"),
        P::UserProperty("k", "v"),
    ]);
    put(
        "auth, properties",
        Packet::Auth(Auth {
            reason: ReasonCode::ContinueAuthentication,
            props: exchange.as_props(),
        }),
        "f0 15 18 13 150001'X' 16000101 1f0001'r' 260001'k'0001'v'",
    );
}
