//! What comes back from a provider: the authorization response (OpenID Connect Core section 3.1.2.5, RFC 9207), the
//! code's exchange, and the ID Token.

use jiff::Timestamp;
use oauth::jose::Algorithm;
use oauth::jose::id_token::{self, IdTokenError, IdTokenPolicy, VerifiedIdToken};
use oauth::{Parameters, Secret};
use storage::{Transaction, Work};

use super::discovery::Endpoints;
use super::request::{nonce, verifier};
use super::token::{self, Tokens};
use super::{IdentityProvider, Refused};
use crate::AuthorizationServer;
use crate::session::Browser;
use crate::store::federated::{self, FederatedSignIn, Key};

/// A sign-in of this browser that was begun here and is being answered. It has been used up by that.
pub(crate) struct Pending {
    sign_in: FederatedSignIn,
    state: String,
}

impl Pending {
    /// The address of the page that it was begun for, as a query.
    pub(crate) fn query(&self) -> String {
        match &self.sign_in.request {
            Some(handle) => format!("request={handle}"),
            None => format!("then={}", self.sign_in.page),
        }
    }
}

/// Somebody whom a provider has signed in for this very request. Made in [`authenticate`] only.
pub(crate) struct SignedInThere {
    pub(super) token: VerifiedIdToken,
    /// As it came, for signing out there.
    pub(super) id_token: Secret,
    /// When the person proved who it is, as far as we know.
    pub(super) auth_time: Option<Timestamp>,
}

/// The sign-in that a response answers, used up: `state` comes before everything else that the response says.
pub(crate) async fn take(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    browser: &Browser,
    response: &Parameters,
) -> Result<Option<Pending>, storage::Error> {
    let Some(state) = response.get("state") else {
        return Ok(None);
    };
    let work = Take {
        key: Key {
            state: Secret::received(state.to_owned()).hash(),
            browser: browser.hash(),
        },
        provider: provider.name.clone(),
        now: server.clock().now(),
    };
    let state = state.to_owned();
    let sign_in = server.db().write(work).await?;
    Ok(sign_in.map(|sign_in| Pending { sign_in, state }))
}

/// Who has signed in there. `iss` comes before the error and the code: nothing in another's answer is acted on.
pub(crate) async fn authenticate(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    browser: &Browser,
    pending: Pending,
    response: &Parameters,
) -> Result<SignedInThere, Refused> {
    let now = server.clock().now();
    let endpoints = server.relying_party().endpoints(provider, now).await?;
    let code = code(provider, &endpoints, response)?;
    let malformed = |_| Refused::Untrusted("the state is malformed".to_owned());
    let verifier = verifier(browser, &pending.state).map_err(malformed)?;
    let tokens = token::exchange(server, provider, &endpoints, &code, &verifier).await?;
    let now = server.clock().now();
    let sign_in = &pending.sign_in;
    // What counts is the age at the time of the request, not how long the person took there.
    let taken = now.duration_since(sign_in.begun);
    let policy = IdTokenPolicy {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        nonce: &nonce(browser, &pending.state),
        access_token: tokens.access_token.expose(),
        allowed_algorithms: &Algorithm::ALL,
        max_age: sign_in.max_age.map(|age| age.saturating_add(taken)),
    };
    let token = verified(server, provider, &endpoints, &tokens, &policy).await?;
    let earliest = sign_in
        .max_age
        .and_then(|age| sign_in.begun.checked_sub(age).ok());
    let auth_time = token.auth_time().map(|at| {
        let at = at.min(now);
        earliest.map_or(at, |earliest| at.max(earliest))
    });
    Ok(SignedInThere {
        token,
        id_token: tokens.id_token,
        auth_time,
    })
}

fn code(
    provider: &IdentityProvider,
    endpoints: &Endpoints,
    response: &Parameters,
) -> Result<Secret, Refused> {
    let untrusted = |why: &str| Err(Refused::Untrusted(why.to_owned()));
    match response.get("iss") {
        Some(iss) if iss != provider.issuer => return untrusted("another issuer's response"),
        // RFC 9207 section 2.4: who promised it must send it.
        None if endpoints.sends_iss => return untrusted("a response without iss"),
        _ => {}
    }
    if let Some(error) = response.get("error") {
        return Err(Refused::of_error(error));
    }
    match response.get("code") {
        Some(code) => Ok(Secret::received(code.to_owned())),
        None => untrusted("neither code nor error"),
    }
}

/// With a key that is not known the keys are fetched again, once: the provider may have rotated them.
async fn verified(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    endpoints: &Endpoints,
    tokens: &Tokens,
    policy: &IdTokenPolicy<'_>,
) -> Result<VerifiedIdToken, Refused> {
    let now = server.clock().now();
    let no_keys = || Refused::Unavailable("its keys cannot be fetched".to_owned());
    let mut renew = false;
    loop {
        let keys = server.relying_party();
        let keys = keys.keys(provider, endpoints, now, renew).await;
        let keys = keys.ok_or_else(no_keys)?;
        match id_token::verify(tokens.id_token.expose(), &keys, policy, now) {
            Err(IdTokenError::UnknownKey) if !renew => renew = true,
            verified => return Ok(verified?),
        }
    }
}

struct Take {
    key: Key,
    provider: String,
    now: Timestamp,
}

impl Work for Take {
    type Output = Option<FederatedSignIn>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, storage::Error> {
        federated::consume(tx, &self.key, &self.provider, self.now).await
    }
}
