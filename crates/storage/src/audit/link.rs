//! Audit rows as they stand in the table, with their places in the chain: what verification and shipping read.

use crate::audit::chain::{self, Hash};
use crate::error::Error;
use crate::row::Row;
use crate::value::Value;

/// A row and its place.
pub(super) struct Link {
    pub(super) id: String,
    /// Absent where a column holds what was never written there.
    pub(super) columns: Option<Vec<Value>>,
    pub(super) sequence: i64,
    pub(super) hash: Hash,
}

impl Link {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: row.text(0)?,
            columns: columns(row).ok(),
            sequence: row.optional_integer(FIELDS)?.unwrap_or_default(),
            hash: Hash(row.optional_bytes(FIELDS + 1)?.unwrap_or_default()),
        })
    }

    /// Whether it is what was written at this place after `previous`.
    pub(super) fn follows(&self, previous: &Hash, writer: &str, sequence: i64) -> bool {
        let link = |columns: &Vec<Value>| chain::link(previous, writer, sequence, columns);
        self.columns.as_ref().map(link).as_ref() == Some(&self.hash)
    }
}

fn columns(row: &Row<'_>) -> Result<Vec<Value>, Error> {
    let mut columns: Vec<Value> = vec![row.text(0)?.into(), row.integer(1)?.into()];
    for column in 2..FIELDS {
        columns.push(row.optional_text(column)?.into());
    }
    Ok(columns)
}

/// Columns before the place in the chain.
const FIELDS: usize = 16;
/// Rows of a writer from a place on.
pub(super) const OF_WRITER: &str = "SELECT id, at_ms, party, role, action, outcome, reason, client_id, subject, organization, \
     jurisdiction, record_id, record_type, token_id, source_address, request_id, sequence, hash \
     FROM audit_event WHERE writer = $1 AND sequence > $2 ORDER BY writer, sequence LIMIT $3";
/// Rows that have no place. Any order will do: the order in which they come becomes theirs.
pub(super) const UNLINKED: &str = "SELECT id, at_ms, party, role, action, outcome, reason, client_id, subject, organization, \
     jurisdiction, record_id, record_type, token_id, source_address, request_id, sequence, hash \
     FROM audit_event WHERE writer IS NULL LIMIT 500";
