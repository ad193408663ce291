//! Which message is the retained value of which topic, and which topics have lost theirs.
//!
//! Owned by the state. An end is remembered for a while, so that an older value which is written late
//! does not rise again: a value comes late by one turn of a shard at most.

use super::index::Place;
use message::{Map, MessageId, hash};
use std::collections::VecDeque;

/// Ends that are remembered.
const MAX_ENDS: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Held(MessageId),
    /// The frame that says so.
    Ended(Place),
}

#[derive(Clone, Copy)]
struct Topic {
    version: u64,
    value: Value,
}

pub(crate) struct Retained {
    topics: Map<Box<str>, Topic>,
    /// Ends, oldest first, with their versions.
    ends: VecDeque<(Box<str>, u64)>,
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
            topics: hash::map(seed),
            ends: VecDeque::new(),
            max_ends: MAX_ENDS,
        }
    }

    /// `None` where a later version is known already.
    pub(crate) fn set(&mut self, topic: &str, version: u64, value: Value) -> Option<Change> {
        let old = self.topics.get(topic).copied();
        if old.is_some_and(|old| old.version > version) {
            return None;
        }
        let mut change = Change::default();
        // A copy of an end that is known: it has moved, and is as old as before.
        let mut moved = false;
        match old.map(|old| old.value) {
            Some(Value::Held(id)) => change.held = Some(id),
            Some(Value::Ended(place)) => {
                moved = old.is_some_and(|old| old.version == version);
                change.ends.push(place);
            }
            None => {}
        }
        if matches!(value, Value::Ended(_)) && !moved {
            self.ends.push_back((topic.into(), version));
        }
        let now = Topic { version, value };
        match self.topics.get_mut(topic) {
            Some(known) => *known = now,
            None => drop(self.topics.insert(topic.into(), now)),
        }
        self.forget_an_end(&mut change);
        Some(change)
    }

    fn forget_an_end(&mut self, change: &mut Change) {
        if self.ends.len() <= self.max_ends {
            return;
        }
        let Some((topic, version)) = self.ends.pop_front() else {
            return;
        };
        if let Some(Topic {
            version: known,
            value: Value::Ended(place),
        }) = self.topics.get(&topic)
            && *known == version
        {
            change.ends.push(*place);
            self.topics.remove(&topic);
        }
    }

    /// The message that holds a value is replaced by one that may hold none.
    pub(crate) fn forget(&mut self, id: MessageId) {
        self.topics
            .retain(|_, topic| topic.value != Value::Held(id));
    }

    pub(crate) fn holder(&self, topic: &str) -> Option<MessageId> {
        match self.topics.get(topic)?.value {
            Value::Held(id) => Some(id),
            Value::Ended(_) => None,
        }
    }

    /// The frame that holds the end of a topic.
    pub(crate) fn end_at(&self, topic: &str) -> Option<Place> {
        match self.topics.get(topic)?.value {
            Value::Ended(place) => Some(place),
            Value::Held(_) => None,
        }
    }
}
