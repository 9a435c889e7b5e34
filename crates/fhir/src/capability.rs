//! The CapabilityStatement (FHIR R4 capabilitystatement), said from one place.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::search::Definition;
use crate::{PartType, ResourceType};

/// What differs from server to server. Endpoints that are not known are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityInput {
    /// The FHIR base URL.
    pub fhir_base: String,
    /// The authorization endpoint of the issuer that this server trusts.
    pub authorize_url: Option<String>,
    /// Its token endpoint.
    pub token_url: Option<String>,
    /// Its introspection endpoint.
    pub introspect_url: Option<String>,
    /// Its revocation endpoint.
    pub revoke_url: Option<String>,
    /// Whether scripts of any origin may read answers with data.
    pub cors: bool,
    /// Since when the statement holds: the start of the server.
    pub date: Timestamp,
    /// Of the software.
    pub version: String,
}

/// The statement.
#[must_use]
pub fn statement(input: &CapabilityInput) -> Value {
    json!({
        "resourceType": "CapabilityStatement",
        "url": format!("{}/metadata", input.fhir_base.trim_end_matches('/')),
        "version": input.version,
        "name": "Vitalgate",
        "title": "Birth and fetal death records",
        "status": "active",
        "date": format!("{:.0}", input.date),
        "kind": "instance",
        "software": { "name": "vitalgate", "version": input.version },
        "implementation": {
            "description": "Exchange of birth and fetal death reports (BFDR) under OAuth 2.0",
            "url": input.fhir_base,
        },
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [{
            "mode": "server",
            "security": security(input),
            "resource": resources(),
            "interaction": codes(&["batch", "transaction"]),
        }],
    })
}

/// SMART App Launch 2.2, section 3.1: some clients find the endpoints here only.
fn security(input: &CapabilityInput) -> Value {
    let endpoints = [
        ("authorize", &input.authorize_url),
        ("token", &input.token_url),
        ("introspect", &input.introspect_url),
        ("revoke", &input.revoke_url),
    ];
    let endpoints: Vec<Value> = endpoints
        .into_iter()
        .filter_map(|(name, url)| Some(json!({ "url": name, "valueUri": url.as_ref()? })))
        .collect();
    let mut security = json!({
        "cors": input.cors,
        "service": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
            }],
            "text": "OAuth 2.0 (RFC 6749) with SMART scopes; every token is introspected (RFC 7662)",
        }],
        "description": "Every request but this one and .well-known/smart-configuration needs a bearer token (RFC 6750).",
    });
    // FHIR has no empty arrays.
    if !endpoints.is_empty()
        && let Some(members) = security.as_object_mut()
    {
        let extension = json!([{ "url": OAUTH_URIS, "extension": endpoints }]);
        members.insert("extension".to_owned(), extension);
    }
    security
}

fn resources() -> Value {
    let parts = PartType::ALL.into_iter().map(part);
    [bundle(), composition(), audit_event()]
        .into_iter()
        .chain(parts)
        .collect()
}

/// A part of a document has no address but its id, and no life but its document's.
fn part(part: PartType) -> Value {
    json!({
        "type": part.as_str(),
        "documentation": "An entry of a document: {Bundle.id}-{n}, n its number from 0.",
        "interaction": codes(&["read"]),
        "versioning": "versioned",
        "conditionalRead": "full-support",
    })
}

fn bundle() -> Value {
    json!({
        "type": "Bundle",
        "documentation": "A record, handed out as it was received but for id and meta. Updates say with If-Match \
            which version they change. A history takes _since and _count. A create may be conditional on identifier, alone or with composition.type.",
        "interaction": codes(&[
            "read",
            "vread",
            "update",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type",
        ]),
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": false,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["local"],
        "searchParam": search_parameters(ResourceType::Bundle),
        "operation": [{
            "name": "original",
            "definition": "urn:vitalgate:operation:original",
            "documentation": "GET Bundle/{id}/$original: the received bytes, untouched.",
        }, {
            "name": "validate",
            "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
            "documentation": "POST Bundle/$validate: the body is looked at and not stored.",
        }],
    })
}

fn composition() -> Value {
    json!({
        "type": "Composition",
        "documentation": "The Composition of a document; its id is the Bundle's. A history takes _since and _count.",
        "interaction": codes(&[
            "read",
            "vread",
            "history-instance",
            "history-type",
            "search-type",
        ]),
        "versioning": "versioned",
        "readHistory": true,
        "conditionalRead": "full-support",
        "searchParam": search_parameters(ResourceType::Composition),
        "operation": [{
            "name": "document",
            "definition": "http://hl7.org/fhir/OperationDefinition/Composition-document",
            "documentation": "By GET and POST. With id, or as Composition/{id}/$document, the one document; or else a \
                searchset of those found by report-number (any of several), identifier, patient.birthdate, \
                patient.family, patient.given and birth-location, compared as in a search. Documents are stored \
                anyway: persist changes nothing.",
        }],
    })
}

fn audit_event() -> Value {
    let parameters = [
        ("_id", "token"),
        ("date", "date"),
        ("action", "token"),
        ("outcome", "token"),
        ("agent", "reference"),
        ("address", "string"),
        ("entity", "reference"),
    ];
    let parameters = parameters
        .into_iter()
        .chain([("_count", "number"), ("_sort", "string")]);
    let parameters: Vec<Value> = parameters
        .map(|(name, kind)| json!({ "name": name, "type": kind }))
        .collect();
    json!({
        "type": "AuditEvent",
        "documentation": "A row of the audit, for auditors: newest first (_sort is -date), \
            without content of records. _count is 500 at most.",
        "interaction": codes(&["read", "search-type"]),
        "versioning": "no-version",
        "searchParam": parameters,
    })
}

fn codes(codes: &[&str]) -> Value {
    codes.iter().map(|code| json!({ "code": code })).collect()
}

fn search_parameters(resource_type: ResourceType) -> Value {
    let parameters = Definition::all().map(|known| {
        json!({
            "name": known.name(resource_type),
            "type": known.kind.as_str(),
            "documentation": known.documentation,
        })
    });
    let result = RESULT_PARAMETERS.map(|(name, kind, documentation)| {
        json!({ "name": name, "type": kind, "documentation": documentation })
    });
    parameters.chain(result).collect()
}

/// What shapes the answer of a search. FHIR has no type for them; these are the nearest.
const RESULT_PARAMETERS: [(&str, &str, &str); 4] = [
    (
        "_count",
        "number",
        "Resources on a page: 20, and 100 at most.",
    ),
    (
        "_sort",
        "string",
        "One of _lastUpdated, date and _id; the other way round with a minus before it.",
    ),
    ("_summary", "token", "count: the total alone."),
    ("_total", "token", "none, estimate, accurate."),
];

const OAUTH_URIS: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";

#[cfg(test)]
mod tests;
