//! `GET Composition/{id}/$document` and `Composition/$document?id=…`: the document of a Composition,
//! which is the Bundle that was received.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::interaction::Document;

use super::{read, search};
use crate::answer::{Failure, fhir_json, with_version};
use crate::exchange::Permitted;
use crate::store::record::Record;

/// Answers the one document, or those with an identifier.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    which: &Document,
) -> Result<Response, Failure> {
    let id = match which {
        Document::Id(id) => id,
        Document::Identifier(token) => return search::answer_documents(permitted, token).await,
    };
    let record = find(&permitted, id).await?;
    let body = read::spliced(&record)?;
    permitted.exchange.audit_allowed(Some(&record.head)).await?;
    Ok(with_version(fhir_json(StatusCode::OK, body), &record.head))
}

/// A record that is a document; any other (a message, a batch) is as good as absent.
pub(super) async fn find(permitted: &Permitted<'_>, id: &str) -> Result<Record, Failure> {
    is_one(permitted.read(id).await?)
}

pub(super) fn is_one(record: Record) -> Result<Record, Failure> {
    if record.head.bundle_type != DOCUMENT {
        return Err(Failure::not_found("the record is no document").about(record.head));
    }
    Ok(record)
}

/// `Bundle.type` of a document.
const DOCUMENT: &str = "document";
