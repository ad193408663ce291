//! Bodies of queued messages that are not in memory: asked for before they are needed, taken in when
//! they come.
//!
//! A shard says in its turn which messages the log is to read ([`Read`]) and never waits for them: each
//! body comes by [`Shard::on_body`]. Which message belongs where is the line's to know; here is only
//! who has asked. What a session or group that has ended had asked for is passed over.

use crate::queue::{Arrival, Batch, Window};
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use message::record::Body;
use message::{MessageId, QueueId, ShardId};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

/// Bits of a ticket below the shard's id.
const KEY_BITS: u32 = 48;
/// Destinations from which on a body is worth keeping for a moment.
const MANY: usize = 8;
/// Bodies that a shard keeps for a moment, and their bytes.
const RECENT: usize = 64;
const RECENT_BYTES: u64 = 4 << 20;

/// A message that the log is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Names this read; see [`Read::shard_of`].
    pub ticket: u64,
    pub id: MessageId,
}

impl Read {
    /// The shard that has asked, and is to be told.
    pub fn shard_of(ticket: u64) -> ShardId {
        (ticket >> KEY_BITS) as ShardId
    }
}

/// A message waits for delivery and the log does not have it. Fatal: whoever goes on would lose it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the log has no message {}, which queue {} waits for", .id.0, .queue.0)]
pub struct Lost {
    pub id: MessageId,
    pub queue: QueueId,
}

/// Who waits for a body.
struct Asked {
    queue: QueueId,
    id: MessageId,
    /// Its place in the batch.
    at: usize,
}

/// The reads that are under way: of each queue one batch at most.
pub(crate) struct Reads {
    shard: ShardId,
    asked: Slab<Asked>,
    recent: Recent,
}

/// Bodies that came last and that many wait for: clients that were away together come back together,
/// and a record with many destinations is long to read.
#[derive(Default)]
struct Recent {
    line: VecDeque<Arc<Body>>,
    bytes: u64,
}

impl Recent {
    fn note(&mut self, body: &Arc<Body>) {
        let charge = body.message.charge();
        let id = body.message.id;
        if body.waiting < MANY || charge > RECENT_BYTES || self.get(id).is_some() {
            return;
        }
        self.line.push_back(body.clone());
        self.bytes += charge;
        while self.bytes > RECENT_BYTES || self.line.len() > RECENT {
            let gone = self.line.pop_front();
            self.bytes -= gone.map_or(self.bytes, |gone| gone.message.charge());
        }
    }

    fn get(&self, id: MessageId) -> Option<Arc<Body>> {
        let found = self.line.iter().find(|body| body.message.id == id);
        found.cloned()
    }
}

impl Reads {
    pub(crate) fn new(shard: ShardId) -> Self {
        Reads {
            shard,
            asked: Slab::new(),
            recent: Recent::default(),
        }
    }

    fn ask(&mut self, queue: QueueId, id: MessageId, at: usize) -> Read {
        let key = self.asked.insert(Asked { queue, id, at }) as u64;
        Read {
            ticket: u64::from(self.shard) << KEY_BITS | key,
            id,
        }
    }

    fn answered(&mut self, ticket: u64) -> Option<Asked> {
        let key = ticket & ((1 << KEY_BITS) - 1);
        self.asked.try_remove(key as usize)
    }
}

impl Shard {
    /// The answer to a [`Read`]; `None` where the log has no such message.
    pub fn on_body(&mut self, ticket: u64, body: Option<Body>, now: Now) -> Result<(), Lost> {
        let Some(Asked { queue, id, at }) = self.reads.answered(ticket) else {
            return Ok(());
        };
        let body = body.map(Arc::new);
        if let Some(body) = &body {
            self.reads.recent.note(body);
        }
        match self.take_in(queue, (at, id), body.as_deref()) {
            Arrival::Missing => return Err(Lost { id, queue }),
            Arrival::Unknown | Arrival::Early => {}
            Arrival::Next => match self.sessions.of_queue(queue) {
                Some(slot) => {
                    self.pump(slot, now);
                    self.resume_replay(slot);
                }
                None => self.hand_out(queue, now),
            },
        }
        Ok(())
    }

    /// A body for the line of a session or group.
    fn take_in(
        &mut self,
        queue: QueueId,
        (at, id): (usize, MessageId),
        body: Option<&Body>,
    ) -> Arrival {
        let window = Window::of(self.settings.limits.queue_window_bytes);
        let slot = self.sessions.of_queue(queue);
        let session = slot.and_then(|slot| self.sessions.get_mut(slot));
        let (before, arrival, after) = if let Some(session) = session {
            let backlog = &mut session.backlog;
            let before = backlog.weight();
            let arrival = backlog.arrived(at, id, body);
            if arrival == Arrival::Next && session.conn.is_none() {
                backlog.page_out(window);
            }
            (before, arrival, backlog.weight())
        } else if let Some(group) = self.groups.get_mut(&queue) {
            let before = group.weight();
            (before, group.arrived(at, id, body), group.weight())
        } else {
            return Arrival::Unknown;
        };
        self.gauges.requeued(before, after);
        arrival
    }

    /// Asks for what a session's line will need next. True where something is there to be sent at once.
    pub(crate) fn page_in(&mut self, slot: u32, now: Now) -> bool {
        let room = self.room_for_bodies();
        let Some(session) = self.sessions.get_mut(slot) else {
            return false;
        };
        let before = session.backlog.weight();
        let expired = session.backlog.take_expired(now.ms);
        let batch = session.backlog.page_in(room);
        let after = session.backlog.weight();
        let queue = session.queue;
        self.gauges.requeued(before, after);
        self.drop_paged(expired, Drop::Expired);
        self.read(queue, batch)
    }

    /// Asks for what a group's line will need next. True where something is there to be handed out at once.
    pub(crate) fn page_in_group(&mut self, queue: QueueId, now: Now) -> bool {
        let room = self.room_for_bodies();
        let Some(group) = self.groups.get_mut(&queue) else {
            return false;
        };
        let before = group.weight();
        let expired = group.take_expired(now.ms);
        let batch = group.page_in(room);
        let after = group.weight();
        self.gauges.requeued(before, after);
        self.drop_paged(expired, Drop::Expired);
        self.read(queue, batch)
    }

    /// Carries out what a line wants. True where it has taken messages in.
    fn read(&mut self, queue: QueueId, batch: Batch) -> bool {
        match batch {
            Batch::None => false,
            Batch::Here => true,
            Batch::Read(wanted) => {
                // Those before the first that is to be read are here.
                let mut taken_in = wanted.first().is_some_and(|(at, _)| *at > 0);
                for (at, id) in wanted {
                    if let Some(body) = self.reads.recent.get(id) {
                        taken_in |= self.take_in(queue, (at, id), Some(&body)) == Arrival::Next;
                    } else {
                        let read = self.reads.ask(queue, id, at);
                        self.out.reads.push(read);
                    }
                }
                taken_in
            }
        }
    }

    /// Bytes that one line may have in memory; above the watermark one message is read after the other.
    fn room_for_bodies(&self) -> u64 {
        if self.above_watermark {
            0
        } else {
            self.settings.limits.queue_window_bytes
        }
    }

    /// These messages, which are nowhere in memory, will not be delivered.
    pub(crate) fn drop_paged(
        &mut self,
        gone: impl IntoIterator<Item = (MessageId, u32)>,
        reason: Drop,
    ) {
        for (id, ordinal) in gone {
            self.settle(id, ordinal);
            self.stats.drop(reason);
        }
    }
}
