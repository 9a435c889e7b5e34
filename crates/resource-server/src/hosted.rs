//! The records that this server hosts. Nothing here can be called without a [`Permit`].

pub(crate) mod search;

use jiff::Timestamp;
use storage::{AuditEvent, Error};

use crate::ResourceServer;
use crate::access_decision::{Admitted, Denial, Permit};
use crate::sealing::RecordKeys;
use crate::store::body::{Body, Stored};
use crate::store::reach::Reach;
use crate::store::record::{self, Change, Create, Criteria, Record, RecordHead};
use crate::store::search::Entry;
use crate::store::version::{self, Replace, Stretch};

/// What a read by id finds.
pub(crate) enum Found<T> {
    /// A record that the token reaches.
    Record(T),
    /// One that it reaches and that is gone; earlier versions are not.
    Gone(Box<RecordHead>),
    /// A record that it does not reach: the caller is told that there is none, the audit what it was.
    Hidden(Box<RecordHead>, Denial),
    /// A record that it reaches, and that has no such version.
    NoVersion(Box<RecordHead>),
    /// No such record.
    Absent,
}

impl<T> Found<T> {
    /// The same of something else, if it was found.
    fn and_then<U, E>(self, then: impl FnOnce(T) -> Result<U, E>) -> Result<Found<U>, E> {
        Ok(match self {
            Self::Record(found) => Found::Record(then(found)?),
            Self::Gone(head) => Found::Gone(head),
            Self::Hidden(head, denial) => Found::Hidden(head, denial),
            Self::NoVersion(head) => Found::NoVersion(head),
            Self::Absent => Found::Absent,
        })
    }
}

/// Reads one record, if the permit reaches it.
///
/// # Errors
/// The database fails, or the record does not open.
pub(crate) async fn read(
    server: &ResourceServer,
    permit: &Permit,
    id: &str,
) -> Result<Found<Box<Record>>, Error> {
    let keys = &server.config().record_keys;
    let found = find_sealed(server, permit, id).await?;
    found.and_then(|stored| Ok(Box::new(stored.open(keys)?)))
}

/// The record as it lies there. Decided on the head, before the body is loaded: how long an answer takes must not
/// tell a hidden record from an absent one.
async fn find_sealed(
    server: &ResourceServer,
    permit: &Permit,
    id: &str,
) -> Result<Found<Box<Stored>>, Error> {
    let found = find_head(server, permit, id).await?;
    if !matches!(found, Found::Record(_)) {
        return found.and_then(|_| Err(vanished()));
    }
    let stored = record::find(server.db(), id).await?.ok_or_else(vanished)?;
    // It may have become another version since.
    judge(permit, stored.head.clone()).and_then(|_| Ok(Box::new(stored)))
}

/// Rows are never removed.
fn vanished() -> Error {
    Error::Failed("a record vanished".to_owned())
}

/// The head of one record, if the permit reaches it.
pub(crate) async fn find_head(
    server: &ResourceServer,
    permit: &Permit,
    id: &str,
) -> Result<Found<Box<RecordHead>>, Error> {
    let found = record::find_head(server.db(), id).await?;
    Ok(found.map_or(Found::Absent, |head| judge(permit, head)))
}

fn judge(permit: &Permit, head: RecordHead) -> Found<Box<RecordHead>> {
    let head = Box::new(head);
    match permit.admit(&head.facts) {
        Ok(_admitted) if head.change == Change::Delete => Found::Gone(head),
        Ok(_admitted) => Found::Record(head),
        Err(denial) => Found::Hidden(head, denial),
    }
}

/// Reads one version of a record, if the permit reaches it; `None` is a version that no record has. What may touch a
/// record is the same for all its versions: its facts do not change.
pub(crate) async fn read_version(
    server: &ResourceServer,
    permit: &Permit,
    (id, version_id): (&str, Option<i64>),
) -> Result<Found<Box<Record>>, Error> {
    let keys = &server.config().record_keys;
    let found = find_sealed_version(server, permit, (id, version_id)).await?;
    found.and_then(|stored| Ok(Box::new(stored.open(keys)?)))
}

