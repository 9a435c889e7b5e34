//! Private keys: PKCS#8 (RFC 5958) in PEM (RFC 7468).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::Value;
use zeroize::Zeroizing;

use super::public_key::{Curve, PublicKey};
use super::{Algorithm, Jwk};
use crate::Secret;

/// A private key, the one algorithm it is used with (RFC 8725 section 3.1) and its name.
pub struct SigningKey {
    algorithm: Algorithm,
    pkcs8: Zeroizing<Vec<u8>>,
    encoding: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// Makes a new key for the algorithm (RSA: 2048 bits), named by its thumbprint. The randomness
    /// is that of the cryptographic library; it cannot be seeded.
    ///
    /// # Errors
    /// When the library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pkcs8 = match Kind::of(algorithm) {
            Kind::Ec(signing, _) => EcdsaKeyPair::generate(signing)
                .and_then(|pair| Ok(pair.to_pkcs8v1()?.as_ref().to_vec())),
            Kind::Ed25519 => {
                Ed25519KeyPair::generate().and_then(|pair| Ok(pair.to_pkcs8v1()?.as_ref().to_vec()))
            }
            Kind::Rsa => RsaKeyPair::generate(KeySize::Rsa2048).and_then(|pair| {
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                Ok(der.as_ref().to_vec())
            }),
        }
        .map_err(|_| KeyError::Library)?;
        Self::from_pkcs8(Zeroizing::new(pkcs8), algorithm, None)
    }

    /// Reads a key; without `kid` it is named by its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// Unless it is one PKCS#8 `PRIVATE KEY`, not encrypted, of the kind that the algorithm takes,
    /// with at least 2048 bits if RSA.
    pub fn from_pem(pem: &str, algorithm: Algorithm, kid: Option<&str>) -> Result<Self, KeyError> {
        let body = pem
            .trim()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END));
        let mut base64 = Zeroizing::new(body.ok_or(KeyError::NotPem)?.to_owned());
        base64.retain(|c| !c.is_ascii_whitespace());
        let pkcs8 = STANDARD
            .decode(base64.as_bytes())
            .map_err(|_| KeyError::NotPem)?;
        Self::from_pkcs8(Zeroizing::new(pkcs8), algorithm, kid.map(str::to_owned))
    }

    /// The private key in PEM.
    #[must_use]
    pub fn to_pem(&self) -> Secret {
        pem(&self.pkcs8)
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name: RFC 7517 section 4.5.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid().unwrap_or_default()
    }

    /// The public key, for publication.
    #[must_use]
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// A JWS in compact serialization: RFC 7515 section 7.1. `alg` and `kid` are this key's.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> Result<String, KeyError> {
        super::install();
        let header = serde_json::json!({
            "alg": self.algorithm.as_str(),
            "kid": self.kid(),
            "typ": typ,
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &self.encoding,
            self.algorithm.of_library(),
        );
        Ok(format!(
            "{message}.{}",
            signature.map_err(|_| KeyError::Library)?
        ))
    }

    fn from_pkcs8(
        pkcs8: Zeroizing<Vec<u8>>,
        algorithm: Algorithm,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let unsuitable = |_| KeyError::Unsuitable(algorithm);
        let (public, encoding) = match Kind::of(algorithm) {
            Kind::Ec(signing, curve) => {
                let pair = EcdsaKeyPair::from_pkcs8(signing, &pkcs8).map_err(unsuitable)?;
                let public = PublicKey::of_point(curve, pair.public_key().as_ref())
                    .ok_or(KeyError::Library)?;
                (public, EncodingKey::from_ec_der(&pkcs8))
            }
            Kind::Ed25519 => {
                // Version 1, as OpenSSL writes it, leaves out the public key.
                let pair =
                    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).map_err(unsuitable)?;
                let x = pair.public_key().as_ref().to_vec();
                (PublicKey::Ed25519 { x }, EncodingKey::from_ed_der(&pkcs8))
            }
            Kind::Rsa => rsa(&pkcs8).ok_or(KeyError::Unsuitable(algorithm))?,
        };
        let public = Jwk::new(public).map_err(|_| KeyError::Unsuitable(algorithm))?;
        Ok(Self {
            algorithm,
            pkcs8,
            encoding,
            public: public.named(kid, algorithm),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {:?})", self.algorithm, self.kid())
    }
}

/// What kind of key an algorithm takes.
enum Kind {
    Rsa,
    Ec(&'static EcdsaSigningAlgorithm, Curve),
    Ed25519,
}

impl Kind {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::ES256 => Self::Ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Curve::P256),
            Algorithm::ES384 => Self::Ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Curve::P384),
            Algorithm::EdDSA => Self::Ed25519,
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::PS256 => Self::Rsa,
        }
    }
}

fn rsa(pkcs8: &[u8]) -> Option<(PublicKey, EncodingKey)> {
    let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
    let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    // The library signs with PKCS#1, and unwraps it from PKCS#8 only if that comes as PEM.
    let encoding = EncodingKey::from_rsa_pem(pem(pkcs8).expose().as_bytes()).ok()?;
    Some((
        PublicKey::Rsa {
            n: public.n,
            e: public.e,
        },
        encoding,
    ))
}

/// RFC 7468 section 2: 64 characters a line.
fn pem(pkcs8: &[u8]) -> Secret {
    let base64 = Zeroizing::new(STANDARD.encode(pkcs8));
    // Room for all of it: a string that grows leaves copies of the key behind.
    let mut pem = String::with_capacity(base64.len() + base64.len() / LINE + 64);
    pem.push_str(BEGIN);
    for (position, character) in base64.chars().enumerate() {
        if position % LINE == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push('\n');
    pem.push_str(END);
    pem.push('\n');
    Secret::received(pem)
}

/// Why a private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file is something else.
    #[error("it is not one unencrypted PKCS#8 private key in PEM")]
    NotPem,
    /// A key of another kind, or a weak or broken one.
    #[error("it is not a sound key for {0}")]
    Unsuitable(Algorithm),
    /// Nothing that the caller could have done better.
    #[error("the cryptographic library failed")]
    Library,
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const LINE: usize = 64;

#[cfg(test)]
mod tests;
