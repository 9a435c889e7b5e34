//! Rows at places where no walk along a chain comes by.

use std::collections::BTreeSet;

use super::{SEALS, Verification, What, Writer};
use crate::Db;
use crate::error::Error;
use crate::value::Value;

/// Rows without a place, of nobody, and below what retention has left.
pub(super) async fn verify(
    db: &Db,
    writers: &[Writer],
    report: &mut Verification,
) -> Result<(), Error> {
    for sql in [UNLINKED, OF_NOBODY] {
        rows(db, (sql, Vec::new()), WITHOUT, report).await?;
    }
    for writer in writers {
        let name: Value = writer.head.writer.as_str().into();
        for sql in [WITHOUT_NUMBER, BEFORE_FIRST, NO_NUMBER] {
            rows(db, (sql, vec![name.clone()]), WITHOUT, report).await?;
        }
        let below = vec![name, writer.removed_sequence.into()];
        rows(db, (BELOW, below), REMOVED, report).await?;
    }
    unknown(db, writers, report).await
}

async fn rows(
    db: &Db,
    (sql, parameters): (&'static str, Vec<Value>),
    text: &str,
    report: &mut Verification,
) -> Result<(), Error> {
    // An id that cannot be read makes the row no less a finding.
    let ids = db.select(sql, parameters, |row| Ok(row.text(0).ok()));
    for id in ids.await? {
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

const WITHOUT: &str = "has no place in the chain: a program older than the chain wrote it (then run `audit adopt`), or \
                       somebody put it in";
const REMOVED: &str = "stands among the rows that retention has removed";
// Each by the index of places: a statement that reads the whole table is given up where that takes seconds, and nothing
// would be verified.
const UNLINKED: &str = "SELECT id FROM audit_event WHERE writer IS NULL LIMIT 101";
const OF_NOBODY: &str = "SELECT id FROM audit_event WHERE writer = '' LIMIT 101";
const WITHOUT_NUMBER: &str =
    "SELECT id FROM audit_event WHERE writer = $1 AND sequence IS NULL LIMIT 101";
const BEFORE_FIRST: &str =
    "SELECT id FROM audit_event WHERE writer = $1 AND sequence < 1 LIMIT 101";
/// SQLite takes any value, and texts are greater than all numbers. What is between numbers the walk meets.
const NO_NUMBER: &str =
    "SELECT id FROM audit_event WHERE writer = $1 AND sequence > 9223372036854775807 LIMIT 101";
const BELOW: &str =
    "SELECT id FROM audit_event WHERE writer = $1 AND sequence >= 1 AND sequence <= $2 LIMIT 101";
const NEXT_WRITER: &str = "SELECT MIN(writer) FROM audit_event WHERE writer > $1";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::audit::verify::dates::DATED_BEFORE;
    use crate::audit::verify::retention::RETENTION;

    /// A statement that reads the whole table is given up after seconds where it is large, and then nothing is verified.
    #[test]
    fn no_question_reads_the_whole_table() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for step in crate::audit::MIGRATIONS.steps {
            connection.execute_batch(step.sqlite).unwrap();
        }
        for sql in [
            UNLINKED,
            OF_NOBODY,
            WITHOUT_NUMBER,
            BEFORE_FIRST,
            NO_NUMBER,
            BELOW,
            NEXT_WRITER,
            RETENTION,
            DATED_BEFORE,
        ] {
            let explained = format!("EXPLAIN QUERY PLAN {sql}");
            let mut statement = connection.prepare(&explained).unwrap();
            let nothing = vec![0; statement.parameter_count()];
            let steps = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get(3));
            let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
            let few = |step: &String| {
                step.contains("SEARCH") || step.contains("USING INDEX audit_event_retention")
            };
            assert!(steps.iter().all(few), "{sql}: {steps:?}");
        }
    }
}
