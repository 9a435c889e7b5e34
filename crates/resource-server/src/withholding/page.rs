//! A Bundle of many resources, each of which was looked at for itself: one that cannot be holds up no other, and
//! a page may hold more than can be looked at as a whole.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::redact::{Groups, OBSERVATION_VALUE, REDACTED};
use serde_json::{Value, json};

use super::Seen;
use crate::answer::fhir_json;

/// The entries of such a Bundle so far.
pub(crate) struct Page {
    withheld: Groups,
    entries: Vec<Vec<u8>>,
    has_gaps: bool,
}

/// Says of an answer that [`super::apply`] has nothing left to do: its resources are [`Seen`] ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LookedAt(pub(super) Groups);

impl Page {
    /// A page for a token from which this is withheld.
    pub(crate) fn new(withheld: Groups) -> Self {
        Self {
            withheld,
            entries: Vec::new(),
            has_gaps: false,
        }
    }

    /// Adds an entry: its resource between what is said of it. Nothing of a record stands there.
    pub(crate) fn push(&mut self, before: &Value, resource: Option<&Seen>, after: &Value) {
        let mut entry = b"{".to_vec();
        let mut add = |members: &[u8]| {
            if entry.len() > 1 {
                entry.push(b',');
            }
            entry.extend_from_slice(members);
        };
        add(within(&before.to_string()));
        if let Some(seen) = resource {
            self.has_gaps |= seen.has_gaps();
            add(&[b"\"resource\":", seen.bytes.as_slice()].concat());
        }
        add(within(&after.to_string()));
        entry.push(b'}');
        self.entries.push(entry);
    }

    /// The answer, with what the Bundle says beside its entries.
    pub(crate) fn answer(self, mut head: Value) -> Response {
        if self.has_gaps
            && let Some(members) = head.as_object_mut()
        {
            let label = json!({"system": OBSERVATION_VALUE, "code": REDACTED});
            members.insert("meta".to_owned(), json!({"security": [label]}));
        }
        let mut body = head.to_string().into_bytes();
        // FHIR has no empty arrays.
        if !self.entries.is_empty() {
            body.pop();
            body.extend_from_slice(b",\"entry\":[");
            body.extend_from_slice(&self.entries.join(&b','));
            body.extend_from_slice(b"]}");
        }
        let mut response = fhir_json(StatusCode::OK, body);
        response.extensions_mut().insert(LookedAt(self.withheld));
        response
    }
}

/// The members of an object, without its braces.
fn within(object: &str) -> &[u8] {
    let inner = object.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    inner.unwrap_or_default().as_bytes()
}
