//! Which rows belong to a queue, and end with it.

use message::QueueId;
use message::record::RowKey;
use std::collections::BTreeMap;

/// The queue that a row belongs to; `None` for the end of a retained topic, which is no row.
pub(crate) fn owner(key: &RowKey) -> Option<QueueId> {
    match key {
        RowKey::Session(queue)
        | RowKey::Subscription(queue, _)
        | RowKey::Inflight(queue, _)
        | RowKey::Received(queue, _)
        | RowKey::Will(queue) => Some(*queue),
        RowKey::Retained(..) => None,
    }
}

/// The keys of a queue's rows.
pub(crate) fn of_queue<R>(rows: &BTreeMap<RowKey, R>, queue: QueueId) -> Vec<RowKey> {
    let first = [
        RowKey::Session(queue),
        RowKey::Subscription(queue, Box::default()),
        RowKey::Inflight(queue, 0),
        RowKey::Received(queue, 0),
        RowKey::Will(queue),
    ];
    let mut keys = Vec::new();
    for from in first {
        let kind = std::mem::discriminant(&from);
        let of_kind = rows.range(from..).map(|(key, _)| key);
        let same = |k: &&RowKey| std::mem::discriminant(*k) == kind && owner(k) == Some(queue);
        keys.extend(of_kind.take_while(same).cloned());
    }
    keys
}
