//! A group: one queue, competing consumers. Each message goes to one of them.
//!
//! Lives on the home shard of its name. Members are told apart by their own queue ids; which of them
//! are there to take a message is read from the routing table, never guessed here. A member holds at
//! most `window` messages at a time, so that what it cannot take yet stays here for the others.
//!
//! Rights are asked for, not known: a message is only handed to a member that may read it. One that
//! only members who are away may read is put aside until the members change, so that it does not
//! hold up what others may read; one that no member may read is given up.
//!
//! Invariant: a returned message goes back to its place by arrival number.

use super::paged::{Arrival, Batch, Paged};
use super::{Queued, Weight, Window};
use message::record::Body;
use message::{Message, MessageId, QueueId, ShardId};
use std::collections::VecDeque;
use std::sync::Arc;

use crate::routing::Member;

/// Messages in front that are looked at for one that a free member may read, while those that may
/// read the first are at their window.
const LOOK_AHEAD: usize = 64;

/// A message of the group that no member holds.
#[derive(Clone, Debug)]
pub(crate) struct GroupItem {
    /// Place in the order of arrival.
    pub arrival: u64,
    pub message: Arc<Message>,
    pub id: MessageId,
    pub ordinal: u32,
    /// See [`super::Queued::again`].
    pub again: bool,
}

/// A decision: this message to this member.
pub(crate) struct Handout {
    pub member: QueueId,
    pub shard: ShardId,
    pub item: GroupItem,
}

/// What becomes of a message that leaves the line.
pub(crate) enum Step {
    HandOut(Handout),
    /// No member may read it.
    Refused(GroupItem),
}

pub(crate) struct Group {
    members: Arc<[Member]>,
    /// Messages that each member holds, in the order of `members`.
    held: Vec<u32>,
    line: VecDeque<GroupItem>,
    /// Those of the line that only members who are away may read.
    aside: Vec<GroupItem>,
    /// Of the line and of what is aside.
    weight: Weight,
    /// Of the line alone.
    line_bytes: u64,
    /// Behind the line. What comes back from members is never paged: their windows bound it.
    paged: Paged,
    arrivals: u64,
    next: usize,
}

impl Group {
    pub(crate) fn new(members: Arc<[Member]>) -> Self {
        let held = vec![0; members.len()];
        Group {
            members,
            held,
            line: VecDeque::new(),
            aside: Vec::new(),
            weight: Weight::default(),
            line_bytes: 0,
            paged: Paged::default(),
            arrivals: 0,
            next: 0,
        }
    }

    /// The members, or their rights, have changed; counts of those who stay are kept.
    pub(crate) fn set_members(&mut self, members: Arc<[Member]>) {
        let held = members
            .iter()
            .map(|m| {
                let old = self.members.iter().position(|o| o.queue == m.queue);
                old.and_then(|at| self.held.get(at).copied()).unwrap_or(0)
            })
            .collect();
        self.members = members;
        self.held = held;
        if !self.aside.is_empty() {
            let back = self.aside.iter().map(|item| item.message.charge());
            self.line_bytes += back.sum::<u64>();
            self.line.extend(self.aside.drain(..));
            self.line.make_contiguous().sort_by_key(|i| i.arrival);
        }
    }

    /// A new message, or one that waited when the node stopped. Gives it back where the limits are met.
    pub(crate) fn push(
        &mut self,
        item: Queued,
        max: (usize, u64),
        window: Window,
    ) -> Result<(), Queued> {
        let charge = item.message.charge();
        let all = self.weight();
        if all.messages >= max.0 || all.bytes.saturating_add(charge) > max.1 {
            return Err(item);
        }
        let window = if self.members.iter().any(|m| m.online) {
            window
        } else {
            window.away()
        };
        let fits = item.id == MessageId(0) || window.holds(self.line_bytes + charge);
        if self.paged.is_empty() && fits {
            self.append(item);
        } else {
            self.paged.push(item);
        }
        Ok(())
    }

    fn append(&mut self, item: Queued) {
        let item = GroupItem {
            arrival: self.next_arrival(),
            message: item.message,
            id: item.id,
            ordinal: item.ordinal,
            again: item.again,
        };
        self.came(&item);
        self.line.push_back(item);
    }

