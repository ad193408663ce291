//! The fold of random records equals that of a model which keeps plain lists and looks through all
//! of them each time.

use message::record::{Dest, Enqueue, Record, Row, RowKey, StoreOp};
use message::{LogId, Message, MessageId, QoS, QueueId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Folded, Live, Log, MemoryLog, Waiting};

#[derive(Default)]
struct Model {
    messages: Vec<Live>,
    rows: Vec<Row>,
    /// Topic to highest version seen.
    versions: BTreeMap<Box<str>, u64>,
}

impl Model {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::Enqueue(e) => self.enqueue(e),
            Record::Settle { id, ordinal } => {
                for m in self.messages.iter_mut().filter(|m| m.id == *id) {
                    m.waiting.retain(|w| w.ordinal != *ordinal);
                }
            }
            Record::Assign { id, ordinal, to } => {
                let messages = self.messages.iter_mut().filter(|m| m.id == *id);
                for w in messages
                    .flat_map(|m| &mut m.waiting)
                    .filter(|w| w.ordinal == *ordinal)
                {
                    let group = w.group.unwrap_or(w.dest.queue);
                    w.group = (group != *to).then_some(group);
                    w.dest.queue = *to;
                }
            }
            Record::Put(row) => {
                self.rows.retain(|r| r.key() != row.key());
                self.rows.push(row.clone());
            }
            Record::Delete(RowKey::Session(queue)) => self.end(*queue),
            Record::Delete(RowKey::Retained(topic, version)) => {
                self.retain(topic, *version, None);
            }
            Record::Delete(key) => {
                self.rows.retain(|r| r.key() != *key);
                if let RowKey::Received(queue, packet_id) = key {
                    self.release(Some((*queue, *packet_id)));
                }
            }
        }
        self.messages
            .retain(|m| !m.waiting.is_empty() || m.retained || m.qos2_id.is_some());
    }

    fn enqueue(&mut self, e: &Enqueue) {
        if e.qos2_id.is_some() {
            self.release(e.qos2_id);
        }
        let waiting = e.dests.iter().enumerate().map(|(i, dest)| Waiting {
            ordinal: i as u32,
            dest: dest.clone(),
            group: None,
        });
        self.messages.push(Live {
            id: e.id,
            message: e.message.clone(),
            waiting: waiting.collect(),
            retained: false,
            qos2_id: e.qos2_id,
        });
        if e.retained {
            let value = (!e.message.payload.is_empty()).then_some(e.id);
            self.retain(&e.message.topic, e.message.retained_version, value);
        }
    }

    fn retain(&mut self, topic: &str, version: u64, id: Option<MessageId>) {
        if self.versions.get(topic).is_none_or(|v| *v <= version) {
            self.versions.insert(topic.into(), version);
            for m in self
                .messages
                .iter_mut()
                .filter(|m| &*m.message.topic == topic)
            {
                m.retained = Some(m.id) == id;
            }
        }
    }

    fn release(&mut self, id: Option<(QueueId, u16)>) {
        for m in self.messages.iter_mut().filter(|m| m.qos2_id == id) {
            m.qos2_id = None;
        }
    }

    fn end(&mut self, queue: QueueId) {
        for m in &mut self.messages {
            for w in &mut m.waiting {
                if w.group == Some(queue) {
                    w.group = None;
                } else if let Some(group) = w.group
                    && w.dest.queue == queue
                    && w.dest.qos < QoS::ExactlyOnce
                {
                    (w.dest.queue, w.group) = (group, None);
                } else if w.dest.queue == queue {
                    w.ordinal = u32::MAX;
                }
            }
            m.waiting.retain(|w| w.ordinal != u32::MAX);
            m.qos2_id = m.qos2_id.filter(|(q, _)| *q != queue);
        }
        self.rows.retain(|row| match row {
            Row::Session { queue: q, .. }
            | Row::Subscription { queue: q, .. }
            | Row::Inflight { queue: q, .. }
            | Row::Received { queue: q, .. }
            | Row::Will { queue: q, .. } => *q != queue,
        });
    }
}

