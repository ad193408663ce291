//! Sessions of clients, connected or not: list, one, and ending one.

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
use broker::inspect::{self, Answer, Question};
use broker::operator::{Command, Done};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa::ToSchema;

/// The session of a client.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionRow {
    #[schema(value_type = String)]
    client_id: Arc<str>,
    /// As it was authenticated; null for an anonymous client.
    #[schema(value_type = Option<String>)]
    user: Option<Arc<str>>,
    connected: bool,
    /// It is kept on disk.
    durable: bool,
    /// `mqtt31`, `mqtt311` or `mqtt5`; null while the client is away.
    protocol: Option<&'static str>,
    /// How long it outlives its connection; null for ever.
    expiry_s: Option<u32>,
    /// When it ends unless its client comes back.
    ends_in_ms: Option<u64>,
    created_at: Moment,
    disconnected_at: Option<Moment>,
    subscriptions: u64,
    queued_messages: u64,
    queued_bytes: u64,
    /// Sent with QoS 1 or 2 and not acknowledged yet.
    in_flight: u64,
    /// QoS 2 packet ids that the client has used and not released.
    unreleased: u64,
    /// The topic of its will.
    #[schema(value_type = Option<String>)]
    will: Option<Box<str>>,
}

impl Row for SessionRow {
    const SORTS: &'static [(&'static str, Compare<Self>)] = sorts!(
        client_id,
        user,
        connected,
        durable,
        protocol,
        expiry_s,
        ends_in_ms,
        created_at,
        disconnected_at,
        subscriptions,
        queued_messages,
        queued_bytes,
        in_flight,
        unreleased,
        will,
    );

    fn identity(&self, other: &Self) -> Ordering {
        self.client_id.cmp(&other.client_id)
    }
}

impl From<inspect::SessionRow> for SessionRow {
    fn from(row: inspect::SessionRow) -> Self {
        SessionRow {
            client_id: row.client_id,
            user: row.user,
            connected: row.connected,
            durable: row.durable,
            protocol: row.version.map(inspect::Version::label),
            expiry_s: row.expiry_s,
            ends_in_ms: row.ends_in_ms,
            created_at: Moment(row.created_at_unix_ms),
            disconnected_at: row.disconnected_at_unix_ms.map(Moment),
            subscriptions: row.subscriptions,
            queued_messages: row.queued_messages,
            queued_bytes: row.queued_bytes,
            in_flight: row.in_flight,
            unreleased: row.unreleased,
            will: row.will,
        }
    }
}

/// Which sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filters {
    /// A part of the client id.
    client_id: Option<String>,
    /// A part of the user's name.
    user: Option<String>,
    /// With or without a connection.
    connected: Option<bool>,
}

impl Filters {
    fn select(&self, row: &inspect::SessionRow) -> bool {
        has(&row.client_id, &self.client_id)
            && has(row.user.as_deref().unwrap_or_default(), &self.user)
            && self
                .connected
                .is_none_or(|connected| connected == row.connected)
    }
}

/// List sessions
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "clients", params(Paging, Filters),
    responses((status = 200, body = Listing<SessionRow>, description = "A part of the list"), Refusals)
)]
pub(super) async fn sessions(
    State(context): State<Arc<Context>>,
    wanted: Wanted<Filters>,
) -> Result<Json<Listing<SessionRow>>, Problem> {
    let mut picker = wanted.picker::<SessionRow>()?;
    let page_of = |answer| match answer {
        Answer::Sessions(page) => Some(page),
        _ => None,
    };
    scan(&context, Question::Sessions, page_of, |row| {
        if wanted.filters.select(&row) {
            picker.take(row.into());
        }
    })
    .await?;
    Ok(Json(picker.finish()))
}

/// Show one session
#[utoipa::path(
    get, path = "/api/v1/sessions/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "Percent-encoded")),
    responses((status = 200, body = SessionRow, description = "The session"), Refusals)
)]
pub(super) async fn session(
    State(context): State<Arc<Context>>,
    Segment(client_id): Segment,
) -> Result<Json<SessionRow>, Problem> {
    let shard = home(&context, &client_id);
    let client_id = client_id.into_boxed_str();
    match context
        .shards
        .ask(shard, Question::Session { client_id })
        .await?
    {
        Answer::Session(Some(row)) => Ok(Json((*row).into())),
        Answer::Session(None) => Err(no_session()),
        _ => Err(mismatched()),
    }
}

/// End a session
///
/// Its subscriptions and its queue are gone for good; a client that is connected is disconnected.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "Percent-encoded")),
    responses((status = 204, description = "It has ended, on disk too"), Refusals)
)]
pub(super) async fn delete_session(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
    Segment(client_id): Segment,
) -> Result<StatusCode, Problem> {
    let shard = home(&context, &client_id);
    let client = client_id.as_str();
    tracing::info!(client, "{:?} deletes a session", caller.name);
    let command = Command::DeleteSession {
        client_id: client.into(),
    };
    match context.shards.command(shard, command).await? {
        Done::NotFound => Err(no_session()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

fn no_session() -> Problem {
    Problem::not_found("no client of this id has a session")
}
