//! Who gets a message: patterns, subscriptions, groups, and the cache in front of them.
//!
//! Patterns and topics are in the broker's own form (levels separated by `/`, `+` for one level, `#`
//! for any number, anywhere). Nothing here knows a wire protocol, a connection or a queue's contents,
//! and nothing here looks at a clock. The shared [`RoutingTable`] is kept under a lock by its owner;
//! a [`LocalTable`] and a [`RouteCache`] belong to one shard; [`InterestVersions`] has no lock.
//!
//! The order for whoever changes a subscription: change the table, then tell
//! [`InterestVersions::changed`], then answer the subscriber.

mod arena;
mod cache;
mod group;
mod interest;
mod list;
mod local;
mod node;
mod subscriber;
mod table;
mod trie;

pub(crate) use cache::{RouteCache, Slot};
pub(crate) use group::{GroupDestination, Member};
pub(crate) use interest::InterestVersions;
pub(crate) use local::LocalTable;
pub(crate) use subscriber::{Destination, Folded, Subscription, Terms};
pub(crate) use table::{Matched, RoutingTable};

#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod tests;
