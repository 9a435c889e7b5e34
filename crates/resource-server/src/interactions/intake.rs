//! Takes a record out of a request's body: checked, indexed, and held against the structural rules as the
//! server's setting says.

use axum::body::Body;
use axum::http::StatusCode;
use fhir::Issue;
use fhir::redact::Groups;

use super::{body, lines};
use crate::answer::Failure;
use crate::aside;
use crate::config::Config;
use crate::exchange::Permitted;
use crate::received::{Received, Unacceptable};
use crate::validation::Problems;
use crate::withholding;

/// A record that may be stored, and what was found in it all the same.
pub(super) struct Taken {
    pub(super) received: Received,
    pub(super) problems: Problems,
}

/// Takes the one record that the body is.
pub(super) async fn take(permitted: &Permitted<'_>, content: Body) -> Result<Taken, Failure> {
    let bytes = collect(permitted, content).await?;
    let exchange = permitted.exchange;
    check(exchange.server.config(), bytes, exchange.withheld()).await
}

/// The bytes of a body that says it is FHIR in JSON.
pub(super) async fn collect(permitted: &Permitted<'_>, content: Body) -> Result<Vec<u8>, Failure> {
    let headers = &permitted.exchange.parts.headers;
    fhir::media::check_content_type(lines(headers, "content-type").next())?;
    let limit = permitted.exchange.server.config().max_body_bytes;
    body::collect(permitted.exchange, content, limit).await
}

/// Checks a record: 400 for what is no JSON, 422 for what is no record, is a copy with gaps or, if the server enforces it, has
/// structural errors.
async fn check(config: &Config, bytes: Vec<u8>, withheld: Groups) -> Result<Taken, Failure> {
    let validation = config.validation;
    let checked = aside::aside(bytes.len(), move || {
        let problems = validation.check(&bytes);
        let received = Received::check(bytes).map_err(refused);
        let received = received.and_then(|received| {
            withholding::check_received(&received, withheld)?;
            Ok(received)
        });
        (received, problems)
    });
    let (received, problems) = checked.await?;
    let received = received?;
    if !problems.as_ref().is_ok_and(Problems::is_empty) {
        let labels = [
            ("party", config.party.clone()),
            ("validation", validation.as_str().to_owned()),
        ];
        metrics::counter!("resource_server_records_with_problems_total", &labels).increment(1);
    }
    let problems = problems.map_err(|problems| {
        let text = "the record breaks rules of its structure";
        Failure::of_issues(
            StatusCode::UNPROCESSABLE_ENTITY,
            problems.into_issues(),
            text,
        )
    })?;
    Ok(Taken { received, problems })
}

/// What the sender of an unacceptable record is told.
fn refused(unacceptable: Unacceptable) -> Failure {
    let (status, issue, text) = match unacceptable {
        Unacceptable::Json(issue) => {
            let text = "the body is not well-formed JSON";
            (StatusCode::BAD_REQUEST, issue, text)
        }
        Unacceptable::Content(issue) => {
            let text = "the body is no acceptable Bundle";
            (StatusCode::UNPROCESSABLE_ENTITY, issue, text)
        }
    };
    Failure::detailed(status, issue, text)
}

/// The one issue for which a record is not hosted, if there is one.
pub(super) fn refusal(record: &[u8]) -> Option<Issue> {
    match Received::check(record.to_vec()) {
        Ok(_) => None,
        Err(Unacceptable::Json(issue) | Unacceptable::Content(issue)) => Some(issue),
    }
}
