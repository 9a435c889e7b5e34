//! The records that this server hosts. Nothing here can be called without a [`Permit`].

pub(crate) mod search;

use jiff::Timestamp;
use storage::{AuditEvent, Error};

use crate::ResourceServer;
use crate::access_decision::{Admitted, Denial, Permit};
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
    /// No such record.
    Absent,
}

/// Reads one record, if the permit reaches it.
pub(crate) async fn read(
    server: &ResourceServer,
    permit: &Permit,
    id: &str,
) -> Result<Found<Box<Record>>, Error> {
    let Some(stored) = record::find(server.db(), id).await? else {
        return Ok(Found::Absent);
    };
    match judge(permit, stored.head.clone()) {
        Found::Record(_) => {
            let record = stored.open(&server.config().record_keys)?;
            Ok(Found::Record(Box::new(record)))
        }
        Found::Gone(head) => Ok(Found::Gone(head)),
        Found::Hidden(head, denial) => Ok(Found::Hidden(head, denial)),
        Found::Absent => Ok(Found::Absent),
    }
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

/// Reads one version of a record, if the permit reaches it. What may touch a record is the same for all its
/// versions: its facts do not change.
pub(crate) async fn read_version(
    server: &ResourceServer,
    permit: &Permit,
    (id, version_id): (&str, i64),
) -> Result<Found<Box<Record>>, Error> {
    let Some(stored) = record::find(server.db(), id).await? else {
        return Ok(Found::Absent);
    };
    if let Err(denial) = permit.admit(&stored.head.facts) {
        return Ok(Found::Hidden(Box::new(stored.head), denial));
    }
    let stored = if stored.head.version_id == version_id {
        Some(stored)
    } else {
        version::find(server.db(), &stored.head, version_id).await?
    };
    Ok(match stored {
        None => Found::Absent,
        Some(stored) if stored.head.change == Change::Delete => Found::Gone(Box::new(stored.head)),
        Some(stored) => Found::Record(Box::new(stored.open(&server.config().record_keys)?)),
    })
}

/// One page of a history, newest version first.
pub(crate) struct Versions {
    /// How many there are on all pages, where that is cheap to tell.
    pub(crate) total: Option<i64>,
    /// Each with its body, unless it deletes.
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
    let mut bytes = 0;
    for (number, head) in heads.into_iter().enumerate() {
        bytes += head.body_length;
        if number == count || (bytes > MAX_PAGE_BYTES && !page.versions.is_empty()) {
            page.more = true;
            break;
        }
        // Asked again, so that the pure decision has the last word over the SQL.
        match read_version(server, permit, (&head.id, head.version_id)).await? {
            Found::Record(record) => page.versions.push((head, Some(*record))),
            Found::Gone(_) => page.versions.push((head, None)),
            Found::Hidden(..) | Found::Absent => {}
        }
    }
    Ok(page)
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
