//! Token revocation (RFC 7009).

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use oauth::{Error, ErrorCode, Secret, SecretHash};
use storage::Transaction;
use storage::audit::{AuditEvent, Outcome};

use crate::AuthorizationServer;
use crate::access_token;
use crate::audit;
use crate::caller::Caller;
use crate::client_authentication::authenticate;
use crate::client_request::{Act, ClientRequest};
use crate::endpoint::{Failure, PostedForm, uncached};
use crate::store::revocations;

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/revoke", post(revoke))
}

async fn revoke(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    form: Result<PostedForm, Failure>,
) -> Response {
    let answer = match form {
        Ok(form) => answer(&server, &caller, &form).await,
        Err(failure) => Err(server.deny(&caller, ACTION, failure.into()).await),
    };
    match answer {
        Ok(()) => uncached(StatusCode::OK, &serde_json::json!({})),
        Err(failure) => failure.into_response(),
    }
}

async fn answer(
    server: &AuthorizationServer,
    caller: &Caller,
    form: &PostedForm,
) -> Result<(), Failure> {
    let authenticated = match authenticate(server, form).await {
        Ok(authenticated) => authenticated,
        Err(rejected) => return Err(server.deny(caller, ACTION, rejected).await),
    };
    let (client, assertion) = authenticated.into_parts();
    let token = match form.parameters.require("token") {
        Ok(token) => {
            let token = Secret::received(token.to_owned());
            // A JWT that is not ours is an unknown token, like any other text.
            let found = access_token::hash_of(server, &token).await?;
            Ok(found.unwrap_or_else(|| token.hash()))
        }
        Err(error) => Err(error),
    };
    let event = AuditEvent {
        client_id: Some(client.client_id.clone()),
        organization: client.rights.organization,
        token_id: token.as_ref().ok().map(SecretHash::short),
        ..audit::event(server, caller, ACTION, Outcome::Allowed)
    };
    let now = server.clock().now();
    let client_id = client.client_id;
    let work = ClientRequest {
        assertion,
        act: token.map(|token| Revoke {
            client_id,
            token,
            now,
        }),
        event,
    };
    // RFC 7009 section 2.2: 200 only once it is so; a database that failed has answered 503 by now.
    Ok(server.db().write(work).await??)
}

/// One revocation. `token_type_hint` is not looked at: both tables are searched (RFC 7009 section 2.1).
struct Revoke {
    client_id: String,
    token: SecretHash,
    now: Timestamp,
}

impl Act for Revoke {
    type Done = ();

    /// An access token ends alone, a refresh token with its family (RFC 7009 section 2.1). An unknown
    /// token is as good as revoked (section 2.2); somebody else's is refused (section 2.1).
    async fn perform(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if let Some((owner, family_id)) = revocations::owner_of_refresh(tx, &self.token).await? {
            if owner != self.client_id {
                return Ok(Err(not_yours()));
            }
            revocations::revoke_family(tx, &family_id, self.now).await?;
            return Ok(Ok(()));
        }
        match revocations::owner_of_access(tx, &self.token).await? {
            Some(owner) if owner != self.client_id => Ok(Err(not_yours())),
            Some(_) => {
                revocations::revoke_access(tx, &self.client_id, &self.token, self.now).await?;
                Ok(Ok(()))
            }
            None => Ok(Ok(())),
        }
    }
}

fn not_yours() -> Error {
    Error::new(
        ErrorCode::InvalidGrant,
        "the token was issued to another client",
    )
}

const ACTION: &str = "token.revoke";

#[cfg(test)]
mod tests;
