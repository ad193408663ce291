//! Clients whose certificate says who they are.
//!
//! Stands before another authenticator and answers for the listeners that it is told; what it cannot
//! answer, the other does. The certificate was verified in the TLS handshake, here or at a trusted
//! proxy.

use super::{Authenticator, no_such_method, reject};
use broker::auth::{AuthOutcome, AuthRequest, Credential};
use mqtt_codec::ReasonCode;
use std::sync::Arc;

/// The common name of the certificate is the user name, and no password is asked.
pub struct ByCertificate {
    /// By listener number.
    listeners: Vec<bool>,
    /// Those among them where nobody gets in without a name from a certificate.
    required: Vec<bool>,
    others: Arc<dyn Authenticator>,
}

impl ByCertificate {
    pub fn new(
        listeners: Vec<bool>,
        required: Vec<bool>,
        others: Arc<dyn Authenticator>,
    ) -> ByCertificate {
        ByCertificate {
            listeners,
            required,
            others,
        }
    }
}

impl Authenticator for ByCertificate {
    fn authenticate(&self, request: &AuthRequest) -> AuthOutcome {
        let listener = usize::from(request.peer.listener);
        let on = |list: &[bool]| list.get(listener).copied().unwrap_or(false);
        if !on(&self.listeners) {
            return self.others.authenticate(request);
        }
        let credential = request.peer.credential.as_deref();
        let name = credential.and_then(Credential::common_name);
        match (name, credential) {
            (Some(_), _) if request.method.is_some() => {
                no_such_method(request.method.as_deref().unwrap_or_default())
            }
            (Some(name), _) => AuthOutcome::Accept {
                user: Some(name.into()),
                data: None,
            },
            (None, Some(Credential::Certificate(_))) => reject(
                ReasonCode::NotAuthorized,
                "its certificate has no common name, or more than one",
            ),
            (None, _) if on(&self.required) => {
                reject(ReasonCode::NotAuthorized, "no name from a certificate")
            }
            (None, _) => self.others.authenticate(request),
        }
    }
}
