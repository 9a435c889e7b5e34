//! The `next` links of searches and histories: what follows, sealed, so that nobody can read it, change it or use it for another
//! search or with a token that reaches something else. A link holds no name that was searched for, since links end
//! up in logs; and the server remembers nothing between two pages.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::IssueCode;
use fhir::search::CURSOR;
use oauth::Random;
use serde::{Deserialize, Serialize};

use crate::ResourceServer;
use crate::answer::Failure;
use crate::exchange::Permitted;
use crate::sealing::RecordKeys;
use crate::store::search::Reach;

/// A search and a place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The search, as a query.
    #[serde(rename = "q")]
    pub(crate) query: String,
    /// The value that the last result is sorted by.
    #[serde(rename = "k")]
    pub(crate) key: i64,
    /// Its id.
    #[serde(rename = "i")]
    pub(crate) id: String,
}

/// What a cursor is sealed for: where it goes on, and who asks with which reach. Its token may be another by the next
/// page, but not one that reaches anything else.
pub(crate) fn binding(permitted: &Permitted<'_>, path: &str) -> String {
    let organization = permitted.permit.organization();
    let reach = Reach::of(&permitted.permit).fingerprint();
    let resource_type = permitted.asked.resource_type;
    format!("{path} {resource_type} {organization:?} {reach}")
}

impl Cursor {
    /// The text of a `_cursor`.
    ///
    /// # Errors
    /// 503 if it cannot be sealed.
    pub(crate) fn issue(&self, server: &ResourceServer, binding: &str) -> Result<String, Failure> {
        let sealed = self.seal(&server.config().record_keys, binding, server.random());
        sealed.ok_or_else(|| Failure::unavailable("the next link could not be made"))
    }

    /// What a `_cursor` goes on with.
    ///
    /// # Errors
    /// 400 `invalid` for anything that we did not seal for this binding.
    pub(crate) fn redeem(
        text: &str,
        server: &ResourceServer,
        binding: &str,
    ) -> Result<Self, Failure> {
        Self::open(text, &server.config().record_keys, binding).ok_or_else(refused)
    }

    /// Seals it under a key of its own for each `binding`: what the search is of, and what its token reaches. `None`
    /// if the cipher refuses, which it does for no size that gets here.
    fn seal(&self, keys: &RecordKeys, binding: &str, random: &Random) -> Option<String> {
        let nonce = random.bytes::<NONCE_LEN>();
        let mut text = serde_json::to_vec(self).ok()?;
        let key = cipher(&keys.term(NAME, binding))?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
            .ok()?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what was sealed for this binding, under any of the keys. `None` for everything else.
    fn open(text: &str, keys: &RecordKeys, binding: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        keys.terms(NAME, binding).iter().find_map(|key| {
            let mut text = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let opened = cipher(key)?
                .open_in_place(nonce, Aad::empty(), &mut text)
                .ok()?;
            serde_json::from_slice(opened).ok()
        })
    }
}

/// 400: no link of ours, or one of another search or reach.
pub(crate) fn refused() -> Failure {
    let text = "_cursor is no next link of this search for this token: begin the search again";
    Failure::new(StatusCode::BAD_REQUEST, IssueCode::Invalid, text).of_http(CURSOR)
}

fn cipher(key: &[u8; 16]) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).ok()?))
}

/// No search parameter has this name, so no term of a record is ever a key.
const NAME: &str = "cursor";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            query: "patient.family=Quinn&_count=2".to_owned(),
            key: 5,
            id: "0198".to_owned(),
        }
    }

    #[test]
    fn it_opens_for_its_binding_only_and_unchanged_only() {
        let keys = RecordKeys::testing();
        let random = Random::seeded(1);
        let sealed = cursor().seal(&keys, "Bundle Hospital A", &random).unwrap();
        assert_eq!(
            Cursor::open(&sealed, &keys, "Bundle Hospital A"),
            Some(cursor())
        );
        assert_eq!(Cursor::open(&sealed, &keys, "Bundle Hospital B"), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            if let Some(byte) = changed.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let changed = String::from_utf8(changed).unwrap();
            if changed != sealed {
                assert_eq!(
                    Cursor::open(&changed, &keys, "Bundle Hospital A"),
                    None,
                    "{at}"
                );
            }
        }
        for other in ["", "A", "====", "0198", "é"] {
            assert_eq!(
                Cursor::open(other, &keys, "Bundle Hospital A"),
                None,
                "{other}"
            );
        }
    }

    #[test]
    fn it_shows_nothing() {
        let sealed = cursor()
            .seal(&RecordKeys::testing(), "b", &Random::seeded(1))
            .unwrap();
        assert!(!sealed.contains("Quinn"));
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"Quinn"));
    }
}
