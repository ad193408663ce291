//! Groups of subscribers that share what a pattern selects: each message goes to one of them.
//!
//! Owned by the shared routing table. A group is named by its name and its filter together, and has a
//! queue of its own, where messages wait for a member. Invariants: members are in order of queue, none
//! twice; a group has at least one.

use crate::auth::Identity;
use message::{QoS, QueueId, ShardId};
use std::sync::Arc;

/// One subscriber of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub queue: QueueId,
    pub shard: ShardId,
    /// What it may read is asked in its name. A session never changes its identity.
    pub identity: Identity,
    /// Its own queue outlives its connection.
    pub durable: bool,
    pub online: bool,
    pub qos: QoS,
    pub keep_retain: bool,
    pub id: Option<u32>,
}

/// A group that wants a message: one of its members gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupDestination {
    /// The queue of the group itself.
    pub queue: QueueId,
    pub home: ShardId,
    /// At least one member is durable, hence so is what waits for the group.
    pub durable: bool,
    /// In order of queue; at least one.
    pub members: Arc<[Member]>,
}

/// What [`RoutingTable::join`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The group's queue.
    pub queue: QueueId,
    pub home: ShardId,
    /// The group is new.
    pub first: bool,
    /// The member was there already; its options are now the new ones.
    pub replaced: bool,
}

/// What [`RoutingTable::leave`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// The group's queue.
    pub queue: QueueId,
    pub home: ShardId,
    /// The group is gone, and its queue should go.
    pub last: bool,
}

/// One group, as the table keeps it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Box<str>,
    pub(super) queue: QueueId,
    pub(super) home: ShardId,
    /// Shared with those who have matched; changed by replacing.
    pub(super) members: Arc<[Member]>,
}

impl Group {
    pub(super) fn destination(&self) -> GroupDestination {
        let members = Arc::clone(&self.members);
        let durable = members.iter().any(|m| m.durable);
        GroupDestination {
            queue: self.queue,
            home: self.home,
            durable,
            members,
        }
    }

    /// Adds a member, or replaces the one of its queue and returns true.
    pub(super) fn put(&mut self, member: Member) -> bool {
        let at = match self.place(member.queue) {
            Ok(at) => {
                Arc::make_mut(&mut self.members)[at] = member;
                return true;
            }
            Err(at) => at,
        };
        let (before, behind) = self.members.split_at(at);
        self.members = before
            .iter()
            .chain([&member])
            .chain(behind)
            .cloned()
            .collect();
        false
    }

    /// Removes a member; true where there was such a member. The last one stays, as the group goes
    /// with it.
    pub(super) fn remove(&mut self, queue: QueueId) -> bool {
        let found = self.place(queue).is_ok();
        if found && self.members.len() > 1 {
            self.members = self
                .members
                .iter()
                .filter(|m| m.queue != queue)
                .cloned()
                .collect();
        }
        found
    }

    pub(super) fn set_online(&mut self, queue: QueueId, online: bool) {
        if let Ok(at) = self.place(queue)
            && self.members[at].online != online
        {
            Arc::make_mut(&mut self.members)[at].online = online;
        }
    }

    fn place(&self, queue: QueueId) -> Result<usize, usize> {
        self.members.binary_search_by_key(&queue, |m| m.queue)
    }
}
