//! Table `record`: one row per Bundle, the sealed bytes of its current version beside the fields that find it.

use fhir::search::{SystemCriterion, Token};
use fhir::{Jurisdiction, RecordType};
use jiff::Timestamp;
use storage::{AuditEvent, Db, Error, Row, Transaction, Value, Work};

use super::body::{Body, Stored};
use super::identifier;
use super::reach::{Reach, reached};
use crate::access_decision::RecordFacts;
use crate::sealing::RecordKeys;
use crate::store::search::{self, Entry};

/// A record without its bytes.
#[derive(Debug, Clone)]
pub(crate) struct RecordHead {
    pub(crate) id: String,
    pub(crate) facts: RecordFacts,
    pub(crate) bundle_type: String,
    pub(crate) certificate_number: Option<String>,
    pub(crate) identifier_system: Option<String>,
    /// As [`identifier::stored`] writes it.
    pub(crate) identifier_value: Option<String>,
    pub(crate) version_id: i64,
    /// What made this version.
    pub(crate) change: Change,
    pub(crate) last_updated: Timestamp,
    pub(crate) body_length: i64,
    pub(crate) body_sha256: Vec<u8>,
}

/// The interaction that made a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Create,
    Update,
    /// The version has no body: the record is gone, its earlier versions are not.
    Delete,
}

impl Change {
    /// The name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => DELETE,
        }
    }

    pub(crate) fn read(name: &str) -> Result<Self, Error> {
        [Self::Create, Self::Update, Self::Delete]
            .into_iter()
            .find(|change| change.as_str() == name)
            .ok_or_else(|| unreadable("interaction"))
    }
}

/// A record with its bytes as received.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) head: RecordHead,
    pub(crate) body: Vec<u8>,
}

/// What an `If-None-Exist` looks for.
#[derive(Debug, Clone)]
pub(crate) struct Criteria {
    /// The Bundle's identifier; without one nothing is found.
    pub(crate) identifier: Option<Token>,
    /// What its value may lie there as: [`identifier::candidates`].
    pub(crate) stored_values: Vec<String>,
    /// Only documents of this composition type; `None` for any.
    pub(crate) composition_type: Option<&'static str>,
}

impl Criteria {
    pub(crate) fn new(
        identifier: Token,
        composition_type: Option<&'static str>,
        keys: &RecordKeys,
    ) -> Self {
        let value = identifier.value.as_deref().unwrap_or_default();
        Self {
            stored_values: identifier::candidates(keys, value),
            identifier: Some(identifier),
            composition_type,
        }
    }

    fn value(&self) -> &str {
        self.identifier
            .as_ref()
            .and_then(|token| token.value.as_deref())
            .unwrap_or_default()
    }
}

/// One record, deleted or not, with its bytes as they lie there.
pub(crate) async fn find(db: &Db, id: &str) -> Result<Option<Stored>, Error> {
    db.find(FIND, &[Value::from(id)], read_stored).await
}

/// The head of one record, deleted or not.
pub(crate) async fn find_head(db: &Db, id: &str) -> Result<Option<RecordHead>, Error> {
    db.find(FIND_HEAD, &[Value::from(id)], read_head).await
}

/// The newest records, whoever they belong to: for the operator's shell, not for requests.
pub(crate) async fn list(db: &Db, limit: i64) -> Result<Vec<RecordHead>, Error> {
    db.select(LIST, vec![Value::from(limit)], read_head).await
}

/// A create as one unit: the condition, the record and its audit row stand or fall together.
#[derive(Debug)]
pub(crate) struct Create {
    pub(crate) record: Stored,
    pub(crate) entry: Entry,
    /// `If-None-Exist`, with what the token reaches; a record it cannot see does not exist to it.
    pub(crate) condition: Option<(Criteria, Reach)>,
    pub(crate) audit: AuditEvent,
}

/// How a create ended.
#[derive(Debug)]
pub(crate) enum CreateOutcome {
    /// A new row was written.
    Created,
    /// The condition found exactly this record; nothing was written.
    Existing(Box<RecordHead>),
    /// The condition found several records; nothing was written.
    Several,
}

