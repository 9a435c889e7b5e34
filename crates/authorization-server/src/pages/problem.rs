//! Pages that say why nothing was done, and what to do.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::View;
use super::answer::{self, FormTarget};
use crate::administration::administrator_links;
use crate::caller::Caller;
use crate::{AuthorizationServer, audit};

/// Why there is no page and no redirect.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No client of that id, or a disabled one.
    UnknownClient,
    /// The redirect URI is absent or not registered.
    WrongRedirectUri,
    /// The `request_uri` is unknown, used, expired or another client's (RFC 9126 section 4).
    UnknownRequestUri,
    /// Parameters repeated or unreadable.
    MalformedRequest,
    /// The body is too large or broke off.
    Unreadable(StatusCode),
    /// The address of a page of ours, typed or kept: it belongs to no request.
    NoRequest,
    /// Expired, decided already, or another browser's.
    RequestOver,
    /// Somebody has to sign in first, at this address of ours: no page, and nothing for the audit.
    SignIn(String),
    /// The form did not come from our page in this browser.
    NotOurPage,
    /// An administrator's link that is used, expired, replaced or unknown.
    LinkOver,
    /// Passwords open nothing at this party.
    NoPasswords,
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
        if let Self::SignIn(address) = &self {
            return answer::see_other(address);
        }
        let mut event = audit::event(server, caller, self.action(), storage::Outcome::Denied);
        event.reason = Some(self.told().0.to_owned());
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
        let view = View::new(server, caller);
        let mut response = show(&view, caller, self.status(), self.told());
        if matches!(self, Self::Unavailable(_)) {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// What was asked for, as the audit names it.
    fn action(&self) -> &'static str {
        match self {
            Self::LinkOver => administrator_links::USE,
            _ => "authorize",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotOurPage | Self::NoPasswords => StatusCode::FORBIDDEN,
            Self::Unreadable(status) => *status,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What happened, and what to do.
    fn told(&self) -> Told {
        match self {
            Self::UnknownClient => (
                "This application is not known here",
                "The application that sent you is not registered, or no longer. Tell whoever runs it.",
            ),
            Self::WrongRedirectUri => (
                "This application asked to return to an unknown address",
                "To protect you, you are not sent there. Tell whoever runs the application.",
            ),
            Self::UnknownRequestUri => (
                "This request is over",
                "It was used already or has expired. Go back to the application and start again.",
            ),
            Self::MalformedRequest => (
                "The request cannot be read",
                "Go back to the application and start again. If that does not help, tell whoever runs it.",
            ),
            Self::Unreadable(_) => (
                "The request cannot be read",
                "It is too large, or it broke off. Go back to the application and start again.",
            ),
            // A redirect, whose page says the rest.
            Self::NoRequest | Self::SignIn(_) => (
                "Start from the application",
                "This page is shown when an application asks you to sign in. Go to the application and sign in from there.",
            ),
            Self::RequestOver => (
                "This sign-in is over",
                "It was finished, it has expired, or it was begun in another browser. Go back to the application and start again.",
            ),
            Self::NotOurPage => (
                "This form did not come from our page",
                "Nothing was done. Go back to the application and start again. If it happens again, allow cookies for this site.",
            ),
            Self::LinkOver => (
                "This link is over",
                "It was used already, it has expired, or a newer one was made. Whoever has a shell on the server makes another one, as often as needed, with the command: vitalgate admin recover",
            ),
            Self::NoPasswords => (
                "Nobody signs in with a password here",
                "Use the account of your organization: go back to the sign-in page and choose it there.",
            ),
            Self::Unavailable(_) => (
                "This does not work at the moment",
                "Nothing was done. Try again in a minute.",
            ),
        }
    }
}

/// What happened, and what to do.
pub(super) type Told = (&'static str, &'static str);

/// The page that says so, with the reference that log and audit have.
pub(super) fn show(
    view: &View<'_>,
    caller: &Caller,
    status: StatusCode,
    (heading, text): Told,
) -> Response {
    let page = ErrorPage {
        view,
        heading: view.l.t(heading),
        text: view.l.t(text),
        reference: caller.request_id.as_deref(),
    };
    answer::page(status, page.render(), FormTarget::Own)
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    view: &'a View<'a>,
    heading: &'a str,
    text: &'a str,
    reference: Option<&'a str>,
}
