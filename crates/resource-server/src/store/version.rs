//! Table `record_version`: the versions of a record before its current one, which is in table `record`.

use jiff::Timestamp;
use storage::{AuditEvent, Db, Error, Row, Transaction, Value, Work};

use super::body::{Body, Stored};
use super::reach::{Reach, reached};
use super::record::{Change, DOCUMENT, RecordHead, read_head, readable};
use super::search::{self, Entry};

/// What one version has of its own; everything else is its record's.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    version_id: i64,
    change: Change,
    last_updated: Timestamp,
    body_length: i64,
    body_sha256: Vec<u8>,
}

impl Version {
    /// The head of the record at this version.
    fn of(self, record: &RecordHead) -> RecordHead {
        RecordHead {
            version_id: self.version_id,
            change: self.change,
            last_updated: self.last_updated,
            body_length: self.body_length,
            body_sha256: self.body_sha256,
            ..record.clone()
        }
    }
}

/// An earlier version of `record`.
pub(crate) async fn find(
    db: &Db,
    record: &RecordHead,
    version_id: i64,
) -> Result<Option<Stored>, Error> {
    let key = [Value::from(record.id.as_str()), Value::from(version_id)];
    let read = |row: &Row<'_>| Ok((read_version(row)?, Body::read(row, 5)?));
    let found = db.find(FIND, &key, read).await?;
    Ok(found.map(|(version, body)| {
        let head = version.of(record);
        Stored { head, body }
    }))
}

/// A stretch of a history, newest first.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// Only versions of this time or later.
    pub(crate) since: Option<Timestamp>,
    /// Only versions behind this one: time, record, version.
    pub(crate) after: Option<(Timestamp, String, i64)>,
    /// Versions at most.
    pub(crate) limit: i64,
}

/// The versions of one record.
pub(crate) async fn of_record(
    db: &Db,
    record: &RecordHead,
    stretch: &Stretch,
) -> Result<Vec<RecordHead>, Error> {
    let before = stretch.after.as_ref().map_or(i64::MAX, |after| after.2);
    let parameters = vec![
        Value::from(record.id.as_str()),
        Value::from(before),
        Value::from(since(stretch)),
        Value::from(stretch.limit),
    ];
    let versions = db.select(OF_RECORD, parameters, read_version).await?;
    Ok(versions
        .into_iter()
        .map(|version| version.of(record))
        .collect())
}

/// How many versions [`of_record`] finds on all pages.
pub(crate) async fn count(db: &Db, id: &str, stretch: &Stretch) -> Result<i64, Error> {
    let parameters = vec![Value::from(id), Value::from(since(stretch))];
    let counted = db.select(COUNT, parameters, |row| row.integer(0)).await?;
    Ok(counted.first().copied().unwrap_or_default())
}

/// The versions of all records that are reached; without those whose row holds what this program does not write.
pub(crate) async fn of_all(
    db: &Db,
    reach: &Reach,
    documents_only: bool,
    stretch: &Stretch,
) -> Result<Vec<RecordHead>, Error> {
    let mut parameters = Vec::from(reach.values());
    let (at, id, version_id) = match &stretch.after {
        Some((at, id, version_id)) => (storage::to_ms(*at), id.as_str(), *version_id),
        None => (i64::MAX, "", 0),
    };
    parameters.extend([
        Value::from(if documents_only { DOCUMENT } else { "" }),
        Value::from(since(stretch)),
        Value::from(at),
        Value::from(id),
        Value::from(version_id),
        Value::from(stretch.limit),
    ]);
    let read = |row: &Row<'_>| Ok((row.text(0)?, read_head(row)));
    let versions = db.select(OF_ALL, parameters, read).await?.into_iter();
    let readable = versions.filter_map(|(id, head)| readable(&id, head).transpose());
    readable.collect()
}

fn since(stretch: &Stretch) -> i64 {
    stretch.since.map_or(i64::MIN, storage::to_ms)
}

