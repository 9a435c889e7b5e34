//! The search parameters of AuditEvent (FHIR R4 auditevent, section 6.4.4).

use jiff::Timestamp;
use jiff::civil::Date;

use super::ActionCode;
use crate::interaction::is_id;
use crate::outcome::{Issue, IssueCode, Refusal};
use crate::prefer::Handling;
use crate::search::{CURSOR, CURSOR_ALONE, of_all, of_shown, shown, unreadable};

/// What a search of the audit is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditParameters {
    /// `_id`
    pub id: Option<String>,
    /// `date`: from this time on.
    pub since: Option<Timestamp>,
    /// `date`: before this time.
    pub until: Option<Timestamp>,
    /// `action`
    pub action: Option<ActionCode>,
    /// `outcome`: whether it was allowed; `Some(None)` for an outcome that no row has.
    pub outcome: Option<Option<bool>>,
    /// `agent:identifier`: a client or a person.
    pub agent: Option<String>,
    /// `address` of the client.
    pub address: Option<String>,
    /// `entity`: the id of a record.
    pub entity: Option<String>,
    /// `_count`
    pub count: Option<u32>,
    /// `_cursor`: a whole search with its place in it, as our `next` links carry it; alone.
    pub cursor: Option<String>,
    /// Parameters that are not offered, by name.
    unknown: Vec<String>,
    /// The parameters as they were understood, for the address of a page.
    said: Vec<(String, String)>,
}

impl AuditParameters {
    /// Reads the query of the URL or the form of a `_search`.
    ///
    /// # Errors
    /// 400: `value` for a value that cannot be read, `not-supported` for a modifier, an order or a prefix that is not
    /// offered and for a parameter that is given twice, `date` apart; `invalid` for anything beside a `_cursor`.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            parameters.one(&name, &value)?;
        }
        let alone = parameters.said.is_empty()
            && parameters.unknown.is_empty()
            && parameters.count.is_none();
        if parameters.cursor.is_some() && !alone {
            return Err(Refusal::new(400, IssueCode::Invalid, CURSOR_ALONE).of_http(CURSOR));
        }
        Ok(parameters)
    }

    fn one(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let wrong = || unreadable(name, form(name));
        let text = |allowed: bool| Some(value.to_owned()).filter(|_| allowed).ok_or_else(wrong);
        // PostgreSQL has no text with a NUL: no row can match.
        let short = !value.is_empty() && value.len() <= MAX_VALUE && !value.contains('\0');
        let fresh = match name {
            "_id" => fresh(&mut self.id, text(is_id(value))?),
            "date" => {
                self.date(value)?;
                true
            }
            "action" => fresh(
                &mut self.action,
                ActionCode::parse(value).ok_or_else(wrong)?,
            ),
            "outcome" => fresh(&mut self.outcome, outcome(value).ok_or_else(wrong)?),
            "agent" | "agent:identifier" => {
                let value = value.strip_prefix('|').unwrap_or(value);
                fresh(
                    &mut self.agent,
                    Some(value.to_owned()).filter(|_| short).ok_or_else(wrong)?,
                )
            }
            "address" => fresh(&mut self.address, text(short)?),
            "entity" => fresh(&mut self.entity, record(value).ok_or_else(wrong)?),
            "_count" => fresh(&mut self.count, value.parse().map_err(|_| wrong())?),
            CURSOR => fresh(&mut self.cursor, value.to_owned()),
            "_sort" if value == "-date" => true,
            "_sort" => {
                return Err(not_supported("audit rows are sorted by -date only").of_http(name));
            }
            "_format" | "_pretty" => return Ok(()),
            other => {
                self.unknown.push(shown(other));
                return Ok(());
            }
        };
        if !fresh {
            let text = "a search of the audit takes each parameter once, date apart";
            return Err(not_supported(text).of_http(name));
        }
        if !["_count", "_sort", CURSOR].contains(&name) {
            self.said.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    /// `date` with its prefix: the period that is meant is cut to it.
    fn date(&mut self, value: &str) -> Result<(), Refusal> {
        let wrong = || unreadable("date", form("date"));
        let digits = value
            .find(|it: char| it.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (prefix, moment) = value.split_at(digits);
        let (start, end) = period(moment).ok_or_else(wrong)?;
        let (since, until) = match prefix {
            "" | "eq" => (Some(start), Some(end)),
            "ge" => (Some(start), None),
            "gt" | "sa" => (Some(end), None),
            "le" => (None, Some(end)),
            "lt" | "eb" => (None, Some(start)),
            _ => {
                let text = "date takes the prefixes eq, ge, gt, sa, le, lt and eb";
                return Err(not_supported(text).of_http("date"));
            }
        };
        self.since = self.since.max(since);
        self.until = match (self.until, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Ok(())
    }

    /// What is told of parameters that are not offered: an issue for the searchset, unless the client wants them refused.
    ///
    /// # Errors
    /// 400 `not-supported` for `handling=strict`.
    pub fn ignored(&self, handling: Handling) -> Result<Option<Issue>, Refusal> {
        if self.unknown.is_empty() {
            return Ok(None);
        }
        if handling == Handling::Strict {
            let text = "a parameter is not offered; AuditEvent is searched by _id, date, action, outcome, agent, \
                        address and entity";
            let names = self.unknown.iter();
            return Err(names.fold(not_supported(text), |refusal, name| of_shown(refusal, name)));
        }
        let text = format!(
            "search parameters that are not offered here, and were ignored: {}",
            self.unknown.join(", ")
        );
        let warning = Issue::warning(IssueCode::NotSupported, text);
        Ok(Some(of_all(&self.unknown, warning)))
    }

    /// The query of this search.
    #[must_use]
    pub fn to_query(&self, count: u32) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.said {
            query.append_pair(name, value);
        }
        query.append_pair("_count", &count.to_string());
        query.finish()
    }
}

fn fresh<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_none()
}

fn outcome(value: &str) -> Option<Option<bool>> {
    match value {
        "0" => Some(Some(true)),
        "4" => Some(Some(false)),
        "8" | "12" => Some(None),
        _ => None,
    }
}

/// `Bundle/{id}`, `Composition/{id}` or the id alone.
fn record(value: &str) -> Option<String> {
    let id = ["Bundle/", "Composition/"]
        .iter()
        .find_map(|name| value.strip_prefix(name))
        .unwrap_or(value);
    Some(id.to_owned()).filter(|id| is_id(id))
}

/// The period that a date of FHIR's precisions means: a year, a month, a day, a minute, a second or less.
fn period(text: &str) -> Option<(Timestamp, Timestamp)> {
    if !text.is_ascii() {
        return None;
    }
    if text.contains('T') {
        return instant(text);
    }
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        10 => text.to_owned(),
        _ => return None,
    };
    let start: Date = whole.parse().ok()?;
    let length = match text.len() {
        4 => jiff::Span::new().years(1),
        7 => jiff::Span::new().months(1),
        _ => jiff::Span::new().days(1),
    };
    let midnight = |date: Date| format!("{date}T00:00:00Z").parse().ok();
    Some((midnight(start)?, midnight(start.checked_add(length).ok()?)?))
}

