//! Tables `record_search` and `record_term`: what finds a record. They hold nothing that a record does not say
//! itself, and can be made anew from the records at any time.
//!
//! `record_search` has one row for each reader of a record: the organisation that submitted it, the one it is
//! addressed to, and [`EVERYBODY`], who reads all. So every search begins at an index of what one reader reaches, in
//! the order of its answer, however many records of others lie between.
//!
//! `record_term` has the keyed hashes of what a record says of people. Equal names have equal terms; without the
//! record key nobody can tell of which name a term is, or try names out.

mod criteria;
mod statement;

use fhir::search::{Criterion, Period, Sort};
use fhir::{RecordType, Searchable};
use storage::{Db, Error, Row, Transaction, Value};

pub(crate) use criteria::{Position, Reach};
use statement::Statement;

use crate::sealing::RecordKeys;
use crate::store::record::RecordHead;

/// What a record is found by, ready to be written: units of work hash nothing.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    date: Option<Period>,
    terms: Vec<[u8; 16]>,
    indexed_as: String,
}

impl Entry {
    /// Hashes the terms of a record under the key that seals.
    pub(crate) fn of(searchable: &Searchable, keys: &RecordKeys) -> Self {
        let terms = searchable.terms();
        Self {
            date: searchable.date,
            terms: terms
                .iter()
                .map(|term| keys.term(term.name, &term.text))
                .collect(),
            indexed_as: indexed_as(keys),
        }
    }
}

/// How entries are written today: another way of reading records, or another key, and they have to be made anew.
pub(crate) fn indexed_as(keys: &RecordKeys) -> String {
    format!("{FORM}:{}", keys.sealing_key_id())
}

/// Writes what finds a record, in place of what found its version before.
pub(crate) async fn replace(
    tx: &mut Transaction<'_>,
    head: &RecordHead,
    entry: &Entry,
) -> Result<(), Error> {
    remove(tx, &head.id).await?;
    insert(tx, head, entry).await
}

/// Writes what finds a new record.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    head: &RecordHead,
    entry: &Entry,
) -> Result<(), Error> {
    let facts = &head.facts;
    let mut readers = vec![EVERYBODY, &facts.organization];
    readers.extend(facts.addressee.as_deref());
    readers.sort_unstable();
    readers.dedup();
    for reader in readers {
        let period = entry.date.unwrap_or(NO_DATE);
        let values = [
            Value::from(reader),
            Value::from(head.id.as_str()),
            Value::from(facts.jurisdiction.as_str()),
            Value::from(facts.record_type.map_or("", RecordType::as_str)),
            Value::from(facts.facility.clone()),
            Value::from(head.bundle_type.as_str()),
            Value::from(head.facts.composition_type.clone()),
            Value::from(head.facts.event_year),
            Value::from(head.last_updated),
            Value::from(period.start),
            Value::from(period.end),
            Value::from(entry.indexed_as.as_str()),
        ];
        tx.execute(INSERT, &values).await?;
    }
    for terms in entry.terms.chunks(TERMS_AT_ONCE) {
        let mut values = vec![Value::from(head.id.as_str())];
        values.extend(terms.iter().map(|term| Value::from(term.as_slice())));
        let last = values.last().cloned().unwrap_or(Value::Null);
        values.resize(TERMS_AT_ONCE + 1, last);
        tx.execute(INSERT_TERMS, &values).await?;
    }
    Ok(())
}

/// Takes a record out of every search.
pub(crate) async fn remove(tx: &mut Transaction<'_>, id: &str) -> Result<(), Error> {
    let id = [Value::from(id)];
    tx.execute(DELETE, &id).await?;
    tx.execute(DELETE_TERMS, &id).await?;
    Ok(())
}

/// A record that a search found.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) id: String,
    /// Where the next page begins if this is the last on its own.
    pub(crate) position: Position,
}

/// A search, without its page.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) reach: &'a Reach,
    pub(crate) criteria: &'a [Criterion],
    pub(crate) sort: Sort,
    pub(crate) keys: &'a RecordKeys,
}

