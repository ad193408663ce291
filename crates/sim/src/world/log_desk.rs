//! The log of a world, with appending and syncing as separate steps that may be long in coming.
//!
//! What is synced is what a crash leaves, and more only as chance has it: the log itself, which is in
//! memory or on a simulated disk, is given a batch when it is synced. Times are turned into Unix time
//! on the way, as in any log.

use super::keeper::{End, Keeper, each_item, in_unix_time};
use crate::rng::Rng;
use broker::recover::{Recovery, Seen};
use broker::{Now, Read, Shard};
use message::record::{Body, Record, Row, RowKey, StoreOp};
use message::{LogId, MessageId, QueueId, ShardId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use store::{Durable, Folded, Log, LogError, MemoryLog};

/// Something that was appended and is not durable yet.
struct Noted {
    shard: ShardId,
    seq: u64,
    name: Vec<u8>,
    /// Of a message.
    id: Option<MessageId>,
}

/// How far the operations of a shard are.
#[derive(Default)]
struct Given {
    /// The last that was given to the log.
    last: u64,
    /// All up to here are durable.
    upto: u64,
    /// So are all up to here, but these.
    passed: u64,
    held: BTreeSet<u64>,
}

impl Given {
    fn settle(&mut self, mark: &Durable) {
        self.upto = mark.upto;
        self.passed = mark.passed;
        self.held.extend(&mark.held);
        self.held.retain(|seq| *seq > mark.upto);
    }

    fn is_durable(&self, seq: u64) -> bool {
        seq <= self.passed && !self.held.contains(&seq)
    }
}

pub(super) struct LogDesk {
    keeper: Keeper,
    epoch: u64,
    given: BTreeMap<ShardId, Given>,
    /// The disk has no room.
    full: bool,
    /// It has ended in an error: the node is about to die.
    failed: bool,
    waiting: VecDeque<Vec<StoreOp>>,
    /// Appended, not synced.
    unsynced: Vec<StoreOp>,
    /// What was appended, and synced, by name: see [`LogDesk::is_synced`].
    appended: Vec<Noted>,
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
    pub(super) fn new(seed: u64, on_disk: bool, now: Now) -> Self {
        LogDesk {
            keeper: if on_disk {
                Keeper::on_disk(seed, now)
            } else {
                Keeper::Memory(Box::new(MemoryLog::new(LogId::LOCAL, seed)))
            },
            epoch: 0,
            given: BTreeMap::new(),
            full: false,
            failed: false,
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
        !self.waiting.is_empty() && !self.failed
    }

    pub(super) fn can_sync(&self) -> bool {
        // Where something waits for room, the log tries again once there is some.
        let behind = !self.full && self.given.values().any(|given| given.last > given.upto);
        (behind || !self.unsynced.is_empty()) && !self.held && !self.failed
    }

    pub(super) fn ask(&mut self, reads: Vec<Read>) {
        self.reads.extend(reads);
    }

    /// A read can be answered: its record is in the log, or has been settled by everybody.
    pub(super) fn can_read(&self) -> bool {
        !self.reads_held && !self.failed && self.reads.iter().any(|read| self.is_written(read.id))
    }

    fn is_written(&self, id: MessageId) -> bool {
        let mut waiting = self.waiting.iter().flatten();
        let waits =
            waiting.any(|op| matches!(&op.record, Record::Enqueue(enqueue) if enqueue.id == id));
        // Where the disk is full it may have been given to the log long ago.
        !waits && !self.appended.iter().any(|noted| noted.id == Some(id))
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
        let Ok(body) = self.keeper.read(id, self.unix_offset) else {
            self.failed = true;
            return None;
        };
        Some((ticket, body))
    }

    /// Takes one batch.
    pub(super) fn append(&mut self) {
        let Some(mut batch) = self.waiting.pop_front() else {
            return;
        };
        for op in &mut batch {
            if self.keeper.wants_unix_time() {
                in_unix_time(&mut op.record, self.unix_offset);
            }
            self.take_note(op);
        }
        self.unsynced.extend(batch);
    }

    fn take_note(&mut self, op: &StoreOp) {
        let (shard, seq) = (op.shard, op.seq);
        match &op.record {
            Record::Enqueue(enqueue) => {
                let name = first_word(&enqueue.message.payload);
                let id = Some(enqueue.id);
                self.appended.push(Noted {
                    shard,
                    seq,
                    name,
                    id,
                });
            }
            Record::Put(Row::Session {
                queue, client_id, ..
            }) => {
                self.clients.insert(*queue, client_id.to_string());
            }
            Record::Put(Row::Subscription { queue, filter, .. }) => {
                let name = self.subscription(*queue, filter);
                let id = None;
                self.appended.push(Noted {
                    shard,
                    seq,
                    name,
                    id,
                });
            }
            Record::Delete(RowKey::Subscription(queue, filter)) => {
                let name = self.subscription(*queue, filter);
                self.appended.retain(|noted| noted.name != name);
                self.synced.remove(&name);
            }
            _ => {}
        }
    }

    fn subscription(&self, queue: QueueId, filter: &str) -> Vec<u8> {
        subscription(&self.clients, queue, filter)
    }

    /// What is durable now; an error means that the node must die.
    pub(super) fn sync(&mut self) -> Result<Vec<Durable>, LogError> {
        let mut marks = Vec::new();
        let batch = std::mem::take(&mut self.unsynced);
        for op in &batch {
            self.see(&op.record);
            let before = op.seq - 1;
            let given = self.given.entry(op.shard).or_insert_with(|| Given {
                upto: before,
                passed: before,
                ..Given::default()
            });
            given.last = op.seq;
        }
        let written = self.keeper.sync(self.epoch, batch, &mut marks);
        self.failed = written.is_err();
        written?;
        for mark in &marks {
            if let Some(given) = self.given.get_mut(&mark.shard) {
                given.settle(mark);
            }
        }
        let (given, synced) = (&self.given, &mut self.synced);
        self.appended.retain_mut(|noted| {
            let shard = given.get(&noted.shard);
            let durable = shard.is_some_and(|shard| shard.is_durable(noted.seq));
            if durable {
                synced.insert(std::mem::take(&mut noted.name));
            }
            !durable
        });
        Ok(marks)
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

    /// The node dies: of what was not synced, the first `keep` records may be in the log all the same.
    pub(super) fn crash(&mut self, keep: usize) {
        let batch = std::mem::take(&mut self.unsynced);
        batch.iter().take(keep).for_each(|op| self.see(&op.record));
        self.keeper.crash(self.epoch, batch, keep);
        self.forget();
    }

    /// The log has ended in an error, and the node with it.
    pub(super) fn fallen(&mut self, rng: &mut Rng) {
        self.keeper.end(rng.pick(&[End::Process, End::Power]));
        self.forget();
    }

    fn forget(&mut self) {
        self.waiting.clear();
        self.unsynced.clear();
        self.appended.clear();
        self.given.clear();
        self.reads.clear();
        self.held = false;
        self.reads_held = false;
        self.failed = false;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn fail_after(&mut self, steps: u64) {
        self.keeper.fail_after(steps);
    }

    pub(super) fn fill(&mut self, full: bool) {
        self.full = full;
        self.keeper.fill(full);
    }

    /// Records that a crash may lose.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// A new life of the node begins, with what the log has.
    pub(super) fn recover(&mut self, shards: &mut [Shard], now: Now) {
        self.epoch += 1;
        self.unix_offset = now.unix_ms - now.ms;
        let known = self.keeper.reopen(self.epoch, now);
        let mut recovery = Recovery::new(shards, now);
        recovery.saw(known.unwrap_or(self.seen));
        let (clients, synced) = (&self.clients, &mut self.synced);
        each_item(self.keeper.log(), |item| match item {
            Folded::Row(row) => {
                if let Row::Subscription { queue, filter, .. } = row {
                    synced.insert(subscription(clients, *queue, filter));
                }
                recovery.row(row);
            }
            Folded::Message(live) => {
                synced.insert(first_word(&live.message.payload));
                recovery.message(live.message.clone(), live.retained, live.qos2_id);
                for w in &live.waiting {
                    recovery.destination(w.ordinal, &w.dest, w.group);
                }
            }
        });
        recovery.finish();
    }

    /// True where a message is durable whose payload begins with this word; or a subscription, named
    /// `CLIENT FILTER`.
    pub(super) fn is_synced(&self, name: &[u8]) -> bool {
        self.synced.contains(name)
    }

    pub(super) fn log(&self) -> &dyn Log {
        self.keeper.log()
    }
}

fn subscription(clients: &BTreeMap<QueueId, String>, queue: QueueId, filter: &str) -> Vec<u8> {
    let client = clients.get(&queue).map_or("", String::as_str);
    format!("{client} {filter}").into_bytes()
}

fn first_word(payload: &[u8]) -> Vec<u8> {
    payload
        .split(|b| *b == b' ')
        .next()
        .unwrap_or_default()
        .to_vec()
}
