//! Reach and conditions of a search, as SQL over `record_search s`.

use fhir::search::{Column, Criterion, Period, Prefix, Range, SortKey, Term};
use fhir::{CompositionType, Jurisdiction, RecordType};
use storage::Value;

use super::statement::Statement;
use super::{EVERYBODY, NO_DATE};
use crate::access_decision::{Condition, Permit};
use crate::sealing::RecordKeys;

/// The records that a request reaches, in the form that SQL filters by.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// `None` reaches nothing.
    reader: Option<String>,
    jurisdictions: Vec<Jurisdiction>,
    record_types: Vec<&'static str>,
    /// `None` is every facility.
    facilities: Option<Vec<String>>,
    /// One of these has to be met.
    conditions: Vec<Condition>,
}

/// A place between two results: the value that is sorted by, and the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) key: i64,
    pub(crate) id: String,
}

impl Reach {
    /// What `permit` reaches.
    pub(crate) fn of(permit: &Permit) -> Self {
        let reader = reader(permit.reaches_every_organization(), permit.organization());
        let mut record_types: Vec<_> = permit
            .record_types()
            .iter()
            .map(|kind| kind.as_str())
            .collect();
        if permit.reaches_every_record_type() {
            record_types.push("");
        }
        Self {
            reader: reader.map(str::to_owned),
            jurisdictions: permit.jurisdictions().to_vec(),
            record_types,
            facilities: permit.facilities().map(<[String]>::to_vec),
            conditions: permit.conditions().to_vec(),
        }
    }

    /// A reader of births, by name.
    #[cfg(test)]
    pub(crate) fn testing(reader: &str, jurisdictions: &[&str]) -> Self {
        let codes = jurisdictions
            .iter()
            .filter_map(|code| Jurisdiction::parse(code));
        Self {
            reader: Some(reader.to_owned()),
            jurisdictions: codes.collect(),
            record_types: vec![RecordType::Birth.as_str()],
            facilities: None,
            conditions: vec![Condition::default()],
        }
    }

    /// A text that two permits have in common only if they reach the same.
    pub(crate) fn fingerprint(&self) -> String {
        let mut jurisdictions: Vec<&str> =
            self.jurisdictions.iter().map(|it| it.as_str()).collect();
        jurisdictions.sort_unstable();
        let mut record_types = self.record_types.clone();
        record_types.sort_unstable();
        let mut facilities = self.facilities.clone();
        facilities.iter_mut().for_each(|list| list.sort_unstable());
        let conditions: Vec<_> = self.conditions.iter().map(|it| format!("{it:?}")).collect();
        format!(
            "{:?} {jurisdictions:?} {record_types:?} {facilities:?} {conditions:?}",
            self.reader
        )
    }

    /// The conditions. `None` if nothing is reached.
    pub(super) fn push(&self, to: &mut Statement, sort: SortKey) -> Option<()> {
        to.push("s.reader = ");
        to.bind(self.reader.as_deref()?);
        match self.jurisdictions.as_slice() {
            [] => return None,
            // One jurisdiction has an index of its own, in the order of time.
            [only] if sort == SortKey::LastUpdated => {
                to.push(" AND s.jurisdiction = ");
                to.bind(only.as_str());
            }
            several => {
                // Joined to nothing, so that no engine takes the index of jurisdictions here and sorts all that is
                // reached: the order of the answer comes from the index that has it.
                to.push(" AND s.jurisdiction || '' IN ");
                to.push_list(several.iter().map(|code| Value::from(code.as_str())));
            }
        }
        to.push(" AND s.record_type IN ");
        to.push_list(self.record_types.iter().map(|kind| Value::from(*kind)));
        if let Some(facilities) = &self.facilities {
            // A record of no known facility is NULL, and in no list.
            to.push(" AND s.facility IN ");
            to.push_list(facilities.iter().map(|name| Value::from(name.as_str())));
        }
        if !self.conditions.contains(&Condition::default()) {
            to.push(" AND ");
            either(to, &self.conditions, meets)?;
        }
        let nothing =
            self.record_types.is_empty() || self.facilities.as_ref().is_some_and(Vec::is_empty);
        (!nothing).then_some(())
    }
}

