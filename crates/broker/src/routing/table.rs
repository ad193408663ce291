//! The table that all shards share: every subscription of a durable queue, every group, and for
//! volatile sessions only how many of each shard want a pattern.
//!
//! Kept under a lock by its owner and small under it: a match copies what it found, so the lock is
//! held for the walk alone. Each subscription is stored once. A match is final for durable queues and
//! groups; volatile sessions are found by their own shard, in its [`super::LocalTable`].

use super::group::{Group, GroupDestination, Joined, Left, Member};
use super::list::List;
use super::node::Empty;
use super::subscriber::{Destination, SPARE, Subscription, fold};
use super::trie::{Scratch, Trie};
use message::hash::{self, hash_of};
use message::{Map, QueueId, ShardId};
use std::sync::Arc;

/// The answer to one match, and its buffers; kept by the caller and used again.
#[derive(Default)]
pub(crate) struct Matched {
    /// In order of queue.
    pub durable: Vec<Destination>,
    /// Shards that have volatile sessions which want the message, in order.
    pub shards: Vec<ShardId>,
    /// In order of the groups' queues.
    pub groups: Vec<GroupDestination>,
    found: Vec<Subscription>,
    scratch: Scratch,
}

impl Matched {
    pub(crate) fn clear(&mut self) {
        self.durable.clear();
        self.shards.clear();
        self.groups.clear();
        self.found.clear();
    }
}

/// What a pattern carries: no larger than a list for the two common cases, boxed for mixtures.
#[derive(Debug, Default)]
enum Wanted {
    #[default]
    Nothing,
    /// By volatile sessions of one shard.
    Volatile {
        shard: ShardId,
        count: u32,
    },
    Durable(List),
    Mixed(Box<Mixed>),
}

#[derive(Debug, Default)]
struct Mixed {
    durable: List,
    /// Volatile sessions per shard; no count is 0.
    volatile: Vec<(ShardId, u32)>,
    /// In order of name.
    groups: Vec<Group>,
}

impl Mixed {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.groups
            .binary_search_by(|group| (*group.name).cmp(name))
    }
}

impl Empty for Wanted {
    fn is_empty(&self) -> bool {
        match self {
            Wanted::Nothing => true,
            Wanted::Volatile { .. } => false,
            Wanted::Durable(list) => list.is_empty(),
            Wanted::Mixed(m) => {
                m.durable.is_empty() && m.volatile.is_empty() && m.groups.is_empty()
            }
        }
    }
}

impl Wanted {
    /// The roomiest form of it.
    fn mixed(&mut self) -> &mut Mixed {
        let mixed = match std::mem::take(self) {
            Wanted::Nothing => Box::default(),
            Wanted::Volatile { shard, count } => Box::new(Mixed {
                volatile: vec![(shard, count)],
                ..Mixed::default()
            }),
            Wanted::Durable(durable) => Box::new(Mixed {
                durable,
                ..Mixed::default()
            }),
            Wanted::Mixed(mixed) => mixed,
        };
        *self = Wanted::Mixed(mixed);
        match self {
            Wanted::Mixed(mixed) => mixed,
            _ => unreachable!("it was made so above"),
        }
    }

    /// The durable subscriptions, to add to.
    fn durable(&mut self) -> &mut List {
        if matches!(self, Wanted::Nothing) {
            *self = Wanted::Durable(List::Empty);
        }
        match self {
            Wanted::Durable(list) => list,
            other => &mut other.mixed().durable,
        }
    }

    /// The durable subscriptions, to look at or remove from.
    fn durable_if_any(&mut self) -> Option<&mut List> {
        match self {
            Wanted::Durable(list) => Some(list),
            Wanted::Mixed(mixed) => Some(&mut mixed.durable),
            Wanted::Nothing | Wanted::Volatile { .. } => None,
        }
    }

    fn group(&self, name: &str) -> Option<&Group> {
        let Wanted::Mixed(mixed) = self else {
            return None;
        };
        mixed.place(name).ok().map(|at| &mixed.groups[at])
    }

