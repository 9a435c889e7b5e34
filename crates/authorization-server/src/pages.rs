//! Pages for people: no script, a strict content security policy, nothing kept by any cache.

use askama::Template;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use oauth::{Permission, Scope};
use url::Url;

use crate::caller::Caller;
use crate::session::Session;
use crate::store::authorization_requests::AuthorizationRequest;
use crate::{AuthorizationServer, Client, audit};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route(STYLE_PATH, get(style))
}

/// An authorization request with what its pages need.
pub(crate) struct Open {
    pub(crate) handle: String,
    pub(crate) hash: oauth::SecretHash,
    pub(crate) csrf_token: String,
    pub(crate) request: AuthorizationRequest,
    pub(crate) client: Client,
}

/// What the sign-in page shows again after a refusal.
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) error: Option<String>,
}

/// Why there is no page and no redirect.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No client of that id, or a disabled one.
    UnknownClient,
    /// The redirect URI is absent or not registered.
    WrongRedirectUri,
    /// Parameters repeated or unreadable.
    MalformedRequest,
    /// Expired, decided already, or another browser's.
    NoSuchRequest,
    /// The form did not come from our page in this browser.
    NotOurPage,
    /// The database.
    Unavailable(storage::Error),
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl Problem {
    /// The page, after the audit row: no audit, no answer but "try again".
    pub(crate) async fn respond(self, server: &AuthorizationServer, caller: &Caller) -> Response {
        let mut event = audit::event(server, caller, "authorize", storage::Outcome::Denied);
        event.reason = Some(self.told().1.to_owned());
        let audited = match &self {
            Self::Unavailable(_) => Ok(()),
            _ => server.db().audit(event).await,
        };
        let problem = audited.err().map_or(self, Self::Unavailable);
        if let Self::Unavailable(error) = &problem {
            tracing::error!(%error, "storage");
        }
        problem.page(server, caller)
    }

    fn page(&self, server: &AuthorizationServer, caller: &Caller) -> Response {
        let (status, heading, text) = self.told();
        let page = ErrorPage {
            style: STYLE_PATH,
            party: &server.config().party,
            heading,
            text,
            reference: caller.request_id.as_deref().unwrap_or("none"),
        };
        let mut response = respond(status, page.render(), None);
        if matches!(self, Self::Unavailable(_)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn told(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::UnknownClient => (
                StatusCode::BAD_REQUEST,
                "This application is not known here",
                "The application that sent you is not registered, or no longer. Tell whoever runs it.",
            ),
            Self::WrongRedirectUri => (
                StatusCode::BAD_REQUEST,
                "This application asked to return to an unknown address",
                "To protect you, you are not sent there. Tell whoever runs the application.",
            ),
            Self::MalformedRequest => (
                StatusCode::BAD_REQUEST,
                "The request cannot be read",
                "Go back to the application and start again. If that does not help, tell whoever runs it.",
            ),
            Self::NoSuchRequest => (
                StatusCode::BAD_REQUEST,
                "This sign-in is over",
                "It was finished, it has expired, or it was begun in another browser. Go back to the application and start again.",
            ),
            Self::NotOurPage => (
                StatusCode::FORBIDDEN,
                "This form did not come from our page",
                "Nothing was done. Go back to the application and start again.",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This does not work at the moment",
                "Nothing was done. Try again in a minute.",
            ),
        }
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    style: &'static str,
    party: &'a str,
    client: &'a str,
    organization: &'a str,
    request: &'a str,
    csrf_token: &'a str,
    username: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    style: &'static str,
    party: &'a str,
    client: &'a str,
    organization: &'a str,
    username: &'a str,
    user_organization: &'a str,
    permissions: Vec<String>,
    record_types: String,
    jurisdictions: String,
    audiences: &'a [String],
    minutes: i64,
    hours: Option<i64>,
    request: &'a str,
    csrf_token: &'a str,
    return_to: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    style: &'static str,
    party: &'a str,
    heading: &'a str,
    text: &'a str,
    reference: &'a str,
}

/// The sign-in page.
pub(crate) fn login(server: &AuthorizationServer, open: &Open, login: &Login, status: StatusCode) -> Response {
    let page = LoginPage {
        style: STYLE_PATH,
        party: &server.config().party,
        client: &open.client.name,
        organization: open.client.rights.organization.as_deref().unwrap_or("an unnamed organization"),
        request: &open.handle,
        csrf_token: &open.csrf_token,
        username: &login.username,
        error: login.error.as_deref(),
    };
    respond(status, page.render(), Some(&open.request.redirect_uri))
}

/// The consent page: who asks, for whom, what, where, for how long.
pub(crate) fn consent(server: &AuthorizationServer, open: &Open, session: &Session, scope: &Scope) -> Response {
    let rights = open.client.rights.intersect(&session.owner.rights);
    let lifetimes = &server.config().lifetimes;
    let life = open.client.access_token_lifetime.unwrap_or(lifetimes.access_token);
    let renews = open.client.grant_types.contains(&crate::GrantType::RefreshToken);
    let page = ConsentPage {
        style: STYLE_PATH,
        party: &server.config().party,
        client: &open.client.name,
        organization: open.client.rights.organization.as_deref().unwrap_or("an unnamed organization"),
        username: &session.owner.username,
        user_organization: session.owner.rights.organization.as_deref().unwrap_or("no organization"),
        permissions: scope.tokens().map(in_words).collect(),
        record_types: told(&rights.record_types, &[("birth", "births"), ("fetal-death", "fetal deaths")]),
        jurisdictions: told(&rights.jurisdictions, &[]),
        audiences: &open.request.audiences,
        minutes: (life.as_secs() + 59) / 60,
        hours: renews.then(|| lifetimes.refresh_token.as_hours()),
        request: &open.handle,
        csrf_token: &open.csrf_token,
        return_to: origin(&open.request.redirect_uri),
    };
    respond(StatusCode::OK, page.render(), Some(&open.request.redirect_uri))
}

/// A scope in plain words; one that is not known is shown as it is.
fn in_words(token: &str) -> String {
    let resource_type = token.split_once('/').and_then(|(_, rest)| rest.split_once('.')).map(|(found, _)| found);
    let (Some(resource_type), Ok(scope)) = (resource_type, Scope::parse(token)) else { return token.to_owned() };
    let verbs = [
        (Permission::Create, "submit"),
        (Permission::Read, "read"),
        (Permission::Update, "change"),
        (Permission::Delete, "delete"),
        (Permission::Search, "search for"),
    ];
    let may: Vec<&str> = verbs.iter().filter(|(permission, _)| scope.permits(resource_type, *permission)).map(|(_, verb)| *verb).collect();
    if may.is_empty() {
        return token.to_owned();
    }
    let what = match resource_type {
        "Bundle" => "birth and fetal death records",
        "Composition" => "the cover pages of records",
        "*" => "everything",
        other => other,
    };
    let (last, first) = may.split_last().map_or(("use", [].as_slice()), |(last, first)| (*last, first));
    let list = if first.is_empty() { last.to_owned() } else { format!("{} and {last}", first.join(", ")) };
    let mut sentence = format!("{list} {what}");
    if let Some(first) = sentence.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

fn told(codes: &[String], words: &[(&str, &str)]) -> String {
    let word = |code: &String| words.iter().find(|(known, _)| known == code).map_or_else(|| code.clone(), |(_, word)| (*word).to_owned());
    if codes.is_empty() { "none".to_owned() } else { codes.iter().map(word).collect::<Vec<_>>().join(", ") }
}

/// 303 See Other, kept by no cache.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn respond(status: StatusCode, page: askama::Result<String>, redirect_uri: Option<&str>) -> Response {
    let Ok(page) = page else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(redirect_uri));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}

/// Browsers apply `form-action` to the whole chain of redirects after a form: the origin that the person is
/// sent back to must be in it.
fn policy(redirect_uri: Option<&str>) -> HeaderValue {
    let back = redirect_uri.map(origin).unwrap_or_default();
    let text = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {back}; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(text.replace(" ;", ";").as_str())
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

fn origin(redirect_uri: &str) -> String {
    Url::parse(redirect_uri).map(|uri| uri.origin().ascii_serialization()).unwrap_or_default()
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, STYLE).into_response()
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const STYLE: &str = include_str!("../assets/style.css");
/// The name changes with the content (a test holds them together), so it may be kept forever.
const STYLE_PATH: &str = "/assets/style-1.css";