impl Work for Create {
    type Output = CreateOutcome;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<CreateOutcome, Error> {
        let existing = match &self.condition {
            None => Vec::new(),
            Some((criteria, reach)) => {
                // All that could match the same condition queue up here, on every node.
                tx.lock(&format!("record.identifier:{}", criteria.value()))
                    .await?;
                let mut found = Vec::new();
                for value in &criteria.stored_values {
                    let mut parameters = parameters(criteria, value, reach);
                    parameters.push(Value::from(2));
                    found.extend(tx.select(SELECT, &parameters, read_head).await?);
                }
                found
            }
        };
        let mut audit = self.audit.clone();
        let mut existing = existing.into_iter();
        let outcome = match (existing.next(), existing.next()) {
            (None, _) => {
                insert(tx, &self.record, &self.entry).await?;
                CreateOutcome::Created
            }
            (Some(head), None) => {
                audit.reason = Some(EXISTING.to_owned());
                audit.record_id = Some(head.id.clone());
                CreateOutcome::Existing(Box::new(head))
            }
            // Nothing happened: whoever answers the refusal writes its audit row.
            (Some(_), Some(_)) => return Ok(CreateOutcome::Several),
        };
        tx.audit(&audit).await?;
        Ok(outcome)
    }
}

/// Hosts one of the party's own records; the same bytes of the same organisation are one record.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) record: Stored,
    pub(crate) entry: Entry,
    pub(crate) audit: AuditEvent,
}

impl Work for Host {
    /// The record that was there before, if any.
    type Output = Option<RecordHead>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Option<RecordHead>, Error> {
        let head = &self.record.head;
        let key = vec![
            Value::from(head.body_sha256.clone()),
            Value::from(head.facts.organization.as_str()),
        ];
        tx.lock(&format!("record.host:{}", head.facts.organization))
            .await?;
        let existing = tx.find(FIND_DIGEST, &key, read_head).await?;
        if existing.is_none() {
            insert(tx, &self.record, &self.entry).await?;
            tx.audit(&self.audit).await?;
        }
        Ok(existing)
    }
}

async fn insert(tx: &mut Transaction<'_>, record: &Stored, entry: &Entry) -> Result<(), Error> {
    let head = &record.head;
    let [format, key_id, body] = record.body.values();
    let values = [
        Value::from(head.id.as_str()),
        Value::from("Bundle"),
        Value::from(head.bundle_type.as_str()),
        Value::from(head.facts.record_type.map(RecordType::as_str)),
        Value::from(head.facts.composition_type.clone()),
        Value::from(head.facts.jurisdiction.as_str()),
        Value::from(head.facts.event_year),
        Value::from(head.certificate_number.clone()),
        Value::from(head.identifier_system.clone()),
        Value::from(head.identifier_value.clone()),
        Value::from(head.facts.organization.as_str()),
        Value::from(head.facts.addressee.clone()),
        Value::from(head.version_id),
        Value::from(head.last_updated),
        Value::from(head.body_length),
        Value::from(head.body_sha256.clone()),
        Value::from(head.change.as_str()),
        format,
        key_id,
        body,
        Value::from(head.facts.facility.clone()),
    ];
    tx.execute(INSERT, &values).await?;
    search::insert(tx, head, entry).await
}

/// Writes anew what finds a record, unless another version has come between. A record from before facilities were
/// known gets the one that it names, and one from before identifiers were sealed a sealed one.
pub(crate) async fn reindex(
    tx: &mut Transaction<'_>,
    head: &RecordHead,
    entry: &Entry,
) -> Result<bool, Error> {
    // Touches the row, so that no update can come between here and the end of the unit.
    let values = [
        Value::from(head.facts.facility.as_deref()),
        Value::from(head.identifier_value.as_deref()),
        Value::from(head.id.as_str()),
        Value::from(head.version_id),
    ];
    let current = tx
        .find(REINDEX, &values, |row| row.optional_text(0))
        .await?;
    let Some(facility) = current else {
        return Ok(false);
    };
    let mut head = head.clone();
    head.facts.facility = facility;
    search::replace(tx, &head, entry).await?;
    Ok(true)
}

/// `$1` to `$11` of [`SELECT`].
fn parameters(criteria: &Criteria, value: &str, reach: &Reach) -> Vec<Value> {
    let (mode, system) = match criteria.identifier.as_ref().map(|token| &token.system) {
        None | Some(SystemCriterion::Any) => ("any", ""),
        Some(SystemCriterion::Absent) => ("absent", ""),
        Some(SystemCriterion::Is(system)) => ("is", system.as_str()),
    };
    let mut parameters = vec![
        Value::from(value),
        Value::from(mode),
        Value::from(system),
        Value::from(criteria.composition_type.unwrap_or_default()),
    ];
    parameters.extend(reach.values());
    parameters
}

