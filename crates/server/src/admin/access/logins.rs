//! The tokens that logins were given: hashed, for a while, a bounded number of them.
//!
//! Owned by the control thread's context, in memory alone: a restart ends every login. Which user may
//! log in is not decided here.

use super::users::Right;
use crate::admin::problem::Problem;
use crate::config::TokenHash;
use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use std::collections::VecDeque;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// One login.
#[derive(Clone, Debug)]
pub(super) struct Login {
    hash: TokenHash,
    pub(super) user: Arc<str>,
    pub(super) right: Right,
    ends_at_ms: u64,
}

/// The logins that are valid, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Logins(VecDeque<Login>);

impl Logins {
    /// A new login, and its token. Where there are `at_most` already, the oldest ends.
    pub(super) fn begin(
        &mut self,
        user: &str,
        right: Right,
        ends_at_ms: u64,
        at_most: usize,
    ) -> Result<String, Problem> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|e| Problem::internal(format!("no token can be made: {e}")))?;
        let token = BASE64URL_NOPAD.encode(&bytes);
        while self.0.len() >= at_most.max(1) {
            self.0.pop_front();
        }
        self.0.push_back(Login {
            hash: hash_of(&token),
            user: user.into(),
            right,
            ends_at_ms,
        });
        Ok(token)
    }

    pub(super) fn find(&self, token: TokenHash, now_ms: u64) -> Option<&Login> {
        // All are looked at, so that the time tells nothing.
        let mut found = None;
        for login in &self.0 {
            if same(login.hash, token) {
                found = Some(login);
            }
        }
        found.filter(|login| now_ms < login.ends_at_ms)
    }

    /// Ends a login; false where there is none.
    pub(super) fn end(&mut self, token: TokenHash) -> bool {
        let before = self.0.len();
        self.0.retain(|login| !same(login.hash, token));
        self.0.len() < before
    }

    /// Forgets those that are over, and those that `stays` is not true of.
    pub(super) fn retain(&mut self, now_ms: u64, stays: impl Fn(&Login) -> bool) {
        self.0
            .retain(|login| now_ms < login.ends_at_ms && stays(login));
    }
}

/// The hash that a token is known by.
pub(super) fn hash_of(token: &str) -> TokenHash {
    let mut hash = TokenHash::default();
    hash.0
        .copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Compares in a time that does not depend on the hashes.
pub(super) fn same(a: TokenHash, b: TokenHash) -> bool {
    a.0.ct_eq(&b.0).into()
}

#[cfg(test)]
mod tests {
    use super::super::users::{AdminUsers, admin_user_entry};
    use super::*;
    use crate::config::Role;

    fn right() -> Right {
        let entry = admin_user_entry(Role::Operator, "x").unwrap();
        let users = AdminUsers::parse(&format!("ann:{entry}")).unwrap();
        users.right("ann").unwrap().clone()
    }

    #[test]
    fn a_login_ends_by_time_by_logout_and_when_there_are_too_many() {
        let mut logins = Logins::default();
        let right = right();
        let begin = |logins: &mut Logins, user: &str, until| {
            let token = logins.begin(user, right.clone(), until, 2).unwrap();
            hash_of(&token)
        };
        let a = begin(&mut logins, "a", 10);
        assert_eq!(&*logins.find(a, 9).unwrap().user, "a");
        assert!(logins.find(a, 10).is_none(), "over");
        let b = begin(&mut logins, "b", 20);
        let c = begin(&mut logins, "c", 20);
        assert!(logins.find(a, 0).is_none(), "the oldest has made room");
        assert!(logins.find(b, 0).is_some() && logins.find(c, 0).is_some());
        assert!(logins.end(b) && !logins.end(b));
        assert!(logins.find(b, 0).is_none());
        logins.retain(0, |login| &*login.user != "c");
        assert!(logins.find(c, 0).is_none());
    }
}
