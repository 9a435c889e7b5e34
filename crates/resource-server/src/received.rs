//! A Bundle as received: checked, and the fields taken out by which it is found. Its bytes stay as
//! they are.

use fhir::redact::Gaps;
use fhir::{Bundle, CompositionType, Issue, Jurisdiction, RecordType, Searchable};
use jiff::Timestamp;
use oauth::Random;
use uuid::Builder;

use crate::access_decision::{RecordFacts, is_facility};
use crate::sealing::RecordKeys;
use crate::store::record::{Change, Record, RecordHead};
use crate::store::search::Entry;

/// Bytes that are a Bundle this server can host.
#[derive(Debug)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    bundle_type: String,
    /// What the record itself says; `None` for coded documents that births and fetal deaths share.
    pub(crate) record_type: Option<RecordType>,
    /// What the record itself says; `None` if it says nothing (or XX).
    pub(crate) jurisdiction: Option<Jurisdiction>,
    /// Of the document that it is or holds.
    pub(crate) composition_type: Option<CompositionType>,
    /// Of the number of the certificate.
    pub(crate) event_year: Option<i64>,
    certificate_number: Option<String>,
    identifier: Option<(Option<String>, String)>,
    searchable: Searchable,
    gaps: Gaps,
}

/// Why bytes cannot be hosted.
#[derive(Debug)]
pub(crate) enum Unacceptable {
    /// They are no JSON that every reader would read alike (400).
    Json(Issue),
    /// They are JSON, but no Bundle of a birth or fetal death record (422).
    Content(Issue),
}

impl Received {
    /// Checks and indexes `bytes`, in the one pass of [`Bundle::parse`].
    ///
    /// # Errors
    /// [`Unacceptable`] with the issue to tell the sender.
    pub(crate) fn check(bytes: Vec<u8>) -> Result<Self, Unacceptable> {
        fhir::json::check(&bytes).map_err(|error| Unacceptable::Json(error.into()))?;
        let bundle = Bundle::parse(&bytes).map_err(Unacceptable::Content)?;
        let searchable = bundle.searchable();
        let index = bundle.into_index();
        // Whatever is accepted can be read again.
        let read = fhir::splice::read(&bytes, "id", "1", Timestamp::UNIX_EPOCH).map_err(|_| {
            let text = "the Bundle's meta must be an object";
            Unacceptable::Content(Issue::error(fhir::IssueCode::Structure, text).at("Bundle.meta"))
        })?;
        // And looked at: else nobody from whom anything is withheld could read it, and a copy with gaps, made
        // longer, would pass for a record.
        let gaps = fhir::redact::gaps(&read).map_err(|_| {
            let text = "the Bundle has too many values";
            Unacceptable::Content(Issue::error(fhir::IssueCode::TooCostly, text).at("Bundle"))
        })?;
        // Coded documents are shared by both types; whatever says neither is none of ours.
        if index.record_type.is_none() && index.composition_type.is_none() {
            let text = "the Bundle is of no birth or fetal death record";
            return Err(Unacceptable::Content(Issue::error(
                fhir::IssueCode::BusinessRule,
                text,
            )));
        }
        // JSON may hold NUL, a database text may not.
        let (system, value) = index.identifier.clone().unzip();
        let texts = [system.flatten(), value];
        if texts.iter().flatten().any(|text| text.contains('\0')) {
            let text = "an identifier holds the character NUL";
            return Err(Unacceptable::Content(Issue::error(
                fhir::IssueCode::Value,
                text,
            )));
        }
        Ok(Self {
            bundle_type: index.bundle_type.to_string(),
            record_type: index.record_type,
            jurisdiction: index.jurisdiction,
            composition_type: index.composition_type,
            event_year: index.event_year.map(i64::from),
            certificate_number: index.certificate_number,
            identifier: index.identifier,
            searchable,
            gaps,
            bytes,
        })
    }

    /// What tells that it is a copy from which something was withheld.
    pub(crate) fn gaps(&self) -> Gaps {
        self.gaps
    }

    /// The facility of the birth or delivery.
    pub(crate) fn facility(&self) -> Option<String> {
        facility(&self.searchable)
    }

    /// The facts that decide who reaches the record, once its jurisdiction is settled. A record that
    /// does not say its type takes `record_type`.
    pub(crate) fn facts(
        &self,
        organization: &str,
        addressee: Option<&str>,
        jurisdiction: Jurisdiction,
        record_type: Option<RecordType>,
    ) -> RecordFacts {
        RecordFacts {
            organization: organization.to_owned(),
            addressee: addressee.map(str::to_owned),
            jurisdiction,
            record_type: self.record_type.or(record_type),
            facility: self.facility(),
            composition_type: self.composition_type.map(|kind| kind.code().to_owned()),
            event_year: self.event_year,
        }
    }

    /// What the record will be found by.
    pub(crate) fn entry(&self, keys: &RecordKeys) -> Entry {
        Entry::of(&self.searchable, keys)
    }

    /// The first version of a new record, under a new id.
    pub(crate) fn into_record(self, facts: RecordFacts, now: Timestamp, random: &Random) -> Record {
        self.into_version(
            facts,
            (new_id(now, random), FIRST_VERSION, Change::Create),
            now,
        )
    }

    /// The version of a record that follows `before`.
    pub(crate) fn into_next(
        self,
        facts: RecordFacts,
        before: &RecordHead,
        last_updated: Timestamp,
    ) -> Record {
        let version = (before.id.clone(), before.version_id + 1, Change::Update);
        self.into_version(facts, version, last_updated)
    }

    /// `Bundle.type`.
    pub(crate) fn bundle_type(&self) -> &str {
        &self.bundle_type
    }

    /// The Bundle's own id.
    pub(crate) fn id(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Identified {
            id: Option<String>,
        }
        let identified: Option<Identified> = serde_json::from_slice(&self.bytes).ok();
        identified.and_then(|resource| resource.id)
    }

    fn into_version(
        self,
        facts: RecordFacts,
        (id, version_id, change): (String, i64, Change),
        now: Timestamp,
    ) -> Record {
        let (identifier_system, identifier_value) = match self.identifier {
            Some((system, value)) => (system, Some(value)),
            None => (None, None),
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.bytes);
        let head = RecordHead {
            id,
            facts,
            bundle_type: self.bundle_type,
            certificate_number: self.certificate_number,
            identifier_system,
            identifier_value,
            version_id,
            change,
            // The answer and the database say the same instant, which is kept in milliseconds.
            last_updated: storage::from_ms(storage::to_ms(now)).unwrap_or(now),
            body_length: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
            body_sha256: digest.as_ref().to_vec(),
        };
        Record {
            head,
            body: self.bytes,
        }
    }
}

/// The facility of the birth or delivery, if it has an identifier that tokens can name.
pub(crate) fn facility(searchable: &Searchable) -> Option<String> {
    let identifier = searchable.facility()?;
    Some(identifier.value.clone()).filter(|value| is_facility(value))
}

/// A UUID version 7 (RFC 9562 section 5.7) of our clock and our randomness.
fn new_id(now: Timestamp, random: &Random) -> String {
    let ms = u64::try_from(storage::to_ms(now)).unwrap_or_default();
    Builder::from_unix_timestamp_millis(ms, &random.bytes::<10>())
        .into_uuid()
        .to_string()
}

/// `meta.versionId` counts from 1.
const FIRST_VERSION: i64 = 1;
