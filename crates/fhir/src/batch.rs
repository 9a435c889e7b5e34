//! A Bundle of type batch or transaction that is sent to the base URL (FHIR R4 http, section 3.1.0.11): each
//! entry is a request of its own.
//!
//! Read in one pass; the entries' resources stay borrowed raw text, so that what is stored is what was sent.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::outcome::{Issue, IssueCode, Refusal};

/// What becomes of the others when an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Nothing: each entry is answered for itself.
    Batch,
    /// All or nothing.
    Transaction,
}

/// The requests of a batch or transaction, in its order.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Which of the two.
    pub kind: BatchKind,
    /// Each with why it cannot be read, if so.
    pub entries: Vec<Entry<'a>>,
}

/// One entry.
#[derive(Debug)]
pub struct Entry<'a> {
    /// `Bundle.entry.resource`, exactly as sent.
    pub resource: Option<&'a [u8]>,
    /// `Bundle.entry.request`.
    pub request: EntryRequest,
}

/// `Bundle.entry.request`: a request line and the headers that count for this entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryRequest {
    /// The HTTP verb.
    pub method: String,
    /// Path and query, relative to the base URL. See [`EntryRequest::target`].
    pub url: String,
    /// `If-None-Match`
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`, an instant here and not a date of HTTP.
    pub if_modified_since: Option<String>,
    /// `If-Match`
    pub if_match: Option<String>,
    /// `If-None-Exist`
    pub if_none_exist: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    r#type: Option<String>,
    #[serde(borrow, default)]
    entry: Vec<WireEntry<'a>>,
}

#[derive(Deserialize)]
struct WireEntry<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<EntryRequest>,
}

impl<'a> Batch<'a> {
    /// Reads it. Run [`crate::json::check`] before: this reads what it needs only.
    ///
    /// # Errors
    /// An [`Issue`] to answer 422 with: `structure` if it is no Bundle in JSON, `value` for another type of
    /// Bundle, `required` for an entry without request (bdl-3).
    pub fn parse(received: &'a [u8]) -> Result<Self, Issue> {
        let structure = || {
            let text = "a FHIR Bundle of type batch or transaction is expected";
            Issue::error(IssueCode::Structure, text).at("Bundle")
        };
        // serde reads an array as a struct as well.
        if received.trim_ascii_start().first() != Some(&b'{') {
            return Err(structure());
        }
        let wire: Wire<'a> = serde_json::from_slice(received).map_err(|_| structure())?;
        if wire.resource_type.as_deref() != Some("Bundle") {
            return Err(structure());
        }
        let kind = match wire.r#type.as_deref() {
            Some("batch") => BatchKind::Batch,
            Some("transaction") => BatchKind::Transaction,
            _ => {
                let text = "only Bundles of type batch and transaction are sent to the base URL; \
                            a record is sent to Bundle";
                return Err(Issue::error(IssueCode::Value, text).at("Bundle.type"));
            }
        };
        let entries = wire.entry.into_iter().enumerate().map(read);
        Ok(Self {
            kind,
            entries: entries.collect::<Result<_, _>>()?,
        })
    }
}

fn read((number, entry): (usize, WireEntry<'_>)) -> Result<Entry<'_>, Issue> {
    let request = entry.request.ok_or_else(|| {
        let text = "every entry of a batch needs a request (bdl-3)";
        let place = format!("Bundle.entry[{number}].request");
        Issue::error(IssueCode::Required, text).at(place)
    })?;
    Ok(Entry {
        resource: entry.resource.map(|raw| raw.get().as_bytes()),
        request,
    })
}

impl EntryRequest {
    /// Path and query below the base URL.
    ///
    /// # Errors
    /// 400 `value` for a URL that leads elsewhere or could be read as one: an absolute one, one that begins with
    /// a slash or a backslash, one with a fragment, with white space or control characters. The entry is about this
    /// server's own resources and nothing else.
    pub fn target(&self) -> Result<&str, Refusal> {
        let plain = self.url.bytes().all(|byte| byte.is_ascii_graphic());
        let path = self.url.split('?').next().unwrap_or_default();
        if !plain
            || path.starts_with('/')
            || path.contains([':', '\\', '#'])
            || self.url.contains('#')
        {
            let text = "the url of an entry must be a path below the base URL, as in Bundle/1";
            return Err(Refusal::new(400, IssueCode::Value, text));
        }
        Ok(&self.url)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn entries_keep_their_bytes_and_order() {
        let text = r#"{"resourceType":"Bundle","type":"transaction","entry":[
            {"fullUrl":"urn:uuid:1","resource":{ "resourceType" : "Bundle", "x":1.50 },
             "request":{"method":"POST","url":"Bundle","ifNoneExist":"identifier=a"}},
            {"request":{"method":"GET","url":"Bundle/1","ifNoneMatch":"W/\"1\""}}]}"#;
        let batch = Batch::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (batch.kind, batch.entries.len()),
            (BatchKind::Transaction, 2)
        );
        let first = &batch.entries[0];
        let expected = br#"{ "resourceType" : "Bundle", "x":1.50 }"#;
        assert_eq!(first.resource, Some(expected.as_slice()));
        assert_eq!(first.request.if_none_exist.as_deref(), Some("identifier=a"));
        assert_eq!(batch.entries[1].resource, None);
        assert_eq!(batch.entries[1].request.target().unwrap(), "Bundle/1");
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for (text, code, place) in [
            ("[]", IssueCode::Structure, "Bundle"),
            ("{}", IssueCode::Structure, "Bundle"),
            (
                r#"{"resourceType":"Patient"}"#,
                IssueCode::Structure,
                "Bundle",
            ),
            (
                r#"{"resourceType":"Bundle","entry":{}}"#,
                IssueCode::Structure,
                "Bundle",
            ),
            (
                r#"{"resourceType":"Bundle"}"#,
                IssueCode::Value,
                "Bundle.type",
            ),
            (
                r#"{"resourceType":"Bundle","type":"document"}"#,
                IssueCode::Value,
                "Bundle.type",
            ),
            (
                r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{}}]}"#,
                IssueCode::Required,
                "Bundle.entry[0].request",
            ),
        ] {
            let issue = Batch::parse(text.as_bytes()).unwrap_err();
            assert_eq!(
                (issue.code, issue.expression),
                (code, vec![place.to_owned()]),
                "{text}"
            );
        }
    }

    #[test]
    fn a_url_leads_below_the_base_only() {
        let target = |url: &str| {
            let request = EntryRequest {
                url: url.to_owned(),
                ..EntryRequest::default()
            };
            request
                .target()
                .map(str::to_owned)
                .map_err(|refusal| refusal.status)
        };
        for right in ["Bundle", "Bundle/1", "Bundle?identifier=http://a|b", ""] {
            assert_eq!(target(right), Ok(right.to_owned()));
        }
        for wrong in [
            "https://elsewhere.example/fhir/Bundle/1",
            "//elsewhere.example/Bundle",
            "/Bundle/1",
            "\\Bundle",
            "urn:uuid:1",
            "Bundle/1#x",
            "Bundle?a=b#c",
            "Bundle/1 HTTP/1.1",
            "Bundle\r\nX: y",
            "Bundle/é",
        ] {
            assert_eq!(target(wrong), Err(400), "{wrong}");
        }
    }
}
