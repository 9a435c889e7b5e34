//! A person's own account: where the person is signed in, which applications have access, the password.
//!
//! Every form carries a token of the session that its page was made for, so that neither another site nor
//! the session of somebody else can send it.

mod activity;
mod authenticator;
mod change;
mod passkeys;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use oauth::{Parameters, Secret};
use storage::{AuditEvent, Outcome, Transaction, Work};

use crate::administration::users::end_all;
use crate::administration::{self, Actor};
use crate::authorize::only;
use crate::caller::Caller;
use crate::login::{Body, Told, form};
use crate::pages::{self, Account, Language, PasswordRefusal, Problem, View, settle};
use crate::password::{self, Rule};
use crate::resource_owner::Authenticated;
use crate::session::{self, Browser, Session, is_token};
use crate::store::revocations::{self, id_of};
use crate::store::sessions::{self, Alive};
use crate::store::{consents, second_factors, users};
use crate::{AuthorizationServer, audit, relying_party, resource_owner, second_factor};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route(ACCOUNT, get(show))
        .route("/account/sessions/end", post(end_session))
        .route(
            "/account/sign-out-everywhere",
            get(to_account).post(sign_out_everywhere),
        )
        .route("/account/applications/withdraw", post(withdraw))
        .route(PASSWORD, get(show_password).post(change_password))
        .merge(authenticator::routes())
        .merge(passkeys::routes())
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let session = signed_in(&server, &headers).await?;
        let done = only(query.unwrap_or_default().as_bytes(), "done");
        let now = server.clock().now();
        let alive = Alive {
            now,
            used_after: now - server.config().lifetimes.session_idle,
        };
        let id = &session.owner.id;
        let browser = Browser::of(&server, &headers);
        let account = Account {
            session: &session,
            session_id: id_of(session.hash.as_bytes()),
            csrf_token: browser.account_token(&session),
            sessions: sessions::of_user(server.db(), id, alive).await?,
            grants: {
                let mut grants = revocations::grants_of_user(server.db(), id, now).await?;
                grants.extend(consents::of_user(server.db(), id, now).await?);
                grants
            },
            factors: second_factor::factors(server.db(), id).await?,
            signs_in_with: relying_party::labels(&server, id).await?,
            has_password: users::has_password(server.db(), id).await?,
            activity: activity::recent(&server, id).await?,
            done: done.as_deref().and_then(notice),
        };
        Ok(with_browser(
            pages::account(&View::new(&server, &caller).at(ACCOUNT), &account),
            &server,
            &browser,
        ))
    };
    settle(page.await, &server, &caller).await
}

/// Ends one of the person's sessions; the own one signs out.
async fn end_session(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, session) = posted(&server, &headers, body).await?;
        let id = parameters
            .get("session")
            .ok_or(Problem::MalformedRequest)?
            .to_owned();
        let work = EndSession {
            user_id: session.owner.id.clone(),
            audit: AuditEvent {
                reason: Some(format!("session {}", echo(&id))),
                ..event(&server, &caller, &session, "session.end")
            },
            id,
        };
        // One that is gone by now is what was asked for.
        server.db().write(work).await?;
        Ok(done(DONE_SESSION))
    };
    settle(page.await, &server, &caller).await
}

/// Ends every session of the person and takes back what applications were given (RFC 9700 section
/// 4.14.2).
async fn sign_out_everywhere(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (_, session) = posted(&server, &headers, body).await?;
        let work = EndAll {
            user_id: session.owner.id.clone(),
            now: server.clock().now(),
            audit: event(&server, &caller, &session, "logout.everywhere"),
        };
        server.db().write(work).await?;
        let mut response = pages::see_other("/logout");
        let cookie = session::remove_cookie(&server);
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

/// Takes back what one application was given.
async fn withdraw(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, session) = posted(&server, &headers, body).await?;
        let client_id = parameters
            .get("client_id")
            .ok_or(Problem::MalformedRequest)?;
        let work = Withdraw {
            user_id: session.owner.id.clone(),
            client_id: client_id.to_owned(),
            now: server.clock().now(),
            audit: AuditEvent {
                client_id: Some(echo(client_id)),
                ..event(&server, &caller, &session, "consent.withdraw")
            },
        };
        server.db().write(work).await?;
        Ok(done(DONE_WITHDRAWN))
    };
    settle(page.await, &server, &caller).await
}

