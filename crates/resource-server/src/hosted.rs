//! The records that this server hosts. Nothing here can be called without a [`Permit`].

use storage::{AuditEvent, Db, Error};

use crate::access_decision::{Admitted, Denial, Permit};
use crate::store::record::{self, Create, CreateOutcome, Criteria, Reach, Record, RecordHead};

/// What a read by id finds.
pub(crate) enum Found {
    /// A record that the token reaches.
    Record(Box<Record>),
    /// A record that it does not reach: the caller is told that there is none, the audit what it was.
    Hidden(Box<RecordHead>, Denial),
    /// No such record.
    Absent,
}

/// Reads one record, if the permit reaches it.
pub(crate) async fn read(db: &Db, permit: &Permit, id: &str) -> Result<Found, Error> {
    let Some(record) = record::find(db, id).await? else {
        return Ok(Found::Absent);
    };
    Ok(match permit.admit(&record.head.facts) {
        Ok(_admitted) => Found::Record(Box::new(record)),
        Err(denial) => Found::Hidden(Box::new(record.head), denial),
    })
}

/// A search.
pub(crate) struct Query {
    /// The record's id, if that is asked for.
    pub(crate) id: Option<String>,
    pub(crate) criteria: Criteria,
    /// The id after which the page begins; may be empty.
    pub(crate) after: String,
    /// Records on the page, at most.
    pub(crate) count: u32,
}

/// One page of a search.
pub(crate) struct Page {
    /// How many records match, on all pages.
    pub(crate) total: i64,
    pub(crate) records: Vec<Record>,
    /// The last id on this page, if there are more.
    pub(crate) next_after: Option<String>,
}

impl Page {
    /// A page of nothing.
    pub(crate) fn empty() -> Self {
        Self {
            total: 0,
            records: Vec::new(),
            next_after: None,
        }
    }
}

/// Searches among the records that the permit reaches, oldest first.
pub(crate) async fn search(db: &Db, permit: &Permit, query: &Query) -> Result<Page, Error> {
    let criteria = &query.criteria;
    if let Some(id) = &query.id {
        return Ok(match read(db, permit, id).await? {
            Found::Record(record) if criteria.matches(&record.head) => {
                let records = if query.count == 0 {
                    Vec::new()
                } else {
                    vec![*record]
                };
                Page {
                    total: 1,
                    records,
                    next_after: None,
                }
            }
            _ => Page::empty(),
        });
    }
    let reach = Reach::of(permit);
    let total = record::count(db, criteria, &reach).await?;
    let count = i64::from(query.count);
    let heads = match count {
        0 => Vec::new(),
        count => record::select(db, criteria, &reach, &query.after, count + 1).await?,
    };
    let mut page = Page {
        total,
        ..Page::empty()
    };
    let mut bytes = 0;
    for (head, number) in heads.iter().zip(0..) {
        bytes += head.body_length;
        if number == count || (bytes > MAX_PAGE_BYTES && !page.records.is_empty()) {
            page.next_after = page.records.last().map(|record| record.head.id.clone());
            break;
        }
        // Asked again, so that the pure decision has the last word over the SQL.
        if let Found::Record(record) = read(db, permit, &head.id).await? {
            page.records.push(*record);
        }
    }
    Ok(page)
}

/// Writes a record with its audit row, unless `condition` finds what is there already.
pub(crate) async fn create(
    db: &Db,
    permit: &Permit,
    _admitted: Admitted,
    (record, audit): (Record, AuditEvent),
    condition: Option<Criteria>,
) -> Result<CreateOutcome, Error> {
    let condition = condition.map(|criteria| (criteria, Reach::of(permit)));
    db.write(Create {
        record,
        condition,
        audit,
    })
    .await
}

/// A page ends before it is larger than this, but holds one record at least.
const MAX_PAGE_BYTES: i64 = 20_000_000;
