//! `DELETE Bundle/{id}` (FHIR R4 http, section 3.1.0.7): the record is gone for reads and searches, its earlier
//! versions stay for whoever reaches it.

use axum::response::Response;

use super::change::{Answer, Prepared};
use super::precondition::Expected;
use crate::answer::Failure;
use crate::exchange::Permitted;
use crate::hosted::{self, Found};
use crate::store::record::{Change, RecordHead};
use crate::store::transaction::Step;

/// Answers 204 once the version that deletes is durable, and for a record that is gone already. One that is not
/// there for this token is 404: whoever has mistaken an id shall not believe that something was deleted.
pub(crate) async fn answer(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let prepared = prepare(&permitted, id).await?;
    prepared.write(&permitted.exchange.server).await
}

/// Everything before the writing.
pub(super) async fn prepare(permitted: &Permitted<'_>, id: &str) -> Result<Prepared, Failure> {
    let exchange = permitted.exchange;
    let server = &exchange.server;
    let expected = Expected::parse(&exchange.parts.headers)?;
    let before = match hosted::find_head(server, &permitted.permit, id).await? {
        Found::Gone(head) => {
            let audit = Box::new(exchange.allowed(Some(&head)));
            let (head, step) = (*head, Step::Audit(audit));
            let answer = Answer::Deleted { head, expected };
            return Ok(Prepared { step, answer });
        }
        found => crate::exchange::existing(found, id)?,
    };
    expected.check(&before)?;
    let admitted = permitted
        .permit
        .admit(&before.facts)
        .map_err(|denial| Failure::not_found(denial.text()))?;
    let head = deleted(&before, hosted::next_time(&before, server.clock().now()));
    let audit = exchange.allowed(Some(&head));
    let replace = hosted::delete(admitted, head.clone(), audit);
    Ok(Prepared {
        step: Step::Replace(Box::new(replace)),
        answer: Answer::Deleted { head, expected },
    })
}

/// The version that deletes.
fn deleted(before: &RecordHead, at: jiff::Timestamp) -> RecordHead {
    RecordHead {
        version_id: before.version_id + 1,
        change: Change::Delete,
        last_updated: at,
        body_length: 0,
        body_sha256: Vec::new(),
        ..before.clone()
    }
}
