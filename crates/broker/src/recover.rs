//! A node starts with what its log has: rows and messages, each to the shard that is its home now.
//!
//! Owned by the driver while it reads the log, before any shard has had a turn: no connection, thread
//! or mail is about. Each call is a bounded piece of work. The log may have been written by another
//! number of shards and under another seed; nothing in it says where anything lives.
//!
//! Nothing is sent or published here, and nothing ends: what has become due has a timer in the past,
//! for the shards' first turn. Nothing is dropped for want of room either: it was all taken in once.

use crate::mqtt::{InFlight, Waiting};
use crate::queue::Queued;
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use message::record::{Dest, Record, Row, RowKey};
use message::{Map, Message, MessageId, QueueId, SharedFilter};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Retained messages that enter the tree at once, sorted: in the order of their ids each is far from
/// the one before, and the tree waits for memory.
const RETAINED_AT_ONCE: usize = 1 << 20;

/// The highest names that a log has ever held, those of what has gone included. New ones are higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub message: MessageId,
    pub queue: QueueId,
    /// Of a retained message, or of the end of one.
    pub version: u64,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub sessions: usize,
    pub subscriptions: usize,
    /// Messages that a session or group waits for, or that are retained.
    pub messages: usize,
    pub retained: usize,
}

/// See the module. The order of calls is that of the log's scan: all rows in the order of their keys,
/// then messages in the order of their ids, each followed by its destinations; then `finish`.
pub struct Recovery<'a> {
    shards: &'a mut [Shard],
    now: Now,
    seen: Seen,
    found: Recovered,
    /// Where each session lives.
    sessions: Map<QueueId, usize>,
    /// Where each group lives, by its queue.
    groups: Map<QueueId, usize>,
    /// The queue by which members name their group: the newest that any of them does.
    newest: Map<Box<str>, QueueId>,
    /// Rows of members that have not joined yet, with their homes.
    members: Vec<(usize, Row)>,
    /// Packet ids that wait for their message.
    promised: Map<(QueueId, MessageId, u32), (u16, bool)>,
    inflight: BTreeMap<QueueId, InFlight>,
    /// Retained messages that are not in the tree yet.
    retained: Vec<Arc<Message>>,
    /// The message whose destinations are being told.
    message: Arc<Message>,
}

impl<'a> Recovery<'a> {
    /// For all shards of a node, in the order of their ids. They are new.
    pub fn new(shards: &'a mut [Shard], now: Now) -> Self {
        let seed = shards.first().map_or(0, |shard| shard.shared.seed);
        Recovery {
            shards,
            now,
            seen: Seen::default(),
            found: Recovered::default(),
            sessions: message::hash::map(seed),
            groups: message::hash::map(seed),
            newest: message::hash::map(seed),
            members: Vec::new(),
            promised: message::hash::map(seed),
            inflight: BTreeMap::new(),
            retained: Vec::new(),
            message: Arc::default(),
        }
    }

    /// The log has held names as high as these.
    pub fn saw(&mut self, seen: Seen) {
        self.seen.message = self.seen.message.max(seen.message);
        self.seen.queue = self.seen.queue.max(seen.queue);
        self.seen.version = self.seen.version.max(seen.version);
    }

    fn saw_queue(&mut self, queue: QueueId) {
        self.seen.queue = self.seen.queue.max(queue);
    }

    /// The next row.
    pub fn row(&mut self, row: &Row) {
        match row {
            Row::Session {
                queue, client_id, ..
            } => {
                self.saw_queue(*queue);
                self.found.sessions += 1;
                let home = self.home_of(client_id);
                self.sessions.insert(*queue, home);
                self.shards[home].restore_session(row, self.now);
            }
            Row::Subscription {
                queue,
                filter,
                group,
                ..
            } => {
                let Some(home) = self.session_home(*queue, row) else {
                    return;
                };
                self.found.subscriptions += 1;
                let Some(group) = group else {
                    return self.shards[home].restore_subscription(row);
                };
                self.saw_queue(*group);
                let newest = self.newest.entry(filter.clone()).or_default();
                *newest = (*newest).max(*group);
                self.members.push((home, row.clone()));
            }
            Row::Inflight {
                queue,
                packet_id,
                message,
                ordinal,
                released,
            } => {
                if self.session_home(*queue, row).is_some() {
                    self.saw(Seen {
                        message: *message,
                        ..Seen::default()
                    });
                    self.promise(*queue, *packet_id, (*message, *ordinal), *released);
                }
            }
            Row::Received { queue, packet_id } => {
                if let Some(home) = self.session_home(*queue, row) {
                    self.shards[home].restore_received(*queue, *packet_id);
                }
            }
            Row::Will { queue, .. } => {
                if let Some(home) = self.session_home(*queue, row) {
                    self.shards[home].restore_will(row, self.now);
                }
            }
        }
    }

