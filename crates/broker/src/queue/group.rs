//! A group: one queue, competing consumers. Each message goes to one of them.
//!
//! Lives on the home shard of its name. Members are told apart by their own queue ids; which of them
//! are there to take a message is read from the routing table, never guessed here. A member holds at
//! most `window` messages at a time, so that what it cannot take yet stays here for the others.
//!
//! Invariant: a returned message goes back to its place by arrival number.

use message::{Message, MessageId, QueueId, ShardId};
use std::collections::VecDeque;
use std::sync::Arc;

use crate::routing::Member;

/// A message of the group that no member holds.
#[derive(Clone, Debug)]
pub(crate) struct GroupItem {
    /// Place in the order of arrival.
    pub arrival: u64,
    pub message: Arc<Message>,
    pub id: MessageId,
    pub ordinal: u32,
}

/// A decision: this message to this member.
pub(crate) struct Handout {
    pub member: QueueId,
    pub shard: ShardId,
    pub item: GroupItem,
}

pub(crate) struct Group {
    members: Arc<[Member]>,
    /// Messages that each member holds, in the order of `members`.
    held: Vec<u32>,
    line: VecDeque<GroupItem>,
    bytes: u64,
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
            bytes: 0,
            arrivals: 0,
            next: 0,
        }
    }

    /// The members have changed; counts of those who stay are kept.
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
    }

    /// A new message. Gives it back where the limits are met.
    pub(crate) fn push(
        &mut self,
        message: Arc<Message>,
        id: MessageId,
        ordinal: u32,
        max: (usize, u64),
    ) -> Result<u64, GroupItem> {
        self.arrivals += 1;
        let item = GroupItem {
            arrival: self.arrivals,
            message,
            id,
            ordinal,
        };
        let charge = item.message.charge();
        if self.line.len() >= max.0 || self.bytes.saturating_add(charge) > max.1 {
            return Err(item);
        }
        self.bytes += charge;
        self.line.push_back(item);
        Ok(charge)
    }

    /// A member could not serve it: back to its place.
    pub(crate) fn put_back(&mut self, item: GroupItem) -> u64 {
        let at = self.line.partition_point(|i| i.arrival < item.arrival);
        let charge = item.message.charge();
        self.bytes += charge;
        self.line.insert(at, item);
        charge
    }

    /// `member` holds one message fewer.
    pub(crate) fn released(&mut self, member: QueueId) {
        if let Some(at) = self.members.iter().position(|m| m.queue == member)
            && let Some(held) = self.held.get_mut(at)
        {
            *held = held.saturating_sub(1);
        }
    }

    /// The next message and who gets it, round robin among members that are there and hold fewer
    /// than `window`. With the charge that it no longer has here.
    pub(crate) fn hand_out(&mut self, window: u32) -> Option<(Handout, u64)> {
        if self.line.is_empty() {
            return None;
        }
        let n = self.members.len();
        let at = (0..n).map(|i| (self.next + i) % n).find(|&i| {
            self.members.get(i).is_some_and(|m| m.online)
                && self.held.get(i).is_some_and(|h| *h < window)
        })?;
        self.next = (at + 1) % n;
        let member = self.members.get(at)?;
        *self.held.get_mut(at)? += 1;
        let item = self.line.pop_front()?;
        let charge = item.message.charge();
        self.bytes -= charge;
        Some((
            Handout {
                member: member.queue,
                shard: member.shard,
                item,
            },
            charge,
        ))
    }

    /// The group ends: what nobody will get, and its charge.
    pub(crate) fn end(self) -> (VecDeque<GroupItem>, u64) {
        (self.line, self.bytes)
    }
}
