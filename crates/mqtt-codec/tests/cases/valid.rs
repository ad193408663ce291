//! Packets of MQTT 3.1 and 3.1.1, and what is the same in all versions.

use super::bytes;
use mqtt_codec::{
    Ack, Connack, Connect, Disconnect, Packet, Properties, Publish, QoS, ReasonCode, SubOptions,
    Suback, Subscribe, Unsubscribe, Version, Will,
};

/// A packet and the bytes it is encoded to.
pub struct Case<'a> {
    pub name: &'a str,
    pub version: Version,
    pub packet: Packet<'a>,
    pub wire: Vec<u8>,
}

/// What a list of cases is handed to: a packet may borrow from what lives only within the list.
pub type Visit<'v> = dyn FnMut(Case<'_>) + 'v;

pub(super) fn case(
    visit: &mut Visit<'_>,
    name: &str,
    version: Version,
    packet: Packet<'_>,
    wire: &str,
) {
    let wire = bytes(wire);
    visit(Case {
        name,
        version,
        packet,
        wire,
    });
}

/// Every valid case there is.
pub fn each(visit: &mut Visit<'_>) {
    connect(visit);
    connack(visit);
    publish(visit);
    acknowledgements(visit);
    subscriptions(visit);
    bare(visit);
    super::valid_v5::each(visit);
}

pub(super) const CONNECT: Connect<'static> = Connect {
    version: Version::V311,
    bridge: false,
    clean: true,
    keep_alive: 60,
    props: Properties::EMPTY,
    client_id: "dev",
    will: None,
    user: None,
    password: None,
};

pub(super) const WILL: Will<'static> = Will {
    qos: QoS::AtLeastOnce,
    retain: true,
    topic: "w",
    payload: b"bye",
    props: Properties::EMPTY,
};

fn connect(visit: &mut Visit<'_>) {
    let mut put = |name, connect: Connect<'_>, wire| {
        case(visit, name, connect.version, Packet::Connect(connect), wire);
    };
    put(
        "connect, smallest",
        CONNECT,
        "10 0f 0004'MQTT' 04 02 003c 0003'dev'",
    );
    let v31 = Connect {
        version: Version::V31,
        ..CONNECT
    };
    put(
        "connect, 3.1",
        v31,
        "10 11 0006'MQIsdp' 03 02 003c 0003'dev'",
    );
    put(
        "connect, bridge of 3.1",
        Connect {
            bridge: true,
            ..v31
        },
        "10 11 0006'MQIsdp' 83 02 003c 0003'dev'",
    );
    put(
        "connect, bridge",
        Connect {
            bridge: true,
            ..CONNECT
        },
        "10 0f 0004'MQTT' 84 02 003c 0003'dev'",
    );
    put(
        "connect, no client id, no keep alive",
        Connect {
            client_id: "",
            keep_alive: 0,
            clean: false,
            ..CONNECT
        },
        "10 0c 0004'MQTT' 04 00 0000 0000",
    );
    put(
        "connect, everything",
        Connect {
            will: Some(WILL),
            user: Some("u"),
            password: Some(b"\x00\xff"),
            ..CONNECT
        },
        "10 1e 0004'MQTT' 04 ee 003c 0003'dev' 0001'w' 0003'bye' 0001'u' 0002 00ff",
    );
    put(
        "connect, empty will payload, user only",
        Connect {
            will: Some(Will {
                qos: QoS::ExactlyOnce,
                retain: false,
                payload: b"",
                ..WILL
            }),
            user: Some(""),
            ..CONNECT
        },
        "10 16 0004'MQTT' 04 96 003c 0003'dev' 0001'w' 0000 0000",
    );
}

fn connack(visit: &mut Visit<'_>) {
    let mut put = |name, version, session_present, code, wire| {
        let connack = Connack {
            session_present,
            code,
            props: Properties::EMPTY,
        };
        case(visit, name, version, Packet::Connack(connack), wire);
    };
    put("connack, 3.1", Version::V31, false, 0, "20 02 00 00");
    put("connack, session", Version::V311, true, 0, "20 02 01 00");
    put("connack, refused", Version::V311, false, 5, "20 02 00 05");
}

