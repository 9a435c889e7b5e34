//! `POST Bundle` (FHIR R4 http, section 3.1.0.8), with `If-None-Exist`.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fhir::prefer::{Preferences, Return};
use fhir::search::IfNoneExist;
use fhir::{CompositionType, Issue, IssueCode, Jurisdiction, OperationOutcome};

use super::change::{Answer, Prepared};
use super::intake::{self, Taken};
use super::{lines, read};
use crate::access_decision::{Admitted, RecordFacts};
use crate::answer::Failure;
use crate::exchange::Permitted;
use crate::hosted;
use crate::received::Received;
use crate::sealing::RecordKeys;
use crate::store::record::{Criteria, Record};
use crate::store::transaction::Step;
use crate::validation::Problems;

/// Stores the Bundle of the request. 2xx only once it is durable, with its audit row.
pub(crate) async fn answer(permitted: Permitted<'_>, content: Body) -> Result<Response, Failure> {
    let prepared = prepare(&permitted, content).await?;
    prepared.write(&permitted.exchange.server).await
}

/// Everything before the writing.
pub(super) async fn prepare(permitted: &Permitted<'_>, content: Body) -> Result<Prepared, Failure> {
    let headers = &permitted.exchange.parts.headers;
    let server = &permitted.exchange.server;
    let Taken { received, problems } = intake::take(permitted, content).await?;
    let condition = condition(headers, &received, &server.config().record_keys)?;
    let (facts, admitted) = admit(permitted, &received)?;
    let entry = received.entry(&server.config().record_keys);
    let record = received.into_record(facts, server.clock().now(), server.random());
    let head = record.head.clone();
    let copy = copy(headers, &record, ("created", problems))?;
    let audit = permitted.exchange.allowed(Some(&head));
    let permit = &permitted.permit;
    let parts = (record, entry, audit);
    let create = hosted::create(server, permit, admitted, parts, condition)?;
    Ok(Prepared {
        step: Step::Create(Box::new(create)),
        answer: Answer::Created { head, copy },
    })
}

/// `If-None-Exist`, narrowed to the composition type of what is being created unless it says one: a
/// provider's report, a jurisdiction's and the coded documents share one identifier, and answering
/// one as if it were the other would lose a record.
fn condition(
    headers: &HeaderMap,
    received: &Received,
    keys: &RecordKeys,
) -> Result<Option<Criteria>, Failure> {
    let mut values = headers.get_all("if-none-exist").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    let text = text.ok_or_else(|| {
        let text = "If-None-Exist must be one line of ASCII";
        Failure::new(StatusCode::BAD_REQUEST, IssueCode::Invalid, text).of_http("If-None-Exist")
    })?;
    let condition = IfNoneExist::parse(text)?;
    let composition_type = condition.composition_type.or(received.composition_type);
    Ok(Some(Criteria::new(
        condition.identifier,
        composition_type.map(code),
        keys,
    )))
}

fn code(kind: CompositionType) -> &'static str {
    kind.code()
}

/// Settles organisation, addressee and jurisdiction, and has the permit admit the result.
fn admit(
    permitted: &Permitted<'_>,
    received: &Received,
) -> Result<(RecordFacts, Admitted), Failure> {
    let party = permitted.exchange.server.config().organization.as_str();
    let jurisdiction = jurisdiction(permitted, received)?;
    // `decide` lets no create through without an organisation.
    let organization = permitted.permit.organization().unwrap_or_default();
    let addressee = (organization != party).then_some(party);
    let facts = received.facts(
        organization,
        addressee,
        jurisdiction,
        permitted.permit.only_record_type(),
    );
    match permitted.permit.admit(&facts) {
        Ok(admitted) => Ok((facts, admitted)),
        Err(denial) => Err(permitted.forbidden(denial)),
    }
}

/// The record's own jurisdiction, or else the token's only one.
fn jurisdiction(permitted: &Permitted<'_>, received: &Received) -> Result<Jurisdiction, Failure> {
    received
        .jurisdiction
        .or(permitted.permit.only_jurisdiction())
        .ok_or_else(|| {
            let text = "the record names no jurisdiction and the token has several";
            Failure::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                IssueCode::BusinessRule,
                text,
            )
        })
}

/// The body that the client prefers (FHIR R4 http, section 3.1.0.1.9).
pub(super) fn copy(
    headers: &HeaderMap,
    record: &Record,
    (done, problems): (&'static str, Problems),
) -> Result<Option<Vec<u8>>, Failure> {
    Ok(
        match Preferences::parse(lines(headers, "prefer")).representation {
            Return::Minimal => None,
            Return::Representation => Some(read::spliced(record)?),
            Return::OperationOutcome => {
                let issue = Issue::information(IssueCode::Informational, done);
                Some(OperationOutcome::of(issue, problems.into_warnings()).to_json())
            }
        },
    )
}
