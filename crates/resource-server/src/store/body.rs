//! A record as it lies in the table: its body sealed under a record key, or plain from before there were keys.

use fhir::RecordType;
use oauth::Random;
use storage::{Error, Row, Value};

use super::identifier;
use super::record::{Record, RecordHead};
use crate::sealing::{Place, RecordKeys, Sealed};

/// A version of a record as it is written and read: what is in it, only the keys tell.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) head: RecordHead,
    pub(crate) body: Body,
}

/// A body that does not open. Says which record it is of, and nothing that is in it.
#[derive(Debug, thiserror::Error)]
#[error("record {id}, version {version_id}, {why}")]
pub(crate) struct Unreadable {
    id: String,
    version_id: i64,
    why: String,
}

impl From<Unreadable> for Error {
    fn from(unreadable: Unreadable) -> Self {
        Self::Failed(unreadable.to_string())
    }
}

/// The three columns of a body.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    format: i64,
    key_id: Option<String>,
    bytes: Vec<u8>,
}

impl Record {
    /// Seals the body for its row, and the identifier, if that could be a person's.
    ///
    /// # Errors
    /// The cipher refuses; then nothing may be written.
    pub(crate) fn seal(self, keys: &RecordKeys, random: &Random) -> Result<Stored, Error> {
        let body = Body::seal(&self.head, &self.body, keys, random)?;
        let mut head = self.head;
        head.identifier_value = head
            .identifier_value
            .map(|value| identifier::stored(keys, &value));
        Ok(Stored { head, body })
    }
}

impl Stored {
    /// The record, if its body opens under one of the keys and in this row.
    ///
    /// # Errors
    /// The row is of an unknown form, was changed or moved, lies there plain, or its key is not configured.
    pub(crate) fn open(self, keys: &RecordKeys) -> Result<Record, Unreadable> {
        let head = self.head;
        match self.body.open(&head, keys) {
            Ok(body) => Ok(Record { head, body }),
            Err(why) => Err(Unreadable {
                id: head.id,
                version_id: head.version_id,
                why,
            }),
        }
    }
}

impl Body {
    /// Of a version that deletes: there is nothing to seal.
    pub(crate) fn none() -> Self {
        Self {
            format: PLAIN,
            key_id: None,
            bytes: Vec::new(),
        }
    }

    /// Reads three columns from `column` on.
    pub(crate) fn read(row: &Row<'_>, column: usize) -> Result<Self, Error> {
        Ok(Self {
            format: row.integer(column)?,
            key_id: row.optional_text(column + 1)?,
            bytes: row.bytes(column + 2)?,
        })
    }

    /// The three columns.
    pub(crate) fn values(&self) -> [Value; 3] {
        [
            Value::from(self.format),
            Value::from(self.key_id.clone()),
            Value::from(self.bytes.clone()),
        ]
    }

    /// Seals `bytes` for the row of `head`.
    pub(crate) fn seal(
        head: &RecordHead,
        bytes: &[u8],
        keys: &RecordKeys,
        random: &Random,
    ) -> Result<Self, Error> {
        let sealed = keys.seal(place(head), bytes, random);
        let failed = || Error::Failed("a record could not be sealed".to_owned());
        let Sealed { key_id, bytes } = sealed.ok_or_else(failed)?;
        Ok(Self {
            format: SEALED,
            key_id: Some(key_id),
            bytes,
        })
    }

    /// The bytes as received, or why they cannot be had.
    fn open(self, head: &RecordHead, keys: &RecordKeys) -> Result<Vec<u8>, String> {
        let bytes = match (self.format, self.key_id) {
            (PLAIN, None) if keys.accept_unsealed() => self.bytes,
            (PLAIN, None) => {
                return Err("is not sealed, and accept_unsealed_records is not set".to_owned());
            }
            (SEALED, Some(key_id)) => {
                let opened = keys.open(place(head), &key_id, &self.bytes);
                opened.ok_or_else(|| {
                    format!("does not open: it was changed or moved, or the record key {key_id} is not configured")
                })?
            }
            // Bytes in a form that this program does not know must not be handed out as if they were plain.
            _ => return Err("is of an unknown form".to_owned()),
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        match digest.as_ref() == head.body_sha256 {
            true => Ok(bytes),
            false => Err("has another digest than its body".to_owned()),
        }
    }
}

/// A version keeps its seal when it becomes an earlier one: table `record_version` holds the same rows.
fn place(head: &RecordHead) -> Place<'_> {
    Place {
        table: "record",
        id: &head.id,
        version_id: head.version_id,
        jurisdiction: head.facts.jurisdiction.as_str(),
        organization: &head.facts.organization,
        addressee: head.facts.addressee.as_deref(),
        record_type: head.facts.record_type.map(RecordType::as_str),
        facility: head.facts.facility.as_deref(),
        composition_type: head.facts.composition_type.as_deref(),
        event_year: head.facts.event_year,
    }
}

/// `body_format` of a body that is stored as it was received; from before migration 2.
const PLAIN: i64 = 0;

/// `body_format` of one that is sealed under the key of `key_id`.
const SEALED: i64 = 1;
