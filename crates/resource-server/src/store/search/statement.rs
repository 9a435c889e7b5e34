//! The statement of one search, put together of fixed texts and numbered parameters. The same text serves both
//! engines. Nothing that a client said stands in it.

use std::fmt::Write;

use fhir::search::{SortKey, Term};
use storage::Value;

use super::Query;
use super::criteria::Position;
use crate::sealing::RecordKeys;

/// A statement that is being put together.
#[derive(Debug, Default)]
pub(super) struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    /// The ids of a page, each with the value that it is sorted by. `None` if nothing can match.
    pub(super) fn select(query: &Query<'_>, after: Option<&Position>, limit: i64) -> Option<Self> {
        let mut statement = Self::default();
        let key = key_column(query.sort.key);
        statement.push("SELECT s.record_id, ");
        statement.push(key.unwrap_or(NO_KEY));
        statement.push_matches(query)?;
        let (beyond, direction) = match query.sort.descending {
            true => (" < ", " DESC"),
            false => (" > ", ""),
        };
        if let Some(Position { key: value, id }) = after {
            statement.push(" AND ");
            match key {
                // Both engines walk an index by such a comparison of two columns at once.
                Some(column) => {
                    statement.push(&format!("({column}, s.record_id){beyond}("));
                    statement.bind(*value);
                    statement.push(", ");
                    statement.bind(id.as_str());
                    statement.push(")");
                }
                None => {
                    statement.push(&format!("s.record_id{beyond}"));
                    statement.bind(id.as_str());
                }
            }
        }
        statement.push(" ORDER BY ");
        if let Some(column) = key {
            statement.push(&format!("{column}{direction}, "));
        }
        statement.push(&format!("s.record_id{direction} LIMIT "));
        statement.bind(limit);
        Some(statement)
    }

    /// The number of matches, up to `limit`. `None` if nothing can match.
    pub(super) fn count(query: &Query<'_>, limit: i64) -> Option<Self> {
        let mut statement = Self::default();
        statement.push("SELECT COUNT(*) FROM (SELECT 1");
        statement.push_matches(query)?;
        statement.push(" LIMIT ");
        statement.bind(limit);
        statement.push(") AS counted");
        Some(statement)
    }

    /// `FROM … WHERE …`: what is reached and matches.
    fn push_matches(&mut self, query: &Query<'_>) -> Option<()> {
        let first = super::criteria::most_selective(query.criteria);
        self.push(" FROM ");
        if let Some((_, terms)) = first {
            // The few records with such a term first, then their rows. SQLite keeps the order of a CROSS JOIN.
            self.push("(SELECT DISTINCT record_id FROM record_term WHERE term IN ");
            self.push_terms(terms, query.keys);
            self.push(") t CROSS JOIN record_search s WHERE s.record_id = t.record_id AND ");
        } else {
            self.push("record_search s WHERE ");
        }
        query.reach.push(self, query.sort.key)?;
        for (number, criterion) in query.criteria.iter().enumerate() {
            if first.is_none_or(|(first, _)| first != number) {
                self.push(" AND ");
                super::criteria::push(self, criterion, query.keys)?;
            }
        }
        Some(())
    }

    /// Terms under every key there is: rows that a rotation has not come to yet are found too.
    pub(super) fn push_terms(&mut self, terms: &[Term], keys: &RecordKeys) {
        let hashes = terms
            .iter()
            .flat_map(|term| keys.terms(term.name, &term.text));
        self.push_list(hashes.map(|hash| Value::from(hash.as_slice())));
    }

    /// `($1, $2)`
    pub(super) fn push_list(&mut self, values: impl Iterator<Item = Value>) {
        self.push("(");
        for (number, value) in values.enumerate() {
            if number > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self.push(")");
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The next parameter: numbers come in the order in which they stand in the text.
    pub(super) fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        // Unwrap safety: there is none, writing into a String does not fail.
        let _ = write!(self.text, "${}", self.values.len());
    }

    pub(super) fn into_parts(self) -> (String, Vec<Value>) {
        (self.text, self.values)
    }
}

/// What is sorted by before the id.
fn key_column(key: SortKey) -> Option<&'static str> {
    match key {
        SortKey::Id => None,
        SortKey::LastUpdated => Some("s.last_updated_ms"),
        SortKey::Date => Some("s.date_start_ms"),
    }
}

/// In place of a key: a BIGINT for both engines.
const NO_KEY: &str = "s.last_updated_ms";
