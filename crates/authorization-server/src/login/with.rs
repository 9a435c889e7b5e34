//! Signing in with an organization's own OpenID Provider: the button, and the way back.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use oauth::Parameters;
use storage::{AuditEvent, Outcome};

use super::purpose::{Purpose, Then};
use super::{Body, code};
use crate::caller::Caller;
use crate::pages::{self, Problem, View, settle};
use crate::relying_party::{self, Demand, IdentityProvider, Pending, Refused};
use crate::resource_owner::{self, Authenticated};
use crate::session::{self, Browser};
use crate::{AuthorizationServer, audit};

/// Sends the person there. A form of ours only: no other site can begin a sign-in in somebody's browser.
pub(super) async fn submit(
    State(server): State<AuthorizationServer>,
    Path(name): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (_, purpose) = Purpose::of_form(&server, &headers, body).await?;
        let provider = relying_party::find(&server, &name).ok_or(Problem::NoRequest)?;
        let (demand, stored) = match &purpose {
            Purpose::Application(open) => {
                (Demand::of(&open.request), (Some(open.handle.clone()), ""))
            }
            Purpose::Account { then, .. } if *then == Then::Account => {
                (Demand::default(), (None, then.as_str()))
            }
            Purpose::Account { then, .. } => (Demand::fresh(), (None, then.as_str())),
        };
        let browser = Browser::of(&server, &headers);
        match relying_party::begin(&server, provider, &browser, stored, &demand).await? {
            Ok(there) => Ok(pages::see_other(there.as_str())),
            Err(refused) => {
                let turn = Turn::new(&server, &caller, provider, Some(&purpose));
                turn.refuse(&refused).await
            }
        }
    };
    settle(page.await, &server, &caller).await
}

/// The way back.
pub(super) async fn callback(
    State(server): State<AuthorizationServer>,
    Path(name): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let provider = relying_party::find(&server, &name).ok_or(Problem::NoRequest)?;
        let response = Parameters::parse(query.unwrap_or_default().as_bytes());
        let response = response.map_err(|_| Problem::MalformedRequest)?;
        let browser = Browser::of(&server, &headers);
        let pending = relying_party::take(&server, provider, &browser, &response).await?;
        let Some(pending) = pending else {
            let turn = Turn::new(&server, &caller, provider, None);
            return turn.refuse(&Refused::Over).await;
        };
        let purpose = Purpose::of_query(&server, &headers, &pending.query()).await?;
        let turn = Turn::new(&server, &caller, provider, Some(&purpose));
        turn.end(&headers, &browser, pending, &response).await
    };
    settle(page.await, &server, &caller).await
}

/// One sign-in at a provider.
struct Turn<'a> {
    server: &'a AuthorizationServer,
    caller: &'a Caller,
    provider: &'a IdentityProvider,
    purpose: Option<&'a Purpose>,
}

impl<'a> Turn<'a> {
    fn new(
        server: &'a AuthorizationServer,
        caller: &'a Caller,
        provider: &'a IdentityProvider,
        purpose: Option<&'a Purpose>,
    ) -> Self {
        Self {
            server,
            caller,
            provider,
            purpose,
        }
    }

    /// Signed in here, or sent on to the second factor, or told why not.
    async fn end(
        &self,
        headers: &HeaderMap,
        browser: &Browser,
        pending: Pending,
        response: &Parameters,
    ) -> Result<Response, Problem> {
        let (server, caller, provider) = (self.server, self.caller, self.provider);
        let found = relying_party::authenticate(server, provider, browser, pending, response).await;
        let admitted = match found {
            Ok(there) => relying_party::admit(server, caller, provider, browser, there).await?,
            Err(refused) => Err(refused),
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refused) => return self.refuse(&refused).await,
        };
        let purpose = self.purpose.ok_or(Problem::RequestOver)?;
        let auth_time = admitted.auth_time();
        match resource_owner::federated(server, admitted).await? {
            Authenticated::Half(half) => {
                let at = session::elsewhere(auth_time, server.clock().now());
                code::ask(server, headers, purpose, &half, Some(at)).await
            }
            Authenticated::Whole(owner) => {
                let begun = session::begin_elsewhere(server, &owner, auth_time, headers, caller);
                let cookie = begun.await?;
                let mut response = pages::see_other(&purpose.next());
                response.headers_mut().append(header::SET_COOKIE, cookie);
                Ok(response)
            }
        }
    }

    async fn refuse(&self, refused: &Refused) -> Result<Response, Problem> {
        let event = AuditEvent {
            reason: Some(format!("{}: {}", self.provider.name, refused.reason())),
            client_id: self.purpose.and_then(Purpose::client_id),
            ..audit::event(
                self.server,
                self.caller,
                "login.identity-provider",
                Outcome::Denied,
            )
        };
        self.server.db().audit(event).await?;
        let back = self.purpose.map(|purpose| purpose.address("/login"));
        let reference = self.caller.request_id.as_deref();
        let view = View::new(self.server, self.caller);
        let page = pages::refused_there(&view, self.provider, refused, back.as_deref(), reference);
        Ok(page)
    }
}
