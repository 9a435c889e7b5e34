//! Public keys and their sets: RFC 7517, thumbprints of RFC 7638.

use std::fmt;

use aws_lc_rs::digest;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value, json};

use super::Algorithm;
use super::public_key::{ED25519_CURVE, PublicKey, encode, text};
use crate::strict;

/// A public key that signatures are verified with.
#[derive(Clone)]
pub struct Jwk {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    public: PublicKey,
    /// The same, ready for use.
    decoding: DecodingKey,
}

impl Jwk {
    /// `kid`: RFC 7517 section 4.5.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The SHA-256 thumbprint, in base64url: RFC 7638 section 3.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // Section 3.2: the required members only, in the order of their names, without white space.
        // The values are base64url and fixed words: nothing in them has to be escaped.
        let members = match &self.public {
            PublicKey::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n))
            }
            PublicKey::Ec { curve, x, y } => {
                let (crv, x, y) = (curve.as_str(), encode(x), encode(y));
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            PublicKey::Ed25519 { x } => {
                let x = encode(x);
                format!(r#"{{"crv":"{ED25519_CURVE}","kty":"OKP","x":"{x}"}}"#)
            }
        };
        encode(digest::digest(&digest::SHA256, members.as_bytes()).as_ref())
    }

    /// As it is published.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut jwk = match &self.public {
            PublicKey::Rsa { n, e } => json!({"kty": "RSA", "n": encode(n), "e": encode(e)}),
            PublicKey::Ec { curve, x, y } => {
                json!({"kty": "EC", "crv": curve.as_str(), "x": encode(x), "y": encode(y)})
            }
            PublicKey::Ed25519 { x } => {
                json!({"kty": "OKP", "crv": ED25519_CURVE, "x": encode(x)})
            }
        };
        if let Value::Object(members) = &mut jwk {
            members.insert("use".to_owned(), "sig".into());
            members.extend(self.kid.clone().map(|kid| ("kid".to_owned(), kid.into())));
            members.extend(
                self.algorithm
                    .map(|alg| ("alg".to_owned(), alg.as_str().into())),
            );
        }
        jwk
    }

    pub(super) fn new(public: PublicKey) -> Result<Self, JwkError> {
        let decoding = public.check()?;
        Ok(Self {
            kid: None,
            algorithm: None,
            public,
            decoding,
        })
    }

    pub(super) fn named(self, kid: Option<String>, algorithm: Algorithm) -> Self {
        let kid = kid.unwrap_or_else(|| self.thumbprint());
        Self {
            kid: Some(kid),
            algorithm: Some(algorithm),
            ..self
        }
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// Whether signatures of this algorithm can be this key's.
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.public.fits(algorithm) && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// `None` for a key that is no signature key of ours, which a set may hold (RFC 7517 section
    /// 5).
    fn read(members: &Map<String, Value>) -> Result<Option<Self>, JwkError> {
        // RFC 7518 section 6: whoever sends one of these has given away a private or a shared key.
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkError::Private);
        }
        let kid = text(members, "kid")?.map(str::to_owned);
        if is_for_something_else(members)? {
            return Ok(None);
        }
        let Some(public) = PublicKey::read(members)? else {
            return Ok(None);
        };
        let algorithm = match text(members, "alg")? {
            None => None,
            Some(name) => match Algorithm::parse(name) {
                Some(algorithm) if public.fits(algorithm) => Some(algorithm),
                Some(_) => return Err(JwkError::Malformed("alg")),
                None => return Ok(None),
            },
        };
        Ok(Some(Self {
            kid,
            algorithm,
            ..Self::new(public)?
        }))
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwk({})", self.to_json())
    }
}

/// A set of public keys: RFC 7517 section 5.
#[derive(Debug, Clone, Default)]
pub struct Jwks(Vec<Jwk>);

impl Jwks {
    /// Reads a set. Keys of other kinds and uses are skipped, as the section wants it.
    ///
    /// # Errors
    /// When the set is no set, has more than 64 keys, when any key has private members, when one of
    /// a kind that we know is malformed or too weak, or when two keys of one `kty` have the same
    /// `kid`.
    pub fn parse(text: &[u8]) -> Result<Self, JwkError> {
        let set = strict::object(text).ok_or(JwkError::NotASet)?;
        let Some(Value::Array(keys)) = set.get("keys") else {
            return Err(JwkError::NotASet);
        };
        if keys.len() > MAX_KEYS {
            return Err(JwkError::TooMany);
        }
        let mut jwks = Self::default();
        for key in keys {
            let members = key.as_object().ok_or(JwkError::NotASet)?;
            if let Some(key) = Jwk::read(members)? {
                jwks.insert(key)?;
            }
        }
        Ok(jwks)
    }

    /// A set of keys of our own.
    ///
    /// # Errors
    /// When two keys of one `kty` have the same `kid`.
    pub fn new(keys: impl IntoIterator<Item = Jwk>) -> Result<Self, JwkError> {
        let mut jwks = Self::default();
        for key in keys {
            jwks.insert(key)?;
        }
        Ok(jwks)
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &Jwk> {
        self.0.iter()
    }

    /// Whether there is no key that we could use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is published.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"keys": self.0.iter().map(Jwk::to_json).collect::<Vec<_>>()})
    }

    /// The one key that `kid` and `kty` select (SMART App Launch 2.2.0, "Signature Verification").
    /// None or several is no selection: trying keys in turn would let any of them speak for the
    /// others.
    pub(super) fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let named = |key: &&Jwk| kid.is_none() || key.kid.as_deref() == kid;
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.fits(algorithm))
            .filter(named);
        let only = fitting.next()?;
        fitting.next().is_none().then_some(only)
    }

    fn insert(&mut self, key: Jwk) -> Result<(), JwkError> {
        let same =
            |it: &Jwk| it.kid.is_some() && it.kid == key.kid && it.public.kty() == key.public.kty();
        if self.0.iter().any(same) {
            return Err(JwkError::Duplicate);
        }
        self.0.push(key);
        Ok(())
    }
}

/// RFC 7517 sections 4.2 and 4.3: a key for encryption does not verify.
fn is_for_something_else(members: &Map<String, Value>) -> Result<bool, JwkError> {
    if text(members, "use")?.is_some_and(|it| it != "sig") {
        return Ok(true);
    }
    match members.get("key_ops") {
        None => Ok(false),
        Some(Value::Array(operations)) => Ok(!operations.iter().any(|it| it == "verify")),
        Some(_) => Err(JwkError::Malformed("key_ops")),
    }
}

/// Why a set of keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Not an object with an array of objects `keys`, or one with a member twice.
    #[error("it is not a JWK set")]
    NotASet,
    /// More than 64 keys.
    #[error("it has too many keys")]
    TooMany,
    /// The sender has to replace that key.
    #[error("it holds a private or shared key, which is compromised by that")]
    Private,
    /// Two keys of one kind with one name.
    #[error("two of its keys have the same kid and kty")]
    Duplicate,
    /// RSA below 2048 or above 8192 bits.
    #[error("an RSA key has less than 2048 or more than 8192 bits")]
    Weak,
    /// A member is missing or malformed.
    #[error("the member {0} of a key is missing or malformed")]
    Malformed(&'static str),
}

/// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// More than any rotation needs.
const MAX_KEYS: usize = 64;

#[cfg(test)]
mod tests;
