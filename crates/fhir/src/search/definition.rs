//! The search parameters that are offered: one table for the parser, the CapabilityStatement and the policy that
//! withholds parts of records.

use crate::ResourceType;
use crate::redact::Group;

/// A search parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name in a search on Composition.
    name: &'static str,
    /// Its name in a search on Bundle, if it is another there.
    bundle_name: Option<&'static str>,
    /// How its values are compared.
    pub kind: ParameterType,
    /// For people.
    pub documentation: &'static str,
    /// What whoever tries values would learn, even if it were withheld from every record that he gets: a token from
    /// which the group is withheld must not search by it.
    pub reveals: Option<Group>,
    pub(super) compares: Compares,
}

/// `SearchParameter.type` (FHIR R4 code system search-param-type), as far as it is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// By its beginning, without case and accents.
    String,
    /// `system|code`.
    Token,
    /// With prefixes.
    Date,
    /// With prefixes.
    Number,
}

/// What a parameter is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compares {
    Id,
    LastUpdated,
    Date,
    CompositionType,
    Jurisdiction,
    RecordType,
    EventYear,
    CertificateNumber(super::term::Field),
    String(super::term::Field),
    Token(super::term::Field),
    BirthDate(super::term::Field),
}

impl Compares {
    /// How a value is written, for whoever has written it otherwise: as the end of a sentence.
    pub(super) fn form(self) -> &'static str {
        match self {
            Self::Id => "an id has up to 64 letters, digits, hyphens and dots",
            Self::LastUpdated | Self::Date => {
                "a date is written year, month, day, such as 2026-01-31, 2026-01 or 2026, \
                 with a prefix such as ge before it if wanted"
            }
            Self::BirthDate(_) => {
                "a date is written year, month, day, such as 2026-01-31, 2026-01 or 2026"
            }
            Self::EventYear => {
                "a year has four digits, such as 2026, with a prefix such as ge before it if wanted"
            }
            Self::String(_) => {
                "a text must not be empty, and a comma or bar in it is written \\, or \\|"
            }
            Self::CompositionType
            | Self::Jurisdiction
            | Self::RecordType
            | Self::CertificateNumber(_)
            | Self::Token(_) => {
                "it is a value alone or with its system, as system|value, and a comma or bar in it is written \\, or \\|"
            }
        }
    }
}

impl Definition {
    /// Its name in a search on `resource_type`.
    #[must_use]
    pub fn name(&self, resource_type: ResourceType) -> &'static str {
        match resource_type {
            ResourceType::Bundle => self.bundle_name.unwrap_or(self.name),
            _ => self.name,
        }
    }

    /// All parameters, in the order of the CapabilityStatement.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        ALL.iter()
    }

    /// The parameter that `name`, without its modifier, means in a search on `resource_type`. A chain may be spelled
    /// `patient.`, `subject.`, `subject:Patient.`; on a Bundle, whose Composition is what is asked about, with or
    /// without `composition.` before it.
    pub(super) fn find(resource_type: ResourceType, name: &str) -> Option<&'static Self> {
        let own = match resource_type {
            ResourceType::Bundle => name.strip_prefix("composition.").unwrap_or(name),
            _ => name,
        };
        let chained = PATIENT_CHAINS
            .iter()
            .find_map(|chain| own.strip_prefix(chain));
        let chained = chained.map(|element| format!("patient.{element}"));
        let own = chained.as_deref().unwrap_or(own);
        Self::all().find(|known| {
            let named = known.name(resource_type);
            // What has a name of its own on a Bundle is known by that name only: `type` is another parameter there.
            named == name
                || (known.bundle_name.is_none() && named == own)
                || (resource_type != ResourceType::Bundle && named == own)
        })
    }
}

impl ParameterType {
    /// The code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Token => "token",
            Self::Date => "date",
            Self::Number => "number",
        }
    }
}

const PATIENT_CHAINS: [&str; 3] = ["patient:Patient.", "subject:Patient.", "subject."];

const fn parameter(
    name: &'static str,
    kind: ParameterType,
    compares: Compares,
    documentation: &'static str,
) -> Definition {
    Definition {
        name,
        bundle_name: None,
        kind,
        documentation,
        reveals: None,
        compares,
    }
}

const fn revealing(reveals: Group, definition: Definition) -> Definition {
    Definition {
        reveals: Some(reveals),
        ..definition
    }
}

