//! The chain of seals, and that every seal names rows that are there.

use std::collections::BTreeMap;

use super::{Verification, What, Writer};
use crate::Db;
use crate::audit::chain::Hash;
use crate::audit::retention;
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
            if sequence > last + 1 {
                gone(report, last + 1, sequence - 1);
            } else if stored.previous != previous || !stored.is_whole() {
                let text = "the seal is not what was written";
                report.add(What::Edited, Some("seals"), Some(sequence), None, text);
            }
            match &stored.seal {
                Some(seal) => heads(db, seal, &mut seen, report).await?,
                None => {
                    let text = "the seal cannot be read";
                    report.add(What::Edited, Some("seals"), Some(sequence), None, text);
                }
            }
            last = sequence;
            previous = stored.hash;
        }
    }
    let head = Writer::find(db, "seals")
        .await?
        .map_or(0, |it| it.head.sequence);
    if last < head && newest(db).await? < head {
        gone(report, last + 1, head);
    } else if last > head {
        let text = "comes after the newest seal that was written";
        report.add(What::Inserted, Some("seals"), Some(last), None, text);
    }
    Ok(())
}

async fn newest(db: &Db) -> Result<i64, Error> {
    let newest = crate::audit::newest_seal(db).await?;
    Ok(newest.map_or(0, |seal| seal.sequence))
}

fn gone(report: &mut Verification, first: i64, last: i64) {
    let text = format!("seals {first} to {last} are gone");
    report.add(What::Removed, Some("seals"), Some(first), None, &text);
}

/// Each row that a seal names must be there with the hash that it had.
async fn heads(
    db: &Db,
    seal: &Seal,
    seen: &mut BTreeMap<String, i64>,
    report: &mut Verification,
) -> Result<(), Error> {
    for head in &seal.heads {
        let before = seen.insert(head.writer.clone(), head.sequence);
        if before == Some(head.sequence) {
            continue;
        }
        if before.is_some_and(|before| before > head.sequence) {
            let text = format!(
                "seal {} names fewer rows than the one before",
                seal.sequence
            );
            report.add(
                What::Edited,
                Some("seals"),
                Some(seal.sequence),
                None,
                &text,
            );
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

/// Seals that stand somewhere else must be here, or so old that retention has removed them.
pub(super) async fn known(
    db: &Db,
    known: &[(i64, Hash)],
    seals: &Writer,
    report: &mut Verification,
) -> Result<(), Error> {
    for (sequence, hash) in known {
        let found = db
            .find(SEAL, &[(*sequence).into()], |row| row.bytes(0))
            .await?;
        match found {
            Some(found) if found == hash.0 => {}
            Some(_) => {
                let text =
                    "the seal is not the one that stands elsewhere: what it covers was rewritten";
                report.add(What::Edited, Some("seals"), Some(*sequence), None, text);
            }
            None if *sequence <= seals.removed_sequence => {}
            None => {
                let text = "the seal that stands elsewhere is gone: the end was cut off";
                report.add(What::Removed, Some("seals"), Some(*sequence), None, text);
            }
        }
    }
    Ok(())
}

/// What is marked as removed must be what an audit row of retention names.
pub(super) async fn retention(
    db: &Db,
    writers: &[Writer],
    report: &mut Verification,
) -> Result<(), Error> {
    if writers.iter().all(|writer| writer.removed_sequence == 0) {
        return Ok(());
    }
    let rows = db.select(RETENTION, Vec::new(), |row| row.optional_text(0));
    let rows = rows.await?;
    let named = rows.first().and_then(|reason| {
        let reason = reason.as_deref()?;
        retention::announced(reason)
    });
    let seal = match named {
        None => None,
        Some((sequence, hash)) => {
            let rows = db
                .select(FROM, vec![(sequence - 1).into()], Stored::read)
                .await?;
            let seal = rows.into_iter().next().and_then(|stored| stored.seal);
            seal.filter(|seal| seal.sequence == sequence && seal.hash == hash)
        }
    };
    let heads = seal.map(|seal| seal.heads).unwrap_or_default();
    for writer in writers.iter().filter(|it| it.removed_sequence > 0) {
        let (name, removed) = (&writer.head.writer, writer.removed_sequence);
        let allowed = heads.iter().find(|head| head.writer == *name);
        let fits = allowed.is_some_and(|head| {
            removed < head.sequence
                || (removed == head.sequence && writer.removed_hash == head.hash)
        });
        if !fits {
            let text = format!("rows up to {removed} are gone, and no retention has said so");
            report.add(What::Removed, Some(name), Some(removed), None, &text);
        }
    }
    Ok(())
}

const HASH: &str = "SELECT hash FROM audit_event WHERE writer = $1 AND sequence = $2";
const SEAL: &str = "SELECT hash FROM audit_seal WHERE sequence = $1";
const RETENTION: &str = "SELECT reason FROM audit_event WHERE action = 'audit.retention' AND outcome = 'allowed' \
                         ORDER BY at_ms DESC, id DESC LIMIT 1";
