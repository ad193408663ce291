//! The HTTP API below `/api/v1`, and its description that is made from the same code (OpenAPI 3.1).
//!
//! Handlers look and pass on: what they show they have asked of the shards page by page, what they
//! change a shard does. Nothing is kept between requests.

pub(super) mod backup;
mod connections;
mod limits;
mod listeners;
mod listing;
mod login;
mod moment;
mod overview;
mod publish;
mod request;
mod retained;
mod sessions;
mod subscriptions;

use super::context::Context;
use super::{health, metrics};
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(info(
    title = "Waypost",
    description = "What a broker is doing, and what an operator can do about it."
))]
struct Description;

/// All that is served, health and metrics included.
pub(super) fn routes(context: &Arc<Context>) -> Router {
    let (api, document) = api();
    let document = Arc::new(document);
    let described = move || {
        let document = document.clone();
        async move { Json(document.as_ref().clone()) }
    };
    api.route("/api/v1/openapi.json", get(described))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(context.clone())
}

fn api() -> (Router<Arc<Context>>, Document) {
    let (router, mut document) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(overview::overview))
        .routes(routes!(listeners::listeners))
        .routes(routes!(connections::connections))
        .routes(routes!(connections::connection, connections::kick))
        .routes(routes!(sessions::sessions))
        .routes(routes!(sessions::session, sessions::delete_session))
        .routes(routes!(subscriptions::subscriptions))
        .routes(routes!(retained::retained))
        .routes(routes!(
            retained::retained_message,
            retained::delete_retained
        ))
        .routes(routes!(limits::limits))
        .routes(routes!(publish::publish))
        .routes(routes!(backup::backup))
        .split_for_parts();
    let components = document.components.get_or_insert_default();
    for (name, scheme) in [
        ("token", HttpAuthScheme::Bearer),
        ("password", HttpAuthScheme::Basic),
    ] {
        let scheme = SecurityScheme::Http(Http::new(scheme));
        components.add_security_scheme(name, scheme);
    }
    let needed = |name| SecurityRequirement::new(name, [] as [String; 0]);
    document.security = Some(vec![needed("token"), needed("password")]);
    (router, document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_operation() {
        let page = include_str!("../../../../../docs/admin-api.md");
        let (_, document) = api();
        let document = serde_json::to_value(&document).unwrap();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                let operation = format!("`{} {path}`", method.to_uppercase());
                assert!(page.contains(&operation), "{operation}");
            }
        }
    }

    #[test]
    fn every_operation_is_described() {
        let (_, document) = api();
        let document = serde_json::to_value(&document).unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 13, "{paths:?}");
        for (path, operations) in paths {
            assert!(path.starts_with("/api/v1/"), "{path}");
            for (method, operation) in operations.as_object().unwrap() {
                let name = format!("{method} {path}");
                assert!(operation["summary"].is_string(), "{name} has no summary");
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.contains_key("401"), "{name}: {answers:?}");
                let good = answers.keys().filter(|status| status.starts_with('2'));
                assert_eq!(good.count(), 1, "{name}");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    assert!(parameter["description"].is_string(), "{name}: {parameter}");
                }
            }
        }
    }
}
