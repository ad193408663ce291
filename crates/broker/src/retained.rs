//! The retained messages: the last one of each topic, in order of topic.
//!
//! Shared by all shards under a lock that its owner keeps. A version is given out under the same hold
//! of the lock as the change that it numbers, so versions tell in which order changes happened. This
//! tree starts no timers and checks no access: it knows which messages expire next, its users when to ask.
//!
//! Invariant: versions of one topic only grow; the order is that of the topics' bytes.

use crate::retained_kept::Kept;
use crate::sys_topics::is_sys;
use message::Message;
use message::pattern::{self, Level};
use message::topic::is_reserved;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, btree_set};
use std::ops::Bound;
use std::sync::Arc;
use thiserror::Error;

/// The tree would pass its bound in messages or bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the limit of retained messages or of their bytes is reached")]
pub(crate) struct Full;

/// How far a [`RetainedTree::scan`] came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    Done,
    /// Go on from this cursor, which is no topic but a place in their order.
    More(Box<str>),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RetainedTree {
    messages: BTreeSet<ByTopic>,
    /// How many of them are the broker's own, which no bound is about: it knows how many it makes.
    own: usize,
    /// Topics of those that expire, by moment and version: just one entry for each.
    expiring: BTreeMap<(u64, u64), Box<str>>,
    bytes: u64,
    version: u64,
}

/// A message that is looked up by its topic, which is so stored once.
#[derive(Debug)]
struct ByTopic(Kept);

impl Borrow<[u8]> for ByTopic {
    fn borrow(&self) -> &[u8] {
        self.0.topic()
    }
}

impl PartialEq for ByTopic {
    fn eq(&self, other: &Self) -> bool {
        self.0.topic() == other.0.topic()
    }
}

impl Eq for ByTopic {}

impl PartialOrd for ByTopic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTopic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.topic().cmp(other.0.topic())
    }
}

impl RetainedTree {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many there are, without the broker's own.
    pub(crate) fn len(&self) -> usize {
        self.messages.len() - self.own
    }

    /// What they are charged with.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The highest version given out or seen; 0 where there was none.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// A new version, for a message or for the end of one.
    pub(crate) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// A recovered record bears this version: new ones shall be higher.
    pub(crate) fn saw_version(&mut self, version: u64) {
        self.version = self.version.max(version);
    }

    /// Makes `message` the retained one of its topic, unless the one there has a higher version.
    /// Refused where more than `max_messages` or `max_bytes` would be held, and more than now.
    pub(crate) fn put(
        &mut self,
        message: Arc<Message>,
        max_messages: usize,
        max_bytes: u64,
    ) -> Result<(), Full> {
        let old = self.messages.get(message.topic.as_bytes());
        if old.is_some_and(|old| old.0.version() > message.retained_version) {
            return Ok(());
        }
        let own = is_sys(&message.topic);
        let charged = |charge: u64| if own { 0 } else { charge };
        let charge = charged(message.charge());
        let freed = old.map_or(0, |old| charged(old.0.charge()));
        let bytes = self.bytes - freed + charge;
        let another = old.is_none() && self.len() >= max_messages;
        if !own && (another || (bytes > max_bytes && charge > freed)) {
            return Err(Full);
        }
        self.own += usize::from(own && old.is_none());
        self.bytes = bytes;
        self.saw_version(message.retained_version);
        if let Some(at) = message.expires_at {
            let key = (at, message.retained_version);
            self.expiring.insert(key, message.topic.clone());
        }
        if let Some(ByTopic(old)) = self.messages.replace(ByTopic(Kept::new(message))) {
            self.forget_expiry(&old);
        }
        Ok(())
    }

    fn forget_expiry(&mut self, message: &Kept) {
        if let Some(at) = message.expires_at() {
            self.expiring.remove(&(at, message.version()));
        }
    }

    /// When the next message expires (monotonic ms).
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.expiring.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out one message that has expired.
    pub(crate) fn take_expired(&mut self, now_ms: u64) -> Option<Arc<Message>> {
        let ((at, _), topic) = self.expiring.first_key_value()?;
        if *at > now_ms {
            return None;
        }
        let topic = topic.clone();
        self.remove(&topic)
    }

    pub(crate) fn get(&self, topic: &str) -> Option<Arc<Message>> {
        let kept = self.messages.get(topic.as_bytes());
        kept.map(|kept| kept.0.message())
    }

    pub(crate) fn remove(&mut self, topic: &str) -> Option<Arc<Message>> {
        let ByTopic(message) = self.messages.take(topic.as_bytes())?;
        if is_sys(topic) {
            self.own -= 1;
        } else {
            self.bytes -= message.charge();
        }
        self.forget_expiry(&message);
        Some(message.message())
    }

