//! The subscriptions of one pattern, in order of queue.
//!
//! Owned by a node of a table. Made for both ends: a million patterns with one subscription each, and
//! one pattern with a million subscriptions. Invariant: no queue twice, order by queue, so that a list
//! is a sorted run for whoever merges several.

use super::subscriber::Subscription;
use message::QueueId;
use std::collections::BTreeMap;

/// From here on a sorted vector is turned into a tree: moving its tail would take too long.
const FEW: usize = 64;

/// A sorted list, which is no larger than its one item.
#[derive(Debug, Default)]
pub(super) enum List {
    #[default]
    Empty,
    One(Subscription),
    #[expect(
        clippy::box_collection,
        reason = "keeps the list as small as one subscription"
    )]
    Few(Box<Vec<Subscription>>),
    #[expect(
        clippy::box_collection,
        reason = "keeps the list as small as one subscription"
    )]
    Many(Box<BTreeMap<QueueId, Subscription>>),
}

impl List {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, List::Empty)
    }

    /// Adds a subscription, or replaces the one of its queue and returns true.
    pub(super) fn put(&mut self, new: Subscription) -> bool {
        if let Some(old) = self.get_mut(new.queue) {
            *old = new;
            return true;
        }
        match self {
            List::Empty => *self = List::One(new),
            List::One(old) => {
                let mut both = vec![*old, new];
                both.sort_by_key(|s| s.queue);
                *self = List::Few(Box::new(both));
            }
            List::Few(items) if items.len() < FEW => {
                let at = items.partition_point(|s| s.queue < new.queue);
                items.insert(at, new);
            }
            List::Few(items) => {
                let mut tree: BTreeMap<_, _> = items.iter().map(|s| (s.queue, *s)).collect();
                tree.insert(new.queue, new);
                *self = List::Many(Box::new(tree));
            }
            List::Many(tree) => {
                tree.insert(new.queue, new);
            }
        }
        false
    }

    /// Removes the subscription of `queue`; true where there was one.
    pub(super) fn remove(&mut self, queue: QueueId) -> bool {
        match self {
            List::One(s) if s.queue == queue => *self = List::Empty,
            List::Empty | List::One(_) => return false,
            List::Few(items) => {
                let Ok(at) = items.binary_search_by_key(&queue, |s| s.queue) else {
                    return false;
                };
                items.remove(at);
                if let [last] = items[..] {
                    *self = List::One(last);
                }
            }
            List::Many(tree) => {
                if tree.remove(&queue).is_none() {
                    return false;
                }
                // Half of the bound, so that one subscriber coming and going costs nothing.
                if tree.len() <= FEW / 2 {
                    *self = List::Few(Box::new(tree.values().copied().collect()));
                }
            }
        }
        true
    }

    pub(super) fn get_mut(&mut self, queue: QueueId) -> Option<&mut Subscription> {
        match self {
            List::Empty => None,
            List::One(s) => (s.queue == queue).then_some(s),
            List::Few(items) => {
                let at = items.binary_search_by_key(&queue, |s| s.queue).ok()?;
                items.get_mut(at)
            }
            List::Many(tree) => tree.get_mut(&queue),
        }
    }

    pub(super) fn append_to(&self, out: &mut Vec<Subscription>) {
        match self {
            List::Empty => {}
            List::One(s) => out.push(*s),
            List::Few(items) => out.extend_from_slice(items),
            List::Many(tree) => out.extend(tree.values()),
        }
    }
}
