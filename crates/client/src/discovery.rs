//! Where a peer's endpoints are: authorization server metadata, RFC 8414.

use std::sync::Arc;

use jiff::SignedDuration;
use oauth::metadata::AuthorizationServerMetadata;
use oauth::strict;
use outbound::{Outbound, OutboundError, Purpose, Request};
use storage::Clock;
use url::Url;

use crate::config::Issuer;
use crate::flight::{Flights, Kept};
use crate::patience;

/// The endpoints of an issuer that answered as itself.
#[derive(Debug)]
pub struct Endpoints {
    /// RFC 6749 section 3.1.
    pub authorization: Option<Url>,
    /// RFC 6749 section 3.2.
    pub token: Url,
    /// RFC 7009.
    pub revocation: Option<Url>,
    /// Whether it promises `iss` in authorization responses, RFC 9207 section 3.
    pub sends_iss: bool,
}

/// Why the endpoints are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// No answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// An answer that is not its metadata.
    #[error("the metadata of {issuer} cannot be used: {reason}")]
    Unusable {
        /// The issuer asked.
        issuer: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

/// The metadata documents in use.
pub(crate) struct Discovery {
    outbound: Outbound,
    clock: Clock,
    known: Flights<Arc<Endpoints>, DiscoveryError>,
}

impl Discovery {
    pub(crate) fn new(outbound: Outbound, clock: Clock) -> Self {
        let known = Flights::new(clock.clone());
        Self {
            outbound,
            clock,
            known,
        }
    }

    /// The endpoints of an issuer.
    pub(crate) async fn endpoints(
        &self,
        issuer: &Issuer,
    ) -> Result<Arc<Endpoints>, DiscoveryError> {
        let fetch = async || {
            let value = Arc::new(self.fetch(issuer).await?);
            Ok(Kept {
                value,
                until: self.clock.now() + KEPT,
            })
        };
        self.known.value(issuer.as_str(), fetch).await
    }

    async fn fetch(&self, issuer: &Issuer) -> Result<Endpoints, DiscoveryError> {
        let request = || Ok(Request::get(issuer.metadata_url(), Purpose::Discovery));
        let answer = patience::send::<DiscoveryError>(&self.outbound, true, request).await?;
        let unusable = |reason: String| DiscoveryError::Unusable {
            issuer: issuer.as_str().into(),
            reason,
        };
        if answer.status != 200 {
            return Err(unusable(format!("status {}", answer.status.as_u16())));
        }
        let metadata: AuthorizationServerMetadata =
            strict::read(&answer.body).ok_or_else(|| unusable("not a metadata document".into()))?;
        checked(issuer, &metadata).map_err(unusable)
    }
}

/// RFC 8414 section 3.3: the document's issuer must be the one asked for, to the letter; otherwise
/// one server could pass off another's endpoints as its own.
fn checked(issuer: &Issuer, metadata: &AuthorizationServerMetadata) -> Result<Endpoints, String> {
    if metadata.issuer != issuer.as_str() {
        return Err("it names another issuer".into());
    }
    let endpoint = |name: &str, text: Option<&str>| match text {
        None => Ok(None),
        Some(text) => on_issuer(issuer, text)
            .map(Some)
            .map_err(|e| format!("{name} {e}")),
    };
    let token = endpoint("token_endpoint", metadata.token_endpoint.as_deref())?;
    Ok(Endpoints {
        authorization: endpoint(
            "authorization_endpoint",
            metadata.authorization_endpoint.as_deref(),
        )?,
        token: token.ok_or("it names no token_endpoint")?,
        revocation: endpoint(
            "revocation_endpoint",
            metadata.revocation_endpoint.as_deref(),
        )?,
        sends_iss: metadata
            .authorization_response_iss_parameter_supported
            .unwrap_or(false),
    })
}

/// Credentials go to the configured issuer's own origin only.
fn on_issuer(issuer: &Issuer, text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if url.scheme() != "https" {
        return Err("is not https");
    }
    if !issuer.is_origin_of(&url) || url.fragment().is_some() {
        return Err("is not on the issuer's origin");
    }
    Ok(url)
}

/// Endpoints hardly ever move; ten minutes bound the wait when they do.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
