//! Finds an issuer's endpoints: authorization server metadata, RFC 8414.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use oauth::{AuthorizationServerMetadata, strict};
use outbound::{HeaderValue, Outbound, Purpose, Request, header};
use storage::Clock;
use tokio::sync::Mutex;
use url::Url;

use super::Refusal;
use super::ask::SLOW;

/// The part of an issuer's metadata that a resource server acts on or repeats.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    pub(crate) authorization_endpoint: Option<Url>,
    pub(crate) token_endpoint: Option<Url>,
    pub(crate) introspection_endpoint: Option<Url>,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) registration_endpoint: Option<Url>,
    pub(crate) jwks_uri: Option<Url>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) authentication_methods: Vec<String>,
    pub(crate) assertion_algorithms: Vec<String>,
    pub(crate) response_types: Vec<String>,
    pub(crate) code_challenge_methods: Vec<String>,
}

/// One issuer's metadata, fetched when first needed and again when old. It decides nothing about a token, so it may be
/// kept, also for a while after it could not be had again; a failure is kept for a moment, so that it is not asked for
/// by everyone.
#[derive(Default)]
pub(super) struct Endpoints(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    metadata: Option<(Timestamp, Metadata)>,
    failure: Option<(Timestamp, Refusal)>,
}

impl Kept {
    fn metadata(&self, age: SignedDuration, now: Timestamp) -> Option<&Metadata> {
        let metadata = self.metadata.as_ref();
        let young = metadata.filter(|(at, _)| is_young(*at, age, now));
        young.map(|(_, metadata)| metadata)
    }
}

impl Endpoints {
    /// The metadata, at most [`KEPT`] old, or [`KEPT_WITHOUT_ANOTHER`] while there is none to be had.
    ///
    /// # Errors
    /// [`Refusal::Issuer`] if there is none, and nothing to find out before `deadline`.
    pub(super) async fn metadata(
        &self,
        outbound: &Outbound,
        issuer: &str,
        clock: &Clock,
        deadline: Duration,
    ) -> Result<Metadata, Refusal> {
        // Held while fetching: one request at a time, however many wait.
        let mut kept = self.0.lock().await;
        let now = clock.now();
        if let Some(metadata) = kept.metadata(KEPT, now) {
            return Ok(metadata.clone());
        }
        let failure = kept.failure;
        let refusal = match failure.filter(|(at, _)| is_young(*at, FAILURE_KEPT, now)) {
            Some((_, refusal)) => refusal,
            None => {
                let answer = tokio::time::timeout(deadline, fetch(outbound, issuer)).await;
                let now = clock.now();
                match answer.unwrap_or(Err(SLOW)) {
                    Ok(metadata) => {
                        kept.metadata = Some((now, metadata.clone()));
                        return Ok(metadata);
                    }
                    Err(refusal) => {
                        kept.failure = Some((now, refusal));
                        refusal
                    }
                }
            }
        };
        let last = kept.metadata(KEPT_WITHOUT_ANOTHER, now);
        last.cloned().ok_or(refusal)
    }

    /// What is known without waiting for anybody.
    pub(super) fn known(&self, now: Timestamp) -> Option<Metadata> {
        let kept = self.0.try_lock().ok()?;
        kept.metadata(KEPT_WITHOUT_ANOTHER, now).cloned()
    }
}

/// A time in the future is that of a clock that was set back.
pub(super) fn is_young(at: Timestamp, age: SignedDuration, now: Timestamp) -> bool {
    now >= at && now.duration_since(at) < age
}

async fn fetch(outbound: &Outbound, issuer: &str) -> Result<Metadata, Refusal> {
    let url = well_known(issuer).ok_or(Refusal::Issuer("the issuer is no URL"))?;
    let request = Request::get(url, Purpose::Discovery)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"));
    let response = outbound.send(request).await;
    let response = response.map_err(|_| Refusal::Issuer("the issuer cannot be reached"))?;
    if response.status.as_u16() != 200 {
        return Err(Refusal::Issuer("the issuer has no metadata"));
    }
    read(&response.body, issuer)
}

