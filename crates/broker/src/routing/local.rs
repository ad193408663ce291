//! The subscriptions of one shard's volatile sessions.
//!
//! Owned by that shard, never shared: a message that reaches the shard is matched here. Every change
//! is also counted in the shared [`super::RoutingTable`], pattern by pattern.

use super::list::List;
use super::node::Empty;
use super::subscriber::{Destination, SPARE, Subscription, fold};
use super::trie::{Scratch, Trie};
use message::QueueId;

impl Empty for List {
    fn is_empty(&self) -> bool {
        List::is_empty(self)
    }
}

/// The subscriber had a subscription with the same filter, which the new one has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replaced(pub bool);

/// See the module.
pub(crate) struct LocalTable {
    trie: Trie<List>,
    scratch: Scratch,
    found: Vec<Subscription>,
}

impl LocalTable {
    /// `seed` feeds the hash tables.
    pub(crate) fn new(seed: u64) -> Self {
        LocalTable {
            trie: Trie::new(seed),
            scratch: Scratch::default(),
            found: Vec::new(),
        }
    }

    pub(crate) fn subscribe(&mut self, filter: &str, subscription: Subscription) -> Replaced {
        let replaced = self.trie.entry(filter).put(subscription);
        Replaced(replaced)
    }

    /// The subscriber has read the retained tree up to `mark`. Nothing happens where the subscription
    /// has gone.
    pub(crate) fn set_mark(&mut self, filter: &str, queue: QueueId, mark: u64) {
        if let Some(subscription) = self
            .trie
            .get_mut(filter)
            .and_then(|list| list.get_mut(queue))
        {
            subscription.set_mark(mark);
        }
    }

    /// True where there was such a subscription.
    pub(crate) fn unsubscribe(&mut self, filter: &str, queue: QueueId) -> bool {
        let removed = self
            .trie
            .get_mut(filter)
            .is_some_and(|list| list.remove(queue));
        if removed {
            self.trie.prune(filter);
        }
        removed
    }

    /// Appends the destinations of `topic`, in order of queue.
    pub(crate) fn matching(&mut self, topic: &str, out: &mut Vec<Destination>) {
        let found = &mut self.found;
        found.clear();
        self.trie
            .matching(topic, &mut self.scratch, &mut |list: &List| {
                list.append_to(found)
            });
        fold(found, out);
        found.shrink_to(SPARE);
    }
}
