//! Where a provider's endpoints and keys are: OpenID Connect Discovery 1.0 section 4.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use oauth::jose::Jwks;
use oauth::openid::OpenIdProviderMetadata;
use oauth::strict;
use outbound::{HeaderValue, Purpose, Request, StatusCode, header};
use url::Url;

use super::settings::IdentityProvider;
use super::{Refused, RelyingParty};

/// The endpoints of a provider that answered as itself.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) jwks: Url,
    pub(super) end_session: Option<Url>,
    /// Whether it promises `iss` in authorization responses.
    pub(super) sends_iss: bool,
    /// Whether it takes a client secret in the body only.
    pub(super) secret_in_body: bool,
}

/// What is kept of a provider.
#[derive(Default)]
pub(super) struct Entry {
    endpoints: Option<(Arc<Endpoints>, Timestamp)>,
    asked: Option<Timestamp>,
}

impl RelyingParty {
    /// The endpoints: kept ones, or asked for again after a while. Where that fails, what was known yesterday still
    /// counts: it decides nothing, the keys do.
    pub(super) async fn endpoints(
        &self,
        provider: &IdentityProvider,
        now: Timestamp,
    ) -> Result<Arc<Endpoints>, Refused> {
        let unknown = || Refused::Unavailable("the provider is not configured".to_owned());
        let entry = self.entries.get(&provider.name).ok_or_else(unknown)?;
        let mut entry = entry.lock().await;
        let age = |at: &Timestamp| now.duration_since(*at);
        if let Some((known, at)) = &entry.endpoints
            && age(at) < KEPT
        {
            return Ok(Arc::clone(known));
        }
        let pausing = entry.asked.as_ref().is_some_and(|at| age(at) < PAUSE);
        let asked = if pausing {
            Err("it did not answer a moment ago".to_owned())
        } else {
            entry.asked = Some(now);
            self.ask(provider).await
        };
        match (asked, &entry.endpoints) {
            (Ok(endpoints), _) => {
                let endpoints = Arc::new(endpoints);
                entry.endpoints = Some((Arc::clone(&endpoints), now));
                self.remember(provider, &endpoints);
                Ok(endpoints)
            }
            (Err(reason), Some((known, at))) if age(at) < STALE => {
                tracing::warn!(provider = provider.name, %reason, "no new metadata");
                Ok(Arc::clone(known))
            }
            (Err(reason), _) => Err(Refused::Unavailable(format!("metadata: {reason}"))),
        }
    }

    /// The provider's keys; fetched again if the last ones lacked one.
    pub(super) async fn keys(
        &self,
        provider: &IdentityProvider,
        endpoints: &Endpoints,
        now: Timestamp,
        renew: bool,
    ) -> Option<Arc<Jwks>> {
        let keys = if is_own(provider, &endpoints.jwks) {
            &self.own_keys
        } else {
            &self.other_keys
        };
        if renew {
            keys.renewed(endpoints.jwks.as_str(), now).await
        } else {
            keys.keys(endpoints.jwks.as_str(), now).await
        }
    }

    async fn ask(&self, provider: &IdentityProvider) -> Result<Endpoints, String> {
        let url = metadata_url(&provider.issuer).ok_or("the issuer is no URL")?;
        let request = Request::get(url, Purpose::Discovery)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .deadline(DEADLINE);
        let answer = self.outbound.send(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK || answer.body.len() > BYTES {
            return Err(format!("status {}", answer.status.as_u16()));
        }
        let metadata: OpenIdProviderMetadata =
            strict::read(&answer.body).ok_or("no metadata document")?;
        checked(provider, &metadata).map_err(str::to_owned)
    }
}

/// A request to a provider's endpoint. Its own origin stands in our configuration; where its metadata leads
/// elsewhere, that must be a public address.
pub(super) fn guarded(provider: &IdentityProvider, request: Request) -> Request {
    if is_own(provider, &request.url) {
        request
    } else {
        request.public_only()
    }
}

fn is_own(provider: &IdentityProvider, url: &Url) -> bool {
    Url::parse(&provider.issuer).is_ok_and(|issuer| issuer.origin() == url.origin())
}

/// Section 4.1: after the whole issuer identifier.
fn metadata_url(issuer: &str) -> Option<Url> {
    let issuer = issuer.trim_end_matches('/');
    Url::parse(&format!("{issuer}/.well-known/openid-configuration")).ok()
}

/// Section 4.3: the document's issuer must be the one asked for, to the letter; otherwise one provider could pass
/// off another's endpoints as its own, and we would send our code and credentials there.
fn checked(
    provider: &IdentityProvider,
    metadata: &OpenIdProviderMetadata,
) -> Result<Endpoints, &'static str> {
    if metadata.issuer != provider.issuer {
        return Err("it names another issuer");
    }
    let methods = &metadata.token_endpoint_auth_methods_supported;
    let takes = |method: &str| methods.iter().any(|it| it == method);
    Ok(Endpoints {
        authorization: needed(metadata.authorization_endpoint.as_deref())?,
        token: needed(metadata.token_endpoint.as_deref())?,
        jwks: needed(metadata.jwks_uri.as_deref())?,
        end_session: metadata
            .end_session_endpoint
            .as_deref()
            .map(https)
            .transpose()?,
        sends_iss: metadata
            .authorization_response_iss_parameter_supported
            .unwrap_or(false),
        secret_in_body: takes("client_secret_post") && !takes("client_secret_basic"),
    })
}

fn needed(endpoint: Option<&str>) -> Result<Url, &'static str> {
    https(endpoint.ok_or("an endpoint is missing")?)
}

fn https(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "an endpoint is no URL")?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if url.scheme() != "https" || !plain {
        return Err("an endpoint is no plain https URL");
    }
    Ok(url)
}

/// Endpoints hardly ever move; ten minutes bound the wait when they do.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// How long a provider's word counts that gives no new one.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// Between two questions, whatever came of the first: everybody can press the button.
const PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// A person waits meanwhile.
const DEADLINE: Duration = Duration::from_secs(5);
/// Metadata is a few KiB.
const BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use outbound::Reach;

    use super::super::testing::provider;
    use super::*;

    /// Metadata must not make us knock at doors inside our own network, but where the configuration says so.
    #[test]
    fn only_the_issuer_s_own_origin_may_be_inside_our_network() {
        for (issuer, endpoint, expected) in [
            (
                "https://sso.state.example/realms/x",
                "https://sso.state.example/token",
                Reach::Anywhere,
            ),
            (
                "https://sso.state.example",
                "https://sso.state.example:443/token",
                Reach::Anywhere,
            ),
            (
                "https://sso.state.example",
                "https://sso.state.example:8443/token",
                Reach::Public,
            ),
            (
                "https://sso.state.example",
                "https://10.0.0.1/token",
                Reach::Public,
            ),
            (
                "https://sso.state.example",
                "https://sso.state.example.evil.example/token",
                Reach::Public,
            ),
        ] {
            let url = Url::parse(endpoint).unwrap();
            let request = guarded(&provider(issuer), Request::get(url, Purpose::Token));
            assert_eq!(request.reach, expected, "{endpoint}");
        }
    }

    #[test]
    fn metadata_stands_below_the_issuer() {
        for (issuer, expected) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/t/v2.0",
                "https://a.example/t/v2.0/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(metadata_url(issuer).unwrap().as_str(), expected);
        }
    }
}
