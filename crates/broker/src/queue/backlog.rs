//! The waiting line of one consumer: in arrival order, bounded in messages and bytes.
//!
//! Owned by a session. The charge of what waits is reported to the caller, who keeps the node's
//! total; nothing here drops a message silently.

use message::{Message, MessageId, QoS, QueueId, ShardId};
use std::collections::VecDeque;
use std::sync::Arc;

/// One message on its way to one consumer, with what differs per consumer.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub message: Arc<Message>,
    /// QoS of this delivery: the lower of the message's and what was granted.
    pub qos: QoS,
    /// The retain flag as this consumer is to see it.
    pub retain: bool,
    /// Place among the destinations of the message's record.
    pub ordinal: u32,
    /// The record to settle; 0 where there is none.
    pub id: MessageId,
    pub ids: Box<[u32]>,
    /// Set where a group handed it out: where it goes back to.
    pub held: Option<Held>,
}

/// A message that a consumer holds for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub group: QueueId,
    /// The group's home.
    pub home: ShardId,
    pub arrival: u64,
}

/// Messages waiting for one consumer.
#[derive(Default)]
pub(crate) struct Backlog {
    line: VecDeque<Queued>,
    bytes: u64,
}

impl Backlog {
    /// Appends; gives it back where the limits are met.
    pub(crate) fn push(
        &mut self,
        item: Queued,
        max_messages: usize,
        max_bytes: u64,
    ) -> Result<u64, Queued> {
        let charge = item.message.charge();
        if self.line.len() >= max_messages || self.bytes.saturating_add(charge) > max_bytes {
            return Err(item);
        }
        self.bytes += charge;
        self.line.push_back(item);
        Ok(charge)
    }

    /// The oldest, and its charge.
    pub(crate) fn pop(&mut self) -> Option<(Queued, u64)> {
        let item = self.line.pop_front()?;
        let charge = item.message.charge();
        self.bytes -= charge;
        if self.line.is_empty() {
            self.line = VecDeque::new();
        }
        Some((item, charge))
    }

    /// Takes out what `wanted` selects, keeping order; with the total charge.
    pub(crate) fn take_where(&mut self, wanted: impl Fn(&Queued) -> bool) -> (Vec<Queued>, u64) {
        if !self.line.iter().any(&wanted) {
            return (Vec::new(), 0);
        }
        let (taken, kept): (Vec<_>, VecDeque<_>) = {
            let mut taken = Vec::new();
            let mut kept = VecDeque::new();
            for item in self.line.drain(..) {
                if wanted(&item) {
                    taken.push(item)
                } else {
                    kept.push_back(item)
                }
            }
            (taken, kept)
        };
        self.line = kept;
        let charge = taken.iter().map(|q| q.message.charge()).sum();
        self.bytes -= charge;
        (taken, charge)
    }

    pub(crate) fn len(&self) -> usize {
        self.line.len()
    }

    /// What all that waits is charged with.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }
}
