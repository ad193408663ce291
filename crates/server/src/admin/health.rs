//! `/healthz`: the control thread answers. `/readyz`: every shard serves clients.

use super::context::{Context, Stage};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// Whether the broker serves.
#[derive(Serialize)]
pub(super) struct Readiness {
    ready: bool,
    /// What stands in the way; empty where nothing does.
    reasons: Vec<String>,
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(context): State<Arc<Context>>) -> (StatusCode, Json<Readiness>) {
    let mut reasons = Vec::new();
    match context.stage() {
        Stage::Starting => reasons.push("the broker is starting".to_owned()),
        Stage::Stopping => reasons.push("the broker is stopping".to_owned()),
        Stage::Serving => {
            if context.wiring.log.holds_back() {
                reasons.push("the disk is full: messages to be stored wait".to_owned());
            }
            for counts in context.shards.each_counts().await {
                reasons.extend(counts.err().map(|problem| problem.detail().to_owned()));
            }
        }
    }
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, reasons }))
}