static ALL: [Definition; 16] = {
    use super::term;
    use ParameterType::{Date, Number, String, Token};
    [
        parameter(
            "_id",
            Token,
            Compares::Id,
            "Id of the record; its Bundle and its Composition share it.",
        ),
        parameter(
            "_lastUpdated",
            Date,
            Compares::LastUpdated,
            "When the record was last stored here. Prefixes eq ne gt lt ge le sa eb ap; ap takes the span given and its length to both sides.",
        ),
        parameter(
            "identifier",
            Token,
            Compares::Token(term::IDENTIFIER),
            "Identifier of the Bundle or of its Composition.",
        ),
        Definition {
            bundle_name: Some("composition.type"),
            ..parameter(
                "type",
                Token,
                Compares::CompositionType,
                "Type of the document's Composition.",
            )
        },
        parameter(
            "date",
            Date,
            Compares::Date,
            "Composition.date; prefixes as of _lastUpdated. UTC where it has no time zone.",
        ),
        revealing(
            Group::Names,
            parameter(
                "patient.family",
                String,
                Compares::String(term::FAMILY),
                "Family name of the child or fetus (Composition.subject), by its beginning; longer than 16 letters, whole. Also subject.family.",
            ),
        ),
        revealing(
            Group::Names,
            parameter(
                "patient.given",
                String,
                Compares::String(term::GIVEN),
                "One given name of the child or fetus, by its beginning; longer than 16 letters, whole. Also subject.given.",
            ),
        ),
        revealing(
            Group::Names,
            parameter(
                "patient.birthdate",
                Date,
                Compares::BirthDate(term::BIRTH_DATE),
                "Date of birth or delivery: a day, month or year, prefix eq only. Also subject.birthdate.",
            ),
        ),
        revealing(
            Group::MedicalRecordNumber,
            parameter(
                "patient.identifier",
                Token,
                Compares::Token(term::PATIENT_IDENTIFIER),
                "An identifier of the child or fetus, such as its medical record number; never a social security number.",
            ),
        ),
        revealing(
            Group::MedicalRecordNumber,
            parameter(
                "author.identifier",
                Token,
                Compares::Token(term::AUTHOR_IDENTIFIER),
                "An identifier of Composition.author, such as a National Provider Identifier.",
            ),
        ),
        parameter(
            "report-number",
            Token,
            Compares::Token(term::REPORT_NUMBER),
            "Number of the report: live birth certificate number or fetal death report number, on the Composition or of the record.",
        ),
        revealing(
            Group::Names,
            parameter(
                "birth-location",
                String,
                Compares::String(term::BIRTH_LOCATION),
                "Name, or a part of the address, of the Location of the birth or delivery, by its beginning; longer than 16 letters, whole.",
            ),
        ),
        parameter(
            "jurisdiction",
            Token,
            Compares::Jurisdiction,
            "Where the event was registered, two letters (MA, YC).",
        ),
        parameter(
            "event-year",
            Number,
            Compares::EventYear,
            "Year of the birth or fetal death; prefixes as of _lastUpdated.",
        ),
        parameter(
            "certificate-number",
            Token,
            Compares::CertificateNumber(term::CERTIFICATE_NUMBER),
            "Certificate number of one to six digits, with or without its zeros.",
        ),
        parameter(
            "record-type",
            Token,
            Compares::RecordType,
            "birth or fetal-death.",
        ),
    ]
};

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_spelling_of_a_chain_is_the_same_parameter() {
        for name in [
            "patient.family",
            "subject.family",
            "subject:Patient.family",
            "patient:Patient.family",
        ] {
            for resource_type in [ResourceType::Bundle, ResourceType::Composition] {
                let found = Definition::find(resource_type, name).unwrap();
                assert_eq!(found.name(resource_type), "patient.family", "{name}");
            }
            let chained = format!("composition.{name}");
            assert!(
                Definition::find(ResourceType::Bundle, &chained).is_some(),
                "{chained}"
            );
            assert!(
                Definition::find(ResourceType::Composition, &chained).is_none(),
                "{chained}"
            );
        }
    }

    #[test]
    fn the_type_of_a_bundle_is_another_parameter() {
        assert!(Definition::find(ResourceType::Bundle, "type").is_none());
        assert!(Definition::find(ResourceType::Bundle, "composition.type").is_some());
        assert!(Definition::find(ResourceType::Composition, "type").is_some());
        assert!(Definition::find(ResourceType::Composition, "composition.type").is_none());
    }

    /// Whoever adds a parameter on a person has to say what it reveals.
    #[test]
    fn what_is_searched_of_a_person_is_marked() {
        for known in Definition::all() {
            let of_a_person = ["patient.", "author.", "birth-"]
                .iter()
                .any(|beginning| known.name.starts_with(beginning));
            assert_eq!(known.reveals.is_some(), of_a_person, "{}", known.name);
        }
    }
}
