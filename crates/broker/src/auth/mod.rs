//! Who a client is, and what it may do.
//!
//! Identities are established outside (password hashing is slow, authenticators ask other servers):
//! a shard emits an [`AuthRequest`] and is told the [`AuthReply`]. What an identity may do is decided
//! here, by [`authorize`] alone: no other code looks at a policy.

mod acl;
mod authorize;
mod classes;
mod identity;

pub use acl::{Acl, AclError};
pub use authorize::{Action, Policy, authorize};
pub(crate) use classes::Classes;
pub use identity::{
    AuthOutcome, AuthReply, AuthRequest, Certificate, Credential, Identity, Peer, Transport,
};
