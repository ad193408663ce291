//! Logging in with a password, and out.

use super::moment::Moment;
use super::request::Body;
use crate::admin::access::{Caller, Visit};
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who logs in. No `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginRequest {
    user: String,
    password: String,
}

/// A login.
#[derive(Serialize, ToSchema)]
pub(super) struct Login {
    /// For `Authorization: Bearer TOKEN`.
    token: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    /// When it is over; a restart of the broker ends it too.
    expires_at: Moment,
}

/// Log in
#[utoipa::path(
    post, path = "/api/v1/login", tag = "access", security(()), request_body = LoginRequest,
    responses(
        (status = 200, body = Login, description = "A token"),
        (status = 429, body = Problem, content_type = "application/problem+json",
            description = "Too many failed logins from this address"),
        Refusals
    )
)]
pub(super) async fn login(
    State(context): State<Arc<Context>>,
    Extension(visit): Extension<Visit>,
    Body(request): Body<LoginRequest>,
) -> Result<Json<Login>, Problem> {
    let now = context.wiring.clock.now();
    let limits = context.terms().limits.clone();
    let lifetime_ms = u64::from(limits.login_lifetime_s) * 1000;
    let login = context.access.log_in(
        &context.wiring.desk,
        visit.peer.ip(),
        &request.user,
        request.password,
        &limits,
        now.ms,
    );
    let (token, role) = login.await?;
    Ok(Json(Login {
        token,
        role: role.as_str(),
        expires_at: Moment(now.unix_ms + lifetime_ms),
    }))
}

/// Log out: end the login that the token is of
#[utoipa::path(
    post, path = "/api/v1/logout", tag = "access",
    responses((status = 204, description = "The token is not valid any more"), Refusals)
)]
pub(super) async fn logout(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Problem> {
    let Some(token) = &caller.token else {
        return Err(Problem::bad_request("a password is no login: nothing ends"));
    };
    if context.access.log_out(token) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::bad_request(
        "this token is of the configuration: take its [[api_token]] out and reload",
    ))
}
