//! The index of a Bundle (FHIR R4 bundle; BFDR; Vital Records Messaging): the few fields by which a
//! record is found and by which is decided who may touch it.
//!
//! The envelope is read in one pass; entries stay borrowed raw text, and only the first one (and a
//! message's Parameters and document) is looked into. Nothing is validated beyond what the index needs.
//! Texts of issues never repeat what the record says.

mod document;
mod message;
mod record_type;
mod wire;

use std::fmt;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::json::tree::Tree;
use crate::outcome::{Issue, IssueCode};
use crate::redact::Numbers;
use crate::searchable::{self, Searchable};
use crate::{CompositionType, Jurisdiction, NaturalKey, RecordType};

pub(crate) use wire::{Part, is_plain};

/// A Bundle that was read: its index, and its entries' resources as received.
#[derive(Debug, Clone)]
pub struct Bundle<'a> {
    index: Index,
    resources: Vec<&'a RawValue>,
    /// The entries of the document that it is or holds; of a batch, of all its messages' documents.
    documents: Vec<Vec<Part<'a>>>,
}

/// What is known of a record without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What kind of Bundle it is.
    pub bundle_type: BundleType,
    /// `Bundle.identifier`, the Bundle's own: system and value. A document has one (bdl-9), shared by
    /// all documents of one record; a message usually has none (see `message_id`). `None` also if it is a
    /// social security number: nobody is found by one.
    pub identifier: Option<(Option<String>, String)>,
    /// `Bundle.timestamp`.
    pub timestamp: Option<Timestamp>,
    /// Of a document; `None` for messages and batches.
    pub composition_type: Option<CompositionType>,
    /// Birth or fetal death. `None` only for a coded document that both kinds share and that does not
    /// say which; whoever knows its sender or its message has to decide then.
    pub record_type: Option<RecordType>,
    /// Where the record belongs; `None` if it does not say (or says XX).
    pub jurisdiction: Option<Jurisdiction>,
    /// Year of the birth or fetal death.
    pub event_year: Option<i32>,
    /// Six digits.
    pub certificate_number: Option<String>,
    /// `Composition.id` of a document, as received.
    pub composition_id: Option<String>,
    /// `Composition.subject.reference` of a document.
    pub subject: Option<String>,
    /// `MessageHeader.eventUri` of a message, without its base: `birth_submission`.
    pub event: Option<String>,
    /// `MessageHeader.id` of a message: the id by which messages are told apart.
    pub message_id: Option<String>,
}

/// `Bundle.type`, as far as it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BundleType {
    /// A report or coded content.
    Document,
    /// A message of the Vital Records Messaging guide, with or without a document.
    Message,
    /// Several messages.
    Batch,
}

impl<'a> Bundle<'a> {
    /// Reads a Bundle. Run [`crate::json::check`] before: this reads what it needs only.
    ///
    /// # Errors
    /// An [`Issue`] to answer 422 with: `structure` if it is no Bundle in JSON, `required` and `value`
    /// for elements of the index that are missing or not allowed, `not-supported` for records that are
    /// not exchanged here, `business-rule` for parts that contradict each other.
    pub fn parse(received: &'a [u8]) -> Result<Self, Issue> {
        let bundle = wire::Bundle::parse(received, wire::ROOT)?;
        let number = bundle.is_named_by_number();
        let mut bundle = match bundle.bundle_type(wire::ROOT)? {
            BundleType::Document => document::read(bundle),
            BundleType::Message => message::read(bundle, wire::ROOT),
            BundleType::Batch => message::read_batch(bundle),
        }?;
        if number || bundle.is_identified_by_number() {
            bundle.index.identifier = None;
        }
        Ok(bundle)
    }

    /// Whether the identifier has a social security number in it, by which nobody may find anything.
    fn is_identified_by_number(&self) -> bool {
        let Some((system, value)) = &self.index.identifier else {
            return false;
        };
        let texts = || system.iter().chain([value]);
        // Nearly every record's is of this form, and the numbers need not be looked for.
        let known = NaturalKey::parse(value).is_some();
        let shown = |numbers: &Numbers| texts().all(|text| numbers.masked(text).is_none());
        !known && !shown(&self.numbers())
    }

    /// Its index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Its index, without the rest.
    #[must_use]
    pub fn into_index(self) -> Index {
        self.index
    }

    /// The resources of its entries, each exactly as received.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.resources.iter().map(|raw| raw.get().as_bytes())
    }

    /// What it can be found by, beside its index.
    #[must_use]
    pub fn searchable(&self) -> Searchable {
        let mut searchable = Searchable::default();
        for document in self.documents.iter().take(MAX_DOCUMENTS) {
            searchable::read(document, &mut searchable);
        }
        let index = &self.index;
        searchable.add_key(
            index.identifier.as_ref(),
            index.certificate_number.as_deref(),
        );
        searchable.without(&self.numbers());
        searchable
    }

    /// The social security numbers that its resources name.
    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::unknown();
        let resources = self.resources().filter_map(|text| Tree::parse(text).ok());
        resources.for_each(|tree| numbers.add_all(tree.root()));
        numbers
    }

    /// The Composition of a document, exactly as received.
    #[must_use]
    pub fn composition(&self) -> Option<&'a [u8]> {
        match self.index.bundle_type {
            BundleType::Document => self.resources().next(),
            BundleType::Message | BundleType::Batch => None,
        }
    }
}

impl Index {
    fn new(bundle_type: BundleType) -> Self {
        Self {
            bundle_type,
            identifier: None,
            timestamp: None,
            composition_type: None,
            record_type: None,
            jurisdiction: None,
            event_year: None,
            certificate_number: None,
            composition_id: None,
            subject: None,
            event: None,
            message_id: None,
        }
    }

    /// The natural key, as far as it is known.
    #[must_use]
    pub fn natural_key(&self) -> NaturalKey {
        NaturalKey {
            event_year: self.event_year,
            jurisdiction: self.jurisdiction,
            certificate_number: self.certificate_number.clone(),
        }
    }

    fn set_key(&mut self, key: NaturalKey) {
        self.event_year = key.event_year;
        self.jurisdiction = key.jurisdiction;
        self.certificate_number = key.certificate_number;
    }
}

impl BundleType {
    /// The code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Message => "message",
            Self::Batch => "batch",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        [Self::Document, Self::Message, Self::Batch]
            .into_iter()
            .find(|kind| kind.as_str() == code)
    }
}

impl fmt::Display for BundleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Documents of one batch that it is found by.
const MAX_DOCUMENTS: usize = 50;

/// An element that is missing.
fn required(text: &'static str, expression: impl Into<String>) -> Issue {
    Issue::error(IssueCode::Required, text).at(expression)
}

/// An element that cannot be as it is.
fn value(text: &'static str, expression: impl Into<String>) -> Issue {
    Issue::error(IssueCode::Value, text).at(expression)
}

/// A record that is not exchanged here.
fn not_supported(text: &'static str, expression: impl Into<String>) -> Issue {
    Issue::error(IssueCode::NotSupported, text).at(expression)
}

/// Parts that contradict each other.
fn contradiction(text: &'static str, expression: impl Into<String>) -> Issue {
    Issue::error(IssueCode::BusinessRule, text).at(expression)
}

#[cfg(test)]
mod tests;
