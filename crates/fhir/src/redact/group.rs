//! The groups of parts that can be withheld.

use std::fmt;

use serde::Deserialize;

/// A group of parts that a policy may withhold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Social security numbers, wherever they stand.
    Ssn,
    /// Numbers of charts, encounters and providers.
    MedicalRecordNumber,
    /// Names, birth dates, addresses and birthplaces of people.
    Names,
    /// Infections, infertility treatment, smoking, pregnancy history, anomalies, cause of fetal death.
    StigmaSensitiveHealth,
    /// Marital status, paternity, race and ethnicity, education, work, WIC, payer.
    SocialAndLegal,
    /// What NCHS coded: race and ethnicity, industry and occupation, cause of fetal death.
    Coded,
}

/// Several groups, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Groups(u8);

impl Group {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Ssn,
        Self::MedicalRecordNumber,
        Self::Names,
        Self::StigmaSensitiveHealth,
        Self::SocialAndLegal,
        Self::Coded,
    ];

    /// The name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssn => "ssn",
            Self::MedicalRecordNumber => "medical-record-number",
            Self::Names => "names",
            Self::StigmaSensitiveHealth => "stigma-sensitive-health",
            Self::SocialAndLegal => "social-and-legal",
            Self::Coded => "coded",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Groups {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Group::ALL.into_iter().collect()
    }

    /// Whether this group is one of them.
    #[must_use]
    pub fn contains(self, group: Group) -> bool {
        self.0 & (1 << group as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether there is another group than this one.
    pub(super) fn beyond(self, group: Group) -> bool {
        self.0 & !(1 << group as u8) != 0
    }
}

impl FromIterator<Group> for Groups {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        Self(
            groups
                .into_iter()
                .fold(0, |all, group| all | 1 << group as u8),
        )
    }
}
