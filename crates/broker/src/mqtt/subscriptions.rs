//! What one session is subscribed to.
//!
//! Owned by the session and kept in the order of the filters' texts; the routing tables hold a copy
//! of each. A filter of a shared subscription is kept as it came, `$share/NAME/FILTER`.

use mqtt_codec::SubOptions;

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub filter: Box<str>,
    pub options: SubOptions,
    pub id: Option<u32>,
    /// Counts the session's subscriptions: the routing tables name a subscription by it.
    pub seq: u64,
    /// Live copies of retained messages up to this version reached the client by the replay.
    pub barrier: u64,
}

#[derive(Default)]
pub(crate) struct Subscriptions {
    list: Vec<Subscription>,
    seq: u64,
}

impl Subscriptions {
    fn find(&self, filter: &str) -> Result<usize, usize> {
        self.list.binary_search_by(|s| (*s.filter).cmp(filter))
    }

    pub(crate) fn contains(&self, filter: &str) -> bool {
        self.find(filter).is_ok()
    }

    /// Adds or replaces; the number by which routing tables know it. A replaced one keeps its own,
    /// so that messages under way still count as its.
    pub(crate) fn put(&mut self, filter: &str, options: SubOptions, id: Option<u32>) -> u64 {
        match self.find(filter) {
            Ok(at) => {
                let Some(known) = self.list.get_mut(at) else {
                    return 0;
                };
                known.options = options;
                known.id = id;
                known.seq
            }
            Err(at) => {
                self.seq += 1;
                let seq = self.seq;
                if self.list.capacity() == self.list.len() {
                    self.list.reserve_exact(1 + self.list.len() / 2);
                }
                self.list.insert(
                    at,
                    Subscription {
                        filter: filter.into(),
                        options,
                        id,
                        seq,
                        barrier: 0,
                    },
                );
                seq
            }
        }
    }

    pub(crate) fn remove(&mut self, filter: &str) -> Option<Subscription> {
        self.find(filter).ok().map(|at| self.list.remove(at))
    }

    pub(crate) fn set_barrier(&mut self, filter: &str, version: u64) {
        if let Ok(at) = self.find(filter)
            && let Some(subscription) = self.list.get_mut(at)
        {
            subscription.barrier = version;
        }
    }

    /// The barrier of the subscription that routing tables know by `seq`; 0 for one that has gone.
    pub(crate) fn barrier_of(&self, seq: u64) -> u64 {
        self.list
            .iter()
            .find(|s| s.seq == seq)
            .map_or(0, |s| s.barrier)
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
