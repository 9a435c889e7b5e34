//! The numbers of a public key: RFC 7518 section 6, RFC 8037 section 2.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::{Algorithm, JwkError};

/// The parts of a key, in big-endian bytes.
#[derive(Clone)]
pub(super) enum PublicKey {
    /// RFC 7518 section 6.3.1.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// RFC 7518 section 6.2.1.
    Ec {
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    /// RFC 8037 section 2, Ed25519.
    Ed25519 { x: Vec<u8> },
}

impl PublicKey {
    /// `None` for a kind of key that we do not know.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Option<Self>, JwkError> {
        match text(members, "kty")?.ok_or(JwkError::Malformed("kty"))? {
            "RSA" => Ok(Some(Self::Rsa {
                n: bytes(members, "n")?,
                e: bytes(members, "e")?,
            })),
            "EC" => {
                let name = text(members, "crv")?.ok_or(JwkError::Malformed("crv"))?;
                let Some(curve) = Curve::parse(name) else {
                    return Ok(None);
                };
                Ok(Some(Self::Ec {
                    curve,
                    x: bytes(members, "x")?,
                    y: bytes(members, "y")?,
                }))
            }
            "OKP" => match text(members, "crv")?.ok_or(JwkError::Malformed("crv"))? {
                ED25519_CURVE => Ok(Some(Self::Ed25519 {
                    x: bytes(members, "x")?,
                })),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Reads the uncompressed point of SEC 1 section 2.3.3.
    pub(super) fn of_point(curve: Curve, point: &[u8]) -> Option<Self> {
        let (x, y) = point
            .strip_prefix(&[4])?
            .split_at_checked(curve.coordinate_length())?;
        Some(Self::Ec {
            curve,
            x: x.to_vec(),
            y: y.to_vec(),
        })
    }

    pub(super) fn check(&self) -> Result<DecodingKey, JwkError> {
        match self {
            Self::Rsa { n, e } => {
                check_rsa(n, e)?;
                Ok(DecodingKey::from_rsa_raw_components(n, e))
            }
            Self::Ec { curve, x, y } => {
                // RFC 7518 section 6.2.1.2: the full length, leading zeros included.
                if [x, y]
                    .iter()
                    .any(|part| part.len() != curve.coordinate_length())
                {
                    return Err(JwkError::Malformed("x and y"));
                }
                let point = [[4].as_slice(), x, y].concat();
                let parsed = match curve {
                    Curve::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point),
                    Curve::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &point),
                };
                parsed.map_err(|_| JwkError::Malformed("x and y"))?;
                Ok(DecodingKey::from_ec_der(&point))
            }
            Self::Ed25519 { x } => {
                // RFC 8032 section 5.1.5: 32 bytes, of which the library checks that they are a point.
                if x.len() != 32 {
                    return Err(JwkError::Malformed("x"));
                }
                ParsedPublicKey::new(&ED25519, x).map_err(|_| JwkError::Malformed("x"))?;
                Ok(DecodingKey::from_ed_der(x))
            }
        }
    }

    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => {
                matches!(
                    algorithm,
                    Algorithm::RS256 | Algorithm::RS384 | Algorithm::PS256
                )
            }
            Self::Ec {
                curve: Curve::P256, ..
            } => algorithm == Algorithm::ES256,
            Self::Ec {
                curve: Curve::P384, ..
            } => algorithm == Algorithm::ES384,
            Self::Ed25519 { .. } => algorithm == Algorithm::EdDSA,
        }
    }

    pub(super) fn kty(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Ec { .. } => "EC",
            Self::Ed25519 { .. } => "OKP",
        }
    }
}

/// RFC 8037 section 2.
pub(super) const ED25519_CURVE: &str = "Ed25519";

/// The curves that go with our algorithms: RFC 7518 section 6.2.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    fn parse(name: &str) -> Option<Self> {
        [Self::P256, Self::P384]
            .into_iter()
            .find(|curve| curve.as_str() == name)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    fn coordinate_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// RFC 7518 section 3.3: 2048 bits at least. Above 8192 a signature costs too much to check. FIPS
/// 186-5 section A.1.1: the exponent is odd and above 65536.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), JwkError> {
    let bits = |number: &[u8]| {
        let zeros = number
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
        number.len() * 8 - zeros
    };
    // RFC 7518 section 2, Base64urlUInt: no leading zero bytes, so that a key has one spelling.
    if n.first().is_none_or(|byte| *byte == 0) || n.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(JwkError::Malformed("n"));
    }
    if !(2048..=8192).contains(&bits(n)) {
        return Err(JwkError::Weak);
    }
    let odd = e.last().is_some_and(|byte| byte % 2 == 1);
    if e.first().is_none_or(|byte| *byte == 0) || !odd || !(17..=32).contains(&bits(e)) {
        return Err(JwkError::Malformed("e"));
    }
    Ok(())
}

/// A member that is a string if it is there.
pub(super) fn text<'a>(
    members: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, JwkError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::Malformed(name)),
    }
}

fn bytes(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    let encoded = text(members, name)?.ok_or(JwkError::Malformed(name))?;
    URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| JwkError::Malformed(name))
}

/// Base64url without padding: RFC 7515 section 2.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
