//! ID Tokens (OpenID Connect Core 1.0 section 2), validated as section 3.1.3.7 says.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::jws::{Parts, is_media_type, numeric_date, refused_member};
use super::{Algorithm, Jwks};
use crate::strict;

/// What an ID Token is held against.
#[derive(Debug, Clone, Copy)]
pub struct IdTokenPolicy<'a> {
    /// The issuer that it has to come from, to the letter.
    pub issuer: &'a str,
    /// Who we are there: the one audience.
    pub client_id: &'a str,
    /// What we sent with the request that it answers.
    pub nonce: &'a str,
    /// The access token that came with it, for `at_hash`.
    pub access_token: &'a str,
    /// What it may be signed with.
    pub allowed_algorithms: &'a [Algorithm],
    /// The oldest sign-in that counts, if the request asked for one (`max_age`).
    pub max_age: Option<SignedDuration>,
}

/// An ID Token that counts.
#[derive(Debug)]
pub struct VerifiedIdToken {
    subject: String,
    auth_time: Option<Timestamp>,
    claims: Map<String, Value>,
}

impl VerifiedIdToken {
    /// `sub`: who it is, among all that this issuer knows.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the person proved to the issuer who it is; certain to be there where `max_age` was asked for.
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// Why an ID Token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// More than 32 KiB.
    #[error("the ID Token is too long")]
    TooLong,
    /// Not three parts of strict base64url, or not JSON objects without repeated members.
    #[error("the ID Token is malformed")]
    Malformed,
    /// A header member that brings its own key or changes how the rest is to be read.
    #[error("the ID Token's header must not have {0}")]
    HeaderMember(&'static str),
    /// A JWT made for another purpose (RFC 8725 section 3.11).
    #[error("the ID Token has the wrong typ")]
    Type,
    /// `none`, a symmetric algorithm, or another that is not allowed.
    #[error("the ID Token's alg is not allowed")]
    Algorithm,
    /// `kid` and `kty` select no key, or several. The issuer may have rotated its keys.
    #[error("the ID Token's key is not known")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the ID Token's signature is wrong")]
    Signature,
    /// A claim is missing or of the wrong type.
    #[error("the ID Token's {0} is missing or malformed")]
    Claim(&'static str),
    /// `iss` is another.
    #[error("the ID Token is another issuer's")]
    Issuer,
    /// `aud` is not this client alone.
    #[error("the ID Token is not for this client alone")]
    Audience,
    /// `azp` is another.
    #[error("the ID Token was given to another client")]
    AuthorizedParty,
    /// `exp` is over.
    #[error("the ID Token has expired")]
    Expired,
    /// `nbf` or `iat` is still to come.
    #[error("the ID Token is not valid yet")]
    NotYetValid,
    /// `iat` is minutes ago: it does not answer a request of now.
    #[error("the ID Token is too old")]
    TooOld,
    /// `nonce` is not the one that was sent: it answers another request.
    #[error("the ID Token answers another request")]
    Nonce,
    /// `at_hash` is not of the access token that came with it.
    #[error("the ID Token belongs to another access token")]
    AccessToken,
    /// The person signed in before `max_age`, or `auth_time` is absent although it was asked for.
    #[error("the sign-in is older than asked for, or the ID Token does not tell")]
    AuthTime,
}

/// Verifies an ID Token. The signature comes before every claim.
///
/// # Errors
/// [`IdTokenError`]; with `UnknownKey` it is worth fetching the keys again, once.
pub fn verify(
    jwt: &str,
    keys: &Jwks,
    policy: &IdTokenPolicy<'_>,
    now: Timestamp,
) -> Result<VerifiedIdToken, IdTokenError> {
    if jwt.len() > MAX_LENGTH {
        return Err(IdTokenError::TooLong);
    }
    let parts = Parts::split(jwt).ok_or(IdTokenError::Malformed)?;
    let header = strict::encoded_object(parts.header).ok_or(IdTokenError::Malformed)?;
    let algorithm = check_header(&header, policy)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(IdTokenError::Malformed),
    };
    let key = keys
        .select(kid, algorithm)
        .ok_or(IdTokenError::UnknownKey)?;
    if !parts.signed_by(key, algorithm) {
        return Err(IdTokenError::Signature);
    }
    let claims = strict::encoded_object(parts.claims).ok_or(IdTokenError::Malformed)?;
    check_parties(&claims, policy)?;
    check_times(&claims, now)?;
    check_binding(&claims, policy, algorithm)?;
    let auth_time = check_auth_time(&claims, policy, now)?;
    let subject = subject(&claims)?.to_owned();
    Ok(VerifiedIdToken {
        subject,
        auth_time,
        claims,
    })
}

fn check_header(
    header: &Map<String, Value>,
    policy: &IdTokenPolicy<'_>,
) -> Result<Algorithm, IdTokenError> {
    if let Some(name) = refused_member(header) {
        return Err(IdTokenError::HeaderMember(name));
    }
    // An access token or a logout token of the same issuer has a typ of its own.
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if is_media_type(typ, "JWT") => {}
        Some(_) => return Err(IdTokenError::Type),
    }
    let name = header.get("alg").and_then(Value::as_str);
    let allowed = |it: &Algorithm| policy.allowed_algorithms.contains(it);
    name.and_then(Algorithm::parse)
        .filter(allowed)
        .ok_or(IdTokenError::Algorithm)
}

