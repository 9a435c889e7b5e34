//! What a record can be found by: the fields of its documents that the search parameters compare with, and the
//! facility at which the birth or delivery was, which is a fact for the decision who may see the record.
//!
//! Nothing here refuses a record. What is absent, or is not what FHIR says, is not found by it, and no more: the
//! rest of the document still is. Counts and lengths are bounded, so that no document costs more than a few hundred
//! terms. Of the entries only the few resources that matter are read, once each.

mod document;
mod resource;

use crate::redact::Numbers;
use crate::search::Period;
use crate::search::Term;
use crate::search::term::{
    AUTHOR_IDENTIFIER, BIRTH_DATE, BIRTH_LOCATION, CERTIFICATE_NUMBER, FAMILY, GIVEN, IDENTIFIER,
    PATIENT_IDENTIFIER, REPORT_NUMBER,
};

pub(crate) use document::read;

/// What one record can be found by. Its `Debug` shows no content.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Searchable {
    /// `Composition.date`.
    pub date: Option<Period>,
    /// Identifiers of the facility of the birth or delivery: of the Location that is marked as the place of
    /// birth, of that at which the Composition's encounter was, and of the Organization that provides it.
    pub facilities: Vec<Identifier>,
    /// Of the Bundle, and of the Composition.
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) report_numbers: Vec<Identifier>,
    pub(crate) certificate_number: Option<String>,
    pub(crate) family_names: Vec<String>,
    pub(crate) given_names: Vec<String>,
    pub(crate) birth_dates: Vec<String>,
    pub(crate) patient_identifiers: Vec<Identifier>,
    pub(crate) author_identifiers: Vec<Identifier>,
    /// Names, and parts of the addresses.
    pub(crate) birth_locations: Vec<String>,
}

/// An identifier (FHIR R4 datatypes), as far as a token compares with it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier {
    /// Whose numbers these are.
    pub system: Option<String>,
    /// The number.
    pub value: String,
}

impl Searchable {
    /// The one identifier by which the facility of the birth or delivery is told from others: a National Provider
    /// Identifier if it has one.
    #[must_use]
    pub fn facility(&self) -> Option<&Identifier> {
        let npi = |facility: &&Identifier| facility.system.as_deref() == Some(NPI_SYSTEM);
        let facilities = || self.facilities.iter();
        facilities().find(npi).or_else(|| facilities().next())
    }

    /// Takes out whatever has a social security number in it, so that nobody can try numbers out.
    pub(crate) fn without(&mut self, numbers: &Numbers) {
        let shown = |text: &String| numbers.masked(text).is_none();
        for identifiers in [
            &mut self.identifiers,
            &mut self.report_numbers,
            &mut self.patient_identifiers,
            &mut self.author_identifiers,
        ] {
            identifiers.retain(|it| shown(&it.value) && it.system.as_ref().is_none_or(shown));
        }
        for texts in [
            &mut self.family_names,
            &mut self.given_names,
            &mut self.birth_locations,
            &mut self.birth_dates,
        ] {
            texts.retain(shown);
        }
        self.certificate_number = self.certificate_number.take().filter(shown);
    }

    /// The terms of the index, each once: at most [`MAX_TERMS`].
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Vec::new();
        for (field, identifiers) in [
            (IDENTIFIER, &self.identifiers),
            (REPORT_NUMBER, &self.report_numbers),
            (PATIENT_IDENTIFIER, &self.patient_identifiers),
            (AUTHOR_IDENTIFIER, &self.author_identifiers),
        ] {
            for Identifier { system, value } in identifiers {
                field.of_identifier(system.as_deref(), value, &mut terms);
            }
        }
        if let Some(number) = &self.certificate_number {
            terms.push(CERTIFICATE_NUMBER.present());
            terms.push(CERTIFICATE_NUMBER.plain(number));
        }
        for date in &self.birth_dates {
            BIRTH_DATE.of_date(date, &mut terms);
        }
        for (field, texts) in [
            (FAMILY, &self.family_names),
            (GIVEN, &self.given_names),
            (BIRTH_LOCATION, &self.birth_locations),
        ] {
            for text in texts {
                field.of_string(text, &mut terms);
            }
        }
        terms.sort_unstable();
        terms.dedup();
        terms.truncate(MAX_TERMS);
        terms
    }
}

impl std::fmt::Debug for Searchable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Searchable")
    }
}

impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identifier")
    }
}

const NPI_SYSTEM: &str = "http://hl7.org/fhir/sid/us-npi";

/// Terms of one record: about ten times those of an ordinary report, which a batch of messages can have.
pub const MAX_TERMS: usize = 1_000;

#[cfg(test)]
mod tests;
