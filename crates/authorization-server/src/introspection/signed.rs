//! Introspection answers as signed JWTs (RFC 9701), for resource servers that must be able to show what
//! they were told.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use oauth::introspection::IntrospectionResponse;
use oauth::jose::issued::{self, Kind};
use serde_json::json;

use crate::endpoint::{Failure, not_kept};
use crate::registration::Client;
use crate::{AuthorizationServer, KeyError};

/// Whether the caller names the media type in `Accept` (RFC 9701 section 4).
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|essence| essence.eq_ignore_ascii_case(MEDIA_TYPE));
            // RFC 9110 section 12.4.2: a weight of zero says that it is not acceptable.
            named && !parts.any(|it| matches!(it, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

/// RFC 9701 section 5. The token's own claims stand one level down and `aud` is the caller, so that this
/// passes neither for an access token nor for an answer to somebody else.
pub(super) async fn response(
    server: &AuthorizationServer,
    client: &Client,
    answer: &IntrospectionResponse,
) -> Result<Response, Failure> {
    let configured = server.config().signing_algorithms.first().copied();
    let algorithm = client
        .protocol
        .introspection_signed_response_alg
        .or(configured)
        .ok_or(KeyError::Library)?;
    let key = server.signing_key(algorithm).await?;
    let claims = json!({
        "iss": server.issuer(),
        "aud": client.client_id,
        "iat": server.clock().now().as_second(),
        "token_introspection": answer,
    });
    let jwt =
        issued::sign(&key, Kind::IntrospectionResponse, &claims).map_err(|_| KeyError::Library)?;
    let response = ([(header::CONTENT_TYPE, MEDIA_TYPE)], jwt).into_response();
    Ok(not_kept(response))
}

const MEDIA_TYPE: &str = "application/token-introspection+jwt";