/// What the scope says of records: [`Condition`], as SQL.
fn meets(to: &mut Statement, condition: &Condition) {
    let columns = [
        (
            "s.composition_type",
            condition
                .composition_type
                .map(|kind| Value::from(kind.code())),
        ),
        (
            "s.jurisdiction || ''",
            condition
                .jurisdiction
                .map(|code| Value::from(code.as_str())),
        ),
        (
            "s.record_type",
            condition.record_type.map(|kind| Value::from(kind.as_str())),
        ),
        ("s.event_year", condition.event_year.map(Value::from)),
    ];
    to.push("1 = 1");
    for (column, value) in columns {
        if let Some(value) = value {
            to.push(&format!(" AND {column} = "));
            to.bind(value);
        }
    }
}

/// Whose rows are searched. The empty name stands for everybody, and is nobody's.
fn reader(every_organization: bool, organization: Option<&str>) -> Option<&str> {
    match every_organization {
        true => Some(EVERYBODY),
        false => organization.filter(|name| *name != EVERYBODY),
    }
}

/// The condition by terms that fewest records will meet, if one is selective at all.
pub(super) fn most_selective(criteria: &[Criterion]) -> Option<(usize, &[Term])> {
    let terms = criteria
        .iter()
        .enumerate()
        .filter_map(|(number, criterion)| match criterion {
            Criterion::Terms(terms) => Some((number, terms.as_slice())),
            _ => None,
        });
    let least = |terms: &[Term]| terms.iter().map(Term::selectivity).min().unwrap_or(0);
    terms
        .filter(|(_, terms)| least(terms) > 0)
        .max_by_key(|(_, terms)| least(terms))
}

/// One condition. `None` if nothing can meet it.
pub(super) fn push(to: &mut Statement, criterion: &Criterion, keys: &RecordKeys) -> Option<()> {
    match criterion {
        Criterion::Id(ids) => list(
            to,
            "s.record_id",
            ids.iter().map(|id| Value::from(id.as_str())),
        ),
        Criterion::LastUpdated(ranges) => ranged(to, "s.last_updated_ms", ranges),
        Criterion::EventYear(ranges) => ranged(to, "s.event_year", ranges),
        Criterion::Date(tests) => dated(to, tests),
        Criterion::CompositionType(kinds) => list(
            to,
            "s.composition_type",
            kinds
                .iter()
                .copied()
                .map(CompositionType::code)
                .map(Value::from),
        ),
        Criterion::Jurisdiction(codes) => list(
            to,
            "s.jurisdiction || ''",
            codes.iter().map(|code| Value::from(code.as_str())),
        ),
        Criterion::RecordType(kinds) => list(
            to,
            "s.record_type",
            kinds
                .iter()
                .copied()
                .map(RecordType::as_str)
                .map(Value::from),
        ),
        Criterion::Terms(terms) => has_term(to, "EXISTS", terms, keys),
        Criterion::Lacks(term) => has_term(to, "NOT EXISTS", std::slice::from_ref(term), keys),
        Criterion::Missing(column, missing) => {
            to.push(match (column, missing) {
                (Column::Date, true) => "s.date_start_ms = ",
                (Column::Date, false) => "s.date_start_ms > ",
                (Column::CompositionType, true) => "s.composition_type IS NULL",
                (Column::CompositionType, false) => "s.composition_type IS NOT NULL",
                (Column::EventYear, true) => "s.event_year IS NULL",
                (Column::EventYear, false) => "s.event_year IS NOT NULL",
            });
            if *column == Column::Date {
                to.bind(NO_DATE.start);
            }
            Some(())
        }
        Criterion::Document => {
            to.push("s.bundle_type = 'document'");
            Some(())
        }
    }
}

