//! Rows that are dated well before the seal behind which they stand. Whoever can write to the database can append one with
//! a right hash; that it was written then, nothing before it says.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{BEFORE, SEALS, Verification, WRITERS, What, Writer};
use crate::Db;
use crate::clock::{Clock, to_ms};
use crate::error::Error;

/// The dates of the seals, one after the other.
#[derive(Default)]
pub(super) struct Dates {
    /// The newest that rows can be held against.
    counts: Option<Timestamp>,
    before: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Dates {
    /// The next seal. A clock that was ahead once dates all later seals alike, until that time comes: such dates do not
    /// count, or every row until then would be a finding.
    pub(super) fn seal(&mut self, at: Option<Timestamp>) {
        if self.newest.is_some() && self.newest != self.before && self.newest != at {
            self.counts = self.newest;
        }
        self.before = self.newest;
        self.newest = at;
    }

    /// Rows of a writer behind the seals so far.
    pub(super) async fn rows(
        &self,
        db: &Db,
        (writer, after, last): (&str, i64, i64),
        report: &mut Verification,
    ) -> Result<(), Error> {
        let Some(counts) = self.counts.filter(|_| writer != BEFORE) else {
            return Ok(());
        };
        let parameters = vec![
            writer.into(),
            after.into(),
            last.into(),
            to_ms(counts).saturating_sub(WELL_MS).into(),
        ];
        let rows = db.select(DATED_BEFORE, parameters, |row| {
            Ok((row.integer(0).ok(), row.text(1).ok()))
        });
        let text = format!("is dated well before the seal of {counts} that was written before it");
        for (sequence, id) in rows.await? {
            report.add(What::Inserted, Some(writer), sequence, id.as_deref(), &text);
        }
        Ok(())
    }

    /// Rows behind the newest seal.
    pub(super) async fn end(
        mut self,
        db: &Db,
        sealed: &BTreeMap<String, i64>,
        report: &mut Verification,
    ) -> Result<(), Error> {
        // Nothing says yet whether a seal of a time to come is from a clock that was ahead.
        if self.newest.is_some_and(|at| at <= Clock::system().now()) {
            self.seal(None);
        }
        let writers = db.select(WRITERS, Vec::new(), |row| Ok(Writer::read(row).ok()));
        for writer in writers.await?.into_iter().flatten() {
            let name = writer.head.writer.as_str();
            if name != SEALS {
                let after = sealed.get(name).copied().unwrap_or_default();
                self.rows(db, (name, after, i64::MAX), report).await?;
            }
        }
        Ok(())
    }
}

/// What no request takes, and what clocks of machines do not differ by.
const WELL_MS: i64 = 3_600_000;
/// By the index of places: the `+` keeps the engines from the one by time.
pub(super) const DATED_BEFORE: &str = "SELECT sequence, id FROM audit_event WHERE writer = $1 AND sequence > $2 \
                                       AND sequence <= $3 AND +at_ms < $4 ORDER BY writer, sequence LIMIT 101";
