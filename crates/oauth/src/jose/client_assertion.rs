//! Client assertions (`private_key_jwt`): RFC 7521 section 4.2, RFC 7523 section 3, as updated by
//! RFC 10070; SMART App Launch 2.2.0, "Asymmetric Authentication".

mod claims;

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::claims::Claims;
use super::jws::{Parts, is_media_type, refused_member};
use super::{Algorithm, Jwks, KeyError, SigningKey};
use crate::strict;
use crate::{Error, ErrorCode, Random, Secret};

/// What an assertion is held against.
#[derive(Debug, Clone, Copy)]
pub struct AssertionPolicy<'a> {
    /// The registered client that it claims to come from.
    pub client_id: &'a str,
    /// What the client may sign with.
    pub allowed_algorithms: &'a [Algorithm],
    /// The one audience: our issuer identifier, or the token endpoint for
    /// [`Self::token_endpoint_style`].
    pub audience: &'a str,
    /// For clients that do not follow RFC 10070 yet: `typ` is `JWT` or absent.
    pub token_endpoint_style: bool,
}

/// An assertion that counts, if its `jti` has not been seen before.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the jti has to be recorded"]
pub struct VerifiedAssertion {
    /// The client: `iss` and `sub`.
    pub issuer: String,
    /// To be recorded until [`Self::expires_at`] plus [`LEEWAY`].
    pub jti: String,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// The `jti` of an assertion that carries its client's signature but was refused for another
/// reason. It is recorded like that of a good one, or whoever reads it in a log could wait for its
/// time to come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingJti {
    /// To be recorded until [`Self::expires_at`] plus [`LEEWAY`].
    pub jti: String,
    /// `exp`, or the latest that it could be if it says nothing usable.
    pub expires_at: Timestamp,
}

/// Why an assertion is refused. On the wire it is always `invalid_client` (RFC 7521 section 4.2.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// More than 8 KiB.
    #[error("the assertion is too long")]
    TooLong,
    /// Not three parts of strict base64url, or not JSON objects without repeated members.
    #[error("the assertion is malformed")]
    Malformed,
    /// A header member that brings its own key or changes how the rest is to be read.
    #[error("the assertion's header must not have {0}")]
    HeaderMember(&'static str),
    /// Another `typ`: a JWT made for another purpose (RFC 8725 section 3.11).
    #[error("the assertion has the wrong typ")]
    Type,
    /// Not one of the client's algorithms.
    #[error("the assertion's alg is not allowed")]
    Algorithm,
    /// `kid` and `kty` select no key, or several. The client may have rotated its keys.
    #[error("the assertion's key is not known")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the assertion's signature is wrong")]
    Signature,
    /// Signed by the client, but its claims do not count.
    #[error("{problem}")]
    Claims {
        /// What is wrong with them.
        problem: ClaimProblem,
        /// What to record, if it can be read.
        pending: Option<PendingJti>,
    },
}

impl AssertionError {
    /// Whether it was refused before its signature was looked at.
    #[must_use]
    pub fn is_early(&self) -> bool {
        !matches!(self, Self::Signature | Self::Claims { .. })
    }

    /// What the caller has to record although the assertion is refused.
    #[must_use]
    pub fn pending(&self) -> Option<&PendingJti> {
        match self {
            Self::Claims { pending, .. } => pending.as_ref(),
            _ => None,
        }
    }
}

impl From<AssertionError> for Error {
    fn from(error: AssertionError) -> Self {
        Self::new(ErrorCode::InvalidClient, error.to_string())
    }
}

/// What is wrong with the claims of an assertion: RFC 7523 section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimProblem {
    /// Not a JSON object, or one with a member twice.
    #[error("the assertion's claims are malformed")]
    Malformed,
    /// A claim is missing or of the wrong type.
    #[error("the assertion's {0} is missing or malformed")]
    Claim(&'static str),
    /// `iss` is not the client.
    #[error("the assertion's iss is not the client")]
    Issuer,
    /// `sub` is not the client.
    #[error("the assertion's sub is not the client")]
    Subject,
    /// `aud` is not what this client has to sign, alone.
    #[error("the assertion's aud is not this server")]
    Audience,
    /// `exp` is over.
    #[error("the assertion has expired")]
    Expired,
    /// `exp` is more than 300 s away, leeway included 360 s.
    #[error("the assertion's exp is too far ahead")]
    TooFarAhead,
    /// `nbf` is still to come.
    #[error("the assertion is not valid yet")]
    NotYetValid,
    /// `iat` is still to come.
    #[error("the assertion's iat is in the future")]
    IssuedInFuture,
}

/// Verifies an assertion. The signature comes before every claim: nothing that is not the client's
/// own words is looked at.
///
/// # Errors
/// [`AssertionError`]; look at [`AssertionError::pending`].
pub fn verify(
    jwt: &str,
    keys: &Jwks,
    policy: &AssertionPolicy<'_>,
    now: Timestamp,
) -> Result<VerifiedAssertion, AssertionError> {
    let parts = split(jwt)?;
    let header = strict::encoded_object(parts.header).ok_or(AssertionError::Malformed)?;
    let algorithm = check_header(&header, policy)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(AssertionError::Malformed),
    };
    let key = keys
        .select(kid, algorithm)
        .ok_or(AssertionError::UnknownKey)?;
    if !parts.signed_by(key, algorithm) {
        return Err(AssertionError::Signature);
    }
    let claims = strict::encoded_object(parts.claims).ok_or(AssertionError::Claims {
        problem: ClaimProblem::Malformed,
        pending: None,
    })?;
    let claims = Claims(&claims);
    claims
        .check(policy, now)
        .map_err(|problem| AssertionError::Claims {
            problem,
            pending: claims.pending(now),
        })
}

