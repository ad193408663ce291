//! What recovery says to the log, and what names it gives out after.

use super::{Recovered, Recovery, Seen};
use crate::auth::{AuthOutcome, AuthReply, Peer, Policy, Transport};
use crate::{Limits, MqttSettings, Now, Settings, Shard, Shared, Turn};
use message::record::{Dest, Durable, Record, Row, RowKey};
use message::{Message, MessageId, QoS, QueueId};
use mqtt_codec::{Connect, Packet, PropertiesBuf, Property, Version};
use std::sync::Arc;

const NOW: Now = Now {
    ms: 500,
    unix_ms: 1_000_000,
};

fn shards(count: u16) -> Vec<Shard> {
    let shared = Arc::new(Shared::new(count, 7));
    let settings = Arc::new(Settings {
        limits: Limits::default(),
        mqtt: MqttSettings::default(),
        policy: Policy::AllowAll,
    });
    (0..count)
        .map(|id| Shard::new(id, shared.clone(), settings.clone(), 7))
        .collect()
}

fn session(queue: u64) -> Row {
    Row::Session {
        queue: QueueId(queue),
        client_id: format!("c{queue}").into(),
        user: None,
        expires_after_s: None,
        disconnected_at_ms: Some(0),
    }
}

fn member(queue: u64, group: u64) -> Row {
    Row::Subscription {
        queue: QueueId(queue),
        filter: "$share/g/t".into(),
        options: 1,
        id: None,
        group: Some(QueueId(group)),
    }
}

fn message(id: u64, expires_at: Option<u64>) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId(id),
        topic: "t".into(),
        expires_at,
        ..Message::default()
    })
}

fn dest(queue: u64, qos: QoS) -> Dest {
    Dest {
        queue: QueueId(queue),
        qos,
        retain: false,
        subscription_ids: Box::default(),
    }
}

/// The records of the first turns.
fn records(shards: &mut [Shard]) -> Vec<Record> {
    let mut all = Vec::new();
    for shard in shards {
        let mut turn = Turn::default();
        shard.on_timeout(NOW);
        shard.end_turn(NOW, &mut turn);
        all.extend(turn.ops.into_iter().map(|op| op.record));
    }
    all
}

fn settle(id: u64, ordinal: u32) -> Record {
    Record::Settle {
        id: MessageId(id),
        ordinal,
    }
}

/// The end of the first one had not been written when the node stopped.
#[test]
fn of_two_sessions_of_a_client_the_newer_one_lives() {
    let mut shards = shards(1);
    let mut recovery = Recovery::new(&mut shards, NOW);
    for queue in [1, 2] {
        let Row::Session {
            disconnected_at_ms,
            user,
            expires_after_s,
            ..
        } = session(queue)
        else {
            panic!("another row");
        };
        recovery.row(&Row::Session {
            queue: QueueId(queue),
            client_id: "c".into(),
            user,
            expires_after_s,
            disconnected_at_ms,
        });
    }
    recovery.message(message(5, None), false, None);
    recovery.destination(0, &dest(1, QoS::AtLeastOnce), None);
    recovery.destination(1, &dest(2, QoS::AtLeastOnce), None);
    recovery.finish();
    let ended = [settle(5, 0), Record::Delete(RowKey::Session(QueueId(1)))];
    assert_eq!(records(&mut shards), ended);
    let back = connect_first(&mut shards[0], "c");
    let row = back.ops.iter().map(|op| &op.record);
    let resumed = |record: &Record| matches!(record, Record::Put(Row::Session { queue, .. }) if *queue == QueueId(2));
    assert!(row.into_iter().any(resumed), "{:?}", back.ops);
}