/// Steps 2 to 5. No other audience is trusted here, so that a token for several is for none.
fn check_parties(
    claims: &Map<String, Value>,
    policy: &IdTokenPolicy<'_>,
) -> Result<(), IdTokenError> {
    if text(claims, "iss")? != policy.issuer {
        return Err(IdTokenError::Issuer);
    }
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => match several.as_slice() {
            [Value::String(one)] => one,
            [_, _, ..] => return Err(IdTokenError::Audience),
            _ => return Err(IdTokenError::Claim("aud")),
        },
        _ => return Err(IdTokenError::Claim("aud")),
    };
    if audience != policy.client_id {
        return Err(IdTokenError::Audience);
    }
    if claims.contains_key("azp") && text(claims, "azp")? != policy.client_id {
        return Err(IdTokenError::AuthorizedParty);
    }
    Ok(())
}

/// Steps 9 and 10, and `nbf`.
fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdTokenError> {
    let expires = time(claims, "exp")?.ok_or(IdTokenError::Claim("exp"))?;
    let issued = time(claims, "iat")?.ok_or(IdTokenError::Claim("iat"))?;
    let in_future = |time: Timestamp| time.duration_since(now) > LEEWAY;
    if expires.duration_since(now) <= -LEEWAY {
        return Err(IdTokenError::Expired);
    }
    if in_future(issued) || time(claims, "nbf")?.is_some_and(in_future) {
        return Err(IdTokenError::NotYetValid);
    }
    if now.duration_since(issued) > OLDEST + LEEWAY {
        return Err(IdTokenError::TooOld);
    }
    Ok(())
}

/// Step 11, and section 3.1.3.8 where the issuer says more.
fn check_binding(
    claims: &Map<String, Value>,
    policy: &IdTokenPolicy<'_>,
    algorithm: Algorithm,
) -> Result<(), IdTokenError> {
    let same =
        |found: &str, expected: &str| bool::from(found.as_bytes().ct_eq(expected.as_bytes()));
    if !same(text(claims, "nonce")?, policy.nonce) {
        return Err(IdTokenError::Nonce);
    }
    if claims.contains_key("at_hash")
        && !same(
            text(claims, "at_hash")?,
            &half_hash(policy.access_token, algorithm),
        )
    {
        return Err(IdTokenError::AccessToken);
    }
    Ok(())
}

/// Step 13.
fn check_auth_time(
    claims: &Map<String, Value>,
    policy: &IdTokenPolicy<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, IdTokenError> {
    let auth_time = time(claims, "auth_time")?;
    if auth_time.is_some_and(|at| at.duration_since(now) > LEEWAY) {
        return Err(IdTokenError::NotYetValid);
    }
    if let Some(max_age) = policy.max_age {
        let at = auth_time.ok_or(IdTokenError::AuthTime)?;
        if now.duration_since(at) > max_age.saturating_add(LEEWAY) {
            return Err(IdTokenError::AuthTime);
        }
    }
    Ok(auth_time)
}

/// Section 2: at most 255 ASCII characters.
fn subject(claims: &Map<String, Value>) -> Result<&str, IdTokenError> {
    let subject = text(claims, "sub")?;
    let sound = (1..=255).contains(&subject.len())
        && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    sound.then_some(subject).ok_or(IdTokenError::Claim("sub"))
}

/// Section 3.1.3.6: the left half of the hash that the signature's algorithm uses.
fn half_hash(access_token: &str, algorithm: Algorithm) -> String {
    let hash = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &SHA256,
        Algorithm::RS384 | Algorithm::ES384 => &SHA384,
        Algorithm::EdDSA => &SHA512,
    };
    let digest = digest::digest(hash, access_token.as_bytes());
    let half = digest.as_ref().len() / 2;
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..half).unwrap_or_default())
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, IdTokenError> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or(IdTokenError::Claim(name))
}

fn time(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, IdTokenError> {
    numeric_date(claims, name).map_err(IdTokenError::Claim)
}

/// How far the clocks of two parties may be apart.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// Section 3.1.3.7 step 10: it comes straight from the token endpoint, so it was made just now. Some issuers
/// date it a few minutes back.
const OLDEST: SignedDuration = SignedDuration::from_mins(10);
/// Hundreds of group names in the claims of a person.
const MAX_LENGTH: usize = 32 * 1024;

#[cfg(test)]
mod tests;
