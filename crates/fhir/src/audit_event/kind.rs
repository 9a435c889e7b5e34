//! What the standards call our actions.

use serde_json::{Value, json};

use super::DICOM;

/// `AuditEvent.action` (FHIR R4 code system audit-event-action).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionCode {
    /// `C`
    Create,
    /// `R`
    Read,
    /// `U`
    Update,
    /// `D`
    Delete,
    /// `E`: everything else.
    Execute,
}

impl ActionCode {
    /// The code as FHIR writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "C",
            Self::Read => "R",
            Self::Update => "U",
            Self::Delete => "D",
            Self::Execute => "E",
        }
    }

    /// The code of that name.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        [
            Self::Create,
            Self::Read,
            Self::Update,
            Self::Delete,
            Self::Execute,
        ]
        .into_iter()
        .find(|it| it.as_str() == code)
    }
}

/// How an action is told.
pub(super) struct Kind {
    pub(super) code: ActionCode,
    /// The BALP profile of a success.
    pub(super) profile: Option<&'static str>,
    pub(super) subtypes: &'static [(&'static str, &'static str)],
    /// DICOM's role of the client.
    pub(super) client: &'static str,
    /// System and code of the server's role.
    pub(super) server: (&'static str, &'static str),
    /// Of a person (v3-ParticipationType).
    pub(super) participation: &'static str,
    /// Of the record.
    pub(super) resource: &'static str,
    /// `entity.query` of a search, base64.
    pub(super) query: Option<&'static str>,
    event: Option<&'static str>,
}

impl Kind {
    pub(super) fn of(action: &str) -> Self {
        rest(action).unwrap_or_else(|| security(action))
    }

    /// `AuditEvent.type`.
    pub(super) fn event_type(&self) -> Value {
        match self.event {
            None => json!({
                "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
                "code": "rest",
                "display": "Restful Operation",
            }),
            Some(code) => json!({"system": DICOM, "code": code}),
        }
    }
}

/// Actions whose code is this one; `None` stands for all that have another in the list of all codes but `E`.
#[must_use]
pub fn actions(code: ActionCode) -> Vec<&'static str> {
    let known = RECORDS.iter().chain(AUDIT).chain(DATA);
    known
        .filter(|(_, known)| *known == code)
        .map(|(action, _)| *action)
        .collect()
}

/// Interactions with records.
fn rest(action: &str) -> Option<Kind> {
    let (_, code) = RECORDS.iter().find(|(known, _)| *known == action)?;
    let (name, interaction) = action.split_once('.').unwrap_or((action, action));
    let composition = name == "composition";
    let mut kind = Kind {
        code: *code,
        profile: None,
        subtypes: &[],
        client: SOURCE,
        server: (DICOM, DESTINATION),
        participation: "IRCP",
        resource: if composition { "Composition" } else { "Bundle" },
        query: None,
        event: None,
    };
    let (profile, subtypes): (_, &'static [(&'static str, &'static str)]) = match interaction {
        "create" | "host" => (Some("IHE.BasicAudit.Create"), &[(REST, "create")]),
        "update" => (Some("IHE.BasicAudit.Update"), &[(REST, "update")]),
        "delete" => (Some("IHE.BasicAudit.Delete"), &[(REST, "delete")]),
        "vread" => (Some("IHE.BasicAudit.Read"), &[(REST, "vread")]),
        "history" => (None, &[(REST, "history")]),
        "search" => {
            kind.query = Some(if composition {
                COMPOSITION_SEARCH
            } else {
                BUNDLE_SEARCH
            });
            (
                Some("IHE.BasicAudit.Query"),
                &[(REST, "search"), (REST, "search-type")],
            )
        }
        "batch" => (None, &[(REST, "batch")]),
        "validate" => (None, &[(REST, "operation")]),
        "original" | "document" => (None, &[(REST, "operation")]),
        "metadata" | "smart-configuration" => (None, &[(REST, "capabilities")]),
        _ => (Some("IHE.BasicAudit.Read"), &[(REST, "read")]),
    };
    kind.profile = profile;
    kind.subtypes = subtypes;
    // Who takes part as what: data flows to the client when it reads, and from it otherwise.
    match code {
        ActionCode::Read => (kind.client, kind.server) = (DESTINATION, (DICOM, SOURCE)),
        ActionCode::Create | ActionCode::Update => kind.participation = "AUT",
        ActionCode::Delete => {
            kind.participation = "CST";
            (kind.client, kind.server) = (APPLICATION, (PROVENANCE, "custodian"));
        }
        ActionCode::Execute => {}
    }
    Some(kind)
}

