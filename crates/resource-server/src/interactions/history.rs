//! `GET {type}/{id}/_history`, `GET {type}/_history` (FHIR R4 http, section 3.1.0.12): every version, newest first.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::interaction::HistoryParameters;
use fhir::redact::Groups;
use fhir::search::CURSOR;
use fhir::{OperationOutcome, ResourceType};
use jiff::Timestamp;
use serde_json::json;

use super::{composition, read, searchset};
use crate::answer::{Failure, fhir_json};
use crate::cursor::{self, Cursor};
use crate::exchange::{Permitted, existing};
use crate::hosted::{self, Found, Versions};
use crate::store::record::{Change, DOCUMENT, Record, RecordHead};
use crate::store::version::Stretch;

/// Answers the versions of one record, deleted or not, or of all records that the token reaches.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    (resource_type, id): (ResourceType, Option<&str>),
    parameters: &HistoryParameters,
) -> Result<Response, Failure> {
    let exchange = permitted.exchange;
    let server = &exchange.server;
    let documents_only = resource_type == ResourceType::Composition;
    let record = match id {
        Some(id) => Some(find(&permitted, id, documents_only).await?),
        None => None,
    };
    let path = path(resource_type, id);
    let binding = cursor::binding(&permitted, &path);
    let (asked, after) = match &parameters.cursor {
        None => (parameters.clone(), None),
        Some(text) => {
            let cursor = Cursor::redeem(text, server, &binding)?;
            let after = place(&cursor).ok_or_else(cursor::refused)?;
            (HistoryParameters::parse(&cursor.query)?, Some(after))
        }
    };
    // A history without versions is not offered: a page that never ends would be asked for again and again.
    let count = asked.count.unwrap_or(DEFAULT_COUNT).clamp(1, MAX_COUNT);
    let stretch = Stretch {
        since: asked.since,
        after,
        limit: i64::from(count),
    };
    let permit = &permitted.permit;
    let page = hosted::history(server, permit, record.as_ref(), documents_only, stretch).await?;
    let history = History {
        base: server.config().base(),
        resource_type,
        path: &path,
        withheld: exchange.withheld(),
    };
    let query = asked.to_query(count);
    let own = match &parameters.cursor {
        // It opened, so it holds nothing that a query cannot.
        Some(cursor) => format!("{CURSOR}={cursor}"),
        None => query.clone(),
    };
    let next = match page.versions.last().filter(|_| page.more) {
        Some((head, _)) => Some(cursor_behind(head, query).issue(server, &binding)?),
        None => None,
    };
    let body = history.write(&page, &own, next.as_deref())?;
    let heads = page.versions.iter().map(|(head, _)| head);
    exchange.audit_each(record.iter().chain(heads)).await?;
    Ok(fhir_json(StatusCode::OK, body))
}

async fn find(
    permitted: &Permitted<'_>,
    id: &str,
    documents_only: bool,
) -> Result<RecordHead, Failure> {
    let server = &permitted.exchange.server;
    let head = match hosted::find_head(server, &permitted.permit, id).await? {
        Found::Gone(head) => head,
        found => existing(found)?,
    };
    if documents_only && head.bundle_type != DOCUMENT {
        return Err(Failure::not_found("the record is no document").about(*head));
    }
    Ok(*head)
}

/// A Bundle of type history, put together from the records' own bytes.
struct History<'a> {
    base: &'a str,
    resource_type: ResourceType,
    /// Below the base.
    path: &'a str,
    withheld: Groups,
}

impl History<'_> {
    fn write(&self, page: &Versions, own: &str, next: Option<&str>) -> Result<Vec<u8>, Failure> {
        let mut link = vec![json!({"relation": "self", "url": self.url(own)})];
        if let Some(next) = next {
            let next = self.url(&format!("{CURSOR}={next}"));
            link.push(json!({"relation": "next", "url": next}));
        }
        let mut head = json!({"resourceType": "Bundle", "type": "history", "link": link});
        if let (Some(total), Some(members)) = (page.total, head.as_object_mut()) {
            members.insert("total".to_owned(), json!(total));
        }
        let entries = page.versions.iter();
        let entries: Vec<Vec<u8>> = entries
            .map(|(head, record)| self.entry(head, record.as_ref()))
            .collect::<Result<_, _>>()?;
        let mut body = head.to_string().into_bytes();
        // FHIR has no empty arrays.
        if !entries.is_empty() {
            body.pop();
            body.extend_from_slice(b",\"entry\":[");
            body.extend_from_slice(&entries.join(&b','));
            body.extend_from_slice(b"]}");
        }
        Ok(body)
    }

    /// One version: the resource, unless it is gone, what made it (bdl-3), and what that was answered (bdl-4).
    fn entry(&self, head: &RecordHead, record: Option<&Record>) -> Result<Vec<u8>, Failure> {
        let name = self.resource_type.as_str();
        let instance = format!("{name}/{}", head.id);
        let (method, url, status) = match head.change {
            Change::Create => ("POST", name, "201"),
            Change::Update => ("PUT", instance.as_str(), "200"),
            Change::Delete => ("DELETE", instance.as_str(), "204"),
        };
        let full_url = json!(format!("{}/{instance}", self.base));
        let mut entry = format!("{{\"fullUrl\":{full_url}").into_bytes();
        if let Some(record) = record {
            entry.extend_from_slice(b",\"resource\":");
            entry.extend_from_slice(&match self.resource_type {
                ResourceType::Composition => composition::spliced(record, self.withheld)?,
                _ => read::spliced(record)?,
            });
        }
        let request = json!({"method": method, "url": url});
        let mut response = json!({
            "status": status,
            "etag": format!("W/\"{}\"", head.version_id),
            "lastModified": format!("{:.3}", head.last_updated),
        });
        let unreadable = record.is_none() && head.change != Change::Delete;
        if let (true, Some(members)) = (unreadable, response.as_object_mut()) {
            let outcome = OperationOutcome::from(searchset::unreadable());
            members.insert("outcome".to_owned(), outcome.to_value());
        }
        entry.extend_from_slice(
            format!(",\"request\":{request},\"response\":{response}}}").as_bytes(),
        );
        Ok(entry)
    }

    fn url(&self, query: &str) -> String {
        format!("{}/{}?{query}", self.base, self.path)
    }
}

fn path(resource_type: ResourceType, id: Option<&str>) -> String {
    let name = resource_type.as_str();
    match id {
        Some(id) => format!("{name}/{id}/_history"),
        None => format!("{name}/_history"),
    }
}

/// A place in the order of all versions: time, then record and version.
fn cursor_behind(head: &RecordHead, query: String) -> Cursor {
    Cursor {
        query,
        key: storage::to_ms(head.last_updated),
        id: format!("{} {}", head.version_id, head.id),
    }
}

fn place(cursor: &Cursor) -> Option<(Timestamp, String, i64)> {
    let (version_id, id) = cursor.id.split_once(' ')?;
    let last_updated = storage::from_ms(cursor.key).ok()?;
    Some((last_updated, id.to_owned(), version_id.parse().ok()?))
}

/// Versions on a page, unless the client wants fewer.
const DEFAULT_COUNT: u32 = 20;
const MAX_COUNT: u32 = 100;
