//! `GET {type}/{id}/_history`, `GET {type}/_history` (FHIR R4 http, section 3.1.0.12): every version, newest first.

use axum::response::Response;
use fhir::interaction::HistoryParameters;
use fhir::search::CURSOR;
use fhir::{OperationOutcome, ResourceType};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{read, searchset};
use crate::answer::Failure;
use crate::cursor::{self, Cursor};
use crate::exchange::{Permitted, existing};
use crate::hosted::{self, Found};
use crate::store::record::{Change, DOCUMENT, RecordHead};
use crate::store::version::Stretch;
use crate::withholding::{self, Page, Seen};

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
    let withheld = exchange.withheld();
    let head = history.head(page.total, &own, next.as_deref());
    let versions = read::seen(page.versions, resource_type, withheld).await?;
    let mut page = Page::new(withheld);
    for (head, seen) in &versions {
        history.add(&mut page, head, seen.as_ref());
    }
    let heads = versions.iter().map(|(head, _)| head);
    exchange.audit_each(record.iter().chain(heads)).await?;
    Ok(page.answer(head))
}

async fn find(
    permitted: &Permitted<'_>,
    id: &str,
    documents_only: bool,
) -> Result<RecordHead, Failure> {
    let server = &permitted.exchange.server;
    let head = match hosted::find_head(server, &permitted.permit, id).await? {
        Found::Gone(head) => head,
        found => existing(found, id)?,
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
}

impl History<'_> {
    fn head(&self, total: Option<i64>, own: &str, next: Option<&str>) -> Value {
        let mut link = vec![json!({"relation": "self", "url": self.url(own)})];
        if let Some(next) = next {
            let next = self.url(&format!("{CURSOR}={next}"));
            link.push(json!({"relation": "next", "url": next}));
        }
        let mut head = json!({"resourceType": "Bundle", "type": "history", "link": link});
        if let (Some(total), Some(members)) = (total, head.as_object_mut()) {
            members.insert("total".to_owned(), json!(total));
        }
        head
    }

    /// One version: the resource, unless it is gone, what made it (bdl-3), and what that was answered (bdl-4).
    fn add(&self, page: &mut Page, head: &RecordHead, seen: Option<&Seen>) {
        let name = self.resource_type.as_str();
        let instance = format!("{name}/{}", head.id);
        let (method, url, status) = match head.change {
            Change::Create => ("POST", name, "201"),
            Change::Update => ("PUT", instance.as_str(), "200"),
            Change::Delete => ("DELETE", instance.as_str(), "204"),
        };
        let mut response = json!({
            "status": status,
            "etag": withholding::tag(head, seen.is_some_and(Seen::has_gaps)),
            "lastModified": format!("{:.3}", head.last_updated),
        });
        let unreadable = seen.is_none() && head.change != Change::Delete;
        if let (true, Some(members)) = (unreadable, response.as_object_mut()) {
            let outcome = OperationOutcome::from(searchset::unreadable());
            members.insert("outcome".to_owned(), outcome.to_value());
        }
        let before = json!({"fullUrl": format!("{}/{instance}", self.base)});
        let request = json!({"method": method, "url": url});
        page.push(
            &before,
            seen,
            &json!({"request": request, "response": response}),
        );
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
