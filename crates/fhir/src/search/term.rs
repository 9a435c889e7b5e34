//! Terms: what the index holds of everything that could reveal a person, and what a search looks for in it. A store
//! keeps a keyed hash of each and compares for equality only, so every question that can be asked has a term of
//! its own: the beginnings of a name, the year, month and day of a birth, a token with and without its system.

use super::period::Period;
use super::text::{beginnings, folded, is_long};
use super::token::{SystemCriterion, Token};

/// One term: what it says, about which field. Its `Debug` shows the field only: the text may be a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// The field and the way of asking, such as `patient.family:exact`.
    pub name: &'static str,
    /// What is equal if it matches.
    pub text: String,
}

impl std::fmt::Debug for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Term({})", self.name)
    }
}

impl Term {
    /// How few records have it, as a guess by which the first of several conditions is chosen: the more letters,
    /// the fewer. 0 for what nearly all have.
    #[must_use]
    pub fn selectivity(&self) -> usize {
        if self.name.ends_with(":system") {
            0
        } else {
            self.text.len()
        }
    }
}

/// The names of one field's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Of a string its beginnings, of a date its value; of a token its value.
    own: &'static str,
    /// Of a string the whole if it is long.
    whole: &'static str,
    /// Of a token its system.
    system: &'static str,
    /// Of a string the exact text, of a token system and value.
    exact: &'static str,
    /// That there is one.
    present: &'static str,
}

macro_rules! field {
    ($name:literal) => {
        Field {
            own: $name,
            whole: concat!($name, ":whole"),
            system: concat!($name, ":system"),
            exact: concat!($name, ":exact"),
            present: concat!($name, ":present"),
        }
    };
}

pub(crate) const IDENTIFIER: Field = field!("identifier");
pub(crate) const REPORT_NUMBER: Field = field!("report-number");
pub(crate) const FAMILY: Field = field!("patient.family");
pub(crate) const GIVEN: Field = field!("patient.given");
pub(crate) const BIRTH_DATE: Field = field!("patient.birthdate");
pub(crate) const PATIENT_IDENTIFIER: Field = field!("patient.identifier");
pub(crate) const AUTHOR_IDENTIFIER: Field = field!("author.identifier");
pub(crate) const CERTIFICATE_NUMBER: Field = field!("certificate-number");
pub(crate) const BIRTH_LOCATION: Field = field!("birth-location");

impl Field {
    /// That a record has one at all, for `:missing`.
    pub(crate) fn present(self) -> Term {
        term(self.present, "")
    }

    /// What the index holds of a string.
    pub(crate) fn of_string(self, text: &str, terms: &mut Vec<Term>) {
        let folded = folded(text);
        if folded.is_empty() {
            return;
        }
        terms.push(self.present());
        terms.extend(beginnings(&folded).map(|beginning| term(self.own, beginning)));
        if is_long(&folded) {
            terms.push(term(self.whole, &folded));
        }
        terms.push(term(self.exact, text));
    }

    /// What a string search looks for; `None` for a text without a letter or digit. One that is longer than all
    /// beginnings in the index is compared whole: that finds less than was asked for, and never more.
    pub(super) fn string(self, text: &str) -> Option<Term> {
        let folded = folded(text);
        let name = if is_long(&folded) {
            self.whole
        } else {
            self.own
        };
        (!folded.is_empty()).then(|| term(name, &folded))
    }

    /// What `:exact` looks for.
    pub(super) fn exact_string(self, text: &str) -> Term {
        term(self.exact, text)
    }

    /// A value that has one form only: the same in the index and in a search.
    pub(crate) fn plain(self, text: &str) -> Term {
        term(self.own, text)
    }

    /// What the index holds of an identifier.
    pub(crate) fn of_identifier(self, system: Option<&str>, value: &str, terms: &mut Vec<Term>) {
        let system = system.unwrap_or_default();
        terms.push(self.present());
        terms.push(term(self.own, value));
        terms.push(term(self.exact, &pair(system, value)));
        if !system.is_empty() {
            terms.push(term(self.system, system));
        }
    }

    /// What a token search looks for.
    pub(super) fn token(self, token: &Token) -> Term {
        match (&token.system, token.value.as_deref()) {
            (SystemCriterion::Any, value) => term(self.own, value.unwrap_or_default()),
            (SystemCriterion::Absent, value) => {
                term(self.exact, &pair("", value.unwrap_or_default()))
            }
            (SystemCriterion::Is(system), Some(value)) => term(self.exact, &pair(system, value)),
            (SystemCriterion::Is(system), None) => term(self.system, system),
        }
    }

