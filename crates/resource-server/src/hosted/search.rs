//! Searches among the records that a permit reaches.

use fhir::search::{Criterion, Sort};
use storage::Error;

use super::{Found, find_sealed, opened};
use crate::ResourceServer;
use crate::access_decision::Permit;
use crate::store::record::{self, Record};
use crate::store::search::{self, Position, Reach};

/// A page of a search.
pub(crate) struct Query<'a> {
    pub(crate) criteria: &'a [Criterion],
    pub(crate) sort: Sort,
    /// Where the page begins.
    pub(crate) after: Option<Position>,
    /// Records on the page, at most. 0 asks for the total only.
    pub(crate) count: u32,
    /// Up to where matches are counted; `None` counts nothing.
    pub(crate) count_up_to: Option<i64>,
}

/// One page of a search.
pub(crate) struct Page {
    /// How many records match, on all pages; `None` if they were not counted to the last.
    pub(crate) total: Option<i64>,
    pub(crate) records: Vec<Record>,
    /// Whether a record of the page does not open and is left out.
    pub(crate) unreadable: bool,
    /// Where the next page begins, if there is more.
    pub(crate) next: Option<Position>,
}

/// Searches among the records that the permit reaches.
pub(crate) async fn page(
    server: &ResourceServer,
    permit: &Permit,
    query: &Query<'_>,
) -> Result<Page, Error> {
    let reach = &Reach::of(permit);
    let db = server.db();
    let search = search::Query {
        reach,
        criteria: query.criteria,
        sort: query.sort,
        keys: &server.config().record_keys,
    };
    let total = match query.count_up_to {
        // One more, to know whether that was all.
        Some(limit) => Some(search::count(db, &search, limit.saturating_add(1)).await?)
            .filter(|total| *total <= limit),
        None => None,
    };
    let mut page = Page {
        total,
        records: Vec::new(),
        unreadable: false,
        next: None,
    };
    let count = i64::from(query.count);
    if count == 0 {
        return Ok(page);
    }
    let hits = search::select(db, &search, query.after.as_ref(), count + 1).await?;
    let (mut bytes, mut last) = (0, None);
    for (hit, number) in hits.into_iter().zip(0..) {
        if number == count || bytes > MAX_PAGE_BYTES {
            page.next = last;
            break;
        }
        last = Some(hit.position);
        // Asked again, so that the pure decision has the last word over the SQL.
        let found = find_sealed(server, permit, &hit.id).await;
        let Some(found) = record::readable(&hit.id, found)? else {
            page.unreadable = true;
            continue;
        };
        if let Found::Record(stored) = found {
            match opened(*stored, search.keys) {
                Some(record) => {
                    bytes += record.head.body_length;
                    page.records.push(record);
                }
                None => page.unreadable = true,
            }
        }
    }
    Ok(page)
}

/// A page ends with the record that makes it larger than this.
const MAX_PAGE_BYTES: i64 = 10_000_000;
