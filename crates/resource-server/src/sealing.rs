//! Records at rest: bodies sealed with AES-256-GCM, and terms of people hashed under a key, so that a copy of
//! the database without the record key shows no name. A key is 256 bits; of several the first seals and all
//! open, which is what a rotation needs.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth::Random;
use zeroize::Zeroizing;

/// The keys that records are sealed under; from a file or the environment, never stored with the records.
pub struct RecordKeys {
    first: RecordKey,
    others: Vec<RecordKey>,
    accept_unsealed: bool,
}

/// One key, in the three that are derived from it: no key is used for two purposes.
struct RecordKey {
    id: String,
    body: Zeroizing<[u8; 32]>,
    term: hmac::Key,
}

/// What a sealed body is bound to: it opens in this place only, so that no row can be put in the place of another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The table.
    pub(crate) table: &'a str,
    /// The record's id.
    pub(crate) id: &'a str,
    /// The record's version.
    pub(crate) version_id: i64,
    /// The record's jurisdiction.
    pub(crate) jurisdiction: &'a str,
    /// Whose it is.
    pub(crate) organization: &'a str,
    /// Whom it is addressed to.
    pub(crate) addressee: Option<&'a str>,
    /// Birth or fetal death.
    pub(crate) record_type: Option<&'a str>,
    /// Where the birth or delivery was.
    pub(crate) facility: Option<&'a str>,
    /// The code of `Composition.type`.
    pub(crate) composition_type: Option<&'a str>,
    /// The year of the event.
    pub(crate) event_year: Option<i64>,
}

/// A body as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    /// Which key opens it.
    pub(crate) key_id: String,
    /// Nonce, ciphertext, tag.
    pub(crate) bytes: Vec<u8>,
}

/// Why a text gives no record keys. Says nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordKeysError {
    /// Nothing would be sealed.
    #[error("must hold at least one key")]
    None,
    /// A key of another length, or no base64.
    #[error("must hold keys of 32 bytes in base64, one a line")]
    Malformed,
    /// The same key twice is a rotation that did not happen.
    #[error("holds the same key twice")]
    Twice,
}

impl RecordKeys {
    /// Reads keys of 32 bytes in base64, separated by white space; a line that begins with `#` is a comment.
    /// The first seals, all open.
    ///
    /// # Errors
    /// [`RecordKeysError`] unless every word is a key of its own.
    pub fn parse(text: &str) -> Result<Self, RecordKeysError> {
        let mut keys = Vec::new();
        for word in text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(str::split_whitespace)
        {
            let bytes = Zeroizing::new(
                STANDARD
                    .decode(word)
                    .map_err(|_| RecordKeysError::Malformed)?,
            );
            let secret: &[u8; 32] = bytes
                .as_slice()
                .try_into()
                .map_err(|_| RecordKeysError::Malformed)?;
            keys.push(RecordKey::new(secret));
        }
        Self::of(keys)
    }

    fn of(keys: Vec<RecordKey>) -> Result<Self, RecordKeysError> {
        let mut ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != keys.len() {
            return Err(RecordKeysError::Twice);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(RecordKeysError::None)?;
        let others = keys.collect();
        Ok(Self {
            first,
            others,
            accept_unsealed: false,
        })
    }

    /// Whether bodies that lie there plain, from before there were keys, are read and rotated. Nothing tells them from
    /// what somebody without a key wrote into the database: they are refused unless the party says so.
    #[must_use]
    pub fn accepting_unsealed(mut self, accept: bool) -> Self {
        self.accept_unsealed = accept;
        self
    }

    pub(crate) fn accept_unsealed(&self) -> bool {
        self.accept_unsealed
    }

    /// One key that everybody knows.
    #[cfg(test)]
    pub(crate) fn testing() -> Self {
        let key = RecordKey::new(&[7; 32]);
        Self {
            first: key,
            others: Vec::new(),
            accept_unsealed: false,
        }
    }

    /// The id of the key that seals: tells keys apart and opens nothing.
    #[must_use]
    pub fn sealing_key_id(&self) -> &str {
        &self.first.id
    }

    /// The ids of all keys, the sealing one first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.all().map(|key| key.id.as_str())
    }

    /// Seals a body for one place. `None` if the cipher refuses, which it does for no size that gets here.
    pub(crate) fn seal(&self, place: Place<'_>, body: &[u8], random: &Random) -> Option<Sealed> {
        let key = &self.first;
        let nonce = random.bytes::<NONCE_LEN>();
        let mut bytes = Vec::with_capacity(NONCE_LEN + body.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(body);
        let text = bytes.get_mut(NONCE_LEN..)?;
        let aad = Aad::from(place.bytes(&key.id));
        let tag = key
            .cipher()?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, text)
            .ok()?;
        bytes.extend_from_slice(tag.as_ref());
        let key_id = key.id.clone();
        Some(Sealed { key_id, bytes })
    }

    /// Opens what was sealed for this place. `None` under an unknown key, in another place, or after any change.
    pub(crate) fn open(&self, place: Place<'_>, key_id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let key = self.all().find(|key| key.id == key_id)?;
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let aad = Aad::from(place.bytes(&key.id));
        let length = key
            .cipher()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    /// The term under which an index holds `text` of the search parameter `name`: equal texts have equal
    /// terms, and without the key no term says what it is of. Under the sealing key, for a row that is written.
    #[must_use]
    pub fn term(&self, name: &str, text: &str) -> [u8; 16] {
        self.first.term(name, text)
    }

    /// The same under every key, to search by while a rotation is under way.
    pub fn terms(&self, name: &str, text: &str) -> Vec<[u8; 16]> {
        self.all().map(|key| key.term(name, text)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &RecordKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl RecordKey {
    fn new(secret: &[u8; 32]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derive = |purpose: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            key.copy_from_slice(hmac::sign(&secret, purpose).as_ref());
            key
        };
        let id = derive(b"vitalgate record key: id");
        Self {
            id: id
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            body: derive(b"vitalgate record key: body"),
            term: hmac::Key::new(
                hmac::HMAC_SHA256,
                derive(b"vitalgate record key: term").as_slice(),
            ),
        }
    }

    fn term(&self, name: &str, text: &str) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.term);
        // Names of parameters hold no NUL: no two pairs are hashed as the same bytes.
        context.update(name.as_bytes());
        context.update(&[0]);
        context.update(text.as_bytes());
        let mut term = [0; 16];
        for (to, from) in term.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        term
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, self.body.as_slice()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

impl Place<'_> {
    /// Authenticated with the body. As JSON, so that no two places have the same bytes.
    fn bytes(self, key_id: &str) -> Vec<u8> {
        serde_json::json!([
            self.table,
            self.id,
            self.version_id,
            self.jurisdiction,
            self.organization,
            self.addressee,
            self.record_type,
            self.facility,
            self.composition_type,
            self.event_year,
            key_id,
        ])
        .to_string()
        .into_bytes()
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.key_ids().collect();
        f.debug_struct("RecordKeys").field("ids", &ids).finish()
    }
}

#[cfg(test)]
mod tests;
