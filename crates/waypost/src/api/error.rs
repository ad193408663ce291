//! Why a request to the API brought nothing: what happened, and what to do.

use crate::failure::Failure;
use message::Printable;
use thiserror::Error;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum ApiError {
    #[error(
        "cannot reach the broker's API at {url}: {why}. Does the broker run, with an admin listener \
         there? Another place is named with --api URL or WAYPOST_API"
    )]
    Unreachable { url: String, why: String },
    #[error("no answer from {url} within {seconds} seconds")]
    TimedOut { url: String, seconds: u64 },
    #[error("TLS with {url} failed: {why}. {hint}")]
    Tls {
        url: String,
        why: String,
        hint: &'static str,
    },
    #[error(
        "{url} wants to know who you are: run `waypost login`, or give --token-file FILE, --user NAME \
         or WAYPOST_TOKEN"
    )]
    LoginNeeded { url: String },
    #[error("{url} does not accept {what}{}. {hint}", colon(detail))]
    NotAccepted {
        url: String,
        what: &'static str,
        detail: String,
        hint: &'static str,
    },
    #[error(
        "not allowed{}: it takes a user with more rights (viewers read; operators also disconnect, \
         delete and publish); log in as one with `waypost login --user NAME`",
        colon(detail)
    )]
    Forbidden { detail: String },
    #[error("{detail}")]
    NotFound { detail: String },
    #[error("the broker refused: {detail} (status {status})")]
    Refused { status: u16, detail: String },
    #[error("{url} does not answer as Waypost's API does: {why}. Is it another program's?")]
    Strange { url: String, why: String },
}

/// What the server has added, if anything.
fn colon(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {}", detail.trim_end_matches('.'))
    }
}

/// What an `application/problem+json` says (RFC 9457), safe to print.
pub(super) fn problem(body: &serde_json::Value) -> String {
    let text = |name| body.get(name).and_then(|v: &serde_json::Value| v.as_str());
    let said = text("detail").or_else(|| text("title")).unwrap_or_default();
    Printable(said).to_string()
}

impl From<ApiError> for Failure {
    fn from(e: ApiError) -> Failure {
        Failure::failed(e)
    }
}
