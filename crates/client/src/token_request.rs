//! One request to the token endpoint and its answer, RFC 6749 sections 2.3, 3.2 and 5.

use jiff::{SignedDuration, Timestamp};
use oauth::jose::SigningKey;
use oauth::jose::client_assertion::{self, NewAssertion};
use oauth::scope::Scope;
use oauth::secret::Secret;
use oauth::token::TokenResponse;
use oauth::{BasicCredentials, Random, strict};
use outbound::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use outbound::{OutboundError, Purpose, Request, Response};
use serde::Deserialize;
use url::Url;

use crate::config::{AssertionAudience, Credentials, Issuer, Registration};
use crate::discovery::DiscoveryError;
use crate::text;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The peer's endpoints are not known.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The token endpoint gave no answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The authorization server said no, RFC 6749 section 5.2.
    #[error("the authorization server refused: {code}{}", described(.description.as_deref()))]
    Refused {
        /// Its error code, such as `invalid_client`.
        code: String,
        /// Its words, shortened.
        description: Option<String>,
    },
    /// It cannot answer now.
    #[error("the authorization server is not available (status {status})")]
    Unavailable {
        /// The status.
        status: u16,
        /// The seconds it asked us to wait, if it did.
        retry_after: Option<u64>,
    },
    /// An answer that is no token response.
    #[error("the answer of the token endpoint cannot be used: {0}")]
    Malformed(&'static str),
    /// Our own credentials cannot be used.
    #[error("our credentials cannot be used: {0}")]
    Credentials(String),
    /// The peer gave no way to renew the sign-in.
    #[error("the sign-in cannot be renewed: the peer gave no refresh token")]
    NoRefreshToken,
}

/// A token endpoint and who we are there.
pub(crate) struct Caller<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) endpoint: &'a Url,
    pub(crate) registration: &'a Registration,
}

impl Caller<'_> {
    /// A form request that authenticates the client. Call it anew for every attempt: an
    /// assertion's `jti` counts once.
    pub(crate) fn request(
        &self,
        purpose: Purpose,
        form: &[(&str, &str)],
        random: &Random,
        now: Timestamp,
    ) -> Result<Request, TokenError> {
        let mut pairs = form.to_vec();
        let mut authorization = None;
        let assertion;
        match &self.registration.credentials {
            Credentials::Secret(secret) => {
                authorization = Some(basic(&self.registration.client_id, secret)?);
            }
            Credentials::PrivateKey(key) => {
                assertion = self.assertion(key, random, now)?;
                pairs.push(("client_assertion_type", JWT_BEARER));
                pairs.push(("client_assertion", &assertion));
            }
            Credentials::Public => pairs.push(("client_id", &self.registration.client_id)),
        }
        let body = oauth::form::encode(&pairs).into_bytes();
        let request = Request::post(self.endpoint.clone(), purpose, FORM, body);
        Ok(match authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        })
    }

    fn assertion(
        &self,
        key: &SigningKey,
        random: &Random,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        let token_endpoint_style =
            self.registration.assertion_audience == AssertionAudience::TokenEndpoint;
        let audience = if token_endpoint_style {
            self.endpoint.as_str()
        } else {
            self.issuer.as_str()
        };
        // The endpoint comes from metadata, but discovery holds it to the issuer's own origin.
        let client_id = &self.registration.client_id;
        let assertion = NewAssertion {
            client_id,
            audience,
            token_endpoint_style,
        };
        client_assertion::sign(key, &assertion, random, now)
            .map_err(|e| TokenError::Credentials(e.to_string()))
    }
}

/// What the token endpoint granted.
pub(crate) struct Granted {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    /// What was granted; what was asked for if the answer leaves it out (section 5.1).
    pub(crate) scope: Scope,
    pub(crate) expires_at: Timestamp,
    pub(crate) lifetime: SignedDuration,
}

/// Reads the token endpoint's answer, RFC 6749 sections 5.1 and 5.2.
pub(crate) fn read(
    answer: &Response,
    asked: &Scope,
    now: Timestamp,
) -> Result<Granted, TokenError> {
    match answer.status.as_u16() {
        200 => {}
        status @ (429 | 500..=599) => {
            let retry_after = answer
                .header(&RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok());
            return Err(TokenError::Unavailable {
                status,
                retry_after,
            });
        }
        _ => return Err(refusal(answer)),
    }
    let mut response: TokenResponse =
        strict::read(&answer.body).ok_or(TokenError::Malformed("not a token response"))?;
    // A token of a type we do not know must not be used, RFC 6749 section 7.1.
    if !response.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(TokenError::Malformed("not a Bearer token"));
    }
    if !is_b64token(&response.access_token) {
        return Err(TokenError::Malformed("no usable access_token"));
    }
    let scope = match response.scope.as_deref() {
        None => asked.clone(),
        Some(text) => Scope::parse(text).map_err(|_| TokenError::Malformed("no usable scope"))?,
    };
    let lifetime = lifetime(response.expires_in);
    Ok(Granted {
        access_token: Secret::received(std::mem::take(&mut response.access_token)),
        refresh_token: response.refresh_token.take().map(Secret::received),
        scope,
        expires_at: now + lifetime,
        lifetime,
    })
}

fn lifetime(expires_in: Option<u64>) -> SignedDuration {
    let seconds = expires_in.map_or(DEFAULT_LIFETIME_S, |s| i64::try_from(s).unwrap_or(i64::MAX));
    SignedDuration::from_secs(seconds.min(LONGEST_LIFETIME_S))
}

fn refusal(answer: &Response) -> TokenError {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        error_description: Option<String>,
    }
    match strict::read::<Refusal>(&answer.body) {
        Some(refusal) => TokenError::Refused {
            code: text::shortened(&refusal.error, LONGEST_CODE),
            description: refusal
                .error_description
                .map(|d| text::shortened(&d, text::LONGEST)),
        },
        None => TokenError::Malformed("neither a token response nor an OAuth error"),
    }
}

/// RFC 6749 section 2.3.1.
fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, TokenError> {
    let mut value = HeaderValue::try_from(BasicCredentials::header(client_id, secret.expose()))
        .map_err(|_| TokenError::Credentials("unusable client secret".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// RFC 6750 section 2.1. Anything else could break out of the header.
fn is_b64token(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.chars().all(allowed)
}

fn described(description: Option<&str>) -> String {
    description
        .map(|text| format!(" ({text})"))
        .unwrap_or_default()
}

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM: &str = "application/x-www-form-urlencoded";
/// A token response should say how long it lives (RFC 6749 section 5.1); if it does not, we ask
/// again soon.
const DEFAULT_LIFETIME_S: i64 = 60;
/// Whatever the answer says, a token is renewed within a day.
const LONGEST_LIFETIME_S: i64 = 86_400;
const LONGEST_CODE: usize = 60;
/// What servers accept in a header.
const LONGEST_TOKEN: usize = 8 * 1024;
