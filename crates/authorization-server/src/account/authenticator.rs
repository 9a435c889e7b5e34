//! Setting up an authenticator app, and taking it away: what changes how a person signs in wants a sign-in that
//! has just been, and ends everything else that is signed in.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use oauth::SecretHash;
use storage::{AuditEvent, Transaction, Work};

use super::change::{Back, Changing, fresh_session};
use super::{event, with_browser};
use crate::administration::users::end_all;
use crate::authorize::only;
use crate::caller::Caller;
use crate::login::{Body, Then};
use crate::pages::{self, AppForm, Authenticator, Problem, View, settle};
use crate::resource_owner::AuthenticatedResourceOwner;
use crate::session::{self, Browser, Session};
use crate::store::second_factors::{self as table, Proposal};
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
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let handle = only(query.unwrap_or_default().as_bytes(), "request");
        let back = Back::of(&server, &headers, handle.as_deref()).await?;
        let session = fresh_session(&server, &headers, &back, Then::Authenticator).await?;
        let browser = Browser::of(&server, &headers);
        let view = View::new(&server, &caller).at(back.address(PATH));
        let page = page(&view, &headers, (&session, &back), None).await?;
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
        let changing = Changing::of_form(&server, &headers, body, Then::Authenticator).await?;
        let id = &changing.session.owner.id;
        let work = Propose {
            proposal: second_factor::propose(&server, id, changing.session.hash)?,
            now: server.clock().now(),
        };
        server.db().write(work).await?;
        Ok(pages::see_other(&changing.back.address(PATH)))
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
        let changing = Changing::of_form(&server, &headers, body, Then::Authenticator).await?;
        let (session, back) = (&changing.session, &changing.back);
        let id = &session.owner.id;
        let Some(stored) = second_factor::proposed(&server, id, &session.hash).await? else {
            return Ok(pages::see_other(&back.address(PATH)));
        };
        let digits = changing.parameters.get("code").unwrap_or_default();
        match second_factor::step(&server, id, &stored, digits)? {
            Some(step) => {
                let app = (stored.secret, step);
                take_into_use(&server, &caller, &headers, &changing, app).await
            }
            None => {
                let view = View::new(&server, &caller).at(back.address(PATH));
                let wrong = Some(second_factor::WRONG);
                page(&view, &headers, (session, back), wrong).await
            }
        }
    };
    settle(page.await, &server, &caller).await
}

/// Ends what else is signed in, and goes on: with the recovery codes if it is the first second factor.
async fn take_into_use(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    changing: &Changing,
    (secret, step): (Vec<u8>, i64),
) -> Result<Response, Problem> {
    let (session, back) = (&changing.session, &changing.back);
    let (codes, hashes) = second_factor::recovery_codes(&session.owner.id, server.random());
    let work = Confirm {
        proposal: Proposal {
            user_id: session.owner.id.clone(),
            secret,
            to: session.hash,
        },
        step,
        hashes,
        now: server.clock().now(),
        audit: event(server, caller, session, "second-factor.add"),
    };
    let mut response = match server.db().write(work).await? {
        Confirmed::No => return Ok(pages::see_other(&back.address(PATH))),
        Confirmed::First => pages::recovery_codes(&View::new(server, caller), &codes, &back.next()),
        Confirmed::Another => pages::see_other(&back.next()),
    };
    let owner = AuthenticatedResourceOwner::confirmed(session);
    let cookie = session::begin(server, &owner, headers, caller).await?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn remove(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let Changing { session, .. } =
            Changing::of_form(&server, &headers, body, Then::Authenticator).await?;
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
        let Changing { session, .. } =
            Changing::of_form(&server, &headers, body, Then::Authenticator).await?;
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

async fn page(
    view: &View<'_>,
    headers: &HeaderMap,
    (session, back): (&Session, &Back),
    error: Option<&'static str>,
) -> Result<Response, Problem> {
    let (server, owner) = (view.server, &session.owner);
    let state = match second_factor::proposed(server, &owner.id, &session.hash).await? {
        Some(stored) => Authenticator::Proposed(second_factor::setup(
            server,
            &owner.id,
            &owner.username,
            &stored,
        )?),
        None => {
            let factors = second_factor::factors(server.db(), &owner.id).await?;
            match factors.app {
                true => Authenticator::Confirmed(factors),
                false => Authenticator::None,
            }
        }
    };
    let form = AppForm {
        csrf_token: Browser::of(server, headers).account_token(session),
        request: back.handle(),
        next: back.next(),
        required: server.config().requires_second_factor(owner),
    };
    Ok(pages::authenticator(view, &state, &form, error))
}

struct Propose {
    proposal: Proposal,
    now: jiff::Timestamp,
}

impl Work for Propose {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        table::propose(tx, &self.proposal, self.now).await
    }
}

struct Confirm {
    proposal: Proposal,
    step: i64,
    hashes: Vec<SecretHash>,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

enum Confirmed {
    /// With recovery codes.
    First,
    Another,
    No,
}

impl Work for Confirm {
    type Output = Confirmed;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Confirmed, storage::Error> {
        let id = &self.proposal.user_id;
        if !table::confirm(tx, &self.proposal, self.step, self.now).await? {
            return Ok(Confirmed::No);
        }
        let first = table::insert_recovery_codes(tx, id, &self.hashes).await?;
        end_all(tx, id, self.now).await?;
        tx.audit(&self.audit).await?;
        Ok(match first {
            true => Confirmed::First,
            false => Confirmed::Another,
        })
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
        let removed = table::remove_app(tx, &self.user_id).await?;
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
