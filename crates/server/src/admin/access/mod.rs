//! Who may ask the HTTP side what: users, tokens, logins, and the one place where that is decided.
//!
//! [`Access`] owns the users and the logins, behind small locks that are never held while a password
//! is checked or anything is waited for. Passwords are checked on threads of their own, a bounded
//! number of them at a time.

mod gate;
mod logins;
mod users;

pub(super) use gate::{Caller, Visit, gate};
pub(crate) use users::FIRST_USER;
pub use users::{AdminUsers, AdminUsersError, NewSecret, admin_user_entry};

use super::problem::Problem;
use crate::config::{AdminLimits, ApiToken, Role};
use crate::login::LoginDesk;
use axum::http::StatusCode;
use logins::{Logins, hash_of, same};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use users::Right;

/// Passwords that are checked, or wait to be, at one time; more are refused.
pub(super) const MAX_PASSWORD_CHECKS: usize = 16;

/// See the module.
pub(crate) struct Access {
    users: Mutex<Arc<AdminUsers>>,
    tokens: Mutex<Arc<[ApiToken]>>,
    logins: Mutex<Logins>,
    checks: Semaphore,
}

/// What a valid password or token says about who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identified {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
}

impl Access {
    /// Lets nobody in: there is no listener.
    pub(crate) fn nobody() -> Self {
        Access::of(AdminUsers::default(), Vec::new())
    }

    pub(crate) fn new(users: AdminUsers, tokens: Vec<ApiToken>) -> Self {
        if users.is_empty() {
            tracing::warn!(
                "no user of the HTTP API: add one with `waypost admin passwd NAME`, then reload"
            );
        }
        Access::of(users, tokens)
    }

    fn of(users: AdminUsers, tokens: Vec<ApiToken>) -> Self {
        Access {
            users: Mutex::new(Arc::new(users)),
            tokens: Mutex::new(tokens.into()),
            logins: Mutex::default(),
            checks: Semaphore::new(MAX_PASSWORD_CHECKS),
        }
    }

    /// Reads the users again; a broken file changes nothing. Logins of those who are no longer what
    /// they were end.
    pub(super) fn reload(&self, data_dir: &Path, tokens: Vec<ApiToken>, now_ms: u64) {
        *lock(&self.tokens) = tokens.into();
        match AdminUsers::load(data_dir) {
            Ok(users) => {
                let users = Arc::new(users);
                *lock(&self.users) = users.clone();
                let stays = |login: &logins::Login| users.right(&login.user) == Some(&login.right);
                lock(&self.logins).retain(now_ms, stays);
            }
            Err(error) => {
                tracing::error!("the users of the HTTP API stay as they were: {error}");
            }
        }
    }

    /// Begins a login; its token, and what it allows.
    pub(super) async fn log_in(
        self: &Access,
        desk: &LoginDesk,
        address: IpAddr,
        user: &str,
        password: String,
        limits: &AdminLimits,
        now_ms: u64,
    ) -> Result<(String, Role), Problem> {
        let right = self.password(desk, address, user, password).await?;
        let role = right.role;
        let mut logins = lock(&self.logins);
        logins.retain(now_ms, |_| true);
        let ends = now_ms.saturating_add(u64::from(limits.login_lifetime_s) * 1000);
        let token = logins.begin(user, right, ends, limits.max_logins)?;
        tracing::info!("{user:?} has logged in to the HTTP API from {address}");
        Ok((token, role))
    }

    /// Ends the login of this token; false where the token is none of a login.
    pub(super) fn log_out(&self, token: &str) -> bool {
        lock(&self.logins).end(hash_of(token))
    }

    /// Who holds this token.
    pub(super) fn token(&self, token: &str, now_ms: u64) -> Option<Identified> {
        let hash = hash_of(token);
        let tokens = lock(&self.tokens).clone();
        let mut found = None;
        for known in tokens.iter() {
            if same(known.sha256, hash) {
                found = Some(Identified {
                    name: known.name.as_str().into(),
                    role: known.role,
                });
            }
        }
        found.or_else(|| {
            let logins = lock(&self.logins);
            let login = logins.find(hash, now_ms)?;
            Some(Identified {
                name: login.user.clone(),
                role: login.right.role,
            })
        })
    }

    /// What a user may do who sends this password. Hashing takes long, so it happens elsewhere.
    pub(super) async fn password(
        &self,
        desk: &LoginDesk,
        address: IpAddr,
        user: &str,
        password: String,
    ) -> Result<Right, Problem> {
        if desk.blocks(address) {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many failed logins from this address: wait a minute",
            ));
        }
        let Ok(_permit) = self.checks.try_acquire() else {
            return Err(Problem::unavailable(
                "too many passwords are being checked: try again",
            ));
        };
        let users = lock(&self.users).clone();
        let name: Arc<str> = user.into();
        let check = move || users.check(&name, &password).cloned();
        let right = tokio::task::spawn_blocking(check).await;
        let right = right.map_err(|e| Problem::internal(format!("no password check: {e}")))?;
        right.ok_or_else(|| {
            desk.failed(address);
            tracing::warn!("failed login to the HTTP API from {address} as {user:?}");
            Problem::unauthorized("wrong user or password")
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
