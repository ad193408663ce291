//! Publishing a message over HTTP.

use super::request::Body;
use crate::admin::access::Caller;
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use broker::operator::{Command, Done, OperatorMessage};
use data_encoding::BASE64;
use message::{Props, QoS};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A message to be published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishRequest {
    topic: String,
    /// Text; empty where neither this nor `payload_base64` is given.
    payload: Option<String>,
    /// Bytes.
    payload_base64: Option<String>,
    /// 0, 1 or 2.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2)]
    qos: u8,
    #[serde(default)]
    retain: bool,
    /// Seconds that it may wait for its receivers; for ever where it is not given.
    expiry_s: Option<u32>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation_data_base64: Option<String>,
    /// Names and values, in this order; names may repeat.
    #[serde(default)]
    #[schema(value_type = Vec<Vec<String>>)]
    user_properties: Vec<(String, String)>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublishResult {
    /// Somebody is subscribed to the topic.
    receivers: bool,
}

impl PublishRequest {
    fn into_message(self) -> Result<OperatorMessage, Problem> {
        let payload = match (self.payload, self.payload_base64) {
            (Some(_), Some(_)) => {
                let what = "either payload or payload_base64, not both";
                return Err(Problem::bad_request(what));
            }
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => bytes("payload_base64", &text)?,
            (None, None) => Vec::new(),
        };
        let qos = match self.qos {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            2 => QoS::ExactlyOnce,
            n => return Err(Problem::bad_request(format!("qos is 0, 1 or 2, not {n}"))),
        };
        let correlation = self.correlation_data_base64;
        let correlation = correlation.map(|text| bytes("correlation_data_base64", &text));
        let user = self.user_properties.into_iter();
        let props = Props {
            payload_is_utf8: None,
            content_type: self.content_type.map(Into::into),
            reply_to: self.response_topic.map(Into::into),
            correlation: correlation.transpose()?.map(Into::into),
            user: user.map(|(n, v)| (n.into(), v.into())).collect(),
        };
        Ok(OperatorMessage {
            topic: self.topic.into(),
            payload: payload.into(),
            qos,
            retain: self.retain,
            expiry_s: self.expiry_s,
            props: (!props.is_empty()).then(|| Box::new(props)),
            transient: false,
        })
    }
}

fn bytes(field: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let decoded = BASE64.decode(text.as_bytes());
    decoded.map_err(|error| Problem::bad_request(format!("{field}: {error}")))
}

/// Publish a message
///
/// When the answer comes, the message is on disk wherever a queue or the retained messages need it.
#[utoipa::path(
    post, path = "/api/v1/publish", tag = "messages", request_body = PublishRequest,
    responses(
        (status = 200, body = PublishResult, description = "It is published"),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "The broker does not take this message"),
        Refusals
    )
)]
pub(super) async fn publish(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<PublishRequest>,
) -> Result<Json<PublishResult>, Problem> {
    let message = request.into_message()?;
    let topic = &*message.topic;
    tracing::debug!(topic, "{:?} publishes", caller.name);
    // One topic, one shard: what is published in turn arrives in turn.
    let shard = context.shared.home_of(topic);
    let command = Command::Publish(Box::new(message));
    match context.shards.command(shard, command).await? {
        Done::Published { receivers } => Ok(Json(PublishResult { receivers })),
        Done::Refused(why) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)),
        Done::Yes | Done::NotFound => Err(crate::admin::shards::mismatched()),
    }
}