    fn group_mut(&mut self, name: &str) -> Option<&mut Group> {
        let Wanted::Mixed(mixed) = self else {
            return None;
        };
        mixed.place(name).ok().map(|at| &mut mixed.groups[at])
    }

    /// There is none of that name yet.
    fn add_group(&mut self, group: Group) {
        let mixed = self.mixed();
        let (Ok(at) | Err(at)) = mixed.place(&group.name);
        mixed.groups.insert(at, group);
    }

    fn remove_group(&mut self, name: &str) {
        if let Wanted::Mixed(mixed) = self {
            mixed.groups.retain(|group| *group.name != *name);
        }
    }

    /// One more volatile session of `shard`; true where it is its shard's first.
    fn add_volatile(&mut self, new: ShardId) -> bool {
        match self {
            Wanted::Nothing => {
                *self = Wanted::Volatile {
                    shard: new,
                    count: 1,
                }
            }
            Wanted::Volatile { shard, count } if *shard == new => {
                *count += 1;
                return false;
            }
            other => {
                let volatile = &mut other.mixed().volatile;
                if let Some((_, count)) = volatile.iter_mut().find(|(shard, _)| *shard == new) {
                    *count += 1;
                    return false;
                }
                volatile.push((new, 1));
            }
        }
        true
    }

    /// One volatile session of `shard` less; true where it was its shard's last.
    fn remove_volatile(&mut self, gone: ShardId) -> bool {
        match self {
            Wanted::Volatile { shard, count } if *shard == gone => {
                *count -= 1;
                let last = *count == 0;
                if last {
                    *self = Wanted::Nothing;
                }
                last
            }
            Wanted::Mixed(mixed) => {
                let Some(at) = mixed.volatile.iter().position(|(shard, _)| *shard == gone) else {
                    return false;
                };
                let (_, count) = &mut mixed.volatile[at];
                *count -= 1;
                let last = *count == 0;
                if last {
                    mixed.volatile.swap_remove(at);
                }
                last
            }
            Wanted::Nothing | Wanted::Volatile { .. } | Wanted::Durable(_) => false,
        }
    }

    fn append_to(
        &self,
        durable: &mut Vec<Subscription>,
        shards: &mut Vec<ShardId>,
        groups: &mut Vec<GroupDestination>,
    ) {
        match self {
            Wanted::Nothing => {}
            Wanted::Volatile { shard, .. } => shards.push(*shard),
            Wanted::Durable(list) => list.append_to(durable),
            Wanted::Mixed(mixed) => {
                mixed.durable.append_to(durable);
                shards.extend(mixed.volatile.iter().map(|(shard, _)| *shard));
                groups.extend(mixed.groups.iter().map(Group::destination));
            }
        }
    }
}

/// See the module.
pub(crate) struct RoutingTable {
    seed: u64,
    trie: Trie<Wanted>,
    /// Name and filter of each group, by its queue.
    groups: Map<QueueId, (Box<str>, Box<str>)>,
}

impl RoutingTable {
    /// `seed` feeds the hash tables and the homes of groups.
    pub(crate) fn new(seed: u64) -> Self {
        RoutingTable {
            seed,
            trie: Trie::new(seed),
            groups: hash::map(seed),
        }
    }

    /// Adds a durable queue's subscription; true where it replaced the queue's one with this filter.
    pub(crate) fn subscribe(&mut self, filter: &str, subscription: Subscription) -> bool {
        self.trie.entry(filter).durable().put(subscription)
    }

    /// True where there was such a subscription.
    pub(crate) fn unsubscribe(&mut self, filter: &str, queue: QueueId) -> bool {
        let list = self.trie.get_mut(filter).and_then(Wanted::durable_if_any);
        let removed = list.is_some_and(|list| list.remove(queue));
        if removed {
            self.trie.prune(filter);
        }
        removed
    }

    /// One more volatile session of `shard` wants this; true where it is its shard's first.
    pub(crate) fn add_volatile(&mut self, filter: &str, shard: ShardId) -> bool {
        self.trie.entry(filter).add_volatile(shard)
    }

