//! The second step of signing in: a code of the authenticator app, a recovery code, or a passkey.
//!
//! Between the steps stands a row that belongs to one browser and lives for minutes. It opens nothing but this
//! page. Codes are counted with the failures of the account, which a right password does not forget.

#[cfg(test)]
mod tests;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use oauth::{Parameters, Secret, SecretHash};
use storage::{AuditEvent, Transaction, Work};

use super::purpose::Purpose;
use super::{Body, Told, enrol};
use crate::authorize::only;
use crate::caller::Caller;
use crate::pages::{self, CodeStep, Language, Problem, View, settle};
use crate::resource_owner::HalfAuthenticated;
use crate::second_factor::Factors;
use crate::session::{self, Browser, SecondStep};
use crate::store::second_factors::{self, Pending};
use crate::store::users;
use crate::throttle::{self, Attempt};
use crate::{AuthorizationServer, ResourceOwner, audit, second_factor};

/// Sends a person whose password was right on to the second step; or who signed in `elsewhere` at that time, so that
/// a code after an old sign-in there makes it none of just now.
pub(super) async fn ask(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    purpose: &Purpose,
    half: &HalfAuthenticated,
    elsewhere: Option<Timestamp>,
) -> Result<Response, Problem> {
    let handle = Secret::generate(server.random());
    let now = server.clock().now();
    let pending = |waiting| Pending {
        hash: handle.hash(),
        browser: Browser::of(server, headers).hash(),
        user_id: half.owner().id.clone(),
        expires: now + waiting,
        auth_time: elsewhere,
    };
    let page = if half.enrolled() {
        server.db().write(Wait(pending(WAITING))).await?;
        "code"
    } else {
        let begin = enrol::Begin {
            pending: pending(ENROLLING),
            proposal: second_factor::propose(server, &half.owner().id, handle.hash())?,
            now,
        };
        server.db().write(begin).await?;
        "enrol"
    };
    let page = purpose.address(&format!("/login/{page}"));
    Ok(pages::see_other(&format!(
        "{page}&pending={}",
        handle.expose()
    )))
}

pub(super) async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let query = query.unwrap_or_default();
        let handle = only(query.as_bytes(), "pending").ok_or(Problem::NoRequest)?;
        let purpose = Purpose::of_query(&server, &headers, &query).await?;
        let (owner, ..) = waiting(&server, &headers, &handle).await?;
        let factors = second_factor::factors(server.db(), &owner.id).await?;
        let view = View::new(&server, &caller).at(here(&purpose, &handle));
        let step = CodeStep {
            handle: &handle,
            factors,
            refused: None,
        };
        Ok(pages::code(&view, purpose.page(), &step))
    };
    settle(page.await, &server, &caller).await
}

pub(super) async fn submit(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, purpose) = Purpose::of_form(&server, &headers, body).await?;
        answer(&server, &caller, &headers, &parameters, &purpose).await
    };
    settle(page.await, &server, &caller).await
}

async fn answer(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
    purpose: &Purpose,
) -> Result<Response, Problem> {
    let handle = parameters.get("pending").ok_or(Problem::NoRequest)?;
    let (owner, pending, browser) = waiting(server, headers, handle).await?;
    let attempt = match throttle::begin(server, &owner.username, caller).await? {
        Attempt::Counted(attempt) => attempt,
        Attempt::Held(wait) => {
            let told = Told::held(caller.language, wait, Some(owner.id.clone()));
            return refuse(server, caller, purpose, handle, told).await;
        }
    };
    let text = parameters.get("code").unwrap_or_default();
    let Some(factor) = second_factor::check(server, &owner.id, text).await? else {
        let told = Told::wrong_code(caller.language, owner.id.clone());
        return refuse(server, caller, purpose, handle, told).await;
    };
    let step = SecondStep {
        owner: &owner,
        pending: Some((pending, browser)),
        ends: None,
        factor,
    };
    let Some(cookie) = session::begin_with_factor(server, step, headers, caller).await? else {
        let told = Told::used_code(caller.language, owner.id.clone());
        return refuse(server, caller, purpose, handle, told).await;
    };
    throttle::succeeded(server, attempt).await?;
    let mut response = pages::see_other(&purpose.next());
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The person whose second factor is awaited in this browser, and the hashes of the row.
pub(super) async fn waiting(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    handle: &str,
) -> Result<(ResourceOwner, SecretHash, SecretHash), Problem> {
    let pending = Secret::received(handle.to_owned()).hash();
    let browser = Browser::of(server, headers).hash();
    let now = server.clock().now();
    let found = second_factors::find_pending(server.db(), &pending, &browser, now).await?;
    let user_id = found.ok_or(Problem::RequestOver)?;
    let owner = users::find(server.db(), &user_id).await?;
    let owner = owner
        .filter(|owner| !owner.disabled)
        .ok_or(Problem::RequestOver)?;
    Ok((owner, pending, browser))
}

pub(super) async fn refuse(
    server: &AuthorizationServer,
    caller: &Caller,
    purpose: &Purpose,
    handle: &str,
    told: Told,
) -> Result<Response, Problem> {
    let event = AuditEvent {
        reason: Some(told.reason.to_owned()),
        client_id: purpose.client_id(),
        subject: told.known.clone(),
        ..audit::event(server, caller, "login", storage::Outcome::Denied)
    };
    server.db().audit(event).await?;
    let factors = match &told.known {
        Some(id) => second_factor::factors(server.db(), id).await?,
        None => Factors::default(),
    };
    let view = View::new(server, caller).at(here(purpose, handle));
    let step = CodeStep {
        handle,
        factors,
        refused: Some(&told),
    };
    Ok(pages::code(&view, purpose.page(), &step))
}

fn here(purpose: &Purpose, handle: &str) -> String {
    format!("{}&pending={handle}", purpose.address("/login/code"))
}

impl Told {
    fn wrong_code(l: Language, known: String) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            text: l
                .t("The code is not right. A code of the app counts for half a minute.")
                .to_owned(),
            retry_after: None,
            field: "code",
            reason: "wrong second factor",
            known: Some(known),
        }
    }

    /// A code that somebody has seen is of no use to him.
    fn used_code(l: Language, known: String) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            text: l
                .t("This code has been used already. Wait for the next one.")
                .to_owned(),
            retry_after: None,
            field: "code",
            reason: "second factor used already",
            known: Some(known),
        }
    }
}

struct Wait(Pending);

impl Work for Wait {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        second_factors::insert_pending(tx, &self.0).await
    }
}

/// How long a right password waits for its second factor.
const WAITING: SignedDuration = SignedDuration::from_mins(5);
/// How long one waits for the second factor to be set up.
const ENROLLING: SignedDuration = SignedDuration::from_mins(15);
