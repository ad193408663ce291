//! What a log is, whatever it is kept in.

use crate::Folded;
use message::record::{Durable, StoreOp};
use message::{LogId, Message, MessageId, ShardId};
use std::sync::Arc;
use thiserror::Error;

/// Why a log refuses, or cannot go on. All of them are fatal to the process that owns the log: it
/// stops acknowledging and exits.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogError {
    /// A newer owner has taken the log over.
    #[error("the log belongs to epoch {current}, epoch {used} is over")]
    Fenced { used: u64, current: u64 },
    #[error("operation of log {0:?} was given to log {1:?}")]
    OtherLog(LogId, LogId),
    /// Operations of a shard are numbered without gaps.
    #[error("operation {got} of shard {shard} came after {last}")]
    OutOfOrder { shard: ShardId, last: u64, got: u64 },
    /// Of a log on disk: what [`crate::StoreError`] says.
    #[error("{0}")]
    Store(Box<str>),
}

/// One log. Its state is the fold of all that was appended: see [`crate::Fold`].
pub trait Log: Send {
    /// Takes a batch, after all batches before it. Says nothing about durability. `epoch` is the one
    /// that the caller was given the log for.
    fn append(&mut self, epoch: u64, batch: Vec<StoreOp>) -> Result<(), LogError>;

    /// Makes all that was appended durable, and adds one mark for each shard that got further. A
    /// failure is final: never try again.
    fn sync(&mut self, marks: &mut Vec<Durable>) -> Result<(), LogError>;

    /// The body of a message that is still live.
    fn read(&self, id: MessageId) -> Result<Option<Arc<Message>>, LogError>;

    /// The fold of all that was appended: rows in the order of their keys, then messages in the order
    /// of their ids.
    fn scan(&self, visit: &mut dyn FnMut(Folded<'_>)) -> Result<(), LogError>;

    /// Gives back room that the dead hold, by moving at most `budget` bytes of the living. Returns how
    /// many it moved; 0 where there is nothing to gain.
    fn trim(&mut self, budget: u64) -> Result<u64, LogError>;

    /// Begins `epoch`: whoever appends with an older one is refused from here on.
    fn fence(&mut self, epoch: u64) -> Result<(), LogError>;
}
