//! `GET Bundle/{id}/$original`: the record exactly as it was received.

use axum::http::StatusCode;
use axum::http::header::HeaderName;
use axum::response::Response;
use base64::Engine;

use crate::answer::{Failure, fhir_json, set, with_version};
use crate::exchange::Permitted;

/// Answers the received bytes with their digest (RFC 9530 section 2), so that a receiver can prove
/// that nothing was changed on the way.
pub(crate) async fn answer(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let record = permitted.read(id).await?;
    permitted.exchange.audit_allowed(Some(&record.head)).await?;
    let digest = base64::engine::general_purpose::STANDARD.encode(&record.head.body_sha256);
    let mut response = with_version(fhir_json(StatusCode::OK, record.body), &record.head);
    set(
        &mut response,
        CONTENT_DIGEST,
        &format!("sha-256=:{digest}:"),
    );
    Ok(response)
}

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
