//! AuditEvent (FHIR R4 auditevent) out of an audit row, by IHE's Basic Audit Log Patterns (BALP 1.1).
//!
//! A success that fits a pattern names its profile; a refusal fits none of them (BALP: "failures are recorded differently")
//! and has the same form with another outcome. What the row does not hold stands nowhere: of a search the
//! parameters are not kept, because they name people, so `entity.query` holds the interaction alone.

mod kind;
mod search;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use kind::Kind;

pub use kind::{ActionCode, actions};
pub use search::AuditParameters;

/// An audit row, as far as AuditEvent has a place for it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Identifier of the row: the resource's id.
    pub id: &'a str,
    /// When.
    pub at: Timestamp,
    /// Name of the party that wrote it.
    pub party: &'a str,
    /// Which of its roles: `authorization-server`, `resource-server`, `client` or `shell`.
    pub role: &'a str,
    /// What was asked for: `token.issue`, `bundle.read`, …
    pub action: &'a str,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Why not, or what more there is to say.
    pub reason: Option<&'a str>,
    /// Client that asked.
    pub client_id: Option<&'a str>,
    /// Person that asked, by identifier.
    pub subject: Option<&'a str>,
    /// Organization of whoever asked.
    pub organization: Option<&'a str>,
    /// Jurisdiction of the record.
    pub jurisdiction: Option<&'a str>,
    /// FHIR id of the record.
    pub record_id: Option<&'a str>,
    /// `birth` or `fetal-death`.
    pub record_type: Option<&'a str>,
    /// Tells tokens apart and opens nothing.
    pub token_id: Option<&'a str>,
    /// IP address that asked.
    pub source_address: Option<&'a str>,
    /// `X-Request-Id` of the exchange.
    pub request_id: Option<&'a str>,
}

/// The resource. `base` is the FHIR base URL of the party, by which it is known as the server.
#[must_use]
pub fn resource(source: &Source<'_>, base: &str) -> Value {
    let kind = Kind::of(source.action);
    let mut resource = json!({
        "resourceType": "AuditEvent",
        "id": source.id,
        "meta": meta(source, &kind),
        "type": kind.event_type(),
        "subtype": subtypes(source.action, &kind),
        "action": kind.code.as_str(),
        "recorded": source.at.to_string(),
        "outcome": if source.allowed { "0" } else { "4" },
    });
    if let Some(members) = resource.as_object_mut() {
        if let Some(reason) = source.reason {
            members.insert("outcomeDesc".to_owned(), reason.into());
        }
        members.insert("agent".to_owned(), agents(source, &kind, base).into());
        members.insert("source".to_owned(), observer(source));
        let entities = entities(source, &kind);
        // FHIR has no empty arrays.
        if !entities.is_empty() {
            members.insert("entity".to_owned(), entities.into());
        }
    }
    resource
}

fn meta(source: &Source<'_>, kind: &Kind) -> Value {
    let mut meta = json!({"versionId": "1", "lastUpdated": source.at.to_string()});
    let about = kind.query.is_some() || source.record_id.is_some();
    let is_whole = about && source.client_id.is_some() && source.source_address.is_some();
    let names = kind.profile.filter(|_| source.allowed && is_whole);
    if let (Some(profile), Some(members)) = (names, meta.as_object_mut()) {
        members.insert(
            "profile".to_owned(),
            json!([format!("{PROFILES}{profile}")]),
        );
    }
    meta
}

/// The standards' codes, then our own word for what was done.
fn subtypes(action: &str, kind: &Kind) -> Vec<Value> {
    let codes = kind
        .subtypes
        .iter()
        .map(|(system, code)| json!({"system": system, "code": code}));
    codes.chain([json!({"code": action})]).collect()
}

fn agents(source: &Source<'_>, kind: &Kind, base: &str) -> Vec<Value> {
    let mut agents = vec![client(source, kind), server(source, kind, base)];
    let person = source.subject.filter(|_| account(source).is_none());
    if let Some(subject) = person {
        agents.push(json!({
            "type": coding(PARTICIPATION, kind.participation),
            "who": {"identifier": {"value": subject}},
            "requestor": true,
        }));
    }
    if let Some(organization) = source.organization {
        agents.push(json!({
            "type": coding("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV"),
            "who": {"type": "Organization", "identifier": {"value": organization}},
            "requestor": false,
        }));
    }
    agents
}

