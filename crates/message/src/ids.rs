//! Names of things that outlive a turn. None of them is ever reused.

/// One shard of this node, counted from 0.
pub type ShardId = u16;

/// A message in the log. Ids grow along each publisher's messages: see "Message ids" in
/// `ARCHITECTURE.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A queue that messages can wait in: a session's, or a `$share` group's. Never reused, so a record
/// that names a queue which has gone is known to be settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

/// The log that a record belongs to. A single node has one, [`LogId::LOCAL`]; the name is the seam
/// for a replicated log, where each queue, session and table key has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u32);

impl LogId {
    /// The one log of a single node.
    pub const LOCAL: LogId = LogId(0);
}
