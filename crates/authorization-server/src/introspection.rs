//! Token introspection (RFC 7662), for the resource servers registered here.
//!
//! The answer is read from the tables at the moment of the question, rights included: what was revoked,
//! disabled or narrowed by anybody counts at once. Who asks for it is given the answer signed (RFC 9701).

mod signed;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use oauth::introspection::IntrospectionResponse;
use oauth::{Error, ErrorCode, Scope, Secret};
use storage::audit::{AuditEvent, Outcome};
use storage::{Transaction, Work};

use crate::AuthorizationServer;
use crate::access_token;
use crate::audience;
use crate::audit;
use crate::caller::Caller;
use crate::client_authentication::authenticate;
use crate::client_request::replayed;
use crate::endpoint::{Failure, PostedForm, uncached};
use crate::registration::{Client, Rights};
use crate::store;
use crate::store::assertions::{self, Assertion};
use crate::store::tokens::LiveAccessToken;

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/introspect", post(introspect))
}

async fn introspect(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    form: Result<PostedForm, Failure>,
) -> Response {
    let (answer, signed) = match form {
        Ok(form) => (
            answer(&server, &caller, &form).await,
            signed::is_asked_for(&form.headers),
        ),
        Err(failure) => {
            let failure = server.deny(&caller, ACTION, failure.into()).await;
            (Err(failure), false)
        }
    };
    let outcome = match &answer {
        Ok((answer, _)) if answer.active => "active",
        Ok(_) => "inactive",
        Err(_) => "refused",
    };
    metrics::counter!("authorization_server_introspections",
        "party" => server.config().party.clone(), "outcome" => outcome)
    .increment(1);
    match answer {
        Ok((answer, client)) if signed => signed::response(&server, &client, &answer)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        Ok((answer, _)) => uncached(StatusCode::OK, &answer),
        Err(failure) => failure.into_response(),
    }
}

async fn answer(
    server: &AuthorizationServer,
    caller: &Caller,
    form: &PostedForm,
) -> Result<(IntrospectionResponse, Client), Failure> {
    let authenticated = match authenticate(server, form).await {
        Ok(authenticated) => authenticated,
        Err(rejected) => return Err(server.deny(caller, ACTION, rejected).await),
    };
    let (client, assertion) = authenticated.into_parts();
    let mut event = AuditEvent {
        client_id: Some(client.client_id.clone()),
        organization: client.rights.organization.clone(),
        ..audit::event(server, caller, ACTION, Outcome::Denied)
    };
    let decided = decide(server, &client.client_id, form, &mut event).await?;
    // An active answer is counted in the metrics and audited by the resource server that asked, as the
    // access it leads to: a row here as well would make every read of a record a write.
    let denied = !matches!(&decided, Ok(answer) if answer.active);
    if denied || assertion.is_some() {
        let event = denied.then_some(event);
        server.db().write(Settle { assertion, event }).await??;
    }
    Ok((decided?, client))
}

async fn decide(
    server: &AuthorizationServer,
    client_id: &str,
    form: &PostedForm,
    event: &mut AuditEvent,
) -> Result<Result<IntrospectionResponse, Error>, storage::Error> {
    let audiences = store::resource_servers::audiences_of(server.db(), client_id).await?;
    let refusal = if audiences.is_empty() {
        Error::new(
            ErrorCode::InvalidClient,
            "the client introspects for no resource server",
        )
    } else {
        match form.parameters.require("token") {
            Ok(token) => {
                let token = Secret::received(token.to_owned());
                let found = look_up(server, &token, &audiences).await?;
                // Names what was presented; of a JWT its row has another hash.
                event.token_id = Some(token.hash().short());
                event.reason = Some("inactive".to_owned());
                return Ok(Ok(found.unwrap_or_else(IntrospectionResponse::inactive)));
            }
            Err(error) => error,
        }
    };
    event.reason = Some(audit::reason(&refusal));
    Ok(Err(refusal))
}

/// The answer for a token that is live and meant for one of these audiences; its other audiences are
/// none of the caller's business. `token_type_hint` is not looked at: only access tokens are introspected
/// here (RFC 7662 section 2.1 lets the server ignore it), a refresh token is inactive to anybody.
async fn look_up(
    server: &AuthorizationServer,
    token: &Secret,
    audiences: &[String],
) -> Result<Option<IntrospectionResponse>, storage::Error> {
    let now = server.clock().now();
    let Some(hash) = access_token::hash_of(server, token).await? else {
        return Ok(None);
    };
    let Some(live) = store::tokens::find_live(server.db(), &hash, now).await? else {
        return Ok(None);
    };
    let audience: Vec<String> = live
        .audiences
        .iter()
        .filter(|mine| audiences.iter().any(|theirs| audience::same(mine, theirs)))
        .cloned()
        .collect();
    let jti = store::revocations::id_of(hash.as_bytes());
    let answer = describe(server.issuer(), live, audience, jti);
    // A token that gives nothing any more, or nothing to this caller, is inactive.
    let useless = answer.aud.is_empty() || answer.scope.as_deref().is_none_or(str::is_empty);
    Ok((!useless).then_some(answer))
}

/// What the token gives now: never more than when it was issued, and no more than its client and its
/// user still have.
pub(crate) fn present_rights(live: &LiveAccessToken) -> (Scope, Rights) {
    let scope = Scope::granted(&live.scope, &live.client_scope);
    match &live.user {
        None => (scope, live.client_rights.clone()),
        Some(user) => (
            Scope::granted(&scope, &user.scope),
            live.client_rights.intersect(&user.rights),
        ),
    }
}

/// RFC 7662 section 2.2. `username`, `sub` and `role` tell of the person, `sub` of the client where there
/// is none.
pub(crate) fn describe(
    issuer: &str,
    live: LiveAccessToken,
    audience: Vec<String>,
    jti: String,
) -> IntrospectionResponse {
    let (scope, rights) = present_rights(&live);
    // RFC 9470 section 6: what a resource server decides by.
    let sign_in = live.user.as_ref();
    let auth_time = sign_in.and_then(|user| user.auth_time);
    let acr = sign_in.and_then(|user| user.assurance);
    let (subject, username, role) = match live.user {
        Some(user) => (user.id, Some(user.username), Some(user.role)),
        None => (live.client_id.clone(), None, None),
    };
    IntrospectionResponse {
        active: true,
        scope: Some(scope.to_string()),
        client_id: Some(live.client_id),
        username,
        token_type: Some("Bearer".to_owned()),
        exp: Some(live.expires.as_second()),
        iat: Some(live.issued.as_second()),
        sub: Some(subject),
        aud: audience,
        iss: Some(issuer.to_owned()),
        jti: Some(jti),
        acr: acr.map(|acr| acr.as_str().to_owned()),
        auth_time: auth_time.map(Timestamp::as_second),
        organization: rights.organization,
        organization_access: Some(rights.organization_access.as_str().to_owned()),
        jurisdictions: rights.jurisdictions,
        record_types: rights.record_types,
        facilities: rights.facilities,
        role,
        ..IntrospectionResponse::default()
    }
}

/// The spent assertion and the audit row of an introspection that writes at all.
struct Settle {
    assertion: Option<Assertion>,
    event: Option<AuditEvent>,
}

impl Work for Settle {
    type Output = Result<(), Error>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, storage::Error> {
        if let Some(event) = &self.event {
            tx.audit(event).await?;
        }
        match &self.assertion {
            Some(assertion) if !assertions::record(tx, assertion).await? => Ok(Err(replayed())),
            _ => Ok(Ok(())),
        }
    }
}

const ACTION: &str = "introspect";

#[cfg(test)]
mod tests;
