//! `Composition/{id}/$document` and `Composition/$document` by GET and POST: the document of a Composition, which is
//! the Bundle that was received. Nothing is made or stored by it, so it may be repeated.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::interaction::Document;
use fhir::{Issue, search as words};

use super::{body, lines, read, search};
use crate::answer::{Failure, fhir_json, with_version};
use crate::exchange::{Exchange, Permitted};
use crate::store::record::Record;

/// Answers the one document, or those that the parameters find.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    which: &Document,
) -> Result<Response, Failure> {
    let id = match which {
        Document::Id(id) => id,
        Document::Search(parameters) => return search::answer(permitted, parameters).await,
    };
    let record = find(&permitted, id).await?;
    let body = read::spliced(&record)?;
    permitted.exchange.audit_allowed(Some(&record.head)).await?;
    Ok(with_version(fhir_json(StatusCode::OK, body), &record.head))
}

/// What a `POST` asks for, by the parameters in its body.
pub(crate) async fn posted(
    exchange: &Exchange,
    query: &str,
    content: Body,
) -> Result<Document, Failure> {
    let headers = &exchange.parts.headers;
    fhir::media::check_content_type(lines(headers, "content-type").next())?;
    let bytes = body::collect(exchange, content, MAX_PARAMETERS_BYTES).await?;
    fhir::json::check(&bytes).map_err(|error| {
        let text = "the body is not well-formed JSON";
        Failure::detailed(StatusCode::BAD_REQUEST, Issue::from(error), text)
    })?;
    Ok(words::parse_posted(query, &bytes)?)
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

/// A few names, dates and numbers.
const MAX_PARAMETERS_BYTES: usize = 64 * 1024;