/// With a time zone: a time without one is of no certain moment.
fn instant(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (_, time) = text.split_once('T')?;
    let zone = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    // FHIR allows minutes; RFC 3339 does not.
    let (text, length) = match clock.len() {
        5 => (text.replacen(clock, &format!("{clock}:00"), 1), 60_000),
        8 => (text.to_owned(), 1_000),
        _ => (text.to_owned(), 1),
    };
    if zone.is_empty() {
        return None;
    }
    let start: Timestamp = text.parse().ok()?;
    let start = Timestamp::from_millisecond(start.as_millisecond()).ok()?;
    let end = start.as_millisecond().checked_add(length)?;
    Some((start, Timestamp::from_millisecond(end).ok()?))
}

/// How the value of a parameter is written.
fn form(name: &str) -> &'static str {
    match name {
        "date" => {
            "a date is written year, month, day, such as 2026-01-31, 2026-01 or 2026, or with a time and its zone, such as \
             2026-01-31T13:45:00-05:00, with a prefix such as ge before it if wanted"
        }
        "action" => "it is one of C, R, U, D and E",
        "outcome" => "it is one of 0, 4, 8 and 12",
        "entity" => "it is the id of a record, as in Bundle/1",
        "_id" => "an id has up to 64 letters, digits, hyphens and dots",
        "_count" => "it is a whole number of rows on a page, such as 50",
        _ => "it is a text of up to 256 letters",
    }
}

fn not_supported(text: &'static str) -> Refusal {
    Refusal::new(400, IssueCode::NotSupported, text)
}

/// Longer values are in no row.
const MAX_VALUE: usize = 256;

#[cfg(test)]
mod tests;
