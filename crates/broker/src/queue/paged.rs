//! The younger part of a waiting line, whose bodies are in the log alone: a small entry per message.
//!
//! Owned by a line ([`super::Backlog`], [`super::Group`]). Bodies come back in batches, oldest first, one
//! batch at a time; they are handed over in the order of the line, whatever the order in which they
//! come. A message without a record can't be read back: behind paged ones it keeps its body.

use super::{Queued, Weight};
use message::record::Body;
use message::{Message, MessageId, QoS};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a message that is paged out takes of the node's memory, the log's index included.
const PAGED_WEIGHT: u64 = 80;
/// Entries by which the line grows at least; beyond that by an eighth, since long lines are many bytes.
const LEAST_GROWTH: usize = 4;

/// A body with the subscription identifiers of this destination.
type Kept = (Arc<Message>, Box<[u32]>);

/// One paged message.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// 0 where the body is in [`Paged::kept`].
    id: MessageId,
    ordinal: u32,
    charge: u32,
    /// The end of the second in which it expires; 0 for never. The body knows the moment.
    expires_s: u32,
    qos: QoS,
    retain: bool,
    again: bool,
}

/// An entry whose body is on its way.
struct Coming {
    entry: Entry,
    /// With its subscription identifiers.
    body: Option<Kept>,
}

/// What a line does about what comes next.
#[derive(Debug)]
pub(crate) enum Batch {
    /// Nothing: it has enough, or nothing is paged, or a batch is on its way.
    None,
    /// Messages were taken in that were in memory all the same.
    Here,
    /// These are to be read; each is told by its place in the batch.
    Read(Vec<(usize, MessageId)>),
}

/// What the arrival of a body means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nobody waits for it any more.
    Unknown,
    /// One that comes before it is still on its way.
    Early,
    /// It was the next in the line.
    Next,
    /// The log does not have what it has promised.
    Missing,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Paged {
    line: VecDeque<Entry>,
    /// Bodies, in order, of those entries of `line` that have no record.
    kept: VecDeque<Kept>,
    /// What is left of the batch that is being read: older than all of `line`.
    coming: VecDeque<Coming>,
    /// The place in the batch of the first of `coming`.
    first: usize,
    weight: Weight,
}

impl Paged {
    pub(crate) fn is_empty(&self) -> bool {
        self.weight.messages == 0
    }

    pub(crate) fn weight(&self) -> Weight {
        self.weight
    }

