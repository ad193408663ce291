//! Groups of this shard: competing consumers of one queue, `$share` groups among them.
//!
//! The group lives here, on the home of its name; its members' sessions may live anywhere. Who the
//! members are is read from the routing table whenever somebody says that it has changed, so that
//! mails which overtake each other can't leave a stale list behind.

use crate::auth::{Action, authorize};
use crate::content::Content;
use crate::fan_out::Copy;
use crate::mail::Letter;
use crate::queue::{Group, GroupItem, Handout, Held, Step};
use crate::route::GroupRoute;
use crate::routing::Member;
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use message::{Message, MessageId, QoS, QueueId, ShardId};
use std::sync::Arc;

impl Shard {
    /// A QoS 1 or 2 message for a group: to its home.
    pub(crate) fn give_to_group(
        &mut self,
        group: &GroupRoute,
        content: &mut Content<'_>,
        ordinal: u32,
        now: Now,
    ) {
        let message = content.owned();
        let id = if group.durable {
            content.id
        } else {
            MessageId(0)
        };
        if group.home == self.id {
            return self.on_group_message(group.queue, message, id, ordinal, now);
        }
        self.credit.spend(group.home, message.charge());
        let letter = Letter::Group {
            from: self.id,
            group: group.queue,
            message,
            id,
            ordinal,
        };
        self.mail(group.home, letter);
    }

    /// A message has reached the home of its group.
    pub(crate) fn on_group_message(
        &mut self,
        group: QueueId,
        message: Arc<Message>,
        id: MessageId,
        ordinal: u32,
        now: Now,
    ) {
        if !self.groups.contains_key(&group) {
            self.refresh_group(group);
        }
        let limits = (
            self.settings.limits.max_queued_messages,
            self.settings.limits.max_queued_bytes,
        );
        let Some(known) = self.groups.get_mut(&group) else {
            // Its last member has left: nobody is owed it.
            self.settle(id, ordinal);
            return self.stats.drop(Drop::SessionEnded);
        };
        match known.push(message, id, ordinal, limits) {
            Ok(charge) => {
                self.gauges.queued(charge);
                self.hand_out(group, now);
            }
            Err(item) => {
                self.settle(item.id, item.ordinal);
                self.stats.drop(Drop::QueueFull);
            }
        }
    }

    /// Reads the members from the routing table; a group without any ends, and its backlog with it.
    fn refresh_group(&mut self, group: QueueId) {
        let members = self.shared.read_table(|table| table.members_of(group));
        match (members, self.groups.get_mut(&group)) {
            (Some(members), Some(known)) => known.set_members(members),
            (Some(members), None) => {
                self.groups.insert(group, Group::new(members));
            }
            (None, Some(_)) => {
                let Some(ended) = self.groups.remove(&group) else {
                    return;
                };
                let (waiting, charge) = ended.end();
                self.gauges.unqueued(waiting.len(), charge);
                for item in waiting {
                    self.settle(item.id, item.ordinal);
                    self.stats.drop(Drop::SessionEnded);
                }
            }
            (None, None) => {}
        }
    }

    pub(crate) fn on_group_changed(&mut self, group: QueueId, now: Now) {
        self.refresh_group(group);
        self.hand_out(group, now);
    }

    /// Hands out what members can take and may read.
    fn hand_out(&mut self, queue: QueueId, now: Now) {
        let window = u32::from(self.settings.limits.max_inflight);
        let settings = self.settings.clone();
        let may_read = |member: &Member, topic: &str| {
            authorize(&settings.policy, &member.identity, Action::Read, topic)
        };
        while let Some(group) = self.groups.get_mut(&queue) {
            let Some((step, charge)) = group.step(window, may_read) else {
                return;
            };
            self.gauges.unqueued(1, charge);
            let Handout {
                member,
                shard,
                item,
            } = match step {
                Step::HandOut(handout) => handout,
                Step::Refused(item) => {
                    self.settle(item.id, item.ordinal);
                    self.stats.drop(Drop::NotAuthorized);
                    continue;
                }
            };
            if item.message.expired(now.ms) {
                self.settle(item.id, item.ordinal);
                self.stats.drop(Drop::Expired);
                if let Some(group) = self.groups.get_mut(&queue) {
                    group.released(member);
                }
                continue;
            }
            let home = self.id;
            if shard == home {
                self.on_hand_out(member, queue, home, item, now);
            } else {
                let letter = Letter::HandOut {
                    member,
                    group: queue,
                    home,
                    item,
                };
                self.mail(shard, letter);
            }
        }
    }

