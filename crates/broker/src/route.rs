//! Routes: the answer to "who gets what is published to this topic by a publisher of this class?".
//!
//! Found in the shard's cache, or made by one match under the routing table's read lock. A route says
//! all in one look-up: whether the publisher may, who of this shard, and which other shards and
//! groups.

use crate::auth::{Action, Classes, Policy, authorize};
use crate::fan_out::Publisher;
use crate::routing::{Destination, GroupDestination, Member, Slot};
use crate::shard::Shard;
use message::{QueueId, ShardId, TopicError};
use std::sync::Arc;

/// The class under which a shard keeps the routes of messages that others mailed to it.
const MAILED: u32 = u32::MAX;

#[derive(Default)]
pub(crate) struct Route {
    /// The publisher's class may publish to this topic.
    pub allowed: bool,
    /// Volatile sessions of this shard that may read it.
    pub local: Vec<Destination>,
    /// Durable sessions, wherever they live. The publisher's match is final for them.
    pub durable: Vec<Destination>,
    pub remote: Vec<Remote>,
    pub groups: Vec<GroupRoute>,
}

/// Another shard that has to be mailed.
pub(crate) struct Remote {
    pub shard: ShardId,
    /// How many of `Route::durable` live there.
    pub durable: usize,
    /// Some of its volatile sessions are concerned.
    pub volatile: bool,
}

/// A `$share` group, or another queue with competing consumers.
pub(crate) struct GroupRoute {
    pub queue: QueueId,
    pub home: ShardId,
    /// One of its members is durable, and so its queue.
    pub durable: bool,
    /// Those that may read the topic.
    pub members: Arc<[Member]>,
    /// Whose turn it is at QoS 0.
    pub next: usize,
}

impl Route {
    pub(crate) fn has_receivers(&self) -> bool {
        !(self.local.is_empty()
            && self.durable.is_empty()
            && self.remote.is_empty()
            && self.groups.is_empty())
    }

    /// True where a QoS 1 or 2 message may have durable destinations.
    pub(crate) fn wants_record(&self) -> bool {
        !self.durable.is_empty() || self.groups.iter().any(|g| g.durable)
    }

    fn weight(&self) -> usize {
        let members: usize = self.groups.iter().map(|g| g.members.len()).sum();
        1 + self.local.len() + self.durable.len() + members
    }
}

fn remotes(here: ShardId, durable: &[Destination], volatile: &[ShardId]) -> Vec<Remote> {
    let mut remote: Vec<Remote> = volatile
        .iter()
        .filter(|s| **s != here)
        .map(|s| Remote {
            shard: *s,
            durable: 0,
            volatile: true,
        })
        .collect();
    for d in durable.iter().filter(|d| d.place != u32::from(here)) {
        let shard = d.place as ShardId;
        match remote.iter_mut().find(|r| r.shard == shard) {
            Some(known) => known.durable += 1,
            None => remote.push(Remote {
                shard,
                durable: 1,
                volatile: false,
            }),
        }
    }
    remote.sort_by_key(|r| r.shard);
    remote
}

/// A group as far as its members may read the topic; `None` where none of them may.
fn group_route(group: GroupDestination, policy: &Policy, topic: &str) -> Option<GroupRoute> {
    let GroupDestination {
        queue,
        home,
        durable,
        mut members,
    } = group;
    let may_read = |m: &Member| authorize(policy, &m.identity, Action::Read, topic);
    if !members.iter().all(may_read) {
        members = members.iter().filter(|m| may_read(m)).cloned().collect();
    }
    (!members.is_empty()).then_some(GroupRoute {
        queue,
        home,
        durable,
        members,
        next: 0,
    })
}

impl Shard {
    /// The cache index of the route of `topic` for this publisher.
    pub(crate) fn route_for(
        &mut self,
        publisher: &Publisher,
        topic: &str,
    ) -> Result<Slot, TopicError> {
        if let Some(at) = self
            .cache
            .find(publisher.class, topic, &self.shared.interest)
        {
            return Ok(at);
        }
        message::topic::check(topic, self.settings.limits.max_topic_bytes)?;
        let versions = self.shared.interest.of(topic);
        let sum = self.shared.interest.sum(&versions);
        let allowed = publisher.class == Classes::OPERATOR || self.may_publish(publisher, topic);
        let mut route = Route {
            allowed,
            ..Route::default()
        };
        if allowed {
            let matched = &mut self.matched;
            self.shared
                .read_table(|table| table.matching(topic, matched));
            route.remote = remotes(self.id, &matched.durable, &matched.shards);
            route.durable = std::mem::take(&mut matched.durable);
            let policy = &self.settings.policy;
            let groups = std::mem::take(&mut matched.groups);
            route.groups = groups
                .into_iter()
                .filter_map(|group| group_route(group, policy, topic))
                .collect();
            route.local = self.match_local(topic);
        }
        Ok(self
            .cache
            .insert(publisher.class, topic, versions, sum, route.weight(), route))
    }

    /// The cache index of the route of a mailed message: volatile sessions of this shard only.
    pub(crate) fn local_route(&mut self, topic: &str) -> Slot {
        if let Some(at) = self.cache.find(MAILED, topic, &self.shared.interest) {
            return at;
        }
        let versions = self.shared.interest.of(topic);
        let sum = self.shared.interest.sum(&versions);
        let route = Route {
            local: self.match_local(topic),
            ..Route::default()
        };
        self.cache
            .insert(MAILED, topic, versions, sum, route.weight(), route)
    }

    fn match_local(&mut self, topic: &str) -> Vec<Destination> {
        let mut local = Vec::new();
        self.local.matching(topic, &mut local);
        if !matches!(self.settings.policy, Policy::AllowAll) {
            local.retain(|d| self.may_read(d.place, topic));
        }
        local
    }

    fn may_publish(&self, publisher: &Publisher, topic: &str) -> bool {
        let session = self.sessions.get(publisher.session);
        let policy = &self.settings.policy;
        session.is_some_and(|s| authorize(policy, &s.identity, Action::Publish, topic))
    }
}
