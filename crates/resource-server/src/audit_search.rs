//! The audit as FHIR: which rows a permit reaches, and what they are called there.

use fhir::audit_event::{ActionCode, AuditParameters, Source, actions};
use serde_json::Value;
use storage::Outcome;
use storage::audit::{Actions, AuditRow, Filter, Reach, Records};

use crate::access_decision::Permit;
use crate::cursor::Cursor;

/// The rows of this party that the permit reaches: those of its own organisation (unless the registration says all),
/// and of its jurisdictions and record types where a row is about a record.
pub(crate) fn reach(permit: &Permit, party: &str) -> Reach {
    let organization = permit.organization().map(str::to_owned);
    Reach {
        party: Some(party.to_owned()),
        organization: organization.filter(|_| !permit.reaches_every_organization()),
        records: Some(Records {
            jurisdictions: permit
                .jurisdictions()
                .iter()
                .map(|code| code.as_str().to_owned())
                .collect(),
            record_types: permit
                .record_types()
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
        }),
    }
}

/// The filter of a search behind the row of this time and id; `None` when no row can match.
pub(crate) fn filter(
    parameters: &AuditParameters,
    reach: Reach,
    after: Option<(i64, String)>,
    limit: u32,
) -> Option<Filter> {
    let outcome = match parameters.outcome {
        None => None,
        Some(Some(true)) => Some(Outcome::Allowed),
        Some(Some(false)) => Some(Outcome::Denied),
        Some(None) => return None,
    };
    let known = [
        ActionCode::Create,
        ActionCode::Read,
        ActionCode::Update,
        ActionCode::Delete,
    ];
    let actions = parameters.action.map(|code| match code {
        ActionCode::Execute => Actions::But(known.into_iter().flat_map(actions).collect()),
        code => Actions::Of(actions(code)),
    });
    Some(Filter {
        id: parameters.id.clone(),
        since: parameters.since,
        until: parameters.until,
        outcome,
        actions,
        agent: parameters.agent.clone(),
        source_address: parameters.address.clone(),
        record_id: parameters.entity.clone(),
        reach: Some(reach),
        after,
        limit,
        ..Filter::default()
    })
}

/// Where the page behind this row of a search begins.
pub(crate) fn cursor(row: &AuditRow, query: String) -> Cursor {
    Cursor {
        query,
        key: storage::to_ms(row.event.at),
        id: row.id.clone(),
    }
}

/// The row as an AuditEvent; `base` is the FHIR base URL of this server.
#[must_use]
pub fn resource(row: &AuditRow, base: &str) -> Value {
    let event = &row.event;
    let source = Source {
        id: &row.id,
        at: event.at,
        party: &event.party,
        role: event.role,
        action: &event.action,
        allowed: event.outcome == Outcome::Allowed,
        reason: event.reason.as_deref(),
        client_id: event.client_id.as_deref(),
        subject: event.subject.as_deref(),
        organization: event.organization.as_deref(),
        jurisdiction: event.jurisdiction.as_deref(),
        record_id: event.record_id.as_deref(),
        record_type: event.record_type.as_deref(),
        token_id: event.token_id.as_deref(),
        source_address: event.source_address.as_deref(),
        request_id: event.request_id.as_deref(),
    };
    fhir::audit_event::resource(&source, base)
}
