//! Secrets at rest that must be read again: AES-256-GCM under a key that is not in the database.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use oauth::Random;
use zeroize::Zeroizing;

/// The key that secrets are sealed under; from a file or the environment, never stored with them.
pub struct KeyEncryptionKey(Zeroizing<[u8; 32]>);

impl KeyEncryptionKey {
    /// Takes 256 bits.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Version, nonce, ciphertext. `bound_to` names what the secret is and whose; it is authenticated too, so
    /// that a row cannot be put in the place of another.
    pub(crate) fn seal(&self, bound_to: &str, secret: &[u8], random: &Random) -> Option<Vec<u8>> {
        let nonce = random.bytes::<NONCE_LEN>();
        let mut text = Zeroizing::new(secret.to_vec());
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to),
                &mut text,
            )
            .ok()?;
        Some([&[VERSION], nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// `None` unless it was sealed under this key for this purpose.
    pub(crate) fn open(&self, bound_to: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed
            .strip_prefix(&[VERSION])?
            .split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .cipher()?
            .open_in_place(nonce, Aad::from(bound_to), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
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

/// So that another form can come without a rewrite.
const VERSION: u8 = 1;
