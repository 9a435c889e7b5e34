//! The server's public keys (RFC 7517 section 5): next, active and retiring ones.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::AuthorizationServer;
use crate::endpoint::{Failure, cached};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/jwks", get(jwks))
}

async fn jwks(State(server): State<AuthorizationServer>) -> Response {
    match server.published_keys().await {
        Ok(keys) => cached(&keys),
        Err(error) => Failure::from(error).into_response(),
    }
}
