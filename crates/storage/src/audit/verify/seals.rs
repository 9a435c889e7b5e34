//! The chain of seals, and that every seal names rows that are there and dated as it is.

use std::collections::BTreeMap;

use super::dates::Dates;
use super::{SEALS, Verification, What, Writer};
use crate::Db;
use crate::audit::chain::Hash;
use crate::audit::seal::{FROM, Stored};
use crate::audit::{Seal, WriterHead};
use crate::error::Error;

/// Walks the seals, and answers from which mark of retention on.
pub(super) async fn verify(
    db: &Db,
    writer: &Writer,
    report: &mut Verification,
) -> Result<Writer, Error> {
    let mut from = writer.clone();
    let (findings, more, read) = (report.findings.len(), report.more_findings, report.seals);
    while let Some(moved) = walk(db, &from, report).await? {
        // Retention is at work: from its new end on.
        report.findings.truncate(findings);
        (report.more_findings, report.seals) = (more, read);
        from = moved;
    }
    Ok(from)
}

/// The mark of retention, where it has moved meanwhile and seals are gone by that.
async fn walk(db: &Db, from: &Writer, report: &mut Verification) -> Result<Option<Writer>, Error> {
    let mut last = from.removed_sequence;
    let mut previous = from.removed_hash.clone();
    let mut at = None;
    let mut dates = Dates::default();
    let mut seen = BTreeMap::new();
    loop {
        let page = db.select(FROM, vec![last.into()], Stored::read).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            report.seals += 1;
            let sequence = stored.sequence;
            if sequence > last.saturating_add(1) {
                if let Some(moved) = moved(db, from).await? {
                    return Ok(Some(moved));
                }
                gone(report, last.saturating_add(1), sequence.saturating_sub(1));
            } else if stored.previous != previous || !stored.is_whole() {
                edited(report, sequence, "the seal is not what was written");
            }
            let dated = stored.seal.as_ref().map(|seal| seal.at);
            // Retention would take what it covers for as old as it says.
            if dated.zip(at).is_some_and(|(dated, at)| dated < at) {
                edited(
                    report,
                    sequence,
                    "the seal is dated before the one before it",
                );
            }
            dates.seal(dated);
            match &stored.seal {
                Some(seal) => heads(db, seal, (&mut seen, &dates), report).await?,
                None => edited(report, sequence, "the seal cannot be read"),
            }
            at = dated.or(at);
            last = sequence;
            previous = stored.hash;
        }
    }
    dates.end(db, &seen, report).await?;
    end(db, from, (last, &previous), report).await
}

/// The newest seal must be the one that the writer's own row names.
async fn end(
    db: &Db,
    from: &Writer,
    (last, hash): (i64, &Hash),
    report: &mut Verification,
) -> Result<Option<Writer>, Error> {
    let Some(now) = Writer::find(db, SEALS).await? else {
        return Ok(None);
    };
    let head = now.head.sequence;
    if last < head && newest(db).await? < head {
        if let Some(moved) = moved(db, from).await? {
            return Ok(Some(moved));
        }
        gone(report, last.saturating_add(1), head);
    } else if last == head && *hash != now.head.hash {
        edited(report, last, "is not the newest seal that was written");
    } else if last > head {
        let text = "comes after the newest seal that was written";
        report.add(What::Inserted, Some(SEALS), Some(last), None, text);
    }
    Ok(None)
}

/// Read after seals that were not there: what retention has removed is below its mark.
async fn moved(db: &Db, from: &Writer) -> Result<Option<Writer>, Error> {
    let now = Writer::find(db, SEALS).await?;
    Ok(now.filter(|now| now.removed_sequence > from.removed_sequence))
}

fn edited(report: &mut Verification, sequence: i64, text: &str) {
    report.add(What::Edited, Some(SEALS), Some(sequence), None, text);
}

async fn newest(db: &Db) -> Result<i64, Error> {
    let newest = crate::audit::newest_seal(db).await?;
    Ok(newest.map_or(0, |seal| seal.sequence))
}

fn gone(report: &mut Verification, first: i64, last: i64) {
    let text = format!("seals {first} to {last} are gone");
    report.add(What::Removed, Some(SEALS), Some(first), None, &text);
}

/// Each row that a seal names must be there with the hash that it had.
async fn heads(
    db: &Db,
    seal: &Seal,
    (seen, dates): (&mut BTreeMap<String, i64>, &Dates),
    report: &mut Verification,
) -> Result<(), Error> {
    for head in &seal.heads {
        if head.writer == SEALS {
            edited(
                report,
                seal.sequence,
                "the seal names a writer that writes no rows",
            );
            continue;
        }
        let before = seen.insert(head.writer.clone(), head.sequence);
        if before == Some(head.sequence) {
            continue;
        }
        if before.is_some_and(|before| before > head.sequence) {
            let text = format!(
                "seal {} names fewer rows than the one before",
                seal.sequence
            );
            edited(report, seal.sequence, &text);
        }
        let behind = (
            head.writer.as_str(),
            before.unwrap_or_default(),
            head.sequence,
        );
        dates.rows(db, behind, report).await?;
        let row = [head.writer.as_str().into(), head.sequence.into()];
        match db.find(HASH, &row, |row| row.bytes(0)).await? {
            Some(hash) if hash == head.hash.0 => {}
            Some(_) => {
                let text = format!("is not the row that seal {} names", seal.sequence);
                report.add(
                    What::Edited,
                    Some(&head.writer),
                    Some(head.sequence),
                    None,
                    &text,
                );
            }
            None if is_removed(db, head).await? => {}
            None => {
                let text = format!("the row that seal {} names is gone", seal.sequence);
                report.add(
                    What::Removed,
                    Some(&head.writer),
                    Some(head.sequence),
                    None,
                    &text,
                );
            }
        }
    }
    Ok(())
}

async fn is_removed(db: &Db, head: &WriterHead) -> Result<bool, Error> {
    let writer = Writer::find(db, &head.writer).await?;
    Ok(writer.is_some_and(|it| it.removed_sequence >= head.sequence))
}

const HASH: &str = "SELECT hash FROM audit_event WHERE writer = $1 AND sequence = $2";