async fn show_password(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let page = async {
        let session = signed_in(&server, &headers).await?;
        let browser = Browser::of(&server, &headers);
        let token = browser.account_token(&session);
        let page = pages::password(
            &View::new(&server, &caller).at(PASSWORD),
            &session,
            &token,
            None,
        );
        Ok(with_browser(page, &server, &browser))
    };
    settle(page.await, &server, &caller).await
}

/// Another password, for who knows the present one: a session that was left open or stolen does not take
/// the account over. Everything else that is signed in ends.
async fn change_password(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, session) = posted(&server, &headers, body).await?;
        match changed(&server, &caller, &session, &parameters).await? {
            Ok(owner) => {
                let cookie = session::begin(&server, &owner, &headers, &caller).await?;
                let mut response = done(DONE_PASSWORD);
                response.headers_mut().append(header::SET_COOKIE, cookie);
                Ok(response)
            }
            Err(refusal) => {
                let denied = AuditEvent {
                    outcome: Outcome::Denied,
                    reason: Some(refusal.reason.to_owned()),
                    ..event(&server, &caller, &session, "password.change")
                };
                server.db().audit(denied).await?;
                let token = Browser::of(&server, &headers).account_token(&session);
                let view = View::new(&server, &caller).at(PASSWORD);
                Ok(pages::password(&view, &session, &token, Some(&refusal)))
            }
        }
    };
    settle(page.await, &server, &caller).await
}

/// What can be said without the present password is said first: a slip in the new one counts as no guess.
async fn changed(
    server: &AuthorizationServer,
    caller: &Caller,
    session: &Session,
    parameters: &Parameters,
) -> Result<Result<resource_owner::AuthenticatedResourceOwner, PasswordRefusal>, Problem> {
    let secret = |name| Secret::received(parameters.get(name).unwrap_or_default().to_owned());
    let (current, new, again) = (secret("current"), secret("new"), secret("again"));
    let (l, username) = (caller.language, &session.owner.username);
    let second_factor = second_factors::is_enrolled(server.db(), &session.owner.id).await?;
    if let Err(rule) = password::choose(&new, username, Rule::of(second_factor)).await {
        let text = l.f("The new password {}.", &[l.t(rule)]);
        return Ok(Err(PasswordRefusal::new("new", text)));
    }
    if new.expose() != again.expose() {
        let text = l.t("The two new passwords are not the same.").to_owned();
        return Ok(Err(PasswordRefusal::new("again", text)));
    }
    if new.expose() == current.expose() {
        let text = l.t("The new password is the present one.").to_owned();
        return Ok(Err(PasswordRefusal::new("new", text)));
    }
    let owner = match resource_owner::authenticate(server, username, current, caller).await {
        Ok(Authenticated::Whole(owner)) => Some(owner),
        Ok(Authenticated::Half(half)) => half.with_session(session),
        Err(refusal) => {
            return Ok(Err(PasswordRefusal::not_authenticated(
                l,
                Told::of(l, refusal)?,
            )));
        }
    };
    let Some(owner) = owner else {
        // The factor was set up after this session began, elsewhere: such a session is over anyway.
        return Err(Problem::RequestOver);
    };
    let administration = server.administration(Actor::person(caller, &session.owner.id));
    match administration.set_user_password(username, &new).await {
        Ok(()) => Ok(Ok(owner)),
        Err(administration::Error::Storage(error)) => Err(error.into()),
        Err(error) => Ok(Err(PasswordRefusal::new("new", error.to_string()))),
    }
}

/// Who is signed in.
async fn signed_in(server: &AuthorizationServer, headers: &HeaderMap) -> Result<Session, Problem> {
    let session = session::current(server, headers).await?;
    session.ok_or_else(|| Problem::SignIn(LOGIN.to_owned()))
}