    /// What the index holds of a date: itself, and the month and year around it.
    pub(crate) fn of_date(self, text: &str, terms: &mut Vec<Term>) {
        if text.len() > DAY_LENGTH || Period::parse(text).is_none() {
            return;
        }
        terms.push(self.present());
        for length in [4, 7, DAY_LENGTH] {
            terms.extend(text.get(..length).map(|part| term(self.own, part)));
        }
    }

    /// What a search for a year, month or day looks for; `None` for anything else.
    pub(super) fn date(self, text: &str) -> Option<Term> {
        let date = text.len() <= DAY_LENGTH && Period::parse(text).is_some();
        date.then(|| term(self.own, text))
    }
}

fn term(name: &'static str, text: &str) -> Term {
    Term {
        name,
        text: text.to_owned(),
    }
}

/// No token holds a control character.
fn pair(system: &str, value: &str) -> String {
    format!("{system}\u{1F}{value}")
}

/// `YYYY-MM-DD`
const DAY_LENGTH: usize = 10;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn found(terms: &[Term], asked: &Term) -> bool {
        terms.contains(asked)
    }

    #[test]
    fn a_string_is_found_by_its_beginning_and_exactly() {
        let mut terms = Vec::new();
        FAMILY.of_string("Núñez", &mut terms);
        for text in ["n", "NU", "núñez", "Nunez"] {
            assert!(found(&terms, &FAMILY.string(text).unwrap()), "{text}");
            assert!(
                !found(&terms, &GIVEN.string(text).unwrap()),
                "another field: {text}"
            );
        }
        assert!(!found(&terms, &FAMILY.string("unez").unwrap()));
        assert!(found(&terms, &FAMILY.exact_string("Núñez")));
        assert!(!found(&terms, &FAMILY.exact_string("Nunez")));
        assert!(found(&terms, &FAMILY.present()));
        assert_eq!(FAMILY.string("--"), None);
    }

    #[test]
    fn a_long_string_is_compared_whole() {
        let mut terms = Vec::new();
        BIRTH_LOCATION.of_string("Saint Elizabeth Medical Center", &mut terms);
        for (text, expected) in [
            ("saint elizabeth", true),
            ("Saint Elizabeth medical center", true),
            ("Saint Elizabeth Medical Cent", false),
            ("Saint Elizabeth Medical Centers", false),
        ] {
            assert_eq!(
                found(&terms, &BIRTH_LOCATION.string(text).unwrap()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn an_identifier_is_found_by_all_forms_of_a_token() {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        IDENTIFIER.of_identifier(Some("urn:x"), "1", &mut with);
        IDENTIFIER.of_identifier(None, "1", &mut without);
        for (token, in_with, in_without) in [
            ("1", true, true),
            ("urn:x|1", true, false),
            ("|1", false, true),
            ("urn:x|", true, false),
            ("urn:y|1", false, false),
            ("2", false, false),
        ] {
            let asked = IDENTIFIER.token(&Token::parse(token).unwrap());
            assert_eq!(
                (found(&with, &asked), found(&without, &asked)),
                (in_with, in_without),
                "{token}"
            );
        }
    }

    #[test]
    fn a_birth_date_is_found_by_day_month_and_year() {
        let mut terms = Vec::new();
        BIRTH_DATE.of_date("2026-05-01", &mut terms);
        for (text, expected) in [
            ("2026", true),
            ("2026-05", true),
            ("2026-05-01", true),
            ("2026-05-02", false),
        ] {
            assert_eq!(
                found(&terms, &BIRTH_DATE.date(text).unwrap()),
                expected,
                "{text}"
            );
        }
        assert_eq!(BIRTH_DATE.date("2026-05-01T10:00"), None);
        let mut coarse = Vec::new();
        BIRTH_DATE.of_date("2026", &mut coarse);
        assert!(
            !found(&coarse, &BIRTH_DATE.date("2026-05").unwrap()),
            "a year is not within a month"
        );
        let before = coarse.len();
        BIRTH_DATE.of_date("2026-05-01T10:00", &mut coarse);
        BIRTH_DATE.of_date("yesterday", &mut coarse);
        assert_eq!(coarse.len(), before);
    }

    #[test]
    fn debug_shows_no_text() {
        let term = FAMILY.exact_string("Quinn");
        assert_eq!(format!("{term:?}"), "Term(patient.family:exact)");
    }
}