    /// In order of topic, from this text on.
    fn from(&self, text: &str) -> btree_set::Range<'_, ByTopic> {
        let bounds = (Bound::Included(text.as_bytes()), Bound::Unbounded);
        self.messages.range::<[u8], _>(bounds)
    }

    /// Adds to `found` the next `max_steps` messages, whatever their topics, in order of topic.
    pub(crate) fn page(
        &self,
        cursor: Option<&str>,
        max_steps: usize,
        found: &mut Vec<Arc<Message>>,
    ) -> Scan {
        let mut messages = self.from(cursor.unwrap_or(""));
        found.extend(messages.by_ref().take(max_steps).map(|m| m.0.message()));
        match messages.next() {
            Some(next) => Scan::More(text(next.0.topic()).into()),
            None => Scan::Done,
        }
    }

    /// Adds to `found` the messages whose topic `filter` selects, in order of topic, from `cursor` on,
    /// except those with a version above `max_version`. Looks at no more than `max_steps` messages (at
    /// least one); what cannot match is passed over in whole subtrees.
    pub(crate) fn scan(
        &self,
        filter: &str,
        cursor: Option<&str>,
        max_version: u64,
        max_steps: usize,
        found: &mut Vec<Arc<Message>>,
    ) -> Scan {
        let wanted = |message: &Kept| message.version() <= max_version;
        if !pattern::has_wildcard(filter) {
            let exact = self.messages.get(filter.as_bytes());
            let exact = exact.filter(|exact| wanted(&exact.0));
            found.extend(exact.map(|exact| exact.0.message()));
            return Scan::Done;
        }
        let mut from = cursor.unwrap_or(literal_prefix(filter)).to_owned();
        let mut steps = max_steps.max(1);
        'jump: loop {
            for ByTopic(message) in self.from(&from) {
                let topic = text(message.topic());
                if steps == 0 {
                    return Scan::More(topic.into());
                }
                steps -= 1;
                match look(filter, topic) {
                    Look::Match if wanted(message) => found.push(message.message()),
                    Look::Match | Look::Next => {}
                    Look::From(place) => {
                        from = place;
                        continue 'jump;
                    }
                    Look::End => return Scan::Done,
                }
            }
            return Scan::Done;
        }
    }
}

/// A topic's bytes are those of a text.
fn text(topic: &[u8]) -> &str {
    std::str::from_utf8(topic).unwrap_or_default()
}

/// What a topic says about itself and those behind it.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Match,
    /// It does not match; the next one may.
    Next,
    /// It does not match, nor does any before this text.
    From(String),
    /// Neither it nor any behind it matches.
    End,
}

/// Compares level by level. All topics that begin with some levels and `/` lie together, from that
/// text up to the same with `0` (the byte behind `/`) in place of the slash. They do not follow their
/// parent at once: `a-b` lies between `a` and `a/b`.
fn look(filter: &str, topic: &str) -> Look {
    let mut levels = pattern::levels(filter);
    let first = levels.clone().next();
    if is_reserved(topic) && !matches!(first, Some(Level::Exact(_))) {
        return Look::From("%".to_owned());
    }
    // Where the level that is looked at begins.
    let mut start = 0;
    loop {
        let rest = topic.get(start..);
        match (levels.next(), rest) {
            (Some(Level::Many), _) if levels.next().is_none() => return Look::Match,
            (Some(Level::Many), _) if pattern::matches(filter, topic) => return Look::Match,
            (Some(Level::Many), _) => return Look::Next,
            (None, None) => return Look::Match,
            (None, Some(_)) => return end_of(topic, start),
            (Some(_), None) => return Look::Next,
            (Some(level), Some(rest)) => {
                let word = rest.split('/').next().unwrap_or_default();
                if let Level::Exact(wanted) = level
                    && wanted != word
                {
                    return toward(topic, start, wanted);
                }
                // One past the end, hence no rest, where this was the last level.
                start += word.len() + 1;
            }
        }
    }
}

/// The first place behind `topic` where the level that begins at `start` can be `wanted`.
fn toward(topic: &str, start: usize, wanted: &str) -> Look {
    let above = &topic[..start];
    let mut target = format!("{above}{wanted}");
    if *target <= *topic {
        target.push('/');
    }
    if *target <= *topic {
        end_of(topic, start)
    } else {
        Look::From(target)
    }
}

/// Behind everything that begins like `topic` up to `start`, where a level begins.
fn end_of(topic: &str, start: usize) -> Look {
    match start.checked_sub(1) {
        Some(slash) => Look::From(format!("{}0", &topic[..slash])),
        None => Look::End,
    }
}

/// A text that no topic which `filter` selects comes before.
fn literal_prefix(filter: &str) -> &str {
    let mut end = 0;
    for level in pattern::levels(filter) {
        match level {
            Level::Exact(word) => end += word.len() + 1,
            Level::One => return &filter[..end],
            Level::Many => break,
        }
    }
    &filter[..end.saturating_sub(1)]
}

#[cfg(test)]
#[path = "retained_tests.rs"]
mod tests;