/// Who an assertion says it comes from, to find the registration that it is then verified with.
/// Nothing else can be read of it before that.
///
/// # Errors
/// `TooLong` or `Malformed`.
pub fn unverified_issuer(jwt: &str) -> Result<String, AssertionError> {
    let claims = strict::encoded_object(split(jwt)?.claims);
    match claims.ok_or(AssertionError::Malformed)?.remove("iss") {
        Some(Value::String(issuer)) => Ok(issuer),
        _ => Err(AssertionError::Malformed),
    }
}

/// Does the work of checking a signature, of nobody: so that an assertion of an unknown client takes as long
/// to refuse as one of a registered client with a wrong signature. With `keys_parsed` the caller has read a
/// key set already.
pub fn spend(jwt: &str, keys_parsed: bool) {
    let Ok(parts) = split(jwt) else { return };
    let header = strict::encoded_object(parts.header);
    let algorithm = header
        .as_ref()
        .and_then(|header| header.get("alg"))
        .and_then(Value::as_str)
        .and_then(Algorithm::parse);
    let Some(decoy) = algorithm.and_then(decoy) else {
        return;
    };
    let parsed = if keys_parsed {
        None
    } else {
        Jwks::parse(decoy.text.as_bytes()).ok()
    };
    let keys = parsed.as_ref().unwrap_or(&decoy.keys);
    if let Some(key) = algorithm.and_then(|algorithm| keys.select(None, algorithm))
        && let Some(algorithm) = algorithm
    {
        let _ = parts.signed_by(key, algorithm);
    }
}

/// A public key whose private half is forgotten.
struct Decoy {
    text: String,
    keys: Jwks,
}

fn decoy(algorithm: Algorithm) -> Option<&'static Decoy> {
    static DECOYS: [OnceLock<Option<Decoy>>; Algorithm::ALL.len()] =
        [const { OnceLock::new() }; Algorithm::ALL.len()];
    let number = Algorithm::ALL.iter().position(|it| *it == algorithm)?;
    let made = DECOYS.get(number)?.get_or_init(|| {
        let key = SigningKey::generate(algorithm).ok()?;
        let keys = Jwks::new([key.public_jwk().clone()]).ok()?;
        Some(Decoy {
            text: keys.to_json().to_string(),
            keys,
        })
    });
    made.as_ref()
}

/// An assertion to be signed by us.
#[derive(Debug, Clone, Copy)]
pub struct NewAssertion<'a> {
    /// Who we are there.
    pub client_id: &'a str,
    /// The one audience. Take it from the configuration, not from metadata: a hostile authorization
    /// server could name another's (RFC 10070).
    pub audience: &'a str,
    /// For servers that do not follow RFC 10070 yet: `typ` is `JWT`.
    pub token_endpoint_style: bool,
}

/// Signs a new assertion, good for one use within [`LIFETIME`].
///
/// # Errors
/// When the cryptographic library fails.
pub fn sign(
    key: &SigningKey,
    assertion: &NewAssertion<'_>,
    random: &Random,
    now: Timestamp,
) -> Result<String, KeyError> {
    let typ = if assertion.token_endpoint_style {
        "JWT"
    } else {
        TYPE
    };
    let claims = json!({
        "iss": assertion.client_id,
        "sub": assertion.client_id,
        "aud": assertion.audience,
        "jti": Secret::generate(random).expose(),
        "iat": now.as_second(),
        "exp": (now + LIFETIME).as_second(),
    });
    key.sign(typ, &claims)
}

fn split(jwt: &str) -> Result<Parts<'_>, AssertionError> {
    if jwt.len() > super::jws::MAX_LENGTH {
        return Err(AssertionError::TooLong);
    }
    Parts::split(jwt).ok_or(AssertionError::Malformed)
}

fn check_header(
    header: &Map<String, Value>,
    policy: &AssertionPolicy<'_>,
) -> Result<Algorithm, AssertionError> {
    if let Some(name) = refused_member(header) {
        return Err(AssertionError::HeaderMember(name));
    }
    let is_right_type = match header.get("typ") {
        None => policy.token_endpoint_style,
        Some(Value::String(typ)) => is_media_type(
            typ,
            if policy.token_endpoint_style {
                "JWT"
            } else {
                TYPE
            },
        ),
        Some(_) => false,
    };
    if !is_right_type {
        return Err(AssertionError::Type);
    }
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::parse);
    let allowed = |it: &Algorithm| policy.allowed_algorithms.contains(it);
    algorithm.filter(allowed).ok_or(AssertionError::Algorithm)
}

/// How far the clocks of two parties may be apart.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// How long an assertion of ours can be used: the shorter, the less there is to steal.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(120);
/// SMART App Launch 2.2.0: at most five minutes.
const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_secs(300);
/// RFC 10070.
const TYPE: &str = "client-authentication+jwt";

#[cfg(test)]
mod tests;
