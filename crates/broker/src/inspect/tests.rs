//! Tests of looks into a shard: what a scan shows while sessions come and go, and what is counted.

use super::*;
use crate::auth::{AuthOutcome, AuthReply, Peer, Policy, Transport};
use crate::stats::{Drop, Refusal};
use crate::{ConnId, Limits, MqttSettings, Settings, Shared, Turn};
use mqtt_codec::{PropertiesBuf, Property, ReasonCode, SubOptions};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const NOW: Now = Now {
    ms: 5_000,
    unix_ms: 1_700_000_000_000,
};

/// One shard, a log that syncs at once, and sockets that take everything.
struct Node {
    shard: Shard,
    turn: Turn,
    now: Now,
}

impl Node {
    fn new() -> Self {
        let settings = Settings {
            limits: Limits::default(),
            mqtt: MqttSettings::default(),
            policy: Policy::AllowAll,
        };
        Node {
            shard: Shard::new(0, Arc::new(Shared::new(1, 7)), Arc::new(settings), 7),
            turn: Turn::default(),
            now: NOW,
        }
    }

    /// Turns until nothing more comes of them.
    fn settle(&mut self) {
        for _ in 0..6 {
            self.shard.end_turn(self.now, &mut self.turn);
            let turn = std::mem::take(&mut self.turn);
            for request in turn.auth {
                let outcome = match request.user.as_deref() {
                    Some("nobody") => AuthOutcome::Reject {
                        reason: ReasonCode::BadUserNameOrPassword,
                        why: "wrong password".into(),
                    },
                    user => AuthOutcome::Accept {
                        user: user.map(Into::into),
                        data: None,
                    },
                };
                let conn = request.conn;
                self.shard.on_auth(AuthReply { conn, outcome }, self.now);
            }
            if let Some(last) = turn.ops.last() {
                self.shard
                    .on_durable(&message::record::Durable::all(0, last.seq), self.now);
            }
            for conn in turn.dirty.into_iter().chain(turn.closing.iter().copied()) {
                let waiting = self.shard.outbox(conn).len();
                self.shard.wrote(conn, waiting, self.now);
            }
            for conn in turn.closing {
                self.shard.release(conn);
            }
        }
    }

    fn open(&mut self, port: u16) -> ConnId {
        let peer = Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
            listener: 3,
            transport: Transport::Tcp,
            credential: None,
        };
        self.shard.open(peer, self.now)
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.shard.on_bytes(conn, bytes, self.now);
        self.settle();
    }

    /// A client of MQTT 5 whose session lasts so long.
    fn connect(&mut self, client_id: &str, expiry_s: u32) -> ConnId {
        let conn = self.open(1000);
        self.send(conn, &connect(5, client_id, expiry_s, None));
        conn
    }

    fn rows<T>(
        &self,
        question: fn(Scan) -> Question,
        page: fn(Answer) -> Page<T>,
        at_most: usize,
    ) -> Vec<T> {
        let (mut rows, mut from) = (Vec::new(), Some(Cursor::default()));
        while let Some(cursor) = from {
            let scan = Scan {
                from: cursor,
                at_most,
            };
            let page = page(self.shard.inspect(&question(scan), self.now));
            assert!(rows.len() < 100_000, "the scan goes round in circles");
            assert!(page.rows.len() <= at_most.min(MAX_STEP));
            rows.extend(page.rows);
            from = page.next;
        }
        rows
    }

    fn counts(&self) -> Counts {
        match self.shard.inspect(&Question::Counts, self.now) {
            Answer::Counts(counts) => *counts,
            other => panic!("{other:?}"),
        }
    }
}

fn sessions(answer: Answer) -> Page<SessionRow> {
    match answer {
        Answer::Sessions(page) => page,
        other => panic!("{other:?}"),
    }
}

fn subscriptions(answer: Answer) -> Page<SubscriptionRow> {
    match answer {
        Answer::Subscriptions(page) => page,
        other => panic!("{other:?}"),
    }
}

