//! No authenticator configured: who reaches a listener is let in.
//!
//! Owns which listeners that is true for. Never accepts a client on a listener that other machines
//! reach, unless it is marked `insecure_anonymous`.

use super::{Authenticator, no_such_method, reject};
use broker::auth::{AuthOutcome, AuthRequest};
use mqtt_codec::ReasonCode;
use std::sync::Arc;

/// Accepts any user name and password on loopback listeners, under the name given.
///
/// On an `insecure_anonymous` listener of another address nobody's name can be believed, so clients
/// are accepted there without one.
#[derive(Clone, Debug)]
pub struct Anonymous {
    /// By listener number.
    loopback: Vec<bool>,
    insecure: Vec<bool>,
}

impl Anonymous {
    pub fn new(loopback: Vec<bool>, insecure: Vec<bool>) -> Anonymous {
        Anonymous { loopback, insecure }
    }
}

impl Authenticator for Anonymous {
    fn authenticate(&self, request: &AuthRequest) -> AuthOutcome {
        if let Some(method) = &request.method {
            return no_such_method(method);
        }
        let listener = usize::from(request.peer.listener);
        let on = |list: &[bool]| list.get(listener).copied().unwrap_or(false);
        if on(&self.loopback) {
            let user = request
                .user
                .as_deref()
                .filter(|name| !name.is_empty())
                .map(Arc::from);
            AuthOutcome::Accept { user, data: None }
        } else if on(&self.insecure) {
            AuthOutcome::Accept {
                user: None,
                data: None,
            }
        } else {
            reject(
                ReasonCode::NotAuthorized,
                "this listener has no authenticator",
            )
        }
    }
}
