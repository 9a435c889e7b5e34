//! A person's passkeys: a list, and adding, renaming and removing one.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use oauth::SecretHash;
use storage::{AuditEvent, Outcome, Transaction, Work};

use super::change::{Back, Changing, fresh_session};
use super::{event, outcome, with_browser};
use crate::administration::users::end_all;
use crate::authorize::only;
use crate::caller::Caller;
use crate::endpoint::uncached;
use crate::login::{Body, Then};
use crate::pages::{self, Passkeys, Problem, View, settle};
use crate::passkey::{self, Answer, NewPasskey};
use crate::resource_owner::AuthenticatedResourceOwner;
use crate::session::{self, Browser, Session};
use crate::store::{identifier, passkeys as table, second_factors};
use crate::{AuthorizationServer, second_factor};

pub(super) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route(PATH, get(show).post(add))
        .route("/account/passkeys/options", post(ask))
        .route("/account/passkeys/rename", post(rename))
        .route("/account/passkeys/remove", post(remove))
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let query = query.unwrap_or_default();
        let handle = only(query.as_bytes(), "request");
        let back = Back::of(&server, &headers, handle.as_deref()).await?;
        let session = fresh_session(&server, &headers, &back, Then::Passkeys).await?;
        let done = only(query.as_bytes(), "done");
        let shown = Shown {
            back: &back,
            done: done.as_deref().and_then(notice),
            error: None,
        };
        let browser = Browser::of(&server, &headers);
        let page = page(&server, &caller, &headers, &session, &shown).await?;
        Ok(with_browser(page, &server, &browser))
    };
    settle(page.await, &server, &caller).await
}

/// What the page's script asks the browser to make.
async fn ask(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let Changing { session, .. } =
            Changing::of_form(&server, &headers, body, Then::Passkeys).await?;
        let browser = Browser::of(&server, &headers).hash();
        let question = passkey::ask_for_new(&server, browser, &session.owner).await?;
        let question = question.ok_or(Problem::NoRequest)?;
        Ok(uncached(StatusCode::OK, question.json()))
    };
    settle(page.await, &server, &caller).await
}

async fn add(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let changing = Changing::of_form(&server, &headers, body, Then::Passkeys).await?;
        match made(&server, &headers, &changing).await? {
            Ok((new, name)) => added(&server, &caller, &headers, &changing, (new, name)).await,
            Err(slip) => refuse(&server, &caller, &headers, &changing, (ADD, slip)).await,
        }
    };
    settle(page.await, &server, &caller).await
}

/// The passkey that a form brought, and what it is to be called.
async fn made(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    changing: &Changing,
) -> Result<Result<(NewPasskey, String), Slip>, Problem> {
    let parameters = &changing.parameters;
    let Some(name) = named(parameters.get("name")) else {
        return Ok(Err(Slip::NAME));
    };
    let answer = Answer {
        browser: Browser::of(server, headers).hash(),
        ceremony: parameters.get("ceremony").unwrap_or_default(),
        credential: parameters.get("credential").unwrap_or_default(),
    };
    let checked = passkey::check_new(server, &changing.session.owner.id, &answer).await?;
    Ok(checked.map(|new| (new, name)).map_err(|refused| Slip {
        text: Slip::NOT_MADE.text,
        reason: refused.reason,
    }))
}

/// Stores it, ends what else is signed in, and goes on: with the recovery codes if it is the first second factor.
async fn added(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    changing: &Changing,
    (new, name): (NewPasskey, String),
) -> Result<Response, Problem> {
    let (session, back) = (&changing.session, &changing.back);
    let id = identifier(server.random());
    let (codes, hashes) = second_factor::recovery_codes(&session.owner.id, server.random());
    let work = Add {
        new,
        name,
        user_id: session.owner.id.clone(),
        hashes,
        now: server.clock().now(),
        audit: AuditEvent {
            reason: Some(format!("passkey {id}")),
            ..event(server, caller, session, ADD)
        },
        id,
    };
    let codes = match server.db().write(work).await? {
        Added::First => Some(codes),
        Added::Another => None,
        Added::No => {
            return refuse(server, caller, headers, changing, (ADD, Slip::TOO_MANY)).await;
        }
    };
    // A password alone is not enough any more: the person signs in with the new passkey.
    let (next, cookie) = match AuthenticatedResourceOwner::continued(session) {
        Some(owner) => {
            let list = format!("{PATH}?done=added");
            let next = back.handle().map_or(list, |_| back.next());
            (next, session::begin(server, &owner, headers, caller).await?)
        }
        None => (back.login(Then::Account), session::remove_cookie(server)),
    };
    let mut response = match codes {
        Some(codes) => pages::recovery_codes(&View::new(server, caller), &codes, &next),
        None => pages::see_other(&next),
    };
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn rename(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let changing = Changing::of_form(&server, &headers, body, Then::Passkeys).await?;
        let (id, session) = (chosen(&changing)?, &changing.session);
        let Some(name) = named(changing.parameters.get("name")) else {
            let refused = (RENAME, Slip::NAME);
            return refuse(&server, &caller, &headers, &changing, refused).await;
        };
        let work = Rename {
            user_id: session.owner.id.clone(),
            name,
            audit: AuditEvent {
                reason: Some(format!("passkey {id}")),
                ..event(&server, &caller, session, RENAME)
            },
            id,
        };
        server.db().write(work).await?;
        Ok(pages::see_other(&format!("{PATH}?done=renamed")))
    };
    settle(page.await, &server, &caller).await
}