    /// One volatile session of `shard` less wants this; true where it was its shard's last.
    pub(crate) fn remove_volatile(&mut self, filter: &str, shard: ShardId) -> bool {
        let last = self
            .trie
            .get_mut(filter)
            .is_some_and(|wanted| wanted.remove_volatile(shard));
        if last {
            self.trie.prune(filter);
        }
        last
    }

    /// Adds a member to the group named `group` on `filter`. If the group is new, its queue is
    /// `new_queue`, and its home follows from its name and filter alone.
    pub(crate) fn join(
        &mut self,
        group: &str,
        filter: &str,
        member: Member,
        new_queue: QueueId,
        shards: ShardId,
    ) -> Joined {
        let wanted = self.trie.entry(filter);
        if let Some(known) = wanted.group_mut(group) {
            let replaced = known.put(member);
            return Joined {
                queue: known.queue,
                home: known.home,
                first: false,
                replaced,
            };
        }
        let home = (hash_of(self.seed, &(group, filter)) % u64::from(shards.max(1))) as ShardId;
        let (name, members) = (group.into(), Arc::new([member]));
        wanted.add_group(Group {
            name,
            queue: new_queue,
            home,
            members,
        });
        self.groups.insert(new_queue, (group.into(), filter.into()));
        Joined {
            queue: new_queue,
            home,
            first: true,
            replaced: false,
        }
    }

    /// Removes a member; `None` where there was no such member.
    pub(crate) fn leave(&mut self, group: &str, filter: &str, member: QueueId) -> Option<Left> {
        let wanted = self.trie.get_mut(filter)?;
        let found = wanted.group_mut(group)?;
        if !found.remove(member) {
            return None;
        }
        let last = found.members.len() == 1 && found.members[0].queue == member;
        let left = Left {
            queue: found.queue,
            home: found.home,
            last,
        };
        if last {
            wanted.remove_group(group);
            self.groups.remove(&left.queue);
            self.trie.prune(filter);
        }
        Some(left)
    }

    /// Notes that a member can be given messages at once, or not. Nothing happens where it is gone.
    pub(crate) fn set_online(&mut self, group: &str, filter: &str, member: QueueId, online: bool) {
        if let Some(group) = self
            .trie
            .get_mut(filter)
            .and_then(|wanted| wanted.group_mut(group))
        {
            group.set_online(member, online);
        }
    }

    /// Queue and home of a group.
    pub(crate) fn group(&self, group: &str, filter: &str) -> Option<(QueueId, ShardId)> {
        self.trie
            .get(filter)?
            .group(group)
            .map(|group| (group.queue, group.home))
    }

    /// The members of a group, in order of queue.
    pub(crate) fn members(&self, group: &str, filter: &str) -> Option<Arc<[Member]>> {
        self.trie
            .get(filter)?
            .group(group)
            .map(|group| Arc::clone(&group.members))
    }

    /// The members of the group with this queue, in order of queue.
    pub(crate) fn members_of(&self, group: QueueId) -> Option<Arc<[Member]>> {
        let (name, filter) = self.groups.get(&group)?;
        self.members(name, filter)
    }

    /// Puts into `matched` who wants `topic`.
    pub(crate) fn matching(&self, topic: &str, matched: &mut Matched) {
        matched.clear();
        let Matched {
            durable,
            shards,
            groups,
            found,
            scratch,
        } = matched;
        let mut collect = |wanted: &Wanted| wanted.append_to(found, shards, groups);
        self.trie.matching(topic, scratch, &mut collect);
        fold(found, durable);
        found.clear();
        found.shrink_to(SPARE);
        shards.sort_unstable();
        shards.dedup();
        groups.sort_unstable_by_key(|g| g.queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_carries_is_small() {
        assert_eq!(size_of::<Wanted>(), 24);
        assert_eq!(size_of::<Option<Wanted>>(), 24, "the arena needs no tag");
    }
}
