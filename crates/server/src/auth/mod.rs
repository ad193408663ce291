//! Authenticators: they answer "is this client who it says it is?".
//!
//! Made with the configuration, replaced as a whole at a reload, shared by the threads that
//! authenticate. Hashing takes tens of milliseconds, so no shard calls this itself. What an identity
//! may then do is never decided here, only by [`broker::auth::authorize`].

mod anonymous;
mod by_certificate;
mod password_file;

pub use anonymous::Anonymous;
pub use by_certificate::ByCertificate;
pub use password_file::{PasswordFile, PasswordFileError, check_user_name, hash_password};

use broker::auth::{AuthOutcome, AuthRequest};
use mqtt_codec::ReasonCode;

/// Establishes identities. May block and take its time.
pub trait Authenticator: Send + Sync {
    fn authenticate(&self, request: &AuthRequest) -> AuthOutcome;
}

fn reject(reason: ReasonCode, why: &str) -> AuthOutcome {
    AuthOutcome::Reject {
        reason,
        why: why.into(),
    }
}

/// The answer to enhanced authentication, which no authenticator of this build speaks.
/// [MQTT-4.12.0-1]
fn no_such_method(method: &str) -> AuthOutcome {
    // The name is the client's: no more of it than a log line bears.
    let method: String = method
        .chars()
        .take(40)
        .filter(|c| !c.is_control())
        .collect();
    reject(
        ReasonCode::BadAuthenticationMethod,
        &format!("no authentication method {method:?}"),
    )
}

#[cfg(test)]
mod tests;