/// Takes one away. Everything that is signed in ends, this session too: it may have begun with it.
async fn remove(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let changing = Changing::of_form(&server, &headers, body, Then::Passkeys).await?;
        let (id, session) = (chosen(&changing)?, &changing.session);
        let work = Remove {
            user_id: session.owner.id.clone(),
            now: server.clock().now(),
            audit: AuditEvent {
                reason: Some(format!("passkey {id}")),
                ..event(&server, &caller, session, "passkey.remove")
            },
            id,
        };
        if !server.db().write(work).await? {
            return Ok(pages::see_other(PATH));
        }
        let mut response = pages::see_other("/login?then=passkeys");
        let cookie = session::remove_cookie(&server);
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

/// Which one a form is about, as an audit row may hold it.
fn chosen(changing: &Changing) -> Result<String, Problem> {
    let id = changing.parameters.get("passkey").map(super::echo);
    id.ok_or(Problem::MalformedRequest)
}

/// A name as a list shows it; `None` if there is none, or it is too long.
fn named(text: Option<&str>) -> Option<String> {
    let name = text.unwrap_or_default().trim();
    let readable = !name.is_empty() && name.chars().count() <= NAME;
    (readable && !name.contains(char::is_control)).then(|| name.to_owned())
}

/// Why nothing was changed: for the person, and for the audit.
struct Slip {
    text: &'static str,
    reason: &'static str,
}

impl Slip {
    const NAME: Self = Self {
        text: "Give the passkey a name of at most 60 characters.",
        reason: "no name",
    };
    const NOT_MADE: Self = Self {
        text: "The passkey was not added. Try again, or use another device.",
        reason: "",
    };
    const TOO_MANY: Self = Self {
        text: "This passkey is there already, or you have as many as you can have.",
        reason: "there already, or too many",
    };
}

async fn refuse(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    changing: &Changing,
    (action, slip): (&str, Slip),
) -> Result<Response, Problem> {
    let denied = AuditEvent {
        outcome: Outcome::Denied,
        reason: Some(slip.reason.to_owned()),
        ..event(server, caller, &changing.session, action)
    };
    server.db().audit(denied).await?;
    let shown = Shown {
        back: &changing.back,
        done: None,
        error: Some(slip.text),
    };
    page(server, caller, headers, &changing.session, &shown).await
}

/// What a page says beside the list.
struct Shown<'a> {
    back: &'a Back,
    done: Option<&'static str>,
    error: Option<&'static str>,
}

async fn page(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    session: &Session,
    shown: &Shown<'_>,
) -> Result<Response, Problem> {
    let owner = &session.owner;
    let passkeys = Passkeys {
        passkeys: table::of_user(server.db(), &owner.id).await?,
        factors: second_factor::factors(server.db(), &owner.id).await?,
        required: server.config().requires_second_factor(owner),
        csrf_token: Browser::of(server, headers).account_token(session),
        request: shown.back.handle(),
        next: shown.back.next(),
        done: shown.done,
        error: shown.error,
    };
    let view = View::new(server, caller).at(shown.back.address(PATH));
    Ok(pages::passkeys(&view, &passkeys))
}

/// What has been done; never text of the address itself.
fn notice(done: &str) -> Option<&'static str> {
    match done {
        "added" => Some("The passkey is added. Everything else that was signed in is over."),
        "renamed" => Some("The passkey has its new name."),
        _ => None,
    }
}

struct Add {
    new: NewPasskey,
    id: String,
    name: String,
    user_id: String,
    hashes: Vec<SecretHash>,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

enum Added {
    /// With recovery codes.
    First,
    Another,
    No,
}

impl Work for Add {
    type Output = Added;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Added, storage::Error> {
        if !self.new.insert(tx, &self.id, &self.name, self.now).await? {
            return Ok(Added::No);
        }
        let first = second_factors::insert_recovery_codes(tx, &self.user_id, &self.hashes).await?;
        end_all(tx, &self.user_id, self.now).await?;
        tx.audit(&self.audit).await?;
        Ok(if first { Added::First } else { Added::Another })
    }
}

struct Rename {
    user_id: String,
    id: String,
    name: String,
    audit: AuditEvent,
}

impl Work for Rename {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let renamed = table::rename(tx, &self.user_id, &self.id, &self.name).await?;
        tx.audit(&outcome(&self.audit, renamed)).await
    }
}

struct Remove {
    user_id: String,
    id: String,
    now: jiff::Timestamp,
    audit: AuditEvent,
}

impl Work for Remove {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        let removed = table::remove(tx, &self.user_id, &self.id).await?;
        if removed {
            second_factors::forget_recovery_codes(tx, &self.user_id).await?;
            end_all(tx, &self.user_id, self.now).await?;
        }
        tx.audit(&outcome(&self.audit, removed)).await?;
        Ok(removed)
    }
}

const PATH: &str = Then::Passkeys.path();
/// The audit's words.
const ADD: &str = "passkey.add";
const RENAME: &str = "passkey.rename";
/// Characters of a name.
const NAME: usize = 60;
