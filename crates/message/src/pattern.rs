//! Patterns: what subscriptions and bindings select topics by.
//!
//! The broker's own form of a pattern is text: levels separated by `/`, `+` for one level, `#` for
//! any number of levels, none included. MQTT filters are in this form already (with `#` last only);
//! AMQP topic bindings are translated to it and may hold `#` anywhere.

use crate::topic::{self, MAX_LEVELS, Words, is_reserved};
use thiserror::Error;

/// One level of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level<'a> {
    /// Just this word, which may be empty.
    Exact(&'a str),
    /// Exactly one level, whatever it says.
    One,
    /// Any number of levels, none included.
    Many,
}

/// Why a text is no MQTT topic filter. [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1]
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    #[error("a topic filter needs at least one character")]
    Empty,
    #[error("'#' must be the whole of the last level of a topic filter")]
    MisplacedMany,
    #[error("'+' must be the whole of a level of a topic filter")]
    MisplacedOne,
    #[error("a topic filter holds no NUL character")]
    Nul,
    #[error("a topic filter of {0} bytes is longer than the limit")]
    TooLong(usize),
    #[error("a topic filter has at most {MAX_LEVELS} levels")]
    TooManyLevels,
    #[error(
        "a shared subscription is written $share/NAME/FILTER, its name without '/', '+' and '#'"
    )]
    Share,
}

/// The levels of a pattern in the broker's own form.
pub fn levels(pattern: &str) -> impl Iterator<Item = Level<'_>> + Clone {
    topic::words(pattern).map(|word| match word {
        "+" => Level::One,
        "#" => Level::Many,
        _ => Level::Exact(word),
    })
}

/// True where the pattern holds a wildcard.
pub fn has_wildcard(pattern: &str) -> bool {
    levels(pattern).any(|l| !matches!(l, Level::Exact(_)))
}

/// Checks that `filter` is an MQTT topic filter of at most `max_bytes`; `$share` is not looked into.
pub fn check_mqtt(filter: &str, max_bytes: usize) -> Result<(), PatternError> {
    if filter.is_empty() {
        return Err(PatternError::Empty);
    }
    if filter.len() > max_bytes {
        return Err(PatternError::TooLong(filter.len()));
    }
    if filter.contains('\0') {
        return Err(PatternError::Nul);
    }
    let mut count = 0;
    let mut closed = false;
    for level in levels(filter) {
        count += 1;
        if closed {
            return Err(PatternError::MisplacedMany);
        }
        match level {
            Level::Many => closed = true,
            Level::One => {}
            Level::Exact(word) if word.contains('#') => return Err(PatternError::MisplacedMany),
            Level::Exact(word) if word.contains('+') => return Err(PatternError::MisplacedOne),
            Level::Exact(_) => {}
        }
    }
    if count > MAX_LEVELS {
        Err(PatternError::TooManyLevels)
    } else {
        Ok(())
    }
}

/// A filter of `$share/NAME/FILTER`, taken apart. [MQTT-4.8.2-1], [MQTT-4.8.2-2]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedFilter<'a> {
    pub group: &'a str,
    pub filter: &'a str,
}

impl<'a> SharedFilter<'a> {
    /// `Ok(None)` for a filter that is not shared.
    pub fn parse(filter: &'a str) -> Result<Option<Self>, PatternError> {
        let Some(rest) = filter.strip_prefix("$share/") else {
            return if filter == "$share" {
                Err(PatternError::Share)
            } else {
                Ok(None)
            };
        };
        let Some((group, filter)) = rest.split_once('/') else {
            return Err(PatternError::Share);
        };
        if group.is_empty() || filter.is_empty() || group.contains(['+', '#']) {
            return Err(PatternError::Share);
        }
        Ok(Some(SharedFilter { group, filter }))
    }
}

/// True where `pattern` selects `topic`. Linear in the topic per `Many`, never recursive.
///
/// A leading wildcard does not select a topic that begins with `$`. [MQTT-4.7.2-1]
pub fn matches(pattern: &str, topic: &str) -> bool {
    let mut p = levels(pattern).peekable();
    if is_reserved(topic) && !matches!(p.peek(), Some(Level::Exact(_))) {
        return false;
    }
    let mut t = topic::words(topic);
    // Where to go on from when a later level fails: after the last Many, one topic level further.
    let mut retry: Option<(_, Words<'_>)> = None;
    loop {
        let at_topic = t.clone();
        match p.next() {
            Some(Level::Many) => {
                if p.peek().is_none() {
                    return true;
                }
                retry = Some((p.clone(), at_topic));
                continue;
            }
            Some(level) => {
                if let Some(word) = t.next()
                    && (level == Level::One || level == Level::Exact(word))
                {
                    continue;
                }
            }
            None if t.next().is_none() => return true,
            None => {}
        }
        let Some((pattern_at, topic_at)) = retry.as_mut() else {
            return false;
        };
        if topic_at.next().is_none() {
            return false;
        }
        p = pattern_at.clone();
        t = topic_at.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_the_specification() {
        for (filter, topic, expect) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            (
                "sport/tennis/player1/#",
                "sport/tennis/player1/ranking",
                true,
            ),
            ("sport/#", "sport", true),
            ("#", "a/b", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/x", false),
            ("+/monitor", "$SYS/monitor", false),
            ("$SYS/#", "$SYS/x", true),
            ("a/#/c", "a/b/b/c", true),
            ("a/#/c", "a/c", true),
            ("#/c/#", "a/b/d", false),
        ] {
            assert_eq!(matches(filter, topic), expect, "{filter} on {topic}");
        }
    }

    #[test]
    fn filters_and_offences() {
        assert_eq!(check_mqtt("a/+/#", 99), Ok(()));
        assert_eq!(check_mqtt("", 99), Err(PatternError::Empty));
        assert_eq!(check_mqtt("a/#/b", 99), Err(PatternError::MisplacedMany));
        assert_eq!(check_mqtt("a#", 99), Err(PatternError::MisplacedMany));
        assert_eq!(check_mqtt("a+/b", 99), Err(PatternError::MisplacedOne));
        assert_eq!(check_mqtt("a\0", 99), Err(PatternError::Nul));
        assert_eq!(SharedFilter::parse("a/b"), Ok(None));
        let shared = SharedFilter {
            group: "g",
            filter: "a/#",
        };
        assert_eq!(SharedFilter::parse("$share/g/a/#"), Ok(Some(shared)));
        for bad in [
            "$share",
            "$share/",
            "$share/g",
            "$share/g/",
            "$share//a",
            "$share/+/a",
        ] {
            assert_eq!(SharedFilter::parse(bad), Err(PatternError::Share), "{bad}");
        }
    }

    /// The definition, written as plainly as can be.
    fn naive(p: &[Level<'_>], t: &[&str]) -> bool {
        match (p.first(), t.first()) {
            (None, None) => true,
            (Some(Level::Many), _) => naive(&p[1..], t) || (!t.is_empty() && naive(p, &t[1..])),
            (Some(Level::One), Some(_)) => naive(&p[1..], &t[1..]),
            (Some(Level::Exact(w)), Some(v)) => w == v && naive(&p[1..], &t[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(p in "([ab+#]|)(/([ab+#]|)){0,6}", t in "[ab]?(/[ab]?){0,6}") {
            let pattern: Vec<_> = levels(&p).collect();
            let topic: Vec<_> = t.split('/').collect();
            prop_assert_eq!(matches(&p, &t), naive(&pattern, &topic));
        }
    }
}
