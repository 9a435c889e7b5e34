//! What a person allows a client to do, and the code that says so. RFC 6749 sections 4.1.1 and
//! 4.1.2.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use oauth::{Scope, Secret, SecretHash};
use storage::{AuditEvent, Outcome, Transaction, Work};

use crate::caller::Caller;
use crate::login::{Body, open, posted};
use crate::pages::{self, Consent, Open, Problem, settle};
use crate::session::{self, Browser, Session, is_token};
use crate::store::codes::{self, NewCode};
use crate::store::{authorization_requests, identifier};
use crate::{AuthorizationServer, audit, authorize};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/consent", get(show).post(decide))
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let open = open(&server, &headers, query).await?;
        let Some(session) = signed_in(&server, &headers, &open).await? else {
            return Ok(to_login(&open));
        };
        let scope = granted(&open, &session);
        if scope.is_empty() {
            return finish(
                &server,
                &open,
                nothing_to_allow(&server, &caller, &open, &session),
            )
            .await;
        }
        let shown = Browser::of(&server, &headers).shown(&open.handle, &session, &scope);
        Ok(pages::consent(
            &server,
            &open,
            &Consent {
                session: &session,
                scope: &scope,
                shown,
            },
        ))
    };
    settle(page.await, &server, &caller).await
}

async fn decide(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, open) = posted(&server, &headers, body).await?;
        let Some(session) = signed_in(&server, &headers, &open).await? else {
            return Ok(to_login(&open));
        };
        let scope = granted(&open, &session);
        let shown = Browser::of(&server, &headers).shown(&open.handle, &session, &scope);
        let decided = match parameters.get("decision") {
            Some("allow") if !is_token(&shown, parameters.get("shown")) => {
                // Not what the page said, or not to this person: ask again.
                return Ok(pages::see_other(&format!(
                    "/consent?request={}",
                    open.handle
                )));
            }
            Some("allow") => allowed(&server, &caller, &open, &session, scope),
            Some("deny") => refused(&server, &caller, &open, &session),
            _ => return Err(Problem::MalformedRequest),
        };
        finish(&server, &open, decided).await
    };
    settle(page.await, &server, &caller).await
}

/// The session, unless the client asked for a fresh sign-in and it is older than that.
async fn signed_in(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    open: &Open,
) -> Result<Option<Session>, Problem> {
    let session = session::current(server, headers).await?;
    Ok(session.filter(|session| open.request.accepts(session.auth_time)))
}

fn to_login(open: &Open) -> Response {
    pages::see_other(&format!("/login?request={}", open.handle))
}

/// Nobody can allow more than the own registration does, nor than the client's does by now.
fn granted(open: &Open, session: &Session) -> Scope {
    let registered = Scope::granted(&open.request.scope, &open.client.scope);
    Scope::granted(&registered, &session.owner.scope)
}

/// What came of the request.
struct Decision {
    work: Decided,
    members: Vec<(&'static str, String)>,
}

fn allowed(
    server: &AuthorizationServer,
    caller: &Caller,
    open: &Open,
    session: &Session,
    scope: Scope,
) -> Decision {
    let code = Secret::generate(server.random());
    let request = &open.request;
    let new = NewCode {
        code_hash: code.hash(),
        client_id: request.client_id.clone(),
        user_id: session.owner.id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        scope,
        audiences: request.audiences.clone(),
        family_id: identifier(server.random()),
        auth_time: session.auth_time,
        expires: server.clock().now() + server.config().authorization_code_lifetime(),
    };
    let audit = event(server, caller, open, session, Outcome::Allowed);
    Decision {
        work: Decided {
            request: open.hash,
            code: Some(new),
            audit,
        },
        members: vec![("code", code.expose().to_owned())],
    }
}

fn refused(
    server: &AuthorizationServer,
    caller: &Caller,
    open: &Open,
    session: &Session,
) -> Decision {
    denied(
        event(server, caller, open, session, Outcome::Denied),
        open,
        "the person refused",
    )
}

fn nothing_to_allow(
    server: &AuthorizationServer,
    caller: &Caller,
    open: &Open,
    session: &Session,
) -> Decision {
    let text = "the person may allow nothing of the scope";
    denied(
        event(server, caller, open, session, Outcome::Denied),
        open,
        text,
    )
}

fn denied(audit: AuditEvent, open: &Open, text: &'static str) -> Decision {
    let audit = AuditEvent {
        reason: Some(format!("access_denied: {text}")),
        ..audit
    };
    Decision {
        work: Decided {
            request: open.hash,
            code: None,
            audit,
        },
        members: vec![
            ("error", "access_denied".to_owned()),
            ("error_description", text.to_owned()),
        ],
    }
}

fn event(
    server: &AuthorizationServer,
    caller: &Caller,
    open: &Open,
    session: &Session,
    outcome: Outcome,
) -> AuditEvent {
    AuditEvent {
        client_id: Some(open.request.client_id.clone()),
        subject: Some(session.owner.id.clone()),
        organization: session.owner.rights.organization.clone(),
        ..audit::event(server, caller, "consent", outcome)
    }
}

/// Takes the request away together with what was decided: a page that is posted twice decides once.
async fn finish(
    server: &AuthorizationServer,
    open: &Open,
    decision: Decision,
) -> Result<Response, Problem> {
    if !server.db().write(decision.work).await? {
        return Err(Problem::RequestOver);
    }
    let members: Vec<(&str, &str)> = decision
        .members
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (redirect_uri, state) = (&open.request.redirect_uri, open.request.state.as_deref());
    Ok(authorize::answer(server, redirect_uri, state, &members))
}

struct Decided {
    request: SecretHash,
    code: Option<NewCode>,
    audit: AuditEvent,
}

impl Work for Decided {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        if !authorization_requests::consume(tx, &self.request).await? {
            return Ok(false);
        }
        if let Some(code) = &self.code {
            codes::insert(tx, code).await?;
        }
        tx.audit(&self.audit).await?;
        Ok(true)
    }
}
