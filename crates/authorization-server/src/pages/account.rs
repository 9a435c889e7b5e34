//! The pages of a person's own account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use oauth::Secret;

use super::answer::{self, FormTarget};
use super::{organization, retry_after, words};
use crate::AuthorizationServer;
use crate::password::Rule;
use crate::second_factor::Setup;
use crate::session::Session;
use crate::store::revocations::GrantEntry;
use crate::store::sessions::StoredSession;

/// What the account page shows.
pub(crate) struct Account<'a> {
    pub(crate) session: &'a Session,
    /// Under which the present session is listed.
    pub(crate) session_id: String,
    pub(crate) csrf_token: String,
    /// With the ids that they are listed under.
    pub(crate) sessions: Vec<(String, StoredSession)>,
    pub(crate) grants: Vec<GrantEntry>,
    /// Whether there is an authenticator app.
    pub(crate) second_factor: bool,
    /// What was done just now.
    pub(crate) done: Option<&'static str>,
}

/// Why a password was not changed.
pub(crate) struct PasswordRefusal {
    /// The field to mend.
    pub(crate) field: &'static str,
    pub(crate) text: String,
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<SignedDuration>,
    /// For the audit: never what was typed.
    pub(crate) reason: &'static str,
}

/// The account page.
pub(crate) fn account(server: &AuthorizationServer, account: &Account<'_>) -> Response {
    let owner = &account.session.owner;
    let sessions = account.sessions.iter().map(|(id, session)| SessionRow {
        id,
        own: *id == account.session_id,
        browser: session.browser.as_deref().unwrap_or("another program"),
        source_address: session.source_address.as_deref().unwrap_or("unknown"),
        begun: moment(session.auth_time),
        used: moment(session.last_used),
        ends: moment(session.expires),
    });
    let page = AccountPage {
        style: answer::style_path(),
        party: &server.config().display_name,
        username: &owner.username,
        organization: organization(&owner.rights),
        role: &owner.role,
        record_types: words::record_types(&owner.rights.record_types),
        jurisdictions: words::jurisdictions(&owner.rights.jurisdictions),
        sessions: sessions.collect(),
        applications: applications(&account.grants),
        csrf_token: &account.csrf_token,
        second_factor: account.second_factor,
        done: account.done,
    };
    answer::page(StatusCode::OK, page.render(), FormTarget::Own)
}

/// The page to change the password.
pub(crate) fn password(
    server: &AuthorizationServer,
    session: &Session,
    csrf_token: &str,
    refusal: Option<&PasswordRefusal>,
) -> Response {
    let rule = Rule::of(session.second_factor);
    let page = PasswordPage {
        style: answer::style_path(),
        party: &server.config().display_name,
        username: &session.owner.username,
        least: rule.least(),
        csrf_token,
        refusal,
    };
    let status = refusal.map_or(StatusCode::OK, |it| it.status);
    let mut response = answer::page(status, page.render(), FormTarget::Own);
    if let Some(wait) = refusal.and_then(|it| it.retry_after) {
        retry_after(&mut response, wait);
    }
    response
}

/// How far an authenticator app is.
pub(crate) enum Authenticator {
    /// There is none.
    None,
    /// It is shown and not confirmed.
    Proposed(Setup),
    /// It is in use; so many recovery codes are left.
    Confirmed(i64),
}

/// The page of the authenticator app.
pub(crate) fn authenticator(
    server: &AuthorizationServer,
    state: &Authenticator,
    required: bool,
    csrf_token: &str,
    error: Option<&str>,
) -> Response {
    let status = error.map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    let page = AuthenticatorPage {
        style: answer::style_path(),
        party: &server.config().display_name,
        state,
        required,
        csrf_token,
        error,
    };
    answer::page(status, page.render(), FormTarget::Own)
}

/// The page that shows recovery codes, once, and leads on.
pub(crate) fn recovery_codes(
    server: &AuthorizationServer,
    codes: &[Secret],
    next: &str,
) -> Response {
    let page = RecoveryCodesPage {
        style: answer::style_path(),
        party: &server.config().display_name,
        codes,
        next,
    };
    answer::page(StatusCode::OK, page.render(), FormTarget::None)
}

/// One row per application: all that was allowed it, since when the latest and until when the longest.
fn applications(grants: &[GrantEntry]) -> Vec<ApplicationRow<'_>> {
    let mut rows: Vec<ApplicationRow<'_>> = Vec::new();
    for grant in grants {
        let sentences = words::sentences(&grant.scope);
        match rows.iter_mut().find(|row| row.client_id == grant.client_id) {
            Some(row) => {
                for sentence in sentences {
                    if !row.permissions.contains(&sentence) {
                        row.permissions.push(sentence);
                    }
                }
                row.until = row.until.max(grant.expires);
            }
            None => rows.push(ApplicationRow {
                client_id: &grant.client_id,
                name: &grant.client_name,
                organization: grant
                    .client_organization
                    .as_deref()
                    .unwrap_or("no organization"),
                permissions: sentences,
                given: moment(grant.given),
                until: grant.expires,
            }),
        }
    }
    rows
}

/// The server cannot know the reader's time zone without a script.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

struct SessionRow<'a> {
    id: &'a str,
    own: bool,
    browser: &'a str,
    source_address: &'a str,
    begun: String,
    used: String,
    ends: String,
}

struct ApplicationRow<'a> {
    client_id: &'a str,
    name: &'a str,
    organization: &'a str,
    permissions: Vec<String>,
    given: String,
    until: Timestamp,
}

impl ApplicationRow<'_> {
    fn ends(&self) -> String {
        moment(self.until)
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    style: &'static str,
    party: &'a str,
    username: &'a str,
    organization: &'a str,
    role: &'a str,
    record_types: String,
    jurisdictions: String,
    sessions: Vec<SessionRow<'a>>,
    applications: Vec<ApplicationRow<'a>>,
    csrf_token: &'a str,
    second_factor: bool,
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage<'a> {
    style: &'static str,
    party: &'a str,
    username: &'a str,
    least: usize,
    csrf_token: &'a str,
    refusal: Option<&'a PasswordRefusal>,
}

#[derive(Template)]
#[template(path = "authenticator.html")]
struct AuthenticatorPage<'a> {
    style: &'static str,
    party: &'a str,
    state: &'a Authenticator,
    required: bool,
    csrf_token: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryCodesPage<'a> {
    style: &'static str,
    party: &'a str,
    codes: &'a [Secret],
    next: &'a str,
}

impl PasswordPage<'_> {
    fn wrong(&self, field: &str) -> bool {
        self.refusal.is_some_and(|refusal| refusal.field == field)
    }
}
