//! What a person allows a client to do, and the code that says so. RFC 6749 sections 4.1.1 and 4.1.2.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use oauth::{Scope, Secret, SecretHash};
use storage::{AuditEvent, Outcome, Transaction, Work};
use url::Url;

use crate::caller::Caller;
use crate::login::{Handle, open, posted, respond};
use crate::pages::{self, Open, Problem};
use crate::session::{self, Session};
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
    Query(handle): Query<Handle>,
) -> Response {
    let page = async {
        let open = open(&server, &headers, &handle.request).await?;
        let Some(session) = signed_in(&server, &headers, &open).await? else {
            return Ok(pages::see_other(&format!("/login?request={}", open.handle)));
        };
        let scope = granted(&open, &session);
        if scope.is_empty() {
            return refused(&server, &caller, &open, &session, "invalid_scope").await;
        }
        Ok(pages::consent(&server, &open, &session, &scope))
    };
    respond(page.await, &server, &caller).await
}

async fn decide(State(server): State<AuthorizationServer>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let page = async {
        let (parameters, open) = posted(&server, &headers, &body).await?;
        let Some(session) = signed_in(&server, &headers, &open).await? else {
            return Ok(pages::see_other(&format!("/login?request={}", open.handle)));
        };
        let scope = granted(&open, &session);
        match parameters.get("decision") {
            Some("allow") if !scope.is_empty() => allowed(&server, &caller, &open, &session, scope).await,
            Some("allow") => refused(&server, &caller, &open, &session, "invalid_scope").await,
            _ => refused(&server, &caller, &open, &session, "access_denied").await,
        }
    };
    respond(page.await, &server, &caller).await
}

/// The session, unless the client asked for a fresh sign-in and it is older than that.
async fn signed_in(server: &AuthorizationServer, headers: &HeaderMap, open: &Open) -> Result<Option<Session>, Problem> {
    let session = session::current(server, headers).await?;
    let request = &open.request;
    Ok(session.filter(|session| !request.fresh_login || session.auth_time >= request.created))
}

/// Nobody can allow more than the own registration does.
fn granted(open: &Open, session: &Session) -> Scope {
    Scope::granted(&open.request.scope, &session.owner.scope)
}

async fn allowed(server: &AuthorizationServer, caller: &Caller, open: &Open, session: &Session, scope: Scope) -> Result<Response, Problem> {
    let code = Secret::generate(server.random());
    let request = &open.request;
    let decided = Decided {
        request: open.hash,
        code: Some(NewCode {
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
        }),
        audit: decision(server, caller, open, session, Outcome::Allowed),
    };
    finish(server, open, decided, &[("code", code.expose())]).await
}

async fn refused(server: &AuthorizationServer, caller: &Caller, open: &Open, session: &Session, error: &'static str) -> Result<Response, Problem> {
    let mut audit = decision(server, caller, open, session, Outcome::Denied);
    audit.reason = Some(error.to_owned());
    let text = if error == "access_denied" { "the person refused" } else { "the person may allow nothing of the scope" };
    let decided = Decided { request: open.hash, code: None, audit };
    finish(server, open, decided, &[("error", error), ("error_description", text)]).await
}

fn decision(server: &AuthorizationServer, caller: &Caller, open: &Open, session: &Session, outcome: Outcome) -> AuditEvent {
    AuditEvent {
        client_id: Some(open.request.client_id.clone()),
        subject: Some(session.owner.id.clone()),
        organization: session.owner.rights.organization.clone(),
        ..audit::event(server, caller, "consent", outcome)
    }
}

/// Takes the request away together with what was decided: a page that is posted twice decides once.
async fn finish(server: &AuthorizationServer, open: &Open, decided: Decided, members: &[(&str, &str)]) -> Result<Response, Problem> {
    if !server.db().write(decided).await? {
        return Err(Problem::NoSuchRequest);
    }
    let redirect_uri = Url::parse(&open.request.redirect_uri).map_err(|_| Problem::WrongRedirectUri)?;
    Ok(authorize::answer(server, &redirect_uri, open.request.state.as_deref(), members))
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
