//! Sending a person to a provider: the authentication request of OpenID Connect Core section 3.1.2.1.

use jiff::SignedDuration;
use oauth::pkce::{CodeVerifier, S256};
use oauth::{Error as OauthError, Secret};
use storage::{Transaction, Work};
use url::Url;

use super::{IdentityProvider, Refused, redirect_uri};
use crate::AuthorizationServer;
use crate::pages::Problem;
use crate::session::Browser;
use crate::store::authorization_requests::AuthorizationRequest;
use crate::store::federated::{self, FederatedSignIn, Key};

/// What the sign-in there has to be like.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// The oldest that counts; zero: the person signs in again.
    pub(crate) max_age: Option<SignedDuration>,
    /// Who is expected.
    pub(crate) login_hint: Option<String>,
}

impl Demand {
    /// As an application's request says.
    pub(crate) fn of(request: &AuthorizationRequest) -> Self {
        let fresh = request.fresh_login.then_some(SignedDuration::ZERO);
        Self {
            max_age: fresh.or(request.wish.max_age),
            login_hint: request.wish.login_hint.clone(),
        }
    }

    /// A sign-in of just now.
    pub(crate) fn fresh() -> Self {
        Self {
            max_age: Some(SignedDuration::ZERO),
            login_hint: None,
        }
    }
}

/// Begins a sign-in for this browser: where to send it. What has to be remembered is one row, which another browser
/// cannot use.
pub(crate) async fn begin(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    browser: &Browser,
    purpose: (Option<String>, &str),
    demand: &Demand,
) -> Result<Result<Url, Refused>, Problem> {
    let now = server.clock().now();
    let endpoints = match server.relying_party().endpoints(provider, now).await {
        Ok(endpoints) => endpoints,
        Err(refused) => return Ok(Err(refused)),
    };
    let state = Secret::generate(server.random());
    let (request, page) = purpose;
    let sign_in = FederatedSignIn {
        identity_provider: provider.name.clone(),
        request,
        page: page.to_owned(),
        max_age: demand.max_age,
        begun: now,
    };
    let key = Key {
        state: state.hash(),
        browser: browser.hash(),
    };
    server.db().write(Begin(key, sign_in)).await?;
    let verifier = verifier(browser, state.expose()).map_err(|_| Problem::MalformedRequest)?;
    let mut url = endpoints.authorization.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("response_mode", "query")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &redirect_uri(server, provider))
        .append_pair("scope", &provider.scope)
        .append_pair("state", state.expose())
        .append_pair("nonce", &nonce(browser, state.expose()))
        .append_pair("code_challenge", verifier.challenge().as_str())
        .append_pair("code_challenge_method", S256);
    add(&mut url, demand);
    Ok(Ok(url))
}

fn add(url: &mut Url, demand: &Demand) {
    let mut pairs = url.query_pairs_mut();
    if let Some(age) = demand.max_age {
        pairs.append_pair("max_age", &age.as_secs().to_string());
        if age.is_zero() {
            // Some providers know only this.
            pairs.append_pair("prompt", "login");
        }
    }
    if let Some(hint) = &demand.login_hint {
        pairs.append_pair("login_hint", hint);
    }
}

/// Derived from the browser's cookie, which has 256 random bits, and the state, which has as many: who reads our
/// database finds neither this nor the code verifier there.
pub(super) fn nonce(browser: &Browser, state: &str) -> String {
    browser.derived("nonce", state)
}

/// RFC 7636 section 4.1.
pub(super) fn verifier(browser: &Browser, state: &str) -> Result<CodeVerifier, OauthError> {
    CodeVerifier::parse(&browser.derived("code verifier", state))
}

struct Begin(Key, FederatedSignIn);

impl Work for Begin {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        federated::begin(tx, &self.0, &self.1, self.1.begun + WAITING).await
    }
}

/// How long somebody may take to sign in there.
const WAITING: SignedDuration = SignedDuration::from_mins(10);
