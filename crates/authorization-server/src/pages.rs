//! Pages for people: no script but for passkeys, a strict content security policy, nothing kept by any cache.

mod account;
mod activity;
mod answer;
mod language;
mod problem;
mod script;
mod setup;
mod single_sign_on;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod unserved;
mod view;
pub(crate) mod words;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::SignedDuration;
use oauth::{Scope, SecretHash};
use url::Url;

use crate::caller::Caller;
use crate::login::Told;
use crate::second_factor::{Factors, Setup};
use crate::session::Session;
use crate::store::authorization_requests::AuthorizationRequest;
use crate::{AuthorizationServer, Client, GrantType, relying_party};
use answer::FormTarget;

pub(crate) use account::{
    Account, AppForm, Authenticator, Passkeys, PasswordRefusal, account, authenticator, moment,
    passkeys, password, recovery_codes,
};
pub(crate) use activity::is_activity;
pub(crate) use answer::{retry_after, see_other};
pub(crate) use language::Language;
pub(crate) use problem::Problem;
pub(crate) use setup::{Setup as SetupPage, SetupRefusal, setup};
pub(crate) use single_sign_on::refused_there;
pub(crate) use view::View;

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route(answer::style_path(), get(answer::style))
        .route(script::passkey_path(), get(script::passkey))
        .route("/assets/{file}", get(answer::own_asset))
        .merge(view::routes())
}

/// An authorization request with what its pages need.
pub(crate) struct Open {
    pub(crate) handle: String,
    pub(crate) hash: SecretHash,
    pub(crate) csrf_token: String,
    pub(crate) request: AuthorizationRequest,
    pub(crate) client: Client,
}

/// What the consent page shows.
pub(crate) struct Consent<'a> {
    pub(crate) session: &'a Session,
    /// What the client would get.
    pub(crate) scope: &'a Scope,
    /// Binds the answer to what was shown.
    pub(crate) shown: String,
    /// After which time the same is asked again; `None`: each time.
    pub(crate) asked_again: Option<SignedDuration>,
}

/// What the sign-in page is for.
#[derive(Clone, Copy)]
pub(crate) enum SignIn<'a> {
    /// An application that asked.
    Application(&'a Open),
    /// The person's own account.
    Account {
        csrf_token: &'a str,
        /// Which page of it.
        then: &'static str,
    },
}

/// What the sign-in page shows again after a refusal.
#[derive(Default)]
pub(crate) struct Refused<'a> {
    pub(crate) username: &'a str,
    pub(crate) error: Option<String>,
    /// Where it is mended: the id of a field or button.
    pub(crate) field: &'static str,
}

/// What the page of the second step shows.
pub(crate) struct CodeStep<'a> {
    /// Names whose it is.
    pub(crate) handle: &'a str,
    /// What may be given.
    pub(crate) factors: Factors,
    pub(crate) refused: Option<&'a Told>,
}

/// What the page shows where an application asks for more than the session proves.
pub(crate) struct StepUp<'a> {
    pub(crate) username: &'a str,
    pub(crate) factors: Factors,
    /// Whether an authenticator app would be enough.
    pub(crate) app_is_enough: bool,
}

/// A page whose forms lead to our own pages.
pub(crate) fn own(status: StatusCode, page: askama::Result<String>) -> Response {
    answer::page(status, page, FormTarget::Own)
}

/// The page that says what happened and what to do, in place of the one that was asked for.
pub(crate) fn explain(
    view: &View<'_>,
    caller: &Caller,
    status: StatusCode,
    told: (&'static str, &'static str),
) -> Response {
    problem::show(view, caller, status, told)
}

/// The page that a handler made, or the one that says why there is none.
pub(crate) async fn settle(
    page: Result<Response, Problem>,
    server: &AuthorizationServer,
    caller: &Caller,
) -> Response {
    match page {
        Ok(response) => response,
        Err(problem) => problem.respond(server, caller).await,
    }
}

/// The sign-in page.
pub(crate) fn login(
    view: &View<'_>,
    sign_in: SignIn<'_>,
    refused: &Refused<'_>,
    status: StatusCode,
) -> Response {
    let fields = sign_in.fields();
    let page = LoginPage {
        view,
        organization: fields
            .open
            .map_or("", |open| organization(view.l, &open.client.rights)),
        username: refused.username,
        error: refused.error.as_deref(),
        field: refused.field,
        wrong: refused.error.is_some() && refused.field == "username",
        available: view.server.passkeys().is_some(),
        fields: &fields,
    };
    let mut targets = relying_party::form_targets(view.server);
    targets.extend(fields.open.map(|open| open.request.redirect_uri.clone()));
    answer::page(status, page.render(), FormTarget::Several(&targets))
}

/// The page of the second step.
pub(crate) fn code(view: &View<'_>, sign_in: SignIn<'_>, step: &CodeStep<'_>) -> Response {
    let refused = step.refused;
    let page = CodePage {
        view,
        fields: &sign_in.fields(),
        step,
        passkeys: step.factors.passkeys > 0 && view.server.passkeys().is_some(),
        error: refused.map(|told| told.text.as_str()),
        field: refused.map_or("code", |told| match told.field {
            "username" => "code",
            field => field,
        }),
    };
    let status = refused.map_or(StatusCode::OK, |told| told.status);
    let mut response = answer::page(status, page.render(), sign_in.target());
    if let Some(wait) = refused.and_then(|told| told.retry_after) {
        retry_after(&mut response, wait);
    }
    response
}

