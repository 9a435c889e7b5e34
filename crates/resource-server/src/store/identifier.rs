//! `Bundle.identifier` as it lies in the table: in the clear only where it is the number of a certificate. Any other
//! value may be a person's name or number, and only a keyed hash of it is kept, to compare by.

use fhir::NaturalKey;

use storage::{Db, Error, Row, Transaction, Value, Work};

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

/// Hashes the identifiers of records that were gone before identifiers were hashed: nobody finds them any more, and so
/// no index makes them anew.
pub(crate) async fn seal_deleted(db: &Db, keys: &RecordKeys) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let values = vec![Value::from(after.as_str())];
        let rows = db.select(PLAIN_DELETED, values, read_plain).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after.clone_from(&last.id);
        let plain = rows.into_iter().filter(Plain::is_from_before);
        let sealed = plain.map(|row| row.sealed(keys)).collect();
        db.write(SealDeleted(sealed)).await?;
    }
}

/// A row of a record that is gone.
struct Plain {
    id: String,
    version_id: i64,
    identifier: Option<String>,
    /// The id that the sender gave the Composition, which may be a name.
    composition_id: Option<String>,
}

fn read_plain(row: &Row<'_>) -> Result<Plain, Error> {
    Ok(Plain {
        id: row.text(0)?,
        version_id: row.integer(1)?,
        identifier: row.optional_text(2)?,
        composition_id: row.optional_text(3)?,
    })
}

impl Plain {
    fn is_from_before(&self) -> bool {
        self.composition_id.is_some() || self.identifier.as_deref().is_some_and(|it| !is_clear(it))
    }

    /// The values of [`SEAL_DELETED`].
    fn sealed(self, keys: &RecordKeys) -> [Value; 3] {
        let value = self.identifier.map(|value| stored(keys, &value));
        [
            Value::from(value),
            Value::from(self.id),
            Value::from(self.version_id),
        ]
    }
}

struct SealDeleted(Vec<[Value; 3]>);

impl Work for SealDeleted {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        for values in &self.0 {
            tx.execute(SEAL_DELETED, values).await?;
        }
        Ok(())
    }
}

/// What is gone has no key, so that the index of keys leads to it.
const PLAIN_DELETED: &str = "SELECT id, version_id, identifier_value, composition_id FROM record \
    WHERE key_id IS NULL AND interaction = 'delete' AND id > $1 AND (identifier_value IS NULL OR identifier_value NOT LIKE 'sealed:%') \
    ORDER BY id LIMIT 256";
const SEAL_DELETED: &str = "UPDATE record SET identifier_value = $1, composition_id = NULL \
    WHERE id = $2 AND version_id = $3 AND interaction = 'delete'";

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
