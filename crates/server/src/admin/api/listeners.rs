//! Where clients and operators come in.

use crate::admin::context::Context;
use crate::admin::problem::Refusals;
use crate::config::Scheme;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A listener.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Listener)]
pub(super) struct ListenerRow {
    /// With the port that it is bound to.
    url: String,
    /// `mqtt`, `mqtts`, `ws`, `wss`, `unix`, `http` or `https`.
    scheme: &'static str,
    /// `tcp`, `tls`, `websocket`, `secure_websocket`, `unix`, `http` or `https`.
    transport: &'static str,
    /// Host and port, or the path of a socket.
    address: String,
    tls: bool,
    /// Now.
    connections: usize,
    /// Null where only `limits.max_connections` bounds it.
    max_connections: Option<usize>,
    /// Clients without a name are let in.
    anonymous: bool,
}

/// List listeners
#[utoipa::path(
    get, path = "/api/v1/listeners", tag = "broker",
    responses((status = 200, body = Vec<ListenerRow>, description = "In the order of the configuration"), Refusals)
)]
pub(super) async fn listeners(State(context): State<Arc<Context>>) -> Json<Vec<ListenerRow>> {
    let all = context.listeners.iter().zip(&context.anonymous);
    let rows = all.enumerate().map(|(n, ((listener, url), anonymous))| {
        let scheme = listener.scheme;
        let rest = url.split_once(':').map_or("", |(_, rest)| rest);
        let rest = rest.trim_start_matches("//");
        let authority = match rest.find('/') {
            Some(at) if scheme != Scheme::Unix => rest.get(..at).unwrap_or_default(),
            _ => rest,
        };
        let bound = listener.max_connections;
        ListenerRow {
            url: url.clone(),
            scheme: scheme.as_str(),
            transport: transport_of(scheme),
            address: authority.to_owned(),
            tls: scheme.is_secure(),
            connections: context.connections_at(n),
            max_connections: if scheme.is_admin() {
                Some(context.terms().limits.max_connections)
            } else {
                (bound != usize::MAX).then_some(bound)
            },
            anonymous: *anonymous,
        }
    });
    Json(rows.collect())
}

fn transport_of(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Mqtt => "tcp",
        Scheme::Mqtts => "tls",
        Scheme::Ws => "websocket",
        Scheme::Wss => "secure_websocket",
        Scheme::Unix | Scheme::Http | Scheme::Https => scheme.as_str(),
    }
}
