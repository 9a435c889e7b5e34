//! The two forms of an access token: opaque, and JWT (RFC 9068) for the resource servers that ask for it.
//!
//! Both are one row of `access_token`. An opaque token is found by its hash; a JWT by its `jti`, which is
//! half of the hash of a secret that nobody is told, once its signature is known to be ours. A JWT is
//! introspected, revoked and cut short like every other token.

use oauth::jose::Algorithm;
use oauth::jose::issued::{self, Kind};
use oauth::{Error, ErrorCode, Secret, SecretHash};
use serde_json::Value;

use crate::AuthorizationServer;
use crate::endpoint::Failure;
use crate::introspection::describe;
use crate::store::{resource_servers, revocations, tokens};

/// Which row a presented token is; `None` for a JWT that is not one of our access tokens.
pub(crate) async fn hash_of(
    server: &AuthorizationServer,
    token: &Secret,
) -> Result<Option<SecretHash>, storage::Error> {
    if !issued::is_jwt(token.expose()) {
        return Ok(Some(token.hash()));
    }
    let claims = server
        .verify_issued(token.expose(), Kind::AccessToken)
        .await?;
    let claims =
        claims.filter(|claims| claims.get("iss").and_then(Value::as_str) == Some(server.issuer()));
    let jti = claims
        .as_ref()
        .and_then(|claims| claims.get("jti"))
        .and_then(Value::as_str);
    match jti {
        Some(jti) => revocations::hash_of_id(server.db(), jti).await,
        None => Ok(None),
    }
}

/// The token as its audiences want it: the opaque one as it is, or a JWT of the same row.
///
/// # Errors
/// `invalid_grant` when it was revoked at this moment; 503 without a key.
pub(crate) async fn in_form(
    server: &AuthorizationServer,
    opaque: Secret,
    audiences: &[String],
) -> Result<Secret, Failure> {
    let Some(algorithm) = asked_for(server, audiences).await? else {
        return Ok(opaque);
    };
    let key = server.signing_key(algorithm).await?;
    let hash = opaque.hash();
    let live = tokens::find_live(server.db(), &hash, server.clock().now()).await?;
    let live = live.ok_or_else(|| {
        Error::new(
            ErrorCode::InvalidGrant,
            "the grant was revoked at this moment",
        )
    })?;
    let audiences = live.audiences.clone();
    let answer = describe(
        server.issuer(),
        live,
        audiences,
        revocations::id_of(hash.as_bytes()),
    );
    let mut claims = serde_json::to_value(&answer).unwrap_or_default();
    if let Some(claims) = claims.as_object_mut() {
        // Words of introspection that RFC 9068 does not have; the username is for those who ask us.
        for name in ["active", "token_type", "username"] {
            claims.remove(name);
        }
    }
    let jwt =
        issued::sign(&key, Kind::AccessToken, &claims).map_err(|_| crate::KeyError::Library)?;
    Ok(Secret::received(jwt))
}

/// The algorithm if every audience asks for JWTs, and for the same one: a token has one form, and an
/// opaque one is good for everybody who introspects.
async fn asked_for(
    server: &AuthorizationServer,
    audiences: &[String],
) -> Result<Option<Algorithm>, storage::Error> {
    let mut asked = None;
    for audience in audiences {
        let entry = resource_servers::find(server.db(), audience).await?;
        match (
            entry.and_then(|entry| entry.access_token_signing_alg),
            asked,
        ) {
            (None, _) => return Ok(None),
            (Some(algorithm), None) => asked = Some(algorithm),
            (Some(algorithm), Some(other)) if algorithm == other => {}
            (Some(_), Some(_)) => return Ok(None),
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests;