fn list(
    to: &mut Statement,
    column: &str,
    values: impl ExactSizeIterator<Item = Value>,
) -> Option<()> {
    let some = values.len() > 0;
    to.push(column);
    to.push(" IN ");
    to.push_list(values);
    some.then_some(())
}

fn has_term(to: &mut Statement, exists: &str, terms: &[Term], keys: &RecordKeys) -> Option<()> {
    if terms.is_empty() {
        return None;
    }
    to.push(exists);
    to.push(" (SELECT 1 FROM record_term x WHERE x.term IN ");
    to.push_terms(terms, keys);
    to.push(" AND x.record_id = s.record_id)");
    Some(())
}

/// One of several, each in parentheses. By halves: a scope may say more than a thousand, and SQLite's expressions are
/// a thousand deep at most.
fn either<T>(to: &mut Statement, all: &[T], push: impl Fn(&mut Statement, &T)) -> Option<()> {
    halves(to, all, &push);
    (!all.is_empty()).then_some(())
}

fn halves<T>(to: &mut Statement, all: &[T], push: &impl Fn(&mut Statement, &T)) {
    to.push("(");
    if let [one] = all {
        push(to, one);
    } else if !all.is_empty() {
        let (left, right) = all.split_at(all.len() / 2);
        halves(to, left, push);
        to.push(" OR ");
        halves(to, right, push);
    }
    to.push(")");
}

fn ranged(to: &mut Statement, column: &str, ranges: &[Range]) -> Option<()> {
    either(to, ranges, |to, range| {
        to.push(column);
        match range.from {
            Some(from) => {
                to.push(" >= ");
                to.bind(from);
            }
            None => to.push(" IS NOT NULL"),
        }
        if let Some(end) = range.to {
            to.push(&format!(" AND {column} < "));
            to.bind(end);
        }
    })
}

fn dated(to: &mut Statement, tests: &[(Prefix, Period)]) -> Option<()> {
    to.push("s.date_start_ms > ");
    to.bind(NO_DATE.start);
    to.push(" AND ");
    either(to, tests, |to, (prefix, period)| {
        test_date(to, *prefix, *period);
    })
}

/// FHIR R4 search, section 3.1.1.4.4: both sides are spans of time.
fn test_date(to: &mut Statement, prefix: Prefix, Period { start, end }: Period) {
    let mut bound = |text: &str, value: i64| {
        to.push(text);
        to.bind(value);
    };
    match prefix {
        Prefix::Equal => {
            bound("s.date_start_ms >= ", start);
            // Follows from the next one, and ends the walk along the index.
            bound(" AND s.date_start_ms < ", end);
            bound(" AND s.date_end_ms <= ", end);
        }
        Prefix::NotEqual => {
            bound("s.date_start_ms < ", start);
            bound(" OR s.date_end_ms > ", end);
        }
        Prefix::Greater => bound("s.date_end_ms > ", end),
        Prefix::Less => bound("s.date_start_ms < ", start),
        Prefix::GreaterOrEqual => {
            bound("s.date_end_ms > ", end);
            bound(" OR s.date_start_ms >= ", start);
        }
        Prefix::LessOrEqual => {
            bound("s.date_start_ms < ", start);
            bound(" OR s.date_end_ms <= ", end);
        }
        Prefix::StartsAfter => bound("s.date_start_ms >= ", end),
        Prefix::EndsBefore => bound("s.date_end_ms <= ", start),
        Prefix::Approximately => {
            let length = end.saturating_sub(start);
            bound("s.date_start_ms < ", end.saturating_add(length));
            bound(" AND s.date_end_ms > ", start.saturating_sub(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_everybody_by_having_no_name() {
        assert_eq!(reader(true, Some("Hospital A")), Some(EVERYBODY));
        assert_eq!(reader(true, None), Some(EVERYBODY));
        assert_eq!(reader(false, Some("Hospital A")), Some("Hospital A"));
        assert_eq!(reader(false, Some("")), None);
        assert_eq!(reader(false, None), None);
    }
}