#[test]
fn what_belongs_to_nobody_is_let_go() {
    let mut shards = shards(3);
    let mut recovery = Recovery::new(&mut shards, NOW);
    recovery.row(&session(1));
    let orphan = Row::Received {
        queue: QueueId(9),
        packet_id: 4,
    };
    recovery.row(&orphan);
    recovery.message(message(5, None), false, Some((QueueId(9), 5)));
    recovery.destination(0, &dest(1, QoS::AtLeastOnce), None);
    recovery.destination(1, &dest(9, QoS::AtLeastOnce), None);
    recovery.destination(2, &dest(9, QoS::ExactlyOnce), Some(QueueId(1)));
    let found = recovery.finish();
    let wanted = Recovered {
        sessions: 1,
        messages: 1,
        ..Recovered::default()
    };
    assert_eq!(found, wanted);
    let let_go = [
        Record::Delete(RowKey::Received(QueueId(9), 4)),
        Record::Delete(RowKey::Received(QueueId(9), 5)),
        settle(5, 1),
        settle(5, 2),
    ];
    assert_eq!(records(&mut shards), let_go);
}

#[test]
fn what_has_expired_while_it_waited_is_settled() {
    let mut shards = shards(1);
    let mut recovery = Recovery::new(&mut shards, NOW);
    recovery.row(&session(1));
    for (id, unix_ms) in [(3, NOW.unix_ms - 1), (4, NOW.unix_ms), (5, NOW.unix_ms + 1)] {
        recovery.message(message(id, Some(unix_ms)), false, None);
        recovery.destination(0, &dest(1, QoS::AtLeastOnce), None);
    }
    recovery.finish();
    assert_eq!(records(&mut shards), [settle(3, 0), settle(4, 0)]);
}

#[test]
fn a_retained_message_that_has_expired_ends_in_the_first_turn() {
    let mut shards = shards(2);
    let mut recovery = Recovery::new(&mut shards, NOW);
    let expired = Message {
        retained_version: 9,
        ..(*message(3, Some(NOW.unix_ms - 100_000))).clone()
    };
    recovery.message(Arc::new(expired), true, None);
    recovery.finish();
    let ended = Record::Delete(RowKey::Retained("t".into(), 9));
    assert_eq!(records(&mut shards), [ended]);
}

#[test]
fn a_group_that_ended_and_began_anew_is_the_new_one() {
    let mut shards = shards(2);
    let mut recovery = Recovery::new(&mut shards, NOW);
    recovery.row(&session(1));
    recovery.row(&session(2));
    recovery.row(&member(1, 17));
    recovery.row(&member(2, 23));
    for (id, group) in [(5, 17), (6, 23)] {
        recovery.message(message(id, None), false, None);
        recovery.destination(0, &dest(group, QoS::AtLeastOnce), None);
    }
    recovery.finish();
    let mut said = records(&mut shards);
    said.sort_by_key(|record| format!("{record:?}"));
    assert_eq!(said, [Record::Put(member(1, 23)), settle(5, 0)]);
}

#[test]
fn names_begin_above_all_that_were() {
    for (before, count) in [(1001, 1), (1001, 3), (1000, 4)] {
        let mut shards = shards(count);
        let mut recovery = Recovery::new(&mut shards, NOW);
        recovery.row(&session(40));
        recovery.saw(Seen {
            message: MessageId(before),
            queue: QueueId(50),
            version: 60,
        });
        recovery.message(message(before - 100, None), true, None);
        recovery.finish();
        for shard in &mut shards {
            assert!(shard.next_message_id() > MessageId(before));
            assert!(shard.shared.new_queue() > QueueId(50));
        }
        let version = shards[0].shared.write_retained(|tree| tree.next_version());
        assert_eq!(version, 61);
    }
}

fn said(turn: Turn) -> Vec<Record> {
    turn.ops.into_iter().map(|op| op.record).collect()
}

