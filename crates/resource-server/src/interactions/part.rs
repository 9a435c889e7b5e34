//! `GET Patient/{record}-{n}` and the like: the resource in one entry of a document, under an id of its own.

use axum::response::Response;
use fhir::interaction::{part_id, part_of};
use fhir::{Bundle, PartType};
use serde::Deserialize;

use super::{document, read};
use crate::answer::Failure;
use crate::aside;
use crate::exchange::Permitted;
use crate::store::record::Record;

/// Answers the entry, if it is of the type asked for. Its references stay as the document has them: they lead to
/// other entries of the document, by their `fullUrl`.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    (part, id): (PartType, &str),
) -> Result<Response, Failure> {
    let absent = || Failure::not_found("no such part");
    let (record_id, entry) = part_of(id).ok_or_else(absent)?;
    let record = document::find(&permitted, record_id).await?;
    let (whole, withheld) = (read::spliced(&record)?, permitted.exchange.withheld());
    // Out of what the token may see of the document: what an entry gives away depends on the others.
    let look = move || {
        let seen = fhir::redact::redact(&whole, withheld).ok()?;
        Some(find(&seen.bytes, part, entry).map(<[u8]>::to_vec))
    };
    let resource = aside::aside(record.body.len(), look).await?;
    let resource =
        resource.ok_or_else(|| Failure::unavailable("an answer could not be redacted"))?;
    let resource = resource.ok_or_else(|| absent().about(record.head.clone()))?;
    let body = splice(&resource, &record, entry)?;
    read::handed_out(&permitted, &record, body).await
}

fn find(document: &[u8], part: PartType, entry: usize) -> Option<&[u8]> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "resourceType", borrow)]
        resource_type: std::borrow::Cow<'a, str>,
    }
    let bundle = Bundle::parse(document).ok()?;
    let resource = bundle.resources().nth(entry)?;
    let kind: Kind<'_> = serde_json::from_slice(resource).ok()?;
    (kind.resource_type == part.as_str()).then_some(resource)
}

/// Under the part's id and the record's version.
fn splice(resource: &[u8], record: &Record, entry: usize) -> Result<Vec<u8>, Failure> {
    let head = &record.head;
    let (id, version) = (part_id(&head.id, entry), head.version_id.to_string());
    fhir::splice::read(resource, &id, &version, head.last_updated)
        .map_err(|_| Failure::unavailable("the stored record cannot be read"))
}
