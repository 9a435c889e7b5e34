//! What is known of a record that decides who reaches it.

use fhir::{Jurisdiction, RecordType};

/// The facts of a record that decide who reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordFacts {
    pub(crate) organization: String,
    pub(crate) addressee: Option<String>,
    pub(crate) jurisdiction: Jurisdiction,
    /// `None` for a document that births and fetal deaths share and that does not say which it is of.
    pub(crate) record_type: Option<RecordType>,
    /// The facility of the event, by the identifier that the record gives it (an NPI, for instance);
    /// `None` if it gives none. See [`is_facility`].
    pub(crate) facility: Option<String>,
    /// The code of `Composition.type`, for a document or a message that holds one.
    pub(crate) composition_type: Option<String>,
    /// The year of the event.
    pub(crate) event_year: Option<i64>,
}

/// Whether a text can name a facility: an NPI or another identifier, 1 to 64 of `A-Za-z0-9.-`. The
/// database compares lists of them by pattern, in which nothing else may mean something.
#[must_use]
pub fn is_facility(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}
