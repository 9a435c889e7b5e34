//! The server's public keys (RFC 7517 section 5).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use crate::AuthorizationServer;
use crate::endpoint::cached;

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/jwks", get(jwks))
}

async fn jwks(State(server): State<AuthorizationServer>) -> Response {
    let keys: Vec<_> = server
        .keys()
        .signing
        .iter()
        .map(|key| key.public_jwk().to_json())
        .collect();
    cached(&serde_json::json!({ "keys": keys }))
}
