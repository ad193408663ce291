//! Which message is the retained value of which topic, and which topics have lost theirs.
//!
//! Owned by the state. A topic is known by a keyed hash of 128 bits (SipHash-2-4), as there may be millions:
//! among a billion topics the chance that any two are taken for one is below 10^-20, and nobody who does
//! not know the key can look for such two. An end is remembered for a while, so that an older value which
//! is written late does not rise again: a value comes late by one turn of a shard at most.

use super::index::Place;
use message::{Map, MessageId, hash};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;

/// Ends that are remembered.
const MAX_ENDS: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Held(MessageId),
    /// The frame that says so.
    Ended(Place),
}

/// Names a topic.
type Key = u128;

pub(crate) struct Retained {
    seed: u64,
    /// Those with a value, in little room: with the version of it.
    held: BTreeMap<Key, (u64, MessageId)>,
    ended: Map<Key, (u64, Place)>,
    /// Ends, oldest first, with their versions.
    ends: VecDeque<(Key, u64)>,
    max_ends: usize,
}

/// What [`Retained::set`] has replaced.
#[derive(Default)]
pub(crate) struct Change {
    /// The message that was the value.
    pub(crate) held: Option<MessageId>,
    /// Frames of ends that are not needed any more.
    pub(crate) ends: Vec<Place>,
}

impl Retained {
    pub(crate) fn new(seed: u64) -> Self {
        Retained {
            seed,
            held: BTreeMap::new(),
            ended: hash::map(seed),
            ends: VecDeque::new(),
            max_ends: MAX_ENDS,
        }
    }

    fn key(&self, topic: &str) -> Key {
        let mut hasher = SipHasher24::new_with_keys(self.seed, !self.seed);
        hasher.write(topic.as_bytes());
        hasher.finish128().as_u128()
    }

    /// `None` where a later version is known already.
    pub(crate) fn set(&mut self, topic: &str, version: u64, value: Value) -> Option<Change> {
        let key = self.key(topic);
        let held = self.held.get(&key).copied();
        let ended = self.ended.get(&key).copied();
        let old = held.map(|(version, _)| version);
        let old = old.or(ended.map(|(version, _)| version));
        if old.is_some_and(|old| old > version) {
            return None;
        }
        let mut change = Change {
            held: held.map(|(_, id)| id),
            ..Change::default()
        };
        change.ends.extend(ended.map(|(_, place)| place));
        match value {
            Value::Held(id) => {
                self.ended.remove(&key);
                self.held.insert(key, (version, id));
            }
            Value::Ended(place) => {
                self.held.remove(&key);
                self.ended.insert(key, (version, place));
                // A copy of an end that is known has moved, and is as old as before.
                if ended.is_none_or(|(known, _)| known != version) {
                    self.ends.push_back((key, version));
                }
            }
        }
        self.forget_an_end(&mut change);
        Some(change)
    }

    fn forget_an_end(&mut self, change: &mut Change) {
        if self.ends.len() <= self.max_ends {
            return;
        }
        let Some((key, version)) = self.ends.pop_front() else {
            return;
        };
        if let Some((known, place)) = self.ended.get(&key).copied()
            && known == version
        {
            change.ends.push(place);
            self.ended.remove(&key);
        }
    }

    /// The message that holds a value is replaced by one that may hold none.
    pub(crate) fn forget(&mut self, id: MessageId) {
        self.held.retain(|_, (_, held)| *held != id);
    }

    pub(crate) fn holder(&self, topic: &str) -> Option<MessageId> {
        self.held.get(&self.key(topic)).map(|(_, id)| *id)
    }

    /// The frames that hold ends.
    pub(crate) fn ends(&self) -> impl Iterator<Item = Place> {
        self.ended.values().map(|(_, place)| *place)
    }

    /// The frame that holds the end of a topic.
    pub(crate) fn end_at(&self, topic: &str) -> Option<Place> {
        self.ended.get(&self.key(topic)).map(|(_, place)| *place)
    }
}
