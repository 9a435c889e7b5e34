//! The resource types that are offered.

/// A resource type of the RESTful API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// A record as it was received.
    Bundle,
    /// A record's Composition, under the Bundle's id.
    Composition,
    /// A row of the audit.
    AuditEvent,
    /// A part of a document, under the Bundle's id and the number of its entry (see [`part_of`]).
    Part(PartType),
}

/// The resource types of a document's parts, which are read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum PartType {
    Patient,
    Practitioner,
    RelatedPerson,
    Encounter,
    Observation,
    Condition,
    Procedure,
    Location,
    Organization,
    Coverage,
}

impl ResourceType {
    /// The name, with its case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "Bundle" => Some(Self::Bundle),
            "Composition" => Some(Self::Composition),
            "AuditEvent" => Some(Self::AuditEvent),
            name => PartType::parse(name).map(Self::Part),
        }
    }

    /// The name in paths and scopes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "Bundle",
            Self::Composition => "Composition",
            Self::AuditEvent => "AuditEvent",
            Self::Part(part) => part.as_str(),
        }
    }
}

impl PartType {
    /// All of them, in alphabetical order.
    pub const ALL: [Self; 10] = [
        Self::Condition,
        Self::Coverage,
        Self::Encounter,
        Self::Location,
        Self::Observation,
        Self::Organization,
        Self::Patient,
        Self::Practitioner,
        Self::Procedure,
        Self::RelatedPerson,
    ];

    /// The name, with its case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == name)
    }

    /// The name in paths and scopes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Practitioner => "Practitioner",
            Self::RelatedPerson => "RelatedPerson",
            Self::Encounter => "Encounter",
            Self::Observation => "Observation",
            Self::Condition => "Condition",
            Self::Procedure => "Procedure",
            Self::Location => "Location",
            Self::Organization => "Organization",
            Self::Coverage => "Coverage",
        }
    }
}

/// The id of a part: `{record}-{n}`, `n` the number of its entry in the Bundle, from 0.
#[must_use]
pub fn part_id(record_id: &str, entry: usize) -> String {
    format!("{record_id}-{entry}")
}

/// The record and the entry that the id of a part names. One part has one id: `-01` is none.
#[must_use]
pub fn part_of(id: &str) -> Option<(&str, usize)> {
    let (record_id, number) = id.rsplit_once('-')?;
    let entry: usize = number.parse().ok()?;
    (entry.to_string() == number && !record_id.is_empty()).then_some((record_id, entry))
}
