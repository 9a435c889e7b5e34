//! Whether the indexes hold what their tables do. Verification reads by index, and lists by another one: what only one of
//! them holds would be listed and never verified, or the other way round.

use super::guards::TABLES;
use super::{Verification, What};
use crate::error::Error;
use crate::{Db, Engine};

/// Finds tables that do not agree with their indexes. PostgreSQL does not tell without an extension.
pub(super) async fn verify(db: &Db, report: &mut Verification) -> Result<(), Error> {
    let Engine::Sqlite(sqlite) = &db.0 else {
        return Ok(());
    };
    for table in TABLES {
        let checked = sqlite.check_integrity(table).await;
        if let Some(Some(disagreement)) = report.readable(checked)? {
            let text = format!("the table {table} does not agree with its indexes: {disagreement}");
            report.add(What::Edited, None, None, None, &text);
        }
    }
    Ok(())
}