fn client(source: &Source<'_>, kind: &Kind) -> Value {
    let account = account(source);
    let who = match account.or(source.client_id) {
        Some(name) => json!({"identifier": {"value": name}}),
        None => json!({"display": "unknown"}),
    };
    let mut agent = json!({
        "type": coding(DICOM, kind.client),
        "who": who,
        "requestor": source.subject.is_none() || account.is_some(),
    });
    if let (Some(address), Some(members)) = (source.source_address, agent.as_object_mut()) {
        members.insert(
            "network".to_owned(),
            json!({"address": address, "type": "2"}),
        );
    }
    agent
}

/// The account of the machine that ran a command in a shell: there a client is whom the command was about.
fn account<'a>(source: &Source<'a>) -> Option<&'a str> {
    source.subject.filter(|_| source.role == "shell")
}

fn server(source: &Source<'_>, kind: &Kind, base: &str) -> Value {
    let agent_type = match source.role {
        "authorization-server" => coding(USER_AGENT_TYPES, "AuthzOauthService"),
        _ => coding(kind.server.0, kind.server.1),
    };
    json!({
        "type": agent_type,
        "who": {"identifier": {"system": "urn:ietf:rfc:3986", "value": base}},
        "requestor": false,
        "network": {"address": base, "type": "5"},
    })
}

fn observer(source: &Source<'_>) -> Value {
    let (code, display) = match source.role {
        "authorization-server" => ("6", "Security Server"),
        "resource-server" => ("4", "Application Server"),
        _ => ("1", "User Device"),
    };
    json!({
        "site": source.party,
        "observer": {"display": format!("{} {}", source.party, source.role)},
        "type": [{
            "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
            "code": code,
            "display": display,
        }],
    })
}

fn entities(source: &Source<'_>, kind: &Kind) -> Vec<Value> {
    let mut entities = Vec::new();
    if let Some(request_id) = source.request_id {
        entities.push(json!({
            "what": {"identifier": {"value": request_id}},
            "type": plain_coding(ENTITY_TYPE, "XrequestId"),
        }));
    }
    if let Some(token_id) = source.token_id {
        entities.push(json!({
            "what": {"identifier": {"value": token_id}},
            "type": plain_coding(USER_AGENT_TYPES, "UserOauthAgent"),
        }));
    }
    if let (Some(client_id), Some(_)) = (source.client_id, account(source)) {
        entities.push(json!({
            "what": {"identifier": {"value": client_id}},
            "type": plain_coding(AUDIT_ENTITY_TYPE, "2"),
            "role": plain_coding(OBJECT_ROLE, "11"),
        }));
    }
    match (source.record_id, kind.query) {
        (Some(id), None) => entities.push(record(source, kind, id)),
        (id, Some(query)) => {
            entities.push(json!({
                "type": plain_coding(AUDIT_ENTITY_TYPE, "2"),
                "role": plain_coding(OBJECT_ROLE, "24"),
                "description": "the parameters are not kept: they may name people",
                "query": query,
            }));
            // A row for each record that a search has handed out.
            entities.extend(
                id.map(|id| json!({"what": {"reference": format!("{}/{id}", kind.resource)}})),
            );
        }
        (None, None) => {}
    }
    entities
}

fn record(source: &Source<'_>, kind: &Kind, id: &str) -> Value {
    let mut entity = json!({
        "what": {"reference": format!("{}/{id}", kind.resource)},
        "type": plain_coding(AUDIT_ENTITY_TYPE, "2"),
        "role": plain_coding(OBJECT_ROLE, "4"),
    });
    let known = [
        ("jurisdiction", source.jurisdiction),
        ("record_type", source.record_type),
    ];
    let detail: Vec<Value> = known
        .into_iter()
        .filter_map(|(name, value)| Some(json!({"type": name, "valueString": value?})))
        .collect();
    if let (false, Some(members)) = (detail.is_empty(), entity.as_object_mut()) {
        members.insert("detail".to_owned(), detail.into());
    }
    entity
}

/// A CodeableConcept.
fn coding(system: &str, code: &str) -> Value {
    json!({"coding": [plain_coding(system, code)]})
}

/// A Coding.
fn plain_coding(system: &str, code: &str) -> Value {
    let mut coding = Map::new();
    coding.insert("system".to_owned(), system.into());
    coding.insert("code".to_owned(), code.into());
    Value::Object(coding)
}

const PROFILES: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const USER_AGENT_TYPES: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes";
const ENTITY_TYPE: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
const AUDIT_ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

#[cfg(test)]
mod tests;
