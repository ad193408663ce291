//! Topic names: what a message is published to.

use thiserror::Error;

/// The most levels that a topic name or a filter may have.
pub const MAX_LEVELS: usize = 128;

/// Why a text is no topic name. [MQTT-4.7.1-1], [MQTT-4.7.3-1], [MQTT-4.7.3-2]
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TopicError {
    #[error("a topic name needs at least one character")]
    Empty,
    #[error("a topic name holds no wildcard (+ or #)")]
    Wildcard,
    #[error("a topic name holds no NUL character")]
    Nul,
    #[error("a topic name of {0} bytes is longer than the limit")]
    TooLong(usize),
    #[error("a topic name has at most {MAX_LEVELS} levels")]
    TooManyLevels,
}

/// Checks that `topic` is a topic name of at most `max_bytes`.
pub fn check(topic: &str, max_bytes: usize) -> Result<(), TopicError> {
    if topic.is_empty() {
        return Err(TopicError::Empty);
    }
    if topic.len() > max_bytes {
        return Err(TopicError::TooLong(topic.len()));
    }
    let mut levels = 1;
    for b in topic.bytes() {
        match b {
            b'+' | b'#' => return Err(TopicError::Wildcard),
            0 => return Err(TopicError::Nul),
            b'/' => levels += 1,
            _ => {}
        }
    }
    if levels > MAX_LEVELS {
        Err(TopicError::TooManyLevels)
    } else {
        Ok(())
    }
}

/// The levels of a topic name, or of a pattern as it is written.
pub fn words(text: &str) -> Words<'_> {
    Words { rest: Some(text) }
}

/// See [`words`]. Looks at one byte after the other, which is quicker than a search where words are short.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let Some(end) = text.bytes().position(|byte| byte == b'/') else {
            return self.rest.take();
        };
        self.rest = Some(&text[end + 1..]);
        Some(&text[..end])
    }
}

/// True for topics of the broker itself (`$SYS/...`), which a leading wildcard does not match.
/// [MQTT-4.7.2-1]
pub fn is_reserved(topic: &str) -> bool {
    topic.starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_stands_between_slashes() {
        for text in ["", "/", "a", "a/b", "/a//b/", "ä/ö/+/#"] {
            let split: Vec<&str> = text.split('/').collect();
            assert_eq!(words(text).collect::<Vec<_>>(), split);
        }
    }

    #[test]
    fn names_and_offences() {
        assert_eq!(check("a/b", 10), Ok(()));
        assert_eq!(check("/", 10), Ok(()));
        assert_eq!(check("", 10), Err(TopicError::Empty));
        assert_eq!(check("a/+", 10), Err(TopicError::Wildcard));
        assert_eq!(check("a#", 10), Err(TopicError::Wildcard));
        assert_eq!(check("a\0", 10), Err(TopicError::Nul));
        assert_eq!(check("abcdefghijk", 10), Err(TopicError::TooLong(11)));
        assert_eq!(check(&"/".repeat(127), 1024), Ok(()));
        assert_eq!(
            check(&"/".repeat(128), 1024),
            Err(TopicError::TooManyLevels)
        );
    }
}
