//! What one turn of a shard gives its driver, in the order in which it must leave: store operations,
//! mails, then everything about sockets.
//!
//! Owned by the driver and reused turn after turn; the shard only appends.

use crate::auth::AuthRequest;
use crate::conn::{ConnId, Handoff};
use crate::event::LogEvent;
use crate::mail::Mail;
use crate::paging::Read;
use message::ShardId;
use message::record::StoreOp;

/// The output of a turn. See [`crate::Shard::end_turn`].
#[derive(Default)]
pub struct Turn {
    /// First: to the log, in this order.
    pub ops: Vec<StoreOp>,
    /// Behind them: messages that the log is to read; each is answered by `Shard::on_body`.
    pub reads: Vec<Read>,
    /// Second: one batch for each target, each into its inbox by one push.
    pub mails: Vec<(ShardId, Vec<Mail>)>,
    /// Questions to the authenticator; each is answered by `Shard::on_auth`.
    pub auth: Vec<AuthRequest>,
    /// Connections whose outbox has bytes: one write each, then `Shard::wrote`.
    pub dirty: Vec<ConnId>,
    /// Connections that go to their client's home shard: socket and handoff in one mail, there
    /// `Shard::adopt`. The id is free from here on.
    pub moves: Vec<(ConnId, ShardId, Box<Handoff>)>,
    /// Stop (`false`) or resume (`true`) reading from these sockets.
    pub reading: Vec<(ConnId, bool)>,
    /// Write what is in the outbox, then close, within a second; then `Shard::release`.
    pub closing: Vec<ConnId>,
    pub events: Vec<LogEvent>,
}
