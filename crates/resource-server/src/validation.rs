//! What structural problems of a record lead to when it comes in.

use fhir::{Issue, Severity, validate};
use serde::Deserialize;

/// How far records are checked on create and update, beyond what hosting them needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validation {
    /// Not at all.
    Off,
    /// Problems are told to senders who ask (`Prefer: return=OperationOutcome`) and counted; the record is
    /// stored. The default: reports that software in use writes every day have faults, and a report that is
    /// kept out is worse for a registry than one with a fault in it.
    #[default]
    Warn,
    /// A record with an error is refused (422), with all that was found.
    Enforce,
}

/// What was found wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Issue>);

impl Validation {
    /// The name in configuration and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// Checks a record.
    ///
    /// # Errors
    /// The problems for which it is refused.
    pub(crate) fn check(self, record: &[u8]) -> Result<Problems, Problems> {
        if self == Self::Off {
            return Ok(Problems(Vec::new()));
        }
        let found = validate::validate(record).map_or_else(
            // What cannot be looked at was not found right.
            |error| vec![error.into()],
            validate::Findings::into_issues,
        );
        let wrong = found.iter().any(|issue| issue.severity <= Severity::Error);
        if wrong && self == Self::Enforce {
            Err(Problems(found))
        } else {
            Ok(Problems(found))
        }
    }
}

impl Problems {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As they are.
    pub(crate) fn into_issues(self) -> Vec<Issue> {
        self.0
    }

    /// As warnings, where the record was taken all the same: an error would say that it was not.
    pub(crate) fn into_warnings(self) -> impl Iterator<Item = Issue> {
        self.0.into_iter().map(|issue| Issue {
            severity: issue.severity.max(Severity::Warning),
            ..issue
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_enforce_refuses_and_only_errors_are_refused() {
        let right = br#"{"resourceType":"Patient","birthDate":"2026-05-16"}"#;
        let doubtful = br#"{"resourceType":"Patient","birthdate":"2026-05-16"}"#;
        let wrong = br#"{"resourceType":"Patient","birthDate":"16.5.2026"}"#;
        let count = |mode: Validation, record: &[u8]| match mode.check(record) {
            Ok(problems) => Ok(problems.into_issues().len()),
            Err(problems) => Err(problems.into_issues().len()),
        };
        for (mode, expected) in [
            (Validation::Off, [Ok(0), Ok(0), Ok(0), Ok(0)]),
            (Validation::Warn, [Ok(0), Ok(1), Ok(1), Ok(1)]),
            (Validation::Enforce, [Ok(0), Ok(1), Err(1), Err(1)]),
        ] {
            let records: [&[u8]; 4] = [right, doubtful, wrong, b"{"];
            assert_eq!(
                records.map(|record| count(mode, record)),
                expected,
                "{mode:?}"
            );
        }
        let told = Validation::Warn.check(wrong).unwrap().into_warnings();
        assert!(
            told.into_iter()
                .all(|issue| issue.severity == Severity::Warning)
        );
    }
}