pub(crate) fn read_head(row: &Row<'_>) -> Result<RecordHead, Error> {
    let jurisdiction =
        Jurisdiction::parse(&row.text(4)?).ok_or_else(|| unreadable("jurisdiction"))?;
    let record_type = match row.optional_text(2)? {
        None => None,
        Some(name) => Some(RecordType::parse(&name).ok_or_else(|| unreadable("record_type"))?),
    };
    Ok(RecordHead {
        id: row.text(0)?,
        bundle_type: row.text(1)?,
        certificate_number: row.optional_text(6)?,
        identifier_system: row.optional_text(7)?,
        identifier_value: row.optional_text(8)?,
        facts: RecordFacts {
            organization: row.text(9)?,
            addressee: row.optional_text(10)?,
            jurisdiction,
            record_type,
            facility: row.optional_text(16)?,
            composition_type: row.optional_text(3)?,
            event_year: row.optional_integer(5)?,
        },
        version_id: row.integer(11)?,
        last_updated: row.timestamp(12)?,
        body_length: row.integer(13)?,
        body_sha256: row.bytes(14)?,
        change: Change::read(&row.text(15)?)?,
    })
}

/// A head, and behind it the body.
pub(crate) fn read_stored(row: &Row<'_>) -> Result<Stored, Error> {
    Ok(Stored {
        head: read_head(row)?,
        body: Body::read(row, 17)?,
    })
}

/// A row that this program did not write, or not in this version.
pub(crate) fn unreadable(column: &str) -> Error {
    Error::Failed(format!("table record holds an unknown {column}"))
}

/// What was found under this id; `None` if its row holds what this program does not write, which is no reason to hold up
/// all others. The log tells which.
///
/// # Errors
/// The database cannot answer now.
pub(crate) fn readable<T>(id: &str, found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Failed(text)) => {
            tracing::error!(record = id, "a record cannot be read: {text}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// `Bundle.type` of a document.
pub(crate) const DOCUMENT: &str = "document";

/// `interaction` of a record that is gone.
const DELETE: &str = "delete";

/// Reason in the audit of a create that found its record there already.
const EXISTING: &str = "If-None-Exist: existing record";

/// A seal binds the facility, so that only a row without one may get another.
const REINDEX: &str = "UPDATE record SET \
    facility = CASE WHEN body_format = 0 THEN COALESCE(facility, $1) ELSE facility END, \
    identifier_value = $2, composition_id = NULL \
    WHERE id = $3 AND version_id = $4 RETURNING facility";
const INSERT: &str = "INSERT INTO record (id, resource_type, bundle_type, record_type, \
    composition_type, jurisdiction, event_year, certificate_number, \
    identifier_system, identifier_value, organization, addressee, version_id, last_updated_ms, \
    body_length, body_sha256, interaction, body_format, key_id, body, facility) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";

/// The columns of [`read_head`].
macro_rules! head {
    () => {
        "SELECT id, bundle_type, record_type, composition_type, jurisdiction, \
         event_year, certificate_number, identifier_system, identifier_value, organization, \
         addressee, version_id, last_updated_ms, body_length, body_sha256, interaction, facility"
    };
}

/// What matches and is reached.
macro_rules! visible {
    () => {
        concat!(
            " FROM record WHERE identifier_value = $1 \
             AND ($2 = 'any' OR ($2 = 'absent' AND identifier_system IS NULL) \
               OR ($2 = 'is' AND identifier_system = $3)) \
             AND ($4 = '' OR composition_type = $4) AND ",
            reached!("$5", "$6", "$7", "$8", "$9", "$10", "$11"),
            " AND interaction <> 'delete'"
        )
    };
}

const FIND: &str = concat!(
    head!(),
    ", body_format, key_id, body FROM record WHERE id = $1"
);
const FIND_HEAD: &str = concat!(head!(), " FROM record WHERE id = $1");
const FIND_DIGEST: &str = concat!(
    head!(),
    " FROM record WHERE body_sha256 = $1 AND organization = $2 AND interaction <> 'delete' ORDER BY id LIMIT 1"
);
const SELECT: &str = concat!(head!(), visible!(), " ORDER BY id LIMIT $12");
const LIST: &str = concat!(head!(), " FROM record ORDER BY id DESC LIMIT $1");
