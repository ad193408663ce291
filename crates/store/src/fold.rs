//! What a series of records amounts to: the state of a broker, as far as it survives.
//!
//! Owned by a log. A message lives while a destination waits for it, while it is the retained value
//! of its topic, or while the publisher's QoS 2 id is known by it; then it is gone at once. Only what
//! records say counts here: nothing expires by itself.

use message::record::{Body, Dest, Enqueue, Record, Row, RowKey};
use message::{Map, Message, MessageId, QoS, QueueId, hash};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Ends of retained values that are remembered, so that an older value which is appended late does
/// not rise again. A value comes late by one turn of a shard at most.
const MAX_TOMBSTONES: usize = 65_536;

/// A message that is still needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub id: MessageId,
    pub message: Arc<Message>,
    /// The destinations that are not settled, by ordinal.
    pub waiting: Vec<Waiting>,
    /// It is the retained value of its topic.
    pub retained: bool,
    /// The publisher's QoS 2 packet id, not released yet.
    pub qos2_id: Option<(QueueId, u16)>,
}

impl Live {
    /// What a queue that has let go of the message wants back.
    pub fn into_body(self) -> Body {
        let waiting = self.waiting.len();
        let ids = self.waiting.into_iter();
        let ids = ids.map(|w| (w.ordinal, w.dest.subscription_ids));
        Body {
            message: self.message,
            waiting,
            subscription_ids: ids.filter(|(_, ids)| !ids.is_empty()).collect(),
        }
    }
}

/// A destination that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub ordinal: u32,
    /// `queue` is the one where it waits now.
    pub dest: Dest,
    /// The `$share` group's queue that it was assigned from.
    pub group: Option<QueueId>,
}