    /// It is in the line from now on.
    fn came(&mut self, item: &GroupItem) {
        let weight = Weight::of(&item.message);
        self.weight += weight;
        self.line_bytes += weight.bytes;
    }

    /// The number of a message that arrives now.
    pub(crate) fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// `member` holds one message more, which it had when the node stopped.
    pub(crate) fn resumed(&mut self, member: QueueId) {
        if let Some(at) = self.members.iter().position(|m| m.queue == member)
            && let Some(held) = self.held.get_mut(at)
        {
            *held += 1;
        }
    }

    /// A member could not serve it: to its place.
    pub(crate) fn put_back(&mut self, item: GroupItem) {
        let at = self.line.partition_point(|i| i.arrival < item.arrival);
        self.came(&item);
        self.line.insert(at, item);
    }

    /// `member` holds one message fewer.
    pub(crate) fn released(&mut self, member: QueueId) {
        if let Some(at) = self.members.iter().position(|m| m.queue == member)
            && let Some(held) = self.held.get_mut(at)
        {
            *held = held.saturating_sub(1);
        }
    }

    /// The next message to leave the line. It goes to a member that is there, holds fewer than `window`
    /// and `may_read` its topic, round robin.
    pub(crate) fn step(
        &mut self,
        window: u32,
        may_read: impl Fn(&Member, &str) -> bool,
    ) -> Option<Step> {
        self.turn_of(window, |_| true)?;
        let mut at = 0;
        while at < LOOK_AHEAD {
            let topic = &self.line.get(at)?.message.topic;
            if let Some(reader) = self.turn_of(window, |m| may_read(m, topic)) {
                let item = self.take(at)?;
                return Some(Step::HandOut(self.give(reader, item)?));
            }
            let mut readers = self.members.iter().filter(|m| may_read(m, topic));
            let known = readers.next();
            if known.is_none() {
                return Some(Step::Refused(self.take(at)?));
            }
            if known.into_iter().chain(readers).any(|m| m.online) {
                at += 1;
            } else {
                let item = self.line.remove(at)?;
                self.line_bytes -= item.message.charge();
                self.aside.push(item);
            }
        }
        None
    }

    /// Whose turn it is, of those that can take a message and are `wanted`.
    fn turn_of(&self, window: u32, wanted: impl Fn(&Member) -> bool) -> Option<usize> {
        let n = self.members.len();
        (0..n).map(|i| (self.next + i) % n).find(|&i| {
            self.held.get(i).is_some_and(|held| *held < window)
                && self.members.get(i).is_some_and(|m| m.online && wanted(m))
        })
    }

    fn take(&mut self, at: usize) -> Option<GroupItem> {
        let item = self.line.remove(at)?;
        let weight = Weight::of(&item.message);
        self.weight -= weight;
        self.line_bytes -= weight.bytes;
        Some(item)
    }

    fn give(&mut self, to: usize, item: GroupItem) -> Option<Handout> {
        self.next = (to + 1) % self.members.len();
        *self.held.get_mut(to)? += 1;
        let member = self.members.get(to)?;
        Some(Handout {
            member: member.queue,
            shard: member.shard,
            item,
        })
    }

    /// Of what is paged and oldest, what has expired: to be settled.
    pub(crate) fn take_expired(&mut self, now_ms: u64) -> Vec<(MessageId, u32)> {
        self.paged.take_expired(now_ms)
    }

    /// What is to be read next, where members are there to take it; see [`Paged::begin_batch`].
    pub(crate) fn page_in(&mut self, room: u64) -> Batch {
        let short = self.line.len() < LOOK_AHEAD && self.line_bytes < room;
        let wanted = short || self.line_bytes <= room / 2;
        if !wanted || self.paged.is_reading() || !self.members.iter().any(|m| m.online) {
            return Batch::None;
        }
        let batch = self.paged.begin_batch(room.saturating_sub(self.line_bytes));
        self.take_ready();
        batch
    }

    /// See [`Paged::arrived`].
    pub(crate) fn arrived(&mut self, at: usize, id: MessageId, body: Option<&Body>) -> Arrival {
        let arrival = self.paged.arrived(at, id, body);
        if arrival == Arrival::Next {
            self.take_ready();
        }
        arrival
    }