/// Everything else: what the authorization server does, the administration, the shell.
fn security(action: &str) -> Kind {
    let known = AUDIT.iter().chain(DATA).find(|(known, _)| *known == action);
    let (group, _) = action.split_once('.').unwrap_or((action, ""));
    let (event, subtypes): (_, &'static [(&'static str, &'static str)]) = match (group, action) {
        // Audit Log Used.
        ("audit", _) => ("110101", &[]),
        // User Authentication, with the transactions of IHE IUA.
        (_, "token.issue") => ("110114", &[(IHE, "ITI-71")]),
        (_, "token.introspect") => ("110114", &[(IHE, "ITI-102")]),
        ("logout" | "session", _) => ("110114", &[(DICOM, "110123")]),
        ("login" | "authorize" | "consent" | "passkey" | "second-factor", _) => {
            ("110114", &[(DICOM, "110122")])
        }
        // Security Alert: User Security Attributes Changed, Security Configuration.
        ("user" | "administrator-link", _) => ("110113", &[(DICOM, "110137")]),
        ("client" | "resource-server" | "key" | "initial-token" | "administration", _) => {
            ("110113", &[(DICOM, "110129")])
        }
        ("token", _) => ("110113", &[]),
        // Application Activity.
        _ => ("110100", &[]),
    };
    Kind {
        code: known.map_or(ActionCode::Execute, |(_, code)| *code),
        profile: None,
        subtypes,
        client: APPLICATION,
        server: (DICOM, APPLICATION),
        participation: "IRCP",
        resource: "Bundle",
        query: None,
        event: Some(event),
    }
}

type Actions = &'static [(&'static str, ActionCode)];

/// Interactions with records, and what FHIR's patterns call them.
const RECORDS: Actions = {
    use ActionCode::{Create, Delete, Execute, Read, Update};
    &[
        ("bundle.create", Create),
        ("bundle.host", Create),
        ("bundle.read", Read),
        ("bundle.vread", Read),
        ("bundle.history", Read),
        ("bundle.original", Read),
        ("bundle.update", Update),
        ("bundle.delete", Delete),
        ("bundle.search", Execute),
        ("bundle.validate", Execute),
        ("composition.read", Read),
        ("composition.vread", Read),
        ("composition.history", Read),
        ("composition.document", Read),
        ("composition.search", Execute),
        ("part.read", Read),
        ("batch", Execute),
        ("metadata", Read),
        ("smart-configuration", Read),
    ]
};
/// Reading the audit, and shortening it.
const AUDIT: Actions = {
    use ActionCode::{Delete, Read};
    &[
        ("audit.read", Read),
        ("audit.search", Read),
        ("audit.export", Read),
        ("audit.verify", Read),
        ("audit.head", Read),
        ("audit.retention", Delete),
    ]
};
/// Administration.
const DATA: Actions = {
    use ActionCode::{Create, Delete, Read, Update};
    &[
        ("user.add", Create),
        ("user.change", Update),
        ("user.set-password", Update),
        ("user.set-rights", Update),
        ("user.delete", Delete),
        ("user.list", Read),
        ("user.read", Read),
        ("client.add", Create),
        ("client.register", Create),
        ("client.update", Update),
        ("client.replace", Update),
        ("client.delete", Delete),
        ("client.remove", Delete),
        ("client.list", Read),
        ("client.read", Read),
        ("resource-server.add", Create),
        ("resource-server.delete", Delete),
        ("resource-server.list", Read),
        ("resource-server.read", Read),
        ("key.add", Create),
        ("key.list", Read),
        ("session.list", Read),
        ("token.list", Read),
        ("passkey.add", Create),
        ("passkey.rename", Update),
        ("passkey.remove", Delete),
        ("second-factor.add", Create),
        ("second-factor.remove", Delete),
    ]
};
/// Of DICOM: Source Role ID, Destination Role ID, Application.
const SOURCE: &str = "110153";
const DESTINATION: &str = "110152";
const APPLICATION: &str = "110150";
const PROVENANCE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const REST: &str = "http://hl7.org/fhir/restful-interaction";
const IHE: &str = "urn:ihe:event-type-code";
/// `Bundle?`
const BUNDLE_SEARCH: &str = "QnVuZGxlPw==";
/// `Composition?`
const COMPOSITION_SEARCH: &str = "Q29tcG9zaXRpb24/";
