//! From one published message to all that are owed it. Knows destinations, not protocols.
//!
//! The order matters. A retained value is written first, then the route is looked up: a subscriber
//! adds its interest first and reads the retained tree then, so one of the two always sees the
//! other. Durable destinations get one record, before anything is mailed.

use crate::auth::{Action, Classes, Policy, authorize};
use crate::content::{Content, Source};
use crate::mail::{Addressed, Letter};
use crate::parcel::Parcel;
use crate::route::{GroupRoute, Remote, Route};
use crate::routing::Folded;
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use crate::timers::Timer;
use message::record::{Dest, Enqueue, Record, RowKey};
use message::{MessageId, QoS, QueueId, TopicError};
use std::sync::Arc;

/// Retained messages that one look takes out.
const EXPIRED_AT_ONCE: usize = 256;

/// Who publishes: a session of this shard, or [`Publisher::OPERATOR`].
#[derive(Clone, Copy)]
pub(crate) struct Publisher {
    pub session: u32,
    pub class: u32,
}

impl Publisher {
    /// An operator, or the broker itself: may publish to every topic.
    pub(crate) const OPERATOR: Publisher = Publisher {
        session: u32::MAX,
        class: Classes::OPERATOR,
    };
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// Passed on; `recorded`: the operation that an acknowledgement has to wait for.
    Done {
        receivers: bool,
        recorded: Option<u64>,
    },
    NotAuthorized,
    RetainedFull,
    BadTopic(TopicError),
}

/// One delivery, as far as it differs per receiver.
pub(crate) struct Copy<'a> {
    pub qos: QoS,
    pub retain: bool,
    pub ids: &'a [u32],
    pub mark: u64,
    /// The record to settle; 0 where there is none.
    pub id: MessageId,
    pub ordinal: u32,
    pub held: Option<crate::queue::Held>,
    /// See [`crate::queue::Queued::again`].
    pub again: bool,
}

impl<'a> Copy<'a> {
    /// A copy that no record stands behind and no group waits for.
    pub(crate) fn unrecorded(qos: QoS, retain: bool, ids: &'a [u32], mark: u64) -> Self {
        Copy {
            qos,
            retain,
            ids,
            mark,
            id: MessageId(0),
            ordinal: 0,
            held: None,
            again: false,
        }
    }

    /// What a volatile session gets of `content`.
    fn volatile(folded: &'a Folded, content: &Content<'_>) -> Self {
        let qos = folded.qos.min(content.qos);
        let retain = folded.keep_retain && content.retain;
        Copy::unrecorded(qos, retain, folded.ids.as_slice(), folded.mark)
    }
}

impl Shard {
    /// Publishes a message for a session of this shard, or for an operator.
    pub(crate) fn publish(
        &mut self,
        publisher: &Publisher,
        source: &Source<'_>,
        qos2_id: Option<(QueueId, u16)>,
        now: Now,
    ) -> Published {
        let mut at = match self.route_for(publisher, source.topic) {
            Ok(at) => at,
            Err(error) => return Published::BadTopic(error),
        };
        if !self.cache.get(at).is_some_and(|r| r.allowed) {
            return Published::NotAuthorized;
        }
        let layouts = self.take_layouts();
        let mut content = Content::borrowed(source, layouts);
        if source.retain {
            content.id = self.next_message_id();
            let stored = self.retain(&mut content, now);
            if stored {
                // The route may have changed before the value was there to be found.
                at = self.route_for(publisher, source.topic).unwrap_or(at);
            } else {
                self.give_back_layouts(content);
                return Published::RetainedFull;
            }
        }
        let Some(mut route) = self.cache.take(at) else {
            self.give_back_layouts(content);
            return Published::NotAuthorized;
        };
        let published = self.pass_along(&mut route, &mut content, qos2_id, now);
        self.cache.restore(at, route);
        self.give_back_layouts(content);
        published
    }

    fn pass_along(
        &mut self,
        route: &mut Route,
        content: &mut Content<'_>,
        qos2_id: Option<(QueueId, u16)>,
        now: Now,
    ) -> Published {
        let groups_pick = content.qos == QoS::AtMostOnce;
        let recorded = self.record(route, content, qos2_id);
        self.deliver_here(route, content, now);
        let mut ordinal = 0;
        for d in &route.durable {
            let Some(folded) = d.for_origin(content.origin) else {
                continue;
            };
            let qos = folded.qos.min(content.qos);
            let mine = ordinal;
            ordinal += u32::from(qos > QoS::AtMostOnce);
            if d.place != u32::from(self.id) {
                continue;
            }
            let copy = Copy {
                qos,
                retain: folded.keep_retain && content.retain,
                ids: folded.ids.as_slice(),
                mark: folded.mark,
                id: if qos > QoS::AtMostOnce {
                    content.id
                } else {
                    MessageId(0)
                },
                ordinal: mine,
                held: None,
                again: false,
            };
            self.deliver_to_queue(d.queue, content, &copy, now);
        }
        for remote in &route.remote {
            self.mail_message(route, remote, content);
        }
        for group in &mut route.groups {
            if groups_pick {
                self.pick_member(group, content, now);
            } else {
                let durable = group.durable;
                self.give_to_group(group, content, if durable { ordinal } else { 0 }, now);
                ordinal += u32::from(durable);
            }
        }
        Published::Done {
            receivers: route.has_receivers(),
            recorded,
        }
    }

