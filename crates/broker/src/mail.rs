//! What shards tell each other. One FIFO inbox per shard; one batch per turn and target.
//!
//! Mails that carry messages take credit of their target (see `credit`); replies need none.

use crate::parcel::Parcel;
use crate::queue::GroupItem;
use message::{Message, MessageId, QoS, QueueId, ShardId};
use std::sync::Arc;

/// One item of a shard's inbox. Opaque to drivers: they only carry it.
#[derive(Debug)]
pub struct Mail(pub(crate) Letter);

#[derive(Debug)]
pub(crate) enum Letter {
    /// A published message for sessions of the target.
    Publish {
        from: ShardId,
        message: Arc<Message>,
        /// Sessions that the publisher's match named: final.
        addressed: Box<[Addressed]>,
        /// The target's volatile sessions are concerned too; it matches those itself.
        volatile: bool,
    },
    /// Published messages for volatile sessions of the target, which it matches itself.
    Parcel { from: ShardId, parcel: Parcel },
    /// A published message for a `$share` group whose home is the target.
    Group {
        from: ShardId,
        group: QueueId,
        message: Arc<Message>,
        id: MessageId,
        ordinal: u32,
    },
    /// The members of a group have changed: look into the routing table.
    GroupChanged { group: QueueId },
    /// A group hands a message to a session of the target.
    HandOut {
        member: QueueId,
        group: QueueId,
        /// Where the group lives.
        home: ShardId,
        item: GroupItem,
    },
    /// A member has served, or for good not served, a message that it held.
    Served { group: QueueId, member: QueueId },
    /// A member can't serve a message that it held: to another one.
    PutBack {
        group: QueueId,
        member: QueueId,
        item: GroupItem,
    },
    /// The target has dealt with mails that took this much credit.
    Credit {
        by: ShardId,
        bytes: u64,
        messages: u64,
    },
}

/// One named destination of a mailed message.
#[derive(Debug)]
pub(crate) struct Addressed {
    pub queue: QueueId,
    pub qos: QoS,
    pub retain: bool,
    pub ids: Box<[u32]>,
    pub mark: u64,
    /// Place in the message's record; meaningless where the message has no id.
    pub ordinal: u32,
}
