//! Signing in with more than before, because an application asks for it (RFC 9470, OpenID Connect Core section 3.1.2.1).
//!
//! The request stays open while the person gives a passkey, or sets up what is missing.

#[cfg(test)]
mod tests;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Body, open, posted};
use crate::assurance::{Assurance, Decision};
use crate::caller::Caller;
use crate::pages::{self, Open, Problem, StepUp, View, settle};
use crate::session::{self, Session};
use crate::{AuthorizationServer, consent, second_factor};

pub(super) async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let open = open(&server, &headers, query).await?;
        let (session, least) = match needed(&server, &headers, &open).await? {
            Ok(needed) => needed,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let Some(least) = least else {
            return consent::unmet(&server, &caller, &open, &session).await;
        };
        let step_up = StepUp {
            username: &session.owner.username,
            factors: second_factor::factors(server.db(), &session.owner.id).await?,
            app_is_enough: least <= Assurance::Aal2,
        };
        let view = View::new(&server, &caller).at(address(&open));
        Ok(pages::step_up(&view, &open, &step_up))
    };
    settle(page.await, &server, &caller).await
}

/// The person does not want to, or cannot: the application is told.
pub(super) async fn submit(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (_, open) = posted(&server, &headers, body).await?;
        match needed(&server, &headers, &open).await? {
            Ok((session, _)) => consent::unmet(&server, &caller, &open, &session).await,
            Err(elsewhere) => Ok(elsewhere),
        }
    };
    settle(page.await, &server, &caller).await
}

/// The session, and what it lacks at least (`None`: what nobody can give); else where it goes on.
async fn needed(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    open: &Open,
) -> Result<Result<(Session, Option<Assurance>), Response>, Problem> {
    let Some(session) = session::current(server, headers).await? else {
        let login = format!("/login?request={}", open.handle);
        return Ok(Err(pages::see_other(&login)));
    };
    Ok(
        match open.request.wish.acr_values.decide(session.assurance) {
            Decision::Enough(_) => {
                let consent = format!("/consent?request={}", open.handle);
                Err(pages::see_other(&consent))
            }
            Decision::StepUp(least) => Ok((session, Some(least))),
            Decision::Impossible => Ok((session, None)),
        },
    )
}

fn address(open: &Open) -> String {
    format!("/login/step-up?request={}", open.handle)
}