    /// To the volatile sessions of this shard.
    #[inline]
    pub(crate) fn deliver_here(&mut self, route: &Route, content: &mut Content<'_>, now: Now) {
        for d in &route.local {
            let Some(folded) = d.for_origin(content.origin) else {
                continue;
            };
            let copy = Copy::volatile(folded, content);
            self.deliver(d.place, content, &copy, now);
        }
    }

    /// Emits the record of all that this publish leaves behind; its number, where an acknowledgement must
    /// wait for it.
    fn record(
        &mut self,
        route: &Route,
        content: &mut Content<'_>,
        qos2_id: Option<(QueueId, u16)>,
    ) -> Option<u64> {
        let wanted = content.qos > QoS::AtMostOnce && route.wants_record();
        let retained = content.retained_version != 0 && !content.transient;
        if !wanted && qos2_id.is_none() && !retained {
            return None;
        }
        if content.id == MessageId(0) {
            content.id = self.next_message_id();
        }
        let origin = content.origin;
        let published = content.qos;
        let sessions = route.durable.iter().filter_map(|d| {
            let folded = d.for_origin(origin)?;
            let qos = folded.qos.min(published);
            (qos > QoS::AtMostOnce).then(|| Dest {
                queue: d.queue,
                qos,
                retain: folded.keep_retain && content.retain,
                subscription_ids: folded.ids.as_slice().into(),
            })
        });
        let groups = route
            .groups
            .iter()
            .filter(|g| g.durable && published > QoS::AtMostOnce);
        let groups = groups.map(|g| Dest {
            queue: g.queue,
            qos: published,
            retain: false,
            subscription_ids: Box::default(),
        });
        let mut dests = Vec::with_capacity(route.durable.len() + route.groups.len());
        dests.extend(sessions.chain(groups));
        if dests.is_empty() && qos2_id.is_none() && !retained {
            return None;
        }
        let record = Enqueue {
            id: content.id,
            message: content.owned(),
            dests: dests.into_boxed_slice(),
            retained,
            qos2_id,
        };
        let seq = self.store(Record::Enqueue(Box::new(record)));
        (content.qos > QoS::AtMostOnce).then_some(seq)
    }

    /// Writes the retained value, or its end. False where there is no room for it.
    fn retain(&mut self, content: &mut Content<'_>, now: Now) -> bool {
        let limits = &self.settings.limits;
        let (max_count, max_bytes) = (limits.max_retained_messages, limits.max_retained_bytes);
        let clears = content.payload.is_empty();
        let shared = self.shared.clone();
        let stored = shared.write_retained(|tree| {
            content.retained_version = tree.next_version();
            if clears {
                tree.remove(content.topic);
                return Ok(());
            }
            tree.put(content.owned(), max_count, max_bytes)
        });
        if stored.is_err() {
            self.stats.drop(Drop::RetainedFull);
            return false;
        }
        if let (Some(at), false) = (content.expires_at, clears) {
            self.arm_retained_expiry(at.max(now.ms));
        }
        true
    }

    /// Whoever retains a message that expires sees to it that some shard looks in time.
    pub(crate) fn arm_retained_expiry(&mut self, at: u64) {
        let armed = self.retained_expiry_at;
        if armed == 0 || at < armed {
            if armed != 0 {
                self.timers.cancel(armed, Timer::RetainedExpiry);
            }
            self.retained_expiry_at = at.max(1);
            self.timers
                .set(self.retained_expiry_at, Timer::RetainedExpiry);
        }
    }

    /// Retained messages have expired: a bounded number of them now, the rest at once after.
    pub(crate) fn on_retained_expiry(&mut self, now: Now) {
        self.retained_expiry_at = 0;
        let (expired, next) = self.shared.clone().write_retained(|tree| {
            let expired: Vec<_> = (0..EXPIRED_AT_ONCE)
                .map_while(|_| tree.take_expired(now.ms))
                .collect();
            (expired, tree.next_expiry())
        });
        for message in expired {
            let key = RowKey::Retained(message.topic.clone(), message.retained_version);
            self.store(Record::Delete(key));
            self.stats.drop(Drop::Expired);
        }
        if let Some(at) = next {
            self.arm_retained_expiry(at);
        }
    }

