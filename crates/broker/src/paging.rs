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
use thiserror::Error;

/// Bits of a ticket below the shard's id.
const KEY_BITS: u32 = 48;

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
}

impl Reads {
    pub(crate) fn new(shard: ShardId) -> Self {
        Reads {
            shard,
            asked: Slab::new(),
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
        let arrival = match self.sessions.of_queue(queue) {
            Some(slot) => self.on_session_body(slot, (at, id), body, now),
            None => self.on_group_body(queue, (at, id), body, now),
        };
        match arrival {
            Arrival::Missing => Err(Lost { id, queue }),
            Arrival::Unknown | Arrival::Expected | Arrival::Last => Ok(()),
        }
    }

    fn on_session_body(
        &mut self,
        slot: u32,
        (at, id): (usize, MessageId),
        body: Option<Body>,
        now: Now,
    ) -> Arrival {
        let window = Window::of(self.settings.limits.queue_window_bytes);
        let Some(session) = self.sessions.get_mut(slot) else {
            return Arrival::Unknown;
        };
        let before = session.backlog.weight();
        let arrival = session.backlog.arrived(at, id, body);
        if arrival == Arrival::Last && session.conn.is_none() {
            session.backlog.page_out(window);
        }
        self.gauges.requeued(before, session.backlog.weight());
        if arrival == Arrival::Last {
            self.pump(slot, now);
            self.resume_replay(slot);
        }
        arrival
    }

    fn on_group_body(
        &mut self,
        queue: QueueId,
        (at, id): (usize, MessageId),
        body: Option<Body>,
        now: Now,
    ) -> Arrival {
        let Some(group) = self.groups.get_mut(&queue) else {
            return Arrival::Unknown;
        };
        let before = group.weight();
        let arrival = group.arrived(at, id, body);
        self.gauges.requeued(before, group.weight());
        if arrival == Arrival::Last {
            self.hand_out(queue, now);
        }
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
                for (at, id) in wanted.into_iter().enumerate() {
                    let read = self.reads.ask(queue, id, at);
                    self.out.reads.push(read);
                }
                false
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
