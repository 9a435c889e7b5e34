//! Signing out at the provider too: OpenID Connect RP-Initiated Logout 1.0 section 2.

use jiff::Timestamp;
use oauth::{Secret, SecretHash};
use storage::{Transaction, Work};
use url::Url;

use super::{IdentityProvider, find};
use crate::AuthorizationServer;
use crate::session::{Browser, Session};
use crate::store::federated;

/// What is remembered of a sign-in for signing out again.
pub(super) struct Prepared {
    pub(super) browser: SecretHash,
    /// Sealed: it names a person.
    pub(super) id_token: Vec<u8>,
    pub(super) expires: Timestamp,
}

/// Only where the provider's setting asks for it.
pub(super) fn prepare(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    browser: &Browser,
    id_token: &Secret,
) -> Option<Prepared> {
    if !provider.sign_out_there {
        return None;
    }
    let text = id_token.expose().as_bytes();
    let id_token = server
        .encryption()
        .seal(&bound_to(browser), text, server.random())?;
    Some(Prepared {
        browser: browser.hash(),
        id_token,
        expires: server.clock().now() + server.config().lifetimes.session_absolute,
    })
}

/// Where this browser goes on to when this session ends: `None` when it is signed in nowhere else, or the provider
/// has no such page. That never keeps anybody from signing out here.
pub(crate) async fn address(
    server: &AuthorizationServer,
    browser: &Browser,
    session: &Session,
) -> Result<Option<Url>, storage::Error> {
    if server.config().identity_providers.is_empty() {
        return Ok(None);
    }
    let now = server.clock().now();
    let (hash, user_id) = (browser.hash(), &session.owner.id);
    let found = federated::find_sign_out(server.db(), &hash, user_id, now).await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let provider = find(server, &found.identity_provider).filter(|it| it.sign_out_there);
    let Some(provider) = provider else {
        return Ok(None);
    };
    let endpoints = server.relying_party().endpoints(provider, now).await.ok();
    let Some(mut url) = endpoints.and_then(|it| it.end_session.clone()) else {
        return Ok(None);
    };
    let id_token = server
        .encryption()
        .open(&bound_to(browser), &found.id_token);
    let id_token = id_token.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let mut pairs = url.query_pairs_mut();
    pairs
        .append_pair("client_id", &provider.client_id)
        .append_pair("post_logout_redirect_uri", &server.endpoint("/logout"));
    // A long address would be refused; the client id tells who asks as well.
    if let Some(hint) = id_token.filter(|it| it.len() <= HINT) {
        pairs.append_pair("id_token_hint", &hint);
    }
    drop(pairs);
    Ok(Some(url))
}

/// Once a browser has gone there.
pub(crate) async fn forget(
    server: &AuthorizationServer,
    browser: &Browser,
) -> Result<(), storage::Error> {
    server.db().write(Forget(browser.hash())).await
}

fn bound_to(browser: &Browser) -> String {
    format!("id token {:?}", browser.hash().as_bytes())
}

struct Forget(SecretHash);

impl Work for Forget {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        federated::forget_sign_out(tx, &self.0).await
    }
}

/// Servers take addresses of 8 KiB at least.
const HINT: usize = 6 * 1024;
