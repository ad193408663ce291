//! How the threads of a log reach each other: one inbox for the appending thread, one queue a lane.
//!
//! Locks are held for a push or a take, never while anything is done. What is in them is bounded by
//! those who give: shards by their credit, lanes by what the engine has under way.

use crate::engine::{DiskOp, OpId, Outcome, ReadTicket};
use message::MessageId;
use message::record::StoreOp;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Called when a backup has been made, or failed.
pub(super) type Done = Box<dyn FnOnce(Result<(), io::Error>) + Send>;

pub(super) enum Letter {
    Batch(u64, Vec<StoreOp>),
    Read(Vec<(ReadTicket, MessageId)>),
    Done(OpId, Outcome),
    Backup(PathBuf, Done),
    BackupDone,
    Stop,
}

#[derive(Default)]
pub(super) struct Inbox {
    letters: Mutex<Vec<Letter>>,
    came: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    pub(super) fn push(&self, letter: Letter) {
        let mut letters = lock(&self.letters);
        letters.push(letter);
        let first = letters.len() == 1;
        drop(letters);
        if first {
            self.came.notify_one();
        }
    }

    /// Waits for letters, for a while or for ever, and takes all of them.
    pub(super) fn take(&self, wait: Option<Duration>, into: &mut Vec<Letter>) {
        let mut letters = lock(&self.letters);
        if letters.is_empty() {
            letters = match wait {
                Some(wait) => {
                    let waited = self.came.wait_timeout(letters, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.came.wait(letters);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        std::mem::swap(&mut *letters, into);
    }
}

#[derive(Default)]
struct Waiting {
    ops: VecDeque<DiskOp>,
    stop: bool,
}

/// What one lane has to do.
#[derive(Default)]
pub(super) struct LaneQueue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl LaneQueue {
    pub(super) fn push(&self, op: DiskOp) {
        lock(&self.waiting).ops.push_back(op);
        self.came.notify_one();
    }

    pub(super) fn stop(&self) {
        lock(&self.waiting).stop = true;
        self.came.notify_all();
    }

    /// Waits for something to do; `None` at the end.
    pub(super) fn take(&self) -> Option<DiskOp> {
        let mut waiting = lock(&self.waiting);
        loop {
            if waiting.stop {
                return None;
            }
            if let Some(op) = waiting.ops.pop_front() {
                return Some(op);
            }
            let waited = self.came.wait(waiting);
            waiting = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
