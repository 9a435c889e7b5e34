//! Who opens a page of administration, and what becomes of it: the page, a sign-in first, or why not.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use oauth::Parameters;
use storage::{AuditEvent, Outcome};

use crate::administration::decision::{self, Administrator, Denied, Operation};
use crate::administration::{Administration, Error};
use crate::caller::Caller;
use crate::login::{Body, Then, form};
use crate::pages::{self, Language, Problem, View};
use crate::session::{self, Browser, Session, is_token};
use crate::{AuthorizationServer, audit};

/// One request for a page.
pub(super) struct Visit {
    pub(super) server: AuthorizationServer,
    pub(super) caller: Caller,
    headers: HeaderMap,
    uri: Uri,
}

/// Why there is no page as asked for.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nobody is signed in, or not just now.
    SignIn,
    /// The operation is not for this person.
    Denied(Operation, Denied),
    /// The person's role has no part in administration.
    NotForRole,
    /// What was asked for is not there, or not any more.
    Failed(Error),
    /// Everything that every page can meet.
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<storage::Error> for Stop {
    fn from(error: storage::Error) -> Self {
        Self::Problem(error.into())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Storage(error) => error.into(),
            error => Self::Failed(error),
        }
    }
}

impl FromRequestParts<AuthorizationServer> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &AuthorizationServer,
    ) -> Result<Self, Infallible> {
        let caller = Caller::from_request_parts(parts, server).await?;
        let uri = match parts.extensions.get::<OriginalUri>() {
            Some(OriginalUri(uri)) => uri.clone(),
            None => parts.uri.clone(),
        };
        Ok(Self {
            server: server.clone(),
            caller,
            headers: parts.headers.clone(),
            uri,
        })
    }
}

/// Somebody who is signed in and has a part in administration.
pub(super) struct Desk<'a> {
    pub(super) visit: &'a Visit,
    pub(super) session: Session,
    pub(super) csrf_token: String,
    who: Administrator,
}

impl Visit {
    /// The person behind the request.
    pub(super) async fn desk(&self) -> Result<Desk<'_>, Stop> {
        let session = session::current(&self.server, &self.headers).await?;
        let session = session.ok_or(Stop::SignIn)?;
        let who = Administrator::person(&session.owner, Some(session.auth_time));
        let browser = Browser::of(&self.server, &self.headers);
        let desk = Desk {
            visit: self,
            csrf_token: browser.administration_token(&session),
            session,
            who,
        };
        if desk.may(Operation::UserList) || desk.may(Operation::AuditSearch) {
            Ok(desk)
        } else {
            Err(Stop::NotForRole)
        }
    }

    /// A form of these pages, from the session that it was shown to.
    pub(super) async fn posted(&self, body: Body) -> Result<(Desk<'_>, Parameters), Stop> {
        let parameters = form(&self.server, &self.headers, body)?;
        let desk = self.desk().await?;
        if !is_token(&desk.csrf_token, parameters.get("csrf_token")) {
            return Err(Problem::NotOurPage.into());
        }
        Ok((desk, parameters))
    }

    /// What the address brought behind its path; nothing where it cannot be read.
    pub(super) fn query(&self) -> Parameters {
        self.read_query().unwrap_or_default()
    }

    /// The same, refused where it cannot be read.
    pub(super) fn read_query(&self) -> Result<Parameters, Problem> {
        let query = self.uri.query().unwrap_or_default();
        Parameters::parse(query.as_bytes()).map_err(|_| Problem::MalformedRequest)
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Path and query, as the page is shown again.
    fn here(&self) -> String {
        self.uri.path_and_query().map_or_else(
            || self.path().to_owned(),
            |path_and_query| path_and_query.as_str().to_owned(),
        )
    }

    pub(super) fn l(&self) -> Language {
        self.caller.language
    }

    pub(super) fn view(&self) -> View<'_> {
        View::new(&self.server, &self.caller).at(self.here())
    }

    /// The page, or what there is in its place.
    pub(super) async fn settle(&self, page: Result<Response, Stop>) -> Response {
        let stop = match page {
            Ok(response) => return response,
            Err(stop) => stop,
        };
        match self.stopped(stop).await {
            Ok(response) => response,
            Err(problem) => problem.respond(&self.server, &self.caller).await,
        }
    }

    async fn stopped(&self, stop: Stop) -> Result<Response, Problem> {
        let (status, told) = match stop {
            Stop::SignIn | Stop::Denied(_, Denied::Stale(_)) => return Ok(self.sign_in()),
            Stop::Problem(problem) => return Err(problem),
            Stop::NotForRole => {
                self.denied("administration", "the role").await?;
                (StatusCode::FORBIDDEN, NOT_FOR_ROLE)
            }
            Stop::Denied(operation, denied) => {
                self.denied(operation.name(), reason(denied)).await?;
                let reach = denied == Denied::Reach;
                let told = if reach { NOT_IN_REACH } else { NOT_FOR_ROLE };
                (StatusCode::FORBIDDEN, told)
            }
            // What an operation has refused is on record already.
            Stop::Failed(error) => told(&error),
        };
        Ok(pages::explain(&self.view(), &self.caller, status, told))
    }

    /// Signs in first, and comes back here. Where to stands in a cookie that only this origin can set, not in the
    /// address: a link from elsewhere leads nowhere (RFC 9700 section 4.11).
    fn sign_in(&self) -> Response {
        let to = format!("/login?then={}", Then::Administration.as_str());
        let mut response = pages::see_other(&to);
        // A file is not come back to: without its search it would be another one.
        let export = self.path().starts_with("/admin/audit/");
        let page = if export { "/admin/audit" } else { self.path() };
        let cookie =
            format!("{RETURN}={page}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=900");
        if is_page(page)
            && let Ok(cookie) = HeaderValue::from_str(&cookie)
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    async fn denied(&self, action: &str, reason: &str) -> Result<(), storage::Error> {
        let session = session::current(&self.server, &self.headers).await?;
        let owner = session.map(|session| session.owner);
        let event = AuditEvent {
            subject: owner.as_ref().map(|owner| owner.id.clone()),
            organization: owner.and_then(|owner| owner.rights.organization),
            reason: Some(reason.to_owned()),
            ..audit::event(&self.server, &self.caller, action, Outcome::Denied)
        };
        self.server.db().audit(event).await
    }
}

