//! Whether what is gone was removed by retention, as far as that can be proved.
//!
//! A row of retention in the database proves nothing by itself: whoever can write to the database can append one with
//! a right hash. It counts when a seal that stands elsewhere covers it, or when such a seal proves how old the removed
//! rows were and the setting lets rows of that age go.

use jiff::Timestamp;

use super::{SEALS, Verification, What, Writer};
use crate::Db;
use crate::audit::chain::Hash;
use crate::audit::retention;
use crate::audit::seal::{FROM, Seal, Stored};
use crate::error::Error;

/// What seals that stand somewhere else prove.
#[derive(Default)]
pub(super) struct Elsewhere {
    /// Whether any was given.
    given: bool,
    /// The newest of them that is here. All seals before it and all rows that they name are as they were written.
    newest: Option<Seal>,
}

/// An audit row of retention, and the seal that it names, which is here.
struct Announced {
    writer: String,
    sequence: i64,
    seal: Seal,
}

impl Elsewhere {
    /// Each must be here, or be marked as removed; [`Self::hold`] then asks who removed it.
    pub(super) async fn find(
        db: &Db,
        known: &[(i64, Hash)],
        seals: &Writer,
        report: &mut Verification,
    ) -> Result<Self, Error> {
        let mut this = Self {
            given: !known.is_empty(),
            newest: None,
        };
        for (sequence, hash) in known {
            // What stands below the mark is not walked: it would prove nothing about what comes after.
            let mut is_removed = *sequence <= seals.removed_sequence;
            let found = match seal(db, *sequence).await? {
                Some(seal) => Some((seal.hash.clone(), Some(seal))),
                None => {
                    // Read after it: what retention has removed meanwhile is below its mark.
                    let now = Writer::find(db, SEALS).await?;
                    let now = now.filter(|now| *sequence <= now.removed_sequence);
                    is_removed |= now.is_some();
                    let at_mark = now.filter(|now| *sequence == now.removed_sequence);
                    at_mark.map(|now| (now.removed_hash, None))
                }
            };
            match found {
                Some((found, _)) if found != *hash => {
                    let text = "the seal is not the one that stands elsewhere: what it covers was rewritten";
                    report.add(What::Edited, Some(SEALS), Some(*sequence), None, text);
                }
                _ if is_removed => report.known_seals_removed.push(*sequence),
                Some((_, seal)) => this.newer(seal),
                None => {
                    let text = "the seal that stands elsewhere is gone: the end was cut off";
                    report.add(What::Removed, Some(SEALS), Some(*sequence), None, text);
                }
            }
        }
        Ok(this)
    }

    fn newer(&mut self, seal: Option<Seal>) {
        let newest = self.newest.as_ref().map_or(0, |it| it.sequence);
        if let Some(seal) = seal.filter(|it| it.sequence > newest) {
            self.newest = Some(seal);
        }
    }

    /// What is marked as removed must be what an audit row of retention names, and that row must count.
    pub(super) async fn hold(
        &self,
        db: &Db,
        (writers, seals): (&[Writer], &Writer),
        removable_before: Option<Timestamp>,
        report: &mut Verification,
    ) -> Result<(), Error> {
        let all = writers.iter().chain([seals]);
        let removed: Vec<&Writer> = all.filter(|it| it.removed_sequence != 0).collect();
        if removed.is_empty() {
            return Ok(());
        }
        let announced = Announced::find(db).await?;
        for writer in removed {
            if announced.as_ref().is_some_and(|it| it.allows(writer)) {
                continue;
            }
            let (name, last) = (&writer.head.writer, writer.removed_sequence);
            let text = format!("what is before {last} is gone, and no retention has said so");
            report.add(What::Removed, Some(name), Some(last), None, &text);
        }
        if let Some(announced) = announced
            && let Some(text) = self.doubt(&announced, removable_before)
        {
            let (writer, sequence) = (announced.writer.as_str(), announced.sequence);
            report.add(What::Unproved, Some(writer), Some(sequence), None, text);
        }
        Ok(())
    }

    /// Why a row of retention does not count.
    fn doubt(
        &self,
        announced: &Announced,
        removable_before: Option<Timestamp>,
    ) -> Option<&'static str> {
        let newest = self.newest.as_ref();
        let covers_row = newest.is_some_and(|seal| {
            let mut heads = seal.heads.iter();
            heads.any(|it| it.writer == announced.writer && it.sequence >= announced.sequence)
        });
        if covers_row {
            return None;
        }
        let is_due = removable_before.map(|before| announced.seal.at < before);
        if is_due == Some(false) {
            return Some(
                "rows are gone that the retention of the configuration keeps, and no seal that stands elsewhere \
                 covers the row that says so",
            );
        }
        // Without any there is nothing to hold it against.
        let covers_seal = newest.is_some_and(|seal| seal.sequence >= announced.seal.sequence);
        if self.given && !(covers_seal && is_due == Some(true)) {
            return Some(
                "rows are gone as if by retention, and no seal that stands elsewhere is new enough to prove it",
            );
        }
        None
    }
}

impl Announced {
    /// Retention can take away the seal that its last row named before it is looked up here: then a newer row is there.
    async fn find(db: &Db) -> Result<Option<Self>, Error> {
        let mut before = None;
        loop {
            let (place, found) = match Self::newest(db).await? {
                Some((place, found)) => (Some(place), found),
                None => (None, None),
            };
            if found.is_some() || place == before {
                return Ok(found);
            }
            before = place;
        }
    }

    /// The newest row of retention, by its writer and number, and what it says, if what it names is here.
    async fn newest(db: &Db) -> Result<Option<((String, i64), Option<Self>)>, Error> {
        let rows = db.select(RETENTION, Vec::new(), |row| {
            Ok((row.optional_text(0)?, row.text(1)?, row.integer(2)?))
        });
        let Some((reason, writer, sequence)) = rows.await?.into_iter().next() else {
            return Ok(None);
        };
        let place = (writer.clone(), sequence);
        let Some((number, hash)) = reason.as_deref().and_then(retention::announced) else {
            return Ok(Some((place, None)));
        };
        let seal = seal(db, number).await?.filter(|seal| seal.hash == hash);
        let found = seal.map(|seal| Self {
            writer,
            sequence,
            seal,
        });
        Ok(Some((place, found)))
    }

    /// Whether the row names what is gone: rows up to its seal, and the seals before that one.
    fn allows(&self, writer: &Writer) -> bool {
        let removed = writer.removed_sequence;
        let (last, hash) = if writer.head.writer == SEALS {
            (self.seal.sequence.saturating_sub(1), &self.seal.previous)
        } else {
            let mut heads = self.seal.heads.iter();
            let Some(head) = heads.find(|head| head.writer == writer.head.writer) else {
                return false;
            };
            (head.sequence, &head.hash)
        };
        // Less where retention was interrupted.
        removed > 0 && (removed < last || (removed == last && writer.removed_hash == *hash))
    }
}

async fn seal(db: &Db, sequence: i64) -> Result<Option<Seal>, Error> {
    let after = sequence.saturating_sub(1);
    let rows = db.select(FROM, vec![after.into()], Stored::read).await?;
    let seal = rows.into_iter().next().and_then(|stored| stored.seal);
    Ok(seal.filter(|seal| seal.sequence == sequence))
}

pub(super) const RETENTION: &str = "SELECT reason, writer, sequence FROM audit_event WHERE action = 'audit.retention' \
                         AND outcome = 'allowed' AND writer IS NOT NULL AND sequence >= 1 \
                         ORDER BY at_ms DESC, id DESC LIMIT 1";
