//! The natural key of a vital record ("NCHS identifier"): year, jurisdiction, certificate number.

use std::fmt;

use crate::Jurisdiction;

/// What a document identifier such as `2019NJ015075` says. Each part may be unknown, which software
/// writes as `0000`, `XX` and `000000`.
///
/// The key of a record is this together with record type and composition type: a provider's report,
/// the jurisdiction's and the coded documents share one identifier, and each record type has its own
/// certificate numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NaturalKey {
    /// Year of the birth or fetal death.
    pub event_year: Option<i32>,
    /// Where the event was registered.
    pub jurisdiction: Option<Jurisdiction>,
    /// Six digits, padded with zeros: real documents also carry the unpadded form.
    pub certificate_number: Option<String>,
}

impl NaturalKey {
    /// Reads `YYYYJJN…`: four digits, a jurisdiction's code or `XX`, one to six digits. `None` for
    /// any other form, which is an identifier that an EHR minted.
    #[must_use]
    pub fn parse(identifier: &str) -> Option<Self> {
        if !identifier.is_ascii() {
            return None;
        }
        let (year, rest) = identifier.split_at_checked(4)?;
        let (code, number) = rest.split_at_checked(2)?;
        if !digits(year) || !digits(number) || number.len() > CERTIFICATE_DIGITS {
            return None;
        }
        let jurisdiction = match code {
            UNKNOWN_JURISDICTION => None,
            code => Some(Jurisdiction::parse(code)?),
        };
        Some(Self {
            event_year: year.parse().ok().filter(|year| *year > 0),
            jurisdiction,
            certificate_number: certificate_number(number.parse().ok()?),
        })
    }

    /// Whether two keys can be of one record. What one of them leaves open is no contradiction.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        agree(&self.event_year, &other.event_year)
            && agree(&self.jurisdiction, &other.jurisdiction)
            && agree(&self.certificate_number, &other.certificate_number)
    }

    /// What this key says, completed from another that agrees with it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            event_year: self.event_year.or(other.event_year),
            jurisdiction: self.jurisdiction.or(other.jurisdiction),
            certificate_number: self.certificate_number.or(other.certificate_number),
        }
    }
}

/// The canonical 12 characters.
impl fmt::Display for NaturalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let year = self.event_year.unwrap_or_default();
        let code = self
            .jurisdiction
            .map_or(UNKNOWN_JURISDICTION, Jurisdiction::as_str);
        write!(
            f,
            "{year:04}{code}{}",
            self.certificate_number.as_deref().unwrap_or("000000")
        )
    }
}

/// A certificate number in its one form; `None` for 0 (unknown) and for more than six digits.
pub(crate) fn certificate_number(number: u64) -> Option<String> {
    (1..=999_999)
        .contains(&number)
        .then(|| format!("{number:06}"))
}

/// What stands where the jurisdiction is not known.
pub(crate) const UNKNOWN_JURISDICTION: &str = "XX";

const CERTIFICATE_DIGITS: usize = 6;

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padded_and_unpadded_numbers_are_the_same_key() {
        let key = NaturalKey::parse("2019NJ15075").unwrap();
        assert_eq!(key.event_year, Some(2019));
        assert_eq!(key.jurisdiction, Jurisdiction::parse("NJ"));
        assert_eq!(key.certificate_number.as_deref(), Some("015075"));
        assert_eq!(NaturalKey::parse("2019NJ015075"), Some(key.clone()));
        assert_eq!(key.to_string(), "2019NJ015075");
    }

    #[test]
    fn unknown_parts_are_unknown() {
        assert_eq!(
            NaturalKey::parse("0000XX000000"),
            Some(NaturalKey::default())
        );
        let key = NaturalKey::parse("2025XX453723").unwrap();
        assert_eq!((key.event_year, key.jurisdiction), (Some(2025), None));
    }

    #[test]
    fn other_forms_are_no_key() {
        for other in [
            "",
            "2019",
            "2019NJ",
            "2019NJ1234567",
            "2019nj015075",
            "2019QQ015075",
            "019NJ015075",
            "2019NJ01507a",
            "2019NJ-15075",
            " 2019NJ15075",
            "+019NJ15075",
            "2019NJ15075 ",
            "20１9NJ15075",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        ] {
            assert_eq!(NaturalKey::parse(other), None, "{other}");
        }
    }

    #[test]
    fn keys_disagree_only_where_both_say_something() {
        let key = |text| NaturalKey::parse(text).unwrap();
        assert!(key("2019NJ015075").agrees_with(&key("0000XX000000")));
        assert!(key("2019XX015075").agrees_with(&key("2019NJ15075")));
        for other in ["2018NJ015075", "2019NY015075", "2019NJ015076"] {
            assert!(!key("2019NJ015075").agrees_with(&key(other)), "{other}");
        }
        assert_eq!(
            key("0000NJ000000").or(key("2019XX000007")),
            key("2019NJ000007")
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            let _ = NaturalKey::parse(&text);
        }

        #[test]
        fn a_key_is_read_as_it_is_written(year in 1..=9999, code in 0..60_usize, number in 1..=999_999_u64) {
            let key = NaturalKey {
                event_year: Some(year),
                jurisdiction: Jurisdiction::all().nth(code),
                certificate_number: certificate_number(number),
            };
            prop_assert_eq!(NaturalKey::parse(&key.to_string()), Some(key));
        }
    }
}
