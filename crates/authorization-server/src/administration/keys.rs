//! Signing keys as an operator sees and changes them.

use jiff::Timestamp;
use oauth::jose::Algorithm;
use storage::Transaction;
use storage::audit::AuditEvent;

use super::decision::Operation;
use super::{Administration, Change, Error};
use crate::KeyEncryptionKey;
use crate::signing_keys::{self, KeyEntry, Rotation};
use crate::store::signing_keys::{self as table, StoredKey};

impl Administration {
    /// All keys, oldest first.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn signing_keys(&self) -> Result<Vec<KeyEntry>, Error> {
        Ok(signing_keys::list(&self.db, self.clock.now()).await?)
    }

    /// Makes the successor of the newest key of an algorithm; a running server signs with it when its
    /// time has come, without a reload.
    ///
    /// # Errors
    /// [`Error::InUse`] when somebody else rotated at the same moment; [`Error::Invalid`] when no key
    /// can be made.
    pub async fn rotate_signing_key(
        &self,
        encryption: &KeyEncryptionKey,
        algorithm: Algorithm,
        rotation: Rotation,
    ) -> Result<KeyEntry, Error> {
        let new = signing_keys::make(encryption, &self.random, algorithm)
            .map_err(|error| Error::invalid("algorithm", error.to_string()))?;
        let kid = new.kid.clone();
        if let Err(error) = self.permits(Operation::KeyRotate) {
            return self.refuse(self.key_event("key.rotate", &kid), error).await;
        }
        let change = Rotate(new, rotation, self.clock.now());
        self.act(self.key_event("key.rotate", &kid), change).await?;
        self.signing_keys()
            .await?
            .into_iter()
            .find(|key| key.kid == kid)
            .ok_or(Error::NotFound("signing key"))
    }

    /// Takes a key that signs no more out of the published set at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] also for a key that is next, active or retired already.
    pub async fn retire_signing_key(&self, kid: &str) -> Result<(), Error> {
        self.permits(Operation::KeyRotate)?;
        let change = Retire(kid.to_owned(), self.clock.now());
        self.act(self.key_event("key.retire", kid), change).await
    }

    fn key_event(&self, action: &str, kid: &str) -> AuditEvent {
        AuditEvent {
            reason: Some(kid.to_owned()),
            ..self.event(action)
        }
    }
}

struct Rotate(StoredKey, Rotation, Timestamp);

impl Change for Rotate {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let rotated = signing_keys::rotate(tx, &self.0, self.1, self.2).await?;
        Ok(if rotated {
            Ok(())
        } else {
            Err(Error::InUse("the key was rotated at the same moment"))
        })
    }
}

struct Retire(String, Timestamp);

impl Change for Retire {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let retired = table::retire(tx, &self.0, self.1).await?;
        Ok(if retired {
            Ok(())
        } else {
            Err(Error::NotFound("retiring signing key"))
        })
    }
}
