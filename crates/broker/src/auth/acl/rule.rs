//! One rule: an access and a pattern whose levels may hold the names of who asks.
//!
//! Plain values, immutable. Levels are compared with levels; a name is never parsed.

use super::{Action, Identity};
use message::pattern::{self, Level};
use message::topic::{MAX_LEVELS, is_reserved};

/// What a rule grants, or takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    ReadWrite,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) access: Access,
    pub(super) levels: Box<[Template]>,
}

/// One level of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Template {
    Exact(Box<str>),
    One,
    Many,
    /// The parts of a level, one behind the other.
    Named(Box<[Part]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(Box<str>),
    User,
    ClientId,
}

impl Rule {
    /// True where this rule grants the action.
    pub(super) fn allows(&self, identity: &Identity, action: Action, topic: &str) -> bool {
        match (self.access, action) {
            (Access::Deny, _) => false,
            (Access::Read, Action::Publish) | (Access::Write, Action::Read | Action::Subscribe) => {
                false
            }
            (_, Action::Subscribe) => self.applies(identity, topic) && self.meets(identity, topic),
            (_, Action::Publish | Action::Read) => {
                self.applies(identity, topic) && self.covers(identity, topic)
            }
        }
    }

    /// True where this rule forbids the action; of a subscription, all of it.
    pub(super) fn denies(&self, identity: &Identity, _action: Action, topic: &str) -> bool {
        self.access == Access::Deny && self.applies(identity, topic) && self.covers(identity, topic)
    }

    pub(super) fn names(&self, wanted: &Part) -> bool {
        let named = |level: &Template| match level {
            Template::Named(parts) => parts.contains(wanted),
            _ => false,
        };
        self.levels.iter().any(named)
    }

    /// False where the rule has nothing to say: it names a user and there is none, a name in it cannot
    /// be part of a level, or its first level is no literal one and the topic begins with `$`. A name
    /// at the beginning is no literal, so that nobody is let into the broker's own topics by being
    /// called `$SYS`.
    fn applies(&self, identity: &Identity, topic: &str) -> bool {
        if is_reserved(topic) && !matches!(self.levels.first(), Some(Template::Exact(_))) {
            let literal = match self.levels.first() {
                Some(Template::Named(parts)) => matches!(parts.first(), Some(Part::Text(_))),
                _ => false,
            };
            if !literal {
                return false;
            }
        }
        (!self.names(&Part::User) || identity.user.as_deref().is_some_and(fits_level))
            && (!self.names(&Part::ClientId) || fits_level(&identity.client_id))
    }

    /// True where every topic that `filter` selects is this rule's. A topic selects itself.
    ///
    /// Of `filter`'s wildcards, `+` is covered by `+` and `#`, `#` by `#` alone: exact for filters
    /// that have `#` last only, but for `+/#` and `#`, which select the same; elsewhere it may say no
    /// where yes were true.
    fn covers(&self, identity: &Identity, filter: &str) -> bool {
        // A topic has at least one level.
        let filter = if filter == "#" { "+/#" } else { filter };
        let mut rule = self.levels.iter();
        let mut topic = pattern::levels(filter);
        // Where to go on from when a later level fails: after the last Many, one level further.
        let mut retry = None;
        loop {
            let at_topic = topic.clone();
            match (rule.next(), topic.next()) {
                (Some(Template::Many), _) => {
                    topic = at_topic;
                    retry = Some((rule.clone(), topic.clone()));
                    continue;
                }
                (Some(template), Some(level)) if template.covers(identity, level) => continue,
                (None, None) => return true,
                _ => {}
            }
            let Some((rule_at, topic_at)) = retry.as_mut() else {
                return false;
            };
            if topic_at.next().is_none() {
                return false;
            }
            rule = rule_at.clone();
            topic = topic_at.clone();
        }
    }

    /// True where at least one topic is both this rule's and selected by `filter`.
    ///
    /// `at[i]`: some sequence of words is taken by the first `i` levels of the rule and by the levels of
    /// the filter so far.
    fn meets(&self, identity: &Identity, filter: &str) -> bool {
        let mut at = [false; MAX_LEVELS + 1];
        let Some(at) = at.get_mut(..=self.levels.len()) else {
            return false;
        };
        at[0] = true;
        self.skip_many(at);
        let first_reserved = self.begins_reserved();
        for (depth, level) in pattern::levels(filter).enumerate() {
            let wild = !matches!(level, Level::Exact(_));
            if depth == 0 && wild && first_reserved {
                return false;
            }
            if level == Level::Many {
                // It takes whatever words the rule's next levels want.
                let first = at.iter().position(|reached| *reached).unwrap_or(at.len());
                at[first..].fill(true);
                continue;
            }
            for i in (0..at.len()).rev() {
                let stays = at[i] && self.levels.get(i) == Some(&Template::Many);
                let arrives = i > 0 && at[i - 1] && self.levels[i - 1].meets(identity, level);
                at[i] = stays || arrives;
            }
            self.skip_many(at);
        }
        at.last() == Some(&true)
    }

    /// A `Many` may take no word at all.
    fn skip_many(&self, at: &mut [bool]) {
        for (i, level) in self.levels.iter().enumerate() {
            if at[i] && *level == Template::Many {
                at[i + 1] = true;
            }
        }
    }

    /// True where the rule is about the broker's own topics, which a leading wildcard does not select.
    fn begins_reserved(&self) -> bool {
        match self.levels.first() {
            Some(Template::Exact(word)) => is_reserved(word),
            Some(Template::Named(parts)) => match parts.first() {
                Some(Part::Text(text)) => is_reserved(text),
                _ => false,
            },
            _ => false,
        }
    }
}

impl Template {
    /// True where this level takes each word that `level` does.
    fn covers(&self, identity: &Identity, level: Level<'_>) -> bool {
        match (self, level) {
            (Template::Many, _) => true,
            (_, Level::Many) => false,
            (Template::One, _) => true,
            (_, Level::One) => false,
            (_, Level::Exact(word)) => self.is_word(identity, word),
        }
    }

    /// True where this level takes one word that `level` does; neither is a `Many`.
    fn meets(&self, identity: &Identity, level: Level<'_>) -> bool {
        match (self, level) {
            (Template::Many, _) => false,
            (Template::One, _) | (_, Level::One) => true,
            (_, level) => self.covers(identity, level),
        }
    }

    fn is_word(&self, identity: &Identity, word: &str) -> bool {
        match self {
            Template::Exact(exact) => **exact == *word,
            Template::Named(parts) => {
                let mut rest = Some(word);
                for part in parts {
                    let text = match part {
                        Part::Text(text) => text,
                        Part::ClientId => &*identity.client_id,
                        Part::User => match &identity.user {
                            Some(user) => user,
                            None => return false,
                        },
                    };
                    rest = rest.and_then(|rest| rest.strip_prefix(text));
                }
                rest == Some("")
            }
            Template::One | Template::Many => false,
        }
    }
}

/// True where a level of a topic can hold this name.
fn fits_level(name: &str) -> bool {
    !name.contains(['+', '#', '/', '\0'])
}
