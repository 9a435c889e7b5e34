//! Signature algorithms: RFC 7518 section 3.1, RFC 8037 section 3.1.

use std::fmt;

/// The algorithms we sign and verify with. `none` and the symmetric ones do not exist here, so
/// nothing can be talked into them (RFC 8725 sections 2.1 and 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519: RFC 8037 section 3.1.
    EdDSA,
}

impl Algorithm {
    /// Every algorithm; the first two are those that SMART App Launch 2.2.0 asks for.
    pub const ALL: [Self; 6] = [
        Self::RS384,
        Self::ES384,
        Self::RS256,
        Self::PS256,
        Self::ES256,
        Self::EdDSA,
    ];

    /// The value of `alg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Reads a value of `alg`, which is compared with regard to case (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
    }

    pub(super) fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::RS384 => jsonwebtoken::Algorithm::RS384,
            Self::PS256 => jsonwebtoken::Algorithm::PS256,
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::ES384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_read_as_it_is_written() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for text in [
            "none", "None", "HS256", "HS384", "es256", "ES512", "RS512", "Ed25519", "eddsa", "",
        ] {
            assert_eq!(Algorithm::parse(text), None, "{text}");
        }
    }
}