impl Desk<'_> {
    /// The operations, for one of them.
    pub(super) fn permit(&self, operation: Operation) -> Result<Administration, Stop> {
        let now = self.visit.server.clock().now();
        let permit = decision::decide(operation, &self.who, now);
        let permit = permit.map_err(|denied| Stop::Denied(operation, denied))?;
        let actor = permit.actor(&self.visit.caller);
        Ok(self.visit.server.administration(actor))
    }

    /// The same for a form: what was shown of the target must still be so.
    pub(super) fn permit_unchanged(
        &self,
        operation: Operation,
        parameters: &Parameters,
    ) -> Result<Administration, Stop> {
        let mut administration = self.permit(operation)?;
        let version = parameters.get("version").map(|it| vec![it.to_owned()]);
        administration.actor = administration.actor.if_unchanged(version);
        Ok(administration)
    }

    /// Whether it is worth showing the way to an operation; a sign-in may still be asked for.
    pub(super) fn may(&self, operation: Operation) -> bool {
        let now = self.visit.server.clock().now();
        !matches!(
            decision::decide(operation, &self.who, now),
            Err(Denied::Role | Denied::Reach | Denied::Scope(_))
        )
    }

    pub(super) fn l(&self) -> Language {
        self.visit.l()
    }
}

/// After the sign-in: on to the page that was asked for.
pub(super) async fn resume(visit: Visit) -> Response {
    let wanted = session::cookie(&visit.headers, RETURN);
    let wanted = wanted.as_ref().map(oauth::Secret::expose);
    let wanted = wanted.filter(|path| is_page(path)).unwrap_or("/admin");
    let mut response = pages::see_other(wanted);
    let gone = HeaderValue::from_static(
        "__Host-administration-return=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    );
    response.headers_mut().append(header::SET_COOKIE, gone);
    response
}

/// A path of these pages, in characters that mean nothing in a cookie or to a browser that looks for another origin.
fn is_page(path: &str) -> bool {
    let rest = path.strip_prefix("/admin");
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.len() <= LONGEST
        && rest.is_some_and(|rest| {
            (rest.is_empty() || rest.starts_with('/')) && rest.bytes().all(allowed)
        })
        && !path.contains("//")
        && !path.split('/').any(|part| part == "..")
        && path != Then::Administration.path()
}

fn reason(denied: Denied) -> &'static str {
    match denied {
        Denied::Role => "the role",
        Denied::Scope(_) => "the scope",
        Denied::Reach => "beyond the own organization",
        Denied::Stale(_) => "the sign-in is too old",
    }
}

fn told(error: &Error) -> (StatusCode, (&'static str, &'static str)) {
    match error {
        Error::NotFound(_) => (
            StatusCode::NOT_FOUND,
            (
                "This is not there",
                "It was removed, it never was, or it is beyond your own organization. Go back to the list.",
            ),
        ),
        Error::Changed => (
            StatusCode::CONFLICT,
            (
                "It was changed meanwhile",
                "Nothing was done. Somebody else has changed it since you opened the page: go back and look again.",
            ),
        ),
        Error::InUse(why) => (StatusCode::CONFLICT, ("This cannot be done now", why)),
        Error::Exists(_) => (
            StatusCode::CONFLICT,
            (
                "This cannot be done now",
                "Nothing was done. Something else stands against it: go back and look again.",
            ),
        ),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, NOT_IN_REACH),
        Error::Invalid { .. } | Error::Storage(_) => (
            StatusCode::BAD_REQUEST,
            (
                "The request cannot be read",
                "Nothing was done. Go back and try again.",
            ),
        ),
    }
}

type Told = (&'static str, &'static str);

const NOT_FOR_ROLE: Told = (
    "This is not for your role",
    "Nothing was done. If your work needs it, ask whoever administers the accounts for another role.",
);
const NOT_IN_REACH: Told = (
    "This is beyond your reach",
    "Nothing was done. You administer your own organization only, give no more than you have, and do not change yourself: ask an administrator of all organizations.",
);
const RETURN: &str = "__Host-administration-return";
/// As many characters as a cookie is read with.
const LONGEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_pages_are_come_back_to() {
        for page in [
            "/admin",
            "/admin/users",
            "/admin/users/u-0a/disable",
            "/admin/clients/a.b~c_d",
        ] {
            assert!(is_page(page), "{page}");
        }
        let long = format!("/admin/{}", "a".repeat(100));
        for other in [
            "",
            "/",
            "/account",
            "/administrator",
            "//evil.example",
            "/admin//evil.example",
            "/admin/../login",
            "/admin\\evil",
            "/admin/a;b",
            "/admin/a b",
            "/admin?x=//e",
            "https://evil.example/admin",
            "/admin/continue",
            "/admin/é",
            &long,
        ] {
            assert!(!is_page(other), "{other}");
        }
    }
}
