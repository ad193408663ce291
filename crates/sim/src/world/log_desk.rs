//! The log of a world, with appending and syncing as separate steps that may be long in coming.

use message::record::{Record, StoreOp};
use message::{LogId, ShardId};
use std::collections::{BTreeSet, VecDeque};
use store::{Durable, Log, MemoryLog};

pub(super) struct LogDesk {
    log: MemoryLog,
    waiting: VecDeque<Vec<StoreOp>>,
    /// Appended, not synced.
    unsynced: bool,
    /// First words of the payloads of messages that were appended, and synced.
    appended: Vec<Vec<u8>>,
    synced: BTreeSet<Vec<u8>>,
    /// It does not sync for now.
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
        self.appended
            .extend(batch.iter().filter_map(|op| match &op.record {
                Record::Enqueue(enqueue) => Some(first_word(&enqueue.message.payload)),
                _ => None,
            }));
        if let Err(error) = self.log.append(0, batch) {
            panic!("the log refused a batch: {error}");
        }
        self.unsynced = true;
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

    /// True where a message is durable whose payload begins with this word.
    pub(super) fn is_synced(&self, word: &[u8]) -> bool {
        self.synced.contains(word)
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
