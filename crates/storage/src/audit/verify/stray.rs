//! Rows at places where no walk along a chain comes by.

use std::collections::BTreeSet;

use super::{SEALS, Verification, What, Writer};
use crate::Db;
use crate::error::Error;

/// Rows without a place, of nobody, and below what retention has left.
pub(super) async fn verify(
    db: &Db,
    writers: &[Writer],
    report: &mut Verification,
) -> Result<(), Error> {
    let without = "has no place in the chain: a program older than the chain wrote it (then run `audit adopt`), or \
                   somebody put it in";
    rows(db, (UNLINKED, without), report).await?;
    let below = "stands among the rows that retention has removed";
    rows(db, (BELOW, below), report).await?;
    unknown(db, writers, report).await
}

async fn rows(
    db: &Db,
    (sql, text): (&'static str, &str),
    report: &mut Verification,
) -> Result<(), Error> {
    // An id that cannot be read makes the row no less a finding.
    let ids = db
        .select(sql, Vec::new(), |row| Ok(row.text(0).ok()))
        .await?;
    for id in ids {
        report.add(What::Inserted, None, None, id.as_deref(), text);
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
        // Seals stand in a table of their own: a row of theirs would never be walked.
        let is_new = writer != SEALS && Writer::find(db, &writer).await?.is_some();
        if !known.contains(writer.as_str()) && !is_new {
            let text = "rows of a writer that is in no list";
            report.add(What::Inserted, Some(&writer), None, None, text);
        }
        after = writer;
    }
}

/// A number that is none (SQLite takes any) is greater than all numbers or differs from its whole part.
const UNLINKED: &str = "SELECT id FROM audit_event WHERE writer IS NULL OR writer = '' OR sequence IS NULL \
                        OR sequence < 1 OR sequence <> CAST(sequence AS BIGINT) LIMIT 101";
const BELOW: &str = "SELECT e.id FROM audit_event e JOIN audit_writer w ON w.writer = e.writer \
                     WHERE e.sequence >= 1 AND e.sequence <= w.removed_sequence LIMIT 101";
const NEXT_WRITER: &str = "SELECT MIN(writer) FROM audit_event WHERE writer > $1";
