//! The waiting line of one consumer: in arrival order, bounded in messages and bytes.
//!
//! Owned by a session. Its first messages are in memory, as far as its window goes; what is behind them
//! is paged. Nothing here drops a message silently.

use super::paged::{Arrival, Batch, Paged};
use super::{Weight, Window};
use message::record::Body;
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
    /// It waited when the node started: nobody knows whether it was sent before, at QoS 1.
    pub again: bool,
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
    /// Of `line`.
    weight: Weight,
    /// Behind `line`, but for what a group hands out: that is never paged. `None` where nothing is.
    paged: Option<Box<Paged>>,
}

impl Backlog {
    /// Appends; gives it back where the limits are met. What a group hands out has the group's limits.
    pub(crate) fn push(
        &mut self,
        item: Queued,
        max_messages: usize,
        max_bytes: u64,
        window: Window,
    ) -> Result<(), Queued> {
        let weight = Weight::of(&item.message);
        let all = self.weight();
        let full =
            all.messages >= max_messages || all.bytes.saturating_add(weight.bytes) > max_bytes;
        if full && item.held.is_none() {
            return Err(item);
        }
        let fits = item.id == MessageId(0) || window.holds(self.weight.bytes + weight.bytes);
        if item.held.is_some() || (self.paged.is_none() && fits) {
            self.weight += weight;
            self.line.push_back(item);
        } else {
            self.paged.get_or_insert_default().push(item);
        }
        Ok(())
    }

    /// The oldest, if its body is here.
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let item = self.line.pop_front()?;
        self.weight -= Weight::of(&item.message);
        if self.line.is_empty() {
            self.line = VecDeque::new();
        }
        Some(item)
    }

    /// Takes out what groups have handed out, in order.
    pub(crate) fn take_held(&mut self) -> Vec<Queued> {
        let held = |item: &Queued| item.held.is_some();
        if !self.line.iter().any(held) {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.line).into_iter();
        let (taken, kept): (Vec<_>, Vec<_>) = all.partition(held);
        self.line = kept.into();
        for item in &taken {
            self.weight -= Weight::of(&item.message);
        }
        taken
    }

    /// Nobody takes from this line now, and no group has anything in it: bodies that the log has are
    /// let go. Where some are on their way, once they have come.
    pub(crate) fn page_out(&mut self, window: Window) {
        let reading = self.paged.as_ref().is_some_and(|p| p.is_reading());
        if window == Window::Whole || reading || self.line.iter().all(|i| i.id == MessageId(0)) {
            return;
        }
        let paged = self.paged.get_or_insert_default();
        for item in std::mem::take(&mut self.line).into_iter().rev() {
            paged.push_front(item);
        }
        self.weight = Weight::default();
    }

    /// Of what is paged and oldest, what has expired: to be settled.
    pub(crate) fn take_expired(&mut self, now_ms: u64) -> Vec<(MessageId, u32)> {
        let Some(paged) = &mut self.paged else {
            return Vec::new();
        };
        let expired = paged.take_expired(now_ms);
        self.shrink();
        expired
    }

    /// What is to be read next, so that the line does not run dry; see [`Paged::begin_batch`].
    pub(crate) fn page_in(&mut self, room: u64) -> Batch {
        let half_full = self.weight.bytes > room / 2;
        match &mut self.paged {
            Some(paged) if !half_full && !paged.is_reading() => {
                let batch = paged.begin_batch(room.saturating_sub(self.weight.bytes));
                self.take_ready();
                batch
            }
            _ => Batch::None,
        }
    }

    /// See [`Paged::arrived`].
    pub(crate) fn arrived(&mut self, at: usize, id: MessageId, body: Option<&Body>) -> Arrival {
        let Some(paged) = &mut self.paged else {
            return Arrival::Unknown;
        };
        let arrival = paged.arrived(at, id, body);
        if arrival == Arrival::Next {
            self.take_ready();
        }
        arrival
    }

    fn take_ready(&mut self) {
        let Some(paged) = &mut self.paged else {
            return;
        };
        while let Some(item) = paged.take_next() {
            self.weight += Weight::of(&item.message);
            self.line.push_back(item);
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.paged.as_ref().is_some_and(|p| p.is_empty()) {
            self.paged = None;
        }
    }

    /// The session ends: what was in memory, then what was not, oldest first.
    pub(crate) fn end(self) -> (VecDeque<Queued>, impl Iterator<Item = (MessageId, u32)>) {
        let paged = self.paged.into_iter().flat_map(|paged| paged.end());
        (self.line, paged)
    }

    pub(crate) fn weight(&self) -> Weight {
        let mut all = self.weight;
        if let Some(paged) = &self.paged {
            all += paged.weight();
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty() && self.paged.is_none()
    }
}

#[cfg(test)]
#[path = "backlog_tests.rs"]
mod tests;
