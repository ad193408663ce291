//! The log of a world, with appending and syncing as separate steps that may be long in coming.
//!
//! What is synced is what a crash leaves, and more only as chance has it: the log itself is given a
//! batch when it is synced. Times are turned into Unix time on the way, as in any log.

use crate::rng::Rng;
use broker::recover::{Recovery, Seen};
use broker::{Now, Read, Shard};
use message::record::{Body, Record, Row, RowKey, StoreOp};
use message::{LogId, MessageId, QueueId, ShardId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use store::{Durable, Folded, Log, MemoryLog};

pub(super) struct LogDesk {
    log: MemoryLog,
    epoch: u64,
    waiting: VecDeque<Vec<StoreOp>>,
    /// Appended, not synced.
    unsynced: Vec<StoreOp>,
    /// What was appended, and synced, by name: see [`LogDesk::is_synced`].
    appended: Vec<Vec<u8>>,
    synced: BTreeSet<Vec<u8>>,
    /// Whose queues are whose.
    clients: BTreeMap<QueueId, String>,
    /// The highest names in the log.
    seen: Seen,
    /// Messages that shards have asked for.
    reads: Vec<Read>,
    /// What makes the node's time Unix time, taken once in each of its lives.
    unix_offset: u64,
    /// It does not sync until it is told to.
    pub held: bool,
    /// It does not read until it is told to.
    pub reads_held: bool,
}

impl LogDesk {
    /// `now` is the node's.
    pub(super) fn new(seed: u64, now: Now) -> Self {
        LogDesk {
            log: MemoryLog::new(LogId::LOCAL, seed),
            epoch: 0,
            waiting: VecDeque::new(),
            unsynced: Vec::new(),
            appended: Vec::new(),
            synced: BTreeSet::new(),
            clients: BTreeMap::new(),
            seen: Seen::default(),
            reads: Vec::new(),
            unix_offset: now.unix_ms - now.ms,
            held: false,
            reads_held: false,
        }
    }

    pub(super) fn push(&mut self, batch: Vec<StoreOp>) {
        self.waiting.push_back(batch);
    }

    pub(super) fn can_append(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn can_sync(&self) -> bool {
        !self.unsynced.is_empty() && !self.held
    }

    pub(super) fn ask(&mut self, reads: Vec<Read>) {
        self.reads.extend(reads);
    }

    /// A read can be answered: its record is in the log, or has been settled by everybody.
    pub(super) fn can_read(&self) -> bool {
        !self.reads_held && self.reads.iter().any(|read| self.is_written(read.id))
    }

    fn is_written(&self, id: MessageId) -> bool {
        let mut ops = self.waiting.iter().flatten().chain(&self.unsynced);
        !ops.any(|op| matches!(&op.record, Record::Enqueue(enqueue) if enqueue.id == id))
    }

    /// Answers one of the reads that can be, whichever chance chooses.
    pub(super) fn read(&mut self, rng: &mut Rng) -> Option<(u64, Option<Body>)> {
        let all = self.reads.iter().enumerate();
        let written = all.filter(|(_, read)| self.is_written(read.id));
        let places: Vec<usize> = written.map(|(at, _)| at).collect();
        if places.is_empty() {
            return None;
        }
        let Read { ticket, id } = self.reads.swap_remove(rng.pick(&places));
        let body = self.log.fold().live(id).cloned().map(|live| {
            let mut body = live.into_body();
            if let Some(at) = body.message.expires_at {
                let at = at.saturating_sub(self.unix_offset);
                Arc::make_mut(&mut body.message).expires_at = Some(at);
            }
            body
        });
        Some((ticket, body))
    }

    /// Takes one batch.
    pub(super) fn append(&mut self) {
        let Some(mut batch) = self.waiting.pop_front() else {
            return;
        };
        for op in &mut batch {
            in_unix_time(&mut op.record, self.unix_offset);
            self.take_note(&op.record);
        }
        self.unsynced.extend(batch);
    }

    fn take_note(&mut self, record: &Record) {
        match record {
            Record::Enqueue(enqueue) => self.appended.push(first_word(&enqueue.message.payload)),
            Record::Put(Row::Session {
                queue, client_id, ..
            }) => {
                self.clients.insert(*queue, client_id.to_string());
            }
            Record::Put(Row::Subscription { queue, filter, .. }) => {
                let name = self.subscription(*queue, filter);
                self.appended.push(name);
            }
            Record::Delete(RowKey::Subscription(queue, filter)) => {
                let name = self.subscription(*queue, filter);
                self.appended.retain(|known| *known != name);
                self.synced.remove(&name);
            }
            _ => {}
        }
    }

    fn subscription(&self, queue: QueueId, filter: &str) -> Vec<u8> {
        let client = self.clients.get(&queue).map_or("", String::as_str);
        format!("{client} {filter}").into_bytes()
    }

    pub(super) fn sync(&mut self) -> Vec<(ShardId, u64)> {
        let mut marks = Vec::new();
        let batch = std::mem::take(&mut self.unsynced);
        batch.iter().for_each(|op| self.see(&op.record));
        // A log that refuses what a shard numbered has found a bug of ours.
        let appended = self.log.append(self.epoch, batch);
        if let Err(error) = appended.and_then(|()| self.log.sync(&mut marks)) {
            panic!("the log refused a batch: {error}");
        }
        self.synced.extend(self.appended.drain(..));
        marks
            .into_iter()
            .map(|Durable { shard, upto }| (shard, upto))
            .collect()
    }

    /// Notes names that no later life of the node may use again.
    fn see(&mut self, record: &Record) {
        let seen = &mut self.seen;
        match record {
            Record::Enqueue(enqueue) => {
                seen.message = seen.message.max(enqueue.id);
                seen.version = seen.version.max(enqueue.message.retained_version);
            }
            Record::Put(Row::Session { queue, .. }) => seen.queue = seen.queue.max(*queue),
            Record::Put(Row::Subscription { group, .. }) => {
                seen.queue = seen.queue.max(group.unwrap_or_default());
            }
            Record::Delete(RowKey::Retained(_, version)) => {
                seen.version = seen.version.max(*version);
            }
            _ => {}
        }
    }

    /// The node dies: of what was not synced, the first `keep` records are in the log all the same.
    pub(super) fn crash(&mut self, keep: usize) {
        self.waiting.clear();
        self.unsynced.truncate(keep);
        self.appended.clear();
        let kept = std::mem::take(&mut self.unsynced);
        kept.iter().for_each(|op| self.take_note(&op.record));
        self.unsynced = kept;
        self.sync();
        self.reads.clear();
        self.held = false;
        self.reads_held = false;
    }

    /// Records that a crash may lose.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// A new life of the node begins, with what the log has.
    pub(super) fn recover(&mut self, shards: &mut [Shard], now: Now) {
        self.epoch += 1;
        self.unix_offset = now.unix_ms - now.ms;
        let log = std::mem::replace(&mut self.log, MemoryLog::new(LogId::LOCAL, 0));
        self.log = log.reopen(self.epoch);
        let mut recovery = Recovery::new(shards, now);
        recovery.saw(self.seen);
        let scanned = self.log.scan(&mut |item| match item {
            Folded::Row(row) => recovery.row(row),
            Folded::Message(live) => {
                recovery.message(live.message.clone(), live.retained, live.qos2_id);
                for w in &live.waiting {
                    recovery.destination(w.ordinal, &w.dest, w.group);
                }
            }
        });
        if let Err(error) = scanned {
            panic!("the log cannot be read: {error}");
        }
        recovery.finish();
    }

    /// True where a message is durable whose payload begins with this word; or a subscription, named
    /// `CLIENT FILTER`.
    pub(super) fn is_synced(&self, name: &[u8]) -> bool {
        self.synced.contains(name)
    }

    pub(super) fn log(&self) -> &MemoryLog {
        &self.log
    }
}

/// A record as a log has it.
fn in_unix_time(record: &mut Record, offset: u64) {
    if let Record::Enqueue(enqueue) = record
        && let Some(at) = enqueue.message.expires_at
    {
        let at = at + offset;
        Arc::make_mut(&mut enqueue.message).expires_at = Some(at);
    }
}

fn first_word(payload: &[u8]) -> Vec<u8> {
    payload
        .split(|b| *b == b' ')
        .next()
        .unwrap_or_default()
        .to_vec()
}
