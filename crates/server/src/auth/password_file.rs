//! Users and their hashed passwords, from a file of `user:$argon2id$...` lines.
//!
//! Owns the hashes, never a password. An empty file denies everyone, a broken one is refused as a
//! whole with its line. An unknown user costs the same time as a wrong password.

use super::{Authenticator, no_such_method, reject};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use broker::auth::{AuthOutcome, AuthRequest};
use mqtt_codec::ReasonCode;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// The longest user name that is kept.
const MAX_USER_BYTES: usize = 1024;
/// The most that one check may cost, so that a file cannot stall the broker.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 100;
/// Checked in place of the hash of a user who does not exist; no password fits it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm90IGEgcmVhbCBzYWx0$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is wrong with a password file, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub struct PasswordFileError {
    pub line: usize,
    pub what: String,
}

/// Users with argon2id hashes.
#[derive(Clone)]
pub struct PasswordFile {
    users: HashMap<Box<str>, PasswordHash>,
    nobody: PasswordHash,
    /// By listener number: clients without a user name are let in.
    anonymous: Vec<bool>,
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordFile")
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}

impl PasswordFile {
    /// Parses the text of a password file: `user:hash` lines, empty lines, `#` comments.
    pub fn parse(text: &str) -> Result<PasswordFile, PasswordFileError> {
        let mut users = HashMap::new();
        for (i, line) in text.lines().enumerate() {
            let at = |what: String| PasswordFileError { line: i + 1, what };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = line
                .split_once(':')
                .ok_or_else(|| at("expected user:$argon2id$...".into()))?;
            check_user_name(user).map_err(at)?;
            let hash = parse_hash(hash.trim_end()).map_err(at)?;
            if users.insert(user.into(), hash).is_some() {
                return Err(at(format!("user {user:?} is there twice")));
            }
        }
        // The users' own cost where they have one, so that the time tells nothing.
        let nobody = users.values().next().cloned();
        let nobody = match nobody.map_or_else(|| parse_hash(NOBODY), Ok) {
            Ok(hash) => hash,
            Err(what) => return Err(PasswordFileError { line: 0, what }),
        };
        Ok(PasswordFile {
            users,
            nobody,
            anonymous: Vec::new(),
        })
    }

    /// Lets clients without a user name in on the listeners marked.
    pub fn with_anonymous(self, anonymous: Vec<bool>) -> PasswordFile {
        PasswordFile { anonymous, ..self }
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// True where this is the password of this user; takes as long where there is no such user.
    pub(crate) fn check(&self, user: &str, password: &[u8]) -> bool {
        let known = self.users.get(user);
        let fits = Argon2::default()
            .verify_password(password, known.unwrap_or(&self.nobody))
            .is_ok();
        fits && known.is_some()
    }
}

impl Authenticator for PasswordFile {
    fn authenticate(&self, request: &AuthRequest) -> AuthOutcome {
        if let Some(method) = &request.method {
            return no_such_method(method);
        }
        let Some(user) = &request.user else {
            let listener = usize::from(request.peer.listener);
            return if self.anonymous.get(listener).copied().unwrap_or(false) {
                AuthOutcome::Accept {
                    user: None,
                    data: None,
                }
            } else {
                reject(ReasonCode::NotAuthorized, "no user name")
            };
        };
        let password = request.password.as_deref().unwrap_or_default();
        if self.check(user, password) {
            AuthOutcome::Accept {
                user: Some(Arc::from(&**user)),
                data: None,
            }
        } else {
            reject(
                ReasonCode::BadUserNameOrPassword,
                "wrong user name or password",
            )
        }
    }
}

/// Hashes a password for a line of the file.
pub fn hash_password(password: &[u8]) -> Result<String, String> {
    match Argon2::default().hash_password(password) {
        Ok(hash) => Ok(hash.to_string()),
        Err(e) => Err(e.to_string()),
    }
}

/// True for a name that a line can hold.
pub fn check_user_name(user: &str) -> Result<(), String> {
    if user.is_empty() {
        return Err("a user name needs at least one character".into());
    }
    if user.len() > MAX_USER_BYTES {
        return Err(format!("a user name has at most {MAX_USER_BYTES} bytes"));
    }
    if user.starts_with('#') || user.contains(':') || user.contains(char::is_control) {
        return Err("a user name has no ':', no control character, and no '#' at its start".into());
    }
    if user.trim() != user {
        return Err("a user name has no space at its start or end".into());
    }
    Ok(())
}

fn parse_hash(text: &str) -> Result<PasswordHash, String> {
    let hash = PasswordHash::new(text).map_err(|e| {
        format!("the password is no argon2id hash ({e}); write it with `waypost passwd`")
    })?;
    if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() {
        return Err(format!(
            "the password is hashed with {}, not argon2id",
            hash.algorithm
        ));
    }
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("the hash is cut short".into());
    }
    if hash.version.is_some_and(|v| Version::try_from(v).is_err()) {
        return Err("the hash is of an unknown argon2 version".into());
    }
    let params =
        Params::try_from(&hash).map_err(|e| format!("the hash has wrong parameters: {e}"))?;
    if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES {
        return Err(format!(
            "the hash takes too much work to check (at most {MAX_MEMORY_KIB} KiB and {MAX_PASSES} passes)"
        ));
    }
    Ok(hash)
}
