//! A log that lives in memory: it survives nothing, and keeps every other promise of a log.
//!
//! The simulator runs on it, and delays its syncs. Room of the dead is freed at once, so there is nothing
//! to trim.

use crate::{Durable, Fold, Folded, Log, LogError};
use message::record::StoreOp;
use message::{LogId, Message, MessageId, ShardId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
pub struct MemoryLog {
    id: LogId,
    epoch: u64,
    fold: Fold,
    /// For each shard the last number appended, and the last one said to be durable.
    seqs: BTreeMap<ShardId, (u64, u64)>,
}

impl MemoryLog {
    /// An empty log of epoch 0. `seed` feeds its hash maps.
    pub fn new(id: LogId, seed: u64) -> Self {
        MemoryLog {
            id,
            epoch: 0,
            fold: Fold::new(seed),
            seqs: BTreeMap::new(),
        }
    }

    /// A restarted node's log: the same content, and shards that count anew.
    pub fn reopen(self, epoch: u64) -> Self {
        MemoryLog {
            epoch,
            seqs: BTreeMap::new(),
            ..self
        }
    }

    /// What all records amount to.
    pub fn fold(&self) -> &Fold {
        &self.fold
    }
}

impl Log for MemoryLog {
    fn append(&mut self, epoch: u64, batch: Vec<StoreOp>) -> Result<(), LogError> {
        if epoch != self.epoch {
            return Err(LogError::Fenced {
                used: epoch,
                current: self.epoch,
            });
        }
        for op in batch {
            if op.log != self.id {
                return Err(LogError::OtherLog(op.log, self.id));
            }
            match self.seqs.get_mut(&op.shard) {
                Some((last, _)) if op.seq != *last + 1 => {
                    return Err(LogError::OutOfOrder {
                        shard: op.shard,
                        last: *last,
                        got: op.seq,
                    });
                }
                Some((last, _)) => *last = op.seq,
                None => {
                    self.seqs
                        .insert(op.shard, (op.seq, op.seq.saturating_sub(1)));
                }
            }
            self.fold.apply(op.record);
        }
        Ok(())
    }

    fn sync(&mut self, marks: &mut Vec<Durable>) -> Result<(), LogError> {
        for (&shard, (appended, durable)) in &mut self.seqs {
            if appended != durable {
                *durable = *appended;
                marks.push(Durable::all(shard, *durable));
            }
        }
        Ok(())
    }

    fn read(&self, id: MessageId) -> Result<Option<Arc<Message>>, LogError> {
        Ok(self.fold.live(id).map(|live| live.message.clone()))
    }

    fn scan(&self, visit: &mut dyn FnMut(Folded<'_>)) -> Result<(), LogError> {
        self.fold.scan(visit);
        Ok(())
    }

    fn trim(&mut self, _budget: u64) -> Result<u64, LogError> {
        Ok(0)
    }

    fn fence(&mut self, epoch: u64) -> Result<(), LogError> {
        if epoch < self.epoch {
            return Err(LogError::Fenced {
                used: epoch,
                current: self.epoch,
            });
        }
        self.epoch = epoch;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::QueueId;
    use message::record::{Record, RowKey};

    fn op(shard: ShardId, seq: u64) -> StoreOp {
        StoreOp {
            log: LogId::LOCAL,
            shard,
            seq,
            record: Record::Delete(RowKey::Will(QueueId(1))),
        }
    }

    #[test]
    fn durable_is_said_once_and_only_by_sync() {
        let mut log = MemoryLog::new(LogId::LOCAL, 1);
        let mut marks = Vec::new();
        log.append(0, vec![op(1, 1), op(0, 1), op(1, 2)]).unwrap();
        log.sync(&mut marks).unwrap();
        assert_eq!(marks, [Durable::all(0, 1), Durable::all(1, 2)]);
        marks.clear();
        log.sync(&mut marks).unwrap();
        assert_eq!(marks, []);
        log.append(0, vec![op(0, 2)]).unwrap();
        log.sync(&mut marks).unwrap();
        assert_eq!(marks, [Durable::all(0, 2)]);
    }

    #[test]
    fn a_gap_another_log_and_an_old_epoch_are_refused() {
        let mut log = MemoryLog::new(LogId::LOCAL, 1);
        log.append(0, vec![op(0, 1)]).unwrap();
        let gap = LogError::OutOfOrder {
            shard: 0,
            last: 1,
            got: 3,
        };
        assert_eq!(log.append(0, vec![op(0, 3)]), Err(gap));
        let other = StoreOp {
            log: LogId(7),
            ..op(0, 2)
        };
        assert_eq!(
            log.append(0, vec![other]),
            Err(LogError::OtherLog(LogId(7), LogId::LOCAL))
        );
        log.fence(2).unwrap();
        let fenced = LogError::Fenced {
            used: 0,
            current: 2,
        };
        assert_eq!(log.append(0, vec![op(0, 2)]), Err(fenced));
        assert_eq!(log.append(2, vec![op(0, 2)]), Ok(()));
        assert_eq!(
            log.fence(1),
            Err(LogError::Fenced {
                used: 1,
                current: 2
            })
        );
        let mut log = log.reopen(3);
        assert_eq!(log.append(3, vec![op(0, 1)]), Ok(()));
    }
}
