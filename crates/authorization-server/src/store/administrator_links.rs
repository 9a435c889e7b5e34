//! Table `administrator_link`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Db, Error, Row, Transaction, Value};

use super::unreadable;

/// A link as it is stored.
#[derive(Clone)]
pub(crate) struct StoredLink {
    /// Whom it lets in again; `None`: somebody new.
    pub(crate) user_id: Option<String>,
    pub(crate) hash: SecretHash,
    /// Whether it counts only while there is no administrator of all organizations.
    pub(crate) only_first: bool,
    pub(crate) expires: Timestamp,
}

/// Puts a link in the place of an older one for the same person.
pub(crate) async fn put(tx: &mut Transaction<'_>, link: &StoredLink) -> Result<(), Error> {
    let parameters = [
        link.user_id.as_deref().unwrap_or_default().into(),
        link.hash.as_bytes().as_slice().into(),
        link.only_first.into(),
        link.expires.into(),
    ];
    tx.execute(PUT, &parameters).await.map(|_| ())
}

pub(crate) async fn find(
    db: &Db,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<StoredLink>, Error> {
    db.find(FIND, &parameters(hash, now), read).await
}

/// Uses a link up, in one statement: of any number of callers one gets it.
pub(crate) async fn consume(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<StoredLink>, Error> {
    tx.find(CONSUME, &parameters(hash, now), read).await
}

/// How many people administer all organizations and are not disabled.
pub(crate) async fn administrators(db: &Db) -> Result<i64, Error> {
    let found = db.find(ADMINISTRATORS, &[], |row| row.integer(0)).await?;
    Ok(found.unwrap_or(0))
}

/// The same, in a transaction.
pub(crate) async fn administrators_now(tx: &mut Transaction<'_>) -> Result<i64, Error> {
    let found = tx.find(ADMINISTRATORS, &[], |row| row.integer(0)).await?;
    Ok(found.unwrap_or(0))
}

fn parameters(hash: &SecretHash, now: Timestamp) -> [Value; 2] {
    [hash.as_bytes().as_slice().into(), now.into()]
}

fn read(row: &Row<'_>) -> Result<StoredLink, Error> {
    let hash = SecretHash::from_slice(&row.bytes(3)?);
    Ok(StoredLink {
        user_id: Some(row.text(0)?).filter(|id| !id.is_empty()),
        hash: hash.ok_or_else(|| unreadable("a link's hash"))?,
        only_first: row.boolean(1)?,
        expires: row.timestamp(2)?,
    })
}

const PUT: &str = "INSERT INTO administrator_link (whose, link_hash, only_first, expires_ms) \
    VALUES ($1, $2, $3, $4) ON CONFLICT (whose) DO UPDATE SET link_hash = excluded.link_hash, \
    only_first = excluded.only_first, expires_ms = excluded.expires_ms";
const FIND: &str = "SELECT whose, only_first, expires_ms, link_hash FROM administrator_link \
    WHERE link_hash = $1 AND expires_ms > $2";
const CONSUME: &str = "DELETE FROM administrator_link WHERE link_hash = $1 AND expires_ms > $2 \
    RETURNING whose, only_first, expires_ms, link_hash";
const ADMINISTRATORS: &str = "SELECT COUNT(*) FROM resource_owner WHERE role = 'administrator' \
    AND organization_access = 'all' AND NOT disabled";
