//! Clients that are connected: list, one, and closing one.

use super::listing::{Compare, Listing, Paging, Row, Wanted, has, home, scan, sorts};
use super::moment::Moment;
use super::request::Segment;
use crate::admin::access::Caller;
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use crate::admin::shards::mismatched;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use broker::auth::{Peer, Transport};
use broker::inspect::{self, Answer, Question, Version};
use broker::operator::{Command, Done};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::net::SocketAddr;
use std::sync::Arc;
use utoipa::ToSchema;

/// A client that is connected.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(super) struct ConnectionRow {
    #[schema(value_type = String)]
    client_id: Arc<str>,
    /// As it was authenticated; null for an anonymous client.
    #[schema(value_type = Option<String>)]
    user: Option<Arc<str>>,
    /// Address and port; `unix` for a socket in the file system.
    address: String,
    /// The URL of its listener.
    listener: String,
    /// `tcp`, `tls`, `websocket`, `secure_websocket` or `unix`.
    transport: &'static str,
    /// `mqtt31`, `mqtt311` or `mqtt5`.
    protocol: &'static str,
    connected_at: Moment,
    /// As granted; 0 for none.
    keep_alive_s: u32,
    clean_start: bool,
    /// Its session outlives the connection and is kept on disk.
    durable: bool,
    received_bytes: u64,
    sent_bytes: u64,
    received_messages: u64,
    sent_messages: u64,
    /// Written for the client, and not taken by its socket yet.
    outbox_bytes: u64,
    subscriptions: u64,
    /// Sent with QoS 1 or 2 and not acknowledged yet.
    in_flight: u64,
    queued_messages: u64,
    /// Received with QoS 1 or 2 and not acknowledged yet.
    unacknowledged: u64,
    /// What it publishes waits until there is room.
    held_back: bool,
}

impl Row for ConnectionRow {
    const SORTS: &'static [(&'static str, Compare<Self>)] = sorts!(
        client_id,
        user,
        address,
        listener,
        transport,
        protocol,
        connected_at,
        keep_alive_s,
        received_bytes,
        sent_bytes,
        received_messages,
        sent_messages,
        outbox_bytes,
        subscriptions,
        in_flight,
        queued_messages,
        unacknowledged,
        held_back,
    );

    fn identity(&self, other: &Self) -> Ordering {
        self.client_id.cmp(&other.client_id)
    }
}

impl ConnectionRow {
    fn new(context: &Context, row: inspect::ConnectionRow) -> Self {
        ConnectionRow {
            address: address_of(&row.peer),
            listener: context.wiring.listener(row.peer.listener).to_owned(),
            transport: transport_of(row.peer.transport),
            client_id: row.client_id,
            user: row.user,
            protocol: row.version.label(),
            connected_at: Moment(row.connected_at_unix_ms),
            keep_alive_s: row.keep_alive_s,
            clean_start: row.clean_start,
            durable: row.durable,
            received_bytes: row.received_bytes,
            sent_bytes: row.sent_bytes,
            received_messages: row.received_messages,
            sent_messages: row.sent_messages,
            outbox_bytes: row.outbox_bytes,
            subscriptions: row.subscriptions,
            in_flight: row.in_flight,
            queued_messages: row.queued_messages,
            unacknowledged: row.unacknowledged,
            held_back: row.held_back,
        }
    }
}

fn address_of(peer: &Peer) -> String {
    match peer.transport {
        Transport::Unix => "unix".to_owned(),
        _ => SocketAddr::new(peer.address, peer.port).to_string(),
    }
}

pub(super) fn transport_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::WebSocket => "websocket",
        Transport::SecureWebSocket => "secure_websocket",
        Transport::Unix => "unix",
    }
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    Mqtt31,
    Mqtt311,
    Mqtt5,
}

impl Protocol {
    fn is(self, version: Version) -> bool {
        match self {
            Protocol::Mqtt31 => version == Version::V31,
            Protocol::Mqtt311 => version == Version::V311,
            Protocol::Mqtt5 => version == Version::V5,
        }
    }
}

/// Which connections.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filters {
    /// A part of the client id.
    client_id: Option<String>,
    /// A part of the user's name.
    user: Option<String>,
    /// A part of the address.
    address: Option<String>,
    /// A version of MQTT.
    #[param(inline)]
    protocol: Option<Protocol>,
    /// The URL of a listener.
    listener: Option<String>,
}

impl Filters {
    fn select(&self, context: &Context, row: &inspect::ConnectionRow) -> bool {
        let listener = context.wiring.listener(row.peer.listener);
        has(&row.client_id, &self.client_id)
            && has(row.user.as_deref().unwrap_or_default(), &self.user)
            && self
                .protocol
                .is_none_or(|protocol| protocol.is(row.version))
            && self.listener.as_deref().is_none_or(|url| url == listener)
            && (self.address.is_none() || has(&address_of(&row.peer), &self.address))
    }
}

/// List connected clients
#[utoipa::path(
    get, path = "/api/v1/connections", tag = "clients", params(Paging, Filters),
    responses((status = 200, body = Listing<ConnectionRow>, description = "A part of the list"), Refusals)
)]
pub(super) async fn connections(
    State(context): State<Arc<Context>>,
    wanted: Wanted<Filters>,
) -> Result<Json<Listing<ConnectionRow>>, Problem> {
    let mut picker = wanted.picker()?;
    let page_of = |answer| match answer {
        Answer::Connections(page) => Some(page),
        _ => None,
    };
    scan(&context, Question::Connections, page_of, |row| {
        if wanted.filters.select(&context, &row) {
            picker.take(ConnectionRow::new(&context, row));
        }
    })
    .await?;
    Ok(Json(picker.finish()))
}

/// Show one connected client
#[utoipa::path(
    get, path = "/api/v1/connections/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "Percent-encoded")),
    responses((status = 200, body = ConnectionRow, description = "The connection"), Refusals)
)]
pub(super) async fn connection(
    State(context): State<Arc<Context>>,
    Segment(client_id): Segment,
) -> Result<Json<ConnectionRow>, Problem> {
    let shard = home(&context, &client_id);
    let client_id = client_id.into_boxed_str();
    match context
        .shards
        .ask(shard, Question::Connection { client_id })
        .await?
    {
        Answer::Connection(Some(row)) => Ok(Json(ConnectionRow::new(&context, *row))),
        Answer::Connection(None) => Err(not_connected()),
        _ => Err(mismatched()),
    }
}

/// Close a client's connection
///
/// A client of MQTT 5 is told DISCONNECT with reason 0x98; its will is published. The session stays.
#[utoipa::path(
    delete, path = "/api/v1/connections/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "Percent-encoded")),
    responses((status = 204, description = "It is closed"), Refusals)
)]
pub(super) async fn kick(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
    Segment(client_id): Segment,
) -> Result<StatusCode, Problem> {
    let shard = home(&context, &client_id);
    let client = client_id.as_str();
    tracing::info!(client, "{:?} closes a connection", caller.name);
    let client_id = client.into();
    match context
        .shards
        .command(shard, Command::Kick { client_id })
        .await?
    {
        Done::NotFound => Err(not_connected()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

fn not_connected() -> Problem {
    Problem::not_found("no client of this id is connected")
}