    fn home_of(&self, name: &str) -> usize {
        let home = |shard: &Shard| usize::from(shard.shared.home_of(name));
        self.shards.first().map_or(0, home)
    }

    /// Where the session of a row lives; a row without one is of no use, and is deleted.
    fn session_home(&mut self, queue: QueueId, row: &Row) -> Option<usize> {
        let home = self.sessions.get(&queue).copied();
        if home.is_none() {
            self.store(Record::Delete(row.key()));
        }
        home
    }

    /// Emits a record that is nobody's.
    fn store(&mut self, record: Record) {
        if let Some(shard) = self.shards.first_mut() {
            shard.store(record);
        }
    }

    /// All rows of members are known: their groups come to be. Rows may name a group by several queues,
    /// where it ended and began anew just before the node stopped: the newest is the one that lives, and
    /// what waited in the others had been given up.
    fn found_groups(&mut self) {
        for (home, mut row) in std::mem::take(&mut self.members) {
            let Row::Subscription { filter, group, .. } = &mut row else {
                continue;
            };
            let Some(newest) = self.newest.get(filter).copied() else {
                continue;
            };
            let filter = filter.clone();
            let renamed = group.replace(newest) != Some(newest);
            self.shards[home].restore_subscription(&row);
            if renamed {
                self.shards[home].store(Record::Put(row));
            }
            self.note_group(newest, &filter);
        }
    }

    fn note_group(&mut self, queue: QueueId, filter: &str) {
        let Ok(Some(shared)) = SharedFilter::parse(filter) else {
            return;
        };
        let known = self.shards.first().and_then(|shard| {
            shard
                .shared
                .read_table(|table| table.group(shared.group, shared.filter))
        });
        if let Some((_, home)) = known {
            self.groups.insert(queue, usize::from(home));
        }
    }

    /// A packet id is in use. One that was for a message without a record can only be released.
    fn promise(
        &mut self,
        queue: QueueId,
        packet_id: u16,
        (message, ordinal): (MessageId, u32),
        released: bool,
    ) {
        if message != MessageId(0) {
            let promised = (packet_id, released);
            self.promised.insert((queue, message, ordinal), promised);
        }
        let waiting = Waiting {
            released,
            item: None,
        };
        let inflight = self.inflight.entry(queue).or_default();
        inflight.insert(packet_id, waiting);
    }

    /// The next message, whose `expires_at` is in Unix time, as logs have it.
    pub fn message(
        &mut self,
        message: Arc<Message>,
        retained: bool,
        qos2_id: Option<(QueueId, u16)>,
    ) {
        self.found_groups();
        self.found.messages += 1;
        self.saw(Seen {
            message: message.id,
            queue: message.origin,
            version: message.retained_version,
        });
        self.message = self.in_node_time(message);
        if let Some((queue, packet_id)) = qos2_id {
            match self.sessions.get(&queue) {
                Some(home) => self.shards[*home].restore_received(queue, packet_id),
                None => self.store(Record::Delete(RowKey::Received(queue, packet_id))),
            }
        }
        if retained {
            self.found.retained += 1;
            self.retained.push(self.message.clone());
            if self.retained.len() >= RETAINED_AT_ONCE {
                self.restore_retained();
            }
        }
    }

    fn restore_retained(&mut self) {
        self.retained.sort_unstable_by(|a, b| a.topic.cmp(&b.topic));
        for message in std::mem::take(&mut self.retained) {
            let home = self.home_of(&message.topic);
            self.shards[home].restore_retained(message, self.now);
        }
    }

    /// Monotonic time begins anew with each start of the node; Unix time goes on.
    fn in_node_time(&self, mut message: Arc<Message>) -> Arc<Message> {
        if let Some(unix_ms) = message.expires_at {
            let at = self.now.ms.saturating_add(unix_ms);
            let at = at.saturating_sub(self.now.unix_ms);
            Arc::make_mut(&mut message).expires_at = Some(at);
        }
        message
    }