/// A form of the account's pages, from the session that it was shown to.
async fn posted(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Parameters, Session), Problem> {
    let parameters = form(server, headers, body)?;
    let session = signed_in(server, headers).await?;
    let expected = Browser::of(server, headers).account_token(&session);
    if !is_token(&expected, parameters.get("csrf_token")) {
        return Err(Problem::NotOurPage);
    }
    Ok((parameters, session))
}

fn event(
    server: &AuthorizationServer,
    caller: &Caller,
    session: &Session,
    action: &str,
) -> AuditEvent {
    AuditEvent {
        subject: Some(session.owner.id.clone()),
        organization: session.owner.rights.organization.clone(),
        ..audit::event(server, caller, action, Outcome::Allowed)
    }
}

/// What a form says it is about, as an audit row may hold it.
fn echo(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "-._~".contains(*c);
    text.chars().filter(allowed).take(ECHO).collect()
}

async fn to_account() -> Response {
    pages::see_other(ACCOUNT)
}

fn done(what: &str) -> Response {
    pages::see_other(&format!("{ACCOUNT}?done={what}"))
}

/// What a page says has been done; never text of the address itself.
fn notice(done: &str) -> Option<&'static str> {
    match done {
        DONE_SESSION => Some("That session is over."),
        DONE_WITHDRAWN => Some("The application has no access any more."),
        DONE_PASSWORD => {
            Some("Your password is changed. Everything else that was signed in is over.")
        }
        _ => None,
    }
}

/// The forms of a page need the browser's own cookie.
fn with_browser(mut page: Response, server: &AuthorizationServer, browser: &Browser) -> Response {
    if let Some(cookie) = browser.set_cookie(server) {
        page.headers_mut().append(header::SET_COOKIE, cookie);
    }
    page
}

impl PasswordRefusal {
    fn new(field: &'static str, text: String) -> Self {
        Self {
            field,
            text,
            status: StatusCode::BAD_REQUEST,
            retry_after: None,
            reason: "the new password is refused",
        }
    }

    fn not_authenticated(l: Language, told: Told) -> Self {
        let text = match told.status {
            StatusCode::FORBIDDEN => l.t("The present password is not right.").to_owned(),
            _ => told.text,
        };
        Self {
            field: "current",
            text,
            status: told.status,
            retry_after: told.retry_after,
            reason: told.reason,
        }
    }
}

struct EndSession {
    user_id: String,
    id: String,
    audit: AuditEvent,
}

impl Work for EndSession {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        let ended = sessions::delete_by_id(tx, &self.user_id, &self.id).await?;
        tx.audit(&outcome(&self.audit, ended)).await?;
        Ok(ended)
    }
}

struct EndAll {
    user_id: String,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

impl Work for EndAll {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        end_all(tx, &self.user_id, self.now).await?;
        tx.audit(&self.audit).await
    }
}

struct Withdraw {
    user_id: String,
    client_id: String,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

impl Work for Withdraw {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        let (user, client) = (&self.user_id, &self.client_id);
        let forgotten = consents::forget(tx, user, client).await?;
        let revoked = revocations::revoke_grants(tx, user, client, self.now).await?;
        tx.audit(&outcome(&self.audit, forgotten || revoked))
            .await?;
        Ok(forgotten || revoked)
    }
}

/// What found nothing is on record as that.
fn outcome(audit: &AuditEvent, found: bool) -> AuditEvent {
    let mut audit = audit.clone();
    if !found {
        audit.outcome = Outcome::Denied;
        audit.reason = Some("there is none such".to_owned());
    }
    audit
}

const ACCOUNT: &str = "/account";
const LOGIN: &str = "/login";
const PASSWORD: &str = "/account/password";
const DONE_SESSION: &str = "session";
const DONE_WITHDRAWN: &str = "withdrawn";
const DONE_PASSWORD: &str = "password";
/// Longer than any id that we give.
const ECHO: usize = 64;