/// The page of the second step for who has no second factor yet.
pub(crate) fn enrol(
    view: &View<'_>,
    sign_in: SignIn<'_>,
    handle: &str,
    setup: &Setup,
    error: Option<&str>,
) -> Response {
    let page = EnrolPage {
        view,
        fields: &sign_in.fields(),
        pending: handle,
        setup,
        error: error.map(|error| view.l.t(error)),
    };
    let status = error.map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    answer::page(status, page.render(), sign_in.target())
}

/// The page that asks for more than the session proves, and leads to where it can be set up.
pub(crate) fn step_up(view: &View<'_>, open: &Open, step_up: &StepUp<'_>) -> Response {
    let page = StepUpPage {
        view,
        open,
        organization: organization(view.l, &open.client.rights),
        step_up,
        available: view.server.passkeys().is_some(),
    };
    answer::page(StatusCode::OK, page.render(), to_client(open))
}

/// The hidden fields by which a form says what somebody signs in for.
struct Fields<'a> {
    open: Option<&'a Open>,
    then: &'static str,
    csrf_token: &'a str,
}

impl<'a> SignIn<'a> {
    fn fields(self) -> Fields<'a> {
        match self {
            Self::Application(open) => Fields {
                open: Some(open),
                then: "",
                csrf_token: &open.csrf_token,
            },
            Self::Account { csrf_token, then } => Fields {
                open: None,
                then,
                csrf_token,
            },
        }
    }

    fn target(self) -> FormTarget<'a> {
        match self {
            Self::Application(open) => to_client(open),
            Self::Account { .. } => FormTarget::Own,
        }
    }
}

/// The consent page: who asks, for whom, what, where, for how long.
pub(crate) fn consent(view: &View<'_>, open: &Open, consent: &Consent<'_>) -> Response {
    let l = view.l;
    let owner = &consent.session.owner;
    let rights = open.client.rights.intersect(&owner.rights);
    let lifetimes = &view.server.config().lifetimes;
    let life = open
        .client
        .access_token_lifetime
        .unwrap_or(lifetimes.access_token);
    let renews = open.client.grant_types.contains(&GrantType::RefreshToken);
    let page = ConsentPage {
        view,
        client: &open.client.name,
        organization: organization(l, &open.client.rights),
        username: &owner.username,
        user_organization: organization(l, &owner.rights),
        permissions: words::sentences(l, consent.scope),
        record_types: words::record_types(l, &rights.record_types),
        jurisdictions: words::jurisdictions(l, &rights.jurisdictions),
        facilities: words::facilities(l, rights.facilities.as_deref()),
        audiences: &open.request.audiences,
        life: words::duration(l, life.as_secs()),
        renewed: renews.then(|| words::duration(l, lifetimes.refresh_token.as_secs())),
        request: &open.handle,
        csrf_token: &open.csrf_token,
        shown: &consent.shown,
        asked_again: consent
            .asked_again
            .map(|after| words::duration(l, after.as_secs())),
        return_to: answer::origin(&open.request.redirect_uri),
    };
    answer::page(StatusCode::OK, page.render(), to_client(open))
}

/// The page that asks whether to sign out, or says that nobody is signed in.
/// `there` is where it goes on then, if anywhere.
pub(crate) fn logout(
    view: &View<'_>,
    signed_in: Option<(&Session, &str)>,
    there: Option<&Url>,
) -> Response {
    let (username, csrf_token) = match signed_in {
        Some((session, token)) => (Some(session.owner.username.as_str()), token),
        None => (None, ""),
    };
    let page = LogoutPage {
        view,
        username,
        csrf_token,
    };
    let target = there.map_or(FormTarget::Own, |there| FormTarget::Client {
        redirect_uri: there.as_str(),
    });
    answer::page(StatusCode::OK, page.render(), target)
}

fn to_client(open: &Open) -> FormTarget<'_> {
    FormTarget::Client {
        redirect_uri: &open.request.redirect_uri,
    }
}

fn organization(l: Language, rights: &crate::Rights) -> &str {
    let none = l.t("no organization");
    rights.organization.as_deref().unwrap_or(none)
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    view: &'a View<'a>,
    fields: &'a Fields<'a>,
    organization: &'a str,
    username: &'a str,
    error: Option<&'a str>,
    field: &'static str,
    /// Whether username and password are what is wrong.
    wrong: bool,
    /// Whether there are passkeys here.
    available: bool,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    view: &'a View<'a>,
    fields: &'a Fields<'a>,
    step: &'a CodeStep<'a>,
    passkeys: bool,
    error: Option<&'a str>,
    field: &'static str,
}

#[derive(Template)]
#[template(path = "step_up.html")]
struct StepUpPage<'a> {
    view: &'a View<'a>,
    open: &'a Open,
    organization: &'a str,
    step_up: &'a StepUp<'a>,
    available: bool,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolPage<'a> {
    view: &'a View<'a>,
    fields: &'a Fields<'a>,
    pending: &'a str,
    setup: &'a Setup,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    view: &'a View<'a>,
    client: &'a str,
    organization: &'a str,
    username: &'a str,
    user_organization: &'a str,
    permissions: Vec<String>,
    record_types: String,
    jurisdictions: String,
    facilities: String,
    audiences: &'a [String],
    life: String,
    renewed: Option<String>,
    request: &'a str,
    csrf_token: &'a str,
    shown: &'a str,
    asked_again: Option<String>,
    return_to: String,
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage<'a> {
    view: &'a View<'a>,
    username: Option<&'a str>,
    csrf_token: &'a str,
}
