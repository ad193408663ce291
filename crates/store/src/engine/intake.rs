//! Operations that wait to be written: one queue, in the order in which they were given.
//!
//! Owned by an engine. While the disk is full, messages are held back here and what lets the log shrink
//! goes past them; but nothing goes past a held operation that it hangs on: a settle of a held message,
//! a row with the key of a held row, the release of a held QoS 2 id. The end of a session goes past all of
//! them: what is held for it is left out when it is written at last.

use message::record::{Record, Row, RowKey, StoreOp};
use message::{Map, MessageId, QoS, QueueId, Set, ShardId, hash};
use std::collections::{BTreeSet, VecDeque};

use super::row_keys;

/// An operation on its way.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) shard: ShardId,
    pub(crate) seq: u64,
    pub(crate) record: Record,
}

/// See the module.
pub(crate) struct Intake {
    queue: VecDeque<Waiting>,
    /// Of `queue`, those that somebody may wait for.
    tickets: usize,
    /// When the first of `queue` came.
    since: u64,
    held: VecDeque<Waiting>,
    held_ids: Map<MessageId, Box<[QoS]>>,
    held_keys: BTreeSet<RowKey>,
    /// The sessions whose messages are held.
    held_origins: Set<QueueId>,
    /// Sessions that ended while something was held.
    ended: Set<QueueId>,
    /// How many operations were ever given, and taken.
    given: u64,
    taken: u64,
}

impl Intake {
    pub(crate) fn new(seed: u64) -> Self {
        Intake {
            queue: VecDeque::new(),
            tickets: 0,
            since: 0,
            held: VecDeque::new(),
            held_ids: hash::map(seed),
            held_keys: BTreeSet::new(),
            held_origins: hash::set(seed),
            ended: hash::set(seed),
            given: 0,
            taken: 0,
        }
    }

    pub(crate) fn push(&mut self, op: StoreOp, now: u64) {
        if self.queue.is_empty() {
            self.since = now;
        }
        self.given += 1;
        self.tickets += usize::from(is_ticket(&op.record));
        self.queue.push_back(Waiting {
            shard: op.shard,
            seq: op.seq,
            record: op.record,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn tickets(&self) -> usize {
        self.tickets
    }

    /// When the oldest that may be written came.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// Counts what has ever been given.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// True where a message's record, given before `given` was counted, may not be written yet.
    pub(crate) fn may_hold(&self, id: MessageId, given: u64) -> bool {
        self.taken + (self.held.len() as u64) < given || self.held_ids.contains_key(&id)
    }

    pub(crate) fn front(&self) -> Option<&Record> {
        self.queue.front().map(|op| &op.record)
    }

    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let op = self.queue.pop_front()?;
        self.tickets -= usize::from(is_ticket(&op.record));
        self.taken += 1;
        Some(op)
    }

    /// There was no room for it.
    pub(crate) fn put_back(&mut self, op: Waiting) {
        self.tickets += usize::from(is_ticket(&op.record));
        self.taken -= 1;
        self.queue.push_front(op);
    }

    /// Queues whose sessions ended while something was held for them.
    pub(crate) fn ended(&self) -> &Set<QueueId> {
        &self.ended
    }

    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Sets the front aside, where it is a message or hangs on one that was set aside: whose it is, and
    /// its number. `None` where it may be written.
    pub(crate) fn hold_front(&mut self) -> Option<(ShardId, u64)> {
        let record = self.front()?;
        if !self.must_wait(record) {
            if let Record::Delete(RowKey::Session(queue)) = record
                && self.is_holding()
            {
                let queue = *queue;
                self.ended.insert(queue);
            }
            return None;
        }
        let op = self.pop()?;
        self.taken -= 1;
        match &op.record {
            Record::Enqueue(e) => {
                let qos = e.dests.iter().map(|dest| dest.qos).collect();
                self.held_ids.insert(e.id, qos);
                let received = e.qos2_id.map(|(queue, id)| RowKey::Received(queue, id));
                self.held_keys.extend(received);
                self.held_origins.insert(e.message.origin);
            }
            Record::Put(row) => drop(self.held_keys.insert(row.key())),
            Record::Delete(key) => drop(self.held_keys.insert(key.clone())),
            Record::Settle { .. } | Record::Assign { .. } => {}
        }
        let place = (op.shard, op.seq);
        self.held.push_back(op);
        Some(place)
    }

    fn must_wait(&self, record: &Record) -> bool {
        match record {
            Record::Enqueue(_) => true,
            Record::Settle { id, .. } | Record::Assign { id, .. } => self.held_ids.contains_key(id),
            // A will that was sent is deleted behind the message, which its session sent; its session
            // behind that.
            Record::Delete(key @ RowKey::Will(queue)) => {
                self.held_origins.contains(queue) || self.held_keys.contains(key)
            }
            Record::Delete(RowKey::Session(queue)) => {
                self.held_keys.contains(&RowKey::Will(*queue))
            }
            Record::Put(row @ Row::Inflight { message, .. }) => {
                self.held_ids.contains_key(message) || self.held_keys.contains(&row.key())
            }
            Record::Put(row) => !self.held_keys.is_empty() && self.held_keys.contains(&row.key()),
            Record::Delete(key) => self.held_keys.contains(key),
        }
    }

    /// What was held is first in the queue again.
    pub(crate) fn release(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        for op in &mut held {
            if !self.ended.is_empty() {
                self.leave_out_ended(&mut op.record);
            }
            self.tickets += usize::from(is_ticket(&op.record));
        }
        held.append(&mut self.queue);
        self.queue = held;
        self.held_ids.clear();
        self.held_keys.clear();
        self.held_origins.clear();
    }

    /// True where nothing that was held for an ended session is left in the queue.
    pub(crate) fn forget_ended(&mut self) {
        if self.held.is_empty() && self.queue.is_empty() {
            self.ended.clear();
        }
    }

    /// A held operation for a session that has ended since says what is left of it.
    fn leave_out_ended(&self, record: &mut Record) {
        let ended = |queue: &QueueId| self.ended.contains(queue);
        let owner = match &*record {
            Record::Put(row) => row_keys::owner(&row.key()),
            _ => None,
        };
        if let Record::Put(row) = record
            && owner.as_ref().is_some_and(ended)
        {
            *record = Record::Delete(row.key());
        } else if let Record::Assign { id, ordinal, to } = *record
            && ended(&to)
        {
            // As when the session had ended behind it: QoS 2 ends too, QoS 1 stays with its group.
            let qos = self.held_ids.get(&id);
            let qos = qos.and_then(|all| all.get(ordinal as usize)).copied();
            *record = if qos == Some(QoS::ExactlyOnce) {
                Record::Settle { id, ordinal }
            } else {
                Record::Delete(RowKey::Session(to))
            };
        }
    }
}

/// Nobody waits for a settle.
fn is_ticket(record: &Record) -> bool {
    !matches!(record, Record::Settle { .. })
}
