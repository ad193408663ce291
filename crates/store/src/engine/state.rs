//! The fold of a log without its messages: what lives, where it lies, and how much of each segment it
//! takes.
//!
//! Owned by an engine, fed with the facts of every record in the order in which they are written,
//! while the log is used and while it is recovered: so both come to the same state. It must agree with
//! [`crate::Fold`], which keeps the messages themselves and against which it is tested.

use super::index::{Index, Owed, Place};
use super::occupancy::Occupancy;
use super::retained::{Retained, Value};
use super::salvage::Living;
use crate::format::record::{Fact, Head, Marks, Slot, Value as ValueFact};
use crate::{Live, Waiting};
use message::record::{Row, RowKey};
use message::{Map, MessageId, QoS, QueueId, hash};
use std::collections::BTreeMap;

/// Ids by which a queue's list grows at least.
const LEAST_GROWTH: usize = 4;

/// A row and the frame that holds it.
pub(crate) struct KeptRow {
    pub(crate) row: Row,
    pub(crate) place: Place,
}

/// Which messages wait in a queue, so that a queue can end. The list may name messages that have
/// gone; `refs` counts what still waits.
#[derive(Default)]
struct Holds {
    ids: Vec<MessageId>,
    refs: usize,
}

/// See the module.
pub(crate) struct State {
    index: Index,
    queues: Map<QueueId, Holds>,
    rows: BTreeMap<RowKey, KeptRow>,
    /// QoS 2 ids that are known by a message.
    received: BTreeMap<(QueueId, u16), MessageId>,
    retained: Retained,
    occupancy: Occupancy,
    marks: Marks,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        State {
            index: Index::new(seed),
            queues: hash::map(seed),
            rows: BTreeMap::new(),
            received: BTreeMap::new(),
            retained: Retained::new(seed),
            occupancy: Occupancy::default(),
            marks: Marks::default(),
        }
    }

    /// Takes in what the frame at `place` says.
    pub(crate) fn apply(&mut self, fact: Fact<'_>, place: Place) {
        match fact {
            Fact::Message(head, value) => self.message(&head, value, place),
            Fact::Settle { id, ordinal } => self.settle(id, ordinal),
            Fact::Assign { id, ordinal, to } => self.assign(id, ordinal, to),
            Fact::Put(row) => self.put_row(row, place),
            Fact::Delete(RowKey::Session(queue)) => self.end_queue(queue),
            Fact::Delete(RowKey::Retained(topic, version)) => {
                self.retain(&topic, version, None, place);
            }
            Fact::Delete(key) => {
                if let RowKey::Received(queue, packet_id) = key {
                    self.release_qos2((queue, packet_id));
                }
                self.delete_row(&key);
            }
            Fact::Marks(marks) => {
                self.raise(marks.message, marks.queue, marks.retained_version);
            }
        }
    }

    pub(crate) fn marks(&self) -> Marks {
        self.marks
    }

    pub(crate) fn occupancy(&self) -> &Occupancy {
        &self.occupancy
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &KeptRow> {
        self.rows.values()
    }

    /// The row with this key, where this frame is the one that holds it.
    pub(crate) fn row_at(&self, key: &RowKey, place: Place) -> Option<&Row> {
        let kept = self.rows.get(key)?;
        (kept.place == place).then_some(&kept.row)
    }

    /// True where this frame is the one that remembers the end of a retained topic.
    pub(crate) fn is_end_at(&self, topic: &str, place: Place) -> bool {
        self.retained.end_at(topic) == Some(place)
    }

    /// All that lives in a segment, in order of place.
    pub(crate) fn living_in(&self, segment: u32) -> Vec<Living> {
        let messages = self.index.ids().map(|(_, place)| (place, None));
        let ends = self.retained.ends().map(|place| (place, None));
        let rows = self.rows.iter();
        let rows = rows.map(|(key, kept)| (kept.place, Some(key.clone())));
        let all = messages.chain(ends).chain(rows);
        let mut living: Vec<Living> = all.filter(|(p, _)| p.segment == segment).collect();
        living.sort_by_key(|(place, _)| place.at);
        // A message may be the end of a topic's value as well.
        living.dedup_by_key(|(place, _)| place.at);
        living
    }

    fn raise(&mut self, message: MessageId, queue: QueueId, version: u64) {
        let marks = &mut self.marks;
        marks.message = marks.message.max(message);
        marks.queue = marks.queue.max(queue);
        marks.retained_version = marks.retained_version.max(version);
    }

    fn message(&mut self, head: &Head<'_>, value: Option<ValueFact<'_>>, place: Place) {
        let id = head.id;
        let mut slots = Vec::with_capacity(head.count());
        slots.extend(head.slots());
        self.forget(id, value);
        for slot in &slots {
            self.raise(id, slot.queue.max(slot.group.unwrap_or_default()), 0);
            self.hold(slot.queue, id);
            slot.group
                .into_iter()
                .for_each(|group| self.hold(group, id));
        }
        if let Some(key) = head.qos2 {
            self.release_qos2(key);
            self.received.insert(key, id);
        }
        let owed = Owed {
            slots,
            retained: false,
            qos2: head.qos2,
        };
        self.raise(id, head.qos2.unwrap_or_default().0, 0);
        self.occupancy.add(place);
        self.index.put(id, place, owed);
        if let Some(value) = value {
            let holder = (!value.ends).then_some(id);
            self.retain(value.topic, value.version, holder, place);
        }
        self.drop_if_dead(id);
    }

    /// A known id is replaced: drops all that hangs on it.
    fn forget(&mut self, id: MessageId, value: Option<ValueFact<'_>>) {
        let Some(old) = self.index.owed(id) else {
            return;
        };
        self.take_out(id);
        for slot in old.slots {
            self.let_go_of(slot);
        }
        if let Some(key) = old.qos2 {
            self.received.remove(&key);
        }
        // A copy of a value is that value: only another topic's would leave one behind.
        let same = value.is_some_and(|v| self.retained.holder(v.topic) == Some(id));
        if old.retained && !same {
            self.retained.forget(id);
        }
    }

    fn settle(&mut self, id: MessageId, ordinal: u32) {
        let Some(settled) = self.index.settle(id, ordinal) else {
            return;
        };
        if settled.dead {
            self.take_out(id);
        }
        self.let_go_of(settled.slot);
    }

    fn assign(&mut self, id: MessageId, ordinal: u32, to: QueueId) {
        self.raise(id, to, 0);
        let mut before = None;
        self.index.change(id, |owed| {
            let slots = &mut owed.slots;
            let Ok(at) = slots.binary_search_by_key(&ordinal, |s| s.ordinal) else {
                return;
            };
            let slot = &mut slots[at];
            before = Some(*slot);
            if slot.group == Some(to) {
                slot.group = None;
            } else if slot.group.is_none() && slot.queue != to {
                slot.group = Some(slot.queue);
            }
            slot.queue = to;
        });
        match before {
            // Back where it came from, which has kept its hold.
            Some(slot) if slot.group == Some(to) => self.let_go(slot.queue),
            Some(slot) if slot.group.is_some() => {
                self.hold(to, id);
                self.let_go(slot.queue);
            }
            Some(slot) if slot.queue != to => self.hold(to, id),
            _ => {}
        }
    }

    /// A queue has ended: nothing waits in it any more. What a `$share` group had assigned to it goes
    /// back to the group, unless it is QoS 2, which stays with the chosen session. [MQTT-4.8.2-5]
    fn end_queue(&mut self, queue: QueueId) {
        self.raise(MessageId(0), queue, 0);
        let holds = self.queues.get_mut(&queue);
        let ids = holds.map(|holds| std::mem::take(&mut holds.ids));
        for id in ids.into_iter().flatten() {
            let mut released = Vec::new();
            self.index.change(id, |owed| {
                owed.slots.retain_mut(|slot| {
                    if slot.group == Some(queue) {
                        slot.group = None;
                    } else if slot.queue == queue {
                        match slot.group.take() {
                            Some(group) if slot.qos != QoS::ExactlyOnce => slot.queue = group,
                            group => {
                                released.extend(group);
                                return false;
                            }
                        }
                    }
                    true
                });
            });
            released.into_iter().for_each(|group| self.let_go(group));
            self.drop_if_dead(id);
        }
        self.queues.remove(&queue);
        let of_queue = (queue, 0)..=(queue, u16::MAX);
        let keys: Vec<_> = self.received.range(of_queue).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.release_qos2(key));
        for key in super::row_keys::of_queue(&self.rows, queue) {
            self.delete_row(&key);
        }
    }

    fn put_row(&mut self, row: Row, place: Place) {
        let key = row.key();
        if let Some(queue) = super::row_keys::owner(&key) {
            self.raise(MessageId(0), queue, 0);
        }
        if let Row::Subscription { group, .. } = &row {
            self.raise(MessageId(0), group.unwrap_or_default(), 0);
        }
        self.occupancy.add(place);
        if let Some(old) = self.rows.insert(key, KeptRow { row, place }) {
            self.occupancy.remove(old.place);
        }
    }

    fn delete_row(&mut self, key: &RowKey) {
        if let Some(old) = self.rows.remove(key) {
            self.occupancy.remove(old.place);
        }
    }

    fn release_qos2(&mut self, key: (QueueId, u16)) {
        let Some(id) = self.received.remove(&key) else {
            return;
        };
        self.index.change(id, |owed| owed.qos2 = None);
        self.drop_if_dead(id);
    }

    /// The highest version of a topic's value wins, in whatever order they are written.
    fn retain(&mut self, topic: &str, version: u64, id: Option<MessageId>, place: Place) {
        self.raise(MessageId(0), QueueId(0), version);
        let value = match id {
            Some(id) => Value::Held(id),
            None => Value::Ended(place),
        };
        let Some(change) = self.retained.set(topic, version, value) else {
            return;
        };
        if let Some(id) = id {
            self.index.change(id, |owed| owed.retained = true);
        } else {
            self.occupancy.add(place);
        }
        for gone in change.ends {
            self.occupancy.remove(gone);
        }
        if let Some(old) = change.held.filter(|old| Some(*old) != id) {
            self.index.change(old, |owed| owed.retained = false);
            self.drop_if_dead(old);
        }
    }

    fn hold(&mut self, queue: QueueId, id: MessageId) {
        let holds = self.queues.entry(queue).or_default();
        let ids = &mut holds.ids;
        if ids.len() == ids.capacity() {
            // By an eighth: lists of queues that nobody takes from are long.
            ids.reserve_exact(LEAST_GROWTH.max(ids.len() / 8));
        }
        ids.push(id);
        holds.refs += 1;
    }

    fn let_go_of(&mut self, slot: Slot) {
        self.let_go(slot.queue);
        slot.group.into_iter().for_each(|group| self.let_go(group));
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
            let index = &self.index;
            let here = |s: &Slot| s.queue == queue || s.group == Some(queue);
            holds
                .ids
                .retain(|id| index.owed(*id).is_some_and(|o| o.slots.iter().any(here)));
            holds.ids.sort_unstable();
            holds.ids.dedup();
            holds.ids.shrink_to(2 * holds.ids.len());
        }
    }

    fn drop_if_dead(&mut self, id: MessageId) {
        if self.index.is_dead(id) {
            self.take_out(id);
        }
    }

    fn take_out(&mut self, id: MessageId) {
        if let Some(place) = self.index.remove(id) {
            self.occupancy.remove(place);
        }
    }
}

/// Of the destinations that a record names, those that are still owed, where they wait now.
pub(crate) fn keep_owed(waiting: &mut Vec<Waiting>, owed: &Owed) {
    waiting.retain_mut(|w| {
        let at = owed.slots.binary_search_by_key(&w.ordinal, |s| s.ordinal);
        let Ok(at) = at else {
            return false;
        };
        w.dest.queue = owed.slots[at].queue;
        w.group = owed.slots[at].group;
        true
    });
}

/// A message as its record has it becomes one as it is owed now.
pub(crate) fn as_owed(live: &mut Live, owed: &Owed) {
    live.retained = owed.retained;
    live.qos2_id = owed.qos2;
    keep_owed(&mut live.waiting, owed);
}
