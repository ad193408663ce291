//! What all shards of a node see: the routing table, the retained tree, the interest counters.
//!
//! Lock order: none, since no two of these locks are ever held at once. Each access goes through a
//! method here, which begins and ends in [`Shared::yielded`]: a hook at which the simulator runs other shards,
//! so that every interleaving of these accesses can be scheduled.

use crate::inspect::MAX_STEP;
use crate::retained::{RetainedTree, Scan};
use crate::routing::{InterestVersions, RoutingTable};
use message::{Message, QueueId, ShardId};
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Called before and after each access to a shared table.
type YieldHook = Box<dyn Fn() + Send + Sync>;

/// Made once for a node; each shard holds it by `Arc`.
pub struct Shared {
    pub(crate) shards: ShardId,
    /// Seed of every hash that shards must agree on, such as a client's home.
    pub(crate) seed: u64,
    pub(crate) interest: InterestVersions,
    table: RwLock<RoutingTable>,
    retained: RwLock<RetainedTree>,
    /// Attached connections of each shard.
    pub(crate) loads: Box<[AtomicU32]>,
    /// Sessions of the node, with or without a connection.
    pub(crate) sessions: AtomicUsize,
    /// Memory of what is queued on each shard.
    pub(crate) queued: Box<[AtomicU64]>,
    /// No shard has given out a message id counter above this.
    pub(crate) high_water: AtomicU64,
    next_queue: AtomicU64,
    hook: Option<YieldHook>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// For a node of `shards` shards; `seed` is random in the server and given in the simulator.
    pub fn new(shards: ShardId, seed: u64) -> Self {
        let shards = shards.max(1);
        Shared {
            shards,
            seed,
            interest: InterestVersions::new(seed),
            table: RwLock::new(RoutingTable::new(seed)),
            retained: RwLock::new(RetainedTree::new()),
            loads: (0..shards).map(|_| AtomicU32::new(0)).collect(),
            sessions: AtomicUsize::new(0),
            queued: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            high_water: AtomicU64::new(0),
            next_queue: AtomicU64::new(1),
            hook: None,
        }
    }

    /// Calls `hook` before and after each access to a shared table: for a simulator, which may run other shards
    /// of the node in it.
    #[must_use]
    pub fn with_yield_hook(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    fn yielded(&self) {
        if let Some(hook) = &self.hook {
            hook();
        }
    }

    pub(crate) fn read_table<R>(&self, read: impl FnOnce(&RoutingTable) -> R) -> R {
        self.yielded();
        let result = read(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        self.yielded();
        result
    }

    pub(crate) fn write_table<R>(&self, write: impl FnOnce(&mut RoutingTable) -> R) -> R {
        self.yielded();
        let result = write(&mut self.table.write().unwrap_or_else(PoisonError::into_inner));
        self.yielded();
        result
    }

    pub(crate) fn read_retained<R>(&self, read: impl FnOnce(&RetainedTree) -> R) -> R {
        self.yielded();
        let result = read(&self.retained.read().unwrap_or_else(PoisonError::into_inner));
        self.yielded();
        result
    }

    pub(crate) fn write_retained<R>(&self, write: impl FnOnce(&mut RetainedTree) -> R) -> R {
        self.yielded();
        let result = write(
            &mut self
                .retained
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.yielded();
        result
    }

    /// Retained messages that `filter` selects, in order of topic, from `from` on (`None` first). As
    /// everywhere, a leading wildcard selects no topic that begins with `$`; `None` selects all. Passes at most [`MAX_STEP`] messages, and answers at most `at_most`. With where to go on, `None`
    /// where that was all.
    pub fn retained_page(
        &self,
        filter: Option<&str>,
        from: Option<&str>,
        at_most: usize,
    ) -> (Vec<Arc<Message>>, Option<Box<str>>) {
        let steps = at_most.clamp(1, MAX_STEP);
        let mut found = Vec::new();
        let scan = self.read_retained(|tree| match filter {
            Some(filter) => tree.scan(filter, from, u64::MAX, steps, &mut found),
            None => tree.page(from, steps, &mut found),
        });
        match scan {
            Scan::Done => (found, None),
            Scan::More(next) => (found, Some(next)),
        }
    }

    /// The retained message of a topic.
    pub fn retained(&self, topic: &str) -> Option<Arc<Message>> {
        self.read_retained(|tree| tree.get(topic))
    }

    /// How many messages clients and operators have retained, and what they are charged with.
    pub fn retained_totals(&self) -> (usize, u64) {
        self.read_retained(|tree| (tree.len(), tree.bytes()))
    }

    /// Queue ids up to this one are taken.
    pub(crate) fn saw_queue(&self, queue: QueueId) {
        self.next_queue.fetch_max(queue.0 + 1, Ordering::Relaxed);
    }

    /// A queue id that was never given out before.
    pub(crate) fn new_queue(&self) -> QueueId {
        QueueId(self.next_queue.fetch_add(1, Ordering::Relaxed))
    }

    /// The shard where a client's session lives.
    pub fn home_of(&self, client_id: &str) -> ShardId {
        (message::hash::hash_of(self.seed, client_id) % u64::from(self.shards)) as ShardId
    }

    /// The shard with the fewest attached connections.
    pub(crate) fn least_loaded(&self) -> ShardId {
        let loads = self
            .loads
            .iter()
            .map(|l| l.load(Ordering::Relaxed))
            .enumerate();
        loads
            .min_by_key(|(_, load)| *load)
            .map_or(0, |(shard, _)| shard as ShardId)
    }

    /// Memory of all that is queued on this node.
    pub(crate) fn queued_memory(&self) -> u64 {
        self.queued.iter().map(|q| q.load(Ordering::Relaxed)).sum()
    }
}
