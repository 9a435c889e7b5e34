//! `GET AuditEvent/{id}`, `GET AuditEvent?…` and `POST AuditEvent/_search`, for auditors. Every reading is a row itself.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::OperationOutcome;
use fhir::audit_event::AuditParameters;
use fhir::prefer::Preferences;
use fhir::search::CURSOR;
use serde_json::{Value, json};
use storage::audit::{self, AuditRow, Filter, Reach};

use super::{body, lines};
use crate::answer::{Failure, fhir_json};
use crate::audit_search;
use crate::cursor::{self, Cursor};
use crate::exchange::Permitted;

/// One row.
pub(crate) async fn read(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let reach = reach(&permitted);
    let server = &permitted.exchange.server;
    let filter = Filter {
        id: Some(id.to_owned()),
        reach: Some(reach),
        limit: 1,
        ..Filter::default()
    };
    let rows = audit::list(server.db(), &filter).await?;
    let row = rows
        .first()
        .ok_or_else(|| Failure::not_found("no such audit row"))?;
    let resource = audit_search::resource(row, server.config().base());
    permitted.exchange.audit_allowed(None).await?;
    Ok(fhir_json(StatusCode::OK, resource.to_string()))
}

/// A page of rows, newest first.
pub(crate) async fn search(permitted: Permitted<'_>, query: &str) -> Result<Response, Failure> {
    let server = &permitted.exchange.server;
    let binding = cursor::binding(&permitted, "AuditEvent");
    let asked = AuditParameters::parse(query)?;
    let own = asked.cursor.clone();
    let (parameters, after) = match &own {
        None => (asked, None),
        Some(text) => {
            let Cursor { query, key, id } = Cursor::redeem(text, server, &binding)?;
            (AuditParameters::parse(&query)?, Some((key, id)))
        }
    };
    let headers = &permitted.exchange.parts.headers;
    let preferences = Preferences::parse(lines(headers, "prefer"));
    let ignored = parameters.ignored(preferences.handling)?;
    let reach = reach(&permitted);
    let count = parameters.count.unwrap_or(DEFAULT_COUNT).min(MAX_COUNT);
    // One more than the page holds tells whether there is another.
    let mut rows = match audit_search::filter(&parameters, reach, after, count.saturating_add(1)) {
        Some(filter) => audit::list(server.db(), &filter).await?,
        None => Vec::new(),
    };
    let whole = usize::try_from(count).unwrap_or(usize::MAX);
    let more = rows.len() > whole;
    rows.truncate(whole);
    let query = parameters.to_query(count);
    let next = match rows.last().filter(|_| more) {
        Some(row) => Some(audit_search::cursor(row, query.clone()).issue(server, &binding)?),
        None => None,
    };
    let base = server.config().base();
    // It opened, so it holds nothing that a query cannot.
    let own = own.map_or(query, |cursor| format!("{CURSOR}={cursor}"));
    let links = links(base, &own, next.as_deref());
    let mut entries: Vec<Value> = rows.iter().map(|row| entry(row, base)).collect();
    entries.extend(ignored.map(|issue| {
        let outcome = OperationOutcome::from(issue).to_value();
        json!({"resource": outcome, "search": {"mode": "outcome"}})
    }));
    let mut set = json!({"resourceType": "Bundle", "type": "searchset", "link": links});
    // FHIR has no empty arrays.
    if let (false, Some(members)) = (entries.is_empty(), set.as_object_mut()) {
        members.insert("entry".to_owned(), entries.into());
    }
    permitted.exchange.audit_allowed(None).await?;
    Ok(fhir_json(StatusCode::OK, set.to_string()))
}

fn links(base: &str, own: &str, next: Option<&str>) -> Vec<Value> {
    let link = |relation: &str, query: &str| {
        let url = format!("{base}/AuditEvent?{query}");
        json!({"relation": relation, "url": url})
    };
    let next = next.map(|next| link("next", &format!("{CURSOR}={next}")));
    std::iter::once(link("self", own)).chain(next).collect()
}

/// The same, with parameters in a form, where no log of a proxy keeps them.
pub(crate) async fn search_posted(
    permitted: Permitted<'_>,
    query: &str,
    form: Body,
) -> Result<Response, Failure> {
    let form = body::form(permitted.exchange, form).await?;
    search(permitted, &format!("{query}&{form}")).await
}

fn entry(row: &AuditRow, base: &str) -> Value {
    json!({
        "fullUrl": format!("{base}/AuditEvent/{}", row.id),
        "resource": audit_search::resource(row, base),
        "search": {"mode": "match"},
    })
}

/// What the permit reaches. The decision has refused scopes that name particular resources: their conditions are records'.
fn reach(permitted: &Permitted<'_>) -> Reach {
    let party = &permitted.exchange.server.config().party;
    audit_search::reach(&permitted.permit, party)
}
/// Rows on a page, unless the client wants fewer or more.
const DEFAULT_COUNT: u32 = 50;
const MAX_COUNT: u32 = 500;
