//! Signing in at an organization's own OpenID Provider, whose relying party this server is then: OpenID Connect Core
//! 1.0 section 3.1 (code flow), Discovery 1.0, RP-Initiated Logout 1.0, with RFC 7636 and RFC 9207.
//!
//! | step | module |
//! |---|---|
//! | where the provider's endpoints and keys are | `discovery` |
//! | sending the person there | `request` |
//! | what comes back: `state`, `iss`, code, ID Token | `response`, `token` |
//! | what the claims give here | `mapping` |
//! | whom of our people it is | `person` |
//! | signing out there too | `sign_out` |
//!
//! Only providers of the configuration are asked, over HTTPS and without following redirects.

mod discovery;
mod mapping;
mod person;
mod refused;
mod request;
mod response;
mod settings;
pub(crate) mod sign_out;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use outbound::Outbound;
use url::Url;

use crate::AuthorizationServer;
use crate::remote_jwks::RemoteJwks;
use crate::store::{federated, users};
use discovery::{Endpoints, Entry};

pub(crate) use person::{Admitted, admit};
pub(crate) use refused::{Refused, Told};
pub(crate) use request::{Demand, begin};
pub(crate) use response::{Pending, authenticate, take};
pub use settings::{Credentials, Given, IdentityProvider, Mapping};

/// What is known about the providers, and how they are asked.
pub(crate) struct RelyingParty {
    outbound: Outbound,
    /// By the provider's name; held while fetching, so that there is one fetch at a time.
    entries: HashMap<String, tokio::sync::Mutex<Entry>>,
    /// What was found last, for pages that do not wait.
    known: Mutex<HashMap<String, Arc<Endpoints>>>,
    /// Keys on the issuer's own origin, which stands in the configuration.
    own_keys: RemoteJwks,
    /// Keys elsewhere, where the provider's metadata says.
    other_keys: RemoteJwks,
}

impl RelyingParty {
    pub(crate) fn new(outbound: &Outbound, providers: &[IdentityProvider]) -> Self {
        let entries = providers
            .iter()
            .map(|provider| (provider.name.clone(), tokio::sync::Mutex::default()));
        Self {
            outbound: outbound.clone(),
            entries: entries.collect(),
            known: Mutex::default(),
            own_keys: RemoteJwks::anywhere(outbound.clone()),
            other_keys: RemoteJwks::new(outbound.clone()),
        }
    }

    fn known(&self, provider: &IdentityProvider) -> Option<Arc<Endpoints>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&provider.name).cloned()
    }

    fn remember(&self, provider: &IdentityProvider, endpoints: &Arc<Endpoints>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(provider.name.clone(), Arc::clone(endpoints));
    }
}

/// The provider of a name.
pub(crate) fn find<'a>(
    server: &'a AuthorizationServer,
    name: &str,
) -> Option<&'a IdentityProvider> {
    let providers = &server.config().identity_providers;
    providers.iter().find(|provider| provider.name == name)
}

/// Where the buttons of a sign-in page lead.
pub(crate) fn form_targets(server: &AuthorizationServer) -> Vec<String> {
    let mut targets = Vec::new();
    for provider in &server.config().identity_providers {
        let known = server.relying_party().known(provider);
        targets.push(provider.issuer.clone());
        targets.extend(known.map(|it| it.authorization.to_string()));
        targets.extend(provider.redirect_origins.iter().map(Url::to_string));
    }
    targets
}

/// What the buttons name that a person signs in with, and the issuers that have no button any more.
pub(crate) async fn labels(
    server: &AuthorizationServer,
    user_id: &str,
) -> Result<Vec<String>, storage::Error> {
    let identities = federated::of_user(server.db(), user_id).await?;
    let providers = &server.config().identity_providers;
    let label = |issuer: String| {
        let found = providers.iter().find(|provider| provider.issuer == issuer);
        found.map_or(issuer, |provider| provider.label.clone())
    };
    Ok(identities.into_iter().map(|it| label(it.issuer)).collect())
}

/// Whether nothing but an organization's own provider signs a person in: one who was made so, and has been given no
/// password since.
pub(crate) async fn signs_in_elsewhere_only(
    server: &AuthorizationServer,
    user_id: &str,
) -> Result<bool, storage::Error> {
    let identities = federated::of_user(server.db(), user_id).await?;
    Ok(!identities.is_empty() && !users::has_password(server.db(), user_id).await?)
}

/// Our redirect URI there (OpenID Connect Core section 3.1.2.1): one per provider, so that the answer of one cannot
/// pass for another's (RFC 9700 section 4.4).
pub(crate) fn redirect_uri(server: &AuthorizationServer, provider: &IdentityProvider) -> String {
    server.endpoint(&format!("/login/with/{}/callback", provider.name))
}
