//! What somebody signs in for: an application that asked, or the own account.

use axum::http::{HeaderMap, HeaderValue};
use oauth::Parameters;

use super::{Body, form, open, opened};
use crate::AuthorizationServer;
use crate::authorize::only;
use crate::pages::{Open, Problem, SignIn};
use crate::session::{Browser, is_token};

/// What somebody signs in for.
pub(super) enum Purpose {
    /// An application asked.
    Application(Box<Open>),
    /// The own account.
    Account {
        csrf_token: String,
        then: Then,
        /// What a new browser needs: the token is bound to it.
        cookie: Option<HeaderValue>,
    },
}

/// Which page of the account: never an address that a link brought (RFC 9700 section 4.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Then {
    #[default]
    Account,
    /// Wants a sign-in that has just been.
    Authenticator,
    /// As well.
    Passkeys,
}

impl Then {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Authenticator => "authenticator",
            Self::Passkeys => "passkeys",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Account => "/account",
            Self::Authenticator => "/account/authenticator",
            Self::Passkeys => "/account/passkeys",
        }
    }

    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("authenticator") => Self::Authenticator,
            Some("passkeys") => Self::Passkeys,
            _ => Self::Account,
        }
    }
}

impl Purpose {
    /// As the address of a page says.
    pub(super) async fn of_query(
        server: &AuthorizationServer,
        headers: &HeaderMap,
        query: &str,
    ) -> Result<Self, Problem> {
        let then = only(query.as_bytes(), "then");
        if query.is_empty() || then.is_some() {
            return Ok(Self::account(server, headers, then.as_deref()));
        }
        let open = open(server, headers, Some(query.to_owned())).await?;
        Ok(Self::Application(Box::new(open)))
    }

    /// As a form that was posted says: from our own page, in this browser.
    pub(super) async fn of_form(
        server: &AuthorizationServer,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Parameters, Self), Problem> {
        let parameters = form(server, headers, body)?;
        if parameters.get("request").is_some() {
            let open = opened(server, headers, &parameters).await?;
            return Ok((parameters, Self::Application(Box::new(open))));
        }
        let purpose = Self::account(server, headers, parameters.get("then"));
        let Self::Account { csrf_token, .. } = &purpose else {
            return Err(Problem::NotOurPage);
        };
        if !is_token(csrf_token, parameters.get("csrf_token")) {
            return Err(Problem::NotOurPage);
        }
        Ok((parameters, purpose))
    }

    pub(super) fn account(
        server: &AuthorizationServer,
        headers: &HeaderMap,
        then: Option<&str>,
    ) -> Self {
        let browser = Browser::of(server, headers);
        Self::Account {
            csrf_token: browser.sign_in_token(),
            then: Then::parse(then),
            cookie: browser.set_cookie(server),
        }
    }

    pub(super) fn page(&self) -> SignIn<'_> {
        match self {
            Self::Application(open) => SignIn::Application(open),
            Self::Account {
                csrf_token, then, ..
            } => SignIn::Account {
                csrf_token,
                then: then.as_str(),
            },
        }
    }

    /// Where it goes on once somebody is signed in.
    pub(super) fn next(&self) -> String {
        match self {
            Self::Application(open) => format!("/consent?request={}", open.handle),
            Self::Account { then, .. } => then.path().to_owned(),
        }
    }

    /// The address of one of its pages.
    pub(super) fn address(&self, path: &str) -> String {
        match self {
            Self::Application(open) => format!("{path}?request={}", open.handle),
            Self::Account { then, .. } => format!("{path}?then={}", then.as_str()),
        }
    }

    pub(super) fn client_id(&self) -> Option<String> {
        match self {
            Self::Application(open) => Some(open.request.client_id.clone()),
            Self::Account { .. } => None,
        }
    }
}
