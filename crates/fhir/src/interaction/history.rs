//! The parameters of `_history` (FHIR R4 http, section 3.1.0.12).

use jiff::Timestamp;

use super::is_id;
use crate::outcome::{IssueCode, Refusal};

/// What a history is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryParameters {
    /// `_since`: only versions of this time or later.
    pub since: Option<Timestamp>,
    /// `_count`: versions on a page, as the client wants it.
    pub count: Option<u32>,
    /// Where a further page begins.
    pub after: Option<HistoryCursor>,
}

/// The last version on the page before: our `next` links carry it. It names a place in the order of all
/// versions and opens nothing: what a page shows is decided anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryCursor {
    /// Its time.
    pub last_updated: Timestamp,
    /// Its record.
    pub id: String,
    /// Its version.
    pub version_id: i64,
}

impl HistoryParameters {
    /// Reads the query of the URL.
    ///
    /// # Errors
    /// 400: `value` for a value that cannot be read, `not-supported` for a parameter that is not offered (`_at`,
    /// `_list`) or given twice: a history that holds more than was asked for says something else.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = || {
                Refusal::new(
                    400,
                    IssueCode::Value,
                    format!("the value of {name} is not allowed"),
                )
            };
            let twice = match name.as_ref() {
                "_since" => {
                    let since = value.parse().map_err(|_| wrong())?;
                    parameters.since.replace(since).is_some()
                }
                "_count" => {
                    let count = value.parse().map_err(|_| wrong())?;
                    parameters.count.replace(count).is_some()
                }
                AFTER => {
                    let after = HistoryCursor::parse(&value).ok_or_else(wrong)?;
                    parameters.after.replace(after).is_some()
                }
                "_format" | "_pretty" => false,
                _ => return Err(not_supported("a history takes _since and _count only")),
            };
            if twice {
                return Err(not_supported("a history takes each parameter once"));
            }
        }
        Ok(parameters)
    }

    /// The query of this history's page that begins behind `after`.
    #[must_use]
    pub fn to_query(&self, count: u32, after: Option<&HistoryCursor>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(since) = self.since {
            query.append_pair("_since", &since.to_string());
        }
        query.append_pair("_count", &count.to_string());
        if let Some(after) = after {
            query.append_pair(AFTER, &after.to_string());
        }
        query.finish()
    }
}

impl HistoryCursor {
    fn parse(text: &str) -> Option<Self> {
        let (ms, rest) = text.split_once('_')?;
        let (version_id, id) = rest.split_once('_')?;
        Some(Self {
            last_updated: Timestamp::from_millisecond(ms.parse().ok()?).ok()?,
            id: Some(id).filter(|id| is_id(id))?.to_owned(),
            version_id: version_id.parse().ok()?,
        })
    }
}

impl std::fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.last_updated.as_millisecond();
        write!(f, "{ms}_{}_{}", self.version_id, self.id)
    }
}

fn not_supported(text: &'static str) -> Refusal {
    Refusal::new(400, IssueCode::NotSupported, text)
}

/// The name of the page cursor that our `next` links carry.
const AFTER: &str = "_after";
