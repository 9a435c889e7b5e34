//! Signing in at a peer and out again.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use oauth::form::Parameters;
use storage::audit::{AuditEvent, Outcome};

use super::browser::Browser;
use super::pages::Failure;
use super::{Web, guard};
use crate::human::LoginError;

/// `GET /client/login?peer=NAME`: to the peer's authorization endpoint, RFC 6749 section 4.1.1.
pub(super) async fn begin(
    State(web): State<Web>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    let parameters = Parameters::parse(query.as_bytes()).map_err(|_| Failure::bad_request())?;
    let peer = parameters.get("peer").ok_or_else(Failure::bad_request)?;
    let begun = web.client.begin_login(peer, None).await;
    let (url, pending) = begun.map_err(|error| web.failure(&headers, &error))?;
    Ok(see_other(web.carry_login(pending)?, url.as_str()))
}

/// `GET /client/callback`: the browser's return, RFC 6749 section 4.1.2. It is answered with a
/// redirect, so that the code stays in no history entry that a reload would send again.
pub(super) async fn callback(
    State(web): State<Web>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Some(Browser::Login(pending)) = web.browser(&headers) else {
        return Err(Failure::no_login());
    };
    let peer = pending.peer.clone();
    let result = web
        .client
        .finish_login(pending, &query.unwrap_or_default())
        .await;
    web.record_login(&headers, &peer, result.as_ref().err().map(reason))
        .await?;
    match result {
        Ok(session) => {
            let signed_in = web.signed_in(session);
            Ok(see_other(web.carry_session(&signed_in)?, "/client"))
        }
        // A failed sign-in is over: its state counts no second time.
        Err(error) => {
            let failure = web.failure(&headers, &error);
            Ok((web.carry_nothing()?, failure).into_response())
        }
    }
}

/// `POST /client/sign-out`: revokes the tokens at the peer, RFC 7009, and forgets them.
pub(super) async fn sign_out(
    State(web): State<Web>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Some(Browser::SignedIn(signed_in)) = web.browser(&headers) else {
        // Another site's form comes without our cookie. An answer that took the cookie back would sign the
        // person out all the same.
        return Ok(see_other(HeaderMap::new(), "/client"));
    };
    let form = Parameters::parse(&body).map_err(|_| Failure::bad_request())?;
    let own = &web.client.config().public_origin;
    if !guard::is_own_form(&headers, own, &signed_in.csrf, form.get("csrf")) {
        return Err(Failure::foreign_form());
    }
    if let Err(error) = web.client.sign_out(signed_in.session).await {
        tracing::warn!(%error, "tokens could not be revoked; they end by themselves");
    }
    Ok(see_other(web.carry_nothing()?, "/client"))
}

impl Web {
    async fn record_login(
        &self,
        headers: &HeaderMap,
        peer: &str,
        failed: Option<&'static str>,
    ) -> Result<(), Failure> {
        let outcome = if failed.is_some() {
            Outcome::Denied
        } else {
            Outcome::Allowed
        };
        let mut event = self.event(headers, "client.login", outcome);
        event.reason = failed.map(str::to_owned);
        let human = self.client.peer(peer).and_then(|peer| peer.human.as_ref());
        event.client_id = human.map(|registration| registration.client_id.clone());
        self.record(event).await
    }

    /// An audit event of this role.
    pub(super) fn event(&self, headers: &HeaderMap, action: &str, outcome: Outcome) -> AuditEvent {
        let now = self.client.clock().now();
        let mut event = AuditEvent::new(now, self.client.party(), "client", action, outcome);
        event.request_id = super::pages::request_id(headers);
        event
    }

    /// Writes an audit event; without it there is no answer but an error.
    pub(super) async fn record(&self, event: AuditEvent) -> Result<(), Failure> {
        match self.client.audit() {
            Some(db) => db.audit(event).await.map_err(|_| Failure::unavailable()),
            None => Ok(()),
        }
    }
}

/// A fixed word for the audit.
const fn reason(error: &LoginError) -> &'static str {
    match error {
        LoginError::UnknownPeer(_) | LoginError::NoAuthorizationEndpoint => "not configured",
        LoginError::Discovery(_) => "no metadata",
        LoginError::Malformed(_) => "unusable answer",
        LoginError::State => "another sign-in's state",
        LoginError::Issuer => "another issuer",
        LoginError::Denied { .. } => "refused by the peer",
        LoginError::Token(_) => "no token",
    }
}

/// 303, so that whatever the method was, the browser fetches the target with GET.
fn see_other(mut headers: HeaderMap, target: &str) -> Response {
    match HeaderValue::from_str(target) {
        Ok(target) => {
            headers.insert(LOCATION, target);
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(_) => Failure::internal().into_response(),
    }
}
