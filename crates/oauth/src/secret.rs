//! Secrets of the wire (tokens, codes, client secrets) and the hashes that are stored of them.
//!
//! A generated secret has 256 random bits, so one SHA-256 is enough to store it: nobody can try
//! them all. People's passwords are another matter and not this module's.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Random;

/// A secret as it goes over the wire. It cannot be printed or compared, and is overwritten when
/// dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// 256 random bits in base64url without padding: 43 characters.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        let bytes = Zeroizing::new(random.bytes::<32>());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// An opaque access token, `PREFIX_` and 256 random bits. A resource server tells by the prefix
    /// whom to ask about it, so that no party is ever shown another's live token.
    #[must_use]
    pub fn access_token(prefix: &str, random: &Random) -> Self {
        let secret = Self::generate(random);
        Self(Zeroizing::new(format!("{prefix}_{}", secret.expose())))
    }

    /// What somebody sent, unchecked.
    #[must_use]
    pub fn received(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the wire only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest.as_ref());
        SecretHash(hash)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// SHA-256 of a [`Secret`]: can be stored and compared, in constant time, but not sent.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; digest::SHA256_OUTPUT_LEN]);

impl SecretHash {
    /// The 32 bytes, for the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; digest::SHA256_OUTPUT_LEN] {
        &self.0
    }

    /// Reads what the database holds; `None` unless it is 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The first 4 bytes in hexadecimal: names a token in logs and in the audit without giving it
    /// away.
    #[must_use]
    pub fn short(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash({}..)", self.short())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_generated_secret_is_43_url_safe_characters() {
        let secret = Secret::generate(&Random::system());
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert_eq!(secret.expose().len(), 43);
        assert!(secret.expose().chars().all(safe));
        let random = Random::seeded(1);
        assert_ne!(
            Secret::generate(&random).hash(),
            Secret::generate(&random).hash()
        );
    }

    #[test]
    fn an_access_token_names_its_issuer() {
        let token = Secret::access_token("vro", &Random::seeded(1));
        assert_eq!(token.expose().strip_prefix("vro_").map(str::len), Some(43));
    }

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let secret = Secret::received("hunter2-hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(
            format!("{:?}", secret.hash()),
            format!("SecretHash({}..)", secret.hash().short())
        );
    }

    // FIPS 180-2 appendix B.1.
    #[test]
    fn the_hash_is_sha_256() {
        let hash = Secret::received("abc".to_owned()).hash();
        assert_eq!(hash.short(), "ba7816bf");
        assert_eq!(hash.as_bytes().last(), Some(&0xad));
        assert_eq!(SecretHash::from_slice(hash.as_bytes()), Some(hash));
        assert_ne!(hash, Secret::received("abd".to_owned()).hash());
    }

    #[test]
    fn a_hash_is_32_bytes() {
        let hash = Secret::received("abc".to_owned()).hash();
        assert_eq!(
            SecretHash::from_slice(hash.as_bytes().get(1..).unwrap()),
            None
        );
        assert_eq!(SecretHash::from_slice(&[0; 33]), None);
        assert_eq!(SecretHash::from_slice(&[]), None);
    }
}
