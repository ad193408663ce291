//! What handlers take out of a request: a name in its path, the query, the JSON in its body.
//!
//! Each refuses what it does not know with a problem that says where.

use crate::admin::context::Context;
use crate::admin::problem::Problem;
use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The one variable segment of a path, percent-decoded.
pub(super) struct Segment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Segment(text)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(Problem::bad_request(format!("in the path: {error}")))
            }
            Err(error) => Err(Problem::internal(error.to_string())),
        }
    }
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Context>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Arc<Context>) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be JSON: Content-Type: application/json",
            ));
        }
        let max = context.terms().limits.max_body_bytes;
        let bytes = to_bytes(request.into_body(), max).await.map_err(|_| {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("no whole body of at most {max} bytes (limits.max_admin_body)"),
            )
        })?;
        let value = serde_json::from_slice(&bytes);
        value
            .map(Body)
            .map_err(|error| Problem::bad_request(format!("in the body: {error}")))
    }
}
