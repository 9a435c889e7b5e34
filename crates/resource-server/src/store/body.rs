//! A record as it lies in the table: its body sealed under a record key, or plain from before there were keys.

use oauth::Random;
use storage::{Error, Row, Value};

use super::record::{Record, RecordHead, unreadable};
use crate::sealing::{Place, RecordKeys, Sealed};

/// A version of a record as it is written and read: what is in it, only the keys tell.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) head: RecordHead,
    pub(crate) body: Body,
}

/// The three columns of a body.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    format: i64,
    key_id: Option<String>,
    bytes: Vec<u8>,
}

impl Record {
    /// Seals the body for its row.
    ///
    /// # Errors
    /// The cipher refuses; then nothing may be written.
    pub(crate) fn seal(self, keys: &RecordKeys, random: &Random) -> Result<Stored, Error> {
        let body = Body::seal(&self.head, &self.body, keys, random)?;
        let head = self.head;
        Ok(Stored { head, body })
    }
}

impl Stored {
    /// The record, if its body opens under one of the keys and in this row.
    ///
    /// # Errors
    /// The row is of an unknown form, was changed or moved, or its key is not configured.
    pub(crate) fn open(self, keys: &RecordKeys) -> Result<Record, Error> {
        let body = self.body.open(&self.head, keys)?;
        let head = self.head;
        Ok(Record { head, body })
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

    /// The bytes as received.
    pub(crate) fn open(self, head: &RecordHead, keys: &RecordKeys) -> Result<Vec<u8>, Error> {
        match (self.format, self.key_id) {
            (PLAIN, None) => Ok(self.bytes),
            (SEALED, Some(key_id)) => {
                let opened = keys.open(place(head), &key_id, &self.bytes);
                opened.ok_or_else(|| {
                    let id = &head.id;
                    let text = format!("record {id} does not open: it was changed, or the record key {key_id} is not configured");
                    Error::Failed(text)
                })
            }
            // Bytes in a form that this program does not know must not be handed out as if they were plain.
            _ => Err(unreadable("body_format")),
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
    }
}

/// `body_format` of a body that is stored as it was received; from before migration 2.
const PLAIN: i64 = 0;

/// `body_format` of one that is sealed under the key of `key_id`.
const SEALED: i64 = 1;