/// A client connects in the first turn, before the timers of it have fired.
fn connect_first(shard: &mut Shard, client_id: &str) -> Turn {
    let mut expiry = PropertiesBuf::new();
    expiry.push(Property::SessionExpiryInterval(100));
    let connect = Connect {
        version: Version::V5,
        bridge: false,
        clean: false,
        keep_alive: 0,
        props: expiry.as_props(),
        client_id,
        will: None,
        user: None,
        password: None,
    };
    let mut bytes = Vec::new();
    mqtt_codec::encode(&Packet::Connect(connect), Version::V5, &mut bytes).unwrap();
    let peer = Peer {
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 1,
        listener: 0,
        transport: Transport::Tcp,
        credential: None,
    };
    let conn = shard.open(peer, NOW);
    shard.on_bytes(conn, &bytes, NOW);
    let outcome = AuthOutcome::Accept {
        user: None,
        data: None,
    };
    shard.on_auth(AuthReply { conn, outcome }, NOW);
    let mut turn = Turn::default();
    shard.end_turn(NOW, &mut turn);
    turn
}

#[test]
fn queues_begin_without_their_bodies_and_ask_for_them_when_somebody_comes() {
    let mut shards = shards(1);
    let mut recovery = Recovery::new(&mut shards, NOW);
    recovery.row(&session(1));
    recovery.row(&session(2));
    recovery.row(&member(2, 3));
    let messages: Vec<_> = (5..8).map(|id| message(id, None)).collect();
    for message in &messages {
        recovery.message(message.clone(), false, None);
        recovery.destination(0, &dest(1, QoS::AtLeastOnce), None);
        recovery.destination(1, &dest(3, QoS::AtLeastOnce), None);
    }
    recovery.finish();
    assert!(messages.iter().all(|m| Arc::strong_count(m) == 1));

    let said = connect_first(&mut shards[0], "c1");
    let durable = said.ops.last().unwrap().seq;
    shards[0].on_durable(&Durable::all(0, durable), NOW);
    let mut turn = Turn::default();
    shards[0].end_turn(NOW, &mut turn);
    let asked: Vec<_> = turn.reads.iter().map(|read| read.id.0).collect();
    assert_eq!(asked, [5, 6, 7]);
    let lost = shards[0].on_body(turn.reads[1].ticket, None, NOW);
    let (id, queue) = (MessageId(6), QueueId(1));
    assert_eq!(lost, Err(crate::Lost { id, queue }));
    // Nobody has asked for that.
    assert_eq!(shards[0].on_body(77, None, NOW), Ok(()));
}

#[test]
fn a_client_that_is_back_before_the_first_timer_finds_its_session_gone() {
    let mut shards = shards(1);
    let mut recovery = Recovery::new(&mut shards, NOW);
    recovery.row(&Row::Session {
        queue: QueueId(1),
        client_id: "c".into(),
        user: None,
        expires_after_s: Some(10),
        disconnected_at_ms: Some(NOW.unix_ms - 10_000),
    });
    recovery.finish();
    let said = said(connect_first(&mut shards[0], "c"));
    assert!(said.contains(&Record::Delete(RowKey::Session(QueueId(1)))));
}

#[test]
fn a_client_that_is_back_before_the_first_timer_has_not_stopped_its_overdue_will() {
    let mut shards = shards(1);
    let mut recovery = Recovery::new(&mut shards, NOW);
    recovery.row(&session(1));
    let will = Message {
        topic: "w".into(),
        payload: (*b"bye").into(),
        retain: true,
        ..Message::default()
    };
    recovery.row(&Row::Will {
        queue: QueueId(1),
        message: Arc::new(will),
        delay_s: 10,
        expiry_s: None,
        due_at_ms: Some(NOW.unix_ms),
    });
    recovery.finish();
    let said = said(connect_first(&mut shards[0], "c1"));
    assert!(!said.contains(&Record::Delete(RowKey::Session(QueueId(1)))));
    let sent = |record: &Record| matches!(record, Record::Enqueue(e) if &*e.message.topic == "w");
    assert!(said.iter().any(sent), "{said:?}");
}
