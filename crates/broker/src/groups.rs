//! Groups of this shard: competing consumers of one queue, `$share` groups among them.
//!
//! The group lives here, on the home of its name; its members' sessions may live anywhere. Who the
//! members are is read from the routing table whenever somebody says that it has changed, so that
//! mails which overtake each other can't leave a stale list behind.

use crate::auth::{Action, authorize};
use crate::content::Content;
use crate::fan_out::Copy;
use crate::mail::Letter;
use crate::queue::{Group, GroupItem, Handout, Held, Queued, Step, Weight, Window};
use crate::route::GroupRoute;
use crate::routing::Member;
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use message::{Message, MessageId, QoS, QueueId, ShardId};
use std::sync::Arc;

/// A message as it waits for a group: on what terms it is delivered is the member's to say.
fn for_group(message: Arc<Message>, id: MessageId, ordinal: u32, again: bool) -> Queued {
    Queued {
        qos: message.qos,
        retain: message.retain,
        message,
        ordinal,
        id,
        ids: Box::default(),
        held: None,
        again,
    }
}

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
        let limits = (
            self.settings.limits.max_queued_messages,
            self.settings.limits.max_queued_bytes,
        );
        let window = Window::of(self.settings.limits.queue_window_bytes);
        let Some(known) = self.known_group(group) else {
            // Its last member has left: nobody is owed it.
            self.settle(id, ordinal);
            return self.stats.drop(Drop::SessionEnded);
        };
        let before = known.weight();
        let pushed = known.push(for_group(message, id, ordinal, false), limits, window);
        let after = known.weight();
        self.gauges.requeued(before, after);
        match pushed {
            Ok(()) => self.hand_out(group, now),
            Err(item) => {
                self.settle(item.id, item.ordinal);
                self.stats.drop(Drop::QueueFull);
            }
        }
    }

    /// A message waited for its group when the node stopped. No limit is asked: it was taken in.
    pub(crate) fn restore_grouped(&mut self, group: QueueId, message: Arc<Message>, ordinal: u32) {
        let window = Window::of(self.settings.limits.queue_window_bytes).away();
        let id = message.id;
        let Some(known) = self.known_group(group) else {
            return self.settle(id, ordinal);
        };
        let before = known.weight();
        let item = for_group(message, id, ordinal, true);
        // Limits that are not there are not met.
        let _ = known.push(item, (usize::MAX, u64::MAX), window);
        let after = known.weight();
        self.gauges.requeued(before, after);
    }

    /// A member held a message of a group when the node stopped, and goes on holding it.
    pub(crate) fn restore_held(&mut self, group: QueueId, member: QueueId) -> Option<Held> {
        let home = self.id;
        let known = self.known_group(group)?;
        known.resumed(member);
        Some(Held {
            group,
            home,
            arrival: known.next_arrival(),
        })
    }

    /// A group of this shard, as far as the routing table knows it.
    fn known_group(&mut self, group: QueueId) -> Option<&mut Group> {
        if !self.groups.contains_key(&group) {
            self.refresh_group(group);
        }
        self.groups.get_mut(&group)
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
                self.gauges.requeued(ended.weight(), Weight::default());
                self.drop_paged(ended.end(), Drop::SessionEnded);
            }
            (None, None) => {}
        }
    }

    pub(crate) fn on_group_changed(&mut self, group: QueueId, now: Now) {
        self.refresh_group(group);
        self.hand_out(group, now);
    }

    /// Hands out what members can take and may read.
    pub(crate) fn hand_out(&mut self, queue: QueueId, now: Now) {
        let window = u32::from(self.settings.limits.max_inflight);
        let settings = self.settings.clone();
        let may_read = |member: &Member, topic: &str| {
            authorize(&settings.policy, &member.identity, Action::Read, topic)
        };
        while let Some(group) = self.groups.get_mut(&queue) {
            let before = group.weight();
            let step = group.step(window, may_read);
            self.gauges.requeued(before, group.weight());
            let Some(step) = step else {
                if self.page_in_group(queue, now) {
                    continue;
                }
                return;
            };
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
            again: item.again,
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
    pub(crate) fn member_terms(
        &self,
        group: QueueId,
        member: QueueId,
    ) -> Option<(QoS, bool, Vec<u32>)> {
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
        let before = known.weight();
        known.put_back(item);
        let after = known.weight();
        self.gauges.requeued(before, after);
        self.hand_out(group, now);
    }

    /// At the end of a turn: whatever changed for a group of this shard.
    pub(crate) fn settle_all_groups(&mut self, now: Now) {
        while !self.changed_groups.is_empty()
            || !self.returned_items.is_empty()
            || !self.served_groups.is_empty()
        {
            for group in std::mem::take(&mut self.changed_groups) {
                self.on_group_changed(group, now);
            }
            self.settle_groups(now);
        }
    }

    /// What sessions of this shard told groups of this shard, dealt with once nothing else is under
    /// way, so that handing out never re-enters itself.
    fn settle_groups(&mut self, now: Now) {
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
