//! The second step of signing in for a person whose role demands a second factor and who has none yet: setting up
//! an authenticator app.
//!
//! It cannot replace an app that is in use: of such a person nothing can be proposed, and without a proposal
//! nothing can be confirmed.

#[cfg(test)]
mod tests;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use oauth::SecretHash;
use storage::{Transaction, Work};

use super::Body;
use super::code::waiting;
use super::purpose::Purpose;
use crate::authorize::only;
use crate::caller::Caller;
use crate::pages::{self, Problem, View, settle};
use crate::second_factor::{self, Factor};
use crate::session::{self, SecondStep};
use crate::store::second_factors::{self, Pending, Proposal};
use crate::{AuthorizationServer, ResourceOwner};

pub(super) async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let query = query.unwrap_or_default();
        let handle = only(query.as_bytes(), "pending").ok_or(Problem::NoRequest)?;
        let purpose = Purpose::of_query(&server, &headers, &query).await?;
        let (owner, pending, _) = unprotected(&server, &headers, &handle).await?;
        let view = View::new(&server, &caller).at(here(&purpose, &handle));
        page(&view, &owner, &purpose, (&handle, &pending), None).await
    };
    settle(page.await, &server, &caller).await
}

pub(super) async fn submit(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, purpose) = Purpose::of_form(&server, &headers, body).await?;
        let handle = parameters.get("pending").ok_or(Problem::NoRequest)?;
        let (owner, pending, browser) = unprotected(&server, &headers, handle).await?;
        let stored = second_factor::proposed(&server, &owner.id, &pending).await?;
        let stored = stored.ok_or(Problem::RequestOver)?;
        let digits = parameters.get("code").unwrap_or_default();
        let Some(step) = second_factor::step(&server, &owner.id, &stored, digits)? else {
            let view = View::new(&server, &caller).at(here(&purpose, handle));
            let wrong = Some(second_factor::WRONG);
            return page(&view, &owner, &purpose, (handle, &pending), wrong).await;
        };
        let (codes, hashes) = second_factor::recovery_codes(&owner.id, server.random());
        let step = SecondStep {
            owner: &owner,
            pending: Some((pending, browser)),
            ends: None,
            factor: Factor::New {
                proposal: Proposal {
                    user_id: owner.id.clone(),
                    secret: stored.secret,
                    to: pending,
                },
                step,
                hashes,
            },
        };
        let begun = session::begin_with_factor(&server, step, &headers, &caller).await?;
        let cookie = begun.ok_or(Problem::RequestOver)?;
        let mut response =
            pages::recovery_codes(&View::new(&server, &caller), &codes, &purpose.next());
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

/// The waiting person, who has no second factor. With one, whoever knows the password would otherwise set up an app
/// beside it here.
async fn unprotected(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    handle: &str,
) -> Result<(ResourceOwner, SecretHash, SecretHash), Problem> {
    let waiting = waiting(server, headers, handle).await?;
    if second_factors::is_enrolled(server.db(), &waiting.0.id).await? {
        return Err(Problem::RequestOver);
    }
    Ok(waiting)
}

fn here(purpose: &Purpose, handle: &str) -> String {
    format!("{}&pending={handle}", purpose.address("/login/enrol"))
}

async fn page(
    view: &View<'_>,
    owner: &ResourceOwner,
    purpose: &Purpose,
    (handle, pending): (&str, &SecretHash),
    error: Option<&'static str>,
) -> Result<Response, Problem> {
    let stored = second_factor::proposed(view.server, &owner.id, pending).await?;
    let stored = stored.ok_or(Problem::RequestOver)?;
    let setup = second_factor::setup(view.server, &owner.id, &owner.username, &stored)?;
    Ok(pages::enrol(view, purpose.page(), handle, &setup, error))
}

/// Begins the waiting with a new app to be set up.
pub(super) struct Begin {
    pub(super) pending: Pending,
    pub(super) proposal: Proposal,
    pub(super) now: jiff::Timestamp,
}

impl Work for Begin {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        second_factors::propose(tx, &self.proposal, self.now).await?;
        second_factors::insert_pending(tx, &self.pending).await
    }
}
