//! `GET Bundle?…`, `POST Bundle/_search`, the same of Composition, and the searches of `Composition/$document`
//! (FHIR R4 http, section 3.1.0.9): only records that the token reaches are found, counted or hinted at.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::interaction::Document;
use fhir::prefer::Preferences;
use fhir::search::{self, CURSOR, Parameters, Total};
use fhir::{IssueCode, ResourceType};

use super::searchset::Searchset;
use super::{body, lines, not_offered, read};
use crate::answer::Failure;
use crate::cursor::{self, Cursor};
use crate::exchange::Permitted;
use crate::hosted::search::{Page, Query, page};
use crate::store::search::Position;
use crate::withholding;

/// `POST {type}/_search`: the form counts as well as the query (section 3.1.0.9.1).
pub(crate) async fn answer_posted(
    permitted: Permitted<'_>,
    (resource_type, query): (ResourceType, &str),
    form: Body,
) -> Result<Response, Failure> {
    if !matches!(
        resource_type,
        ResourceType::Bundle | ResourceType::Composition
    ) {
        return Err(not_offered());
    }
    let form = body::form(permitted.exchange, form).await?;
    let parameters = Parameters::parse(resource_type, &format!("{query}&{form}"))?;
    answer(permitted, &parameters).await
}

/// Answers a searchset with its total, its own address and that of the next page.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let exchange = permitted.exchange;
    let server = &exchange.server;
    let binding = cursor::binding(&permitted, parameters.path());
    let (continued, after) = match &parameters.cursor {
        None => (None, None),
        Some(text) => {
            let (parameters, after) = open(&permitted, parameters, text, &binding)?;
            (Some(parameters), Some(after))
        }
    };
    let asked = continued.as_ref().unwrap_or(parameters);
    refuse_withheld(&permitted, asked)?;
    let preferences = Preferences::parse(lines(&exchange.parts.headers, "prefer"));
    let ignored = asked.ignored(preferences.handling)?;
    let count = asked.count.unwrap_or(DEFAULT_COUNT).min(MAX_COUNT);
    let query = query(asked, after, count);
    let page = page(server, &permitted.permit, &query).await?;
    let own = match &parameters.cursor {
        // It opened, so it holds nothing that a query cannot.
        Some(cursor) => format!("{CURSOR}={cursor}"),
        None => asked.to_query(count),
    };
    let next = next(&permitted, asked, count, &page, &binding)?;
    let withheld = exchange.withheld();
    let records = page.records.into_iter();
    let found = records.map(|record| (record.head.clone(), Some(record)));
    let seen = read::seen(found.collect(), asked.resource_type, withheld).await?;
    let count_found = seen.len();
    let shown = seen
        .into_iter()
        .filter_map(|(head, seen)| Some((head, seen?)));
    let shown: Vec<_> = shown.collect();
    let set = Searchset {
        base: server.config().base(),
        parameters: asked,
        own,
        next,
        ignored,
        total: page.total,
        unreadable: page.unreadable || shown.len() < count_found,
    };
    let response = set.answer(&shown, withholding::Page::new(withheld));
    exchange
        .audit_each(shown.iter().map(|(head, _)| head))
        .await?;
    Ok(response)
}

/// Whoever may not see a name could otherwise try names out. Asked of every page, since the policy may change between
/// two.
///
/// # Errors
/// 403 `suppressed`, which tells of the rule and of no record.
fn refuse_withheld(permitted: &Permitted<'_>, parameters: &Parameters) -> Result<(), Failure> {
    let withheld = permitted.exchange.withheld();
    let mut reveals = parameters.reveals.iter();
    let Some((_, name)) = reveals.find(|(group, _)| withheld.contains(*group)) else {
        return Ok(());
    };
    let text = "this token may not search by what is withheld from it";
    Err(Failure::new(StatusCode::FORBIDDEN, IssueCode::Suppressed, text).of_http(name))
}

/// The page that is asked for.
fn query(parameters: &Parameters, after: Option<Position>, count: u32) -> Query<'_> {
    let total_only = parameters.summary || count == 0;
    let count_up_to = match parameters.total {
        // A total is all that such a search asks for.
        _ if total_only => Some(i64::MAX - 1),
        Some(Total::Accurate) => Some(i64::MAX - 1),
        Some(Total::None) => None,
        Some(Total::Estimate) | None => Some(CHEAP_TOTAL),
    };
    Query {
        criteria: &parameters.criteria,
        sort: parameters.order(),
        after,
        count: if total_only { 0 } else { count },
        count_up_to,
    }
}

/// The search that a cursor of ours goes on with, and where.
///
/// # Errors
/// 400 `invalid` for anything that we did not seal for this search and this reach.
fn open(
    permitted: &Permitted<'_>,
    parameters: &Parameters,
    text: &str,
    binding: &str,
) -> Result<(Parameters, Position), Failure> {
    let server = &permitted.exchange.server;
    let Cursor { query, key, id } = Cursor::redeem(text, server, binding)?;
    let asked = match parameters.operation {
        false => Parameters::parse(parameters.resource_type, &query)?,
        true => match search::parse_query(&query)? {
            Document::Search(parameters) => *parameters,
            Document::Id(_) => return Err(cursor::refused()),
        },
    };
    Ok((asked, Position { key, id }))
}

/// The cursor of the next page, if there is one.
fn next(
    permitted: &Permitted<'_>,
    parameters: &Parameters,
    count: u32,
    page: &Page,
    binding: &str,
) -> Result<Option<String>, Failure> {
    let Some(Position { key, id }) = page.next.clone() else {
        return Ok(None);
    };
    let query = parameters.to_query(count);
    let cursor = Cursor { query, key, id };
    let sealed = cursor.issue(&permitted.exchange.server, binding)?;
    Ok(Some(sealed))
}

/// Records on a page, unless the client wants fewer.
const DEFAULT_COUNT: u32 = 20;
const MAX_COUNT: u32 = 100;

/// Matches are counted up to here unless the client insists; a page of a search that has more says no total, rather
/// than a wrong one.
const CHEAP_TOTAL: i64 = 10_000;