    /// Bytes that entries take.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> usize {
        self.line.capacity() * size_of::<Entry>()
    }

    /// A batch is on its way.
    pub(crate) fn is_reading(&self) -> bool {
        !self.coming.is_empty()
    }

    /// Appends a message, whose body is let go where it has a record.
    pub(crate) fn push(&mut self, item: Queued) {
        self.make_room();
        let entry = Entry::of(&item);
        self.weight += entry.weight();
        if item.id == MessageId(0) {
            self.kept.push_back((item.message, item.ids));
        }
        self.line.push_back(entry);
    }

    /// Puts a message before all others. Not while a batch is on its way.
    pub(crate) fn push_front(&mut self, item: Queued) {
        debug_assert!(!self.is_reading());
        self.make_room();
        let entry = Entry::of(&item);
        self.weight += entry.weight();
        if item.id == MessageId(0) {
            self.kept.push_front((item.message, item.ids));
        }
        self.line.push_front(entry);
    }

    fn make_room(&mut self) {
        if self.line.len() == self.line.capacity() {
            let more = LEAST_GROWTH.max(self.line.len() / 8);
            self.line.reserve_exact(more);
        }
    }

    /// Takes out those of the oldest that have expired: what is to be settled.
    pub(crate) fn take_expired(&mut self, now_ms: u64) -> Vec<(MessageId, u32)> {
        let mut expired = Vec::new();
        while !self.is_reading()
            && let Some(entry) = self.line.pop_front_if(|entry| entry.expired(now_ms))
        {
            self.weight -= entry.weight();
            if entry.id == MessageId(0) {
                self.kept.pop_front();
            }
            expired.push((entry.id, entry.ordinal));
        }
        expired
    }

    /// Begins a batch of at most `room` bytes, but of one message at least.
    pub(crate) fn begin_batch(&mut self, room: u64) -> Batch {
        debug_assert!(!self.is_reading());
        let (mut wanted, mut bytes) = (Vec::new(), 0);
        self.first = 0;
        while !self.line.is_empty() {
            let fits = |entry: &mut Entry| bytes == 0 || bytes + u64::from(entry.charge) <= room;
            let Some(entry) = self.line.pop_front_if(fits) else {
                break;
            };
            bytes += u64::from(entry.charge);
            self.weight -= entry.weight();
            self.weight += entry.weight_in_memory();
            let body = match entry.id {
                MessageId(0) => self.kept.pop_front(),
                id => {
                    wanted.push((self.coming.len(), id));
                    None
                }
            };
            self.coming.push_back(Coming { entry, body });
        }
        if self.line.is_empty() {
            self.line = VecDeque::new();
        }
        match (wanted.is_empty(), self.coming.is_empty()) {
            (false, _) => Batch::Read(wanted),
            (true, false) => Batch::Here,
            (true, true) => Batch::None,
        }
    }

    /// A body of the batch has come.
    pub(crate) fn arrived(&mut self, at: usize, id: MessageId, body: Option<&Body>) -> Arrival {
        let here = at.checked_sub(self.first);
        let coming = here.and_then(|here| self.coming.get_mut(here));
        let Some(coming) = coming.filter(|c| c.entry.id == id && c.body.is_none()) else {
            return Arrival::Unknown;
        };
        let Some(body) = body else {
            return Arrival::Missing;
        };
        let ordinal = coming.entry.ordinal;
        let ids = &body.subscription_ids;
        let mine = ids.binary_search_by_key(&ordinal, |(of, _)| *of).ok();
        let mine = mine.and_then(|at| ids.get(at));
        let mine = mine.map(|(_, ids)| ids.clone()).unwrap_or_default();
        coming.body = Some((body.message.clone(), mine));
        if here == Some(0) {
            Arrival::Next
        } else {
            Arrival::Early
        }
    }

    /// The next of the batch, if its body is here.
    pub(crate) fn take_next(&mut self) -> Option<Queued> {
        let next = self.coming.pop_front_if(|next| next.body.is_some())?;
        self.first += 1;
        self.weight -= next.entry.weight_in_memory();
        if self.coming.is_empty() {
            self.coming = VecDeque::new();
        }
        let (message, ids) = next.body?;
        Some(Queued {
            message,
            qos: next.entry.qos,
            retain: next.entry.retain,
            ordinal: next.entry.ordinal,
            id: next.entry.id,
            ids,
            held: None,
            again: next.entry.again,
        })
    }

    /// The line ends: what is to be settled, oldest first.
    pub(crate) fn end(self) -> impl Iterator<Item = (MessageId, u32)> {
        let coming = self.coming.into_iter().map(|c| c.entry);
        let all = coming.chain(self.line);
        all.map(|entry| (entry.id, entry.ordinal))
    }
}

impl Entry {
    fn of(item: &Queued) -> Self {
        let expires_at = item.message.expires_at;
        let second = |ms: u64| u32::try_from(ms / 1000 + 1).unwrap_or(u32::MAX);
        Entry {
            id: item.id,
            ordinal: item.ordinal,
            charge: u32::try_from(item.message.charge()).unwrap_or(u32::MAX),
            expires_s: expires_at.map_or(0, second),
            qos: item.qos,
            retain: item.retain,
            again: item.again,
        }
    }

    /// True where it has surely expired.
    fn expired(&self, now_ms: u64) -> bool {
        self.expires_s != 0 && u64::from(self.expires_s) * 1000 <= now_ms
    }

    fn weight(&self) -> Weight {
        let memory = if self.id == MessageId(0) {
            u64::from(self.charge)
        } else {
            PAGED_WEIGHT
        };
        Weight {
            memory,
            ..self.weight_in_memory()
        }
    }

    fn weight_in_memory(&self) -> Weight {
        Weight {
            messages: 1,
            bytes: u64::from(self.charge),
            memory: u64::from(self.charge),
        }
    }
}
