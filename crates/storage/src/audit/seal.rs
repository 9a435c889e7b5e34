//! Seals: what the newest links of all writers were at a time, chained among themselves.
//!
//! Whoever can write to the database can write a new end of a chain, but not one that leads to a seal which
//! stands somewhere else: in a log, at a syslog receiver, in a file that `audit head` wrote.

use jiff::Timestamp;
use serde::Serialize;

use crate::Db;
use crate::audit::chain::{self, Hash, Head};
use crate::clock::to_ms;
use crate::error::Error;
use crate::row::Row;
use crate::transaction::{Transaction, Work};
use crate::value::Value;

/// A seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// From 1, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Of the version, the seal before and everything in this one.
    pub hash: Hash,
    /// Hash of the seal before.
    pub previous: Hash,
    /// Every writer that has written.
    pub heads: Vec<WriterHead>,
}

/// The newest link of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WriterHead {
    /// Which writer.
    pub writer: String,
    /// Number of its newest row.
    pub sequence: i64,
    /// Hash of that row.
    pub hash: Hash,
}

/// Writes a seal unless nothing was written since the last one; answers the newest. It is never dated before the seal
/// before it, or, as the first, before the rows: retention takes a seal's time for that of everything it covers, and a
/// machine whose clock is not set yet would date it back by decades.
///
/// # Errors
/// Any [`Error`].
pub async fn seal(db: &Db, at: Timestamp) -> Result<Option<Seal>, Error> {
    db.write(Write(at)).await?;
    newest_seal(db).await
}

/// The newest seal.
///
/// # Errors
/// Any [`Error`].
pub async fn newest_seal(db: &Db) -> Result<Option<Seal>, Error> {
    let found = db.find(NEWEST, &[], Stored::read).await?;
    Ok(found.and_then(|stored| stored.seal))
}

struct Write(Timestamp);

impl Work for Write {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        // Two nodes at once would write two seals of one number.
        tx.lock("audit seal").await?;
        let heads = tx.select(HEADS, &[], Head::read).await?;
        let heads: Vec<WriterHead> = heads.into_iter().map(WriterHead::from).collect();
        let newest = tx.find(NEWEST, &[], Stored::read).await?;
        let text = text(&heads);
        if heads.is_empty() || newest.as_ref().is_some_and(|seal| seal.heads == text) {
            return Ok(());
        }
        let before = match newest {
            Some(newest) => newest.seal.map(|seal| seal.at),
            None => tx
                .find(NEWEST_ROW, &[], |row| Ok(row.timestamp(0).ok()))
                .await?
                .flatten(),
        };
        let at = before.map_or(self.0, |before| before.max(self.0));
        let Some(last) = tx.find(LAST, &[], Head::read).await? else {
            return Err(Error::Failed("the audit has lost its seals".to_owned()));
        };
        let sequence = last.sequence.saturating_add(1);
        let hash = hash(&last.hash, sequence, to_ms(at), &text);
        let previous: Value = last.hash.0.as_slice().into();
        let hash: Value = hash.0.as_slice().into();
        let seal = [
            sequence.into(),
            at.into(),
            text.into(),
            previous,
            hash.clone(),
        ];
        tx.execute(INSERT, &seal).await?;
        tx.execute(MOVE, &[sequence.into(), hash]).await.map(drop)
    }
}

/// A seal as it stands in the table.
pub(super) struct Stored {
    pub(super) sequence: i64,
    /// Absent where a text in it is no seal's.
    pub(super) seal: Option<Seal>,
    pub(super) previous: Hash,
    pub(super) hash: Hash,
    at_ms: i64,
    heads: String,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Error> {
        let mut stored = Self {
            sequence: row.integer(0)?,
            at_ms: row.integer(1)?,
            heads: row.text(2)?,
            previous: Hash(row.bytes(3)?),
            hash: Hash(row.bytes(4)?),
            seal: None,
        };
        let heads: Option<_> = stored.heads.lines().map(WriterHead::parse).collect();
        stored.seal = heads.zip(row.timestamp(1).ok()).map(|(heads, at)| Seal {
            sequence: stored.sequence,
            at,
            hash: stored.hash.clone(),
            previous: stored.previous.clone(),
            heads,
        });
        Ok(stored)
    }

    /// Whether its hash is that of what stands in it.
    pub(super) fn is_whole(&self) -> bool {
        hash(&self.previous, self.sequence, self.at_ms, &self.heads) == self.hash
    }
}

impl WriterHead {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (writer, sequence, hash) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            writer: writer.to_owned(),
            sequence: sequence.parse().ok()?,
            hash: Hash::parse(hash)?,
        })
    }
}

impl From<Head> for WriterHead {
    fn from(head: Head) -> Self {
        Self {
            writer: head.writer,
            sequence: head.sequence,
            hash: head.hash,
        }
    }
}

/// One line for each writer.
fn text(heads: &[WriterHead]) -> String {
    let lines = heads
        .iter()
        .map(|head| format!("{} {} {}\n", head.writer, head.sequence, head.hash));
    lines.collect()
}

fn hash(previous: &Hash, sequence: i64, at_ms: i64, heads: &str) -> Hash {
    let values = [
        Value::Bytes(previous.0.clone()),
        sequence.into(),
        at_ms.into(),
        heads.into(),
    ];
    chain::hash("audit seal", values.iter())
}

const HEADS: &str = "SELECT writer, sequence, hash FROM audit_writer WHERE writer <> 'seals' AND sequence > 0 \
                     ORDER BY writer";
const LAST: &str = "SELECT writer, sequence, hash FROM audit_writer WHERE writer = 'seals'";
const NEWEST: &str =
    "SELECT sequence, at_ms, heads, previous, hash FROM audit_seal ORDER BY sequence DESC LIMIT 1";
const NEWEST_ROW: &str = "SELECT MAX(at_ms) FROM audit_event";
const INSERT: &str =
    "INSERT INTO audit_seal (sequence, at_ms, heads, previous, hash) VALUES ($1, $2, $3, $4, $5)";
const MOVE: &str = "UPDATE audit_writer SET sequence = $1, hash = $2 WHERE writer = 'seals'";
/// Seals from one on.
pub(super) const FROM: &str = "SELECT sequence, at_ms, heads, previous, hash FROM audit_seal WHERE sequence > $1 \
                               ORDER BY sequence LIMIT 100";
/// The newest seal before a time, and before every seal that is not: a later seal covers what those cover, whatever time
/// it says. In the order of the numbers, because there are few before: the `+` keeps the engines from the index by time.
pub(super) const BEFORE: &str = "SELECT sequence, at_ms, heads, previous, hash FROM audit_seal WHERE sequence < \
                                 COALESCE((SELECT MIN(sequence) FROM audit_seal WHERE +at_ms >= $1), \
                                 9223372036854775807) ORDER BY sequence DESC LIMIT 1";