    /// A destination of this message that is not settled: the queue where it waits now, and the group
    /// that has assigned it there.
    pub fn destination(&mut self, ordinal: u32, dest: &Dest, group: Option<QueueId>) {
        self.saw_queue(dest.queue);
        group.into_iter().for_each(|group| self.saw_queue(group));
        let id = self.message.id;
        if let Some(home) = self.sessions.get(&dest.queue).copied() {
            let promised = self.promised.remove(&(dest.queue, id, ordinal));
            match (promised, group) {
                (Some((packet_id, _)), _) => self.in_flight(home, packet_id, ordinal, dest, group),
                (None, Some(group)) => self.chosen(home, ordinal, dest.queue, group),
                (None, None) => self.queued(home, ordinal, dest),
            }
        } else if let Some(home) = self.groups.get(&dest.queue).copied() {
            self.grouped(home, dest.queue, ordinal);
        } else {
            // Its session or group has ended. What a group had given a session at QoS 2 ends with that
            // session [MQTT-4.8.2-5].
            self.store(Record::Settle { id, ordinal });
        }
    }

    /// Its delivery had begun: it goes on, expired or not.
    fn in_flight(
        &mut self,
        home: usize,
        packet_id: u16,
        ordinal: u32,
        dest: &Dest,
        group: Option<QueueId>,
    ) {
        let mut item = self.item(ordinal, dest);
        let group_home = group.and_then(|group| self.groups.get(&group).copied());
        if let (Some(group), Some(group_home)) = (group, group_home) {
            item.held = self.shards[group_home].restore_held(group, dest.queue);
            // On its terms as a member, if it still is one.
            if let Some(terms) = self.shards[home].member_terms(group, dest.queue) {
                let (_, keep_retain, ids) = terms;
                item.retain = keep_retain && self.message.retain;
                item.ids = ids.into();
            }
        }
        let waiting = self.inflight.get_mut(&dest.queue);
        if let Some(waiting) = waiting.and_then(|w| w.get_mut(&packet_id)) {
            waiting.item = Some(item);
        }
    }

    fn item(&self, ordinal: u32, dest: &Dest) -> Queued {
        Queued {
            message: self.message.clone(),
            qos: dest.qos,
            retain: dest.retain,
            ordinal,
            id: self.message.id,
            ids: dest.subscription_ids.clone(),
            held: None,
            again: true,
        }
    }

    /// A group has given it to a session, and no packet id is known: it was never sent to a session
    /// that persists, and may have been to one that does not.
    fn chosen(&mut self, home: usize, ordinal: u32, member: QueueId, group: QueueId) {
        let id = self.message.id;
        match self.groups.get(&group).copied() {
            Some(group_home) if !self.shards[home].ends_at_once(member) => {
                let to = group;
                // By the group's home, which gives it to the next one after this.
                self.shards[group_home].store(Record::Assign { id, ordinal, to });
                self.grouped(group_home, group, ordinal);
            }
            _ => drop(self.shards[home].store(Record::Settle { id, ordinal })),
        }
    }

    fn queued(&mut self, home: usize, ordinal: u32, dest: &Dest) {
        if self.expired(home, ordinal) {
            return;
        }
        let item = self.item(ordinal, dest);
        self.shards[home].restore_queued(dest.queue, item);
    }

    fn grouped(&mut self, home: usize, group: QueueId, ordinal: u32) {
        if self.expired(home, ordinal) {
            return;
        }
        self.shards[home].restore_grouped(group, self.message.clone(), ordinal);
    }

    /// A message that has expired while it waited ends here.
    fn expired(&mut self, home: usize, ordinal: u32) -> bool {
        let expired = self.message.expired(self.now.ms);
        if expired {
            let shard = &mut self.shards[home];
            shard.settle(self.message.id, ordinal);
            shard.stats.drop(Drop::Expired);
        }
        expired
    }

    /// All has been told: what was found. The shards are ready for their first turn.
    pub fn finish(mut self) -> Recovered {
        self.found_groups();
        self.restore_retained();
        for (queue, inflight) in self.inflight {
            if let Some(home) = self.sessions.get(&queue) {
                self.shards[*home].restore_inflight(queue, inflight);
            }
        }
        let seen = self.seen;
        for shard in self.shards.iter_mut() {
            shard.begin_above(seen);
        }
        self.found
    }
}

impl Shard {
    /// A retained message of the log. This shard sees to it that it expires.
    fn restore_retained(&mut self, message: Arc<Message>, now: Now) {
        let expires_at = message.expires_at;
        let put = self.shared.write_retained(|tree| {
            // No limit is asked: it was taken in.
            tree.put(message, usize::MAX, u64::MAX)
        });
        if let (Ok(()), Some(at)) = (put, expires_at) {
            self.arm_retained_expiry(at.max(now.ms));
        }
    }

    /// New names are higher than these.
    fn begin_above(&mut self, seen: Seen) {
        self.shared.saw_queue(seen.queue);
        self.shared
            .write_retained(|tree| tree.saw_version(seen.version));
        self.raise_message_counter_to(seen.message.0 / u64::from(self.shared.shards) + 1);
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
