//! `GET {type}/{id}/_history`, `GET {type}/_history` (FHIR R4 http, section 3.1.0.12): every version, newest first.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::interaction::{HistoryCursor, HistoryParameters};
use fhir::redact::Groups;
use fhir::{OperationOutcome, ResourceType};
use serde_json::json;

use super::{composition, read, searchset};
use crate::answer::{Failure, fhir_json};
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
    // A history without versions is not offered: a page that never ends would be asked for again and again.
    let count = parameters
        .count
        .unwrap_or(DEFAULT_COUNT)
        .clamp(1, MAX_COUNT);
    let after = parameters.after.clone();
    let stretch = Stretch {
        since: parameters.since,
        after: after.map(|it| (it.last_updated, it.id, it.version_id)),
        limit: i64::from(count),
    };
    let permit = &permitted.permit;
    let page = hosted::history(server, permit, record.as_ref(), documents_only, stretch).await?;
    let history = History {
        base: server.config().base(),
        resource_type,
        id,
        withheld: exchange.withheld(),
    };
    let body = history.write(&page, parameters, count)?;
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
    id: Option<&'a str>,
    withheld: Groups,
}

impl History<'_> {
    fn write(
        &self,
        page: &Versions,
        parameters: &HistoryParameters,
        count: u32,
    ) -> Result<Vec<u8>, Failure> {
        let own = self.url(&parameters.to_query(count, parameters.after.as_ref()));
        let mut link = vec![json!({"relation": "self", "url": own})];
        if let (true, Some((head, _))) = (page.more, page.versions.last()) {
            let next = parameters.to_query(count, Some(&cursor(head)));
            link.push(json!({"relation": "next", "url": self.url(&next)}));
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
        let (base, name) = (self.base, self.resource_type.as_str());
        match self.id {
            Some(id) => format!("{base}/{name}/{id}/_history?{query}"),
            None => format!("{base}/{name}/_history?{query}"),
        }
    }
}

fn cursor(head: &RecordHead) -> HistoryCursor {
    HistoryCursor {
        last_updated: head.last_updated,
        id: head.id.clone(),
        version_id: head.version_id,
    }
}

/// Versions on a page, unless the client wants fewer.
const DEFAULT_COUNT: u32 = 20;
const MAX_COUNT: u32 = 100;
