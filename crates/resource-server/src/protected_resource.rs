//! What this resource server says about itself (RFC 9728): whose tokens count here, and how they come.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;
use url::Url;

use crate::ResourceServer;
use crate::answer::{empty, set};

pub(crate) fn routes(server: &ResourceServer) -> Router<ResourceServer> {
    Router::new().route(&path(&server.config().fhir_base), get(metadata))
}

/// Where it says so.
pub(crate) fn url(server: &ResourceServer) -> String {
    let mut url = server.config().fhir_base.clone();
    url.set_path(&path(&server.config().fhir_base));
    url.to_string()
}

/// RFC 9728 section 3.1: the well-known part stands between host and path.
pub(crate) fn path(base: &Url) -> String {
    format!("{WELL_KNOWN}{}", base.path().trim_end_matches('/'))
}

async fn metadata(State(server): State<ResourceServer>) -> Response {
    let config = server.config();
    let issuers: Vec<&str> = server.issuers().names().collect();
    let body = json!({
        "resource": config.fhir_base.as_str().trim_end_matches('/'),
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
        "resource_name": config.organization,
    });
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = body.to_string().into();
    set(&mut response, CONTENT_TYPE, "application/json");
    set(&mut response, CACHE_CONTROL, "public, max-age=300");
    response
}

/// The part of every such path.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
