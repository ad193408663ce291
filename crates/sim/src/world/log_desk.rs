//! The log of a world, with appending and syncing as separate steps that may be long in coming.

use message::record::{Record, Row, RowKey, StoreOp};
use message::{LogId, QueueId, ShardId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use store::{Durable, Log, MemoryLog};

pub(super) struct LogDesk {
    log: MemoryLog,
    waiting: VecDeque<Vec<StoreOp>>,
    /// Appended, not synced.
    unsynced: bool,
    /// What was appended, and synced, by name: see [`LogDesk::is_synced`].
    appended: Vec<Vec<u8>>,
    synced: BTreeSet<Vec<u8>>,
    /// Whose queues are whose.
    clients: BTreeMap<QueueId, String>,
    /// It does not sync until it is told to.
    pub held: bool,
}

impl LogDesk {
    pub(super) fn new(seed: u64) -> Self {
        LogDesk {
            log: MemoryLog::new(LogId::LOCAL, seed),
            waiting: VecDeque::new(),
            unsynced: false,
            appended: Vec::new(),
            synced: BTreeSet::new(),
            clients: BTreeMap::new(),
            held: false,
        }
    }

    pub(super) fn push(&mut self, batch: Vec<StoreOp>) {
        self.waiting.push_back(batch);
    }

    pub(super) fn can_append(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn can_sync(&self) -> bool {
        self.unsynced && !self.held
    }

    /// Takes one batch. A log that refuses what a shard numbered has found a bug of ours.
    pub(super) fn append(&mut self) {
        let Some(batch) = self.waiting.pop_front() else {
            return;
        };
        batch.iter().for_each(|op| self.take_note(&op.record));
        if let Err(error) = self.log.append(0, batch) {
            panic!("the log refused a batch: {error}");
        }
        self.unsynced = true;
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
        if let Err(error) = self.log.sync(&mut marks) {
            panic!("the log did not sync: {error}");
        }
        self.unsynced = false;
        self.synced.extend(self.appended.drain(..));
        marks
            .into_iter()
            .map(|Durable { shard, upto }| (shard, upto))
            .collect()
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

fn first_word(payload: &[u8]) -> Vec<u8> {
    payload
        .split(|b| *b == b' ')
        .next()
        .unwrap_or_default()
        .to_vec()
}
