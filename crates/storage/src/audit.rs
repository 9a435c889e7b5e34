//! The audit: one row per access, change, search and denial, written in the commit that the answer waits for.

mod adopt;
mod chain;
pub mod hidden;
mod link;
mod query;
mod retention;
mod seal;
mod ship;
mod text;
mod verify;

use jiff::Timestamp;
use serde::Serialize;

use crate::Db;
use crate::error::Error;
use crate::migrations::{Migration, Migrations};
use crate::row::Row;
use crate::transaction::{Transaction, Work};

pub use adopt::adopt;
pub(crate) use adopt::adopt_once;
pub use chain::Hash;
pub(crate) use chain::Head;
pub use retention::{Removed, remove_before};
pub use seal::{Seal, WriterHead, newest_seal, seal};
pub use ship::{Batch, ChainedRow, Cursor, Lease, Shipping};
pub use text::{CSV_HEADER, csv_line, csv_placed_header, csv_placed_line};
pub use verify::{Finding, Verification, What, verify, verify_held};

/// What happened. It never holds record content, names, secrets or tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// Name of the party that writes it.
    pub party: String,
    /// Which of its roles: `authorization-server`, `resource-server`, `client` or `shell`.
    pub role: &'static str,
    /// What was asked for: `token.issue`, `login`, `bundle.read`, …
    pub action: String,
    /// Whether it was allowed.
    pub outcome: Outcome,
    /// Error code and a fixed short text.
    pub reason: Option<String>,
    /// Client that asked.
    pub client_id: Option<String>,
    /// `sub` of the token, or the id of the person; of a shell, the account of the machine.
    pub subject: Option<String>,
    /// Organization of whoever asked.
    pub organization: Option<String>,
    /// Jurisdiction of the record.
    pub jurisdiction: Option<String>,
    /// FHIR id of the record.
    pub record_id: Option<String>,
    /// `birth` or `fetal-death`.
    pub record_type: Option<String>,
    /// First characters of the token's hash: tells tokens apart and opens nothing.
    pub token_id: Option<String>,
    /// IP address that asked.
    pub source_address: Option<String>,
    /// `X-Request-Id` of the exchange.
    pub request_id: Option<String>,
}

/// Allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Allowed,
    /// It was refused.
    Denied,
}

impl Outcome {
    /// `allowed` or `denied`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

impl AuditEvent {
    /// An event with nothing known but what happened; fields are set by struct update.
    #[must_use]
    pub fn new(
        at: Timestamp,
        party: &str,
        role: &'static str,
        action: &str,
        outcome: Outcome,
    ) -> Self {
        Self {
            at,
            party: party.to_owned(),
            role,
            action: action.to_owned(),
            outcome,
            reason: None,
            client_id: None,
            subject: None,
            organization: None,
            jurisdiction: None,
            record_id: None,
            record_type: None,
            token_id: None,
            source_address: None,
            request_id: None,
        }
    }
}

/// An audit row as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Identifier of the row (UUID version 7).
    pub id: String,
    /// What happened.
    #[serde(flatten)]
    pub event: AuditEvent,
}

/// A row with its place in the chain, where it has one: an older program's rows have none until they are adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedRow {
    /// The row.
    #[serde(flatten)]
    pub row: AuditRow,
    /// Whose chain it is in.
    pub writer: Option<String>,
    /// Its number there.
    pub sequence: Option<i64>,
    /// Its hash.
    pub hash: Option<Hash>,
}

/// Which rows to list. Absent members do not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// This action, or with a trailing dot (`bundle.`) all that begin so.
    pub action: Option<String>,
    /// By this client.
    pub client_id: Option<String>,
    /// Of this record.
    pub record_id: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// By or about this `sub`.
    pub subject: Option<String>,
    /// By this organization.
    pub organization: Option<String>,
    /// From this address.
    pub source_address: Option<String>,
    /// Of the exchange with this `X-Request-Id`.
    pub request_id: Option<String>,
    /// This row.
    pub id: Option<String>,
    /// By this client, or by or about this `sub`.
    pub agent: Option<String>,
    /// One of these actions, or none of them.
    pub actions: Option<Actions>,
    /// No more than somebody may see.
    pub reach: Option<Reach>,
    /// Only rows that come after this one in the list: its time in milliseconds and its id.
    pub after: Option<(i64, String)>,
    /// Rows at most; the newest ones.
    pub limit: u32,
}

