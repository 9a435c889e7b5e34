//! The reporting jurisdictions of the National Vital Statistics System.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One of the 60 two-letter codes of the NVSS FHIR API. They are USPS codes, save for New York City
/// (`YC`, which reports apart from the state of New York), the test jurisdictions `TT` and `TS`, and
/// `ZZ` for unknown. `XX`, which software writes for "not yet known", is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction(&'static str);

impl Jurisdiction {
    /// The jurisdiction of a code in upper case; `None` for anything else, `XX` and lower case
    /// included.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        CODES
            .iter()
            .find(|known| **known == code)
            .map(|known| Self(known))
    }

    /// All 60, in the order of the NVSS's table.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.into_iter().map(Self)
    }

    /// The code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Jurisdiction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Jurisdiction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse(&code).ok_or_else(|| serde::de::Error::custom("unknown jurisdiction code"))
    }
}

#[rustfmt::skip]
const CODES: [&str; 60] = [
    "AL", "AK", "AS", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "GU", "HI", "ID", "IL",
    "IN", "IA", "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH",
    "NJ", "NM", "NY", "NC", "ND", "MP", "OH", "OK", "OR", "PA", "PR", "RI", "SC", "SD", "TN", "TX",
    "UT", "VT", "VI", "VA", "WA", "WV", "WI", "WY", "YC", "TT", "TS", "ZZ",
];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_has_60_different_codes() {
        let codes: HashSet<&str> = Jurisdiction::all().map(Jurisdiction::as_str).collect();
        assert_eq!(codes.len(), 60);
        for jurisdiction in Jurisdiction::all() {
            assert_eq!(
                Jurisdiction::parse(jurisdiction.as_str()),
                Some(jurisdiction)
            );
        }
    }

    #[test]
    fn nothing_else_is_a_jurisdiction() {
        for code in [
            "XX", "ma", "Ma", "", "M", "MAS", " MA", "MA ", "QQ", "%M", "00",
        ] {
            assert_eq!(Jurisdiction::parse(code), None, "{code}");
        }
    }

    #[test]
    fn it_is_its_code_in_json() {
        let ma = Jurisdiction::parse("MA").unwrap();
        assert_eq!(serde_json::to_string(&ma).unwrap(), r#""MA""#);
        assert_eq!(serde_json::from_str::<Jurisdiction>(r#""MA""#).unwrap(), ma);
        assert!(serde_json::from_str::<Jurisdiction>(r#""XX""#).is_err());
    }
}
