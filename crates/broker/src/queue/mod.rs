//! Queues: messages that wait for a consumer, whatever protocol it speaks.
//!
//! `backlog` is the waiting line with its limits, `group` the competing consumers of one queue.

mod backlog;
mod group;

pub(crate) use backlog::{Backlog, Held, Queued};
pub(crate) use group::{Group, GroupItem, Handout, Step};
