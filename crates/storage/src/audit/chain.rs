//! The hash chain: every audit row holds the hash of itself and of the row before it of the same writer.
//!
//! A writer is what writes alone. On SQLite that is the file: one transaction at a time, whichever process makes it,
//! so there is one writer. On PostgreSQL units run side by side on any number of nodes; each takes a writer that no
//! other unit holds at that moment and holds it until its commit, or makes a new one. So nobody queues, there are
//! as many writers as units ever ran at once, and within a writer rows are committed in the order of their numbers.

use std::fmt;

use aws_lc_rs::digest;

use crate::error::Error;
use crate::row::Row;
use crate::transaction::Transaction;
use crate::value::Value;

/// The hash of a link: one byte for the version of the encoding, then SHA-256. Empty before the first link.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(pub(super) Vec<u8>);

impl Hash {
    /// From its hexadecimal form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The standard library would take a sign for the first digit.
        let is_digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digits || !text.len().is_multiple_of(2) {
            return None;
        }
        let pairs = text.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The newest link of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(super) writer: String,
    pub(super) sequence: i64,
    pub(super) hash: Hash,
}

impl Head {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            writer: row.text(0)?,
            sequence: row.integer(1)?,
            hash: Hash(row.bytes(2)?),
        })
    }

    /// The link after this one.
    pub(super) fn next(self, columns: &[Value]) -> Self {
        let sequence = self.sequence.saturating_add(1);
        let hash = link(&self.hash, &self.writer, sequence, columns);
        Self {
            writer: self.writer,
            sequence,
            hash,
        }
    }
}

/// Inserts a row as the next link of the unit's writer. The writer's head follows by a trigger, in the same round trip,
/// and a row that is not the next one is refused there.
pub(super) async fn append(
    transaction: &mut Transaction<'_>,
    columns: Vec<Value>,
) -> Result<(), Error> {
    let head = match transaction.head.take() {
        Some(head) => head,
        None => free(transaction, &columns).await?,
    };
    let next = head.next(&columns);
    let mut parameters = columns;
    parameters.push(next.writer.as_str().into());
    parameters.push(next.sequence.into());
    parameters.push(next.hash.0.as_slice().into());
    // A trigger or a rule that somebody added can pass over a row without an error: no audit, no data.
    if transaction.execute(INSERT, &parameters).await? != 1 {
        return transaction.fail("the audit did not take a row");
    }
    transaction.head = Some(next);
    Ok(())
}

/// A writer that no other unit holds. A new one is named after the random end of the row's id.
async fn free(transaction: &mut Transaction<'_>, columns: &[Value]) -> Result<Head, Error> {
    let sql = if transaction.is_alone() { FIRST } else { FREE };
    if let Some(head) = transaction.find(sql, &[], Head::read).await? {
        return Ok(head);
    }
    let writer = match columns.first() {
        Some(Value::Text(id)) => id.rsplit('-').next().unwrap_or_default().to_owned(),
        _ => return Err(Error::Failed("an audit row without an id".to_owned())),
    };
    let empty: &[u8] = &[];
    let parameters = [writer.as_str().into(), empty.into()];
    transaction.execute(NEW, &parameters).await?;
    Ok(Head {
        writer,
        sequence: 0,
        hash: Hash(Vec::new()),
    })
}

/// The hash of a row: SHA-256 over the version, the hash before, the place in the chain and every column. Each value
/// stands with its kind and its length, so that no two rows have one encoding.
pub(super) fn link(previous: &Hash, writer: &str, sequence: i64, columns: &[Value]) -> Hash {
    let place = [
        Value::Bytes(previous.0.clone()),
        writer.into(),
        sequence.into(),
    ];
    hash("audit row", place.iter().chain(columns))
}

pub(super) fn hash<'a>(what: &str, values: impl Iterator<Item = &'a Value>) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[VERSION]);
    let mut add = |kind: u8, bytes: &[u8]| {
        context.update(&[kind]);
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    };
    add(b't', what.as_bytes());
    for value in values {
        match value {
            Value::Null => add(b'n', &[]),
            Value::Integer(number) => add(b'i', &number.to_be_bytes()),
            Value::Text(text) => add(b't', text.as_bytes()),
            Value::Bytes(bytes) => add(b'b', bytes),
            Value::Boolean(value) => add(b'l', &[u8::from(*value)]),
        }
    }
    let mut hash = vec![VERSION];
    hash.extend_from_slice(context.finish().as_ref());
    Hash(hash)
}

/// Of the encoding. Another one gets another number: old rows keep theirs, and verification goes by it.
const VERSION: u8 = 1;
const FIRST: &str =
    "SELECT writer, sequence, hash FROM audit_writer WHERE kind = 'rows' ORDER BY writer LIMIT 1";
/// Whoever is passed over is at work in another unit.
const FREE: &str = "SELECT writer, sequence, hash FROM audit_writer WHERE kind = 'rows' ORDER BY writer LIMIT 1 \
                    FOR UPDATE SKIP LOCKED";
const NEW: &str = "INSERT INTO audit_writer (writer, kind, sequence, hash, removed_sequence, removed_hash) \
                   VALUES ($1, 'rows', 0, $2, 0, $2)";
const INSERT: &str = "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, reason, client_id, \
                      subject, organization, jurisdiction, record_id, record_type, token_id, source_address, \
                      request_id, writer, sequence, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
                      $12, $13, $14, $15, $16, $17, $18, $19)";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(values: &[Value]) -> Hash {
        link(&Hash(Vec::new()), "w", 1, values)
    }

    #[test]
    fn no_two_rows_have_one_encoding() {
        let rows: Vec<Vec<Value>> = vec![
            vec!["a".into(), "bc".into()],
            vec!["ab".into(), "c".into()],
            vec!["abc".into(), Value::Null],
            vec!["abc".into(), "".into()],
            vec!["abc".into()],
            vec![Value::Null, "abc".into()],
            vec![7.into(), "abc".into()],
            vec!["7".into(), "abc".into()],
            vec![vec![7_u8].into(), "abc".into()],
            vec![true.into(), "abc".into()],
            vec!["a\0bc".into()],
            vec!["at\0\0".into(), "bc".into()],
        ];
        let hashes: Vec<String> = rows.iter().map(|row| of(row).to_string()).collect();
        let mut different = hashes.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), hashes.len());
    }

    #[test]
    fn a_hash_is_bound_to_its_place() {
        let row = ["a".into()];
        let first = link(&Hash(Vec::new()), "w", 1, &row);
        assert_ne!(link(&first, "w", 1, &row), first);
        assert_ne!(link(&Hash(Vec::new()), "v", 1, &row), first);
        assert_ne!(link(&Hash(Vec::new()), "w", 2, &row), first);
    }

    /// Old rows must verify for ever: this value never changes.
    #[test]
    fn version_1_stays_what_it_is() {
        let row = ["id".into(), 1.into(), Value::Null];
        assert_eq!(of(&row).to_string(), VERSION_1);
    }

    #[test]
    fn hashes_are_read_as_they_are_written() {
        let hash = of(&[]);
        assert_eq!(Hash::parse(&hash.to_string()).unwrap(), hash);
        for wrong in ["0", "zz", "é0", "+1", "-1", " 1"] {
            assert_eq!(Hash::parse(wrong), None, "{wrong}");
        }
    }

    /// Computed by another program from the description in docs/audit.md.
    const VERSION_1: &str = "01fb4e8afd95b642e596c18a879765d7b419eabe1b6dda9d67e4392d0d5d1446e2";
}