/// Some actions of all.
#[derive(Clone, Debug)]
pub enum Actions {
    /// These.
    Of(Vec<&'static str>),
    /// All but these.
    But(Vec<&'static str>),
}

/// What somebody may see of the audit. Of a record that is out of reach a refusal's row shows no more than of none
/// ([`hidden`]).
#[derive(Clone, Debug)]
pub struct Reach {
    /// Rows of this party; `None` is of all.
    pub party: Option<String>,
    /// By this organization; `None` is by all.
    pub organization: Option<String>,
    /// About these records, or about no record; `None` is about all.
    pub records: Option<Records>,
}

/// The records that somebody may see rows about.
#[derive(Clone, Debug)]
pub struct Records {
    /// Of these jurisdictions.
    pub jurisdictions: Vec<String>,
    /// Of these types.
    pub record_types: Vec<String>,
}

/// Lists audit rows, newest first.
///
/// # Errors
/// Any [`Error`].
pub async fn list(db: &Db, filter: &Filter) -> Result<Vec<AuditRow>, Error> {
    let (sql, parameters) = query::write(filter, "");
    db.select(sql, parameters, read).await
}

/// The same with their places in the chain.
///
/// # Errors
/// Any [`Error`], and for a reach: a hash is over the true row, and would confirm a guess at what it shows no more.
pub async fn list_placed(db: &Db, filter: &Filter) -> Result<Vec<PlacedRow>, Error> {
    if filter.reach.is_some() {
        return Err(Error::Failed("places are for those who see all".to_owned()));
    }
    let (sql, parameters) = query::write(filter, PLACE);
    db.select(sql, parameters, read_placed).await
}

pub(crate) async fn insert(
    transaction: &mut Transaction<'_>,
    event: &AuditEvent,
) -> Result<(), Error> {
    let columns = vec![
        new_id(event.at).into(),
        event.at.into(),
        event.party.as_str().into(),
        event.role.into(),
        event.action.as_str().into(),
        event.outcome.as_str().into(),
        event.reason.as_deref().into(),
        event.client_id.as_deref().into(),
        event.subject.as_deref().into(),
        event.organization.as_deref().into(),
        event.jurisdiction.as_deref().into(),
        event.record_id.as_deref().into(),
        event.record_type.as_deref().into(),
        event.token_id.as_deref().into(),
        event.source_address.as_deref().into(),
        event.request_id.as_deref().into(),
    ];
    chain::append(transaction, columns).await
}

pub(crate) struct Record(pub(crate) AuditEvent);

impl Work for Record {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        transaction.audit(&self.0).await
    }
}

fn new_id(at: Timestamp) -> String {
    let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    let nanoseconds = u32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0);
    let at = uuid::Timestamp::from_unix(uuid::NoContext, ms / 1_000, nanoseconds);
    uuid::Uuid::new_v7(at).to_string()
}

/// A row that cannot be read stops no list, no export and no shipping: whoever has the database could end all of them
/// with one. A marker stands in its place.
fn read(row: &Row<'_>) -> Result<AuditRow, Error> {
    Ok(readable(row).unwrap_or_else(|_| unreadable(row)))
}

fn unreadable(row: &Row<'_>) -> AuditRow {
    let at = row.nearest_time(1);
    let party = row.text(2).unwrap_or_default();
    let event = AuditEvent::new(at, &party, "unknown", UNREADABLE, Outcome::Denied);
    AuditRow {
        // Greater than every id that is minted: a list goes on behind it.
        id: row.text(0).unwrap_or_else(|_| UNREADABLE.to_owned()),
        event: AuditEvent {
            reason: Some("the row cannot be read: run `vitalgate audit verify`".to_owned()),
            organization: row.optional_text(8).unwrap_or_default(),
            ..event
        },
    }
}

fn readable(row: &Row<'_>) -> Result<AuditRow, Error> {
    let outcome = if row.text(5)? == "allowed" {
        Outcome::Allowed
    } else {
        Outcome::Denied
    };
    Ok(AuditRow {
        id: row.text(0)?,
        event: AuditEvent {
            at: row.timestamp(1)?,
            party: row.text(2)?,
            role: role(&row.text(3)?),
            action: row.text(4)?,
            outcome,
            reason: row.optional_text(6)?,
            client_id: row.optional_text(7)?,
            subject: row.optional_text(8)?,
            organization: row.optional_text(9)?,
            jurisdiction: row.optional_text(10)?,
            record_id: row.optional_text(11)?,
            record_type: row.optional_text(12)?,
            token_id: row.optional_text(13)?,
            source_address: row.optional_text(14)?,
            request_id: row.optional_text(15)?,
        },
    })
}

fn read_placed(row: &Row<'_>) -> Result<PlacedRow, Error> {
    Ok(PlacedRow {
        row: read(row)?,
        writer: row.optional_text(16).unwrap_or_default(),
        sequence: row.optional_integer(17).unwrap_or_default(),
        hash: row.optional_bytes(18).unwrap_or_default().map(Hash),
    })
}

fn role(text: &str) -> &'static str {
    ROLES
        .iter()
        .copied()
        .find(|role| *role == text)
        .unwrap_or("unknown")
}

/// The action, and where there is none the id, of a row that cannot be read.
const UNREADABLE: &str = "unreadable";
const ROLES: [&str; 4] = ["authorization-server", "resource-server", "client", "shell"];
const COLUMNS: &str = "id, at_ms, party, role, action, outcome, reason, client_id, subject, organization, \
                       jurisdiction, record_id, record_type, token_id, source_address, request_id";
/// What follows them where the places are asked for.
const PLACE: &str = ", writer, sequence, hash";
pub(crate) static MIGRATIONS: Migrations = Migrations {
    name: "audit",
    steps: &[
        Migration {
            version: 1,
            title: "audit events",
            sqlite: include_str!("../migrations/sqlite/0001_audit.sql"),
            postgres: include_str!("../migrations/postgres/0001_audit.sql"),
        },
        Migration {
            version: 2,
            title: "audit events by organization and subject",
            sqlite: include_str!("../migrations/sqlite/0002_audit_search.sql"),
            postgres: include_str!("../migrations/postgres/0002_audit_search.sql"),
        },
        Migration {
            version: 3,
            title: "audit events chained by their hashes",
            sqlite: include_str!("../migrations/sqlite/0003_audit_chain.sql"),
            postgres: include_str!("../migrations/postgres/0003_audit_chain.sql"),
        },
        Migration {
            version: 4,
            title: "writers keep their kind, and retention is found by an index",
            sqlite: include_str!("../migrations/sqlite/0004_audit_kept.sql"),
            postgres: include_str!("../migrations/postgres/0004_audit_kept.sql"),
        },
    ],
};
