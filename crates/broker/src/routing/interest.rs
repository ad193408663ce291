//! Counters that tell a cached route whether any subscription that could concern it has changed.
//!
//! Shared by all shards without a lock; made once for a node. A wildcard pattern with k literal
//! leading levels counts at the hash of its first min(k, 4) levels, an exact one at the hash of the
//! topic. A topic looks at all places where a pattern that matches it may count: at most six. Two
//! things that share a counter by chance cost a needless miss, never a stale hit.

use message::hash::hash_of;
use message::pattern::{self, Level};
use message::topic;
use std::sync::atomic::{AtomicU32, Ordering};

const COUNTERS: usize = 4096;
/// The counter of patterns without a literal leading level, which every topic looks at. No hash leads
/// here: a pattern that did would void every cached route whenever it changes.
const EVERY_TOPIC: u16 = 0;
/// Literal leading levels that are looked at.
const DEPTH: usize = 4;

/// The counters.
pub(crate) struct InterestVersions {
    counters: Box<[AtomicU32; COUNTERS]>,
    /// Exact topics and prefixes are hashed under different seeds, so that subscribers of `a/b` alone
    /// do not disturb all that lies below `a/b`.
    exact_seed: u64,
    prefix_seed: u64,
}

/// The counters that concern one topic. Places that it does not need repeat [`EVERY_TOPIC`], which
/// leaves "equal sums mean equal counters" true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicVersions([u16; DEPTH + 2]);

impl InterestVersions {
    /// `seed` is the node's.
    pub(crate) fn new(seed: u64) -> Self {
        InterestVersions {
            counters: Box::new([const { AtomicU32::new(0) }; COUNTERS]),
            exact_seed: hash_of(seed, "exact"),
            prefix_seed: hash_of(seed, "prefix"),
        }
    }

    /// A subscription with this pattern has come, gone or changed. To be called after the table has
    /// been changed and before the subscriber is answered.
    pub(crate) fn changed(&self, pattern: &str) {
        let literal = literal_levels(pattern);
        let place = match literal {
            None => place(self.exact_seed, pattern),
            Some(0) => EVERY_TOPIC,
            Some(k) => {
                let prefix = prefixes(pattern).nth(k.min(DEPTH) - 1);
                place(self.prefix_seed, prefix.unwrap_or(pattern))
            }
        };
        self.bump(place);
    }

    /// What every topic's route depends on has changed: the access policy, for one.
    pub(crate) fn all_changed(&self) {
        self.bump(EVERY_TOPIC);
    }

    /// Where changes that concern `topic` are counted. Computed once per cached topic.
    pub(crate) fn of(&self, topic: &str) -> TopicVersions {
        let mut places = [EVERY_TOPIC; DEPTH + 2];
        places[0] = place(self.exact_seed, topic);
        // The second counter stays EVERY_TOPIC: it is the one of no leading level at all.
        for (counter, prefix) in places[2..].iter_mut().zip(prefixes(topic)) {
            *counter = place(self.prefix_seed, prefix);
        }
        TopicVersions(places)
    }

    /// The sum of a topic's counters, all of which only grow: an equal sum means that none of them
    /// has changed (2^32 changes between two looks excepted). To be taken before the match that it
    /// is to vouch for.
    ///
    /// Ordering. A writer changes the table, then counts (release); a reader that sees the count
    /// (acquire) therefore also sees the change, whether or not it takes the table's lock next. A
    /// reader that does not see it is not ordered after the change: the subscriber has not been
    /// answered as far as this reader can know, and it may be served as before. A sum that was read
    /// while counters moved holds some old values; it can never come up again, as none of them goes
    /// back.
    pub(crate) fn sum(&self, versions: &TopicVersions) -> u64 {
        let counter =
            |&place: &u16| self.counters[usize::from(place) % COUNTERS].load(Ordering::Acquire);
        versions
            .0
            .iter()
            .map(|place| u64::from(counter(place)))
            .sum()
    }

    fn bump(&self, place: u16) {
        self.counters[usize::from(place) % COUNTERS].fetch_add(1, Ordering::Release);
    }
}

/// Never [`EVERY_TOPIC`].
fn place(seed: u64, text: &str) -> u16 {
    let others = COUNTERS as u64 - 1;
    (1 + hash_of(seed, text) % others) as u16
}

/// How many levels stand before the first wildcard; `None` where there is no wildcard.
fn literal_levels(pattern: &str) -> Option<usize> {
    pattern::levels(pattern).position(|level| !matches!(level, Level::Exact(_)))
}

/// The first level of `text`, the first two, and so on to all of it.
fn prefixes(text: &str) -> impl Iterator<Item = &str> {
    topic::words(text).scan(0, |end, level| {
        let prefix = &text[..*end + level.len()];
        *end = prefix.len() + 1;
        Some(prefix)
    })
}
