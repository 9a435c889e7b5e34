//! `GET Composition/{id}`: the Composition of a document, under the id of its Bundle.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::Bundle;

use super::{document, read};
use crate::answer::{Failure, fhir_json, with_version};
use crate::exchange::Permitted;
use crate::store::record::Record;

/// Answers the document's first entry. A record that is no document has no Composition.
pub(crate) async fn answer(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let record = document::find(&permitted, id).await?;
    let body = spliced(&record)?;
    permitted.exchange.audit_allowed(Some(&record.head)).await?;
    Ok(with_version(fhir_json(StatusCode::OK, body), &record.head))
}

/// The Composition as FHIR clients see it.
pub(crate) fn spliced(record: &Record) -> Result<Vec<u8>, Failure> {
    let unreadable = || Failure::unavailable("the stored record cannot be read");
    let bundle = Bundle::parse(&record.body).map_err(|_| unreadable())?;
    read::splice(bundle.composition().ok_or_else(unreadable)?, record)
}
