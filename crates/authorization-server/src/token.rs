//! Token endpoint (RFC 6749 section 3.2).

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use oauth::{Error, Secret, TokenResponse};
use storage::audit::{AuditEvent, Outcome};
use storage::{Transaction, Work};

use crate::AuthorizationServer;
use crate::access_token;
use crate::audit;
use crate::caller::Caller;
use crate::client_authentication::{Rejected, authenticate};
use crate::client_request::{Act, ClientRequest, replayed};
use crate::endpoint::{Failure, PostedForm, uncached};
use crate::grants::{self, Grant, Granted};
use crate::store::assertions::{self, Assertion};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/token", post(token))
}

async fn token(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    form: Result<PostedForm, Failure>,
) -> Response {
    let answer = match form {
        Ok(form) => answer(&server, &caller, &form).await,
        Err(failure) => Err(server.deny(&caller, ACTION, failure.into()).await),
    };
    let outcome = if answer.is_ok() { "issued" } else { "refused" };
    metrics::counter!("authorization_server_token_requests",
        "party" => server.config().party.clone(), "outcome" => outcome)
    .increment(1);
    match answer {
        Ok(response) => uncached(StatusCode::OK, &response),
        Err(failure) => failure.into_response(),
    }
}

async fn answer(
    server: &AuthorizationServer,
    caller: &Caller,
    form: &PostedForm,
) -> Result<TokenResponse, Failure> {
    let authenticated = match authenticate(server, form).await {
        Ok(authenticated) => authenticated,
        Err(rejected) => return Err(server.deny(caller, ACTION, rejected).await),
    };
    let prepared = grants::prepare(server, authenticated.client(), &form.parameters);
    let (client, assertion) = authenticated.into_parts();
    let (act, secrets) = match prepared {
        Ok(prepared) => {
            let token_id = prepared.access_token.hash().short();
            let grant = prepared.grant;
            let secrets = (prepared.access_token, prepared.refresh_token);
            (Ok(Issue { grant, token_id }), Some(secrets))
        }
        Err(error) => (Err(error), None),
    };
    let event = AuditEvent {
        client_id: Some(client.client_id),
        organization: client.rights.organization,
        ..audit::event(server, caller, ACTION, Outcome::Allowed)
    };
    let granted = server
        .db()
        .write(ClientRequest {
            assertion,
            act,
            event,
        })
        .await??;
    // Always there: nothing is granted that was not prepared.
    let (access_token, refresh_token) = secrets.ok_or_else(replayed)?;
    let access_token = access_token::in_form(server, access_token, &granted.audiences).await?;
    Ok(response(&access_token, refresh_token.as_ref(), &granted))
}

fn response(access: &Secret, refresh: Option<&Secret>, granted: &Granted) -> TokenResponse {
    TokenResponse {
        access_token: access.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: Some(granted.lifetime.as_secs().unsigned_abs()),
        refresh_token: refresh
            .filter(|_| granted.refreshable)
            .map(|it| it.expose().to_owned()),
        scope: Some(granted.scope.to_string()),
    }
}

/// A grant, and what the audit calls the token that it gives.
struct Issue {
    grant: Grant,
    token_id: String,
}

impl Act for Issue {
    type Done = Granted;

    async fn perform(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<Granted, Error>, storage::Error> {
        self.grant.redeem(tx).await
    }

    fn note(&self, granted: &Granted, event: &mut AuditEvent) {
        event.subject = Some(granted.subject.clone());
        event.token_id = Some(self.token_id.clone());
    }
}

impl AuthorizationServer {
    /// Records a denial of an unauthenticated request; what cannot be recorded is answered 503.
    pub(crate) async fn deny(&self, caller: &Caller, action: &str, rejected: Rejected) -> Failure {
        if let Failure::Unavailable(_) = rejected.failure {
            return rejected.failure;
        }
        let denial = audit::denial(self, caller, action, &rejected.failure.error());
        let event = AuditEvent {
            client_id: rejected.client_id,
            reason: match (denial.reason, rejected.cause) {
                (Some(reason), Some(cause)) => Some(format!("{reason}: {cause}")),
                (reason, _) => reason,
            },
            ..denial
        };
        match self
            .db()
            .write(Deny {
                assertion: rejected.assertion,
                event,
            })
            .await
        {
            Ok(()) => rejected.failure,
            Err(error) => error.into(),
        }
    }

    /// A new access token: its prefix tells resource servers which issuer to ask.
    pub(crate) fn access_token(&self) -> Secret {
        Secret::access_token(&self.config().token_prefix, self.random())
    }
}

/// A denial before the request was looked at: its audit row and the assertion that it may have used up.
struct Deny {
    assertion: Option<Assertion>,
    event: AuditEvent,
}

impl Work for Deny {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        if let Some(assertion) = &self.assertion {
            assertions::record(tx, assertion).await?;
        }
        tx.audit(&self.event).await
    }
}

const ACTION: &str = "token.issue";

#[cfg(test)]
mod tests;
