//! `GET Bundle/{id}` and `GET Bundle/{id}/_history/{vid}` (FHIR R4 http, sections 3.1.0.2 and 3.1.0.3).

use axum::http::StatusCode;
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use axum::response::Response;
use fhir::ResourceType;
use fhir::redact::Groups;

use super::{composition, precondition};
use crate::answer::{Failure, empty, fhir_json, with_version};
use crate::aside;
use crate::exchange::Permitted;
use crate::store::record::{Record, RecordHead};
use crate::withholding::{self, Seen};

/// Answers the received bytes with only the server's id, version and time spliced in.
pub(crate) async fn answer(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let record = permitted.read(id).await?;
    let body = spliced(&record)?;
    handed_out(&permitted, &record, body).await
}

/// Answers one version, current or not.
pub(crate) async fn answer_version(
    permitted: Permitted<'_>,
    (id, version_id): (&str, &str),
) -> Result<Response, Failure> {
    let record = permitted.read_version(id, version_id).await?;
    let body = spliced(&record)?;
    handed_out(&permitted, &record, body).await
}

/// The answer to a read, once its audit row is there: 304 without a body for whoever has this version already
/// (section 3.1.0.2.1).
pub(super) async fn handed_out(
    permitted: &Permitted<'_>,
    record: &Record,
    body: Vec<u8>,
) -> Result<Response, Failure> {
    let exchange = permitted.exchange;
    let headers = &exchange.parts.headers;
    let conditional = [IF_NONE_MATCH, IF_MODIFIED_SINCE];
    let has_gaps = match conditional.iter().any(|name| headers.contains_key(name)) {
        true => withholding::has_gaps(&body, exchange.withheld()).await?,
        false => false,
    };
    let known = precondition::not_modified(headers, &record.head, has_gaps);
    exchange.audit_allowed(Some(&record.head)).await?;
    if !known {
        return Ok(with_version(fhir_json(StatusCode::OK, body), &record.head));
    }
    let mut response = with_version(empty(StatusCode::NOT_MODIFIED), &record.head);
    if has_gaps {
        withholding::mark(&mut response);
    }
    Ok(response)
}

/// What the token may see of each record of a page, as Bundles or as Compositions; nothing of one that cannot be
/// looked at, which holds up no other. Which one that is, the log says.
pub(super) async fn seen(
    records: Vec<(RecordHead, Option<Record>)>,
    resource_type: ResourceType,
    withheld: Groups,
) -> Result<Vec<(RecordHead, Option<Seen>)>, Failure> {
    let length = records
        .iter()
        .flat_map(|(_, record)| record)
        .map(|record| record.body.len())
        .sum();
    let look = move |record: &Record| {
        let resource = match resource_type {
            ResourceType::Composition => composition::spliced(record, withheld),
            _ => spliced(record),
        };
        let seen = withholding::seen(&resource.ok()?, withheld).ok();
        if seen.is_none() {
            let RecordHead { id, version_id, .. } = &record.head;
            tracing::error!(
                record = id,
                version_id,
                "a record cannot be redacted and is left out of a page"
            );
        }
        seen
    };
    let each = move || {
        let records = records.into_iter();
        records
            .map(|(head, record)| (head, record.as_ref().and_then(look)))
            .collect()
    };
    aside::aside(length, each).await
}

/// The record as FHIR clients see it.
pub(crate) fn spliced(record: &Record) -> Result<Vec<u8>, Failure> {
    splice(&record.body, record)
}

/// A resource out of the record, under the record's id and version.
pub(crate) fn splice(resource: &[u8], record: &Record) -> Result<Vec<u8>, Failure> {
    let head = &record.head;
    let version = head.version_id.to_string();
    fhir::splice::read(resource, &head.id, &version, head.last_updated).map_err(|error| {
        tracing::error!(record = head.id, "stored record cannot be read: {error}");
        Failure::unavailable("the stored record cannot be read")
    })
}
