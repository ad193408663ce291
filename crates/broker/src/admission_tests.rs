//! What is let in while the log takes nothing.

use crate::auth::{AuthOutcome, AuthReply, Peer, Policy, Transport};
use crate::{Limits, MqttSettings, Now, Settings, Shard, Shared, Turn};
use message::record::Record;
use mqtt_codec::{Connect, Packet, PropertiesBuf, Publish, QoS, Version};
use std::sync::Arc;

const IN_FLIGHT: u64 = 10_000;

fn at(ms: u64) -> Now {
    Now { ms, unix_ms: ms }
}

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    mqtt_codec::encode(packet, Version::V311, &mut bytes).unwrap();
    bytes
}

fn enqueued(shard: &mut Shard, now: Now) -> usize {
    let mut turn = Turn::default();
    shard.end_turn(now, &mut turn);
    let messages = |op: &&message::record::StoreOp| matches!(op.record, Record::Enqueue(_));
    turn.ops.iter().filter(messages).count()
}

/// A full disk that stays full: retained messages at QoS 0 have no window that would end.
#[test]
fn what_waits_for_a_full_disk_is_bounded() {
    let limits = Limits {
        in_flight_bytes: IN_FLIGHT,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        mqtt: MqttSettings::default(),
        policy: Policy::AllowAll,
    };
    let mut shard = Shard::new(0, Arc::new(Shared::new(1, 7)), Arc::new(settings), 7);
    let peer = Peer {
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 1,
        listener: 0,
        transport: Transport::Tcp,
        credential: None,
    };
    let conn = shard.open(peer, at(1));
    let none = PropertiesBuf::new();
    let connect = Connect {
        version: Version::V311,
        bridge: false,
        clean: true,
        keep_alive: 0,
        props: none.as_props(),
        client_id: "p",
        will: None,
        user: None,
        password: None,
    };
    shard.on_bytes(conn, &encoded(&Packet::Connect(connect)), at(1));
    let outcome = AuthOutcome::Accept {
        user: None,
        data: None,
    };
    shard.on_auth(AuthReply { conn, outcome }, at(1));
    let mut bytes = Vec::new();
    for n in 0..100 {
        bytes.extend(encoded(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            topic: &format!("t/{n}"),
            packet_id: 0,
            props: none.as_props(),
            payload: &[0; 1000],
        })));
    }
    shard.on_bytes(conn, &bytes, at(2));
    let first = enqueued(&mut shard, at(2));
    assert!((5..=10).contains(&first), "{first}");
    let mut now = 2;
    let mut later = 0;
    for _ in 0..100 {
        now += 100;
        shard.on_timeout(at(now));
        later += enqueued(&mut shard, at(now));
    }
    // One at a time, as long as the bound is not met twice.
    assert!((5..=11).contains(&later), "{later}");
}
