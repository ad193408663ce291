//! Retained messages: list, one with its payload, and clearing one.

use super::listing::{Compare, Listing, Paging, Row, Wanted, sorts};
use super::request::Segment;
use crate::admin::access::Caller;
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use broker::inspect::MAX_STEP;
use broker::operator::{Command, Done};
use data_encoding::BASE64;
use message::{Message, pattern};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa::ToSchema;

/// A retained message without its payload.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Retained)]
pub(super) struct RetainedRow {
    topic: String,
    /// 0, 1 or 2.
    qos: u8,
    payload_bytes: u64,
    /// Seconds until it expires; null for never.
    expiry_s: Option<u64>,
    content_type: Option<String>,
}

impl Row for RetainedRow {
    const SORTS: &'static [(&'static str, Compare<Self>)] =
        sorts!(topic, qos, payload_bytes, expiry_s, content_type);

    fn identity(&self, other: &Self) -> Ordering {
        self.topic.cmp(&other.topic)
    }
}

impl RetainedRow {
    /// `None` where it has expired.
    fn new(message: &Message, now_ms: u64) -> Option<Self> {
        let expiry_s = match message.expires_at {
            Some(at) if at <= now_ms => return None,
            at => at.map(|at| (at - now_ms).div_ceil(1000)),
        };
        let props = message.props.as_ref();
        Some(RetainedRow {
            topic: message.topic.as_ref().into(),
            qos: message.qos as u8,
            payload_bytes: message.payload.len() as u64,
            expiry_s,
            content_type: props.and_then(|p| p.content_type.as_deref().map(Into::into)),
        })
    }
}

/// A retained message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RetainedMessage {
    #[serde(flatten)]
    row: RetainedRow,
    /// The payload, where it is text in UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Any other payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    response_topic: Option<String>,
    correlation_data_base64: Option<String>,
    /// Names and values.
    #[schema(value_type = Vec<Vec<String>>)]
    user_properties: Vec<(String, String)>,
}

impl RetainedMessage {
    fn new(row: RetainedRow, message: &Message) -> Self {
        let text = std::str::from_utf8(&message.payload).ok();
        let base64 = text.is_none().then(|| BASE64.encode(&message.payload));
        let props = message.props.as_deref().cloned().unwrap_or_default();
        let user = props.user.into_iter();
        RetainedMessage {
            row,
            payload: text.map(Into::into),
            payload_base64: base64,
            response_topic: props.reply_to.map(Into::into),
            correlation_data_base64: props.correlation.map(|data| BASE64.encode(&data)),
            user_properties: user.map(|(n, v)| (n.into(), v.into())).collect(),
        }
    }
}

/// Which retained messages.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filters {
    /// An MQTT filter; `#` where none is given, which leaves out what is below `$SYS`.
    filter: Option<String>,
    /// A part of the topic.
    topic: Option<String>,
}

/// List retained messages
#[utoipa::path(
    get, path = "/api/v1/retained", tag = "messages", params(Paging, Filters),
    responses((status = 200, body = Listing<RetainedRow>, description = "A part of the list"), Refusals)
)]
pub(super) async fn retained(
    State(context): State<Arc<Context>>,
    wanted: Wanted<Filters>,
) -> Result<Json<Listing<RetainedRow>>, Problem> {
    let filter = wanted.filters.filter.as_deref().unwrap_or("#");
    pattern::check_mqtt(filter, context.terms().max_topic_bytes)
        .map_err(|error| Problem::bad_request(format!("filter: {error}")))?;
    let mut picker = wanted.picker::<RetainedRow>()?;
    let _turn = context.scan_turn().await?;
    let now_ms = context.wiring.clock.ms();
    let part = wanted.filters.topic.as_deref().unwrap_or_default();
    let mut from = None;
    loop {
        let (messages, next) =
            context
                .shared
                .retained_page(Some(filter), from.as_deref(), MAX_STEP);
        for message in messages.iter().filter(|m| m.topic.contains(part)) {
            if let Some(row) = RetainedRow::new(message, now_ms) {
                picker.take(row);
            }
        }
        if next.is_none() {
            break;
        }
        from = next;
        // Others on this thread have their turn between two pages.
        tokio::task::yield_now().await;
    }
    Ok(Json(picker.finish()))
}

/// Show one retained message with its payload
#[utoipa::path(
    get, path = "/api/v1/retained/{topic}", tag = "messages",
    params(("topic" = String, Path, description = "Percent-encoded, its `/` too")),
    responses((status = 200, body = RetainedMessage, description = "The message"), Refusals)
)]
pub(super) async fn retained_message(
    State(context): State<Arc<Context>>,
    Segment(topic): Segment,
) -> Result<Json<RetainedMessage>, Problem> {
    let message = context.shared.retained(&topic).ok_or_else(none_here)?;
    let row = RetainedRow::new(&message, context.wiring.clock.ms()).ok_or_else(none_here)?;
    Ok(Json(RetainedMessage::new(row, &message)))
}

/// Clear a retained message
///
/// Subscribers are not told.
#[utoipa::path(
    delete, path = "/api/v1/retained/{topic}", tag = "messages",
    params(("topic" = String, Path, description = "Percent-encoded, its `/` too")),
    responses((status = 204, description = "It is cleared, on disk too"), Refusals)
)]
pub(super) async fn delete_retained(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
    Segment(topic): Segment,
) -> Result<StatusCode, Problem> {
    tracing::info!(topic, "{:?} clears a retained message", caller.name);
    let shard = context.shared.home_of(&topic);
    let topic = topic.into_boxed_str();
    match context
        .shards
        .command(shard, Command::DeleteRetained { topic })
        .await?
    {
        Done::NotFound => Err(none_here()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

fn none_here() -> Problem {
    Problem::not_found("no message is retained on this topic")
}
