//! `GET Composition/{id}`, `GET Composition/{id}/_history/{vid}`: the Composition of a document, under the id of its Bundle.

use axum::response::Response;
use fhir::Bundle;
use fhir::redact::{self, Groups};

use super::{document, read};
use crate::answer::Failure;
use crate::aside;
use crate::exchange::Permitted;
use crate::store::record::Record;

/// Answers the document's first entry. A record that is no document has no Composition.
pub(crate) async fn answer(permitted: Permitted<'_>, id: &str) -> Result<Response, Failure> {
    let record = document::find(&permitted, id).await?;
    handed_out(&permitted, record).await
}

/// Answers that of one version.
pub(crate) async fn answer_version(
    permitted: Permitted<'_>,
    (id, version_id): (&str, &str),
) -> Result<Response, Failure> {
    let found = permitted.read_version(id, version_id).await;
    let record = document::is_one(found.map_err(Failure::of_document)?)?;
    handed_out(&permitted, record).await
}

async fn handed_out(permitted: &Permitted<'_>, record: Record) -> Result<Response, Failure> {
    let withheld = permitted.exchange.withheld();
    let length = record.body.len();
    let look = move || (spliced(&record, withheld), record);
    let (body, record) = aside::aside(length, look).await?;
    read::handed_out(permitted, &record, body?).await
}

/// The Composition as FHIR clients see it, out of what the token may see of the document: what is withheld of
/// another entry may be repeated in this one.
pub(crate) fn spliced(record: &Record, withheld: Groups) -> Result<Vec<u8>, Failure> {
    let unreadable = || Failure::unavailable("the stored record cannot be read");
    let seen = redact::redact(&record.body, withheld).map_err(|_| unreadable())?;
    let bundle = Bundle::parse(&seen.bytes).map_err(|_| unreadable())?;
    read::splice(bundle.composition().ok_or_else(unreadable)?, record)
}
