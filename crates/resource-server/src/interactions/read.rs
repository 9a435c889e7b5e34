//! `GET Bundle/{id}` (FHIR R4 http, section 3.1.0.2).

use axum::http::StatusCode;
use axum::response::Response;

use crate::answer::{Failure, fhir_json, with_version};
use crate::exchange::Permitted;
use crate::store::record::Record;

/// Answers the received bytes with only the server's id, version and time spliced in.
pub(crate) async fn answer(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let record = permitted.read(id).await?;
    let body = spliced(&record)?;
    permitted.exchange.audit_allowed(Some(&record.head)).await?;
    Ok(with_version(fhir_json(StatusCode::OK, body), &record.head))
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
