//! The bounds that are in force.

use crate::admin::context::Context;
use crate::admin::problem::Refusals;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A bound of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Limit {
    /// Such as `limits.max_connections`.
    key: &'static str,
    /// Null where it is unlimited.
    value: Option<u64>,
    /// `bytes`, `seconds` or `milliseconds`; empty for a count.
    unit: &'static str,
    /// Where it was set: `default`, a file and its line, the environment or the command line.
    origin: String,
}

/// Show all limits
#[utoipa::path(
    get, path = "/api/v1/limits", tag = "broker",
    responses((status = 200, body = Vec<Limit>, description = "In the order of the reference"), Refusals)
)]
pub(super) async fn limits(State(context): State<Arc<Context>>) -> Json<Vec<Limit>> {
    let terms = context.terms();
    let limits = terms.bounds.iter().map(|bound| Limit {
        key: bound.key,
        value: bound.value,
        unit: bound.unit,
        origin: bound.origin.to_string(),
    });
    Json(limits.collect())
}