async fn find_sealed_version(
    server: &ResourceServer,
    permit: &Permit,
    (id, version_id): (&str, Option<i64>),
) -> Result<Found<Box<Stored>>, Error> {
    let Some(head) = record::find_head(server.db(), id).await? else {
        return Ok(Found::Absent);
    };
    if let Err(denial) = permit.admit(&head.facts) {
        return Ok(Found::Hidden(Box::new(head), denial));
    }
    // Only now: whether a hidden record has a version, or could have it, is nobody's to know.
    let Some(version_id) = version_id else {
        return Ok(Found::NoVersion(Box::new(head)));
    };
    let current = match head.version_id == version_id {
        true => record::find(server.db(), id).await?,
        false => None,
    };
    let stored = match current.filter(|stored| stored.head.version_id == version_id) {
        Some(stored) => Some(stored),
        // It was an earlier one before, or has become one since.
        None => version::find(server.db(), &head, version_id).await?,
    };
    Ok(match stored {
        None => Found::NoVersion(Box::new(head)),
        Some(stored) if stored.head.change == Change::Delete => Found::Gone(Box::new(stored.head)),
        Some(stored) => Found::Record(Box::new(stored)),
    })
}

/// One page of a history, newest version first.
pub(crate) struct Versions {
    /// How many there are on all pages, where that is cheap to tell.
    pub(crate) total: Option<i64>,
    /// Each with its body, unless it deletes or does not open.
    pub(crate) versions: Vec<(RecordHead, Option<Record>)>,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// The versions of one record, or of all records that the permit reaches.
pub(crate) async fn history(
    server: &ResourceServer,
    permit: &Permit,
    record: Option<&RecordHead>,
    documents_only: bool,
    mut stretch: Stretch,
) -> Result<Versions, Error> {
    let count = usize::try_from(stretch.limit).unwrap_or_default();
    stretch.limit += 1;
    let db = server.db();
    let (total, heads) = match record {
        Some(record) => (
            Some(version::count(db, &record.id, &stretch).await?),
            version::of_record(db, record, &stretch).await?,
        ),
        None => {
            let reach = Reach::of(permit);
            let heads = version::of_all(db, &reach, documents_only, &stretch).await?;
            (None, heads)
        }
    };
    let mut page = Versions {
        total,
        versions: Vec::new(),
        more: false,
    };
    let (mut bytes, keys) = (0, &server.config().record_keys);
    for (number, head) in heads.into_iter().enumerate() {
        bytes += head.body_length;
        if number == count || (bytes > MAX_PAGE_BYTES && !page.versions.is_empty()) {
            page.more = true;
            break;
        }
        // Asked again, so that the pure decision has the last word over the SQL.
        let version = (head.id.as_str(), Some(head.version_id));
        let found = find_sealed_version(server, permit, version).await;
        match record::readable(&head.id, found)? {
            // One that does not open is no reason to hold up all others.
            Some(Found::Record(stored)) => page.versions.push((head, opened(*stored, keys))),
            Some(Found::Gone(_)) | None => page.versions.push((head, None)),
            Some(Found::Hidden(..) | Found::NoVersion(_) | Found::Absent) => {}
        }
    }
    Ok(page)
}

/// A record of a page. One that does not open is told in the log.
fn opened(stored: Stored, keys: &RecordKeys) -> Option<Record> {
    let opened = stored.open(keys);
    opened.inspect_err(|error| tracing::error!("{error}")).ok()
}

/// When a version that follows `before` is of: later than that, also where the clock has gone back.
pub(crate) fn next_time(before: &RecordHead, now: Timestamp) -> Timestamp {
    let next = storage::to_ms(before.last_updated) + 1;
    let at = next.max(storage::to_ms(now));
    storage::from_ms(at).unwrap_or(now)
}

/// A new version in the place of the one before, with its audit row; to be written.
pub(crate) fn update(
    server: &ResourceServer,
    _admitted: Admitted,
    (record, entry, audit): (Record, Entry, AuditEvent),
) -> Result<Replace, Error> {
    Ok(Replace {
        record: record.seal(&server.config().record_keys, server.random())?,
        entry: Some(entry),
        audit,
    })
}

/// A version without body in the place of the one before, with its audit row; to be written.
pub(crate) fn delete(_admitted: Admitted, head: RecordHead, audit: AuditEvent) -> Replace {
    let body = Body::none();
    Replace {
        record: Stored { head, body },
        entry: None,
        audit,
    }
}

/// A record with its audit row, unless `condition` finds what is there already; to be written.
pub(crate) fn create(
    server: &ResourceServer,
    permit: &Permit,
    _admitted: Admitted,
    (record, entry, audit): (Record, Entry, AuditEvent),
    condition: Option<Criteria>,
) -> Result<Create, Error> {
    Ok(Create {
        record: record.seal(&server.config().record_keys, server.random())?,
        entry,
        condition: condition.map(|criteria| (criteria, Reach::of(permit))),
        audit,
    })
}

/// A page ends before it is larger than this, but holds one record at least.
const MAX_PAGE_BYTES: i64 = 20_000_000;
