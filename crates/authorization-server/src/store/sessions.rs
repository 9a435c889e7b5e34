//! Table `session`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Db, Error, Transaction};

/// A session as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) user_id: String,
    pub(crate) auth_time: Timestamp,
    pub(crate) last_used: Timestamp,
    pub(crate) expires: Timestamp,
}

pub(crate) async fn find(db: &Db, hash: &SecretHash) -> Result<Option<StoredSession>, Error> {
    db.find(FIND, &[hash.as_bytes().as_slice().into()], |row| {
        Ok(StoredSession {
            user_id: row.text(0)?,
            auth_time: row.timestamp(1)?,
            last_used: row.timestamp(2)?,
            expires: row.timestamp(3)?,
        })
    })
    .await
}

pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    session: &StoredSession,
) -> Result<(), Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        session.user_id.as_str().into(),
        session.auth_time.into(),
        session.last_used.into(),
        session.expires.into(),
    ];
    tx.execute(INSERT, &parameters).await.map(|_| ())
}

pub(crate) async fn touch(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(TOUCH, &[now.into(), hash.as_bytes().as_slice().into()])
        .await
        .map(|_| ())
}

pub(crate) async fn delete(tx: &mut Transaction<'_>, hash: &SecretHash) -> Result<(), Error> {
    tx.execute(DELETE, &[hash.as_bytes().as_slice().into()])
        .await
        .map(|_| ())
}

/// Ends all sessions of a person.
pub(crate) async fn delete_of_user(tx: &mut Transaction<'_>, user_id: &str) -> Result<u64, Error> {
    tx.execute(DELETE_OF_USER, &[user_id.into()]).await
}

const FIND: &str =
    "SELECT user_id, auth_time_ms, last_used_ms, expires_ms FROM session WHERE session_hash = $1";
const INSERT: &str = "INSERT INTO session (session_hash, user_id, auth_time_ms, last_used_ms, expires_ms) \
    VALUES ($1, $2, $3, $4, $5)";
const TOUCH: &str = "UPDATE session SET last_used_ms = $1 WHERE session_hash = $2";
const DELETE: &str = "DELETE FROM session WHERE session_hash = $1";
const DELETE_OF_USER: &str = "DELETE FROM session WHERE user_id = $1";
