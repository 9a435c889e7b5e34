//! Bodies that lie under another key than the first, or under none: found in the order of their rows, and put
//! back under the first one.

use storage::{Db, Error, Row, Transaction, Value, Work};

use super::body::Stored;
use super::record::read_stored;

/// The tables with bodies, in the order in which they are gone through: a record that is updated meanwhile moves
/// from the first to the second, and so is passed by in neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyTable {
    /// `record`.
    Current,
    /// `record_version`.
    Earlier,
}

/// The id of the key that the newest sealed record lies under.
pub(crate) async fn newest_key_id(db: &Db) -> Result<Option<String>, Error> {
    db.find(NEWEST_KEY, &[], |row| row.text(0)).await
}

/// How many bodies lie under another key than `key_id`.
pub(crate) async fn outstanding(db: &Db, key_id: &str) -> Result<i64, Error> {
    let mut total = 0;
    for sql in [COUNT_CURRENT, COUNT_EARLIER] {
        let counted = db
            .select(sql, vec![Value::from(key_id)], |row| row.integer(0))
            .await?;
        total += counted.first().copied().unwrap_or_default();
    }
    Ok(total)
}

/// A body of a batch.
pub(crate) struct Next {
    pub(crate) id: String,
    pub(crate) version_id: i64,
    /// An error is that of a row which holds what this program does not write.
    pub(crate) stored: Result<Stored, Error>,
}

/// The next ones behind `after` (record and version), at most `limit`.
pub(crate) async fn next(
    db: &Db,
    table: BodyTable,
    key_id: &str,
    (id, version_id): (&str, i64),
    limit: i64,
) -> Result<Vec<Next>, Error> {
    let sql = match table {
        BodyTable::Current => NEXT_CURRENT,
        BodyTable::Earlier => NEXT_EARLIER,
    };
    let parameters = vec![
        Value::from(key_id),
        Value::from(id),
        Value::from(version_id),
        Value::from(limit),
    ];
    let read = |row: &Row<'_>| {
        Ok(Next {
            id: row.text(0)?,
            version_id: row.integer(11)?,
            stored: read_stored(row),
        })
    };
    db.select(sql, parameters, read).await
}

/// Puts bodies back that were sealed anew. A row that has become another version meanwhile is left as
/// it is, and one whose facility a start has just learned: the seal binds it, and would never open.
#[derive(Debug)]
pub(crate) struct Reseal {
    pub(crate) table: BodyTable,
    pub(crate) bodies: Vec<Stored>,
}

impl Work for Reseal {
    /// How many were put back.
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        let sql = match self.table {
            BodyTable::Current => RESEAL_CURRENT,
            BodyTable::Earlier => RESEAL_EARLIER,
        };
        let mut resealed = 0;
        for Stored { head, body } in &self.bodies {
            let [format, key_id, body] = body.values();
            let key = [Value::from(head.id.as_str()), Value::from(head.version_id)];
            let [id, version_id] = key;
            let facility = Value::from(head.facts.facility.clone().unwrap_or_default());
            let values = [format, key_id, body, id, version_id, facility];
            resealed += tx.execute(sql, &values).await?;
        }
        Ok(resealed)
    }
}

/// Versions that delete have no body.
macro_rules! other_key {
    () => {
        "(v.key_id IS NULL OR v.key_id <> $1) AND v.interaction <> 'delete'"
    };
}

/// In the order of [`read_stored`].
macro_rules! stored {
    () => {
        "SELECT r.id, r.bundle_type, r.record_type, r.composition_type, r.jurisdiction, \
         r.event_year, r.certificate_number, r.identifier_system, r.identifier_value, r.organization, \
         r.addressee, v.version_id, v.last_updated_ms, v.body_length, v.body_sha256, v.interaction, \
         r.facility, v.body_format, v.key_id, v.body"
    };
}

macro_rules! behind {
    () => {
        " AND (v.id > $2 OR (v.id = $2 AND v.version_id > $3)) ORDER BY v.id, v.version_id LIMIT $4"
    };
}

const COUNT_CURRENT: &str = concat!("SELECT COUNT(*) FROM record v WHERE ", other_key!());
const COUNT_EARLIER: &str = concat!("SELECT COUNT(*) FROM record_version v WHERE ", other_key!());
const NEWEST_KEY: &str =
    "SELECT key_id FROM record WHERE key_id IS NOT NULL ORDER BY id DESC LIMIT 1";
const NEXT_CURRENT: &str = concat!(
    stored!(),
    " FROM record v JOIN record r ON r.id = v.id WHERE ",
    other_key!(),
    behind!()
);
const NEXT_EARLIER: &str = concat!(
    stored!(),
    " FROM record_version v JOIN record r ON r.id = v.id WHERE ",
    other_key!(),
    behind!()
);
const RESEAL_CURRENT: &str = "UPDATE record SET body_format = $1, key_id = $2, body = $3 \
    WHERE id = $4 AND version_id = $5 AND COALESCE(facility, '') = $6";
const RESEAL_EARLIER: &str = "UPDATE record_version SET body_format = $1, key_id = $2, body = $3 \
    WHERE id = $4 AND version_id = $5 \
    AND EXISTS (SELECT 1 FROM record r WHERE r.id = $4 AND COALESCE(r.facility, '') = $6)";