    fn take_ready(&mut self) {
        while let Some(item) = self.paged.take_next() {
            self.append(item);
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        let mut all = self.weight;
        all += self.paged.weight();
        all
    }

    /// The group ends: what nobody will get.
    pub(crate) fn end(self) -> impl Iterator<Item = (MessageId, u32)> {
        let here = self.line.into_iter().chain(self.aside);
        here.map(|item| (item.id, item.ordinal))
            .chain(self.paged.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Identity;
    use message::QoS;

    const NO_LIMIT: (usize, u64) = (usize::MAX, u64::MAX);

    fn member(queue: u64, online: bool) -> Member {
        Member {
            queue: QueueId(queue),
            shard: 0,
            identity: Identity {
                user: None,
                client_id: queue.to_string().into(),
            },
            durable: true,
            online,
            qos: QoS::AtLeastOnce,
            keep_retain: false,
            id: None,
        }
    }

    fn item(id: u64, topic: &str) -> Queued {
        let message = Message {
            id: MessageId(id),
            topic: topic.into(),
            ..Message::default()
        };
        Queued {
            message: Arc::new(message),
            qos: QoS::AtLeastOnce,
            retain: false,
            ordinal: 0,
            id: MessageId(id),
            ids: Box::default(),
            held: None,
            again: false,
        }
    }

    fn group(topics: &[&str], members: &[Member]) -> Group {
        let mut group = Group::new(members.into());
        for topic in topics {
            let pushed = group.push(item(0, topic), NO_LIMIT, Window::Whole);
            assert!(pushed.is_ok());
        }
        group
    }

    /// Each may read the topics that hold the number of its queue.
    fn named(member: &Member, topic: &str) -> bool {
        topic.contains(&*member.identity.client_id)
    }

    /// All that leaves: topic and member, 0 where it was given up.
    fn drain(group: &mut Group, window: u32) -> Vec<(String, u64)> {
        let mut left = Vec::new();
        while let Some(step) = group.step(window, named) {
            let (item, to) = match step {
                Step::HandOut(h) => (h.item, h.member.0),
                Step::Refused(item) => (item, 0),
            };
            left.push((item.message.topic.to_string(), to));
        }
        left
    }

    fn to(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
        pairs.iter().map(|(t, m)| ((*t).into(), *m)).collect()
    }

    #[test]
    fn members_take_turns_with_what_they_may_read() {
        let mut group = group(
            &["1", "12", "12", "2", "3"],
            &[member(1, true), member(2, true)],
        );
        let left = to(&[("1", 1), ("12", 2), ("12", 1), ("2", 2), ("3", 0)]);
        assert_eq!(drain(&mut group, 10), left);
        assert_eq!(group.weight(), Weight::default());
    }

    #[test]
    fn what_waits_for_an_absent_reader_holds_up_nothing() {
        let mut topics = vec!["1"; LOOK_AHEAD + 1];
        topics.push("2");
        let mut group = group(&topics, &[member(1, false), member(2, true)]);
        assert_eq!(drain(&mut group, 1), to(&[("2", 2)]));
        // It counts all the same, and keeps its place.
        let last = || item(0, "1/last");
        let full = (LOOK_AHEAD + 1, u64::MAX);
        assert!(group.push(last(), full, Window::Whole).is_err());
        assert!(group.push(last(), NO_LIMIT, Window::Whole).is_ok());
        group.set_members([member(1, true), member(2, true)].into());
        let left = drain(&mut group, u32::MAX);
        assert_eq!(left.len(), LOOK_AHEAD + 2);
        assert_eq!(left.last(), to(&[("1/last", 1)]).last());
        assert_eq!(group.weight(), Weight::default());
    }

    #[test]
    fn what_waits_for_a_busy_reader_lets_others_pass() {
        let mut group = group(&["1", "1", "1", "2"], &[member(1, true), member(2, true)]);
        assert_eq!(drain(&mut group, 1), to(&[("1", 1), ("2", 2)]));
        group.released(QueueId(1));
        assert_eq!(drain(&mut group, 1), to(&[("1", 1)]));
    }

    #[test]
    fn what_is_aside_ends_with_the_group() {
        let mut group = group(&["1", "2"], &[member(1, false), member(2, true)]);
        assert_eq!(drain(&mut group, 1), to(&[("2", 2)]));
        assert_eq!(group.end().count(), 1);
    }
}
