//! What a vital record is: its type, and the compositions of the BFDR implementation guide.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The two kinds of record that are exchanged here. Each has its own certificate numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordType {
    /// A live birth.
    Birth,
    /// A fetal death.
    FetalDeath,
}

impl RecordType {
    /// Both, in the order of their names.
    pub const ALL: [Self; 2] = [Self::Birth, Self::FetalDeath];

    /// `birth` or `fetal-death`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The name in configuration, introspection answers, database and audit.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Birth => "birth",
            Self::FetalDeath => "fetal-death",
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who wrote a document, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportForm {
    /// A provider's report: the hospital's EHR to the vital records office.
    Provider,
    /// A jurisdiction's report: the vital records office to NCHS.
    Jurisdiction,
    /// Coded content: NCHS to the vital records office.
    Coded,
}

/// `Composition.type` of the seven documents of the BFDR implementation guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompositionType {
    /// Provider live birth report, LOINC 68998-4.
    ProviderLiveBirth,
    /// Jurisdiction live birth report, LOINC 92011-6.
    JurisdictionLiveBirth,
    /// Provider fetal death report, LOINC 69045-3.
    ProviderFetalDeath,
    /// Jurisdiction fetal death report, LOINC 92010-8.
    JurisdictionFetalDeath,
    /// Coded race and ethnicity of the parents, LOINC 86805-9.
    CodedRaceAndEthnicity,
    /// Coded cause of fetal death, LOINC 86804-2.
    CodedCauseOfFetalDeath,
    /// Coded industry and occupation of the parents, a local code of the guide.
    CodedIndustryAndOccupation,
}

impl CompositionType {
    /// All seven.
    pub const ALL: [Self; 7] = [
        Self::ProviderLiveBirth,
        Self::JurisdictionLiveBirth,
        Self::ProviderFetalDeath,
        Self::JurisdictionFetalDeath,
        Self::CodedRaceAndEthnicity,
        Self::CodedCauseOfFetalDeath,
        Self::CodedIndustryAndOccupation,
    ];

    /// The type with this code; `None` for any other code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The type of a coding. A LOINC code under another system is not that code; a coding without a
    /// system is taken at its code, and the guide's local code under any system, because the guide
    /// has moved it between code systems.
    #[must_use]
    pub fn of_coding(system: Option<&str>, code: &str) -> Option<Self> {
        Self::parse(code).filter(|kind| kind.allows_system(system))
    }

    fn allows_system(self, system: Option<&str>) -> bool {
        match (self, system) {
            (Self::CodedIndustryAndOccupation, _) | (_, None) => true,
            (_, Some(system)) => system == LOINC,
        }
    }

    /// The code, without its system.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ProviderLiveBirth => "68998-4",
            Self::JurisdictionLiveBirth => "92011-6",
            Self::ProviderFetalDeath => "69045-3",
            Self::JurisdictionFetalDeath => "92010-8",
            Self::CodedRaceAndEthnicity => "86805-9",
            Self::CodedCauseOfFetalDeath => "86804-2",
            Self::CodedIndustryAndOccupation => "industry_occupation_document",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ProviderLiveBirth => "Provider live birth report",
            Self::JurisdictionLiveBirth => "Jurisdiction live birth report",
            Self::ProviderFetalDeath => "Provider fetal death report",
            Self::JurisdictionFetalDeath => "Jurisdiction fetal death report",
            Self::CodedRaceAndEthnicity => "Coded race and ethnicity",
            Self::CodedCauseOfFetalDeath => "Coded cause of fetal death",
            Self::CodedIndustryAndOccupation => "Coded industry and occupation",
        }
    }

    /// Who wrote it, and for whom.
    #[must_use]
    pub fn form(self) -> ReportForm {
        match self {
            Self::ProviderLiveBirth | Self::ProviderFetalDeath => ReportForm::Provider,
            Self::JurisdictionLiveBirth | Self::JurisdictionFetalDeath => ReportForm::Jurisdiction,
            Self::CodedRaceAndEthnicity
            | Self::CodedCauseOfFetalDeath
            | Self::CodedIndustryAndOccupation => ReportForm::Coded,
        }
    }

    /// The record that it is of; `None` for the two coded documents that births and fetal deaths
    /// share.
    #[must_use]
    pub fn record_type(self) -> Option<RecordType> {
        match self {
            Self::ProviderLiveBirth | Self::JurisdictionLiveBirth => Some(RecordType::Birth),
            Self::ProviderFetalDeath
            | Self::JurisdictionFetalDeath
            | Self::CodedCauseOfFetalDeath => Some(RecordType::FetalDeath),
            Self::CodedRaceAndEthnicity | Self::CodedIndustryAndOccupation => None,
        }
    }
}

const LOINC: &str = "http://loinc.org";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn record_types_are_read_as_they_are_written() {
        for kind in RecordType::ALL {
            assert_eq!(RecordType::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
        for other in ["", "Birth", "death", "fetal_death", "birth "] {
            assert_eq!(RecordType::parse(other), None, "{other}");
        }
    }

    #[test]
    fn composition_types_are_read_as_they_are_written() {
        for kind in CompositionType::ALL {
            assert_eq!(CompositionType::parse(kind.code()), Some(kind));
            assert_eq!(CompositionType::of_coding(None, kind.code()), Some(kind));
            assert_eq!(
                CompositionType::of_coding(Some(LOINC), kind.code()),
                Some(kind)
            );
        }
        // A death certificate, and the old code of a birth certificate.
        for other in ["64297-5", "71230-7", "", "68998-4 "] {
            assert_eq!(CompositionType::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_loinc_code_counts_under_no_other_system() {
        assert_eq!(
            CompositionType::of_coding(Some("http://snomed.info/sct"), "92011-6"),
            None
        );
        let local = CompositionType::CodedIndustryAndOccupation;
        assert_eq!(
            CompositionType::of_coding(Some("urn:x"), local.code()),
            Some(local)
        );
    }

    #[test]
    fn only_the_shared_coded_documents_leave_the_record_type_open() {
        let open: Vec<_> = CompositionType::ALL
            .into_iter()
            .filter(|kind| kind.record_type().is_none())
            .collect();
        assert_eq!(
            open,
            [
                CompositionType::CodedRaceAndEthnicity,
                CompositionType::CodedIndustryAndOccupation
            ]
        );
        assert!(open.iter().all(|kind| kind.form() == ReportForm::Coded));
    }
}
