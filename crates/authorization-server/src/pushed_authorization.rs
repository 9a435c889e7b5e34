//! Pushed authorization requests (RFC 9126): the client sends its request itself, authenticated, and the
//! browser carries a reference only, which nobody can read or change on the way.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use oauth::{Error, ErrorCode, Parameters, Secret, SecretHash};
use storage::audit::{AuditEvent, Outcome};
use storage::{Transaction, Work};

use crate::AuthorizationServer;
use crate::audit;
use crate::authorize::{check, echoed, is_registered};
use crate::caller::Caller;
use crate::client_authentication::authenticate;
use crate::client_request::{Act, ClientRequest};
use crate::endpoint::{Failure, PostedForm, uncached};
use crate::registration::Client;
use crate::store::pushed_requests::{self, PushedRequest};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/par", post(push))
}

async fn push(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    form: Result<PostedForm, Failure>,
) -> Response {
    let answer = match form {
        Ok(form) => answer(&server, &caller, &form).await,
        Err(failure) => Err(server.deny(&caller, ACTION, failure.into()).await),
    };
    match answer {
        Ok(request_uri) => {
            let lifetime = server.config().lifetimes.pushed_request.as_secs();
            let body = serde_json::json!({ "request_uri": request_uri, "expires_in": lifetime });
            // RFC 9126 section 2.2.
            uncached(StatusCode::CREATED, &body)
        }
        Err(failure) => failure.into_response(),
    }
}

async fn answer(
    server: &AuthorizationServer,
    caller: &Caller,
    form: &PostedForm,
) -> Result<String, Failure> {
    let authenticated = match authenticate(server, form).await {
        Ok(authenticated) => authenticated,
        Err(rejected) => return Err(server.deny(caller, ACTION, rejected).await),
    };
    let request = read(server, authenticated.client(), &form.parameters);
    let (client, assertion) = authenticated.into_parts();
    let request_uri = Secret::received(format!(
        "{REQUEST_URI}{}",
        Secret::generate(server.random()).expose()
    ));
    let event = AuditEvent {
        client_id: Some(client.client_id),
        organization: client.rights.organization,
        ..audit::event(server, caller, ACTION, Outcome::Allowed)
    };
    let hash = request_uri.hash();
    let work = ClientRequest {
        assertion,
        act: request.map(|request| Push { hash, request }),
        event,
    };
    server.db().write(work).await??;
    Ok(request_uri.expose().to_owned())
}

/// The same checks as at the authorization endpoint, answered here (RFC 9126 section 2.1).
fn read(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<PushedRequest, Error> {
    if parameters.get("request_uri").is_some() {
        return Err(invalid_request("request_uri is not pushed"));
    }
    let redirect_uri = parameters.require("redirect_uri")?;
    if !is_registered(client, redirect_uri) {
        return Err(invalid_request("redirect_uri is not registered"));
    }
    let checked = check(client, &Ok(parameters.clone())).map_err(|refusal| {
        let code = ErrorCode::parse(refusal.code).unwrap_or(ErrorCode::InvalidRequest);
        Error::new(code, refusal.description)
    })?;
    let state = parameters.get("state").filter(|state| echoed(state));
    Ok(PushedRequest {
        client_id: client.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: state.map(str::to_owned),
        checked,
        expires: server.clock().now() + server.config().lifetimes.pushed_request,
    })
}

/// What a `request_uri` of ours refers to, taken away by reading it: it is good for one browser.
pub(crate) async fn take(
    server: &AuthorizationServer,
    client_id: &str,
    request_uri: &str,
) -> Result<Option<PushedRequest>, storage::Error> {
    let take = Take {
        hash: Secret::received(request_uri.to_owned()).hash(),
        client_id: client_id.to_owned(),
        now: server.clock().now(),
    };
    server.db().write(take).await
}

fn invalid_request(description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, description)
}

/// A request to be stored under the hash of its `request_uri`.
struct Push {
    hash: SecretHash,
    request: PushedRequest,
}

impl Act for Push {
    type Done = ();

    async fn perform(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        pushed_requests::insert(tx, &self.hash, &self.request)
            .await
            .map(Ok)
    }
}

struct Take {
    hash: SecretHash,
    client_id: String,
    now: jiff::Timestamp,
}

impl Work for Take {
    type Output = Option<PushedRequest>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, storage::Error> {
        pushed_requests::take(tx, &self.hash, &self.client_id, self.now).await
    }
}

/// RFC 9126 section 2.2 proposes this form.
pub(crate) const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";
const ACTION: &str = "authorize.push";

#[cfg(test)]
mod tests;
