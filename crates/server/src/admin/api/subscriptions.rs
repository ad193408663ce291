//! Subscriptions of all sessions.

use super::listing::{Compare, Listing, Paging, Row, Wanted, has, scan, sorts};
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use axum::Json;
use axum::extract::State;
use broker::inspect::{self, Answer, Question};
use message::{pattern, topic};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa::ToSchema;

/// A subscription of a session.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(super) struct SubscriptionRow {
    #[schema(value_type = String)]
    client_id: Arc<str>,
    /// As it came, with `$share/NAME/` where it is shared.
    #[schema(value_type = String)]
    filter: Box<str>,
    /// The NAME of a shared subscription.
    #[schema(value_type = Option<String>)]
    share: Option<Box<str>>,
    /// As granted: 0, 1 or 2.
    qos: u8,
    no_local: bool,
    retain_as_published: bool,
    /// 0, 1 or 2, as MQTT 5 numbers it.
    retain_handling: u8,
    subscription_id: Option<u32>,
}

impl Row for SubscriptionRow {
    const SORTS: &'static [(&'static str, Compare<Self>)] = sorts!(
        client_id,
        filter,
        share,
        qos,
        no_local,
        retain_as_published,
        retain_handling,
        subscription_id,
    );

    fn identity(&self, other: &Self) -> Ordering {
        let (a, b) = (self, other);
        (&a.client_id, &a.filter).cmp(&(&b.client_id, &b.filter))
    }
}

impl From<inspect::SubscriptionRow> for SubscriptionRow {
    fn from(row: inspect::SubscriptionRow) -> Self {
        SubscriptionRow {
            client_id: row.client_id,
            filter: row.filter,
            share: row.share,
            qos: row.qos as u8,
            no_local: row.no_local,
            retain_as_published: row.retain_as_published,
            retain_handling: row.retain_handling,
            subscription_id: row.subscription_id,
        }
    }
}

/// Which subscriptions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filters {
    /// A part of the client id.
    client_id: Option<String>,
    /// A part of the filter.
    filter: Option<String>,
    /// A topic that the filter must match.
    topic: Option<String>,
}

impl Filters {
    fn select(&self, row: &inspect::SubscriptionRow) -> bool {
        let topic = self.topic.as_deref();
        has(&row.client_id, &self.client_id)
            && has(&row.filter, &self.filter)
            && topic.is_none_or(|topic| pattern::matches(row.topic_filter(), topic))
    }
}

/// List subscriptions, or those that a topic's messages go to
#[utoipa::path(
    get, path = "/api/v1/subscriptions", tag = "clients", params(Paging, Filters),
    responses((status = 200, body = Listing<SubscriptionRow>, description = "A part of the list"), Refusals)
)]
pub(super) async fn subscriptions(
    State(context): State<Arc<Context>>,
    wanted: Wanted<Filters>,
) -> Result<Json<Listing<SubscriptionRow>>, Problem> {
    if let Some(topic) = &wanted.filters.topic {
        topic::check(topic, context.terms().max_topic_bytes)
            .map_err(|error| Problem::bad_request(format!("topic: {error}")))?;
    }
    let mut picker = wanted.picker::<SubscriptionRow>()?;
    let page_of = |answer| match answer {
        Answer::Subscriptions(page) => Some(page),
        _ => None,
    };
    scan(&context, Question::Subscriptions, page_of, |row| {
        if wanted.filters.select(&row) {
            picker.take(row.into());
        }
    })
    .await?;
    Ok(Json(picker.finish()))
}
