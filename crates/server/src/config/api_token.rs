//! Tokens of the HTTP API that the operator hands out, and what their holders may do.
//!
//! Owned by the configuration; read by the admin side. A token itself is never here: only its hash.

use super::rule::{Given, Kind, Rule, Setting, choose};
use super::value::Value;
use data_encoding::HEXLOWER_PERMISSIVE;
use std::fmt;

/// What a user or a token of the HTTP API may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    #[default]
    Viewer,
    /// Also disconnects clients, deletes sessions and retained messages, publishes.
    Operator,
    /// Everything.
    Admin,
}

pub(super) const ROLES: &[&str] = &["viewer", "operator", "admin"];

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    pub fn as_str(self) -> &'static str {
        ROLES[self as usize]
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Setting for Role {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        choose(given, rule, &Role::ALL)
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.as_str().into())
    }
}

/// The SHA-256 of a token. The token is long and random, so that its hash gives nothing away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl Setting for TokenHash {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        let text = String::read(given, rule)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(TokenHash).ok_or_else(|| {
            "expected the 64 hexadecimal digits that `waypost admin token` prints".into()
        })
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

/// One `[[api_token]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiToken {
    /// Who holds it, for the log.
    pub name: String,
    pub role: Role,
    pub sha256: TokenHash,
}

/// A hash, as the configuration takes it.
pub(super) const HASH: Rule = Rule::of(Kind::Text);

#[cfg(test)]
mod tests {
    use super::super::value::parse_word;
    use super::*;

    #[test]
    fn a_hash_is_64_hexadecimal_digits() {
        let read = |raw: &str| {
            let node = parse_word(raw);
            let given = Given {
                node: &node,
                base: None,
            };
            TokenHash::read(&given, &HASH)
        };
        let digits = "0123456789abcdef".repeat(4);
        let hash = read(&digits).unwrap();
        assert_eq!(read(&digits.to_uppercase()), Ok(hash));
        assert_eq!(hash.show(&HASH), Value::Text(digits.clone()));
        for wrong in ["", "secret", &digits[1..], &format!("{digits}00")] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("waypost admin token"), "{wrong}: {error}");
        }
    }
}
