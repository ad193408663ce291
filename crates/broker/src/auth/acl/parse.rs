//! The text of an ACL file, line by line.
//!
//! Fails closed: a line that is not understood refuses the whole file, with its number and what to do.

use super::rule::{Access, Part, Rule, Template};
use super::{Acl, AclError};
use message::pattern::{self, Level};

/// The longest topic that any protocol can carry.
const MAX_FILTER_BYTES: usize = 65_535;

pub(super) fn parse(text: &str) -> Result<Acl, AclError> {
    let mut acl = Acl::default();
    let mut user: Option<Box<str>> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        add_line(&mut acl, &mut user, line).map_err(|what| AclError {
            line: index + 1,
            what,
        })?;
    }
    acl.by_user = acl.patterns.iter().any(|rule| rule.names(&Part::User));
    acl.by_client_id = acl.patterns.iter().any(|rule| rule.names(&Part::ClientId));
    Ok(acl)
}

fn add_line(acl: &mut Acl, user: &mut Option<Box<str>>, line: &str) -> Result<(), String> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let (word, rest) = first_word(line);
    match word {
        "topic" => {
            let rule = rule(word, rest, |word| Template::Exact(word.into()))?;
            match user {
                None => acl.anonymous.push(rule),
                Some(user) => acl.users.entry(user.clone()).or_default().push(rule),
            }
        }
        "pattern" => acl.patterns.push(rule(word, rest, template)?),
        "user" if rest.is_empty() => {
            return Err("'user' without a name; write: user NAME".to_owned());
        }
        "user" => {
            acl.users.entry(rest.into()).or_default();
            *user = Some(rest.into());
        }
        _ => {
            return Err(format!(
                "unknown word {word:?}; a line begins with 'topic', 'user', 'pattern' or '#'"
            ));
        }
    }
    Ok(())
}

/// The rest of a `topic` or `pattern` line.
fn rule(word: &str, rest: &str, exact: fn(&str) -> Template) -> Result<Rule, String> {
    let (first, behind) = first_word(rest);
    let (access, filter) = match access(first) {
        // With a single word that is an access, its filter was forgotten: to read it as a topic would
        // grant what nobody asked for.
        Some(access) => (access, behind),
        None if behind.is_empty() => (Access::ReadWrite, rest),
        None => {
            return Err(format!(
                "unknown access {first:?}; write: {word} [read|write|readwrite|deny] FILTER (before a \
                 filter with spaces, the access must be given)"
            ));
        }
    };
    if filter.is_empty() {
        return Err(format!(
            "'{word}' without a topic filter; write: {word} [read|write|readwrite|deny] FILTER"
        ));
    }
    pattern::check_mqtt(filter, MAX_FILTER_BYTES)
        .map_err(|e| format!("bad topic filter {filter:?}: {e}; correct the filter"))?;
    let level = |level: Level<'_>| match level {
        Level::Exact(word) => exact(word),
        Level::One => Template::One,
        Level::Many => Template::Many,
    };
    Ok(Rule {
        access,
        levels: pattern::levels(filter).map(level).collect(),
    })
}

fn access(word: &str) -> Option<Access> {
    match word {
        "read" => Some(Access::Read),
        "write" => Some(Access::Write),
        "readwrite" => Some(Access::ReadWrite),
        "deny" => Some(Access::Deny),
        _ => None,
    }
}

/// A level of a `pattern` rule: `%u` and `%c` stand for names, all else for itself.
fn template(word: &str) -> Template {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some((at, part)) = next_name(rest) {
        let (text, behind) = rest.split_at(at);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        parts.push(part);
        rest = &behind["%u".len()..];
    }
    if parts.is_empty() {
        return Template::Exact(word.into());
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Template::Named(parts.into())
}

/// Where the next `%u` or `%c` stands.
fn next_name(text: &str) -> Option<(usize, Part)> {
    let user = text.find("%u").map(|at| (at, Part::User));
    let client = text.find("%c").map(|at| (at, Part::ClientId));
    user.into_iter().chain(client).min_by_key(|(at, _)| *at)
}

/// The first word, and what is behind it without the space between.
fn first_word(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, rest.trim_ascii_start()),
        None => (text, ""),
    }
}
