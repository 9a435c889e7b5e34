//! The server's signing keys: next, active, retiring, retired.
//!
//! A key's state is a function of time alone ([`KeyState::at`]), so that all nodes on one database agree
//! without telling each other. A key is published [`PUBLISHED_AHEAD`] before it signs and for
//! [`PUBLISHED_AFTER`] after it has signed last: whoever keeps our key set as long as its `Cache-Control`
//! says meets no signature that he cannot verify. The tables hold private keys sealed only.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use oauth::Random;
use oauth::jose::{Algorithm, Jwks, SigningKey, issued};
use serde_json::{Map, Value};
use storage::audit::{AuditEvent, Outcome};
use storage::{Db, Transaction, Work};

use crate::store::signing_keys::{self, StoredKey};
use crate::{AuthorizationServer, KeyEncryptionKey};

/// What a key is used for at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and will sign.
    Next,
    /// Published, and signs.
    Active,
    /// Published, and signs no more: what it has signed still verifies.
    Retiring,
    /// Not published.
    Retired,
}

impl KeyState {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    fn at(now: Timestamp, key: &StoredKey) -> Self {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if over(key.retired) {
            Self::Retired
        } else if over(key.retiring) {
            Self::Retiring
        } else if key.active > now {
            Self::Next
        } else {
            Self::Active
        }
    }
}

/// When a new key is to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// After everybody had time to fetch it.
    Published,
    /// At once, because the active one is compromised: that one is retired at once too, and what it has
    /// signed no longer verifies.
    Compromised,
}

/// A key as it is listed: never its private part.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// What it is used for now.
    pub state: KeyState,
    /// From when on it is published.
    pub created: Timestamp,
    /// From when on it signs.
    pub active: Timestamp,
    /// Until when it signs.
    pub retiring: Option<Timestamp>,
    /// Until when it is published.
    pub retired: Option<Timestamp>,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its algorithm is not among the server's, or no key was made yet.
    #[error("there is no active signing key for {0}")]
    None(Algorithm),
    /// The key encryption key is not the one that it was sealed with, or the row was changed.
    #[error("signing key {0} cannot be opened with this key encryption key")]
    Sealed(String),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
    /// The database.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// The keys of one server. What is kept in memory is opened keys by their name; which of them counts
/// is read from the table at every use.
pub(crate) struct SigningKeys {
    encryption: Arc<KeyEncryptionKey>,
    opened: Mutex<HashMap<String, Arc<SigningKey>>>,
}

impl SigningKeys {
    pub(crate) fn new(encryption: Arc<KeyEncryptionKey>) -> Self {
        Self {
            encryption,
            opened: Mutex::default(),
        }
    }

    fn open(&self, stored: &StoredKey) -> Result<Arc<SigningKey>, KeyError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = opened.get(&stored.kid) {
            return Ok(Arc::clone(key));
        }
        let key =
            open(&self.encryption, stored).ok_or_else(|| KeyError::Sealed(stored.kid.clone()))?;
        let key = Arc::new(key);
        // Rotation adds a few a year; a flood of them is not worth more than starting over.
        if opened.len() >= OPENED {
            opened.clear();
        }
        opened.insert(stored.kid.clone(), Arc::clone(&key));
        Ok(key)
    }
}

impl AuthorizationServer {
    /// Makes the keys that are due: the first one of each algorithm, and the successor of one that has
    /// signed for its time. To be called at the start and on a timer.
    ///
    /// # Errors
    /// When an active key cannot be opened, or the database is unavailable.
    pub async fn keep_signing_keys(&self) -> Result<(), KeyError> {
        let now = self.clock().now();
        let due = now - self.config().lifetimes.signing_key;
        let keys = signing_keys::all(self.db()).await?;
        for algorithm in &self.config().signing_algorithms {
            let mut open = keys
                .iter()
                .filter(|key| key.algorithm == *algorithm && key.retiring.is_none());
            // Looked at before a key is made: making one takes long. Whether it is due is decided again
            // together with what it changes.
            if !open.any(|open| open.active > due) {
                let new = make(&self.signing_keys().encryption, self.random(), *algorithm)?;
                let event = self.key_event("key.add");
                self.db()
                    .write(Keep {
                        new,
                        due,
                        now,
                        event,
                    })
                    .await?;
            }
            self.signing_key(*algorithm).await?;
        }
        let over = |key: &StoredKey| key.retiring.is_some_and(|end| end <= now);
        if keys.iter().any(over) {
            self.db().write(Erase(now)).await?;
        }
        Ok(())
    }

    /// The key to sign with.
    pub(crate) async fn signing_key(
        &self,
        algorithm: Algorithm,
    ) -> Result<Arc<SigningKey>, KeyError> {
        let stored = signing_keys::active(self.db(), algorithm, self.clock().now()).await?;
        self.signing_keys()
            .open(&stored.ok_or(KeyError::None(algorithm))?)
    }

    /// Everything published: next, active and retiring keys.
    pub(crate) async fn published_keys(&self) -> Result<Value, storage::Error> {
        let now = self.clock().now();
        let keys = signing_keys::all(self.db()).await?;
        let published = keys
            .iter()
            .filter(|key| KeyState::at(now, key) != KeyState::Retired)
            .filter_map(|key| serde_json::from_str(&key.public_jwk).ok());
        Ok(serde_json::json!({ "keys": published.collect::<Vec<Value>>() }))
    }

