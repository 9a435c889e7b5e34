//! Private keys at rest: AES-256-GCM under a key that is not in the database.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use oauth::Random;
use oauth::jose::{Algorithm, SigningKey};
use zeroize::Zeroizing;

/// The key that private keys are sealed under; from a file or the environment, never stored with them.
pub struct KeyEncryptionKey(Zeroizing<[u8; 32]>);

impl KeyEncryptionKey {
    /// Takes 256 bits.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Version, nonce, ciphertext. The name and the algorithm are authenticated too, so that a row cannot
    /// be put in the place of another.
    pub(crate) fn seal(&self, key: &SigningKey, random: &Random) -> Option<Vec<u8>> {
        let nonce = random.bytes::<NONCE_LEN>();
        let mut text = Zeroizing::new(key.to_pem().expose().as_bytes().to_vec());
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                bound_to(key.kid(), key.algorithm()),
                &mut text,
            )
            .ok()?;
        Some([&[VERSION], nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// `None` unless it was sealed under this key for this name and algorithm.
    pub(crate) fn open(
        &self,
        kid: &str,
        algorithm: Algorithm,
        sealed: &[u8],
    ) -> Option<SigningKey> {
        let (nonce, text) = sealed
            .strip_prefix(&[VERSION])?
            .split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let pem = self
            .cipher()?
            .open_in_place(nonce, bound_to(kid, algorithm), &mut text)
            .ok()?;
        let pem = std::str::from_utf8(pem).ok()?;
        SigningKey::from_pem(pem, algorithm, Some(kid)).ok()
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.as_slice()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

impl std::fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyEncryptionKey(..)")
    }
}

fn bound_to(kid: &str, algorithm: Algorithm) -> Aad<String> {
    Aad::from(format!("signing_key {} {kid}", algorithm.as_str()))
}

/// So that another form can come without a rewrite.
const VERSION: u8 = 1;
