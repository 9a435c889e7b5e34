//! The parameters of `_history` (FHIR R4 http, section 3.1.0.12).

use jiff::Timestamp;

use crate::outcome::{IssueCode, Refusal};
use crate::search::{CURSOR, CURSOR_ALONE, of_shown, unreadable};

/// What a history is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryParameters {
    /// `_since`: only versions of this time or later.
    pub since: Option<Timestamp>,
    /// `_count`: versions on a page, as the client wants it.
    pub count: Option<u32>,
    /// `_cursor`: a whole history with its place in it, as our `next` links carry it; alone.
    pub cursor: Option<String>,
}

impl HistoryParameters {
    /// Reads the query of the URL.
    ///
    /// # Errors
    /// 400: `value` for a value that cannot be read, `not-supported` for a parameter that is not offered (`_at`,
    /// `_list`) or given twice: a history that holds more than was asked for says something else. `invalid` for
    /// anything beside a `_cursor`.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let twice = match name.as_ref() {
                "_since" => {
                    let since = value.parse().map_err(|_| unreadable(&name, INSTANT))?;
                    parameters.since.replace(since).is_some()
                }
                "_count" => {
                    let count = value.parse().map_err(|_| unreadable(&name, NUMBER))?;
                    parameters.count.replace(count).is_some()
                }
                CURSOR => parameters.cursor.replace(value.into_owned()).is_some(),
                "_format" | "_pretty" => false,
                _ => {
                    let refusal = not_supported("a history takes _since and _count only");
                    return Err(of_shown(refusal, &name));
                }
            };
            if twice {
                let refusal = not_supported("a history takes each parameter once");
                return Err(refusal.of_http(&name));
            }
        }
        let alone = parameters.since.is_none() && parameters.count.is_none();
        if parameters.cursor.is_some() && !alone {
            return Err(Refusal::new(400, IssueCode::Invalid, CURSOR_ALONE).of_http(CURSOR));
        }
        Ok(parameters)
    }

    /// The query of this history.
    #[must_use]
    pub fn to_query(&self, count: u32) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(since) = self.since {
            query.append_pair("_since", &since.to_string());
        }
        query.append_pair("_count", &count.to_string());
        query.finish()
    }
}

fn not_supported(text: &'static str) -> Refusal {
    Refusal::new(400, IssueCode::NotSupported, text)
}

/// How the values are written.
const INSTANT: &str = "it is a time with its zone, such as 2026-01-31T13:45:00-05:00";
const NUMBER: &str = "it is a whole number of versions on a page, such as 50";
