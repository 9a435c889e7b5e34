//! Sealing: what the browser carries for us without being able to read or change it
//! (AES-256-GCM, NIST SP 800-38D).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use oauth::Random;

/// The key of the client role's cookies. Nodes of one party share it.
pub struct SealingKey(Option<LessSafeKey>);

impl SealingKey {
    /// Takes 256 secret bits.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        // 32 bytes are what the algorithm wants, so there is a key; without one nothing would
        // open.
        Self(
            UnboundKey::new(&AES_256_GCM, &bytes)
                .ok()
                .map(LessSafeKey::new),
        )
    }

    /// Seals `content` until a time. Only the same `context` opens it.
    pub(crate) fn seal(
        &self,
        random: &Random,
        context: &str,
        until: Timestamp,
        content: &[u8],
    ) -> Option<String> {
        // A random nonce never repeats within the 2^32 messages that a key may seal.
        let nonce = random.bytes::<NONCE_LEN>();
        let mut sealed = until.as_second().to_be_bytes().to_vec();
        sealed.extend_from_slice(content);
        let aad = Aad::from(context.as_bytes());
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0
            .as_ref()?
            .seal_in_place_append_tag(unique, aad, &mut sealed)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what was sealed, unless it was changed or its time has passed.
    pub(crate) fn open(&self, context: &str, now: Timestamp, text: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(context.as_bytes());
        let opened = self
            .0
            .as_ref()?
            .open_in_place(nonce, aad, &mut sealed)
            .ok()?;
        let (until, content) = opened.split_first_chunk::<8>()?;
        (now.as_second() < i64::from_be_bytes(*until)).then(|| content.to_vec())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_the_key_the_context_and_the_time_open() {
        let key = SealingKey::new([7; 32]);
        let sealed = key
            .seal(&Random::seeded(1), "ehr", at(100), b"content")
            .unwrap();
        assert_eq!(key.open("ehr", at(99), &sealed).unwrap(), b"content");
        assert_eq!(key.open("ehr", at(100), &sealed), None);
        assert_eq!(key.open("vro", at(99), &sealed), None);
        assert_eq!(SealingKey::new([8; 32]).open("ehr", at(99), &sealed), None);
        for broken in ["", "AAAA", "no base64!", sealed.get(1..).unwrap()] {
            assert_eq!(key.open("ehr", at(99), broken), None);
        }
        let mut changed = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(
            key.open("ehr", at(99), &URL_SAFE_NO_PAD.encode(changed)),
            None
        );
    }

    #[test]
    fn the_same_content_is_sealed_differently_each_time() {
        let (key, random) = (SealingKey::new([7; 32]), Random::seeded(1));
        let one = key.seal(&random, "ehr", at(100), b"content");
        assert_ne!(one, key.seal(&random, "ehr", at(100), b"content"));
    }
}
