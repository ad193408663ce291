//! The thread that owns the log.
//!
//! Takes the batches that wait, appends them, syncs once for all and tells each shard how far it is
//! durable: so a ticket settles in a later turn, never in the one that emitted it. A failure is
//! final: nothing is said to be durable any more, and the node stops.

use crate::inbox::{Inbox, Letter};
use message::record::StoreOp;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use store::{Log, LogError};

#[derive(Default)]
struct Waiting {
    /// Bounded by the credit that a publish takes before its operations are emitted.
    batches: Vec<Vec<StoreOp>>,
    stop: bool,
}

/// Where shards leave their operations.
#[derive(Default)]
pub(crate) struct LogInbox {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl LogInbox {
    /// Gives a batch to the log, after all that were given before.
    pub(crate) fn push(&self, batch: Vec<StoreOp>) {
        let mut waiting = self.lock();
        waiting.batches.push(batch);
        let first = waiting.batches.len() == 1;
        drop(waiting);
        if first {
            self.came.notify_one();
        }
    }

    /// The thread ends once everything that was given is durable.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.came.notify_one();
    }

    /// Waits for batches; `None` at the end.
    fn take(&self) -> Option<Vec<Vec<StoreOp>>> {
        let mut waiting = self.lock();
        loop {
            if !waiting.batches.is_empty() {
                return Some(std::mem::take(&mut waiting.batches));
            }
            if waiting.stop {
                return None;
            }
            waiting = self
                .came
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until [`LogInbox::stop`], or until the log fails.
pub(crate) fn run(
    log: &mut dyn Log,
    epoch: u64,
    inbox: &LogInbox,
    shards: &[Arc<Inbox>],
) -> Result<(), LogError> {
    let mut marks = Vec::new();
    while let Some(batches) = inbox.take() {
        for batch in batches {
            log.append(epoch, batch)?;
        }
        log.sync(&mut marks)?;
        for mark in marks.drain(..) {
            if let Some(shard) = shards.get(usize::from(mark.shard)) {
                shard.push(Letter::Durable(mark));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::record::{Record, RowKey};
    use message::{LogId, QueueId};
    use mio::{Poll, Token};
    use store::MemoryLog;

    fn op(shard: u16, seq: u64) -> StoreOp {
        let record = Record::Delete(RowKey::Will(QueueId(1)));
        StoreOp {
            log: LogId::LOCAL,
            shard,
            seq,
            record,
        }
    }

    #[test]
    fn shards_learn_how_far_they_are_durable() {
        let polls = [Poll::new().unwrap(), Poll::new().unwrap()];
        let inbox_of = |p: &Poll| Arc::new(Inbox::new(p.registry(), Token(0)).unwrap());
        let shards: Vec<_> = polls.iter().map(inbox_of).collect();
        let inbox = LogInbox::default();
        inbox.push(vec![op(0, 1), op(0, 2)]);
        inbox.push(vec![op(1, 1)]);
        inbox.stop();
        let mut log = MemoryLog::new(LogId::LOCAL, 1);
        assert_eq!(run(&mut log, 0, &inbox, &shards), Ok(()));
        for (shard, upto) in shards.iter().zip([2, 1]) {
            let mut letters = Vec::new();
            shard.take(&mut letters);
            assert!(matches!(&letters[..], [Letter::Durable(mark)] if mark.upto == upto));
        }
        assert!(run(&mut log, 9, &inbox, &shards).is_ok(), "nothing waits");
        inbox.push(vec![op(0, 3)]);
        assert!(run(&mut log, 9, &inbox, &shards).is_err(), "another epoch");
    }
}
