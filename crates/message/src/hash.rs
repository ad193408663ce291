//! Hash maps whose seed is an argument, so that a run can be replayed.
//!
//! The seed comes from the operating system in the server and from the scenario in the simulator.
//! No output of the broker may follow the order of such a map.

use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hash};

/// A hash map with an explicit seed; make one with [`map`].
pub type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
/// A hash set with an explicit seed; make one with [`set`].
pub type Set<K> = hashbrown::HashSet<K, FixedState>;

/// An empty map seeded by `seed`.
pub fn map<K, V>(seed: u64) -> Map<K, V> {
    Map::with_hasher(FixedState::with_seed(seed))
}

/// An empty set seeded by `seed`.
pub fn set<K>(seed: u64) -> Set<K> {
    Set::with_hasher(FixedState::with_seed(seed))
}

/// The hash of one value under `seed`: the same in every shard of a node, for as long as it runs.
pub fn hash_of<T: Hash + ?Sized>(seed: u64, value: &T) -> u64 {
    FixedState::with_seed(seed).hash_one(value)
}