fn connections(answer: Answer) -> Page<ConnectionRow> {
    match answer {
        Answer::Connections(page) => page,
        other => panic!("{other:?}"),
    }
}

/// A packet of less than 128 bytes.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    [&[first, body.len() as u8], body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

fn connect(level: u8, client_id: &str, expiry_s: u32, user: Option<&str>) -> Vec<u8> {
    let flags = 0x02 | if user.is_some() { 0x80 } else { 0 };
    let mut body = [text("MQTT"), vec![level, flags, 0, 60]].concat();
    if level == 5 {
        let mut props = PropertiesBuf::new();
        props.push(Property::SessionExpiryInterval(expiry_s));
        body.push(props.as_props().raw().len() as u8);
        body.extend_from_slice(props.as_props().raw());
    }
    body.extend(text(client_id));
    body.extend(user.into_iter().flat_map(text));
    packet(0x10, &body)
}

/// Of MQTT 5.
fn subscribe(filter: &str, options: SubOptions) -> Vec<u8> {
    let body = [vec![0, 1, 0], text(filter), vec![options.to_byte()]].concat();
    packet(0x82, &body)
}

fn unsubscribe(filter: &str) -> Vec<u8> {
    packet(0xA2, &[vec![0, 1, 0], text(filter)].concat())
}

#[test]
fn a_scan_shows_each_session_that_stays_exactly_once() {
    const STAYING: usize = 3_000;
    let mut node = Node::new();
    let mut passing = Vec::new();
    for i in 0..STAYING {
        node.connect(&format!("stays-{i}"), if i % 3 == 0 { 100 } else { 0 });
        // Holes, and sessions that will go.
        passing.push(node.connect(&format!("passes-{i}"), 0));
        if i % 4 == 0 {
            let conn = passing.swap_remove(i % passing.len());
            node.shard.on_closed(conn, "closed", NOW);
        }
    }
    node.settle();
    let mut seen: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let (mut from, mut steps) = (Some(Cursor::default()), 0);
    while let Some(cursor) = from {
        steps += 1;
        let scan = Scan {
            from: cursor,
            at_most: 1 + steps * 7 % 200,
        };
        let page = sessions(node.shard.inspect(&Question::Sessions(scan), NOW));
        page.rows
            .iter()
            .for_each(|row| *seen.entry(row.client_id.clone()).or_default() += 1);
        from = page.next;
        // Some leave, others come and take their places.
        for _ in 0..20.min(passing.len()) {
            let conn = passing.swap_remove(steps * 31 % passing.len());
            node.shard.on_closed(conn, "closed", NOW);
        }
        node.settle();
        for i in 0..10 {
            node.connect(&format!("comes-{steps}-{i}"), 0);
        }
    }
    assert!(steps > 30, "{steps} steps");
    for i in 0..STAYING {
        assert_eq!(seen.get(&*format!("stays-{i}")), Some(&1), "stays-{i}");
    }
    assert!(seen.values().all(|times| *times == 1));
}

#[test]
fn a_look_at_many_empty_slots_is_bounded() {
    let mut node = Node::new();
    let conns: Vec<_> = (0..2_000)
        .map(|i| node.connect(&format!("c{i}"), 0))
        .collect();
    for conn in &conns[..1_999] {
        node.shard.on_closed(*conn, "closed", NOW);
    }
    for question in [
        Question::Sessions,
        Question::Connections,
        Question::Subscriptions,
    ] {
        let scan = Scan {
            from: Cursor::default(),
            at_most: usize::MAX,
        };
        let (rows, next) = match node.shard.inspect(&question(scan), NOW) {
            Answer::Sessions(page) => (page.rows.len(), page.next),
            Answer::Connections(page) => (page.rows.len(), page.next),
            Answer::Subscriptions(page) => (page.rows.len(), page.next),
            other => panic!("{other:?}"),
        };
        assert_eq!(rows, 0);
        assert_eq!(next.map(|next| next.slot as usize), Some(MAX_STEP));
    }
    assert_eq!(node.rows(Question::Sessions, sessions, 10).len(), 1);
    assert_eq!(node.rows(Question::Connections, connections, 10).len(), 1);
}

