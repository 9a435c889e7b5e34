//! What shipping to other places keeps in the database: who sends, and how far a destination has the rows.
//!
//! Within a writer rows are committed in the order of their numbers, so that a number for each writer says all:
//! nothing can appear behind it later, as it can behind a time or a sequence that parallel units share.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::Db;
use crate::audit::AuditRow;
use crate::audit::chain::Hash;
use crate::error::Error;
use crate::row::Row;
use crate::transaction::{Transaction, Work};
use crate::value::Value;

/// A destination of audit rows, as one node sees it.
#[derive(Clone, Debug)]
pub struct Shipping {
    /// The database.
    pub db: Db,
    /// Name of the destination.
    pub destination: String,
    /// Name of this node: another than that of every other process.
    pub node: String,
}

/// How far the rows are, for each writer.
pub type Cursor = BTreeMap<String, i64>;

/// Whether this node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It does, for as long as it asked for.
    Held,
    /// Another one does.
    Elsewhere,
}

/// Rows to be sent, and where the cursor is after them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The rows, in the order of each writer.
    pub rows: Vec<ChainedRow>,
    /// The cursor after them.
    pub after: Cursor,
}

/// A row with its place in the chain, by which a receiver can tell on its own that none is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedRow {
    /// The row.
    pub row: AuditRow,
    /// Whose chain it is in.
    pub writer: String,
    /// Its number there.
    pub sequence: i64,
    /// Its hash.
    pub hash: Hash,
}

impl Shipping {
    /// Takes or prolongs the right to send, until `now` plus `lease`: of several nodes one sends.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn hold(&self, now: Timestamp, lease: SignedDuration) -> Result<Lease, Error> {
        let held = self.db.write(Hold {
            destination: self.destination.clone(),
            node: self.node.clone(),
            now,
            until: now + lease,
        });
        Ok(if held.await? {
            Lease::Held
        } else {
            Lease::Elsewhere
        })
    }

    /// How far the destination has the rows for certain.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn cursor(&self) -> Result<Cursor, Error> {
        let parameters = vec![self.destination.as_str().into()];
        let rows = self.db.select(CURSOR, parameters, |row| {
            Ok((row.text(0)?, row.integer(1)?))
        });
        Ok(rows.await?.into_iter().collect())
    }

    /// At most `limit` rows behind the cursor.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn batch(&self, cursor: &Cursor, limit: u32) -> Result<Batch, Error> {
        let writers = self.db.select(WRITERS, Vec::new(), writer).await?;
        let mut batch = Batch {
            rows: Vec::new(),
            after: cursor.clone(),
        };
        for (writer, head, removed) in writers {
            // What retention has removed cannot be sent any more.
            let after = cursor.get(&writer).copied().unwrap_or(0).max(removed);
            let left = i64::from(limit) - i64::try_from(batch.rows.len()).unwrap_or(i64::MAX);
            if after >= head || left <= 0 {
                continue;
            }
            let parameters = vec![writer.as_str().into(), after.into(), left.into()];
            let rows = self.db.select(ROWS, parameters, row).await?;
            if let Some(last) = rows.last() {
                batch.after.insert(writer, last.sequence);
            }
            batch.rows.extend(rows);
        }
        Ok(batch)
    }

    /// Moves the cursor forward, as long as this node has the right to send. `false`: it has lost it.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn confirm(&self, cursor: &Cursor, now: Timestamp) -> Result<bool, Error> {
        let confirm = Confirm {
            destination: self.destination.clone(),
            node: self.node.clone(),
            now,
            cursor: cursor.clone(),
        };
        self.db.write(confirm).await
    }

    /// How many rows the destination does not have yet.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn lag(&self) -> Result<u64, Error> {
        let cursor = self.cursor().await?;
        let writers = self.db.select(WRITERS, Vec::new(), writer).await?;
        let behind = writers.into_iter().map(|(writer, head, removed)| {
            let after = cursor.get(&writer).copied().unwrap_or(0).max(removed);
            u64::try_from(head.saturating_sub(after)).unwrap_or(0)
        });
        Ok(behind.sum())
    }
}

struct Hold {
    destination: String,
    node: String,
    now: Timestamp,
    until: Timestamp,
}

impl Work for Hold {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let (name, node): (Value, Value) =
            (self.destination.as_str().into(), self.node.as_str().into());
        let until: Value = self.until.into();
        tx.execute(DESTINATION, &[name.clone(), node.clone(), until.clone()])
            .await?;
        let parameters = [node, until, name, self.now.into()];
        Ok(tx.execute(HOLD, &parameters).await? == 1)
    }
}

struct Confirm {
    destination: String,
    node: String,
    now: Timestamp,
    cursor: Cursor,
}

impl Work for Confirm {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let name: Value = self.destination.as_str().into();
        let holder = [name.clone(), self.node.as_str().into(), self.now.into()];
        if tx.execute(HOLDS, &holder).await? == 0 {
            return Ok(false);
        }
        for (writer, sequence) in &self.cursor {
            let parameters = [name.clone(), writer.as_str().into(), (*sequence).into()];
            tx.execute(ADVANCE, &parameters).await?;
        }
        Ok(true)
    }
}

fn writer(row: &Row<'_>) -> Result<(String, i64, i64), Error> {
    Ok((row.text(0)?, row.integer(1)?, row.integer(2)?))
}

fn row(row: &Row<'_>) -> Result<ChainedRow, Error> {
    Ok(ChainedRow {
        row: super::read(row)?,
        writer: row.text(16)?,
        sequence: row.integer(17)?,
        hash: Hash(row.bytes(18).unwrap_or_default()),
    })
}

const WRITERS: &str = "SELECT writer, sequence, removed_sequence FROM audit_writer WHERE kind <> 'seals' ORDER BY writer";
const CURSOR: &str = "SELECT writer, sequence FROM audit_cursor WHERE destination = $1";
/// SQLite takes any value for a number, and what is none would be sent again and again.
const ROWS: &str = "SELECT id, at_ms, party, role, action, outcome, reason, client_id, subject, organization, \
                    jurisdiction, record_id, record_type, token_id, source_address, request_id, writer, sequence, \
                    hash FROM audit_event WHERE writer = $1 AND sequence > $2 AND sequence = CAST(sequence AS BIGINT) \
                    ORDER BY writer, sequence LIMIT $3";
const DESTINATION: &str = "INSERT INTO audit_destination (name, holder, held_until_ms) VALUES ($1, $2, $3) \
                           ON CONFLICT DO NOTHING";
const HOLD: &str = "UPDATE audit_destination SET holder = $1, held_until_ms = $2 \
                    WHERE name = $3 AND (holder = $1 OR held_until_ms <= $4)";
const HOLDS: &str = "UPDATE audit_destination SET holder = holder WHERE name = $1 AND holder = $2 AND held_until_ms > $3";
const ADVANCE: &str = "INSERT INTO audit_cursor (destination, writer, sequence) VALUES ($1, $2, $3) \
                       ON CONFLICT (destination, writer) DO UPDATE SET sequence = excluded.sequence \
                       WHERE audit_cursor.sequence < excluded.sequence";