    /// The claims of a JWT that a key of ours has signed and that is still published.
    pub(crate) async fn verify_issued(
        &self,
        jwt: &str,
        kind: issued::Kind,
    ) -> Result<Option<Map<String, Value>>, storage::Error> {
        let Some(kid) = issued::unverified_key_id(jwt) else {
            return Ok(None);
        };
        let Some(stored) = signing_keys::find(self.db(), &kid).await? else {
            return Ok(None);
        };
        if KeyState::at(self.clock().now(), &stored) == KeyState::Retired {
            return Ok(None);
        }
        let set = format!(r#"{{"keys":[{}]}}"#, stored.public_jwk);
        let keys = Jwks::parse(set.as_bytes()).unwrap_or_default();
        Ok(issued::verify(jwt, kind, &keys))
    }

    fn key_event(&self, action: &str) -> AuditEvent {
        let party = &self.config().party;
        AuditEvent::new(
            self.clock().now(),
            party,
            "authorization-server",
            action,
            Outcome::Allowed,
        )
    }
}

/// All keys, for operators.
pub(crate) async fn list(db: &Db, now: Timestamp) -> Result<Vec<KeyEntry>, storage::Error> {
    let entry = |key: StoredKey| KeyEntry {
        state: KeyState::at(now, &key),
        kid: key.kid,
        algorithm: key.algorithm,
        created: key.created,
        active: key.active,
        retiring: key.retiring,
        retired: key.retired,
    };
    Ok(signing_keys::all(db)
        .await?
        .into_iter()
        .map(entry)
        .collect())
}

/// A new key, sealed; its times are for the rotation to set.
pub(crate) fn make(
    encryption: &KeyEncryptionKey,
    random: &Random,
    algorithm: Algorithm,
) -> Result<StoredKey, KeyError> {
    let key = SigningKey::generate(algorithm).map_err(|_| KeyError::Library)?;
    Ok(StoredKey {
        kid: key.kid().to_owned(),
        algorithm,
        public_jwk: key.public_jwk().to_json().to_string(),
        sealed: seal(encryption, &key, random).ok_or(KeyError::Library)?,
        created: Timestamp::UNIX_EPOCH,
        active: Timestamp::UNIX_EPOCH,
        retiring: None,
        retired: None,
    })
}

/// A private key as its row holds it.
fn seal(encryption: &KeyEncryptionKey, key: &SigningKey, random: &Random) -> Option<Vec<u8>> {
    let pem = key.to_pem();
    encryption.seal(
        &bound_to(key.kid(), key.algorithm()),
        pem.expose().as_bytes(),
        random,
    )
}

/// `None` unless it was sealed under this key for this name and algorithm.
fn open(encryption: &KeyEncryptionKey, stored: &StoredKey) -> Option<SigningKey> {
    let (kid, algorithm) = (&stored.kid, stored.algorithm);
    let pem = encryption.open(&bound_to(kid, algorithm), &stored.sealed)?;
    SigningKey::from_pem(std::str::from_utf8(&pem).ok()?, algorithm, Some(kid)).ok()
}

fn bound_to(kid: &str, algorithm: Algorithm) -> String {
    format!("signing_key {} {kid}", algorithm.as_str())
}

/// Puts a new key behind the open one of its algorithm, or in its place; `false` if another node did so
/// at the same moment.
pub(crate) async fn rotate(
    tx: &mut Transaction<'_>,
    new: &StoredKey,
    rotation: Rotation,
    now: Timestamp,
) -> Result<bool, storage::Error> {
    let open = signing_keys::open(tx, new.algorithm).await?;
    let active = match (&open, rotation) {
        (_, Rotation::Compromised) => {
            signing_keys::retire_all(tx, new.algorithm, now).await?;
            now
        }
        // Nobody can have kept an older set.
        (None, Rotation::Published) => now,
        (Some(open), Rotation::Published) => {
            // A key that does not sign yet is not overtaken.
            let active = now.max(open.active) + PUBLISHED_AHEAD;
            if !signing_keys::close(tx, &open.kid, active, active + PUBLISHED_AFTER).await? {
                return Ok(false);
            }
            active
        }
    };
    let new = StoredKey {
        created: now,
        active,
        ..new.clone()
    };
    signing_keys::insert(tx, &new).await
}

/// Makes the first key, or the successor of one that became active before `due`.
struct Keep {
    new: StoredKey,
    due: Timestamp,
    now: Timestamp,
    event: AuditEvent,
}

impl Work for Keep {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let open = signing_keys::open(tx, self.new.algorithm).await?;
        if open.is_some_and(|open| open.active > self.due) {
            return Ok(());
        }
        if rotate(tx, &self.new, Rotation::Published, self.now).await? {
            let event = AuditEvent {
                reason: Some(self.new.kid.clone()),
                ..self.event.clone()
            };
            tx.audit(&event).await?;
        }
        Ok(())
    }
}

struct Erase(Timestamp);

impl Work for Erase {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        signing_keys::erase(tx, self.0, self.0 - FORGOTTEN_AFTER).await
    }
}

/// Twice as long as our key set may be kept (`endpoint::cached`).
pub(crate) const PUBLISHED_AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// Longer than any access token lives (a day, by the rules of registration).
pub(crate) const PUBLISHED_AFTER: SignedDuration = SignedDuration::from_hours(25);
/// How long an operator still sees a retired key.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Opened keys kept in memory.
const OPENED: usize = 64;
