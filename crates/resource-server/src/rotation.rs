//! Puts every body under the first record key, in small batches beside a running server. What was done stays
//! done: an interrupted rotation goes on where it was.

use std::collections::BTreeSet;

use storage::{AuditEvent, Outcome};

use crate::ResourceServer;
use crate::store::rotation::{self, BodyTable, Next, Reseal};

/// How far a rotation has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Bodies put under the first key by this run.
    pub sealed: u64,
    /// Bodies that did not open: their key is not configured, or they were changed. They are left as they are.
    pub unopened: u64,
    /// The records with such bodies, each once and a hundred at most.
    pub unopened_ids: BTreeSet<String>,
}

/// Why the configured record keys are not those of the records that are there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordKeyError {
    /// The newest sealed record lies under another key.
    #[error(
        "the newest record lies sealed under record key {newest}, which is not configured (there is: {configured}); put \
         that key back, or restore it from where its copy is kept"
    )]
    NotConfigured {
        /// The id of the key that it lies under.
        newest: String,
        /// The ids of those that are configured.
        configured: String,
    },
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl ResourceServer {
    /// Whether the records that are there lie under a key of the configuration. Under a wrong key new records would
    /// be sealed, and old ones not found, until somebody asks for one. Only the key's id is looked at: one row that
    /// was changed keeps no server down.
    ///
    /// # Errors
    /// [`RecordKeyError`] if the newest sealed record lies under another key, or the database fails.
    pub async fn check_record_keys(&self) -> Result<(), RecordKeyError> {
        let keys = &self.config().record_keys;
        match rotation::newest_key_id(self.db()).await? {
            Some(newest) if keys.key_ids().all(|known| known != newest) => {
                let configured = keys.key_ids().collect::<Vec<_>>().join(", ");
                Err(RecordKeyError::NotConfigured { newest, configured })
            }
            _ => Ok(()),
        }
    }

    /// How many bodies, of all versions, lie under another key than the first, or under none.
    ///
    /// # Errors
    /// [`storage::Error`] if the database fails.
    pub async fn bodies_under_other_keys(&self) -> Result<i64, storage::Error> {
        rotation::outstanding(self.db(), self.config().record_keys.sealing_key_id()).await
    }

    /// Seals every body under the first key, and tells `progress` after each batch. Every server of the party must
    /// know the new key by then, and have it first at the end.
    ///
    /// # Errors
    /// [`storage::Error`] if the database fails; what was sealed until then stays so.
    pub async fn rotate_record_key(
        &self,
        mut progress: impl FnMut(&Rotated),
    ) -> Result<Rotated, storage::Error> {
        // A seal binds the facility: rows from before it was known get it first.
        self.index_records().await?;
        let mut rotated = Rotated::default();
        for table in [BodyTable::Current, BodyTable::Earlier] {
            let mut after = (String::new(), 0);
            while let Some(last) = self.rotate_some(table, &after, &mut rotated).await? {
                after = last;
                progress(&rotated);
            }
        }
        // The terms by which records are found are of the key too.
        self.index_records().await?;
        self.db().audit(self.rotation()).await?;
        Ok(rotated)
    }

    /// One batch behind `after`; where it ended, or `None` at the end.
    async fn rotate_some(
        &self,
        table: BodyTable,
        after: &(String, i64),
        rotated: &mut Rotated,
    ) -> Result<Option<(String, i64)>, storage::Error> {
        let keys = &self.config().record_keys;
        let after = (after.0.as_str(), after.1);
        let found = rotation::next(self.db(), table, keys.sealing_key_id(), after, BATCH).await?;
        let last = found.last().map(|next| (next.id.clone(), next.version_id));
        let mut bodies = Vec::with_capacity(found.len());
        for Next { id, stored, .. } in found {
            let opened = match stored {
                Ok(stored) => stored.open(keys).map_err(|error| error.to_string()),
                Err(error) => Err(format!("record {id} cannot be read: {error}")),
            };
            match opened {
                Ok(record) => bodies.push(record.seal(keys, self.random())?),
                Err(error) => {
                    tracing::error!("{error}");
                    rotated.unopened += 1;
                    if rotated.unopened_ids.len() < NAMED {
                        rotated.unopened_ids.insert(id);
                    }
                }
            }
        }
        rotated.sealed += self.db().write(Reseal { table, bodies }).await?;
        Ok(last)
    }

    fn rotation(&self) -> AuditEvent {
        let (now, party) = (self.clock().now(), &self.config().party);
        let key_id = self.config().record_keys.sealing_key_id();
        AuditEvent {
            reason: Some(format!("record key {key_id}")),
            ..AuditEvent::new(
                now,
                party,
                crate::ROLE,
                "record.rotate-key",
                Outcome::Allowed,
            )
        }
    }
}

/// Few enough that requests which write do not wait, also where bodies are large.
const BATCH: i64 = 16;
/// Under a wrong key no record opens, and nobody reads a list of all.
const NAMED: usize = 100;
