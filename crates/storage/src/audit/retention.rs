//! Retention: the oldest rows go, up to a seal, and the chain stays whole from there on.
//!
//! What is removed is everything that a seal from before the limit covers: all of it was written before that seal. The
//! seal stays, and with it the hash of the last removed row of each writer; so does that hash in the writer's row.
//! An audit row says what is removed before the first row goes, in the same place as every other act.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::audit::chain::Hash;
use crate::audit::link::{Link, OF_WRITER};
use crate::audit::seal::{self, Seal, Stored};
use crate::audit::{AuditEvent, Outcome, WriterHead};
use crate::error::Error;
use crate::transaction::{Transaction, Work};
use crate::value::Value;
use crate::{Db, clock::to_ms};

/// What retention has removed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Rows.
    pub rows: u64,
    /// Up to this seal, which stays.
    pub seal: i64,
    /// When that seal was written: no removed row is younger.
    pub sealed_at: Timestamp,
}

/// Removes what was sealed before `before`, a thousand rows at a time, and says what; `None` when there is nothing.
/// `event` is who asks: its action and reason are set here. What was interrupted goes on with the next call.
///
/// # Errors
/// [`Error::Failed`] when the rows are not those that the seal names: what was tampered with is evidence. Any other
/// [`Error`]; what was removed before stays so.
pub async fn remove_before(
    db: &Db,
    before: Timestamp,
    event: AuditEvent,
) -> Result<Option<Removed>, Error> {
    let found = db
        .find(seal::BEFORE, &[to_ms(before).into()], Stored::read)
        .await?;
    let Some(stored) = found else {
        return Ok(None);
    };
    let Some(seal) = stored.seal.clone().filter(|_| stored.is_whole()) else {
        return Err(Error::Failed(TAMPERED.to_owned()));
    };
    let due = due(db, &seal).await?;
    if due.is_empty() {
        return Ok(None);
    }
    for head in &due {
        let row = [head.writer.as_str().into(), head.sequence.into()];
        if db.find(HASH, &row, |row| row.bytes(0)).await? != Some(head.hash.0.clone()) {
            return Err(Error::Failed(TAMPERED.to_owned()));
        }
    }
    db.audit(AuditEvent {
        action: ACTION.to_owned(),
        outcome: Outcome::Allowed,
        reason: Some(reason(&seal)),
        ..event
    })
    .await?;
    let mut rows = 0;
    for head in due {
        loop {
            match db.write(Rows(head.clone())).await? {
                0 => break,
                removed => rows += removed,
            }
        }
    }
    let sealed_at = seal.at;
    let sequence = seal.sequence;
    while db.write(Seals(seal.clone())).await? > 0 {}
    Ok(Some(Removed {
        rows,
        seal: sequence,
        sealed_at,
    }))
}

/// What the seal covers and is still there.
async fn due(db: &Db, seal: &Seal) -> Result<Vec<WriterHead>, Error> {
    let writers = db.select(ALL_REMOVED, Vec::new(), |row| {
        Ok((row.text(0)?, row.integer(1)?))
    });
    let writers: BTreeMap<String, i64> = writers.await?.into_iter().collect();
    let is_left = |head: &&WriterHead| {
        let removed = writers.get(&head.writer);
        removed.is_some_and(|removed| *removed < head.sequence)
    };
    Ok(seal.heads.iter().filter(is_left).cloned().collect())
}

/// The text of the audit row; [`announced`] reads it.
fn reason(seal: &Seal) -> String {
    format!("up to seal {} {}", seal.sequence, seal.hash)
}

/// The seal that an audit row of retention names.
pub(super) fn announced(reason: &str) -> Option<(i64, Hash)> {
    let (sequence, hash) = reason.strip_prefix("up to seal ")?.split_once(' ')?;
    Some((sequence.parse().ok()?, Hash::parse(hash)?))
}

/// Some of the oldest rows of a writer.
struct Rows(WriterHead);

impl Work for Rows {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.lock("audit retention").await?;
        let writer: Value = self.0.writer.as_str().into();
        let removed = tx.find(REMOVED, std::slice::from_ref(&writer), |row| {
            Ok((row.integer(0)?, Hash(row.bytes(1)?)))
        });
        let Some((first, hash)) = removed.await?.filter(|it| it.0 < self.0.sequence) else {
            return Ok(0);
        };
        let last = self.0.sequence.min(first.saturating_add(CHUNK));
        let range = [
            writer.clone(),
            first.into(),
            last.saturating_sub(first).into(),
        ];
        let rows = tx.select(OF_WRITER, &range, Link::read).await?;
        let hash = self.follow(&rows, (first, hash));
        let Some(hash) = hash.filter(|it| it.0 == last).map(|it| it.1) else {
            return Err(Error::Failed(TAMPERED.to_owned()));
        };
        let hash: Value = hash.0.into();
        tx.execute(MARK, &[last.into(), hash, writer.clone()])
            .await?;
        tx.execute(DELETE, &[writer, first.into(), last.into()])
            .await
    }
}

impl Rows {
    /// The place after the rows, when all of them are what was written. A hash that stands there proves nothing of the
    /// columns beside it.
    fn follow(&self, rows: &[Link], from: (i64, Hash)) -> Option<(i64, Hash)> {
        let head = &self.0;
        rows.iter().try_fold(from, |(before, hash), row| {
            let follows = row.sequence == before.saturating_add(1)
                && row.follows(&hash, &head.writer, row.sequence)
                && (row.sequence != head.sequence || row.hash == head.hash);
            follows.then(|| (row.sequence, row.hash.clone()))
        })
    }
}

/// Some of the seals before one.
struct Seals(Seal);

impl Work for Seals {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.lock("audit retention").await?;
        let last = self.0.sequence.saturating_sub(1);
        let hash: Value = self.0.previous.0.as_slice().into();
        tx.execute(MARK_SEALS, &[last.into(), hash]).await?;
        tx.execute(DELETE_SEALS, &[last.into()]).await
    }
}

/// What its audit rows say.
pub(super) const ACTION: &str = "audit.retention";
const TAMPERED: &str = "the audit is not what its seals say: run `vitalgate audit verify`";
/// Rows in a unit: no other writer waits long.
const CHUNK: i64 = 1_000;
const ALL_REMOVED: &str = "SELECT writer, removed_sequence FROM audit_writer";
const REMOVED: &str = "SELECT removed_sequence, removed_hash FROM audit_writer WHERE writer = $1";
const HASH: &str = "SELECT hash FROM audit_event WHERE writer = $1 AND sequence = $2";
const MARK: &str =
    "UPDATE audit_writer SET removed_sequence = $1, removed_hash = $2 WHERE writer = $3";
const DELETE: &str =
    "DELETE FROM audit_event WHERE writer = $1 AND sequence > $2 AND sequence <= $3";
const MARK_SEALS: &str = "UPDATE audit_writer SET removed_sequence = $1, removed_hash = $2 \
                          WHERE writer = 'seals' AND removed_sequence <= $1";
const DELETE_SEALS: &str = "DELETE FROM audit_seal WHERE sequence IN \
                            (SELECT sequence FROM audit_seal WHERE sequence <= $1 ORDER BY sequence LIMIT 1000)";
