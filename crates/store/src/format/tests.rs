//! Every record comes back from its bytes, and bytes that are none are refused.

use super::index_file::{self, Items, Summary};
use super::message::UnixOffset;
use super::record::{FRAME_HEAD, Fact, frame_body, live, put_brief, put_frame, put_record};
use super::{Salt, row};
use crate::{Live, Waiting};
use message::record::{Dest, Enqueue, Record, Row, RowKey};
use message::{Message, MessageId, Props, QoS, QueueId, hash};
use proptest::prelude::*;
use std::sync::Arc;

fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof!["[a-z/+#$]{0,12}", "\\PC{0,40}"].prop_map(Into::into)
}

fn bytes() -> impl Strategy<Value = Box<[u8]>> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(Into::into)
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

fn queue() -> impl Strategy<Value = QueueId> {
    prop_oneof![0..9u64, any::<u64>()].prop_map(QueueId)
}

fn props() -> impl Strategy<Value = Box<Props>> {
    let user = prop::collection::vec((text(), text()), 0..4);
    let utf8 = any::<Option<bool>>();
    let optional = (prop::option::of(text()), prop::option::of(text()));
    (utf8, optional, prop::option::of(bytes()), user).prop_map(
        |(payload_is_utf8, (content_type, reply_to), correlation, user)| {
            Box::new(Props {
                payload_is_utf8,
                content_type,
                reply_to,
                correlation,
                user,
            })
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let names = (0..4u64, queue(), prop_oneof![Just(0u64), any::<u64>()]);
    let parts = (text(), bytes(), prop::option::of(props()), qos());
    // Far from where adding an offset would meet the end of the numbers.
    let expires = prop::option::of((1u64 << 40)..(1u64 << 60));
    (names, parts, any::<bool>(), expires).prop_map(
        |((id, origin, retained_version), (topic, payload, props, qos), retain, expires_at)| {
            Message {
                id: MessageId(id),
                topic,
                payload,
                props,
                qos,
                retain,
                retained_version,
                expires_at,
                origin,
            }
        },
    )
}

fn dest() -> impl Strategy<Value = Dest> {
    let ids = prop::collection::vec(any::<u32>(), 0..4);
    (queue(), qos(), any::<bool>(), ids).prop_map(|(queue, qos, retain, ids)| Dest {
        queue,
        qos,
        retain,
        subscription_ids: ids.into(),
    })
}

fn enqueue() -> impl Strategy<Value = Enqueue> {
    let dests = prop::collection::vec(dest(), 0..6);
    let qos2_id = prop::option::of((queue(), any::<u16>()));
    (0..4u64, message(), dests, any::<bool>(), qos2_id).prop_map(
        |(id, message, dests, retained, qos2_id)| Enqueue {
            id: MessageId(id),
            message: Arc::new(message),
            dests: dests.into(),
            retained,
            qos2_id,
        },
    )
}

fn any_row() -> impl Strategy<Value = Row> {
    let times = (any::<Option<u32>>(), any::<Option<u64>>());
    let session = (queue(), text(), prop::option::of(text()), times).prop_map(
        |(queue, client_id, user, (expires_after_s, disconnected_at_ms))| Row::Session {
            queue,
            client_id,
            user,
            expires_after_s,
            disconnected_at_ms,
        },
    );
    let subscription = (
        queue(),
        text(),
        any::<u8>(),
        any::<Option<u32>>(),
        prop::option::of(queue()),
    )
        .prop_map(|(queue, filter, options, id, group)| Row::Subscription {
            queue,
            filter,
            options,
            id,
            group,
        });
    let inflight = (
        queue(),
        any::<u16>(),
        any::<u64>(),
        any::<u32>(),
        any::<bool>(),
    )
        .prop_map(
            |(queue, packet_id, message, ordinal, released)| Row::Inflight {
                queue,
                packet_id,
                message: MessageId(message),
                ordinal,
                released,
            },
        );
    let received =
        (queue(), any::<u16>()).prop_map(|(queue, packet_id)| Row::Received { queue, packet_id });
    let seconds = (any::<u32>(), any::<Option<u32>>());
    let will = (queue(), message(), seconds, any::<Option<u64>>()).prop_map(
        |(queue, message, (delay_s, expiry_s), due_at_ms)| Row::Will {
            queue,
            message: Arc::new(message),
            delay_s,
            expiry_s,
            due_at_ms,
        },
    );
    prop_oneof![session, subscription, inflight, received, will]
}

fn key() -> impl Strategy<Value = RowKey> {
    let retained = (text(), any::<u64>()).prop_map(|(topic, v)| RowKey::Retained(topic, v));
    prop_oneof![4 => any_row().prop_map(|row| row.key()), 1 => retained]
}

fn other() -> impl Strategy<Value = Record> {
    prop_oneof![
        (any::<u64>(), any::<u32>()).prop_map(|(id, ordinal)| Record::Settle {
            id: MessageId(id),
            ordinal
        }),
        (any::<u64>(), any::<u32>(), queue()).prop_map(|(id, ordinal, to)| Record::Assign {
            id: MessageId(id),
            ordinal,
            to
        }),
        any_row().prop_map(Record::Put),
        key().prop_map(Record::Delete),
    ]
}

fn body(record: &Record, offset: UnixOffset) -> Vec<u8> {
    let mut out = Vec::new();
    put_record(&mut out, record, offset, &hash::set(1));
    out
}

fn brief_of(body: &[u8]) -> Vec<u8> {
    let mut brief = Vec::new();
    put_brief(&mut brief, body, &Fact::decode(body).unwrap());
    brief
}

proptest! {
    #[test]
    fn a_message_comes_back(enqueue in enqueue(), offset in -1i64 << 40..1i64 << 40) {
        let offset = UnixOffset(offset);
        let bytes = body(&Record::Enqueue(Box::new(enqueue.clone())), offset);
        let found = live(&bytes, offset).unwrap().unwrap();
        let waiting = (0..).zip(enqueue.dests).map(|(ordinal, dest)| Waiting { ordinal, dest, group: None });
        let wanted = Live {
            id: enqueue.id,
            message: enqueue.message.clone(),
            waiting: waiting.collect(),
            retained: enqueue.retained,
            qos2_id: enqueue.qos2_id,
        };
        prop_assert_eq!(&found, &wanted);
        // On disk the time is Unix time.
        let as_it_lies = live(&bytes, UnixOffset(0)).unwrap().unwrap().message.expires_at;
        let unix = enqueue.message.expires_at.map(|at| at.saturating_add_signed(offset.0));
        prop_assert_eq!(as_it_lies, unix);
        let brief = brief_of(&bytes);
        prop_assert_eq!(Fact::from_brief(&brief), Fact::decode(&bytes));
        for len in 0..brief.len() {
            let _ = Fact::from_brief(&brief[..len]);
        }
    }

    #[test]
    fn other_records_come_back(record in other()) {
        let bytes = body(&record, UnixOffset(0));
        let found = match Fact::decode(&bytes).unwrap() {
            Fact::Settle { id, ordinal } => Record::Settle { id, ordinal },
            Fact::Assign { id, ordinal, to } => Record::Assign { id, ordinal, to },
            Fact::Put(row) => Record::Put(row),
            Fact::Delete(key) => Record::Delete(key),
            Fact::Message(..) | Fact::Marks(_) => panic!("another kind"),
        };
        prop_assert_eq!(found, record);
        prop_assert_eq!(brief_of(&bytes), &bytes[..]);
        for len in 0..bytes.len() {
            // A will's message may end anywhere; nothing else may.
            let _ = Fact::decode(&bytes[..len]);
        }
    }

    #[test]
    fn any_bytes_are_gone_through_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Fact::decode(&bytes);
        let _ = Fact::from_brief(&bytes);
        let _ = live(&bytes, UnixOffset(7));
        let _ = row::row(&bytes);
        let _ = row::key(&bytes);
        let _ = frame_body(&bytes, Salt(1));
        let _ = index_file::decode(&bytes, Salt(1), false).map(|(_, items)| items.count());
    }

    #[test]
    fn an_index_file_says_what_its_segment_does(records in prop::collection::vec(other(), 0..20)) {
        let mut items = Items::default();
        let bodies: Vec<_> = records.iter().map(|record| body(record, UnixOffset(0))).collect();
        for (at, body) in (0..).zip(&bodies) {
            items.push(at, 5, body, &Fact::decode(body).unwrap());
        }
        let summary = Summary { segment: 3, end: 9, first_batch: 1, last_batch: 2, epoch: 4, first_segment: 1 };
        let file = items.seal(&summary, Salt(1));
        let (found, items) = index_file::decode(&file, Salt(1), true).unwrap();
        prop_assert_eq!(found, summary);
        let briefs: Vec<_> = items.map(|item| item.unwrap().brief.to_vec()).collect();
        prop_assert_eq!(briefs, bodies);
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] ^= 1;
            prop_assert!(index_file::decode(&file, Salt(1), true).is_err());
        }
    }
}

#[test]
fn a_frame_is_checked() {
    let mut frame = Vec::new();
    put_frame(&mut frame, Salt(1), |out| out.extend(b"body"));
    assert_eq!(frame.len(), FRAME_HEAD + 4);
    assert_eq!(frame_body(&frame, Salt(1)), Ok(&b"body"[..]));
    assert!(frame_body(&frame, Salt(2)).is_err());
    frame.push(0);
    assert!(frame_body(&frame, Salt(1)).is_err(), "a byte too much");
}
