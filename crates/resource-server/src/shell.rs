//! What the party's own shell does with the records: it needs no token, since it has the database.

use fhir::{Jurisdiction, RecordType};
use jiff::Timestamp;
use storage::{AuditEvent, Outcome};

use crate::ResourceServer;
use crate::access_decision::Acting;
use crate::received::{Received, Unacceptable};
use crate::store::identifier;
use crate::store::record::{self, Host, RecordHead};
use crate::withholding;

/// A record that this server hosts, without its content.
#[derive(Debug, Clone)]
pub struct HostedRecord {
    /// The id of its Bundle.
    pub id: String,
    /// Birth or fetal death; `None` if it may be of either.
    pub record_type: Option<RecordType>,
    /// Whose number it bears.
    pub jurisdiction: Jurisdiction,
    /// The code of its composition type, if it is or holds a document.
    pub composition_type: Option<String>,
    /// System and value of the Bundle's identifier; `(sealed)` unless the value is the number of a certificate.
    pub identifier: Option<(Option<String>, String)>,
    /// Year of the event.
    pub event_year: Option<i64>,
    /// The certificate number as the record writes it.
    pub certificate_number: Option<String>,
    /// The organisation that submitted it.
    pub organization: String,
    /// The organisation it is meant for, if another.
    pub addressee: Option<String>,
    /// When it was stored.
    pub last_updated: Timestamp,
    /// Its size in bytes.
    pub length: i64,
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
}

/// Why a record cannot be hosted.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It is no Bundle that this server takes.
    #[error("{0}")]
    Unacceptable(String),
    /// It has structural errors, and the server enforces that records have none.
    #[error("the record breaks rules of its structure (validation = \"enforce\")")]
    Invalid,
    /// It names no jurisdiction and no default was given.
    #[error("the record names no jurisdiction")]
    NoJurisdiction,
    /// An organisation without a name would let nobody in, or everybody without one.
    #[error("an organization needs a name")]
    NoOrganization,
    /// The database failed; nothing was hosted.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl ResourceServer {
    /// What a request with this token would be let in as: introspected as every request is, and nothing done.
    ///
    /// # Errors
    /// Why it would be refused, or who is at fault.
    pub async fn look_at_token(&self, token: &str) -> Result<String, String> {
        let mut headers = axum::http::HeaderMap::new();
        let value = axum::http::HeaderValue::try_from(format!("Bearer {token}"));
        let value = value.map_err(|_| "the token fits in no header".to_owned())?;
        headers.insert(axum::http::header::AUTHORIZATION, value);
        let token = crate::bearer::presented(&headers, None)
            .map_err(|_| "the token is malformed".to_owned())?;
        let seen = self.issuers().introspect(&token, self.clock().now()).await;
        let (verified, _) = seen.map_err(|refusal| refusal.to_string())?;
        let rights = verified.rights();
        let codes: Vec<&str> = rights.jurisdictions.iter().map(|it| it.as_str()).collect();
        let types: Vec<&str> = rights.record_types.iter().map(|it| it.as_str()).collect();
        let none = |text: String| {
            if text.is_empty() {
                "none".to_owned()
            } else {
                text
            }
        };
        let acting = match rights.acting {
            Acting::Client => "a client".to_owned(),
            Acting::Person(None) => "a person without a role".to_owned(),
            Acting::Person(Some(role)) => format!("a {}", role.as_str()),
        };
        let facilities = match &rights.facilities {
            None => String::new(),
            Some(list) => format!(", facilities {}", none(list.join(" "))),
        };
        Ok(format!(
            "active, for {acting}; organization {}, jurisdictions {}, record types {}{facilities}",
            rights.organization.as_deref().unwrap_or("none"),
            none(codes.join(" ")),
            none(types.join(" "))
        ))
    }

    /// Hosts `bytes` as a record of `organization`, with the checks of a create, those of
    /// [`Config::validation`](crate::Config::validation) included. The same bytes of the
    /// same organisation are hosted once: a repetition answers the record that is there.
    ///
    /// A record that names no jurisdiction takes `default_jurisdiction`, or else the party's own.
    ///
    /// # Errors
    /// [`HostError`]; then nothing was written.
    pub async fn host(
        &self,
        bytes: &[u8],
        organization: &str,
        addressee: Option<&str>,
        default_jurisdiction: Option<Jurisdiction>,
    ) -> Result<HostedRecord, HostError> {
        if organization.is_empty() || addressee.is_some_and(str::is_empty) {
            return Err(HostError::NoOrganization);
        }
        let received = Received::check(bytes.to_vec()).map_err(|unacceptable| {
            let (Unacceptable::Json(issue) | Unacceptable::Content(issue)) = unacceptable;
            HostError::Unacceptable(issue.to_string())
        })?;
        withholding::check_received(&received, fhir::redact::Groups::default())
            .map_err(|refused| HostError::Unacceptable(refused.reason.to_owned()))?;
        if self.config().validation.check(bytes).is_err() {
            return Err(HostError::Invalid);
        }
        let default = default_jurisdiction.or(self.config().jurisdiction);
        let jurisdiction = received
            .jurisdiction
            .or(default)
            .ok_or(HostError::NoJurisdiction)?;
        let facts = received.facts(organization, addressee, jurisdiction, None);
        let entry = received.entry(&self.config().record_keys);
        let record = received.into_record(facts, self.clock().now(), self.random());
        let audit = self.hosting(&record.head);
        let head = record.head.clone();
        let host = Host {
            record: record.seal(&self.config().record_keys, self.random())?,
            entry,
            audit,
        };
        let existing = self.db().write(host).await?;
        Ok(existing.unwrap_or(head).into())
    }

    /// The newest records, at most `limit`. Needs no record key: their content is not read.
    ///
    /// # Errors
    /// [`storage::Error`] if the database fails.
    pub async fn list_records(
        db: &storage::Db,
        limit: i64,
    ) -> Result<Vec<HostedRecord>, storage::Error> {
        let heads = record::list(db, limit).await?;
        Ok(heads.into_iter().map(HostedRecord::from).collect())
    }

    fn hosting(&self, head: &RecordHead) -> AuditEvent {
        let (now, party) = (self.clock().now(), &self.config().party);
        AuditEvent {
            organization: Some(head.facts.organization.clone()),
            jurisdiction: Some(head.facts.jurisdiction.as_str().to_owned()),
            record_id: Some(head.id.clone()),
            record_type: head.facts.record_type.map(|kind| kind.as_str().to_owned()),
            ..AuditEvent::new(now, party, crate::ROLE, "bundle.host", Outcome::Allowed)
        }
    }
}

/// Only the number of a certificate lies in the clear.
fn shown(identifier: String) -> String {
    match identifier::is_clear(&identifier) {
        true => identifier,
        false => "(sealed)".to_owned(),
    }
}

impl From<RecordHead> for HostedRecord {
    fn from(head: RecordHead) -> Self {
        let RecordHead {
            id,
            facts,
            certificate_number,
            ..
        } = head;
        let system = head.identifier_system;
        Self {
            id,
            record_type: facts.record_type,
            jurisdiction: facts.jurisdiction,
            composition_type: facts.composition_type,
            identifier: head.identifier_value.map(|value| (system, shown(value))),
            event_year: facts.event_year,
            certificate_number,
            organization: facts.organization,
            addressee: facts.addressee,
            last_updated: head.last_updated,
            length: head.body_length,
            sha256: head.body_sha256,
        }
    }
}
