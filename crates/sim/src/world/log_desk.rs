//! The log of a world, with appending and syncing as separate steps that may be long in coming.

use message::record::StoreOp;
use message::{LogId, ShardId};
use std::collections::VecDeque;
use store::{Durable, Log, MemoryLog};

pub(super) struct LogDesk {
    log: MemoryLog,
    waiting: VecDeque<Vec<StoreOp>>,
    /// Appended, not synced.
    unsynced: bool,
    /// It does not sync for now.
    pub held: bool,
}

impl LogDesk {
    pub(super) fn new(seed: u64) -> Self {
        LogDesk {
            log: MemoryLog::new(LogId::LOCAL, seed),
            waiting: VecDeque::new(),
            unsynced: false,
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
        let Some(batch) = self.waiting.pop_front() else { return };
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
        marks.into_iter().map(|Durable { shard, upto }| (shard, upto)).collect()
    }

    pub(super) fn log(&self) -> &MemoryLog {
        &self.log
    }
}
