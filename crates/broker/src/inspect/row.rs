//! What is shown of one connection, session or subscription. Strings are as clients sent them: whoever
//! prints them must escape them.

use crate::auth::{Identity, Peer};
use crate::mqtt::{NEVER, Subscription};
use crate::shard::Shard;
use crate::time::Now;
use message::{QoS, SharedFilter};
use mqtt_codec::Version;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A client that is attached to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    pub client_id: Arc<str>,
    /// The authenticated user; `None` for an anonymous client.
    pub user: Option<Arc<str>>,
    pub peer: Peer,
    pub version: Version,
    pub connected_at_unix_ms: u64,
    /// As granted; 0 for none.
    pub keep_alive_s: u32,
    /// Clean Start, or Clean Session, of its CONNECT.
    pub clean_start: bool,
    /// Its session has records.
    pub durable: bool,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// PUBLISH packets from the client.
    pub received_messages: u64,
    /// PUBLISH packets to the client.
    pub sent_messages: u64,
    /// Written for the client, and not with its socket yet.
    pub outbox_bytes: u64,
    pub subscriptions: u64,
    /// QoS 1 and 2 messages that the client has not acknowledged.
    pub in_flight: u64,
    pub queued_messages: u64,
    /// QoS 1 and 2 messages of the client that the broker has not fully acknowledged.
    pub unacknowledged: u64,
    /// Its next PUBLISH waits for admission.
    pub held_back: bool,
}

/// A session, with or without a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub client_id: Arc<str>,
    pub user: Option<Arc<str>>,
    pub connected: bool,
    pub durable: bool,
    /// Of its connection, where it has one.
    pub version: Option<Version>,
    /// Seconds that it outlives its connection; `None` for ever.
    pub expiry_s: Option<u32>,
    /// When it ends unless its client comes back.
    pub ends_in_ms: Option<u64>,
    pub created_at_unix_ms: u64,
    pub disconnected_at_unix_ms: Option<u64>,
    pub subscriptions: u64,
    pub queued_messages: u64,
    pub queued_bytes: u64,
    /// QoS 1 and 2 messages that the client has not acknowledged.
    pub in_flight: u64,
    /// QoS 2 packet ids that the client has used and not released.
    pub unreleased: u64,
    /// The topic of its will, as long as that may be sent.
    pub will: Option<Box<str>>,
}

/// One subscription of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRow {
    pub client_id: Arc<str>,
    /// As it came, `$share/NAME/` included.
    pub filter: Box<str>,
    /// The NAME of a shared subscription.
    pub share: Option<Box<str>>,
    /// As granted.
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0, 1 or 2, as MQTT 5 numbers it.
    pub retain_handling: u8,
    pub subscription_id: Option<u32>,
}

impl SubscriptionRow {
    /// The filter that topics are matched with: without `$share/NAME/`.
    pub fn topic_filter(&self) -> &str {
        match SharedFilter::parse(&self.filter) {
            Ok(Some(shared)) => shared.filter,
            _ => &self.filter,
        }
    }
}

pub(super) fn subscription(owner: &Identity, subscription: &Subscription) -> SubscriptionRow {
    let filter = &subscription.filter;
    let shared = SharedFilter::parse(filter).ok().flatten();
    let options = subscription.options;
    SubscriptionRow {
        client_id: owner.client_id.clone(),
        filter: filter.clone(),
        share: shared.map(|s| s.group.into()),
        qos: crate::mqtt::neutral_qos(options.qos),
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: options.retain_handling as u8,
        subscription_id: subscription.id.map(NonZeroU32::get),
    }
}

impl Shard {
    /// The client of this slot, if one is attached.
    pub(super) fn connection_row(&self, slot: u32) -> Option<ConnectionRow> {
        let conn = self.conns.at(slot)?;
        let online = conn.online()?;
        let session = self.sessions.get(online.session)?;
        Some(ConnectionRow {
            client_id: session.identity.client_id.clone(),
            user: session.identity.user.clone(),
            peer: conn.peer.clone(),
            version: online.version,
            connected_at_unix_ms: session.since_unix_ms,
            keep_alive_s: online.silence_ms / 1500,
            clean_start: online.clean_start,
            durable: session.durable,
            received_bytes: conn.traffic.received_bytes,
            sent_bytes: conn.traffic.sent_bytes,
            received_messages: conn.traffic.received_messages,
            sent_messages: conn.traffic.sent_messages,
            outbox_bytes: conn.outbox.len() as u64,
            subscriptions: session.subscriptions.len() as u64,
            in_flight: session.inflight.len() as u64,
            queued_messages: session.backlog.weight().messages as u64,
            unacknowledged: u64::from(online.unacknowledged),
            held_back: conn.held_back,
        })
    }

    /// The session of this slot.
    pub(super) fn session_row(&self, slot: u32, now: Now) -> Option<SessionRow> {
        let session = self.sessions.get(slot)?;
        let connected = session.conn.is_some();
        let queued = session.backlog.weight();
        let online = session.conn.and_then(|id| self.conns.get(id)?.online());
        let ends = (session.ends_at != 0).then(|| session.ends_at.saturating_sub(now.ms));
        Some(SessionRow {
            client_id: session.identity.client_id.clone(),
            user: session.identity.user.clone(),
            connected,
            durable: session.durable,
            version: online.map(|o| o.version),
            expiry_s: (session.expiry_s != NEVER).then_some(session.expiry_s),
            ends_in_ms: ends,
            created_at_unix_ms: session.created_unix_ms,
            disconnected_at_unix_ms: (!connected).then_some(session.since_unix_ms),
            subscriptions: session.subscriptions.len() as u64,
            queued_messages: queued.messages as u64,
            queued_bytes: queued.bytes,
            in_flight: session.inflight.len() as u64,
            unreleased: session.received.len() as u64,
            will: session.will.as_ref().map(|will| will.topic.clone()),
        })
    }
}