#[test]
fn subscriptions_are_shown_once_while_their_neighbours_change() {
    let mut node = Node::new();
    let clients: Vec<_> = (0..5)
        .map(|i| node.connect(&format!("c{i}"), 100))
        .collect();
    let options = SubOptions::default();
    for (no, conn) in clients.iter().enumerate() {
        for i in 0..no * 40 {
            node.send(*conn, &subscribe(&format!("f/{:03}", i * 2), options));
        }
    }
    let all = 40 + 80 + 120 + 160;
    for at_most in [1, 3, 39, 40, 41, 512] {
        let rows = node.rows(Question::Subscriptions, subscriptions, at_most);
        assert_eq!(rows.len(), all, "{at_most} at most");
    }
    let mut seen: BTreeMap<(Arc<str>, Box<str>), usize> = BTreeMap::new();
    let (mut from, mut step) = (Some(Cursor::default()), 0);
    while let Some(cursor) = from {
        let scan = Scan {
            from: cursor,
            at_most: 7,
        };
        let page = subscriptions(node.shard.inspect(&Question::Subscriptions(scan), NOW));
        for row in page.rows {
            *seen.entry((row.client_id, row.filter)).or_default() += 1;
        }
        from = page.next;
        // Every tenth goes, others come in between.
        for conn in &clients {
            node.send(*conn, &unsubscribe(&format!("f/{:03}", step * 20)));
            node.send(
                *conn,
                &subscribe(&format!("f/{:03}", step * 6 + 1), options),
            );
        }
        step += 1;
    }
    assert!(seen.values().all(|times| *times == 1));
    for (no, _) in clients.iter().enumerate() {
        for i in (0..no * 40).filter(|i| i % 10 != 0) {
            let key = (format!("c{no}").into(), format!("f/{:03}", i * 2).into());
            assert_eq!(seen.get(&key), Some(&1), "{key:?}");
        }
    }
}

#[test]
fn a_row_says_what_its_client_asked_for() {
    let mut node = Node::new();
    let conn = node.open(4321);
    node.send(conn, &connect(5, "c", 100, Some("ann")));
    let options = SubOptions {
        qos: mqtt_codec::QoS::AtLeastOnce,
        no_local: false,
        retain_as_published: true,
        retain_handling: mqtt_codec::RetainHandling::DontSend,
    };
    node.send(conn, &subscribe("$share/g/a/+", options));
    let row = &node.rows(Question::Subscriptions, subscriptions, 9)[0];
    assert_eq!((&*row.client_id, &*row.filter), ("c", "$share/g/a/+"));
    assert_eq!(
        (row.share.as_deref(), row.topic_filter()),
        (Some("g"), "a/+")
    );
    assert_eq!(row.qos, message::QoS::AtLeastOnce);
    assert!(row.retain_as_published && !row.no_local);
    assert_eq!((row.retain_handling, row.subscription_id), (2, None));
    node.send(conn, &packet(0x30, &[text("t"), vec![0, b'x']].concat()));
    let client_id = "c".into();
    let Answer::Connection(Some(row)) =
        node.shard.inspect(&Question::Connection { client_id }, NOW)
    else {
        panic!("the client is connected")
    };
    assert_eq!(
        (row.user.as_deref(), row.peer.port, row.peer.listener),
        (Some("ann"), 4321, 3)
    );
    assert_eq!(
        (row.keep_alive_s, row.clean_start, row.durable),
        (60, true, true)
    );
    assert_eq!(
        (row.received_messages, row.sent_messages, row.subscriptions),
        (1, 0, 1)
    );
    assert_eq!(row.connected_at_unix_ms, NOW.unix_ms);
    let stats = node.shard.stats();
    assert_eq!(
        (row.received_bytes, row.sent_bytes),
        (stats.received_bytes, stats.sent_bytes)
    );
    node.now = Now {
        ms: NOW.ms + 2_500,
        unix_ms: NOW.unix_ms + 2_500,
    };
    node.shard.on_closed(conn, "closed", node.now);
    node.settle();
    node.now.ms += 1_000;
    let client_id = "c".into();
    let Answer::Session(Some(row)) = node
        .shard
        .inspect(&Question::Session { client_id }, node.now)
    else {
        panic!("the session is there")
    };
    assert_eq!(
        (row.connected, row.version, row.expiry_s),
        (false, None, Some(100))
    );
    assert_eq!(row.ends_in_ms, Some(99_000));
    assert_eq!(row.created_at_unix_ms, NOW.unix_ms);
    assert_eq!(row.disconnected_at_unix_ms, Some(NOW.unix_ms + 2_500));
    assert!(node.rows(Question::Connections, connections, 9).is_empty());
}

