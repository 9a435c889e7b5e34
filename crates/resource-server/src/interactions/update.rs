//! `PUT Bundle/{id}` (FHIR R4 http, section 3.1.0.4): a new version of a record that is there.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::IssueCode;

use super::change::{Answer, Prepared};
use super::create;
use super::intake::{self, Taken};
use super::precondition::Expected;
use crate::access_decision::{Admitted, RecordFacts};
use crate::answer::Failure;
use crate::exchange::Permitted;
use crate::hosted;
use crate::received::Received;
use crate::store::record::RecordHead;
use crate::store::transaction::Step;

/// Stores the Bundle of the request as the next version. 2xx only once it is durable, with its audit row.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    id: &str,
    content: Body,
) -> Result<Response, Failure> {
    let prepared = prepare(&permitted, id, content).await?;
    prepared.write(&permitted.exchange.server).await
}

/// Everything before the writing.
pub(super) async fn prepare(
    permitted: &Permitted<'_>,
    id: &str,
    content: Body,
) -> Result<Prepared, Failure> {
    let headers = &permitted.exchange.parts.headers;
    let server = &permitted.exchange.server;
    let expected = Expected::required(headers, server.config().require_if_match)?;
    let before = current(permitted, id).await?;
    expected.check(&before)?;
    let Taken { received, problems } = intake::take(permitted, content).await?;
    let (facts, admitted) = admit(permitted, &received, &before)?;
    let at = hosted::next_time(&before, server.clock().now());
    let entry = received.entry(&server.config().record_keys);
    let record = received.into_next(facts, &before, at);
    let head = record.head.clone();
    let copy = create::copy(headers, &record, ("updated", problems))?;
    let audit = permitted.exchange.allowed(Some(&head));
    let replace = hosted::update(server, admitted, (record, entry, audit))?;
    Ok(Prepared {
        step: Step::Replace(Box::new(replace)),
        answer: Answer::Updated {
            head,
            copy,
            expected,
        },
    })
}

/// The version that the update follows. Where there is none for this token the answer is 405: the server mints
/// the ids (section 3.1.0.4.1), so that a record's id says nothing and nobody can take one in advance.
async fn current(permitted: &Permitted<'_>, id: &str) -> Result<RecordHead, Failure> {
    permitted.head(id).await.map_err(|failure| {
        if failure.is_not_found() {
            let text = "there is no such record, and a client cannot choose the id of a new one";
            failure.instead(Failure::not_allowed(text, "GET, HEAD"))
        } else {
            failure
        }
    })
}

/// Has the permit admit what the record becomes, which must be the same record.
fn admit(
    permitted: &Permitted<'_>,
    received: &Received,
    before: &RecordHead,
) -> Result<(RecordFacts, Admitted), Failure> {
    if received.id().as_deref() != Some(before.id.as_str()) {
        let text = "the Bundle's id must be that of the URL";
        let issue = fhir::Issue::error(IssueCode::Value, text).at("Bundle.id");
        return Err(Failure::detailed(StatusCode::BAD_REQUEST, issue, text));
    }
    unchanged(received, before)?;
    let facts = RecordFacts {
        facility: before.facts.facility.clone(),
        event_year: before.facts.event_year,
        ..received.facts(
            &before.facts.organization,
            before.facts.addressee.as_deref(),
            before.facts.jurisdiction,
            before.facts.record_type,
        )
    };
    match permitted.permit.admit(&facts) {
        Ok(admitted) => Ok((facts, admitted)),
        Err(denial) => Err(permitted.forbidden(denial).about(before.clone())),
    }
}

/// What decides who reaches a record does not change with its versions: by an update it would come into the
/// hands of others, or out of those of its owner, together with all its earlier versions.
fn unchanged(received: &Received, before: &RecordHead) -> Result<(), Failure> {
    let facts = &before.facts;
    let composition_type = received.composition_type.map(fhir::CompositionType::code);
    let rows = [
        (
            received
                .jurisdiction
                .is_none_or(|code| code == facts.jurisdiction),
            "a record's jurisdiction cannot change",
            "Bundle.identifier",
        ),
        (
            received
                .record_type
                .is_none_or(|kind| Some(kind) == facts.record_type),
            "a record's type cannot change",
            "Bundle.entry[0].resource.type",
        ),
        (
            received
                .event_year
                .is_none_or(|year| Some(year) == facts.event_year),
            "the year of a record's event cannot change",
            "Bundle.identifier",
        ),
        (
            received
                .facility()
                .is_none_or(|name| Some(name) == facts.facility),
            "the facility of a record's event cannot change",
            "Bundle.entry",
        ),
        (
            composition_type == facts.composition_type.as_deref(),
            "a document's type cannot change",
            "Bundle.entry[0].resource.type",
        ),
        (
            received.bundle_type() == before.bundle_type,
            "a Bundle's type cannot change",
            "Bundle.type",
        ),
    ];
    match rows.into_iter().find(|(same, ..)| !same) {
        Some((_, text, expression)) => Err(Failure::rule(text, expression).about(before.clone())),
        None => Ok(()),
    }
}
