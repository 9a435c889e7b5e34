//! `GET metadata`: the CapabilityStatement. It needs no token.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::capability::{self, CapabilityInput};
use url::Url;

use crate::ResourceServer;
use crate::answer::fhir_json;

/// Says what the server can do and where its clients get tokens. The addresses come from the issuer's
/// own metadata; while that cannot be reached they are left out.
pub(crate) async fn answer(server: &ResourceServer) -> Response {
    let advertised = server.issuers().advertised().await.unwrap_or_default();
    let statement = capability::statement(&CapabilityInput {
        fhir_base: server.config().base().to_owned(),
        authorize_url: advertised.authorization_endpoint.map(Url::into),
        token_url: advertised.token_endpoint.map(Url::into),
        introspect_url: advertised.introspection_endpoint.map(Url::into),
        revoke_url: advertised.revocation_endpoint.map(Url::into),
        cors: !server.config().cors_allowed_origins.is_empty(),
        date: server.started(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    fhir_json(StatusCode::OK, statement.to_string())
}