#[test]
fn what_happens_is_counted() {
    let mut node = Node::new();
    let reader = node.open(1);
    node.send(reader, &connect(5, "reader", 0, None));
    node.send(reader, &subscribe("t", SubOptions::default()));
    let writer = node.open(2);
    let hello = connect(4, "writer", 0, None);
    let news = packet(0x30, &[text("t"), b"news".to_vec()].concat());
    // In one read: what was read with the CONNECT counts as its version's too.
    node.send(writer, &[hello.clone(), news.clone()].concat());
    let sure = packet(0x32, &[text("t"), vec![0, 1], b"sure".to_vec()].concat());
    node.send(writer, &sure);
    let stranger = node.open(3);
    node.send(stranger, b"GET / HTTP/1.1\r\n\r\n");
    let wrong = node.open(4);
    node.send(wrong, &connect(5, "w", 0, Some("nobody")));
    node.send(reader, &[0x00, 0x00]);
    let Counts {
        stats,
        connections,
        sessions,
        ..
    } = node.counts();
    assert_eq!((connections, sessions), ([0, 1, 0], 1));
    assert_eq!(
        (stats.opened, stats.connected(), stats.sessions_created),
        (4, 2, 2)
    );
    let [_, v311, v5] = &stats.by_version;
    assert_eq!(
        (v311.connected, v311.received, v311.sent),
        (1, [1, 1, 0], [0; 3])
    );
    assert_eq!((v5.connected, v5.received, v5.sent), (1, [0; 3], [2, 0, 0]));
    let written = hello.len() + news.len() + sure.len();
    assert_eq!(v311.received_bytes, written as u64);
    // CONNACK and PUBACK.
    assert_eq!(v311.sent_bytes, 4 + 4);
    assert_eq!(
        (
            stats.published,
            stats.publishes_received(),
            stats.publishes_sent()
        ),
        (2, 2, 2)
    );
    assert_eq!(
        (stats.received_payload_bytes, stats.sent_payload_bytes),
        (8, 8)
    );
    let counted = |all: &[u64; 16]| -> Vec<(&str, u64)> {
        let pairs = crate::stats::PACKETS.into_iter().zip(*all);
        pairs.filter(|(_, n)| *n > 0).collect()
    };
    let received = [("connect", 3), ("publish", 2), ("subscribe", 1)];
    assert_eq!(counted(&stats.received_packets), received);
    let sent = [
        ("connack", 3),
        ("publish", 2),
        ("puback", 1),
        ("suback", 1),
        ("disconnect", 1),
    ];
    assert_eq!(counted(&stats.sent_packets), sent);
    let refused = |reason: Refusal| stats.refused[reason as usize];
    assert_eq!(
        (
            refused(Refusal::Malformed),
            refused(Refusal::BadCredentials)
        ),
        (1, 1)
    );
    assert_eq!(stats.refused.iter().sum::<u64>(), 2);
    assert_eq!((stats.auth_failures, stats.protocol_errors), (1, 1));
    let mut twice = stats.clone();
    twice.add(&stats);
    assert_eq!(
        (twice.opened, twice.by_version[1].received, twice.refused[5]),
        (8, [2, 2, 0], 2)
    );
    assert_eq!(stats.dropped(Drop::Offline), 0);
}
