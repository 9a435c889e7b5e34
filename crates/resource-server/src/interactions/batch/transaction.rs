//! A transaction: every entry is decided and checked first, then all are written in one unit, or none is.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use fhir::batch::Batch;
use fhir::{Interaction, IssueCode};

use super::entry::{Answered, Asking};
use crate::answer::Failure;
use crate::exchange::Exchange;
use crate::fhir_router::{self, Caller};
use crate::interactions::change::{Answer, Prepared};
use crate::interactions::{create, delete, update};
use crate::store::transaction::{self, Step, TogetherOutcome};
use crate::withholding;

/// An entry whose half is done: its place in the request, and what is to be written or answered.
struct Pending {
    number: usize,
    /// FHIR R4 http, section 3.1.0.11.2: deletes, then creates, then updates.
    rank: u8,
    exchange: Exchange,
    prepared: Prepared,
}

/// Answers every entry, in the order of the request.
///
/// # Errors
/// What the first refused entry would be answered, with its place; then nothing was done.
pub(super) async fn answer(
    exchange: &Exchange,
    caller: Caller<'_>,
    batch: &Batch<'_>,
) -> Result<Vec<Answered>, Failure> {
    let mut pending = Vec::with_capacity(batch.entries.len());
    let mut touched = BTreeSet::new();
    for (number, entry) in batch.entries.iter().enumerate() {
        let asking = Asking::read(exchange, entry);
        match prepare(asking, caller, &mut touched).await {
            Ok((rank, exchange, prepared)) => pending.push(Pending {
                number,
                rank,
                exchange,
                prepared,
            }),
            Err((entry, failure)) => return Err(refused(&entry, failure, number).await?),
        }
    }
    pending.sort_by_key(|entry| (entry.rank, entry.number));
    let mut answers = write(exchange, pending).await?;
    answers.sort_by_key(|(number, _)| *number);
    let mut entries = Vec::with_capacity(answers.len());
    for (_, response) in answers {
        let response = withholding::apply(response, exchange.withheld()).await?;
        entries.push(Answered::of(response).await?);
    }
    Ok(entries)
}

/// The refusal of one entry is the answer to the transaction, and stands in the audit under the entry's name too.
async fn refused(entry: &Exchange, failure: Failure, number: usize) -> Result<Failure, Failure> {
    entry.audit_denied(&failure).await?;
    Ok(failure.in_entry(number))
}

async fn prepare(
    asking: Asking,
    caller: Caller<'_>,
    touched: &mut BTreeSet<String>,
) -> Result<(u8, Exchange, Prepared), (Exchange, Failure)> {
    let exchange = asking.exchange;
    let interaction = match asking.interaction.and_then(|it| once(it, touched)) {
        Ok(interaction) => interaction,
        Err(failure) => return Err((exchange, failure)),
    };
    let permitted = match fhir_router::permit(&exchange, caller, &interaction) {
        Ok(permitted) => permitted,
        Err(failure) => return Err((exchange, failure)),
    };
    let (rank, prepared) = match &interaction {
        Interaction::Delete { id } => (0, delete::prepare(&permitted, id).await),
        Interaction::Create { .. } => (1, create::prepare(&permitted, asking.body).await),
        Interaction::Update { id } => (2, update::prepare(&permitted, id, asking.body).await),
        _ => (3, Err(not_in_a_transaction())),
    };
    drop(permitted);
    match prepared {
        Ok(prepared) => Ok((rank, exchange, prepared)),
        Err(failure) => Err((exchange, failure)),
    }
}

/// Section 3.1.0.11.2: a transaction that names a resource twice fails.
fn once(interaction: Interaction, touched: &mut BTreeSet<String>) -> Result<Interaction, Failure> {
    if let Interaction::Update { id } | Interaction::Delete { id } = &interaction
        && !touched.insert(id.clone())
    {
        let text = "a transaction may name a record once only";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Failure::new(status, IssueCode::Duplicate, text));
    }
    Ok(interaction)
}

/// What a read of the same unit would see was not committed yet, and nothing is answered before it is.
fn not_in_a_transaction() -> Failure {
    let text = "a transaction creates, updates and deletes; reads and searches go into a batch";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Failure::new(status, IssueCode::NotSupported, text)
}

async fn write(
    exchange: &Exchange,
    pending: Vec<Pending>,
) -> Result<Vec<(usize, Response)>, Failure> {
    let server = &exchange.server;
    let mut steps: Vec<Step> = Vec::with_capacity(pending.len());
    let mut waiting: Vec<(usize, Exchange, Answer)> = Vec::with_capacity(pending.len());
    let mut answers = Vec::with_capacity(pending.len());
    for entry in pending {
        let Prepared { step, answer } = entry.prepared;
        steps.push(step);
        waiting.push((entry.number, entry.exchange, answer));
    }
    match transaction::write(server.db(), steps, exchange.allowed(None)).await? {
        TogetherOutcome::Done(outcomes) => {
            for ((number, _, answer), outcome) in waiting.into_iter().zip(outcomes) {
                answers.push((number, answer.give(server, outcome)?));
            }
            Ok(answers)
        }
        TogetherOutcome::Refused(step, outcome) => {
            let Some((number, entry, answer)) = waiting.into_iter().nth(step) else {
                return Err(Failure::unavailable("the transaction was not done"));
            };
            match answer.give(server, outcome) {
                Err(failure) => Err(refused(&entry, failure, number).await?),
                Ok(_) => Err(Failure::unavailable("the transaction was not done")),
            }
        }
    }
}
