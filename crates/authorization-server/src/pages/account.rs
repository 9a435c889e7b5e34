//! The pages of a person's own account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use oauth::Secret;
use storage::audit::AuditRow;

use super::activity::{self, ActivityRow};
use super::answer::{self, FormTarget};
use super::{Language, View, organization, retry_after, words};
use crate::password::Rule;
use crate::second_factor::{Factors, Setup};
use crate::session::Session;
use crate::store::passkeys::StoredPasskey;
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
    /// Which second factors there are.
    pub(crate) factors: Factors,
    /// Providers that the person signs in with.
    pub(crate) signs_in_with: Vec<String>,
    pub(crate) has_password: bool,
    /// What was done lately.
    pub(crate) activity: Vec<AuditRow>,
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
pub(crate) fn account(view: &View<'_>, account: &Account<'_>) -> Response {
    let l = view.l;
    let owner = &account.session.owner;
    let sessions = account.sessions.iter().map(|(id, session)| SessionRow {
        id,
        own: *id == account.session_id,
        browser: browser(l, session.browser.as_deref()),
        source_address: session
            .source_address
            .as_deref()
            .unwrap_or_else(|| l.t("unknown")),
        begun: moment(session.auth_time),
        used: moment(session.last_used),
        ends: moment(session.expires),
    });
    let page = AccountPage {
        view,
        username: &owner.username,
        organization: organization(l, &owner.rights),
        role: words::role(l, &owner.role),
        record_types: words::record_types(l, &owner.rights.record_types),
        jurisdictions: words::jurisdictions(l, &owner.rights.jurisdictions),
        facilities: words::facilities(l, owner.rights.facilities.as_deref()),
        sessions: sessions.collect(),
        applications: applications(l, &account.grants),
        csrf_token: &account.csrf_token,
        factors: account.factors,
        passkeys_available: view.server.passkeys().is_some(),
        signs_in_with: account.signs_in_with.join(", "),
        has_password: account.has_password && view.server.config().password_sign_in,
        administers: ["administrator", "auditor"].contains(&owner.role.as_str()),
        activity: activity::rows(l, &account.activity),
        done: account.done.map(|done| l.t(done)),
    };
    answer::page(StatusCode::OK, page.render(), FormTarget::Own)
}

/// The page to change the password.
pub(crate) fn password(
    view: &View<'_>,
    session: &Session,
    csrf_token: &str,
    refusal: Option<&PasswordRefusal>,
) -> Response {
    let rule = Rule::of(session.assurance.has_second_factor());
    let page = PasswordPage {
        view,
        username: &session.owner.username,
        least: rule.least().to_string(),
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
    /// It is in use, beside these.
    Confirmed(Factors),
}

/// What the forms of the authenticator app's page hold.
pub(crate) struct AppForm<'a> {
    pub(crate) csrf_token: String,
    /// The application's request that is kept meanwhile.
    pub(crate) request: Option<&'a str>,
    /// Where it goes on.
    pub(crate) next: String,
    /// Whether the person has to have a second factor.
    pub(crate) required: bool,
}

/// What the page of the passkeys shows.
pub(crate) struct Passkeys<'a> {
    pub(crate) passkeys: Vec<StoredPasskey>,
    pub(crate) factors: Factors,
    /// Whether the person has to have a second factor.
    pub(crate) required: bool,
    pub(crate) csrf_token: String,
    /// The application's request that is kept meanwhile.
    pub(crate) request: Option<&'a str>,
    /// Where it goes on.
    pub(crate) next: String,
    pub(crate) done: Option<&'static str>,
    pub(crate) error: Option<&'static str>,
}

/// The page of the passkeys.
pub(crate) fn passkeys(view: &View<'_>, shown: &Passkeys<'_>) -> Response {
    let last = !shown.factors.app && shown.passkeys.len() == 1;
    let rows = shown.passkeys.iter().map(|stored| PasskeyRow {
        id: &stored.id,
        name: &stored.name,
        created: moment(stored.created),
        last_used: stored.last_used.map(moment),
        last,
    });
    let page = PasskeysPage {
        view,
        shown,
        rows: rows.collect(),
        available: view.server.passkeys().is_some(),
    };
    let status = shown
        .error
        .map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    answer::page(status, page.render(), FormTarget::Own)
}

/// The page of the authenticator app.
pub(crate) fn authenticator(
    view: &View<'_>,
    state: &Authenticator,
    form: &AppForm<'_>,
    error: Option<&str>,
) -> Response {
    let status = error.map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    let page = AuthenticatorPage {
        view,
        state,
        form,
        error: error.map(|error| view.l.t(error)),
    };
    answer::page(status, page.render(), FormTarget::Own)
}

/// The page that shows recovery codes, once, and leads on.
pub(crate) fn recovery_codes(view: &View<'_>, codes: &[Secret], next: &str) -> Response {
    let page = RecoveryCodesPage { view, codes, next };
    answer::page(StatusCode::OK, page.render(), FormTarget::Own)
}

/// One row per application: all that was allowed it, since when the latest and until when the longest.
fn applications(l: Language, grants: &[GrantEntry]) -> Vec<ApplicationRow<'_>> {
    let mut rows: Vec<ApplicationRow<'_>> = Vec::new();
    for grant in grants {
        let sentences = words::sentences(l, &grant.scope);
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
                    .unwrap_or_else(|| l.t("no organization")),
                permissions: sentences,
                given: moment(grant.given),
                until: grant.expires,
            }),
        }
    }
    rows
}

/// The kind of browser, in words that were stored in English.
fn browser(l: Language, stored: Option<&str>) -> String {
    match stored.and_then(|text| text.split_once(" on ")) {
        Some((browser, system)) => l.f("{} on {}", &[browser, system]),
        None => stored.unwrap_or_else(|| l.t("another program")).to_owned(),
    }
}

/// The server cannot know the reader's time zone without a script.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

struct SessionRow<'a> {
    id: &'a str,
    own: bool,
    browser: String,
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
    view: &'a View<'a>,
    username: &'a str,
    organization: &'a str,
    role: &'a str,
    record_types: String,
    jurisdictions: String,
    facilities: String,
    sessions: Vec<SessionRow<'a>>,
    applications: Vec<ApplicationRow<'a>>,
    csrf_token: &'a str,
    factors: Factors,
    passkeys_available: bool,
    signs_in_with: String,
    has_password: bool,
    administers: bool,
    activity: Vec<ActivityRow<'a>>,
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage<'a> {
    view: &'a View<'a>,
    username: &'a str,
    least: String,
    csrf_token: &'a str,
    refusal: Option<&'a PasswordRefusal>,
}

#[derive(Template)]
#[template(path = "authenticator.html")]
struct AuthenticatorPage<'a> {
    view: &'a View<'a>,
    state: &'a Authenticator,
    form: &'a AppForm<'a>,
    error: Option<&'a str>,
}

struct PasskeyRow<'a> {
    id: &'a str,
    name: &'a str,
    created: String,
    last_used: Option<String>,
    /// Whether no second factor is left without it.
    last: bool,
}

#[derive(Template)]
#[template(path = "passkeys.html")]
struct PasskeysPage<'a> {
    view: &'a View<'a>,
    shown: &'a Passkeys<'a>,
    rows: Vec<PasskeyRow<'a>>,
    available: bool,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryCodesPage<'a> {
    view: &'a View<'a>,
    codes: &'a [Secret],
    next: &'a str,
}

impl PasswordPage<'_> {
    fn wrong(&self, field: &str) -> bool {
        self.refusal.is_some_and(|refusal| refusal.field == field)
    }
}
