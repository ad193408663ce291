//! A scripted authenticator: answers when chance says so, by a list of users.
//!
//! Knows one method of enhanced authentication, `TEST`: as many rounds as it is told, then it accepts,
//! unless the client's data says `deny`.

use crate::rng::Rng;
use broker::auth::{AuthOutcome, AuthReply, AuthRequest};
use message::ShardId;
use mqtt_codec::ReasonCode;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct AuthDesk {
    /// Users and their passwords; `None`: everybody is let in under the name given.
    pub users: Option<BTreeMap<String, String>>,
    /// With `users`: clients without a name are let in too.
    pub anonymous: bool,
    /// Rounds of AUTH packets that method `TEST` takes.
    pub rounds: u32,
    /// It does not answer until it is told to.
    pub held: bool,
    asked: Vec<(ShardId, AuthRequest)>,
}

impl AuthDesk {
    pub(super) fn ask(&mut self, shard: ShardId, request: AuthRequest) {
        self.asked.push((shard, request));
    }

    pub(super) fn can_answer(&self) -> bool {
        !self.asked.is_empty() && !self.held
    }

    /// Answers one of those who asked.
    pub(super) fn answer(&mut self, rng: &mut Rng) -> Option<(ShardId, AuthReply)> {
        if self.asked.is_empty() {
            return None;
        }
        let (shard, request) = self.asked.remove(rng.below(self.asked.len()));
        let outcome = self.judge(&request);
        Some((
            shard,
            AuthReply {
                conn: request.conn,
                outcome,
            },
        ))
    }

    /// Who asked is gone.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
        self.held = false;
    }

    fn judge(&self, request: &AuthRequest) -> AuthOutcome {
        let user = request.user.as_deref().map(Into::into);
        match request.method.as_deref() {
            Some("TEST") if request.data.as_deref() == Some(b"deny") => {
                reject(ReasonCode::NotAuthorized, "the client asked for it")
            }
            Some("TEST") if request.step < self.rounds => {
                let data = format!("challenge{}", request.step + 1);
                AuthOutcome::Continue {
                    data: Some(data.into_bytes().into()),
                }
            }
            Some("TEST") => AuthOutcome::Accept {
                user,
                data: Some((*b"done").into()),
            },
            Some(_) => reject(
                ReasonCode::BadAuthenticationMethod,
                "a method that nobody knows",
            ),
            None if self.knows(request) => AuthOutcome::Accept { user, data: None },
            None => reject(ReasonCode::BadUserNameOrPassword, "wrong name or password"),
        }
    }

    fn knows(&self, request: &AuthRequest) -> bool {
        let Some(users) = &self.users else {
            return true;
        };
        let Some(user) = request.user.as_deref() else {
            return self.anonymous;
        };
        let password = request.password.as_deref().unwrap_or_default();
        users
            .get(user)
            .is_some_and(|known| known.as_bytes() == password)
    }
}

fn reject(reason: ReasonCode, why: &str) -> AuthOutcome {
    AuthOutcome::Reject {
        reason,
        why: why.into(),
    }
}
