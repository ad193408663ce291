//! Access control lists in mosquitto's format.
//!
//! Read once, then immutable; shared by all shards. What no rule allows is denied, so an empty file
//! denies everything; a rule that denies goes before all that allow.
//!
//! Invariant: names of users and clients never become patterns. `%u` and `%c` are parts of one level
//! of a rule, which is compared with one level of a topic; a name that no level can hold (because of
//! `+`, `#`, `/` or NUL) matches nothing.

mod parse;
mod rule;

use super::{Action, Identity};
use rule::Rule;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// A parsed ACL file.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    /// Rules before the first `user` line.
    anonymous: Vec<Rule>,
    /// Rules behind `user` lines; a user may have none.
    users: BTreeMap<Box<str>, Vec<Rule>>,
    /// `pattern` rules, which hold for everybody.
    patterns: Vec<Rule>,
    /// A `pattern` rule speaks of `%u`.
    by_user: bool,
    /// A `pattern` rule speaks of `%c`.
    by_client_id: bool,
}

/// What is wrong with an ACL file, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub struct AclError {
    pub line: usize,
    pub what: String,
}

/// Identities with equal keys get equal answers from the [`Acl`] that made the keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClassKey {
    user: UserClass,
    /// Set only where a rule looks at it.
    client_id: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum UserClass {
    Anonymous,
    /// A user whom no rule tells from other such users.
    Any,
    Named(Arc<str>),
}

impl Acl {
    /// Parses the text of an ACL file.
    pub fn parse(text: &str) -> Result<Acl, AclError> {
        parse::parse(text)
    }

    /// True where a rule allows it and none denies it. `topic` is well-formed: its taker has checked
    /// it.
    pub(super) fn allows(&self, identity: &Identity, action: Action, topic: &str) -> bool {
        let mut allowed = false;
        for rule in self.rules_of(identity) {
            if rule.denies(identity, action, topic) {
                return false;
            }
            allowed = allowed || rule.allows(identity, action, topic);
        }
        allowed
    }

    /// What of an identity the answers depend on.
    pub(crate) fn class_key(&self, identity: &Identity) -> ClassKey {
        let user = match &identity.user {
            None => UserClass::Anonymous,
            Some(user) if self.by_user || self.users.contains_key(&**user) => {
                UserClass::Named(Arc::clone(user))
            }
            Some(_) => UserClass::Any,
        };
        let client_id = self.by_client_id.then(|| Arc::clone(&identity.client_id));
        ClassKey { user, client_id }
    }

    fn rules_of(&self, identity: &Identity) -> impl Iterator<Item = &Rule> {
        let own = match &identity.user {
            None => Some(&self.anonymous),
            Some(user) => self.users.get(&**user),
        };
        own.into_iter().flatten().chain(&self.patterns)
    }
}

#[cfg(test)]
#[path = "acl/tests.rs"]
mod tests;
