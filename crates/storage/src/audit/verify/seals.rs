//! The chain of seals, and that every seal names rows that are there.

use std::collections::BTreeMap;

use super::{SEALS, Verification, What, Writer};
use crate::Db;
use crate::audit::seal::{FROM, Stored};
use crate::audit::{Seal, WriterHead};
use crate::error::Error;

/// Walks the seals.
pub(super) async fn verify(
    db: &Db,
    writer: &Writer,
    report: &mut Verification,
) -> Result<(), Error> {
    let mut last = writer.removed_sequence;
    let mut previous = writer.removed_hash.clone();
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
                gone(report, last.saturating_add(1), sequence.saturating_sub(1));
            } else if stored.previous != previous || !stored.is_whole() {
                let text = "the seal is not what was written";
                report.add(What::Edited, Some(SEALS), Some(sequence), None, text);
            }
            match &stored.seal {
                Some(seal) => heads(db, seal, &mut seen, report).await?,
                None => {
                    let text = "the seal cannot be read";
                    report.add(What::Edited, Some(SEALS), Some(sequence), None, text);
                }
            }
            last = sequence;
            previous = stored.hash;
        }
    }
    let Some(now) = Writer::find(db, SEALS).await? else {
        return Ok(());
    };
    let head = now.head.sequence;
    if last < head && newest(db).await? < head {
        gone(report, last.saturating_add(1), head);
    } else if last == head && previous != now.head.hash {
        let text = "is not the newest seal that was written";
        report.add(What::Edited, Some(SEALS), Some(last), None, text);
    } else if last > head {
        let text = "comes after the newest seal that was written";
        report.add(What::Inserted, Some(SEALS), Some(last), None, text);
    }
    Ok(())
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
    seen: &mut BTreeMap<String, i64>,
    report: &mut Verification,
) -> Result<(), Error> {
    for head in &seal.heads {
        if head.writer == SEALS {
            let text = "the seal names a writer that writes no rows";
            report.add(What::Edited, Some(SEALS), Some(seal.sequence), None, text);
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
            report.add(What::Edited, Some(SEALS), Some(seal.sequence), None, &text);
        }
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
