//! The triggers by which the database itself refuses to change the audit. Who switches them off leaves no trace in any
//! row; that they are gone is the trace.

use super::{Verification, What};
use crate::error::Error;
use crate::{Db, Engine};

/// Finds guards that are gone or switched off.
pub(super) async fn verify(db: &Db, report: &mut Verification) -> Result<(), Error> {
    let (present, whole) = match &db.0 {
        Engine::Sqlite(_) => (SQLITE, &[][..]),
        Engine::Postgres(_) => (POSTGRES, &TRUNCATE[..]),
    };
    let present = db.select(present, Vec::new(), |row| row.text(0)).await?;
    let guards = GUARDS.iter().chain(whole);
    let gone: Vec<&str> = guards
        .copied()
        .filter(|guard| present.iter().all(|name| name != guard))
        .collect();
    if !gone.is_empty() {
        let text = format!(
            "the guards are gone, and rows could be changed: trigger {}",
            gone.join(", ")
        );
        report.add(What::Removed, None, None, None, &text);
    }
    Ok(())
}

/// Of both migrations.
const GUARDS: [&str; 8] = [
    "audit_event_linked",
    "audit_event_unchanged",
    "audit_event_linked_once",
    "audit_event_kept",
    "audit_writer_forward",
    "audit_writer_kept",
    "audit_seal_unchanged",
    "audit_seal_kept",
];
/// SQLite has no TRUNCATE.
const TRUNCATE: [&str; 3] = [
    "audit_event_whole",
    "audit_writer_whole",
    "audit_seal_whole",
];
const SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'trigger'";
/// `O` and `A` fire for everybody; `D` and `R` are switched off.
const POSTGRES: &str = "SELECT CAST(tgname AS TEXT) FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND tgrelid IN \
                        (CAST('audit_event' AS regclass), CAST('audit_writer' AS regclass), CAST('audit_seal' AS regclass))";
