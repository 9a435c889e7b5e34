//! Table `session`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Db, Error, Row, Transaction, Value};

use super::revocations::id_of;
use super::unreadable;
use crate::assurance::Assurance;

/// A session as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) user_id: String,
    pub(crate) auth_time: Timestamp,
    pub(crate) last_used: Timestamp,
    pub(crate) expires: Timestamp,
    /// The kind of browser, in words.
    pub(crate) browser: Option<String>,
    /// Where it was begun from.
    pub(crate) source_address: Option<String>,
    /// What the sign-in proved.
    pub(crate) assurance: Assurance,
}

/// Which sessions are alive: those neither expired now nor unused since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alive {
    pub(crate) now: Timestamp,
    pub(crate) used_after: Timestamp,
}

pub(crate) async fn find(db: &Db, hash: &SecretHash) -> Result<Option<StoredSession>, Error> {
    db.find(FIND, &[hash.as_bytes().as_slice().into()], |row| {
        read(row, 0)
    })
    .await
}

/// A person's sessions, each with the id by which it is listed: half of its hash, which opens nothing. The
/// latest used comes first.
pub(crate) async fn of_user(
    db: &Db,
    user_id: &str,
    alive: Alive,
) -> Result<Vec<(String, StoredSession)>, Error> {
    let parameters: Vec<Value> = vec![user_id.into(), alive.now.into(), alive.used_after.into()];
    db.select(OF_USER, parameters, |row| {
        Ok((id_of(&row.bytes(0)?), read(row, 1)?))
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
        session.browser.as_deref().into(),
        session.source_address.as_deref().into(),
        session.assurance.as_str().into(),
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

/// Ends the session of this person that is listed under this id; `false` when there is none such.
pub(crate) async fn delete_by_id(
    tx: &mut Transaction<'_>,
    user_id: &str,
    id: &str,
) -> Result<bool, Error> {
    let hashes = tx
        .select(HASHES_OF_USER, &[user_id.into()], |row| row.bytes(0))
        .await?;
    let Some(hash) = hashes.into_iter().find(|hash| id_of(hash) == id) else {
        return Ok(false);
    };
    Ok(tx.execute(DELETE, &[hash.into()]).await? == 1)
}

/// Ends all sessions of a person.
pub(crate) async fn delete_of_user(tx: &mut Transaction<'_>, user_id: &str) -> Result<u64, Error> {
    tx.execute(DELETE_OF_USER, &[user_id.into()]).await
}

fn read(row: &Row<'_>, first: usize) -> Result<StoredSession, Error> {
    Ok(StoredSession {
        user_id: row.text(first)?,
        auth_time: row.timestamp(first + 1)?,
        last_used: row.timestamp(first + 2)?,
        expires: row.timestamp(first + 3)?,
        browser: row.optional_text(first + 4)?,
        source_address: row.optional_text(first + 5)?,
        assurance: Assurance::parse(&row.text(first + 6)?)
            .ok_or_else(|| unreadable("session.acr"))?,
    })
}

const FIND: &str = "SELECT user_id, auth_time_ms, last_used_ms, expires_ms, browser, source_address, acr \
    FROM session WHERE session_hash = $1";
const OF_USER: &str = "SELECT session_hash, user_id, auth_time_ms, last_used_ms, expires_ms, browser, \
    source_address, acr FROM session WHERE user_id = $1 AND expires_ms > $2 AND last_used_ms > $3 \
    ORDER BY last_used_ms DESC, session_hash LIMIT 100";
const INSERT: &str = "INSERT INTO session (session_hash, user_id, auth_time_ms, last_used_ms, expires_ms, \
    browser, source_address, acr) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const TOUCH: &str = "UPDATE session SET last_used_ms = $1 WHERE session_hash = $2";
const DELETE: &str = "DELETE FROM session WHERE session_hash = $1";
const HASHES_OF_USER: &str = "SELECT session_hash FROM session WHERE user_id = $1";
const DELETE_OF_USER: &str = "DELETE FROM session WHERE user_id = $1";