/// Reads a metadata document and checks that it is this issuer's.
fn read(body: &[u8], issuer: &str) -> Result<Metadata, Refusal> {
    let metadata: AuthorizationServerMetadata =
        strict::read(body).ok_or(Refusal::Issuer("the issuer's metadata is unreadable"))?;
    // RFC 8414 section 3.3: otherwise one issuer could send its clients' tokens to another.
    if metadata.issuer != issuer {
        return Err(Refusal::Issuer("the issuer's metadata is another's"));
    }
    let endpoint = |text: Option<String>| {
        let url = text.and_then(|text| Url::parse(&text).ok());
        url.filter(|url| url.scheme() == "https")
    };
    Ok(Metadata {
        authorization_endpoint: endpoint(metadata.authorization_endpoint),
        token_endpoint: endpoint(metadata.token_endpoint),
        introspection_endpoint: endpoint(metadata.introspection_endpoint),
        revocation_endpoint: endpoint(metadata.revocation_endpoint),
        registration_endpoint: endpoint(metadata.registration_endpoint),
        jwks_uri: endpoint(metadata.jwks_uri),
        grant_types: metadata.grant_types_supported,
        authentication_methods: metadata.token_endpoint_auth_methods_supported,
        assertion_algorithms: metadata.token_endpoint_auth_signing_alg_values_supported,
        response_types: metadata.response_types_supported,
        code_challenge_methods: metadata.code_challenge_methods_supported,
    })
}

/// RFC 8414 section 3.1: the well-known part stands between host and path.
fn well_known(issuer: &str) -> Option<Url> {
    let mut url = Url::parse(issuer).ok()?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    Some(url)
}

/// Endpoints hardly ever move.
const KEPT: SignedDuration = SignedDuration::from_mins(10);

/// An issuer whose metadata page is broken may well answer what it is asked.
const KEPT_WITHOUT_ANOTHER: SignedDuration = SignedDuration::from_hours(6);

/// Long enough to stop a stampede, short enough to be up soon after the issuer is.
const FAILURE_KEPT: SignedDuration = SignedDuration::from_secs(1);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn rfc8414_section_3_1_inserts_before_the_path() {
        let at = |issuer: &str| well_known(issuer).unwrap().to_string();
        let root = "https://as.example/.well-known/oauth-authorization-server";
        assert_eq!(at("https://as.example"), root);
        assert_eq!(at("https://as.example/"), root);
        assert_eq!(at("https://as.example/a/b"), format!("{root}/a/b"));
        assert!(well_known("as.example").is_none());
    }

    #[test]
    fn rfc8414_section_3_3_the_issuer_is_the_same_to_the_letter() {
        let body = br#"{"issuer":"https://as.example","response_types_supported":["code"],
            "introspection_endpoint":"https://as.example/oauth2/introspect"}"#;
        let metadata = read(body, "https://as.example").unwrap();
        let endpoint = metadata.introspection_endpoint.unwrap();
        assert_eq!(endpoint.as_str(), "https://as.example/oauth2/introspect");
        for other in [
            "https://as.example/",
            "https://AS.example",
            "https://evil.example",
        ] {
            let answer = read(body, other).err();
            assert_eq!(
                answer,
                Some(Refusal::Issuer("the issuer's metadata is another's")),
                "{other}"
            );
        }
        let unreadable = Some(Refusal::Issuer("the issuer's metadata is unreadable"));
        let array: &[u8] = br#"["https://as.example"]"#;
        let twice = br#"{"issuer":"https://as.example","x":{"a":1,"a":2}}"#;
        for body in [b"<html>", array, twice] {
            assert_eq!(read(body, "https://as.example").err(), unreadable);
        }
    }

    #[test]
    fn a_plain_http_endpoint_is_not_used() {
        let body = br#"{"issuer":"https://as.example","response_types_supported":["code"],
            "introspection_endpoint":"http://as.example/oauth2/introspect"}"#;
        assert!(
            read(body, "https://as.example")
                .unwrap()
                .introspection_endpoint
                .is_none()
        );
    }
}
