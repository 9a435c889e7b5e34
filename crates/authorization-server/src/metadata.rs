//! Authorization server metadata (RFC 8414): only what is true of this server.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use oauth::AuthorizationServerMetadata;
use oauth::jose::Algorithm;

use crate::AuthorizationServer;
use crate::assurance::Assurance;
use crate::endpoint::cached;
use crate::registration::{ClientAuthenticationMethod, GrantType};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/.well-known/oauth-authorization-server", get(metadata))
}

async fn metadata(State(server): State<AuthorizationServer>) -> Response {
    cached(&describe(&server))
}

fn describe(server: &AuthorizationServer) -> AuthorizationServerMetadata {
    let all = ClientAuthenticationMethod::ALL
        .map(|method| method.as_str().to_owned())
        .to_vec();
    // Introspection demands a client that can prove itself (RFC 7662 section 2.1).
    let confidential: Vec<String> = all.iter().filter(|name| *name != "none").cloned().collect();
    let algorithms: Vec<String> = Algorithm::ALL
        .iter()
        .map(|algorithm| algorithm.as_str().to_owned())
        .collect();
    AuthorizationServerMetadata {
        issuer: server.issuer().to_owned(),
        authorization_endpoint: Some(server.endpoint("/oauth2/authorize")),
        token_endpoint: Some(server.endpoint("/oauth2/token")),
        jwks_uri: Some(server.endpoint("/oauth2/jwks")),
        introspection_endpoint: Some(server.endpoint("/oauth2/introspect")),
        revocation_endpoint: Some(server.endpoint("/oauth2/revoke")),
        registration_endpoint: Some(server.endpoint("/oauth2/register")),
        pushed_authorization_request_endpoint: Some(server.endpoint("/oauth2/par")),
        require_pushed_authorization_requests: Some(false),
        response_types_supported: vec!["code".to_owned()],
        response_modes_supported: vec!["query".to_owned()],
        grant_types_supported: GrantType::ALL
            .map(|grant| grant.as_str().to_owned())
            .to_vec(),
        token_endpoint_auth_methods_supported: all.clone(),
        token_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        introspection_endpoint_auth_methods_supported: confidential,
        introspection_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        revocation_endpoint_auth_methods_supported: all,
        revocation_endpoint_auth_signing_alg_values_supported: algorithms,
        introspection_signing_alg_values_supported: server
            .config()
            .signing_algorithms
            .iter()
            .map(|algorithm| algorithm.as_str().to_owned())
            .collect(),
        acr_values_supported: Assurance::ALL.map(|acr| acr.as_str().to_owned()).to_vec(),
        code_challenge_methods_supported: vec!["S256".to_owned()],
        authorization_response_iss_parameter_supported: Some(true),
        ..AuthorizationServerMetadata::default()
    }
}

#[cfg(test)]
mod tests;
