//! What one shard has already worked out, by access class and topic.
//!
//! Owned by the shard, so there is no lock; a hit allocates nothing and costs one hash, one comparison
//! and a sum of six counters. An entry is valid while that sum is what it was before the entry was
//! worked out. Bounded in entries and in weight; the bound on weight may be passed by the one entry
//! that was inserted last. Entries that were not looked at for a round of the clock go first.

use super::interest::{InterestVersions, TopicVersions};
use hashbrown::HashTable;
use message::hash::hash_of;

/// Bytes of a topic that count as one unit of weight.
const TOPIC_UNIT: usize = 64;

/// An entry that was found or inserted. Goes stale when the entry goes: then [`RouteCache::take`]
/// gives nothing and [`RouteCache::restore`] drops what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    index: u32,
    stamp: u64,
}

/// See the module.
pub(crate) struct RouteCache<V> {
    seed: u64,
    max_entries: usize,
    max_weight: u64,
    weight: u64,
    /// Places in `entries`, hashed by class and topic.
    places: HashTable<u32>,
    entries: Vec<Option<Entry<V>>>,
    vacant: Vec<u32>,
    /// Where the clock looks next for an entry to evict.
    hand: usize,
    /// The last stamp given out; tells the uses of one place apart.
    stamp: u64,
    /// Where the last look-up ended. Messages of one topic often come one after the other.
    latest: u32,
}

struct Entry<V> {
    /// Of class and topic.
    hash: u64,
    class: u32,
    topic: Box<str>,
    versions: TopicVersions,
    sum: u64,
    weight: u64,
    stamp: u64,
    /// Looked at since the clock passed.
    used: bool,
    /// None while it is with the caller: until it comes back, this entry answers nobody.
    value: Option<Box<V>>,
}

impl<V> RouteCache<V> {
    /// `seed` feeds the hash table; `max_entries` of 0 is taken for 1.
    pub(crate) fn new(seed: u64, max_entries: usize, max_weight: u64) -> Self {
        RouteCache {
            seed,
            max_entries: max_entries.clamp(1, u32::MAX as usize),
            max_weight,
            weight: 0,
            places: HashTable::new(),
            entries: Vec::new(),
            vacant: Vec::new(),
            hand: 0,
            stamp: 0,
            latest: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The weight of all entries.
    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// The valid entry of `topic` for `class`. While the value of an entry is taken there is none.
    pub(crate) fn find(
        &mut self,
        class: u32,
        topic: &str,
        interest: &InterestVersions,
    ) -> Option<Slot> {
        if !self.is_at(self.latest, class, topic) {
            self.latest = self.place(self.hash(class, topic), class, topic)?;
        }
        let index = self.latest;
        let entry = self.entries.get_mut(index as usize)?.as_mut()?;
        if entry.value.is_none() || interest.sum(&entry.versions) != entry.sum {
            return None;
        }
        entry.used = true;
        Some(Slot {
            index,
            stamp: entry.stamp,
        })
    }

    /// The value of an entry that is still there and not lent.
    pub(crate) fn get(&self, slot: Slot) -> Option<&V> {
        let entry = self.entries.get(slot.index as usize)?.as_ref()?;
        let value = entry.value.as_deref();
        value.filter(|_| entry.stamp == slot.stamp)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.entries.clear();
        self.vacant.clear();
        (self.weight, self.hand) = (0, 0);
    }

    /// Lends the value out, so that its user is free to change everything else. [`RouteCache::restore`]
    /// gives it back.
    pub(crate) fn take(&mut self, slot: Slot) -> Option<Box<V>> {
        self.entry(slot)?.value.take()
    }

    /// Gives back what [`RouteCache::take`] lent. If the entry has gone meanwhile, so does the value.
    pub(crate) fn restore(&mut self, slot: Slot, value: Box<V>) {
        if let Some(entry) = self.entry(slot) {
            entry.value = Some(value);
        }
    }

    /// Adds what was worked out for `topic` and `class`, in place of what was there. `sum_before_match`
    /// is the sum of `versions` from before anything was looked up; `weight` is what the value's size
    /// is measured in, to which the topic's length is added here.
    pub(crate) fn insert(
        &mut self,
        class: u32,
        topic: &str,
        versions: TopicVersions,
        sum_before_match: u64,
        weight: usize,
        value: V,
    ) -> Slot {
        let hash = self.hash(class, topic);
        if let Some(index) = self.place(hash, class, topic) {
            self.evict(index);
        }
        let weight = (weight + topic.len().div_ceil(TOPIC_UNIT)) as u64;
        self.make_room(weight);
        self.weight += weight;
        self.stamp += 1;
        let stamp = self.stamp;
        let sum = sum_before_match;
        let topic: Box<str> = topic.into();
        let entry = Entry {
            hash,
            class,
            topic,
            versions,
            sum,
            weight,
            stamp,
            used: true,
            value: Some(Box::new(value)),
        };
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() as u32 - 1
        });
        self.entries[index as usize] = Some(entry);
        let RouteCache {
            places, entries, ..
        } = self;
        places.insert_unique(hash, index, |&at| match &entries[at as usize] {
            Some(entry) => entry.hash,
            None => 0,
        });
        Slot { index, stamp }
    }

    fn hash(&self, class: u32, topic: &str) -> u64 {
        hash_of(self.seed, &(class, topic))
    }

    fn place(&self, hash: u64, class: u32, topic: &str) -> Option<u32> {
        let is_it = |&index: &u32| self.is_at(index, class, topic);
        self.places.find(hash, is_it).copied()
    }

    fn is_at(&self, index: u32, class: u32, topic: &str) -> bool {
        match self.entries.get(index as usize) {
            Some(Some(entry)) => entry.class == class && *entry.topic == *topic,
            _ => false,
        }
    }

    fn entry(&mut self, slot: Slot) -> Option<&mut Entry<V>> {
        let entry = self.entries.get_mut(slot.index as usize)?.as_mut()?;
        (entry.stamp == slot.stamp).then_some(entry)
    }

    /// Evicts until one more entry of `weight` fits, or nothing is left.
    fn make_room(&mut self, weight: u64) {
        let full = |cache: &Self| {
            cache.len() >= cache.max_entries
                || cache.weight.saturating_add(weight) > cache.max_weight
        };
        while self.len() > 0 && full(self) {
            let index = self.hand;
            self.hand = (self.hand + 1) % self.entries.len();
            match &mut self.entries[index] {
                Some(entry) if entry.used => entry.used = false,
                Some(_) => self.evict(index as u32),
                None => {}
            }
        }
    }

    fn evict(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].take() else {
            return;
        };
        self.weight -= entry.weight;
        self.vacant.push(index);
        if let Ok(place) = self.places.find_entry(entry.hash, |&at| at == index) {
            place.remove();
        }
    }
}
