//! Verification: whether the audit is what was written, row by row and seal by seal, beside running writers.
//!
//! What it can prove: nothing was edited, put in, moved or taken out between the first row that retention has left and
//! the newest seal that stands somewhere else. An end that was cut off, and the seals of it, can be told only by such a seal.

mod dates;
mod guards;
mod indexes;
mod retention;
mod seals;
mod stray;
mod writer;

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::Seal;
use crate::audit::chain::{Hash, Head};
use crate::error::Error;
use crate::row::Row;
use crate::value::Value;
use crate::{Db, Engine};

use retention::Elsewhere;

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
    /// Numbers of the seals that stand elsewhere and that retention has removed here: they prove nothing any more.
    pub known_seals_removed: Vec<i64>,
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
    /// Rows are gone as if by retention, and nothing outside of the database proves that it was retention.
    Unproved,
}

/// Verifies the whole audit. `known` are seals that stand somewhere else: number and hash.
///
/// # Errors
/// As [`verify_held`].
pub async fn verify(db: &Db, known: &[(i64, Hash)]) -> Result<Verification, Error> {
    verify_held(db, known, None).await
}

/// Verifies the whole audit, and holds what retention has removed against its setting: nothing that was sealed at
/// `removable_before` or later may be gone, unless a seal that stands elsewhere covers the row that says so.
///
/// # Errors
/// [`Error::Unavailable`]. What is wrong with the audit is no error but a finding.
pub async fn verify_held(
    db: &Db,
    known: &[(i64, Hash)],
    removable_before: Option<Timestamp>,
) -> Result<Verification, Error> {
    let mut report = Verification::default();
    let found = db.select(WRITERS, Vec::new(), |row| Ok(Writer::read(row).ok()));
    let found = found.await;
    let found = report.readable(found)?.unwrap_or_default();
    // By its name, which programs go by, never by a column that somebody can set.
    let (seals, writers): (Vec<Writer>, Vec<Writer>) = found
        .iter()
        .flatten()
        .cloned()
        .partition(|it| it.head.writer == SEALS);
    if found.iter().any(Option::is_none) {
        report.add(What::Edited, None, None, None, "a writer cannot be read");
    }
    for writer in &writers {
        writer_and_kind(db, writer, &mut report).await?;
    }
    only_writer(db, &writers, &mut report);
    report.writers = u64::try_from(writers.len()).unwrap_or(u64::MAX);
    let guarded = guards::verify(db, &mut report).await;
    report.readable(guarded)?;
    indexes::verify(db, &mut report).await?;
    let stray = stray::verify(db, &writers, &mut report).await;
    report.readable(stray)?;
    match seals.as_slice() {
        [seals] => {
            let walked = self::seals::verify(db, seals, &mut report).await;
            let walked = report.readable(walked)?;
            let seals = walked.as_ref().unwrap_or(seals);
            let elsewhere = Elsewhere::find(db, known, seals, &mut report).await;
            let elsewhere = report.readable(elsewhere)?.unwrap_or_default();
            let held = elsewhere
                .hold(db, (&writers, seals), removable_before, &mut report)
                .await;
            report.readable(held)?;
        }
        _ => report.add(What::Removed, Some(SEALS), None, None, "the seals are gone"),
    }
    let newest = super::newest_seal(db).await;
    report.newest_seal = report.readable(newest)?.flatten();
    report.verified = report.findings.is_empty();
    Ok(report)
}

/// One writer's chain; a kind that its name does not have would hide it from writers and seals.
async fn writer_and_kind(db: &Db, writer: &Writer, report: &mut Verification) -> Result<(), Error> {
    let name = writer.head.writer.as_str();
    let kinds: &[&str] = match name {
        BEFORE => &["adopting", "adopted"],
        _ => &["rows"],
    };
    if !kinds.contains(&writer.kind.as_str()) {
        let text = "the writer is marked as what it is not";
        report.add(What::Edited, Some(name), None, None, text);
    }
    let walked = self::writer::verify(db, writer, report).await;
    report.readable(walked)?;
    if name == BEFORE {
        report.adopted = writer.head.sequence;
    }
    report.removed_by_retention = report
        .removed_by_retention
        .saturating_add(writer.removed_sequence);
    Ok(())
}

/// On SQLite units follow each other, and never make a second writer.
fn only_writer(db: &Db, writers: &[Writer], report: &mut Verification) {
    let names = writers.iter().map(|it| it.head.writer.as_str());
    let names: Vec<&str> = names.filter(|name| *name != BEFORE).collect();
    if matches!(db.0, Engine::Sqlite(_)) && names.len() > 1 {
        let names = names.join(", ");
        let text = format!("a file has one writer, and this one has {names}");
        report.add(What::Inserted, None, None, None, &text);
    }
}

impl Verification {
    /// A column that holds what this program never writes there is a finding, whatever the engine says of it: an
    /// error would tell of a defect, and hide what was found before.
    fn readable<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Failed(_)) => {
                let text = "a column holds what was never written there, and what follows it could not be read";
                self.add(What::Edited, None, None, None, text);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

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
/// The writer of the seals, and the one of rows from before the chain.
const SEALS: &str = "seals";
const BEFORE: &str = "before";
