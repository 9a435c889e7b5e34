//! `POST [base]` (FHIR R4 http, section 3.1.0.11): several interactions in one request. Each is decided, audited and
//! answered as if it had come alone; a batch answers each for itself, a transaction does all or nothing.

mod entry;
mod transaction;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::batch::{Batch, BatchKind};
use fhir::{Issue, IssueCode};

use self::entry::{Answered, Asking};
use super::{body, lines};
use crate::answer::{Failure, fhir_json};
use crate::exchange::Exchange;
use crate::fhir_router::{self, Caller};

/// Takes the Bundle of the request apart and answers a Bundle with as many entries, in the same order.
pub(crate) async fn answer(
    exchange: &Exchange,
    caller: Caller<'_>,
    content: Body,
) -> Result<Response, Failure> {
    let config = exchange.server.config();
    let headers = &exchange.parts.headers;
    fhir::media::check_content_type(lines(headers, "content-type").next())?;
    let bytes = body::collect(exchange, content, config.max_body_bytes).await?;
    let batch = parse(&bytes)?;
    if batch.entries.len() > config.max_batch_entries {
        let max = config.max_batch_entries;
        let text = format!("a batch or transaction has at most {max} entries");
        let issue = Issue::error(IssueCode::TooCostly, text).at("Bundle.entry");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Failure::detailed(
            status,
            issue,
            "the batch has too many entries",
        ));
    }
    let (name, entries) = match batch.kind {
        BatchKind::Batch => ("batch-response", each(exchange, caller, &batch).await?),
        BatchKind::Transaction => {
            let entries = transaction::answer(exchange, caller, &batch).await?;
            ("transaction-response", entries)
        }
    };
    Ok(fhir_json(StatusCode::OK, written(name, &entries)))
}

fn parse(bytes: &[u8]) -> Result<Batch<'_>, Failure> {
    fhir::json::check(bytes).map_err(|error| {
        let text = "the body is not well-formed JSON";
        Failure::detailed(StatusCode::BAD_REQUEST, error.into(), text)
    })?;
    Batch::parse(bytes).map_err(|issue| {
        let text = "the body is no batch or transaction";
        Failure::detailed(StatusCode::UNPROCESSABLE_ENTITY, issue, text)
    })
}

/// Does one entry after the other, whatever becomes of those before.
async fn each(
    exchange: &Exchange,
    caller: Caller<'_>,
    batch: &Batch<'_>,
) -> Result<Vec<Answered>, Failure> {
    exchange.audit_allowed(None).await?;
    let mut answers = Vec::with_capacity(batch.entries.len());
    let mut bytes = 0;
    for entry in &batch.entries {
        let asking = Asking::read(exchange, entry);
        let response = match asking.interaction {
            _ if bytes > MAX_ANSWER_BYTES => {
                let text = "the answers to the batch are too large: ask for this alone";
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                let failure = Failure::new(status, IssueCode::TooCostly, text);
                fhir_router::refuse(&asking.exchange, failure).await
            }
            Err(failure) => fhir_router::refuse(&asking.exchange, failure).await,
            Ok(interaction) => {
                fhir_router::entry(&asking.exchange, caller, interaction, asking.body).await
            }
        };
        let answered = Answered::of(response).await?;
        bytes += answered.length();
        answers.push(answered);
    }
    Ok(answers)
}

/// Put together from the answers' own bytes.
fn written(name: &str, entries: &[Answered]) -> Vec<u8> {
    let mut body = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{name}\"").into_bytes();
    // FHIR has no empty arrays.
    if !entries.is_empty() {
        body.extend_from_slice(b",\"entry\":[");
        let entries: Vec<Vec<u8>> = entries.iter().map(Answered::write).collect();
        body.extend_from_slice(&entries.join(&b','));
        body.push(b']');
    }
    body.push(b'}');
    body
}

/// A batch of reads stops to hand out records where its answer is larger than this.
const MAX_ANSWER_BYTES: usize = 20_000_000;