    /// A group hands a message to a session of this shard. One that is away, or has just lost the
    /// right to read it, gives it back.
    pub(crate) fn on_hand_out(
        &mut self,
        member: QueueId,
        group: QueueId,
        home: ShardId,
        item: GroupItem,
        now: Now,
    ) {
        let slot = self.sessions.of_queue(member).filter(|slot| {
            let there = self.sessions.get(*slot).is_some_and(|s| s.live().is_some());
            there && self.may_read(*slot, &item.message.topic)
        });
        let terms = self.member_terms(group, member);
        let (Some(slot), Some((granted, keep_retain, ids))) = (slot, terms) else {
            return self.group_put_back(home, group, member, item);
        };
        let held = Held {
            group,
            home,
            arrival: item.arrival,
        };
        let message = &item.message;
        let qos = granted.min(message.qos);
        let assured = qos != QoS::AtMostOnce;
        let copy = Copy {
            qos,
            retain: keep_retain && message.retain,
            ids: &ids,
            mark: 0,
            id: if assured { item.id } else { MessageId(0) },
            ordinal: item.ordinal,
            held: assured.then_some(held),
        };
        self.with_content(message, |shard, content| {
            shard.deliver(slot, content, &copy, now);
        });
        if !assured {
            self.settle(item.id, item.ordinal);
            self.group_served(home, group, member);
        }
    }

    /// On what terms a session is a member: QoS, Retain As Published, identifiers.
    fn member_terms(&self, group: QueueId, member: QueueId) -> Option<(QoS, bool, Vec<u32>)> {
        let members = self.shared.read_table(|table| table.members_of(group))?;
        let member = members.iter().find(|m| m.queue == member)?;
        Some((
            member.qos,
            member.keep_retain,
            member.id.as_slice().to_vec(),
        ))
    }

    /// Tells a group's home that a member has dealt with a message.
    pub(crate) fn group_served(&mut self, home: ShardId, group: QueueId, member: QueueId) {
        if home == self.id {
            self.served_groups.push((group, member));
        } else {
            self.mail(home, Letter::Served { group, member });
        }
    }

    pub(crate) fn on_served(&mut self, group: QueueId, member: QueueId, now: Now) {
        if let Some(known) = self.groups.get_mut(&group) {
            known.released(member);
            self.hand_out(group, now);
        }
    }

    /// Gives a message back to its group.
    pub(crate) fn group_put_back(
        &mut self,
        home: ShardId,
        group: QueueId,
        member: QueueId,
        item: GroupItem,
    ) {
        if home == self.id {
            self.returned_items.push((group, member, item));
        } else {
            self.mail(
                home,
                Letter::PutBack {
                    group,
                    member,
                    item,
                },
            );
        }
    }

    pub(crate) fn on_put_back(
        &mut self,
        group: QueueId,
        member: QueueId,
        item: GroupItem,
        now: Now,
    ) {
        let Some(known) = self.groups.get_mut(&group) else {
            self.settle(item.id, item.ordinal);
            return self.stats.drop(Drop::SessionEnded);
        };
        known.released(member);
        let charge = known.put_back(item);
        self.gauges.queued(charge);
        self.hand_out(group, now);
    }

    /// What sessions of this shard told groups of this shard, dealt with once nothing else is under
    /// way, so that handing out never re-enters itself.
    pub(crate) fn settle_groups(&mut self, now: Now) {
        // Put back everything first: a member that has just gone must not be chosen in between.
        loop {
            let returned = std::mem::take(&mut self.returned_items);
            let served = std::mem::take(&mut self.served_groups);
            if returned.is_empty() && served.is_empty() {
                return;
            }
            for (group, member, item) in returned {
                self.on_put_back(group, member, item, now);
            }
            for (group, member) in served {
                self.on_served(group, member, now);
            }
        }
    }
}