fn queue() -> impl Strategy<Value = QueueId> {
    (1..6u64).prop_map(QueueId)
}

fn dest() -> impl Strategy<Value = Dest> {
    (queue(), any::<bool>()).prop_map(|(queue, twice)| Dest {
        queue,
        qos: if twice {
            QoS::ExactlyOnce
        } else {
            QoS::AtLeastOnce
        },
        retain: false,
        subscription_ids: Box::default(),
    })
}

fn enqueue() -> impl Strategy<Value = Record> {
    let dests = prop::collection::vec(dest(), 0..4);
    let qos2_id = prop::option::of((queue(), 1..4u16));
    (dests, any::<bool>(), "[ab]", "x?", 1..8u64, qos2_id).prop_map(
        |(dests, retained, topic, payload, version, qos2_id)| {
            let message = Message {
                topic: topic.into(),
                payload: payload.into_bytes().into(),
                retained_version: version,
                ..Message::default()
            };
            Record::Enqueue(Box::new(Enqueue {
                id: MessageId(0),
                message: Arc::new(message),
                dests: dests.into(),
                retained,
                qos2_id,
            }))
        },
    )
}

fn row() -> impl Strategy<Value = Row> {
    let session = queue().prop_map(|queue| Row::Session {
        queue,
        client_id: "c".into(),
        user: None,
        expires_after_s: None,
        disconnected_at_ms: None,
    });
    let subscription =
        (queue(), "[ab]", 0..3u8).prop_map(|(queue, filter, options)| Row::Subscription {
            queue,
            filter: filter.into(),
            options,
            id: None,
            group: None,
        });
    let received =
        (queue(), 1..4u16).prop_map(|(queue, packet_id)| Row::Received { queue, packet_id });
    let will = queue().prop_map(|queue| Row::Will {
        queue,
        message: Arc::default(),
        delay_s: 1,
        expiry_s: None,
        due_at_ms: None,
    });
    prop_oneof![session, subscription, received, will]
}

/// Ids in records are places among the messages so far, counted from the end.
fn record() -> impl Strategy<Value = Record> {
    let id = || (0..12u64).prop_map(MessageId);
    prop_oneof![
        6 => enqueue(),
        6 => (id(), 0..4u32).prop_map(|(id, ordinal)| Record::Settle { id, ordinal }),
        3 => (id(), 0..4u32, queue()).prop_map(|(id, ordinal, to)| Record::Assign { id, ordinal, to }),
        3 => row().prop_map(Record::Put),
        2 => row().prop_map(|row| Record::Delete(row.key())),
        1 => queue().prop_map(|queue| Record::Delete(RowKey::Session(queue))),
        1 => ("[ab]", 1..8u64).prop_map(|(t, v)| Record::Delete(RowKey::Retained(t.into(), v))),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_model(records in prop::collection::vec(record(), 0..120)) {
        let mut log = MemoryLog::new(LogId::LOCAL, 7);
        let mut model = Model::default();
        let mut count = 0;
        for (seq, mut record) in (1..).zip(records) {
            match &mut record {
                Record::Enqueue(e) => {
                    count += 1;
                    e.id = MessageId(count);
                }
                Record::Settle { id, .. } | Record::Assign { id, .. } => {
                    id.0 = u64::saturating_sub(count, id.0);
                }
                _ => {}
            }
            model.apply(&record);
            log.append(0, vec![StoreOp { log: LogId::LOCAL, shard: 0, seq, record }]).unwrap();
        }
        let (mut rows, mut messages) = (Vec::new(), Vec::new());
        log.scan(&mut |item| match item {
            Folded::Row(row) => rows.push(row.clone()),
            Folded::Message(live) => messages.push(live.clone()),
        }).unwrap();
        model.rows.sort_by_key(Row::key);
        prop_assert_eq!(rows, model.rows);
        prop_assert_eq!(&messages, &model.messages);
        for live in &messages {
            let body = log.read(live.id).unwrap();
            prop_assert_eq!(body.as_ref(), Some(&live.message));
        }
        prop_assert_eq!(log.fold().len(), messages.len());
    }
}
