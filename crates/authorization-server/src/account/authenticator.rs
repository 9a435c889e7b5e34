//! Setting up an authenticator app, and taking it away: what changes how a person signs in wants a sign-in that
//! has just been, and ends everything else that is signed in.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use oauth::SecretHash;
use storage::{AuditEvent, Transaction, Work};

use super::{event, posted, with_browser};
use crate::administration::users::end_all;
use crate::caller::Caller;
use crate::login::{Body, Then};
use crate::pages::{self, Authenticator, Problem, View, settle};
use crate::resource_owner::AuthenticatedResourceOwner;
use crate::session::{self, Browser, Session};
use crate::store::second_factors as table;
use crate::{AuthorizationServer, second_factor};

pub(super) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route(PATH, get(show).post(propose))
        .route("/account/authenticator/confirm", post(confirm))
        .route("/account/authenticator/remove", post(remove))
        .route("/account/authenticator/recovery-codes", post(renew))
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let page = async {
        let Some(session) = fresh(&server, session::current(&server, &headers).await?) else {
            return Ok(sign_in_again());
        };
        let browser = Browser::of(&server, &headers);
        let page = page(
            &View::new(&server, &caller).at(PATH),
            &headers,
            &session,
            None,
        )
        .await?;
        Ok(with_browser(page, &server, &browser))
    };
    settle(page.await, &server, &caller).await
}

/// Makes a secret to set an app up with. It counts for nothing before a code of it is given.
async fn propose(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (_, session) = match changing(&server, &headers, body).await? {
            Ok(changing) => changing,
            Err(response) => return Ok(response),
        };
        let work = Propose {
            secret: second_factor::propose(&server, &session.owner.id)?,
            user_id: session.owner.id.clone(),
            now: server.clock().now(),
        };
        server.db().write(work).await?;
        Ok(pages::see_other(PATH))
    };
    settle(page.await, &server, &caller).await
}

async fn confirm(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, session) = match changing(&server, &headers, body).await? {
            Ok(changing) => changing,
            Err(response) => return Ok(response),
        };
        let id = &session.owner.id;
        let Some(stored) = second_factor::proposed(&server, id).await? else {
            return Ok(pages::see_other(PATH));
        };
        let digits = parameters.get("code").unwrap_or_default();
        let Some(step) = second_factor::step(&server, id, &stored, digits)? else {
            let view = View::new(&server, &caller).at(PATH);
            return page(&view, &headers, &session, Some(second_factor::WRONG)).await;
        };
        let (codes, hashes) = second_factor::recovery_codes(id, server.random());
        let work = Confirm {
            user_id: id.clone(),
            secret: stored.secret,
            step,
            hashes,
            now: server.clock().now(),
            audit: event(&server, &caller, &session, "second-factor.add"),
        };
        if !server.db().write(work).await? {
            return Ok(pages::see_other(PATH));
        }
        let owner = AuthenticatedResourceOwner::confirmed(&session);
        let cookie = session::begin(&server, &owner, &headers, &caller).await?;
        let mut response =
            pages::recovery_codes(&View::new(&server, &caller), &codes, Then::Account.path());
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

async fn remove(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (_, session) = match changing(&server, &headers, body).await? {
            Ok(changing) => changing,
            Err(response) => return Ok(response),
        };
        let work = Remove {
            user_id: session.owner.id.clone(),
            now: server.clock().now(),
            audit: event(&server, &caller, &session, "second-factor.remove"),
        };
        server.db().write(work).await?;
        // Its own session began with a factor that is no more: the person signs in anew.
        let mut response = pages::see_other("/login");
        let cookie = session::remove_cookie(&server);
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

/// Other recovery codes in place of those before.
async fn renew(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (_, session) = match changing(&server, &headers, body).await? {
            Ok(changing) => changing,
            Err(response) => return Ok(response),
        };
        let id = &session.owner.id;
        if !table::is_enrolled(server.db(), id).await? {
            return Ok(pages::see_other(PATH));
        }
        let (codes, hashes) = second_factor::recovery_codes(id, server.random());
        let work = Renew {
            user_id: id.clone(),
            hashes,
            audit: event(&server, &caller, &session, "recovery-codes.renew"),
        };
        server.db().write(work).await?;
        Ok(pages::recovery_codes(
            &View::new(&server, &caller),
            &codes,
            Then::Account.path(),
        ))
    };
    settle(page.await, &server, &caller).await
}

/// A form of these pages from somebody who has just signed in, or where to go instead.
async fn changing(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    body: Body,
) -> Result<Result<(oauth::Parameters, Session), Response>, Problem> {
    let Some((parameters, session)) = posted(server, headers, body).await? else {
        return Ok(Err(sign_in_again()));
    };
    let session = fresh(server, Some(session));
    Ok(session
        .map(|session| (parameters, session))
        .ok_or_else(sign_in_again))
}

fn fresh(server: &AuthorizationServer, session: Option<Session>) -> Option<Session> {
    session.filter(|session| session.is_fresh(server.clock().now()))
}

fn sign_in_again() -> Response {
    pages::see_other(&format!("/login?then={}", Then::Authenticator.as_str()))
}

async fn page(
    view: &View<'_>,
    headers: &HeaderMap,
    session: &Session,
    error: Option<&'static str>,
) -> Result<Response, Problem> {
    let (server, owner) = (view.server, &session.owner);
    let state = match second_factor::proposed(server, &owner.id).await? {
        Some(stored) => Authenticator::Proposed(second_factor::setup(
            server,
            &owner.id,
            &owner.username,
            &stored,
        )?),
        None if table::is_enrolled(server.db(), &owner.id).await? => {
            Authenticator::Confirmed(table::recovery_codes(server.db(), &owner.id).await?)
        }
        None => Authenticator::None,
    };
    let csrf_token = Browser::of(server, headers).account_token(session);
    let required = server.config().requires_second_factor(owner);
    Ok(pages::authenticator(
        view,
        &state,
        required,
        &csrf_token,
        error,
    ))
}

struct Propose {
    user_id: String,
    secret: Vec<u8>,
    now: jiff::Timestamp,
}

impl Work for Propose {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        table::propose(tx, &self.user_id, &self.secret, self.now).await
    }
}

struct Confirm {
    user_id: String,
    secret: Vec<u8>,
    step: i64,
    hashes: Vec<SecretHash>,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

impl Work for Confirm {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        let id = &self.user_id;
        if !table::confirm(tx, id, &self.secret, self.step, self.now).await? {
            return Ok(false);
        }
        table::replace_recovery_codes(tx, id, &self.hashes).await?;
        end_all(tx, id, self.now).await?;
        tx.audit(&self.audit).await?;
        Ok(true)
    }
}

struct Remove {
    user_id: String,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

impl Work for Remove {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let removed = table::remove(tx, &self.user_id).await?;
        end_all(tx, &self.user_id, self.now).await?;
        tx.audit(&super::outcome(&self.audit, removed)).await
    }
}

struct Renew {
    user_id: String,
    hashes: Vec<SecretHash>,
    audit: AuditEvent,
}

impl Work for Renew {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        table::replace_recovery_codes(tx, &self.user_id, &self.hashes).await?;
        tx.audit(&self.audit).await
    }
}

const PATH: &str = Then::Authenticator.path();