/// A new version of a record that is there, as one unit: the old one is kept, the new one takes its place, and
/// the audit row with them. A version that deletes has no body.
#[derive(Debug)]
pub(crate) struct Replace {
    /// The new version: one more than the one that it comes after.
    pub(crate) record: Stored,
    /// What it is found by; a version that deletes is not found.
    pub(crate) entry: Option<Entry>,
    pub(crate) audit: AuditEvent,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplaceOutcome {
    /// The version is there.
    Replaced,
    /// Somebody else was first; nothing was written.
    Conflict,
}

impl Work for Replace {
    type Output = ReplaceOutcome;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<ReplaceOutcome, Error> {
        let head = &self.record.head;
        // Two at once would both keep the old version; PostgreSQL would fail one of them.
        tx.lock(&format!("record:{}", head.id)).await?;
        let before = head.version_id - 1;
        let key = [Value::from(head.id.as_str()), Value::from(before)];
        if tx.execute(KEEP, &key).await? == 0 {
            return Ok(ReplaceOutcome::Conflict);
        }
        let [format, key_id, body] = self.record.body.values();
        let values = [
            Value::from(head.certificate_number.clone()),
            Value::from(head.identifier_system.clone()),
            Value::from(head.identifier_value.clone()),
            Value::from(head.version_id),
            Value::from(head.change.as_str()),
            Value::from(head.last_updated),
            format,
            key_id,
            Value::from(head.body_length),
            Value::from(head.body_sha256.clone()),
            body,
            Value::from(head.id.as_str()),
            Value::from(before),
        ];
        if tx.execute(REPLACE, &values).await? != 1 {
            return Err(Error::Failed(
                "a version was kept and not replaced".to_owned(),
            ));
        }
        match &self.entry {
            Some(entry) => search::replace(tx, head, entry).await?,
            None => search::remove(tx, &head.id).await?,
        }
        tx.audit(&self.audit).await?;
        Ok(ReplaceOutcome::Replaced)
    }
}

fn read_version(row: &Row<'_>) -> Result<Version, Error> {
    Ok(Version {
        version_id: row.integer(0)?,
        change: Change::read(&row.text(1)?)?,
        last_updated: row.timestamp(2)?,
        body_length: row.integer(3)?,
        body_sha256: row.bytes(4)?,
    })
}

/// The columns of [`read_version`].
macro_rules! version {
    () => {
        "version_id, interaction, last_updated_ms, body_length, body_sha256"
    };
}

/// All versions of one record.
macro_rules! versions_of_record {
    () => {
        concat!(
            " FROM (SELECT ",
            version!(),
            " FROM record WHERE id = $1 UNION ALL SELECT ",
            version!(),
            " FROM record_version WHERE id = $1) AS version"
        )
    };
}

const FIND: &str = concat!(
    "SELECT ",
    version!(),
    ", body_format, key_id, body FROM record_version WHERE id = $1 AND version_id = $2"
);
const OF_RECORD: &str = concat!(
    "SELECT ",
    version!(),
    versions_of_record!(),
    " WHERE version_id < $2 AND last_updated_ms >= $3 ORDER BY version_id DESC LIMIT $4"
);
const COUNT: &str = concat!(
    "SELECT COUNT(*)",
    versions_of_record!(),
    " WHERE last_updated_ms >= $2"
);
/// In the order of [`read_head`].
const OF_ALL: &str = concat!(
    "SELECT id, bundle_type, record_type, composition_type, jurisdiction, \
    event_year, certificate_number, identifier_system, identifier_value, organization, addressee, \
    version_id, last_updated_ms, body_length, body_sha256, interaction, facility FROM ( \
      SELECT id, bundle_type, record_type, composition_type, jurisdiction, \
      event_year, certificate_number, identifier_system, identifier_value, organization, addressee, \
      version_id, last_updated_ms, body_length, body_sha256, interaction, facility FROM record \
    UNION ALL \
      SELECT r.id, r.bundle_type, r.record_type, r.composition_type, r.jurisdiction, \
      r.event_year, r.certificate_number, r.identifier_system, r.identifier_value, r.organization, r.addressee, \
      v.version_id, v.last_updated_ms, v.body_length, v.body_sha256, v.interaction, r.facility \
      FROM record_version v JOIN record r ON r.id = v.id) AS version WHERE ",
    reached!("$1", "$2", "$3", "$4", "$5", "$6", "$7"),
    " AND ($8 = '' OR bundle_type = $8) AND last_updated_ms >= $9 \
      AND (last_updated_ms < $10 OR (last_updated_ms = $10 \
        AND (id < $11 OR (id = $11 AND version_id < $12)))) \
    ORDER BY last_updated_ms DESC, id DESC, version_id DESC LIMIT $13"
);
const KEEP: &str = "INSERT INTO record_version (id, version_id, interaction, last_updated_ms, \
    body_format, key_id, body_length, body_sha256, body) \
    SELECT id, version_id, interaction, last_updated_ms, body_format, key_id, body_length, body_sha256, body \
    FROM record WHERE id = $1 AND version_id = $2";
const REPLACE: &str = "UPDATE record SET certificate_number = $1, \
    identifier_system = $2, identifier_value = $3, version_id = $4, interaction = $5, last_updated_ms = $6, \
    body_format = $7, key_id = $8, body_length = $9, body_sha256 = $10, body = $11 \
    WHERE id = $12 AND version_id = $13";
