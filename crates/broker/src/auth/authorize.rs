//! The choke point: the only place where "may this identity do that?" is answered.

use super::{Acl, Identity};
use crate::sys_topics::is_sys;
use std::sync::Arc;

/// What an identity wants to do with a topic or filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Publish to a topic, also as a will or retained, also by an alias.
    Publish,
    /// Subscribe to a filter (of `$share/NAME/FILTER`, the FILTER): allowed where at least one topic
    /// that it selects may be read. Each delivery is then checked as [`Action::Read`].
    Subscribe,
    /// Be given a message of this topic.
    Read,
}

/// What access is granted by.
#[derive(Clone, Debug)]
pub enum Policy {
    /// No access control is configured.
    AllowAll,
    /// An ACL file.
    Acl(Arc<Acl>),
}

/// True where `identity` may do `action` with `topic` (for [`Action::Subscribe`], a filter). What the
/// broker says about itself can be said by no client, whatever the policy.
pub fn authorize(policy: &Policy, identity: &Identity, action: Action, topic: &str) -> bool {
    if action == Action::Publish && is_sys(topic) {
        return false;
    }
    match policy {
        Policy::AllowAll => true,
        Policy::Acl(acl) => acl.allows(identity, action, topic),
    }
}
