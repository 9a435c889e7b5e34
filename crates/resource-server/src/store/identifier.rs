//! `Bundle.identifier` as it lies in the table: in the clear only where it is the number of a certificate. Any other
//! value may be a person's name or number, and only a keyed hash of it is kept, to compare by.

use fhir::NaturalKey;

use crate::sealing::RecordKeys;

/// What is written for `value`, under the key that seals.
pub(crate) fn stored(keys: &RecordKeys, value: &str) -> String {
    match is_clear(value) {
        true => value.to_owned(),
        false => sealed(keys.term(NAME, value)),
    }
}

/// All that may lie there for `value`: under every key, while a rotation is under way, and plain from before.
pub(crate) fn candidates(keys: &RecordKeys, value: &str) -> Vec<String> {
    let mut candidates = vec![value.to_owned()];
    if !is_clear(value) {
        candidates.extend(keys.terms(NAME, value).into_iter().map(sealed));
    }
    candidates
}

/// Whether a value is the number of a certificate: year, jurisdiction, number.
pub(crate) fn is_clear(value: &str) -> bool {
    NaturalKey::parse(value).is_some()
}

fn sealed(term: [u8; 16]) -> String {
    let digits = term.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("sealed:".to_owned())
        .chain(digits)
        .collect()
}

/// Terms of this column and those of searches have nothing in common.
const NAME: &str = "record.identifier_value";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_certificates_lie_in_the_clear() {
        let keys = RecordKeys::testing();
        for value in ["2026MA000001", "2026XX1"] {
            assert_eq!(stored(&keys, value), value);
            assert_eq!(candidates(&keys, value), [value]);
        }
        for value in [
            "900-11-2222",
            "900112222",
            "Ada Quinn",
            "2026MA0000010",
            "sealed:00",
            "",
        ] {
            let stored = stored(&keys, value);
            assert!(
                stored.starts_with("sealed:") && stored.len() == 39,
                "{stored}"
            );
            assert!(!is_clear(&stored));
            assert_eq!(candidates(&keys, value), [value, stored.as_str()]);
        }
    }
}