/// One item of a fold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Folded<'a> {
    Row(&'a Row),
    Message(&'a Live),
}

/// The value, or the end, of a retained topic.
#[derive(Clone, Copy, Debug)]
struct Retained {
    version: u64,
    /// `None` for an end.
    id: Option<MessageId>,
}

/// Which messages wait in a queue, so that a queue can end. The list may name messages that have
/// gone; `refs` counts what still waits.
#[derive(Default)]
struct Holds {
    ids: Vec<MessageId>,
    refs: usize,
}

/// See the module.
pub struct Fold {
    live: Map<MessageId, Live>,
    queues: Map<QueueId, Holds>,
    rows: BTreeMap<RowKey, Row>,
    /// QoS 2 ids that are known by a message.
    received: BTreeMap<(QueueId, u16), MessageId>,
    retained: Map<Box<str>, Retained>,
    /// The ends among `retained`, oldest first, with their versions.
    tombstones: VecDeque<(Box<str>, u64)>,
}

impl Fold {
    /// The fold of nothing. `seed` feeds its hash maps.
    pub fn new(seed: u64) -> Self {
        Fold {
            live: hash::map(seed),
            queues: hash::map(seed),
            rows: BTreeMap::new(),
            received: BTreeMap::new(),
            retained: hash::map(seed),
            tombstones: VecDeque::new(),
        }
    }

    /// Takes in the next record.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Enqueue(enqueue) => self.enqueue(*enqueue),
            Record::Settle { id, ordinal } => self.settle(id, ordinal),
            Record::Assign { id, ordinal, to } => self.assign(id, ordinal, to),
            Record::Put(row) => {
                self.rows.insert(row.key(), row);
            }
            Record::Delete(RowKey::Session(queue)) => self.end_queue(queue),
            Record::Delete(RowKey::Retained(topic, version)) => self.retain(topic, version, None),
            Record::Delete(key) => {
                if let RowKey::Received(queue, packet_id) = key {
                    self.release_qos2((queue, packet_id));
                }
                self.rows.remove(&key);
            }
        }
    }

    /// A message that is still needed.
    pub fn live(&self, id: MessageId) -> Option<&Live> {
        self.live.get(&id)
    }

    /// How many messages are still needed.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// True where no message is needed any more; rows may be left.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Rows in the order of their keys, then messages in the order of their ids.
    pub fn scan(&self, visit: &mut dyn FnMut(Folded<'_>)) {
        self.rows.values().for_each(|row| visit(Folded::Row(row)));
        let mut ids: Vec<_> = self.live.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            visit(Folded::Message(&self.live[&id]));
        }
    }

    fn enqueue(&mut self, enqueue: Enqueue) {
        let Enqueue {
            id,
            message,
            dests,
            retained,
            qos2_id,
        } = enqueue;
        self.forget(id);
        let numbered = (0..).zip(dests);
        let waiting: Vec<_> = numbered
            .map(|(ordinal, dest)| Waiting {
                ordinal,
                dest,
                group: None,
            })
            .collect();
        for w in &waiting {
            self.hold(w.dest.queue, id);
        }
        if let Some(key) = qos2_id {
            self.release_qos2(key);
            self.received.insert(key, id);
        }
        let value = (retained && !message.payload.is_empty()).then_some(id);
        let topic = retained.then(|| (message.topic.clone(), message.retained_version));
        self.live.insert(
            id,
            Live {
                id,
                message,
                waiting,
                retained: false,
                qos2_id,
            },
        );
        if let Some((topic, version)) = topic {
            self.retain(topic, version, value);
        }
        self.drop_if_dead(id);
    }

    /// A known id is replaced: drops all that hangs on it.
    fn forget(&mut self, id: MessageId) {
        let Some(old) = self.live.remove(&id) else {
            return;
        };
        for w in old.waiting {
            self.let_go(w.dest.queue);
            w.group.into_iter().for_each(|group| self.let_go(group));
        }
        if let Some(key) = old.qos2_id {
            self.received.remove(&key);
        }
        if old.retained {
            self.retained.remove(&old.message.topic);
        }
    }

    fn settle(&mut self, id: MessageId, ordinal: u32) {
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        let Ok(at) = live.waiting.binary_search_by_key(&ordinal, |w| w.ordinal) else {
            return;
        };
        let gone = live.waiting.remove(at);
        self.let_go(gone.dest.queue);
        gone.group.into_iter().for_each(|group| self.let_go(group));
        self.drop_if_dead(id);
    }

    fn assign(&mut self, id: MessageId, ordinal: u32, to: QueueId) {
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        let Ok(at) = live.waiting.binary_search_by_key(&ordinal, |w| w.ordinal) else {
            return;
        };
        let w = &mut live.waiting[at];
        let from = std::mem::replace(&mut w.dest.queue, to);
        if w.group == Some(to) {
            // Back where it came from, which has kept its hold.
            w.group = None;
            self.let_go(from);
        } else if w.group.is_some() {
            self.hold(to, id);
            self.let_go(from);
        } else if from != to {
            w.group = Some(from);
            self.hold(to, id);
        }
    }

    /// A queue has ended: nothing waits in it any more. What a `$share` group had assigned to it goes
    /// back to the group, unless it is QoS 2, which stays with the chosen session. [MQTT-4.8.2-5]
    fn end_queue(&mut self, queue: QueueId) {
        let ids = self
            .queues
            .get_mut(&queue)
            .map(|holds| std::mem::take(&mut holds.ids));
        for id in ids.into_iter().flatten() {
            let Some(live) = self.live.get_mut(&id) else {
                continue;
            };
            let mut released = Vec::new();
            live.waiting.retain_mut(|w| {
                if w.group == Some(queue) {
                    w.group = None;
                } else if w.dest.queue == queue {
                    let back = w.group.take();
                    match back {
                        Some(group) if w.dest.qos != QoS::ExactlyOnce => w.dest.queue = group,
                        _ => {
                            released.extend(back);
                            return false;
                        }
                    }
                }
                true
            });
            released.into_iter().for_each(|group| self.let_go(group));
            self.drop_if_dead(id);
        }
        self.queues.remove(&queue);
        let keys = self
            .received
            .range((queue, 0)..=(queue, u16::MAX))
            .map(|(key, _)| *key);
        for key in keys.collect::<Vec<_>>() {
            self.release_qos2(key);
        }
        self.delete_rows(queue);
    }

    fn delete_rows(&mut self, queue: QueueId) {
        let first = [
            RowKey::Session(queue),
            RowKey::Subscription(queue, Box::default()),
            RowKey::Inflight(queue, 0),
            RowKey::Received(queue, 0),
            RowKey::Will(queue),
        ];
        for from in first {
            let kind = std::mem::discriminant(&from);
            let keys = self.rows.range(from..).map(|(key, _)| key);
            let same = |k: &&RowKey| std::mem::discriminant(*k) == kind && owner(k) == Some(queue);
            for key in keys.take_while(same).cloned().collect::<Vec<_>>() {
                self.rows.remove(&key);
            }
        }
    }

    fn release_qos2(&mut self, key: (QueueId, u16)) {
        let Some(id) = self.received.remove(&key) else {
            return;
        };
        if let Some(live) = self.live.get_mut(&id) {
            live.qos2_id = None;
        }
        self.drop_if_dead(id);
    }

    /// The highest version of a topic's value wins, in whatever order they are appended.
    fn retain(&mut self, topic: Box<str>, version: u64, id: Option<MessageId>) {
        let old = self.retained.get(&topic).copied();
        if old.is_some_and(|old| old.version > version) {
            return;
        }
        if let Some(live) = id.and_then(|id| self.live.get_mut(&id)) {
            live.retained = true;
        }
        if id.is_none() {
            self.tombstones.push_back((topic.clone(), version));
        }
        self.retained.insert(topic, Retained { version, id });
        if let Some(old) = old.and_then(|old| old.id).filter(|old| Some(*old) != id) {
            if let Some(live) = self.live.get_mut(&old) {
                live.retained = false;
            }
            self.drop_if_dead(old);
        }
        if self.tombstones.len() > MAX_TOMBSTONES
            && let Some((topic, version)) = self.tombstones.pop_front()
            && self
                .retained
                .get(&topic)
                .is_some_and(|r| r.id.is_none() && r.version == version)
        {
            self.retained.remove(&topic);
        }
    }

    fn hold(&mut self, queue: QueueId, id: MessageId) {
        let holds = self.queues.entry(queue).or_default();
        holds.ids.push(id);
        holds.refs += 1;
    }

    /// One message fewer waits in a queue. Its list is cleared of the gone when these are the most.
    fn let_go(&mut self, queue: QueueId) {
        let Some(holds) = self.queues.get_mut(&queue) else {
            return;
        };
        holds.refs = holds.refs.saturating_sub(1);
        if holds.refs == 0 {
            self.queues.remove(&queue);
        } else if holds.ids.len() > 2 * holds.refs + 64 {
            let here = |w: &Waiting| w.dest.queue == queue || w.group == Some(queue);
            let live = &self.live;
            holds
                .ids
                .retain(|id| live.get(id).is_some_and(|l| l.waiting.iter().any(here)));
            holds.ids.sort_unstable();
            holds.ids.dedup();
        }
    }

    fn drop_if_dead(&mut self, id: MessageId) {
        let dead = |l: &Live| l.waiting.is_empty() && !l.retained && l.qos2_id.is_none();
        if self.live.get(&id).is_some_and(dead) {
            self.live.remove(&id);
        }
    }
}

/// The queue that a row belongs to and ends with.
fn owner(key: &RowKey) -> Option<QueueId> {
    match key {
        RowKey::Session(queue)
        | RowKey::Subscription(queue, _)
        | RowKey::Inflight(queue, _)
        | RowKey::Received(queue, _)
        | RowKey::Will(queue) => Some(*queue),
        RowKey::Retained(..) => None,
    }
}
