//! What every page shares that changes how a person signs in: it wants a sign-in that has just been, and leads back to
//! the application that asked for more.

use axum::http::HeaderMap;
use oauth::Parameters;

use super::posted;
use crate::AuthorizationServer;
use crate::login::{Body, Then, find};
use crate::pages::Problem;
use crate::session::{self, Browser, Session};

/// A form from somebody who has just signed in.
pub(super) struct Changing {
    pub(super) parameters: Parameters,
    pub(super) session: Session,
    pub(super) back: Back,
}

impl Changing {
    /// Reads a form.
    ///
    /// # Errors
    /// [`Problem::SignIn`], and back to `then`, when the sign-in is over or not of the last minutes.
    pub(super) async fn of_form(
        server: &AuthorizationServer,
        headers: &HeaderMap,
        body: Body,
        then: Then,
    ) -> Result<Self, Problem> {
        let (parameters, session) = match posted(server, headers, body).await {
            Err(Problem::SignIn(_)) => return Err(Back(None).sign_in_again(then)),
            posted => posted?,
        };
        let back = Back::of(server, headers, parameters.get("request")).await?;
        if !session.is_fresh(server.clock().now()) {
            return Err(back.sign_in_again(then));
        }
        Ok(Self {
            parameters,
            session,
            back,
        })
    }
}

/// The session of a page that has just begun.
pub(super) async fn fresh_session(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    back: &Back,
    then: Then,
) -> Result<Session, Problem> {
    let session = session::current(server, headers).await?;
    let session = session.filter(|session| session.is_fresh(server.clock().now()));
    session.ok_or_else(|| back.sign_in_again(then))
}

/// The application's request that is kept meanwhile: one of this browser that has not expired, or none.
pub(super) struct Back(Option<String>);

impl Back {
    pub(super) async fn of(
        server: &AuthorizationServer,
        headers: &HeaderMap,
        handle: Option<&str>,
    ) -> Result<Self, Problem> {
        let Some(handle) = handle else {
            return Ok(Self(None));
        };
        match find(server, &Browser::of(server, headers), handle).await {
            Ok(open) => Ok(Self(Some(open.handle))),
            Err(Problem::Unavailable(error)) => Err(Problem::Unavailable(error)),
            Err(_) => Ok(Self(None)),
        }
    }

    pub(super) fn handle(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// A page of the account that keeps it.
    pub(super) fn address(&self, path: &str) -> String {
        match &self.0 {
            Some(handle) => format!("{path}?request={handle}"),
            None => path.to_owned(),
        }
    }

    /// Where it goes on once something is set up.
    pub(super) fn next(&self) -> String {
        match &self.0 {
            Some(handle) => format!("/consent?request={handle}"),
            None => Then::Account.path().to_owned(),
        }
    }

    /// To the page to sign in on, and from there back.
    fn sign_in_again(&self, then: Then) -> Problem {
        Problem::SignIn(self.login(then))
    }

    pub(super) fn login(&self, then: Then) -> String {
        match &self.0 {
            Some(handle) => format!("/login?request={handle}"),
            None => format!("/login?then={}", then.as_str()),
        }
    }
}
