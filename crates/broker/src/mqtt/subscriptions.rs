//! What one session is subscribed to.
//!
//! Owned by the session and kept in the order of the filters' texts; the routing tables hold a copy
//! of each. A filter of a shared subscription is kept as it came, `$share/NAME/FILTER`.

use mqtt_codec::SubOptions;
use std::num::NonZeroU32;

/// 32 bytes and its filter, as there may be millions.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub filter: Box<str>,
    pub options: SubOptions,
    pub id: Option<NonZeroU32>,
    /// Counts the session's subscriptions: the routing tables name a subscription by it.
    seq: u64,
}

/// Live copies of retained messages up to `version` reached the client by the replay.
struct Barrier {
    /// Of the subscription.
    seq: u64,
    version: u64,
}

/// What [`Subscriptions::put`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    /// The number by which routing tables know the subscription.
    pub seq: u64,
    pub is_new: bool,
}

#[derive(Default)]
pub(crate) struct Subscriptions {
    list: Vec<Subscription>,
    /// In order of `seq`, at most one for each subscription.
    barriers: Vec<Barrier>,
    seq: u64,
}

impl Subscriptions {
    fn find(&self, filter: &str) -> Result<usize, usize> {
        self.list.binary_search_by(|s| (*s.filter).cmp(filter))
    }

    fn barrier(&self, seq: u64) -> Result<usize, usize> {
        self.barriers.binary_search_by_key(&seq, |b| b.seq)
    }

    pub(crate) fn contains(&self, filter: &str) -> bool {
        self.find(filter).is_ok()
    }

    /// Adds or replaces. A replaced one keeps its number, so that messages under way still count as
    /// its.
    pub(crate) fn put(&mut self, filter: &str, options: SubOptions, id: Option<u32>) -> Put {
        let id = id.and_then(NonZeroU32::new);
        let at = match self.find(filter) {
            Ok(at) => {
                let known = &mut self.list[at];
                (known.options, known.id) = (options, id);
                return Put {
                    seq: known.seq,
                    is_new: false,
                };
            }
            Err(at) => at,
        };
        self.seq += 1;
        if self.list.capacity() == self.list.len() {
            self.list.reserve_exact(1 + self.list.len() / 2);
        }
        let new = Subscription {
            filter: filter.into(),
            options,
            id,
            seq: self.seq,
        };
        self.list.insert(at, new);
        Put {
            seq: self.seq,
            is_new: true,
        }
    }

    /// True where there was such a subscription.
    pub(crate) fn remove(&mut self, filter: &str) -> bool {
        let Ok(at) = self.find(filter) else {
            return false;
        };
        let gone = self.list.remove(at);
        if let Ok(at) = self.barrier(gone.seq) {
            self.barriers.remove(at);
        }
        true
    }

    /// The replay of the subscription that routing tables know by `seq` brings what is retained up to
    /// this version.
    pub(crate) fn set_barrier(&mut self, seq: u64, version: u64) {
        match self.barrier(seq) {
            Ok(at) => self.barriers[at].version = version,
            // The newest subscription has the highest number, so this is the end.
            Err(at) => self.barriers.insert(at, Barrier { seq, version }),
        }
    }

    /// The barrier of the subscription that routing tables know by `seq`; 0 for one that has none or
    /// has gone.
    pub(crate) fn barrier_of(&self, seq: u64) -> u64 {
        self.barrier(seq).map_or(0, |at| self.barriers[at].version)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Those behind this filter, or all, in order of their filters.
    pub(crate) fn behind(&self, filter: Option<&str>) -> &[Subscription] {
        let first = filter.map_or(0, |filter| match self.find(filter) {
            Ok(at) => at + 1,
            Err(at) => at,
        });
        self.list.get(first..).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_subscription_is_small() {
        assert_eq!(size_of::<Subscription>(), 32);
    }

    proptest! {
        /// Against a map of filters, each with its identifier, number and barrier.
        #[test]
        fn numbers_and_barriers_stay_with_their_subscription(
            steps in proptest::collection::vec((0..4u8, "[a-e]", 1..9u32), 1..80)
        ) {
            let (mut subscriptions, mut model) = (Subscriptions::default(), BTreeMap::new());
            let (mut seqs, mut gone) = (0, Vec::new());
            for (what, filter, value) in steps {
                let known = model.get(&filter).copied();
                match (what, known) {
                    (0, known) => {
                        prop_assert_eq!(subscriptions.remove(&filter), known.is_some());
                        gone.extend(known.map(|(_, seq, _)| seq));
                        model.remove(&filter);
                    }
                    (1, Some((id, seq, _))) => {
                        subscriptions.set_barrier(seq, value.into());
                        model.insert(filter, (id, seq, value.into()));
                    }
                    (_, known) => {
                        let put = subscriptions.put(&filter, SubOptions::default(), Some(value));
                        seqs += u64::from(known.is_none());
                        let (seq, barrier) = known.map_or((seqs, 0), |(_, seq, barrier)| (seq, barrier));
                        prop_assert_eq!(put, Put { seq, is_new: known.is_none() });
                        model.insert(filter, (value, seq, barrier));
                    }
                }
                let all = |s: &Subscription| (s.filter.to_string(), s.id.map_or(0, NonZeroU32::get), s.seq);
                let expected = model.iter().map(|(filter, (id, seq, _))| (filter.clone(), *id, *seq));
                prop_assert!(subscriptions.iter().map(all).eq(expected));
                for (_, seq, barrier) in model.values() {
                    prop_assert_eq!(subscriptions.barrier_of(*seq), *barrier);
                }
                prop_assert!(gone.iter().all(|seq| subscriptions.barrier_of(*seq) == 0));
            }
        }
    }
}
