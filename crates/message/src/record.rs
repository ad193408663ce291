//! What must survive: the records of the log, and the operations that carry them there.
//!
//! The state of a broker is a fold of these records. The core only emits [`StoreOp`]s and is told, by
//! sequence number, when they are durable; it never calls a store.

use crate::{LogId, Message, MessageId, QoS, QueueId, ShardId};
use std::sync::Arc;

/// One record on its way to a log, numbered by the shard that emitted it. Numbers of a shard grow by
/// one; a shard is told how far they are durable ([`Durable`]).
#[derive(Clone, Debug, PartialEq)]
pub struct StoreOp {
    pub log: LogId,
    pub shard: ShardId,
    pub seq: u64,
    pub record: Record,
}

/// How far a shard's operations have got. A log may hold operations back, while its disk is full, and go
/// on with others behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    pub shard: ShardId,
    /// Everything up to and with this one is durable.
    pub upto: u64,
    /// So is everything up to and with this one, but what is held back.
    pub passed: u64,
    /// What has been held back since the last time this was told, ascending. It is over when `upto`
    /// reaches it.
    pub held: Vec<u64>,
}

impl Durable {
    /// Nothing is held back.
    pub fn all(shard: ShardId, upto: u64) -> Self {
        Durable {
            shard,
            upto,
            passed: upto,
            held: Vec::new(),
        }
    }
}

/// One durable fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// All that one publish leaves behind, in one record, so that it happens wholly or not at all.
    Enqueue(Box<Enqueue>),
    /// A destination of a message has been served, or will never be.
    Settle { id: MessageId, ordinal: u32 },
    /// A destination moved from a `$share` group's queue to a member's.
    Assign {
        id: MessageId,
        ordinal: u32,
        to: QueueId,
    },
    /// A row is new, or replaces the one with its key.
    Put(Row),
    /// The row with this key is gone.
    Delete(RowKey),
}

/// One publish: the body once, and everyone who is owed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueue {
    pub id: MessageId,
    /// As the core has it. Whoever writes the record down turns `expires_at` into Unix time.
    pub message: Arc<Message>,
    /// Durable destinations; a destination's ordinal is its place in this list.
    pub dests: Box<[Dest]>,
    /// Set where the message is the new retained value of its topic (or, with an empty payload, its
    /// end). The fold keeps the highest version.
    pub retained: bool,
    /// The publisher's QoS 2 packet id, known as received until it is deleted.
    pub qos2_id: Option<(QueueId, u16)>,
}

/// One durable destination of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dest {
    pub queue: QueueId,
    /// The QoS it is to be delivered with.
    pub qos: QoS,
    /// Keep the retain flag as published (Retain As Published).
    pub retain: bool,
    /// MQTT 5 subscription identifiers of the subscriptions that matched.
    pub subscription_ids: Box<[u32]>,
}

/// A message as a log gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// As the core has it.
    pub message: Arc<Message>,
    /// Destinations that are not settled.
    pub waiting: usize,
    /// Subscription identifiers by ordinal, of those destinations that have some.
    pub subscription_ids: Vec<(u32, Box<[u32]>)>,
}

/// A row of one of the log's tables.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A session that leaves something behind when the node dies: a persistent one, or a volatile one
    /// that has a will. `expires_after_s` of `None` means never, 0 with its connection; the end counts
    /// from `disconnected_at_ms` (Unix time), or from recovery where the session was connected.
    Session {
        queue: QueueId,
        client_id: Box<str>,
        user: Option<Box<str>>,
        expires_after_s: Option<u32>,
        disconnected_at_ms: Option<u64>,
    },
    /// One subscription of a persistent session.
    Subscription {
        queue: QueueId,
        filter: Box<str>,
        options: u8,
        id: Option<u32>,
        /// The queue of the group, where it is a shared one: what the group's backlog is named by.
        group: Option<QueueId>,
    },
    /// An outgoing message has been given a packet id; `released` once its PUBREC has come.
    Inflight {
        queue: QueueId,
        packet_id: u16,
        message: MessageId,
        ordinal: u32,
        released: bool,
    },
    /// A QoS 2 packet id that a client has used and not released yet.
    Received { queue: QueueId, packet_id: u16 },
    /// The will of a client, from CONNECT on; `due_at_ms` (Unix time) once its delay runs.
    Will {
        queue: QueueId,
        message: Arc<Message>,
        delay_s: u32,
        /// Seconds after which it expires, counted from when it is sent.
        expiry_s: Option<u32>,
        due_at_ms: Option<u64>,
    },
}

/// The key of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    Session(QueueId),
    Subscription(QueueId, Box<str>),
    Inflight(QueueId, u16),
    Received(QueueId, u16),
    Will(QueueId),
    /// The retained message of a topic, where it ends by expiry or by an operator.
    Retained(Box<str>, u64),
}

impl Row {
    /// The key under which a later row replaces this one.
    pub fn key(&self) -> RowKey {
        match self {
            Row::Session { queue, .. } => RowKey::Session(*queue),
            Row::Subscription { queue, filter, .. } => RowKey::Subscription(*queue, filter.clone()),
            Row::Inflight {
                queue, packet_id, ..
            } => RowKey::Inflight(*queue, *packet_id),
            Row::Received { queue, packet_id } => RowKey::Received(*queue, *packet_id),
            Row::Will { queue, .. } => RowKey::Will(*queue),
        }
    }
}
