//! Proof Key for Code Exchange: RFC 7636, method S256 only. `plain` would let whoever sees the
//! authorization request redeem the code (RFC 9700 section 2.1.1, SMART App Launch 2.2.0).

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::{Error, ErrorCode, Random, Secret};

/// A `code_challenge` of method S256: RFC 7636 section 4.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` of an authorization request.
    ///
    /// # Errors
    /// `invalid_request` (RFC 7636 section 4.4.1) for another method, none (which means `plain`),
    /// or anything but the 43 characters of a base64url SHA-256.
    pub fn parse(challenge: &str, method: Option<&str>) -> Result<Self, Error> {
        if method != Some(S256) {
            return Err(invalid("code_challenge_method must be S256"));
        }
        let digest = URL_SAFE_NO_PAD.decode(challenge).unwrap_or_default();
        if digest.len() != digest::SHA256_OUTPUT_LEN {
            return Err(invalid("the code challenge is malformed"));
        }
        Ok(Self(challenge.to_owned()))
    }

    /// As it goes over the wire and into the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the verifier is the one that this challenge was made of: RFC 7636 section 4.6.
    #[must_use]
    pub fn verify(&self, verifier: &CodeVerifier) -> bool {
        self.0
            .as_bytes()
            .ct_eq(verifier.challenge().0.as_bytes())
            .into()
    }
}

/// A `code_verifier`: RFC 7636 section 4.1.
pub struct CodeVerifier(Secret);

impl CodeVerifier {
    /// A new one with 256 random bits.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self(Secret::generate(random))
    }

    /// Reads `code_verifier` of a token request.
    ///
    /// # Errors
    /// `invalid_request` unless it is 43 to 128 unreserved characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !(43..=128).contains(&text.len()) || !text.bytes().all(unreserved) {
            return Err(invalid("the code verifier is malformed"));
        }
        Ok(Self(Secret::received(text.to_owned())))
    }

    /// The verifier itself, for the token request only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// BASE64URL-ENCODE(SHA256(ASCII(code_verifier))): RFC 7636 section 4.2.
    #[must_use]
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(URL_SAFE_NO_PAD.encode(self.0.hash().as_bytes()))
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeVerifier(..)")
    }
}

fn invalid(description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, description)
}

/// The only method: RFC 7636 section 4.3.
pub const S256: &str = "S256";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn rfc7636_appendix_b() {
        let verifier = CodeVerifier::parse(VERIFIER).unwrap();
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap();
        assert_eq!(verifier.challenge(), challenge);
        assert!(challenge.verify(&verifier));
    }

    #[test]
    fn another_verifier_does_not_match() {
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap();
        let random = Random::seeded(1);
        assert!(!challenge.verify(&CodeVerifier::generate(&random)));
        assert!(!challenge.verify(&CodeVerifier::parse(&VERIFIER.to_lowercase()).unwrap()));
        // The challenge itself, as an eavesdropper would present it, and as `plain` would allow.
        assert!(!challenge.verify(&CodeVerifier::parse(CHALLENGE).unwrap()));
    }

    #[test]
    fn a_generated_verifier_can_be_sent() {
        let verifier = CodeVerifier::generate(&Random::system());
        let received = CodeVerifier::parse(verifier.expose()).unwrap();
        let sent = CodeChallenge::parse(verifier.challenge().as_str(), Some(S256)).unwrap();
        assert!(sent.verify(&received));
    }

    #[test]
    fn only_s256() {
        for method in [None, Some("plain"), Some("s256"), Some("S512"), Some("")] {
            let error = CodeChallenge::parse(CHALLENGE, method).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{method:?}");
            assert_eq!(error.description(), "code_challenge_method must be S256");
        }
    }

    #[test]
    fn malformed_challenges() {
        let short = CHALLENGE.get(1..).unwrap();
        let rows = [
            "".to_owned(),
            short.to_owned(),
            format!("{CHALLENGE}A"),
            format!("{CHALLENGE}="),
            CHALLENGE.replace('-', "+"),
            CHALLENGE.replace('-', " "),
            // The last character has two bits beyond the digest: another spelling of the same one.
            format!("{}N", CHALLENGE.strip_suffix('M').unwrap()),
        ];
        for text in rows {
            let error = CodeChallenge::parse(&text, Some(S256)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{text}");
            assert_eq!(error.description(), "the code challenge is malformed");
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for length in [43, 73, 128] {
            assert!(CodeVerifier::parse(&"~".repeat(length)).is_ok(), "{length}");
        }
        let wrong = [0, 42, 129].map(|length| "a".repeat(length));
        let bad = ["+", "/", "=", " ", "\n", "\u{e9}", "%41"].map(|c| format!("{VERIFIER}{c}"));
        for text in wrong.iter().chain(&bad) {
            let error = CodeVerifier::parse(text).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_verifier() {
        assert_eq!(
            format!("{:?}", CodeVerifier::parse(VERIFIER).unwrap()),
            "CodeVerifier(..)"
        );
    }
}
