//! The gate before every request of the HTTP side: is it meant for us, who asks, may they.
//!
//! Decides by method and path alone, before anything of the body is read; what is not named here
//! needs a role. Owns nothing.

use super::Identified;
use crate::admin::api::backup;
use crate::admin::context::Context;
use crate::admin::problem::Problem;
use crate::config::Role;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Headers that a proxy adds: then the address of the connection is not that of who asks.
const FORWARDED: [&str; 2] = ["forwarded", "x-forwarded-for"];

/// The connection that a request came on.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Visit {
    pub(in crate::admin) peer: SocketAddr,
    /// Our end of it.
    pub(in crate::admin) local: SocketAddr,
}

/// Who asks, for the handlers: there where a role was needed.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Caller {
    pub(in crate::admin) name: Arc<str>,
    /// The token that it came with; `None` for a password.
    pub(in crate::admin) token: Option<Arc<str>>,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// To come from this machine, or the role of a viewer.
    Local,
    Role(Role),
}

fn need(method: &Method, path: &str, public_metrics: bool) -> Need {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/healthz" | "/readyz" if reads => Need::Nothing,
        "/metrics" if reads && public_metrics => Need::Nothing,
        "/metrics" | "/api/v1/openapi.json" if reads => Need::Local,
        "/api/v1/login" if *method == Method::POST => Need::Nothing,
        // It writes where it is told to.
        backup::PATH => Need::Role(Role::Admin),
        "/api/v1/logout" if *method == Method::POST => Need::Role(Role::Viewer),
        _ if reads => Need::Role(Role::Viewer),
        _ => Need::Role(Role::Operator),
    }
}

/// Lets a request pass, or answers it.
pub(in crate::admin) async fn gate(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&context, &parts).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                parts.extensions.insert(caller);
            }
            let mut response = next.run(Request::from_parts(parts, body)).await;
            // What is said here is about now, and not for every eye.
            let headers = response.headers_mut();
            for (name, value) in [
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ] {
                headers.insert(name, header::HeaderValue::from_static(value));
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(context: &Context, request: &Parts) -> Result<Option<Caller>, Problem> {
    let (headers, uri) = (&request.headers, &request.uri);
    let visit = request.extensions.get::<Visit>();
    let visit = *visit.ok_or_else(|| Problem::internal("a request without a connection"))?;
    let public = context.terms().public_metrics;
    let need = need(&request.method, uri.path(), public);
    check_host(headers, uri, visit, need)?;
    check_origin(headers, uri)?;
    let role = match need {
        Need::Nothing => return Ok(None),
        Need::Local if is_local(headers, visit) => return Ok(None),
        Need::Local => Role::Viewer,
        Need::Role(role) => role,
    };
    let (who, token) = identify(context, headers, visit).await?;
    if who.role < role {
        return Err(Problem::forbidden(format!(
            "{} has the role {}, and this needs {role}",
            who.name, who.role
        )));
    }
    let name = who.name;
    Ok(Some(Caller { name, token }))
}

/// True where the request was made on this machine, as far as can be told.
fn is_local(headers: &HeaderMap, visit: Visit) -> bool {
    let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    visit.peer.ip().to_canonical().is_loopback() && !forwarded
}

/// A page of some other site may have its name resolve to this machine; its requests then carry that
/// name. On loopback only names of this machine are ours.
fn check_host(headers: &HeaderMap, uri: &Uri, visit: Visit, need: Need) -> Result<(), Problem> {
    let free = need == Need::Nothing && uri.path() != "/api/v1/login";
    if free || !visit.local.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let host = headers.get(header::HOST).map(|host| host.to_str());
    let host = match (host, uri.authority()) {
        (Some(Ok(host)), _) => Some(host),
        (None, authority) => authority.map(|a| a.as_str()),
        (Some(Err(_)), _) => None,
    };
    match host.map(name_of) {
        Some(name) if is_own_name(name) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!(
                "on loopback the host must be localhost or an address of it, such as {}",
                visit.local
            ),
        )),
    }
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

fn is_own_name(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = address.parse().ok();
    name.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|a| a.to_canonical().is_loopback())
}

/// No page but our own may ask.
fn check_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|a| a.as_str()));
    let origin = origin.to_str().ok().and_then(|o| o.split_once("://"));
    match (origin, host) {
        (Some((_, of)), Some(host)) if of.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Problem::forbidden("pages of other sites may not ask here")),
    }
}

async fn identify(
    context: &Context,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<(Identified, Option<Arc<str>>), Problem> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Err(Problem::unauthorized(
            "log in with POST /api/v1/login, and send the token: Authorization: Bearer TOKEN",
        ));
    };
    let given = given.to_str().ok().and_then(|text| text.split_once(' '));
    let (scheme, value) = given.unwrap_or_default();
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        let now_ms = context.wiring.clock.ms();
        let who = context.access.token(value, now_ms).ok_or_else(|| {
            Problem::unauthorized("this token is not valid, or not any more: log in again")
        })?;
        return Ok((who, Some(value.into())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        let what = "the Authorization header is neither Bearer TOKEN nor Basic";
        return Err(Problem::unauthorized(what));
    }
    let text = BASE64.decode(value.as_bytes()).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((user, password)) = text.as_deref().and_then(|text| text.split_once(':')) else {
        return Err(Problem::unauthorized("broken Basic credentials"));
    };
    let (access, desk) = (&context.access, &context.wiring.desk);
    let address = visit.peer.ip();
    let right = access
        .password(desk, address, user, password.to_owned())
        .await?;
    let (name, role) = (user.into(), right.role);
    Ok((Identified { name, role }, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_needs_a_role() {
        let (viewer, operator) = (Need::Role(Role::Viewer), Need::Role(Role::Operator));
        for (method, path, want) in [
            (Method::GET, "/healthz", Need::Nothing),
            (Method::POST, "/healthz", operator),
            (Method::GET, "/metrics", Need::Local),
            (Method::HEAD, "/api/v1/openapi.json", Need::Local),
            (Method::POST, "/api/v1/login", Need::Nothing),
            (Method::GET, "/api/v1/login", viewer),
            (Method::POST, "/api/v1/logout", viewer),
            (Method::GET, "/api/v1/overview", viewer),
            (Method::GET, "/healthz/", viewer),
            (Method::GET, "//metrics", viewer),
            (Method::DELETE, "/api/v1/sessions/x", operator),
            (Method::OPTIONS, "/api/v1/overview", operator),
            (Method::POST, "/api/v1/backup", Need::Role(Role::Admin)),
        ] {
            assert_eq!(need(&method, path, false), want, "{method} {path}");
        }
        assert_eq!(need(&Method::GET, "/metrics", true), Need::Nothing);
    }

    #[test]
    fn names_of_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:18083",
            "127.9.9.9",
            "[::1]",
            "[::1]:80",
        ] {
            assert!(is_own_name(name_of(host)), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil",
            "10.0.0.1",
        ] {
            assert!(!is_own_name(name_of(host)), "{host}");
        }
    }

    #[test]
    fn origins() {
        let check = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:18083".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            check_origin(&headers, &Uri::from_static("/")).is_ok()
        };
        assert!(check("http://localhost:18083"));
        for other in [
            "null",
            "http://localhost",
            "https://evil.example",
            "http://evil/localhost:18083",
        ] {
            assert!(!check(other), "{other}");
        }
        assert!(check_origin(&HeaderMap::new(), &Uri::from_static("/")).is_ok());
    }
}