pub(super) const PUBLISH: Publish<'static> = Publish {
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "a/b",
    packet_id: 0,
    props: Properties::EMPTY,
    payload: b"hi",
};

fn publish(visit: &mut Visit<'_>) {
    let mut put = |name, publish: Publish<'_>, wire| {
        let packet = Packet::Publish(publish);
        case(visit, name, Version::V31, packet, wire);
        case(visit, name, Version::V311, packet, wire);
    };
    put("publish, QoS 0", PUBLISH, "30 07 0003'a/b' 'hi'");
    put(
        "publish, retained, no payload",
        Publish {
            retain: true,
            payload: b"",
            ..PUBLISH
        },
        "31 05 0003'a/b'",
    );
    put(
        "publish, QoS 1",
        Publish {
            qos: QoS::AtLeastOnce,
            packet_id: 10,
            ..PUBLISH
        },
        "32 09 0003'a/b' 000a 'hi'",
    );
    put(
        "publish, QoS 2, again",
        Publish {
            dup: true,
            retain: true,
            qos: QoS::ExactlyOnce,
            packet_id: 65_535,
            ..PUBLISH
        },
        "3d 09 0003'a/b' ffff 'hi'",
    );
    put(
        "publish, topic beyond ASCII",
        Publish {
            topic: "ä/€/😀",
            payload: b"\x00",
            ..PUBLISH
        },
        "30 0e 000b c3a4 2f e282ac 2f f09f9880 00",
    );
}

fn acknowledgements(visit: &mut Visit<'_>) {
    for version in Version::ALL {
        let ack = Ack::success(0x1234);
        case(visit, "puback", version, Packet::Puback(ack), "40 02 1234");
        case(visit, "pubrec", version, Packet::Pubrec(ack), "50 02 1234");
        case(visit, "pubrel", version, Packet::Pubrel(ack), "62 02 1234");
        case(
            visit,
            "pubcomp",
            version,
            Packet::Pubcomp(ack),
            "70 02 1234",
        );
    }
}

fn subscriptions(visit: &mut Visit<'_>) {
    let mut scratch = Vec::new();
    for version in [Version::V31, Version::V311] {
        let filters = [
            ("a/#", SubOptions::with_qos(QoS::AtLeastOnce)),
            ("+", SubOptions::with_qos(QoS::ExactlyOnce)),
        ];
        let subscribe = Subscribe::build(1, Properties::EMPTY, &filters, &mut scratch).unwrap();
        case(
            visit,
            "subscribe, two filters",
            version,
            Packet::Subscribe(subscribe),
            "82 0c 0001 0003'a/#' 01 0001'+' 02",
        );
        let unsubscribe =
            Unsubscribe::build(2, Properties::EMPTY, &["a/#", "+"], &mut scratch).unwrap();
        case(
            visit,
            "unsubscribe, two filters",
            version,
            Packet::Unsubscribe(unsubscribe),
            "a2 0a 0002 0003'a/#' 0001'+'",
        );
        let suback = Suback {
            packet_id: 1,
            props: Properties::EMPTY,
            codes: &[0, 1, 2, 0x80],
        };
        case(
            visit,
            "suback",
            version,
            Packet::Suback(suback),
            "90 06 0001 00010280",
        );
        let unsuback = Suback {
            codes: &[],
            ..suback
        };
        case(
            visit,
            "unsuback",
            version,
            Packet::Unsuback(unsuback),
            "b0 02 0001",
        );
    }
}

fn bare(visit: &mut Visit<'_>) {
    for version in Version::ALL {
        case(visit, "pingreq", version, Packet::Pingreq, "c0 00");
        case(visit, "pingresp", version, Packet::Pingresp, "d0 00");
        let disconnect = Disconnect {
            reason: ReasonCode::Success,
            props: Properties::EMPTY,
        };
        case(
            visit,
            "disconnect",
            version,
            Packet::Disconnect(disconnect),
            "e0 00",
        );
    }
}