/// What matches and is reached behind `after`, in order, at most `limit`.
pub(crate) async fn select(
    db: &Db,
    query: &Query<'_>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Hit>, Error> {
    let Some(statement) = Statement::select(query, after, limit) else {
        return Ok(Vec::new());
    };
    let (text, values) = statement.into_parts();
    db.select(text, values, |row| {
        Ok(Hit {
            id: row.text(0)?,
            position: Position {
                key: row.integer(1)?,
                id: row.text(0)?,
            },
        })
    })
    .await
}

/// How many records match and are reached; counting ends at `limit`.
pub(crate) async fn count(db: &Db, query: &Query<'_>, limit: i64) -> Result<i64, Error> {
    let Some(statement) = Statement::count(query, limit) else {
        return Ok(0);
    };
    let (text, values) = statement.into_parts();
    let rows = db.select(text, values, |row| row.integer(0)).await?;
    Ok(rows.first().copied().unwrap_or_default())
}

/// One page of the records behind `after`; `None` behind the last.
///
/// A page has a number of records, found or not: a statement that looked for the next one that is not found would, in
/// an office of millions where all are, take longer than a statement may.
pub(crate) async fn outstanding(
    db: &Db,
    indexed_as: &str,
    after: &str,
) -> Result<Option<Outstanding>, Error> {
    let values = vec![
        Value::from(after),
        Value::from(LOOKED_AT_AT_ONCE),
        Value::from(indexed_as),
    ];
    let read = |row: &Row<'_>| Ok((row.text(0)?, row.integer(1)? == 0));
    let page = db.select(SELECT_INDEXED, values, read).await?;
    let Some((last, _)) = page.last() else {
        return Ok(None);
    };
    let last = last.clone();
    let outstanding = page.into_iter().filter(|(_, outstanding)| *outstanding);
    let ids = outstanding.map(|(id, _)| id).collect();
    Ok(Some(Outstanding { ids, last }))
}

/// What is outstanding of one page of records.
pub(crate) struct Outstanding {
    /// Records that no search finds yet, or that were indexed in another way.
    pub(crate) ids: Vec<String>,
    /// Where the next page begins.
    pub(crate) last: String,
}

/// The reader of those tokens that reach every organisation's records. No organisation has an empty name.
const EVERYBODY: &str = "";

/// In the columns of a record without a date.
const NO_DATE: Period = Period {
    start: i64::MIN,
    end: i64::MIN,
};

/// Counts up when records are read in another way than before.
const FORM: u32 = 4;

/// Some ten milliseconds of the database.
const LOOKED_AT_AT_ONCE: i64 = 1_000;

const INSERT: &str = "INSERT INTO record_search (reader, record_id, jurisdiction, record_type, facility, \
    bundle_type, composition_type, event_year, last_updated_ms, date_start_ms, date_end_ms, indexed_as) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";

const TERMS_AT_ONCE: usize = 16;
const INSERT_TERMS: &str = "INSERT INTO record_term (record_id, term) VALUES ($1, $2), ($1, $3), ($1, $4), \
    ($1, $5), ($1, $6), ($1, $7), ($1, $8), ($1, $9), ($1, $10), ($1, $11), ($1, $12), ($1, $13), ($1, $14), \
    ($1, $15), ($1, $16), ($1, $17) ON CONFLICT DO NOTHING";

const DELETE: &str = "DELETE FROM record_search WHERE record_id = $1";
const DELETE_TERMS: &str = "DELETE FROM record_term WHERE record_id = $1";

const SELECT_INDEXED: &str = "SELECT r.id, CAST(CASE WHEN s.record_id IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM \
    (SELECT id FROM record WHERE id > $1 AND interaction <> 'delete' ORDER BY id LIMIT $2) r \
    LEFT JOIN record_search s ON s.reader = '' AND s.record_id = r.id AND s.indexed_as = $3 ORDER BY r.id";

#[cfg(test)]
mod tests;
