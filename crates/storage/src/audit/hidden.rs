//! What a row of a refused request gives away: that a record exists which the request did not reach. It was answered
//! as if there were none, and so the row reads to everybody who does not reach the record himself. Decided here and
//! nowhere else, in the statement that lists, before anything is searched by: what is not shown is not found either.

use super::{Reach, Records};
use crate::value::Value;

/// Why a record was as good as absent: its organization.
pub const ORGANIZATION: &str = "the record belongs to another organization";
/// Its jurisdiction.
pub const JURISDICTION: &str = "the record's jurisdiction is not one of the token's";
/// Its type.
pub const TYPE: &str = "the record's type is not one of the token's";
/// Its facility.
pub const FACILITY: &str = "the record's facility is not one of the token's";
/// The query of the token's scope does not find it.
pub const SCOPE: &str = "the record is not one that the token's scope names";
/// There is none.
pub const ABSENT: &str = "no such record";

/// The columns of the rows as `reach` is shown them, to be selected from `audit_event`; `next` names a parameter.
pub(super) fn shown(reach: &Reach, next: &mut impl FnMut(Value) -> String) -> String {
    let hidden = hidden(reach, next);
    let absent = next(ABSENT.into());
    let columns = COLUMNS.map(|column| match column {
        "reason" => format!("CASE WHEN {hidden} THEN {absent} ELSE reason END AS reason"),
        "jurisdiction" | "record_id" | "record_type" => {
            format!("CASE WHEN {hidden} THEN NULL ELSE {column} END AS {column}")
        }
        column => column.to_owned(),
    });
    columns.join(", ")
}

/// A create out of reach has the same reasons and names no record: there it is the sender's own.
fn hidden(reach: &Reach, next: &mut impl FnMut(Value) -> String) -> String {
    let reasons = REASONS.map(|reason| next(reason.into())).join(", ");
    let reached = reached(reach, next);
    format!(
        "(outcome = 'denied' AND record_id IS NOT NULL AND COALESCE(reason IN ({reasons}), FALSE) AND NOT {reached})"
    )
}

/// A row has the organization of whoever asked, and not the record's: only who reaches those of all reaches it for certain.
fn reached(reach: &Reach, next: &mut impl FnMut(Value) -> String) -> String {
    if reach.organization.is_some() {
        return "FALSE".to_owned();
    }
    let Some(Records {
        jurisdictions,
        record_types,
    }) = &reach.records
    else {
        return "TRUE".to_owned();
    };
    let mut held = |column: &str, values: &[String], unknown: &str| {
        let names: Vec<_> = values.iter().map(|it| next(it.as_str().into())).collect();
        match names.is_empty() {
            true => "FALSE".to_owned(),
            false => format!("COALESCE({column} IN ({}), {unknown})", names.join(", ")),
        }
    };
    let jurisdiction = held("jurisdiction", jurisdictions, "FALSE");
    // A record whose type nobody knows is reached by who reaches both.
    let both = if record_types.len() == 2 {
        "TRUE"
    } else {
        "FALSE"
    };
    format!(
        "({jurisdiction} AND {})",
        held("record_type", record_types, both)
    )
}

/// Also where there was no record the id that was asked for goes: else the row of one that is there would stand out.
const REASONS: [&str; 6] = [ORGANIZATION, JURISDICTION, TYPE, FACILITY, SCOPE, ABSENT];
const COLUMNS: [&str; 16] = [
    "id",
    "at_ms",
    "party",
    "role",
    "action",
    "outcome",
    "reason",
    "client_id",
    "subject",
    "organization",
    "jurisdiction",
    "record_id",
    "record_type",
    "token_id",
    "source_address",
    "request_id",
];