    /// One mail with all that a remote shard has to do for this message.
    fn mail_message(&mut self, route: &Route, remote: &Remote, content: &mut Content<'_>) {
        let (origin, published) = (content.origin, content.qos);
        let mut ordinal = 0;
        let mut addressed = Vec::with_capacity(remote.durable);
        for d in &route.durable {
            let Some(folded) = d.for_origin(origin) else {
                continue;
            };
            let qos = folded.qos.min(published);
            let mine = ordinal;
            ordinal += u32::from(qos > QoS::AtMostOnce);
            if d.place == u32::from(remote.shard) {
                addressed.push(Addressed {
                    queue: d.queue,
                    qos,
                    retain: folded.keep_retain && content.retain,
                    ids: folded.ids.as_slice().into(),
                    mark: folded.mark,
                    ordinal: mine,
                });
            }
        }
        if addressed.is_empty() {
            if !remote.volatile {
                return;
            }
            if Parcel::takes(content) {
                return self.post(remote.shard, content);
            }
        }
        let message = content.owned();
        self.credit.spend(remote.shard, message.charge());
        let letter = Letter::Publish {
            from: self.id,
            message,
            addressed: addressed.into_boxed_slice(),
            volatile: remote.volatile,
        };
        self.mail(remote.shard, letter);
    }

    /// QoS 0 to a group: this shard picks the member, round robin among those who are there.
    fn pick_member(&mut self, group: &mut GroupRoute, content: &mut Content<'_>, now: Now) {
        let n = group.members.len();
        let there = (0..n)
            .map(|i| (group.next + i) % n)
            .find(|&i| group.members[i].online);
        let Some(at) = there else {
            self.stats.drop(Drop::Offline);
            return;
        };
        group.next = (at + 1) % n;
        let member = &group.members[at];
        let ids = member.id.as_slice();
        let retain = member.keep_retain && content.retain;
        if member.shard == self.id {
            let copy = Copy::unrecorded(QoS::AtMostOnce, retain, ids, 0);
            self.deliver_to_queue(member.queue, content, &copy, now);
            return;
        }
        let message = content.owned();
        self.credit.spend(member.shard, message.charge());
        let addressed = Addressed {
            queue: member.queue,
            qos: QoS::AtMostOnce,
            retain,
            ids: ids.into(),
            mark: 0,
            ordinal: 0,
        };
        let letter = Letter::Publish {
            from: self.id,
            message,
            addressed: Box::new([addressed]),
            volatile: false,
        };
        self.mail(member.shard, letter);
    }

    /// A message from another shard's publisher.
    pub(crate) fn on_mailed(
        &mut self,
        message: &Arc<message::Message>,
        addressed: &[Addressed],
        volatile: bool,
        now: Now,
    ) {
        self.with_content(message, |shard, content| {
            for a in addressed {
                let recorded = a.qos > QoS::AtMostOnce;
                let copy = Copy {
                    qos: a.qos,
                    retain: a.retain,
                    ids: &a.ids,
                    mark: a.mark,
                    id: if recorded { message.id } else { MessageId(0) },
                    ordinal: a.ordinal,
                    held: None,
                    again: false,
                };
                shard.deliver_to_queue(a.queue, content, &copy, now);
            }
            if volatile {
                let at = shard.local_route(&message.topic);
                if let Some(route) = shard.cache.take(at) {
                    shard.deliver_here(&route, content, now);
                    shard.cache.restore(at, route);
                }
            }
        });
    }

    /// To a session by its queue. One that has gone is settled: nobody is owed it any more.
    fn deliver_to_queue(
        &mut self,
        queue: QueueId,
        content: &mut Content<'_>,
        copy: &Copy<'_>,
        now: Now,
    ) {
        match self.sessions.of_queue(queue) {
            Some(slot) => self.deliver(slot, content, copy, now),
            None => {
                self.settle(copy.id, copy.ordinal);
                self.stats.drop(Drop::SessionEnded);
            }
        }
    }

    /// Nobody waits for this destination of a recorded message any more.
    pub(crate) fn settle(&mut self, id: MessageId, ordinal: u32) {
        if id != MessageId(0) {
            self.store(Record::Settle { id, ordinal });
        }
    }

    /// May the session be given a message of this topic? Asked again at each delivery, since rights
    /// may have been revoked since it was routed or queued.
    pub(crate) fn may_read(&self, slot: u32, topic: &str) -> bool {
        match &self.settings.policy {
            Policy::AllowAll => true,
            policy => self
                .sessions
                .get(slot)
                .is_some_and(|s| authorize(policy, &s.identity, Action::Read, topic)),
        }
    }
}
