//! Verification: whether the audit is what was written, row by row and seal by seal, beside running writers.
//!
//! What it can prove: nothing was edited, put in, moved or taken out between the first row that retention has left and
//! the newest seal that stands somewhere else. An end that was cut off, and the seals of it, can be told only by such a seal.

mod guards;
mod seals;
mod writer;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::Db;
use crate::audit::Seal;
use crate::audit::chain::{Hash, Head};
use crate::error::Error;
use crate::row::Row;
use crate::value::Value;

/// What verification has seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// Whether there is no finding.
    pub verified: bool,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that retention has removed.
    pub removed_by_retention: i64,
    /// Rows from before the chain, which were made links of it later.
    pub adopted: i64,
    /// Writers.
    pub writers: u64,
    /// Seals that were read.
    pub seals: u64,
    /// The newest seal, to be compared with what stands elsewhere.
    pub newest_seal: Option<Seal>,
    /// What is wrong, at most a hundred.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more_findings: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: What,
    /// In whose chain; `seals` for a seal.
    pub writer: Option<String>,
    /// Number of the row in that chain.
    pub sequence: Option<i64>,
    /// Identifier of the row.
    pub id: Option<String>,
    /// A sentence for people.
    pub text: String,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A row, or the one before it, was changed.
    Edited,
    /// A row stands at another place than it was written at.
    Moved,
    /// Rows are gone, or what guards them.
    Removed,
    /// A row is there that was not written through the chain.
    Inserted,
}

/// Verifies the whole audit. `known` are seals that stand somewhere else: number and hash.
///
/// # Errors
/// Any [`Error`]. What is wrong with the audit is no error but a finding.
pub async fn verify(db: &Db, known: &[(i64, Hash)]) -> Result<Verification, Error> {
    let mut report = Verification::default();
    let mut writers = db.select(WRITERS, Vec::new(), Writer::read).await?;
    let seals = writers
        .iter()
        .position(|it| it.kind == "seals")
        .map(|place| writers.remove(place));
    for writer in &writers {
        self::writer::verify(db, writer, &mut report).await?;
        if writer.kind == "adopted" {
            report.adopted = writer.head.sequence;
        }
        report.removed_by_retention += writer.removed_sequence;
    }
    report.writers = u64::try_from(writers.len()).unwrap_or(u64::MAX);
    guards::verify(db, &mut report).await?;
    unlinked(db, &mut report).await?;
    unknown(db, &writers, &mut report).await?;
    match &seals {
        Some(seals) => {
            self::seals::verify(db, seals, &mut report).await?;
            self::seals::known(db, known, seals, &mut report).await?;
            self::seals::retention(db, &writers, &mut report).await?;
        }
        None => report.add(
            What::Removed,
            Some("seals"),
            None,
            None,
            "the seals are gone",
        ),
    }
    report.newest_seal = super::newest_seal(db).await?;
    report.verified = report.findings.is_empty();
    Ok(report)
}

impl Verification {
    fn add(
        &mut self,
        what: What,
        writer: Option<&str>,
        sequence: Option<i64>,
        id: Option<&str>,
        text: &str,
    ) {
        if self.findings.len() >= FINDINGS {
            self.more_findings += 1;
            return;
        }
        self.findings.push(Finding {
            what,
            writer: writer.map(str::to_owned),
            sequence,
            id: id.map(str::to_owned),
            text: text.to_owned(),
        });
    }
}

/// Rows without a place.
async fn unlinked(db: &Db, report: &mut Verification) -> Result<(), Error> {
    let text = "has no place in the chain: a program older than the chain wrote it (then run `audit adopt`), or \
                somebody put it in";
    let ids = db.select(UNLINKED, Vec::new(), |row| row.text(0)).await?;
    for id in ids {
        report.add(What::Inserted, None, None, Some(&id), text);
    }
    Ok(())
}

/// Rows of writers that are in no list. A new writer may have come meanwhile.
async fn unknown(db: &Db, writers: &[Writer], report: &mut Verification) -> Result<(), Error> {
    let known: BTreeSet<&str> = writers.iter().map(|it| it.head.writer.as_str()).collect();
    let mut after = String::new();
    loop {
        let next = db
            .find(NEXT_WRITER, &[after.as_str().into()], |row| {
                row.optional_text(0)
            })
            .await?;
        let Some(writer) = next.flatten() else {
            return Ok(());
        };
        if !known.contains(writer.as_str()) && Writer::find(db, &writer).await?.is_none() {
            let text = "rows of a writer that is in no list";
            report.add(What::Inserted, Some(&writer), None, None, text);
        }
        after = writer;
    }
}

/// A writer as it stands in the table.
#[derive(Clone, Debug)]
struct Writer {
    head: Head,
    kind: String,
    removed_sequence: i64,
    removed_hash: Hash,
}

impl Writer {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            head: Head::read(row)?,
            kind: row.text(3)?,
            removed_sequence: row.integer(4)?,
            removed_hash: Hash(row.bytes(5)?),
        })
    }

    async fn find(db: &Db, writer: &str) -> Result<Option<Self>, Error> {
        db.find(WRITER, &[Value::from(writer)], Self::read).await
    }
}

/// Findings that are told: whoever has rewritten the whole table needs no list.
const FINDINGS: usize = 100;
const WRITERS: &str = "SELECT writer, sequence, hash, kind, removed_sequence, removed_hash FROM audit_writer \
                       ORDER BY writer";
const WRITER: &str = "SELECT writer, sequence, hash, kind, removed_sequence, removed_hash FROM audit_writer \
                      WHERE writer = $1";
const UNLINKED: &str = "SELECT id FROM audit_event WHERE writer IS NULL LIMIT 101";
const NEXT_WRITER: &str = "SELECT MIN(writer) FROM audit_event WHERE writer > $1";
